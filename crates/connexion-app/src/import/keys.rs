//! The keys that the rows of a file bring with them: each may be there once, and no person may have it.
//!
//! A key takes 20 bytes here, a row that has one at least 150 in the file; so memory is bounded by the size of the file.

use uuid::Uuid;

use super::row::{BadRow, Fault};
use super::{BadRows, ImportError, SHOWN};
use crate::store::Store;

/// How many keys the store is asked for at once.
const AT_ONCE: usize = 50_000;

/// Keys, each with its line.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<(Uuid, u32)>);

impl Keys {
    pub(super) fn push(&mut self, key: Uuid, line: u64) {
        self.0.push((key, u32::try_from(line).unwrap_or(u32::MAX)));
    }

    /// To be called after the last one.
    pub(super) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    /// Adds the rows whose key an earlier row has, too.
    pub(super) fn add_repeated(&self, bad: BadRows) -> BadRows {
        let mut repeated: Vec<_> = self
            .0
            .chunk_by(|one, other| one.0 == other.0)
            .filter_map(|same| same.split_first())
            .flat_map(|(first, others)| others.iter().map(|other| (other.1, first.1, first.0)))
            .collect();
        if repeated.is_empty() {
            return bad;
        }
        repeated.sort_unstable();
        let total = bad.total + repeated.len() as u64;
        let mut shown = bad.shown;
        shown.extend(repeated.iter().take(SHOWN).map(|(line, first, key)| {
            bad_key(*line, format!("line {first} has the key {key} already"))
        }));
        shown.sort_by_key(|row| row.line);
        shown.truncate(SHOWN);
        BadRows { shown, total }
    }

    /// Asks the store which of the keys people have.
    ///
    /// # Errors
    /// [`ImportError::Taken`] with their lines.
    pub(super) async fn check(&self, store: &dyn Store) -> Result<(), ImportError> {
        let mut lines = Vec::new();
        for some in self.0.chunks(AT_ONCE) {
            let keys: Vec<_> = some.iter().map(|(key, _)| *key).collect();
            let taken = store.taken(keys).await?;
            let line = |key| {
                let index = some.binary_search_by_key(&key, |one| one.0).ok()?;
                Some((some.get(index)?.1, key))
            };
            lines.extend(taken.into_iter().filter_map(line));
        }
        if lines.is_empty() {
            return Ok(());
        }
        lines.sort_unstable();
        let (total, mut bad) = (lines.len() as u64, BadRows::default());
        for (line, key) in lines {
            bad.push(bad_key(
                line,
                format!("there is a person with the key {key} already"),
            ));
        }
        Err(ImportError::Taken {
            shown: bad.shown,
            total,
        })
    }
}

fn bad_key(line: u32, reason: String) -> BadRow {
    let mut fault = Fault::of_row("uniqueItems", reason);
    "/uuid".clone_into(&mut fault.violation.pointer);
    BadRow {
        line: line.into(),
        faults: vec![fault],
    }
}
