//! Responds to a request whose target is known.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
};

use axum::{extract::Request, response::Response};
use futures_util::FutureExt;
use http::{HeaderValue, StatusCode, header, request::Parts};

use super::{Endpoint, ServedDocument, routes::Target};
use crate::{
    http::{
        extract::{OperationId, Validated},
        hooks::RequestContext,
        method::other_method,
        request_body::{self, ReceivedBody},
        response_validation,
        unread::UnreadBody,
    },
    operation::{Operation, Reading, ResponseValidation, path::PathValues},
    problem::Problem,
    security::{Guard, Principals},
};

impl ServedDocument {
    /// Returns the response to a request.
    pub(super) async fn handle(
        &self,
        target: Target<'_>,
        head: Parts,
        body: &mut UnreadBody,
    ) -> Response {
        let operation = match &target {
            Target::Operation(operation, ..) => Some(*operation),
            _ => None,
        };
        let context = self.hooks.context(&head, operation);
        let context = context.as_ref();
        let responding = AssertUnwindSafe(self.respond(target, head, body, context));
        let mut response = match responding.catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(problem)) => self.hooks.reject(problem, context),
            // The panic hook has logged the panic's message.
            Err(_) => self.hooks.reject(Problem::internal(), context),
        };
        if let Some(operation) = operation {
            if operation.rules.guard.is_some() {
                response = with_private_cache(response);
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
        body: &mut UnreadBody,
        context: Option<&RequestContext>,
    ) -> Result<Response, Problem> {
        let (result, guard) = match target {
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
            Target::NotFound => {
                let detail = "There is nothing at this address.";
                let problem = Problem::new(StatusCode::NOT_FOUND, detail);
                (Err(problem), &self.missing_guard)
            }
        };
        let Some(guard) = guard else {
            return result;
        };
        // Boxed for the same reason as below.
        Box::pin(authenticate(guard, head, None, context)).await?;
        result.map(with_private_cache)
    }

    /// Validates a request, calls the handler of its operation and validates the response.
    async fn call(
        &self,
        operation: &Arc<Operation>,
        endpoint: &Endpoint,
        path: PathValues,
        (mut parts, body): (Parts, &mut UnreadBody),
        context: Option<&RequestContext>,
    ) -> Result<Response, Problem> {
        if let Some(reason) = &operation.unserved {
            let detail = format!("The operation '{}' is not served: {reason}", operation.id());
            return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, detail));
        }
        if let Some(guard) = &operation.rules.guard {
            let id = operation.shared_id();
            let principals;
            // Boxed, so that the futures of operations without security stay small.
            (parts, principals) = Box::pin(authenticate(guard, parts, Some(&id), context)).await?;
            if !principals.is_empty() {
                parts.extensions.insert(principals);
            }
        }
        let mut received = match operation.reading(&parts.headers) {
            Some(reading) => {
                let unread = match reading {
                    Reading::Json | Reading::Text | Reading::Form(_) | Reading::Decoded(_) => {
                        body.take()
                    }
                    // A form may end before its body does.
                    #[cfg(feature = "multipart")]
                    Reading::Multipart(_) => body.lend(),
                    // A handler need not read all of it.
                    Reading::Stream => body.lend(),
                };
                let read =
                    request_body::read(reading, &parts.headers, unread, &self.limits).await?;
                body.set_read();
                read
            }
            None => ReceivedBody::default(),
        };
        let (input, values) = {
            let (room, body) = (operation.room(), received.received());
            let query = parts.uri.query();
            let input = operation.validate(&path, query, &parts.headers, body, &room)?;
            (input, room.taken())
        };
        let held_memory = received.hold_memory(values)?;
        parts.extensions.insert(Validated {
            operation: Arc::clone(operation),
            input,
        });
        let body = received.into_body(&mut parts.extensions);
        let response = endpoint(Request::from_parts(parts, body)).await;
        drop(held_memory);
        self.validated(operation, response, context).await
    }

    /// Returns a handler's response if it is valid, and otherwise what replaces it.
    async fn validated(
        &self,
        operation: &Operation,
        mut response: Response,
        context: Option<&RequestContext>,
    ) -> Result<Response, Problem> {
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            if problem.is_of_library() {
                return Err(problem);
            }
            response = self.hooks.apply(problem, response, context);
        }
        let response = match operation.rules.response_validation {
            ResponseValidation::Off => response,
            mode if self.is_sampled() => {
                let reporter = self.hooks.reporter(operation.shared_id(), context);
                response_validation::validate(operation, response, mode, reporter).await?
            }
            _ => response,
        };
        if response_validation::is_items(&response) {
            // Boxed, so that the futures of other responses stay small.
            return Box::pin(response_validation::await_first_item(response)).await;
        }
        Ok(response)
    }

    /// Returns whether this response belongs to the share that is validated. Validated responses are spread evenly.
    fn is_sampled(&self) -> bool {
        let share = self.response_share;
        if share >= 1.0 {
            return true;
        }
        let before = f64::from(self.response_count.fetch_add(1, Ordering::Relaxed));
        (before * share).floor() < ((before + 1.0) * share).floor()
    }
}

/// Checks the credentials of a request, and returns its head and the principals.
///
/// The head is copied only if a hook needs it, too.
async fn authenticate(
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

/// Keeps a response that required credentials out of shared caches, unless it has its own `Cache-Control`.
///
/// RFC 9111, section 3.5, protects only responses to requests with `Authorization`, not those with keys in other headers or
/// in cookies.
fn with_private_cache(mut response: Response) -> Response {
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-cache"));
    response
}
