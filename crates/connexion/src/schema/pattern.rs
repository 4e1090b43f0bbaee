//! Patterns, and how long a string may keep the service busy with one.
//!
//! `jsonschema` matches most patterns itself. Those that it reads otherwise than ECMA-262, or not at all, are translated
//! here and matched by a keyword of our own. A pattern that no engine can read is not checked, with a warning: its document
//! is served by other tools, too.
//!
//! Most patterns are matched in linear time, `(a+)+$` too. One that looks ahead or behind or refers back takes steps back
//! instead, each of which may read the whole string again: a client could make that last for minutes. So the
//! number of steps and the length of the string are bounded.

mod class;
mod ecma;

use jsonschema::{FancyRegex, Keyword, PatternOptions, ValidationError, paths::Location};
use regex::Regex;
use serde_json::{Map, Value, json};

use super::{every, shown::string};
use crate::{compat::Compat, document::node::push};

/// A string that needs more steps back does not match.
const MAX_STEPS: usize = 10_000;

/// A string of more bytes does not match a pattern that takes steps back.
const MAX_TEXT: usize = 4 * 1024;

/// How patterns are matched by `jsonschema`.
pub(super) fn options() -> PatternOptions<FancyRegex> {
    PatternOptions::fancy_regex().backtrack_limit(MAX_STEPS)
}

/// The keyword of our own in place of a `pattern` that is matched here.
pub(super) const OWN: &str = "x-connexion-pattern";

/// What stands in place of a `pattern` that no engine can read.
pub(super) const UNREAD: &str = "x-connexion-unread-pattern";

/// What lists such keys of `patternProperties`.
const UNREAD_NAMES: &str = "x-connexion-unread-names";

/// A compiled pattern.
#[derive(Debug)]
pub(crate) enum Pattern {
    Linear(Regex),
    /// It takes steps back.
    Slow(fancy_regex::Regex),
}

impl Pattern {
    /// Compiles a pattern of ECMA-262, or else of the engines' own syntax; `None` if no engine can read it.
    pub(crate) fn compile(pattern: &str) -> Option<Self> {
        let translation = ecma::translate(pattern);
        let is_slow = translation.as_ref().is_none_or(|made| made.is_slow);
        let regex = translation.map(|made| made.regex);
        let regex = regex.as_deref().unwrap_or(pattern);
        let linear = || Regex::new(regex).ok().map(Self::Linear);
        let slow = || {
            let mut options = fancy_regex::RegexBuilder::new(regex);
            let compiled = options.backtrack_limit(MAX_STEPS).build();
            compiled.ok().map(Self::Slow)
        };
        if is_slow { slow() } else { linear() }
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Linear(regex) => regex.is_match(text),
            Self::Slow(regex) => text.len() <= MAX_TEXT && regex.is_match(text).unwrap_or(false),
        }
    }
}

struct Own {
    pattern: Pattern,
    text: String,
}

impl Keyword<'_> for Own {
    fn validate(&self, value: &Value) -> Result<(), ValidationError<'static>> {
        if self.is_valid(value) {
            return Ok(());
        }
        Err(ValidationError::custom(self.text.clone()))
    }

    fn is_valid(&self, value: &Value) -> bool {
        value
            .as_str()
            .is_none_or(|text| self.pattern.is_match(text))
    }
}

/// The end of the sentence about a string that breaks [`OWN`].
pub(super) fn broken(value: &Value, pattern: &str, compat: Compat) -> String {
    let is_long = value.as_str().is_some_and(|text| text.len() > MAX_TEXT);
    if is_long && matches!(Pattern::compile(pattern), Some(Pattern::Slow(_))) {
        return "is too long to be held against its pattern".to_owned();
    }
    format!("does not match {}", string(pattern, compat))
}

pub(super) fn own<'a>(
    _: &'a Map<String, Value>,
    pattern: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    let text = pattern.as_str().unwrap_or_default();
    let pattern = Pattern::compile(text)
        .ok_or_else(|| ValidationError::custom(format!("the pattern `{text}` can't be read")))?;
    let text = text.to_owned();
    Ok(Box::new(Own { pattern, text }))
}

