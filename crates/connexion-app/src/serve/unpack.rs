//! Bodies of requests that are compressed, or whose text is in another charset, become what the API reads.
//!
//! Any operation takes gzip and zstd, and several codings in a row (RFC 9110, section 8.4). What they unpack to is limited
//! where any body is: by the API, as it reads. A coding that is not supported is an error of the body, so that 401, 404 and
//! 405 come first, and a request whose body nobody reads is not refused.
//!
//! The layer of tower-http is not used: it ends a gzip body after its first member, and lets a zstd frame say how much memory
//! it takes.

use std::{error::Error, io};

use async_compression::{
    tokio::bufread::{GzipDecoder, ZstdDecoder},
    zstd::DParameter,
};
use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::Request,
};
use connexion::{BodyMemory, Location, Problem, StreamError, TakenMemory, Violation};
use futures_util::{FutureExt as _, TryFutureExt as _, TryStreamExt};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

/// More codings than this in a row are not supported: each multiplies what a byte can unpack to.
const MAX_CODINGS: usize = 2;

/// Of a body with two codings, what is between them has at most this many bytes.
const BETWEEN: usize = 16 * 1024 * 1024;

/// A zstd frame may need a window of 2²³ bytes, no more (RFC 9659).
const MAX_WINDOW: u32 = 23;

/// What is unpacked comes in chunks of this size.
const CHUNK: usize = 16 * 1024;

/// How a body can be compressed.
#[derive(Clone, Copy, Debug)]
enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// About how much memory a decoder takes until it has unpacked more than any body in memory may have.
    fn memory(self) -> usize {
        match self {
            Self::Gzip => 64 * 1024,
            Self::Zstd => 1024 * 1024,
        }
    }
}

/// The request with its body as the API reads it. Decoders take their memory from that of bodies.
pub(super) fn unpack(mut request: Request, memory: &BodyMemory) -> Request {
    if request.body().is_end_stream() {
        return request;
    }
    let charset = charset(request.headers());
    let is_coded = request.headers().contains_key(header::CONTENT_ENCODING);
    if !is_coded && matches!(charset, Ok(Charset::Utf8)) {
        return request;
    }
    let codings = codings(request.headers());
    request.headers_mut().remove(header::CONTENT_ENCODING);
    request.headers_mut().remove(header::CONTENT_LENGTH);
    let memory = memory.clone();
    request.map(|body| {
        // When the body is asked for, not before: only then is it known whether the request is let in.
        let unpacked = async move { unpacked(body, &codings?, charset?, &memory) };
        let chunks = unpacked
            .map_ok(Body::into_data_stream)
            .map_err(|problem: Problem| axum::Error::new(StreamError::from(problem)))
            .boxed()
            .try_flatten_stream();
        Body::from_stream(chunks)
    })
}

fn unpacked(
    mut body: Body,
    codings: &[Coding],
    charset: Charset,
    memory: &BodyMemory,
) -> Result<Body, Problem> {
    // The last one was applied last.
    for (i, coding) in codings.iter().rev().enumerate() {
        if i > 0 {
            body = Body::new(Limited::new(body, BETWEEN));
        }
        body = decoded(body, *coding, memory.take(coding.memory())?);
    }
    Ok(match charset {
        Charset::Utf8 => body,
        Charset::Latin1 => {
            Body::new(body.map_frame(|frame| frame.map_data(|text| of_latin1(&text))))
        }
    })
}

fn decoded(body: Body, coding: Coding, memory: TakenMemory) -> Body {
    let packed = StreamReader::new(TryStreamExt::map_err(
        body.into_data_stream(),
        io::Error::other,
    ));
    match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(packed);
            // RFC 1952, section 2.2: a file is a series of members.
            decoder.multiple_members(true);
            read(decoder, coding, memory)
        }
        Coding::Zstd => {
            let window = DParameter::window_log_max(MAX_WINDOW);
            let mut decoder = ZstdDecoder::with_params(packed, &[window]);
            // RFC 8878, section 3: so are frames.
            decoder.multiple_members(true);
            read(decoder, coding, memory)
        }
    }
}

