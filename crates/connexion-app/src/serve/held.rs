//! A body that holds something for as long as it is sent, and is made within its request's span.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tracing::Span;

/// `T` is dropped with the body, at its end or when the client goes away.
#[derive(Debug)]
pub(super) struct Held<T> {
    body: Body,
    span: Span,
    _until_its_end: T,
}

impl<T: Send + Unpin + 'static> Held<T> {
    pub(super) fn body(body: Body, span: Span, held: T) -> Body {
        Body::new(Self {
            body,
            span,
            _until_its_end: held,
        })
    }
}

impl<T: Unpin> HttpBody for Held<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let _entered = this.span.enter();
        Pin::new(&mut this.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
