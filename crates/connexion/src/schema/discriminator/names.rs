//! The values of a discriminator property that select each schema.

use std::{cell::Cell, collections::HashSet};

use serde_json::Value;

use super::{
    Branch,
    family::{Families, NAMED, canonical},
    keyword::strings,
};
use crate::{
    document::{
        MAX_REFERENCES, decoded,
        files::{name_of, owner},
        node::{escape, value_at},
    },
    schema::traverse::resolve,
};

/// The maximum number of schemas that are searched for values. Branches may contain the same schemas repeatedly.
const MAX_LOOKS: usize = 100_000;

/// Assigns values to the branches of discriminators.
pub(super) struct Names<'r> {
    /// The document before anything was rewritten.
    root: &'r Value,
    families: &'r Families<'r>,
    /// The number of schemas that may still be searched.
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

    /// Assigns each branch its values: those of the mapping, which are `taken`, those its schema allows, or its name.
    ///
    /// Branches without values are removed.
    pub(super) fn assign(
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
        for (i, (branch, own_pins)) in branches.iter_mut().zip(&pins).enumerate() {
            if !branch.values.is_empty() {
                // The name of the schema is valid, too (OpenAPI 3.1.1, section 4.8.25.2), unless the schema restricts
                // the property to other values.
                let names = branch.names.iter();
                let names =
                    names.filter(|name| own_pins.is_empty() && taken.insert((*name).clone()));
                branch.values.extend(names.cloned());
                continue;
            }
            // A value that several branches allow, such as one of an enum in their base, selects none of them.
            let is_shared = |value: &String| {
                let mut others = pins.iter().enumerate().filter(|(k, _)| *k != i);
                others.any(|(_, others)| others.contains(value))
            };
            let is_own = !own_pins.is_empty() && !own_pins.iter().any(is_shared);
            let mut values = branch.names.clone();
            values.retain(|name| !is_own || own_pins.contains(name));
            if values.is_empty() {
                values.clone_from(own_pins);
            }
            if let Some(pointer) = &branch.pointer
                && own_pins.is_empty()
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

    /// Returns the values to which the schema of a branch restricts the property.
    fn pins_of(&self, branch: &Branch, property: &str, base: Option<&str>) -> Vec<String> {
        match &branch.pointer {
            Some(pointer) if Some(&**pointer) != base => {
                let schema = value_at(self.root, pointer).unwrap_or(&Value::Null);
                self.pinned(schema, property, base)
            }
            _ => self.pinned(&branch.schema, property, base),
        }
    }

    /// Returns whether a schema restricts the property to certain values.
    pub(super) fn pins_values(&self, schema: &Value, property: &str) -> bool {
        !self.pinned(schema, property, None).is_empty()
    }

    /// Removes the values of a base that its own schema does not allow.
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

    /// Returns the pointer of a target in the `mapping` of the schema at `holder`. A target is the name of a schema in
    /// `components` or beside the holder, or a reference.
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

    /// Counts a schema that is searched.
    fn may_look(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// Returns the names of the schemas under `oneOf` or `anyOf` of the schema at a pointer. They select that schema.
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

    /// Returns the strings to which a schema restricts the property, regardless of `base`.
    fn pinned(&self, schema: &Value, property: &str, base: Option<&str>) -> Vec<String> {
        let mut pins = None;
        self.pins(schema, property, base, &mut pins, 0);
        pins.unwrap_or_default()
    }

    /// Intersects `pins` with the values that a schema allows for the property.
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
        let described = schema.get("properties").and_then(|all| all.get(property));
        if let Some(described) = described.map(|described| resolve(self.root, described)) {
            let one = described.get("const").map(std::slice::from_ref);
            let many = described.get("enum").and_then(Value::as_array);
            if let Some(values) = one.or(many.map(Vec::as_slice)) {
                let values = strings(values);
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
            // If one branch does not restrict the property, the keyword does not.
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
