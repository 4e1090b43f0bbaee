//! Numbers as people read them.

use serde::Serialize;

/// From here on a fare is written with an exponent: nobody counts so many digits.
const HUGE: f64 = 1e15;

/// Less than this would be shown as nothing.
const TINY: f64 = 0.005;

/// A whole number, its thousands apart.
pub(super) fn whole(number: impl Into<i128>) -> String {
    grouped(&number.into().to_string())
}

/// A fare, in pounds and pence.
pub(super) fn fare(pounds: f64) -> String {
    let size = pounds.abs();
    let sign = if pounds < 0.0 { "−" } else { "" };
    if size >= HUGE || (size > 0.0 && size < TINY) {
        format!("{sign}£{size:.2e}")
    } else {
        format!("{sign}£{}", grouped(&format!("{size:.2}")))
    }
}

/// A number as JSON writes it, but for the `.0` of one that is whole: as it is entered into a form.
pub(super) fn plain(number: impl Serialize) -> String {
    let text = serde_json::to_string(&number).unwrap_or_default();
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A share in whole hundredths. All and nothing are told only if it is all or nothing.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let rounded = (u128::from(part) * 200 + u128::from(whole)) / (u128::from(whole) * 2);
    let rounded = u64::try_from(rounded).unwrap_or(100);
    match rounded {
        0 if part > 0 => 1,
        100 if part < whole => 99,
        _ => rounded,
    }
}

/// The digits before the point in threes, and a minus that is as wide as a plus.
fn grouped(number: &str) -> String {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => ("−", digits),
        None => ("", number),
    };
    let end = digits.find('.').unwrap_or(digits.len());
    let mut text = sign.to_owned();
    for (at, digit) in digits.char_indices() {
        if at > 0 && at < end && (end - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_so_that_people_can_read_them() {
        assert_eq!(
            [0, 999, 1_000, -1_234_567].map(whole),
            ["0", "999", "1,000", "−1,234,567"]
        );
        assert_eq!(whole(i32::MIN), "−2,147,483,648");
        let fares = [0.0, 7.25, 26.0, 512.3292, 1_234_567.5, -3.5, 1e300, 1e-9];
        let texts = [
            "£0.00",
            "£7.25",
            "£26.00",
            "£512.33",
            "£1,234,567.50",
            "−£3.50",
            "£1.00e300",
            "£1.00e-9",
        ];
        assert_eq!(fares.map(fare), texts);
        assert_eq!(
            [7.0, 7.25, 1e300, -0.5].map(plain),
            ["7", "7.25", "1e+300", "-0.5"]
        );
    }

    #[test]
    fn all_and_nothing_are_told_only_if_it_is() {
        let shares = [
            (0, 0),
            (0, 5),
            (5, 5),
            (1, 3),
            (2, 3),
            (1, 1000),
            (999, 1000),
            (1, 200),
        ];
        let percents = [0, 0, 100, 33, 67, 1, 99, 1];
        assert_eq!(shares.map(|(part, whole)| percent(part, whole)), percents);
    }
}
