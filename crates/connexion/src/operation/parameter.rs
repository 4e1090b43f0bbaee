//! Parameters: the text of path, query, header and cookie becomes the JSON values the document asks for.
//!
//! A text stays encoded until it is split, since an encoded comma belongs to an item, if an item can have one, and a
//! plain one does not.

mod format;
mod shape;

use std::{borrow::Cow, cell::OnceCell, collections::BTreeSet, sync::Arc};

use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value, value::RawValue};

use self::format::{Style, whole};
pub(crate) use self::{
    format::Format,
    shape::{MAX_PARTS, Members, Shape, all_types, has, parts, types},
};
use crate::{
    diagnostics::DiagnosticCode,
    document::{
        Document,
        cursor::Cursor,
        node::{Position, push},
    },
    operation::path::PathValues,
    pairs::{cookies, decode, pairs},
    problem::{Location, MAX_UNKNOWN, ParameterLocation, Violation},
    schema::{Compiler, Schema, ValidValues, json::Room, notation::cut},
};

/// Names of the style `deepObject` may have so many brackets.
const MAX_PATH: usize = 16;

/// A parameter of an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ParameterInfo<'o> {
    /// The part of the request that carries it.
    pub location: ParameterLocation,
    /// Its name in the document.
    pub name: &'o str,
    /// The name of its value in [`ValidatedRequest::parameters`](crate::ValidatedRequest::parameters). It differs from `name` if parameters of several
    /// locations have the same name: `id` in the path is `path.id` then.
    pub key: &'o str,
}

/// One parameter of an operation.
#[derive(Debug)]
pub(crate) struct Parameter {
    name: String,
    /// Under which name its value goes to the handler.
    key: String,
    location: ParameterLocation,
    required: bool,
    /// Whether an empty text is right, whatever the schema says (`allowEmptyValue`).
    may_be_empty: bool,
    format: Format,
    default: Option<Value>,
    /// `None` if the document says nothing of the JSON that it holds.
    schema: Option<Arc<Schema>>,
}

/// What a request has for a parameter.
struct Found<'r> {
    /// `None` if it is not written as the document says.
    value: Option<Value>,
    /// The text of it, still encoded, if it is a single one.
    text: Option<Cow<'r, str>>,
}

impl Parameter {
    /// Compiles the parameter that stands at `place`; the error says what is wrong with it. What its author should know
    /// is added to `warnings`.
    pub(crate) fn compile(
        place: &Cursor<'_>,
        compiler: &Compiler<'_>,
        warnings: &mut Vec<(DiagnosticCode, String)>,
    ) -> Result<Self, String> {
        let name = place.text("name").ok_or("a parameter has no `name`")?;
        let location = match place.text("in") {
            Some("path") => ParameterLocation::Path,
            Some("query") => ParameterLocation::Query,
            Some("header") => ParameterLocation::Header,
            Some("cookie") => ParameterLocation::Cookie,
            Some(other) => {
                return Err(format!(
                    "`in: {other}` of the parameter `{name}` is not supported"
                ));
            }
            None => return Err(format!("the parameter `{name}` has no `in`")),
        };
        let (mut format, written) =
            Format::compile(place, location, &format!("parameter `{name}`"))?;
        let warning = format.warning.take();
        warnings.extend(warning.map(|warning| (DiagnosticCode::StyleMismatch, warning)));
        if location == ParameterLocation::Header && name.parse::<HeaderName>().is_err() {
            return Err(format!("`{name}` can't be the name of a header"));
        }
        if location == ParameterLocation::Path && !place.flag("required") {
            return Err(format!(
                "the path parameter `{name}` must say `required: true`"
            ));
        }
        let may_be_empty = place.flag("allowEmptyValue");
        if may_be_empty && location != ParameterLocation::Query {
            return Err(format!(
                "`allowEmptyValue` of the parameter `{name}` is for query parameters only; leave it out"
            ));
        }
        if written.is_none() && !format.is_content() {
            return Err(format!("the parameter `{name}` has no `schema`"));
        }
        let schema = written
            .as_ref()
            .map(|schema| compiler.compile(&schema.pointer));
        let schema = schema
            .transpose()
            .map_err(|error| format!("the schema of the parameter `{name}`: {error}"))?;
        let mut parameter = Self {
            name: name.to_owned(),
            key: name.to_owned(),
            location,
            required: place.flag("required"),
            may_be_empty,
            format,
            default: None,
            schema,
        };
        parameter.set_defaults(default(place, written.as_ref()), warnings);
        Ok(parameter)
    }

