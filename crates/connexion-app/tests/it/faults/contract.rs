//! Requests that are made up from the document, good and bad ones.

use std::process::Command;

use super::{Outcome, Skipped, Stood};
use crate::postgres_server::PrivateServer;
use crate::program::Program;

pub(super) fn on_postgres(options: &[&str]) -> Outcome {
    let server = PrivateServer::start();
    schemathesis(&server.url("postgres"), options)
}

pub(super) fn on_sqlite(options: &[&str]) -> Outcome {
    schemathesis("sqlite:people.sqlite", options)
}

/// A run of schemathesis with all its checks.
fn schemathesis(url: &str, options: &[&str]) -> Outcome {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../scripts/schemathesis-people.sh"
    );
    let service = Program::on(url).serve(&["--access-log", "off"]);
    let run = Command::new(script)
        .arg(&service.address)
        .args(options)
        .output();
    let run = run.unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let cases = said.split_once("Test cases:\n").map(|(_, cases)| cases);
    let Some(cases) = cases.and_then(|cases| cases.lines().next()) else {
        let reason = String::from_utf8_lossy(&run.stderr);
        return Err(Skipped(format!(
            "schemathesis does not run: {reason}{said}"
        )));
    };
    assert!(run.status.success(), "{said}");
    Ok(Stood {
        done: format!("all checks, `{}`", options.join(" ")),
        figures: cases.trim().to_owned(),
    })
}

/// Always the same ones, so that a finding is one of the change that is tested.
#[test]
fn nothing_is_found_in_requests_that_are_made_up() {
    let options = ["--generation-deterministic", "--max-examples", "50"];
    for run in [on_postgres, on_sqlite] {
        // Not skipped: `scripts/setup-tests.sh` installs it.
        run(&options).unwrap();
    }
}
