//! Streams of JSON items: validated item by item.

use axum::body::Body as HttpBody;
use bytes::Bytes;
use connexion::{Api, ApiService, Items, ResponseValidation};
use futures_util::{FutureExt as _, stream};
use serde_json::{Value, json};

use super::{INTEGERS, INTERNAL, answerer, chunks_of};
use crate::support::{Log, answering, ask, build, document_at};

fn items(values: Vec<Result<Value, &'static str>>) -> ApiService {
    answerer(&answering(INTEGERS), move || {
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
        let answer = ask(&items(values), "GET /test").await;
        assert_eq!(
            (
                answer.header("content-type"),
                answer.text().as_str(),
                answer.is_broken
            ),
            ("application/json", expected, false)
        );
    }
    let many = (0..10_000).map(|i| Ok(json!(i))).collect();
    let answer = ask(&items(many), "GET /test").await;
    assert_eq!(answer.json().as_array().unwrap().len(), 10_000);
}

/// Enough items that the first ones have left before the last are read.
fn many(last: Result<Value, &'static str>) -> Vec<Result<Value, &'static str>> {
    let mut all: Vec<_> = (0..10_000).map(|i| Ok(json!(i))).collect();
    all.push(last);
    all
}

#[tokio::test]
async fn a_streamed_item_that_breaks_its_schema_breaks_the_stream() {
    let log = Log::capture();
    let answer = ask(&items(many(Ok(json!("x")))), "GET /test").await;
    assert_eq!((answer.status.as_u16(), answer.is_broken), (200, true));
    assert!(
        log.text()
            .contains("the answer breaks the document: \"x\" is not of type \"integer\""),
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn an_error_in_a_stream_breaks_it_and_is_logged_once() {
    let log = Log::capture();
    let answer = ask(&items(many(Err("the database is gone"))), "GET /test").await;
    assert_eq!((answer.status.as_u16(), answer.is_broken), (200, true));
    assert_eq!(
        log.text().matches("the database is gone").count(),
        1,
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_item_leaves_is_a_500() {
    let wrong = || vec![Ok(json!("x")), Ok(json!(1))];
    let failed = || vec![Err("the database is gone")];
    for method in ["GET", "HEAD"] {
        for (values, logged) in [
            (wrong(), "\"x\" is not of type \"integer\""),
            (failed(), "the database is gone"),
        ] {
            let log = Log::capture();
            let answer = ask(&items(values), &format!("{method} /test")).await;
            assert_eq!((answer.status.as_u16(), answer.is_broken), (500, false));
            assert!(
                answer
                    .header("content-type")
                    .starts_with("application/problem+json")
            );
            assert_eq!(log.text().matches(logged).count(), 1, "{}", log.text());
        }
    }
    for mode in [ResponseValidation::Off, ResponseValidation::Log] {
        let api = Api::from_document(document_at("get /test", &answering(INTEGERS), ""));
        let service = build(api.response_validation(mode).operation("test", async || {
            Items::new(stream::iter([Err::<i32, _>("gone")]))
        }));
        assert_eq!(ask(&service, "GET /test").await.status, 500, "{mode:?}");
    }
}

#[tokio::test]
async fn a_stream_whose_bytes_fail_before_its_first_item_is_a_500() {
    for (kind, begin) in [
        ("text/csv", "a\r\n"),
        ("application/x-ndjson", "\n"),
        ("application/json", " [ "),
    ] {
        let schema = "{type: array, items: {type: object, properties: {a: {type: integer}}}}";
        let operation = answering(schema).replace("application/json", kind);
        let log = Log::capture();
        let api = Api::from_document(document_at("get /test", &operation, ""));
        let service = build(api.operation("test", async move || {
            let chunks = [Ok(begin), Err("the database is gone")];
            (
                [("content-type", kind)],
                HttpBody::from_stream(stream::iter(chunks)),
            )
        }));
        let answer = ask(&service, "GET /test").await;
        assert_eq!(answer.problem(), (500, INTERNAL.to_owned()), "{kind}");
        assert_eq!(
            log.text().matches("the database is gone").count(),
            1,
            "{}",
            log.text()
        );
    }
    // The row that breaks the document comes after the header.
    let rows = "{type: array, items: {type: object, properties: {a: {type: integer}}}}";
    let rows = chunks_of(
        "text/csv",
        rows,
        &["a\r\n", "x\r\n", "1\r\n"],
        ResponseValidation::Enforce,
    );
    let answer = ask(&rows, "GET /test").await;
    assert_eq!(answer.problem(), (500, INTERNAL.to_owned()));
}

#[tokio::test]
async fn a_stream_begins_when_its_first_item_is_there_and_not_later() {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let receiver = std::sync::Mutex::new(Some(receiver));
    let api = Api::from_document(document_at("get /test", &answering(INTEGERS), ""));
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
    let mut answering = Box::pin(service.handle(request));
    assert!((&mut answering).now_or_never().is_none());
    sender.send(1).unwrap();
    let response = answering.await;
    assert_eq!(response.status(), 200);
    sender.send(2).unwrap();
    drop(sender);
    let body = axum::body::to_bytes(response.into_body(), 100)
        .await
        .unwrap();
    assert_eq!(body, "[1,2]");
}

/// A service whose answer comes in chunks of unknown length.
fn chunks(schema: &str, chunks: &'static [&'static str]) -> ApiService {
    chunks_of(
        "application/json",
        schema,
        chunks,
        ResponseValidation::Enforce,
    )
}

#[tokio::test]
async fn a_stream_that_is_not_a_whole_array_breaks() {
    for text in [
        &["[1", ",2"][..],
        &["[1]", "]"],
        &["{}"],
        &["5"],
        &[],
        &["[1,]"],
    ] {
        let answer = ask(&chunks(INTEGERS, text), "GET /test").await;
        // Before an item has left there is a status to say so.
        let is_500 = answer.status.as_u16() == 500;
        assert!(answer.is_broken || is_500, "{text:?} {answer:?}");
    }
    let answer = ask(&chunks(INTEGERS, &["[", "", "1,", "2 ", "] "]), "GET /test").await;
    assert_eq!(
        (answer.text().as_str(), answer.is_broken),
        ("[1,2 ] ", false)
    );
}

#[tokio::test]
async fn a_stream_of_which_more_is_said_is_checked_whole() {
    for (schema, text, status) in [
        ("{type: object, required: [a]}", &["{\"a\"", ":1}"][..], 200),
        ("{type: object, required: [a]}", &["{\"b\"", ":1}"], 500),
        ("{type: array, items: {}, maxItems: 1}", &["[1", "]"], 200),
        ("{type: array, items: {}, maxItems: 1}", &["[1", ",2]"], 500),
        ("{type: [array, 'null'], items: {}}", &["null"], 200),
    ] {
        let answer = ask(&chunks(schema, text), "GET /test").await;
        assert_eq!(
            (answer.status.as_u16(), answer.is_broken),
            (status, false),
            "{schema} {text:?}"
        );
    }
}

#[tokio::test]
async fn a_failing_stream_that_is_checked_whole_becomes_a_500() {
    let service = answerer(&answering("{type: object}"), || {
        let failed = stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
        (
            [("content-type", "application/json")],
            HttpBody::from_stream(failed),
        )
    });
    assert_eq!(
        ask(&service, "GET /test").await.problem(),
        (500, INTERNAL.to_owned())
    );
}

#[tokio::test]
async fn head_of_a_stream_has_no_body() {
    let answer = ask(&items(vec![Ok(json!(1))]), "HEAD /test").await;
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.body.len(),
            answer.header("content-length")
        ),
        (200, 0, "")
    );
}

#[tokio::test]
async fn streams_pass_where_faults_are_logged_only() {
    let json = [("content-type", "application/json")];
    let api = || {
        let document = document_at("get /test", &answering(INTEGERS), "");
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
        let answer = ask(&service, "GET /test").await;
        assert_eq!(
            (answer.text().as_str(), answer.is_broken),
            ("[\"a\",\"b\"]", false)
        );
        assert!(
            log.text().contains("\"a\" is not of type"),
            "{}",
            log.text()
        );
    }
}
