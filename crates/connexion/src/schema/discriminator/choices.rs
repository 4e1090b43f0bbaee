//! What a discriminator chooses from, as a schema.

use serde_json::{Value, json};

use super::{CHOICE, Rewriting};

/// A schema that can be chosen.
pub(super) struct Branch {
    /// Where it stands, if it is referred to.
    pub(super) pointer: Option<String>,
    /// Its place under `oneOf` or `anyOf`.
    pub(super) index: Option<usize>,
    pub(super) schema: Value,
    /// What it is called where it stands.
    pub(super) names: Vec<String>,
    pub(super) values: Vec<String>,
}

/// What a discriminator says, and the schemas it chooses from.
pub(super) struct Choices {
    pub(super) property: String,
    pub(super) branches: Vec<Branch>,
    /// The schema that is meant where none is named.
    pub(super) default: Option<String>,
    /// What can be no object.
    pub(super) others: Vec<Value>,
}

impl Choices {
    /// The schema that holds a value of a base against the child that it names, if it names one.
    pub(super) fn leniently(self, base: &str) -> Value {
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
    /// The schema that demands one of the names, and chooses by it.
    pub(super) fn strictly(&self, choices: Choices, may_be_null: bool) -> Value {
        let Choices {
            property,
            branches,
            default,
            others,
        } = choices;
        let mut chosen = json!({"type": "object"});
        let values: Vec<_> = branches.iter().flat_map(|branch| &branch.values).collect();
        // Without any there is nothing to choose from, but the property must be there.
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

fn cases(property: &str, branches: Vec<Branch>) -> impl Iterator<Item = Value> {
    branches.into_iter().map(
        move |branch| json!({"if": named(property, &json!(branch.values)), "then": branch.schema}),
    )
}

/// The schema of objects whose property is one of these.
fn named(property: &str, values: &Value) -> Value {
    json!({"type": "object", "required": [property], "properties": {property: {"enum": values}}})
}
