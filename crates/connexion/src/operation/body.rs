//! Reads and checks the body of a request, by the entry of `content` that matches its type.

mod compile;

use std::sync::Arc;

use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::{Rules, body_type::BodyType, nearest};
#[cfg(feature = "multipart")]
use crate::operation::multipart;
use crate::{
    compat::Compat,
    document::{Document, node::Position},
    operation::{
        charset::{Charset, charset, is_utf8},
        form::{Fields, Form},
        json_text::{json_text, without_negative_zero},
        media_type::{MediaType, content_type},
    },
    problem::{Location, Violation},
    schema::{
        Defaults, PropertyFilter, Schema, ValidValues,
        json::{self as text, Room},
        notation::cut,
    },
};

pub(super) use self::compile::is_more_than_text;

/// A compiled request body object.
#[derive(Debug)]
pub(super) struct RequestBody {
    required: bool,
    content: Vec<RequestMedia>,
    /// Rejects a body without `Content-Type`.
    needs_type: bool,
}

/// One entry of a request's `content`.
#[derive(Debug)]
struct RequestMedia {
    kind: MediaType,
    /// True if the document has no entry of this type, but another entry applies to it.
    is_implied: bool,
    reading: Reading,
    /// `None` if the document has none.
    schema: Option<Arc<Schema>>,
    /// `None` without a schema, or for a stream.
    defaults: Option<Defaults>,
    /// The properties of JSON that are read if undescribed ones are skipped.
    kept: Option<PropertyFilter>,
}

/// The way in which a body is read.
#[derive(Debug)]
pub(crate) enum Reading {
    Json,
    /// As a string.
    Text,
    /// `application/x-www-form-urlencoded`.
    Form(Form),
    /// `multipart/form-data`.
    #[cfg(feature = "multipart")]
    Multipart(Form),
    /// By the application's function.
    Decoded(BodyType),
    /// Not at all; the handler reads its bytes.
    Stream,
}

