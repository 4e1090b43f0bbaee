//! Which database, from one address or from the original's five settings, and how it is used.

use std::time::Duration;

use std::error::Error as _;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Database, DatabaseUse, Mode, Values};
use crate::store::postgres::Address;

/// The database file that is used when no database is configured.
const SQLITE_FILE: &str = "connexion-app.sqlite";

/// What an address may look like.
const FORMS: &str = "must begin with postgres:// or be sqlite:PATH";

impl Values<'_> {
    pub(super) fn database_use(&self, database: &Database) -> DatabaseUse {
        let import = self.number_if_set("DATABASE_IMPORT_TIMEOUT", 1..=u32::MAX);
        let import = import.unwrap_or_else(|| database.import_timeout());
        DatabaseUse {
            prepare: self.switch("DATABASE_PREPARE"),
            // With SQLite each takes a thread, of which there are 512.
            lists: self.number("DATABASE_LISTS", 1..=256),
            wait: self.seconds("DATABASE_WAIT", 0),
            statement: self.seconds("DATABASE_TIMEOUT", 1),
            list: self.seconds("DATABASE_LIST_TIMEOUT", 1),
            log_size: self.number("DATABASE_LOG_SIZE", 1 << 20..=1 << 40),
            checkpoints: self.switch("DATABASE_CHECKPOINT"),
            lock_waits: self.number("DATABASE_LOCK_WAITS", 1..=256),
            import: Some(Duration::from_secs(import.into())),
        }
    }

    pub(super) fn database(&self, mode: Mode) -> Database {
        let mut database = self.main_database(mode);
        let name = "DATABASE_READ_URL";
        let Some(replica) = self.text(name) else {
            return database;
        };
        let Database::Postgres { read_url, .. } = &mut database else {
            self.refuse(
                name,
                "is a replica of a PostgreSQL database, which is not there",
            );
            return database;
        };
        match postgres(&replica) {
            Some(Ok(url)) => *read_url = Some(url),
            Some(Err(reason)) => self.refuse(name, &reason),
            None => self.refuse(name, "must begin with postgres://"),
        }
        database
    }

    fn main_database(&self, mode: Mode) -> Database {
        let testing = mode == Mode::Testing;
        let prefix = if testing { "test_" } else { "" };
        // Even if it isn't needed: a wrong value is never passed over in silence.
        let port = self.number("POSTGRES_PORT", 1..=u16::MAX);
        let embedded = Database::Sqlite {
            path: format!("{prefix}{SQLITE_FILE}").into(),
            embedded: true,
        };
        if let Some(url) = self.text("DATABASE_URL") {
            let named = named_database(&url);
            return named.unwrap_or_else(|reason| {
                self.refuse("DATABASE_URL", &reason);
                embedded
            });
        }
        let names = ["POSTGRES_HOSTNAME", "POSTGRES_DB", "POSTGRES_USER"];
        let password = self.text("POSTGRES_PASSWORD");
        if password.is_none() && names.iter().all(|name| self.text(name).is_none()) {
            return embedded;
        }
        let missing = "is missing, though other POSTGRES_ settings are there";
        let [Some(host), Some(name), Some(user)] = names.map(|name| self.required(name, missing))
        else {
            return embedded;
        };
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let password = password.map(|password| format!(":{}", encode(&password)));
        let url = format!(
            "postgres://{user}{password}@{host}:{port}/{prefix}{name}",
            host = encode(&host),
            name = encode(&name),
            user = encode(&user),
            password = password.unwrap_or_default(),
        );
        Database::Postgres {
            url,
            create: testing,
            read_url: None,
        }
    }
}

/// The database at an address; the error says what is wrong, without any part that may be one of a password.
fn named_database(url: &str) -> Result<Database, String> {
    if let Some(url) = postgres(url) {
        return Ok(Database::Postgres {
            url: url?,
            create: false,
            read_url: None,
        });
    }
    let (scheme, path) = url.split_once(':').ok_or(FORMS)?;
    match scheme {
        "sqlite" | "sqlite+pysqlite" | "sqlite+aiosqlite" => sqlite(path),
        _ => Err(FORMS.to_owned()),
    }
}

/// The file that follows `sqlite:`, written as `SQLAlchemy` does (`///relative`, `////absolute`) or as a path alone.
fn sqlite(address: &str) -> Result<Database, String> {
    let (path, parameters) = address.split_once('?').unwrap_or((address, ""));
    if let Some((name, _)) = form_urlencoded::parse(parameters.as_bytes()).next() {
        let instead = match name.as_ref() {
            "timeout" => ": DATABASE_WAIT has this meaning",
            "mode" => ": the file is opened for reading and writing",
            _ => "",
        };
        return Err(format!(
            "the parameter '{name}' is not supported for SQLite{instead}"
        ));
    }
    if path.contains('#') {
        return Err("has a fragment (#…), which means nothing here: write # as %23".to_owned());
    }
    let path = match path.strip_prefix("//") {
        None => path,
        Some(path) if path.is_empty() || path == "/" => {
            return Err("must name a file: sqlite:///relative/path or sqlite:////absolute/path".to_owned());
        }
        Some(path) => path.strip_prefix('/').ok_or(
            "must have three slashes before a relative path, four before an absolute one, as in sqlite:///people.sqlite",
        )?,
    };
    let path = percent_decode_str(path).decode_utf8();
    let path = path.map_err(|_not_text| "has an escape (%XX) that is not UTF-8")?;
    match path.as_ref() {
        "" => Err(FORMS.to_owned()),
        // Every connection would have a database of its own.
        ":memory:" => Err("must name a file, not :memory:".to_owned()),
        path if path.starts_with("file:") => Err("must be a path, not a file: URI".to_owned()),
        path if path.contains('\0') => Err("has a NUL in its path".to_owned()),
        path => Ok(Database::Sqlite {
            path: path.into(),
            embedded: false,
        }),
    }
}

/// An address of PostgreSQL as libpq writes it, whatever driver `SQLAlchemy` was told (`postgresql+psycopg2://`);
/// `None` if it is none.
fn postgres(url: &str) -> Option<Result<String, String>> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme
        .split_once('+')
        .map_or(scheme, |(dialect, _)| dialect);
    if !matches!(scheme, "postgres" | "postgresql") {
        return None;
    }
    let url = format!("{scheme}://{rest}");
    Some(match Address::parse(&url) {
        Ok(_) => Ok(url),
        Err(error) => Err(what_is_wrong(&error, rest)),
    })
}

/// What is wrong with an address, without any part of it, which may be one of a password.
fn what_is_wrong(error: &tokio_postgres::Error, address: &str) -> String {
    let shape = "must be postgres://USER:PASSWORD@HOST:PORT/DB, special characters written as %XX";
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    // After a `?` in a password, unescaped, comes the rest of it, and the `@` after it.
    let (_, parameters) = address.split_once('?').unwrap_or_default();
    let may_name = cause.starts_with("unknown option ") && !parameters.contains('@');
    if may_name || cause.starts_with("invalid value for option ") {
        format!("{shape}: {cause}")
    } else {
        shape.to_owned()
    }
}
