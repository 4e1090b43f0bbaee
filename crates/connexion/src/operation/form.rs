//! Forms: named fields become the properties of a JSON object, each with the type that its schema declares.
//!
//! A field is written like a query parameter. If its property is an object, or the document declares
//! `contentType: application/json`, the field is JSON (OpenAPI 3.1, section 4.8.15).

mod compile;
mod field;
mod fields;

use std::collections::BTreeSet;

use http::HeaderMap;
use serde_json::{Map, Value};

pub(crate) use self::fields::Fields;
#[cfg(feature = "multipart")]
pub(crate) use self::fields::PartHead;
use self::{
    field::{Field, FileRule, PartRule, UndeclaredFields},
    fields::{Files, GivenField},
};
#[cfg(feature = "multipart")]
use crate::operation::media_type::MediaType;
use crate::{
    compat::Compat,
    document::node::{escape, shortened},
    operation::{parameter::RawParameters, path::PathValues},
    problem::{MAX_UNKNOWN, Violation},
    schema::{Schema, are_all, json::Room, notation::cut},
};

/// The fields of a form.
#[derive(Debug)]
pub(crate) struct Form {
    /// Decides how messages name a field.
    compat: Compat,
    fields: Vec<Field>,
    /// Names that the document mentions without a schema of their own, such as in `required`.
    names: Vec<String>,
    /// The format of fields that the document does not declare; `None` if it allows none.
    undeclared: Option<UndeclaredFields>,
    /// The rule for parts that the document does not declare.
    #[cfg_attr(
        not(feature = "multipart"),
        expect(dead_code, reason = "other forms have no parts")
    )]
    undeclared_part: PartRule,
}

impl Form {
    /// Returns whether a part of a multipart form is a file.
    #[cfg(feature = "multipart")]
    pub(crate) fn is_file(&self, head: &PartHead) -> bool {
        match self.part(&head.name).file_rule {
            FileRule::Always => true,
            FileRule::Never => false,
            FileRule::Inferred => {
                let kind = head.content_type.as_deref().map(MediaType::parse);
                head.filename.is_some()
                    || kind.is_some_and(|kind| !kind.is_text() && !kind.is_json())
            }
        }
    }

    /// Returns whether the document allows parts with this name.
    #[cfg(feature = "multipart")]
    pub(crate) fn allows(&self, name: &str) -> bool {
        self.undeclared.is_some()
            || self.mentions(name)
            || self.fields.iter().any(|field| field.claims(name))
    }

