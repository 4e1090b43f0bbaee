//! The builder of a service: [`Api`] takes a document, the handlers of its operations, and settings.
//!
//! The settings are grouped by subject in the modules below; `build` checks everything and makes the service.

mod build;
mod docs;
mod handlers;
mod hooks;
mod limits;
mod registry;
mod requests;
mod responses;
mod security;

use self::registry::UnboundHandler;
use crate::{
    compat::Compat,
    diagnostics::Diagnostics,
    document::Document,
    http::{docs_page::Docs, hooks::Hooks},
    operation::{BodyType, ResponseValidation, Rules, memory::Limits},
    schema::{
        FormatCheck,
        json::VALUES,
        validator::{Reading, Validator},
    },
    security::Verifiers,
};

/// Default of [`Api::body_limit`], in bytes.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// Default of [`Api::upload_limit`], in bytes.
const UPLOAD_LIMIT: usize = 64 * 1024 * 1024;

/// The builder of an [`ApiService`](crate::ApiService): a document, and a handler for each of its operations.
///
/// ```
/// # use connexion::{Api, Document};
/// # let document = Document::load("docs/examples/hello.yaml")?;
/// let service = Api::from_document(document)
///     .operation("hello", async || "Hello!")
///     .build(())?;
/// let router: axum::Router = axum::Router::new().fallback_service(service);
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
pub struct Api<S> {
    document: Document,
    /// The prefix of the names of handlers that are registered now; see [`Api::nest`].
    prefix: String,
    /// Handlers by the full name of their operation.
    handlers: Vec<(String, UnboundHandler<S>)>,
    /// Fallback handlers by the prefix of the names that they serve.
    fallbacks: Vec<(String, UnboundHandler<S>)>,
    formats: Vec<(String, FormatCheck)>,
    body_types: Vec<BodyType>,
    verifiers: Verifiers,
    /// The security scheme of the served document, and its scopes.
    docs_security: Option<(String, Vec<String>)>,
    /// Overrides of `Options::response_validation`, by `operationId`.
    response_validations: Vec<(String, ResponseValidation)>,
    base_path: Option<String>,
    hooks: Hooks,
    options: Options,
    docs: Docs,
}

#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent setting"
)]
struct Options {
    response_validation: ResponseValidation,
    /// The share of responses that is validated, from 0.0 to 1.0.
    response_share: f64,
    stub: bool,
    try_handlers: bool,
    strict_parameters: bool,
    strict_discriminator: bool,
    strict_accept: bool,
    split_encoded_commas: bool,
    skip_undescribed: bool,
    /// True if paths that the document does not have require credentials.
    auth_all_paths: bool,
    body_defaults: bool,
    limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            response_validation: ResponseValidation::Enforce,
            response_share: 1.0,
            stub: false,
            try_handlers: true,
            strict_parameters: true,
            strict_discriminator: false,
            strict_accept: true,
            split_encoded_commas: false,
            skip_undescribed: false,
            auth_all_paths: false,
            body_defaults: true,
            limits: Limits {
                body: BODY_LIMIT,
                upload: UPLOAD_LIMIT,
                values: VALUES,
                memory: None,
            },
        }
    }
}

impl Options {
    /// Returns the settings that apply to each operation.
    fn rules(&self) -> Rules {
        Rules {
            strict_parameters: self.strict_parameters,
            strict_accept: self.strict_accept,
            split_encoded_commas: self.split_encoded_commas,
            skip_undescribed: self.skip_undescribed,
            body_defaults: self.body_defaults,
            values: self.limits.values,
            ..Rules::default()
        }
    }
}

