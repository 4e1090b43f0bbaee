//! Changes to the tree of one file.

use std::collections::HashMap;

use crate::document::node::{Kind, Node, Position, push};

/// Returns the pointer of the schema with this `$anchor`.
pub(super) fn anchored(node: &Node, name: &str, pointer: &mut String) -> Option<String> {
    if node.get("$anchor").and_then(Node::as_str) == Some(name) {
        return Some(pointer.clone());
    }
    let length = pointer.len();
    let mut below = |key: &str, node: &Node| {
        push(pointer, key);
        let found = anchored(node, name, pointer);
        pointer.truncate(length);
        found
    };
    match &node.kind {
        Kind::Object(members) => members.iter().find_map(|(key, node)| below(key, node)),
        Kind::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(i, node)| below(&i.to_string(), node))
        }
        _ => None,
    }
}

/// Sets the file of all positions.
pub(super) fn set_file(node: &mut Node, file: usize) {
    node.at.file = file;
    match &mut node.kind {
        Kind::Array(items) => items.iter_mut().for_each(|item| set_file(item, file)),
        Kind::Object(members) => members
            .values_mut()
            .for_each(|member| set_file(member, file)),
        _ => {}
    }
}

/// Replaces the strings at the given positions.
pub(super) fn rewrite(node: &mut Node, rewrites: &HashMap<Position, String>) {
    match &mut node.kind {
        Kind::Array(items) => items.iter_mut().for_each(|item| rewrite(item, rewrites)),
        Kind::Object(members) => members
            .values_mut()
            .for_each(|member| rewrite(member, rewrites)),
        Kind::String(text) => {
            if let Some(local) = rewrites.get(&node.at) {
                text.clone_from(local);
            }
        }
        _ => {}
    }
}
