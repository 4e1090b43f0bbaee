//! Where the values of settings come from, and how their text is read.

use std::{collections::HashMap, fmt, io, ops::RangeInclusive, str::FromStr, time::Duration};

use super::{AdminAddress, Limits, LogTarget, SETTINGS, Setting};

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
    pub(super) fn find(&self, name: &str) -> Option<(String, String)> {
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

    pub(super) fn error(&self, name: &str, reason: &str) -> SettingError {
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

    /// A line that says what a setting is, and where that came from; `default` is what it comes to without a value.
    pub(super) fn describe(&self, setting: &Setting, default: &str) -> String {
        let name = setting.name;
        let (value, from) = match self.find_placed(setting) {
            None => (default.to_owned(), "default".to_owned()),
            Some((from, value, "flag")) => (value, from),
            Some((from, value, place)) => (value, format!("{from}, {place}")),
        };
        let value = match value.as_str() {
            "" => "-".to_owned(),
            value => redacted(name, value),
        };
        format!("{name:27} {value}  ({from})\n")
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
            body_size: number("APP_MAX_BODY_SIZE", 0..=1 << 40, 64 << 10)?,
            body_memory: number("APP_BODY_MEMORY", 64 << 10..=1 << 40, 32 << 20)?,
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

    pub(super) fn log_target(&self, name: &str) -> LogTarget {
        match self.text(name).as_deref() {
            None | Some("-") => LogTarget::Standard,
            Some(off) if off.eq_ignore_ascii_case("off") => LogTarget::Off,
            Some(path) => LogTarget::File(path.into()),
        }
    }
}

/// A value as it may be shown: passwords, and addresses with one in them, are not told.
fn redacted(name: &str, value: &str) -> String {
    const HIDDEN: &str = "***";
    const SECRET: [&str; 3] = ["password", "secret", "token"];
    if name.ends_with("_PASSWORD") {
        return HIDDEN.to_owned();
    }
    let Some((scheme, rest)) = value.split_once("://") else {
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
            Some((key, _)) if SECRET.iter().any(|word| key.contains(word)) => {
                format!("{key}={HIDDEN}")
            }
            _ => parameter.to_owned(),
        });
    let parameters = shown.collect::<Vec<_>>().join("&");
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("{scheme}://{user}{place}{mark}{parameters}")
}