    /// Keeps the valid defaults of the document. A wrong one must not become an error of the client, which did not send it.
    fn set_defaults(
        &mut self,
        written: Option<Value>,
        warnings: &mut Vec<(DiagnosticCode, String)>,
    ) {
        if let Some(schema) = &self.schema {
            let is_valid = |path: &[&str], value: &Value| {
                let mut pointer = String::new();
                for name in path {
                    push(&mut pointer, name);
                }
                let value = path.iter().rev().fold(value.clone(), |value, name| {
                    Map::from_iter([((*name).to_owned(), value)]).into()
                });
                let mut faults = schema.violations(&value, None).into_iter();
                !faults.any(|fault| {
                    let below = fault.pointer.strip_prefix(&pointer);
                    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
                })
            };
            let branches = self.format.branches.iter_mut();
            for shape in branches.chain([&mut self.format.shape]) {
                shape.retain_defaults(&is_valid);
            }
        }
        let is_written = written.is_some();
        let of_properties = || {
            self.format
                .shape
                .default()
                .filter(|_| self.format.is_spread())
        };
        self.default = written.or_else(of_properties).and_then(|mut value| {
            let schema = self.schema.as_ref();
            let is_valid = schema.is_none_or(|schema| schema.accept(&mut value));
            is_valid.then_some(value)
        });
        if is_written && self.default.is_none() {
            let message = format!(
                "the default of the parameter `{}` breaks its schema and is not filled in",
                self.name
            );
            warnings.push((DiagnosticCode::DefaultInvalid, message));
        }
    }

    /// Makes an encoded comma in a query separate items: many clients encode every comma.
    pub(crate) fn split_encoded_commas(&mut self) {
        self.format.splits_encoded_commas = self.location == ParameterLocation::Query;
    }

    /// A property of a form, which is written as a query parameter would be. `encoding` has its style, if any.
    pub(crate) fn of_form(
        name: &str,
        encoding: Option<&Cursor<'_>>,
        property: &Cursor<'_>,
        schema: Arc<Schema>,
    ) -> Result<Self, String> {
        let what = format!("property `{name}`");
        Ok(Self {
            name: name.to_owned(),
            key: name.to_owned(),
            location: ParameterLocation::Query,
            required: false,
            may_be_empty: false,
            format: Format::of_style(encoding, Some(property), ParameterLocation::Query, &what)?,
            default: None,
            schema: Some(schema),
        })
    }

