//! The access log: a line for each request, in the Combined Log Format with the time taken and the request's
//! id at its end, or as JSON.
//!
//! It is written by a thread of its own: a slow disk or terminal must not slow requests down one by one. The
//! queue is bounded; when it is full requests wait, no line is lost.

use std::{
    fmt::Write as _,
    io::{self, Write},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{body::HttpBody, extract::Request, response::Response};
use connexion::OperationId;
use http::{HeaderMap, HeaderName, Method, Uri, Version, header};
use serde::Serialize;
use time::{
    OffsetDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::{Context, LogFile};
use crate::config::{LogFormat, LogTarget};

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// The access log; without effect when it is off. Dropping it writes what is still queued.
#[derive(Debug)]
pub(crate) struct AccessLog {
    writer: Option<(NonBlocking, WorkerGuard)>,
    file: Option<Arc<LogFile>>,
    format: LogFormat,
}

/// What is known of a request before it is answered.
#[derive(Debug)]
pub(crate) struct AccessLine {
    time: OffsetDateTime,
    client: IpAddr,
    method: Method,
    uri: Uri,
    version: Version,
    referer: Option<String>,
    user_agent: Option<String>,
}

impl AccessLog {
    /// Opens the log.
    ///
    /// # Errors
    /// If its file can't be opened, with its path.
    pub(crate) fn open(target: &LogTarget, format: LogFormat) -> io::Result<Self> {
        let mut file = None;
        let writer: Option<Box<dyn Write + Send>> = match target {
            LogTarget::Off => None,
            LogTarget::Standard => Some(Box::new(io::stdout())),
            LogTarget::File(path) => {
                let opened = Arc::new(LogFile::open("APP_ACCESS_LOG", path)?);
                file = Some(Arc::clone(&opened));
                Some(Box::new(Appending(opened)))
            }
        };
        let builder = NonBlockingBuilder::default().lossy(false);
        let writer = writer.map(|writer| builder.finish(writer));
        Ok(Self {
            writer,
            file,
            format,
        })
    }

    /// The file, if it has one.
    pub(crate) fn file(&self) -> Option<Arc<LogFile>> {
        self.file.clone()
    }

    /// Begins the line of a request; `None` when the log is off.
    pub(crate) fn begin(&self, client: SocketAddr, request: &Request) -> Option<AccessLine> {
        self.writer.as_ref()?;
        Some(AccessLine {
            time: OffsetDateTime::now_utc(),
            client: client.ip(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            referer: text(request.headers(), &header::REFERER),
            user_agent: text(request.headers(), &header::USER_AGENT),
        })
    }

    /// Ends the line and writes it. The time is that until the answer begins.
    pub(crate) fn end(
        &self,
        line: Option<AccessLine>,
        context: &Context,
        response: &Response,
        taken: Duration,
    ) {
        let (Some((writer, _)), Some(line)) = (&self.writer, line) else {
            return;
        };
        let text = match self.format {
            LogFormat::Text => line.combined(context, response, taken),
            LogFormat::Json => line.json(context, response, taken),
        };
        // Standard output that was closed is no reason to stop serving.
        let _ = writer.clone().write_all(text.as_bytes());
    }
}

impl AccessLine {
    fn combined(&self, context: &Context, response: &Response, taken: Duration) -> String {
        let size = size(response).map_or("-".to_owned(), |size| size.to_string());
        let mut line = String::with_capacity(256);
        let _ = writeln!(
            line,
            "{} - - [{}] \"{} {} {:?}\" {} {size} \"{}\" \"{}\" {:.6} {}",
            self.client,
            self.time.format(TIME).unwrap_or_default(),
            self.method,
            escaped(self.target()),
            self.version,
            response.status().as_u16(),
            self.referer.as_deref().map_or("-".to_owned(), escaped),
            self.user_agent.as_deref().map_or("-".to_owned(), escaped),
            taken.as_secs_f64(),
            context.request_id(),
        );
        line
    }

    fn json(&self, context: &Context, response: &Response, taken: Duration) -> String {
        let operation_id = response.extensions().get::<OperationId>();
        let line = Json {
            time: self.time.format(&Rfc3339).unwrap_or_default(),
            client: self.client,
            method: self.method.as_str(),
            target: self.target(),
            version: format!("{:?}", self.version),
            status: response.status().as_u16(),
            bytes: size(response),
            referer: self.referer.as_deref(),
            user_agent: self.user_agent.as_deref(),
            seconds: taken.as_secs_f64(),
            operation_id: operation_id.map(OperationId::as_str),
            request_id: context.request_id(),
            trace_id: context.trace_id(),
        };
        serde_json::to_string(&line).unwrap_or_default() + "\n"
    }

    fn target(&self) -> &str {
        self.uri.path_and_query().map_or("*", |path| path.as_str())
    }
}

#[derive(Serialize)]
struct Json<'l> {
    time: String,
    client: IpAddr,
    method: &'l str,
    target: &'l str,
    version: String,
    status: u16,
    bytes: Option<u64>,
    referer: Option<&'l str>,
    user_agent: Option<&'l str>,
    seconds: f64,
    operation_id: Option<&'l str>,
    request_id: &'l str,
    trace_id: String,
}

/// A log's file, as the thread that writes it needs it.
struct Appending(Arc<LogFile>);

impl Write for Appending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

fn size(response: &Response) -> Option<u64> {
    response.body().size_hint().exact()
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// What a client sent, as it may stand between quotes: nothing in it can end the quotes or the line.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
