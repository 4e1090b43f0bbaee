//! Problem documents (RFC 9457), which list every violation of a request or response.
//!
//! This module is at the bottom of the crate: it imports no other module.

use std::{borrow::Cow, fmt, ops::Deref};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

/// Maximum number of unknown names that a response lists, so that its length is bounded.
pub(crate) const MAX_UNKNOWN: usize = 100;

/// The part of a request that carries a parameter, or of a response that carries a header: `in` of a Parameter Object.
///
/// ```
/// # use connexion::ParameterLocation;
/// # use serde_json::json;
/// assert_eq!(serde_json::to_value(ParameterLocation::Query)?, json!("query"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterLocation {
    /// The path, by a template such as `{id}`.
    Path,
    /// The query string.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
}

impl ParameterLocation {
    /// Returns the name that documents and problems use, such as `query`.
    ///
    /// ```
    /// assert_eq!(connexion::ParameterLocation::Cookie.as_str(), "cookie");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

/// The part of a request or response that violates the document.
///
/// Invalid credentials have no location: they are 401 or 403, without violations.
///
/// ```
/// # use connexion::{Location, ParameterLocation};
/// let location = Location::query("until");
/// assert_eq!(location.name(), Some("until"));
/// assert_eq!(location.parameter(), Some(ParameterLocation::Query));
/// assert_eq!(Location::Body.name(), None);
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Location {
    /// The body.
    Body,
    /// A parameter, or a header of a response.
    Parameter {
        /// The part of the request that carries it.
        location: ParameterLocation,
        /// Its name.
        name: String,
    },
}

impl Location {
    /// Returns the location of a path parameter.
    pub fn path(name: impl Into<String>) -> Self {
        Self::of(ParameterLocation::Path, name)
    }

    /// Returns the location of a query parameter.
    pub fn query(name: impl Into<String>) -> Self {
        Self::of(ParameterLocation::Query, name)
    }

    /// Returns the location of a header field.
    pub fn header(name: impl Into<String>) -> Self {
        Self::of(ParameterLocation::Header, name)
    }

    /// Returns the location of a cookie.
    pub fn cookie(name: impl Into<String>) -> Self {
        Self::of(ParameterLocation::Cookie, name)
    }

    pub(crate) fn of(location: ParameterLocation, name: impl Into<String>) -> Self {
        let name = name.into();
        Self::Parameter { location, name }
    }

    /// Returns the name of the parameter; `None` for the body.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Body => None,
            Self::Parameter { name, .. } => Some(name),
        }
    }

    /// Returns the part of the request that carries the parameter; `None` for the body.
    pub fn parameter(&self) -> Option<ParameterLocation> {
        match self {
            Self::Body => None,
            Self::Parameter { location, .. } => Some(*location),
        }
    }
}

/// A violation of the document by a request, a response or a value.
///
/// Serialized as `in`, `name` (of a parameter), `pointer` (RFC 6901, into the body or the parameter's value),
/// `keyword`, `code` and `detail`.
///
/// ```
/// # use connexion::{Api, Document, Violation};
/// /// Returns the application's own sentence for some violations.
/// fn sentence(violation: &Violation) -> Option<String> {
///     let limit = violation.expected.as_ref();
///     match violation.code() {
///         "too-long" => Some(format!("Bitte höchstens {} Zeichen.", limit?)),
///         "missing" => Some("Bitte ausfüllen.".to_owned()),
///         _ => None,
///     }
/// }
///
/// # fn of(document: Document) -> Api<()> {
/// Api::from_document(document).on_problem(|problem, _| {
///     for violation in &mut problem.errors {
///         if let Some(sentence) = sentence(violation) {
///             violation.detail = sentence;
///         }
///     }
/// })
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Violation {
    /// The part of the request or response.
    pub location: Location,
    /// The JSON Pointer (RFC 6901) into the body or the parameter's value; empty for all of it. A missing property is
    /// pointed at as if it were there.
    pub pointer: String,
    /// The keyword that was violated: a JSON Schema keyword (`type`, `required`, `maxLength` …), or `contentType`,
    /// `contentEncoding`, `accept`, `json`, `multipart`, `charset`, `style`, `unknown` (a parameter or field that the document
    /// does not describe), `maxValues` (see [`Api::value_limit`](crate::Api::value_limit)).
    pub keyword: Cow<'static, str>,
    /// A sentence for humans.
    pub detail: String,
    /// The value of the keyword in the document, such as 5 for `maxLength: 5`. It is not sent; the application can use it in
    /// sentences of its own.
    pub expected: Option<Value>,
    /// Additional properties of the application, such as the line of a file. A property with a name of the library's, such as
    /// `code`, replaces it.
    pub extra: Map<String, Value>,
}

