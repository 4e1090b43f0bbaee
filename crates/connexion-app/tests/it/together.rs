//! Calls that come at the same time share statements and transactions, and each must get what it would have got alone.

use std::collections::HashMap;

use connexion_app::person::{Person, PersonChanges, Sex};
use connexion_app::query::Select;
use connexion_app::store::{Store, StoreError};
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use prometheus::Histogram;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
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
            Err(StoreError::Unexpected(_)) => assert_eq!(uuid, bad),
            other => panic!("{other:?}"),
        }
    }
}

/// How often the whole is done, each time with other calls.
const ROUNDS: usize = 30;
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
    prop_oneof![6 => "[a-c]{1,3}", 1 => "[a-c]{101}"]
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

async fn answer(store: &dyn Store, uuid: Uuid, call: &Call) -> Answer {
    let answer = match call {
        Call::Lookup => store.lookup(uuid).await.map(Answer::Person),
        Call::Add(person) => store.add(person, None).await.map(|_| Answer::Person(None)),
        Call::Update(to) => store.update(uuid, to, None).await.map(Answer::Person),
        Call::Delete => store.delete(uuid, None).await.map(Answer::WasThere),
    };
    answer.unwrap_or_else(|error| match error {
        StoreError::Conflict => Answer::Conflict,
        StoreError::Refused(_) => Answer::Refused,
        other => panic!("{other}"),
    })
}

/// What a call does alone, and what is answered.
fn alone(person: Option<&Person>, call: &Call) -> (Option<Person>, Answer) {
    let same = |answer| (person.cloned(), answer);
    let is_too_long = |name: &str| name.len() > 100;
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
        let (then, answer) = alone(before, &call);
        seen.is_none_or(|seen| seen == answer) && explains(then.as_ref(), &rest, after)
    })
}

async fn people(store: &dyn Store) -> HashMap<Uuid, Person> {
    let people = store.list(&Select::all()).await.unwrap();
    let all: Vec<Person> = people.try_collect().await.unwrap();
    all.into_iter().map(|one| (one.uuid, one)).collect()
}

/// There may be any order among calls that come at once, but there must be one.
async fn calls_at_once_do_what_each_does_alone(place: &Place) {
    let store = place.migrated().await;
    let taken = someone(TAKEN, "Taken".to_owned(), 1);
    store.add(&taken, None).await.unwrap();
    let mut runner = TestRunner::deterministic();
    let rounds = vec((call(), proptest::bool::weighted(0.1)), 1..64);
    for _ in 0..ROUNDS {
        let before = people(store.as_ref()).await;
        let calls = rounds.new_tree(&mut runner).unwrap().current();
        let started: Vec<_> = calls
            .into_iter()
            .map(|((uuid, call), is_given_up)| {
                let (store, told) = (store.clone(), call.clone());
                let task = tokio::spawn(async move { answer(store.as_ref(), uuid, &told).await });
                (uuid, call, task, is_given_up)
            })
            .collect();
        tokio::task::yield_now().await;
        let mut done: HashMap<Uuid, Vec<Done>> = HashMap::new();
        for (uuid, call, task, is_given_up) in started {
            if is_given_up {
                task.abort();
            }
            let answer = match task.await {
                Ok(answer) => Some(answer),
                Err(ended) if ended.is_cancelled() => None,
                Err(panic) => panic!("{panic}"),
            };
            done.entry(uuid).or_default().push((call, answer));
        }
        // What was given up may still be on its way; the writes that come after wait for it.
        store
            .update(TAKEN, &PersonChanges::default(), None)
            .await
            .unwrap();
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
    let sizes = store.batch_sizes();
    let batches: u64 = sizes.iter().map(Histogram::get_sample_count).sum();
    let calls: f64 = sizes.iter().map(Histogram::get_sample_sum).sum();
    #[expect(clippy::cast_precision_loss, reason = "few batches")]
    let mean = calls / batches as f64;
    assert!(mean > 1.5, "hardly any call met another: {mean}");
}
