//! YAML 1.2 text, read into a [`Node`]; what is no YAML 1.2, but read by libyaml, is read as that does.
//!
//! JSON is read with the same parser: it is a subset of YAML but for the way it writes characters beyond
//! the first plane. Nesting and size are bounded, because an alias can make a small file expand without end.

mod libyaml;
mod write;

use std::{borrow::Cow, sync::LazyLock};

use indexmap::{IndexMap, map::Entry};
use regex::{Captures, Regex};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};
use serde_json::Number;

pub(crate) use self::write::write;
use crate::document::node::{Kind, Node, Position};

/// How deep values may be nested, those that an alias brings included: whoever walks a document recurs.
const MAX_DEPTH: usize = 100;

/// How much a document may hold: one for every value, and one for every 64 bytes of text.
pub(crate) const MAX_WEIGHT: usize = 1_000_000;

/// A character beyond the first plane, as JSON escapes it: the two halves of its UTF-16 (RFC 8259,
/// section 7). What is left of it are backslashes that do not begin it.
static SURROGATES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?P<left>\\\\)|\\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})")
        .expect("the expression is constant")
});

/// How many characters an escaped character is shorter in YAML (`\U0001f600`) than in JSON
/// (`\ud83d\ude00`).
const SHORTER: usize = 2;

/// Why a text is no document: the first fault only, since nothing after it can be understood.
#[derive(Debug)]
pub(crate) struct SyntaxFault {
    pub(crate) at: Position,
    pub(crate) message: String,
    /// Whether it is the parser's, so that another one may read the text.
    is_of_parser: bool,
}

impl SyntaxFault {
    fn new(at: Position, message: &str) -> Self {
        Self {
            at,
            message: message.to_owned(),
            is_of_parser: false,
        }
    }
}

/// What a parser finds in a text, each with where it begins.
type Events<'t> = Box<dyn Iterator<Item = Result<(Event<'t>, Position), SyntaxFault>> + 't>;

/// A text that was read.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) root: Node,
    /// Keys that stand a second time in one object: the last one counts, as in most parsers.
    pub(crate) duplicates: Vec<SyntaxFault>,
}

/// Reads YAML or JSON text.
pub(crate) fn parse(text: &str) -> Result<Parsed, SyntaxFault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_json = text.trim_start().starts_with('{');
    let (text, shortened) = if is_json {
        join_surrogates(text)
    } else {
        (Cow::Borrowed(text), Vec::new())
    };
    let read = |events| {
        let reader = Reader {
            events,
            anchors: IndexMap::new(),
            weight: 0,
            duplicates: Vec::new(),
            shortened: &shortened,
        };
        reader.document()
    };
    let first = read(strict(&text));
    match first {
        // If both fail, the error in YAML 1.2 is the one to correct.
        Err(error) if error.is_of_parser && libyaml::can_read(&text) => {
            read(Box::new(libyaml::Events::new(&text))).or(Err(error))
        }
        first => first,
    }
}

/// The events of YAML 1.2.
fn strict<'t>(text: &'t str) -> Events<'t> {
    let event = |next: Result<(Event<'t>, Span), ScanError>| match next {
        Ok((event, span)) => Ok((event, position(span.start))),
        Err(error) => Err(SyntaxFault {
            is_of_parser: true,
            ..SyntaxFault::new(position(*error.marker()), error.info())
        }),
    };
    Box::new(Parser::new_from_str(text).map(event))
}

fn position(marker: Marker) -> Position {
    Position {
        file: 0,
        line: marker.line(),
        column: marker.col() + 1,
    }
}

/// The text with each pair of surrogates as YAML escapes that character, and where they stand in it.
fn join_surrogates(text: &str) -> (Cow<'_, str>, Vec<Position>) {
    let mut shortened = Vec::new();
    let (mut line, mut from, mut moved) = (1, 0, 0);
    let joined = SURROGATES.replace_all(text, |found: &Captures<'_>| {
        let all = found.get_match();
        let (Some(high), Some(low)) = (half(found, "high"), half(found, "low")) else {
            return all.as_str().to_owned();
        };
        let before = text.get(from..all.start()).unwrap_or_default();
        let lines = before.matches('\n').count();
        let tail = before.rsplit('\n').next().unwrap_or_default();
        let column = tail.chars().count();
        line += lines;
        moved = if lines == 0 { moved + column } else { column };
        shortened.push(Position {
            file: 0,
            line,
            column: moved + 1,
        });
        from = all.end();
        moved += all.len() - SHORTER;
        format!(
            "\\U{:08x}",
            0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)
        )
    });
    (joined, shortened)
}

