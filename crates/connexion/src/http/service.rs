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
    response::Response,
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};

use crate::{
    http::{
        docs_page::Docs,
        extract::{OperationId, Validated},
        hooks::{Hooks, RequestContext},
        method::{allow, other_method},
        request_body::{self as incoming, Incoming},
        response_validation as answer,
        unread::Unread,
    },
    operation::{
        Operation, Reading, ResponseValidation,
        memory::Limits,
        path::{PathValues, Routes, Template},
    },
    problem::Problem,
    security::{Guard, Principals},
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
    inner: Arc<Joined>,
}

/// The documents of a service, in one route table.
struct Joined {
    /// In the order in which they were joined.
    documents: Vec<Arc<Served>>,
    /// What each template leads to, at most one operation of each method and document.
    routes: Routes<Vec<Route>>,
}

/// An operation under one of its paths.
struct Route {
    served: Arc<Served>,
    endpoint: usize,
    template: Arc<Template>,
}

/// A handler with its state.
pub(crate) type Endpoint = Box<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

/// What a service knows of its document.
pub(crate) struct Served {
    /// The paths of the operations, each with an index into `endpoints`.
    pub(crate) templates: Vec<(Arc<Template>, usize)>,
    pub(crate) endpoints: Vec<(Arc<Operation>, Endpoint)>,
    pub(crate) base_path: String,
    pub(crate) hooks: Hooks,
    pub(crate) limits: Limits,
    /// Which share of the answers is looked at.
    pub(crate) response_share: f64,
    pub(crate) docs: Docs,
    /// Who may read the document.
    pub(crate) docs_guard: Option<Guard>,
    /// Who may know that a path or method is not in the document.
    pub(crate) missing_guard: Option<Guard>,
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
        Self::joined(vec![Arc::new(served)])
    }

    fn joined(documents: Vec<Arc<Served>>) -> Self {
        let mut routes = Routes::<Vec<Route>>::default();
        for served in &documents {
            for (template, endpoint) in &served.templates {
                routes.entry(template).push(Route {
                    served: Arc::clone(served),
                    endpoint: *endpoint,
                    template: Arc::clone(template),
                });
            }
        }
        let inner = Arc::new(Joined { documents, routes });
        Self { inner }
    }

    /// The operations, in the order of the document, then those of the services joined to it.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// let service = Api::from_document(document).stub(true).build(())?;
    /// let ids: Vec<&str> = service.operations().map(|operation| operation.id()).collect();
    /// assert_eq!(ids, ["hello"]);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        let documents = self.inner.documents.iter();
        let endpoints = documents.flat_map(|served| &served.endpoints);
        endpoints.map(|(operation, _)| &**operation)
    }

    /// Serves several documents from one program, in one route table: of all documents the most specific path template
    /// that has the method answers. What none has is 404.
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
    /// let service = first.merge(second);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// If both services have an operation of the same method and path, the one of this service answers. The same holds
    /// for the served document if both serve theirs at the same address.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let documents = [self, other].map(|service| service.inner.documents.clone());
        Self::joined(documents.concat())
    }

    /// Answers one request.
    ///
    /// Among the response's extensions are an [`OperationId`] if there is an operation for the request, and the
    /// [`Problem`] of which the response was made, if it is one. The field `operation_id` of the current span is
    /// recorded.
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
        let (served, target) = self.inner.target(&request);
        let (head, body) = request.into_parts();
        let mut body = Unread::new(body, head.version, &head.headers);
        let mut response = served.answer(target, head, &mut body).await;
        body.end(response.headers_mut()).await;
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

/// What a request leads to.
enum Target<'s> {
    Operation(&'s Arc<Operation>, &'s Endpoint, &'s Template),
    /// The served document, or a part of its page.
    Docs(Box<Response>),
    /// A path that does not have the method, but these.
    OtherMethod(HeaderValue),
    Nothing,
}

