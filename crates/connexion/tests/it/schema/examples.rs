//! `default`, `example` and `examples`: checked against the schema beside them.

use connexion::Document;

use super::{VERSIONS, diagnostics, messages, parsed, thing};
use crate::support::body_verdict;

#[test]
fn invalid_default_or_example_is_reported() {
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
            // An example may be that of a request or of a response.
            "Thing: {required: [a, b], properties: {a: {readOnly: true}, b: {writeOnly: true}}, example: {a: 1}}",
            "Thing: {required: [a, b], properties: {a: {readOnly: true}, b: {writeOnly: true}}, example: {a: 1, b: 2}}",
        ] {
            assert_eq!(diagnostics(version, schemas), "", "{version}");
        }
    }
    let listed = "Thing: {type: integer, examples: [5, x]}";
    assert_eq!(messages("3.1", listed), [unlike("examples")]);
    let nullable = "Thing: {type: integer, nullable: true, default: null}";
    assert_eq!(diagnostics("3.0", nullable), "");
    let beside = "Thing: {$ref: '#/components/schemas/A', default: x}, A: {type: integer}";
    assert_eq!(messages("3.1", beside), [unlike("default")]);
    assert_eq!(diagnostics("3.0", beside), "", "it has no meaning there");
}

#[test]
fn examples_of_bodies_parameters_and_headers_are_validated() {
    let media = |rest: &str| format!("{{schema: {{type: integer}}, {rest}}}");
    let reported = |operation: &str| {
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
                .map(|diagnostic| diagnostic.message.clone())
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
                reported(&operation),
                format!("the `{keyword}` breaks its schema: \"x\" is not of type \"integer\""),
                "{operation}"
            );
        }
    }
    let right = media("examples: {a: {externalValue: 'a.json'}, b: {value: 5}}");
    let any = crate::support::ANY;
    let right = format!("requestBody: {{content: {{application/json: {right}}}}}, {any}");
    assert_eq!(reported(&right), "");
    let text = "responses: {'200': {description: d, content: {text/plain: {schema: {type: string, maxLength: 1}, example: long}}}}";
    assert_eq!(reported(text), "", "how a text is written is not known");
}

#[test]
fn example_of_a_swagger_2_response_is_validated() {
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
fn examples_of_a_schema_that_are_not_an_array_are_a_warning() {
    let schemas = "Thing: {type: object, examples: {one: {a: 1}}}";
    let expected = ["the `examples` of a schema must be a list; an object is ignored"];
    assert_eq!(messages("3.1", schemas), expected);
    assert!(body_verdict(&thing("3.1", schemas), "{}").starts_with("ok"));
}
