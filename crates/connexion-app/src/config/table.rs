//! The table of settings: their names, flags, defaults and help. `--help` is made of it, what is not set has the default
//! that it names, and a test compares README's table.

use clap::{Arg, Command};

/// One setting as its users see it.
pub(super) struct Setting {
    /// The environment variable.
    pub(super) name: &'static str,
    /// The flag, without its hyphens.
    pub(super) flag: &'static str,
    /// Other environment variables that mean the same.
    pub(super) also: &'static [&'static str],
    /// What it is without a value, if it is not empty: read as a value is, unless it follows from something else.
    pub(super) default: &'static str,
    pub(super) help: &'static str,
}

#[rustfmt::skip]
pub(super) const SETTINGS: &[Setting] = &[
    Setting { name: "DATABASE_URL", flag: "database-url", also: &[], default: "built from POSTGRES_*, else sqlite:connexion-app.sqlite",
              help: "Where the people are: postgres://USER:PASSWORD@HOST:PORT/DB or sqlite:PATH" },
    Setting { name: "DATABASE_READ_URL", flag: "database-read-url", also: &[], default: "",
              help: "A read replica, for GET: postgres://USER:PASSWORD@HOST:PORT/DB" },
    Setting { name: "DATABASE_PREPARE", flag: "database-prepare", also: &[], default: "on",
              help: "Prepare statements and set limits for a session; off for a pooler in transaction mode, PgBouncer 1.21 and later too" },
    Setting { name: "DATABASE_LISTS", flag: "database-lists", also: &[], default: "8",
              help: "How many lists may be read at a time, each on a connection of its own" },
    Setting { name: "DATABASE_WAIT", flag: "database-wait", also: &[], default: "10",
              help: "Seconds that a call may wait for a connection that others use" },
    Setting { name: "DATABASE_TIMEOUT", flag: "database-timeout", also: &[], default: "10",
              help: "Seconds that a call may take in PostgreSQL, from its arrival, with all that it waits for" },
    Setting { name: "DATABASE_LOCK_WAITS", flag: "database-lock-waits", also: &[], default: "8",
              help: "How many calls may wait for locks of other transactions, each on a PostgreSQL connection of its own; one more gets 503" },
    Setting { name: "DATABASE_LIST_TIMEOUT", flag: "database-list-timeout", also: &[], default: "600",
              help: "Seconds that a list may take, after which its response breaks off: it holds a snapshot of the database" },
    Setting { name: "DATABASE_LOG_SIZE", flag: "database-log-size", also: &[], default: "268435456",
              help: "Bytes of SQLite's write-ahead log, beyond which lists that hold it up are ended" },
    Setting { name: "DATABASE_CHECKPOINT", flag: "database-checkpoint", also: &[], default: "on",
              help: "Empty SQLite's write-ahead log; off if another process does, such as Litestream" },
    Setting { name: "DATABASE_IMPORT_TIMEOUT", flag: "database-import-timeout", also: &[], default: "8 with SQLite, 300 with PostgreSQL",
              help: "Seconds that storing one import may take; with SQLite no other write is done meanwhile" },
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
    Setting { name: "APP_ADMIN_HOST", flag: "admin-host", also: &[], default: "that of APP_HOST",
              help: "The address to listen on for operators" },
    Setting { name: "APP_ADMIN_PORT", flag: "admin-port", also: &[], default: "5001",
              help: "The port of /health/live, /health/ready and /metrics; 0 turns them off" },
    Setting { name: "APP_WORKERS", flag: "workers", also: &["GUNICORN_WORKERS"], default: "number of cores",
              help: "How many threads answer requests" },
    Setting { name: "APP_TIMEOUT", flag: "timeout", also: &["GUNICORN_TIMEOUT"], default: "30",
              help: "Seconds until a response begins, and that a stream may stall" },
    Setting { name: "APP_GRACEFUL_TIMEOUT", flag: "graceful-timeout", also: &[], default: "30",
              help: "Seconds that requests in flight may take to end after the signal to stop, and then the database" },
    Setting { name: "APP_MAX_CONNECTIONS", flag: "max-connections", also: &[], default: "10000",
              help: "How many connections may be open; one more is answered with 503 and closed" },
    Setting { name: "APP_MAX_REQUESTS", flag: "max-requests", also: &[], default: "1024",
              help: "How many requests may be under way; one more is answered with 503 at once" },
    Setting { name: "APP_MAX_HEADER_SIZE", flag: "max-header-size", also: &[], default: "32768",
              help: "Bytes that a request's line and headers may have; more are answered with 431" },
    Setting { name: "APP_MAX_BODY_SIZE", flag: "max-body-size", also: &[], default: "65536",
              help: "Bytes that a request's body may have, unpacked; more are answered with 413" },
    Setting { name: "APP_BODY_MEMORY", flag: "body-memory", also: &[], default: "33554432",
              help: "Bytes that the bodies of all requests in flight may take in memory; one more is answered with 503" },
    Setting { name: "APP_MAX_IMPORTS", flag: "max-imports", also: &[], default: "2",
              help: "How many imports may be in progress; one more is answered with 503 at once" },
    Setting { name: "APP_MAX_IMPORT_SIZE", flag: "max-import-size", also: &[], default: "268435456",
              help: "Bytes that an import's file may have, unpacked; more are answered with 413" },
    Setting { name: "APP_HEADER_TIMEOUT", flag: "header-timeout", also: &[], default: "10",
              help: "Seconds that a client may take to send a request's line and headers" },
    Setting { name: "APP_IDLE_TIMEOUT", flag: "idle-timeout", also: &[], default: "75",
              help: "Seconds that a connection may be open without a request" },
    Setting { name: "APP_AUTH", flag: "auth", also: &[], default: "off",
              help: "For which operations clients need an API key: off, write or all" },
    Setting { name: "APP_SESSION_SECRET", flag: "session-secret", also: &[], default: "a random one",
              help: "Signs the sessions of browsers, at least 32 characters; the same for all processes of a service" },
    Setting { name: "APP_JWT_JWKS", flag: "jwt-jwks", also: &[], default: "",
              help: "Believe bearer tokens signed with these keys: a JWKS file, or an address of one" },
    Setting { name: "APP_JWT_ISSUER", flag: "jwt-issuer", also: &[], default: "", help: "Who must have issued a token" },
    Setting { name: "APP_JWT_AUDIENCE", flag: "jwt-audience", also: &[], default: "", help: "Whom a token must be for" },
    Setting { name: "APP_JWT_ALGORITHMS", flag: "jwt-algorithms", also: &[], default: "",
              help: "How a token may be signed, such as RS256,ES256" },
    Setting { name: "APP_CORS_ORIGINS", flag: "cors-origins", also: &[], default: "",
              help: "Sites whose pages may read answers: https://example.org,https://… or *" },
    Setting { name: "APP_ALLOWED_HOSTS", flag: "allowed-hosts", also: &[], default: "loopback names on a loopback address, else every host",
              help: "Hosts that requests may be for: example.org,example.org:8080,*.example.org or *; others get 421" },
    Setting { name: "APP_TRUSTED_PROXIES", flag: "trusted-proxies", also: &[], default: "",
              help: "Proxies whose Forwarded and X-Forwarded-For, -Proto, -Host are believed: 10.0.0.7,10.0.0.0/8" },
    Setting { name: "APP_TLS_CERT", flag: "tls-cert", also: &[], default: "",
              help: "Serve TLS with this certificate, a PEM file that is read again when it changes" },
    Setting { name: "APP_TLS_KEY", flag: "tls-key", also: &[], default: "", help: "The certificate's key, a PEM file" },
    Setting { name: "APP_ACCESS_LOG", flag: "access-log", also: &["GUNICORN_ACCESS_LOGFILE"], default: "-",
              help: "A line for each request: a path, - for standard output, or off" },
    Setting { name: "APP_ERROR_LOG", flag: "error-log", also: &["GUNICORN_ERROR_LOGFILE"], default: "-",
              help: "What happens: a path, - for standard error, or off" },
    Setting { name: "APP_LOG_FORMAT", flag: "log-format", also: &[], default: "text",
              help: "How both logs are written: text or json" },
    Setting { name: "OTEL_EXPORTER_OTLP_ENDPOINT", flag: "otlp-endpoint", also: &[], default: "",
              help: "Send traces to this collector, such as http://127.0.0.1:4318; built with the feature otlp only" },
    Setting { name: "APP_SPEC", flag: "spec", also: &[], default: "the built-in one",
              help: "The document to serve by; in development it is loaded again when one of its files changes" },
    Setting { name: "SERVE_SPEC", flag: "serve-spec", also: &[], default: "on in development, else off",
              help: "Serve the document at /openapi.json and /openapi.yaml" },
    Setting { name: "SWAGGER_UI", flag: "swagger-ui", also: &[], default: "on in development, else off",
              help: "Serve the docs page at /ui/, and the document, which it reads" },
    Setting { name: "SQL_ECHO", flag: "sql-echo", also: &["SQLALCHEMY_ECHO"], default: "off",
              help: "Log every statement, without its values" },
];

