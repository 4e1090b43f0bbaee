//! Conversion of the errors of `jsonschema` into violations.

use jsonschema::{ValidationError, error::ValidationErrorKind};
use serde_json::Value;

use super::{
    SchemaViolation,
    limits::{MAX_EXPECTED_IN_ALL, MAX_QUOTED_IN_ALL, is_small},
};
use crate::{
    document::{
        decoded,
        node::{push, shortened, unescape, value_at},
    },
    problem::MAX_UNKNOWN,
    schema::{
        Schema, dialect, direction,
        discriminator::{self, Selected},
        integer::INTEGER_RANGE,
        notation::{MAX_QUOTED, cut, repr, string},
        pattern,
        sent::{SentPart, SentValue},
        sentence,
        shared::{self, SHARED},
    },
};

/// Converts the errors of one value.
pub(super) struct Reporter<'r> {
    schema: &'r Schema,
    value: SentValue<'r>,
    /// The size of the arrays and objects that may still be quoted, in bytes.
    quotable: usize,
    /// The number of expected values that may still be added to violations.
    expected: usize,
}

impl<'r> Reporter<'r> {
    /// `json` is the text that the value was parsed from; sentences quote it.
    pub(super) fn new(schema: &'r Schema, value: &'r Value, json: Option<&'r str>) -> Self {
        Self {
            schema,
            value: SentValue::new(value, json),
            quotable: MAX_QUOTED_IN_ALL,
            expected: MAX_EXPECTED_IN_ALL,
        }
    }

