//! The head of an answer: which entry of `responses` it belongs to, and whether its headers are right.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderName};
use serde_json::Value;

use super::Media;
use crate::{
    operation::parameter::Format,
    problem::{Location, ParameterLocation, Violation},
    schema::{Schema, json::Room},
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
    /// Reads a key; `None` if it is no status.
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

#[derive(Debug)]
pub(super) struct Response {
    pub(super) headers: Vec<Header>,
    pub(super) content: Vec<Media>,
}

/// A header that the document describes.
#[derive(Debug)]
pub(super) struct Header {
    /// As the document writes it.
    pub(super) name: String,
    pub(super) field: HeaderName,
    pub(super) required: bool,
    pub(super) value: Option<(Format, Option<Arc<Schema>>)>,
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
        let texts = fields.map(|value| String::from_utf8_lossy(value.as_bytes()));
        // Several fields are one list (RFC 9110, section 5.3).
        let Some(text) = texts.reduce(|list, text| Cow::Owned(format!("{list},{text}"))) else {
            let missing = || {
                let detail = format!("the header '{}' is missing", self.name);
                report("required", detail)
            };
            return self.required.then(missing);
        };
        let (format, schema) = self.value.as_ref()?;
        let is_valid = |value: &Value| schema.as_ref().is_none_or(|schema| schema.is_valid(value));
        // Without a type in its schema it is right as a text or as the number that it looks like.
        let is_right = format
            .value(
                &self.name,
                &text,
                ParameterLocation::Header,
                &Room::default(),
            )
            .is_some_and(|value| is_valid(&value))
            || serde_json::from_str(&text)
                .is_ok_and(|value: Value| value.is_number() && is_valid(&value));
        if is_right {
            return None;
        }
        let detail = format!("the header '{}' breaks its schema", self.name);
        Some(report("schema", detail))
    }
}
