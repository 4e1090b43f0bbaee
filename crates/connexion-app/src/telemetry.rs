//! The two logs. The error log says what happens, through `tracing`, with a span for each request; the access
//! log has a line for each request.
//!
//! Neither has bodies or credentials in it.

mod access;
mod context;
mod file;

use std::{
    io::{self, IsTerminal as _},
    sync::Arc,
};

use tracing::{Level, Subscriber};
use tracing_subscriber::{
    Layer, filter::Targets, fmt, fmt::MakeWriter, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

pub(crate) use self::{access::AccessLog, context::Context, file::LogFile};
use crate::config::{LogFormat, LogTarget, Settings};

/// Turns the error log on for the whole process, and returns its file if it has one.
///
/// # Errors
/// If the log's file can't be opened, with its path.
pub(crate) fn start_error_log(settings: &Settings) -> io::Result<Option<Arc<LogFile>>> {
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
    let format = settings.log_format;
    let (layer, file) = match &settings.error_log {
        LogTarget::Off => return Ok(None),
        LogTarget::Standard => {
            let terminal = io::stderr().is_terminal();
            (layer(format, terminal, io::stderr), None)
        }
        LogTarget::File(path) => {
            let file = Arc::new(LogFile::open("APP_ERROR_LOG", path)?);
            (layer(format, false, Arc::clone(&file)), Some(file))
        }
    };
    let registry = tracing_subscriber::registry().with(targets).with(layer);
    // It is on already only where tests start several in one process.
    let _ = registry.try_init();
    Ok(file)
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
        .with_writer(writer);
    match format {
        LogFormat::Text => layer.with_ansi(ansi).boxed(),
        LogFormat::Json => layer.json().with_span_list(false).boxed(),
    }
}
