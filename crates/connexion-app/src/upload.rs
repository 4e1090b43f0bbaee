//! Uploads: a request's body on its way into a temporary file, as long as it moves.
//!
//! Other requests are answered within a limited time, but a file may take as long as it moves: a request's time limit
//! looks at [`Moved`] before it ends the request. No thread is held while the client is waited for: a blocking thread
//! writes a piece that is complete, and nothing else.

use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use connexion::{ByteStream, Problem};
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tempfile::SpooledTempFile;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::{no_room, unanswerable};

/// So many bytes are progress; fewer in the time that a response may take are not.
const ENOUGH: usize = 16 * 1024;

/// How often a request shows that it moves while it is limited in time by something else.
const BEAT: Duration = Duration::from_millis(400);

/// So much is written at once. A shorter file stays in memory.
const PIECE: usize = 256 * 1024;

/// For so long the rest of a refused body is read and dropped: a client that is still sending does not read the
/// response before it has sent everything, and a connection closed with unread bytes is reset.
const REST: Duration = Duration::from_secs(10);

/// After how many seconds a client may try again when all imports are in use.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// How much of a request's body has come so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moved(Arc<AtomicUsize>);

impl Moved {
    /// Waits for `work`; `None` if it takes longer than `patience` while nothing moves.
    pub(crate) async fn wait<T>(
        &self,
        patience: Duration,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        let mut before = self.0.load(Ordering::Relaxed) / ENOUGH;
        loop {
            if let Ok(done) = timeout(patience, &mut work).await {
                return Some(done);
            }
            let now = self.0.load(Ordering::Relaxed) / ENOUGH;
            if now == before {
                return None;
            }
            before = now;
        }
    }

    /// Waits for `work`, which has a limit of its own, and counts as moving meanwhile.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            if let Ok(done) = timeout(BEAT, &mut work).await {
                return done;
            }
            self.add(ENOUGH);
        }
    }

    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The imports of a process: how many there may be at a time, and how large each may be.
#[derive(Clone, Debug)]
pub struct Imports {
    at_once: usize,
    slots: Arc<Semaphore>,
    /// Bytes of a file.
    size: usize,
    /// How long an upload may move less than [`ENOUGH`].
    patience: Duration,
}

/// A file that has come whole.
pub(crate) struct Upload {
    /// At its end.
    pub(crate) file: SpooledTempFile,
    /// Held until the import has ended.
    pub(crate) slot: OwnedSemaphorePermit,
}

impl Imports {
    /// At most so many `at_once`, each of `size` bytes.
    pub fn new(at_once: usize, size: usize, patience: Duration) -> Self {
        let slots = Arc::new(Semaphore::new(at_once));
        Self {
            at_once,
            slots,
            size,
            patience,
        }
    }

    /// Receives a file.
    ///
    /// # Errors
    /// 413 if it is too large; 503, before anything of the body is read, if there are as many imports as there may be;
    /// 408 if it comes too slowly; 400 if it breaks off; 507 if there is no room for it.
    pub(crate) async fn receive(
        &self,
        headers: &HeaderMap,
        mut body: ByteStream,
        moved: &Moved,
    ) -> Result<Upload, Problem> {
        // A request's own time limit must not end first: it does not know why.
        moved.add(ENOUGH);
        if content_length(headers).is_some_and(|length| length > self.size as u64) {
            return Err(refuse(self.too_large(), headers, body));
        }
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Err(refuse(self.too_many(), headers, body));
        };
        let received = {
            let receiving = pin!(self.spool(&mut body, moved));
            moved.wait(self.patience, receiving).await
        };
        match received {
            Some(Ok(Some(file))) => Ok(Upload { file, slot }),
            Some(Ok(None)) => Err(refuse(self.too_large(), headers, body)),
            Some(Err(problem)) => Err(problem),
            None => Err(self.too_slow()),
        }
    }

    /// The whole file; `None` if it is too large.
    async fn spool(
        &self,
        body: &mut ByteStream,
        moved: &Moved,
    ) -> Result<Option<SpooledTempFile>, Problem> {
        let mut file = tempfile::spooled_tempfile(PIECE);
        let (mut piece, mut length) = (Vec::new(), 0);
        while let Some(chunk) = body.next().await {
            let chunk: Bytes = chunk?;
            moved.add(chunk.len());
            length += chunk.len();
            if length > self.size {
                return Ok(None);
            }
            piece.extend_from_slice(&chunk);
            if piece.len() >= PIECE {
                (file, piece) = write(file, piece).await?;
            }
        }
        (file, _) = write(file, piece).await?;
        Ok(Some(file))
    }

    fn too_large(&self) -> Problem {
        let detail = format!(
            "The file is larger than {} bytes, the limit of an import here (APP_MAX_IMPORT_SIZE). Send it in parts.",
            self.size
        );
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    fn too_many(&self) -> Problem {
        let detail = format!(
            "As many imports are in progress as are allowed here, {} (APP_MAX_IMPORTS). Please try again.",
            self.at_once
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            .with_header(header::RETRY_AFTER, RETRY_AFTER)
    }

    /// RFC 9110, section 15.5.9.
    fn too_slow(&self) -> Problem {
        let detail = format!(
            "The file comes too slowly: less than {} KiB in {} seconds (APP_TIMEOUT). Nothing was stored.",
            ENOUGH / 1024,
            self.patience.as_secs()
        );
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
    }
}

impl Default for Imports {
    fn default() -> Self {
        Self::new(2, 256 << 20, Duration::from_secs(30))
    }
}

/// What the client says that the body's length is.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// The problem, while the rest of the body is read and dropped for a moment, unless the client waits for a word before
/// it sends anything (RFC 9110, section 10.1.1).
fn refuse(problem: Problem, headers: &HeaderMap, mut body: ByteStream) -> Problem {
    if !headers.contains_key(header::EXPECT) {
        let rest = async move { while let Some(Ok(_)) = body.next().await {} };
        tokio::spawn(timeout(REST, rest));
    }
    problem
}

/// Appends a piece on a blocking thread, and gives the room of the piece back.
async fn write(
    mut file: SpooledTempFile,
    mut piece: Vec<u8>,
) -> Result<(SpooledTempFile, Vec<u8>), Problem> {
    let writing = spawn_blocking(move || {
        file.write_all(&piece)?;
        piece.clear();
        Ok((file, piece))
    });
    let written = writing.await.map_err(io::Error::other).flatten();
    written.map_err(|error| {
        tracing::error!("an upload can't be written to a temporary file: {error}");
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => no_room(),
            _ => unanswerable(),
        }
    })
}
