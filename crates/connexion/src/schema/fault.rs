//! How a value breaks its schema: what `jsonschema` found, in the order in which the document describes it, with its
//! place in the value and a sentence.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use jsonschema::{ValidationError, error::ValidationErrorKind};
use serde_json::{Map, Value};

use super::{
    Schema, dialect, direction,
    discriminator::{self, Meant},
    integer::WHOLE,
    pattern, resolve, sentence,
    shared::{self, SHARED},
    steps,
};
use crate::{
    compat::Compat,
    document::{
        decoded,
        node::{push, shortened, unescape, value_at},
    },
    problem::{MAX_UNKNOWN, Violation},
    schema::{
        shown::{MAX_SHOWN, cut, repr, string},
        texts::{Sent, Texts},
    },
};

/// More faults than this in one value are not reported: an answer must not grow without bound.
pub(super) const MAX_FAULTS: usize = 1_000;

/// So many values of an `enum` go with the fault of one that is none of them.
const MAX_EXPECTED: usize = 100;

/// So many go with all faults of a value together.
const MAX_EXPECTED_IN_ALL: usize = 5_000;

/// The sentences and pointers of all faults may have about this many bytes together, for the same reason: each may quote
/// up to 16 KiB of what was sent.
const MAX_TEXT: usize = 1280 * 1024;

/// The validator holds all errors of a value in memory at once. If one for each value in it could take more bytes than
/// this, only the first error is reported.
const MAX_ERRORS: usize = 6 * 1024 * 1024;

/// So many bytes an error takes, beside its pointer.
const ERROR: usize = 512;

/// Arrays and objects of so many bytes in all are read again to be shown in the sentences about one value;
/// after that only a mark stands for them. What is nested could otherwise be read once for every level.
const MAX_READ: usize = 1024 * 1024;

/// How a value breaks its schema.
#[derive(Debug)]
pub(crate) struct SchemaFault {
    /// JSON Pointer into the value; a missing member is pointed at as if it were there.
    pub(crate) pointer: String,
    pub(crate) keyword: Cow<'static, str>,
    pub(crate) sentence: String,
    /// What the document says under the keyword.
    pub(crate) expected: Option<Value>,
}

impl Schema {
    /// The faults of `value`; what the sentences quote is its JSON text, if there is one. In the order
    /// in which the document describes the members, and of one member's keywords, that of the keywords.
    pub(crate) fn faults(&self, value: &Value, text: Option<&str>) -> Vec<SchemaFault> {
        let faults = || self.all_faults(value, text);
        if !self.is_recursive {
            return faults();
        }
        steps::bounded(value, faults).unwrap_or_else(|| {
            vec![SchemaFault {
                pointer: String::new(),
                keyword: "$ref".into(),
                sentence: steps::TOO_MANY.to_owned(),
                expected: None,
            }]
        })
    }

    fn all_faults(&self, value: &Value, text: Option<&str>) -> Vec<SchemaFault> {
        shared::forget();
        let mut shown = Shown {
            texts: Texts::new(value, text),
            compat: self.compat,
            left: MAX_READ,
            expected: MAX_EXPECTED_IN_ALL,
        };
        if has_many_errors(value) {
            let error = self.validator.validate(value).err();
            let faults = error.map(|error| self.told(&mut shown, "", &error));
            return faults.into_iter().flatten().take(1).collect();
        }
        let errors = self.validator.iter_errors(value).take(MAX_FAULTS);
        let faults = errors.flat_map(|error| self.told(&mut shown, "", &error));
        let mut left = MAX_TEXT;
        let fits = |fault: &SchemaFault| {
            let text = left.checked_sub(fault.sentence.len() + 2 * fault.pointer.len());
            let is_first = left == MAX_TEXT;
            left = text.unwrap_or(0);
            text.is_some() || is_first
        };
        let mut faults: Vec<_> = faults.take(MAX_FAULTS).take_while(fits).collect();
        faults.sort_by_cached_key(|fault| self.order(fault));
        told_once(faults)
    }