    /// Returns the facts that the application may see.
    pub(crate) fn info(&self) -> ParameterInfo<'_> {
        ParameterInfo {
            location: self.location,
            name: &self.name,
            key: &self.key,
        }
    }

    /// Puts the place before the names that stand for several parameters: `query.id` beside `path.id`.
    pub(crate) fn tell_apart(parameters: &mut [Self]) {
        let names: Vec<_> = parameters.iter().map(|one| one.name.clone()).collect();
        for one in parameters {
            if names.iter().filter(|name| **name == one.name).count() > 1 {
                one.key = format!("{}.{}", one.location.as_str(), one.name);
            }
        }
    }

    pub(crate) fn is_valid(&self, value: &Value) -> bool {
        let schema = self.schema.as_ref();
        schema.is_none_or(|schema| schema.is_valid(value))
    }

    fn accept(&self, value: &mut Value) -> bool {
        let schema = self.schema.as_ref();
        schema.is_none_or(|schema| schema.accept_strings(value))
    }

    /// The name of its value.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether a request must have it.
    pub(crate) fn is_required(&self) -> bool {
        self.required
    }

    /// What handlers get if it is absent, under the name of its value.
    pub(crate) fn default_value(&self) -> Option<(String, Value)> {
        let default = self.default.clone()?;
        Some((self.key.clone(), default))
    }

    /// Valid values, the plainest first.
    pub(crate) fn valid_values(&self, made: &mut ValidValues) -> Vec<Value> {
        let schema = self.schema.as_ref();
        let mut values = schema.map_or_else(Vec::new, |schema| made.of(schema).to_vec());
        let is_empty_path =
            |value: &Value| self.location == ParameterLocation::Path && *value == "";
        values.retain(|value| self.may_make(value) && !is_empty_path(value));
        if let Shape::Object(members) = &self.format.shape {
            let objects = values.iter_mut().filter_map(Value::as_object_mut);
            objects.for_each(|object| members.fill(object));
        }
        if self.may_be_empty {
            values.push(Value::String(String::new()));
        }
        values
    }

    /// Whether a value may come of what a request has for it.
    pub(crate) fn may_make(&self, value: &Value) -> bool {
        self.format.may_make(value)
    }

    /// Where the document describes a location in its value.
    pub(crate) fn position(&self, document: &Document, pointer: &str) -> Option<Position> {
        let schema = self.schema.as_ref()?;
        Some(schema.position(document, pointer))
    }

    fn decoded<'t>(&self, text: Option<&'t str>) -> Option<Cow<'t, str>> {
        text.map(|text| whole(text, self.location))
    }

    /// What else the text of a parameter can be read as, if that is right.
    fn other(&self, text: Option<&str>) -> Option<Value> {
        let mut others = self.format.alternatives(text?);
        others.find(|value| self.is_valid(value))
    }

    /// Adds the parameter's value to `values`, or what is wrong with it to `violations`.
    fn read(
        &self,
        found: Option<Found<'_>>,
        values: &mut Map<String, Value>,
        violations: &mut Vec<Violation>,
    ) {
        let Some(Found { value, text }) = found else {
            if self.required {
                let detail = format!(
                    "Missing {} parameter '{}'",
                    self.location.as_str(),
                    self.name
                );
                violations.push(self.violation("required", detail));
            } else if let Some(default) = &self.default {
                values.insert(self.key.clone(), default.clone());
            }
            return;
        };
        if self.may_be_empty && text.as_deref() == Some("") {
            values.insert(self.key.clone(), Value::String(String::new()));
            return;
        }
        let bare = text
            .as_deref()
            .filter(|_| self.format.prefers_single())
            .and_then(|text| self.other(Some(&whole(text, self.location))));
        let mut value = bare.or(value);
        if let Some(accepted) = value.take_if(|value| self.accept(value)) {
            values.insert(self.key.clone(), accepted);
            return;
        }
        let text = self.decoded(text.as_deref());
        match (self.other(text.as_deref()), value) {
            (Some(other), _) => {
                values.insert(self.key.clone(), other);
            }
            (None, Some(value)) => self.faults(&value, text.as_deref(), violations),
            (None, None) => {
                let (keyword, wrong) = if self.format.is_json() {
                    ("json", "Invalid JSON")
                } else {
                    ("style", "Wrong style")
                };
                let detail = format!(
                    "{wrong} for {} parameter '{}'",
                    self.location.as_str(),
                    self.name
                );
                violations.push(self.violation(keyword, detail));
            }
        }
    }

    /// Adds how `value` breaks the schema.
    fn faults(&self, value: &Value, text: Option<&str>, violations: &mut Vec<Violation>) {
        // A number is shown as it was sent.
        let text = text.filter(|text| {
            let is_shown = value.is_number() || self.format.is_json();
            is_shown && serde_json::from_str::<&RawValue>(text).is_ok()
        });
        let faults = self.schema.iter();
        for fault in faults.flat_map(|schema| schema.violations(value, text)) {
            let detail = match (&self.format.shape, fault.keyword.as_ref()) {
                (Shape::Single(types), "type") if !self.format.is_json() => {
                    let types = types.join("' or '");
                    format!(
                        "Wrong type, expected '{types}' for {} parameter '{}'",
                        self.location.as_str(),
                        self.name
                    )
                }
                _ => format!(
                    "{} for {} parameter '{}'",
                    fault.sentence,
                    self.location.as_str(),
                    self.name
                ),
            };
            violations.push(Violation {
                keyword: fault.keyword,
                pointer: fault.pointer,
                expected: fault.expected,
                ..self.violation("", detail)
            });
        }
    }

    /// Whether the query parameter called `name` belongs to this one by its name.
    pub(crate) fn claims(&self, name: &str) -> bool {
        match (&self.format.shape, self.format.style) {
            (_, Style::Deep) => self.path(name).is_some(),
            (Shape::Object(members), Style::Form) if self.format.explode => {
                members.has(name) || self.format.takes_bare() && self.name == name
            }
            _ => self.name == name,
        }
    }

    /// Whether it takes the query parameters that no other claims.
    pub(crate) fn takes_others(&self) -> bool {
        let Shape::Object(members) = &self.format.shape else {
            return false;
        };
        let is_exploded = self.format.style == Style::Form && self.format.explode;
        self.location == ParameterLocation::Query && is_exploded && members.are_open()
    }

    /// What `name[member]` or `name[member][0]` leads to; nothing between brackets stands for the next item.
    fn path<'n>(&self, name: &'n str) -> Option<Vec<&'n str>> {
        let mut rest = name.strip_prefix(self.name.as_str())?;
        let mut path = Vec::new();
        while !rest.is_empty() {
            let (key, after) = rest.strip_prefix('[')?.split_once(']')?;
            let has_name = !key.is_empty() || !matches!(self.format.shape, Shape::Object(_));
            if key.contains('[') || path.len() == MAX_PATH || path.is_empty() && !has_name {
                return None;
            }
            path.push(key);
            rest = after;
        }
        (!path.is_empty() || self.format.takes_bare()).then_some(path)
    }

    fn violation(&self, keyword: &'static str, detail: String) -> Violation {
        let location = Location::of(self.location, self.name.clone());
        Violation::new(location, keyword, detail)
    }
}

