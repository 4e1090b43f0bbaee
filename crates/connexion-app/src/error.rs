//! The one place where faults become what a client reads.
//!
//! [`StoreError`] is turned into a problem here, its text into the log: a client never reads SQL, an
//! address or a path. What the library found wrong with a request gets the sentences and the order of the
//! original, which clients show and match (see "Errors" in the contract's description).

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use connexion::{Location, Problem, Violation};
use http::{HeaderValue, StatusCode, header};

use crate::import::{BadRow, Fault, ImportError};
use crate::once;
use crate::store::StoreError;

/// After how many seconds a client may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The answer when something outside this process takes too long or is not there.
pub(crate) fn unavailable() -> Problem {
    later("The service can't answer right now. Please try again.")
}

/// The response when there is no room left, in the database or for a temporary file.
pub(crate) fn no_room() -> Problem {
    let detail = "There is no room to store this.";
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail)
}

/// The response to an error of ours; the log has the cause.
pub(crate) fn unanswerable() -> Problem {
    let detail = "The service could not answer this request.";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
}

/// The answer when nobody knows whether a change was stored: every other 503 promises that it was not.
pub(crate) fn unknown() -> Problem {
    later("The service can't tell whether this was stored. Please check before you try again.")
}

/// A 503 that says when a client may try again.
fn later(detail: &'static str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .with_header(header::RETRY_AFTER, RETRY_AFTER)
}

impl From<ImportError> for Problem {
    /// Of bad rows each fault says its line, and in CSV its column.
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::OtherFormat(reason) => {
                let mut violation =
                    Violation::new(Location::Body, "sequence", sentence_of(&reason));
                violation.extra.insert("line".to_owned(), 1.into());
                Self::from(vec![violation])
            }
            ImportError::BadHeader(header) => {
                let mut problem = Self::new(StatusCode::BAD_REQUEST, header.to_string());
                problem.errors = located(header.line, header.faults).collect();
                problem
            }
            ImportError::BadRows { shown, total } => {
                bad_rows(StatusCode::BAD_REQUEST, shown, total)
            }
            ImportError::Taken { shown, total } => bad_rows(StatusCode::CONFLICT, shown, total),
            ImportError::OtherSource => once::other_body(),
            // The source is a temporary file of ours.
            ImportError::Read(_) => {
                tracing::error!("{error}");
                unanswerable()
            }
            ImportError::Store(error) => error.into(),
        }
    }
}

fn bad_rows(status: StatusCode, shown: Vec<BadRow>, total: u64) -> Problem {
    let first = shown.first().map(ToString::to_string).unwrap_or_default();
    let first = first.lines().next().unwrap_or_default();
    let rows = if total == 1 { "row" } else { "rows" };
    let detail = format!("{total} bad {rows}, nothing was stored. The first: {first}");
    let mut problem = Problem::new(status, detail);
    let errors = shown.into_iter();
    problem.errors = errors
        .flat_map(|row| located(row.line, row.faults))
        .collect();
    problem.extra.insert("badRows".to_owned(), total.into());
    problem
}

/// Errors with the line on which they are, and in CSV the column.
fn located(line: u64, faults: Vec<Fault>) -> impl Iterator<Item = Violation> {
    faults.into_iter().map(move |fault| {
        let mut violation = fault.violation;
        violation.extra.insert("line".to_owned(), line.into());
        let column = fault
            .column
            .map(|column| ("column".to_owned(), column.into()));
        violation.extra.extend(column);
        violation
    })
}

