//! JSON values in Python's notation, because the sentences of the original service were written by Python
//! and clients match them: `None`, `True`, `40.0`, `1e+16`, `'it\'s "q"'`, `['a']`, `{'a': [1, None]}`.
//!
//! Works on JSON text where there is one, not on parsed values: a number too large for any machine type is still shown as
//! it was sent. Only used when a fault is reported. The text may be as long as a body: of an array or object no more is held
//! than is shown.

use std::{borrow::Cow, collections::HashMap, fmt, fmt::Write as _, sync::LazyLock};

use indexmap::IndexMap;
use regex::Regex;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};

use crate::document::node::unescape;

/// A value is shown in a sentence up to about this many bytes.
pub(crate) const MAX_SHOWN: usize = 16 * 1024;

/// Arrays and objects within one another are shown down to this depth: each level is read again for the one below it.
const MAX_DEPTH: usize = 128;

/// A JSON escape has at most this many bytes.
const MAX_ESCAPE: usize = 6;

/// What `str.isprintable` refuses (Unicode categories "Other" and "Separator"), but for the space.
static UNPRINTABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\p{C}\p{Z}--\x20]$").expect("the expression is constant"));

/// Python's `repr` of the value that `json` stands for, up to about `limit` bytes. What is not JSON is
/// given back as it is.
pub(crate) fn repr(json: &str, limit: usize) -> String {
    let mut out = Repr::of(limit);
    out.json(json);
    cut_at(out.text, limit)
}

/// Python's `repr` of a value, up to about `limit` bytes.
pub(crate) fn repr_value(value: &Value, limit: usize) -> String {
    let mut out = Repr::of(limit);
    out.value(value);
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
        text.shrink_to_fit();
    }
    text
}

/// Python's `repr` of a `str`.
pub(crate) fn string(text: &str) -> String {
    let mut out = Repr::of(MAX_SHOWN);
    out.string(text);
    cut(out.text)
}

/// What was written so far.
struct Repr {
    text: String,
    limit: usize,
    depth: usize,
    /// How many properties may still be held.
    held: usize,
}

impl Repr {
    fn of(limit: usize) -> Self {
        Self {
            text: String::new(),
            limit,
            depth: 0,
            held: limit,
        }
    }

    fn is_full(&self) -> bool {
        self.text.len() > self.limit
    }