impl Violation {
    /// Creates a violation of the whole body or parameter, for checks of the application's own.
    ///
    /// A keyword that is not in the table of [`Violation::code`] has the code `not-allowed`.
    ///
    /// ```
    /// # use connexion::{Location, Problem, Violation};
    /// let violation = Violation::new(Location::query("until"), "until", "'until' is before 'from'");
    /// let problem = Problem::from(vec![violation]);
    /// assert_eq!((problem.status.as_u16(), problem.detail.as_str()), (400, "'until' is before 'from'"));
    /// ```
    pub fn new(
        location: Location,
        keyword: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            location,
            pointer: String::new(),
            keyword: keyword.into(),
            detail: detail.into(),
            expected: None,
            extra: Map::new(),
        }
    }

    /// Creates a violation of the whole body.
    pub(crate) fn of_body(keyword: &'static str, detail: String) -> Self {
        Self::new(Location::Body, keyword, detail)
    }

    /// Returns a code for programs.
    ///
    /// It depends neither on the version of the document or of this crate, nor on the keyword that expresses the rule:
    ///
    /// | code | keywords |
    /// | --- | --- |
    /// | `missing` | `required`, `dependentRequired` |
    /// | `unknown` | `unknown`, `additionalProperties`, `unevaluatedProperties`, `unevaluatedItems`, `propertyNames` |
    /// | `read-only`, `write-only` | `readOnly`, `writeOnly` |
    /// | `wrong-type` | `type` |
    /// | `wrong-value` | `enum`, `const`, `discriminator` |
    /// | `wrong-format` | `format`, `pattern` |
    /// | `too-short`, `too-long` | `minLength`, `maxLength` |
    /// | `too-small`, `too-large` | `minimum`, `exclusiveMinimum`, `maximum`, `exclusiveMaximum` |
    /// | `too-few`, `too-many` | `minItems`, `minProperties`, `minContains`, `maxItems`, `maxProperties`, `maxContains`, `maxValues` |
    /// | `not-a-multiple` | `multipleOf` |
    /// | `not-unique` | `uniqueItems` |
    /// | `no-match` | `oneOf`, `anyOf`, `contains` |
    /// | `unsupported-type` | `contentType`, `contentEncoding` |
    /// | `not-acceptable` | `accept` |
    /// | `unreadable` | `json`, `charset`, `multipart`, `style`, `sequence` (of a response) |
    /// | `undescribed` | `status` (of a response) |
    /// | `not-allowed` | every other |
    ///
    /// ```
    /// # use connexion::{Location, Violation};
    /// let violation = Violation::new(Location::Body, "maxLength", "'Ann' is too long");
    /// assert_eq!(violation.code(), "too-long");
    /// ```
    pub fn code(&self) -> &'static str {
        match self.keyword.as_ref() {
            "required" | "dependentRequired" => "missing",
            "unknown"
            | "additionalProperties"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "propertyNames" => "unknown",
            "readOnly" => "read-only",
            "writeOnly" => "write-only",
            "type" => "wrong-type",
            "enum" | "const" | "discriminator" => "wrong-value",
            "format" | "pattern" => "wrong-format",
            "minLength" => "too-short",
            "maxLength" => "too-long",
            "minimum" | "exclusiveMinimum" => "too-small",
            "maximum" | "exclusiveMaximum" => "too-large",
            "minItems" | "minProperties" | "minContains" => "too-few",
            "maxItems" | "maxProperties" | "maxContains" | "maxValues" => "too-many",
            "multipleOf" => "not-a-multiple",
            "uniqueItems" => "not-unique",
            "oneOf" | "anyOf" | "contains" => "no-match",
            "contentType" | "contentEncoding" => "unsupported-type",
            "accept" => "not-acceptable",
            "json" | "decode" | "charset" | "multipart" | "style" | "sequence" => "unreadable",
            "status" => "undescribed",
            _ => "not-allowed",
        }
    }
}

