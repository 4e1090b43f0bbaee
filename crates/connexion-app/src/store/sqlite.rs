//! People in an SQLite file.
//!
//! SQLite lets one connection write while any number read, so there is one for writing and a few for
//! each kind of reading; lookups have their own because lists may be as slow as their readers. Each call
//! runs to its end on a blocking thread even if its caller goes away: a statement is never half done.

mod adoption;
mod backup;
mod constrain;
mod error;
mod import;
mod indexes;
mod keys;
mod list;
mod log;
mod migrations;
mod pool;
mod row;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus::Histogram;
use rusqlite::{
    Connection, OptionalExtension as _, Row, ToSql, Transaction, TransactionBehavior, params,
    params_from_iter,
};
use tokio::time::timeout_at;
use uuid::Uuid;

pub use self::backup::{BackupError, Copied, backup};
use self::list::Lists;
use self::log::Log;
use self::pool::{File, Pool};
use self::row::{members, person, values};
use super::coalesce::Coalescer;
use super::select::{Dialect, Query};
use super::{Batches, Claim, Migrated, People, Receipt, Store, StoreError, Stored, Turns};
use crate::person::{Person, PersonChanges};
use crate::query::{Filter, Select};
use crate::summary::{Counts, Group, Summary, Tally};

const TAKEN: &str = "select 1 from person where uuid = ?1";
const LOOKUP: &str = concat!("select ", columns!(), " from person where uuid = ?1");
const COLUMNS: &str = columns!();
const ADD: &str = concat!(
    "insert into person (",
    columns!(),
    ") values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
);
macro_rules! update {
    () => {
        "update person set uuid = coalesce(?2, uuid), survived = coalesce(?3, survived), \
         passenger_class = coalesce(?4, passenger_class), name = coalesce(?5, name), \
         sex = coalesce(?6, sex), age = coalesce(?7, age), \
         siblings_or_spouses_aboard = coalesce(?8, siblings_or_spouses_aboard), \
         parents_or_children_aboard = coalesce(?9, parents_or_children_aboard), \
         fare = coalesce(?10, fare) where uuid = ?1"
    };
}

const UPDATE: &str = concat!(update!(), " returning ", columns!());
const UPDATE_EXPECTED: &str = concat!(
    update!(),
    " and (survived, passenger_class, name, sex, age, siblings_or_spouses_aboard, \
     parents_or_children_aboard, fare) = (?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) returning ",
    columns!()
);
const DELETE: &str = "delete from person where uuid = ?1";
const DELETE_EXPECTED: &str = "delete from person where uuid = ?1 and (survived, passenger_class, name, \
    sex, age, siblings_or_spouses_aboard, parents_or_children_aboard, fare) = (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
/// Makes a claim: a new one, or one in the place of one that is out of date.
const CLAIM: &str = "insert into idempotency (id, request, answer, created) values (?1, ?2, ?3, ?4) \
    on conflict (id) do update set request = excluded.request, answer = excluded.answer, \
    created = excluded.created where created <= ?5";
const RECEIPT: &str = "select request, answer from idempotency where id = ?1";
const FORGET: &str = "delete from idempotency where created <= ?1";

/// How many batches of lookups are under way at a time: each may wait for the disk, but the more there are the smaller they
/// become, and each takes a thread that has to be woken.
const READERS: usize = 2;

/// What can be chosen about an [`Sqlite`] store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Log every statement, without its values.
    pub echo: bool,
    /// How many lists may be read at a time.
    pub lists: usize,
    /// How long a call waits for a connection that others use.
    pub wait: Duration,
    /// Whether a file that is missing is created.
    pub creates: bool,
    /// How long a list may take, if there is a limit.
    pub list_timeout: Option<Duration>,
    /// How many bytes the write-ahead log may have before lists that hold it up are ended.
    pub log_size: u64,
    /// Whether pages of the log are moved to the file; `false` leaves that to another process, such as Litestream.
    pub checkpoints: bool,
    /// How long storing one import may take, during which nobody else can write; without a limit if there is none.
    pub import: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            echo: false,
            lists: 8,
            wait: Duration::from_secs(10),
            creates: true,
            list_timeout: None,
            log_size: 256 << 20,
            checkpoints: true,
            import: Some(Duration::from_secs(8)),
        }
    }
}

/// A `person` table in an SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    file: Arc<File>,
    writer: Arc<Pool>,
    readers: Arc<Pool>,
    lists: Lists,
    log: Log,
    lookups: Coalescer<Uuid, Option<Person>>,
    adds: Coalescer<Add, Option<Receipt>>,
    updates: Coalescer<Update, Option<Person>>,
    deletes: Coalescer<Delete, bool>,
    options: Options,
}

