//! The rejection of [`Params`](super::Params) and [`Body`](super::Body).

use std::{any::type_name, fmt, sync::Arc};

use axum::response::{IntoResponse, Response};
use http::{StatusCode, request::Parts};

use super::{Validated, read::ReadError};
use crate::{document::node::push, problem::Problem};

/// The error of a handler's type that can't read a valid value: the type and the document disagree.
///
/// As a response it is a 500 without details, and a line in the log with the operation, the type and the JSON Pointer of the
/// location. For a number beyond 64 bits it is a 400 instead: `integer` allows any number, but few types can read it.
///
/// ```
/// # use connexion::{ArgumentError, Params};
/// # #[derive(serde::Deserialize)]
/// # struct Greeting { name: String }
/// async fn greet(greeting: Result<Params<Greeting>, ArgumentError>) -> String {
///     match greeting {
///         Ok(Params(Greeting { name })) => format!("Hello {name}"),
///         Err(error) => error.to_string(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ArgumentError {
    operation: Arc<str>,
    /// The name of the handler's type.
    pub(crate) type_name: &'static str,
    /// True for the body, false for the parameters.
    pub(crate) is_body: bool,
    pointer: String,
    message: String,
    /// True for a number beyond 64 bits, which most types can't read.
    is_beyond_64_bits: bool,
}

impl ArgumentError {
    pub(super) fn new<T>(parts: &Parts, is_body: bool, error: ReadError) -> Self {
        let validated = parts.extensions.get::<Validated>();
        Self {
            operation: validated.map_or_else(|| "".into(), |one| one.operation.shared_id()),
            type_name: type_name::<T>(),
            is_body,
            pointer: error.pointer,
            message: error.message,
            is_beyond_64_bits: error.is_beyond_64_bits,
        }
    }

    /// Returns whether the error is in the body, and its JSON Pointer. A missing field is pointed at as if it were present.
    pub(crate) fn location(&self) -> (bool, String) {
        let mut pointer = self.pointer.clone();
        let missing = self.message.strip_prefix("missing field `");
        if let Some(name) = missing.and_then(|rest| rest.strip_suffix('`')) {
            push(&mut pointer, name);
        }
        (self.is_body, pointer)
    }

    /// Returns the message with its location.
    pub(crate) fn reason(&self) -> String {
        if self.pointer.is_empty() {
            return self.message.clone();
        }
        format!("at `{}`: {}", self.pointer, self.message)
    }
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            type_name,
            ..
        } = self;
        let part = if self.is_body { "body" } else { "parameters" };
        let reason = self.reason();
        write!(
            f,
            "`{type_name}` can't read the valid {part} of a request for `{operation}`: {reason}"
        )
    }
}

impl std::error::Error for ArgumentError {}

impl IntoResponse for ArgumentError {
    fn into_response(self) -> Response {
        if self.is_beyond_64_bits {
            let part = if self.is_body { "body" } else { "parameters" };
            let detail = format!(
                "The number at '{}' of the {part} is too large.",
                self.pointer
            );
            let problem = Problem::new(StatusCode::BAD_REQUEST, detail);
            return problem.of_library().into_response();
        }
        tracing::error!(
            operation_id = %self.operation,
            "type" = self.type_name,
            pointer = self.pointer,
            "{self}"
        );
        Problem::internal().of_library().into_response()
    }
}
