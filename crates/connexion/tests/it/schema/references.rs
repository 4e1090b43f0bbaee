//! `$ref` to schemas, and keywords beside it.

use super::{messages, thing};
use crate::support::{body_verdict, service};

#[test]
fn reference_to_a_schema_anywhere_is_resolved() {
    for version in ["3.1", "3.0"] {
        for (reference, schema) in [
            ("A/definitions/b", "definitions: {b: BOUND}"),
            ("A/definitions/default", "definitions: {default: BOUND}"),
            ("A/x-parts/b", "x-parts: {b: BOUND}"),
            ("A/parts/b", "parts: {b: BOUND}"),
            ("A/x-parts/b/c", "x-parts: {b: {c: BOUND}}"),
        ] {
            let bound = "{type: integer, nullable: false, format: int32}";
            let schema = schema.replace("BOUND", bound);
            let schema = if version == "3.1" {
                schema.replace("nullable: false, ", "")
            } else {
                schema
            };
            let schemas = format!(
                "Thing: {{properties: {{a: {{$ref: '#/components/schemas/{reference}'}}}}}}, A: {{{schema}}}"
            );
            assert_eq!(messages(version, &schemas), [""; 0], "{reference}");
            let service = thing(version, &schemas);
            assert!(
                body_verdict(&service, r#"{"a": 1}"#).starts_with("ok"),
                "{reference}"
            );
            // The referenced value is read as a schema of OpenAPI, with its formats.
            assert!(
                body_verdict(&service, r#"{"a": 2147483648}"#).starts_with("Body /a format"),
                "{reference}"
            );
        }
    }
}

#[test]
fn schema_in_an_extension_is_checked_if_referenced() {
    for version in ["3.1", "3.0"] {
        let schemas =
            "Thing: {$ref: '#/components/schemas/A/x-a'}, A: {x-a: {type: txt}, x-b: {type: txt}}";
        let reported = messages(version, schemas);
        assert_eq!(
            reported,
            ["`type` must be one of string, number, integer, boolean, object, array, null"]
        );
    }
}

#[test]
fn reference_to_a_response_as_a_schema_allows_any_value() {
    let document = crate::support::document(
        &crate::support::with_body("{$ref: '#/components/responses/R'}"),
        "responses: {R: {description: d}}",
    );
    let [diagnostic] = &document.check()[..] else {
        panic!("{:?}", document.check())
    };
    assert_eq!(diagnostic.code.as_str(), "not-checked");
    assert!(body_verdict(&service(document), "5").starts_with("ok"));
}

#[test]
fn keywords_beside_each_reference_of_a_chain_apply() {
    let schemas = "Thing: {type: object, properties: {a: {$ref: '#/components/schemas/A', x-a: 1}}}, \
                   A: {$ref: '#/components/schemas/B', maxLength: 2}, B: {type: string}";
    let service = thing("3.1", schemas);
    assert!(body_verdict(&service, r#"{"a": "ab"}"#).starts_with("ok"));
    assert!(body_verdict(&service, r#"{"a": "abc"}"#).starts_with("Body /a maxLength"));
}