/// The received body.
#[derive(Debug)]
pub(crate) enum Received<'b> {
    Whole(&'b [u8]),
    /// The fields of a form, without the bytes of its files.
    #[cfg(feature = "multipart")]
    Fields(Fields<'b>),
    /// A body that has not been read.
    Stream,
}

impl Reading {
    /// Returns whether the charset of this content type is supported.
    fn understands(&self, content_type: &str) -> bool {
        match self {
            // RFC 8259, section 11: the parameter has no meaning for JSON.
            Self::Json => true,
            Self::Form(_) => is_utf8(content_type),
            Self::Text => charset(content_type).is_some(),
            #[cfg(feature = "multipart")]
            Self::Multipart(_) => true,
            Self::Decoded(_) | Self::Stream => true,
        }
    }
}

impl RequestBody {
    /// Returns how to read a body with these headers. [`Self::read`] reports an unsupported type.
    pub(super) fn reading(&self, headers: &HeaderMap) -> &Reading {
        let media = self.media(&content_type(headers));
        media.map_or(&Reading::Json, |media| &media.reading)
    }

    fn media(&self, content_type: &str) -> Option<&RequestMedia> {
        if content_type.is_empty() && !self.needs_type {
            return self.untyped();
        }
        nearest(&self.content, |media| &media.kind, content_type)
            .filter(|media| media.reading.understands(content_type))
    }

    /// Returns the entry for a body without `Content-Type`: the only one that is declared, or else that for
    /// `application/octet-stream` (RFC 9110, section 8.3).
    fn untyped(&self) -> Option<&RequestMedia> {
        let mut described = self.content.iter().filter(|media| !media.is_implied);
        match (described.next(), described.next()) {
            // The header would have its boundary.
            #[cfg(feature = "multipart")]
            (Some(only), None) if matches!(only.reading, Reading::Multipart(_)) => None,
            (Some(only), None) => Some(only),
            _ => {
                let content = &self.content;
                nearest(content, |media| &media.kind, "application/octet-stream")
            }
        }
    }

    /// Returns the body's value with its defaults, and adds its errors to `violations`. These are meaningless if the values
    /// exceed the room.
    pub(super) fn read(
        &self,
        headers: &HeaderMap,
        body: Received<'_>,
        rules: &Rules,
        room: &Room,
        violations: &mut Vec<Violation>,
    ) -> Option<Value> {
        let sent = content_type(headers);
        let media = self.media(&sent);
        let defaults = media.and_then(|media| media.defaults.as_ref());
        let defaults = defaults.filter(|_| rules.body_defaults);
        // An empty body with the type of a form is a form without fields.
        let is_form = || {
            let media = media.filter(|_| !sent.is_empty());
            media.is_some_and(|media| matches!(media.reading, Reading::Form(_)))
        };
        if matches!(body, Received::Whole([])) && !is_form() {
            if self.required {
                let detail = "Request body is required".to_owned();
                violations.push(Violation::of_body("required", detail));
                return None;
            }
            return defaults.and_then(|defaults| defaults.of_absent(room));
        }
        if let Some(violation) =
            content_coding(headers).filter(|_| !matches!(body, Received::Stream))
        {
            violations.push(violation);
            return None;
        }
        let Some(media) = media else {
            violations.push(self.unsupported(&sent));
            return None;
        };
        let mut value = media.value(&sent, body, rules, room, violations);
        if let (Some(defaults), Some(value)) = (defaults, &mut value) {
            defaults.fill(value, room);
        }
        value
    }

    /// Returns valid values as handlers receive them, the simplest first; `None` is the absent body. Returns none if a body
    /// may be a stream, because the handler must check its type itself, or if no body has a schema.
    pub(super) fn valid_values(&self, rules: &Rules, made: &mut ValidValues) -> Vec<Option<Value>> {
        let is_stream = |media: &RequestMedia| matches!(media.reading, Reading::Stream);
        if self.content.iter().any(is_stream) {
            return Vec::new();
        }
        let media = self.content.iter();
        let values = media.flat_map(|media| media.valid_values(rules, made));
        let mut values: Vec<_> = values.map(Some).collect();
        if !self.required && !values.is_empty() {
            let defaults = self
                .content
                .first()
                .and_then(|media| media.defaults.as_ref());
            let defaults = defaults.filter(|_| rules.body_defaults);
            let room = Room::of(rules.values);
            values.push(defaults.and_then(|defaults| defaults.of_absent(&room)));
        }
        values
    }

    /// Returns the position in the document of the schema for a location in the body.
    pub(super) fn position(&self, document: &Document, pointer: &str) -> Option<Position> {
        let mut schemas = self
            .content
            .iter()
            .filter_map(|media| media.schema.as_ref());
        Some(schemas.next()?.position(document, pointer))
    }

    fn unsupported(&self, sent: &str) -> Violation {
        let described = self.content.iter().filter(|media| !media.is_implied);
        let types: Vec<_> = described.map(|media| media.kind.as_str()).collect();
        let all_json = self.content.iter().all(|media| media.kind.is_json());
        let expected = if all_json {
            "JSON data".to_owned()
        } else {
            types.join(", ")
        };
        Violation {
            expected: Some(types.into()),
            ..header_violation(
                "Content-Type",
                "contentType",
                format!("Invalid Content-type ({sent}), expected {expected}"),
            )
        }
    }
}

/// Returns the violation of a body with a content coding. None is supported, except for streams.
fn content_coding(headers: &HeaderMap) -> Option<Violation> {
    let coding = headers.get(header::CONTENT_ENCODING)?;
    if coding.as_bytes().eq_ignore_ascii_case(b"identity") {
        return None;
    }
    let coding = String::from_utf8_lossy(coding.as_bytes());
    let detail = format!("The content coding '{coding}' is not supported; send the body as it is");
    Some(Violation {
        expected: Some(json!(["identity"])),
        ..header_violation("Content-Encoding", "contentEncoding", cut(detail))
    })
}

fn undecodable(charset: Charset) -> Violation {
    let detail = format!("Request body is not valid {}", charset.name());
    Violation::of_body("charset", detail)
}

/// Returns a violation of a header that describes the body.
fn header_violation(name: &str, keyword: &'static str, detail: String) -> Violation {
    Violation::new(Location::header(name), keyword, detail)
}

impl RequestMedia {
    fn new(kind: MediaType, reading: Reading) -> Self {
        Self {
            kind,
            is_implied: false,
            reading,
            schema: None,
            defaults: None,
            kept: None,
        }
    }

    /// Returns the value of a body with this content type, and adds its errors to `violations`.
    fn value(
        &self,
        sent: &str,
        body: Received<'_>,
        rules: &Rules,
        room: &Room,
        violations: &mut Vec<Violation>,
    ) -> Option<Value> {
        let strict = rules.strict_parameters;
        let schema = self.schema.as_deref();
        match (&self.reading, body) {
            (Reading::Json, Received::Whole(body)) => {
                let kept = self.kept.as_ref().filter(|_| rules.skip_undescribed);
                let kept = kept.unwrap_or_else(|| PropertyFilter::all());
                self.json(body, kept, room, violations)
            }
            (Reading::Text, Received::Whole(body)) => self.text(sent, body, violations),
            (Reading::Decoded(own), Received::Whole(body)) => {
                let value = own.read(body, room);
                let value = value.map_err(|wrong| violations.extend(wrong)).ok()?;
                violations.extend(self.violations(&value));
                Some(value)
            }
            (Reading::Form(form), Received::Whole(body)) => {
                // A lossy conversion would make three bytes of each invalid one.
                let Ok(text) = str::from_utf8(body) else {
                    violations.push(undecodable(Charset::Utf8));
                    return None;
                };
                let fields = Fields::of_text(text.into());
                form.read(fields, schema, strict, room, violations)
            }
            #[cfg(feature = "multipart")]
            (Reading::Multipart(form), Received::Whole(body)) => {
                let fields = multipart::read_whole(body, sent, form, room);
                form.read(fields, schema, strict, room, violations)
            }
            #[cfg(feature = "multipart")]
            (Reading::Multipart(form), Received::Fields(fields)) => {
                form.read(fields, schema, strict, room, violations)
            }
            _ => None,
        }
    }

    fn valid_values(&self, rules: &Rules, made: &mut ValidValues) -> Vec<Value> {
        let schema = self.schema.as_ref();
        let values = schema.map_or_else(Vec::new, |schema| made.of(schema).to_vec());
        let values = values.into_iter();
        let mut values: Vec<_> = match &self.reading {
            Reading::Json => {
                let kept = self.kept.as_ref().filter(|_| rules.skip_undescribed);
                let kept = kept.unwrap_or_else(|| PropertyFilter::all());
                let read = |value: Value| {
                    text::read(&value.to_string(), kept, &Room::of(rules.values)).ok()
                };
                values.filter_map(read).collect()
            }
            Reading::Decoded(_) => values.collect(),
            Reading::Text => values.filter(Value::is_string).collect(),
            Reading::Form(form) => values.filter_map(|value| form.received(value)).collect(),
            #[cfg(feature = "multipart")]
            Reading::Multipart(form) => values.filter_map(|value| form.received(value)).collect(),
            Reading::Stream => Vec::new(),
        };
        if let Some(defaults) = self.defaults.as_ref().filter(|_| rules.body_defaults) {
            for value in &mut values {
                defaults.fill(value, &Room::of(rules.values));
            }
        }
        values
    }

    fn json(
        &self,
        body: &[u8],
        kept: &PropertyFilter,
        room: &Room,
        violations: &mut Vec<Violation>,
    ) -> Option<Value> {
        let not_json = || Violation::of_body("json", "Request body is not valid JSON".to_owned());
        let text = json_text(body);
        let parsed = text
            .as_deref()
            .and_then(|text| Some((text, text::read(text, kept, room).ok()?)));
        let Some((text, mut value)) = parsed else {
            violations.push(not_json());
            return None;
        };
        let schema = self.schema.as_ref();
        let Some(schema) = schema.filter(|schema| !schema.accept(&mut value)) else {
            return Some(value);
        };
        let compat = schema.compat();
        if compat == Compat::Connexion
            && let Some(text) = without_negative_zero(text)
        {
            // Frees the first value, since each may take megabytes.
            drop(value);
            let value = text::read(&text, kept, &room.again()).ok()?;
            if !schema.is_valid(&value) {
                violations.extend(schema.body_violations(&value, Some(&text)));
            }
            return Some(value);
        }
        violations.extend(if compat.is_malformed(&value) {
            vec![not_json()]
        } else {
            schema.body_violations(&value, Some(text))
        });
        None
    }

    fn text(&self, sent: &str, body: &[u8], violations: &mut Vec<Violation>) -> Option<Value> {
        let charset = charset(sent)?;
        let Some(text) = charset.decode(body) else {
            violations.push(undecodable(charset));
            return None;
        };
        let value = Value::String(text.into_owned());
        violations.extend(self.violations(&value));
        Some(value)
    }

    fn violations(&self, value: &Value) -> Vec<Violation> {
        match &self.schema {
            Some(schema) if !schema.is_valid(value) => schema.body_violations(value, None),
            _ => Vec::new(),
        }
    }
}
