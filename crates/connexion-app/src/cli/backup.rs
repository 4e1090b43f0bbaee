//! `connexion-app backup`: a copy of an SQLite database.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::task::spawn_blocking;

use super::say;
use crate::config::{Database, Settings};
use crate::store::sqlite::backup;

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The copy
    file: PathBuf,
    /// Replace a file that exists
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(
    settings: &Settings,
    BackupArgs { file, force }: BackupArgs,
) -> Result<(), Box<dyn Error>> {
    let Database::Sqlite { path, .. } = &settings.database else {
        return Err("backup copies an SQLite file; use pg_dump for PostgreSQL".into());
    };
    if file == Path::new("-") {
        // What is on its way through a pipe can be neither checked nor given its name at the end.
        return Err("backup needs the name of a file, not standard output".into());
    }
    let (source, target) = (path.clone(), file.clone());
    let copied = spawn_blocking(move || backup(&source, &target, force)).await??;
    let (people, bytes, file) = (copied.people, copied.bytes, file.display());
    say(&format!("{people} people, {bytes} bytes written to {file}"))
}
