//! What PostgreSQL's errors mean to the service; `sqlstate.rs` has the table.

use std::error::Error;
use std::io;

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
    /// Whether the connection is gone, so that nothing but a fresh one can help.
    pub(super) fn connection_died(&self) -> bool {
        match self {
            Self::Database(error) => connection_died(error),
            Self::Silence | Self::Unreached(_) => false,
        }
    }

    /// Whether the database has said no: nothing was done, and what it said may be about a part of the statement only.
    pub(super) fn is_refusal(&self) -> bool {
        !self.connection_died()
            && matches!(self, Self::Database(error) if error.as_db_error().is_some())
    }

    /// Whether nothing was done and the same may succeed right away.
    pub(super) fn is_lost_race(&self) -> bool {
        self.meaning() == Some(Meaning::LostRace)
    }

    /// Whether the database merely disliked a value, or let another go first: the session that said so is as
    /// good as before.
    pub(super) fn leaves_session_fit(&self) -> bool {
        matches!(
            self.meaning(),
            Some(Meaning::Conflict | Meaning::Refused | Meaning::LostRace)
        )
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
        Some(Meaning::Refused) => StoreError::Refused(text),
        Some(Meaning::LostRace | Meaning::Unavailable) => StoreError::Unavailable(text),
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
