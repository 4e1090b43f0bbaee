//! Integers and notation: those of JSON Schema by default, those of Python's connexion with `compat`.

use connexion::{Api, ApiService, Body, Compat, Document, Params, PathValues};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{
    ANY, body_verdict, build, document, headers, only, post, request, sentences, service, verdict,
    with_body, with_response,
};

/// Builds the service of [`service`] with `compat` for Python's connexion.
#[track_caller]
fn legacy(document: Document) -> ApiService {
    let api = Api::from_document(document).compat(Compat::Connexion);
    build(api.operation("test", async || ()))
}

/// Returns a document in each version; its operation takes the integer `n` in the query and in the body.
fn in_all_versions() -> [Document; 3] {
    let openapi = |version: &str| {
        format!(
            "openapi: {version}\ninfo: {{title: T, version: '1'}}\npaths:\n  /test:\n    post:\n      operationId: test\n      \
             parameters: [{{name: n, in: query, schema: {{type: integer}}}}]\n      \
             requestBody: {{content: {{application/json: {{schema: {{properties: {{n: {{type: integer}}}}}}}}}}}}\n      {ANY}\n"
        )
    };
    let swagger = "swagger: '2.0'\ninfo: {title: T, version: '1'}\npaths:\n  /test:\n    post:\n      operationId: test\n      \
                   parameters:\n      - {name: n, in: query, type: integer}\n      \
                   - {name: b, in: body, schema: {properties: {n: {type: integer}}}}\n      \
                   responses: {'200': {description: any}}\n";
    [openapi("3.1.0"), openapi("3.0.3"), swagger.to_owned()]
        .map(|text| Document::parse("test.yaml", text).unwrap())
}

#[derive(Deserialize)]
struct Whole {
    n: i64,
}

