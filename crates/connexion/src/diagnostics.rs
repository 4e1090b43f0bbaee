//! What is wrong with a document: every fault has its place, and a code that programs can rely on.

use std::{fmt, ops::Deref};

/// A line and column in a file of a document, both counted from 1, the column in characters.
///
/// ```
/// # use connexion::{Document, Position};
/// let faults = Document::parse("hello.yaml", "swagger: '1.2'").unwrap_err();
/// let at: Position = faults[0].at;
/// assert_eq!((at.line, at.column), (1, 1));
/// assert_eq!(at.to_string(), "1:1");
/// ```
///
/// Of a file that is not there, and of what is missing in a document as a whole, it is the start: 1:1.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Which of the document's files; 0 is its own.
    pub(crate) file: usize,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
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

/// Something that is wrong with a document, and where.
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
/// let fault = &document.check()[0];
/// assert_eq!(fault.pointer, "/paths/~1hello/get/response");
/// assert_eq!(fault.to_string(), "hello.yaml:6:31: an operation has no member `response`; `responses` is probably meant");
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The file: the document's name, as given when it was loaded, or that of a file which it refers to.
    pub file: String,
    /// The place in it.
    pub at: Position,
    /// The same place as a JSON Pointer (RFC 6901) into the file as it was written; empty for the whole.
    pub pointer: String,
    /// What kind of fault it is.
    pub code: DiagnosticCode,
    /// What is wrong and what to do.
    pub message: String,
    severity: Severity,
}

impl Diagnostic {
    /// A fault whose pointer is still to be found, when it is reported.
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

    /// Whether the document can be served nevertheless.
    ///
    /// Where nothing is served wrongly because of it, and in a document that is [lenient](crate::Document::lenient), an
    /// error is a warning.
    ///
    /// ```
    /// # use connexion::{Document, Severity};
    /// let document = Document::parse("a.yaml", "openapi: 3.1.0\ninfo: {}")?;
    /// let fault = &document.check()[0];
    /// assert_eq!((fault.code.as_str(), fault.severity()), ("member-missing", Severity::Error));
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn severity(&self) -> Severity {
        self.severity
    }
}

impl fmt::Display for Diagnostic {
    /// `FILE:LINE:COLUMN: MESSAGE`, which editors and terminals make a link of; a warning says that it is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let warning = match self.severity() {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(f, "{}:{}: {warning}{}", self.file, self.at, self.message)
    }
}

/// How much a fault matters.
///
/// It has an order: errors are more than warnings.
///
/// ```
/// # use connexion::Severity;
/// assert!(Severity::Warning < Severity::Error);
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The document can be served, but may not do what its author thinks.
    Warning,
    /// The document can't be served.
    Error,
}

