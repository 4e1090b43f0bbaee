//! Sessions: connections to the database, and when to give one up.
//!
//! A [`Shared`] session carries many statements at once. tokio-postgres sends each as it comes and
//! matches the answers in order, which is several times as fast as a pool that lends a connection to
//! one statement at a time. The price: whoever doesn't take an answer holds up everyone behind, so only
//! small statements belong there, and each is limited in time at both ends.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Connection, Error, Row, RowStream, Socket};

use super::address::Server;
use super::error::{Failure, describe};
use super::statement::{LIST, Sql, Statements, typed};
use super::tls::Stream;
use crate::store::StoreError;
use crate::store::select::Query;

/// How long a session that is only asked whether it lives may think about it.
const TRIAL: Duration = Duration::from_secs(5);
/// How much longer than the database's own limit an answer is waited for, which ends a statement more gently.
const GRACE: Duration = Duration::from_secs(2);
/// A session that was quiet for this long is tried before something is sent that can't be sent twice.
const QUIET: Duration = Duration::from_millis(100);

/// How often a call is done again that lost a race, and how long it waits before; longer each time, so that
/// those who race each other get out of each other's way.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(80),
];

/// What a session is for, which decides how the database limits it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use {
    /// One statement after another: none waits long for a lock, but a slow reader may take all day.
    Own,
    /// The same for lists, whose snapshots keep vacuum from removing dead rows.
    List,
    /// Many at once, where a slow statement holds up the others: a limit on the whole of it.
    Shared,
    /// Migrations, which wait for another process to finish its own.
    Migrating,
}

/// Where to connect to, and how statements are run there.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) server: Server,
    /// Whether statements are prepared; not if sessions share the server's through a pooler, which must not
    /// be told settings either.
    pub(super) prepares: bool,
    pub(super) statement_timeout: Duration,
    /// How long a list may take; 0 in PostgreSQL's settings is no limit.
    pub(super) list_timeout: Option<Duration>,
}

impl Target {
    /// The SQL that begins a session.
    fn settings(&self, purpose: Use) -> String {
        if !self.prepares {
            return String::new();
        }
        let limit = self.statement_timeout.as_millis();
        match purpose {
            Use::Own => format!("set lock_timeout = {limit}"),
            Use::List => {
                // More milliseconds are refused.
                let most = u128::from(i32::MAX.unsigned_abs());
                let list_limit = self.list_timeout.unwrap_or_default().as_millis().min(most);
                format!("set lock_timeout = {limit}; set statement_timeout = {list_limit}")
            }
            // Everything here goes by the key; a small table would be read whole for it instead.
            Use::Shared => format!("set statement_timeout = {limit}; set enable_seqscan = off"),
            Use::Migrating => "set lock_timeout = '60s'".to_owned(),
        }
    }
}

/// One connection, with its statements.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    target: Arc<Target>,
    statements: Statements,
    opened: Instant,
    /// When an answer last came, in milliseconds since `opened`.
    heard: AtomicU64,
}

impl Session {
    /// Connects, with a task of its own that carries what is sent and received.
    pub(super) async fn open(target: &Arc<Target>, purpose: Use) -> Result<Self, StoreError> {
        let (session, wire) = Self::connect(target, purpose).await?;
        tokio::spawn(wire.carry_all());
        Ok(session)
    }

    /// Connects; nothing is sent or received on it but while the caller has the wire carry it.
    pub(super) async fn connect(
        target: &Arc<Target>,
        purpose: Use,
    ) -> Result<(Self, Wire), StoreError> {
        let (client, connection) = target.server.connect().await?;
        let session = Self {
            client,
            target: Arc::clone(target),
            statements: Statements::default(),
            opened: Instant::now(),
            heard: AtomicU64::new(0),
        };
        let mut wire = Wire(Some(Box::new(connection)));
        let settings = target.settings(purpose);
        let set = wire.carry(timeout(TRIAL, session.client.batch_execute(&settings)));
        match set.await {
            Ok(Ok(())) => Ok((session, wire)),
            Ok(Err(error)) => Err(StoreError::Unavailable(describe(&error))),
            Err(_elapsed) => Err(StoreError::Unavailable("no session in time".to_owned())),
        }
    }

    /// Runs a statement that gives one row at most.
    pub(super) async fn row(
        &self,
        sql: &Sql,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        if self.target.prepares {
            let statement = sql.prepared(&self.client, &self.statements).await?;
            self.client.query_opt(statement, values).await
        } else {
            let values = sql.typed(values);
            self.client.query_typed_opt(sql.text, &values).await
        }
    }

