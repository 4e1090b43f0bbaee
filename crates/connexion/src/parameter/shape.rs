//! What a schema's types make of a text.

use serde_json::{Map, Value};

use crate::{
    node::{Kind, Node},
    place::Place,
};

/// How deep the parts of a schema are looked through for a type.
pub(crate) const MAX_PARTS: usize = 8;

/// What the schema's type makes of a text.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Types of a single value, as the schema names them.
    Single(Vec<String>),
    /// An array of such values.
    Array(Vec<String>),
    /// An object of such values, or of such arrays.
    Object(Members),
}

/// The members of an object.
#[derive(Debug)]
pub(crate) struct Members {
    known: Vec<(String, Shape)>,
    /// What the schema says of all others, if it speaks of them and does not forbid them.
    others: Option<Box<Shape>>,
}

impl Shape {
    /// The shape of the values a schema allows; `None` if they hold one another, or are arrays and objects in
    /// turn, which no text tells apart.
    pub(crate) fn of(schema: &Place<'_>) -> Option<Self> {
        let types = all_types(schema);
        if !has(&types, "object") {
            return Self::flat(schema);
        }
        if has(&types, "array") {
            return None;
        }
        let mut known: Vec<(String, Self)> = Vec::new();
        let mut others = None;
        for part in parts(schema, MAX_PARTS) {
            for (name, member) in part.get("properties").iter().flat_map(Place::members) {
                if !known.iter().any(|(other, _)| other == name) {
                    known.push((name.to_owned(), Self::flat(&member)?));
                }
            }
            let additional = part.get("additionalProperties");
            if let Some(additional) = additional.filter(|it| it.node.kind != Kind::Bool(false)) {
                others = Some(Box::new(Self::flat(&additional)?));
            }
        }
        Some(Self::Object(Members { known, others }))
    }

    /// The shape of single values and of arrays of them.
    pub(crate) fn flat(schema: &Place<'_>) -> Option<Self> {
        let types = all_types(schema);
        if has(&types, "object") {
            return None;
        }
        if !has(&types, "array") {
            return Some(Self::Single(types));
        }
        let parts = parts(schema, MAX_PARTS);
        let items = parts.iter().filter_map(|part| part.get("items"));
        let items = items.flat_map(|items| all_types(&items));
        let items: Vec<_> = items.collect();
        let is_flat = !has(&items, "array") && !has(&items, "object");
        is_flat.then_some(Self::Array(items))
    }

    /// Whether what it holds are single values, as all styles but one want it.
    pub(crate) fn is_simple(&self) -> bool {
        let Self::Object(members) = self else {
            return true;
        };
        let known = members.known.iter().map(|(_, shape)| shape);
        let mut all = known.chain(members.others.as_deref());
        all.all(|shape| matches!(shape, Self::Single(_)))
    }
}

impl Members {
    /// Members of any name, all of this shape.
    pub(crate) fn of_any_name(shape: Shape) -> Self {
        Self {
            known: Vec::new(),
            others: Some(Box::new(shape)),
        }
    }

    /// Members of these names, and no others.
    #[cfg(test)]
    pub(crate) fn of_names(known: Vec<(String, Shape)>) -> Self {
        Self {
            known,
            others: None,
        }
    }

    /// Whether the empty text may be a value of this member.
    pub(crate) fn may_be_text(&self, name: &str) -> bool {
        match self.shape(name) {
            Some(Shape::Single(types)) => types.is_empty() || has(types, "string"),
            _ => true,
        }
    }

    fn shape(&self, name: &str) -> Option<&Shape> {
        let known = self.known.iter().find(|(known, _)| known == name);
        known.map(|(_, shape)| shape).or(self.others.as_deref())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.known.iter().any(|(known, _)| known == name)
    }

    /// Whether the schema says of members that it does not name what they are.
    pub(super) fn are_open(&self) -> bool {
        self.others.is_some()
    }

    /// Adds what stands for the member `name`: the last text counts, of an array every one.
    pub(crate) fn insert(&self, object: &mut Map<String, Value>, name: &str, text: &str) {
        let value = match self.shape(name) {
            Some(Shape::Array(types)) => {
                let value = single(text, types);
                if let Some(Value::Array(items)) = object.get_mut(name) {
                    items.push(value);
                    return;
                }
                Value::Array(vec![value])
            }
            Some(Shape::Single(types)) => single(text, types),
            Some(Shape::Object(_)) | None => Value::String(text.to_owned()),
        };
        object.insert(name.to_owned(), value);
    }
}

pub(crate) fn has(types: &[String], wanted: &str) -> bool {
    types.iter().any(|name| name == wanted)
}

/// A schema, and the schemas of which it consists.
pub(crate) fn parts<'d>(schema: &Place<'d>, depth: usize) -> Vec<Place<'d>> {
    let mut all = vec![schema.clone()];
    if let Some(below) = depth.checked_sub(1) {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for part in schema.get(keyword).iter().flat_map(Place::items) {
                all.extend(parts(&part, below));
            }
        }
    }
    all
}

/// The types a schema allows. Without any named, what it says of members or items tells.
pub(crate) fn all_types(schema: &Place<'_>) -> Vec<String> {
    let mut types = types(schema, MAX_PARTS);
    if types.is_empty() {
        let parts = parts(schema, MAX_PARTS);
        for (keyword, implied) in [("properties", "object"), ("items", "array")] {
            if parts.iter().any(|part| part.node.get(keyword).is_some()) {
                types.push(implied.to_owned());
            }
        }
    }
    types
}

/// The types a schema allows, itself or by its parts; none means any.
pub(crate) fn types(schema: &Place<'_>, depth: usize) -> Vec<String> {
    if let Some(node) = schema.node.get("type") {
        let names = node.items().iter().chain([node]);
        return names.filter_map(Node::as_str).map(str::to_owned).collect();
    }
    let parts = |key| {
        let below = depth.checked_sub(1)?;
        let parts = schema.get(key)?;
        let types = parts.items().map(|part| types(&part, below));
        Some(types.filter(|types| !types.is_empty()).collect::<Vec<_>>())
    };
    let all = parts("allOf").and_then(|types| types.into_iter().next());
    let any = || {
        parts("anyOf")
            .or_else(|| parts("oneOf"))
            .map(|types| types.concat())
    };
    all.or_else(any).unwrap_or_default()
}

/// Reads a text as the first of `types` that it can be. What fits none stays a text, so that validation
/// reports it.
pub(super) fn single(text: &str, types: &[String]) -> Value {
    let read = types.iter().find_map(|name| match name.as_str() {
        "integer" => whole(text).or_else(|| {
            // Too large for a machine's integer, which is what validation then says.
            let is_whole = text
                .trim_start_matches('-')
                .bytes()
                .all(|byte| byte.is_ascii_digit());
            if is_whole { float(text) } else { None }
        }),
        "number" => whole(text).or_else(|| float(text)),
        "boolean" => match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    });
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn whole(text: &str) -> Option<Value> {
    let signed = text.parse::<i64>().map(Value::from);
    signed
        .or_else(|_| text.parse::<u64>().map(Value::from))
        .ok()
}

/// Rust reads "inf" and "nan" as numbers too; JSON has no such values.
fn float(text: &str) -> Option<Value> {
    let number = serde_json::Number::from_f64(text.parse().ok()?);
    number.map(Value::Number)
}
