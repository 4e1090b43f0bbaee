//! The document and its page, each behind its setting.

use connexion::{Api, ApiService, Document};

use crate::support::{ANY, ask, build, document_at};

const PATHS: [&str; 4] = ["/openapi.json", "/openapi.yaml", "/ui", "/ui/"];

fn service(set: impl FnOnce(Api<()>) -> Api<()>) -> ApiService {
    build(set(
        Api::from_document(document_at("get /test", ANY, "")).operation("test", async || ())
    ))
}

async fn statuses(service: &ApiService) -> Vec<u16> {
    let mut statuses = Vec::new();
    for path in PATHS {
        statuses.push(ask(service, &format!("GET {path}")).await.status.as_u16());
    }
    statuses
}

#[tokio::test]
async fn each_is_served_behind_its_setting() {
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
async fn the_document_is_served_as_it_was_written_and_as_json() {
    let service = service(|api| api.serve_document(true));
    let yaml = ask(&service, "GET /openapi.yaml").await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    assert_eq!(yaml.text(), document_at("get /test", ANY, "").text());
    let json = ask(&service, "GET /openapi.json").await;
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!(json.json()["paths"]["/test"]["get"]["operationId"], "test");
    let head = ask(&service, "HEAD /openapi.json").await;
    assert_eq!(
        (head.header("content-length"), head.body.len()),
        (json.body.len().to_string().as_str(), 0)
    );
    let post = ask(&service, "POST /openapi.json").await;
    assert_eq!(
        (post.status.as_u16(), post.header("allow")),
        (405, "GET, HEAD, OPTIONS")
    );
    let options = ask(&service, "OPTIONS /openapi.json").await;
    assert_eq!(
        (options.status.as_u16(), options.header("allow")),
        (200, "GET, HEAD, OPTIONS")
    );
}

#[tokio::test]
async fn a_template_does_not_hide_the_document_but_a_path_of_its_own_does() {
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
        let answer = ask(&service, "GET /openapi.json").await;
        assert_eq!(answer.text() != "own", is_document);
    }
}

#[tokio::test]
async fn a_root_template_does_not_hide_the_document_of_any_joined_service() {
    let parameter = "{name: name, in: path, required: true, schema: {type: string, format: path}}";
    let methods = ["get", "post"].map(|method| {
        format!("    {method}: {{operationId: {method}, parameters: [{parameter}], {ANY}}}\n")
    });
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\npaths:\n  '/{{name}}':\n{}",
        methods.concat()
    );
    let own = build(
        Api::from_document(Document::parse("a", text).unwrap()).default_operation(async || "own"),
    );
    #[cfg(feature = "swagger-ui")]
    let documented = service(|api| api.swagger_ui(true));
    #[cfg(not(feature = "swagger-ui"))]
    let documented = service(|api| api.serve_document(true));
    let joined = own.and(documented);
    let document = ask(&joined, "GET /openapi.json").await;
    assert_eq!(
        document.json()["paths"]["/test"]["get"]["operationId"],
        "test"
    );
    #[cfg(feature = "swagger-ui")]
    for path in ["/ui/", "/ui/swagger-ui.css", "/openapi.yaml"] {
        assert_ne!(ask(&joined, &format!("GET {path}")).await.text(), "own");
    }
    for line in ["GET /ui/none", "POST /openapi.json", "GET /a/b"] {
        assert_eq!(ask(&joined, line).await.text(), "own", "{line}");
    }
    let other = ask(&joined, "PUT /openapi.json").await;
    assert_eq!(
        (other.status.as_u16(), other.header("allow")),
        (405, "GET, HEAD, OPTIONS, POST")
    );
}

#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn the_page_and_all_it_refers_to_are_in_the_binary() {
    let text = "openapi: 3.1.0\ninfo: {title: 'A <b> & c', version: '1'}\npaths: {}\n";
    let service = build(Api::from_document(Document::parse("a", text).unwrap()).swagger_ui(true));
    let redirect = ask(&service, "GET /ui").await;
    assert_eq!(redirect.header("location"), "ui/");
    let page = ask(&service, "GET /ui/").await;
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
        let asset = ask(&service, &format!("GET /ui/{name}")).await;
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
    let start = ask(&service, "GET /ui/start.js").await.text();
    assert!(start.contains("'../openapi.json'"));
    assert_eq!(ask(&service, "GET /ui/none.js").await.status, 404);
    assert_eq!(ask(&service, "DELETE /ui/").await.status, 405);
    assert_eq!(
        ask(&service, "GET /openapi.json").await.json()["openapi"],
        "3.1.0"
    );
}
