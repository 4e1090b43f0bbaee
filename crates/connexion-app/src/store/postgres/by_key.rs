//! What is done to one person by key: alone, or with others in one statement.
//!
//! A statement for many says what it has done for whom, or does it for all. Everybody else asks again alone, and so does
//! everybody if it fails; so each gets the answer, and the error, that it would have got by itself.

use std::collections::{HashMap, HashSet};
use std::iter::repeat_with;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Options;
use super::error::Failure;
use super::row::{changes, changes_columns, members, people_columns, person, references, values};
use super::session::{Session, Shared};
use super::statement::{
    ADD, ADD_ALL, DELETE, DELETE_ALL, DELETE_EXPECTED, LOOKUP, LOOKUP_ALL, UPDATE, UPDATE_ALL,
    UPDATE_EXPECTED,
};
use crate::person::{Person, PersonChanges};
use crate::store::StoreError;

/// How often a change is tried of a person who is added and deleted by others all the while.
const TRIES: usize = 5;

/// The two shared sessions, and what is done to people on them.
#[derive(Debug)]
pub(super) struct ByKey {
    pub(super) reads: Shared,
    pub(super) writes: Shared,
    pub(super) options: Options,
}

impl ByKey {
    pub(super) async fn look_up_all(
        self: Arc<Self>,
        uuids: Vec<Uuid>,
    ) -> Vec<Result<Option<Person>, StoreError>> {
        let alone = |uuid| self.look_up(uuid);
        if uuids.len() == 1 {
            return each(uuids, Ok(Vec::new()), alone).await;
        }
        self.options.echo(LOOKUP_ALL.text);
        let read = self.reads.read(|session| {
            let uuids = &uuids;
            async move { session.rows(&LOOKUP_ALL, &[uuids]).await }
        });
        let answers = read.await.and_then(|rows| {
            let people = by_key(&rows, 0)?;
            let found = |uuid| Some(people.get(uuid).cloned().transpose());
            Ok(uuids.iter().map(found).collect())
        });
        each(uuids, answers, alone).await
    }

    async fn look_up(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.options.echo(LOOKUP.text);
        let look = async |session: Arc<Session>| session.row(&LOOKUP, &[&uuid]).await;
        found(self.reads.read(look).await)
    }

    /// From the database that is written to.
    pub(super) async fn look_up_latest(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.options.echo(LOOKUP.text);
        let look = async |session: Arc<Session>| session.row(&LOOKUP, &[&uuid]).await;
        found(self.writes.write(look).await)
    }

    pub(super) async fn add_all(
        self: Arc<Self>,
        people: Vec<Person>,
    ) -> Vec<Result<(), StoreError>> {
        let alone = |person| self.add(person);
        if people.len() == 1 || !self.options.prepare {
            return each(people, Ok(Vec::new()), alone).await;
        }
        self.options.echo(ADD_ALL.text);
        let columns = people_columns(&people);
        let values = references(&columns);
        let add = async |session: Arc<Session>| session.execute(&ADD_ALL, &values).await;
        let added = self.writes.write(add).await;
        let answers = added.map(|_| people.iter().map(|_| Some(Ok(()))).collect());
        drop(columns);
        each(people, answers, alone).await
    }

    async fn add(&self, person: Person) -> Result<(), StoreError> {
        self.options.echo(ADD.text);
        let add = async |session: Arc<Session>| session.execute(&ADD, &values(&person)).await;
        Ok(self.writes.write(add).await.map(drop)?)
    }

    pub(super) async fn update_all(
        self: Arc<Self>,
        all: Vec<(Uuid, PersonChanges)>,
    ) -> Vec<Result<Option<Person>, StoreError>> {
        let this = &self;
        let alone = |(uuid, to)| async move { this.update_any(uuid, &to).await };
        if all.len() == 1 || !self.options.prepare {
            return each(all, Ok(Vec::new()), alone).await;
        }
        self.options.echo(UPDATE_ALL.text);
        let (first, is_first) = firsts(&all);
        let columns = changes_columns(&first);
        let values = references(&columns);
        let update = async |session: Arc<Session>| session.rows(&UPDATE_ALL, &values).await;
        let answers = self.writes.write(update).await.and_then(|rows| {
            let mut updated = by_key(&rows, 9)?;
            let calls = all.iter().zip(is_first);
            // Of those who are not there none was changed, perhaps since it would break the document.
            let answer = |((uuid, _), is_first): (&(Uuid, _), bool)| {
                let updated = updated.remove(uuid).filter(|_| is_first)?;
                Some(updated.map(Some))
            };
            Ok(calls.map(answer).collect())
        });
        drop(columns);
        each(all, answers, alone).await
    }

