//! From a document and handlers to a service.

mod docs;
mod hooks;
mod security;

use std::sync::{Arc, atomic::AtomicU32};

use axum::handler::Handler;
use http::StatusCode;

use crate::{
    compat::Compat,
    diagnostics::{Diagnostic, DiagnosticCode, Diagnostics, Severity},
    document::{
        Document,
        cursor::{OperationCursor, slash_parameters},
        server,
    },
    http::{
        arguments::{self, Arguments, Reader},
        docs_page::Docs,
        extract::OperationId,
        hooks::Hooks,
        service::{ApiService, Endpoint, Served},
    },
    operation::{
        self, BodyType, Operation, ResponseValidation, Rules,
        memory::{BodyMemory, Limits},
        path::Template,
    },
    problem::Problem,
    schema::{
        FormatCheck, ValidValues,
        json::VALUES,
        validator::{Reading, Validator},
    },
    security::{Schemes, Verifiers},
};

/// A request's body may be this long, in bytes, unless [`Api::body_limit`] says otherwise.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// One that is never in memory as a whole may be this long, unless [`Api::upload_limit`] says otherwise.
const UPLOAD_LIMIT: usize = 64 * 1024 * 1024;

/// A handler before it has its state.
struct Unbound<S> {
    with_state: Box<dyn Fn(S) -> Endpoint + Send>,
    /// How its arguments are tried.
    readers: Vec<Reader<S>>,
}

/// An API being put together: a document, and a handler for each of its operations.
///
/// ```
/// # use connexion::{Api, Document};
/// # let document = Document::parse("hello.yaml", r#"
/// # openapi: 3.1.0
/// # info: {title: Hello, version: "1"}
/// # paths:
/// #   /hello:
/// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
/// # "#)?;
/// let service = Api::from_document(document)
///     .operation("hello", async || "Hello!")
///     .build(())?;
/// let router: axum::Router = axum::Router::new().fallback_service(service);
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
pub struct Api<S> {
    document: Document,
    /// What stands before the names of handlers that are registered now; see [`Api::nest`].
    prefix: String,
    handlers: Vec<(String, Unbound<S>)>,
    /// Those for all names that begin so.
    default_handlers: Vec<(String, Unbound<S>)>,
    formats: Vec<(String, FormatCheck)>,
    body_types: Vec<BodyType>,
    verifiers: Verifiers,
    docs_security: Option<(String, Vec<String>)>,
    responses_of: Vec<(String, ResponseValidation)>,
    base_path: Option<String>,
    hooks: Hooks,
    options: Options,
    docs: Docs,
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
struct Options {
    responses: ResponseValidation,
    response_share: f64,
    stub: bool,
    try_handlers: bool,
    strict_parameters: bool,
    strict_discriminator: bool,
    strict_accept: bool,
    split_encoded_commas: bool,
    skip_undescribed: bool,
    /// Whether paths that the document does not have require credentials.
    auth_all_paths: bool,
    body_defaults: bool,
    limits: Limits,
}

impl Options {
    /// What they say of each operation.
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
    /// Begins with a document and no handlers.
    ///
    /// What is wrong with the document is told by [`Api::build`], not here.
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
        let options = Options {
            responses: ResponseValidation::Enforce,
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
        };
        Self {
            document,
            prefix: String::new(),
            handlers: Vec::new(),
            default_handlers: Vec::new(),
            formats: Vec::new(),
            body_types: Vec::new(),
            verifiers: Verifiers::default(),
            docs_security: None,
            responses_of: Vec::new(),
            base_path: None,
            hooks: Hooks::default(),
            options,
            docs: Docs::default(),
        }
    }

    /// Gives the operation with this `operationId` its handler: any function that axum takes as one, with
    /// [`Params`](crate::Params) and [`Body`](crate::Body) for what the document describes.
    ///
    /// An operation with `x-openapi-router-controller: people` (or `x-swagger-router-controller`) is called
    /// `people.` and its `operationId`, as by Python's connexion; one without an `operationId` is called by its
    /// method and path, such as `get /people`.
    ///
    /// A second handler for an operation, or one for an operation that the document does not have, is a fault, told by
    /// [`Api::build`].
    ///
    /// ```
    /// # use connexion::{Api, Body, Document, Params};
    /// # use serde_json::{Value, json};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// #[derive(serde::Deserialize)]
    /// struct Hello { name: String, times: usize }
    ///
    /// async fn hello(Params(Hello { name, times }): Params<Hello>) -> Body<Value> {
    ///     Body(json!({"text": name.repeat(times)}))
    /// }
    ///
    /// let service = Api::from_document(document).operation("hello", hello).build(())?;
    /// assert_eq!(service.handle(get("/hello/Ann?times=2")?).await.status(), 200);
    /// assert_eq!(service.handle(get("/hello/Ann?times=0")?).await.status(), 400);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn operation<H, T>(mut self, id: &str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: Arguments<S>,
    {
        let name = format!("{}{id}", self.prefix);
        self.handlers.push((name, unbound(handler)));
        self
    }