    /// Returns the violations of an error in the part of the value at the pointer `outer`.
    ///
    /// An error of a shared schema becomes the violations of that schema, and one of `oneOf` or `anyOf` those of the
    /// schema that the discriminator selects. Properties that are not allowed become one violation each.
    pub(super) fn report(
        &mut self,
        outer: &str,
        error: &ValidationError<'_>,
    ) -> Vec<SchemaViolation> {
        let pointer = format!("{outer}{}", error.instance_path());
        if let ValidationErrorKind::Custom { keyword, message } = error.kind()
            && keyword == SHARED
        {
            let errors = shared::take_errors(message);
            let all = errors.iter().flat_map(|error| self.report(&pointer, error));
            return all.collect();
        }
        if let Some((context, selection)) = selection(self.schema, error)
            && let Some(selected) = discriminator::selected(selection, error.instance())
        {
            return match selected {
                Selected::Schema(index) => {
                    let errors = context.get(index).into_iter().flatten();
                    errors.flat_map(|error| self.report(outer, error)).collect()
                }
                Selected::Unknown(message) => vec![self.choice(&message, pointer)],
            };
        }
        let violation = self.with_expected(error, pointer);
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                self.each_unexpected(&violation, unexpected)
            }
            _ => vec![violation],
        }
    }

    /// Returns one violation for each property that is not allowed. The sentence of the first lists all names.
    fn each_unexpected(
        &self,
        violation: &SchemaViolation,
        unexpected: &[String],
    ) -> Vec<SchemaViolation> {
        let one = |(i, name): (usize, &String)| {
            let mut pointer = violation.pointer.clone();
            push(&mut pointer, name);
            let sentence = if i == 0 {
                violation.sentence.clone()
            } else {
                sentence::unexpected(std::slice::from_ref(name), self.schema.compat)
            };
            SchemaViolation {
                pointer: shortened(pointer),
                keyword: violation.keyword.clone(),
                sentence,
                expected: None,
            }
        };
        let names = unexpected.iter().take(MAX_UNKNOWN).enumerate();
        names.map(one).collect()
    }

    /// Returns the violation of one error, with the value of the keyword if that is small.
    fn with_expected(&mut self, error: &ValidationError<'_>, pointer: String) -> SchemaViolation {
        let schema = self.schema;
        let at = error.absolute_keyword_location();
        let at = at.and_then(|uri| Some(decoded(uri.fragment()?.as_str())));
        let expected = at.and_then(|pointer| schema.root.pointer(&pointer));
        let expected = expected.filter(|value| is_small(value));
        let size = expected.map_or(0, |value| value.as_array().map_or(1, Vec::len));
        let left = self.expected.checked_sub(size);
        self.expected = left.unwrap_or(0);
        SchemaViolation {
            expected: expected.filter(|_| left.is_some()).cloned(),
            ..self.violation(error, expected, pointer)
        }
    }

    /// Returns the violation of one error. `expected` is the value of the keyword in the document.
    fn violation(
        &mut self,
        error: &ValidationError<'_>,
        expected: Option<&Value>,
        mut pointer: String,
    ) -> SchemaViolation {
        let kind = error.kind();
        let part = self.value.at(&pointer).unwrap_or(SentPart::Json("null"));
        let mut keyword = kind.keyword().to_owned();
        let mut sentence = self.sentence(error, expected, part);
        match (kind, keyword.as_str()) {
            (ValidationErrorKind::Required { property }, _) => {
                push(&mut pointer, property.as_str().unwrap_or_default());
            }
            (_, pattern::TRANSLATED) => "pattern".clone_into(&mut keyword),
            (_, INTEGER_RANGE | dialect::FLOAT_RANGE) => "format".clone_into(&mut keyword),
            (ValidationErrorKind::Custom { message, .. }, discriminator::CHOICE) => {
                return self.choice(message, pointer);
            }
            (ValidationErrorKind::Custom { message, .. }, direction::FORBIDDEN) => {
                let name = pointer.rsplit('/').next().unwrap_or_default();
                let name = string(&unescape(name), self.schema.compat);
                let kind = if message == "readOnly" {
                    "read-only"
                } else {
                    "write-only"
                };
                message.clone_into(&mut keyword);
                sentence = format!("{name} is {kind}");
            }
            // An integer beyond 64 bits is parsed as a float. Its size is the problem, not its type.
            (ValidationErrorKind::Custom { message, .. }, "type")
                if message.split(',').any(|name| name == "integer") && has_only_digits(part) =>
            {
                "format".clone_into(&mut keyword);
                sentence = format!("{} is too large", self.repr(part));
            }
            _ => {}
        }
        SchemaViolation {
            pointer: shortened(pointer),
            keyword: keyword.into(),
            sentence: cut(sentence),
            expected: None,
        }
    }

    fn sentence(
        &mut self,
        error: &ValidationError<'_>,
        expected: Option<&Value>,
        part: SentPart<'_>,
    ) -> String {
        let compat = self.schema.compat;
        let end = match (error.kind(), expected) {
            // In the order of the document.
            (ValidationErrorKind::Type { .. }, Some(Value::Array(names))) => {
                sentence::types(names.iter().filter_map(Value::as_str), compat)
            }
            (ValidationErrorKind::Custom { keyword, message }, _) => match keyword.as_str() {
                pattern::TRANSLATED => pattern::mismatch(error.instance(), message, compat),
                dialect::FLOAT_RANGE => format!("is not a {}", string("float", compat)),
                "type" => sentence::types(message.split(','), compat),
                _ => message.clone(),
            },
            (kind, _) => return sentence::sentence(kind, compat, || self.repr(part)),
        };
        format!("{} {end}", self.repr(part))
    }

    /// Returns the violation of an object at `pointer` whose discriminator property has no valid value.
    fn choice(&mut self, message: &str, mut pointer: String) -> SchemaViolation {
        let compat = self.schema.compat;
        let (property, values) = discriminator::parse_choice(message);
        push(&mut pointer, &property);
        let values = values.map(|values| repr(&values, compat, MAX_QUOTED));
        let (keyword, sentence) = match (self.value.at(&pointer), values) {
            (None, values) => {
                let one_of = values.map_or_else(String::new, |all| format!(", one of {all}"));
                let name = string(&property, compat);
                ("required", format!("{name} is a required property{one_of}"))
            }
            (Some(part), values) => {
                let end = values.map_or_else(
                    || format!("of type {}", string("string", compat)),
                    |values| format!("one of {values}"),
                );
                ("discriminator", format!("{} is not {end}", self.repr(part)))
            }
        };
        SchemaViolation {
            pointer: shortened(pointer),
            keyword: keyword.into(),
            sentence: cut(sentence),
            expected: None,
        }
    }

    /// Returns a part of the value in the notation of messages, or `…` if too much is quoted already.
    fn repr(&mut self, part: SentPart<'_>) -> String {
        if let SentPart::Json(json) = part
            && json.starts_with(['[', '{'])
        {
            match self.quotable.checked_sub(json.len()) {
                Some(left) => self.quotable = left,
                None => return "…".to_owned(),
            }
        }
        part.repr(self.schema.compat)
    }
}

/// Returns the errors of each schema under `oneOf` or `anyOf`, and the [`discriminator::SELECTION`] beside the keyword;
/// `None` if the error is of another keyword or there is no discriminator.
fn selection<'e, 's>(
    schema: &'s Schema,
    error: &'e ValidationError<'_>,
) -> Option<(&'e [Vec<ValidationError<'static>>], &'s Value)> {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) =
        error.kind()
    else {
        return None;
    };
    let at = error.absolute_keyword_location()?;
    let at = decoded(at.fragment()?.as_str());
    let (holder, _) = at.rsplit_once('/')?;
    let selection = value_at(&schema.root, holder)?.get(discriminator::SELECTION)?;
    Some((context, selection))
}

/// Returns whether a part is a number of at least two digits without fraction and exponent.
fn has_only_digits(part: SentPart<'_>) -> bool {
    let SentPart::Json(json) = part else {
        return false;
    };
    let digits = json.trim_start_matches('-');
    digits.len() > 1 && digits.bytes().all(|byte| byte.is_ascii_digit())
}
