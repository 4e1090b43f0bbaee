//! What of a body's JSON becomes values if properties that no schema speaks of are skipped.
//!
//! A property is skipped only where that certainly changes nothing for the validator: the object's schemas describe some
//! properties, and have no keyword that looks at others (`additionalProperties`, `patternProperties`, `propertyNames`,
//! `minProperties`, `enum`, `not`, `oneOf` …). Every keyword that is not known here counts as one that does.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{dialect::is_remark, pattern};
use crate::document::{MAX_REFERENCES, decoded, node::value_at};

/// More schemas than this are not looked at for one body: schemas that share others by reference would be walked again for
/// each reference. What is not looked at is kept.
const MAX_SCHEMAS: usize = 1_000;

/// What is kept of a value.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Whether properties that are not among `properties` are skipped.
    skips: bool,
    /// Whether a keyword looks at properties that are not described.
    looks_at_all: bool,
    properties: BTreeMap<String, Kept>,
    items: Option<Box<Kept>>,
}

impl Kept {
    /// The whole value.
    const ALL: Self = Self {
        skips: false,
        looks_at_all: true,
        properties: BTreeMap::new(),
        items: None,
    };

    /// All of a value.
    pub(crate) fn all() -> &'static Self {
        static ALL: Kept = Kept::ALL;
        &ALL
    }

    /// What is kept of an item of an array.
    pub(crate) fn item(&self) -> &Self {
        self.items.as_deref().unwrap_or_else(|| Self::all())
    }

    /// What is kept of a property; `None` if it is skipped.
    pub(crate) fn property(&self, name: &str) -> Option<&Self> {
        if self.skips && !self.looks_at_all {
            self.properties.get(name)
        } else {
            Some(Self::all())
        }
    }

    /// What the schema at a JSON Pointer into `root` makes of a value.
    pub(super) fn compile(root: &Value, pointer: &str) -> Self {
        let mut left = MAX_SCHEMAS;
        let schema = value_at(root, pointer);
        schema.map_or(Self::ALL, |schema| {
            of(root, schema, MAX_REFERENCES, &mut left)
        })
    }

    /// Adds what another schema says of the same value.
    fn add(&mut self, other: Self) {
        self.skips |= other.skips;
        self.looks_at_all |= other.looks_at_all;
        for (name, kept) in other.properties {
            match self.properties.get_mut(&name) {
                Some(known) => known.add(kept),
                None => {
                    self.properties.insert(name, kept);
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

/// `depth` is how many schemas may still lie within this one: a schema may lead back to itself.
fn of(root: &Value, schema: &Value, depth: usize, left: &mut usize) -> Kept {
    let Value::Object(keywords) = schema else {
        // `true` or `false`: nothing is said of the value, so the handler gets it.
        return Kept::ALL;
    };
    if *left == 0 || depth == 0 {
        return Kept::ALL;
    }
    *left -= 1;
    let mut below = |schema| of(root, schema, depth - 1, left);
    let mut kept = Kept::default();
    for (keyword, value) in keywords {
        match (keyword.as_str(), value) {
            ("$ref", Value::String(reference)) => {
                let target = value_at(root, &decoded(reference));
                kept.add(target.map_or(Kept::ALL, &mut below));
            }
            ("allOf", Value::Array(parts)) => {
                for part in parts {
                    kept.add(below(part));
                }
            }
            ("properties", Value::Object(properties)) => {
                kept.skips = true;
                for (name, schema) in properties {
                    let one = BTreeMap::from([(name.clone(), below(schema))]);
                    kept.add(Kept {
                        properties: one,
                        ..Kept::default()
                    });
                }
            }
            ("required", Value::Array(names)) => {
                for name in names.iter().filter_map(Value::as_str) {
                    let one = BTreeMap::from([(name.to_owned(), Kept::default())]);
                    kept.add(Kept {
                        properties: one,
                        ..Kept::default()
                    });
                }
            }
            ("items", schema) => {
                let items = Some(Box::new(below(schema)));
                kept.add(Kept {
                    items,
                    ..Kept::default()
                });
            }
            (keyword, _) if looks_at_one_value(keyword) => {}
            _ => return Kept::ALL,
        }
    }
    kept
}

/// Whether a keyword looks at no property and no item.
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
        pattern::OWN,
        pattern::UNREAD,
        "minItems",
        "maxItems",
        "default",
    ];
    KEYWORDS.contains(&keyword) || is_remark(keyword)
}