/// An answer to each call.
type Answers<A> = Vec<Result<A, StoreError>>;
/// The arguments of [`Store::add`].
type Add = (Person, Option<(Claim, Receipt)>);
/// Those of [`Store::update`].
type Update = (Uuid, PersonChanges, Option<Person>);
/// Those of [`Store::delete`].
type Delete = (Uuid, Option<Person>);

impl Sqlite {
    /// A store in the file at `path`, which is opened when first needed.
    pub fn open(path: impl Into<PathBuf>, options: Options) -> Self {
        let pages = if options.checkpoints {
            log::pages(options.log_size)
        } else {
            0
        };
        let file = Arc::new(File::new(path.into(), options.creates, pages));
        let pool = |connections| Pool::new(Arc::clone(&file), connections, options.wait);
        let (writer, readers, lists) = (
            Arc::new(pool(1)),
            Arc::new(pool(READERS)),
            Lists::new(pool(options.lists)),
        );
        Self {
            lookups: together("lookup", &readers, look_up_all),
            adds: together("add", &writer, |file, calls| write_all(file, calls, add)),
            updates: together("update", &writer, |file, calls| {
                write_all(file, calls, update)
            }),
            deletes: together("delete", &writer, |file, calls| {
                write_all(file, calls, delete)
            }),
            log: Log::new(&file, options.log_size, pages, options.wait),
            writer,
            readers,
            lists,
            file,
            options,
        }
    }

    fn echo(&self, statement: &str) {
        if self.options.echo {
            tracing::info!(target: "sql", "{statement}");
        }
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn list(&self, select: &Select) -> Result<People, StoreError> {
        let query = Query::list(Dialect::Sqlite, COLUMNS, select);
        self.echo(&query.text);
        self.lists.start(query).await
    }

    async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        let query = Query::count(Dialect::Sqlite, filter);
        self.echo(&query.text);
        let work = move |connection: &mut Connection| {
            let mut statement = connection.prepare_cached(&query.text)?;
            Ok(statement.query_row(params_from_iter(&query.values), |row| count(row, 0))?)
        };
        self.lists.run(work).await
    }

    async fn summary(&self, filter: &Filter) -> Result<Summary, StoreError> {
        let query = Query::summary(Dialect::Sqlite, filter);
        self.echo(&query.text);
        self.lists
            .run(move |connection| Ok(summary(connection, &query)?))
            .await
    }

    async fn lookup(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.echo(LOOKUP);
        self.lookups.call(uuid, Instant::now()).await
    }

    /// There is one file only, so nothing is newer.
    async fn lookup_latest(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.lookup(uuid).await
    }

    async fn add(
        &self,
        person: &Person,
        once: Option<(Claim, Receipt)>,
    ) -> Result<Option<Receipt>, StoreError> {
        if once.is_some() {
            self.echo(CLAIM);
        }
        self.echo(ADD);
        let added = self.adds.call((person.clone(), once), Instant::now()).await;
        added.map_err(refers_to_nothing)
    }

    async fn update(
        &self,
        uuid: Uuid,
        to: &PersonChanges,
        expected: Option<&Person>,
    ) -> Result<Option<Person>, StoreError> {
        self.echo(update_text(expected));
        let call = (uuid, to.clone(), expected.cloned());
        let updated = self.updates.call(call, Instant::now()).await;
        updated.map_err(|error| match to.uuid {
            Some(_) => error,
            None => refers_to_nothing(error),
        })
    }

    async fn delete(&self, uuid: Uuid, expected: Option<&Person>) -> Result<bool, StoreError> {
        self.echo(delete_text(expected));
        let call = (uuid, expected.cloned());
        self.deletes.call(call, Instant::now()).await
    }

    async fn import(
        &self,
        batches: Batches,
        once: Option<(Claim, Receipt)>,
    ) -> Result<Stored, StoreError> {
        self.echo("begin immediate");
        self.echo(ADD);
        let stored = import::run(&self.writer, self.options.import, batches, once).await;
        let is_stored = matches!(stored, Ok(Stored::Now(_)));
        self.echo(if is_stored { "commit" } else { "rollback" });
        stored.map_err(refers_to_nothing)
    }

    async fn taken(&self, keys: Vec<Uuid>) -> Result<Vec<Uuid>, StoreError> {
        self.echo(TAKEN);
        let look_up = |connection: &mut Connection| import::taken(connection, keys);
        self.lists.run(look_up).await
    }

