//! `readOnly` and `writeOnly`.

use connexion::{Api, Body, PathValues};
use serde::Serialize;
use serde_json::json;

use super::{VERSIONS, parsed, response_verdict, thing};
use crate::support::{body_verdict, build, headers, only, post, service};

const USER: &str = "Thing: {type: object, required: [id, name, password], properties: {\
    id: {type: integer, readOnly: true}, name: {type: string}, \
    password: {type: string, writeOnly: true}, friend: {$ref: '#/components/schemas/Thing'}}}";

#[test]
fn read_only_is_rejected_in_requests_and_required_in_responses() {
    for version in VERSIONS {
        let service = thing(version, USER);
        for (body, expected) in [
            (
                r#"{"name":"n","password":"p"}"#,
                r#"ok {} {"name":"n","password":"p"}"#,
            ),
            (
                r#"{"id":1,"name":"n","password":"p"}"#,
                "Body /id readOnly: \"id\" is read-only",
            ),
            (
                r#"{"name":"n","password":"p","friend":{"id":"x","name":1}}"#,
                "Body /friend/password required: \"password\" is a required property at /friend\n\
                 Body /friend/id readOnly: \"id\" is read-only at /friend\n\
                 Body /friend/name type: 1 is not of type \"string\" at /friend/name",
            ),
            (
                "{}",
                "Body /name required: \"name\" is a required property\n\
                 Body /password required: \"password\" is a required property",
            ),
        ] {
            let mut lines: Vec<_> = body_verdict(&service, body)
                .lines()
                .map(str::to_owned)
                .collect();
            let mut expected: Vec<_> = expected.lines().map(str::to_owned).collect();
            lines.sort();
            expected.sort();
            assert_eq!(lines, expected, "{version} {body}");
        }
        for (body, expected) in [
            (r#"{"id":1,"name":"n"}"#, "ok"),
            (
                r#"{"id":1,"name":"n","password":"p"}"#,
                "Body /password writeOnly: \"password\" is write-only",
            ),
            (
                r#"{"name":"n"}"#,
                "Body /id required: \"id\" is a required property",
            ),
        ] {
            assert_eq!(
                response_verdict(&service, body),
                expected,
                "{version} {body}"
            );
        }
    }
}

#[test]
fn read_only_and_required_may_be_in_different_schemas() {
    for (version, schemas) in [
        // Required in the same schema, in a part, and in an unrelated schema.
        (
            "3.1",
            "Thing: {allOf: [{properties: {id: {readOnly: true}}}], required: [id]}",
        ),
        (
            "3.0",
            "Thing: {properties: {id: {readOnly: true}}, allOf: [{required: [id]}]}",
        ),
        (
            "2.0",
            "Thing: {allOf: [{$ref: '#/components/schemas/Base'}, {properties: {id: {readOnly: true}}}]}, \
             Base: {required: [id]}",
        ),
        (
            "3.1",
            "Thing: {$ref: '#/components/schemas/Base', properties: {id: {readOnly: true}}}, \
             Base: {$ref: '#/components/schemas/Root'}, Root: {required: [id]}",
        ),
        // Marked in a referenced schema, beside a reference and in a part.
        (
            "3.0",
            "Thing: {required: [id], properties: {id: {$ref: '#/components/schemas/Id'}}}, Id: {readOnly: true}",
        ),
        (
            "3.1",
            "Thing: {required: [id], properties: {id: {$ref: '#/components/schemas/Id', readOnly: true}}}, Id: {}",
        ),
        (
            "3.0",
            "Thing: {required: [id], properties: {id: {allOf: [{$ref: '#/components/schemas/Id'}], readOnly: true}}}, Id: {}",
        ),
        (
            "2.0",
            "Thing: {required: [id], properties: {id: {allOf: [{$ref: '#/components/schemas/Id'}]}}}, Id: {readOnly: true}",
        ),
    ] {
        let service = thing(version, schemas);
        assert_eq!(body_verdict(&service, "{}"), "ok {} {}", "{schemas}");
        assert_eq!(
            body_verdict(&service, r#"{"id":1}"#),
            "Body /id readOnly: \"id\" is read-only",
            "{schemas}"
        );
        assert_eq!(response_verdict(&service, r#"{"id":1}"#), "ok", "{schemas}");
        assert!(
            response_verdict(&service, "{}").starts_with("Body /id required"),
            "{schemas}"
        );
    }
}

#[test]
fn base_schema_still_requires_properties_that_a_child_marks_read_only() {
    let service = thing(
        "3.1",
        "Thing: {properties: {a: {$ref: '#/components/schemas/Base'}, b: {allOf: [\
         {$ref: '#/components/schemas/Base'}, {properties: {id: {readOnly: true}}}]}}}, Base: {required: [id]}",
    );
    assert_eq!(
        body_verdict(&service, r#"{"a":{},"b":{}}"#),
        "Body /a/id required: \"id\" is a required property at /a"
    );
}

#[tokio::test]
async fn typed_response_may_not_contain_write_only() {
    #[derive(Clone, Serialize)]
    struct User {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<u8>,
        name: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        password: Option<&'static str>,
    }
    let schemas = USER.replace(", friend: {$ref: '#/components/schemas/Thing'}", "");
    for version in VERSIONS {
        for (id, password, status) in [
            (Some(1), None, 200),
            (None, None, 500),
            (Some(1), Some("p"), 500),
        ] {
            let user = User {
                id,
                name: "n",
                password,
            };
            let typed = user.clone();
            let typed = Api::from_document(parsed(version, &schemas))
                .operation("test", async move || Body(typed));
            let text = Api::from_document(parsed(version, &schemas))
                .operation("test", async move || Body(json!(user)));
            for api in [typed, text] {
                let sent = r#"{"name":"n","password":"p"}"#;
                let response = post(&build(api), sent).send().await;
                assert_eq!(response.status.as_u16(), status, "{version}");
            }
        }
    }
}

#[test]
fn read_only_is_rejected_in_parameters() {
    let document = crate::support::document(
        &crate::support::with_parameters(
            "{name: q, in: query, content: {application/json: {schema: \
             {type: object, required: [id], properties: {id: {readOnly: true}}}}}}",
        ),
        "",
    );
    let service = service(document);
    let read = |query: &str| {
        crate::support::verdict(only(&service).validate_request(
            &PathValues::default(),
            Some(query),
            &headers(&[]),
            b"",
        ))
    };
    assert_eq!(read("q={}"), r#"ok {"q":{}} null"#);
    assert_eq!(
        read("q={%22id%22:1}"),
        "Query q/id readOnly: \"id\" is read-only for query parameter 'q'"
    );
}
