//! What the process is told by signals: to stop, to open its logs anew, to read again what it has read from files.
//!
//! A signal that comes before its handler is there ends the process, in the first milliseconds of a start as well. So
//! handlers are installed before anything else.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1},
    flag, low_level,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::telemetry::LogFile;

const ALL: [i32; 4] = [SIGHUP, SIGINT, SIGTERM, SIGUSR1];

/// The signals that came before the service listens to them.
#[derive(Debug, Default)]
pub(crate) struct Early {
    came: [Arc<AtomicBool>; ALL.len()],
    /// Whether signals do what they do to any program.
    is_default: Arc<AtomicBool>,
}

impl Early {
    /// Installs handlers.
    pub(crate) fn listen() -> Self {
        let early = Self::default();
        for (signal, came) in ALL.into_iter().zip(&early.came) {
            // Without a handler a signal ends the process, as it does without this program's help.
            let _ = flag::register(signal, Arc::clone(came));
            let _ = flag::register_conditional_default(signal, Arc::clone(&early.is_default));
        }
        early
    }

    /// Lets signals end the process, also those that came already: it is not the service that runs.
    pub(crate) fn end_by_default(&self) {
        self.is_default.store(true, Relaxed);
        for (signal, came) in ALL.into_iter().zip(&self.came) {
            if came.load(Relaxed) {
                let _ = low_level::emulate_default_handler(signal);
            }
        }
    }

    /// Whether the process was told to stop.
    fn stops(&self) -> bool {
        let came = |wanted| {
            let mut all = ALL.into_iter().zip(&self.came);
            all.any(|(signal, came)| signal == wanted && came.load(Relaxed))
        };
        came(SIGINT) || came(SIGTERM)
    }
}

/// SIGINT and SIGTERM. Also for process 1, where they would otherwise do nothing.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    came_early: bool,
}

impl StopSignals {
    /// Listens from now on, and knows what came earlier.
    ///
    /// # Errors
    /// If the system doesn't let us.
    pub(crate) fn listen(early: &Early) -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            came_early: early.stops(),
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        if std::mem::take(&mut self.came_early) {
            return;
        }
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Tells those who have read a file to read it again.
pub(crate) type Reload = watch::Receiver<()>;

/// Opens the logs' files anew at each SIGUSR1, which tools that rotate logs send after they renamed them. At each SIGHUP,
/// too, and whatever else was read from files is read again, as `gunicorn` does.
///
/// # Errors
/// If the system doesn't let us listen.
pub(crate) fn follow_files(logs: Vec<Arc<LogFile>>) -> io::Result<Reload> {
    let mut reopen = signal(SignalKind::user_defined1())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (told, reload) = watch::channel(());
    tokio::spawn(async move {
        loop {
            let is_reload = tokio::select! {
                _ = reopen.recv() => false,
                _ = hang_up.recv() => true,
            };
            for file in &logs {
                file.reopen();
            }
            tracing::info!("the files of the logs were opened anew");
            if is_reload {
                told.send_replace(());
            }
        }
    });
    Ok(reload)
}

/// Waits until it is told.
pub(crate) async fn told(reload: &mut Reload) {
    if reload.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
