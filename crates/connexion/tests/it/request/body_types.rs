//! Bodies of requests that are not JSON: texts, streams, forms.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::body::Body as HttpBody;
use bytes::Bytes;
use connexion::{Api, ApiService, Body, ByteStream, Document, PathValues, StreamError};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use crate::support::{Answer, build, faults, headers, only, send, service, verdict};

/// The same operation, whose body has this `content`, in OpenAPI 3.1 and 3.0.
pub(crate) fn documents(content: &str) -> [Document; 2] {
    ["3.1.0", "3.0.3"].map(|version| {
        let text = format!(
            "openapi: {version}\ninfo: {{title: Test, version: '1'}}\npaths:\n  /test:\n    post:\n      \
             operationId: test\n      requestBody: {{required: true, content: {content}}}\n      responses: \
             {{'200': {{description: any}}}}\ncomponents: {{schemas: {{Color: {{type: string, enum: [red, blue]}}, \
             Colors: {{type: array, items: {{$ref: '#/components/schemas/Color'}}}}}}}}\n"
        );
        Document::parse("test.yaml", text).unwrap_or_else(|faults| panic!("{faults}"))
    })
}

/// The same in Swagger 2.0, with these parameters.
pub(crate) fn swagger(consumes: &str, parameters: &str) -> Document {
    let text = format!(
        "swagger: '2.0'\ninfo: {{title: t, version: '1'}}\npaths:\n  /test:\n    post:\n      operationId: test\n      \
         consumes: [{consumes}]\n      parameters: [{parameters}]\n      responses: {{200: {{description: any}}}}\n"
    );
    Document::parse("test.yaml", text).unwrap_or_else(|faults| panic!("{faults}"))
}

pub(crate) fn check(document: Document, kind: &str, body: &[u8]) -> String {
    let service = service(document);
    let fields = [("content-type", kind)];
    let headers = headers(if kind.is_empty() { &[] } else { &fields });
    verdict(only(&service).validate_request(&PathValues::default(), None, &headers, body))
}

fn form_content(schema: &str, encoding: &str) -> String {
    format!("{{application/x-www-form-urlencoded: {{schema: {schema}, encoding: {{{encoding}}}}}}}")
}

/// What is said of a form with this schema and encoding; the same in both versions.
#[track_caller]
fn form(schema: &str, encoding: &str, body: &str) -> String {
    let kind = "application/x-www-form-urlencoded";
    let said = documents(&form_content(schema, encoding))
        .map(|document| check(document, kind, body.as_bytes()));
    assert_eq!(said[0], said[1]);
    let [said, _] = said;
    said.strip_prefix("ok {} ").unwrap_or(&said).to_owned()
}

async fn echo(Body(body): Body<Value>) -> Body<Value> {
    Body(body)
}

fn echoing(document: Document) -> ApiService {
    build(Api::from_document(document).operation("test", echo))
}

pub(crate) async fn post(service: &ApiService, kind: &str, body: impl Into<HttpBody>) -> Answer {
    send(service, "POST /test", &[("content-type", kind)], body).await
}

#[tokio::test]
async fn a_text_is_a_string_for_its_handler() {
    let content = "{text/plain: {schema: {type: string, maxLength: 3}}}";
    let parameter = "{name: b, in: body, schema: {type: string, maxLength: 3}}";
    for document in documents(content)
        .into_iter()
        .chain([swagger("text/plain", parameter)])
    {
        let api = Api::from_document(document)
            .operation("test", async |Body(text): Body<Option<String>>| {
                format!("got {}", text.unwrap_or_default())
            });
        let service = build(api);
        assert_eq!(post(&service, "text/plain", "hé!").await.text(), "got hé!");
        let answer = post(&service, "text/plain; charset=UTF-8", "long").await;
        assert_eq!(answer.problem(), (400, "\"long\" is too long".to_owned()));
    }
}

