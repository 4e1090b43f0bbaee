//! Parameters: converts the strings of path, query, headers and cookies to JSON values of the declared types.
//!
//! A string stays percent-encoded until it is split. An encoded comma belongs to an item, if an item can have commas; a
//! plain comma separates items.

mod compile;
mod format;
mod raw;
mod schema_types;
mod shape;

use std::{borrow::Cow, sync::Arc};

use serde_json::{Map, Value, value::RawValue};

pub(crate) use self::{
    format::ParameterFormat,
    raw::RawParameters,
    schema_types::{MAX_PARTS, all_types, has, parts, types},
    shape::{ObjectShape, Shape},
};
use self::{
    format::{Style, decode_whole},
    raw::FoundValue,
};
use crate::{
    document::{Document, node::Position},
    problem::{Location, ParameterLocation, Violation},
    schema::{Schema, ValidValues},
};

/// The description of an operation's parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ParameterInfo<'o> {
    /// The part of the request that carries it.
    pub location: ParameterLocation,
    /// Its name in the document.
    pub name: &'o str,
    /// The name of its value in [`ValidatedRequest::parameters`](crate::ValidatedRequest::parameters). If parameters of
    /// several locations have the same name, it has the location as a prefix, such as `path.id`.
    pub key: &'o str,
}

/// A compiled parameter of an operation.
#[derive(Debug)]
pub(crate) struct Parameter {
    name: String,
    /// The name of its value for the handler.
    key: String,
    location: ParameterLocation,
    required: bool,
    /// Accepts an empty string, whatever the schema (`allowEmptyValue`).
    may_be_empty: bool,
    format: ParameterFormat,
    default: Option<Value>,
    /// `None` if the document declares JSON without a schema.
    schema: Option<Arc<Schema>>,
}

impl Parameter {
    /// Splits items of a query at encoded commas, too. Many clients encode every comma.
    pub(crate) fn split_encoded_commas(&mut self) {
        self.format.splits_encoded_commas = self.location == ParameterLocation::Query;
    }

    /// Returns the description for the application.
    pub(crate) fn info(&self) -> ParameterInfo<'_> {
        ParameterInfo {
            location: self.location,
            name: &self.name,
            key: &self.key,
        }
    }

    /// Puts the location before names that several parameters have: `query.id` beside `path.id`.
    pub(crate) fn qualify_keys(parameters: &mut [Self]) {
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

    /// Returns the name of its value.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Returns whether a request must have it.
    pub(crate) fn is_required(&self) -> bool {
        self.required
    }

    /// Returns the value of an absent parameter, with its name.
    pub(crate) fn default_value(&self) -> Option<(String, Value)> {
        let default = self.default.clone()?;
        Some((self.key.clone(), default))
    }

    /// Returns valid values, the simplest first.
    pub(crate) fn valid_values(&self, made: &mut ValidValues) -> Vec<Value> {
        let schema = self.schema.as_ref();
        let mut values = schema.map_or_else(Vec::new, |schema| made.of(schema).to_vec());
        let is_empty_path =
            |value: &Value| self.location == ParameterLocation::Path && *value == "";
        values.retain(|value| self.may_be(value) && !is_empty_path(value));
        if let Shape::Object(shape) = &self.format.shape {
            let objects = values.iter_mut().filter_map(Value::as_object_mut);
            objects.for_each(|object| shape.fill_defaults(object));
        }
        if self.may_be_empty {
            values.push(Value::String(String::new()));
        }
        values
    }

    /// Returns whether a string of a request can have this value.
    pub(crate) fn may_be(&self, value: &Value) -> bool {
        self.format.may_be(value)
    }

    /// Returns the position in the document of the schema for a location in its value.
    pub(crate) fn position(&self, document: &Document, pointer: &str) -> Option<Position> {
        let schema = self.schema.as_ref()?;
        Some(schema.position(document, pointer))
    }

    fn decoded<'t>(&self, text: Option<&'t str>) -> Option<Cow<'t, str>> {
        text.map(|text| decode_whole(text, self.location))
    }

    /// Returns a valid value of another type that the string can have.
    fn alternative(&self, text: Option<&str>) -> Option<Value> {
        let mut others = self.format.alternatives(text?);
        others.find(|value| self.is_valid(value))
    }

    /// Adds the parameter's value to `values`, or its errors to `violations`.
    fn read(
        &self,
        found: Option<FoundValue<'_>>,
        values: &mut Map<String, Value>,
        violations: &mut Vec<Violation>,
    ) {
        let Some(FoundValue { value, text }) = found else {
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
            .and_then(|text| self.alternative(Some(&decode_whole(text, self.location))));
        let mut value = bare.or(value);
        if let Some(accepted) = value.take_if(|value| self.accept(value)) {
            values.insert(self.key.clone(), accepted);
            return;
        }
        let text = self.decoded(text.as_deref());
        match (self.alternative(text.as_deref()), value) {
            (Some(alternative), _) => {
                values.insert(self.key.clone(), alternative);
            }
            (None, Some(value)) => self.report(&value, text.as_deref(), violations),
            (None, None) => {
                let (keyword, message) = if self.format.is_json() {
                    ("json", "Invalid JSON")
                } else {
                    ("style", "Wrong style")
                };
                let detail = format!(
                    "{message} for {} parameter '{}'",
                    self.location.as_str(),
                    self.name
                );
                violations.push(self.violation(keyword, detail));
            }
        }
    }

    /// Adds the errors of `value` to `violations`.
    fn report(&self, value: &Value, text: Option<&str>, violations: &mut Vec<Violation>) {
        // Messages show a number as it was sent.
        let text = text.filter(|text| {
            let is_verbatim = value.is_number() || self.format.is_json();
            is_verbatim && serde_json::from_str::<&RawValue>(text).is_ok()
        });
        let found = self.schema.iter();
        for violation in found.flat_map(|schema| schema.violations(value, text)) {
            let detail = match (&self.format.shape, violation.keyword.as_ref()) {
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
                    violation.sentence,
                    self.location.as_str(),
                    self.name
                ),
            };
            violations.push(Violation {
                keyword: violation.keyword,
                pointer: violation.pointer,
                expected: violation.expected,
                ..self.violation("", detail)
            });
        }
    }

    /// Returns whether the name in a query belongs to this parameter.
    pub(crate) fn claims(&self, name: &str) -> bool {
        match (&self.format.shape, self.format.style) {
            (_, Style::Deep) => self.bracket_path(name).is_some(),
            (Shape::Object(shape), Style::Form) if self.format.explode => {
                shape.has(name) || self.format.takes_bare() && self.name == name
            }
            _ => self.name == name,
        }
    }

    /// Returns whether it takes the names in a query that no other parameter claims.
    pub(crate) fn takes_others(&self) -> bool {
        let Shape::Object(shape) = &self.format.shape else {
            return false;
        };
        let is_exploded = self.format.style == Style::Form && self.format.explode;
        self.location == ParameterLocation::Query && is_exploded && shape.is_open()
    }

    fn violation(&self, keyword: &'static str, detail: String) -> Violation {
        let location = Location::of(self.location, self.name.clone());
        Violation::new(location, keyword, detail)
    }
}
