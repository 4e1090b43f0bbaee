//! An import that is killed while it reads, and just after it has read everything.

use std::io::Write;
use std::time::Instant;

use super::{Stood, seconds};
use crate::postgres_server::PrivateServer;
use crate::program::Program;

const HEADER: &str =
    "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";
const ROW: &str = "0,3,Doe,male,22,1,0,7.25\n";

/// A file of so many rows.
pub(super) fn csv(rows: usize) -> String {
    format!("{HEADER}{}", ROW.repeat(rows))
}

pub(super) fn killed_on_postgres(rows: usize) -> Stood {
    let server = PrivateServer::durable(&[]);
    killed(&server.url("postgres"), rows)
}

pub(super) fn killed_on_sqlite(rows: usize) -> Stood {
    killed("sqlite:people.sqlite", rows)
}

/// Kills imports of so many rows; each has stored all of them, or none, and does not hinder the next.
fn killed(url: &str, rows: usize) -> Stood {
    let program = Program::on(url).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    let parts = [rows / 10, rows / 2, rows * 9 / 10];
    for part in parts {
        import(&program, rows, part);
        assert_eq!(people(&program), 0, "of an import killed after {part} rows");
    }
    import(&program, rows, rows);
    let left = people(&program);
    assert!(left == 0 || left == rows, "{left} of {rows}");
    let begun = Instant::now();
    program.run_with(&["import-data", "-"], &csv(rows)).ok();
    let taken = begun.elapsed();
    let stored = people(&program);
    // The database may have ended the one before only after it was asked.
    assert!(stored == left + rows || stored == 2 * rows, "{stored}");
    Stood {
        done: format!("of {rows} rows: after 10, 50, 90 % and all were read"),
        figures: format!(
            "stored: 0, 0, 0, {left}; the next import stored all in {}",
            seconds(taken)
        ),
    }
}

/// Kills an import that has been given this part of its rows. What it has not read fits into a pipe.
fn import(program: &Program, rows: usize, part: usize) {
    let (running, mut stdin) = program.feed(&["import-data", "-"]);
    stdin.write_all(csv(part).as_bytes()).unwrap();
    if part == rows {
        drop(stdin);
        running.signal("KILL");
        let _ = running.end();
    } else {
        running.signal("KILL");
        assert_eq!(running.end().code, None);
    }
}

fn people(program: &Program) -> usize {
    let exported = program.run(&["export-data"]).ok();
    exported.lines().count() - 1
}

#[test]
fn a_killed_import_stores_all_or_nothing() {
    killed_on_postgres(30_000);
    killed_on_sqlite(30_000);
}
