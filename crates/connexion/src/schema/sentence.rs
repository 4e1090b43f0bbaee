//! What is told of a broken rule: the sentences of Python's `jsonschema`, which clients know.

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::schema::python::{MAX_SHOWN, cut, repr_value, string};

/// So many bytes of an `enum` are told.
const MAX_LITERAL: usize = 1024;

/// The sentence about a value that breaks a rule. `value` shows it, if the sentence does.
pub(super) fn sentence(kind: &ValidationErrorKind, value: impl FnOnce() -> String) -> String {
    use ValidationErrorKind as Kind;
    match kind {
        Kind::Required { property } => format!("{} is a required property", literal(property)),
        Kind::Constant { expected_value } => format!("{} was expected", literal(expected_value)),
        Kind::AdditionalProperties { unexpected: names }
        | Kind::UnevaluatedProperties { unexpected: names } => unexpected(names),
        _ => format!("{} {}", value(), end(kind)),
    }
}

/// The end of a sentence that begins with the value.
fn end(kind: &ValidationErrorKind) -> String {
    use ValidationErrorKind as Kind;
    match kind {
        Kind::Custom { message, .. } => message.clone(),
        Kind::Enum { options } => format!("is not one of {}", literal(options)),
        Kind::MaxLength { .. } | Kind::MaxItems { .. } => "is too long".to_owned(),
        Kind::MinLength { .. } | Kind::MinItems { .. } => "is too short".to_owned(),
        Kind::MaxProperties { .. } => "has too many properties".to_owned(),
        Kind::MinProperties { .. } => "does not have enough properties".to_owned(),
        Kind::Maximum { limit } => format!("is greater than the maximum of {}", literal(limit)),
        Kind::Minimum { limit } => format!("is less than the minimum of {}", literal(limit)),
        Kind::ExclusiveMaximum { limit } => {
            let limit = literal(limit);
            format!("is greater than or equal to the maximum of {limit}")
        }
        Kind::ExclusiveMinimum { limit } => {
            let limit = literal(limit);
            format!("is less than or equal to the minimum of {limit}")
        }
        Kind::MultipleOf { multiple_of } => format!("is not a multiple of {multiple_of}"),
        Kind::Pattern { pattern } => format!("does not match {}", string(pattern)),
        Kind::Format { format } => format!("is not a {}", string(format)),
        Kind::UniqueItems => "has non-unique elements".to_owned(),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            "is not valid under any of the given schemas".to_owned()
        }
        Kind::OneOfMultipleValid { .. } => {
            "is valid under more than one of the given schemas".to_owned()
        }
        Kind::Not { .. } | Kind::FalseSchema => "is not allowed here".to_owned(),
        other => format!("breaks the rule '{}'", other.keyword()),
    }
}

/// What the document says, up to a length: the same may be told of a thousand values.
fn literal(json: &Value) -> String {
    repr_value(json, MAX_LITERAL)
}

pub(super) fn unexpected(names: &[String]) -> String {
    let verb = if names.len() == 1 { "was" } else { "were" };
    let mut shown = String::new();
    for (i, name) in names.iter().enumerate() {
        if shown.len() > MAX_SHOWN {
            break;
        }
        shown.push_str(if i == 0 { "" } else { ", " });
        shown.push_str(&string(name));
    }
    format!(
        "Additional properties are not allowed ({} {verb} unexpected)",
        cut(shown)
    )
}
