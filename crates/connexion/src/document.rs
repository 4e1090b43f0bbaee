//! The document: loaded once, checked as a whole, then only read.
//!
//! Whatever version it was written in, `root` holds it in the model of OpenAPI 3.1, so nothing after this
//! module and `swagger2` knows another. Diagnostics are collected, never returned one at a time: an author
//! wants to mend them all in one go.

pub(crate) mod cursor;
pub(crate) mod files;
pub(crate) mod hidden;
mod identifier;
pub(crate) mod model;
pub(crate) mod node;
pub(crate) mod object;
pub(crate) mod server;
pub(crate) mod swagger2;
pub(crate) mod yaml;

use std::{borrow::Cow, io, path::Path, sync::Arc};

use serde_json::Value;

use self::{
    files::{self as sources, Broken, Fetch, Sources},
    node::{Kind, Node},
};
use crate::{
    compat::Compat,
    diagnostics::{Diagnostic, DiagnosticCode, Diagnostics, Position},
};

/// How many references may lead to one another before it is taken for a cycle.
pub(crate) const MAX_REFERENCES: usize = 32;

/// An OpenAPI 3.1 or 3.0 or Swagger 2.0 document.
///
/// One of OpenAPI 3.2 is read as 3.1; what only 3.2 has is passed over, with a warning for each.
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
    /// Which conventions its schemas follow; [`Api::compat`](crate::Api::compat) sets it.
    pub(crate) compat: Compat,
    pub(crate) sources: Sources,
    pub(crate) text: String,
    /// As it was written.
    pub(crate) source: Arc<Node>,
    /// The same node, but for Swagger 2.0 and lenient documents.
    pub(crate) root: Arc<Node>,
    /// Those of the application's own.
    pub(crate) checks: model::Checks,
    /// What was wrong before `root` was repaired, if the document is lenient.
    pub(crate) tolerated: Option<Vec<Diagnostic>>,
}

impl Document {
    /// Reads a document from YAML or JSON text; `name` is what its faults are reported under. It can't refer
    /// to files, since nobody knows where they are: [`Document::load`] does.
    ///
    /// ```
    /// # use connexion::{DiagnosticCode, Document};
    /// let text = r#"{"openapi": "3.1.0", "info": {"title": "Hello", "version": "1"}, "paths": {}}"#;
    /// let document = Document::parse("hello.json", text)?;
    /// assert_eq!(document.name(), "hello.json");
    ///
    /// let faults = Document::parse("old.yaml", "swagger: '1.2'").unwrap_err();
    /// assert_eq!(faults[0].code, DiagnosticCode::Version);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// If the text is neither, or is of no known version. What else is wrong, [`Document::check`] tells.
    pub fn parse(name: impl Into<String>, text: impl Into<String>) -> Result<Self, Diagnostics> {
        Self::read(name.into(), text.into(), None, None)
    }

    /// Reads a document from a text that belongs at `path`: other files that it refers to are relative to that, as for
    /// [`Document::load`]. Of use to whoever changes a text before it is read.
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
    /// As [`Document::parse`]. What is wrong with the other files, [`Document::check`] tells.
    pub fn parse_at(path: impl AsRef<Path>, text: impl Into<String>) -> Result<Self, Diagnostics> {
        let path = path.as_ref();
        Self::read(path.display().to_string(), text.into(), Some(path), None)
    }

