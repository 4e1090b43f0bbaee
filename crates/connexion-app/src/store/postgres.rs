//! People in PostgreSQL.
//!
//! Calls by key that come at the same time share a statement, which has a session to itself while it runs. Lists,
//! imports and migrations have sessions of their own, too: a slow reader would delay everything behind it.
//!
//! Nothing connects before it's needed, and a lost connection is replaced by the next call, so the
//! service starts without its database and outlives every restart of it.

mod address;
mod adoption;
mod by_key;
mod change;
mod constrain;
mod create;
mod error;
mod import;
mod keys;
mod lane;
mod limits;
mod list;
mod locked;
mod migrations;
mod row;
mod session;
mod shared;
mod sqlstate;
mod statement;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt};
use prometheus::Histogram;
use tokio_postgres::Row;
use uuid::Uuid;

pub(crate) use self::address::Address;
use self::address::Server;
use self::by_key::{Attempt, ByKey, done, found, was_there};
use self::change::{Change, Once};
use self::list::Lists;
use self::locked::Wanted;
use self::row::person;
use self::session::{Answer, Session, Target, Use};
pub use self::sqlstate::{Meaning, SQLSTATES};
use self::statement::{FORGET, LIST, READ_COLUMNS, RECEIPT};
use super::coalesce::Coalescer;
use super::select::{Dialect, Query};
use super::{Batches, Claim, Migrated, People, Receipt, Store, StoreError, Stored, Turns};
use crate::person::{Person, PersonChanges};
use crate::query::{Filter, Select};
use crate::summary::{Counts, Group, Summary, Tally};

/// How often a change is tried of a person who is added and deleted by others all the while.
const TRIES: usize = 5;

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
    /// How long a statement may take, and a call by key with all that it waits for.
    pub statement_timeout: Duration,
    /// How long a list may take, if there is a limit. Its snapshot keeps vacuum from removing dead rows.
    pub list_timeout: Option<Duration>,
    /// How long storing one import may take; without a limit if there is none.
    pub import: Option<Duration>,
    /// How many calls may wait for locks of other transactions at a time; each has a connection of its own.
    pub lock_waits: usize,
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
            lock_waits: 8,
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
    lookups: Coalescer<Uuid, Option<Person>>,
    adds: Coalescer<Person, Attempt<()>>,
    updates: Coalescer<(Uuid, PersonChanges), Attempt<Option<Person>>>,
    deletes: Coalescer<Uuid, Attempt<bool>>,
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
        let by_key = Arc::new(ByKey::new(reads, Arc::clone(&target), options));
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

    /// Does a call with others, or waits by itself for what others have locked.
    async fn try_or_wait<T, F>(
        &self,
        wanted: Wanted,
        since: Instant,
        call: impl Fn() -> F,
        change: impl Fn() -> Change,
        read: fn(&Answer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<Attempt<T>, StoreError>>,
    {
        loop {
            // What calls wait for already is not tried: each attempt would hold up those who go with it.
            if !self.by_key.is_locked(wanted)
                && let Attempt::Done(answer) = call().await?
            {
                return Ok(answer);
            }
            // In a box: otherwise every call would carry the room that waiting takes.
            let waiting = self.by_key.wait(change(), self.by_key.within(since));
            if let Some(answer) = Box::pin(waiting).await? {
                return read(&answer);
            }
        }
    }

    /// The same for a call that has a statement of its own. To be boxed: the others would carry its room.
    async fn alone_or_wait<T>(
        &self,
        since: Instant,
        change: impl Fn() -> Change,
        read: fn(&Answer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (alone, within) = (change(), self.by_key.within(since));
        let call = || async { self.by_key.alone(&alone, within).await?.read(read) };
        self.try_or_wait(alone.wanted(), since, call, &change, read)
            .await
    }

    async fn add_once(
        &self,
        person: &Person,
        claim: Claim,
        receipt: Receipt,
        since: Instant,
    ) -> Result<Option<Receipt>, StoreError> {
        let change = || Change::AddOnce(Once::new(person.clone(), claim, receipt.clone()));
        if self.alone_or_wait(since, change, was_there).await? {
            return Ok(None);
        }
        let look = async |session: Arc<Session>| receipt_of(&session, &claim).await;
        let receipt = self.by_key.latest(look).await?;
        receipt.map(Some).ok_or_else(forgotten)
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
        self.lookups.call(uuid, Instant::now()).await
    }

    async fn lookup_latest(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.by_key.look_up_latest(uuid).await
    }

    async fn add(
        &self,
        person: &Person,
        once: Option<(Claim, Receipt)>,
    ) -> Result<Option<Receipt>, StoreError> {
        let since = Instant::now();
        let Some((claim, receipt)) = once else {
            let call = || self.adds.call(person.clone(), since);
            let change = || Change::Add(person.clone());
            let wanted = Wanted::New(person.uuid);
            let added = self.try_or_wait(wanted, since, call, change, done);
            return added.await.map(|()| None);
        };
        Box::pin(self.add_once(person, claim, receipt, since)).await
    }

    async fn update(
        &self,
        uuid: Uuid,
        to: &PersonChanges,
        expected: Option<&Person>,
    ) -> Result<Option<Person>, StoreError> {
        let since = Instant::now();
        let change = || Change::Update(uuid, to.clone(), expected.cloned());
        if expected.is_some() {
            return Box::pin(self.alone_or_wait(since, change, found)).await;
        }
        let call = || self.updates.call((uuid, to.clone()), since);
        let wanted = Wanted::update(uuid, to);
        for _ in 0..TRIES {
            match self.try_or_wait(wanted, since, call, change, found).await {
                Ok(None) => {}
                Err(refusal @ StoreError::Refused(_)) => {
                    // A constraint may refuse what the row had before, too.
                    self.by_key.look_up_latest(uuid).await?;
                    return Err(refusal);
                }
                done => return done,
            }
            // The statement changes no row that would break the document afterwards, so that a change which can't be
            // answered with the person is not done. A row that is there and valid was added meanwhile.
            if self.by_key.look_up_latest(uuid).await?.is_none() {
                return Ok(None);
            }
        }
        let text = "others change the same person".to_owned();
        Err(StoreError::Unavailable(text))
    }

    async fn delete(&self, uuid: Uuid, expected: Option<&Person>) -> Result<bool, StoreError> {
        let since = Instant::now();
        let change = || Change::Delete(uuid, expected.cloned());
        if expected.is_some() {
            return Box::pin(self.alone_or_wait(since, change, was_there)).await;
        }
        let call = || self.deletes.call(uuid, since);
        let wanted = Wanted::Row(uuid);
        self.try_or_wait(wanted, since, call, change, was_there)
            .await
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
        let old = now - Claim::LIFE;
        self.by_key
            .write_patiently(&FORGET, &[&old])
            .await
            .map(drop)
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

/// Calls that are done with `all`. One batch is in flight while the next one gathers: with more of them at a time each would
/// be smaller.
fn together<C, A, F>(
    name: &str,
    by_key: &Arc<ByKey>,
    all: fn(Arc<ByKey>, Vec<C>, Instant) -> F,
) -> Coalescer<C, A>
where
    C: Send + 'static,
    A: Send + 'static,
    F: Future<Output = Vec<Result<A, StoreError>>> + Send + 'static,
{
    let by_key = Arc::clone(by_key);
    let patience = by_key.statement_timeout();
    Coalescer::new(name, 1, patience, move |calls, since| {
        all(Arc::clone(&by_key), calls, since)
    })
}