#[test]
fn texts_are_read_in_the_encodings_that_are_understood() {
    for document in documents("{text/*: {schema: {type: string}}}") {
        let service = service(document);
        let check = |kind: &str, body: &[u8]| {
            let headers = headers(&[("content-type", kind)]);
            verdict(only(&service).validate_request(&PathValues::default(), None, &headers, body))
        };
        assert_eq!(check("text/html", "é".as_bytes()), "ok {} \"é\"");
        assert_eq!(check("text/a; charset=iso-8859-1", b"\xe9"), "ok {} \"é\"");
        assert_eq!(check("text/a; charset=\"us-ascii\"", b"e"), "ok {} \"e\"");
        assert_eq!(check("text/a; charset=koi8-r", b"\xc1"), "ok {} \"а\"");
        assert_eq!(
            check("text/a; charset=windows-1252", b"\x80"),
            "ok {} \"€\""
        );
        assert_eq!(
            check("text/a", b"\xe9"),
            "Body  charset: Request body is not valid UTF-8"
        );
        assert_eq!(
            check("text/a;charset=us-ascii", b"\xe9"),
            "Body  charset: Request body is not valid US-ASCII"
        );
        assert_eq!(
            check("text/a; charset=nobody", b"e"),
            "Header Content-Type contentType: Invalid Content-type (text/a; charset=nobody), expected text/*"
        );
        assert_eq!(
            check("text/a", b""),
            "Body  required: Request body is required"
        );
    }
}

#[tokio::test]
async fn a_body_is_read_as_the_type_nearest_to_its_own_and_others_are_told() {
    let content = "{application/json: {schema: {type: integer}}, text/*: {schema: {type: string}}, \
                   text/a: {schema: {type: string, maxLength: 1}}, image/png: {}}";
    for document in documents(content) {
        let service = echoing(document);
        assert_eq!(post(&service, "application/json", "1").await.text(), "1");
        assert_eq!(post(&service, "text/b", "12").await.text(), "\"12\"");
        assert_eq!(post(&service, "text/a", "12").await.status, 400);
        assert_eq!(post(&service, "image/png", "12").await.text(), "null");
        let answer = post(&service, "image/gif", "12").await;
        assert_eq!(
            answer.problem(),
            (
                415,
                "Invalid Content-type (image/gif), expected application/json, text/*, text/a, image/png"
                    .to_owned()
            )
        );
        let answer = send(&service, "POST /test", &[], "12").await;
        assert_eq!(answer.status, 415);
    }
}

/// Answers with how many bytes came.
async fn count(body: ByteStream) -> Result<String, StreamError> {
    let bytes = body.try_fold(0, async |sum, chunk| Ok(sum + chunk.len()));
    Ok(bytes.await?.to_string())
}

fn chunks(chunks: impl IntoIterator<Item = &'static [u8]>) -> HttpBody {
    let chunks: Vec<_> = chunks
        .into_iter()
        .map(|chunk| Ok::<_, std::io::Error>(Bytes::from_static(chunk)))
        .collect();
    HttpBody::from_stream(futures_util::stream::iter(chunks))
}

