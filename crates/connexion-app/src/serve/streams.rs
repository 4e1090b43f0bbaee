//! The streams of HTTP/2 connections, each a task, and how long one may wait for its client.
//!
//! A client can stop taking one stream while it takes others, or while it sends frames that take nothing (`PING`,
//! `SETTINGS`, `WINDOW_UPDATE` of other streams): its connection looks alive then. The body is simply not asked for
//! more, and would be kept for ever. So each stream is watched: if nothing of its body was handed over for too long, it
//! is dropped, and `h2` resets it (RFC 9113, section 8.1: CANCEL).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use hyper::rt::Executor;
use tokio::time::{Instant, timeout_at};

tokio::task_local! {
    /// That of the stream whose task this is.
    static PROGRESS: Arc<Progress>;
}

/// Runs streams, and drops those of which the client takes nothing for so long.
#[derive(Clone, Debug)]
pub(super) struct Streams(pub(super) Duration);

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        tokio::spawn(watch(stream, self.0));
    }
}

async fn watch(stream: impl Future<Output = ()>, patience: Duration) {
    let progress = Arc::new(Progress {
        opened: Instant::now(),
        moved: AtomicU64::new(NOT_BEGUN),
    });
    let mut stream = std::pin::pin!(PROGRESS.scope(Arc::clone(&progress), stream));
    let mut due = progress.opened + patience;
    // The last look at it is not the last time that it moved.
    while timeout_at(due, stream.as_mut()).await.is_err() {
        due = progress.moved_at().unwrap_or_else(Instant::now) + patience;
        if due <= Instant::now() {
            tracing::debug!("a client takes nothing of a response, whose stream is reset");
            return;
        }
    }
}

const NOT_BEGUN: u64 = u64::MAX;

/// When a part of a response's body was last handed over.
#[derive(Debug)]
pub(super) struct Progress {
    opened: Instant,
    /// In milliseconds since then.
    moved: AtomicU64,
}

impl Progress {
    /// The response of this task's stream begins; `None` in HTTP/1.1.
    pub(super) fn begin() -> Option<Arc<Self>> {
        let progress = PROGRESS.try_with(Arc::clone).ok()?;
        progress.moves();
        Some(progress)
    }

    /// A part is handed over.
    pub(super) fn moves(&self) {
        let now = self.opened.elapsed().as_millis();
        let now = u64::try_from(now).unwrap_or(NOT_BEGUN - 1);
        self.moved.store(now, Relaxed);
    }

    fn moved_at(&self) -> Option<Instant> {
        match self.moved.load(Relaxed) {
            NOT_BEGUN => None,
            moved => Some(self.opened + Duration::from_millis(moved)),
        }
    }
}
