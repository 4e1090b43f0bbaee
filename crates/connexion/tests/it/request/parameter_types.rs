//! Parameters: the type that a string is converted to.

use connexion::PathValues;

use super::styles::{color, echo};
use crate::support::{ANY, document, headers, only, request, service, with_parameters};

#[tokio::test]
async fn string_is_converted_to_the_type_in_any_part_of_the_schema() {
    for (schema, text, expected) in [
        (
            "{oneOf: [{type: integer}, {type: string, pattern: '^[a-z]+$'}]}",
            "7",
            "7",
        ),
        (
            "{oneOf: [{type: integer}, {type: string, pattern: '^[a-z]+$'}]}",
            "x",
            r#""x""#,
        ),
        (
            "{oneOf: [{type: integer}, {type: string, pattern: '^[a-z]+$'}]}",
            "X",
            "400 oneOf",
        ),
        (
            "{anyOf: [{type: boolean}, {type: number, minimum: 5}]}",
            "true",
            "true",
        ),
        (
            "{anyOf: [{type: boolean}, {type: number, minimum: 5}]}",
            "5.5",
            "5.5",
        ),
        ("{allOf: [{type: integer}, {minimum: 3}]}", "3", "3"),
        (
            "{allOf: [{type: integer}, {minimum: 3}]}",
            "2",
            "400 minimum",
        ),
        ("{type: [integer, 'null']}", "3", "3"),
        (
            "{type: array, items: {oneOf: [{type: integer}, {type: boolean}]}}",
            "1",
            "[1]",
        ),
    ] {
        let parameter = format!("{{name: color, in: query, schema: {schema}}}");
        let response = request(&echo("/", &parameter), &format!("GET /?color={text}"))
            .send()
            .await;
        assert_eq!(color(&response), expected, "{schema} {text}");
    }
}

#[tokio::test]
async fn object_parameter_is_validated_and_unknown_properties_are_rejected() {
    let deep = "{name: color, in: query, style: deepObject, explode: true, schema: {type: object, \
                additionalProperties: false, properties: {gte: {type: integer}, tags: {type: array, items: {type: integer}}}}}";
    let form = "{name: color, in: query, schema: {type: object, properties: {R: {type: integer}}}}";
    let open =
        "{name: color, in: query, schema: {type: object, additionalProperties: {type: integer}}}";
    for (parameter, query, expected) in [
        (deep, "color[gte]=18", r#"{"gte":18}"#),
        (deep, "color[tags]=1&color[tags]=2", r#"{"tags":[1,2]}"#),
        (deep, "color[gte]=x", "400 type"),
        (deep, "color[x]=1", "400 additionalProperties"),
        (deep, "color=1", "400 unknown"),
        (deep, "", "null"),
        (form, "R=1&S=2", "400 unknown"),
        (open, "a=1&b=2", r#"{"a":1,"b":2}"#),
        (open, "a=x", "400 type"),
    ] {
        let response = request(&echo("/", parameter), &format!("GET /?{query}"))
            .send()
            .await;
        assert_eq!(color(&response), expected, "{query}");
    }
}

#[tokio::test]
async fn parameter_can_be_json_or_empty() {
    let json = "{name: color, in: query, content: {application/json: {schema: {type: object, properties: {a: {type: integer}}}}}}";
    let empty = "{name: color, in: query, allowEmptyValue: true, schema: {type: integer}}";
    for (parameter, query, expected) in [
        (json, "color=%7B%22a%22:1%7D", r#"{"a":1}"#),
        (json, "color=%7B%22a%22:true%7D", "400 type"),
        (json, "color=x", "400 json"),
        (empty, "color=", r#""""#),
        (empty, "color", r#""""#),
        (empty, "color=x", "400 type"),
    ] {
        let response = request(&echo("/", parameter), &format!("GET /?{query}"))
            .send()
            .await;
        assert_eq!(color(&response), expected, "{query}");
    }
}

#[test]
fn default_in_a_part_of_a_schema_is_filled_in() {
    let parameter = "{name: q, in: query, schema: {allOf: [{$ref: '#/components/schemas/D'}]}}";
    let components = "schemas: {D: {type: integer, default: 9}}";
    let service = service(document(&with_parameters(parameter), components));
    let headers = headers(&[]);
    let read = only(&service).validate_request(&PathValues::default(), None, &headers, b"");
    assert_eq!(read.unwrap().parameters["q"], 9);
}

#[test]
fn invalid_parameter_default_is_a_warning_and_not_filled_in() {
    let parameter =
        "{name: q, in: query, schema: {allOf: [{type: integer, default: 5}, {maximum: 3}]}}";
    let document = document(&with_parameters(parameter), "");
    let service = service(document);
    let read = only(&service).validate_request(&PathValues::default(), None, &headers(&[]), b"");
    assert!(read.unwrap().parameters.is_empty());
}

#[tokio::test]
async fn boolean_in_any_letter_case_is_accepted_in_cookies_and_forms() {
    let cookie = "{name: color, in: cookie, schema: {type: boolean}}";
    let response = request(&echo("/", cookie), "GET /")
        .header("cookie", "color=TRUE")
        .send()
        .await;
    assert_eq!(color(&response), "true");

    let schema = "{type: object, properties: {a: {type: boolean}, b: {type: array, items: {type: boolean}}, \
                  c: {type: [string, boolean]}}}";
    let operation = format!(
        "requestBody: {{content: {{application/x-www-form-urlencoded: {{schema: {schema}}}}}}}, {ANY}"
    );
    let service = service(document(&operation, ""));
    let form = headers(&[("content-type", "application/x-www-form-urlencoded")]);
    let read =
        |body: &[u8]| only(&service).validate_request(&PathValues::default(), None, &form, body);
    let value = read(b"a=False&b=True&b=fAlSe&c=True")
        .unwrap()
        .body
        .unwrap();
    assert_eq!(
        value,
        serde_json::json!({"a": false, "b": [true, false], "c": true})
    );
    assert!(read(b"a=yes").is_err());
}
