//! YAML and JSON: positions, merge keys, anchors and nesting.

use connexion::Document;

use crate::support::{body_verdict, diagnostics, document, service, with_body};

#[test]
fn json_document_has_positions() {
    let text = "{\n\t\"openapi\": \"3.1.0\",\n\t\"info\": {\"title\": \"\\ud83d\\ude00\", \"version\": 5, \"x\": 1},\n\t\"paths\": {}\n}";
    let document = Document::parse("a.json", text).unwrap();
    let diagnostics: Vec<_> = document.check().iter().map(ToString::to_string).collect();
    assert_eq!(
        diagnostics,
        ["a.json:3:50: warning: `info` has no field `x`; it is ignored"]
    );
    assert!(document.to_json().contains("😀"));
}

#[test]
fn deep_nesting_is_rejected_without_stack_overflow() {
    for text in [
        "[".repeat(50_000),
        "{\"a\":".repeat(50_000),
        "- ".repeat(50_000),
    ] {
        assert!(Document::parse("a", text).is_err());
    }
}

#[test]
fn real_world_documents_are_accepted() {
    // Operation ids of other frameworks, merge keys, patterns of other languages, names of schemas.
    let text = r"
openapi: 3.1.0
info: {title: T, version: '1'}
x-shared: &shared
  operationId: hidden
  responses: {'200': {description: any}}
paths:
  /test:
    post:
      <<: *shared
      operationId: test
      requestBody: {content: {application/json: {schema: {$ref: '#thing'}}}}
components:
  schemas:
    Thing:
      $anchor: thing
      properties:
        page: {$ref: '#/components/schemas/Page«A»'}
        list: {$ref: '#/components/schemas/List[A]'}
        name: {pattern: '(?i)^[a-z]+$'}
    Page«A»: {type: integer}
    List[A]: {type: array, items: {$ref: '#/components/schemas/Page%C2%ABA%C2%BB'}}
  securitySchemes: {certificate: {type: mutualTLS}}
";
    let document = Document::parse("test.yaml", text).unwrap();
    assert_eq!(document.check(), []);
    let service = service(document);
    let read = |body: &str| body_verdict(&service, body);
    let right = r#"{"page":1,"list":[2],"name":"Ann"}"#;
    assert_eq!(read(right), format!("ok {{}} {right}"));
    assert_eq!(
        read(r#"{"page":"1","list":["2"],"name":"A1"}"#),
        "Body /page type: \"1\" is not of type \"integer\" at /page\n\
         Body /list/0 type: \"2\" is not of type \"integer\" at /list/0\n\
         Body /name pattern: \"A1\" does not match \"(?i)^[a-z]+$\" at /name"
    );
}

#[test]
fn yaml_merge_key_does_not_override_own_keys() {
    let text = "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths: {}\nx-a: &a {b: 1, c: 2}\nx-d: &d {c: 3, e: 4}\n\
                x-f: {b: 5, <<: [*a, *d], e: 6}\n";
    let json = Document::parse("a", text).unwrap().to_json();
    assert!(json.contains(r#""x-f":{"b":5,"e":6,"c":2}"#), "{json}");
}

#[test]
fn unknown_yaml_anchor_is_reported() {
    let found = diagnostics(document(&with_body("{$ref: '#none'}"), ""));
    assert!(found.ends_with("`#none` does not exist"), "{found}");
}
