//! Validates responses: finds the entry of `responses` for a status, and checks headers and body.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderName, Method, StatusCode};
use serde_json::Value;

use super::{Check, Operation, ResponseMedia, nearest};
use crate::{
    operation::{
        charset::lossy_text,
        media_type::{content_type, essence, is_json},
        parameter::ParameterFormat,
    },
    problem::{Location, ParameterLocation, Violation, Violations},
    schema::{Schema, json::Room, typed::Typed},
};

/// A key of a `responses` object (OpenAPI 3.1, section 4.8.16).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum StatusRange {
    One(u16),
    /// `2XX` is 2.
    Class(u16),
    Default,
}

impl StatusRange {
    /// Parses a key; returns `None` if it is not a status.
    pub(super) fn parse(key: &str) -> Option<Self> {
        let class = key.strip_suffix("XX").map(str::parse);
        match (key.parse(), class) {
            _ if key == "default" => Some(Self::Default),
            (Ok(code @ 100..600), _) if key.len() == 3 => Some(Self::One(code)),
            (_, Some(Ok(class @ 1..6))) if key.len() == 3 => Some(Self::Class(class)),
            _ => None,
        }
    }
}

/// A compiled entry of `responses`.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) headers: Vec<Header>,
    pub(super) content: Vec<ResponseMedia>,
}

/// A header that the document declares.
#[derive(Debug)]
pub(super) struct Header {
    /// The name as the document writes it.
    pub(super) name: String,
    pub(super) field: HeaderName,
    pub(super) required: bool,
    pub(super) value: Option<(ParameterFormat, Option<Arc<Schema>>)>,
}

impl Response {
    pub(super) fn header_violations(&self, headers: &HeaderMap) -> Vec<Violation> {
        self.headers
            .iter()
            .filter_map(|header| header.violation(headers))
            .collect()
    }
}

impl Header {
    fn violation(&self, headers: &HeaderMap) -> Option<Violation> {
        let report = |keyword: &'static str, detail: String| {
            Violation::new(Location::header(self.name.clone()), keyword, detail)
        };
        let fields = headers.get_all(&self.field).iter();
        let values = fields.map(|value| String::from_utf8_lossy(value.as_bytes()));
        // Several header lines are one list (RFC 9110, section 5.3).
        let Some(text) = values.reduce(|list, value| Cow::Owned(format!("{list},{value}"))) else {
            let missing = || {
                let detail = format!("the header '{}' is missing", self.name);
                report("required", detail)
            };
            return self.required.then(missing);
        };
        let (format, schema) = self.value.as_ref()?;
        let conforms = |value: &Value| schema.as_ref().is_none_or(|schema| schema.is_valid(value));
        // If the schema has no type, the value may be a string or a number.
        let is_valid = format
            .value(
                &self.name,
                &text,
                ParameterLocation::Header,
                &Room::default(),
            )
            .is_some_and(|value| conforms(&value))
            || serde_json::from_str(&text)
                .is_ok_and(|value: Value| value.is_number() && conforms(&value));
        if is_valid {
            return None;
        }
        let detail = format!("the header '{}' breaks its schema", self.name);
        Some(report("schema", detail))
    }
}

impl Operation {
    /// Checks a whole response: status, content type, headers and body. If the document declares no `content`, content
    /// type and body are ignored; the body of a response to HEAD is ignored, too.
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
    /// Returns everything that the document does not allow.
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
            Check::Decoded(schema, own) => schema.check_value(&own.read_response(body)?),
        };
        result.map_err(Violations::from)
    }

    /// Returns whether a response is certainly valid. Its body was serialized from `body`.
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

    /// Checks status and headers of a response, and returns how to check its body.
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
    ) -> Result<Option<&ResponseMedia>, Vec<Violation>> {
        // `responses` is optional since OpenAPI 3.1.
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
        // A handler may return a more specific JSON type, such as a problem (RFC 9457).
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
