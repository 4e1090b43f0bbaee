//! Bodies of the type `application/x-www-form-urlencoded`.

use connexion::{Api, Document};
use serde_json::json;

use super::{check, documents, echo, form_content, swagger};
use crate::support::{build, request};

/// Validates a form with this schema and encoding; the result must be the same in both versions.
#[track_caller]
fn form(schema: &str, encoding: &str, body: &str) -> String {
    let kind = "application/x-www-form-urlencoded";
    let said = documents(&form_content(schema, encoding))
        .map(|document| check(document, kind, body.as_bytes()));
    assert_eq!(said[0], said[1]);
    let [said, _] = said;
    said.strip_prefix("ok {} ").unwrap_or(&said).to_owned()
}

#[test]
fn form_fields_are_converted_to_the_types_of_their_properties() {
    for (property, body, expected) in [
        ("{type: integer}", "a=5", "5"),
        ("{type: number}", "a=1&a=0.5", "0.5"),
        ("{type: boolean}", "a=true", "true"),
        ("{type: string}", "a=b+c%2B%C3%A9", "\"b c+é\""),
        ("{}", "a=5", "\"5\""),
        ("{$ref: '#/components/schemas/Color'}", "a=red", "\"red\""),
        (
            "{allOf: [{$ref: '#/components/schemas/Color'}, {maxLength: 3}]}",
            "a=red",
            "\"red\"",
        ),
        ("{anyOf: [{type: integer}, {type: string}]}", "a=7", "7"),
        (
            "{oneOf: [{type: integer, maximum: 3}, {type: string}]}",
            "a=7",
            "\"7\"",
        ),
        ("{type: array, items: {type: integer}}", "a=1&a=2", "[1,2]"),
        ("{type: array, items: {type: integer}}", "a=1", "[1]"),
        (
            "{$ref: '#/components/schemas/Colors'}",
            "a=red&a=blue",
            "[\"red\",\"blue\"]",
        ),
        (
            "{type: object, properties: {b: {type: integer}}}",
            "a=%7B%22b%22:1%7D",
            "{\"b\":1}",
        ),
        (
            "{type: array, items: {type: object}}",
            "a=%7B%22b%22:1%7D&a=%7B%7D",
            "[{\"b\":1},{}]",
        ),
    ] {
        let schema = format!("{{type: object, properties: {{a: {property}}}}}");
        assert_eq!(
            form(&schema, "", body),
            format!("{{\"a\":{expected}}}"),
            "{property} {body}"
        );
    }
}

#[test]
fn encoding_sets_the_style_and_content_type_of_a_form_field() {
    let integers = "{type: array, items: {type: integer}}";
    let object = "{type: object, properties: {x: {type: integer}, y: {type: string}}}";
    for (property, encoding, body, expected) in [
        (integers, "explode: false", "a=1,2", "[1,2]"),
        (integers, "style: form", "a=1&a=2", "[1,2]"),
        (
            integers,
            "style: spaceDelimited, explode: false",
            "a=1%202+3",
            "[1,2,3]",
        ),
        (
            integers,
            "style: pipeDelimited, explode: false",
            "a=1|2",
            "[1,2]",
        ),
        (
            integers,
            "contentType: application/json",
            "a=[1,2]",
            "[1,2]",
        ),
        (
            object,
            "style: deepObject",
            "a[x]=1&a%5By%5D=2",
            "{\"x\":1,\"y\":\"2\"}",
        ),
        (
            object,
            "style: form, explode: false",
            "a=x,1,y,2",
            "{\"x\":1,\"y\":\"2\"}",
        ),
        (object, "style: form", "x=1&y=2", "{\"x\":1,\"y\":\"2\"}"),
        (
            "{type: integer}",
            "contentType: application/json",
            "a=5",
            "5",
        ),
    ] {
        let schema = format!("{{type: object, properties: {{a: {property}}}}}");
        assert_eq!(
            form(&schema, &format!("a: {{{encoding}}}"), body),
            format!("{{\"a\":{expected}}}"),
            "{encoding}"
        );
    }
}

#[test]
fn violations_of_a_form_are_reported_by_field() {
    let schema = "{type: object, required: [a, b, o], properties: {a: {type: integer, maximum: 3}, b: {type: string}, \
                  c: {type: array, items: {type: integer}}, o: {type: object}}}";
    assert_eq!(
        form(schema, "", "z=1&a=5&c=1&c=x&o=1x&y~/="),
        "Body /o json: Invalid JSON at /o\n\
         Body /y~0~1 unknown: Extra formData parameter(s) y~/, z not in spec\n\
         Body /z unknown: Extra formData parameter(s) z not in spec\n\
         Body /a maximum: 5 is greater than the maximum of 3 at /a\n\
         Body /b required: \"b\" is a required property\n\
         Body /c/1 type: \"x\" is not of type \"integer\" at /c/1"
    );
}

