//! Mutually recursive schemas, each compiled once.
//!
//! `jsonschema` compiles a schema with all schemas that it refers to. In documents with hundreds of mutually recursive
//! schemas, each operation would hold all of them: gigabytes for a document of a few hundred kilobytes. In such
//! documents a reference is replaced by a keyword of this crate, which calls the one validator of its target.
//!
//! A keyword can return one error only. The errors of the target are stored, and [`take_errors`] returns them by the
//! number that the one error carries.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use jsonschema::{Keyword, ValidationError, Validator};
use serde_json::Value;

use super::violation::MAX_VIOLATIONS;
use crate::document::decoded;

/// The keyword that replaces a reference.
pub(super) const SHARED: &str = "x-connexion-shared";

/// The number of mutually recursive schemas from which they are shared. Fewer are faster if each is compiled into the
/// schemas that refer to it.
pub(super) const THRESHOLD: usize = 32;

thread_local! {
    /// The errors of targets that are not reported yet.
    static ERRORS: RefCell<Vec<Vec<ValidationError<'static>>>> = const { RefCell::new(Vec::new()) };
}

/// A validator that is compiled later.
type Slot = OnceLock<Validator>;

/// The validators of a document that are shared.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<Slots>);

#[derive(Debug, Default)]
struct Slots {
    by_pointer: HashMap<String, Arc<Slot>>,
    /// The pointers of validators that are not compiled yet.
    pending: Vec<String>,
}

impl Shared {
    /// Returns the keyword that replaces a reference to `pointer`.
    pub(super) fn keyword(&self, pointer: &str) -> impl for<'i> Keyword<'i> + use<> {
        let mut slots = self.lock();
        if !slots.by_pointer.contains_key(pointer) {
            slots.pending.push(pointer.to_owned());
        }
        let slot = slots.by_pointer.entry(pointer.to_owned()).or_default();
        // Weak, because mutually recursive validators would never be freed.
        Reference(Arc::downgrade(slot))
    }

    /// Compiles the pending validators, and those that become pending meanwhile.
    pub(super) fn complete(
        &self,
        compile: impl Fn(&str) -> Result<Validator, String>,
    ) -> Result<(), String> {
        loop {
            // The lock is released before compiling, which adds pending validators.
            let next = self.lock().pending.pop();
            let Some(pointer) = next else {
                return Ok(());
            };
            let validator = compile(&pointer)?;
            if let Some(slot) = self.lock().by_pointer.get(&pointer) {
                // Each pointer is pending only once, so the slot is empty.
                let _ = slot.set(validator);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Reference(Weak<Slot>);

impl Reference {
    /// Calls a function with the target's validator. `Schema` keeps the slots alive, and all are filled before the
    /// first validation.
    fn with_target<T>(&self, of: impl FnOnce(&Validator) -> T) -> Option<T> {
        self.0.upgrade()?.get().map(of)
    }
}

impl Keyword<'_> for Reference {
    fn validate(&self, value: &Value) -> Result<(), ValidationError<'static>> {
        let errors = self.with_target(|validator| {
            let errors = validator.iter_errors(value).take(MAX_VIOLATIONS);
            errors.map(ValidationError::to_owned).collect::<Vec<_>>()
        });
        let errors = errors.unwrap_or_default();
        if errors.is_empty() {
            return Ok(());
        }
        let number = ERRORS.with_borrow_mut(|all| {
            all.push(errors);
            all.len() - 1
        });
        Err(ValidationError::custom(number.to_string()))
    }

    fn is_valid(&self, value: &Value) -> bool {
        self.with_target(|validator| validator.is_valid(value))
            .unwrap_or(false)
    }
}

/// Removes and returns the errors that are stored under the number in an error's message.
pub(super) fn take_errors(message: &str) -> Vec<ValidationError<'static>> {
    ERRORS.with_borrow_mut(|all| {
        let number: Option<usize> = message.parse().ok();
        let errors = number.and_then(|number| all.get_mut(number));
        errors.map(std::mem::take).unwrap_or_default()
    })
}

/// Removes the errors that were not taken.
pub(super) fn discard_errors() {
    ERRORS.take();
}

/// Replaces references to mutually recursive schemas by [`SHARED`] if there are many. Returns whether it did.
///
/// Documents with `unevaluatedProperties` or `unevaluatedItems` are left unchanged: a custom keyword does not report
/// what it evaluated.
pub(super) fn share(root: &mut Value, mutual: &HashSet<&str>) -> bool {
    if mutual.len() < THRESHOLD || uses_unevaluated(root) {
        return false;
    }
    replace(root, mutual);
    true
}

fn uses_unevaluated(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(uses_unevaluated),
        Value::Object(keywords) => {
            keywords.contains_key("unevaluatedProperties")
                || keywords.contains_key("unevaluatedItems")
                || keywords.values().any(uses_unevaluated)
        }
        _ => false,
    }
}

fn replace(value: &mut Value, mutual: &HashSet<&str>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, mutual)),
        Value::Object(keywords) => {
            let target = keywords.get("$ref").and_then(Value::as_str).map(decoded);
            if let Some(target) = target.filter(|target| mutual.contains(&**target)) {
                let target = target.into_owned();
                keywords.shift_remove("$ref");
                keywords.insert(SHARED.to_owned(), target.into());
            }
            keywords
                .values_mut()
                .for_each(|value| replace(value, mutual));
        }
        _ => {}
    }
}
