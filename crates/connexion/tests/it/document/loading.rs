//! Loading and checking: every diagnostic at once, with its position.

use connexion::{Api, Document};

use crate::support::{ANY, diagnostics, document, document_at, with_body, with_parameters};

/// Returns all diagnostics of a document when the only handler is `stray`.
fn report(text: &str) -> String {
    match Document::parse("api.yaml", text) {
        Err(diagnostics) => diagnostics.to_string(),
        Ok(document) => Api::from_document(document)
            .operation("stray", async || ())
            .build(())
            .unwrap_err()
            .to_string(),
    }
}

#[test]
fn all_diagnostics_are_reported_at_once_ordered_by_line() {
    let report = report(
        "\
openapi: 3.1.0
paths:
  /a/{id}:
    get:
      operationId: a
      requestbody: {}
      responses: {'200': {$ref: '#/components/responses/None'}}
    put:
      operationId: a
      parameters:
        - {name: other, in: path, required: true, schema: {type: strin}}
        - {name: id, in: path, required: true, schema: {type: object}}
      responses: {'2000': {description: d}}
    delete:
      security: [{key: []}]
  /a/{b}: {}
  b:
    get: {operationId: b, responses: {default: {$ref: '#/components/schemas/S'}}}
  /c:
    post:
      operationId: c
      requestBody: {content: {application/xml: {schema: {type: object}}}}
      responses: {'200': {description: d}}
components:
  schemas:
    S: {type: object, properties: {default: {$ref: '#/components/schemas/T'}, x: {maxLength: -1}}}
    U: {pattern: '('}
",
    );
    let expected = "\
api.yaml:1:1: `info` is missing
api.yaml:2:1: there is a handler for `stray`, but no operation with this operationId
api.yaml:4:5: the operation `a` has no handler
api.yaml:4:5: the parameter `id` of `/a/{id}` is not declared; add it to `parameters`
api.yaml:6:7: an operation has no field `requestbody`; `requestBody` is probably meant
api.yaml:7:27: `#/components/responses/None` does not exist
api.yaml:8:5: the operation `a` has no handler
api.yaml:9:7: the operationId `a` is already used in line 5
api.yaml:11:11: the path `/a/{id}` has no parameter `other`
api.yaml:11:60: `type` must be one of string, number, integer, boolean, object, array, null
api.yaml:13:19: `2000` is not a status; write '200', '2XX' or default
api.yaml:14:5: warning: DELETE /a/{id} has no `operationId`; its handler is that of `delete /a/{id}`
api.yaml:14:5: the operation `delete /a/{id}` has no handler
api.yaml:14:5: the parameter `id` of `/a/{id}` is not declared; add it to `parameters`
api.yaml:15:19: the security scheme `key` is not declared
api.yaml:17:3: the path `b` must begin with a slash
api.yaml:18:49: `#/components/schemas/S` is not a response
api.yaml:20:5: the operation `c` has no handler
api.yaml:22:49: warning: bodies of the type `application/xml` are not checked, but passed to the handler as bytes; write `{type: string, format: binary}`
api.yaml:26:46: `#/components/schemas/T` does not exist
api.yaml:26:83: the `maxLength` of a schema: -1 is less than the minimum of 0
api.yaml:27:9: warning: no engine can read the pattern `(`, so it is not checked";
    assert_eq!(report, expected);
}

#[test]
fn check_reports_diagnostics_without_handlers() {
    let document = document_at("get /a/{b}", ANY, "");
    let diagnostics: Vec<_> = document.check().iter().map(ToString::to_string).collect();
    let expected =
        "test.yaml:5:5: the parameter `b` of `/a/{b}` is not declared; add it to `parameters`";
    assert_eq!(diagnostics, [expected]);
}

#[test]
fn text_that_is_not_a_document_is_reported_with_its_position() {
    for (text, expected) in [
        ("", "api.yaml:1:1: the document is empty"),
        (
            "a: [1, 2\nb: 3",
            "api.yaml:2:2: illegal placement of ':' indicator",
        ),
        (
            "openapi: 3.1.0\nopenapi: 3.1.0\npaths: {}\ninfo: {}",
            "api.yaml:2:1: duplicate key 'openapi'",
        ),
        (
            "openapi: 3.1.0\n---\npaths: {}",
            "api.yaml:2:1: the file must contain one document only",
        ),
        (
            "swagger: '1.2'",
            "api.yaml:1:1: the version must be 3.2, 3.1, 3.0 or 2.0",
        ),
        (
            "x: 1\nopenapi: 3.3.0",
            "api.yaml:2:1: the version must be 3.2, 3.1, 3.0 or 2.0",
        ),
        (
            "[]",
            "api.yaml:1:1: the first field must be `openapi: 3.1.0` (or `swagger: '2.0'`)",
        ),
        (
            "openapi: 3.1.0\nx: {<<: [{}, 5]}",
            "api.yaml:2:5: the value of `<<` must be a mapping or a list of mappings",
        ),
    ] {
        assert_eq!(report(text).lines().next().unwrap(), expected, "{text}");
    }
}