    async fn forget(&self, now: i64) -> Result<(), StoreError> {
        self.echo(FORGET);
        let work = move |connection: &mut Connection| {
            connection.execute(FORGET, [now - Claim::LIFE])?;
            Ok(())
        };
        self.writer.run(work).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.readers
            .run(|connection| Ok(connection.query_row("select 1", [], |_| Ok(()))?))
            .await
    }

    async fn migrate(&self) -> Result<Migrated, StoreError> {
        self.writer.run(migrations::apply).await
    }

    async fn constrain(&self) -> Result<Vec<String>, StoreError> {
        self.writer.run(constrain::apply).await
    }

    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        if self.file.is_new() {
            return Ok(migrations::all());
        }
        self.readers
            .run(|connection| migrations::pending(connection))
            .await
    }

    async fn maintain(&self) -> Result<(), StoreError> {
        if let Some(age) = self.options.list_timeout {
            let why = "it may take no longer (DATABASE_LIST_TIMEOUT)";
            self.lists.end(age, why);
        }
        self.log.keep_small(&self.writer, &self.lists).await
    }

    /// SQLite moves the log to the file and removes it when the last connection is closed.
    async fn close(&self) -> Result<(), StoreError> {
        self.lists.close().await?;
        self.log.close().await?;
        self.readers.close(self.readers.all_turns().await).await?;
        self.writer.close(self.writer.all_turns().await).await
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

/// SQLite does not say which end of a foreign key was missing. To a person whose key is new or stays nobody refers, so
/// it is the person's own.
fn refers_to_nothing(error: StoreError) -> StoreError {
    match error {
        StoreError::Referenced(text) => StoreError::Refused(text),
        error => error,
    }
}

/// A transaction that may write from its beginning: one that starts by reading can't be made to wait.
fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Makes a claim; if it was made before, what was remembered of it.
fn make(
    connection: &Connection,
    claim: &Claim,
    receipt: &Receipt,
) -> rusqlite::Result<Option<Receipt>> {
    let old = claim.now - Claim::LIFE;
    let values = params![claim.id, receipt.request, receipt.answer, claim.now, old];
    if connection.prepare_cached(CLAIM)?.execute(values)? > 0 {
        return Ok(None);
    }
    let receipt = |row: &Row<'_>| {
        Ok(Receipt {
            request: row.get(0)?,
            answer: row.get(1)?,
        })
    };
    connection
        .query_row(RECEIPT, [claim.id], receipt)
        .optional()
}

fn summary(connection: &Connection, query: &Query) -> rusqlite::Result<Summary> {
    let mut statement = connection.prepare_cached(&query.text)?;
    let mut rows = statement.query(params_from_iter(&query.values))?;
    let mut tally = Tally::default();
    while let Some(row) = rows.next()? {
        if let Some(quarters) = row.get(6)? {
            tally.fare(quarters, row.get(7)?);
        } else if let Ok(group) = group(row) {
            // People with a value that breaks the document are in no group.
            tally.add(group);
        }
    }
    Ok(tally.sum())
}

/// People who are alike, of a summary.
fn group(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group {
        passenger_class: row.get(0)?,
        sex: row.get(1)?,
        band: row.get(2)?,
        fare_band: row.get(3)?,
        counts: Counts {
            count: count(row, 4)?,
            survived: row.get::<_, bool>(5)?.into(),
        },
    })
}

/// A number of people; the database's are signed.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    Ok(number.unsigned_abs())
}

/// Calls that are done on a connection of this pool, as many batches at a time as it has. A call that is not begun in time
/// never is: what was refused must not be stored later.
fn together<C: Send + 'static, A: Clone + Send + 'static>(
    name: &str,
    pool: &Arc<Pool>,
    all: fn(&mut Connection, &[C]) -> Answers<A>,
) -> Coalescer<C, A> {
    let (lanes, patience) = (pool.turns().all, pool.patience());
    let pool = Arc::clone(pool);
    Coalescer::new(name, lanes, patience, move |calls: Vec<C>, since| {
        let (pool, count) = (Arc::clone(&pool), calls.len());
        async move {
            let work = pool.start(move |connection| Ok(all(connection, &calls)));
            let answers = match timeout_at((since + patience).into(), work).await {
                Ok(Ok(running)) => pool::result(running).await,
                Ok(Err(error)) => Err(error),
                Err(_elapsed) => Err(pool::too_many()),
            };
            answers.unwrap_or_else(|error| vec![Err(error); count])
        }
    })
}

