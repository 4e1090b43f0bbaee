//! What a client is told when something is wrong: a problem document (RFC 9457) with every fault found.
//!
//! At the bottom of the crate: nothing of ours is imported here.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Where in a request a violation was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum In {
    /// A template parameter of the path.
    Path,
    /// The query string.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
    /// The body.
    Body,
}

/// One thing that is wrong with a request or an answer.
///
/// Serialized as `in`, `name` (of a parameter) or `pointer` (into the body, RFC 6901), `keyword`, `detail`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Where it is.
    pub location: In,
    /// The parameter's name, or the JSON Pointer of the member. A member that is missing is pointed at as
    /// if it were there.
    pub name: String,
    /// What was violated: a JSON Schema keyword (`type`, `required`, `maxLength` …), or `contentType`,
    /// `json`, `multipart`, `charset`, `style`, `unknown` (a parameter or field that the document doesn't have).
    pub keyword: Cow<'static, str>,
    /// A sentence for people.
    pub detail: String,
}

/// What was wrong with a request: an extension of the answer that refuses it, for whoever counts.
#[derive(Clone, Debug)]
pub struct Violations(pub Arc<[Violation]>);

impl Violation {
    /// What is wrong with a body as a whole.
    pub(crate) fn of_body(keyword: &'static str, detail: String) -> Self {
        Self {
            location: In::Body,
            name: String::new(),
            keyword: keyword.into(),
            detail,
        }
    }
}

impl Serialize for Violation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("in", &self.location)?;
        map.serialize_entry(
            if self.location == In::Body {
                "pointer"
            } else {
                "name"
            },
            &self.name,
        )?;
        map.serialize_entry("keyword", &self.keyword)?;
        map.serialize_entry("detail", &self.detail)?;
        map.end()
    }
}

/// A problem document (RFC 9457); as an answer, `application/problem+json`.
///
/// ```
/// use connexion::Problem;
///
/// let problem = Problem::new(http::StatusCode::NOT_FOUND, "there is no such person");
/// assert_eq!(problem.title(), "Not Found");
/// ```
#[derive(Clone, Debug)]
pub struct Problem {
    /// The answer's status.
    pub status: StatusCode,
    /// `type`: a URI reference that names the kind of problem.
    pub kind: Cow<'static, str>,
    /// What went wrong this time, for people.
    pub detail: String,
    /// All faults of the request, the one that `detail` speaks of first.
    pub errors: Vec<Violation>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether the library made it while a handler was at work, not the handler.
    of_library: bool,
}

/// Carried by an answer that is a problem of the library, so that it is not taken for the handler's.
#[derive(Clone, Debug)]
pub(crate) struct LibraryProblem(pub(crate) Problem);

impl Problem {
    /// A problem of kind `about:blank`, which means: as the status says.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let (kind, errors, headers) = (Cow::Borrowed("about:blank"), Vec::new(), Vec::new());
        Self {
            status,
            kind,
            detail: detail.into(),
            errors,
            headers,
            of_library: false,
        }
    }

    /// Marks a problem that is made in the place of a handler's answer.
    pub(crate) fn of_library(mut self) -> Self {
        self.of_library = true;
        self
    }

    /// A problem of another kind (`type`).
    #[must_use]
    pub fn with_kind(mut self, kind: &'static str) -> Self {
        self.kind = Cow::Borrowed(kind);
        self
    }

    /// Adds a header field to the answer, such as `Retry-After`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The status in words.
    pub fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    /// A server's fault, of which the client is told nothing but that.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The server could not answer this request.",
        )
    }
}

impl From<Vec<Violation>> for Problem {
    /// 400, or 415 if the content type is among the faults; `detail` is the first one's.
    fn from(errors: Vec<Violation>) -> Self {
        let unsupported = errors.iter().any(|error| error.keyword == "contentType");
        let status = if unsupported {
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        } else {
            StatusCode::BAD_REQUEST
        };
        let detail = errors
            .first()
            .map(|error| error.detail.clone())
            .unwrap_or_default();
        Self {
            errors,
            ..Self::new(status, detail)
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("title", self.title())?;
        map.serialize_entry("status", &self.status.as_u16())?;
        map.serialize_entry("detail", &self.detail)?;
        map.serialize_entry("errors", &self.errors)?;
        map.end()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let content_type = HeaderValue::from_static("application/problem+json");
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        response.headers_mut().extend(self.headers.clone());
        if self.of_library {
            response.extensions_mut().insert(LibraryProblem(self));
        }
        response
    }
}
