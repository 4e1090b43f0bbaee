//! Tests of the settings, on an environment of their own.

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
        Database::Postgres { url, create, .. } => (url, create),
        Database::Sqlite { .. } => panic!("expected PostgreSQL"),
    }
}

#[test]
fn without_settings_it_is_development_on_an_embedded_database() {
    let settings = read(&[], &[]).unwrap();
    assert_eq!(settings.mode, Mode::Development);
    assert!(
        settings.debug && settings.serve_spec && settings.swagger_ui && !settings.check_migration
    );
    assert_eq!((settings.host.as_str(), settings.port), ("127.0.0.1", 5000));
    assert_eq!(
        settings.database,
        Database::Sqlite {
            path: "connexion-app.sqlite".into(),
            embedded: true
        }
    );
    assert_eq!(settings.limits.answer.as_secs(), 30);
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
    assert_eq!(settings.limits.answer.as_secs(), 7);
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
            "APP_BODY_MEMORY",
            "1000",
            "'1000' is not a whole number from 65536 to 1099511627776",
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
        error("DATABASE_READ_URL", "postgres://h/d"),
        "DATABASE_READ_URL: is a replica of a PostgreSQL database, which is not there"
    );
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
