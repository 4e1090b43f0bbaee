//! Hooks for problems and violations.

use std::sync::{Arc, Mutex};

use axum::response::IntoResponse as _;
use connexion::{
    Api, Body, Document, Items, Location, Problem, ResponseValidation, SecurityRequirement,
    Violation,
};
use futures_util::stream;
use http::{HeaderName, HeaderValue, StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};

use crate::support::{build, document, document_at, post, request, with_body, with_response};

const PROBLEM: &str = "responses: {'409': {description: taken, content: {application/problem+json: {schema: {type: \
                       object}}}}}";

#[test]
fn title_and_type_of_a_problem_can_be_set() {
    let problem = Problem::new(StatusCode::FORBIDDEN, "Your balance is 30.")
        .with_type("https://example.com/out-of-credit".to_owned())
        .with_title("You do not have enough credit.");
    let json = serde_json::to_value(&problem).unwrap();
    assert_eq!(json["type"], "https://example.com/out-of-credit");
    assert_eq!(json["title"], "You do not have enough credit.");
}

/// Names in a JSON object are unique (RFC 8259, section 4).
#[test]
fn extra_properties_of_a_problem_replace_those_of_the_same_name() {
    let mut violation = Violation::new(Location::query("a"), "type", "wrong");
    for name in ["in", "name", "keyword", "code", "detail", "line"] {
        violation.extra.insert(name.to_owned(), json!(7));
    }
    let text = serde_json::to_string(&violation).unwrap();
    assert_eq!(
        text,
        r#"{"in":7,"name":7,"keyword":7,"code":7,"detail":7,"line":7}"#
    );

    let mut problem = Problem::new(StatusCode::CONFLICT, "taken");
    for name in ["type", "title", "status", "detail", "errors", "line"] {
        problem.extra.insert(name.to_owned(), json!("own"));
    }
    // The status is that of the response (RFC 9457, section 3.1.3).
    let text = serde_json::to_string(&problem).unwrap();
    assert_eq!(
        text,
        r#"{"type":"own","title":"own","status":409,"detail":"own","errors":"own","line":"own"}"#
    );
}

#[tokio::test]
async fn problem_hook_receives_request_and_operation() {
    let api = Api::from_document(document_at("get /test", PROBLEM, ""));
    let api = api.on_problem(|problem, request| {
        let language = &request.head().headers["accept-language"];
        let operation = request.operation().map_or("none", |one| one.id());
        problem.detail = format!(
            "{} {} {operation} {} {}",
            request.head().method,
            request.head().uri,
            language.to_str().unwrap(),
            problem.is_of_library()
        );
    });
    let handler = async |headers: http::HeaderMap| {
        assert!(!headers.contains_key("x-panic"), "a test panics");
        Problem::new(StatusCode::CONFLICT, "taken")
    };
    let service = build(api.operation("test", handler));
    for (line, header, detail) in [
        ("GET /no?a", "x-a", (404, "GET /no?a none de true")),
        ("PUT /test", "x-a", (405, "PUT /test none de true")),
        ("GET /test?a", "x-a", (400, "GET /test?a test de true")),
        ("GET /test", "x-a", (409, "GET /test test de false")),
        ("GET /test", "x-panic", (500, "GET /test test de true")),
    ] {
        let fields = [("accept-language", "de"), (header, "1")];
        let response = request(&service, line).headers(&fields).send().await;
        assert_eq!(
            response.problem(),
            (detail.0, detail.1.to_owned()),
            "{line}"
        );
    }
}

#[tokio::test]
async fn changed_problem_of_a_handler_keeps_its_header_fields() {
    let api = Api::from_document(document_at("get /test", PROBLEM, ""));
    let api = api
        .response_validation(ResponseValidation::Off)
        .on_problem(|problem, _| {
            if problem.status == StatusCode::CONFLICT {
                problem.status = StatusCode::GONE;
            }
            problem.title = Some("anew".into());
            *problem = problem
                .clone()
                .with_header(RETRY_AFTER, HeaderValue::from_static("5"));
        });
    let service = build(api.operation("test", async || {
        let problem = Problem::new(StatusCode::CONFLICT, "taken");
        let problem = problem.with_header(RETRY_AFTER, HeaderValue::from_static("1"));
        ([(HeaderName::from_static("x-own"), "1")], problem).into_response()
    }));
    let response = request(&service, "GET /test").send().await;
    assert_eq!(response.problem(), (410, "taken".to_owned()));
    assert_eq!(
        (response.header("x-own"), &response.json()["title"]),
        ("1", &json!("anew"))
    );
    let values = |name| response.headers.get_all(name).iter().count();
    assert_eq!((values("content-type"), values("retry-after")), (1, 2));
}

