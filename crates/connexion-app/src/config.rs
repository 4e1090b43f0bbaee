//! Every setting, once: its flag, its environment variable, the names the original service had for it, its
//! help. The only file that reads the environment.
//!
//! A flag goes before the environment, the environment before `.env` in the working directory, and that
//! before the default. An empty value is none, as in the `ConfigMap`s of the original.

use std::{
    collections::HashMap, env::VarError, error::Error as _, fmt, io, ops::RangeInclusive,
    path::PathBuf, str::FromStr, time::Duration,
};

use clap::{Arg, ArgMatches};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The database file that is used when no database is configured.
const SQLITE_FILE: &str = "connexion-app.sqlite";

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

/// A setting that can't be used. Says which, and where its value came from; never the value of a secret.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {reason}")]
pub(crate) struct SettingError {
    name: String,
    reason: String,
}

impl SettingError {
    fn new(name: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self {
            name: name.into(),
            reason: reason.to_string(),
        }
    }
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

/// The lines of `.env`. What is wrong with one is told without its text, which may hold a password.
fn dotenv() -> Result<HashMap<String, String>, SettingError> {
    let text = match std::fs::read_to_string(".env") {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Err(error) => return Err(SettingError::new(".env", error)),
    };
    let pairs: Result<_, _> = dotenvy::from_read_iter(text.as_bytes()).collect();
    pairs.map_err(|error| {
        let wrong = match &error {
            dotenvy::Error::LineParse(wrong, _) => wrong.lines().next().unwrap_or_default(),
            _ => "",
        };
        let line = text.lines().position(|line| line.contains(wrong));
        let line = line.map_or_else(String::new, |index| format!("line {}: ", index + 1));
        let reason = "must be NAME=VALUE, a value with spaces or quotes in 'single quotes'";
        SettingError::new(".env", format_args!("{line}{reason}"))
    })
}

/// Where settings come from, as functions, so that tests need no environment of their own.
struct Values<'v> {
    flags: Source<'v>,
    /// What goes first comes first.
    environment: [Source<'v>; 2],
}

/// Values by name.
type Source<'v> = &'v dyn Fn(&str) -> Option<String>;

impl Values<'_> {
    /// The value of a setting, and the name of the flag or variable it came from.
    fn find(&self, name: &str) -> Option<(String, String)> {
        let setting = SETTINGS.iter().find(|setting| setting.name == name)?;
        if let Some(value) = (self.flags)(name) {
            return Some((format!("--{}", setting.flag), value));
        }
        // All names in one source before any in the next: the environment goes before `.env`, whichever
        // of a setting's names each uses.
        self.environment.iter().find_map(|source| {
            setting.names().find_map(|name| {
                let value = source(name).filter(|value| !value.is_empty())?;
                Some((name.to_owned(), value))
            })
        })
    }

    /// Whether a variable that is no setting has a value.
    fn is_set(&self, name: &str) -> bool {
        let mut values = self.environment.iter().filter_map(|source| source(name));
        values.any(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(|(_, value)| value)
    }

    fn error(&self, name: &str, reason: &str) -> SettingError {
        let from = self.find(name).map(|(from, _)| from);
        SettingError::new(from.as_deref().unwrap_or(name), reason)
    }

    fn mode(&self) -> Result<Mode, SettingError> {
        let Some((from, value)) = self.find("APP_SETTINGS") else {
            return Ok(Mode::Development);
        };
        let mode = value.trim().parse();
        mode.map_err(|reason: &str| SettingError::new(from, format_args!("'{value}' {reason}")))
    }

    fn number<T>(&self, name: &str, range: RangeInclusive<T>) -> Result<Option<T>, SettingError>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let Some((from, value)) = self.find(name) else {
            return Ok(None);
        };
        let number = value.trim().parse().ok();
        let number = number.filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (low, high) = range.into_inner();
            let reason = format_args!("'{value}' is not a whole number from {low} to {high}");
            SettingError::new(from, reason)
        })
    }

    /// A boolean in any of the ways the original understood.
    fn switch(&self, name: &str) -> Result<Option<bool>, SettingError> {
        let Some((from, value)) = self.find(name) else {
            return Ok(None);
        };
        match value.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "yes" | "y" | "on" => Ok(Some(true)),
            "false" | "f" | "0" | "no" | "n" | "off" => Ok(Some(false)),
            _ => Err(SettingError::new(
                from,
                format_args!("'{value}' is neither on nor off"),
            )),
        }
    }

    fn log_target(&self, name: &str) -> LogTarget {
        match self.text(name).as_deref() {
            None | Some("-") => LogTarget::Standard,
            Some(off) if off.eq_ignore_ascii_case("off") => LogTarget::Off,
            Some(path) => LogTarget::File(path.into()),
        }
    }

    fn database(&self, mode: Mode) -> Result<Database, SettingError> {
        let testing = mode == Mode::Testing;
        // Even if it isn't needed: a wrong value is never passed over in silence.
        let port = self.number("POSTGRES_PORT", 1..=u16::MAX)?.unwrap_or(5432);
        if let Some(url) = self.text("DATABASE_URL") {
            return self.named_database(url);
        }
        let names = [
            "POSTGRES_HOSTNAME",
            "POSTGRES_DB",
            "POSTGRES_USER",
            "POSTGRES_PASSWORD",
        ];
        if names.iter().all(|name| self.text(name).is_none()) {
            let prefix = if testing { "test_" } else { "" };
            let path = format!("{prefix}{SQLITE_FILE}").into();
            return Ok(Database::Sqlite {
                path,
                embedded: true,
            });
        }
        let required = |name| {
            let missing = "is missing, though other POSTGRES_ settings are there";
            self.text(name).ok_or_else(|| self.error(name, missing))
        };
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let password = self.text("POSTGRES_PASSWORD");
        let password = password.map(|password| format!(":{}", encode(&password)));
        let url = format!(
            "postgres://{user}{password}@{host}:{port}/{prefix}{name}",
            host = encode(&required("POSTGRES_HOSTNAME")?),
            name = encode(&required("POSTGRES_DB")?),
            user = encode(&required("POSTGRES_USER")?),
            password = password.unwrap_or_default(),
            prefix = if testing { "test_" } else { "" },
        );
        Ok(Database::Postgres {
            url,
            create: testing,
        })
    }

    fn named_database(&self, url: String) -> Result<Database, SettingError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return match url.parse::<tokio_postgres::Config>() {
                Ok(_) => Ok(Database::Postgres { url, create: false }),
                Err(error) => Err(self.error("DATABASE_URL", &what_is_wrong(&error))),
            };
        }
        // `sqlite:///PATH` is how the original's library wrote it.
        let path = url.strip_prefix("sqlite:");
        match path.map(|path| path.strip_prefix("//").unwrap_or(path)) {
            // Every connection would have a database of its own.
            Some(":memory:") => Err(self.error("DATABASE_URL", "must name a file, not :memory:")),
            Some(path) if !path.is_empty() => Ok(Database::Sqlite {
                path: path.into(),
                embedded: false,
            }),
            _ => Err(self.error(
                "DATABASE_URL",
                "must begin with postgres:// or be sqlite:PATH",
            )),
        }
    }
}

