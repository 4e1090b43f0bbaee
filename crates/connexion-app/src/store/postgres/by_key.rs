//! What is done to one person by key: alone, or with others in one statement.
//!
//! A statement for many says what it has done for whom, or does it for all. Everybody else asks again alone, and so does
//! everybody if the database refuses it; so each gets the answer, and the error, that it would have got by itself. If it
//! took too long that is everybody's answer.
//!
//! A write waits for a lock only for a moment, since others wait for it. If the table is locked, all wait. Otherwise each
//! call of the statement is tried alone, and those that are still blocked wait on sessions of their own (`locked.rs`).

use std::collections::{HashMap, HashSet};
use std::iter::repeat_with;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Options;
use super::change::Change;
use super::error::Failure;
use super::lane::{Lane, Sessions};
use super::limits::{BRIEF, Within};
use super::locked::{Locked, Turn, Wanted};
use super::row::{changes_columns, people_columns, person, references};
use super::session::{Answer, Session, Target, Use};
use super::shared::Shared;
use super::statement::{ADD_ALL, DELETE_ALL, LOOKUP, LOOKUP_ALL, PROBE, Sql, UPDATE_ALL};
use crate::person::{Person, PersonChanges};
use crate::store::StoreError;

/// How many statements for one call may be in flight at a time; they share the wait for the disk.
const ALONE: usize = 4;

/// The sessions by key, and what is done to people on them.
#[derive(Debug)]
pub(super) struct ByKey {
    /// Where people are read: one statement at a time, then small reads of other kinds.
    lookups: Arc<Sessions>,
    pub(super) reads: Arc<Shared>,
    /// Small reads of what must be up to date, where people are written.
    latest: Arc<Shared>,
    writes: Arc<Sessions>,
    /// Whether people are read from another server.
    has_replica: bool,
    /// One statement of each kind at a time: with more each would be smaller.
    looking: Lane,
    adding: Lane,
    updating: Lane,
    deleting: Lane,
    alone: Lane,
    locked: Arc<Locked>,
    options: Options,
}

/// What came of a call that waits for a lock only for a moment.
#[derive(Debug)]
pub(super) enum Attempt<T> {
    Done(T),
    /// Another transaction has locked what it wants, and nothing was done.
    Blocked,
}

impl ByKey {
    pub(super) fn new(reads: Arc<Target>, target: Arc<Target>, options: Options) -> Self {
        let has_replica = !Arc::ptr_eq(&reads, &target);
        let latest = Arc::new(Shared::new(Arc::clone(&target)));
        let one = || Lane::new(1);
        Self {
            lookups: Arc::new(Sessions::new(Arc::clone(&reads), Use::Read, !has_replica)),
            reads: if has_replica {
                Arc::new(Shared::new(reads))
            } else {
                Arc::clone(&latest)
            },
            latest,
            writes: Arc::new(Sessions::new(target, Use::Write, true)),
            has_replica,
            looking: one(),
            adding: one(),
            updating: one(),
            deleting: one(),
            alone: Lane::new(ALONE),
            locked: Arc::new(Locked::new(Lane::new(options.lock_waits))),
            options,
        }
    }

