//! Schemas: the keywords that OpenAPI adds to JSON Schema, and how values are validated.

mod defaults;
mod discriminator;
mod discriminator_choice;
mod examples;
mod formats;
mod generate;
mod identifiers;
mod keywords;
mod patterns;
mod read_only;
mod recursion;
mod references;

use connexion::{Api, ApiService, Document};
use http::StatusCode;

use crate::support::{build, headers, only, sentences, service};

const VERSIONS: [&str; 3] = ["3.1", "3.0", "2.0"];

/// Returns a document with these schemas, whose operation `test` takes and returns a `Thing`. References are
/// written as in OpenAPI 3.
fn text(version: &str, schemas: &str) -> String {
    let body = "{$ref: '#/components/schemas/Thing'}";
    if version == "2.0" {
        let text = format!(
            "swagger: '2.0'\ninfo: {{title: T, version: '1'}}\npaths:\n  /test:\n    post: {{operationId: test, \
             parameters: [{{name: b, in: body, schema: {body}}}], \
             responses: {{'200': {{description: d, schema: {body}}}}}}}\n\ndefinitions: {{{schemas}}}\n"
        );
        return text.replace("#/components/schemas/", "#/definitions/");
    }
    let content = format!("content: {{application/json: {{schema: {body}}}}}");
    format!(
        "openapi: {version}.0\ninfo: {{title: T, version: '1'}}\npaths:\n  /test:\n    post: {{operationId: test, \
         requestBody: {{{content}}}, \
         responses: {{'200': {{description: d, {content}}}}}}}\ncomponents:\n  schemas: {{{schemas}}}\n"
    )
}

fn parsed(version: &str, schemas: &str) -> Document {
    Document::parse("test.yaml", text(version, schemas))
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn thing(version: &str, schemas: &str) -> ApiService {
    service(parsed(version, schemas))
}

/// Builds the service of [`thing`] with `strict_discriminator`.
fn strict_thing(version: &str, schemas: &str) -> ApiService {
    let api = Api::from_document(parsed(version, schemas)).operation("test", async || ());
    build(api.strict_discriminator(true))
}

/// Validates a response.
fn response_verdict(service: &ApiService, body: &str) -> String {
    let headers = headers(&[("content-type", "application/json")]);
    let result = only(service).validate_response(StatusCode::OK, &headers, body.as_bytes());
    result.map_or_else(|violations| sentences(&violations), |()| "ok".to_owned())
}

/// Returns the diagnostics of a document, without the name of the file.
fn diagnostics(version: &str, schemas: &str) -> String {
    crate::support::diagnostics(parsed(version, schemas))
}

/// Returns the messages of the diagnostics.
fn messages(version: &str, schemas: &str) -> Vec<String> {
    let diagnostics = diagnostics(version, schemas);
    let message = |line: &str| {
        let message = line.split_once(": ").unwrap().1;
        message
            .strip_prefix("warning: ")
            .unwrap_or(message)
            .to_owned()
    };
    diagnostics.lines().map(message).collect()
}
