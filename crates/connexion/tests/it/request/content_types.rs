//! Media types and charsets of bodies: keys of `content`, types that an application reads, encodings of responses.

use connexion::{Api, Body, Compat, Document};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    ANY, ask, build, document, document_at, faults, headers, only, send, sentences, service,
};

#[test]
fn a_key_of_content_that_is_no_media_type_is_a_warning() {
    let operation = "requestBody: {content: {data: {schema: {type: object}}}}, \
                     responses: {'200': {description: d, content: {json: {schema: {type: object}}}}}";
    let found = faults(document(operation, ""));
    for key in ["data", "json"] {
        let message = format!("warning: `{key}` is no media type");
        assert!(found.contains(&message), "{found}");
    }
}

#[tokio::test]
async fn a_key_of_content_that_is_no_media_type_refuses_no_request() {
    let operation =
        "responses: {'200': {description: d, content: {data: {schema: {type: object}}}}}";
    let service = service(document_at("get /test", operation, ""));
    for accept in ["*/*", "application/json", "data"] {
        let answer = send(&service, "GET /test", &[("accept", accept)], "").await;
        assert_eq!(answer.status, 200, "{accept}");
    }
    let operation = format!("requestBody: {{content: {{data: {{}}}}}}, {ANY}");
    let service = crate::support::service(document(&operation, ""));
    let fields = [("content-type", "image/png")];
    assert_eq!(send(&service, "POST /test", &fields, "x").await.status, 200);
}

