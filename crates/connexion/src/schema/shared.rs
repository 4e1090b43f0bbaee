//! Schemas that lead back to one another by the dozen, each compiled once.
//!
//! `jsonschema` compiles a schema with all that it refers to. Where hundreds refer to one another, as in the documents
//! of large vendors, each operation held all of them: gigabytes for a document of a few hundred kilobytes. So there a
//! reference becomes a keyword of our own, which asks the one validator of its target.
//!
//! A keyword can tell of one fault only. Those that the target finds are put aside, and taken up again by the number
//! that the one fault carries ([`taken`]).

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use jsonschema::{Keyword, ValidationError, Validator};
use serde_json::Value;

use super::fault::MAX_FAULTS;
use crate::document::decoded;

/// The keyword of our own in place of a reference.
pub(super) const SHARED: &str = "x-connexion-shared";

/// References are shared if so many schemas lead back to one another. Fewer are quicker to look at if each is compiled
/// into what refers to it.
pub(super) const MANY: usize = 32;

thread_local! {
    /// What targets have found, until it is told.
    static FOUND: RefCell<Vec<Vec<ValidationError<'static>>>> = const { RefCell::new(Vec::new()) };
}

/// A validator, once it is compiled.
type Slot = OnceLock<Validator>;

/// The validators of a document that are shared.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<Slots>);

#[derive(Debug, Default)]
struct Slots {
    by_pointer: HashMap<String, Arc<Slot>>,
    /// Those that were asked for and are not compiled yet.
    pending: Vec<String>,
}

impl Shared {
    /// The keyword that stands for a reference to `pointer`.
    pub(super) fn keyword(&self, pointer: &str) -> impl for<'i> Keyword<'i> + use<> {
        let mut slots = self.lock();
        if !slots.by_pointer.contains_key(pointer) {
            slots.pending.push(pointer.to_owned());
        }
        let slot = slots.by_pointer.entry(pointer.to_owned()).or_default();
        // The validators hold one another, which they must not do for ever.
        Reference(Arc::downgrade(slot))
    }

    /// Compiles what was asked for, and what that asks for.
    pub(super) fn complete(
        &self,
        compile: impl Fn(&str) -> Result<Validator, String>,
    ) -> Result<(), String> {
        loop {
            // Not held while compiling, which asks for more.
            let next = self.lock().pending.pop();
            let Some(pointer) = next else {
                return Ok(());
            };
            let validator = compile(&pointer)?;
            if let Some(slot) = self.lock().by_pointer.get(&pointer) {
                // Each is pending once.
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
    /// The slots outlive what is compiled from them, and all are filled before anything is validated.
    fn ask<T>(&self, of: impl FnOnce(&Validator) -> T) -> Option<T> {
        self.0.upgrade()?.get().map(of)
    }
}

impl Keyword<'_> for Reference {
    fn validate(&self, value: &Value) -> Result<(), ValidationError<'static>> {
        let found = self.ask(|validator| {
            let errors = validator.iter_errors(value).take(MAX_FAULTS);
            errors.map(ValidationError::to_owned).collect::<Vec<_>>()
        });
        let found = found.unwrap_or_default();
        if found.is_empty() {
            return Ok(());
        }
        let number = FOUND.with_borrow_mut(|all| {
            all.push(found);
            all.len() - 1
        });
        Err(ValidationError::custom(number.to_string()))
    }

    fn is_valid(&self, value: &Value) -> bool {
        self.ask(|validator| validator.is_valid(value))
            .unwrap_or(false)
    }
}

/// What was put aside under the number that an error's message is.
pub(super) fn taken(message: &str) -> Vec<ValidationError<'static>> {
    FOUND.with_borrow_mut(|all| {
        let number: Option<usize> = message.parse().ok();
        let found = number.and_then(|number| all.get_mut(number));
        found.map(std::mem::take).unwrap_or_default()
    })
}

/// Forgets what nobody asked for.
pub(super) fn forget() {
    FOUND.take();
}

/// Puts [`SHARED`] in the place of the references to schemas that lead to one another, if they are many; whether it did. What is left
/// over by other keywords is not known of what a keyword of our own looks at, so there it does not.
pub(super) fn share(root: &mut Value, mutual: &HashSet<&str>) -> bool {
    if mutual.len() < MANY || asks_for_the_rest(root) {
        return false;
    }
    replace(root, mutual);
    true
}

fn asks_for_the_rest(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(asks_for_the_rest),
        Value::Object(members) => {
            members.contains_key("unevaluatedProperties")
                || members.contains_key("unevaluatedItems")
                || members.values().any(asks_for_the_rest)
        }
        _ => false,
    }
}

fn replace(value: &mut Value, mutual: &HashSet<&str>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, mutual)),
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str).map(decoded);
            if let Some(target) = target.filter(|target| mutual.contains(&**target)) {
                let target = target.into_owned();
                members.shift_remove("$ref");
                members.insert(SHARED.to_owned(), target.into());
            }
            members
                .values_mut()
                .for_each(|member| replace(member, mutual));
        }
        _ => {}
    }
}
