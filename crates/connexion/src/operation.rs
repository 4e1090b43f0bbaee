//! A compiled operation, which validates its requests and responses.
//!
//! [`Operation::validate_request`] and [`Operation::validate_response`] are pure functions, without a socket or `await`:
//! tests, benchmarks and fuzzers can call them.

pub(crate) mod accept;
mod body;
mod body_type;
pub(crate) mod charset;
mod compile;
pub(crate) mod form;
mod json_text;
pub(crate) mod media_type;
pub(crate) mod memory;
#[cfg(feature = "multipart")]
pub(crate) mod multipart;
pub(crate) mod parameter;
pub(crate) mod path;
pub(crate) mod policy;
mod response;
mod response_body;
pub(crate) mod splitter;
mod valid_inputs;

use std::sync::Arc;

use http::{HeaderMap, Method};
use serde_json::{Map, Value};

use crate::{
    operation::{
        accept::Accept,
        media_type::MediaType,
        parameter::{Parameter, RawParameters},
        path::PathValues,
    },
    problem::{ParameterLocation, Violation, Violations},
    schema::json::Room,
    security::SecurityRequirement,
};
use body::RequestBody;
pub(crate) use body::{Reading, Received};
pub(crate) use body_type::BodyType;
pub(crate) use compile::compile;
pub use parameter::ParameterInfo;
pub use policy::ResponseValidation;
pub(crate) use policy::Rules;
use response::{Response, StatusRange};
pub(crate) use response_body::{Check, SequenceCheck};
pub(crate) use valid_inputs::ValidInputs;

/// A compiled operation of the document. Tests can validate requests and responses with it, without a server.
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
/// It does not check credentials; [`ApiService`](crate::ApiService) does.
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
    /// The types of successful responses, each once.
    produces: Vec<MediaType>,
    security: Vec<SecurityRequirement>,
    extensions: Map<String, Value>,
    path_extensions: Map<String, Value>,
    pub(crate) rules: Rules,
    /// The reason why requests get a 501, if they do.
    pub(crate) unserved: Option<String>,
}

/// The values of a valid request, as JSON.
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
/// // The request does not have it, so this is the document's default.
/// assert_eq!(input.parameters["times"], 1);
/// assert_eq!(input.body, None);
/// assert_eq!(input.accept.as_str(), "application/json");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A parameter that was not sent and has no default is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidatedRequest {
    /// The parameters' values by name; see [`Params`](crate::Params).
    pub parameters: Map<String, Value>,
    /// The body; `None` if the request has none.
    pub body: Option<Value>,
    /// The type that the response should have.
    pub accept: Accept,
}

/// An entry of a response's `content`.
#[derive(Debug)]
struct ResponseMedia {
    kind: MediaType,
    check: Check,
}

/// Returns the entry that matches a `Content-Type` best.
fn nearest<'m, M>(
    content: &'m [M],
    kind: impl Fn(&M) -> &MediaType,
    content_type: &str,
) -> Option<&'m M> {
    // Most clients write the type as the document does, and no other entry is nearer.
    if let Some(media) = content
        .iter()
        .find(|media| kind(media).is_exactly(content_type))
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
    /// Returns the `operationId`, or the method and path (`get /people`) of an operation without one.
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

    /// Returns a shared copy of [`Self::id`].
    pub(crate) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// Returns the method. An operation of GET also serves HEAD, unless the path has one of HEAD.
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

    /// Returns the path template of the document, without the base path.
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

    /// Returns the alternative security requirements: the operation's own, or else the document's. It is empty if the
    /// operation requires no credentials.
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

    /// Returns how to read the body of a request with these headers; `None` if it is ignored.
    pub(crate) fn reading(&self, headers: &HeaderMap) -> Option<&Reading> {
        self.body.as_ref().map(|body| body.reading(headers))
    }

    /// Returns whether these are valid values of its path parameters.
    pub(crate) fn accepts_path(&self, path: &PathValues) -> bool {
        let (headers, room) = (HeaderMap::new(), self.room());
        RawParameters::new(path, None, &headers, &room).has_valid_path(&self.parameters)
    }

    /// Checks a whole request and reads its values.
    ///
    /// `path` has the percent-encoded values of the template's parameters. A body that handlers read as a stream is not
    /// checked, and is not part of the [`ValidatedRequest`].
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
    /// Returns all violations, in the order of Python's connexion: content type or body, unknown query parameters, other
    /// parameters; then `Accept`.
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

    /// Returns the room for the values of a request's body.
    pub(crate) fn room(&self) -> Room {
        Room::of(self.rules.values)
    }

    /// Checks a whole request, whose body may have been read as a form or left as a stream.
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
        let mut raw = RawParameters::new(path, query, headers, &room);
        let is_key = |location: ParameterLocation, name: &str| {
            let guard = rules.guard.as_ref();
            guard.is_some_and(|guard| guard.reads(location, name))
        };
        if rules.guard.is_some() {
            raw.remove_credentials(
                |name| is_key(ParameterLocation::Query, name),
                &self.parameters,
            );
        }
        if rules.strict_parameters {
            let is_key = |name: &str| is_key(ParameterLocation::Cookie, name);
            raw.reject_unknown(&self.parameters, is_key, &mut violations);
        }
        let parameters = raw.read(&self.parameters, &mut violations);
        let accept = match accept::choose(&self.produces, headers) {
            None if rules.strict_accept => {
                violations.push(accept::unacceptable(&self.produces));
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
}
