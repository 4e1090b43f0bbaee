//! The sentences about violations, with values in the notation of [`Compat`]. With [`Compat::Connexion`] they are the
//! sentences of Python's `jsonschema`, which legacy clients match.

use jsonschema::{
    JsonType,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::Value;

use crate::{
    compat::Compat,
    schema::notation::{MAX_QUOTED, cut, repr_value, string},
};

/// The maximum length of a value from the document, in bytes. A thousand violations may quote the same value.
const MAX_LITERAL: usize = 1024;

/// Returns the sentence about a violation. `value` is called if the sentence quotes the invalid value.
pub(super) fn sentence(
    kind: &ValidationErrorKind,
    compat: Compat,
    value: impl FnOnce() -> String,
) -> String {
    use ValidationErrorKind as Kind;
    let literal = |json| literal(json, compat);
    match kind {
        Kind::Required { property } => format!("{} is a required property", literal(property)),
        Kind::Constant { expected_value } => format!("{} was expected", literal(expected_value)),
        Kind::AdditionalProperties { unexpected: names }
        | Kind::UnevaluatedProperties { unexpected: names } => unexpected(names, compat),
        _ => format!("{} {}", value(), end(kind, compat)),
    }
}

/// Returns the end of a sentence that starts with the invalid value.
fn end(kind: &ValidationErrorKind, compat: Compat) -> String {
    use ValidationErrorKind as Kind;
    let (literal, string) = (|json| literal(json, compat), |text| string(text, compat));
    match kind {
        Kind::Type { kind } => match kind {
            TypeKind::Single(one) => types(std::iter::once(one.as_str()), compat),
            TypeKind::Multiple(all) => types(all.iter().map(JsonType::as_str), compat),
        },
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

/// Returns the end of the sentence about a value whose type is none of these.
pub(super) fn types<'n>(names: impl Iterator<Item = &'n str>, compat: Compat) -> String {
    let names: Vec<_> = names.map(|name| string(name, compat)).collect();
    format!("is not of type {}", names.join(", "))
}

/// Returns a value from the document, truncated.
fn literal(json: &Value, compat: Compat) -> String {
    repr_value(json, compat, MAX_LITERAL)
}

pub(super) fn unexpected(names: &[String], compat: Compat) -> String {
    let verb = if names.len() == 1 { "was" } else { "were" };
    let mut shown = String::new();
    for (i, name) in names.iter().enumerate() {
        if shown.len() > MAX_QUOTED {
            break;
        }
        shown.push_str(if i == 0 { "" } else { ", " });
        shown.push_str(&string(name, compat));
    }
    format!(
        "Additional properties are not allowed ({} {verb} unexpected)",
        cut(shown)
    )
}
