//! Values in messages, in the notation of [`Compat`].
//!
//! Converts JSON text if there is one, so that a number too large for any machine type is quoted as it was sent. The
//! text may be as long as a body: memory is used only for the part of an array or object that is quoted.

use std::{borrow::Cow, fmt};

use indexmap::IndexMap;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, value::RawValue};

use crate::compat::Compat;

/// The approximate maximum length of a quoted value, in bytes.
pub(crate) const MAX_QUOTED: usize = 16 * 1024;

/// The maximum nesting of a quoted value: each level is parsed again for the one below it.
const MAX_DEPTH: usize = 128;

/// The maximum length of a JSON escape, in bytes.
const MAX_ESCAPE: usize = 6;

/// Returns the value in a JSON text, up to about `limit` bytes. A text that is not JSON is returned unchanged.
pub(crate) fn repr(json: &str, compat: Compat, limit: usize) -> String {
    let mut out = Writer::of(compat, limit);
    out.json(json);
    cut_at(out.text, limit)
}

/// Returns a value, up to about `limit` bytes.
pub(crate) fn repr_value(value: &Value, compat: Compat, limit: usize) -> String {
    let mut out = Writer::of(compat, limit);
    out.value(value);
    cut_at(out.text, limit)
}

/// Truncates a text that is too long for a message.
pub(crate) fn cut(text: String) -> String {
    cut_at(text, MAX_QUOTED)
}

