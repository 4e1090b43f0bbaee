//! Where the values of settings come from, and how their text is read. What can't be read is recorded, so that all of it is
//! reported at once; reading goes on with the default.

use std::{cell::RefCell, fmt, ops::RangeInclusive, str::FromStr, time::Duration};

use super::{AdminAddress, Limits, LogTarget, SETTINGS, Setting, dotenv::DotEnv};

/// A request's head is read into a buffer of this size before anything is known of it.
pub(crate) const HEAD_ROOM: usize = 64 * 1024;

/// A setting that can't be used. Says which, and where its value came from; never the value of a secret.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {reason}")]
pub(crate) struct SettingError {
    place: String,
    reason: String,
}

impl SettingError {
    pub(super) fn new(place: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self {
            place: place.into(),
            reason: reason.to_string(),
        }
    }
}

/// Where settings come from, as functions, so that tests need no environment of their own.
pub(super) struct Values<'v> {
    pub(super) flags: Source<'v>,
    pub(super) environment: Source<'v>,
    pub(super) file: DotEnv,
    /// What was wrong so far.
    pub(super) errors: RefCell<Vec<SettingError>>,
}

/// Values by name.
pub(super) type Source<'v> = &'v dyn Fn(&str) -> Option<String>;

/// The value of a setting, and where it was found.
struct Found {
    value: String,
    /// Of the flag or variable.
    name: String,
    place: Place,
}

enum Place {
    Flag,
    Environment,
    /// A line of `.env`.
    File(usize),
}

impl Found {
    /// The name, as an error reports it.
    fn source(&self) -> String {
        match self.place {
            Place::Flag | Place::Environment => self.name.clone(),
            Place::File(line) => format!(".env:{line}: {}", self.name),
        }
    }
}