fn half(found: &Captures<'_>, name: &str) -> Option<u32> {
    u32::from_str_radix(found.name(name)?.as_str(), 16).ok()
}

struct Reader<'t, 's> {
    events: Events<'t>,
    anchors: IndexMap<usize, Node>,
    weight: usize,
    duplicates: Vec<SyntaxFault>,
    /// Where the text was made shorter, in order.
    shortened: &'s [Position],
}

impl<'t> Reader<'t, '_> {
    fn document(mut self) -> Result<Parsed, SyntaxFault> {
        let root = loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    return Err(SyntaxFault::new(at, "the document is empty"));
                }
                event => break self.node(event, at, 0)?,
            }
        };
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::DocumentEnd => {}
                Event::StreamEnd => {
                    return Ok(Parsed {
                        root: Node::new(Position::START, root.kind),
                        duplicates: self.duplicates,
                    });
                }
                _ => return Err(SyntaxFault::new(at, "a second document begins here")),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Position), SyntaxFault> {
        match self.events.next() {
            Some(Ok((event, at))) => Ok((event, self.as_written(at))),
            Some(Err(error)) => Err(SyntaxFault {
                at: self.as_written(error.at),
                ..error
            }),
            None => Err(SyntaxFault::new(
                Position::START,
                "the document ends too early",
            )),
        }
    }

    fn node(&mut self, event: Event<'t>, at: Position, depth: usize) -> Result<Node, SyntaxFault> {
        if depth > MAX_DEPTH {
            return Err(SyntaxFault::new(at, "nested too deeply"));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text_wanted =
                    tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let kind = if style == ScalarStyle::Plain && !text_wanted {
                    plain_scalar(&text)
                } else {
                    Kind::String(owned(text))
                };
                (Node::new(at, kind), anchor)
            }
            Event::SequenceStart(anchor, _) => (self.sequence(at, depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(at, depth)?, anchor),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(SyntaxFault::new(at, "an alias stands inside what it names"));
                };
                let (weight, height) = size(node);
                if depth + height > MAX_DEPTH {
                    return Err(SyntaxFault::new(at, "nested too deeply"));
                }
                self.weight += weight;
                if self.weight > MAX_WEIGHT {
                    return Err(too_large(at));
                }
                return Ok(node.clone());
            }
            _ => return Err(SyntaxFault::new(at, "a value is missing")),
        };
        self.weight += own_weight(&node);
        if self.weight > MAX_WEIGHT {
            return Err(too_large(at));
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
                (Event::SequenceEnd, _) => {
                    items.shrink_to_fit();
                    return Ok(Node::new(at, Kind::Array(items)));
                }
                (event, at) => items.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, at: Position, depth: usize) -> Result<Node, SyntaxFault> {
        let (mut members, mut merged) = (IndexMap::new(), Vec::new());
        loop {
            let (event, key_at) = self.next()?;
            let key = match event {
                Event::MappingEnd => {
                    for (key, value) in merged {
                        members.entry(key).or_insert(value);
                    }
                    members.shrink_to_fit();
                    return Ok(Node::new(at, Kind::Object(members)));
                }
                Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<" => {
                    merged.extend(self.merged(key_at, depth)?);
                    continue;
                }
                // A response's status is often written without quotes: every scalar is read as text.
                Event::Scalar(text, ..) => owned(text),
                _ => return Err(SyntaxFault::new(key_at, "a key must be a text")),
            };
            let (event, at) = self.next()?;
            let mut value = self.node(event, at, depth + 1)?;
            value.at = key_at;
            match members.entry(key) {
                Entry::Vacant(free) => drop(free.insert(value)),
                Entry::Occupied(mut taken) => {
                    let message = format!("the key '{}' stands here a second time", taken.key());
                    self.duplicates.push(SyntaxFault::new(key_at, &message));
                    taken.insert(value);
                }
            }
        }
    }

    /// What stands behind `<<`, which is of YAML 1.1 but read by most: the members of one mapping or several, of
    /// which the first that has a member counts.
    fn merged(&mut self, at: Position, depth: usize) -> Result<Vec<(String, Node)>, SyntaxFault> {
        let (event, value_at) = self.next()?;
        let value = self.node(event, value_at, depth + 1)?;
        let mappings = match value.kind {
            Kind::Array(items) => items,
            _ => vec![value],
        };
        let mut merged = Vec::new();
        for mapping in mappings {
            let Kind::Object(members) = mapping.kind else {
                return Err(SyntaxFault::new(
                    at,
                    "`<<` must be followed by a mapping, or a list of them",
                ));
            };
            merged.extend(members);
        }
        Ok(merged)
    }

    /// The place in the text as the author wrote it.
    fn as_written(&self, at: Position) -> Position {
        let Position { line, column, .. } = at;
        let begin = self.shortened.partition_point(|place| place.line < line);
        let before = self.shortened.iter().skip(begin);
        let before = before.take_while(|place| place.line == line && place.column < column);
        Position {
            file: 0,
            line,
            column: column + SHORTER * before.count(),
        }
    }
}

