//! Rows and tables that another transaction has locked: only calls that want them wait, and what is refused is not stored.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request};
use connexion_app::person::{Person, PersonChanges, Sex};
use connexion_app::store::postgres::{Options, Postgres};
use connexion_app::store::sqlite::{self, Sqlite};
use connexion_app::store::{Claim, Receipt, Store, StoreError};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::conformance::{Place, on_both_stores};
use crate::postgres_server::{Database, connect, fresh_database};
use crate::program::{Program, until_async};
use crate::test_app::{Backend, Contract, TestApp};
use crate::together::way_to;

on_both_stores! {
    a_person_to_whom_other_rows_refer_is_a_conflict
}

fn someone() -> Person {
    Person {
        uuid: Uuid::new_v4(),
        survived: true,
        passenger_class: 2,
        name: "Mr. Lawrence Beesley".to_owned(),
        sex: Sex::Male,
        age: 34,
        siblings_or_spouses_aboard: 0,
        parents_or_children_aboard: 0,
        fare: 13.0,
    }
}

fn older() -> PersonChanges {
    PersonChanges {
        age: Some(35),
        ..PersonChanges::default()
    }
}

/// A claim of its own kind for each number, and what is remembered of it.
fn once(number: u8) -> (Claim, Receipt) {
    let claim = Claim {
        id: [number; 32],
        now: 1_800_000_000,
    };
    let receipt = Receipt {
        request: [0; 32],
        answer: "{}".to_owned(),
    };
    (claim, receipt)
}

/// A store on a fresh database, and two people in it.
struct Setting {
    database: Database,
    store: Arc<Postgres>,
    locked: Person,
    other: Person,
}

impl Setting {
    async fn new(options: Options) -> Self {
        let database = fresh_database().await;
        let store = Arc::new(Postgres::open(database.url(), options).unwrap());
        store.migrate().await.unwrap();
        let (locked, other) = (someone(), someone());
        for person in [&locked, &other] {
            store.add(person, None).await.unwrap();
        }
        Self {
            database,
            store,
            locked,
            other,
        }
    }

    /// A transaction of somebody else that has done this.
    async fn begun(&self, statement: &str) -> Client {
        let by_hand = connect(self.database.url()).await;
        by_hand
            .batch_execute(&format!("begin; {statement}"))
            .await
            .unwrap();
        by_hand
    }

    async fn lock_row(&self, person: &Person) -> Client {
        let lock = format!(
            "select from person where uuid = '{}' for update",
            person.uuid
        );
        self.begun(&lock).await
    }

    /// Waits until so many sessions of the store wait for locks.
    async fn until_waiting(&self, count: i64) {
        let by_hand = connect(self.database.url()).await;
        let waiting = "select count(*) from pg_stat_activity where datname = current_database() \
            and wait_event_type = 'Lock' and clock_timestamp() - query_start > interval '0.2 s'";
        until_async(async || {
            match by_hand
                .query_one_scalar::<i64, _>(waiting, &[])
                .await
                .unwrap()
            {
                now if now == count => Ok(()),
                now => Err(format!(
                    "{count} sessions that wait for locks, there are {now}"
                )),
            }
        })
        .await;
    }

    /// Every kind of write, of people and claims that nobody has locked.
    async fn write_others(&self) {
        for number in 0..25 {
            let person = someone();
            let store = &self.store;
            store.add(&person, None).await.unwrap();
            store
                .add(&someone(), Some(once(100 + number)))
                .await
                .unwrap();
            let changed = store
                .update(person.uuid, &older(), None)
                .await
                .unwrap()
                .unwrap();
            let renamed = PersonChanges {
                name: Some("Someone".to_owned()),
                ..PersonChanges::default()
            };
            let renamed = store
                .update(person.uuid, &renamed, Some(&changed))
                .await
                .unwrap();
            let deleted = match number % 2 {
                0 => store.delete(person.uuid, None).await,
                _ => store.delete(person.uuid, renamed.as_ref()).await,
            };
            assert!(deleted.unwrap());
        }
    }

    fn spawn<T: Send + 'static, F>(&self, call: impl FnOnce(Arc<Postgres>) -> F) -> JoinHandle<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        tokio::spawn(call(Arc::clone(&self.store)))
    }

    fn update(&self, person: &Person) -> JoinHandle<Result<Option<Person>, StoreError>> {
        let uuid = person.uuid;
        self.spawn(async move |store| store.update(uuid, &older(), None).await)
    }
}

