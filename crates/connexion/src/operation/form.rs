//! Forms: named fields become the members of a JSON object, each what its property's schema asks for.
//!
//! A field is written as a query parameter would be, unless its property is an object, or the document says
//! `contentType: application/json`: then its text is JSON (OpenAPI 3.1, section 4.8.15).

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use http::HeaderMap;
use serde_json::{Map, Value};

#[cfg(feature = "multipart")]
use crate::operation::media_type::{charset, json_text};
use crate::{
    compat::Compat,
    diagnostics::DiagnosticCode,
    document::{
        cursor::Cursor,
        node::{Kind, Node, escape, shortened},
    },
    operation::{
        media_type::MediaType,
        parameter::{MAX_PARTS, Members, Parameter, Shape, Sources, all_types, has, parts},
        path::PathValues,
    },
    problem::{MAX_UNKNOWN, Violation},
    schema::{
        Compiler, PropertyFilter, Schema, are_all,
        json::{self, Room},
        notation::cut,
    },
};

/// The fields of a form.
#[derive(Debug)]
pub(crate) struct Form {
    /// How messages name a field.
    compat: Compat,
    fields: Vec<Field>,
    /// Those that the document names without a schema of their own, such as in `required`.
    names: Vec<String>,
    /// What fields are that the document does not name, if it allows any.
    others: Option<Others>,
    /// What parts are that the document does not name.
    #[cfg_attr(
        not(feature = "multipart"),
        expect(dead_code, reason = "other forms have no parts")
    )]
    other_part: PartRule,
}

/// What was received of a form.
#[derive(Debug, Default)]
pub(crate) struct Fields<'b> {
    /// The fields that are texts, as a form that is not multipart writes them all.
    text: Cow<'b, str>,
    /// Those that have their value already: JSON, and a mark for each file.
    given: Vec<(String, Value)>,
    /// What counted the values in `given`.
    #[cfg(feature = "multipart")]
    room: Room,
    /// By these marks what the files are.
    files: HashMap<String, Value>,
    /// Part of every mark. A client that could write one would have a text of its own taken for a file, of
    /// which nothing but the type is checked.
    #[cfg(feature = "multipart")]
    secret: Option<u64>,
    violations: Vec<Violation>,
}

/// A property of the form's schema.
#[derive(Debug)]
struct Field {
    name: String,
    /// More than one if the parts of the schema (`oneOf`) say it differently.
    written: Vec<Written>,
    is_array: bool,
    part: PartRule,
}

/// What the document says of the parts of a multipart form that are called by a name.
#[derive(Clone, Debug, Default)]
struct PartRule {
    is_file: IsFile,
    /// Of which types a part must be; none means any.
    types: Vec<MediaType>,
}

/// Whether a part is a file, which is not held in memory.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum IsFile {
    Yes,
    No,
    /// If it has a file's name, or a type that is no text.
    #[default]
    IfSentSo,
}

/// How a property is written.
#[derive(Debug)]
enum Written {
    Style(Box<Parameter>),
    /// As JSON; of an array each item may be a field of its own.
    Json {
        is_array: bool,
        may_be_text: bool,
        schema: Arc<Schema>,
    },
}

#[derive(Debug)]
enum Others {
    Text(Members),
    Json,
}

/// Why a field has no value.
#[derive(Clone, Copy, Debug)]
enum Unreadable {
    Json,
    Style,
}

/// What is wrong with the description of a form, and where.
pub(crate) type FormFault<'d> = (DiagnosticCode, Cursor<'d>, String);

impl Form {
    /// Whether a part of a multipart form is a file.
    #[cfg(feature = "multipart")]
    pub(crate) fn is_file(&self, head: &PartHead) -> bool {
        match self.part(&head.name).is_file {
            IsFile::Yes => true,
            IsFile::No => false,
            IsFile::IfSentSo => {
                let kind = head.content_type.as_deref().map(MediaType::parse);
                head.filename.is_some()
                    || kind.is_some_and(|kind| !kind.is_text() && !kind.is_json())
            }
        }
    }

