//! The served document and Swagger UI, and their settings.

use connexion::{Api, ApiService, Document};
use serde_json::{Value, json};

use crate::support::{ANY, build, document_at, request};

const PATHS: [&str; 4] = ["/openapi.json", "/openapi.yaml", "/ui", "/ui/"];

fn service(set: impl FnOnce(Api<()>) -> Api<()>) -> ApiService {
    build(set(
        Api::from_document(document_at("get /test", ANY, "")).operation("test", async || ())
    ))
}

async fn statuses(service: &ApiService) -> Vec<u16> {
    let mut statuses = Vec::new();
    for path in PATHS {
        statuses.push(
            request(service, &format!("GET {path}"))
                .send()
                .await
                .status
                .as_u16(),
        );
    }
    statuses
}

#[tokio::test]
async fn document_and_page_are_served_by_their_settings() {
    assert_eq!(statuses(&service(|api| api)).await, [404; 4]);
    assert_eq!(
        statuses(&service(|api| api.serve_document(true))).await,
        [200, 200, 404, 404]
    );
    #[cfg(feature = "swagger-ui")]
    assert_eq!(
        statuses(&service(|api| api.swagger_ui(true))).await,
        [200, 200, 308, 200]
    );
}

#[tokio::test]
async fn document_is_served_as_written_and_as_json() {
    let service = service(|api| api.serve_document(true));
    let yaml = request(&service, "GET /openapi.yaml").send().await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert_eq!(yaml.text(), document_at("get /test", ANY, "").text());
    let json = request(&service, "GET /openapi.json").send().await;
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!(json.json()["paths"]["/test"]["get"]["operationId"], "test");
    let head = request(&service, "HEAD /openapi.json").send().await;
    assert_eq!(
        (head.header("content-length"), head.body.len()),
        (json.body.len().to_string().as_str(), 0)
    );
    let post = request(&service, "POST /openapi.json").send().await;
    assert_eq!(
        (post.status.as_u16(), post.header("allow")),
        (405, "GET, HEAD, OPTIONS")
    );
    let options = request(&service, "OPTIONS /openapi.json").send().await;
    assert_eq!(
        (options.status.as_u16(), options.header("allow")),
        (200, "GET, HEAD, OPTIONS")
    );
}

#[tokio::test]
async fn document_is_served_unless_a_literal_path_replaces_it() {
    let text = |path: &str, parameters: &str| {
        format!(
            "openapi: 3.1.0\ninfo: {{}}\npaths:\n  '{path}':\n    get: {{operationId: test, parameters: [{parameters}], {ANY}}}\n"
        )
    };
    let parameter = "{name: name, in: path, required: true, schema: {type: string}}";
    for (text, is_document) in [
        (text("/{name}", parameter), true),
        (text("/openapi.json", ""), false),
    ] {
        let api = Api::from_document(Document::parse("a", text).unwrap()).serve_document(true);
        let service = build(api.operation("test", async || "own"));
        let response = request(&service, "GET /openapi.json").send().await;
        assert_eq!(response.text() != "own", is_document);
    }
}

#[tokio::test]
async fn root_template_does_not_hide_documents_of_merged_services() {
    let parameter = "{name: name, in: path, required: true, schema: {type: string, format: path}}";
    let methods = ["get", "post"].map(|method| {
        format!("    {method}: {{operationId: {method}, parameters: [{parameter}], {ANY}}}\n")
    });
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\npaths:\n  '/{{name}}':\n{}",
        methods.concat()
    );
    let own =
        build(Api::from_document(Document::parse("a", text).unwrap()).fallback(async || "own"));
    #[cfg(feature = "swagger-ui")]
    let documented = service(|api| api.swagger_ui(true));
    #[cfg(not(feature = "swagger-ui"))]
    let documented = service(|api| api.serve_document(true));
    let joined = own.merge(documented);
    let document = request(&joined, "GET /openapi.json").send().await;
    assert_eq!(
        document.json()["paths"]["/test"]["get"]["operationId"],
        "test"
    );
    #[cfg(feature = "swagger-ui")]
    for path in ["/ui/", "/ui/swagger-ui.css", "/openapi.yaml"] {
        assert_ne!(
            request(&joined, &format!("GET {path}")).send().await.text(),
            "own"
        );
    }
    for line in ["GET /ui/none", "POST /openapi.json", "GET /a/b"] {
        assert_eq!(request(&joined, line).send().await.text(), "own", "{line}");
    }
    let other = request(&joined, "PUT /openapi.json").send().await;
    assert_eq!(
        (other.status.as_u16(), other.header("allow")),
        (405, "GET, HEAD, OPTIONS, POST")
    );
}

