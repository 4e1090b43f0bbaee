//! Calls that come at the same time share statements and transactions, and each must get what it would have got alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use connexion_app::person::{Person, PersonChanges, Sex};
use connexion_app::query::Select;
use connexion_app::store::postgres::{self, Postgres};
use connexion_app::store::{Store, StoreError};
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use prometheus::Histogram;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use uuid::Uuid;

use crate::conformance::{Place, on_both_stores};
use crate::postgres_server::{connect, fresh_database};

on_both_stores! {
    calls_at_once_do_what_each_does_alone
}

/// Other programs may write what this one can't read.
#[tokio::test]
async fn a_row_that_cant_be_read_is_nobody_elses_fault() {
    let database = fresh_database().await;
    let admin = connect(database.url()).await;
    let place = Place::Postgres(database);
    let store = place.migrated().await;
    let (good, bad) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for uuid in [good, bad] {
        let person = someone(uuid, "Somebody".to_owned(), 1);
        store.add(&person, None).await.unwrap();
    }
    for statement in [
        "alter type sexenum add value 'unknown'",
        "update person set sex = 'unknown' where uuid = '00000000-0000-0000-0000-000000000002'",
    ] {
        admin.batch_execute(statement).await.unwrap();
    }
    let keys = [good, bad, good, bad, good];
    let found = join_all(keys.map(|uuid| store.lookup(uuid))).await;
    let to = PersonChanges {
        age: Some(2),
        ..PersonChanges::default()
    };
    let changed = join_all(keys.map(|uuid| store.update(uuid, &to, None))).await;
    for (uuid, answer) in keys
        .into_iter()
        .cycle()
        .zip(found.into_iter().chain(changed))
    {
        match answer {
            Ok(Some(person)) => assert_eq!(person.uuid, good),
            Err(StoreError::Broken(_)) => assert_eq!(uuid, bad),
            other => panic!("{other:?}"),
        }
    }
}

/// How often the whole is done, each time with other calls.
const ROUNDS: usize = 60;
/// Few, so that calls meet.
const KEYS: u128 = 16;
/// Of somebody who is always there and whom no call changes.
const TAKEN: Uuid = Uuid::max();

/// A call about one person.
#[derive(Clone, Debug)]
enum Call {
    Lookup,
    Add(Person),
    Update(PersonChanges),
    Delete,
}

/// What came of a call; somebody who was deleted is only said to have been there.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Person(Option<Person>),
    WasThere(bool),
    Conflict,
    Refused,
    /// The database was unavailable: nothing was done, and nothing will be.
    NotDone,
}

/// A call, and its answer if its caller waited for it.
type Done = (Call, Option<Answer>);

fn someone(uuid: Uuid, name: String, age: i32) -> Person {
    Person {
        uuid,
        survived: age % 2 == 0,
        passenger_class: 1 + age % 3,
        name,
        sex: Sex::Female,
        age,
        siblings_or_spouses_aboard: 0,
        parents_or_children_aboard: 0,
        fare: 7.25,
    }
}

/// Some are too long for the table.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![20 => "[a-c]{1,3}", 1 => "[a-c]{101}"]
}

fn call() -> impl Strategy<Value = (Uuid, Call)> {
    let key = (0..KEYS).prop_map(Uuid::from_u128);
    let changes = (proptest::option::of(name()), proptest::option::of(0..100));
    let update = changes.prop_map(|(name, age)| PersonChanges {
        name,
        age,
        ..PersonChanges::default()
    });
    let take = PersonChanges {
        uuid: Some(TAKEN),
        ..PersonChanges::default()
    };
    let call = prop_oneof![
        2 => Just(Call::Lookup),
        3 => (name(), 0..100).prop_map(|(name, age)| Call::Add(someone(Uuid::nil(), name, age))),
        3 => update.prop_map(Call::Update),
        1 => Just(Call::Update(take)),
        2 => Just(Call::Delete),
    ];
    (key, call).prop_map(|(uuid, call)| match call {
        Call::Add(person) => (uuid, Call::Add(Person { uuid, ..person })),
        call => (uuid, call),
    })
}

