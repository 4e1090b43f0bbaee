//! Imports that stall, are slow, cancelled or large; the other clients must be served meanwhile.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use super::import::csv;
use super::load::{Load, person};
use super::{Stood, seconds};
use crate::postgres_server::PrivateServer;
use crate::program::{Program, Service, until};

const GET: &str = "/people/00000000-0000-0000-0000-000000000000";

fn serve(url: &str, flags: &[&str]) -> Service {
    let program = Program::on(url).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    program.serve(flags)
}

/// The request for an import of a body of this length.
fn head(length: usize, accept: &str) -> String {
    format!(
        "POST /people/import HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: {accept}\r\nContent-Type: text/csv\r\n\
        Content-Length: {length}\r\n\r\n"
    )
}

/// Reads and writes a second that succeed, of two clients each, in this time.
fn rates(service: &Service, time: Duration) -> [f64; 2] {
    let (counts, stop) = (
        [AtomicUsize::new(0), AtomicUsize::new(0)],
        AtomicBool::new(false),
    );
    let begun = Instant::now();
    scope(|scope| {
        for client in 0..4 {
            let (counts, stop) = (&counts, &stop);
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    let status = match client % 2 {
                        0 => service.get(GET).status,
                        _ => service.post("/people", &person("other")).status,
                    };
                    let is_served = matches!(status.as_u16(), 200 | 404);
                    counts[client % 2].fetch_add(usize::from(is_served), Relaxed);
                }
            });
        }
        sleep(time);
        stop.store(true, Relaxed);
    });
    let taken = begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "they are few")]
    counts.map(|count| count.into_inner() as f64 / taken)
}

/// What share of their rates other clients keep while `work` goes on; at least so much.
fn shares(
    service: &Service,
    time: Duration,
    least: f64,
    work: impl FnOnce(&AtomicBool) + Send,
) -> String {
    rates(service, time / 4);
    let before = rates(service, time);
    let stop = AtomicBool::new(false);
    let during = scope(|scope| {
        scope.spawn(|| work(&stop));
        let during = rates(service, time);
        stop.store(true, Relaxed);
        during
    });
    let [reads, writes] = [0, 1].map(|kind| during[kind] / before[kind]);
    assert!(reads >= least && writes >= least, "{before:?}, {during:?}");
    format!(
        "other clients' reads {:.0} %, writes {:.0} % of those before",
        reads * 100.0,
        writes * 100.0
    )
}

/// So many clients that send the beginning of a file, and nothing more, over and over for this time.
pub(super) fn stalled_on_postgres(count: usize, time: Duration, least: f64) -> Stood {
    let server = PrivateServer::durable(&[]);
    let service = serve(&server.url("postgres"), &[]);
    let begin = head(1_000_000, "*/*") + &csv(10);
    let mut most = 0;
    let shares = shares(&service, time, least, |stop| {
        while !stop.load(Relaxed) {
            let stalled: Vec<_> = (0..count).map(|_| service.send(&begin)).collect();
            most = most.max(sessions(&server));
            sleep(Duration::from_millis(500).min(time / 4));
            drop(stalled);
        }
    });
    assert!((1..10).contains(&most), "{most} sessions");
    Stood {
        done: format!("{count} at a time, for {}", seconds(time)),
        figures: format!("at most {most} connections of the database in use; {shares}"),
    }
}

/// As many imports as may be in progress, which send the beginning of a file, and some more that are refused. SQLite's calls,
/// and files, are done on threads of which there are 512.
pub(super) fn stalled_on_sqlite(count: usize, time: Duration, least: f64) -> Stood {
    const SLOTS: usize = 256;
    let service = serve("sqlite:people.sqlite", &["--max-imports", "256"]);
    let begin = head(1_000_000, "*/*") + &csv(10);
    let mut most = 0;
    let shares = shares(&service, time, least, |stop| {
        let all: Vec<_> = (0..count).map(|_| service.send(&begin)).collect();
        until(|| match all.iter().filter(|one| is_answered(one)).count() {
            refused if refused == count - SLOTS => Ok(()),
            refused => Err(format!("{count} - {SLOTS} refused, there are {refused}")),
        });
        while !stop.load(Relaxed) {
            most = most.max(threads(&service));
            sleep(Duration::from_millis(50));
        }
    });
    assert!(most < 100, "{most} threads");
    Stood {
        done: format!("{count} for {}, `APP_MAX_IMPORTS={SLOTS}`", seconds(time)),
        figures: format!(
            "{SLOTS} stall, {} get 503; at most {most} threads; {shares}",
            count - SLOTS
        ),
    }
}

fn is_answered(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    stream.peek(&mut [0]).is_ok_and(|length| length > 0)
}

fn threads(service: &Service) -> usize {
    let tasks = format!("/proc/{}/task", service.running.id());
    std::fs::read_dir(tasks).unwrap().count()
}