#[tokio::test]
async fn problem_is_validated_after_the_hook() {
    let api = Api::from_document(document_at("get /test", PROBLEM, ""));
    let api = api.on_problem(|problem, _| {
        if !problem.is_of_library() {
            problem.status = StatusCode::GONE;
        }
    });
    let service =
        build(api.operation("test", async || Problem::new(StatusCode::CONFLICT, "taken")));
    assert_eq!(request(&service, "GET /test").send().await.status, 500);
}

#[tokio::test]
async fn problem_is_an_extension_of_its_response() {
    let api = Api::from_document(document_at("get /test", PROBLEM, ""));
    let api = api.on_problem(|problem, _| problem.title = Some("anew".into()));
    let service =
        build(api.operation("test", async || Problem::new(StatusCode::CONFLICT, "taken")));
    for (path, detail) in [
        ("/no", "There is nothing at this address."),
        ("/test", "taken"),
    ] {
        let request = axum::extract::Request::get(path).body(axum::body::Body::empty());
        let response = service.handle(request.unwrap()).await;
        let problem = response.extensions().get::<Problem>().unwrap();
        assert_eq!((problem.title(), problem.detail.as_str()), ("anew", detail));
    }
}

type Found = Arc<Mutex<Vec<String>>>;

/// Records each violation with its operation and the query of the request.
fn noting(api: Api<()>) -> (Api<()>, Found) {
    let found = Found::default();
    let list = Arc::clone(&found);
    let api = api.on_response_violation(move |violation, request| {
        let query = request.head().uri.query().unwrap_or_default();
        let operation = request.operation().unwrap().id();
        let (pointer, keyword) = (&violation.pointer, &violation.keyword);
        let text = format!("{operation} {query} {pointer} {keyword}");
        list.lock().unwrap().push(text);
    });
    (api, found)
}

#[tokio::test]
async fn response_violation_hook_receives_every_violation() {
    let schema = "{type: object, additionalProperties: {type: integer}}";
    let wrong = || Value::Object((0..15).map(|i| (format!("p{i:02}"), json!("x"))).collect());
    for (mode, status) in [
        (ResponseValidation::Enforce, 500),
        (ResponseValidation::Log, 200),
    ] {
        let operation = format!(
            "parameters: [{{name: q, in: query, schema: {{}}}}], {}",
            with_response(schema)
        );
        let api =
            Api::from_document(document_at("get /test", &operation, "")).response_validation(mode);
        let (api, found) = noting(api);
        let service = build(api.operation("test", async move || Body(wrong())));
        assert_eq!(
            request(&service, "GET /test?q=1").send().await.status,
            status
        );
        let found = found.lock().unwrap();
        // More violations than are logged.
        assert_eq!(found.len(), 15, "{mode:?}");
        assert_eq!(found[0], "test q=1 /p00 type");
    }
}

#[tokio::test]
async fn response_violation_hook_receives_violations_of_streams() {
    let schema = "{type: array, items: {type: integer}}";
    let operation = with_response(schema);
    // Typed items, and a stream of bytes that is no array.
    for (is_typed, expected) in [(true, "test   type"), (false, "test   sequence")] {
        let api = Api::from_document(document_at("get /test", &operation, ""));
        let (api, found) = noting(api);
        let service = build(api.operation("test", async move || {
            if is_typed {
                let items = [json!(1), json!("x")].map(Ok::<_, std::io::Error>);
                return Items::new(stream::iter(items)).into_response();
            }
            let chunks = ["[1", "}"].map(Ok::<_, std::io::Error>);
            let body = axum::body::Body::from_stream(stream::iter(chunks));
            ([("content-type", "application/json")], body).into_response()
        }));
        let _ = request(&service, "GET /test").send().await;
        assert_eq!(*found.lock().unwrap(), [expected]);
    }
}

