//! A serde serializer that checks a value against its schema, and optionally writes it as JSON. The names of properties
//! are escaped in advance.

use std::fmt;

use serde::{Serialize, Serializer, ser};

use super::{Kind, Object, Plain};

/// Checks a value against a schema. The error carries no information.
pub(super) struct CheckingSerializer<'p, 'o, O>(pub(super) &'p Plain, pub(super) &'o mut O);

/// The destination of a value that is checked.
pub(super) trait Output {
    /// Appends JSON.
    fn push(&mut self, json: &[u8]);

    /// Appends a value as JSON.
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAdmitted>;
}

/// Discards the value, for a check only.
impl Output for () {
    fn push(&mut self, _: &[u8]) {}

    fn value<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), NotAdmitted> {
        Ok(())
    }
}

/// Writes the value as JSON.
impl Output for Vec<u8> {
    fn push(&mut self, json: &[u8]) {
        self.extend_from_slice(json);
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAdmitted> {
        serde_json::to_writer(self, value).map_err(|_unwritable| NotAdmitted)
    }
}

#[derive(Debug)]
pub(super) struct NotAdmitted;

impl fmt::Display for NotAdmitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not admitted by the fast path")
    }
}

impl std::error::Error for NotAdmitted {}

impl ser::Error for NotAdmitted {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

fn when(condition: bool) -> Result<(), NotAdmitted> {
    if condition { Ok(()) } else { Err(NotAdmitted) }
}

impl<O: Output> CheckingSerializer<'_, '_, O> {
    #[inline]
    fn integer(self, value: i64) -> Result<(), NotAdmitted> {
        when(match &self.0.kind {
            Kind::Integer {
                least,
                greatest,
                options,
            } => {
                let is_option = |options: &Vec<i64>| options.contains(&value);
                (*least..=*greatest).contains(&value) && options.as_ref().is_none_or(is_option)
            }
            // A greater integer could be rounded beyond a limit.
            Kind::Number { least, greatest } => {
                let in_bounds = |value: i32| (*least..=*greatest).contains(&f64::from(value));
                self.0.kind.is_any_number() || i32::try_from(value).is_ok_and(in_bounds)
            }
            _ => false,
        })?;
        self.1.value(&value)
    }
}

impl<'p, 'o, O: Output> Serializer for CheckingSerializer<'p, 'o, O> {
    type Ok = ();
    type Error = NotAdmitted;
    type SerializeSeq = ItemSerializer<'p, 'o, O>;
    type SerializeTuple = ItemSerializer<'p, 'o, O>;
    type SerializeTupleStruct = ItemSerializer<'p, 'o, O>;
    type SerializeTupleVariant = ser::Impossible<(), NotAdmitted>;
    type SerializeMap = ser::Impossible<(), NotAdmitted>;
    type SerializeStruct = FieldSerializer<'p, 'o, O>;
    type SerializeStructVariant = ser::Impossible<(), NotAdmitted>;

    fn serialize_bool(self, value: bool) -> Result<(), NotAdmitted> {
        when(matches!(self.0.kind, Kind::Boolean))?;
        self.1.value(&value)
    }

