//! Streams of JSON items: validated item by item.

use axum::body::Body as HttpBody;
use bytes::Bytes;
use connexion::{Api, ApiService, Items, ResponseValidation};
use futures_util::{FutureExt as _, stream};
use serde_json::{Value, json};

use super::{INTEGERS, INTERNAL, chunks_of, responder};
use crate::support::{Log, build, document_at, request, with_response};

fn items(values: Vec<Result<Value, &'static str>>) -> ApiService {
    responder(&with_response(INTEGERS), move || {
        Items::new(stream::iter(values.clone()))
    })
}

#[tokio::test]
async fn items_are_streamed_as_a_json_array() {
    for (values, expected) in [
        (vec![], "[]"),
        (vec![Ok(json!(1))], "[1]"),
        (vec![Ok(json!(1)), Ok(json!(2))], "[1,2]"),
    ] {
        let response = request(&items(values), "GET /test").send().await;
        assert_eq!(
            (
                response.header("content-type"),
                response.text().as_str(),
                response.is_broken
            ),
            ("application/json", expected, false)
        );
    }
    let many = (0..10_000).map(|i| Ok(json!(i))).collect();
    let response = request(&items(many), "GET /test").send().await;
    assert_eq!(response.json().as_array().unwrap().len(), 10_000);
}

