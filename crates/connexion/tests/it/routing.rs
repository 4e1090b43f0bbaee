//! From method and path to an operation.

use connexion::{Api, ApiService, Body, Document, Params};
use serde_json::{Map, Value};

use crate::support::{ANY, ask, build, document_at, send, service};

fn paths() -> ApiService {
    let mut text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n".to_owned();
    let mut ids = Vec::new();
    for line in [
        "get /people/{id}",
        "put /people/{id}",
        "get /people/summary",
        "post /people",
        "get /files/{name}.json",
        "get /files/{name}",
        "options /own",
    ] {
        let (method, path) = line.split_once(' ').unwrap();
        let names: Vec<_> = path
            .split('{')
            .skip(1)
            .map(|part| part.split('}').next().unwrap())
            .collect();
        let parameters: Vec<_> = names
            .iter()
            .map(|name| {
                format!("{{name: {name}, in: path, required: true, schema: {{type: string}}}}")
            })
            .collect();
        let entry = format!("  '{path}':\n");
        let operation = format!(
            "    {method}: {{operationId: '{line}', parameters: [{}], {ANY}}}\n",
            parameters.join(", ")
        );
        match text.find(&entry) {
            Some(at) => text.insert_str(at + entry.len(), &operation),
            None => text.push_str(&(entry + &operation)),
        }
        ids.push(line);
    }
    let mut api = Api::from_document(Document::parse("a", text).unwrap());
    for id in ids {
        api = api.operation(
            id,
            async move |Params(values): Params<Map<String, Value>>| {
                Body(format!("{id} {}", Value::Object(values)))
            },
        );
    }
    build(api)
}

#[tokio::test]
async fn a_request_goes_to_the_handler_of_its_operation() {
    let service = paths();
    for (line, expected) in [
        ("GET /people/7", r#"get /people/{id} {"id":"7"}"#),
        (
            "GET /people/a%2Fb%20c?",
            r#"get /people/{id} {"id":"a/b c"}"#,
        ),
        ("PUT /people/7", r#"put /people/{id} {"id":"7"}"#),
        ("GET /people/summary", "get /people/summary {}"),
        ("POST /people", "post /people {}"),
        (
            "GET /files/a.b.json",
            r#"get /files/{name}.json {"name":"a.b"}"#,
        ),
        ("GET /files/a", r#"get /files/{name} {"name":"a"}"#),
        ("OPTIONS /own", "options /own {}"),
    ] {
        let answer = ask(&service, line).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (200, expected.into()),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_path_that_no_template_fits_is_not_found() {
    let service = paths();
    for line in [
        "GET /",
        "GET /people/",
        "GET /people/1/2",
        "GET //people",
        "POST /People",
        "GET /openapi.json",
        "GET /ui/",
    ] {
        let problem = ask(&service, line).await.problem();
        assert_eq!(
            problem,
            (404, "There is nothing at this address.".to_owned()),
            "{line}"
        );
    }
}

#[tokio::test]
async fn another_method_is_refused_and_told_which_are_allowed() {
    let service = paths();
    for (line, allowed) in [
        ("POST /people/1", "GET, HEAD, OPTIONS, PUT"),
        ("GET /people", "OPTIONS, POST"),
        ("HEAD /people", "OPTIONS, POST"),
        ("PUT /people/summary", "GET, HEAD, OPTIONS"),
        ("BREW /own", "OPTIONS"),
    ] {
        let answer = ask(&service, line).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, allowed),
            "{line}"
        );
    }
}

#[tokio::test]
async fn options_tells_the_methods_unless_the_document_has_it() {
    let answer = ask(&paths(), "OPTIONS /people/1").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (200, "GET, HEAD, OPTIONS, PUT")
    );
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let service = paths();
    let (get, head) = (
        ask(&service, "GET /people/1").await,
        ask(&service, "HEAD /people/1").await,
    );
    assert_eq!(head.status, get.status);
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(head.header("content-type"), "application/json");

    let missing = ask(&service, "HEAD /nothing").await;
    assert_eq!((missing.status.as_u16(), missing.body.len()), (404, 0));
    assert_ne!(missing.header("content-length"), "");
}

#[tokio::test]
async fn an_answer_that_has_no_body_gets_no_length_for_head() {
    let document = document_at("get /test", "responses: {'204': {description: d}}", "");
    let service = build(
        Api::from_document(document).operation("test", async || http::StatusCode::NO_CONTENT),
    );
    let answer = ask(&service, "HEAD /test").await;
    assert_eq!((answer.status.as_u16(), answer.headers.len()), (204, 0));
}

#[tokio::test]
async fn a_documented_head_is_not_asked_for_the_body_it_cannot_have() {
    let operation = "responses: {'200': {description: d, content: {application/json: {schema: {type: object}}}}}";
    let api = Api::from_document(document_at("head /test", operation, ""));
    let service = build(api.operation("test", async || [("content-type", "application/json")]));
    assert_eq!(ask(&service, "HEAD /test").await.status, 200);
}

#[tokio::test]
async fn the_service_can_be_the_fallback_of_a_router() {
    use tower::ServiceExt as _;
    let router = axum::Router::new()
        .route("/own", axum::routing::get(async || "own"))
        .fallback_service(service(document_at("get /test", ANY, "")));
    for (path, status) in [("/own", 200), ("/test", 200), ("/none", 404)] {
        let request = http::Request::get(path)
            .body(axum::body::Body::empty())
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_path_of_other_bytes_than_utf_8_is_read_with_replacements() {
    let answer = send(&paths(), "GET /people/%ff", &[], "").await;
    assert_eq!(answer.json(), "get /people/{id} {\"id\":\"\u{fffd}\"}");
}

#[tokio::test]
async fn a_path_that_no_request_has_is_told_and_keeps_nothing_from_being_served() {
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: T, version: '1'}}\npaths:\n  '/a#b': {{get: {{operationId: one, {ANY}}}}}\n  \
         '/a?c=1': {{get: {{operationId: two, {ANY}}}}}\n  /a: {{get: {{operationId: three, {ANY}}}}}\n"
    );
    let document = Document::parse("a.yaml", text).unwrap();
    let codes: Vec<_> = document
        .check()
        .iter()
        .map(|one| one.code.as_str())
        .collect();
    assert_eq!(codes, ["path-unreachable", "path-unreachable"]);
    let service = build(Api::from_document(document).default_operation(async || "here"));
    assert_eq!(ask(&service, "GET /a").await.text(), "here");
    assert_eq!(ask(&service, "GET /a%23b").await.status, 404);
}
