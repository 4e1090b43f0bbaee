//! The fields that a client sent, before the form is checked.

use std::{borrow::Cow, collections::HashSet};

use serde_json::{Map, Value};

#[cfg(feature = "multipart")]
use super::{Form, field_message, field_violation};
use crate::{document::node::escape, problem::Violation};
#[cfg(feature = "multipart")]
use crate::{
    operation::{charset::charset, json_text::json_text, media_type::MediaType},
    schema::{
        PropertyFilter,
        json::{self, Room},
        notation::cut,
    },
};

/// The received fields of a form.
#[derive(Debug, Default)]
pub(crate) struct Fields<'b> {
    /// The string fields, URL-encoded. A form that is not multipart has no others.
    pub(super) text: Cow<'b, str>,
    /// The fields that are JSON or files.
    pub(super) given: Vec<GivenField>,
    /// Counts the values in `given`.
    #[cfg(feature = "multipart")]
    room: Room,
    #[cfg(feature = "multipart")]
    file_count: usize,
    pub(super) violations: Vec<Violation>,
}

/// A field whose value is not decoded from a string.
#[derive(Debug)]
pub(super) struct GivenField {
    pub(super) name: String,
    /// The JSON value; a placeholder string for a file.
    pub(super) value: Value,
    /// The description of the file.
    pub(super) file: Option<Value>,
}

/// The locations of files in the object of a form, with their descriptions.
#[derive(Debug, Default)]
pub(super) struct Files(Vec<FileValue>);

#[derive(Debug)]
struct FileValue {
    property: String,
    /// The index of the item, if the property is an array.
    index: Option<usize>,
    description: Value,
}

impl Files {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, property: &str, index: Option<usize>, description: Value) {
        self.0.push(FileValue {
            property: property.to_owned(),
            index,
            description,
        });
    }

    /// Follows the value of a property that became the first item of an array.
    pub(super) fn move_to_first_item(&mut self, property: &str) {
        for file in self.0.iter_mut().filter(|file| file.property == property) {
            file.index.get_or_insert(0);
        }
    }

    /// Returns the JSON Pointers to the files.
    pub(super) fn pointers(&self) -> HashSet<String> {
        let pointers = self.0.iter().map(|file| {
            let property = escape(&file.property);
            match file.index {
                None => format!("/{property}"),
                Some(index) => format!("/{property}/{index}"),
            }
        });
        pointers.collect()
    }

    /// Replaces the placeholders by the descriptions.
    pub(super) fn describe(self, object: &mut Map<String, Value>) {
        for file in self.0 {
            let value = object.get_mut(&file.property);
            let value = match file.index {
                None => value,
                Some(index) => value.and_then(|items| items.get_mut(index)),
            };
            if let Some(value) = value {
                *value = file.description;
            }
        }
    }
}

/// The header fields of a part of a multipart form.
#[cfg(feature = "multipart")]
#[derive(Debug)]
pub(crate) struct PartHead {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
    pub(crate) content_type: Option<String>,
}

/// The characters that are encoded when a part is added to the other string fields. Delimiters between items stay as they
/// are.
#[cfg(feature = "multipart")]
const ENCODED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b',')
    .remove(b'|')
    .remove(b' ')
    .remove(b'\t')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

impl<'b> Fields<'b> {
    /// Returns the minimum number of values, without those that a single string may hold.
    pub(super) fn count(&self) -> usize {
        let strings = self.text.bytes().filter(|byte| *byte == b'&').count();
        #[cfg(feature = "multipart")]
        let (given, is_exceeded) = (self.room.taken(), self.room.is_exceeded());
        #[cfg(not(feature = "multipart"))]
        let (given, is_exceeded) = (0, false);
        if is_exceeded {
            usize::MAX
        } else {
            strings + 1 + given
        }
    }

    /// Returns the fields of a URL-encoded form.
    pub(crate) fn of_text(text: Cow<'b, str>) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

#[cfg(feature = "multipart")]
impl Fields<'_> {
    /// Returns an empty list of fields with room for this many values.
    pub(crate) fn with_room(values: usize) -> Self {
        Self {
            room: Room::of(values),
            ..Self::default()
        }
    }

    /// Adds a part that is not a file.
    pub(crate) fn add_part(&mut self, form: &Form, head: PartHead, bytes: &[u8]) {
        let sent = head.content_type.as_deref();
        if sent.is_some_and(|sent| !self.check_type(form, &head.name, sent)) {
            return;
        }
        let sent = sent.unwrap_or_default();
        if MediaType::parse(sent).is_json() {
            let text = json_text(bytes);
            match text.and_then(|text| json::read(&text, PropertyFilter::all(), &self.room).ok()) {
                Some(value) => self.given.push(GivenField {
                    name: head.name,
                    value,
                    file: None,
                }),
                None => self.reject(form, &head.name, "json", "Invalid JSON"),
            }
            return;
        }
        let Some(charset) = charset(sent) else {
            let message = format!("Invalid Content-type ({sent}), expected charset=utf-8");
            return self.reject(form, &head.name, "contentType", &message);
        };
        let Some(string) = charset.decode(bytes) else {
            let message = format!("The text is not valid {}", charset.name());
            return self.reject(form, &head.name, "charset", &message);
        };
        let encoded = |string| percent_encoding::utf8_percent_encode(string, ENCODED);
        let text = self.text.to_mut();
        text.extend(encoded(&head.name));
        text.push('=');
        text.extend(encoded(&string));
        text.push('&');
    }

    /// Adds a file of this size in bytes.
    pub(crate) fn add_file(&mut self, form: &Form, head: PartHead, size: u64) {
        let sent = head.content_type.as_deref();
        // The default type of a part is text/plain (RFC 7578, section 4.4).
        if !self.check_type(form, &head.name, sent.unwrap_or("text/plain")) {
            return;
        }
        let description =
            serde_json::json!({"filename": head.filename, "content_type": sent, "size": size});
        self.room.take(1);
        self.given.push(GivenField {
            name: head.name,
            value: format!("file {}", self.file_count).into(),
            file: Some(description),
        });
        self.file_count += 1;
    }

    /// Reports that the form can't be read to its end.
    pub(crate) fn malformed(&mut self) {
        let detail = "Request body is not valid multipart/form-data".to_owned();
        self.violations
            .push(Violation::of_body("multipart", detail));
    }

    /// Returns whether a part may be of this type. Reports it if not.
    fn check_type(&mut self, form: &Form, name: &str, sent: &str) -> bool {
        let types = &form.part(name).types;
        if types.is_empty() || types.iter().any(|kind| kind.distance(sent).is_some()) {
            return true;
        }
        let expected: Vec<_> = types.iter().map(MediaType::as_str).collect();
        let expected = expected.join(", ");
        let message = format!("Invalid Content-type ({sent}), expected {expected}");
        self.reject(form, name, "contentType", &message);
        false
    }

    fn reject(&mut self, form: &Form, name: &str, keyword: &'static str, message: &str) {
        let detail = cut(field_message(form.compat, message, name));
        self.violations.push(field_violation(name, keyword, detail));
    }
}