fn is_refused<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

/// Updates and deletes of a locked row, adds of a key that an uncommitted transaction has added, a change to such a key, and
/// adds with a claim that is not committed either; with `If-Match` and without.
#[tokio::test]
async fn while_a_row_is_locked_only_calls_that_want_it_wait() {
    let patient = Options {
        statement_timeout: Duration::from_mins(1),
        ..Options::default()
    };
    let setting = Setting::new(patient).await;
    let (locked, other) = (setting.locked.clone(), setting.other.clone());
    let (new, claimed) = (someone(), once(1));
    let of_row = setting.lock_row(&locked).await;
    let insert = format!(
        "insert into person select '{}', survived, passenger_class, name, sex, age, siblings_or_spouses_aboard, \
         parents_or_children_aboard, fare from person limit 1; \
         insert into idempotency values (decode(repeat('01', 32), 'hex'), decode(repeat('00', 32), 'hex'), '', 1800000000)",
        new.uuid
    );
    let of_key = setting.begun(&insert).await;
    let moved = PersonChanges {
        uuid: Some(new.uuid),
        ..PersonChanges::default()
    };
    let (row, key) = (locked.uuid, new.uuid);
    let mut waiting: Vec<JoinHandle<bool>> = vec![
        setting.spawn(async move |store| {
            store
                .update(row, &older(), None)
                .await
                .is_ok_and(|person| person.is_some())
        }),
        setting.spawn({
            let locked = locked.clone();
            async move |store| store.update(row, &older(), Some(&locked)).await.is_ok()
        }),
        setting.spawn(async move |store| store.delete(row, None).await.is_ok()),
        setting.spawn(async move |store| store.add(&new, None).await.is_ok()),
        setting.spawn(async move |store| store.update(other.uuid, &moved, None).await.is_ok()),
        setting.spawn(async move |store| store.add(&someone(), Some(claimed)).await.is_ok()),
    ];
    setting.until_waiting(4).await;
    join_all((0..4).map(|_| setting.write_others())).await;
    assert!(
        waiting.iter().all(|call| !call.is_finished()),
        "they waited for the locks as well"
    );
    of_row.batch_execute("rollback").await.unwrap();
    of_key.batch_execute("rollback").await.unwrap();
    for call in waiting.drain(..) {
        let _ = call.await.unwrap();
    }
    assert!(setting.store.lookup(key).await.unwrap().is_some());
    assert!(setting.store.lookup(row).await.unwrap().is_none());
}

/// They must neither take all connections nor the turns of those who want another row.
#[tokio::test]
async fn many_calls_for_one_locked_row_take_one_connection() {
    let setting = Setting::new(Options {
        lock_waits: 2,
        ..Options::default()
    })
    .await;
    let of_first = setting.lock_row(&setting.locked).await;
    let of_second = setting.lock_row(&setting.other).await;
    let first: Vec<_> = (0..64).map(|_| setting.update(&setting.locked)).collect();
    setting.until_waiting(1).await;
    let second = setting.update(&setting.other);
    setting.until_waiting(2).await;
    setting.write_others().await;
    of_second.batch_execute("rollback").await.unwrap();
    assert!(second.await.unwrap().unwrap().is_some());
    assert!(first.iter().all(|call| !call.is_finished()));
    of_first.batch_execute("rollback").await.unwrap();
    for call in first {
        assert!(call.await.unwrap().unwrap().is_some());
    }
}

#[tokio::test]
async fn one_more_call_that_waits_for_a_lock_than_may_wait_is_refused_at_once() {
    let setting = Setting::new(Options {
        lock_waits: 1,
        ..Options::default()
    })
    .await;
    let of_first = setting.lock_row(&setting.locked).await;
    let _of_second = setting.lock_row(&setting.other).await;
    let first = setting.update(&setting.locked);
    setting.until_waiting(1).await;
    let second = setting
        .store
        .update(setting.other.uuid, &older(), None)
        .await;
    assert!(is_refused(&second), "{second:?}");
    assert!(!first.is_finished());
    of_first.batch_execute("rollback").await.unwrap();
    assert!(first.await.unwrap().unwrap().is_some());
}

