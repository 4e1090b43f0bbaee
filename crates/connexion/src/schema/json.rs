//! Parsing of the JSON of requests, with a limit for the number of values: the four bytes `[0],` become values of
//! hundreds of bytes. Properties that the schema does not describe can be skipped without becoming values.
//!
//! A text that is nested deeper than 128 levels is rejected, as `serde_json` does (RFC 8259, section 9, allows such
//! limits). Skipped parts may be nested deeper, because they are skipped without recursion.

use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{problem::Violation, schema::PropertyFilter};

/// The default number of values in a body or JSON text; see [`Api::value_limit`](crate::Api::value_limit). Each takes
/// up to 400 bytes: an object with one property, which is an object.
pub(crate) const VALUES: usize = 100_000;

/// The number of values that may still be created for a request.
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

    /// Counts values. Returns `false` if there are too many.
    pub(crate) fn take(&self, values: usize) -> bool {
        let left = self.left.get().checked_sub(values);
        self.left.set(left.unwrap_or(0));
        self.is_exceeded.set(left.is_none() || self.is_exceeded());
        left.is_some()
    }

    /// Returns the number of values that may still be created.
    #[cfg(feature = "multipart")]
    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    /// Returns the number of values that were counted.
    pub(crate) fn taken(&self) -> usize {
        self.limit - self.left.get()
    }

    pub(crate) fn is_exceeded(&self) -> bool {
        self.is_exceeded.get()
    }

    /// Returns a counter with the same limit, for a text that is parsed again.
    pub(crate) fn again(&self) -> Self {
        Self::of(self.limit)
    }

    /// Returns the violation for a body with too many values.
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

/// Parses a JSON text.
///
/// # Errors
/// If the text is malformed, or contains too many values.
pub(crate) fn read(
    text: &str,
    filter: &PropertyFilter,
    room: &Room,
) -> Result<Value, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = ValueReader { filter, room }.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

/// Counts the values in a value, including itself.
pub(crate) fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(properties) => 1 + properties.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// Deserializes one value.
#[derive(Clone, Copy)]
struct ValueReader<'r> {
    filter: &'r PropertyFilter,
    room: &'r Room,
}

impl<'de> DeserializeSeed<'de> for ValueReader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        if self.room.take(1) {
            json.deserialize_any(self)
        } else {
            Err(D::Error::custom("too many values"))
        }
    }
}

impl<'de> Visitor<'de> for ValueReader<'_> {
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
        let filter = self.filter.item();
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Self { filter, ..self })? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut properties: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = properties.next_key_seed(PropertyName(self.filter))? {
            match key {
                Some((name, filter)) => {
                    let value = properties.next_value_seed(Self { filter, ..self })?;
                    object.insert(name, value);
                }
                None => {
                    properties.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Object(object))
    }
}

/// Deserializes the name of a property, with the filter of its value; `None` if the property is skipped.
struct PropertyName<'r>(&'r PropertyFilter);

impl<'de, 'r> DeserializeSeed<'de> for PropertyName<'r> {
    type Value = Option<(String, &'r PropertyFilter)>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'r> Visitor<'_> for PropertyName<'r> {
    type Value = Option<(String, &'r PropertyFilter)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a property")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self
            .0
            .property(name)
            .map(|filter| (name.to_owned(), filter)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, proptest};
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn read_all(text: &str) -> Option<Value> {
        read(text, PropertyFilter::all(), &Room::of(VALUES)).ok()
    }

    proptest! {
        /// Compares with `serde_json`: numbers, strings with escapes, repeated names.
        #[test]
        fn a_text_is_parsed_as_serde_json_parses_it(
            text in r#"([\[\]{},:" \n]|"a"|"\\u00e9\\n"|-?[0-9]{1,3}|-0|1e5|[0-9]{25}|0\.1|null|true){0,12}"#
        ) {
            prop_assert_eq!(read_all(&text), serde_json::from_str(&text).ok(), "{}", text);
        }
    }

    #[test]
    fn special_texts_are_parsed_as_serde_json_parses_them() {
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
        // `serde_json` would parse the value of this property as JSON.
        let private = r#"{"$serde_json::private::RawValue":"[1]"}"#;
        let expected = json!({"$serde_json::private::RawValue": "[1]"});
        assert_eq!(read_all(private), Some(expected));
    }

    #[test]
    fn values_are_counted() {
        for (text, values) in [("1", 1), ("[]", 1), (r#"{"a":[0,{}],"b":null}"#, 5)] {
            assert!(
                read(text, PropertyFilter::all(), &Room::of(values)).is_ok(),
                "{text}"
            );
            let room = Room::of(values - 1);
            assert!(read(text, PropertyFilter::all(), &room).is_err(), "{text}");
            assert!(room.is_exceeded());
        }
        let room = Room::of(3);
        assert!(read("[", PropertyFilter::all(), &room).is_err());
        assert!(!room.is_exceeded());
    }
}
