//! PostgreSQL that goes away under load: it crashes, freezes, or leaves its place to another.

use std::time::{Duration, Instant};

use super::load::Load;
use super::{SOON, Stood, seconds};
use crate::postgres_server::{PrivateServer, connect};
use crate::program::{Program, Service, until, until_async};

fn serve(url: &str, flags: &[&str]) -> Service {
    let program = Program::on(url).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    program.serve(flags)
}

/// Killed and started again, so many times.
pub(super) fn crash(times: usize) -> Stood {
    let server = PrivateServer::durable(&[]);
    let service = serve(&server.url("postgres"), &[]);
    let (mut slowest, mut late) = (Duration::ZERO, 0);
    let load = Load::while_doing(&service, |load| {
        for _ in 0..times {
            load.until_more(200, 20);
            server.kill();
            load.until_more(503, 4);
            server.start_again();
            let started = Instant::now();
            let back = load.back_after(started);
            assert!(back < SOON, "{back:?}");
            slowest = slowest.max(back);
            load.until_more(200, 20);
            late += load.refused_after(started);
        }
    });
    Stood {
        done: format!("{times} times under 4 writers, started again"),
        figures: format!(
            "{}; 200 after {} at the most, {late} refused that were begun when it ran again",
            load.check(),
            seconds(slowest)
        ),
    }
}

/// The primary killed, its synchronous standby promoted.
pub(super) fn promoted() -> Stood {
    let primary = PrivateServer::durable(&[]);
    let standby = primary.standby();
    synchronous(&primary.url("postgres"));
    let (first, second) = (primary.port(), standby.port());
    let url = format!(
        "postgres://postgres@127.0.0.1:{first},127.0.0.1:{second}/postgres?target_session_attrs=read-write"
    );
    let service = serve(&url, &[]);
    let mut back = Duration::ZERO;
    let load = Load::while_doing(&service, |load| {
        load.until_more(200, 100);
        primary.kill();
        load.until_more(503, 4);
        standby.promote();
        back = load.back_after(Instant::now());
        assert!(back < SOON, "{back:?}");
        load.until_more(200, 100);
    });
    Stood {
        done: "once under 4 writers, both hosts in the address".to_owned(),
        figures: format!("{}; 200 after {}", load.check(), seconds(back)),
    }
}

/// Makes every commit wait for the standby.
#[tokio::main(flavor = "current_thread")]
async fn synchronous(url: &str) {
    let primary = connect(url).await;
    let statements = [
        "alter system set synchronous_standby_names = '*'",
        "select pg_reload_conf()",
    ];
    for statement in statements {
        primary.batch_execute(statement).await.unwrap();
    }
    let query = "select count(*) from pg_stat_replication where sync_state = 'sync'";
    until_async(
        async || match primary.query_one_scalar(query, &[]).await.unwrap() {
            0_i64 => Err("a synchronous standby".to_owned()),
            _ => Ok(()),
        },
    )
    .await;
}

/// Frozen for so long, and until a few were refused.
pub(super) fn frozen(time: Duration) -> Stood {
    let server = PrivateServer::start();
    let service = serve(&server.url("postgres"), &["--database-timeout", "1"]);
    let mut back = Duration::ZERO;
    let load = Load::while_doing(&service, |load| {
        load.until_more(200, 20);
        let begun = Instant::now();
        server.freeze();
        load.until_more(503, 4);
        until(|| match begun.elapsed() {
            elapsed if elapsed >= time => Ok(()),
            elapsed => Err(format!("{elapsed:?}")),
        });
        server.thaw();
        back = load.back_after(Instant::now());
        assert!(back < SOON, "{back:?}");
    });
    let checked = load.check();
    // The limit of a statement, and of the connection that is tried after it.
    assert!(load.slowest() < Duration::from_secs(15), "{checked}");
    Stood {
        done: format!("{} under 4 writers, `DATABASE_TIMEOUT=1`", seconds(time)),
        figures: format!("{checked}; 200 after {}", seconds(back)),
    }
}

#[test]
fn a_crash_of_the_database_under_load_costs_nothing_that_was_acknowledged() {
    crash(3);
}

#[test]
fn a_promoted_standby_has_all_that_was_acknowledged() {
    promoted();
}

#[test]
fn a_frozen_database_is_told_with_503_and_used_again_when_it_goes_on() {
    frozen(Duration::ZERO);
}