/// A client that goes away must not free a connection that its statement still takes.
#[tokio::test]
async fn clients_that_go_away_while_they_wait_for_a_lock_leave_no_more_connections_than_may_wait() {
    let setting = Setting::new(Options {
        lock_waits: 2,
        ..Options::default()
    })
    .await;
    let lock = setting.lock_row(&setting.locked).await;
    for _ in 0..20 {
        let call = setting.update(&setting.locked);
        tokio::time::sleep(Duration::from_millis(20)).await;
        call.abort();
    }
    let first = setting.update(&setting.locked);
    setting.until_waiting(1).await;
    lock.batch_execute("rollback").await.unwrap();
    assert!(first.await.unwrap().unwrap().is_some());
}

#[tokio::test]
async fn what_is_refused_while_the_table_is_locked_is_never_stored() {
    let timeout = Duration::from_secs(1);
    for prepare in [true, false] {
        let options = Options {
            statement_timeout: timeout,
            prepare,
            ..Options::default()
        };
        let setting = Setting::new(options).await;
        let lock = setting.begun("lock table person").await;
        let since = Instant::now();
        let (row, locked) = (setting.locked.uuid, setting.locked.clone());
        let mut calls: Vec<JoinHandle<(Result<(), StoreError>, Duration)>> = Vec::new();
        for number in 0..40 {
            let locked = locked.clone();
            calls.push(setting.spawn(async move |store| {
                let answer = match number % 5 {
                    0 => store.update(row, &older(), None).await.map(drop),
                    1 => store.update(row, &older(), Some(&locked)).await.map(drop),
                    2 => store.delete(row, None).await.map(drop),
                    3 => store.add(&someone(), Some(once(number))).await.map(drop),
                    _ => store.add(&someone(), None).await.map(drop),
                };
                (answer, since.elapsed())
            }));
            // Some come while others wait already.
            if number % 10 == 9 {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        for call in calls {
            let (answer, taken) = call.await.unwrap();
            assert!(is_refused(&answer), "{answer:?}");
            // From the first call's arrival; the last came a second later.
            assert!(taken < Duration::from_secs(4), "{taken:?}");
        }
        lock.batch_execute("rollback").await.unwrap();
        // Whatever is still on its way comes before this.
        setting.store.add(&someone(), None).await.unwrap();
        setting.until_waiting(0).await;
        let people: i64 = lock
            .query_one_scalar("select count(*) from person", &[])
            .await
            .unwrap();
        assert_eq!(people, 3, "prepared: {prepare}");
        assert_eq!(setting.store.lookup(row).await.unwrap(), Some(locked));
    }
}

#[tokio::test]
async fn writes_wait_for_a_lock_of_the_table_that_is_released_in_time() {
    let setting = Setting::new(Options::default()).await;
    // As an index that is being made, which lets others read.
    let lock = setting.begun("lock table person in share mode").await;
    let adds = (0..40).map(|_| setting.spawn(async |store| store.add(&someone(), None).await));
    let adds: Vec<_> = adds.collect();
    setting.until_waiting(1).await;
    assert!(
        setting
            .store
            .lookup(setting.other.uuid)
            .await
            .unwrap()
            .is_some()
    );
    lock.batch_execute("rollback").await.unwrap();
    for add in adds {
        add.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_trigger_that_waits_for_an_advisory_lock_holds_up_only_the_row_it_is_for() {
    let setting = Setting::new(Options::default()).await;
    let by_hand = connect(setting.database.url()).await;
    by_hand
        .batch_execute(
            "create function wait() returns trigger language plpgsql as $$ begin \
             perform pg_advisory_xact_lock(hashtextextended(new.name, 0)); return new; end $$; \
             create trigger wait before insert on person for each row execute function wait()",
        )
        .await
        .unwrap();
    let lock = setting
        .begun("select pg_advisory_xact_lock(hashtextextended('held', 0))")
        .await;
    let held = Person {
        name: "held".to_owned(),
        ..someone()
    };
    let uuid = held.uuid;
    let waiting = setting.spawn(async move |store| store.add(&held, None).await);
    setting.until_waiting(1).await;
    setting.write_others().await;
    assert!(!waiting.is_finished());
    lock.batch_execute("rollback").await.unwrap();
    waiting.await.unwrap().unwrap();
    assert!(setting.store.lookup(uuid).await.unwrap().is_some());
}

/// PostgreSQL, "cached plan must not change result type" (0A000): nothing was done, so it is prepared again.
#[tokio::test]
async fn a_column_whose_type_was_changed_is_noticed_by_no_call() {
    let setting = Setting::new(Options::default()).await;
    let (store, uuid) = (&setting.store, setting.other.uuid);
    let by_hand = connect(setting.database.url()).await;
    for kind in ["text", "varchar(90)"] {
        setting.write_others().await;
        assert!(store.lookup(uuid).await.unwrap().is_some());
        let alter = format!("alter table person alter column name type {kind}");
        by_hand.batch_execute(&alter).await.unwrap();
        assert!(store.lookup(uuid).await.unwrap().is_some());
        assert!(store.update(uuid, &older(), None).await.unwrap().is_some());
        assert!(store.delete(Uuid::nil(), None).await.is_ok());
    }
}

/// The server may have done what it was sent before the connection broke.
#[tokio::test]
async fn a_write_whose_connection_breaks_says_that_its_outcome_is_unknown() {
    let database = fresh_database().await;
    let (url, losing) = way_to(database.url()).await;
    let store = Postgres::open(&url, Options::default()).unwrap();
    store.migrate().await.unwrap();
    let (person, mut broken) = (someone(), 0);
    store.add(&person, None).await.unwrap();
    // What is lost may also be the answer to the question whether a quiet connection lives.
    for _ in 0..50 {
        losing.store(1, Relaxed);
        let answer = store.update(person.uuid, &older(), None).await;
        losing.store(0, Relaxed);
        match answer {
            Err(StoreError::Unknown(_)) => broken += 1,
            // It was lost while connecting, so nothing had been sent.
            Err(StoreError::Unavailable(_)) => {}
            answer => assert!(answer.unwrap().is_some()),
        }
    }
    assert!(broken > 0);
}

/// A standby ends queries that conflict with what it replays (40001), and may do so again and again. A database whose table
/// is a view that fails so stands for it.
#[tokio::test]
async fn a_lookup_that_a_replica_ends_is_answered_by_the_primary() {
    let setting = Setting::new(Options::default()).await;
    let replica = fresh_database().await;
    let by_hand = connect(replica.url()).await;
    let view = "create sequence tries; create function ended() returns uuid language plpgsql as $$ begin \
        perform nextval('tries'); raise exception 'ended' using errcode = '40001'; end $$; \
        create view person as select ended() as uuid, true as survived, 1 as passenger_class, ''::varchar as name, \
        ''::text as sex, 1 as age, 0 as siblings_or_spouses_aboard, 0 as parents_or_children_aboard, 0::float8 as fare";
    by_hand.batch_execute(view).await.unwrap();
    let store = Postgres::open(setting.database.url(), Options::default()).unwrap();
    let store = store.reading_from(replica.url()).unwrap();
    assert_eq!(
        store.lookup(setting.other.uuid).await.unwrap(),
        Some(setting.other)
    );
    let tries: i64 = by_hand
        .query_one_scalar("select last_value from tries", &[])
        .await
        .unwrap();
    assert_eq!(tries, 1);
}

/// What a client reads: a row that is locked, and a service that may not wait as long as its database.
#[tokio::test]
async fn only_the_answer_to_a_change_that_may_still_be_stored_says_so() {
    let database = fresh_database().await;
    let program = Program::on(database.url()).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    let lock = connect(database.url()).await;
    let of_table = "begin; lock table person";
    let person = serde_json::to_string(&someone()).unwrap();
    for (flags, is_known) in [
        (["--database-timeout=1", "--timeout=30"], true),
        (["--database-timeout=30", "--timeout=1"], false),
    ] {
        let service = program.serve(&flags);
        assert_eq!(
            service
                .post("/people", &serde_json::to_string(&someone()).unwrap())
                .status,
            200
        );
        lock.batch_execute(of_table).await.unwrap();
        let answer = service.post("/people", &person);
        lock.batch_execute("rollback").await.unwrap();
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        let detail = if is_known {
            "The service can't answer right now. Please try again."
        } else {
            "The service can't tell whether this was stored. Please check before you try again."
        };
        assert_eq!(problem["detail"], detail);
        let stderr = service.stop().stderr;
        assert_eq!(
            stderr.contains("APP_TIMEOUT is shorter than DATABASE_TIMEOUT"),
            !is_known,
            "{stderr}"
        );
    }
}

/// Another process has locked the file for longer than all calls wait.
#[tokio::test]
async fn what_is_refused_while_an_sqlite_file_is_locked_is_never_stored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("people.sqlite");
    let options = sqlite::Options {
        wait: Duration::from_secs(1),
        ..sqlite::Options::default()
    };
    let store = Arc::new(Sqlite::open(&path, options));
    store.migrate().await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let since = Instant::now();
    let adds = (0..40).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.add(&someone(), None).await })
    });
    for answer in join_all(adds.collect::<Vec<_>>()).await {
        let answer = answer.unwrap();
        assert!(is_refused(&answer), "{answer:?}");
    }
    // One after another they would take minutes.
    assert!(
        since.elapsed() < Duration::from_secs(30),
        "{:?}",
        since.elapsed()
    );
    other.execute_batch("rollback").unwrap();
    store.add(&someone(), None).await.unwrap();
    let count: i64 = other
        .query_row("select count(*) from person", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 1);
}

