//! JSON bodies of requests: how they are read, the violations and the limits.

use std::time::{Duration, Instant};

use axum::body::Body as HttpBody;
use bytes::Bytes;
use connexion::{Api, Body, PathValues};
use serde_json::{Value, json};

use crate::support::{
    ANY, body_verdict, build, document, headers, only, post, request, service, verdict, with_body,
};

#[test]
fn all_violations_of_a_body_are_reported_in_order() {
    let schema = "{type: object, required: [b, a], properties: {z: {maximum: 1, multipleOf: 2}, a: {}, \
                  y: {multipleOf: 2, maximum: 1}, b: {}, list: {items: {properties: {q: {type: string}}}}}, additionalProperties: false}";
    let service = service(document(&with_body(schema), ""));
    assert_eq!(
        body_verdict(
            &service,
            r#"{"it's": 1, "list": [{}, {"q": 0}, {"q": null}], "y": 3, "z": 3}"#
        ),
        "Body /z maximum: 3 is greater than the maximum of 1 at /z\n\
         Body /z multipleOf: 3 is not a multiple of 2 at /z\n\
         Body /a required: \"a\" is a required property\n\
         Body /y multipleOf: 3 is not a multiple of 2 at /y\n\
         Body /y maximum: 3 is greater than the maximum of 1 at /y\n\
         Body /b required: \"b\" is a required property\n\
         Body /list/1/q type: 0 is not of type \"string\" at /list/1/q\n\
         Body /list/2/q type: null is not of type \"string\" at /list/2/q\n\
         Body /it's additionalProperties: Additional properties are not allowed (\"it's\" was unexpected)"
    );
}

#[test]
fn number_out_of_range_is_rejected_with_a_message() {
    let service = service(document(
        &with_body("{properties: {a: {type: integer}, b: {type: number}}}"),
        "",
    ));
    for text in [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "01",
        "+1",
        ".5",
        "0x10",
    ] {
        let verdict = body_verdict(&service, &format!("{{\"b\": {text}}}"));
        assert_eq!(
            verdict, "Body  json: Request body is not valid JSON",
            "{text}"
        );
    }
}

#[test]
fn deep_body_does_not_overflow_the_stack() {
    let tree = "schemas: {T: {type: object, properties: {t: {$ref: '#/components/schemas/T'}, n: {type: integer}}}}";
    let service = service(document(
        &with_body("{$ref: '#/components/schemas/T'}"),
        tree,
    ));
    let nested = |depth: usize, leaf: &str| {
        format!("{}{leaf}{}", "{\"t\":".repeat(depth), "}".repeat(depth))
    };
    assert_eq!(
        body_verdict(&service, &nested(100, "{\"n\":\"x\"}")),
        format!(
            "Body {0}/n type: \"x\" is not of type \"integer\" at {0}/n",
            "/t".repeat(100)
        )
    );
    assert_eq!(
        body_verdict(&service, &nested(100_000, "{}")),
        "Body  json: Request body is not valid JSON"
    );
    assert_eq!(
        body_verdict(&service, &"[".repeat(1_000_000)),
        "Body  json: Request body is not valid JSON"
    );
}

#[test]
fn keywords_beside_a_reference_apply_in_openapi_3_1() {
    let components = "schemas: {A: {$ref: '#/components/schemas/B', maxLength: 3}, B: {type: string, minLength: 2}}";
    for schema in [
        "{$ref: '#/components/schemas/A'}",
        "{$ref: '#/components/schemas/B', maxLength: 3}",
    ] {
        let service = service(document(&with_body(schema), components));
        assert_eq!(body_verdict(&service, "\"abc\""), "ok {} \"abc\"");
        assert_eq!(
            body_verdict(&service, "\"a\""),
            "Body  minLength: \"a\" is too short"
        );
        assert_eq!(
            body_verdict(&service, "\"abcd\""),
            "Body  maxLength: \"abcd\" is too long"
        );
    }
}

#[test]
fn body_of_another_media_type_returns_415() {
    let content = "{application/json: {schema: {type: integer}}, application/vnd.a+json: {schema: {type: string}}}";
    let service = service(document(
        &format!("requestBody: {{content: {content}}}, {ANY}"),
        "",
    ));
    let check = |kind: &str, body: &str| {
        let fields = [("content-type", kind)];
        verdict(only(&service).validate_request(
            &PathValues::default(),
            None,
            &headers(if kind.is_empty() { &[] } else { &fields }),
            body.as_bytes(),
        ))
    };
    assert_eq!(check("application/json", "1"), "ok {} 1");
    assert_eq!(check("APPLICATION/JSON; charset=utf-8", "1"), "ok {} 1");
    assert_eq!(check("application/json; charset=latin-1", "1"), "ok {} 1");
    assert_eq!(check("application/vnd.a+json", "\"a\""), "ok {} \"a\"");
    assert_eq!(check("", ""), "ok {} null");
    for kind in ["text/plain", "", "json", "application/other+json"] {
        assert_eq!(
            check(kind, "1"),
            format!(
                "Header Content-Type contentType: Invalid Content-type ({kind}), expected JSON data"
            )
        );
    }
}

#[test]
fn json_body_in_utf_16_or_with_a_byte_order_mark_is_read() {
    let service = service(document(&with_body("{type: string, maxLength: 1}"), ""));
    let headers = headers(&[("content-type", "application/json")]);
    let utf16: Vec<u8> = "\"é\"".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in [
        utf16.clone(),
        [&[0xff, 0xfe], &utf16[..]].concat(),
        b"\xef\xbb\xbf\"\xc3\xa9\"".to_vec(),
    ] {
        let result = only(&service).validate_request(&PathValues::default(), None, &headers, &body);
        assert_eq!(verdict(result), "ok {} \"é\"");
    }
    for body in [&b"\"\xff\""[..], &utf16[..3], b"\"\xed\xa0\x80\""] {
        let result = only(&service).validate_request(&PathValues::default(), None, &headers, body);
        assert_eq!(
            verdict(result),
            "Body  json: Request body is not valid JSON"
        );
    }
}

