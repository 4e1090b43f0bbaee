//! What of a document its schemas are compiled from.
//!
//! A document is mostly prose and examples, and there is a copy of it for each direction. The copies leave out what is
//! for people, and keep everything else where the document has it: a reference may lead anywhere.

use serde_json::Value;

use crate::document::node::{Kind, Node};

/// Returns a document without prose and examples.
pub(super) fn reduced(root: &Node) -> Value {
    below(root, false)
}

/// `are_names` says whether the keys of an object are names that its author chose, not keywords.
fn below(node: &Node, are_names: bool) -> Value {
    let members = match &node.kind {
        Kind::Object(members) => members,
        Kind::Array(items) => return items.iter().map(|item| below(item, false)).collect(),
        _ => return node.into(),
    };
    let is_kept = |key: &str| are_names || !is_for_people(key);
    let kept = members.iter().filter(|(key, _)| is_kept(key));
    let one = |(key, member): (&String, &Node)| {
        let value = match key.as_str() {
            "const" | "default" | "enum" if !are_names => Value::from(member),
            _ => below(member, !are_names && holds_names(key)),
        };
        (key.clone(), value)
    };
    kept.map(one).collect()
}

/// Whether a keyword says nothing of values to a program.
fn is_for_people(keyword: &str) -> bool {
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

/// Whether the keys below a keyword are names. What an extension holds is not known, so nothing of it is left out.
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