#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn swagger_ui_assets_are_in_the_binary() {
    let text = "openapi: 3.1.0\ninfo: {title: 'A <b> & c', version: '1'}\npaths: {}\n";
    let service = build(Api::from_document(Document::parse("a", text).unwrap()).swagger_ui(true));
    let redirect = request(&service, "GET /ui").send().await;
    assert_eq!(redirect.header("location"), "ui/");
    let page = request(&service, "GET /ui/").send().await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let page = page.text();
    assert!(
        page.contains("<title>A &lt;b&gt; &amp; c</title>"),
        "{page}"
    );
    assert!(
        !page.contains("://") && !page.contains("<script>"),
        "something is loaded from elsewhere or inline"
    );
    let mut assets = 0;
    for reference in page
        .split("src=\"")
        .chain(page.split("href=\""))
        .filter(|part| !part.starts_with("<!"))
    {
        let name = reference.split('"').next().unwrap();
        let asset = request(&service, &format!("GET /ui/{name}")).send().await;
        assert!(asset.status == 200 && !asset.body.is_empty(), "{name}");
        let kind = match name.rsplit('.').next().unwrap() {
            "js" => "text/javascript",
            "css" => "text/css",
            _ => "image/png",
        };
        assert_eq!(asset.header("content-type"), kind, "{name}");
        assets += 1;
    }
    assert_eq!(assets, 4);
    let start = request(&service, "GET /ui/start.js").send().await.text();
    assert!(start.contains(r#""../openapi.json""#));
    assert_eq!(
        request(&service, "GET /ui/none.js").send().await.status,
        404
    );
    assert_eq!(request(&service, "DELETE /ui/").send().await.status, 405);
    assert_eq!(
        request(&service, "GET /openapi.json").send().await.json()["openapi"],
        "3.1.0"
    );
}

const SWAGGER: &str = "swagger: '2.0'\ninfo: {title: T, version: '1'}\nbasePath: /v1\npaths: {}\n";

/// Python's connexion serves Swagger 2.0 documents at `/swagger.json`.
#[tokio::test]
async fn swagger_2_document_is_served_at_swagger_json() {
    let document = || Document::parse("a.yaml", SWAGGER).unwrap();
    let service = build(Api::<()>::from_document(document()).serve_document(true));
    for path in [
        "swagger.json",
        "swagger.yaml",
        "openapi.json",
        "openapi.yaml",
    ] {
        let response = request(&service, &format!("GET /v1/{path}")).send().await;
        assert_eq!(response.status, 200, "{path}");
    }
    let newer = Api::<()>::from_document(document_at("get /test", ANY, "")).stub(true);
    let newer = build(newer.serve_document(true));
    assert_eq!(
        request(&newer, "GET /swagger.json").send().await.status,
        404
    );
}

#[tokio::test]
async fn document_path_can_be_set() {
    let service = service(|api| api.serve_document(true).document_path("/a/spec.json"));
    assert_eq!(
        request(&service, "GET /a/spec.json").send().await.status,
        200
    );
    let yaml = request(&service, "GET /a/spec.yaml").send().await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert_eq!(statuses(&service).await, [404; 4]);
}

#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn swagger_ui_finds_the_document_at_any_path() {
    for (page, document, start, url) in [
        ("/ui", "/openapi.json", "/ui/start.js", "../openapi.json"),
        ("/a/b/", "/c/d.json", "/a/b/start.js", "../../c/d.json"),
        ("", "/openapi.json", "/start.js", "./openapi.json"),
        ("/", "/c/d.json", "/start.js", "./c/d.json"),
    ] {
        let api = Api::<()>::from_document(Document::parse("a.yaml", SWAGGER).unwrap());
        let api = api
            .swagger_ui(true)
            .swagger_ui_path(page)
            .document_path(document);
        let service = build(api);
        let script = request(&service, &format!("GET /v1{start}"))
            .send()
            .await
            .text();
        assert_eq!(
            script,
            format!(
                "SwaggerUIBundle({{\"url\":\"{url}\",\"dom_id\":\"#swagger-ui\",\"deepLinking\":true}});\n"
            )
        );
        let folder = format!("/v1{}", page.trim_end_matches('/'));
        let redirect = request(&service, &format!("GET {folder}")).send().await;
        let last = folder.rsplit('/').next().unwrap();
        assert_eq!(redirect.header("location"), format!("{last}/"));
        assert_eq!(
            request(&service, &format!("GET {folder}/"))
                .send()
                .await
                .status,
            200
        );
    }
}

#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn swagger_ui_options_can_be_set() {
    let service = service(|api| {
        api.swagger_ui(true)
            .swagger_ui_option("docExpansion", "none")
            .swagger_ui_option("deepLinking", false)
    });
    let script = request(&service, "GET /ui/start.js").send().await.text();
    assert!(
        script.contains(r#""deepLinking":false,"docExpansion":"none""#),
        "{script}"
    );
}

#[test]
fn invalid_document_or_ui_path_is_an_error() {
    for path in ["spec.json", "", "/", "/a b", "/{a}", "/a/../b"] {
        let api = Api::<()>::from_document(document_at("get /test", ANY, "")).stub(true);
        let diagnostics = api.document_path(path).build(()).unwrap_err().to_string();
        assert!(
            diagnostics.contains("can't be the path"),
            "{path}: {diagnostics}"
        );
    }
}