    /// Registers handlers whose names begin alike: in `register`, `list` stands for `people.list`, and
    /// [`Api::fallback`] for every other name that begins with `people.`.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /people:
    /// #     get: {operationId: people.list, responses: {"200": {description: all}}}
    /// #     post: {operationId: add, x-openapi-router-controller: people, responses: {"200": {description: it}}}
    /// # "#)?;
    /// let service = Api::from_document(document)
    ///     .nest("people", |api| {
    ///         api.operation("list", async || "[]").operation("add", async || "{}")
    ///     })
    ///     .build(())?;
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// Within one another, the prefixes stand one after the other. Names outside are not touched.
    #[must_use]
    pub fn nest(mut self, prefix: &str, register: impl FnOnce(Self) -> Self) -> Self {
        let longer = format!("{}{prefix}.", self.prefix);
        let before = std::mem::replace(&mut self.prefix, longer);
        let mut api = register(self);
        api.prefix = before;
        api
    }

    /// Gives every operation without a handler of its own this one, which can tell them apart by
    /// [`OperationId`].
    ///
    /// ```
    /// # use connexion::{Api, Document, OperationId};
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// # "#)?;
    /// let service = Api::from_document(document)
    ///     .fallback(async |id: OperationId| id.as_str().to_owned())
    ///     .build(())?;
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// Of several under the same prefix the first counts.
    #[must_use]
    pub fn fallback<H, T>(mut self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: Arguments<S>,
    {
        let prefix = self.prefix.clone();
        self.default_handlers.push((prefix, unbound(handler)));
        self
    }

    /// Whether an operation without a handler answers 501 instead of being a fault; off by default.
    ///
    /// Requests are checked before. An operation to which [`Api::fallback`] gives a handler has one.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let service = Api::from_document(document).stub(true).build(())?;
    /// assert_eq!(service.handle(get("/hello/Ann")?).await.status(), 501);
    /// assert_eq!(service.handle(get("/hello/Ann?times=0")?).await.status(), 400);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stub(mut self, on: bool) -> Self {
        self.options.stub = on;
        self
    }

