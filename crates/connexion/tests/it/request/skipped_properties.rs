//! Properties without a schema: skipped when a body is read, without any effect on the violations.

use connexion::Api;

use crate::support::{body_verdict, build, document, with_body};

/// Skipping a property does not change the violations of a body.
#[test]
fn keywords_apply_to_skipped_properties() {
    let bodies = [
        r#"{"a": 1, "b": {"c": [1, {}], "d": "x"}, "e": [{"a": 1, "z": 2}]}"#,
        r#"{"a": "x", "b": 5, "e": [[{"z": {}}]], "zz": null, "zz": [0]}"#,
        r#"{"zz": 1}"#,
        "[]",
        r#"{"a": 1, "zz": [0], "e": [{"a": "x"}], "b": -0}"#,
    ];
    let properties = "properties: {a: {type: integer}, b: {}, e: {type: array, items: {type: object, properties: {a: {type: integer}}}}}";
    for more in [
        "required: [a]",
        "required: [zz]",
        "additionalProperties: false",
        "additionalProperties: {type: integer}",
        "patternProperties: {'^z': {type: integer}}",
        "propertyNames: {maxLength: 1}",
        "minProperties: 3",
        "maxProperties: 3",
        "unevaluatedProperties: false",
        "dependentRequired: {zz: [a]}",
        "dependentSchemas: {zz: {required: [a]}}",
        "not: {required: [zz]}",
        "if: {required: [zz]}, then: {required: [a]}",
        "enum: [{zz: 1}]",
        "const: {zz: 1}",
        "oneOf: [{required: [a]}, {required: [zz]}]",
        "anyOf: [{required: [a]}, {properties: {zz: {type: integer}}, required: [zz]}]",
        "allOf: [{required: [zz]}, {properties: {zz: {type: integer}, a: {maximum: 0}}}]",
        "allOf: [{additionalProperties: {type: integer}}]",
        "allOf: [{$ref: '#/components/schemas/Closed'}]",
    ] {
        let schema = format!("{{type: object, {properties}, {more}}}");
        let components = "schemas: {Closed: {maxProperties: 3}}";
        let api = |skip| {
            let api = Api::from_document(document(&with_body(&schema), components));
            build(api.operation("test", async || ()).skip_undescribed(skip))
        };
        let (all, skipping) = (api(false), api(true));
        for body in bodies {
            let (expected, found) = (body_verdict(&all, body), body_verdict(&skipping, body));
            assert_eq!(
                found.starts_with("ok"),
                expected.starts_with("ok"),
                "{more} {body}"
            );
            assert!(
                expected.starts_with("ok") || found == expected,
                "{more} {body}\n{found}\n{expected}"
            );
        }
    }
}

#[test]
fn properties_without_a_schema_are_skipped() {
    let tree = "Tree: {type: object, properties: {name: {type: string}, below: {type: array, items: {$ref: '#/components/schemas/Tree'}}}}";
    let components = format!("schemas: {{{tree}}}");
    let reference = "{$ref: '#/components/schemas/Tree'}";
    for (schema, body, kept) in [
        (
            "{properties: {a: {}}}",
            r#"{"b": [0], "a": {"b": 1}, "b": 2}"#,
            r#"{"a":{"b":1}}"#,
        ),
        ("{type: object}", r#"{"b": 1}"#, r#"{"b":1}"#),
        ("true", r#"{"b": 1}"#, r#"{"b":1}"#),
        (
            "{additionalProperties: true, properties: {a: {}}}",
            r#"{"b": 1}"#,
            r#"{"b":1}"#,
        ),
        (
            "{items: {properties: {a: {}}}}",
            r#"[{"b": 1}, {"a": 2}]"#,
            r#"[{},{"a":2}]"#,
        ),
        (
            "{allOf: [{properties: {a: {}}}, {properties: {b: {}}}]}",
            r#"{"a": 1, "b": 2, "c": 3}"#,
            r#"{"a":1,"b":2}"#,
        ),
        (
            reference,
            r#"{"below": [{"x": 1, "name": "a", "below": [{"x": 2}]}], "x": 3}"#,
            r#"{"below":[{"name":"a","below":[{}]}]}"#,
        ),
    ] {
        let api = Api::from_document(document(&with_body(schema), &components));
        let service = build(
            api.operation("test", async || ())
                .skip_undescribed(true)
                .value_limit(7),
        );
        assert_eq!(
            body_verdict(&service, body),
            format!("ok {{}} {kept}"),
            "{schema}"
        );
    }
    let api = Api::from_document(document(&with_body("{properties: {a: {}}}"), ""));
    let service = build(
        api.operation("test", async || ())
            .skip_undescribed(true)
            .value_limit(2),
    );
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for skipped in [
        format!("[{}0]", "[0],".repeat(100_000)),
        deep,
        format!("\"{}\"", r"\n".repeat(100_000)),
    ] {
        let body = format!(r#"{{"x": {skipped}, "a": 1, "y": {skipped}}}"#);
        assert_eq!(body_verdict(&service, &body), r#"ok {} {"a":1}"#);
        // A skipped value must be valid JSON, too.
        assert!(body_verdict(&service, &body.replace("\"a\"", "a")).contains("not valid JSON"));
    }
}
