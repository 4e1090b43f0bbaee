//! Violations of a schema: the errors of `jsonschema` in the order of the document, each with a pointer and a sentence.

mod limits;
mod reporter;

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use serde_json::{Map, Value};

pub(in crate::schema) use self::limits::MAX_VIOLATIONS;
pub(crate) use self::limits::are_all;
use self::{
    limits::{MAX_TEXT, may_have_too_many_errors},
    reporter::Reporter,
};
use super::{Schema, shared, steps, traverse::resolve};
use crate::{
    compat::Compat,
    document::node::{unescape, value_at},
    problem::Violation,
};

/// A violation of a schema, in a value that may be a body or a parameter.
#[derive(Debug)]
pub(crate) struct SchemaViolation {
    /// JSON Pointer into the value. For a missing property, the pointer that the property would have.
    pub(crate) pointer: String,
    pub(crate) keyword: Cow<'static, str>,
    pub(crate) sentence: String,
    /// The value of the keyword in the document.
    pub(crate) expected: Option<Value>,
}

impl Schema {
    /// Returns the violations of `value`. `json` is the text that it was parsed from, if there is one; sentences quote
    /// it.
    ///
    /// Properties are in the order of the document, and the violations of one property in the order of its keywords.
    pub(crate) fn violations(&self, value: &Value, json: Option<&str>) -> Vec<SchemaViolation> {
        let violations = || self.unbounded_violations(value, json);
        if !self.is_recursive {
            return violations();
        }
        steps::bounded(value, violations).unwrap_or_else(|| {
            vec![SchemaViolation {
                pointer: String::new(),
                keyword: "$ref".into(),
                sentence: steps::TOO_MANY.to_owned(),
                expected: None,
            }]
        })
    }

    /// Returns the violations of `value`, without a limit of the steps for recursive schemas.
    fn unbounded_violations(&self, value: &Value, json: Option<&str>) -> Vec<SchemaViolation> {
        shared::discard_errors();
        let mut reporter = Reporter::new(self, value, json);
        if may_have_too_many_errors(value) {
            let error = self.validator().validate(value).err();
            let violations = error.map(|error| reporter.report("", &error));
            return violations.into_iter().flatten().take(1).collect();
        }
        let errors = self.validator().iter_errors(value).take(MAX_VIOLATIONS);
        let violations = errors.flat_map(|error| reporter.report("", &error));
        let mut left = MAX_TEXT;
        let fits = |violation: &SchemaViolation| {
            let text = left.checked_sub(violation.sentence.len() + 2 * violation.pointer.len());
            let is_first = left == MAX_TEXT;
            left = text.unwrap_or(0);
            text.is_some() || is_first
        };
        let violations = violations.take(MAX_VIOLATIONS).take_while(fits);
        let mut violations: Vec<_> = violations.collect();
        violations.sort_by_cached_key(|violation| self.order(violation));
        without_duplicates(violations)
    }

    /// Returns the violations of a body. Their sentences end with the location.
    pub(crate) fn body_violations(&self, value: &Value, json: Option<&str>) -> Vec<Violation> {
        let violations = self.violations(value, json).into_iter();
        let compat = self.compat;
        violations
            .map(|violation| violation.in_body(compat))
            .collect()
    }

    /// Returns a sort key that places the violations of an object before those of its properties.
    fn order(&self, violation: &SchemaViolation) -> Vec<usize> {
        let mut schema = value_at(&self.root, &self.pointer);
        let mut order = Vec::new();
        for token in violation.pointer.split('/').skip(1) {
            let (index, below) = schema
                .and_then(|schema| described(&self.root, schema, &unescape(token)))
                .unzip();
            order.push(index.map_or(usize::MAX, |index: usize| index + 1));
            schema = below;
        }
        let schema = schema.map(|schema| resolve(&self.root, schema));
        let keywords = schema.and_then(Value::as_object).map(Map::keys);
        let index = keywords.and_then(|mut all| all.position(|name| *name == violation.keyword));
        order.extend([0, index.unwrap_or(usize::MAX)]);
        order
    }
}

impl SchemaViolation {
    fn in_body(self, compat: Compat) -> Violation {
        // The pointer is that of the property, but the sentence is about the object that contains it.
        let is_of_object = matches!(
            &*self.keyword,
            "required"
                | "readOnly"
                | "writeOnly"
                | "additionalProperties"
                | "unevaluatedProperties"
        );
        let parent = self
            .pointer
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent);
        let location = if is_of_object { parent } else { &*self.pointer };
        let detail = format!("{}{}", self.sentence, compat.location(location));
        Violation {
            keyword: self.keyword,
            expected: self.expected,
            pointer: self.pointer,
            ..Violation::of_body("", detail)
        }
    }
}

/// Returns the index of a property or item among those that `schema` describes, and its schema.
fn described<'v>(root: &'v Value, schema: &'v Value, name: &str) -> Option<(usize, &'v Value)> {
    let schema = resolve(root, schema);
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut all = properties.into_iter().flatten().enumerate();
    if let Some((index, (_, schema))) = all.find(|(_, (known, _))| *known == name) {
        return Some((index, schema));
    }
    if let (Ok(index), Some(items)) = (name.parse(), schema.get("items")) {
        return Some((index, items));
    }
    let parts = schema.get("allOf").and_then(Value::as_array);
    let then = schema.get("then");
    parts
        .into_iter()
        .flatten()
        .chain(then)
        .find_map(|part| described(root, part, name))
}

/// Removes duplicates, which several parts of a schema may report. Of several sentences about one missing property,
/// keeps the longest.
fn without_duplicates(mut violations: Vec<SchemaViolation>) -> Vec<SchemaViolation> {
    let mut longest = HashMap::new();
    for violation in violations.iter().filter(|one| one.keyword == "required") {
        let length = longest.entry(violation.pointer.clone()).or_insert(0);
        *length = violation.sentence.len().max(*length);
    }
    let mut seen = HashSet::new();
    violations.retain(|violation| {
        let is_shorter = violation.keyword == "required"
            && longest.get(&violation.pointer) != Some(&violation.sentence.len());
        !is_shorter
            && seen.insert((
                violation.pointer.clone(),
                violation.keyword.clone(),
                violation.sentence.clone(),
            ))
    });
    violations
}
