//! How long a value may keep the service busy with schemas that lead back to themselves.
//!
//! Where two branches of a tree's schema are trees, each level of a value is looked at twice as often as the one
//! above it: twenty levels took seconds and gigabytes. So the references that are part of such a cycle are
//! counted, and after too many none is followed any more. Where no schema of a cycle has branches, as in a list of
//! lists, each value is looked at once and nothing need be counted.

use std::{
    borrow::Cow,
    cell::Cell,
    collections::{HashMap, HashSet},
};

use jsonschema::{Keyword, ValidationError, paths::Location};
use serde_json::{Map, Value, json};

use super::{every, shared};
use crate::document::{
    decoded,
    node::{value_at, value_at_mut},
};

/// So many references may be followed for any value,
const STEPS: usize = 10_000;

/// and so many more for each value in it.
const STEPS_FOR_EACH: usize = 20;

/// The keyword of our own that stands before a reference.
pub(super) const STEP: &str = "x-connexion-step";

/// What is said of a value that takes too long.
pub(super) const TOO_MANY: &str = "the value is nested too deeply for its schema";

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

struct Step;

impl Keyword<'_> for Step {
    fn validate(&self, value: &Value) -> Result<(), ValidationError<'static>> {
        if self.is_valid(value) {
            Ok(())
        } else {
            Err(ValidationError::custom(TOO_MANY))
        }
    }

    fn is_valid(&self, _: &Value) -> bool {
        LEFT.with(|left| {
            let rest = left.get().checked_sub(1);
            left.set(rest.unwrap_or(0));
            rest.is_some()
        })
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what makes a keyword may fail, but this one can't"
)]
pub(super) fn step<'a>(
    _: &'a Map<String, Value>,
    _: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    Ok(Box::new(Step))
}

/// What `validate` says of `value`; `None` if that took too many steps, so that it means nothing.
pub(super) fn bounded<T>(value: &Value, validate: impl Fn() -> T) -> Option<T> {
    // To count the values takes as long as to look at each, and hardly any value needs more steps.
    within(STEPS, &validate).or_else(|| {
        let more = count(value).saturating_mul(STEPS_FOR_EACH);
        within(more.saturating_add(STEPS), &validate)
    })
}

fn within<T>(steps: usize, validate: impl Fn() -> T) -> Option<T> {
    LEFT.set(steps);
    let result = validate();
    (LEFT.replace(usize::MAX) > 0).then_some(result)
}

/// How many values are in `value`, itself too.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// The document `root` with [`STEP`] before every reference that is part of a cycle, and the references to schemas
/// that lead back to one another shared if there are many; `None` if there is no need of either, and whether steps
/// are counted. `if` is looked at before `then`, and nothing else is.
pub(super) fn guarded(root: &Value, outer: &[String]) -> Option<(Value, bool)> {
    let mut holders: Vec<(String, Cow<'_, str>)> = Vec::new();
    for pointer in outer {
        if let Some(schema) = value_at(root, pointer) {
            every(schema, pointer, &mut |schema, pointer| {
                holders.extend(target(schema).map(|target| (pointer.to_owned(), target)));
            });
        }
    }
    let recursive = recursive(root, holders.iter().map(|(_, target)| &**target));
    let is_counted = recursive
        .iter()
        .any(|schema| branches(root, schema, &recursive));
    let mutual = mutual(root, &recursive);
    if !is_counted && mutual.len() < shared::MANY {
        return None;
    }
    let mut counted = root.clone();
    for (holder, target) in &holders {
        if is_counted
            && recursive.contains(&**target)
            && let Some(Value::Object(schema)) = value_at_mut(&mut counted, holder)
            && let Some(reference) = schema.shift_remove("$ref")
        {
            let guarded = json!({"if": {STEP: true}, "then": {"$ref": reference}, "else": false});
            let parts = schema.entry("allOf").or_insert_with(|| json!([]));
            if let Some(parts) = parts.as_array_mut() {
                parts.push(guarded);
            }
        }
    }
    let is_shared = shared::share(&mut counted, &mutual);
    (is_counted || is_shared).then_some((counted, is_counted))
}

/// Those that lead to another that leads back to itself, and not only to themselves.
fn mutual<'t>(root: &Value, recursive: &HashSet<&'t str>) -> HashSet<&'t str> {
    let leads_on = |name: &&&str| {
        let mut leads_on = false;
        if let Some(schema) = value_at(root, name) {
            every(schema, "", &mut |schema, _| {
                let target = target(schema).filter(|target| target != **name);
                leads_on |= target.is_some_and(|target| recursive.contains(&*target));
            });
        }
        leads_on
    };
    recursive.iter().filter(leads_on).copied().collect()
}

