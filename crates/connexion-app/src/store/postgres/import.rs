//! An import: `COPY` in one transaction, on a session of its own that is opened when there are rows to store.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::timeout;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::error::Failure;
use super::row::values;
use super::session::{Session, Target, Use};
use super::statement::{CLAIM, COLUMNS, RECEIPT, TAKEN};
use super::{Options, forgotten, receipt_of};
use crate::store::{Batches, Claim, ImportStopped, Receipt, StoreError, Stored};

const COPY: &str = concat!("copy person (", columns!(), ") from stdin binary");

/// Stores all batches, within the limit if there is one. If the future is dropped the connection is closed, and the
/// server rolls back.
pub(super) async fn run(
    target: &Arc<Target>,
    options: Options,
    batches: Batches,
    once: Option<(Claim, Receipt)>,
) -> Result<Stored, StoreError> {
    let session = Session::open(target, Use::Own).await?;
    options.echo("begin");
    session.client.batch_execute("begin").await?;
    let limit = options.import.unwrap_or(Duration::MAX);
    let storing = timeout(limit, store_all(&session, options, batches, once));
    let stored = storing.await.unwrap_or(Err(StoreError::TimedOut(limit)));
    let is_stored = matches!(stored, Ok(Stored::Now(_)));
    let end = if is_stored { "commit" } else { "rollback" };
    options.echo(end);
    let ended = session.soon(session.client.batch_execute(end)).await;
    if is_stored {
        ended.map_err(Failure::of_write)?;
    }
    // A rollback is waited for, so that the keys are free again when the caller hears of it. If it fails the
    // connection is dead, which has the same end.
    stored
}

/// Within a transaction: makes the claim, if there is one, and stores all.
async fn store_all(
    session: &Session,
    options: Options,
    batches: Batches,
    once: Option<(Claim, Receipt)>,
) -> Result<Stored, StoreError> {
    if let Some((claim, Receipt { request, answer })) = &once {
        options.echo(CLAIM.text);
        let old = claim.now - Claim::LIFE;
        let values: [&(dyn ToSql + Sync); 5] =
            [&&claim.id[..], &&request[..], answer, &claim.now, &old];
        if session.execute(&CLAIM, &values).await? == 0 {
            options.echo(RECEIPT.text);
            let receipt = receipt_of(session, claim).await?;
            return receipt.map(Stored::Before).ok_or_else(forgotten);
        }
    }
    options.echo(COPY);
    copy(session, batches).await.map(Stored::Now)
}

/// Sends all batches. Dropped before `finish`, the writer makes the database forget what it got.
async fn copy(session: &Session, mut batches: Batches) -> Result<u64, StoreError> {
    let sink = session.client.copy_in(COPY).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &COLUMNS));
    while let Some(batch) = batches.next().await {
        for person in batch.map_err(|ImportStopped| StoreError::Stopped)? {
            writer.as_mut().write(&values(&person)).await?;
        }
    }
    Ok(writer.finish().await?)
}

/// Those of these keys that people have.
pub(super) async fn taken(
    target: &Arc<Target>,
    options: Options,
    keys: Vec<Uuid>,
) -> Result<Vec<Uuid>, StoreError> {
    let session = Session::open(target, Use::Own).await?;
    options.echo(TAKEN);
    let keys = [(&keys as &(dyn ToSql + Sync), Type::UUID_ARRAY)];
    let rows = session.client.query_typed(TAKEN, &keys);
    let rows = session.soon(rows).await?;
    let key = |row: &tokio_postgres::Row| Ok(row.try_get(0)?);
    rows.iter().map(key).collect()
}