fn cut_at(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

/// Returns a string in quotation marks.
pub(crate) fn string(text: &str, compat: Compat) -> String {
    let mut out = Writer::of(compat, MAX_QUOTED);
    out.string(text);
    cut(out.text)
}

/// Writes a value.
struct Writer {
    text: String,
    compat: Compat,
    limit: usize,
    depth: usize,
    /// The number of properties that may still be held in memory.
    capacity: usize,
}

impl Writer {
    fn of(compat: Compat, limit: usize) -> Self {
        Self {
            text: String::new(),
            compat,
            limit,
            depth: 0,
            capacity: limit,
        }
    }

    fn is_full(&self) -> bool {
        self.text.len() > self.limit
    }

    fn json(&mut self, json: &str) {
        let json = json.trim_ascii();
        match json.bytes().next() {
            Some(b'n') => self.text.push_str(self.compat.word(None)),
            Some(b't') => self.text.push_str(self.compat.word(Some(true))),
            Some(b'f') => self.text.push_str(self.compat.word(Some(false))),
            Some(b'"') => {
                match serde_json::from_str::<Cow<'_, str>>(&beginning(json, self.limit)) {
                    Ok(text) => self.string(&text),
                    Err(_) => self.text.push_str(json.get(..self.limit).unwrap_or(json)),
                }
            }
            Some(b'[' | b'{') if self.depth == MAX_DEPTH => self.text.push('…'),
            Some(b'[' | b'{') => {
                self.depth += 1;
                // An error only means that the limit is reached.
                let _ = serde_json::Deserializer::from_str(json).deserialize_any(&mut *self);
                self.depth -= 1;
            }
            _ => self.text.push_str(&self.compat.number(json)),
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.text.push_str(self.compat.word(None)),
            Value::Bool(one) => self.text.push_str(self.compat.word(Some(*one))),
            Value::Number(one) => self.text.push_str(&self.compat.number(&one.to_string())),
            Value::String(text) => self.string(text),
            Value::Array(items) => self.list(items.iter().map(Ok::<_, ()>), Self::value),
            Value::Object(properties) => self.dict(properties.iter(), Self::value),
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
        properties: impl Iterator<Item = (&'k String, T)>,
        show: fn(&mut Self, T),
    ) {
        self.text.push('{');
        for (i, (key, value)) in properties.enumerate() {
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
        let quote = self.compat.quote(text);
        self.text.push(quote);
        for c in text.chars() {
            if self.is_full() {
                return;
            }
            self.compat.push(&mut self.text, c, quote);
        }
        self.text.push(quote);
    }
}

impl<'de> Visitor<'de> for &mut Writer {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let items = std::iter::from_fn(|| items.next_element::<&RawValue>().transpose());
        self.list(items, |out, item| out.json(item.get()));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut properties: A) -> Result<(), A::Error> {
        let mut texts = IndexMap::<String, &RawValue>::new();
        while let Some(name) = properties.next_key::<Cow<'_, str>>()? {
            // A repeated property has the position of the first and the value of the last.
            let is_shown = self.capacity > texts.len() || texts.contains_key(&*name);
            if is_shown {
                texts.insert(name.into_owned(), properties.next_value()?);
            } else {
                properties.next_value::<IgnoredAny>()?;
            }
        }
        self.capacity -= texts.len();
        self.dict(texts.iter(), |out, value| out.json(value.get()));
        Ok(())
    }
}

/// Returns the beginning of a JSON string as a JSON string, because the rest is not quoted.
fn beginning(json: &str, limit: usize) -> Cow<'_, str> {
    let most = limit.saturating_mul(MAX_ESCAPE);
    if json.len() <= most {
        return json.into();
    }
    let (mut end, mut after_high) = (0, false);
    let mut at = 1;
    while at < most {
        // The string must not end between the halves of a surrogate pair.
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{MAX_DEPTH, repr, repr_value};
    use crate::compat::Compat;

    #[track_caller]
    fn are_written(compat: Compat, pairs: &[(&str, &str)]) {
        for (json, expected) in pairs {
            assert_eq!(repr(json, compat, 1_000), *expected, "{json}");
            let value: Value = serde_json::from_str(json).unwrap();
            // A parsed value does not preserve the notation of these.
            let is_same = json.len() != 30 && *json != "-0" && *json != "1e2" && *json != "1E16";
            assert!(
                !is_same || repr_value(&value, compat, 1_000) == *expected,
                "{json}"
            );
        }
    }

    #[test]
    fn values_are_written_in_json_notation() {
        are_written(
            Compat::Standard,
            &[
                ("null", "null"),
                ("true", "true"),
                ("false", "false"),
                ("20", "20"),
                ("-0", "-0"),
                ("1e2", "1e2"),
                ("1.0", "1.0"),
                (
                    "123456789012345678901234567890",
                    "123456789012345678901234567890",
                ),
                (r#""20""#, r#""20""#),
                (r#""it's \"q\"""#, r#""it's \"q\"""#),
                (r#""a\n\t\r\\b""#, r#""a\n\t\r\\b""#),
                (r#""\u0001\u007f\u200b é""#, r#""\u0001\u007f\u200b é""#),
                (r#""\udb40\udc01""#, r#""\udb40\udc01""#),
                (r#"[ "a",1 ]"#, r#"["a", 1]"#),
                (
                    r#"{"a":[1,null],"b":{"c":1.5}}"#,
                    r#"{"a": [1, null], "b": {"c": 1.5}}"#,
                ),
            ],
        );
    }

    /// Each pair was printed by `print(repr(json.loads(left)))`.
    #[test]
    fn values_are_written_in_python_notation() {
        are_written(
            Compat::Connexion,
            &[
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
            ],
        );
    }

    #[test]
    fn a_long_value_is_truncated() {
        let long = format!("[{}1]", "[1,2],".repeat(100_000));
        assert_eq!(repr(&long, Compat::Standard, 10), "[[1, 2], […");
        let text = format!("\"{}\"", "é".repeat(100_000));
        assert_eq!(repr(&text, Compat::Standard, 4), "\"é…");
        let escaped = format!("\"{}\"", r"\uD83D\ude00".repeat(100));
        for limit in 5..40 {
            assert!(
                repr(&escaped, Compat::Standard, limit).starts_with("\"😀"),
                "{limit}"
            );
        }
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        assert_eq!(
            repr(&deep, Compat::Standard, 1_000),
            "[".repeat(MAX_DEPTH) + "…" + &"]".repeat(MAX_DEPTH)
        );
    }
}
