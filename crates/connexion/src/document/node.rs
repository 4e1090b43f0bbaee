//! The tree of a document. Every node has its line and column, so that diagnostics found later, even after lowering from
//! Swagger 2.0, can report their position. `yaml` parses text into it.
//!
//! This module also resolves JSON Pointers into nodes and values. Every schema of a document has a pointer, so tokens
//! without escapes are read without an allocation; `serde_json` allocates twice for each.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

pub(crate) use crate::diagnostics::Position;

/// A value of a document. The position of a value in an object is that of its key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Node>),
    Object(IndexMap<String, Node>),
}

impl Node {
    pub(crate) fn new(at: Position, kind: Kind) -> Self {
        Self { at, kind }
    }

    pub(crate) fn string(at: Position, text: impl Into<String>) -> Self {
        Self::new(at, Kind::String(text.into()))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&IndexMap<String, Self>> {
        match &self.kind {
            Kind::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Returns the field `key` of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// Returns the items of an array; none if this is not an array.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Array(items) => items,
            _ => &[],
        }
    }

    /// Returns the fields of an object; none if this is not an object.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.as_object()
            .into_iter()
            .flatten()
            .map(|(key, node)| (key.as_str(), node))
    }

    /// Returns the JSON Schema type of the value.
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "boolean",
            Kind::Number(number) if number.is_f64() => "number",
            Kind::Number(_) => "integer",
            Kind::String(_) => "string",
            Kind::Array(_) => "array",
            Kind::Object(_) => "object",
        }
    }

    /// Returns the node at a JSON Pointer (RFC 6901) below this one.
    pub(crate) fn at_pointer(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer
            .strip_prefix('/')?
            .split('/')
            .try_fold(self, |node, token| match &node.kind {
                Kind::Object(members) => members.get(unescape(token).as_ref()),
                Kind::Array(items) => items.get(token.parse::<usize>().ok()?),
                _ => None,
            })
    }
}

impl Node {
    /// Returns the node at a JSON Pointer, mutable.
    pub(crate) fn at_pointer_mut(&mut self, pointer: &str) -> Option<&mut Self> {
        tokens(pointer)?.try_fold(self, |node, token| match &mut node.kind {
            Kind::Object(members) => members.get_mut(unescape(token).as_ref()),
            Kind::Array(items) => items.get_mut(index(token)?),
            _ => None,
        })
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            Kind::Null => serializer.serialize_unit(),
            Kind::Bool(value) => serializer.serialize_bool(*value),
            Kind::Number(number) => number.serialize(serializer),
            Kind::String(text) => serializer.serialize_str(text),
            Kind::Array(items) => items.serialize(serializer),
            Kind::Object(members) => members.serialize(serializer),
        }
    }
}

impl From<&Node> for Value {
    fn from(node: &Node) -> Self {
        match &node.kind {
            Kind::Null => Self::Null,
            Kind::Bool(value) => Self::Bool(*value),
            Kind::Number(number) => Self::Number(number.clone()),
            Kind::String(text) => Self::String(text.clone()),
            Kind::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Kind::Object(members) => Self::Object(
                members
                    .iter()
                    .map(|(key, node)| (key.clone(), node.into()))
                    .collect(),
            ),
        }
    }
}

/// Returns the value at a JSON Pointer (RFC 6901) below `root`.
pub(crate) fn value_at<'v>(root: &'v Value, pointer: &str) -> Option<&'v Value> {
    tokens(pointer)?.try_fold(root, |value, token| match value {
        Value::Object(members) => members.get(unescape(token).as_ref()),
        Value::Array(items) => items.get(index(token)?),
        _ => None,
    })
}

/// Returns the value at a JSON Pointer, mutable.
pub(crate) fn value_at_mut<'v>(root: &'v mut Value, pointer: &str) -> Option<&'v mut Value> {
    tokens(pointer)?.try_fold(root, |value, token| match value {
        Value::Object(members) => members.get_mut(unescape(token).as_ref()),
        Value::Array(items) => items.get_mut(index(token)?),
        _ => None,
    })
}

/// Splits a JSON Pointer into its tokens, still escaped; `None` if it is invalid.
fn tokens(pointer: &str) -> Option<impl Iterator<Item = &str>> {
    let is_pointer = pointer.is_empty() || pointer.starts_with('/');
    is_pointer.then(|| pointer.split('/').skip(1))
}

/// Parses an array index: digits without leading zeros (RFC 6901, section 4).
fn index(token: &str) -> Option<usize> {
    let is_padded = token.starts_with('0') && token.len() > 1;
    token
        .parse()
        .ok()
        .filter(|_| !is_padded && !token.starts_with('+'))
}

/// Maximum length of a JSON Pointer into a request, in bytes.
const MAX_POINTER: usize = 4 * 1024;

/// Removes tokens from the end of a pointer until it is within [`MAX_POINTER`].
pub(crate) fn shortened(mut pointer: String) -> String {
    while pointer.len() > MAX_POINTER {
        pointer.truncate(pointer.rfind('/').unwrap_or(0));
    }
    pointer
}

/// Appends a token to a JSON Pointer.
pub(crate) fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&escape(token));
}

/// Escapes a token of a JSON Pointer (RFC 6901, section 3).
pub(crate) fn escape(token: &str) -> Cow<'_, str> {
    if token.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
        token.replace('~', "~0").replace('/', "~1").into()
    } else {
        token.into()
    }
}

/// Unescapes a token of a JSON Pointer (RFC 6901, section 4).
pub(crate) fn unescape(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        token.replace("~1", "/").replace("~0", "~").into()
    } else {
        token.into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{value_at, value_at_mut};

    #[test]
    fn pointers_resolve_as_in_serde_json() {
        let mut root = json!({"a": [1, {"b/c~d": 2}], "": {"": 3}, "01": 4});
        let pointers = [
            "",
            "/",
            "//",
            "/a",
            "/a/0",
            "/a/00",
            "/a/+0",
            "/a/-",
            "/a/1/b~1c~0d",
            "/a/1/b/c~d",
            "/01",
            "a",
            "/a/2",
        ];
        for pointer in pointers {
            let expected = root.pointer(pointer).cloned();
            assert_eq!(value_at(&root, pointer), expected.as_ref(), "{pointer}");
            let found = value_at_mut(&mut root, pointer).map(|value| Value::clone(value));
            assert_eq!(found, expected, "{pointer}");
        }
    }
}
