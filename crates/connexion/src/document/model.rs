//! A read-only model of the document for applications.
//!
//! Documents of all versions are presented in the model of OpenAPI 3.1, with references followed. Applications can add
//! their own diagnostics with [`Element::finding`] and [`Document::add_check`].

use std::{
    fmt,
    hash::{Hash, Hasher},
    ptr,
    sync::Arc,
};

use http::Method;
use serde_json::Value;

use crate::{
    diagnostics::{Diagnostic, DiagnosticCode, Position, Severity},
    document::{
        Document, MAX_REFERENCES,
        cursor::{Cursor, OperationCursor, parameters_as_written},
        node::{Kind, Node},
    },
};

/// A value of the document. References have been followed.
///
/// Two elements are equal if they are the same value of the same document, even if different references led to it.
///
/// ```
/// # use connexion::Document;
/// let document = Document::parse("people.yaml", r##"
/// openapi: 3.1.0
/// info: {title: People, version: "1"}
/// paths: {}
/// components:
///   schemas:
///     Age: {type: integer}
///     Person:
///       type: object
///       properties:
///         age: {$ref: "#/components/schemas/Age", x-column: years}
/// "##)?;
/// let person = document.schema("Person").expect("the schema exists");
/// let age = person.get("properties").and_then(|all| all.get("age")).expect("the schema exists");
/// assert_eq!(age.text("type"), Some("integer"));
/// // The reference was followed.
/// assert_eq!(age, document.schema("Age").expect("the schema exists"));
/// assert_eq!(age.pointer(), "/components/schemas/Age");
/// // The keywords beside the reference.
/// let siblings: Vec<_> = age.siblings().map(|(key, one)| (key, one.to_value())).collect();
/// assert_eq!(siblings, [("x-column", "years".into())]);
/// assert_eq!(age.usage().to_string(), "people.yaml:11:9");
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
#[derive(Clone)]
pub struct Element<'d> {
    cursor: Cursor<'d>,
    /// The reference that was followed.
    reference: Option<Cursor<'d>>,
}

/// A location in the files of a document, displayed as `FILE:LINE:COLUMN`.
///
/// ```
/// # use connexion::Document;
/// # let document = Document::load("examples/hello.yaml")?;
/// let location = document.element().location();
/// assert_eq!((location.file(), location.position().line), ("examples/hello.yaml", 1));
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SourceLocation<'d> {
    file: &'d str,
    position: Position,
}

impl<'d> SourceLocation<'d> {
    /// Returns the name of the file.
    pub fn file(&self) -> &'d str {
        self.file
    }

    /// Returns the line and column.
    pub fn position(&self) -> Position {
        self.position
    }
}

impl fmt::Display for SourceLocation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.position)
    }
}

/// An operation as described by the document.
///
/// ```
/// # use connexion::Document;
/// # let document = Document::load("examples/hello.yaml")?;
/// let hello = document.described_operations().next().expect("there is one");
/// assert_eq!((hello.id(), hello.method(), hello.path()), ("hello", &http::Method::GET, "/hello/{name}"));
/// let names: Vec<_> = hello.parameters().iter().filter_map(|one| one.text("name")).collect();
/// assert_eq!(names, ["name", "times"]);
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
#[derive(Clone, Debug)]
pub struct DescribedOperation<'d> {
    id: String,
    method: Method,
    path: &'d str,
    item: Element<'d>,
    element: Element<'d>,
}

impl<'d> Element<'d> {
    fn at(cursor: Cursor<'d>) -> Self {
        let target = cursor.resolved();
        let is_reference = !ptr::eq(target.node, cursor.node);
        Self {
            cursor: target,
            reference: is_reference.then_some(cursor),
        }
    }

    /// Returns the field `key` of an object.
    pub fn get(&self, key: &str) -> Option<Self> {
        self.cursor.as_written(key).map(Self::at)
    }

    /// Returns the fields of an object, in the order of the document; none if the value is not an object.
    pub fn members(&self) -> impl Iterator<Item = (&'d str, Self)> {
        let all = self.cursor.members_as_written();
        all.map(|(key, cursor)| (key, Self::at(cursor)))
    }

    /// Returns the items of an array; none if the value is not an array.
    pub fn items(&self) -> impl Iterator<Item = Self> {
        self.cursor.items_as_written().map(Self::at)
    }

