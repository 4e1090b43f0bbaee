//! Patterns: which engine matches them, and within which limits.
//!
//! `jsonschema` matches most patterns. Those that it reads differently from ECMA-262, or rejects, are translated and
//! matched by a keyword of this crate. A pattern that no engine can read is not checked; the document gets a warning,
//! because other tools serve such documents.
//!
//! Most patterns are matched in linear time, `(a+)+$` included. A pattern with look-around or a backreference needs a
//! backtracking engine, which may read the string again for each step: a client could keep it busy for minutes. The
//! number of steps and the length of the string are limited.

mod class;
mod ecma;

use jsonschema::{FancyRegex, Keyword, PatternOptions, ValidationError, paths::Location};
use regex::Regex;
use serde_json::{Map, Value, json};

use super::{notation::string, traverse::each_schema};
use crate::{compat::Compat, document::node::push};

/// The maximum number of backtracking steps. A string that needs more does not match.
const MAX_STEPS: usize = 10_000;

/// The maximum length of a string for a backtracking pattern, in bytes. A longer string does not match.
const MAX_TEXT: usize = 4 * 1024;

/// Returns the options of `jsonschema` for patterns.
pub(super) fn options() -> PatternOptions<FancyRegex> {
    PatternOptions::fancy_regex().backtrack_limit(MAX_STEPS)
}

/// The keyword that replaces a `pattern` which is matched by [`Pattern`].
pub(super) const TRANSLATED: &str = "x-connexion-translated-pattern";

/// The keyword that replaces a `pattern` which no engine can read.
pub(super) const UNSUPPORTED: &str = "x-connexion-unsupported-pattern";

/// The keyword that lists the keys of `patternProperties` which no engine can read.
const UNSUPPORTED_NAMES: &str = "x-connexion-unsupported-names";

/// A compiled pattern.
#[derive(Debug)]
pub(crate) enum Pattern {
    Linear(Regex),
    /// Matched with [`MAX_STEPS`] and [`MAX_TEXT`].
    Backtracking(fancy_regex::Regex),
}

impl Pattern {
    /// Compiles a pattern of ECMA-262, or of the syntax of the engines; `None` if no engine can read it.
    pub(crate) fn compile(pattern: &str) -> Option<Self> {
        let translation = ecma::translate(pattern);
        let backtracks = translation
            .as_ref()
            .is_none_or(|translation| translation.backtracks);
        let regex = translation.map(|translation| translation.regex);
        let regex = regex.as_deref().unwrap_or(pattern);
        let linear = || Regex::new(regex).ok().map(Self::Linear);
        let backtracking = || {
            let mut options = fancy_regex::RegexBuilder::new(regex);
            let compiled = options.backtrack_limit(MAX_STEPS).build();
            compiled.ok().map(Self::Backtracking)
        };
        if backtracks { backtracking() } else { linear() }
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Linear(regex) => regex.is_match(text),
            Self::Backtracking(regex) => {
                text.len() <= MAX_TEXT && regex.is_match(text).unwrap_or(false)
            }
        }
    }
}

struct TranslatedPattern {
    pattern: Pattern,
    text: String,
}

impl Keyword<'_> for TranslatedPattern {
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

/// Returns the end of the sentence about a string that violates [`TRANSLATED`].
pub(super) fn mismatch(value: &Value, pattern: &str, compat: Compat) -> String {
    let is_long = value.as_str().is_some_and(|text| text.len() > MAX_TEXT);
    if is_long && matches!(Pattern::compile(pattern), Some(Pattern::Backtracking(_))) {
        return "is too long to be matched against its pattern".to_owned();
    }
    format!("does not match {}", string(pattern, compat))
}

pub(super) fn translated_pattern<'a>(
    _: &'a Map<String, Value>,
    pattern: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    let text = pattern.as_str().unwrap_or_default();
    let pattern = Pattern::compile(text)
        .ok_or_else(|| ValidationError::custom(format!("the pattern `{text}` can't be read")))?;
    let text = text.to_owned();
    Ok(Box::new(TranslatedPattern { pattern, text }))
}

/// Returns whether `jsonschema` can match a pattern.
fn is_usable(pattern: &str) -> bool {
    builds(pattern, options())
}

/// Returns whether `jsonschema` can match a pattern in linear time.
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

/// The matcher of a pattern.
#[derive(Debug, PartialEq)]
enum Matcher {
    Jsonschema,
    /// [`Pattern`], by the keyword [`TRANSLATED`].
    Translated,
    Unsupported,
}

/// Returns the matcher that reads a pattern as ECMA-262 does.
fn matcher(pattern: &str) -> Matcher {
    let is_read_alike = match ecma::translate(pattern) {
        Some(translation) if translation.differs || translation.backtracks => false,
        // Compiled only in case of doubt, because it takes time.
        Some(translation) => !translation.is_doubtful || is_usable(pattern),
        None => is_linear(pattern),
    };
    if is_read_alike {
        Matcher::Jsonschema
    } else if Pattern::compile(pattern).is_some() {
        Matcher::Translated
    } else {
        Matcher::Unsupported
    }
}

/// Translates a pattern of ECMA-262 into the syntax of the `regex` crate. Returns it unchanged if that is impossible.
pub(super) fn translated(pattern: &str) -> String {
    let translation = ecma::translate(pattern).map(|translation| translation.regex);
    translation.unwrap_or_else(|| pattern.to_owned())
}

/// Rewrites the patterns of one schema that `jsonschema` does not match as ECMA-262 does.
pub(super) fn adapt(schema: &mut Map<String, Value>) {
    let keyword = match schema.get("pattern").and_then(Value::as_str).map(matcher) {
        Some(Matcher::Translated) => Some(TRANSLATED),
        Some(Matcher::Unsupported) => Some(UNSUPPORTED),
        Some(Matcher::Jsonschema) | None => None,
    };
    if let Some(keyword) = keyword {
        // In the same place, because violations are reported in the order of the keywords.
        *schema = std::mem::take(schema)
            .into_iter()
            .map(|(key, value)| match key.as_str() {
                "pattern" => (keyword.to_owned(), value),
                _ => (key, value),
            })
            .collect();
    }
    let mut unsupported = Vec::new();
    if let Some(Value::Object(described)) = schema.get_mut("patternProperties")
        && described
            .keys()
            .any(|key| matcher(key) != Matcher::Jsonschema)
    {
        for (key, below) in std::mem::take(described) {
            match name_pattern(&key) {
                Some(pattern) => drop(described.insert(pattern, below)),
                None => unsupported.push(key),
            }
        }
    }
    if !unsupported.is_empty() {
        schema.insert(UNSUPPORTED_NAMES.to_owned(), unsupported.into());
    }
}

/// Returns a key of `patternProperties` as `jsonschema` can match it.
fn name_pattern(key: &str) -> Option<String> {
    match matcher(key) {
        Matcher::Jsonschema => Some(key.to_owned()),
        Matcher::Translated => {
            let regex = ecma::translate(key).map(|translation| translation.regex);
            let regex = regex.unwrap_or_else(|| key.to_owned());
            is_usable(&regex).then_some(regex)
        }
        Matcher::Unsupported => None,
    }
}

/// Returns the patterns below a schema that no engine can read, each with its JSON Pointer.
pub(super) fn unsupported(schema: &Value, pointer: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    each_schema(schema, pointer, &mut |schema, pointer| {
        if let Some(Value::String(pattern)) = schema.get(UNSUPPORTED) {
            found.push((format!("{pointer}/pattern"), pattern.clone()));
        }
        let names = schema.get(UNSUPPORTED_NAMES).and_then(Value::as_array);
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
