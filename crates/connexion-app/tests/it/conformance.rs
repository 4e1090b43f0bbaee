//! What both stores must do alike: every case runs on each of them.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use connexion_app::person::{Person, PersonChanges, Sex};
use connexion_app::query::Select;
use connexion_app::store::postgres::Postgres;
use connexion_app::store::sqlite::Sqlite;
use connexion_app::store::{Batches, ImportStopped, Store, StoreError, Stored, postgres, sqlite};
use futures_util::{FutureExt, StreamExt, TryStreamExt, future, stream};
use serde_json::{from_value, json, to_value};
use tempfile::TempDir;
use uuid::Uuid;

use crate::postgres_server::Database;

/// An empty database of either kind, on which several stores can be opened.
pub(crate) enum Place {
    Postgres(Database),
    Sqlite(TempDir),
}

impl Place {
    pub(crate) fn open(&self) -> Arc<dyn Store> {
        self.open_for_imports(Some(Duration::from_mins(1)))
    }

    /// A store in which storing an import may take so long.
    fn open_for_imports(&self, import: Option<Duration>) -> Arc<dyn Store> {
        match self {
            Self::Postgres(database) => {
                let options = postgres::Options {
                    import,
                    ..postgres::Options::default()
                };
                Arc::new(Postgres::open(database.url(), options).unwrap())
            }
            Self::Sqlite(directory) => {
                let options = sqlite::Options {
                    import,
                    ..sqlite::Options::default()
                };
                Arc::new(Sqlite::open(
                    directory.path().join("people.sqlite"),
                    options,
                ))
            }
        }
    }

    pub(crate) async fn migrated(&self) -> Arc<dyn Store> {
        let store = self.open();
        store.migrate().await.unwrap();
        store
    }
}

/// Makes a test of each case for each store.
macro_rules! on_both_stores {
    ($($case:ident)*) => {
        mod on_postgres {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&crate::conformance::Place::Postgres(crate::postgres_server::fresh_database().await)).await;
                }
            )*
        }

        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&crate::conformance::Place::Sqlite(tempfile::tempdir().unwrap())).await;
                }
            )*
        }
    };
}
pub(crate) use on_both_stores;

on_both_stores! {
    a_person_is_stored_listed_found_and_deleted
    nobody_is_no_error
    a_taken_key_is_a_conflict_and_changes_nothing
    each_member_can_be_changed_alone
    no_changes_change_nothing
    a_key_can_be_changed
    a_key_cant_be_changed_to_another_persons
    names_come_back_as_they_were
    a_name_over_100_characters_is_refused
    a_nul_character_is_refused
    extreme_integers_come_back
    floats_come_back_bit_for_bit
    an_import_stores_every_batch
    an_import_of_nothing_stores_nothing
    an_import_that_is_stopped_stores_nothing
    an_import_with_a_duplicate_in_a_batch_stores_nothing
    an_import_with_a_duplicate_in_another_batch_stores_nothing
    an_import_with_a_key_that_is_taken_stores_nothing
    an_import_with_a_value_that_is_refused_stores_nothing
    an_import_that_is_dropped_stores_nothing
    an_import_that_takes_too_long_stores_nothing
    keys_that_people_have_are_found
    a_long_list_comes_whole
    lists_dropped_midway_do_no_harm
    a_list_that_nobody_reads_holds_up_nobody
    of_concurrent_adds_with_one_key_one_wins
    concurrent_calls_do_not_disturb_each_other
    a_dropped_call_does_no_harm
    people_outlive_the_store
    without_migrations_the_store_is_unavailable
    pending_migrations_are_only_reported
    a_second_migration_finds_nothing_to_do
    of_concurrent_migrations_one_creates_the_table
}

fn someone() -> Person {
    Person {
        uuid: Uuid::new_v4(),
        survived: true,
        passenger_class: 3,
        name: "Miss. Laina Heikkinen".to_owned(),
        sex: Sex::Female,
        age: 26,
        siblings_or_spouses_aboard: 1,
        parents_or_children_aboard: 2,
        fare: 7.925,
    }
}

fn named(name: impl Into<String>) -> Person {
    Person {
        name: name.into(),
        ..someone()
    }
}

fn batches<const N: usize>(batches: [Result<Vec<Person>, ImportStopped>; N]) -> Batches {
    stream::iter(batches).boxed()
}

