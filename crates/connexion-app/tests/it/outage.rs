//! PostgreSQL going away, and coming back.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use connexion_app::person::{Person, PersonChanges, Sex};
use connexion_app::query::Select;
use connexion_app::store::postgres::{Options, Postgres};
use connexion_app::store::{Store, StoreError, Stored};
use futures_util::{StreamExt, TryStreamExt, future, stream};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::postgres_server::{PrivateServer, connect, fresh_database};
use crate::program::until_async;

fn someone() -> Person {
    Person {
        uuid: Uuid::new_v4(),
        survived: false,
        passenger_class: 1,
        name: "Mr. Thomas Andrews Jr".to_owned(),
        sex: Sex::Male,
        age: 39,
        siblings_or_spouses_aboard: 0,
        parents_or_children_aboard: 0,
        fare: 0.0,
    }
}

async fn migrated(url: &str) -> Arc<Postgres> {
    let store = Postgres::open(url, Options::default()).unwrap();
    store.migrate().await.unwrap();
    Arc::new(store)
}

/// The process of the statement that waits for a lock, as soon as there is one.
async fn process_that_waits(client: &Client) -> i32 {
    let query = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    until_async(async || {
        let process = client.query_opt_scalar(query, &[]).await.unwrap();
        process.ok_or_else(|| "one that waits for a lock".to_owned())
    })
    .await
}

/// Makes every statement on the table wait.
async fn lock(by_hand: &Client) {
    by_hand
        .batch_execute("begin; lock table person in access exclusive mode")
        .await
        .unwrap();
}

/// Ends the connection whose statement waits for the lock, and then the lock.
async fn kill_the_one_that_waits(by_hand: &Client) {
    let process = process_that_waits(by_hand).await;
    by_hand
        .execute("select pg_terminate_backend($1)", &[&process])
        .await
        .unwrap();
    by_hand.batch_execute("commit").await.unwrap();
}

/// The server's restart blocks the runtime, so that nothing hears of the lost connections before the next
/// call: the worst case.
#[tokio::test]
async fn the_first_call_after_a_restart_succeeds() {
    let server = PrivateServer::start();
    let store = migrated(&server.url("postgres")).await;
    let person = someone();
    let key = person.uuid;
    store.add(&person, None).await.unwrap();
    for mode in ["fast", "immediate"] {
        let restart = || {
            server.stop(mode);
            server.start_again();
        };
        assert!(store.lookup(key).await.unwrap().is_some());
        restart();
        assert!(store.lookup(key).await.unwrap().is_some());
        restart();
        store.add(&someone(), None).await.unwrap();
        restart();
        let changes = PersonChanges {
            age: Some(40),
            ..PersonChanges::default()
        };
        assert!(store.update(key, &changes, None).await.unwrap().is_some());
        let listed = store
            .list(&Select::all())
            .await
            .unwrap()
            .try_collect::<Vec<_>>()
            .await
            .unwrap()
            .len();
        restart();
        assert!(!store.delete(Uuid::nil(), None).await.unwrap());
        assert_eq!(
            store.list(&Select::all()).await.unwrap().count().await,
            listed
        );
        store.ping().await.unwrap();
        restart();
        store.ping().await.unwrap();
        let import = stream::iter([Ok(vec![someone()])]).boxed();
        let stored = store.import(import, None).await.unwrap();
        assert_eq!(stored, Stored::Now(1));
    }
}

#[tokio::test]
async fn without_a_server_every_call_says_so_and_all_is_well_when_it_is_back() {
    let server = PrivateServer::start();
    let store = migrated(&server.url("postgres")).await;
    let person = someone();
    store.add(&person, None).await.unwrap();
    let list = store.list(&Select::all()).await.unwrap();
    assert_eq!(list.count().await, 1);
    server.stop("fast");
    let since = Instant::now();
    for _ in 0..2 {
        let failures = [
            store.ping().await.err(),
            store.list(&Select::all()).await.err(),
            store.lookup(person.uuid).await.err(),
            store.add(&someone(), None).await.err(),
            store
                .update(person.uuid, &PersonChanges::default(), None)
                .await
                .err(),
            store.delete(person.uuid, None).await.err(),
            store.import(stream::empty().boxed(), None).await.err(),
            store.migrate().await.err(),
            store.pending_migrations().await.err(),
        ];
        let unavailable = |failure: &_| matches!(failure, Some(StoreError::Unavailable(_)));
        assert!(failures.iter().all(unavailable), "{failures:?}");
    }
    assert!(
        since.elapsed() < Duration::from_secs(5),
        "{:?}",
        since.elapsed()
    );
    server.start_again();
    assert_eq!(
        store.lookup(person.uuid).await.unwrap().as_ref(),
        Some(&person)
    );
    assert!(store.delete(person.uuid, None).await.unwrap());
    assert_eq!(store.list(&Select::all()).await.unwrap().count().await, 0);
}