    /// Whether the document lets parts have this name.
    #[cfg(feature = "multipart")]
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.others.is_some()
            || self.is_named(name)
            || self.fields.iter().any(|field| field.claims(name))
    }

    fn is_named(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    #[cfg(feature = "multipart")]
    fn part(&self, name: &str) -> &PartRule {
        let field = self.fields.iter().find(|field| field.name == name);
        field.map_or(&self.other_part, |field| &field.part)
    }

    /// Compiles the form whose media type stands at `media`; whether `style` and `explode` have a meaning there
    /// depends on the version.
    pub(crate) fn compile<'d>(
        media: &Cursor<'d>,
        has_styles: bool,
        compiler: &Compiler<'_>,
    ) -> (Self, Vec<FormFault<'d>>) {
        let mut compile = Compile {
            media,
            has_styles,
            compiler,
            faults: Vec::new(),
        };
        let form = compile.form();
        (form, compile.faults)
    }

    /// Reads a form and checks it; what is wrong with it is added to `violations`. Fields that the document
    /// does not have are refused if `strict`. If there is no room for its values nothing is read.
    pub(crate) fn read(
        &self,
        mut fields: Fields<'_>,
        schema: Option<&Schema>,
        strict: bool,
        room: &Room,
        violations: &mut Vec<Violation>,
    ) -> Option<Value> {
        room.take(fields.count()).then_some(())?;
        let mut found = std::mem::take(&mut fields.violations);
        let given = std::mem::take(&mut fields.given);
        let mut value = Value::Object(self.object(&fields.text, given, strict, room, &mut found));
        if room.is_exceeded() {
            return None;
        }
        if let Some(schema) = schema
            && !schema.accept_strings(&mut value)
        {
            let mut faults = schema.body_violations(&value, None);
            if !fields.files.is_empty() && are_all(&faults, &value) {
                // The marks of files are texts that nobody sent: only what kind of value they are counts.
                let files = marks(&value, &fields.files);
                faults.retain(|fault| fault.keyword == "type" || !files.contains(&fault.pointer));
            }
            #[cfg(feature = "multipart")]
            if let Some(secret) = fields.secret {
                for fault in &mut faults {
                    fault.detail = fault.detail.replace(&format!(" {secret:x}"), "");
                }
            }
            // A field that could not be read is not missing, nor is one of a form of which nothing could be read.
            let is_unread = found.iter().any(|one| one.keyword == "multipart");
            faults.retain(|fault| {
                let is_missing = is_unread && fault.keyword == "required";
                !is_missing && !found.iter().any(|one| one.pointer == fault.pointer)
            });
            found.extend(faults);
        }
        violations.append(&mut found);
        let Value::Object(mut object) = value else {
            return None;
        };
        for value in object.values_mut().filter(|_| !fields.files.is_empty()) {
            show_files(value, &fields.files);
        }
        Some(Value::Object(object))
    }

    /// Whether a field may have this value: of what has no type every text is a string.
    fn may_make(&self, name: &str, value: &Value) -> bool {
        let Some(field) = self.fields.iter().find(|field| field.name == name) else {
            return match &self.others {
                Some(Others::Text(_)) => value.is_string(),
                Some(Others::Json) => true,
                None => false,
            };
        };
        let mut written = field.written.iter();
        field.part.is_file == IsFile::Yes
            || written.any(|written| match written {
                Written::Style(parameter) => parameter.may_make(value),
                Written::Json { .. } => true,
            })
    }

    /// A valid value as handlers get it, with the descriptions of files; `None` if no form can hold it.
    pub(crate) fn received(&self, value: Value) -> Option<Value> {
        let Value::Object(mut object) = value else {
            return None;
        };
        if !object
            .iter()
            .all(|(name, value)| self.may_make(name, value))
        {
            return None;
        }
        for field in &self.fields {
            if field.part.is_file == IsFile::Yes
                && let Some(value) = object.get_mut(&field.name)
            {
                let file = serde_json::json!({"filename": "a.txt", "content_type": "text/plain", "size": 1});
                *value = match value {
                    Value::Array(items) => vec![file; items.len()].into(),
                    _ => file,
                };
            }
        }
        Some(Value::Object(object))
    }

    fn object(
        &self,
        text: &str,
        mut given: Vec<(String, Value)>,
        strict: bool,
        room: &Room,
        violations: &mut Vec<Violation>,
    ) -> Map<String, Value> {
        let (path, headers) = (PathValues::default(), HeaderMap::new());
        let sources = Sources::new(&path, Some(text), &headers, room);
        let claimed = |name: &str| self.fields.iter().any(|field| field.claims(name));
        let mut object = Map::new();
        for field in &self.fields {
            let read = field.value(&sources, room, &claimed);
            match field.with_given(read, &mut given) {
                None => {}
                Some(Ok(value)) => {
                    object.insert(field.name.clone(), value);
                }
                Some(Err(why)) => violations.push(field.unreadable(self.compat, why)),
            }
        }
        if self.fields.iter().any(Field::takes_others) {
            return object;
        }
        let mut unknown = BTreeSet::new();
        for (name, text) in sources.texts().filter(|(name, _)| !claimed(name)) {
            match &self.others {
                Some(others) => others.insert(&mut object, name, &text, room),
                None if strict && !self.is_named(name) => {
                    unknown.insert(name);
                }
                // Whether it may be there is for the schema to say.
                None => {
                    object.insert(name.to_owned(), text.into());
                }
            }
        }
        for (name, value) in &mut given {
            if claimed(name) {
                continue;
            }
            if self.others.is_none() && strict && !self.is_named(name) {
                unknown.insert(name);
            } else {
                add(&mut object, name, value.take());
            }
        }
        refuse(&unknown, violations);
        object
    }
}

