//! Answers are held to the document as requests are.

use axum::{body::Body as HttpBody, response::IntoResponse};
use bytes::Bytes;
use connexion::{Api, ApiService, Body, Items, ResponseValidation};
use futures_util::{FutureExt as _, stream};
use serde_json::{Value, json};

use crate::support::{Log, answering, ask, build, document_at, headers, only, sentences, service};

const INTERNAL: &str = "The server could not answer this request.";

/// A service that answers this.
fn answerer<R: IntoResponse + 'static>(
    operation: &str,
    answer: impl Fn() -> R + Clone + Send + Sync + 'static,
) -> ApiService {
    let handler = move || {
        let answer = answer();
        let response = answer.into_response();
        async move { response }
    };
    build(Api::from_document(document_at("get /test", operation, "")).operation("test", handler))
}

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

const INTEGERS: &str = "{type: array, items: {type: integer}}";

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

fn chunks_of(
    kind: &'static str,
    schema: &str,
    chunks: &'static [&'static str],
    mode: ResponseValidation,
) -> ApiService {
    let operation = answering(schema).replace("application/json", kind);
    let api =
        Api::from_document(document_at("get /test", &operation, "")).response_validation(mode);
    build(api.operation("test", async move || {
        let chunks = chunks
            .iter()
            .map(|text| Ok::<_, std::io::Error>(Bytes::from_static(text.as_bytes())));
        (
            [("content-type", kind)],
            HttpBody::from_stream(stream::iter(chunks)),
        )
    }))
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

const PERSON: &str = "{type: object, required: [name, age], properties: {name: {type: string, maxLength: 5}, \
                      age: {type: integer}}}";

#[tokio::test]
async fn lines_of_json_are_checked_one_by_one_as_they_pass() {
    let array = format!("{{type: array, items: {PERSON}}}");
    for schema in [PERSON, &array] {
        for (text, passed, is_broken) in [
            (
                &[
                    "{\"name\": \"A\", \"age\": 1}\n{\"name\"",
                    ": \"B\", \"age\": 2}",
                ][..],
                2,
                false,
            ),
            (&[], 0, false),
            (
                &[
                    "{\"name\": \"A\", \"age\": 1}\n",
                    "{\"name\": \"B\"}\n",
                    "{}",
                ],
                1,
                true,
            ),
            (
                &["{\"name\": \"A\", \"age\": 1}\n", "{\"name\": \"B\"}"],
                2,
                true,
            ),
        ] {
            let service = chunks_of(
                "application/x-ndjson",
                schema,
                text,
                ResponseValidation::Enforce,
            );
            let answer = ask(&service, "GET /test").await;
            assert_eq!(
                (answer.text(), answer.is_broken),
                (text[..passed].concat(), is_broken),
                "{text:?}"
            );
        }
        let text = &["{\"name\":\n\"A\", \"age\": 1}\n"];
        let service = chunks_of(
            "application/x-ndjson",
            schema,
            text,
            ResponseValidation::Enforce,
        );
        assert_eq!(ask(&service, "GET /test").await.status, 500);
    }
}

#[tokio::test]
async fn rows_of_csv_are_checked_one_by_one_as_they_pass() {
    let schema = format!("{{type: array, items: {PERSON}}}");
    for (text, passed, is_broken) in [
        (&["name,age\r\nA,1\r\n\"B,", "\"\"C\",2\r\n"][..], 2, false),
        (&["name,age"], 1, false),
        (&["name,age\n", "A,1\n", "B,x\n"], 2, true),
    ] {
        let service = chunks_of("text/csv", &schema, text, ResponseValidation::Enforce);
        let answer = ask(&service, "GET /test").await;
        assert_eq!(
            (answer.text(), answer.is_broken),
            (text[..passed].concat(), is_broken),
            "{text:?}"
        );
    }
    for text in [
        &["name,age\n", "A,x\n"][..],
        &["name,age\n", "A,\n"],
        &["name,age\n", "A\n"],
        &["name,age\n", "longer,1\n", "B,2\n"],
        &["name,age\n", "A,x"],
        &[],
    ] {
        let service = chunks_of("text/csv", &schema, text, ResponseValidation::Enforce);
        assert_eq!(ask(&service, "GET /test").await.status, 500, "{text:?}");
    }
}

#[tokio::test]
async fn a_fault_in_lines_or_rows_can_be_logged_only() {
    let schema = format!("{{type: array, items: {PERSON}}}");
    for (kind, text) in [
        (
            "application/x-ndjson",
            &["{\"name\": \"A\"", ", \"age\": \"x\"}"][..],
        ),
        ("text/csv", &["name,age\nA,", "x"]),
    ] {
        let log = Log::capture();
        let answer = ask(
            &chunks_of(kind, &schema, text, ResponseValidation::Log),
            "GET /test",
        )
        .await;
        assert_eq!((answer.text(), answer.is_broken), (text.concat(), false));
        assert!(
            log.text().contains("\"x\" is not of type \"integer\""),
            "{}",
            log.text()
        );
    }
}

#[test]
fn all_that_is_wrong_with_lines_and_rows_at_hand_is_told() {
    let operation = format!(
        "responses: {{'200': {{description: d, content: {{text/csv: {{schema: {{type: array, items: {PERSON}}}}}, \
         application/jsonl: {{schema: {PERSON}}}}}}}}}"
    );
    let service = service(document_at("get /test", &operation, ""));
    let check = |kind: &str, body: &str| {
        let headers = headers(&[("content-type", kind)]);
        let result =
            only(&service).validate_response(http::StatusCode::OK, &headers, body.as_bytes());
        result.map_or_else(|violations| sentences(&violations), |()| "ok".to_owned())
    };
    assert_eq!(check("text/csv", "age,name\n1,A\n"), "ok");
    assert_eq!(
        check("text/csv", "age,name\n1,A\nx,B\n2,longer\n3\n"),
        "Body /1/age type: \"x\" is not of type \"integer\" at /age\n\
         Body /2/name maxLength: \"longer\" is too long at /name\n\
         Body  sequence: a row has 1 cells, not 2"
    );
    assert_eq!(
        check("application/jsonl", "{\"name\": \"A\"}\n[]\n"),
        "Body /0/age required: \"age\" is a required property\n\
         Body /1 type: [] is not of type \"object\""
    );
}
