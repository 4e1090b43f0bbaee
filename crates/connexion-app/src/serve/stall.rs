//! Streams over HTTP/2 that do not move.
//!
//! There a client can stop taking one stream while it takes others, so that its connection looks alive. The
//! stream's body is then simply not asked for more, and would keep its database connection for ever.
//! So it is watched from outside: when nothing was handed over for too long it is let go.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};

/// So much at a time is handed over, so that a client which is slow is seen to move.
const PART: usize = 16 * 1024;

/// Lets go of `body` when nothing of it was handed over for as long as `patience`.
pub(super) fn limit(body: Body, patience: Duration) -> Body {
    let shared = Arc::new(Mutex::new(Watched {
        body: Some(body),
        rest: Bytes::new(),
        moved: Instant::now(),
    }));
    let watching = tokio::spawn(watch(Arc::clone(&shared), patience)).abort_handle();
    Body::new(Stream { shared, watching })
}

#[derive(Debug)]
struct Watched {
    /// `None` once it was let go.
    body: Option<Body>,
    /// What was read of it and not handed over yet.
    rest: Bytes,
    moved: Instant,
}

async fn watch(shared: Arc<Mutex<Watched>>, patience: Duration) {
    loop {
        let due = {
            let mut watched = lock(&shared);
            let due = watched.moved + patience;
            if due <= Instant::now() {
                watched.body = None;
                tracing::debug!("a client takes nothing of a stream, which is let go");
                return;
            }
            due
        };
        sleep_until(due).await;
    }
}

#[derive(Debug)]
struct Stream {
    shared: Arc<Mutex<Watched>>,
    watching: AbortHandle,
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut watched = lock(&self.shared);
        let Watched { body, rest, moved } = &mut *watched;
        let Some(body) = body else {
            let error = axum::Error::new("the client took nothing for too long");
            return Poll::Ready(Some(Err(error)));
        };
        if rest.is_empty() {
            match ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => *rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        *moved = Instant::now();
        let part = rest.split_to(rest.len().min(PART));
        Poll::Ready(Some(Ok(Frame::data(part))))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn lock(shared: &Mutex<Watched>) -> std::sync::MutexGuard<'_, Watched> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
