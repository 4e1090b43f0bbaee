//! Requests per second: reads by key, inserts, the whole list; and how long each takes when there is but one client.

use super::{BY_HAND, CLIENTS, MEMORY, OTHER, OURS, OURS_SQLITE, PGBENCH, by_hand, pgbench};
use crate::Bench;
use crate::contestants::{self, Server, Turns};
use crate::database::{COLUMNS, LIST};
use crate::load::{Load, Request};
use crate::report::{Figures, Report, Results, Unit};

const CONNECTIONS: usize = 64;

pub(crate) fn reads(bench: &Bench, report: &mut Report) {
    let people = bench.people(LIST);
    let load = bench.load(Request::Read(&people.keys_file), CONNECTIONS);
    let ours = Server::service(&people.postgres);
    let ours_sqlite = Server::service(&people.sqlite);
    let (theirs, pool) = Server::by_hand_tuned(&people.postgres, load);
    let memory = Server::memory();
    let mut turns = Turns::default()
        .with(OURS, || load.on(&ours.address))
        .with(OURS_SQLITE, || load.on(&ours_sqlite.address))
        .with(by_hand(pool), || load.on(&theirs.address))
        .with(pgbench(CLIENTS), || {
            let script = &people.read_script;
            contestants::pgbench(&people.postgres, script, CLIENTS, bench.time).per_second
        })
        .with(MEMORY, || load.on(&memory.address));
    if let Some(other) = &bench.other {
        let load = bench.load(Request::Read(&other.keys), CONNECTIONS);
        turns = turns.with(OTHER, move || load.on(&other.address));
    }
    let results = turns.run(bench.rounds);
    report.title("Reads by key, 64 connections");
    report.results(Unit::PerSecond, "reads /s", &results);
    for (goal, unit, who, other, least) in [
        ("≥ 4 × axum + sqlx", Unit::Times, OURS, BY_HAND, 4.0),
        (
            "≥ 1.3 × pgbench one by one",
            Unit::Times,
            OURS,
            PGBENCH,
            1.3,
        ),
        (
            "≥ 60 % of axum without a database",
            Unit::Percent,
            OURS,
            MEMORY,
            0.6,
        ),
        (
            "≥ 60 % of axum without a database",
            Unit::Percent,
            OURS_SQLITE,
            MEMORY,
            0.6,
        ),
    ] {
        let measure = format!("reads by key, {who}");
        report.goal(
            &measure,
            goal,
            unit.at_least(results.ratio(who, other), least),
        );
    }
}

pub(crate) fn inserts(bench: &Bench, report: &mut Report) {
    let results = insert_turns(bench, &bench.empty("inserts"), CONNECTIONS).run(bench.rounds);
    report.title("Inserts, 64 connections, durable");
    report.results(Unit::PerSecond, "inserts /s", &results);
    for (goal, other, least) in [
        ("≥ 5 × axum + sqlx", BY_HAND, 5.0),
        ("≥ 2 × pgbench one by one", PGBENCH, 2.0),
    ] {
        let measure = format!("inserts, {OURS}");
        report.goal(
            &measure,
            goal,
            Unit::Times.at_least(results.ratio(OURS, other), least),
        );
    }
    let measure = format!("inserts, {OURS_SQLITE}");
    let got = results.of(OURS_SQLITE);
    report.goal(
        &measure,
        "≥ 20,000/s",
        Unit::PerSecond.at_least(got, 20_000.0),
    );
}

/// A table that is empty at the beginning of each turn.
fn insert_turns<'a>(bench: &'a Bench, url: &'a str, connections: usize) -> Turns<'a> {
    let load = bench.load(Request::Insert, connections);
    let script = bench.file(
        "insert.sql",
        "insert into person (uuid, survived, passenger_class, name, sex, age, siblings_or_spouses_aboard, \
         parents_or_children_aboard, fare) \
         values (gen_random_uuid(), true, 3, 'Braund, Mr. Owen Harris 3e8', 'male', 22, 1, 0, 7.25);\n",
    );
    let ours = Server::service(url);
    let (theirs, pool) = Server::by_hand_tuned(url, load);
    let turns = Turns::default()
        .with(OURS, move || {
            bench.clear(url);
            load.on(&ours.address)
        })
        .with(OURS_SQLITE, move || {
            on_new_file(bench, Server::service, load)
        })
        .with(by_hand(pool), move || {
            bench.clear(url);
            load.on(&theirs.address)
        })
        .with(pgbench(connections.min(CLIENTS)), move || {
            bench.clear(url);
            contestants::pgbench(url, &script, connections.min(CLIENTS), bench.time).per_second
        });
    match &bench.other {
        Some(other) => turns.with(OTHER, move || load.on(&other.address)),
        None => turns,
    }
}

