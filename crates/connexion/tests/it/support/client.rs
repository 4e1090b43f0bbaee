//! The test client: a request to a service, without a socket, and its response.

use axum::{body::Body, extract::Request};
use connexion::ApiService;
use futures_util::StreamExt as _;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

/// A request to a service. Nothing is sent before [`TestRequest::send`].
#[must_use = "a request does nothing until it is sent"]
pub(crate) struct TestRequest<'a> {
    service: &'a ApiService,
    request: Request,
}

/// Starts a request without header fields and body; the line is `METHOD PATH`.
#[track_caller]
pub(crate) fn request<'a>(service: &'a ApiService, line: &str) -> TestRequest<'a> {
    let (method, uri) = line
        .split_once(' ')
        .unwrap_or_else(|| panic!("not `METHOD PATH`: {line}"));
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    *request.uri_mut() = uri.parse().unwrap_or_else(|error| panic!("{uri}: {error}"));
    TestRequest { service, request }
}

/// Starts a POST of a JSON text to `/test`.
#[track_caller]
pub(crate) fn post(service: &ApiService, json: impl Into<Body>) -> TestRequest<'_> {
    request(service, "POST /test").typed_body("application/json", json)
}

impl TestRequest<'_> {
    /// Adds a header field.
    #[track_caller]
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        self.headers(&[(name, value)])
    }

    /// Adds header fields.
    #[track_caller]
    pub(crate) fn headers(mut self, fields: &[(&str, &str)]) -> Self {
        self.request.headers_mut().extend(super::headers(fields));
        self
    }

    /// Sets the body.
    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    /// Sets the body and its media type.
    #[track_caller]
    pub(crate) fn typed_body(self, media_type: &str, body: impl Into<Body>) -> Self {
        self.header("content-type", media_type).body(body)
    }

    /// Sends the request and reads the response to its end.
    pub(crate) async fn send(self) -> TestResponse {
        let (head, body) = self.service.handle(self.request).await.into_parts();
        let mut chunks = body.into_data_stream();
        let (mut body, mut is_broken) = (Vec::new(), false);
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) => body.extend_from_slice(&chunk),
                Err(_) => is_broken = true,
            }
        }
        TestResponse {
            status: head.status,
            headers: head.headers,
            body,
            is_broken,
        }
    }
}

/// A response that was read to its end.
#[must_use]
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The bytes that were received, even if the body broke off.
    pub(crate) body: Vec<u8>,
    /// Set if the body ended with an error.
    pub(crate) is_broken: bool,
}

impl TestResponse {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the value of a header field, empty if there is none.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the status and `detail` of a problem.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        (
            self.status.as_u16(),
            json["detail"].as_str().unwrap().to_owned(),
        )
    }
}
