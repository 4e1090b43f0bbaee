//! One operation of the document, compiled: what its requests must be and what its answers must be.
//!
//! [`Operation::validate_request`] and [`Operation::validate_response`] are pure functions: no socket, no
//! await, so a test, a benchmark or a fuzzer can call them.

pub(crate) mod accept;
mod answer;
mod body;
mod body_type;
mod compile;
pub(crate) mod form;
pub(crate) mod media_type;
pub(crate) mod memory;
#[cfg(feature = "multipart")]
pub(crate) mod multipart;
pub(crate) mod parameter;
pub(crate) mod path;
pub(crate) mod policy;
mod response;
pub(crate) mod splitter;
mod trial;

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value};

use crate::{
    operation::{
        accept::Accept,
        media_type::{MediaType, content_type, essence, is_json, lossy_text},
        parameter::{Parameter, Sources},
        path::PathValues,
    },
    problem::{ParameterLocation, Violation, Violations},
    schema::{json::Room, typed::Typed},
    security::SecurityRequirement,
};
pub(crate) use answer::{Check, Items};
use body::RequestBody;
pub(crate) use body::{Reading, Received};
pub(crate) use body_type::BodyType;
pub(crate) use compile::compile;
pub use parameter::ParameterInfo;
pub use policy::ResponseValidation;
pub(crate) use policy::Rules;
use response::{Response, StatusRange};
pub(crate) use trial::ValidInputs;

/// An operation of the document, compiled: of use for tests, which need no server to ask whether a request or an answer
/// is right.
///
/// ```
/// # use connexion::{Api, Document, PathValues};
/// # use http::HeaderMap;
/// # let document = Document::load("examples/hello.yaml")?;
/// let service = Api::from_document(document).stub(true).build(())?;
/// let hello = service.operations().find(|one| one.id() == "hello").ok_or("there is none")?;
/// let path = PathValues::from_iter([("name", "Ann")]);
/// assert!(hello.validate_request(&path, Some("times=2"), &HeaderMap::new(), b"").is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It asks for no credentials: whether a request may be answered is for [`ApiService`](crate::ApiService) to say.
#[derive(Debug)]
pub struct Operation {
    id: Arc<str>,
    /// The name under which its handler is registered.
    pub(crate) handler: String,
    method: Method,
    path: String,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    responses: Vec<(StatusRange, Response)>,
    /// The types of the answers that mean success, each once.
    produces: Vec<MediaType>,
    security: Vec<SecurityRequirement>,
    extensions: Map<String, Value>,
    path_extensions: Map<String, Value>,
    pub(crate) rules: Rules,
    /// Why requests are answered with 501, if they are.
    pub(crate) unserved: Option<String>,
}

/// What a valid request said, as JSON values.
///
/// ```
/// # use connexion::{Api, Document, PathValues};
/// # use http::HeaderMap;
/// # let document = Document::load("examples/hello.yaml")?;
/// # let service = Api::from_document(document).stub(true).build(())?;
/// # let operation = service.operations().next().ok_or("there is none")?;
/// let path = PathValues::from_iter([("name", "Ann")]);
/// let input = operation.validate_request(&path, None, &HeaderMap::new(), b"")?;
/// assert_eq!(input.parameters["name"], "Ann");
/// // The request did not say it: it is the document's default.
/// assert_eq!(input.parameters["times"], 1);
/// assert_eq!(input.body, None);
/// assert_eq!(input.accept.as_str(), "application/json");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A parameter that was not sent and has no default is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidatedRequest {
    /// The parameters' values by name; see [`Params`](crate::Params).
    pub parameters: Map<String, Value>,
    /// The body; `None` if there was none.
    pub body: Option<Value>,
    /// The type that the answer should have.
    pub accept: Accept,
}

/// One entry of a `content` object.
#[derive(Debug)]
struct Media {
    kind: MediaType,
    check: Check,
}

/// The entry that fits a `Content-Type` best.
fn nearest<'m, M>(
    content: &'m [M],
    kind: impl Fn(&M) -> &MediaType,
    content_type: &str,
) -> Option<&'m M> {
    // Nearly everybody writes it as the document does, and nothing is nearer.
    if let Some(media) = content
        .iter()
        .find(|media| kind(media).is_just(content_type))
    {
        return Some(media);
    }
    let near = content
        .iter()
        .filter_map(|media| Some((kind(media).distance(content_type)?, media)));
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, media)| media)
}

