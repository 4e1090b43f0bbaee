//! One operation of the document, compiled: what its requests must be and what its answers must be.
//!
//! [`Operation::validate_request`] and [`Operation::validate_response`] are pure functions: no socket, no
//! await, so a test, a benchmark or a fuzzer can call them.

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value};

use crate::{
    content::{MediaType, content_type, is_utf8, json_text},
    document::{Document, Fault, OperationPlace, Place, parameters},
    parameter::{Parameter, Sources},
    path::PathValues,
    problem::{In, Violation},
    schema::{Compiler, Schema},
    typed::Typed,
};

/// An operation of the document.
#[derive(Debug)]
pub struct Operation {
    id: String,
    method: Method,
    path: String,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    responses: Vec<(StatusRange, Response)>,
}

/// What a valid request said, as JSON values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// The parameters' values by name.
    pub parameters: Map<String, Value>,
    /// The body; `None` if there was none.
    pub body: Option<Value>,
}

#[derive(Debug)]
struct RequestBody {
    required: bool,
    content: Vec<Media>,
}

#[derive(Debug)]
struct Response {
    headers: Vec<(String, Option<Arc<Schema>>, bool)>,
    content: Vec<Media>,
}

/// One entry of a `content` object.
#[derive(Debug)]
struct Media {
    kind: MediaType,
    schema: Option<Arc<Schema>>,
    /// The schema of the items, if the schema is that of an array.
    items: Option<Arc<Schema>>,
}

/// A key of a `responses` object (OpenAPI 3.1, section 4.8.16).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum StatusRange {
    One(u16),
    /// `2XX` is 2.
    Class(u16),
    Default,
}

