//! What SQLite's errors mean to the service: as on PostgreSQL, what may pass by itself is `Unavailable`.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

/// What an error of a statement means.
pub(super) fn store_error(error: &Error) -> StoreError {
    let text = error.to_string();
    let Some(failure) = error.sqlite_error() else {
        return StoreError::Unexpected(text);
    };
    match (failure.code, failure.extended_code) {
        (_, ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_UNIQUE) => {
            StoreError::Conflict
        }
        (ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch, _) => {
            StoreError::Refused(text)
        }
        (ErrorCode::DiskFull, _) => StoreError::Full(text),
        (code, _) if may_pass(code) => StoreError::Unavailable(text),
        // SQLite has no code for it: the migrations are not applied.
        _ if text.starts_with("no such ") => StoreError::Unavailable(text),
        _ => StoreError::Unexpected(text),
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        store_error(&error)
    }
}

/// Whether this is SQLite's error of that kind.
pub(super) fn is(error: &Error, code: ErrorCode) -> bool {
    error.sqlite_error_code() == Some(code)
}

/// The file is in use, or can't be reached.
fn may_pass(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::CannotOpen
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OutOfMemory
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
    )
}
