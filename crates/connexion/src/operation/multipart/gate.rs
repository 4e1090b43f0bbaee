//! Controls the flow of chunks to `multer`.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

use crate::problem::Problem;

/// The approximate maximum bytes of the head of a part: its boundary and header fields.
const MAX_HEAD: u64 = 16 * 1024;

/// Passes one chunk at a time to `multer`, and only if it needs it. Otherwise `multer` would buffer all received chunks.
#[derive(Debug, Default)]
pub(super) struct Gate {
    is_open: AtomicBool,
    was_asked: AtomicBool,
    /// The number of bytes that passed, and the maximum.
    passed: AtomicU64,
    allowed: AtomicU64,
}

impl Gate {
    /// Limits the next bytes, which are the head of a part. `multer` buffers a whole head.
    pub(super) fn expect_head(&self) {
        let passed = self.passed.load(Ordering::Relaxed);
        self.allowed.store(passed + MAX_HEAD, Ordering::Relaxed);
    }

    pub(super) fn expect_data(&self) {
        self.allowed.store(u64::MAX, Ordering::Relaxed);
    }

    /// Polls until the result is ready, and lets chunks pass in between.
    pub(super) async fn wait<T>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        poll_fn(|cx| {
            loop {
                self.was_asked.store(false, Ordering::Relaxed);
                if let Poll::Ready(done) = poll(cx) {
                    return Poll::Ready(done);
                }
                if !self.was_asked.load(Ordering::Relaxed) {
                    return Poll::Pending;
                }
                self.is_open.store(true, Ordering::Relaxed);
            }
        })
        .await
    }
}

/// The chunks of a body behind a gate.
pub(super) struct GatedChunks<S> {
    pub(super) chunks: S,
    pub(super) gate: Arc<Gate>,
}

/// The reason why the chunks ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Interrupted {
    #[error("the body ended early")]
    Body(Problem),
    #[error("the head of a part is too long")]
    LongHead,
}

impl<S: Stream<Item = Result<Bytes, Interrupted>> + Unpin> Stream for GatedChunks<S> {
    type Item = Result<Bytes, Interrupted>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let gate = Arc::clone(&self.gate);
        if !gate.is_open.load(Ordering::Relaxed) {
            gate.was_asked.store(true, Ordering::Relaxed);
            return Poll::Pending;
        }
        if gate.passed.load(Ordering::Relaxed) > gate.allowed.load(Ordering::Relaxed) {
            return Poll::Ready(Some(Err(Interrupted::LongHead)));
        }
        let next = self.chunks.poll_next_unpin(cx);
        if let Poll::Ready(next) = &next {
            gate.is_open.store(false, Ordering::Relaxed);
            if let Some(Ok(chunk)) = next {
                gate.passed.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            }
        }
        next
    }
}
