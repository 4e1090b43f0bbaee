//! What goes on on a connection, and when it has waited long enough.
//!
//! A request's head must be there soon after its first byte (otherwise a client that sends a byte now and
//! then holds a connection for nothing), and a connection without any request is closed after a longer
//! while. While a request is in flight neither applies: other limits do. When the server stops, a connection
//! without a request has a last moment: a request that was just sent is answered, and HTTP/2 can take its leave.
//!
//! Only requests and responses count. HTTP/2 has frames that belong to none of them (PING, SETTINGS), and a client that
//! sends those alone is idle.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::Version;
use tokio::{sync::Notify, time::Instant};

use crate::config::Limits;

/// How long a client may take to leave when the server stops, or the connection has waited long enough.
pub(super) const LAST_MOMENT: Duration = Duration::from_secs(1);

/// When the server was told to stop, if it was.
pub(super) type Stopped = Arc<OnceLock<Instant>>;

/// No byte of a head has come yet.
const NONE: u64 = u64::MAX;

/// No byte of the first head has come yet. It is waited for since the connection was opened.
const FIRST: u64 = 0;

/// Times are milliseconds since the connection was opened.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    stopped: Stopped,
    under_way: AtomicU32,
    /// When a request last ended or a part of a response was taken.
    moved: AtomicU64,
    /// When the first byte came of a head that isn't there yet.
    head: AtomicU64,
    /// HTTP/2 sends bytes that belong to no request.
    http2: AtomicBool,
    /// Since when an HTTP/2 client is asked to leave.
    leaving: OnceLock<Instant>,
    leave: Notify,
}

impl Activity {
    /// A connection that was opened just now: its first head is waited for.
    pub(super) fn new(stopped: Stopped) -> Self {
        Self {
            opened: Instant::now(),
            stopped,
            under_way: AtomicU32::new(0),
            moved: AtomicU64::new(0),
            head: AtomicU64::new(FIRST),
            http2: AtomicBool::new(false),
            leaving: OnceLock::new(),
            leave: Notify::new(),
        }
    }

    /// Whether the server was told to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.get().is_some()
    }

    /// Whether requests came over HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Relaxed)
    }

    /// Waits until the client is to be told that no more of its requests are served here.
    pub(super) async fn until_leave(&self) {
        self.leave.notified().await;
    }

    /// An HTTP/2 client that has waited long enough is told so (RFC 9113, section 6.8: GOAWAY), once: the requests that it
    /// may have sent by then are not lost. Returns whether there is time left for it.
    pub(super) fn asks_to_leave(&self) -> bool {
        let is_first = self.is_http2() && !self.is_stopped() && self.leaving.get().is_none();
        if is_first {
            let _ = self.leaving.set(Instant::now());
            self.leave.notify_one();
        }
        is_first
    }

    /// A request is in flight until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>, version: Version) -> UnderWay {
        self.under_way.fetch_add(1, Relaxed);
        self.head.store(NONE, Relaxed);
        if version == Version::HTTP_2 {
            self.http2.store(true, Relaxed);
            // A connection that begins while the server stops has not been told yet.
            if self.is_stopped() {
                self.leave.notify_one();
            }
        }
        UnderWay(Arc::clone(self))
    }

    /// Bytes came.
    pub(super) fn read(&self) {
        let begun = match self.head.load(Relaxed) {
            NONE if self.under_way.load(Relaxed) == 0 && !self.is_http2() => self.now(),
            FIRST => FIRST + 1,
            _ => return,
        };
        self.head.store(begun, Relaxed);
    }

    /// Bytes were taken; over HTTP/1.1 they are a response's.
    pub(super) fn written(&self) {
        if !self.is_http2() {
            self.moves();
        }
    }

    fn moves(&self) {
        self.moved.store(self.now(), Relaxed);
    }

    /// When to look again; the connection has waited long enough if that has passed.
    pub(super) fn due(&self, limits: &Limits) -> Instant {
        let leaving = self.stopped.get().or(self.leaving.get());
        if self.under_way.load(Relaxed) > 0 {
            return Instant::now() + leaving.map_or(limits.idle, |_| LAST_MOMENT);
        }
        let moved = self.at(self.moved.load(Relaxed));
        let head = self.head.load(Relaxed);
        let complete = self.at(head) + limits.head;
        match (leaving, head) {
            (Some(since), NONE | FIRST) => moved.max(*since) + LAST_MOMENT,
            // A head that has begun to come is waited for as ever.
            (Some(_), _) => complete,
            (None, NONE) => moved + limits.idle,
            (None, _) => complete.min(moved + limits.idle),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(NONE - 1)
    }

    fn at(&self, milliseconds: u64) -> Instant {
        let since = Duration::from_millis(milliseconds);
        self.opened.checked_add(since).unwrap_or(self.opened)
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.moves();
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}
