//! Cells: what each column accepts, and the reason when it doesn't.
//!
//! Here a text becomes a value, which is kinder about spelling than JSON is. Whether the value is good the contract's
//! schema decides (`row.rs`).

use std::num::IntErrorKind;
use std::str;

use crate::person::Sex;

/// How much of a bad cell is repeated in the reason.
const REPEATED: usize = 40;

/// A value, or why the cell has none.
pub(super) type Checked<T> = Result<T, String>;

/// `0`/`1`, `true`/`false` or `yes`/`no`, in any letter case.
pub(super) fn survived(cell: &[u8]) -> Checked<bool> {
    let text = word(cell)?;
    let is = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match text {
        _ if is(["0", "false", "no"]) => Ok(false),
        _ if is(["1", "true", "yes"]) => Ok(true),
        _ => Err(format!(
            "{} is not 0 or 1, true or false, yes or no",
            quoted(text)
        )),
    }
}

/// A 32-bit integer.
pub(super) fn integer(cell: &[u8]) -> Checked<i32> {
    let text = word(cell)?;
    text.parse()
        .map_err(|error: std::num::ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => out_of_range(text),
            _ => format!("{} is not a whole number", quoted(text)),
        })
}

/// Any text. It may be empty, and spaces belong to it.
pub(super) fn name(cell: &[u8]) -> Checked<String> {
    utf8(cell).map(str::to_owned)
}

/// `male`, `female` or `other`, in any letter case.
pub(super) fn sex(cell: &[u8]) -> Checked<Sex> {
    let text = word(cell)?;
    Sex::ALL
        .into_iter()
        .find(|sex| text.eq_ignore_ascii_case(sex.as_str()))
        .ok_or_else(|| format!("{} is not male, female or other", quoted(text)))
}

/// Whole years, and whether a fraction was cut off (towards zero).
pub(super) fn age(cell: &[u8]) -> Checked<(i32, bool)> {
    let text = word(cell)?;
    if let Ok(whole) = text.parse() {
        return Ok((whole, false));
    }
    let age = finite(text)?;
    let whole = age.trunc();
    if !(f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&whole) {
        return Err(out_of_range(text));
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    let years = whole as i32;
    #[expect(clippy::float_cmp, reason = "any difference is a fraction")]
    let cut = whole != age;
    Ok((years, cut))
}

/// A finite number.
pub(super) fn fare(cell: &[u8]) -> Checked<f64> {
    finite(word(cell)?)
}

/// The start of a cell between quotes, fit for a terminal: control characters are escaped.
pub(super) fn quoted(text: &str) -> String {
    let start: String = text
        .chars()
        .take(REPEATED)
        .flat_map(char::escape_debug)
        .collect();
    let more = if text.chars().nth(REPEATED).is_some() {
        "…"
    } else {
        ""
    };
    format!("'{start}{more}'")
}

fn finite(text: &str) -> Checked<f64> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err(format!("{} is not a finite number", quoted(text))),
        Err(_) => Err(format!("{} is not a number", quoted(text))),
    }
}

fn out_of_range(text: &str) -> String {
    format!("{} does not fit into 32 bits", quoted(text))
}

/// What a cell says without the space around it.
fn word(cell: &[u8]) -> Checked<&str> {
    match utf8(cell.trim_ascii())? {
        "" => Err("the cell is empty".to_owned()),
        text => Ok(text),
    }
}

fn utf8(cell: &[u8]) -> Checked<&str> {
    str::from_utf8(cell).map_err(|error| format!("the text is not UTF-8 ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused<T: std::fmt::Debug>(checked: Checked<T>, reason: &str) {
        assert_eq!(checked.unwrap_err(), reason);
    }

    #[test]
    fn survived_is_read_in_all_its_spellings() {
        for cell in ["1", "true", "TRUE", "Yes", " yes "] {
            assert_eq!(survived(cell.as_bytes()), Ok(true), "{cell}");
        }
        for cell in ["0", "false", "False", "nO"] {
            assert_eq!(survived(cell.as_bytes()), Ok(false), "{cell}");
        }
        refused(
            survived(b"2"),
            "'2' is not 0 or 1, true or false, yes or no",
        );
        refused(survived(b" "), "the cell is empty");
    }

    #[test]
    fn integers_have_32_bits() {
        assert_eq!(integer(b"-2147483648"), Ok(i32::MIN));
        assert_eq!(integer(b" 2147483647"), Ok(i32::MAX));
        refused(
            integer(b"2147483648"),
            "'2147483648' does not fit into 32 bits",
        );
        refused(
            integer(b"-99999999999999999999"),
            "'-99999999999999999999' does not fit into 32 bits",
        );
        refused(integer(b"3.0"), "'3.0' is not a whole number");
        refused(integer(b""), "the cell is empty");
    }

    #[test]
    fn ages_are_cut_towards_zero() {
        for (cell, years, cut) in [
            ("38", 38, false),
            ("38.0", 38, false),
            ("1e1", 10, false),
            ("0.92", 0, true),
            ("-0.5", 0, true),
            ("-1.9", -1, true),
            ("2147483647.9", i32::MAX, true),
            ("-2147483648.9", i32::MIN, true),
        ] {
            assert_eq!(age(cell.as_bytes()), Ok((years, cut)), "{cell}");
        }
        refused(age(b"2147483648"), "'2147483648' does not fit into 32 bits");
        refused(
            age(b"-2147483649"),
            "'-2147483649' does not fit into 32 bits",
        );
        refused(age(b"1e300"), "'1e300' does not fit into 32 bits");
        refused(age(b"NaN"), "'NaN' is not a finite number");
        refused(age(b"-inf"), "'-inf' is not a finite number");
        refused(age(b"abc"), "'abc' is not a number");
        refused(age(b"22,5"), "'22,5' is not a number");
        refused(age(b""), "the cell is empty");
    }

    #[test]
    fn fares_are_finite() {
        assert_eq!(fare(b"7"), Ok(7.0));
        assert_eq!(fare(b"-1.5e-3"), Ok(-0.0015));
        refused(fare(b"1e400"), "'1e400' is not a finite number");
        refused(fare(b"Infinity"), "'Infinity' is not a finite number");
        refused(fare(b"\xc2\xa37"), "'£7' is not a number");
    }

    #[test]
    fn names_are_any_text() {
        assert_eq!(name(b" \"a\" "), Ok(" \"a\" ".to_owned()));
        assert_eq!(name(b""), Ok(String::new()));
        refused(
            name(b"caf\xe9"),
            "the text is not UTF-8 (incomplete utf-8 byte sequence from index 3)",
        );
    }

    #[test]
    fn sexes_are_read_in_any_case() {
        assert_eq!(sex(b"Female"), Ok(Sex::Female));
        assert_eq!(sex(b"MALE"), Ok(Sex::Male));
        assert_eq!(sex(b"other"), Ok(Sex::Other));
        refused(sex(b"m"), "'m' is not male, female or other");
    }

    #[test]
    fn reasons_repeat_no_more_than_the_start_and_no_control_characters() {
        assert_eq!(quoted("\u{1b}[31m\n"), "'\\u{1b}[31m\\n'");
        assert_eq!(quoted(&"x".repeat(41)), format!("'{}…'", "x".repeat(40)));
    }
}
