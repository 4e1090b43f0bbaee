//! Integers: the ranges of `int32` and `int64`, and the conversion of integers written with a fraction or an exponent.
//!
//! To JSON Schema `1.0` and `1e3` are integers, but serde reads them as floats, which a handler's `i64` does not
//! accept. Where a schema requires an integer, such a number is converted. A number beyond 64 bits stays a float.

use std::collections::HashSet;

use jsonschema::{Keyword, ValidationError};
use serde_json::{Number, Value};

use crate::{
    compat::Compat,
    document::{decoded, node::value_at},
};

/// The keyword for the range of `int32` and `int64`. JSON Schema's `format` applies to strings only.
pub(super) const INTEGER_RANGE: &str = "x-connexion-integer-range";

/// The maximum nesting of schemas, including the references of a chain.
const MAX_DEPTH: usize = 1_000;

/// The maximum number of pairs of a value and a schema that are visited. Further numbers stay floats.
const MAX_PAIRS: usize = 1_000_000;

/// The keyword [`INTEGER_RANGE`].
pub(super) struct IntegerRange {
    least: i64,
    greatest: i64,
    compat: Compat,
}

impl IntegerRange {
    pub(super) fn new(format: &Value, compat: Compat) -> Self {
        let (least, greatest) = match format.as_str() {
            Some("int32") => (i32::MIN.into(), i32::MAX.into()),
            _ => (i64::MIN, i64::MAX),
        };
        Self {
            least,
            greatest,
            compat,
        }
    }
}

impl Keyword<'_> for IntegerRange {
    fn validate(&self, value: &Value) -> Result<(), ValidationError<'static>> {
        if self.is_valid(value) {
            return Ok(());
        }
        let message = format!("is not between {} and {}", self.least, self.greatest);
        Err(ValidationError::custom(message))
    }

    /// Ignores numbers that are not integers: `type` decides whether they are valid.
    fn is_valid(&self, value: &Value) -> bool {
        match value {
            Value::Number(number) if self.compat.is_integer(number) => to_64_bits(number)
                .and_then(|number| number.as_i64())
                .is_some_and(|number| (self.least..=self.greatest).contains(&number)),
            _ => true,
        }
    }
}

/// Returns the number as an integer of 64 bits, if it is one.
fn to_64_bits(number: &Number) -> Option<Number> {
    if !number.is_f64() {
        return Some(number.clone());
    }
    let digits = number.as_f64().filter(|number| number.fract() == 0.0);
    let digits = format!("{:.0}", digits?);
    let signed = digits.parse::<i64>().map(Number::from);
    signed
        .or_else(|_| digits.parse::<u64>().map(Number::from))
        .ok()
}

/// The values that are converted to integers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Source {
    /// Numbers.
    Json,
    /// Strings, too: parameters and form fields consist of strings.
    Strings,
}

impl Source {
    /// Returns the integer that a value stands for; `None` if it is an integer already, or none at all.
    fn integer(self, value: &Value) -> Option<Number> {
        match value {
            Value::Number(number) if number.is_f64() => to_64_bits(number),
            Value::String(text) if self == Self::Strings => {
                let number: Number = serde_json::from_str(text).ok()?;
                let is_integer = Compat::Standard.is_integer(&number);
                to_64_bits(&number).or_else(|| is_integer.then_some(number))
            }
            _ => None,
        }
    }

    fn has_integer(self, value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| self.has_integer(item)),
            Value::Object(properties) => properties
                .values()
                .any(|property| self.has_integer(property)),
            value => self.integer(value).is_some(),
        }
    }
}

/// Converts the parts of `value` to integers where the schema at `pointer` requires integers. Returns whether it
/// converted any.
///
/// All branches of `oneOf` and the like are followed, whether they apply or not: the number stays the same.
pub(super) fn convert(root: &Value, pointer: &str, value: &mut Value, from: Source) -> bool {
    // Checked first, because few values have one and finding the schema takes longer.
    if !from.has_integer(value) {
        return false;
    }
    let Some(schema) = value_at(root, pointer) else {
        return false;
    };
    let mut convert = Conversion {
        root,
        from,
        seen: HashSet::new(),
        is_changed: false,
    };
    convert.visit(schema, value, MAX_DEPTH);
    convert.is_changed
}

struct Conversion<'s> {
    root: &'s Value,
    from: Source,
    /// The addresses of visited schemas and values, because a schema may be recursive.
    seen: HashSet<(*const Value, *const Value)>,
    is_changed: bool,
}