#[tokio::test]
async fn a_range_with_a_suffix_is_acceptable_as_each_of_its_types() {
    let operation = "responses: {'200': {description: d, content: {application/*+json: {schema: {type: object}}}}}";
    let service = service(document_at("get /test", operation, ""));
    for (accept, status) in [
        ("application/vnd.x+json", 200),
        ("application/*", 200),
        ("application/json", 406),
        ("text/html", 406),
    ] {
        let answer = send(&service, "GET /test", &[("accept", accept)], "").await;
        // The handler answers with nothing, which is no such type.
        let found = if answer.status == 406 { 406 } else { 200 };
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
fn a_header_of_a_response_that_content_speaks_of_is_ignored() {
    let content = "content: {text/plain: {}}";
    let described = "Content-Type: {required: true, schema: {enum: [text/csv]}}, \
                     authorization: {required: true, schema: {type: string}}";
    let operation =
        format!("responses: {{'200': {{description: d, headers: {{{described}}}, {content}}}}}");
    let found = faults(document(&operation, ""));
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
fn a_text_is_checked_in_the_charset_of_its_response() {
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
        ("text/plain; charset=nobody", b"\xe4"),
    ] {
        assert_ne!(check(kind, body), "", "{kind}");
    }
}

#[test]
fn rows_of_csv_are_checked_in_the_charset_of_their_response() {
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

/// Numbers of one byte each, after their count.
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
async fn a_body_of_a_type_of_the_application_is_checked_like_json() {
    let schema = "{type: array, maxItems: 3, items: {type: integer, minimum: 0, maximum: 9}}";
    let content = format!("content: {{application/x-numbers: {{schema: {schema}}}}}");
    let operation = format!(
        "requestBody: {{required: true, {content}}}, \
         responses: {{'200': {{description: d, content: {{application/json: {{}}}}}}}}"
    );
    assert!(faults(document(&operation, "")).contains("are not checked"));
    let echo = async |Body(value): Body<Vec<u8>>| Body(value);
    let service = build(
        with_numbers(&operation)
            .value_limit(4)
            .operation("test", echo),
    );
    let fields = [("content-type", "application/x-numbers")];
    let post = async |body: &'static [u8]| send(&service, "POST /test", &fields, body).await;
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
    let answer = send(
        &service,
        "POST /test",
        &[("content-type", "image/png")],
        "a",
    )
    .await;
    assert_eq!(answer.status, 415);
    // The only type that is described.
    assert_eq!(
        send(&service, "POST /test", &[], &[1, 5][..]).await.status,
        200
    );
}

#[tokio::test]
async fn a_value_of_the_application_may_not_be_nested_without_end() {
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
    assert_eq!(send(&service, "POST /test", &fields, "a").await.status, 200);
    assert_eq!(
        send(&service, "POST /test", &fields, "aa").await.status,
        400
    );
}

#[tokio::test]
async fn a_range_has_the_types_of_the_application() {
    let operation = format!(
        "requestBody: {{content: {{'application/*': {{schema: {{type: array, maxItems: 1}}}}}}}}, {ANY}"
    );
    let service = build(with_numbers(&operation).operation("test", async || ()));
    let fields = [("content-type", "application/x-numbers")];
    assert_eq!(
        send(&service, "POST /test", &fields, &[1, 5][..])
            .await
            .status,
        200
    );
    assert_eq!(
        send(&service, "POST /test", &fields, &[2, 5, 7][..])
            .await
            .status,
        400
    );
    let fields = [("content-type", "application/vnd.x+json")];
    assert_eq!(
        send(&service, "POST /test", &fields, "[1, 2]").await.status,
        400
    );
}

#[test]
fn a_response_of_a_type_of_the_application_is_checked() {
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
async fn content_types_are_read_as_by_pythons_connexion_on_request() {
    let operation = format!("requestBody: {{content: {{application/json: {{}}}}}}, {ANY}");
    let api = Api::from_document(document(&operation, "")).operation("test", async || ());
    let service = build(api.compat(Compat::Connexion));
    let post = async |fields: &[(&str, &str)]| send(&service, "POST /test", fields, "1").await;
    assert_eq!(
        post(&[("content-type", "application/vnd.x+json")])
            .await
            .status,
        200
    );
    let told = "Invalid Content-type (), expected JSON data".to_owned();
    assert_eq!(post(&[]).await.problem(), (415, told));
}

#[test]
fn a_format_that_is_not_checked_is_a_warning() {
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
    for format in ["idn-email", "idn-hostname", "nobody"] {
        let found = document(format).check();
        let told = found
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        assert!(
            told.contains(&format!("the format `{format}` is not known")),
            "{told}"
        );
    }
}

/// Every format that counts as known refuses something, but for those of which there is nothing to check.
#[test]
fn a_known_format_is_checked() {
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
        let document = document(&crate::support::with_body(&schema), "");
        assert_eq!(faults(document.clone()), "", "{format}");
        let verdict = crate::support::body_verdict(&service(document), &json!(wrong).to_string());
        assert!(verdict.starts_with("Body  format"), "{format} {verdict}");
    }
}

#[tokio::test]
async fn a_document_with_an_unreadable_pattern_is_served_with_a_warning() {
    let schema = "{type: object, properties: {a: {pattern: '('}}, patternProperties: {'[b': {type: integer}}}";
    let found = faults(document(&crate::support::with_body(schema), ""));
    for pattern in ["(", "[b"] {
        let message =
            format!("warning: no engine can read the pattern `{pattern}`, so it is not checked");
        assert!(found.contains(&message), "{found}");
    }
    let service = service(document(&crate::support::with_body(schema), ""));
    let answer = crate::support::post(&service, r#"{"a": "x", "[b": "y"}"#).await;
    assert_eq!(answer.status, 200);
    assert_eq!(ask(&service, "GET /test").await.status, 405);
}

#[tokio::test]
async fn names_of_properties_are_matched_as_ecma_262_says() {
    let schema = "{type: object, patternProperties: {'^[\\w-.]+$': {type: integer}}, additionalProperties: false}";
    let service = service(document(&crate::support::with_body(schema), ""));
    let status =
        async |body: &'static str| crate::support::post(&service, body).await.status.as_u16();
    assert_eq!(status(r#"{"a-b.c": 1}"#).await, 200);
    assert_eq!(status(r#"{"a-b.c": "x"}"#).await, 400);
    assert_eq!(status(r#"{"!": 1}"#).await, 400);
}
