//! Surrogate pairs of JSON, which YAML does not have.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};

use crate::document::node::Position;

/// A character beyond the Basic Multilingual Plane, which JSON escapes as a surrogate pair (RFC 8259, section 7). `left`
/// matches an escaped backslash, which does not start an escape.
static SURROGATES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?P<left>\\\\)|\\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})")
        .expect("the expression is constant")
});

/// The number of characters by which an escape of YAML (`\U0001f600`) is shorter than one of JSON (`\ud83d\ude00`).
pub(super) const SHORTER: usize = 2;

/// Replaces each surrogate pair by the escape of YAML, and returns the positions of these escapes.
pub(super) fn join(text: &str) -> (Cow<'_, str>, Vec<Position>) {
    let mut shortened = Vec::new();
    let (mut line, mut from, mut moved) = (1, 0, 0);
    let joined = SURROGATES.replace_all(text, |found: &Captures<'_>| {
        let all = found.get_match();
        let (Some(high), Some(low)) = (half(found, "high"), half(found, "low")) else {
            return all.as_str().to_owned();
        };
        let before = text.get(from..all.start()).unwrap_or_default();
        let lines = before.matches('\n').count();
        let tail = before.rsplit('\n').next().unwrap_or_default();
        let column = tail.chars().count();
        line += lines;
        moved = if lines == 0 { moved + column } else { column };
        shortened.push(Position {
            file: 0,
            line,
            column: moved + 1,
        });
        from = all.end();
        moved += all.len() - SHORTER;
        format!(
            "\\U{:08x}",
            0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)
        )
    });
    (joined, shortened)
}

/// Returns one code unit of a surrogate pair.
fn half(found: &Captures<'_>, name: &str) -> Option<u32> {
    u32::from_str_radix(found.name(name)?.as_str(), 16).ok()
}
