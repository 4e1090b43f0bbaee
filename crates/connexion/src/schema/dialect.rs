//! Where OpenAPI's schemas differ from JSON Schema 2020-12: two keywords of our own, and what is rewritten.

use std::collections::HashSet;

use jsonschema::{Keyword, paths::Location};
use serde_json::{Map, Value, json};

use super::{integer::WHOLE, pattern};
use crate::{
    compat::Compat,
    document::{Document, Version, decoded},
};

/// A type that a value can have. Names are compared once, not for every value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Type {
    Text,
    Number,
    Integer,
    Boolean,
    Object,
    Array,
    Null,
}

const TYPES: [(&str, Type); 7] = [
    ("string", Type::Text),
    ("number", Type::Number),
    ("integer", Type::Integer),
    ("boolean", Type::Boolean),
    ("object", Type::Object),
    ("array", Type::Array),
    ("null", Type::Null),
];

impl Type {
    fn named(name: &str) -> Option<Self> {
        let mut all = TYPES.iter();
        all.find(|(known, _)| *known == name).map(|(_, it)| *it)
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::String(_) => Self::Text,
            Value::Number(number) if Compat::Connexion.is_integer(number) => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::Bool(_) => Self::Boolean,
            Value::Object(_) => Self::Object,
            Value::Array(_) => Self::Array,
            Value::Null => Self::Null,
        }
    }
}

/// What to say of a `type` that is none.
pub(super) fn unknown_type() -> String {
    format!(
        "`type` must be one of {}",
        TYPES.map(|(name, _)| name).join(", ")
    )
}

/// The keyword `type` with the integers of Python's connexion; JSON Schema's own is the validator's.
struct Types {
    accepted: Vec<Type>,
    names: String,
}

impl Keyword<'_> for Types {
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
    let accepted: Option<Vec<Type>> = names.iter().map(|name| Type::named(name)).collect();
    let Some(accepted) = accepted.filter(|accepted| !accepted.is_empty()) else {
        return Err(jsonschema::ValidationError::custom(unknown_type()));
    };
    let names = names.join(",");
    Ok(Box::new(Types { accepted, names }))
}

/// The keyword that holds the bounds of `float`, for the same reason. Those of `double` need none: JSON is not
/// read if a number in it is greater.
pub(super) const SINGLE: &str = "x-connexion-single";

struct Single;

impl Keyword<'_> for Single {
    fn validate(&self, value: &Value) -> Result<(), jsonschema::ValidationError<'static>> {
        if self.is_valid(value) {
            Ok(())
        } else {
            Err(jsonschema::ValidationError::custom("is not a float"))
        }
    }

    fn is_valid(&self, value: &Value) -> bool {
        // Rounded first: the greatest float is written with fewer digits than it has.
        #[expect(clippy::cast_possible_truncation, reason = "that is what is asked for")]
        let is_finite = |number: f64| (number as f32).is_finite();
        value.as_f64().is_none_or(is_finite)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a keyword factory")]
pub(super) fn single<'a>(
    _: &'a Map<String, Value>,
    _: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, jsonschema::ValidationError<'a>> {
    Ok(Box::new(Single))
}

/// Whether a `format` is known: it is checked, or says nothing that could be (`password`, `binary`).
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
            // Of Python's connexion: a path parameter whose value may have slashes.
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

/// RFC 4648, section 4.
pub(super) fn is_base64(text: &str) -> bool {
    base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text).is_ok()
}

/// Whether a keyword of a schema says nothing about which values are right.
pub(crate) fn is_remark(keyword: &str) -> bool {
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

/// Rewrites what OpenAPI's schemas say differently from JSON Schema 2020-12, everywhere in `schema`.
pub(super) fn adapt(schema: &mut Value, document: &Document) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| adapt(item, document)),
        Value::Object(members) => {
            adapt_reference(members, document);
            adapt_bounds(members);
            adapt_nullable(members, document.version);
            adapt_lists(members);
            pattern::adapt(members);
            for (key, member) in members {
                match key.as_str() {
                    // Data, not schemas: nothing in there may be changed.
                    "example" | "examples" | "default" | "enum" | "const" => {}
                    // The members of these are names, not keywords.
                    "properties" | "patternProperties" | "dependentSchemas" | "$defs"
                    | "definitions" => {
                        if let Value::Object(named) = member {
                            named.values_mut().for_each(|below| adapt(below, document));
                        }
                    }
                    _ => adapt(member, document),
                }
            }
        }
        _ => {}
    }
}

/// A reference that leads nowhere is reported elsewhere and must not hide other faults. Before OpenAPI 3.1
/// what stands beside a reference is ignored.
fn adapt_reference(schema: &mut Map<String, Value>, document: &Document) {
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else {
        return;
    };
    if document.target(reference).is_err() {
        schema.shift_remove("$ref");
        return;
    }
    // Names such as `Page«Pet»` stand in references as they are, which no URI allows.
    let encoded = format!("#{}", super::encoded(&decoded(reference)));
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
            schema.insert(WHOLE.to_owned(), format);
        }
        Some("float") => {
            schema.insert(SINGLE.to_owned(), Value::Bool(true));
        }
        _ => {}
    }
    for (keyword, exclusive) in [
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ] {
        // In OpenAPI 3.0 a boolean says that the other keyword's bound is exclusive.
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

/// `nullable` of OpenAPI 3.0 and `x-nullable` of Swagger 2.0 become the type "null". OpenAPI 3.1 has no `nullable`.
///
/// `nullable` adds null to the `type` of the same schema and to nothing else, so null must stand in its `enum`, too
/// (proposal 003 of OpenAPI). Of `x-nullable` no specification speaks: with Python's connexion it allowed null in any case.
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

/// What other versions of JSON Schema write otherwise, or allow: a list under `items`, names twice in a list, `examples`
/// that are no list.
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
