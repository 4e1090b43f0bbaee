//! The document: loaded once, checked as a whole, then only read.
//!
//! Whatever version it was written in, `root` holds it in the model of OpenAPI 3.1, so nothing after this
//! module and `swagger2` knows another. Faults are collected, never returned one at a time: an author
//! wants to mend them all in one go.

use std::{collections::HashMap, fmt, io, path::Path};

use http::Method;

use crate::{
    node::{Kind, Node, Position, escape},
    path::Template,
    swagger2, yaml,
};

/// How many references may lead to one another before it is taken for a cycle.
pub(crate) const MAX_REFERENCES: usize = 32;

/// Keys of a path item that are operations (OpenAPI 3.1, section 4.8.9).
const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// An OpenAPI 3.1 or 3.0 or Swagger 2.0 document.
///
/// ```
/// let document = connexion::Document::parse("hello.yaml", r#"
/// openapi: 3.1.0
/// info: {title: Hello, version: "1"}
/// paths:
///   /hello:
///     get: {operationId: hello, responses: {"200": {description: a greeting}}}
/// "#)?;
/// assert!(document.check().is_empty());
/// # Ok::<(), connexion::Faults>(())
/// ```
#[derive(Clone, Debug)]
pub struct Document {
    name: String,
    text: String,
    source: Node,
    pub(crate) root: Node,
}

/// Something that is wrong with a document, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Fault {
    /// The document's name, as given when it was loaded.
    pub file: String,
    /// The place in it.
    pub at: Position,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Fault {
    /// `FILE:LINE:COLUMN: MESSAGE`, which editors and terminals make a link of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.at, self.message)
    }
}