    /// What is told of an error in what stands at `outer`: what a shared schema found; of members that must not be
    /// there each, the first time with all of their names.
    fn told(
        &self,
        shown: &mut Shown<'_>,
        outer: &str,
        error: &ValidationError<'_>,
    ) -> Vec<SchemaFault> {
        let place = format!("{outer}{}", error.instance_path());
        if let ValidationErrorKind::Custom { keyword, message } = error.kind()
            && keyword == SHARED
        {
            let found = shared::taken(message);
            let told = found
                .iter()
                .flat_map(|error| self.told(shown, &place, error));
            return told.collect();
        }
        if let Some((context, wording)) = self.wording(error)
            && let Some(meant) = discriminator::meant(wording, error.instance())
        {
            return match meant {
                Meant::Schema(index) => {
                    let errors = context.get(index).into_iter().flatten();
                    errors
                        .flat_map(|error| self.told(shown, outer, error))
                        .collect()
                }
                Meant::Unknown(message) => vec![shown.choice(&message, place)],
            };
        }
        let fault = self.fault(shown, place, error);
        let (ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected }) = error.kind()
        else {
            return vec![fault];
        };
        let one = |(i, name): (usize, &String)| {
            let mut pointer = fault.pointer.clone();
            push(&mut pointer, name);
            let sentence = if i == 0 {
                fault.sentence.clone()
            } else {
                sentence::unexpected(std::slice::from_ref(name), self.compat)
            };
            SchemaFault {
                pointer: shortened(pointer),
                keyword: fault.keyword.clone(),
                sentence,
                expected: None,
            }
        };
        let names = unexpected.iter().take(MAX_UNKNOWN).enumerate();
        names.map(one).collect()
    }

    /// The errors of each schema under `oneOf` or `anyOf`, if none holds and a discriminator says how to choose.
    fn wording<'e>(
        &self,
        error: &'e ValidationError<'_>,
    ) -> Option<(&'e [Vec<ValidationError<'static>>], &Value)> {
        let (ValidationErrorKind::AnyOf { context }
        | ValidationErrorKind::OneOfNotValid { context }) = error.kind()
        else {
            return None;
        };
        let at = error.absolute_keyword_location()?;
        let at = decoded(at.fragment()?.as_str());
        let (holder, _) = at.rsplit_once('/')?;
        let wording = value_at(&self.root, holder)?.get(discriminator::WORDING)?;
        Some((context, wording))
    }

    fn fault(
        &self,
        shown: &mut Shown<'_>,
        pointer: String,
        error: &ValidationError<'_>,
    ) -> SchemaFault {
        let at = error.absolute_keyword_location();
        let at = at.and_then(|uri| Some(decoded(uri.fragment()?.as_str())));
        let expected = at.and_then(|pointer| self.root.pointer(&pointer));
        let expected = expected.filter(|value| is_small(value));
        let size = expected.map_or(0, |value| value.as_array().map_or(1, Vec::len));
        let left = shown.expected.checked_sub(size);
        shown.expected = left.unwrap_or(0);
        SchemaFault {
            expected: expected.filter(|_| left.is_some()).cloned(),
            ..shown.fault(error, expected, pointer)
        }
    }

    /// The faults of a body as violations, whose sentences end with the location.
    pub(crate) fn body_violations(&self, value: &Value, text: Option<&str>) -> Vec<Violation> {
        let faults = self.faults(value, text).into_iter();
        faults.map(|fault| fault.in_body(self.compat)).collect()
    }

    /// First what is wrong with an object itself, then its members.
    fn order(&self, fault: &SchemaFault) -> Vec<usize> {
        let mut schema = value_at(&self.root, &self.pointer);
        let mut order = Vec::new();
        for token in fault.pointer.split('/').skip(1) {
            let (place, below) = schema
                .and_then(|schema| member(&self.root, schema, &unescape(token)))
                .unzip();
            order.push(place.map_or(usize::MAX, |place: usize| place + 1));
            schema = below;
        }
        let schema = schema.map(|schema| resolve(&self.root, schema));
        let keywords = schema.and_then(Value::as_object).map(Map::keys);
        let place = keywords.and_then(|mut all| all.position(|name| *name == fault.keyword));
        order.extend([0, place.unwrap_or(usize::MAX)]);
        order
    }
}

