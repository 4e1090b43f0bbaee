//! Requirements: AND, OR, optional, and paths outside the document.

use axum::body::Body;
use connexion::{Api, Document, OperationId};

use super::{call, service, text, verify, whoami};
use crate::support::{build, request};

#[tokio::test]
async fn security_requirements_are_joined_by_and_and_or() {
    let service = service("[{header: [a], bearer: [b]}, {query: [c]}]");
    let key = ("x-key", "ann:a");
    for (query, fields, expected) in [
        ("", &[key][..], "401"),
        ("", &[("authorization", "Bearer bob:b")], "401"),
        ("", &[key, ("authorization", "Bearer bob:b")], "ann a,b"),
        ("", &[key, ("authorization", "Bearer bob:x")], "403"),
        ("?key=eve:c", &[], "eve c"),
        ("?key=eve:c", &[("x-key", "wrong")], "eve c"),
        ("?key=eve:x", &[], "403"),
        ("?key=down:", &[], "503"),
    ] {
        let response = call(&service, query).headers(fields).send().await;
        let outcome = match response.status.as_u16() {
            200 => response.text(),
            status => status.to_string(),
        };
        assert_eq!(outcome, expected, "{query} {fields:?}");
    }
}

#[tokio::test]
async fn optional_credentials_must_be_valid_if_sent() {
    for security in ["[{}, {header: []}]", "[{header: []}, {}]"] {
        let service = service(security);
        assert_eq!(call(&service, "").send().await.text(), "anonymous");
        let response = call(&service, "").header("x-key", "ann:a").send().await;
        assert_eq!(response.text(), "ann a");
        let response = call(&service, "").header("x-key", "wrong").send().await;
        assert_eq!(response.status, 401);
    }
}

#[tokio::test]
async fn security_of_an_operation_overrides_that_of_the_document() {
    for (own, status) in [
        ("", 401),
        ("security: []", 200),
        ("security: [{bearer: []}]", 401),
    ] {
        let document = Document::parse("a.yaml", text("security: [{header: []}]", own)).unwrap();
        let api = Api::from_document(document).default_security(verify);
        let service = build(api.operation("a", whoami));
        assert_eq!(call(&service, "").send().await.status, status, "{own}");
    }
}

#[tokio::test]
async fn credentials_are_checked_before_parameters_and_body() {
    let service = service("[{header: []}]");
    let fields = [("content-type", "text/plain")];
    // A broken body would return 400.
    let broken = futures_util::stream::once(async { Err::<Vec<u8>, _>("broken") });
    let response = request(&service, "POST /a?n=x&z=1")
        .headers(&fields)
        .body(Body::from_stream(broken))
        .send()
        .await;
    assert_eq!(response.status, 401);
}

#[tokio::test]
async fn served_document_can_require_credentials() {
    let document = Document::parse("a.yaml", text("", "security: []")).unwrap();
    let api = Api::from_document(document)
        .default_security(verify)
        .docs_security("header", &["docs"])
        .serve_document(true);
    let service = build(api.operation("a", whoami));
    for (key, status) in [("wrong", 401), ("ann:a", 403), ("ann:docs", 200)] {
        let fields = [("x-key", key)];
        let response = request(&service, "GET /openapi.json")
            .headers(&fields)
            .send()
            .await;
        assert_eq!(response.status, status, "{key}");
    }
    assert_eq!(call(&service, "").send().await.status, 200);
}

#[test]
fn inconsistent_security_is_an_error() {
    let text = "openapi: 3.1.0
info: {title: T, version: '1'}
security: [{none: []}, x, {a: 1}, {c: []}]
paths: {}
components:
  securitySchemes:
    a: {type: http, scheme: basic}
    b: {type: apiKey, in: body, name: k}
    c: {type: mutualTLS}
    d: {type: http}
    e: {type: apiKey, in: header, name: 'a b'}
    f: {scheme: basic}
";
    let document = Document::parse("a.yaml", text).unwrap();
    let api = Api::<()>::from_document(document)
        .docs_security("y", &[])
        .security("z", verify);
    let expected = "\
a.yaml:3:13: the security scheme `none` is not declared
a.yaml:3:24: a security requirement must be an object of scheme names with arrays of scopes
a.yaml:3:28: the scopes of `a` must be an array of strings
a.yaml:4:1: a verifier refers to the undeclared security scheme `z`
a.yaml:4:1: the docs page requires the undeclared security scheme `y`
a.yaml:7:5: the security scheme `a` has no verifier
a.yaml:8:5: `in: body` of an API key is not supported; write header, query or cookie
a.yaml:9:5: security schemes of the type `mutualTLS` are not supported
a.yaml:10:5: the security scheme has no `scheme`
a.yaml:11:5: `a b` is not a valid header name
a.yaml:12:5: the security scheme has no `type`";
    assert_eq!(api.build(()).unwrap_err().to_string(), expected);
}

