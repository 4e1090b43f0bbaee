//! What OpenAPI adds to JSON Schema, in every version of it that can say so.

use connexion::{Api, ApiService, Body, Document};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use crate::support::{body_verdict, build, headers, only, post, sentences, service};

const VERSIONS: [&str; 3] = ["3.1", "3.0", "2.0"];

/// A document whose operation `test` reads a `Thing` and answers one, with these schemas. References are
/// written as OpenAPI 3 does.
fn text(version: &str, schemas: &str) -> String {
    let body = "{$ref: '#/components/schemas/Thing'}";
    if version == "2.0" {
        let text = format!(
            "swagger: '2.0'\ninfo: {{title: T, version: '1'}}\npaths:\n  /test:\n    post: {{operationId: test, \
             parameters: [{{name: b, in: body, schema: {body}}}], \
             responses: {{'200': {{description: d, schema: {body}}}}}}}\n\ndefinitions: {{{schemas}}}\n"
        );
        return text.replace("#/components/schemas/", "#/definitions/");
    }
    let content = format!("content: {{application/json: {{schema: {body}}}}}");
    format!(
        "openapi: {version}.0\ninfo: {{title: T, version: '1'}}\npaths:\n  /test:\n    post: {{operationId: test, \
         requestBody: {{{content}}}, \
         responses: {{'200': {{description: d, {content}}}}}}}\ncomponents:\n  schemas: {{{schemas}}}\n"
    )
}

fn parsed(version: &str, schemas: &str) -> Document {
    Document::parse("test.yaml", text(version, schemas)).unwrap_or_else(|faults| panic!("{faults}"))
}

fn thing(version: &str, schemas: &str) -> ApiService {
    service(parsed(version, schemas))
}

/// What is wrong with an answer.
fn answer_verdict(service: &ApiService, body: &str) -> String {
    let headers = headers(&[("content-type", "application/json")]);
    let result = only(service).validate_response(StatusCode::OK, &headers, body.as_bytes());
    result.map_or_else(|violations| sentences(&violations), |()| "ok".to_owned())
}

const USER: &str = "Thing: {type: object, required: [id, name, password], properties: {\
    id: {type: integer, readOnly: true}, name: {type: string}, \
    password: {type: string, writeOnly: true}, friend: {$ref: '#/components/schemas/Thing'}}}";

#[test]
fn what_is_read_only_is_refused_in_requests_and_required_of_answers() {
    for version in VERSIONS {
        let service = thing(version, USER);
        for (body, expected) in [
            (
                r#"{"name":"n","password":"p"}"#,
                r#"ok {} {"name":"n","password":"p"}"#,
            ),
            (
                r#"{"id":1,"name":"n","password":"p"}"#,
                "Body /id readOnly: 'id' is read-only",
            ),
            (
                r#"{"name":"n","password":"p","friend":{"id":"x","name":1}}"#,
                "Body /friend/password required: 'password' is a required property - 'friend'\n\
                 Body /friend/id readOnly: 'id' is read-only - 'friend'\n\
                 Body /friend/name type: 1 is not of type 'string' - 'friend.name'",
            ),
            (
                "{}",
                "Body /name required: 'name' is a required property\n\
                 Body /password required: 'password' is a required property",
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
                "Body /password writeOnly: 'password' is write-only",
            ),
            (
                r#"{"name":"n"}"#,
                "Body /id required: 'id' is a required property",
            ),
        ] {
            assert_eq!(answer_verdict(&service, body), expected, "{version} {body}");
        }
    }
}

#[test]
fn a_member_is_read_only_wherever_that_and_its_being_required_stand() {
    for (version, schemas) in [
        // Required beside, in a part, and by a schema that knows nothing of it.
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
        // Flagged behind a reference, beside one and in a part.
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
            "Body /id readOnly: 'id' is read-only",
            "{schemas}"
        );
        assert_eq!(answer_verdict(&service, r#"{"id":1}"#), "ok", "{schemas}");
        assert!(
            answer_verdict(&service, "{}").starts_with("Body /id required"),
            "{schemas}"
        );
    }
}

#[test]
fn a_base_that_is_used_by_itself_still_requires_what_another_flags() {
    let service = thing(
        "3.1",
        "Thing: {properties: {a: {$ref: '#/components/schemas/Base'}, b: {allOf: [\
         {$ref: '#/components/schemas/Base'}, {properties: {id: {readOnly: true}}}]}}}, Base: {required: [id]}",
    );
    assert_eq!(
        body_verdict(&service, r#"{"a":{},"b":{}}"#),
        "Body /a/id required: 'id' is a required property - 'a'"
    );
}

#[tokio::test]
async fn a_typed_answer_is_held_against_the_direction_of_answers() {
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
                let answer = post(&build(api), sent).await;
                assert_eq!(answer.status.as_u16(), status, "{version}");
            }
        }
    }
}

