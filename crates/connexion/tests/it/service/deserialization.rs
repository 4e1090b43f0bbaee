//! Bodies and parameters as the types of handlers.

use std::collections::{BTreeMap, HashMap};

use connexion::{Api, Body, Params};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::handler_types::{A, required};
use crate::support::{Log, build, document, document_at, post, request, with_parameters};

#[tokio::test]
async fn valid_request_that_the_handler_type_rejects_returns_500_and_is_logged() {
    let log = Log::capture();
    let schema =
        "{type: object, required: [a], properties: {a: {type: array, items: {type: integer}}}}";
    let api = Api::from_document(document(&required(schema), "")).try_handlers(false);
    let service = build(api.operation("test", async |_: Body<A<Vec<u8>>>| "read"));
    assert_eq!(
        post(&service, "{\"a\": [1, 2]}").send().await.text(),
        "read"
    );
    let problem = post(&service, "{\"a\": [1, 300]}").send().await.problem();
    assert_eq!(
        problem,
        (500, "The server could not answer this request.".to_owned())
    );
    let log = log.text();
    for part in [
        "ERROR",
        "operation_id=test",
        "it::service::handler_types::A<alloc::vec::Vec<u8>>",
        "/a/1",
        "`300`, expected u8",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let operation = with_parameters("{name: a, in: query, schema: {type: integer}}");
    let api = Api::from_document(document_at("get /test", &operation, "")).try_handlers(false);
    let service = build(api.operation("test", async |_: Params<A<u8>>| "read"));
    assert_eq!(request(&service, "GET /test?a=x").send().await.status, 400);
    assert_eq!(
        request(&service, "GET /test?a=300").send().await.status,
        500
    );
    assert_eq!(request(&service, "GET /test").send().await.status, 500);
}

/// Every kind of type accepts the same values as with `serde_json` alone.
#[tokio::test]
async fn bodies_are_deserialized_as_by_serde_json() {
    #[derive(Debug, Deserialize, PartialEq)]
    enum Kind {
        Unit,
        New(i64),
        Pair(i64, bool),
        Named { a: Option<u8> },
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct All {
        kinds: Vec<Kind>,
        counts: BTreeMap<u16, f32>,
        flags: HashMap<bool, Uuid>,
        pair: (char, Option<()>),
        #[serde(flatten)]
        others: BTreeMap<String, Value>,
        raw: NewType,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct NewType(Vec<u8>);

    let value = json!({
        "kinds": ["Unit", {"New": -1}, {"Pair": [1, true]}, {"Named": {"a": null}}],
        "counts": {"7": 1.5, "8": 2},
        "flags": {"true": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
        "pair": ["x", null],
        "raw": [1, 2],
        "more": {"a": [1]},
    });
    let expected: All = serde_json::from_value(value.clone()).unwrap();
    let api = Api::from_document(document(&required("{type: object}"), "")).try_handlers(false);
    let service = build(api.operation("test", async |Body(all): Body<All>| format!("{all:?}")));
    let read = post(&service, value.to_string()).send().await.text();
    assert_eq!(read, format!("{expected:?}"));
    let api = Api::from_document(document(&required("{}"), ""));
    let service = build(api.operation(
        "test",
        async |Body(raw): Body<Box<serde_json::value::RawValue>>| raw.get().to_owned(),
    ));
    assert_eq!(post(&service, "[1, {}]").send().await.text(), "[1,{}]");
}