#[tokio::test]
async fn security_of_swagger_2_is_the_same() {
    let text = "swagger: '2.0'
info: {title: T, version: '1'}
security: [{b: []}, {k: []}]
securityDefinitions:
  b: {type: basic}
  k: {type: apiKey, in: query, name: key}
  o: {type: oauth2, flow: implicit, authorizationUrl: 'https://a.example', scopes: {read: reads}}
paths:
  /a:
    post: {operationId: a, responses: {'200': {description: d}}}
    get: {operationId: b, security: [{o: [read]}], responses: {'200': {description: d}}}
";
    let document = Document::parse("a.yaml", text).unwrap();
    let id = async |id: OperationId| id.as_str().to_owned();
    let api = Api::from_document(document).default_security(verify);
    let service = build(api.operation("a", whoami).fallback(id));
    assert_eq!(call(&service, "").send().await.status, 401);
    assert_eq!(call(&service, "?key=ann:x").send().await.text(), "ann x");
    let fields = [("authorization", "Basic YW5uOnJlYWQ=")];
    assert_eq!(
        call(&service, "").headers(&fields).send().await.text(),
        "ann read"
    );
    for (token, status) in [("Bearer ann:read", 200), ("Bearer ann:x", 403)] {
        let fields = [("authorization", token)];
        let response = request(&service, "GET /a").headers(&fields).send().await;
        assert_eq!(response.status, status);
    }
}

#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn documents_and_page_require_credentials() {
    let document = Document::parse("a.yaml", text("", "security: []")).unwrap();
    let api = Api::from_document(document).default_security(verify);
    let api = api.docs_security("header", &[]).swagger_ui(true);
    let service = build(api.operation("a", whoami));
    for line in [
        "GET /openapi.json",
        "GET /openapi.yaml",
        "HEAD /openapi.json",
        "GET /ui",
        "GET /ui/",
        "GET /ui/start.js",
    ] {
        let fields = [("if-none-match", "*")];
        let response = request(&service, line).headers(&fields).send().await;
        assert_eq!(response.status, 401, "{line}");
        let response = request(&service, line).header("x-key", "ann:").send().await;
        assert_ne!(response.status, 401, "{line}");
    }
}

/// The option of this name in Python's connexion.
#[tokio::test]
async fn undocumented_paths_can_require_credentials() {
    let document = text("security: [{header: [read]}]", "security: []");
    let document = Document::parse("a.yaml", document).unwrap();
    let api = Api::from_document(document).default_security(verify);
    let api = api.auth_all_paths(true).serve_document(true);
    let service = build(api.operation("a", whoami));
    for (line, key, status) in [
        ("GET /none", "", 401),
        ("GET /none", "wrong", 401),
        ("GET /none", "ann:x", 403),
        ("GET /none", "ann:read", 404),
        ("PUT /a", "", 401),
        ("PUT /a", "ann:read", 405),
        ("OPTIONS /a", "", 401),
        ("OPTIONS /a", "ann:read", 200),
        ("POST /a", "", 200),
        ("GET /openapi.json", "", 200),
    ] {
        let response = request(&service, line).header("x-key", key).send().await;
        assert_eq!(response.status, status, "{line} {key}");
    }
}

#[test]
fn undocumented_paths_cannot_require_an_unknown_scheme() {
    let document = Document::parse("a.yaml", text("", "security: []")).unwrap();
    let api = Api::<()>::from_document(document)
        .default_security(verify)
        .stub(true);
    let diagnostics = api.auth_all_paths(true).build(()).unwrap_err().to_string();
    assert!(
        diagnostics.contains("`Api::auth_all_paths` requires a `security` beside `paths`"),
        "{diagnostics}"
    );
}
