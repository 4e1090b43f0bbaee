//! An import: everybody in one transaction, which ends soon when its time is over or nobody waits for it any more.
//!
//! SQLite has one writer. As long as an import stores, no other call can write, and what is not committed nobody may
//! see; so the time is limited, and a deadline or a caller that went away stops even a statement that runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::error::is;
use super::pool::Pool;
use super::row::values;
use super::{ADD, TAKEN, begin, indexes, make};
use crate::person::Person;
use crate::store::{Batches, Claim, ImportStopped, Receipt, StoreError, Stored};

/// How many people are stored at a time: a few megabytes.
pub(super) const RUN: usize = if cfg!(test) { 100 } else { 32_000 };

/// How many steps of SQLite's virtual machine lie between two looks at the clock: some tens of microseconds.
const STEPS: i32 = 10_000;

/// A part of an import on its way to the blocking thread. Without an `End` nothing is stored, so it makes no difference
/// how sending ends early.
enum Part {
    People(Vec<Person>),
    Stop,
    End,
}

impl From<Result<Vec<Person>, ImportStopped>> for Part {
    fn from(batch: Result<Vec<Person>, ImportStopped>) -> Self {
        batch.map_or(Self::Stop, Self::People)
    }
}

/// Stores all batches, within the limit if there is one. If the future is dropped the transaction is rolled back at once.
pub(super) async fn run(
    writer: &Pool,
    limit: Option<Duration>,
    mut batches: Batches,
    once: Option<(Claim, Receipt)>,
) -> Result<Stored, StoreError> {
    let (sender, receiver) = mpsc::channel(2);
    let caller = Caller::default();
    let stop = Stop {
        is_gone: Arc::clone(&caller.is_gone),
        limit,
        deadline: Arc::default(),
    };
    let storing = writer.run(move |connection| {
        let handler = stop.clone();
        connection.progress_handler(STEPS, Some(move || handler.is_due()))?;
        let stored = store(connection, receiver, once.as_ref(), &stop);
        // Ends of transactions take a few steps only, so the handler never stops one.
        connection.progress_handler(0, None::<fn() -> bool>)?;
        stored.map_err(|ended| match (ended, limit) {
            (Ended::Error(error), _) => error.into(),
            (Ended::Stopped, Some(limit)) if stop.is_over() => StoreError::TimedOut(limit),
            (Ended::Stopped, _) => StoreError::Stopped,
        })
    });
    let sending = async move {
        while let Some(batch) = batches.next().await {
            let stopped = batch.is_err();
            // A failed send means that storing has ended, which says how.
            if sender.send(Part::from(batch)).await.is_err() || stopped {
                return;
            }
        }
        let _ = sender.send(Part::End).await;
    };
    let (stored, ()) = tokio::join!(storing, sending);
    stored
}

/// The call that waits for an import; dropped with it.
#[derive(Default)]
struct Caller {
    is_gone: Arc<AtomicBool>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }
}

/// When an import has to stop.
#[derive(Clone)]
struct Stop {
    is_gone: Arc<AtomicBool>,
    limit: Option<Duration>,
    /// Set when the transaction has begun.
    deadline: Arc<OnceLock<Instant>>,
}

impl Stop {
    fn begin(&self) {
        if let Some(limit) = self.limit {
            let _ = self.deadline.set(Instant::now() + limit);
        }
    }

    fn is_over(&self) -> bool {
        self.deadline
            .get()
            .is_some_and(|deadline| Instant::now() >= *deadline)
    }

    fn is_due(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed) || self.is_over()
    }
}

/// Why an import ended early.
enum Ended {
    Stopped,
    Error(rusqlite::Error),
}

impl From<rusqlite::Error> for Ended {
    fn from(error: rusqlite::Error) -> Self {
        if is(&error, ErrorCode::OperationInterrupted) {
            Self::Stopped
        } else {
            Self::Error(error)
        }
    }
}

/// Stores all in a transaction, or rolls it back.
fn store(
    connection: &mut Connection,
    parts: mpsc::Receiver<Part>,
    once: Option<&(Claim, Receipt)>,
    stop: &Stop,
) -> Result<Stored, Ended> {
    let transaction = begin(connection)?;
    stop.begin();
    let stored = store_all(&transaction, parts, once, stop)?;
    transaction.commit()?;
    Ok(stored)
}

fn store_all(
    connection: &Connection,
    mut parts: mpsc::Receiver<Part>,
    once: Option<&(Claim, Receipt)>,
    stop: &Stop,
) -> Result<Stored, Ended> {
    if let Some((claim, receipt)) = once
        && let Some(before) = make(connection, claim, receipt)?
    {
        return Ok(Stored::Before(before));
    }
    let (mut count, mut run, mut without_indexes) = (0, Vec::new(), None);
    loop {
        match parts.blocking_recv() {
            Some(Part::People(people)) if !stop.is_due() => {
                count += u64::try_from(people.len()).unwrap_or(u64::MAX);
                run.extend(people);
                if run.len() >= RUN {
                    if without_indexes.is_none() {
                        without_indexes = Some(indexes::take_away(connection, RUN)?);
                    }
                    add_run(connection, &mut run)?;
                }
            }
            Some(Part::End) => {
                add_run(connection, &mut run)?;
                indexes::put_back(connection, &without_indexes.unwrap_or_default())?;
                return Ok(Stored::Now(count));
            }
            Some(Part::People(_) | Part::Stop) | None => return Err(Ended::Stopped),
        }
    }
}

/// Stores people in the order of their keys, so that those who share a page of the table come to it together.
fn add_run(connection: &Connection, people: &mut Vec<Person>) -> rusqlite::Result<()> {
    people.sort_unstable_by_key(|person| person.uuid);
    let mut statement = connection.prepare_cached(ADD)?;
    people
        .drain(..)
        .try_for_each(|person| statement.execute(values(&person)).map(drop))
}

/// Those of these keys that people have.
pub(super) fn taken(connection: &Connection, mut keys: Vec<Uuid>) -> Result<Vec<Uuid>, StoreError> {
    let mut statement = connection.prepare_cached(TAKEN)?;
    let mut taken = Vec::new();
    for key in keys.drain(..) {
        if statement.exists([key.as_bytes()])? {
            taken.push(key);
        }
    }
    Ok(taken)
}
