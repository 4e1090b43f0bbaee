//! A million people on their way out and in, beside the database's own `COPY`; and what memory that takes.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::{BY_HAND, OURS, OURS_SQLITE};
use crate::Bench;
use crate::client::Client;
use crate::contestants::{Server, Turns, psql, service};
use crate::load::after;
use crate::plain::store;
use crate::report::{Report, Results, Unit, float, whole};

const MILLION: u64 = 1_000_000;
const COPY_OUT: &str = "psql, COPY … TO STDOUT";
const COPY_IN: &str = "psql, \\copy";
const COMMAND: &str = "connexion-app import-data, PostgreSQL";

/// What the files of the original service have.
const CSV: &str = "select survived::int as \"Survived\", passenger_class as \"Pclass\", name as \"Name\", sex as \"Sex\", \
    age as \"Age\", siblings_or_spouses_aboard as \"Siblings/Spouses Aboard\", \
    parents_or_children_aboard as \"Parents/Children Aboard\", fare as \"Fare\" from person";

fn most(bench: &Bench) -> u64 {
    bench.most.min(MILLION)
}

fn rounds(bench: &Bench) -> usize {
    bench.rounds.min(3)
}

/// Rows per second, if all of these take so many seconds.
fn rate(rows: u64, seconds: f64) -> f64 {
    float(rows) / seconds
}

pub(crate) fn json(bench: &Bench, report: &mut Report) {
    let count = most(bench);
    let people = bench.people(count);
    let ours = Server::service(&people.postgres);
    let ours_sqlite = Server::service(&people.sqlite);
    let theirs = Server::by_hand(&people.postgres, 4);
    // Whether all are there is looked at once, which also warms the database.
    let body = Client::of(&ours.address).page("/people").unwrap().body;
    assert_eq!(
        body.matches("\"uuid\"").count().to_string(),
        count.to_string()
    );
    let length = body.len();
    drop(body);
    let list = |server: &Server| {
        let begun = Instant::now();
        let drained = Client::of(&server.address).drain("/people");
        let seconds = begun.elapsed().as_secs_f64();
        assert!(
            drained.abs_diff(length) < length / 100,
            "{drained} of {length} bytes"
        );
        rate(count, seconds)
    };
    let copy = || rate(count, psql(&people.postgres, "copy person to stdout"));
    copy();
    let results = Turns::default()
        .with(OURS, || list(&ours))
        .with(OURS_SQLITE, || list(&ours_sqlite))
        .with(BY_HAND, || list(&theirs))
        .with(COPY_OUT, copy)
        .run(rounds(bench));
    report.title(&format!("{} people as JSON", whole(float(count))));
    report.results(Unit::PerSecond, "rows /s", &results);
    report.note("Most memory taken meanwhile:\n");
    let servers = [
        (OURS, &ours),
        (OURS_SQLITE, &ours_sqlite),
        (BY_HAND, &theirs),
    ];
    let memory = servers.map(|(name, server)| (name, server.memory_of("VmHWM:")));
    tell_memory(report, &memory);
    let measure = format!("{} rows as JSON", whole(float(count)));
    let (share, goal) = (results.ratio(OURS, COPY_OUT), "≥ 60 % of COPY … TO STDOUT");
    report.goal(&measure, goal, Unit::Percent.at_least(share, 0.6));
    let most = memory[0].1.max(memory[1].1);
    let measure = format!("{measure}, memory");
    report.goal(&measure, "under 64 MB", Unit::Megabytes.at_most(most, 64.0));
}

