//! Pairs of names and values, as query strings and cookies carry them.

use std::borrow::Cow;

use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

use crate::problem::ParameterLocation;

/// The pairs of a query string (WHATWG URL, section 5.1): `+` is a space, a name may stand alone.
pub(crate) fn pairs(query: &str) -> Vec<(Cow<'_, str>, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, text)| (decode(name, ParameterLocation::Query), text))
        .collect()
}

/// The pairs of the header `Cookie` (RFC 6265, section 4.2.1).
pub(crate) fn cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let fields = headers.get_all(header::COOKIE).iter();
    let mut cookies = Vec::new();
    for field in fields.map(|value| String::from_utf8_lossy(value.as_bytes())) {
        let pairs = field
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        cookies.extend(pairs.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
    cookies
}

/// One part of a text. Those of header fields may have blanks around them (RFC 9110, section 5.6.1) and are
/// not encoded; in a query `+` is a space (WHATWG URL, section 5.1).
pub(crate) fn decode(text: &str, location: ParameterLocation) -> Cow<'_, str> {
    match location {
        ParameterLocation::Header => text.trim_matches([' ', '\t']).into(),
        ParameterLocation::Query if text.contains('+') => {
            percent_decode_str(&text.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
                .into()
        }
        // To decode takes ten times as long as to see that nothing is encoded, as in most texts.
        ParameterLocation::Path | ParameterLocation::Query | ParameterLocation::Cookie
            if !text.contains('%') =>
        {
            text.into()
        }
        ParameterLocation::Path | ParameterLocation::Query | ParameterLocation::Cookie => {
            percent_decode_str(text).decode_utf8_lossy()
        }
    }
}
