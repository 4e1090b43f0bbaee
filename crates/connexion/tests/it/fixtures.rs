//! The behaviours in `tests/fixtures/`, a folder each: the document in every version that can say it, and `cases.txt`,
//! which holds for all of them. They are served by `examples/echo.rs`.
//!
//! A case is a request, `METHOD URI` with header fields and body lines, and what is answered:
//!
//! ```text
//! POST /books
//! content-type: application/json
//! | {"title": ""}
//! => 400 body /title minLength, query limit required
//! ```
//!
//! After `=> 200` stands what was read, `{"query": {"limit": 5}}`, without what is empty. Lines `< name: value` are
//! header fields of the answer. Lines of a multipart body end as that wants it. `#` begins a remark.
//!
//! `ANSWER METHOD TEMPLATE STATUS` with header fields and body lines is an answer that a handler might give, and after
//! `=>` stands `right`, or what is wrong with it.

use std::path::{Path, PathBuf};

use connexion::{ApiService, Document};
use serde_json::Value;

use crate::support::{Answer, headers, send};

#[expect(dead_code, reason = "this is no program that serves")]
#[path = "../../examples/echo.rs"]
mod echo;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const VERSIONS: [&str; 3] = ["openapi.yaml", "openapi30.yaml", "swagger.yaml"];

#[derive(Debug, Default)]
struct Case {
    at: usize,
    line: String,
    fields: Vec<(String, String)>,
    body: Vec<String>,
    expected: String,
    expected_fields: Vec<(String, String)>,
}

fn cases(text: &str) -> Vec<Case> {
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
        let is_request = method.len() > 2 && method.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_request {
            cases.push(Case {
                at: i + 1,
                line: line.to_owned(),
                ..Case::default()
            });
            continue;
        }
        let case = cases.last_mut().expect("a file begins with a request");
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
    async fn ask(&self, service: &ApiService) -> Answer {
        let fields = self.fields.iter();
        let fields: Vec<_> = fields
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let is_multipart = fields
            .iter()
            .any(|(_, value)| value.starts_with("multipart/"));
        let body = if is_multipart {
            self.body.join("\r\n") + "\r\n"
        } else {
            self.body.join("\n")
        };
        send(service, &self.line, &fields, body).await
    }

    /// What is found wrong with an answer, if it is not what is expected.
    fn fault_of_answer(&self, service: &ApiService) -> Option<String> {
        let words: Vec<_> = self.line.split(' ').collect();
        let [_, method, path, status] = words[..] else {
            panic!("{}", self.line)
        };
        let operation = service
            .operations()
            .find(|one| one.method() == method && one.path() == path)
            .unwrap_or_else(|| panic!("there is no {method} {path}"));
        let fields: Vec<_> = self
            .fields
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        let body = self.body.join("\n");
        let found = operation.validate_response(
            status.parse().unwrap(),
            &headers(&fields),
            body.as_bytes(),
        );
        let found = match found {
            Ok(()) => "right".to_owned(),
            Err(violations) => told(&serde_json::to_value(violations).unwrap()),
        };
        (found != self.expected).then_some(found)
    }

    /// How the answer is not as expected.
    fn fault(&self, answer: &Answer) -> Option<String> {
        let (status, rest) = self
            .expected
            .split_once(' ')
            .unwrap_or((&self.expected, ""));
        let fields = self.expected_fields.iter();
        let mut wrong = fields.filter(|(name, value)| answer.header(name) != value);
        let wrong = wrong
            .next()
            .map(|(name, _)| format!("{name}: {}", answer.header(name)));
        let is_same = match rest {
            "" => true,
            json if status == "200" => {
                answer.status == 200 && read(answer) == serde_json::from_str::<Value>(json).unwrap()
            }
            violations => answer.status != 200 && told(&answer.json()["errors"]) == violations,
        };
        let is_same = is_same && answer.status.as_str() == status;
        let text = match answer.header("content-type") {
            "application/problem+json" => told(&answer.json()["errors"]),
            _ => answer.text(),
        };
        (!is_same)
            .then(|| format!("{} {text}", answer.status.as_u16()))
            .or(wrong)
    }
}

/// What was read of the request, without what is empty.
fn read(answer: &Answer) -> Value {
    let mut json = answer.json();
    let members = json.as_object_mut().unwrap();
    members.shift_remove("operationId");
    members
        .retain(|_, value| !value.is_null() && value.as_object().is_none_or(|it| !it.is_empty()));
    json
}

/// All violations: where, which, and what of it.
fn told(errors: &Value) -> String {
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

fn behaviours() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(FOLDER).unwrap();
    let mut folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

async fn faults(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("cases.txt")).unwrap();
    let cases = cases(&text);
    assert!(!cases.is_empty(), "{} has no case", folder.display());
    let mut faults = Vec::new();
    for version in VERSIONS {
        let path = folder.join(version);
        if !path.exists() {
            assert_ne!(version, VERSIONS[0], "{} is missing", path.display());
            continue;
        }
        let name = path.strip_prefix(FOLDER).unwrap().display().to_string();
        let document = Document::load(&path).unwrap_or_else(|faults| panic!("{faults}"));
        let service = echo::service(document, true).unwrap_or_else(|faults| panic!("{faults}"));
        for case in &cases {
            let fault = if case.line.starts_with("ANSWER ") {
                case.fault_of_answer(&service)
            } else {
                case.fault(&case.ask(&service).await)
            };
            if let Some(fault) = fault {
                faults.push(format!(
                    "{name}, case of line {}: {}\n   {fault}",
                    case.at, case.line
                ));
            }
        }
    }
    faults
}

#[tokio::test]
async fn every_behaviour_is_the_same_in_every_version() {
    let mut all = Vec::new();
    for folder in behaviours() {
        let text = std::fs::read_to_string(folder.join(VERSIONS[0])).unwrap();
        if cfg!(not(feature = "multipart")) && text.contains("multipart/form-data") {
            continue;
        }
        all.extend(faults(&folder).await);
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}
