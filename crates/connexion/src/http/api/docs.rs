//! Settings of an [`Api`]: the served document and its page.

#[cfg(feature = "swagger-ui")]
use serde_json::Value;

use super::Api;

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Whether `/openapi.json` and `/openapi.yaml` are served, under the base path; off by default. A document in
    /// Swagger 2.0 is at `/swagger.json` and `/swagger.yaml`, too.
    ///
    /// If the document describes one of these addresses itself, its operation is asked.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let api = Api::from_document(document).stub(true).serve_document(true);
    /// assert_eq!(api.build(())?.handle(get("/openapi.json")?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn serve_document(mut self, on: bool) -> Self {
        self.docs.document = on;
        self
    }

    /// Sets where the document is served, under the base path: as JSON at `path`, such as `/spec.json`, and as YAML at
    /// the same path with `.yaml` instead of `.json`, if it ends so.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let api = Api::from_document(document).stub(true).serve_document(true);
    /// let service = api.document_path("/docs/spec.json").build(())?;
    /// assert_eq!(service.handle(get("/docs/spec.yaml")?).await.status(), 200);
    /// assert_eq!(service.handle(get("/openapi.json")?).await.status(), 404);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What can't be a path is a fault, told by [`Api::build`].
    #[must_use]
    pub fn document_path(mut self, path: &str) -> Self {
        self.docs.document_path = Some(path.to_owned());
        self
    }

    /// Leaves extensions (`x-…`) out of the served document for which `is_hidden` returns `true`: what the document says
    /// to the service is not for its clients. Handlers see them nevertheless, by
    /// [`CurrentOperation`](crate::CurrentOperation).
    ///
    /// Only extensions are asked about, not what merely has such a name: a property, a header, a schema, data in an
    /// example. An extension that a `$ref` leads into has to stay.
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
    /// #     get: {operationId: hello, x-table: greeting, responses: {"200": {description: a greeting}}}
    /// # "#)?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let api = Api::from_document(document).stub(true).serve_document(true);
    /// let service = api.hide_extensions(|name| name == "x-table").build(())?;
    /// let response = service.handle(get("/openapi.yaml")?).await;
    /// let body = axum::body::to_bytes(response.into_body(), 10_000).await?;
    /// assert!(!String::from_utf8_lossy(&body).contains("x-table"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn hide_extensions(
        mut self,
        is_hidden: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.docs.is_hidden = Some(Box::new(is_hidden));
        self
    }

    /// Whether a proxy's header `X-Forwarded-Prefix: /proxy` is believed; off by default. The served document
    /// then tells clients to put it before each path. What is no plain path is ignored.
    ///
    /// Clients can send this header too: switch it on only behind a proxy that sets or removes it.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// let api = Api::from_document(document).stub(true).serve_document(true);
    /// let service = api.trust_forwarded_prefix(true).build(())?;
    /// let request = http::Request::get("/openapi.json").header("X-Forwarded-Prefix", "/proxy");
    /// let answer = service.handle(request.body(axum::body::Body::empty())?).await;
    /// let body = axum::body::to_bytes(answer.into_body(), 10_000).await?;
    /// assert!(body.ends_with(br#""servers":[{"url":"/proxy"}]}"#));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn trust_forwarded_prefix(mut self, on: bool) -> Self {
        self.docs.trust_forwarded_prefix = on;
        self
    }

    /// Whether the Swagger UI page `/ui/` is served; off by default. It reads the document, which is then
    /// served too.
    ///
    /// Nothing of the page is loaded from elsewhere. Needs the feature `swagger-ui`.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let service = Api::from_document(document).stub(true).swagger_ui(true).build(())?;
    /// assert_eq!(service.handle(get("/ui/")?).await.status(), 200);
    /// assert_eq!(service.handle(get("/openapi.json")?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "swagger-ui")]
    #[must_use]
    pub fn swagger_ui(mut self, on: bool) -> Self {
        self.docs.ui = on;
        self
    }

    /// Sets where the page is served, under the base path: `/ui` unless it is set, which stands for the page `/ui/` and
    /// its files. An empty path or `/` stands for the base path itself.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let api = Api::from_document(document).stub(true).swagger_ui(true);
    /// let service = api.swagger_ui_path("/docs").build(())?;
    /// assert_eq!(service.handle(get("/docs/")?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "swagger-ui")]
    #[must_use]
    pub fn swagger_ui_path(mut self, path: &str) -> Self {
        path.strip_suffix('/')
            .unwrap_or(path)
            .clone_into(&mut self.docs.ui_path);
        self
    }

    /// Sets an option of Swagger UI, such as `docExpansion`; its documentation lists them under "Configuration". What is
    /// a function in JavaScript can't be set.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// let api = Api::<()>::from_document(document)
    ///     .swagger_ui(true)
    ///     .swagger_ui_option("docExpansion", "none")
    ///     .swagger_ui_option("defaultModelsExpandDepth", -1);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    #[cfg(feature = "swagger-ui")]
    #[must_use]
    pub fn swagger_ui_option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.docs.ui_options.insert(name.to_owned(), value.into());
        self
    }
}
