//! `discriminator`: a member whose value says which schema an object has.
//!
//! Without it a value that breaks all of `oneOf` breaks each of them in another way, and nobody can say which
//! was meant. So `oneOf` and `anyOf` beside a discriminator become one `if` and `then` for each schema, and a
//! keyword of our own says which values there are.
//!
//! A schema with a discriminator and neither of them is a base: schemas that have it in their `allOf` are its
//! children, and a value of the base is one of the child it names. Since the child refers to the base again,
//! the base is kept a second time, without choice, inside of itself; its children refer to that.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
};

use jsonschema::{Keyword, ValidationError, paths::Location};
use serde_json::{Map, Value, json};

use super::{encoded, every, resolve};
use crate::document::{
    MAX_REFERENCES, decoded,
    node::{escape, unescape, value_at, value_at_mut},
};

/// The keyword of our own for the values that an object may name its schema by.
pub(super) const CHOICE: &str = "x-connexion-choice";

/// Where a base is kept without the choice between its children.
pub(super) const BARE: &str = "x-connexion-bare";

/// So many schemas are looked at to learn the values by which others are chosen.
const MAX_LOOKS: usize = 100_000;

/// Where the schemas stand that have a name.
const NAMED: &str = "/components/schemas/";

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
pub(super) fn choice<'a>(
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
pub(super) fn told(message: &str) -> (String, Option<String>) {
    let value = serde_json::from_str(message).unwrap_or_default();
    let (property, values) = read(&value);
    (property, values.map(|values| json!(values).to_string()))
}

fn texts(values: &[Value]) -> impl Iterator<Item = String> {
    values.iter().filter_map(Value::as_str).map(str::to_owned)
}

/// The member that a `discriminator` names; in Swagger 2.0 it is but the name.
fn property_name(discriminator: &Value) -> Option<&str> {
    let name = discriminator.get("propertyName").unwrap_or(discriminator);
    name.as_str()
}

/// A schema that can't be chosen, and what to do about it.
pub(super) struct Nameless {
    pub(super) pointer: String,
    pub(super) message: String,
}

/// Rewrites every discriminator in the schemas that stand at `outer`.
pub(super) fn rewrite(root: &mut Value, outer: &[String]) -> Vec<Nameless> {
    let mut pointers = Vec::new();
    // Most documents have none, and to walk along all pointers takes time.
    let outer = if is_used(root) { outer } else { &[] };
    for pointer in outer {
        if let Some(schema) = value_at(root, pointer) {
            every(schema, pointer, &mut |schema, pointer| {
                if schema
                    .get("discriminator")
                    .is_some_and(|one| property_name(one).is_some())
                {
                    pointers.push(pointer.to_owned());
                }
            });
        }
    }
    if pointers.is_empty() {
        return Vec::new();
    }
    let source = root.clone();
    let children = children(&source);
    let mut rewriting = Rewriting {
        root: &source,
        bases: pointers
            .iter()
            .filter(|pointer| is_base(&source, pointer, &children))
            .cloned()
            .collect(),
        children,
        nameless: Vec::new(),
        left: Cell::new(MAX_LOOKS),
    };
    rewriting.refer_to_bare(root);
    // What is within another is rewritten first, since the outer one takes it along.
    pointers.sort_by_key(|pointer| std::cmp::Reverse(pointer.len()));
    for pointer in &pointers {
        if let Some(Value::Object(schema)) = value_at_mut(root, pointer) {
            rewriting.schema(schema, pointer);
        }
    }
    rewriting.nameless
}

fn is_used(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(is_used),
        Value::Object(members) => {
            members.contains_key("discriminator") || members.values().any(is_used)
        }
        _ => false,
    }
}

