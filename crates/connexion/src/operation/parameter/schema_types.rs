//! The types that a schema allows, with its subschemas.

use crate::document::{cursor::Cursor, node::Node};

/// The maximum depth of subschemas that are searched for types.
pub(crate) const MAX_PARTS: usize = 8;

/// Returns a schema and its subschemas for the same value.
pub(crate) fn parts<'d>(schema: &Cursor<'d>, depth: usize) -> Vec<Cursor<'d>> {
    let mut all = vec![schema.clone()];
    if let Some(below) = depth.checked_sub(1) {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for part in schema.get(keyword).iter().flat_map(Cursor::items) {
                all.extend(parts(&part, below));
            }
        }
        let dependent = schema.get("dependentSchemas");
        let dependent = dependent.iter().flat_map(Cursor::members);
        let chosen = ["if", "then", "else", "not"]
            .iter()
            .filter_map(|key| schema.get(key));
        for part in chosen.chain(dependent.map(|(_, part)| part)) {
            all.extend(parts(&part, below));
        }
    }
    all
}

/// Returns the types that a schema allows. Without `type`, keywords for properties or items imply them.
pub(crate) fn all_types(schema: &Cursor<'_>) -> Vec<String> {
    let mut types = types(schema, MAX_PARTS);
    if types.is_empty() {
        let parts = parts(schema, MAX_PARTS);
        for (keyword, implied) in [
            ("properties", "object"),
            ("items", "array"),
            ("prefixItems", "array"),
        ] {
            if parts.iter().any(|part| part.node.get(keyword).is_some()) {
                types.push(implied.to_owned());
            }
        }
    }
    // `nullable` of OpenAPI 3.0, and an extension of Swagger 2.0.
    let may_be_null = schema.flag("nullable") || schema.flag("x-nullable");
    if may_be_null && !types.is_empty() && !has(&types, "null") {
        types.push("null".to_owned());
    }
    types
}

/// Returns the types that a schema or its subschemas allow; any if empty.
pub(crate) fn types(schema: &Cursor<'_>, depth: usize) -> Vec<String> {
    if let Some(node) = schema.node.get("type") {
        let names = node.items().iter().chain([node]);
        return names.filter_map(Node::as_str).map(str::to_owned).collect();
    }
    // The types of the listed values.
    let listed = schema.node.get("enum").map_or(&[][..], Node::items).iter();
    let mut listed: Vec<_> = listed
        .chain(schema.node.get("const"))
        .map(Node::type_name)
        .collect();
    listed.dedup();
    if !listed.is_empty() {
        return listed.into_iter().map(str::to_owned).collect();
    }
    let parts = |key| {
        let below = depth.checked_sub(1)?;
        let parts = schema.get(key)?;
        let types = parts.items().map(|part| types(&part, below));
        Some(types.filter(|types| !types.is_empty()).collect::<Vec<_>>())
    };
    let all = parts("allOf").and_then(|types| types.into_iter().next());
    let any = || {
        parts("anyOf")
            .or_else(|| parts("oneOf"))
            .map(|types| types.concat())
    };
    all.or_else(any).unwrap_or_default()
}

/// Returns whether a list of types contains `wanted`.
pub(crate) fn has(types: &[String], wanted: &str) -> bool {
    types.iter().any(|name| name == wanted)
}
