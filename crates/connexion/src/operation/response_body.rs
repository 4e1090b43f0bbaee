//! Checks the body of a response, as a whole or item by item.

use std::sync::Arc;

use super::{
    ResponseMedia, body::is_more_than_text, body_type::BodyType, compile::OperationCompiler,
};
use crate::{
    diagnostics::DiagnosticCode,
    document::cursor::Cursor,
    operation::{
        charset::{Charset, charset},
        media_type::MediaType,
        parameter::Shape,
        splitter::{Item, Sequence, Splitter},
    },
    problem::Violation,
    schema::{Schema, is_annotation},
};

/// The maximum number of violations that are collected of a sequence.
const MAX_VIOLATIONS: usize = 100;

/// The check of a body.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    /// The document does not describe it, or not in a supported way.
    Nothing,
    Whole(Arc<Schema>),
    /// As a whole, after the application's function has decoded it.
    Decoded(Arc<Schema>, BodyType),
    Items(SequenceCheck),
}

/// The check of a sequence whose items alone the document describes.
#[derive(Clone, Debug)]
pub(crate) struct SequenceCheck {
    pub(crate) sequence: Sequence,
    pub(crate) schema: Arc<Schema>,
    /// The schema of a whole JSON array.
    pub(super) whole: Option<Arc<Schema>>,
    /// The encoding of CSV.
    pub(crate) charset: Charset,
}

impl Check {
    /// Returns the schema of the whole body, if it is one value.
    pub(super) fn schema(&self) -> Option<&Schema> {
        match self {
            Self::Nothing | Self::Decoded(..) => None,
            Self::Whole(whole) => Some(whole),
            Self::Items(items) => items.whole.as_deref(),
        }
    }
}

impl SequenceCheck {
    /// Returns the check of a response with this content type.
    pub(super) fn of_type(&self, content_type: &str) -> Self {
        Self {
            charset: charset(content_type).unwrap_or(Charset::Utf8),
            ..self.clone()
        }
    }

    /// Checks one item.
    pub(crate) fn check(&self, item: Item<'_>) -> Result<(), Vec<Violation>> {
        match item {
            Item::Json(json) => self.schema.check_json(json),
            Item::Row(mut row) => {
                if self.schema.accept_strings(&mut row) {
                    return Ok(());
                }
                Err(self.schema.body_violations(&row, None))
            }
        }
    }

    /// Checks a whole body; the pointers of violations start with the index of the item.
    pub(super) fn check_all(&self, body: &[u8]) -> Result<(), Vec<Violation>> {
        if let Some(whole) = &self.whole {
            return whole.check_json(body);
        }
        let mut splitter = Splitter::new(&self.sequence, self.charset);
        let (mut number, mut violations) = (0, Vec::new());
        let mut visit = |item: Item<'_>| {
            for mut violation in self.check(item).err().into_iter().flatten() {
                violation.pointer = format!("/{number}{}", violation.pointer);
                violations.push(violation);
            }
            number += 1;
            if violations.len() < MAX_VIOLATIONS {
                Ok(())
            } else {
                Err("there are more violations".to_owned())
            }
        };
        let fed = splitter.feed(body, &mut visit);
        if let Err(message) = fed.and_then(|()| splitter.finish(&mut visit)) {
            violations.push(Violation::of_body("sequence", message));
        }
        if violations.is_empty() {
            Ok(())
        } else {
            Err(violations)
        }
    }
}

