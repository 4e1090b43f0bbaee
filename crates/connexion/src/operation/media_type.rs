//! Media types, and how a JSON body's bytes become text.

use std::{borrow::Cow, sync::Arc};

use encoding_rs::Encoding;
use http::{HeaderMap, HeaderValue, header};

/// A media type or media range that the document names, in lower case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct MediaType {
    essence: Arc<str>,
    /// Those without which a type is another one, such as `v=2`; the charset is none of them.
    parameters: Vec<(String, String)>,
}

impl MediaType {
    pub(crate) fn parse(text: &str) -> Self {
        let essence = essence(text).to_ascii_lowercase();
        let parameters = parameters(text).filter(|(name, _)| !name.eq_ignore_ascii_case("charset"));
        Self {
            essence: essence.into(),
            parameters: parameters
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.essence
    }

    /// Whether this `Content-Type` is written as the document writes the type, and there is no more to say of it.
    pub(crate) fn is_just(&self, content_type: &str) -> bool {
        self.parameters.is_empty() && &*self.essence == content_type
    }

    /// Whether what is of it is JSON. Documents of some frameworks say `text/json`.
    pub(crate) fn is_json(&self) -> bool {
        is_json(&self.essence) || &*self.essence == "text/json"
    }

    /// The types of JSON within a range that has others, too: what is described can be checked there, if nowhere else.
    pub(crate) fn json_within(&self) -> &'static [&'static str] {
        match &*self.essence {
            "*/*" | "application/*" => &["application/json", ANY_JSON],
            _ => &[],
        }
    }

    /// Whether it is `application/json` itself.
    pub(crate) fn is_plain_json(&self) -> bool {
        &*self.essence == "application/json"
    }

    pub(crate) fn is_text(&self) -> bool {
        self.essence.starts_with("text/")
    }

    /// Whether each line is a JSON text.
    pub(crate) fn is_json_lines(&self) -> bool {
        const NAMES: [&str; 5] = ["x-ndjson", "ndjson", "jsonl", "x-jsonlines", "json-lines"];
        let name = self.essence.strip_prefix("application/");
        name.is_some_and(|name| NAMES.contains(&name))
    }

    pub(crate) fn is_csv(&self) -> bool {
        &*self.essence == "text/csv"
    }

    /// The same without a copy.
    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.essence)
    }

    /// Whether it stands for many types.
    pub(crate) fn is_range(&self) -> bool {
        self.essence.contains('*')
    }

    /// How exactly a media range of a client speaks of this type, higher is more; `None` if it does not. `*` is
    /// what some clients write for `*/*`.
    pub(crate) fn exactness(&self, range: &str) -> Option<usize> {
        let (kind, subtype) = self.essence.split_once('/')?;
        let (wanted, wanted_subtype) = range.split_once('/').unwrap_or(("*", "*"));
        let is_same = |own: &str, wanted: &str| fits(own, wanted);
        match (wanted, wanted_subtype) {
            ("*", _) => Some(0),
            (wanted, "*") => is_same(kind, wanted).then_some(1),
            (wanted, subtype_wanted) => {
                (is_same(kind, wanted) && is_same(subtype, subtype_wanted)).then_some(2)
            }
        }
    }

    /// How well a body with this `Content-Type` fits where the document says this type, 0 best; `None` if it
    /// does not. A type with a suffix is a type of its own (RFC 6838, section 4.2.8): where the document says
    /// `application/json`, a body of `application/vnd.x+json` is none.
    pub(crate) fn distance(&self, content_type: &str) -> Option<usize> {
        let essence = essence(content_type);
        let is_sent = |(name, value): &(String, String)| {
            let same = |(a, b): (&str, &str)| {
                a.eq_ignore_ascii_case(name) && b.eq_ignore_ascii_case(value)
            };
            parameters(content_type).any(same)
        };
        if !self.parameters.iter().all(is_sent) {
            return None;
        }
        let far = if essence.eq_ignore_ascii_case(&self.essence) {
            0
        } else if &*self.essence == "*/*" {
            3
        } else if self.is_range() && is_within(essence, &self.essence) {
            // A range with a suffix says more than one without.
            if self.essence.ends_with('*') { 2 } else { 1 }
        } else {
            return None;
        };
        // Of two that name the same type the one with more parameters says more.
        Some(far * MAX_PARAMETERS + MAX_PARAMETERS.saturating_sub(self.parameters.len()))
    }
}

/// Every type of JSON but `application/json` (RFC 6839, section 3.1).
pub(crate) const ANY_JSON: &str = "application/*+json";

