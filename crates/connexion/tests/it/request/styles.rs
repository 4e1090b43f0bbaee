//! Parameters: `style` and `explode` in every location.

use connexion::{ApiService, Params, PathValues};
use serde_json::{Map, Value};

use crate::support::{
    ANY, TestResponse, document, document_at, headers, only, request, service, with_parameters,
};

/// Builds a service whose GET of `path` has these `parameters` and returns their values.
pub(super) fn echo(path: &str, parameters: &str) -> ApiService {
    let operation = format!("parameters: [{parameters}], {ANY}");
    let document = document_at(&format!("get {path}"), &operation, "");
    let echo = async |Params(values): Params<Map<String, Value>>| Value::Object(values).to_string();
    crate::support::build(connexion::Api::from_document(document).operation("test", echo))
}

/// Returns the value of `color`, or the keywords of the violations.
pub(super) fn color(response: &TestResponse) -> String {
    let json = response.json();
    if response.status == 200 {
        return json["color"].to_string();
    }
    let errors = json["errors"].as_array().unwrap().iter();
    let keywords: Vec<_> = errors
        .map(|error| error["keyword"].as_str().unwrap())
        .collect();
    format!("{} {}", response.status.as_u16(), keywords.join(" "))
}

const EMPTY: (&str, &str) = ("{type: string}", r#""""#);

const STRING: (&str, &str) = ("{type: string}", r#""blue""#);

const ARRAY: (&str, &str) = (
    "{type: array, items: {type: string}}",
    r#"["blue","black","brown"]"#,
);

const OBJECT: (&str, &str) = (
    "{type: object, properties: {R: {type: integer}, G: {type: integer}, B: {type: integer}}}",
    r#"{"R":100,"G":200,"B":150}"#,
);

/// OpenAPI 3.1, section 4.8.12, "Style Examples".
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of them are the table")]
async fn style_examples_of_the_specification_are_read() {
    for (style, explode, texts) in [
        (
            "matrix",
            false,
            [
                ";color",
                ";color=blue",
                ";color=blue,black,brown",
                ";color=R,100,G,200,B,150",
            ],
        ),
        (
            "matrix",
            true,
            [
                ";color",
                ";color=blue",
                ";color=blue;color=black;color=brown",
                ";R=100;G=200;B=150",
            ],
        ),
        (
            "label",
            false,
            [".", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"],
        ),
        // The notation of OpenAPI 3.0.
        (
            "label",
            false,
            [".", ".blue", ".blue.black.brown", ".R.100.G.200.B.150"],
        ),
        (
            "label",
            true,
            [".", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"],
        ),
        (
            "simple",
            false,
            ["", "blue", "blue,black,brown", "R,100,G,200,B,150"],
        ),
        (
            "simple",
            true,
            ["", "blue", "blue,black,brown", "R=100,G=200,B=150"],
        ),
        (
            "form",
            false,
            [
                "color=",
                "color=blue",
                "color=blue,black,brown",
                "color=R,100,G,200,B,150",
            ],
        ),
        (
            "form",
            true,
            [
                "color=",
                "color=blue",
                "color=blue&color=black&color=brown",
                "R=100&G=200&B=150",
            ],
        ),
        (
            "spaceDelimited",
            false,
            [
                "",
                "",
                "color=blue%20black%20brown",
                "color=R%20100%20G%20200%20B%20150",
            ],
        ),
        (
            "pipeDelimited",
            false,
            [
                "",
                "",
                "color=blue%7Cblack%7Cbrown",
                "color=R%7C100%7CG%7C200%7CB%7C150",
            ],
        ),
        (
            "deepObject",
            true,
            [
                "",
                "",
                "",
                "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150",
            ],
        ),
        (
            "deepObject",
            true,
            ["", "", "", "color[R]=100&color[G]=200&color[B]=150"],
        ),
    ] {
        let cases = texts.into_iter().zip([EMPTY, STRING, ARRAY, OBJECT]);
        for (text, (schema, expected)) in cases.filter(|(text, _)| !text.is_empty()) {
            let is_path = matches!(style, "matrix" | "label" | "simple");
            let (place, path) = if is_path {
                ("path", "/{color}")
            } else {
                ("query", "/")
            };
            let parameter = format!(
                "{{name: color, in: {place}, required: true, style: {style}, explode: {explode}, schema: {schema}}}"
            );
            let line = if is_path {
                format!("GET /{text}")
            } else {
                format!("GET /?{text}")
            };
            let response = request(&echo(path, &parameter), &line).send().await;
            assert_eq!(color(&response), expected, "{style} {explode} {text}");
        }
    }
}

#[tokio::test]
async fn headers_and_cookies_hold_arrays_and_objects() {
    for (place, rest, field, schema, expected) in [
        (
            "header",
            "",
            ("color", "blue, black ,brown"),
            ARRAY.0,
            ARRAY.1,
        ),
        (
            "header",
            "",
            ("color", "R,100,G,200,B,150"),
            OBJECT.0,
            OBJECT.1,
        ),
        (
            "header",
            "explode: true,",
            ("color", "R=100,G=200,B=150"),
            OBJECT.0,
            OBJECT.1,
        ),
        ("header", "", ("color", "7"), "{type: integer}", "7"),
        (
            "cookie",
            "explode: false,",
            ("cookie", "color=blue,black,brown"),
            ARRAY.0,
            ARRAY.1,
        ),
        (
            "cookie",
            "",
            ("cookie", "R=100; G=200; B=150"),
            OBJECT.0,
            OBJECT.1,
        ),
    ] {
        let parameter = format!("{{name: color, in: {place}, {rest} schema: {schema}}}");
        let response = request(&echo("/", &parameter), "GET /")
            .headers(&[field])
            .send()
            .await;
        assert_eq!(color(&response), expected, "{place} {field:?}");
    }
}

#[tokio::test]
async fn encoded_delimiter_is_part_of_an_item() {
    let array = "{type: array, items: {type: string}}";
    let path = format!("{{name: color, in: path, required: true, schema: {array}}}");
    let response = request(&echo("/{color}", &path), "GET /a%2Cb,c%2Fd")
        .send()
        .await;
    assert_eq!(color(&response), r#"["a,b","c/d"]"#);
    let query = format!("{{name: color, in: query, explode: false, schema: {array}}}");
    let response = request(&echo("/", &query), "GET /?color=a%2Cb,c+d")
        .send()
        .await;
    assert_eq!(color(&response), r#"["a,b","c d"]"#);
    let listed = "{type: array, items: {enum: [a, 'a,b']}}";
    let query = format!("{{name: color, in: query, explode: false, schema: {listed}}}");
    let response = request(&echo("/", &query), "GET /?color=a%2Cb,a")
        .send()
        .await;
    assert_eq!(color(&response), r#"["a,b","a"]"#);
}

#[tokio::test]
async fn parameter_that_does_not_match_its_style_is_reported() {
    for (style, path) in [
        ("label", "/a.b"),
        ("matrix", "/color=a"),
        ("matrix", "/;other=a"),
    ] {
        let parameter = format!(
            "{{name: color, in: path, required: true, style: {style}, schema: {{type: string}}}}"
        );
        let response = request(&echo("/{color}", &parameter), &format!("GET {path}"))
            .send()
            .await;
        assert_eq!(color(&response), "400 style", "{path}");
    }
}

#[tokio::test]
async fn collection_format_of_swagger_2_is_supported() {
    for (format, text) in [
        ("csv", "color=1,2"),
        ("ssv", "color=1%202"),
        ("tsv", "color=1%092"),
        ("pipes", "color=1%7C2"),
        ("multi", "color=1&color=2"),
    ] {
        let document = format!(
            "swagger: '2.0'\ninfo: {{title: T, version: '1'}}\npaths:\n  /test:\n    get:\n      operationId: test\n      \
             parameters: [{{name: color, in: query, type: array, items: {{type: integer}}, collectionFormat: {format}}}]\n      \
             responses: {{200: {{description: d}}}}\n"
        );
        let document = connexion::Document::parse("test.yaml", document).unwrap();
        let service = service(document);
        let operation = service.operations().next().unwrap();
        let read = operation.validate_request(
            &PathValues::default(),
            Some(text),
            &http::HeaderMap::new(),
            b"",
        );
        let value = Value::Object(read.unwrap().parameters)["color"].to_string();
        assert_eq!(value, "[1,2]", "{format}");
    }
}

#[test]
fn encoded_comma_separates_items_if_switched_on() {
    let array = "schema: {type: array, items: {type: string}}";
    let parameters = [
        format!("{{name: a, in: query, explode: false, {array}}}"),
        format!("{{name: b, in: query, {array}}}"),
        "{name: c, in: query, schema: {type: string}}".to_owned(),
        "{name: d, in: query, explode: false, schema: {type: object, additionalProperties: {type: string}}}"
            .to_owned(),
    ];
    let document = || document(&with_parameters(&parameters.join(", ")), "");
    let query = "a=x%2Cy%2cz,1&b=x%2Cy&c=x%2Cy&d=R%2Cx%2CG%2Cy";
    for (on, expected) in [
        (
            true,
            r#"{"a":["x","y","z","1"],"b":["x,y"],"c":"x,y","d":{"R":"x","G":"y"}}"#,
        ),
        (false, r"Query d style: Wrong style for query parameter 'd'"),
    ] {
        let api = connexion::Api::from_document(document()).split_encoded_commas(on);
        let service = crate::support::build(api.operation("test", async || ()));
        let read = only(&service).validate_request(
            &PathValues::default(),
            Some(query),
            &headers(&[]),
            b"",
        );
        let found = match read {
            Ok(input) => Value::Object(input.parameters).to_string(),
            Err(violations) => crate::support::sentences(&violations),
        };
        assert_eq!(found, expected);
    }
}
