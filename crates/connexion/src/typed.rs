//! A handler's typed value, checked against its schema without writing it as JSON and reading it again.
//!
//! Most schemas of answers are plain: objects of texts, numbers and enums. For those the value is walked
//! once with serde, which costs about a tenth of parsing. What is not plain (`oneOf`, unknown formats …) or
//! does not conform is left to [`Schema`](crate::schema::Schema): saying "no" here only costs time, so
//! every case of doubt is a "no", and a "yes" must be certain.

use std::fmt;

use regex::Regex;
use serde::{Serialize, Serializer, ser};
use serde_json::{Map, Value};

use crate::schema::{FormatCheck, resolve};

/// References that lead deeper than this are taken for a cycle.
const MAX_DEPTH: usize = 32;

/// A plain schema.
#[derive(Debug)]
pub(crate) enum Plain {
    Null,
    Boolean,
    Integer { least: i64, greatest: i64 },
    Number,
    Text(Text),
    Array(Box<Self>),
    Object(Vec<Property>),
}

/// A plain schema of texts.
#[derive(Debug)]
pub(crate) struct Text {
    max_length: Option<usize>,
    options: Option<Vec<String>>,
    format: Option<FormatCheck>,
    pattern: Option<Regex>,
}

#[derive(Debug)]
pub(crate) struct Property {
    name: String,
    required: bool,
    schema: Plain,
}

impl Plain {
    /// Reads a schema of the document `root`; `None` if it is not plain.
    pub(crate) fn compile(
        root: &Value,
        schema: &Value,
        formats: &[(String, FormatCheck)],
    ) -> Option<Self> {
        Compile { root, formats }.schema(schema, 0)
    }

    /// Whether `value` certainly conforms.
    pub(crate) fn admits<T: Serialize + ?Sized>(&self, value: &T) -> bool {
        value.serialize(Walk(self)).is_ok()
    }
}

impl Text {
    fn admits(&self, text: &str) -> bool {
        let fits = |limit: usize| text.len() <= limit || text.chars().count() <= limit;
        self.max_length.is_none_or(fits)
            && self
                .options
                .as_ref()
                .is_none_or(|options| options.iter().any(|option| option == text))
            && self.format.is_none_or(|check| check(text))
            && self
                .pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(text))
    }
}

struct Compile<'c> {
    root: &'c Value,
    formats: &'c [(String, FormatCheck)],
}

impl Compile<'_> {
    fn schema(&self, schema: &Value, depth: usize) -> Option<Plain> {
        // A reference with siblings is not plain: both would have to be looked at.
        let alone = schema.get("$ref").is_none() || schema.as_object()?.len() == 1;
        if depth > MAX_DEPTH || !alone {
            return None;
        }
        let schema = resolve(self.root, schema).as_object()?;
        let (plain, keywords): (_, &[&str]) = match schema.get("type")?.as_str()? {
            "null" => (Plain::Null, &[]),
            "boolean" => (Plain::Boolean, &[]),
            "integer" => (
                integer(schema)?,
                &["minimum", "maximum", "format", crate::schema::WHOLE],
            ),
            "number"
                if matches!(
                    schema.get("format").map(Value::as_str),
                    None | Some(Some("double"))
                ) =>
            {
                (Plain::Number, &["format"])
            }
            "string" => (
                Plain::Text(self.text(schema)?),
                &["maxLength", "enum", "format", "pattern"],
            ),
            "array" => (
                Plain::Array(Box::new(self.schema(schema.get("items")?, depth + 1)?)),
                &["items"],
            ),
            "object" => (self.object(schema, depth)?, &["properties", "required"]),
            _ => return None,
        };
        let about = [
            "type",
            "title",
            "description",
            "example",
            "examples",
            "default",
            "deprecated",
        ];
        let known = |keyword: &str| {
            keywords.contains(&keyword) || about.contains(&keyword) || keyword.starts_with("x-")
        };
        schema.keys().all(|keyword| known(keyword)).then_some(plain)
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize) -> Option<Plain> {
        let properties = schema.get("properties")?.as_object()?;
        let required: Vec<&str> = match schema.get("required") {
            Some(names) => names
                .as_array()?
                .iter()
                .map(Value::as_str)
                .collect::<Option<_>>()?,
            None => Vec::new(),
        };
        if !required.iter().all(|name| properties.contains_key(*name)) {
            return None;
        }
        let property = |(name, schema): (&String, &Value)| {
            let required = required.contains(&name.as_str());
            Some(Property {
                name: name.clone(),
                required,
                schema: self.schema(schema, depth + 1)?,
            })
        };
        properties
            .iter()
            .map(property)
            .collect::<Option<_>>()
            .map(Plain::Object)
    }

    fn text(&self, schema: &Map<String, Value>) -> Option<Text> {
        let options = |value: &Value| {
            value
                .as_array()?
                .iter()
                .map(|option| option.as_str().map(str::to_owned))
                .collect::<Option<_>>()
        };
        let format = |value: &Value| {
            let known = self
                .formats
                .iter()
                .find(|(name, _)| Some(name.as_str()) == value.as_str());
            known.map(|(_, check)| *check)
        };
        Some(Text {
            max_length: optional(schema, "maxLength", |value| {
                usize::try_from(value.as_u64()?).ok()
            })?,
            options: optional(schema, "enum", options)?,
            format: optional(schema, "format", format)?,
            pattern: optional(schema, "pattern", |value| plain_pattern(value.as_str()?))?,
        })
    }
}

