//! Migrations of an SQLite file.
//!
//! All that is missing is applied in one transaction, after the file was found fit for it, so a refusal or a failure
//! leaves nothing behind. It is a transaction that writes from its beginning, so of two processes the second one waits for
//! the first, and finds nothing to do.

use refinery::Migration;
use rusqlite::Connection;

use super::{adoption, begin, constrain, pool};
use crate::store::history::{self, Applied};
use crate::store::{Migrated, StoreError};

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// Applies what is missing. The first migration is only recorded if another program has made the table of people.
pub(super) fn apply(connection: &mut Connection) -> Result<Migrated, StoreError> {
    let transaction = begin(connection)?;
    let runner = embedded::migrations::runner();
    let applied = applied(&transaction)?;
    history::check(&runner, &applied)?;
    let missing = history::missing(&runner, &applied);
    let versions: Vec<_> = missing.iter().map(Migration::version).collect();
    adoption::check_schema(&transaction, &versions)?;
    let existed = exists(&transaction, "person")?;
    if existed {
        adoption::check_rows(&transaction)?;
    }
    if !missing.is_empty() {
        transaction.execute_batch(history::CREATE)?;
    }
    for migration in &missing {
        if !(existed && migration.version() == 1) {
            transaction.execute_batch(migration.sql().unwrap_or_default())?;
        }
        transaction.execute_batch(&history::record(migration))?;
    }
    let created = !existed && !missing.is_empty();
    if created {
        constrain::add(&transaction)?;
    }
    transaction.commit()?;
    pool::write_ahead(connection)?;
    Ok(Migrated {
        applied: missing.iter().map(ToString::to_string).collect(),
        created,
    })
}

/// Names of the migrations that are missing; only reads.
pub(super) fn pending(connection: &Connection) -> Result<Vec<String>, StoreError> {
    Ok(names(&applied(connection)?))
}

/// Names of all migrations.
pub(super) fn all() -> Vec<String> {
    names(&[])
}

fn names(applied: &[Applied]) -> Vec<String> {
    let missing = history::missing(&embedded::migrations::runner(), applied);
    missing.iter().map(ToString::to_string).collect()
}

fn applied(connection: &Connection) -> Result<Vec<Applied>, StoreError> {
    if !exists(connection, "refinery_schema_history")? {
        return Ok(Vec::new());
    }
    let statement = connection.prepare(history::READ);
    let mut statement = statement.map_err(|_no_such_column| history::of_another_program())?;
    let applied = statement.query_map([], |row| {
        Ok(Applied {
            version: row.get(0)?,
            name: row.get(1)?,
            checksum: row.get(2)?,
        })
    })?;
    Ok(applied.collect::<rusqlite::Result<_>>()?)
}

/// Asked by a statement: rusqlite's `table_exists` believes what the connection has read of the schema
/// before, and so would never notice that another process has applied the migrations.
fn exists(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let exists = "select exists (select 1 from sqlite_master where name = ?1 collate nocase)";
    connection.query_row(exists, [table], |row| row.get(0))
}
