//! Which of the described media types of an answer a client wants: the header `Accept` (RFC 9110, section 12.5.1).
//!
//! Parameters other than `q` are not looked at, since no document is known that tells the types of an answer apart by
//! them, as some do those of a request's body ([`MediaType::distance`]). What can't be read is passed over; a header in
//! which nothing can be read means no more than none.

use std::sync::Arc;

use http::{HeaderMap, header};

use crate::{
    operation::media_type::{MediaType, essence},
    problem::{Location, Violation},
};

/// The media type of the answer that the client likes best among those which the document describes for success;
/// empty if it describes none. Of use to a handler that can answer in several.
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
/// Where the document describes a range such as `image/*`, it is the type within it that the client names, or the
/// range if it names none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Accept(Option<Arc<str>>);

impl Accept {
    /// The media type, in lower case and without parameters.
    ///
    /// Empty if the document describes no type of an answer that means success.
    ///
    /// ```
    /// async fn liked(accept: connexion::Accept) -> String {
    ///     format!("You like {} best.", accept.as_str())
    /// }
    /// # assert_eq!(connexion::Accept::default().as_str(), "");
    /// ```
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The media type among `available` that a client with these headers likes best, the first of those that it likes alike;
    /// `None` if it accepts none of them. Of use around a service, where no operation is known.
    ///
    /// ```
    /// # use connexion::Accept;
    /// # use http::{HeaderMap, HeaderValue, header::ACCEPT};
    /// let mut headers = HeaderMap::new();
    /// let liked = |headers: &HeaderMap| Accept::among(&["application/json", "text/html"], headers);
    /// assert_eq!(liked(&headers).unwrap().as_str(), "application/json");
    /// headers.insert(ACCEPT, HeaderValue::from_static("text/html, */*;q=0.8"));
    /// assert_eq!(liked(&headers).unwrap().as_str(), "text/html");
    /// ```
    pub fn among(available: &[&str], headers: &HeaderMap) -> Option<Self> {
        let available: Vec<_> = available
            .iter()
            .map(|name| MediaType::parse(name))
            .collect();
        choose(&available, headers)
    }
}

/// An entry of the header.
struct Wish<'h> {
    range: &'h str,
    /// In thousandths; 0 forbids.
    weight: u16,
}

/// The best of `available`, the first of those that are liked alike; `None` if there are some and none of them is
/// acceptable.
pub(crate) fn choose(available: &[MediaType], headers: &HeaderMap) -> Option<Accept> {
    let fields = headers.get_all(header::ACCEPT).iter();
    let entries = fields.filter_map(|field| field.to_str().ok()?.into());
    let wishes: Vec<_> = entries
        .flat_map(|field| field.split(','))
        .filter_map(wish)
        .collect();
    if available.is_empty() || wishes.is_empty() {
        return Some(first(available));
    }
    let mut best: Option<(u16, Arc<str>)> = None;
    for one in available {
        if let Some((weight, name)) = liked(one, &wishes)
            && best.as_ref().is_none_or(|(known, _)| weight > *known)
        {
            best = Some((weight, name));
        }
    }
    best.map(|(_, name)| Accept(Some(name)))
}

/// The first of `available`, where what a client accepts does not matter.
pub(crate) fn first(available: &[MediaType]) -> Accept {
    Accept(available.first().map(MediaType::shared))
}

/// What is told if none of them is acceptable.
pub(crate) fn refused(available: &[MediaType]) -> Violation {
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

/// Reads an entry; `None` if it is no media range, or its weight no number.
fn wish(entry: &str) -> Option<Wish<'_>> {
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
    is_range.then_some(Wish { range, weight })
}

/// How much a type is liked, by the entry that speaks of it most exactly, and what it is then.
fn liked(available: &MediaType, wishes: &[Wish<'_>]) -> Option<(u16, Arc<str>)> {
    let fits = wishes.iter().filter_map(|wish| {
        let exactness = available.exactness(wish.range)?;
        Some((exactness, wish))
    });
    // Of equals the first.
    let (_, wish) = fits.rev().max_by_key(|(exactness, _)| *exactness)?;
    if wish.weight == 0 {
        return None;
    }
    let name = if available.is_range() && !wish.range.contains('*') {
        wish.range.to_ascii_lowercase().into()
    } else {
        available.shared()
    };
    Some((wish.weight, name))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{choose, refused};
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
            None => refused(&available).detail,
        }
    }

    #[test]
    fn the_best_liked_type_is_chosen() {
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
            // Nothing of these can be read.
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
    fn what_is_not_acceptable_is_told_with_what_there_is() {
        let told = "None of the types of the answer is acceptable: application/json, text/csv";
        for accept in [
            "application/xml",
            "application/json;q=0, text/csv;q=0.0",
            "image/*",
        ] {
            assert_eq!(chosen(&["application/json", "text/csv"], &[accept]), told);
        }
        assert_eq!(chosen(&[], &["application/xml"]), "");
    }
}