impl Joined {
    /// Finds what a request leads to, and in which document: the most specific template of all documents that has the
    /// method (OpenAPI 3.1, section 4.8.8.2). A less specific one than others that match is meant only if its values fit
    /// their schemas: `PUT /people/summary` is no request for the person whose number is `summary`. The addresses of the
    /// documents themselves come after the literal paths.
    fn target(&self, request: &Request) -> (&Served, Target<'_>) {
        let (method, path) = (request.method(), request.uri().path());
        let mut is_first = true;
        let route = self.routes.find(path, |routes| {
            let is_most_specific = std::mem::take(&mut is_first);
            of_method(routes, method).filter(|route| is_most_specific || route.fits(path))
        });
        let is_literal = route.is_some_and(|route| route.template.names().next().is_none());
        if matches!(*method, Method::GET | Method::HEAD)
            && !is_literal
            && let Some((served, response)) = self.docs(request)
        {
            return (served, Target::Docs(Box::new(response)));
        }
        if let Some(route) = route
            && let Some((operation, endpoint)) = route.endpoint()
        {
            let target = Target::Operation(operation, endpoint, &route.template);
            return (&route.served, target);
        }
        self.without_method(request)
    }

    /// Finds the served document, or the part of its page, at the address of a request.
    fn docs(&self, request: &Request) -> Option<(&Served, Response)> {
        self.documents.iter().find_map(|served| {
            let path = request.uri().path().strip_prefix(&served.base_path)?;
            Some((&**served, served.docs.get(path, request.headers())?))
        })
    }

    /// Returns what a request leads to if no matching template has its method.
    fn without_method(&self, request: &Request) -> (&Served, Target<'_>) {
        let path = request.uri().path();
        let mut matching = Vec::<&Route>::new();
        self.routes.find(path, |routes| {
            let is_most_specific = matching.is_empty();
            let fitting = |route: &&Route| is_most_specific || route.fits(path);
            matching.extend(routes.iter().filter(fitting));
            None::<()>
        });
        let docs = self.docs(request);
        let own = matching.first().map(|route| &*route.served);
        let own = own.or(docs.as_ref().map(|(served, _)| *served));
        let Some(served) = own else {
            let first = self.documents.first().expect("a service has a document");
            return (first, Target::Nothing);
        };
        let operations = matching.iter().filter_map(|route| route.endpoint());
        let methods = operations.map(|(operation, _)| operation.method());
        let methods = methods.chain(docs.is_some().then_some(&Method::GET));
        (served, Target::OtherMethod(allow(methods)))
    }
}

impl Route {
    fn endpoint(&self) -> Option<&(Arc<Operation>, Endpoint)> {
        self.served.endpoints.get(self.endpoint)
    }

    /// Whether the values in a path that its template matches are valid.
    fn fits(&self, path: &str) -> bool {
        self.endpoint().is_some_and(|(operation, _)| {
            let is_valid = |values: &PathValues| operation.accepts_path(values);
            is_valid(&self.template.values(path, is_valid))
        })
    }
}

/// Returns the route of a method; that of GET for HEAD, if it has none of its own (RFC 9110, section 9.3.2).
fn of_method<'r>(routes: &'r [Route], method: &Method) -> Option<&'r Route> {
    let find = |method: &Method| {
        let has_method = |(operation, _): &(Arc<Operation>, Endpoint)| operation.method() == method;
        routes
            .iter()
            .find(|route| route.endpoint().is_some_and(has_method))
    };
    find(method).or_else(|| find(&Method::GET).filter(|_| method == Method::HEAD))
}

