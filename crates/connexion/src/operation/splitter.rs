//! Finds the items of an answer that is a sequence of them in chunks of its bytes, so that each can be checked as
//! it passes: those of a JSON array, lines of JSON, rows of CSV. Memory is bounded by the longest item.

mod array;
mod lines;
mod rows;

use std::sync::Arc;

use serde_json::Value;

use self::{array::Array, lines::Lines, rows::Rows};
use crate::operation::{media_type::Charset, parameter::Members};

/// An item may be this long, in bytes.
const MAX_ITEM: usize = 16 * 1024 * 1024;

/// How an answer holds its items.
#[derive(Clone, Debug)]
pub(crate) enum Sequence {
    /// A JSON array.
    Array,
    /// One JSON text a line, as in `application/x-ndjson`.
    Lines,
    /// CSV (RFC 4180) whose first row has the names of the columns.
    Rows(Arc<Members>),
}

/// One of them.
#[derive(Debug, PartialEq)]
pub(crate) enum Item<'t> {
    /// What should be JSON.
    Json(&'t [u8]),
    /// A row as an object.
    Row(Value),
}

/// What was found so far.
#[derive(Debug)]
pub(crate) enum Splitter {
    Array(Array),
    Lines(Lines),
    Rows(Box<Rows>),
}

impl Splitter {
    /// Finds the items of a sequence; texts of CSV are in this charset.
    pub(crate) fn new(sequence: &Sequence, charset: Charset) -> Self {
        match sequence {
            Sequence::Array => Self::Array(Array::default()),
            Sequence::Lines => Self::Lines(Lines::default()),
            Sequence::Rows(columns) => Self::Rows(Box::new(Rows::new(columns, charset))),
        }
    }

    /// Gives every item that ends in `chunk` to `visit`.
    ///
    /// # Errors
    /// The first error of `visit`, or what shows that this is no such sequence.
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

    /// To be called after the last chunk: gives the item that ends with the answer to `visit`.
    ///
    /// # Errors
    /// As [`Self::feed`], and if the answer must not end here.
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
    "an item of the answer is too long".to_owned()
}
