//! One request through a served API: one straight function, no stack of middlewares.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderValue, Method, StatusCode, header};

use crate::{
    http::{
        docs_page::Docs,
        extract::{OperationId, Validated},
        method::{allow, other_method},
        request_body::{self as incoming, Incoming},
        response_validation as answer,
    },
    operation::{
        Operation, Responses,
        memory::Limits,
        path::{PathValues, Routes},
    },
    problem::{LibraryProblem, Problem, Violations},
    security::Guard,
};

/// A served API: a [`tower::Service`] for HTTP requests, cheap to clone.
///
/// It has no error: what goes wrong is an answer, and a handler that panics is one of 500.
///
/// ```
/// # use connexion::{Api, Body, Document};
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let document = Document::load("examples/hello.yaml")?;
/// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
/// # async fn hello() -> Body<serde_json::Value> { Body(serde_json::json!({"text": "Hello!"})) }
/// use tower::ServiceExt;
///
/// let service = Api::from_document(document).operation("hello", hello).build(())?;
/// assert_eq!(service.clone().oneshot(get("/hello/Ann")?).await?.status(), 200);
/// // Behind whatever else the program serves.
/// let router: axum::Router = axum::Router::new().fallback_service(service);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ApiService {
    inner: Arc<Served>,
    /// Whoever is asked for a path that `inner` does not have.
    next: Option<Arc<ApiService>>,
}

/// A handler with its state.
pub(crate) type Endpoint = Box<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

/// Changes the problems of the library.
pub(crate) type ProblemHook = Box<dyn Fn(&mut Problem) + Send + Sync>;

/// What a service knows of its document.
pub(crate) struct Served {
    /// Indices into `endpoints`, by path template.
    pub(crate) routes: Routes<Vec<usize>>,
    pub(crate) endpoints: Vec<(Operation, Endpoint)>,
    pub(crate) base_path: String,
    pub(crate) problem_hook: ProblemHook,
    pub(crate) limits: Limits,
    /// Which share of the answers is looked at.
    pub(crate) response_share: f64,
    pub(crate) docs: Docs,
    /// Who may read the document.
    pub(crate) docs_guard: Option<Guard>,
    /// How many answers there were, to look at every so many.
    pub(crate) answered: AtomicU32,
}

impl std::fmt::Debug for ApiService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.operations().map(Operation::id))
            .finish()
    }
}

impl ApiService {
    pub(crate) fn new(served: Served) -> Self {
        Self {
            inner: Arc::new(served),
            next: None,
        }
    }

    /// The operations, in the order of the document, then those of the services joined to it.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// let service = Api::from_document(document).stub(true).build(())?;
    /// let ids: Vec<&str> = service.operations().map(|operation| operation.id()).collect();
    /// assert_eq!(ids, ["hello"]);
    /// # Ok::<(), connexion::Faults>(())
    /// ```
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        let endpoints = self.all().flat_map(|service| &service.inner.endpoints);
        endpoints.map(|(operation, _)| operation)
    }

    /// Serves several documents from one program: a path that this service does not have is looked for in the
    /// `other` one. What none has is 404.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let text = r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// # "#;
    /// let first = Api::from_document(Document::parse("first.yaml", text)?).base_path("/v1");
    /// let second = Api::from_document(Document::parse("second.yaml", text)?).base_path("/v2");
    /// let first = first.operation("hello", async || "Hello!").build(())?;
    /// let second = second.operation("hello", async || "Good day!").build(())?;
    /// let service = first.and(second);
    /// # Ok::<(), connexion::Faults>(())
    /// ```
    ///
    /// Of a path that both have the first one answers, with 405 for a method that only the other has.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let next = match self.next {
            None => other,
            Some(next) => Arc::unwrap_or_clone(next).and(other),
        };
        Self {
            inner: self.inner,
            next: Some(Arc::new(next)),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |service| service.next.as_deref())
    }

    /// The one that has this path; the first if none has, whose 404 it is then.
    fn responsible(&self, path: &str) -> &Served {
        let mut all = self.all().filter(|_| self.next.is_some());
        let found = all.find(|service| service.inner.has(path));
        &found.unwrap_or(self).inner
    }

    /// Answers one request.
    ///
    /// Whoever observes it finds an [`OperationId`] among the answer's extensions if there is an operation for the
    /// request, and [`Violations`] if the request was refused for some. The field `operation_id` of the current
    /// span is recorded.
    ///
    /// HEAD is answered as GET without the body, and OPTIONS with `Allow`, unless the document describes them.
    ///
    /// ```
    /// # use connexion::{Api, Body, Document};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let get = |path: &str| http::Request::get(path).body(axum::body::Body::empty());
    /// # async fn hello() -> Body<serde_json::Value> { Body(serde_json::json!({"text": "Hello!"})) }
    /// let service = Api::from_document(document).operation("hello", hello).build(())?;
    /// assert_eq!(service.handle(get("/hello/Ann")?).await.status(), 200);
    /// assert_eq!(service.handle(get("/nowhere")?).await.status(), 404);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn handle(&self, request: Request) -> Response {
        let is_head = request.method() == Method::HEAD;
        let inner = self.responsible(request.uri().path());
        let mut response = match AssertUnwindSafe(inner.route(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(problem)) => inner.refuse(problem),
            // The panic's message is in the log already, written by the panic hook.
            Err(_) => inner.refuse(Problem::internal()),
        };
        if is_head {
            // These must not have the header (RFC 9110, section 8.6).
            let may_have_body = !matches!(
                response.status(),
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
            let length = response.body().size_hint().exact();
            if let Some(length) = length.filter(|_| may_have_body) {
                response
                    .headers_mut()
                    .entry(header::CONTENT_LENGTH)
                    .or_insert(length.into());
            }
            *response.body_mut() = Body::empty();
        }
        response
    }
}

