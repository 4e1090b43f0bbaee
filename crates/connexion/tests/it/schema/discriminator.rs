//! `discriminator`: which errors it chooses, which schemas it leads to, and that it changes nothing else.

use connexion::{Api, ApiService, Document, Severity};
use serde_json::json;

use crate::support::{body_verdict, build, service};

const OPENAPI: [&str; 3] = ["3.0.4", "3.1.2", "3.2.0"];

fn text(version: &str, schema: &str, schemas: &str) -> String {
    format!(
        "openapi: {version}\ninfo: {{title: T, version: '1'}}\npaths:\n  /test:\n    post: {{operationId: test, \
         requestBody: {{required: true, content: {{application/json: {{schema: {{$ref: '{schema}'}}}}}}}}, \
         responses: {{'200': {{description: d}}}}}}\ncomponents:\n  schemas: {{{schemas}}}\n"
    )
}

fn document(version: &str, schemas: &str) -> Document {
    let text = text(version, "#/components/schemas/Thing", schemas);
    Document::parse("test.yaml", text).unwrap()
}

fn strict(document: Document) -> ApiService {
    let api = Api::from_document(document).operation("test", async || ());
    build(api.strict_discriminator(true))
}

/// Loads a document with one operation, and the other files that it refers to.
fn files(main: &str, others: &[(&str, &str)]) -> Document {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in others {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("api.yaml");
    std::fs::write(&path, main).unwrap();
    Document::load(path).unwrap()
}

/// Builds a service; the document must have no diagnostics.
#[track_caller]
fn clean(document: Document) -> ApiService {
    let diagnostics: Vec<_> = document.check().iter().map(ToString::to_string).collect();
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    service(document)
}

#[track_caller]
fn assert_dispatched(service: &ApiService, cat: &str) {
    let verdict = body_verdict(service, &json!({"kind": cat, "meow": true}).to_string());
    assert!(verdict.starts_with("ok"), "{cat}: {verdict}");
    assert_eq!(
        body_verdict(service, &json!({"kind": cat}).to_string()),
        "Body /meow required: \"meow\" is a required property",
        "{cat}"
    );
    let verdict = body_verdict(service, r#"{"kind": "unheard of"}"#);
    assert!(verdict.starts_with("ok"), "{verdict}");
}

const PETS: &str = "Cat: {type: object, required: [kind, meow], properties: {kind: {type: string}, meow: {type: integer}}}, \
                    Dog: {type: object, required: [kind, bark], properties: {kind: {type: string}, bark: {type: integer}}}";

#[test]
fn discriminator_does_not_change_which_values_are_valid() {
    let refs = "[{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]";
    for version in OPENAPI {
        for keyword in ["oneOf", "anyOf"] {
            let pets = format!(
                "Thing: {{{keyword}: {refs}, discriminator: {{propertyName: kind, mapping: {{cat: Cat}}}}}}, {PETS}"
            );
            let lenient = clean(document(version, &pets));
            let strict = strict(document(version, &pets));
            for (body, is_valid, is_valid_strictly) in [
                (json!({"kind": "Lion", "meow": 1}), true, false),
                (json!({"kind": "Dog", "meow": 1}), true, false),
                (json!({"kind": "cat", "meow": 1}), true, true),
                (json!({"kind": "cat", "bark": "x"}), false, false),
                (
                    json!({"kind": "cat", "meow": 1, "bark": 1}),
                    keyword == "anyOf",
                    true,
                ),
            ] {
                for (service, expected) in [(&lenient, is_valid), (&strict, is_valid_strictly)] {
                    let verdict = body_verdict(service, &body.to_string());
                    assert_eq!(
                        verdict.starts_with("ok"),
                        expected,
                        "{version} {keyword} {body}: {verdict}"
                    );
                }
            }
        }
    }
}

#[test]
fn discriminator_chooses_whose_errors_are_reported() {
    let pets = format!(
        "Thing: {{oneOf: [{{$ref: '#/components/schemas/Cat'}}, {{$ref: '#/components/schemas/Dog'}}], \
         discriminator: {{propertyName: kind, mapping: {{cat: Cat}}}}}}, {PETS}"
    );
    let service = clean(document("3.1.2", &pets));
    for (body, expected) in [
        (
            json!({"kind": "cat", "meow": "x"}),
            "Body /meow type: \"x\" is not of type \"integer\" at /meow",
        ),
        (
            json!({"kind": "Dog"}),
            "Body /bark required: \"bark\" is a required property",
        ),
        (
            json!({"kind": "Cow"}),
            "Body /kind discriminator: \"Cow\" is not one of [\"cat\", \"Cat\", \"Dog\"] at /kind",
        ),
        (
            json!({}),
            "Body /kind required: \"kind\" is a required property, one of [\"cat\", \"Cat\", \"Dog\"]",
        ),
        (
            json!([]),
            "Body  oneOf: [] is not valid under any of the given schemas",
        ),
    ] {
        assert_eq!(
            body_verdict(&service, &body.to_string()),
            expected,
            "{body}"
        );
    }
}

#[test]
fn default_mapping_is_used_without_a_discriminator_value() {
    let pets = format!(
        "Thing: {{oneOf: [{{$ref: '#/components/schemas/Cat'}}, {{$ref: '#/components/schemas/Dog'}}], \
         discriminator: {{propertyName: kind, defaultMapping: Dog}}}}, {PETS}"
    );
    let service = clean(document("3.2.0", &pets));
    assert_eq!(
        body_verdict(&service, r#"{"kind": "Cow"}"#),
        "Body /bark required: \"bark\" is a required property"
    );
    let strict = strict(document("3.2.0", &pets));
    assert!(body_verdict(&strict, r#"{"kind": "Cow", "bark": 1}"#).starts_with("ok"));
    let diagnostics = document("3.1.2", &pets).check();
    assert!(
        diagnostics.len() == 1 && diagnostics[0].severity() == Severity::Warning,
        "{diagnostics:?}"
    );
}

const BASE: &str = "{type: object, required: [kind], properties: {kind: {type: string}}, discriminator: {propertyName: kind";

fn child(base: &str) -> String {
    format!(
        "{{allOf: [{{$ref: '{base}'}}, {{type: object, required: [meow], properties: {{meow: {{type: boolean}}}}}}]}}"
    )
}

#[test]
fn base_in_another_file_leads_to_its_children() {
    for (mapping, name) in [
        ("", "Cat"),
        (", mapping: {cat: '#/Cat'}", "cat"),
        (", mapping: {cat: 'm.yaml#/Cat'}", "cat"),
        (", mapping: {cat: ./m.yaml#/Cat}", "cat"),
        (", mapping: {cat: Cat}", "cat"),
    ] {
        let file = format!("Pet: {BASE}{mapping}}}}}\nCat: {}\n", child("#/Pet"));
        let main = text("3.0.3", "m.yaml#/Pet", "");
        assert_dispatched(&clean(files(&main, &[("m.yaml", &file)])), name);
    }
}

#[test]
fn base_with_a_file_for_each_schema_leads_to_its_children() {
    for (mapping, name) in [
        (", mapping: {cat: ./Cat.yaml}", "cat"),
        (", mapping: {cat: Cat.yaml}", "Cat"),
        (", mapping: {cat: Cat}", "cat"),
        ("", "Cat"),
        ("", "Tom"),
    ] {
        for base in ["Pet.yaml", "./Pet.yaml", "api.yaml#/components/schemas/Pet"] {
            let pet = format!("{BASE}{mapping}}}}}");
            let schemas = "Pet: {$ref: Pet.yaml}, Cat: {$ref: Cat.yaml}, Tom: {$ref: Cat.yaml}";
            let main = text("3.1.0", "#/components/schemas/Pet", schemas);
            let others = [("Pet.yaml", &*pet), ("Cat.yaml", &child(base))];
            assert_dispatched(&clean(files(&main, &others)), name);
        }
    }
}

#[test]
fn child_that_is_read_itself_refers_to_its_base_in_another_file() {
    let pet = format!("{BASE}, mapping: {{cat: Cat.yaml}}}}}}");
    let others = [("Pet.yaml", &*pet), ("Cat.yaml", &child("Pet.yaml"))];
    let service = clean(files(&text("3.0.3", "Cat.yaml", ""), &others));
    assert!(body_verdict(&service, r#"{"kind": "cat", "meow": true}"#).starts_with("ok"));
    assert_eq!(
        body_verdict(&service, r#"{"kind": "cat"}"#),
        "Body /meow required: \"meow\" is a required property"
    );
}

#[test]
fn base_of_swagger_2_in_another_file_leads_to_its_children() {
    let main = "swagger: '2.0'\ninfo: {title: T, version: '1'}\npaths:\n  /test: {post: {operationId: test, \
                parameters: [{in: body, name: b, required: true, schema: {$ref: 'd.yaml#/definitions/Pet'}}], \
                responses: {200: {description: d}}}}\n";
    let base = BASE.replace("{propertyName: kind", "kind}");
    let file = format!(
        "definitions:\n  Pet: {base}\n  Cat: {}\n",
        child("#/definitions/Pet")
    );
    assert_dispatched(&clean(files(main, &[("d.yaml", &file)])), "Cat");
}

#[test]
fn discriminator_in_a_branch_of_all_of_applies_to_the_whole_value() {
    let entity = "Entity: {type: object, properties: {id: {type: string}}}";
    for mapping in ["", ", mapping: {Cat: '#/components/schemas/Cat'}"] {
        let thing = format!(
            "Thing: {{allOf: [{{$ref: '#/components/schemas/Entity'}}, {BASE}{mapping}}}}}]}}"
        );
        let schemas = format!(
            "{entity}, {thing}, Cat: {}, Kitten: {{allOf: [{{$ref: '#/components/schemas/Cat'}}]}}",
            child("#/components/schemas/Thing")
        );
        for version in OPENAPI {
            let service = clean(document(version, &schemas));
            assert_dispatched(&service, "Cat");
            assert_dispatched(&service, "Kitten");
        }
    }
}

#[test]
fn strict_discriminator_of_a_base_requires_a_known_name() {
    let schemas = format!(
        "Thing: {BASE}}}}}, Cat: {}",
        child("#/components/schemas/Thing")
    );
    let service = strict(document("3.1.0", &schemas));
    assert_eq!(
        body_verdict(&service, r#"{"kind": "Lion"}"#),
        "Body /kind discriminator: \"Lion\" is not one of [\"Thing\", \"Cat\"] at /kind"
    );
}

#[test]
fn child_with_another_reference_to_its_base_is_not_followed() {
    let schemas = format!(
        "Thing: {BASE}, mapping: {{a: Holder}}}}}}, Holder: {{anyOf: [{{$ref: '#/components/schemas/Thing'}}]}}"
    );
    for version in OPENAPI {
        let service = clean(document(version, &schemas));
        assert!(body_verdict(&service, r#"{"kind": "a"}"#).starts_with("ok"));
        assert!(!body_verdict(&service, r#"{"kind": 5}"#).starts_with("ok"));
    }
}

#[test]
fn message_shows_no_internal_name() {
    let pet = format!("{BASE}, mapping: {{cat: Cat.yaml, none: None, gone: gone.yaml}}}}}}");
    let cat = "{allOf: [{$ref: Pet.yaml}, {$ref: Cat.yaml}, {$ref: '#/nowhere'}]}";
    let main = text("3.0.3", "Pet.yaml", "");
    let diagnostics = files(&main, &[("Pet.yaml", &pet), ("Cat.yaml", cat)]).check();
    let lines: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    let lines = lines.join("\n");
    assert!(lines.contains("`Cat.yaml` leads back to itself"), "{lines}");
    assert!(lines.contains("there is no schema `None`"), "{lines}");
    assert!(!lines.contains("x-connexion"), "{lines}");
}

#[test]
fn deep_discriminated_tree_is_accepted() {
    let sum = |kind: &str| {
        format!(
            "{{type: object, required: [kind, left, right], properties: {{left: {{$ref: '#/components/schemas/Thing'}}, \
             right: {{$ref: '#/components/schemas/Thing'}}, kind: {{type: string, enum: [{kind}]}}}}}}"
        )
    };
    let schemas = format!(
        "Thing: {{oneOf: [{{$ref: '#/components/schemas/Leaf'}}, {{$ref: '#/components/schemas/Add'}}, \
         {{$ref: '#/components/schemas/Mul'}}], discriminator: {{propertyName: kind}}}}, \
         Leaf: {{type: object, properties: {{kind: {{type: string, enum: [leaf]}}}}, required: [kind]}}, \
         Add: {}, Mul: {}",
        sum("add"),
        sum("mul")
    );
    let leaf = json!({"kind": "leaf"});
    let tree = (0..30).fold(leaf.clone(), |tree, i| {
        let kind = if i % 2 == 0 { "mul" } else { "add" };
        json!({"kind": kind, "left": tree, "right": leaf})
    });
    let service = clean(document("3.1.2", &schemas));
    let verdict = body_verdict(&service, &tree.to_string());
    assert!(verdict.starts_with("ok"), "{verdict}");
}
