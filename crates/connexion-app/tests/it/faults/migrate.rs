//! Two processes that migrate one database at the same time.

use std::time::{Duration, Instant};

use super::{Stood, seconds};
use crate::postgres_server::fresh_database;
use crate::program::{Program, Running};

/// So many times on each store, each time on a new database.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn at_once(times: usize) -> Stood {
    let mut slowest = Duration::ZERO;
    for _ in 0..times {
        let database = fresh_database().await;
        for url in [database.url(), "sqlite:people.sqlite"] {
            let begun = Instant::now();
            both(&Program::on(url).env("APP_SETTINGS", "production"));
            slowest = slowest.max(begun.elapsed());
        }
    }
    Stood {
        done: format!("{times} times on each store"),
        figures: format!(
            "each time one applied all and the other had nothing to do, both ended with 0; the longest {}",
            seconds(slowest)
        ),
    }
}

fn both(program: &Program) {
    let migrate = || Running::start(&mut program.command(&["migrate"]));
    let running = [migrate(), migrate()];
    let mut said = running.map(|running| running.end().ok());
    said.sort();
    assert_eq!(
        said,
        [
            "applied V1__person, V2__api_key, V3__lists\n",
            "nothing to do\n"
        ]
    );
    program.run(&["check-migration"]).ok();
}

#[test]
fn of_two_that_migrate_at_once_one_does() {
    at_once(2);
}
