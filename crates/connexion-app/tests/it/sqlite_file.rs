//! The file of an SQLite database: who creates it, what stands beside it, and what it holds when a process has ended.

use std::fs;
use std::io::Read;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::postgres_server::{connect, fresh_database};
use crate::program::{Program, Service, names_in, until};
use crate::serving::{MANY, crowded};

const SQLITE: &str = "sqlite:people.sqlite";
const FILE: &str = "people.sqlite";
const LOG: &str = "people.sqlite-wal";
const LIST: &str = "GET /people HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const PERSON: &str = r#"{"name":"Doe","passengerClass":1,"sex":"male","age":7,
    "siblingsOrSpousesAboard":0,"parentsOrChildrenAboard":0,"fare":7.5}"#;

fn csv(rows: usize) -> String {
    let header =
        "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";
    format!("{header}{}", "0,3,Doe,male,22,1,0,7.25\n".repeat(rows))
}

/// How many people are in a copy of the one file.
#[track_caller]
pub(crate) fn people_in_a_copy(program: &Program) -> usize {
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy.sqlite");
    fs::copy(program.path(FILE), &copy).unwrap();
    people(&Connection::open(copy).unwrap())
}

fn people(file: &Connection) -> usize {
    let count = "select count(*) from person";
    let count: u32 = file.query_row(count, [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

fn log_size(program: &Program) -> u64 {
    fs::metadata(program.path(LOG)).map_or(0, |log| log.len())
}

#[track_caller]
fn until_log_is_at_most(program: &Program, most: u64) {
    until(|| match log_size(program) {
        size if size <= most => Ok(()),
        size => Err(format!("a log of {most} bytes, it has {size}")),
    });
}

/// Starts a list that its client does not read.
fn hold_a_list(service: &Service) -> std::net::TcpStream {
    let mut list = service.send(LIST);
    list.read_exact(&mut [0; 100]).unwrap();
    list
}

#[test]
fn clean_stop_leaves_one_sqlite_file_with_every_acknowledged_row() {
    let program = Program::on(SQLITE).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    for stop in 1..=14 {
        let service = program.serve(&[]);
        let added = service.post("/people", PERSON);
        assert_eq!(added.status, 200);
        let path = added.headers["location"].to_str().unwrap();
        assert_eq!(service.get(path).status, 200);
        assert_eq!(service.people(), stop);
        let signal = if stop % 2 == 0 { "TERM" } else { "INT" };
        service.running.signal(signal);
        service.running.end().ok();
        assert_eq!(names_in(&program.path("")), [FILE], "after stop {stop}");
        assert_eq!(people_in_a_copy(&program), stop);
    }
}

/// A list that nobody reads holds a connection until the server cuts it.
#[test]
fn clean_stop_leaves_one_sqlite_file_although_a_list_is_in_progress() {
    let program = crowded(SQLITE).env("APP_GRACEFUL_TIMEOUT", "1");
    let service = program.serve(&[]);
    let list = hold_a_list(&service);
    assert_eq!(service.post("/people", PERSON).status, 200);
    let begun = Instant::now();
    service.stop().ok();
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(names_in(&program.path("")), [FILE]);
    assert_eq!(people_in_a_copy(&program), MANY + 1);
    drop(list);
}

#[test]
fn service_that_fails_to_start_leaves_one_sqlite_file() {
    let program = Program::new();
    program
        .run(&["--host", "nowhere.invalid", "--port", "0"])
        .failed(1);
    assert_eq!(names_in(&program.path("")), ["connexion-app.sqlite"]);
}

#[test]
fn every_command_leaves_one_sqlite_file() {
    let program = Program::on(SQLITE).file("people.csv", &csv(2_000));
    for command in [
        &["migrate"][..],
        &["check-db"],
        &["check-migration"],
        &["import-data", "people.csv"],
        &["export-data", "people.csv"],
        &["keys", "add", "me", "--scope", "read"],
        &["keys", "list"],
        &["backup", "people.csv", "--force"],
    ] {
        program.run(command).ok();
        assert_eq!(
            names_in(&program.path("")),
            ["people.csv", FILE],
            "{command:?}"
        );
    }
    assert_eq!(people_in_a_copy(&program), 2_000);
}

const READING: [&[&str]; 8] = [
    &["check-db"],
    &["check-migration"],
    &["export-data"],
    &["export-data", "people.csv"],
    &["keys", "list"],
    &["keys", "add", "me", "--scope", "read"],
    &["keys", "revoke", "me"],
    &["backup", "copy.sqlite"],
];

#[test]
fn commands_that_read_create_no_database_file() {
    for (program, file) in [
        (Program::new(), "connexion-app.sqlite"),
        (Program::on(SQLITE), FILE),
    ] {
        let told = format!(
            "connexion-app: the database is unavailable: there is no file {}\n",
            program.path(file).display()
        );
        for command in READING {
            assert_eq!(program.run(command).failed(1), told, "{command:?}");
            assert!(names_in(&program.path("")).is_empty(), "{command:?}");
        }
    }
}

#[test]
fn what_is_no_database_file_is_named_and_left_as_it_is() {
    let text =
        "not a database, but longer than the first page's header would have to be\n".repeat(9);
    let program = Program::on(SQLITE).file(FILE, &text);
    fs::create_dir(program.path("directory")).unwrap();
    let file = program.path(FILE).display().to_string();
    let directory = program.path("directory").display().to_string();
    for command in READING
        .into_iter()
        .chain([&["migrate"][..], &["serve", "--port", "0"]])
    {
        let told = format!(
            "connexion-app: the database is unavailable: {file} is not an SQLite database\n"
        );
        let stderr = program.run(command).failed(1);
        assert!(stderr.ends_with(&told), "{command:?}: {stderr}");
        let on_directory = [command, &["--database-url", "sqlite:directory"]].concat();
        let told =
            format!("connexion-app: the database is unavailable: {directory} is a directory\n");
        let stderr = program.run(&on_directory).failed(1);
        assert!(stderr.ends_with(&told), "{command:?}: {stderr}");
    }
    assert_eq!(program.read(FILE), text);
    assert_eq!(names_in(&program.path("")), ["directory", FILE]);
}

/// An empty file in its place would look like a database without people.
#[test]
fn file_that_is_removed_while_the_service_runs_is_not_created_again() {
    let program = crowded(SQLITE);
    let service = program.serve(&[]);
    for name in names_in(&program.path("")) {
        fs::remove_file(program.path(&name)).unwrap();
    }
    // Nothing was listed yet, so a list opens a connection.
    assert_eq!(service.get("/people").status, 503);
    assert!(names_in(&program.path("")).is_empty());
}

#[test]
fn list_breaks_off_after_database_list_timeout_on_sqlite() {
    let stderr = list_breaks_off(&crowded(SQLITE), MANY);
    let why = " s: it may take no longer (DATABASE_LIST_TIMEOUT)";
    assert!(
        stderr.contains(": a list was ended after ") && stderr.contains(why),
        "{stderr}"
    );
}

/// The server ends it when its client takes more; until then nothing is sent to it.
#[tokio::test]
async fn list_breaks_off_after_database_list_timeout_on_postgresql() {
    let database = fresh_database().await;
    let program = crowded(database.url());
    // Between the server and the service there are larger buffers.
    let more = "insert into person select gen_random_uuid(), survived, passenger_class, name, sex, age, \
        siblings_or_spouses_aboard, parents_or_children_aboard, fare from person, generate_series(1, 9)";
    connect(database.url())
        .await
        .batch_execute(more)
        .await
        .unwrap();
    let stderr = list_breaks_off(&program, 10 * MANY);
    let why = "57014 canceling statement due to statement timeout";
    assert!(stderr.contains(why), "{stderr}");
}

/// Lists so many people to a client that takes none of them, and returns what the service says.
fn list_breaks_off(program: &Program, count: usize) -> String {
    let service = program.serve(&["--database-lists", "1", "--database-list-timeout", "1"]);
    let mut list = hold_a_list(&service);
    sleep(Duration::from_secs(3));
    let mut rest = Vec::new();
    let _ = list.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "the list is complete");
    service
        .running
        .until_it_says("a streamed response ended early: ");
    // The only connection for lists is free.
    let path = "/people?limit=1&count=exact";
    assert_eq!(
        service.get(path).headers["x-total-count"],
        count.to_string()
    );
    service.stop().stderr
}

#[test]
fn log_of_an_import_shrinks_beside_the_service_and_over_a_restart() {
    let program = Program::on(SQLITE)
        .env("APP_SETTINGS", "production")
        .env("DATABASE_LOG_SIZE", "1048576")
        .file("people.csv", &csv(50_000));
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    program.run(&["import-data", "people.csv"]).ok();
    until_log_is_at_most(&program, 1 << 19);
    drop(service);
    // A process that is killed leaves the log as it is.
    let mut file = Connection::open(program.path(FILE)).unwrap();
    file.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    let change = file.transaction().unwrap();
    change.execute("update person set fare = 1.0", []).unwrap();
    change.commit().unwrap();
    assert!(log_size(&program) > 1 << 20);
    file.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .unwrap();
    drop(file);
    let service = program.serve(&[]);
    until_log_is_at_most(&program, 1 << 19);
    service.stop().ok();
    assert_eq!(people_in_a_copy(&program), 50_000);
}

/// Its snapshot can't be taken away; all that can be done is to say so, and to serve on.
#[test]
fn another_process_that_holds_the_log_is_told_and_the_log_shrinks_after_it() {
    let program = Program::on(SQLITE)
        .env("APP_SETTINGS", "production")
        .env("DATABASE_LOG_SIZE", "1048576");
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    let mut other = Connection::open(program.path(FILE)).unwrap();
    let reading = other.transaction().unwrap();
    assert_eq!(people(&reading), 0);
    until(|| {
        assert_eq!(service.post("/people", PERSON).status, 200);
        let said = service.running.stderr();
        said.contains("another process reads")
            .then_some(())
            .ok_or(said)
    });
    assert!(log_size(&program) > 1 << 20);
    assert!(service.people() > 0);
    reading.commit().unwrap();
    until_log_is_at_most(&program, 1 << 19);
    service.stop().ok();
}

#[test]
fn log_is_left_to_another_process_if_the_setting_says_so() {
    let program = Program::on(SQLITE)
        .env("APP_SETTINGS", "production")
        .env("DATABASE_LOG_SIZE", "1048576")
        .env("DATABASE_CHECKPOINT", "off");
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    until(|| {
        assert_eq!(service.post("/people", PERSON).status, 200);
        let size = log_size(&program);
        (size > 4 << 20)
            .then_some(())
            .ok_or(format!("4 MiB of {size}"))
    });
    assert!(!service.stop().stderr.contains("DATABASE_LOG_SIZE"));
}
