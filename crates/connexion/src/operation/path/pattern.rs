//! Splits a path among the literals and parameters of a template.
//!
//! The path stays percent-encoded. A first pass from the end computes which suffixes of the path match which suffixes of
//! the template. The search for a split then has no dead ends, so its time grows only with the length of the path.

use percent_encoding::{percent_decode, percent_decode_str};

/// The maximum number of splits that are tried.
const MAX_SPLITS: usize = 100;

/// A part of a template. Literals are percent-decoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum TemplatePart {
    Slash,
    Literal(String),
    /// A parameter, whose value has at least one character.
    Parameter {
        has_slashes: bool,
    },
}

impl TemplatePart {
    /// Returns the literal of a part of a template, unless it is empty.
    pub(super) fn literal(text: &str) -> Option<Self> {
        let decoded = percent_decode_str(text).decode_utf8_lossy();
        (!text.is_empty()).then(|| Self::Literal(decoded.into_owned()))
    }
}

/// Returns whether a text matches the parts.
pub(super) fn fits(parts: &[TemplatePart], text: &str) -> bool {
    let Some((parts, text)) = strip(parts, text) else {
        return false;
    };
    match parts {
        [] => text.is_empty(),
        [TemplatePart::Parameter { .. }] => !text.is_empty(),
        _ => {
            let rests = fitting(parts, text);
            rests.first().and_then(|whole| whole.first()) == Some(&true)
        }
    }
}

/// Removes the literals at both ends; returns `None` if the text does not have them.
pub(super) fn strip<'p, 't>(
    mut parts: &'p [TemplatePart],
    mut text: &'t str,
) -> Option<(&'p [TemplatePart], &'t str)> {
    if let [TemplatePart::Literal(literal), rest @ ..] = parts {
        text = text.get(prefix(text, literal)?..)?;
        parts = rest;
    }
    if let [rest @ .., TemplatePart::Literal(literal)] = parts {
        text = strip_suffix(text, literal)?;
        parts = rest;
    }
    Some((parts, text))
}

/// Returns the values of the parameters in a text that matches the parts: those of the first split that is `accepted`, or
/// of the first split if none is.
pub(super) fn split<'t>(
    parts: &[TemplatePart],
    text: &'t str,
    accepted: impl FnMut(&[&'t str]) -> bool,
) -> Vec<&'t str> {
    let mut search = Search {
        parts,
        text,
        fitting: fitting(parts, text),
        accepted,
        first: None,
        tried: 0,
    };
    let mut values = Vec::new();
    if search.from(0, 0, &mut values) {
        values
    } else {
        search.first.unwrap_or_default()
    }
}

struct Search<'p, 't, F> {
    parts: &'p [TemplatePart],
    text: &'t str,
    fitting: Vec<Vec<bool>>,
    accepted: F,
    first: Option<Vec<&'t str>>,
    tried: usize,
}

impl<'t, F: FnMut(&[&'t str]) -> bool> Search<'_, 't, F> {
    /// Returns whether a split of the text from `at` on among the parts from `part` on is accepted, after `values`.
    fn from(&mut self, mut part: usize, mut at: usize, values: &mut Vec<&'t str>) -> bool {
        let has_slashes = loop {
            let rest = self.text.get(at..).unwrap_or_default();
            at += match self.parts.get(part) {
                Some(TemplatePart::Parameter { has_slashes }) => break *has_slashes,
                Some(TemplatePart::Literal(literal)) => prefix(rest, literal).unwrap_or_default(),
                Some(TemplatePart::Slash) => 1,
                None => {
                    self.tried += 1;
                    self.first.get_or_insert_with(|| values.clone());
                    return (self.accepted)(values);
                }
            };
            part += 1;
        };
        let rest = self.text.get(at..).unwrap_or_default();
        let segment = rest.find('/').filter(|_| !has_slashes);
        for length in (1..=segment.unwrap_or(rest.len())).rev() {
            if self.tried < MAX_SPLITS && self.rest_fits(part + 1, at + length) {
                values.push(rest.get(..length).unwrap_or_default());
                if self.from(part + 1, at + length, values) {
                    return true;
                }
                values.pop();
            }
        }
        false
    }

    fn rest_fits(&self, part: usize, at: usize) -> bool {
        let row = self.fitting.get(part);
        row.and_then(|row| row.get(at)) == Some(&true)
    }
}

