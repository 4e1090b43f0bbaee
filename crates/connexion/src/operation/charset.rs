//! Character encodings of bodies: the parameter `charset` of a content type.

use std::borrow::Cow;

use encoding_rs::Encoding;

use super::media_type::parameters;

/// Returns whether the parameter `charset` of a content type is absent or UTF-8.
pub(crate) fn is_utf8(content_type: &str) -> bool {
    charset(content_type) == Some(Charset::Utf8)
}

/// A supported character encoding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Charset {
    Utf8,
    Ascii,
    Latin1,
    /// Another one of the WHATWG Encoding Standard.
    Other(&'static Encoding),
}

/// Returns the parameter `charset` of a content type, UTF-8 if it is absent; `None` if it is not supported.
pub(crate) fn charset(content_type: &str) -> Option<Charset> {
    let mut charset = Some(Charset::Utf8);
    for (name, value) in parameters(content_type) {
        if name.eq_ignore_ascii_case("charset") {
            let value = value.to_ascii_lowercase();
            charset = match value.as_str() {
                "utf-8" | "utf8" => Some(Charset::Utf8),
                "us-ascii" | "ascii" => Some(Charset::Ascii),
                // The Encoding Standard treats these as windows-1252.
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
    /// Decodes bytes; returns `None` if they are not valid in this encoding.
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

/// Decodes a body with this content type. Invalid bytes are replaced; an unknown charset is treated as UTF-8.
pub(crate) fn lossy_text<'b>(content_type: &str, body: &'b [u8]) -> Cow<'b, str> {
    let charset = charset(content_type).unwrap_or(Charset::Utf8);
    match charset {
        Charset::Other(encoding) => encoding.decode(body).0,
        _ => charset
            .decode(body)
            .unwrap_or_else(|| String::from_utf8_lossy(body)),
    }
}

#[cfg(test)]
mod tests {
    use super::is_utf8;

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
}