/// Variables that mean nothing here: those of the original, and one of a program that was built for it.
pub(super) const IGNORED: &[&str] = if cfg!(feature = "otlp") {
    &["FLASK_APP", "GUNICORN_WORKER_CLASS"]
} else {
    &[
        "FLASK_APP",
        "GUNICORN_WORKER_CLASS",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ]
};

impl Setting {
    /// The environment variables that mean it; what goes first comes first.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.name].into_iter().chain(self.also.iter().copied())
    }

    /// Whether it is a switch, whose flag may stand without a value.
    fn is_switch(&self) -> bool {
        let is_word = self.name == "APP_AUTH";
        !is_word && (self.default.starts_with("on ") || matches!(self.default, "on" | "off"))
    }
}

/// The settings that matter to every command that uses the database.
const OF_DATABASE: [&str; 9] = [
    "DATABASE_URL",
    "POSTGRES_HOSTNAME",
    "POSTGRES_PORT",
    "POSTGRES_DB",
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "APP_SETTINGS",
    "APP_ERROR_LOG",
    "APP_LOG_FORMAT",
];

/// What the help of a command lists; every command accepts all settings.
fn matters(setting: &Setting, command: &str) -> bool {
    match command {
        "connexion-app" | "serve" => true,
        "config" => false,
        "openapi" => {
            ["APP_SPEC", "APP_AUTH", "APP_JWT_JWKS", "APP_SETTINGS"].contains(&setting.name)
        }
        "check-ready" => ["APP_HOST", "APP_ADMIN_HOST", "APP_ADMIN_PORT"].contains(&setting.name),
        "import-data" if setting.name == "APP_SPEC" => true,
        _ => OF_DATABASE.contains(&setting.name),
    }
}

/// Gives a command and those below it the settings' flags. The help is the manual: it lists those that matter, after the
/// command's own options.
pub(crate) fn with_flags(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let below: Vec<_> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let command = command.args(SETTINGS.iter().map(|setting| {
        let is_hidden = !matters(setting, &name);
        flag(setting).hide(is_hidden)
    }));
    let command = match name.as_str() {
        "connexion-app" | "serve" => command,
        _ => command.after_help("All other settings are accepted, too: see connexion-app --help."),
    };
    below.iter().fold(command, |command, name| {
        command.mut_subcommand(name, with_flags)
    })
}

fn flag(setting: &Setting) -> Arg {
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
        // Before a command it means the same as after it.
        .global(true);
    if setting.is_switch() {
        arg.num_args(0..=1)
            .require_equals(true)
            .default_missing_value("on")
    } else {
        arg
    }
}
