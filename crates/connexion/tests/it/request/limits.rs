//! Limits: values and size of a body, memory of all bodies.

use axum::body::Body as HttpBody;
use bytes::Bytes;
use connexion::{Api, Body, BodyMemory, ByteStream, Location, PathValues, Problem, StreamError};
use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::support::{
    ANY, build, document, headers, only, post, request, service, verdict, with_body,
};

pub(super) const JSON: (&str, &str) = ("content-type", "application/json");

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Builds a service with this schema of a form and a limit of 100 values.
fn form(schema: &str) -> connexion::ApiService {
    let content = format!("application/x-www-form-urlencoded: {{schema: {schema}}}");
    let operation = format!("requestBody: {{content: {{{content}}}}}, {ANY}");
    let api = Api::from_document(document(&operation, "")).operation("test", async || ());
    build(api.value_limit(100))
}

#[tokio::test]
async fn too_many_values_in_a_body_return_413() {
    let api = Api::from_document(document(&with_body("{}"), "")).operation("test", async || ());
    let service = build(api.value_limit(100));
    let array = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
    assert_eq!(post(&service, array(100)).send().await.status, 200);
    let response = post(&service, array(101)).send().await;
    let detail = "The request's body holds more than 100 values.";
    assert_eq!(response.problem(), (413, detail.to_owned()));
    let error = json!({"in": "body", "pointer": "", "keyword": "maxValues", "code": "too-many", "detail": detail});
    assert_eq!(response.json()["errors"], json!([error]));
    // Each repeated property counts, although the handler sees only the last one.
    let repeated = format!("{{{}\"a\":0}}", "\"a\":0,".repeat(100));
    assert_eq!(post(&service, repeated).send().await.status, 413);
}

#[tokio::test]
async fn too_many_form_fields_return_413() {
    let many = "a=1&".repeat(101);
    let json = format!("a=[{}0]", "0,".repeat(101));
    for (schema, body) in [
        ("{}", &many),
        (
            "{properties: {a: {type: array, items: {type: integer}}}}",
            &many,
        ),
        ("{additionalProperties: {type: object}}", &many),
        (
            "{properties: {a: {type: object, properties: {b: {}}}}}",
            &json,
        ),
    ] {
        let form = form(schema);
        assert_eq!(
            request(&form, "POST /test")
                .headers(&[FORM])
                .body(body.clone())
                .send()
                .await
                .status,
            413,
            "{schema}"
        );
        assert_ne!(
            request(&form, "POST /test")
                .headers(&[FORM])
                .body("a=1")
                .send()
                .await
                .status,
            413,
            "{schema}"
        );
    }
}

#[tokio::test]
async fn too_many_values_of_a_form_field_return_413() {
    let items = format!("a={}", "1,".repeat(101));
    let deep = (0..20)
        .map(|i| format!("a[{i}][x][y][z][u]=1&"))
        .collect::<Vec<_>>()
        .concat();
    for (style, body) in [
        ("style: form, explode: false", items),
        ("style: deepObject", deep),
    ] {
        let kind = if style.ends_with("false") {
            "array"
        } else {
            "object"
        };
        let content = format!(
            "application/x-www-form-urlencoded: {{schema: {{properties: {{a: {{type: {kind}}}}}}}, encoding: {{a: {{{style}}}}}}}"
        );
        let operation = format!("requestBody: {{content: {{{content}}}}}, {ANY}");
        let api = Api::from_document(document(&operation, "")).operation("test", async || ());
        let service = build(api.value_limit(100));
        assert_eq!(
            request(&service, "POST /test")
                .headers(&[FORM])
                .body(body)
                .send()
                .await
                .status,
            413,
            "{style}"
        );
    }
}