impl Conversion<'_> {
    fn visit(&mut self, schema: &Value, value: &mut Value, depth: usize) {
        let (Value::Object(keywords), Some(depth)) = (schema, depth.checked_sub(1)) else {
            return;
        };
        let is_leaf = !value.is_array() && !value.is_object();
        let integer = self.from.integer(value);
        let pair = (std::ptr::from_ref(schema), std::ptr::from_ref(&*value));
        if is_leaf && integer.is_none() || self.seen.len() == MAX_PAIRS || !self.seen.insert(pair) {
            return;
        }
        if let Some(integer) = integer
            && is_integer(schema, value)
        {
            *value = Value::Number(integer);
            self.is_changed = true;
            return;
        }
        for (keyword, below) in keywords {
            match (keyword.as_str(), below) {
                ("$ref", Value::String(reference)) => {
                    if let Some(target) = value_at(self.root, &decoded(reference)) {
                        self.visit(target, value, depth);
                    }
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(parts)) => {
                    for part in parts {
                        self.visit(part, value, depth);
                    }
                }
                ("dependentSchemas", Value::Object(parts)) => {
                    for part in parts.values() {
                        self.visit(part, value, depth);
                    }
                }
                ("if" | "then" | "else", part) => self.visit(part, value, depth),
                (own, part) if own.starts_with("x-connexion-") => self.visit(part, value, depth),
                (keyword, below) => self.visit_parts(keyword, below, schema, value, depth),
            }
        }
    }

    /// Visits the items and properties that a keyword applies to.
    fn visit_parts(
        &mut self,
        keyword: &str,
        below: &Value,
        schema: &Value,
        value: &mut Value,
        depth: usize,
    ) {
        let is_described = |name: &str| {
            let properties = schema.get("properties");
            properties.is_some_and(|properties| properties.get(name).is_some())
        };
        match (keyword, below, value) {
            ("properties", Value::Object(schemas), Value::Object(properties)) => {
                for (name, schema) in schemas {
                    if let Some(property) = properties.get_mut(name) {
                        self.visit(schema, property, depth);
                    }
                }
            }
            (
                "additionalProperties" | "unevaluatedProperties",
                schema,
                Value::Object(properties),
            ) => {
                for (_, property) in properties
                    .iter_mut()
                    .filter(|(name, _)| !is_described(name))
                {
                    self.visit(schema, property, depth);
                }
            }
            ("patternProperties", Value::Object(schemas), Value::Object(properties)) => {
                for (_, property) in properties
                    .iter_mut()
                    .filter(|(name, _)| !is_described(name))
                {
                    for schema in schemas.values() {
                        self.visit(schema, property, depth);
                    }
                }
            }
            ("prefixItems", Value::Array(schemas), Value::Array(items)) => {
                for (schema, item) in schemas.iter().zip(items) {
                    self.visit(schema, item, depth);
                }
            }
            ("items" | "contains" | "unevaluatedItems", schema, Value::Array(items)) => {
                for item in items {
                    self.visit(schema, item, depth);
                }
            }
            _ => {}
        }
    }
}

/// Returns whether a schema allows integers, but not the type that the value has now.
fn is_integer(schema: &Value, value: &Value) -> bool {
    let types = schema.get("type");
    let names = types.and_then(Value::as_array).map(Vec::as_slice);
    let mut names = names.unwrap_or_default().iter().chain(types);
    let own = if value.is_string() {
        "string"
    } else {
        "number"
    };
    let may_stay = names.clone().any(|name| name == own);
    !may_stay && names.any(|name| name == "integer")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Source, convert};

    #[track_caller]
    fn converted(schema: &Value, mut value: Value, from: Source) -> String {
        convert(schema, "", &mut value, from);
        value.to_string()
    }

    #[test]
    fn an_integer_with_a_fraction_becomes_an_integer() {
        let schema = json!({
            "properties": {
                "whole": {"type": "integer"},
                "number": {"type": "number"},
                "either": {"type": ["integer", "number"]},
                "maybe": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/whole"}]},
                "list": {"items": {"allOf": [{"type": ["integer", "null"]}]}},
                "self": {"$ref": "#"},
            },
            "additionalProperties": {"type": "integer"},
            "$defs": {"whole": {"type": "integer"}},
        });
        let value = json!({
            "whole": -0.0, "number": -0.0, "either": 1.0, "maybe": 2.0, "list": [3.0, 1e300, 1.8e19, null],
            "self": {"whole": 1e3, "other": 5.0},
        });
        let expected = r#"{"whole":0,"number":-0.0,"either":1.0,"maybe":2,"list":[3,1e+300,18000000000000000000,null],"self":{"whole":1000,"other":5}}"#;
        assert_eq!(converted(&schema, value, Source::Json), expected);
    }

    #[test]
    fn a_string_becomes_an_integer_in_a_value_of_strings() {
        let schema = json!({"items": {"type": "integer"}});
        let value = json!(["1.0", "1.5", "x", "99999999999999999999", ""]);
        assert_eq!(
            converted(&schema, value.clone(), Source::Json),
            value.to_string()
        );
        let expected = r#"[1,"1.5","x",1e+20,""]"#;
        assert_eq!(converted(&schema, value, Source::Strings), expected);
    }

    #[test]
    fn a_recursive_schema_is_visited_once() {
        let schema = json!({"$ref": "#", "anyOf": [{"$ref": "#"}, {"type": "integer"}]});
        assert_eq!(converted(&schema, json!(1.0), Source::Json), "1");
    }
}
