//! Settings of an [`Api`]: limits on the bodies of requests.

use super::Api;
use crate::operation::memory::BodyMemory;

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Limits the length of a request's body that is held in memory, such as JSON; 2 MiB by default.
    ///
    /// A longer body gets a 413. The body of a request for an operation without `requestBody` is not read, so its length is
    /// not limited.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("docs/examples/echo.yaml")?;
    /// let api = Api::from_document(document).operation("echo", async || "Hello!");
    /// let service = api.body_limit(4).build(())?;
    /// let post = |body: &'static str| {
    ///     let request = http::Request::post("/echo").header("Content-Type", "application/json");
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

    /// Limits the length of a request's body that is not held in memory as a whole; 64 MiB by default.
    ///
    /// These are forms with files (`multipart/form-data`), whose files are stored in temporary files, and bodies that
    /// handlers read as a [`ByteStream`](crate::ByteStream). A longer body gets a 413.
    ///
    /// Independently of this limit, a form may have 1,000 parts, and those that are not files may have 2 MiB together.
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

    /// Limits the number of values in the JSON or the form of a request's body; 100,000 by default.
    ///
    /// Objects, arrays, strings, numbers, booleans and nulls count, at any depth. A body with more values gets a 413.
    ///
    /// A value takes up to 400 bytes of memory but only two bytes of the body, so the limit on bytes does not limit memory:
    /// at 2 MiB and 100,000 values a request may take 40 MB, at 2 MiB and 10,000 values less than 16 MB.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("docs/examples/echo.yaml")?;
    /// let api = Api::from_document(document).operation("echo", async || "Hello!");
    /// let service = api.value_limit(3).build(())?;
    /// let post = |body: &'static str| {
    ///     let request = http::Request::post("/echo").header("Content-Type", "application/json");
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

    /// Limits the memory that the bodies of all requests in flight take together; unlimited by default.
    ///
    /// A request whose body does not fit gets a 503 with `Retry-After`.
    ///
    /// A body of up to 4 KiB with its values does not count, so that a few large bodies can't block all other requests. Each
    /// byte of a larger body counts from when it is received until the handler has returned its response, and each value in
    /// it (see [`Api::value_limit`]) counts as 256 bytes more. A [`ByteStream`](crate::ByteStream) does not count, since it
    /// is not in memory, nor do the files of a form, except for a buffer of 256 KiB.
    ///
    /// ```
    /// # use connexion::{Api, BodyMemory, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("docs/examples/echo.yaml")?;
    /// let api = Api::from_document(document).operation("echo", async || "Hello!");
    /// let service = api.body_memory(BodyMemory::new(5_000)).build(())?;
    /// let request = http::Request::post("/echo").header("Content-Type", "application/json");
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
}