async fn everybody(store: &dyn Store) -> Vec<Person> {
    let mut people: Vec<_> = store
        .list(&Select::all())
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    people.sort_by_key(|person| person.uuid);
    people
}

async fn a_person_is_stored_listed_found_and_deleted(place: &Place) {
    let store = place.migrated().await;
    let people = [
        someone(),
        Person {
            sex: Sex::Male,
            survived: false,
            ..someone()
        },
        Person {
            sex: Sex::Other,
            ..someone()
        },
    ];
    for person in &people {
        store.add(person, None).await.unwrap();
        assert_eq!(
            store.lookup(person.uuid).await.unwrap().as_ref(),
            Some(person)
        );
    }
    assert_eq!(everybody(&*store).await.len(), 3);
    assert!(store.delete(people[0].uuid, None).await.unwrap());
    assert!(!store.delete(people[0].uuid, None).await.unwrap());
    assert_eq!(store.lookup(people[0].uuid).await.unwrap(), None);
    let mut rest = people[1..].to_vec();
    rest.sort_by_key(|person| person.uuid);
    assert_eq!(everybody(&*store).await, rest);
    store.ping().await.unwrap();
}

async fn nobody_is_no_error(place: &Place) {
    let store = place.migrated().await;
    assert_eq!(everybody(&*store).await, []);
    assert_eq!(store.lookup(Uuid::nil()).await.unwrap(), None);
    let changes = PersonChanges {
        age: Some(1),
        uuid: Some(Uuid::max()),
        ..PersonChanges::default()
    };
    assert_eq!(
        store.update(Uuid::nil(), &changes, None).await.unwrap(),
        None
    );
    assert!(!store.delete(Uuid::nil(), None).await.unwrap());
    assert_eq!(everybody(&*store).await, []);
}

async fn a_taken_key_is_a_conflict_and_changes_nothing(place: &Place) {
    let store = place.migrated().await;
    let first = someone();
    store.add(&first, None).await.unwrap();
    let second = Person {
        uuid: first.uuid,
        ..named("somebody else")
    };
    for _ in 0..3 {
        let refused = store.add(&second, None).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    }
    assert_eq!(everybody(&*store).await, [first]);
}

async fn each_member_can_be_changed_alone(place: &Place) {
    let store = place.migrated().await;
    let mut person = someone();
    store.add(&person, None).await.unwrap();
    for (member, value) in [
        ("survived", json!(false)),
        ("passengerClass", json!(1)),
        ("name", json!("")),
        ("sex", json!("other")),
        ("age", json!(0)),
        ("siblingsOrSpousesAboard", json!(-5)),
        ("parentsOrChildrenAboard", json!(6)),
        ("fare", json!(0.0)),
    ] {
        let changes: PersonChanges = from_value(json!({ member: value })).unwrap();
        let mut document = to_value(&person).unwrap();
        document[member] = value;
        person = from_value(document).unwrap();
        let updated = store.update(person.uuid, &changes, None).await.unwrap();
        assert_eq!(updated.as_ref(), Some(&person));
        assert_eq!(everybody(&*store).await, slice::from_ref(&person));
    }
}

async fn no_changes_change_nothing(place: &Place) {
    let store = place.migrated().await;
    let person = someone();
    store.add(&person, None).await.unwrap();
    let updated = store
        .update(person.uuid, &PersonChanges::default(), None)
        .await
        .unwrap();
    assert_eq!(updated.as_ref(), Some(&person));
    assert_eq!(everybody(&*store).await, [person]);
}

async fn a_key_can_be_changed(place: &Place) {
    let store = place.migrated().await;
    let person = someone();
    store.add(&person, None).await.unwrap();
    for key in [person.uuid, Uuid::new_v4()] {
        let changes = PersonChanges {
            uuid: Some(key),
            ..PersonChanges::default()
        };
        let moved = Person {
            uuid: key,
            ..person.clone()
        };
        assert_eq!(
            store
                .update(person.uuid, &changes, None)
                .await
                .unwrap()
                .as_ref(),
            Some(&moved)
        );
        assert_eq!(everybody(&*store).await, [moved]);
    }
    assert_eq!(store.lookup(person.uuid).await.unwrap(), None);
}

async fn a_key_cant_be_changed_to_another_persons(place: &Place) {
    let store = place.migrated().await;
    let mut people = [someone(), someone()];
    people.sort_by_key(|person| person.uuid);
    for person in &people {
        store.add(person, None).await.unwrap();
    }
    let changes = PersonChanges {
        uuid: Some(people[1].uuid),
        age: Some(99),
        ..PersonChanges::default()
    };
    let refused = store.update(people[0].uuid, &changes, None).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(everybody(&*store).await, people);
}

