//! A filter that skips properties of a body which the schema does not describe, before they become values.
//!
//! A property is skipped only if the validator's result can't depend on it: the schemas of the object describe some
//! properties, and have no keyword that depends on others (`additionalProperties`, `patternProperties`,
//! `propertyNames`, `minProperties`, `enum`, `not`, `oneOf` …). Keywords that are not known here count as such.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{dialect::is_annotation, pattern};
use crate::document::{MAX_REFERENCES, decoded, node::value_at};

/// The maximum number of schemas that are visited for one body: a schema is visited again for each reference to it.
/// Below further schemas nothing is skipped.
const MAX_SCHEMAS: usize = 1_000;

/// The properties of a value that are kept, and the filters of its parts.
#[derive(Debug, Default)]
pub(crate) struct PropertyFilter {
    /// True if properties that are not among `properties` are skipped.
    skips: bool,
    /// True if a keyword depends on properties that are not described.
    needs_all: bool,
    properties: BTreeMap<String, PropertyFilter>,
    items: Option<Box<PropertyFilter>>,
}

impl PropertyFilter {
    /// The filter that keeps the whole value.
    const ALL: Self = Self {
        skips: false,
        needs_all: true,
        properties: BTreeMap::new(),
        items: None,
    };

    /// Returns the filter that keeps the whole value.
    pub(crate) fn all() -> &'static Self {
        static ALL: PropertyFilter = PropertyFilter::ALL;
        &ALL
    }

    /// Returns the filter of the items of an array.
    pub(crate) fn item(&self) -> &Self {
        self.items.as_deref().unwrap_or_else(|| Self::all())
    }

    /// Returns the filter of a property; `None` if it is skipped.
    pub(crate) fn property(&self, name: &str) -> Option<&Self> {
        if self.skips && !self.needs_all {
            self.properties.get(name)
        } else {
            Some(Self::all())
        }
    }

    /// Compiles the filter of the schema at a JSON Pointer into `root`.
    pub(super) fn compile(root: &Value, pointer: &str) -> Self {
        let mut left = MAX_SCHEMAS;
        let schema = value_at(root, pointer);
        schema.map_or(Self::ALL, |schema| {
            compile(root, schema, MAX_REFERENCES, &mut left)
        })
    }

    /// Adds the filter of another schema of the same value.
    fn add(&mut self, other: Self) {
        self.skips |= other.skips;
        self.needs_all |= other.needs_all;
        for (name, filter) in other.properties {
            match self.properties.get_mut(&name) {
                Some(known) => known.add(filter),
                None => {
                    self.properties.insert(name, filter);
                }
            }
        }
        match (&mut self.items, other.items) {
            (Some(items), Some(others)) => items.add(*others),
            (items, Some(others)) => *items = Some(others),
            (_, None) => {}
        }
    }
}

/// Compiles the filter of a schema. `depth` is the number of schemas that may be nested in it, because it may be
/// recursive.
fn compile(root: &Value, schema: &Value, depth: usize, left: &mut usize) -> PropertyFilter {
    let Value::Object(keywords) = schema else {
        // `true` or `false`: the value is not described, so the handler gets all of it.
        return PropertyFilter::ALL;
    };
    if *left == 0 || depth == 0 {
        return PropertyFilter::ALL;
    }
    *left -= 1;
    let mut below = |schema| compile(root, schema, depth - 1, left);
    let mut filter = PropertyFilter::default();
    for (keyword, value) in keywords {
        match (keyword.as_str(), value) {
            ("$ref", Value::String(reference)) => {
                let target = value_at(root, &decoded(reference));
                filter.add(target.map_or(PropertyFilter::ALL, &mut below));
            }
            ("allOf", Value::Array(parts)) => {
                for part in parts {
                    filter.add(below(part));
                }
            }
            ("properties", Value::Object(properties)) => {
                filter.skips = true;
                for (name, schema) in properties {
                    let one = BTreeMap::from([(name.clone(), below(schema))]);
                    filter.add(PropertyFilter {
                        properties: one,
                        ..PropertyFilter::default()
                    });
                }
            }
            ("required", Value::Array(names)) => {
                for name in names.iter().filter_map(Value::as_str) {
                    let one = BTreeMap::from([(name.to_owned(), PropertyFilter::default())]);
                    filter.add(PropertyFilter {
                        properties: one,
                        ..PropertyFilter::default()
                    });
                }
            }
            ("items", schema) => {
                let items = Some(Box::new(below(schema)));
                filter.add(PropertyFilter {
                    items,
                    ..PropertyFilter::default()
                });
            }
            (keyword, _) if looks_at_one_value(keyword) => {}
            _ => return PropertyFilter::ALL,
        }
    }
    filter
}

/// Returns whether a keyword depends on no property and no item.
fn looks_at_one_value(keyword: &str) -> bool {
    const KEYWORDS: [&str; 15] = [
        "type",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        pattern::TRANSLATED,
        pattern::UNSUPPORTED,
        "minItems",
        "maxItems",
        "default",
    ];
    KEYWORDS.contains(&keyword) || is_annotation(keyword)
}
