//! What the service takes when it does nothing, and how soon it does something.

use std::fs;
use std::thread;
use std::time::Duration;

use super::{OURS, OURS_SQLITE};
use crate::Bench;
use crate::contestants::{Server, program};
use crate::database::LIST;
use crate::report::{Figures, Report, Unit, float};

pub(crate) fn footprint(bench: &Bench, report: &mut Report) {
    let people = bench.people(LIST);
    let path = format!("/people/{}", people.keys[0]);
    report.title("Idle memory, start to the first answer, size");
    let stores = [(OURS, &people.postgres), (OURS_SQLITE, &people.sqlite)];
    let mut starts = [const { Vec::new() }; 2];
    for _ in 0..3 * bench.rounds {
        for (index, (_, url)) in stores.iter().enumerate() {
            starts[index].push(Server::first_answer(url, &path).1);
        }
    }
    let size = float(fs::metadata(program()).unwrap().len()) / 1e6;
    let (mut rows, mut figures) = (Vec::new(), Vec::new());
    for ((name, url), starts) in stores.into_iter().zip(starts) {
        let (server, _) = Server::first_answer(url, &path);
        thread::sleep(Duration::from_secs(1));
        let (all, own) = (server.memory_of("VmRSS:"), server.memory_of("RssAnon:"));
        let start = Figures::new(name, starts).median();
        rows.push(vec![
            name.to_owned(),
            Unit::Megabytes.show(all),
            Unit::Megabytes.show(own),
            Unit::Milliseconds.show(start),
            Unit::Megabytes.show(size),
        ]);
        figures.push((name, all, start));
    }
    report.table(
        &[
            "",
            "resident",
            "of it not the program's file",
            "start",
            "program",
        ],
        rows,
    );
    for (name, memory, start) in figures {
        let measure = format!("idle memory, {name}");
        report.goal(&measure, "< 15 MB", Unit::Megabytes.at_most(memory, 15.0));
        let measure = format!("start to first 200, {name}");
        report.goal(&measure, "< 30 ms", Unit::Milliseconds.at_most(start, 30.0));
    }
    report.goal("binary", "< 15 MB", Unit::Megabytes.at_most(size, 15.0));
}