#[test]
fn unreadable_file_is_an_error() {
    let diagnostics = Document::load("no/such.yaml").unwrap_err().to_string();
    assert!(
        diagnostics.starts_with("no/such.yaml:1:1: can't be read: "),
        "{diagnostics}"
    );
}

#[test]
fn document_is_loaded_from_a_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/books-3.1.yaml");
    let document = Document::load(path).unwrap();
    assert_eq!((document.name(), document.check().len()), (path, 0));
}

#[test]
fn value_of_the_wrong_type_is_reported() {
    for (operation, expected) in [
        (
            "parameters: {}, responses: {'200': {description: d}}",
            "5:31: `parameters` must be a list",
        ),
        (
            "parameters: [x], responses: {'200': {description: d}}",
            "5:44: a parameter must be an object",
        ),
        ("responses: []", "5:31: `responses` must be an object"),
        (
            "responses: {'200': {content: []}}",
            "5:51: `content` must be an object",
        ),
        (
            "requestBody: {required: yes, content: {application/json: {}}}, responses: {'200': {description: d}}",
            "5:45: `required` must be true or false",
        ),
        (
            "requestBody: {}, responses: {'200': {description: d}}",
            "5:31: the request body has no `content`",
        ),
        (
            "responses: {'200': {$ref: 5}}",
            "5:51: `$ref` must be a string",
        ),
    ] {
        let diagnostics = diagnostics(document(operation, ""));
        assert!(
            diagnostics.lines().any(|line| line == expected),
            "{operation}\n{diagnostics}"
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "most of them are a table")]
fn unsupported_features_are_reported() {
    let parameter = |rest: &str| with_parameters(&format!("{{name: a, in: query, {rest}}}"));
    for (operation, expected) in [
        (
            parameter("schema: {type: object, properties: {b: {type: object}}}"),
            "warning: the parameter `a` contains nested objects or arrays, for which OpenAPI has no style; they are read from names with brackets, such as `a[0][b]`",
        ),
        (
            parameter("explode: false, schema: {type: array, items: {type: array}}"),
            "warning: the parameter `a` contains nested objects or arrays, for which OpenAPI has no style; they are read from names with brackets, such as `a[0][b]`",
        ),
        (
            with_parameters("{name: a, in: header, schema: {type: array, items: {type: array}}}"),
            "the parameter `a` contains nested objects or arrays, or may be both, which its style does not support; write `content: {application/json: …}` instead of `schema`",
        ),
        (
            parameter("schema: {type: [array, object]}"),
            "the parameter `a` contains nested objects or arrays, or may be both, which its style does not support; write `content: {application/json: …}` instead of `schema`",
        ),
        (
            parameter("style: simple, schema: {}"),
            "the style `simple` of the parameter `a` is not supported there; write form, spaceDelimited, pipeDelimited or deepObject",
        ),
        (
            parameter("style: deepObject, schema: {type: string}"),
            "warning: the style of the parameter `a` is for arrays and objects, which it is not; the style is ignored",
        ),
        (
            parameter("style: spaceDelimited, schema: {type: string}"),
            "warning: the style of the parameter `a` is for arrays and objects, which it is not; the style is ignored",
        ),
        (
            with_parameters("{name: a, in: cookie, allowEmptyValue: true, schema: {}}"),
            "`allowEmptyValue` of the parameter `a` is for query parameters only; leave it out",
        ),
        (
            parameter("content: {text/csv: {schema: {type: object}}}"),
            "`content` of the type `text/csv` must be a string, which the parameter `a` is not; write application/json",
        ),
        (
            parameter("content: {application/json: {}}, schema: {}"),
            "the parameter `a` has both `content` and `schema`; leave one of them out",
        ),
        (
            parameter("schema: {type: integer, default: x}"),
            "warning: the default of the parameter `a` does not conform to its schema and is not used",
        ),
        (
            with_parameters("{name: a, in: body, schema: {}}"),
            "`in: body` of the parameter `a` is not supported",
        ),
        (
            with_parameters("{name: a b, in: header, schema: {}}"),
            "`a b` is not a valid header name",
        ),
        (
            with_parameters("{name: A, in: header, schema: {}}, {name: a, in: header, schema: {}}"),
            "the parameter `a` is listed twice in `parameters`",
        ),
        (
            with_body("{$dynamicRef: '#a'}"),
            "`$dynamicRef` is not supported",
        ),
        (
            with_body("{$ref: 'other.yaml#/a'}"),
            "`other.yaml#/a` is in another file; read the document with `Document::load`",
        ),
        (
            "requestBody: {content: {application/xml: {schema: {type: object}}}}, responses: {'200': {description: d}}".to_owned(),
            "warning: bodies of the type `application/xml` are not checked, but passed to the handler as bytes; write \
             `{type: string, format: binary}`",
        ),
        (
            "responses: {'200': {content: {application/xml: {schema: {type: object}}}}}".to_owned(),
            "warning: responses of the type `application/xml` are not checked, because the library can't decode them",
        ),
        (
            "responses: {'200': {headers: {A: {schema: {type: array, items: {type: object}}}}}}".to_owned(),
            "the header `A` contains nested objects or arrays, or may be both, which its style does not support; write `content: {application/json: …}` instead of `schema`",
        ),
        (
            "responses: {'200': {headers: {a b: {schema: {type: array, items: {type: object}}}}}}".to_owned(),
            "the header `a b` contains nested objects or arrays, or may be both, which its style does not support; write `content: {application/json: …}` instead of `schema`",
        ),
    ] {
        let diagnostics = diagnostics(document(&operation, ""));
        assert!(
            diagnostics.lines().any(|line| line.ends_with(expected)),
            "{operation}\n{diagnostics}"
        );
    }
}

#[test]
fn empty_security_and_server_without_path_are_valid() {
    let operation =
        format!("security: [], servers: [{{url: 'https://a.example'}}, {{url: /}}], {ANY}");
    assert_eq!(diagnostics(document(&operation, "")), "");
}

#[test]
fn cyclic_references_are_reported_but_not_recursive_schemas() {
    let components = "schemas: {A: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/A'}}, \
                      responses: {R: {$ref: '#/components/responses/R'}}";
    let expected = "\
6:28: `#/components/schemas/B` leads back to itself
6:65: `#/components/schemas/A` leads back to itself
6:115: `#/components/responses/R` leads back to itself";
    assert_eq!(diagnostics(document(ANY, components)), expected);

    let tree = "schemas: {T: {properties: {t: {$ref: '#/components/schemas/T'}}}}";
    assert_eq!(
        diagnostics(document(
            &with_body("{$ref: '#/components/schemas/T'}"),
            tree
        )),
        ""
    );
}

#[test]
fn reference_in_an_example_is_data() {
    let schema = "{example: {$ref: c}, default: {$ref: c}, enum: [{$ref: c}], const: {$ref: c}}";
    assert_eq!(diagnostics(document(&with_body(schema), "")), "");
}

#[test]
fn invalid_operation_id_is_reported() {
    for (id, expected) in [
        ("''", "warning: the `operationId` is empty"),
        ("[]", "`operationId` must be a string"),
    ] {
        let text = format!(
            "openapi: 3.1.0\ninfo: {{}}\npaths:\n  /a:\n    get: {{operationId: {id}, {ANY}}}\n"
        );
        let diagnostics = Document::parse("a", text).unwrap().check();
        assert_eq!(
            diagnostics
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            [format!("a:5:11: {expected}")]
        );
    }
}

#[test]
fn second_handler_for_an_operation_is_reported() {
    let api = Api::from_document(document(ANY, "")).operation("test", async || ());
    let diagnostics = api.operation("test", async || ()).build(()).unwrap_err();
    assert_eq!(
        diagnostics.to_string(),
        "test.yaml:3:1: there is a second handler for `test`"
    );
}

#[test]
fn document_as_json_keeps_its_version() {
    let text = "swagger: '2.0'\ninfo: {title: t, version: '1'}\npaths: {}\n";
    let document = Document::parse("a.yaml", text).unwrap();
    assert_eq!(document.text(), text);
    assert_eq!(
        document.to_json(),
        r#"{"swagger":"2.0","info":{"title":"t","version":"1"},"paths":{}}"#
    );
}
