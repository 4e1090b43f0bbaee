//! A few connections to one file, for blocking work that takes turns on them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::error::{is, open_error};
use super::log;
use crate::query::fold;
use crate::store::{StoreError, Turns};

/// How long a statement waits for other processes that use the file.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// The file that connections are opened to.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Whether the next connection creates the file. The first one resets it: a file that is removed while the service runs
    /// must not be replaced by an empty one.
    creates: AtomicBool,
    /// After how many pages in the log SQLite moves them to the file; 0 leaves that to another process.
    checkpoint: u32,
}

impl File {
    pub(super) fn new(path: PathBuf, creates: bool, checkpoint: u32) -> Self {
        Self {
            path,
            creates: AtomicBool::new(creates),
            checkpoint,
        }
    }

    /// Whether there is no file yet, and a connection would create it.
    pub(super) fn is_new(&self) -> bool {
        self.creates.load(Ordering::Relaxed) && !self.path.exists()
    }
}

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
    file: Arc<File>,
    connections: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(super) fn new(file: Arc<File>, connections: usize, wait: Duration) -> Self {
        Self {
            connections,
            wait,
            turns: Arc::new(Semaphore::new(connections)),
            idle: Arc::new(Idle {
                file,
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

    /// Waits until none of its connections is used; while the permit is held none will be.
    pub(super) async fn all_turns(&self) -> Option<OwnedSemaphorePermit> {
        let all = u32::try_from(self.connections).unwrap_or(u32::MAX);
        let turns = Arc::clone(&self.turns).acquire_many_owned(all);
        turns.await.ok()
    }

    /// Closes all connections, none of which is used while the caller has `turns`, all of them; later calls fail.
    pub(super) async fn close(
        &self,
        turns: Option<OwnedSemaphorePermit>,
    ) -> Result<(), StoreError> {
        self.turns.close();
        drop(turns);
        let idle = Arc::clone(&self.idle);
        // The last one moves the log to the file, which takes its time.
        result(spawn_blocking(move || {
            idle.lock().clear();
            Ok(())
        }))
        .await
    }

    /// How long a call may take until it is begun: it may come while another process has locked the file.
    pub(super) fn patience(&self) -> Duration {
        self.wait + BUSY
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
            return Err(if self.turns.is_closed() {
                StoreError::Unavailable("the database is closed".to_owned())
            } else {
                too_many()
            });
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

/// Why a call was not begun.
pub(super) fn too_many() -> StoreError {
    StoreError::Unavailable("too many calls wait for the file".to_owned())
}

/// Waits for the result of work that was started.
pub(super) async fn result<T>(running: JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    let ended = running.await;
    ended.unwrap_or_else(|panic| Err(StoreError::Unexpected(panic.to_string())))
}

impl Idle {
    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self.lock().pop();
        idle.map_or_else(|| open(&self.file), Ok)
    }

    fn keep(&self, connection: Connection) {
        self.lock().push(connection);
    }
}

fn open(file: &File) -> Result<Connection, StoreError> {
    let mut flags = OpenFlags::default();
    if !file.creates.load(Ordering::Relaxed) {
        flags.remove(OpenFlags::SQLITE_OPEN_CREATE);
    }
    let opened = Connection::open_with_flags(&file.path, flags).and_then(|connection| {
        prepare(&connection, file)?;
        Ok(connection)
    });
    let connection = opened.map_err(|error| open_error(&file.path, &error))?;
    file.creates.store(false, Ordering::Relaxed);
    Ok(connection)
}

/// Every commit is on the disk before it's acknowledged, and nobody who reads waits for one who writes.
fn prepare(connection: &Connection, file: &File) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    if !is_of_another_program(connection)? {
        write_ahead(connection)?;
    }
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", file.checkpoint)?;
    // Otherwise the log's file stays as large as it ever was.
    connection.pragma_update(None, "journal_size_limit", log::usual_size(file.checkpoint))?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("name_contains", 2, flags, name_contains)?;
    connection.create_scalar_function("is_utf8", 1, flags, |context| {
        Ok(context.get_raw(0).as_str().is_ok())
    })
}

/// Whether a name contains a text, whatever the letter case; SQLite's own `like` knows that of ASCII only. The text,
/// which is the same for every row, is folded once.
fn name_contains(context: &Context<'_>) -> rusqlite::Result<bool> {
    let part = context.get_or_create_aux(1, |part| part.as_str().map(fold))?;
    // What is no text breaks the document, and must not keep the other people from being found.
    let name = context.get_raw(0).as_str().unwrap_or_default();
    Ok(fold(name).contains(part.as_str()))
}

/// Whether there is a table of people that was not adopted. Its file stays as it is, until it is: that it has a write-ahead
/// log is noted in the file.
fn is_of_another_program(connection: &Connection) -> rusqlite::Result<bool> {
    let adopted = "select exists (select 1 from sqlite_master where name = 'person' collate nocase) \
        and not exists (select 1 from sqlite_master where name = 'refinery_schema_history')";
    connection.query_row(adopted, [], |row| row.get(0))
}

/// Turns on the write-ahead log. SQLite doesn't wait for others here, it fails if one has a new file open
/// for a moment, so the waiting is done by hand.
pub(super) fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
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
