//! Where the values of settings come from, and how their text is read.

use std::{
    collections::HashMap, error::Error as _, fmt, io, ops::RangeInclusive, str::FromStr,
    time::Duration,
};

use jsonwebtoken::{Algorithm, AlgorithmFamily};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::store::postgres::Address;

use super::{
    AdminAddress, CorsOrigins, Database, DatabaseUse, JwksSource, JwtSettings, Limits, LogTarget,
    Mode, SETTINGS, Setting, TlsFiles,
};

/// The database file that is used when no database is configured.
const SQLITE_FILE: &str = "connexion-app.sqlite";

/// A request's head is read into a buffer of this size before anything is known of it.
pub(crate) const HEAD_ROOM: usize = 64 * 1024;

/// A setting that can't be used. Says which, and where its value came from; never the value of a secret.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {reason}")]
pub(crate) struct SettingError {
    name: String,
    reason: String,
}

impl SettingError {
    pub(super) fn new(name: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self {
            name: name.into(),
            reason: reason.to_string(),
        }
    }
}

/// The lines of `.env`. What is wrong with one is told without its text, which may hold a password.
pub(super) fn dotenv() -> Result<HashMap<String, String>, SettingError> {
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
pub(super) struct Values<'v> {
    pub(super) flags: Source<'v>,
    /// What goes first comes first.
    pub(super) environment: [Source<'v>; 2],
}

/// Values by name.
pub(super) type Source<'v> = &'v dyn Fn(&str) -> Option<String>;

impl Values<'_> {
    /// The value of a setting, and the name of the flag or variable it came from.
    fn find(&self, name: &str) -> Option<(String, String)> {
        let setting = SETTINGS.iter().find(|setting| setting.name == name)?;
        let (from, value, _) = self.find_placed(setting)?;
        Some((from, value))
    }

    /// The same, with the place where the flag or variable stands.
    fn find_placed(&self, setting: &Setting) -> Option<(String, String, &'static str)> {
        if let Some(value) = (self.flags)(setting.name) {
            return Some((format!("--{}", setting.flag), value, "flag"));
        }
        // All names in one source before any in the next: the environment goes before `.env`, whichever
        // of a setting's names each uses.
        let places = self.environment.iter().zip(["environment", ".env"]);
        places.into_iter().find_map(|(source, place)| {
            setting.names().find_map(|name| {
                let value = source(name).filter(|value| !value.is_empty())?;
                Some((name.to_owned(), value, place))
            })
        })
    }

    /// Whether a variable that is no setting has a value.
    pub(super) fn is_set(&self, name: &str) -> bool {
        let mut values = self.environment.iter().filter_map(|source| source(name));
        values.any(|value| !value.is_empty())
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(|(_, value)| value)
    }

    fn error(&self, name: &str, reason: &str) -> SettingError {
        let from = self.find(name).map(|(from, _)| from);
        SettingError::new(from.as_deref().unwrap_or(name), reason)
    }

    /// One of a few words.
    pub(super) fn one_of<T>(&self, name: &str) -> Result<Option<T>, SettingError>
    where
        T: FromStr<Err = &'static str>,
    {
        let Some((from, value)) = self.find(name) else {
            return Ok(None);
        };
        let word = value.trim().parse().map(Some);
        word.map_err(|reason| SettingError::new(from, format_args!("'{value}' {reason}")))
    }

    /// A line that says what a setting is, and where that came from.
    pub(super) fn describe(&self, setting: &Setting) -> String {
        let name = setting.name;
        let Some((from, value, place)) = self.find_placed(setting) else {
            let default = match setting.default {
                "" => "-",
                default => default,
            };
            return format!("{name:24} {default}  (default)\n");
        };
        let value = redacted(name, &value);
        match place {
            "flag" => format!("{name:24} {value}  ({from})\n"),
            place => format!("{name:24} {value}  ({from}, {place})\n"),
        }
    }

    pub(super) fn number<T>(
        &self,
        name: &str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, SettingError>
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

    /// A time in whole seconds; the least one, and the one that is meant if none is set.
    pub(super) fn seconds(
        &self,
        name: &str,
        least: u32,
        default: u32,
    ) -> Result<Duration, SettingError> {
        let seconds = self.number(name, least..=u32::MAX)?.unwrap_or(default);
        Ok(Duration::from_secs(seconds.into()))
    }

    pub(super) fn host(&self) -> String {
        let host = self.text("APP_HOST");
        host.unwrap_or_else(|| "127.0.0.1".to_owned())
    }

    pub(super) fn admin(&self) -> Result<Option<AdminAddress>, SettingError> {
        let chosen = self.number("APP_ADMIN_PORT", 0..=u16::MAX)?;
        let host = self.text("APP_ADMIN_HOST");
        let address = AdminAddress {
            host: host.unwrap_or_else(|| self.host()),
            port: chosen.unwrap_or(5001),
            chosen: chosen.is_some(),
        };
        Ok(Some(address).filter(|address| address.port != 0))
    }

    pub(super) fn limits(&self) -> Result<Limits, SettingError> {
        let number = |name, range, default| -> Result<usize, SettingError> {
            Ok(self.number(name, range)?.unwrap_or(default))
        };
        Ok(Limits {
            answer: self.seconds("APP_TIMEOUT", 1, 30)?,
            head: self.seconds("APP_HEADER_TIMEOUT", 1, 10)?,
            idle: self.seconds("APP_IDLE_TIMEOUT", 1, 75)?,
            connections: number("APP_MAX_CONNECTIONS", 1..=1_000_000, 10_000)?,
            requests: number("APP_MAX_REQUESTS", 1..=1_000_000, 1024)?,
            head_size: number("APP_MAX_HEADER_SIZE", 1024..=HEAD_ROOM, 32 * 1024)?,
            body_size: number("APP_MAX_BODY_SIZE", 0..=1 << 40, 2 << 20)?,
        })
    }

    /// A boolean in any of the ways the original understood.
    pub(super) fn switch(&self, name: &str) -> Result<Option<bool>, SettingError> {
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

    pub(super) fn cors_origins(&self) -> Result<Option<CorsOrigins>, SettingError> {
        let name = "APP_CORS_ORIGINS";
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let origins: Vec<_> = text.split(',').map(|one| one.trim().to_owned()).collect();
        if origins == ["*"] {
            return Ok(Some(CorsOrigins::Any));
        }
        match origins.iter().find(|one| !is_origin(one)) {
            Some(wrong) => {
                let reason = format!("'{wrong}' is neither * nor like https://example.org:8000");
                Err(self.error(name, &reason))
            }
            None => Ok(Some(CorsOrigins::These(origins))),
        }
    }

    pub(super) fn jwt(&self) -> Result<Option<JwtSettings>, SettingError> {
        let names = ["APP_JWT_ISSUER", "APP_JWT_AUDIENCE", "APP_JWT_ALGORITHMS"];
        let Some(jwks) = self.text("APP_JWT_JWKS") else {
            let lonely = names.into_iter().find(|name| self.text(name).is_some());
            let reason = "has no meaning without APP_JWT_JWKS";
            return lonely.map_or(Ok(None), |name| Err(self.error(name, reason)));
        };
        let required = |name| {
            let missing = "is missing, though APP_JWT_JWKS is there";
            self.text(name).ok_or_else(|| self.error(name, missing))
        };
        let is_address = jwks.starts_with("https://") || jwks.starts_with("http://");
        Ok(Some(JwtSettings {
            jwks: if is_address {
                JwksSource::Address(jwks)
            } else {
                JwksSource::File(jwks.into())
            },
            issuer: required("APP_JWT_ISSUER")?,
            audience: required("APP_JWT_AUDIENCE")?,
            algorithms: self.algorithms(&required("APP_JWT_ALGORITHMS")?)?,
        }))
    }

    fn algorithms(&self, names: &str) -> Result<Vec<Algorithm>, SettingError> {
        let known = |name: &str| {
            let found: Option<Algorithm> = name.trim().parse().ok();
            found.filter(|algorithm| algorithm.family() != AlgorithmFamily::Hmac)
        };
        let read = |name: &str| {
            known(name).ok_or_else(|| {
                let few = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
                self.error("APP_JWT_ALGORITHMS", &format!("'{name}' is none of {few}"))
            })
        };
        names.split(',').map(read).collect()
    }

    pub(super) fn tls(&self) -> Result<Option<TlsFiles>, SettingError> {
        let (certificate, key) = (self.text("APP_TLS_CERT"), self.text("APP_TLS_KEY"));
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
                certificate: certificate.into(),
                key: key.into(),
            })),
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err(self.error("APP_TLS_KEY", "is missing, though APP_TLS_CERT is there"))
            }
            (None, Some(_)) => {
                Err(self.error("APP_TLS_CERT", "is missing, though APP_TLS_KEY is there"))
            }
        }
    }

    pub(super) fn log_target(&self, name: &str) -> LogTarget {
        match self.text(name).as_deref() {
            None | Some("-") => LogTarget::Standard,
            Some(off) if off.eq_ignore_ascii_case("off") => LogTarget::Off,
            Some(path) => LogTarget::File(path.into()),
        }
    }

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

