//! Handlers: state, problems, formats, registration and `Accept`.

use axum::{extract::State, response::IntoResponse as _};
use connexion::{Accept, Api, Body, Document, OperationId, Params, Problem};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::support::{
    ANY, Log, body_verdict, build, document, document_at, post, request, service, with_body,
    with_parameters,
};

#[tokio::test]
async fn handler_panic_returns_500() {
    let api = Api::from_document(document_at("get /test", ANY, ""));
    let handler = async || {
        assert!(std::hint::black_box(false), "a test panics");
    };
    let service = build(api.operation("test", handler));
    let expected = (500, "The server could not answer this request.".to_owned());
    assert_eq!(
        request(&service, "GET /test").send().await.problem(),
        expected
    );
    assert_eq!(
        request(&service, "GET /test").send().await.problem(),
        expected
    );
}

#[tokio::test]
async fn state_is_passed_to_every_handler() {
    let api = Api::from_document(document_at("get /test", ANY, ""));
    let service = api.operation("test", async |State(text): State<&'static str>| text);
    let service = service.build("state").unwrap();
    assert_eq!(request(&service, "GET /test").send().await.text(), "state");
}

#[derive(Debug, Deserialize)]
struct Narrow {
    a: u8,
}

#[tokio::test]
async fn problem_hook_changes_problems_of_the_library() {
    let operation = with_parameters("{name: a, in: query, schema: {type: integer}}");
    let api = Api::from_document(document_at("get /test", &operation, ""));
    let api = api.try_handlers(false);
    let api = api.on_problem(|problem, _| {
        let of = if problem.is_of_library() {
            "changed"
        } else {
            "handler's"
        };
        problem.detail = format!("{of} {}", problem.status.as_u16());
    });
    let service = build(api.operation(
        "test",
        async |Params(Narrow { a }): Params<Narrow>| match a {
            1 => Body("wrong").into_response(),
            2 => panic!("a test panics"),
            3 => Problem::new(StatusCode::OK, "the handler's own").into_response(),
            _ => ().into_response(),
        },
    ));
    for (line, detail) in [
        ("GET /none", "changed 404"),
        ("PUT /test", "changed 405"),
        ("GET /test?a=x", "changed 400"),
        // Valid for the document, but not for the handler's type.
        ("GET /test?a=300", "changed 500"),
        ("GET /test?a=2", "changed 500"),
        ("GET /test?a=3", "handler's 200"),
    ] {
        assert_eq!(
            request(&service, line).send().await.problem().1,
            detail,
            "{line}"
        );
    }
}

#[tokio::test]
async fn absent_optional_body_is_read_as_null() {
    let api = Api::from_document(document(&with_body("{}"), ""));
    let service = build(
        api.operation("test", async |Body(body): Body<Option<Value>>| {
            body.is_none().to_string()
        }),
    );
    assert_eq!(request(&service, "POST /test").send().await.text(), "true");
}

#[tokio::test]
async fn response_that_cannot_be_serialized_returns_500() {
    let log = Log::capture();
    let api = Api::from_document(document_at("get /test", ANY, ""));
    let map = std::collections::HashMap::from([([1_u8], 1)]);
    let service = build(api.operation("test", async move || Body(map)));
    assert_eq!(request(&service, "GET /test").send().await.problem().0, 500);
    assert!(
        log.text().contains("can't be written as JSON"),
        "{}",
        log.text()
    );
}

#[test]
fn custom_format_is_checked() {
    let schema = "{type: string, format: even}";
    let api = Api::from_document(document(&with_body(schema), ""))
        .format("even", |text| text.len() % 2 == 0);
    let service_with = build(api.operation("test", async || ()));
    assert_eq!(body_verdict(&service_with, "\"ab\""), "ok {} \"ab\"");
    assert_eq!(
        body_verdict(&service_with, "\"abc\""),
        "Body  format: \"abc\" is not a \"even\""
    );
    let without = service(document(&with_body(schema), ""));
    assert_eq!(body_verdict(&without, "\"abc\""), "ok {} \"abc\"");
}

#[tokio::test]
async fn messages_of_violations_can_be_replaced() {
    let schema = "{type: object, required: [name], properties: {name: {maxLength: 3}, kind: {enum: [a]}, \
                  friends: {items: {$ref: '#/components/schemas/Age'}}}}";
    let components = "schemas: {Age: {type: integer, maximum: 150}}";
    let api = Api::from_document(document(&with_body(schema), components));
    let language = "de".to_owned();
    let api = api.on_problem(move |problem, _| {
        for error in &mut problem.errors {
            let limit = error.expected.as_ref().map(Value::to_string);
            let limit = limit.unwrap_or_default();
            error.detail = format!("{language} {} {limit}", error.code());
        }
    });
    let service = build(api.operation("test", async || ()));
    let response = post(
        &service,
        r#"{"name": "long", "kind": 1, "friends": [151, "x"]}"#,
    )
    .send()
    .await;
    let json = response.json();
    let errors = json["errors"].as_array().unwrap().iter();
    let reported: Vec<_> = errors
        .map(|error| {
            (
                error["pointer"].as_str().unwrap(),
                error["detail"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("/name", "de too-long 3"),
        ("/kind", r#"de wrong-value ["a"]"#),
        ("/friends/0", "de too-large 150"),
        ("/friends/1", r#"de wrong-type "integer""#),
    ];
    assert_eq!(reported, expected);
}

const PETS: &str = r"
openapi: 3.1.0
info: {title: pets, version: '1'}
paths:
  /pets:
    get: {operationId: list, x-openapi-router-controller: pets, responses: {default: {description: d}}}
    post: {operationId: pets.add, responses: {default: {description: d}}}
    delete: {operationId: pets.old.drop, responses: {default: {description: d}}}
    put: {operationId: replace, responses: {default: {description: d}}}
  /nameless/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {}}]
      responses: {default: {description: d}}
";

#[tokio::test]
async fn nest_registers_handlers_by_prefix_and_controller() {
    let document = || Document::parse("pets.yaml", PETS).unwrap();
    let api = Api::from_document(document()).nest("pets", |api| {
        let api = api.operation("list", async || "list");
        let api = api.nest("old", |api| api.fallback(async || "old"));
        api.fallback(async || "some pets")
    });
    let api = api.operation("get /nameless/{id}", async || "nameless");
    let service = build(api.fallback(async || "other"));
    for (line, text) in [
        ("GET /pets", "list"),
        ("POST /pets", "some pets"),
        ("DELETE /pets", "old"),
        ("PUT /pets", "other"),
        ("GET /nameless/1", "nameless"),
    ] {
        assert_eq!(request(&service, line).send().await.text(), text, "{line}");
    }
    let diagnostics = Api::from_document(document())
        .operation("list", async || ())
        .build(());
    let diagnostics = diagnostics.unwrap_err().to_string();
    for expected in [
        "no operation with this operationId",
        "the operation `pets.list` has no handler",
        "the operation `get /nameless/{id}` has no handler",
        "warning: GET /nameless/{id} has no `operationId`; its handler is that of `get /nameless/{id}`",
    ] {
        assert!(diagnostics.contains(expected), "{diagnostics}");
    }
}

const TWO_TYPES: &str = "responses: {'200': {description: d, content: {application/json: {}, text/csv: {}}}, \
                         default: {description: d, content: {application/problem+json: {}}}}";

#[tokio::test]
async fn accept_is_negotiated_and_passed_to_the_handler() {
    let api = Api::from_document(document_at("get /test", TWO_TYPES, ""));
    let handler = async |accept: Accept| {
        let name = accept.as_str().to_owned();
        ([("content-type", name.clone())], format!("\"{name}\""))
    };
    let service = build(api.operation("test", handler));
    let ask = async |accept| {
        request(&service, "GET /test")
            .header("accept", accept)
            .send()
            .await
    };
    assert_eq!(ask("text/*").await.header("content-type"), "text/csv");
    let response = ask("text/csv;q=0.5, application/json").await;
    assert_eq!(response.header("content-type"), "application/json");
    let response = ask("text/html").await;
    let detail = "None of the types of the answer is acceptable: application/json, text/csv";
    assert_eq!(response.problem(), (406, detail.to_owned()));
    let error = &response.json()["errors"][0];
    assert_eq!(
        (&error["name"], &error["code"]),
        (&"Accept".into(), &"not-acceptable".into())
    );
}

#[tokio::test]
async fn not_acceptable_is_reported_with_the_other_violations() {
    let operation =
        format!("parameters: [{{name: a, in: query, required: true, schema: {{}}}}], {TWO_TYPES}");
    let service = service(document_at("get /test", &operation, ""));
    let response = request(&service, "GET /test")
        .header("accept", "text/html")
        .send()
        .await;
    let keywords: Vec<_> = response.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["keyword"].clone())
        .collect();
    assert_eq!(
        (response.problem().0, keywords),
        (400, vec!["required".into(), "accept".into()])
    );
}

#[tokio::test]
async fn accept_is_ignored_without_strict_accept() {
    let api = Api::from_document(document_at("get /test", TWO_TYPES, "")).strict_accept(false);
    let service = build(api.operation("test", async |accept: Accept| {
        Body(accept.as_str().to_owned())
    }));
    let response = request(&service, "GET /test")
        .header("accept", "text/html")
        .send()
        .await;
    assert_eq!(
        (response.status, response.text()),
        (StatusCode::OK, "\"application/json\"".into())
    );
}

#[derive(Deserialize)]
struct Twice {
    #[serde(rename = "path.id")]
    path: i64,
    #[serde(rename = "query.id")]
    query: String,
    other: Option<bool>,
}

#[tokio::test]
async fn parameters_of_the_same_name_have_keys_by_location() {
    let operation = with_parameters(
        "{name: id, in: path, required: true, schema: {type: integer}}, \
         {name: id, in: query, schema: {default: none}}, {name: other, in: query, schema: {type: boolean}}",
    );
    let api = Api::from_document(document_at("get /test/{id}", &operation, ""));
    let handler = async |Params(Twice { path, query, other }): Params<Twice>| {
        format!("{path} {query} {other:?}")
    };
    let service = build(api.operation("test", handler));
    assert_eq!(
        request(&service, "GET /test/5?id=x&other=true")
            .send()
            .await
            .text(),
        "5 x Some(true)"
    );
    assert_eq!(
        request(&service, "GET /test/5?other=true")
            .send()
            .await
            .text(),
        "5 none Some(true)"
    );
    let detail = "Wrong type, expected 'integer' for path parameter 'id'".to_owned();
    assert_eq!(
        request(&service, "GET /test/x?id=5").send().await.problem(),
        (400, detail)
    );
}

#[tokio::test]
async fn response_extensions_hold_the_operation_and_the_violations() {
    let operation = with_parameters("{name: a, in: query, schema: {type: integer}}");
    let api = Api::from_document(document_at("get /test", &operation, ""));
    let service = build(api.operation("test", async || ()));
    for (path, id, violations) in [
        ("/none", None, None),
        ("/test", Some("test"), None),
        ("/test?a=x", Some("test"), Some("type")),
    ] {
        let request = axum::extract::Request::get(path).body(axum::body::Body::empty());
        let response = service.handle(request.unwrap()).await;
        let found = response.extensions().get::<OperationId>();
        assert_eq!(found.map(OperationId::as_str), id, "{path}");
        let found = response.extensions().get::<Problem>();
        let found = found.and_then(|problem| Some(problem.errors.first()?.keyword.to_string()));
        assert_eq!(found.as_deref(), violations, "{path}");
    }
}
