//! Diagnostics of documents. Each has a location and a code that programs can rely on.

use std::{fmt, ops::Deref};

/// A line and column in a file of a document. Both start at 1; columns count characters.
///
/// ```
/// # use connexion::{Document, Position};
/// let diagnostics = Document::parse("hello.yaml", "swagger: '1.2'").unwrap_err();
/// let at: Position = diagnostics[0].at;
/// assert_eq!((at.line, at.column), (1, 1));
/// assert_eq!(at.to_string(), "1:1");
/// ```
///
/// The position of a missing file, or of a missing field of the whole document, is 1:1.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The index of the file; 0 is the document itself.
    pub(crate) file: usize,
    /// The line, starting at 1.
    pub line: usize,
    /// The column, starting at 1.
    pub column: usize,
}

impl Position {
    pub(crate) const START: Self = Self {
        file: 0,
        line: 1,
        column: 1,
    };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// An error or warning about a document, with its location.
///
/// ```
/// # use connexion::Document;
/// let document = Document::parse("hello.yaml", r#"
/// openapi: 3.1.0
/// info: {title: Hello, version: "1"}
/// paths:
///   /hello:
///     get: {operationId: hello, response: {}, responses: {"200": {description: a greeting}}}
/// "#)?;
/// let diagnostic = &document.check()[0];
/// assert_eq!(diagnostic.pointer, "/paths/~1hello/get/response");
/// assert_eq!(diagnostic.to_string(), "hello.yaml:6:31: an operation has no field `response`; `responses` is probably meant");
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The name of the document as given when it was loaded, or of a file that it refers to.
    pub file: String,
    /// The position in the file.
    pub at: Position,
    /// The location as a JSON Pointer (RFC 6901) into the file as written by the author; empty for the whole file.
    pub pointer: String,
    /// The kind of diagnostic.
    pub code: DiagnosticCode,
    /// The problem and how to fix it.
    pub message: String,
    severity: Severity,
}

impl Diagnostic {
    /// Creates a diagnostic without a pointer, which is added when all diagnostics are collected.
    pub(crate) fn new(
        file: &str,
        code: DiagnosticCode,
        at: Position,
        message: impl Into<String>,
    ) -> Self {
        let (file, pointer, message) = (file.to_owned(), String::new(), message.into());
        Self {
            file,
            at,
            pointer,
            code,
            message,
            severity: code.severity(),
        }
    }

    /// Returns the same diagnostic as a warning: the document is served nevertheless.
    pub(crate) fn into_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Returns whether it is an error or a warning. A document with an error is not served.
    ///
    /// The severity depends on the code. Errors that do not affect requests, and all errors of a
    /// [lenient](crate::Document::lenient) document, are warnings.
    ///
    /// ```
    /// # use connexion::{Document, Severity};
    /// let document = Document::parse("a.yaml", "openapi: 3.1.0\ninfo: {}")?;
    /// let diagnostic = &document.check()[0];
    /// assert_eq!((diagnostic.code.as_str(), diagnostic.severity()), ("member-missing", Severity::Error));
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn severity(&self) -> Severity {
        self.severity
    }
}

impl fmt::Display for Diagnostic {
    /// Writes `FILE:LINE:COLUMN: MESSAGE`, with `warning: ` before the message of a warning. Editors and terminals turn the
    /// location into a link.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let warning = match self.severity() {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(f, "{}:{}: {warning}{}", self.file, self.at, self.message)
    }
}

/// The severity of a diagnostic. Errors are greater than warnings.
///
/// ```
/// # use connexion::Severity;
/// assert!(Severity::Warning < Severity::Error);
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The document can be served, but may not behave as its author expects.
    Warning,
    /// The document can't be served.
    Error,
}

/// Defines the enum of codes together with their names.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal,)*) => {
        /// The kinds of diagnostics. Names never change; new codes may be added.
        ///
        /// ```
        /// # use connexion::{DiagnosticCode, Document};
        /// let diagnostics = Document::parse("a.yaml", "openapi: [").unwrap_err();
        /// assert_eq!(diagnostics[0].code, DiagnosticCode::Syntax);
        /// ```
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum DiagnosticCode {
            $(#[doc = concat!("`", $name, "`:")] $(#[$doc])* $code,)*
            /// An error that the application reports, with a name of its own;
            /// [`Document::add_check`](crate::Document::add_check).
            ApplicationError(&'static str),
            /// A warning that the application reports, with a name of its own.
            ApplicationWarning(&'static str),
        }

        impl DiagnosticCode {
            /// Returns the name, such as `reference-unresolvable`, as `Display` does.
            ///
            /// ```
            /// # use connexion::DiagnosticCode;
            /// assert_eq!(DiagnosticCode::ReferenceUnresolvable.as_str(), "reference-unresolvable");
            /// ```
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                    Self::ApplicationError(name) | Self::ApplicationWarning(name) => name,
                }
            }
        }
    };
}