async fn a_person_to_whom_other_rows_refer_is_a_conflict(place: &Place) {
    let store = place.migrated().await;
    let (parent, other) = (someone(), someone());
    for person in [&parent, &other] {
        store.add(person, None).await.unwrap();
    }
    for action in ["", "on delete restrict on update restrict"] {
        let statements = format!(
            "drop table if exists ticket; \
             create table ticket (owner {key} references person (uuid) {action}); \
             insert into ticket select uuid from person where uuid = {uuid}",
            key = if matches!(place, Place::Postgres(_)) {
                "uuid"
            } else {
                "blob"
            },
            uuid = match place {
                Place::Postgres(_) => format!("'{}'", parent.uuid),
                Place::Sqlite(_) => format!("x'{}'", parent.uuid.simple()),
            },
        );
        by_hand(place, &statements).await;
        let moved = PersonChanges {
            uuid: Some(Uuid::new_v4()),
            ..PersonChanges::default()
        };
        for expected in [None, Some(&parent)] {
            let deleted = store.delete(parent.uuid, expected).await;
            assert!(
                matches!(deleted, Err(StoreError::Referenced(_))),
                "{deleted:?}"
            );
            let updated = store.update(parent.uuid, &moved, expected).await;
            assert!(
                matches!(updated, Err(StoreError::Referenced(_))),
                "{updated:?}"
            );
        }
        // Together with others, who are not concerned.
        let deletes = [parent.uuid, other.uuid, Uuid::nil()].map(|uuid| store.delete(uuid, None));
        let [of_parent, of_other, of_nobody] = join_all(deletes).await.try_into().unwrap();
        assert!(
            matches!(of_parent, Err(StoreError::Referenced(_))),
            "{of_parent:?}"
        );
        assert!(of_other.unwrap());
        assert!(!of_nobody.unwrap());
        store.add(&other, None).await.unwrap();
    }
}

