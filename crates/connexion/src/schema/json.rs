//! JSON texts of requests become values, which are counted: a text of a few bytes, such as `[0],`, becomes values of
//! hundreds. What the schema does not speak of can be skipped without becoming a value.
//!
//! A text that is nested deeper than 128 levels is malformed here, as for `serde_json` (RFC 8259, section 9, allows limits);
//! what is skipped may be nested as it likes, since it is skipped without recursion.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{problem::Violation, schema::Kept};

/// How many values a body or a JSON text may hold, unless [`Api::value_limit`](crate::Api::value_limit) says otherwise.
/// Each takes up to 400 bytes: an object with a property, which is an object.
pub(crate) const VALUES: usize = 100_000;

/// How many values may still be made of a request's body.
#[derive(Debug)]
pub(crate) struct Room {
    limit: usize,
    left: Cell<usize>,
    is_exceeded: Cell<bool>,
}

impl Room {
    pub(crate) fn of(values: usize) -> Self {
        Self {
            limit: values,
            left: Cell::new(values),
            is_exceeded: Cell::new(false),
        }
    }

    /// Counts values; `false` if there is no room for them.
    pub(crate) fn take(&self, values: usize) -> bool {
        let left = self.left.get().checked_sub(values);
        self.left.set(left.unwrap_or(0));
        self.is_exceeded.set(left.is_none() || self.is_exceeded());
        left.is_some()
    }

    /// How many more values there is room for.
    #[cfg(feature = "multipart")]
    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    /// How many values were counted.
    pub(crate) fn taken(&self) -> usize {
        self.limit - self.left.get()
    }

    pub(crate) fn is_exceeded(&self) -> bool {
        self.is_exceeded.get()
    }

    /// Room for as much again, for a text that is read once more.
    pub(crate) fn again(&self) -> Self {
        Self::of(self.limit)
    }

    /// What is said of a body that holds too many values.
    pub(crate) fn violation(&self) -> Violation {
        let detail = format!("The request's body holds more than {} values.", self.limit);
        Violation::of_body("maxValues", detail)
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::of(VALUES)
    }
}

/// Reads a JSON text.
///
/// # Errors
/// If it is malformed, or holds more values than there is room for.
pub(crate) fn read(text: &str, kept: &Kept, room: &Room) -> Result<Value, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = Reader { kept, room }.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

/// How many values a value holds, itself among them.
pub(crate) fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// Reads one value.
#[derive(Clone, Copy)]
struct Reader<'r> {
    kept: &'r Kept,
    room: &'r Room,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        if self.room.take(1) {
            json.deserialize_any(self)
        } else {
            Err(D::Error::custom("too many values"))
        }
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let kept = self.kept.item();
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Self { kept, ..self })? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key_seed(Key(self.kept))? {
            match key {
                Some((name, kept)) => {
                    let value = members.next_value_seed(Self { kept, ..self })?;
                    object.insert(name, value);
                }
                None => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Object(object))
    }
}

/// Reads the name of a property that is kept, with what is kept of its value.
struct Key<'r>(&'r Kept);

impl<'de, 'r> DeserializeSeed<'de> for Key<'r> {
    type Value = Option<(String, &'r Kept)>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'r> Visitor<'_> for Key<'r> {
    type Value = Option<(String, &'r Kept)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a property")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.property(name).map(|kept| (name.to_owned(), kept)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, proptest};
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn read_all(text: &str) -> Option<Value> {
        read(text, Kept::all(), &Room::of(VALUES)).ok()
    }

    proptest! {
        /// Numbers, strings with escapes, repeated names: what `serde_json` reads itself is the measure.
        #[test]
        fn a_text_is_read_as_serde_json_reads_it(
            text in r#"([\[\]{},:" \n]|"a"|"\\u00e9\\n"|-?[0-9]{1,3}|-0|1e5|[0-9]{25}|0\.1|null|true){0,12}"#
        ) {
            prop_assert_eq!(read_all(&text), serde_json::from_str(&text).ok(), "{}", text);
        }
    }

    #[test]
    fn special_texts_are_read_as_serde_json_reads_them() {
        for text in [
            "",
            "[",
            "1e999",
            "[1]x",
            "\"\u{1}\"",
            r#""\ud800""#,
            r#"{"a":1,"a":[2]}"#,
            " [-0, -0.0] ",
        ] {
            assert_eq!(read_all(text), serde_json::from_str(text).ok(), "{text}");
        }
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read_all(&nested(127)).is_some() && read_all(&nested(128)).is_none());
        // `serde_json` takes the value of such a property for JSON.
        let private = r#"{"$serde_json::private::RawValue":"[1]"}"#;
        let expected = json!({"$serde_json::private::RawValue": "[1]"});
        assert_eq!(read_all(private), Some(expected));
    }

    #[test]
    fn values_are_counted() {
        for (text, values) in [("1", 1), ("[]", 1), (r#"{"a":[0,{}],"b":null}"#, 5)] {
            assert!(read(text, Kept::all(), &Room::of(values)).is_ok(), "{text}");
            let room = Room::of(values - 1);
            assert!(read(text, Kept::all(), &room).is_err(), "{text}");
            assert!(room.is_exceeded());
        }
        let room = Room::of(3);
        assert!(read("[", Kept::all(), &room).is_err());
        assert!(!room.is_exceeded());
    }
}
