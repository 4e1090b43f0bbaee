//! Keywords of this crate that replace `discriminator` in a compiled schema.

use jsonschema::{Keyword, ValidationError, paths::Location};
use serde_json::{Map, Value, json};

/// The keyword that requires a discriminator property, with the values that it may have.
pub(in crate::schema) const CHOICE: &str = "x-connexion-choice";

/// The annotation beside `oneOf` or `anyOf` with the names of their schemas.
pub(in crate::schema) const SELECTION: &str = "x-connexion-selection";

/// The schema of `oneOf` or `anyOf` that an invalid value selects.
pub(in crate::schema) enum Selected {
    /// Its index.
    Schema(usize),
    /// None of them. [`parse_choice`] reads the message.
    Unknown(String),
}

/// Returns the schema that a value selects, given the value of [`SELECTION`]; `None` if it is not an object.
pub(in crate::schema) fn selected(selection: &Value, value: &Value) -> Option<Selected> {
    let properties = value.as_object()?;
    let (property, _) = read(selection);
    let named = properties.get(&property).and_then(Value::as_str);
    let schemas = selection.get("schemas")?;
    let index = named.and_then(|name| schemas.get(name));
    let index = index.or_else(|| selection.get("default"));
    let index = index.and_then(|index| usize::try_from(index.as_u64()?).ok());
    Some(index.map_or_else(
        || Selected::Unknown(selection.to_string()),
        Selected::Schema,
    ))
}

struct Choice {
    property: String,
    /// `None` if any string is valid.
    values: Option<Vec<String>>,
    /// The value of the keyword as JSON, for [`parse_choice`]: an error of `jsonschema` can only carry a string.
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
        let Value::Object(properties) = value else {
            return true;
        };
        match (properties.get(&self.property), &self.values) {
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

/// Reads the property and its values from the value of a keyword.
fn read(value: &Value) -> (String, Option<Vec<String>>) {
    let values = value.get("values").and_then(Value::as_array);
    let values = values.map(|values| strings(values).collect());
    (property_name(value).unwrap_or_default().to_owned(), values)
}

/// Reads the message of an error: the name of the property, and its valid values as JSON.
pub(in crate::schema) fn parse_choice(message: &str) -> (String, Option<String>) {
    let value = serde_json::from_str(message).unwrap_or_default();
    let (property, values) = read(&value);
    (property, values.map(|values| json!(values).to_string()))
}

/// Returns the strings among `values`.
pub(in crate::schema) fn strings(values: &[Value]) -> impl Iterator<Item = String> {
    values.iter().filter_map(Value::as_str).map(str::to_owned)
}

/// Returns the property of a `discriminator`. In Swagger 2.0 the discriminator is the name itself.
pub(in crate::schema) fn property_name(discriminator: &Value) -> Option<&str> {
    let name = discriminator.get("propertyName").unwrap_or(discriminator);
    name.as_str()
}
