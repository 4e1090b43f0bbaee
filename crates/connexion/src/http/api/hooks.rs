//! Settings of an [`Api`]: functions that see problems and violations.

use std::sync::Arc;

use super::Api;
use crate::{
    http::hooks::RequestContext,
    problem::{Problem, Violation},
};

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Changes every problem before it is sent, those of the library and those of handlers: its kind and title, its
    /// sentences and those of its `errors`, their order. [`Violation`] and [`RequestContext`] have examples.
    ///
    /// [`Problem::is_of_library`] says whose a problem is. The document must describe a handler's problem as the function
    /// leaves it. A second function replaces the first.
    ///
    /// With a hook the head of each request is copied, since handlers take it apart.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// let service = Api::from_document(document)
    ///     .on_problem(|problem, _| problem.type_uri = "https://example.com/problem".into())
    ///     .stub(true)
    ///     .build(())?;
    /// let answer = service.handle(get("/nowhere")?).await;
    /// let body = axum::body::to_bytes(answer.into_body(), 1000).await?;
    /// assert!(body.starts_with(br#"{"type":"https://example.com/problem","title":"Not Found""#));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_problem(
        mut self,
        change: impl Fn(&mut Problem, &RequestContext) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.problem = Some(Box::new(change));
        self
    }

    /// Calls a function for every violation in a response, to count them, say. The log has the first ten of a response.
    ///
    /// It is called when a response is checked ([`Api::response_validation`]), also if the response is sent nevertheless. Of a
    /// stream it is called while the stream is sent. A second function replaces the first.
    ///
    /// With a hook the head of each request is copied, since handlers take it apart.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// use std::sync::{Arc, Mutex};
    ///
    /// let found = Arc::new(Mutex::new(Vec::new()));
    /// let list = Arc::clone(&found);
    /// let service = Api::from_document(document)
    ///     .operation("hello", async || "a string, though the document describes JSON")
    ///     .on_response_violation(move |violation, request| {
    ///         let operation = request.operation().map(|one| one.id().to_owned());
    ///         list.lock().unwrap().push((operation, violation.code()));
    ///     })
    ///     .build(())?;
    /// assert_eq!(service.handle(get("/hello/Ann")?).await.status(), 500);
    /// assert_eq!(*found.lock().unwrap(), [(Some("hello".to_owned()), "unsupported-type")]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_response_violation(
        mut self,
        report: impl Fn(&Violation, &RequestContext) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.response_violation = Some(Arc::new(report));
        self
    }

    /// Calls a function for every violation that a [`Validator`](crate::Validator) finds, with the name of its schema:
    /// in a row of a file, in a message of a queue. Validators that were made before do not call it.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::parse("age.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Age, version: "1"}
    /// # components: {schemas: {Age: {type: integer, minimum: 0}}}
    /// # "#)?;
    /// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
    ///
    /// let count = Arc::new(AtomicUsize::new(0));
    /// let counter = Arc::clone(&count);
    /// let api = Api::<()>::from_document(document).on_value_violation(move |_, schema| {
    ///     assert_eq!(schema, "Age");
    ///     counter.fetch_add(1, Ordering::Relaxed);
    /// });
    /// let age = api.validator("Age")?;
    /// assert!(age.check(&-1).is_err());
    /// assert_eq!(count.load(Ordering::Relaxed), 1);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn on_value_violation(
        mut self,
        report: impl Fn(&Violation, &str) + Send + Sync + 'static,
    ) -> Self {
        self.hooks.value_violation = Some(Arc::new(report));
        self
    }
}
