//! From a document and handlers to a tower service: one straight function per request.

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
    handler::Handler,
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderValue, Method, StatusCode, header};

use crate::{
    answer::{self, Responses},
    docs::Docs,
    document::Document,
    extract::{BodyValue, OperationId, ParameterValues},
    fault::{Code, Fault, Faults},
    incoming::{self, Incoming},
    operation::{Input, Operation},
    path::{PathValues, Routes, Template},
    place::OperationPlace,
    problem::{LibraryProblem, Problem, Violations},
    schema::{Compiler, FormatCheck, Schemas},
    security::{Credentials, Guard, Principal, Schemes, Verifier, Verifiers},
    server,
};

/// A request's body may be this long, in bytes, unless [`Api::body_limit`] says otherwise.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

type Endpoint = Box<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>;
type WithState<S> = Box<dyn Fn(S) -> Endpoint + Send>;
type ProblemHook = fn(&mut Problem);

/// An API being put together: a document, and a handler for each of its operations.
///
/// ```
/// # use connexion::{Api, Document};
/// # let document = Document::parse("hello.yaml", r#"
/// # openapi: 3.1.0
/// # info: {title: Hello, version: "1"}
/// # paths:
/// #   /hello:
/// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
/// # "#)?;
/// let service = Api::from_document(document)
///     .operation("hello", async || "Hello!")
///     .build(())?;
/// let router: axum::Router = axum::Router::new().fallback_service(service);
/// # Ok::<(), connexion::Faults>(())
/// ```
pub struct Api<S> {
    document: Document,
    handlers: Vec<(String, WithState<S>)>,
    formats: Vec<(String, FormatCheck)>,
    default_handler: Option<WithState<S>>,
    verifiers: Verifiers,
    docs_security: Option<(String, Vec<String>)>,
    responses_of: Vec<(String, Responses)>,
    base_path: Option<String>,
    options: Options,
    docs: Docs,
}

#[derive(Clone, Copy, Debug)]
struct Options {
    responses: Responses,
    response_share: f64,
    stub: bool,
    strict_parameters: bool,
    body_limit: usize,
    problem_hook: ProblemHook,
}

