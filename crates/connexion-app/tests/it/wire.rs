//! What clients of the original service rely on: requests and their answers, replayed against both stores and
//! both versions of the contract.
//!
//! The cases are data, in `tests/data/wire.json`; its `about` says how to read them. A run reports every case
//! that differs, not only the first.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
};
use connexion_app::person::{Person, parse_uuid};
use connexion_app::query::Select;
use futures_util::TryStreamExt as _;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::test_app::{Backend, Contract, TestApp, TestResponse};

#[tokio::test]
async fn clients_notice_nothing_on_sqlite() {
    replay(Backend::Sqlite, Contract::OpenApi31).await;
}

#[tokio::test]
async fn clients_notice_nothing_on_sqlite_with_swagger_20() {
    replay(Backend::Sqlite, Contract::Swagger20).await;
}

#[tokio::test]
async fn clients_notice_nothing_on_postgres() {
    replay(Backend::Postgres, Contract::OpenApi31).await;
}

#[tokio::test]
async fn clients_notice_nothing_on_postgres_with_swagger_20() {
    replay(Backend::Postgres, Contract::Swagger20).await;
}

/// The whole of `wire.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(rename = "about")]
    _about: Vec<String>,
    rows: Vec<Person>,
    new: Map<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Absent in the steps of `then`.
    #[serde(default)]
    id: String,
    request: String,
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    set: Option<Map<String, Value>>,
    body: Option<String>,
    #[serde(default)]
    encoding: Encoding,
    expect: Expect,
    #[serde(default)]
    then: Vec<Self>,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum Encoding {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "utf-16le")]
    Utf16Le,
    #[serde(rename = "utf-16be")]
    Utf16Be,
    #[serde(rename = "latin-1")]
    Latin1,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    status: u16,
    #[serde(rename = "type")]
    kind: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    errors: Option<Vec<String>>,
    allow: Option<String>,
    text: Option<String>,
    json: Option<Value>,
    new: Option<Map<String, Value>>,
    row: Option<usize>,
    #[serde(default)]
    but: Map<String, Value>,
    list: Option<Vec<Value>>,
}

async fn replay(backend: Backend, contract: Contract) {
    let wire: Wire =
        serde_json::from_str(include_str!("../data/wire.json")).expect("wire.json is well formed");
    let app = TestApp::new(backend, contract).await;
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for case in &wire.cases {
        assert!(
            !case.id.is_empty() && ids.insert(&case.id),
            "the id {:?} is missing or repeated",
            case.id
        );
        app.reset(&wire.rows).await;
        faults.extend(wire.play(&app, case).await);
    }
    let total = wire.cases.len();
    assert!(
        faults.is_empty(),
        "{} of {total} cases differ:\n\n{}",
        faults.len(),
        faults.join("\n\n")
    );
}

impl Wire {
    /// Plays one case; its report if anything differs.
    async fn play(&self, app: &TestApp, case: &Case) -> Option<String> {
        let mut location = String::new();
        for (number, step) in std::iter::once(case).chain(&case.then).enumerate() {
            let request = self.request(step, &location);
            let (method, uri) = (request.method().clone(), request.uri().to_string());
            let response = app.send(request).await;
            location = text_of(&response.headers, &header::LOCATION).unwrap_or(location);

            let mut faults = Vec::new();
            self.compare(&method, step, &response, &mut faults);
            // A request that was refused must have left nothing behind, whatever it looked like.
            if step.expect.status >= 400 && number == 0 {
                let left = people(app).await;
                if left != sorted(self.rows.clone()) {
                    faults.push(format!("the table changed: {left:?}"));
                }
            }
            if !faults.is_empty() {
                let place = if number == 0 {
                    String::new()
                } else {
                    format!(", then {number}")
                };
                let body = shorten(&String::from_utf8_lossy(&response.body));
                let faults = faults.join("\n    ");
                let uri = shorten(&uri);
                return Some(format!(
                    "{}{place}: {method} {uri}\n    {faults}\n    answer: {body}",
                    case.id
                ));
            }
        }
        None
    }

    fn request(&self, step: &Case, location: &str) -> Request<Body> {
        let (method, path) = step
            .request
            .split_once(' ')
            .expect("a request is a method and a path");
        // Where a client would go: `Location` may be absolute.
        let location = location
            .find("/people")
            .map_or(location, |start| &location[start..]);
        let path = expand(path).replace("$location", location);
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a method");
        *request.uri_mut() = path
            .parse()
            .unwrap_or_else(|error| panic!("{}: {path:?} is no path: {error}", step.id));

        if let Some(text) = self.body(step) {
            let bytes = encode(&text, step.encoding);
            request.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            request
                .headers_mut()
                .insert(header::CONTENT_LENGTH, bytes.len().into());
            *request.body_mut() = Body::from(bytes);
        }
        for (name, value) in &step.headers {
            let name: HeaderName = name.parse().expect("a header name");
            match value {
                Some(value) => request
                    .headers_mut()
                    .insert(name, value.parse().expect("a header value")),
                None => request.headers_mut().remove(name),
            };
        }
        request
    }

