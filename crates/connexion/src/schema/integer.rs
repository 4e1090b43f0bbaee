//! Integers: the keywords that look at them, and what becomes of one that is written with a fraction or an exponent.
//!
//! To JSON Schema `1.0` and `1e3` are integers, but serde reads them as floats, which no `i64` of a handler can take. So
//! where a schema wants an integer, a valid value of this kind becomes one. A number beyond 64 bits stays a float.

use std::collections::HashSet;

use jsonschema::{Keyword, ValidationError};
use serde_json::{Number, Value};

use crate::{
    compat::Compat,
    document::{decoded, node::value_at},
};

/// The keyword that holds the bounds of `int32` and `int64`: the `format` of JSON Schema looks at texts only.
pub(super) const WHOLE: &str = "x-connexion-whole";

/// Schemas lie within one another down to this depth; a chain of references counts, too.
const MAX_DEPTH: usize = 1_000;

/// The number of pairs of a value and a schema that are looked at. What is left stays a float.
const MAX_PAIRS: usize = 1_000_000;

/// The keyword [`WHOLE`].
pub(super) struct Whole {
    least: i64,
    greatest: i64,
    compat: Compat,
}

impl Whole {
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

impl Keyword<'_> for Whole {
    fn validate(&self, value: &Value) -> Result<(), ValidationError<'static>> {
        if self.is_valid(value) {
            return Ok(());
        }
        let fault = format!("is not between {} and {}", self.least, self.greatest);
        Err(ValidationError::custom(fault))
    }

    /// Only integers are looked at; whether other numbers are allowed is for `type` to say.
    fn is_valid(&self, value: &Value) -> bool {
        match value {
            Value::Number(number) if self.compat.is_integer(number) => machine(number)
                .and_then(|number| number.as_i64())
                .is_some_and(|number| (self.least..=self.greatest).contains(&number)),
            _ => true,
        }
    }
}

/// The integer of 64 bits that is the same number, if there is one.
fn machine(number: &Number) -> Option<Number> {
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

/// Which values become integers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum From {
    /// Numbers.
    Json,
    /// Texts, too: a parameter or a field of a form is nothing else.
    Text,
}

impl From {
    /// The integer that a value is, if it is none yet.
    fn integer(self, value: &Value) -> Option<Number> {
        match value {
            Value::Number(number) if number.is_f64() => machine(number),
            Value::String(text) if self == Self::Text => {
                let number: Number = serde_json::from_str(text).ok()?;
                let is_integer = Compat::Standard.is_integer(&number);
                machine(&number).or_else(|| is_integer.then_some(number))
            }
            _ => None,
        }
    }

    fn has_integer(self, value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| self.has_integer(item)),
            Value::Object(members) => members.values().any(|member| self.has_integer(member)),
            value => self.integer(value).is_some(),
        }
    }
}

/// Makes integers of what `value` holds wherever a schema that stands at `pointer` wants them. Whether that schema applies
/// in the end, of the branches of `oneOf` for example, does not matter: the number is the same. Returns whether there was
/// any.
pub(super) fn settle(root: &Value, pointer: &str, value: &mut Value, from: From) -> bool {
    // Hardly any value has one, and to find the schema takes longer.
    if !from.has_integer(value) {
        return false;
    }
    let Some(schema) = value_at(root, pointer) else {
        return false;
    };
    let mut settle = Settle {
        root,
        from,
        seen: HashSet::new(),
        is_changed: false,
    };
    settle.visit(schema, value, MAX_DEPTH);
    settle.is_changed
}

struct Settle<'s> {
    root: &'s Value,
    from: From,
    /// The addresses of schemas and values: a schema may lead back to itself.
    seen: HashSet<(*const Value, *const Value)>,
    is_changed: bool,
}

impl Settle<'_> {
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

    /// Looks at the items and properties that a keyword is about.
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
            ("properties", Value::Object(schemas), Value::Object(members)) => {
                for (name, schema) in schemas {
                    if let Some(member) = members.get_mut(name) {
                        self.visit(schema, member, depth);
                    }
                }
            }
            ("additionalProperties" | "unevaluatedProperties", schema, Value::Object(members)) => {
                for (_, member) in members.iter_mut().filter(|(name, _)| !is_described(name)) {
                    self.visit(schema, member, depth);
                }
            }
            ("patternProperties", Value::Object(schemas), Value::Object(members)) => {
                for (_, member) in members.iter_mut().filter(|(name, _)| !is_described(name)) {
                    for schema in schemas.values() {
                        self.visit(schema, member, depth);
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

/// Whether a schema names integers, but not the type that the value has already.
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

    use super::{From, settle};

    #[track_caller]
    fn settled(schema: &Value, mut value: Value, from: From) -> String {
        settle(schema, "", &mut value, from);
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
        assert_eq!(settled(&schema, value, From::Json), expected);
    }

    #[test]
    fn a_text_becomes_an_integer_where_everything_is_a_text() {
        let schema = json!({"items": {"type": "integer"}});
        let value = json!(["1.0", "1.5", "x", "99999999999999999999", ""]);
        assert_eq!(
            settled(&schema, value.clone(), From::Json),
            value.to_string()
        );
        let expected = r#"[1,"1.5","x",1e+20,""]"#;
        assert_eq!(settled(&schema, value, From::Text), expected);
    }

    #[test]
    fn a_schema_that_leads_back_to_itself_ends() {
        let schema = json!({"$ref": "#", "anyOf": [{"$ref": "#"}, {"type": "integer"}]});
        assert_eq!(settled(&schema, json!(1.0), From::Json), "1");
    }
}
