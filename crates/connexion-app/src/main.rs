//! Starts the program; everything else is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    connexion_app::cli::run(std::env::args_os())
}
