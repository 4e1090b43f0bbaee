//! People in an SQLite file.
//!
//! SQLite lets one connection write while any number read, so there is one for writing and a few for
//! each kind of reading; lookups have their own because lists may be as slow as their readers. Each call
//! runs to its end on a blocking thread even if its caller goes away: a statement is never half done.

mod error;
mod keys;
mod list;
mod migrations;
mod pool;
mod row;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use rusqlite::{Connection, TransactionBehavior, params};
use tokio::sync::mpsc;
use uuid::Uuid;

use self::pool::Pool;
use self::row::{person, values};
use super::{Batches, ImportStopped, Migrated, People, Store, StoreError, Turns};
use crate::person::{Person, PersonChanges};

const LOOKUP: &str = concat!("select ", columns!(), " from person where uuid = ?1");
const LIST: &str = concat!("select ", columns!(), " from person");
const ADD: &str = concat!(
    "insert into person (",
    columns!(),
    ") values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
);
const UPDATE: &str = concat!(
    "update person set uuid = coalesce(?2, uuid), survived = coalesce(?3, survived), \
     passenger_class = coalesce(?4, passenger_class), name = coalesce(?5, name), \
     sex = coalesce(?6, sex), age = coalesce(?7, age), \
     siblings_or_spouses_aboard = coalesce(?8, siblings_or_spouses_aboard), \
     parents_or_children_aboard = coalesce(?9, parents_or_children_aboard), \
     fare = coalesce(?10, fare) where uuid = ?1 returning ",
    columns!()
);
const DELETE: &str = "delete from person where uuid = ?1";

/// What can be chosen about an [`Sqlite`] store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Log every statement, without its values.
    pub echo: bool,
    /// How many lists may be read at a time.
    pub lists: usize,
    /// How long a call waits for a connection that others use.
    pub wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            echo: false,
            lists: 8,
            wait: Duration::from_secs(10),
        }
    }
}

/// A `person` table in an SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    path: Arc<PathBuf>,
    writer: Pool,
    readers: Pool,
    lists: Pool,
    options: Options,
}

impl Sqlite {
    /// A store in the file at `path`, which is made when first needed.
    pub fn open(path: impl Into<PathBuf>, options: Options) -> Self {
        let path = Arc::new(path.into());
        Self {
            writer: Pool::new(Arc::clone(&path), 1, options.wait),
            readers: Pool::new(Arc::clone(&path), 4, options.wait),
            lists: Pool::new(Arc::clone(&path), options.lists, options.wait),
            path,
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
    async fn list(&self) -> Result<People, StoreError> {
        self.echo(LIST);
        list::start(&self.lists).await
    }

    async fn lookup(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.echo(LOOKUP);
        let work = move |connection: &mut Connection| {
            let mut statement = connection.prepare_cached(LOOKUP)?;
            let mut rows = statement.query([uuid.as_bytes()])?;
            Ok(rows.next()?.map(person).transpose()?)
        };
        self.readers.run(work).await
    }

    async fn add(&self, person: &Person) -> Result<(), StoreError> {
        self.echo(ADD);
        let person = person.clone();
        let work = move |connection: &mut Connection| {
            connection.prepare_cached(ADD)?.execute(values(&person))?;
            Ok(())
        };
        self.writer.run(work).await
    }

    async fn update(&self, uuid: Uuid, to: &PersonChanges) -> Result<Option<Person>, StoreError> {
        self.echo(UPDATE);
        let to = to.clone();
        self.writer
            .run(move |connection| Ok(update(connection, uuid, &to)?))
            .await
    }

    async fn delete(&self, uuid: Uuid) -> Result<bool, StoreError> {
        self.echo(DELETE);
        let work = move |connection: &mut Connection| {
            let deleted = connection
                .prepare_cached(DELETE)?
                .execute([uuid.as_bytes()])?;
            Ok(deleted > 0)
        };
        self.writer.run(work).await
    }

    async fn import(&self, mut batches: Batches) -> Result<u64, StoreError> {
        self.echo("begin immediate");
        self.echo(ADD);
        let (sender, receiver) = mpsc::channel(2);
        let storing = self
            .writer
            .run(move |connection| store_all(connection, receiver));
        let sending = async move {
            while let Some(batch) = batches.next().await {
                let stopped = batch.is_err();
                // A failed send means that storing has ended with an error, which is the one to report.
                if sender.send(Part::from(batch)).await.is_err() || stopped {
                    return;
                }
            }
            let _ = sender.send(Part::End).await;
        };
        let (stored, ()) = tokio::join!(storing, sending);
        self.echo(if stored.is_ok() { "commit" } else { "rollback" });
        stored
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.readers
            .run(|connection| Ok(connection.query_row("select 1", [], |_| Ok(()))?))
            .await
    }

    async fn migrate(&self) -> Result<Migrated, StoreError> {
        self.writer.run(migrations::apply).await
    }

    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        if !self.path.exists() {
            return Ok(migrations::all());
        }
        self.readers
            .run(|connection| Ok(migrations::pending(connection)?))
            .await
    }

    fn turns(&self) -> Turns {
        self.lists.turns()
    }
}

/// A part of an import on its way to the blocking thread. Without an `End` nothing is kept, so it makes
/// no difference how sending ends early.
enum Part {
    People(Vec<Person>),
    Stop,
    End,
}

impl From<Result<Vec<Person>, ImportStopped>> for Part {
    fn from(batch: Result<Vec<Person>, ImportStopped>) -> Self {
        batch.map_or(Self::Stop, Self::People)
    }
}

fn store_all(
    connection: &mut Connection,
    mut parts: mpsc::Receiver<Part>,
) -> Result<u64, StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut count = 0;
    loop {
        match parts.blocking_recv() {
            Some(Part::People(people)) => {
                count += u64::try_from(people.len()).unwrap_or(u64::MAX);
                add_all(&transaction, &people)?;
            }
            Some(Part::End) => break,
            Some(Part::Stop) | None => return Err(StoreError::Stopped),
        }
    }
    transaction.commit()?;
    Ok(count)
}

fn add_all(connection: &Connection, people: &[Person]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(ADD)?;
    people
        .iter()
        .try_for_each(|person| statement.execute(values(person)).map(drop))
}

fn update(
    connection: &Connection,
    uuid: Uuid,
    to: &PersonChanges,
) -> rusqlite::Result<Option<Person>> {
    let mut statement = connection.prepare_cached(UPDATE)?;
    let mut rows = statement.query(params![
        uuid.as_bytes(),
        to.uuid.as_ref().map(Uuid::as_bytes),
        to.survived,
        to.passenger_class,
        to.name,
        to.sex,
        to.age,
        to.siblings_or_spouses_aboard,
        to.parents_or_children_aboard,
        to.fare,
    ])?;
    let updated = rows.next()?.map(person).transpose()?;
    // The commit comes with the end of the rows; without this step its failure would go unnoticed.
    rows.next()?;
    Ok(updated)
}
