//! Security requirements that the application edits in a document.

use axum::body::Body;
use connexion::{Api, Document};

use super::verify;
use crate::support::build;

/// The equivalent documents, in each notation of security requirements.
const DOCUMENTS: [&str; 5] = [
    // For each operation, in flow style.
    "openapi: 3.1.0
info: {title: a, version: '1'}
paths:
  /a:
    get: {operationId: a.get, security: [{key: [read]}, {login: [read]}], responses: {'200': {description: d}}}
    put: {operationId: a.put, security: [{key: [write]}, {login: [write]}], responses: {'200': {description: d}}}
  /b:
    get: {operationId: b.get, security: [], responses: {'200': {description: d}}}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    login: {type: oauth2, flows: {}}
",
    // In block style, for the whole document, with an alias, in another order and with comments.
    "# who
security: &read
  - key:
      - read   # only
  -
    login:
    - \"read\"
components: {securitySchemes: {login: {type: http, scheme: bearer}, key: {type: apiKey, in: header, name: X-Key}}}
paths:
  /b:
    get: {operationId: b.get, 'security': [ ], responses: {'200': {description: d}}}
  /a:
    get: {responses: {'200': {description: d}}, operationId: a.get, security: *read}
    put:
      operationId: a.put
      responses: {'200': {description: d}}
      security: [ { key : [write] }, {login: [write]} ]
info: {title: a, version: '1'}
openapi: 3.0.3
",
    // JSON.
    r#"{"openapi":"3.1.0","info":{"title":"a","version":"1"},"security":[{"key":["read"]},{"login":["read"]}],
    "paths":{"/a":{"get":{"operationId":"a.get","responses":{"200":{"description":"d"}}},
    "put":{"operationId":"a.put","security":[{"key":["write"]},{"login":["write"]}],"responses":{"200":{"description":"d"}}}},
    "/b":{"get":{"operationId":"b.get","security":[],"responses":{"200":{"description":"d"}}}}},
    "components":{"securitySchemes":{"key":{"type":"apiKey","in":"header","name":"X-Key"},
    "login":{"type":"http","scheme":"bearer"}}}}"#,
    // Swagger 2.0.
    "swagger: '2.0'
info: {title: a, version: '1'}
security: [{key: [read]}, {login: [read]}]
paths:
  /a:
    get: {operationId: a.get, responses: {200: {description: d}}}
    put: {operationId: a.put, security: [{key: [write]}, {login: [write]}], responses: {200: {description: d}}}
  /b:
    get: {operationId: b.get, security: [], responses: {200: {description: d}}}
securityDefinitions:
  key: {type: apiKey, in: header, name: X-Key}
  login: {type: oauth2, flow: implicit, authorizationUrl: 'https://a.example', scopes: {read: r, write: w}}
",
    // Referenced path items, one of them twice.
    "openapi: 3.1.0
info: {title: a, version: '1'}
paths:
  /a: {$ref: '#/components/pathItems/A'}
  /b:
    get: {operationId: b.get, security: [], responses: {'200': {description: d}}}
components:
  pathItems:
    A:
      get: {operationId: a.get, security: [{key: [read]}, {login: [read]}], responses: {'200': {description: d}}}
      put: {operationId: a.put, security: [{key: [write]}, {login: [write]}], responses: {'200': {description: d}}}
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    login: {type: http, scheme: bearer}
",
];

/// Returns the statuses of `GET /a`, `PUT /a` and `GET /b` without credentials, with a key and with a token for reading.
async fn statuses(document: Document) -> [[u16; 3]; 3] {
    let api = Api::from_document(document)
        .default_security(verify)
        .fallback(async || "");
    let service = build(api);
    let mut statuses = [[0; 3]; 3];
    let credentials = [
        None,
        Some(("x-key", "ann:read")),
        Some(("authorization", "Bearer ann:read")),
    ];
    for (row, (method, path)) in [("GET", "/a"), ("PUT", "/a"), ("GET", "/b")]
        .iter()
        .enumerate()
    {
        for (column, shown) in credentials.iter().enumerate() {
            let mut request = http::Request::builder().method(*method).uri(*path);
            if let Some((name, value)) = shown {
                request = request.header(*name, *value);
            }
            let response = service.handle(request.body(Body::empty()).unwrap()).await;
            statuses[row][column] = response.status().as_u16();
        }
    }
    statuses
}

#[tokio::test]
async fn edited_security_is_enforced_and_served_in_every_notation() {
    for text in DOCUMENTS {
        let document = Document::parse("a.yaml", text).unwrap();
        let mut edits: Vec<(Document, [[u16; 3]; 3])> = Vec::new();
        let mut edit = |change: fn(&mut connexion::OperationSecurity<'_>), expected| {
            let mut edited = document.clone();
            edited.edit_security(change);
            edits.push((edited, expected));
        };
        edit(|_| {}, [[401, 200, 200], [401, 403, 403], [200; 3]]);
        edit(
            |operation| {
                operation.open();
            },
            [[200; 3]; 3],
        );
        edit(
            |operation| {
                operation.retain(|one| !one.takes_token());
            },
            [[401, 200, 401], [401, 403, 401], [200; 3]],
        );
        edit(
            |operation| {
                let reads = |one: &connexion::SecurityRequirement| one.scopes().eq(["read"]);
                if operation.requirements().iter().all(reads) {
                    operation.open();
                }
            },
            [[200; 3], [401, 403, 403], [200; 3]],
        );
        // An edit that would remove every requirement has no effect.
        edit(
            |operation| assert!(!operation.retain(|_| false)),
            [[401, 200, 200], [401, 403, 403], [200; 3]],
        );
        for (edited, expected) in edits {
            // The served document has the edited requirements.
            for served in [edited.text().to_owned(), edited.to_json()] {
                let served = Document::parse("a.yaml", served).unwrap();
                assert_eq!(served.to_json(), edited.to_json());
                assert_eq!(statuses(served).await, expected, "{}", edited.text());
            }
            assert_eq!(statuses(edited).await, expected, "{text}");
        }
    }
}

#[test]
fn document_without_edits_is_served_as_written() {
    for text in DOCUMENTS {
        let mut document = Document::parse("a.yaml", text).unwrap();
        document.edit_security(|operation| {
            operation.retain(|_| true);
        });
        assert_eq!(document.text(), text);
    }
}

#[test]
fn operation_without_security_differs_from_an_open_one() {
    let text = "openapi: 3.1.0\ninfo: {title: a, version: '1'}\npaths:\n  /a:\n    \
        get: {responses: {'200': {description: d}}}\n    \
        put: {security: [], responses: {'200': {description: d}}}\n    \
        post: {security: [{}], responses: {'200': {description: d}}}\n";
    let mut document = Document::parse("a.yaml", text).unwrap();
    let mut seen = Vec::new();
    document.edit_security(|operation| {
        assert_eq!(operation.path(), "/a");
        assert!(
            operation
                .id()
                .starts_with(&operation.method().as_str().to_lowercase())
        );
        seen.push((
            operation.id().to_owned(),
            operation.is_declared(),
            operation.requirements().len(),
        ));
    });
    let expected = [
        ("get /a", false, 0),
        ("put /a", true, 0),
        ("post /a", true, 1),
    ];
    assert!(
        seen.iter()
            .map(|(id, declared, n)| (id.as_str(), *declared, *n))
            .eq(expected)
    );
}
