//! The document as a tree in which every node knows its line and column, so that a fault found much
//! later, even after lowering from Swagger 2.0, can still name its place. `yaml` makes it from text.
//!
//! JSON Pointers lead into it and into values. A document has a pointer for each of its schemas, so what reads one
//! makes no text of a token that is not escaped; `serde_json` makes two.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

pub(crate) use crate::diagnostics::Position;

/// One value of a document. A member of an object stands where its key stands, which is what people look
/// for in an editor.
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

    /// The member called `key`, if this is an object that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// The items, or nothing if this is not an array.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::Array(items) => items,
            _ => &[],
        }
    }

    /// The members, or nothing if this is not an object.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.as_object()
            .into_iter()
            .flatten()
            .map(|(key, node)| (key.as_str(), node))
    }

    /// The type that a schema gives such a value.
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

    /// The node at a JSON Pointer (RFC 6901) below this one.
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
    /// The same, to change it.
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

/// The value at a JSON Pointer (RFC 6901) below `root`.
pub(crate) fn value_at<'v>(root: &'v Value, pointer: &str) -> Option<&'v Value> {
    tokens(pointer)?.try_fold(root, |value, token| match value {
        Value::Object(members) => members.get(unescape(token).as_ref()),
        Value::Array(items) => items.get(index(token)?),
        _ => None,
    })
}

/// The same, to change it.
pub(crate) fn value_at_mut<'v>(root: &'v mut Value, pointer: &str) -> Option<&'v mut Value> {
    tokens(pointer)?.try_fold(root, |value, token| match value {
        Value::Object(members) => members.get_mut(unescape(token).as_ref()),
        Value::Array(items) => items.get_mut(index(token)?),
        _ => None,
    })
}

/// The tokens of a JSON Pointer, still escaped; `None` if it is none.
fn tokens(pointer: &str) -> Option<impl Iterator<Item = &str>> {
    let is_pointer = pointer.is_empty() || pointer.starts_with('/');
    is_pointer.then(|| pointer.split('/').skip(1))
}

/// The place that a token names in an array: digits, without a zero before others (RFC 6901, section 4).
fn index(token: &str) -> Option<usize> {
    let is_padded = token.starts_with('0') && token.len() > 1;
    token
        .parse()
        .ok()
        .filter(|_| !is_padded && !token.starts_with('+'))
}

/// A JSON Pointer into what was sent is at most this long, in bytes.
const MAX_POINTER: usize = 4 * 1024;

/// A pointer that is not too long: to the value, or to one around it.
pub(crate) fn shortened(mut pointer: String) -> String {
    while pointer.len() > MAX_POINTER {
        pointer.truncate(pointer.rfind('/').unwrap_or(0));
    }
    pointer
}

/// Adds a token to a JSON Pointer.
pub(crate) fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&escape(token));
}

/// Writes one token of a JSON Pointer (RFC 6901, section 3).
pub(crate) fn escape(token: &str) -> Cow<'_, str> {
    if token.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
        token.replace('~', "~0").replace('/', "~1").into()
    } else {
        token.into()
    }
}

/// Reads one token of a JSON Pointer (RFC 6901, section 4).
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
    fn a_pointer_leads_where_serde_json_finds_it() {
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
