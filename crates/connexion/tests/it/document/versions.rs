//! One small API in every version, as YAML and as JSON: the behaviour is the same.

use axum::response::IntoResponse;
use connexion::{Api, ApiService, Body, Document, Params};
use http::StatusCode;
use serde_json::{Map, Value};

use crate::support::{build, request};

const DOCUMENTS: [(&str, &str); 3] = [
    ("3.1", include_str!("../../data/books-3.1.yaml")),
    ("3.0", include_str!("../../data/books-3.0.yaml")),
    ("2.0", include_str!("../../data/books-2.0.yaml")),
];

/// Builds a service of the document in every version, each from YAML and from JSON.
fn services() -> Vec<(String, ApiService)> {
    let mut services = Vec::new();
    for (version, text) in DOCUMENTS {
        let yaml =
            Document::parse(version, text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        let json = Document::parse("json", yaml.to_json())
            .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        services.push((format!("{version} as YAML"), service(yaml)));
        services.push((format!("{version} as JSON"), service(json)));
    }
    services
}

fn service(document: Document) -> ApiService {
    let echo = async |Params(values): Params<Map<String, Value>>| Body(values);
    build(
        Api::from_document(document)
            .operation(
                "books.list",
                async |Params(values): Params<Map<String, Value>>| {
                    // The tags request an invalid response.
                    let tags = values.get("tag").map(Value::to_string).unwrap_or_default();
                    let total = if tags.contains("no-total") {
                        "many"
                    } else {
                        "3"
                    };
                    let list = if tags.contains("no-tags") {
                        "1,x"
                    } else {
                        "1,2"
                    };
                    let headers = [
                        ("x-total", total.to_owned()),
                        ("x-tags", list.to_owned()),
                        ("x-echo", Value::Object(values).to_string()),
                    ];
                    (headers, Body(Vec::<Value>::new()))
                },
            )
            .operation("books.add", async |Body(book): Body<Value>| {
                (StatusCode::CREATED, [("location", "/books/1")], Body(book))
            })
            .operation("books.get", echo)
            .operation("books.delete", async || {
                StatusCode::NO_CONTENT.into_response()
            }),
    )
}

/// Returns the status, and the violations or the values.
async fn outcome(service: &ApiService, line: &str, body: &str) -> String {
    let (line, trace) = line.split_once(" trace=").unwrap_or((line, "abc"));
    let fields = [("content-type", "application/json"), ("x-trace", trace)];
    let response = request(service, line)
        .headers(&fields)
        .body(body.to_owned())
        .send()
        .await;
    let status = response.status.as_u16();
    if response.header("content-type") == "application/problem+json" {
        let errors = response.json()["errors"].clone();
        let errors: Vec<_> = errors
            .as_array()
            .unwrap()
            .iter()
            .map(|error| {
                let place = error.get("name").or(error.get("pointer")).unwrap();
                format!(
                    "{} {}",
                    place.as_str().unwrap(),
                    error["keyword"].as_str().unwrap()
                )
            })
            .collect();
        return format!("{status} {}", errors.join(", "));
    }
    let read = match response.header("x-echo") {
        "" => response.text(),
        read => read.to_owned(),
    };
    format!("{status} {read}")
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of them are a table")]
async fn every_version_of_a_document_behaves_the_same() {
    let cases = [
        ("GET /books", "", r#"200 {"limit":10,"X-Trace":"abc"}"#),
        (
            "GET /books?limit=7&cheap=true&ratio=0.5",
            "",
            r#"200 {"limit":7,"cheap":true,"ratio":0.5,"X-Trace":"abc"}"#,
        ),
        (
            "GET /books?tag=a,b&page=1&page=2",
            "",
            r#"200 {"limit":10,"tag":["a","b"],"page":[1,2],"X-Trace":"abc"}"#,
        ),
        (
            "GET /books?limit=0&ratio=1&page=x&cheap=1",
            "",
            "400 limit minimum, page type, cheap type, ratio exclusiveMaximum",
        ),
        (
            "GET /books?page=1&page=2&page=3&b=1&a=1",
            "",
            "400 a unknown, b unknown, page maxItems",
        ),
        (
            "GET /books?limit=99999999999999999999",
            "",
            "400 limit maximum",
        ),
        ("GET /books trace=A1", "", "400 X-Trace pattern"),
        ("GET /books?tag=no-total", "", "500 "),
        ("GET /books?tag=no-tags", "", "500 "),
        ("POST /books", "", "400  required"),
        ("POST /books", "{", "400  json"),
        (
            "POST /books",
            r#"{"title":"A","price":1}"#,
            r#"201 {"title":"A","price":1}"#,
        ),
        (
            "POST /books",
            r#"{"pages":2147483648,"kind":"x","price":0,"title":""}"#,
            "400 /title minLength, /price exclusiveMinimum, /kind enum, /pages format",
        ),
        ("POST /books", "{}", "400 /title required, /price required"),
        (
            "POST /books",
            r#"{"title":"A","price":1,"subtitle":null,"kind":null}"#,
            r#"201 {"title":"A","price":1,"subtitle":null,"kind":null}"#,
        ),
        (
            "POST /books",
            r#"{"title":null,"price":true,"subtitle":1}"#,
            "400 /title type, /price type, /subtitle type",
        ),
        (
            "POST /books",
            r#"{"title":"A","price":1,"parts":[{"title":"B","price":1,"parts":[{"price":2}]}]}"#,
            "400 /parts/0/parts/0/title required",
        ),
        ("GET /books/5", "", r#"200 {"id":5}"#),
        ("GET /books/0", "", "400 id minimum"),
        ("GET /books/2147483648", "", "400 id format"),
        ("GET /books/x", "", "400 id type"),
        ("DELETE /books/0", "", "204 "),
        ("DELETE /books/x", "", "400 id type"),
        ("PUT /books/1", "", "405 "),
        ("GET /book", "", "404 "),
    ];
    for (version, service) in services() {
        for (line, body, expected) in cases {
            assert_eq!(
                outcome(&service, line, body).await,
                expected,
                "{version}: {line} {body}"
            );
        }
    }
}

/// A document with every addition of OpenAPI 3.2: they are reported as warnings, and it is served.
const NEW: &str = "\
openapi: 3.2.0
$self: https://a.example/api.yaml
info: {title: New, version: '1'}
servers: [{url: /v1, name: production}]
tags: [{name: a, summary: A, kind: nav, parent: b}]
paths:
  /a:
    additionalOperations: {COPY: {operationId: copy, responses: {}}}
    query: {operationId: query, responses: {}}
    get:
      operationId: test
      parameters:
        - {name: n, in: query, schema: {type: integer}}
        - {name: c, in: cookie, style: cookie, schema: {type: integer}}
        - {name: q, in: querystring, content: {application/json: {schema: {}}}}
      responses:
        '200':
          summary: no description is needed
          content:
            application/json: {$ref: '#/components/mediaTypes/Json'}
            application/jsonl: {itemSchema: {type: object}}
            text/plain: {examples: {a: {dataValue: a, serializedValue: a}}}
components:
  mediaTypes: {Json: {schema: {type: object}}}
";

#[tokio::test]
async fn openapi_3_2_is_served_with_warnings() {
    let document = Document::parse("api.yaml", NEW).unwrap();
    let diagnostics = document.check();
    let lines: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    let new = |key: &str| format!("`{key}` is new in OpenAPI 3.2 and not supported; ");
    let ignored = |key| format!("{}it is ignored", new(key));
    let expected = [
        format!("api.yaml:2:1: warning: {}", ignored("$self")),
        format!("api.yaml:8:5: warning: {}", ignored("additionalOperations")),
        format!("api.yaml:9:5: warning: {}", ignored("query")),
        format!(
            "api.yaml:14:33: warning: {}it is read as `form`",
            new("style: cookie")
        ),
        format!(
            "api.yaml:15:21: warning: {}the parameter is ignored, and queries are rejected unless \
             `Api::strict_parameters` is off",
            new("in: querystring")
        ),
        format!("api.yaml:20:32: warning: {}", ignored("$ref")),
        format!("api.yaml:21:33: warning: {}", ignored("itemSchema")),
        format!("api.yaml:24:3: warning: {}", ignored("mediaTypes")),
    ];
    assert_eq!(lines, expected);
    assert!(
        diagnostics
            .iter()
            .all(|diagnostic| diagnostic.code.as_str() == "not-understood")
    );

    let echo = async |Params(values): Params<Map<String, Value>>| Body(values);
    let service = build(Api::from_document(document).operation("test", echo));
    let response = request(&service, "GET /v1/a?n=1")
        .header("cookie", "c=2")
        .send()
        .await;
    assert_eq!(response.text(), r#"{"n":1,"c":2}"#);
    let wrong = request(&service, "GET /v1/a?n=x")
        .header("cookie", "c=x")
        .send()
        .await;
    assert_eq!(wrong.status, 400);
}

#[test]
fn field_of_openapi_3_2_is_a_warning_before_it() {
    let document = Document::parse("api.yaml", NEW.replace("3.2.0", "3.1.1")).unwrap();
    let lines: Vec<_> = document.check().iter().map(ToString::to_string).collect();
    for expected in [
        "api.yaml:2:1: warning: a document has no field `$self`; it is ignored",
        "api.yaml:9:5: warning: a path item has no field `query`; it is ignored",
        "api.yaml:17:9: warning: the response `200` of GET /a has no `description`",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}\n{lines:#?}"
        );
    }
}

#[test]
fn unknown_dialect_is_reported() {
    let text = |dialect: &str| {
        format!(
            "openapi: 3.1.0\ninfo: {{title: T, version: '1'}}\njsonSchemaDialect: '{dialect}'\npaths: {{}}\n\
             components: {{schemas: {{A: {{$schema: '{dialect}'}}}}}}\n"
        )
    };
    for (dialect, count) in [
        ("https://spec.openapis.org/oas/3.1/dialect/base", 0),
        ("https://json-schema.org/draft/2020-12/schema", 0),
        ("http://json-schema.org/draft-07/schema#", 2),
    ] {
        let found = Document::parse("a.yaml", text(dialect)).unwrap().check();
        let reported = found
            .iter()
            .filter(|one| one.code.as_str() == "not-understood");
        assert_eq!((reported.count(), found.len()), (count, count), "{found:?}");
    }
}

fn with_schema(version: &str, schema: &str, rest: &str) -> Document {
    let text = format!(
        "openapi: {version}\ninfo: {{title: T, version: '1'}}\npaths: {{}}\ncomponents: {{schemas: {{A: {schema}}}}}\n{rest}"
    );
    Document::parse("a.yaml", text).unwrap()
}

#[test]
fn field_of_another_version_is_reported_and_read() {
    for (version, schema, rest, expected) in [
        (
            "3.0.3",
            "{const: 1}",
            "",
            "`const` does not belong to this version",
        ),
        (
            "3.0.3",
            "{type: [string, 'null']}",
            "",
            "`type` does not belong to this version of OpenAPI; write `nullable: true`",
        ),
        (
            "3.0.3",
            "{exclusiveMinimum: 5}",
            "",
            "`exclusiveMinimum` does not belong to this version",
        ),
        (
            "3.0.3",
            "{}",
            "webhooks: {}",
            "`webhooks` does not belong to this version of OpenAPI; declare `openapi: 3.1.0`",
        ),
        (
            "3.1.0",
            "{nullable: true}",
            "",
            "`nullable` does not belong to this version of OpenAPI; it has no effect; write `type: […, 'null']`",
        ),
        (
            "3.1.0",
            "{exclusiveMaximum: true}",
            "",
            "`exclusiveMaximum` does not belong to this version",
        ),
    ] {
        let found = with_schema(version, schema, rest).check();
        let [diagnostic] = found.as_slice() else {
            panic!("{schema} {rest}: {found:?}")
        };
        assert!(
            diagnostic.message.starts_with(expected),
            "{}",
            diagnostic.message
        );
        assert_eq!(diagnostic.code.as_str(), "other-version");
        assert_eq!(diagnostic.severity(), connexion::Severity::Warning);
    }
}

#[test]
fn field_of_its_own_version_is_not_reported() {
    for (version, schema) in [
        (
            "3.1.0",
            "{const: 1, type: [string, 'null'], exclusiveMinimum: 5}",
        ),
        (
            "3.0.3",
            "{nullable: true, minimum: 1, exclusiveMinimum: true}",
        ),
    ] {
        assert_eq!(with_schema(version, schema, "").check(), []);
    }
}
