//! A limit for the work of recursive schemas on one value.
//!
//! If two branches of a recursive schema are recursive, each level of a value is validated twice as often as the level
//! above it: twenty levels took seconds and gigabytes. The references of such a cycle are counted, and beyond a limit
//! no more are followed. If no schema of a cycle has branches, as in a list of lists, each value is validated once and
//! nothing is counted.

use std::{
    borrow::Cow,
    cell::Cell,
    collections::{HashMap, HashSet},
};

use jsonschema::{Keyword, ValidationError, paths::Location};
use serde_json::{Map, Value, json};

use super::{shared, traverse::each_schema};
use crate::document::{
    decoded,
    node::{value_at, value_at_mut},
};

/// The number of references that may be followed for any value.
const MIN_STEPS: usize = 10_000;

/// The number of further references for each value in a value.
const STEPS_PER_VALUE: usize = 20;

/// The keyword that counts a reference before it is followed.
pub(super) const STEP: &str = "x-connexion-step";

/// The message for a value that needs too many steps.
pub(super) const TOO_MANY: &str = "the value is nested too deeply for its schema";

thread_local! {
    /// The steps that are left for the value that is validated on this thread.
    static STEPS_LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
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
        STEPS_LEFT.with(|left| {
            let rest = left.get().checked_sub(1);
            left.set(rest.unwrap_or(0));
            rest.is_some()
        })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a keyword factory")]
pub(super) fn step<'a>(
    _: &'a Map<String, Value>,
    _: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    Ok(Box::new(Step))
}

/// Returns the result of `validate`, which validates `value`; `None` if it was cut off after too many steps.
pub(super) fn bounded<T>(value: &Value, validate: impl Fn() -> T) -> Option<T> {
    // Counted only on demand, because counting visits every value and few values need more steps.
    within(MIN_STEPS, &validate).or_else(|| {
        let more = count(value).saturating_mul(STEPS_PER_VALUE);
        within(more.saturating_add(MIN_STEPS), &validate)
    })
}

fn within<T>(steps: usize, validate: impl Fn() -> T) -> Option<T> {
    STEPS_LEFT.set(steps);
    let result = validate();
    (STEPS_LEFT.replace(usize::MAX) > 0).then_some(result)
}

/// Counts the values in `value`, including itself.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(properties) => properties.values().map(count).sum(),
        _ => 0,
    }
}

/// Returns the document `root` with [`STEP`] before each reference of a cycle and with shared schemas if many are
/// mutually recursive, and whether steps are counted. `None` if neither is necessary.
///
/// [`STEP`] is placed under `if`, the only keyword with a guaranteed order: it is evaluated before `then`.
pub(super) fn guarded(root: &Value, outer: &[String]) -> Option<(Value, bool)> {
    let mut holders: Vec<(String, Cow<'_, str>)> = Vec::new();
    for pointer in outer {
        if let Some(schema) = value_at(root, pointer) {
            each_schema(schema, pointer, &mut |schema, pointer| {
                holders.extend(target(schema).map(|target| (pointer.to_owned(), target)));
            });
        }
    }
    let recursive = recursive(root, holders.iter().map(|(_, target)| &**target));
    let is_counted = recursive
        .iter()
        .any(|schema| branches(root, schema, &recursive));
    let mutual = mutual(root, &recursive);
    if !is_counted && mutual.len() < shared::THRESHOLD {
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

/// Returns the schemas that lead to another recursive schema, not only to themselves.
fn mutual<'t>(root: &Value, recursive: &HashSet<&'t str>) -> HashSet<&'t str> {
    let leads_on = |name: &&&str| {
        let mut leads_on = false;
        if let Some(schema) = value_at(root, name) {
            each_schema(schema, "", &mut |schema, _| {
                let target = target(schema).filter(|target| target != **name);
                leads_on |= target.is_some_and(|target| recursive.contains(&*target));
            });
        }
        leads_on
    };
    recursive.iter().filter(leads_on).copied().collect()
}

/// Returns the JSON Pointer of the target of a schema's reference.
fn target(schema: &Value) -> Option<Cow<'_, str>> {
    schema.get("$ref").and_then(Value::as_str).map(decoded)
}

/// Returns whether a value may be validated more than once for each validation of the value that contains it: whether a
/// recursive reference is at a location where a part of a value has several schemas.
fn branches(root: &Value, pointer: &str, recursive: &HashSet<&str>) -> bool {
    let Some(schema) = value_at(root, pointer) else {
        return false;
    };
    let is_recursive = |schema| target(schema).is_some_and(|it| recursive.contains(&*it));
    let (mut all, mut single) = (0, 0);
    each_schema(schema, "", &mut |schema, _| {
        all += usize::from(is_recursive(schema));
    });
    each_part(schema, &mut |schema| {
        single += usize::from(is_recursive(schema));
    });
    all > single
}

/// Calls `visit` with the schemas below `schema` that are the only schema of a part of the value.
fn each_part<'v>(schema: &'v Value, visit: &mut impl FnMut(&'v Value)) {
    visit(schema);
    let Value::Object(keywords) = schema else {
        return;
    };
    // The siblings of a reference apply to the same value, and `unevaluated…` validates its parts again.
    let again = ["$ref", "unevaluatedItems", "unevaluatedProperties"];
    if again.iter().any(|keyword| keywords.contains_key(*keyword)) {
        return;
    }
    for (key, value) in keywords {
        match (key.as_str(), value) {
            ("properties", Value::Object(named)) => {
                named.values().for_each(|below| each_part(below, visit));
            }
            ("items" | "additionalProperties", below) => each_part(below, visit),
            _ => {}
        }
    }
}

/// Returns the targets that lead to a cycle of references. Those that are not part of the cycle themselves are
/// included.
fn recursive<'t>(root: &Value, targets: impl Iterator<Item = &'t str>) -> HashSet<&'t str> {
    let mut below: HashMap<&str, HashSet<Cow<'_, str>>> = HashMap::new();
    for name in targets {
        if below.contains_key(name) {
            continue;
        }
        let mut found = HashSet::new();
        if let Some(schema) = value_at(root, name) {
            each_schema(schema, "", &mut |schema, _| found.extend(target(schema)));
        }
        below.insert(name, found);
    }
    // Removes targets without references to others, then those that only lead to removed ones. Not recursive, because
    // chains may be very long.
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