    /// Changes a person whatever it is like. The statement changes no row that would break the document afterwards, so
    /// that a change which can't be answered with the person is not done. Whether there is such a row is looked up; one
    /// that is there and valid was added meanwhile.
    async fn update_any(
        &self,
        uuid: Uuid,
        to: &PersonChanges,
    ) -> Result<Option<Person>, StoreError> {
        for _ in 0..TRIES {
            match self.update(uuid, to, None).await {
                Ok(None) => {}
                Err(refusal @ StoreError::Refused(_)) => {
                    // A constraint may refuse what the row had before, too.
                    self.look_up_latest(uuid).await?;
                    return Err(refusal);
                }
                done => return done,
            }
            if self.look_up_latest(uuid).await?.is_none() {
                return Ok(None);
            }
        }
        let text = "others change the same person".to_owned();
        Err(StoreError::Unavailable(text))
    }

    pub(super) async fn update(
        &self,
        uuid: Uuid,
        to: &PersonChanges,
        expected: Option<&Person>,
    ) -> Result<Option<Person>, StoreError> {
        let mut values = changes(&uuid, to);
        values.extend(expected.into_iter().flat_map(members));
        let update = if expected.is_some() {
            &UPDATE_EXPECTED
        } else {
            &UPDATE
        };
        self.options.echo(update.text);
        found(
            self.writes
                .write(async |session: Arc<Session>| session.row(update, &values).await)
                .await,
        )
    }

    pub(super) async fn delete_all(
        self: Arc<Self>,
        uuids: Vec<Uuid>,
    ) -> Vec<Result<bool, StoreError>> {
        let alone = |uuid| self.delete(uuid, None);
        if uuids.len() == 1 {
            return each(uuids, Ok(Vec::new()), alone).await;
        }
        self.options.echo(DELETE_ALL.text);
        let delete = async |session: Arc<Session>| session.rows(&DELETE_ALL, &[&uuids]).await;
        let answers = self.writes.write(delete).await.and_then(|rows| {
            let mut deleted = keys(&rows)?;
            Ok(uuids
                .iter()
                .map(|uuid| Some(Ok(deleted.remove(uuid))))
                .collect())
        });
        each(uuids, answers, alone).await
    }

    pub(super) async fn delete(
        &self,
        uuid: Uuid,
        expected: Option<&Person>,
    ) -> Result<bool, StoreError> {
        let mut values: Vec<&(dyn ToSql + Sync)> = vec![&uuid];
        values.extend(expected.into_iter().flat_map(members));
        let delete = if expected.is_some() {
            &DELETE_EXPECTED
        } else {
            &DELETE
        };
        self.options.echo(delete.text);
        let delete = async |session: Arc<Session>| session.execute(delete, &values).await;
        Ok(self.writes.write(delete).await? > 0)
    }
}

/// Everybody's answer: the one that a statement for all has given, or else what a call's own statement says. If the database
/// refuses the statement for all it has done nothing, and everybody asks alone. If it doesn't answer, nobody knows what it
/// has done, so nothing may be tried again.
async fn each<C, A, F>(
    calls: Vec<C>,
    answers: Result<Vec<Option<Result<A, StoreError>>>, Failure>,
    alone: impl Fn(C) -> F,
) -> Vec<Result<A, StoreError>>
where
    F: Future<Output = Result<A, StoreError>>,
{
    let answers = match answers {
        Ok(answers) => answers,
        Err(failure) if failure.is_refusal() => Vec::new(),
        Err(failure) => {
            let error = StoreError::from(failure);
            return calls.iter().map(|_| Err(error.clone())).collect();
        }
    };
    let answers: Vec<_> = answers
        .into_iter()
        .chain(repeat_with(|| None))
        .take(calls.len())
        .collect();
    let unanswered = calls
        .into_iter()
        .zip(&answers)
        .filter_map(|(call, answer)| answer.is_none().then(|| alone(call)));
    let mut asked = join_all(unanswered).await.into_iter();
    let answer = |answer: Option<_>| answer.or_else(|| asked.next());
    answers.into_iter().filter_map(answer).collect()
}

/// The first change of each key, and for each whether it is one: what a statement does with the same key twice is
/// anybody's guess.
fn firsts(all: &[(Uuid, PersonChanges)]) -> (Vec<&(Uuid, PersonChanges)>, Vec<bool>) {
    let mut seen = HashSet::new();
    let is_first: Vec<_> = all.iter().map(|(uuid, _)| seen.insert(uuid)).collect();
    let first = all.iter().zip(&is_first).filter(|(_, is_first)| **is_first);
    (first.map(|(change, _)| change).collect(), is_first)
}

/// The keys in the first column.
fn keys(rows: &[Row]) -> Result<HashSet<Uuid>, Failure> {
    let keys = rows.iter().map(|row| row.try_get(0));
    keys.collect::<Result<_, _>>().map_err(Failure::Database)
}

/// The people of these rows, by the key in that column. A row that can't be read is a fault of its own only.
fn by_key(
    rows: &[Row],
    column: usize,
) -> Result<HashMap<Uuid, Result<Person, StoreError>>, Failure> {
    let people = rows
        .iter()
        .map(|row| Ok((row.try_get(column)?, person(row))));
    people.collect::<Result<_, _>>().map_err(Failure::Database)
}

/// The person in a row, if there is one.
fn found(row: Result<Option<Row>, Failure>) -> Result<Option<Person>, StoreError> {
    row?.as_ref().map(person).transpose()
}
