//! Parses the pairs of names and values in query strings and cookies.

use std::borrow::Cow;

use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;

use crate::problem::ParameterLocation;

/// Returns the pairs of a query string (WHATWG URL, section 5.1): `+` is a space, and `=` may be absent.
pub(crate) fn pairs(query: &str) -> Vec<(Cow<'_, str>, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name, ParameterLocation::Query), value))
        .collect()
}

/// Returns the pairs of the header `Cookie` (RFC 6265, section 4.2.1).
pub(crate) fn cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let fields = headers.get_all(header::COOKIE).iter();
    let mut cookies = Vec::new();
    for field in fields.map(|value| String::from_utf8_lossy(value.as_bytes())) {
        let pairs = field
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        cookies.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    cookies
}

/// Decodes a name or a value.
///
/// In a header it is not encoded, but may have whitespace around it (RFC 9110, section 5.6.1). In a query `+` is a space
/// (WHATWG URL, section 5.1).
pub(crate) fn decode(encoded: &str, location: ParameterLocation) -> Cow<'_, str> {
    match location {
        ParameterLocation::Header => encoded.trim_matches([' ', '\t']).into(),
        ParameterLocation::Query if encoded.contains('+') => {
            percent_decode_str(&encoded.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
                .into()
        }
        // Most strings are not encoded, and this check is ten times as fast as decoding.
        ParameterLocation::Path | ParameterLocation::Query | ParameterLocation::Cookie
            if !encoded.contains('%') =>
        {
            encoded.into()
        }
        ParameterLocation::Path | ParameterLocation::Query | ParameterLocation::Cookie => {
            percent_decode_str(encoded).decode_utf8_lossy()
        }
    }
}
