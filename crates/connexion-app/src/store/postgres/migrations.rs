//! Migrations of a PostgreSQL database, on a session of their own.
//!
//! refinery doesn't care whether another process migrates at the same time: both would find the same
//! ones missing, and one would fail. An advisory lock, which goes away with the session, lets them in
//! one by one, so that whoever comes second finds nothing to do.

use std::error::Error;
use std::iter::successors;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::error::store_error;
use crate::store::{Migrated, StoreError};

mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

/// The advisory lock's number: a word in ASCII, so that nobody else has it by chance.
const LOCK: i64 = i64::from_be_bytes(*b"connexio");

/// Applies what is missing. The session must not be used again if this fails or is dropped midway:
/// only its end releases the lock.
pub(super) async fn apply(client: &mut Client) -> Result<Migrated, StoreError> {
    let existed = lock(client).await?;
    let runner = embedded::migrations::runner();
    let report = runner
        .run_async(client)
        .await
        .map_err(|e| migration_error(&e))?;
    let applied: Vec<_> = report
        .applied_migrations()
        .iter()
        .map(ToString::to_string)
        .collect();
    unlock(client).await?;
    let created = !existed && !applied.is_empty();
    Ok(Migrated { applied, created })
}

/// Names of the migrations that are missing; only reads.
pub(super) async fn pending(client: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
    let mut applied: Vec<i32> = Vec::new();
    if table_exists(client, "refinery_schema_history").await? {
        let versions = "select version from refinery_schema_history";
        for row in client.query_typed(versions, &[]).await? {
            applied.push(row.try_get(0)?);
        }
    }
    let runner = embedded::migrations::runner();
    let known = runner.get_migrations().iter();
    let missing = known.filter(|migration| !applied.contains(&migration.version()));
    Ok(missing.map(ToString::to_string).collect())
}

/// Waits until no other process migrates; then, whether the person table exists.
async fn lock(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let lock = "select pg_advisory_lock($1)";
    client.execute(lock, &[&LOCK]).await?;
    table_exists(client, "person").await
}

async fn unlock(client: &Client) -> Result<(), tokio_postgres::Error> {
    let unlock = "select pg_advisory_unlock($1)";
    client.execute(unlock, &[&LOCK]).await.map(drop)
}

async fn table_exists(client: &Client, name: &str) -> Result<bool, tokio_postgres::Error> {
    let exists = "select to_regclass($1) is not null";
    // Not prepared, for the sake of poolers.
    let row = client
        .query_typed_one(exists, &[(&name, Type::TEXT)])
        .await?;
    row.try_get(0)
}

/// The database's own error, wrapped once or twice, says which column of an existing table is wrong.
fn migration_error(error: &refinery::Error) -> StoreError {
    successors(Some(error as &dyn Error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
        .map_or_else(|| StoreError::Unexpected(error.to_string()), store_error)
}
