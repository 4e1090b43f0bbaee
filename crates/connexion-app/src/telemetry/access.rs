//! The access log: a line for each request, as JSON or in the Combined Log Format. That is followed by the seconds until
//! the response began, the request's id, and the seconds until the response ended.
//!
//! A line is written when the response ends: only then its size is known, and whether the client took it.
//!
//! It is written by a thread of its own: a slow disk or terminal must not slow requests down one by one. The
//! queue is bounded; when it is full requests wait, no line is lost.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use axum::{extract::Request, response::Response};
use connexion::OperationId;
use http::{HeaderValue, Method, Uri, Version, header};
use serde::Serialize;
use time::{
    OffsetDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};

use super::{Context, LogFile, escape};
use crate::config::{LogFormat, LogTarget};

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// The access log; without effect when it is off.
#[derive(Debug)]
pub(crate) struct AccessLog {
    writer: Option<NonBlocking>,
    file: Option<Arc<LogFile>>,
    format: LogFormat,
}

/// Writes what is still queued when it is dropped.
pub(crate) type Written = Option<WorkerGuard>;

/// What is known of a request before it is answered.
#[derive(Debug)]
pub(crate) struct AccessLine<'c> {
    time: OffsetDateTime,
    client: Cow<'c, str>,
    method: Method,
    uri: Uri,
    version: Version,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
}

/// The line of a request whose response has begun; what it lacks is how that ends.
#[derive(Debug)]
pub(crate) struct Line {
    log: Arc<AccessLog>,
    text: String,
    /// Where in it the response's size goes.
    size_at: usize,
}

impl AccessLog {
    /// Opens the log.
    ///
    /// # Errors
    /// If its file can't be opened, with its path.
    pub(crate) fn open(target: &LogTarget, format: LogFormat) -> io::Result<(Self, Written)> {
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
        let (writer, written) = writer.map(|writer| builder.finish(writer)).unzip();
        let log = Self {
            writer,
            file,
            format,
        };
        Ok((log, written))
    }

    /// The file, if it has one.
    pub(crate) fn file(&self) -> Option<Arc<LogFile>> {
        self.file.clone()
    }

    /// Begins the line of a request; `None` when the log is off.
    pub(crate) fn begin<'c>(
        &self,
        client: Cow<'c, str>,
        request: &Request,
    ) -> Option<AccessLine<'c>> {
        self.writer.as_ref()?;
        Some(AccessLine {
            time: OffsetDateTime::now_utc(),
            client,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            referer: request.headers().get(header::REFERER).cloned(),
            user_agent: request.headers().get(header::USER_AGENT).cloned(),
        })
    }

    /// Continues a line with the response, which began after the time `taken`.
    pub(crate) fn answered(
        self: &Arc<Self>,
        line: &AccessLine<'_>,
        context: &Context,
        response: &Response,
        taken: Duration,
    ) -> Line {
        let (text, size_at) = match self.format {
            LogFormat::Text => line.combined(context, response, taken),
            LogFormat::Json => line.json(context, response, taken),
        };
        Line {
            log: Arc::clone(self),
            text,
            size_at,
        }
    }
}

impl Line {
    /// Writes the line of a response that ended after `bytes` of its body and the time `total`.
    pub(crate) fn write(&mut self, bytes: u64, total: Duration) {
        let Some(writer) = &self.log.writer else {
            return;
        };
        let total = total.as_secs_f64();
        match self.log.format {
            LogFormat::Text => {
                self.text.insert_str(self.size_at, &bytes.to_string());
                let _ = writeln!(self.text, " {total:.6}");
            }
            LogFormat::Json => {
                self.text.truncate(self.size_at);
                let _ = writeln!(
                    self.text,
                    ",\"bytes\":{bytes},\"total_seconds\":{total:.6}}}"
                );
            }
        }
        // Standard output that was closed is no reason to stop serving.
        let _ = writer.clone().write_all(self.text.as_bytes());
    }
}

impl AccessLine<'_> {
    fn combined(&self, context: &Context, response: &Response, taken: Duration) -> (String, usize) {
        let mut line = String::with_capacity(256);
        let _ = write!(
            line,
            "{} - - [{}] \"{} {} {:?}\" {} ",
            self.client,
            self.time.format(TIME).unwrap_or_default(),
            self.method,
            escape::quoted(self.target().as_bytes()),
            self.version,
            response.status().as_u16(),
        );
        let size_at = line.len();
        let _ = write!(
            line,
            " \"{}\" \"{}\" {:.6} {}",
            quoted(self.referer.as_ref()),
            quoted(self.user_agent.as_ref()),
            taken.as_secs_f64(),
            context.request_id(),
        );
        (line, size_at)
    }

    fn json(&self, context: &Context, response: &Response, taken: Duration) -> (String, usize) {
        let operation_id = response.extensions().get::<OperationId>();
        let line = Json {
            time: self.time.format(&Rfc3339).unwrap_or_default(),
            client: &self.client,
            method: self.method.as_str(),
            target: self.target(),
            version: format!("{:?}", self.version),
            status: response.status().as_u16(),
            referer: self.referer.as_ref().map(lossy),
            user_agent: self.user_agent.as_ref().map(lossy),
            seconds: taken.as_secs_f64(),
            operation_id: operation_id.map(OperationId::as_str),
            request_id: context.request_id(),
            trace_id: context.trace_id(),
        };
        let line = serde_json::to_string(&line).unwrap_or_default();
        let line = match escape::line(&line, LogFormat::Json) {
            Cow::Borrowed(_) => line,
            Cow::Owned(escaped) => escaped,
        };
        // Before the brace that ends the object.
        let end = line.len().saturating_sub(1);
        (line, end)
    }

    fn target(&self) -> &str {
        self.uri.path_and_query().map_or("*", |path| path.as_str())
    }
}

#[derive(Serialize)]
struct Json<'l> {
    time: String,
    client: &'l str,
    method: &'l str,
    target: &'l str,
    version: String,
    status: u16,
    referer: Option<Cow<'l, str>>,
    user_agent: Option<Cow<'l, str>>,
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

fn quoted(field: Option<&HeaderValue>) -> Cow<'_, str> {
    field.map_or(Cow::Borrowed("-"), |value| escape::quoted(value.as_bytes()))
}

fn lossy(field: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(field.as_bytes())
}
