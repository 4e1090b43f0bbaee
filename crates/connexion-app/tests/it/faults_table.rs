//! `make faults`: every fault in full, or those that an argument names, against the release binary, as a table.

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
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1);
    let only = arguments.find(|argument| !argument.starts_with("--"));
    let only = only.unwrap_or_default();
    let chosen = faults::ALL
        .iter()
        .filter(|(fault, _)| fault.contains(&only));
    for (fault, does) in chosen {
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
