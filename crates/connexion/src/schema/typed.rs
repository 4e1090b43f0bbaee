//! Typed responses: the Rust value is checked instead of the JSON that is written from it.
//!
//! A handler creates a response before its operation is known. The value travels with the response as an extension. For
//! a stream, the extension is the slot for its item check.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde::Serialize;

use crate::schema::Schema;

/// The value of a whole body.
#[derive(Clone)]
pub(crate) struct Typed(Arc<dyn Fn(&Schema) -> bool + Send + Sync>);

impl Typed {
    pub(crate) fn new(value: impl Serialize + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |schema| schema.admits(&value)))
    }

    /// Returns whether the fast path finds the value valid. If it does not, the JSON must be checked.
    pub(crate) fn conforms_to(&self, schema: &Schema) -> bool {
        (self.0)(schema)
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed")
    }
}

/// Checks the JSON of an item that the fast path does not find valid. An error ends the stream.
type JsonCheck = Box<dyn Fn(&[u8]) -> Result<(), String> + Send + Sync>;

/// The check for the items of a streamed array. It is set before the first item is written, or never.
#[derive(Clone, Default)]
pub(crate) struct ItemCheck(Arc<OnceLock<(Arc<Schema>, JsonCheck)>>);

impl ItemCheck {
    /// Sets the schema of the items, and the check for items that the fast path does not find valid.
    pub(crate) fn set(&self, schema: Arc<Schema>, by_json: JsonCheck) {
        // Not set before: a response passes through one operation.
        let _ = self.0.set((schema, by_json));
    }

    /// Checks an item and appends it as JSON.
    pub(crate) fn write(&self, item: &impl Serialize, json: &mut Vec<u8>) -> Result<(), String> {
        let check = self.0.get();
        if check.is_some_and(|(schema, _)| schema.write(item, json)) {
            return Ok(());
        }
        let begin = json.len();
        serde_json::to_writer(&mut *json, item).map_err(|error| error.to_string())?;
        match check {
            Some((_, by_json)) => by_json(json.get(begin..).unwrap_or_default()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ItemCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ItemCheck")
    }
}
