//! Request bodies that handlers read as streams.

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

/// The body of a request as a stream of chunks, which is never in memory as a whole.
///
/// It is for bodies that are neither JSON nor a string nor a form: images, archives, `application/octet-stream`.
///
/// [`Api::upload_limit`](crate::Api::upload_limit) limits its length. A request with a greater `Content-Length` is rejected
/// before it reaches the handler. Without `Content-Length` the stream ends with an error, which is a 413 as a response.
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
/// If the stream ends with an error, the handler must undo what it did with the chunks before.
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

/// The reason why a request's body ended early. As a response it is a problem: 413 if the body is too long, 400 if the client
/// disconnected.
///
/// ```
/// # use connexion::{ByteStream, Problem};
/// use futures_util::TryStreamExt;
///
/// /// A handler with its own errors converts it to a problem.
/// async fn size(mut body: ByteStream) -> Result<String, Problem> {
///     let mut size = 0;
///     while let Some(chunk) = body.try_next().await? {
///         size += chunk.len();
///     }
///     Ok(size.to_string())
/// }
/// ```
///
/// The document need not describe 413 or 400 if a handler returns this error unchanged. A problem that is made from it is the
/// handler's response, which the document must describe.
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
    /// Lets a layer around the service, such as one that decompresses bodies, reject a request while its body is read: if the
    /// body ends with this error, the response is the problem.
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<StreamError> for Problem {
    fn from(error: StreamError) -> Self {
        *error.0
    }
}

/// The maximum length of a body, as an extension of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// Returns a body that ends with an error when it gets longer than `limit`.
///
/// # Errors
/// If its declared length exceeds the limit.
pub(crate) fn limited(body: Body, limit: usize) -> Result<Body, Problem> {
    if axum::body::HttpBody::size_hint(&body).lower() > limit as u64 {
        return Err(too_long(limit));
    }
    Ok(Body::new(Limited::new(body, limit)))
}

/// Returns the body, or `None` if it is empty.
///
/// A body of declared length is not read: the handler may reject it unread if the client waits for `100 Continue` (RFC 9110,
/// section 10.1.1).
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

/// Returns the problem of a body that could not be read to its end.
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