/// How many sessions clients have at the server.
fn sessions(server: &PrivateServer) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let count = async {
        let client = crate::postgres_server::connect(&server.url("postgres")).await;
        let text = "select count(*) from pg_stat_activity where backend_type = 'client backend' \
            and pid <> pg_backend_pid()";
        let count: i64 = client.query_one(text, &[]).await.unwrap().get(0);
        usize::try_from(count).unwrap()
    };
    runtime.unwrap().block_on(count)
}

pub(super) fn slow_on_postgres(time: Duration, least: f64) -> Stood {
    let server = PrivateServer::durable(&[]);
    slow(&server.url("postgres"), time, least)
}

pub(super) fn slow_on_sqlite(time: Duration, least: f64) -> Stood {
    slow("sqlite:people.sqlite", time, least)
}

/// One import that sends a row now and then, for this time.
fn slow(url: &str, time: Duration, least: f64) -> Stood {
    let service = serve(url, &["--access-log", "off"]);
    let shares = shares(&service, time, least, |stop| {
        let mut stream = service.send(&(head(100_000_000, "*/*") + &csv(1)));
        while !stop.load(Relaxed) {
            stream.write_all(b"0,3,Doe,male,22,1,0,7.25\n").unwrap();
            sleep(Duration::from_millis(100));
        }
    });
    Stood {
        done: format!("a row every 100 ms for {}", seconds(time)),
        figures: shares,
    }
}

/// Imports that are cancelled while they are checked and stored: how soon another write is served.
pub(super) fn cancelled_on_sqlite(rows: usize, limit: Duration) -> Stood {
    let service = serve(
        "sqlite:people.sqlite",
        &["--database-import-timeout", "600"],
    );
    let body = csv(rows);
    let mut slowest = Duration::ZERO;
    for part in [0, rows / 10, rows / 2, rows] {
        let phase = if part == 0 { "checking" } else { "storing" };
        let mut stream = service.send(&head(body.len(), "application/x-ndjson"));
        stream.write_all(body.as_bytes()).unwrap();
        let reached = until_phase(stream, phase, part);
        assert!(reached, "it ended before {phase} {part}");
        let begun = Instant::now();
        assert_eq!(service.post("/people", &person("other")).status, 200);
        slowest = slowest.max(begun.elapsed());
    }
    // The last one may have been stored before its client went away.
    let stored = service.people();
    assert!([4, rows + 4].contains(&stored), "{stored}");
    assert!(slowest < limit, "{slowest:?}");
    Stood {
        done: format!(
            "of {rows} rows: while checked, and after 10, 50 and 100 % were handed to SQLite"
        ),
        figures: format!(
            "stored: {}; the next write was served within {}",
            stored - 4,
            seconds(slowest)
        ),
    }
}

/// Reads progress until so many rows are in this phase; then the client is gone.
fn until_phase(stream: TcpStream, phase: &str, rows: usize) -> bool {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.any(|line| {
        let Ok(line) = serde_json::from_str::<serde_json::Value>(&line) else {
            return false;
        };
        let is_far = line["rows"].as_u64().is_some_and(|now| now >= rows as u64);
        line["phase"] == phase && is_far
    })
}

/// One import of so many rows: the longest wait of another client's write, which `DATABASE_IMPORT_TIMEOUT` bounds.
pub(super) fn large_on_sqlite(rows: usize, timeout: u64) -> Stood {
    let flag = timeout.to_string();
    let service = serve(
        "sqlite:people.sqlite",
        &["--database-import-timeout", &flag],
    );
    let body = csv(rows);
    let (first, mut taken) = (Instant::now(), Duration::ZERO);
    let load = Load::while_doing(&service, |load| {
        load.until_more(200, 20);
        let begun = Instant::now();
        let mut stream = service.send(&head(body.len(), "*/*"));
        stream.set_read_timeout(None).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.contains(&format!("\"imported\":{rows},")),
            "{answer}"
        );
        taken = begun.elapsed();
        load.until_more(200, 20);
    });
    let refused = load.refused_after(first);
    // The end of one that takes too long needs a moment, too.
    let longest = Duration::from_secs(timeout + 2);
    assert!(load.slowest() < longest, "{:?}", load.slowest());
    Stood {
        done: format!(
            "of {rows} rows over HTTP, while others write, `DATABASE_IMPORT_TIMEOUT={timeout}`"
        ),
        figures: format!(
            "stored in {}; longest wait of another write {}, {} refused",
            seconds(taken),
            seconds(load.slowest()),
            refused,
        ),
    }
}

#[test]
fn stalled_imports_do_not_hold_up_the_others() {
    stalled_on_postgres(20, Duration::from_millis(500), 0.0);
}

#[test]
fn stalled_imports_occupy_no_thread() {
    stalled_on_sqlite(530, Duration::from_millis(500), 0.0);
}

#[test]
fn slow_import_does_not_hold_up_the_others() {
    slow_on_postgres(Duration::from_millis(500), 0.0);
    slow_on_sqlite(Duration::from_millis(500), 0.0);
}

#[test]
fn cancelled_import_does_not_hold_up_the_others() {
    cancelled_on_sqlite(60_000, Duration::from_secs(6));
}

#[test]
fn large_import_is_stored_while_others_write() {
    large_on_sqlite(10_000, 8);
}
