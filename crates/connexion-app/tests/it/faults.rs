//! Faults that really happen. Each is a function that does it, to a service that is under load, and panics if the
//! service did not stand it. The tests do it in short; `make faults` at length, and makes a table of what comes back.

mod bodies;
mod clients;
mod contract;
mod database;
mod full;
mod http2;
mod import;
mod load;
mod locks;
mod log;
mod migrate;
mod uploads;

use std::time::Duration;

/// How soon the service must be back after its database.
const SOON: Duration = Duration::from_secs(2);

/// What was done, and what came of it.
#[derive(Debug)]
pub(crate) struct Stood {
    pub(crate) done: String,
    pub(crate) figures: String,
}

/// Why a fault can't be done on this machine.
#[derive(Debug)]
pub(crate) struct Skipped(pub(crate) String);

pub(crate) type Outcome = Result<Stood, Skipped>;

/// Its name, and what does it.
pub(crate) type Fault = (&'static str, fn() -> Outcome);

/// All of them, in full.
pub(crate) const ALL: &[Fault] = &[
    ("PostgreSQL killed (-9)", || Ok(database::crash(10))),
    ("import killed (-9), PostgreSQL", || {
        Ok(import::killed_on_postgres(1_000_000))
    }),
    ("import killed (-9), SQLite", || {
        Ok(import::killed_on_sqlite(1_000_000))
    }),
    ("imports that stall, PostgreSQL", || {
        let time = Duration::from_secs(10);
        Ok(uploads::stalled_on_postgres(120, time, 0.8))
    }),
    ("imports that stall, SQLite", || {
        let time = Duration::from_secs(10);
        Ok(uploads::stalled_on_sqlite(530, time, 0.8))
    }),
    ("one slow import, PostgreSQL", || {
        Ok(uploads::slow_on_postgres(Duration::from_secs(10), 0.8))
    }),
    ("one slow import, SQLite", || {
        Ok(uploads::slow_on_sqlite(Duration::from_secs(10), 0.8))
    }),
    ("import cancelled, SQLite", || {
        let limit = Duration::from_secs(1);
        Ok(uploads::cancelled_on_sqlite(1_000_000, limit))
    }),
    ("a large import, SQLite", || {
        Ok(uploads::large_on_sqlite(1_000_000, 30))
    }),
    ("two `migrate` at once", || Ok(migrate::at_once(20))),
    ("PostgreSQL frozen (SIGSTOP)", || {
        Ok(database::frozen(Duration::from_secs(10)))
    }),
    ("PostgreSQL killed (-9), its standby promoted", || {
        Ok(database::promoted())
    }),
    ("one row locked by somebody else, PostgreSQL", || {
        Ok(locks::row(Duration::from_secs(30), 0.8))
    }),
    ("the table locked by somebody else, PostgreSQL", || {
        Ok(locks::table(10, Duration::from_secs(45)))
    }),
    ("disk full under PostgreSQL", full::under_postgres),
    ("disk full under PostgreSQL's WAL", full::under_wal),
    ("disk full under SQLite", full::under_sqlite),
    ("slow readers, slow writers, half-closed", || {
        clients::slow(300)
    }),
    ("one request of 2 MiB", || Ok(bodies::large())),
    ("slow bodies of 2 MiB", || {
        clients::slow_bodies(1_024, 2 << 20)
    }),
    ("slow bodies of 64 KiB", || {
        clients::slow_bodies(1_024, 64 << 10)
    }),
    ("HTTP/2 responses that nobody reads, with PING", || {
        Ok(http2::stalled(10, 10, true))
    }),
    ("HTTP/2 responses that nobody reads", || {
        Ok(http2::stalled(10, 10, false))
    }),
    ("HTTP/2 connection that only pings", || {
        Ok(http2::pinging(10))
    }),
    ("slow list beside writers, SQLite", || {
        Ok(log::slow_list(Duration::from_mins(5), 256 << 20))
    }),
    ("idle connections", || clients::idle(10_000)),
    ("idle connections, few files", || {
        clients::few_files(1_024, 5_000)
    }),
    ("requests that schemathesis makes, PostgreSQL", || {
        contract::on_postgres(&["--max-time", "120"])
    }),
    ("requests that schemathesis makes, SQLite", || {
        contract::on_sqlite(&["--max-time", "120"])
    }),
];

/// In seconds, for a table.
fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
