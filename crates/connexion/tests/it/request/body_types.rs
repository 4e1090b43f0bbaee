//! Bodies that are not JSON: plain text and streams.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::body::Body as HttpBody;
use bytes::Bytes;
use connexion::{Api, Body, ByteStream, PathValues, StreamError};
use futures_util::{StreamExt, TryStreamExt};

use super::{documents, echoing, form_content, post, swagger};
use crate::support::{build, faults, headers, only, send, service, verdict};

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
