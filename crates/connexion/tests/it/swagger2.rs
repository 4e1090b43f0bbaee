//! What only Swagger 2.0 has, and that faults speak the author's language.

use connexion::{Api, Document};

use crate::support::{headers, only, service, verdict};

fn swagger(rest: &str) -> Document {
    let text = format!("swagger: '2.0'\ninfo: {{title: t, version: '1'}}\n{rest}");
    Document::parse("test.yaml", text).unwrap_or_else(|faults| panic!("{faults}"))
}

fn faults(rest: &str) -> String {
    let built = Api::from_document(swagger(rest))
        .operation("test", async || ())
        .build(());
    built.map_or_else(
        |faults| faults.to_string().replace("test.yaml:", ""),
        |_| String::new(),
    )
}

#[test]
fn faults_name_what_the_author_wrote_and_where() {
    let faults = faults(
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
4:13: there is no security scheme `key`; declare it
11:11: `in: formData` of the parameter `a` is not supported
12:11: the style `dots` of the parameter `b` is not supported there; write form, spaceDelimited, pipeDelimited or deepObject
13:40: `#/definitions/None` does not exist
14:32: `type` must be one of string, number, integer, boolean, object, array, null
15:11: `in: body` of the parameter `e` is not supported
16:12: `#/parameters/None` does not exist
18:40: `type` must be one of string, number, integer, boolean, object, array, null
19:15: `#/responses/None` does not exist
21:9: `discriminator` must be a text";
    assert_eq!(
        faults
            .lines()
            .filter(|line| !line.contains("a parameter has no"))
            .collect::<Vec<_>>()
            .join("\n"),
        expected
    );
}

#[test]
fn a_body_of_the_path_item_is_that_of_its_operations() {
    let service = service(swagger(
        "\
paths:
  /test:
    parameters: [{name: b, in: body, required: true, schema: {type: integer}}]
    post: {operationId: test, responses: {200: {description: d}}}
",
    ));
    let headers = headers(&[("content-type", "application/json")]);
    let check =
        |body: &[u8]| verdict(only(&service).validate_request(&Vec::new(), None, &headers, body));
    assert_eq!(check(b"1"), "ok {} 1");
    assert_eq!(check(b""), "Body  required: Request body is required");
    assert_eq!(check(b"'"), "Body  json: Request body is not valid JSON");
}

#[test]
fn produces_of_an_operation_holds_for_shared_responses_too() {
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
fn a_reference_counts_alone_before_openapi_3_1() {
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
    let result = only(&service).validate_request(&Vec::new(), None, &headers, b"\"long\"");
    assert_eq!(verdict(result), r#"ok {} "long""#);
}
