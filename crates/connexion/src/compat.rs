//! Conventions that differ for clients of Python's connexion: which numbers are integers, and the notation of values
//! and locations in messages.

use std::{fmt::Write as _, sync::LazyLock};

use regex::Regex;
use serde_json::{Number, Value};

/// The conventions of a service where JSON Schema and Python's connexion differ; see
/// [`Api::compat`](crate::Api::compat).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Compat {
    /// JSON Schema and JSON: `1.0` is an integer, messages contain `"20"`, `null` and `true`, and locations are JSON
    /// Pointers.
    #[default]
    Standard,
    /// Python's connexion: a number with a fraction or an exponent is not an integer, nor is one beyond 64 bits;
    /// messages contain `'20'`, `None` and `True`; a body of `null` is not valid JSON.
    Connexion,
}

/// The characters that are not printable to Python's `str.isprintable`: the Unicode categories "Other" and "Separator",
/// except the space.
static UNPRINTABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[\p{C}\p{Z}--\x20]$").expect("the expression is constant"));

impl Compat {
    /// Returns whether a number is an integer. In JSON Schema it is one if its fraction is zero, regardless of notation
    /// and size (JSON Schema Validation 2020-12, section 6.1.1).
    pub(crate) fn is_integer(self, number: &Number) -> bool {
        let is_whole = || number.as_f64().is_some_and(|number| number.fract() == 0.0);
        !number.is_f64() || self == Self::Standard && is_whole()
    }

    /// Returns the literal of `null` or of a boolean.
    pub(crate) fn word(self, value: Option<bool>) -> &'static str {
        match (self, value) {
            (Self::Standard, None) => "null",
            (Self::Standard, Some(true)) => "true",
            (Self::Standard, Some(false)) => "false",
            (Self::Connexion, None) => "None",
            (Self::Connexion, Some(true)) => "True",
            (Self::Connexion, Some(false)) => "False",
        }
    }

    /// Returns a number, given as JSON, in the notation of messages.
    pub(crate) fn number(self, json: &str) -> String {
        match self {
            Self::Standard => json.to_owned(),
            Self::Connexion => python_number(json),
        }
    }

    /// Returns the quotation mark for a string.
    pub(crate) fn quote(self, text: &str) -> char {
        if self == Self::Connexion && (!text.contains('\'') || text.contains('"')) {
            '\''
        } else {
            '"'
        }
    }

    /// Appends a character of a string in `quote`s. Characters that are not printable are escaped, because a message
    /// may be printed on a terminal.
    pub(crate) fn push(self, out: &mut String, c: char, quote: char) {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c if !UNPRINTABLE.is_match(c.encode_utf8(&mut [0; 4])) => out.push(c),
            c => self.escape(out, c),
        }
    }

    fn escape(self, out: &mut String, c: char) {
        let code = u32::from(c);
        let written = match (self, code) {
            // RFC 8259, section 7.
            (Self::Standard, _) => c
                .encode_utf16(&mut [0; 2])
                .iter()
                .try_for_each(|unit| write!(out, "\\u{unit:04x}")),
            (Self::Connexion, 0..=0xff) => write!(out, "\\x{code:02x}"),
            (Self::Connexion, 0x100..=0xffff) => write!(out, "\\u{code:04x}"),
            (Self::Connexion, _) => write!(out, "\\U{code:08x}"),
        };
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }

    /// Returns the end of a sentence about a part of a body: its location.
    pub(crate) fn location(self, pointer: &str) -> String {
        match self {
            _ if pointer.is_empty() => String::new(),
            Self::Standard => format!(" at {pointer}"),
            Self::Connexion => {
                let path = pointer
                    .strip_prefix('/')
                    .unwrap_or(pointer)
                    .replace('/', ".");
                format!(" - '{}'", path.replace("~1", "/").replace("~0", "~"))
            }
        }
    }

    /// Returns whether a body with this value is reported as invalid JSON. The legacy service parsed invalid JSON as
    /// `null`.
    pub(crate) fn is_malformed(self, body: &Value) -> bool {
        self == Self::Connexion && body.is_null()
    }
}

/// Returns a number as Python's `repr` writes it.
fn python_number(json: &str) -> String {
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
    // Rust's `{:?}` has the digits of Python, and an exponent for the same numbers. Only the exponent is written
    // differently.
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

#[cfg(test)]
mod tests {
    use serde_json::Number;

    use super::Compat;

    #[test]
    fn a_number_without_fraction_is_an_integer() {
        for (number, standard, connexion) in [
            ("1", true, true),
            ("18446744073709551615", true, true),
            ("1.0", true, false),
            ("1e3", true, false),
            ("-0.0", true, false),
            ("123456789012345678901234567890", true, false),
            ("1.5", false, false),
        ] {
            let number: Number = serde_json::from_str(number).unwrap();
            assert_eq!(Compat::Standard.is_integer(&number), standard, "{number}");
            assert_eq!(Compat::Connexion.is_integer(&number), connexion, "{number}");
        }
    }
}