/// The keyword's value if it is there; `None` if it is there but can't be read.
#[expect(
    clippy::option_option,
    reason = "absent and unreadable are different things"
)]
fn optional<T>(
    schema: &Map<String, Value>,
    keyword: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<Option<T>> {
    match schema.get(keyword) {
        Some(value) => read(value).map(Some),
        None => Some(None),
    }
}

fn integer(schema: &Map<String, Value>) -> Option<Plain> {
    let (least, greatest) = match schema.get("format").map(Value::as_str) {
        None | Some(Some("int64")) => (i64::MIN, i64::MAX),
        Some(Some("int32")) => (i32::MIN.into(), i32::MAX.into()),
        Some(_) => return None,
    };
    Some(Plain::Integer {
        least: optional(schema, "minimum", Value::as_i64)?
            .map_or(least, |minimum| minimum.max(least)),
        greatest: optional(schema, "maximum", Value::as_i64)?
            .map_or(greatest, |maximum| maximum.min(greatest)),
    })
}

/// A regular expression that means the same in ECMA 262 and in Rust: no classes by letter, no dot.
fn plain_pattern(pattern: &str) -> Option<Regex> {
    let escapes = pattern.matches('\\').count();
    if pattern.contains('.')
        || escapes != pattern.matches("\\u").count()
        || pattern.contains("\\u{")
    {
        return None;
    }
    Regex::new(pattern).ok()
}

/// Walks a value beside its schema. The error says nothing: it only ends the walk.
struct Walk<'p>(&'p Plain);

#[derive(Debug)]
struct No;

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

impl Walk<'_> {
    fn whole(&self, value: i64) -> Result<(), No> {
        match self.0 {
            Plain::Integer { least, greatest } => when((*least..=*greatest).contains(&value)),
            Plain::Number => Ok(()),
            _ => Err(No),
        }
    }
}

impl<'p> Serializer for Walk<'p> {
    type Ok = ();
    type Error = No;
    type SerializeSeq = Items<'p>;
    type SerializeTuple = Items<'p>;
    type SerializeTupleStruct = Items<'p>;
    type SerializeTupleVariant = ser::Impossible<(), No>;
    type SerializeMap = ser::Impossible<(), No>;
    type SerializeStruct = Members<'p>;
    type SerializeStructVariant = ser::Impossible<(), No>;

    fn serialize_bool(self, _: bool) -> Result<(), No> {
        when(matches!(self.0, Plain::Boolean))
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

    fn serialize_f32(self, value: f32) -> Result<(), No> {
        self.serialize_f64(value.into())
    }

    /// JSON has no NaN and no infinities: they would be written as null.
    fn serialize_f64(self, value: f64) -> Result<(), No> {
        when(matches!(self.0, Plain::Number) && value.is_finite())
    }

    fn serialize_char(self, value: char) -> Result<(), No> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), No> {
        match self.0 {
            Plain::Text(text) => when(text.admits(value)),
            _ => Err(No),
        }
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
        when(matches!(self.0, Plain::Null))
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

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'p>, No> {
        match self.0 {
            Plain::Array(items) => Ok(Items(items)),
            _ => Err(No),
        }
    }

    fn serialize_tuple(self, length: usize) -> Result<Items<'p>, No> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items<'p>, No> {
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

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'p>, No> {
        match self.0 {
            Plain::Object(properties) => Ok(Members {
                properties,
                next: 0,
                required: 0,
            }),
            _ => Err(No),
        }
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
struct Items<'p>(&'p Plain);

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), No> {
        value.serialize(Walk(self.0))
    }
}

impl ser::SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = No;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), No> {
        self.item(value)
    }

    fn end(self) -> Result<(), No> {
        Ok(())
    }
}

impl ser::SerializeTuple for Items<'_> {
    type Ok = ();
    type Error = No;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), No> {
        self.item(value)
    }

    fn end(self) -> Result<(), No> {
        Ok(())
    }
}