impl Served {
    fn has(&self, path: &str) -> bool {
        let docs = || {
            self.docs.answer(
                &Method::GET,
                path.strip_prefix(&self.base_path)?,
                &http::HeaderMap::new(),
            )
        };
        self.routes.find(path).is_some() || docs().is_some()
    }

    async fn route(&self, request: Request) -> Result<Response, Problem> {
        let found = self.routes.find(request.uri().path());
        // The document may describe these addresses itself, but a template that fits them doesn't.
        if found.as_ref().is_none_or(|(_, path)| !path.is_empty())
            && let Some(path) = request.uri().path().strip_prefix(&self.base_path)
            && let Some(answer) = self.docs.answer(request.method(), path, request.headers())
        {
            if let Some(guard) = &self.docs_guard {
                guard
                    .check(request.uri().query(), request.headers())
                    .await?;
                return answer.map(private);
            }
            return answer;
        }
        let Some((indices, path)) = found else {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "There is nothing at this address.",
            ));
        };
        let endpoints = || indices.iter().filter_map(|i| self.endpoints.get(*i));
        let find =
            |method: &Method| endpoints().find(|(operation, _)| operation.method() == method);
        let method = request.method();
        let found = find(method).or_else(|| {
            if method == Method::HEAD {
                find(&Method::GET)
            } else {
                None
            }
        });
        let Some((operation, endpoint)) = found else {
            let methods = endpoints().map(|(operation, _)| operation.method());
            return other_method(method, allow(methods));
        };
        // For the caller's span, if it has this field.
        tracing::Span::current().record("operation_id", operation.id());
        let answer = self.call(operation, endpoint, path, request).await;
        let mut response = answer.unwrap_or_else(|problem| self.refuse(problem));
        if operation.rules.guard.is_some() {
            response = private(response);
        }
        let id = OperationId::new(operation.shared_id());
        response.extensions_mut().insert(id);
        Ok(response)
    }

    async fn call(
        &self,
        operation: &Operation,
        endpoint: &Endpoint,
        path: PathValues,
        request: Request,
    ) -> Result<Response, Problem> {
        let (mut parts, body) = request.into_parts();
        if let Some(guard) = &operation.rules.guard {
            let principal = guard.check(parts.uri.query(), &parts.headers).await?;
            if let Some(principal) = principal {
                parts.extensions.insert(principal);
            }
        }
        let mut incoming = match operation.reading(&parts.headers) {
            Some(reading) => incoming::read(reading, &parts.headers, body, &self.limits).await?,
            None => Incoming::default(),
        };
        let (input, values) = {
            let (room, received) = (operation.room(), incoming.received());
            let query = parts.uri.query();
            let input = operation.validate(&path, query, &parts.headers, received, &room)?;
            (input, room.taken())
        };
        let held = incoming.hold(values)?;
        let id = operation.shared_id();
        parts.extensions.insert(Validated { id, input });
        let body = incoming.hand_over(&mut parts.extensions);
        let mut response = endpoint(Request::from_parts(parts, body)).await;
        drop(held);
        if let Some(LibraryProblem(problem)) = response.extensions_mut().remove() {
            return Err(problem);
        }
        let checked = match operation.rules.answers {
            Responses::Off => response,
            mode if self.is_sampled() => answer::check(operation, response, mode).await?,
            _ => response,
        };
        if answer::is_items(&checked) {
            // In a box: other responses need not carry the room that this takes.
            return Box::pin(answer::begin(checked)).await;
        }
        Ok(checked)
    }

    /// Whether this answer is one of those that are looked at, which are spread evenly.
    fn is_sampled(&self) -> bool {
        let share = self.response_share;
        if share >= 1.0 {
            return true;
        }
        let before = f64::from(self.answered.fetch_add(1, Ordering::Relaxed));
        (before * share).floor() < ((before + 1.0) * share).floor()
    }

    fn refuse(&self, mut problem: Problem) -> Response {
        (self.problem_hook)(&mut problem);
        let violations = Violations(Arc::from(problem.errors.as_slice()));
        let mut response = problem.into_response();
        if !violations.0.is_empty() {
            response.extensions_mut().insert(violations);
        }
        response
    }
}

/// Keeps a response that credentials were needed for out of shared caches, unless it says itself how it may be cached.
/// RFC 9111, section 3.5, protects only what `Authorization` was sent for, not keys in other headers or in cookies.
fn private(mut response: Response) -> Response {
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-cache"));
    response
}

impl tower::Service<Request> for ApiService {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.handle(request).await) })
    }
}
