//! Preconditions: which requests `If-Match` and `If-None-Match` let through (RFC 9110, section 13).

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::Value;

use crate::test_app::{Backend, Contract, TestApp, TestResponse};

const PERSON: &str = r#"{"name":"Doe","passengerClass":1,"sex":"male","age":7,
    "siblingsOrSpousesAboard":0,"parentsOrChildrenAboard":0,"fare":7.5}"#;

/// An app with one person, the person's address and entity tag.
async fn app_with_person(backend: Backend) -> (TestApp, String, String) {
    let app = TestApp::new(backend, Contract::OpenApi31).await;
    let added = send(&app, &Method::POST, "/people", &[], PERSON).await;
    let header = |name: &str| added.headers[name].to_str().unwrap().to_owned();
    let (path, etag) = (header("location"), header("etag"));
    (app, path, etag)
}

async fn send(
    app: &TestApp,
    method: &Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> TestResponse {
    let mut request = Request::builder().method(method).uri(path);
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::from(body)).unwrap()).await
}

fn detail(response: &TestResponse) -> String {
    let problem: Value = serde_json::from_slice(&response.body).unwrap();
    problem["detail"].as_str().unwrap().to_owned()
}

/// Every method on a person, with its body.
const METHODS: [(Method, &str); 4] = [
    (Method::GET, ""),
    (Method::HEAD, ""),
    (Method::PUT, r#"{"age": 7}"#),
    (Method::DELETE, ""),
];

const IF_MATCH: &str = "if-match";
const IF_NONE_MATCH: &str = "if-none-match";

#[tokio::test]
async fn entity_tag_lists_are_read_as_the_specification_writes_them() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let (app, path, etag) = app_with_person(backend).await;
        let weak = format!("W/{etag}");
        // A star or a tag within the quotes of another tag is a part of that tag.
        let hidden = format!("\"x,{},y\"", etag.trim_matches('"'));
        for tags in [
            r#""x,*,y""#,
            "\"*\"",
            "*,*",
            r#""x", *"#,
            &hidden,
            "x",
            "\"x",
            &weak,
            "",
        ] {
            for (method, body) in METHODS {
                let response = send(&app, &method, &path, &[(IF_MATCH, tags)], body).await;
                assert_eq!(response.status, 412, "{method} {tags}");
                assert_eq!(response.headers["etag"], etag.as_str(), "{method} {tags}");
            }
        }
        let spaced = format!("\t, \"x,y\" ,,{etag},");
        for tags in [etag.as_str(), "*", " * ", &spaced] {
            let response = send(&app, &Method::GET, &path, &[(IF_MATCH, tags)], "").await;
            assert_eq!(response.status, 200, "{tags}");
            let response = send(&app, &Method::PUT, &path, &[(IF_MATCH, tags)], "{}").await;
            assert_eq!(response.status, 200, "{tags}");
        }
        // Several fields of a name are one list (RFC 9110, section 5.3).
        let fields = [(IF_MATCH, "\"x\""), (IF_MATCH, etag.as_str())];
        let response = send(&app, &Method::PUT, &path, &fields, "{}").await;
        assert_eq!(response.status, 200);
    }
}

#[tokio::test]
async fn every_method_on_a_person_honours_both_preconditions() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let (app, path, etag) = app_with_person(backend).await;
        let weak = format!("W/{etag}");
        for (method, body) in METHODS {
            let refused = if body.is_empty() && method != Method::DELETE {
                304
            } else {
                412
            };
            for tags in [etag.as_str(), &weak, "*"] {
                let headers = [(IF_NONE_MATCH, tags)];
                let response = send(&app, &method, &path, &headers, body).await;
                assert_eq!(response.status, refused, "{method} {tags}");
                assert_eq!(response.headers["etag"], etag.as_str(), "{method} {tags}");
            }
            // `If-Match` is looked at first (section 13.2.2).
            let headers = [(IF_NONE_MATCH, etag.as_str()), (IF_MATCH, "\"x\"")];
            let response = send(&app, &method, &path, &headers, body).await;
            assert_eq!(response.status, 412, "{method}");
        }
        let read = send(&app, &Method::GET, &path, &[(IF_NONE_MATCH, "x")], "").await;
        assert_eq!(read.status, 200, "a list that can't be read names nothing");
        let changed = send(&app, &Method::PUT, &path, &[(IF_NONE_MATCH, "x")], "{}").await;
        assert_eq!(changed.status, 412, "what can't be read forbids the change");
        let both = [(IF_NONE_MATCH, "\"x\""), (IF_MATCH, etag.as_str())];
        for (method, body) in METHODS {
            let response = send(&app, &method, &path, &both, body).await;
            assert_eq!(response.status, 200, "{method}");
        }
        // What fails without preconditions fails as it would without them (section 13.2.1).
        for (method, body) in METHODS {
            let headers = [(IF_MATCH, "\"x\""), (IF_NONE_MATCH, "*")];
            let response = send(&app, &method, &path, &headers, body).await;
            assert_eq!(response.status, 404, "{method}");
        }
        let wrong = send(&app, &Method::PUT, &path, &[(IF_MATCH, "\"x\"")], "[]").await;
        assert_eq!(wrong.status, 400);
    }
}

#[tokio::test]
async fn failed_precondition_says_what_happened() {
    let (app, path, etag) = app_with_person(Backend::Sqlite).await;
    for (name, tags, expected) in [
        (
            IF_MATCH,
            "\"x\"",
            "Somebody else has changed this person meanwhile.",
        ),
        (IF_MATCH, &format!("\"x\", W/{etag}"), "as a weak one (W/…)"),
        (IF_MATCH, "x", "neither * nor a list of entity tags"),
        (IF_NONE_MATCH, "*", "There is such a person"),
        (IF_NONE_MATCH, &etag, "that `If-None-Match` rules out"),
        (IF_NONE_MATCH, "x", "neither * nor a list of entity tags"),
    ] {
        let response = send(&app, &Method::PUT, &path, &[(name, tags)], "{}").await;
        assert_eq!(response.status, 412, "{name}: {tags}");
        let detail = detail(&response);
        assert!(detail.contains(expected), "{name}: {tags}: {detail}");
    }
}