/// Adds a member; if there is one of this name already, both become a list.
fn add(object: &mut Map<String, Value>, name: &str, value: Value) {
    match object.get_mut(name) {
        None => {
            object.insert(name.to_owned(), value);
        }
        Some(Value::Array(items)) => items.push(value),
        Some(other) => *other = Value::Array(vec![other.take(), value]),
    }
}

/// The pointers to the marks of files.
fn marks(object: &Value, files: &HashMap<String, Value>) -> HashSet<String> {
    let is_mark = |value: &Value| value.as_str().is_some_and(|text| files.contains_key(text));
    let mut pointers = HashSet::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        let pointer = format!("/{}", escape(name));
        for (i, item) in value.as_array().into_iter().flatten().enumerate() {
            if is_mark(item) {
                pointers.insert(format!("{pointer}/{i}"));
            }
        }
        if is_mark(value) {
            pointers.insert(pointer);
        }
    }
    pointers
}

/// Puts in the places of marks what the files are.
fn show_files(value: &mut Value, files: &HashMap<String, Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| show_files(item, files)),
        Value::String(text) => {
            if let Some(file) = files.get(text) {
                *value = file.clone();
            }
        }
        _ => {}
    }
}

/// What a part of a multipart form says of itself.
#[cfg(feature = "multipart")]
#[derive(Debug)]
pub(crate) struct PartHead {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
    pub(crate) content_type: Option<String>,
}

/// What is encoded in a text before it stands among others; the marks between items stay as they are.
#[cfg(feature = "multipart")]
const ENCODED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b',')
    .remove(b'|')
    .remove(b' ')
    .remove(b'\t')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

impl<'b> Fields<'b> {
    /// How many values there are at least, without those that a single text may hold.
    fn count(&self) -> usize {
        let texts = self.text.bytes().filter(|byte| *byte == b'&').count();
        #[cfg(feature = "multipart")]
        let (given, is_exceeded) = (self.room.taken(), self.room.is_exceeded());
        #[cfg(not(feature = "multipart"))]
        let (given, is_exceeded) = (0, false);
        if is_exceeded {
            usize::MAX
        } else {
            texts + 1 + given
        }
    }

