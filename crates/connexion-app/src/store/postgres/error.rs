//! What PostgreSQL's errors mean to the service.
//!
//! Decided by SQLSTATE, since messages are translated. What may pass by itself is `Unavailable`, so
//! that clients are told to come back; only what is left over is a fault of ours.

use std::error::Error;
use std::io;

use tokio_postgres::error::SqlState;

use crate::store::StoreError;

/// Why a call on a session failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database or the connection said so.
    Database(tokio_postgres::Error),
    /// Nothing came back in time.
    Silence,
}

impl Failure {
    /// Whether the connection is gone, so that nothing but a fresh one can help.
    pub(super) fn connection_died(&self) -> bool {
        match self {
            Self::Database(error) => connection_died(error),
            Self::Silence => false,
        }
    }

    /// Whether the database merely disliked a value: the session that said so is as good as before.
    pub(super) fn is_about_values(&self) -> bool {
        matches!(self, Self::Database(error) if matches!(class(error), Some("22" | "23")))
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(error) => error.into(),
            Failure::Silence => Self::Unavailable("the database doesn't answer".to_owned()),
        }
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
    match (error.code(), class(error)) {
        (Some(&SqlState::UNIQUE_VIOLATION), _) => StoreError::Conflict,
        (_, Some("22" | "23")) => StoreError::Refused(text),
        (Some(code), Some(class)) if may_pass(code, class) => StoreError::Unavailable(text),
        (None, _) if connection_died(error) => StoreError::Unavailable(text),
        _ => StoreError::Unexpected(text),
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

fn class(error: &tokio_postgres::Error) -> Option<&str> {
    error.code().and_then(|code| code.code().get(..2))
}

/// Connection trouble, too few resources, a lost race, a shutdown or a timeout, a standby that doesn't
/// write, and tables or columns that only the migrations will make.
fn may_pass(code: &SqlState, class: &str) -> bool {
    let codes = [
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
    ];
    matches!(class, "08" | "40" | "53" | "57") || codes.contains(code)
}
