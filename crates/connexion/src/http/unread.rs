//! Handles the part of a request's body that is still unread when the response is ready.
//!
//! Over HTTP/1.1 the next request follows the body on the same connection. `hyper` reads only the part that it has already
//! received, and otherwise closes the connection without notice: a client that sends its next request there gets no
//! response. RFC 9112 requires a server to read the rest or to close the connection (section 9.3), and to announce that with
//! `Connection: close` (section 9.6). So a small rest that arrives soon is read here; otherwise the response has that header.
//! Bodies of HTTP/2 end with their streams.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Version, header};
use http_body_util::BodyExt as _;

/// Maximum number of bytes that are read only to keep a connection.
const MAX_REST: usize = 256 * 1024;

/// Maximum time that a response waits for the rest of a body.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// A request's body, with the knowledge of how much of it was read.
#[derive(Debug)]
pub(crate) struct UnreadBody {
    state: State,
    /// True if another request may follow on the connection.
    is_persistent: bool,
    /// True if the client waits for `100 Continue`, which is sent when the body is first read (RFC 9110, section 10.1.1).
    expects_continue: bool,
}

#[derive(Debug)]
enum State {
    Untouched(Body),
    /// Reading has started; it may have failed.
    Started,
    /// The handler has it.
    Lent(Arc<Mutex<Option<Rest>>>),
    Read,
}

/// The part that a handler has not read.
#[derive(Debug)]
struct Rest {
    body: Body,
    has_started: bool,
}

impl UnreadBody {
    pub(crate) fn new(body: Body, version: Version, headers: &HeaderMap) -> Self {
        let state = if body.is_end_stream() {
            State::Read
        } else {
            State::Untouched(body)
        };
        Self {
            state,
            is_persistent: version <= Version::HTTP_11,
            expects_continue: headers.contains_key(header::EXPECT),
        }
    }

    /// Returns the body, which the caller reads to its end.
    pub(crate) fn take(&mut self) -> Body {
        match std::mem::replace(&mut self.state, State::Started) {
            State::Untouched(body) => body,
            other => {
                self.state = other;
                Body::empty()
            }
        }
    }

    /// Returns the body, which a handler may read in part.
    pub(crate) fn lend(&mut self) -> Body {
        let State::Untouched(body) = std::mem::replace(&mut self.state, State::Read) else {
            return Body::empty();
        };
        let slot = Arc::default();
        self.state = State::Lent(Arc::clone(&slot));
        Body::new(LentBody {
            rest: Some(Rest {
                body,
                has_started: false,
            }),
            slot,
        })
    }

    /// Records that the body from [`Self::take`] was read to its end.
    pub(crate) fn set_read(&mut self) {
        if matches!(self.state, State::Started) {
            self.state = State::Read;
        }
    }

    /// Reads a small rest, or announces in the headers of the response that the connection is closed.
    pub(crate) async fn finish(self, headers: &mut HeaderMap) {
        let is_read = match self.state {
            State::Read => return,
            _ if !self.is_persistent => return,
            State::Started => false,
            State::Untouched(body) => !self.expects_continue && read_rest(body).await,
            State::Lent(slot) => {
                let rest = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
                match rest {
                    Some(rest) => {
                        (rest.has_started || !self.expects_continue) && read_rest(rest.body).await
                    }
                    // The body is at its end, or still being read.
                    None => true,
                }
            }
        };
        if !is_read {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Reads the rest of a body if it is small and arrives soon. Returns whether the body is at its end.
async fn read_rest(body: Body) -> bool {
    if body.size_hint().lower() > MAX_REST as u64 {
        return false;
    }
    let mut reading = std::pin::pin!(read_to_end(body));
    if let Some(is_read) = reading.as_mut().now_or_never() {
        return is_read;
    }
    if tokio::runtime::Handle::try_current().is_err() {
        return false;
    }
    // A runtime without a timer panics here.
    let timed = AssertUnwindSafe(async { tokio::time::timeout(MAX_WAIT, reading).await });
    matches!(timed.catch_unwind().await, Ok(Ok(true)))
}

async fn read_to_end(mut body: Body) -> bool {
    let mut left = MAX_REST;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return false;
        };
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(less) => left = less,
            None => return false,
        }
    }
    true
}

/// A body that stores its unread rest in `slot` when it is dropped.
struct LentBody {
    rest: Option<Rest>,
    slot: Arc<Mutex<Option<Rest>>>,
}

impl HttpBody for LentBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        rest.has_started = true;
        let frame = ready!(Pin::new(&mut rest.body).poll_frame(cx));
        if frame.is_none() {
            self.rest = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest
            .as_ref()
            .is_none_or(|rest| rest.body.is_end_stream())
    }

    fn size_hint(&self) -> http_body::SizeHint {
        let rest = self.rest.as_ref();
        rest.map_or_else(http_body::SizeHint::default, |rest| rest.body.size_hint())
    }
}

impl Drop for LentBody {
    fn drop(&mut self) {
        let rest = self.rest.take().filter(|rest| !rest.body.is_end_stream());
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = rest;
    }
}
