//! Reads as much of a request's body as its validation needs.

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
#[cfg(feature = "multipart")]
use futures_util::TryStreamExt;
use http::{Extensions, HeaderMap};
use http_body_util::BodyExt as _;

#[cfg(feature = "multipart")]
use crate::operation::{
    form::Fields,
    media_type::content_type,
    multipart::{self, Files},
};
use crate::{
    http::stream::{BodyLimit, broken, limited, non_empty},
    operation::{
        Reading, Received,
        memory::{Held, Limits, RESERVED, VALUE},
    },
    problem::Problem,
};

/// The part of a body that was read, and the rest for the handler.
#[derive(Debug, Default)]
pub(crate) struct ReceivedBody<'l> {
    whole: Bytes,
    #[cfg(feature = "multipart")]
    fields: Option<Fields<'static>>,
    #[cfg(feature = "multipart")]
    files: Option<Files>,
    stream: Option<(Body, BodyLimit)>,
    /// The memory that it takes, if that is limited.
    held: Held<'l>,
}

/// Reads a body.
///
/// # Errors
/// If the body is too long, ends early, or exceeds the memory for all bodies.
pub(crate) async fn read<'l>(
    reading: &Reading,
    #[cfg_attr(
        not(feature = "multipart"),
        expect(
            unused_variables,
            reason = "only multipart needs them, for the boundary of the parts"
        )
    )]
    headers: &HeaderMap,
    body: Body,
    limits: &'l Limits,
) -> Result<ReceivedBody<'l>, Problem> {
    let limit = match reading {
        Reading::Json | Reading::Text | Reading::Form(_) | Reading::Decoded(_) => limits.body,
        #[cfg(feature = "multipart")]
        Reading::Multipart(_) => limits.upload,
        Reading::Stream => limits.upload,
    };
    let body = limited(body, limit)?;
    let mut received = ReceivedBody {
        held: Held::of(limits.memory.as_ref()),
        ..ReceivedBody::default()
    };
    match reading {
        Reading::Stream => {
            let body = non_empty(body, limit).await?;
            received.stream = body.map(|body| (body, BodyLimit(limit)));
        }
        #[cfg(feature = "multipart")]
        Reading::Multipart(form) => {
            if let Some(body) = non_empty(body, limit).await? {
                let chunks = TryStreamExt::map_err(body.into_data_stream(), move |error| {
                    broken(&error, limit)
                });
                let (fields, files) = multipart::read(
                    chunks,
                    &content_type(headers),
                    form,
                    limits,
                    &mut received.held,
                )
                .await?;
                received.fields = Some(fields);
                received.files = Some(files);
            }
        }
        Reading::Json | Reading::Text | Reading::Form(_) | Reading::Decoded(_) => {
            received.whole = whole(body, limit, &mut received.held).await?;
        }
    }
    Ok(received)
}

/// Reads a whole body into one buffer.
///
/// A body of several chunks is copied as it arrives: a chunk that is kept would keep the whole receive buffer in memory.
async fn whole(mut body: Body, limit: usize, held: &mut Held<'_>) -> Result<Bytes, Problem> {
    let mut copied = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error, limit))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        held.add(data.len())?;
        if copied.is_empty() {
            if body.is_end_stream() {
                return Ok(data);
            }
            // A buffer that grows step by step is copied each time. Reserved pages that are not written to take no memory.
            let left = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
            copied.reserve_exact(data.len().saturating_add(left).min(RESERVED));
        }
        copied.extend_from_slice(&data);
    }
    Ok(copied.into())
}

impl<'l> ReceivedBody<'l> {
    /// Returns the body for validation.
    pub(crate) fn received(&mut self) -> Received<'_> {
        #[cfg(feature = "multipart")]
        if let Some(fields) = self.fields.take() {
            return Received::Fields(fields);
        }
        match self.stream {
            Some(_) => Received::Stream,
            None => Received::Whole(&self.whole),
        }
    }

    /// Counts the memory of the values that were read. They stay in memory until the handler has returned.
    ///
    /// # Errors
    /// If it exceeds the memory for all bodies.
    pub(crate) fn hold_memory(&mut self, values: usize) -> Result<Held<'l>, Problem> {
        let mut held = std::mem::take(&mut self.held);
        held.add(values.saturating_mul(VALUE))?;
        Ok(held)
    }

    /// Returns the body for the handler, and adds the files to the request's extensions.
    pub(crate) fn into_body(self, extensions: &mut Extensions) -> Body {
        #[cfg(feature = "multipart")]
        if let Some(files) = self.files {
            extensions.insert(files);
        }
        let Some((body, limit)) = self.stream else {
            return Body::empty();
        };
        extensions.insert(limit);
        body
    }
}