impl Values<'_> {
    /// An empty value is none.
    fn find(&self, name: &str) -> Option<Found> {
        let setting = setting(name);
        let found = |name: &str, value: String, place| {
            let name = name.to_owned();
            (!value.is_empty()).then_some(Found { value, name, place })
        };
        if let Some(value) = (self.flags)(name) {
            return found(&format!("--{}", setting.flag), value, Place::Flag);
        }
        // All names in the environment before any in `.env`, whichever of a setting's names each uses.
        let in_environment = |name| found(name, (self.environment)(name)?, Place::Environment);
        let in_file = |name| {
            let (value, line) = self.file.get(name)?;
            found(name, value.to_owned(), Place::File(line))
        };
        let mut names = setting.names();
        names
            .find_map(in_environment)
            .or_else(|| setting.names().find_map(in_file))
    }

    /// Whether a variable that is no setting has a value.
    pub(super) fn is_set(&self, name: &str) -> bool {
        let in_file = || {
            self.file
                .get(name)
                .is_some_and(|(value, _)| !value.is_empty())
        };
        (self.environment)(name).is_some_and(|value| !value.is_empty()) || in_file()
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(|found| found.value)
    }

    /// Records that a setting can't be used.
    pub(super) fn refuse(&self, name: &str, reason: &str) {
        let place = self.find(name).map(|found| found.source());
        let error = SettingError::new(place.as_deref().unwrap_or(name), reason);
        self.errors.borrow_mut().push(error);
    }

    /// The value of a setting that must be there if another one is.
    pub(super) fn required(&self, name: &str, missing: &str) -> Option<String> {
        let value = self.text(name);
        if value.is_none() {
            self.refuse(name, missing);
        }
        value
    }

    /// The value of a setting, if it is set and can be used.
    fn read<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let value = self.text(name)?;
        let read = parse(value.trim());
        read.inspect_err(|reason| self.refuse(name, &format!("'{value}' {reason}")))
            .ok()
    }

    /// The same, or else the default that the table of settings has.
    fn read_or_default<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let default = || parse(setting(name).default).ok();
        self.read(name, &parse)
            .or_else(default)
            .expect("a test reads every default of the table")
    }

    /// One of a few words.
    pub(super) fn one_of<T: FromStr<Err = &'static str>>(&self, name: &str) -> T {
        self.read_or_default(name, |text| text.parse().map_err(str::to_owned))
    }

    /// A whole number.
    pub(super) fn number<T>(&self, name: &str, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        self.read_or_default(name, |text| number_in(&range, text))
    }

    /// A whole number that the default of another setting, or of the machine, takes the place of.
    pub(super) fn number_if_set<T>(&self, name: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        self.read(name, |text| number_in(&range, text))
    }

    /// A time in whole seconds, and the least one that is accepted.
    pub(super) fn seconds(&self, name: &str, least: u32) -> Duration {
        Duration::from_secs(self.number(name, least..=u32::MAX).into())
    }

    /// A boolean in any of the ways the legacy service understood.
    pub(super) fn switch(&self, name: &str) -> bool {
        self.read_or_default(name, on_or_off)
    }

    /// The same, whose default follows from another setting.
    pub(super) fn switch_if_set(&self, name: &str) -> Option<bool> {
        self.read(name, on_or_off)
    }

    pub(super) fn log_target(&self, name: &str) -> LogTarget {
        match self.text(name).as_deref() {
            None | Some("-") => LogTarget::Standard,
            Some(off) if off.eq_ignore_ascii_case("off") => LogTarget::Off,
            Some(path) => LogTarget::File(path.into()),
        }
    }

    pub(super) fn host(&self) -> String {
        let host = self.text("APP_HOST");
        host.unwrap_or_else(|| setting("APP_HOST").default.to_owned())
    }

    pub(super) fn admin(&self) -> Option<AdminAddress> {
        let host = self.text("APP_ADMIN_HOST");
        let address = AdminAddress {
            host: host.unwrap_or_else(|| self.host()),
            port: self.number("APP_ADMIN_PORT", 0..=u16::MAX),
            chosen: self.text("APP_ADMIN_PORT").is_some(),
        };
        Some(address).filter(|address| address.port != 0)
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            answer: self.seconds("APP_TIMEOUT", 1),
            head: self.seconds("APP_HEADER_TIMEOUT", 1),
            idle: self.seconds("APP_IDLE_TIMEOUT", 1),
            connections: self.number("APP_MAX_CONNECTIONS", 1..=1_000_000),
            requests: self.number("APP_MAX_REQUESTS", 1..=1_000_000),
            head_size: self.number("APP_MAX_HEADER_SIZE", 1024..=HEAD_ROOM),
            body_size: self.number("APP_MAX_BODY_SIZE", 0..=1 << 40),
            body_memory: self.number("APP_BODY_MEMORY", 64 << 10..=1 << 40),
            // Each takes a thread, of which there are 512.
            imports: self.number("APP_MAX_IMPORTS", 1..=256),
            import_size: self.number("APP_MAX_IMPORT_SIZE", 1..=1 << 40),
        }
    }

    /// A line that says what a setting is, and where that came from; `default` is what it comes to without a value.
    pub(super) fn describe(&self, setting: &Setting, default: &str) -> String {
        let name = setting.name;
        let (value, from) = match self.find(name) {
            // `-` would be standard output, and nothing would be an empty value.
            None if default.is_empty() => return format!("{name:27} (not set)\n"),
            None => (default.to_owned(), "default".to_owned()),
            Some(Found { value, name, place }) => match place {
                Place::Flag => (value, name),
                Place::Environment => (value, format!("{name}, environment")),
                Place::File(line) => (value, format!("{name}, .env:{line}")),
            },
        };
        let value = redacted(name, &value);
        format!("{name:27} {value}  ({from})\n")
    }
}

fn setting(name: &str) -> &'static Setting {
    let found = SETTINGS.iter().find(|setting| setting.name == name);
    found.expect("a test reads every setting, so its name is in the table")
}

fn number_in<T>(range: &RangeInclusive<T>, text: &str) -> Result<T, String>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (low, high) = (range.start(), range.end());
        format!("is not a whole number from {low} to {high}")
    })
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "y" | "on" => Ok(true),
        "false" | "f" | "0" | "no" | "n" | "off" => Ok(false),
        _ => Err("is neither on nor off".to_owned()),
    }
}

/// A value as it may be shown: passwords, and addresses with one in them, are not told.
fn redacted(name: &str, value: &str) -> String {
    const HIDDEN: &str = "***";
    const SECRET: [&str; 3] = ["password", "secret", "token"];
    if name.ends_with("_PASSWORD") || name.ends_with("_SECRET") {
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