/// Returns so large a number of items that the first ones are sent before the last are read.
fn many(last: Result<Value, &'static str>) -> Vec<Result<Value, &'static str>> {
    let mut all: Vec<_> = (0..10_000).map(|i| Ok(json!(i))).collect();
    all.push(last);
    all
}

#[tokio::test]
async fn invalid_item_breaks_the_stream() {
    let log = Log::capture();
    let response = request(&items(many(Ok(json!("x")))), "GET /test")
        .send()
        .await;
    assert_eq!((response.status.as_u16(), response.is_broken), (200, true));
    assert!(
        log.text()
            .contains("the response violates the document: \"x\" is not of type \"integer\""),
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn error_in_a_stream_breaks_it_and_is_logged_once() {
    let log = Log::capture();
    let response = request(&items(many(Err("the database is gone"))), "GET /test")
        .send()
        .await;
    assert_eq!((response.status.as_u16(), response.is_broken), (200, true));
    assert_eq!(
        log.text().matches("the database is gone").count(),
        1,
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn stream_that_fails_before_its_first_item_returns_500() {
    let wrong = || vec![Ok(json!("x")), Ok(json!(1))];
    let failed = || vec![Err("the database is gone")];
    for method in ["GET", "HEAD"] {
        for (values, logged) in [
            (wrong(), "\"x\" is not of type \"integer\""),
            (failed(), "the database is gone"),
        ] {
            let log = Log::capture();
            let response = request(&items(values), &format!("{method} /test"))
                .send()
                .await;
            assert_eq!((response.status.as_u16(), response.is_broken), (500, false));
            assert!(
                response
                    .header("content-type")
                    .starts_with("application/problem+json")
            );
            assert_eq!(log.text().matches(logged).count(), 1, "{}", log.text());
        }
    }
    for mode in [ResponseValidation::Off, ResponseValidation::Log] {
        let api = Api::from_document(document_at("get /test", &with_response(INTEGERS), ""));
        let service = build(api.response_validation(mode).operation("test", async || {
            Items::new(stream::iter([Err::<i32, _>("gone")]))
        }));
        assert_eq!(
            request(&service, "GET /test").send().await.status,
            500,
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn byte_stream_that_fails_before_its_first_item_returns_500() {
    for (kind, begin) in [
        ("text/csv", "a\r\n"),
        ("application/x-ndjson", "\n"),
        ("application/json", " [ "),
    ] {
        let schema = "{type: array, items: {type: object, properties: {a: {type: integer}}}}";
        let operation = with_response(schema).replace("application/json", kind);
        let log = Log::capture();
        let api = Api::from_document(document_at("get /test", &operation, ""));
        let service = build(api.operation("test", async move || {
            let chunks = [Ok(begin), Err("the database is gone")];
            (
                [("content-type", kind)],
                HttpBody::from_stream(stream::iter(chunks)),
            )
        }));
        let response = request(&service, "GET /test").send().await;
        assert_eq!(response.problem(), (500, INTERNAL.to_owned()), "{kind}");
        assert_eq!(
            log.text().matches("the database is gone").count(),
            1,
            "{}",
            log.text()
        );
    }
    // The invalid row comes after the header.
    let rows = "{type: array, items: {type: object, properties: {a: {type: integer}}}}";
    let rows = chunks_of(
        "text/csv",
        rows,
        &["a\r\n", "x\r\n", "1\r\n"],
        ResponseValidation::Enforce,
    );
    let response = request(&rows, "GET /test").send().await;
    assert_eq!(response.problem(), (500, INTERNAL.to_owned()));
}

#[tokio::test]
async fn stream_starts_with_its_first_item() {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let api = Api::from_document(document_at("get /test", &with_response(INTEGERS), ""));
    let service = build(api.operation("test", {
        let receiver = std::sync::Arc::new(receiver);
        move || {
            let mut receiver: tokio::sync::mpsc::UnboundedReceiver<i32> =
                receiver.lock().unwrap().take().unwrap();
            async move {
                Items::new(stream::poll_fn(move |context| {
                    receiver
                        .poll_recv(context)
                        .map(|item| item.map(Ok::<_, String>))
                }))
            }
        }
    }));
    let request = http::Request::get("/test").body(HttpBody::empty()).unwrap();
    let mut pending = Box::pin(service.handle(request));
    assert!((&mut pending).now_or_never().is_none());
    sender.send(1).unwrap();
    let response = pending.await;
    assert_eq!(response.status(), 200);
    sender.send(2).unwrap();
    drop(sender);
    let body = axum::body::to_bytes(response.into_body(), 100)
        .await
        .unwrap();
    assert_eq!(body, "[1,2]");
}

/// Builds a service whose response has these chunks and no length.
fn chunks(schema: &str, chunks: &'static [&'static str]) -> ApiService {
    chunks_of(
        "application/json",
        schema,
        chunks,
        ResponseValidation::Enforce,
    )
}

#[tokio::test]
async fn incomplete_array_breaks_the_stream() {
    for text in [
        &["[1", ",2"][..],
        &["[1]", "]"],
        &["{}"],
        &["5"],
        &[],
        &["[1,]"],
    ] {
        let response = request(&chunks(INTEGERS, text), "GET /test").send().await;
        // Before the first item is sent the status can still be 500.
        let is_500 = response.status.as_u16() == 500;
        assert!(response.is_broken || is_500, "{text:?} {response:?}");
    }
    let response = request(&chunks(INTEGERS, &["[", "", "1,", "2 ", "] "]), "GET /test")
        .send()
        .await;
    assert_eq!(
        (response.text().as_str(), response.is_broken),
        ("[1,2 ] ", false)
    );
}

#[tokio::test]
async fn array_with_keywords_beyond_items_is_validated_whole() {
    for (schema, text, status) in [
        ("{type: object, required: [a]}", &["{\"a\"", ":1}"][..], 200),
        ("{type: object, required: [a]}", &["{\"b\"", ":1}"], 500),
        ("{type: array, items: {}, maxItems: 1}", &["[1", "]"], 200),
        ("{type: array, items: {}, maxItems: 1}", &["[1", ",2]"], 500),
        ("{type: [array, 'null'], items: {}}", &["null"], 200),
    ] {
        let response = request(&chunks(schema, text), "GET /test").send().await;
        assert_eq!(
            (response.status.as_u16(), response.is_broken),
            (status, false),
            "{schema} {text:?}"
        );
    }
}

#[tokio::test]
async fn failing_stream_that_is_validated_whole_becomes_a_500() {
    let service = responder(&with_response("{type: object}"), || {
        let failed = stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
        (
            [("content-type", "application/json")],
            HttpBody::from_stream(failed),
        )
    });
    assert_eq!(
        request(&service, "GET /test").send().await.problem(),
        (500, INTERNAL.to_owned())
    );
}

#[tokio::test]
async fn head_of_a_stream_has_no_body() {
    let response = request(&items(vec![Ok(json!(1))]), "HEAD /test")
        .send()
        .await;
    assert_eq!(
        (
            response.status.as_u16(),
            response.body.len(),
            response.header("content-length")
        ),
        (200, 0, "")
    );
}

#[tokio::test]
async fn stream_continues_if_violations_are_logged_only() {
    let json = [("content-type", "application/json")];
    let api = || {
        let document = document_at("get /test", &with_response(INTEGERS), "");
        Api::from_document(document).response_validation(ResponseValidation::Log)
    };
    let items = async || Items::new(stream::iter([Ok::<_, String>("a"), Ok("b")]));
    let raw = async move || {
        let chunks = stream::iter([Ok::<_, String>("[\"a\""), Ok(",\"b\"]")]);
        (json, HttpBody::from_stream(chunks))
    };
    for service in [
        build(api().operation("test", items)),
        build(api().operation("test", raw)),
    ] {
        let log = Log::capture();
        let response = request(&service, "GET /test").send().await;
        assert_eq!(
            (response.text().as_str(), response.is_broken),
            ("[\"a\",\"b\"]", false)
        );
        assert!(
            log.text().contains("\"a\" is not of type"),
            "{}",
            log.text()
        );
    }
}
