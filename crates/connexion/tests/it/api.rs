//! Handlers, and what can be set.

use axum::{extract::State, response::IntoResponse as _};
use connexion::{Api, Body, OperationId, Params, Problem, Violations};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::support::{
    ANY, Log, ask, body_verdict, build, document, document_at, post, service, with_body,
    with_parameters,
};

#[tokio::test]
async fn a_handler_that_panics_is_answered_with_a_500() {
    let api = Api::from_document(document_at("get /test", ANY, ""));
    let handler = async || {
        assert!(std::hint::black_box(false), "a test panics");
    };
    let service = build(api.operation("test", handler));
    let expected = (500, "The server could not answer this request.".to_owned());
    assert_eq!(ask(&service, "GET /test").await.problem(), expected);
    assert_eq!(ask(&service, "GET /test").await.problem(), expected);
}

#[tokio::test]
async fn the_state_reaches_every_handler() {
    let api = Api::from_document(document_at("get /test", ANY, ""));
    let service = api.operation("test", async |State(text): State<&'static str>| text);
    let service = service.build("state").unwrap();
    assert_eq!(ask(&service, "GET /test").await.text(), "state");
}

#[derive(Debug, Deserialize)]
struct Narrow {
    a: u8,
}

#[tokio::test]
async fn every_problem_of_the_library_can_be_changed() {
    let operation = with_parameters("{name: a, in: query, schema: {type: integer}}");
    let api = Api::from_document(document_at("get /test", &operation, ""));
    let api =
        api.on_problem(|problem| problem.detail = format!("changed {}", problem.status.as_u16()));
    let service = build(api.operation(
        "test",
        async |Params(Narrow { a }): Params<Narrow>| match a {
            1 => Body("wrong").into_response(),
            2 => panic!("a test panics"),
            3 => Problem::new(StatusCode::OK, "the handler's own").into_response(),
            _ => ().into_response(),
        },
    ));
    for (line, detail) in [
        ("GET /none", "changed 404"),
        ("PUT /test", "changed 405"),
        ("GET /test?a=x", "changed 400"),
        // Allowed by the document, but not what the handler reads.
        ("GET /test?a=300", "changed 400"),
        ("GET /test?a=2", "changed 500"),
        ("GET /test?a=3", "the handler's own"),
    ] {
        assert_eq!(ask(&service, line).await.problem().1, detail, "{line}");
    }
}

#[tokio::test]
async fn a_body_that_the_handler_cannot_read_is_a_bad_request_even_if_no_400_is_documented() {
    let api = Api::from_document(document(&with_body("{}"), ""));
    let service = build(
        api.operation("test", async |Body(Narrow { a }): Body<Narrow>| {
            a.to_string()
        }),
    );
    assert_eq!(post(&service, "{\"a\": 5}").await.text(), "5");
    let (status, detail) = post(&service, "{\"a\": 300}").await.problem();
    assert_eq!(status, 400);
    assert!(detail.contains("300"), "{detail}");
}

#[tokio::test]
async fn an_absent_optional_body_reads_as_null() {
    let api = Api::from_document(document(&with_body("{}"), ""));
    let service = build(
        api.operation("test", async |Body(body): Body<Option<Value>>| {
            body.is_none().to_string()
        }),
    );
    assert_eq!(ask(&service, "POST /test").await.text(), "true");
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_is_a_500() {
    let log = Log::capture();
    let api = Api::from_document(document_at("get /test", ANY, ""));
    let map = std::collections::HashMap::from([([1_u8], 1)]);
    let service = build(api.operation("test", async move || Body(map)));
    assert_eq!(ask(&service, "GET /test").await.problem().0, 500);
    assert!(
        log.text().contains("can't be written as JSON"),
        "{}",
        log.text()
    );
}

#[test]
fn a_format_of_ones_own_is_checked() {
    let schema = "{type: string, format: even}";
    let api = Api::from_document(document(&with_body(schema), ""))
        .format("even", |text| text.len() % 2 == 0);
    let service_with = build(api.operation("test", async || ()));
    assert_eq!(body_verdict(&service_with, "\"ab\""), "ok {} \"ab\"");
    assert_eq!(
        body_verdict(&service_with, "\"abc\""),
        "Body  format: 'abc' is not a 'even'"
    );
    let without = service(document(&with_body(schema), ""));
    assert_eq!(body_verdict(&without, "\"abc\""), "ok {} \"abc\"");
}

#[tokio::test]
async fn an_answer_tells_those_who_observe_it_which_operation_it_is_of_and_what_was_wrong() {
    let operation = with_parameters("{name: a, in: query, schema: {type: integer}}");
    let api = Api::from_document(document_at("get /test", &operation, ""));
    let service = build(api.operation("test", async || ()));
    for (path, id, violations) in [
        ("/none", None, None),
        ("/test", Some("test"), None),
        ("/test?a=x", Some("test"), Some("type")),
    ] {
        let request = axum::extract::Request::get(path).body(axum::body::Body::empty());
        let response = service.handle(request.unwrap()).await;
        let found = response.extensions().get::<OperationId>();
        assert_eq!(found.map(|id| id.0.as_str()), id, "{path}");
        let found = response.extensions().get::<Violations>();
        let found = found.map(|all| all.0[0].keyword.to_string());
        assert_eq!(found.as_deref(), violations, "{path}");
    }
}