    /// Those of a form that is a text.
    pub(crate) fn of_text(text: Cow<'b, str>) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

/// A number that nobody can guess: the standard library seeds its hashers with random keys.
#[cfg(feature = "multipart")]
fn secret() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(())
}

#[cfg(feature = "multipart")]
impl Fields<'_> {
    /// None, with room for this many values.
    pub(crate) fn with_room(values: usize) -> Self {
        Self {
            room: Room::of(values),
            ..Self::default()
        }
    }

    /// Adds a part that is not a file.
    pub(crate) fn add_part(&mut self, form: &Form, head: PartHead, bytes: &[u8]) {
        let sent = head.content_type.as_deref();
        let is_right = sent.is_none_or(|sent| self.is_of_type(form, &head.name, sent));
        if !is_right {
            return;
        }
        let sent = sent.unwrap_or_default();
        if MediaType::parse(sent).is_json() {
            let text = json_text(bytes);
            match text.and_then(|text| json::read(&text, PropertyFilter::all(), &self.room).ok()) {
                Some(value) => self.given.push((head.name, value)),
                None => self.refuse(form, &head.name, "json", "Invalid JSON"),
            }
            return;
        }
        let Some(charset) = charset(sent) else {
            let wrong = format!("Invalid Content-type ({sent}), expected charset=utf-8");
            return self.refuse(form, &head.name, "contentType", &wrong);
        };
        let Some(text) = charset.decode(bytes) else {
            let wrong = format!("The text is not valid {}", charset.name());
            return self.refuse(form, &head.name, "charset", &wrong);
        };
        let encoded = |text| percent_encoding::utf8_percent_encode(text, ENCODED);
        let texts = self.text.to_mut();
        texts.extend(encoded(&head.name));
        texts.push('=');
        texts.extend(encoded(&text));
        texts.push('&');
    }

    /// Adds a file of so many bytes.
    pub(crate) fn add_file(&mut self, form: &Form, head: PartHead, size: u64) {
        let sent = head.content_type.as_deref();
        // RFC 7578, section 4.4: a part that says nothing is a plain text.
        if !self.is_of_type(form, &head.name, sent.unwrap_or("text/plain")) {
            return;
        }
        let shown =
            serde_json::json!({"filename": head.filename, "content_type": sent, "size": size});
        let secret = *self.secret.get_or_insert_with(secret);
        let mark = format!("file {} {secret:x}", self.files.len());
        self.room.take(1);
        self.given.push((head.name, Value::String(mark.clone())));
        self.files.insert(mark, shown);
    }

    /// The form can't be read to its end.
    pub(crate) fn malformed(&mut self) {
        let detail = "Request body is not valid multipart/form-data".to_owned();
        self.violations
            .push(Violation::of_body("multipart", detail));
    }

    fn is_of_type(&mut self, form: &Form, name: &str, sent: &str) -> bool {
        let types = &form.part(name).types;
        if types.is_empty() || types.iter().any(|kind| kind.distance(sent).is_some()) {
            return true;
        }
        let expected: Vec<_> = types.iter().map(MediaType::as_str).collect();
        let expected = expected.join(", ");
        let wrong = format!("Invalid Content-type ({sent}), expected {expected}");
        self.refuse(form, name, "contentType", &wrong);
        false
    }

    fn refuse(&mut self, form: &Form, name: &str, keyword: &'static str, wrong: &str) {
        let detail = cut(located(form.compat, wrong, name));
        self.violations.push(of_field(name, keyword, detail));
    }
}

/// What is wrong with a field.
fn of_field(name: &str, keyword: &'static str, detail: String) -> Violation {
    Violation {
        pointer: shortened(format!("/{}", escape(name))),
        ..Violation::of_body(keyword, detail)
    }
}

/// A sentence about a field, with its location.
fn located(compat: Compat, wrong: &str, name: &str) -> String {
    format!("{wrong}{}", compat.location(&format!("/{}", escape(name))))
}

/// Fields that the document does not have. The first violation names them all, as that of query parameters.
fn refuse(unknown: &BTreeSet<&str>, violations: &mut Vec<Violation>) {
    let all = unknown.iter().copied().collect::<Vec<_>>().join(", ");
    for (i, name) in unknown.iter().take(MAX_UNKNOWN).enumerate() {
        let told = if i == 0 { &all } else { *name };
        let detail = cut(format!("Extra formData parameter(s) {told} not in spec"));
        violations.push(of_field(name, "unknown", detail));
    }
}

