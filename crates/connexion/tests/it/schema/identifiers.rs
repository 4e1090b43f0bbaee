//! Schemas with `$id` and `$anchor` within one document (JSON Schema Core 2020-12, section 8.2).

use connexion::{Api, Document};
use serde_json::Value;

/// Returns whether a JSON text is valid for the component `Test` of these schemas.
#[track_caller]
fn accepts(schemas: &str, json: &str) -> bool {
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: T, version: '1'}}\ncomponents:\n  schemas: {{{schemas}}}\n"
    );
    let document = Document::parse("test.yaml", text).unwrap();
    let api = Api::<()>::from_document(document);
    let validator = api
        .validator("Test")
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    validator.read::<Value>(json.as_bytes()).is_ok()
}

#[test]
fn reference_in_a_resource_is_relative_to_its_id() {
    let schemas =
        "Test: {$id: 'https://example.com/test', $ref: '#/$defs/a', $defs: {a: {type: integer}}}";
    assert!(accepts(schemas, "1") && !accepts(schemas, "\"1\""));
}

#[test]
fn reference_to_an_id_is_resolved_in_the_whole_document() {
    for reference in [
        "https://example.com/item",
        "item",
        "/item#",
        "item#/$defs/a",
        "item#name",
    ] {
        let schemas = format!(
            "Test: {{$id: 'https://example.com/test', $ref: '{reference}'}}, \
             Item: {{$id: 'https://example.com/item', type: integer, $defs: {{a: {{$anchor: name, type: integer}}}}}}"
        );
        assert!(accepts(&schemas, "1"), "{reference}");
        assert!(!accepts(&schemas, "\"1\""), "{reference}");
    }
}

#[test]
fn reference_to_a_urn_or_a_nested_id_is_resolved() {
    let urn = "Test: {$ref: 'urn:uuid:deadbeef-1234-0000-0000-4321feebdaed'}, \
               Other: {$id: 'urn:uuid:deadbeef-1234-0000-0000-4321feebdaed', maximum: 1}";
    assert!(accepts(urn, "1") && !accepts(urn, "2"));
    let nested = "Test: {$id: 'https://example.com/a/', $ref: 'b/c', \
                  $defs: {b: {$id: b/, $defs: {c: {$id: c, $ref: '#/$defs/d', $defs: {d: {maximum: 1}}}}}}}";
    assert!(accepts(nested, "1") && !accepts(nested, "2"));
}

#[test]
fn anchor_belongs_to_its_resource() {
    let schemas = "Test: {$ref: '#a', $defs: {in: {$id: inner, $defs: {x: {$anchor: a, maximum: 5}}}, \
                   own: {$anchor: a, maximum: 1}}}";
    assert!(accepts(schemas, "1") && !accepts(schemas, "2"));
}

#[test]
fn anchor_or_id_in_data_or_of_a_property_is_no_identifier() {
    let schemas = "Test: {$ref: '#a', examples: [{$id: x, $ref: x}], enum: [{$anchor: a}, 1], \
                   $defs: {own: {$anchor: a, type: integer}}}";
    assert!(accepts(schemas, "1") && !accepts(schemas, "{\"$anchor\": \"a\"}"));
    let named = "Test: {properties: {$id: {type: integer}, $ref: {type: integer}, $anchor: {type: integer}}}";
    assert!(accepts(named, r#"{"$id": 1, "$ref": 1, "$anchor": 1}"#));
    assert!(!accepts(named, r#"{"$id": "1"}"#) && !accepts(named, r#"{"$ref": "1"}"#));
}
