//! The read-only model of the document, and diagnostics of the application.

use connexion::{Api, DiagnosticCode, Document, Element, Severity};

use crate::support::{ANY, document_at};

const OPENAPI: &str = "openapi: 3.1.0
info: {title: T, version: '1'}
paths:
  /a/{id}:
    parameters: [{$ref: '#/components/parameters/Id', x-property: key}]
    post:
      operationId: a
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Person'}}}}
      responses: {'200': {description: d}}
components:
  parameters: {Id: {name: id, in: path, required: true, schema: {type: string}}}
  schemas:
    Person: {type: object, properties: {age: {$ref: '#/components/schemas/Age', x-column: years}}}
    Age: {type: integer}
";

const SWAGGER: &str = "swagger: '2.0'
info: {title: T, version: '1'}
consumes: [application/json]
paths:
  /a/{id}:
    parameters: [{$ref: '#/parameters/Id', x-property: key}]
    post:
      operationId: a
      parameters: [{name: body, in: body, schema: {$ref: '#/definitions/Person'}}]
      responses: {'200': {description: d}}
parameters: {Id: {name: id, in: path, required: true, type: string}}
definitions:
    Person: {type: object, properties: {age: {$ref: '#/definitions/Age', x-column: years}}}
    Age: {type: integer}
";

fn step<'d>(element: &Element<'d>, keys: &[&str]) -> Element<'d> {
    keys.iter().fold(element.clone(), |element, key| {
        element.get(key).unwrap_or_else(|| panic!("{key}"))
    })
}

#[test]
fn model_is_the_same_in_every_version_with_references_resolved() {
    let older = OPENAPI.replace("3.1.0", "3.0.4");
    for text in [OPENAPI, &older, SWAGGER] {
        let document = Document::parse("a.yaml", text).unwrap();
        let operations: Vec<_> = document.described_operations().collect();
        let [operation] = operations.as_slice() else {
            panic!("{operations:?}")
        };
        let parameters = operation.parameters();
        assert_eq!(parameters.len(), 1, "{text}");
        assert_eq!(parameters[0].pointer(), "/components/parameters/Id");
        let siblings: Vec<_> = parameters[0].siblings().map(|(key, _)| key).collect();
        assert_eq!(siblings, ["x-property"]);
        assert_eq!(
            step(&parameters[0], &["schema"]).text("type"),
            Some("string")
        );
        let keys = ["requestBody", "content", "application/json", "schema"];
        let person = step(operation.element(), &keys);
        assert_eq!(person, document.schema("Person").unwrap());
        let age = step(&person, &["properties", "age"]);
        assert_eq!(age, document.schema("Age").unwrap());
        let siblings = age
            .siblings()
            .map(|(key, one)| (key, one.as_str().unwrap()));
        assert_eq!(siblings.collect::<Vec<_>>(), [("x-column", "years")]);
    }
}

/// The position is that in the author's text, even if the model moved the element.
#[test]
fn element_has_its_position_and_its_uses() {
    for (text, is, used) in [
        (OPENAPI, "a.yaml:14:5", "a.yaml:13:41"),
        (SWAGGER, "a.yaml:14:5", "a.yaml:13:41"),
    ] {
        let document = Document::parse("a.yaml", text).unwrap();
        let age = step(&document.schema("Person").unwrap(), &["properties", "age"]);
        assert_eq!(age.location().to_string(), is);
        assert_eq!(age.usage().to_string(), used);
    }
}

#[test]
fn siblings_of_every_reference_of_a_chain_are_listed() {
    let components = "schemas: {A: {properties: {p: {$ref: '#/components/schemas/B', x-a: 1}}}, \
                      B: {$ref: '#/components/schemas/C', x-b: 2}, C: {type: string, x-c: 3}}";
    let document = document_at("get /test", ANY, components);
    let property = step(&document.schema("A").unwrap(), &["properties", "p"]);
    let siblings: Vec<_> = property.siblings().map(|(key, _)| key).collect();
    assert_eq!(siblings, ["x-a", "x-b"]);
    assert_eq!(property.text("type"), Some("string"));
}

#[test]
fn circular_references_of_the_model_end() {
    let components = "schemas: {A: {$ref: '#/components/schemas/B', x-a: 1}, B: {$ref: '#/components/schemas/A'}}";
    let document = document_at("get /test", ANY, components);
    let element = document.schema("A").unwrap();
    assert!(element.siblings().count() <= 32);
}

#[test]
fn diagnostics_of_the_application_are_reported_with_the_others() {
    let mut document = document_at("get /test", &format!("x-old: 1, unknown: 1, {ANY}"), "");
    document.add_check(|document| {
        let all = document.described_operations();
        let found = all.filter_map(|one| one.element().get("x-old"));
        let finding = |one: Element<'_>| {
            one.finding(
                Severity::Warning,
                "app-old",
                "`x-old` is called `x-new` now",
            )
        };
        found.map(finding).collect()
    });
    document.add_check(|document| {
        vec![
            document
                .element()
                .finding(Severity::Error, "app-no", "not today"),
        ]
    });
    let lines: Vec<_> = document.check().iter().map(ToString::to_string).collect();
    let expected = [
        "test.yaml:1:1: not today",
        "test.yaml:5:30: warning: `x-old` is called `x-new` now",
        "test.yaml:5:40: warning: an operation has no field `unknown`; it is ignored",
    ];
    assert_eq!(lines, expected);
    let diagnostics = Api::<()>::from_document(document).stub(true).build(());
    let diagnostics = diagnostics.unwrap_err();
    let codes: Vec<_> = diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code)
        .collect();
    let expected = [
        DiagnosticCode::ApplicationError("app-no"),
        DiagnosticCode::ApplicationWarning("app-old"),
        DiagnosticCode::MemberUnknown,
    ];
    assert_eq!(codes, expected);
    assert_eq!(diagnostics[1].pointer, "/paths/~1test/get/x-old");
}

#[test]
fn warning_of_the_application_does_not_prevent_serving() {
    let mut document = document_at("get /test", ANY, "");
    document.add_check(|document| {
        vec![
            document
                .element()
                .finding(Severity::Warning, "app-no", "not today"),
        ]
    });
    assert!(
        Api::<()>::from_document(document)
            .stub(true)
            .build(())
            .is_ok()
    );
}
