//! People in PostgreSQL.
//!
//! Two shared sessions carry the small statements, one the reads and one the writes, so that a read
//! never waits for a commit. Lists, imports and migrations take sessions of their own: a reader that is
//! slow to take its rows would hold up everyone behind it.
//!
//! Nothing connects before it's needed, and a lost connection is replaced by the next call, so the
//! service starts without its database and outlives every restart of it.

mod create;
mod error;
mod list;
mod migrations;
mod row;
mod session;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use tokio_postgres::{Column, Config, Transaction};
use uuid::Uuid;

use self::list::Lists;
use self::row::{person, values};
use self::session::{ADD, DELETE, LOOKUP, MIGRATING, OWN, Session, Shared, UPDATE};
use super::{Batches, ImportStopped, Migrated, People, Store, StoreError, Turns};
use crate::person::{Person, PersonChanges};

const COPY: &str = concat!("copy person (", columns!(), ") from stdin binary");

/// What can be chosen about a [`Postgres`] store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Log every statement, without its values.
    pub echo: bool,
}

/// A `person` table in PostgreSQL.
pub struct Postgres {
    config: Arc<Config>,
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
    /// [`StoreError::Unexpected`] if the address can't be read. Its text doesn't repeat the address,
    /// which may hold a password.
    pub fn open(url: &str, options: Options) -> Result<Self, StoreError> {
        let mut config: Config = url.parse()?;
        limit_silence(&mut config);
        let config = Arc::new(config);
        Ok(Self {
            reads: Shared::new(Arc::clone(&config)),
            writes: Shared::new(Arc::clone(&config)),
            lists: Arc::new(Lists::new(Arc::clone(&config))),
            config,
            options,
        })
    }

    /// Makes the database if the server doesn't have it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the server can't be reached, and others if it refuses.
    pub async fn create_database(&self) -> Result<(), StoreError> {
        Ok(create::create_if_missing(&self.config).await?)
    }

    /// Runs a read; once more on a fresh session if the connection dies under it.
    async fn read<T, F>(&self, work: impl Fn(Arc<Session>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let session = self.reads.session().await?;
        match self.reads.run(&session, work(Arc::clone(&session))).await {
            Err(failure) if failure.connection_died() => {}
            result => return Ok(result?),
        }
        let session = self.reads.session().await?;
        Ok(self.reads.run(&session, work(Arc::clone(&session))).await?)
    }

    /// Runs a write, once: if the connection dies under it, nobody knows whether it was done.
    async fn write<T, F>(&self, work: impl FnOnce(Arc<Session>) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        let session = self.writes.tried_session().await?;
        Ok(self
            .writes
            .run(&session, work(Arc::clone(&session)))
            .await?)
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
        self.echo(session::LIST);
        Lists::start(&self.lists).await
    }

    async fn lookup(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.echo(LOOKUP);
        self.read(|session| async move {
            let statement = &session.statements().await?.lookup;
            let row = session.client.query_opt(statement, &[&uuid]).await?;
            row.as_ref().map(person).transpose()
        })
        .await
    }

    async fn add(&self, person: &Person) -> Result<(), StoreError> {
        self.echo(ADD);
        self.write(|session| async move {
            let statement = &session.statements().await?.add;
            session.client.execute(statement, &values(person)).await?;
            Ok(())
        })
        .await
    }

    async fn update(&self, uuid: Uuid, to: &PersonChanges) -> Result<Option<Person>, StoreError> {
        self.echo(UPDATE);
        self.write(|session| async move {
            let statement = &session.statements().await?.update;
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
            let row = session.client.query_opt(statement, &values).await?;
            row.as_ref().map(person).transpose()
        })
        .await
    }

    async fn delete(&self, uuid: Uuid) -> Result<bool, StoreError> {
        self.echo(DELETE);
        self.write(|session| async move {
            let statement = &session.statements().await?.delete;
            Ok(session.client.execute(statement, &[&uuid]).await? > 0)
        })
        .await
    }

    async fn import(&self, batches: Batches) -> Result<u64, StoreError> {
        let mut session = Session::open(&self.config, OWN).await?;
        let statements = session.statements().await?;
        let types: Vec<_> = statements.list.columns().iter().map(column_type).collect();
        self.echo("begin");
        let transaction = session.client.transaction().await?;
        self.echo(COPY);
        let copied = copy(&transaction, &types, batches).await;
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
        let mut session = Session::open(&self.config, MIGRATING).await?;
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
async fn copy(
    transaction: &Transaction<'_>,
    types: &[Type],
    mut batches: Batches,
) -> Result<u64, StoreError> {
    let sink = transaction.copy_in(COPY).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, types));
    while let Some(batch) = batches.next().await {
        for person in batch.map_err(|ImportStopped| StoreError::Stopped)? {
            writer.as_mut().write(&values(&person)).await?;
        }
    }
    Ok(writer.finish().await?)
}

fn column_type(column: &Column) -> Type {
    column.type_().clone()
}

/// Lets the kernel end connections whose other side went away without a word, unless the address says
/// how that should be done. Without it a call could wait for hours.
fn limit_silence(config: &mut Config) {
    const PROBE: Duration = Duration::from_secs(5);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PROBE);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(2 * PROBE);
    }
    if config.get_keepalives_interval().is_none() {
        config
            .keepalives_idle(2 * PROBE)
            .keepalives_interval(PROBE)
            .keepalives_retries(2);
    }
}
