//! Documents: loaded once, checked as a whole, then read-only.
//!
//! A document of any version is converted to the model of OpenAPI 3.1; other modules read only that. Diagnostics are
//! collected and returned together, so that an author can fix all of them in one pass.

pub(crate) mod cursor;
pub(crate) mod files;
pub(crate) mod hidden;
mod identifier;
pub(crate) mod model;
pub(crate) mod node;
pub(crate) mod object;
mod reference;
pub(crate) mod server;
pub(crate) mod swagger2;
mod version;
pub(crate) mod yaml;

use std::{io, path::Path, sync::Arc};

use serde_json::Value;

use self::{
    files::{Fetch, SourceFiles},
    node::Node,
};
pub(crate) use self::{
    reference::{MAX_REFERENCES, decoded},
    version::Version,
};
use crate::{
    compat::Compat,
    diagnostics::{Diagnostic, DiagnosticCode, Diagnostics, Position},
};

/// An OpenAPI 3.1 or 3.0 or Swagger 2.0 document.
///
/// OpenAPI 3.2 is read as 3.1; fields that are new in 3.2 are ignored, with a warning for each.
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
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
#[derive(Clone, Debug)]
pub struct Document {
    pub(crate) version: Version,
    /// The conventions of its schemas, set by [`Api::compat`](crate::Api::compat).
    pub(crate) compat: Compat,
    pub(crate) sources: SourceFiles,
    pub(crate) text: String,
    /// The tree in the version of the author.
    pub(crate) source: Arc<Node>,
    /// The tree in the model of OpenAPI 3.1. It differs from `source` for Swagger 2.0 and lenient documents only.
    pub(crate) root: Arc<Node>,
    /// The checks that the application has added.
    pub(crate) checks: model::Checks,
    /// The diagnostics before `root` was repaired, if the document is lenient.
    pub(crate) tolerated: Option<Vec<Diagnostic>>,
}

impl Document {
    /// Parses a document in YAML or JSON. Its diagnostics have the file name `name`.
    ///
    /// The document can't refer to other files, because its location is unknown; use [`Document::load`] or
    /// [`Document::parse_at`] for that.
    ///
    /// ```
    /// # use connexion::{DiagnosticCode, Document};
    /// let text = r#"{"openapi": "3.1.0", "info": {"title": "Hello", "version": "1"}, "paths": {}}"#;
    /// let document = Document::parse("hello.json", text)?;
    /// assert_eq!(document.name(), "hello.json");
    ///
    /// let diagnostics = Document::parse("old.yaml", "swagger: '1.2'").unwrap_err();
    /// assert_eq!(diagnostics[0].code, DiagnosticCode::Version);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// If the text is not valid YAML or JSON, or its version is not supported. [`Document::check`] reports all other
    /// errors.
    pub fn parse(name: impl Into<String>, text: impl Into<String>) -> Result<Self, Diagnostics> {
        Self::read(name.into(), text.into(), None, None)
    }

    /// Parses a document as if it had been loaded from `path`.
    ///
    /// References to other files are relative to `path`, as for [`Document::load`]. Use it for a text that the
    /// application has changed.
    ///
    /// ```
    /// # use connexion::Document;
    /// let path = "examples/hello.yaml";
    /// let text = std::fs::read_to_string(path)?.replace("hello", "salute");
    /// let document = Document::parse_at(path, text)?;
    /// assert!(document.check().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Document::parse`]. [`Document::check`] reports the errors of the other files.
    pub fn parse_at(path: impl AsRef<Path>, text: impl Into<String>) -> Result<Self, Diagnostics> {
        let path = path.as_ref();
        Self::read(path.display().to_string(), text.into(), Some(path), None)
    }

