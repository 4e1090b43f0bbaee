//! Body types that the application decodes, such as `application/x-msgpack`.

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

/// The maximum nesting depth of values, the same as for JSON.
const MAX_DEPTH: usize = 128;

type Decode = Arc<dyn Fn(&[u8]) -> Result<Value, String> + Send + Sync>;

/// A media type and the function that decodes its bodies.
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
    /// If it can't be decoded, is nested too deeply, or exceeds the room for values.
    pub(super) fn read(&self, body: &[u8], room: &Room) -> Result<Value, Vec<Violation>> {
        let name = self.kind.as_str();
        let invalid = |why: &str| {
            let detail = format!("The body is not valid {name}: {why}");
            vec![Violation::of_body("decode", cut(detail))]
        };
        let value = (self.decode)(body).map_err(|why| invalid(&why))?;
        if is_deeper(&value, MAX_DEPTH) {
            return Err(invalid("it is nested too deep"));
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
    /// If it can't be decoded.
    pub(super) fn read_response(&self, body: &[u8]) -> Result<Value, Vec<Violation>> {
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
