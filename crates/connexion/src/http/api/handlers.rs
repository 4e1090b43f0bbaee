//! Settings of an [`Api`]: the handlers of its operations.

use axum::handler::Handler;

use super::{Api, registry::UnboundHandler};
use crate::http::arguments::Arguments;

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Registers the handler of the operation with this `operationId`.
    ///
    /// Every handler of axum is accepted. It takes what the document describes by [`Params`](crate::Params) and
    /// [`Body`](crate::Body).
    ///
    /// As in Python's connexion, `x-openapi-router-controller: people` (or `x-swagger-router-controller`) puts `people.`
    /// before the `operationId`. An operation without `operationId` has its method and path as its name, such as
    /// `get /people`.
    ///
    /// [`Api::build`] reports a second handler for an operation, and a handler without an operation, as errors.
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
        self.handlers.push((name, UnboundHandler::new(handler)));
        self
    }

    /// Registers handlers under a common prefix of their names.
    ///
    /// With the prefix `people`, `list` stands for `people.list` in `register`, and [`Api::fallback`] serves every other
    /// operation whose name starts with `people.`.
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
    /// Nested prefixes are joined by dots.
    #[must_use]
    pub fn nest(mut self, prefix: &str, register: impl FnOnce(Self) -> Self) -> Self {
        let nested = format!("{}{prefix}.", self.prefix);
        let outer = std::mem::replace(&mut self.prefix, nested);
        let mut api = register(self);
        api.prefix = outer;
        api
    }

    /// Registers the handler of every operation that has no handler of its own.
    ///
    /// The handler can distinguish operations by [`OperationId`](crate::OperationId).
    ///
    /// ```
    /// # use connexion::{Api, Document, OperationId};
    /// # let document = Document::load("docs/examples/hello.yaml")?;
    /// let service = Api::from_document(document)
    ///     .fallback(async |id: OperationId| id.as_str().to_owned())
    ///     .build(())?;
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// The first fallback of a prefix counts; see [`Api::nest`].
    #[must_use]
    pub fn fallback<H, T>(mut self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: Arguments<S>,
    {
        let prefix = self.prefix.clone();
        self.fallbacks.push((prefix, UnboundHandler::new(handler)));
        self
    }

    /// Sets whether operations without a handler respond with 501; off by default, when they are errors.
    ///
    /// Requests for them are validated first. [`Api::fallback`] counts as a handler.
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

    /// Sets whether the types of handlers are tried when the service is built; on by default.
    ///
    /// Values that an operation's schemas allow (the smallest, the largest, absent ones, `null` and other edge cases) are
    /// read into the [`Params`](crate::Params) and [`Body`](crate::Body) of its handler. A type that can't read one of them
    /// is an error, [`DiagnosticCode::HandlerMismatch`](crate::DiagnosticCode::HandlerMismatch). Without this check the
    /// first such request would get a 500.
    ///
    /// An `integer` without bounds is tried with the smallest and the largest `i64`. The handlers themselves do not run, and
    /// other extractors are not tried.
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
    /// let diagnostics = api.build(()).unwrap_err();
    /// assert_eq!(diagnostics[0].code, DiagnosticCode::HandlerMismatch);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn try_handlers(mut self, on: bool) -> Self {
        self.options.try_handlers = on;
        self
    }
}
