//! Sessions: connections to the database, and when to give one up.
//!
//! A [`Shared`] session carries many statements at once. tokio-postgres sends each as it comes and
//! matches the answers in order, which is several times as fast as a pool that lends a connection to
//! one statement at a time. The price: whoever doesn't take an answer holds up everyone behind, so only
//! small statements belong there, and each is limited in time at both ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OnceCell};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

use super::error::{Failure, describe};
use crate::store::StoreError;

pub(super) const LOOKUP: &str = concat!("select ", columns!(), " from person where uuid = $1");
pub(super) const LIST: &str = concat!("select ", columns!(), " from person");
pub(super) const ADD: &str = concat!(
    "insert into person (",
    columns!(),
    ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
);
pub(super) const UPDATE: &str = concat!(
    "update person set uuid = coalesce($2, uuid), survived = coalesce($3, survived), \
     passenger_class = coalesce($4, passenger_class), name = coalesce($5, name), \
     sex = coalesce($6, sex), age = coalesce($7, age), \
     siblings_or_spouses_aboard = coalesce($8, siblings_or_spouses_aboard), \
     parents_or_children_aboard = coalesce($9, parents_or_children_aboard), \
     fare = coalesce($10, fare) where uuid = $1 returning ",
    columns!()
);
pub(super) const DELETE: &str = "delete from person where uuid = $1";

/// For sessions of one statement after another: no statement waits longer for a lock.
pub(super) const OWN: &str = "set lock_timeout = '10s'";
/// For [`Shared`] ones, where a slow statement holds up the others, a limit on the whole of it.
pub(super) const SHARED: &str = "set statement_timeout = '10s'";
/// For migrations, which wait for another process to finish its own.
pub(super) const MIGRATING: &str = "set lock_timeout = '60s'";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A little longer than the database's own limit, which ends a statement more gently.
const PATIENCE: Duration = Duration::from_secs(12);
/// A session that was quiet for this long is tried before something is sent that can't be sent twice.
const QUIET: Duration = Duration::from_millis(100);

/// One connection, with its statements.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    statements: OnceCell<Statements>,
    connection: AbortHandle,
    opened: Instant,
    /// When an answer last came, in milliseconds since `opened`.
    heard: AtomicU64,
}

/// Every statement of the service, prepared.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) lookup: Statement,
    pub(super) list: Statement,
    pub(super) add: Statement,
    pub(super) update: Statement,
    pub(super) delete: Statement,
}

impl Session {
    /// Connects; `settings` is SQL that is run first.
    pub(super) async fn open(config: &Config, settings: &str) -> Result<Self, StoreError> {
        match timeout(CONNECT_TIMEOUT, Self::connect(config, settings)).await {
            Ok(connected) => connected.map_err(|e| StoreError::Unavailable(describe(&e))),
            Err(_elapsed) => Err(StoreError::Unavailable("no connection in time".to_owned())),
        }
    }

    async fn connect(config: &Config, settings: &str) -> Result<Self, Error> {
        let (client, connection) = config.connect(NoTls).await?;
        let connection = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a database connection ended: {}", describe(&error));
            }
        });
        client.batch_execute(settings).await?;
        Ok(Self {
            client,
            statements: OnceCell::new(),
            connection: connection.abort_handle(),
            opened: Instant::now(),
            heard: AtomicU64::new(0),
        })
    }

    /// The statements, prepared when first needed: a database that still lacks its tables can be pinged
    /// and migrated.
    pub(super) async fn statements(&self) -> Result<&Statements, Error> {
        self.statements
            .get_or_try_init(async || {
                // The first one looks up the enum type, which the others then know.
                let lookup = self.client.prepare(LOOKUP).await?;
                let (list, add, update, delete) = tokio::try_join!(
                    self.client.prepare(LIST),
                    self.client.prepare(ADD),
                    self.client.prepare(UPDATE),
                    self.client.prepare(DELETE),
                )?;
                Ok(Statements {
                    lookup,
                    list,
                    add,
                    update,
                    delete,
                })
            })
            .await
    }

    /// Waits for an answer, but not for ever.
    pub(super) async fn answer<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let answer = timeout(PATIENCE, work)
            .await
            .map_err(|_elapsed| Failure::Silence)?;
        let since_opened = self.opened.elapsed().as_millis();
        self.heard.store(
            u64::try_from(since_opened).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        answer.map_err(Failure::Database)
    }

    /// Closes the connection at once, whatever is still under way on it. Merely dropped, it would go on
    /// until every row that was asked for had arrived.
    pub(super) fn abort(&self) {
        self.connection.abort();
    }

    fn is_quiet(&self) -> bool {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(heard) > QUIET
    }
}

/// One session for everybody, replaced when it's closed.
#[derive(Debug)]
pub(super) struct Shared {
    config: Arc<Config>,
    current: RwLock<Option<Arc<Session>>>,
    /// Held by whoever connects.
    connecting: Mutex<()>,
    /// How many attempts to connect have failed.
    failed: AtomicU64,
}

impl Shared {
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            current: RwLock::default(),
            connecting: Mutex::default(),
            failed: AtomicU64::new(0),
        }
    }

    /// The session, after connecting if there's no open one. Of those who need it only one connects.
    pub(super) async fn session(&self) -> Result<Arc<Session>, StoreError> {
        if let Some(session) = self.open_session() {
            return Ok(session);
        }
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
        let opened = Session::open(&self.config, SHARED).await.inspect_err(|_| {
            self.failed.fetch_add(1, Ordering::Relaxed);
        })?;
        let session = Arc::new(opened);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
        Ok(session)
    }

    /// A session that is known to work, for what must not be sent twice. The end of a connection is
    /// noticed only some time after it (never, if the other machine went down), so one that was quiet
    /// is asked first.
    pub(super) async fn tried_session(&self) -> Result<Arc<Session>, StoreError> {
        let session = self.session().await?;
        if !session.is_quiet() {
            return Ok(session);
        }
        let trial = session.answer(session.client.check_connection());
        if let Ok(Ok(())) = timeout(CONNECT_TIMEOUT, trial).await {
            return Ok(session);
        }
        self.discard(&session);
        self.session().await
    }

    /// Waits for the answer to `work`, sent on `session`. Unless that is an answer about values the
    /// session isn't used again: its statements may be stale (a table made anew), its server demoted, its
    /// connection dead. A fresh one costs little, and one that keeps failing would never mend itself.
    pub(super) async fn run<T>(
        &self,
        session: &Arc<Session>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let answer = session.answer(work).await;
        if answer
            .as_ref()
            .is_err_and(|failure| !failure.is_about_values())
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
