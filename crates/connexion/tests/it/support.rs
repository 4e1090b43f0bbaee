//! What the tests share: a document of one operation, a service, a request, an answer.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{body::Body, extract::Request};
use connexion::{
    Api, ApiService, Diagnostics, Document, Location, Operation, PathValues, ValidatedRequest,
    Violation, Violations,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

/// A document with the one operation `test`, whose members are `operation`, and with these `components`.
pub(crate) fn document(operation: &str, components: &str) -> Document {
    document_at("post /test", operation, components)
}

/// The same under another method and path.
pub(crate) fn document_at(method_and_path: &str, operation: &str, components: &str) -> Document {
    let (method, path) = method_and_path.split_once(' ').unwrap();
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: Test, version: '1'}}\npaths:\n  '{path}':\n    {method}: \
         {{operationId: test, {operation}}}\ncomponents: {{{components}}}\n"
    );
    Document::parse("test.yaml", text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// `responses` of an operation that answers 200 with anything.
pub(crate) const ANY: &str = "responses: {'200': {description: any}}";

/// `requestBody` with this schema, and answers that may be anything.
pub(crate) fn with_body(schema: &str) -> String {
    format!("requestBody: {{content: {{application/json: {{schema: {schema}}}}}}}, {ANY}")
}

/// `parameters`, and answers that may be anything.
pub(crate) fn with_parameters(parameters: &str) -> String {
    format!("parameters: [{parameters}], {ANY}")
}

/// An answer of status 200 whose JSON has this schema.
pub(crate) fn answering(schema: &str) -> String {
    format!(
        "responses: {{'200': {{description: d, content: {{application/json: {{schema: {schema}}}}}}}}}"
    )
}

/// A service of the one operation `test`, whose handler does nothing.
#[track_caller]
pub(crate) fn service(document: Document) -> ApiService {
    build(Api::from_document(document).operation("test", async || ()))
}

#[track_caller]
pub(crate) fn build(api: Api<()>) -> ApiService {
    api.build(()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The faults of a document of the one operation `test`, warnings too, without the file's name, one a line.
pub(crate) fn faults(document: Document) -> String {
    let warnings = document.check();
    let built = Api::from_document(document)
        .operation("test", async || ())
        .build(());
    let faults = built.err().unwrap_or(Diagnostics::from(warnings));
    faults.to_string().replace("test.yaml:", "")
}

/// The one operation of a service.
pub(crate) fn only(service: &ApiService) -> &Operation {
    service.operations().next().unwrap()
}

pub(crate) fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let fields = fields.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
    });
    fields.collect()
}

/// What the operation with this body schema says of a JSON body: its keywords and sentences, one a line.
pub(crate) fn body_verdict(service: &ApiService, body: &str) -> String {
    let headers = headers(&[("content-type", "application/json")]);
    verdict(only(service).validate_request(&PathValues::default(), None, &headers, body.as_bytes()))
}

pub(crate) fn verdict(result: Result<ValidatedRequest, Violations>) -> String {
    match result {
        Ok(input) => format!(
            "ok {} {}",
            Value::Object(input.parameters),
            input.body.unwrap_or_default()
        ),
        Err(violations) => sentences(&violations),
    }
}

pub(crate) fn sentences(violations: &[Violation]) -> String {
    let lines = violations.iter().map(|violation| {
        let Violation {
            pointer,
            keyword,
            detail,
            ..
        } = violation;
        let location = match &violation.location {
            Location::Body => "Body ".to_owned(),
            Location::Parameter { location, name } => format!("{location:?} {name}"),
        };
        format!("{location}{pointer} {keyword}: {detail}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// An answer, read to its end.
#[must_use]
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// What was read before the body broke off, if it did.
    pub(crate) body: Vec<u8>,
    pub(crate) is_broken: bool,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The status and `detail` of a problem.
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

/// Sends `METHOD PATH` with header fields and a body.
pub(crate) async fn send(
    service: &ApiService,
    line: &str,
    fields: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let (method, uri) = line.split_once(' ').unwrap();
    let mut request = Request::new(body.into());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    *request.uri_mut() = uri.parse().unwrap();
    *request.headers_mut() = headers(fields);
    read(service.handle(request).await).await
}

/// GET, or another method, without header fields and body.
pub(crate) async fn ask(service: &ApiService, line: &str) -> Answer {
    send(service, line, &[], Body::empty()).await
}

/// POST of a JSON body to `/test`.
pub(crate) async fn post(service: &ApiService, body: impl Into<Body>) -> Answer {
    send(
        service,
        "POST /test",
        &[("content-type", "application/json")],
        body,
    )
    .await
}

pub(crate) async fn read(response: axum::response::Response) -> Answer {
    use futures_util::StreamExt as _;
    let (head, body) = response.into_parts();
    let mut chunks = body.into_data_stream();
    let (mut body, mut is_broken) = (Vec::new(), false);
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(chunk) => body.extend_from_slice(&chunk),
            Err(_) => is_broken = true,
        }
    }
    Answer {
        status: head.status,
        headers: head.headers,
        body,
        is_broken,
    }
}

/// What is logged on this thread while it lives.
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Log {
    pub(crate) fn capture() -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&lines);
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(move || Writer(Arc::clone(&writer)))
            .finish();
        Self {
            lines,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.lines.lock().unwrap().clone()).unwrap()
    }
}

struct Writer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
