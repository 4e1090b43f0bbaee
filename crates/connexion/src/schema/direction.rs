//! Differences between requests and responses: properties that are `readOnly` or `writeOnly`.
//!
//! A `readOnly` property is not allowed in requests, a `writeOnly` one is not allowed in responses, and neither is
//! required where it is not allowed. A document with such properties is compiled once for each direction. In each copy
//! the keywords are replaced, so that validators need not know the direction.

use std::collections::BTreeSet;

use jsonschema::{Keyword, ValidationError, paths::Location};
use serde_json::{Map, Value, json};

use super::traverse::resolve;
use crate::document::{
    MAX_REFERENCES, decoded,
    node::{value_at, value_at_mut},
};

/// The direction of a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Direction {
    Request,
    Response,
    /// Either direction, for examples: all properties are allowed, and none is required that is required in one
    /// direction only.
    Either,
}

impl Direction {
    /// Returns the keywords that make a property optional or forbidden in this direction.
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Request => &["readOnly"],
            Self::Response => &["writeOnly"],
            Self::Either => &["readOnly", "writeOnly"],
        }
    }
}

/// The keyword that replaces the schema of a property which is not allowed.
pub(super) const FORBIDDEN: &str = "x-connexion-forbidden";

struct Forbidden(String);

impl Keyword<'_> for Forbidden {
    fn validate(&self, _: &Value) -> Result<(), ValidationError<'static>> {
        Err(ValidationError::custom(self.0.clone()))
    }

    fn is_valid(&self, _: &Value) -> bool {
        false
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a keyword factory")]
pub(super) fn forbidden<'a>(
    _: &'a Map<String, Value>,
    flag: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    let flag = flag.as_str().unwrap_or_default();
    Ok(Box::new(Forbidden(flag.to_owned())))
}

/// Returns whether anything in `value` is `readOnly` or `writeOnly`.
pub(super) fn is_used(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(is_used),
        Value::Object(entries) => entries.iter().any(|(key, value)| {
            let is_flag = matches!(key.as_str(), "readOnly" | "writeOnly");
            is_flag && *value == Value::Bool(true) || is_used(value)
        }),
        _ => false,
    }
}

/// Returns the document `root` with the schemas at the pointers in `schemas` rewritten for one direction.
pub(super) fn directed(root: &Value, schemas: &[String], direction: Direction) -> Value {
    let mut rewritten = root.clone();
    for pointer in schemas {
        if let Some(schema) = value_at_mut(&mut rewritten, pointer) {
            let mut rewriting = Rewriting {
                root,
                direction,
                opened: Vec::new(),
            };
            rewriting.schema(schema, &BTreeSet::new());
        }
    }
    rewritten
}

struct Rewriting<'r> {
    root: &'r Value,
    direction: Direction,
    /// The references that are being replaced by their targets, outermost first.
    opened: Vec<String>,
}