async fn names_come_back_as_they_were(place: &Place) {
    let store = place.migrated().await;
    let names = [
        String::new(),
        " ".to_owned(),
        "x".repeat(100),
        "é".repeat(100),
        "e\u{301}".repeat(50),
        "👩‍🚀".repeat(33),
        "\u{10ffff}".repeat(100),
        r#"O'Hara "Meg" \ %s $1 ?1 {"a":1}; drop table person; --"#.to_owned(),
        (1..32)
            .filter_map(char::from_u32)
            .chain("\u{7f}\u{85}\u{200b}\u{feff}".chars())
            .collect(),
    ];
    for name in names {
        let person = named(name);
        store.add(&person, None).await.unwrap();
        assert_eq!(store.lookup(person.uuid).await.unwrap(), Some(person));
    }
}

/// Refused by every way into the store, with nothing stored and the store as good as before.
async fn is_refused(store: &dyn Store, name: String) {
    let before = everybody(store).await;
    let bad = named(name.clone());
    let refused = store.add(&bad, None).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(_))),
        "{refused:?}"
    );
    let refused = store
        .import(batches([Ok(vec![someone(), bad])]), None)
        .await;
    assert!(
        matches!(refused, Err(StoreError::Refused(_))),
        "{refused:?}"
    );
    let changes = PersonChanges {
        name: Some(name),
        age: Some(1),
        ..PersonChanges::default()
    };
    let refused = store.update(before[0].uuid, &changes, None).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(_))),
        "{refused:?}"
    );
    assert_eq!(everybody(store).await, before);
}

async fn a_name_over_100_characters_is_refused(place: &Place) {
    let store = place.migrated().await;
    store.add(&someone(), None).await.unwrap();
    is_refused(&*store, "x".repeat(101)).await;
    is_refused(&*store, "👩".repeat(101)).await;
}

async fn a_nul_character_is_refused(place: &Place) {
    let store = place.migrated().await;
    store.add(&someone(), None).await.unwrap();
    is_refused(&*store, "\0".to_owned()).await;
    is_refused(&*store, "a\0b".to_owned()).await;
    is_refused(&*store, "ab\0".to_owned()).await;
}

async fn extreme_integers_come_back(place: &Place) {
    let store = place.migrated().await;
    for number in [i32::MIN, -1, 0, 1, i32::MAX] {
        let person = Person {
            passenger_class: number,
            age: number,
            siblings_or_spouses_aboard: number,
            parents_or_children_aboard: number,
            ..someone()
        };
        store.add(&person, None).await.unwrap();
        assert_eq!(store.lookup(person.uuid).await.unwrap(), Some(person));
    }
}

async fn floats_come_back_bit_for_bit(place: &Place) {
    let store = place.migrated().await;
    let fares = [
        0.0,
        -0.0,
        0.1,
        1.0 / 3.0,
        7.0,
        -7.25,
        1e15,
        9_007_199_254_740_993.0,
        1e16,
        1e308,
    ];
    for fare in fares
        .into_iter()
        .chain([f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324])
    {
        let person = Person { fare, ..someone() };
        store.add(&person, None).await.unwrap();
        let added = store.lookup(person.uuid).await.unwrap().unwrap();
        assert_eq!(added.fare.to_bits(), fare.to_bits(), "{fare:?}");
        let changes = PersonChanges {
            fare: Some(fare),
            ..PersonChanges::default()
        };
        let updated = store
            .update(person.uuid, &changes, None)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(updated.fare.to_bits(), fare.to_bits(), "{fare:?}");
    }
}

async fn an_import_stores_every_batch(place: &Place) {
    let store = place.migrated().await;
    let mut people: Vec<_> = (0..5).map(|_| someone()).collect();
    let import = [
        Ok(people[..2].to_vec()),
        Ok(Vec::new()),
        Ok(people[2..].to_vec()),
    ];
    assert_eq!(
        store.import(batches(import), None).await.unwrap(),
        Stored::Now(5)
    );
    people.sort_by_key(|person| person.uuid);
    assert_eq!(everybody(&*store).await, people);
}

