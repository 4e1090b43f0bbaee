//! On what it was measured, what the original did, and how to do it again: the rest of the report.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::Bench;
use crate::contestants::program;
use crate::load::after;
use crate::postgres_server::connect;
use crate::report::{Unit, float, table};

/// How the report ends.
pub(crate) const REPEAT: &str = "\
### The original, for comparison

The Python service (Flask, gunicorn with 1 to 4 workers) on a machine of the same kind, on another day, read 330 to 460
people a second by key, sent the list of 887 ten to 17 times a second, and stored 150 to 350 people a second.

## To repeat

    make bench                            # all of it, and writes this file
    make bench ONLY=reads,inserts         # parts: reads inserts single tail list million import validation footprint
                                          # scale pages; prints only
    make bench BENCH_URL=http://127.0.0.1:8000    # another server with the same paths; its list is its own

`BENCH_ROUNDS` (5) is how many turns each contestant has, `BENCH_SECONDS` (2) how long one is, `BENCH_ROWS` (10000000) the most
people there are, `BENCH_PROGRAM` the service's program, here the static one of `scripts/static.sh`. Needed are `wrk`, `pgbench`,
`psql` and PostgreSQL's server programs, and 15 GB of room in `TMPDIR`.
`crates/connexion-app/benches/service/` is the benchmark, `benches/axum-sqlx/` beside it the service written by hand.
";

/// The machine and the versions, as a table.
pub(crate) fn machine(bench: &Bench, elapsed: Duration) -> String {
    let cores = std::thread::available_parallelism().unwrap();
    let postgres = bench.runtime.block_on(async {
        let client = connect(&bench.postgres.url("postgres")).await;
        let row = client.query_one("show server_version", &[]).await.unwrap();
        row.get::<_, String>(0)
    });
    let lock = include_str!("../axum-sqlx/Cargo.lock");
    let size = float(fs::metadata(program()).unwrap().len()) / 1e6;
    let minutes = elapsed.as_secs().div_ceil(60);
    let facts = [
        (
            "processor",
            format!("{}, {cores} cores", line_of("/proc/cpuinfo", "model name")),
        ),
        ("memory", memory()),
        ("system", said("uname", &["-sr"])),
        (
            "commit",
            said("git", &["describe", "--always", "--dirty", "--exclude=*"]),
        ),
        ("rustc", said("rustc", &["--version"])),
        (
            "PostgreSQL",
            format!("{postgres}, its own settings but `max_connections = 300`"),
        ),
        (
            "SQLite",
            format!("{}, `synchronous = full`", rusqlite::version()),
        ),
        ("wrk", wrk()),
        (
            "axum + sqlx",
            format!(
                "axum {}, sqlx {}",
                version(lock, "axum"),
                version(lock, "sqlx")
            ),
        ),
        (
            "program",
            format!(
                "{}, `--settings production --access-log off`",
                Unit::Megabytes.show(size)
            ),
        ),
        (
            "turns",
            format!(
                "{} of {} s; all took {minutes} minutes",
                bench.rounds,
                bench.time.as_secs()
            ),
        ),
    ];
    table(
        &["", ""],
        facts.map(|(name, fact)| vec![name.to_owned(), fact]),
    )
}

fn memory() -> String {
    let kilobytes: Option<f64> = after(&line_of("/proc/meminfo", "MemTotal"), "");
    format!("{:.0} GB", kilobytes.unwrap_or_default() / 1e6)
}

/// Its version, without whose it is.
fn wrk() -> String {
    let line = said("wrk", &["-v"]);
    line.split(" Copyright")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn line_of(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_once(':'))
        .map_or_else(String::new, |(_, value)| value.trim().to_owned())
}

/// The first line that a program prints.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().unwrap_or_default().trim().to_owned()
}

fn version<'a>(lock: &'a str, name: &str) -> &'a str {
    let (_, rest) = lock
        .split_once(&format!("name = \"{name}\"\nversion = \""))
        .unwrap();
    rest.split_once('"').unwrap().0
}
