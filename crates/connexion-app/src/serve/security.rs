//! Headers that tell browsers to do no more with an answer than it is meant for.

use super::browser;
use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

/// What is true of every answer.
const ALWAYS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Data is no page: opened as one it may do nothing.
const DATA: &str = "default-src 'none'; frame-ancestors 'none'";

/// The document's page, Swagger UI, has scripts of its own only. It sets styles by script, and has pictures in its style sheet.
const PAGE: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// For a year, if the connection is secure: it may as well have been the first one.
const SECURE_ONLY: &str = "max-age=31536000";

/// Adds them to an answer, over a connection that is secure or to a browser whose own one is (`is_secure_there`).
pub(super) fn protect(response: &mut Response, is_secure: bool, is_secure_there: bool) {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let is_page = content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    let headers = response.headers_mut();
    // These, and the two that are added after them, without growing in between.
    headers.reserve(ALWAYS.len() + 4);
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = HeaderValue::from_static(if is_page { PAGE } else { DATA });
    // Pages for people come with a stricter one.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(policy);
    if is_secure || is_secure_there {
        browser::secure_cookies(headers);
    }
    if is_secure {
        let value = HeaderValue::from_static(SECURE_ONLY);
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
}
