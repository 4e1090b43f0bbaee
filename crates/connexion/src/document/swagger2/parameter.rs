//! Parameters, headers and `in: body`.

use super::{content, object};
use crate::document::node::{Kind, Node};

/// The fields of a parameter or header that are not keywords of its schema.
const OWN_FIELDS: [&str; 5] = ["name", "in", "description", "required", "allowEmptyValue"];

/// Lowers a parameter or header: the keywords of its value move into a `schema`. A reference is returned unchanged.
pub(super) fn parameter(node: &Node) -> Node {
    let Some(members) = node
        .as_object()
        .filter(|members| !members.contains_key("$ref"))
    else {
        return node.clone();
    };
    let mut lowered = object(node.at);
    let mut schema = object(node.at);
    let has_schema = members.contains_key("schema");
    let is_array = node.get("type").and_then(Node::as_str) == Some("array");
    for (key, member) in members {
        match key.as_str() {
            "collectionFormat" => {
                let style = match member.as_str() {
                    Some("csv") if !is_array => continue,
                    Some("csv") => "collectionFormat: csv",
                    Some("multi") => "form",
                    // OpenAPI 3 has no style for tabs, and the others for the query only.
                    Some("ssv") => "collectionFormat: ssv",
                    Some("tsv") => "collectionFormat: tsv",
                    Some("pipes") => "collectionFormat: pipes",
                    // Reported as an unknown style.
                    other => other.unwrap_or_default(),
                };
                lowered.put("style", Node::string(member.at, style));
            }
            key if has_schema
                || OWN_FIELDS.contains(&key)
                || key.starts_with("x-") && key != "x-nullable" =>
            {
                lowered.put(key, member.clone());
            }
            key => schema.put(key, member.clone()),
        }
    }
    if is_array {
        if lowered.get("style").is_none() {
            lowered.put("style", Node::string(node.at, "collectionFormat: csv"));
        }
        let explode = lowered.get("style").and_then(Node::as_str) == Some("form");
        lowered.put("explode", Node::new(node.at, Kind::Bool(explode)));
    }
    if !has_schema {
        lowered.put("schema", schema);
    }
    lowered
}

/// Lowers a parameter of `in: body`.
pub(super) fn request_body(parameter: &Node, consumes: Option<&[Node]>) -> Node {
    let mut body = object(parameter.at);
    for key in ["description", "required"] {
        if let Some(member) = parameter.get(key) {
            body.put(key, member.clone());
        }
    }
    let mut described = parameter.clone();
    if let (Some(schema), true) = (parameter.get("schema"), is_nullable(parameter)) {
        described.put("schema", or_null(schema));
    }
    body.put("content", content(&described, consumes));
    body
}

fn is_nullable(parameter: &Node) -> bool {
    parameter.get("x-nullable").and_then(Node::as_bool) == Some(true)
}

/// Returns a schema that also allows null, for `x-nullable` beside `in: body`, which applies to the whole body.
fn or_null(schema: &Node) -> Node {
    let mut null = object(schema.at);
    null.put("type", Node::string(schema.at, "null"));
    let either = Node::new(schema.at, Kind::Array(vec![schema.clone(), null]));
    let mut lowered = object(schema.at);
    lowered.put("anyOf", either);
    lowered
}
