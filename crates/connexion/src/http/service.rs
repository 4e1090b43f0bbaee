//! The service: finds the operation of a request, validates the request, calls the handler and validates its response.
//!
//! This is one straight function, not a stack of middleware: `routes` finds the target of a request, `respond` does the rest.

mod respond;
mod routes;

use std::{
    convert::Infallible,
    sync::{Arc, atomic::AtomicU32},
    task::{Context, Poll},
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    response::Response,
};
use futures_util::future::BoxFuture;
use http::{Method, StatusCode, header};

use self::routes::RouteTable;
use crate::{
    http::{docs_page::Docs, hooks::Hooks, unread::UnreadBody},
    operation::{Operation, memory::Limits, path::Template},
    security::Guard,
};

#[cfg(doc)]
use crate::{OperationId, Problem};

/// A [`tower::Service`] that serves the operations of one or more documents. Cheap to clone.
///
/// It never returns an error: every failure is a response. If a handler panics, the response is a 500.
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
/// // After the other routes of the program.
/// let router: axum::Router = axum::Router::new().fallback_service(service);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ApiService {
    table: Arc<RouteTable>,
}

/// A handler with its state.
pub(crate) type Endpoint = Box<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;

/// One document, with everything that the service needs to serve it.
pub(crate) struct ServedDocument {
    /// The path templates of the operations, each with an index into `endpoints`.
    pub(crate) templates: Vec<(Arc<Template>, usize)>,
    pub(crate) endpoints: Vec<(Arc<Operation>, Endpoint)>,
    pub(crate) base_path: String,
    pub(crate) hooks: Hooks,
    pub(crate) limits: Limits,
    /// The share of responses that is validated, from 0.0 to 1.0.
    pub(crate) response_share: f64,
    pub(crate) docs: Docs,
    /// The requirements for reading the served document.
    pub(crate) docs_guard: Option<Guard>,
    /// The requirements for learning that a path or method is not in the document.
    pub(crate) missing_guard: Option<Guard>,
    /// The number of responses so far, to select a share of them evenly.
    pub(crate) response_count: AtomicU32,
}

impl std::fmt::Debug for ApiService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.operations().map(Operation::id))
            .finish()
    }
}

impl ApiService {
    pub(crate) fn new(document: ServedDocument) -> Self {
        Self::of_documents(vec![Arc::new(document)])
    }

    fn of_documents(documents: Vec<Arc<ServedDocument>>) -> Self {
        let table = Arc::new(RouteTable::new(documents));
        Self { table }
    }

    /// Returns the operations, in the order of the document, then those of merged services.
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
        let documents = self.table.documents.iter();
        let endpoints = documents.flat_map(|document| &document.endpoints);
        endpoints.map(|(operation, _)| &**operation)
    }

    /// Merges two services into one, with one route table for all their documents.
    ///
    /// A request goes to the most specific path template of all documents that has its method.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// let first = Api::from_document(Document::load("docs/examples/hello.yaml")?).base_path("/v1");
    /// let second = Api::from_document(Document::load("docs/examples/hello.yaml")?).base_path("/v2");
    /// let first = first.operation("hello", async || "Hello!").build(())?;
    /// let second = second.operation("hello", async || "Good day!").build(())?;
    /// let service = first.merge(second);
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    ///
    /// If both services have an operation with the same method and path, or serve their documents at the same path, `self`
    /// takes precedence.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let documents = [self, other].map(|service| service.table.documents.clone());
        Self::of_documents(documents.concat())
    }

    /// Handles a request and returns the response.
    ///
    /// The response's extensions contain an [`OperationId`] if the request has an operation, and the [`Problem`] from which
    /// the response was made, if any. The field `operation_id` of the current tracing span is recorded.
    ///
    /// HEAD is handled as GET, without the body, and OPTIONS returns `Allow`, unless the document describes them.
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
        let (document, target) = self.table.target(&request);
        let (head, body) = request.into_parts();
        let mut body = UnreadBody::new(body, head.version, &head.headers);
        let mut response = document.handle(target, head, &mut body).await;
        body.finish(response.headers_mut()).await;
        if is_head {
            remove_body(&mut response);
        }
        response
    }
}

/// Removes the body of a response to HEAD, and states its length.
fn remove_body(response: &mut Response) {
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
