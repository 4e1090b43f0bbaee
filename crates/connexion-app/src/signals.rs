//! What the process is told by signals: to stop, to open its logs anew.

use std::{io, sync::Arc};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::telemetry::LogFile;

/// SIGINT and SIGTERM. Also for process 1, where they would otherwise do nothing.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the system doesn't let us.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Opens the logs' files anew at each SIGUSR1, which tools that rotate logs send after they renamed them.
///
/// # Errors
/// If the system doesn't let us listen.
pub(crate) fn reopen_logs(files: Vec<Arc<LogFile>>) -> io::Result<()> {
    let mut reopen = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while reopen.recv().await.is_some() {
            for file in &files {
                file.reopen();
            }
            tracing::info!("the files of the logs were opened anew");
        }
    });
    Ok(())
}