/// `None` if nobody knows what became of it.
async fn answer(store: &dyn Store, uuid: Uuid, call: &Call) -> Option<Answer> {
    let answer = match call {
        Call::Lookup => store.lookup(uuid).await.map(Answer::Person),
        Call::Add(person) => store.add(person, None).await.map(|_| Answer::Person(None)),
        Call::Update(to) => store.update(uuid, to, None).await.map(Answer::Person),
        Call::Delete => store.delete(uuid, None).await.map(Answer::WasThere),
    };
    match answer {
        Ok(answer) => Some(answer),
        Err(StoreError::Conflict) => Some(Answer::Conflict),
        Err(StoreError::Refused(_)) => Some(Answer::Refused),
        Err(StoreError::Unavailable(_)) => Some(Answer::NotDone),
        Err(StoreError::Unknown(_)) => None,
        Err(other) => panic!("{other}"),
    }
}

fn is_too_long(name: &str) -> bool {
    name.len() > 100
}

/// What a call does alone, and what is answered.
fn alone(person: Option<&Person>, call: &Call) -> (Option<Person>, Answer) {
    let same = |answer| (person.cloned(), answer);
    match (call, person) {
        (Call::Lookup, _) => same(Answer::Person(person.cloned())),
        (Call::Add(new), _) if is_too_long(&new.name) => same(Answer::Refused),
        (Call::Add(_), Some(_)) => same(Answer::Conflict),
        (Call::Add(new), None) => (Some(new.clone()), Answer::Person(None)),
        (Call::Update(_), None) => same(Answer::Person(None)),
        (Call::Update(to), Some(_)) if to.uuid.is_some() => same(Answer::Conflict),
        (Call::Update(to), Some(_)) if to.name.as_deref().is_some_and(is_too_long) => {
            same(Answer::Refused)
        }
        (Call::Update(to), Some(person)) => {
            let mut person = person.clone();
            person.name = to.name.clone().unwrap_or(person.name);
            person.age = to.age.unwrap_or(person.age);
            (Some(person.clone()), Answer::Person(Some(person)))
        }
        (Call::Delete, _) => (None, Answer::WasThere(person.is_some())),
    }
}

/// Whether the calls, one after another in some order, give these answers and end with this person. One that was given
/// up may have been done or not.
fn explains(before: Option<&Person>, calls: &[Done], after: Option<&Person>) -> bool {
    if before == after && calls.iter().all(|(_, answer)| answer.is_none()) {
        return true;
    }
    (0..calls.len()).any(|next| {
        let mut rest = calls.to_vec();
        let (call, seen) = rest.remove(next);
        if seen == Some(Answer::NotDone) {
            return explains(before, &rest, after);
        }
        let (then, answer) = alone(before, &call);
        // PostgreSQL may make a plan for the values at hand, and then refuses one before it looks for the person.
        let is_refused_for_nobody = before.is_none()
            && matches!(&call, Call::Update(to) if to.name.as_deref().is_some_and(is_too_long));
        let is_right =
            |seen: &Answer| *seen == answer || is_refused_for_nobody && *seen == Answer::Refused;
        seen.as_ref().is_none_or(is_right) && explains(then.as_ref(), &rest, after)
    })
}

async fn people(store: &dyn Store) -> HashMap<Uuid, Person> {
    let people = store.list(&Select::all()).await.unwrap();
    let all: Vec<Person> = people.try_collect().await.unwrap();
    all.into_iter().map(|one| (one.uuid, one)).collect()
}

async fn calls_at_once_do_what_each_does_alone(place: &Place) {
    let store = place.migrated().await;
    let unknown = rounds(&store, async |_| {}).await;
    assert_eq!(unknown, 0, "nothing was in the way");
    let sizes = store.batch_sizes();
    let batches: u64 = sizes.iter().map(Histogram::get_sample_count).sum();
    let calls: f64 = sizes.iter().map(Histogram::get_sample_sum).sum();
    #[expect(clippy::cast_precision_loss, reason = "few batches")]
    let mean = calls / batches as f64;
    assert!(mean > 1.5, "hardly any call met another: {mean}");
}

