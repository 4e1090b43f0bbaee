//! Migrations of a PostgreSQL database, on a session of their own.
//!
//! All that is missing is applied in one transaction, after the database was found fit for it, so a refusal or a failure
//! leaves nothing behind. An advisory lock, which goes away with the session, lets processes that migrate at the same
//! time in one by one, so that the second one finds nothing to do.

use refinery::Migration;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, GenericClient};

use super::adoption;
use crate::store::history::{self, Applied};
use crate::store::{Migrated, StoreError};

mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

/// The advisory lock's number: a word in ASCII, so that nobody else has it by chance.
const LOCK: i64 = i64::from_be_bytes(*b"connexio");

/// Applies what is missing. The session must not be used again if this fails or is dropped midway:
/// only its end releases the lock.
pub(super) async fn apply(client: &mut Client) -> Result<Migrated, StoreError> {
    lock(client).await?;
    let runner = embedded::migrations::runner();
    // Outside the transaction, which an error would end.
    let held = characters_held(client, runner.get_migrations()).await?;
    let transaction = client.transaction().await?;
    let existed = table_exists(&transaction, "person").await?;
    let applied = applied(&transaction).await.map_err(|error| {
        let is_other = error.code() == Some(&SqlState::UNDEFINED_COLUMN);
        is_other
            .then(history::of_another_program)
            .unwrap_or_else(|| error.into())
    })?;
    history::check(&runner, &applied)?;
    let missing = history::missing(&runner, &applied);
    let versions: Vec<_> = missing.iter().map(Migration::version).collect();
    adoption::check_schema(&transaction, &versions).await?;
    if existed {
        adoption::check_rows(&transaction).await?;
    }
    if !missing.is_empty() {
        transaction.batch_execute(history::CREATE).await?;
    }
    for migration in &missing {
        let text = migration.sql().unwrap_or_default();
        let text = text.chars().filter(|c| c.is_ascii() || held);
        let text: String = text.collect();
        transaction.batch_execute(&text).await?;
        let record = history::record(migration);
        transaction.batch_execute(&record).await?;
    }
    let created = !existed && !missing.is_empty();
    if created {
        super::constrain::add_to_new(&transaction).await?;
    }
    transaction.commit().await?;
    unlock(client).await?;
    Ok(Migrated {
        applied: missing.iter().map(ToString::to_string).collect(),
        created,
    })
}

/// Names of the migrations that are missing; only reads.
pub(super) async fn pending(client: &Client) -> Result<Vec<String>, Error> {
    let applied = applied(client).await?;
    let missing = history::missing(&embedded::migrations::runner(), &applied);
    Ok(missing.iter().map(ToString::to_string).collect())
}

async fn applied(client: &impl GenericClient) -> Result<Vec<Applied>, Error> {
    if !table_exists(client, "refinery_schema_history").await? {
        return Ok(Vec::new());
    }
    let rows = client.query_typed(history::READ, &[]).await?;
    let applied = rows.iter().map(|row| {
        Ok(Applied {
            version: row.try_get(0)?,
            name: row.try_get(1)?,
            checksum: row.try_get(2)?,
        })
    });
    applied.collect()
}

/// Whether texts of this database can have the characters beyond ASCII that the migrations have. They fold the letter case
/// of names, so without them they are left out of the migrations: no name has them.
async fn characters_held(client: &Client, migrations: &[Migration]) -> Result<bool, StoreError> {
    let texts = migrations.iter().filter_map(Migration::sql);
    let characters: String = texts
        .flat_map(str::chars)
        .filter(|c| !c.is_ascii())
        .collect();
    let count = i32::try_from(characters.chars().count()).unwrap_or(i32::MAX);
    let held = "select char_length($1) = $2";
    let values: [(&(dyn ToSql + Sync), _); 2] = [(&characters, Type::TEXT), (&count, Type::INT4)];
    match client.query_typed_one(held, &values).await {
        Ok(row) => Ok(row.try_get(0)?),
        Err(error) if error.code() == Some(&SqlState::UNTRANSLATABLE_CHARACTER) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Waits until no other process migrates.
pub(super) async fn lock(client: &Client) -> Result<(), StoreError> {
    let lock = "select pg_advisory_lock($1)";
    client.execute(lock, &[&LOCK]).await?;
    Ok(())
}

pub(super) async fn unlock(client: &Client) -> Result<(), StoreError> {
    let unlock = "select pg_advisory_unlock($1)";
    client.execute(unlock, &[&LOCK]).await?;
    Ok(())
}

async fn table_exists(client: &impl GenericClient, name: &str) -> Result<bool, Error> {
    let exists = "select to_regclass($1) is not null";
    // Not prepared, for the sake of poolers.
    let row = client
        .query_typed_one(exists, &[(&name, Type::TEXT)])
        .await?;
    row.try_get(0)
}