#[test]
fn form_that_is_not_utf8_is_rejected() {
    let service = form("{properties: {a: {type: string}}}");
    let check = |body: &[u8]| {
        verdict(only(&service).validate_request(
            &PathValues::default(),
            None,
            &headers(&[FORM]),
            body,
        ))
    };
    let expected = "Body  charset: Request body is not valid UTF-8";
    assert_eq!(check(b"a=\xff"), expected);
    assert_eq!(check(b"a=%FF"), "ok {} {\"a\":\"\u{fffd}\"}");
}

#[cfg(feature = "multipart")]
#[tokio::test]
async fn too_many_values_in_multipart_parts_return_413() {
    let content =
        "multipart/form-data: {schema: {properties: {a: {type: array}, b: {type: array}}}}";
    let operation = format!("requestBody: {{content: {{{content}}}}}, {ANY}");
    let api = Api::from_document(document(&operation, "")).operation("test", async || ());
    let service = build(api.value_limit(100));
    let part = |name: &str, text: &str| {
        format!(
            "--x\r\nContent-Disposition: form-data; name={name}\r\nContent-Type: application/json\r\n\r\n{text}\r\n"
        )
    };
    let array = format!("[{}0]", "0,".repeat(60));
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let one = part("a", &array) + "--x--\r\n";
    let two = part("a", &array) + &one.replace("name=a", "name=b");
    assert_eq!(
        request(&service, "POST /test")
            .headers(&kind)
            .body(one)
            .send()
            .await
            .status,
        200
    );
    assert_eq!(
        request(&service, "POST /test")
            .headers(&kind)
            .body(two.clone())
            .send()
            .await
            .status,
        413
    );
    let whole = only(&service).validate_request(
        &PathValues::default(),
        None,
        &headers(&kind),
        two.as_bytes(),
    );
    assert_eq!(whole.unwrap_err()[0].code(), "too-many");
}

#[test]
fn json_parameter_has_a_value_limit() {
    let parameter = "parameters: [{name: a, in: query, content: {application/json: {}}}]";
    let operation = format!("{parameter}, {ANY}");
    let api = Api::from_document(document(&operation, "")).operation("test", async || ());
    let service = build(api.value_limit(100));
    let check = |json: &str| {
        let query = format!("a={json}");
        verdict(only(&service).validate_request(
            &PathValues::default(),
            Some(&query),
            &HeaderMap::new(),
            b"",
        ))
    };
    assert_eq!(check("[0]"), r#"ok {"a":[0]} null"#);
    let many = format!("[{}0]", "0,".repeat(100));
    assert_eq!(
        check(&many),
        "Query a json: Invalid JSON for query parameter 'a'"
    );
}

#[test]
fn problem_with_many_violations_has_a_size_limit() {
    let long = "\\u007f".repeat(4_000);
    let key = "k".repeat(100_000);
    let keys = |count: usize| {
        (0..count)
            .map(|i| format!("\"{i}\":0,"))
            .collect::<Vec<_>>()
            .concat()
    };
    for (schema, body) in [
        (
            "{items: {maxLength: 1, enum: [a], pattern: b}}",
            format!("[{}0]", format!("\"{long}\",").repeat(500)),
        ),
        (
            "{additionalProperties: {items: {type: string}}}",
            format!("{{\"{key}\": [{}0]}}", "0,".repeat(2_000)),
        ),
        (
            "{additionalProperties: {items: {type: string}}}",
            format!("{{\"{}\": [{}0]}}", "/~".repeat(2_000), "0,".repeat(1_000)),
        ),
        (
            "{additionalProperties: false}",
            format!("{{{}\"{key}\":0}}", keys(15_000)),
        ),
        (
            "{items: {additionalProperties: false}}",
            format!("[{}0]", format!("{{\"{key}\":0}},").repeat(15)),
        ),
        (
            "{maxProperties: 1}",
            format!("{{{}\"{key}\":0}}", keys(15_000)),
        ),
        (
            "{items: {type: string}}",
            format!("[{}0]", "[[[[[[]]]]]],".repeat(2_000)),
        ),
        (
            "{type: string}",
            "[".repeat(100) + &"0,".repeat(10_000) + "0" + &"]".repeat(100),
        ),
    ] {
        let service = service(document(&with_body(schema), ""));
        let headers = headers(&[JSON]);
        let found = only(&service).validate_request(
            &PathValues::default(),
            None,
            &headers,
            body.as_bytes(),
        );
        let problem = serde_json::to_string(&Problem::from(found.unwrap_err())).unwrap();
        assert!(
            problem.len() < 4 * 1024 * 1024,
            "{schema}: {}",
            problem.len()
        );
    }
}

/// Returns a body whose chunks come from a channel; it ends when the sender is dropped.
fn slow() -> (UnboundedSender<&'static str>, HttpBody) {
    let (sender, receiver) = unbounded_channel::<&'static str>();
    let chunks = stream::unfold(receiver, async |mut receiver| {
        let chunk = Bytes::from_static(receiver.recv().await?.as_bytes());
        Some((Ok::<_, std::io::Error>(chunk), receiver))
    });
    (sender, HttpBody::from_stream(chunks))
}

#[tokio::test]
async fn memory_limit_is_shared_by_bodies_in_flight() {
    let api = Api::from_document(document(&with_body("{}"), ""));
    let api = api.operation("test", async |Body(_): Body<Value>| ());
    let service = build(api.body_memory(BodyMemory::new(50_000)));
    let (sender, body) = slow();
    let first = tokio::spawn({
        let service = service.clone();
        async move { post(&service, body).send().await }
    });
    let (small, large) = (
        Value::from("x".repeat(1_000)),
        Value::from("x".repeat(20_000)),
    );
    assert_eq!(post(&service, large.to_string()).send().await.status, 200);
    sender.send("[\"").unwrap();
    for _ in 0..4_000 {
        sender.send("..........").unwrap();
    }
    // Wait until the service has read the first chunks.
    let refused = loop {
        tokio::task::yield_now().await;
        let response = post(&service, large.to_string()).send().await;
        if response.status != 200 {
            break response;
        }
    };
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), "1");
    // Small bodies are never rejected.
    assert_eq!(post(&service, small.to_string()).send().await.status, 200);
    sender.send("\"]").unwrap();
    drop(sender);
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(post(&service, large.to_string()).send().await.status, 200);
}