    fn body(&self, step: &Case) -> Option<String> {
        let Some(set) = &step.set else {
            return step.body.as_deref().map(expand);
        };
        let mut members: Map<String, Value> = self
            .new
            .iter()
            .filter(|(name, _)| *name != "uuid")
            .map(|(k, v)| (k.clone(), v.to_string().into()))
            .collect();
        members.extend(set.clone());
        let members: Vec<_> = members
            .iter()
            .filter_map(|(name, raw)| {
                Some(format!(
                    "{}: {}",
                    Value::from(name.as_str()),
                    expand(raw.as_str()?)
                ))
            })
            .collect();
        Some(format!("{{{}}}", members.join(", ")))
    }

    fn compare(
        &self,
        method: &Method,
        step: &Case,
        response: &TestResponse,
        faults: &mut Vec<String>,
    ) {
        let expect = &step.expect;
        differ(faults, "status", &response.status.as_u16(), &expect.status);
        if let Some(allow) = &expect.allow {
            let actual = text_of(&response.headers, &header::ALLOW).unwrap_or_default();
            let actual: BTreeSet<_> = actual.split(',').map(str::trim).collect();
            differ(faults, "Allow", &actual, &allow.split(' ').collect());
        }
        no_internals(response, faults);
        if method == Method::HEAD {
            differ(faults, "body", &response.body.len(), &0);
            return;
        }
        if response.status.is_client_error() || response.status.is_server_error() {
            compare_problem(expect, response, faults);
            return;
        }
        if let Some(text) = &expect.text
            && !String::from_utf8_lossy(&response.body).contains(text)
        {
            faults.push(format!("the answer does not contain {text}"));
        }
        let Some(expected) = self.expected(expect) else {
            return;
        };
        let content_type = text_of(&response.headers, &header::CONTENT_TYPE);
        differ(
            faults,
            "Content-Type",
            &content_type.as_deref(),
            &Some("application/json"),
        );
        match serde_json::from_slice::<Value>(&response.body) {
            Ok(actual) => {
                let actual = sorted_by_uuid(actual);
                if method == Method::POST {
                    compare_location(&actual, response, faults);
                }
                differ(
                    faults,
                    "body",
                    &without_random(actual, &expected),
                    &expected,
                );
            }
            Err(error) => faults.push(format!("the answer is not JSON: {error}")),
        }
    }

    /// The JSON value that is expected; `None` if it doesn't matter.
    fn expected(&self, expect: &Expect) -> Option<Value> {
        let person = |row: usize, but: &Map<String, Value>| {
            let mut person = serde_json::to_value(&self.rows[row]).expect("a person is JSON");
            person
                .as_object_mut()
                .expect("a person is an object")
                .extend(but.clone());
            person
        };
        let new = |but: &Map<String, Value>| {
            let mut person = self.new.clone();
            person.extend(but.clone());
            Value::Object(person)
        };
        let value = if let Some(but) = &expect.new {
            new(but)
        } else if let Some(row) = expect.row {
            person(row, &expect.but)
        } else if let Some(list) = &expect.list {
            let one = |item: &Value| match item {
                Value::Number(row) => {
                    person(usize::try_from(row.as_u64()?).ok()?, &Map::new()).into()
                }
                Value::Object(but) => new(but).into(),
                _ => None,
            };
            list.iter()
                .map(|item| one(item).expect("a list is of rows and new people"))
                .collect()
        } else {
            expect.json.clone()?
        };
        Some(sorted_by_uuid(expand_all(value)))
    }
}

fn compare_problem(expect: &Expect, response: &TestResponse, faults: &mut Vec<String>) {
    let content_type = text_of(&response.headers, &header::CONTENT_TYPE);
    differ(
        faults,
        "Content-Type",
        &content_type.as_deref(),
        &Some("application/problem+json"),
    );
    let problem: Problem = match serde_json::from_slice(&response.body) {
        Ok(problem) => problem,
        Err(error) => return faults.push(format!("the answer is no problem document: {error}")),
    };
    differ(
        faults,
        "status in the body",
        &problem.status,
        &response.status.as_u16(),
    );
    for (what, actual, expected) in [
        ("type", &problem.kind, &expect.kind),
        ("title", &problem.title, &expect.title),
        ("detail", &problem.detail, &expect.detail),
    ] {
        if actual.is_empty() {
            faults.push(format!("{what} is empty"));
        }
        if let Some(expected) = expected {
            differ(faults, what, actual, &expand(expected));
        }
    }
    for error in &problem.errors {
        let in_body = error.location == "body";
        let pointer_fits = error
            .pointer
            .as_ref()
            .is_some_and(|p| p.is_empty() || p.starts_with('/'));
        let known =
            ["path", "query", "header", "cookie", "body"].contains(&error.location.as_str());
        let fits = if in_body {
            pointer_fits && error.name.is_none()
        } else {
            error.name.is_some()
        };
        if !known
            || !fits
            || error.keyword.is_empty()
            || error.code.is_empty()
            || error.detail.is_empty()
        {
            faults.push(format!("not well formed in errors: {error:?}"));
        }
    }
    if response.status == StatusCode::BAD_REQUEST && problem.errors.is_empty() {
        faults.push("a bad request has at least one entry in errors".into());
    }
    if let Some(expected) = &expect.errors {
        let actual: Vec<_> = problem.errors.iter().map(Fault::to_string).collect();
        differ(faults, "errors", &actual, expected);
    }
}

