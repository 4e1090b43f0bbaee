//! Sessions that carry one statement at a time, so that its limits are its own, and a lock that it waits for delays no
//! other. A [`Lane`] limits how many statements of a kind are in flight.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::types::ToSql;

use super::error::Failure;
use super::limits::Within;
use super::session::{Answer, GRACE, Session, Target, Use};
use super::shared::Races;
use super::statement::Sql;
use crate::store::StoreError;

/// How long an idle session may think about whether it lives.
const TRIAL: Duration = Duration::from_secs(2);

/// A session that was quiet for this long is tried before something is sent that can't be sent twice.
const QUIET: Duration = Duration::from_millis(100);

/// At most so many sessions are kept for later: as many as are in use without locks that are held for long.
const KEPT: usize = 8;

/// A session that is kept for so long without use is closed.
const AGE: Duration = Duration::from_mins(1);

/// So many statements may be left behind unanswered, such as commits that wait for a standby: each keeps a connection of the
/// server, and no more than these are lost until some have ended.
const ABANDONED: usize = 16;

/// After so long a statement that was left behind no longer counts: its server may be gone for good, and another in use.
const FORGOTTEN: Duration = Duration::from_mins(5);

/// How many statements of a kind may be in flight.
#[derive(Clone, Debug)]
pub(super) struct Lane(Arc<Semaphore>);

impl Lane {
    pub(super) fn new(width: usize) -> Self {
        Self(Arc::new(Semaphore::new(width)))
    }

    /// A place in it now, if one is free.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }

    async fn place_within(&self, within: Within) -> Result<OwnedSemaphorePermit, Failure> {
        if let Some(place) = self.place() {
            return Ok(place);
        }
        let place = Arc::clone(&self.0).acquire_owned();
        let place = Box::pin(within.until(place)).await?;
        place.map_err(|_closed| Failure::late())
    }
}

/// Sessions at one server.
#[derive(Debug)]
pub(super) struct Sessions {
    target: Arc<Target>,
    purpose: Use,
    /// Whether a lost race is run again here.
    repeats: bool,
    idle: Mutex<Vec<Arc<Session>>>,
    abandoned: Arc<Semaphore>,
    /// When an attempt to connect last failed. Held by whoever connects.
    connecting: tokio::sync::Mutex<Option<Instant>>,
}