/// What is wrong with an address, without any part of it, which may be one of a password.
fn what_is_wrong(error: &tokio_postgres::Error) -> String {
    let shape = "must be postgres://USER:PASSWORD@HOST:PORT/DB, special characters written as %XX";
    let cause = error.source().map(ToString::to_string);
    match cause.filter(|cause| cause.starts_with("invalid value for option ")) {
        Some(cause) => format!("{shape}: {cause}"),
        None => shape.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Database, LogTarget, Mode, Settings, Values};

    fn read(flags: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Settings, String> {
        let map = |pairs: &[(&str, &str)]| -> HashMap<String, String> {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let (flags, environment) = (map(flags), map(environment));
        let values = Values {
            flags: &|name| flags.get(name).cloned(),
            environment: [&|name| environment.get(name).cloned(), &|_| None],
        };
        Settings::read(&values).map_err(|error| error.to_string())
    }

    fn postgres(environment: &[(&str, &str)]) -> (String, bool) {
        match read(&[], environment).unwrap().database {
            Database::Postgres { url, create } => (url, create),
            Database::Sqlite { .. } => panic!("expected PostgreSQL"),
        }
    }

    #[test]
    fn without_settings_it_is_development_on_an_embedded_database() {
        let settings = read(&[], &[]).unwrap();
        assert_eq!(settings.mode, Mode::Development);
        assert!(
            settings.debug
                && settings.serve_spec
                && settings.swagger_ui
                && !settings.check_migration
        );
        assert_eq!((settings.host.as_str(), settings.port), ("127.0.0.1", 5000));
        assert_eq!(
            settings.database,
            Database::Sqlite {
                path: "connexion-app.sqlite".into(),
                embedded: true
            }
        );
        assert_eq!(settings.timeout.as_secs(), 30);
    }

    #[test]
    fn outside_development_the_helpers_are_off() {
        for mode in ["testing", "staging", "production"] {
            let settings = read(&[], &[("APP_SETTINGS", mode)]).unwrap();
            assert!(
                !settings.debug && !settings.serve_spec && !settings.swagger_ui,
                "{mode}"
            );
        }
    }

    #[test]
    fn the_names_of_the_original_are_accepted_and_ours_go_first() {
        let settings = read(
            &[],
            &[
                ("FLASK_DEBUG", "0"),
                ("GUNICORN_HOST", "0.0.0.0"),
                ("GUNICORN_PORT", "8000"),
                ("APP_PORT", "9000"),
                ("GUNICORN_WORKERS", "3"),
                ("GUNICORN_TIMEOUT", "7"),
                ("GUNICORN_ACCESS_LOGFILE", "/tmp/a"),
                ("GUNICORN_ERROR_LOGFILE", "off"),
                ("SQLALCHEMY_ECHO", "True"),
                ("FLASK_APP", "app"),
                ("GUNICORN_WORKER_CLASS", "gevent"),
            ],
        );
        let settings = settings.unwrap();
        assert_eq!(
            (settings.host.as_str(), settings.port, settings.workers),
            ("0.0.0.0", 9000, 3)
        );
        assert_eq!(settings.timeout.as_secs(), 7);
        assert_eq!(settings.access_log, LogTarget::File("/tmp/a".into()));
        assert_eq!(settings.error_log, LogTarget::Off);
        assert!(settings.sql_echo && !settings.debug);
        assert_eq!(settings.ignored, ["FLASK_APP", "GUNICORN_WORKER_CLASS"]);
    }

    #[test]
    fn a_flag_goes_before_the_environment() {
        let settings = read(&[("APP_PORT", "1")], &[("APP_PORT", "2")]).unwrap();
        assert_eq!(settings.port, 1);
    }

    #[test]
    fn the_address_of_postgresql_is_built_from_its_parts() {
        let parts = [
            ("POSTGRES_HOSTNAME", "db"),
            ("POSTGRES_DB", "people"),
            ("POSTGRES_USER", "me"),
        ];
        assert_eq!(
            postgres(&parts),
            ("postgres://me@db:5432/people".to_owned(), false)
        );

        let mut more = parts.to_vec();
        more.extend([
            ("POSTGRES_PASSWORD", "p@ss/w:rd"),
            ("POSTGRES_PORT", "6000"),
            ("APP_SETTINGS", "testing"),
        ]);
        let url = "postgres://me:p%40ss%2Fw%3Ard@db:6000/test_people".to_owned();
        assert_eq!(postgres(&more), (url, true));

        more.push(("DATABASE_URL", "postgresql://x/y"));
        assert_eq!(postgres(&more), ("postgresql://x/y".to_owned(), false));
    }

    #[test]
    fn the_environment_goes_before_the_file_whichever_name_is_used() {
        let values = Values {
            flags: &|_| None,
            environment: [
                &|name| match name {
                    "GUNICORN_PORT" => Some("1".to_owned()),
                    "APP_HOST" => Some(String::new()),
                    _ => None,
                },
                &|name| match name {
                    "APP_PORT" => Some("2".to_owned()),
                    "APP_HOST" => Some("::1".to_owned()),
                    _ => None,
                },
            ],
        };
        let settings = Settings::read(&values).unwrap();
        assert_eq!((settings.port, settings.host.as_str()), (1, "::1"));
    }

    #[test]
    fn a_wrong_value_names_its_setting() {
        let error = |name, value| read(&[], &[(name, value)]).unwrap_err();
        for (name, value, reason) in [
            (
                "APP_PORT",
                "70000",
                "'70000' is not a whole number from 0 to 65535",
            ),
            (
                "POSTGRES_PORT",
                "tcp://db",
                "'tcp://db' is not a whole number from 1 to 65535",
            ),
            (
                "APP_WORKERS",
                "0",
                "'0' is not a whole number from 1 to 1024",
            ),
            (
                "APP_TIMEOUT",
                "0.5",
                "'0.5' is not a whole number from 1 to 4294967295",
            ),
            (
                "DATABASE_URL",
                "mysql://u:secret@h/d",
                "must begin with postgres:// or be sqlite:PATH",
            ),
            (
                "DATABASE_URL",
                "sqlite:",
                "must begin with postgres:// or be sqlite:PATH",
            ),
            (
                "DATABASE_URL",
                "sqlite::memory:",
                "must name a file, not :memory:",
            ),
        ] {
            assert_eq!(error(name, value), format!("{name}: {reason}"));
        }
        assert_eq!(
            error("POSTGRES_DB", "people"),
            "POSTGRES_HOSTNAME: is missing, though other POSTGRES_ settings are there"
        );
        assert_eq!(
            read(&[("APP_PORT", "x")], &[]).unwrap_err(),
            "--port: 'x' is not a whole number from 0 to 65535"
        );
    }

    #[test]
    fn a_wrong_address_is_told_without_any_part_of_it() {
        let shape = "DATABASE_URL: must be postgres://USER:PASSWORD@HOST:PORT/DB, special characters written as %XX";
        for (url, cause) in [
            (
                "postgres://me:cret@host:se/people",
                ": invalid value for option `port`",
            ),
            (
                "postgres://me@host/people?sslmode=cret",
                ": invalid value for option `sslmode`",
            ),
            ("postgres://me@host/people?se=cret", ""),
        ] {
            let error = read(&[], &[("DATABASE_URL", url)]).unwrap_err();
            assert_eq!(error, format!("{shape}{cause}"));
        }
    }

    #[test]
    fn booleans_are_read_in_every_way_the_original_did() {
        for (text, expected) in [
            ("True", true),
            ("true", true),
            ("1", true),
            ("yes", true),
            ("on", true),
            ("False", false),
            ("0", false),
        ] {
            assert_eq!(
                read(&[], &[("SQL_ECHO", text)]).unwrap().sql_echo,
                expected,
                "{text}"
            );
        }
    }
}
