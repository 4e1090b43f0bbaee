//! JSON values in Python's notation, because the sentences of the original service were written by Python
//! and clients match them: `None`, `True`, `40.0`, `1e+16`, `'it\'s "q"'`, `['a']`, `{'a': [1, None]}`.
//!
//! Works on JSON text, not on parsed values: a number too large for any machine type is still shown as it
//! was sent. Only used when a fault is reported.

use std::{borrow::Cow, collections::HashMap, fmt::Write as _, sync::LazyLock};

use indexmap::IndexMap;
use regex::Regex;
use serde_json::value::RawValue;

use crate::node::unescape;

/// A value is shown in a sentence up to about this many bytes.
pub(crate) const MAX_SHOWN: usize = 16 * 1024;

/// What `str.isprintable` refuses (Unicode categories "Other" and "Separator"), but for the space.
static UNPRINTABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\p{C}\p{Z}--\x20]$").expect("the expression is constant"));

/// Python's `repr` of the value that `json` stands for, up to about `limit` bytes. What is not JSON is
/// given back as it is.
pub(crate) fn repr(json: &str, limit: usize) -> String {
    let mut out = Repr {
        text: String::new(),
        limit,
    };
    out.value(json);
    cut_at(out.text, limit)
}

/// A text that is to be shown, without what is too long to read.
pub(crate) fn cut(text: String) -> String {
    cut_at(text, MAX_SHOWN)
}

fn cut_at(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.push('…');
    }
    text
}

/// Python's `repr` of a `str`.
pub(crate) fn string(text: &str) -> String {
    let mut out = Repr {
        text: String::with_capacity(text.len() + 2),
        limit: usize::MAX,
    };
    out.string(text);
    out.text
}

/// What was written so far.
struct Repr {
    text: String,
    limit: usize,
}

impl Repr {
    fn is_full(&self) -> bool {
        self.text.len() > self.limit
    }

    fn value(&mut self, json: &str) {
        let json = json.trim_ascii();
        match json.bytes().next() {
            Some(b'n') => self.text.push_str("None"),
            Some(b't') => self.text.push_str("True"),
            Some(b'f') => self.text.push_str("False"),
            Some(b'"') => match serde_json::from_str::<Cow<'_, str>>(json) {
                Ok(text) => self.string(&text),
                Err(_) => self.text.push_str(json),
            },
            Some(b'[') => self.list(json),
            Some(b'{') => self.dict(json),
            _ => self.text.push_str(&number(json)),
        }
    }

    fn list(&mut self, json: &str) {
        self.text.push('[');
        for (i, item) in items(json).unwrap_or_default().into_iter().enumerate() {
            if self.is_full() {
                return;
            }
            self.text.push_str(if i == 0 { "" } else { ", " });
            self.value(item.get());
        }
        self.text.push(']');
    }

    fn dict(&mut self, json: &str) {
        self.text.push('{');
        for (i, (key, value)) in members(json).unwrap_or_default().into_iter().enumerate() {
            if self.is_full() {
                return;
            }
            self.text.push_str(if i == 0 { "" } else { ", " });
            self.string(&key);
            self.text.push_str(": ");
            self.value(value.get());
        }
        self.text.push('}');
    }

    fn string(&mut self, text: &str) {
        let quote = if text.contains('\'') && !text.contains('"') {
            '"'
        } else {
            '\''
        };
        self.text.push(quote);
        for c in text.chars() {
            if self.is_full() {
                return;
            }
            match c {
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\\' => self.text.push_str("\\\\"),
                c if c == quote => self.text.extend(['\\', c]),
                ' '..='~' => self.text.push(c),
                c if !UNPRINTABLE.is_match(c.encode_utf8(&mut [0; 4])) => self.text.push(c),
                c => escape(&mut self.text, u32::from(c)),
            }
        }
        self.text.push(quote);
    }
}

/// The parts of a JSON text by JSON Pointer. Each array and object is taken apart once, however many of
/// its members are asked for.
pub(crate) struct Texts<'j> {
    root: &'j str,
    parts: HashMap<String, Parts<'j>>,
}

