//! Import: a file becomes people, all of them or none.
//!
//! The file is parsed on a blocking thread while the store writes what was parsed before; a short
//! queue between the two keeps memory constant however long the file is. The first bad row stops the
//! store at once, but the rest is still parsed, so that one run tells all there is to correct. Nothing
//! here knows the terminal or HTTP: the source is any [`Read`], progress is a callback, and what is
//! wrong comes back as values. Which people are good the contract decides.

mod cell;
mod line;
mod record;
mod row;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Read};
use std::mem;
use std::time::{Duration, Instant};

use connexion::Validator;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::{self, JoinHandle};

use self::line::Lines;
use self::row::Row;
pub use self::row::{BadHeader, BadRow, COLUMNS, Fault};
pub(crate) use self::row::{RowError, Rows};
use crate::store::{Batch, Batches, Claim, ImportStopped, Receipt, Store, StoreError, Stored};

/// The passenger list that the program carries; `data/README.md` says where it comes from.
pub const SAMPLE: &[u8] = include_bytes!("../../../data/titanic.csv");

/// How many people a batch holds, except for the last one.
const BATCH: usize = 1_000;

/// How many batches may wait for the store.
const QUEUE: usize = 4;

/// How many bad rows are kept, to be reported one by one.
const SHOWN: usize = 100;

/// How many of them are reported on a terminal.
const SHOWN_AS_TEXT: usize = 20;

/// How the people of a source are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// CSV with a header of eight columns.
    #[default]
    Csv,
    /// A JSON text a line, as `POST /people` takes it.
    Lines,
}

/// What can be chosen about an import.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How people are written.
    pub format: Format,
    /// Whether it is only tried, and nothing kept.
    pub is_trial: bool,
    /// If it is done once only, however often it is asked for.
    pub once: Option<Claim>,
}

/// What an import did; in JSON, the answer of `people.import`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// How many people were stored.
    #[serde(rename = "imported")]
    pub rows: u64,
    /// How many of them came with an age that was cut to whole years.
    pub ages_cut: u64,
    /// Whether it was only tried.
    #[serde(rename = "dryRun")]
    pub is_trial: bool,
    /// How long it took, from opening the source to the commit.
    #[serde(skip)]
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
    /// It was done before, but with another source.
    #[error("this claim was made for another source before")]
    OtherSource,
    /// The source can't be read to its end.
    #[error("the source can't be read: {0}")]
    Read(#[source] io::Error),
    /// The store can't store it.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Stores everybody in a source as a new person, with a random key unless there is one, or, if anything is wrong
/// with anybody, nobody. `schema` is the contract's of a new person.
///
/// `progress` is called now and then, on the parsing thread, with the number of rows parsed so far.
/// If the future is dropped nothing is stored, and parsing ends with the next batch.
///
/// # Errors
///
/// [`ImportError`]; nothing has been stored then.
pub async fn import(
    store: &dyn Store,
    schema: &Validator,
    source: impl Read + Send + 'static,
    options: Options,
    progress: impl FnMut(u64) + Send + 'static,
) -> Result<Imported, ImportError> {
    let started = Instant::now();
    let (batches, parsing) = parse(source, schema.clone(), options, progress);
    let stored = match store.import(batches, options.is_trial, options.once).await {
        Ok(stored) => stored,
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
    let parsed = outcome(parsing).await?;
    match stored {
        Stored::Now(rows) => Ok(Imported {
            rows,
            elapsed: started.elapsed(),
            ..parsed.imported
        }),
        Stored::Before(receipt) if receipt.request != parsed.digest => {
            Err(ImportError::OtherSource)
        }
        Stored::Before(receipt) => Ok(receipt.read()?),
    }
}

/// What the parser tells the store. That it ended well is said, never concluded from its silence: if
/// it panics or its thread is never started, the store must not keep the half it has got.
enum Message {
    Batch(Batch),
    End,
}

/// What was parsed.
#[derive(Debug)]
struct Parsed {
    imported: Imported,
    /// The hash of the source, of an import that is done once only.
    digest: [u8; 32],
}

/// How parsing ended.
type Outcome = Result<Parsed, ImportError>;

fn parse(
    source: impl Read + Send + 'static,
    schema: Validator,
    options: Options,
    progress: impl FnMut(u64) + Send + 'static,
) -> (Batches, JoinHandle<Outcome>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let parsing =
        task::spawn_blocking(move || send_rows(source, &schema, options, sender, progress));
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
    schema: &Validator,
    options: Options,
    sender: mpsc::Sender<Message>,
    progress: impl FnMut(u64),
) -> Outcome {
    let mut source = Hashed {
        source,
        hash: options.once.map(|_| Sha256::new()),
    };
    let (mut imported, sender) = match options.format {
        Format::Csv => send_all(Rows::open(&mut source, schema)?, sender, progress),
        Format::Lines => send_all(Lines::open(&mut source, schema), sender, progress),
    }?;
    imported.is_trial = options.is_trial;
    if source.hash.is_some() {
        // What a store leaves that knows the import already belongs to its hash.
        io::copy(&mut source, &mut io::sink()).map_err(ImportError::Read)?;
    }
    let digest = source.hash.map(|hash| hash.finalize().into());
    let receipt = digest.zip(serde_json::to_string(&imported).ok());
    let receipt = receipt.map(|(request, answer)| Receipt { request, answer });
    // A failed send means that the store has ended, which says how.
    let last = receipt.map(|receipt| Message::Batch(Batch::Receipt(receipt)));
    for message in last.into_iter().chain([Message::End]) {
        if sender.blocking_send(message).is_err() {
            break;
        }
    }
    Ok(Parsed {
        imported,
        digest: digest.unwrap_or_default(),
    })
}

fn send_all(
    mut rows: impl Iterator<Item = Result<Row, RowError>>,
    sender: mpsc::Sender<Message>,
    mut progress: impl FnMut(u64),
) -> Result<(Imported, mpsc::Sender<Message>), ImportError> {
    let mut batch = Vec::with_capacity(BATCH);
    let mut imported = Imported {
        rows: 0,
        ages_cut: 0,
        is_trial: false,
        elapsed: Duration::ZERO,
    };
    while let Some(row) = rows.next() {
        match row {
            Ok(row) => {
                imported.ages_cut += u64::from(row.age_cut);
                batch.push(row.person);
            }
            Err(RowError::Read(error)) => return Err(ImportError::Read(error)),
            Err(RowError::Bad(first)) => {
                // The store rolls back now and holds no lock while the other bad rows are counted.
                drop(sender);
                return Err(bad_rows(first, rows));
            }
        }
        imported.rows += 1;
        if batch.len() == BATCH {
            progress(imported.rows);
            let full = mem::replace(&mut batch, Vec::with_capacity(BATCH));
            if sender
                .blocking_send(Message::Batch(Batch::People(full)))
                .is_err()
            {
                return Ok((imported, sender)); // The store has given up and says why itself.
            }
        }
    }
    progress(imported.rows);
    if !batch.is_empty() {
        let _ = sender.blocking_send(Message::Batch(Batch::People(batch)));
    }
    Ok((imported, sender))
}

/// A source that is hashed as it is read, if that is wanted.
struct Hashed<R> {
    source: R,
    hash: Option<Sha256>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..length]);
        }
        Ok(length)
    }
}

fn bad_rows(first: BadRow, rest: impl Iterator<Item = Result<Row, RowError>>) -> ImportError {
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
        for row in shown.iter().take(SHOWN_AS_TEXT) {
            write!(f, "\n{row}")?;
        }
        match total.saturating_sub(SHOWN_AS_TEXT as u64) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    })
}