impl<S> std::fmt::Debug for Api<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("document", &self.document.name())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// Begins with a document and no handlers.
    pub fn from_document(document: Document) -> Self {
        let options = Options {
            responses: Responses::Enforce,
            response_share: 1.0,
            stub: false,
            strict_parameters: true,
            body_limit: BODY_LIMIT,
            problem_hook: |_| {},
        };
        Self {
            document,
            handlers: Vec::new(),
            formats: Vec::new(),
            default_handler: None,
            verifiers: Verifiers::default(),
            docs_security: None,
            responses_of: Vec::new(),
            base_path: None,
            options,
            docs: Docs::default(),
        }
    }

    /// Gives the operation with this `operationId` its handler: any function that axum takes as one, with
    /// [`Params`](crate::Params) and [`Body`](crate::Body) for what the document describes.
    #[must_use]
    pub fn operation<H, T>(mut self, id: &str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.handlers.push((id.to_owned(), with_state(handler)));
        self
    }

    /// Gives every operation without a handler of its own this one, which can tell them apart by
    /// [`OperationId`].
    ///
    /// ```
    /// # use connexion::{Api, Document, OperationId};
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// # "#)?;
    /// let service = Api::from_document(document)
    ///     .default_operation(async |OperationId(id): OperationId| id)
    ///     .build(())?;
    /// # Ok::<(), connexion::Faults>(())
    /// ```
    #[must_use]
    pub fn default_operation<H, T>(mut self, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.default_handler = Some(with_state(handler));
        self
    }

    /// Gives a security scheme its verifier: it says who shows these credentials, `None` if they are not good,
    /// or a problem if it can't tell (503, say).
    ///
    /// Credentials are looked at before anything else of a request is read. Without them, or with wrong ones, the
    /// answer is 401; without the scopes that the operation requires 403. Compare secrets in constant time.
    ///
    /// ```
    /// # use connexion::{Api, Credentials, Document, Principal};
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # security: [{key: []}]
    /// # paths:
    /// #   /hello:
    /// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// # components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}
    /// # "#)?;
    /// let service = Api::from_document(document)
    ///     .security("key", async |credentials| {
    ///         let is_known = credentials == Credentials::ApiKey("secret".into());
    ///         Ok(is_known.then(|| Principal::new("Ann", ["read"])))
    ///     })
    ///     .operation("hello", async |principal: Principal| principal.name)
    ///     .build(())?;
    /// # Ok::<(), connexion::Faults>(())
    /// ```
    #[must_use]
    pub fn security<F, R>(mut self, scheme: &str, verifier: F) -> Self
    where
        F: Fn(Credentials) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Option<Principal>, Problem>> + Send + 'static,
    {
        let verifier = boxed(verifier);
        self.verifiers.by_scheme.push((scheme.to_owned(), verifier));
        self
    }

    /// The verifier of every security scheme that has none of its own; see [`Api::security`].
    #[must_use]
    pub fn default_security<F, R>(mut self, verifier: F) -> Self
    where
        F: Fn(Credentials) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Option<Principal>, Problem>> + Send + 'static,
    {
        self.verifiers.default = Some(boxed(verifier));
        self
    }

    /// Requires a security scheme, with these scopes, of those who read the served document and the docs page.
    /// Without it everybody may.
    #[must_use]
    pub fn docs_security(mut self, scheme: &str, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.docs_security = Some((scheme.to_owned(), scopes));
        self
    }

    /// Whether an operation without a handler answers 501 instead of being a fault; off by default.
    #[must_use]
    pub fn stub(mut self, on: bool) -> Self {
        self.options.stub = on;
        self
    }

    /// Whether query parameters that the document does not have are refused; on by default.
    #[must_use]
    pub fn strict_parameters(mut self, on: bool) -> Self {
        self.options.strict_parameters = on;
        self
    }

    /// Adds a `format` for texts, or replaces one of JSON Schema's.
    #[must_use]
    pub fn format(mut self, name: &str, check: fn(&str) -> bool) -> Self {
        self.formats.push((name.to_owned(), check));
        self
    }

    /// Whether answers are checked against the document; on by default. What breaks it becomes a 500, with
    /// the reason in the log.
    #[must_use]
    pub fn validate_responses(self, on: bool) -> Self {
        self.responses(if on {
            Responses::Enforce
        } else {
            Responses::Off
        })
    }

    /// What happens to answers that break the document; [`Responses::Enforce`] by default.
    #[must_use]
    pub fn responses(mut self, mode: Responses) -> Self {
        self.options.responses = mode;
        self
    }

    /// The same for the one operation with this `operationId`.
    #[must_use]
    pub fn responses_of(mut self, id: &str, mode: Responses) -> Self {
        self.responses_of.push((id.to_owned(), mode));
        self
    }

    /// Which share of the answers is looked at, from 0.0 to 1.0; all by default.
    #[must_use]
    pub fn sample_responses(mut self, share: f64) -> Self {
        self.options.response_share = share.clamp(0.0, 1.0);
        self
    }

    /// How many bytes of body a request may have; 2 MiB by default. A longer one is answered with 413. It holds
    /// for files and streams too, which are not in memory, so it may be raised for their sake.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.options.body_limit = bytes;
        self
    }

    /// Changes every problem document that the library makes before it is sent: its `kind`, its sentence,
    /// the order of its `errors`.
    #[must_use]
    pub fn on_problem(mut self, change: fn(&mut Problem)) -> Self {
        self.options.problem_hook = change;
        self
    }

    /// What stands before each path, such as `/v2`, instead of the path of the document's first server (or
    /// its `basePath`).
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::parse("hello.yaml", r#"
    /// # openapi: 3.1.0
    /// # info: {title: Hello, version: "1"}
    /// # paths:
    /// #   /hello:
    /// #     get: {operationId: hello, responses: {"200": {description: a greeting}}}
    /// # "#)?;
    /// let api = Api::from_document(document).base_path("/v2").serve_document(true);
    /// // Answers `/v2/hello` and `/v2/openapi.json`.
    /// let service = api.operation("hello", async || "Hello!").build(())?;
    /// # Ok::<(), connexion::Faults>(())
    /// ```
    #[must_use]
    pub fn base_path(mut self, path: &str) -> Self {
        self.base_path = Some(path.to_owned());
        self
    }

    /// Whether `/openapi.json` and `/openapi.yaml` are served, under the base path; off by default.
    #[must_use]
    pub fn serve_document(mut self, on: bool) -> Self {
        self.docs.document = on;
        self
    }

    /// Whether a proxy's header `X-Forwarded-Prefix: /proxy` is believed; off by default. The served document
    /// then tells clients to put it before each path. What is no plain path is ignored.
    ///
    /// Clients can send this header too: switch it on only behind a proxy that sets or removes it.
    #[must_use]
    pub fn trust_forwarded_prefix(mut self, on: bool) -> Self {
        self.docs.trust_forwarded_prefix = on;
        self
    }

    /// Whether the Swagger UI page `/ui/` is served; off by default. It reads the document, which is then
    /// served too.
    #[cfg(feature = "swagger-ui")]
    #[must_use]
    pub fn swagger_ui(mut self, on: bool) -> Self {
        self.docs.ui = on;
        self
    }

    /// Compiles everything.
    ///
    /// # Errors
    /// Every fault of the document, every operation without a handler and every handler without an
    /// operation.
    pub fn build(self, state: S) -> Result<ApiService, Faults> {
        let Self {
            document,
            handlers,
            formats,
            default_handler,
            verifiers,
            docs_security,
            responses_of,
            base_path,
            options,
            mut docs,
        } = self;
        let (mut faults, described) = document.examine();
        let base_path = base(&document, base_path, &mut faults);
        let schemes = Schemes::compile(&document, &verifiers, &mut faults);
        let docs_guard = docs_security.and_then(|one| schemes.guard_of(&one, &mut faults));
        let mut endpoints = Vec::new();
        let mut routes = Routes::<Vec<usize>>::default();
        for (source, mut operation) in compile(&document, &described, &formats, &mut faults) {
            operation.strict_parameters = options.strict_parameters;
            operation.guard = schemes.guard(&source.place);
            let mut modes = responses_of.iter().rev();
            let own = modes.find(|(id, _)| id == operation.id());
            operation.answers = own.map_or(options.responses, |(_, mode)| *mode);
            // A template that can't be read is reported by `check`.
            if let Ok(template) = Template::parse(source.path)
                .and_then(|_| Template::parse(&format!("{base_path}{}", source.path)))
            {
                routes.entry(&template).push(endpoints.len());
                endpoints.push((source.place.node.at, operation));
            }
        }
        unknown_modes(&document, &endpoints, &responses_of, &mut faults);
        let default = default_handler.or_else(|| options.stub.then(|| with_state(not_implemented)));
        let endpoints = connect(
            &document,
            endpoints,
            handlers,
            default.as_ref(),
            &state,
            &mut faults,
        );
        document.accept(faults)?;
        docs.load(&document, &base_path);
        let inner = Arc::new(Inner {
            routes,
            endpoints,
            base_path,
            options,
            docs,
            docs_guard,
            answered: AtomicU32::new(0),
        });
        Ok(ApiService { inner, next: None })
    }
}

