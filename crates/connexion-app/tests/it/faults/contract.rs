//! Requests that are made up from the document, good and bad ones. The tests leave it out, since it needs Python's
//! packages.

use std::process::Command;

use super::{Outcome, Skipped, Stood};
use crate::program::Program;

/// So many seconds of schemathesis, with all its checks.
pub(super) fn schemathesis(seconds: u32) -> Outcome {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../scripts/schemathesis-people.sh"
    );
    let service = Program::new().serve(&["--access-log", "off"]);
    let run = Command::new(script)
        .args([&service.address, &seconds.to_string()])
        .output();
    let run = run.unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let cases = said.split_once("Test cases:\n").map(|(_, cases)| cases);
    let Some(cases) = cases.and_then(|cases| cases.lines().next()) else {
        let reason = String::from_utf8_lossy(&run.stderr).replace('\n', " ");
        return Err(Skipped(format!("schemathesis does not run: {reason}")));
    };
    assert!(run.status.success(), "{said}");
    Ok(Stood {
        done: format!("all checks, at most {seconds} s, SQLite"),
        figures: cases.trim().to_owned(),
    })
}
