//! Rows that break the document: found by a migration, repaired by what it prints, refused by constraints, and named when
//! a request comes to them.

use std::fmt::Write as _;

use std::time::{Duration, Instant};

use connexion_app::app;
use connexion_app::person::{MAX_NAME, Sex};
use rusqlite::Connection;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::postgres_adoption::TABLE;
use crate::postgres_server::{Database, connect, fresh_database, fresh_database_in};
use crate::program::{Ended, Program, Service};

const SQLITE: &str = "sqlite:people.sqlite";

/// The table of the original service without its `not null`, and with `sex` as a text.
fn loose() -> String {
    TABLE
        .replace(" not null", "")
        .replace("varchar(100)", "text")
        .replace("sex sexenum", "sex varchar(9)")
}

/// What a program of another kind may have made on SQLite.
const LOOSE_SQLITE: &str = "create table person (uuid char(32) primary key, survived boolean, passenger_class integer, \
    name varchar(100), sex varchar(6), age integer, siblings_or_spouses_aboard integer, \
    parents_or_children_aboard integer, fare float)";

fn key(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

/// The SQL in what `migrate` says.
fn repairs(said: &str) -> String {
    let lines = said.lines().filter(|line| line.starts_with("update "));
    lines.fold(String::new(), |mut all, line| {
        writeln!(all, "{line}").unwrap();
        all
    })
}

async fn run(database: &Database, sql: &str) {
    let client = connect(database.url()).await;
    client.batch_execute(sql).await.unwrap();
}

fn sqlite(program: &Program) -> Connection {
    Connection::open(program.path("people.sqlite")).unwrap()
}

/// What `migrate` says of a database that it refuses.
#[track_caller]
fn refusal(program: &Program, arguments: &[&str]) -> String {
    program.run(arguments).failed(1)
}

const BROKEN_ON_POSTGRES: [(&str, &str); 9] = [
    ("true, 1, 'Nan', 'male', 1, 0, 0, 'NaN'", "fare is NaN"),
    (
        "true, 1, 'Inf', 'male', 1, 0, 0, 'Infinity'",
        "fare is Infinity",
    ),
    (
        "true, 1, 'Inf', 'male', 1, 0, 0, '-Infinity'",
        "fare is -Infinity",
    ),
    ("null, 1, 'Null', 'male', 1, 0, 0, 1", "survived is null"),
    (
        "true, null, 'Null', 'male', null, null, null, null",
        "passenger_class is null",
    ),
    ("true, 1, null, 'male', 1, 0, 0, 1", "name is NULL"),
    (
        "true, 1, repeat('é', 101), 'male', 1, 0, 0, 1",
        "name is 'éé",
    ),
    (
        "true, 1, 'Capitals', 'FEMALE', 1, 0, 0, 1",
        "sex is 'FEMALE'",
    ),
    (
        "true, 1, 'Other', 'unknown', 1, 0, 0, 1",
        "sex is 'unknown'",
    ),
];

#[tokio::test]
async fn rows_that_break_the_document_are_listed_repaired_by_the_sql_and_refused_on_postgres() {
    let database = fresh_database().await;
    let mut sql = loose();
    for (number, (values, _)) in BROKEN_ON_POSTGRES.iter().enumerate() {
        let key = key(number as u128);
        writeln!(sql, "insert into person values ('{key}', {values});").unwrap();
    }
    writeln!(
        sql,
        "insert into person values ('{}', false, 3, repeat('é', 100), 'other', 2, 0, 0, 7.25)",
        key(99)
    )
    .unwrap();
    run(&database, &sql).await;
    let client = connect(database.url()).await;
    let inventory = "select string_agg(relname::text, ' ' order by relname) from pg_class \
        where relnamespace = 'public'::regnamespace";
    let before: String = client.query_one_scalar(inventory, &[]).await.unwrap();
    let program = Program::on(database.url()).env("APP_SETTINGS", "production");
    for arguments in [&["migrate"][..], &["migrate", "--constrain"]] {
        let said = refusal(&program, arguments);
        assert!(
            said.contains("13 values of the table person break the document"),
            "{said}"
        );
        for (number, (_, expected)) in BROKEN_ON_POSTGRES.iter().enumerate() {
            let line = format!("  uuid {}: {expected}", key(number as u128));
            assert!(said.contains(&line), "{line}: {said}");
        }
        assert!(!said.contains(&key(99)), "{said}");
    }
    let after: String = client.query_one_scalar(inventory, &[]).await.unwrap();
    assert_eq!(after, before);
    let not_applied = program.run(&["check-migration"]);
    assert_eq!(not_applied.code, Some(1));

    run(&database, &repairs(&refusal(&program, &["migrate"]))).await;
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    assert_eq!(service.people(), 10);
    let repaired = person(&service, 7);
    assert_eq!(
        (&repaired["sex"], &repaired["name"]),
        (&json!("female"), &json!("Capitals"))
    );
    assert_eq!(person(&service, 99)["fare"], 7.25);
}

/// The values of a row after its key; `?` stands for a key of 16 bytes.
const BROKEN_ON_SQLITE: [(&str, &str, &str); 15] = [
    ("?", "1, 1, 'Inf', 'male', 1, 0, 0, 9e999", "fare is Inf"),
    (
        "?",
        "1, 1, 'Text', 'male', 1, 0, 0, 'seven'",
        "fare is 'seven'",
    ),
    (
        "?",
        "'yes', 1, 'Text', 'male', 1, 0, 0, 1",
        "survived is 'yes'",
    ),
    ("?", "2, 1, 'Two', 'male', 1, 0, 0, 1", "survived is 2"),
    ("?", "1, 1, 'Text', 'male', 'old', 0, 0, 1", "age is 'old'"),
    (
        "?",
        "1, 1, 'Blob', 'male', x'3232', 0, 0, 1",
        "age is x'3232'",
    ),
    (
        "?",
        "1, 3000000000, 'Large', 'male', 1, 0, 0, 1",
        "passenger_class is 3000000000",
    ),
    ("?", "1, 1, 'Fraction', 'male', 0.5, 0, 0, 1", "age is 0.5"),
    ("?", "1, 1, null, 'male', 1, null, 0, 1", "name is null"),
    (
        "?",
        "1, 1, 'a' || char(0) || 'b', 'male', 1, 0, 0, 1",
        "name is 'a",
    ),
    (
        "?",
        "1, 1, cast(x'61ff62' as text), 'male', 1, 0, 0, 1",
        "name is 'a\u{fffd}b'",
    ),
    (
        "?",
        "1, 1, x'4c6f6e67', 'Male', 1, 0, 0, 1",
        "name is x'4C6F6E67'",
    ),
    (
        "?",
        "1, 1, printf('%.101c', 'x'), 'female', 1, 0, 0, 1",
        "name is 'xx",
    ),
    (
        "'0123456789ABCDEF0123456789abcdef'",
        "1, 1, 'Key', 'male', 1, 0, 0, 1",
        "uuid is '0123456789ABCDEF0123456789abcdef'",
    ),
    (
        "'someone'",
        "1, 1, 'Key', 'male', 1, 0, 0, 1",
        "uuid is 'someone'",
    ),
];

fn fill_sqlite(program: &Program) {
    let file = sqlite(program);
    file.execute_batch(LOOSE_SQLITE).unwrap();
    for (number, (row_key, values, _)) in BROKEN_ON_SQLITE.iter().enumerate() {
        let blob = format!("x'{}'", Uuid::from_u128(number as u128).simple());
        let row_key = row_key.replace('?', &blob);
        file.execute_batch(&format!("insert into person values ({row_key}, {values})"))
            .unwrap();
    }
    let good = format!("x'{}'", Uuid::from_u128(99).simple());
    let good = format!("insert into person values ({good}, 0, 3, 'Zoë', 'other', 2, 0, 0, 7)");
    file.execute_batch(&good).unwrap();
}

#[test]
fn rows_that_break_the_document_are_listed_repaired_by_the_sql_and_refused_on_sqlite() {
    let program = Program::on(SQLITE);
    fill_sqlite(&program);
    let bytes = |program: &Program| std::fs::read(program.path("people.sqlite")).unwrap();
    let before = bytes(&program);
    // By the command, and by a service that would migrate its file by itself.
    for arguments in [
        &["migrate"][..],
        &["migrate", "--constrain"],
        &["serve", "--port", "0"],
    ] {
        let said = refusal(&program, arguments);
        for (number, (row_key, _, expected)) in BROKEN_ON_SQLITE.iter().enumerate() {
            assert!(said.contains(expected), "{expected}: {said}");
            let named = format!("  uuid {}: ", key(number as u128));
            assert!(*row_key != "?" || said.contains(&named), "{named}: {said}");
        }
        assert!(!said.contains("Zoë") && !said.contains(&key(99)), "{said}");
        assert!(bytes(&program) == before, "the file has changed");
    }
    let sql = repairs(&refusal(&program, &["migrate"]));
    sqlite(&program).execute_batch(&sql).unwrap();
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    assert_eq!(service.people(), BROKEN_ON_SQLITE.len() + 1);
    let known = service.get("/people/01234567-89ab-cdef-0123-456789abcdef");
    assert_eq!(known.status, 200, "{known:?}");
    assert_eq!(person(&service, 2)["survived"], true);
    assert_eq!(person(&service, 5)["age"], 22);
    assert_eq!(person(&service, 6)["passengerClass"], i32::MAX);
    assert_eq!(person(&service, 9)["name"], "a");
    assert_eq!(
        (&person(&service, 11)["name"], &person(&service, 11)["sex"]),
        (&json!("Long"), &json!("male"))
    );
    assert_eq!(
        (&person(&service, 99)["name"], &person(&service, 99)["fare"]),
        (&json!("Zoë"), &json!(7.0))
    );
    assert_eq!(service.post("/people", NEW).status, 200);
    let changed = put(&service, &key(99), r#"{"fare": 8.5}"#);
    assert_eq!(changed.status, 200, "{changed:?}");
}

#[test]
fn a_table_of_another_shape_is_refused_by_name_on_sqlite() {
    for (sql, reason) in [
        (
            "create view person as select 1 as uuid",
            "person is a view, not a table",
        ),
        (
            "create table person (id integer primary key)",
            "table person: column fare is missing",
        ),
        (
            &LOOSE_SQLITE.replace(" primary key", ""),
            "column uuid is not the primary key",
        ),
        (
            &LOOSE_SQLITE.replace("fare float", "fare text"),
            "column fare is TEXT",
        ),
        (
            &LOOSE_SQLITE.replace("name varchar(100)", "name integer"),
            "column name is INTEGER",
        ),
        (
            &LOOSE_SQLITE.replace("fare float", "fare float, cabin text not null"),
            "the additional column cabin",
        ),
        (
            "create table api_key (id integer)",
            "there is a table api_key of another program",
        ),
        (
            "create table x (id); create index person_age on x (id)",
            "there is a index person_age",
        ),
    ] {
        let program = Program::on(SQLITE);
        sqlite(&program).execute_batch(sql).unwrap();
        let before = std::fs::read(program.path("people.sqlite")).unwrap();
        let said = refusal(&program, &["migrate"]);
        assert!(said.contains(reason), "{reason}: {said}");
        assert!(
            std::fs::read(program.path("people.sqlite")).unwrap() == before
                || !sql.contains("person (")
        );
        let history = "select count(*) from sqlite_master where name = 'refinery_schema_history'";
        let history: i64 = sqlite(&program)
            .query_row(history, [], |row| row.get(0))
            .unwrap();
        assert_eq!(history, 0);
    }
}

#[tokio::test]
async fn the_first_twenty_broken_values_are_listed_and_all_are_counted() {
    let database = fresh_database().await;
    let rows = "insert into person select md5(n::text)::uuid, true, 1, 'x', 'male', 1, 0, 0, 'NaN' \
        from generate_series(1, 1000) as n";
    run(&database, &format!("{TABLE}{rows}")).await;
    let said = refusal(&Program::on(database.url()), &["migrate"]);
    assert!(
        said.contains("1000 values of the table person break the document"),
        "{said}"
    );
    assert_eq!(said.matches("  uuid ").count(), 20, "{said}");
    assert!(said.contains("  and 980 more\n"), "{said}");
    assert_eq!(said.matches("update person set").count(), 1, "{said}");
}

/// Statements by another program that the database must refuse once it is constrained.
const REFUSED: [&str; 8] = [
    "update person set fare = 'Infinity'",
    "update person set fare = 'NaN'",
    "update person set fare = null",
    "update person set age = null",
    "update person set survived = null",
    "update person set name = repeat('x', 101)",
    "update person set name = null",
    "update person set sex = 'MALE'",
];

#[tokio::test]
async fn a_constrained_database_refuses_what_the_document_does_not_allow_on_postgres() {
    for table in [loose(), TABLE.to_owned(), String::new()] {
        let database = fresh_database().await;
        let program = Program::on(database.url()).env("APP_SETTINGS", "production");
        run(&database, &table).await;
        // A new table needs no word.
        if table.is_empty() {
            program.run(&["migrate"]).ok();
        } else {
            assert!(
                program
                    .run(&["migrate", "--constrain"])
                    .ok()
                    .contains("person_fare_valid")
            );
        }
        assert_eq!(
            program.run(&["migrate", "--constrain"]).ok(),
            "nothing to do\n"
        );
        let service = program.serve(&[]);
        assert_eq!(service.post("/people", NEW).status, 200);
        let client = connect(database.url()).await;
        for statement in REFUSED {
            let refused = client.batch_execute(statement).await;
            assert!(refused.is_err(), "{statement}");
        }
        let all = program.run(&["migrate", "--constrain"]).ok();
        assert_eq!(all, "nothing to do\n");
    }
}

#[test]
fn a_constrained_database_refuses_what_the_document_does_not_allow_on_sqlite() {
    for is_adopted in [false, true] {
        let program = Program::on(SQLITE);
        if is_adopted {
            sqlite(&program).execute_batch(LOOSE_SQLITE).unwrap();
            assert!(
                program
                    .run(&["migrate", "--constrain"])
                    .ok()
                    .contains("person_uuid_valid")
            );
        } else {
            program.run(&["migrate"]).ok();
        }
        assert_eq!(
            program.run(&["migrate", "--constrain"]).ok(),
            "nothing to do\n"
        );
        let service = program.serve(&[]);
        assert_eq!(service.post("/people", NEW).status, 200);
        let file = sqlite(&program);
        let more = [
            "update person set fare = 9e999",
            "update person set age = 3000000000",
            "update person set survived = 2",
            "update person set name = 'a' || char(0)",
            "update person set uuid = 'someone'",
        ];
        for statement in REFUSED
            .iter()
            .filter(|one| !one.contains("repeat"))
            .chain(&more)
        {
            assert!(file.execute_batch(statement).is_err(), "{statement}");
        }
    }
}

#[tokio::test]
async fn two_that_constrain_at_once_do_it_once() {
    let database = fresh_database().await;
    run(&database, &loose()).await;
    for url in [database.url(), SQLITE] {
        let program = Program::on(url);
        if url == SQLITE {
            sqlite(&program).execute_batch(LOOSE_SQLITE).unwrap();
        }
        program.run(&["migrate"]).ok();
        let both = std::thread::scope(|scope| {
            let one = || program.run(&["migrate", "--constrain"]).ok();
            let (first, second) = (scope.spawn(one), scope.spawn(one));
            [first.join().unwrap(), second.join().unwrap()]
        });
        let done = both
            .iter()
            .filter(|said| said.contains("the database checks"));
        assert_eq!(done.count(), 1, "{both:?}");
    }
}

/// Everybody who comes while a lock is waited for waits behind it.
#[tokio::test]
async fn constraining_a_table_in_use_holds_up_writers_for_a_moment_only() {
    let database = fresh_database().await;
    run(&database, &loose()).await;
    let program = Program::on(database.url()).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    let long = connect(database.url()).await;
    long.batch_execute("begin; delete from person")
        .await
        .unwrap();
    let constraining = std::thread::spawn({
        let program = program.clone();
        move || program.run(&["migrate", "--constrain"])
    });
    let writer = connect(database.url()).await;
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    while begun.elapsed() < Duration::from_secs(5) {
        let each = Instant::now();
        let insert = "insert into person values (md5(random()::text)::uuid, true, 1, 'x', 'male', 1, 0, 0, 1)";
        writer.batch_execute(insert).await.unwrap();
        longest = longest.max(each.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!constraining.is_finished());
    long.batch_execute("commit").await.unwrap();
    assert!(longest < Duration::from_secs(4), "{longest:?}");
    let ended: Ended = constraining.join().unwrap();
    assert!(ended.ok().contains("person_fare_valid"));
}

const NEW: &str = r#"{"passengerClass": 1, "name": "New", "sex": "other", "age": 1, "siblingsOrSpousesAboard": 0,
    "parentsOrChildrenAboard": 0, "fare": 1.5}"#;

fn put(service: &Service, key: &str, json: &str) -> crate::program::Answer {
    service.put(&format!("/people/{key}"), json)
}

#[track_caller]
fn person(service: &Service, number: u128) -> Value {
    let answer = service.get(&format!("/people/{}", key(number)));
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

/// A served database with three people, the second of whom another program has broken afterwards, by this SQL.
async fn served_with_a_broken_row(database: Option<&Database>, breaking: &str) -> Service {
    let url = database.map_or(SQLITE, Database::url);
    let program = Program::on(url).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    for number in 1..=3_u128 {
        let mut new: Value = serde_json::from_str(NEW).unwrap();
        new["uuid"] = key(number).into();
        assert_eq!(service.post("/people", &new.to_string()).status, 200);
    }
    let uuid = key(2);
    if let Some(database) = database {
        let loosen = "alter table person drop constraint person_fare_valid; \
            alter table person alter sex type text, alter name type text, \
                alter survived drop not null, alter age drop not null, alter sex drop not null";
        let breaking = format!("update person set {breaking} where uuid = '{uuid}'");
        run(database, &format!("{loosen}; {breaking}")).await;
    } else {
        let digits = uuid.replace('-', "");
        let breaking = format!("update person set {breaking} where uuid = x'{digits}'");
        let breaking = format!("pragma ignore_check_constraints = on; {breaking}");
        sqlite(&program).execute_batch(&breaking).unwrap();
    }
    service
}

/// What holds of a row in which `column` is broken, and which `repair` repairs.
fn harms_nobody_else(service: &Service, column: &str, repair: &str) {
    let broken = key(2);
    let path = format!("/people/{broken}");
    let named = format!("uuid {broken}: column {column}: ");
    assert_eq!(service.get(&path).status, 500);
    service.running.until_it_says(&named);
    // A change that leaves it broken is not done.
    let refused = service.put(&path, r#"{"passengerClass": 77}"#);
    assert_eq!(refused.status, 500, "{refused:?}");
    assert!(
        refused
            .body
            .contains("The service could not answer this request."),
        "{refused:?}"
    );
    // The others, alone and together.
    std::thread::scope(|scope| {
        for number in [1, 2, 3].into_iter().cycle().take(60) {
            scope.spawn(move || {
                let answers = [
                    service.get(&format!("/people/{}", key(number))),
                    put(service, &key(number), r#"{"age": 5}"#),
                ];
                for answer in answers {
                    let expected = if number == 2 { 500 } else { 200 };
                    assert_eq!(answer.status, expected, "{number}: {answer:?}");
                }
            });
        }
    });
    assert_eq!(put(service, &key(9), "{}").status, 404);
    // Pages that do not hold it, the last row of which is only looked at.
    let first = service.get("/people?limit=1&count=exact&sort=uuid");
    assert_eq!(first.status, 200, "{first:?}");
    assert!(
        first.headers["link"].to_str().unwrap().contains("next"),
        "{first:?}"
    );
    assert_eq!(service.get("/people?limit=1&sort=-uuid").status, 200);
    let summary = service.get("/people/summary");
    assert_eq!(summary.status, 200, "{summary:?}");
    assert_eq!(
        service
            .get("/people/summary?name=new&fare%5Bgte%5D=0")
            .status,
        200
    );
    // Nothing of a list was sent when it comes to the row.
    for accept in [
        "application/json",
        "application/x-ndjson",
        "text/csv",
        "text/html",
    ] {
        let answer = service.get_as("/people", accept);
        assert_eq!(answer.status, 500, "{accept}: {answer:?}");
    }
    assert_eq!(service.put(&path, repair).status, 200);
    let repaired = person(service, 2);
    assert_eq!(
        (&repaired["passengerClass"], &repaired["name"]),
        (&json!(1), &json!("New"))
    );
    assert_eq!(service.people(), 3);
}

#[tokio::test]
async fn a_row_that_another_program_breaks_is_named_and_harms_no_other_on_postgres() {
    for (breaking, column, repair) in [
        ("fare = 'NaN'", "fare", r#"{"fare": 1.5}"#),
        ("fare = '-Infinity'", "fare", r#"{"fare": 1.5}"#),
        ("age = null", "age", r#"{"age": 1}"#),
        ("survived = null", "survived", r#"{"survived": true}"#),
        ("sex = 'MALE'", "sex", r#"{"sex": "male"}"#),
        ("sex = null", "sex", r#"{"sex": "male"}"#),
        ("name = repeat('x', 101)", "name", r#"{"name": "New"}"#),
    ] {
        let database = fresh_database().await;
        let service = served_with_a_broken_row(Some(&database), breaking).await;
        // A batch of updates changes an age; that of this row is what is broken.
        if column == "age" {
            assert_eq!(put(&service, &key(2), r#"{"fare": 2}"#).status, 500);
            assert_eq!(put(&service, &key(2), repair).status, 200);
            continue;
        }
        harms_nobody_else(&service, column, repair);
    }
}

#[tokio::test]
async fn a_row_that_another_program_breaks_is_named_and_harms_no_other_on_sqlite() {
    for (breaking, column, repair) in [
        ("fare = 9e999", "fare", r#"{"fare": 1.5}"#),
        (
            "parents_or_children_aboard = 3000000000",
            "parents_or_children_aboard",
            r#"{"parentsOrChildrenAboard": 0}"#,
        ),
        ("survived = 2", "survived", r#"{"survived": true}"#),
        ("sex = 'MALE'", "sex", r#"{"sex": "male"}"#),
        ("name = 'a' || char(0)", "name", r#"{"name": "New"}"#),
        ("name = cast(x'ff' as text)", "name", r#"{"name": "New"}"#),
        ("name = printf('%.101c', 'x')", "name", r#"{"name": "New"}"#),
    ] {
        let service = served_with_a_broken_row(None, breaking).await;
        harms_nobody_else(&service, column, repair);
    }
}

#[tokio::test]
async fn a_broken_row_can_be_deleted() {
    let database = fresh_database().await;
    for (database, breaking) in [(Some(&database), "fare = 'NaN'"), (None, "fare = 9e999")] {
        let service = served_with_a_broken_row(database, breaking).await;
        assert_eq!(service.delete(&format!("/people/{}", key(2))).status, 200);
        assert_eq!(service.people(), 2);
    }
}

#[tokio::test]
async fn the_log_names_broken_rows_a_bounded_number_of_times() {
    let service = served_with_a_broken_row(None, "fare = 9e999").await;
    for _ in 0..50 {
        assert_eq!(service.get(&format!("/people/{}", key(2))).status, 500);
    }
    let said = service.stop().stderr;
    let lines = said.matches("column fare: not a finite number").count();
    assert!((1..=60).contains(&lines), "{lines}");
    assert!(
        said.contains("more rows of the table person break the document"),
        "{said}"
    );
}

/// A list that breaks off later has sent its status already.
#[tokio::test]
async fn a_list_that_comes_to_a_broken_row_late_breaks_off_and_the_log_names_the_row() {
    let database = fresh_database().await;
    let program = Program::on(database.url()).env("APP_SETTINGS", "production");
    let rows = "insert into person select lpad(n::text, 32, '0')::uuid, true, 1, repeat('x', 90), 'male', 1, 0, 0, \
        case when n = 20000 then 'NaN'::float8 else 1 end from generate_series(1, 20000) as n";
    program.run(&["migrate"]).ok();
    run(
        &database,
        &format!("alter table person drop constraint person_fare_valid; {rows}"),
    )
    .await;
    let service = program.serve(&[]);
    assert!(service.try_get("/people").is_err());
    service.running.until_it_says(
        "uuid 00000000-0000-0000-0000-000000020000: column fare: not a finite number",
    );
}

#[test]
fn the_limits_of_rows_are_those_of_the_document() {
    let document: Value = serde_json::from_str(&app::document().unwrap().to_json()).unwrap();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Name"]["maxLength"], MAX_NAME);
    assert_eq!(schemas["Name"]["pattern"], "^[^\\u0000]*$");
    assert_eq!(schemas["Sex"]["enum"], json!(Sex::ALL.map(Sex::as_str)));
    for name in [
        "PassengerClass",
        "Age",
        "SiblingsOrSpousesAboard",
        "ParentsOrChildrenAboard",
    ] {
        let schema = &schemas[name];
        assert_eq!(
            (&schema["type"], &schema["format"]),
            (&json!("integer"), &json!("int32")),
            "{name}"
        );
        assert_eq!(
            (schema.get("minimum"), schema.get("maximum")),
            (None, None),
            "{name}"
        );
    }
    assert_eq!(schemas["Fare"]["type"], "number");
    assert_eq!(
        (
            schemas["Fare"].get("minimum"),
            schemas["Fare"].get("maximum")
        ),
        (None, None)
    );
}

#[tokio::test]
async fn names_that_are_no_utf8_are_refused_and_repaired_in_a_database_without_encoding() {
    let database = fresh_database_in("SQL_ASCII").await;
    let sql = format!(
        "{TABLE} insert into person values ('{}', true, 1, E'M\\xfcller', 'male', 1, 0, 0, 1), \
         ('{}', true, 1, E'M\\xc3\\xbcller', 'male', 1, 0, 0, 1)",
        key(1),
        key(2)
    );
    run(&database, &sql).await;
    let program = Program::on(database.url()).env("APP_SETTINGS", "production");
    let said = refusal(&program, &["migrate"]);
    assert!(said.contains("name is 'M\\374ller'"), "{said}");
    assert!(
        said.contains("1 value of the table person breaks"),
        "{said}"
    );
    run(&database, &repairs(&said)).await;
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    assert_eq!(person(&service, 1)["name"], "M?ller");
    assert_eq!(person(&service, 2)["name"], "Müller");
}
