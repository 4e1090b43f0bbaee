//! What a schema's types make of a text.

use serde_json::{Map, Value};

use crate::{
    document::{
        cursor::Cursor,
        node::{Kind, Node},
    },
    schema::Pattern,
};

/// How deep the parts of a schema are looked through for a type.
pub(crate) const MAX_PARTS: usize = 8;

/// How deep values may lie within one another in the style `deepObject`; what lies deeper is read as a text.
const MAX_NESTED: usize = 8;

/// A value of which nothing is said.
static ANY: Shape = Shape::Single(Vec::new());

/// What the schema's type makes of a text.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Types of a single value, as the schema names them.
    Single(Vec<String>),
    Array(Items),
    Object(Members),
}

/// The items of an array.
#[derive(Debug)]
pub(crate) struct Items {
    /// Those of the first ones (`prefixItems`).
    first: Vec<Shape>,
    others: Box<Shape>,
    /// Whether all of them are listed, and none has a comma in it.
    are_listed_without_commas: bool,
}

/// The members of an object.
#[derive(Debug)]
pub(crate) struct Members {
    known: Vec<Member>,
    /// Those whose names match (`patternProperties`).
    patterns: Vec<(Pattern, Shape)>,
    /// What the schema says of all others, if it speaks of them and does not forbid them; anything, if it speaks
    /// of no member at all.
    others: Option<Box<Shape>>,
}

#[derive(Debug)]
struct Member {
    name: String,
    shape: Shape,
    default: Option<Value>,
}

impl Shape {
    /// The shape of the values a schema allows; `None` if they are arrays and objects in turn, which no text tells
    /// apart.
    pub(crate) fn of(schema: &Cursor<'_>) -> Option<Self> {
        Self::within(schema, MAX_NESTED)
    }

    /// The shapes of objects by the alternatives of `oneOf` or `anyOf`, which may want the same member to be of
    /// different types; none if there is but one.
    pub(super) fn branches(schema: &Cursor<'_>) -> Vec<Self> {
        let mut shared = vec![schema.clone()];
        for part in schema.get("allOf").iter().flat_map(Cursor::items) {
            shared.extend(parts(&part, MAX_PARTS));
        }
        let mut branches = Vec::new();
        for keyword in ["oneOf", "anyOf"] {
            for branch in schema.get(keyword).iter().flat_map(Cursor::items) {
                let all = [parts(&branch, MAX_PARTS), shared.clone()].concat();
                branches.extend(Members::of_parts(&all, MAX_NESTED).map(Self::Object));
            }
        }
        if branches.len() > 1 {
            branches
        } else {
            Vec::new()
        }
    }

    fn within(schema: &Cursor<'_>, depth: usize) -> Option<Self> {
        let types = all_types(schema);
        match (has(&types, "object"), has(&types, "array")) {
            (true, true) => None,
            (false, false) => Some(Self::Single(types)),
            _ if depth == 0 => Some(Self::Single(types)),
            (true, false) => Members::of(schema, depth - 1).map(Self::Object),
            (false, true) => Items::of(schema, depth - 1).map(Self::Array),
        }
    }

    /// The shape of single values and of arrays of them.
    pub(crate) fn flat(schema: &Cursor<'_>) -> Option<Self> {
        Self::of(schema).filter(|shape| match shape {
            Self::Object(_) => false,
            shape => shape.is_simple(),
        })
    }

    /// Removes the defaults of properties that are not valid: `is_valid` is asked with the names that lead to one from
    /// the outermost object.
    pub(super) fn retain_defaults(&mut self, is_valid: &dyn Fn(&[&str], &Value) -> bool) {
        let Self::Object(members) = self else {
            return;
        };
        for Member {
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

    /// The value of an object of which no property was sent; `None` if no property has a default.
    pub(super) fn default(&self) -> Option<Value> {
        let Self::Object(members) = self else {
            return None;
        };
        let mut object = Map::new();
        members.fill(&mut object);
        (!object.is_empty()).then_some(Value::Object(object))
    }

    /// Whether what it holds are single values, as all styles but one want it.
    pub(crate) fn is_simple(&self) -> bool {
        self.holds(Self::is_single)
    }

    /// Whether what it holds are single values or arrays of them, which names that stand several times can write.
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

    /// Whether a value may come of a text: of what has no type every text is a string.
    pub(super) fn may_make(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Single(types), value) if types.is_empty() => value.is_string(),
            (Self::Single(types), Value::Null) => has(types, "null") && !has(types, "string"),
            (Self::Single(_), value) => !value.is_array() && !value.is_object(),
            (Self::Array(items), Value::Array(values)) => {
                let mut values = values.iter().enumerate();
                values.all(|(i, value)| items.at(i).may_make(value))
            }
            (Self::Object(members), Value::Object(values)) => {
                let mut values = values.iter();
                values.all(|(name, value)| members.may_make(name, value))
            }
            _ => false,
        }
    }