/// Whether the schema at a pointer has a name, and children by their `allOf`: none by `oneOf` or `anyOf`, or the same,
/// which would lead back to it.
fn is_base(root: &Value, pointer: &str, children: &HashMap<String, Vec<String>>) -> bool {
    let has_name = pointer
        .strip_prefix(NAMED)
        .is_some_and(|name| !name.contains('/'));
    let schema = value_at(root, pointer);
    let parts = |keyword| schema.and_then(|one| one.get(keyword)?.as_array());
    let Some(parts) = parts("oneOf").or_else(|| parts("anyOf")) else {
        return has_name;
    };
    let known = children.get(pointer);
    let is_child = |part: &Value| {
        let reference = part.get("$ref").and_then(Value::as_str).map(decoded);
        reference.is_some_and(|child| known.is_some_and(|all| all.iter().any(|one| *one == child)))
    };
    has_name && parts.iter().any(is_child)
}

/// By the pointer of each schema with a name: those that are made of it, over several generations, too.
fn children(root: &Value) -> HashMap<String, Vec<String>> {
    let named = value_at(root, "/components/schemas");
    let named = named.and_then(Value::as_object);
    let mut children = HashMap::<_, Vec<_>>::new();
    for (name, schema) in named.into_iter().flatten() {
        if is_alias(schema) {
            continue;
        }
        let pointer = format!("{NAMED}{}", escape(name));
        let mut seen = HashSet::from([pointer.clone()]);
        let mut ahead = Vec::new();
        parents(schema, &mut ahead);
        while let Some(parent) = ahead.pop() {
            if seen.insert(parent.clone()) {
                if let Some(schema) = value_at(root, &parent) {
                    parents(schema, &mut ahead);
                }
                children.entry(parent).or_default().push(pointer.clone());
            }
        }
    }
    children
}

/// Another name for a schema is no child of it.
fn is_alias(schema: &Value) -> bool {
    let members = schema.as_object();
    members.is_some_and(|members| members.len() == 1 && members.contains_key("$ref"))
}

/// Adds the pointers of what a schema is made of.
fn parents(schema: &Value, found: &mut Vec<String>) {
    let reference = schema.get("$ref").and_then(Value::as_str);
    found.extend(reference.map(|reference| decoded(reference).into_owned()));
    let parts = schema.get("allOf").and_then(Value::as_array);
    for part in parts.into_iter().flatten() {
        parents(part, found);
    }
}

struct Rewriting<'r> {
    /// The document before anything was rewritten.
    root: &'r Value,
    children: HashMap<String, Vec<String>>,
    /// The pointers of all bases.
    bases: HashSet<String>,
    nameless: Vec<Nameless>,
    /// How many schemas may still be looked at to learn what branches allow: each may hold the same ones again.
    left: Cell<usize>,
}

/// A schema that can be chosen.
struct Branch {
    /// Where it stands, if it is referred to.
    pointer: Option<String>,
    schema: Value,
    values: Vec<String>,
}

