//! Differences between the schemas of OpenAPI and JSON Schema 2020-12: custom keywords, and the rewriting of schemas.

use std::collections::HashSet;

use jsonschema::{Keyword, paths::Location};
use serde_json::{Map, Value, json};

use super::{integer::INTEGER_RANGE, pattern};
use crate::{
    compat::Compat,
    document::{Document, Version, decoded},
};

/// The type of a value. An enum, so that validation does not compare names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Type {
    String,
    Number,
    Integer,
    Boolean,
    Object,
    Array,
    Null,
}

const TYPES: [(&str, Type); 7] = [
    ("string", Type::String),
    ("number", Type::Number),
    ("integer", Type::Integer),
    ("boolean", Type::Boolean),
    ("object", Type::Object),
    ("array", Type::Array),
    ("null", Type::Null),
];

impl Type {
    fn from_name(name: &str) -> Option<Self> {
        let mut all = TYPES.iter();
        all.find(|(known, _)| *known == name).map(|(_, it)| *it)
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::String(_) => Self::String,
            Value::Number(number) if Compat::Connexion.is_integer(number) => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::Bool(_) => Self::Boolean,
            Value::Object(_) => Self::Object,
            Value::Array(_) => Self::Array,
            Value::Null => Self::Null,
        }
    }
}

/// Returns the message for an unknown `type`.
pub(super) fn unknown_type() -> String {
    format!(
        "`type` must be one of {}",
        TYPES.map(|(name, _)| name).join(", ")
    )
}

/// The keyword `type` with the integer rule of Python's connexion. Otherwise `jsonschema`'s own is used.
struct TypeKeyword {
    accepted: Vec<Type>,
    names: String,
}

impl Keyword<'_> for TypeKeyword {
    fn validate(&self, value: &Value) -> Result<(), jsonschema::ValidationError<'static>> {
        if self.is_valid(value) {
            Ok(())
        } else {
            Err(jsonschema::ValidationError::custom(self.names.clone()))
        }
    }

    fn is_valid(&self, value: &Value) -> bool {
        let found = Type::of(value);
        let is_number = |accepted: &Type| *accepted == Type::Number && found == Type::Integer;
        self.accepted
            .iter()
            .any(|one| *one == found || is_number(one))
    }
}

pub(super) fn types<'a>(
    _: &'a Map<String, Value>,
    names: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, jsonschema::ValidationError<'a>> {
    let names: Vec<&str> = match names {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    };
    let accepted: Option<Vec<Type>> = names.iter().map(|name| Type::from_name(name)).collect();
    let Some(accepted) = accepted.filter(|accepted| !accepted.is_empty()) else {
        return Err(jsonschema::ValidationError::custom(unknown_type()));
    };
    let names = names.join(",");
    Ok(Box::new(TypeKeyword { accepted, names }))
}

/// The keyword for the range of `float`. `double` needs none: JSON with a greater number can't be parsed.
pub(super) const FLOAT_RANGE: &str = "x-connexion-float-range";

struct FloatRange;

impl Keyword<'_> for FloatRange {
    fn validate(&self, value: &Value) -> Result<(), jsonschema::ValidationError<'static>> {
        if self.is_valid(value) {
            Ok(())
        } else {
            Err(jsonschema::ValidationError::custom("is not a float"))
        }
    }

    fn is_valid(&self, value: &Value) -> bool {
        // Rounded first, because the greatest float may be written with fewer digits.
        #[expect(clippy::cast_possible_truncation, reason = "that is what is asked for")]
        let is_finite = |number: f64| (number as f32).is_finite();
        value.as_f64().is_none_or(is_finite)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a keyword factory")]
pub(super) fn float_range<'a>(
    _: &'a Map<String, Value>,
    _: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, jsonschema::ValidationError<'a>> {
    Ok(Box::new(FloatRange))
}

/// Returns whether a `format` is known: it is checked, or can't be (`password`, `binary`).
pub(crate) fn is_format(name: &str) -> bool {
    matches!(
        name,
        "byte"
            | "binary"
            | "date"
            | "date-time"
            | "double"
            | "duration"
            | "email"
            | "float"
            | "hostname"
            | "int32"
            | "int64"
            | "ipv4"
            | "ipv6"
            | "iri"
            | "iri-reference"
            | "json-pointer"
            | "password"
            // Of Python's connexion: a path parameter with slashes in its value.
            | "path"
            | "regex"
            | "relative-json-pointer"
            | "time"
            | "uri"
            | "uri-reference"
            | "uri-template"
            | "uuid"
    )
}

/// Returns whether a string is Base64 (RFC 4648, section 4).
pub(super) fn is_base64(text: &str) -> bool {
    base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text).is_ok()
}

/// Returns whether a keyword is an annotation, which does not affect validation.
pub(crate) fn is_annotation(keyword: &str) -> bool {
    keyword.starts_with("x-") && keyword != "x-nullable" && !keyword.starts_with("x-connexion-")
        || matches!(
            keyword,
            "title"
                | "description"
                | "default"
                | "example"
                | "examples"
                | "deprecated"
                | "readOnly"
                | "writeOnly"
                | "externalDocs"
                | "xml"
                | "$comment"
        )
}

