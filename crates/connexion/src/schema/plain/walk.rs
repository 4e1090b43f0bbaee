//! A value's walk along its schema: serde tells what the value holds, which is written as JSON on the way if it is
//! wanted. So the names of members need not be escaped each time: the schema has them ready.

use std::fmt;

use serde::{Serialize, Serializer, ser};

use super::{Kind, Object, Plain};

/// Walks a value beside its schema. The error says nothing: it only ends the walk.
pub(super) struct Walk<'p, 'o, O>(pub(super) &'p Plain, pub(super) &'o mut O);

/// What becomes of a value that is walked.
pub(super) trait Output {
    /// Adds what is JSON already.
    fn push(&mut self, json: &[u8]);

    /// Adds a value as it is written without a schema.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), No>;
}

/// It is checked only.
impl Output for () {
    fn push(&mut self, _: &[u8]) {}

    fn value<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), No> {
        Ok(())
    }
}

/// It is written as JSON.
impl Output for Vec<u8> {
    fn push(&mut self, json: &[u8]) {
        self.extend_from_slice(json);
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), No> {
        serde_json::to_writer(self, value).map_err(|_unwritable| No)
    }
}

#[derive(Debug)]
pub(super) struct No;

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not certainly right")
    }
}

impl std::error::Error for No {}

impl ser::Error for No {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

fn when(condition: bool) -> Result<(), No> {
    if condition { Ok(()) } else { Err(No) }
}

impl<O: Output> Walk<'_, '_, O> {
    #[inline]
    fn whole(self, value: i64) -> Result<(), No> {
        when(match &self.0.kind {
            Kind::Integer {
                least,
                greatest,
                options,
            } => {
                let is_option = |options: &Vec<i64>| options.contains(&value);
                (*least..=*greatest).contains(&value) && options.as_ref().is_none_or(is_option)
            }
            // A greater number might be rounded beyond a bound.
            Kind::Number { least, greatest } => {
                let in_bounds = |value: i32| (*least..=*greatest).contains(&f64::from(value));
                self.0.kind.is_any_number() || i32::try_from(value).is_ok_and(in_bounds)
            }
            _ => false,
        })?;
        self.1.value(&value)
    }
}

impl<'p, 'o, O: Output> Serializer for Walk<'p, 'o, O> {
    type Ok = ();
    type Error = No;
    type SerializeSeq = Items<'p, 'o, O>;
    type SerializeTuple = Items<'p, 'o, O>;
    type SerializeTupleStruct = Items<'p, 'o, O>;
    type SerializeTupleVariant = ser::Impossible<(), No>;
    type SerializeMap = ser::Impossible<(), No>;
    type SerializeStruct = Members<'p, 'o, O>;
    type SerializeStructVariant = ser::Impossible<(), No>;

    fn serialize_bool(self, value: bool) -> Result<(), No> {
        when(matches!(self.0.kind, Kind::Boolean))?;
        self.1.value(&value)
    }

