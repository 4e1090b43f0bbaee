//! Migrations of an SQLite file.
//!
//! All that is missing is applied in one transaction together with its entries in refinery's table,
//! where versions are unique. So of two processes that find the same ones missing only one can commit;
//! the other looks again, and finds nothing to do.

use std::error::Error;
use std::iter::successors;

use rusqlite::{Connection, TransactionBehavior};

use super::error::store_error;
use crate::store::{Migrated, StoreError};

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// Applies what is missing.
pub(super) fn apply(connection: &mut Connection) -> Result<Migrated, StoreError> {
    // A transaction that starts by reading can't be made to wait once it writes: it fails at once.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    let runner = embedded::migrations::runner().set_grouped(true);
    loop {
        let missing = pending(connection)?;
        let error = match runner.run(connection) {
            Ok(report) => return Ok(migrated(&report)),
            Err(error) => error,
        };
        if pending(connection)?.len() == missing.len() {
            return Err(migration_error(&error));
        }
    }
}

/// Names of the migrations that are missing; only reads.
pub(super) fn pending(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut applied: Vec<i32> = Vec::new();
    if history_exists(connection)? {
        let mut versions = connection.prepare("select version from refinery_schema_history")?;
        applied = versions
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
    }
    Ok(names_without(&applied))
}

/// Asked by a statement: rusqlite's `table_exists` believes what the connection has read of the schema
/// before, and so would never notice that another process has applied the migrations.
fn history_exists(connection: &Connection) -> rusqlite::Result<bool> {
    let exists =
        "select exists (select 1 from sqlite_master where name = 'refinery_schema_history')";
    connection.query_row(exists, [], |row| row.get(0))
}

/// Names of all migrations.
pub(super) fn all() -> Vec<String> {
    names_without(&[])
}

fn names_without(applied: &[i32]) -> Vec<String> {
    let runner = embedded::migrations::runner();
    let known = runner.get_migrations().iter();
    let missing = known.filter(|migration| !applied.contains(&migration.version()));
    missing.map(ToString::to_string).collect()
}

/// The first migration makes the table; unlike on PostgreSQL there is none to adopt.
fn migrated(report: &refinery::Report) -> Migrated {
    let applied = report.applied_migrations();
    Migrated {
        created: applied.iter().any(|migration| migration.version() == 1),
        applied: applied.iter().map(ToString::to_string).collect(),
    }
}

fn migration_error(error: &refinery::Error) -> StoreError {
    successors(Some(error as &dyn Error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
        .map_or_else(|| StoreError::Unexpected(error.to_string()), store_error)
}
