//! `make faults`: every fault in full, against the release binary, as a table.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "no part of the program"
)]

mod faults;
#[expect(dead_code, reason = "the tests use all of it")]
mod frames;
#[expect(dead_code, reason = "the tests use all of it")]
mod postgres_server;
#[expect(dead_code, reason = "the tests use all of it")]
mod program;
mod watched;

use std::io::Write;
use std::panic::catch_unwind;
use std::process::ExitCode;

use self::faults::Skipped;

fn main() -> ExitCode {
    println!("| fault | what was done | figures | verdict |\n| --- | --- | --- | --- |");
    let mut failed = false;
    for (fault, does) in faults::ALL {
        let (done, figures, verdict) = match catch_unwind(does) {
            Ok(Ok(stood)) => (stood.done, stood.figures, "stood".to_owned()),
            Ok(Err(Skipped(reason))) => {
                (String::new(), String::new(), format!("skipped: {reason}"))
            }
            // What it was stands above, where panics are told.
            Err(_) => {
                failed = true;
                (String::new(), String::new(), "FAILED".to_owned())
            }
        };
        println!("| {fault} | {done} | {figures} | {verdict} |");
        std::io::stdout().flush().unwrap();
    }
    ExitCode::from(u8::from(failed))
}
