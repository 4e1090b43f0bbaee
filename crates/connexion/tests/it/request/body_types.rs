//! Bodies that are not JSON: plain text and streams.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::body::Body as HttpBody;
use bytes::Bytes;
use connexion::{Api, Body, ByteStream, PathValues, StreamError};
use futures_util::{StreamExt, TryStreamExt};

use super::{documents, echoing, form_content, swagger};
use crate::support::{build, diagnostics, headers, only, request, service, verdict};

#[tokio::test]
async fn text_plain_body_is_a_string() {
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
        assert_eq!(
            request(&service, "POST /test")
                .typed_body("text/plain", "hé!")
                .send()
                .await
                .text(),
            "got hé!"
        );
        let response = request(&service, "POST /test")
            .typed_body("text/plain; charset=UTF-8", "long")
            .send()
            .await;
        assert_eq!(response.problem(), (400, "\"long\" is too long".to_owned()));
    }
}

#[test]
fn text_body_is_decoded_by_charset() {
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
            check("text/a; charset=unknown", b"e"),
            "Header Content-Type contentType: Invalid Content-type (text/a; charset=unknown), expected text/*"
        );
        assert_eq!(
            check("text/a", b""),
            "Body  required: Request body is required"
        );
    }
}

#[tokio::test]
async fn most_specific_media_type_of_a_body_wins_and_others_return_415() {
    let content = "{application/json: {schema: {type: integer}}, text/*: {schema: {type: string}}, \
                   text/a: {schema: {type: string, maxLength: 1}}, image/png: {}}";
    for document in documents(content) {
        let service = echoing(document);
        assert_eq!(
            request(&service, "POST /test")
                .typed_body("application/json", "1")
                .send()
                .await
                .text(),
            "1"
        );
        assert_eq!(
            request(&service, "POST /test")
                .typed_body("text/b", "12")
                .send()
                .await
                .text(),
            "\"12\""
        );
        assert_eq!(
            request(&service, "POST /test")
                .typed_body("text/a", "12")
                .send()
                .await
                .status,
            400
        );
        assert_eq!(
            request(&service, "POST /test")
                .typed_body("image/png", "12")
                .send()
                .await
                .text(),
            "null"
        );
        let response = request(&service, "POST /test")
            .typed_body("image/gif", "12")
            .send()
            .await;
        assert_eq!(
            response.problem(),
            (
                415,
                "Invalid Content-type (image/gif), expected application/json, text/*, text/a, image/png"
                    .to_owned()
            )
        );
        let response = request(&service, "POST /test").body("12").send().await;
        assert_eq!(response.status, 415);
    }
}

/// Returns the number of bytes received.
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
async fn byte_stream_is_limited() {
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
        assert_eq!(
            request(&service, "POST /test")
                .typed_body(kind, "1234567890")
                .send()
                .await
                .text(),
            "10"
        );
        let body = chunks([&b""[..], b"12345", b"", b"67890"]);
        assert_eq!(
            request(&service, "POST /test")
                .typed_body(kind, body)
                .send()
                .await
                .text(),
            "10"
        );
        let too_long = (
            413,
            "The request's body is longer than 10 bytes.".to_owned(),
        );
        assert_eq!(
            request(&service, "POST /test")
                .typed_body(kind, "12345678901")
                .send()
                .await
                .problem(),
            too_long
        );
        let body = chunks([&b"12345"[..], b"678901"]);
        assert_eq!(
            request(&service, "POST /test")
                .typed_body(kind, body)
                .send()
                .await
                .problem(),
            too_long
        );
        let missing = (400, "Request body is required".to_owned());
        assert_eq!(
            request(&service, "POST /test")
                .typed_body(kind, "")
                .send()
                .await
                .problem(),
            missing
        );
        let body = chunks([&b""[..], b""]);
        assert_eq!(
            request(&service, "POST /test")
                .typed_body(kind, body)
                .send()
                .await
                .problem(),
            missing
        );
    }
}

#[tokio::test]
async fn broken_byte_stream_returns_400() {
    let [document, _] = documents("{image/*: {}}");
    let service = build(Api::from_document(document).operation("test", count));
    let body = [
        Ok(Bytes::from_static(b"1")),
        Err(std::io::Error::other("gone")),
    ];
    let body = HttpBody::from_stream(futures_util::stream::iter(body));
    assert_eq!(
        request(&service, "POST /test")
            .typed_body("image/png", body)
            .send()
            .await
            .problem(),
        (400, "The request's body ended early.".to_owned())
    );
}

#[tokio::test]
async fn long_byte_stream_is_not_held_in_memory() {
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
    let response = request(&service, "POST /test")
        .typed_body("application/zip", HttpBody::from_stream(body))
        .send()
        .await;
    assert_eq!(response.text(), (CHUNK * CHUNKS).to_string());
    assert!(seen.load(Ordering::SeqCst) <= 2);
}

#[test]
fn body_schema_that_cannot_be_checked_is_reported() {
    for (content, expected) in [
        (
            "{application/xml: {schema: {type: object}}}",
            "bodies of the type `application/xml` are not checked, but passed to the handler as bytes",
        ),
        (
            "{image/png: {schema: {type: string, maxLength: 5}}}",
            "bodies of the type `image/png` are not checked, but passed to the handler as bytes",
        ),
        (
            "{text/plain: {schema: {type: integer}}}",
            "bodies of the type `text/plain` are not checked, but passed to the handler as bytes",
        ),
        (
            &form_content("{properties: {a: {type: integer, default: x}}}", ""),
            "the `default` breaks its schema: \"x\" is not of type \"integer\"",
        ),
        (
            &form_content("{properties: {a: {}}}", "b: {style: form}"),
            "`encoding` refers to the unknown property `b`",
        ),
        (
            &form_content("{properties: {a: {}}}", "a: {stile: form}"),
            "an encoding has no field `stile`; `style` is probably meant",
        ),
        (
            &form_content("{properties: {a: {}}}", "a: {style: simple}"),
            "the style `simple` of the property `a` is not supported there",
        ),
        (
            &form_content("{properties: {a: {type: object}}}", "a: {contentType: a/b}"),
            "the property `a` is an object or contains objects; write `contentType: application/json`",
        ),
    ] {
        for document in documents(content) {
            let found = diagnostics(document);
            assert!(found.contains(expected), "{content}: {found}");
            assert_eq!(found.lines().count(), 1, "{found}");
        }
    }
}