/// A server's turn on an SQLite file of its own.
pub(super) fn on_new_file(bench: &Bench, server: fn(&str) -> Server, load: Load<'_>) -> f64 {
    let file = tempfile::Builder::new()
        .suffix(".sqlite")
        .tempfile_in(bench.directory.path())
        .unwrap();
    let url = format!("sqlite:{}", file.path().display());
    bench
        .runtime
        .block_on(crate::plain::store(&url).migrate())
        .unwrap();
    let server = server(&url);
    load.on(&server.address)
}

/// One client: what counts is how long each answer takes.
pub(crate) fn single(bench: &Bench, report: &mut Report) {
    let people = bench.people(LIST);
    let load = bench.load(Request::Read(&people.keys_file), 1);
    let ours = Server::service(&people.postgres);
    let ours_sqlite = Server::service(&people.sqlite);
    let theirs = Server::by_hand(&people.postgres, 1);
    let reads = Turns::default()
        .with(OURS, || load.on(&ours.address))
        .with(OURS_SQLITE, || load.on(&ours_sqlite.address))
        .with(by_hand(1), || load.on(&theirs.address))
        .with(pgbench(1), || {
            contestants::pgbench(&people.postgres, &people.read_script, 1, bench.time).per_second
        });
    let reads = latencies(&reads.run(bench.rounds));
    let inserts =
        latencies(&insert_turns(bench, &bench.empty("single_inserts"), 1).run(bench.rounds));
    for (what, results) in [("read by key", reads), ("insert", inserts)] {
        report.title(&format!("One connection: {what}"));
        report.results(Unit::Microseconds, "a request takes", &results);
        report.goal(
            &format!("one connection, {what}"),
            "within 5 % of axum + sqlx",
            Unit::Percent.at_most(results.ratio(OURS, BY_HAND), 1.05),
        );
    }
}

/// The same as microseconds for one.
fn latencies(rates: &Results) -> Results {
    let all = rates.0.iter().map(|one| {
        let times = one.sorted().iter().map(|rate| 1e6 / rate);
        Figures::new(one.name.clone(), times.collect())
    });
    Results(all.collect())
}

pub(crate) fn list(bench: &Bench, report: &mut Report) {
    let people = bench.people(LIST);
    let load = bench.load(Request::List, CONNECTIONS);
    let ours = Server::service(&people.postgres);
    let ours_sqlite = Server::service(&people.sqlite);
    let (theirs, pool) = Server::by_hand_tuned(&people.postgres, load);
    let script = bench.file("list.sql", &format!("select {COLUMNS} from person;\n"));
    let mut turns = Turns::default()
        .with(OURS, || load.on(&ours.address))
        .with(OURS_SQLITE, || load.on(&ours_sqlite.address))
        .with(by_hand(pool), || load.on(&theirs.address))
        .with(pgbench(CLIENTS), || {
            contestants::pgbench(&people.postgres, &script, CLIENTS, bench.time).per_second
        });
    if let Some(other) = &bench.other {
        turns = turns.with(OTHER, || load.on(&other.address));
    }
    let results = turns.run(bench.rounds);
    report.title(&format!("The list of {LIST} as JSON, 64 connections"));
    report.results(Unit::PerSecond, "lists /s", &results);
    let measure = format!("list of {LIST}");
    let (times, share) = (results.ratio(OURS, BY_HAND), results.ratio(OURS, PGBENCH));
    report.goal(
        &measure,
        "≥ 1.3 × axum + sqlx",
        Unit::Times.at_least(times, 1.3),
    );
    let goal = "≥ 75 % of pgbench fetching the same rows";
    report.goal(&measure, goal, Unit::Percent.at_least(share, 0.75));
}