impl Rewriting<'_> {
    /// Rewrites a schema. `outer` are the properties that must not be required of the object that it applies to.
    fn schema(&mut self, schema: &mut Value, outer: &BTreeSet<String>) {
        let mut names = outer.clone();
        self.named(schema, &mut names, 0);
        let Value::Object(keywords) = schema else {
            return;
        };
        self.open(keywords, &names);
        for (key, value) in keywords {
            match (key.as_str(), value) {
                ("example" | "examples" | "default" | "enum" | "const", _) => {}
                ("required", Value::Array(required)) => remove_names(required, &names),
                ("dependentRequired", Value::Object(required)) => {
                    for required in required.values_mut().filter_map(Value::as_array_mut) {
                        remove_names(required, &names);
                    }
                }
                ("properties" | "patternProperties", Value::Object(described)) => {
                    for below in described.values_mut() {
                        self.property(below);
                    }
                }
                ("$defs" | "definitions", Value::Object(schemas)) => {
                    for below in schemas.values_mut() {
                        self.schema(below, &BTreeSet::new());
                    }
                }
                // These apply to the same object.
                ("allOf" | "anyOf" | "oneOf", Value::Array(parts)) => {
                    for part in parts {
                        self.schema(part, &names);
                    }
                }
                ("dependentSchemas", Value::Object(parts)) => {
                    for part in parts.values_mut() {
                        self.schema(part, &names);
                    }
                }
                ("if" | "then" | "else" | "not", part) => self.schema(part, &names),
                (_, Value::Array(items)) => {
                    for item in items {
                        self.schema(item, &BTreeSet::new());
                    }
                }
                (_, below) => self.schema(below, &BTreeSet::new()),
            }
        }
    }

    /// Rewrites the schema of a property.
    fn property(&mut self, schema: &mut Value) {
        match self.flag(schema, 0) {
            Some(flag) if self.direction != Direction::Either => {
                *schema = json!({FORBIDDEN: flag});
            }
            _ => self.schema(schema, &BTreeSet::new()),
        }
    }

    /// Returns the flag of a property, following references.
    fn flag(&self, schema: &Value, depth: usize) -> Option<&'static str> {
        if depth > MAX_REFERENCES {
            return None;
        }
        let mut flags = self.direction.flags().iter().copied();
        let own = flags.find(|flag| schema.get(*flag) == Some(&Value::Bool(true)));
        own.or_else(|| {
            let mut parts = self.parts(schema);
            parts.find_map(|part| self.flag(part, depth + 1))
        })
    }

    /// Adds the names of all flagged properties of the object that `schema` applies to.
    fn named(&self, schema: &Value, names: &mut BTreeSet<String>, depth: usize) {
        if depth > MAX_REFERENCES {
            return;
        }
        let described = schema.get("properties").and_then(Value::as_object);
        for (name, below) in described.into_iter().flatten() {
            if self.flag(below, 0).is_some() {
                names.insert(name.clone());
            }
        }
        for part in self.parts(schema) {
            self.named(part, names, depth + 1);
        }
    }

    /// Returns the schemas that every value of `schema` must match, too: the target of its reference and its `allOf`.
    fn parts<'v>(&'v self, schema: &'v Value) -> impl Iterator<Item = &'v Value> {
        let target = schema
            .get("$ref")
            .map(|_| resolve(self.root, schema))
            .filter(|target| !std::ptr::eq(*target, schema));
        let parts = schema.get("allOf").and_then(Value::as_array);
        target.into_iter().chain(parts.into_iter().flatten())
    }

    /// Replaces a reference by a copy of its target if the target requires a property that only the referring schema
    /// flags. Other schemas may refer to the target, so it can't be changed itself.
    fn open(&mut self, schema: &mut Map<String, Value>, names: &BTreeSet<String>) {
        let Some(reference) = schema.get("$ref").and_then(Value::as_str) else {
            return;
        };
        let Some(target) = value_at(self.root, &decoded(reference)) else {
            return;
        };
        let mut own = BTreeSet::new();
        self.named(target, &mut own, 0);
        let others: BTreeSet<_> = names.difference(&own).cloned().collect();
        let is_open = self.opened.iter().any(|opened| opened == reference);
        if is_open || others.is_empty() || !self.requires(target, &others, 0) {
            return;
        }
        let mut copy = target.clone();
        self.opened.push(reference.to_owned());
        self.schema(&mut copy, names);
        self.opened.pop();
        schema.shift_remove("$ref");
        let parts = schema.entry("allOf").or_insert_with(|| json!([]));
        if let Value::Array(parts) = parts {
            parts.push(copy);
        }
    }

    /// Returns whether `schema` requires one of these properties.
    fn requires(&self, schema: &Value, names: &BTreeSet<String>, depth: usize) -> bool {
        let required = schema.get("required").and_then(Value::as_array);
        let mut required = required.into_iter().flatten().filter_map(Value::as_str);
        depth <= MAX_REFERENCES
            && (required.any(|name| names.contains(name))
                || self
                    .parts(schema)
                    .any(|part| self.requires(part, names, depth + 1)))
    }
}

/// Removes these names from a list of required properties.
fn remove_names(required: &mut Vec<Value>, names: &BTreeSet<String>) {
    required.retain(|name| !name.as_str().is_some_and(|name| names.contains(name)));
}