impl Serialize for Violation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = ExtendedObject::new(serializer, &self.extra)?;
        match &self.location {
            Location::Body => {
                object.entry("in", "body")?;
                object.entry("pointer", &self.pointer)?;
            }
            Location::Parameter { location, name } => {
                object.entry("in", location)?;
                object.entry("name", name)?;
                if !self.pointer.is_empty() {
                    object.entry("pointer", &self.pointer)?;
                }
            }
        }
        object.entry("keyword", &self.keyword)?;
        object.entry("code", self.code())?;
        object.entry("detail", &self.detail)?;
        object.end()
    }
}

/// The violations of a request, a response or a value. As an error it has at least one.
///
/// ```
/// use connexion::{Location, Problem, Violation, Violations};
///
/// let violation = Violation::new(Location::Body, "maxLength", "'Ann' is too long");
/// let violations = Violations::from(vec![violation]);
/// assert_eq!(violations[0].code(), "too-long");
/// assert_eq!(violations.to_string(), "'Ann' is too long");
/// assert_eq!(Problem::from(violations).status, 400);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violations(Vec<Violation>);

impl From<Vec<Violation>> for Violations {
    fn from(violations: Vec<Violation>) -> Self {
        Self(violations)
    }
}

impl From<Violations> for Vec<Violation> {
    fn from(violations: Violations) -> Self {
        violations.0
    }
}