    /// Whether handlers are tried when the service is built; on by default.
    ///
    /// The smallest, largest, absent, `null` and extreme values that an operation's schemas allow are read into the
    /// [`Params`](crate::Params) and [`Body`](crate::Body) of its handler. A type that can't read one of them is an error,
    /// [`DiagnosticCode::HandlerMismatch`]: without the trial its first request would be answered with 500.
    ///
    /// An `integer` without bounds is tried with those of 64 bits with a sign. Handlers run only when requests come: nothing
    /// but the types is tried, and of other extractors nothing.
    ///
    /// ```
    /// # use connexion::{Api, DiagnosticCode, Document, Params};
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     get:
    /// #       operationId: hello
    /// #       parameters: [{name: times, in: query, required: true, schema: {type: integer, minimum: -1}}]
    /// #       responses: {"200": {description: a greeting}}
    /// # "#)?;
    /// #[derive(serde::Deserialize)]
    /// struct Hello { times: u64 }
    ///
    /// // `times` may be -1.
    /// let api = Api::from_document(document).operation("hello", async |Params(hello): Params<Hello>| "Hello!");
    /// let faults = api.build(()).unwrap_err();
    /// assert_eq!(faults[0].code, DiagnosticCode::HandlerMismatch);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn try_handlers(mut self, on: bool) -> Self {
        self.options.try_handlers = on;
        self
    }

    /// Whether query parameters, fields of forms and cookies that the document does not have are refused; on by
    /// default. Cookies are looked at only in operations for which the document has some.
    ///
    /// ```
    /// # use connexion::{Api, Body, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// # async fn hello() -> Body<serde_json::Value> { Body(serde_json::json!({"text": "Hello!"})) }
    /// let api = Api::from_document(document).operation("hello", hello);
    /// let service = api.strict_parameters(false).build(())?;
    /// // Otherwise it would be 400.
    /// assert_eq!(service.handle(get("/hello/Ann?x=1")?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn strict_parameters(mut self, on: bool) -> Self {
        self.options.strict_parameters = on;
        self
    }

    /// Whether a discriminator decides which values are valid; off by default, as OpenAPI 3.0.4, 3.1.2 and 3.2.0 require.
    ///
    /// With it the property must be there and name one of the schemas, and that one alone counts, whether or not others
    /// of `oneOf` allow the value, too. Without it the discriminator only chooses whose errors are reported; a value of a
    /// schema that others build on by `allOf` is held against the one that it names, if it names one.
    ///
    /// ```
    /// # use connexion::{Api, Document, PathValues};
    /// let document = Document::parse("zoo.yaml", r##"
    /// openapi: 3.1.0
    /// info: {title: Zoo, version: "1"}
    /// paths:
    ///   /animals:
    ///     post:
    ///       operationId: add
    ///       requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Animal"}}}}
    ///       responses: {"200": {description: it was added}}
    /// components:
    ///   schemas:
    ///     Animal: {oneOf: [{$ref: "#/components/schemas/Cat"}], discriminator: {propertyName: kind}}
    ///     Cat: {type: object, properties: {kind: {type: string}}}
    /// "##)?;
    /// for (strict, is_valid) in [(false, true), (true, false)] {
    ///     let api = Api::from_document(document.clone()).operation("add", async || ());
    ///     let service = api.strict_discriminator(strict).build(())?;
    ///     let headers = http::HeaderMap::from_iter([(
    ///         http::header::CONTENT_TYPE,
    ///         http::HeaderValue::from_static("application/json"),
    ///     )]);
    ///     let operation = service.operations().next().unwrap();
    ///     let found = operation.validate_request(&PathValues::default(), None, &headers, br#"{"kind": "Lion"}"#);
    ///     assert_eq!(found.is_ok(), is_valid);
    /// }
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn strict_discriminator(mut self, on: bool) -> Self {
        self.options.strict_discriminator = on;
        self
    }

    /// Whether a request whose `Accept` allows none of the types that the document describes for success is refused
    /// with 406; on by default. Otherwise it is answered as if it had no such header (RFC 9110, section 12.5.1
    /// leaves the choice).
    ///
    /// A handler learns from [`Accept`](crate::Accept) which type is wanted.
    ///
    /// ```
    /// # use connexion::{Api, Body, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # async fn hello() -> Body<serde_json::Value> { Body(serde_json::json!({"text": "Hello!"})) }
    /// let api = Api::from_document(document).operation("hello", hello);
    /// let service = api.strict_accept(false).build(())?;
    /// let request = http::Request::get("/hello/Ann").header("Accept", "image/png");
    /// // Otherwise it would be 406.
    /// assert_eq!(service.handle(request.body(axum::body::Body::empty())?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn strict_accept(mut self, on: bool) -> Self {
        self.options.strict_accept = on;
        self
    }

    /// Sets whether an encoded comma (`%2C`) separates the items of an array in a query; off by default.
    ///
    /// Without it, `?tags=a%2Cb` is the one item `a,b` where items are strings, as the style `form` has it (RFC 6570).
    /// Browsers, `requests`, httpx and other clients always encode the comma, so a service for them may want it.
    ///
    /// ```
    /// # use connexion::{Api, Document, PathValues};
    /// # let document = Document::parse("tags.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Tags, version: "1"}
    /// # paths:
    /// #   /tags:
    /// #     get:
    /// #       operationId: tags
    /// #       parameters: [{name: tags, in: query, explode: false, schema: {type: array, items: {type: string}}}]
    /// #       responses: {"200": {description: some}}
    /// # "#)?;
    /// let service = Api::from_document(document).split_encoded_commas(true).stub(true).build(())?;
    /// let tags = service.operations().next().ok_or("there is none")?;
    /// let headers = http::HeaderMap::new();
    /// let input = tags.validate_request(&PathValues::default(), Some("tags=a%2Cb"), &headers, b"");
    /// assert_eq!(input.map_err(|_| "refused")?.parameters["tags"], serde_json::json!(["a", "b"]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn split_encoded_commas(mut self, on: bool) -> Self {
        self.options.split_encoded_commas = on;
        self
    }

    /// Follows the conventions of another library: which numbers are integers, how messages write values, and which
    /// `Content-Type` a JSON body may have. It holds for requests, responses and the validators that [`Api::validator`]
    /// makes after it.
    ///
    /// [`Compat::Connexion`] accepts every type of JSON, such as `application/vnd.api+json`, where the document describes
    /// `application/json`, and refuses a body without `Content-Type`. Otherwise only the described types are accepted, and
    /// a body without type is read as the described type if there is only one (RFC 9110, section 8.3).
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

    /// Adds a `format` for texts, or replaces one of JSON Schema's.
    ///
    /// Values that are no texts pass whatever it says. A format that nobody has added is not checked, with a warning.
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
    ///     .format("even", |text| text.chars().count() % 2 == 0)
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

    /// Adds a type of bodies that is neither JSON nor a text nor a form: `decode` makes a JSON value of the bytes, which is
    /// checked against the schema, as JSON is, and read by [`Body`](crate::Body).
    ///
    /// Such a body is held in memory: [`Api::body_limit`] and [`Api::value_limit`] hold for it, and an object or array may lie
    /// within others 128 levels deep. What `decode` refuses is 400, with its error in the sentence. Answers of
    /// the type are read and checked in the same way. Of several functions for one type the last counts, before what the
    /// library does itself; of a range such as `application/*` the type is read if the document describes more than strings.
    ///
    /// ```
    /// # use connexion::{Api, Body, Document};
    /// # use serde_json::Value;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     post:
    /// #       operationId: hello
    /// #       requestBody: {required: true, content: {application/x-pair: {schema: {$ref: '#/components/schemas/Pair'}}}}
    /// #       responses: {"200": {description: a greeting}}
    /// # components:
    /// #   schemas:
    /// #     Pair: {type: array, minItems: 2, maxItems: 2, items: {type: integer, minimum: 0, maximum: 9}}
    /// # "#)?;
    /// // Two numbers, a byte each.
    /// let pair = |bytes: &[u8]| match bytes {
    ///     [one, two] => Ok(Value::from(vec![*one, *two])),
    ///     _ => Err("a pair has two bytes"),
    /// };
    /// let service = Api::from_document(document)
    ///     .body_type("application/x-pair", pair)
    ///     .operation("hello", async |Body(pair): Body<(u8, u8)>| format!("{pair:?}"))
    ///     .build(())?;
    /// let post = |body: &'static [u8]| {
    ///     let request = http::Request::post("/hello").header("Content-Type", "application/x-pair");
    ///     request.body(axum::body::Body::from(body))
    /// };
    /// assert_eq!(service.handle(post(&[1, 2])?).await.status(), 200);
    /// assert_eq!(service.handle(post(&[1, 10])?).await.status(), 400);
    /// assert_eq!(service.handle(post(&[1])?).await.status(), 400);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn body_type<E: std::fmt::Display>(
        mut self,
        media_type: &str,
        decode: impl Fn(&[u8]) -> Result<serde_json::Value, E> + Send + Sync + 'static,
    ) -> Self {
        self.body_types.push(BodyType::new(media_type, decode));
        self
    }

    /// Whether the `default` of a property is filled in where the property is absent from a body, and the `default` of a body
    /// where the whole body is; on by default. Handlers get it as if it had been sent.
    ///
    /// It is filled in after the body was checked, so a property that is `required` must be sent all the same. Properties of
    /// objects within objects, arrays, `allOf` and references are filled in; those that depend on the alternative of
    /// `oneOf` or `anyOf`, or on `if`, are not. A default that breaks its own schema is a warning, and is not filled in.
    ///
    /// ```
    /// # use connexion::{Api, Body, Document};
    /// # use serde_json::{Value, json};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     post:
    /// #       operationId: hello
    /// #       requestBody: {content: {application/json: {schema: {properties: {times: {type: integer, default: 1}}}}}}
    /// #       responses: {"200": {description: a greeting}}
    /// # "#)?;
    /// let api = Api::from_document(document).operation("hello", async |Body(body): Body<Value>| {
    ///     assert_eq!(body, json!({"times": 1}));
    /// });
    /// let request = http::Request::post("/hello").header("Content-Type", "application/json");
    /// assert_eq!(api.build(())?.handle(request.body("{}".into())?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn body_defaults(mut self, on: bool) -> Self {
        self.options.body_defaults = on;
        self
    }

    /// What happens to answers that break the document; [`ResponseValidation::Enforce`] by default.
    ///
    /// Problems that the library makes itself, such as a 400, are not looked at, so the document need not describe
    /// them.
    ///
    /// ```
    /// # use connexion::{Api, Document, ResponseValidation};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// // It answers with a text, where the document wants JSON.
    /// let api = Api::from_document(document).operation("hello", async || "Hello!");
    /// let service = api.response_validation(ResponseValidation::Log).build(())?;
    /// assert_eq!(service.handle(get("/hello/Ann")?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn response_validation(mut self, mode: ResponseValidation) -> Self {
        self.options.responses = mode;
        self
    }

    /// The same for the one operation with this `operationId`.
    ///
    /// Of several modes for one operation the last counts. An operation that the document does not have is a fault,
    /// told by [`Api::build`].
    ///
    /// ```
    /// # use connexion::{Api, Document, ResponseValidation};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let api = Api::from_document(document).operation("hello", async || "Hello!");
    /// let api = api.response_validation(ResponseValidation::Enforce).response_validation_of("hello", ResponseValidation::Off);
    /// assert_eq!(api.build(())?.handle(get("/hello/Ann")?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn response_validation_of(mut self, id: &str, mode: ResponseValidation) -> Self {
        self.responses_of.push((id.to_owned(), mode));
        self
    }

    /// Which share of the answers is looked at, from 0.0 to 1.0; all by default.
    ///
    /// They are spread evenly, not by chance. A share that is less or more is taken for the nearest of these.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// // It answers with a text, where the document wants JSON.
    /// let api = Api::from_document(document).operation("hello", async || "Hello!");
    /// let service = api.sample_response_validation(0.5).build(())?;
    /// assert_eq!(service.handle(get("/hello/Ann")?).await.status(), 200);
    /// assert_eq!(service.handle(get("/hello/Ann")?).await.status(), 500);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn sample_response_validation(mut self, share: f64) -> Self {
        self.options.response_share = share.clamp(0.0, 1.0);
        self
    }

    /// How many bytes a request's body may have that is held in memory, such as JSON; 2 MiB by default. A longer one
    /// is answered with 413.
    ///
    /// Exactly that many are allowed. Of an operation without `requestBody` no body is read, so it may have any length.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     post:
    /// #       operationId: hello
    /// #       requestBody: {content: {application/json: {}}}
    /// #       responses: {"200": {description: a greeting}}
    /// # "#)?;
    /// let api = Api::from_document(document).operation("hello", async || "Hello!");
    /// let service = api.body_limit(4).build(())?;
    /// let post = |body: &'static str| {
    ///     let request = http::Request::post("/hello").header("Content-Type", "application/json");
    ///     request.body(axum::body::Body::from(body))
    /// };
    /// assert_eq!(service.handle(post("1234")?).await.status(), 200);
    /// assert_eq!(service.handle(post("12345")?).await.status(), 413);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.options.limits.body = bytes;
        self
    }

    /// The same for bodies that are never in memory as a whole: those with files (`multipart/form-data`), which are
    /// kept in a temporary file, and those that handlers read as a [`ByteStream`](crate::ByteStream); 64 MiB by
    /// default.
    ///
    /// Whatever is set here, a form may have 1,000 parts, and those that are not files may have 2 MiB together.
    ///
    /// ```
    /// # use connexion::{Api, ByteStream, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     post:
    /// #       operationId: hello
    /// #       requestBody: {content: {image/png: {}}}
    /// #       responses: {"200": {description: a greeting}}
    /// # "#)?;
    /// let api = Api::from_document(document).operation("hello", async |_: ByteStream| "Hello!");
    /// let service = api.upload_limit(4).build(())?;
    /// let request = http::Request::post("/hello").header("Content-Type", "image/png");
    /// assert_eq!(service.handle(request.body("12345".into())?).await.status(), 413);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn upload_limit(mut self, bytes: usize) -> Self {
        self.options.limits.upload = bytes;
        self
    }

    /// How many values the JSON or the form of a request's body may hold: objects, arrays, strings, numbers, booleans and
    /// nulls, at any depth; 100,000 by default. One with more is answered with 413.
    ///
    /// A value takes up to 400 bytes of memory, of which a client sends two, so the limit on bytes alone does not limit
    /// memory: at 2 MiB and 100,000 values a request may take 40 MB, at 2 MiB and 10,000 values less than 16 MB.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     post:
    /// #       operationId: hello
    /// #       requestBody: {content: {application/json: {}}}
    /// #       responses: {"200": {description: a greeting}}
    /// # "#)?;
    /// let api = Api::from_document(document).operation("hello", async || "Hello!");
    /// let service = api.value_limit(3).build(())?;
    /// let post = |body: &'static str| {
    ///     let request = http::Request::post("/hello").header("Content-Type", "application/json");
    ///     request.body(axum::body::Body::from(body))
    /// };
    /// assert_eq!(service.handle(post("[1, 2]")?).await.status(), 200);
    /// assert_eq!(service.handle(post("[1, [2]]")?).await.status(), 413);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn value_limit(mut self, values: usize) -> Self {
        self.options.limits.values = values;
        self
    }

    /// How much memory the bodies of all requests in flight may take, together; without limit by default. A request whose
    /// body does not fit is answered with 503 and `Retry-After`.
    ///
    /// A body of up to 4 KiB with its values does not count, so that a few large ones can't stop everybody else. Of others
    /// each byte counts from when it is received until the handler has returned its response, and each value in the body
    /// (see [`Api::value_limit`]) as 256 bytes more. A [`ByteStream`](crate::ByteStream) does not count, since it is not in
    /// memory, nor do the files of a form, but for a buffer of 256 KiB.
    ///
    /// ```
    /// # use connexion::{Api, BodyMemory, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     post:
    /// #       operationId: hello
    /// #       requestBody: {content: {application/json: {}}}
    /// #       responses: {"200": {description: a greeting}}
    /// # "#)?;
    /// let api = Api::from_document(document).operation("hello", async || "Hello!");
    /// let service = api.body_memory(BodyMemory::new(5_000)).build(())?;
    /// let request = http::Request::post("/hello").header("Content-Type", "application/json");
    /// let response = service.handle(request.body(format!("\"{}\"", "x".repeat(5_000)).into())?).await;
    /// assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse()?));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn body_memory(mut self, memory: BodyMemory) -> Self {
        self.options.limits.memory = Some(memory);
        self
    }

    /// Whether properties of JSON bodies are skipped that no schema speaks of; off by default, when handlers get them.
    ///
    /// What is skipped costs no memory and does not count as values ([`Api::value_limit`]). An object of which a keyword
    /// looks at all properties, such as `additionalProperties` or `maxProperties`, or that is described by other keywords
    /// than `properties`, `required` and `allOf`, is kept as it is.
    ///
    /// ```
    /// # use connexion::{Api, Body, Document};
    /// # use serde_json::Value;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     post:
    /// #       operationId: hello
    /// #       requestBody: {content: {application/json: {schema: {type: object, properties: {name: {type: string}}}}}}
    /// #       responses: {"200": {description: a greeting}}
    /// # "#)?;
    /// let api = Api::from_document(document).operation("hello", async |body: Body<Value>| body);
    /// let service = api.skip_undescribed(true).build(())?;
    /// let request = http::Request::post("/hello").header("Content-Type", "application/json");
    /// let response = service.handle(request.body(r#"{"name": "Ann", "more": []}"#.into())?).await;
    /// let body = axum::body::to_bytes(response.into_body(), 1000).await?;
    /// assert_eq!(body, r#"{"name":"Ann"}"#);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn skip_undescribed(mut self, on: bool) -> Self {
        self.options.skip_undescribed = on;
        self
    }

    /// What stands before each path, such as `/v2`, instead of the paths of the document's servers (or its
    /// `basePath`), under all of which it is served. The document itself is under that of the first.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// # "#)?;
    /// let api = Api::from_document(document).base_path("/v2").serve_document(true);
    /// // Answers `/v2/hello` and `/v2/openapi.json`.
    /// let service = api.operation("hello", async || "Hello!").build(())?;
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// A path that can't stand before others, such as `/a/{b}` or `/a/../b`, is a fault, told by [`Api::build`]; a
    /// slash at its end means nothing.
    #[must_use]
    pub fn base_path(mut self, path: &str) -> Self {
        self.base_path = Some(path.to_owned());
        self
    }

    /// Compiles the schema of this name, of `components/schemas` (or `definitions`), for values that do not come in a
    /// request. It knows the formats that were added so far.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// let api = Api::<()>::from_document(document);
    /// let faults = api.validator("Nobody").unwrap_err();
    /// assert!(faults.to_string().contains("there is no schema `Nobody`"));
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// If there is none, or the document has faults.
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

    /// Compiles everything.
    ///
    /// `state` is what handlers take as axum's `State`. Diagnostics that are warnings only keep nothing from being served;
    /// they go to the log.
    ///
    /// ```
    /// # use connexion::{Api, DiagnosticCode, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// let api = Api::from_document(document).operation("hallo", async || "Hello!");
    /// let faults = api.build(()).unwrap_err();
    /// let codes: Vec<DiagnosticCode> = faults.iter().map(|fault| fault.code).collect();
    /// assert_eq!(codes, [DiagnosticCode::HandlerUnknown, DiagnosticCode::HandlerMissing]);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// Every fault of the document, every operation without a handler, every handler without an operation, and the
    /// same of security schemes and verifiers; warnings, too, if one of the faults is none.
    pub fn build(self, state: S) -> Result<ApiService, Diagnostics> {
        let Self {
            document,
            prefix: _,
            handlers,
            default_handlers: mut defaults,
            formats,
            body_types,
            verifiers,
            docs_security,
            responses_of,
            base_path,
            hooks,
            options,
            mut docs,
        } = self;
        let (mut faults, schemas) = document.examine(&formats, options.strict_discriminator);
        let own_base = base_path.map(|path| base(&document, &path, &mut faults));
        let known = Schemes::compile(&document, &verifiers, &mut faults);
        let docs_guard = docs_security.and_then(|one| known.guard_of(&one, &mut faults));
        let missing_guard = known.guard_of_missing(options.auth_all_paths, &mut faults);
        let rules = |source: &OperationCursor<'_>| Rules {
            guard: known.guard(&source.cursor),
            response_validation: mode_of(&source.id(), &responses_of).unwrap_or(options.responses),
            ..options.rules()
        };
        let own = (formats.as_slice(), body_types.as_slice());
        let compiled = operation::compile(&document, &schemas, own, rules, &mut faults);
        let (endpoints, templates) = placed(compiled, own_base.as_deref());
        unknown_modes(&document, &endpoints, &responses_of, &mut faults);
        let stub = || (String::new(), unbound(not_implemented));
        defaults.extend(options.stub.then(stub));
        let registered = Registered { handlers, defaults };
        let connected = registered.connect(&document, endpoints, &state, &mut faults);
        let endpoints = connected.tried(&document, &state, options.try_handlers, &mut faults);
        docs.check(&document, &mut faults);
        document.accept(faults)?;
        let base_path = own_base.unwrap_or_else(|| document.base_path());
        docs.load(&document, &base_path);
        Ok(ApiService::new(Served {
            templates,
            endpoints,
            base_path,
            hooks,
            limits: options.limits,
            response_share: options.response_share,
            docs,
            docs_guard,
            missing_guard,
            answered: AtomicU32::new(0),
        }))
    }
}

