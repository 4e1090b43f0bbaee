//! What goes on on a connection, and when it has waited long enough.
//!
//! A request's head must be there soon after its first byte (otherwise a client that sends a byte now and
//! then holds a connection for nothing), and a connection without any request is closed after a longer
//! while. While a request is under way neither applies: other limits do. When the server stops, a connection
//! without a request has a last moment to take its leave.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::config::Limits;

/// How long a client may take to leave when the server stops.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// When the server was told to stop, if it was.
pub(super) type Stopped = Arc<OnceLock<Instant>>;

/// No byte of a head has come yet.
const NONE: u64 = u64::MAX;

/// Times are milliseconds since the connection was opened.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    stopped: Stopped,
    under_way: AtomicU32,
    /// When a request last ended or a part of an answer was taken.
    moved: AtomicU64,
    /// When the first byte came of a head that isn't there yet.
    head: AtomicU64,
    /// HTTP/2 sends bytes that belong to no request.
    http2: AtomicBool,
}

impl Activity {
    /// A connection that was opened just now: its first head is waited for.
    pub(super) fn new(stopped: Stopped) -> Self {
        Self {
            opened: Instant::now(),
            stopped,
            under_way: AtomicU32::new(0),
            moved: AtomicU64::new(0),
            head: AtomicU64::new(0),
            http2: AtomicBool::new(false),
        }
    }

    /// A request is under way until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>, http2: bool) -> UnderWay {
        self.under_way.fetch_add(1, Relaxed);
        self.head.store(NONE, Relaxed);
        self.http2.store(http2, Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Bytes came.
    pub(super) fn read(&self) {
        if self.head.load(Relaxed) == NONE
            && self.under_way.load(Relaxed) == 0
            && !self.http2.load(Relaxed)
        {
            self.head.store(self.now(), Relaxed);
        }
    }

    /// Bytes were taken.
    pub(super) fn written(&self) {
        self.moved.store(self.now(), Relaxed);
    }

    /// When to look again; the connection has waited long enough if that has passed.
    pub(super) fn due(&self, limits: &Limits) -> Instant {
        if self.under_way.load(Relaxed) > 0 {
            return Instant::now() + limits.idle;
        }
        let moved = self.at(self.moved.load(Relaxed));
        if let Some(stopped) = self.stopped.get() {
            return moved.max(*stopped) + LAST_MOMENT;
        }
        let idle = moved + limits.idle;
        match self.head.load(Relaxed) {
            NONE => idle,
            begun => idle.min(self.at(begun) + limits.head),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(NONE - 1)
    }

    fn at(&self, milliseconds: u64) -> Instant {
        self.opened + Duration::from_millis(milliseconds)
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.written();
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}
