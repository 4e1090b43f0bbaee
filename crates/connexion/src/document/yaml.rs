//! Parses YAML 1.2 and JSON into a [`Node`].
//!
//! Text that is not valid YAML 1.2, but accepted by libyaml, is read with libyaml. JSON is read as YAML: it is a
//! subset except for surrogate pairs. Depth and size are limited, because aliases can expand a small file.

mod libyaml;
mod reader;
mod scalar;
mod surrogates;
mod weight;
mod write;

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScanError, Span};

use self::reader::Reader;
pub(crate) use self::{weight::weight, write::write};
use crate::document::node::{Node, Position};

/// Maximum depth of a document, including expanded aliases. Functions that visit a document are recursive.
const MAX_DEPTH: usize = 100;

/// Maximum weight of a document: one for every value, and one for every 64 bytes of strings.
pub(crate) const MAX_WEIGHT: usize = 1_000_000;

/// The first syntax error of a text. Parsing stops there.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) at: Position,
    pub(crate) message: String,
    /// `true` if the parser has reported the error, so that another parser may accept the text.
    is_of_parser: bool,
}

impl SyntaxError {
    fn new(at: Position, message: &str) -> Self {
        Self {
            at,
            message: message.to_owned(),
            is_of_parser: false,
        }
    }
}

/// The events of a parser with their positions.
type Events<'t> = Box<dyn Iterator<Item = Result<(Event<'t>, Position), SyntaxError>> + 't>;

/// A parsed text.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) root: Node,
    /// The duplicate keys of objects. The last value takes precedence, as in most parsers.
    pub(crate) duplicates: Vec<SyntaxError>,
}

/// Parses YAML or JSON.
pub(crate) fn parse(text: &str) -> Result<Parsed, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_json = text.trim_start().starts_with('{');
    let (text, shortened) = if is_json {
        surrogates::join(text)
    } else {
        (Cow::Borrowed(text), Vec::new())
    };
    let read = |events| Reader::new(events, &shortened).document();
    let first = read(strict(&text));
    match first {
        // If both parsers fail, the error of YAML 1.2 is the one to fix.
        Err(error) if error.is_of_parser && libyaml::can_read(&text) => {
            read(Box::new(libyaml::Events::new(&text))).or(Err(error))
        }
        first => first,
    }
}

/// Parses YAML 1.2.
fn strict<'t>(text: &'t str) -> Events<'t> {
    let event = |next: Result<(Event<'t>, Span), ScanError>| match next {
        Ok((event, span)) => Ok((event, position(span.start))),
        Err(error) => Err(SyntaxError {
            is_of_parser: true,
            ..SyntaxError::new(position(*error.marker()), error.info())
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::{Value, json};

    use super::{Node, SyntaxError};

    fn parse(text: &str) -> Result<Node, SyntaxError> {
        super::parse(text).map(|parsed| parsed.root)
    }

    #[test]
    fn yaml_and_json_have_the_same_values() {
        let yaml = "a: 1\nb: [x, -2, 1.5, null, yes, true]\n'c': {200: '200', d: \"\\u00e9\"}\ne: 0x1F\nf: 1.2.3\n";
        let json = r#"{"a": 1, "b": ["x", -2, 1.5, null, "yes", true], "c": {"200": "200", "d": "é"},
                       "e": 31, "f": "1.2.3"}"#;
        let expected = json!({"a": 1, "b": ["x", -2, 1.5, null, "yes", true], "c": {"200": "200", "d": "é"},
                              "e": 31, "f": "1.2.3"});
        assert_eq!(Value::from(&parse(yaml).unwrap()), expected);
        assert_eq!(Value::from(&parse(json).unwrap()), expected);
    }

    #[test]
    fn position_of_a_field_is_that_of_its_key() {
        let root = parse("paths:\n  /people:\n    get:\n      operationId: a\n").unwrap();
        let node = root.at_pointer("/paths/~1people/get/operationId").unwrap();
        assert_eq!(node.at.to_string(), "4:7");
    }

    #[test]
    fn aliases_are_expanded_up_to_the_maximum_weight() {
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
    fn aliases_count_towards_depth_and_weight() {
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
    fn surrogate_pairs_of_json_are_read() {
        let json = r#"{"a\ud83d\ude00": "\/ \\ud83d\ude00?", "b": [1,
  "\uD83D\uDE00\ud83d\ude00", {"c": 2}]}"#;
        // The first pair is complete; in the second value "ud83d" follows an escaped backslash, and a low surrogate is alone.
        let diagnostic = parse(json).unwrap_err();
        assert_eq!(diagnostic.at.to_string(), "1:19");

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
    fn yaml_that_libyaml_accepts_is_read() {
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
            let root =
                parse(&block(value)).unwrap_or_else(|diagnostic| panic!("{value}: {diagnostic:?}"));
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
        assert!(root.is_err(), "a key must be a string");
        let root = parse("a: \"x\n\ny\"\nb: &b {k: !!str 1}\nc: {<<: *b}\n").unwrap();
        let expected = json!({"a": "x\ny", "b": {"k": "1"}, "c": {"k": "1"}});
        assert_eq!(Value::from(&root), expected);
    }

    #[test]
    fn text_on_which_libyaml_would_panic_is_an_error() {
        for rest in ["[!x, 1]", "[!!str, 1]", "{!<x>, a: 1}", "[!, 1]", "[!', 1]"] {
            let diagnostic = parse(&format!("a: \"x\ny\"\nb: {rest}\n")).unwrap_err();
            assert_eq!(
                diagnostic.message, "invalid indentation in quoted scalar",
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
    fn text_that_both_parsers_reject_has_the_error_of_yaml_1_2() {
        let diagnostic = parse("a: \"x\ny\"\nb: [1\n").unwrap_err();
        assert_eq!(diagnostic.message, "invalid indentation in quoted scalar");
    }

    #[test]
    fn text_after_the_document_is_rejected() {
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
    fn syntax_errors_have_positions() {
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
