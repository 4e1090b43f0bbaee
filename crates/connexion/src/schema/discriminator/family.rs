//! Inheritance between the schemas of a document, in all of its files.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::BARE;
use crate::{
    document::{
        MAX_REFERENCES, decoded,
        files::{is_elsewhere, name_of, owner},
        node::{escape, value_at, value_at_mut},
    },
    schema::{
        dialect::is_annotation,
        traverse::{each_schema, encoded},
    },
};

/// The pointer of the schemas with a name.
pub(super) const NAMED: &str = "/components/schemas/";

/// The schemas that a discriminator can name, with their ancestors.
pub(super) struct Families<'r> {
    root: &'r Value,
    /// By the pointer of each schema: its descendants of all generations.
    children: HashMap<String, Vec<String>>,
    /// The pointers of all schemas that have a name.
    named: Vec<String>,
    /// By the pointer of a schema: its other names.
    aliases: HashMap<String, Vec<String>>,
}

impl<'r> Families<'r> {
    /// Collects the families of the document `root`, whose schemas are at `outer` and discriminators at `holders`.
    pub(super) fn of(root: &'r Value, outer: &[String], holders: &[String]) -> Self {
        let mut families = Self {
            root,
            children: HashMap::new(),
            named: Vec::new(),
            aliases: HashMap::new(),
        };
        let mut seen = HashSet::new();
        for pointer in candidates(root, outer, holders) {
            match value_at(root, &pointer).map(other_name) {
                Some(None) if seen.insert(pointer.clone()) => families.named.push(pointer),
                None | Some(None) => {}
                Some(Some(_)) => {
                    let name = name_of(&pointer);
                    let meant = canonical(root, pointer);
                    families.aliases.entry(meant).or_default().push(name);
                }
            }
        }
        for pointer in families.named.clone() {
            families.add_ancestors(&pointer);
        }
        families
    }

    /// Adds a schema to the children of all its ancestors.
    fn add_ancestors(&mut self, pointer: &str) {
        let schema = value_at(self.root, pointer).unwrap_or(&Value::Null);
        let mut seen = HashSet::from([pointer.to_owned()]);
        let mut pending = Vec::new();
        self.parents(schema, &mut pending);
        while let Some(parent) = pending.pop() {
            if seen.insert(parent.clone()) {
                if let Some(schema) = value_at(self.root, &parent) {
                    self.parents(schema, &mut pending);
                }
                self.children
                    .entry(parent)
                    .or_default()
                    .push(pointer.to_owned());
            }
        }
    }

    /// Adds the pointers of the parents of a schema: the targets of its reference and its `allOf`.
    fn parents(&self, schema: &Value, found: &mut Vec<String>) {
        found.extend(self.target(schema));
        let parts = schema.get("allOf").and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            self.parents(part, found);
        }
    }

    pub(super) fn children(&self, base: &str) -> &[String] {
        self.children.get(base).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_named(&self, pointer: &str) -> bool {
        self.named.iter().any(|known| known == pointer)
    }

    /// Returns the names of the schema at a pointer.
    pub(super) fn names(&self, pointer: &str) -> Vec<String> {
        let aliases = self.aliases.get(pointer).into_iter().flatten();
        std::iter::once(name_of(pointer))
            .chain(aliases.cloned())
            .collect()
    }

    /// Returns the pointer of the last target of a schema's reference.
    pub(super) fn target(&self, schema: &Value) -> Option<String> {
        let reference = schema.get("$ref").and_then(Value::as_str)?;
        Some(canonical(self.root, decoded(reference).into_owned()))
    }

    /// Makes children refer to the copies of their bases without the choice, which would lead back to them.
    pub(super) fn refer_to_bare(&self, root: &mut Value, is_base: impl Fn(&str) -> bool) {
        for pointer in &self.named {
            if let Some(schema) = value_at_mut(root, pointer) {
                self.refer(schema, &is_base);
            }
        }
    }

    fn refer(&self, schema: &mut Value, is_base: &impl Fn(&str) -> bool) {
        if let Some(base) = self.target(schema).filter(|target| is_base(target))
            && let Some(Value::String(reference)) = schema.get_mut("$ref")
        {
            *reference = format!("#{}/{BARE}", encoded(&base));
        }
        if let Some(Value::Array(parts)) = schema.get_mut("allOf") {
            for part in parts {
                self.refer(part, is_base);
            }
        }
    }
}

/// Returns the pointers of schemas that may be children: those with a name, the targets of references, and those beside
/// a base in another file.
fn candidates(root: &Value, outer: &[String], holders: &[String]) -> Vec<String> {
    let schemas = value_at(root, "/components/schemas").and_then(Value::as_object);
    let names = schemas.into_iter().flatten().map(|(name, _)| name);
    let mut found: Vec<_> = names
        .map(|name| format!("{NAMED}{}", escape(name)))
        .collect();
    let mut referred = HashSet::new();
    for pointer in outer {
        if let Some(schema) = value_at(root, pointer) {
            each_schema(schema, pointer, &mut |schema, _| {
                let references = schema.get("$ref").into_iter().filter_map(Value::as_str);
                let mapped = super::mapping(schema).map(|(_, target)| target);
                let all = references.chain(mapped.filter(|target| target.starts_with('#')));
                let all = all.map(decoded).filter(|one| !one.starts_with(NAMED));
                referred.extend(all.map(std::borrow::Cow::into_owned));
            });
        }
    }
    let beside: HashSet<_> = holders
        .iter()
        .filter_map(|holder| Some(owner(holder).rsplit_once('/')?.0))
        .filter(|holder| is_elsewhere(holder))
        .collect();
    let kin = outer.iter().filter(|pointer| {
        let holder = pointer.rsplit_once('/').map(|(holder, _)| holder);
        holder.is_some_and(|holder| beside.contains(holder))
    });
    referred.extend(kin.cloned());
    let mut referred: Vec<_> = referred.into_iter().collect();
    referred.sort_unstable();
    found.extend(referred);
    found
}

/// Returns the name of a schema in a reference to it.
pub(super) fn name_in_reference(schema: &Value) -> Option<String> {
    let reference = schema.get("$ref").and_then(Value::as_str)?;
    Some(name_of(&decoded(reference)))
}

/// Returns the target of a schema that is only another name: a reference with nothing but annotations beside it.
fn other_name(schema: &Value) -> Option<String> {
    let keywords = schema.as_object()?;
    let reference = keywords.get("$ref").and_then(Value::as_str)?;
    let mut others = keywords.keys().filter(|key| *key != "$ref");
    others
        .all(|key| is_annotation(key))
        .then(|| decoded(reference).into_owned())
}

/// Follows other names of a schema to the pointer of the schema itself.
pub(super) fn canonical(root: &Value, mut pointer: String) -> String {
    for _ in 0..MAX_REFERENCES {
        match value_at(root, &pointer).and_then(other_name) {
            Some(target) => pointer = target,
            None => break,
        }
    }
    pointer
}
