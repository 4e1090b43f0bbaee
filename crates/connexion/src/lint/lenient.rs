//! Documents that are served in spite of their errors.
//!
//! Everything is checked first, then what keeps an operation from being served is repaired where its meaning is plain: a
//! path parameter that is not declared is a string. The other modules see the repaired document. An operation that is
//! beyond repair answers 501, which `operation` decides.

use std::{mem, sync::Arc};

use indexmap::IndexMap;

use crate::{
    diagnostics::DiagnosticCode,
    document::{
        Document,
        cursor::{Cursor, OperationCursor, parameters},
        lowered,
        node::{Kind, Node, Position},
    },
    operation::path::Template,
};

impl Document {
    /// Makes every error of the document a warning: it is served as far as it can be.
    ///
    /// An operation that can't be served at all answers 501 with the reason: one whose security requirements can't be
    /// enforced, or whose parameters or body can't be read. Schemas that are invalid allow anything. A path parameter
    /// that is not declared is a string. Handlers and verifiers that are missing are still errors.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let document = Document::parse("pets.yaml", r#"
    /// openapi: 3.1.0
    /// paths:
    ///   /pets/{id}:
    ///     get: {operationId: pet}
    ///     put: {operationId: change, security: [{key: []}]}
    /// "#)?.lenient();
    /// assert_eq!(document.check()[0].to_string(), "pets.yaml:1:1: warning: `info` is missing");
    ///
    /// let service = Api::from_document(document).operation("pet", async || "Tom").build(())?;
    /// let get = http::Request::get("/pets/5").body(axum::body::Body::empty())?;
    /// assert_eq!(service.handle(get).await.status(), 200);
    /// let put = http::Request::put("/pets/5").body(axum::body::Body::empty())?;
    /// assert_eq!(service.handle(put).await.status(), 501);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn lenient(mut self) -> Self {
        if self.is_lenient() {
            return self;
        }
        self.tolerated = Some(Vec::new());
        let mut faults = self.check();
        // An application may know a format, and what can't be served is known after the repair.
        faults.retain(|fault| {
            !matches!(
                fault.code,
                DiagnosticCode::FormatUnknown | DiagnosticCode::OperationNotServed
            )
        });
        // They are told once with those of the repaired document, whose pointers are found later.
        for fault in &mut faults {
            fault.pointer.clear();
        }
        self.tolerated = Some(faults);
        self.repair();
        self
    }

    /// Derives `root` from `source`, which was changed.
    pub(crate) fn refresh(&mut self) {
        self.root = lowered(self.version, &self.source);
        if self.is_lenient() {
            self.repair();
        }
    }

    fn repair(&mut self) {
        begin_with_slashes(Arc::make_mut(&mut self.root));
        let operations = self.operations();
        let repairs: Vec<_> = operations.iter().flat_map(repairs).collect();
        let root = Arc::make_mut(&mut self.root);
        for Repair {
            pointer,
            key,
            value,
        } in repairs
        {
            let node = root.at_pointer_mut(&pointer).map(|node| &mut node.kind);
            if let Some(Kind::Object(members)) = node {
                match value {
                    Some(value) => drop(members.insert(key.to_owned(), value)),
                    None => drop(members.shift_remove(key)),
                }
            }
        }
    }
}

/// What an object is to hold under a key.
struct Repair {
    /// JSON Pointer of the object.
    pointer: String,
    key: &'static str,
    /// `None` if it is to be gone.
    value: Option<Node>,
}

impl Repair {
    fn new(place: &Cursor<'_>, key: &'static str, kind: Kind) -> Self {
        Self {
            pointer: place.pointer.clone(),
            key,
            value: Some(Node::new(place.node.at, kind)),
        }
    }
}

/// Puts a slash before the paths that have none: servers and paths are joined as text (OpenAPI 3.1, section 4.8.8).
fn begin_with_slashes(root: &mut Node) {
    let Some(Kind::Object(paths)) = root.at_pointer_mut("/paths").map(|paths| &mut paths.kind)
    else {
        return;
    };
    let is_path = |key: &str| key.starts_with('/') || key.starts_with("x-");
    for (key, item) in mem::take(paths) {
        let path = if is_path(&key) {
            key
        } else {
            format!("/{key}")
        };
        paths.entry(path).or_insert(item);
    }
}

fn repairs(operation: &OperationCursor<'_>) -> Vec<Repair> {
    let mut repairs = Vec::new();
    let declared = parameters(&operation.path_item, &operation.cursor);
    // First, since it takes the list as it was.
    let is_declared = |name: &str| {
        let mut declared = declared.iter();
        declared.any(|one| one.text("in") == Some("path") && one.text("name") == Some(name))
    };
    let template = Template::parse(operation.path).ok();
    let names = template.iter().flat_map(Template::names);
    let at = operation.cursor.node.at;
    let missing: Vec<_> = names
        .filter(|name| !is_declared(name))
        .map(|name| string_in_path(at, name))
        .collect();
    if !missing.is_empty() {
        let listed = operation.cursor.node.get("parameters");
        let all = listed.map_or(&[][..], Node::items).iter().cloned();
        let all = Kind::Array(all.chain(missing).collect());
        repairs.push(Repair::new(&operation.cursor, "parameters", all));
    }
    for parameter in &declared {
        let is_in_path = parameter.text("in") == Some("path");
        if is_in_path && !parameter.flag("required") {
            repairs.push(Repair::new(parameter, "required", Kind::Bool(true)));
        }
        if parameter.flag("allowEmptyValue") && parameter.text("in") != Some("query") {
            repairs.push(Repair::new(parameter, "allowEmptyValue", Kind::Bool(false)));
        }
        let has = |key| parameter.node.get(key).is_some();
        if has("name") && !has("schema") && !has("content") {
            repairs.push(Repair::new(
                parameter,
                "schema",
                Kind::Object(IndexMap::new()),
            ));
        }
    }
    if operation
        .cursor
        .get("requestBody")
        .is_some_and(|body| says_nothing(&body))
    {
        repairs.push(Repair {
            pointer: operation.cursor.pointer.clone(),
            key: "requestBody",
            value: None,
        });
    }
    repairs
}

/// Whether a request body describes none. One that is a reference still leads nowhere: what it is is not known.
fn says_nothing(body: &Cursor<'_>) -> bool {
    let content = body.get("content");
    let is_empty = content.is_none_or(|content| content.members().next().is_none());
    is_empty && body.node.get("$ref").is_none()
}

/// A path parameter that may be any string.
fn string_in_path(at: Position, name: &str) -> Node {
    let object = |members: Vec<(&str, Node)>| {
        let members = members
            .into_iter()
            .map(|(key, node)| (key.to_owned(), node));
        Node::new(at, Kind::Object(members.collect()))
    };
    object(vec![
        ("name", Node::string(at, name)),
        ("in", Node::string(at, "path")),
        ("required", Node::new(at, Kind::Bool(true))),
        ("schema", object(vec![("type", Node::string(at, "string"))])),
    ])
}
