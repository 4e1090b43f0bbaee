//! The two logs. The error log says what happens, through `tracing`; the access log has a line for each
//! request, in the Combined Log Format with the time taken at its end.
//!
//! The access log is written by a thread of its own: a slow disk or terminal must not slow requests down
//! one by one. The queue is bounded; when it is full requests wait, no line is lost.

use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{self, Write},
    net::SocketAddr,
    path::Path,
    time::Duration,
};

use axum::{body::HttpBody, extract::Request, response::Response};
use http::{HeaderMap, HeaderName, header};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use tracing::Level;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::config::{LogTarget, Settings};

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");

/// Turns the error log on for the whole process.
///
/// # Errors
/// If the log's file can't be opened, with its path.
pub(crate) fn start_error_log(settings: &Settings) -> io::Result<()> {
    let level = if settings.debug {
        Level::DEBUG
    } else {
        Level::INFO
    };
    // Migrations and the database driver tell in detail what nobody asked for.
    let targets = Targets::new()
        .with_default(Level::WARN)
        .with_target("connexion", level)
        .with_target("connexion_app", level)
        .with_target("sql", Level::INFO);
    let registry = tracing_subscriber::registry().with(targets);
    // A log that can't be written is no reason to stop, and there is nowhere to complain about it.
    let layer = fmt::layer().with_target(false).log_internal_errors(false);
    match &settings.error_log {
        LogTarget::Off => return Ok(()),
        LogTarget::Standard => {
            let terminal = io::IsTerminal::is_terminal(&io::stderr());
            registry
                .with(layer.with_ansi(terminal).with_writer(io::stderr))
                .try_init()
        }
        LogTarget::File(path) => registry
            .with(
                layer
                    .with_ansi(false)
                    .with_writer(append_to("APP_ERROR_LOG", path)?),
            )
            .try_init(),
    }
    // It is on already only where tests start several in one process.
    .or(Ok(()))
}

fn append_to(setting: &str, path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map_err(|error| {
        let reason = format!("{setting}: {} can't be written: {error}", path.display());
        io::Error::new(error.kind(), reason)
    })
}

/// The access log; without effect when it is off. Dropping it writes what is still queued.
#[derive(Debug)]
pub(crate) struct AccessLog(Option<(NonBlocking, WorkerGuard)>);

/// What is known of a request before it is answered.
#[derive(Debug)]
pub(crate) struct AccessLine(String, String);

impl AccessLog {
    /// Opens the log.
    ///
    /// # Errors
    /// If its file can't be opened, with its path.
    pub(crate) fn open(target: &LogTarget) -> io::Result<Self> {
        let writer: Box<dyn Write + Send> = match target {
            LogTarget::Off => return Ok(Self(None)),
            LogTarget::Standard => Box::new(io::stdout()),
            LogTarget::File(path) => Box::new(append_to("APP_ACCESS_LOG", path)?),
        };
        Ok(Self(Some(
            NonBlockingBuilder::default().lossy(false).finish(writer),
        )))
    }

    /// Begins the line of a request; `None` when the log is off.
    pub(crate) fn begin(&self, client: SocketAddr, request: &Request) -> Option<AccessLine> {
        self.0.as_ref()?;
        let now = OffsetDateTime::now_utc().format(TIME).unwrap_or_default();
        let begin = format!(
            "{} - - [{now}] \"{} {} {:?}\"",
            client.ip(),
            request.method(),
            escaped(
                request
                    .uri()
                    .path_and_query()
                    .map_or("*", |path| path.as_str())
            ),
            request.version(),
        );
        let headers = request.headers();
        let end = format!(
            "\"{}\" \"{}\"",
            field(headers, &header::REFERER),
            field(headers, &header::USER_AGENT)
        );
        Some(AccessLine(begin, end))
    }

    /// Ends the line and writes it. The time is that until the answer begins.
    pub(crate) fn end(&self, line: Option<AccessLine>, response: &Response, taken: Duration) {
        let (Some((writer, _)), Some(AccessLine(mut line, end))) = (&self.0, line) else {
            return;
        };
        let size = response
            .body()
            .size_hint()
            .exact()
            .map_or("-".to_owned(), |size| size.to_string());
        let _ = writeln!(
            line,
            " {} {size} {end} {:.6}",
            response.status().as_u16(),
            taken.as_secs_f64()
        );
        // Standard output that was closed is no reason to stop serving.
        let _ = writer.clone().write_all(line.as_bytes());
    }
}

fn field(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).map_or("-".to_owned(), |value| {
        escaped(&String::from_utf8_lossy(value.as_bytes()))
    })
}

/// What a client sent, as it may stand between quotes: nothing in it can end the quotes or the line.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
