//! Schemas with identifiers. `$id` starts a schema resource; the references in it are relative to its root and anchors
//! (JSON Schema Core 2020-12, sections 8.2 and 9.1).
//!
//! Such references become pointers from the root of the document before other modules read them. Each `$id` is removed,
//! because it would change the meaning of these pointers. An identifier is valid within its own file.

use std::collections::HashMap;

use fluent_uri::{Uri, UriRef};
use percent_encoding::utf8_percent_encode;

use crate::document::{
    files::{POINTER, split},
    node::{Kind, Node, push},
};

/// The base URI of a document without an identifier. It must differ from every `$id`.
const BASE: &str = "https://document.invalid/";

/// Replaces references to identifiers by pointers. `text` is the text of the file; most files have no identifiers and are
/// not searched further.
pub(crate) fn resolve(root: &mut Node, text: &str) {
    if !text.contains("$id") && !text.contains("$anchor") {
        return;
    }
    let mut identifiers = Identifiers::default();
    identifiers.collect(root, BASE, &mut String::new(), false);
    identifiers.rewrite(root, BASE, false);
}

/// The JSON Pointers of all identifiers.
#[derive(Default)]
struct Identifiers {
    /// By their `$id`.
    resources: HashMap<String, String>,
    /// By the `$id` of the resource and the `$anchor`.
    anchors: HashMap<(String, String), String>,
}

impl Identifiers {
    /// Collects the identifiers below a node. The keys of the node are names, not keywords, if `are_named` is set.
    fn collect(&mut self, node: &Node, base: &str, pointer: &mut String, are_named: bool) {
        let mut base = base.to_owned();
        if let Some(id) = text(node, "$id").filter(|_| !are_named) {
            base = absolute(&base, id);
            self.resources.insert(base.clone(), pointer.clone());
        }
        if let Some(name) = text(node, "$anchor").filter(|_| !are_named) {
            let anchor = (base.clone(), name.to_owned());
            self.anchors.insert(anchor, pointer.clone());
        }
        let length = pointer.len();
        let mut below = |key: &str, node: &Node, are_named: bool| {
            push(pointer, key);
            self.collect(node, &base, pointer, are_named);
            pointer.truncate(length);
        };
        match &node.kind {
            Kind::Object(members) => {
                for (key, node) in members.iter().filter(|(key, _)| are_named || !is_data(key)) {
                    below(key, node, !are_named && has_names(key));
                }
            }
            Kind::Array(items) => {
                for (i, node) in items.iter().enumerate() {
                    below(&i.to_string(), node, false);
                }
            }
            _ => {}
        }
    }

    /// Rewrites the references below a node.
    fn rewrite(&self, node: &mut Node, base: &str, are_named: bool) {
        let id = text(node, "$id").filter(|_| !are_named);
        let id = id.map(|id| absolute(base, id));
        let base = id.as_deref().unwrap_or(base);
        let reference = text(node, "$ref").filter(|_| !are_named);
        let pointer = reference.and_then(|reference| self.pointer(base, reference));
        match &mut node.kind {
            Kind::Object(members) => {
                if id.is_some() {
                    members.shift_remove("$id");
                }
                if let (Some(pointer), Some(reference)) = (pointer, members.get_mut("$ref")) {
                    reference.kind = Kind::String(pointer);
                }
                let members = members.iter_mut();
                for (key, node) in members.filter(|(key, _)| are_named || !is_data(key)) {
                    self.rewrite(node, base, !are_named && has_names(key));
                }
            }
            Kind::Array(items) => {
                for node in items {
                    self.rewrite(node, base, false);
                }
            }
            _ => {}
        }
    }

    /// Converts a reference to an identifier into a pointer; `None` for other references.
    fn pointer(&self, base: &str, reference: &str) -> Option<String> {
        let resource = absolute(base, reference);
        let (_, fragment) = split(reference);
        let (start, rest) = if fragment.is_empty() || fragment.starts_with('/') {
            (self.resources.get(&resource)?, fragment)
        } else {
            let anchor = (resource, fragment.to_owned());
            (self.anchors.get(&anchor)?, "")
        };
        Some(format!("#{}{rest}", utf8_percent_encode(start, POINTER)))
    }
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_str)
}

/// Returns the URI of the resource that a reference leads into. An invalid one is returned unchanged; it is reported
/// elsewhere.
fn absolute(base: &str, reference: &str) -> String {
    let (path, _) = split(reference);
    if path.is_empty() {
        return base.to_owned();
    }
    let resolved = Uri::parse(base).ok().and_then(|base| {
        let reference = UriRef::parse(path).ok()?;
        reference.resolve_against(&base).ok()
    });
    resolved.map_or_else(|| path.to_owned(), |uri| uri.as_str().to_owned())
}

/// Returns whether a keyword holds data, which has no identifiers.
fn is_data(key: &str) -> bool {
    matches!(key, "const" | "default" | "enum" | "example" | "examples")
}

/// Returns whether the keys below a keyword are names.
fn has_names(key: &str) -> bool {
    matches!(
        key,
        "$defs"
            | "callbacks"
            | "content"
            | "definitions"
            | "dependentSchemas"
            | "encoding"
            | "headers"
            | "links"
            | "parameters"
            | "pathItems"
            | "paths"
            | "patternProperties"
            | "properties"
            | "requestBodies"
            | "responses"
            | "schemas"
            | "securitySchemes"
            | "webhooks"
    )
}