/// Whether a key of `content` is a media type or a range of them (RFC 9110, section 8.3.1; section 12.5.1). In a range
/// the `*` of the subtype may have text beside it, as in `application/*+json`.
pub(crate) fn is_media_range(text: &str) -> bool {
    let is_token = |part: &str| {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !part.is_empty() && part.bytes().all(is_token)
    };
    let stars = |part: &str| part.matches('*').count();
    essence(text)
        .split_once('/')
        .is_some_and(|(kind, subtype)| {
            is_token(kind)
                && is_token(subtype)
                && (kind == "*" && subtype.contains('*') || !kind.contains('*'))
                && stars(subtype) <= 1
        })
}

/// Whether a type is of a range.
fn is_within(essence: &str, range: &str) -> bool {
    let (Some((kind, subtype)), Some((kinds, subtypes))) =
        (essence.split_once('/'), range.split_once('/'))
    else {
        return false;
    };
    fits(kinds, kind) && fits(subtypes, subtype)
}

/// Whether a name is the expected one, in which a `*` stands for any text.
fn fits(expected: &str, name: &str) -> bool {
    let Some((start, end)) = expected.split_once('*') else {
        return expected.eq_ignore_ascii_case(name);
    };
    let begins = name
        .get(..start.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(start));
    begins && name.len() >= start.len() + end.len() && has_suffix(name, end)
}

/// So many parameters of a media type count.
const MAX_PARAMETERS: usize = 16;

/// The parameters of a media type, without quotes.
fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = text
        .split(';')
        .skip(1)
        .filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
}

/// A content type without its parameters.
pub(crate) fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// `application/json`, or a subtype that ends with `+json` (RFC 6839, section 3.1).
pub(crate) fn is_json(essence: &str) -> bool {
    let json = |subtype: &str| subtype.eq_ignore_ascii_case("json") || has_suffix(subtype, "+json");
    essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| kind.eq_ignore_ascii_case("application") && json(subtype))
}

fn has_suffix(text: &str, suffix: &str) -> bool {
    let start = text.len().checked_sub(suffix.len());
    start
        .and_then(|start| text.get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

/// The header `Content-Type` as it was sent; empty if there is none.
pub(crate) fn content_type(headers: &HeaderMap) -> Cow<'_, str> {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    String::from_utf8_lossy(value.unwrap_or_default())
}

/// Whether the parameter `charset` of a content type is absent or says UTF-8.
pub(crate) fn is_utf8(content_type: &str) -> bool {
    charset(content_type) == Some(Charset::Utf8)
}

/// An encoding of texts that is understood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Charset {
    Utf8,
    Ascii,
    Latin1,
    /// One of the Encoding Standard of WHATWG, which browsers read.
    Other(&'static Encoding),
}

/// The parameter `charset` of a content type, UTF-8 if it is absent; `None` if it is not understood.
pub(crate) fn charset(content_type: &str) -> Option<Charset> {
    let mut charset = Some(Charset::Utf8);
    for (name, value) in parameters(content_type) {
        if name.eq_ignore_ascii_case("charset") {
            let value = value.to_ascii_lowercase();
            charset = match value.as_str() {
                "utf-8" | "utf8" => Some(Charset::Utf8),
                "us-ascii" | "ascii" => Some(Charset::Ascii),
                // The Encoding Standard takes these for windows-1252.
                "iso-8859-1" | "latin1" => Some(Charset::Latin1),
                other => Some(Charset::Other(Encoding::for_label_no_replacement(
                    other.as_bytes(),
                )?)),
            };
        }
    }
    charset
}

impl Charset {
    /// The text that these bytes stand for, if they are written in this encoding.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Ascii if !bytes.is_ascii() => None,
            Self::Utf8 | Self::Ascii => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
            Self::Latin1 => Some(bytes.iter().copied().map(char::from).collect()),
            Self::Other(encoding) => {
                let (text, _, is_broken) = encoding.decode(bytes);
                (!is_broken).then_some(text)
            }
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Ascii => "US-ASCII",
            Self::Latin1 => "ISO-8859-1",
            Self::Other(encoding) => encoding.name(),
        }
    }
}

/// The text of a body with this content type, in which what can't be read is replaced. A charset that is not known is
/// taken for UTF-8.
pub(crate) fn lossy_text<'b>(content_type: &str, body: &'b [u8]) -> Cow<'b, str> {
    let charset = charset(content_type).unwrap_or(Charset::Utf8);
    match charset {
        Charset::Other(encoding) => encoding.decode(body).0,
        _ => charset
            .decode(body)
            .unwrap_or_else(|| String::from_utf8_lossy(body)),
    }
}

