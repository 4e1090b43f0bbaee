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

/// A document whose operation `test` reads a `Thing` and answers one, with these schemas. References are
/// written as OpenAPI 3 does.
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
    Document::parse("test.yaml", text(version, schemas)).unwrap_or_else(|faults| panic!("{faults}"))
}

fn thing(version: &str, schemas: &str) -> ApiService {
    service(parsed(version, schemas))
}

/// The same, with discriminators that decide which values are valid.
fn strict_thing(version: &str, schemas: &str) -> ApiService {
    let api = Api::from_document(parsed(version, schemas)).operation("test", async || ());
    build(api.strict_discriminator(true))
}

/// What is wrong with an answer.
fn answer_verdict(service: &ApiService, body: &str) -> String {
    let headers = headers(&[("content-type", "application/json")]);
    let result = only(service).validate_response(StatusCode::OK, &headers, body.as_bytes());
    result.map_or_else(|violations| sentences(&violations), |()| "ok".to_owned())
}

/// What keeps the document from being served, without the file's name.
fn faults(version: &str, schemas: &str) -> String {
    crate::support::faults(parsed(version, schemas))
}

/// The messages of the faults.
fn messages(version: &str, schemas: &str) -> Vec<String> {
    let faults = faults(version, schemas);
    let message = |line: &str| {
        let message = line.split_once(": ").unwrap().1;
        message
            .strip_prefix("warning: ")
            .unwrap_or(message)
            .to_owned()
    };
    faults.lines().map(message).collect()
}
