//! By which values of a discriminator's property its schemas are chosen.

use std::{cell::Cell, collections::HashSet};

use serde_json::Value;

use super::{
    Branch,
    family::{Families, NAMED, canonical},
    keyword::texts,
};
use crate::{
    document::{
        MAX_REFERENCES, decoded,
        files::{name_of, owner},
        node::{escape, value_at},
    },
    schema::resolve,
};

/// So many schemas are looked at to learn the values by which others are chosen.
const MAX_LOOKS: usize = 100_000;

pub(super) struct Names<'r> {
    /// The document before anything was rewritten.
    root: &'r Value,
    families: &'r Families<'r>,
    /// How many schemas may still be looked at to learn what branches allow: each may hold the same ones again.
    left: Cell<usize>,
}

impl<'r> Names<'r> {
    pub(super) fn new(root: &'r Value, families: &'r Families<'r>) -> Self {
        let left = Cell::new(MAX_LOOKS);
        Self {
            root,
            families,
            left,
        }
    }

    /// Gives each branch its values: those of the mapping, which are `taken`, or those it allows itself, or its name.
    pub(super) fn give(
        &self,
        branches: &mut Vec<Branch>,
        mut taken: HashSet<String>,
        property: &str,
        base: Option<&str>,
    ) {
        let pins: Vec<_> = branches
            .iter()
            .map(|one| self.pins_of(one, property, base))
            .collect();
        for (i, (branch, pins_of)) in branches.iter_mut().zip(&pins).enumerate() {
            if !branch.values.is_empty() {
                // Its own name will do, too (OpenAPI 3.1.1, section 4.8.25.2), unless its schema says otherwise.
                let names = branch.names.iter();
                let names =
                    names.filter(|name| pins_of.is_empty() && taken.insert((*name).clone()));
                branch.values.extend(names.cloned());
                continue;
            }
            // What several allow, such as an enum in their common base, names none of them.
            let is_shared = |value: &String| {
                let mut others = pins.iter().enumerate().filter(|(k, _)| *k != i);
                others.any(|(_, others)| others.contains(value))
            };
            let is_own = !pins_of.is_empty() && !pins_of.iter().any(is_shared);
            let mut values = branch.names.clone();
            values.retain(|name| !is_own || pins_of.contains(name));
            if values.is_empty() {
                values.clone_from(pins_of);
            }
            if let Some(pointer) = &branch.pointer
                && pins_of.is_empty()
                && Some(&**pointer) != base
            {
                values.extend(self.nested(pointer, 0));
            }
            values.retain(|value| taken.insert(value.clone()));
            branch.values = values;
        }
        if let Some(base) = base {
            self.name_base(branches, property, base);
        }
        branches.retain(|branch| !branch.values.is_empty());
    }

    fn pins_of(&self, branch: &Branch, property: &str, base: Option<&str>) -> Vec<String> {
        match &branch.pointer {
            Some(pointer) if Some(&**pointer) != base => {
                let schema = value_at(self.root, pointer).unwrap_or(&Value::Null);
                self.pinned(schema, property, base)
            }
            _ => self.pinned(&branch.schema, property, base),
        }
    }

    /// Whether a schema says itself by which values it is chosen.
    pub(super) fn are_in(&self, schema: &Value, property: &str) -> bool {
        !self.pinned(schema, property, None).is_empty()
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

    /// Where a value of `mapping` leads that stands in the schema at `holder`: it is the name of a schema of the document or
    /// of one beside the holder, or a reference.
    pub(super) fn mapped(&self, target: &str, holder: &str) -> String {
        let beside = owner(holder).rsplit_once('/').map(|(holder, _)| holder);
        let beside = beside.map(|holder| format!("{holder}/"));
        let mut all = [Some(NAMED.to_owned()), beside].into_iter().flatten();
        let by_name = all.find_map(|start| {
            let pointer = format!("{start}{}", escape(target));
            value_at(self.root, &pointer).map(|_| pointer)
        });
        canonical(
            self.root,
            by_name.unwrap_or_else(|| decoded(target).into_owned()),
        )
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
            names.push(name_of(&pointer));
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
        let target = self.families.target(schema);
        if let Some(pointer) = target.filter(|pointer| Some(&**pointer) != base)
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