impl Deref for Violations {
    type Target = [Violation];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl IntoIterator for Violations {
    type Item = Violation;
    type IntoIter = std::vec::IntoIter<Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'v> IntoIterator for &'v Violations {
    type Item = &'v Violation;
    type IntoIter = std::slice::Iter<'v, Violation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Violations {
    /// Writes the details, one per line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.0.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { "\n" }, violation.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// A JSON object with the properties of the library and of the application. A name occurs once (RFC 8259, section 4): the
/// application's value replaces the library's.
struct ExtendedObject<'e, S: Serializer> {
    map: S::SerializeMap,
    extra: &'e Map<String, Value>,
    replaced: Vec<&'static str>,
}

impl<'e, S: Serializer> ExtendedObject<'e, S> {
    fn new(serializer: S, extra: &'e Map<String, Value>) -> Result<Self, S::Error> {
        Ok(Self {
            map: serializer.serialize_map(None)?,
            extra,
            replaced: Vec::new(),
        })
    }

    fn entry(
        &mut self,
        name: &'static str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), S::Error> {
        if let Some(own) = self.extra.get(name) {
            self.replaced.push(name);
            return self.map.serialize_entry(name, own);
        }
        self.map.serialize_entry(name, value)
    }

    /// Adds a property that the application can't replace.
    fn fixed(&mut self, name: &'static str, value: &impl Serialize) -> Result<(), S::Error> {
        self.replaced.push(name);
        self.map.serialize_entry(name, value)
    }

    fn end(mut self) -> Result<S::Ok, S::Error> {
        for (name, value) in self.extra {
            if !self.replaced.contains(&name.as_str()) {
                self.map.serialize_entry(name, value)?;
            }
        }
        self.map.end()
    }
}

/// A problem document (RFC 9457). As a response its type is `application/problem+json`.
///
/// ```
/// use connexion::Problem;
///
/// async fn lookup() -> Result<String, Problem> {
///     Err(Problem::new(http::StatusCode::NOT_FOUND, "There is no such person."))
/// }
/// ```
///
/// The problem of a handler is validated like any other response: the document must describe its status and media type.
///
/// A problem is an extension of the response that is made from it, so that a layer around the service can show or count it
/// without reading the body:
///
/// ```
/// use axum::response::IntoResponse;
/// use connexion::Problem;
///
/// let response = Problem::new(http::StatusCode::NOT_FOUND, "There is no such person.").into_response();
/// let problem = response.extensions().get::<Problem>().unwrap();
/// assert_eq!(problem.detail, "There is no such person.");
/// ```
#[derive(Clone, Debug)]
pub struct Problem {
    /// The status of the response.
    pub status: StatusCode,
    /// The `type`: a URI reference that identifies the type of problem.
    pub type_uri: Cow<'static, str>,
    /// The `title`: a summary of this type of problem, for humans. `None` is the reason phrase of the status.
    pub title: Option<Cow<'static, str>>,
    /// An explanation of this occurrence, for humans.
    pub detail: String,
    /// All violations of the request. `detail` is about the first.
    pub errors: Vec<Violation>,
    /// Additional properties of the application (RFC 9457, section 3.2). A property with a standard name replaces it, except
    /// for `status`, which always is the status of the response (section 3.1.3).
    pub extra: Box<Map<String, Value>>,
    /// Boxed, so that results with a problem stay small.
    headers: Option<Box<HeaderMap>>,
    is_of_library: bool,
}

impl Problem {
    /// Creates a problem of the type `about:blank`, which has no more meaning than its status.
    ///
    /// ```
    /// # use connexion::Problem;
    /// # use http::StatusCode;
    /// let problem = Problem::new(StatusCode::NOT_FOUND, "There is no such person.");
    /// assert_eq!(serde_json::to_value(&problem)?, serde_json::json!({
    ///     "type": "about:blank", "title": "Not Found", "status": 404,
    ///     "detail": "There is no such person.", "errors": [],
    /// }));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            type_uri: Cow::Borrowed("about:blank"),
            title: None,
            detail: detail.into(),
            errors: Vec::new(),
            extra: Box::default(),
            headers: None,
            is_of_library: false,
        }
    }

    /// Marks a problem that the library makes, even if it replaces a handler's response.
    pub(crate) fn of_library(mut self) -> Self {
        self.is_of_library = true;
        self
    }

    /// Returns whether the library made the problem, and not a handler.
    ///
    /// A verifier's problem counts as the library's. [`Api::on_problem`](crate::Api::on_problem) sees both.
    ///
    /// ```
    /// # use connexion::Problem;
    /// assert!(!Problem::new(http::StatusCode::CONFLICT, "Ann is there already.").is_of_library());
    /// ```
    pub fn is_of_library(&self) -> bool {
        self.is_of_library
    }

    /// Sets the type.
    ///
    /// ```
    /// # use connexion::Problem;
    /// # use http::StatusCode;
    /// let problem = Problem::new(StatusCode::CONFLICT, "Ann is there already.");
    /// assert_eq!(problem.with_type("https://example.com/taken").type_uri, "https://example.com/taken");
    /// ```
    #[must_use]
    pub fn with_type(mut self, type_uri: impl Into<Cow<'static, str>>) -> Self {
        self.type_uri = type_uri.into();
        self
    }

