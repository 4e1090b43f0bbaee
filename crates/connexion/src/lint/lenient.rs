//! Lenient loading: documents that are served despite their errors.
//!
//! The document is checked first. Then errors that prevent operations from being served are repaired if their meaning is
//! clear: an undeclared path parameter becomes a string. The other modules see the repaired document only. An operation
//! that can't be repaired responds with 501; `operation` detects these.

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
    /// Turns the errors of the document into warnings, so that it is served as far as possible.
    ///
    /// An operation that can't be served responds with 501 and the reason: its security requirements can't be enforced, or
    /// its parameters or its body can't be read. Invalid schemas allow any value. An undeclared path parameter is a
    /// string. Missing handlers and verifiers are still errors.
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
        let mut diagnostics = self.check();
        // The application may add formats, and the operations that can't be served are known after the repair.
        diagnostics.retain(|diagnostic| {
            !matches!(
                diagnostic.code,
                DiagnosticCode::FormatUnknown | DiagnosticCode::OperationNotServed
            )
        });
        // Those of the repaired document get their pointers later; without pointers, duplicates can be removed.
        for diagnostic in &mut diagnostics {
            diagnostic.pointer.clear();
        }
        self.tolerated = Some(diagnostics);
        self.repair();
        self
    }

    /// Updates `root` after a change of `source`.
    pub(crate) fn refresh(&mut self) {
        self.root = lowered(self.version, &self.source);
        if self.is_lenient() {
            self.repair();
        }
    }

    fn repair(&mut self) {
        add_leading_slashes(Arc::make_mut(&mut self.root));
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

/// A change of one field.
struct Repair {
    /// The JSON Pointer of the object.
    pointer: String,
    key: &'static str,
    /// `None` if the field is removed.
    value: Option<Node>,
}

impl Repair {
    fn new(cursor: &Cursor<'_>, key: &'static str, kind: Kind) -> Self {
        Self {
            pointer: cursor.pointer.clone(),
            key,
            value: Some(Node::new(cursor.node.at, kind)),
        }
    }
}

/// Adds a slash to the paths that do not start with one: the path is appended to the server URL (OpenAPI 3.1, section
/// 4.8.8).
fn add_leading_slashes(root: &mut Node) {
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

/// Returns the repairs of an operation.
fn repairs(operation: &OperationCursor<'_>) -> Vec<Repair> {
    let mut repairs = Vec::new();
    let declared = parameters(&operation.path_item, &operation.cursor);
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
        // This repair comes first, because it copies the unrepaired list.
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
        .is_some_and(|body| has_no_content(&body))
    {
        repairs.push(Repair {
            pointer: operation.cursor.pointer.clone(),
            key: "requestBody",
            value: None,
        });
    }
    repairs
}

/// Returns whether a request body has no media types. A broken reference is an unknown body.
fn has_no_content(body: &Cursor<'_>) -> bool {
    let content = body.get("content");
    let is_empty = content.is_none_or(|content| content.members().next().is_none());
    is_empty && body.node.get("$ref").is_none()
}

/// Returns a path parameter that may be any string.
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
