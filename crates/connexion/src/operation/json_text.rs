//! Decodes JSON bodies to text.

use std::borrow::Cow;

/// Decodes a JSON body. Returns `None` if it is none of UTF-8, UTF-16 and UTF-32.
///
/// The parameter `charset` has no meaning for JSON (RFC 8259, section 11). JSON is UTF-8 (RFC 8259, section 8.1), but
/// clients of the legacy service could send UTF-16 and UTF-32. A byte order mark or the zero bytes among the first
/// characters identify these (RFC 4627, section 3).
pub(crate) fn json_text(body: &[u8]) -> Option<Cow<'_, str>> {
    type Unit = fn(&[u8]) -> u32;
    let le16: Unit = |unit| {
        unit.iter()
            .rev()
            .fold(0, |code, byte| code << 8 | u32::from(*byte))
    };
    let be16: Unit = |unit| {
        unit.iter()
            .fold(0, |code, byte| code << 8 | u32::from(*byte))
    };
    let (skip, size, unit) = match body {
        [0xef, 0xbb, 0xbf, rest @ ..] => return std::str::from_utf8(rest).ok().map(Cow::Borrowed),
        [0xff, 0xfe, 0, 0, ..] => (4, 4, le16),
        [0, 0, 0xfe, 0xff, ..] => (4, 4, be16),
        [0xff, 0xfe, ..] => (2, 2, le16),
        [0xfe, 0xff, ..] => (2, 2, be16),
        [0, 0, 0, _, ..] => (0, 4, be16),
        [_, 0, 0, 0, ..] => (0, 4, le16),
        [0, _, ..] => (0, 2, be16),
        [_, 0, ..] => (0, 2, le16),
        _ => return std::str::from_utf8(body).ok().map(Cow::Borrowed),
    };
    let units = body.get(skip..)?.chunks(size);
    if !body.len().is_multiple_of(size) {
        return None;
    }
    let codes = units.map(unit);
    let text: Option<String> = if size == 4 {
        codes.map(char::from_u32).collect()
    } else {
        // Each unit has 16 bits.
        let halves = codes.map(|code| u16::try_from(code).unwrap_or_default());
        char::decode_utf16(halves).map(Result::ok).collect()
    };
    text.map(Cow::Owned)
}

/// Replaces every integer `-0` by `0`; returns `None` if there is none. `serde_json` reads `-0` as a float, Python as the
/// integer 0.
pub(crate) fn without_negative_zero(json: &str) -> Option<String> {
    let mut signs = signs_of_zeros(json.as_bytes()).peekable();
    // Most texts have none, so nothing is copied for them.
    signs.peek()?;
    let mut fixed = String::with_capacity(json.len());
    let mut from = 0;
    for at in signs {
        fixed.push_str(json.get(from..at)?);
        from = at + 1;
    }
    fixed.push_str(json.get(from..)?);
    Some(fixed)
}

/// Returns the positions of the signs of integers `-0`.
fn signs_of_zeros(json: &[u8]) -> impl Iterator<Item = usize> {
    let (mut in_string, mut escaped) = (false, false);
    let mut is_sign = move |at: usize, byte: u8| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'-' if !in_string => {
                let rest = json.get(at + 1..).unwrap_or_default();
                let is_float = matches!(rest.get(1), Some(b'.' | b'e' | b'E'));
                return rest.starts_with(b"0") && !is_float;
            }
            _ => {}
        }
        false
    };
    let bytes = json.iter().copied().enumerate();
    bytes.filter_map(move |(at, byte)| is_sign(at, byte).then_some(at))
}

#[cfg(test)]
mod tests {
    use super::{json_text, without_negative_zero};

    #[test]
    fn only_integers_lose_the_sign_of_zero() {
        let json =
            r#"{"a-0": -0, "b": ["-0\"-0", -0,-0 ], "c": -0.0, "d": -0e1, "e": -1, "f": 10-0}"#;
        let fixed = r#"{"a-0": 0, "b": ["-0\"-0", 0,0 ], "c": -0.0, "d": -0e1, "e": -1, "f": 100}"#;
        assert_eq!(without_negative_zero(json).as_deref(), Some(fixed));
        assert_eq!(without_negative_zero(r#"{"a-0": 0}"#), None);
    }

    #[test]
    fn json_is_decoded_in_every_unicode_encoding() {
        let text = "{\"a\": \"é😀\"}";
        let utf16: Vec<u16> = text.encode_utf16().collect();
        let le16: Vec<u8> = utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let be16: Vec<u8> = utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let le32: Vec<u8> = text
            .chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect();
        let be32: Vec<u8> = text
            .chars()
            .flat_map(|c| u32::from(c).to_be_bytes())
            .collect();
        for (mark, bytes) in [
            (&[0xef, 0xbb, 0xbf][..], text.as_bytes()),
            (&[0xff, 0xfe], &le16),
            (&[0xfe, 0xff], &be16),
            (&[0xff, 0xfe, 0, 0], &le32),
            (&[0, 0, 0xfe, 0xff], &be32),
        ] {
            assert_eq!(json_text(bytes).as_deref(), Some(text));
            assert_eq!(json_text(&[mark, bytes].concat()).as_deref(), Some(text));
        }
        assert_eq!(json_text(b"\xff\xff"), None);
        assert_eq!(json_text(b"{\0\""), None);
        assert_eq!(json_text(b""), Some("".into()));
    }
}
