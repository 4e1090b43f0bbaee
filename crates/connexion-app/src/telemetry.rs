//! The two logs, and traces. The error log says what happens, through `tracing`, with a span for each request; the
//! access log has a line for each request.
//!
//! Neither has bodies or credentials in it.

mod access;
mod context;
mod escape;
mod fields;
mod file;
#[cfg(feature = "otlp")]
pub(crate) mod traces;
#[cfg(not(feature = "otlp"))]
#[path = "telemetry/untraced.rs"]
pub(crate) mod traces;

use std::{
    io::{self, IsTerminal as _},
    sync::Arc,
};

use tracing::{Level, Subscriber};
use tracing_subscriber::{
    Layer, filter::Targets, fmt, fmt::MakeWriter, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use self::escape::Escaping;
pub(crate) use self::{
    access::{AccessLine, AccessLog, Line},
    context::{Context, REQUEST_ID},
    file::LogFile,
};
use crate::{
    config::{LogFormat, LogTarget, Settings},
    metrics::Metrics,
};

/// What is open once the telemetry is on.
#[derive(Debug)]
pub(crate) struct Telemetry {
    /// The error log's file, if it has one.
    pub(crate) error_log: Option<Arc<LogFile>>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
}

/// Turns the error log on for the whole process.
///
/// # Errors
/// If the log's file can't be opened, with its path, or traces can't be sent at all.
pub(crate) fn start(settings: &Settings) -> io::Result<Telemetry> {
    let format = settings.log_format;
    let (layer, error_log) = match &settings.error_log {
        LogTarget::Off => (None, None),
        LogTarget::Standard => {
            let terminal = io::stderr().is_terminal();
            (Some(layer(format, terminal, io::stderr)), None)
        }
        LogTarget::File(path) => {
            let file = Arc::new(LogFile::open("APP_ERROR_LOG", path)?);
            let layer = layer(format, false, Arc::clone(&file));
            (Some(layer), Some(file))
        }
    };
    let metrics = Arc::new(Metrics::new());
    let traces = settings.otlp_endpoint.as_deref();
    let traces = traces.map(traces::layer).transpose()?;
    let registry = tracing_subscriber::registry()
        .with(targets(settings))
        .with(layer)
        .with(traces);
    // It is on already only where tests start several in one process.
    let _ = registry.try_init();
    Ok(Telemetry { error_log, metrics })
}

fn targets(settings: &Settings) -> Targets {
    if settings.error_log == LogTarget::Off && settings.otlp_endpoint.is_none() {
        return Targets::new();
    }
    let level = if settings.debug {
        Level::DEBUG
    } else {
        Level::INFO
    };
    // Migrations and the database driver tell in detail what nobody asked for.
    Targets::new()
        .with_default(Level::WARN)
        .with_target("connexion", level)
        .with_target("connexion_app", level)
        .with_target("audit", Level::INFO)
        .with_target("sql", Level::INFO)
}

fn layer<S, W>(format: LogFormat, ansi: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // A log that can't be written is no reason to stop, and there is nowhere to complain about it.
    let layer = fmt::layer()
        .with_target(false)
        .log_internal_errors(false)
        .with_writer(Escaping {
            inner: writer,
            format,
        });
    match format {
        LogFormat::Text => layer.fmt_fields(fields::Fields).with_ansi(ansi).boxed(),
        LogFormat::Json => layer.json().with_span_list(false).boxed(),
    }
}
