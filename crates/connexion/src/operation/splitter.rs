//! Splits a streamed response into items: those of a JSON array, lines of JSON or rows of CSV. Each item can be checked
//! before it is sent. Memory is bounded by the longest item.

mod array;
mod lines;
mod rows;

use std::sync::Arc;

use serde_json::Value;

use self::{array::Array, lines::Lines, rows::Rows};
use crate::operation::{charset::Charset, parameter::ObjectShape};

/// The maximum bytes of an item.
const MAX_ITEM: usize = 16 * 1024 * 1024;

/// The notation of a sequence of items.
#[derive(Clone, Debug)]
pub(crate) enum Sequence {
    /// A JSON array.
    Array,
    /// One JSON text per line, as in `application/x-ndjson`.
    Lines,
    /// CSV (RFC 4180) whose first row has the names of the columns.
    Rows(Arc<ObjectShape>),
}

/// An item of a sequence.
#[derive(Debug, PartialEq)]
pub(crate) enum Item<'t> {
    /// A JSON text, not yet parsed.
    Json(&'t [u8]),
    /// A row as an object.
    Row(Value),
}

/// The state between two chunks.
#[derive(Debug)]
pub(crate) enum Splitter {
    Array(Array),
    Lines(Lines),
    Rows(Box<Rows>),
}

impl Splitter {
    /// Creates a splitter; `charset` is the encoding of CSV.
    pub(crate) fn new(sequence: &Sequence, charset: Charset) -> Self {
        match sequence {
            Sequence::Array => Self::Array(Array::default()),
            Sequence::Lines => Self::Lines(Lines::default()),
            Sequence::Rows(columns) => Self::Rows(Box::new(Rows::new(columns, charset))),
        }
    }

    /// Passes every item that ends in `chunk` to `visit`.
    ///
    /// # Errors
    /// Returns the first error of `visit`, or the reason why this is not such a sequence.
    pub(crate) fn feed(
        &mut self,
        chunk: &[u8],
        mut visit: impl FnMut(Item<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        match self {
            Self::Array(array) => array.feed(chunk, |json| visit(Item::Json(json))),
            Self::Lines(lines) => lines.feed(chunk, |json| visit(Item::Json(json))),
            Self::Rows(rows) => rows.feed(chunk, |row| visit(Item::Row(row))),
        }
    }

    /// Passes the last item to `visit`. Must be called after the last chunk.
    ///
    /// # Errors
    /// As [`Self::feed`], and if the response is incomplete.
    pub(crate) fn finish(
        &mut self,
        mut visit: impl FnMut(Item<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        match self {
            Self::Array(array) => array.finish(),
            Self::Lines(lines) => lines.finish(|json| visit(Item::Json(json))),
            Self::Rows(rows) => rows.finish(|row| visit(Item::Row(row))),
        }
    }
}

fn too_long() -> String {
    "an item of the response is too long".to_owned()
}
