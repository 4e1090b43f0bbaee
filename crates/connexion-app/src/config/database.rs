//! Which database, from one address or from the original's five settings, and how it is used.

use std::error::Error as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Database, DatabaseUse, Mode, SettingError, Values};
use crate::store::postgres::Address;

/// The database file that is used when no database is configured.
const SQLITE_FILE: &str = "connexion-app.sqlite";

impl Values<'_> {
    pub(super) fn database_use(&self) -> Result<DatabaseUse, SettingError> {
        Ok(DatabaseUse {
            prepare: self.switch("DATABASE_PREPARE")?.unwrap_or(true),
            // With SQLite each takes a thread, of which there are 512.
            lists: self.number("DATABASE_LISTS", 1..=256)?.unwrap_or(8),
            wait: self.seconds("DATABASE_WAIT", 0, 10)?,
            statement: self.seconds("DATABASE_TIMEOUT", 1, 10)?,
        })
    }

    pub(super) fn database(&self, mode: Mode) -> Result<Database, SettingError> {
        let mut database = self.main_database(mode)?;
        let Some(replica) = self.text("DATABASE_READ_URL") else {
            return Ok(database);
        };
        if let Database::Postgres { read_url, .. } = &mut database {
            Address::parse(&replica)
                .map_err(|error| self.error("DATABASE_READ_URL", &what_is_wrong(&error)))?;
            *read_url = Some(replica);
            return Ok(database);
        }
        let alone = "is a replica of a PostgreSQL database, which is not there";
        Err(self.error("DATABASE_READ_URL", alone))
    }

    fn main_database(&self, mode: Mode) -> Result<Database, SettingError> {
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
            read_url: None,
        })
    }

    fn named_database(&self, url: String) -> Result<Database, SettingError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return match Address::parse(&url) {
                Ok(_) => Ok(Database::Postgres {
                    url,
                    create: false,
                    read_url: None,
                }),
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
