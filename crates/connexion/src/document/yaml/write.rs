//! Writes values as YAML 1.2 in block style. Parsing the text again returns an equal value.

use std::fmt::Write as _;

use serde_json::Value;

/// Writes a value as YAML.
pub(crate) fn write(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => block(&mut text, value, 0),
        Value::Array(items) if !items.is_empty() => block(&mut text, value, 0),
        scalar => {
            text.push_str(&quoted(scalar));
            text.push('\n');
        }
    }
    text
}

/// Writes the lines of a non-empty object or array. The first line continues the last line of `text`.
fn block(text: &mut String, value: &Value, depth: usize) {
    let indent = |text: &mut String, is_first: bool| {
        if !is_first {
            text.extend(std::iter::repeat_n("  ", depth));
        }
    };
    match value {
        Value::Object(members) => {
            for (i, (key, member)) in members.iter().enumerate() {
                indent(text, i == 0);
                text.push_str(&key_text(key));
                text.push(':');
                field_value(text, member, depth);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                indent(text, i == 0);
                text.push('-');
                item_value(text, item, depth);
            }
        }
        _ => {}
    }
}

/// Writes the value after the colon of a key.
fn field_value(text: &mut String, member: &Value, depth: usize) {
    if is_block(member) {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth + 1));
        block(text, member, depth + 1);
    } else {
        scalar(text, member, depth + 1);
    }
}

/// Writes the value after the hyphen of an item. Its first line follows on the same line.
fn item_value(text: &mut String, item: &Value, depth: usize) {
    if is_block(item) {
        text.push(' ');
        block(text, item, depth + 1);
    } else {
        scalar(text, item, depth + 1);
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn scalar(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::String(string) if is_plain(string) => {
            let _ = writeln!(text, " {string}");
        }
        Value::String(string) if is_literal(string) => {
            let mark = if string.ends_with('\n') { "" } else { "-" };
            let _ = writeln!(text, " |{mark}");
            for line in string.lines() {
                if !line.is_empty() {
                    text.extend(std::iter::repeat_n("  ", depth));
                }
                let _ = writeln!(text, "{line}");
            }
        }
        other => {
            let _ = writeln!(text, " {}", quoted(other));
        }
    }
}

fn key_text(key: &str) -> String {
    if is_plain(key) {
        key.to_owned()
    } else {
        quoted(&Value::from(key))
    }
}

/// Writes JSON, which is YAML except for characters that YAML does not consider printable (YAML 1.2.2, section 5.1).
fn quoted(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        if is_printable(c) {
            text.push(c);
        } else {
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        }
    }
    text
}

fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// Returns whether a string needs no quotes: it has no YAML indicators and is a string in YAML 1.1, too.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let is_word = |word: &&str| text.eq_ignore_ascii_case(word);
    let may_start = |c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '$' | '_');
    let may_follow = |c: char| c.is_ascii_alphanumeric() || " /$_-.(){}+;=".contains(c);
    text.starts_with(may_start)
        && text.chars().all(may_follow)
        && !text.ends_with(' ')
        && !WORDS.iter().any(is_word)
}

/// Returns whether a string can be a literal block: it has several lines and no leading or trailing whitespace that
/// would be lost.
fn is_literal(text: &str) -> bool {
    let lines = || text.split('\n');
    text.contains('\n')
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
        && lines().all(|line| line.is_empty() || !line.trim().is_empty())
        && text.chars().all(|c| c == '\n' || is_printable(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;
    use crate::document::yaml;

    #[test]
    fn values_are_written_in_block_style() {
        let value = json!({
            "a": {"b": [1, "x y", "#x", [], {}, ["p", {"q": null, "r": true}]]},
            "200": "no",
            "text": "two\nlines\n",
            "more": [{"text": "x\n\n  y"}],
        });
        let expected = "a:\n  b:\n    - 1\n    - x y\n    - \"#x\"\n    - []\n    - {}\n    - - p\n      - q: null\n        \
            r: true\n\"200\": \"no\"\ntext: |\n  two\n  lines\nmore:\n  - text: |-\n      x\n\n        y\n";
        assert_eq!(write(&value), expected);
        assert_eq!(Value::from(&yaml::parse(expected).unwrap().root), value);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let characters = prop_oneof![
            8 => prop::sample::select("ab \n:#-'\"{}[],|>&*!%@`?~\\\t\r01.yn".chars().collect::<Vec<_>>()),
            1 => any::<char>(),
        ];
        let text = prop::collection::vec(characters, 0..12)
            .prop_map(|text| text.into_iter().collect::<String>());
        let scalar = prop_oneof![
            text.clone().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
        ];
        scalar.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((text.clone(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn written_values_are_read_back_equal(value in any_value()) {
            let text = write(&value);
            let again = yaml::parse(&text);
            prop_assert_eq!(Value::from(&again.unwrap().root), value, "{}", text);
        }
    }
}
