//! Builds the tree of a document from the events of a parser.

use std::borrow::Cow;

use indexmap::{IndexMap, map::Entry};
use saphyr_parser::{Event, ScalarStyle};

use super::{
    Events, MAX_DEPTH, MAX_WEIGHT, Parsed, SyntaxError,
    scalar::plain_scalar,
    surrogates::SHORTER,
    weight::{own_weight, size},
};
use crate::document::node::{Kind, Node, Position};

/// Builds a tree.
pub(super) struct Reader<'t, 's> {
    events: Events<'t>,
    anchors: IndexMap<usize, Node>,
    weight: usize,
    duplicates: Vec<SyntaxError>,
    /// The positions at which the text was shortened, in order.
    shortened: &'s [Position],
}

impl<'t, 's> Reader<'t, 's> {
    /// Creates a reader of events whose positions are in a text that was shortened at the given positions.
    pub(super) fn new(events: Events<'t>, shortened: &'s [Position]) -> Self {
        Self {
            events,
            anchors: IndexMap::new(),
            weight: 0,
            duplicates: Vec::new(),
            shortened,
        }
    }

    /// Reads the only document of a text.
    pub(super) fn document(mut self) -> Result<Parsed, SyntaxError> {
        let root = loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::StreamEnd | Event::DocumentEnd => {
                    return Err(SyntaxError::new(at, "the document is empty"));
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
                _ => {
                    return Err(SyntaxError::new(
                        at,
                        "the file must contain one document only",
                    ));
                }
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Position), SyntaxError> {
        match self.events.next() {
            Some(Ok((event, at))) => Ok((event, self.as_written(at))),
            Some(Err(error)) => Err(SyntaxError {
                at: self.as_written(error.at),
                ..error
            }),
            None => Err(SyntaxError::new(
                Position::START,
                "the document ends unexpectedly",
            )),
        }
    }

    fn node(&mut self, event: Event<'t>, at: Position, depth: usize) -> Result<Node, SyntaxError> {
        if depth > MAX_DEPTH {
            return Err(SyntaxError::new(at, "nested too deeply"));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_string_tag =
                    tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let kind = if style == ScalarStyle::Plain && !is_string_tag {
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
                    return Err(SyntaxError::new(at, "recursive YAML alias"));
                };
                let (weight, height) = size(node);
                if depth + height > MAX_DEPTH {
                    return Err(SyntaxError::new(at, "nested too deeply"));
                }
                self.weight += weight;
                if self.weight > MAX_WEIGHT {
                    return Err(too_large(at));
                }
                return Ok(node.clone());
            }
            _ => return Err(SyntaxError::new(at, "a value is missing")),
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

    fn sequence(&mut self, at: Position, depth: usize) -> Result<Node, SyntaxError> {
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

    fn mapping(&mut self, at: Position, depth: usize) -> Result<Node, SyntaxError> {
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
                // The statuses of responses are often not quoted, so every scalar is accepted as a string.
                Event::Scalar(text, ..) => owned(text),
                _ => return Err(SyntaxError::new(key_at, "a key must be a string")),
            };
            let (event, at) = self.next()?;
            let mut value = self.node(event, at, depth + 1)?;
            value.at = key_at;
            match members.entry(key) {
                Entry::Vacant(free) => drop(free.insert(value)),
                Entry::Occupied(mut taken) => {
                    let message = format!("duplicate key '{}'", taken.key());
                    self.duplicates.push(SyntaxError::new(key_at, &message));
                    taken.insert(value);
                }
            }
        }
    }

    /// Reads the value of the merge key `<<`: one or more mappings. The first one with a key takes precedence.
    /// It belongs to YAML 1.1, but most parsers support it.
    fn merged(&mut self, at: Position, depth: usize) -> Result<Vec<(String, Node)>, SyntaxError> {
        let (event, value_at) = self.next()?;
        let value = self.node(event, value_at, depth + 1)?;
        let mappings = match value.kind {
            Kind::Array(items) => items,
            _ => vec![value],
        };
        let mut merged = Vec::new();
        for mapping in mappings {
            let Kind::Object(members) = mapping.kind else {
                return Err(SyntaxError::new(
                    at,
                    "the value of `<<` must be a mapping or a list of mappings",
                ));
            };
            merged.extend(members);
        }
        Ok(merged)
    }

    /// Converts a position to that in the original text.
    fn as_written(&self, at: Position) -> Position {
        let Position { line, column, .. } = at;
        let begin = self.shortened.partition_point(|at| at.line < line);
        let before = self.shortened.iter().skip(begin);
        let before = before.take_while(|at| at.line == line && at.column < column);
        Position {
            file: 0,
            line,
            column: column + SHORTER * before.count(),
        }
    }
}

/// Returns a string without spare capacity: a document has many short strings, for which the parser allocates too much.
fn owned(text: Cow<'_, str>) -> String {
    let mut text = text.into_owned();
    text.shrink_to_fit();
    text
}

fn too_large(at: Position) -> SyntaxError {
    SyntaxError::new(at, "the document is too large")
}
