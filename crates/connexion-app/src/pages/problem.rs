//! What went wrong, for people: the page that takes the place of a problem document.

use askama::Template;
use http::StatusCode;
use serde::Deserialize;

use super::{Page, Visitor};

/// Of a problem document what people can use.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Told {
    #[serde(default)]
    pub(super) detail: String,
    #[serde(default)]
    pub(super) errors: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Debug, Deserialize)]
pub(super) struct Fault {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) pointer: String,
    #[serde(default)]
    pub(super) code: String,
    pub(super) detail: String,
}

#[derive(Template)]
#[template(path = "problem.html")]
pub(super) struct Refusal {
    page: Page,
    status: u16,
    title: &'static str,
    advice: &'static str,
    detail: String,
    faults: Vec<(String, String)>,
    /// Where to go with a key, if one is asked for.
    then: Option<String>,
    /// Whether the browser has a key, which is not good or not enough.
    has_key: bool,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        told: Told,
        visitor: &Visitor,
        then: Option<&str>,
    ) -> Self {
        let (title, advice) = words(status);
        let faults = told
            .errors
            .into_iter()
            .map(|fault| (place(&fault), fault.detail));
        Self {
            page: visitor.page(""),
            status: status.as_u16(),
            title,
            advice,
            detail: told.detail,
            faults: faults.collect(),
            then: then.map(str::to_owned),
            has_key: visitor.has_key,
        }
    }
}

/// Where a fault is, as the filter's form calls it: `age[gte]`.
fn place(fault: &Fault) -> String {
    let member = fault.pointer.trim_start_matches('/');
    match (fault.name.as_str(), member) {
        (name, "") => name.to_owned(),
        ("", member) => member.to_owned(),
        (name, member) => format!("{name}[{member}]"),
    }
}

/// A title, and what to do about it.
fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::BAD_REQUEST => (
            "This can’t be shown",
            "Something in the address or in what was sent is not as it should be.",
        ),
        StatusCode::UNAUTHORIZED => (
            "A key is needed",
            "Enter yours to go on. It is kept until you close the browser.",
        ),
        StatusCode::FORBIDDEN => ("Not allowed", ""),
        StatusCode::NOT_FOUND => (
            "Not found",
            "It may have been removed, or the address may be mistyped.",
        ),
        StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => (
            "Somebody was faster",
            "Look at what it is like now, and try again.",
        ),
        StatusCode::SERVICE_UNAVAILABLE => {
            ("Not available right now", "Please try again in a moment.")
        }
        status if status.is_server_error() => (
            "Something went wrong here",
            "It is not your fault. The log of the service says more.",
        ),
        _ => ("This did not work", ""),
    }
}
