//! Bodies of the type `multipart/form-data`.

use axum::body::Body as HttpBody;
use bytes::Bytes;
use connexion::Api;

use crate::{
    request::{check, documents},
    support::{build, request, service},
};

/// Returns a multipart body. A part is the text after `form-data; ` in its header, and its content.
pub(super) fn multipart(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, content) in parts {
        let (disposition, rest) = head.split_once('\n').unwrap_or((head, ""));
        let rest = if rest.is_empty() {
            String::new()
        } else {
            format!("{rest}\r\n")
        };
        let head = format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n{rest}\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    body
}

pub(super) const MULTIPART: &str = "multipart/form-data; boundary=XX";

pub(super) fn multipart_content(schema: &str, encoding: &str) -> String {
    format!("{{multipart/form-data: {{schema: {schema}, encoding: {{{encoding}}}}}}}")
}

/// Validates a multipart form; the result must be the same in both versions.
#[track_caller]
pub(super) fn multiform(schema: &str, encoding: &str, parts: &[(&str, &[u8])]) -> String {
    let body = multipart(parts);
    let said = documents(&multipart_content(schema, encoding))
        .map(|document| check(document, MULTIPART, &body));
    assert_eq!(said[0], said[1]);
    let [said, _] = said;
    said.strip_prefix("ok {} ").unwrap_or(&said).to_owned()
}