    fn is_single(&self) -> bool {
        matches!(self, Self::Single(_))
    }

    /// Whether a text may be a value of it as it stands.
    pub(super) fn may_be_text(&self) -> bool {
        matches!(self, Self::Single(types) if types.is_empty() || has(types, "string"))
    }

    /// The value of a single text.
    pub(super) fn read(&self, text: &str) -> Value {
        match self {
            Self::Single(types) => single(text, types),
            Self::Array(_) | Self::Object(_) => Value::String(text.to_owned()),
        }
    }

    /// Puts a text into `value` where `path` leads. Arrays are objects with numbers for names until
    /// [`Self::finish`], since their items may come in any order.
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

    /// The value that [`Self::put`] has made, with arrays as such.
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
                members.fill(&mut object);
                Value::Object(object)
            }
            (_, value) => value,
        }
    }
}

impl Items {
    fn of(schema: &Cursor<'_>, depth: usize) -> Option<Self> {
        let parts = parts(schema, MAX_PARTS);
        let first = parts.iter().find_map(|part| part.get("prefixItems"));
        let first = first.iter().flat_map(Cursor::items);
        let first: Vec<_> = first
            .map(|item| Shape::within(&item, depth))
            .collect::<Option<_>>()?;
        let schemas: Vec<_> = parts.iter().filter_map(|part| part.get("items")).collect();
        let mut others = Shape::Single(Vec::new());
        for items in &schemas {
            let shape = Shape::within(items, depth)?;
            others = match (others, shape) {
                // Arrays of one thing or another.
                (Shape::Single(mut known), Shape::Single(more)) => {
                    known.extend(more);
                    Shape::Single(known)
                }
                (_, shape) => shape,
            };
        }
        let is_listed = |items: &Cursor<'_>| items.node.get("enum").is_some_and(has_no_comma);
        Some(Self {
            are_listed_without_commas: first.is_empty()
                && !schemas.is_empty()
                && schemas.iter().all(is_listed),
            first,
            others: Box::new(others),
        })
    }

    pub(super) fn at(&self, index: usize) -> &Shape {
        self.first.get(index).unwrap_or(&self.others)
    }

    /// Whether any item may be a text as it stands.
    pub(super) fn may_be_texts(&self) -> bool {
        let mut all = self.first.iter().chain([&*self.others]);
        all.any(Shape::may_be_text)
    }

    /// Whether a comma may belong to an item.
    pub(super) fn may_have_commas(&self) -> bool {
        self.may_be_texts() && !self.are_listed_without_commas
    }
}

impl Members {
    fn may_make(&self, name: &str, value: &Value) -> bool {
        let known = self.known.iter().find(|member| member.name == name);
        let shape = known.map(|member| &member.shape).or(self.others.as_deref());
        shape.is_some_and(|shape| shape.may_make(value))
    }

    fn of(schema: &Cursor<'_>, depth: usize) -> Option<Self> {
        Self::of_parts(&parts(schema, MAX_PARTS), depth)
    }

