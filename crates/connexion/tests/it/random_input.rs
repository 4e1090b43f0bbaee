//! Properties of any input, checked with random ones.

use std::sync::LazyLock;

use axum::body::Body as HttpBody;
use bytes::Bytes;
use connexion::{Api, ApiService, Document, PathValues};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use crate::support::{build, document_at, headers, only, request, with_response};

static BOOKS: LazyLock<ApiService> = LazyLock::new(|| {
    let document = Document::parse("books", include_str!("../data/books-3.1.yaml")).unwrap();
    let ids = ["books.list", "books.add", "books.get", "books.delete"];
    let api = Api::from_document(document);
    build(
        ids.into_iter()
            .fold(api, |api, id| api.operation(id, async || ())),
    )
});

fn header_map() -> impl Strategy<Value = HeaderMap> {
    let name = prop::sample::select(vec![
        "x-trace",
        "content-type",
        "cookie",
        "x-total",
        "x-tags",
    ]);
    let common = prop::sample::select(vec![&b"application/json"[..], b"abc", b"a=1; b"]);
    let value = prop_oneof![common.prop_map(<[u8]>::to_vec), vec(any::<u8>(), 0..20)];
    vec((name, value), 0..5).prop_map(|fields| {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                map.append(HeaderName::from_static(name), value);
            }
        }
        map
    })
}

/// Generates JSON, often almost a valid book.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,15}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        let key = prop_oneof!["title|price|subtitle|kind|pages|parts", "\\PC{0,5}"];
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((key, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..60),
        json_value().prop_map(|value| value.to_string().into_bytes()),
        "[\\[\\]{}\",:0-9eE.\\\\a-z-]{0,40}".prop_map(String::into_bytes),
    ]
}

/// Generates text, often an array, cut into chunks.
fn chunked() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let array = vec(json_value(), 0..5).prop_map(|items| json!(items).to_string());
    let spoiled = (
        vec(json_value(), 0..4),
        any::<prop::sample::Index>(),
        "[\\[\\]{},\" x1]?",
    )
        .prop_map(|(items, at, with)| {
            let mut text = json!(items).to_string().into_bytes();
            let at = at.index(text.len());
            text.splice(at..=at, with.into_bytes());
            String::from_utf8_lossy(&text).into_owned()
        });
    let noise = "[ \\[\\]{},\"\\\\1tx:]{0,12}";
    (
        prop_oneof![array, spoiled, noise.prop_map(String::from)],
        1_usize..20,
    )
        .prop_map(|(text, size)| text.into_bytes().chunks(size).map(<[u8]>::to_vec).collect())
}

proptest! {
    #[test]
    fn request_never_makes_validation_panic(
        id in "\\PC{0,8}|[0-9]{1,30}",
        query in "\\PC{0,40}|(limit|tag|page|cheap|ratio)=[0-9eE.+-]{0,25}",
        headers in header_map(),
        body in body(),
    ) {
        let path = PathValues::from_iter([("id", id)]);
        for operation in BOOKS.operations() {
            if let Err(violations) = operation.validate_request(&path, Some(&query), &headers, &body) {
                prop_assert!(!violations.is_empty());
            }
        }
    }

    #[test]
    fn response_never_makes_validation_panic(status in 100_u16..1000, headers in header_map(), body in body()) {
        for operation in BOOKS.operations() {
            let status = StatusCode::from_u16(status).unwrap();
            if let Err(violations) = operation.validate_response(status, &headers, &body) {
                prop_assert!(!violations.is_empty());
            }
        }
    }

    #[test]
    fn document_never_makes_loading_panic(text in "\\PC{0,60}", rest in "[-a-z0-9:{}\\[\\]&*!|>'\", \n#]{0,80}") {
        for text in [text, rest.clone(), format!("openapi: 3.1.0\ninfo: {{}}\npaths:\n  {rest}")] {
            if let Ok(document) = Document::parse("a", text) {
                let _ = document.check();
            }
        }
    }

    #[test]
    fn stream_is_valid_if_and_only_if_the_whole_body_is(chunks in chunked()) {
        let schema = "{type: array, items: {type: [object, integer, string, array], maxProperties: 2}}";
        let body = chunks.concat();
        let chunks: Vec<_> = chunks.into_iter().map(|chunk| Ok::<_, std::io::Error>(Bytes::from(chunk))).collect();
        let chunks = std::sync::Mutex::new(Some(chunks));
        let api = Api::from_document(document_at("get /test", &with_response(schema), ""));
        let chunks = std::sync::Arc::new(chunks);
        let service = build(api.operation("test", async move || {
            let chunks = chunks.lock().unwrap().take().unwrap();
            ([("content-type", "application/json")], HttpBody::from_stream(futures_util::stream::iter(chunks)))
        }));
        let whole = only(&service).validate_response(StatusCode::OK, &headers(&[("content-type", "application/json")]), &body);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(request(&service, "GET /test").send());
        let is_accepted = !response.is_broken && response.status == StatusCode::OK;
        prop_assert_eq!(whole.is_ok(), is_accepted, "{}", String::from_utf8_lossy(&body));
        if whole.is_ok() {
            prop_assert_eq!(response.body, body);
        }
    }
}
