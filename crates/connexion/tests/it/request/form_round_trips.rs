//! Any form that is encoded as its standard requires is decoded to the same value.

#[cfg(feature = "multipart")]
use std::fmt::Write as _;

use connexion::{Api, ApiService, Body};
use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};

use super::round_trips::{encode, name, number, plain, text};
use crate::{
    request::documents,
    support::{build, request},
};

/// Generates a form: properties and their values.
const FORM: &str = "{type: object, properties: {text: {type: string}, whole: {type: integer}, number: {type: number}, \
                    flag: {type: boolean}, list: {type: array, items: {type: string}}, nested: {type: object}, \
                    nests: {type: array, items: {type: object}}}, additionalProperties: {type: string}}";

fn form() -> impl Strategy<Value = Map<String, Value>> {
    let nested = || {
        let value = prop_oneof![text().prop_map(Value::from), number(), Just(Value::Null)];
        vec((text(), value), 0..4).prop_map(|members| Value::Object(members.into_iter().collect()))
    };
    let member = prop_oneof![
        text().prop_map(|text| ("text".to_owned(), json!(text))),
        any::<i64>().prop_map(|whole| ("whole".to_owned(), json!(whole))),
        number().prop_map(|number| ("number".to_owned(), number)),
        any::<bool>().prop_map(|flag| ("flag".to_owned(), json!(flag))),
        // A form cannot represent an empty array (section 4.8.15).
        vec(text(), 1..4).prop_map(|list| ("list".to_owned(), json!(list))),
        nested().prop_map(|nested| ("nested".to_owned(), nested)),
        vec(nested(), 1..4).prop_map(|nests| ("nests".to_owned(), json!(nests))),
        (
            name().prop_filter("has a type", |name| { !FORM.contains(&format!("{name}:")) }),
            text()
        )
            .prop_map(|(name, text)| (name, json!(text))),
    ];
    vec(member, 1..7).prop_map(|members| members.into_iter().collect())
}

/// Returns the fields of a form: one for each item of an array; an object is JSON.
fn fields(form: &Map<String, Value>) -> Vec<(&str, String)> {
    let values = form.iter().flat_map(|(name, value)| {
        let items = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        items.iter().map(|item| (name.as_str(), plain(item)))
    });
    values.collect()
}

fn form_services(kind: &str) -> [ApiService; 2] {
    documents(&format!("{{{kind}: {{schema: {FORM}}}}}")).map(|document| {
        let echo = async |Body(body): Body<Value>| Body(body);
        build(Api::from_document(document).operation("test", echo))
    })
}

fn read_form(service: &ApiService, kind: &str, body: Vec<u8>) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime
        .block_on(request(service, "POST /test").typed_body(kind, body).send())
        .json()
}

#[test]
fn form_round_trips() {
    let kind = "application/x-www-form-urlencoded";
    let services = form_services(kind);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    };
    proptest!(config, |(form in form(), plus in any::<bool>())| {
        let pairs = fields(&form).into_iter();
        let pairs = pairs.map(|(name, text)| format!("{}={}", encode(name, ""), encode(&text, "*")));
        let mut body = pairs.collect::<Vec<_>>().join("&");
        if plus {
            body = body.replace("%20", "+");
        }
        for service in &services {
            prop_assert_eq!(read_form(service, kind, body.clone().into_bytes()), json!(form), "{}", body);
        }
    });
}

#[cfg(feature = "multipart")]
#[test]
fn multipart_form_round_trips() {
    let kind = "multipart/form-data; boundary=\"of the test\"";
    let services = form_services("multipart/form-data");
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(200)
    };
    // Browsers encode a quote as `%22`, other clients as `\\"`; both are ambiguous (RFC 7578, section 2).
    let form = form().prop_filter("can't be named", |form| {
        !form
            .keys()
            .any(|name| name.contains(['"', '\\', '\r', '\n']))
    });
    proptest!(config, |(form in form)| {
        let mut body = String::new();
        for (name, text) in fields(&form) {
            write!(body, "--of the test\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").unwrap();
        }
        body.push_str("--of the test--\r\n");
        for service in &services {
            prop_assert_eq!(read_form(service, kind, body.clone().into_bytes()), json!(form), "{}", body);
        }
    });
}

#[cfg(feature = "multipart")]
#[test]
fn file_keeps_its_name_type_and_size() {
    let schema = "{type: object, properties: {file: {type: string, format: binary}}}";
    let services =
        documents(&format!("{{multipart/form-data: {{schema: {schema}}}}}")).map(|document| {
            let echo = async |Body(body): Body<Value>| Body(body);
            build(Api::from_document(document).operation("test", echo))
        });
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(100)
    };
    proptest!(config, |(name in "[^\\pC\"\\\\%]{1,12}", content in vec(any::<u8>(), 0..300))| {
        let head = format!("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                            Content-Type: image/png\r\n\r\n");
        let body = [head.as_bytes(), &content, b"\r\n--XX--\r\n"].concat();
        let expected = json!({"file": {"filename": name, "content_type": "image/png", "size": content.len()}});
        for service in &services {
            let kind = "multipart/form-data; boundary=XX";
            prop_assert_eq!(read_form(service, kind, body.clone()), expected.clone());
        }
    });
}