impl Field {
    fn claims(&self, name: &str) -> bool {
        self.written.iter().any(|written| match written {
            Written::Style(parameter) => parameter.claims(name),
            Written::Json { .. } => self.name == name,
        })
    }

    /// Whether it takes the fields that no other claims.
    fn takes_others(&self) -> bool {
        let mut all = self.written.iter();
        all.any(|written| matches!(written, Written::Style(one) if one.takes_others()))
    }

    /// The value that is right, or else the first that it could be.
    fn value(
        &self,
        sources: &Sources<'_>,
        room: &Room,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<Result<Value, Unreadable>> {
        let mut first = None;
        for written in &self.written {
            let found = written.value(&self.name, sources, room, claimed);
            if let Some(Ok(value)) = &found
                && written.is_valid(value)
            {
                return found;
            }
            first = first.or(found);
        }
        first
    }

    /// The value of the texts, if there are any, with what else was given for it. A list where the property
    /// is none is for the schema to refuse.
    fn with_given(
        &self,
        read: Option<Result<Value, Unreadable>>,
        given: &mut Vec<(String, Value)>,
    ) -> Option<Result<Value, Unreadable>> {
        let own = given.extract_if(.., |(name, _)| *name == self.name);
        let mut given: Vec<_> = own.map(|(_, value)| value).collect();
        let text = match (given.is_empty(), read) {
            (true, read) => return read,
            (false, Some(Err(why))) => return Some(Err(why)),
            (false, text) => text.and_then(Result::ok),
        };
        let is_whole = !self.is_array || matches!(&given[..], [Value::Array(_)]);
        if text.is_none() && is_whole && given.len() == 1 {
            return given.pop().map(Ok);
        }
        match text {
            Some(Value::Array(items)) => given.extend(items),
            text => given.extend(text),
        }
        Some(Ok(Value::Array(given)))
    }

    fn unreadable(&self, compat: Compat, why: Unreadable) -> Violation {
        let (keyword, wrong) = match why {
            Unreadable::Json => ("json", "Invalid JSON"),
            Unreadable::Style => ("style", "Wrong style"),
        };
        of_field(&self.name, keyword, located(compat, wrong, &self.name))
    }
}

impl Written {
    fn value(
        &self,
        name: &str,
        sources: &Sources<'_>,
        room: &Room,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<Result<Value, Unreadable>> {
        let (is_array, may_be_text) = match self {
            Self::Style(parameter) => {
                let found = sources.property(parameter, claimed)?;
                return Some(found.map_err(|()| Unreadable::Style));
            }
            Self::Json {
                is_array,
                may_be_text,
                ..
            } => (*is_array, *may_be_text),
        };
        let texts = sources.texts().filter(|(known, _)| *known == name);
        let values = texts.map(
            |(_, text)| match json::read(&text, PropertyFilter::all(), room) {
                Ok(value) => Ok(value),
                Err(_) if may_be_text => Ok(Value::String(text.into_owned())),
                Err(_) => Err(Unreadable::Json),
            },
        );
        let mut values = match values.collect::<Result<Vec<_>, _>>() {
            Ok(values) => values,
            Err(why) => return Some(Err(why)),
        };
        let is_whole = !is_array || matches!(&values[..], [Value::Array(_)]);
        match values.pop()? {
            last if is_whole => Some(Ok(last)),
            last => {
                values.push(last);
                Some(Ok(Value::Array(values)))
            }
        }
    }

    fn is_valid(&self, value: &Value) -> bool {
        match self {
            Self::Style(parameter) => parameter.is_valid(value),
            Self::Json { schema, .. } => schema.is_valid(value),
        }
    }
}

impl Others {
    fn insert(&self, object: &mut Map<String, Value>, name: &str, text: &str, room: &Room) {
        match self {
            Self::Text(members) => members.insert(object, name, text),
            Self::Json => {
                let value = json::read(text, PropertyFilter::all(), room);
                let value = value.unwrap_or_else(|_| Value::String(text.to_owned()));
                object.insert(name.to_owned(), value);
            }
        }
    }
}

struct Compile<'c, 'd, 'f> {
    media: &'c Cursor<'d>,
    has_styles: bool,
    compiler: &'c Compiler<'f>,
    faults: Vec<FormFault<'d>>,
}

impl<'d> Compile<'_, 'd, '_> {
    fn form(&mut self) -> Form {
        let mut names: Vec<&'d str> = Vec::new();
        let (mut others, mut other_part) = (None, PartRule::default());
        let schema = self.media.get("schema");
        let parts = schema
            .as_ref()
            .map_or_else(Vec::new, |schema| parts(schema, MAX_PARTS));
        for part in &parts {
            for (name, _) in part.get("properties").iter().flat_map(Cursor::members) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            let additional = part
                .get("additionalProperties")
                .filter(|it| it.node.kind != Kind::Bool(false))
                .or_else(|| part.get("unevaluatedProperties"));
            if let Some(additional) = additional.filter(|it| it.node.kind != Kind::Bool(false)) {
                other_part.is_file = is_file(&additional, &[]);
                others = Some(match Shape::flat(&additional) {
                    Some(shape) => Others::Text(Members::of_any_name(shape)),
                    None => Others::Json,
                });
            } else if part.get("patternProperties").is_some() {
                let members = schema.as_ref().and_then(Members::of_schema);
                let members = members.map_or_else(any_text, Others::Text);
                others.get_or_insert(members);
            }
        }
        // Whoever says nothing about the fields does not mean that there are none.
        if names.is_empty()
            && parts
                .iter()
                .all(|part| part.get("additionalProperties").is_none())
        {
            others.get_or_insert_with(any_text);
        }
        let encodings = self.media.get("encoding");
        for (name, place) in encodings.iter().flat_map(Cursor::members) {
            if !names.contains(&name) && others.is_none() {
                let message = format!("there is no property `{name}` that this could be about");
                self.faults
                    .push((DiagnosticCode::MemberUnknown, place.clone(), message));
            }
            if let Some(headers) = place.get("headers") {
                let message = "the `headers` of a field are not checked".to_owned();
                self.faults
                    .push((DiagnosticCode::NotChecked, headers, message));
            }
        }
        let fields = names.into_iter();
        Form {
            compat: self.compiler.compat(),
            fields: fields.map(|name| self.field(name, &parts)).collect(),
            names: parts.iter().flat_map(required).collect(),
            others,
            other_part,
        }
    }

