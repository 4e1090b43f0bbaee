//! What went wrong, for people: the page that takes the place of a problem document.

use askama::Template;
use connexion::{ParameterLocation, Problem, Violation};
use http::StatusCode;

use super::{Page, Visitor};

#[derive(Template)]
#[template(path = "problem.html")]
pub(super) struct Refusal {
    page: Page,
    status: u16,
    title: &'static str,
    advice: String,
    /// Each with where it is, as the filter's form calls it: `age[gte]`.
    faults: Vec<(String, &'static str)>,
    /// Where to go with a key, if one is asked for.
    then: Option<String>,
    /// What may work when it is tried again.
    again: Option<String>,
    /// What programs are told.
    details: Vec<String>,
}

impl Refusal {
    /// `then` is where to go with a key, if another one would help; `retry` after how many seconds to try again, if that may.
    pub(super) fn new(
        status: StatusCode,
        problem: &Problem,
        visitor: &Visitor,
        then: Option<&str>,
        retry: Option<&str>,
    ) -> Self {
        let is_at_person = match status {
            StatusCode::NOT_FOUND => visitor.is_at_person(),
            _ => problem.errors.iter().any(is_of_path),
        };
        let (title, advice) = match status {
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND if is_at_person => NO_PERSON,
            StatusCode::UNAUTHORIZED if visitor.has_key => SESSION_ENDED,
            StatusCode::FORBIDDEN if then.is_none() => OTHER_SITE,
            status => words(status),
        };
        let advice = match retry {
            Some(seconds) => format!("{advice} Try again after {seconds} s."),
            None => advice.to_owned(),
        };
        let errors = problem.errors.iter();
        let faults = errors.filter(|error| !is_of_path(error));
        let may_pass = status.is_server_error() || retry.is_some();
        let mut details = vec![problem.detail.clone()];
        details.extend(problem.errors.iter().map(|error| error.detail.clone()));
        details.dedup();
        Self {
            page: visitor.page(""),
            status: status.as_u16(),
            title,
            advice,
            faults: faults
                .map(|error| (place(error), sentence(error.code())))
                .collect(),
            then: then.map(str::to_owned),
            again: may_pass.then(|| visitor.address().to_owned()),
            details,
        }
    }
}

fn is_of_path(violation: &Violation) -> bool {
    violation.location.parameter() == Some(ParameterLocation::Path)
}

/// Returns the name of the parameter or of the property of the body.
fn place(violation: &Violation) -> String {
    let property = violation.pointer.trim_start_matches('/');
    match (violation.location.name(), property) {
        (None, property) => property.to_owned(),
        (Some(name), "") => name.to_owned(),
        (Some(name), property) => format!("{name}[{property}]"),
    }
}

/// What is wrong there.
fn sentence(code: &str) -> &'static str {
    match code {
        "missing" => "is missing",
        "unknown" => "is not known here",
        "wrong-type" | "wrong-format" => "has a value that can’t be read",
        "wrong-value" => "has a value that is not one of those that are possible",
        "too-long" => "is too long",
        "too-small" | "too-large" => "is out of range",
        _ => "is not as it should be",
    }
}

/// A title, and what to do next.
type Words = (&'static str, &'static str);

const NO_PERSON: Words = (
    "There is no person at this address",
    "The person may have been removed, or the address may be mistyped.",
);

const SESSION_ENDED: Words = (
    "A key is needed",
    "Your session has ended, or its key was revoked. Enter a key to go on.",
);

const OTHER_SITE: Words = (
    "Not allowed from another site",
    "This request comes from another site’s page, which may not change anything here. Open this site yourself and try there.",
);

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn words(status: StatusCode) -> Words {
    match status {
        StatusCode::BAD_REQUEST => (
            "This can’t be shown",
            "Something in the address or in what was sent is not as it should be. Correct it, or start from the list.",
        ),
        StatusCode::UNAUTHORIZED => (
            "A key is needed",
            "Enter yours to go on. You stay signed in for ten hours.",
        ),
        StatusCode::FORBIDDEN => (
            "Not allowed",
            "Your key does not allow this. Enter one that does to go on.",
        ),
        StatusCode::NOT_FOUND => (
            "There is no page at this address",
            "It may be mistyped or out of date.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            "This can’t be done here",
            "The address is for something else. Start from the list.",
        ),
        StatusCode::REQUEST_TIMEOUT => (
            "This took too long",
            "The request did not arrive in time. Look at your connection, and try again.",
        ),
        StatusCode::PRECONDITION_FAILED => (
            "Somebody else was faster",
            "The person was changed after you opened the page. Look at what it is like now, and try again.",
        ),
        StatusCode::CONFLICT => (
            "This does not fit what is stored",
            "Somebody else may have been faster. Look at what is there now, and try again.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "This is too large",
            "The service does not read that much at once. Send less.",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => (
            "This can’t be read",
            "What was sent has a form that the service does not read. Use the forms of these pages.",
        ),
        StatusCode::UNPROCESSABLE_ENTITY => (
            "This was sent before, with something else in it",
            "Look at the list first: it may be stored already. To add another person open the form again.",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            "Too many requests",
            "The service takes no more from you for the moment.",
        ),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => (
            "The address is too long",
            "Use a shorter filter, or start from the list.",
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Not available right now",
            "The service has too much to do, or can’t reach its database.",
        ),
        StatusCode::INSUFFICIENT_STORAGE => (
            "There is no room left",
            "Nothing was stored. Please tell the operator of this service that the database is full.",
        ),
        status if status.is_server_error() => (
            "Something went wrong here",
            "This is an error of the service, not yours. If it happens again, tell the operator of this service.",
        ),
        _ => ("This did not work", "Start from the list, and try again."),
    }
}