    fn serialize_i8(self, value: i8) -> Result<(), No> {
        self.whole(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), No> {
        self.whole(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), No> {
        self.whole(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), No> {
        self.whole(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), No> {
        self.whole(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), No> {
        self.whole(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), No> {
        self.whole(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), No> {
        i64::try_from(value).map_or(Err(No), |value| self.whole(value))
    }

    /// What is written for it is another number than what it holds, so no bound says anything about it.
    fn serialize_f32(self, value: f32) -> Result<(), No> {
        when(self.0.kind.is_any_number() && value.is_finite())?;
        self.1.value(&value)
    }

    /// JSON has no NaN and no infinities: they would be written as null.
    fn serialize_f64(self, value: f64) -> Result<(), No> {
        let Kind::Number { least, greatest } = &self.0.kind else {
            return Err(No);
        };
        when(value.is_finite() && (*least..=*greatest).contains(&value))?;
        self.1.value(&value)
    }

    fn serialize_char(self, value: char) -> Result<(), No> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), No> {
        when(matches!(&self.0.kind, Kind::Text(text) if text.admits(value)))?;
        self.1.value(value)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), No> {
        Err(No)
    }

    fn serialize_none(self) -> Result<(), No> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), No> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), No> {
        when(self.0.may_be_null)?;
        self.1.value(&())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), No> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), No> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), No> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), No> {
        Err(No)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'p, 'o, O>, No> {
        let Kind::Array(items) = &self.0.kind else {
            return Err(No);
        };
        self.1.push(b"[");
        Ok(Items {
            schema: items,
            out: self.1,
            is_first: true,
        })
    }

    fn serialize_tuple(self, length: usize) -> Result<Items<'p, 'o, O>, No> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        length: usize,
    ) -> Result<Items<'p, 'o, O>, No> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, No> {
        Err(No)
    }

    /// Keys of a map are only known as they come; such answers are left to the other way.
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, No> {
        Err(No)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'p, 'o, O>, No> {
        let Kind::Object(object) = &self.0.kind else {
            return Err(No);
        };
        self.1.push(b"{");
        Ok(Members {
            object,
            out: self.1,
            is_first: true,
            next: 0,
            required: 0,
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, No> {
        Err(No)
    }
}

/// The items of an array.
pub(super) struct Items<'p, 'o, O> {
    schema: &'p Plain,
    out: &'o mut O,
    is_first: bool,
}

impl<O: Output> Items<'_, '_, O> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), No> {
        self.out.push(between(&mut self.is_first));
        value.serialize(Walk(self.schema, self.out))
    }

    fn finish(self) {
        self.out.push(b"]");
    }
}

/// What stands before the next one of several.
fn between(is_first: &mut bool) -> &'static [u8] {
    if std::mem::take(is_first) { b"" } else { b"," }
}

impl<O: Output> ser::SerializeSeq for Items<'_, '_, O> {
    type Ok = ();
    type Error = No;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), No> {
        self.item(value)
    }

    fn end(self) -> Result<(), No> {
        self.finish();
        Ok(())
    }
}

impl<O: Output> ser::SerializeTuple for Items<'_, '_, O> {
    type Ok = ();
    type Error = No;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), No> {
        self.item(value)
    }

    fn end(self) -> Result<(), No> {
        self.finish();
        Ok(())
    }
}

impl<O: Output> ser::SerializeTupleStruct for Items<'_, '_, O> {
    type Ok = ();
    type Error = No;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), No> {
        self.item(value)
    }

    fn end(self) -> Result<(), No> {
        self.finish();
        Ok(())
    }
}

/// The members of an object. They mostly come in the schema's order, so each is looked for first where the
/// one before it was found.
pub(super) struct Members<'p, 'o, O> {
    object: &'p Object,
    out: &'o mut O,
    is_first: bool,
    next: usize,
    /// How many required members came.
    required: usize,
}

impl<O: Output> ser::SerializeStruct for Members<'_, '_, O> {
    type Ok = ();
    type Error = No;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), No> {
        let properties = &self.object.properties;
        let after = properties.iter().enumerate().skip(self.next);
        let mut places = after.chain(properties.iter().enumerate().take(self.next));
        let Some((place, property)) = places.find(|(_, property)| property.name == key) else {
            // A member that the schema doesn't describe may be anything, if it may be there.
            when(!self.object.is_closed)?;
            self.out.push(between(&mut self.is_first));
            self.out.value(key)?;
            self.out.push(b":");
            return self.out.value(value);
        };
        self.next = place + 1;
        self.required += usize::from(property.required);
        self.out.push(between(&mut self.is_first));
        self.out.push(&property.key);
        value.serialize(Walk(&property.schema, self.out))
    }

    fn end(self) -> Result<(), No> {
        self.out.push(b"}");
        // Fields of a struct have different names, so each was counted once.
        when(
            self.required
                == self
                    .object
                    .properties
                    .iter()
                    .filter(|property| property.required)
                    .count(),
        )
    }
}