    fn serialize_i8(self, value: i8) -> Result<(), NotAdmitted> {
        self.integer(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), NotAdmitted> {
        self.integer(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), NotAdmitted> {
        self.integer(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), NotAdmitted> {
        self.integer(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), NotAdmitted> {
        self.integer(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), NotAdmitted> {
        self.integer(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), NotAdmitted> {
        self.integer(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), NotAdmitted> {
        i64::try_from(value).map_or(Err(NotAdmitted), |value| self.integer(value))
    }

    /// Limits are not checked, because the number is written with other digits than it holds.
    fn serialize_f32(self, value: f32) -> Result<(), NotAdmitted> {
        when(self.0.kind.is_any_number() && value.is_finite())?;
        self.1.value(&value)
    }

    /// Rejects NaN and infinities, which JSON does not have.
    fn serialize_f64(self, value: f64) -> Result<(), NotAdmitted> {
        let Kind::Number { least, greatest } = &self.0.kind else {
            return Err(NotAdmitted);
        };
        when(value.is_finite() && (*least..=*greatest).contains(&value))?;
        self.1.value(&value)
    }

    fn serialize_char(self, value: char) -> Result<(), NotAdmitted> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), NotAdmitted> {
        when(matches!(&self.0.kind, Kind::String(text) if text.admits(value)))?;
        self.1.value(value)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), NotAdmitted> {
        Err(NotAdmitted)
    }

    fn serialize_none(self) -> Result<(), NotAdmitted> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotAdmitted> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotAdmitted> {
        when(self.0.may_be_null)?;
        self.1.value(&())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NotAdmitted> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), NotAdmitted> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotAdmitted> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), NotAdmitted> {
        Err(NotAdmitted)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<ItemSerializer<'p, 'o, O>, NotAdmitted> {
        let Kind::Array(items) = &self.0.kind else {
            return Err(NotAdmitted);
        };
        self.1.push(b"[");
        Ok(ItemSerializer {
            schema: items,
            out: self.1,
            is_first: true,
        })
    }

    fn serialize_tuple(self, length: usize) -> Result<ItemSerializer<'p, 'o, O>, NotAdmitted> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        length: usize,
    ) -> Result<ItemSerializer<'p, 'o, O>, NotAdmitted> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NotAdmitted> {
        Err(NotAdmitted)
    }

    /// Rejects maps: their keys are not known in advance.
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NotAdmitted> {
        Err(NotAdmitted)
    }

    fn serialize_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<FieldSerializer<'p, 'o, O>, NotAdmitted> {
        let Kind::Object(object) = &self.0.kind else {
            return Err(NotAdmitted);
        };
        self.1.push(b"{");
        Ok(FieldSerializer {
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
    ) -> Result<Self::SerializeStructVariant, NotAdmitted> {
        Err(NotAdmitted)
    }
}

/// Serializes the items of an array.
pub(super) struct ItemSerializer<'p, 'o, O> {
    schema: &'p Plain,
    out: &'o mut O,
    is_first: bool,
}

impl<O: Output> ItemSerializer<'_, '_, O> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAdmitted> {
        self.out.push(between(&mut self.is_first));
        value.serialize(CheckingSerializer(self.schema, self.out))
    }

    fn finish(self) {
        self.out.push(b"]");
    }
}

/// Returns the separator before an item or property.
fn between(is_first: &mut bool) -> &'static [u8] {
    if std::mem::take(is_first) { b"" } else { b"," }
}

impl<O: Output> ser::SerializeSeq for ItemSerializer<'_, '_, O> {
    type Ok = ();
    type Error = NotAdmitted;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAdmitted> {
        self.item(value)
    }

    fn end(self) -> Result<(), NotAdmitted> {
        self.finish();
        Ok(())
    }
}

impl<O: Output> ser::SerializeTuple for ItemSerializer<'_, '_, O> {
    type Ok = ();
    type Error = NotAdmitted;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAdmitted> {
        self.item(value)
    }

    fn end(self) -> Result<(), NotAdmitted> {
        self.finish();
        Ok(())
    }
}

impl<O: Output> ser::SerializeTupleStruct for ItemSerializer<'_, '_, O> {
    type Ok = ();
    type Error = NotAdmitted;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotAdmitted> {
        self.item(value)
    }

    fn end(self) -> Result<(), NotAdmitted> {
        self.finish();
        Ok(())
    }
}

/// Serializes the fields of a struct. They mostly have the order of the schema, so the search starts after the previous
/// one.
pub(super) struct FieldSerializer<'p, 'o, O> {
    object: &'p Object,
    out: &'o mut O,
    is_first: bool,
    next: usize,
    /// The number of required properties so far.
    required: usize,
}

impl<O: Output> ser::SerializeStruct for FieldSerializer<'_, '_, O> {
    type Ok = ();
    type Error = NotAdmitted;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), NotAdmitted> {
        let properties = &self.object.properties;
        let after = properties.iter().enumerate().skip(self.next);
        let mut places = after.chain(properties.iter().enumerate().take(self.next));
        let Some((place, property)) = places.find(|(_, property)| property.name == key) else {
            // A property that is not described may have any value if it is allowed.
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
        value.serialize(CheckingSerializer(&property.schema, self.out))
    }

    fn end(self) -> Result<(), NotAdmitted> {
        self.out.push(b"}");
        // The names of fields are distinct, so each was counted once.
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
