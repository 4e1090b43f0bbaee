//! Where an API is served, and under which settings.

use connexion::{Api, ApiService, Document, OperationId};

use crate::support::{ANY, ask, build, send};

/// A document of the one path `/test`, whose first members are `members`.
fn document(members: &str) -> Document {
    let text = format!(
        "{members}\ninfo: {{title: t, version: '1'}}\npaths:\n  /test:\n    get: {{operationId: test, {ANY}}}\n"
    );
    Document::parse("test.yaml", text).unwrap_or_else(|faults| panic!("{faults}"))
}

/// A document of the one server `server`.
fn at(server: &str) -> Document {
    document(&format!("openapi: 3.1.0\nservers: [{server}]"))
}

fn api(document: Document, text: &'static str) -> Api<()> {
    let api = Api::from_document(document).serve_document(true);
    api.operation("test", async move || text)
}

async fn status(service: &ApiService, path: &str) -> u16 {
    ask(service, &format!("GET {path}")).await.status.as_u16()
}

#[tokio::test]
async fn the_path_of_the_first_server_stands_before_every_path() {
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
async fn the_base_path_of_swagger_2_stands_before_every_path() {
    let service = build(api(document("swagger: '2.0'\nbasePath: /v1"), "x"));
    assert_eq!(status(&service, "/v1/test").await, 200);
    assert_eq!(status(&service, "/test").await, 404);
}

#[tokio::test]
async fn the_base_path_can_be_set() {
    let service = build(api(at("{url: /v1}"), "x").base_path("/v2/"));
    assert_eq!(status(&service, "/v2/test").await, 200);
    assert_eq!(status(&service, "/v1/test").await, 404);
    let service = build(api(at("{url: /v1}"), "x").base_path("/"));
    assert_eq!(status(&service, "/test").await, 200);
}

#[cfg(feature = "swagger-ui")]
#[tokio::test]
async fn the_page_is_served_under_the_base_path() {
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
fn a_base_path_that_cannot_be_served_is_a_fault() {
    let faults = |api: Api<()>| api.build(()).unwrap_err().to_string();
    for (server, expected) in [
        (
            "{url: '/{a}'}",
            "test.yaml:2:12: the variable `a` of the server has no `default`",
        ),
        (
            "{url: '/a{'}",
            "test.yaml:2:12: `/a{` can't be the path before all others",
        ),
        (
            "{url: '/a?b=c'}",
            "test.yaml:2:12: `/a?b=c` can't be the path before all others",
        ),
        (
            "{url: ../a}",
            "test.yaml:2:12: `/./a` can't be the path before all others",
        ),
    ] {
        assert_eq!(faults(api(at(server), "x")), expected);
    }
    for path in ["v2", "/{a}", "//a", "/a?b"] {
        let message = format!("test.yaml:4:1: `{path}` can't be the path before all others");
        assert_eq!(faults(api(at("{url: /}"), "x").base_path(path)), message);
    }
}

#[test]
fn where_requests_go_to_the_client_a_server_may_be_anything() {
    let text = |callback: &str, own: &str| {
        format!(
            "openapi: 3.1.0\ninfo: {{}}\nservers: [{{url: /v1}}]\npaths:\n  /test:\n    servers: [{{url: '{own}'}}]\n    \
             get: {{operationId: test, {ANY}, callbacks: {{a: {{'{{$request.body#/url}}': \
             {{servers: [{{url: '{callback}'}}]}}}}}}}}\n"
        )
    };
    let check = |text| Document::parse("a", text).unwrap().check();
    assert_eq!(check(text("/{other}", "/v1")), []);
    let faults = check(text("/v1", "/{other}"));
    let [fault] = faults.as_slice() else {
        panic!("{faults:?}")
    };
    assert_eq!(fault.at.line, 6);
    assert!(
        fault
            .message
            .starts_with("the variable `other` of the server")
    );
}

#[tokio::test]
async fn several_documents_are_served_by_one_program() {
    let one = |base: &str, text| build(api(at(&format!("{{url: {base}}}")), text));
    let service = one("/a", "first")
        .merge(one("/b", "second"))
        .merge(one("/", "third"));
    for (line, text) in [
        ("GET /a/test", "first"),
        ("GET /b/test", "second"),
        ("GET /test", "third"),
    ] {
        assert_eq!(ask(&service, line).await.text(), text);
    }
    let json = ask(&service, "GET /b/openapi.json").await.json();
    assert_eq!(json["servers"][0]["url"], "/b");
    assert_eq!(ask(&service, "POST /b/test").await.problem().0, 405);
    for path in ["/c/test", "/b", "/a/none", "/b/ui/"] {
        assert_eq!(ask(&service, &format!("GET {path}")).await.problem().0, 404);
    }
    assert_eq!(service.operations().count(), 3);
}

#[tokio::test]
async fn the_document_tells_the_base_path_that_was_set() {
    let service = build(api(at("{url: /v1}"), "x").base_path("/v2"));
    for path in ["/v2/openapi.json", "/v2/openapi.yaml"] {
        let document = ask(&service, &format!("GET {path}")).await.json();
        assert_eq!(document["servers"], serde_json::json!([{"url": "/v2"}]));
    }
}

#[tokio::test]
async fn a_forwarded_prefix_shows_in_the_document_if_it_is_trusted() {
    let prefix = ("x-forwarded-prefix", "/proxy/a");
    let openapi = || api(at("{url: 'https://a.example/v1'}"), "x");
    let distrusting = build(openapi());
    let answer = send(&distrusting, "GET /v1/openapi.json", &[prefix], "").await;
    assert_eq!(answer.json()["servers"][0]["url"], "https://a.example/v1");
    assert_eq!(answer.header("vary"), "");

    let trusting = build(openapi().trust_forwarded_prefix(true));
    for path in ["/v1/openapi.json", "/v1/openapi.yaml"] {
        let answer = send(&trusting, &format!("GET {path}"), &[prefix], "").await;
        assert_eq!(answer.json()["servers"][0]["url"], "/proxy/a/v1");
        assert_eq!(answer.header("vary"), "x-forwarded-prefix");
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
        let answer = send(&trusting, "GET /v1/openapi.json", &fields, "").await;
        assert_eq!(
            answer.json()["servers"][0]["url"],
            "https://a.example/v1",
            "{refused}"
        );
        assert_eq!(answer.header("vary"), "x-forwarded-prefix");
    }

    let swagger = api(document("swagger: '2.0'"), "x").trust_forwarded_prefix(true);
    let answer = send(&build(swagger), "GET /openapi.json", &[prefix], "")
        .await
        .json();
    assert_eq!(
        (&answer["basePath"], answer.get("servers")),
        (&"/proxy/a".into(), None)
    );
}

#[tokio::test]
async fn a_client_that_has_the_document_is_not_sent_it_again() {
    let service = build(api(at("{url: /}"), "x"));
    let first = ask(&service, "GET /openapi.yaml").await;
    let tag = first.header("etag");
    assert!(
        tag.starts_with('"') && tag.len() > 2 && tag.ends_with('"'),
        "{tag}"
    );
    let json = ask(&service, "GET /openapi.json").await;
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
            let answer = send(&service, &format!("{method} /openapi.yaml"), &fields, "").await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("etag")),
                (status, tag),
                "{known}"
            );
            assert!(status == 200 || answer.body.is_empty());
        }
    }
}

