//! Diagnostics for programs: code, severity and a pointer into the document as written.

use connexion::{Api, Document, Severity};

use crate::support::Log;

/// Returns code, severity and pointer of every diagnostic, one a line.
fn findings(text: &str) -> String {
    let diagnostics = match Document::parse("api.yaml", text) {
        Err(diagnostics) => diagnostics.into_iter().collect(),
        Ok(document) => match Api::from_document(document.clone()).build(()) {
            Err(diagnostics) => diagnostics.into_iter().collect(),
            Ok(_) => document.check(),
        },
    };
    let lines = diagnostics.iter().map(|diagnostic| {
        let (code, severity, pointer) =
            (diagnostic.code, diagnostic.severity(), &diagnostic.pointer);
        format!("{code} {severity:?} {pointer}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns a document with these paths.
fn with_paths(paths: &str) -> String {
    format!("openapi: 3.1.0\ninfo: {{title: T, version: '1'}}\npaths:\n  {paths}\n")
}

/// Returns an operation without handler; the diagnostic about that comes after those of the test.
fn operation(members: &str) -> String {
    with_paths(&format!("/a: {{get: {{operationId: a, {members}}}}}"))
}

const OK: &str = "responses: {'200': {description: d}}";

#[test]
#[expect(clippy::too_many_lines, reason = "most of them are a table")]
fn every_diagnostic_has_a_code_and_a_pointer() {
    let get = "/paths/~1a/get";
    let handler = |text: String| format!("{text}\nhandler-missing Error {get}");
    for (text, expected) in [
        ("a: [".to_owned(), "syntax Error ".to_owned()),
        ("openapi: 4.0.0".to_owned(), "version Error ".to_owned()),
        (
            "openapi: 3.1.0\ninfo: {}".to_owned(),
            "member-missing Error ".to_owned(),
        ),
        (
            with_paths("x-a: 1\ncomponent: {}"),
            "member-unknown Error /component".to_owned(),
        ),
        (
            with_paths("x-a: 1\ncomponents: {schemas: []}"),
            "member-invalid Error /components/schemas".to_owned(),
        ),
        (
            with_paths("a: {}"),
            "path-invalid Error /paths/a".to_owned(),
        ),
        (
            with_paths(&["a", "b"].map(|name| format!(
                "/{{{name}}}: {{get: {{operationId: {name}, parameters: [{{name: {name}, in: path, required: true, schema: {{}}}}], {OK}}}}}"
            )).join("\n  ")),
            "handler-missing Error /paths/~1{a}/get\npath-ambiguous Error /paths/~1{b}\n\
             handler-missing Error /paths/~1{b}/get".to_owned(),
        ),
        (
            operation(&format!(
                "parameters: [{{name: b, in: query, style: deepObject, schema: {{type: integer, default: x}}}}], {OK}"
            )),
            format!(
                "handler-missing Error {get}\ndefault-invalid Warning {get}/parameters/0\n\
                 style-mismatch Warning {get}/parameters/0"
            ),
        ),
        (
            with_paths(&format!("/a: {{get: {{{OK}}}}}")),
            format!("operation-id-missing Warning {get}\nhandler-missing Error {get}"),
        ),
        (
            operation("responses: {'200': {}}"),
            format!("handler-missing Error {get}\ndescription-missing Warning {get}/responses/200"),
        ),
        (
            operation("responses: {'2000': {description: d}}"),
            format!("handler-missing Error {get}\nstatus-invalid Error {get}/responses/2000"),
        ),
        (
            operation(&format!(
                "{OK}, parameters: [{{name: b, in: path, required: true, schema: {{}}}}]"
            )),
            format!("handler-missing Error {get}\npath-parameter-unknown Error {get}/parameters/0"),
        ),
        (
            operation(&format!("{OK}, requestBody: {{$ref: '#/x'}}")),
            format!(
                "handler-missing Error {get}\nget-with-body Warning {get}/requestBody\n\
                 member-missing Error {get}/requestBody\n\
                 reference-unresolvable Error {get}/requestBody/$ref"
            ),
        ),
        (
            with_paths("x-a: 1\ncomponents: {schemas: {A: {minLength: -1}}}"),
            "schema-invalid Error /components/schemas/A/minLength".to_owned(),
        ),
        (
            with_paths("x-a: 1\ncomponents: {schemas: {A: {$ref: '#/components/schemas/A'}}}"),
            "reference-endless Error /components/schemas/A/$ref".to_owned(),
        ),
        (
            with_paths("x-a: 1\ncomponents: {schemas: {A: {$ref: '#/info'}}}"),
            "reference-mismatch Error /components/schemas/A/$ref".to_owned(),
        ),
        (
            with_paths(&format!(
                "/a: {{get: {{operationId: a, {OK}}}, put: {{operationId: a, {OK}}}}}"
            )),
            format!(
                "handler-missing Error {get}\nhandler-missing Error /paths/~1a/put\n\
                 operation-id-duplicate Error /paths/~1a/put/operationId"
            ),
        ),
        (
            with_paths(&format!("/a/{{b}}: {{get: {{operationId: a, {OK}}}}}")),
            "handler-missing Error /paths/~1a~1{b}/get\n\
             path-parameter-undeclared Error /paths/~1a~1{b}/get"
                .to_owned(),
        ),
        (
            operation(
                "parameters: [{name: b, in: query, schema: {format: odd}}, {name: c, in: query, style: odd, schema: {}}], \
                 responses: {'200': {description: d, content: {text/xml: {schema: {type: object}}}}}",
            ),
            format!(
                "handler-missing Error {get}\n\
                 format-unknown Warning {get}/parameters/0/schema/format\n\
                 parameter-invalid Error {get}/parameters/1\n\
                 not-checked Warning {get}/responses/200/content/text~1xml/schema"
            ),
        ),
        (
            operation(OK),
            handler(String::new()).trim_start().to_owned(),
        ),
    ] {
        assert_eq!(findings(&text), expected, "{text}");
    }
}

#[test]
fn pointer_refers_to_the_document_as_written() {
    let text = "swagger: '2.0'\ninfo: {title: T, version: '1'}\npaths: {}\n\
                definitions: {A: {type: object, properties: {b: {minLength: -1}}}}\n";
    let expected = "schema-invalid Error /definitions/A/properties/b/minLength";
    assert_eq!(findings(text), expected);
}

#[test]
fn warnings_are_logged_and_the_document_is_served() {
    let text = operation(&format!(
        "{OK}, requestBody: {{content: {{application/json: {{}}}}}}"
    ));
    let document = Document::parse("api.yaml", text).unwrap();
    let found = document.check();
    assert_eq!(found[0].severity(), Severity::Warning);
    assert!(found[0].to_string().starts_with("api.yaml:4:"), "{found:?}");
    let log = Log::capture();
    let built = Api::from_document(document)
        .operation("a", async || ())
        .build(());
    assert!(built.is_ok());
    let line = "warning: GET /a has a request body";
    assert!(log.text().contains(line), "{}", log.text());
}