#[test]
fn unknown_form_fields_are_accepted_if_the_schema_allows_them() {
    for (schema, expected) in [
        (
            "{properties: {a: {}}, additionalProperties: true}",
            r#"{"a":"1","b":"3"}"#,
        ),
        (
            "{properties: {a: {}}, additionalProperties: {type: integer}}",
            r#"{"a":"1","b":3}"#,
        ),
        (
            "{additionalProperties: {type: array, items: {type: integer}}}",
            r#"{"a":[1],"b":[2,3]}"#,
        ),
        ("{type: object}", r#"{"a":"1","b":"3"}"#),
        (
            "{properties: {a: {}}, additionalProperties: false}",
            "Body /b unknown: Extra formData parameter(s) b not in spec",
        ),
        (
            "{allOf: [{properties: {a: {type: integer}}}, {properties: {b: {type: integer}}}]}",
            r#"{"a":1,"b":3}"#,
        ),
    ] {
        assert_eq!(form(schema, "", "a=1&b=2&b=3"), expected, "{schema}");
    }
}

#[tokio::test]
async fn unknown_form_fields_are_accepted_without_strict_parameters() {
    let [document, _] = documents(&form_content("{properties: {a: {}}}", ""));
    let api = Api::from_document(document).strict_parameters(false);
    let service = build(api.operation("test", echo));
    let response = request(&service, "POST /test")
        .typed_body("application/x-www-form-urlencoded", "a=1&b=2")
        .send()
        .await;
    assert_eq!(response.json(), json!({"a": "1", "b": "2"}));
}

#[test]
fn defaults_of_form_properties_are_filled_in() {
    let schema = "{type: object, required: [c], properties: {a: {type: integer, default: 5}, b: {type: string}, \
                  c: {type: array, items: {type: string}, default: [x]}}}";
    assert_eq!(form(schema, "", "c=y&b=z"), r#"{"b":"z","c":["y"],"a":5}"#);
    assert_eq!(
        form(schema, "", "b=z"),
        "Body /c required: \"c\" is a required property"
    );
}

#[test]
fn form_data_of_swagger_2_is_a_form() {
    let kind = "application/x-www-form-urlencoded";
    let parameters = "{name: a, in: formData, type: integer, required: true}, \
                      {name: b, in: formData, type: array, items: {type: integer}}, \
                      {name: c, in: formData, type: array, items: {type: string}, collectionFormat: multi}, \
                      {name: d, in: formData, type: array, items: {type: string}, collectionFormat: pipes}, \
                      {name: e, in: formData, type: string, default: x}, \
                      {name: f, in: formData, type: integer, allowEmptyValue: true}";
    for consumes in [
        "",
        kind,
        "application/json, application/x-www-form-urlencoded",
    ] {
        let check = |body: &str| check(swagger(consumes, parameters), kind, body.as_bytes());
        assert_eq!(
            check("a=1&b=1,2&c=1&c=2&d=1|2&f="),
            r#"ok {} {"a":1,"b":[1,2],"c":["1","2"],"d":["1","2"],"f":"","e":"x"}"#
        );
        assert_eq!(
            check("b=x&g=1"),
            "Body /g unknown: Extra formData parameter(s) g not in spec\n\
             Body /a required: \"a\" is a required property\n\
             Body /b/0 type: \"x\" is not of type \"integer\" at /b/0"
        );
        // An empty body is an empty form.
        assert_eq!(check(""), "Body /a required: \"a\" is a required property");
    }
}

#[test]
fn form_data_of_swagger_2_may_be_declared_by_path_item_or_reference() {
    let text = "\
swagger: '2.0'
info: {title: t, version: '1'}
paths:
  /test:
    parameters:
      - {name: a, in: formData, type: integer}
      - {name: b, in: formData, type: integer}
    post:
      operationId: test
      parameters: [{name: b, in: formData, type: string}, {$ref: '#/parameters/C'}]
      responses: {200: {description: any}}
parameters:
  C: {name: c, in: formData, type: boolean}
";
    let document = Document::parse("test.yaml", text).unwrap();
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(
        check(document, kind, b"a=1&b=1&c=true"),
        r#"ok {} {"b":"1","c":true,"a":1}"#
    );
}

#[cfg(not(feature = "multipart"))]
#[test]
fn multipart_form_is_an_error_without_the_feature() {
    for document in documents("{multipart/form-data: {}}") {
        assert_eq!(
            crate::support::diagnostics(document),
            "7:47: bodies of the type `multipart/form-data` need the feature `multipart` of connexion"
        );
    }
}
