//! Swagger 2.0: its own features, and diagnostics in its terms.

use connexion::{Api, Document, PathValues};

use crate::support::{body_verdict, build, headers, only, service, verdict};

fn swagger(rest: &str) -> Document {
    let text = format!("swagger: '2.0'\ninfo: {{title: t, version: '1'}}\n{rest}");
    Document::parse("test.yaml", text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn diagnostics(rest: &str) -> String {
    let built = Api::from_document(swagger(rest))
        .operation("test", async || ())
        .build(());
    built.map_or_else(
        |diagnostics| diagnostics.to_string().replace("test.yaml:", ""),
        |_| String::new(),
    )
}

#[test]
fn diagnostic_names_the_text_and_position_of_the_author() {
    let diagnostics = diagnostics(
        "\
basePath: /v1
security: [{key: []}]
consumes: [application/json, text/csv]
paths:
  /test:
    post:
      operationId: test
      parameters:
        - {name: a, in: formData, type: string}
        - {name: b, in: query, type: array, items: {type: string}, collectionFormat: dots}
        - {name: c, in: body, schema: {$ref: '#/definitions/None'}}
        - {name: d, in: query, type: int}
        - {name: e, in: body, schema: {}}
        - {$ref: '#/parameters/None'}
      responses:
        200: {description: d, schema: {type: file}}
        400: {$ref: '#/responses/None'}
definitions:
  Pet: {discriminator: {propertyName: kind}}
",
    );
    let expected = "\
4:13: the security scheme `key` is not declared
11:11: `in: formData` of the parameter `a` is not supported
12:11: the style `dots` of the parameter `b` is not supported there; write form, spaceDelimited, pipeDelimited or deepObject
13:40: `#/definitions/None` does not exist
14:32: `type` must be one of string, number, integer, boolean, object, array, null
15:11: `in: body` of the parameter `e` is not supported
16:12: `#/parameters/None` does not exist
19:15: `#/responses/None` does not exist
21:9: `discriminator` must be a string";
    assert_eq!(
        diagnostics
            .lines()
            .filter(|line| !line.contains("a parameter has no"))
            .collect::<Vec<_>>()
            .join("\n"),
        expected
    );
}

#[test]
fn body_of_a_path_item_applies_to_its_operations() {
    let service = service(swagger(
        "\
paths:
  /test:
    parameters: [{name: b, in: body, required: true, schema: {type: integer}}]
    post: {operationId: test, responses: {200: {description: d}}}
",
    ));
    let headers = headers(&[("content-type", "application/json")]);
    let check = |body: &[u8]| {
        verdict(only(&service).validate_request(&PathValues::default(), None, &headers, body))
    };
    assert_eq!(check(b"1"), "ok {} 1");
    assert_eq!(check(b""), "Body  required: Request body is required");
    assert_eq!(check(b"'"), "Body  json: Request body is not valid JSON");
}

#[test]
fn produces_of_an_operation_applies_to_shared_responses() {
    let service = service(swagger(
        "\
produces: [application/json]
paths:
  /test:
    get: {operationId: test, produces: [text/plain], responses: {200: {$ref: '#/responses/Text'}}}
responses:
  Text: {description: d, schema: {type: string}}
",
    ));
    let check = |kind| {
        let headers = headers(&[("content-type", kind)]);
        only(&service)
            .validate_response(http::StatusCode::OK, &headers, b"x")
            .is_ok()
    };
    assert_eq!(
        [check("text/plain"), check("application/json")],
        [true, false]
    );
}

#[test]
fn keywords_beside_a_reference_are_ignored_before_openapi_3_1() {
    let service = service(swagger(
        "\
paths:
  /test:
    post:
      operationId: test
      parameters: [{name: b, in: body, schema: {$ref: '#/definitions/A', maxLength: 1}}]
      responses: {200: {description: d}}
definitions: {A: {type: string}}
",
    ));
    let headers = headers(&[("content-type", "application/json")]);
    let result =
        only(&service).validate_request(&PathValues::default(), None, &headers, b"\"long\"");
    assert_eq!(verdict(result), r#"ok {} "long""#);
}

#[test]
fn response_of_type_file_is_any_body() {
    for (produces, media) in [
        ("[application/json]", "application/json"),
        ("[]", "image/png"),
    ] {
        for schema in ["{type: file}", "{$ref: '#/definitions/File'}"] {
            let document = swagger(&format!(
                "\
paths:
  /test:
    get: {{operationId: test, produces: {produces}, responses: {{200: {{description: d, schema: {schema}}}}}}}
definitions: {{File: {{type: file}}}}
"
            ));
            assert!(document.check().is_empty(), "{:?}", document.check());
            let found = only(&service(document)).validate_response(
                http::StatusCode::OK,
                &headers(&[("content-type", media)]),
                b"\x89PNG",
            );
            assert!(found.is_ok(), "{produces} {schema}: {found:?}");
        }
    }
}

#[test]
fn reference_into_converted_parts_of_swagger_2_is_resolved() {
    for reference in [
        "#/responses/Small/schema",
        "#/parameters/Small/schema",
        "#/paths/~1other~1{id}/post/parameters/0/schema",
        "#/paths/~1other~1%7Bid%7D/post/responses/200/schema",
        "#/paths/~1other~1{id}/post/responses/200/schema/properties/again/allOf/0",
        "#/x-schemas/Small",
        "#/x-schemas/Small/x-deep/Small",
    ] {
        let small = "{type: integer, maximum: 5}";
        let deep = "{type: integer, maximum: 5, x-deep: {Small: {type: integer, maximum: 5}}}";
        let document = swagger(&format!(
            "\
paths:
  /test:
    post:
      operationId: test
      parameters: [{{in: body, name: b, schema: {{type: array, items: {{$ref: '{reference}'}}}}}}]
      responses: {{200: {{description: d}}}}
  /other/{{id}}:
    post:
      operationId: other
      parameters: [{{in: body, name: b, schema: {small}}}, {{in: path, name: id, type: string, required: true}}]
      responses: {{200: {{description: d, schema: {{type: integer, maximum: 5, properties: {{again: {{allOf: [{small}]}}}}}}}}}}
parameters: {{Small: {{in: body, name: b, schema: {small}}}}}
responses: {{Small: {{description: d, schema: {small}}}}}
x-schemas: {{Small: {deep}}}
"
        ));
        let checked = document.check();
        assert!(checked.is_empty(), "{reference}: {checked:?}");
        let api = Api::from_document(document).operation("test", async || ());
        let service = build(api.operation("other", async || ()));
        assert!(
            body_verdict(&service, "[5]").starts_with("ok"),
            "{reference}"
        );
        assert_eq!(
            body_verdict(&service, "[6]"),
            "Body /0 maximum: 6 is greater than the maximum of 5 at /0",
            "{reference}"
        );
    }
}

#[test]
fn reference_to_a_parameter_by_index_is_resolved() {
    for reference in ["#/paths/~1other/post/parameters/1", "#/x-common/P"] {
        let document = swagger(&format!(
            "\
paths:
  /test:
    get:
      operationId: test
      parameters: [{{$ref: '{reference}'}}]
      responses: {{200: {{$ref: '#/x-common/R'}}}}
  /other:
    post:
      operationId: other
      parameters: [{{in: body, name: b, schema: {{}}}}, {{in: query, name: p, type: integer}}, {{in: query, name: q, type: string}}]
      responses: {{200: {{description: d}}}}
x-common: {{P: {{in: query, name: p, type: integer}}, R: {{description: d, schema: {{type: object}}}}}}
"
        ));
        let checked = document.check();
        assert!(checked.is_empty(), "{reference}: {checked:?}");
        let api = Api::from_document(document).operation("test", async || ());
        let service = build(api.operation("other", async || ()));
        let check = |query| {
            let none = headers(&[]);
            verdict(only(&service).validate_request(
                &PathValues::default(),
                Some(query),
                &none,
                b"",
            ))
        };
        assert_eq!(check("p=5"), "ok {\"p\":5} null", "{reference}");
        assert!(check("p=x").starts_with("Query p"), "{reference}");
    }
}

#[test]
fn broken_reference_is_reported_as_written() {
    let diagnostics = diagnostics(
        "\
paths:
  /test:
    get: {operationId: test, responses: {200: {description: d, schema: {$ref: '#/responses/None/schema/x'}}}}
responses: {}
",
    );
    assert!(
        diagnostics.ends_with(": `#/responses/None/schema/x` does not exist")
            && diagnostics.lines().count() == 1,
        "{diagnostics}"
    );
}

#[test]
fn x_nullable_of_a_body_allows_null() {
    for (mark, expected) in [(", x-nullable: true", "ok {} null"), ("", "Body")] {
        let service = service(swagger(&format!(
            "\
paths:
  /test:
    post:
      operationId: test
      parameters: [{{in: body, name: b, required: true, schema: {{$ref: '#/definitions/A'}}{mark}}}]
      responses: {{200: {{description: d}}}}
definitions: {{A: {{type: object}}}}
"
        )));
        let verdict = body_verdict(&service, "null");
        assert!(verdict.starts_with(expected), "{verdict}");
    }
}