codes! {
    /// the file can't be read.
    Unreadable = "unreadable",
    /// the text is not valid YAML or JSON.
    Syntax = "syntax",
    /// the version of the document is not supported.
    Version = "version",
    /// a required field is missing.
    MemberMissing = "member-missing",
    /// an unknown field; a warning if requests can't depend on it.
    MemberUnknown = "member-unknown",
    /// an unknown keyword that is ignored, but similar to a known one.
    KeywordMisspelt = "keyword-misspelt",
    /// a value of the wrong type, such as a string instead of a list.
    MemberInvalid = "member-invalid",
    /// a field of another version of OpenAPI, which is read nevertheless.
    OtherVersion = "other-version",
    /// a description that this library can't read: the value is not checked.
    NotChecked = "not-checked",
    /// a feature of OpenAPI that this library does not support.
    Unsupported = "unsupported",
    /// a feature of a newer version or an unknown dialect, which is ignored.
    NotUnderstood = "not-understood",
    /// a field without effect in its location; the author may have intended something else.
    WithoutEffect = "without-effect",
    /// a reference without a target.
    ReferenceUnresolvable = "reference-unresolvable",
    /// a reference to an object of another kind.
    ReferenceMismatch = "reference-mismatch",
    /// a field beside a reference, which is ignored.
    ReferenceSibling = "reference-sibling",
    /// references that lead only to one another.
    ReferenceEndless = "reference-endless",
    /// a security scheme that is invalid or of an unknown type.
    SecuritySchemeInvalid = "security-scheme-invalid",
    /// a security requirement with an undeclared scheme.
    SecuritySchemeMissing = "security-scheme-missing",
    /// a security scheme without a verifier.
    VerifierMissing = "verifier-missing",
    /// a verifier for a security scheme that is not in the document.
    VerifierUnknown = "verifier-unknown",
    /// an operation without an `operationId`; its method and path are used instead.
    OperationIdMissing = "operation-id-missing",
    /// two operations with the same `operationId`.
    OperationIdDuplicate = "operation-id-duplicate",
    /// an operation of a lenient document that can't be served; it responds with 501.
    OperationNotServed = "operation-not-served",
    /// an invalid path template.
    PathInvalid = "path-invalid",
    /// a path with a query or a fragment, which no request matches: its operations are not served.
    PathUnreachable = "path-unreachable",
    /// two path templates that match the same paths, with operations of the same method.
    PathAmbiguous = "path-ambiguous",
    /// two path templates that match the same paths, with operations of different methods. All are served.
    PathNamesDiffer = "path-names-differ",
    /// a parameter of the template that is not declared in `parameters`.
    PathParameterUndeclared = "path-parameter-undeclared",
    /// a path parameter that is not in the template.
    PathParameterUnknown = "path-parameter-unknown",
    /// a parameter that is listed twice.
    ParameterDuplicate = "parameter-duplicate",
    /// a parameter whose description is invalid or not supported.
    ParameterInvalid = "parameter-invalid",
    /// a header `Accept`, `Content-Type` or `Authorization`, which OpenAPI ignores as a parameter and as a header of a
    /// response.
    ParameterIgnored = "parameter-ignored",
    /// a parameter whose style does not apply to its type; the message says how it is read.
    StyleMismatch = "style-mismatch",
    /// a header whose name is invalid, or whose description is invalid or not supported.
    HeaderInvalid = "header-invalid",
    /// a key of `content` that is not a media type.
    MediaTypeInvalid = "media-type-invalid",
    /// a key of `responses` that is not a status.
    StatusInvalid = "status-invalid",
    /// a response without a `description`.
    DescriptionMissing = "description-missing",
    /// a GET or HEAD operation with a request body, which clients and proxies may drop (RFC 9110, section 9.3.1).
    GetWithBody = "get-with-body",
    /// an invalid schema.
    SchemaInvalid = "schema-invalid",
    /// an unknown format, which is not checked.
    FormatUnknown = "format-unknown",
    /// a default that its own schema rejects; for a parameter the code is `parameter-invalid`.
    DefaultInvalid = "default-invalid",
    /// an example that its own schema rejects.
    ExampleInvalid = "example-invalid",
    /// an operation without a handler.
    HandlerMissing = "handler-missing",
    /// a handler for an operation that is not in the document.
    HandlerUnknown = "handler-unknown",
    /// a second handler for one operation.
    HandlerDuplicate = "handler-duplicate",
    /// a type of a handler's argument that can't represent a request that the document allows.
    HandlerMismatch = "handler-mismatch",
}

impl DiagnosticCode {
    /// Returns the severity of a diagnostic with this code. Some locations reduce it to a warning.
    pub(crate) fn severity(self) -> Severity {
        match self {
            Self::ApplicationWarning(_)
            | Self::DefaultInvalid
            | Self::DescriptionMissing
            | Self::ExampleInvalid
            | Self::FormatUnknown
            | Self::GetWithBody
            | Self::KeywordMisspelt
            | Self::MediaTypeInvalid
            | Self::NotChecked
            | Self::NotUnderstood
            | Self::OperationIdMissing
            | Self::OperationNotServed
            | Self::OtherVersion
            | Self::ParameterIgnored
            | Self::PathNamesDiffer
            | Self::PathUnreachable
            | Self::ReferenceSibling
            | Self::StyleMismatch
            | Self::WithoutEffect => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// Returns whether the error is in the application, not in the document.
    pub(crate) fn is_of_application(self) -> bool {
        matches!(
            self,
            Self::HandlerMissing
                | Self::HandlerUnknown
                | Self::HandlerDuplicate
                | Self::HandlerMismatch
                | Self::VerifierMissing
                | Self::VerifierUnknown
        )
    }
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The errors and warnings of a document and of the handlers registered for it.
///
/// They are sorted by file and line. As a `Result`'s error they contain at least one error. `Display` writes one line per
/// diagnostic.
///
/// ```
/// # use connexion::{Api, Diagnostics, Document};
/// let document = Document::load("examples/hello.yaml")?;
/// let diagnostics: Diagnostics = Api::from_document(document).build(()).unwrap_err();
/// assert_eq!(diagnostics.len(), 1);
/// assert_eq!(diagnostics.to_string(), "examples/hello.yaml:5:5: the operation `hello` has no handler");
/// # Ok::<(), Diagnostics>(())
/// ```
#[derive(Debug)]
pub struct Diagnostics(Vec<Diagnostic>);

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self(diagnostics)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl Deref for Diagnostics {
    type Target = [Diagnostic];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            write!(f, "{}{diagnostic}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