#[test]
fn style_in_multipart_applies_since_openapi_3_1() {
    let content = multipart_content(
        "{type: object, properties: {a: {type: array, items: {type: integer}}}}",
        "a: {style: form, explode: false}",
    );
    let said = |parts: &[(&str, &[u8])]| {
        let body = multipart(parts);
        documents(&content).map(|document| check(document, MULTIPART, &body))
    };
    let wrong = "Body /a/0 type: \"1,2\" is not of type \"integer\" at /a/0";
    assert_eq!(said(&[("name=a", b"1,2")]), [r#"ok {} {"a":[1,2]}"#, wrong]);
    let [_, old] = said(&[("name=a", b"1"), ("name=a", b"2")]);
    assert_eq!(old, r#"ok {} {"a":[1,2]}"#);
}

/// Checks that a form with the property `a` and the keywords `more` is read as `expected`.
#[track_caller]
pub(super) fn expect_a(
    more: &str,
    property: &str,
    encoding: &str,
    parts: &[(&str, &[u8])],
    expected: &str,
) {
    let schema = format!("{{type: object, {more} properties: {{a: {property}}}}}");
    let encoding = format!("a: {{{encoding}}}");
    assert_eq!(
        multiform(&schema, &encoding, parts),
        format!("{{\"a\":{expected}}}"),
        "{property}"
    );
}

#[test]
fn multipart_parts_are_converted_to_the_types_of_their_properties() {
    let integers = "{type: array, items: {type: integer}}";
    let object = "{type: object, properties: {x: {type: integer}}}";
    for (property, encoding, parts, expected) in [
        ("{type: integer}", "", &[("name=a", &b"5"[..])][..], "5"),
        ("{}", "", &[("name=a", b"5")], "\"5\""),
        (
            "{type: string}",
            "",
            &[("name=a", b"a+b%20&c=d \xc3\xa9\r\n")],
            "\"a+b%20&c=d é\\r\\n\"",
        ),
        (
            "{type: string}",
            "",
            &[(
                "name=a\nContent-Type: text/plain; charset=iso-8859-1",
                b"\xe9",
            )],
            "\"é\"",
        ),
        (integers, "", &[("name=a", b"1"), ("name=a", b"2")], "[1,2]"),
        (integers, "", &[("name=a", b"1")], "[1]"),
        (
            integers,
            "",
            &[("name=a\nContent-Type: application/json", b"[1,2]")],
            "[1,2]",
        ),
        (object, "", &[("name=a", b"{\"x\": 1}")], "{\"x\":1}"),
        (
            object,
            "",
            &[("name=a\nContent-Type: application/json", b"{\"x\": 1}")],
            "{\"x\":1}",
        ),
        (
            "{type: array, items: {type: object}}",
            "",
            &[
                ("name=a\nContent-Type: application/json", b"{\"x\": 1}"),
                ("name=a\nContent-Type: application/json", b"{}"),
            ],
            "[{\"x\":1},{}]",
        ),
        (
            "{type: integer}",
            "",
            &[("name=a\nContent-Type: application/json", b"5")],
            "5",
        ),
    ] {
        expect_a("", property, encoding, parts, expected);
    }
}

#[test]
fn violations_of_multipart_parts_are_all_reported() {
    let schema = "{type: object, required: [a, f, g], properties: {a: {type: integer, maximum: 3}, \
                  f: {type: string, format: binary}, g: {type: string, format: binary}, o: {type: object}, s: {type: string}, \
                  h: {type: string, format: binary}}}";
    let said = multiform(
        schema,
        "g: {contentType: 'image/png, image/jpeg'}",
        &[
            ("name=a", b"5"),
            ("name=g; filename=g\nContent-Type: image/gif", b"1"),
            ("name=o\nContent-Type: application/json", b"1x"),
            ("name=s", b"\xff"),
            ("name=z; filename=z", b"1"),
            ("name=h", b"1"),
            ("name=h", b"2"),
        ],
    );
    assert_eq!(
        said,
        "Body /g contentType: Invalid Content-type (image/gif), expected image/png, image/jpeg at /g\n\
         Body /o json: Invalid JSON at /o\n\
         Body /s charset: The text is not valid UTF-8 at /s\n\
         Body /z unknown: Extra formData parameter(s) z not in spec\n\
         Body /a maximum: 5 is greater than the maximum of 3 at /a\n\
         Body /f required: \"f\" is a required property\n\
         Body /h type: [\"file 1\", \"file 2\"] is not of type \"string\" at /h"
    );
}

#[test]
fn malformed_multipart_form_is_rejected() {
    for body in [
        &b"x"[..],
        b"--XX\r\n",
        b"--XX--",
        b"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n",
        b"--XX\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XX--\r\n",
        b"--XX\r\n: \r\n\r\n1\r\n--XX--\r\n",
    ] {
        for document in documents(&multipart_content("{type: object}", "")) {
            let said = check(document, MULTIPART, body);
            let expected = if body == b"--XX--" {
                "ok {} {}"
            } else {
                "Body  multipart: Request body is not valid multipart/form-data"
            };
            assert_eq!(said, expected, "{}", String::from_utf8_lossy(body));
        }
    }
    let [document, _] = documents(&multipart_content("{type: object}", ""));
    assert_eq!(
        check(document, "multipart/form-data", b"--XX--"),
        "Body  multipart: Request body is not valid multipart/form-data"
    );
}

/// Returns a service that accepts uploads of 3 MB.
fn limited() -> connexion::ApiService {
    let schema = "{properties: {a: {type: array, items: {type: string}}, f: {type: string, format: binary}}}";
    let [document, _] = documents(&multipart_content(schema, ""));
    let api = Api::from_document(document).upload_limit(3_000_000);
    build(api.operation("test", async || ()))
}

#[tokio::test]
async fn multipart_form_has_size_limits() {
    let service = limited();
    let long = vec![b'x'; 3_000_000];
    let response = request(&service, "POST /test")
        .typed_body(MULTIPART, multipart(&[("name=f", &long)]))
        .send()
        .await;
    assert_eq!(
        response.problem(),
        (
            413,
            "The request's body is longer than 3000000 bytes.".to_owned()
        )
    );
    let body = multipart(&[("name=f", &long)]);
    let body = body
        .chunks(1_000)
        .map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)))
        .collect::<Vec<_>>();
    let body = HttpBody::from_stream(futures_util::stream::iter(body));
    assert_eq!(
        request(&service, "POST /test")
            .typed_body(MULTIPART, body)
            .send()
            .await
            .status,
        413
    );
    let text = &long[..2_500_000];
    let response = request(&service, "POST /test")
        .typed_body(MULTIPART, multipart(&[("name=a", text)]))
        .send()
        .await;
    assert_eq!(
        response.problem(),
        (
            413,
            "The fields that are not files are longer than 2097152 bytes.".to_owned()
        )
    );
    let body = multipart(&[("name=f", text)]);
    assert_eq!(
        request(&service, "POST /test")
            .typed_body(MULTIPART, body)
            .send()
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn multipart_form_has_limits_of_its_parts() {
    let service = limited();
    let parts = vec![("name=a", &b"1"[..]); 1_001];
    let body = multipart(&parts[1..]);
    assert_eq!(
        request(&service, "POST /test")
            .typed_body(MULTIPART, body)
            .send()
            .await
            .status,
        200
    );
    let response = request(&service, "POST /test")
        .typed_body(MULTIPART, multipart(&parts))
        .send()
        .await;
    assert_eq!(
        response.problem(),
        (
            413,
            "The request's body has more than 1000 parts.".to_owned()
        )
    );
    // The header of a part has a size limit.
    let head = format!("name=a\nX: {}", "x".repeat(1_000_000));
    let body = multipart(&[(&head, b"1")]);
    let chunks: Vec<_> = body
        .chunks(1_000)
        .map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)))
        .collect();
    let body = HttpBody::from_stream(futures_util::stream::iter(chunks));
    assert_eq!(
        request(&service, "POST /test")
            .typed_body(MULTIPART, body)
            .send()
            .await
            .problem(),
        (
            400,
            "Request body is not valid multipart/form-data".to_owned()
        )
    );
}

#[tokio::test]
async fn broken_multipart_form_returns_400() {
    let [document, _] = documents(&multipart_content("{type: object}", ""));
    let service = service(document);
    let body = [
        Ok(Bytes::from_static(b"--XX\r\n")),
        Err(std::io::Error::other("gone")),
    ];
    let body = HttpBody::from_stream(futures_util::stream::iter(body));
    assert_eq!(
        request(&service, "POST /test")
            .typed_body(MULTIPART, body)
            .send()
            .await
            .problem(),
        (400, "The request's body ended early.".to_owned())
    );
}
