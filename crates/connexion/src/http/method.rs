//! Requests for a path with a method that it does not have.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};

use crate::problem::Problem;

/// Returns the response to a method that has no operation: `Allow` for OPTIONS, 405 for others.
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

/// Returns the value of the header `Allow` (RFC 9110, section 10.2.1) for a path with these methods.
pub(crate) fn allow<'m>(methods: impl Iterator<Item = &'m Method>) -> HeaderValue {
    let mut methods: Vec<_> = methods.map(Method::as_str).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    methods.sort_unstable();
    methods.dedup();
    HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static(""))
}
