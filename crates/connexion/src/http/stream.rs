//! A request's body, handed to the handler as it comes.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream::BoxStream};
use http::StatusCode;
use http_body_util::{LengthLimitError, Limited};

use crate::problem::Problem;

/// The body of a request as it comes, for operations whose body is neither JSON nor a text nor a form: an
/// image, an archive, `application/octet-stream`. It is never in memory as a whole.
///
/// It has at most as many bytes as [`Api::upload_limit`](crate::Api::upload_limit) allows. A request that says that it
/// has more never gets to the handler; if it does not say so the stream ends with an error, whose answer is 413.
///
/// ```
/// use connexion::{ByteStream, StreamError};
/// use futures_util::TryStreamExt;
///
/// async fn count(mut body: ByteStream) -> Result<String, StreamError> {
///     let mut bytes = 0;
///     while let Some(chunk) = body.try_next().await? {
///         bytes += chunk.len();
///     }
///     Ok(format!("{bytes} bytes"))
/// }
/// ```
///
/// What was done with the chunks before an error is for the handler to undo.
pub struct ByteStream(BoxStream<'static, Result<Bytes, StreamError>>);

impl std::fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByteStream")
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, StreamError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl<S: Sync> FromRequest<S> for ByteStream {
    type Rejection = std::convert::Infallible;

    async fn from_request(mut request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let limit = request.extensions_mut().remove::<BodyLimit>();
        let stream = request.into_body().into_data_stream();
        let limit = limit.map_or(usize::MAX, |limit| limit.0);
        Ok(Self(
            stream
                .map_err(move |error| StreamError::new(&error, limit))
                .boxed(),
        ))
    }
}

/// Why a request's body ended before its end. As an answer it is a problem: 413 if the body is too long, 400 if
/// the client broke off.
///
/// ```
/// # use connexion::{ByteStream, Problem};
/// use futures_util::TryStreamExt;
///
/// /// A handler with errors of its own makes a problem of it.
/// async fn size(mut body: ByteStream) -> Result<String, Problem> {
///     let mut size = 0;
///     while let Some(chunk) = body.try_next().await? {
///         size += chunk.len();
///     }
///     Ok(size.to_string())
/// }
/// ```
///
/// Answered as it is, the document need not describe 413 or 400. A problem made of it is the handler's answer, for
/// which the document must.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.detail)]
pub struct StreamError(Box<Problem>);

impl StreamError {
    fn new(error: &axum::Error, limit: usize) -> Self {
        Self(Box::new(broken(error, limit)))
    }
}

impl IntoResponse for StreamError {
    fn into_response(self) -> Response {
        self.0.of_library().into_response()
    }
}

impl From<Problem> for StreamError {
    /// For a layer around the service that reads the body itself, to decompress it, say: if this is the error with which its
    /// body ends, the problem is the response.
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<StreamError> for Problem {
    fn from(error: StreamError) -> Self {
        *error.0
    }
}

/// How long the body may be, on its way to the handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// The body, which ends with an error where it gets longer than `limit`.
///
/// # Errors
/// If it says itself that it is longer.
pub(crate) fn limited(body: Body, limit: usize) -> Result<Body, Problem> {
    if axum::body::HttpBody::size_hint(&body).lower() > limit as u64 {
        return Err(too_long(limit));
    }
    Ok(Body::new(Limited::new(body, limit)))
}

/// The body if there is something in it. One whose length is known is not read: the handler may refuse it unread, as one
/// of a client that waits for `100 Continue` (RFC 9110, section 10.1.1).
pub(crate) async fn non_empty(body: Body, limit: usize) -> Result<Option<Body>, Problem> {
    if axum::body::HttpBody::size_hint(&body).lower() > 0 {
        return Ok(Some(body));
    }
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| broken(&error, limit))?;
        if !chunk.is_empty() {
            let first = futures_util::stream::once(std::future::ready(Ok(chunk)));
            return Ok(Some(Body::from_stream(first.chain(chunks))));
        }
    }
    Ok(None)
}

/// The problem with a body that could not be read to its end.
pub(crate) fn broken(error: &axum::Error, limit: usize) -> Problem {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<LengthLimitError>() {
            return too_long(limit);
        }
        if let Some(StreamError(problem)) = error.downcast_ref() {
            return Problem::clone(problem);
        }
        source = error.source();
    }
    Problem::new(StatusCode::BAD_REQUEST, "The request's body ended early.")
}

fn too_long(limit: usize) -> Problem {
    let detail = format!("The request's body is longer than {limit} bytes.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}
