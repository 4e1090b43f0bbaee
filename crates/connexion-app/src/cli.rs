//! The commands. What goes wrong is one line on standard error; the exit code is 1 if the command failed
//! and 2 if it was called wrongly.

mod backup;
mod keys;
mod rows;

use std::{
    error::Error,
    ffi::OsString,
    io::{self, Write},
    iter::successors,
    process::ExitCode,
    sync::Arc,
};

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::{
    backup::BackupArgs,
    keys::KeysCommand,
    rows::{ExportArgs, ImportArgs},
};
use crate::{
    admin,
    config::{self, Settings},
    opened::{Opened, Purpose},
    signals::Early,
    spec, start,
    store::Store,
    telemetry::{self, Telemetry},
    version,
};

/// The people service: Titanic passengers over HTTP, from PostgreSQL or embedded SQLite.
///
/// Without a command it serves. Settings are flags, environment variables or lines of a file `.env` in the
/// working directory.
#[derive(Debug, Parser)]
#[command(name = "connexion-app", version = version::build(), max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the people API (the default)
    Serve,
    /// Apply the migrations that are missing; refuse a database with rows that break the contract
    Migrate {
        /// Then let the database itself refuse such rows, by constraints
        #[arg(long)]
        constrain: bool,
    },
    /// Say whether the database answers
    #[command(aliases = ["check_db", "check_db_connection"])]
    CheckDb,
    /// Say whether all migrations are applied
    #[command(alias = "check_migration")]
    CheckMigration,
    /// Say whether the service that runs here is ready, by its admin port
    CheckReady,
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Print every setting, its value and where that came from; passwords are not told
    Config,
    /// Print the contract, an OpenAPI document
    Openapi {
        /// As JSON instead of YAML
        #[arg(long)]
        json: bool,
    },
    /// Store the passengers of a file: all of them, or none if a row is wrong
    #[command(alias = "import_data")]
    ImportData(ImportArgs),
    /// Write all passengers to a file: as CSV, or as lines of JSON, which keep the keys
    #[command(alias = "export_data")]
    ExportData(ExportArgs),
    /// Copy the SQLite database to a file, while the service runs
    Backup(BackupArgs),
}

impl Command {
    fn purpose(&self) -> Purpose {
        match self {
            Self::Serve => Purpose::Serve,
            Self::Migrate { .. } | Self::ImportData(_) => Purpose::Change,
            _ => Purpose::Read,
        }
    }
}

/// Runs the command that `arguments` name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Before anything else, see there.
    let early = Early::listen();
    let parsed = command().try_get_matches_from(arguments);
    let matches = match parsed {
        Ok(matches) => matches,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let command = Cli::from_arg_matches(&matches)
        .ok()
        .and_then(|cli| cli.command);
    let deepest = successors(Some(&matches), |above| {
        above.subcommand().map(|(_, below)| below)
    });
    let deepest = deepest.last().unwrap_or(&matches);
    let command = command.unwrap_or(Command::Serve);
    if !matches!(command, Command::Serve) {
        early.end_by_default();
    }
    let mut settings = match Settings::load(deepest) {
        Ok(settings) => settings,
        Err(errors) => {
            for error in &errors {
                fail(error, 2);
            }
            return ExitCode::from(2);
        }
    };
    if matches!(command, Command::ImportData(_)) {
        // An operator who imports a file knows how long others can wait.
        settings.database_use.import = None;
    }
    let done = if matches!(command, Command::Config) {
        print_config(deepest, &settings)
    } else {
        execute(command, &settings, &early)
    };
    match done {
        Ok(code) => code,
        // Whoever reads our output has had enough, as `head` does.
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref(), 1),
    }
}

fn print_config(flags: &ArgMatches, settings: &Settings) -> Result<ExitCode, Box<dyn Error>> {
    for warning in &settings.warnings {
        let _ = writeln!(io::stderr(), "connexion-app: warning: {warning}");
    }
    io::stdout().write_all(config::describe(flags, settings).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn command() -> clap::Command {
    config::with_flags(Cli::command())
}

fn execute(
    command: Command,
    settings: &Settings,
    early: &Early,
) -> Result<ExitCode, Box<dyn Error>> {
    let telemetry = telemetry::start(settings)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime
        .worker_threads(settings.workers)
        .enable_all()
        .build()?;
    let code = runtime.block_on(async {
        let opened = Opened::new(settings, command.purpose());
        let code = dispatch(command, settings, &opened, telemetry, early).await;
        opened.close().await;
        code
    });
    // A blocking read of standard input can't be interrupted; the process must end all the same.
    runtime.shutdown_background();
    telemetry::traces::end();
    code
}

async fn dispatch(
    command: Command,
    settings: &Settings,
    opened: &Opened<'_>,
    telemetry: Telemetry,
    early: &Early,
) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Serve => start::serve(settings, opened, telemetry, early).await?,
        // Needs no runtime.
        Command::Config => {}
        Command::Openapi { json } => {
            let document = spec::document(settings)?;
            let text = if json {
                document.to_json() + "\n"
            } else {
                document.text().to_owned()
            };
            io::stdout().write_all(text.as_bytes())?;
        }
        Command::Migrate { constrain } => migrate(opened, constrain).await?,
        Command::CheckDb => {
            opened.open().await?.ping().await?;
            say("the database answers")?;
        }
        Command::CheckMigration => {
            let pending = opened.open().await?.pending_migrations().await?;
            if !pending.is_empty() {
                say(&format!("not applied: {}", pending.join(", ")))?;
                return Ok(ExitCode::FAILURE);
            }
            say("all migrations are applied")?;
        }
        Command::CheckReady => {
            let (is_ready, checks) = admin::ask(settings.admin.as_ref())?;
            say(&checks)?;
            if !is_ready {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Keys(command) => {
            let store = migrated_store(settings, opened).await?;
            keys::run(command, store.as_ref()).await?;
        }
        Command::ImportData(arguments) => rows::import_data(settings, opened, arguments).await?,
        Command::ExportData(arguments) => rows::export_data(settings, opened, arguments).await?,
        Command::Backup(arguments) => backup::run(settings, arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn migrate(opened: &Opened<'_>, constrain: bool) -> Result<(), Box<dyn Error>> {
    let store = opened.open().await?;
    let applied = store.migrate().await?.applied;
    if !applied.is_empty() {
        say(&format!("applied {}", applied.join(", ")))?;
    }
    let constraints = if constrain {
        store.constrain().await?
    } else {
        Vec::new()
    };
    if !constraints.is_empty() {
        say(&format!("the database checks {}", constraints.join(", ")))?;
    }
    if applied.is_empty() && constraints.is_empty() {
        say("nothing to do")?;
    }
    Ok(())
}

/// The store, if its table is there; a table that is missing is told in words that help.
async fn migrated_store(
    settings: &Settings,
    opened: &Opened<'_>,
) -> Result<Arc<dyn Store>, Box<dyn Error>> {
    let store = opened.open().await?;
    // Rows that break the document are no reason not to export the others, so what is migrated is not checked again.
    if settings.database.is_embedded() && !store.pending_migrations().await?.is_empty() {
        store.migrate().await?;
    }
    start::all_applied(store.as_ref()).await?;
    Ok(store)
}

fn say(line: &str) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

fn fail(error: &dyn Error, code: u8) -> ExitCode {
    // Standard error that was closed must not change the exit code.
    let _ = writeln!(io::stderr(), "connexion-app: {error}");
    ExitCode::from(code)
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        super::command().debug_assert();
    }
}
