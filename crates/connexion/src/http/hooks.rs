//! Hooks of the application for problems before they are sent, and for violations.
//!
//! A hook gets the head of the request, which the handler consumes. So the head is copied, but only in a service that has
//! a hook.

use std::{fmt, sync::Arc};

use axum::response::{IntoResponse as _, Response};
use http::{header, request::Parts};

use crate::{
    operation::Operation,
    problem::{Problem, Violation},
};

/// The request for which a hook is called. Cheap to clone.
///
/// ```
/// # use connexion::{Api, Document};
/// # let document = Document::load("examples/hello.yaml")?;
/// let api = Api::<()>::from_document(document).on_problem(|problem, request| {
///     // RFC 9457, section 3.1.5: what identifies this occurrence of the problem.
///     let path = request.head().uri.path();
///     problem.extra.insert("instance".to_owned(), path.into());
///     if let Some(operation) = request.operation() {
///         problem.extra.insert("operation".to_owned(), operation.id().into());
///     }
/// });
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
#[derive(Clone)]
pub struct RequestContext {
    pub(crate) head: Arc<Parts>,
    pub(crate) operation: Option<Arc<Operation>>,
}

impl RequestContext {
    /// Returns the request's method, URI, headers and extensions, as the service received them.
    pub fn head(&self) -> &Parts {
        &self.head
    }

    /// Returns the operation that the request is for; `None` if the document has none for its path and method.
    pub fn operation(&self) -> Option<&Operation> {
        self.operation.as_deref()
    }
}

impl fmt::Debug for RequestContext {
    /// Omits the query and the headers, which may contain credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("method", &self.head.method)
            .field("path", &self.head.uri.path())
            .field("operation", &self.operation().map(Operation::id))
            .finish_non_exhaustive()
    }
}

/// Changes a problem before it is sent.
type OnProblem = Box<dyn Fn(&mut Problem, &RequestContext) + Send + Sync>;

/// Called for a violation in a response.
type OnViolation = Arc<dyn Fn(&Violation, &RequestContext) + Send + Sync>;

/// Called for a violation in a value that is not part of a request, with the name of its schema.
type OnValueViolation = Arc<dyn Fn(&Violation, &str) + Send + Sync>;

/// The registered hooks.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) problem: Option<OnProblem>,
    pub(crate) response_violation: Option<OnViolation>,
    /// Called by validators.
    pub(crate) value_violation: Option<OnValueViolation>,
}

impl Hooks {
    /// Returns the request as the hooks see it; `None` without hooks.
    pub(crate) fn context(
        &self,
        head: &Parts,
        operation: Option<&Arc<Operation>>,
    ) -> Option<RequestContext> {
        if self.problem.is_none() && self.response_violation.is_none() {
            return None;
        }
        Some(RequestContext {
            head: Arc::new(head.clone()),
            operation: operation.cloned(),
        })
    }

    /// Returns the response to a request that the library rejects.
    pub(crate) fn reject(&self, problem: Problem, context: Option<&RequestContext>) -> Response {
        let mut problem = problem.of_library();
        if let (Some(change), Some(context)) = (&self.problem, context) {
            change(&mut problem, context);
        }
        problem.into_response()
    }

    /// Applies the hook to a handler's response that was made from this problem.
    ///
    /// Headers and extensions that the handler added to the response are kept.
    pub(crate) fn apply(
        &self,
        mut problem: Problem,
        mut response: Response,
        context: Option<&RequestContext>,
    ) -> Response {
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let is_problem = content_type
            .is_some_and(|value| value.as_bytes().starts_with(b"application/problem+json"));
        let (Some(change), Some(context), true) = (&self.problem, context, is_problem) else {
            response.extensions_mut().insert(problem);
            return response;
        };
        let status = problem.status;
        change(&mut problem, context);
        let (mut changed, body) = problem.into_response().into_parts();
        let (mut head, _) = response.into_parts();
        if changed.status != status {
            head.status = changed.status;
        }
        changed.headers.remove(header::CONTENT_TYPE);
        head.headers.remove(header::CONTENT_LENGTH);
        // Replaces headers of the same name.
        head.headers.extend(changed.headers);
        head.extensions.extend(changed.extensions);
        Response::from_parts(head, body)
    }

    /// Returns the reporter of violations in the response to this request.
    pub(crate) fn reporter(
        &self,
        operation_id: Arc<str>,
        context: Option<&RequestContext>,
    ) -> ViolationReporter {
        let hook = self.response_violation.as_ref();
        ViolationReporter {
            operation_id,
            hook: hook.cloned().zip(context.cloned()),
        }
    }
}

/// Maximum number of violations that are logged per response. The hook gets all of them.
const MAX_LOGGED: usize = 10;

/// Reports the violations of a response to the log and to the hook, also while the response streams.
#[derive(Clone)]
pub(crate) struct ViolationReporter {
    pub(crate) operation_id: Arc<str>,
    hook: Option<(OnViolation, RequestContext)>,
}

impl ViolationReporter {
    pub(crate) fn report(&self, violations: &[Violation]) {
        for violation in violations.iter().take(MAX_LOGGED) {
            let name = violation.location.name().unwrap_or_default();
            let Violation {
                pointer,
                keyword,
                detail,
                ..
            } = violation;
            let operation_id = &*self.operation_id;
            tracing::error!(
                target: "connexion::response",
                operation_id, %name, %pointer, %keyword, "the response violates the document: {detail}"
            );
        }
        if let Some((hook, context)) = &self.hook {
            for violation in violations {
                hook(violation, context);
            }
        }
    }
}
