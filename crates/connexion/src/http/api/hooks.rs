//! Settings of an [`Api`]: hooks for problems and violations.

use std::sync::Arc;

use super::Api;
use crate::{
    http::hooks::RequestContext,
    problem::{Problem, Violation},
};

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Registers a hook that can change every problem before it is sent, the library's and the handlers'.
    ///
    /// It can change the type, the title, the detail and the `errors`. [`Violation`] and [`RequestContext`] have examples.
    /// [`Problem::is_of_library`] distinguishes the library's problems from the handlers'. A handler's problem is validated after the
    /// hook has run. A second hook replaces the first.
    ///
    /// With a hook the head of each request is copied, since the handler consumes the original.
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
    /// let response = service.handle(get("/nowhere")?).await;
    /// let body = axum::body::to_bytes(response.into_body(), 1000).await?;
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

    /// Registers a hook that is called for every violation in a response, to count them, for example.
    ///
    /// It is called when a response is validated ([`Api::response_validation`]), even if the response is sent nevertheless,
    /// and for a stream while it is sent. The log has only the first ten violations of a response. A second hook replaces the
    /// first.
    ///
    /// With a hook the head of each request is copied, since the handler consumes the original.
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

    /// Registers a hook that is called for every violation that a [`Validator`](crate::Validator) finds, such as in a row of
    /// a file or a message of a queue.
    ///
    /// It gets the violation and the name of the schema. Validators that were made before do not call it.
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
