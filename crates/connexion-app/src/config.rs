//! Every setting, once: its flag, its environment variable, the names the original service had for it, its
//! help. The only module that reads the environment.
//!
//! A flag goes before the environment, the environment before `.env` in the working directory, and that
//! before the default. An empty value is none, as in the `ConfigMap`s of the original.

mod values;

use std::{env::VarError, fmt, path::PathBuf, str::FromStr, time::Duration};

use clap::{Arg, ArgMatches};

pub(crate) use self::values::SettingError;
use self::values::{Values, dotenv};

/// One setting as its users see it.
struct Setting {
    /// The environment variable.
    name: &'static str,
    /// The flag, without its hyphens.
    flag: &'static str,
    /// Other environment variables that mean the same.
    also: &'static [&'static str],
    default: &'static str,
    help: &'static str,
}

#[rustfmt::skip]
const SETTINGS: [Setting; 18] = [
    Setting { name: "DATABASE_URL", flag: "database-url", also: &[], default: "built from POSTGRES_*, else sqlite:connexion-app.sqlite",
              help: "Where the people are: postgres://USER:PASSWORD@HOST:PORT/DB or sqlite:PATH" },
    Setting { name: "POSTGRES_HOSTNAME", flag: "postgres-hostname", also: &[], default: "",
              help: "PostgreSQL's host, if there is no DATABASE_URL" },
    Setting { name: "POSTGRES_PORT", flag: "postgres-port", also: &[], default: "5432", help: "PostgreSQL's port" },
    Setting { name: "POSTGRES_DB", flag: "postgres-db", also: &[], default: "",
              help: "The database; with APP_SETTINGS=testing it is test_ and this name, created when missing" },
    Setting { name: "POSTGRES_USER", flag: "postgres-user", also: &[], default: "", help: "PostgreSQL's user" },
    Setting { name: "POSTGRES_PASSWORD", flag: "postgres-password", also: &[], default: "",
              help: "The user's password; better given by the environment, since flags are seen in `ps`" },
    Setting { name: "APP_SETTINGS", flag: "settings", also: &[], default: "development",
              help: "development, testing, staging or production" },
    Setting { name: "APP_DEBUG", flag: "debug", also: &["FLASK_DEBUG"], default: "on in development, else off",
              help: "Log more, and fill a new database with the sample passengers" },
    Setting { name: "CHECK_MIGRATION", flag: "check-migration", also: &[], default: "off",
              help: "Wait with serving until the migrations are applied, 60 seconds at most" },
    Setting { name: "APP_HOST", flag: "host", also: &["GUNICORN_HOST"], default: "127.0.0.1", help: "The address to listen on" },
    Setting { name: "APP_PORT", flag: "port", also: &["GUNICORN_PORT"], default: "5000",
              help: "The port to listen on; 0 takes a free one" },
    Setting { name: "APP_WORKERS", flag: "workers", also: &["GUNICORN_WORKERS"], default: "number of cores",
              help: "How many threads answer requests" },
    Setting { name: "APP_TIMEOUT", flag: "timeout", also: &["GUNICORN_TIMEOUT"], default: "30",
              help: "Seconds until an answer begins, and that a stream may stall; one that moves is never cut" },
    Setting { name: "APP_ACCESS_LOG", flag: "access-log", also: &["GUNICORN_ACCESS_LOGFILE"], default: "-",
              help: "A line for each request: a path, - for standard output, or off" },
    Setting { name: "APP_ERROR_LOG", flag: "error-log", also: &["GUNICORN_ERROR_LOGFILE"], default: "-",
              help: "What happens: a path, - for standard error, or off" },
    Setting { name: "SERVE_SPEC", flag: "serve-spec", also: &[], default: "on in development, else off",
              help: "Serve the document at /openapi.json and /openapi.yaml" },
    Setting { name: "SWAGGER_UI", flag: "swagger-ui", also: &[], default: "on in development, else off",
              help: "Serve the docs page at /ui/, and the document, which it reads" },
    Setting { name: "SQL_ECHO", flag: "sql-echo", also: &["SQLALCHEMY_ECHO"], default: "off",
              help: "Log every statement, without its values" },
];

/// Variables of the original that mean nothing here.
const IGNORED: [&str; 2] = ["FLASK_APP", "GUNICORN_WORKER_CLASS"];

impl Setting {
    /// The environment variables that mean it; what goes first comes first.
    fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.name].into_iter().chain(self.also.iter().copied())
    }

    /// Whether it is a switch, whose flag may stand without a value.
    fn is_switch(&self) -> bool {
        self.default.starts_with("on ") || self.default == "off"
    }
}

