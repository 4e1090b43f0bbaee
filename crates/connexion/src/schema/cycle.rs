//! Schemas that lead back to themselves before they look at any part of the value.
//!
//! `A: {allOf: [{$ref: A}]}` says nothing, and a validator would follow it until its stack overflows. A tree
//! whose children are trees is none of these: each step takes it deeper into a value, which ends. Chains of
//! references without a cycle are bounded, too, since each step of one is a step on the stack.

use std::collections::HashMap;

use serde_json::Value;

use super::every;
use crate::document::{
    MAX_REFERENCES, decoded,
    node::{escape, value_at},
};

/// A reference that can't be followed, and where the schema stands that has it.
pub(super) struct Endless {
    pub(super) holder: String,
    pub(super) reference: String,
    /// Whether it leads back, and not just too far.
    pub(super) is_cycle: bool,
    /// Where all the schemas stand whose references make the cycle, itself among them.
    pub(super) path: Vec<String>,
}

/// All references that can't be followed in the document `root` with its schemas at `outer`.
pub(super) fn endless(root: &Value, outer: &[String]) -> Vec<Endless> {
    let mut search = Search {
        root,
        heights: HashMap::new(),
        trail: Vec::new(),
        found: Vec::new(),
    };
    for pointer in outer {
        if let Some(schema) = value_at(root, pointer) {
            every(schema, pointer, &mut |schema, pointer| {
                let reference = schema.get("$ref").and_then(Value::as_str);
                let target = reference.and_then(|reference| value_at(root, &decoded(reference)));
                // Most lead to a schema that leads nowhere, and to note each takes time.
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
    /// Where the schemas stand whose references are being followed.
    trail: Vec<String>,
    found: Vec<Endless>,
}

/// How many references lead to one another from a place.
#[derive(Clone, Copy)]
enum Height {
    Known(usize),
    /// Still being found out, since the trail had this length.
    Open(usize),
}

impl Search<'_> {
    /// How many references are followed at most for a value that is held against the schema at `pointer`.
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

/// Where the schemas in `schema` stand that are held against the same value.
fn parts(schema: &Value, pointer: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for (key, member) in schema.as_object().into_iter().flatten() {
        match (key.as_str(), member) {
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