impl SchemaFault {
    fn in_body(self, compat: Compat) -> Violation {
        // A member that is missing or must be is pointed at, but the sentence speaks of the object around it.
        let is_of_object = matches!(
            &*self.keyword,
            "required"
                | "readOnly"
                | "writeOnly"
                | "additionalProperties"
                | "unevaluatedProperties"
        );
        let around = self
            .pointer
            .rsplit_once('/')
            .map_or("", |(around, _)| around);
        let spoken_of = if is_of_object { around } else { &*self.pointer };
        let detail = format!("{}{}", self.sentence, compat.location(spoken_of));
        Violation {
            keyword: self.keyword,
            expected: self.expected,
            pointer: self.pointer,
            ..Violation::of_body("", detail)
        }
    }
}

/// Whether what the document expects is worth handing on with each of many faults: no schemas, no long lists.
fn is_small(expected: &Value) -> bool {
    let is_single = |value: &Value| !value.is_array() && !value.is_object();
    match expected {
        Value::Array(items) => items.len() <= MAX_EXPECTED && items.iter().all(is_single),
        value => is_single(value),
    }
}

/// Which place a member has among those that `schema` describes, and its own schema.
fn member<'v>(root: &'v Value, schema: &'v Value, name: &str) -> Option<(usize, &'v Value)> {
    let schema = resolve(root, schema);
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut described = properties.into_iter().flatten().enumerate();
    if let Some((place, (_, schema))) = described.find(|(_, (known, _))| *known == name) {
        return Some((place, schema));
    }
    if let (Ok(index), Some(items)) = (name.parse(), schema.get("items")) {
        return Some((index, items));
    }
    let parts = schema.get("allOf").and_then(Value::as_array);
    let chosen = schema.get("then");
    parts
        .into_iter()
        .flatten()
        .chain(chosen)
        .find_map(|part| member(root, part, name))
}

/// What several parts of a schema find is told once; that a member is missing, by the sentence that says most.
fn told_once(mut faults: Vec<SchemaFault>) -> Vec<SchemaFault> {
    let mut longest = HashMap::new();
    for fault in faults.iter().filter(|fault| fault.keyword == "required") {
        let length = longest.entry(fault.pointer.clone()).or_insert(0);
        *length = fault.sentence.len().max(*length);
    }
    let mut told = HashSet::new();
    faults.retain(|fault| {
        let is_shorter = fault.keyword == "required"
            && longest.get(&fault.pointer) != Some(&fault.sentence.len());
        !is_shorter
            && told.insert((
                fault.pointer.clone(),
                fault.keyword.clone(),
                fault.sentence.clone(),
            ))
    });
    faults
}

/// Whether these violations are all that a value has.
pub(crate) fn are_all(found: &[Violation], value: &Value) -> bool {
    let length = |one: &Violation| one.detail.len() + one.pointer.len();
    let text: usize = found.iter().map(length).sum();
    found.len() < MAX_FAULTS && text < MAX_TEXT / 2 && !has_many_errors(value)
}

/// Whether an error for each value in `value` would take too much memory.
fn has_many_errors(value: &Value) -> bool {
    cost(value, ERROR, &mut { MAX_ERRORS }).is_none()
}

/// Takes what an error for each value could cost from what is left; `None` if that is not enough. `own` is the cost of one
/// for `value` itself.
fn cost(value: &Value, own: usize, left: &mut usize) -> Option<()> {
    *left = left.checked_sub(own)?;
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| cost(item, own + 1, left)),
        Value::Object(members) => members
            .iter()
            .try_for_each(|(name, member)| cost(member, own + name.len() + 1, left)),
        _ => Some(()),
    }
}

/// Shows parts of a value as it was sent.
struct Shown<'t> {
    texts: Texts<'t>,
    compat: Compat,
    /// How many bytes of arrays and objects may still be read.
    left: usize,
    /// How many values of the document may still go with faults.
    expected: usize,
}

