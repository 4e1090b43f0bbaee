//! A request's body on its way in, as far as it must be read before the request is validated.

use axum::body::Body;
use bytes::Bytes;
use http::{Extensions, HeaderMap};

#[cfg(feature = "multipart")]
use crate::{
    content::content_type,
    form::Fields,
    multipart::{self, Files},
};
use crate::{
    operation::{Reading, Received},
    problem::Problem,
    stream::{BodyLimit, broken, limited, non_empty},
};

/// What was read of a body, and what is left for the handler to read.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    whole: Bytes,
    #[cfg(feature = "multipart")]
    fields: Option<Fields<'static>>,
    #[cfg(feature = "multipart")]
    files: Option<Files>,
    stream: Option<(Body, BodyLimit)>,
}

/// How many bytes bodies may have: those that are held in memory, and all others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) body: usize,
    pub(crate) upload: usize,
}

/// Reads a body.
///
/// # Errors
/// If it is longer, or ends early.
pub(crate) async fn read(
    reading: &Reading,
    #[cfg_attr(
        not(feature = "multipart"),
        expect(unused_variables, reason = "the boundary of parts stands there")
    )]
    headers: &HeaderMap,
    body: Body,
    limits: Limits,
) -> Result<Incoming, Problem> {
    let limit = match reading {
        Reading::Json | Reading::Text | Reading::Form(_) => limits.body,
        #[cfg(feature = "multipart")]
        Reading::Multipart(_) => limits.upload,
        Reading::Stream => limits.upload,
    };
    let body = limited(body, limit)?;
    let mut incoming = Incoming::default();
    match reading {
        Reading::Stream => {
            let body = non_empty(body, limit).await?;
            incoming.stream = body.map(|body| (body, BodyLimit(limit)));
        }
        #[cfg(feature = "multipart")]
        Reading::Multipart(form) => {
            if let Some(body) = non_empty(body, limit).await? {
                let (fields, files) =
                    multipart::read(body, &content_type(headers), form, limit).await?;
                incoming.fields = Some(fields);
                incoming.files = Some(files);
            }
        }
        Reading::Json | Reading::Text | Reading::Form(_) => {
            let read = axum::body::to_bytes(body, usize::MAX).await;
            incoming.whole = read.map_err(|error| broken(&error, limit))?;
        }
    }
    Ok(incoming)
}

impl Incoming {
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
