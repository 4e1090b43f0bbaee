//! Settings of an [`Api`]: the validation of responses.

use super::Api;
use crate::operation::ResponseValidation;

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Sets how responses are validated; [`ResponseValidation::Enforce`] by default.
    ///
    /// Problems that the library makes itself, such as a 400, are not validated, so the document need not describe them.
    ///
    /// ```
    /// # use connexion::{Api, Document, ResponseValidation};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// // It returns plain text, where the document describes JSON.
    /// let api = Api::from_document(document).operation("hello", async || "Hello!");
    /// let service = api.response_validation(ResponseValidation::Log).build(())?;
    /// assert_eq!(service.handle(get("/hello/Ann")?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn response_validation(mut self, mode: ResponseValidation) -> Self {
        self.options.response_validation = mode;
        self
    }

    /// Overrides [`Api::response_validation`] for the operation with this `operationId`.
    ///
    /// The last mode of an operation counts. [`Api::build`] reports an operation that the document does not have as an
    /// error.
    ///
    /// ```
    /// # use connexion::{Api, Document, ResponseValidation};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let api = Api::from_document(document).operation("hello", async || "Hello!");
    /// let service = api.response_validation_of("hello", ResponseValidation::Off).build(())?;
    /// assert_eq!(service.handle(get("/hello/Ann")?).await.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn response_validation_of(mut self, id: &str, mode: ResponseValidation) -> Self {
        self.response_validations.push((id.to_owned(), mode));
        self
    }

    /// Sets the share of responses that is validated, from 0.0 to 1.0; all by default.
    ///
    /// The validated responses are spread evenly, not randomly. A share outside this range is clamped.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// // It returns plain text, where the document describes JSON.
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
}
