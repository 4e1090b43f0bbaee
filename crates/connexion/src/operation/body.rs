//! The body of a request: which of the described types it is of, and the value that its bytes stand for.

use std::sync::Arc;

use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::{Rules, body_type::BodyType, compile::Compile, nearest};
use crate::{
    compat::Compat,
    diagnostics::DiagnosticCode,
    document::{Document, cursor::Cursor, node::Position},
    operation::{
        form::{Fields, Form},
        media_type::{
            ANY_JSON, Charset, MediaType, charset, content_type, is_utf8, json_text,
            without_negative_zero,
        },
        parameter::{has, types},
    },
    problem::{Location, Violation},
    schema::{
        Defaults, PropertyFilter, Schema, ValidValues, is_annotation,
        json::{self as text, Room},
        notation::cut,
    },
};
#[cfg(feature = "multipart")]
use crate::{document::Version, operation::multipart};

#[derive(Debug)]
pub(super) struct RequestBody {
    required: bool,
    content: Vec<Media>,
    /// Whether a body without `Content-Type` is refused.
    needs_type: bool,
}

/// One entry of a request's `content`.
#[derive(Debug)]
struct Media {
    kind: MediaType,
    /// Whether the document has no such entry, but one that is meant for this type as well.
    is_implied: bool,
    reading: Reading,
    /// `None` if the document says nothing about it.
    schema: Option<Arc<Schema>>,
    /// `None` if it has no value, or if it is a form, whose schema is not known.
    defaults: Option<Defaults>,
    /// What of it becomes values, if it is JSON and undescribed properties are skipped.
    kept: Option<PropertyFilter>,
}

/// How a body becomes a value.
#[derive(Debug)]
pub(crate) enum Reading {
    Json,
    /// It is a JSON string.
    Text,
    /// `application/x-www-form-urlencoded`.
    Form(Form),
    /// `multipart/form-data`.
    #[cfg(feature = "multipart")]
    Multipart(Form),
    /// By a function of the application.
    Decoded(BodyType),
    /// Not at all: the handler takes its bytes as they come.
    Stream,
}