/// The default of a parameter, wherever its schema has it.
fn default(place: &Cursor<'_>, written: Option<&Cursor<'_>>) -> Option<Value> {
    let behind = place.get("schema").map(|schema| parts(&schema, MAX_PARTS));
    let behind = behind.unwrap_or_default();
    let mut schemas = written.into_iter().chain(&behind);
    let default = schemas.find_map(|schema| schema.node.get("default"));
    default.map(Value::from)
}

/// Where the texts of a request's parameters are found, still encoded but for their names.
#[derive(Debug)]
pub(crate) struct Sources<'r> {
    path: &'r PathValues,
    query: Vec<(Cow<'r, str>, &'r str)>,
    headers: &'r HeaderMap,
    /// For the values that texts hold.
    room: &'r Room,
    /// Read when the first parameter asks for one: most operations have none.
    cookies: OnceCell<Vec<(String, String)>>,
}

impl<'r> Sources<'r> {
    pub(crate) fn new(
        path: &'r PathValues,
        query: Option<&'r str>,
        headers: &'r HeaderMap,
        room: &'r Room,
    ) -> Self {
        Self {
            path,
            query: pairs(query.unwrap_or_default()),
            headers,
            room,
            cookies: OnceCell::new(),
        }
    }

    /// Takes query parameters that are no parameters of the operation, but credentials, out of the request: an object
    /// that takes all others must not have them.
    pub(crate) fn forget(&mut self, is_key: impl Fn(&str) -> bool, parameters: &[Parameter]) {
        let is_declared = |name: &str| {
            let mut all = parameters.iter();
            all.any(|one| one.location == ParameterLocation::Query && one.claims(name))
        };
        self.query
            .retain(|(name, _)| !is_key(name) || is_declared(name));
    }