impl Rewriting<'_> {
    /// Lets children refer to their bases without the choice, which would lead back to them.
    fn refer_to_bare(&self, root: &mut Value) {
        let named = value_at_mut(root, "/components/schemas");
        let named = named.and_then(Value::as_object_mut);
        for schema in named.into_iter().flat_map(Map::values_mut) {
            if !is_alias(schema) {
                self.refer(schema);
            }
        }
    }

    fn refer(&self, schema: &mut Value) {
        if let Some(Value::String(reference)) = schema.get_mut("$ref")
            && self.bases.contains(&*decoded(reference))
        {
            reference.push('/');
            reference.push_str(BARE);
        }
        if let Some(Value::Array(parts)) = schema.get_mut("allOf") {
            for part in parts {
                self.refer(part);
            }
        }
    }

    fn schema(&mut self, schema: &mut Map<String, Value>, pointer: &str) {
        let Some(discriminator) = schema.shift_remove("discriminator") else {
            return;
        };
        let property = property_name(&discriminator).unwrap_or_default().to_owned();
        let is_base = self.bases.contains(pointer);
        let has_alternatives = schema.contains_key("oneOf") || schema.contains_key("anyOf");
        let (mut branches, others) = if is_base && !has_alternatives {
            (self.family(pointer, &property), Vec::new())
        } else {
            self.alternatives(schema, &property, pointer)
        };
        let own = is_base.then_some(pointer);
        self.name(&mut branches, &discriminator, &property, own);
        let may_be_null = |schema: &Map<String, Value>| {
            let types = schema.get("type").and_then(Value::as_array);
            types.is_some_and(|types| types.iter().any(|name| name == "null"))
        };
        let chosen = chosen(&property, branches);
        let chosen = if !others.is_empty() {
            json!({"if": {"type": "object"}, "then": chosen, "else": {"oneOf": others}})
        } else if is_base && may_be_null(schema) {
            json!({"if": {"type": "object"}, "then": chosen})
        } else {
            chosen
        };
        let bare = is_base.then(|| Value::Object(schema.clone()));
        if let Value::Array(parts) = schema
            .entry("allOf")
            .or_insert_with(|| Value::Array(Vec::new()))
        {
            parts.push(chosen);
        }
        schema.extend(bare.map(|bare| (BARE.to_owned(), bare)));
    }

    /// What a value of the base at a pointer can be: the base alone, or one of its children. Nothing, if it
    /// has none: then nothing is to be chosen.
    fn family(&self, base: &str, property: &str) -> Vec<Branch> {
        let Some(children) = self.children.get(base) else {
            return Vec::new();
        };
        let all = std::iter::once(base).chain(children.iter().map(String::as_str));
        all.map(|pointer| Branch {
            schema: self.reference(pointer, property),
            pointer: Some(pointer.to_owned()),
            values: Vec::new(),
        })
        .collect()
    }

    /// A reference to a schema that was chosen. A base that chooses by the same member has nothing to add.
    fn reference(&self, pointer: &str, property: &str) -> Value {
        let source = value_at(self.root, pointer);
        let discriminator = source.and_then(|schema| schema.get("discriminator"));
        let is_chosen =
            self.bases.contains(pointer) && discriminator.and_then(property_name) == Some(property);
        let end = if is_chosen {
            format!("/{BARE}")
        } else {
            String::new()
        };
        json!({"$ref": format!("#{}{end}", encoded(pointer))})
    }

    /// Takes `oneOf` or `anyOf` from a schema: what is chosen by the discriminator, and what can be no object.
    fn alternatives(
        &mut self,
        schema: &mut Map<String, Value>,
        property: &str,
        holder: &str,
    ) -> (Vec<Branch>, Vec<Value>) {
        let (mut branches, mut others) = (Vec::new(), Vec::new());
        let Some((keyword, Value::Array(parts))) = ["oneOf", "anyOf"]
            .into_iter()
            .find_map(|keyword| Some((keyword, schema.shift_remove(keyword)?)))
        else {
            return (branches, others);
        };
        for (i, part) in parts.into_iter().enumerate() {
            let (is_object, is_other) = self.kinds(&part);
            if is_other {
                others.push(part.clone());
            }
            if !is_object {
                continue;
            }
            let reference = part.get("$ref").and_then(Value::as_str);
            let pointer = reference.map(|reference| decoded(reference).into_owned());
            if pointer.is_none() && self.pinned(&part, property, None).is_empty() {
                self.nameless.push(Nameless {
                    pointer: format!("{holder}/{keyword}/{i}"),
                    message: format!(
                        "the discriminator `{property}` can't name this schema; write a reference, or the \
                         `const` of `{property}` in it"
                    ),
                });
            }
            branches.push(Branch {
                pointer,
                schema: part,
                values: Vec::new(),
            });
        }
        (branches, others)
    }

    /// Whether a value of the schema can be an object, and whether it can be anything else that is described.
    fn kinds(&self, schema: &Value) -> (bool, bool) {
        let names: Vec<_> = match resolve(self.root, schema).get("type") {
            Some(Value::String(name)) => vec![name.as_str()],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => return (true, false),
        };
        let is_object = names.contains(&"object");
        (is_object, names.iter().any(|name| *name != "object"))
    }

    /// Gives each branch its values: those of the mapping, or those it allows itself, or its name.
    fn name(
        &self,
        branches: &mut Vec<Branch>,
        discriminator: &Value,
        property: &str,
        base: Option<&str>,
    ) {
        let mapping = discriminator.get("mapping").and_then(Value::as_object);
        for (value, target) in mapping.into_iter().flatten() {
            let pointer = target.as_str().map(|target| self.mapped(target));
            // One that leads nowhere is reported by `structure`.
            let Some(pointer) = pointer.filter(|pointer| value_at(self.root, pointer).is_some())
            else {
                continue;
            };
            let mut known = branches.iter_mut();
            match known.find(|branch| branch.pointer.as_ref() == Some(&pointer)) {
                Some(branch) => branch.values.push(value.clone()),
                None => branches.push(Branch {
                    schema: self.reference(&pointer, property),
                    pointer: Some(pointer),
                    values: vec![value.clone()],
                }),
            }
        }
        let mut taken: HashSet<String> = mapping.into_iter().flat_map(Map::keys).cloned().collect();
        let pins: Vec<_> = branches
            .iter()
            .map(|branch| match &branch.pointer {
                Some(pointer) if Some(&**pointer) != base => {
                    let schema = value_at(self.root, pointer).unwrap_or(&Value::Null);
                    self.pinned(schema, property, base)
                }
                _ => self.pinned(&branch.schema, property, base),
            })
            .collect();
        for (i, (branch, pins_of)) in branches.iter_mut().zip(&pins).enumerate() {
            let name = branch.pointer.as_deref().map(last);
            if !branch.values.is_empty() {
                // Its own name will do, too (OpenAPI 3.1.1, section 4.8.25.2), unless its schema says otherwise.
                let name = name.filter(|name| pins_of.is_empty() && taken.insert(name.clone()));
                branch.values.extend(name);
                continue;
            }
            // What several allow, such as an enum in their common base, names none of them.
            let is_shared = |value: &String| {
                let mut others = pins.iter().enumerate().filter(|(k, _)| *k != i);
                others.any(|(_, others)| others.contains(value))
            };
            let is_own = !pins_of.is_empty() && !pins_of.iter().any(is_shared);
            let values = match name {
                Some(name) if !is_own || pins_of.contains(&name) => vec![name],
                _ => pins_of.clone(),
            };
            let nested = match &branch.pointer {
                Some(pointer) if pins_of.is_empty() && Some(&**pointer) != base => {
                    self.nested(pointer, 0)
                }
                _ => Vec::new(),
            };
            let is_free = |value: &String| taken.insert(value.clone());
            branch.values = values.into_iter().chain(nested).filter(is_free).collect();
        }
        if let Some(base) = base {
            self.name_base(branches, property, base);
        }
        branches.retain(|branch| !branch.values.is_empty());
    }

    /// A base may say itself that it is not to be named.
    fn name_base(&self, branches: &mut [Branch], property: &str, base: &str) {
        let schema = value_at(self.root, base).unwrap_or(&Value::Null);
        let pins = self.pinned(schema, property, None);
        if pins.is_empty() {
            return;
        }
        let own = branches
            .iter_mut()
            .filter(|branch| branch.pointer.as_deref() == Some(base));
        for branch in own {
            branch.values.retain(|value| pins.contains(value));
        }
    }

    /// Where a value of `mapping` leads: it is a name or a reference.
    fn mapped(&self, target: &str) -> String {
        let by_name = format!("{NAMED}{}", escape(target));
        if value_at(self.root, &by_name).is_some() {
            by_name
        } else {
            decoded(target).into_owned()
        }
    }

    fn may_look(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// The names of the schemas between which the one at a pointer chooses: they choose it.
    fn nested(&self, pointer: &str, depth: usize) -> Vec<String> {
        let schema = value_at(self.root, pointer).unwrap_or(&Value::Null);
        let parts = ["oneOf", "anyOf"]
            .iter()
            .filter_map(|key| schema.get(key)?.as_array());
        let references = parts
            .flatten()
            .filter_map(|part| part.get("$ref")?.as_str());
        let mut names = Vec::new();
        for pointer in references.map(decoded) {
            names.push(last(&pointer));
            if depth < MAX_REFERENCES && self.may_look() {
                names.extend(self.nested(&pointer, depth + 1));
            }
        }
        names
    }

    /// The texts to which a schema restricts the member, `base` not being asked.
    fn pinned(&self, schema: &Value, property: &str, base: Option<&str>) -> Vec<String> {
        let mut pins = None;
        self.pins(schema, property, base, &mut pins, 0);
        pins.unwrap_or_default()
    }

    fn pins(
        &self,
        schema: &Value,
        property: &str,
        base: Option<&str>,
        pins: &mut Option<Vec<String>>,
        depth: usize,
    ) {
        if depth > MAX_REFERENCES || !self.may_look() {
            return;
        }
        let member = schema.get("properties").and_then(|all| all.get(property));
        if let Some(member) = member.map(|member| resolve(self.root, member)) {
            let one = member.get("const").map(std::slice::from_ref);
            let many = member.get("enum").and_then(Value::as_array);
            if let Some(values) = one.or(many.map(Vec::as_slice)) {
                let values = texts(values);
                *pins = Some(match pins.take() {
                    Some(known) => values.filter(|value| known.contains(value)).collect(),
                    None => values.collect(),
                });
            }
        }
        let reference = schema.get("$ref").and_then(Value::as_str).map(decoded);
        if let Some(pointer) = reference.filter(|pointer| Some(&**pointer) != base)
            && let Some(target) = value_at(self.root, &pointer)
        {
            self.pins(target, property, base, pins, depth + 1);
        }
        let parts = schema.get("allOf").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            self.pins(part, property, base, pins, depth + 1);
        }
        for keyword in ["oneOf", "anyOf"] {
            let parts = schema.get(keyword).and_then(Value::as_array);
            let pinned = parts.into_iter().flatten().map(|part| {
                let mut pins = None;
                self.pins(part, property, base, &mut pins, depth + 1);
                pins
            });
            // If one of them allows any value, all of them do.
            let pinned: Option<Vec<_>> = pinned.collect();
            if let Some(values) = pinned.filter(|all| !all.is_empty()).map(|all| all.concat()) {
                *pins = Some(match pins.take() {
                    Some(known) => known
                        .into_iter()
                        .filter(|one| values.contains(one))
                        .collect(),
                    None => values,
                });
            }
        }
    }
}

/// The schema that chooses one of the branches.
fn chosen(property: &str, branches: Vec<Branch>) -> Value {
    // Without any there is nothing to choose from, but the member must be there.
    let values: Vec<_> = branches.iter().flat_map(|branch| &branch.values).collect();
    let values = if values.is_empty() {
        Value::Null
    } else {
        json!(values)
    };
    let choice = json!({"propertyName": property, "values": values});
    let branches = branches.into_iter().map(|branch| {
        let is_named = json!({property: {"enum": branch.values}});
        json!({"if": {"required": [property], "properties": is_named}, "then": branch.schema})
    });
    let branches: Vec<_> = branches.collect();
    let mut chosen = json!({"type": "object", CHOICE: choice});
    if let (Value::Object(chosen), false) = (&mut chosen, branches.is_empty()) {
        chosen.insert("allOf".to_owned(), Value::Array(branches));
    }
    chosen
}

/// The name of what stands at a pointer.
fn last(pointer: &str) -> String {
    unescape(pointer.rsplit('/').next().unwrap_or_default()).into_owned()
}