    pub(super) async fn look_up_all(
        self: Arc<Self>,
        uuids: Vec<Uuid>,
        since: Instant,
    ) -> Vec<Result<Option<Person>, StoreError>> {
        let answers = self.find_all(&uuids, since).await;
        match answers {
            Ok(people) => uuids
                .iter()
                .map(|uuid| people.get(uuid).cloned().transpose())
                .collect(),
            Err(failure) => {
                let error = StoreError::from(failure);
                uuids.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    async fn find_all(&self, uuids: &[Uuid], since: Instant) -> Result<People, Failure> {
        let within = Within::read(since, self.options.statement_timeout);
        let (sql, value): (_, &(dyn ToSql + Sync)) = match uuids {
            [uuid] => (&LOOKUP, uuid),
            _ => (&LOOKUP_ALL, &uuids),
        };
        self.options.echo(sql.text);
        let mut found = self.lookups.run(&self.looking, sql, &[value], within).await;
        // A replica ends queries that conflict with what it replays (40001); the primary has no such conflicts.
        if self.has_replica && found.as_ref().is_err_and(Failure::is_lost_race) {
            let values = [value];
            let again = self.writes.run(&self.looking, sql, &values, within);
            found = Box::pin(again).await;
        }
        by_key(&found?.rows, 0)
    }

    /// From the database that is written to.
    pub(super) async fn look_up_latest(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.options.echo(LOOKUP.text);
        let look = async |session: Arc<Session>| session.row(&LOOKUP, &[&uuid]).await;
        let row = self.latest(look).await?;
        row.as_ref().map(person).transpose()
    }

    /// A small read of the database that is written to.
    pub(super) async fn latest<T, F>(&self, work: impl Fn(Arc<Session>) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, tokio_postgres::Error>>,
    {
        self.latest.read(work).await
    }

    pub(super) async fn add_all(
        self: Arc<Self>,
        people: Vec<Person>,
        since: Instant,
    ) -> Vec<Result<Attempt<()>, StoreError>> {
        let within = self.within(since);
        let joint = if people.len() == 1 || !self.options.prepare {
            Ok(Vec::new())
        } else {
            let columns = people_columns(&people);
            let values = references(&columns);
            let added = self.write(&self.adding, &ADD_ALL, &values, within).await;
            added.map(|_| people.iter().map(|_| Some(Ok(()))).collect())
        };
        self.each(people, joint, within, Change::Add, done).await
    }

    pub(super) async fn update_all(
        self: Arc<Self>,
        all: Vec<(Uuid, PersonChanges)>,
        since: Instant,
    ) -> Vec<Result<Attempt<Option<Person>>, StoreError>> {
        let within = self.within(since);
        let joint = if all.len() == 1 || !self.options.prepare {
            Ok(Vec::new())
        } else {
            self.update_together(&all, within).await
        };
        let change = |(uuid, to)| Change::Update(uuid, to, None);
        self.each(all, joint, within, change, found).await
    }

    /// The answers of those who are first with their key.
    async fn update_together(
        &self,
        all: &[(Uuid, PersonChanges)],
        within: Within,
    ) -> Result<Joint<Option<Person>>, Failure> {
        let (first, is_first) = firsts(all);
        let columns = changes_columns(&first);
        let values = references(&columns);
        let update = self
            .write(&self.updating, &UPDATE_ALL, &values, within)
            .await?;
        let mut updated = by_key(&update.rows, 9)?;
        let calls = all.iter().zip(is_first);
        // Of those who are not there none was changed, perhaps since it would break the document.
        let answer = |((uuid, _), is_first): (&(Uuid, _), bool)| {
            let updated = updated.remove(uuid).filter(|_| is_first)?;
            Some(updated.map(Some))
        };
        Ok(calls.map(answer).collect())
    }

    pub(super) async fn delete_all(
        self: Arc<Self>,
        uuids: Vec<Uuid>,
        since: Instant,
    ) -> Vec<Result<Attempt<bool>, StoreError>> {
        let within = self.within(since);
        let joint = if uuids.len() == 1 {
            Ok(Vec::new())
        } else {
            let deleted = self
                .write(&self.deleting, &DELETE_ALL, &[&uuids], within)
                .await;
            deleted.and_then(|answer| {
                let mut deleted = keys(&answer.rows)?;
                let answer = |uuid| Some(Ok(deleted.remove(uuid)));
                Ok(uuids.iter().map(answer).collect())
            })
        };
        let change = |uuid| Change::Delete(uuid, None);
        self.each(uuids, joint, within, change, was_there).await
    }

    /// Everybody's answer: the one that a statement for all has given, or else what a call's own statement says.
    async fn each<C, T>(
        &self,
        calls: Vec<C>,
        joint: Result<Joint<T>, Failure>,
        within: Within,
        change: impl Fn(C) -> Change,
        read: fn(&Answer) -> Result<T, StoreError>,
    ) -> Vec<Result<Attempt<T>, StoreError>> {
        let joint = match joint {
            Ok(answers) => answers,
            Err(failure) if failure.is_refusal() => Vec::new(),
            Err(failure) => {
                let error = failure.of_write();
                return calls.iter().map(|_| Err(error.clone())).collect();
            }
        };
        let joint = joint
            .into_iter()
            .chain(repeat_with(|| None))
            .take(calls.len());
        let joint: Vec<_> = joint.collect();
        let left = calls
            .into_iter()
            .zip(&joint)
            .filter_map(|(call, answer)| answer.is_none().then(|| change(call)));
        let left: Vec<_> = left.collect();
        let mut alone = Vec::new();
        if !left.is_empty() {
            // In a box: otherwise those that share a statement would carry its room.
            alone = Box::pin(self.each_alone(left, within)).await;
        }
        let mut alone = alone.into_iter();
        let answer = |answer: Option<Result<T, _>>| match answer {
            Some(answer) => Some(answer.map(Attempt::Done)),
            None => alone.next().map(|attempt| attempt?.read(read)),
        };
        joint.into_iter().filter_map(answer).collect()
    }

    async fn each_alone(
        &self,
        changes: Vec<Change>,
        within: Within,
    ) -> Vec<Result<Attempt<Answer>, StoreError>> {
        if let [change] = &*changes {
            return vec![self.alone(change, within).await];
        }
        // Of many calls for one row the first few find out that it is locked.
        let blocked = Mutex::new(HashSet::new());
        let alone = |change: Change| {
            let blocked = || blocked.lock().unwrap_or_else(PoisonError::into_inner);
            async move {
                let wanted = change.wanted();
                if blocked().contains(&wanted) {
                    return Ok(Attempt::Blocked);
                }
                let attempt = self.alone(&change, within).await;
                if let Ok(Attempt::Blocked) = attempt {
                    blocked().insert(wanted);
                }
                attempt
            }
        };
        let answers = stream::iter(changes).map(alone).buffered(ALONE);
        answers.collect().await
    }

    /// Tries one call by itself.
    pub(super) async fn alone(
        &self,
        change: &Change,
        within: Within,
    ) -> Result<Attempt<Answer>, StoreError> {
        match self
            .write(&self.alone, change.sql(), &change.values(), within)
            .await
        {
            Ok(answer) => Ok(Attempt::Done(answer)),
            Err(failure) if failure.is_blocked() => Ok(Attempt::Blocked),
            Err(failure) => Err(failure.of_write()),
        }
    }

    /// Runs the statement of a write that waits for locks only for a moment, unless the table itself is locked.
    async fn write(
        &self,
        lane: &Lane,
        sql: &Sql,
        values: &[&(dyn ToSql + Sync)],
        within: Within,
    ) -> Result<Answer, Failure> {
        loop {
            self.options.echo(sql.text);
            match self.writes.run(lane, sql, values, within).await {
                Err(failure) if failure.is_blocked() => {
                    if !Box::pin(self.table_was_locked(lane, within)).await? {
                        return Err(failure);
                    }
                }
                answer => return answer,
            }
        }
    }

    /// Waits until nobody has locked the table; whether somebody had.
    async fn table_was_locked(&self, lane: &Lane, within: Within) -> Result<bool, Failure> {
        let begun = Instant::now();
        match self.writes.run(lane, &PROBE, &[], within.patiently()).await {
            Ok(_) => Ok(begun.elapsed() > BRIEF),
            // Nobody waits longer for it.
            Err(failure) if failure.is_blocked() => Err(StoreError::from(failure).into()),
            Err(failure) => Err(failure),
        }
    }

    /// Runs a statement by itself, which waits for locks as long as it may take.
    pub(super) async fn write_patiently(
        &self,
        sql: &Sql,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Answer, StoreError> {
        self.options.echo(sql.text);
        let within = self.within(Instant::now()).patiently();
        let answer = self.writes.run(&self.alone, sql, values, within).await;
        answer.map_err(Failure::of_write)
    }

    /// Whether calls wait for this already.
    pub(super) fn is_locked(&self, wanted: Wanted) -> bool {
        self.locked.has(wanted)
    }

    /// Waits for a lock, and then runs the call by itself. `None` if another call for the same thing got the lock: then
    /// this one may be tried again.
    pub(super) async fn wait(
        self: &Arc<Self>,
        change: Change,
        within: Within,
    ) -> Result<Option<Answer>, StoreError> {
        match self.locked.turn(change.wanted(), within).await? {
            Turn::Free => Ok(None),
            Turn::Now(waiting, place) => {
                // By a task of its own, so that the place is taken as long as the database waits, even if the caller
                // goes away.
                let by_key = Arc::clone(self);
                let waiting = async move {
                    let answer = by_key.wait_alone(place, &change, within).await;
                    if answer.as_ref().map_or_else(Failure::is_answer, |_| true) {
                        waiting.free();
                    }
                    answer.map_err(Failure::of_write)
                };
                let waited = tokio::spawn(waiting).await;
                let lost =
                    |panic: tokio::task::JoinError| StoreError::Unexpected(panic.to_string());
                waited.map_err(lost)?.map(Some)
            }
        }
    }

    async fn wait_alone(
        &self,
        place: OwnedSemaphorePermit,
        change: &Change,
        within: Within,
    ) -> Result<Answer, Failure> {
        let (sql, values, within) = (change.sql(), change.values(), within.patiently());
        self.options.echo(sql.text);
        self.writes.run_at(place, sql, &values, within).await
    }

    pub(super) fn statement_timeout(&self) -> Duration {
        self.options.statement_timeout
    }

    /// The time of a write that arrived at this time.
    pub(super) fn within(&self, since: Instant) -> Within {
        Within::write(since, self.options.statement_timeout)
    }
}

impl Attempt<Answer> {
    /// What the answer means.
    pub(super) fn read<T>(
        self,
        read: fn(&Answer) -> Result<T, StoreError>,
    ) -> Result<Attempt<T>, StoreError> {
        match self {
            Self::Done(answer) => read(&answer).map(Attempt::Done),
            Self::Blocked => Ok(Attempt::Blocked),
        }
    }
}

/// The answers of a statement for many; `None` for those it has not answered.
type Joint<T> = Vec<Option<Result<T, StoreError>>>;

/// People by key. A row that can't be read is an error of its own only.
type People = HashMap<Uuid, Result<Person, StoreError>>;

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

/// The people of these rows, by the key in that column.
fn by_key(rows: &[Row], column: usize) -> Result<People, Failure> {
    let people = rows
        .iter()
        .map(|row| Ok((row.try_get(column)?, person(row))));
    people.collect::<Result<_, _>>().map_err(Failure::Database)
}

#[expect(clippy::unnecessary_wraps, reason = "others of its kind can fail")]
pub(super) fn done(_: &Answer) -> Result<(), StoreError> {
    Ok(())
}

/// The person in the first row, if there is one.
pub(super) fn found(answer: &Answer) -> Result<Option<Person>, StoreError> {
    answer.rows.first().map(person).transpose()
}

#[expect(clippy::unnecessary_wraps, reason = "others of its kind can fail")]
pub(super) fn was_there(answer: &Answer) -> Result<bool, StoreError> {
    Ok(answer.count > 0)
}
