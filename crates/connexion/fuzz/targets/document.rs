//! Any text is loaded as a document. A document without errors can be served, and every request gets a response.
//!
//! A text without `openapi` or `swagger` is the schema of a body instead, and the text after a line `---` is that body.
//! This lets the fuzzer reach schemas and patterns without guessing a document around them.

#![no_main]

use connexion::{Api, Document, PathValues};
use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.contains("openapi") || text.contains("swagger") {
        load(text, b"");
    } else {
        let (schema, body) = text.split_once("\n---\n").unwrap_or((text, "{}"));
        for version in ["3.1.0", "3.0.3"] {
            load(&around(version, schema), body.as_bytes());
        }
    }
});

/// Returns a document whose one body has this schema; references call it `Schema`.
fn around(version: &str, schema: &str) -> String {
    let schema = schema.replace('\n', "\n      ");
    format!(
        "openapi: {version}\ninfo: {{title: T, version: '1'}}\npaths:\n  /:\n    post:\n      operationId: test\n      \
         requestBody: {{content: {{application/json: {{schema: {{$ref: '#/components/schemas/Schema'}}}}}}}}\n      \
         responses: {{'200': {{description: d}}}}\ncomponents:\n  schemas:\n    Schema:\n      {schema}\n"
    )
}

fn load(text: &str, body: &[u8]) {
    let Ok(document) = Document::parse("fuzz", text) else {
        return;
    };
    let _ = document.check();
    let json = document.to_json();
    assert!(
        Document::parse("fuzz", json).is_ok(),
        "what it is as JSON is no document"
    );
    let api = Api::from_document(document).serve_document(true).stub(true);
    let Ok(service) = api.build(()) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for operation in service.operations() {
        let path = PathValues::default();
        let read = operation.validate_request(&path, Some("a=1&b[c]=2"), &headers, body);
        assert!(read.err().is_none_or(|violations| !violations.is_empty()));
    }
}
