//! Settings of an [`Api`]: the served document and the docs page.

#[cfg(feature = "swagger-ui")]
use serde_json::Value;

use super::Api;

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Sets whether the document is served, as `/openapi.json` and `/openapi.yaml` under the base path; off by default.
    ///
    /// A Swagger 2.0 document is also served as `/swagger.json` and `/swagger.yaml`. If the document has an operation at one
    /// of these paths, the operation takes precedence.
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

    /// Sets the path of the served document, such as `/spec.json`, under the base path.
    ///
    /// If the path ends with `.json`, the same path with `.yaml` serves the document as YAML.
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
    /// [`Api::build`] reports an invalid path as an error.
    #[must_use]
    pub fn document_path(mut self, path: &str) -> Self {
        self.docs.document_path = Some(path.to_owned());
        self
    }

    /// Removes the extensions (`x-…`) for which `is_hidden` returns `true` from the served document.
    ///
    /// Handlers still see them by [`CurrentOperation`](crate::CurrentOperation).
    ///
    /// Only extensions are removed, not properties, headers, schemas or data of examples with such a name. An extension that
    /// a `$ref` points into is kept.
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

    /// Sets whether the header `X-Forwarded-Prefix: /proxy` of a proxy is trusted; off by default.
    ///
    /// If it is on, the served document has the prefix before the path of its server. An invalid prefix is ignored.
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
    /// let response = service.handle(request.body(axum::body::Body::empty())?).await;
    /// let body = axum::body::to_bytes(response.into_body(), 10_000).await?;
    /// assert!(body.ends_with(br#""servers":[{"url":"/proxy"}]}"#));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn trust_forwarded_prefix(mut self, on: bool) -> Self {
        self.docs.trust_forwarded_prefix = on;
        self
    }

    /// Sets whether Swagger UI is served at `/ui/`, together with the document that it shows; off by default.
    ///
    /// The page loads nothing from other hosts. Requires the feature `swagger-ui`.
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

    /// Sets the path of Swagger UI under the base path; `/ui` by default, for the page `/ui/` and its files.
    ///
    /// An empty path or `/` is the base path itself.
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

    /// Sets an option of Swagger UI, such as `docExpansion`.
    ///
    /// Its documentation lists the options under "Configuration". Options whose value is a JavaScript function can't be set.
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