#[tokio::test]
async fn extensions_can_be_removed_from_the_served_document() {
    let text = r##"{
"openapi": "3.1.0", "info": {"title": "T", "version": "1", "x-a": 1}, "x-b": 2,
"paths": {"x-a": 1, "/a": {"x-a": 1, "get": {
  "operationId": "test", "x-a": {"x-b": 1}, "x-b": {"x-a": 1}, "security": [{"x-a": []}],
  "parameters": [{"name": "x-a", "in": "query", "x-a": 1, "schema": {"type": "object", "x-a": 1}, "example": {"x-a": 1}}],
  "responses": {"x-a": 1, "default": {"description": "d", "x-a": 1, "headers": {"x-a": {"x-a": 1, "schema": {}}},
    "content": {"application/json": {"x-a": 1, "schema": {"$ref": "#/components/schemas/x-a"},
      "examples": {"x-a": {"x-a": 1, "value": {"x-a": 1}}}}}}}}}},
"components": {"x-a": 1, "responses": {"x-a": {"description": "d", "x-a": 1}},
  "securitySchemes": {"x-a": {"type": "oauth2", "x-a": 1, "flows": {"implicit": {"x-a": 1, "scopes": {"x-a": "s"}}}}},
  "links": {"x-a": {"x-a": 1, "operationId": "test", "parameters": {"x-a": {"x-a": 1}}}},
  "schemas": {"x-a": {"type": "object", "x-a": 1, "properties": {"x-a": {"x-a": 1, "enum": [{"x-a": 1}]}},
    "default": {}, "allOf": [{"x-a": 1}]}}}}"##;
    // The expected document, written by hand: without `"x-a": 1` where it is an extension.
    let expected = json!({
"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "x-b": 2,
"paths": {"/a": {"get": {
  "operationId": "test", "x-b": {"x-a": 1}, "security": [{"x-a": []}],
  "parameters": [{"name": "x-a", "in": "query", "schema": {"type": "object"}, "example": {"x-a": 1}}],
  "responses": {"default": {"description": "d", "headers": {"x-a": {"schema": {}}},
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/x-a"},
      "examples": {"x-a": {"value": {"x-a": 1}}}}}}}}}},
"components": {"responses": {"x-a": {"description": "d"}},
  "securitySchemes": {"x-a": {"type": "oauth2", "flows": {"implicit": {"scopes": {"x-a": "s"}}}}},
  "links": {"x-a": {"operationId": "test", "parameters": {"x-a": {"x-a": 1}}}},
  "schemas": {"x-a": {"type": "object", "properties": {"x-a": {"enum": [{"x-a": 1}]}},
    "default": {}, "allOf": [{}]}}}});
    let api = Api::<()>::from_document(Document::parse("a.json", text).unwrap()).stub(true);
    let api = api
        .default_security(async |_, _| Ok(None))
        .serve_document(true);
    let service = build(api.hide_extensions(|name| name == "x-a"));
    assert_eq!(
        request(&service, "GET /openapi.json").send().await.json(),
        expected
    );
    let yaml = request(&service, "GET /openapi.yaml").send().await.text();
    let again = Document::parse("again.yaml", yaml).unwrap();
    let again: Value = serde_json::from_str(&again.to_json()).unwrap();
    assert_eq!(again, expected);
}

#[tokio::test]
async fn extensions_can_be_removed_from_the_served_swagger_2_document() {
    let text = r##"{
"swagger": "2.0", "info": {"title": "T", "version": "1"},
"paths": {"/a": {"get": {"operationId": "test", "x-a": 1, "responses": {"x-a": 1, "200": {"$ref": "#/responses/x-a"}}}}},
"responses": {"x-a": {"description": "d", "x-a": 1, "examples": {"application/json": {"x-a": 1}}}},
"parameters": {"x-a": {"name": "a", "in": "query", "type": "string", "x-a": 1}},
"definitions": {"x-a": {"x-a": 1, "properties": {"x-a": {}}}}}"##;
    let expected = json!({
"swagger": "2.0", "info": {"title": "T", "version": "1"},
"paths": {"/a": {"get": {"operationId": "test", "responses": {"200": {"$ref": "#/responses/x-a"}}}}},
"responses": {"x-a": {"description": "d", "examples": {"application/json": {"x-a": 1}}}},
"parameters": {"x-a": {"name": "a", "in": "query", "type": "string"}},
"definitions": {"x-a": {"properties": {"x-a": {}}}}});
    let api = Api::<()>::from_document(Document::parse("a.json", text).unwrap()).stub(true);
    let service = build(api.serve_document(true).hide_extensions(|_| true));
    assert_eq!(
        request(&service, "GET /swagger.json").send().await.json(),
        expected
    );
}
