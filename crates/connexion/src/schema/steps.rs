//! How long a value may keep the service busy with schemas that lead back to themselves.
//!
//! Where two branches of a tree's schema are trees, each level of a value is looked at twice as often as the one
//! above it: twenty levels took seconds and gigabytes. So the references that are part of such a cycle are
//! counted, and after too many none is followed any more.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
};

use jsonschema::{Keyword, ValidationError, paths::Location};
use serde_json::{Map, Value, json};

use super::every;
use crate::document::decoded;

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

/// Puts [`STEP`] before every reference that is part of a cycle; whether there was one. `if` is looked at before
/// `then`, and nothing else is.
pub(super) fn guard(root: &mut Value, outer: &[String]) -> bool {
    let mut holders: Vec<(String, String)> = Vec::new();
    for pointer in outer {
        if let Some(schema) = root.pointer(pointer) {
            every(schema, pointer, &mut |schema, pointer| {
                if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
                    holders.push((pointer.to_owned(), decoded(reference)));
                }
            });
        }
    }
    let recursive = recursive(root, holders.iter().map(|(_, target)| target.as_str()));
    holders.retain(|(_, target)| recursive.contains(target));
    for (holder, _) in &holders {
        let schema = root.pointer_mut(holder).and_then(Value::as_object_mut);
        if let Some(schema) = schema
            && let Some(reference) = schema.shift_remove("$ref")
        {
            let guarded = json!({"if": {STEP: true}, "then": {"$ref": reference}, "else": false});
            let parts = schema.entry("allOf").or_insert_with(|| json!([]));
            if let Some(parts) = parts.as_array_mut() {
                parts.push(guarded);
            }
        }
    }
    !holders.is_empty()
}

/// The targets of references from which references lead on without end, in a superset: those that lead to a cycle
/// but are not part of it may be among them.
fn recursive<'t>(root: &Value, targets: impl Iterator<Item = &'t str>) -> HashSet<String> {
    let mut below: HashMap<&str, HashSet<String>> = HashMap::new();
    for target in targets {
        if below.contains_key(target) {
            continue;
        }
        let mut found = HashSet::new();
        if let Some(schema) = root.pointer(target) {
            every(schema, target, &mut |schema, _| {
                let reference = schema.get("$ref").and_then(Value::as_str);
                found.extend(reference.map(decoded));
            });
        }
        below.insert(target, found);
    }
    // From those that lead nowhere backwards, each once: chains may be very long.
    let mut above: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut left: HashMap<&str, usize> = HashMap::new();
    for (name, targets) in &below {
        let targets = targets
            .iter()
            .filter(|target| below.contains_key(target.as_str()));
        left.insert(name, targets.clone().count());
        for target in targets {
            above.entry(target.as_str()).or_default().push(name);
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
    left.into_keys().map(str::to_owned).collect()
}