/// With a capital letter and a full stop.
fn sentence_of(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(rest).chain(['.']).collect()
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::new(
                StatusCode::CONFLICT,
                "There is a person with this `uuid` already.",
            ),
            StoreError::Referenced(_) => {
                tracing::warn!("{error}");
                Self::new(StatusCode::CONFLICT, "Other data refers to this person.")
            }
            StoreError::Refused(_) => {
                tracing::warn!("{error}");
                Self::new(
                    StatusCode::BAD_REQUEST,
                    "The database can't hold one of the values.",
                )
            }
            StoreError::Unavailable(_) => {
                tracing::error!("{error}");
                unavailable()
            }
            StoreError::Broken(_) => {
                if BROKEN_ROWS.permits() {
                    tracing::error!("{error}");
                }
                unanswerable()
            }
            StoreError::Unknown(_) => {
                tracing::error!("{error}");
                unknown()
            }
            StoreError::Full(_) => {
                tracing::error!("{error}");
                no_room()
            }
            // Not 503: sent again it would only hold up others once more.
            StoreError::TimedOut(limit) => {
                let detail = format!(
                    "Storing this file takes longer than {} seconds, the limit here (DATABASE_IMPORT_TIMEOUT), so nothing \
                     was stored. Send it in smaller files, each with the header.",
                    limit.as_secs()
                );
                tracing::warn!("{error}");
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
            }
            StoreError::Stopped | StoreError::Unfit(_) | StoreError::Unexpected(_) => {
                tracing::error!("{error}");
                unanswerable()
            }
        }
    }
}

/// Clients may ask for a broken row as often as they like; the log need not name it each time.
static BROKEN_ROWS: Bounded = Bounded(Mutex::new(None));

/// Lines of the log of which there are [`Bounded::LINES`] in [`Bounded::TIME`] at most.
struct Bounded(Mutex<Option<(Instant, usize)>>);

impl Bounded {
    const LINES: usize = 20;
    const TIME: Duration = Duration::from_secs(10);

    /// Whether one more line may be written. The first one that may not is announced.
    fn permits(&self) -> bool {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, lines) = written
            .filter(|(since, _)| since.elapsed() < Self::TIME)
            .unwrap_or_else(|| (Instant::now(), 0));
        *written = Some((since, lines + 1));
        if lines == Self::LINES {
            tracing::error!("more rows of the table person break the document");
        }
        lines < Self::LINES
    }
}

/// Rewrites a problem of the library as the original would have told it.
pub(crate) fn as_the_original(problem: &mut Problem) {
    if problem.status == StatusCode::NOT_FOUND {
        problem.type_uri = "http".into();
        return;
    }
    problem.errors.sort_by_key(rank);
    for violation in &mut problem.errors {
        if let Some(detail) = sentence(violation) {
            violation.detail = detail;
        }
    }
    if let Some(first) = problem.errors.first() {
        problem.detail.clone_from(&first.detail);
        if matches!(rank(first), Rank::MissingMember | Rank::LongName) {
            problem.type_uri = "validation".into();
        }
    }
}

/// When the original found a fault: it looked at types and enums first, then at unknown parameters; the
/// model found members missing and names too long; and what is left only the database noticed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Rank {
    Schema,
    UnknownParameter,
    MissingMember,
    LongName,
    Database,
}

fn rank(violation: &Violation) -> Rank {
    let is_member = violation.location == Location::Body && !violation.pointer.is_empty();
    match (violation.keyword.as_ref(), violation.pointer.as_str()) {
        ("unknown", _) => Rank::UnknownParameter,
        ("required", _) if is_member => Rank::MissingMember,
        ("maxLength", "/name") => Rank::LongName,
        ("format" | "pattern" | "minimum" | "maximum", _) => Rank::Database,
        _ => Rank::Schema,
    }
}

/// The original's own words, where they differ from the library's.
fn sentence(violation: &Violation) -> Option<String> {
    let member = violation.pointer.strip_prefix('/')?;
    match violation.keyword.as_ref() {
        "required" => Some(format!("No `{member}` provided")),
        "maxLength" if member == "name" => {
            Some("To long value for `name`. Max 100 chars.".to_owned())
        }
        "pattern" if member == "name" => {
            Some("`name` must not contain the character NUL.".to_owned())
        }
        _ => None,
    }
}
