//! Types of handlers are tried with values that the document allows.

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
    num::NonZeroU8,
};

use axum::extract::State;
use connexion::{
    Api, ArgumentError, Arguments, Body, DiagnosticCode, Diagnostics, Document, Params,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::support::{ANY, build, document, document_at, request, with_parameters};

/// Returns a required `requestBody`.
pub(super) fn required(schema: &str) -> String {
    format!(
        "requestBody: {{required: true, content: {{application/json: {{schema: {schema}}}}}}}, {ANY}"
    )
}

fn with_body<T: DeserializeOwned + Send + 'static>(schema: &str) -> Result<(), Diagnostics> {
    let tree = "schemas: {Tree: {type: object, properties: {name: {type: [string, 'null']}, children: {type: array, \
                items: {$ref: '#/components/schemas/Tree'}}}}}";
    let api = Api::from_document(document(&required(schema), tree));
    api.operation("test", async |_: Body<T>| ())
        .build(())
        .map(drop)
}

fn with_parameter<T: DeserializeOwned + Send + 'static>(
    parameter: &str,
) -> Result<(), Diagnostics> {
    let operation = with_parameters(&format!("{{name: a, {parameter}}}"));
    let path = if parameter.contains("in: path") {
        "get /test/{a}"
    } else {
        "get /test"
    };
    let api = Api::from_document(document_at(path, &operation, ""));
    api.operation("test", async |_: Params<T>| ())
        .build(())
        .map(drop)
}

#[track_caller]
fn assert_found(what: &str, built: Result<(), Diagnostics>) {
    let Err(diagnostics) = built else {
        panic!("nothing was found: {what}");
    };
    let mismatches = diagnostics
        .iter()
        .filter(|one| one.code == DiagnosticCode::HandlerMismatch);
    assert!(mismatches.count() > 0, "{what}: {diagnostics}");
}

#[derive(Debug, Deserialize)]
pub(super) struct A<T> {
    #[expect(dead_code, reason = "only read")]
    a: T,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    #[expect(dead_code, reason = "only read")]
    a: i64,
}

#[derive(Debug, Deserialize)]
struct Flat {
    #[serde(flatten)]
    #[expect(dead_code, reason = "only read")]
    others: HashMap<String, bool>,
}