    /// Refuses query parameters and cookies that the document does not have, but for keys in cookies; the first violation
    /// has the sentence that clients know, which names them all.
    ///
    /// Cookies are looked at only where the document speaks of some: clients send all that any page of the host has
    /// ever set.
    pub(crate) fn refuse_unknown(
        &self,
        parameters: &[Parameter],
        is_key: impl Fn(&str) -> bool,
        violations: &mut Vec<Violation>,
    ) {
        for location in [ParameterLocation::Query, ParameterLocation::Cookie] {
            let own = || parameters.iter().filter(|one| one.location == location);
            let is_open = own().any(Parameter::takes_others);
            if is_open || location == ParameterLocation::Cookie && own().next().is_none() {
                continue;
            }
            let is_known = |name: &str| own().any(|one| one.claims(name)) || is_key(name);
            let names = self.pairs(location).map(|(name, _)| name);
            let extra: BTreeSet<&str> = names.filter(|name| !is_known(name)).collect();
            let all = extra.iter().copied().collect::<Vec<_>>().join(", ");
            let place = location.as_str();
            for (i, name) in extra.into_iter().take(MAX_UNKNOWN).enumerate() {
                let told = if i == 0 { &all } else { name };
                let detail = format!("Extra {place} parameter(s) {told} not in spec");
                let location = Location::of(location, name);
                violations.push(Violation::new(location, "unknown", cut(detail)));
            }
        }
    }

    /// Reads all parameters of an operation.
    pub(crate) fn read(
        &self,
        parameters: &[Parameter],
        violations: &mut Vec<Violation>,
    ) -> Map<String, Value> {
        let claimed = |name: &str| {
            let mut query = parameters
                .iter()
                .filter(|one| one.location == ParameterLocation::Query);
            query.any(|one| one.claims(name))
        };
        let mut values = Map::with_capacity(parameters.len());
        for parameter in parameters {
            let found = self.find(parameter, &claimed);
            parameter.read(found, &mut values, violations);
        }
        values
    }

    /// Returns whether the parameters in the path are valid.
    pub(crate) fn has_valid_path(&self, parameters: &[Parameter]) -> bool {
        let (mut values, mut violations) = (Map::new(), Vec::new());
        let of_path = |one: &&Parameter| one.location == ParameterLocation::Path;
        for parameter in parameters.iter().filter(of_path) {
            let found = self.find(parameter, &|_| false);
            parameter.read(found, &mut values, &mut violations);
        }
        violations.is_empty()
    }

    /// The value of a form's property: `None` if it is not there, an error if it is not written in its style.
    pub(crate) fn property(
        &self,
        parameter: &Parameter,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<Result<Value, ()>> {
        let Found { value, text } = self.find(parameter, claimed)?;
        let value = match value {
            Some(value) if parameter.is_valid(&value) => return Some(Ok(value)),
            value => value,
        };
        let text = parameter.decoded(text.as_deref());
        Some(parameter.other(text.as_deref()).or(value).ok_or(()))
    }

    /// The names in the query, each as often as it stands there, and the decoded texts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let query = self.query.iter();
        query.map(|(name, text)| (name.as_ref(), decode(text, ParameterLocation::Query)))
    }

