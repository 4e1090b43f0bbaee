//! The behaviours in `tests/fixtures/`, a folder each: a document in every version that supports the behaviour, and
//! `cases.txt`, which holds for each of them. They are served by `examples/echo.rs`.
//!
//! A case is a request, `METHOD URI` with header fields and body lines, and the expected response:
//!
//! ```text
//! POST /books
//! content-type: application/json
//! | {"title": ""}
//! => 400 body /title minLength, query limit required
//! ```
//!
//! The text after `=> 200` lists the values that were read, `{"query": {"limit": 5}}`, without the empty ones. Lines
//! `< name: value` are header fields of the response. Lines of a multipart body end with CRLF. `#` starts a comment.
//!
//! `RESPONSE METHOD TEMPLATE STATUS` with header fields and body lines is the response of a handler. It is followed by
//! `=> valid` or by the expected violations.

use std::{collections::BTreeSet, fs, path::Path};

use connexion::{ApiService, Document};
use serde_json::Value;

use crate::support::{TestResponse, headers, request};

#[expect(dead_code, reason = "the tests need no program that listens")]
#[path = "../../examples/echo.rs"]
mod echo;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

/// Defines a test for each folder and version, `fixtures::FOLDER::VERSION`. Underscores are hyphens in a folder's name.
macro_rules! fixtures {
    ($($(#[$attribute:meta])* $folder:ident: $($version:ident)*;)*) => {
        $($(#[$attribute])*
        mod $folder {
            $(#[tokio::test]
            async fn $version() {
                super::check(stringify!($folder), stringify!($version)).await;
            })*
        })*

        /// The folders and versions that have a test.
        const LISTED: &[(&str, &[&str])] = &[$((stringify!($folder), &[$(stringify!($version)),*])),*];
    };
}

fixtures! {
    accept: openapi_3_1 openapi_3_0 swagger_2_0;
    allow_empty_value: openapi_3_1 openapi_3_0 swagger_2_0;
    allow_reserved: openapi_3_1 openapi_3_0;
    base_path: openapi_3_1 openapi_3_0 swagger_2_0;
    body_defaults: openapi_3_1 openapi_3_0 swagger_2_0;
    body_form: openapi_3_1 openapi_3_0 swagger_2_0;
    body_form_encoding: openapi_3_1 openapi_3_0;
    body_json: openapi_3_1 openapi_3_0 swagger_2_0;
    body_media_ranges: openapi_3_1 openapi_3_0;
    body_media_types: openapi_3_1 openapi_3_0;
    #[cfg(feature = "multipart")]
    body_multipart: openapi_3_1 openapi_3_0 swagger_2_0;
    #[cfg(feature = "multipart")]
    body_multipart_encoding: openapi_3_1 openapi_3_0;
    body_optional: openapi_3_1 openapi_3_0 swagger_2_0;
    body_stream: openapi_3_1 openapi_3_0 swagger_2_0;
    body_text: openapi_3_1 openapi_3_0 swagger_2_0;
    body_untyped: openapi_3_1 openapi_3_0 swagger_2_0;
    body_violations: openapi_3_1 openapi_3_0 swagger_2_0;
    boolean_words: openapi_3_1 openapi_3_0 swagger_2_0;
    cookies: openapi_3_1 openapi_3_0;
    deep_objects: openapi_3_1 openapi_3_0;
    dependent_properties: openapi_3_1;
    discriminator: openapi_3_1 openapi_3_0;
    discriminator_base: openapi_3_1 openapi_3_0 swagger_2_0;
    discriminator_circle: openapi_3_1 openapi_3_0;
    discriminator_nested: openapi_3_1 openapi_3_0;
    #[cfg(feature = "multipart")]
    everything: openapi_3_1 openapi_3_0;
    form_conditions: openapi_3_1;
    formats: openapi_3_1 openapi_3_0 swagger_2_0;
    free_objects: openapi_3_1 openapi_3_0;
    headers: openapi_3_1 openapi_3_0 swagger_2_0;
    listed_types: openapi_3_1 openapi_3_0 swagger_2_0;
    nested_objects: openapi_3_1 openapi_3_0;
    nested_parameters: openapi_3_1 openapi_3_0 swagger_2_0;
    nullable: openapi_3_1 openapi_3_0 swagger_2_0;
    parameter_content: openapi_3_1 openapi_3_0;
    parameter_defaults: openapi_3_1 openapi_3_0;
    parameter_rules: openapi_3_1 openapi_3_0 swagger_2_0;
    parameter_types: openapi_3_1 openapi_3_0;
    path_simple: openapi_3_1 openapi_3_0 swagger_2_0;
    path_slashes: openapi_3_1 openapi_3_0 swagger_2_0;
    path_splits: openapi_3_1 openapi_3_0 swagger_2_0;
    path_styles: openapi_3_1 openapi_3_0;
    patterns_ecma: openapi_3_1 openapi_3_0 swagger_2_0;
    query_lists: openapi_3_1 openapi_3_0 swagger_2_0;
    query_objects: openapi_3_1 openapi_3_0;
    read_only: openapi_3_1 openapi_3_0 swagger_2_0;
    recursive_schemas: openapi_3_1 openapi_3_0 swagger_2_0;
    response_rows: openapi_3_1 openapi_3_0 swagger_2_0;
    responses: openapi_3_1 openapi_3_0;
    routing: openapi_3_1 openapi_3_0 swagger_2_0;
    routing_specificity: openapi_3_1 openapi_3_0 swagger_2_0;
    same_names: openapi_3_1 openapi_3_0 swagger_2_0;
    security_keys: openapi_3_1 openapi_3_0 swagger_2_0;
    security_requirements: openapi_3_1 openapi_3_0 swagger_2_0;
    security_tokens: openapi_3_1 openapi_3_0;
    servers: openapi_3_1 openapi_3_0;
    shared_parameters: openapi_3_1 openapi_3_0 swagger_2_0;
    style_on_scalars: openapi_3_1 openapi_3_0 swagger_2_0;
    tuples: openapi_3_1;
    union_objects: openapi_3_1 openapi_3_0;
    unknown_parameters: openapi_3_1 openapi_3_0 swagger_2_0;
    write_only: openapi_3_1 openapi_3_0;
}

#[test]
fn every_fixture_folder_and_version_is_listed() {
    let mut expected = BTreeSet::new();
    for folder in fs::read_dir(FOLDER).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().file_name().into_string().unwrap();
            if file != "cases.txt" {
                expected.insert(format!("{name}/{file}"));
            }
        }
        assert!(
            expected.contains(&format!("{name}/openapi.yaml")),
            "{name} has no document in OpenAPI 3.1"
        );
    }
    let mut listed = BTreeSet::new();
    for (folder, versions) in LISTED {
        for version in *versions {
            listed.insert(format!("{}/{}", folder.replace('_', "-"), file(version)));
        }
    }
    assert_eq!(listed, expected, "add new folders to `fixtures!`");
}

/// Returns the name of the document in a version.
fn file(version: &str) -> &'static str {
    match version {
        "openapi_3_1" => "openapi.yaml",
        "openapi_3_0" => "openapi30.yaml",
        "swagger_2_0" => "swagger.yaml",
        _ => panic!("unknown version {version}"),
    }
}

