//! Patterns, and how long a text may keep the service busy with one.
//!
//! Most are matched in linear time, `(a+)+$` too. What looks ahead or behind or refers back takes steps back
//! instead, each of which may read the whole text again: a client could make that last for minutes. So the
//! number of steps and the length of the text are bounded.

use jsonschema::{
    FancyRegex, Keyword, PatternOptions, ValidationError, Validator, paths::Location,
};
use serde_json::{Map, Value, json};

/// A text that needs more steps back does not match.
const MAX_STEPS: usize = 10_000;

/// A text of more bytes does not match a pattern that takes steps back.
const MAX_TEXT: usize = 4 * 1024;

/// How patterns are matched.
pub(super) fn options() -> PatternOptions<FancyRegex> {
    PatternOptions::fancy_regex().backtrack_limit(MAX_STEPS)
}

/// The keyword of our own in place of `pattern`, if that takes steps back.
pub(super) const SLOW: &str = "x-connexion-slow-pattern";

struct Slow {
    validator: Validator,
    /// The end of the sentence.
    fault: String,
}

impl Keyword<'_> for Slow {
    fn validate(&self, value: &Value) -> Result<(), ValidationError<'static>> {
        if self.is_valid(value) {
            Ok(())
        } else if is_long(value) {
            Err(ValidationError::custom(TOO_LONG))
        } else {
            Err(ValidationError::custom(self.fault.clone()))
        }
    }

    fn is_valid(&self, value: &Value) -> bool {
        !value.is_string() || !is_long(value) && self.validator.is_valid(value)
    }
}

fn is_long(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() > MAX_TEXT)
}

/// What is said of a text that may match.
const TOO_LONG: &str = "is too long to be held against its pattern";

pub(super) fn slow<'a>(
    _: &'a Map<String, Value>,
    pattern: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    let shown = crate::schema::python::string(pattern.as_str().unwrap_or_default());
    Ok(Box::new(Slow {
        validator: jsonschema::draft202012::options()
            .offline()
            .with_pattern_options(options())
            .build(&json!({"pattern": pattern}))?,
        fault: format!("does not match {shown}"),
    }))
}

/// Whether texts can be matched with a pattern.
pub(super) fn is_usable(pattern: &str) -> bool {
    jsonschema::draft202012::options()
        .offline()
        .with_pattern_options(options())
        .build(&json!({"pattern": pattern}))
        .is_ok()
}

/// Puts [`SLOW`] in the place of a `pattern` that takes steps back.
pub(super) fn adapt(schema: &mut Map<String, Value>) {
    let is_slow = schema
        .get("pattern")
        .and_then(Value::as_str)
        .is_some_and(is_slow);
    if is_slow {
        // In its place, since faults are told in the order of the keywords.
        *schema = std::mem::take(schema)
            .into_iter()
            .map(|(key, value)| match key.as_str() {
                "pattern" => (SLOW.to_owned(), value),
                _ => (key, value),
            })
            .collect();
    }
}

/// Whether a pattern can be matched with steps back only.
fn is_slow(pattern: &str) -> bool {
    // To compile it takes time, and most patterns have none of these.
    let looks = ["(?=", "(?!", "(?<"]
        .iter()
        .any(|start| pattern.contains(start));
    let refers = |(one, two): (char, char)| one == '\\' && (two.is_ascii_digit() || two == 'k');
    let may_be = looks || pattern.chars().zip(pattern.chars().skip(1)).any(refers);
    let compile = |linear: bool| {
        let options = jsonschema::draft202012::options().offline();
        let options = if linear {
            options.with_pattern_options(PatternOptions::regex())
        } else {
            options.with_pattern_options(self::options())
        };
        options.build(&json!({"pattern": pattern})).is_ok()
    };
    // One that can't be compiled at all stays what it is and is reported by who compiles it.
    may_be && !compile(true) && compile(false)
}
