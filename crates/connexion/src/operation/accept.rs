//! Content negotiation: the header `Accept` (RFC 9110, section 12.5.1).
//!
//! Parameters other than `q` are ignored. Documents do not distinguish the types of a response by them, unlike those of a
//! request ([`MediaType::distance`]). Entries that can't be parsed are ignored; a header without valid entries is treated
//! as absent.

use std::sync::Arc;

use http::{HeaderMap, header};

use crate::{
    operation::media_type::{MediaType, essence},
    problem::{Location, Violation},
};

/// The media type that the client prefers among those that the document declares for successful responses. It is empty if
/// the document declares none. A handler that supports several types takes it as an argument.
///
/// ```
/// use axum::response::{IntoResponse, Response};
/// use connexion::{Accept, Body};
///
/// async fn list(accept: Accept) -> Response {
///     match accept.as_str() {
///         "text/csv" => ([("content-type", "text/csv")], "name\r\nAnn\r\n").into_response(),
///         _ => Body(["Ann"]).into_response(),
///     }
/// }
/// ```
///
/// If the document declares a range such as `image/*`, it is the type within it that the client names, or the range if the
/// client names none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Accept(Option<Arc<str>>);

impl Accept {
    /// Returns the media type, in lower case and without parameters.
    ///
    /// It is empty if the document declares no type for a successful response.
    ///
    /// ```
    /// async fn preferred(accept: connexion::Accept) -> String {
    ///     format!("You prefer {}.", accept.as_str())
    /// }
    /// # assert_eq!(connexion::Accept::default().as_str(), "");
    /// ```
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Returns the media type among `available` that a client with these headers prefers, the first if it prefers several
    /// equally; `None` if it accepts none of them. Layers around a service, which do not know the operation, can use it.
    ///
    /// ```
    /// # use connexion::Accept;
    /// # use http::{HeaderMap, HeaderValue, header::ACCEPT};
    /// let mut headers = HeaderMap::new();
    /// let preferred = |headers: &HeaderMap| Accept::among(&["application/json", "text/html"], headers);
    /// assert_eq!(preferred(&headers).unwrap().as_str(), "application/json");
    /// headers.insert(ACCEPT, HeaderValue::from_static("text/html, */*;q=0.8"));
    /// assert_eq!(preferred(&headers).unwrap().as_str(), "text/html");
    /// ```
    pub fn among(available: &[&str], headers: &HeaderMap) -> Option<Self> {
        let available: Vec<_> = available
            .iter()
            .map(|name| MediaType::parse(name))
            .collect();
        choose(&available, headers)
    }
}

/// An entry of the header `Accept`.
struct AcceptedRange<'h> {
    range: &'h str,
    /// In thousandths; 0 excludes the range.
    weight: u16,
}

/// Returns the type among `available` with the greatest weight, the first if there are several; `None` if none of them is
/// acceptable.
pub(crate) fn choose(available: &[MediaType], headers: &HeaderMap) -> Option<Accept> {
    let fields = headers.get_all(header::ACCEPT).iter();
    let entries = fields.filter_map(|field| field.to_str().ok()?.into());
    let accepted: Vec<_> = entries
        .flat_map(|field| field.split(','))
        .filter_map(accepted_range)
        .collect();
    if available.is_empty() || accepted.is_empty() {
        return Some(first(available));
    }
    let mut best: Option<(u16, Arc<str>)> = None;
    for one in available {
        if let Some((weight, name)) = preference(one, &accepted)
            && best.as_ref().is_none_or(|(known, _)| weight > *known)
        {
            best = Some((weight, name));
        }
    }
    best.map(|(_, name)| Accept(Some(name)))
}

/// Returns the first of `available`, whatever the client accepts.
pub(crate) fn first(available: &[MediaType]) -> Accept {
    Accept(available.first().map(MediaType::shared))
}

/// Returns the violation of a request that accepts none of `available`.
pub(crate) fn unacceptable(available: &[MediaType]) -> Violation {
    let names: Vec<_> = available.iter().map(MediaType::as_str).collect();
    let detail = format!(
        "None of the types of the answer is acceptable: {}",
        names.join(", ")
    );
    Violation {
        expected: Some(names.into()),
        ..Violation::new(Location::header("Accept"), "accept", detail)
    }
}

