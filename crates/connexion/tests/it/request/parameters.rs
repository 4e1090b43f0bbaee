//! Parameters: types, required and unknown ones, defaults.

use connexion::{Location, PathValues};
use serde_json::{Value, json};

use crate::support::{
    ANY, document, document_at, headers, only, service, verdict, with_parameters,
};

/// Validates a query and header fields.
fn parameters(parameters: &str, query: &str, fields: &[(&str, &str)]) -> String {
    let service = service(document_at("get /test", &with_parameters(parameters), ""));
    verdict(only(&service).validate_request(
        &PathValues::default(),
        Some(query),
        &headers(fields),
        b"",
    ))
}

#[test]
fn parameters_are_converted_to_the_types_of_their_schemas() {
    for (schema, text, expected) in [
        ("{type: integer}", "5", "5"),
        ("{type: integer}", "-5", "-5"),
        (
            "{type: integer}",
            "18446744073709551615",
            "18446744073709551615",
        ),
        ("{type: number}", "5", "5"),
        ("{type: number}", "0.5", "0.5"),
        ("{type: number}", "1e2", "100.0"),
        ("{type: boolean}", "true", "true"),
        ("{type: string}", "5", "\"5\""),
        ("{type: string}", "a%20b+c", "\"a b c\""),
        ("{}", "5", "\"5\""),
        ("{type: [integer, string]}", "x", "\"x\""),
        ("{type: [integer, string]}", "7", "7"),
        (
            "{allOf: [{description: d}, {$ref: '#/components/schemas/I'}]}",
            "7",
            "7",
        ),
        (
            "{anyOf: [{type: integer}, {type: boolean}]}",
            "true",
            "true",
        ),
        ("{type: array, items: {type: integer}}", "7", "[7]"),
    ] {
        let operation = with_parameters(&format!("{{name: a, in: query, schema: {schema}}}"));
        let service = service(document(
            &operation,
            "schemas: {I: {type: integer, minimum: 1}}",
        ));
        let query = format!("a={text}");
        let result = only(&service).validate_request(
            &PathValues::default(),
            Some(&query),
            &headers(&[]),
            b"",
        );
        assert_eq!(
            verdict(result),
            format!(r#"ok {{"a":{expected}}} null"#),
            "{schema} {text}"
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "most of them are a table")]
fn violations_of_parameters_are_reported() {
    for (schema, text, expected) in [
        (
            "{type: integer}",
            "x",
            "type: Wrong type, expected 'integer' for query parameter 'a'",
        ),
        (
            "{type: integer}",
            "1.5",
            "type: Wrong type, expected 'integer' for query parameter 'a'",
        ),
        (
            "{type: integer}",
            "",
            "type: Wrong type, expected 'integer' for query parameter 'a'",
        ),
        (
            "{type: integer, format: int32}",
            "3e9",
            "format: 3e9 is not between -2147483648 and 2147483647 for query parameter 'a'",
        ),
        (
            "{type: integer, format: int64}",
            "9223372036854775808",
            "format: 9223372036854775808 is not between -9223372036854775808 and 9223372036854775807 for query parameter 'a'",
        ),
        (
            "{type: number}",
            "NaN",
            "type: Wrong type, expected 'number' for query parameter 'a'",
        ),
        (
            "{type: number}",
            "Infinity",
            "type: Wrong type, expected 'number' for query parameter 'a'",
        ),
        (
            "{type: number}",
            "-inf",
            "type: Wrong type, expected 'number' for query parameter 'a'",
        ),
        (
            "{type: number}",
            "1e400",
            "type: Wrong type, expected 'number' for query parameter 'a'",
        ),
        (
            "{type: number, maximum: 1}",
            "1e2",
            "maximum: 1e2 is greater than the maximum of 1 for query parameter 'a'",
        ),
        (
            "{type: boolean}",
            "1",
            "type: Wrong type, expected 'boolean' for query parameter 'a'",
        ),
        (
            "{type: string, maxLength: 1}",
            "ab",
            "maxLength: \"ab\" is too long for query parameter 'a'",
        ),
        (
            "{type: array, items: {type: integer}}",
            "x",
            "type: \"x\" is not of type \"integer\" for query parameter 'a'",
        ),
    ] {
        let parameter = format!("{{name: a, in: query, schema: {schema}}}");
        let found = parameters(&parameter, &format!("a={text}"), &[]);
        // The pointer is that of the item.
        let pointer = if schema.contains("array") { "/0" } else { "" };
        let expected = format!("Query a{pointer} {expected}");
        assert_eq!(found, expected, "{schema} {text}");
    }
}

#[test]
fn array_parameter_is_repeated_or_delimited() {
    let array = "schema: {type: array, items: {type: integer}}";
    for (rest, query, expected) in [
        ("", "a=1&a=2", "[1,2]"),
        ("explode: true,", "a=1&a=2", "[1,2]"),
        ("explode: false,", "a=1,2", "[1,2]"),
        ("explode: false,", "a=9&a=1,2", "[1,2]"),
    ] {
        let parameter = format!("{{name: a, in: query, {rest} {array}}}");
        assert_eq!(
            parameters(&parameter, query, &[]),
            format!(r#"ok {{"a":{expected}}} null"#)
        );
    }
    let header = format!("{{name: A, in: header, {array}}}");
    let fields = [("a", "1,2"), ("a", "3")];
    let map: http::HeaderMap = fields
        .iter()
        .map(|(name, value)| {
            (
                name.parse::<http::HeaderName>().unwrap(),
                value.parse().unwrap(),
            )
        })
        .fold(http::HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        });
    let service = service(document_at("get /test", &with_parameters(&header), ""));
    let result = only(&service).validate_request(&PathValues::default(), None, &map, b"");
    assert_eq!(verdict(result), r#"ok {"A":[1,2,3]} null"#);
}

#[test]
fn headers_cookies_and_parameter_defaults_are_read() {
    let declared = "{name: X-A, in: header, schema: {type: integer}}, \
                    {name: c, in: cookie, schema: {type: boolean}}, \
                    {name: d, in: query, schema: {type: array, items: {}, default: [1]}}";
    let read = parameters(declared, "", &[("x-a", "5"), ("cookie", "c=true;d")]);
    assert_eq!(read, r#"ok {"X-A":5,"c":true,"d":[1]} null"#);
    assert_eq!(parameters(declared, "", &[]), r#"ok {"d":[1]} null"#);
    let wrong = parameters(declared, "", &[("x-a", "é"), ("cookie", "c=é")]);
    assert_eq!(
        wrong,
        "Header X-A type: Wrong type, expected 'integer' for header parameter 'X-A'\n\
                       Cookie c type: Wrong type, expected 'boolean' for cookie parameter 'c'"
    );
}

#[test]
fn missing_and_unknown_parameters_are_reported_together() {
    let declared = "{name: a, in: query, required: true, schema: {}}, {name: H, in: header, required: true, schema: {}}";
    assert_eq!(
        parameters(declared, "z&b=1&b=2", &[]),
        "Query b unknown: Extra query parameter(s) b, z not in spec\n\
         Query z unknown: Extra query parameter(s) z not in spec\n\
         Query a required: Missing query parameter 'a'\n\
         Header H required: Missing header parameter 'H'"
    );
}

#[test]
fn parameters_of_an_operation_override_those_of_its_path() {
    let text = format!(
        "openapi: 3.1.0\ninfo: {{}}\npaths:\n  /test:\n    parameters:\n      - {{name: a, in: query, schema: {{type: integer}}}}\n      \
         - {{name: b, in: query, schema: {{type: integer}}}}\n    get:\n      operationId: test\n      parameters: \
         [{{name: a, in: query, schema: {{type: string}}}}]\n      {ANY}\n"
    );
    let service = service(connexion::Document::parse("a", text).unwrap());
    let result = only(&service).validate_request(
        &PathValues::default(),
        Some("a=1&b=2"),
        &headers(&[]),
        b"",
    );
    assert_eq!(verdict(result), r#"ok {"a":"1","b":2} null"#);
}

#[test]
fn validation_needs_no_socket() {
    let operation = with_parameters("{name: p, in: path, required: true, schema: {type: integer}}");
    let service = service(document_at("get /test/{p}", &operation, ""));
    let operation = only(&service);
    assert_eq!(
        (
            operation.id(),
            operation.method().as_str(),
            operation.path()
        ),
        ("test", "GET", "/test/{p}")
    );
    let path = PathValues::from_iter([("p", "5")]);
    let input = operation
        .validate_request(&path, None, &headers(&[]), b"")
        .unwrap();
    assert_eq!(
        (Value::Object(input.parameters), input.body),
        (json!({"p": 5}), None)
    );
    let path = PathValues::from_iter([("p", "x")]);
    let violations = operation
        .validate_request(&path, None, &headers(&[]), b"")
        .unwrap_err();
    assert_eq!(violations[0].location, Location::path("p"));
}
