//! Defaults of properties in bodies, beside the fixture `body-defaults`.

use connexion::{Api, Body, Document};
use serde_json::{Value, json};

use crate::support::{ANY, TestResponse, build, diagnostics, document, post, with_body};

/// Returns an API whose operation returns the request's body.
fn echo(schema: &str) -> Api<()> {
    let content = "content: {application/json: {}}";
    let operation = with_body(schema).replace(ANY, "");
    let operation = format!("{operation} responses: {{'200': {{description: d, {content}}}}}");
    let document = document(&operation, "");
    Api::from_document(document).operation("test", async |Body(body): Body<Value>| Body(body))
}

async fn echoed(schema: &str, body: &str) -> Value {
    let response: TestResponse = post(&build(echo(schema)), body.to_owned()).send().await;
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

#[tokio::test]
async fn defaults_are_not_filled_in_if_switched_off() {
    let service = build(echo("{properties: {a: {default: 1}}}").body_defaults(false));
    assert_eq!(post(&service, "{}").send().await.json(), json!({}));
}

#[tokio::test]
async fn default_is_not_filled_in_below_alternatives() {
    for schema in [
        "{if: {required: [b]}, then: {properties: {a: {default: 1}}}}",
        "{anyOf: [{properties: {a: {default: 1}}}, {properties: {a: {default: 2}}}]}",
        "{not: {required: [b], properties: {a: {default: 1}}}}",
        "{dependentSchemas: {b: {properties: {a: {default: 1}}}}}",
    ] {
        assert_eq!(echoed(schema, "{}").await, json!({}), "{schema}");
    }
    // The only alternative that is not `null`.
    let schema = "{properties: {s: {oneOf: [{type: 'null'}, {type: object, properties: {a: {default: 1}}}]}}}";
    assert_eq!(echoed(schema, r#"{"s": {}}"#).await, json!({"s": {"a": 1}}));
    assert_eq!(echoed(schema, r#"{"s": null}"#).await, json!({"s": null}));
}

#[tokio::test]
async fn invalid_default_is_not_filled_in() {
    let schema = "{properties: {a: {type: integer, default: x}}}";
    assert!(
        diagnostics(document(&with_body(schema), ""))
            .contains("warning: the `default` breaks its schema")
    );
    assert_eq!(echoed(schema, "{}").await, json!({}));
    let schema = "{allOf: [{properties: {a: {default: 5}}}, {properties: {a: {maximum: 4}}}]}";
    assert_eq!(echoed(schema, "{}").await, json!({}));
}

#[tokio::test]
async fn defaults_within_defaults_are_filled_in() {
    let inner = "{type: object, properties: {b: {default: 1}}}";
    let schema = format!("{{properties: {{a: {{allOf: [{inner}], default: {{}}}}}}}}");
    assert_eq!(echoed(&schema, "{}").await, json!({"a": {"b": 1}}));
}

#[tokio::test]
async fn defaults_count_towards_the_value_limit() {
    let schema = "{type: array, items: {properties: {a: {default: [1, 2, 3]}}}}";
    let service = build(echo(schema).value_limit(15));
    assert_eq!(post(&service, "[{}, {}]").send().await.status, 200);
    assert_eq!(post(&service, "[{}, {}, {}, {}]").send().await.status, 413);
}

#[tokio::test]
async fn read_only_property_has_no_default_in_requests() {
    let schema =
        "{properties: {a: {readOnly: true, default: 1}, b: {writeOnly: true, default: 2}}}";
    assert_eq!(echoed(schema, "{}").await, json!({"b": 2}));
}

#[test]
fn validator_fills_in_defaults() {
    let text = "
openapi: 3.1.0
info: {title: T, version: '1'}
components: {schemas: {A: {type: object, properties: {b: {type: integer, default: 1}, a: {$ref: '#/components/schemas/A'}}}}}
";
    let api = |on: bool| {
        Api::<()>::from_document(Document::parse("t.yaml", text).unwrap()).body_defaults(on)
    };
    let read = |on: bool| {
        let validator = api(on).validator("A").unwrap();
        validator.read::<Value>(br#"{"a": {}}"#).unwrap()
    };
    assert_eq!(read(true), json!({"a": {"b": 1}, "b": 1}));
    assert_eq!(read(false), json!({"a": {}}));
}