    /// What a request has for a parameter, by the shape for which that is right.
    fn find(&self, parameter: &Parameter, claimed: &impl Fn(&str) -> bool) -> Option<Found<'_>> {
        let format = &parameter.format;
        let found = self.find_as(parameter, &format.shape, claimed)?;
        let is_right = |found: &Found<'_>| {
            let value = found.value.as_ref();
            value.is_some_and(|value| parameter.is_valid(value))
        };
        if format.branches.is_empty() || is_right(&found) {
            return Some(found);
        }
        let branches = format.branches.iter();
        let mut others = branches.filter_map(|shape| self.find_as(parameter, shape, claimed));
        Some(others.find(is_right).unwrap_or(found))
    }

    fn find_as(
        &self,
        parameter: &Parameter,
        shape: &Shape,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<Found<'_>> {
        let Parameter {
            name,
            location,
            format,
            ..
        } = parameter;
        let is_exploded = format.style == Style::Form && format.explode;
        match shape {
            _ if format.style == Style::Deep => self.deep(parameter, shape),
            Shape::Array(expected) if is_exploded => {
                let mut items = Vec::new();
                let mut last = None;
                for (_, text) in self.pairs(*location).filter(|(known, _)| known == name) {
                    items.push(expected.at(items.len()).read(&decode(text, *location)));
                    last = Some(text);
                }
                let last = last?;
                if last.is_empty() && items.len() == 1 && !expected.may_be_texts() {
                    items.clear();
                }
                Some(Found {
                    text: (items.len() <= 1).then_some(last.into()),
                    value: Some(Value::Array(items)),
                })
            }
            Shape::Object(members) if is_exploded => {
                let mut object = Map::new();
                let takes_others = parameter.takes_others();
                for (known, text) in self.pairs(*location) {
                    if members.has(known) || takes_others && !claimed(known) {
                        members.insert(&mut object, known, &decode(text, *location));
                    }
                }
                if object.is_empty() {
                    let text = self.text(parameter).filter(|_| format.takes_bare())?;
                    let value = format.alternatives(&whole(&text, *location)).next();
                    let text = Some(text);
                    return Some(Found { value, text });
                }
                members.fill(&mut object);
                Some(Found {
                    value: Some(Value::Object(object)),
                    text: None,
                })
            }
            _ => {
                let text = self.text(parameter)?;
                Some(Found {
                    value: format.value_of(shape, name, &text, *location, self.room),
                    text: Some(text),
                })
            }
        }
    }

    /// The value that several names with brackets make.
    fn deep(&self, parameter: &Parameter, shape: &Shape) -> Option<Found<'_>> {
        let location = &parameter.location;
        let (mut value, mut bare) = (Value::Null, None);
        for (known, text) in self.pairs(*location) {
            if let Some(path) = parameter.path(known) {
                if path.is_empty() {
                    bare = Some(text.into());
                }
                // Each step makes an object.
                self.room.take(path.len()).then_some(())?;
                shape.put(&mut value, &path, &decode(text, *location));
            }
        }
        (!value.is_null()).then(|| Found {
            value: Some(shape.finish(value)),
            text: bare,
        })
    }

    /// The last text of a parameter; fields of a header that are a list are joined.
    fn text(&self, parameter: &Parameter) -> Option<Cow<'_, str>> {
        let name = parameter.name.as_str();
        if parameter.location == ParameterLocation::Header {
            let fields = self.headers.get_all(name).iter();
            let mut texts = fields.map(|value| String::from_utf8_lossy(value.as_bytes()));
            return if parameter.format.is_list() {
                texts.reduce(|a, b| Cow::Owned(format!("{a},{b}")))
            } else {
                texts.next_back()
            };
        }
        let mut texts = self.pairs(parameter.location);
        let last = texts.rfind(|(known, _)| *known == name);
        last.map(|(_, text)| text.into())
    }

    fn pairs(&self, location: ParameterLocation) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        let (strings, query) = match location {
            ParameterLocation::Path => (self.path.as_slice(), &[][..]),
            ParameterLocation::Query => (&[][..], &self.query[..]),
            ParameterLocation::Cookie | ParameterLocation::Header => {
                let read = || cookies(self.headers);
                (&self.cookies.get_or_init(read)[..], &[][..])
            }
        };
        let strings = strings
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()));
        let query = query.iter().map(|(name, text)| (name.as_ref(), *text));
        strings.chain(query)
    }
}
