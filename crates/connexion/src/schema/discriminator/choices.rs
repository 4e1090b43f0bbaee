//! The choices of a discriminator, and their conversion into a schema.

use serde_json::{Value, json};

use super::{CHOICE, Rewriting};

/// A schema that a discriminator can select.
pub(super) struct Branch {
    /// Its JSON Pointer; `None` if it is inline.
    pub(super) pointer: Option<String>,
    /// Its index under `oneOf` or `anyOf`.
    pub(super) index: Option<usize>,
    pub(super) schema: Value,
    /// The names of the schema in the document.
    pub(super) names: Vec<String>,
    /// The values of the property that select it.
    pub(super) values: Vec<String>,
}

/// The property of a discriminator, and the schemas that it selects from.
pub(super) struct Choices {
    pub(super) property: String,
    pub(super) branches: Vec<Branch>,
    /// The pointer of the schema for values that name none.
    pub(super) default: Option<String>,
    /// The schemas that allow values other than objects.
    pub(super) others: Vec<Value>,
}

impl Choices {
    /// Returns a schema that validates a value of a base against the child that it names, if it names one.
    pub(super) fn lenient_schema(self, base: &str) -> Value {
        let mut branches = self.branches;
        branches.retain(|branch| branch.pointer.as_deref() != Some(base));
        let cases: Vec<_> = cases(&self.property, branches).collect();
        if cases.is_empty() {
            Value::Bool(true)
        } else {
            json!({"allOf": cases})
        }
    }
}

impl Rewriting<'_> {
    /// Returns a schema that requires the property, and validates against the schema that it names.
    pub(super) fn strict_schema(&self, choices: Choices, may_be_null: bool) -> Value {
        let Choices {
            property,
            branches,
            default,
            others,
        } = choices;
        let mut chosen = json!({"type": "object"});
        let values: Vec<_> = branches.iter().flat_map(|branch| &branch.values).collect();
        // Without values any string is valid, but the property is required.
        let choice = (!values.is_empty()).then(|| json!(values));
        let choice = json!({"propertyName": property, "values": choice});
        let default = default.map(|pointer| {
            let reference = self.reference(&pointer, &property);
            json!({"if": named(&property, &json!(values)), "else": reference})
        });
        if let Value::Object(chosen) = &mut chosen {
            if default.is_none() {
                chosen.insert(CHOICE.to_owned(), choice);
            }
            let cases: Vec<_> = cases(&property, branches).chain(default).collect();
            if !cases.is_empty() {
                chosen.insert("allOf".to_owned(), Value::Array(cases));
            }
        }
        if !others.is_empty() {
            json!({"if": {"type": "object"}, "then": chosen, "else": {"oneOf": others}})
        } else if may_be_null {
            json!({"if": {"type": "object"}, "then": chosen})
        } else {
            chosen
        }
    }
}

/// Returns a conditional schema for each branch.
fn cases(property: &str, branches: Vec<Branch>) -> impl Iterator<Item = Value> {
    branches.into_iter().map(
        move |branch| json!({"if": named(property, &json!(branch.values)), "then": branch.schema}),
    )
}

/// Returns the schema of objects whose property has one of these values.
fn named(property: &str, values: &Value) -> Value {
    json!({"type": "object", "required": [property], "properties": {property: {"enum": values}}})
}
