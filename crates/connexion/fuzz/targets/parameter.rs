//! Any text is read as a parameter of any style. A value that is accepted is valid against the parameter's schema.
//! The first byte of the input chooses the style, the second the schema; the rest is the text.

#![no_main]

use std::sync::LazyLock;

use connexion::{Api, ApiService, Document, PathValues};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const STYLES: [(&str, &str, bool); 15] = [
    ("path", "simple", false),
    ("path", "simple", true),
    ("path", "label", false),
    ("path", "label", true),
    ("path", "matrix", false),
    ("path", "matrix", true),
    ("query", "form", false),
    ("query", "form", true),
    ("query", "spaceDelimited", false),
    ("query", "pipeDelimited", false),
    ("query", "deepObject", true),
    ("header", "simple", false),
    ("header", "simple", true),
    ("cookie", "form", false),
    ("cookie", "form", true),
];

const SCHEMAS: [(&str, fn(&Value) -> bool); 8] = [
    ("{type: string}", Value::is_string),
    ("{type: integer, format: int64}", Value::is_number),
    ("{type: number}", Value::is_number),
    ("{type: boolean}", Value::is_boolean),
    ("{type: array, items: {type: integer}}", |value| {
        let items = value.as_array();
        items.is_some_and(|items| items.iter().all(Value::is_number))
    }),
    ("{type: array, items: {type: string}}", |value| {
        let items = value.as_array();
        items.is_some_and(|items| items.iter().all(Value::is_string))
    }),
    (
        "{type: object, properties: {R: {type: integer}, G: {type: boolean}}, additionalProperties: {type: string}}",
        |value| {
            let members = value.as_object();
            members.is_some_and(|members| {
                members.iter().all(|(name, value)| match name.as_str() {
                    "R" => value.is_number(),
                    "G" => value.is_boolean(),
                    _ => value.is_string(),
                })
            })
        },
    ),
    (
        "{oneOf: [{type: integer}, {type: boolean}, {type: string, maxLength: 2}]}",
        |value| !value.is_null(),
    ),
];

/// Returns `None` if the style does not support the schema.
static SERVICES: LazyLock<Vec<Vec<Option<ApiService>>>> = LazyLock::new(|| {
    let of = |(place, style, explode): (&str, &str, bool)| {
        SCHEMAS
            .iter()
            .map(|(schema, _)| service(place, style, explode, schema))
            .collect()
    };
    STYLES.into_iter().map(of).collect()
});

fn service(place: &str, style: &str, explode: bool, schema: &str) -> Option<ApiService> {
    let path = if place == "path" { "/{color}" } else { "/" };
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: T, version: '1'}}\npaths:\n  '{path}':\n    get:\n      operationId: test\n      \
         parameters: [{{name: color, in: {place}, required: true, style: {style}, explode: {explode}, schema: {schema}}}]\n      \
         responses: {{'200': {{description: d}}}}\n"
    );
    let document = Document::parse("fuzz", text).expect("a document");
    Api::from_document(document).stub(true).build(()).ok()
}

fuzz_target!(|data: &[u8]| {
    let [style, schema, text @ ..] = data else {
        return;
    };
    let style = *style as usize % STYLES.len();
    let schema = *schema as usize % SCHEMAS.len();
    let Some(service) = &SERVICES[style][schema] else {
        return;
    };
    let text_of = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    let (mut path, mut query, mut headers) = (PathValues::default(), None, HeaderMap::new());
    match STYLES[style].0 {
        "path" => path = PathValues::from_iter([("color", text_of(text))]),
        "query" => query = Some(text_of(text)),
        place => {
            // Each line is a header field.
            for line in text.split(|byte| *byte == b'\n') {
                let Ok(value) = HeaderValue::from_bytes(line) else {
                    return;
                };
                let name = if place == "header" { "color" } else { "cookie" };
                headers.append(HeaderName::from_static(name), value);
            }
        }
    }
    let operation = service.operations().next().expect("an operation");
    match operation.validate_request(&path, query.as_deref(), &headers, b"") {
        Ok(input) => assert!(SCHEMAS[schema].1(&input.parameters["color"]), "{input:?}"),
        Err(violations) => {
            let sentences = violations.iter().map(|violation| violation.detail.len());
            let longest = sentences.max().expect("a violation");
            assert!(longest < 1 << 16, "a sentence of {longest} bytes");
        }
    }
});
