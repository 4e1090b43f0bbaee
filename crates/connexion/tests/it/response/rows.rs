//! Lines of JSON and rows of CSV: validated one by one.

use connexion::ResponseValidation;

use super::chunks_of;
use crate::support::{Log, document_at, headers, only, request, sentences, service};

const PERSON: &str = "{type: object, required: [name, age], properties: {name: {type: string, maxLength: 5}, \
                      age: {type: integer}}}";

#[tokio::test]
async fn json_lines_are_validated_one_by_one() {
    let array = format!("{{type: array, items: {PERSON}}}");
    for schema in [PERSON, &array] {
        for (text, passed, is_broken) in [
            (
                &[
                    "{\"name\": \"A\", \"age\": 1}\n{\"name\"",
                    ": \"B\", \"age\": 2}",
                ][..],
                2,
                false,
            ),
            (&[], 0, false),
            (
                &[
                    "{\"name\": \"A\", \"age\": 1}\n",
                    "{\"name\": \"B\"}\n",
                    "{}",
                ],
                1,
                true,
            ),
            (
                &["{\"name\": \"A\", \"age\": 1}\n", "{\"name\": \"B\"}"],
                2,
                true,
            ),
        ] {
            let service = chunks_of(
                "application/x-ndjson",
                schema,
                text,
                ResponseValidation::Enforce,
            );
            let response = request(&service, "GET /test").send().await;
            assert_eq!(
                (response.text(), response.is_broken),
                (text[..passed].concat(), is_broken),
                "{text:?}"
            );
        }
        let text = &["{\"name\":\n\"A\", \"age\": 1}\n"];
        let service = chunks_of(
            "application/x-ndjson",
            schema,
            text,
            ResponseValidation::Enforce,
        );
        assert_eq!(request(&service, "GET /test").send().await.status, 500);
    }
}

#[tokio::test]
async fn csv_rows_are_validated_one_by_one() {
    let schema = format!("{{type: array, items: {PERSON}}}");
    for (text, passed, is_broken) in [
        (&["name,age\r\nA,1\r\n\"B,", "\"\"C\",2\r\n"][..], 2, false),
        (&["name,age"], 1, false),
        (&["name,age\n", "A,1\n", "B,x\n"], 2, true),
    ] {
        let service = chunks_of("text/csv", &schema, text, ResponseValidation::Enforce);
        let response = request(&service, "GET /test").send().await;
        assert_eq!(
            (response.text(), response.is_broken),
            (text[..passed].concat(), is_broken),
            "{text:?}"
        );
    }
    for text in [
        &["name,age\n", "A,x\n"][..],
        &["name,age\n", "A,\n"],
        &["name,age\n", "A\n"],
        &["name,age\n", "longer,1\n", "B,2\n"],
        &["name,age\n", "A,x"],
        &[],
    ] {
        let service = chunks_of("text/csv", &schema, text, ResponseValidation::Enforce);
        assert_eq!(
            request(&service, "GET /test").send().await.status,
            500,
            "{text:?}"
        );
    }
}

#[tokio::test]
async fn violations_in_lines_or_rows_can_be_logged_only() {
    let schema = format!("{{type: array, items: {PERSON}}}");
    for (kind, text) in [
        (
            "application/x-ndjson",
            &["{\"name\": \"A\"", ", \"age\": \"x\"}"][..],
        ),
        ("text/csv", &["name,age\nA,", "x"]),
    ] {
        let log = Log::capture();
        let response = request(
            &chunks_of(kind, &schema, text, ResponseValidation::Log),
            "GET /test",
        )
        .send()
        .await;
        assert_eq!(
            (response.text(), response.is_broken),
            (text.concat(), false)
        );
        assert!(
            log.text().contains("\"x\" is not of type \"integer\""),
            "{}",
            log.text()
        );
    }
}

#[test]
fn every_violation_of_buffered_lines_and_rows_is_reported() {
    let operation = format!(
        "responses: {{'200': {{description: d, content: {{text/csv: {{schema: {{type: array, items: {PERSON}}}}}, \
         application/jsonl: {{schema: {PERSON}}}}}}}}}"
    );
    let service = service(document_at("get /test", &operation, ""));
    let check = |kind: &str, body: &str| {
        let headers = headers(&[("content-type", kind)]);
        let result =
            only(&service).validate_response(http::StatusCode::OK, &headers, body.as_bytes());
        result.map_or_else(|violations| sentences(&violations), |()| "ok".to_owned())
    };
    assert_eq!(check("text/csv", "age,name\n1,A\n"), "ok");
    assert_eq!(
        check("text/csv", "age,name\n1,A\nx,B\n2,longer\n3\n"),
        "Body /1/age type: \"x\" is not of type \"integer\" at /age\n\
         Body /2/name maxLength: \"longer\" is too long at /name\n\
         Body  sequence: a row has 1 cells, not 2"
    );
    assert_eq!(
        check("application/jsonl", "{\"name\": \"A\"}\n[]\n"),
        "Body /0/age required: \"age\" is a required property\n\
         Body /1 type: [] is not of type \"object\""
    );
}
