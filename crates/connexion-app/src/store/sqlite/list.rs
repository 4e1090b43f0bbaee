//! Lists: read on a blocking thread, handed over in batches.
//!
//! The channel between holds two batches, so that a slow reader slows down the thread instead of filling
//! the memory. Once the reader is gone the next batch can't be sent, and the thread is done. A list that takes too long is
//! ended: the stream breaks off with an error, and the snapshot that it read is free.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use rusqlite::{Connection, Rows, params_from_iter};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::sleep;
use tracing::Span;

use super::pool::{Pool, result};
use super::row::person;
use crate::person::Person;
use crate::store::select::Query;
use crate::store::{People, StoreError, Turns};

/// How many people are handed over at once: a hand-over costs about as much as reading ten of them.
const BATCH: usize = 128;

/// People who are handed over together.
type Batch = Vec<Result<Person, StoreError>>;

/// How often lists that must end are looked for while all others are waited for.
const TICK: Duration = Duration::from_millis(100);

/// The connections of lists, and which lists must end.
#[derive(Debug)]
pub(super) struct Lists {
    pool: Pool,
    end: watch::Sender<End>,
}

/// Lists that began before this must end.
#[derive(Clone, Copy, Debug)]
struct End {
    before: Instant,
    why: &'static str,
}

impl Lists {
    pub(super) fn new(pool: Pool) -> Self {
        let none = End {
            before: Instant::now(),
            why: "",
        };
        Self {
            pool,
            end: watch::Sender::new(none),
        }
    }

    /// Starts a list. Its first batch is waited for, so that what can't be listed at all is an error here.
    pub(super) async fn start(&self, query: Query) -> Result<People, StoreError> {
        let (sender, mut receiver) = mpsc::channel(2);
        let (end, span) = (self.end.subscribe(), Span::current());
        let reading = self
            .pool
            .start(move |connection| span.in_scope(|| send_all(connection, &query, &sender, end)))
            .await?;
        let Some(first) = receiver.recv().await else {
            result(reading).await?;
            return Ok(stream::empty().boxed());
        };
        if let Some(Err(error)) = first.first() {
            return Err(error.clone());
        }
        let batches = stream::once(async { first })
            .chain(stream::poll_fn(move |context| receiver.poll_recv(context)))
            .map(Ok)
            .chain(stream::once(async {
                result(reading).await.map(|()| Vec::new())
            }));
        Ok(batches.map_ok(stream::iter).try_flatten().boxed())
    }

    /// Ends the lists that have taken longer than `age`.
    pub(super) fn end(&self, age: Duration, why: &'static str) {
        let Some(before) = Instant::now().checked_sub(age) else {
            return;
        };
        self.end.send_if_modified(|end| {
            let is_later = before > end.before;
            if is_later {
                *end = End { before, why };
            }
            is_later
        });
    }

    /// As [`Pool::run`].
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.pool.run(work).await
    }

    /// Waits until no list is in progress, and ends those that take longer than `age`. None starts while the permit is held.
    pub(super) async fn all_ended(
        &self,
        age: Duration,
        why: &'static str,
    ) -> Option<OwnedSemaphorePermit> {
        let ending = async {
            loop {
                self.end(age, why);
                sleep(TICK).await;
            }
        };
        tokio::select! {
            turns = self.pool.all_turns() => turns,
            () = ending => None,
        }
    }

    pub(super) fn turns(&self) -> Turns {
        self.pool.turns()
    }

    /// Ends all lists; later ones fail.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let turns = self.all_ended(Duration::ZERO, "the service stops").await;
        self.pool.close(turns).await
    }
}

fn send_all(
    connection: &Connection,
    query: &Query,
    to: &mpsc::Sender<Batch>,
    mut end: watch::Receiver<End>,
) -> Result<(), StoreError> {
    let begun = Instant::now();
    let mut statement = connection.prepare_cached(&query.text)?;
    let mut rows = statement.query(params_from_iter(&query.values))?;
    loop {
        let batch = next(&mut rows)?;
        let is_last = batch.len() < BATCH || batch.last().is_some_and(Result::is_err);
        if !batch.is_empty() && !send(batch, to, begun, &mut end)? || is_last {
            return Ok(());
        }
    }
}

/// Reads the next people. A row that can't be read is the last of its batch, so that it is known of before the people
/// before it have left.
fn next(rows: &mut Rows<'_>) -> Result<Batch, StoreError> {
    let mut batch = Vec::new();
    while batch.len() < BATCH
        && let Some(row) = rows.next()?
    {
        let person = person(row);
        let is_broken = person.is_err();
        batch.push(person);
        if is_broken {
            break;
        }
    }
    Ok(batch)
}

/// Hands over a batch, and returns whether the reader is still there.
///
/// # Errors
/// If the list must end.
fn send(
    batch: Batch,
    to: &mpsc::Sender<Batch>,
    begun: Instant,
    end: &mut watch::Receiver<End>,
) -> Result<bool, StoreError> {
    let must_end = |end: &End| begun < end.before;
    let latest = *end.borrow();
    let ended = if must_end(&latest) {
        latest.why
    } else {
        match to.try_send(batch) {
            Ok(()) => return Ok(true),
            Err(TrySendError::Closed(_)) => return Ok(false),
            Err(TrySendError::Full(batch)) => {
                let sent_or_ended = async {
                    tokio::select! {
                        sent = to.send(batch) => Ok(sent.is_ok()),
                        // An error says that the store is gone, which ends no list.
                        Ok(end) = end.wait_for(must_end) => Err(end.why),
                    }
                };
                match Handle::current().block_on(sent_or_ended) {
                    Ok(is_sent) => return Ok(is_sent),
                    Err(why) => why,
                }
            }
        }
    };
    let seconds = begun.elapsed().as_secs();
    // The client may take long to read up to the error, or never do.
    tracing::warn!("a list was ended after {seconds} s: {ended}");
    Err(StoreError::Unavailable(format!(
        "the list was ended: {ended}"
    )))
}
