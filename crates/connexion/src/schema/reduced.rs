//! Removal of annotations from a document before its schemas are compiled.
//!
//! A document consists mostly of descriptions and examples, and is copied for each direction. The copies omit
//! annotations. Everything else stays at its JSON Pointer, because references may lead anywhere.

use serde_json::Value;

use crate::document::node::{Kind, Node};

/// Returns a document without annotations.
pub(super) fn reduced(root: &Node) -> Value {
    below(root, false)
}

/// Reduces a node. `are_names` is true if the keys of an object are names of the author's choice, not keywords.
fn below(node: &Node, are_names: bool) -> Value {
    let entries = match &node.kind {
        Kind::Object(entries) => entries,
        Kind::Array(items) => return items.iter().map(|item| below(item, false)).collect(),
        _ => return node.into(),
    };
    let is_kept = |key: &str| are_names || !is_annotation(key);
    let kept = entries.iter().filter(|(key, _)| is_kept(key));
    let one = |(key, value): (&String, &Node)| {
        let value = match key.as_str() {
            "const" | "default" | "enum" if !are_names => Value::from(value),
            _ => below(value, !are_names && holds_names(key)),
        };
        (key.clone(), value)
    };
    kept.map(one).collect()
}

/// Returns whether a keyword is an annotation for readers.
fn is_annotation(keyword: &str) -> bool {
    matches!(
        keyword,
        "$comment"
            | "description"
            | "example"
            | "examples"
            | "externalDocs"
            | "operationId"
            | "summary"
            | "tags"
            | "title"
            | "xml"
    )
}

/// Returns whether the keys below a keyword are names. The content of extensions is unknown, so nothing of it is
/// removed.
fn holds_names(keyword: &str) -> bool {
    let is_known = matches!(
        keyword,
        "$defs"
            | "callbacks"
            | "content"
            | "definitions"
            | "dependentSchemas"
            | "encoding"
            | "headers"
            | "links"
            | "mapping"
            | "mediaTypes"
            | "parameters"
            | "pathItems"
            | "paths"
            | "patternProperties"
            | "properties"
            | "requestBodies"
            | "responses"
            | "schemas"
            | "securitySchemes"
            | "variables"
            | "webhooks"
    );
    is_known || keyword.starts_with("x-")
}