/// Rewrites `schema` and the schemas below it as JSON Schema 2020-12.
pub(super) fn adapt(schema: &mut Value, document: &Document) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| adapt(item, document)),
        Value::Object(keywords) => {
            adapt_reference(keywords, document);
            adapt_bounds(keywords);
            adapt_nullable(keywords, document.version);
            adapt_lists(keywords);
            pattern::adapt(keywords);
            for (key, value) in keywords {
                match key.as_str() {
                    // Values, not schemas. They must not change.
                    "example" | "examples" | "default" | "enum" | "const" => {}
                    // The keys of these objects are names, not keywords.
                    "properties" | "patternProperties" | "dependentSchemas" | "$defs"
                    | "definitions" => {
                        if let Value::Object(named) = value {
                            named.values_mut().for_each(|below| adapt(below, document));
                        }
                    }
                    _ => adapt(value, document),
                }
            }
        }
        _ => {}
    }
}

/// Removes a reference without a target, which is reported elsewhere. Before OpenAPI 3.1, removes the siblings of a
/// reference, which have no meaning.
fn adapt_reference(schema: &mut Map<String, Value>, document: &Document) {
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else {
        return;
    };
    if document.target(reference).is_err() {
        schema.shift_remove("$ref");
        return;
    }
    // References contain names such as `Page«Pet»` unencoded, which URIs do not allow.
    let encoded = format!("#{}", super::traverse::encoded(&decoded(reference)));
    if encoded != reference {
        schema.insert("$ref".to_owned(), encoded.into());
    }
    if !document.version.refs_have_siblings() {
        schema.retain(|key, _| key == "$ref");
    }
}

fn adapt_bounds(schema: &mut Map<String, Value>) {
    match schema.get("format").and_then(Value::as_str) {
        Some(format @ ("int32" | "int64")) => {
            let format = format.into();
            schema.insert(INTEGER_RANGE.to_owned(), format);
        }
        Some("float") => {
            schema.insert(FLOAT_RANGE.to_owned(), Value::Bool(true));
        }
        _ => {}
    }
    for (keyword, exclusive) in [
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ] {
        // In OpenAPI 3.0 the keyword is a boolean that makes the other bound exclusive.
        match schema.get(exclusive) {
            Some(Value::Bool(true)) => {
                match schema.shift_remove(keyword) {
                    Some(bound) => schema.insert(exclusive.to_owned(), bound),
                    None => schema.shift_remove(exclusive),
                };
            }
            Some(Value::Bool(false)) => drop(schema.shift_remove(exclusive)),
            _ => {}
        }
    }
}

/// Rewrites `nullable` of OpenAPI 3.0 and `x-nullable` of Swagger 2.0 as the type "null". OpenAPI 3.1 has no
/// `nullable`.
///
/// `nullable` adds null to the `type` of the same schema only, so an `enum` must list null, too (OpenAPI proposal 003).
/// No specification defines `x-nullable`: as in Python's connexion, it adds null to the `enum` as well.
fn adapt_nullable(schema: &mut Map<String, Value>, version: Version) {
    let is = |key: &str| schema.get(key) == Some(&Value::Bool(true));
    let is_extension = is("x-nullable");
    let is_nullable = is_extension || is("nullable") && version < Version::OpenApi31;
    if let (true, Some(Value::String(name))) = (is_nullable, schema.get("type")) {
        let types = json!([name, "null"]);
        schema.insert("type".to_owned(), types);
        if let Some(Value::Array(options)) = schema.get_mut("enum")
            && is_extension
            && !options.contains(&Value::Null)
        {
            options.push(Value::Null);
        }
    }
}

/// Rewrites what other versions of JSON Schema allow: a list under `items`, repeated names, `examples` that are not a
/// list.
fn adapt_lists(schema: &mut Map<String, Value>) {
    if schema.get("items").is_some_and(Value::is_array)
        && let Some(items) = schema.shift_remove("items")
    {
        let rest = schema.shift_remove("additionalItems");
        schema.extend(rest.map(|rest| ("items".to_owned(), rest)));
        schema.insert("prefixItems".to_owned(), items);
    }
    if schema.get("examples").is_some_and(Value::is_object) {
        schema.shift_remove("examples");
    }
    for keyword in ["required", "type"] {
        if let Some(names) = schema.get_mut(keyword) {
            without_repetition(names);
        }
    }
    if let Some(Value::Object(dependent)) = schema.get_mut("dependentRequired") {
        dependent.values_mut().for_each(without_repetition);
    }
}

fn without_repetition(names: &mut Value) {
    if let Value::Array(names) = names {
        let mut seen = HashSet::new();
        names.retain(|name| {
            name.as_str()
                .is_none_or(|name| seen.insert(name.to_owned()))
        });
    }
}
