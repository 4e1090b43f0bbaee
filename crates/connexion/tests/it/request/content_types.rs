//! Media types and charsets of bodies: keys of `content`, types that an application reads, encodings of responses.

use connexion::{Api, Body, Compat, Document};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    ANY, build, diagnostics, document, document_at, headers, only, post, request, sentences,
    service, with_body,
};

#[test]
fn invalid_media_type_in_content_is_a_warning() {
    let operation = "requestBody: {content: {data: {schema: {type: object}}}}, \
                     responses: {'200': {description: d, content: {json: {schema: {type: object}}}}}";
    let found = diagnostics(document(operation, ""));
    for key in ["data", "json"] {
        let message = format!("warning: `{key}` is not a media type");
        assert!(found.contains(&message), "{found}");
    }
}

#[tokio::test]
async fn invalid_media_type_in_content_rejects_no_request() {
    let operation =
        "responses: {'200': {description: d, content: {data: {schema: {type: object}}}}}";
    let service = service(document_at("get /test", operation, ""));
    for accept in ["*/*", "application/json", "data"] {
        let response = request(&service, "GET /test")
            .header("accept", accept)
            .send()
            .await;
        assert_eq!(response.status, 200, "{accept}");
    }
    let operation = format!("requestBody: {{content: {{data: {{}}}}}}, {ANY}");
    let service = crate::support::service(document(&operation, ""));
    let fields = [("content-type", "image/png")];
    assert_eq!(
        request(&service, "POST /test")
            .headers(&fields)
            .body("x")
            .send()
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn media_range_with_a_suffix_is_acceptable_as_each_of_its_types() {
    let operation = "responses: {'200': {description: d, content: {application/*+json: {schema: {type: object}}}}}";
    let service = service(document_at("get /test", operation, ""));
    for (accept, status) in [
        ("application/vnd.x+json", 200),
        ("application/*", 200),
        ("application/json", 406),
        ("text/html", 406),
    ] {
        let response = request(&service, "GET /test")
            .header("accept", accept)
            .send()
            .await;
        // The handler returns no body, so its media type is not the accepted one.
        let found = if response.status == 406 { 406 } else { 200 };
        assert_eq!(found, status, "{accept}");
    }
    let check = |kind: &str, body: &[u8]| {
        let headers = headers(&[("content-type", kind)]);
        only(&service).validate_response(StatusCode::OK, &headers, body)
    };
    assert!(check("application/vnd.x+json", b"{}").is_ok());
    assert!(check("application/vnd.x+json", b"[]").is_err());
    assert!(check("application/json", b"{}").is_err());
}

#[test]
fn content_type_header_of_a_response_is_ignored() {
    let content = "content: {text/plain: {}}";
    let described = "Content-Type: {required: true, schema: {enum: [text/csv]}}, \
                     authorization: {required: true, schema: {type: string}}";
    let operation =
        format!("responses: {{'200': {{description: d, headers: {{{described}}}, {content}}}}}");
    let found = diagnostics(document(&operation, ""));
    assert!(
        found.contains("warning: the header `Content-Type` of a response is ignored"),
        "{found}"
    );
    let service = service(document(&operation, ""));
    let headers = headers(&[("content-type", "text/plain")]);
    let result = only(&service).validate_response(StatusCode::OK, &headers, b"a");
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn text_response_is_decoded_by_charset() {
    let schema = "{type: string, maxLength: 2, pattern: '^[äöü€]*$'}";
    let operation = format!(
        "responses: {{'200': {{description: d, content: {{text/plain: {{schema: {schema}}}}}}}}}"
    );
    let service = service(document(&operation, ""));
    let check = |kind: &str, body: &[u8]| {
        let headers = headers(&[("content-type", kind)]);
        let result = only(&service).validate_response(StatusCode::OK, &headers, body);
        result.err().map_or(String::new(), |all| sentences(&all))
    };
    for (kind, body) in [
        ("text/plain", "äö".as_bytes()),
        ("text/plain; charset=utf-8", "äö".as_bytes()),
        ("text/plain; charset=ISO-8859-1", b"\xe4\xf6"),
        ("text/plain; charset=windows-1252", b"\xe4\x80"),
        ("text/plain; charset=utf-16", b"\xff\xfe\xe4\x00\xac\x20"),
        ("text/plain; charset=utf-16be", b"\x00\xe4"),
    ] {
        assert_eq!(check(kind, body), "", "{kind}");
    }
    for (kind, body) in [
        ("text/plain", &b"\xe4\xf6"[..]),
        ("text/plain; charset=iso-8859-1", b"\xe4\xf6\xfc"),
        ("text/plain; charset=unknown", b"\xe4"),
    ] {
        assert_ne!(check(kind, body), "", "{kind}");
    }
}

#[test]
fn csv_response_is_decoded_by_charset() {
    let schema =
        "{type: array, items: {type: object, properties: {name: {type: string, maxLength: 3}}}}";
    let operation = format!(
        "responses: {{'200': {{description: d, content: {{text/csv: {{schema: {schema}}}}}}}}}"
    );
    let service = service(document(&operation, ""));
    let check = |body: &[u8]| {
        let headers = headers(&[("content-type", "text/csv; charset=iso-8859-1")]);
        only(&service).validate_response(StatusCode::OK, &headers, body)
    };
    assert!(check(b"name\r\nZo\xeb\r\n").is_ok());
    assert!(check(b"name\r\nZo\xeb\xeb\r\n").is_err());
}

/// Reads numbers of one byte each, preceded by their count.
fn numbers(bytes: &[u8]) -> Result<Value, &'static str> {
    match bytes {
        [count, rest @ ..] if usize::from(*count) == rest.len() => Ok(json!(rest)),
        _ => Err("the count is wrong"),
    }
}

fn with_numbers(operation: &str) -> Api<()> {
    Api::from_document(document(operation, "")).body_type("application/x-numbers", numbers)
}

#[tokio::test]
async fn body_of_a_custom_media_type_is_validated_like_json() {
    let schema = "{type: array, maxItems: 3, items: {type: integer, minimum: 0, maximum: 9}}";
    let content = format!("content: {{application/x-numbers: {{schema: {schema}}}}}");
    let operation = format!(
        "requestBody: {{required: true, {content}}}, \
         responses: {{'200': {{description: d, content: {{application/json: {{}}}}}}}}"
    );
    assert!(diagnostics(document(&operation, "")).contains("are not checked"));
    let echo = async |Body(value): Body<Vec<u8>>| Body(value);
    let service = build(
        with_numbers(&operation)
            .value_limit(4)
            .operation("test", echo),
    );
    let fields = [("content-type", "application/x-numbers")];
    let post = async |body: &'static [u8]| {
        request(&service, "POST /test")
            .headers(&fields)
            .body(body)
            .send()
            .await
    };
    assert_eq!(post(&[2, 5, 7]).await.json(), json!([5, 7]));
    let (status, detail) = post(&[2, 5, 10]).await.problem();
    assert_eq!(
        (status, detail.contains("10 is greater than")),
        (400, true),
        "{detail}"
    );
    let (status, detail) = post(&[2, 5]).await.problem();
    let expected = "The body is not valid application/x-numbers: the count is wrong";
    assert_eq!((status, detail.as_str()), (400, expected));
    assert_eq!(post(&[4, 1, 2, 3, 4]).await.status, 413);
    assert_eq!(
        post(&[]).await.problem(),
        (400, "Request body is required".to_owned())
    );
    let response = request(&service, "POST /test")
        .typed_body("image/png", "a")
        .send()
        .await;
    assert_eq!(response.status, 415);
    // The only declared media type.
    assert_eq!(
        request(&service, "POST /test")
            .body(&[1, 5][..])
            .send()
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn value_of_a_custom_media_type_has_a_depth_limit() {
    let nested = |bytes: &[u8]| {
        let depth = bytes.len() * 100;
        Ok::<_, &str>((0..depth).fold(Value::Null, |value, _| json!([value])))
    };
    let operation =
        format!("requestBody: {{content: {{application/x-nested: {{schema: {{}}}}}}}}, {ANY}");
    let api =
        Api::from_document(document(&operation, "")).body_type("application/x-nested", nested);
    let service = build(api.operation("test", async || ()));
    let fields = [("content-type", "application/x-nested")];
    assert_eq!(
        request(&service, "POST /test")
            .headers(&fields)
            .body("a")
            .send()
            .await
            .status,
        200
    );
    assert_eq!(
        request(&service, "POST /test")
            .headers(&fields)
            .body("aa")
            .send()
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn media_range_includes_custom_media_types() {
    let operation = format!(
        "requestBody: {{content: {{'application/*': {{schema: {{type: array, maxItems: 1}}}}}}}}, {ANY}"
    );
    let service = build(with_numbers(&operation).operation("test", async || ()));
    let fields = [("content-type", "application/x-numbers")];
    assert_eq!(
        request(&service, "POST /test")
            .headers(&fields)
            .body(&[1, 5][..])
            .send()
            .await
            .status,
        200
    );
    assert_eq!(
        request(&service, "POST /test")
            .headers(&fields)
            .body(&[2, 5, 7][..])
            .send()
            .await
            .status,
        400
    );
    let fields = [("content-type", "application/vnd.x+json")];
    assert_eq!(
        request(&service, "POST /test")
            .headers(&fields)
            .body("[1, 2]")
            .send()
            .await
            .status,
        400
    );
}

#[test]
fn response_of_a_custom_media_type_is_validated() {
    let schema = "{type: array, items: {type: integer, maximum: 9}}";
    let operation = format!(
        "responses: {{'200': {{description: d, content: {{application/x-numbers: {{schema: {schema}}}}}}}}}"
    );
    let service = build(with_numbers(&operation).operation("test", async || ()));
    let headers = headers(&[("content-type", "application/x-numbers")]);
    let check = |body: &[u8]| only(&service).validate_response(StatusCode::OK, &headers, body);
    assert!(check(&[1, 5]).is_ok());
    assert_eq!(check(&[1, 10]).unwrap_err()[0].pointer, "/0");
    assert_eq!(check(&[2, 5]).unwrap_err()[0].code(), "unreadable");
}

#[tokio::test]
async fn compat_connexion_reads_content_types_as_python() {
    let operation = format!("requestBody: {{content: {{application/json: {{}}}}}}, {ANY}");
    let api = Api::from_document(document(&operation, "")).operation("test", async || ());
    let service = build(api.compat(Compat::Connexion));
    let post = async |fields: &[(&str, &str)]| {
        request(&service, "POST /test")
            .headers(fields)
            .body("1")
            .send()
            .await
    };
    assert_eq!(
        post(&[("content-type", "application/vnd.x+json")])
            .await
            .status,
        200
    );
    let reported = "Invalid Content-type (), expected JSON data".to_owned();
    assert_eq!(post(&[]).await.problem(), (415, reported));
}

#[test]
fn unknown_format_is_a_warning() {
    let schema = |format: &str| {
        format!("components: {{schemas: {{A: {{type: string, format: {format}}}}}}}")
    };
    let document = |format: &str| {
        let text = format!(
            "openapi: 3.1.0\ninfo: {{title: T, version: '1'}}\npaths: {{}}\n{}",
            schema(format)
        );
        Document::parse("test.yaml", text).unwrap()
    };
    for format in ["idn-email", "idn-hostname", "unknown"] {
        let found = document(format).check();
        let reported = found
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        assert!(
            reported.contains(&format!("the format `{format}` is unknown")),
            "{reported}"
        );
    }
}

/// Every known format rejects some value, except those that have no rule.
#[test]
fn every_known_format_is_checked() {
    for (format, wrong) in [
        ("byte", "?"),
        ("date", "2026-13-01"),
        ("date-time", "2026-01-01"),
        ("duration", "1 day"),
        ("email", "a"),
        ("hostname", "a_b c"),
        ("ipv4", "1.2.3"),
        ("ipv6", "1.2.3.4"),
        ("iri", "a b"),
        ("iri-reference", "a b"),
        ("json-pointer", "a"),
        ("regex", "("),
        ("relative-json-pointer", "/a"),
        ("time", "25:00"),
        ("uri", "a b"),
        ("uri-reference", "a b"),
        ("uri-template", "{"),
        ("uuid", "1"),
    ] {
        let schema = format!("{{type: string, format: {format}}}");
        let document = document(&with_body(&schema), "");
        assert_eq!(diagnostics(document.clone()), "", "{format}");
        let verdict = crate::support::body_verdict(&service(document), &json!(wrong).to_string());
        assert!(verdict.starts_with("Body  format"), "{format} {verdict}");
    }
}

#[tokio::test]
async fn invalid_pattern_is_a_warning_and_the_document_is_served() {
    let schema = "{type: object, properties: {a: {pattern: '('}}, patternProperties: {'[b': {type: integer}}}";
    let found = diagnostics(document(&with_body(schema), ""));
    for pattern in ["(", "[b"] {
        let message =
            format!("warning: no engine can read the pattern `{pattern}`, so it is not checked");
        assert!(found.contains(&message), "{found}");
    }
    let service = service(document(&with_body(schema), ""));
    let response = post(&service, r#"{"a": "x", "[b": "y"}"#).send().await;
    assert_eq!(response.status, 200);
    assert_eq!(request(&service, "GET /test").send().await.status, 405);
}

#[tokio::test]
async fn pattern_properties_are_matched_as_ecma_262() {
    let schema = "{type: object, patternProperties: {'^[\\w-.]+$': {type: integer}}, additionalProperties: false}";
    let service = service(document(&with_body(schema), ""));
    let status = async |body: &'static str| post(&service, body).send().await.status.as_u16();
    assert_eq!(status(r#"{"a-b.c": 1}"#).await, 200);
    assert_eq!(status(r#"{"a-b.c": "x"}"#).await, 400);
    assert_eq!(status(r#"{"!": 1}"#).await, 400);
}
