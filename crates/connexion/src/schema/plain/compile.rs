//! Compilation of schemas for the fast path. A schema with anything that is not supported is rejected.

use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use serde_json::{Map, Value};

use super::{Format, Kind, Object, Pattern, Plain, Property, STANDARD, StringRules};
use crate::{
    document::{MAX_REFERENCES, decoded, node::value_at},
    schema::{FormatCheck, direction::FORBIDDEN, integer::INTEGER_RANGE, is_annotation},
};

impl Plain {
    /// Compiles a schema of the document `root`; `None` if the fast path does not support it.
    pub(in crate::schema) fn compile(
        root: &Value,
        schema: &Value,
        formats: &[(String, FormatCheck)],
    ) -> Option<Self> {
        Compiler { root, formats }.schema(schema, &[])
    }
}

struct Compiler<'c> {
    root: &'c Value,
    formats: &'c [(String, FormatCheck)],
}

impl Compiler<'_> {
    /// Compiles a schema. `outer` are the schemas that contain it: recursive schemas are not supported.
    fn schema(&self, schema: &Value, outer: &[&Value]) -> Option<Plain> {
        let described = self.described(schema)?;
        if outer.iter().any(|one| std::ptr::eq(*one, described)) {
            return None;
        }
        let schema = described.as_object()?;
        if schema.contains_key(FORBIDDEN) {
            return Some(Plain {
                kind: Kind::Never,
                may_be_null: false,
            });
        }
        let (name, may_be_null) = type_of(schema.get("type")?)?;
        // Checked first, because compiling patterns takes long.
        if !schema.keys().all(|keyword| is_known(name, keyword)) {
            return None;
        }
        let outer = [outer, &[described]].concat();
        let kind = match name {
            "null" => Kind::Never,
            "boolean" => Kind::Boolean,
            "integer" => integer(schema)?,
            "number" => number(schema)?,
            "string" => Kind::String(self.string(schema)?),
            "array" => Kind::Array(Box::new(self.schema(schema.get("items")?, &outer)?)),
            "object" => self.object(schema, &outer)?,
            _ => return None,
        };
        Some(Plain {
            kind,
            // A supported enum does not contain null.
            may_be_null: may_be_null && !schema.contains_key("enum"),
        })
    }

    /// Follows the references of a schema. A reference with siblings is not supported, except annotations and
    /// extensions.
    fn described<'v>(&'v self, mut schema: &'v Value) -> Option<&'v Value> {
        for _ in 0..MAX_REFERENCES {
            let Some(reference) = schema.get("$ref") else {
                return Some(schema);
            };
            let mut keywords = schema.as_object()?.keys();
            if !keywords.all(|keyword| keyword == "$ref" || is_annotation(keyword)) {
                return None;
            }
            schema = value_at(self.root, &decoded(reference.as_str()?))?;
        }
        None
    }

    fn object(&self, schema: &Map<String, Value>, outer: &[&Value]) -> Option<Kind> {
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
                key: format!("{}:", Value::from(name.as_str())).into_bytes(),
                required,
                schema: self.schema(schema, outer)?,
            })
        };
        let is_open = optional(schema, "additionalProperties", Value::as_bool)?;
        Some(Kind::Object(Object {
            properties: properties.iter().map(property).collect::<Option<_>>()?,
            is_closed: is_open == Some(false),
        }))
    }

    fn string(&self, schema: &Map<String, Value>) -> Option<StringRules> {
        let format = |value: &Value| {
            let known = self
                .formats
                .iter()
                .rfind(|(name, _)| Some(name.as_str()) == value.as_str());
            let own = known.map(|(_, check)| Format::Application(check.clone()));
            let standard = || STANDARD.get(value.as_str()?).map(Format::Standard);
            own.or_else(standard)
        };
        let length = |value: &Value| usize::try_from(value.as_u64()?).ok();
        Some(StringRules {
            min_length: optional(schema, "minLength", length)?.unwrap_or(0),
            max_length: optional(schema, "maxLength", length)?,
            options: optional(schema, "enum", |value| {
                options(value, |option| option.as_str().map(str::to_owned))
            })?,
            format: optional(schema, "format", format)?,
            pattern: optional(schema, "pattern", |value| Pattern::plain(value.as_str()?))?,
        })
    }
}

/// Returns the only type beside null, and whether null is valid.
fn type_of(value: &Value) -> Option<(&str, bool)> {
    let several = value.as_array().map(Vec::as_slice);
    let name = match several {
        None => return value.as_str().map(|name| (name, name == "null")),
        Some([one, null]) if null == "null" => one,
        Some([null, one]) if null == "null" => one,
        Some(_) => return None,
    };
    Some((name.as_str()?, true))
}

