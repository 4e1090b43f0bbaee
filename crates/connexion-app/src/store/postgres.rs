//! People in PostgreSQL.
//!
//! Two shared sessions carry the small statements, one the reads and one the writes, so that a read
//! never waits for a commit; calls by key that come at the same time share a statement. Lists, imports and migrations take sessions of their own: a reader that is
//! slow to take its rows would hold up everyone behind it.
//!
//! Nothing connects before it's needed, and a lost connection is replaced by the next call, so the
//! service starts without its database and outlives every restart of it.

mod address;
mod adoption;
mod by_key;
mod constrain;
mod create;
mod error;
mod import;
mod keys;
mod list;
mod migrations;
mod row;
mod session;
mod sqlstate;
mod statement;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt};
use prometheus::Histogram;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

pub(crate) use self::address::Address;
use self::address::Server;
use self::by_key::ByKey;
use self::list::Lists;
use self::row::{person, values};
use self::session::{Session, Shared, Target, Use};
pub use self::sqlstate::{Meaning, SQLSTATES};
use self::statement::{ADD_ONCE, FORGET, LIST, READ_COLUMNS, RECEIPT};
use super::coalesce::Coalescer;
use super::select::{Dialect, Query};
use super::{Batches, Claim, Migrated, People, Receipt, Store, StoreError, Stored, Turns};
use crate::person::{Person, PersonChanges};
use crate::query::{Filter, Select};
use crate::summary::{Counts, Group, Summary, Tally};

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
    /// How long a list may take, if there is a limit. Its snapshot keeps vacuum from removing dead rows.
    pub list_timeout: Option<Duration>,
    /// How long storing one import may take; without a limit if there is none.
    pub import: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            echo: false,
            prepare: true,
            lists: 8,
            wait: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(10),
            list_timeout: None,
            import: Some(Duration::from_mins(5)),
        }
    }
}

impl Options {
    fn echo(&self, statement: &str) {
        if self.echo {
            tracing::info!(target: "sql", "{statement}");
        }
    }
}

/// A `person` table in PostgreSQL.
pub struct Postgres {
    target: Arc<Target>,
    by_key: Arc<ByKey>,
    lookups: Coalescer<Uuid, Result<Option<Person>, StoreError>>,
    adds: Coalescer<Person, Result<(), StoreError>>,
    updates: Coalescer<(Uuid, PersonChanges), Result<Option<Person>, StoreError>>,
    deletes: Coalescer<Uuid, Result<bool, StoreError>>,
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
        Ok(Self::new(Arc::clone(&target), target, options))
    }

    /// Reads people from another server, one that follows the first: a read replica.
    ///
    /// # Errors
    ///
    /// As [`Postgres::open`].
    pub fn reading_from(self, url: &str) -> Result<Self, StoreError> {
        let from = target(url, self.options)?;
        Ok(Self::new(from, self.target, self.options))
    }

    fn new(reads: Arc<Target>, target: Arc<Target>, options: Options) -> Self {
        let lists = Lists::new(Arc::clone(&reads), options.lists, options.wait);
        let by_key = Arc::new(ByKey {
            reads: Shared::new(reads),
            writes: Shared::new(Arc::clone(&target)),
            options,
        });
        Self {
            lookups: together("lookup", &by_key, ByKey::look_up_all),
            adds: together("add", &by_key, ByKey::add_all),
            updates: together("update", &by_key, ByKey::update_all),
            deletes: together("delete", &by_key, ByKey::delete_all),
            target,
            by_key,
            lists: Arc::new(lists),
            options,
        }
    }

    /// Makes the database if the server doesn't have it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] if the server can't be reached, and others if it refuses.
    pub async fn create_database(&self) -> Result<(), StoreError> {
        create::create_if_missing(&self.target.server).await
    }
}

#[async_trait]
impl Store for Postgres {
    async fn list(&self, select: &Select) -> Result<People, StoreError> {
        let query =
            (!select.is_all()).then(|| Query::list(Dialect::Postgres, READ_COLUMNS, select));
        self.options
            .echo(query.as_ref().map_or(LIST.text, |query| &query.text));
        let rows = Lists::start(&self.lists, query.as_ref()).await?;
        Ok(rows.map(|row| person(&row?)).boxed())
    }

