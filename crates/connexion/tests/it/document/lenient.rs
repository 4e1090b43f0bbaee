//! Lenient loading: documents that are served in spite of their errors.

use connexion::{
    Api, ApiService, Body, DiagnosticCode, Document, Params, Principal, ResponseValidation,
    Severity,
};
use serde_json::{Map, Value, json};

use crate::support::{build, request};

async fn values(
    Params(values): Params<Map<String, Value>>,
    Body(body): Body<Value>,
) -> Body<Value> {
    Body(json!({"values": values, "body": body}))
}

fn parse(text: &str) -> Document {
    Document::parse("api.yaml", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// Builds a service whose handlers return the values that were read.
#[track_caller]
fn lenient(text: &str) -> ApiService {
    let api = Api::from_document(parse(text).lenient());
    let api = api.default_security(async |_, _| Ok(Some(Principal::new("Ann", ["read"]))));
    build(
        api.fallback(values)
            .response_validation(ResponseValidation::Off),
    )
}

#[tokio::test]
async fn lenient_document_without_info_descriptions_and_declarations_is_served() {
    let text = "
openapi: 3.0.3
paths:
  /a/{id}:
    get: {}
    post:
      parameters: [{name: n, in: query}]
      requestBody: {}
      responses: {200: {}}
";
    assert!(
        Api::from_document(parse(text))
            .stub(true)
            .build(())
            .is_err()
    );
    let service = lenient(text);
    let read = request(&service, "GET /a/x%20y").send().await;
    assert_eq!(
        (read.status.as_u16(), read.json()["values"].clone()),
        (200, json!({"id": "x y"}))
    );
    let read = request(&service, "POST /a/1?n=2").send().await;
    assert_eq!(read.json()["values"], json!({"id": "1", "n": "2"}));
}

#[tokio::test]
async fn lenient_document_returns_501_with_the_reason_for_what_cannot_be_served() {
    let text = "
openapi: 3.1.0
info: {title: T, version: '1'}
paths:
  /good: {get: {operationId: good}}
  /parameter: {get: {parameters: [{$ref: '#/components/parameters/None'}]}}
  /body: {post: {requestBody: {$ref: '#/components/requestBodies/None'}}}
  /place: {get: {parameters: [{name: a, in: nowhere, schema: {}}]}}
";
    let service = lenient(text);
    assert_eq!(request(&service, "GET /good").send().await.status, 200);
    for (line, reason) in [
        (
            "GET /parameter",
            "`#/components/parameters/None` does not exist",
        ),
        (
            "POST /body",
            "`#/components/requestBodies/None` does not exist",
        ),
        (
            "GET /place",
            "`in: nowhere` of the parameter `a` is not supported",
        ),
    ] {
        let id = line.to_lowercase();
        let expected = format!("The operation '{id}' is not served: {reason}");
        assert_eq!(
            request(&service, line).send().await.problem(),
            (501, expected)
        );
    }
}

#[tokio::test]
async fn lenient_document_never_opens_an_operation_whose_security_cannot_be_enforced() {
    let text = "
openapi: 3.1.0
info: {title: T, version: '1'}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    broken: {type: apiKey, in: nowhere, name: X-Key}
    certificate: {type: mutualTLS}
paths:
  /unknown: {get: {security: [{absent: []}]}}
  /broken: {get: {security: [{broken: []}]}}
  /certificate: {get: {security: [{certificate: []}]}}
  /together: {get: {security: [{key: [], absent: []}]}}
  /object: {get: {security: {key: []}}}
  /text: {get: {security: [key]}}
  /scopes: {get: {security: [{key: admin}]}}
  /either: {get: {security: [{absent: []}, {key: []}]}}
  /open: {get: {security: []}}
";
    let service = lenient(text);
    for path in [
        "unknown",
        "broken",
        "certificate",
        "together",
        "object",
        "text",
        "scopes",
    ] {
        assert_eq!(
            request(&service, &format!("GET /{path}"))
                .send()
                .await
                .status,
            501,
            "{path}"
        );
    }
    assert_eq!(request(&service, "GET /either").send().await.status, 401);
    let known = request(&service, "GET /either")
        .header("x-key", "k")
        .send()
        .await;
    assert_eq!(known.status, 200);
    assert_eq!(request(&service, "GET /open").send().await.status, 200);
}

#[tokio::test]
async fn lenient_document_with_an_invalid_schema_accepts_any_value_for_it() {
    let text = "
openapi: 3.1.0
info: {title: T, version: '1'}
paths:
  /test:
    post:
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [a]
              properties:
                a: {$ref: '#/components/schemas/None'}
                b: {type: integer}
";
    let service = lenient(text);
    let json = [("content-type", "application/json")];
    for (body, status) in [
        ("{\"a\": {}}", 200),
        ("{}", 400),
        ("{\"a\": 1, \"b\": \"x\"}", 400),
    ] {
        assert_eq!(
            request(&service, "POST /test")
                .headers(&json)
                .body(body)
                .send()
                .await
                .status,
            status,
            "{body}"
        );
    }
}

#[tokio::test]
async fn lenient_document_serves_paths_without_slash_and_one_handler_for_two_operations() {
    let text = "
openapi: 3.1.0
info: {title: T, version: '1'}
paths:
  a: {get: {operationId: same}}
  /b: {get: {operationId: same}}
  /c/{x: {get: {operationId: never}}
";
    let api = Api::from_document(parse(text).lenient()).operation("same", async || "served");
    let service = build(api.stub(true));
    for path in ["/a", "/b"] {
        assert_eq!(
            request(&service, &format!("GET {path}"))
                .send()
                .await
                .text(),
            "served"
        );
    }
}

#[tokio::test]
async fn last_of_two_equal_keys_wins_in_a_lenient_document() {
    let text = "
openapi: 3.1.0
info: {title: T, version: '1'}
paths:
  /a: {get: {operationId: a, operationId: b}}
";
    let diagnostics = parse(text).check();
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(
        diagnostics.first().map(connexion::Diagnostic::severity),
        Some(Severity::Error)
    );
    let api = Api::from_document(parse(text).lenient()).operation("b", async || "served");
    assert_eq!(request(&build(api), "GET /a").send().await.text(), "served");
}

#[test]
fn every_error_of_a_lenient_document_is_a_warning_and_reported_once() {
    let text = "
openapi: 3.1.0
paths:
  /a/{id}: {get: {operationId: a, security: [{key: []}]}}
";
    let strict = parse(text).check();
    let lenient = parse(text).lenient().check();
    assert!(
        lenient
            .iter()
            .all(|diagnostic| diagnostic.severity() == Severity::Warning)
    );
    let lines: Vec<_> = lenient.iter().map(ToString::to_string).collect();
    let expected = [
        "api.yaml:1:1: warning: `info` is missing",
        "api.yaml:4:13: warning: the operation `a` responds with 501: none of its security requirements can be enforced",
        "api.yaml:4:13: warning: the parameter `id` of `/a/{id}` is not declared; add it to `parameters`",
        "api.yaml:4:47: warning: the security scheme `key` is not declared",
    ];
    assert_eq!(lines, expected);
    assert_eq!(lines.len(), strict.len() + 1);
}

#[test]
fn error_of_the_application_stays_an_error_in_a_lenient_document() {
    let text = "openapi: 3.1.0\npaths: {/a: {get: {operationId: a}}}\n";
    let codes = |api: Api<()>| {
        let diagnostics = api.build(()).unwrap_err().into_iter();
        let errors = diagnostics.filter(|diagnostic| diagnostic.severity() == Severity::Error);
        errors.map(|diagnostic| diagnostic.code).collect::<Vec<_>>()
    };
    let api = || Api::from_document(parse(text).lenient());
    assert_eq!(codes(api()), [DiagnosticCode::HandlerMissing]);
    assert_eq!(
        codes(api().stub(true).base_path("x")),
        [DiagnosticCode::PathInvalid]
    );
    assert_eq!(
        codes(api().stub(true).docs_security("key", &[])),
        [DiagnosticCode::SecuritySchemeMissing]
    );
}
