//! What is kept of a discriminator in a schema: a keyword of our own, and names by which errors are worded.

use jsonschema::{Keyword, ValidationError, paths::Location};
use serde_json::{Map, Value, json};

/// The keyword of our own for the values that an object may name its schema by.
pub(in crate::schema) const CHOICE: &str = "x-connexion-choice";

/// Beside `oneOf` or `anyOf`: the names of their schemas.
pub(in crate::schema) const WORDING: &str = "x-connexion-wording";

/// Which schema of `oneOf` or `anyOf` is meant by a value that breaks all of them.
pub(in crate::schema) enum Meant {
    Schema(usize),
    /// None that is known. The message is one for [`told`].
    Unknown(String),
}

/// Which schema a value names, by what [`WORDING`] holds; `None` if it is no object.
pub(in crate::schema) fn meant(wording: &Value, value: &Value) -> Option<Meant> {
    let members = value.as_object()?;
    let (property, _) = read(wording);
    let named = members.get(&property).and_then(Value::as_str);
    let schemas = wording.get("schemas")?;
    let index = named.and_then(|name| schemas.get(name));
    let index = index.or_else(|| wording.get("default"));
    let index = index.and_then(|index| usize::try_from(index.as_u64()?).ok());
    Some(index.map_or_else(|| Meant::Unknown(wording.to_string()), Meant::Schema))
}

struct Choice {
    property: String,
    /// `None` if any will do.
    values: Option<Vec<String>>,
    /// The keyword's own value as JSON: [`told`] makes a sentence of it.
    source: String,
}

impl Keyword<'_> for Choice {
    fn validate(&self, value: &Value) -> Result<(), ValidationError<'static>> {
        if self.is_valid(value) {
            Ok(())
        } else {
            Err(ValidationError::custom(self.source.clone()))
        }
    }

    fn is_valid(&self, value: &Value) -> bool {
        let Value::Object(members) = value else {
            return true;
        };
        match (members.get(&self.property), &self.values) {
            (Some(Value::String(name)), Some(values)) => values.contains(name),
            (Some(Value::String(_)), None) => true,
            _ => false,
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a keyword factory")]
pub(in crate::schema) fn choice<'a>(
    _: &'a Map<String, Value>,
    value: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    let (property, values) = read(value);
    Ok(Box::new(Choice {
        property,
        values,
        source: value.to_string(),
    }))
}

fn read(value: &Value) -> (String, Option<Vec<String>>) {
    let values = value.get("values").and_then(Value::as_array);
    let values = values.map(|values| texts(values).collect());
    (property_name(value).unwrap_or_default().to_owned(), values)
}

/// The member that an error's message speaks of, and the values it may have, as JSON.
pub(in crate::schema) fn told(message: &str) -> (String, Option<String>) {
    let value = serde_json::from_str(message).unwrap_or_default();
    let (property, values) = read(&value);
    (property, values.map(|values| json!(values).to_string()))
}

pub(in crate::schema) fn texts(values: &[Value]) -> impl Iterator<Item = String> {
    values.iter().filter_map(Value::as_str).map(str::to_owned)
}

/// The member that a `discriminator` names; in Swagger 2.0 it is but the name.
pub(in crate::schema) fn property_name(discriminator: &Value) -> Option<&str> {
    let name = discriminator.get("propertyName").unwrap_or(discriminator);
    name.as_str()
}