impl Operation {
    /// Its `operationId`; of an operation without one its method and path, such as `get /people`.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let service = Api::from_document(document).stub(true).build(())?;
    /// # let operation = service.operations().next().ok_or("there is none")?;
    /// assert_eq!(operation.id(), "hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same, for whoever keeps it.
    pub(crate) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// Its method. An operation of GET answers HEAD as well, unless there is one of HEAD.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let service = Api::from_document(document).stub(true).build(())?;
    /// # let operation = service.operations().next().ok_or("there is none")?;
    /// assert_eq!(operation.method(), http::Method::GET);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Its path template, as the document writes it: without the base path.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let service = Api::from_document(document).stub(true).build(())?;
    /// # let operation = service.operations().next().ok_or("there is none")?;
    /// assert_eq!(operation.path(), "/hello/{name}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the parameters in the order in which they are read.
    ///
    /// ```
    /// # use connexion::{Api, Document, ParameterLocation};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let service = Api::from_document(document).stub(true).build(())?;
    /// # let operation = service.operations().next().ok_or("the document has no operation")?;
    /// let parameters: Vec<_> = operation.parameters().collect();
    /// assert_eq!((parameters[0].location, parameters[0].name), (ParameterLocation::Path, "name"));
    /// assert_eq!((parameters[1].location, parameters[1].name), (ParameterLocation::Query, "times"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parameters(&self) -> impl Iterator<Item = ParameterInfo<'_>> {
        self.parameters.iter().map(Parameter::info)
    }

    /// Returns the extensions (`x-…`) of the operation, as the document has them.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// let document = Document::parse("hello.yaml", r#"
    /// openapi: 3.1.0
    /// info: {title: Hello, version: "1"}
    /// paths:
    ///   /hello:
    ///     x-team: greetings
    ///     get: {operationId: hello, x-cache: {seconds: 60}, responses: {"200": {description: a greeting}}}
    /// "#)?;
    /// let service = Api::from_document(document).stub(true).build(())?;
    /// let hello = service.operations().next().expect("there is one");
    /// assert_eq!(hello.extensions()["x-cache"]["seconds"], 60);
    /// assert_eq!(hello.path_extensions()["x-team"], "greetings");
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn extensions(&self) -> &Map<String, Value> {
        &self.extensions
    }

    /// Returns the extensions (`x-…`) of the path item in which the operation is.
    pub fn path_extensions(&self) -> &Map<String, Value> {
        &self.path_extensions
    }

    /// Returns the security requirements, one of which a request must meet: the operation's own, or else the document's.
    /// It is empty if anyone may call the operation.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let service = Api::from_document(document).stub(true).build(())?;
    /// # let operation = service.operations().next().expect("there is one");
    /// assert!(operation.security().is_empty());
    /// # Ok::<(), connexion::Diagnostics>(())
    /// ```
    pub fn security(&self) -> &[SecurityRequirement] {
        &self.security
    }

    /// How the body of a request with these headers is to be read; `None` if it is not looked at.
    pub(crate) fn reading(&self, headers: &HeaderMap) -> Option<&Reading> {
        self.body.as_ref().map(|body| body.reading(headers))
    }

    /// Returns whether these are valid values of its path parameters.
    pub(crate) fn accepts_path(&self, path: &PathValues) -> bool {
        let (headers, room) = (HeaderMap::new(), self.room());
        Sources::new(path, None, &headers, &room).has_valid_path(&self.parameters)
    }

    /// Checks a whole request and reads its values.
    ///
    /// `path` has the values of the template's parameters as they stand in the path, percent-encoded. A body
    /// that handlers read as a stream is not looked at, and not in the [`ValidatedRequest`].
    ///
    /// ```
    /// # use connexion::{Api, Document, PathValues};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let service = Api::from_document(document).stub(true).build(())?;
    /// # let operation = service.operations().next().ok_or("there is none")?;
    /// let path = PathValues::from_iter([("name", "Ann")]);
    /// let headers = http::HeaderMap::new();
    /// let violations = operation.validate_request(&path, Some("times=10"), &headers, b"").unwrap_err();
    /// assert_eq!(violations[0].location.name(), Some("times"));
    /// assert_eq!(violations[0].code(), "too-large");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong, in the order in which Python's connexion would have found it: content
    /// type or body, unknown query parameters, the other parameters; then whether the answer is acceptable.
    pub fn validate_request(
        &self,
        path: &PathValues,
        query: Option<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<ValidatedRequest, Violations> {
        let body = Received::Whole(body);
        let result = self.validate(path, query, headers, body, &self.room());
        result.map_err(Violations::from)
    }

    /// Room for the values of one request's body.
    pub(crate) fn room(&self) -> Room {
        Room::of(self.rules.values)
    }

    /// The same for a body that was read in another way than as a whole.
    pub(crate) fn validate(
        &self,
        path: &PathValues,
        query: Option<&str>,
        headers: &HeaderMap,
        body: Received<'_>,
        room: &Room,
    ) -> Result<ValidatedRequest, Vec<Violation>> {
        let rules = &self.rules;
        let mut violations = Vec::new();
        let body = self
            .body
            .as_ref()
            .and_then(|expected| expected.read(headers, body, rules, room, &mut violations));
        if room.is_exceeded() {
            violations = vec![room.violation()];
        }
        let room = self.room();
        let mut sources = Sources::new(path, query, headers, &room);
        let is_key = |location: ParameterLocation, name: &str| {
            let guard = rules.guard.as_ref();
            guard.is_some_and(|guard| guard.reads(location, name))
        };
        if rules.guard.is_some() {
            sources.forget(
                |name| is_key(ParameterLocation::Query, name),
                &self.parameters,
            );
        }
        if rules.strict_parameters {
            let is_key = |name: &str| is_key(ParameterLocation::Cookie, name);
            sources.refuse_unknown(&self.parameters, is_key, &mut violations);
        }
        let parameters = sources.read(&self.parameters, &mut violations);
        let accept = match accept::choose(&self.produces, headers) {
            None if rules.strict_accept => {
                violations.push(accept::refused(&self.produces));
                Accept::default()
            }
            accept => accept.unwrap_or_else(|| accept::first(&self.produces)),
        };
        if violations.is_empty() {
            Ok(ValidatedRequest {
                parameters,
                body,
                accept,
            })
        } else {
            Err(violations)
        }
    }

    /// Checks a whole answer: status, content type, headers and body. Of an answer without `content` in the
    /// document neither content type nor body are looked at; of HEAD the body is not.
    ///
    /// ```
    /// # use connexion::{Api, Document};
    /// # let document = Document::load("examples/hello.yaml")?;
    /// # let service = Api::from_document(document).stub(true).build(())?;
    /// # let operation = service.operations().next().ok_or("there is none")?;
    /// use http::{HeaderMap, HeaderValue, StatusCode};
    ///
    /// let json = HeaderValue::from_static("application/json");
    /// let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, json)]);
    /// assert!(operation.validate_response(StatusCode::OK, &headers, br#"{"text": "Hello!"}"#).is_ok());
    /// let violations = operation.validate_response(StatusCode::OK, &headers, b"{}").unwrap_err();
    /// assert_eq!(violations[0].pointer, "/text");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Everything that the document does not allow.
    pub fn validate_response(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Violations> {
        let Some(media) = self.validate_head(status, headers)? else {
            return Ok(());
        };
        if self.method == Method::HEAD {
            return Ok(());
        }
        let result = match &media.check {
            Check::Nothing => Ok(()),
            Check::Items(items) => items.of_type(&content_type(headers)).check_all(body),
            Check::Whole(schema) if media.kind.is_json() => schema.check_json(body),
            Check::Whole(schema) => schema.check_text(&lossy_text(&content_type(headers), body)),
            Check::Decoded(schema, own) => schema.check_value(&own.read_answer(body)?),
        };
        result.map_err(Violations::from)
    }

    /// Whether an answer whose body was written from this value is certainly right.
    pub(crate) fn validate_typed(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &Typed,
    ) -> bool {
        let media = self.validate_head(status, headers);
        let schema = media.ok().flatten().and_then(|media| media.check.schema());
        schema.is_some_and(|schema| body.conforms_to(schema))
    }

    /// Checks an answer but for its body, and says how that is to be checked.
    pub(crate) fn validate_stream(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Check, Vec<Violation>> {
        let media = self.validate_head(status, headers)?;
        Ok(match media.map(|media| &media.check) {
            Some(Check::Items(items)) => Check::Items(items.of_type(&content_type(headers))),
            check => check.cloned().unwrap_or(Check::Nothing),
        })
    }

    fn validate_head(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<&Media>, Vec<Violation>> {
        // Since OpenAPI 3.1 an operation may be silent about its answers.
        if self.responses.is_empty() {
            return Ok(None);
        }
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
            return Err(vec![Violation::of_body(
                "status",
                format!("the status {code} is not in the document"),
            )]);
        };
        let mut violations = response.header_violations(headers);
        let sent = content_type(headers);
        let media = nearest(&response.content, |media| &media.kind, &sent);
        // A handler may answer with a type of JSON that says more, such as a problem (RFC 9457).
        let any_json = || response.content.iter().find(|one| one.kind.is_plain_json());
        let media = media.or_else(|| any_json().filter(|_| is_json(essence(&sent))));
        if media.is_none() && !response.content.is_empty() {
            let detail = format!("the content type '{sent}' is not in the document");
            violations.push(Violation::of_body("contentType", detail));
        }
        if violations.is_empty() {
            Ok(media)
        } else {
            Err(violations)
        }
    }
}