    /// Returns the value, if it is a string.
    pub fn as_str(&self) -> Option<&'d str> {
        self.cursor.node.as_str()
    }

    /// Returns the field `key`, if it is a string.
    pub fn text(&self, key: &str) -> Option<&'d str> {
        self.cursor.text(key)
    }

    /// Returns the value, if it is a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        self.cursor.node.as_bool()
    }

    /// Returns whether the value is an object.
    pub fn is_object(&self) -> bool {
        matches!(self.cursor.node.kind, Kind::Object(_))
    }

    /// Returns the value and everything below it. References below it are not followed.
    pub fn to_value(&self) -> Value {
        Value::from(self.cursor.node)
    }

    /// Returns the JSON Pointer of the value in the model of OpenAPI 3.1. It identifies the value within the document.
    pub fn pointer(&self) -> &str {
        &self.cursor.pointer
    }

    /// Returns the fields beside the references that were followed, starting with the first reference.
    pub fn siblings(&self) -> impl Iterator<Item = (&'d str, Self)> {
        let end: *const Node = self.cursor.node;
        let next = move |cursor: &Cursor<'d>| cursor.target().filter(|one| !ptr::eq(one.node, end));
        let references = std::iter::successors(self.reference.clone(), next);
        let members = references
            .take(MAX_REFERENCES)
            .flat_map(|reference| reference.members_as_written().collect::<Vec<_>>());
        members
            .filter(|(key, _)| *key != "$ref")
            .map(|(key, cursor)| (key, Self::at(cursor)))
    }

    /// Returns the location of the value.
    pub fn location(&self) -> SourceLocation<'d> {
        location(&self.cursor)
    }

    /// Returns the location of the `$ref` that was followed, or of the value itself.
    pub fn usage(&self) -> SourceLocation<'d> {
        location(self.reference.as_ref().unwrap_or(&self.cursor))
    }

    /// Creates a diagnostic about this value, to be returned from a check of [`Document::add_check`].
    ///
    /// Its position is that of [`Element::usage`]. `code` identifies the kind of diagnostic for programs; use lower case,
    /// hyphens and a prefix of your own.
    pub fn finding(
        &self,
        severity: Severity,
        code: &'static str,
        message: impl Into<String>,
    ) -> Diagnostic {
        let code = match severity {
            Severity::Error => DiagnosticCode::ApplicationError(code),
            Severity::Warning => DiagnosticCode::ApplicationWarning(code),
        };
        let SourceLocation { file, position } = self.usage();
        Diagnostic::new(file, code, position, message)
    }
}

fn location<'d>(cursor: &Cursor<'d>) -> SourceLocation<'d> {
    SourceLocation {
        file: cursor.document().file(cursor.node.at),
        position: cursor.node.at,
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Element").field(&self.pointer()).finish()
    }
}

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.cursor.node, other.cursor.node)
    }
}

impl Eq for Element<'_> {}

impl Hash for Element<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(self.cursor.node, state);
    }
}

impl<'d> DescribedOperation<'d> {
    fn of(operation: OperationCursor<'d>) -> Self {
        Self {
            id: operation.id().into_owned(),
            method: operation.method,
            path: operation.path,
            item: Element::at(operation.path_item),
            element: Element::at(operation.cursor),
        }
    }

    /// Returns the `operationId`, or the method and path of an operation without one.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the path template, without the base path.
    pub fn path(&self) -> &'d str {
        self.path
    }

    /// Returns the path item of the operation.
    pub fn path_item(&self) -> &Element<'d> {
        &self.item
    }

    /// Returns the Operation Object, with its `requestBody`, `responses` and extensions.
    pub fn element(&self) -> &Element<'d> {
        &self.element
    }

    /// Returns the parameters: the operation's own, and those of the path item that it does not override.
    pub fn parameters(&self) -> Vec<Element<'d>> {
        let all = parameters_as_written(&self.item.cursor, &self.element.cursor);
        all.into_iter()
            .map(|(written, _)| Element::at(written))
            .collect()
    }
}

impl Document {
    /// Returns the root of the document, in the model of OpenAPI 3.1.
    pub fn element(&self) -> Element<'_> {
        Element::at(Cursor::root(self))
    }

    /// Returns the operations, in the order of the document.
    pub fn described_operations(&self) -> impl Iterator<Item = DescribedOperation<'_>> {
        self.operations().into_iter().map(DescribedOperation::of)
    }

    /// Returns a schema of `components/schemas` (`definitions` in Swagger 2.0) by its name.
    pub fn schema(&self, name: &str) -> Option<Element<'_>> {
        let schemas = self.element().get("components")?.get("schemas")?;
        schemas.get(name)
    }

    /// Adds a check to the document.
    ///
    /// [`Document::check`] and [`Api::build`](crate::Api::build) report its diagnostics together with the library's, in
    /// the order of lines. A document with an error is not served.
    ///
    /// ```
    /// # use connexion::{Document, Severity};
    /// let mut document = Document::parse("hello.yaml", r#"
    /// openapi: 3.1.0
    /// info: {title: Hello, version: "1"}
    /// paths:
    ///   /hello:
    ///     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// "#)?;
    /// document.add_check(|document| {
    ///     let operations = document.described_operations();
    ///     let untagged = operations.filter(|one| one.element().get("tags").is_none());
    ///     let finding = |operation: connexion::DescribedOperation<'_>| {
    ///         let message = format!("the operation `{}` has no tags", operation.id());
    ///         operation.element().finding(Severity::Warning, "style-tags-missing", message)
    ///     };
    ///     untagged.map(finding).collect()
    /// });
    /// let found = &document.check()[0];
    /// assert_eq!(found.to_string(), "hello.yaml:6:5: warning: the operation `hello` has no tags");
    /// assert_eq!((found.code.as_str(), &*found.pointer), ("style-tags-missing", "/paths/~1hello/get"));
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn add_check(&mut self, check: impl Fn(&Self) -> Vec<Diagnostic> + Send + Sync + 'static) {
        self.checks.0.push(Arc::new(check));
    }
}

type Check = Arc<dyn Fn(&Document) -> Vec<Diagnostic> + Send + Sync>;

/// The checks that the application has added.
#[derive(Clone, Default)]
pub(crate) struct Checks(Vec<Check>);

impl Checks {
    pub(crate) fn findings(&self, document: &Document) -> Vec<Diagnostic> {
        self.0.iter().flat_map(|check| check(document)).collect()
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Checks").field(&self.0.len()).finish()
    }
}
