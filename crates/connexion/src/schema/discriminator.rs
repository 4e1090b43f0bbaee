//! `discriminator`: a property whose value selects the schema of an object.
//!
//! A discriminator must not change which values are valid (OpenAPI 3.0.4, 3.1.2 and 3.2.0, Discriminator Object). If a
//! value is invalid against all schemas of `oneOf` or `anyOf`, it selects the schema whose errors are reported. The
//! keyword [`SELECTION`] holds the names for that.
//!
//! A schema with a discriminator and neither `oneOf` nor `anyOf` is a base. Schemas with the base in their `allOf` are
//! its children. JSON Schema has no keyword for the way from a base to its children, so one is added: a value of the
//! base that names a child is validated against the child too, any other value against the base alone. Because a child
//! refers to its base, this would be a cycle. The base therefore contains a copy of itself without the choice
//! ([`BARE`]), and children refer to that copy.
//!
//! With `Api::strict_discriminator` the property is required and must name one of the schemas. Only that schema
//! applies.

mod choices;
mod family;
mod keyword;
mod names;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

pub(super) use self::keyword::{CHOICE, SELECTION, Selected, choice, parse_choice, selected};
use self::{
    choices::{Branch, Choices},
    family::{Families, name_in_reference},
    keyword::property_name,
    names::Names,
};
use super::traverse::{each_schema, encoded, resolve};
use crate::document::{
    files::owner,
    node::{value_at, value_at_mut},
};

/// The keyword that holds the copy of a base without the choice between its children.
pub(super) const BARE: &str = "x-connexion-bare";

/// A schema that the discriminator can't name.
pub(super) struct UnnamedSchema {
    pub(super) pointer: String,
    pub(super) message: String,
}

/// Rewrites every discriminator in the schemas at the pointers in `outer`.
pub(super) fn rewrite(root: &mut Value, outer: &[String], is_strict: bool) -> Vec<UnnamedSchema> {
    let holders = holders(root, outer);
    if holders.is_empty() {
        return Vec::new();
    }
    let source = root.clone();
    let families = Families::of(&source, outer, &holders);
    let mut rewriting = Rewriting {
        root: &source,
        bases: bases(&source, &families, &holders),
        names: Names::new(&source, &families),
        families: &families,
        unnamed: Vec::new(),
        is_strict,
    };
    let is_base = |pointer: &str| rewriting.bases.contains_key(pointer);
    families.refer_to_bare(root, is_base);
    let of_bases: HashSet<_> = rewriting.bases.values().flatten().cloned().collect();
    let others = holders.into_iter().filter(|one| !of_bases.contains(one));
    let mut units: Vec<_> = others.chain(rewriting.bases.keys().cloned()).collect();
    // Inner schemas first, because outer ones copy them.
    units.sort_by_key(|pointer| std::cmp::Reverse(pointer.len()));
    for pointer in &units {
        match rewriting.bases.get(pointer).cloned() {
            Some(holders) => rewriting.base(root, pointer, &holders),
            None => {
                if let Some(Value::Object(schema)) = value_at_mut(root, pointer) {
                    rewriting.alternatives(schema, pointer);
                }
            }
        }
    }
    rewriting.unnamed
}

/// Returns the pointers of all schemas with a discriminator.
fn holders(root: &Value, outer: &[String]) -> Vec<String> {
    let mut holders = Vec::new();
    // Most documents have none, and building all pointers takes time.
    let outer = if is_used(root) { outer } else { &[] };
    for pointer in outer {
        if let Some(schema) = value_at(root, pointer) {
            each_schema(schema, pointer, &mut |schema, pointer| {
                let discriminator = schema.get("discriminator");
                if discriminator.is_some_and(|one| property_name(one).is_some()) {
                    holders.push(pointer.to_owned());
                }
            });
        }
    }
    holders.sort_unstable();
    holders.dedup();
    holders
}

fn is_used(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(is_used),
        Value::Object(keywords) => {
            keywords.contains_key("discriminator") || keywords.values().any(is_used)
        }
        _ => false,
    }
}

/// Returns the bases, each with the schemas that hold its discriminators: itself, or branches of its `allOf`.
fn bases(
    root: &Value,
    families: &Families<'_>,
    holders: &[String],
) -> HashMap<String, Vec<String>> {
    let mut bases = HashMap::<_, Vec<_>>::new();
    for holder in holders {
        let owner = owner(holder);
        let schema = value_at(root, holder).unwrap_or(&Value::Null);
        let children = families.children(owner);
        let is_child = |part: &Value| {
            let target = families.target(part);
            target.is_some_and(|target| children.contains(&target))
        };
        let is_base = match parts(schema) {
            Some((_, parts)) => parts.iter().any(is_child),
            None => !children.is_empty() || mapping(schema).next().is_some(),
        };
        if is_base {
            bases
                .entry(owner.to_owned())
                .or_default()
                .push(holder.clone());
        }
    }
    bases
}

