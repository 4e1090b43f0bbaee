//! The registered handlers, and how operations find theirs.

use std::sync::Arc;

use axum::handler::Handler;
use http::StatusCode;

use crate::{
    Position,
    diagnostics::{Diagnostic, DiagnosticCode, Severity},
    document::Document,
    http::{
        arguments::{self, ArgumentReader, Arguments},
        extract::OperationId,
        service::Endpoint,
    },
    operation::Operation,
    problem::Problem,
    schema::ValidValues,
};

/// A handler that has no state yet.
pub(super) struct UnboundHandler<S> {
    with_state: Box<dyn Fn(S) -> Endpoint + Send>,
    /// Readers of those arguments that are tried when the service is built.
    readers: Vec<ArgumentReader<S>>,
}

impl<S: Clone + Send + Sync + 'static> UnboundHandler<S> {
    pub(super) fn new<H, T>(handler: H) -> Self
    where
        H: Handler<T, S>,
        T: Arguments<S>,
    {
        let with_state = Box::new(move |state: S| {
            let handler = handler.clone();
            let endpoint: Endpoint =
                Box::new(move |request| Box::pin(handler.clone().call(request, state.clone())));
            endpoint
        });
        Self {
            with_state,
            readers: T::readers(),
        }
    }

    fn bind(&self, at: Position, operation: Arc<Operation>, state: &S) -> BoundOperation<S> {
        BoundOperation {
            at,
            operation,
            endpoint: (self.with_state)(state.clone()),
            readers: self.readers.clone(),
        }
    }
}

/// The handler of operations that are not implemented or not served.
pub(super) async fn not_implemented(id: OperationId) -> Problem {
    let id = id.as_str();
    let detail = format!("The operation '{id}' is not implemented yet.");
    Problem::new(StatusCode::NOT_IMPLEMENTED, detail).of_library()
}

/// The handlers by the names of their operations, and the fallbacks by the prefix of the names that they serve.
pub(super) struct HandlerRegistry<S> {
    pub(super) handlers: Vec<(String, UnboundHandler<S>)>,
    pub(super) fallbacks: Vec<(String, UnboundHandler<S>)>,
}

impl<S: Clone + Send + Sync + 'static> HandlerRegistry<S> {
    /// Binds each operation to its handler, or to the first fallback among those with the longest prefix.
    pub(super) fn bind(
        &self,
        document: &Document,
        operations: Vec<(Position, Operation)>,
        state: &S,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> BoundOperations<S> {
        let mut bound = Vec::<BoundOperation<S>>::new();
        let mut is_used = vec![false; self.handlers.len()];
        for (at, operation) in operations {
            let operation = Arc::new(operation);
            let name = operation.handler.as_str();
            let mut own = self.handlers.iter().zip(&mut is_used);
            if let Some(((_, handler), is_used)) = own.find(|((known, _), _)| known == name) {
                *is_used = true;
                bound.push(handler.bind(at, operation, state));
            } else if let Some(handler) = self.fallback(name) {
                bound.push(handler.bind(at, operation, state));
            } else if operation.unserved.is_some() {
                bound.push(UnboundHandler::new(not_implemented).bind(at, operation, state));
            } else if !bound.iter().any(|one| one.operation.handler == name) {
                // The linter reports an `operationId` that is used twice.
                let message = format!("the operation `{name}` has no handler");
                diagnostics.push(document.diagnostic(DiagnosticCode::HandlerMissing, at, message));
            }
        }
        let unused = self.handlers.iter().zip(is_used);
        let unused = unused.filter(|(_, is_used)| !is_used);
        for ((id, _), _) in unused {
            let (code, message) = if bound.iter().any(|one| one.operation.handler == *id) {
                let message = format!("there is a second handler for `{id}`");
                (DiagnosticCode::HandlerDuplicate, message)
            } else {
                let message = format!(
                    "there is a handler for `{id}`, but no operation with this operationId"
                );
                (DiagnosticCode::HandlerUnknown, message)
            };
            diagnostics.push(document.diagnostic(code, document.paths_at(), message));
        }
        BoundOperations { operations: bound }
    }

    fn fallback(&self, name: &str) -> Option<&UnboundHandler<S>> {
        let matching = self.fallbacks.iter();
        let matching = matching.filter(|(prefix, _)| name.starts_with(prefix.as_str()));
        // The last of several maxima is returned, so the first must come last.
        let longest = matching.rev().max_by_key(|(prefix, _)| prefix.len());
        longest.map(|(_, handler)| handler)
    }
}

/// An operation with its handler.
struct BoundOperation<S> {
    at: Position,
    operation: Arc<Operation>,
    endpoint: Endpoint,
    readers: Vec<ArgumentReader<S>>,
}

/// The operations that have handlers.
pub(super) struct BoundOperations<S> {
    operations: Vec<BoundOperation<S>>,
}

impl<S> BoundOperations<S> {
    /// Returns the operations with their endpoints.
    ///
    /// If `tries_handlers`, values that the document allows are first read into the types that the handlers take.
    pub(super) fn into_endpoints(
        self,
        document: &Document,
        state: &S,
        tries_handlers: bool,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<(Arc<Operation>, Endpoint)> {
        // A schema with an error allows every value, so its values prove nothing.
        let is_warning = |one: &Diagnostic| one.code.severity() == Severity::Warning;
        let tries_handlers = tries_handlers && diagnostics.iter().all(is_warning);
        let mut values = ValidValues::default();
        let mut endpoints = Vec::with_capacity(self.operations.len());
        for bound in self.operations {
            let BoundOperation {
                at,
                operation,
                endpoint,
                readers,
            } = bound;
            if tries_handlers && operation.unserved.is_none() {
                let mismatches =
                    arguments::try_values(document, at, &operation, &readers, state, &mut values);
                diagnostics.extend(mismatches);
            }
            endpoints.push((operation, endpoint));
        }
        endpoints
    }
}