/// Parses an entry; returns `None` if it is not a media range, or its weight not a number.
fn accepted_range(entry: &str) -> Option<AcceptedRange<'_>> {
    let mut weight = 1000;
    for parameter in entry.split(';').skip(1) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name.trim().eq_ignore_ascii_case("q") {
            let q: f32 = value.trim().parse().ok()?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is between 0 and 1000, and NaN becomes 0"
            )]
            let thousandths = (q.clamp(0.0, 1.0) * 1000.0).round() as u16;
            weight = thousandths;
        }
    }
    let range = essence(entry);
    let is_range = range == "*"
        || range
            .split_once('/')
            .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
    is_range.then_some(AcceptedRange { range, weight })
}

/// Returns the weight of a type by the most specific entry that includes it, and the type that it selects.
fn preference(available: &MediaType, accepted: &[AcceptedRange<'_>]) -> Option<(u16, Arc<str>)> {
    let matching = accepted.iter().filter_map(|range| {
        let specificity = available.specificity(range.range)?;
        Some((specificity, range))
    });
    // The first among equals.
    let (_, range) = matching.rev().max_by_key(|(specificity, _)| *specificity)?;
    if range.weight == 0 {
        return None;
    }
    let name = if available.is_range() && !range.range.contains('*') {
        range.range.to_ascii_lowercase().into()
    } else {
        available.shared()
    };
    Some((range.weight, name))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{choose, unacceptable};
    use crate::operation::media_type::MediaType;

    fn chosen(available: &[&str], accept: &[&'static str]) -> String {
        let available: Vec<_> = available
            .iter()
            .map(|name| MediaType::parse(name))
            .collect();
        let mut headers = HeaderMap::new();
        for field in accept {
            headers.append(header::ACCEPT, HeaderValue::from_static(field));
        }
        match choose(&available, &headers) {
            Some(accept) => accept.as_str().to_owned(),
            None => unacceptable(&available).detail,
        }
    }

    #[test]
    fn the_preferred_type_is_chosen() {
        let available = ["application/json", "text/csv", "text/html"];
        for (accept, expected) in [
            (&[][..], "application/json"),
            (&["*/*"], "application/json"),
            (&["text/csv"], "text/csv"),
            (&["TEXT/CSV; charset=utf-8"], "text/csv"),
            (&["text/*"], "text/csv"),
            (&["text/*, text/csv;q=0.5"], "text/html"),
            (&["text/csv;q=0.5", "text/html; q=0.7"], "text/html"),
            (&["text/csv;q=0.001, application/json;q=0"], "text/csv"),
            (&["*/*;q=0.1, application/json;q=0"], "text/csv"),
            (
                &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
                "text/html",
            ),
            (&["image/png, *"], "application/json"),
            (&["application/xml, application/json"], "application/json"),
            // None of these can be parsed.
            (&[""], "application/json"),
            (&[";;;"], "application/json"),
            (&["text/csv;q=x"], "application/json"),
        ] {
            assert_eq!(chosen(&available, accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn a_range_becomes_the_type_that_the_client_names() {
        assert_eq!(chosen(&["image/*"], &["image/PNG"]), "image/png");
        assert_eq!(chosen(&["image/*"], &["image/*"]), "image/*");
        assert_eq!(chosen(&["*/*"], &["text/x, text/y"]), "text/x");
        assert_eq!(chosen(&["*/*"], &[]), "*/*");
    }

    #[test]
    fn available_types_are_listed_if_none_is_acceptable() {
        let detail = "None of the types of the answer is acceptable: application/json, text/csv";
        for accept in [
            "application/xml",
            "application/json;q=0, text/csv;q=0.0",
            "image/*",
        ] {
            assert_eq!(chosen(&["application/json", "text/csv"], &[accept]), detail);
        }
        assert_eq!(chosen(&[], &["application/xml"]), "");
    }
}
