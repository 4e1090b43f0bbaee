//! Functions of the application that see every problem before it is sent, and every violation in a response.
//!
//! A hook sees the head of the request, which the handler takes apart. So the head is copied, but only in a service that
//! has a hook.

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
    /// Returns the request's method, URI, headers and extensions, as they came to the service.
    pub fn head(&self) -> &Parts {
        &self.head
    }

    /// Returns the operation that the request is for; `None` if the document has none for its path and method.
    pub fn operation(&self) -> Option<&Operation> {
        self.operation.as_deref()
    }
}

impl fmt::Debug for RequestContext {
    /// Without query and headers, in which credentials may be.
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

/// Is told of a violation in a response.
type OnViolation = Arc<dyn Fn(&Violation, &RequestContext) + Send + Sync>;

/// Is told of a violation in a value that does not come in a request, and of the name of its schema.
type OnValueViolation = Arc<dyn Fn(&Violation, &str) + Send + Sync>;

/// The hooks that were set.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) problem: Option<OnProblem>,
    pub(crate) response_violation: Option<OnViolation>,
    /// Called by validators.
    pub(crate) value_violation: Option<OnValueViolation>,
}

impl Hooks {
    /// What the hooks see of a request; `None` if there are none.
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

    /// The response to a request that the library refuses.
    pub(crate) fn refuse(&self, problem: Problem, context: Option<&RequestContext>) -> Response {
        let mut problem = problem.of_library();
        if let (Some(change), Some(context)) = (&self.problem, context) {
            change(&mut problem, context);
        }
        problem.into_response()
    }

    /// A handler's response that is made of this problem. What the handler added to the response beside the problem
    /// stays.
    pub(crate) fn changed(
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
        // Those of the same name are replaced.
        head.headers.extend(changed.headers);
        head.extensions.extend(changed.extensions);
        Response::from_parts(head, body)
    }

    /// What tells of the violations in the response to this request.
    pub(crate) fn report(
        &self,
        operation_id: Arc<str>,
        context: Option<&RequestContext>,
    ) -> Report {
        let hook = self.response_violation.as_ref();
        Report {
            operation_id,
            hook: hook.cloned().zip(context.cloned()),
        }
    }
}

/// Of the violations of one response so many are logged; the hook sees all.
const MAX_LOGGED: usize = 10;

/// Tells the log and the hook what is wrong with a response, also while it streams.
#[derive(Clone)]
pub(crate) struct Report {
    pub(crate) operation_id: Arc<str>,
    hook: Option<(OnViolation, RequestContext)>,
}

impl Report {
    pub(crate) fn violations(&self, violations: &[Violation]) {
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
                target: "connexion::answer",
                operation_id, %name, %pointer, %keyword, "the answer breaks the document: {detail}"
            );
        }
        if let Some((hook, context)) = &self.hook {
            for violation in violations {
                hook(violation, context);
            }
        }
    }
}