#[test]
fn a_parameter_is_what_is_sent() {
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
            &Vec::new(),
            Some(query),
            &headers(&[]),
            b"",
        ))
    };
    assert_eq!(read("q={}"), r#"ok {"q":{}} null"#);
    assert_eq!(
        read("q={%22id%22:1}"),
        "Query q readOnly: 'id' is read-only for query parameter 'q'"
    );
}

/// What keeps the document from being served, without the file's name.
fn faults(version: &str, schemas: &str) -> String {
    let built = Api::from_document(parsed(version, schemas))
        .operation("test", async || ())
        .build(());
    built.map_or_else(
        |faults| faults.to_string().replace("test.yaml:", ""),
        |_| String::new(),
    )
}

/// The messages of the faults.
fn messages(version: &str, schemas: &str) -> Vec<String> {
    let faults = faults(version, schemas);
    let message = |line: &str| line.split_once(": ").unwrap().1.to_owned();
    faults.lines().map(message).collect()
}

#[test]
fn schemas_that_lead_back_to_themselves_are_told_and_not_followed() {
    for version in VERSIONS {
        let prefix = if version == "2.0" {
            "#/definitions"
        } else {
            "#/components/schemas"
        };
        for (schemas, expected) in [
            (
                "Thing: {allOf: [{$ref: '#/components/schemas/Thing'}]}",
                "Thing",
            ),
            (
                "Thing: {allOf: [{type: object}, {allOf: [{$ref: '#/components/schemas/B'}]}], default: {}}, \
                 B: {allOf: [{$ref: '#/components/schemas/Thing'}]}",
                "Thing",
            ),
            (
                "Thing: {not: {$ref: '#/components/schemas/Thing'}}",
                "Thing",
            ),
        ] {
            let expected = format!("`{prefix}/{expected}` leads back to itself");
            assert_eq!(
                messages(version, schemas),
                [expected],
                "{version} {schemas}"
            );
        }
        let both =
            "Thing: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/Thing'}";
        // The operation, too, refers to what has no end.
        assert_eq!(messages(version, both).len(), 4, "{version}");
        let tree = "Thing: {allOf: [{properties: {child: {$ref: '#/components/schemas/Thing'}}}], \
                    additionalProperties: {$ref: '#/components/schemas/Thing'}}";
        let verdict = body_verdict(&thing(version, tree), r#"{"child":{"a":{"child":{}}}}"#);
        assert!(verdict.starts_with("ok"), "{verdict}");
    }
    let one_of =
        "Thing: {oneOf: [{type: string}, {anyOf: [{$ref: '#/components/schemas/Thing'}]}]}";
    assert_eq!(messages("3.1", one_of).len(), 1);
}

#[test]
fn very_long_chains_of_schemas_do_not_overflow_the_stack() {
    let chain = |link: &str| {
        let links = (0..5_000).map(|i| {
            let next = link.replace(
                "NEXT",
                &format!("{{$ref: '#/components/schemas/S{}'}}", i + 1),
            );
            format!("S{i}: {next}")
        });
        let links = links.collect::<Vec<_>>().join(", ");
        format!("Thing: {{$ref: '#/components/schemas/S0'}}, {links}, S5000: {{}}")
    };
    let told = messages("3.1", &chain("{allOf: [NEXT]}"));
    assert!(
        told.iter()
            .all(|line| line.ends_with("leads over too many references")),
        "{told:?}"
    );
    assert!(!told.is_empty());
    let nested = chain("{properties: {a: NEXT}}");
    assert_eq!(messages("3.1", &nested), [""; 0]);
    assert_eq!(
        body_verdict(&thing("3.1", &nested), r#"{"a":{"a":{}}}"#),
        r#"ok {} {"a":{"a":{}}}"#
    );
}
