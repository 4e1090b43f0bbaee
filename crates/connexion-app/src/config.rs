//! Every setting, once: its flag, its environment variable, the names the original service had for it, its
//! help. The only module that reads the environment.
//!
//! A flag goes before the environment, the environment before `.env` in the working directory, and that
//! before the default. An empty value is none, as in the `ConfigMap`s of the original.

mod clients;
mod database;
mod dotenv;
mod hosts;
mod table;
mod unknown;
mod values;

use std::{cell::RefCell, env::VarError, fmt, io, path::PathBuf, str::FromStr, time::Duration};

use clap::ArgMatches;
use ipnet::IpNet;
use jsonwebtoken::Algorithm;

use self::{
    dotenv::DotEnv,
    table::{IGNORED, SETTINGS, Setting},
    values::Values,
};
pub(crate) use self::{
    hosts::AllowedHosts,
    table::with_flags,
    values::{HEAD_ROOM, SettingError},
};

/// All settings, read and checked.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub(crate) struct Settings {
    /// Where the people are.
    pub(crate) database: Database,
    /// How the database is used.
    pub(crate) database_use: DatabaseUse,
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
    /// Where the admin listener is, if there is one.
    pub(crate) admin: Option<AdminAddress>,
    /// How many threads answer requests.
    pub(crate) workers: usize,
    /// How much the server takes on, and how long it waits.
    pub(crate) limits: Limits,
    /// How long requests under way may take to end after the signal to stop.
    pub(crate) graceful_timeout: Duration,
    /// What is asked of clients.
    pub(crate) auth: Auth,
    /// What sessions of browsers are signed with, unless this process alone shall accept them.
    pub(crate) session_secret: Option<String>,
    /// Which tokens are believed, if any.
    pub(crate) jwt: Option<JwtSettings>,
    /// Which sites' pages may read answers, if any.
    pub(crate) cors_origins: Option<CorsOrigins>,
    /// The hosts that requests may be for, if a list is set.
    pub(crate) allowed_hosts: Option<AllowedHosts>,
    /// The proxies whose word about a client is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// What TLS is served with, if it is.
    pub(crate) tls: Option<TlsFiles>,
    /// Where the access log goes.
    pub(crate) access_log: LogTarget,
    /// Where the error log goes.
    pub(crate) error_log: LogTarget,
    /// How both logs are written.
    pub(crate) log_format: LogFormat,
    /// The collector that traces are sent to, if there is one.
    pub(crate) otlp_endpoint: Option<String>,
    /// The document to serve, if it is not the built-in one.
    pub(crate) spec: Option<PathBuf>,
    /// Serve the document.
    pub(crate) serve_spec: bool,
    /// Serve the docs page.
    pub(crate) swagger_ui: bool,
    /// Log every statement.
    pub(crate) sql_echo: bool,
    /// Variables that are set but mean nothing here.
    pub(crate) ignored: Vec<&'static str>,
    /// What is probably not meant: misspelt names, and lines of `.env` that can't be read.
    pub(crate) warnings: Vec<String>,
}

/// Where an operator asks the process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AdminAddress {
    /// The address to listen on.
    pub(crate) host: String,
    /// The port to listen on.
    pub(crate) port: u16,
    /// Whether it was chosen; otherwise another process of the kind may have it already.
    pub(crate) chosen: bool,
}

/// How much the server takes on, and how long it waits for clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Limits {
    /// Until an answer begins, and that a stream may stall.
    pub(crate) answer: Duration,
    /// Until a request's head is there.
    pub(crate) head: Duration,
    /// That a connection may be open without a request.
    pub(crate) idle: Duration,
    /// How many connections may be open.
    pub(crate) connections: usize,
    /// How many requests may be under way.
    pub(crate) requests: usize,
    /// Bytes of a request's line and headers.
    pub(crate) head_size: usize,
    /// Bytes of a request's body.
    pub(crate) body_size: usize,
    /// Bytes of the bodies of all requests in flight.
    pub(crate) body_memory: usize,
    /// How many imports there may be at a time.
    pub(crate) imports: usize,
    /// Bytes of an import's file.
    pub(crate) import_size: usize,
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
        /// Where people are read, if that is another server.
        read_url: Option<String>,
    },
    /// A file of this process's own.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Whether nobody asked for it: then there is nobody to migrate it either.
        embedded: bool,
    },
}

/// How the database is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DatabaseUse {
    /// Whether statements are prepared.
    pub(crate) prepare: bool,
    /// How many lists may be read at a time.
    pub(crate) lists: usize,
    /// How long a call may wait for a connection.
    pub(crate) wait: Duration,
    /// How long a statement may take.
    pub(crate) statement: Duration,
    /// How long a list may take while others are served.
    pub(crate) list: Duration,
    /// Bytes that SQLite's write-ahead log may have before lists that hold it up are ended.
    pub(crate) log_size: u64,
    /// Whether SQLite's log is moved to the file.
    pub(crate) checkpoints: bool,
    /// How long storing one import may take; without a limit if there is none.
    pub(crate) import: Option<Duration>,
    /// How many calls may wait for locks of other transactions.
    pub(crate) lock_waits: usize,
}

impl Database {
    /// Whether nobody named it: then nobody migrates it by hand either.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self, Self::Sqlite { embedded: true, .. })
    }

    /// For how many seconds one import may store if no setting says so. In SQLite nobody else can write meanwhile, and
    /// must be served within the default of `DATABASE_WAIT`.
    fn import_timeout(&self) -> u32 {
        match self {
            Self::Postgres { .. } => 300,
            Self::Sqlite { .. } => 8,
        }
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

/// For which operations a client must say who it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Auth {
    /// None, as the original.
    #[default]
    Off,
    /// Those that change something.
    Write,
    /// All.
    All,
}

impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Write => "write",
            Self::All => "all",
        })
    }
}

impl FromStr for Auth {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "write" => Ok(Self::Write),
            "all" => Ok(Self::All),
            _ => Err("is not off, write or all"),
        }
    }
}

/// Which tokens are believed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct JwtSettings {
    /// Where the issuer's keys are.
    pub(crate) jwks: JwksSource,
    /// Who must have issued a token.
    pub(crate) issuer: String,
    /// Whom it must be for.
    pub(crate) audience: String,
    /// How it may be signed; never with a shared secret.
    pub(crate) algorithms: Vec<Algorithm>,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum JwksSource {
    /// In a file.
    File(PathBuf),
    /// Behind an `http://` or `https://` address.
    Address(String),
}

/// Which sites' pages may read answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum CorsOrigins {
    /// Every site's.
    Any,
    /// Those of these origins, such as `https://example.org`.
    These(Vec<String>),
}

/// What TLS is served with, as PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TlsFiles {
    /// The certificate, and those between it and its authority.
    pub(crate) certificate: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
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

/// How the logs are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum LogFormat {
    /// Lines for people, and the Combined Log Format.
    #[default]
    Text,
    /// A JSON object in each line.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("is neither text nor json"),
        }
    }
}

impl Settings {
    /// What a setting that has no value comes to, if to anything; some follow from others.
    fn default_of(&self, setting: &Setting) -> String {
        let switch = |is_on| if is_on { "on" } else { "off" }.to_owned();
        match (setting.name, &self.database) {
            ("DATABASE_URL", Database::Postgres { url, .. }) => url.clone(),
            ("DATABASE_URL", Database::Sqlite { path, .. }) => format!("sqlite:{}", path.display()),
            ("DATABASE_IMPORT_TIMEOUT", database) => database.import_timeout().to_string(),
            ("APP_DEBUG", _) => switch(self.debug),
            ("SERVE_SPEC", _) => switch(self.serve_spec),
            ("SWAGGER_UI", _) => switch(self.swagger_ui),
            ("APP_ADMIN_HOST", _) => self.host.clone(),
            ("APP_WORKERS", _) => self.workers.to_string(),
            _ => setting.default.to_owned(),
        }
    }

    /// Reads flags, environment and `.env`.
    ///
    /// # Errors
    /// Every setting that can't be used.
    pub(crate) fn load(flags: &ArgMatches) -> Result<Self, Vec<SettingError>> {
        with_values(flags, |values| {
            let mut settings = Self::read(values)?;
            let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
            settings
                .warnings
                .extend(unknown::warnings(names, &values.file));
            Ok(settings)
        })
    }

    fn read(values: &Values<'_>) -> Result<Self, Vec<SettingError>> {
        let mode = values.one_of("APP_SETTINGS");
        let development = mode == Mode::Development;
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let workers = values.number_if_set("APP_WORKERS", 1..=1024);
        let database = values.database(mode);
        let settings = Self {
            database_use: values.database_use(&database),
            database,
            mode,
            debug: values.switch_if_set("APP_DEBUG").unwrap_or(development),
            check_migration: values.switch("CHECK_MIGRATION"),
            host: values.host(),
            port: values.number("APP_PORT", 0..=u16::MAX),
            admin: values.admin(),
            workers: workers.unwrap_or_else(cores),
            limits: values.limits(),
            graceful_timeout: values.seconds("APP_GRACEFUL_TIMEOUT", 0),
            auth: values.one_of("APP_AUTH"),
            session_secret: values.session_secret(),
            jwt: values.jwt(),
            cors_origins: values.cors_origins(),
            allowed_hosts: values.allowed_hosts(),
            trusted_proxies: values.trusted_proxies(),
            tls: values.tls(),
            access_log: values.log_target("APP_ACCESS_LOG"),
            error_log: values.log_target("APP_ERROR_LOG"),
            log_format: values.one_of("APP_LOG_FORMAT"),
            otlp_endpoint: values.otlp_endpoint(),
            spec: values.text("APP_SPEC").map(PathBuf::from),
            serve_spec: values.switch_if_set("SERVE_SPEC").unwrap_or(development),
            swagger_ui: values.switch_if_set("SWAGGER_UI").unwrap_or(development),
            sql_echo: values.switch("SQL_ECHO"),
            ignored: IGNORED
                .iter()
                .copied()
                .filter(|name| values.is_set(name))
                .collect(),
            warnings: values.unreadable_lines(),
        };
        let errors = values.errors.take();
        if errors.is_empty() {
            Ok(settings)
        } else {
            Err(errors)
        }
    }
}

/// Every setting with its value and where that came from, a line each; secrets are not told.
pub(crate) fn describe(flags: &ArgMatches, settings: &Settings) -> String {
    with_values(flags, |values| {
        SETTINGS
            .iter()
            .map(|setting| values.describe(setting, &settings.default_of(setting)))
            .collect()
    })
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn with_values<T>(flags: &ArgMatches, read: impl FnOnce(&Values<'_>) -> T) -> T {
    let mut errors = Vec::new();
    for name in SETTINGS.iter().flat_map(Setting::names) {
        if let Err(VarError::NotUnicode(_)) = std::env::var(name) {
            errors.push(SettingError::new(name, "is not UTF-8"));
        }
    }
    let environment = |name: &str| std::env::var(name).ok();
    let text = match std::fs::read_to_string(".env") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            errors.push(SettingError::new(".env", error));
            String::new()
        }
        text => text.unwrap_or_default(),
    };
    read(&Values {
        flags: &|name| flags.get_one::<String>(name).cloned(),
        environment: &environment,
        file: DotEnv::parse(&text, &environment),
        errors: RefCell::new(errors),
    })
}

#[cfg(test)]
mod tests;
