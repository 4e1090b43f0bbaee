//! `discriminator`: the schema that it chooses, by mapping, name, enum or base.

use connexion::Api;
use serde_json::json;

use super::{VERSIONS, messages, parsed, strict_thing};
use crate::support::body_verdict;

const PETS: &str = "Cat: {type: object, required: [kind, lives], properties: {kind: {type: string}, lives: {type: integer}}}, \
                    Dog: {type: object, required: [kind, tail], properties: {kind: {type: string}, tail: {type: string}}}";

#[test]
fn discriminator_chooses_the_schema_whose_violations_are_reported() {
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
                // The name of the schema remains valid.
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
fn violations_of_a_chosen_schema_have_pointers_into_the_body() {
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
fn const_or_enum_of_a_schema_replaces_the_mapping() {
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
fn discriminator_ignores_values_that_are_not_objects() {
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
fn discriminator_of_a_base_chooses_between_its_children() {
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
fn base_is_chosen_by_mapping_enum_or_nested_discriminator() {
    let child = |name: &str, of: &str, rest: &str| {
        format!("{name}: {{allOf: [{{$ref: '#/components/schemas/{of}'}}{rest}]}}")
    };
    // The mapping replaces the names; a base that is not in its mapping cannot be chosen.
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
fn reference_into_a_base_is_still_resolved() {
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
fn discriminator_without_effect_is_reported() {
    let cat = "Cat: {type: object}";
    for (version, discriminator, expected) in [
        ("3.1", "{}", "the `discriminator` has no `propertyName`"),
        ("3.0", "kind", "`discriminator` must be an object"),
        (
            "3.0",
            "{propertyName: 5}",
            "`propertyName` must be a string",
        ),
        (
            "3.1",
            "{propertyName: k, mappings: {}}",
            "a discriminator has no field `mappings`",
        ),
        (
            "3.1",
            "{propertyName: k, mapping: [Cat]}",
            "`mapping` must be an object",
        ),
        (
            "3.1",
            "{propertyName: k, mapping: {a: 5}}",
            "a value of `mapping` must be a string",
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
        (
            "2.0",
            "{propertyName: k}",
            "`discriminator` must be a string",
        ),
    ] {
        let schemas = format!("Thing: {{type: object, discriminator: {discriminator}}}, {cat}");
        assert_eq!(
            messages(version, &schemas),
            [expected],
            "{version} {discriminator}"
        );
    }
}

#[test]
fn inline_schema_that_a_strict_discriminator_cannot_name_is_an_error() {
    let inline = "Thing: {oneOf: [{type: object}, {$ref: '#/components/schemas/Cat'}], \
                  discriminator: {propertyName: kind}}, Cat: {type: object}";
    assert_eq!(messages("3.1", inline), [""; 0]);
    let api = Api::from_document(parsed("3.1", inline)).operation("test", async || ());
    let diagnostics = api.strict_discriminator(true).build(()).unwrap_err();
    assert!(
        diagnostics.to_string().ends_with(
            "the discriminator `kind` can't name this schema; use a reference, or add a `const` for `kind`"
        ),
        "{diagnostics}"
    );
}
