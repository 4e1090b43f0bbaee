//! Rows and tables that another transaction holds locked, under load.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::load::person;
use super::{Stood, seconds};
use crate::postgres_server::{PrivateServer, connect};
use crate::program::{Program, Service};

const WRITERS: usize = 16;

/// How much longer than `DATABASE_TIMEOUT` an answer may take.
const LATEST: Duration = Duration::from_secs(2);

fn serve(url: &str, flags: &[&str]) -> Service {
    let program = Program::on(url).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    program.serve(flags)
}

/// Runs a transaction's statements by hand, and keeps it open while `work` goes on.
#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn while_locked<T: Send>(url: &str, statement: &str, work: impl FnOnce() -> T + Send) -> T {
    let by_hand: Client = connect(url).await;
    let begin = format!("begin; {statement}");
    by_hand.batch_execute(&begin).await.unwrap();
    let done = tokio::task::block_in_place(work);
    by_hand.batch_execute("rollback").await.unwrap();
    done
}

/// Adds and changes people of their own for so long; how many writes a second.
fn rate(service: &Service, time: Duration) -> f64 {
    let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let begun = Instant::now();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (stop, count) = (&stop, &count);
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    let added = service.post("/people", &person(&format!("{writer}")));
                    let added: serde_json::Value = serde_json::from_str(&added.body).unwrap();
                    let path = format!("/people/{}", added["uuid"].as_str().unwrap());
                    let changed = service.put(&path, r#"{"age":8}"#);
                    assert_eq!(changed.status, 200, "{changed:?}");
                    count.fetch_add(2, Relaxed);
                }
            });
        }
        thread::sleep(time);
        stop.store(true, Relaxed);
    });
    #[expect(clippy::cast_precision_loss, reason = "few writes")]
    let count = count.load(Relaxed) as f64;
    count / begun.elapsed().as_secs_f64()
}

/// One row locked for so long under writers of others, and clients that all want it. The writers keep this part of their
/// rate at least.
pub(super) fn row(time: Duration, least: f64) -> Stood {
    let server = PrivateServer::durable(&[]);
    let timeout = (time / 3).max(Duration::from_secs(1));
    let flag = format!("--database-timeout={}", timeout.as_secs());
    let service = serve(&server.url("postgres"), &[&flag]);
    let added: serde_json::Value =
        serde_json::from_str(&service.post("/people", &person("locked")).body).unwrap();
    let path = format!("/people/{}", added["uuid"].as_str().unwrap());
    let warm = rate(&service, time / 6);
    let before = rate(&service, time / 2);
    let (during, slowest, refused) = while_locked(
        &server.url("postgres"),
        "select from person where name = 'locked' for update",
        || {
            let stop = AtomicBool::new(false);
            thread::scope(|scope| {
                let wanting: Vec<_> = (0..4)
                    .map(|_| scope.spawn(|| want(&service, &path, &stop)))
                    .collect();
                let during = rate(&service, time);
                stop.store(true, Relaxed);
                let answers = wanting.into_iter().flat_map(|one| one.join().unwrap());
                let times: Vec<Duration> = answers.collect();
                (
                    during,
                    times.iter().max().copied().unwrap_or_default(),
                    times.len(),
                )
            })
        },
    );
    assert!(slowest < timeout + LATEST, "{slowest:?}");
    assert!(
        during > least * before.min(warm),
        "{warm} and {before}, then {during} a second"
    );
    let got = service.get(&path);
    assert!(
        got.body.contains(r#""age":7"#),
        "what was refused was stored: {got:?}"
    );
    assert_eq!(service.put(&path, r#"{"age":9}"#).status, 200);
    Stood {
        done: format!(
            "{} under {WRITERS} writers, and 4 clients that want the row",
            seconds(time)
        ),
        figures: format!(
            "{before:.0} writes a second before, {during:.0} meanwhile; {refused} refused, the slowest after {}; 0 of them stored",
            seconds(slowest)
        ),
    }
}

/// Changes the person again and again; how long each refusal took.
fn want(service: &Service, path: &str, stop: &AtomicBool) -> Vec<Duration> {
    let mut times = Vec::new();
    while !stop.load(Relaxed) {
        let begun = Instant::now();
        let answer = service.put(path, r#"{"age":8}"#);
        assert_eq!(answer.status, 503, "{answer:?}");
        times.push(begun.elapsed());
    }
    times
}

/// The table locked for so long, and 40 clients that add somebody meanwhile.
pub(super) fn table(timeout: u64, time: Duration) -> Stood {
    let server = PrivateServer::durable(&[]);
    let url = server.url("postgres");
    let service = serve(&url, &[&format!("--database-timeout={timeout}")]);
    assert_eq!(service.post("/people", &person("before")).status, 200);
    let slowest = while_locked(&url, "lock table person", || {
        let begun = Instant::now();
        let slowest = thread::scope(|scope| {
            let add = |number: usize| {
                let service = &service;
                move || {
                    thread::sleep(Duration::from_millis(25) * u32::try_from(number).unwrap());
                    let begun = Instant::now();
                    let answer = service.post("/people", &person("meanwhile"));
                    assert_eq!(answer.status, 503, "{answer:?}");
                    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
                    begun.elapsed()
                }
            };
            let adds: Vec<_> = (0..40).map(|number| scope.spawn(add(number))).collect();
            let times = adds.into_iter().map(|one| one.join().unwrap());
            times.max().unwrap_or_default()
        });
        thread::sleep(time.saturating_sub(begun.elapsed()));
        slowest
    });
    assert!(
        slowest < Duration::from_secs(timeout) + LATEST,
        "{slowest:?}"
    );
    assert_eq!(service.post("/people", &person("after")).status, 200);
    assert_eq!(service.people(), 2, "what was refused was stored");
    Stood {
        done: format!(
            "{} and 40 POSTs, `DATABASE_TIMEOUT={timeout}`",
            seconds(time)
        ),
        figures: format!(
            "40 times 503 with `Retry-After`, the slowest after {}; 0 of them stored",
            seconds(slowest)
        ),
    }
}

#[test]
fn a_locked_table_refuses_in_time_and_stores_nothing_of_it() {
    table(1, Duration::from_secs(4));
}

#[test]
fn a_locked_row_slows_nobody_down_who_wants_others() {
    // A busy machine has rates of its own; that nothing stands still is what counts here.
    row(Duration::from_secs(6), 0.2);
}