impl OperationCompiler<'_, '_> {
    /// Compiles an entry of a response's `content`. A range also has entries of the JSON types in it, which can be checked.
    pub(super) fn response_media(
        &mut self,
        name: &str,
        place: &Cursor<'_>,
    ) -> (ResponseMedia, Vec<ResponseMedia>) {
        let kind = MediaType::parse(name);
        if let json @ [_, ..] = kind.json_within()
            && let Some(schema) = place.schema("schema").filter(|_| is_more_than_text(place))
        {
            let message =
                format!("responses of the type `{name}` are checked only if they are JSON");
            self.report(DiagnosticCode::NotChecked, &schema, message);
            let check = Check::Nothing;
            let other = ResponseMedia { kind, check };
            let check = self.json(&schema);
            let json = json.iter().map(|name| ResponseMedia {
                kind: MediaType::parse(name),
                check: check.clone(),
            });
            return (other, json.collect());
        }
        if let Some(own) = self.body_type(&kind) {
            let schema = place.schema("schema");
            let schema = schema.and_then(|schema| self.response_schema(&schema));
            let check = schema.map_or(Check::Nothing, |schema| Check::Decoded(schema, own));
            return (ResponseMedia { kind, check }, Vec::new());
        }
        let check = match place.schema("schema") {
            None => Check::Nothing,
            Some(schema) if kind.is_json() => self.json(&schema),
            Some(schema) if kind.is_json_lines() => {
                let item = self.item(&schema);
                self.items(Sequence::Lines, item.as_ref(), None)
            }
            Some(schema) if kind.is_csv() && is_more_than_text(place) => self.rows(&schema),
            Some(schema) => self.text(name, &schema, !is_more_than_text(place)),
        };
        (ResponseMedia { kind, check }, Vec::new())
    }

    fn json(&mut self, schema: &Cursor<'_>) -> Check {
        let Some(whole) = self.response_schema(schema) else {
            return Check::Nothing;
        };
        if schema.text("type") == Some("array") && has_only(schema, &["type", "items"]) {
            let item = schema.schema("items");
            let is_list = item.is_none() && schema.node.get("items").is_some();
            if !is_list
                && let items @ Check::Items(_) =
                    self.items(Sequence::Array, item.as_ref(), Some(Arc::clone(&whole)))
            {
                return items;
            }
        }
        Check::Whole(whole)
    }

    /// Compiles the check of CSV, if the schema of a row is an object of single values.
    fn rows(&mut self, schema: &Cursor<'_>) -> Check {
        let Some(item) = self.item(schema) else {
            return Check::Nothing;
        };
        match Shape::of(&item.resolved()) {
            Some(shape @ Shape::Object(_)) if shape.is_simple() => {
                let Shape::Object(row) = shape else {
                    return Check::Nothing;
                };
                self.items(Sequence::Rows(Arc::new(row)), Some(&item), None)
            }
            _ => {
                let message = "the rows of this response are not checked; write an array of objects without \
                               nested objects or arrays";
                self.report(DiagnosticCode::NotChecked, schema, message);
                Check::Nothing
            }
        }
    }

    /// Returns the schema of an item. Documents describe such responses by an item or by an array of items.
    fn item<'d>(&mut self, schema: &Cursor<'d>) -> Option<Cursor<'d>> {
        if schema.text("type") != Some("array") {
            return Some(schema.clone());
        }
        if !has_only(schema, &["type", "items"]) {
            let message = "only `items` of this array are checked, because it is streamed";
            self.report(DiagnosticCode::NotChecked, schema, message);
        }
        schema.schema("items")
    }

    fn items(
        &mut self,
        sequence: Sequence,
        item: Option<&Cursor<'_>>,
        whole: Option<Arc<Schema>>,
    ) -> Check {
        match item.and_then(|item| self.response_schema(item)) {
            None => Check::Nothing,
            Some(schema) => Check::Items(SequenceCheck {
                sequence,
                schema,
                whole,
                charset: Charset::Utf8,
            }),
        }
    }

    fn text(&mut self, name: &str, schema: &Cursor<'_>, is_text: bool) -> Check {
        if !is_text {
            let message = format!(
                "responses of the type `{name}` are not checked, because the library can't decode them"
            );
            self.report(DiagnosticCode::NotChecked, schema, message);
            return Check::Nothing;
        }
        let is_binary = schema.text("format") == Some("binary");
        if has_only(schema, &["type"]) || has_only(schema, &["type", "format"]) && is_binary {
            // Any bytes are valid.
            return Check::Nothing;
        }
        self.response_schema(schema)
            .map_or(Check::Nothing, Check::Whole)
    }
}

/// Returns whether a schema has only these keywords and annotations.
fn has_only(schema: &Cursor<'_>, keywords: &[&str]) -> bool {
    let mut members = schema.node.members();
    members.all(|(keyword, _)| keywords.contains(&keyword) || is_annotation(keyword))
}
