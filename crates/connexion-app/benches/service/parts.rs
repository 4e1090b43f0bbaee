//! What is measured, a part a table or a few. Each can be run alone: `make bench ONLY=reads,inserts`.

mod footprint;
mod million;
mod scale;
mod tail;
mod throughput;
mod validation;

use crate::Bench;
use crate::report::Report;

type Part = fn(&Bench, &mut Report);

/// All parts and their names, in the order of the report.
pub(crate) const ALL: [(&str, Part); 11] = [
    ("reads", throughput::reads),
    ("inserts", throughput::inserts),
    ("single", throughput::single),
    ("tail", tail::tail),
    ("list", throughput::list),
    ("million", million::json),
    ("import", million::import),
    ("validation", validation::validation),
    ("footprint", footprint::footprint),
    ("scale", scale::reads),
    ("pages", scale::pages),
];

/// How contestants are called wherever they appear; a pool's size may follow.
const OURS: &str = "connexion-app, PostgreSQL";
const OURS_SQLITE: &str = "connexion-app, SQLite";
const BY_HAND: &str = "axum + sqlx";
const PGBENCH: &str = "pgbench";
const MEMORY: &str = "axum without a database";
const OTHER: &str = "BENCH_URL";

/// How many clients `pgbench` has.
const CLIENTS: usize = 16;

fn by_hand(pool: usize) -> String {
    format!("{BY_HAND}, pool of {pool}")
}

fn pgbench(clients: usize) -> String {
    format!("{PGBENCH} -M prepared, clients: {clients}")
}
