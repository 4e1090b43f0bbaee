//! Schemas that refer to themselves without a step into the value.
//!
//! A validator would follow `A: {allOf: [{$ref: A}]}` until its stack overflows. A tree whose children are trees is not
//! such a cycle: each step goes deeper into a value, which is finite. Chains of references without a cycle are limited,
//! too, because each step needs space on the stack.

use std::collections::HashMap;

use serde_json::Value;

use super::traverse::each_schema;
use crate::document::{
    MAX_REFERENCES, decoded,
    node::{escape, value_at},
};

/// A reference that can't be followed to an end.
pub(super) struct Endless {
    /// The pointer of the schema with the reference.
    pub(super) holder: String,
    pub(super) reference: String,
    /// True if the references form a cycle. Otherwise the chain is too long.
    pub(super) is_cycle: bool,
    /// The pointers of all schemas whose references form the cycle, including the holder.
    pub(super) path: Vec<String>,
}

/// Returns the references that can't be followed to an end in the schemas at the pointers in `outer`.
pub(super) fn endless(root: &Value, outer: &[String]) -> Vec<Endless> {
    let mut search = Search {
        root,
        heights: HashMap::new(),
        trail: Vec::new(),
        found: Vec::new(),
    };
    for pointer in outer {
        if let Some(schema) = value_at(root, pointer) {
            each_schema(schema, pointer, &mut |schema, pointer| {
                let reference = schema.get("$ref").and_then(Value::as_str);
                let target = reference.and_then(|reference| value_at(root, &decoded(reference)));
                // Most targets have no further references, and recording each takes time.
                if target.is_some_and(|target| {
                    target.get("$ref").is_some() || !parts(target, "").is_empty()
                }) {
                    search.height(pointer, 0);
                }
            });
        }
    }
    search.found
}

struct Search<'r> {
    root: &'r Value,
    heights: HashMap<String, Height>,
    /// The pointers of the schemas whose references are being followed.
    trail: Vec<String>,
    found: Vec<Endless>,
}

/// The length of the longest chain of references from a schema.
#[derive(Clone, Copy)]
enum Height {
    Known(usize),
    /// Not known yet. The number is the length of the trail when the schema was reached.
    Open(usize),
}

impl Search<'_> {
    /// Returns the maximum number of references that are followed to validate one value against the schema at
    /// `pointer`.
    fn height(&mut self, pointer: &str, depth: usize) -> Height {
        if let Some(known) = self.heights.get(pointer) {
            return *known;
        }
        let open = Height::Open(self.trail.len());
        self.heights.insert(pointer.to_owned(), open);
        let schema = value_at(self.root, pointer).unwrap_or(&Value::Null);
        let mut height = 0;
        for part in parts(schema, pointer) {
            if let Height::Known(own) = self.height(&part, depth) {
                height = height.max(own);
            }
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            self.trail.push(pointer.to_owned());
            let target = if depth < MAX_REFERENCES {
                self.height(&decoded(reference), depth + 1)
            } else {
                Height::Known(MAX_REFERENCES)
            };
            let from = match target {
                Height::Known(below) if below < MAX_REFERENCES => {
                    height = height.max(below + 1);
                    None
                }
                Height::Known(_) => Some(self.trail.len() - 1),
                Height::Open(from) => Some(from),
            };
            if let Some(from) = from {
                self.found.push(Endless {
                    holder: pointer.to_owned(),
                    reference: reference.to_owned(),
                    is_cycle: matches!(target, Height::Open(_)),
                    path: self.trail.get(from..).unwrap_or_default().to_vec(),
                });
            }
            self.trail.pop();
        }
        let known = Height::Known(height);
        self.heights.insert(pointer.to_owned(), known);
        known
    }
}

/// Returns the pointers of the schemas in `schema` that apply to the same value.
fn parts(schema: &Value, pointer: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for (key, value) in schema.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("allOf" | "anyOf" | "oneOf", Value::Array(items)) => {
                parts.extend((0..items.len()).map(|i| format!("{pointer}/{key}/{i}")));
            }
            ("if" | "then" | "else" | "not", _) => parts.push(format!("{pointer}/{key}")),
            ("dependentSchemas", Value::Object(schemas)) => {
                let names = schemas.keys().map(|name| escape(name));
                parts.extend(names.map(|name| format!("{pointer}/{key}/{name}")));
            }
            _ => {}
        }
    }
    parts
}
