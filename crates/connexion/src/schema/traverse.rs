//! Traversal of the schemas in a document: by keyword, by JSON Pointer, and along references.

use serde_json::Value;

use super::discriminator;
use crate::document::{
    MAX_REFERENCES, decoded,
    node::{Node, push, value_at},
};

/// Calls `visit` with `schema` and each schema below it, and the JSON Pointer to each.
pub(super) fn each_schema<'v>(
    schema: &'v Value,
    pointer: &str,
    visit: &mut impl FnMut(&'v Value, &str),
) {
    visit_below(schema, &mut pointer.to_owned(), visit);
}

/// Uses one buffer for all pointers: to allocate one for each schema took longer than the visits.
fn visit_below<'v>(
    schema: &'v Value,
    pointer: &mut String,
    visit: &mut impl FnMut(&'v Value, &str),
) {
    let Value::Object(keywords) = schema else {
        return;
    };
    visit(schema, pointer);
    let length = pointer.len();
    for (key, value) in keywords {
        push(pointer, key);
        match (key.as_str(), value) {
            // Values and annotations, not schemas.
            (
                "example" | "examples" | "default" | "enum" | "const" | "discriminator" | "xml"
                | "externalDocs",
                _,
            ) => {}
            (key, _) if key.starts_with("x-") && key != discriminator::BARE => {}
            // The keys of these objects are names, not keywords.
            (
                "properties" | "patternProperties" | "dependentSchemas" | "$defs" | "definitions",
                Value::Object(named),
            ) => {
                let length = pointer.len();
                for (name, below) in named {
                    push(pointer, name);
                    visit_below(below, pointer, visit);
                    pointer.truncate(length);
                }
            }
            (_, Value::Array(items)) => {
                let length = pointer.len();
                for (i, below) in items.iter().enumerate() {
                    push(pointer, &i.to_string());
                    visit_below(below, pointer, visit);
                    pointer.truncate(length);
                }
            }
            (_, below) => visit_below(below, pointer, visit),
        }
        pointer.truncate(length);
    }
}

/// Returns the node at a JSON Pointer, or its nearest ancestor that exists.
pub(super) fn deepest<'n>(mut node: &'n Node, pointer: &str) -> &'n Node {
    for token in pointer.split('/').skip(1) {
        match node.at_pointer(&format!("/{token}")) {
            Some(below) => node = below,
            None => break,
        }
    }
    node
}

/// Follows the references of a schema to the last target that exists.
pub(super) fn resolve<'v>(root: &'v Value, mut schema: &'v Value) -> &'v Value {
    for _ in 0..MAX_REFERENCES {
        let reference = schema.get("$ref").and_then(Value::as_str);
        let target = reference.and_then(|reference| value_at(root, &decoded(reference)));
        match target {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

/// The characters that are percent-encoded in the fragment of a reference (RFC 3986, section 3.5).
const FRAGMENT: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Returns a JSON Pointer as the fragment of a reference.
pub(super) fn encoded(pointer: &str) -> String {
    percent_encoding::utf8_percent_encode(pointer, FRAGMENT).to_string()
}
