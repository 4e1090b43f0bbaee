//! What OpenAPI adds to JSON Schema, in every version of it that can say so.

use connexion::{Api, ApiService, Body, Document, PathValues};
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

/// The same, with discriminators that decide which values are valid.
fn strict_thing(version: &str, schemas: &str) -> ApiService {
    let api = Api::from_document(parsed(version, schemas)).operation("test", async || ());
    build(api.strict_discriminator(true))
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
            "Body /id readOnly: \"id\" is read-only",
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
        "Body /a/id required: \"id\" is a required property at /a"
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

/// What keeps the document from being served, without the file's name.
fn faults(version: &str, schemas: &str) -> String {
    crate::support::faults(parsed(version, schemas))
}

/// The messages of the faults.
fn messages(version: &str, schemas: &str) -> Vec<String> {
    let faults = faults(version, schemas);
    let message = |line: &str| {
        let message = line.split_once(": ").unwrap().1;
        message
            .strip_prefix("warning: ")
            .unwrap_or(message)
            .to_owned()
    };
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

const PETS: &str = "Cat: {type: object, required: [kind, lives], properties: {kind: {type: string}, lives: {type: integer}}}, \
                    Dog: {type: object, required: [kind, tail], properties: {kind: {type: string}, tail: {type: string}}}";

#[test]
fn a_discriminator_chooses_the_schema_whose_faults_are_told() {
    let refs = "[{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]";
    for version in ["3.1", "3.0"] {
        for keyword in ["oneOf", "anyOf"] {
            for (mapping, cat, dog, all) in [
                ("", "Cat", "Dog", r#"["Cat", "Dog"]"#),
                (
                    ", mapping: {cat: '#/components/schemas/Cat', dog: Dog}",
                    "cat",
                    "dog",
                    r#"["cat", "Cat", "dog", "Dog"]"#,
                ),
                // Its own name goes on being one of a schema.
                (
                    ", mapping: {dog: Dog}",
                    "Cat",
                    "Dog",
                    r#"["Cat", "dog", "Dog"]"#,
                ),
            ] {
                let schemas = format!(
                    "Thing: {{{keyword}: {refs}, discriminator: {{propertyName: kind{mapping}}}}}, {PETS}"
                );
                let service = strict_thing(version, &schemas);
                for (body, expected) in [
                    (
                        json!({"kind": cat, "lives": 9}),
                        format!(r#"ok {{}} {{"kind":"{cat}","lives":9}}"#),
                    ),
                    (
                        json!({"kind": dog, "lives": 9}),
                        "Body /tail required: \"tail\" is a required property".to_owned(),
                    ),
                    (
                        json!({"kind": cat, "lives": "x"}),
                        "Body /lives type: \"x\" is not of type \"integer\" at /lives".to_owned(),
                    ),
                    (
                        json!({"kind": "Cow"}),
                        format!("Body /kind discriminator: \"Cow\" is not one of {all} at /kind"),
                    ),
                    (
                        json!({"kind": 5}),
                        format!("Body /kind discriminator: 5 is not one of {all} at /kind"),
                    ),
                    (
                        json!({"lives": 9}),
                        format!(
                            "Body /kind required: \"kind\" is a required property, one of {all}"
                        ),
                    ),
                    (
                        json!([]),
                        "Body  type: [] is not of type \"object\"".to_owned(),
                    ),
                ] {
                    let verdict = body_verdict(&service, &body.to_string());
                    assert_eq!(verdict, expected, "{version} {schemas} {body}");
                }
            }
        }
    }
}

#[test]
fn faults_of_a_chosen_schema_have_their_place_in_the_whole() {
    let schemas = format!(
        "Thing: {{type: object, properties: {{pets: {{type: array, items: {{oneOf: [\
         {{$ref: '#/components/schemas/Cat'}}, {{$ref: '#/components/schemas/Dog'}}], \
         discriminator: {{propertyName: kind}}}}}}}}}}, {PETS}"
    );
    let service = strict_thing("3.0", &schemas);
    assert_eq!(
        body_verdict(
            &service,
            r#"{"pets":[{"kind":"Cat","lives":9},{"kind":"Dog","tail":1},{"kind":"x"},{}]}"#
        ),
        "Body /pets/1/tail type: 1 is not of type \"string\" at /pets/1/tail\n\
         Body /pets/2/kind discriminator: \"x\" is not one of [\"Cat\", \"Dog\"] at /pets/2/kind\n\
         Body /pets/3/kind required: \"kind\" is a required property, one of [\"Cat\", \"Dog\"] at /pets/3"
    );
}

#[test]
fn schemas_that_say_their_value_themselves_need_no_mapping() {
    let branch = |value: &str, rest: &str| {
        format!(
            "{{type: object, required: [kind{rest}], properties: {{kind: {{enum: [{value}]}}}}}}"
        )
    };
    let (cat, dog) = (branch("cat", ", lives"), branch("dog", ""));
    let inline = format!("Thing: {{oneOf: [{cat}, {dog}], discriminator: {{propertyName: kind}}}}");
    let named = format!(
        "Thing: {{oneOf: [{{$ref: '#/components/schemas/A'}}, {{$ref: '#/components/schemas/B'}}], \
         discriminator: {{propertyName: kind}}}}, A: {cat}, B: {dog}"
    );
    for schemas in [inline, named] {
        let service = strict_thing("3.1", &schemas);
        let verdicts = ["cat", "dog", "A"]
            .map(|kind| body_verdict(&service, &json!({"kind": kind}).to_string()));
        assert_eq!(
            verdicts,
            [
                "Body /lives required: \"lives\" is a required property",
                r#"ok {} {"kind":"dog"}"#,
                "Body /kind discriminator: \"A\" is not one of [\"cat\", \"dog\"] at /kind",
            ],
            "{schemas}"
        );
    }
}

#[test]
fn what_is_no_object_is_not_for_the_discriminator() {
    let schemas = format!(
        "Thing: {{oneOf: [{{$ref: '#/components/schemas/Cat'}}, {{type: 'null'}}], \
         discriminator: {{propertyName: kind}}}}, {PETS}"
    );
    let service = strict_thing(
        "3.1",
        &format!(
            "Thing: {{items: {{$ref: '#/components/schemas/Maybe'}}}}, Maybe{}",
            &schemas["Thing".len()..]
        ),
    );
    assert_eq!(body_verdict(&service, "[null]"), "ok {} [null]");
    assert_eq!(
        body_verdict(&service, "[{}]"),
        "Body /0/kind required: \"kind\" is a required property, one of [\"Cat\"] at /0"
    );
    assert!(body_verdict(&service, "[1]").starts_with("Body /0 oneOf: "));
}

#[test]
fn a_discriminator_of_a_base_chooses_between_its_children() {
    for version in VERSIONS {
        let discriminator = if version == "2.0" {
            "kind"
        } else {
            "{propertyName: kind}"
        };
        let schemas = format!(
            "Thing: {{type: object, discriminator: {discriminator}, required: [kind, name], properties: \
             {{kind: {{type: string}}, name: {{type: string}}, friend: {{$ref: '#/components/schemas/Thing'}}}}}}, \
             Cat: {{allOf: [{{$ref: '#/components/schemas/Thing'}}, \
             {{type: object, required: [lives], properties: {{lives: {{type: integer}}}}}}]}}, \
             Siamese: {{allOf: [{{$ref: '#/components/schemas/Cat'}}, {{required: [blue]}}]}}, \
             Other: {{type: object}}"
        );
        let service = strict_thing(version, &schemas);
        let all = r#"["Thing", "Cat", "Siamese"]"#;
        for (body, expected) in [
            (
                json!({"kind": "Cat", "name": "n", "lives": 9}),
                String::new(),
            ),
            (
                json!({"kind": "Siamese", "name": "n", "lives": 9, "blue": true}),
                String::new(),
            ),
            (json!({"kind": "Thing", "name": "n"}), String::new()),
            (
                json!({"kind": "Siamese", "name": 1, "lives": "9"}),
                "Body /blue required: \"blue\" is a required property\n\
                 Body /name type: 1 is not of type \"string\" at /name\n\
                 Body /lives type: \"9\" is not of type \"integer\" at /lives"
                    .to_owned(),
            ),
            (
                json!({"kind": "Other", "name": "n"}),
                format!("Body /kind discriminator: \"Other\" is not one of {all} at /kind"),
            ),
            (
                json!({"name": "n"}),
                format!("Body /kind required: \"kind\" is a required property, one of {all}"),
            ),
            (
                json!({"kind": "Thing", "name": "n", "friend": {"kind": "Cat", "name": "m"}}),
                "Body /friend/lives required: \"lives\" is a required property at /friend"
                    .to_owned(),
            ),
        ] {
            let verdict = body_verdict(&service, &body.to_string());
            let verdict = if verdict.starts_with("ok") {
                String::new()
            } else {
                verdict
            };
            assert_eq!(sorted(&verdict), sorted(&expected), "{version} {body}");
        }
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_base_is_chosen_by_mapping_enum_and_nested_discriminators_alike() {
    let child = |name: &str, of: &str, rest: &str| {
        format!("{name}: {{allOf: [{{$ref: '#/components/schemas/{of}'}}{rest}]}}")
    };
    // The values of a mapping replace the names; a base that does not list its own is not to be named.
    let base = "Thing: {type: object, properties: {kind: {enum: [cat, Siamese]}}, \
                discriminator: {propertyName: kind, mapping: {cat: Cat}}}";
    let cat = child(
        "Cat",
        "Thing",
        ", {required: [lives]}], discriminator: {propertyName: kind}, x-a: [1",
    );
    let schemas = format!(
        "{base}, {cat}, {}",
        child("Siamese", "Cat", ", {required: [blue]}")
    );
    for version in ["3.1", "3.0"] {
        let service = strict_thing(version, &schemas);
        let keywords = |body: &str| {
            let verdict = body_verdict(&service, body);
            let lines = verdict
                .lines()
                .map(|line| line.split(':').next().unwrap().to_owned());
            lines.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(keywords(r#"{"kind":"cat"}"#), "Body /lives required");
        assert_eq!(
            keywords(r#"{"kind":"Siamese"}"#),
            "Body /lives required, Body /blue required"
        );
        assert_eq!(
            keywords(r#"{"kind":"Thing"}"#),
            "Body /kind enum, Body /kind discriminator"
        );
    }
}

#[test]
fn what_leads_into_a_base_still_leads_there() {
    let schemas = "Base: {discriminator: {propertyName: kind}, properties: {name: {type: string}}}, \
                   Child: {allOf: [{$ref: '#/components/schemas/Base'}]}, \
                   Thing: {properties: {a: {$ref: '#/components/schemas/Base/properties/name'}, \
                   b: {allOf: [{$ref: '#/components/schemas/Base'}], description: any of them}}}";
    let service = strict_thing("3.1", schemas);
    assert_eq!(
        body_verdict(&service, r#"{"a":1,"b":{"kind":"x"}}"#),
        "Body /a type: 1 is not of type \"string\" at /a\n\
         Body /b/kind discriminator: \"x\" is not one of [\"Base\", \"Child\"] at /b/kind"
    );
}

#[test]
fn a_discriminator_that_can_choose_nothing_is_told() {
    let cat = "Cat: {type: object}";
    for (version, discriminator, expected) in [
        ("3.1", "{}", "the `discriminator` has no `propertyName`"),
        ("3.0", "kind", "`discriminator` must be an object"),
        ("3.0", "{propertyName: 5}", "`propertyName` must be a text"),
        (
            "3.1",
            "{propertyName: k, mappings: {}}",
            "a discriminator has no member `mappings`",
        ),
        (
            "3.1",
            "{propertyName: k, mapping: [Cat]}",
            "`mapping` must be an object",
        ),
        (
            "3.1",
            "{propertyName: k, mapping: {a: 5}}",
            "a value of `mapping` must be a text",
        ),
        (
            "3.1",
            "{propertyName: k, mapping: {a: Dog}}",
            "there is no schema `Dog`",
        ),
        (
            "3.0",
            "{propertyName: k, mapping: {a: '#/components/schemas/Dog'}}",
            "`#/components/schemas/Dog` does not exist",
        ),
        (
            "3.0",
            "{propertyName: k, mapping: {a: '#/info'}}",
            "`#/info` is not a schema",
        ),
        ("2.0", "{propertyName: k}", "`discriminator` must be a text"),
    ] {
        let schemas = format!("Thing: {{type: object, discriminator: {discriminator}}}, {cat}");
        assert_eq!(
            messages(version, &schemas),
            [expected],
            "{version} {discriminator}"
        );
    }
    let inline = "Thing: {oneOf: [{type: object}, {$ref: '#/components/schemas/Cat'}], \
                  discriminator: {propertyName: kind}}, Cat: {type: object}";
    assert_eq!(messages("3.1", inline), [""; 0]);
    let api = Api::from_document(parsed("3.1", inline)).operation("test", async || ());
    let faults = api.strict_discriminator(true).build(()).unwrap_err();
    assert!(
        faults.to_string().ends_with(
            "the discriminator `kind` can't name this schema; write a reference, or the `const` of `kind` in it"
        ),
        "{faults}"
    );
}

#[test]
fn schemas_that_lead_back_to_themselves_by_one_of_are_told() {
    // Without a discriminator nothing says which one is meant.
    let both = "Thing: {oneOf: [{$ref: '#/components/schemas/Cat'}]}, \
                Cat: {allOf: [{$ref: '#/components/schemas/Thing'}]}";
    let told = messages("3.0", both);
    assert!(
        told.iter()
            .all(|line| line.ends_with("leads back to itself"))
            && !told.is_empty(),
        "{told:?}"
    );
}

/// For each format of texts: one that is right, and some that are not.
const FORMATS: [(&str, &str, &[&str]); 13] = [
    (
        "uuid",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        &[
            "f81d4fae7dec11d0a76500a0c91e6bf6",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bfg",
            "",
        ],
    ),
    (
        "date",
        "2024-02-29",
        &["2023-02-29", "2024-2-29", "2024-02-29T00:00:00Z"],
    ),
    (
        "date-time",
        "2024-02-29T12:00:00.5+01:00",
        &[
            "2024-02-29",
            "2024-02-29 12:00",
            "2024-02-29T25:00:00Z",
            "2024-02-29T12:00:00",
        ],
    ),
    ("time", "12:00:00Z", &["12:00", "25:00:00Z"]),
    ("duration", "P1DT12H", &["P", "1D", "PT"]),
    (
        "email",
        "a.b+c@example.com",
        &["a", "a@", "@b.c", "a b@example.com"],
    ),
    (
        "hostname",
        "a-1.example.com",
        &["-a.example", "a..b", "a_b"],
    ),
    ("ipv4", "127.0.0.1", &["127.0.0", "256.0.0.1", "127.0.0.01"]),
    ("ipv6", "::ffff:127.0.0.1", &["127.0.0.1", ":::", "1::2::3"]),
    (
        "uri",
        "https://example.com/a?b#c",
        &["/a", "a b:c", "https://exa mple.com"],
    ),
    ("uri-reference", "../a?b#c", &["a b", "%zz"]),
    ("byte", "aGVsbG8=", &["aGVsbG8", "a-_=", "aGVsb G8="]),
    ("regex", "^(a|b)*$", &["(", "[z-a]"]),
];

#[test]
fn texts_are_held_against_the_formats() {
    for (format, right, wrong) in FORMATS {
        for version in VERSIONS {
            let service = thing(
                version,
                &format!("Thing: {{type: string, format: {format}}}"),
            );
            let verdict = body_verdict(&service, &json!(right).to_string());
            assert_eq!(
                verdict,
                format!("ok {{}} {}", json!(right)),
                "{version} {format}"
            );
            for wrong in wrong {
                let verdict = body_verdict(&service, &json!(wrong).to_string());
                let expected = format!("Body  format: \"{wrong}\" is not a \"{format}\"");
                assert_eq!(verdict, expected, "{version}");
            }
        }
    }
}

#[test]
fn numbers_are_held_against_the_formats() {
    for version in VERSIONS {
        for (schema, right, wrong) in [
            (
                "{type: integer, format: int32}",
                &["2147483647", "-2147483648"][..],
                &[
                    ("2147483648", "format"),
                    ("-2147483649", "format"),
                    ("1.5", "type"),
                ][..],
            ),
            (
                "{type: integer, format: int64}",
                &["9223372036854775807"],
                &[("9223372036854775808", "format")],
            ),
            (
                "{type: number, format: float}",
                &["3.4e38", "3.4028235e38", "-0.1", "7"],
                &[("3.5e38", "format"), ("-1e39", "format")],
            ),
            (
                "{type: number, format: double}",
                &["1.7e308", "-7"],
                &[("1e309", "json"), ("'1'", "json")],
            ),
        ] {
            let service = thing(version, &format!("Thing: {schema}"));
            for right in right {
                let verdict = body_verdict(&service, right);
                assert!(
                    verdict.starts_with("ok"),
                    "{version} {schema} {right}: {verdict}"
                );
            }
            for (wrong, keyword) in wrong {
                let verdict = body_verdict(&service, wrong);
                let start = format!("Body  {keyword}: ");
                assert!(
                    verdict.starts_with(&start),
                    "{version} {schema} {wrong}: {verdict}"
                );
            }
        }
        let float = thing(version, "Thing: {type: number, format: float}");
        let expected = "Body  format: 1e39 is not a \"float\"";
        assert_eq!(body_verdict(&float, "1e39"), expected);
    }
}

#[test]
fn an_unknown_format_is_let_be_and_ones_own_replaces_a_known_one() {
    let service = thing("3.0", "Thing: {type: string, format: passphrase}");
    assert_eq!(body_verdict(&service, "\"x\""), "ok {} \"x\"");
    let schema = "Thing: {type: string, format: byte}";
    let api = Api::from_document(parsed("3.1", schema)).format("byte", |text| text == "!");
    let service = build(api.operation("test", async || ()));
    assert_eq!(body_verdict(&service, "\"!\""), "ok {} \"!\"");
    assert!(body_verdict(&service, "\"aGVsbG8=\"").contains("is not a \"byte\""));
}

#[test]
fn a_default_or_example_that_breaks_its_schema_is_told() {
    let unlike = |keyword: &str| {
        format!("the `{keyword}` breaks its schema: \"x\" is not of type \"integer\"")
    };
    for version in VERSIONS {
        for (schemas, expected) in [
            ("Thing: {type: integer, default: x}", unlike("default")),
            ("Thing: {type: integer, example: x}", unlike("example")),
            (
                "Thing: {properties: {a: {items: {type: integer, example: x}}}}",
                unlike("example"),
            ),
            (
                "Thing: {type: object, properties: {a: {type: integer}}, example: {a: x}}",
                unlike("example") + " at /a",
            ),
            (
                "Thing: {}, Unused: {type: string, format: date, default: tomorrow}",
                "the `default` breaks its schema: \"tomorrow\" is not a \"date\"".to_owned(),
            ),
        ] {
            assert_eq!(
                messages(version, schemas),
                [expected],
                "{version} {schemas}"
            );
            let found = parsed(version, schemas).check();
            assert_eq!(found.len(), 1, "{version} {schemas}");
            let code = if schemas.contains("default") {
                "default-invalid"
            } else {
                "example-invalid"
            };
            assert_eq!(found[0].code.as_str(), code);
        }
        for schemas in [
            "Thing: {type: integer, default: 5, example: 6}",
            "Thing: {properties: {default: {type: integer}, example: {type: integer}}}",
            // An example may show either direction.
            "Thing: {required: [a, b], properties: {a: {readOnly: true}, b: {writeOnly: true}}, example: {a: 1}}",
            "Thing: {required: [a, b], properties: {a: {readOnly: true}, b: {writeOnly: true}}, example: {a: 1, b: 2}}",
        ] {
            assert_eq!(faults(version, schemas), "", "{version}");
        }
    }
    let listed = "Thing: {type: integer, examples: [5, x]}";
    assert_eq!(messages("3.1", listed), [unlike("examples")]);
    let nullable = "Thing: {type: integer, nullable: true, default: null}";
    assert_eq!(faults("3.0", nullable), "");
    let beside = "Thing: {$ref: '#/components/schemas/A', default: x}, A: {type: integer}";
    assert_eq!(messages("3.1", beside), [unlike("default")]);
    assert_eq!(faults("3.0", beside), "", "it has no meaning there");
}

#[test]
fn examples_of_bodies_parameters_and_headers_are_held_against_the_schema_beside_them() {
    let media = |rest: &str| format!("{{schema: {{type: integer}}, {rest}}}");
    let told = |operation: &str| {
        let components = "examples: {E: {value: x}}";
        let documents = ["3.1.0", "3.0.3"].map(|version| {
            let text = crate::support::document(operation, components)
                .text()
                .to_owned();
            Document::parse("test.yaml", text.replace("3.1.0", version)).unwrap()
        });
        let found = documents.map(|document| {
            let found = document.check();
            found
                .iter()
                .map(|fault| fault.message.clone())
                .collect::<Vec<_>>()
                .join("\n")
        });
        assert_eq!(found[0], found[1], "{operation}");
        found[0].clone()
    };
    for (rest, keyword) in [
        ("example: x", "example"),
        ("examples: {a: {value: 5}, b: {value: x}}", "examples"),
        (
            "examples: {a: {$ref: '#/components/examples/E'}}",
            "examples",
        ),
    ] {
        let media = media(rest);
        let any = crate::support::ANY;
        for operation in [
            format!("requestBody: {{content: {{application/json: {media}}}}}, {any}"),
            format!(
                "responses: {{'200': {{description: d, content: {{application/a+json: {media}}}}}}}"
            ),
            format!(
                "parameters: [{{name: a, in: query, {}, {any}",
                &format!("{}]", &media[1..])
            ),
            format!("responses: {{'200': {{description: d, headers: {{A: {media}}}}}}}"),
        ] {
            assert_eq!(
                told(&operation),
                format!("the `{keyword}` breaks its schema: \"x\" is not of type \"integer\""),
                "{operation}"
            );
        }
    }
    let right = media("examples: {a: {externalValue: 'a.json'}, b: {value: 5}}");
    let any = crate::support::ANY;
    let right = format!("requestBody: {{content: {{application/json: {right}}}}}, {any}");
    assert_eq!(told(&right), "");
    let text = "responses: {'200': {description: d, content: {text/plain: {schema: {type: string, maxLength: 1}, example: long}}}}";
    assert_eq!(told(text), "", "how a text is written is not known");
}

#[test]
fn the_example_of_an_answer_in_swagger_is_held_against_its_schema() {
    let text = "swagger: '2.0'\ninfo: {title: T, version: '1'}\npaths:\n  /test:\n    get:\n      operationId: test\n      \
                responses:\n        '200':\n          description: d\n          schema: {type: integer}\n          \
                examples: {application/json: x, text/csv: y}\n";
    let found = Document::parse("test.yaml", text).unwrap().check();
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "test.yaml:11:22: warning: the `example` breaks its schema: \"x\" is not of type \"integer\""
        ]
    );
}

#[test]
fn patterns_that_would_take_very_long_are_given_up_soon() {
    let long = "a".repeat(500_000);
    for (pattern, text) in [
        ("(a+)+$", format!("{long}!")),
        ("^(?=.*\\d)(a+)+$", format!("{long}!")),
        ("^(?!b)(a|a)*(?<!c)$", "a".repeat(4_000) + "!"),
        ("(a*)*\\1b", long.clone()),
        ("(?=.*x)(?=.*y)z", long),
        ("(?=.*x)(?=.*y)z", "a".repeat(4_000)),
    ] {
        for version in VERSIONS {
            let schema = format!("Thing: {{type: string, pattern: '{pattern}'}}");
            let service = thing(version, &schema);
            let start = std::time::Instant::now();
            let verdict = body_verdict(&service, &json!(text).to_string());
            let end: String = verdict.chars().skip(verdict.chars().count() - 40).collect();
            assert!(
                verdict.starts_with("Body  pattern: \"aaa"),
                "{pattern} {end}"
            );
            assert!(
                start.elapsed().as_secs() < 5,
                "{pattern} {:?}",
                start.elapsed()
            );
        }
    }
}

#[test]
fn patterns_may_look_ahead_and_refer_back() {
    let schema =
        "Thing: {type: string, minLength: 4, pattern: '^(?=.*[A-Z])(?=.*[0-9]).+$', maxLength: 9}";
    for version in VERSIONS {
        let service = thing(version, schema);
        for (body, expected) in [
            ("\"Abc1\"", "ok {} \"Abc1\""),
            ("5", "Body  type: 5 is not of type \"string\""),
            (
                "\"abc\"",
                "Body  minLength: \"abc\" is too short\n\
                 Body  pattern: \"abc\" does not match \"^(?=.*[A-Z])(?=.*[0-9]).+$\"",
            ),
        ] {
            assert_eq!(body_verdict(&service, body), expected, "{version}");
        }
    }
    let service = thing("3.1", "Thing: {type: string, pattern: '^(a|b)\\1$'}");
    assert_eq!(body_verdict(&service, "\"aa\""), "ok {} \"aa\"");
    assert!(body_verdict(&service, "\"ab\"").starts_with("Body  pattern"));
}

#[tokio::test]
async fn a_typed_answer_is_held_against_a_pattern_that_looks_ahead() {
    #[derive(Clone, Serialize)]
    struct Word {
        word: &'static str,
    }
    let schema = "Thing: {type: object, properties: {word: {type: string, pattern: '^(?!x)'}}}";
    for (word, status) in [("a", 200), ("x", 500)] {
        let api = Api::from_document(parsed("3.1", schema));
        let service = build(api.operation("test", async move || Body(Word { word })));
        assert_eq!(post(&service, "{}").await.status.as_u16(), status);
    }
}

#[test]
fn a_body_that_is_nested_very_deep_is_refused() {
    let tree = "Thing: {type: object, properties: {a: {$ref: '#/components/schemas/Thing'}}}";
    for version in VERSIONS {
        let service = thing(version, tree);
        let nested = |depth: usize| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        let expected = "Body  json: Request body is not valid JSON";
        assert_eq!(body_verdict(&service, &nested(100_000)), expected);
        let verdict = body_verdict(&service, &nested(100));
        assert!(verdict.starts_with("Body /a/a/a"), "{verdict}");
    }
}

#[test]
fn a_tree_of_which_every_level_is_looked_at_twice_is_given_up_soon() {
    let branch = |name: &str| {
        format!("{{properties: {{a: {{$ref: '#/components/schemas/Thing'}}}}, required: [{name}]}}")
    };
    let alternatives = format!("[{}, {}]", branch("a"), branch("b"));
    for (keyword, version) in [("anyOf", "3.1"), ("oneOf", "3.1"), ("allOf", "3.0")] {
        let service = thing(version, &format!("Thing: {{{keyword}: {alternatives}}}"));
        let deep = |levels| r#"{"a":"#.repeat(levels) + "{}" + &"}".repeat(levels);
        // Without an end it would take years.
        let begin = std::time::Instant::now();
        let said = body_verdict(&service, &deep(60));
        assert_eq!(
            said,
            "Body  $ref: the value is nested too deeply for its schema"
        );
        assert!(
            begin.elapsed().as_secs() < 60,
            "{keyword} took {:?}",
            begin.elapsed()
        );
        // What came before does not count.
        let said = body_verdict(&service, &deep(2));
        assert!(!said.contains("too deeply"), "{said}");
    }
}

#[test]
fn long_values_of_recursive_schemas_are_not_taken_for_deep_ones() {
    let schemas = "Thing: {type: object, required: [name], properties: {name: {type: string}, below: {type: array, \
                   items: {$ref: '#/components/schemas/Thing'}}}}";
    let service = thing("3.1", schemas);
    let items = vec![r#"{"name":"a","below":[]}"#; 30_000].join(",");
    let body = format!(r#"{{"name":"a","below":[{items}]}}"#);
    assert!(body_verdict(&service, &body).starts_with("ok"));
}

#[test]
fn each_level_of_a_deep_value_takes_time_once_or_is_counted() {
    let again = "$ref: '#/components/schemas/Thing'";
    for schema in [
        format!("properties: {{a: {{{again}}}, b: {{{again}}}}}"),
        format!("additionalProperties: {{{again}}}"),
        format!("properties: {{a: {{{again}}}}}, patternProperties: {{'^a': {{{again}}}}}"),
        format!("anyOf: [{{properties: {{a: {{{again}}}}}}}], unevaluatedProperties: false"),
        format!("properties: {{a: {{{again}, properties: {{a: {{{again}}}}}}}}}"),
        format!("not: {{not: {{properties: {{a: {{{again}}}}}}}}}"),
    ] {
        let service = thing("3.1", &format!("Thing: {{type: object, {schema}}}"));
        let begin = std::time::Instant::now();
        let said = body_verdict(&service, &(r#"{"a":"#.repeat(100) + "1" + &"}".repeat(100)));
        assert!(said.starts_with("Body"), "{schema}: {said}");
        assert!(
            begin.elapsed().as_secs() < 60,
            "{schema}: {:?}",
            begin.elapsed()
        );
    }
}

#[test]
fn the_faults_of_one_body_stay_small() {
    // A long `enum`, told of a thousand values, took a hundred megabytes.
    let names: Vec<_> = (0..5_000).map(|i| format!("name-{i}")).collect();
    let schema = format!("Thing: {{type: array, items: {{enum: {names:?}}}}}");
    let service = thing("3.1", &schema);
    let body = json!(vec!["x"; 1_000]).to_string();
    let headers = headers(&[("content-type", "application/json")]);
    let found = only(&service)
        .validate_request(&PathValues::default(), None, &headers, body.as_bytes())
        .unwrap_err();
    assert_eq!(found.len(), 1_000);
    let told: usize = found.iter().map(|one| one.detail.len()).sum();
    assert!(told < 1_500_000, "{told}");
    assert!(found.iter().all(|one| one.expected.is_none()));
}

#[test]
fn a_text_that_is_too_long_for_a_slow_pattern_is_told_so() {
    let service = thing("3.1", "Thing: {pattern: '^(?!x)a+$'}");
    let right = format!("\"{}\"", "a".repeat(4_000));
    assert!(body_verdict(&service, &right).starts_with("ok"));
    let long = format!("\"{}\"", "a".repeat(5_000));
    let verdict = body_verdict(&service, &long);
    assert!(
        verdict.ends_with("is too long to be held against its pattern"),
        "{verdict}"
    );
}

#[test]
fn schemas_that_refer_to_one_another_by_the_dozen_are_shared_and_tell_all_the_same() {
    // Forty, each of which leads to all others.
    let schemas: Vec<_> = (0..40)
        .map(|i| {
            let (next, other) = ((i + 1) % 40, (i * 7 + 3) % 40);
            format!(
                "S{i}: {{type: object, required: [n], properties: {{n: {{type: integer, maximum: {i}}}, \
                 next: {{$ref: '#/components/schemas/S{next}'}}, \
                 list: {{type: array, items: {{$ref: '#/components/schemas/S{other}'}}}}, \
                 either: {{oneOf: [{{$ref: '#/components/schemas/S{other}'}}, {{type: string}}]}}}}}}"
            )
        })
        .collect();
    let schemas = format!(
        "Thing: {{$ref: '#/components/schemas/S0'}}, {}",
        schemas.join(", ")
    );
    let service = thing("3.1", &schemas);
    let right = r#"{"n":0,"next":{"n":1,"next":{"n":2}},"list":[{"n":3},{"n":-1,"either":"x"}]}"#;
    assert_eq!(body_verdict(&service, right), format!("ok {{}} {right}"));
    let wrong = r#"{"n": 1, "next": {"next": {"n": "x", "next": {"n": 4}}}, "list": [{"n": 3}, {"n": 4}, 5], "either": {"n": 4}}"#;
    assert_eq!(
        body_verdict(&service, wrong),
        "Body /n maximum: 1 is greater than the maximum of 0 at /n\n\
         Body /next/n required: \"n\" is a required property at /next\n\
         Body /next/next/n type: \"x\" is not of type \"integer\" at /next/next/n\n\
         Body /next/next/next/n maximum: 4 is greater than the maximum of 3 at /next/next/next/n\n\
         Body /list/1/n maximum: 4 is greater than the maximum of 3 at /list/1/n\n\
         Body /list/2 type: 5 is not of type \"object\" at /list/2\n\
         Body /either oneOf: {\"n\": 4} is not valid under any of the given schemas at /either"
    );
}

#[test]
fn nullable_adds_null_to_the_type_of_the_same_schema_only() {
    let reference = "{$ref: '#/components/schemas/A'}";
    for (version, schema, is_null_valid, warning) in [
        ("3.0", "{type: string, nullable: true}".to_owned(), true, ""),
        (
            "3.0",
            "{type: string, nullable: true, enum: [a]}".to_owned(),
            false,
            "`nullable` has no effect here: null is not allowed unless the `enum` lists it",
        ),
        (
            "3.0",
            "{type: string, nullable: true, enum: [a, null]}".to_owned(),
            true,
            "",
        ),
        (
            "3.0",
            format!("{{nullable: true, allOf: [{reference}]}}"),
            false,
            "`nullable` has no effect without a `type` beside it: null is not allowed by it",
        ),
        (
            "3.0",
            "{nullable: true, enum: [a]}".to_owned(),
            false,
            "`nullable` has no effect without a `type` beside it: null is not allowed by it",
        ),
        ("3.0", "{nullable: true}".to_owned(), true, ""),
        (
            "3.1",
            "{type: string, nullable: true}".to_owned(),
            false,
            "`nullable` is not of this version of OpenAPI; it has no effect; write `type: […, 'null']`",
        ),
        (
            "2.0",
            "{type: string, x-nullable: true, enum: [a]}".to_owned(),
            true,
            "",
        ),
    ] {
        let schemas = format!("Thing: {{properties: {{a: {schema}}}}}, A: {{type: object}}");
        let told = messages(version, &schemas);
        assert_eq!(told.join("\n"), warning, "{version} {schema}");
        let verdict = body_verdict(&thing(version, &schemas), r#"{"a": null}"#);
        assert_eq!(
            verdict.starts_with("ok"),
            is_null_valid,
            "{version} {schema}: {verdict}"
        );
    }
}

#[test]
fn reference_leads_to_any_schema_wherever_it_stands() {
    for version in ["3.1", "3.0"] {
        for (reference, schema) in [
            ("A/definitions/b", "definitions: {b: BOUND}"),
            ("A/definitions/default", "definitions: {default: BOUND}"),
            ("A/x-parts/b", "x-parts: {b: BOUND}"),
            ("A/parts/b", "parts: {b: BOUND}"),
            ("A/x-parts/b/c", "x-parts: {b: {c: BOUND}}"),
        ] {
            let bound = "{type: integer, nullable: false, format: int32}";
            let schema = schema.replace("BOUND", bound);
            let schema = if version == "3.1" {
                schema.replace("nullable: false, ", "")
            } else {
                schema
            };
            let schemas = format!(
                "Thing: {{properties: {{a: {{$ref: '#/components/schemas/{reference}'}}}}}}, A: {{{schema}}}"
            );
            assert_eq!(messages(version, &schemas), [""; 0], "{reference}");
            let service = thing(version, &schemas);
            assert!(
                body_verdict(&service, r#"{"a": 1}"#).starts_with("ok"),
                "{reference}"
            );
            // What is referred to is read as a schema of OpenAPI, with its formats.
            assert!(
                body_verdict(&service, r#"{"a": 2147483648}"#).starts_with("Body /a format"),
                "{reference}"
            );
        }
    }
}

#[test]
fn schema_in_an_extension_is_checked_as_one_if_a_reference_leads_to_it() {
    for version in ["3.1", "3.0"] {
        let schemas =
            "Thing: {$ref: '#/components/schemas/A/x-a'}, A: {x-a: {type: txt}, x-b: {type: txt}}";
        let told = messages(version, schemas);
        assert_eq!(
            told,
            ["`type` must be one of string, number, integer, boolean, object, array, null"]
        );
    }
}

#[test]
fn response_that_is_referred_to_as_a_schema_allows_any_value() {
    let document = crate::support::document(
        &crate::support::with_body("{$ref: '#/components/responses/R'}"),
        "responses: {R: {description: d}}",
    );
    let [fault] = &document.check()[..] else {
        panic!("{:?}", document.check())
    };
    assert_eq!(fault.code.as_str(), "not-checked");
    assert!(body_verdict(&service(document), "5").starts_with("ok"));
}

#[test]
fn list_under_items_is_read_by_place() {
    for (version, rest) in [
        ("2.0", ""),
        ("3.0", ""),
        ("3.1", ""),
        ("2.0", ", additionalItems: false"),
    ] {
        let schemas = format!(
            "Thing: {{type: array, items: [{{type: integer}}, {{$ref: '#/components/schemas/A'}}]{rest}}}, A: {{type: string}}"
        );
        let told = messages(version, &schemas);
        assert!(
            told.len() == 1 && told[0].starts_with("a list under `items`"),
            "{told:?}"
        );
        let service = thing(version, &schemas);
        assert!(body_verdict(&service, r#"[1, "a"]"#).starts_with("ok"));
        assert!(body_verdict(&service, r#"["a"]"#).starts_with("Body /0 type"));
        assert!(body_verdict(&service, r"[1, 2]").starts_with("Body /1 type"));
        let longer = body_verdict(&service, r#"[1, "a", null]"#);
        assert_eq!(longer.starts_with("ok"), rest.is_empty(), "{longer}");
        assert_eq!(answer_verdict(&service, r#"[1, "a"]"#), "ok");
    }
}

#[test]
fn name_that_stands_twice_in_a_list_is_a_warning() {
    for version in VERSIONS {
        let schemas = "Thing: {type: object, required: [a, a]}";
        assert_eq!(
            messages(version, schemas),
            ["`a` stands twice in `required`"]
        );
        let verdict = body_verdict(&thing(version, schemas), "{}");
        assert_eq!(verdict, "Body /a required: \"a\" is a required property");
    }
}

#[test]
fn examples_of_a_schema_that_are_no_list_are_a_warning() {
    let schemas = "Thing: {type: object, examples: {one: {a: 1}}}";
    let expected = ["the `examples` of a schema are a list; an object is not read"];
    assert_eq!(messages("3.1", schemas), expected);
    assert!(body_verdict(&thing("3.1", schemas), "{}").starts_with("ok"));
}

#[test]
fn rules_beside_each_reference_of_a_chain_hold() {
    let schemas = "Thing: {type: object, properties: {a: {$ref: '#/components/schemas/A', x-a: 1}}}, \
                   A: {$ref: '#/components/schemas/B', maxLength: 2}, B: {type: string}";
    let service = thing("3.1", schemas);
    assert!(body_verdict(&service, r#"{"a": "ab"}"#).starts_with("ok"));
    assert!(body_verdict(&service, r#"{"a": "abc"}"#).starts_with("Body /a maxLength"));
}
