//! How long reads take while the service has as much to do again as it does.

use std::time::Duration;

use super::{BY_HAND, MEMORY, OURS};
use crate::Bench;
use crate::contestants::{Server, Turns};
use crate::database::LIST;
use crate::load::Request;
use crate::report::{Figures, Report, Unit, whole};
use crate::steady::{self, Latencies};

pub(crate) fn tail(bench: &Bench, report: &mut Report) {
    let people = bench.people(LIST);
    let load = bench.load(Request::Read(&people.keys_file), 64);
    let ours = Server::service(&people.postgres);
    let (theirs, pool) = Server::by_hand_tuned(&people.postgres, load);
    let best = Turns::default()
        .with(OURS, || load.on(&ours.address))
        .with(BY_HAND, || load.on(&theirs.address))
        .run(3);
    let memory = Server::memory();
    let (half, half_of_theirs) = (best.of(OURS) / 2.0, best.of(BY_HAND) / 2.0);
    let contestants = [
        (OURS, &ours, half),
        (OURS, &ours, half_of_theirs),
        (BY_HAND, &theirs, half_of_theirs),
        (MEMORY, &memory, half),
        (MEMORY, &memory, half_of_theirs),
    ];
    let mut latencies = [const { Vec::<Latencies>::new() }; 5];
    for round in 0..bench.rounds {
        for index in (0..5).map(|place| (place + round) % 5) {
            let (_, server, rate) = contestants[index];
            let time = bench.time.max(Duration::from_secs(1));
            latencies[index].push(steady::reads(&server.address, &people.keys, rate, time));
        }
    }
    let all = latencies.map(|of_one| {
        let figures = |pick: fn(&Latencies) -> f64| of_one.iter().map(pick).collect();
        let median = Figures::new("", figures(|one| one.median)).median();
        let p99 = Figures::new("", figures(|one| one.p99)).median();
        Latencies { median, p99 }
    });
    report.title("Latency of reads at half of the best throughput");
    let rows = contestants.iter().zip(&all).map(|((name, _, rate), one)| {
        vec![
            (*name).to_owned(),
            whole(*rate),
            Unit::Microseconds.show(one.median),
            Unit::Microseconds.show(one.p99),
        ]
    });
    report.table(&["", "reads /s", "median", "99 of 100 within"], rows);
    report.note(&format!(
        "Each read counts from when it was meant to be sent, over the first free one of 64 connections. {BY_HAND} has a \
         pool of {pool}. {MEMORY} shows what this machine adds by itself: the load, the service and the database share its cores."
    ));
    let ratio = all[0].p99 / all[2].median;
    report.goal(
        "p99 at half of the best throughput",
        "≤ 2 × the median of axum + sqlx",
        Unit::Times.at_most(ratio, 2.0),
    );
}