    /// Sets the title.
    ///
    /// ```
    /// # use connexion::Problem;
    /// # use http::StatusCode;
    /// let problem = Problem::new(StatusCode::FORBIDDEN, "Your balance is 30, but that costs 50.")
    ///     .with_type("https://example.com/probs/out-of-credit")
    ///     .with_title("You do not have enough credit.");
    /// assert_eq!(serde_json::to_value(&problem)?["title"], "You do not have enough credit.");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn with_title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds a header field to the response, such as `Retry-After`.
    ///
    /// Several fields with the same name are all sent.
    ///
    /// ```
    /// # use connexion::Problem;
    /// use axum::response::IntoResponse;
    /// use http::{HeaderValue, StatusCode, header};
    ///
    /// let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The database is busy.");
    /// let problem = problem.with_header(header::RETRY_AFTER, HeaderValue::from_static("5"));
    /// assert_eq!(problem.into_response().headers()["retry-after"], "5");
    /// ```
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_default().append(name, value);
        self
    }

    /// Returns the title that is sent: the one that was set, or the reason phrase of the status, or `Error`.
    ///
    /// ```
    /// # use connexion::Problem;
    /// # use http::StatusCode;
    /// assert_eq!(Problem::new(StatusCode::NOT_FOUND, "").title(), "Not Found");
    /// ```
    pub fn title(&self) -> &str {
        match &self.title {
            Some(title) => title,
            None => self.status.canonical_reason().unwrap_or("Error"),
        }
    }

    /// Creates a 500 without details, which are only logged.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The server could not answer this request.",
        )
    }
}

impl From<Violations> for Problem {
    /// Converts a list of violations, as `From<Vec<Violation>>` does.
    fn from(violations: Violations) -> Self {
        Self::from(violations.0)
    }
}

impl From<Vec<Violation>> for Problem {
    /// Converts violations of a request. `detail` is that of the first.
    ///
    /// The status is 415 if the content type or coding is unsupported, with the supported ones in `Accept` or
    /// `Accept-Encoding` (RFC 9110, sections 12.5.3 and 15.5.16); 413 if a body has too many values; 406 if only `Accept` is
    /// violated; and otherwise 400.
    ///
    /// ```
    /// # use connexion::{Location, Problem, Violation};
    /// let problem = Problem::from(vec![Violation::new(Location::Body, "contentType", "JSON is expected")]);
    /// assert_eq!((problem.status.as_u16(), problem.errors.len()), (415, 1));
    /// ```
    fn from(errors: Vec<Violation>) -> Self {
        let first = errors.first();
        let detail = first.map(|error| error.detail.clone()).unwrap_or_default();
        let is = |error: &&Violation, keyword| error.keyword == keyword;
        let unsupported = errors.iter().find(|error| is(error, "contentType"));
        let coded = errors.iter().find(|error| is(error, "contentEncoding"));
        let status = if unsupported.is_some() || coded.is_some() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        } else if errors.iter().any(|error| is(&error, "maxValues")) {
            StatusCode::PAYLOAD_TOO_LARGE
        } else if !errors.is_empty() && errors.iter().all(|error| is(&error, "accept")) {
            StatusCode::NOT_ACCEPTABLE
        } else {
            StatusCode::BAD_REQUEST
        };
        let mut problem = Self::new(status, detail);
        let supported = [
            (unsupported, header::ACCEPT),
            (coded, header::ACCEPT_ENCODING),
        ];
        for (violation, header) in supported {
            let expected = violation.and_then(|error| error.expected.as_ref()?.as_array());
            let names = expected.into_iter().flatten().filter_map(Value::as_str);
            let names: Vec<_> = names.collect();
            let value = HeaderValue::from_str(&names.join(", ")).ok();
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                problem = problem.with_header(header, value);
            }
        }
        Self { errors, ..problem }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = ExtendedObject::new(serializer, &self.extra)?;
        object.entry("type", &self.type_uri)?;
        object.entry("title", self.title())?;
        object.fixed("status", &self.status.as_u16())?;
        object.entry("detail", &self.detail)?;
        object.entry("errors", &self.errors)?;
        object.end()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let content_type = HeaderValue::from_static("application/problem+json");
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        if let Some(own) = &self.headers {
            headers.extend(own.as_ref().clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}
