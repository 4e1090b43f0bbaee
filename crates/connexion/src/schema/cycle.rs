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
}

/// All references that can't be followed in the document `root` with its schemas at `outer`.
pub(super) fn endless(root: &Value, outer: &[String]) -> Vec<Endless> {
    let mut search = Search {
        root,
        heights: HashMap::new(),
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
    /// How many references lead to one another from a place; `None` while that is being found out.
    heights: HashMap<String, Option<usize>>,
    found: Vec<Endless>,
}

impl Search<'_> {
    /// How many references are followed at most for a value that is held against the schema at `pointer`.
    /// `None` if it is being asked already.
    fn height(&mut self, pointer: &str, depth: usize) -> Option<usize> {
        if let Some(known) = self.heights.get(pointer) {
            return *known;
        }
        self.heights.insert(pointer.to_owned(), None);
        let schema = value_at(self.root, pointer).unwrap_or(&Value::Null);
        let mut height = 0;
        for part in parts(schema, pointer) {
            height = self
                .height(&part, depth)
                .map_or(height, |own| own.max(height));
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = if depth < MAX_REFERENCES {
                self.height(&decoded(reference), depth + 1)
            } else {
                Some(MAX_REFERENCES)
            };
            match target {
                Some(below) if below < MAX_REFERENCES => height = height.max(below + 1),
                target => self.found.push(Endless {
                    holder: pointer.to_owned(),
                    reference: reference.to_owned(),
                    is_cycle: target.is_none(),
                }),
            }
        }
        self.heights.insert(pointer.to_owned(), Some(height));
        Some(height)
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
