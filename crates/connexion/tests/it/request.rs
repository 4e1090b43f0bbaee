//! Requests: parameters and bodies, and the violations that are reported.

mod body_types;
mod content_types;
#[cfg(feature = "multipart")]
mod files;
mod form_round_trips;
mod forms;
mod json_body;
mod limits;
#[cfg(feature = "multipart")]
mod multipart;
mod parameter_types;
mod parameters;
mod round_trips;
mod skipped_properties;
mod styles;

use connexion::{Api, ApiService, Body, Document, PathValues};
use serde_json::Value;

use crate::support::{build, headers, only, service, verdict};

/// Returns a document in OpenAPI 3.1 and 3.0, whose operation has a body with this `content`.
pub(crate) fn documents(content: &str) -> [Document; 2] {
    ["3.1.0", "3.0.3"].map(|version| {
        let text = format!(
            "openapi: {version}\ninfo: {{title: Test, version: '1'}}\npaths:\n  /test:\n    post:\n      \
             operationId: test\n      requestBody: {{required: true, content: {content}}}\n      responses: \
             {{'200': {{description: any}}}}\ncomponents: {{schemas: {{Color: {{type: string, enum: [red, blue]}}, \
             Colors: {{type: array, items: {{$ref: '#/components/schemas/Color'}}}}}}}}\n"
        );
        Document::parse("test.yaml", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
    })
}

/// Returns a document in Swagger 2.0 with these parameters.
pub(crate) fn swagger(consumes: &str, parameters: &str) -> Document {
    let text = format!(
        "swagger: '2.0'\ninfo: {{title: t, version: '1'}}\npaths:\n  /test:\n    post:\n      operationId: test\n      \
         consumes: [{consumes}]\n      parameters: [{parameters}]\n      responses: {{200: {{description: any}}}}\n"
    );
    Document::parse("test.yaml", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

pub(crate) fn check(document: Document, kind: &str, body: &[u8]) -> String {
    let service = service(document);
    let fields = [("content-type", kind)];
    let headers = headers(if kind.is_empty() { &[] } else { &fields });
    verdict(only(&service).validate_request(&PathValues::default(), None, &headers, body))
}

async fn echo(Body(body): Body<Value>) -> Body<Value> {
    Body(body)
}

fn echoing(document: Document) -> ApiService {
    build(Api::from_document(document).operation("test", echo))
}

fn form_content(schema: &str, encoding: &str) -> String {
    format!("{{application/x-www-form-urlencoded: {{schema: {schema}, encoding: {{{encoding}}}}}}}")
}
