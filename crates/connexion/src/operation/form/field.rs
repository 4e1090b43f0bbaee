//! One field of a form, and the value that it has.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    field_message, field_violation,
    fields::{Files, GivenField},
};
use crate::{
    compat::Compat,
    operation::{
        media_type::MediaType,
        parameter::{ObjectShape, Parameter, RawParameters},
    },
    problem::Violation,
    schema::{
        PropertyFilter, Schema,
        json::{self, Room},
    },
};

/// A property of the form's schema.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// More than one if the subschemas (`oneOf`) differ.
    pub(super) formats: Vec<FieldFormat>,
    pub(super) is_array: bool,
    pub(super) part: PartRule,
}

/// The rule for the parts of a multipart form that have the same name.
#[derive(Clone, Debug, Default)]
pub(super) struct PartRule {
    pub(super) file_rule: FileRule,
    /// The allowed types; any if empty.
    pub(super) types: Vec<MediaType>,
}

/// Decides whether a part is a file, which is not held in memory.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum FileRule {
    Always,
    Never,
    /// If it has a file name, or a type that is neither text nor JSON.
    #[default]
    Inferred,
}

/// The notation of a property.
#[derive(Debug)]
pub(super) enum FieldFormat {
    Style(Box<Parameter>),
    /// JSON. Each item of an array may be a field of its own.
    Json {
        is_array: bool,
        may_be_string: bool,
        schema: Arc<Schema>,
    },
}

/// The notation of undeclared fields.
#[derive(Debug)]
pub(super) enum UndeclaredFields {
    Strings(ObjectShape),
    Json,
}

/// The reason why a field has no value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unreadable {
    Json,
    Style,
}

type FieldValue = Result<Value, Unreadable>;

impl Field {
    /// Returns whether the form's field with this name belongs to the property.
    pub(super) fn claims(&self, name: &str) -> bool {
        self.formats.iter().any(|format| match format {
            FieldFormat::Style(parameter) => parameter.claims(name),
            FieldFormat::Json { .. } => self.name == name,
        })
    }

    /// Returns whether it takes the fields that no other claims.
    pub(super) fn takes_others(&self) -> bool {
        let mut formats = self.formats.iter();
        formats.any(|format| matches!(format, FieldFormat::Style(one) if one.takes_others()))
    }

    /// Returns whether it can have this value.
    pub(super) fn may_be(&self, value: &Value) -> bool {
        let mut formats = self.formats.iter();
        self.part.file_rule == FileRule::Always
            || formats.any(|format| match format {
                FieldFormat::Style(parameter) => parameter.may_be(value),
                FieldFormat::Json { .. } => true,
            })
    }

    /// Returns the first valid value, or else the first value.
    pub(super) fn value(
        &self,
        raw: &RawParameters<'_>,
        room: &Room,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<FieldValue> {
        let mut first = None;
        for format in &self.formats {
            let found = format.value(&self.name, raw, room, claimed);
            if let Some(Ok(value)) = &found
                && format.is_valid(value)
            {
                return found;
            }
            first = first.or(found);
        }
        first
    }

    /// Combines the value of the strings with the JSON values and files of the same name, and adds the locations of the
    /// files to `files`. The result may be an array where the property is none; the schema rejects it.
    pub(super) fn with_given(
        &self,
        read: Option<FieldValue>,
        given: &mut Vec<GivenField>,
        files: &mut Files,
    ) -> Option<FieldValue> {
        let mut own: Vec<_> = given
            .extract_if(.., |field| field.name == self.name)
            .collect();
        let string = match (own.is_empty(), read) {
            (true, read) => return read,
            (false, Some(Err(why))) => return Some(Err(why)),
            (false, string) => string.and_then(Result::ok),
        };
        if let ([only], None) = (&mut own[..], &string)
            && (!self.is_array || only.value.is_array())
        {
            if let Some(file) = only.file.take() {
                files.add(&self.name, None, file);
            }
            return Some(Ok(only.value.take()));
        }
        let mut items = Vec::with_capacity(own.len());
        for GivenField { value, file, .. } in own {
            if let Some(file) = file {
                files.add(&self.name, Some(items.len()), file);
            }
            items.push(value);
        }
        match string {
            Some(Value::Array(more)) => items.extend(more),
            string => items.extend(string),
        }
        Some(Ok(Value::Array(items)))
    }

    /// Returns the violation of a field that can't be read.
    pub(super) fn unreadable(&self, compat: Compat, why: Unreadable) -> Violation {
        let (keyword, message) = match why {
            Unreadable::Json => ("json", "Invalid JSON"),
            Unreadable::Style => ("style", "Wrong style"),
        };
        let detail = field_message(compat, message, &self.name);
        field_violation(&self.name, keyword, detail)
    }
}

impl FieldFormat {
    fn value(
        &self,
        name: &str,
        raw: &RawParameters<'_>,
        room: &Room,
        claimed: &impl Fn(&str) -> bool,
    ) -> Option<FieldValue> {
        let (is_array, may_be_string) = match self {
            Self::Style(parameter) => {
                let found = raw.property(parameter, claimed)?;
                return Some(found.map_err(|()| Unreadable::Style));
            }
            Self::Json {
                is_array,
                may_be_string,
                ..
            } => (*is_array, *may_be_string),
        };
        let strings = raw.strings().filter(|(known, _)| *known == name);
        let values =
            strings.map(
                |(_, string)| match json::read(&string, PropertyFilter::all(), room) {
                    Ok(value) => Ok(value),
                    Err(_) if may_be_string => Ok(Value::String(string.into_owned())),
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

impl UndeclaredFields {
    /// Adds a field to the object of the form.
    pub(super) fn insert(
        &self,
        object: &mut Map<String, Value>,
        name: &str,
        string: &str,
        room: &Room,
    ) {
        match self {
            Self::Strings(shape) => shape.insert(object, name, string),
            Self::Json => {
                let value = json::read(string, PropertyFilter::all(), room);
                let value = value.unwrap_or_else(|_| Value::String(string.to_owned()));
                object.insert(name.to_owned(), value);
            }
        }
    }
}
