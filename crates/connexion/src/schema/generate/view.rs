//! The combined rules of schemas for one value: references are resolved, `allOf` is merged, and one branch of each
//! choice (`oneOf`, `anyOf`, `if`, `dependentSchemas`) is selected.

use std::{cell::OnceCell, collections::VecDeque};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::{
    document::{MAX_REFERENCES, decoded, node::value_at},
    schema::{dialect, direction, discriminator, integer, pattern},
};

/// The maximum number of views of a schema.
const MAX_VIEWS: usize = 32;

/// The maximum number of pending combinations of branches.
const MAX_PENDING: usize = 256;

/// The types of JSON Schema; `number` includes integers.
const TYPES: [&str; 6] = ["object", "array", "string", "number", "boolean", "null"];

/// The rules for one value, with a branch selected for each choice.
#[derive(Debug, Default)]
pub(super) struct View<'s> {
    /// `None` if any type is allowed.
    types: Option<Vec<&'s str>>,
    /// The values of `enum` and `const`.
    pub(super) options: Option<Vec<&'s Value>>,
    /// The defaults in the document. They may be invalid.
    pub(super) samples: Vec<&'s Value>,
    /// The keywords for numbers, with their values.
    pub(super) numbers: Vec<(&'s str, &'s Value)>,
    pub(super) string: StringRules<'s>,
    pub(super) object: ObjectRules<'s>,
    pub(super) array: ArrayRules<'s>,
    /// The candidates for strings, cached because they take time to generate.
    pub(super) strings: OnceCell<Vec<Value>>,
    /// True if no value is valid.
    is_never: bool,
}

#[derive(Debug, Default)]
pub(super) struct StringRules<'s> {
    pub(super) min_length: usize,
    pub(super) max_length: Option<usize>,
    pub(super) patterns: Vec<&'s str>,
    pub(super) formats: Vec<&'s str>,
}

#[derive(Debug, Default)]
pub(super) struct ObjectRules<'s> {
    pub(super) properties: IndexMap<&'s str, Vec<&'s Value>>,
    pub(super) patterns: Vec<(&'s str, &'s Value)>,
    /// The schemas of properties that are not described.
    pub(super) others: Vec<&'s Value>,
    pub(super) names: Vec<&'s Value>,
    pub(super) required: Vec<&'s str>,
    /// By property: the properties that it requires.
    pub(super) dependents: Vec<(&'s str, Vec<&'s str>)>,
    pub(super) min: usize,
    pub(super) max: Option<usize>,
}

#[derive(Debug, Default)]
pub(super) struct ArrayRules<'s> {
    pub(super) first: Vec<Vec<&'s Value>>,
    pub(super) items: Vec<&'s Value>,
    pub(super) contains: Vec<&'s Value>,
    pub(super) min: usize,
    pub(super) max: Option<usize>,
    pub(super) is_unique: bool,
}

impl<'s> View<'s> {
    /// Returns a view for each combination of branches, up to a limit. The first view selects the first branch of each
    /// choice.
    pub(super) fn all(root: &'s Value, schemas: &[&'s Value]) -> Vec<Self> {
        let mut views = Vec::new();
        let mut pending = VecDeque::from([Vec::new()]);
        let mut left = MAX_PENDING;
        while views.len() < MAX_VIEWS
            && let Some(picks) = pending.pop_front()
        {
            let mut collector = Collector {
                root,
                picks: &picks,
                branches: Vec::new(),
                view: Self::default(),
            };
            for schema in schemas {
                collector.schema(schema, 0);
            }
            let Collector { branches, view, .. } = collector;
            let choices = branches.iter().enumerate().skip(picks.len());
            let others = choices.flat_map(|(i, count)| (1..*count).map(move |pick| (i, pick)));
            for (i, pick) in others.take(left) {
                let mut next = picks.clone();
                next.resize(i, 0);
                next.push(pick);
                pending.push_back(next);
                left -= 1;
            }
            if !view.allows_nothing() {
                views.push(view);
            }
        }
        views
    }

    fn allows_nothing(&self) -> bool {
        self.is_never
            || self.types.as_ref().is_some_and(Vec::is_empty)
            || self.options.as_ref().is_some_and(Vec::is_empty)
    }

    /// Returns the types of a value: those with keywords first, `null` last.
    pub(super) fn kinds(&self) -> Vec<&'s str> {
        let mut kinds = self.types.clone().unwrap_or_else(|| TYPES.to_vec());
        let is_of = |kind: &str| match kind {
            "object" => !self.object.properties.is_empty() || !self.object.required.is_empty(),
            "array" => !self.array.items.is_empty() || !self.array.first.is_empty(),
            "number" => !self.numbers.is_empty(),
            "string" => !self.string.formats.is_empty() || !self.string.patterns.is_empty(),
            _ => false,
        };
        if self.types.is_none() {
            kinds.sort_by_key(|kind| !is_of(kind));
        }
        kinds.sort_by_key(|kind| *kind == "null");
        kinds
    }

    /// Returns whether a value may have this type. An `integer` may be where a `number` may be.
    pub(super) fn may_be(&self, kind: &str) -> bool {
        let types = self.types.as_ref();
        types.is_none_or(|types| {
            types.contains(&kind) || kind == "integer" && types.contains(&"number")
        })
    }

    /// Returns the minimum number of values that a value contains.
    pub(super) fn least_size(&self) -> usize {
        if self.options.is_some() {
            return 0;
        }
        match self.kinds().first() {
            Some(&"object") => self.object.required.len().max(self.object.min),
            Some(&"array") => self.array.min,
            _ => 0,
        }
    }
}