async fn by_hand(place: &Place, statements: &str) {
    match place {
        Place::Postgres(database) => {
            connect(database.url())
                .await
                .batch_execute(statements)
                .await
                .unwrap();
        }
        Place::Sqlite(directory) => {
            let file = rusqlite::Connection::open(directory.path().join("people.sqlite")).unwrap();
            file.execute_batch(statements).unwrap();
        }
    }
}

#[tokio::test]
async fn a_delete_that_a_foreign_key_blocks_is_409() {
    for contract in [Contract::OpenApi31, Contract::Swagger20] {
        let app = TestApp::new(Backend::Postgres, contract).await;
        let person = someone();
        app.store().add(&person, None).await.unwrap();
        let child = "create table ticket (owner uuid references person (uuid)); insert into ticket select uuid from person";
        connect(app.url()).await.batch_execute(child).await.unwrap();
        let path = format!("/people/{}", person.uuid);
        let delete = Request::delete(&path).body(Body::empty()).unwrap();
        let change = Request::builder().method(Method::PUT).uri(&path);
        let change = change.header("content-type", "application/json");
        let body = format!(r#"{{"uuid":"{}"}}"#, Uuid::new_v4());
        for request in [delete, change.body(Body::from(body)).unwrap()] {
            let answer = app.send(request).await;
            let problem: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(answer.status, 409, "{problem}");
            assert_eq!(problem["detail"], "Other data refers to this person.");
        }
    }
}
