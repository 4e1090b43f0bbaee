//! Files of a multipart form.

use axum::body::Body as HttpBody;
use bytes::Bytes;
use connexion::{Api, Body, Files};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use super::multipart::{MULTIPART, expect_a, multiform, multipart, multipart_content};
use crate::{
    request::{documents, swagger},
    support::{build, request},
};

#[test]
fn file_part_has_name_type_and_size() {
    let png = "name=a; filename=\"x y.png\"\nContent-Type: image/png";
    let shown = r#"{"filename":"x y.png","content_type":"image/png","size":3}"#;
    let plain = r#"{"filename":null,"content_type":null,"size":1}"#;
    for (property, encoding, parts, expected) in [
        (
            "{type: string, format: binary, maxLength: 1, pattern: x}",
            "",
            &[(png, &b"\xff\r\n"[..])][..],
            shown.to_owned(),
        ),
        (
            "{type: string, format: binary}",
            "",
            &[("name=a", b"1")],
            plain.to_owned(),
        ),
        ("{}", "", &[(png, b"123")], shown.to_owned()),
        (
            "{type: string}",
            "contentType: image/*",
            &[(png, b"123")],
            shown.to_owned(),
        ),
        (
            "{contentMediaType: image/png}",
            "",
            &[("name=a", b"1")],
            plain.to_owned(),
        ),
        (
            "{type: array, maxItems: 2, uniqueItems: true, items: {type: string, format: binary, maxLength: 1}}",
            "",
            &[(png, b"123"), ("name=a", b"1")],
            format!("[{shown},{plain}]"),
        ),
        (
            "{type: string, contentMediaType: image/png, contentEncoding: base64}",
            "",
            &[("name=a", b"AA==")],
            "\"AA==\"".to_owned(),
        ),
    ] {
        expect_a("required: [a],", property, encoding, parts, &expected);
    }
}

#[test]
fn text_part_cannot_imitate_a_file() {
    let schema =
        "{properties: {a: {type: string, maxLength: 2}, f: {type: string, format: binary}}}";
    assert_eq!(
        multiform(schema, "", &[("name=f", b""), ("name=a", b"file 0")]),
        "Body /a maxLength: \"file 0\" is too long at /a"
    );
}

/// Returns the received files and the body.
async fn files(files: Files, Body(body): Body<Value>) -> Result<Body<Value>, String> {
    let mut all = serde_json::Map::new();
    for (name, uploads) in files.iter() {
        let mut contents = Vec::new();
        for upload in uploads {
            let bytes = upload
                .stream()
                .try_fold(Vec::new(), async |mut all, chunk| {
                    all.extend_from_slice(&chunk);
                    Ok(all)
                });
            let bytes = bytes.await.map_err(|error| error.to_string())?;
            assert_eq!(bytes.len() as u64, upload.size());
            let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
            contents.push(json!([upload.filename(), upload.content_type(), text]));
        }
        all.insert(name.to_owned(), contents.into());
    }
    Ok(Body(json!({"files": all, "body": body})))
}

#[tokio::test]
async fn handler_reads_the_files_of_a_multipart_form() {
    let schema = "{type: object, required: [photo], properties: {photo: {type: string, format: binary}, \
                  more: {type: array, items: {type: string, format: binary}}, n: {type: integer, default: 7}}}";
    let content = multipart_content(schema, "");
    let body = [
        (
            "name=photo; filename=\"a.png\"\nContent-Type: image/png",
            &b"photo"[..],
        ),
        ("name=more; filename=b", b"b"),
        ("name=more; filename=\"\"", b""),
        ("name=more", b""),
    ];
    let photo = json!(["a.png", "image/png", "photo"]);
    let shown = json!({"filename": "a.png", "content_type": "image/png", "size": 5});
    for document in documents(&content) {
        let service = build(Api::from_document(document).operation("test", files));
        let response = request(&service, "POST /test")
            .typed_body(MULTIPART, multipart(&body))
            .send()
            .await;
        assert_eq!(
            response.json(),
            json!({
                "files": {"photo": [photo], "more": [["b", null, "b"], [null, null, ""]]},
                "body": {
                    "photo": shown,
                    "more": [
                        {"filename": "b", "content_type": null, "size": 1},
                        {"filename": null, "content_type": null, "size": 0},
                    ],
                    "n": 7,
                },
            })
        );
        let response = request(&service, "POST /test")
            .typed_body(MULTIPART, "")
            .send()
            .await;
        assert_eq!(
            response.problem(),
            (400, "Request body is required".to_owned())
        );
        let response = request(&service, "POST /test")
            .typed_body(MULTIPART, multipart(&[]))
            .send()
            .await;
        assert_eq!(
            response.problem(),
            (400, "\"photo\" is a required property".to_owned())
        );
    }
}

#[tokio::test]
async fn handler_reads_the_files_of_swagger_2_form_data() {
    let parameters = "{name: photo, in: formData, type: file, required: true}, \
                      {name: n, in: formData, type: integer, default: 7}";
    let body = [(
        "name=photo; filename=\"a.png\"\nContent-Type: image/png",
        &b"photo"[..],
    )];
    let photo = json!(["a.png", "image/png", "photo"]);
    let shown = json!({"filename": "a.png", "content_type": "image/png", "size": 5});
    for consumes in [
        "",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
    ] {
        let document = swagger(consumes, parameters);
        let service = build(Api::from_document(document).operation("test", files));
        let response = request(&service, "POST /test")
            .typed_body(MULTIPART, multipart(&body))
            .send()
            .await;
        let expected = json!({"files": {"photo": [photo]}, "body": {"photo": shown, "n": 7}});
        assert_eq!(response.json(), expected);
    }
}

/// Returns the peak memory of this process, in bytes.
fn peak_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[tokio::test]
async fn long_file_is_not_held_in_memory() {
    const CHUNK: usize = 64 * 1024;
    const CHUNKS: usize = 4_000;
    let schema = "{properties: {f: {type: string, format: binary}}}";
    let [document, _] = documents(&multipart_content(schema, ""));
    let handler = async |files: Files| -> Result<String, String> {
        let bytes = files.get("f")[0].stream();
        let bytes = bytes.try_fold(0, async |sum, chunk| {
            assert!(chunk.iter().all(|byte| *byte == 7));
            Ok(sum + chunk.len())
        });
        let bytes = bytes.await.map_err(|error| error.to_string())?;
        Ok(bytes.to_string())
    };
    let api = Api::from_document(document).upload_limit(CHUNK * CHUNKS + 1_000);
    let service = build(api.operation("test", handler));
    let whole = multipart(&[("name=f; filename=f", b"")]);
    let (head, tail) = whole.split_at(whole.len() - b"\r\n--XX--\r\n".len());
    let (head, tail) = (Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail));
    // Every chunk is ready at once, so a reader without a limit would buffer them all.
    let chunks = futures_util::stream::iter(0..CHUNKS).map(|_| Bytes::from(vec![7; CHUNK]));
    let start = futures_util::stream::iter([head]);
    let all = start
        .chain(chunks)
        .chain(futures_util::stream::iter([tail]));
    let body = HttpBody::from_stream(all.map(Ok::<_, std::io::Error>));
    let before = peak_memory();
    let response = request(&service, "POST /test")
        .typed_body(MULTIPART, body)
        .send()
        .await;
    assert_eq!(response.text(), (CHUNK * CHUNKS).to_string());
    if let Some((before, after)) = before.zip(peak_memory()) {
        // Other tests of this process take memory, too.
        assert!(after - before < CHUNK * CHUNKS / 2, "{before} {after}");
    }
}
