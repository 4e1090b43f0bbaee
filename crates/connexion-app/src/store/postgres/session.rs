//! Sessions: connections to the database, and when to give one up.
//!
//! A session may carry many small reads at once (`shared.rs`). Statements that must end at a certain time, above all
//! writes, have one to themselves while they run (`lane.rs`).

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use futures_util::future::{FutureExt as _, join, join3};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Connection, Error, Row, RowStream, Socket, Statement};

use super::address::Server;
use super::error::{Failure, describe};
use super::limits::{BRIEF, Limits, Within};
use super::statement::{LIST, Sql, Statements, typed};
use super::tls::Stream;
use crate::store::StoreError;
use crate::store::select::Query;

/// How long a session that is only asked whether it lives may think about it.
const TRIAL: Duration = Duration::from_secs(5);
/// How much longer than the database's own limit the client waits: the database ends a statement more gently, and then
/// it is known that nothing was done.
pub(super) const GRACE: Duration = Duration::from_millis(1500);

/// What a session is for, which decides how the database limits it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use {
    /// One statement after another: none waits long for a lock, but a slow reader may take all day.
    Own,
    /// The same for lists, whose snapshots keep vacuum from removing dead rows.
    List,
    /// Small reads, many at once or one at a time: a limit on the whole of each.
    Read,
    /// Writes, one at a time: short waits for locks, since others wait for the session.
    Write,
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
            Use::Read => format!("set statement_timeout = {limit}; set enable_seqscan = off"),
            Use::Write => format!(
                "set statement_timeout = {limit}; set lock_timeout = {}; set enable_seqscan = off",
                BRIEF.as_millis()
            ),
            Use::Migrating => "set lock_timeout = '60s'".to_owned(),
        }
    }
}

/// What a statement came to.
pub(super) struct Answer {
    pub(super) rows: Vec<Row>,
    /// How many rows it changed or returned.
    pub(super) count: u64,
}

/// One connection, with its statements.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    target: Arc<Target>,
    statements: Statements,
    /// What the database limits its statements to.
    limits: Mutex<Limits>,
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
            limits: Mutex::new(Limits {
                statement: target.statement_timeout,
                lock: matches!(purpose, Use::Write).then_some(BRIEF),
            }),
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

    /// Runs a statement that has this session to itself, within its limits, and waits for the response.
    pub(super) async fn run(
        &self,
        sql: &Sql,
        values: &[&(dyn ToSql + Sync)],
        within: Within,
    ) -> Result<Answer, Failure> {
        let limits = within.limits()?;
        let Some(statement) = sql.if_prepared(&self.statements) else {
            // In a box: otherwise every statement would carry the room that this takes.
            return Box::pin(self.run_first(sql, values, within)).await;
        };
        if *self.limits() != limits {
            return Box::pin(self.run_limited(statement, values, limits)).await;
        }
        let rows = pin!(rows(
            self.client.query_raw(statement, values.iter().copied())
        ));
        self.answer(limits.statement + GRACE, rows).await
    }

    /// Prepares a statement and runs it, or sends it whole. To prepare it takes locks, too, and may be slow: that is taken
    /// from the statement's time.
    async fn run_first(
        &self,
        sql: &Sql,
        values: &[&(dyn ToSql + Sync)],
        within: Within,
    ) -> Result<Answer, Failure> {
        let limits = within.limits()?;
        let patience = limits.statement + GRACE;
        if !self.target.prepares {
            return self
                .answer(patience, pin!(self.run_whole(sql, values, limits)))
                .await;
        }
        let prepare = pin!(async {
            self.set(limits).await?;
            sql.prepared(&self.client, &self.statements).await
        });
        let statement = self.answer(patience, prepare).await?;
        self.run_limited(statement, values, within.limits()?).await
    }

    /// Sets the session's limits and runs a statement. They are sent together, so this costs no round trip.
    async fn run_limited(
        &self,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
        limits: Limits,
    ) -> Result<Answer, Failure> {
        let rows = rows(self.client.query_raw(statement, values.iter().copied()));
        let both = pin!(join(self.set(limits), rows).map(|(set, rows)| set.and(rows)));
        self.answer(limits.statement + GRACE, both).await
    }

    /// Sends a statement whole. A pooler must not be told settings that outlive the transaction, so this one has them
    /// in a transaction of its own, sent together with it.
    async fn run_whole(
        &self,
        sql: &Sql,
        values: &[&(dyn ToSql + Sync)],
        limits: Limits,
    ) -> Result<Answer, Error> {
        let rows = rows(self.client.query_typed_raw(sql.text, sql.typed(values)));
        if limits.lock.is_none() {
            return rows.await;
        }
        let transaction = format!("begin; {}", limits.sql("set local"));
        let opening = self.client.batch_execute(&transaction);
        let (begun, rows, ended) = join3(opening, rows, self.client.batch_execute("commit")).await;
        let rows = begun.and(rows)?;
        ended.map(|()| rows)
    }

    async fn set(&self, limits: Limits) -> Result<(), Error> {
        if *self.limits() == limits {
            return Ok(());
        }
        // Noted before it is sent: a call that is dropped while it waits has sent it.
        *self.limits() = limits;
        self.client.batch_execute(&limits.sql("set")).await
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server answers.
    pub(super) async fn is_alive(&self, patience: Duration) -> bool {
        let check = pin!(self.client.check_connection());
        self.answer(patience, check).await.is_ok()
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

    /// Waits for the response to a small statement, but not for ever.
    pub(super) async fn soon<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let patience = self.target.statement_timeout + GRACE;
        self.answer(patience, pin!(work)).await
    }

    /// Waits for the response to `work`, which the caller has pinned: what a function takes and awaits is in its own future
    /// twice.
    async fn answer<T>(
        &self,
        patience: Duration,
        work: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Result<T, Failure> {
        let answer = timeout(patience, work)
            .await
            .map_err(|_elapsed| Failure::Silence)?;
        let since_opened = self.opened.elapsed().as_millis();
        self.heard.store(
            u64::try_from(since_opened).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        answer.map_err(Failure::Database)
    }

    /// How long nothing was heard. The end of a connection is noticed only some time after it (never, if the other machine
    /// went down), so a session that was quiet is asked before it carries what must not be sent twice.
    pub(super) fn quiet_for(&self) -> Duration {
        let heard = Duration::from_millis(self.heard.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(heard)
    }
}

/// All rows of a statement that was sent.
async fn rows(sent: impl Future<Output = Result<RowStream, Error>>) -> Result<Answer, Error> {
    let mut rows = pin!(sent.await?);
    let all = rows.as_mut().try_collect().await?;
    Ok(Answer {
        rows: all,
        count: rows.rows_affected().unwrap_or(0),
    })
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