/// Returns the schemas under `oneOf` or `anyOf`, with the keyword.
fn parts(schema: &Value) -> Option<(&'static str, &Vec<Value>)> {
    let mut keywords = ["oneOf", "anyOf"].into_iter();
    keywords.find_map(|keyword| Some((keyword, schema.get(keyword)?.as_array()?)))
}

/// Returns the entries of the `mapping` of a schema's discriminator.
fn mapping(schema: &Value) -> impl Iterator<Item = (&String, &str)> {
    let mapping = schema
        .get("discriminator")
        .and_then(|one| one.get("mapping"));
    let all = mapping.and_then(Value::as_object).into_iter().flatten();
    all.filter_map(|(value, target)| Some((value, target.as_str()?)))
}

struct Rewriting<'r> {
    /// The document before anything was rewritten.
    root: &'r Value,
    families: &'r Families<'r>,
    bases: HashMap<String, Vec<String>>,
    names: Names<'r>,
    unnamed: Vec<UnnamedSchema>,
    is_strict: bool,
}

impl Rewriting<'_> {
    /// Rewrites a schema that is not a base: one with `oneOf` or `anyOf`, or without any choice.
    fn alternatives(&mut self, schema: &mut Map<String, Value>, pointer: &str) {
        let choices = self.choices(pointer, None);
        schema.shift_remove("discriminator");
        if self.is_strict {
            let listed = value_at(self.root, pointer).and_then(parts);
            listed.and_then(|(keyword, _)| schema.shift_remove(keyword));
            let chosen = self.strict_schema(choices, false);
            add(schema, chosen);
            return;
        }
        let mut schemas = Map::new();
        let mut values = Vec::new();
        for branch in &choices.branches {
            if let Some(index) = branch.index {
                values.extend(branch.values.iter().cloned());
                schemas.extend(
                    branch
                        .values
                        .iter()
                        .map(|value| (value.clone(), index.into())),
                );
            }
        }
        if schemas.is_empty() {
            return;
        }
        let mut selection =
            json!({"propertyName": choices.property, "values": values, "schemas": schemas});
        let mut all = choices.branches.iter();
        let default = choices.default.and_then(|default| {
            all.find(|branch| branch.pointer.as_ref() == Some(&default))?
                .index
        });
        if let (Some(index), Value::Object(selection)) = (default, &mut selection) {
            selection.insert("default".to_owned(), index.into());
        }
        schema.insert(SELECTION.to_owned(), selection);
        self.add_property_rules(schema, &choices.property);
    }

    /// Adds to each reference under `oneOf` or `anyOf` the values of the property that its schema allows.
    ///
    /// The same values are valid, but the validator rejects an object for another schema before it follows the
    /// reference. In a tree of such schemas the time would otherwise double with each level.
    fn add_property_rules(&self, schema: &mut Map<String, Value>, property: &str) {
        for keyword in ["oneOf", "anyOf"] {
            let parts = schema.get_mut(keyword).and_then(Value::as_array_mut);
            for part in parts.into_iter().flatten().filter_map(Value::as_object_mut) {
                let described = resolve(self.root, &Value::Object(part.clone())).clone();
                let rules = described
                    .get("properties")
                    .and_then(|all| all.get(property));
                let rules = rules.map(|rules| resolve(self.root, rules));
                let rule = ["const", "enum"].into_iter().find_map(|keyword| {
                    let value = rules?.get(keyword)?;
                    Some(json!({property: {keyword: value}}))
                });
                if let (Some(rule), true) = (rule, part.len() == 1 && part.contains_key("$ref")) {
                    part.insert("properties".to_owned(), rule);
                }
            }
        }
    }

    /// Rewrites a base whose discriminators are at `holders`.
    fn base(&mut self, root: &mut Value, owner: &str, holders: &[String]) {
        let mut all = Vec::new();
        for holder in holders {
            let choices = self.choices(holder, Some(owner));
            if let Some(Value::Object(schema)) = value_at_mut(root, holder) {
                schema.shift_remove("discriminator");
                let known = value_at(self.root, holder).and_then(parts);
                known.and_then(|(keyword, _)| schema.shift_remove(keyword));
            }
            let schema = value_at(root, owner).unwrap_or(&Value::Null);
            let types = schema.get("type").and_then(Value::as_array);
            let may_be_null = types.is_some_and(|types| types.iter().any(|name| name == "null"));
            all.push(if self.is_strict {
                self.strict_schema(choices, may_be_null)
            } else {
                choices.lenient_schema(owner)
            });
        }
        if let Some(Value::Object(schema)) = value_at_mut(root, owner) {
            let bare = Value::Object(schema.clone());
            for chosen in all {
                add(schema, chosen);
            }
            schema.insert(BARE.to_owned(), bare);
        }
    }

    /// Returns the choices of the discriminator at a pointer: the schemas it lists, or a base and its children.
    fn choices(&mut self, holder: &str, base: Option<&str>) -> Choices {
        let schema = value_at(self.root, holder).unwrap_or(&Value::Null);
        let discriminator = schema.get("discriminator").unwrap_or(&Value::Null);
        let property = property_name(discriminator).unwrap_or_default().to_owned();
        let (mut branches, others) = match (base, parts(schema)) {
            (Some(base), None) => (self.family(base, &property), Vec::new()),
            (_, Some((keyword, parts))) => {
                self.listed(parts, &property, &format!("{holder}/{keyword}"))
            }
            (None, None) => (Vec::new(), Vec::new()),
        };
        for (value, target) in mapping(schema) {
            let pointer = self.names.mapped(target, holder);
            // `lint` reports targets that do not exist.
            if value_at(self.root, &pointer).is_none() {
                continue;
            }
            let mut known = branches.iter_mut();
            if let Some(branch) = known.find(|branch| branch.pointer.as_ref() == Some(&pointer)) {
                branch.values.push(value.clone());
                continue;
            }
            let mut branch = self.branch(&pointer, &property);
            branch.values.push(value.clone());
            branches.push(branch);
        }
        let taken = mapping(schema).map(|(value, _)| value.clone()).collect();
        self.names.assign(&mut branches, taken, &property, base);
        let default = discriminator.get("defaultMapping").and_then(Value::as_str);
        Choices {
            default: default.map(|target| self.names.mapped(target, holder)),
            property,
            branches,
            others,
        }
    }

    /// Returns the branches of a base: the base itself, and its children.
    fn family(&self, base: &str, property: &str) -> Vec<Branch> {
        let children = self.families.children(base);
        let own = (!children.is_empty() && self.families.is_named(base)).then_some(base);
        let all = own.into_iter().chain(children.iter().map(String::as_str));
        all.map(|pointer| self.branch(pointer, property)).collect()
    }

    fn branch(&self, pointer: &str, property: &str) -> Branch {
        Branch {
            schema: self.reference(pointer, property),
            names: self.families.names(pointer),
            pointer: Some(pointer.to_owned()),
            index: None,
            values: Vec::new(),
        }
    }

    /// Returns a reference to a selected schema: to its bare copy, if it is a base with the same discriminator
    /// property.
    fn reference(&self, pointer: &str, property: &str) -> Value {
        let holders = self.bases.get(pointer).into_iter().flatten();
        let mut properties = holders.filter_map(|holder| {
            let schema = value_at(self.root, holder)?;
            property_name(schema.get("discriminator")?)
        });
        let end = if properties.any(|known| known == property) {
            format!("/{BARE}")
        } else {
            String::new()
        };
        json!({"$ref": format!("#{}{end}", encoded(pointer))})
    }

    /// Returns the branches under `oneOf` or `anyOf`, and the schemas that allow values other than objects.
    fn listed(
        &mut self,
        parts: &[Value],
        property: &str,
        pointer: &str,
    ) -> (Vec<Branch>, Vec<Value>) {
        let (mut branches, mut others) = (Vec::new(), Vec::new());
        for (i, part) in parts.iter().enumerate() {
            let (is_object, is_other) = self.kinds(part);
            if is_other {
                others.push(part.clone());
            }
            if !is_object {
                continue;
            }
            let target = self.families.target(part);
            if self.is_strict && target.is_none() && !self.names.pins_values(part, property) {
                self.unnamed.push(UnnamedSchema {
                    pointer: format!("{pointer}/{i}"),
                    message: format!(
                        "the discriminator `{property}` can't name this schema; use a reference, or add a \
                         `const` for `{property}`"
                    ),
                });
            }
            let branch = target.map(|target| {
                let mut branch = self.branch(&target, property);
                branch.names.splice(0..0, name_in_reference(part));
                branch
            });
            let inline = || Branch {
                pointer: None,
                index: None,
                schema: part.clone(),
                names: Vec::new(),
                values: Vec::new(),
            };
            let mut branch = branch.unwrap_or_else(inline);
            branch.index = Some(i);
            branches.push(branch);
        }
        (branches, others)
    }

    /// Returns whether a value of the schema can be an object, and whether its `type` names anything else.
    fn kinds(&self, schema: &Value) -> (bool, bool) {
        let names: Vec<_> = match resolve(self.root, schema).get("type") {
            Some(Value::String(name)) => vec![name.as_str()],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => return (true, false),
        };
        let is_object = names.contains(&"object");
        (is_object, names.iter().any(|name| *name != "object"))
    }
}

/// Adds a schema to `allOf`.
fn add(schema: &mut Map<String, Value>, more: Value) {
    let parts = schema
        .entry("allOf")
        .or_insert_with(|| Value::Array(Vec::new()));
    if let (Value::Array(parts), true) = (parts, more != true) {
        parts.push(more);
    }
}
