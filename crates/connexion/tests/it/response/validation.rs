//! Status, header fields, content type and body of a response.

use axum::response::IntoResponse;
use connexion::{Api, Body, ResponseValidation};
use serde_json::json;

use super::{INTEGERS, INTERNAL, answerer};
use crate::support::{Log, answering, ask, build, document_at, headers, only, sentences, service};

#[test]
fn everything_that_breaks_the_document_is_told() {
    let operation = "responses: {'200': {description: d, headers: {X-A: {required: true, schema: {type: integer}}, \
                     X-B: {schema: {type: array, items: {type: boolean}}}}, content: {application/json: {schema: \
                     {type: object, required: [a]}}}}, 4XX: {description: d}, '404': {description: d, headers: {X-A: {required: true}}}}";
    let service = service(document_at("get /test", operation, ""));
    let check = |status: u16, fields: &[(&str, &str)], body: &[u8]| {
        let status = status.try_into().unwrap();
        let result = only(&service).validate_response(status, &headers(fields), body);
        result.map_or_else(|violations| sentences(&violations), |()| "ok".to_owned())
    };
    let json = ("content-type", "application/json");
    assert_eq!(
        check(
            200,
            &[json, ("x-a", "1"), ("x-b", "true,false")],
            b"{\"a\": 1}"
        ),
        "ok"
    );
    assert_eq!(
        check(200, &[("x-b", "1"), ("content-type", "text/html")], b""),
        "Header X-A required: the header 'X-A' is missing\nHeader X-B schema: the header 'X-B' breaks its schema\nBody  contentType: the content type 'text/html' is not in the document"
    );
    assert_eq!(
        check(200, &[json, ("x-a", "x")], b"{}"),
        "Header X-A schema: the header 'X-A' breaks its schema"
    );
    assert_eq!(
        check(200, &[json, ("x-a", "1")], b"{}"),
        "Body /a required: \"a\" is a required property"
    );
    assert_eq!(
        check(200, &[json, ("x-a", "1")], b"{"),
        "Body  json: the answer is not valid JSON"
    );
    assert_eq!(
        check(201, &[], b""),
        "Body  status: the status 201 is not in the document"
    );
    assert_eq!(check(400, &[], b"anything"), "ok");
    assert_eq!(
        check(404, &[], b""),
        "Header X-A required: the header 'X-A' is missing"
    );
}

#[test]
fn the_entry_that_fits_the_content_type_best_counts() {
    let operation = "responses: {default: {description: d, content: {'*/*': {schema: {type: string, maxLength: 0}}, \
                     application/json: {schema: {type: integer}}, application/problem+json: {schema: {type: object}}, \
                     text/plain: {schema: {type: string, maxLength: 1}}, image/png: {}}}}";
    let service = service(document_at("get /test", operation, ""));
    for (kind, body, is_right) in [
        ("application/json", "1", true),
        ("application/json", "{}", false),
        ("application/problem+json", "{}", true),
        ("application/problem+json", "1", false),
        ("text/plain; charset=utf-8", "a", true),
        ("text/plain", "ab", false),
        ("image/png", "\u{89}", true),
        ("font/otf", "a", false),
    ] {
        let result = only(&service).validate_response(
            http::StatusCode::OK,
            &headers(&[("content-type", kind)]),
            body.as_bytes(),
        );
        assert_eq!(result.is_ok(), is_right, "{kind} {body}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_the_document_becomes_a_500_and_a_line_in_the_log() {
    for (answer, logged) in [
        (
            Body(json!({"a": "secret"})).into_response(),
            "\"secret\" is not of type \"integer\" at /a",
        ),
        (
            "text".into_response(),
            "the content type 'text/plain; charset=utf-8' is not in the document",
        ),
        (
            (http::StatusCode::ACCEPTED, Body(json!({}))).into_response(),
            "the status 202 is not in the document",
        ),
    ] {
        let log = Log::capture();
        let answer = std::sync::Mutex::new(Some(answer));
        let service = answerer(&answering("{properties: {a: {type: integer}}}"), {
            let answer = std::sync::Arc::new(answer);
            move || answer.lock().unwrap().take().unwrap()
        });
        assert_eq!(
            ask(&service, "GET /test").await.problem(),
            (500, INTERNAL.to_owned())
        );
        assert!(
            log.text().contains(logged) && log.text().contains("operation_id=\"test\""),
            "{}",
            log.text()
        );
    }
}

#[tokio::test]
async fn answers_are_not_checked_if_that_is_switched_off() {
    let api = Api::from_document(document_at("get /test", &answering("{type: integer}"), ""));
    let service = build(
        api.response_validation(ResponseValidation::Off)
            .operation("test", async || "text"),
    );
    assert_eq!(ask(&service, "GET /test").await.text(), "text");
}

#[tokio::test]
async fn what_breaks_the_document_can_be_logged_only() {
    let api = || Api::from_document(document_at("get /test", &answering(INTEGERS), ""));
    let text = async || Body("text");
    let log = Log::capture();
    let service = build(
        api()
            .response_validation(ResponseValidation::Log)
            .operation("test", text),
    );
    assert_eq!(ask(&service, "GET /test").await.text(), "\"text\"");
    assert!(
        log.text().contains("is not of type \"array\""),
        "{}",
        log.text()
    );

    let own = api()
        .response_validation(ResponseValidation::Log)
        .response_validation_of("test", ResponseValidation::Enforce);
    assert_eq!(
        ask(&build(own.operation("test", text)), "GET /test")
            .await
            .status,
        500
    );
    let none = api()
        .operation("test", text)
        .response_validation_of("none", ResponseValidation::Off);
    assert!(none.build(()).unwrap_err().to_string().contains("`none`"));
}

#[tokio::test]
async fn a_share_of_the_answers_is_looked_at() {
    for (share, expected) in [(0.0, 0), (0.25, 2), (1.0, 8), (7.0, 8)] {
        let api = Api::from_document(document_at("get /test", &answering(INTEGERS), ""));
        let api = api
            .sample_response_validation(share)
            .operation("test", async || Body("text"));
        let service = build(api);
        let mut refused = 0;
        for _ in 0..8 {
            refused += u32::from(ask(&service, "GET /test").await.status == 500);
        }
        assert_eq!(refused, expected, "{share}");
    }
}
