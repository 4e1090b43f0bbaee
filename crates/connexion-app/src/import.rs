//! Import: a CSV file becomes people, all of them or none.
//!
//! The file is parsed on a blocking thread while the store writes what was parsed before; a short
//! queue between the two keeps memory constant however long the file is. The first bad row stops the
//! store at once, but the rest is still parsed, so that one run tells all there is to correct. Nothing
//! here knows the terminal or HTTP: the source is any [`Read`], progress is a callback, and what is
//! wrong comes back as values. Which cells are good is decided in `cell.rs` only.

mod cell;
mod record;
mod row;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Read};
use std::mem;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::{self, JoinHandle};

pub use self::row::{BadHeader, BadRow, COLUMNS, Fault};
pub(crate) use self::row::{RowError, Rows};
use crate::person::Person;
use crate::store::{Batches, ImportStopped, Store, StoreError};

/// The passenger list that the program carries; `data/README.md` says where it comes from.
pub const SAMPLE: &[u8] = include_bytes!("../../../data/titanic.csv");

/// How many people a batch holds, except for the last one.
const BATCH: usize = 1_000;

/// How many batches may wait for the store.
const QUEUE: usize = 4;

/// How many bad rows are reported one by one.
const SHOWN: usize = 20;

/// What an import did.
#[derive(Clone, Copy, Debug)]
pub struct Imported {
    /// How many people were stored.
    pub rows: u64,
    /// How many of them came with an age that was cut to whole years.
    pub ages_cut: u64,
    /// How long it took, from opening the source to the commit.
    pub elapsed: Duration,
}

/// Why nothing was imported. The text is fit for whoever sent the file, except that of
/// [`ImportError::Store`], which is for the log.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The header doesn't name the eight [`COLUMNS`].
    #[error("{0}")]
    BadHeader(BadHeader),
    /// Some rows can't be stored.
    #[error("{}", describe(.shown, *.total))]
    BadRows {
        /// The first of them, in the file's order.
        shown: Vec<BadRow>,
        /// How many there are.
        total: u64,
    },
    /// The source can't be read to its end.
    #[error("the source can't be read: {0}")]
    Read(#[source] io::Error),
    /// The store can't store it.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Stores every row of a CSV source as a new person with a random key, or, if anything is wrong with
/// any row, none.
///
/// `progress` is called now and then, on the parsing thread, with the number of rows parsed so far.
/// If the future is dropped nothing is stored, and parsing ends with the next batch.
///
/// # Errors
///
/// [`ImportError`]; nothing has been stored then.
pub async fn import(
    store: &dyn Store,
    source: impl Read + Send + 'static,
    progress: impl FnMut(u64) + Send + 'static,
) -> Result<Imported, ImportError> {
    let started = Instant::now();
    let (batches, parsing) = parse(source, progress);
    let rows = match store.import(batches).await {
        Ok(rows) => rows,
        // Why it was stopped, the parser knows. Any other failure is told at once: the parser may be
        // waiting for a source that says nothing more.
        Err(StoreError::Stopped) => {
            return Err(outcome(parsing)
                .await
                .err()
                .unwrap_or(StoreError::Stopped.into()));
        }
        Err(error) => return Err(error.into()),
    };
    let ages_cut = outcome(parsing).await?;
    Ok(Imported {
        rows,
        ages_cut,
        elapsed: started.elapsed(),
    })
}

/// What the parser tells the store. That it ended well is said, never concluded from its silence: if
/// it panics or its thread is never started, the store must not keep the half it has got.
enum Message {
    Batch(Vec<Person>),
    End,
}

/// How parsing ended: how many ages were cut, or what is wrong.
type Outcome = Result<u64, ImportError>;

fn parse(
    source: impl Read + Send + 'static,
    progress: impl FnMut(u64) + Send + 'static,
) -> (Batches, JoinHandle<Outcome>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let parsing = task::spawn_blocking(move || send_rows(source, sender, progress));
    let batches = stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Message::Batch(batch)) => Some((Ok(batch), Some(receiver))),
            Some(Message::End) => None,
            None => Some((Err(ImportStopped), None)),
        }
    });
    (batches.boxed(), parsing)
}

async fn outcome(parsing: JoinHandle<Outcome>) -> Outcome {
    parsing
        .await
        .map_err(|panicked| ImportError::Read(io::Error::other(panicked)))?
}

fn send_rows(
    source: impl Read,
    sender: mpsc::Sender<Message>,
    mut progress: impl FnMut(u64),
) -> Outcome {
    let mut rows = Rows::open(source)?;
    let mut batch = Vec::with_capacity(BATCH);
    let (mut parsed, mut ages_cut) = (0, 0);
    while let Some(row) = rows.next() {
        match row {
            Ok(row) => {
                ages_cut += u64::from(row.age_cut);
                batch.push(row.person);
            }
            Err(RowError::Read(error)) => return Err(ImportError::Read(error)),
            Err(RowError::Bad(first)) => {
                // The store rolls back now and holds no lock while the other bad rows are counted.
                drop(sender);
                return Err(bad_rows(first, rows));
            }
        }
        parsed += 1;
        if batch.len() == BATCH {
            progress(parsed);
            let full = mem::replace(&mut batch, Vec::with_capacity(BATCH));
            if sender.blocking_send(Message::Batch(full)).is_err() {
                return Ok(ages_cut); // The store has given up and says why itself.
            }
        }
    }
    progress(parsed);
    if batch.is_empty() || sender.blocking_send(Message::Batch(batch)).is_ok() {
        sender.blocking_send(Message::End).ok();
    }
    Ok(ages_cut)
}

fn bad_rows(first: BadRow, rest: Rows<impl Read>) -> ImportError {
    let (mut shown, mut total) = (vec![first], 1);
    for row in rest {
        match row {
            Ok(_) => {}
            Err(RowError::Read(error)) => return ImportError::Read(error),
            Err(RowError::Bad(bad)) => {
                total += 1;
                if shown.len() < SHOWN {
                    shown.push(bad);
                }
            }
        }
    }
    ImportError::BadRows { shown, total }
}

fn describe(shown: &[BadRow], total: u64) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let rows = if total == 1 { "row" } else { "rows" };
        write!(f, "{total} bad {rows}, nothing was stored")?;
        for row in shown {
            write!(f, "\n{row}")?;
        }
        match total.saturating_sub(shown.len() as u64) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    })
}
