//! Lists: read on a blocking thread, handed over in batches.
//!
//! The channel between holds two batches, so that a slow reader slows down the thread instead of filling
//! the memory. Once the reader is gone the next batch can't be sent, and the thread is done.

use futures_util::{StreamExt, TryStreamExt, stream};
use rusqlite::{Connection, params_from_iter};
use tokio::sync::mpsc;

use super::pool::{Pool, result};
use super::row::person;
use crate::person::Person;
use crate::store::select::Query;
use crate::store::{People, StoreError};

/// How many people are handed over at once: a hand-over costs about as much as reading ten of them.
const BATCH: usize = 128;

/// Starts a list. Its first batch is waited for, so that what can't be listed at all is an error here.
pub(super) async fn start(lists: &Pool, query: Query) -> Result<People, StoreError> {
    let (sender, mut receiver) = mpsc::channel(2);
    let reading = lists
        .start(move |connection| send_all(connection, &query, &sender))
        .await?;
    let Some(first) = receiver.recv().await else {
        result(reading).await?;
        return Ok(stream::empty().boxed());
    };
    let batches = stream::once(async { first })
        .chain(stream::poll_fn(move |context| receiver.poll_recv(context)))
        .map(Ok)
        .chain(stream::once(async {
            result(reading).await.map(|()| Vec::new())
        }));
    Ok(batches
        .map_ok(|batch| stream::iter(batch).map(Ok))
        .try_flatten()
        .boxed())
}

fn send_all(
    connection: &Connection,
    query: &Query,
    to: &mpsc::Sender<Vec<Person>>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(&query.text)?;
    let mut people = statement.query_map(params_from_iter(&query.values), person)?;
    loop {
        let batch: Vec<_> = people
            .by_ref()
            .take(BATCH)
            .collect::<rusqlite::Result<_>>()?;
        if batch.is_empty() || to.blocking_send(batch).is_err() {
            return Ok(());
        }
    }
}
