//! The position in the document of the schema for a location of a value.

use serde_json::Value;

use super::{Schema, traverse::deepest};
use crate::document::{
    Document, MAX_REFERENCES, decoded,
    node::{Position, push, unescape, value_at},
};

impl Schema {
    /// Returns the position of the schema for the location `pointer` in a value. If the document does not describe the
    /// location, returns the position for the nearest one that contains it.
    pub(crate) fn position(&self, document: &Document, pointer: &str) -> Position {
        let mut schema = self.pointer.clone();
        for token in pointer.split('/').skip(1) {
            match below(&self.root, &schema, token, 0) {
                Some(next) => schema = next,
                None => break,
            }
        }
        deepest(&document.root, &schema).at
    }
}

/// Returns the pointer of the schema of a property or item, given the pointer of the object's or array's schema.
fn below(root: &Value, pointer: &str, token: &str, depth: usize) -> Option<String> {
    if depth > MAX_REFERENCES {
        return None;
    }
    let schema = value_at(root, pointer)?;
    let at = |keys: &[&str]| {
        let mut pointer = pointer.to_owned();
        for key in keys {
            push(&mut pointer, key);
        }
        value_at(root, &pointer)
            .filter(|found| !found.is_array())
            .map(|_| pointer)
    };
    let name = unescape(token);
    let own = at(&["properties", &name]).or_else(|| at(&["prefixItems", &name]));
    let reference = || schema.get("$ref").and_then(Value::as_str);
    let parts = || {
        ["allOf", "oneOf", "anyOf"].into_iter().find_map(|keyword| {
            let count = schema.get(keyword)?.as_array()?.len();
            let mut parts = (0..count).filter_map(|i| at(&[keyword, &i.to_string()]));
            parts.find_map(|part| below(root, &part, token, depth + 1))
        })
    };
    own.or_else(|| below(root, &decoded(reference()?), token, depth + 1))
        .or_else(parts)
        .or_else(|| at(&["items"]))
        .or_else(|| at(&["additionalProperties"]))
}