#[tokio::test]
async fn integer_with_a_zero_fraction_reaches_the_handler_as_an_integer() {
    for document in in_all_versions() {
        let handler = async |Params(query): Params<Whole>, Body(body): Body<Whole>| {
            Body(json!([query.n, body.n]))
        };
        let api = Api::from_document(document).try_handlers(false);
        let service = build(api.operation("test", handler));
        for (number, expected) in [("1.0", 1), ("1e3", 1_000), ("-0", 0), ("-0.0", 0), ("7", 7)] {
            let json = [("content-type", "application/json")];
            let body = format!(r#"{{"n": {number}}}"#);
            let response = request(&service, &format!("POST /test?n={number}"))
                .headers(&json)
                .body(body)
                .send()
                .await;
            assert_eq!(
                response.text(),
                format!("[{expected},{expected}]"),
                "{number}"
            );
        }
    }
}

#[test]
fn integer_beyond_64_bits_is_accepted() {
    for document in in_all_versions() {
        let service = service(document);
        let huge = "9".repeat(40);
        let headers = headers(&[("content-type", "application/json")]);
        let query = format!("n={huge}");
        let body = format!(r#"{{"n": {huge}}}"#);
        let read = only(&service).validate_request(
            &PathValues::default(),
            Some(&query),
            &headers,
            body.as_bytes(),
        );
        assert_eq!(verdict(read), r#"ok {"n":1e+40} {"n":1e+40}"#);
    }
}

/// A handler's type may be smaller than the document allows; the client gets an error.
#[tokio::test]
async fn integer_that_does_not_fit_the_handler_is_a_client_error() {
    let handler = async |Body(body): Body<Whole>| body.n.to_string();
    let [document, ..] = in_all_versions();
    let api = Api::from_document(document).try_handlers(false);
    let service = build(api.operation("test", handler));
    for number in ["1e30", "-1e30", "9223372036854775808"] {
        let response = post(&service, format!("{{\"n\": {number}}}")).send().await;
        assert_eq!(response.status, 400, "{number}");
    }
}

#[test]
fn number_with_a_fraction_is_not_an_integer() {
    for document in in_all_versions() {
        let service = service(document);
        assert_eq!(
            body_verdict(&service, r#"{"n": 1.5}"#),
            "Body /n type: 1.5 is not of type \"integer\" at /n"
        );
    }
}

#[test]
fn bounds_of_int32_hold_for_integers_with_a_fraction() {
    let schema = "{type: integer, format: int32}";
    let service = service(document(&with_body(schema), ""));
    assert_eq!(body_verdict(&service, "2147483647.0"), "ok {} 2147483647");
    assert_eq!(
        body_verdict(&service, "2147483648.0"),
        "Body  format: 2147483648.0 is not between -2147483648 and 2147483647"
    );
}

#[tokio::test]
async fn fields_of_a_form_are_integers_with_a_zero_fraction() {
    let schema = "{properties: {n: {type: integer}, list: {type: array, items: {type: integer}}}}";
    let operation = format!(
        "requestBody: {{content: {{application/x-www-form-urlencoded: {{schema: {schema}}}}}}}, {ANY}"
    );
    let handler = async |Body(form): Body<Value>| Body(form);
    let api = Api::from_document(document(&operation, "")).operation("test", handler);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let response = request(&build(api), "POST /test")
        .headers(&form)
        .body("n=1.0&list=2&list=3e1")
        .send()
        .await;
    assert_eq!(response.json(), json!({"n": 1, "list": [2, 30]}));
}

#[test]
fn responses_follow_the_integers_of_the_service() {
    let documented = || document(&with_response("{type: array, items: {type: integer}}"), "");
    let check = |service: &ApiService| {
        let headers = headers(&[("content-type", "application/json")]);
        only(service)
            .validate_response(StatusCode::OK, &headers, b"[1.0, \"x\"]")
            .map_err(|violations| sentences(&violations))
            .unwrap_err()
    };
    assert_eq!(
        check(&service(documented())),
        "Body /1 type: \"x\" is not of type \"integer\" at /1"
    );
    assert_eq!(
        check(&legacy(documented())),
        "Body /0 type: 1.0 is not of type 'integer' - '0'\n\
         Body /1 type: 'x' is not of type 'integer' - '1'"
    );
}

#[test]
fn compat_connexion_rejects_integers_with_a_fraction_or_beyond_64_bits() {
    for document in in_all_versions() {
        let service = legacy(document);
        let huge = "9".repeat(40);
        let headers = headers(&[("content-type", "application/json")]);
        for (query, body, expected) in [
            ("n=7", r#"{"n": -0}"#, r#"ok {"n":7} {"n":0}"#.to_owned()),
            (
                "n=1.0",
                r#"{"n": 4e1}"#,
                "Body /n type: 40.0 is not of type 'integer' - 'n'\n\
                 Query n type: Wrong type, expected 'integer' for query parameter 'n'"
                    .to_owned(),
            ),
            (
                &format!("n={huge}"),
                &format!(r#"{{"n": {huge}}}"#),
                format!(
                    "Body /n format: {huge} is too large - 'n'\n\
                     Query n format: {huge} is too large for query parameter 'n'"
                ),
            ),
        ] {
            let read = only(&service).validate_request(
                &PathValues::default(),
                Some(query),
                &headers,
                body.as_bytes(),
            );
            assert_eq!(verdict(read), expected, "{query} {body}");
        }
    }
}

#[test]
fn messages_show_values_in_json_notation_unless_compat_says_python() {
    let schema = "{properties: {a: {type: string}, b: {properties: {c: {enum: [true, null, it's]}}}, d: {type: [integer, 'null']}, \
                  e: {type: string, pattern: '^(?=x)'}, f: {type: string, format: date}}}";
    let body =
        r#"{"a": null, "b": {"c": {"k": [1.0, false]}}, "d": "20", "e": "it's", "f": "\u0007"}"#;
    let documented = || document(&with_body(schema), "");
    assert_eq!(
        body_verdict(&service(documented()), body),
        r#"Body /a type: null is not of type "string" at /a
Body /b/c enum: {"k": [1.0, false]} is not one of [true, null, "it's"] at /b/c
Body /d type: "20" is not of type "integer", "null" at /d
Body /e pattern: "it's" does not match "^(?=x)" at /e
Body /f format: "\u0007" is not a "date" at /f"#
    );
    assert_eq!(
        body_verdict(&legacy(documented()), body),
        r#"Body /a type: None is not of type 'string' - 'a'
Body /b/c enum: {'k': [1.0, False]} is not one of [True, None, "it's"] - 'b.c'
Body /d type: '20' is not of type 'integer', 'null' - 'd'
Body /e pattern: "it's" does not match '^(?=x)' - 'e'
Body /f format: '\x07' is not a 'date' - 'f'"#
    );
}

#[test]
fn body_of_null_is_valid_json_unless_compat_says_otherwise() {
    let documented = || document(&with_body("{type: object}"), "");
    assert_eq!(
        body_verdict(&service(documented()), "null"),
        "Body  type: null is not of type \"object\""
    );
    assert_eq!(
        body_verdict(&legacy(documented()), "null"),
        "Body  json: Request body is not valid JSON"
    );
}

#[test]
fn validator_follows_compat() {
    let document = || document(ANY, "schemas: {Age: {type: integer}}");
    let age = Api::<()>::from_document(document())
        .validator("Age")
        .unwrap();
    assert_eq!(age.read::<i64>(b"3.0"), Ok(3));
    assert!(age.check(&3.0).is_ok());
    let legacy = Api::<()>::from_document(document()).compat(Compat::Connexion);
    let age = legacy.validator("Age").unwrap();
    assert!(age.read::<i64>(b"3.0").is_err() && age.check(&3.0).is_err());
    assert_eq!(
        sentences(&age.check(&"x").unwrap_err()),
        "Body  type: 'x' is not of type 'integer'"
    );
}