impl<'s> ObjectRules<'s> {
    /// Returns whether properties that are not described are allowed.
    pub(super) fn is_open(&self) -> bool {
        let is_forbidden = |schema: &&&Value| ***schema == Value::Bool(false);
        self.others.iter().find(is_forbidden).is_none()
    }

    /// Returns the schemas of a property.
    pub(super) fn property(&self, name: &str) -> Vec<&'s Value> {
        let mut schemas = self.properties.get(name).cloned().unwrap_or_default();
        for (pattern, schema) in &self.patterns {
            if regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(name)) {
                schemas.push(schema);
            }
        }
        if schemas.is_empty() {
            schemas.clone_from(&self.others);
        }
        schemas
    }

    /// Adds the properties that those in `names` require.
    pub(super) fn complete(&self, names: &mut Vec<&'s str>) {
        let mut i = 0;
        while let Some(name) = names.get(i).copied() {
            let dependents = self.dependents.iter().filter(|(one, _)| *one == name);
            for other in dependents.flat_map(|(_, others)| others) {
                if !names.contains(other) {
                    names.push(other);
                }
            }
            i += 1;
        }
    }
}

impl<'s> ArrayRules<'s> {
    /// Returns the schemas of the item at an index.
    pub(super) fn item(&self, i: usize) -> &[&'s Value] {
        self.first.get(i).unwrap_or(&self.items)
    }
}

struct Collector<'p, 's> {
    root: &'s Value,
    /// The branch that each choice selects. Further choices select the first.
    picks: &'p [usize],
    /// The number of branches of each choice.
    branches: Vec<usize>,
    view: View<'s>,
}

impl<'s> Collector<'_, 's> {
    fn pick(&mut self, branches: usize) -> usize {
        let pick = self.picks.get(self.branches.len()).copied();
        self.branches.push(branches);
        pick.unwrap_or(0)
    }

    fn schema(&mut self, schema: &'s Value, depth: usize) {
        match schema {
            Value::Object(keywords) if depth <= MAX_REFERENCES => {
                for (key, value) in keywords {
                    self.applicator(keywords, key, value, depth + 1);
                    self.keyword(key, value);
                }
            }
            Value::Object(_) | Value::Bool(false) => self.view.is_never = true,
            _ => {}
        }
    }

    /// Applies a keyword whose schemas apply to the same value.
    fn applicator(
        &mut self,
        schema: &'s Map<String, Value>,
        key: &str,
        value: &'s Value,
        depth: usize,
    ) {
        match (key, value) {
            ("$ref", Value::String(reference)) => match value_at(self.root, &decoded(reference)) {
                Some(target) => self.schema(target, depth),
                None => self.view.is_never = true,
            },
            ("allOf", Value::Array(parts)) => {
                for part in parts {
                    self.schema(part, depth);
                }
            }
            ("oneOf" | "anyOf", Value::Array(parts)) => {
                let pick = self.pick(parts.len());
                if let Some(part) = parts.get(pick) {
                    self.schema(part, depth);
                }
            }
            // Without the condition first: of many conditions, such as those for a discriminator, at most one is true.
            ("if", condition) => {
                let holds = self.pick(2) == 1;
                if holds {
                    self.schema(condition, depth);
                }
                if let Some(part) = schema.get(if holds { "then" } else { "else" }) {
                    self.schema(part, depth);
                }
            }
            ("dependentSchemas", Value::Object(parts)) => {
                for (name, part) in parts {
                    if self.pick(2) == 1 {
                        self.view.object.required.push(name);
                        self.schema(part, depth);
                    }
                }
            }
            _ => {}
        }
    }

    fn keyword(&mut self, key: &'s str, value: &'s Value) {
        let view = &mut self.view;
        match key {
            "type" => meet_types(&mut view.types, &strings(value)),
            "enum" => {
                let options = value.as_array().into_iter().flatten().collect();
                meet_options(&mut view.options, options);
            }
            "const" => meet_options(&mut view.options, vec![value]),
            "default" => view.samples.push(value),
            "minimum"
            | "maximum"
            | "exclusiveMinimum"
            | "exclusiveMaximum"
            | "multipleOf"
            | integer::INTEGER_RANGE
            | dialect::FLOAT_RANGE => view.numbers.push((key, value)),
            direction::FORBIDDEN => view.is_never = true,
            discriminator::CHOICE => {
                let property = value.get("propertyName").and_then(Value::as_str);
                view.object.required.extend(property);
            }
            _ => {
                view.string.keyword(key, value);
                view.object.keyword(key, value);
                view.array.keyword(key, value);
            }
        }
    }
}

