//! Copies of the database: `backup`, and exports that an import restores.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use rusqlite::Connection;

use crate::postgres_server::fresh_database;
use crate::program::{Program, names_in, until};
use crate::serving::{MANY, crowded};

const SQLITE: &str = "sqlite:people.sqlite";
const PERSON: &str = r#"{"name":"Doe","passengerClass":1,"sex":"male","age":7,
    "siblingsOrSpousesAboard":0,"parentsOrChildrenAboard":0,"fare":7.5}"#;

fn people(file: &Path) -> usize {
    let file = Connection::open(file).unwrap();
    let check = "pragma integrity_check";
    let check: String = file.query_row(check, [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let count = "select count(*) from person";
    let count: u32 = file.query_row(count, [], |row| row.get(0)).unwrap();
    usize::try_from(count).unwrap()
}

/// Sets a flag when it is dropped.
struct Stop<'f>(&'f AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn backup_is_whole_while_others_write() {
    let program = crowded(SQLITE);
    let service = program.serve(&[]);
    let (added, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|threads| {
        // Also if something fails, which would otherwise wait for the writers for ever.
        let _stop_at_the_end = Stop(&stop);
        for _ in 0..4 {
            threads.spawn(|| {
                while !stop.load(Relaxed) {
                    assert_eq!(service.post("/people", PERSON).status, 200);
                    added.fetch_add(1, Relaxed);
                }
            });
        }
        for number in 0..5 {
            let (name, before) = (format!("copy{number}.sqlite"), added.load(Relaxed));
            let said = program.run(&["backup", &name]).ok();
            let copied = people(&program.path(&name));
            let bytes = fs::metadata(program.path(&name)).unwrap().len();
            assert_eq!(
                said,
                format!("{copied} people, {bytes} bytes written to {name}\n")
            );
            // All that was acknowledged before, and nothing that does not exist yet.
            assert!(copied >= MANY + before && copied <= MANY + added.load(Relaxed) + 4);
            until(|| {
                (added.load(Relaxed) > before)
                    .then_some(())
                    .ok_or("a write".to_owned())
            });
        }
    });
    service.stop().ok();
    // Restored: the file is put in place, and the service starts.
    let restored = Program::on(SQLITE).env("APP_SETTINGS", "production");
    fs::copy(program.path("copy0.sqlite"), restored.path("people.sqlite")).unwrap();
    let expected = people(&program.path("copy0.sqlite"));
    let service = restored.serve(&[]);
    assert_eq!(service.people(), expected);
    assert_eq!(service.post("/people", PERSON).status, 200);
}

#[test]
fn backup_replaces_no_file_unless_told() {
    let program = Program::on(SQLITE).file("copy.sqlite", "precious");
    program.run(&["migrate"]).ok();
    let refused = program.run(&["backup", "copy.sqlite"]).failed(1);
    assert_eq!(
        refused,
        "connexion-app: copy.sqlite exists already; --force replaces it\n"
    );
    assert_eq!(program.read("copy.sqlite"), "precious");
    program.run(&["backup", "--force", "copy.sqlite"]).ok();
    assert_eq!(people(&program.path("copy.sqlite")), 0);
    // The database must not become its own copy, under whatever name.
    std::os::unix::fs::symlink("people.sqlite", program.path("link.sqlite")).unwrap();
    for own in ["people.sqlite", "./people.sqlite", "link.sqlite"] {
        let refused = program.run(&["backup", "--force", own]).failed(1);
        assert_eq!(
            refused,
            format!("connexion-app: {own} is the database itself\n")
        );
    }
    // What SQLite would take for newer pages of the copy.
    fs::write(program.path("other.sqlite-wal"), "").unwrap();
    let refused = program.run(&["backup", "other.sqlite"]).failed(1);
    assert!(refused.starts_with("connexion-app: other.sqlite-wal is the rest of another database"));
    let refused = program.run(&["backup", "gone/copy.sqlite"]).failed(1);
    assert!(
        refused.starts_with("connexion-app: gone/copy.sqlite: No such file"),
        "{refused}"
    );
    let refused = program.run(&["backup", "-"]).failed(1);
    assert_eq!(
        refused,
        "connexion-app: backup needs the name of a file, not standard output\n"
    );
    assert_eq!(
        names_in(&program.path("")),
        [
            "copy.sqlite",
            "link.sqlite",
            "other.sqlite-wal",
            "people.sqlite"
        ]
    );
}

#[test]
fn damaged_database_has_no_backup() {
    let program = crowded(SQLITE);
    let path = program.path("people.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let refused = program.run(&["backup", "copy.sqlite"]).failed(1);
    assert!(
        refused.contains("copy.sqlite: the copy failed: "),
        "{refused}"
    );
    assert_eq!(names_in(&program.path("")), ["people.sqlite"]);
}

#[tokio::test]
async fn backup_of_postgresql_names_pg_dump() {
    let database = fresh_database().await;
    let program = Program::on(database.url());
    let refused = program.run(&["backup", "copy.sqlite"]).failed(1);
    assert_eq!(
        refused,
        "connexion-app: backup copies an SQLite file; use pg_dump for PostgreSQL\n"
    );
    assert!(names_in(&program.path("")).is_empty());
}

/// The lines of an export, sorted, since no order is promised.
fn sorted(export: &str) -> Vec<&str> {
    let mut lines: Vec<_> = export.lines().collect();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn people_exported_as_ndjson_are_restored_with_their_keys() {
    let databases = [fresh_database().await, fresh_database().await];
    let from = [Program::on(SQLITE), Program::on(databases[0].url())];
    let to = [Program::on(databases[1].url()), Program::on(SQLITE)];
    for (from, to) in from.into_iter().zip(to) {
        for program in [&from, &to] {
            program.run(&["migrate"]).ok();
        }
        let csv = "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n\
            0,3,\"Braund, Mr. \"\"O\"\" Harris\",male,22,1,0,7.25\n1,-1,Zoë \u{2028},other,0,0,2,-0\n\
            1,1,,female,80,0,0,0.30000000000000004\n1,2147483647,x,male,1,0,0,1e300\n";
        from.run_with(&["import-data", "-"], csv).ok();
        let said = from.run(&["export-data", "people.ndjson"]).ok();
        assert_eq!(said, "4 people written to people.ndjson\n");
        let exported = from.read("people.ndjson");
        // By its flag, by either suffix, to standard output.
        assert_eq!(
            from.run(&["export-data", "--format", "ndjson"]).ok(),
            exported
        );
        from.run(&["export-data", "people.JSONL"]).ok();
        assert_eq!(from.read("people.JSONL"), exported);
        from.run(&["export-data", "people.jsonl", "--format=csv"])
            .ok();
        assert!(from.read("people.jsonl").starts_with("Survived,"));

        fs::write(to.path("people.ndjson"), &exported).unwrap();
        to.run(&["import-data", "people.ndjson"]).ok();
        let restored = to.run(&["export-data", "--format", "ndjson", "-"]).ok();
        assert_eq!(sorted(&restored), sorted(&exported));
        // Again they would be there twice.
        for again in [
            to.run(&["import-data", "people.ndjson"]),
            to.run_with(&["import-data", "--format", "ndjson", "-"], &exported),
        ] {
            let refused = again.failed(1);
            assert!(
                refused.contains("there is a person with the key"),
                "{refused}"
            );
        }
        let restored = to.run(&["export-data", "--format", "ndjson"]).ok();
        assert_eq!(sorted(&restored), sorted(&exported));
    }
}