/// What was received of a body before it is looked at.
#[derive(Debug)]
pub(crate) enum Received<'b> {
    Whole(&'b [u8]),
    /// The fields of a form, whose files are somewhere else.
    #[cfg(feature = "multipart")]
    Fields(Fields<'b>),
    /// Something, which nobody has read yet.
    Stream,
}

impl Compile<'_, '_> {
    pub(super) fn request_body(&mut self, place: &Cursor<'_>) -> RequestBody {
        let content = place.get("content");
        let is_empty = content
            .as_ref()
            .is_none_or(|content| content.members().next().is_none());
        if is_empty {
            let message = "the request body has no `content`";
            self.fault(DiagnosticCode::MemberMissing, place, message);
        }
        // It requires a `Content-Type`, and takes any type of JSON for `application/json`.
        let is_python = self.document.compat == Compat::Connexion;
        // What is implied goes after what the document says of the type itself.
        let (mut entries, mut implied) = (Vec::new(), Vec::new());
        for (name, place) in content.iter().flat_map(Cursor::members) {
            if !self.is_media_type(name, &place) {
                continue;
            }
            let media = self.media(name, &place);
            implied.extend(self.within(&media.kind, &place));
            if is_python && media.kind.is_plain_json() {
                implied.push(self.implied(ANY_JSON, Reading::Json, &place));
            }
            entries.push(media);
        }
        if entries.is_empty() {
            // Nothing is said that could be understood.
            entries.push(Media::new(MediaType::parse("*/*"), Reading::Stream));
        }
        entries.append(&mut implied);
        RequestBody {
            required: place.flag("required"),
            content: entries,
            needs_type: is_python,
        }
    }

    /// The types of a range that can be read, unlike others: JSON, and those of the application.
    fn within(&mut self, range: &MediaType, place: &Cursor<'_>) -> Vec<Media> {
        if !range.is_range() || !is_more_than_text(place) {
            return Vec::new();
        }
        let own = self.body_types.iter();
        let own = own.filter(|own| range.distance(own.kind.as_str()).is_some());
        let own = own.map(|own| (own.kind.as_str(), Reading::Decoded(own.clone())));
        let json = range.json_within().iter();
        let json = json.map(|name| (*name, Reading::Json));
        own.chain(json)
            .map(|(name, reading)| self.implied(name, reading, place))
            .collect()
    }

    fn implied(&mut self, name: &str, reading: Reading, place: &Cursor<'_>) -> Media {
        let media = Media::new(MediaType::parse(name), reading);
        Media {
            is_implied: true,
            ..self.described(media, place)
        }
    }

    /// With what the document says of the value.
    fn described(&mut self, media: Media, place: &Cursor<'_>) -> Media {
        if matches!(media.reading, Reading::Stream) {
            return media;
        }
        let schema = self.schema(place, "schema");
        let is_json = matches!(media.reading, Reading::Json);
        let kept = schema.as_ref().filter(|_| is_json);
        let defaults = place.schema("schema").filter(|_| schema.is_some());
        Media {
            kept: kept.map(|schema| schema.property_filter()),
            defaults: defaults.map(|schema| self.compiler.defaults(&schema.pointer)),
            schema,
            ..media
        }
    }

    fn media(&mut self, name: &str, place: &Cursor<'_>) -> Media {
        let kind = MediaType::parse(name);
        if let Some(own) = self.body_type(&kind) {
            return self.described(Media::new(kind, Reading::Decoded(own)), place);
        }
        let reading = match kind.as_str() {
            _ if kind.is_json() => Reading::Json,
            "application/x-www-form-urlencoded" => Reading::Form(self.form(place, true)),
            #[cfg(feature = "multipart")]
            "multipart/form-data" => {
                // Since 3.1 only (OpenAPI 3.0, section 4.7.15.1, `style`).
                let has_styles = self.document.version != Version::OpenApi30;
                Reading::Multipart(self.form(place, has_styles))
            }
            #[cfg(not(feature = "multipart"))]
            "multipart/form-data" => {
                let message = format!(
                    "bodies of the type `{name}` need the feature `multipart` of connexion"
                );
                self.fault(DiagnosticCode::Unsupported, place, message);
                Reading::Stream
            }
            _ => self.text_or_stream(name, &kind, place),
        };
        self.described(Media::new(kind, reading), place)
    }

    fn form(&mut self, place: &Cursor<'_>, has_styles: bool) -> Form {
        let (form, faults) = Form::compile(place, has_styles, self.compiler);
        for (code, place, message) in faults {
            self.fault(code, &place, message);
        }
        form
    }

    /// A type whose bytes are not understood here is for the handler to read. What the document says of them
    /// can't be checked, of which it is warned.
    fn text_or_stream(&mut self, name: &str, kind: &MediaType, place: &Cursor<'_>) -> Reading {
        let Some(schema) = place.get("schema") else {
            return if kind.is_text() {
                Reading::Text
            } else {
                Reading::Stream
            };
        };
        let is_string = types(&schema, 1).iter().all(|name| name == "string");
        let is_binary = is_string && schema.text("format") == Some("binary");
        if kind.is_text() && !is_binary {
            let types = types(&schema, 1);
            if types.is_empty() || has(&types, "string") {
                return Reading::Text;
            }
        }
        let says_nothing = |keyword: &str| {
            matches!(keyword, "type" | "format" | "contentMediaType") || is_annotation(keyword)
        };
        let mut keywords = schema.node.members();
        if !is_string || !keywords.all(|(keyword, _)| says_nothing(keyword)) {
            let are_not = if kind.json_within().is_empty() {
                "are not checked, but"
            } else {
                "are checked in JSON only, others"
            };
            let message = format!(
                "bodies of the type `{name}` {are_not} handed on as they come; `{{type: string, format: binary}}` \
                 would say so"
            );
            self.fault(DiagnosticCode::NotChecked, &schema, message);
        }
        Reading::Stream
    }
}

/// Whether the schema of an entry allows anything but a text.
pub(super) fn is_more_than_text(media: &Cursor<'_>) -> bool {
    let schema = media.get("schema");
    schema.is_some_and(|schema| !types(&schema, 1).iter().all(|name| name == "string"))
}

impl Reading {
    /// Whether a body of this content type is written in an encoding that is understood.
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
    /// How a body with these headers is to be read. That it is of no type that is described is found by
    /// [`Self::read`].
    pub(super) fn reading(&self, headers: &HeaderMap) -> &Reading {
        let media = self.media(&content_type(headers));
        media.map_or(&Reading::Json, |media| &media.reading)
    }

    fn media(&self, content_type: &str) -> Option<&Media> {
        if content_type.is_empty() && !self.needs_type {
            return self.untyped();
        }
        nearest(&self.content, |media| &media.kind, content_type)
            .filter(|media| media.reading.understands(content_type))
    }

    /// What a body without `Content-Type` is taken for: the only type that is described, or else
    /// `application/octet-stream` (RFC 9110, section 8.3).
    fn untyped(&self) -> Option<&Media> {
        let mut described = self.content.iter().filter(|media| !media.is_implied);
        match (described.next(), described.next()) {
            // Its boundary would stand in the header.
            #[cfg(feature = "multipart")]
            (Some(only), None) if matches!(only.reading, Reading::Multipart(_)) => None,
            (Some(only), None) => Some(only),
            _ => {
                let content = &self.content;
                nearest(content, |media| &media.kind, "application/octet-stream")
            }
        }
    }

    /// The body's value with its defaults; what is wrong with it is added to `violations`. If there is not enough room for
    /// its values, what is added means nothing.
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
        // A form without fields is empty, but it is there if the client says that it sends one.
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
        if let Some(violation) = coding(headers).filter(|_| !matches!(body, Received::Stream)) {
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

    /// Valid values as handlers get them, the plainest first; `None` stands for no body. There are none if a handler reads
    /// some of its bodies as a stream, since it must look at the type itself, or if nothing is said of a body.
    pub(super) fn valid_values(&self, rules: &Rules, made: &mut ValidValues) -> Vec<Option<Value>> {
        let is_stream = |media: &Media| matches!(media.reading, Reading::Stream);
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

    /// Where the document describes a location in the body.
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
            ..of_header(
                "Content-Type",
                "contentType",
                format!("Invalid Content-type ({sent}), expected {expected}"),
            )
        }
    }
}

/// What is wrong with the content coding of a body that is not a stream, of which none is supported.
fn coding(headers: &HeaderMap) -> Option<Violation> {
    let coding = headers.get(header::CONTENT_ENCODING)?;
    if coding.as_bytes().eq_ignore_ascii_case(b"identity") {
        return None;
    }
    let coding = String::from_utf8_lossy(coding.as_bytes());
    let detail = format!("The content coding '{coding}' is not supported; send the body as it is");
    Some(Violation {
        expected: Some(json!(["identity"])),
        ..of_header("Content-Encoding", "contentEncoding", cut(detail))
    })
}

fn undecodable(charset: Charset) -> Violation {
    let detail = format!("Request body is not valid {}", charset.name());
    Violation::of_body("charset", detail)
}

/// A violation of a header that describes the body. The body itself was not read.
fn of_header(name: &str, keyword: &'static str, detail: String) -> Violation {
    Violation::new(Location::header(name), keyword, detail)
}

impl Media {
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

    /// The value of a body with this content type; what is wrong with it is added to `violations`.
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
                // Replaced, each byte that is no UTF-8 would become three.
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
            // Not both at a time: each may take megabytes.
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
