//! A list whose client is slow, while others write: SQLite's write-ahead log must not fill the disk.

use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use super::import::csv;
use super::load::{Load, Stop};
use super::{Stood, seconds};
use crate::program::{Program, Service, until};

const LIST: &str = "GET /people HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const WRITERS: usize = 16;
/// Between two looks at the log's size.
const TICK: Duration = Duration::from_millis(20);

/// One client reads a list at 4 kB a second, and begins again when the list is ended; 16 others write. The log may have
/// `limit` bytes.
pub(super) fn slow_list(time: Duration, limit: u64) -> Stood {
    let program = Program::on("sqlite:people.sqlite")
        .env("APP_SETTINGS", "production")
        .env("APP_ACCESS_LOG", "off")
        .env("DATABASE_LOG_SIZE", &limit.to_string());
    program.run(&["migrate"]).ok();
    // More than all the buffers on the way can hold.
    program.run_with(&["import-data", "-"], &csv(30_000)).ok();
    let service = program.serve(&[]);
    let log = program.path("people.sqlite-wal");
    let (stop, peak, ended) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let load = scope(|threads| {
        let _stop_at_the_end = Stop(&stop);
        threads.spawn(|| watch(&log, &peak, &stop));
        threads.spawn(|| read_slowly(&service, &ended, &stop));
        Load::by(WRITERS, &service, |load| {
            let begun = Instant::now();
            while begun.elapsed() < time {
                load.until_more(200, 1);
            }
            // Lists are ended again and again.
            until(|| {
                match service
                    .running
                    .stderr()
                    .matches("DATABASE_LOG_SIZE")
                    .count()
                {
                    0 => Err("a list that is ended".to_owned()),
                    _ => Ok(()),
                }
            });
        })
    });
    let usual = limit / 2;
    until(|| match size(&log) {
        left if left <= usual => Ok(()),
        left => Err(format!("a log of {usual} bytes, it has {left}")),
    });
    let (peak, left) = (peak.load(Relaxed), size(&log));
    let figures = load.check();
    assert_eq!(load.refused(), 0, "{figures}");
    Stood {
        done: format!(
            "for {}, beside {WRITERS} writers, `DATABASE_LOG_SIZE={limit}`",
            seconds(time)
        ),
        figures: format!(
            "the log had {:.1} MB at the most, {:.1} MB at the end; {} lists ended; {figures}",
            megabytes(peak),
            megabytes(left),
            ended.load(Relaxed),
        ),
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn size(log: &PathBuf) -> u64 {
    std::fs::metadata(log).map_or(0, |log| log.len())
}

fn watch(log: &PathBuf, peak: &AtomicU64, stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        peak.fetch_max(size(log), Relaxed);
        sleep(TICK);
    }
}

fn read_slowly(service: &Service, ended: &AtomicU64, stop: &AtomicBool) {
    while !stop.load(Relaxed) {
        let mut list = service.send(LIST);
        let (mut part, mut end) = ([0; 80], Vec::new());
        while !stop.load(Relaxed) {
            match list.read(&mut part) {
                Ok(0) | Err(_) => break,
                Ok(count) => end = part[..count].to_vec(),
            }
            sleep(TICK);
            // What is in the buffers takes too long to read at this rate.
            if service.running.stderr().matches("a list was ended").count() as u64
                > ended.load(Relaxed)
            {
                let _ = list.read_to_end(&mut end);
                break;
            }
        }
        if !stop.load(Relaxed) {
            assert!(!end.ends_with(b"\r\n0\r\n\r\n"), "the list looks complete");
            ended.fetch_add(1, Relaxed);
        }
    }
}

#[test]
fn write_ahead_log_is_bounded_under_a_slow_list() {
    let stood = slow_list(Duration::from_secs(8), 4 << 20);
    eprintln!("{}: {}", stood.done, stood.figures);
}