impl Served {
    async fn answer(&self, target: Target<'_>, head: Parts, body: &mut Unread) -> Response {
        let operation = match &target {
            Target::Operation(operation, ..) => Some(*operation),
            _ => None,
        };
        let context = self.hooks.context(&head, operation);
        let context = context.as_ref();
        let answering = AssertUnwindSafe(self.respond(target, head, body, context));
        let mut response = match answering.catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(problem)) => self.hooks.refuse(problem, context),
            // The panic's message is in the log already, written by the panic hook.
            Err(_) => self.hooks.refuse(Problem::internal(), context),
        };
        if let Some(operation) = operation {
            if operation.rules.guard.is_some() {
                response = private(response);
            }
            let id = OperationId::new(operation.shared_id());
            response.extensions_mut().insert(id);
        }
        response
    }

    async fn respond(
        &self,
        target: Target<'_>,
        head: Parts,
        body: &mut Unread,
        context: Option<&RequestContext>,
    ) -> Result<Response, Problem> {
        let (answer, guard) = match target {
            Target::Operation(operation, endpoint, template) => {
                let path =
                    template.values(head.uri.path(), |values| operation.accepts_path(values));
                // For the caller's span, if it has this field.
                tracing::Span::current().record("operation_id", operation.id());
                let request = (head, body);
                return self.call(operation, endpoint, path, request, context).await;
            }
            Target::Docs(response) => (Ok(*response), &self.docs_guard),
            Target::OtherMethod(allow) => (other_method(&head.method, allow), &self.missing_guard),
            Target::Nothing => {
                let detail = "There is nothing at this address.";
                let problem = Problem::new(StatusCode::NOT_FOUND, detail);
                (Err(problem), &self.missing_guard)
            }
        };
        let Some(guard) = guard else {
            return answer;
        };
        // In a box, as below.
        Box::pin(admit(guard, head, None, context)).await?;
        answer.map(private)
    }

    async fn call(
        &self,
        operation: &Arc<Operation>,
        endpoint: &Endpoint,
        path: PathValues,
        (mut parts, body): (Parts, &mut Unread),
        context: Option<&RequestContext>,
    ) -> Result<Response, Problem> {
        if let Some(reason) = &operation.unserved {
            let detail = format!("The operation '{}' is not served: {reason}", operation.id());
            return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, detail));
        }
        if let Some(guard) = &operation.rules.guard {
            let id = operation.shared_id();
            let principals;
            // In a box: requests without credentials need not carry the room that this takes.
            (parts, principals) = Box::pin(admit(guard, parts, Some(&id), context)).await?;
            if !principals.is_empty() {
                parts.extensions.insert(principals);
            }
        }
        let mut incoming = match operation.reading(&parts.headers) {
            Some(reading) => {
                let whole = match reading {
                    Reading::Json | Reading::Text | Reading::Form(_) | Reading::Decoded(_) => {
                        body.take()
                    }
                    // A form ends before its body does.
                    #[cfg(feature = "multipart")]
                    Reading::Multipart(_) => body.lend(),
                    // A handler need not read all.
                    Reading::Stream => body.lend(),
                };
                let read = incoming::read(reading, &parts.headers, whole, &self.limits).await?;
                body.was_read();
                read
            }
            None => Incoming::default(),
        };
        let (input, values) = {
            let (room, received) = (operation.room(), incoming.received());
            let query = parts.uri.query();
            let input = operation.validate(&path, query, &parts.headers, received, &room)?;
            (input, room.taken())
        };
        let held = incoming.hold(values)?;
        parts.extensions.insert(Validated {
            operation: Arc::clone(operation),
            input,
        });
        let body = incoming.hand_over(&mut parts.extensions);
        let response = endpoint(Request::from_parts(parts, body)).await;
        drop(held);
        self.checked(operation, response, context).await
    }

    /// A handler's response, if it may leave.
    async fn checked(
        &self,
        operation: &Operation,
        mut response: Response,
        context: Option<&RequestContext>,
    ) -> Result<Response, Problem> {
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            if problem.is_of_library() {
                return Err(problem);
            }
            response = self.hooks.changed(problem, response, context);
        }
        let checked = match operation.rules.response_validation {
            ResponseValidation::Off => response,
            mode if self.is_sampled() => {
                let report = self.hooks.report(operation.shared_id(), context);
                answer::check(operation, response, mode, report).await?
            }
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
}

/// Lets a request pass that meets the requirements. Of a head that no hook needs there is no copy.
async fn admit(
    guard: &Guard,
    head: Parts,
    operation_id: Option<&Arc<str>>,
    context: Option<&RequestContext>,
) -> Result<(Parts, Principals), Problem> {
    let (shared, own) = match context {
        Some(context) => (Arc::clone(&context.head), Some(head)),
        None => (Arc::new(head), None),
    };
    let principals = guard.check(&shared, operation_id).await?;
    Ok((
        own.unwrap_or_else(|| Arc::unwrap_or_clone(shared)),
        principals,
    ))
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