fn read(decoder: impl AsyncRead + Send + 'static, coding: Coding, memory: TakenMemory) -> Body {
    let chunks = ReaderStream::with_capacity(decoder, CHUNK);
    let chunks = chunks.map_err(move |error| {
        let _until_the_end = &memory;
        // An error of what is packed is not one of its coding.
        if error
            .get_ref()
            .is_some_and(<dyn Error + Send + Sync>::is::<axum::Error>)
        {
            return axum::Error::new(error);
        }
        axum::Error::new(StreamError::from(undecodable(coding, error.kind())))
    });
    Body::from_stream(chunks)
}

fn undecodable(coding: Coding, kind: io::ErrorKind) -> Problem {
    let name = coding.name();
    let detail = match (kind, coding) {
        (io::ErrorKind::UnexpectedEof, _) => {
            format!("The request's body ends before its {name} data does.")
        }
        (_, Coding::Gzip) => "The request's body is not valid gzip data.".to_owned(),
        (_, Coding::Zstd) => {
            "The request's body is not valid zstd data with a window of at most 8 MiB.".to_owned()
        }
    };
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// The codings of a body, in the order in which they were applied.
fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, Problem> {
    let fields = headers.get_all(header::CONTENT_ENCODING).iter();
    let texts = fields.map(|field| String::from_utf8_lossy(field.as_bytes()));
    let mut codings = Vec::new();
    for name in texts.collect::<Vec<_>>().join(",").split(',') {
        // RFC 9110, section 8.4.1: in any letter case, and `x-gzip` is gzip.
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => {}
            "gzip" | "x-gzip" if codings.len() < MAX_CODINGS => codings.push(Coding::Gzip),
            "zstd" if codings.len() < MAX_CODINGS => codings.push(Coding::Zstd),
            "gzip" | "x-gzip" | "zstd" => {
                let detail = format!("More than {MAX_CODINGS} content codings are not supported");
                return Err(unsupported(detail));
            }
            _ => {
                let name = name.trim();
                let detail = format!(
                    "The content coding '{name}' is not supported; send gzip, zstd or the body as it is"
                );
                return Err(unsupported(detail));
            }
        }
    }
    Ok(codings)
}

/// RFC 9110, section 12.5.3: the header `Accept-Encoding` of the response says what is supported.
fn unsupported(detail: String) -> Problem {
    let location = Location::header("Content-Encoding");
    let mut violation = Violation::new(location, "contentEncoding", detail);
    violation.expected = Some(serde_json::json!(["gzip", "zstd"]));
    vec![violation].into()
}

/// In which charset the text of a file with people is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Charset {
    Utf8,
    Latin1,
}

/// The charset of a file with people. For JSON the parameter has no meaning (RFC 8259, section 11), and forms and texts are
/// decoded by the API.
fn charset(headers: &HeaderMap) -> Result<Charset, Problem> {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else {
        return Ok(Charset::Utf8);
    };
    let is_of = |name: &str| {
        let start = content_type.as_bytes().get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    };
    if !is_of("text/csv") && !is_of("application/x-ndjson") {
        return Ok(Charset::Utf8);
    }
    let content_type = String::from_utf8_lossy(content_type.as_bytes());
    let parameters = content_type.split(';').skip(1);
    let mut named = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    match named.next().as_deref() {
        // What is ASCII is UTF-8, too.
        None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => Ok(Charset::Utf8),
        Some("iso-8859-1" | "latin1") => Ok(Charset::Latin1),
        Some(_) => {
            let detail = format!(
                "Invalid Content-type ({content_type}), expected charset=utf-8, us-ascii or iso-8859-1"
            );
            let location = Location::header("Content-Type");
            Err(vec![Violation::new(location, "contentType", detail)].into())
        }
    }
}

/// ISO-8859-1 as UTF-8: its bytes are the first 256 code points.
fn of_latin1(text: &[u8]) -> Bytes {
    let text: String = text.iter().copied().map(char::from).collect();
    text.into()
}