#[tokio::test]
async fn an_operation_without_a_handler_answers_501_if_stubs_are_wanted() {
    let api = || Api::from_document(at("{url: /}"));
    let faults = api().build(()).unwrap_err().to_string();
    assert!(
        faults.ends_with("the operation `test` has no handler"),
        "{faults}"
    );
    let service = build(api().stub(true));
    let expected = (
        501,
        "The operation 'test' is not implemented yet.".to_owned(),
    );
    assert_eq!(ask(&service, "GET /test").await.problem(), expected);
    let service = build(api().stub(true).operation("test", async || "done"));
    assert_eq!(ask(&service, "GET /test").await.text(), "done");
    let left_over = api().stub(true).operation("none", async || ()).build(());
    assert!(left_over.is_err());
}

#[tokio::test]
async fn the_default_handler_is_told_the_operation() {
    let echo = async |id: OperationId| id.as_str().to_owned();
    let service = build(Api::from_document(at("{url: /}")).fallback(echo));
    assert_eq!(ask(&service, "GET /test").await.text(), "test");
    let api = Api::from_document(at("{url: /}")).fallback(echo);
    let service = build(api.operation("test", async || "own"));
    assert_eq!(ask(&service, "GET /test").await.text(), "own");
}

#[tokio::test]
async fn unknown_query_parameters_pass_if_that_is_switched_off() {
    let service = build(api(at("{url: /}"), "x"));
    assert_eq!(status(&service, "/test?a=1").await, 400);
    let service = build(api(at("{url: /}"), "x").strict_parameters(false));
    assert_eq!(status(&service, "/test?a=1").await, 200);
}