/// Compiles all operations.
fn compile<'d>(
    document: &'d Document,
    schemas: &Schemas,
    formats: &[(String, FormatCheck)],
    faults: &mut Vec<Fault>,
) -> Vec<(OperationPlace<'d>, Operation)> {
    faults.extend(schemas.wrong_samples(document, formats));
    let compiler = match Compiler::new(schemas, formats) {
        Ok(compiler) => compiler,
        Err(message) => {
            faults.push(document.fault(Code::SchemaInvalid, document.paths_at(), message));
            return Vec::new();
        }
    };
    let operations = document.operations().into_iter();
    operations
        .map(|source| {
            let operation = Operation::compile(&source, document, &compiler, faults);
            (source, operation)
        })
        .collect()
}

fn boxed<F, R>(verifier: F) -> Verifier
where
    F: Fn(Credentials) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Option<Principal>, Problem>> + Send + 'static,
{
    Arc::new(move |credentials| Box::pin(verifier(credentials)))
}

/// What stands before each path: what was set, or what the document says.
fn base(document: &Document, set: Option<String>, faults: &mut Vec<Fault>) -> String {
    let Some(path) = set else {
        return document.base_path();
    };
    server::checked(&path).unwrap_or_else(|message| {
        faults.push(document.fault(Code::PathInvalid, document.paths_at(), message));
        String::new()
    })
}