fn look_up_all(connection: &mut Connection, uuids: &[Uuid]) -> Answers<Option<Person>> {
    let look_up = |uuid: &Uuid| one(connection, LOOKUP, &[uuid.as_bytes()]);
    uuids.iter().map(look_up).collect()
}

/// The person whom a statement gives, if any.
fn one(
    connection: &Connection,
    statement: &str,
    values: &[&dyn ToSql],
) -> Result<Option<Person>, StoreError> {
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(values)?;
    rows.next()?.map(person).transpose()
}

/// Does all calls in one transaction, which is made durable by one wait for the disk. If that fails, nothing was done, and
/// each has a transaction of its own; unless the file could not be written in time, which would come of each, one after
/// another.
fn write_all<C, A>(
    connection: &mut Connection,
    calls: &[C],
    one: fn(&mut Transaction<'_>, &C) -> Result<A, StoreError>,
) -> Answers<A> {
    if calls.len() > 1 {
        match write(connection, calls, one) {
            Ok(answers) => return answers,
            Err(error @ StoreError::Unavailable(_)) => {
                return calls.iter().map(|_| Err(error.clone())).collect();
            }
            Err(_) => {}
        }
    }
    let alone = |call| write(connection, std::slice::from_ref(call), one)?.remove(0);
    calls.iter().map(alone).collect()
}

/// Does these calls in a transaction. A statement that fails undoes what it did itself, and the others are as good as before;
/// unless the transaction is gone with it, or can't be ended.
fn write<C, A>(
    connection: &mut Connection,
    calls: &[C],
    one: fn(&mut Transaction<'_>, &C) -> Result<A, StoreError>,
) -> Result<Answers<A>, StoreError> {
    let mut transaction = begin(connection)?;
    let mut answers = Vec::with_capacity(calls.len());
    for call in calls {
        let answer = one(&mut transaction, call);
        match answer {
            Err(error) if transaction.is_autocommit() => return Err(error),
            answer => answers.push(answer),
        }
    }
    transaction.commit()?;
    Ok(answers)
}

fn add(
    transaction: &mut Transaction<'_>,
    (person, once): &Add,
) -> Result<Option<Receipt>, StoreError> {
    let Some((claim, receipt)) = once else {
        transaction.prepare_cached(ADD)?.execute(values(person))?;
        return Ok(None);
    };
    // If the person can't be added the claim is not made either.
    let savepoint = transaction.savepoint()?;
    let before = make(&savepoint, claim, receipt)?;
    if before.is_none() {
        savepoint.prepare_cached(ADD)?.execute(values(person))?;
        savepoint.commit()?;
    }
    Ok(before)
}

fn update(
    transaction: &mut Transaction<'_>,
    (uuid, to, expected): &Update,
) -> Result<Option<Person>, StoreError> {
    let new_key = to.uuid.as_ref().map(Uuid::as_bytes);
    let mut all: Vec<&dyn ToSql> = vec![
        uuid.as_bytes(),
        &new_key,
        &to.survived,
        &to.passenger_class,
        &to.name,
        &to.sex,
        &to.age,
        &to.siblings_or_spouses_aboard,
        &to.parents_or_children_aboard,
        &to.fare,
    ];
    all.extend(expected.iter().flat_map(members));
    // If what comes of it breaks the document, it can't be answered with, and is not done.
    let savepoint = transaction.savepoint()?;
    let updated = one(&savepoint, update_text(expected.as_ref()), &all);
    if let Err(StoreError::Refused(_)) = updated {
        // A constraint may refuse what the row had before, too.
        one(&savepoint, LOOKUP, &[uuid.as_bytes()])?;
    } else if updated.is_ok() {
        savepoint.commit()?;
    }
    updated
}

fn update_text(expected: Option<&Person>) -> &'static str {
    if expected.is_some() {
        UPDATE_EXPECTED
    } else {
        UPDATE
    }
}

fn delete(
    transaction: &mut Transaction<'_>,
    (uuid, expected): &Delete,
) -> Result<bool, StoreError> {
    let mut all: Vec<&dyn ToSql> = vec![uuid.as_bytes()];
    all.extend(expected.iter().flat_map(members));
    let mut statement = transaction.prepare_cached(delete_text(expected.as_ref()))?;
    Ok(statement.execute(&*all)? > 0)
}

fn delete_text(expected: Option<&Person>) -> &'static str {
    if expected.is_some() {
        DELETE_EXPECTED
    } else {
        DELETE
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};

    use super::import::RUN;
    use super::*;
    use crate::person::Sex;
    use crate::query::{Key, reversed, total};

    fn someone(uuid: u128) -> Person {
        Person {
            uuid: Uuid::from_u128(uuid),
            survived: false,
            passenger_class: 1,
            name: String::new(),
            sex: Sex::Other,
            age: 1,
            siblings_or_spouses_aboard: 0,
            parents_or_children_aboard: 0,
            fare: 1.0,
        }
    }

    /// A text that SQLite answers.
    async fn ask(store: &Sqlite, question: &'static str) -> String {
        let work = move |file: &mut Connection| Ok(file.query_row(question, [], |row| row.get(0))?);
        store.lists.run(work).await.unwrap()
    }

    #[tokio::test]
    async fn indexes_outlive_an_import_that_does_without() {
        let directory = tempfile::tempdir().unwrap();
        let store = Sqlite::open(directory.path().join("people.sqlite"), Options::default());
        store.migrate().await.unwrap();
        let indexes = "select group_concat(sql) from sqlite_master where tbl_name = 'person' \
            and type = 'index'";
        let before = ask(&store, indexes).await;
        // Stored, stopped by a key that is taken, and stored where there are many.
        for (first, expected) in [(1, true), (1, false), (1_000_000, true)] {
            let rows = 4 * RUN as u128;
            let people = (first..first + rows).rev().map(someone).collect();
            let batches = stream::iter([Ok(people)]).boxed();
            let stored = store.import(batches, None).await;
            assert_eq!(stored.is_ok(), expected, "{stored:?}");
            assert_eq!(ask(&store, indexes).await, before);
            assert_eq!(ask(&store, "pragma integrity_check").await, "ok");
        }
        let count = store.count(&Filter::default()).await.unwrap();
        assert_eq!(count, 8 * RUN as u64);
    }

    /// The steps of a plan, such as `SEARCH person USING INDEX person_fare (fare<?)`.
    fn plan(connection: &Connection, query: &Query) -> Vec<String> {
        let explain = format!("explain query plan {}", query.text);
        let mut statement = connection.prepare(&explain).unwrap();
        let values = params_from_iter(&query.values);
        let steps = statement.query_map(values, |row| row.get(3)).unwrap();
        steps.map(Result::unwrap).collect()
    }

    /// A page must cost the same wherever it is, so neither everybody may be read for it nor sorted.
    #[tokio::test]
    async fn pages_in_the_order_of_an_index_are_read_from_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = Sqlite::open(directory.path().join("people.sqlite"), Options::default());
        store.migrate().await.unwrap();
        for (key, index) in [
            ("uuid", "PRIMARY KEY"),
            ("name", "INDEX person_name"),
            ("-age", "INDEX person_age"),
            ("-fare", "INDEX person_fare"),
        ] {
            let order = total(Key::parse(key));
            for order in [reversed(&order), order] {
                let after = crate::query::Cursor::at(&someone(0), &order, false, 0).values;
                let select = Select {
                    order,
                    after: Some(after),
                    limit: Some(100),
                    ..Select::default()
                };
                let query = Query::list(Dialect::Sqlite, COLUMNS, &select);
                let work = move |connection: &mut Connection| Ok(plan(connection, &query));
                let steps = store.lists.run(work).await.unwrap();
                let expected = format!("SEARCH person USING {index}");
                assert!(
                    steps.len() == 1 && steps[0].starts_with(&expected),
                    "{key}: {steps:?}"
                );
            }
        }
    }

    /// Sorting everybody takes long, and so does going from an index to one person after the other.
    #[tokio::test]
    async fn a_summary_sorts_nobody_and_of_some_reads_the_table() {
        let directory = tempfile::tempdir().unwrap();
        let store = Sqlite::open(directory.path().join("people.sqlite"), Options::default());
        store.migrate().await.unwrap();
        let adults = Filter {
            age: crate::query::Range {
                gte: Some(18),
                ..Default::default()
            },
            ..Filter::default()
        };
        for (filter, unwanted) in [(Filter::default(), "TEMP B-TREE"), (adults, "INDEX")] {
            let query = Query::summary(Dialect::Sqlite, &filter);
            let work = move |connection: &mut Connection| Ok(plan(connection, &query));
            let steps = store.lists.run(work).await.unwrap();
            let is_good = |step: &String| !step.contains(unwanted);
            assert!(steps.iter().all(is_good), "{steps:#?}");
        }
    }
}