/// Returns whether a keyword is supported in the schema of a type.
fn is_known(kind: &str, keyword: &str) -> bool {
    let keywords: &[&str] = match kind {
        "integer" => &["minimum", "maximum", "enum", "format", INTEGER_RANGE],
        "number" => &["minimum", "maximum", "format"],
        "string" => &["minLength", "maxLength", "enum", "format", "pattern"],
        "array" => &["items"],
        "object" => &["properties", "required", "additionalProperties"],
        _ => &[],
    };
    keyword == "type" || keywords.contains(&keyword) || is_annotation(keyword)
}

/// Reads a keyword: `Some(None)` if it is absent, `None` if its value is not supported.
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

/// Returns the values of an `enum` if all are of one type.
fn options<T>(value: &Value, read: impl FnMut(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(read).collect()
}

fn integer(schema: &Map<String, Value>) -> Option<Kind> {
    let (least, greatest) = match schema.get("format").map(Value::as_str) {
        None | Some(Some("int64")) => (i64::MIN, i64::MAX),
        Some(Some("int32")) => (i32::MIN.into(), i32::MAX.into()),
        Some(_) => return None,
    };
    Some(Kind::Integer {
        least: optional(schema, "minimum", Value::as_i64)?
            .map_or(least, |minimum| minimum.max(least)),
        greatest: optional(schema, "maximum", Value::as_i64)?
            .map_or(greatest, |maximum| maximum.min(greatest)),
        options: optional(schema, "enum", |value| options(value, Value::as_i64))?,
    })
}

/// Compiles the limits of a number. Limits that a float does not represent exactly are not supported.
fn number(schema: &Map<String, Value>) -> Option<Kind> {
    let format = schema.get("format").map(Value::as_str);
    if !matches!(format, None | Some(Some("double"))) {
        return None;
    }
    let bound = |value: &Value| {
        let is_exact = value.is_f64() || value.as_i64().is_some_and(|it| i32::try_from(it).is_ok());
        value.as_f64().filter(|_| is_exact)
    };
    Some(Kind::Number {
        least: optional(schema, "minimum", bound)?.unwrap_or(f64::NEG_INFINITY),
        greatest: optional(schema, "maximum", bound)?.unwrap_or(f64::INFINITY),
    })
}

impl Pattern {
    /// Compiles a pattern with the same meaning in ECMA-262 and in the `regex` crate: no escaped classes, no dot.
    pub(super) fn plain(pattern: &str) -> Option<Self> {
        let escapes = pattern.matches('\\').count();
        if pattern.contains('.')
            || escapes != pattern.matches("\\u").count()
            || pattern.contains("\\u{")
        {
            return None;
        }
        let parsed = regex_syntax::parse(pattern).ok()?;
        let regex = || Regex::new(pattern).ok().map(Self::Regex);
        Self::bytes(&parsed).or_else(regex)
    }

    /// Compiles a pattern such as `^[a-z]*$`, if it treats all characters beyond ASCII alike.
    fn bytes(pattern: &Hir) -> Option<Self> {
        let HirKind::Concat(parts) = pattern.kind() else {
            return None;
        };
        let [first, many, last] = parts.as_slice() else {
            return None;
        };
        let HirKind::Repetition(many) = many.kind() else {
            return None;
        };
        let HirKind::Class(Class::Unicode(class)) = many.sub.kind() else {
            return None;
        };
        let is_whole = *first.kind() == HirKind::Look(Look::Start)
            && *last.kind() == HirKind::Look(Look::End)
            && many.min <= 1
            && many.max.is_none();
        let has = |c: char| {
            class
                .iter()
                .any(|range| (range.start()..=range.end()).contains(&c))
        };
        let mut beyond = class.iter().filter(|range| range.end() > '\u{7f}');
        let all_beyond = match (beyond.next(), beyond.next()) {
            (None, _) => false,
            (Some(range), None) if range.start() <= '\u{80}' && range.end() == char::MAX => true,
            _ => return None,
        };
        let allowed = |byte: usize| match u8::try_from(byte) {
            Ok(byte) if byte.is_ascii() => has(byte.into()),
            _ => all_beyond,
        };
        is_whole.then(|| Self::Bytes {
            allowed: Box::new(std::array::from_fn(allowed)),
            may_be_empty: many.min == 0,
        })
    }
}