/// Makes the enum of codes with their names, so that none can lack one.
macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal,)*) => {
        /// The kinds of faults. The names never change; new ones may be added.
        ///
        /// ```
        /// # use connexion::{DiagnosticCode, Document};
        /// let faults = Document::parse("a.yaml", "openapi: [").unwrap_err();
        /// assert_eq!(faults[0].code, DiagnosticCode::Syntax);
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
            /// Its name, such as `reference-unresolvable`; the same as by `Display`.
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
    /// the text is no YAML or JSON.
    Syntax = "syntax",
    /// the document is of no known version.
    Version = "version",
    /// a member that must be there is not.
    MemberMissing = "member-missing",
    /// a member that OpenAPI does not know; a warning if requests do not depend on what it could mean.
    MemberUnknown = "member-unknown",
    /// a keyword that is not known and passed over, but similar to one that is.
    KeywordMisspelt = "keyword-misspelt",
    /// a value of the wrong kind, such as a text where a list must be.
    MemberInvalid = "member-invalid",
    /// what only another version of OpenAPI has; it is read nevertheless.
    OtherVersion = "other-version",
    /// described, but in a form that this library does not read: it passes unchecked.
    NotChecked = "not-checked",
    /// described by OpenAPI, but not done by this library.
    Unsupported = "unsupported",
    /// new in a version that this library does not know yet, or of a dialect that it does not know; it is passed
    /// over.
    NotUnderstood = "not-understood",
    /// valid, or nearly so, but without effect where it stands; the author may have meant something else.
    WithoutEffect = "without-effect",
    /// a reference that leads nowhere.
    ReferenceUnresolvable = "reference-unresolvable",
    /// a reference that leads to something of another kind.
    ReferenceMismatch = "reference-mismatch",
    /// a member beside a reference, which has no meaning there.
    ReferenceSibling = "reference-sibling",
    /// references that lead to one another only.
    ReferenceEndless = "reference-endless",
    /// a security scheme that can't be read, or is of an unknown kind.
    SecuritySchemeInvalid = "security-scheme-invalid",
    /// a security requirement names a scheme that is not declared.
    SecuritySchemeMissing = "security-scheme-missing",
    /// a security scheme that no verifier was registered for.
    VerifierMissing = "verifier-missing",
    /// a verifier for a security scheme that is not in the document.
    VerifierUnknown = "verifier-unknown",
    /// an operation without a name, which is called by its method and path.
    OperationIdMissing = "operation-id-missing",
    /// two operations of the same name.
    OperationIdDuplicate = "operation-id-duplicate",
    /// an operation of a lenient document that can't be served: it answers 501.
    OperationNotServed = "operation-not-served",
    /// a path template that can't be read.
    PathInvalid = "path-invalid",
    /// a path with a query or a fragment, which no request has: its operations are not served.
    PathUnreachable = "path-unreachable",
    /// two path templates that match the same paths, with an operation of the same method.
    PathAmbiguous = "path-ambiguous",
    /// two path templates that match the same paths, with operations of different methods, which are all served.
    PathNamesDiffer = "path-names-differ",
    /// a parameter of the template that is not among `parameters`.
    PathParameterUndeclared = "path-parameter-undeclared",
    /// a path parameter that is not in the template.
    PathParameterUnknown = "path-parameter-unknown",
    /// a parameter that stands twice in one list.
    ParameterDuplicate = "parameter-duplicate",
    /// a parameter that can't be read as the document describes it.
    ParameterInvalid = "parameter-invalid",
    /// a header `Accept`, `Content-Type` or `Authorization`, of which OpenAPI says that it is ignored as a parameter and
    /// as a header of a response.
    ParameterIgnored = "parameter-ignored",
    /// a parameter whose style does not say how its values are written; the message says how it is read.
    StyleMismatch = "style-mismatch",
    /// a header that can't be sent, or can't be read as the document describes it.
    HeaderInvalid = "header-invalid",
    /// a key of `content` that is no media type.
    MediaTypeInvalid = "media-type-invalid",
    /// a key of `responses` that is no status.
    StatusInvalid = "status-invalid",
    /// a response that does not say what it is.
    DescriptionMissing = "description-missing",
    /// GET or HEAD with a request body, which clients and proxies may drop (RFC 9110, section 9.3.1).
    GetWithBody = "get-with-body",
    /// a schema that JSON Schema does not allow.
    SchemaInvalid = "schema-invalid",
    /// a format that nobody checks.
    FormatUnknown = "format-unknown",
    /// a default that breaks its own schema; that of a parameter is `parameter-invalid`.
    DefaultInvalid = "default-invalid",
    /// an example that breaks its own schema.
    ExampleInvalid = "example-invalid",
    /// an operation that no handler was registered for.
    HandlerMissing = "handler-missing",
    /// a handler for an operation that is not in the document.
    HandlerUnknown = "handler-unknown",
    /// a second handler for one operation.
    HandlerDuplicate = "handler-duplicate",
    /// a type that a handler takes can't read a request that the document allows.
    HandlerMismatch = "handler-mismatch",
}

impl DiagnosticCode {
    /// The severity of a diagnostic with this code, unless its place makes it a warning.
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

    /// Whether the application is wrong, not the document.
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
/// They are ordered by file and line. As an error it holds at least one error. `Display` prints one line for each.
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