    fn mentions(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    #[cfg(feature = "multipart")]
    fn part(&self, name: &str) -> &PartRule {
        let field = self.fields.iter().find(|field| field.name == name);
        field.map_or(&self.undeclared_part, |field| &field.part)
    }

    /// Reads a form and checks it. Adds its errors to `violations`; if `strict`, these include undeclared fields. Reads
    /// nothing if there is no room for the values.
    pub(crate) fn read(
        &self,
        mut fields: Fields<'_>,
        schema: Option<&Schema>,
        strict: bool,
        room: &Room,
        violations: &mut Vec<Violation>,
    ) -> Option<Value> {
        room.take(fields.count()).then_some(())?;
        let mut found = std::mem::take(&mut fields.violations);
        let mut files = Files::default();
        let object = self.object(fields, strict, room, &mut files, &mut found);
        if room.is_exceeded() {
            return None;
        }
        let mut value = Value::Object(object);
        if let Some(schema) = schema
            && !schema.accept_strings(&mut value)
        {
            let mut invalid = schema.body_violations(&value, None);
            if !files.is_empty() && are_all(&invalid, &value) {
                // The placeholder of a file is not content: only its type is checked.
                let files = files.pointers();
                invalid.retain(|one| one.keyword == "type" || !files.contains(&one.pointer));
            }
            // A field that could not be read is not missing. Nothing is missing if the form could not be read.
            let is_unread = found.iter().any(|one| one.keyword == "multipart");
            invalid.retain(|one| {
                let is_missing = is_unread && one.keyword == "required";
                !is_missing && !found.iter().any(|known| known.pointer == one.pointer)
            });
            found.extend(invalid);
        }
        violations.append(&mut found);
        let Value::Object(mut object) = value else {
            return None;
        };
        files.describe(&mut object);
        Some(Value::Object(object))
    }

    /// Returns whether a field can have this value. A field without a type can only be a string.
    fn may_have(&self, name: &str, value: &Value) -> bool {
        match self.fields.iter().find(|field| field.name == name) {
            Some(field) => field.may_be(value),
            None => match &self.undeclared {
                Some(UndeclaredFields::Strings(_)) => value.is_string(),
                Some(UndeclaredFields::Json) => true,
                None => false,
            },
        }
    }

    /// Converts a valid value to what handlers receive, with the descriptions of files. Returns `None` if no form can
    /// have this value.
    pub(crate) fn received(&self, value: Value) -> Option<Value> {
        let Value::Object(mut object) = value else {
            return None;
        };
        let mut entries = object.iter();
        if !entries.all(|(name, value)| self.may_have(name, value)) {
            return None;
        }
        for field in &self.fields {
            if field.part.file_rule == FileRule::Always
                && let Some(value) = object.get_mut(&field.name)
            {
                let file = serde_json::json!({"filename": "a.txt", "content_type": "text/plain", "size": 1});
                *value = match value {
                    Value::Array(items) => vec![file; items.len()].into(),
                    _ => file,
                };
            }
        }
        Some(Value::Object(object))
    }

    /// Returns the form as an object, in which each file is a placeholder. Adds the locations of the files to `files`.
    fn object(
        &self,
        fields: Fields<'_>,
        strict: bool,
        room: &Room,
        files: &mut Files,
        violations: &mut Vec<Violation>,
    ) -> Map<String, Value> {
        let (path, headers) = (PathValues::default(), HeaderMap::new());
        let raw = RawParameters::new(&path, Some(&*fields.text), &headers, room);
        let mut given = fields.given;
        let claimed = |name: &str| self.fields.iter().any(|field| field.claims(name));
        let mut object = Map::new();
        for field in &self.fields {
            let read = field.value(&raw, room, &claimed);
            match field.with_given(read, &mut given, files) {
                None => {}
                Some(Ok(value)) => {
                    object.insert(field.name.clone(), value);
                }
                Some(Err(why)) => violations.push(field.unreadable(self.compat, why)),
            }
        }
        if self.fields.iter().any(Field::takes_others) {
            return object;
        }
        let is_rejected = |name: &str| self.undeclared.is_none() && strict && !self.mentions(name);
        let mut unknown = BTreeSet::new();
        for (name, string) in raw.strings().filter(|(name, _)| !claimed(name)) {
            if is_rejected(name) {
                unknown.insert(name.to_owned());
                continue;
            }
            match &self.undeclared {
                Some(undeclared) => undeclared.insert(&mut object, name, &string, room),
                // The schema decides whether it is allowed.
                None => {
                    object.insert(name.to_owned(), string.into());
                }
            }
        }
        for field in given.into_iter().filter(|field| !claimed(&field.name)) {
            if is_rejected(&field.name) {
                unknown.insert(field.name);
            } else {
                add(&mut object, field, files);
            }
        }
        reject_unknown(&unknown, violations);
        object
    }
}

/// Adds a property. If the object has it already, both values become an array.
fn add(object: &mut Map<String, Value>, field: GivenField, files: &mut Files) {
    let GivenField { name, value, file } = field;
    let index = match object.get_mut(&name) {
        None => {
            object.insert(name.clone(), value);
            None
        }
        Some(Value::Array(items)) => {
            items.push(value);
            Some(items.len() - 1)
        }
        Some(first) => {
            *first = Value::Array(vec![first.take(), value]);
            files.move_to_first_item(&name);
            Some(1)
        }
    };
    if let Some(file) = file {
        files.add(&name, index, file);
    }
}

/// Returns a violation of a field.
fn field_violation(name: &str, keyword: &'static str, detail: String) -> Violation {
    Violation {
        pointer: shortened(format!("/{}", escape(name))),
        ..Violation::of_body(keyword, detail)
    }
}

/// Returns a message about a field, with its location.
fn field_message(compat: Compat, message: &str, name: &str) -> String {
    format!(
        "{message}{}",
        compat.location(&format!("/{}", escape(name)))
    )
}

/// Reports undeclared fields. The first violation names them all, like the one for query parameters.
fn reject_unknown(unknown: &BTreeSet<String>, violations: &mut Vec<Violation>) {
    let all: Vec<_> = unknown.iter().map(String::as_str).collect();
    let all = all.join(", ");
    for (i, name) in unknown.iter().take(MAX_UNKNOWN).enumerate() {
        let names = if i == 0 { &all } else { name };
        let detail = cut(format!("Extra formData parameter(s) {names} not in spec"));
        violations.push(field_violation(name, "unknown", detail));
    }
}