async fn an_import_of_nothing_stores_nothing(place: &Place) {
    let store = place.migrated().await;
    assert_eq!(
        store.import(batches([]), None).await.unwrap(),
        Stored::Now(0)
    );
    assert_eq!(everybody(&*store).await, []);
}

async fn an_import_that_is_stopped_stores_nothing(place: &Place) {
    let store = place.migrated().await;
    let many: Vec<_> = (0..1000).map(|_| someone()).collect();
    let import = batches([Ok(many.clone()), Err(ImportStopped), Ok(vec![someone()])]);
    let stopped = store.import(import, None).await;
    assert!(matches!(stopped, Err(StoreError::Stopped)), "{stopped:?}");
    assert_eq!(everybody(&*store).await, []);
    assert_eq!(
        store.import(batches([Ok(many)]), None).await.unwrap(),
        Stored::Now(1000)
    );
}

async fn an_import_with_a_duplicate_in_a_batch_stores_nothing(place: &Place) {
    let store = place.migrated().await;
    let twice = someone();
    let conflict = store
        .import(batches([Ok(vec![someone(), twice.clone(), twice])]), None)
        .await;
    assert!(
        matches!(conflict, Err(StoreError::Conflict)),
        "{conflict:?}"
    );
    assert_eq!(everybody(&*store).await, []);
}

async fn an_import_with_a_duplicate_in_another_batch_stores_nothing(place: &Place) {
    let store = place.migrated().await;
    let twice = someone();
    let import = [
        Ok(vec![twice.clone()]),
        Ok(vec![someone()]),
        Ok(vec![twice]),
        Ok(vec![someone()]),
    ];
    let conflict = store.import(batches(import), None).await;
    assert!(
        matches!(conflict, Err(StoreError::Conflict)),
        "{conflict:?}"
    );
    assert_eq!(everybody(&*store).await, []);
}

async fn an_import_with_a_key_that_is_taken_stores_nothing(place: &Place) {
    let store = place.migrated().await;
    let first = someone();
    store.add(&first, None).await.unwrap();
    let import = [Ok(vec![
        someone(),
        Person {
            uuid: first.uuid,
            ..someone()
        },
    ])];
    let conflict = store.import(batches(import), None).await;
    assert!(
        matches!(conflict, Err(StoreError::Conflict)),
        "{conflict:?}"
    );
    assert_eq!(everybody(&*store).await, [first]);
}

async fn an_import_with_a_value_that_is_refused_stores_nothing(place: &Place) {
    let store = place.migrated().await;
    let many: Vec<_> = (0..500).map(|_| someone()).collect();
    let refused = store
        .import(batches([Ok(many), Ok(vec![named("x".repeat(101))])]), None)
        .await;
    assert!(
        matches!(refused, Err(StoreError::Refused(_))),
        "{refused:?}"
    );
    assert_eq!(everybody(&*store).await, []);
}

async fn an_import_that_is_dropped_stores_nothing(place: &Place) {
    let store = place.migrated().await;
    let people: Vec<_> = (0..1000).map(|_| someone()).collect();
    let (asked_again, was_asked_again) = tokio::sync::oneshot::channel();
    // The second batch never comes; when it's asked for the first one is on its way into the database.
    let first = stream::iter([Ok(people.clone())]);
    let never = stream::once(async move {
        asked_again.send(()).unwrap();
        future::pending().await
    });
    let import = store.import(first.chain(never).boxed(), None);
    let dropped = future::select(import, was_asked_again).await;
    assert!(matches!(dropped, future::Either::Right(_)));
    drop(dropped);
    assert_eq!(everybody(&*store).await, []);
    assert_eq!(
        store.import(batches([Ok(people)]), None).await.unwrap(),
        Stored::Now(1000)
    );
}

async fn an_import_that_takes_too_long_stores_nothing(place: &Place) {
    place.migrated().await;
    let limit = Duration::from_millis(300);
    let store = place.open_for_imports(Some(limit));
    let endless = stream::repeat_with(|| Ok((0..1000).map(|_| someone()).collect()));
    let ended = store.import(endless.boxed(), None).await;
    let is_late = matches!(ended, Err(StoreError::TimedOut(time)) if time == limit);
    assert!(is_late, "{ended:?}");
    assert_eq!(everybody(&*store).await, []);
    let import = store.import(batches([Ok(vec![someone()])]), None).await;
    assert_eq!(import.unwrap(), Stored::Now(1));
    // Without a limit it takes as long as it takes.
    let import = place.open_for_imports(None);
    let import = import.import(batches([Ok(vec![someone()])]), None).await;
    assert_eq!(import.unwrap(), Stored::Now(1));
}

