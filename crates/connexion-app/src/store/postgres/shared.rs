//! A session that carries many small reads at once: tokio-postgres sends each as it comes and matches the answers in
//! order. The price is that a slow statement delays every statement behind it.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_postgres::Error;

use super::error::Failure;
use super::session::{Session, Target, Use};
use crate::store::StoreError;

/// How often a call is done again that lost a race, and how long it waits before; longer each time, so that
/// those who race each other get out of each other's way.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(80),
];

/// One session for small reads, replaced when it's closed.
#[derive(Debug)]
pub(super) struct Shared {
    target: Arc<Target>,
    current: RwLock<Option<Arc<Session>>>,
    /// Held by whoever connects.
    connecting: Mutex<()>,
    /// How many attempts to connect have failed.
    failed: AtomicU64,
}

impl Shared {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self {
            target,
            current: RwLock::default(),
            connecting: Mutex::default(),
            failed: AtomicU64::new(0),
        }
    }

    /// The session, after connecting if there's no open one. Of those who need it only one connects.
    pub(super) async fn session(&self) -> Result<Arc<Session>, StoreError> {
        match self.open_session() {
            Some(session) => Ok(session),
            // In a box: otherwise every call would carry the room that connecting takes.
            None => Box::pin(self.connect()).await,
        }
    }

    async fn connect(&self) -> Result<Arc<Session>, StoreError> {
        let failed = self.failed.load(Ordering::Relaxed);
        let _connecting = self.connecting.lock().await;
        if let Some(session) = self.open_session() {
            return Ok(session);
        }
        // Those who waited share the failure: trying again one after another, each up to the limit, would
        // keep the last one waiting for minutes.
        if self.failed.load(Ordering::Relaxed) != failed {
            return Err(StoreError::Unavailable(
                "the connection failed just now".to_owned(),
            ));
        }
        let opened = Session::open(&self.target, Use::Read)
            .await
            .inspect_err(|_| {
                self.failed.fetch_add(1, Ordering::Relaxed);
            })?;
        let session = Arc::new(opened);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Runs a read; once more on a fresh session if the connection dies under it.
    pub(super) async fn read<T, F>(&self, work: impl Fn(Arc<Session>) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let (mut is_fresh, mut races) = (false, Races::default());
        loop {
            let session = self.session().await?;
            let work = pin!(work(Arc::clone(&session)));
            match self.run(&session, work).await {
                Err(failure) if failure.wants_fresh_session() && !is_fresh => is_fresh = true,
                Err(failure) if races.may_go_on(&failure) => races.step_aside().await,
                result => return result,
            }
        }
    }

    /// Waits for the answer to `work`, sent on `session`. Unless that is an answer about values the session isn't used
    /// again: its statements may be stale (a table made anew), its server demoted, its connection dead. A fresh one
    /// costs little, and one that keeps failing would never mend itself. The work is pinned by the caller, since
    /// what a function takes and awaits is in its own future twice.
    async fn run<T>(
        &self,
        session: &Arc<Session>,
        work: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Result<T, Failure> {
        let answer = session.soon(work).await;
        if answer
            .as_ref()
            .is_err_and(|failure| !failure.leaves_session_fit())
        {
            self.discard(session);
        }
        answer
    }

    /// Takes this session out of use, unless that has been done.
    fn discard(&self, session: &Arc<Session>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, session))
        {
            *current = None;
        }
    }

    fn open_session(&self) -> Option<Arc<Session>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current
            .as_ref()
            .filter(|session| !session.client.is_closed())
            .cloned()
    }
}

/// The races that one call lost. Nothing of it was done then, so it is done again, a few times.
#[derive(Default)]
pub(super) struct Races(usize);

impl Races {
    pub(super) fn may_go_on(&self, failure: &Failure) -> bool {
        failure.is_lost_race() && self.0 < AGAIN.len()
    }

    pub(super) async fn step_aside(&mut self) {
        sleep(AGAIN[self.0]).await;
        self.0 += 1;
    }
}