impl<'s> StringRules<'s> {
    fn keyword(&mut self, key: &str, value: &'s Value) {
        match key {
            "minLength" => raise(&mut self.min_length, value),
            "maxLength" => lower(&mut self.max_length, value),
            "pattern" | pattern::TRANSLATED => self.patterns.extend(value.as_str()),
            "format" => self.formats.extend(value.as_str()),
            _ => {}
        }
    }
}

impl<'s> ObjectRules<'s> {
    fn keyword(&mut self, key: &str, value: &'s Value) {
        let entries = || value.as_object().into_iter().flatten();
        let entries = || entries().map(|(name, value)| (name.as_str(), value));
        match key {
            "properties" => {
                for (name, schema) in entries() {
                    self.properties.entry(name).or_default().push(schema);
                }
            }
            "patternProperties" => self.patterns.extend(entries()),
            "additionalProperties" | "unevaluatedProperties" => self.others.push(value),
            "propertyNames" => self.names.push(value),
            "required" => self.required.extend(strings(value)),
            "dependentRequired" => {
                let named = entries().map(|(name, others)| (name, strings(others)));
                self.dependents.extend(named);
            }
            "minProperties" => raise(&mut self.min, value),
            "maxProperties" => lower(&mut self.max, value),
            _ => {}
        }
    }
}

impl<'s> ArrayRules<'s> {
    fn keyword(&mut self, key: &str, value: &'s Value) {
        match (key, value) {
            ("prefixItems" | "items", Value::Array(first)) => {
                let more = first.len().max(self.first.len());
                self.first.resize_with(more, Vec::new);
                for (known, schema) in self.first.iter_mut().zip(first) {
                    known.push(schema);
                }
            }
            ("items" | "unevaluatedItems", schema) => self.items.push(schema),
            ("contains", schema) => self.contains.push(schema),
            ("minItems", count) => raise(&mut self.min, count),
            ("maxItems", count) => lower(&mut self.max, count),
            ("uniqueItems", flag) => self.is_unique |= *flag == Value::Bool(true),
            _ => {}
        }
    }
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn meet_types<'s>(types: &mut Option<Vec<&'s str>>, named: &[&'s str]) {
    let Some(known) = types else {
        *types = Some(named.to_vec());
        return;
    };
    let both = |name: &&str| {
        let is_integer = *name == "integer" && known.contains(&"number");
        is_integer || known.contains(name)
    };
    let mut met: Vec<_> = named.iter().copied().filter(both).collect();
    if named.contains(&"number") && known.contains(&"integer") && !met.contains(&"integer") {
        met.push("integer");
    }
    *types = Some(met);
}

fn meet_options<'s>(options: &mut Option<Vec<&'s Value>>, named: Vec<&'s Value>) {
    match options {
        Some(known) => known.retain(|one| named.contains(one)),
        None => *options = Some(named),
    }
}

/// Returns a count in the document; `None` for one written as `3.0`.
fn count(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

fn raise(least: &mut usize, value: &Value) {
    *least = count(value).map_or(*least, |count| count.max(*least));
}

fn lower(most: &mut Option<usize>, value: &Value) {
    if let Some(count) = count(value) {
        *most = Some(most.map_or(count, |known| known.min(count)));
    }
}
