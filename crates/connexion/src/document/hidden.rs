//! Leaves extensions (`x-…`) out of a document that is shown to clients.
//!
//! A key that begins with `x-` is an extension only where OpenAPI expects keywords. It may as well be the name of a
//! property, a header or a schema, or be part of an example: these stay.

use serde_json::{Map, Value};

use crate::document::files::MEMBER as FILES;

/// What the keys of an object are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Keys {
    /// Keywords and extensions.
    Keywords,
    /// Statuses and extensions.
    Statuses,
    /// Names that the author chose; each stands for an object of keywords.
    Names,
    /// Names that the author chose; each stands for a link, which holds data beside its keywords.
    Links,
    /// Keywords and extensions of a link.
    Link,
    /// Data.
    Data,
}

/// Removes each extension for which `is_hidden` returns `true`.
pub(crate) fn leave_out(document: &mut Value, is_hidden: &dyn Fn(&str) -> bool) {
    if let Value::Object(members) = document {
        // In Swagger 2.0 these are named here; in an operation they are by status, with extensions.
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

/// Visits `components`, all of whose members are named.
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

/// What stands under a keyword, in any version of OpenAPI.
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
        // Of schemas it is a list of values, and in Swagger 2.0 it holds values by media type.
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
