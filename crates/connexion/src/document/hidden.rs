//! Removes extensions (`x-…`) from a document that is served to clients.
//!
//! A key that starts with `x-` is an extension only where OpenAPI expects keywords. It may also be the name of a property,
//! a header or a schema, or part of an example; these are not removed.

use serde_json::{Map, Value};

use crate::document::files::MEMBER as FILES;

/// The meaning of the keys of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Keys {
    /// Keywords and extensions.
    Keywords,
    /// Statuses and extensions.
    Statuses,
    /// Names chosen by the author, of objects with keywords.
    Names,
    /// Names chosen by the author, of links, which hold data beside their keywords.
    Links,
    /// Keywords and extensions of a link.
    Link,
    /// Data.
    Data,
}

/// Removes each extension for which `is_hidden` returns `true`.
pub(crate) fn leave_out(document: &mut Value, is_hidden: &dyn Fn(&str) -> bool) {
    if let Value::Object(members) = document {
        // At the root of Swagger 2.0 the keys of `responses` are names; in an operation they are statuses and extensions.
        let named = members.get_mut("responses").map(Value::take);
        below(members, Keys::Keywords, is_hidden);
        if let Some(mut named) = named {
            visit(&mut named, Keys::Names, is_hidden);
            members.insert("responses".to_owned(), named);
        }
    }
}

fn visit(value: &mut Value, keys: Keys, is_hidden: &dyn Fn(&str) -> bool) {
    match value {
        Value::Object(members) => below(members, keys, is_hidden),
        Value::Array(items) if keys != Keys::Data => {
            for item in items {
                visit(item, keys, is_hidden);
            }
        }
        _ => {}
    }
}

fn below(members: &mut Map<String, Value>, keys: Keys, is_hidden: &dyn Fn(&str) -> bool) {
    if matches!(keys, Keys::Keywords | Keys::Statuses | Keys::Link) {
        let is_kept = |key: &str| !key.starts_with("x-") || key == FILES || !is_hidden(key);
        members.retain(|key, _| is_kept(key));
    }
    for (key, member) in members {
        let keys = match keys {
            Keys::Keywords => keys_of(key, member),
            Keys::Statuses if key.starts_with("x-") => Keys::Data,
            Keys::Statuses | Keys::Names => Keys::Keywords,
            Keys::Links => Keys::Link,
            Keys::Link | Keys::Data => Keys::Data,
        };
        if keys == Keys::Keywords && key == "components" {
            named_responses(member, is_hidden);
        } else {
            visit(member, keys, is_hidden);
        }
    }
}

/// Visits `components`, whose fields hold objects by name.
fn named_responses(components: &mut Value, is_hidden: &dyn Fn(&str) -> bool) {
    let Value::Object(kinds) = components else {
        return;
    };
    kinds.retain(|key, _| !key.starts_with("x-") || !is_hidden(key));
    for (key, named) in kinds {
        let keys = match key.as_str() {
            "links" => Keys::Links,
            key if key.starts_with("x-") => Keys::Data,
            _ => Keys::Names,
        };
        visit(named, keys, is_hidden);
    }
}

/// Returns the meaning of the keys below a keyword, in any version of OpenAPI.
fn keys_of(keyword: &str, member: &Value) -> Keys {
    match keyword {
        "properties"
        | "patternProperties"
        | "dependentSchemas"
        | "dependentRequired"
        | "dependencies"
        | "$defs"
        | "definitions"
        | "parameters"
        | "headers"
        | "securityDefinitions"
        | "callbacks"
        | "webhooks"
        | "encoding"
        | "content"
        | "variables"
        | "mapping"
        | "scopes"
        | "additionalOperations"
            if member.is_object() =>
        {
            Keys::Names
        }
        // In a schema it is a list of values, and in Swagger 2.0 it holds values by media type.
        "examples" if member.is_array() || is_by_media_type(member) => Keys::Data,
        "examples" | FILES => Keys::Names,
        "responses" => Keys::Statuses,
        "links" => Keys::Links,
        "example" | "default" | "enum" | "const" | "value" | "dataValue" | "security" => Keys::Data,
        keyword if keyword.starts_with("x-") => Keys::Data,
        _ => Keys::Keywords,
    }
}

fn is_by_media_type(examples: &Value) -> bool {
    let mut names = examples.as_object().into_iter().flat_map(Map::keys);
    names.any(|name| name.contains('/'))
}
