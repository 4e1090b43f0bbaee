//! Names that are probably meant as settings and are none. Without a warning the default is used, and no one knows why.

use super::{DotEnv, IGNORED, SETTINGS, Setting, Values};

/// What only this service's settings begin with: every other name of this kind is a mistake.
const OWN: [&str; 2] = ["APP_", "DATABASE_"];

/// From this similarity on (1 is equal) a name of another kind is taken for a misspelt setting. Other programs' names, such
/// as `POSTGRES_INITDB_ARGS`, are below it.
const ALIKE: f64 = 0.9;

/// From this similarity on a name is worth suggesting.
const LIKELY: f64 = 0.8;

/// A warning for each name, of the environment and of `.env`, that looks like a setting and is none.
pub(super) fn warnings(environment: impl Iterator<Item = String>, file: &DotEnv) -> Vec<String> {
    let mut names: Vec<_> = environment
        .filter_map(|name| Some((0, "the environment".to_owned(), unknown(&name)?)))
        .collect();
    let in_file = file
        .names()
        .filter_map(|(name, line)| Some((line, format!(".env, line {line}"), unknown(name)?)));
    names.extend(in_file);
    names.sort();
    names
        .into_iter()
        .map(|(_, place, what)| format!("unknown setting {what} ({place})"))
        .collect()
}

/// The name, and the one that is probably meant, if it is no setting but looks like one.
fn unknown(name: &str) -> Option<String> {
    let known = || SETTINGS.iter().flat_map(Setting::names);
    let is_ignored = IGNORED.contains(&name) || name.starts_with("OTEL_");
    if known().any(|known| known == name) || is_ignored || is_of_kubernetes(name) {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    let alike = known().map(|known| (strsim::jaro(known, &upper), known));
    let (similarity, nearest) = alike.max_by(|one, other| one.0.total_cmp(&other.0))?;
    let is_own = OWN.iter().any(|prefix| upper.starts_with(prefix));
    match similarity {
        LIKELY.. if is_own => Some(format!("{name}: did you mean {nearest}?")),
        ALIKE.. => Some(format!("{name}: did you mean {nearest}?")),
        _ if is_own => Some(name.to_owned()),
        _ => None,
    }
}

/// Whether it is a variable of a Kubernetes service, which pods get unasked: `APP_SERVICE_HOST`, `APP_PORT_5000_TCP_ADDR`.
fn is_of_kubernetes(name: &str) -> bool {
    let is_port = name.split_once("_PORT_").is_some_and(|(_, rest)| {
        rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains('_')
    });
    is_port || name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT")
}

impl Values<'_> {
    /// Warns of the lines of `.env` that can't be read, and refuses those that would set a setting. Neither repeats the
    /// line, which may hold a password.
    pub(super) fn unreadable_lines(&self) -> Vec<String> {
        let is_setting = |name: &str| {
            SETTINGS
                .iter()
                .any(|setting| setting.names().any(|known| known == name))
        };
        let mut warnings = Vec::new();
        for (line, key) in &self.file.broken {
            match key.as_deref().filter(|key| is_setting(key)) {
                Some(name) => self.errors.borrow_mut().push(super::SettingError::new(
                    format!(".env:{line}: {name}"),
                    "must be NAME=VALUE, with nothing but a #comment after a value in quotes",
                )),
                None => warnings.push(format!(
                    "a line can't be read and is ignored (.env, line {line})"
                )),
            }
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_reported_with_the_name_that_is_meant() {
        for (name, meant) in [
            ("APP_PORTT", "APP_PORT"),
            ("APP_PROT", "APP_PORT"),
            ("app_port", "APP_PORT"),
            ("DATABASE_ULR", "DATABASE_URL"),
            ("POSTGRES_HOST", "POSTGRES_HOSTNAME"),
            ("POSTGRES_PASS", "POSTGRES_PASSWORD"),
            ("GUNICORN_WORKER", "GUNICORN_WORKERS"),
            ("SWAGER_UI", "SWAGGER_UI"),
            ("SERVE_SPECS", "SERVE_SPEC"),
            ("CHECK_MIGRATIONS", "CHECK_MIGRATION"),
            ("SQL_ECO", "SQL_ECHO"),
        ] {
            let told = format!("{name}: did you mean {meant}?");
            assert_eq!(unknown(name).as_deref(), Some(&*told));
        }
        assert_eq!(unknown("APP_XYZ").as_deref(), Some("APP_XYZ"));
    }

    #[test]
    fn names_of_other_programs_are_left_alone() {
        for name in [
            "APP_PORT",
            "GUNICORN_PORT",
            "FLASK_APP",
            "FLASK_ENV",
            "GUNICORN_CMD_ARGS",
            "GUNICORN_THREADS",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "POSTGRES_INITDB_ARGS",
            "POSTGRES_HOST_AUTH_METHOD",
            "POSTGRES_PORT_5432_TCP_ADDR",
            "POSTGRES_SERVICE_HOST",
            "APP_SERVICE_PORT_HTTP",
            "PORT",
            "HTTP_PORT",
            "PATH",
            "HOSTNAME",
        ] {
            assert_eq!(unknown(name), None);
        }
    }
}
