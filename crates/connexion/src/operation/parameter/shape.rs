//! The shapes of values: converts strings to the types of a schema.

mod compile;

use serde_json::{Map, Value};

use super::schema_types::has;
use crate::schema::Pattern;

/// The shape of a value without a schema.
static ANY: Shape = Shape::Single(Vec::new());

/// The shape of a schema's values, to which strings are converted.
#[derive(Debug)]
pub(crate) enum Shape {
    /// A single value of these types; any if empty.
    Single(Vec<String>),
    Array(ArrayShape),
    Object(ObjectShape),
}

/// The shapes of an array's items.
#[derive(Debug)]
pub(crate) struct ArrayShape {
    /// The shapes of the first items (`prefixItems`).
    first: Vec<Shape>,
    others: Box<Shape>,
    /// True if each item has an `enum` without commas.
    are_listed_without_commas: bool,
}

/// The shapes of an object's properties.
#[derive(Debug)]
pub(crate) struct ObjectShape {
    known: Vec<PropertyShape>,
    /// The shapes of properties whose names match (`patternProperties`).
    patterns: Vec<(Pattern, Shape)>,
    /// The shape of all other properties, if the schema describes them. Any shape if it describes no property.
    others: Option<Box<Shape>>,
}

/// A declared property.
#[derive(Debug)]
struct PropertyShape {
    name: String,
    shape: Shape,
    default: Option<Value>,
}

impl Shape {
    /// Removes the invalid defaults of properties. `is_valid` gets the names of the properties from the outermost object to
    /// the default.
    pub(super) fn retain_defaults(&mut self, is_valid: &dyn Fn(&[&str], &Value) -> bool) {
        let Self::Object(members) = self else {
            return;
        };
        for PropertyShape {
            name,
            shape,
            default,
        } in &mut members.known
        {
            default.take_if(|value| !is_valid(&[name], value));
            shape.retain_defaults(&|path, value| {
                is_valid(&[&[name.as_str()], path].concat(), value)
            });
        }
    }

    /// Returns the value of an object without sent properties; `None` if no property has a default.
    pub(super) fn default(&self) -> Option<Value> {
        let Self::Object(members) = self else {
            return None;
        };
        let mut object = Map::new();
        members.fill_defaults(&mut object);
        (!object.is_empty()).then_some(Value::Object(object))
    }

    /// Returns whether items and properties are single values, which all styles except `deepObject` require.
    pub(crate) fn is_simple(&self) -> bool {
        self.holds(Self::is_single)
    }

    /// Returns whether items and properties are single values or arrays of them, which repeated names can write.
    pub(super) fn is_repeatable(&self) -> bool {
        match self {
            Self::Object(_) => self.holds(|shape| match shape {
                Self::Object(_) => false,
                shape => shape.is_simple(),
            }),
            shape => shape.is_simple(),
        }
    }

    fn holds(&self, is_right: impl Fn(&Self) -> bool) -> bool {
        match self {
            Self::Single(_) => true,
            Self::Array(items) => items.first.iter().chain([&*items.others]).all(is_right),
            Self::Object(members) => {
                let known = members.known.iter().map(|member| &member.shape);
                let matching = members.patterns.iter().map(|(_, shape)| shape);
                let mut all = known.chain(matching).chain(members.others.as_deref());
                all.all(is_right)
            }
        }
    }

    /// Returns whether a string can become this value. Without a type it stays a string.
    pub(super) fn may_be(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Single(types), value) if types.is_empty() => value.is_string(),
            (Self::Single(types), Value::Null) => has(types, "null") && !has(types, "string"),
            (Self::Single(_), value) => !value.is_array() && !value.is_object(),
            (Self::Array(items), Value::Array(values)) => {
                let mut values = values.iter().enumerate();
                values.all(|(i, value)| items.at(i).may_be(value))
            }
            (Self::Object(members), Value::Object(values)) => {
                let mut values = values.iter();
                values.all(|(name, value)| members.may_be(name, value))
            }
            _ => false,
        }
    }

    fn is_single(&self) -> bool {
        matches!(self, Self::Single(_))
    }

    /// Returns whether a value may be a string.
    pub(super) fn may_be_string(&self) -> bool {
        matches!(self, Self::Single(types) if types.is_empty() || has(types, "string"))
    }

    /// Returns the value of a single string.
    pub(super) fn read(&self, text: &str) -> Value {
        match self {
            Self::Single(types) => single(text, types),
            Self::Array(_) | Self::Object(_) => Value::String(text.to_owned()),
        }
    }

    /// Inserts a string into `value` at `path`. Until [`Self::finish`], arrays are objects with numbers as names, because
    /// their items may come in any order.
    pub(super) fn put(&self, value: &mut Value, path: &[&str], text: &str) {
        let Some((key, rest)) = path.split_first() else {
            if let Self::Array(items) = self {
                let object = as_object(value);
                let item = items.at(object.len()).read(text);
                object.insert(object.len().to_string(), item);
            } else {
                *value = self.read(text);
            }
            return;
        };
        let object = as_object(value);
        let (key, shape) = match self {
            Self::Object(members) => ((*key).to_owned(), members.shape(key).unwrap_or(&ANY)),
            Self::Array(items) => {
                let index = if key.is_empty() {
                    None
                } else {
                    key.parse().ok()
                };
                let key = if key.is_empty() {
                    object.len().to_string()
                } else {
                    (*key).to_owned()
                };
                (key, items.at(index.unwrap_or(object.len())))
            }
            Self::Single(_) => ((*key).to_owned(), &ANY),
        };
        let slot = object.entry(key).or_insert(Value::Null);
        shape.put(slot, rest, text);
    }

    /// Returns the value that [`Self::put`] made, with its arrays.
    pub(super) fn finish(&self, value: Value) -> Value {
        match (self, value) {
            (Self::Array(items), Value::Object(object)) => {
                let numbered =
                    |(key, item): (&String, &Value)| Some((key.parse().ok()?, item.clone()));
                let numbered: Option<Vec<(usize, Value)>> = object.iter().map(numbered).collect();
                let Some(mut numbered) = numbered else {
                    return Value::Object(object);
                };
                numbered.sort_by_key(|(index, _)| *index);
                let all = numbered.into_iter().enumerate();
                let all = all.map(|(i, (_, item))| items.at(i).finish(item));
                Value::Array(all.collect())
            }
            (Self::Object(members), Value::Object(mut object)) => {
                for (name, member) in &mut object {
                    if let Some(shape) = members.shape(name) {
                        *member = shape.finish(member.take());
                    }
                }
                members.fill_defaults(&mut object);
                Value::Object(object)
            }
            (_, value) => value,
        }
    }
}

