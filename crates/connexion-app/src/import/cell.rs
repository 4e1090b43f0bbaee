//! Cells: what each column accepts, and the reason when it doesn't.
//!
//! Here a text becomes a value, which is kinder about spelling than JSON is. Whether the value is good the contract's
//! schema decides (`row.rs`).

use std::num::IntErrorKind;
use std::str;

use crate::person::Sex;

/// How much of a bad cell is repeated in the reason.
const REPEATED: usize = 40;

/// What programs write in the place of a value that is missing.
const MISSING: [&str; 6] = ["NA", "N/A", "NaN", "null", "None", "?"];

/// A value, or why the cell has none.
pub(super) type Checked<T> = Result<T, String>;

/// `0`/`1`, `true`/`false` or `yes`/`no`, in any letter case.
pub(super) fn survived(cell: &[u8]) -> Checked<bool> {
    let text = word(cell)?;
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match text {
        _ if is(["0", "0.0", "false", "no"]) => Ok(false),
        _ if is(["1", "1.0", "true", "yes"]) => Ok(true),
        _ => Err(format!(
            "{} is not 0 or 1, true or false, yes or no",
            quoted(text)
        )),
    }
}

/// A 32-bit integer, perhaps with zeros as a fraction: so programs write a column in which values are missing.
pub(super) fn integer(text: &str) -> Checked<i32> {
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    whole
        .parse()
        .map_err(|error: std::num::ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => out_of_range(text),
            _ => no_number(text, "a whole number"),
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
pub(super) fn age(text: &str) -> Checked<(i32, bool)> {
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
pub(super) fn fare(text: &str) -> Checked<f64> {
    finite(text)
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
        Ok(_) => Err(no_number(text, "a finite number")),
        Err(_) => Err(no_number(text, "a number")),
    }
}

fn no_number(text: &str, expected: &str) -> String {
    if MISSING.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return format!("the value is missing ({})", quoted(text));
    }
    format!("{} is not {expected}", quoted(text))
}

fn out_of_range(text: &str) -> String {
    format!("{} does not fit into 32 bits", quoted(text))
}

/// What a cell says without the space around it, no-break spaces too.
pub(super) fn word(cell: &[u8]) -> Checked<&str> {
    match utf8(cell)?.trim() {
        "" => Err("the cell is empty".to_owned()),
        text => Ok(text),
    }
}

fn utf8(cell: &[u8]) -> Checked<&str> {
    let reason = "the text is not UTF-8, perhaps it is windows-1252: save the file as UTF-8";
    str::from_utf8(cell).map_err(|_not_utf8| reason.to_owned())
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
        for cell in ["1", "1.0", "true", "TRUE", "Yes", " yes\u{a0}"] {
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
        assert_eq!(integer("-2147483648"), Ok(i32::MIN));
        assert_eq!(integer("+2147483647"), Ok(i32::MAX));
        assert_eq!(integer("3.0"), Ok(3));
        refused(
            integer("2147483648"),
            "'2147483648' does not fit into 32 bits",
        );
        refused(
            integer("-99999999999999999999"),
            "'-99999999999999999999' does not fit into 32 bits",
        );
        refused(integer("3.5"), "'3.5' is not a whole number");
        refused(integer(".0"), "'.0' is not a whole number");
        refused(integer("0x1"), "'0x1' is not a whole number");
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
            assert_eq!(age(cell), Ok((years, cut)), "{cell}");
        }
        refused(age("2147483648"), "'2147483648' does not fit into 32 bits");
        refused(
            age("-2147483649"),
            "'-2147483649' does not fit into 32 bits",
        );
        refused(age("1e300"), "'1e300' does not fit into 32 bits");
        refused(age("NaN"), "the value is missing ('NaN')");
        refused(age("-inf"), "'-inf' is not a finite number");
        refused(age("abc"), "'abc' is not a number");
        refused(age("22,5"), "'22,5' is not a number");
        refused(age("n/a"), "the value is missing ('n/a')");
    }

    #[test]
    fn fares_are_finite() {
        assert_eq!(fare("7"), Ok(7.0));
        assert_eq!(fare("-1.5e-3"), Ok(-0.0015));
        refused(fare("1e400"), "'1e400' is not a finite number");
        refused(fare("Infinity"), "'Infinity' is not a finite number");
        refused(fare("£7"), "'£7' is not a number");
    }

    #[test]
    fn names_are_any_text() {
        assert_eq!(name(b" \"a\" "), Ok(" \"a\" ".to_owned()));
        assert_eq!(name(b""), Ok(String::new()));
        refused(
            name(b"caf\xe9"),
            "the text is not UTF-8, perhaps it is windows-1252: save the file as UTF-8",
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