/// Computes, for each part and for the end, the positions at which the text matches that part and all after it.
fn fitting(parts: &[TemplatePart], text: &str) -> Vec<Vec<bool>> {
    let mut is_cut = vec![false; text.len() + 1];
    for at in cuts(text).chain([text.len()]) {
        if let Some(cut) = is_cut.get_mut(at) {
            *cut = true;
        }
    }
    let mut end = vec![false; text.len()];
    end.push(true);
    let mut rows = vec![end];
    for part in parts.iter().rev() {
        let after = rows.last().map_or(&[][..], Vec::as_slice);
        let mut row = vec![false; text.len() + 1];
        // True if a parameter that starts here can end.
        let mut has_end = false;
        for (at, (fits, is_cut)) in row.iter_mut().zip(&is_cut).enumerate().rev() {
            let fits_after = |at: usize| after.get(at) == Some(&true);
            let byte = text.as_bytes().get(at);
            *fits = *is_cut
                && match part {
                    TemplatePart::Slash => byte == Some(&b'/') && fits_after(at + 1),
                    TemplatePart::Literal(literal) => {
                        let length = text.get(at..).and_then(|rest| prefix(rest, literal));
                        length.is_some_and(|length| fits_after(at + length))
                    }
                    TemplatePart::Parameter { has_slashes } => {
                        has_end &= *has_slashes || byte != Some(&b'/');
                        has_end
                    }
                };
            has_end |= *is_cut && fits_after(at);
        }
        rows.push(row);
    }
    rows.reverse();
    rows
}

/// Returns the length of the literal at the start of an encoded text; `None` if it starts otherwise.
fn prefix(text: &str, literal: &str) -> Option<usize> {
    let mut length = 0;
    for byte in literal.bytes() {
        let found = text.as_bytes().get(length..)?;
        let is_encoded = found.first() == Some(&b'%')
            && found
                .get(1..3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let taken = if is_encoded { 3 } else { 1 };
        let decoded = text.as_bytes().get(length..length + taken)?;
        if percent_decode(decoded).next() != Some(byte) {
            return None;
        }
        length += taken;
    }
    Some(length)
}

/// Returns the positions at which an encoded text may be split, which are not within an encoded byte.
fn cuts(text: &str) -> impl Iterator<Item = usize> {
    let mut encoded_until = 0;
    text.char_indices().filter_map(move |(at, _)| {
        if at < encoded_until {
            return None;
        }
        let digits = text.as_bytes().get(at + 1..at + 3);
        let are_hex = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if text.as_bytes().get(at) == Some(&b'%') && are_hex {
            encoded_until = at + 3;
        }
        Some(at)
    })
}

/// Returns the text before the literal at the end of an encoded text.
fn strip_suffix<'t>(text: &'t str, literal: &str) -> Option<&'t str> {
    if !text.contains('%') {
        return text.strip_suffix(literal);
    }
    cuts(text).find_map(|at| {
        let (before, rest) = text.split_at_checked(at)?;
        (prefix(rest, literal)? == rest.len()).then_some(before)
    })
}

#[cfg(test)]
mod tests {
    use super::{TemplatePart, fits, split};

    /// Returns all texts of up to `length` of these characters.
    fn texts(length: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..length {
            let longer =
                |text: &String| ["a", ".", "-", "/", "%2e"].map(|more| text.clone() + more);
            last = last.iter().flat_map(longer).collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    #[test]
    fn a_text_is_split_as_a_greedy_regular_expression_does() {
        let (short, long) = (
            TemplatePart::Parameter { has_slashes: false },
            TemplatePart::Parameter { has_slashes: true },
        );
        let literal = |text| TemplatePart::literal(text).unwrap();
        for parts in [
            vec![short.clone(), literal("."), short.clone()],
            vec![short.clone(), short.clone()],
            vec![literal("a"), short.clone(), literal("-"), short.clone()],
            vec![short.clone(), literal(".-"), short.clone(), literal("a")],
            vec![long.clone()],
            vec![long.clone(), TemplatePart::Slash, short.clone()],
            vec![short, literal("."), long.clone(), TemplatePart::Slash, long],
        ] {
            let pattern: String = parts
                .iter()
                .map(|part| match part {
                    TemplatePart::Slash => "/".to_owned(),
                    TemplatePart::Literal(text) => {
                        regex::escape(text).replace("\\.", "(?:\\.|%2e)")
                    }
                    TemplatePart::Parameter { has_slashes: false } => "((?:%2e|[^/%])+)".to_owned(),
                    TemplatePart::Parameter { has_slashes: true } => "((?:%2e|[^%])+)".to_owned(),
                })
                .collect();
            let pattern = regex::Regex::new(&format!("^{pattern}$")).unwrap();
            for text in texts(5) {
                let expected = pattern.captures(&text).map(|found| {
                    let values = found.iter().skip(1).flatten();
                    values.map(|value| value.as_str()).collect::<Vec<_>>()
                });
                let found = fits(&parts, &text).then(|| split(&parts, &text, |_| true));
                assert_eq!(found, expected, "{parts:?} {text}");
            }
        }
    }

    #[test]
    fn the_number_of_tried_splits_is_limited() {
        let one = TemplatePart::Parameter { has_slashes: false };
        let parts = [one.clone(), one.clone(), one];
        let mut tried = 0;
        let text = "a".repeat(1000);
        let first = split(&parts, &text, |_| {
            tried += 1;
            false
        });
        let lengths: Vec<_> = first.iter().map(|value| value.len()).collect();
        assert_eq!((tried, lengths), (super::MAX_SPLITS, vec![998, 1, 1]));
    }
}