/// The text of a JSON body, whatever the parameter `charset` of its type says, which has no meaning for JSON (RFC 8259,
/// section 11). Besides UTF-8 (RFC 8259, section 8.1) also UTF-16 and UTF-32, told apart by
/// the zero bytes that the first characters must have (RFC 4627, section 3) or a byte order mark, because
/// clients of the original could send them. `None` if it is none of these.
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
        // Of two bytes each has 16 bits.
        let halves = codes.map(|code| u16::try_from(code).unwrap_or_default());
        char::decode_utf16(halves).map(Result::ok).collect()
    };
    text.map(Cow::Owned)
}

/// The JSON text with every integer `-0` written as `0`, if it has one. Python's integers have no negative
/// zero, so clients could send it for one; `serde_json` reads it as a float.
pub(crate) fn without_negative_zero(json: &str) -> Option<String> {
    let mut signs = signs_of_zeros(json.as_bytes()).peekable();
    // Most texts have none, and one may be long: nothing is copied for them.
    signs.peek()?;
    let mut mended = String::with_capacity(json.len());
    let mut from = 0;
    for at in signs {
        mended.push_str(json.get(from..at)?);
        from = at + 1;
    }
    mended.push_str(json.get(from..)?);
    Some(mended)
}

/// Where integers `-0` begin.
fn signs_of_zeros(json: &[u8]) -> impl Iterator<Item = usize> {
    let (mut in_text, mut escaped) = (false, false);
    let mut is_sign = move |at: usize, byte: u8| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'-' if !in_text => {
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
    use super::{MediaType, is_media_range, is_utf8, json_text, without_negative_zero};

    #[test]
    fn only_an_integer_loses_the_sign_of_its_zero() {
        let json =
            r#"{"a-0": -0, "b": ["-0\"-0", -0,-0 ], "c": -0.0, "d": -0e1, "e": -1, "f": 10-0}"#;
        let mended =
            r#"{"a-0": 0, "b": ["-0\"-0", 0,0 ], "c": -0.0, "d": -0e1, "e": -1, "f": 100}"#;
        assert_eq!(without_negative_zero(json).as_deref(), Some(mended));
        assert_eq!(without_negative_zero(r#"{"a-0": 0}"#), None);
    }

    #[test]
    fn a_range_with_a_suffix_has_every_type_with_that_suffix() {
        let json = MediaType::parse("application/*+json");
        assert!(json.is_json() && json.is_range());
        for text in [
            "Application/Problem+JSON; charset=utf-8",
            "application/vnd.api+json",
            "application/A+JSON",
        ] {
            assert!(json.distance(text).is_some(), "{text}");
        }
        for text in [
            "",
            "application/json",
            "text/json",
            "application/jsonp",
            "application/xml",
            "json",
            "text/a+json",
        ] {
            assert_eq!(json.distance(text), None, "{text}");
        }
    }

    #[test]
    fn the_nearest_type_is_known() {
        let distance = |range| MediaType::parse(range).distance("Application/Problem+JSON; a=b");
        assert_eq!(distance("application/json"), None);
        let ranges = [
            "application/problem+json",
            "application/*+json",
            "application/*",
            "*/*",
        ];
        let distances = ranges.map(distance);
        assert!(
            distances.is_sorted() && distances.iter().all(Option::is_some),
            "{distances:?}"
        );
        assert_eq!(MediaType::parse("text/*").distance("image/png"), None);
    }

    #[test]
    fn keys_that_are_no_media_types_are_recognized() {
        for key in [
            "a/b",
            "*/*",
            "text/*",
            "application/*+json",
            "*/*+json",
            "a/b; v=1",
        ] {
            assert!(is_media_range(key), "{key}");
        }
        for key in [
            "", "*", "data", "json", "/json", "a/", "a b/c", "*/json", "a/*b*", "a/b, c/d",
        ] {
            assert!(!is_media_range(key), "{key}");
        }
    }

    #[test]
    fn names_of_utf8_are_known() {
        for text in [
            "a/b",
            "a/b;charset=utf-8",
            "a/b; Charset=\"UTF-8\"",
            "a/b; x=1; charset=utf8",
        ] {
            assert!(is_utf8(text), "{text}");
        }
        assert!(!is_utf8("a/b; charset=latin-1"));
    }

    #[test]
    fn json_is_read_in_every_unicode_encoding() {
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
