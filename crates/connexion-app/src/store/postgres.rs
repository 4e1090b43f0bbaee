//! People in PostgreSQL.
//!
//! Two shared sessions carry the small statements, one the reads and one the writes, so that a read
//! never waits for a commit. Lists, imports and migrations take sessions of their own: a reader that is
//! slow to take its rows would hold up everyone behind it.
//!
//! Nothing connects before it's needed, and a lost connection is replaced by the next call, so the
//! service starts without its database and outlives every restart of it.

mod address;
mod create;
mod error;
mod keys;
mod list;
mod migrations;
mod row;
mod session;
mod sqlstate;
mod statement;
mod tls;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use tokio::time::sleep;
use tokio_postgres::Transaction;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use uuid::Uuid;

pub(crate) use self::address::Address;
use self::address::Server;
use self::error::Failure;
use self::list::Lists;
use self::row::{person, values};
use self::session::{Session, Shared, Target, Use};
pub use self::sqlstate::{Meaning, SQLSTATES};
use self::statement::{ADD, COLUMNS, DELETE, LIST, LOOKUP, UPDATE};
use super::{Batches, ImportStopped, Migrated, People, Store, StoreError, Turns};
use crate::person::{Person, PersonChanges};

const COPY: &str = concat!("copy person (", columns!(), ") from stdin binary");

/// How often a call is done again that lost a race, and how long it waits before; longer each time, so that
/// those who race each other get out of each other's way.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(5),
    Duration::from_millis(20),
    Duration::from_millis(80),
];

/// What can be chosen about a [`Postgres`] store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Log every statement, without its values.
    pub echo: bool,
    /// Whether statements are prepared; `false` for a pooler in transaction mode.
    pub prepare: bool,
    /// How many lists may be read at a time; each has a connection of its own.
    pub lists: usize,
    /// How long one more list waits for its turn.
    pub wait: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            echo: false,
            prepare: true,
            lists: 8,
            wait: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(10),
        }
    }
}

/// A `person` table in PostgreSQL.
pub struct Postgres {
    target: Arc<Target>,
    reads: Shared,
    writes: Shared,
    lists: Arc<Lists>,
    options: Options,
}

impl Postgres {
    /// A store at a `postgres://` address, in the form libpq reads. Doesn't connect yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unexpected`] if the address can't be read, or the file with authorities that it names.
    /// Its text doesn't repeat the address, which may hold a password.
    pub fn open(url: &str, options: Options) -> Result<Self, StoreError> {
        let target = target(url, options)?;
        Ok(Self {
            reads: Shared::new(Arc::clone(&target)),
            writes: Shared::new(Arc::clone(&target)),
            lists: lists(Arc::clone(&target), options),
            target,
            options,
        })
    }

    /// Reads people from another server, one that follows the first: a read replica.
    ///
    /// # Errors
    ///
    /// As [`Postgres::open`].
    pub fn reading_from(mut self, url: &str) -> Result<Self, StoreError> {
        let target = target(url, self.options)?;
        self.reads = Shared::new(Arc::clone(&target));
        self.lists = lists(target, self.options);
        Ok(self)
    }

    /// Makes the database if the server doesn't have it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the server can't be reached, and others if it refuses.
    pub async fn create_database(&self) -> Result<(), StoreError> {
        create::create_if_missing(&self.target.server).await
    }