/// Checks every case of a folder with the document in a version.
async fn check(folder: &str, version: &str) {
    let folder = Path::new(FOLDER).join(folder.replace('_', "-"));
    let text = fs::read_to_string(folder.join("cases.txt")).unwrap();
    let cases = parse(&text);
    assert!(!cases.is_empty(), "{} has no case", folder.display());
    let path = folder.join(file(version));
    let document = Document::load(&path).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let service =
        echo::service(document, true).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let mut failures = Vec::new();
    for case in &cases {
        let failure = if case.line.starts_with("RESPONSE ") {
            case.response_failure(&service)
        } else {
            case.request_failure(&case.send(&service).await)
        };
        if let Some(actual) = failure {
            failures.push(format!("line {}: {}\n   {actual}", case.number, case.line));
        }
    }
    let name = path.display();
    assert!(failures.is_empty(), "{name}\n{}", failures.join("\n"));
}

/// A case of `cases.txt`.
#[derive(Debug, Default)]
struct Case {
    /// The number of its first line.
    number: usize,
    line: String,
    fields: Vec<(String, String)>,
    body: Vec<String>,
    expected: String,
    expected_fields: Vec<(String, String)>,
}

/// Parses the text of `cases.txt`.
fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let field = |text: &str| {
            let (name, value) = text.split_once(':').unwrap_or_else(|| panic!("{text}"));
            (name.trim().to_owned(), value.trim().to_owned())
        };
        let method = line.split(' ').next().unwrap();
        let is_first = method.len() > 2 && method.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_first {
            cases.push(Case {
                number: i + 1,
                line: line.to_owned(),
                ..Case::default()
            });
            continue;
        }
        let case = cases.last_mut().expect("a file starts with a request");
        if let Some(expected) = line.strip_prefix("=> ") {
            expected.clone_into(&mut case.expected);
        } else if let Some(text) = line.strip_prefix("< ") {
            case.expected_fields.push(field(text));
        } else if let Some(text) = line.strip_prefix('|') {
            let text = text.strip_prefix(' ').unwrap_or(text);
            case.body.push(text.to_owned());
        } else {
            case.fields.push(field(line));
        }
    }
    cases
}