/// The JSON Pointer of what a schema refers to.
fn target(schema: &Value) -> Option<Cow<'_, str>> {
    schema.get("$ref").and_then(Value::as_str).map(decoded)
}

/// Whether a value may be looked at more than once for one look at the value around it: if any of the references
/// that the cycles need stands elsewhere than where each part of a value has one schema.
fn branches(root: &Value, pointer: &str, recursive: &HashSet<&str>) -> bool {
    let Some(schema) = value_at(root, pointer) else {
        return false;
    };
    let is_recursive = |schema| target(schema).is_some_and(|it| recursive.contains(&*it));
    let (mut all, mut plain) = (0, 0);
    every(schema, "", &mut |schema, _| {
        all += usize::from(is_recursive(schema));
    });
    each_part(schema, &mut |schema| {
        plain += usize::from(is_recursive(schema));
    });
    all > plain
}

/// Shows `visit` the schemas in `schema` of which each value in a value has one at most.
fn each_part<'v>(schema: &'v Value, visit: &mut impl FnMut(&'v Value)) {
    visit(schema);
    let Value::Object(members) = schema else {
        return;
    };
    // What stands beside a reference speaks of the same value, and to find out what nothing has looked at yet it is
    // looked at again.
    let again = ["$ref", "unevaluatedItems", "unevaluatedProperties"];
    if again.iter().any(|keyword| members.contains_key(*keyword)) {
        return;
    }
    for (key, member) in members {
        match (key.as_str(), member) {
            ("properties", Value::Object(named)) => {
                named.values().for_each(|below| each_part(below, visit));
            }
            ("items" | "additionalProperties", below) => each_part(below, visit),
            _ => {}
        }
    }
}

/// The targets of references from which references lead on without end, in a superset: those that lead to a cycle
/// but are not part of it may be among them.
fn recursive<'t>(root: &Value, targets: impl Iterator<Item = &'t str>) -> HashSet<&'t str> {
    let mut below: HashMap<&str, HashSet<Cow<'_, str>>> = HashMap::new();
    for name in targets {
        if below.contains_key(name) {
            continue;
        }
        let mut found = HashSet::new();
        if let Some(schema) = value_at(root, name) {
            every(schema, "", &mut |schema, _| found.extend(target(schema)));
        }
        below.insert(name, found);
    }
    // From those that lead nowhere backwards, each once: chains may be very long.
    let mut above: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut left: HashMap<&str, usize> = HashMap::new();
    for (name, targets) in &below {
        let targets = targets.iter().filter(|one| below.contains_key(&***one));
        left.insert(name, targets.clone().count());
        for target in targets {
            above.entry(target).or_default().push(name);
        }
    }
    let mut ended: Vec<&str> = left
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(name, _)| *name)
        .collect();
    while let Some(name) = ended.pop() {
        left.remove(name);
        for holder in above.get(name).into_iter().flatten() {
            if let Some(count) = left.get_mut(holder) {
                *count -= 1;
                if *count == 0 {
                    ended.push(holder);
                }
            }
        }
    }
    left.into_keys().collect()
}
