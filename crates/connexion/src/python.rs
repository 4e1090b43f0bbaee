//! JSON values in Python's notation, because the sentences of the original service were written by Python
//! and clients match them: `None`, `True`, `40.0`, `1e+16`, `'it\'s "q"'`, `['a']`, `{'a': [1, None]}`.
//!
//! Works on JSON text, not on parsed values: a number too large for any machine type is still shown as it
//! was sent. Only used when a fault is reported.

use std::{fmt::Write as _, sync::LazyLock};

use indexmap::IndexMap;
use regex::Regex;
use serde_json::value::RawValue;

use crate::node::unescape;

/// What `str.isprintable` refuses (Unicode categories "Other" and "Separator"), but for the space.
static UNPRINTABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\p{C}\p{Z}--\x20]$").expect("the expression is constant"));

/// Python's `repr` of the value that `json` stands for. What is not JSON is given back as it is.
pub(crate) fn repr(json: &str) -> String {
    let json = json.trim_ascii();
    match json.bytes().next() {
        Some(b'n') => "None".to_owned(),
        Some(b't') => "True".to_owned(),
        Some(b'f') => "False".to_owned(),
        Some(b'"') => serde_json::from_str::<String>(json)
            .map_or_else(|_| json.to_owned(), |text| string(&text)),
        Some(b'[') => list(json),
        Some(b'{') => dict(json),
        _ => number(json),
    }
}

/// Python's `repr` of a `str`.
pub(crate) fn string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if !UNPRINTABLE.is_match(c.encode_utf8(&mut [0; 4])) => out.push(c),
            c => escape(&mut out, u32::from(c)),
        }
    }
    out.push(quote);
    out
}

/// The JSON text at a JSON Pointer inside `json`; `None` if there is nothing.
pub(crate) fn at_pointer<'j>(json: &'j str, pointer: &str) -> Option<&'j str> {
    let mut tokens = pointer.split('/').skip(1);
    tokens.try_fold(json.trim_ascii(), |json, token| {
        let below = if json.starts_with('{') {
            members(json)?.swap_remove(&unescape(token))?
        } else {
            *serde_json::from_str::<Vec<&RawValue>>(json)
                .ok()?
                .get(token.parse::<usize>().ok()?)?
        };
        Some(below.get())
    })
}

fn members(json: &str) -> Option<IndexMap<String, &RawValue>> {
    serde_json::from_str(json).ok()
}

fn list(json: &str) -> String {
    let items: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
    let items: Vec<_> = items.into_iter().map(|item| repr(item.get())).collect();
    format!("[{}]", items.join(", "))
}

fn dict(json: &str) -> String {
    let members = members(json).unwrap_or_default();
    let members: Vec<_> = members
        .iter()
        .map(|(key, value)| format!("{}: {}", string(key), repr(value.get())))
        .collect();
    format!("{{{}}}", members.join(", "))
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
    use super::{at_pointer, repr};

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
            assert_eq!(repr(json), expected, "{json}");
        }
    }

    #[test]
    fn the_text_at_a_pointer_is_found() {
        let json = r#" {"a": [1, {"b/c": 1e2}], "d": 1, "d": 2} "#;
        assert_eq!(at_pointer(json, "/a/1/b~1c"), Some("1e2"));
        assert_eq!(at_pointer(json, "/d"), Some("2"));
        assert_eq!(at_pointer(json, ""), Some(json.trim()));
        assert_eq!(at_pointer(json, "/a/7"), None);
    }
}
