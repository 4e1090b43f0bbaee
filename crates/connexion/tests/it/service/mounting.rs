//! Base paths, servers, several documents and forwarded prefixes.

use connexion::{Api, ApiService, Document, OperationId};

use crate::support::{ANY, build, request};

/// Returns a document of the one path `/test` that starts with these fields.
fn document(members: &str) -> Document {
    let text = format!(
        "{members}\ninfo: {{title: t, version: '1'}}\npaths:\n  /test:\n    get: {{operationId: test, {ANY}}}\n"
    );
    Document::parse("test.yaml", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// Returns a document with this server.
fn at(server: &str) -> Document {
    document(&format!("openapi: 3.1.0\nservers: [{server}]"))
}

fn api(document: Document, text: &'static str) -> Api<()> {
    let api = Api::from_document(document).serve_document(true);
    api.operation("test", async move || text)
}

async fn status(service: &ApiService, path: &str) -> u16 {
    request(service, &format!("GET {path}"))
        .send()
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn server_path_is_the_prefix_of_every_path() {
    let variables = "variables: {host: {default: a.example}, version: {default: v2}}";
    for (server, base) in [
        ("{url: /}", ""),
        ("{url: 'https://a.example'}", ""),
        ("{url: /v2}", "/v2"),
        ("{url: /v2/}", "/v2"),
        ("{url: v2}", "/v2"),
        ("{url: ./v2}", "/v2"),
        ("{url: //a.example/v2}", "/v2"),
        (
            "{url: 'https://a.example:8080/a/v2/'}, {url: /other}",
            "/a/v2",
        ),
        (
            &format!("{{url: 'https://{{host}}/{{version}}', {variables}}}"),
            "/v2",
        ),
        ("{url: /caf%C3%A9}", "/caf%C3%A9"),
    ] {
        let service = build(api(at(server), "x"));
        for path in ["/test", "/openapi.json"] {
            assert_eq!(
                status(&service, &format!("{base}{path}")).await,
                200,
                "{server}"
            );
            if !base.is_empty() {
                assert_eq!(status(&service, path).await, 404, "{server}");
            }
        }
        assert_eq!(status(&service, &format!("/other{base}/test")).await, 404);
        assert_eq!(status(&service, "/v2test").await, 404, "{server}");
    }
}

#[tokio::test]
async fn base_path_of_swagger_2_is_the_prefix_of_every_path() {
    let service = build(api(document("swagger: '2.0'\nbasePath: /v1"), "x"));
    assert_eq!(status(&service, "/v1/test").await, 200);
    assert_eq!(status(&service, "/test").await, 404);
}

#[tokio::test]
async fn base_path_can_be_set() {
    let service = build(api(at("{url: /v1}"), "x").base_path("/v2/"));
    assert_eq!(status(&service, "/v2/test").await, 200);
    assert_eq!(status(&service, "/v1/test").await, 404);
    let service = build(api(at("{url: /v1}"), "x").base_path("/"));
    assert_eq!(status(&service, "/test").await, 200);
}

#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn swagger_ui_is_served_under_the_base_path() {
    let service = build(api(at("{url: /v2}"), "x").swagger_ui(true));
    assert_eq!(status(&service, "/v2/ui").await, 308);
    assert_eq!(status(&service, "/v2/ui/").await, 200);
    assert_eq!(status(&service, "/ui/").await, 404);
}

#[tokio::test]
async fn server_with_an_empty_segment_is_served_with_and_without_it() {
    for url in [
        "https://a.example//v2",
        "//a.example//v2/",
        "https://{host}//v2",
    ] {
        let service = build(api(at(&format!("{{url: '{url}'}}")), "x"));
        assert_eq!(status(&service, "//v2/test").await, 200, "{url}");
        assert_eq!(status(&service, "/v2/test").await, 200, "{url}");
        assert_eq!(status(&service, "/test").await, 404, "{url}");
    }
}

#[test]
fn invalid_base_path_is_an_error() {
    let diagnostics = |api: Api<()>| api.build(()).unwrap_err().to_string();
    for (server, expected) in [
        (
            "{url: '/{a}'}",
            "test.yaml:2:12: the variable `a` of the server has no `default`",
        ),
        (
            "{url: '/a{'}",
            "test.yaml:2:12: `/a{` is not a valid base path",
        ),
        (
            "{url: '/a?b=c'}",
            "test.yaml:2:12: `/a?b=c` is not a valid base path",
        ),
        (
            "{url: ../a}",
            "test.yaml:2:12: `/./a` is not a valid base path",
        ),
    ] {
        assert_eq!(diagnostics(api(at(server), "x")), expected);
    }
    for path in ["v2", "/{a}", "//a", "/a?b"] {
        let message = format!("test.yaml:4:1: `{path}` is not a valid base path");
        assert_eq!(
            diagnostics(api(at("{url: /}"), "x").base_path(path)),
            message
        );
    }
}

#[test]
fn server_of_a_callback_or_webhook_may_be_anything() {
    let text = |callback: &str, own: &str| {
        format!(
            "openapi: 3.1.0\ninfo: {{}}\nservers: [{{url: /v1}}]\npaths:\n  /test:\n    servers: [{{url: '{own}'}}]\n    \
             get: {{operationId: test, {ANY}, callbacks: {{a: {{'{{$request.body#/url}}': \
             {{servers: [{{url: '{callback}'}}]}}}}}}}}\n"
        )
    };
    let check = |text| Document::parse("a", text).unwrap().check();
    assert_eq!(check(text("/{other}", "/v1")), []);
    let diagnostics = check(text("/v1", "/{other}"));
    let [diagnostic] = diagnostics.as_slice() else {
        panic!("{diagnostics:?}")
    };
    assert_eq!(diagnostic.at.line, 6);
    assert!(
        diagnostic
            .message
            .starts_with("the variable `other` of the server")
    );
}

#[tokio::test]
async fn merge_serves_several_documents() {
    let one = |base: &str, text| build(api(at(&format!("{{url: {base}}}")), text));
    let service = one("/a", "first")
        .merge(one("/b", "second"))
        .merge(one("/", "third"));
    for (line, text) in [
        ("GET /a/test", "first"),
        ("GET /b/test", "second"),
        ("GET /test", "third"),
    ] {
        assert_eq!(request(&service, line).send().await.text(), text);
    }
    let json = request(&service, "GET /b/openapi.json").send().await.json();
    assert_eq!(json["servers"][0]["url"], "/b");
    assert_eq!(
        request(&service, "POST /b/test").send().await.problem().0,
        405
    );
    for path in ["/c/test", "/b", "/a/none", "/b/ui/"] {
        assert_eq!(
            request(&service, &format!("GET {path}"))
                .send()
                .await
                .problem()
                .0,
            404
        );
    }
    assert_eq!(service.operations().count(), 3);
}

#[tokio::test]
async fn served_document_has_the_base_path_that_was_set() {
    let service = build(api(at("{url: /v1}"), "x").base_path("/v2"));
    for path in ["/v2/openapi.json", "/v2/openapi.yaml"] {
        let document = request(&service, &format!("GET {path}"))
            .send()
            .await
            .json();
        assert_eq!(document["servers"], serde_json::json!([{"url": "/v2"}]));
    }
}

#[tokio::test]
async fn forwarded_prefix_is_in_the_served_document_if_trusted() {
    let prefix = ("x-forwarded-prefix", "/proxy/a");
    let openapi = || api(at("{url: 'https://a.example/v1'}"), "x");
    let distrusting = build(openapi());
    let response = request(&distrusting, "GET /v1/openapi.json")
        .headers(&[prefix])
        .send()
        .await;
    assert_eq!(response.json()["servers"][0]["url"], "https://a.example/v1");
    assert_eq!(response.header("vary"), "");

    let trusting = build(openapi().trust_forwarded_prefix(true));
    for path in ["/v1/openapi.json", "/v1/openapi.yaml"] {
        let response = request(&trusting, &format!("GET {path}"))
            .headers(&[prefix])
            .send()
            .await;
        assert_eq!(response.json()["servers"][0]["url"], "/proxy/a/v1");
        assert_eq!(response.header("vary"), "x-forwarded-prefix");
    }
    for refused in [
        "proxy",
        "//a.example",
        "/a//b",
        "/a/../b",
        "/<b>",
        "/a?b",
        "/é",
        "",
    ] {
        let fields = [("x-forwarded-prefix", refused)];
        let response = request(&trusting, "GET /v1/openapi.json")
            .headers(&fields)
            .send()
            .await;
        assert_eq!(
            response.json()["servers"][0]["url"],
            "https://a.example/v1",
            "{refused}"
        );
        assert_eq!(response.header("vary"), "x-forwarded-prefix");
    }

    let swagger = api(document("swagger: '2.0'"), "x").trust_forwarded_prefix(true);
    let response = request(&build(swagger), "GET /openapi.json")
        .headers(&[prefix])
        .send()
        .await
        .json();
    assert_eq!(
        (&response["basePath"], response.get("servers")),
        (&"/proxy/a".into(), None)
    );
}

#[tokio::test]
async fn document_with_a_matching_etag_returns_304() {
    let service = build(api(at("{url: /}"), "x"));
    let first = request(&service, "GET /openapi.yaml").send().await;
    let tag = first.header("etag");
    assert!(
        tag.starts_with('"') && tag.len() > 2 && tag.ends_with('"'),
        "{tag}"
    );
    let json = request(&service, "GET /openapi.json").send().await;
    assert_ne!(json.header("etag"), tag);
    for (known, status) in [
        (tag, 304),
        (&format!("W/{tag}"), 304),
        (&format!("\"other\", {tag}"), 304),
        ("*", 304),
        ("\"other\"", 200),
        ("", 200),
    ] {
        for method in ["GET", "HEAD"] {
            let fields = [("if-none-match", known)];
            let response = request(&service, &format!("{method} /openapi.yaml"))
                .headers(&fields)
                .send()
                .await;
            assert_eq!(
                (response.status.as_u16(), response.header("etag")),
                (status, tag),
                "{known}"
            );
            assert!(status == 200 || response.body.is_empty());
        }
    }
}

#[tokio::test]
async fn operation_without_handler_returns_501_with_stubs() {
    let api = || Api::from_document(at("{url: /}"));
    let diagnostics = api().build(()).unwrap_err().to_string();
    assert!(
        diagnostics.ends_with("the operation `test` has no handler"),
        "{diagnostics}"
    );
    let service = build(api().stub(true));
    let expected = (
        501,
        "The operation 'test' is not implemented yet.".to_owned(),
    );
    assert_eq!(
        request(&service, "GET /test").send().await.problem(),
        expected
    );
    let service = build(api().stub(true).operation("test", async || "done"));
    assert_eq!(request(&service, "GET /test").send().await.text(), "done");
    let left_over = api().stub(true).operation("none", async || ()).build(());
    assert!(left_over.is_err());
}

#[tokio::test]
async fn fallback_handler_receives_the_operation() {
    let echo = async |id: OperationId| id.as_str().to_owned();
    let service = build(Api::from_document(at("{url: /}")).fallback(echo));
    assert_eq!(request(&service, "GET /test").send().await.text(), "test");
    let api = Api::from_document(at("{url: /}")).fallback(echo);
    let service = build(api.operation("test", async || "own"));
    assert_eq!(request(&service, "GET /test").send().await.text(), "own");
}

#[tokio::test]
async fn unknown_query_parameter_is_accepted_without_strict_parameters() {
    let service = build(api(at("{url: /}"), "x"));
    assert_eq!(status(&service, "/test?a=1").await, 400);
    let service = build(api(at("{url: /}"), "x").strict_parameters(false));
    assert_eq!(status(&service, "/test?a=1").await, 200);
}