/// A problem document as the contract describes it; nothing more may be in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: String,
    errors: Vec<Fault>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    #[serde(rename = "in")]
    location: String,
    pointer: Option<String>,
    name: Option<String>,
    keyword: String,
    code: String,
    detail: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self
            .pointer
            .as_deref()
            .or(self.name.as_deref())
            .unwrap_or_default();
        write!(f, "{} {name} {}", self.location, self.keyword)
    }
}

/// The original told clients its SQL, its driver and its source files.
fn no_internals(response: &TestResponse, faults: &mut Vec<String>) {
    let body = String::from_utf8_lossy(&response.body).to_lowercase();
    let words = [
        "psycopg",
        "postgres",
        "sqlite",
        "sql:",
        "select ",
        "insert ",
        "line 1:",
        "traceback",
        "panicked",
    ];
    let places = [
        env!("CARGO_MANIFEST_DIR"),
        ".rs",
        "/src/",
        "/home/",
        "/root/",
        "127.0.0.1",
    ];
    for word in words.into_iter().chain(places) {
        if body.contains(&word.to_lowercase()) {
            faults.push(format!("the answer speaks of {word:?}"));
        }
    }
}

fn compare_location(person: &Value, response: &TestResponse, faults: &mut Vec<String>) {
    let location = text_of(&response.headers, &header::LOCATION).unwrap_or_default();
    let path = format!("/people/{}", person["uuid"].as_str().unwrap_or("?"));
    if !location.ends_with(&path) {
        faults.push(format!(
            "Location\n      expected: {path}\n      actual:   {location}"
        ));
    }
}

/// Replaces a random key by `*` where that is expected, if it is written as keys are.
fn without_random(mut actual: Value, expected: &Value) -> Value {
    match (&mut actual, expected) {
        (Value::Object(actual), Value::Object(expected))
            if expected.get("uuid") == Some(&"*".into()) =>
        {
            let text = actual
                .get("uuid")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if parse_uuid(text).is_some_and(|uuid| uuid.to_string() == text) {
                actual.insert("uuid".into(), "*".into());
            }
        }
        (Value::Array(actual), Value::Array(expected)) if actual.len() == expected.len() => {
            // The sort put `*` first, but a random key anywhere.
            let known: BTreeSet<_> = expected
                .iter()
                .map(|person| person["uuid"].to_string())
                .collect();
            for person in actual
                .iter_mut()
                .filter(|person| !known.contains(&person["uuid"].to_string()))
            {
                *person = without_random(person.take(), &serde_json::json!({"uuid": "*"}));
            }
            return sorted_by_uuid(Value::Array(std::mem::take(actual)));
        }
        _ => {}
    }
    actual
}

/// A list has no promised order.
fn sorted_by_uuid(mut value: Value) -> Value {
    if let Value::Array(people) = &mut value {
        people.sort_by_key(|person| person["uuid"].to_string());
    }
    value
}

async fn people(app: &TestApp) -> Vec<Person> {
    let people = app
        .store()
        .list(&Select::all())
        .await
        .expect("the store lists people");
    sorted(people.try_collect().await.expect("the store lists people"))
}

fn sorted(mut people: Vec<Person>) -> Vec<Person> {
    people.sort_by_key(|person| person.uuid);
    people
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.into(),
        Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Encoding::Latin1 => text
            .chars()
            .map(|c| u8::try_from(c).expect("a character of Latin-1"))
            .collect(),
    }
}

/// Writes `<x*5>` out as `xxxxx`.
fn expand(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let run = after.split_once('>').and_then(|(run, after)| {
            let (what, count) = run.split_once('*')?;
            Some((what.repeat(count.parse().ok()?), after))
        });
        if let Some((run, after)) = run {
            out.push_str(&run);
            rest = after;
        } else {
            out.push('<');
            rest = after;
        }
    }
    out + rest
}

fn expand_all(value: Value) -> Value {
    match value {
        Value::String(text) => expand(&text).into(),
        Value::Array(items) => items.into_iter().map(expand_all).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, expand_all(value)))
            .collect(),
        other => other,
    }
}

fn differ<T: PartialEq + std::fmt::Debug>(
    faults: &mut Vec<String>,
    what: &str,
    actual: &T,
    expected: &T,
) {
    if actual != expected {
        let (actual, expected) = (
            shorten(&format!("{actual:?}")),
            shorten(&format!("{expected:?}")),
        );
        faults.push(format!(
            "{what}\n      expected: {expected}\n      actual:   {actual}"
        ));
    }
}

/// Keeps a report readable when a case is about something long.
fn shorten(text: &str) -> String {
    let length = text.chars().count();
    if length <= 600 {
        return text.to_owned();
    }
    text.chars()
        .take(600)
        .chain(format!(" … ({length} characters)").chars())
        .collect()
}
