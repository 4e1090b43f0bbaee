//! What SQLite's errors mean to the service: as on PostgreSQL, what may pass by itself is `Unavailable`.

use std::io;
use std::path::{self, Path};

use rusqlite::{Error, ErrorCode, ffi};
use rustix::fs::{Access, access};

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
        // `on delete restrict` is a trigger of SQLite's own, with the same sentence.
        (_, ffi::SQLITE_CONSTRAINT_FOREIGNKEY | ffi::SQLITE_CONSTRAINT_TRIGGER)
            if text.contains("FOREIGN KEY constraint failed") =>
        {
            StoreError::Referenced(text)
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

/// What it means that a file can't be opened. The text names the file, since it may be another one than was meant.
pub(super) fn open_error(file: &Path, error: &Error) -> StoreError {
    let is_about_the_file = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::NotADatabase
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
        )
    );
    if !is_about_the_file {
        return store_error(error);
    }
    let absolute = path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let name = absolute.display();
    let directory = absolute.parent().filter(|directory| !directory.is_dir());
    // It is not opened to find out: closing it would drop the locks that other connections of this process hold
    // (<https://sqlite.org/howtocorrupt.html>, section 2.2).
    let reachable = access(file, Access::READ_OK | Access::WRITE_OK).map_err(io::Error::from);
    StoreError::Unavailable(match reachable {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => match directory {
            Some(directory) => format!("there is no directory {}", directory.display()),
            None => format!("there is no file {name}"),
        },
        Err(reason) => format!("{name}: {reason}"),
        Ok(()) if file.is_dir() => format!("{name} is a directory"),
        Ok(()) if is(error, ErrorCode::NotADatabase) => format!("{name} is not an SQLite database"),
        Ok(()) => format!("{name}: {error}"),
    })
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
