//! The document as a tree in which every node knows its line and column, so that a fault found much
//! later, even after lowering from Swagger 2.0, can still name its place. `yaml` makes it from text.

use std::fmt;

use indexmap::IndexMap;
use serde_json::{Number, Value};

/// A line and column in a file of a document, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Which of the document's files; 0 is its own.
    pub(crate) file: usize,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl Position {
    pub(crate) const START: Self = Self {
        file: 0,
        line: 1,
        column: 1,
    };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

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

    /// The node at a JSON Pointer (RFC 6901) below this one.
    pub(crate) fn at_pointer(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer
            .strip_prefix('/')?
            .split('/')
            .try_fold(self, |node, token| match &node.kind {
                Kind::Object(members) => members.get(&unescape(token)),
                Kind::Array(items) => items.get(token.parse::<usize>().ok()?),
                _ => None,
            })
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

/// Writes one token of a JSON Pointer (RFC 6901, section 3).
pub(crate) fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// Reads one token of a JSON Pointer (RFC 6901, section 4).
pub(crate) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