impl ArrayShape {
    pub(super) fn at(&self, index: usize) -> &Shape {
        self.first.get(index).unwrap_or(&self.others)
    }

    /// Returns whether any item may be a string.
    pub(super) fn may_be_strings(&self) -> bool {
        let mut all = self.first.iter().chain([&*self.others]);
        all.any(Shape::may_be_string)
    }

    /// Returns whether an item may have a comma.
    pub(super) fn may_have_commas(&self) -> bool {
        self.may_be_strings() && !self.are_listed_without_commas
    }
}

impl ObjectShape {
    fn may_be(&self, name: &str, value: &Value) -> bool {
        let known = self.known.iter().find(|member| member.name == name);
        let shape = known.map(|member| &member.shape).or(self.others.as_deref());
        shape.is_some_and(|shape| shape.may_be(value))
    }

    /// Returns the shape of an object with properties of any name and this shape.
    pub(crate) fn of_any_name(shape: Shape) -> Self {
        Self {
            known: Vec::new(),
            patterns: Vec::new(),
            others: Some(Box::new(shape)),
        }
    }

    /// Returns the shape of an object with only these properties and types.
    #[cfg(test)]
    pub(crate) fn of_types(known: &[(&str, &[&str])]) -> Self {
        let member = |(name, types): &(&str, &[&str])| PropertyShape {
            name: (*name).to_owned(),
            shape: Shape::Single(types.iter().map(|&name| name.to_owned()).collect()),
            default: None,
        };
        Self {
            known: known.iter().map(member).collect(),
            patterns: Vec::new(),
            others: None,
        }
    }

    /// Returns whether this property may be a string.
    pub(crate) fn may_be_string(&self, name: &str) -> bool {
        self.shape(name).is_none_or(Shape::may_be_string)
    }

    fn shape(&self, name: &str) -> Option<&Shape> {
        let known = self.known.iter().find(|known| known.name == name);
        let known = known.map(|known| &known.shape);
        known
            .or_else(|| self.matching(name))
            .or(self.others.as_deref())
    }

    fn matching(&self, name: &str) -> Option<&Shape> {
        let mut patterns = self.patterns.iter();
        let (_, shape) = patterns.find(|(pattern, _)| pattern.is_match(name))?;
        Some(shape)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.known.iter().any(|known| known.name == name) || self.matching(name).is_some()
    }

    /// Returns whether the schema describes properties that it does not name.
    pub(super) fn is_open(&self) -> bool {
        self.others.is_some()
    }

    /// Inserts a string as the property `name`. It replaces an earlier one, or is added to an array.
    pub(crate) fn insert(&self, object: &mut Map<String, Value>, name: &str, text: &str) {
        let value = match self.shape(name) {
            Some(Shape::Array(items)) => {
                if let Some(Value::Array(known)) = object.get_mut(name) {
                    known.push(items.at(known.len()).read(text));
                    return;
                }
                Value::Array(vec![items.at(0).read(text)])
            }
            Some(shape) => shape.read(text),
            None => Value::String(text.to_owned()),
        };
        object.insert(name.to_owned(), value);
    }

    /// Adds the defaults of absent properties.
    pub(super) fn fill_defaults(&self, object: &mut Map<String, Value>) {
        for member in &self.known {
            if let Some(default) = &member.default
                && !object.contains_key(&member.name)
            {
                object.insert(member.name.clone(), default.clone());
            }
        }
    }
}

/// Returns the object in `value`, which becomes an empty one if it is not an object.
fn as_object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made an object above")
}

/// Converts a string to the first of `types` that it can be. If there is none it stays a string, which validation reports.
pub(super) fn single(text: &str, types: &[String]) -> Value {
    let read = types.iter().find_map(|name| match name.as_str() {
        "integer" => whole(text).or_else(|| {
            // Too large for 64 bits; validation reports it.
            let is_whole = text
                .trim_start_matches('-')
                .bytes()
                .all(|byte| byte.is_ascii_digit());
            if is_whole { float(text) } else { None }
        }),
        "number" => whole(text).or_else(|| float(text)),
        // No specification defines the notation. Python's connexion also accepts `True`.
        "boolean" => ["false", "true"]
            .iter()
            .position(|word| text.eq_ignore_ascii_case(word))
            .map(|index| Value::Bool(index == 1)),
        // No specification defines the notation. Clients of Python's connexion send this.
        "null" if text == "null" && !has(types, "string") => Some(Value::Null),
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

/// Parses a JSON number. Rust also parses "inf" and "nan", which JSON does not have.
fn float(text: &str) -> Option<Value> {
    let number = serde_json::Number::from_f64(text.parse().ok()?);
    number.map(Value::Number)
}
