//! The size of a tree, which is limited because aliases can expand a small file.

use crate::document::node::{Kind, Node};

/// Returns the weight of a node and everything below it.
pub(crate) fn weight(node: &Node) -> usize {
    size(node).0
}

/// Returns the weight of a node and everything below it, and the number of levels below it.
pub(super) fn size(node: &Node) -> (usize, usize) {
    let add = |(weight, height): (usize, usize), below: &Node| {
        let (more, levels) = size(below);
        (weight + more, height.max(levels + 1))
    };
    let start = (own_weight(node), 0);
    match &node.kind {
        Kind::Array(items) => items.iter().fold(start, add),
        Kind::Object(members) => members.values().fold(start, add),
        _ => start,
    }
}

/// Returns the weight of a node without the nodes below it.
pub(super) fn own_weight(node: &Node) -> usize {
    let bytes = match &node.kind {
        Kind::String(text) => text.len(),
        Kind::Object(members) => members.keys().map(String::len).sum(),
        _ => 0,
    };
    1 + bytes / 64
}