#[tokio::test]
async fn problem_lists_every_violation_and_its_detail_the_first() {
    let operation = "parameters: [{name: q, in: query, schema: {type: integer}}], requestBody: {content: \
                     {application/json: {schema: {required: [a]}}}}, responses: {'200': {description: d}}";
    let service = service(document(operation, ""));
    let response = request(&service, "POST /test?q=x&r=1")
        .typed_body("application/json", "{}")
        .send()
        .await;
    assert_eq!(response.header("content-type"), "application/problem+json");
    assert_eq!(
        response.json(),
        json!({
            "type": "about:blank", "title": "Bad Request", "status": 400, "detail": "\"a\" is a required property",
            "errors": [
                {"in": "body", "pointer": "/a", "keyword": "required", "code": "missing", "detail": "\"a\" is a required property"},
                {"in": "query", "name": "r", "keyword": "unknown", "code": "unknown", "detail": "Extra query parameter(s) r not in spec"},
                {"in": "query", "name": "q", "keyword": "type", "code": "wrong-type", "detail": "Wrong type, expected 'integer' for query parameter 'q'"},
            ],
        })
    );
    let response = request(&service, "POST /test")
        .typed_body("text/plain", "{}")
        .send()
        .await;
    assert_eq!(
        response.problem(),
        (
            415,
            "Invalid Content-type (text/plain), expected JSON data".to_owned()
        )
    );
    assert_eq!(response.header("accept"), "application/json");
}

#[tokio::test]
async fn body_over_the_limit_returns_413_with_or_without_content_length() {
    let api = Api::from_document(document(&with_body("{}"), "")).body_limit(10);
    let service = build(api.operation("test", async |Body(_): Body<Value>| ()));
    let expected = (
        413,
        "The request's body is longer than 10 bytes.".to_owned(),
    );
    assert_eq!(
        post(&service, "[1,2,3,4,5]").send().await.problem(),
        expected
    );
    let chunks = |texts: [&'static str; 2]| {
        let chunks = texts.map(|text| Ok::<_, std::io::Error>(Bytes::from_static(text.as_bytes())));
        HttpBody::from_stream(futures_util::stream::iter(chunks))
    };
    assert_eq!(
        post(&service, chunks(["[1,2,3,4", ",5]"]))
            .send()
            .await
            .problem(),
        expected
    );
    assert_eq!(
        post(&service, chunks(["[1,2,3,", "4]"]))
            .send()
            .await
            .status,
        200
    );
    assert_eq!(post(&service, "[1,2,3,44]").send().await.status, 200);
}

#[tokio::test]
async fn broken_body_returns_400() {
    let service = service(document(&with_body("{}"), ""));
    let chunks = [
        Ok(Bytes::from_static(b"[")),
        Err(std::io::Error::other("gone")),
    ];
    let body = HttpBody::from_stream(futures_util::stream::iter(chunks));
    assert_eq!(
        post(&service, body).send().await.problem(),
        (400, "The request's body ended early.".to_owned())
    );
}

#[test]
fn request_with_many_violations_gets_a_short_response_quickly() {
    let begin = Instant::now();
    let schema = "{items: {properties: {a: {type: string}}, required: [b], type: object}}";
    let service = service(document(&with_body(schema), ""));
    let headers = headers(&[("content-type", "application/json")]);
    let size = |query: Option<&str>, body: &str| {
        let found = only(&service).validate_request(
            &PathValues::default(),
            query,
            &headers,
            body.as_bytes(),
        );
        let found = found.unwrap_err();
        (
            found.len(),
            found
                .iter()
                .map(|violation| violation.detail.len())
                .sum::<usize>(),
        )
    };
    // One violation is reported for a giant array, a thousand for a large one.
    assert_eq!(size(None, &format!("[{}1]", "1,".repeat(500_000))).0, 1);
    let (count, bytes) = size(None, &format!("[{}1]", "{\"a\":1},".repeat(5_000)));
    assert!(count == 1_000 && bytes < 100_000, "{count} {bytes}");
    // Each level would show its whole value.
    let (_, bytes) = size(None, &format!("[{}{}]", "[".repeat(100), "]".repeat(100)));
    assert!(bytes < 1_000, "{bytes}");
    let query: Vec<_> = (0..10_000).map(|i| format!("{i}=1")).collect();
    let (count, bytes) = size(Some(&query.join("&")), "[]");
    assert!(count == 100 && bytes < 300_000, "{count} {bytes}");
    assert!(
        begin.elapsed() < Duration::from_secs(30),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test]
async fn content_encoding_of_a_body_returns_415() {
    let service = service(document(&with_body("{}"), ""));
    let json = ("content-type", "application/json");
    let response = request(&service, "POST /test")
        .headers(&[json, ("content-encoding", "gzip")])
        .body("{}")
        .send()
        .await;
    let detail = "The content coding 'gzip' is not supported; send the body as it is";
    assert_eq!(response.problem(), (415, detail.to_owned()));
    let plain = request(&service, "POST /test")
        .headers(&[json, ("content-encoding", "identity")])
        .body("{}")
        .send()
        .await;
    assert_eq!(plain.status, 200);
}
