//! Status, header fields, content type and body of a response.

use axum::response::IntoResponse;
use connexion::{Api, Body, ResponseValidation};
use serde_json::json;

use super::{INTEGERS, INTERNAL, responder};
use crate::support::{
    Log, build, document_at, headers, only, request, sentences, service, with_response,
};

#[test]
fn every_violation_of_a_response_is_reported() {
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
        "Body  json: the response is not valid JSON"
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
fn most_specific_media_type_of_a_response_wins() {
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
async fn invalid_response_becomes_a_500_and_is_logged() {
    for (response, logged) in [
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
        let response = std::sync::Mutex::new(Some(response));
        let service = responder(&with_response("{properties: {a: {type: integer}}}"), {
            let response = std::sync::Arc::new(response);
            move || response.lock().unwrap().take().unwrap()
        });
        assert_eq!(
            request(&service, "GET /test").send().await.problem(),
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
async fn response_validation_can_be_switched_off() {
    let api = Api::from_document(document_at(
        "get /test",
        &with_response("{type: integer}"),
        "",
    ));
    let service = build(
        api.response_validation(ResponseValidation::Off)
            .operation("test", async || "text"),
    );
    assert_eq!(request(&service, "GET /test").send().await.text(), "text");
}

#[tokio::test]
async fn response_validation_can_log_only() {
    let api = || Api::from_document(document_at("get /test", &with_response(INTEGERS), ""));
    let text = async || Body("text");
    let log = Log::capture();
    let service = build(
        api()
            .response_validation(ResponseValidation::Log)
            .operation("test", text),
    );
    assert_eq!(
        request(&service, "GET /test").send().await.text(),
        "\"text\""
    );
    assert!(
        log.text().contains("is not of type \"array\""),
        "{}",
        log.text()
    );

    let own = api()
        .response_validation(ResponseValidation::Log)
        .response_validation_of("test", ResponseValidation::Enforce);
    assert_eq!(
        request(&build(own.operation("test", text)), "GET /test")
            .send()
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
async fn response_validation_can_sample_a_share() {
    for (share, expected) in [(0.0, 0), (0.25, 2), (1.0, 8), (7.0, 8)] {
        let api = Api::from_document(document_at("get /test", &with_response(INTEGERS), ""));
        let api = api
            .sample_response_validation(share)
            .operation("test", async || Body("text"));
        let service = build(api);
        let mut refused = 0;
        for _ in 0..8 {
            refused += u32::from(request(&service, "GET /test").send().await.status == 500);
        }
        assert_eq!(refused, expected, "{share}");
    }
}