#[derive(Debug, Deserialize)]
struct Defaulted {
    #[serde(default)]
    #[expect(dead_code, reason = "only read")]
    a: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Color {
    Red,
    Green,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Pet {
    Cat,
    Dog,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "only read")]
enum Either {
    Number(i64),
    Text(String),
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Tree {
    name: Option<String>,
    #[serde(default)]
    children: Vec<Branch>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read")]
struct Branch {
    name: String,
}

type Date = time::Date;

time::serde::format_description!(iso_date, Date, "[year]-[month]-[day]");

#[derive(Debug, Deserialize)]
struct Day {
    #[serde(with = "iso_date")]
    #[expect(dead_code, reason = "only read")]
    a: Date,
}

/// Checks that each pair is reported.
macro_rules! found {
    ($function:ident: $($type:ty, $schema:expr;)*) => {
        $(assert_found(concat!(stringify!($type), " for ", $schema), $function::<$type>($schema));)*
    };
}

macro_rules! fits {
    ($function:ident: $($type:ty, $schema:expr;)*) => {
        $(if let Err(diagnostics) = $function::<$type>($schema) {
            panic!("{} for {}: {diagnostics}", stringify!($type), $schema);
        })*
    };
}

#[test]
fn handler_type_that_rejects_a_valid_body_is_reported() {
    found! { with_body:
        i32, "{type: integer, format: int64}";
        i32, "{type: integer}";
        u64, "{type: integer, minimum: -1}";
        u8, "{type: integer, minimum: 0, maximum: 256}";
        i64, "{type: integer, minimum: 0, maximum: 18446744073709551615}";
        i64, "{type: number}";
        NonZeroU8, "{type: integer, minimum: 0, maximum: 5}";
        bool, "{type: string}";
        String, "{type: integer}";
        String, "{}";
        i64, "{type: [integer, 'null']}";
        String, "{type: [string, 'null']}";
        f64, "{type: [number, string]}";
        char, "{type: string, maxLength: 2}";
        char, "{type: string, maxLength: 1}";
        Color, "{type: string, enum: [red, green, blue]}";
        Color, "{type: string, pattern: '^(red|green|blue)$'}";
        Color, "{oneOf: [{const: red}, {const: blue}]}";
        Uuid, "{type: string}";
        Uuid, "{type: string, format: date}";
        Ipv4Addr, "{type: string, format: ipv6}";
        Day, "{type: object, required: [a], properties: {a: {type: string, format: date-time}}}";
        (i64, i64), "{type: array, items: {type: integer}}";
        [i64; 2], "{type: array, items: {type: integer}, minItems: 1, maxItems: 2}";
        (bool, i64), "{type: array, prefixItems: [{type: boolean}, {type: integer}]}";
        (bool, i64), "{type: array, prefixItems: [{type: boolean}, {type: integer}], minItems: 2}";
        Vec<u8>, "{type: array, items: {type: integer, minimum: 0, maximum: 300}}";
        Vec<Color>, "{type: array, items: {enum: [red, blue]}}";
        BTreeMap<String, i64>, "{type: object, additionalProperties: {type: number}}";
        A<i64>, "{type: object, properties: {a: {type: integer}}}";
        A<i64>, "{type: object, required: [a], properties: {a: {type: [integer, 'null']}}}";
        A<Option<i32>>, "{type: object, properties: {a: {type: integer, format: int64}}}";
        A<A<i64>>, "{type: object, required: [a], properties: {a: {type: object, properties: {a: {type: integer}}}}}";
        A<Vec<A<u16>>>, "{type: object, required: [a], properties: {a: {type: array, items: {type: object, \
                         required: [a], properties: {a: {type: integer, minimum: 0}}}}}}";
        A<String>, "{type: object, required: [b], properties: {b: {type: string}}}";
        A<bool>, "{allOf: [{type: object, required: [a]}, {properties: {a: {type: string}}}]}";
        Closed, "{type: object, required: [a], properties: {a: {type: integer}}}";
        Flat, "{type: object, properties: {a: {type: boolean}}}";
        Defaulted, "{type: object, properties: {a: {type: [integer, 'null'], default: 1}}}";
        Pet, "{oneOf: [{type: object, required: [kind], properties: {kind: {enum: [cat, dog]}}}, \
              {type: object, required: [kind], properties: {kind: {const: bird}}}]}";
        Either, "{type: [integer, string, boolean]}";
        Tree, "{$ref: '#/components/schemas/Tree'}";
    }
}

#[test]
fn handler_type_that_rejects_a_valid_parameter_is_reported() {
    found! { with_parameter:
        A<i32>, "in: query, required: true, schema: {type: integer, format: int64}";
        A<i64>, "in: query, schema: {type: integer}";
        A<Option<u32>>, "in: query, schema: {type: integer, maximum: 9}";
        A<Color>, "in: query, required: true, schema: {type: string, enum: [red, green, blue]}";
        A<Uuid>, "in: path, required: true, schema: {type: string}";
        A<Option<u8>>, "in: header, schema: {type: integer, minimum: 0}";
        A<Option<bool>>, "in: cookie, schema: {type: string}";
        A<Option<Vec<u8>>>, "in: query, schema: {type: array, items: {type: integer, minimum: 0}}";
        A<i64>, "in: query, allowEmptyValue: true, required: true, schema: {type: integer}";
        A<u8>, "in: query, schema: {type: integer, default: 300, minimum: 0}";
        A<Option<A<bool>>>, "in: query, style: deepObject, schema: {type: object, properties: {a: {type: boolean}}}";
        A<Closed>, "in: query, required: true, content: {application/json: {schema: {type: object, required: [a], \
                    properties: {a: {type: integer}}}}}";
    }
}

#[test]
fn handler_type_that_accepts_every_valid_value_is_not_reported() {
    fits! { with_body:
        i64, "{type: integer}";
        i32, "{type: integer, format: int32}";
        u8, "{type: integer, minimum: 0, maximum: 255}";
        f64, "{type: number}";
        String, "{type: string, minLength: 3, maxLength: 5}";
        Option<String>, "{type: [string, 'null']}";
        Color, "{type: string, enum: [red, green]}";
        Uuid, "{type: string, format: uuid}";
        Day, "{type: object, required: [a], properties: {a: {type: string, format: date}}}";
        Vec<i64>, "{type: array, items: {type: integer}}";
        [i64; 2], "{type: array, items: {type: integer}, minItems: 2, maxItems: 2}";
        BTreeMap<u32, bool>, "{type: object, patternProperties: {'^[0-9]{1,3}$': {type: boolean}}, additionalProperties: false}";
        A<Option<i64>>, "{type: object, properties: {a: {type: [integer, 'null']}}}";
        Closed, "{type: object, required: [a], additionalProperties: false, properties: {a: {type: integer}}}";
        Defaulted, "{type: object, properties: {a: {type: integer}}}";
        Either, "{type: [integer, string]}";
        Value, "{}";
        Map<String, Value>, "{type: object}";
    }
    fits! { with_parameter:
        A<i64>, "in: path, required: true, schema: {type: integer}";
        A<Option<u64>>, "in: query, schema: {type: integer, minimum: 0}";
        A<u64>, "in: query, schema: {type: integer, minimum: 0, default: 5}";
        // No string is read as `null`.
        A<String>, "in: query, required: true, schema: {type: [string, 'null']}";
        A<Option<Vec<Color>>>, "in: query, schema: {type: array, items: {enum: [red, green]}}";
        Map<String, Value>, "in: query, schema: {}";
    }
}

#[test]
fn handler_type_mismatch_is_reported_with_position_type_and_value() {
    let text = "openapi: 3.1.0
info: {title: Test, version: '1'}
paths:
  /test:
    post:
      operationId: test
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [a]
              properties:
                a:
                  type: integer
                  minimum: -1
      responses: {'200': {description: any}}
";
    let document = Document::parse("test.yaml", text).unwrap();
    let api = Api::from_document(document).operation("test", async |_: Body<A<u64>>| ());
    let diagnostics = api.build(()).unwrap_err();
    let expected = "test.yaml:15:17: the handler of `test` takes `it::service::handler_types::A<u64>`, which can't read the valid body \
                    {\"a\":-1}: at `/a`: invalid value: integer `-1`, expected u64";
    assert_eq!(diagnostics.to_string(), expected);
    assert_eq!(
        diagnostics[0].pointer,
        "/paths/~1test/post/requestBody/content/application~1json/schema/properties/a"
    );
}

#[test]
fn handler_is_tried_without_an_optional_body() {
    let operation = format!(
        "requestBody: {{content: {{application/json: {{schema: {{type: integer}}}}}}}}, {ANY}"
    );
    let api = || Api::from_document(document(&operation, ""));
    assert_found(
        "i64",
        api()
            .operation("test", async |_: Body<i64>| ())
            .build(())
            .map(drop),
    );
    build(api().operation("test", async |_: Body<Option<i64>>| ()));
    build(api().operation("test", async |_: Option<Body<i64>>| ()));
}

#[test]
fn handler_is_tried_with_forms_and_text_bodies() {
    let with = |content: &str| {
        let operation = format!("requestBody: {{required: true, content: {{{content}}}}}, {ANY}");
        Api::from_document(document(&operation, ""))
    };
    let form = "application/x-www-form-urlencoded: {schema: {type: object, required: [a], properties: {a: {type: integer}}}}";
    assert_found(
        "form",
        with(form)
            .operation("test", async |_: Body<A<u8>>| ())
            .build(())
            .map(drop),
    );
    build(with(form).operation("test", async |_: Body<A<i64>>| ()));
    let text = "text/plain: {schema: {type: string, enum: [red, blue]}}";
    assert_found(
        "text",
        with(text)
            .operation("test", async |_: Body<Color>| ())
            .build(())
            .map(drop),
    );
    build(with(text).operation("test", async |_: Body<String>| ()));
    // Streams are read by the handler itself.
    let stream = "application/octet-stream: {}";
    build(with(stream).operation("test", async |_: Body<Color>| ()));
}

#[tokio::test]
async fn handler_with_other_arguments_is_tried_but_not_run() {
    let operation = format!(
        "parameters: [{{name: a, in: query, schema: {{type: integer}}}}], {}",
        required("{type: integer}")
    );
    let api = || Api::<&'static str>::from_document(document(&operation, ""));
    let all = async |State(_): State<&'static str>,
                     _: http::Uri,
                     _: Params<A<Option<u8>>>,
                     _: Option<Body<u8>>| {
        assert!(std::hint::black_box(false), "a trial must not run it");
    };
    let diagnostics = api()
        .operation("test", all)
        .build("")
        .unwrap_err()
        .to_string();
    assert!(
        diagnostics.contains("A<core::option::Option<u8>>`"),
        "{diagnostics}"
    );
    assert!(diagnostics.contains("takes `u8`"), "{diagnostics}");
    let failing: fn(_) -> std::future::Ready<()> =
        |_: Params<A<Option<u8>>>| std::future::ready(());
    assert!(api().fallback(failing).build("").is_err());
    // The handler inspects the error itself.
    let own = async |read: Result<Params<A<Option<u8>>>, ArgumentError>| match read {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    api().operation("test", own).build("").unwrap();
    api()
        .try_handlers(false)
        .operation("test", all)
        .build("")
        .unwrap();
}

/// A custom handler with unknown arguments.
#[derive(Clone)]
struct Own;

struct Marker;

impl<S> Arguments<S> for Marker {}

impl axum::handler::Handler<Marker, ()> for Own {
    type Future = std::future::Ready<axum::response::Response>;

    fn call(self, _: axum::extract::Request, (): ()) -> Self::Future {
        std::future::ready(axum::response::Response::default())
    }
}

#[tokio::test]
async fn handler_with_unknown_arguments_is_not_tried() {
    let operation = with_parameters("{name: a, in: query, schema: {type: integer}}");
    let api = || Api::from_document(document_at("get /test", &operation, ""));
    assert_eq!(
        request(&build(api().operation("test", Own)), "GET /test")
            .send()
            .await
            .status,
        200
    );
    build(api().operation(
        "test",
        axum::routing::get(async |_: axum::extract::RawQuery| ()),
    ));
}
