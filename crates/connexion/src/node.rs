//! The document as a tree in which every node knows its line and column, so that a fault found much
//! later, even after lowering from Swagger 2.0, can still name its place.
//!
//! JSON is read with the same parser: it is a subset of YAML 1.2. Nesting and the number of nodes are
//! bounded, because an alias can make a small file expand without end.

use std::fmt;

use indexmap::IndexMap;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use serde_json::{Number, Value};

const MAX_DEPTH: usize = 100;
const MAX_NODES: usize = 1_000_000;

/// A line and column in a document, both counted from 1, the column in characters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };
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

/// Why a text is no document: the first fault only, since nothing after it can be understood.
#[derive(Debug)]
pub(crate) struct SyntaxFault {
    pub(crate) at: Position,
    pub(crate) message: String,
}

/// Reads YAML or JSON text.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxFault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Reader {
        events: Parser::new_from_str(text),
        anchors: IndexMap::new(),
        nodes: 0,
    }
    .document()
}

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    anchors: IndexMap<usize, Node>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn document(mut self) -> Result<Node, SyntaxFault> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    return Err(fault(start(span), "the document is empty"));
                }
                event => {
                    let mut root = self.node(event, span, 0)?;
                    root.at = Position::START;
                    return Ok(root);
                }
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), SyntaxFault> {
        match self.events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let marker = error.marker();
                let at = Position {
                    line: marker.line(),
                    column: marker.col() + 1,
                };
                Err(fault(at, error.info()))
            }
            None => Err(fault(Position::START, "the document ends too early")),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, SyntaxFault> {
        let at = start(span);
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(fault(at, "nested too deeply"));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text_wanted =
                    tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let kind = if style == ScalarStyle::Plain && !text_wanted {
                    plain_scalar(&text)
                } else {
                    Kind::String(text.into_owned())
                };
                (Node::new(at, kind), anchor)
            }
            Event::SequenceStart(anchor, _) => (self.sequence(at, depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(at, depth)?, anchor),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(fault(at, "an alias stands inside what it names"));
                };
                self.nodes += count(&node);
                (node, 0)
            }
            _ => return Err(fault(at, "a value is missing")),
        };
        if self.nodes > MAX_NODES {
            return Err(fault(at, "the document has too many values"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, at: Position, depth: usize) -> Result<Node, SyntaxFault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Node::new(at, Kind::Array(items))),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, at: Position, depth: usize) -> Result<Node, SyntaxFault> {
        let mut members = IndexMap::new();
        loop {
            let (event, span) = self.next()?;
            let key_at = start(span);
            let key = match event {
                Event::MappingEnd => return Ok(Node::new(at, Kind::Object(members))),
                // A response's status is often written without quotes: every scalar is read as text.
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(fault(key_at, "a key must be a text")),
            };
            let (event, span) = self.next()?;
            let mut value = self.node(event, span, depth + 1)?;
            value.at = key_at;
            if members.insert(key.clone(), value).is_some() {
                return Err(fault(
                    key_at,
                    &format!("the key '{key}' stands here a second time"),
                ));
            }
        }
    }
}

/// The core schema of YAML 1.2.2, section 10.3.2.
fn plain_scalar(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    let starts_like_a_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let number = starts_like_a_number.then(|| number(text)).flatten();
    number.map_or_else(|| Kind::String(text.to_owned()), Kind::Number)
}

fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().map(Number::from);
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    // Rust reads "inf" and "nan" as numbers too; JSON has no such values.
    let numeral = text
        .chars()
        .all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    text.parse::<f64>()
        .ok()
        .filter(|_| numeral)
        .and_then(Number::from_f64)
}

fn count(node: &Node) -> usize {
    let below: usize = match &node.kind {
        Kind::Array(items) => items.iter().map(count).sum(),
        Kind::Object(members) => members.values().map(count).sum(),
        _ => 0,
    };
    1 + below
}

fn start(span: Span) -> Position {
    Position {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

fn fault(at: Position, message: &str) -> SyntaxFault {
    SyntaxFault {
        at,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::{Value, json};

    use super::{Position, parse};

    #[test]
    fn yaml_and_json_give_the_same_values() {
        let yaml = "a: 1\nb: [x, -2, 1.5, null, yes, true]\n'c': {200: '200', d: \"\\u00e9\"}\ne: 0x1F\nf: 1.2.3\n";
        let json = r#"{"a": 1, "b": ["x", -2, 1.5, null, "yes", true], "c": {"200": "200", "d": "é"},
                       "e": 31, "f": "1.2.3"}"#;
        let expected = json!({"a": 1, "b": ["x", -2, 1.5, null, "yes", true], "c": {"200": "200", "d": "é"},
                              "e": 31, "f": "1.2.3"});
        assert_eq!(Value::from(&parse(yaml).unwrap()), expected);
        assert_eq!(Value::from(&parse(json).unwrap()), expected);
    }

    #[test]
    fn a_member_stands_where_its_key_stands() {
        let root = parse("paths:\n  /people:\n    get:\n      operationId: a\n").unwrap();
        let node = root.at_pointer("/paths/~1people/get/operationId").unwrap();
        assert_eq!(node.at, Position { line: 4, column: 7 });
    }

    #[test]
    fn aliases_are_followed_but_not_without_end() {
        let root = parse("a: &x {b: 1}\nc: *x\n").unwrap();
        assert_eq!(Value::from(&root), json!({"a": {"b": 1}, "c": {"b": 1}}));

        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..9 {
            let below = format!("*a{}, ", i - 1).repeat(10);
            writeln!(bomb, "a{i}: &a{i} [{below}]").unwrap();
        }
        assert_eq!(
            parse(&bomb).unwrap_err().message,
            "the document has too many values"
        );
    }

    #[test]
    fn faults_name_their_place() {
        let twice = parse("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(
            (twice.at.to_string().as_str(), twice.message.contains("'a'")),
            ("3:1", true)
        );
        assert_eq!(parse("a: [1, 2\nb: 3\n").unwrap_err().at.line, 2);
        assert_eq!(parse("").unwrap_err().message, "the document is empty");
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