    /// Runs a statement that gives a bounded number of rows.
    pub(super) async fn rows(
        &self,
        sql: &Sql,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        if self.target.prepares {
            let statement = sql.prepared(&self.client, &self.statements).await?;
            self.client.query(statement, values).await
        } else {
            let values = sql.typed(values);
            self.client.query_typed(sql.text, &values).await
        }
    }

    /// Runs a statement that gives no rows; how many it changed.
    pub(super) async fn execute(
        &self,
        sql: &Sql,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        if self.target.prepares {
            let statement = sql.prepared(&self.client, &self.statements).await?;
            self.client.execute(statement, values).await
        } else {
            let values = sql.typed(values);
            self.client.execute_typed(sql.text, &values).await
        }
    }

    /// Starts a list: that of everybody, or what a query asks for, which is made up for each request and so sent whole.
    pub(super) async fn list(&self, query: Option<&Query>) -> Result<RowStream, Error> {
        match query {
            Some(query) => {
                let values: Vec<_> = query.values.iter().map(typed).collect();
                self.client.query_typed_raw(&query.text, values).await
            }
            None if self.target.prepares => {
                let statement = LIST.prepared(&self.client, &self.statements).await?;
                self.client.query_raw(statement, [0_i32; 0]).await
            }
            None => {
                let none: [(i32, _); 0] = [];
                self.client.query_typed_raw(LIST.text, none).await
            }
        }
    }

    /// Waits for an answer, but not for ever.
    pub(super) async fn answer<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let answer = timeout(self.target.statement_timeout + GRACE, work)
            .await
            .map_err(|_elapsed| Failure::Silence)?;
        let since_opened = self.opened.elapsed().as_millis();
        self.heard.store(
            u64::try_from(since_opened).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        answer.map_err(Failure::Database)
    }

    fn is_quiet(&self) -> bool {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(heard) > QUIET
    }
}

/// What carries the statements and answers of a session. Dropped, it closes the connection at once, whatever is still
/// under way on it.
pub(super) struct Wire(Option<Box<Connection<Socket, Stream>>>);

impl Wire {
    /// Carries what there is to be sent and received now. Whoever waits for an answer hears of the connection's end
    /// from the session.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) {
        let Some(connection) = &mut self.0 else {
            return;
        };
        if let Poll::Ready(ended) = Pin::new(connection).poll(context) {
            if let Err(error) = ended {
                tracing::debug!("a database connection ended: {}", describe(&error));
            }
            self.0 = None;
        }
    }

    /// Does `work`, and carries meanwhile. A task of its own would have to be woken for each answer, and then wake whoever
    /// waits for it.
    pub(super) async fn carry<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            self.poll(context);
            work.as_mut().poll(context)
        })
        .await
    }

    /// Carries until the session or the connection is closed.
    async fn carry_all(mut self) {
        poll_fn(|context| {
            self.poll(context);
            if self.0.is_some() {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "Wire"
        } else {
            "Wire, cut"
        })
    }
}

/// One session for everybody, replaced when it's closed.
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
        let opened = Session::open(&self.target, Use::Shared)
            .await
            .inspect_err(|_| {
                self.failed.fetch_add(1, Ordering::Relaxed);
            })?;
        let session = Arc::new(opened);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&session));
        Ok(session)
    }

    /// A session that is known to work, for what must not be sent twice. The end of a connection is
    /// noticed only some time after it (never, if the other machine went down), so one that was quiet
    /// is asked first.
    async fn tried_session(&self) -> Result<Arc<Session>, StoreError> {
        let session = self.session().await?;
        if !session.is_quiet() {
            return Ok(session);
        }
        let trial = session.answer(session.client.check_connection());
        if let Ok(Ok(())) = timeout(TRIAL, trial).await {
            return Ok(session);
        }
        self.discard(&session);
        self.session().await
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
                Err(failure) if failure.connection_died() && !is_fresh => is_fresh = true,
                Err(failure) if races.may_go_on(&failure) => races.step_aside().await,
                result => return result,
            }
        }
    }

    /// Runs a write, once: if the connection dies under it, nobody knows whether it was done.
    pub(super) async fn write<T, F>(&self, work: impl Fn(Arc<Session>) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut races = Races::default();
        loop {
            let session = self.tried_session().await?;
            let work = pin!(work(Arc::clone(&session)));
            match self.run(&session, work).await {
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
        let answer = session.answer(work).await;
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
struct Races(usize);

impl Races {
    fn may_go_on(&self, failure: &Failure) -> bool {
        failure.is_lost_race() && self.0 < AGAIN.len()
    }

    async fn step_aside(&mut self) {
        sleep(AGAIN[self.0]).await;
        self.0 += 1;
    }
}