/// Whether a browser could send it as its `Origin`: a scheme, a host, perhaps a port, and no path.
fn is_origin(text: &str) -> bool {
    let uri = text.parse::<http::Uri>();
    uri.is_ok_and(|uri| {
        let place = uri.authority().map(http::uri::Authority::as_str);
        let scheme = uri.scheme_str().unwrap_or_default();
        place.is_some_and(|place| text == format!("{scheme}://{place}"))
    })
}

/// A value as it may be shown: passwords, and addresses with one in them, are not told.
fn redacted(name: &str, value: &str) -> String {
    const HIDDEN: &str = "***";
    if name.ends_with("_PASSWORD") {
        return HIDDEN.to_owned();
    }
    let Some((scheme, rest)) = value.split_once("://").filter(|_| name.ends_with("_URL")) else {
        return value.to_owned();
    };
    // Up to the last `@`: one that stands in a password, unescaped, must not tell the rest of it.
    let (user, place) = rest.rsplit_once('@').unwrap_or(("", rest));
    let user = match user.split_once(':') {
        Some((user, _)) => format!("{user}:{HIDDEN}@"),
        None if user.is_empty() => String::new(),
        None => format!("{user}@"),
    };
    let (place, parameters) = place.split_once('?').unwrap_or((place, ""));
    let shown = parameters
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((key, _)) if key.contains("password") => format!("{key}={HIDDEN}"),
            _ => parameter.to_owned(),
        });
    let parameters = shown.collect::<Vec<_>>().join("&");
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("{scheme}://{user}{place}{mark}{parameters}")
}