/// Operations with their positions, and the paths under which they are served, with the indices of the operations.
type Placed = (
    Vec<(crate::Position, Operation)>,
    Vec<(Arc<Template>, usize)>,
);

fn placed(compiled: Vec<(OperationCursor<'_>, Operation)>, base: Option<&str>) -> Placed {
    let (mut endpoints, mut templates) = (Vec::new(), Vec::new());
    for (source, operation) in compiled {
        let paths = paths(&source, base);
        templates.extend(paths.map(|template| (Arc::new(template), endpoints.len())));
        endpoints.push((source.cursor.node.at, operation));
    }
    (endpoints, templates)
}

/// The paths under which an operation is served; none if its own can't be read, which is reported by `check`.
fn paths(source: &OperationCursor<'_>, base: Option<&str>) -> impl Iterator<Item = Template> {
    let bases = match base {
        _ if Template::parse(source.path).is_err() => Vec::new(),
        Some(base) => vec![base.to_owned()],
        None => source.base_paths(),
    };
    let slashes = slash_parameters(&source.path_item, &source.cursor);
    bases.into_iter().filter_map(move |base| {
        let template = Template::parse(&format!("{base}{}", source.path)).ok()?;
        Some(template.with_slashes_in(&slashes))
    })
}

/// What is to stand before each path, as it was set.
fn base(document: &Document, path: &str, faults: &mut Vec<Diagnostic>) -> String {
    server::checked(path).unwrap_or_else(|message| {
        let at = document.paths_at();
        // The application's own, so this is an error in a lenient document, too.
        faults.push(Diagnostic::new(
            document.file(at),
            DiagnosticCode::PathInvalid,
            at,
            message,
        ));
        String::new()
    })
}

/// What was set for the answers of an operation, last.
fn mode_of(operation: &str, modes: &[(String, ResponseValidation)]) -> Option<ResponseValidation> {
    let mut modes = modes.iter().rev();
    let (_, mode) = modes.find(|(id, _)| id == operation)?;
    Some(*mode)
}

/// Nobody must believe that the answers of an operation are checked which does not exist.
fn unknown_modes(
    document: &Document,
    operations: &[(crate::Position, Operation)],
    modes: &[(String, ResponseValidation)],
    faults: &mut Vec<Diagnostic>,
) {
    for (id, _) in modes {
        if !operations.iter().any(|(_, known)| known.id() == id) {
            let message = format!("there is no operation `{id}` whose answers could be checked");
            faults.push(document.diagnostic(
                DiagnosticCode::HandlerUnknown,
                document.paths_at(),
                message,
            ));
        }
    }
}

fn unbound<S, H, T>(handler: H) -> Unbound<S>
where
    S: Clone + Send + Sync + 'static,
    H: Handler<T, S>,
    T: Arguments<S>,
{
    let with_state = Box::new(move |state: S| {
        let handler = handler.clone();
        let endpoint: Endpoint =
            Box::new(move |request| Box::pin(handler.clone().call(request, state.clone())));
        endpoint
    });
    let readers = T::readers();
    Unbound {
        with_state,
        readers,
    }
}

/// The handler of an operation that has none yet.
async fn not_implemented(id: OperationId) -> Problem {
    let id = id.as_str();
    let detail = format!("The operation '{id}' is not implemented yet.");
    Problem::new(StatusCode::NOT_IMPLEMENTED, detail).of_library()
}

/// An operation with its handler.
struct WithHandler<S> {
    at: crate::Position,
    operation: Arc<Operation>,
    endpoint: Endpoint,
    /// How the handler is tried.
    readers: Vec<Reader<S>>,
}

impl<S: Clone> Unbound<S> {
    fn bind(&self, at: crate::Position, operation: Arc<Operation>, state: &S) -> WithHandler<S> {
        WithHandler {
            at,
            operation,
            endpoint: (self.with_state)(state.clone()),
            readers: self.readers.clone(),
        }
    }
}

/// The operations that have handlers.
struct Connected<S> {
    all: Vec<WithHandler<S>>,
}

impl<S> Connected<S> {
    /// The operations with their handlers. Unless that is switched off, what the document allows is read into what the
    /// handlers take.
    fn tried(
        self,
        document: &Document,
        state: &S,
        is_on: bool,
        faults: &mut Vec<Diagnostic>,
    ) -> Vec<(Arc<Operation>, Endpoint)> {
        // A schema with an error allows anything, so nothing can be said of its values.
        let is_sound = |fault: &Diagnostic| fault.code.severity() == Severity::Warning;
        let is_on = is_on && faults.iter().all(is_sound);
        let mut made = ValidValues::default();
        let mut endpoints = Vec::with_capacity(self.all.len());
        for one in self.all {
            let WithHandler {
                at,
                operation,
                endpoint,
                readers,
            } = one;
            if is_on && operation.unserved.is_none() {
                let found = arguments::try_on(document, at, &operation, &readers, state, &mut made);
                faults.extend(found);
            }
            endpoints.push((operation, endpoint));
        }
        endpoints
    }
}

/// The handlers by the names of their operations, and the default ones by what those names begin with.
struct Registered<S> {
    handlers: Vec<(String, Unbound<S>)>,
    defaults: Vec<(String, Unbound<S>)>,
}

impl<S: Clone + Send + Sync + 'static> Registered<S> {
    /// Gives each operation its handler, or of the default ones the first of those with the longest prefix.
    fn connect(
        &self,
        document: &Document,
        operations: Vec<(crate::Position, Operation)>,
        state: &S,
        faults: &mut Vec<Diagnostic>,
    ) -> Connected<S> {
        let mut connected = Vec::<WithHandler<S>>::new();
        let mut used = vec![false; self.handlers.len()];
        for (at, operation) in operations {
            let operation = Arc::new(operation);
            let name = operation.handler.as_str();
            let defaults = self.defaults.iter();
            let fitting = defaults.filter(|(prefix, _)| name.starts_with(prefix.as_str()));
            let default = fitting.rev().max_by_key(|(prefix, _)| prefix.len());
            let mut own = self.handlers.iter().zip(&mut used);
            if let Some(((_, handler), used)) = own.find(|((known, _), _)| known == name) {
                *used = true;
                connected.push(handler.bind(at, operation, state));
            } else if let Some((_, handler)) = default {
                connected.push(handler.bind(at, operation, state));
            } else if operation.unserved.is_some() {
                connected.push(unbound(not_implemented).bind(at, operation, state));
            } else if !connected.iter().any(|one| one.operation.handler == name) {
                // An operationId that is used twice is reported by `check`.
                let message = format!("the operation `{name}` has no handler");
                faults.push(document.diagnostic(DiagnosticCode::HandlerMissing, at, message));
            }
        }
        let unused = self.handlers.iter().zip(used).filter(|(_, used)| !used);
        for ((id, _), _) in unused {
            let (code, message) = if connected.iter().any(|one| one.operation.handler == *id) {
                let message = format!("there is a second handler for `{id}`");
                (DiagnosticCode::HandlerDuplicate, message)
            } else {
                let message = format!(
                    "there is a handler for `{id}`, but no operation with this operationId"
                );
                (DiagnosticCode::HandlerUnknown, message)
            };
            faults.push(document.diagnostic(code, document.paths_at(), message));
        }
        Connected { all: connected }
    }
}
