//! Any request to a service with every feature gets a response: the values that were read, or a problem that lists the
//! violations. The input is `METHOD URI`, header fields, an empty line, and a body.

#![no_main]

#[expect(dead_code, reason = "this is no program that serves")]
#[path = "../../examples/echo.rs"]
mod echo;

use std::sync::LazyLock;

use axum::{body::Body, extract::Request};
use connexion::{ApiService, Document};
use http::{HeaderName, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.build().expect("a runtime")
});

static SERVICES: LazyLock<Vec<ApiService>> = LazyLock::new(|| {
    let texts = [
        include_str!("../../tests/fixtures/everything/openapi.yaml"),
        include_str!("../../tests/fixtures/everything/openapi30.yaml"),
    ];
    let documents = texts.map(|text| Document::parse("everything", text).expect("a document"));
    documents
        .map(|document| echo::service(document, true).expect("a service"))
        .into()
});

fuzz_target!(|data: &[u8]| {
    for service in &*SERVICES {
        if let Some(request) = request(data) {
            RUNTIME.block_on(respond(service, request));
        }
    }
});

fn request(data: &[u8]) -> Option<Request> {
    let mut rest = data;
    let first = line(&mut rest);
    let (method, uri) = std::str::from_utf8(first).ok()?.split_once(' ')?;
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = uri.parse::<Uri>().ok()?;
    loop {
        let field = line(&mut rest);
        let Some(at) = field.iter().position(|byte| *byte == b':') else {
            break;
        };
        let (name, value) = field.split_at(at);
        let name = HeaderName::from_bytes(name).ok()?;
        let value = HeaderValue::from_bytes(value[1..].trim_ascii()).ok()?;
        request.headers_mut().append(name, value);
    }
    *request.body_mut() = Body::from(rest.to_vec());
    Some(request)
}

fn line<'d>(rest: &mut &'d [u8]) -> &'d [u8] {
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, behind) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = behind.get(1..).unwrap_or_default();
    line
}

async fn respond(service: &ApiService, request: Request) {
    let (head, body) = service.handle(request).await.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("a body");
    assert!(!head.status.is_server_error(), "{body:?}");
    if head.status == 400 && !body.is_empty() {
        let problem: serde_json::Value = serde_json::from_slice(&body).expect("a problem");
        let errors = problem["errors"].as_array();
        assert!(errors.is_none_or(|errors| !errors.is_empty()), "{problem}");
        let detail = problem["detail"].as_str();
        assert!(detail.is_some_and(|detail| !detail.is_empty()), "{problem}");
    }
    // The response must not be much longer than the request.
    assert!(body.len() < 1 << 20, "{} bytes", body.len());
}