impl<S> std::fmt::Debug for Api<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("document", &self.document.name())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Creates a builder for this document, without handlers.
    ///
    /// The document is not checked here, but by [`Api::build`].
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// let document = Document::load("examples/hello.yaml")?;
    /// let api = Api::from_document(document);
    /// // Its operation has no handler yet.
    /// assert!(api.build(()).is_err());
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn from_document(document: Document) -> Self {
        Self {
            document,
            prefix: String::new(),
            handlers: Vec::new(),
            fallbacks: Vec::new(),
            formats: Vec::new(),
            body_types: Vec::new(),
            verifiers: Verifiers::default(),
            docs_security: None,
            response_validations: Vec::new(),
            base_path: None,
            hooks: Hooks::default(),
            options: Options::default(),
            docs: Docs::default(),
        }
    }

    /// Sets the prefix of all paths, such as `/v2`.
    ///
    /// It replaces the paths of the document's `servers` (or its `basePath`). Without it the operations are served under
    /// the path of each server, and the document itself under that of the first.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::load("docs/examples/hello.yaml")?;
    /// let api = Api::from_document(document).base_path("/v2").serve_document(true);
    /// // Serves `/v2/hello` and `/v2/openapi.json`.
    /// let service = api.operation("hello", async || "Hello!").build(())?;
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// [`Api::build`] reports an invalid prefix, such as `/a/{b}` or `/a/../b`, as an error. A slash at the end is
    /// ignored.
    #[must_use]
    pub fn base_path(mut self, path: &str) -> Self {
        self.base_path = Some(path.to_owned());
        self
    }

    /// Follows the conventions of another library: which numbers are integers, how messages write values, and which
    /// `Content-Type` a JSON body may have.
    ///
    /// The setting applies to requests, responses and the validators that [`Api::validator`] makes after it.
    ///
    /// With [`Compat::Connexion`], where the document describes `application/json`, every JSON type is accepted, such as
    /// `application/vnd.api+json`, and a body without `Content-Type` is rejected. By default only the described types are
    /// accepted, and a body without `Content-Type` is read as the described type if there is only one (RFC 9110, section
    /// 8.3).
    ///
    /// ```
    /// # use connexion::{Api, Compat, Document};
    /// # let document = Document::parse("age.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Age, version: "1"}
    /// # components: {schemas: {Age: {type: integer}}}
    /// # "#)?;
    /// let api = Api::<()>::from_document(document);
    /// let age = api.validator("Age")?;
    /// assert_eq!(age.read::<i64>(b"38.0").unwrap(), 38);
    /// assert_eq!(age.check(&"38").unwrap_err()[0].detail, r#""38" is not of type "integer""#);
    ///
    /// let age = api.compat(Compat::Connexion).validator("Age")?;
    /// assert!(age.read::<i64>(b"38.0").is_err());
    /// assert_eq!(age.check(&"38").unwrap_err()[0].detail, "'38' is not of type 'integer'");
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn compat(mut self, compat: Compat) -> Self {
        self.document.compat = compat;
        self
    }

    /// Adds a `format` for strings, or replaces one of JSON Schema's.
    ///
    /// Values that are not strings always pass. A format that is neither known nor added is not checked, and
    /// [`Api::build`] logs a warning.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello/{name}:
    /// #     get:
    /// #       operationId: hello
    /// #       parameters: [{name: name, in: path, required: true, schema: {type: string, format: even}}]
    /// #       responses: {"200": {description: a greeting}}
    /// # "#)?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let service = Api::from_document(document)
    ///     .format("even", |string| string.chars().count() % 2 == 0)
    ///     .operation("hello", async || "Hello!")
    ///     .build(())?;
    /// assert_eq!(service.handle(get("/hello/Anna")?).await.status(), 200);
    /// assert_eq!(service.handle(get("/hello/Ann")?).await.status(), 400);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn format(
        mut self,
        name: &str,
        check: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.formats
            .push((name.to_owned(), FormatCheck::new(check)));
        self
    }

    /// Compiles the schema of this name in `components/schemas` (or `definitions`), for values that do not come in a
    /// request.
    ///
    /// The validator knows the formats that were added before.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// let api = Api::<()>::from_document(document);
    /// let diagnostics = api.validator("Person").unwrap_err();
    /// assert!(diagnostics.to_string().contains("there is no schema `Person`"));
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// If the document has no such schema, or has errors.
    pub fn validator(&self, name: &str) -> Result<Validator, Diagnostics> {
        let Options {
            skip_undescribed,
            body_defaults,
            limits,
            ..
        } = &self.options;
        let reading = Reading {
            skips: *skip_undescribed,
            fills: *body_defaults,
            values: limits.values,
        };
        let validator = Validator::compile(&self.document, name, &self.formats, &reading)?;
        Ok(validator.with_hook(self.hooks.value_violation.clone()))
    }
}
