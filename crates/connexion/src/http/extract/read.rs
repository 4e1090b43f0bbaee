//! Reads a JSON value as a Rust type, as `serde_json::from_value` does, and says where the type could not read it.
//!
//! `serde_path_to_error` would copy every key of every value that is read. Here a key is kept only until its value has
//! been read, and the pointer is made on the way back from an error, so a value that can be read costs no more than
//! without.

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

/// Why a value can't be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// JSON Pointer to the location in the value.
    pub(super) pointer: String,
    pub(super) message: String,
    /// Whether what can't be read is a number beyond 64 bits.
    pub(super) is_beyond: bool,
}

/// The way back from an error.
#[derive(Default)]
struct Trail {
    /// The keys that lead to the location, the innermost first.
    keys: Vec<String>,
    is_beyond: bool,
}

pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Unreadable> {
    let mut trail = Trail::default();
    let read = T::deserialize(Reader {
        value,
        trail: &mut trail,
    });
    read.map_err(|error| {
        let mut pointer = String::new();
        for key in trail.keys.iter().rev() {
            push(&mut pointer, key);
        }
        let message = error.to_string();
        Unreadable {
            pointer,
            message,
            is_beyond: trail.is_beyond,
        }
    })
}

/// Reads a value. On the way back from an error every object and array adds its key to `trail`.
struct Reader<'p> {
    value: Value,
    trail: &'p mut Trail,
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Object(members) => Members::read(members, self.trail, visitor),
            Value::Array(items) => Items::read(items, self.trail, visitor),
            Value::Number(number) => {
                let is_beyond = is_beyond(&number);
                let read = Value::Number(number).deserialize_any(visitor);
                read.inspect_err(|_| self.trail.is_beyond = is_beyond)
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
        // A `RawValue` asks for itself under a name of `serde_json`'s own.
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

/// Whether no integer of 64 bits with a sign is as great or as small.
fn is_beyond(number: &Number) -> bool {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    !number.is_i64() && number.as_f64().is_some_and(|number| number.abs() >= LIMIT)
}

struct Items<'p> {
    left: std::vec::IntoIter<Value>,
    read: usize,
    trail: &'p mut Trail,
}

impl Items<'_> {
    fn read<'de, V: Visitor<'de>>(
        items: Vec<Value>,
        trail: &mut Trail,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let count = items.len();
        let mut items = Items {
            left: items.into_iter(),
            read: 0,
            trail,
        };
        let read = visitor.visit_seq(&mut items)?;
        if items.left.len() > 0 {
            return Err(Error::invalid_length(count, &"fewer items in the array"));
        }
        Ok(read)
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(value) = self.left.next() else {
            return Ok(None);
        };
        let trail = &mut *self.trail;
        match seed.deserialize(Reader { value, trail }) {
            Ok(read) => {
                self.read += 1;
                Ok(Some(read))
            }
            Err(error) => {
                self.trail.keys.push(self.read.to_string());
                Err(error)
            }
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

struct Members<'p> {
    left: map::IntoIter,
    /// The one whose key has been read.
    current: Option<(String, Value)>,
    trail: &'p mut Trail,
}

impl Members<'_> {
    fn read<'de, V: Visitor<'de>>(
        members: Map<String, Value>,
        trail: &mut Trail,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let count = members.len();
        let mut members = Members {
            left: members.into_iter(),
            current: None,
            trail,
        };
        let read = visitor.visit_map(&mut members)?;
        if members.left.len() > 0 {
            return Err(Error::invalid_length(count, &"fewer properties"));
        }
        Ok(read)
    }
}

impl<'de> MapAccess<'de> for &mut Members<'_> {
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
        let trail = &mut *self.trail;
        seed.deserialize(Reader { value, trail })
            .inspect_err(|_| self.trail.keys.push(key))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// A key: a string, or the number or boolean that the type asks for.
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