    fn json(&mut self, json: &str) {
        let json = json.trim_ascii();
        match json.bytes().next() {
            Some(b'n') => self.text.push_str("None"),
            Some(b't') => self.text.push_str("True"),
            Some(b'f') => self.text.push_str("False"),
            Some(b'"') => {
                match serde_json::from_str::<Cow<'_, str>>(&beginning(json, self.limit)) {
                    Ok(text) => self.string(&text),
                    Err(_) => self.text.push_str(json.get(..self.limit).unwrap_or(json)),
                }
            }
            Some(b'[' | b'{') if self.depth == MAX_DEPTH => self.text.push('…'),
            Some(b'[' | b'{') => {
                self.depth += 1;
                // That it ends early says only that enough is shown.
                let _ = serde_json::Deserializer::from_str(json).deserialize_any(&mut *self);
                self.depth -= 1;
            }
            _ => self.text.push_str(&number(json)),
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.text.push_str("None"),
            Value::Bool(true) => self.text.push_str("True"),
            Value::Bool(false) => self.text.push_str("False"),
            Value::Number(one) => self.text.push_str(&number(&one.to_string())),
            Value::String(text) => self.string(text),
            Value::Array(items) => self.list(items.iter().map(Ok::<_, ()>), Self::value),
            Value::Object(members) => self.dict(members.iter(), Self::value),
        }
    }

    fn list<T, E>(&mut self, items: impl Iterator<Item = Result<T, E>>, show: fn(&mut Self, T)) {
        self.text.push('[');
        for (i, item) in items.map_while(Result::ok).enumerate() {
            if self.is_full() {
                return;
            }
            self.text.push_str(if i == 0 { "" } else { ", " });
            show(self, item);
        }
        self.text.push(']');
    }

    fn dict<'k, T>(
        &mut self,
        members: impl Iterator<Item = (&'k String, T)>,
        show: fn(&mut Self, T),
    ) {
        self.text.push('{');
        for (i, (key, value)) in members.enumerate() {
            if self.is_full() {
                return;
            }
            self.text.push_str(if i == 0 { "" } else { ", " });
            self.string(key);
            self.text.push_str(": ");
            show(self, value);
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

impl<'de> Visitor<'de> for &mut Repr {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let items = std::iter::from_fn(|| items.next_element::<&RawValue>().transpose());
        self.list(items, |out, item| out.json(item.get()));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut held = IndexMap::<String, &RawValue>::new();
        while let Some(name) = members.next_key::<Cow<'_, str>>()? {
            // Of a property that is repeated the last value is shown, at the first one's place.
            let is_shown = self.held > held.len() || held.contains_key(&*name);
            if is_shown {
                held.insert(name.into_owned(), members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        self.held -= held.len();
        self.dict(held.iter(), |out, value| out.json(value.get()));
        Ok(())
    }
}

/// The beginning of a JSON string, itself one: what is not shown need not be read.
fn beginning(json: &str, limit: usize) -> Cow<'_, str> {
    let most = limit.saturating_mul(MAX_ESCAPE);
    if json.len() <= most {
        return json.into();
    }
    let (mut end, mut after_high) = (0, false);
    let mut at = 1;
    while at < most {
        // What is between the halves of a surrogate pair is no end of a string.
        if !after_high {
            end = at;
        }
        let rest = json.get(at..).unwrap_or_default();
        after_high = !after_high
            && ["\\ud8", "\\ud9", "\\uda", "\\udb"].iter().any(|half| {
                rest.get(..half.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(half))
            });
        at += match rest.as_bytes().get(1) {
            Some(b'u') if rest.starts_with('\\') => MAX_ESCAPE,
            _ if rest.starts_with('\\') => 2,
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
    }
    format!("{}\"", json.get(..end).unwrap_or_default()).into()
}

/// The parts of a JSON text by JSON Pointer. Each array and object is taken apart once, however many of
/// its members are asked for.
pub(crate) struct Texts<'j> {
    value: &'j Value,
    /// The text that the value was read from, if there is one.
    root: Option<&'j str>,
    parts: HashMap<String, Parts<'j>>,
}

enum Parts<'j> {
    Items(Vec<&'j RawValue>),
    Members(HashMap<String, &'j RawValue>),
}

/// A part of a value as it was sent.
#[derive(Clone, Copy)]
pub(crate) enum Sent<'j> {
    Json(&'j str),
    /// There is no text.
    Value(&'j Value),
}

impl Sent<'_> {
    pub(crate) fn repr(self) -> String {
        match self {
            Self::Json(json) => repr(json, MAX_SHOWN),
            Self::Value(value) => repr_value(value, MAX_SHOWN),
        }
    }
}

impl<'j> Texts<'j> {
    pub(crate) fn new(value: &'j Value, json: Option<&'j str>) -> Self {
        Self {
            value,
            root: json.map(str::trim_ascii),
            parts: HashMap::new(),
        }
    }

    /// The part at `pointer`; `None` if there is nothing.
    pub(crate) fn at(&mut self, pointer: &str) -> Option<Sent<'j>> {
        let Some(mut json) = self.root else {
            return self.value.pointer(pointer).map(Sent::Value);
        };
        let mut end = 0;
        for token in pointer.split('/').skip(1) {
            let here = pointer.get(..end)?;
            if !self.parts.contains_key(here) {
                let parts = match self.value.pointer(here)? {
                    Value::Object(known) => Parts::Members(members(json, known)?),
                    _ => Parts::Items(serde_json::from_str(json).ok()?),
                };
                self.parts.insert(here.to_owned(), parts);
            }
            json = match self.parts.get(here)? {
                Parts::Members(members) => members.get(unescape(token).as_ref())?.get(),
                Parts::Items(items) => items.get(token.parse::<usize>().ok()?)?.get(),
            };
            end += 1 + token.len();
        }
        Some(Sent::Json(json))
    }
}

/// The texts of the properties of an object that are in its value, too: others were skipped, and may be many.
fn members<'j>(json: &'j str, known: &Map<String, Value>) -> Option<HashMap<String, &'j RawValue>> {
    struct Known<'k>(&'k Map<String, Value>);

    impl<'de> Visitor<'de> for Known<'_> {
        type Value = HashMap<String, &'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut held = HashMap::new();
            while let Some(name) = members.next_key::<String>()? {
                if self.0.contains_key(&name) {
                    held.insert(name, members.next_value()?);
                } else {
                    members.next_value::<IgnoredAny>()?;
                }
            }
            Ok(held)
        }
    }

    serde_json::Deserializer::from_str(json)
        .deserialize_map(Known(known))
        .ok()
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
    use serde_json::Value;

    use super::{MAX_DEPTH, Sent, Texts, repr, repr_value};

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
            let value: Value = serde_json::from_str(json).unwrap();
            let is_too_large = json.len() == 30;
            assert!(
                is_too_large || json == "-0" || repr_value(&value, 1_000) == expected,
                "{json}"
            );
        }
    }

    #[test]
    fn the_text_at_a_pointer_is_found() {
        let json = r#" {"a": [1, {"b/c": 1e2}], "d": 1, "x": [], "d": 2} "#;
        let mut value: Value = serde_json::from_str(json).unwrap();
        value.as_object_mut().unwrap().remove("x");
        let mut texts = Texts::new(&value, Some(json));
        for _ in 0..2 {
            let mut at = |pointer| match texts.at(pointer) {
                Some(Sent::Json(json)) => Some(json),
                _ => None,
            };
            assert_eq!(at("/a/1/b~1c"), Some("1e2"));
            assert_eq!(at("/d"), Some("2"));
            assert_eq!(at(""), Some(json.trim()));
            assert_eq!(at("/a/7"), None);
            assert_eq!(at("/d/x"), None);
            assert_eq!(at("/x"), None, "it was skipped");
        }
        let shown = Texts::new(&value, None).at("/a").map(Sent::repr);
        assert_eq!(shown.as_deref(), Some("[1, {'b/c': 100.0}]"));
    }

    #[test]
    fn a_long_value_is_cut() {
        let long = format!("[{}1]", "[1,2],".repeat(100_000));
        assert_eq!(repr(&long, 10), "[[1, 2], […");
        let text = format!("\"{}\"", "é".repeat(100_000));
        assert_eq!(repr(&text, 4), "'é…");
        let escaped = format!("\"{}\"", r"\uD83D\ude00".repeat(100));
        for limit in 5..40 {
            assert!(repr(&escaped, limit).starts_with("'😀"), "{limit}");
        }
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        assert_eq!(
            repr(&deep, 1_000),
            "[".repeat(MAX_DEPTH) + "…" + &"]".repeat(MAX_DEPTH)
        );
    }
}