/// Nobody must believe that the answers of an operation are checked which does not exist.
fn unknown_modes(
    document: &Document,
    operations: &[(crate::Position, Operation)],
    modes: &[(String, Responses)],
    faults: &mut Vec<Fault>,
) {
    for (id, _) in modes {
        if !operations.iter().any(|(_, known)| known.id() == id) {
            let message = format!("there is no operation `{id}` whose answers could be checked");
            faults.push(document.fault(Code::HandlerUnknown, document.paths_at(), message));
        }
    }
}

fn with_state<S, H, T>(handler: H) -> WithState<S>
where
    S: Clone + Send + Sync + 'static,
    H: Handler<T, S>,
    T: 'static,
{
    Box::new(move |state: S| {
        let handler = handler.clone();
        Box::new(move |request| Box::pin(handler.clone().call(request, state.clone())))
    })
}

/// The handler of an operation that has none yet.
async fn not_implemented(OperationId(id): OperationId) -> Problem {
    let detail = format!("The operation '{id}' is not implemented yet.");
    Problem::new(StatusCode::NOT_IMPLEMENTED, detail).of_library()
}

/// Gives each operation its handler, or the default one.
fn connect<S: Clone>(
    document: &Document,
    operations: Vec<(crate::Position, Operation)>,
    mut handlers: Vec<(String, WithState<S>)>,
    default: Option<&WithState<S>>,
    state: &S,
    faults: &mut Vec<Fault>,
) -> Vec<(Operation, Endpoint)> {
    let mut connected: Vec<(Operation, Endpoint)> = Vec::new();
    for (at, operation) in operations {
        let id = operation.id();
        if let Some(i) = handlers.iter().position(|(known, _)| known == id) {
            let (_, with_state) = handlers.remove(i);
            connected.push((operation, with_state(state.clone())));
        } else if let Some(with_state) = default {
            connected.push((operation, with_state(state.clone())));
        } else if !id.is_empty() && !connected.iter().any(|(known, _)| known.id() == id) {
            // An operationId that is missing or used twice is reported by `check`.
            let message = format!("the operation `{id}` has no handler");
            faults.push(document.fault(Code::HandlerMissing, at, message));
        }
    }
    for (id, _) in handlers {
        let (code, message) = if connected.iter().any(|(known, _)| known.id() == id) {
            let message = format!("there is a second handler for `{id}`");
            (Code::HandlerDuplicate, message)
        } else {
            let message =
                format!("there is a handler for `{id}`, but no operation with this operationId");
            (Code::HandlerUnknown, message)
        };
        faults.push(document.fault(code, document.paths_at(), message));
    }
    connected
}

/// A served API: a [`tower::Service`] for HTTP requests, cheap to clone.
#[derive(Clone)]
pub struct ApiService {
    inner: Arc<Inner>,
    /// Whoever is asked for a path that `inner` does not have.
    next: Option<Arc<ApiService>>,
}

struct Inner {
    /// Indices into `endpoints`, by path template.
    routes: Routes<Vec<usize>>,
    endpoints: Vec<(Operation, Endpoint)>,
    base_path: String,
    options: Options,
    docs: Docs,
    /// Who may read the document.
    docs_guard: Option<Guard>,
    /// How many answers there were, to look at every so many.
    answered: AtomicU32,
}

