//! A few connections to one file, for blocking work that takes turns on them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::error::is;
use crate::query::fold;
use crate::store::{StoreError, Turns};

/// How long a statement waits for other processes that use the file.
const BUSY: Duration = Duration::from_secs(5);

/// Of how many pages the log may be before they go to the file: 16 MiB. A page that is written again meanwhile goes there
/// once only: with SQLite's own 1,000 pages, 64 clients insert a fifth less.
const LOG: i32 = 4_000;

/// At most so many connections, opened when first needed and then kept.
#[derive(Debug)]
pub(super) struct Pool {
    connections: usize,
    /// How long a call waits for a connection that others use.
    wait: Duration,
    turns: Arc<Semaphore>,
    idle: Arc<Idle>,
}

#[derive(Debug)]
struct Idle {
    path: Arc<PathBuf>,
    connections: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(super) fn new(path: Arc<PathBuf>, connections: usize, wait: Duration) -> Self {
        Self {
            connections,
            wait,
            turns: Arc::new(Semaphore::new(connections)),
            idle: Arc::new(Idle {
                path,
                connections: Mutex::default(),
            }),
        }
    }

    /// How many connections there may be, and how many are in use.
    pub(super) fn turns(&self) -> Turns {
        Turns {
            all: self.connections,
            taken: self.connections - self.turns.available_permits(),
        }
    }

    /// Runs `work` on a blocking thread when it's its turn, and waits for its result.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        result(self.start(work).await?).await
    }

    /// Starts `work` on a blocking thread when it's its turn.
    pub(super) async fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<JoinHandle<Result<T, StoreError>>, StoreError> {
        let turn = timeout(self.wait, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(StoreError::Unavailable(
                "too many calls wait for the file".to_owned(),
            ));
        };
        let idle = Arc::clone(&self.idle);
        Ok(spawn_blocking(move || {
            let mut connection = idle.take()?;
            let result = work(&mut connection);
            if connection.is_autocommit() {
                idle.keep(connection);
            }
            drop(turn);
            result
        }))
    }
}

/// Waits for the result of work that was started.
pub(super) async fn result<T>(running: JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    let ended = running.await;
    ended.unwrap_or_else(|panic| Err(StoreError::Unexpected(panic.to_string())))
}

impl Idle {
    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        Ok(idle.map_or_else(|| open(&self.path), Ok)?)
    }

    fn keep(&self, connection: Connection) {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
    }
}

/// Every commit is on the disk before it's acknowledged, and nobody who reads waits for one who writes.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    write_ahead(&connection)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("name_contains", 2, flags, name_contains)?;
    Ok(connection)
}

/// Whether a name contains a text, whatever the letter case; SQLite's own `like` knows that of ASCII only. The text,
/// which is the same for every row, is folded once.
fn name_contains(context: &Context<'_>) -> rusqlite::Result<bool> {
    let part = context.get_or_create_aux(1, |part| part.as_str().map(fold))?;
    let name = context.get_raw(0).as_str()?;
    Ok(fold(name).contains(part.as_str()))
}

/// Turns on the write-ahead log. SQLite doesn't wait for others here, it fails if one has a new file open
/// for a moment, so the waiting is done by hand.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + BUSY;
    loop {
        match connection.query_row("pragma journal_mode = wal", [], |_| Ok(())) {
            Err(e) if is(&e, ErrorCode::DatabaseBusy) && Instant::now() < deadline => {
                sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}
