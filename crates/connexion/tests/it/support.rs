//! Helpers that the tests share: documents of one operation, services and a test client.

mod client;
mod log;

use connexion::{
    Api, ApiService, Diagnostics, Document, Location, Operation, PathValues, ValidatedRequest,
    Violation, Violations,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

pub(crate) use self::{
    client::{TestRequest, TestResponse, post, request},
    log::Log,
};

/// Returns a document with the one operation `test`, which has the fields `operation`, and with these `components`.
pub(crate) fn document(operation: &str, components: &str) -> Document {
    document_at("post /test", operation, components)
}

/// Returns such a document with another method and path.
pub(crate) fn document_at(method_and_path: &str, operation: &str, components: &str) -> Document {
    let (method, path) = method_and_path.split_once(' ').unwrap();
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: Test, version: '1'}}\npaths:\n  '{path}':\n    {method}: \
         {{operationId: test, {operation}}}\ncomponents: {{{components}}}\n"
    );
    Document::parse("test.yaml", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// The `responses` of an operation that returns 200 with any body.
pub(crate) const ANY: &str = "responses: {'200': {description: any}}";

/// Returns a `requestBody` with this schema, and `responses` that allow anything.
pub(crate) fn with_body(schema: &str) -> String {
    format!("requestBody: {{content: {{application/json: {{schema: {schema}}}}}}}, {ANY}")
}

/// Returns `parameters`, and `responses` that allow anything.
pub(crate) fn with_parameters(parameters: &str) -> String {
    format!("parameters: [{parameters}], {ANY}")
}

/// Returns `responses` with the one status 200, whose JSON has this schema.
pub(crate) fn with_response(schema: &str) -> String {
    format!(
        "responses: {{'200': {{description: d, content: {{application/json: {{schema: {schema}}}}}}}}}"
    )
}

/// Builds a service of the one operation `test`, whose handler does nothing.
#[track_caller]
pub(crate) fn service(document: Document) -> ApiService {
    build(Api::from_document(document).operation("test", async || ()))
}

#[track_caller]
pub(crate) fn build(api: Api<()>) -> ApiService {
    api.build(())
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// Returns the diagnostics of a document of the one operation `test`, warnings included: one a line, without the name of
/// the file.
pub(crate) fn diagnostics(document: Document) -> String {
    let warnings = document.check();
    let built = Api::from_document(document)
        .operation("test", async || ())
        .build(());
    let diagnostics = built.err().unwrap_or(Diagnostics::from(warnings));
    diagnostics.to_string().replace("test.yaml:", "")
}

/// Returns the one operation of a service.
pub(crate) fn only(service: &ApiService) -> &Operation {
    service.operations().next().unwrap()
}

/// Returns header fields for [`Operation::validate_request`].
pub(crate) fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let fields = fields.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
    });
    fields.collect()
}

/// Validates a JSON body for the one operation; see [`verdict`].
pub(crate) fn body_verdict(service: &ApiService, body: &str) -> String {
    let headers = headers(&[("content-type", "application/json")]);
    verdict(only(service).validate_request(&PathValues::default(), None, &headers, body.as_bytes()))
}

/// Returns `ok` with parameters and body, or the violations.
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

/// Returns the violations one a line: location, keyword and detail.
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
