//! Routing: from method and path to an operation.

use connexion::{Api, ApiService, Body, Document, OperationId, Params};
use serde_json::{Map, Value, json};

use crate::support::{ANY, build, document_at, request, service};

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
async fn request_is_routed_to_the_handler_of_its_operation() {
    let service = paths();
    for (line, expected) in [
        ("GET /people/7", r#"get /people/{id} {"id":"7"}"#),
        (
            "GET /people/a%2Fb%20c?",
            r#"get /people/{id} {"id":"a/b c"}"#,
        ),
        ("PUT /people/7", r#"put /people/{id} {"id":"7"}"#),
        ("GET /people/summary", "get /people/summary {}"),
        (
            "PUT /people/summary",
            r#"put /people/{id} {"id":"summary"}"#,
        ),
        ("POST /people", "post /people {}"),
        (
            "GET /files/a.b.json",
            r#"get /files/{name}.json {"name":"a.b"}"#,
        ),
        ("GET /files/a", r#"get /files/{name} {"name":"a"}"#),
        ("OPTIONS /own", "options /own {}"),
    ] {
        let response = request(&service, line).send().await;
        assert_eq!(
            (response.status.as_u16(), response.json()),
            (200, expected.into()),
            "{line}"
        );
    }
}

#[tokio::test]
async fn unknown_path_returns_404() {
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
        let problem = request(&service, line).send().await.problem();
        assert_eq!(
            problem,
            (404, "There is nothing at this address.".to_owned()),
            "{line}"
        );
    }
}

#[tokio::test]
async fn other_method_returns_405_with_allow() {
    let service = paths();
    for (line, allowed) in [
        ("POST /people/1", "GET, HEAD, OPTIONS, PUT"),
        ("GET /people", "OPTIONS, POST"),
        ("HEAD /people", "OPTIONS, POST"),
        ("PATCH /people/summary", "GET, HEAD, OPTIONS, PUT"),
        ("BREW /own", "OPTIONS"),
    ] {
        let response = request(&service, line).send().await;
        assert_eq!(
            (response.status.as_u16(), response.header("allow")),
            (405, allowed),
            "{line}"
        );
    }
}

#[tokio::test]
async fn options_lists_the_methods_unless_the_document_declares_it() {
    let response = request(&paths(), "OPTIONS /people/1").send().await;
    assert_eq!(
        (response.status.as_u16(), response.header("allow")),
        (200, "GET, HEAD, OPTIONS, PUT")
    );
    assert!(response.body.is_empty());
}

#[tokio::test]
async fn head_is_get_without_body() {
    let service = paths();
    let (get, head) = (
        request(&service, "GET /people/1").send().await,
        request(&service, "HEAD /people/1").send().await,
    );
    assert_eq!(head.status, get.status);
    assert!(head.body.is_empty());
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(head.header("content-type"), "application/json");

    let missing = request(&service, "HEAD /nothing").send().await;
    assert_eq!((missing.status.as_u16(), missing.body.len()), (404, 0));
    assert_ne!(missing.header("content-length"), "");
}

#[tokio::test]
async fn head_of_an_empty_response_has_no_content_length() {
    let document = document_at("get /test", "responses: {'204': {description: d}}", "");
    let service = build(
        Api::from_document(document).operation("test", async || http::StatusCode::NO_CONTENT),
    );
    let response = request(&service, "HEAD /test").send().await;
    assert_eq!((response.status.as_u16(), response.headers.len()), (204, 0));
}

#[tokio::test]
async fn declared_head_needs_no_body() {
    let operation = "responses: {'200': {description: d, content: {application/json: {schema: {type: object}}}}}";
    let api = Api::from_document(document_at("head /test", operation, ""));
    let service = build(api.operation("test", async || [("content-type", "application/json")]));
    assert_eq!(request(&service, "HEAD /test").send().await.status, 200);
}

#[tokio::test]
async fn service_can_be_the_fallback_of_an_axum_router() {
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
async fn invalid_utf_8_in_a_path_is_replaced() {
    let response = request(&paths(), "GET /people/%ff").send().await;
    assert_eq!(response.json(), "get /people/{id} {\"id\":\"\u{fffd}\"}");
}

#[tokio::test]
async fn unreachable_path_is_a_warning() {
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
    let service = build(Api::from_document(document).fallback(async || "here"));
    assert_eq!(request(&service, "GET /a").send().await.text(), "here");
    assert_eq!(request(&service, "GET /a%23b").send().await.status, 404);
}

/// Returns a document with these operations, each `METHOD PATH`, and their path parameters.
fn document_of(operations: &[&str]) -> Document {
    let mut paths = Map::new();
    for line in operations {
        let (method, path) = line.split_once(' ').unwrap();
        let names = path.split('{').skip(1);
        let names = names.map(|part| part.split('}').next().unwrap());
        let parameters: Vec<_> = names
            .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
            .collect();
        paths.entry(path).or_insert(json!({}))[method] = json!({
            "operationId": line, "parameters": parameters, "responses": {"200": {"description": "any"}},
        });
    }
    let document =
        json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths});
    Document::parse("test.json", document.to_string())
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// Builds a service that returns the id of the operation.
fn named(operations: &[&str]) -> ApiService {
    let name = async |id: OperationId| id.as_str().to_owned();
    build(Api::from_document(document_of(operations)).fallback(name))
}

#[test]
fn paths_that_differ_in_parameter_names_are_ambiguous_only_with_the_same_method() {
    for (operations, expected) in [
        (
            &["get /a/{x}", "delete /a/{y}", "put /a/{y}"][..],
            &[(
                "path-names-differ",
                "`/a/{y}` matches the same paths as `/a/{x}`; both are served, since their methods differ",
            )][..],
        ),
        (
            &["get /a/{x}/b", "get /a/{y}/b"],
            &[(
                "path-ambiguous",
                "`/a/{y}/b` matches the same paths as `/a/{x}/b`",
            )],
        ),
        (&["get /a/{x}", "get /a/{y}.json", "get /a/{y}{z}"], &[]),
    ] {
        let diagnostics = document_of(operations).check();
        let found: Vec<_> = diagnostics
            .iter()
            .map(|diagnostic| (diagnostic.code.as_str(), diagnostic.message.as_str()))
            .collect();
        assert_eq!(found, expected, "{operations:?}");
    }
}

#[tokio::test]
async fn merged_documents_share_one_route_table() {
    let people = named(&["post /people/import", "get /people/{id}", "get /{any}"]);
    let files = named(&["get /people/import", "put /people/{key}", "get /all"]);
    let other = named(&["delete /people/{a}", "get /people/{b}"]);
    let service = people.merge(files).merge(other);
    for (line, expected) in [
        ("POST /people/import", "post /people/import"),
        ("GET /people/import", "get /people/import"),
        ("GET /people/7", "get /people/{id}"),
        ("PUT /people/7", "put /people/{key}"),
        ("PUT /people/import", "put /people/{key}"),
        ("DELETE /people/7", "delete /people/{a}"),
        ("GET /all", "get /all"),
        ("GET /none", "get /{any}"),
    ] {
        assert_eq!(
            request(&service, line).send().await.text(),
            expected,
            "{line}"
        );
    }
    let response = request(&service, "PATCH /people/import").send().await;
    assert_eq!(
        (response.status.as_u16(), response.header("allow")),
        (405, "DELETE, GET, HEAD, OPTIONS, POST, PUT")
    );
    assert_eq!(request(&service, "GET /a/b/c").send().await.status, 404);
    assert_eq!(service.operations().count(), 8);
}

#[tokio::test]
async fn less_specific_template_needs_values_that_fit_their_schemas() {
    let number = "parameters: [{name: id, in: path, required: true, schema: {type: integer}}], ";
    let text = format!(
        "openapi: 3.1.0
info: {{title: t, version: '1'}}
paths:
  /people/all: {{get: {{operationId: all, {ANY}}}}}
  /people/{{id}}: {{get: {{operationId: get, {number}{ANY}}}, put: {{operationId: put, {number}{ANY}}}}}"
    );
    let document =
        Document::parse("test.yaml", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let name = async |id: OperationId| id.as_str().to_owned();
    let service = build(Api::from_document(document).fallback(name));
    assert_eq!(
        request(&service, "GET /people/all").send().await.text(),
        "all"
    );
    assert_eq!(
        request(&service, "PUT /people/7").send().await.text(),
        "put"
    );
    for line in ["PUT /people/all", "OPTIONS /people/all"] {
        let response = request(&service, line).send().await;
        assert_eq!(response.header("allow"), "GET, HEAD, OPTIONS", "{line}");
    }
    assert_eq!(
        request(&service, "PUT /people/all").send().await.status,
        405
    );
    // The only template that matches.
    assert_eq!(
        request(&service, "PUT /people/none").send().await.status,
        400
    );
}

#[tokio::test]
async fn path_with_many_delimiters_is_split_in_bounded_time() {
    let service = named(&["get /r/{a}.{b}.{c}-{d}"]);
    let dots = format!("GET /r/{}", ".".repeat(30_000));
    assert_eq!(request(&service, &dots).send().await.status, 404);
    assert_eq!(request(&service, &(dots + "-a")).send().await.status, 200);
    let long = format!("/{}", "{a}/".repeat(200));
    let message = document_at(&format!("get {long}"), ANY, "")
        .check()
        .remove(0)
        .message;
    assert!(message.contains("more than 256 slashes"), "{message}");
}