    /// `path` is where the text is from, if it may refer to other files.
    fn read<'f>(
        name: String,
        text: String,
        path: Option<&Path>,
        fetch: Option<&'f mut Fetch<'f>>,
    ) -> Result<Self, Diagnostics> {
        let fault =
            |code, at, message| Diagnostics::from(Diagnostic::new(&name, code, at, message));
        let yaml::Parsed {
            root: mut source,
            duplicates,
        } = yaml::parse(&text)
            .map_err(|error| fault(DiagnosticCode::Syntax, error.at, error.message))?;
        let version = Version::of(&source)
            .map_err(|(at, message)| fault(DiagnosticCode::Version, at, message.to_owned()))?;
        let has_siblings = version.refs_have_siblings();
        if has_siblings {
            identifier::resolve(&mut source, &text);
        }
        let mut sources = Sources::gather(name, path, fetch, &mut source, has_siblings);
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

    /// Reads a document from a file, and the files that it refers to.
    ///
    /// A reference such as `./pets.yaml#/components/schemas/Pet` is relative to the file in which it stands;
    /// the file may be anything in YAML or JSON, a whole document or one schema. URLs and absolute paths are
    /// refused.
    ///
    /// ```
    /// # use connexion::{DiagnosticCode, Document};
    /// let document = Document::load("examples/hello.yaml")?;
    /// assert!(document.check().is_empty());
    ///
    /// let faults = Document::load("missing.yaml").unwrap_err();
    /// assert_eq!(faults[0].code, DiagnosticCode::Unreadable);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// If the file can't be read, and as [`Document::parse`]. What is wrong with the other files,
    /// [`Document::check`] tells.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Diagnostics> {
        Self::load_from(path.as_ref(), None)
    }

    /// Reads a document from a file, as [`Document::load`] does, and follows URLs in it, too: `fetch` gives the
    /// text at an `http` or `https` URL. What such a text refers to is relative to its own URL.
    ///
    /// Whoever writes the document decides what is asked for then; so `fetch` has to say which hosts are, how
    /// long that may take and how much they may answer.
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
    /// As [`Document::load`]. What `fetch` could not read is told by [`Document::check`].
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

    /// The document as a value, in the version it was written in.
    pub(crate) fn to_value(&self) -> Value {
        Value::from(&*self.source)
    }

    /// The document as JSON text, in the version it was written in. The files that it refers to are in it, under
    /// `x-connexion-files`.
    ///
    /// Comments are lost, and what anchors and merge keys of YAML stand for is written out.
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

    /// The document as it was written, unless [`Document::edit_security`] changed it. If it refers to other files, it is the same as [`Document::to_json`],
    /// which is YAML, too.
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

    /// The name it was loaded under; of a file its path as it was given.
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

    /// What it was read from, itself first: the paths of all its files, and the URLs. Of use to whoever follows a
    /// document that changes.
    ///
    /// ```
    /// # use connexion::Document;
    /// let document = Document::load("examples/hello.yaml")?;
    /// assert!(document.files().eq(["examples/hello.yaml"]));
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// A file that could not be read is not among them.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.sources.names()
    }

    /// The name of the file in which a place is.
    pub(crate) fn file(&self, at: Position) -> &str {
        self.sources.name(at)
    }

    pub(crate) fn title(&self) -> &str {
        self.root
            .at_pointer("/info/title")
            .and_then(Node::as_str)
            .unwrap_or("API")
    }

    pub(crate) fn diagnostic(
        &self,
        code: DiagnosticCode,
        at: Position,
        message: impl Into<String>,
    ) -> Diagnostic {
        self.tolerate(Diagnostic::new(self.file(at), code, at, message))
    }

    /// Returns an error of a lenient document as a warning.
    pub(crate) fn tolerate(&self, fault: Diagnostic) -> Diagnostic {
        if self.is_lenient() && !fault.code.is_of_application() {
            fault.into_warning()
        } else {
            fault
        }
    }

    /// The path before each of `paths`, and before the document itself: that of the first server.
    pub(crate) fn base_path(&self) -> String {
        server::paths(&self.root)
            .into_iter()
            .next()
            .unwrap_or_default()
    }

    /// Where `paths` stands, or the start.
    pub(crate) fn paths_at(&self) -> Position {
        self.root
            .get("paths")
            .map_or(Position::START, |paths| paths.at)
    }

    /// The node that a local reference names.
    pub(crate) fn target(&self, reference: &str) -> Result<&Node, String> {
        let written = self.as_written(reference);
        if !reference.starts_with('#') {
            return Err(sources::refusal(reference).unwrap_or_else(|| {
                format!("`{written}` is in another file; read the document with `Document::load`")
            }));
        }
        self.root
            .at_pointer(&decoded(reference))
            .ok_or_else(|| format!("`{written}` does not exist"))
    }

    /// The same for the reference at a place.
    pub(crate) fn target_of(&self, at: Position, reference: &str) -> Result<&Node, Broken> {
        if let Some(broken) = self.sources.broken(at) {
            return Err(broken.clone());
        }
        let target = self.target(reference);
        target.map_err(|message| match self.sources.written(at) {
            Some(written) => Broken::Because(format!("`{written}` does not exist")),
            None => Broken::Because(message),
        })
    }

    /// The reference at a place in the words of its author.
    pub(crate) fn written_at<'r>(&'r self, at: Position, reference: &'r str) -> Cow<'r, str> {
        match self.sources.written(at) {
            Some(written) => written.into(),
            None => self.as_written(reference),
        }
    }

    /// A reference in the words of the author, who may not know the model of OpenAPI 3.1.
    pub(crate) fn as_written<'r>(&self, reference: &'r str) -> Cow<'r, str> {
        if self.version == Version::Swagger2 {
            swagger2::as_written(reference)
        } else {
            reference.into()
        }
    }
}

/// Returns a document in the model of OpenAPI 3.1.
pub(crate) fn lowered(version: Version, source: &Arc<Node>) -> Arc<Node> {
    match version {
        Version::Swagger2 => Arc::new(swagger2::lower(source)),
        _ => Arc::clone(source),
    }
}

/// What a document is written in.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Version {
    Swagger2,
    OpenApi30,
    OpenApi31,
    OpenApi32,
}

impl Version {
    fn of(source: &Node) -> Result<Self, (Position, &'static str)> {
        let keys = [
            ("openapi", "3.0", Self::OpenApi30),
            ("openapi", "3.1", Self::OpenApi31),
            ("openapi", "3.2", Self::OpenApi32),
            ("swagger", "2.0", Self::Swagger2),
        ];
        let known = |(key, series, version)| {
            let is_it = source.get(key).is_some_and(|text| is_series(text, series));
            is_it.then_some(version)
        };
        if let Some(version) = keys.into_iter().find_map(known) {
            return Ok(version);
        }
        if let Some(other) = source.get("openapi").or(source.get("swagger")) {
            return Err((other.at, "the version must be 3.2, 3.1, 3.0 or 2.0"));
        }
        let message = "the first member must be `openapi: 3.1.0` (or `swagger: '2.0'`)";
        Err((Position::START, message))
    }

    /// Whether a schema may say more beside a `$ref`. Before OpenAPI 3.1 it is ignored.
    pub(crate) fn refs_have_siblings(self) -> bool {
        self >= Self::OpenApi31
    }
}

/// The JSON Pointer of a local reference.
pub(crate) fn decoded(reference: &str) -> Cow<'_, str> {
    let pointer = reference.strip_prefix('#').unwrap_or(reference);
    percent_encoding::percent_decode_str(pointer).decode_utf8_lossy()
}

fn is_series(version: &Node, series: &str) -> bool {
    let text = match &version.kind {
        Kind::String(text) => text.clone(),
        Kind::Number(number) => number.to_string(),
        _ => return false,
    };
    let rest = text.strip_prefix(series);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