/// Whoever is not answered may have called or not, but nobody by halves or twice, and what was answered is true.
#[tokio::test]
async fn answers_that_are_lost_leave_nothing_half_done() {
    let database = fresh_database().await;
    let (url, losing) = way_to(database.url()).await;
    let store = Postgres::open(&url, postgres::Options::default()).unwrap();
    store.migrate().await.unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let lose = async |round| {
        losing.store(1 + round % 6, Ordering::Relaxed);
        sleep(Duration::from_millis(5)).await;
        losing.store(0, Ordering::Relaxed);
    };
    let unknown = rounds(&store, lose).await;
    assert!(unknown > 0, "no answer was lost");
}

/// An address that leads to the database of another. When it is told a number, the answer that has this number from then on
/// is lost, and its connection.
pub(crate) async fn way_to(url: &str) -> (String, Arc<AtomicUsize>) {
    let config: Config = url.parse().unwrap();
    let Host::Tcp(host) = &config.get_hosts()[0] else {
        panic!("{url} is no address of TCP")
    };
    let server = format!("{host}:{}", config.get_ports()[0]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url.replacen(&server, &listener.local_addr().unwrap().to_string(), 1);
    let losing = Arc::new(AtomicUsize::new(0));
    let is_losing = Arc::clone(&losing);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut from_client, mut to_client) = client.into_split();
            let server = TcpStream::connect(&server).await.unwrap();
            let (mut from_server, mut to_server) = server.into_split();
            let is_losing = Arc::clone(&is_losing);
            let is_the_one = |number: &AtomicUsize| {
                let less = |number: usize| number.checked_sub(1);
                number.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) == Ok(1)
            };
            let back = async move {
                let mut part = [0; 8192];
                while let Ok(length @ 1..) = from_server.read(&mut part).await
                    && !is_the_one(&is_losing)
                    && to_client.write_all(&part[..length]).await.is_ok()
                {}
            };
            tokio::spawn(async move {
                tokio::select! {
                    _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                    () = back => {}
                }
            });
        }
    });
    (url, losing)
}

/// Makes calls at once, again and again, while something happens; returns how many had no answer though they waited.
/// There may be any order among those of one round, but there must be one.
async fn rounds(store: &Arc<dyn Store>, meanwhile: impl AsyncFn(usize)) -> usize {
    let taken = someone(TAKEN, "Taken".to_owned(), 1);
    store.add(&taken, None).await.unwrap();
    let (mut unknown, mut runner) = (0, TestRunner::deterministic());
    let calls = vec((call(), proptest::bool::weighted(0.1)), 1..64);
    for round in 0..ROUNDS {
        let before = people(store.as_ref()).await;
        let calls = calls.new_tree(&mut runner).unwrap().current();
        let started: Vec<_> = calls
            .into_iter()
            .map(|((uuid, call), is_given_up)| {
                let (store, told) = (Arc::clone(store), call.clone());
                let task = tokio::spawn(async move { answer(store.as_ref(), uuid, &told).await });
                (uuid, call, task, is_given_up)
            })
            .collect();
        tokio::task::yield_now().await;
        meanwhile(round).await;
        let mut done: HashMap<Uuid, Vec<Done>> = HashMap::new();
        for (uuid, call, task, is_given_up) in started {
            if is_given_up {
                task.abort();
            }
            let answer = match task.await {
                Ok(answer) => {
                    unknown += usize::from(matches!(answer, None | Some(Answer::NotDone)));
                    answer
                }
                Err(ended) if ended.is_cancelled() => None,
                Err(panic) => panic!("{panic}"),
            };
            done.entry(uuid).or_default().push((call, answer));
        }
        // What was given up may still be on its way; the writes that come after wait for it.
        while let Err(error) = store.update(TAKEN, &PersonChanges::default(), None).await {
            let is_lost = matches!(error, StoreError::Unavailable(_) | StoreError::Unknown(_));
            assert!(is_lost, "{error}");
        }
        store.delete(Uuid::nil(), Some(&taken)).await.unwrap();
        let after = people(store.as_ref()).await;
        assert_eq!(after.get(&TAKEN), Some(&taken));
        for (uuid, calls) in done {
            let (before, after) = (before.get(&uuid), after.get(&uuid));
            assert!(
                explains(before, &calls, after),
                "{before:#?}\n{calls:#?}\n{after:#?}"
            );
        }
    }
    unknown
}