    fn field(&mut self, name: &str, parts: &[Cursor<'d>]) -> Field {
        let encoding = self.media.get("encoding").and_then(|all| all.get(name));
        let properties = parts.iter().filter_map(|part| part.get("properties"));
        let mut field = Field {
            name: name.to_owned(),
            written: Vec::new(),
            is_array: false,
            part: PartRule {
                is_file: IsFile::No,
                types: encoding.as_ref().map_or(Vec::new(), content_types),
            },
        };
        let mut seen = Vec::new();
        for properties in properties {
            let (Some(property), Some(place)) = (properties.get(name), properties.schema(name))
            else {
                continue;
            };
            if seen.contains(&place.pointer) {
                continue;
            }
            seen.push(place.pointer.clone());
            field.is_array |= has(&all_types(&property), "array");
            if field.part.is_file == IsFile::No {
                field.part.is_file = is_file(&property, &field.part.types);
            }
            // That a schema can't be used is reported with that of the form.
            let Ok(schema) = self.compiler.compile(&place.pointer) else {
                continue;
            };
            match written(name, encoding.as_ref(), self.has_styles, &property, schema) {
                Ok(written) => field.written.push(written),
                Err(message) => {
                    let place = encoding.clone().unwrap_or(place);
                    self.faults
                        .push((DiagnosticCode::Unsupported, place, message));
                }
            }
        }
        field
    }
}

/// The names of properties that a schema asks for, or that make it ask for others.
fn required(schema: &Cursor<'_>) -> Vec<String> {
    let listed = |names: &Cursor<'_>| -> Vec<String> {
        let names = names.node.items().iter().filter_map(Node::as_str);
        names.map(str::to_owned).collect()
    };
    let dependent = schema.get("dependentRequired");
    let dependent = dependent.iter().flat_map(Cursor::members);
    let dependent = dependent.flat_map(|(name, names)| {
        let mut all = listed(&names);
        all.push(name.to_owned());
        all
    });
    let triggers = schema.get("dependentSchemas");
    let triggers = triggers.iter().flat_map(Cursor::members);
    let triggers = triggers.map(|(name, _)| name.to_owned());
    let own = schema.get("required");
    let own = own.iter().flat_map(listed);
    own.chain(dependent).chain(triggers).collect()
}

/// Whether the parts of a property, or of its items, are files: what the document says nothing of but that it
/// is `binary` or of a type that is neither text nor JSON (OpenAPI 3.1, section 4.8.14.2).
fn is_file(property: &Cursor<'_>, media_types: &[MediaType]) -> IsFile {
    let is_data = |kind: &MediaType| !kind.is_text() && !kind.is_json();
    let mut schemas = parts(property, MAX_PARTS);
    if has(&all_types(property), "array") {
        let items = schemas.iter().filter_map(|part| part.get("items"));
        schemas = items.flat_map(|items| parts(&items, MAX_PARTS)).collect();
    }
    let types: Vec<_> = schemas.iter().flat_map(all_types).collect();
    let says = |key: &str| schemas.iter().find_map(|schema| schema.text(key));
    let is_string = types.iter().all(|name| name == "string" || name == "null");
    if !is_string || says("contentEncoding").is_some() {
        return IsFile::No;
    }
    let content = says("contentMediaType").map(MediaType::parse);
    let is_data = content.is_some_and(|kind| is_data(&kind))
        || !media_types.is_empty() && media_types.iter().all(is_data);
    match types.is_empty() {
        _ if is_data || says("format") == Some("binary") => IsFile::Yes,
        true => IsFile::IfSentSo,
        false => IsFile::No,
    }
}

fn any_text() -> Others {
    Others::Text(Members::of_any_name(Shape::Single(Vec::new())))
}

/// How a property is written.
fn written(
    name: &str,
    encoding: Option<&Cursor<'_>>,
    has_styles: bool,
    property: &Cursor<'_>,
    schema: Arc<Schema>,
) -> Result<Written, String> {
    let types = all_types(property);
    let is_array = has(&types, "array");
    let media_types = encoding.map_or(Vec::new(), content_types);
    let is_json = media_types.iter().any(MediaType::is_json);
    let has_style = ["style", "explode"]
        .iter()
        .any(|key| encoding.is_some_and(|encoding| encoding.node.get(key).is_some()));
    let has_style = has_style && has_styles;
    // Neither objects nor arrays of them are a text.
    let is_text = Shape::flat(property).is_some();
    if is_json || !is_text && !has_style {
        if !is_json && !media_types.is_empty() {
            return Err(format!(
                "the property `{name}` is an object or holds objects; write `contentType: application/json`"
            ));
        }
        return Ok(Written::Json {
            is_array,
            may_be_text: has(&types, "string") && !is_json,
            schema,
        });
    }
    if Shape::of(property).is_none() {
        return Err(format!(
            "the property `{name}` holds objects or arrays within one another, which no style can \
             write; write `contentType: application/json`"
        ));
    }
    let encoding = encoding.filter(|_| has_styles);
    Parameter::of_form(name, encoding, property, schema)
        .map(Box::new)
        .map(Written::Style)
}

/// The media types that an encoding allows.
fn content_types(encoding: &Cursor<'_>) -> Vec<MediaType> {
    let text = encoding.node.get("contentType").and_then(Node::as_str);
    let types = text.unwrap_or_default().split(',');
    types
        .filter(|text| !text.trim().is_empty())
        .map(MediaType::parse)
        .collect()
}