    async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        let query = Query::count(Dialect::Postgres, filter);
        self.options.echo(&query.text);
        let mut rows = Lists::start(&self.lists, Some(&query)).await?;
        let row = rows.try_next().await?;
        row.map_or(Ok(0), |row| count(&row, 0))
    }

    async fn summary(&self, filter: &Filter) -> Result<Summary, StoreError> {
        let query = Query::summary(Dialect::Postgres, filter);
        self.options.echo(&query.text);
        let mut rows = Lists::start(&self.lists, Some(&query)).await?;
        let mut tally = Tally::default();
        while let Some(row) = rows.try_next().await? {
            if let Some(quarters) = row.try_get(6)? {
                tally.fare(quarters, row.try_get(7)?);
            } else if let Ok(group) = group(&row) {
                // People with a value that breaks the document are in no group.
                tally.add(group);
            }
        }
        Ok(tally.sum())
    }

    async fn lookup(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        connected(&self.by_key.reads, &self.lookups, uuid).await
    }

    async fn lookup_latest(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.by_key.look_up_latest(uuid).await
    }

    async fn add(
        &self,
        person: &Person,
        once: Option<(Claim, Receipt)>,
    ) -> Result<Option<Receipt>, StoreError> {
        let Some((claim, receipt)) = once else {
            let added = connected(&self.by_key.writes, &self.adds, person.clone());
            return added.await.map(|()| None);
        };
        self.options.echo(ADD_ONCE.text);
        let (id, request, old) = (&claim.id[..], &receipt.request[..], claim.now - Claim::LIFE);
        let claimed: [&(dyn ToSql + Sync); 5] = [&id, &request, &receipt.answer, &claim.now, &old];
        let all: Vec<_> = values(person).into_iter().chain(claimed).collect();
        let add = async |session: Arc<Session>| session.execute(&ADD_ONCE, &all).await;
        if self.by_key.writes.write(add).await? > 0 {
            return Ok(None);
        }
        let look = async |session: Arc<Session>| receipt_of(&session, &claim).await;
        let receipt = self.by_key.writes.write(look).await?;
        receipt.map(Some).ok_or_else(forgotten)
    }

    async fn update(
        &self,
        uuid: Uuid,
        to: &PersonChanges,
        expected: Option<&Person>,
    ) -> Result<Option<Person>, StoreError> {
        match expected {
            None => connected(&self.by_key.writes, &self.updates, (uuid, to.clone())).await,
            expected => self.by_key.update(uuid, to, expected).await,
        }
    }

    async fn delete(&self, uuid: Uuid, expected: Option<&Person>) -> Result<bool, StoreError> {
        match expected {
            None => connected(&self.by_key.writes, &self.deletes, uuid).await,
            expected => self.by_key.delete(uuid, expected).await,
        }
    }

    async fn import(
        &self,
        batches: Batches,
        once: Option<(Claim, Receipt)>,
    ) -> Result<Stored, StoreError> {
        import::run(&self.target, self.options, batches, once).await
    }

    async fn taken(&self, keys: Vec<Uuid>) -> Result<Vec<Uuid>, StoreError> {
        import::taken(&self.target, self.options, keys).await
    }

    async fn forget(&self, now: i64) -> Result<(), StoreError> {
        self.options.echo(FORGET.text);
        let old = now - Claim::LIFE;
        let forget = async |session: Arc<Session>| session.execute(&FORGET, &[&old]).await;
        Ok(self.by_key.writes.write(forget).await.map(drop)?)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let check = async |session: Arc<Session>| session.client.check_connection().await;
        Ok(self.by_key.reads.read(check).await?)
    }

    async fn migrate(&self) -> Result<Migrated, StoreError> {
        let mut session = Session::open(&self.target, Use::Migrating).await?;
        migrations::apply(&mut session.client).await
    }

    async fn constrain(&self) -> Result<Vec<String>, StoreError> {
        let mut session = Session::open(&self.target, Use::Migrating).await?;
        constrain::apply(&mut session.client).await
    }

    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let pending = async |session: Arc<Session>| migrations::pending(&session.client).await;
        Ok(self.by_key.reads.read(pending).await?)
    }

    /// The server limits its sessions itself.
    async fn maintain(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The server has everything that was acknowledged.
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn turns(&self) -> Turns {
        self.lists.turns()
    }

    fn batch_sizes(&self) -> Vec<Histogram> {
        vec![
            self.lookups.sizes(),
            self.adds.sizes(),
            self.updates.sizes(),
            self.deletes.sizes(),
        ]
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

async fn receipt_of(
    session: &Session,
    claim: &Claim,
) -> Result<Option<Receipt>, tokio_postgres::Error> {
    let Some(row) = session.row(&RECEIPT, &[&&claim.id[..]]).await? else {
        return Ok(None);
    };
    // The column's check says how long it is.
    let request: &[u8] = row.try_get(0)?;
    let request = request.try_into().unwrap_or_default();
    let answer = row.try_get(1)?;
    Ok(Some(Receipt { request, answer }))
}

/// A claim could not be made, and yet nobody has made it: it was forgotten in between.
fn forgotten() -> StoreError {
    StoreError::Unavailable("a claim was forgotten just now".to_owned())
}

/// People who are alike, of a summary.
fn group(row: &Row) -> Result<Group, StoreError> {
    Ok(Group {
        passenger_class: row.try_get(0)?,
        sex: row.try_get(1)?,
        band: row.try_get(2)?,
        fare_band: row.try_get(3)?,
        counts: Counts {
            count: count(row, 4)?,
            survived: count(row, 5)?,
        },
    })
}

/// A number of people; the database's are signed.
fn count(row: &Row, column: usize) -> Result<u64, StoreError> {
    let number: i64 = row.try_get(column)?;
    Ok(number.unsigned_abs())
}

fn target(url: &str, options: Options) -> Result<Arc<Target>, StoreError> {
    Ok(Arc::new(Target {
        server: Server::new(Address::parse(url)?)?,
        prepares: options.prepare,
        statement_timeout: options.statement_timeout,
        list_timeout: options.list_timeout,
    }))
}

/// Calls that are done with `all`. One batch is under way while the next one gathers: with more of them at a time each would
/// be smaller.
fn together<C, A, F>(
    name: &str,
    by_key: &Arc<ByKey>,
    all: fn(Arc<ByKey>, Vec<C>) -> F,
) -> Coalescer<C, A>
where
    C: Send + 'static,
    A: Send + 'static,
    F: Future<Output = Vec<A>> + Send + 'static,
{
    let by_key = Arc::clone(by_key);
    Coalescer::new(name, 1, move |calls| all(Arc::clone(&by_key), calls))
}

/// Does a call with others. Everybody waits for a connection together; each batch would wait for it once more.
async fn connected<C: Send + 'static, A: Send + 'static>(
    sessions: &Shared,
    calls: &Coalescer<C, Result<A, StoreError>>,
    call: C,
) -> Result<A, StoreError> {
    sessions.session().await?;
    calls.call(call).await?
}