impl std::fmt::Debug for ApiService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.operations().map(Operation::id))
            .finish()
    }
}

impl ApiService {
    /// The operations, in the order of the document, then those of the services joined to it.
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
    fn responsible(&self, path: &str) -> &Inner {
        let mut all = self.all().filter(|_| self.next.is_some());
        let found = all.find(|service| service.inner.has(path));
        &found.unwrap_or(self).inner
    }

    /// Answers one request.
    ///
    /// Whoever observes it finds an [`OperationId`] among the answer's extensions if there is an operation for the
    /// request, and [`Violations`] if the request was refused for some. The field `operation_id` of the current
    /// span is recorded.
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

impl Inner {
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
        match found {
            Some((operation, endpoint)) => {
                // For the caller's span, if it has this field.
                tracing::Span::current().record("operation_id", operation.id());
                let answer = self.call(operation, endpoint, path, request).await;
                let mut response = answer.unwrap_or_else(|problem| self.refuse(problem));
                let id = OperationId(operation.id().to_owned());
                response.extensions_mut().insert(id);
                Ok(response)
            }
            None => other_method(method, allow(endpoints())),
        }
    }

    async fn call(
        &self,
        operation: &Operation,
        endpoint: &Endpoint,
        path: PathValues,
        request: Request,
    ) -> Result<Response, Problem> {
        let (mut parts, body) = request.into_parts();
        if let Some(guard) = &operation.guard {
            let principal = guard.check(parts.uri.query(), &parts.headers).await?;
            if let Some(principal) = principal {
                parts.extensions.insert(principal);
            }
        }
        let mut incoming = match operation.reading(&parts.headers) {
            Some(reading) => {
                incoming::read(reading, &parts.headers, body, self.options.body_limit).await?
            }
            None => Incoming::default(),
        };
        let received = incoming.received();
        let input = operation.validate(&path, parts.uri.query(), &parts.headers, received)?;
        let Input { parameters, body } = input;
        parts.extensions.insert(ParameterValues(parameters));
        let id = OperationId(operation.id().to_owned());
        parts.extensions.insert(id);
        if let Some(body) = body {
            parts.extensions.insert(BodyValue(body));
        }
        let body = incoming.hand_over(&mut parts.extensions);
        let mut response = endpoint(Request::from_parts(parts, body)).await;
        if let Some(LibraryProblem(problem)) = response.extensions_mut().remove() {
            return Err(problem);
        }
        match operation.answers {
            Responses::Log if self.is_sampled() => answer::observe(operation, response).await,
            Responses::Enforce if self.is_sampled() => answer::check(operation, response).await,
            _ => Ok(response),
        }
    }

    /// Whether this answer is one of those that are looked at, which are spread evenly.
    fn is_sampled(&self) -> bool {
        let share = self.options.response_share;
        if share >= 1.0 {
            return true;
        }
        let before = f64::from(self.answered.fetch_add(1, Ordering::Relaxed));
        (before * share).floor() < ((before + 1.0) * share).floor()
    }

    fn refuse(&self, mut problem: Problem) -> Response {
        (self.options.problem_hook)(&mut problem);
        let violations = Violations(Arc::from(problem.errors.as_slice()));
        let mut response = problem.into_response();
        if !violations.0.is_empty() {
            response.extensions_mut().insert(violations);
        }
        response
    }
}

/// The answer to a method that is no operation.
pub(crate) fn other_method(method: &Method, allow: HeaderValue) -> Result<Response, Problem> {
    if method == Method::OPTIONS {
        return Ok([(header::ALLOW, allow)].into_response());
    }
    let problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "The method is not allowed for the requested URL.",
    );
    Err(problem.with_header(header::ALLOW, allow))
}

/// The value of the header `Allow` (RFC 9110, section 10.2.1).
fn allow<'e>(endpoints: impl Iterator<Item = &'e (Operation, Endpoint)>) -> HeaderValue {
    let mut methods: Vec<_> = endpoints
        .map(|(operation, _)| operation.method().as_str())
        .collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    methods.dedup();
    HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static(""))
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