/// The parsed value of a body takes memory, too, until the handler returns.
#[tokio::test]
async fn values_count_towards_the_memory_limit() {
    let api = Api::from_document(document(&with_body("{}"), ""));
    let api = api.operation("test", async || ());
    let service = build(api.body_memory(BodyMemory::new(30_000)));
    let array = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
    assert_eq!(post(&service, array(100)).send().await.status, 200);
    assert_eq!(post(&service, array(200)).send().await.status, 503);
    assert_eq!(post(&service, array(100)).send().await.status, 200);
}

#[tokio::test]
async fn byte_stream_takes_no_memory_and_reports_why_it_ended() {
    let content = "application/octet-stream: {}";
    let operation = format!("requestBody: {{content: {{{content}}}}}, {ANY}");
    let api = Api::from_document(document(&operation, ""));
    let handler = async |mut body: ByteStream| {
        while let Some(chunk) = body.next().await {
            chunk?;
        }
        Ok::<_, StreamError>(())
    };
    let service = build(
        api.operation("test", handler)
            .body_memory(BodyMemory::new(0)),
    );
    let kind = [("content-type", "application/octet-stream")];
    assert_eq!(
        request(&service, "POST /test")
            .headers(&kind)
            .body("12345")
            .send()
            .await
            .status,
        200
    );
    let problem = Problem::from(vec![connexion::Violation::new(
        Location::Body,
        "contentEncoding",
        "unknown",
    )]);
    let chunks = stream::iter([
        Ok(Bytes::from_static(b"1")),
        Err(StreamError::from(problem)),
    ]);
    let response = request(&service, "POST /test")
        .headers(&kind)
        .body(HttpBody::from_stream(chunks))
        .send()
        .await;
    assert_eq!(response.problem(), (415, "unknown".to_owned()));
}
