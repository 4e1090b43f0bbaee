//! Parses text that is not valid YAML 1.2 with a port of libyaml.
//!
//! YAML 1.2 requires that the lines of a quoted string or of `{…}` and `[…]` are indented more than the key before them
//! (sections 7.3 and 7.4). libyaml, `PyYAML` and most other parsers do not, and many documents depend on that.

use std::{
    borrow::Cow,
    collections::HashMap,
    io::{Chain, Read as _},
    sync::LazyLock,
};

use libyaml_safer::{Error, EventData, Parser, ScalarStyle as Style};
use regex::Regex;
use saphyr_parser::{Event, ScalarStyle, Tag};

use super::SyntaxError;
use crate::document::node::Position;

/// The prefix of the tags of YAML's own types.
const CORE: &str = "tag:yaml.org,2002:";

/// A tag directly before a comma, on which the parser panics.
static TAG_BEFORE_COMMA: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"![0-9A-Za-z_;/?:@&=+$.~*'()%!<>\[\]-]*,").expect("the expression is constant")
});

/// Returns whether the parser can read a text without a panic.
pub(super) fn can_read(text: &str) -> bool {
    !TAG_BEFORE_COMMA.is_match(text)
}

/// The events of libyaml.
pub(super) struct Events<'t> {
    parser: Parser<Chain<&'t [u8], &'static [u8]>>,
    /// The numbers of anchors, starting at one.
    anchors: HashMap<String, usize>,
}

impl<'t> Events<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut parser = Parser::new();
        // The parser panics on a block scalar at the end of the text.
        parser.set_input(text.as_bytes().chain(b"\n".as_slice()));
        Self {
            parser,
            anchors: HashMap::new(),
        }
    }

    /// Returns the number of an anchor; zero if there is none. An anchor may be defined several times; an alias refers to
    /// the last definition before it.
    fn anchor(&mut self, name: Option<String>) -> usize {
        let next = self.anchors.len() + 1;
        name.map_or(0, |name| *self.anchors.entry(name).or_insert(next))
    }
}

impl<'t> Iterator for Events<'t> {
    type Item = Result<(Event<'t>, Position), SyntaxError>;

    fn next(&mut self) -> Option<Self::Item> {
        let event = match self.parser.parse() {
            Ok(event) => event,
            Err(error) => return Some(Err(syntax_error(&error))),
        };
        let at = position(event.start_mark.line, event.start_mark.column);
        let event = match event.data {
            EventData::StreamStart { .. } => Event::StreamStart,
            EventData::StreamEnd => Event::StreamEnd,
            EventData::DocumentStart { implicit, .. } => Event::DocumentStart(!implicit),
            EventData::DocumentEnd { .. } => Event::DocumentEnd,
            EventData::Alias { anchor } => match self.anchors.get(&anchor) {
                Some(number) => Event::Alias(*number),
                None => return Some(Err(SyntaxError::new(at, "unknown anchor"))),
            },
            EventData::Scalar {
                anchor,
                tag,
                value,
                style,
                ..
            } => {
                let style = match style {
                    Style::Plain => ScalarStyle::Plain,
                    _ => ScalarStyle::DoubleQuoted,
                };
                Event::Scalar(value.into(), style, self.anchor(anchor), tag.map(core_tag))
            }
            EventData::SequenceStart { anchor, .. } => {
                Event::SequenceStart(self.anchor(anchor), None)
            }
            EventData::SequenceEnd => Event::SequenceEnd,
            EventData::MappingStart { anchor, .. } => {
                Event::MappingStart(self.anchor(anchor), None)
            }
            EventData::MappingEnd => Event::MappingEnd,
        };
        Some(Ok((event, at)))
    }
}

fn core_tag(tag: String) -> Cow<'static, Tag> {
    let (handle, suffix) = match tag.strip_prefix(CORE) {
        Some(suffix) => (CORE.to_owned(), suffix.to_owned()),
        None => (String::new(), tag),
    };
    Cow::Owned(Tag { handle, suffix })
}

fn syntax_error(error: &Error) -> SyntaxError {
    let at = error.problem_mark();
    let at = at.map_or(Position::START, |mark| position(mark.line, mark.column));
    SyntaxError::new(at, error.problem())
}

/// Converts a position of libyaml, which counts from 0.
fn position(line: u64, column: u64) -> Position {
    let count =
        |number: u64| usize::try_from(number).map_or(usize::MAX, |number| number.saturating_add(1));
    Position {
        file: 0,
        line: count(line),
        column: count(column),
    }
}
