//! Generation of strings: simplest first, longest last.

use fastrand::Rng;
use serde_json::Value;

use super::{pattern, view::View};

/// The maximum length for a `maxLength`, in characters.
const MAX_LENGTH: usize = 1_000;

/// The maximum `minLength` that is supported.
const MAX_MIN_LENGTH: usize = 100_000;

/// The length of a long string without `maxLength`.
const LONG: usize = 100;

/// Strings for schemas without usable rules, such as a format of the application.
const OTHERS: [&str; 12] = [
    "text",
    "a",
    "A",
    "1",
    "00000000",
    "2024-02-29",
    "2024-02-29T12:30:45Z",
    "a@example.com",
    "example.com",
    "https://example.com/a?b=c",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "+4930123456",
];

/// Returns valid values of a format, simplest first. All are common forms that libraries for the format accept: a rare
/// form would say nothing about a handler.
fn of_format(name: &str) -> &'static [&'static str] {
    match name {
        "byte" => &["dGV4dA==", "", "+/8="],
        "date" => &["2024-02-29", "0001-01-01", "9999-12-31"],
        "date-time" => &[
            "2024-02-29T12:30:45Z",
            "2024-02-29T12:30:45.123456+05:30",
            "1969-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "9999-12-30T23:59:59.999999999Z",
        ],
        "duration" => &["P1D", "PT0S", "P1Y2M3DT4H5M6S"],
        "email" => &["a@example.com", "first.last+tag@sub.example.com"],
        "hostname" => &["example.com", "a", "xn--bcher-kva.example"],
        "idn-email" => &["a@example.com", "ä@bücher.example"],
        "idn-hostname" => &["example.com", "bücher.example"],
        "ipv4" => &["192.0.2.1", "0.0.0.0", "255.255.255.255"],
        "ipv6" => &["2001:db8::1", "::", "::ffff:192.0.2.1"],
        "iri" => &["https://example.com/a", "https://bücher.example/ä?ö=ü#ß"],
        "iri-reference" => &["https://example.com/a", "", "../ä?ö=ü#ß"],
        "json-pointer" => &["/a", "", "/a~1b/0"],
        "regex" => &["^a+$", "", "[0-9]"],
        "relative-json-pointer" => &["1/a", "0", "2#"],
        "time" => &["12:30:45Z", "12:30:45.123+05:30", "00:00:00Z"],
        "uri" => &[
            "https://example.com/a",
            "http://[2001:db8::1]:8080/a%20b?c=d#e",
        ],
        "uri-reference" => &["https://example.com/a", "", "../a?b=c#d"],
        "uri-template" => &["https://example.com/{a}", "", "/a{?b,c}"],
        "uuid" => &[
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        ],
        _ => &[],
    }
}

/// Returns whether a format does not restrict the characters of a string.
fn is_free(format: &str) -> bool {
    matches!(
        format,
        "binary" | "password" | "int32" | "int64" | "float" | "double"
    )
}

/// Returns strings that the view allows. For an unsupported format or pattern they are guesses.
pub(super) fn candidates(view: &View<'_>, rng: &mut Rng) -> Vec<Value> {
    let text = &view.string;
    let mut found: Vec<String> = Vec::new();
    let samples = || view.samples.iter().filter_map(|sample| sample.as_str());
    let most = text.max_length.unwrap_or(usize::MAX);
    let formats: Vec<_> = text.formats.iter().filter(|name| !is_free(name)).collect();
    if formats.is_empty() && text.patterns.is_empty() {
        found.extend(free(text.min_length, text.max_length));
    } else if let Some(first) = text.patterns.first() {
        let made = pattern::candidates(first, text.min_length, most.min(MAX_LENGTH), rng);
        found.extend(made.iter().flatten().cloned());
        if made.is_none() {
            found.extend(samples().map(str::to_owned));
        }
    }
    for format in formats {
        found.extend(of_format(format).iter().map(|text| (*text).to_owned()));
        if of_format(format).is_empty() {
            found.extend(samples().map(str::to_owned));
        }
    }
    if found.is_empty() || !text.patterns.is_empty() {
        found.extend(OTHERS.map(str::to_owned));
    }
    let mut values: Vec<Value> = Vec::with_capacity(found.len());
    for one in found {
        let length = one.chars().count();
        let value = Value::String(one);
        if (text.min_length..=most).contains(&length) && !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// Returns strings for a schema that limits only the length.
fn free(least: usize, most: Option<usize>) -> Vec<String> {
    let greatest = most.unwrap_or_else(|| least.max(LONG));
    if least > greatest || least > MAX_MIN_LENGTH {
        return Vec::new();
    }
    let length = "text".len().clamp(least, greatest);
    vec![
        "text".chars().cycle().take(length).collect(),
        "a".repeat(least),
        // Two bytes in UTF-8, and four.
        "é".repeat(length),
        "\u{1f600}".repeat(least.max(1).min(greatest)),
        "a".repeat(greatest.min(least.max(MAX_LENGTH))),
    ]
}

/// Returns strings that probably violate one of the rules.
pub(super) fn invalid(view: &View<'_>, valid: &str, rng: &mut Rng) -> Vec<Value> {
    let text = &view.string;
    let shorter = text.min_length.saturating_sub(1);
    let mut found: Vec<String> = vec![valid.chars().take(shorter).collect()];
    if let Some(longer) = text.max_length.filter(|most| *most < MAX_MIN_LENGTH) {
        let longer = longer + 1;
        found.push(
            valid
                .chars()
                .chain("a".chars().cycle())
                .take(longer)
                .collect(),
        );
        found.push("a".repeat(longer));
    }
    if let Some(first) = text.patterns.first() {
        let made = pattern::candidates(first, 0, MAX_LENGTH, rng).unwrap_or_default();
        // Matching strings of various lengths. Some may be invalid.
        found.extend(made.into_iter().rev().take(3));
        let most = text.max_length.unwrap_or(MAX_LENGTH).min(MAX_LENGTH);
        if let Some(length) = Some(text.min_length.max(1)).filter(|least| *least <= most) {
            found.extend([" ", "!", "a", "A", "0", "é"].map(|one| one.repeat(length)));
        }
    }
    found.extend(["", "!", "not valid", "~"].map(str::to_owned));
    if !text.formats.is_empty() {
        found.push("!".repeat(text.min_length.clamp(1, LONG)));
    }
    found.into_iter().map(Value::String).collect()
}

/// Returns random letters and digits of a valid length; `None` if the view restricts more than the length.
pub(super) fn random(view: &View<'_>, rng: &mut Rng) -> Option<Value> {
    let text = &view.string;
    let is_free = text.patterns.is_empty() && text.formats.iter().all(|name| is_free(name));
    let most = text.max_length.unwrap_or(usize::MAX);
    let most = most.min(text.min_length.saturating_add(20));
    if !is_free || text.min_length > most || most > MAX_MIN_LENGTH {
        return None;
    }
    let length = rng.usize(text.min_length..=most);
    let letters = std::iter::repeat_with(|| rng.alphanumeric());
    Some(Value::String(letters.take(length).collect()))
}
