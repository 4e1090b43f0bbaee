//! Import: a file becomes people, all of them or none.
//!
//! The file is read twice. First all of it is checked (`check.rs`): while nobody knows whether it can be stored, no
//! connection is opened and nothing is locked. Then it is parsed again, on a blocking thread, while the store writes
//! what was parsed before (`batches.rs`); a short queue between the two keeps memory constant. Nothing here knows the
//! terminal or HTTP: the source is any [`Read`] and [`Seek`], progress is a callback, and errors come back as values.
//! Which people are valid the contract decides.

mod batches;
mod cell;
mod check;
mod file;
mod header;
mod keys;
mod line;
mod record;
mod row;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Read, Seek};
use std::time::{Duration, Instant};

use connexion::Validator;
use serde::{Deserialize, Serialize};

use self::check::Checked;
pub use self::header::{BadHeader, COLUMNS};
use self::row::RowError;
#[cfg(test)]
pub(crate) use self::row::Rows;
pub use self::row::{BadRow, Fault};
use crate::store::{Claim, Receipt, Store, StoreError, Stored};

/// The passenger list that the program carries; `data/README.md` says where it comes from.
pub const SAMPLE: &[u8] = include_bytes!("../../../data/titanic.csv");

/// How many people a batch holds, except for the last one.
const BATCH: usize = 1_000;

/// How many bad rows are kept, to be reported one by one.
const SHOWN: usize = 100;

/// How many of them are reported on a terminal.
const SHOWN_AS_TEXT: usize = 20;

/// How the people of a source are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// CSV with a header.
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
    /// Whether it is only checked, and nothing stored.
    pub is_trial: bool,
    /// If it is done once only, however often it is asked for. Of a trial there is nothing to remember.
    pub once: Option<Claim>,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// So many rows were checked.
    Checking(u64),
    /// So many rows were handed to the store.
    Storing(u64),
}

/// What an import did; in JSON, the response of `people.import`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// How many people were stored.
    #[serde(rename = "imported")]
    pub rows: u64,
    /// How many of them came with an age that was cut to whole years.
    pub ages_cut: u64,
    /// Whether it was only checked.
    #[serde(rename = "dryRun")]
    pub is_trial: bool,
    /// How long it took, from opening the source to the commit.
    #[serde(skip)]
    pub elapsed: Duration,
}

/// Why nothing was imported. The text is fit for the client that sent the file, except that of
/// [`ImportError::Store`], which is for the log.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is of another format.
    #[error("{0}")]
    OtherFormat(String),
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
    /// Some rows have keys of people who exist.
    #[error("{}", describe(.shown, *.total))]
    Taken {
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

/// Stores everybody in a source as a new person, with a random key unless the row has one, or nobody if any row is
/// invalid. `schema` is the contract's of a new person.
///
/// `progress` is called after each thousand rows, on the parsing thread.
/// If the future is dropped nothing is stored, and parsing ends with the next batch.
///
/// # Errors
///
/// [`ImportError`]; nothing has been stored then.
pub async fn import(
    store: &dyn Store,
    schema: &Validator,
    source: impl Read + Seek + Send + 'static,
    options: Options,
    progress: impl FnMut(Progress) + Send + 'static,
) -> Result<Imported, ImportError> {
    let started = Instant::now();
    let checked = check::check(source, schema.clone(), options, progress).await?;
    let Checked {
        source,
        progress,
        keys,
        mut imported,
        digest,
    } = checked;
    // A request that was done before has its keys in the store: only the store knows.
    if options.is_trial || options.once.is_none() {
        keys.check(store).await?;
    }
    if !options.is_trial {
        let receipt = |claim| {
            let answer = serde_json::to_string(&imported).unwrap_or_default();
            let request = digest;
            (claim, Receipt { request, answer })
        };
        let once = options.once.map(receipt);
        let (batches, parsing) = batches::parse(source, schema.clone(), options.format, progress);
        match store.import(batches, once).await {
            Ok(Stored::Now(rows)) => imported.rows = rows,
            Ok(Stored::Before(receipt)) if receipt.request != digest => {
                return Err(ImportError::OtherSource);
            }
            Ok(Stored::Before(receipt)) => return Ok(receipt.read()?),
            // Only the parser knows why it stopped the store.
            Err(StoreError::Stopped) => {
                let parsed = batches::outcome(parsing).await;
                return Err(parsed.err().unwrap_or(StoreError::Stopped.into()));
            }
            Err(StoreError::Conflict) => {
                keys.check(store).await?;
                return Err(StoreError::Conflict.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
    imported.elapsed = started.elapsed();
    Ok(imported)
}

/// The bad rows of a file: the first ones, and how many there are.
#[derive(Debug, Default)]
struct BadRows {
    shown: Vec<BadRow>,
    total: u64,
}

impl BadRows {
    /// Adds one; they come in the file's order.
    fn push(&mut self, row: BadRow) {
        self.total += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(row);
        }
    }
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
