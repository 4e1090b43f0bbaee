//! A request's body on its way in, as far as it must be read before the request is validated.

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

/// What was read of a body, and what is left for the handler to read.
#[derive(Debug, Default)]
pub(crate) struct Incoming<'l> {
    whole: Bytes,
    #[cfg(feature = "multipart")]
    fields: Option<Fields<'static>>,
    #[cfg(feature = "multipart")]
    files: Option<Files>,
    stream: Option<(Body, BodyLimit)>,
    /// What of it is in memory, if that is limited.
    held: Held<'l>,
}

/// Reads a body.
///
/// # Errors
/// If it is longer, or ends early, or if too much of other bodies is in memory.
pub(crate) async fn read<'l>(
    reading: &Reading,
    #[cfg_attr(
        not(feature = "multipart"),
        expect(unused_variables, reason = "the boundary of parts stands there")
    )]
    headers: &HeaderMap,
    body: Body,
    limits: &'l Limits,
) -> Result<Incoming<'l>, Problem> {
    let limit = match reading {
        Reading::Json | Reading::Text | Reading::Form(_) | Reading::Decoded(_) => limits.body,
        #[cfg(feature = "multipart")]
        Reading::Multipart(_) => limits.upload,
        Reading::Stream => limits.upload,
    };
    let body = limited(body, limit)?;
    let mut incoming = Incoming {
        held: Held::of(limits.memory.as_ref()),
        ..Incoming::default()
    };
    match reading {
        Reading::Stream => {
            let body = non_empty(body, limit).await?;
            incoming.stream = body.map(|body| (body, BodyLimit(limit)));
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
                    &mut incoming.held,
                )
                .await?;
                incoming.fields = Some(fields);
                incoming.files = Some(files);
            }
        }
        Reading::Json | Reading::Text | Reading::Form(_) | Reading::Decoded(_) => {
            incoming.whole = whole(body, limit, &mut incoming.held).await?;
        }
    }
    Ok(incoming)
}

/// All of a body in one piece. What comes in many is copied as it comes: of each piece that is kept as it is the rest of
/// the buffer stays in memory, too, in which it was received.
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
            // Grown step by step it would be copied each time, and leave as much behind. What is not written to yet takes no
            // memory.
            let left = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
            copied.reserve_exact(data.len().saturating_add(left).min(RESERVED));
        }
        copied.extend_from_slice(&data);
    }
    Ok(copied.into())
}

impl<'l> Incoming<'l> {
    /// What is to be validated.
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

    /// Counts what was read of it, which is in memory until the handler has answered.
    ///
    /// # Errors
    /// If that is too much, with other bodies.
    pub(crate) fn hold(&mut self, values: usize) -> Result<Held<'l>, Problem> {
        let mut held = std::mem::take(&mut self.held);
        held.add(values.saturating_mul(VALUE))?;
        Ok(held)
    }

    /// The body that the handler may read; its files go to the request's extensions.
    pub(crate) fn hand_over(self, extensions: &mut Extensions) -> Body {
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
