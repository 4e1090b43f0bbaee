//! A response's body on its way to the client, with what its request holds until the last byte was sent or dropped.
//!
//! A body that was handed to `hyper` is not sent yet: it waits there for the client, in HTTP/1.1 for room in the socket,
//! in HTTP/2 also for the stream's window. If it no longer counted then, clients that take nothing could have any
//! number of responses kept for them. So the bytes that are handed over hold the request's permit.

use std::{
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    response::Response,
};
use http_body::{Frame, SizeHint};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tracing::Span;

use super::{activity::UnderWay, streams::Progress};
use crate::{metrics::Counted, telemetry::Line};

/// The size of the parts that an HTTP/2 body is handed over in: a client that is slow is seen to move. An HTTP/1.1 body
/// of this size fits into what a connection has anyway, and is not worth an allocation.
const PART: usize = 16 * 1024;

/// A response's body.
#[derive(Debug)]
pub(crate) struct Outgoing {
    body: Body,
    /// Of a stream, whose items are made while it is sent.
    span: Option<Span>,
    /// What was read of the body and not handed over yet; HTTP/2 only.
    rest: Bytes,
    /// HTTP/2 only.
    progress: Option<Arc<Progress>>,
    /// Whether the end is known: the body is not a stream.
    is_whole: bool,
    held: Held,
}

impl Outgoing {
    /// The body of `response`, of a stream within the span in which its items are made.
    pub(crate) fn of(
        response: Response,
        in_flight: InFlight,
        span: Option<Span>,
    ) -> Response<Self> {
        response.map(|body| Self {
            is_whole: body.size_hint().exact().is_some(),
            body,
            span,
            rest: Bytes::new(),
            progress: Progress::begin(),
            held: Held {
                alone: Some(in_flight),
                shared: None,
            },
        })
    }

    fn poll_body(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let _entered = self.span.as_ref().map(Span::enter);
        Pin::new(&mut self.body).poll_frame(context)
    }

    /// Takes a part of the rest. The last byte is one of its own: `hyper` waits with it until the window has room for all
    /// before it. Until then the stream is not ended, so that it can be reset (see `streams.rs`).
    fn part(&mut self) -> Bytes {
        if self.rest.is_empty() {
            return Bytes::new();
        }
        let length = self.rest.len().saturating_sub(1).clamp(1, PART);
        let part = self.rest.split_to(length);
        if length == 1 {
            self.held.share(part)
        } else {
            part
        }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            match ready!(this.poll_body(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let is_small = this.is_whole && this.rest.len() <= PART;
        let data = match &this.progress {
            Some(progress) => {
                progress.moves();
                this.part()
            }
            None if is_small => mem::take(&mut this.rest),
            None => this.held.share(mem::take(&mut this.rest)),
        };
        if let Some(in_flight) = this.held.in_flight() {
            in_flight.bytes.fetch_add(data.len() as u64, Relaxed);
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}

/// What a request holds until its response has ended.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(super) began: Instant,
    pub(super) line: Option<Line>,
    #[expect(dead_code, reason = "it is held")]
    pub(super) admission: Admission,
    #[expect(dead_code, reason = "it is held")]
    pub(super) under_way: UnderWay,
    /// The bytes of the body that were handed over.
    pub(super) bytes: AtomicU64,
}

/// Whether there is room for a request, and its place.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(super) is_admitted: bool,
    pub(super) permit: Option<OwnedSemaphorePermit>,
    #[expect(dead_code, reason = "it is held")]
    pub(super) counted: Option<Counted>,
}

impl Admission {
    /// That of a request which no limit counts.
    pub(crate) const FREE: Self = Self {
        is_admitted: true,
        permit: None,
        counted: None,
    };
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(line) = &mut self.line {
            line.write(self.bytes.load(Relaxed), self.began.elapsed());
        }
    }
}

/// Holds it for the body alone, or also for the bytes that were handed over.
#[derive(Debug)]
struct Held {
    alone: Option<InFlight>,
    shared: Option<Arc<InFlight>>,
}

impl Held {
    fn in_flight(&self) -> Option<&InFlight> {
        self.alone.as_ref().or(self.shared.as_deref())
    }

    /// Lets `data` hold it, too.
    fn share(&mut self, data: Bytes) -> Bytes {
        if let Some(in_flight) = self.alone.take() {
            self.shared = Some(Arc::new(in_flight));
        }
        Bytes::from_owner(Holding {
            data,
            _in_flight: self.shared.clone(),
        })
    }
}

/// Bytes that hold their request.
struct Holding {
    data: Bytes,
    _in_flight: Option<Arc<InFlight>>,
}

impl AsRef<[u8]> for Holding {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}