    /// Runs a read; once more on a fresh session if the connection dies under it.
    async fn read<T, F>(&self, work: impl Fn(Arc<Session>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let (mut is_fresh, mut races) = (false, Races::default());
        loop {
            let session = self.reads.session().await?;
            match self.reads.run(&session, work(Arc::clone(&session))).await {
                Err(failure) if failure.connection_died() && !is_fresh => is_fresh = true,
                Err(failure) if races.may_go_on(&failure) => races.step_aside().await,
                result => return Ok(result?),
            }
        }
    }

    /// Runs a write, once: if the connection dies under it, nobody knows whether it was done.
    async fn write<T, F>(&self, work: impl Fn(Arc<Session>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let mut races = Races::default();
        loop {
            let session = self.writes.tried_session().await?;
            match self.writes.run(&session, work(Arc::clone(&session))).await {
                Err(failure) if races.may_go_on(&failure) => races.step_aside().await,
                result => return Ok(result?),
            }
        }
    }

    fn echo(&self, statement: &str) {
        if self.options.echo {
            tracing::info!(target: "sql", "{statement}");
        }
    }
}

#[async_trait]
impl Store for Postgres {
    async fn list(&self) -> Result<People, StoreError> {
        self.echo(LIST.text);
        Lists::start(&self.lists).await
    }

    async fn lookup(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.echo(LOOKUP.text);
        self.read(|session| async move {
            let row = session.row(&LOOKUP, &[&uuid]).await?;
            row.as_ref().map(person).transpose()
        })
        .await
    }

    async fn add(&self, person: &Person) -> Result<(), StoreError> {
        self.echo(ADD.text);
        self.write(|session| async move {
            session.execute(&ADD, &values(person)).await?;
            Ok(())
        })
        .await
    }

    async fn update(&self, uuid: Uuid, to: &PersonChanges) -> Result<Option<Person>, StoreError> {
        self.echo(UPDATE.text);
        self.write(|session| async move {
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 10] = [
                &uuid,
                &to.uuid,
                &to.survived,
                &to.passenger_class,
                &to.name,
                &to.sex,
                &to.age,
                &to.siblings_or_spouses_aboard,
                &to.parents_or_children_aboard,
                &to.fare,
            ];
            let row = session.row(&UPDATE, &values).await?;
            row.as_ref().map(person).transpose()
        })
        .await
    }

    async fn delete(&self, uuid: Uuid) -> Result<bool, StoreError> {
        self.echo(DELETE.text);
        self.write(|session| async move { Ok(session.execute(&DELETE, &[&uuid]).await? > 0) })
            .await
    }

    async fn import(&self, batches: Batches) -> Result<u64, StoreError> {
        let mut session = Session::open(&self.target, Use::Own).await?;
        self.echo("begin");
        let transaction = session.client.transaction().await?;
        self.echo(COPY);
        let copied = copy(&transaction, batches).await;
        self.echo(if copied.is_ok() { "commit" } else { "rollback" });
        match copied {
            Ok(count) => {
                transaction.commit().await?;
                Ok(count)
            }
            Err(reason) => {
                // Waited for, so that the keys are free again when the caller hears of it. If it fails
                // the connection is dead, which has the same end.
                let _ = transaction.rollback().await;
                Err(reason)
            }
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.read(|session| async move { session.client.check_connection().await })
            .await
    }

    async fn migrate(&self) -> Result<Migrated, StoreError> {
        let mut session = Session::open(&self.target, Use::Migrating).await?;
        migrations::apply(&mut session.client).await
    }

    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.read(|session| async move { migrations::pending(&session.client).await })
            .await
    }

    fn turns(&self) -> Turns {
        self.lists.turns()
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Sends all batches. Dropped before `finish`, the writer makes the database forget what it got.
async fn copy(transaction: &Transaction<'_>, mut batches: Batches) -> Result<u64, StoreError> {
    let sink = transaction.copy_in(COPY).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &COLUMNS));
    while let Some(batch) = batches.next().await {
        for person in batch.map_err(|ImportStopped| StoreError::Stopped)? {
            writer.as_mut().write(&values(&person)).await?;
        }
    }
    Ok(writer.finish().await?)
}

fn target(url: &str, options: Options) -> Result<Arc<Target>, StoreError> {
    Ok(Arc::new(Target {
        server: Server::new(Address::parse(url)?)?,
        prepares: options.prepare,
        statement_timeout: options.statement_timeout,
    }))
}

fn lists(target: Arc<Target>, options: Options) -> Arc<Lists> {
    Arc::new(Lists::new(target, options.lists, options.wait))
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
