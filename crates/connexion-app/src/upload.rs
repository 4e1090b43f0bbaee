//! A request's body on its way to a thread that reads it, as long as it may take.
//!
//! Requests are answered within a limited time, but a file of any length is let in as long as it moves: whoever waits for
//! the answer looks at [`Moved`] before giving up.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use connexion::{ByteStream, StreamError};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How many chunks may wait for the thread.
const QUEUE: usize = 4;

/// So many bytes are progress; fewer in the time that an answer may take are not.
const ENOUGH: usize = 16 * 1024;

/// For so long the rest of a body is taken that nobody reads any more: a client that is still sending would not see the
/// answer.
const REST: Duration = Duration::from_secs(10);

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
        let mut before = 0;
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
}

/// The sending half: hands chunks on.
pub(crate) struct Upload {
    body: ByteStream,
    moved: Moved,
    /// `None` is the end, which is said, never concluded from silence.
    chunks: mpsc::Sender<Option<Bytes>>,
}

/// The reading half, for a thread that may block. Of a body that was broken off it is not at the end, it fails.
pub(crate) struct Received {
    chunks: mpsc::Receiver<Option<Bytes>>,
    chunk: Bytes,
    is_at_end: bool,
}

impl Upload {
    /// Both halves of a body.
    pub(crate) fn of(body: ByteStream, moved: Moved) -> (Self, Received) {
        let (chunks, queue) = mpsc::channel(QUEUE);
        let upload = Self {
            body,
            moved,
            chunks,
        };
        let received = Received {
            chunks: queue,
            chunk: Bytes::new(),
            is_at_end: false,
        };
        (upload, received)
    }

    /// Hands all of it on, or as much as is wanted.
    pub(crate) async fn run(mut self) -> Result<(), StreamError> {
        while let Some(chunk) = self.body.next().await {
            let chunk = chunk?;
            self.moved.0.fetch_add(chunk.len(), Ordering::Relaxed);
            if self.chunks.send(Some(chunk)).await.is_err() {
                let rest = async { while let Some(Ok(_)) = self.body.next().await {} };
                let _ = timeout(REST, rest).await;
                return Ok(());
            }
        }
        let _ = self.chunks.send(None).await;
        Ok(())
    }
}

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() && !self.is_at_end {
            match self.chunks.blocking_recv() {
                Some(Some(chunk)) => self.chunk = chunk,
                Some(None) => self.is_at_end = true,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let length = buffer.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