/// Whether `jsonschema` can match a pattern.
fn is_usable(pattern: &str) -> bool {
    builds(pattern, options())
}

/// Whether it can without steps back.
fn is_linear(pattern: &str) -> bool {
    builds(pattern, PatternOptions::regex())
}

fn builds<E>(pattern: &str, options: PatternOptions<E>) -> bool {
    jsonschema::draft202012::options()
        .offline()
        .with_pattern_options(options)
        .build(&json!({"pattern": pattern}))
        .is_ok()
}

/// Who matches a pattern.
#[derive(Debug, PartialEq)]
enum Matcher {
    Jsonschema,
    /// [`OWN`].
    Own,
    Nobody,
}

fn matcher(pattern: &str) -> Matcher {
    let is_read_alike = match ecma::translate(pattern) {
        Some(made) if made.differs || made.is_slow => false,
        // To compile one takes time, and most need not be.
        Some(made) => !made.is_doubtful || is_usable(pattern),
        None => is_linear(pattern),
    };
    if is_read_alike {
        Matcher::Jsonschema
    } else if Pattern::compile(pattern).is_some() {
        Matcher::Own
    } else {
        Matcher::Nobody
    }
}

/// A pattern of ECMA-262 in the syntax of the crate `regex`; what can't be translated stays as it is.
pub(super) fn translated(pattern: &str) -> String {
    let translation = ecma::translate(pattern).map(|made| made.regex);
    translation.unwrap_or_else(|| pattern.to_owned())
}

/// Rewrites the patterns of one schema that `jsonschema` does not match as they are meant.
pub(super) fn adapt(schema: &mut Map<String, Value>) {
    let keyword = match schema.get("pattern").and_then(Value::as_str).map(matcher) {
        Some(Matcher::Own) => Some(OWN),
        Some(Matcher::Nobody) => Some(UNREAD),
        Some(Matcher::Jsonschema) | None => None,
    };
    if let Some(keyword) = keyword {
        // In its place, since faults are told in the order of the keywords.
        *schema = std::mem::take(schema)
            .into_iter()
            .map(|(key, value)| match key.as_str() {
                "pattern" => (keyword.to_owned(), value),
                _ => (key, value),
            })
            .collect();
    }
    let mut unread = Vec::new();
    if let Some(Value::Object(described)) = schema.get_mut("patternProperties")
        && described
            .keys()
            .any(|key| matcher(key) != Matcher::Jsonschema)
    {
        for (key, below) in std::mem::take(described) {
            match name_pattern(&key) {
                Some(pattern) => drop(described.insert(pattern, below)),
                None => unread.push(key),
            }
        }
    }
    if !unread.is_empty() {
        schema.insert(UNREAD_NAMES.to_owned(), unread.into());
    }
}

/// A key of `patternProperties` as `jsonschema` can match it.
fn name_pattern(key: &str) -> Option<String> {
    match matcher(key) {
        Matcher::Jsonschema => Some(key.to_owned()),
        Matcher::Own => {
            let regex = ecma::translate(key).map(|made| made.regex);
            let regex = regex.unwrap_or_else(|| key.to_owned());
            is_usable(&regex).then_some(regex)
        }
        Matcher::Nobody => None,
    }
}

/// The patterns of a schema that no engine can read, with the pointers to where they stand in the document.
pub(super) fn unread(schema: &Value, pointer: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    every(schema, pointer, &mut |schema, pointer| {
        if let Some(Value::String(pattern)) = schema.get(UNREAD) {
            found.push((format!("{pointer}/pattern"), pattern.clone()));
        }
        let names = schema.get(UNREAD_NAMES).and_then(Value::as_array);
        for name in names.into_iter().flatten().filter_map(Value::as_str) {
            let mut pointer = format!("{pointer}/patternProperties");
            push(&mut pointer, name);
            found.push((pointer, name.to_owned()));
        }
    });
    found
}

#[cfg(test)]
mod tests;