impl Sessions {
    pub(super) fn new(target: Arc<Target>, purpose: Use, repeats: bool) -> Self {
        Self {
            target,
            purpose,
            repeats,
            idle: Mutex::default(),
            abandoned: Arc::new(Semaphore::new(ABANDONED)),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// Runs a statement when there is a place in its lane.
    pub(super) async fn run(
        self: &Arc<Self>,
        lane: &Lane,
        sql: &Sql,
        values: &[&(dyn ToSql + Sync)],
        within: Within,
    ) -> Result<Answer, Failure> {
        let place = lane.place_within(within).await?;
        self.run_at(place, sql, values, within).await
    }

    /// Runs a statement. Of a lost race, or of a statement that must be prepared again, nothing was done, so it is run
    /// again. A read is run once more if the connection dies under it; a write never, since it may have been done.
    pub(super) async fn run_at(
        self: &Arc<Self>,
        place: OwnedSemaphorePermit,
        sql: &Sql,
        values: &[&(dyn ToSql + Sync)],
        within: Within,
    ) -> Result<Answer, Failure> {
        let mut running = Running {
            sessions: self,
            session: None,
            place: Some(place),
        };
        let (mut is_fresh, mut races) = (false, Races::default());
        loop {
            let session = self.session(within).await?;
            let session = running.session.insert(session);
            let answer = session.run(sql, values, within).await;
            running.end(&answer);
            match answer {
                Err(failure) if self.is_cured_by_fresh(&failure) && !is_fresh => is_fresh = true,
                Err(failure) if self.repeats && races.may_go_on(&failure) => {
                    races.step_aside().await;
                }
                answer => return answer,
            }
        }
    }

    fn is_cured_by_fresh(&self, failure: &Failure) -> bool {
        match self.purpose {
            Use::Read => failure.wants_fresh_session(),
            _ => failure.is_stale(),
        }
    }

    /// A session that nobody uses, and that is known to work if what is sent must not be sent twice.
    async fn session(self: &Arc<Self>, within: Within) -> Result<Arc<Session>, Failure> {
        if self.abandoned.available_permits() == 0 {
            let reason = "too many statements were never answered";
            return Err(StoreError::Unavailable(reason.to_owned()).into());
        }
        loop {
            let Some(session) = self.idle().pop() else {
                // In a box: otherwise every call would carry the room that connecting takes.
                Box::pin(within.until(self.connect(within.since))).await??;
                continue;
            };
            if matches!(self.purpose, Use::Read) || session.quiet_for() <= QUIET {
                return Ok(session);
            }
            if Box::pin(within.until(session.is_alive(TRIAL))).await? {
                return Ok(session);
            }
            // The others lead to the same server.
            self.idle().clear();
        }
    }

    /// Adds an idle session, by a task of its own: a call that can't wait any longer must not end an attempt that may
    /// succeed for the next. Calls that waited for an attempt that failed share the failure: one attempt after another,
    /// each up to its limit, would keep the last waiting for minutes.
    async fn connect(self: &Arc<Self>, since: Instant) -> Result<(), Failure> {
        let sessions = Arc::clone(self);
        let connecting = tokio::spawn(async move {
            let mut failed = sessions.connecting.lock().await;
            if !sessions.idle().is_empty() {
                return Ok(());
            }
            if failed.is_some_and(|failed| failed > since) {
                let reason = "the connection failed just now";
                return Err(StoreError::Unavailable(reason.to_owned()));
            }
            let opened = Session::open(&sessions.target, sessions.purpose).await;
            let session = opened.inspect_err(|_| *failed = Some(Instant::now()))?;
            sessions.idle().push(Arc::new(session));
            Ok(())
        });
        let connected = connecting.await;
        let connected =
            connected.unwrap_or_else(|panic| Err(StoreError::Unexpected(panic.to_string())));
        Ok(connected?)
    }

    /// Counts a session whose statement was not answered in time as long as it is open.
    fn abandon(&self, session: Arc<Session>) {
        self.idle().clear();
        if let Ok(counted) = Arc::clone(&self.abandoned).try_acquire_owned() {
            tokio::spawn(async move {
                session.is_alive(FORGOTTEN).await;
                drop(counted);
            });
        }
    }

    fn keep(&self, session: Arc<Session>) {
        let mut idle = self.idle();
        // The first is the one that was not used for longest.
        if idle
            .first()
            .is_some_and(|session| session.quiet_for() > AGE)
        {
            idle.remove(0);
        }
        if idle.len() < KEPT && !session.client.is_closed() {
            idle.push(session);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Arc<Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A statement in flight, and its place. Dropped with its call, it keeps both until the database has ended the statement:
/// clients that go away must not cost more connections than those that stay.
struct Running<'s> {
    sessions: &'s Arc<Sessions>,
    session: Option<Arc<Session>>,
    place: Option<OwnedSemaphorePermit>,
}

impl Running<'_> {
    /// Puts the session back if it is as good as before. If it isn't, the idle ones are no better: their server may have
    /// been demoted, their statements may be stale, their connections dead.
    fn end(&mut self, answer: &Result<Answer, Failure>) {
        let Some(session) = self.session.take() else {
            return;
        };
        match answer {
            Err(Failure::Silence) => self.sessions.abandon(session),
            Err(failure) if !failure.leaves_session_fit() => self.sessions.idle().clear(),
            _ => self.sessions.keep(session),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let (Some(session), Ok(runtime)) = (self.session.take(), Handle::try_current()) else {
            return;
        };
        let (sessions, place) = (Arc::clone(self.sessions), self.place.take());
        runtime.spawn(async move {
            let patience = sessions.target.statement_timeout + GRACE;
            if session.is_alive(patience).await {
                sessions.keep(session);
            } else {
                sessions.abandon(session);
            }
            drop(place);
        });
    }
}
