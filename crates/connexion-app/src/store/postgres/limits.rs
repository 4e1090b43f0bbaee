//! How long a call may take: one deadline from its arrival, whatever it waits for and however often it is tried.
//!
//! The database itself ends a statement in time (`statement_timeout`, `lock_timeout`), because only then a failed call
//! is known to have stored nothing, now and later. A call whose time is over before its statement is sent is never sent.

use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::error::Failure;

/// How long a statement that others wait for may wait for a lock. The transactions of this service hold theirs for the
/// time of a commit, which is shorter.
pub(super) const BRIEF: Duration = Duration::from_millis(50);

/// A statement may begin so much later than its call and still have the whole time, and has at least twice as much. So
/// a session's settings need not change for each statement.
const SLACK: Duration = Duration::from_millis(250);

/// What the database limits a statement to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Limits {
    pub(super) statement: Duration,
    /// For each lock; `None` for reads.
    pub(super) lock: Option<Duration>,
}

impl Limits {
    /// The statements that set them, with `set` or `set local`.
    pub(super) fn sql(self, set: &str) -> String {
        let statement = self.statement.as_millis();
        match self.lock.map(|lock| lock.as_millis()) {
            Some(lock) => {
                format!("{set} statement_timeout = {statement}; {set} lock_timeout = {lock}")
            }
            None => format!("{set} statement_timeout = {statement}"),
        }
    }
}

/// How long a statement may wait for a lock.
#[derive(Clone, Copy, Debug)]
enum Wait {
    /// It takes none that others hold for long.
    Any,
    /// For a moment.
    Brief,
    /// Until the deadline.
    Long,
}

/// The time that a call has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Within {
    pub(super) since: Instant,
    time: Duration,
    wait: Wait,
}

impl Within {
    /// The time of a read that arrived at this time.
    pub(super) fn read(since: Instant, time: Duration) -> Self {
        let wait = Wait::Any;
        Self { since, time, wait }
    }

    /// The time of a write, whose statement waits for a lock only for a moment.
    pub(super) fn write(since: Instant, time: Duration) -> Self {
        let wait = Wait::Brief;
        Self { since, time, wait }
    }

    /// The same call, whose statement may wait for a lock until the deadline.
    pub(super) fn patiently(self) -> Self {
        let wait = Wait::Long;
        Self { wait, ..self }
    }

    /// The limits of a statement that is sent now.
    ///
    /// # Errors
    /// If it is too late to send one.
    pub(super) fn limits(&self) -> Result<Limits, Failure> {
        let left = self.time.checked_sub(self.since.elapsed());
        let left = left.ok_or_else(Failure::late)?;
        let statement = if left + SLACK < self.time {
            left.max(2 * SLACK)
        } else {
            self.time
        };
        let lock = match self.wait {
            Wait::Any => None,
            Wait::Brief => Some(BRIEF),
            Wait::Long => Some(statement),
        };
        Ok(Limits { statement, lock })
    }

    /// Waits for something before a statement is sent, until the deadline.
    ///
    /// # Errors
    /// If it does not come in time.
    pub(super) async fn until<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let deadline = self.since + self.time;
        let done = timeout_at(deadline.into(), work).await;
        done.map_err(|_elapsed| Failure::late())
    }
}
