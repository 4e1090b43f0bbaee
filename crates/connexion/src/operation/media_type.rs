//! Media types and media ranges (RFC 9110, section 8.3.1).

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderValue, header};

/// A media type or media range that the document names, in lower case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct MediaType {
    essence: Arc<str>,
    /// The parameters that a matching type must have, such as `v=2`; without the charset.
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

    /// Returns whether this `Content-Type` is exactly the type, without parameters.
    pub(crate) fn is_exactly(&self, content_type: &str) -> bool {
        self.parameters.is_empty() && &*self.essence == content_type
    }

    /// Returns whether bodies of this type are JSON. Some frameworks write `text/json`.
    pub(crate) fn is_json(&self) -> bool {
        is_json(&self.essence) || &*self.essence == "text/json"
    }

    /// Returns the JSON types within a range that includes other types. Only bodies of these can be checked.
    pub(crate) fn json_within(&self) -> &'static [&'static str] {
        match &*self.essence {
            "*/*" | "application/*" => &["application/json", ANY_JSON],
            _ => &[],
        }
    }

    /// Returns whether it is `application/json` itself.
    pub(crate) fn is_plain_json(&self) -> bool {
        &*self.essence == "application/json"
    }

    pub(crate) fn is_text(&self) -> bool {
        self.essence.starts_with("text/")
    }

    /// Returns whether each line of a body is a JSON text.
    pub(crate) fn is_json_lines(&self) -> bool {
        const NAMES: [&str; 5] = ["x-ndjson", "ndjson", "jsonl", "x-jsonlines", "json-lines"];
        let name = self.essence.strip_prefix("application/");
        name.is_some_and(|name| NAMES.contains(&name))
    }

    pub(crate) fn is_csv(&self) -> bool {
        &*self.essence == "text/csv"
    }

    /// Returns the type without its parameters, without copying it.
    pub(crate) fn shared(&self) -> Arc<str> {
        Arc::clone(&self.essence)
    }

    /// Returns whether it includes many types.
    pub(crate) fn is_range(&self) -> bool {
        self.essence.contains('*')
    }

    /// Returns how specific a client's media range is for this type, higher is more specific; `None` if the range does not
    /// include it. Some clients write `*` for `*/*`.
    pub(crate) fn specificity(&self, range: &str) -> Option<usize> {
        let (kind, subtype) = self.essence.split_once('/')?;
        let (wanted, wanted_subtype) = range.split_once('/').unwrap_or(("*", "*"));
        match (wanted, wanted_subtype) {
            ("*", _) => Some(0),
            (wanted, "*") => fits(kind, wanted).then_some(1),
            (wanted, wanted_subtype) => {
                (fits(kind, wanted) && fits(subtype, wanted_subtype)).then_some(2)
            }
        }
    }

    /// Returns the distance of a `Content-Type` from this declared type, where the smallest is the best match; `None` if it
    /// does not match. A type with a suffix is a type of its own (RFC 6838, section 4.2.8), so `application/vnd.x+json`
    /// does not match `application/json`.
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
            // A range with a suffix is more specific than one without.
            if self.essence.ends_with('*') { 2 } else { 1 }
        } else {
            return None;
        };
        // The type with more parameters is more specific.
        Some(far * MAX_PARAMETERS + MAX_PARAMETERS.saturating_sub(self.parameters.len()))
    }
}

/// Every JSON type except `application/json` (RFC 6839, section 3.1).
pub(crate) const ANY_JSON: &str = "application/*+json";

/// Returns whether a key of `content` is a media type or a media range (RFC 9110, sections 8.3.1 and 12.5.1). The `*` of a
/// subtype may have text beside it, as in `application/*+json`.
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

/// Returns whether a range includes a type.
fn is_within(essence: &str, range: &str) -> bool {
    let (Some((kind, subtype)), Some((kinds, subtypes))) =
        (essence.split_once('/'), range.split_once('/'))
    else {
        return false;
    };
    fits(kinds, kind) && fits(subtypes, subtype)
}

/// Returns whether a name matches the expected one, in which a `*` matches any characters.
fn fits(expected: &str, name: &str) -> bool {
    let Some((start, end)) = expected.split_once('*') else {
        return expected.eq_ignore_ascii_case(name);
    };
    let begins = name
        .get(..start.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(start));
    begins && name.len() >= start.len() + end.len() && has_suffix(name, end)
}

/// The maximum number of parameters that count for the distance.
const MAX_PARAMETERS: usize = 16;

/// Returns the parameters of a media type, without quotes.
pub(super) fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = text
        .split(';')
        .skip(1)
        .filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
}

/// Returns a content type without its parameters.
pub(crate) fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Returns whether a type is `application/json`, or has a subtype that ends with `+json` (RFC 6839, section 3.1).
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

/// Returns the header `Content-Type` as it was sent; empty if there is none.
pub(crate) fn content_type(headers: &HeaderMap) -> Cow<'_, str> {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    String::from_utf8_lossy(value.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{MediaType, is_media_range};

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
}