    /// Reads a document. It may refer to other files if `path` is given.
    fn read<'f>(
        name: String,
        text: String,
        path: Option<&Path>,
        fetch: Option<&'f mut Fetch<'f>>,
    ) -> Result<Self, Diagnostics> {
        let diagnostic =
            |code, at, message| Diagnostics::from(Diagnostic::new(&name, code, at, message));
        let yaml::Parsed {
            root: mut source,
            duplicates,
        } = yaml::parse(&text)
            .map_err(|error| diagnostic(DiagnosticCode::Syntax, error.at, error.message))?;
        let version = Version::of(&source)
            .map_err(|(at, message)| diagnostic(DiagnosticCode::Version, at, message.to_owned()))?;
        let has_siblings = version.refs_have_siblings();
        if has_siblings {
            identifier::resolve(&mut source, &text);
        }
        let mut sources = SourceFiles::load(name, path, fetch, &mut source, has_siblings);
        sources.add_duplicates(0, duplicates);
        let text = if sources.are_many() {
            serde_json::to_string_pretty(&source).unwrap_or_default() + "\n"
        } else {
            text
        };
        let source = Arc::new(source);
        Ok(Self {
            root: lowered(version, &source),
            version,
            compat: Compat::default(),
            sources,
            text,
            source,
            checks: model::Checks::default(),
            tolerated: None,
        })
    }

    pub(crate) fn is_lenient(&self) -> bool {
        self.tolerated.is_some()
    }

    /// Loads a document from a file, and the files that it refers to.
    ///
    /// A reference such as `./pets.yaml#/components/schemas/Pet` is relative to the file that contains it. The other file
    /// may be a whole document or a single schema, in YAML or JSON. URLs and absolute paths are rejected.
    ///
    /// ```
    /// # use connexion::{DiagnosticCode, Document};
    /// let document = Document::load("examples/hello.yaml")?;
    /// assert!(document.check().is_empty());
    ///
    /// let diagnostics = Document::load("missing.yaml").unwrap_err();
    /// assert_eq!(diagnostics[0].code, DiagnosticCode::Unreadable);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// If the file can't be read, and as [`Document::parse`]. [`Document::check`] reports the errors of the other files.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Diagnostics> {
        Self::load_from(path.as_ref(), None)
    }

    /// Loads a document from a file, as [`Document::load`] does, and the URLs that it refers to.
    ///
    /// `fetch` returns the text at an `http` or `https` URL. References in such a text are relative to its URL.
    ///
    /// The author of the document chooses the URLs, so `fetch` must restrict the hosts, the duration and the size of the
    /// response.
    ///
    /// ```no_run
    /// # use connexion::Document;
    /// # fn get(url: &str) -> std::io::Result<String> { Ok(url.to_owned()) }
    /// let document = Document::load_with("openapi.yaml", |url| {
    ///     if url.starts_with("https://schemas.example.com/") {
    ///         get(url)
    ///     } else {
    ///         Err(std::io::Error::other("it is not one of our hosts"))
    ///     }
    /// })?;
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// As [`Document::load`]. [`Document::check`] reports the errors of `fetch`.
    pub fn load_with(
        path: impl AsRef<Path>,
        mut fetch: impl FnMut(&str) -> io::Result<String>,
    ) -> Result<Self, Diagnostics> {
        Self::load_from(path.as_ref(), Some(&mut fetch))
    }

    fn load_from<'f>(path: &Path, fetch: Option<&'f mut Fetch<'f>>) -> Result<Self, Diagnostics> {
        let name = path.display().to_string();
        let unreadable = |error: io::Error| {
            let message = format!("can't be read: {error}");
            let at = Position::START;
            Diagnostics::from(Diagnostic::new(
                &name,
                DiagnosticCode::Unreadable,
                at,
                message,
            ))
        };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::read(name.clone(), text, Some(path), fetch)
    }

    /// Returns the document as a value, in the version it was written in.
    pub(crate) fn to_value(&self) -> Value {
        Value::from(&*self.source)
    }

    /// Returns the document as JSON, in the version it was written in.
    ///
    /// The files that it refers to are in its field `x-connexion-files`. Comments are lost; anchors and merge keys of YAML
    /// are expanded.
    ///
    /// ```
    /// # use connexion::Document;
    /// # let document = Document::load("examples/hello.yaml")?;
    /// assert!(document.to_json().starts_with(r#"{"openapi":"3.1.0","info":{"title":"Hello""#));
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn to_json(&self) -> String {
        serde_json::to_string(&*self.source).unwrap_or_default()
    }

    /// Returns the text of the document, unless [`Document::edit_security`] has changed it.
    ///
    /// A document that refers to other files is returned as JSON, which is also YAML, with these files in it.
    ///
    /// ```
    /// # use connexion::Document;
    /// # let document = Document::load("examples/hello.yaml")?;
    /// assert!(document.text().starts_with("openapi: 3.1.0
    /// "));
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the name of the document, or the path that it was loaded from.
    ///
    /// ```
    /// # use connexion::Document;
    /// let document = Document::load("examples/hello.yaml")?;
    /// assert_eq!(document.name(), "examples/hello.yaml");
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn name(&self) -> &str {
        self.sources.name(Position::START)
    }

    /// Returns the paths and URLs of all files of the document, starting with the document itself.
    ///
    /// Use it to watch a document for changes.
    ///
    /// ```
    /// # use connexion::Document;
    /// let document = Document::load("examples/hello.yaml")?;
    /// assert!(document.files().eq(["examples/hello.yaml"]));
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// Files that could not be read are not included.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.sources.names()
    }

    /// Returns the name of the file that a position is in.
    pub(crate) fn file(&self, at: Position) -> &str {
        self.sources.name(at)
    }

    pub(crate) fn title(&self) -> &str {
        self.root
            .at_pointer("/info/title")
            .and_then(Node::as_str)
            .unwrap_or("API")
    }

    /// Returns a diagnostic; in a lenient document it is a warning.
    pub(crate) fn diagnostic(
        &self,
        code: DiagnosticCode,
        at: Position,
        message: impl Into<String>,
    ) -> Diagnostic {
        self.tolerate(Diagnostic::new(self.file(at), code, at, message))
    }

    /// Returns an error of a lenient document as a warning.
    pub(crate) fn tolerate(&self, diagnostic: Diagnostic) -> Diagnostic {
        if self.is_lenient() && !diagnostic.code.is_of_application() {
            diagnostic.into_warning()
        } else {
            diagnostic
        }
    }

    /// Returns the base path of the document: the path of its first server.
    pub(crate) fn base_path(&self) -> String {
        server::paths(&self.root)
            .into_iter()
            .next()
            .unwrap_or_default()
    }

    /// Returns the position of `paths`, or the start of the document.
    pub(crate) fn paths_at(&self) -> Position {
        self.root
            .get("paths")
            .map_or(Position::START, |paths| paths.at)
    }
}

/// Converts a tree to the model of OpenAPI 3.1.
pub(crate) fn lowered(version: Version, source: &Arc<Node>) -> Arc<Node> {
    match version {
        Version::Swagger2 => Arc::new(swagger2::lower(source)),
        _ => Arc::clone(source),
    }
}
