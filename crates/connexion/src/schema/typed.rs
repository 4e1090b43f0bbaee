//! Answers whose Rust value is at hand: it is checked instead of the JSON that was written from it.
//!
//! A handler's answer is made before anybody knows which operation it answers. So the value, or for a stream
//! the place where its check will be put, travels with the response as an extension.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde::Serialize;

use crate::schema::Schema;

/// The value that a whole body was written from.
#[derive(Clone)]
pub(crate) struct Typed(Arc<dyn Fn(&Schema) -> bool + Send + Sync>);

impl Typed {
    pub(crate) fn new(value: impl Serialize + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |schema| schema.admits(&value)))
    }

    /// Whether it certainly conforms; if not, the JSON has to be looked at.
    pub(crate) fn conforms_to(&self, schema: &Schema) -> bool {
        (self.0)(schema)
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed")
    }
}

/// Checks the JSON of an item that its schema does not certainly admit; the error ends the stream.
type JsonCheck = Box<dyn Fn(&[u8]) -> Result<(), String> + Send + Sync>;

/// How the items of a streamed array are checked: put here before the first is read, or never.
#[derive(Clone, Default)]
pub(crate) struct ItemCheck(Arc<OnceLock<(Arc<Schema>, JsonCheck)>>);

impl ItemCheck {
    /// Has each item checked against `schema`, and by its JSON if that does not certainly pass.
    pub(crate) fn set(&self, schema: Arc<Schema>, by_json: JsonCheck) {
        // An answer goes through one operation, so nothing was set before.
        let _ = self.0.set((schema, by_json));
    }

    /// Adds an item as JSON, checked.
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