async fn keys_that_people_have_are_found(place: &Place) {
    let store = place.migrated().await;
    let people = [someone(), someone(), someone()];
    for person in &people[..2] {
        store.add(person, None).await.unwrap();
    }
    let keys: Vec<_> = people.iter().map(|person| person.uuid).collect();
    let mut taken = store.taken(keys).await.unwrap();
    taken.sort();
    let mut expected = [people[0].uuid, people[1].uuid];
    expected.sort();
    assert_eq!(taken, expected);
    assert!(store.taken(Vec::new()).await.unwrap().is_empty());
}

async fn many(store: &dyn Store) -> Vec<Person> {
    let mut people: Vec<_> = (0..10_000)
        .map(|number| named(format!("person {number}")))
        .collect();
    let import = people
        .chunks(1000)
        .map(|batch| Ok(batch.to_vec()))
        .collect::<Vec<_>>();
    assert_eq!(
        store
            .import(stream::iter(import).boxed(), None)
            .await
            .unwrap(),
        Stored::Now(10_000)
    );
    people.sort_by_key(|person| person.uuid);
    people
}

async fn a_long_list_comes_whole(place: &Place) {
    let store = place.migrated().await;
    let people = many(&*store).await;
    for _ in 0..2 {
        assert!(everybody(&*store).await == people);
    }
}

async fn lists_dropped_midway_do_no_harm(place: &Place) {
    let store = place.migrated().await;
    let people = many(&*store).await;
    // More of them than may be under way at once.
    for (taken, person) in (0..).step_by(10).zip(&people[..20]) {
        let list = store.list(&Select::all()).await.unwrap();
        let listed: Vec<_> = list.take(taken).try_collect().await.unwrap();
        assert_eq!(listed.len(), taken);
        store.add(&someone(), None).await.unwrap();
        assert_eq!(
            store.lookup(person.uuid).await.unwrap().as_ref(),
            Some(person)
        );
    }
    assert_eq!(everybody(&*store).await.len(), 10_020);
}

async fn a_list_that_nobody_reads_holds_up_nobody(place: &Place) {
    let store = place.migrated().await;
    let people = many(&*store).await;
    let mut lists = Vec::new();
    for _ in 0..7 {
        let mut list = store.list(&Select::all()).await.unwrap();
        list.next().await.unwrap().unwrap();
        lists.push(list);
    }
    for person in &people[..20] {
        assert_eq!(
            store.lookup(person.uuid).await.unwrap().as_ref(),
            Some(person)
        );
        assert!(store.delete(person.uuid, None).await.unwrap());
    }
    assert_eq!(everybody(&*store).await.len(), 9_980);
    // What they had begun is still there for them.
    for list in lists {
        assert_eq!(list.try_collect::<Vec<_>>().await.unwrap().len(), 9_999);
    }
}

async fn of_concurrent_adds_with_one_key_one_wins(place: &Place) {
    let stores = [place.migrated().await, place.open()];
    let key = Uuid::new_v4();
    let adds = (0..40).map(|number| {
        let store = Arc::clone(&stores[number % 2]);
        let person = Person {
            uuid: key,
            ..named(format!("{number}"))
        };
        async move { store.add(&person, None).await.map(|_| person) }
    });
    let (won, lost): (Vec<_>, Vec<_>) = future::join_all(adds)
        .await
        .into_iter()
        .partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    assert!(
        lost.iter()
            .all(|lost| matches!(lost, Err(StoreError::Conflict))),
        "{lost:?}"
    );
    assert_eq!(
        everybody(&*stores[0]).await,
        won.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    );
}

async fn concurrent_calls_do_not_disturb_each_other(place: &Place) {
    let store = place.migrated().await;
    let calls = (0..100).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let person = Person {
                age: number,
                ..someone()
            };
            store.add(&person, None).await.unwrap();
            assert_eq!(
                store.lookup(person.uuid).await.unwrap().as_ref(),
                Some(&person)
            );
            let refused = store.add(&named("x".repeat(101)), None).await;
            assert!(
                matches!(refused, Err(StoreError::Refused(_))),
                "{refused:?}"
            );
            let changes = PersonChanges {
                survived: Some(false),
                ..PersonChanges::default()
            };
            let updated = store.update(person.uuid, &changes, None).await.unwrap();
            assert_eq!(
                updated,
                Some(Person {
                    survived: false,
                    ..person
                })
            );
            if number % 2 == 0 {
                assert!(store.delete(person.uuid, None).await.unwrap());
            }
        })
    });
    for call in future::join_all(calls).await {
        call.unwrap();
    }
    let mut ages: Vec<_> = everybody(&*store)
        .await
        .into_iter()
        .map(|person| person.age)
        .collect();
    ages.sort_unstable();
    assert!(ages.into_iter().eq((1..100).step_by(2)));
}

