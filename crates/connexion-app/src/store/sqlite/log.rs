//! The write-ahead log beside an SQLite file, and what keeps it small.
//!
//! A commit appends pages to the log; a checkpoint moves them to the file. SQLite reuses the log only when all pages are
//! moved and no connection reads from it (<https://sqlite.org/wal.html>, section 6). A list whose client is slow prevents
//! both, and so do lists that follow each other without a gap. Without a limit either of them fills the disk.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::time::timeout;

use super::list::Lists;
use super::pool::{BUSY, File, Pool};
use crate::store::StoreError;

/// How many pages the log has before SQLite moves them to the file: 16 MiB. A page that is written again meanwhile is moved
/// once only: with SQLite's own 1,000 pages, 64 clients insert a fifth less.
const PAGES: u32 = 4_000;

/// Bytes of a page, and of a page in the log (<https://sqlite.org/fileformat2.html>, section 4.1).
const PAGE: u64 = 4096;
const FRAME: u64 = PAGE + 24;

/// How long a list may hold up a log that is too large.
const GRACE: Duration = Duration::from_secs(5);

/// How long writers wait for readers when the log is emptied: a moment, since it is tried again a second later; longer when
/// lists were ended for it.
const MOMENT: Duration = Duration::from_millis(50);
const LONGER: Duration = Duration::from_secs(1);

/// How long no list is ended after it was in vain.
const PAUSE: Duration = Duration::from_mins(1);

const WHY: &str = "it kept the write-ahead log from being emptied (DATABASE_LOG_SIZE)";

/// After how many pages SQLite moves them to the file, if the log may have this many bytes.
pub(super) fn pages(limit: u64) -> u32 {
    u32::try_from(limit / FRAME / 4).map_or(PAGES, |pages| pages.clamp(1, PAGES))
}

/// The bytes that the log's file keeps when SQLite reuses it; -1 is no limit.
pub(super) fn usual_size(pages: u32) -> i64 {
    if pages == 0 {
        return -1;
    }
    i64::from(pages) * FRAME.cast_signed()
}

/// The log of one file.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    limit: u64,
    /// See [`pages`]; 0 leaves the log to another process.
    pages: u32,
    connection: Pool,
    /// Its pages a second ago.
    before: AtomicU64,
    /// Until when no list is ended.
    pause: Mutex<Option<Instant>>,
}

/// What a checkpoint found.
#[derive(Clone, Copy, Debug)]
struct Checkpoint {
    /// A reader, a writer or another checkpoint was in the way.
    is_blocked: bool,
    /// How many pages of commits are in the log.
    pages: u64,
    /// How many of them are in the file, too.
    moved: u64,
}

impl Log {
    pub(super) fn new(file: &Arc<File>, limit: u64, pages: u32, wait: Duration) -> Self {
        let mut path = file.path.clone().into_os_string();
        path.push("-wal");
        Self {
            path: path.into(),
            limit,
            pages,
            connection: Pool::new(Arc::clone(file), 1, wait),
            before: AtomicU64::new(0),
            pause: Mutex::default(),
        }
    }

    /// Empties a log that is larger than usual. If it is larger than its limit and grows, lists that keep it from being
    /// emptied are ended.
    pub(super) async fn keep_small(&self, writer: &Pool, lists: &Lists) -> Result<(), StoreError> {
        let usual = 2 * u64::from(self.pages) * FRAME;
        if self.pages == 0 || self.size() <= usual {
            return Ok(());
        }
        // Nobody waits for this, however long it takes.
        let log = self.move_pages().await?;
        if log.moved == log.pages && empty(writer, MOMENT).await {
            return Ok(());
        }
        let grows = self.before.swap(log.pages, Ordering::Relaxed) < log.pages;
        if grows && log.pages * FRAME > self.limit && !self.is_paused() {
            self.end_lists(log.pages * FRAME, writer, lists).await?;
        }
        Ok(())
    }

    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.connection
            .close(self.connection.all_turns().await)
            .await
    }

    fn size(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |log| log.len())
    }

    async fn move_pages(&self) -> Result<Checkpoint, StoreError> {
        let passive = |file: &mut Connection| Ok(checkpoint(file, "passive")?);
        self.connection.run(passive).await
    }

    /// Lets no list start until those in progress have ended, the slow ones before their time, and the log is empty.
    async fn end_lists(&self, size: u64, writer: &Pool, lists: &Lists) -> Result<(), StoreError> {
        let (file, limit, seconds) = (self.path.display(), self.limit, GRACE.as_secs());
        tracing::warn!(
            "{file} has {size} bytes, more than {limit} (DATABASE_LOG_SIZE): lists that take longer than {seconds} s \
             are ended, and new ones wait until it is empty"
        );
        let turns = timeout(2 * GRACE, lists.all_ended(GRACE, WHY)).await;
        self.move_pages().await?;
        if turns.is_err() || !empty(writer, LONGER).await {
            tracing::warn!(
                "{file} can't be emptied and grows: another process reads from an old snapshot, or an import is in progress"
            );
            *self.pause.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Instant::now() + PAUSE);
        }
        drop(turns);
        Ok(())
    }

    fn is_paused(&self) -> bool {
        let pause = *self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        pause.is_some_and(|end| Instant::now() < end)
    }
}

/// Empties the log on the writer's connection, so that no writer of this process is in the way, and returns whether it is
/// empty. Writers wait meanwhile, so nearly all pages must have been moved before.
async fn empty(writer: &Pool, wait: Duration) -> bool {
    let truncate = move |file: &mut Connection| {
        file.busy_timeout(wait)?;
        let log = checkpoint(file, "truncate");
        file.busy_timeout(BUSY)?;
        Ok(!log?.is_blocked)
    };
    writer.run(truncate).await.unwrap_or(false)
}

fn checkpoint(file: &Connection, mode: &str) -> rusqlite::Result<Checkpoint> {
    // -1 says that it was blocked before it looked.
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    file.query_row(&format!("pragma wal_checkpoint({mode})"), [], |row| {
        Ok(Checkpoint {
            is_blocked: row.get::<_, i64>(0)? != 0,
            pages: count(row.get(1)?),
            moved: count(row.get(2)?),
        })
    })
}
