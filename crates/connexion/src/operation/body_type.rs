//! Types of bodies that the application reads, such as `application/x-msgpack`.

use std::{fmt, sync::Arc};

use serde_json::Value;

use crate::{
    operation::media_type::MediaType,
    problem::Violation,
    schema::{
        json::{Room, count},
        notation::cut,
    },
};

/// Values may be nested as deep as those of JSON texts.
const MAX_DEPTH: usize = 128;

type Decode = Arc<dyn Fn(&[u8]) -> Result<Value, String> + Send + Sync>;

/// A type, and what makes a value of a body.
#[derive(Clone)]
pub(crate) struct BodyType {
    pub(super) kind: MediaType,
    decode: Decode,
}

impl fmt::Debug for BodyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BodyType").field(&self.kind).finish()
    }
}

impl BodyType {
    pub(crate) fn new<E: fmt::Display>(
        name: &str,
        decode: impl Fn(&[u8]) -> Result<Value, E> + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind: MediaType::parse(name),
            decode: Arc::new(move |bytes| decode(bytes).map_err(|error| error.to_string())),
        }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// If it can't be read, is nested too deep, or holds more values than there is room for.
    pub(super) fn read(&self, body: &[u8], room: &Room) -> Result<Value, Vec<Violation>> {
        let name = self.kind.as_str();
        let wrong = |why: &str| {
            let detail = format!("The body is not valid {name}: {why}");
            vec![Violation::of_body("decode", cut(detail))]
        };
        let value = (self.decode)(body).map_err(|why| wrong(&why))?;
        if is_deeper(&value, MAX_DEPTH) {
            return Err(wrong("it is nested too deep"));
        }
        if room.take(count(&value)) {
            Ok(value)
        } else {
            Err(vec![room.violation()])
        }
    }

    /// Reads the body of a response.
    ///
    /// # Errors
    /// If it can't be read.
    pub(super) fn read_answer(&self, body: &[u8]) -> Result<Value, Vec<Violation>> {
        self.read(body, &Room::of(usize::MAX))
    }
}

fn is_deeper(value: &Value, depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else {
        return true;
    };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, below)),
        Value::Object(members) => members.values().any(|member| is_deeper(member, below)),
        _ => false,
    }
}
