//! Responses whose items are streamed: [`Items`].

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    Extension,
    body::Body as HttpBody,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use http::{HeaderValue, header};
use serde::Serialize;

use super::JSON;
use crate::schema::typed::ItemCheck;

/// Length at which a chunk of a streamed response is sent, in bytes. A chunk is sent earlier if no item is ready.
const CHUNK: usize = 16 * 1024;

/// A JSON array whose items are streamed in constant memory.
///
/// The response starts with the first item, or with the end if there is none, so an error before that is a 500. If the stream
/// ends with an error later, the connection is aborted, so that the client notices that the array is incomplete.
///
/// ```
/// # use connexion::Items;
/// # use serde::Serialize;
/// # #[derive(Serialize)]
/// # struct Row { id: u32 }
/// # fn rows() -> impl futures_util::Stream<Item = Result<Row, std::io::Error>> {
/// #     futures_util::stream::iter([Ok(Row { id: 1 })])
/// # }
/// async fn list() -> Items<Row, std::io::Error> {
///     Items::new(rows())
/// }
/// ```
///
/// An empty stream is `[]`. An item that violates the document also ends the stream, unless
/// [`ResponseValidation`](crate::ResponseValidation) is set otherwise. If the schema of the array has other keywords than
/// `type` and `items`, such as `maxItems`, the array is buffered as a whole and limited to 16 MiB.
pub struct Items<T, E> {
    items: BoxStream<'static, Result<T, E>>,
    format: &'static Format,
}

/// The notation of a sequence of items.
#[derive(Debug)]
struct Format {
    content_type: HeaderValue,
    before_first: &'static [u8],
    before_others: &'static [u8],
    after_each: &'static [u8],
    after_last: &'static [u8],
    /// The whole body if there are no items.
    empty: &'static [u8],
}

static ARRAY: Format = Format {
    content_type: JSON,
    before_first: b"[",
    before_others: b",",
    after_each: b"",
    after_last: b"]",
    empty: b"[]",
};

static LINES: Format = Format {
    content_type: HeaderValue::from_static("application/x-ndjson"),
    before_first: b"",
    before_others: b"",
    after_each: b"\n",
    after_last: b"",
    empty: b"",
};

impl<T, E> fmt::Debug for Items<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Items")
    }
}

impl<T, E> Items<T, E> {
    /// Creates a response from a stream of items.
    ///
    /// ```
    /// # use connexion::Items;
    /// # use axum::response::IntoResponse;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let numbers = futures_util::stream::iter([1, 2, 3].map(Ok::<_, std::io::Error>));
    /// let response = Items::new(numbers).into_response();
    /// let body = axum::body::to_bytes(response.into_body(), 1000).await?;
    /// assert_eq!(body, "[1,2,3]");
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(stream: impl Stream<Item = Result<T, E>> + Send + 'static) -> Self {
        let items = stream.boxed();
        Self {
            items,
            format: &ARRAY,
        }
    }

    /// Writes one JSON value per line (`application/x-ndjson`) instead of an array, so that a client can read each item as it
    /// arrives.
    ///
    /// ```
    /// # use connexion::Items;
    /// # use axum::response::IntoResponse;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let numbers = futures_util::stream::iter([1, 2, 3].map(Ok::<_, std::io::Error>));
    /// let response = Items::new(numbers).lines().into_response();
    /// let body = axum::body::to_bytes(response.into_body(), 1000).await?;
    /// assert_eq!(body, "1\n2\n3\n");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn lines(self) -> Self {
        let format = &LINES;
        Self { format, ..self }
    }
}

impl<T, E> IntoResponse for Items<T, E>
where
    T: Serialize + 'static,
    E: fmt::Display + 'static,
{
    fn into_response(self) -> Response {
        let check = ItemCheck::default();
        let chunks = ItemChunks {
            items: self.items,
            format: self.format,
            check: check.clone(),
            state: State::Start,
        };
        let content_type = [(header::CONTENT_TYPE, self.format.content_type.clone())];
        (
            content_type,
            Extension(check),
            HttpBody::from_stream(chunks),
        )
            .into_response()
    }
}

/// The body of a response of items, as a stream of chunks.
struct ItemChunks<T, E> {
    items: BoxStream<'static, Result<T, E>>,
    format: &'static Format,
    check: ItemCheck,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Start,
    Within,
    End,
}

impl<T: Serialize, E: fmt::Display> Stream for ItemChunks<T, E> {
    type Item = Result<Bytes, String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.state == State::End {
            return Poll::Ready(None);
        }
        let mut chunk = Vec::with_capacity(CHUNK + CHUNK / 4);
        while chunk.len() < CHUNK {
            match self.items.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(item))) => {
                    chunk.extend_from_slice(if self.state == State::Start {
                        self.format.before_first
                    } else {
                        self.format.before_others
                    });
                    self.state = State::Within;
                    if let Err(error) = self.check.write(&item, &mut chunk) {
                        return self.fail(&error);
                    }
                    chunk.extend_from_slice(self.format.after_each);
                }
                Poll::Ready(Some(Err(error))) => return self.fail(&error),
                Poll::Ready(None) => {
                    chunk.extend_from_slice(if self.state == State::Start {
                        self.format.empty
                    } else {
                        self.format.after_last
                    });
                    self.state = State::End;
                    if chunk.is_empty() {
                        return Poll::Ready(None);
                    }
                    break;
                }
                Poll::Pending if chunk.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Some(Ok(chunk.into())))
    }
}

impl<T, E> ItemChunks<T, E> {
    fn fail(&mut self, error: &dyn fmt::Display) -> Poll<Option<Result<Bytes, String>>> {
        self.state = State::End;
        tracing::error!("a streamed response ended early: {error}");
        Poll::Ready(Some(Err(error.to_string())))
    }
}
