//! The store of a command: opened when it is first needed, and closed before the process ends, however the command ends.
//!
//! An SQLite file whose connections are not closed leaves its newest rows in a log beside it, and a copy of the file alone
//! lacks them.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::app;
use crate::config::Settings;
use crate::signals::{Early, StopSignals};
use crate::store::{Store, StoreError};

/// A database that takes a moment to close gets it, even if the time is up.
const LEAST: Duration = Duration::from_secs(1);

/// What a command needs the database for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// To serve: a missing file is created, and the time of a list is limited.
    Serve,
    /// To store something: a missing file is created.
    Change,
    /// A missing file is an error.
    Read,
}

/// The store of a command.
pub(crate) struct Opened<'s> {
    settings: &'s Settings,
    purpose: Purpose,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    store: Option<Arc<dyn Store>>,
    close_by: Option<Instant>,
}

impl<'s> Opened<'s> {
    pub(crate) fn new(settings: &'s Settings, purpose: Purpose) -> Self {
        Self {
            settings,
            purpose,
            state: Mutex::default(),
        }
    }

    /// The store that the settings name.
    ///
    /// # Errors
    /// If the database's address can't be understood, or a missing test database can't be created.
    pub(crate) async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        let store = app::store(self.settings, self.purpose).await?;
        self.lock().store = Some(Arc::clone(&store));
        Ok(store)
    }

    /// Sets when the process must have ended; otherwise closing may take `APP_GRACEFUL_TIMEOUT`.
    pub(crate) fn close_by(&self, deadline: Instant) {
        self.lock().close_by = Some(deadline);
    }

    /// Closes the store, if it was opened. A signal to stop ends the waiting.
    pub(crate) async fn close(self) {
        let State { store, close_by } = std::mem::take(&mut *self.lock());
        let Some(store) = store else {
            return;
        };
        let left = close_by.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.unwrap_or(self.settings.graceful_timeout).max(LEAST);
        let stopped = async {
            match StopSignals::listen(&Early::default()) {
                Ok(mut stop) => stop.next().await,
                Err(_) => pending().await,
            }
        };
        let reason = tokio::select! {
            closed = timeout(limit, store.close()) => match closed {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("its calls did not end within {:.0} s", limit.as_secs_f64()),
            },
            () = stopped => "another signal to stop".to_owned(),
        };
        tracing::warn!("the database was not closed, so an SQLite file needs its log: {reason}");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