/// Everything that is wrong with a document or with the handlers given for it; one line each.
#[derive(Debug)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Document {
    /// Reads a document from YAML or JSON text; `name` is what its faults are reported under.
    ///
    /// # Errors
    /// If the text is neither, or is of no known version. What else is wrong, [`Document::check`] tells.
    pub fn parse(name: impl Into<String>, text: impl Into<String>) -> Result<Self, Faults> {
        let (name, text) = (name.into(), text.into());
        let fault = |at, message| {
            Faults(vec![Fault {
                file: name.clone(),
                at,
                message,
            }])
        };
        let source = yaml::parse(&text).map_err(|error| fault(error.at, error.message))?;
        let version = ["openapi", "swagger"]
            .into_iter()
            .find_map(|key| Some((key, source.get(key)?)));
        let root = match version {
            Some(("openapi", version)) if is_series(version, &["3.0", "3.1"]) => source.clone(),
            Some(("swagger", version)) if is_series(version, &["2.0"]) => swagger2::lower(&source),
            Some((_, version)) => {
                return Err(fault(
                    version.at,
                    "the version must be 3.1, 3.0 or 2.0".to_owned(),
                ));
            }
            None => {
                let message = "the first member must be `openapi: 3.1.0` (or `swagger: '2.0'`)";
                return Err(fault(Position::START, message.to_owned()));
            }
        };
        Ok(Self {
            name,
            text,
            source,
            root,
        })
    }

    /// Reads a document from a file.
    ///
    /// # Errors
    /// If the file can't be read, and as [`Document::parse`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Faults> {
        let name = path.as_ref().display().to_string();
        let unreadable = |error: io::Error| {
            let message = format!("can't be read: {error}");
            Faults(vec![Fault {
                file: name.clone(),
                at: Position::START,
                message,
            }])
        };
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        Self::parse(name.clone(), text)
    }

    /// Everything that is wrong with the document itself, in the order of its lines.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for key in ["info", "paths"] {
            if self.root.get(key).is_none() {
                faults.push(self.fault(Position::START, format!("`{key}` is missing")));
            }
        }
        self.check_references(&self.root, &mut faults);
        self.check_operation_ids(&mut faults);
        self.check_paths(&mut faults);
        faults.sort_by_key(|fault| fault.at);
        faults
    }

    /// The document as JSON text, in the version it was written in.
    pub fn to_json(&self) -> String {
        serde_json::Value::from(&self.source).to_string()
    }

    /// The document as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name it was loaded under.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn title(&self) -> &str {
        self.root
            .at_pointer("/info/title")
            .and_then(Node::as_str)
            .unwrap_or("API")
    }

    pub(crate) fn fault(&self, at: Position, message: impl Into<String>) -> Fault {
        Fault {
            file: self.name.clone(),
            at,
            message: message.into(),
        }
    }

    /// Where `paths` stands, or the start.
    pub(crate) fn paths_at(&self) -> Position {
        self.root
            .get("paths")
            .map_or(Position::START, |paths| paths.at)
    }

    /// Every operation, in the order of the document.
    pub(crate) fn operations(&self) -> Vec<OperationPlace<'_>> {
        let Some(paths) = Place::root(self).get("paths") else {
            return Vec::new();
        };
        let mut operations = Vec::new();
        for (path, item) in paths.members().filter(|(path, _)| path.starts_with('/')) {
            for (key, place) in item.members() {
                if METHODS.contains(&key)
                    && let Ok(method) = Method::from_bytes(key.to_ascii_uppercase().as_bytes())
                {
                    operations.push(OperationPlace {
                        path,
                        method,
                        item: item.clone(),
                        place,
                    });
                }
            }
        }
        operations
    }

    /// The node that a local reference names.
    fn target(&self, reference: &str) -> Result<&Node, String> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(format!(
                "`{reference}` is in another file, which is not supported"
            ));
        };
        let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8_lossy();
        self.root
            .at_pointer(&pointer)
            .ok_or_else(|| format!("`{reference}` does not exist"))
    }

    fn check_references(&self, node: &Node, faults: &mut Vec<Fault>) {
        for item in node.items() {
            self.check_references(item, faults);
        }
        for (key, member) in node.members() {
            match (key, member.as_str()) {
                ("$ref", Some(reference)) => {
                    if let Err(message) = self.target(reference) {
                        faults.push(self.fault(member.at, message));
                    }
                }
                // What stands in an example is data, even if it looks like a reference.
                ("example" | "examples" | "default" | "enum" | "const", _) => {}
                _ => self.check_references(member, faults),
            }
        }
    }

    fn check_operation_ids(&self, faults: &mut Vec<Fault>) {
        let mut seen = HashMap::new();
        for operation in self.operations() {
            let Some(id) = operation.place.node.get("operationId") else {
                let message = format!(
                    "{} {} has no `operationId`",
                    operation.method, operation.path
                );
                faults.push(self.fault(operation.place.node.at, message));
                continue;
            };
            let Some(name) = id.as_str() else {
                faults.push(self.fault(id.at, "the `operationId` must be a text"));
                continue;
            };
            if let Some(first) = seen.insert(name, id.at) {
                let message = format!(
                    "the operationId `{name}` is used already in line {}",
                    first.line
                );
                faults.push(self.fault(id.at, message));
            }
            let responses = operation.place.get("responses");
            if responses.is_none_or(|responses| responses.members().next().is_none()) {
                let message = format!("the operation `{name}` has no `responses`");
                faults.push(self.fault(operation.place.node.at, message));
            }
        }
    }

    fn check_paths(&self, faults: &mut Vec<Fault>) {
        let mut seen: HashMap<String, &str> = HashMap::new();
        for (path, item) in Place::root(self)
            .get("paths")
            .iter()
            .flat_map(Place::members)
        {
            if path.starts_with("x-") {
                continue;
            }
            let template = match Template::parse(path) {
                Ok(template) => template,
                Err(message) => {
                    faults.push(self.fault(item.node.at, message));
                    continue;
                }
            };
            if let Some(other) = seen.insert(template.shape(), path) {
                faults.push(self.fault(
                    item.node.at,
                    format!("`{path}` matches the same paths as `{other}`"),
                ));
            }
            for (_, operation) in item.members().filter(|(key, _)| METHODS.contains(key)) {
                self.check_template(path, &template, &item, &operation, faults);
            }
        }
    }

    /// Every template parameter must be declared, and every declared one must be in the template.
    fn check_template(
        &self,
        path: &str,
        template: &Template,
        item: &Place<'_>,
        operation: &Place<'_>,
        faults: &mut Vec<Fault>,
    ) {
        let declared: Vec<_> = parameters(item, operation)
            .into_iter()
            .filter(|parameter| parameter.text("in") == Some("path"))
            .filter_map(|parameter| Some((parameter.text("name")?, parameter.node.at)))
            .collect();
        for name in template.names() {
            if !declared.iter().any(|(declared, _)| *declared == name) {
                let message = format!(
                    "the parameter `{name}` of `{path}` is not declared; add it to `parameters`"
                );
                faults.push(self.fault(operation.node.at, message));
            }
        }
        for (name, at) in declared {
            if !template.names().any(|known| known == name) {
                faults.push(self.fault(at, format!("the path `{path}` has no parameter `{name}`")));
            }
        }
    }
}