pub(crate) fn import(bench: &Bench, report: &mut Report) {
    let count = most(bench);
    let file = bench.directory.path().join("people.csv");
    let export = format!("\\copy ({CSV}) to '{}' csv header", file.display());
    psql(&bench.people(count).postgres, &export);
    let (url, copied_at) = (bench.empty("imported"), bench.empty("copied"));
    // The service makes a key for each row, so for \copy the table does.
    bench.execute(
        &copied_at,
        "alter table person alter uuid set default gen_random_uuid()",
    );
    let copy = format!(
        "\\copy person (survived, passenger_class, name, sex, age, siblings_or_spouses_aboard, \
         parents_or_children_aboard, fare) from '{}' csv header",
        file.display()
    );
    let ours = Server::service(&url);
    let (mut of_command, mut of_sqlite) = (0.0_f64, 0.0_f64);
    let results = Turns::default()
        .with(OURS, || {
            bench.clear(&url);
            send(&ours, &file, count)
        })
        .with(COMMAND, || {
            bench.clear(&url);
            let (rate, memory) = import_data(&url, &file, count);
            of_command = of_command.max(memory);
            rate
        })
        .with(OURS_SQLITE, || {
            let (rate, memory) = send_to_new_file(bench, &file, count);
            of_sqlite = of_sqlite.max(memory);
            rate
        })
        .with(COPY_IN, || {
            bench.clear(&copied_at);
            rate(count, psql(&copied_at, &copy))
        })
        .run(rounds(bench));
    let memory = [
        (OURS, ours.memory_of("VmHWM:")),
        (COMMAND, of_command),
        (OURS_SQLITE, of_sqlite),
    ];
    tell_import(report, count, &results, &memory);
    bench.clear(&url);
    bench.clear(&copied_at);
}

fn tell_import(report: &mut Report, count: u64, results: &Results, memory: &[(&str, f64)]) {
    report.title(&format!(
        "Import of {} people from CSV",
        whole(float(count))
    ));
    report.results(Unit::PerSecond, "rows /s", results);
    report.note(
        "All into a table with the service's indexes, under random keys. The service's first and third are `POST \
         /people/import`. Most memory taken meanwhile:\n",
    );
    tell_memory(report, memory);
    let measure = format!("import of {} rows", whole(float(count)));
    for name in [OURS, COMMAND] {
        let (share, measure) = (results.ratio(name, COPY_IN), format!("{measure}, {name}"));
        report.goal(
            &measure,
            "≥ 60 % of \\copy",
            Unit::Percent.at_least(share, 0.6),
        );
    }
    let most = memory.iter().map(|one| one.1).fold(0.0, f64::max);
    let measure = format!("{measure}, memory");
    report.goal(&measure, "under 64 MB", Unit::Megabytes.at_most(most, 64.0));
}

/// Into a new SQLite file: the rate, and the most megabytes that the service had.
fn send_to_new_file(bench: &Bench, file: &Path, count: u64) -> (f64, f64) {
    let directory = tempfile::tempdir_in(bench.directory.path()).unwrap();
    let url = format!("sqlite:{}", directory.path().join("new.sqlite").display());
    bench.runtime.block_on(store(&url).migrate()).unwrap();
    let server = Server::service(&url);
    (send(&server, file, count), server.memory_of("VmHWM:"))
}

fn send(server: &Server, file: &Path, count: u64) -> f64 {
    let begun = Instant::now();
    let answer = Client::of(&server.address).send("/people/import", file);
    let seconds = begun.elapsed().as_secs_f64();
    assert!(answer.contains(&count.to_string()), "{answer}");
    rate(count, seconds)
}

/// By the command: the rate, and the most megabytes that it had.
fn import_data(url: &str, file: &Path, count: u64) -> (f64, f64) {
    let begun = Instant::now();
    let mut command = service(url);
    let command = command.arg("import-data").arg(file);
    let mut process = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", process.id());
    let mut most = 0.0;
    loop {
        if let Some(ended) = process.try_wait().unwrap() {
            assert!(ended.success());
            return (rate(count, begun.elapsed().as_secs_f64()), most);
        }
        let kilobytes = fs::read_to_string(&status)
            .ok()
            .and_then(|text| after::<f64>(&text, "VmHWM:"));
        most = kilobytes.map_or(most, |number| number * 1024.0 / 1e6);
        thread::sleep(Duration::from_millis(10));
    }
}

fn tell_memory(report: &mut Report, all: &[(&str, f64)]) {
    let rows = all
        .iter()
        .map(|(name, megabytes)| vec![(*name).to_owned(), Unit::Megabytes.show(*megabytes)]);
    report.table(&["", "most memory"], rows);
}