impl Case {
    /// Returns the header fields of the request or response.
    fn fields(&self) -> Vec<(&str, &str)> {
        let fields = self.fields.iter();
        fields.map(|(name, value)| (&**name, &**value)).collect()
    }

    async fn send(&self, service: &ApiService) -> TestResponse {
        let fields = self.fields();
        let is_multipart = fields
            .iter()
            .any(|(_, value)| value.starts_with("multipart/"));
        let body = if is_multipart {
            self.body.join("\r\n") + "\r\n"
        } else {
            self.body.join("\n")
        };
        request(service, &self.line)
            .headers(&fields)
            .body(body)
            .send()
            .await
    }

    /// Validates the response of a handler. Returns the violations if they are not the expected ones.
    fn response_failure(&self, service: &ApiService) -> Option<String> {
        let words: Vec<_> = self.line.split(' ').collect();
        let [_, method, path, status] = words[..] else {
            panic!("{}", self.line)
        };
        let operation = service
            .operations()
            .find(|one| one.method() == method && one.path() == path)
            .unwrap_or_else(|| panic!("there is no {method} {path}"));
        let body = self.body.join("\n");
        let result = operation.validate_response(
            status.parse().unwrap(),
            &headers(&self.fields()),
            body.as_bytes(),
        );
        let actual = match result {
            Ok(()) => "valid".to_owned(),
            Err(violations) => summary(&serde_json::to_value(violations).unwrap()),
        };
        (actual != self.expected).then_some(actual)
    }

    /// Returns the response to a request if it is not the expected one.
    fn request_failure(&self, response: &TestResponse) -> Option<String> {
        let (status, rest) = self
            .expected
            .split_once(' ')
            .unwrap_or((&self.expected, ""));
        let fields = self.expected_fields.iter();
        let mut wrong = fields.filter(|(name, value)| response.header(name) != value);
        let wrong = wrong
            .next()
            .map(|(name, _)| format!("{name}: {}", response.header(name)));
        let is_same = match rest {
            "" => true,
            json if status == "200" => {
                response.status == 200
                    && values(response) == serde_json::from_str::<Value>(json).unwrap()
            }
            violations => {
                response.status != 200 && summary(&response.json()["errors"]) == violations
            }
        };
        let is_same = is_same && response.status.as_str() == status;
        let text = match response.header("content-type") {
            "application/problem+json" => summary(&response.json()["errors"]),
            _ => response.text(),
        };
        (!is_same)
            .then(|| format!("{} {text}", response.status.as_u16()))
            .or(wrong)
    }
}

/// Returns the values that `examples/echo.rs` read of the request, without the empty ones.
fn values(response: &TestResponse) -> Value {
    let mut json = response.json();
    let properties = json.as_object_mut().unwrap();
    properties.shift_remove("operationId");
    properties
        .retain(|_, value| !value.is_null() && value.as_object().is_none_or(|it| !it.is_empty()));
    json
}

/// Returns location, name, pointer and keyword of each violation.
fn summary(errors: &Value) -> String {
    let errors = errors.as_array().into_iter().flatten();
    let errors = errors.map(|error| {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = format!("{}{}", text("name"), text("pointer"));
        let words = [text("in"), &name, text("keyword")];
        let words = words.into_iter().filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    });
    errors.collect::<Vec<_>>().join(", ")
}
