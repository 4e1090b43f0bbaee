//! Migrating a database that the original service has left behind.

use connexion_app::person::{PersonChanges, Sex};
use connexion_app::query::Select;
use connexion_app::store::postgres::{Options, Postgres};
use connexion_app::store::{Store, StoreError};
use futures_util::TryStreamExt;
use uuid::Uuid;

use crate::postgres_server::{connect, fresh_database};

const TABLE: &str = "
    create type sexenum as enum ('male', 'female', 'other');
    create table person (
        uuid uuid not null,
        survived boolean not null,
        passenger_class integer not null,
        name varchar(100) not null,
        sex sexenum not null,
        age integer not null,
        siblings_or_spouses_aboard integer not null,
        parents_or_children_aboard integer not null,
        fare double precision not null,
        primary key (uuid)
    );
";
const REST: &str = "
    create table alembic_version (version_num varchar(32) primary key);
    insert into alembic_version values ('a1b2c3');
    insert into person values ('8d6ba3fc-9b1b-4f0c-9e0a-0a2f1a1f0a01', false, 3, 'Mr. Owen Harris Braund',
        'male', 22, 1, 0, 7.25);
";

/// What migrating does to a database on which this SQL was run.
async fn migrate_after(sql: &str) -> Result<(), StoreError> {
    let database = fresh_database().await;
    connect(database.url())
        .await
        .batch_execute(sql)
        .await
        .unwrap();
    let store = Postgres::open(database.url(), Options::default()).unwrap();
    let migrated = store.migrate().await?;
    assert_eq!(migrated.applied, ["V1__person", "V2__api_key", "V3__lists"]);
    assert!(!migrated.created);
    let people: Vec<_> = store.list(&Select::all()).await?.try_collect().await?;
    let person = people.first().unwrap();
    assert_eq!(
        (people.len(), person.sex, person.fare),
        (1, Sex::Male, 7.25)
    );
    let added = connexion_app::person::Person {
        uuid: Uuid::new_v4(),
        sex: Sex::Other,
        ..person.clone()
    };
    store.add(&added, None).await?;
    let changes = PersonChanges {
        sex: Some(Sex::Female),
        ..PersonChanges::default()
    };
    assert_eq!(
        store.update(added.uuid, &changes, None).await?.unwrap().sex,
        Sex::Female
    );
    assert!(matches!(
        store.add(person, None).await,
        Err(StoreError::Conflict)
    ));
    let version = "select version_num from alembic_version";
    let version: String = connect(database.url())
        .await
        .query_one_scalar(version, &[])
        .await
        .unwrap();
    assert_eq!(version, "a1b2c3");
    assert!(store.migrate().await?.applied.is_empty());
    Ok(())
}

/// The text with which migrating refuses that database.
async fn refusal_after(sql: &str) -> String {
    migrate_after(sql).await.unwrap_err().to_string()
}

#[tokio::test]
async fn the_originals_table_is_adopted_with_its_people() {
    migrate_after(&format!("{TABLE}{REST}")).await.unwrap();
}

#[tokio::test]
async fn the_enum_type_may_have_another_name() {
    let renamed = TABLE.replace("sexenum", "\"Sex of a person\"");
    migrate_after(&format!("{renamed}{REST}")).await.unwrap();
}

#[tokio::test]
async fn sex_may_be_text() {
    let text = TABLE.replace("sex sexenum", "sex text");
    migrate_after(&format!("{text}{REST}")).await.unwrap();
}

#[tokio::test]
async fn an_enum_type_without_its_table_is_used() {
    let database = fresh_database().await;
    let client = connect(database.url()).await;
    client
        .batch_execute("create type sexenum as enum ('male', 'female', 'other')")
        .await
        .unwrap();
    let store = Postgres::open(database.url(), Options::default()).unwrap();
    assert!(store.migrate().await.unwrap().created);
    assert_eq!(store.lookup(Uuid::nil()).await.unwrap(), None);
}

#[tokio::test]
async fn a_table_that_lacks_a_column_is_refused() {
    let refusal = refusal_after(&TABLE.replace("age integer not null,", "")).await;
    assert!(refusal.contains("column age is missing"), "{refusal}");
}

#[tokio::test]
async fn every_column_of_the_wrong_type_is_named() {
    let wrong = TABLE
        .replace("survived boolean", "survived integer")
        .replace("fare double precision", "fare text");
    let refusal = refusal_after(&wrong).await;
    assert!(
        refusal.contains("column survived is integer, not boolean"),
        "{refusal}"
    );
    assert!(
        refusal.contains("column fare is text, not double precision"),
        "{refusal}"
    );
}

#[tokio::test]
async fn an_enum_type_with_other_labels_is_refused() {
    let refusal = refusal_after(&TABLE.replace(", 'other'", "")).await;
    assert!(
        refusal.contains("column sex is enum (female, male), not enum (female, male, other)"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_table_without_its_key_is_refused() {
    let refusal = refusal_after(&TABLE.replace("primary key (uuid)", "check (age > 0)")).await;
    assert!(
        refusal.contains("column uuid is not the primary key"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_refused_database_stays_as_it_was() {
    let database = fresh_database().await;
    let client = connect(database.url()).await;
    client
        .batch_execute("create table person (id integer)")
        .await
        .unwrap();
    let store = Postgres::open(database.url(), Options::default()).unwrap();
    for _ in 0..2 {
        assert!(matches!(
            store.migrate().await,
            Err(StoreError::Unexpected(_))
        ));
        assert_eq!(
            store.pending_migrations().await.unwrap(),
            ["V1__person", "V2__api_key", "V3__lists"]
        );
    }
    let type_exists = "select to_regtype('sexenum') is not null";
    assert!(
        !client
            .query_one_scalar::<bool, _>(type_exists, &[])
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn looking_for_pending_migrations_makes_no_table() {
    let database = fresh_database().await;
    let store = Postgres::open(database.url(), Options::default()).unwrap();
    assert_eq!(
        store.pending_migrations().await.unwrap(),
        ["V1__person", "V2__api_key", "V3__lists"]
    );
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    let tables: i64 = connect(database.url())
        .await
        .query_one_scalar(tables, &[])
        .await
        .unwrap();
    assert_eq!(tables, 0);
}
