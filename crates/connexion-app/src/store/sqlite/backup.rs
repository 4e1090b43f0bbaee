//! A copy of an SQLite file, taken while others write to it.
//!
//! The copy is one snapshot: all pages are copied within one read transaction, which holds up no writer. It gets its name
//! only when it is complete, checked and on the disk, so that no half backup is ever taken for a whole one.

use std::fs::File;
use std::io;
use std::path::{self, Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::error::open_error;
use super::pool::BUSY;
use crate::store::StoreError;

/// All pages that there are.
const ALL: i32 = -1;

/// What was copied.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// How many people.
    pub people: u64,
    /// The copy's size in bytes.
    pub bytes: u64,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database can't be read.
    #[error("{0}")]
    Source(StoreError),
    /// The target would be the database, or belongs to it.
    #[error("{} is the database itself", .0.display())]
    Same(PathBuf),
    /// The target exists.
    #[error("{} exists already; --force replaces it", .0.display())]
    Exists(PathBuf),
    /// Something stands beside the target that SQLite would take for changes of the copy.
    #[error("{} is the rest of another database, which would spoil the copy; remove it first", .0.display())]
    Rest(PathBuf),
    /// The target can't be written.
    #[error("{}: {reason}", .0.display(), reason = .1)]
    Target(PathBuf, io::Error),
    /// The copy can't be written, or is damaged.
    #[error("{}: the copy failed: {reason}", .0.display(), reason = .1)]
    Copy(PathBuf, String),
}

/// Copies the database in `source` to the file `target`; an existing one is replaced only if `replaces`.
///
/// # Errors
/// [`BackupError`]; the target is as it was.
pub fn backup(source: &Path, target: &Path, replaces: bool) -> Result<Copied, BackupError> {
    let failed = |error| BackupError::Target(target.to_owned(), error);
    let from = open(source)?;
    check_target(source, target, replaces)?;
    let absolute = path::absolute(target).map_err(failed)?;
    let directory = absolute.parent().unwrap_or(Path::new("/"));
    let copy = tempfile::Builder::new()
        .prefix(".backup-")
        .tempfile_in(directory);
    let copy = copy.map_err(failed)?;
    let people = copy_all(&from, copy.path())
        .map_err(|reason| BackupError::Copy(target.to_owned(), reason))?;
    copy.as_file().sync_all().map_err(failed)?;
    let bytes = copy.as_file().metadata().map_err(failed)?.len();
    let named = if replaces {
        copy.persist(&absolute)
    } else {
        copy.persist_noclobber(&absolute)
    };
    named.map_err(|error| failed(error.error))?;
    // Otherwise a crash may undo the renaming.
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(failed)?;
    Ok(Copied { people, bytes })
}

fn open(source: &Path) -> Result<Connection, BackupError> {
    let flags = OpenFlags::default().difference(OpenFlags::SQLITE_OPEN_CREATE);
    let opened = Connection::open_with_flags(source, flags).and_then(|from| {
        from.busy_timeout(BUSY)?;
        // Whether it is a database only reading tells.
        from.query_row("select count(*) from sqlite_master", [], |_| Ok(()))?;
        Ok(from)
    });
    opened.map_err(|error| BackupError::Source(open_error(source, &error)))
}

fn check_target(source: &Path, target: &Path, replaces: bool) -> Result<(), BackupError> {
    let beside = |file: &Path, suffix| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    // By what they are, since names may differ by links.
    let known = |file: &Path| file.canonicalize().ok();
    let own = ["", "-wal", "-shm", "-journal"].map(|suffix| known(&beside(source, suffix)));
    if known(target).is_some_and(|target| own.contains(&Some(target))) {
        return Err(BackupError::Same(target.to_owned()));
    }
    if !replaces && target.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(target.to_owned()));
    }
    for suffix in ["-wal", "-journal"] {
        let rest = beside(target, suffix);
        if rest.exists() {
            return Err(BackupError::Rest(rest));
        }
    }
    Ok(())
}

/// Copies all pages, checks them, and returns how many people there are.
fn copy_all(from: &Connection, to: &Path) -> Result<u64, String> {
    let mut copy = Connection::open(to).map_err(|error| error.to_string())?;
    let step = Backup::new(from, &mut copy).and_then(|backup| backup.step(ALL));
    match step {
        Ok(StepResult::Done) => {}
        Ok(_) => return Err("the database is locked".to_owned()),
        Err(error) => return Err(error.to_string()),
    }
    check(&copy).map_err(|error| error.to_string())?
}

/// Makes the copy a file of its own, without a log, and checks it.
fn check(copy: &Connection) -> rusqlite::Result<Result<u64, String>> {
    copy.query_row("pragma journal_mode = delete", [], |_| Ok(()))?;
    let found: String = copy.query_row("pragma quick_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Ok(Err(found));
    }
    let people: i64 = copy.query_row("select count(*) from person", [], |row| row.get(0))?;
    Ok(Ok(people.unsigned_abs()))
}