async fn a_dropped_call_does_no_harm(place: &Place) {
    let store = place.migrated().await;
    let (stays, person) = (someone(), someone());
    store.add(&stays, None).await.unwrap();
    for _ in 0..20 {
        // Polled once and given up, unless that was enough.
        let _ = store.lookup(stays.uuid).now_or_never();
        let _ = store.list(&Select::all()).now_or_never();
        // It was either done or not, and not halfway: a second call shows which.
        let _ = store.add(&person, None).now_or_never();
        let again = store.add(&person, None).await;
        assert!(
            matches!(again, Ok(None) | Err(StoreError::Conflict)),
            "{again:?}"
        );
        let _ = store.delete(person.uuid, None).now_or_never();
        store.delete(person.uuid, None).await.unwrap();
        // On a busy machine the addition that was dropped may come after this deletion.
        for _ in 0..100 {
            if everybody(&*store).await.len() == 1 {
                break;
            }
            store.delete(person.uuid, None).await.unwrap();
        }
        assert_eq!(everybody(&*store).await, slice::from_ref(&stays));
    }
}

async fn people_outlive_the_store(place: &Place) {
    let person = someone();
    place.migrated().await.add(&person, None).await.unwrap();
    let store = place.migrated().await;
    assert_eq!(everybody(&*store).await, [person]);
}

async fn without_migrations_the_store_is_unavailable(place: &Place) {
    let store = place.open();
    store.ping().await.unwrap();
    let person = someone();
    let failures = [
        store.list(&Select::all()).await.err(),
        store.lookup(person.uuid).await.err(),
        store.add(&person, None).await.err(),
        store
            .update(person.uuid, &PersonChanges::default(), None)
            .await
            .err(),
        store.delete(person.uuid, None).await.err(),
        store
            .import(batches([Ok(vec![person.clone()])]), None)
            .await
            .err(),
    ];
    let unavailable = |failure: &_| matches!(failure, Some(StoreError::Unavailable(_)));
    assert!(failures.iter().all(unavailable), "{failures:?}");
    store.migrate().await.unwrap();
    store.add(&person, None).await.unwrap();
    assert_eq!(everybody(&*store).await, [person]);
}

async fn pending_migrations_are_only_reported(place: &Place) {
    let store = place.open();
    for _ in 0..2 {
        assert_eq!(
            store.pending_migrations().await.unwrap(),
            ["V1__person", "V2__api_key", "V3__lists"]
        );
    }
    let migrated = store.migrate().await.unwrap();
    assert_eq!(migrated.applied, ["V1__person", "V2__api_key", "V3__lists"]);
    assert!(migrated.created);
    assert!(store.pending_migrations().await.unwrap().is_empty());
    assert!(place.open().pending_migrations().await.unwrap().is_empty());
}

async fn a_second_migration_finds_nothing_to_do(place: &Place) {
    let person = someone();
    place.migrated().await.add(&person, None).await.unwrap();
    for store in [place.open(), place.open()] {
        let migrated = store.migrate().await.unwrap();
        assert!(migrated.applied.is_empty());
        assert!(!migrated.created);
        assert_eq!(everybody(&*store).await, slice::from_ref(&person));
    }
}

async fn of_concurrent_migrations_one_creates_the_table(place: &Place) {
    let migrations = (0..6).map(|_| {
        let store = place.open();
        tokio::spawn(async move { store.migrate().await.unwrap() })
    });
    let migrated: Vec<_> = future::join_all(migrations)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let applied: Vec<_> = migrated.iter().flat_map(|one| &one.applied).collect();
    assert_eq!(applied, ["V1__person", "V2__api_key", "V3__lists"]);
    assert_eq!(migrated.iter().filter(|one| one.created).count(), 1);
    assert_eq!(everybody(&*place.open()).await, []);
}