#[tokio::test]
async fn other_bodies_are_streamed_up_to_the_limit() {
    let file = "{name: b, in: body, required: true, schema: {type: string, format: binary}}";
    let contents = [
        "{application/octet-stream: {}}",
        "{application/octet-stream: {schema: {type: string, format: binary}}}",
        "{'*/*': {schema: {description: any}}}",
    ];
    let documents = contents.iter().flat_map(|content| documents(content));
    for document in documents.chain([swagger("application/octet-stream", file)]) {
        let api = Api::from_document(document).upload_limit(10);
        let service = build(api.operation("test", count));
        let kind = "application/octet-stream";
        assert_eq!(post(&service, kind, "1234567890").await.text(), "10");
        let body = chunks([&b""[..], b"12345", b"", b"67890"]);
        assert_eq!(post(&service, kind, body).await.text(), "10");
        let too_long = (
            413,
            "The request's body is longer than 10 bytes.".to_owned(),
        );
        assert_eq!(
            post(&service, kind, "12345678901").await.problem(),
            too_long
        );
        let body = chunks([&b"12345"[..], b"678901"]);
        assert_eq!(post(&service, kind, body).await.problem(), too_long);
        let missing = (400, "Request body is required".to_owned());
        assert_eq!(post(&service, kind, "").await.problem(), missing);
        let body = chunks([&b""[..], b""]);
        assert_eq!(post(&service, kind, body).await.problem(), missing);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_a_bad_request() {
    let [document, _] = documents("{image/*: {}}");
    let service = build(Api::from_document(document).operation("test", count));
    let body = [
        Ok(Bytes::from_static(b"1")),
        Err(std::io::Error::other("gone")),
    ];
    let body = HttpBody::from_stream(futures_util::stream::iter(body));
    assert_eq!(
        post(&service, "image/png", body).await.problem(),
        (400, "The request's body ended early.".to_owned())
    );
}

#[tokio::test]
async fn a_long_body_is_not_held_in_memory() {
    const CHUNK: usize = 64 * 1024;
    const CHUNKS: usize = 800;
    let [document, _] = documents("{application/zip: {}}");
    let ahead = Arc::new(AtomicUsize::new(0));
    let (sent, most) = (Arc::clone(&ahead), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let handler = async move |mut body: ByteStream| -> Result<String, StreamError> {
        let mut bytes = 0;
        while let Some(chunk) = body.next().await {
            bytes += chunk?.len();
            most.fetch_max(ahead.fetch_sub(1, Ordering::SeqCst), Ordering::SeqCst);
        }
        Ok(bytes.to_string())
    };
    let api = Api::from_document(document).upload_limit(CHUNK * CHUNKS);
    let service = build(api.operation("test", handler));
    let body = futures_util::stream::iter(0..CHUNKS).map(move |_| {
        sent.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Bytes::from(vec![0; CHUNK]))
    });
    let answer = post(&service, "application/zip", HttpBody::from_stream(body)).await;
    assert_eq!(answer.text(), (CHUNK * CHUNKS).to_string());
    assert!(seen.load(Ordering::SeqCst) <= 2);
}

#[test]
fn what_can_not_be_checked_is_told() {
    for (content, expected) in [
        (
            "{application/xml: {schema: {type: object}}}",
            "bodies of the type `application/xml` are not checked, but handed on as they come",
        ),
        (
            "{image/png: {schema: {type: string, maxLength: 5}}}",
            "bodies of the type `image/png` are not checked, but handed on as they come",
        ),
        (
            "{text/plain: {schema: {type: integer}}}",
            "bodies of the type `text/plain` are not checked, but handed on as they come",
        ),
        (
            &form_content("{properties: {a: {type: integer, default: x}}}", ""),
            "the `default` breaks its schema: \"x\" is not of type \"integer\"",
        ),
        (
            &form_content("{properties: {a: {}}}", "b: {style: form}"),
            "there is no property `b` that this could be about",
        ),
        (
            &form_content("{properties: {a: {}}}", "a: {stile: form}"),
            "an encoding has no member `stile`; `style` is probably meant",
        ),
        (
            &form_content("{properties: {a: {}}}", "a: {style: simple}"),
            "the style `simple` of the property `a` is not supported there",
        ),
        (
            &form_content("{properties: {a: {type: object}}}", "a: {contentType: a/b}"),
            "the property `a` is an object or holds objects; write `contentType: application/json`",
        ),
    ] {
        for document in documents(content) {
            let found = faults(document);
            assert!(found.contains(expected), "{content}: {found}");
            assert_eq!(found.lines().count(), 1, "{found}");
        }
    }
}

#[test]
fn fields_of_a_form_become_what_their_properties_say() {
    for (property, body, expected) in [
        ("{type: integer}", "a=5", "5"),
        ("{type: number}", "a=1&a=0.5", "0.5"),
        ("{type: boolean}", "a=true", "true"),
        ("{type: string}", "a=b+c%2B%C3%A9", "\"b c+é\""),
        ("{}", "a=5", "\"5\""),
        ("{$ref: '#/components/schemas/Color'}", "a=red", "\"red\""),
        (
            "{allOf: [{$ref: '#/components/schemas/Color'}, {maxLength: 3}]}",
            "a=red",
            "\"red\"",
        ),
        ("{anyOf: [{type: integer}, {type: string}]}", "a=7", "7"),
        (
            "{oneOf: [{type: integer, maximum: 3}, {type: string}]}",
            "a=7",
            "\"7\"",
        ),
        ("{type: array, items: {type: integer}}", "a=1&a=2", "[1,2]"),
        ("{type: array, items: {type: integer}}", "a=1", "[1]"),
        (
            "{$ref: '#/components/schemas/Colors'}",
            "a=red&a=blue",
            "[\"red\",\"blue\"]",
        ),
        (
            "{type: object, properties: {b: {type: integer}}}",
            "a=%7B%22b%22:1%7D",
            "{\"b\":1}",
        ),
        (
            "{type: array, items: {type: object}}",
            "a=%7B%22b%22:1%7D&a=%7B%7D",
            "[{\"b\":1},{}]",
        ),
    ] {
        let schema = format!("{{type: object, properties: {{a: {property}}}}}");
        assert_eq!(
            form(&schema, "", body),
            format!("{{\"a\":{expected}}}"),
            "{property} {body}"
        );
    }
}

#[test]
fn an_encoding_says_how_a_field_is_written() {
    let integers = "{type: array, items: {type: integer}}";
    let object = "{type: object, properties: {x: {type: integer}, y: {type: string}}}";
    for (property, encoding, body, expected) in [
        (integers, "explode: false", "a=1,2", "[1,2]"),
        (integers, "style: form", "a=1&a=2", "[1,2]"),
        (
            integers,
            "style: spaceDelimited, explode: false",
            "a=1%202+3",
            "[1,2,3]",
        ),
        (
            integers,
            "style: pipeDelimited, explode: false",
            "a=1|2",
            "[1,2]",
        ),
        (
            integers,
            "contentType: application/json",
            "a=[1,2]",
            "[1,2]",
        ),
        (
            object,
            "style: deepObject",
            "a[x]=1&a%5By%5D=2",
            "{\"x\":1,\"y\":\"2\"}",
        ),
        (
            object,
            "style: form, explode: false",
            "a=x,1,y,2",
            "{\"x\":1,\"y\":\"2\"}",
        ),
        (object, "style: form", "x=1&y=2", "{\"x\":1,\"y\":\"2\"}"),
        (
            "{type: integer}",
            "contentType: application/json",
            "a=5",
            "5",
        ),
    ] {
        let schema = format!("{{type: object, properties: {{a: {property}}}}}");
        assert_eq!(
            form(&schema, &format!("a: {{{encoding}}}"), body),
            format!("{{\"a\":{expected}}}"),
            "{encoding}"
        );
    }
}

#[test]
fn everything_that_is_wrong_with_a_form_is_told_by_field() {
    let schema = "{type: object, required: [a, b, o], properties: {a: {type: integer, maximum: 3}, b: {type: string}, \
                  c: {type: array, items: {type: integer}}, o: {type: object}}}";
    assert_eq!(
        form(schema, "", "z=1&a=5&c=1&c=x&o=1x&y~/="),
        "Body /o json: Invalid JSON at /o\n\
         Body /y~0~1 unknown: Extra formData parameter(s) y~/, z not in spec\n\
         Body /z unknown: Extra formData parameter(s) z not in spec\n\
         Body /a maximum: 5 is greater than the maximum of 3 at /a\n\
         Body /b required: \"b\" is a required property\n\
         Body /c/1 type: \"x\" is not of type \"integer\" at /c/1"
    );
}

#[test]
fn fields_without_a_property_are_allowed_where_the_schema_says_so() {
    for (schema, expected) in [
        (
            "{properties: {a: {}}, additionalProperties: true}",
            r#"{"a":"1","b":"3"}"#,
        ),
        (
            "{properties: {a: {}}, additionalProperties: {type: integer}}",
            r#"{"a":"1","b":3}"#,
        ),
        (
            "{additionalProperties: {type: array, items: {type: integer}}}",
            r#"{"a":[1],"b":[2,3]}"#,
        ),
        ("{type: object}", r#"{"a":"1","b":"3"}"#),
        (
            "{properties: {a: {}}, additionalProperties: false}",
            "Body /b unknown: Extra formData parameter(s) b not in spec",
        ),
        (
            "{allOf: [{properties: {a: {type: integer}}}, {properties: {b: {type: integer}}}]}",
            r#"{"a":1,"b":3}"#,
        ),
    ] {
        assert_eq!(form(schema, "", "a=1&b=2&b=3"), expected, "{schema}");
    }
}

#[tokio::test]
async fn fields_without_a_property_pass_if_parameters_are_not_strict() {
    let [document, _] = documents(&form_content("{properties: {a: {}}}", ""));
    let api = Api::from_document(document).strict_parameters(false);
    let service = build(api.operation("test", echo));
    let answer = post(&service, "application/x-www-form-urlencoded", "a=1&b=2").await;
    assert_eq!(answer.json(), json!({"a": "1", "b": "2"}));
}

#[test]
fn defaults_of_properties_are_filled_in() {
    let schema = "{type: object, required: [c], properties: {a: {type: integer, default: 5}, b: {type: string}, \
                  c: {type: array, items: {type: string}, default: [x]}}}";
    assert_eq!(form(schema, "", "c=y&b=z"), r#"{"b":"z","c":["y"],"a":5}"#);
    assert_eq!(
        form(schema, "", "b=z"),
        "Body /c required: \"c\" is a required property"
    );
}

#[test]
fn fields_of_swagger_2_are_a_form() {
    let kind = "application/x-www-form-urlencoded";
    let parameters = "{name: a, in: formData, type: integer, required: true}, \
                      {name: b, in: formData, type: array, items: {type: integer}}, \
                      {name: c, in: formData, type: array, items: {type: string}, collectionFormat: multi}, \
                      {name: d, in: formData, type: array, items: {type: string}, collectionFormat: pipes}, \
                      {name: e, in: formData, type: string, default: x}, \
                      {name: f, in: formData, type: integer, allowEmptyValue: true}";
    for consumes in [
        "",
        kind,
        "application/json, application/x-www-form-urlencoded",
    ] {
        let check = |body: &str| check(swagger(consumes, parameters), kind, body.as_bytes());
        assert_eq!(
            check("a=1&b=1,2&c=1&c=2&d=1|2&f="),
            r#"ok {} {"a":1,"b":[1,2],"c":["1","2"],"d":["1","2"],"f":"","e":"x"}"#
        );
        assert_eq!(
            check("b=x&g=1"),
            "Body /g unknown: Extra formData parameter(s) g not in spec\n\
             Body /a required: \"a\" is a required property\n\
             Body /b/0 type: \"x\" is not of type \"integer\" at /b/0"
        );
        // A form without fields is an empty form.
        assert_eq!(check(""), "Body /a required: \"a\" is a required property");
    }
}

#[test]
fn fields_of_swagger_2_may_stand_at_the_path_or_among_the_shared_ones() {
    let text = "\
swagger: '2.0'
info: {title: t, version: '1'}
paths:
  /test:
    parameters:
      - {name: a, in: formData, type: integer}
      - {name: b, in: formData, type: integer}
    post:
      operationId: test
      parameters: [{name: b, in: formData, type: string}, {$ref: '#/parameters/C'}]
      responses: {200: {description: any}}
parameters:
  C: {name: c, in: formData, type: boolean}
";
    let document = Document::parse("test.yaml", text).unwrap();
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(
        check(document, kind, b"a=1&b=1&c=true"),
        r#"ok {} {"b":"1","c":true,"a":1}"#
    );
}

#[cfg(not(feature = "multipart"))]
#[test]
fn a_multipart_form_is_a_fault_without_its_feature() {
    for document in documents("{multipart/form-data: {}}") {
        assert_eq!(
            faults(document),
            "7:47: bodies of the type `multipart/form-data` need the feature `multipart` of connexion"
        );
    }
}