impl Operation {
    /// Compiles an operation; what is wrong with it is added to `faults`.
    pub(crate) fn compile(
        source: &OperationPlace<'_>,
        document: &Document,
        compiler: &Compiler<'_>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut compile = Compile {
            document,
            compiler,
            faults,
        };
        let parameters = parameters(&source.item, &source.place);
        let responses = source.place.get("responses");
        Self {
            id: source
                .place
                .text("operationId")
                .unwrap_or_default()
                .to_owned(),
            method: source.method.clone(),
            path: source.path.to_owned(),
            body: source
                .place
                .get("requestBody")
                .map(|body| compile.request_body(&body)),
            responses: responses
                .iter()
                .flat_map(Place::members)
                .filter_map(|(key, place)| compile.response(key, &place))
                .collect(),
            parameters: parameters
                .iter()
                .filter_map(|place| compile.parameter(place))
                .collect(),
        }
    }

    /// Its `operationId`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Its path template, as the document writes it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the body of a request is looked at.
    pub(crate) fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// Checks a whole request and reads its values.
    ///
    /// `path` has the values of the template's parameters, decoded.
    ///
    /// # Errors
    /// Everything that is wrong, in the order in which Python's connexion would have found it: content
    /// type or body, unknown query parameters, the other parameters.
    pub fn validate_request(
        &self,
        path: &PathValues,
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Input, Vec<Violation>> {
        let mut violations = Vec::new();
        let body = self
            .body
            .as_ref()
            .and_then(|expected| expected.read(headers, body, &mut violations));
        let parameters = Sources::new(path, query, headers).read(&self.parameters, &mut violations);
        if violations.is_empty() {
            Ok(Input { parameters, body })
        } else {
            Err(violations)
        }
    }

    /// Checks a whole answer: status, content type, headers and body.
    ///
    /// # Errors
    /// Everything that the document does not allow.
    pub fn validate_response(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Vec<Violation>> {
        let media = self.validate_head(status, headers)?;
        let Some(schema) = media.and_then(|media| media.schema.as_ref()) else {
            return Ok(());
        };
        match serde_json::from_slice::<Value>(body) {
            Ok(value) if schema.is_valid(&value) => Ok(()),
            Ok(value) => Err(schema.body_violations(&value, &String::from_utf8_lossy(body))),
            Err(_) => Err(vec![body_violation(
                "json",
                "the answer is not valid JSON".to_owned(),
            )]),
        }
    }

    /// Whether an answer whose body is this value is certainly right.
    pub(crate) fn validate_typed(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Typed,
    ) -> bool {
        let media = self.validate_head(status, headers);
        let schema = media
            .ok()
            .flatten()
            .and_then(|media| media.schema.as_deref());
        schema.is_some_and(|schema| body.conforms_to(schema))
    }

    /// Checks an answer but for its body, and returns the schema for the items of its array, if it is one.
    pub(crate) fn validate_stream(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<Arc<Schema>>, Vec<Violation>> {
        Ok(self
            .validate_head(status, headers)?
            .and_then(|media| media.items.clone()))
    }

    fn validate_head(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<&Media>, Vec<Violation>> {
        let code = status.as_u16();
        let find = |range| {
            self.responses
                .iter()
                .find(|(known, _)| *known == range)
                .map(|(_, response)| response)
        };
        let response =
            find(StatusRange::One(code)).or_else(|| find(StatusRange::Class(code / 100)));
        let Some(response) = response.or_else(|| find(StatusRange::Default)) else {
            return Err(vec![body_violation(
                "status",
                format!("the status {code} is not in the document"),
            )]);
        };
        let mut violations = response.header_violations(headers);
        let sent = content_type(headers);
        let media = response
            .content
            .iter()
            .find(|media| media.kind.accepts(&sent));
        if media.is_none() && !response.content.is_empty() {
            let detail = format!("the content type '{sent}' is not in the document");
            violations.push(body_violation("contentType", detail));
        }
        if violations.is_empty() {
            Ok(media)
        } else {
            Err(violations)
        }
    }
}

impl RequestBody {
    fn read(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        violations: &mut Vec<Violation>,
    ) -> Option<Value> {
        if body.is_empty() {
            if self.required {
                violations.push(body_violation(
                    "required",
                    "Request body is required".to_owned(),
                ));
            }
            return None;
        }
        let sent = content_type(headers);
        let media = self
            .content
            .iter()
            .find(|media| media.kind.accepts(&sent) && is_utf8(&sent));
        let Some(media) = media else {
            violations.push(self.unsupported(&sent));
            return None;
        };
        let not_json = || body_violation("json", "Request body is not valid JSON".to_owned());
        let text = json_text(body);
        let parsed = text
            .as_deref()
            .and_then(|text| Some((text, serde_json::from_str::<Value>(text).ok()?)));
        let Some((text, value)) = parsed else {
            violations.push(not_json());
            return None;
        };
        match &media.schema {
            Some(schema) if !schema.is_valid(&value) => {
                // The original took `null` for a body that could not be read, and said so.
                let faults = if value.is_null() {
                    vec![not_json()]
                } else {
                    schema.body_violations(&value, text)
                };
                violations.extend(faults);
                None
            }
            _ => Some(value),
        }
    }

    fn unsupported(&self, sent: &str) -> Violation {
        let types: Vec<_> = self
            .content
            .iter()
            .map(|media| media.kind.as_str())
            .collect();
        let all_json = self.content.iter().all(|media| media.kind.is_json());
        let expected = if all_json {
            "JSON data".to_owned()
        } else {
            types.join(", ")
        };
        body_violation(
            "contentType",
            format!("Invalid Content-type ({sent}), expected {expected}"),
        )
    }
}

impl Response {
    fn header_violations(&self, headers: &HeaderMap) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (name, schema, required) in &self.headers {
            let mut report = |keyword: &'static str, detail| {
                violations.push(Violation {
                    location: In::Header,
                    name: name.clone(),
                    keyword: keyword.into(),
                    detail,
                });
            };
            let Some(value) = headers.get(name.as_str()) else {
                if *required {
                    report("required", format!("the header '{name}' is missing"));
                }
                continue;
            };
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let number = serde_json::from_str::<Value>(&text)
                .ok()
                .filter(|value| !value.is_string());
            let text = Value::String(text);
            // A header has no types: it is right if it is so as a text or as the number it looks like.
            let is_valid = |schema: &Schema| {
                schema.is_valid(&text)
                    || number
                        .as_ref()
                        .is_some_and(|number| schema.is_valid(number))
            };
            if schema.as_deref().is_some_and(|schema| !is_valid(schema)) {
                report("schema", format!("the header '{name}' breaks its schema"));
            }
        }
        violations
    }
}

fn body_violation(keyword: &'static str, detail: String) -> Violation {
    Violation {
        location: In::Body,
        name: String::new(),
        keyword: keyword.into(),
        detail,
    }
}

/// What compiling the parts of an operation needs.
struct Compile<'c, 'f> {
    document: &'c Document,
    compiler: &'c Compiler<'f>,
    faults: &'c mut Vec<Fault>,
}

impl Compile<'_, '_> {
    fn parameter(&mut self, place: &Place<'_>) -> Option<Parameter> {
        let parameter = Parameter::compile(place, self.compiler);
        parameter
            .map_err(|message| {
                self.faults
                    .push(self.document.fault(place.node.at, message));
            })
            .ok()
    }

    fn request_body(&mut self, place: &Place<'_>) -> RequestBody {
        let content = self.content(place);
        for media in content.iter().filter(|media| !media.kind.is_json()) {
            let message = format!(
                "request bodies of the type {} are not supported",
                media.kind.as_str()
            );
            self.faults
                .push(self.document.fault(place.node.at, message));
        }
        RequestBody {
            required: place.flag("required"),
            content,
        }
    }

    fn response(&mut self, key: &str, place: &Place<'_>) -> Option<(StatusRange, Response)> {
        let range = match (key, key.parse(), key.strip_suffix("XX").map(str::parse)) {
            ("default", ..) => StatusRange::Default,
            (_, Ok(code @ 100..600), _) => StatusRange::One(code),
            (_, _, Some(Ok(class @ 1..6))) => StatusRange::Class(class),
            _ if key.starts_with("x-") => return None,
            _ => {
                let message = format!("`{key}` is no status: write '200', '2XX' or default");
                self.faults
                    .push(self.document.fault(place.node.at, message));
                return None;
            }
        };
        let headers = place.get("headers");
        let headers = headers.iter().flat_map(Place::members);
        let headers = headers.map(|(name, header)| {
            (
                name.to_owned(),
                self.schema(&header, "schema"),
                header.flag("required"),
            )
        });
        let headers = headers.collect();
        Some((
            range,
            Response {
                headers,
                content: self.content(place),
            },
        ))
    }

    fn content(&mut self, place: &Place<'_>) -> Vec<Media> {
        let content = place.get("content");
        let media = |(name, place): (&str, Place<'_>)| {
            let kind = MediaType::parse(name);
            let json = kind.is_json();
            let schema = if json {
                self.schema(&place, "schema")
            } else {
                None
            };
            let array = if json { place.get("schema") } else { None };
            let items = array.and_then(|array| self.schema(&array, "items"));
            Media {
                kind,
                schema,
                items,
            }
        };
        content.iter().flat_map(Place::members).map(media).collect()
    }

    fn schema(&mut self, place: &Place<'_>, key: &str) -> Option<Arc<Schema>> {
        let schema = place.schema(key)?;
        match self.compiler.compile(&schema.pointer) {
            Ok(compiled) => Some(compiled),
            Err(message) => {
                self.faults.push(self.document.fault(
                    schema.node.at,
                    format!("the schema can't be used: {message}"),
                ));
                None
            }
        }
    }
}