/// The settings' flags, for clap: the help is the manual.
pub(crate) fn flags() -> impl Iterator<Item = Arg> {
    SETTINGS.iter().map(|setting| {
        let names = setting.names().collect::<Vec<_>>().join(", ");
        let default = match setting.default {
            "" => String::new(),
            default => format!(" [default: {default}]"),
        };
        let arg = Arg::new(setting.name)
            .long(setting.flag)
            .help(format!("{} [env: {names}]{default}", setting.help))
            .help_heading("Settings")
            .value_name(if setting.is_switch() {
                "on|off"
            } else {
                "VALUE"
            })
            .global(true);
        if setting.is_switch() {
            arg.num_args(0..=1)
                .require_equals(true)
                .default_missing_value("on")
        } else {
            arg
        }
    })
}

/// All settings, read and checked.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub(crate) struct Settings {
    /// Where the people are.
    pub(crate) database: Database,
    /// What the process is for.
    pub(crate) mode: Mode,
    /// Log more, and fill a new database with the sample passengers.
    pub(crate) debug: bool,
    /// Wait with serving until the migrations are applied.
    pub(crate) check_migration: bool,
    /// The address to listen on.
    pub(crate) host: String,
    /// The port to listen on.
    pub(crate) port: u16,
    /// How many threads answer requests.
    pub(crate) workers: usize,
    /// Until an answer begins, and that a stream may stall.
    pub(crate) timeout: Duration,
    /// Where the access log goes.
    pub(crate) access_log: LogTarget,
    /// Where the error log goes.
    pub(crate) error_log: LogTarget,
    /// Serve the document.
    pub(crate) serve_spec: bool,
    /// Serve the docs page.
    pub(crate) swagger_ui: bool,
    /// Log every statement.
    pub(crate) sql_echo: bool,
    /// Variables that are set but mean nothing here.
    pub(crate) ignored: Vec<&'static str>,
}

/// Where the people are.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum Database {
    /// A PostgreSQL server.
    Postgres {
        /// In the form libpq reads.
        url: String,
        /// Whether the database is created when it is missing.
        create: bool,
    },
    /// A file of this process's own.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Whether nobody asked for it: then there is nobody to migrate it either.
        embedded: bool,
    },
}

impl Database {
    /// Whether nobody named it: then nobody migrates it by hand either.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self, Self::Sqlite { embedded: true, .. })
    }
}

impl fmt::Debug for Database {
    /// Without the address of the server, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres { .. } => f.write_str("PostgreSQL"),
            Self::Sqlite { path, .. } => write!(f, "SQLite {}", path.display()),
        }
    }
}

/// What the process is for: the default of several settings follows from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// On a developer's machine.
    Development,
    /// In a test run, with a database of its own.
    Testing,
    /// Before production.
    Staging,
    /// For real.
    Production,
}

impl FromStr for Mode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "development" => Ok(Self::Development),
            "testing" => Ok(Self::Testing),
            "staging" => Ok(Self::Staging),
            "production" => Ok(Self::Production),
            _ => Err("is not development, testing, staging or production"),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Testing => "testing",
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}

/// Where a log goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum LogTarget {
    /// `-`: standard output for the access log, standard error for the error log.
    Standard,
    /// A file, which is appended to.
    File(PathBuf),
    /// Nowhere.
    Off,
}

impl Settings {
    /// Reads flags, environment and `.env`.
    ///
    /// # Errors
    /// The first setting that can't be used.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub(crate) fn load(flags: &ArgMatches) -> Result<Self, SettingError> {
        for name in SETTINGS.iter().flat_map(Setting::names) {
            if let Err(VarError::NotUnicode(_)) = std::env::var(name) {
                return Err(SettingError::new(name, "is not UTF-8"));
            }
        }
        let file = dotenv()?;
        Self::read(&Values {
            flags: &|name| flags.get_one::<String>(name).cloned(),
            environment: [&|name| std::env::var(name).ok(), &|name| {
                file.get(name).cloned()
            }],
        })
    }

    fn read(values: &Values<'_>) -> Result<Self, SettingError> {
        let mode = values.mode()?;
        let development = mode == Mode::Development;
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let workers = values.number("APP_WORKERS", 1..=1024)?;
        let timeout = values.number("APP_TIMEOUT", 1..=u32::MAX)?;
        Ok(Self {
            database: values.database(mode)?,
            mode,
            debug: values.switch("APP_DEBUG")?.unwrap_or(development),
            check_migration: values.switch("CHECK_MIGRATION")?.unwrap_or(false),
            host: values
                .text("APP_HOST")
                .unwrap_or_else(|| "127.0.0.1".to_owned()),
            port: values.number("APP_PORT", 0..=u16::MAX)?.unwrap_or(5000),
            workers: workers.unwrap_or_else(cores),
            timeout: Duration::from_secs(timeout.unwrap_or(30).into()),
            access_log: values.log_target("APP_ACCESS_LOG"),
            error_log: values.log_target("APP_ERROR_LOG"),
            serve_spec: values.switch("SERVE_SPEC")?.unwrap_or(development),
            swagger_ui: values.switch("SWAGGER_UI")?.unwrap_or(development),
            sql_echo: values.switch("SQL_ECHO")?.unwrap_or(false),
            ignored: IGNORED
                .into_iter()
                .filter(|name| values.is_set(name))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests;