#[tokio::test]
async fn response_violation_hook_is_not_called_for_valid_responses() {
    let api = Api::from_document(document_at(
        "get /test",
        &with_response("{type: integer}"),
        "",
    ));
    let (api, found) = noting(api);
    let service = build(api.operation("test", async || Body(1)));
    assert_eq!(request(&service, "GET /test").send().await.status, 200);
    assert_eq!(found.lock().unwrap().len(), 0);
}

#[test]
fn value_violation_hook_receives_violations_of_validated_rows() {
    let components =
        "schemas: {Row: {type: object, required: [a], properties: {b: {type: integer}}}}";
    let found = Found::default();
    let list = Arc::clone(&found);
    let api = Api::<()>::from_document(document(&with_body("{}"), components));
    let api = api.on_value_violation(move |violation, schema| {
        list.lock()
            .unwrap()
            .push(format!("{schema} {}", violation.code()));
    });
    let row = api.validator("Row").unwrap();
    assert!(row.read::<Value>(br#"{"a": 1}"#).is_ok());
    assert!(row.read::<Value>(br#"{"b": "x"}"#).is_err());
    assert!(row.read::<Value>(b"{").is_err());
    assert!(row.check(&json!({"b": 1})).is_err());
    let expected = [
        "Row missing",
        "Row wrong-type",
        "Row unreadable",
        "Row missing",
    ];
    let mut found = found.lock().unwrap().clone();
    found.sort();
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn service_without_hooks_returns_the_default_problems() {
    let service = build(
        Api::from_document(document(&with_body("{type: integer}"), ""))
            .operation("test", async || ()),
    );
    assert_eq!(
        post(&service, "\"x\"").send().await.json()["title"],
        "Bad Request"
    );
}

/// The handler behaves as an extension of its operation says.
#[tokio::test]
async fn handler_reads_its_operation_from_the_document() {
    for (text, scheme) in [
        (
            "openapi: 3.1.0",
            "components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}",
        ),
        (
            "openapi: 3.0.4",
            "components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}",
        ),
        (
            "swagger: '2.0'",
            "securityDefinitions: {key: {type: apiKey, in: header, name: X-Key}}",
        ),
    ] {
        let parameter = if text.starts_with("swagger") {
            "type: string"
        } else {
            "schema: {type: string}"
        };
        let text = format!(
            "{text}
info: {{title: T, version: '1'}}
{scheme}
security: [{{}}, {{key: []}}]
paths:
  /a/{{b}}:
    x-table: person
    parameters: [{{name: b, in: path, required: true, {parameter}}}]
    get: {{operationId: one, x-cache: {{seconds: 60}}, responses: {{200: {{description: d}}}}}}
    post: {{operationId: two, x-cache: none, security: [], responses: {{200: {{description: d}}}}}}
"
        );
        let handler = async |operation: connexion::CurrentOperation| {
            let schemes = operation
                .security()
                .iter()
                .flat_map(SecurityRequirement::schemes);
            format!(
                "{} {} {} {} {} {}",
                operation.id(),
                operation.method(),
                operation.path(),
                operation.extensions()["x-cache"],
                operation.path_extensions()["x-table"],
                schemes.collect::<Vec<_>>().join(",")
            )
        };
        let document = Document::parse("a.yaml", text).unwrap();
        let api = Api::from_document(document).default_security(async |_, _| Ok(None));
        let service = build(api.fallback(handler));
        let one = request(&service, "GET /a/1").send().await.text();
        assert_eq!(one, r#"one GET /a/{b} {"seconds":60} "person" key"#);
        let two = request(&service, "POST /a/1").send().await.text();
        assert_eq!(two, r#"two POST /a/{b} "none" "person" "#);
    }
}

#[tokio::test]
async fn handler_outside_a_service_has_no_operation() {
    use tower::ServiceExt as _;
    let handler = async |operation: connexion::CurrentOperation| operation.id().to_owned();
    let router: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
    let request = axum::extract::Request::get("/").body(axum::body::Body::empty());
    let response = router.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 500);
}