enum Parts<'j> {
    Items(Vec<&'j RawValue>),
    Members(IndexMap<String, &'j RawValue>),
}

impl<'j> Texts<'j> {
    pub(crate) fn new(json: &'j str) -> Self {
        Self {
            root: json.trim_ascii(),
            parts: HashMap::new(),
        }
    }

    /// The text at `pointer`; `None` if there is nothing.
    pub(crate) fn at(&mut self, pointer: &str) -> Option<&'j str> {
        let mut json = self.root;
        let mut end = 0;
        for token in pointer.split('/').skip(1) {
            let here = pointer.get(..end)?;
            if !self.parts.contains_key(here) {
                let parts = if json.starts_with('{') {
                    Parts::Members(members(json)?)
                } else {
                    Parts::Items(items(json)?)
                };
                self.parts.insert(here.to_owned(), parts);
            }
            json = match self.parts.get(here)? {
                Parts::Members(members) => members.get(unescape(token).as_ref())?.get(),
                Parts::Items(items) => items.get(token.parse::<usize>().ok()?)?.get(),
            };
            end += 1 + token.len();
        }
        Some(json)
    }
}

fn items(json: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json).ok()
}

fn members(json: &str) -> Option<IndexMap<String, &RawValue>> {
    serde_json::from_str(json).ok()
}

fn number(json: &str) -> String {
    if !json.contains(['.', 'e', 'E']) {
        return if json == "-0" {
            "0".to_owned()
        } else {
            json.to_owned()
        };
    }
    let Ok(value) = json.parse::<f64>() else {
        return json.to_owned();
    };
    // Rust's `{:?}` chooses the same digits and changes to an exponent at the same sizes as Python; only
    // the exponent is spelled differently.
    let text = format!("{value:?}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            let (sign, exponent) = exponent
                .strip_prefix('-')
                .map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
    }
}

fn escape(out: &mut String, code: u32) {
    let written = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
    debug_assert!(written.is_ok(), "writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use super::{Texts, repr};

    /// Each pair was printed by `print(repr(json.loads(left)))`.
    #[test]
    fn values_read_as_python_writes_them() {
        for (json, expected) in [
            ("null", "None"),
            ("true", "True"),
            ("false", "False"),
            ("20", "20"),
            ("-0", "0"),
            ("-0.0", "-0.0"),
            ("40.0", "40.0"),
            ("1e2", "100.0"),
            ("1E16", "1e+16"),
            ("1e15", "1000000000000000.0"),
            ("1.5e-7", "1.5e-07"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1e300", "1e+300"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            (r#""20""#, "'20'"),
            (r#""it's""#, r#""it's""#),
            (r#""it's \"q\"""#, r#"'it\'s "q"'"#),
            (r#""say \"q\"""#, r#"'say "q"'"#),
            (r#""a\n\t\r\\b""#, r"'a\n\t\r\\b'"),
            (
                r#""\u0001\u001f\u007f\u0080\u00a0\u00ad""#,
                r"'\x01\x1f\x7f\x80\xa0\xad'",
            ),
            (
                r#""\u200b\u2028\u3000\ufeff\ue000""#,
                r"'\u200b\u2028\u3000\ufeff\ue000'",
            ),
            (r#""é 😀 日本""#, "'é 😀 日本'"),
            (r#""\udb40\udc01""#, r"'\U000e0001'"),
            ("[ ]", "[]"),
            (r#"["a",1]"#, "['a', 1]"),
            ("{ }", "{}"),
            (
                r#"{"a": [1, null], "b": {"c": 1.0}}"#,
                "{'a': [1, None], 'b': {'c': 1.0}}",
            ),
            (r#"{"z": 1, "a": 2, "z": 3}"#, "{'z': 3, 'a': 2}"),
        ] {
            assert_eq!(repr(json, 1_000), expected, "{json}");
        }
    }

    #[test]
    fn the_text_at_a_pointer_is_found() {
        let json = r#" {"a": [1, {"b/c": 1e2}], "d": 1, "d": 2} "#;
        let mut texts = Texts::new(json);
        for _ in 0..2 {
            assert_eq!(texts.at("/a/1/b~1c"), Some("1e2"));
            assert_eq!(texts.at("/d"), Some("2"));
            assert_eq!(texts.at(""), Some(json.trim()));
            assert_eq!(texts.at("/a/7"), None);
            assert_eq!(texts.at("/d/x"), None);
        }
    }

    #[test]
    fn a_long_value_is_cut() {
        let long = format!("[{}1]", "[1,2],".repeat(100_000));
        assert_eq!(repr(&long, 10), "[[1, 2], […");
        let text = format!("\"{}\"", "é".repeat(100_000));
        assert_eq!(repr(&text, 4), "'é…");
    }
}