impl Shown<'_> {
    /// `expected` is what the document says under the keyword.
    fn fault(
        &mut self,
        error: &ValidationError<'_>,
        expected: Option<&Value>,
        mut pointer: String,
    ) -> SchemaFault {
        let (kind, compat) = (error.kind(), self.compat);
        let json = self.texts.at(&pointer).unwrap_or(Sent::Json("null"));
        let mut keyword = kind.keyword().to_owned();
        let mut sentence = self.sentence(error, expected, json);
        match (kind, keyword.as_str()) {
            (ValidationErrorKind::Required { property }, _) => {
                push(&mut pointer, property.as_str().unwrap_or_default());
            }
            (_, pattern::OWN) => "pattern".clone_into(&mut keyword),
            (_, WHOLE | dialect::SINGLE) => "format".clone_into(&mut keyword),
            (ValidationErrorKind::Custom { message, .. }, discriminator::CHOICE) => {
                return self.choice(message, pointer);
            }
            (ValidationErrorKind::Custom { message, .. }, direction::FORBIDDEN) => {
                let name = pointer.rsplit('/').next().unwrap_or_default();
                let name = string(&unescape(name), compat);
                let kind = if message == "readOnly" {
                    "read-only"
                } else {
                    "write-only"
                };
                message.clone_into(&mut keyword);
                sentence = format!("{name} is {kind}");
            }
            // A number beyond 64 bits is read as a float, but that is not what is wrong with it.
            (ValidationErrorKind::Custom { message, .. }, "type")
                if message.split(',').any(|name| name == "integer") && is_whole(json) =>
            {
                "format".clone_into(&mut keyword);
                sentence = format!("{} is too large", self.repr(json));
            }
            _ => {}
        }
        SchemaFault {
            pointer: shortened(pointer),
            keyword: keyword.into(),
            sentence: cut(sentence),
            expected: None,
        }
    }

    fn sentence(
        &mut self,
        error: &ValidationError<'_>,
        expected: Option<&Value>,
        sent: Sent<'_>,
    ) -> String {
        let compat = self.compat;
        let end = match (error.kind(), expected) {
            // In the order of the document.
            (ValidationErrorKind::Type { .. }, Some(Value::Array(names))) => {
                sentence::types(names.iter().filter_map(Value::as_str), compat)
            }
            (ValidationErrorKind::Custom { keyword, message }, _) => match keyword.as_str() {
                pattern::OWN => pattern::broken(error.instance(), message, compat),
                dialect::SINGLE => format!("is not a {}", string("float", compat)),
                "type" => sentence::types(message.split(','), compat),
                _ => message.clone(),
            },
            (kind, _) => return sentence::sentence(kind, compat, || self.repr(sent)),
        };
        format!("{} {end}", self.repr(sent))
    }

    /// Reports an object at `pointer` that names none of the schemas it may name.
    fn choice(&mut self, message: &str, mut pointer: String) -> SchemaFault {
        let compat = self.compat;
        let (property, values) = discriminator::told(message);
        push(&mut pointer, &property);
        let values = values.map(|values| repr(&values, compat, MAX_SHOWN));
        let (keyword, sentence) = match (self.texts.at(&pointer), values) {
            (None, values) => {
                let one_of = values.map_or_else(String::new, |all| format!(", one of {all}"));
                let name = string(&property, compat);
                ("required", format!("{name} is a required property{one_of}"))
            }
            (Some(sent), values) => {
                let end = values.map_or_else(
                    || format!("of type {}", string("string", compat)),
                    |values| format!("one of {values}"),
                );
                ("discriminator", format!("{} is not {end}", self.repr(sent)))
            }
        };
        SchemaFault {
            pointer: shortened(pointer),
            keyword: keyword.into(),
            sentence: cut(sentence),
            expected: None,
        }
    }

    fn repr(&mut self, sent: Sent<'_>) -> String {
        if let Sent::Json(json) = sent
            && json.starts_with(['[', '{'])
        {
            match self.left.checked_sub(json.len()) {
                Some(left) => self.left = left,
                None => return "…".to_owned(),
            }
        }
        sent.repr(self.compat)
    }
}

/// Whether a number is written with digits only, and too many of them for a machine's integer.
fn is_whole(sent: Sent<'_>) -> bool {
    let Sent::Json(json) = sent else {
        return false;
    };
    let digits = json.trim_start_matches('-');
    digits.len() > 1 && digits.bytes().all(|byte| byte.is_ascii_digit())
}