impl ser::SerializeTupleStruct for Items<'_> {
    type Ok = ();
    type Error = No;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), No> {
        self.item(value)
    }

    fn end(self) -> Result<(), No> {
        Ok(())
    }
}

/// The members of an object. They mostly come in the schema's order, so each is looked for first where the
/// one before it was found.
struct Members<'p> {
    properties: &'p [Property],
    next: usize,
    /// How many required members came.
    required: usize,
}

impl ser::SerializeStruct for Members<'_> {
    type Ok = ();
    type Error = No;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), No> {
        let after = self.properties.iter().enumerate().skip(self.next);
        let mut places = after.chain(self.properties.iter().enumerate().take(self.next));
        // A member that the schema doesn't describe may be anything.
        let Some((place, property)) = places.find(|(_, property)| property.name == key) else {
            return Ok(());
        };
        self.next = place + 1;
        self.required += usize::from(property.required);
        value.serialize(Walk(&property.schema))
    }

    fn end(self) -> Result<(), No> {
        // Fields of a struct have different names, so each was counted once.
        when(
            self.required
                == self
                    .properties
                    .iter()
                    .filter(|property| property.required)
                    .count(),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::Plain;

    #[derive(Clone, Serialize)]
    struct Thing {
        text: String,
        kind: Kind,
        count: i64,
        share: f64,
        tags: Vec<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<bool>,
        extra: (),
    }

    #[derive(Serialize)]
    struct Less {
        kind: Kind,
    }

    #[derive(Clone, Copy, Serialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Big,
        Small,
    }

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["kind", "text"],
            "properties": {
                "text": {"type": "string", "maxLength": 3, "pattern": "^[^\\u0000]*$", "format": "short"},
                "kind": {"$ref": "#/kinds"},
                "count": {"type": "integer", "format": "int32", "minimum": 0},
                "share": {"type": "number", "format": "double"},
                "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
                "note": {"type": "boolean", "description": "optional"},
            },
            "kinds": {"type": "string", "enum": ["big"]},
        })
    }

    fn compile(schema: &Value) -> Option<Plain> {
        let mut inner = schema.clone();
        inner.as_object_mut().unwrap().remove("kinds");
        Plain::compile(
            schema,
            &inner,
            &[("short".to_owned(), |text| text.len() < 10)],
        )
    }

    #[test]
    fn a_typed_value_is_admitted_only_if_it_conforms() {
        let plain = compile(&schema()).unwrap();
        let right = Thing {
            text: "äöü".to_owned(),
            kind: Kind::Big,
            count: 7,
            share: 0.5,
            tags: vec!["a", "b", "a"],
            note: None,
            extra: (),
        };
        assert!(plain.admits(&right));
        assert!(plain.admits(&Thing {
            note: Some(true),
            ..right.clone()
        }));
        for wrong in [
            Thing {
                text: "four".to_owned(),
                ..right.clone()
            },
            Thing {
                text: "\0".to_owned(),
                ..right.clone()
            },
            Thing {
                kind: Kind::Small,
                ..right.clone()
            },
            Thing {
                count: -1,
                ..right.clone()
            },
            Thing {
                count: 1 << 31,
                ..right.clone()
            },
            Thing {
                share: f64::NAN,
                ..right.clone()
            },
            Thing {
                tags: vec!["a", "c"],
                ..right
            },
        ] {
            assert!(!plain.admits(&wrong), "{}", json!(wrong));
        }
        assert!(
            !plain.admits(&Less { kind: Kind::Big }),
            "a member is missing"
        );
        assert!(!plain.admits(&[1]));
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_other_way() {
        for (keyword, value) in [
            ("type", json!(["object", "null"])),
            ("additionalProperties", json!(false)),
            ("minProperties", json!(1)),
            ("required", json!(["unknown"])),
            ("oneOf", json!([])),
            (
                "properties",
                json!({"a": {"type": "string", "format": "date"}}),
            ),
            (
                "properties",
                json!({"a": {"type": "string", "pattern": "^\\d"}}),
            ),
            (
                "properties",
                json!({"a": {"type": "string", "pattern": "."}}),
            ),
            ("properties", json!({"a": {"type": "number", "minimum": 1}})),
            ("properties", json!({"a": {}})),
            (
                "properties",
                json!({"a": {"$ref": "#/kinds", "maxLength": 1}}),
            ),
        ] {
            let mut schema = schema();
            schema
                .as_object_mut()
                .unwrap()
                .insert(keyword.to_owned(), value);
            assert!(compile(&schema).is_none(), "{schema}");
        }
    }
}