    fn of_parts(parts: &[Cursor<'_>], depth: usize) -> Option<Self> {
        let mut known: Vec<Member> = Vec::new();
        let (mut others, mut is_silent, mut patterns) = (None, true, Vec::new());
        for part in parts {
            for (name, place) in part.get("properties").iter().flat_map(Cursor::members) {
                if !known.iter().any(|other| other.name == name) {
                    known.push(Member {
                        name: name.to_owned(),
                        shape: Shape::within(&place, depth)?,
                        default: place.node.get("default").map(Value::from),
                    });
                }
            }
            for (pattern, place) in part
                .get("patternProperties")
                .iter()
                .flat_map(Cursor::members)
            {
                // One that can't be read here is held against names by the schema all the same.
                if let Some(pattern) = Pattern::compile(pattern) {
                    patterns.push((pattern, Shape::within(&place, depth)?));
                }
            }
            let additional = part
                .get("additionalProperties")
                .or_else(|| part.get("unevaluatedProperties"));
            is_silent &= additional.is_none();
            if let Some(additional) = additional.filter(|it| it.node.kind != Kind::Bool(false)) {
                others = Some(Box::new(Shape::within(&additional, depth)?));
            }
        }
        if known.is_empty() && patterns.is_empty() && is_silent {
            others = Some(Box::new(Shape::Single(Vec::new())));
        }
        Some(Self {
            known,
            patterns,
            others,
        })
    }

    /// Those that a schema allows.
    pub(crate) fn of_schema(schema: &Cursor<'_>) -> Option<Self> {
        Self::of(schema, MAX_NESTED)
    }

    /// Members of any name, all of this shape.
    pub(crate) fn of_any_name(shape: Shape) -> Self {
        Self {
            known: Vec::new(),
            patterns: Vec::new(),
            others: Some(Box::new(shape)),
        }
    }

    /// Members of these names and types, and no others.
    #[cfg(test)]
    pub(crate) fn of_types(known: &[(&str, &[&str])]) -> Self {
        let member = |(name, types): &(&str, &[&str])| Member {
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

    /// Whether the empty text may be a value of this member.
    pub(crate) fn may_be_text(&self, name: &str) -> bool {
        self.shape(name).is_none_or(Shape::may_be_text)
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

    /// Whether the schema says of members that it does not name what they are.
    pub(super) fn are_open(&self) -> bool {
        self.others.is_some()
    }

    /// Adds what stands for the member `name`: the last text counts, of an array every one.
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

    /// Adds the defaults of members that are not there.
    pub(super) fn fill(&self, object: &mut Map<String, Value>) {
        for member in &self.known {
            if let Some(default) = &member.default
                && !object.contains_key(&member.name)
            {
                object.insert(member.name.clone(), default.clone());
            }
        }
    }
}

/// The object in `value`, a new one if there is none.
fn as_object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made one")
}

pub(crate) fn has(types: &[String], wanted: &str) -> bool {
    types.iter().any(|name| name == wanted)
}

fn has_no_comma(listed: &Node) -> bool {
    let mut texts = listed.items().iter().filter_map(Node::as_str);
    !texts.any(|text| text.contains(','))
}

/// A schema, and the schemas of which it consists.
pub(crate) fn parts<'d>(schema: &Cursor<'d>, depth: usize) -> Vec<Cursor<'d>> {
    let mut all = vec![schema.clone()];
    if let Some(below) = depth.checked_sub(1) {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for part in schema.get(keyword).iter().flat_map(Cursor::items) {
                all.extend(parts(&part, below));
            }
        }
        let dependent = schema.get("dependentSchemas");
        let dependent = dependent.iter().flat_map(Cursor::members);
        let chosen = ["if", "then", "else", "not"]
            .iter()
            .filter_map(|key| schema.get(key));
        for part in chosen.chain(dependent.map(|(_, part)| part)) {
            all.extend(parts(&part, below));
        }
    }
    all
}

/// The types a schema allows. Without any named, what it says of members or items tells.
pub(crate) fn all_types(schema: &Cursor<'_>) -> Vec<String> {
    let mut types = types(schema, MAX_PARTS);
    if types.is_empty() {
        let parts = parts(schema, MAX_PARTS);
        for (keyword, implied) in [
            ("properties", "object"),
            ("items", "array"),
            ("prefixItems", "array"),
        ] {
            if parts.iter().any(|part| part.node.get(keyword).is_some()) {
                types.push(implied.to_owned());
            }
        }
    }
    // So says OpenAPI 3.0, and Swagger 2.0 by an extension.
    let may_be_null = schema.flag("nullable") || schema.flag("x-nullable");
    if may_be_null && !types.is_empty() && !has(&types, "null") {
        types.push("null".to_owned());
    }
    types
}

/// The types a schema allows, itself or by its parts; none means any.
pub(crate) fn types(schema: &Cursor<'_>, depth: usize) -> Vec<String> {
    if let Some(node) = schema.node.get("type") {
        let names = node.items().iter().chain([node]);
        return names.filter_map(Node::as_str).map(str::to_owned).collect();
    }
    // What is listed is of these types.
    let listed = schema.node.get("enum").map_or(&[][..], Node::items).iter();
    let mut listed: Vec<_> = listed
        .chain(schema.node.get("const"))
        .map(Node::type_name)
        .collect();
    listed.dedup();
    if !listed.is_empty() {
        return listed.into_iter().map(str::to_owned).collect();
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
        // No specification says how one is written; Python writes `True`, as Python's connexion reads it.
        "boolean" => ["false", "true"]
            .iter()
            .position(|word| text.eq_ignore_ascii_case(word))
            .map(|place| Value::Bool(place == 1)),
        // How it is written no specification says; this is what clients of Python's connexion send.
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

/// Rust reads "inf" and "nan" as numbers too; JSON has no such values.
fn float(text: &str) -> Option<Value> {
    let number = serde_json::Number::from_f64(text.parse().ok()?);
    number.map(Value::Number)
}
