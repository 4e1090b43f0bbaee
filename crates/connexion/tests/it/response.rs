//! Responses: validated against the document as requests are.

mod rows;
mod streams;
mod validation;

use axum::{body::Body as HttpBody, response::IntoResponse};
use bytes::Bytes;
use connexion::{Api, ApiService, ResponseValidation};
use futures_util::stream;

use crate::support::{build, document_at, with_response};

const INTERNAL: &str = "The server could not answer this request.";

/// Builds a service whose handler returns this response.
fn responder<R: IntoResponse + 'static>(
    operation: &str,
    response: impl Fn() -> R + Clone + Send + Sync + 'static,
) -> ApiService {
    let handler = move || {
        let response = response();
        let response = response.into_response();
        async move { response }
    };
    build(Api::from_document(document_at("get /test", operation, "")).operation("test", handler))
}

const INTEGERS: &str = "{type: array, items: {type: integer}}";

fn chunks_of(
    kind: &'static str,
    schema: &str,
    chunks: &'static [&'static str],
    mode: ResponseValidation,
) -> ApiService {
    let operation = with_response(schema).replace("application/json", kind);
    let api =
        Api::from_document(document_at("get /test", &operation, "")).response_validation(mode);
    build(api.operation("test", async move || {
        let chunks = chunks
            .iter()
            .map(|text| Ok::<_, std::io::Error>(Bytes::from_static(text.as_bytes())));
        (
            [("content-type", kind)],
            HttpBody::from_stream(stream::iter(chunks)),
        )
    }))
}