#[tokio::test]
async fn a_store_may_be_opened_before_its_server_runs() {
    let server = PrivateServer::start();
    server.stop("fast");
    let store = Postgres::open(&server.url("postgres"), Options::default()).unwrap();
    assert!(matches!(
        store.ping().await,
        Err(StoreError::Unavailable(_))
    ));
    server.start_again();
    store.ping().await.unwrap();
    assert!(store.migrate().await.unwrap().created);
}

/// Takes connections and says nothing. Everybody waits once, together, and not one after another.
#[tokio::test]
async fn a_server_that_never_answers_holds_up_nobody_for_long() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "postgres://postgres@{}/postgres",
        listener.local_addr().unwrap()
    );
    let store = Postgres::open(&url, Options::default()).unwrap();
    let since = Instant::now();
    let calls = (0..100).map(|_| store.lookup(Uuid::nil()));
    let results = future::join(future::join_all(calls), store.add(&someone(), None)).await;
    assert!(
        results
            .0
            .iter()
            .all(|result| matches!(result, Err(StoreError::Unavailable(_))))
    );
    assert!(matches!(results.1, Err(StoreError::Unavailable(_))));
    assert!(
        since.elapsed() < Duration::from_secs(9),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn a_read_whose_connection_is_killed_is_done_again() {
    let database = fresh_database().await;
    let store = migrated(database.url()).await;
    let person = someone();
    store.add(&person, None).await.unwrap();
    store.lookup(person.uuid).await.unwrap();
    let by_hand = connect(database.url()).await;
    lock(&by_hand).await;
    let reads = (0..10).map(|_| {
        let (store, key) = (Arc::clone(&store), person.uuid);
        tokio::spawn(async move { store.lookup(key).await })
    });
    let reads: Vec<_> = reads.collect();
    kill_the_one_that_waits(&by_hand).await;
    for read in reads {
        assert_eq!(read.await.unwrap().unwrap().as_ref(), Some(&person));
    }
}

#[tokio::test]
async fn a_write_whose_connection_is_killed_is_not_done_again() {
    let database = fresh_database().await;
    let store = migrated(database.url()).await;
    let by_hand = connect(database.url()).await;
    store.add(&someone(), None).await.unwrap();
    lock(&by_hand).await;
    let write = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.add(&someone(), None).await }
    });
    kill_the_one_that_waits(&by_hand).await;
    let lost = write.await.unwrap();
    // The server says that it ends the connection, and has done nothing.
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    assert_eq!(store.list(&Select::all()).await.unwrap().count().await, 1);
    store.add(&someone(), None).await.unwrap();
}

/// The statements prepared on the shared sessions don't fit the new table, whose enum type is another.
#[tokio::test]
async fn a_table_made_anew_under_a_running_store_is_found() {
    let database = fresh_database().await;
    let store = migrated(database.url()).await;
    let person = someone();
    store.add(&person, None).await.unwrap();
    store.lookup(person.uuid).await.unwrap();
    let by_hand = connect(database.url()).await;
    by_hand
        .batch_execute("drop table person, refinery_schema_history; drop type sexenum")
        .await
        .unwrap();
    store.migrate().await.unwrap();
    // One call may find out; the next must not.
    let _ = store.add(&person, None).await;
    let _ = store.lookup(person.uuid).await;
    assert!(matches!(
        store.add(&person, None).await,
        Ok(None) | Err(StoreError::Conflict)
    ));
    assert_eq!(
        store.lookup(person.uuid).await.unwrap().as_ref(),
        Some(&person)
    );
}

#[test]
fn a_password_is_never_shown() {
    let store =
        Postgres::open("postgres://me:s3cret@localhost/people", Options::default()).unwrap();
    assert!(!format!("{store:?}").contains("s3cret"));
    let error = Postgres::open(
        "postgres://me:s3cret@localhost:port/people",
        Options::default(),
    )
    .unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
}
