//! What PostgreSQL's errors mean to the service; `sqlstate.rs` has the table.

use std::error::Error;
use std::io;

use tokio_postgres::error::{DbError, SqlState};

use super::sqlstate::{Meaning, meaning};
use crate::store::StoreError;

/// Why a call on a session failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database or the connection said so.
    Database(tokio_postgres::Error),
    /// Nothing came back in time.
    Silence,
    /// There was no session to run it on.
    Unreached(StoreError),
}

impl Failure {
    /// There was no time left to send anything.
    pub(super) fn late() -> Self {
        Self::Unreached(StoreError::Unavailable(
            "the call waited too long and was not sent".to_owned(),
        ))
    }

    /// Whether the connection is gone, so that nothing but a fresh one can help.
    pub(super) fn connection_died(&self) -> bool {
        match self {
            Self::Database(error) => connection_died(error),
            Self::Silence | Self::Unreached(_) => false,
        }
    }

    /// Whether the same may succeed on a fresh session.
    pub(super) fn wants_fresh_session(&self) -> bool {
        self.connection_died() || self.is_stale()
    }

    /// Whether a prepared statement does not fit the database any more. Nothing was done.
    pub(super) fn is_stale(&self) -> bool {
        self.meaning() == Some(Meaning::Stale)
    }

    /// Whether another transaction has locked what the statement wants. Nothing was done.
    pub(super) fn is_blocked(&self) -> bool {
        self.meaning() == Some(Meaning::Locked)
    }

    /// Whether the database has refused the statement for what it says, perhaps a part of it only. A statement that
    /// took too long, or that the database can't do now, is no such: the same would come of each part.
    pub(super) fn is_refusal(&self) -> bool {
        let is_error = matches!(self, Self::Database(error) if error.as_db_error().is_some());
        is_error
            && !matches!(
                self.meaning(),
                Some(Meaning::Unavailable | Meaning::Unknown)
            )
    }

    /// Whether this is what the database says to the statement itself, once it could run it.
    pub(super) fn is_answer(&self) -> bool {
        self.is_refusal() && !self.is_blocked()
    }

    /// Whether nothing was done and the same may succeed right away.
    pub(super) fn is_lost_race(&self) -> bool {
        self.meaning() == Some(Meaning::LostRace)
    }

    /// Whether the database merely disliked a value, let another go first or ended the statement in time: the session
    /// is as good as before.
    pub(super) fn leaves_session_fit(&self) -> bool {
        let meaning = self.meaning();
        match self {
            Self::Unreached(_) => true,
            Self::Silence => false,
            Self::Database(error) => {
                matches!(
                    meaning,
                    Some(
                        Meaning::Conflict
                            | Meaning::Referenced
                            | Meaning::Refused
                            | Meaning::LostRace
                            | Meaning::Locked
                    )
                ) || error.code() == Some(&SqlState::QUERY_CANCELED)
            }
        }
    }

    /// What a write came to: if no answer came it may have been done.
    pub(super) fn of_write(self) -> StoreError {
        let is_unknown = match &self {
            Self::Silence => true,
            Self::Database(error) => {
                error.as_db_error().is_none() && connection_died(error)
                    || self.meaning() == Some(Meaning::Unknown)
            }
            Self::Unreached(_) => false,
        };
        match self.into() {
            StoreError::Unavailable(text) if is_unknown => StoreError::Unknown(text),
            error => error,
        }
    }

    fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Database(error) => meaning(error.code()?.code()),
            Self::Silence | Self::Unreached(_) => None,
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(error) => error.into(),
            Failure::Silence => Self::Unavailable("the database doesn't answer".to_owned()),
            Failure::Unreached(error) => error,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unreached(error)
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        store_error(&error)
    }
}

/// What an error of a statement means.
pub(super) fn store_error(error: &tokio_postgres::Error) -> StoreError {
    let text = describe(error);
    let Some(code) = error.code() else {
        return if connection_died(error) {
            StoreError::Unavailable(text)
        } else {
            StoreError::Unexpected(text)
        };
    };
    match meaning(code.code()) {
        Some(Meaning::Conflict) => StoreError::Conflict,
        // The table that refers: if it is this one, a person refers to what isn't there.
        Some(Meaning::Referenced)
            if error.as_db_error().and_then(DbError::table) != Some("person") =>
        {
            StoreError::Referenced(text)
        }
        Some(Meaning::Refused | Meaning::Referenced) => StoreError::Refused(text),
        Some(
            Meaning::LostRace
            | Meaning::Locked
            | Meaning::Stale
            | Meaning::Unavailable
            | Meaning::Unknown,
        ) => StoreError::Unavailable(text),
        Some(Meaning::Full) => StoreError::Full(text),
        None => StoreError::Unexpected(text),
    }
}

/// The error with its cause, for the log.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(refusal), _) => format!("{} {}", refusal.code().code(), refusal.message()),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

fn connection_died(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => code.code().starts_with("08") || code.code().starts_with("57P"),
        None => error.is_closed() || error.source().is_some_and(<dyn Error>::is::<io::Error>),
    }
}