/// A document has many short texts, for each of which the parser asks for more memory than it takes.
fn owned(text: Cow<'_, str>) -> String {
    let mut text = text.into_owned();
    text.shrink_to_fit();
    text
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

/// How much of what a document may hold a node and all below it take.
pub(crate) fn weight(node: &Node) -> usize {
    size(node).0
}

/// The weight of a node and all below it, and how many levels that are.
fn size(node: &Node) -> (usize, usize) {
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

fn own_weight(node: &Node) -> usize {
    let bytes = match &node.kind {
        Kind::String(text) => text.len(),
        Kind::Object(members) => members.keys().map(String::len).sum(),
        _ => 0,
    };
    1 + bytes / 64
}

fn too_large(at: Position) -> SyntaxFault {
    SyntaxFault::new(at, "the document is too large")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::{Value, json};

    use super::{Node, SyntaxFault};

    fn parse(text: &str) -> Result<Node, SyntaxFault> {
        super::parse(text).map(|parsed| parsed.root)
    }

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
        assert_eq!(node.at.to_string(), "4:7");
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
            "the document is too large"
        );
    }

    #[test]
    fn an_alias_adds_neither_depth_nor_text_without_end() {
        let mut tower = "a0: &a0 x\n".to_owned();
        for i in 1..60 {
            writeln!(tower, "a{i}: &a{i} [[*a{}]]", i - 1).unwrap();
        }
        assert_eq!(parse(&tower).unwrap_err().message, "nested too deeply");

        let long = format!(
            "a: &a {}\nb: [{}]\n",
            "x".repeat(1_000_000),
            "*a,".repeat(100)
        );
        assert_eq!(
            parse(&long).unwrap_err().message,
            "the document is too large"
        );
    }

    #[test]
    fn json_may_escape_every_character() {
        let json = r#"{"a\ud83d\ude00": "\/ \\ud83d\ude00?", "b": [1,
  "\uD83D\uDE00\ud83d\ude00", {"c": 2}]}"#;
        // In the second value a backslash stands before the "ud83d", and half a character alone.
        let fault = parse(json).unwrap_err();
        assert_eq!(fault.at.to_string(), "1:19");

        let json = json.replace(r"\\ud83d\ude00?", r"\\ud83d");
        let root = parse(&json).unwrap();
        let expected: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(Value::from(&root), expected);
        let b = root.get("b").unwrap();
        assert_eq!(b.at.to_string(), "1:33");
        let c = root.at_pointer("/b/2/c").unwrap();
        assert_eq!(c.at.to_string(), "2:32");
    }

    #[test]
    fn yaml_that_other_parsers_read_is_read() {
        let block = |value: &str| format!("a:\n  b: {value}\n  c: 1\n");
        for (value, expected) in [
            ("\"one\n  two\"", json!("one two")),
            ("\"one\n two\"", json!("one two")),
            ("'one\ntwo'", json!("one two")),
            ("\"one\n\n  two\n  \"", json!("one\ntwo ")),
            ("\"one\n\ttwo\"", json!("one two")),
            ("[\n  1, x,\n  2\n  ]", json!([1, "x", 2])),
            ("[\nx,\ny\n]", json!(["x", "y"])),
            ("{\n  \"x\": 1\n  }", json!({"x": 1})),
            (
                "{x: [y,\nz], \"q\": \"r\ns\"}",
                json!({"x": ["y", "z"], "q": "r s"}),
            ),
            ("\"x\"#y", json!("x")),
            ("[1]#y", json!([1])),
            ("\tx", json!("x")),
        ] {
            let root = parse(&block(value)).unwrap_or_else(|fault| panic!("{value}: {fault:?}"));
            assert_eq!(
                Value::from(root.at_pointer("/a/b").unwrap()),
                expected,
                "{value}"
            );
            let lines = value.matches('\n').count();
            let after = root.at_pointer("/a/c").unwrap();
            assert_eq!(after.at.to_string(), format!("{}:3", 3 + lines), "{value}");
        }
        let root = parse("a: \"x\n\ny\"\nb: &b {k: !!str 1}\nc: {<<: *b}\n*b: 2\n");
        assert!(root.is_err(), "a key must be a text");
        let root = parse("a: \"x\n\ny\"\nb: &b {k: !!str 1}\nc: {<<: *b}\n").unwrap();
        let expected = json!({"a": "x\ny", "b": {"k": "1"}, "c": {"k": "1"}});
        assert_eq!(Value::from(&root), expected);
    }

    #[test]
    fn text_on_which_libyaml_would_panic_is_an_error() {
        for rest in ["[!x, 1]", "[!!str, 1]", "{!<x>, a: 1}", "[!, 1]"] {
            let fault = parse(&format!("a: \"x\ny\"\nb: {rest}\n")).unwrap_err();
            assert_eq!(
                fault.message, "invalid indentation in quoted scalar",
                "{rest}"
            );
        }
        let block = parse("a: \"x\ny\"\nb: |\n  z").unwrap();
        assert_eq!(Value::from(&block), json!({"a": "x y", "b": "z\n"}));
        for end in [
            "\\", "\\x", "\\u12", "!", "!<", "!%E", "|", "&", "*", "%", "? ", "- -",
        ] {
            let _ = parse(&format!("a: \"x\ny\"\nb: \"{end}"));
            let _ = parse(&format!("a: \"x\ny\"\nb: {end}"));
        }
    }

    #[test]
    fn text_that_no_parser_reads_has_the_error_of_yaml_1_2() {
        let fault = parse("a: \"x\ny\"\nb: [1\n").unwrap_err();
        assert_eq!(fault.message, "invalid indentation in quoted scalar");
    }

    #[test]
    fn nothing_may_follow_the_document() {
        for (text, at) in [
            ("{\"a\": 1} x", "1:10"),
            ("{\"a\": 1}}", "1:9"),
            ("a: 1\n---\nb: 2\n", "2:1"),
        ] {
            assert_eq!(parse(text).unwrap_err().at.to_string(), at, "{text}");
        }
        assert!(parse("---\na: 1\n...\n").is_ok());
        let merged = parse("a: &x [1]\nc:\n  <<: *x\n").unwrap_err();
        assert_eq!(merged.at.to_string(), "3:3");
    }

    #[test]
    fn faults_name_their_place() {
        let parsed = super::parse("a: 1\nb: 2\na: 3\n").unwrap();
        assert_eq!(Value::from(&parsed.root), json!({"a": 3, "b": 2}));
        let twice = parsed.duplicates.first().unwrap();
        assert_eq!(
            (twice.at.to_string().as_str(), twice.message.contains("'a'")),
            ("3:1", true)
        );
        assert_eq!(parse("a: [1, 2\nb: 3\n").unwrap_err().at.line, 2);
        assert_eq!(parse("").unwrap_err().message, "the document is empty");
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
