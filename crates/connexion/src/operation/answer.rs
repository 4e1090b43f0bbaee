//! How the body of an answer is checked: as a whole, or item by item where it is a sequence of them.

use std::sync::Arc;

use super::{Media, body::is_more_than_text, body_type::BodyType, compile::Compile};
use crate::{
    diagnostics::DiagnosticCode,
    document::cursor::Cursor,
    operation::{
        media_type::{Charset, MediaType, charset},
        parameter::Shape,
        splitter::{Item, Sequence, Splitter},
    },
    problem::Violation,
    schema::{Schema, is_annotation},
};

/// Of an answer that is checked item by item so many violations are collected.
const MAX_VIOLATIONS: usize = 100;

/// How a body is checked.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    /// The document says nothing about it, or nothing that is understood.
    Nothing,
    Whole(Arc<Schema>),
    /// As a whole, once the application's function has read it.
    Decoded(Arc<Schema>, BodyType),
    Items(Items),
}

/// A sequence of which the document says nothing but what its items are.
#[derive(Clone, Debug)]
pub(crate) struct Items {
    pub(crate) sequence: Sequence,
    pub(crate) schema: Arc<Schema>,
    /// That of a JSON array.
    pub(super) whole: Option<Arc<Schema>>,
    /// Of CSV.
    pub(crate) charset: Charset,
}

impl Check {
    /// The schema of the whole body, if it is one value.
    pub(super) fn schema(&self) -> Option<&Schema> {
        match self {
            Self::Nothing | Self::Decoded(..) => None,
            Self::Whole(whole) => Some(whole),
            Self::Items(items) => items.whole.as_deref(),
        }
    }
}

impl Items {
    /// The same of a response with this content type.
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

    /// Checks all of a body that is at hand; the pointers of violations begin with the number of the item.
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

impl Compile<'_, '_> {
    /// An entry of an answer's `content`; for a range also those of JSON, if what is JSON of it can be checked.
    pub(super) fn answer(&mut self, name: &str, place: &Cursor<'_>) -> (Media, Vec<Media>) {
        let kind = MediaType::parse(name);
        if let json @ [_, ..] = kind.json_within()
            && let Some(schema) = place.schema("schema").filter(|_| is_more_than_text(place))
        {
            let message = format!("answers of the type `{name}` are checked in JSON only");
            self.fault(DiagnosticCode::NotChecked, &schema, message);
            let check = Check::Nothing;
            let other = Media { kind, check };
            let check = self.json(&schema);
            let json = json.iter().map(|name| Media {
                kind: MediaType::parse(name),
                check: check.clone(),
            });
            return (other, json.collect());
        }
        if let Some(own) = self.body_type(&kind) {
            let schema = place.schema("schema");
            let schema = schema.and_then(|schema| self.answered(&schema));
            let check = schema.map_or(Check::Nothing, |schema| Check::Decoded(schema, own));
            return (Media { kind, check }, Vec::new());
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
        (Media { kind, check }, Vec::new())
    }

    fn json(&mut self, schema: &Cursor<'_>) -> Check {
        let Some(whole) = self.answered(schema) else {
            return Check::Nothing;
        };
        if schema.text("type") == Some("array") && says_only(schema, &["type", "items"]) {
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

    /// CSV, if each row is described as an object of single values.
    fn rows(&mut self, schema: &Cursor<'_>) -> Check {
        let Some(item) = self.item(schema) else {
            return Check::Nothing;
        };
        match Shape::of(&item.resolved()) {
            Some(shape @ Shape::Object(_)) if shape.is_simple() => {
                let Shape::Object(members) = shape else {
                    return Check::Nothing;
                };
                self.items(Sequence::Rows(Arc::new(members)), Some(&item), None)
            }
            _ => {
                let message = "the rows of this answer are not checked; write an array of objects, whose \
                               members are no objects or arrays";
                self.fault(DiagnosticCode::NotChecked, schema, message);
                Check::Nothing
            }
        }
    }

    /// The schema of each item: of an array its `items`, since documents describe such answers either way.
    fn item<'d>(&mut self, schema: &Cursor<'d>) -> Option<Cursor<'d>> {
        if schema.text("type") != Some("array") {
            return Some(schema.clone());
        }
        if !says_only(schema, &["type", "items"]) {
            let message = "of this array only `items` are checked, since its end is not awaited";
            self.fault(DiagnosticCode::NotChecked, schema, message);
        }
        schema.schema("items")
    }

    fn items(
        &mut self,
        sequence: Sequence,
        item: Option<&Cursor<'_>>,
        whole: Option<Arc<Schema>>,
    ) -> Check {
        match item.and_then(|item| self.answered(item)) {
            None => Check::Nothing,
            Some(schema) => Check::Items(Items {
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
                "answers of the type `{name}` are not checked, since the library can't read them"
            );
            self.fault(DiagnosticCode::NotChecked, schema, message);
            return Check::Nothing;
        }
        let is_binary = schema.text("format") == Some("binary");
        if says_only(schema, &["type"]) || says_only(schema, &["type", "format"]) && is_binary {
            // Any bytes will do.
            return Check::Nothing;
        }
        self.answered(schema).map_or(Check::Nothing, Check::Whole)
    }
}

/// Whether nothing but these keywords and prose stands in a schema.
fn says_only(schema: &Cursor<'_>, keywords: &[&str]) -> bool {
    let mut members = schema.node.members();
    members.all(|(keyword, _)| keywords.contains(&keyword) || is_annotation(keyword))
}
