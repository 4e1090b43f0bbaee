//! The rest of a request's body that is unread when the response is ready.
//!
//! Over HTTP/1.1 the next request follows it on the same connection. `hyper` reads only what it has received of the rest,
//! and otherwise closes the connection without a word: a client that sends its next request there gets no response.
//! RFC 9112, section 9.3, asks a server to read the rest or to close, and section 9.6 to announce the latter with
//! `Connection: close`. So a small rest that comes soon is read here, and of any other the response says so. Bodies of
//! HTTP/2 end with their streams.

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

/// More bytes than this are not read only to keep a connection.
const MAX_REST: usize = 256 * 1024;

/// A response waits so long for the rest of a body.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// A body on its way through the service.
#[derive(Debug)]
pub(crate) struct Unread {
    state: State,
    /// Whether the connection may be used for another request.
    is_kept: bool,
    /// Whether the client waits for `100 Continue`, which is sent when a body is first read (RFC 9110, section 10.1.1).
    waits: bool,
}

#[derive(Debug)]
enum State {
    Untouched(Body),
    /// It is being read, or that has failed.
    Begun,
    /// A handler has it.
    Lent(Arc<Mutex<Option<Rest>>>),
    Read,
}

/// What a handler has left.
#[derive(Debug)]
struct Rest {
    body: Body,
    has_begun: bool,
}

impl Unread {
    pub(crate) fn new(body: Body, version: Version, headers: &HeaderMap) -> Self {
        let state = if body.is_end_stream() {
            State::Read
        } else {
            State::Untouched(body)
        };
        Self {
            state,
            is_kept: version <= Version::HTTP_11,
            waits: headers.contains_key(header::EXPECT),
        }
    }

    /// The body, which is read as a whole now.
    pub(crate) fn take(&mut self) -> Body {
        match std::mem::replace(&mut self.state, State::Begun) {
            State::Untouched(body) => body,
            other => {
                self.state = other;
                Body::empty()
            }
        }
    }

    /// The body, which a handler may read.
    pub(crate) fn lend(&mut self) -> Body {
        let State::Untouched(body) = std::mem::replace(&mut self.state, State::Read) else {
            return Body::empty();
        };
        let slot = Arc::default();
        self.state = State::Lent(Arc::clone(&slot));
        Body::new(Lent {
            rest: Some(Rest {
                body,
                has_begun: false,
            }),
            slot,
        })
    }

    /// That [`Self::take`]n body was read to its end.
    pub(crate) fn was_read(&mut self) {
        if matches!(self.state, State::Begun) {
            self.state = State::Read;
        }
    }

    /// Reads a small rest, or lets the response announce that the connection is closed.
    pub(crate) async fn end(self, headers: &mut HeaderMap) {
        let is_read = match self.state {
            State::Read => return,
            _ if !self.is_kept => return,
            State::Begun => false,
            State::Untouched(body) => !self.waits && read(body).await,
            State::Lent(slot) => {
                let rest = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
                match rest {
                    Some(rest) => (rest.has_begun || !self.waits) && read(rest.body).await,
                    // It is at its end, or still being read.
                    None => true,
                }
            }
        };
        if !is_read {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Reads a body that is small and comes soon; whether it is at its end.
async fn read(body: Body) -> bool {
    if body.size_hint().lower() > MAX_REST as u64 {
        return false;
    }
    let mut reading = std::pin::pin!(to_its_end(body));
    if let Some(is_read) = reading.as_mut().now_or_never() {
        return is_read;
    }
    if tokio::runtime::Handle::try_current().is_err() {
        return false;
    }
    // Without a clock of the runtime nobody would know when to stop.
    let timed = AssertUnwindSafe(async { tokio::time::timeout(MAX_WAIT, reading).await });
    matches!(timed.catch_unwind().await, Ok(Ok(true)))
}

async fn to_its_end(mut body: Body) -> bool {
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

/// A body that is left behind where it is dropped.
struct Lent {
    rest: Option<Rest>,
    slot: Arc<Mutex<Option<Rest>>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        rest.has_begun = true;
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

impl Drop for Lent {
    fn drop(&mut self) {
        let rest = self.rest.take().filter(|rest| !rest.body.is_end_stream());
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = rest;
    }
}
