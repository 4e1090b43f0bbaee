//! Handlers, and what can be set.

use axum::{extract::State, response::IntoResponse as _};
use connexion::{Accept, Api, Body, Document, OperationId, Params, Problem};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::support::{
    ANY, Log, ask, body_verdict, build, document, document_at, post, send, service, with_body,
    with_parameters,
};

#[tokio::test]
async fn a_handler_that_panics_is_answered_with_a_500() {
    let api = Api::from_document(document_at("get /test", ANY, ""));
    let handler = async || {
        assert!(std::hint::black_box(false), "a test panics");
    };
    let service = build(api.operation("test", handler));
    let expected = (500, "The server could not answer this request.".to_owned());
    assert_eq!(ask(&service, "GET /test").await.problem(), expected);
    assert_eq!(ask(&service, "GET /test").await.problem(), expected);
}

#[tokio::test]
async fn the_state_reaches_every_handler() {
    let api = Api::from_document(document_at("get /test", ANY, ""));
    let service = api.operation("test", async |State(text): State<&'static str>| text);
    let service = service.build("state").unwrap();
    assert_eq!(ask(&service, "GET /test").await.text(), "state");
}

#[derive(Debug, Deserialize)]
struct Narrow {
    a: u8,
}

#[tokio::test]
async fn every_problem_of_the_library_can_be_changed() {
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
        // Allowed by the document, but not what the handler reads.
        ("GET /test?a=300", "changed 500"),
        ("GET /test?a=2", "changed 500"),
        ("GET /test?a=3", "handler's 200"),
    ] {
        assert_eq!(ask(&service, line).await.problem().1, detail, "{line}");
    }
}

#[tokio::test]
async fn an_absent_optional_body_reads_as_null() {
    let api = Api::from_document(document(&with_body("{}"), ""));
    let service = build(
        api.operation("test", async |Body(body): Body<Option<Value>>| {
            body.is_none().to_string()
        }),
    );
    assert_eq!(ask(&service, "POST /test").await.text(), "true");
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_is_a_500() {
    let log = Log::capture();
    let api = Api::from_document(document_at("get /test", ANY, ""));
    let map = std::collections::HashMap::from([([1_u8], 1)]);
    let service = build(api.operation("test", async move || Body(map)));
    assert_eq!(ask(&service, "GET /test").await.problem().0, 500);
    assert!(
        log.text().contains("can't be written as JSON"),
        "{}",
        log.text()
    );
}

#[test]
fn a_format_of_ones_own_is_checked() {
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
async fn every_sentence_can_be_said_in_other_words() {
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
    let answer = post(
        &service,
        r#"{"name": "long", "kind": 1, "friends": [151, "x"]}"#,
    )
    .await;
    let json = answer.json();
    let errors = json["errors"].as_array().unwrap().iter();
    let told: Vec<_> = errors
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
    assert_eq!(told, expected);
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
async fn handlers_are_registered_by_prefix_and_found_under_the_controller() {
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
        assert_eq!(ask(&service, line).await.text(), text, "{line}");
    }
    let faults = Api::from_document(document())
        .operation("list", async || ())
        .build(());
    let faults = faults.unwrap_err().to_string();
    for expected in [
        "no operation with this operationId",
        "the operation `pets.list` has no handler",
        "the operation `get /nameless/{id}` has no handler",
        "warning: GET /nameless/{id} has no `operationId`; its handler is that of `get /nameless/{id}`",
    ] {
        assert!(faults.contains(expected), "{faults}");
    }
}

const TWO_TYPES: &str = "responses: {'200': {description: d, content: {application/json: {}, text/csv: {}}}, \
                         default: {description: d, content: {application/problem+json: {}}}}";

#[tokio::test]
async fn a_handler_learns_which_type_the_client_wants() {
    let api = Api::from_document(document_at("get /test", TWO_TYPES, ""));
    let handler = async |accept: Accept| {
        let name = accept.as_str().to_owned();
        ([("content-type", name.clone())], format!("\"{name}\""))
    };
    let service = build(api.operation("test", handler));
    let ask = async |accept| send(&service, "GET /test", &[("accept", accept)], "").await;
    assert_eq!(ask("text/*").await.header("content-type"), "text/csv");
    let answer = ask("text/csv;q=0.5, application/json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let answer = ask("text/html").await;
    let detail = "None of the types of the answer is acceptable: application/json, text/csv";
    assert_eq!(answer.problem(), (406, detail.to_owned()));
    let error = &answer.json()["errors"][0];
    assert_eq!(
        (&error["name"], &error["code"]),
        (&"Accept".into(), &"not-acceptable".into())
    );
}

#[tokio::test]
async fn what_is_wrong_besides_is_told_with_an_answer_that_is_not_acceptable() {
    let operation =
        format!("parameters: [{{name: a, in: query, required: true, schema: {{}}}}], {TWO_TYPES}");
    let service = service(document_at("get /test", &operation, ""));
    let answer = send(&service, "GET /test", &[("accept", "text/html")], "").await;
    let keywords: Vec<_> = answer.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["keyword"].clone())
        .collect();
    assert_eq!(
        (answer.problem().0, keywords),
        (400, vec!["required".into(), "accept".into()])
    );
}

#[tokio::test]
async fn accept_can_be_left_unheeded() {
    let api = Api::from_document(document_at("get /test", TWO_TYPES, "")).strict_accept(false);
    let service = build(api.operation("test", async |accept: Accept| {
        Body(accept.as_str().to_owned())
    }));
    let answer = send(&service, "GET /test", &[("accept", "text/html")], "").await;
    assert_eq!(
        (answer.status, answer.text()),
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
async fn parameters_of_one_name_are_told_apart_by_their_places() {
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
        ask(&service, "GET /test/5?id=x&other=true").await.text(),
        "5 x Some(true)"
    );
    assert_eq!(
        ask(&service, "GET /test/5?other=true").await.text(),
        "5 none Some(true)"
    );
    let detail = "Wrong type, expected 'integer' for path parameter 'id'".to_owned();
    assert_eq!(
        ask(&service, "GET /test/x?id=5").await.problem(),
        (400, detail)
    );
}

#[tokio::test]
async fn an_answer_tells_those_who_observe_it_which_operation_it_is_of_and_what_was_wrong() {
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
