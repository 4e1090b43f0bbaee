//! Limits of the violations that are reported for one value. They bound the memory of a report and the size of a
//! response.

use serde_json::Value;

use crate::problem::Violation;

/// The maximum number of violations of one value.
pub(in crate::schema) const MAX_VIOLATIONS: usize = 1_000;

/// The maximum number of `enum` values in one violation.
const MAX_EXPECTED: usize = 100;

/// The maximum number of expected values in all violations of a value.
pub(super) const MAX_EXPECTED_IN_ALL: usize = 5_000;

/// The approximate size of all sentences and pointers, in bytes. Each sentence may quote up to 16 KiB of the value.
pub(super) const MAX_TEXT: usize = 1280 * 1024;

/// The memory for the errors of a value, in bytes. The validator holds all of them at once. If one error for each part
/// of the value could take more, only the first error is reported.
const MAX_ERRORS: usize = 6 * 1024 * 1024;

/// The size of an error without its pointer, in bytes.
const ERROR: usize = 512;

/// The total size of the arrays and objects that are quoted in sentences, in bytes. Beyond it, sentences show `…`
/// instead. Without the limit, nested values could be parsed once for each level.
pub(super) const MAX_QUOTED_IN_ALL: usize = 1024 * 1024;

/// Returns whether an expected value is small enough for a violation: neither a schema nor a long list.
pub(super) fn is_small(expected: &Value) -> bool {
    let is_single = |value: &Value| !value.is_array() && !value.is_object();
    match expected {
        Value::Array(items) => items.len() <= MAX_EXPECTED && items.iter().all(is_single),
        value => is_single(value),
    }
}

/// Returns whether `found` are all violations of a value, not cut at a limit.
pub(crate) fn are_all(found: &[Violation], value: &Value) -> bool {
    let length = |one: &Violation| one.detail.len() + one.pointer.len();
    let text: usize = found.iter().map(length).sum();
    found.len() < MAX_VIOLATIONS && text < MAX_TEXT / 2 && !may_have_too_many_errors(value)
}

/// Returns whether an error for each part of `value` would take too much memory.
pub(super) fn may_have_too_many_errors(value: &Value) -> bool {
    cost(value, ERROR, &mut { MAX_ERRORS }).is_none()
}

/// Subtracts the size of an error for each part of `value` from `left`; `None` if `left` is too small.
///
/// `own` is the size of an error for `value` itself.
fn cost(value: &Value, own: usize, left: &mut usize) -> Option<()> {
    *left = left.checked_sub(own)?;
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| cost(item, own + 1, left)),
        Value::Object(properties) => properties
            .iter()
            .try_for_each(|(name, value)| cost(value, own + name.len() + 1, left)),
        _ => Some(()),
    }
}
