//! Reads a JSON value as a Rust type, as `serde_json::from_value` does, and returns the location of an error.
//!
//! `serde_path_to_error` would copy every key of every value that is read. Here a key is kept only until its value has
//! been read, and the pointer is built while an error is returned, so reading without errors costs nothing more.

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess,
        Visitor, value::StrDeserializer,
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Map, Number, Value, map};

use crate::document::node::push;

/// The error of a value that can't be read.
#[derive(Debug)]
pub(super) struct ReadError {
    /// The JSON Pointer (RFC 6901) to the location in the value.
    pub(super) pointer: String,
    pub(super) message: String,
    /// True if the error is about a number beyond 64 bits.
    pub(super) is_beyond_64_bits: bool,
}

/// The location of an error, collected while the error is returned.
#[derive(Default)]
struct ErrorPath {
    /// The keys that lead to the location, innermost first.
    keys: Vec<String>,
    is_beyond_64_bits: bool,
}

pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, ReadError> {
    let mut path = ErrorPath::default();
    let read = T::deserialize(Reader {
        value,
        path: &mut path,
    });
    read.map_err(|error| {
        let mut pointer = String::new();
        for key in path.keys.iter().rev() {
            push(&mut pointer, key);
        }
        let message = error.to_string();
        ReadError {
            pointer,
            message,
            is_beyond_64_bits: path.is_beyond_64_bits,
        }
    })
}

/// Reads a value. If that fails, every object and array around the location adds its key to `path`.
struct Reader<'p> {
    value: Value,
    path: &'p mut ErrorPath,
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Object(properties) => PropertyReader::read(properties, self.path, visitor),
            Value::Array(items) => ItemReader::read(items, self.path, visitor),
            Value::Number(number) => {
                let is_beyond_64_bits = is_beyond_64_bits(&number);
                let read = Value::Number(number).deserialize_any(visitor);
                read.inspect_err(|_| self.path.is_beyond_64_bits = is_beyond_64_bits)
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        // `serde_json::RawValue` requests itself by an internal name.
        if name.starts_with("$serde_json::") {
            return self.value.deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.value.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

/// Returns whether a number is outside the range of `i64`.
fn is_beyond_64_bits(number: &Number) -> bool {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    !number.is_i64() && number.as_f64().is_some_and(|number| number.abs() >= LIMIT)
}

struct ItemReader<'p> {
    left: std::vec::IntoIter<Value>,
    read: usize,
    path: &'p mut ErrorPath,
}

impl ItemReader<'_> {
    fn read<'de, V: Visitor<'de>>(
        items: Vec<Value>,
        path: &mut ErrorPath,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let count = items.len();
        let mut items = ItemReader {
            left: items.into_iter(),
            read: 0,
            path,
        };
        let read = visitor.visit_seq(&mut items)?;
        if items.left.len() > 0 {
            return Err(Error::invalid_length(count, &"fewer items in the array"));
        }
        Ok(read)
    }
}

impl<'de> SeqAccess<'de> for &mut ItemReader<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(value) = self.left.next() else {
            return Ok(None);
        };
        let path = &mut *self.path;
        match seed.deserialize(Reader { value, path }) {
            Ok(read) => {
                self.read += 1;
                Ok(Some(read))
            }
            Err(error) => {
                self.path.keys.push(self.read.to_string());
                Err(error)
            }
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

struct PropertyReader<'p> {
    left: map::IntoIter,
    /// The property whose key has been read.
    current: Option<(String, Value)>,
    path: &'p mut ErrorPath,
}

impl PropertyReader<'_> {
    fn read<'de, V: Visitor<'de>>(
        properties: Map<String, Value>,
        path: &mut ErrorPath,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let count = properties.len();
        let mut properties = PropertyReader {
            left: properties.into_iter(),
            current: None,
            path,
        };
        let read = visitor.visit_map(&mut properties)?;
        if properties.left.len() > 0 {
            return Err(Error::invalid_length(count, &"fewer properties"));
        }
        Ok(read)
    }
}

impl<'de> MapAccess<'de> for &mut PropertyReader<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.left.next() else {
            return Ok(None);
        };
        let (key, _) = self.current.insert((key, value));
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let Some((key, value)) = self.current.take() else {
            return Err(Error::custom("a value is read before its key"));
        };
        let path = &mut *self.path;
        seed.deserialize(Reader { value, path })
            .inspect_err(|_| self.path.keys.push(key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// A key, which is read as a string, or as the number or boolean that the type requires.
struct Key<'k>(&'k str);

macro_rules! parsed {
    ($($method:ident: $type:ty => $visit:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0.parse::<$type>() {
                Ok(parsed) => visitor.$visit(parsed),
                Err(_) => visitor.visit_str(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }

    parsed! {
        deserialize_bool: bool => visit_bool,
        deserialize_i8: i64 => visit_i64,
        deserialize_i16: i64 => visit_i64,
        deserialize_i32: i64 => visit_i64,
        deserialize_i64: i64 => visit_i64,
        deserialize_i128: i128 => visit_i128,
        deserialize_u8: u64 => visit_u64,
        deserialize_u16: u64 => visit_u64,
        deserialize_u32: u64 => visit_u64,
        deserialize_u64: u64 => visit_u64,
        deserialize_u128: u128 => visit_u128,
        deserialize_f32: f64 => visit_f64,
        deserialize_f64: f64 => visit_f64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let key: StrDeserializer<'_, Error> = self.0.into_deserializer();
        key.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