fn is_series(version: &Node, series: &[&str]) -> bool {
    let text = match &version.kind {
        Kind::String(text) => text.clone(),
        Kind::Number(number) => number.to_string(),
        _ => return false,
    };
    series.iter().any(|series| {
        text.strip_prefix(series)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// An operation where it stands in the document.
#[derive(Debug)]
pub(crate) struct OperationPlace<'d> {
    pub(crate) path: &'d str,
    pub(crate) method: Method,
    pub(crate) item: Place<'d>,
    pub(crate) place: Place<'d>,
}

/// The parameters of an operation: its own, and those of the path item that it does not replace
/// (OpenAPI 3.1, section 4.8.10, `parameters`).
pub(crate) fn parameters<'d>(item: &Place<'d>, operation: &Place<'d>) -> Vec<Place<'d>> {
    let key = |place: &Place<'d>| (place.text("in"), place.text("name"));
    let mut own: Vec<_> = operation
        .get("parameters")
        .iter()
        .flat_map(Place::items)
        .collect();
    let inherited: Vec<_> = item
        .get("parameters")
        .iter()
        .flat_map(Place::items)
        .collect();
    for parameter in inherited {
        if !own.iter().any(|known| key(known) == key(&parameter)) {
            own.push(parameter);
        }
    }
    own
}

/// A node and the JSON Pointer under which it is found. Moving to a member follows references.
#[derive(Clone, Debug)]
pub(crate) struct Place<'d> {
    document: &'d Document,
    pub(crate) node: &'d Node,
    pub(crate) pointer: String,
}

impl<'d> Place<'d> {
    pub(crate) fn root(document: &'d Document) -> Self {
        Self {
            document,
            node: &document.root,
            pointer: String::new(),
        }
    }

    /// The member called `key`. A broken reference is like a missing member here; it is reported by
    /// [`Document::check`].
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        Some(self.below(key, self.node.get(key)?).resolve())
    }

    /// The member called `key` as it stands, for schemas: a reference of theirs may have siblings.
    pub(crate) fn schema(&self, key: &str) -> Option<Self> {
        let place = self.below(key, self.node.get(key)?);
        let alone = place
            .node
            .as_object()
            .is_some_and(|members| members.len() == 1);
        Some(if alone { place.resolve() } else { place })
    }

    /// The text of the member called `key`.
    pub(crate) fn text(&self, key: &str) -> Option<&'d str> {
        self.node.get(key).and_then(Node::as_str)
    }

    /// Whether the member called `key` is `true`.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.node.get(key).and_then(Node::as_bool).unwrap_or(false)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&'d str, Self)> {
        self.node
            .members()
            .map(|(key, node)| (key, self.below(key, node).resolve()))
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = Self> {
        let items = self.node.items().iter().enumerate();
        items.map(|(i, node)| self.below(&i.to_string(), node).resolve())
    }

    fn below(&self, key: &str, node: &'d Node) -> Self {
        Self {
            document: self.document,
            node,
            pointer: format!("{}/{}", self.pointer, escape(key)),
        }
    }

    fn resolve(mut self) -> Self {
        for _ in 0..MAX_REFERENCES {
            let Some(reference) = self.text("$ref") else {
                break;
            };
            let Ok(node) = self.document.target(reference) else {
                break;
            };
            let pointer = reference.trim_start_matches('#');
            let pointer = percent_encoding::percent_decode_str(pointer)
                .decode_utf8_lossy()
                .into_owned();
            self = Self {
                document: self.document,
                node,
                pointer,
            };
        }
        self
    }
}
