//! OpenAPI's schemas in the words of JSON Schema 2020-12.
//!
//! Keywords of OpenAPI 3.0 and Swagger 2.0 are rewritten (`nullable`, boolean `exclusiveMinimum`), and the
//! formats `int32` and `int64` become a keyword of ours, because the `format` of JSON Schema looks at texts
//! only.

use serde_json::{Map, Value, json};

use crate::document::MAX_REFERENCES;

/// Decides whether a text is of a format.
pub(crate) type FormatCheck = fn(&str) -> bool;

/// The keyword that holds the bounds of `int32` and `int64`: the `format` of JSON Schema looks at texts only.
pub(crate) const WHOLE: &str = "x-connexion-whole";

/// Rewrites what OpenAPI's schemas say differently from JSON Schema 2020-12, everywhere below `value`.
/// `named`: the members of this object are names chosen by the author, not keywords.
pub(crate) fn adapt(value: &mut Value, named: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| adapt(item, false)),
        Value::Object(members) => {
            if !named {
                adapt_bounds(members);
                adapt_nullable(members);
            }
            for (key, member) in members {
                // Data, not schemas: nothing in there may be changed.
                let data = matches!(
                    key.as_str(),
                    "example" | "examples" | "default" | "enum" | "const"
                );
                if named || !data {
                    let holds_names = matches!(
                        key.as_str(),
                        "properties" | "patternProperties" | "$defs" | "schemas"
                    );
                    adapt(member, holds_names && !named);
                }
            }
        }
        _ => {}
    }
}

fn adapt_bounds(schema: &mut Map<String, Value>) {
    if let Some(format @ ("int32" | "int64")) = schema.get("format").and_then(Value::as_str) {
        let format = format.into();
        schema.insert(WHOLE.to_owned(), format);
    }
    for (keyword, exclusive) in [
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ] {
        // In OpenAPI 3.0 a boolean says that the other keyword's bound is exclusive.
        match schema.get(exclusive) {
            Some(Value::Bool(true)) => {
                let moved = schema.shift_remove(keyword);
                schema.extend(moved.map(|bound| (exclusive.to_owned(), bound)));
            }
            Some(Value::Bool(false)) => drop(schema.shift_remove(exclusive)),
            _ => {}
        }
    }
}

/// `nullable` of OpenAPI 3.0 and `x-nullable` of Swagger 2.0 become the type "null".
fn adapt_nullable(schema: &mut Map<String, Value>) {
    let nullable = ["nullable", "x-nullable"]
        .iter()
        .any(|key| schema.get(*key) == Some(&Value::Bool(true)));
    if let (true, Some(Value::String(name))) = (nullable, schema.get("type")) {
        let types = json!([name, "null"]);
        schema.insert("type".to_owned(), types);
        if let Some(Value::Array(options)) = schema.get_mut("enum")
            && !options.contains(&Value::Null)
        {
            options.push(Value::Null);
        }
    }
}

/// What a schema's references lead to in the end.
pub(crate) fn resolve<'v>(root: &'v Value, mut schema: &'v Value) -> &'v Value {
    for _ in 0..MAX_REFERENCES {
        let reference = schema.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|reference| root.pointer(reference.strip_prefix('#')?));
        match target {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}
