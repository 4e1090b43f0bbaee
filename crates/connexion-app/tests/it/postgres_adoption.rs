//! Migrating a database that the original service has left behind.

use connexion_app::person::{PersonChanges, Sex};
use connexion_app::query::Select;
use connexion_app::store::postgres::{Options, Postgres};
use connexion_app::store::{Store, StoreError};
use futures_util::TryStreamExt;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::postgres_server::{connect, fresh_database, fresh_database_in};
use crate::program::Program;

pub(crate) const TABLE: &str = "
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
        assert!(matches!(store.migrate().await, Err(StoreError::Unfit(_))));
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

/// What is in a database besides PostgreSQL's own.
async fn inventory(client: &Client) -> String {
    let inventory = "select coalesce(string_agg(name, ' ' order by name), '') from ( \
            select relname::text from pg_class where relnamespace = 'public'::regnamespace \
            union all select proname::text from pg_proc where pronamespace = 'public'::regnamespace \
            union all select typname::text from pg_type where typnamespace = 'public'::regnamespace \
        ) as all_of_it (name)";
    client.query_one_scalar(inventory, &[]).await.unwrap()
}

#[tokio::test]
async fn whatever_has_a_name_that_a_migration_needs_is_refused_by_name() {
    for (sql, reason) in [
        (
            "create view person as select 1 as uuid",
            "person is a view, not a table",
        ),
        ("create type person as enum ('a')", "there is a type person"),
        (
            "create type sexenum as enum ('m', 'f')",
            "the type sexenum is not enum",
        ),
        (
            "create table api_key (id integer)",
            "table api_key: column id is integer, not text",
        ),
        (
            "create view idempotency as select 1",
            "idempotency is a view, not a table",
        ),
        (
            "create table person_age (id integer)",
            "person_age is not an index of the table person",
        ),
        (
            "create function person_fold(text) returns text language sql as 'select $1'",
            "the function person_fold(text) is another program's",
        ),
        (
            "create table refinery_schema_history (version integer, name text, checksum text); \
             insert into refinery_schema_history values (1, 'users', '7')",
            "the table refinery_schema_history lists V1__users",
        ),
        (
            "create table refinery_schema_history (id integer)",
            "the table refinery_schema_history belongs to another program",
        ),
        (
            &TABLE.replace(
                "age integer not null",
                "age integer not null, cabin text not null",
            ),
            "the additional column cabin is not null and has no default",
        ),
        (
            &TABLE.replace(
                "age integer not null",
                "age integer generated always as identity",
            ),
            "column age is generated",
        ),
    ] {
        let database = fresh_database().await;
        let client = connect(database.url()).await;
        client.batch_execute(sql).await.unwrap();
        let before = inventory(&client).await;
        let store = Postgres::open(database.url(), Options::default()).unwrap();
        let refusal = store.migrate().await.unwrap_err();
        assert!(matches!(refusal, StoreError::Unfit(_)), "{refusal}");
        assert!(refusal.to_string().contains(reason), "{sql}: {refusal}");
        assert_eq!(inventory(&client).await, before, "{sql}");
    }
}

#[tokio::test]
async fn additional_columns_that_need_no_value_are_adopted() {
    let more = "age integer not null, cabin text, deck integer not null default 1, \
        row integer generated always as identity";
    let table = TABLE.replace("age integer not null", more);
    let rest = REST.replace(
        "into person values",
        "into person (uuid, survived, passenger_class, name, sex, age, \
        siblings_or_spouses_aboard, parents_or_children_aboard, fare) values",
    );
    migrate_after(&format!("{table}{rest}")).await.unwrap();
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let database = fresh_database().await;
    let client = connect(database.url()).await;
    // The third migration is the first that makes an index by a statement of its own and a function.
    let fail = "create function fail() returns event_trigger language plpgsql as \
            $$ begin if exists (select from pg_class where relname = 'person_fare') then \
            raise exception 'no room'; end if; end $$; \
        create event trigger fail on ddl_command_end execute function fail()";
    client.batch_execute(fail).await.unwrap();
    let before = inventory(&client).await;
    let store = Postgres::open(database.url(), Options::default()).unwrap();
    let error = store.migrate().await.unwrap_err();
    assert!(error.to_string().contains("no room"), "{error}");
    assert_eq!(inventory(&client).await, before);
    client
        .batch_execute("drop event trigger fail")
        .await
        .unwrap();
    assert!(store.migrate().await.unwrap().created);
}

#[tokio::test]
async fn a_database_of_another_encoding_is_migrated_and_served() {
    for encoding in ["LATIN1", "SQL_ASCII", "WIN1252", "EUC_JP"] {
        let database = fresh_database_in(encoding).await;
        let program = Program::on(database.url()).env("APP_SETTINGS", "production");
        program.run(&["migrate"]).ok();
        let service = program.serve(&[]);
        let person = |name: &str| {
            format!(
                r#"{{"passengerClass": 1, "name": "{name}", "sex": "other", "age": 1, "siblingsOrSpousesAboard": 0,
                "parentsOrChildrenAboard": 0, "fare": 1.5}}"#
            )
        };
        assert_eq!(service.post("/people", &person("Ann BROWN")).status, 200);
        let found = service.get("/people?name=brown");
        assert!(found.body.contains("Ann BROWN"), "{encoding}: {found:?}");
        // A name that the encoding does not have is an error of the client's, or it is stored.
        let added = service.post("/people", &person("😀 Łukasz"));
        if encoding == "SQL_ASCII" {
            assert_eq!(added.status, 200, "{added:?}");
            assert!(service.get("/people?name=łukasz").body.len() > 2 || service.people() == 2);
        } else {
            assert_eq!(added.status, 400, "{encoding}: {added:?}");
            assert_eq!(service.people(), 1);
            assert_eq!(service.get("/people?name=%F0%9F%98%80").status, 400);
        }
        program.run(&["migrate", "--constrain"]).ok();
    }
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
