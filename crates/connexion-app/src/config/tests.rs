//! Tests of the settings, on an environment of their own.

use std::{cell::RefCell, collections::HashMap, path::Path};

use super::{Database, DotEnv, LogTarget, Mode, SETTINGS, Settings, Values};

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
        environment: &|name| environment.get(name).cloned(),
        file: DotEnv::default(),
        errors: RefCell::default(),
    };
    Settings::read(&values).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        errors.join("\n")
    })
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
        environment: &|name| match name {
            "GUNICORN_PORT" => Some("1".to_owned()),
            "APP_HOST" => Some(String::new()),
            _ => None,
        },
        file: DotEnv::parse("APP_PORT=2\nAPP_HOST=::1\n", &|_| None),
        errors: RefCell::default(),
    };
    let settings = Settings::read(&values).unwrap();
    assert_eq!((settings.port, settings.host.as_str()), (1, "::1"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
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
            "DATABASE_LOCK_WAITS",
            "0",
            "'0' is not a whole number from 1 to 256",
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
        "POSTGRES_HOSTNAME: is missing, though other POSTGRES_ settings are there\n\
         POSTGRES_USER: is missing, though other POSTGRES_ settings are there"
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
        ("postgres://me@host/people?se=cret", ": unknown option `se`"),
        // The rest of a password, perhaps.
        ("postgres://me:p@a?se=cret@host/people", ""),
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

#[test]
fn an_address_of_sqlite_is_read_as_sqlalchemy_does() {
    for (url, expected) in [
        ("sqlite:people.sqlite", "people.sqlite"),
        ("sqlite:/data/people.sqlite", "/data/people.sqlite"),
        ("sqlite:///people.sqlite", "people.sqlite"),
        ("sqlite:///data/people.sqlite", "data/people.sqlite"),
        ("sqlite:////data/people.sqlite", "/data/people.sqlite"),
        (
            "sqlite+pysqlite:////data/people.sqlite",
            "/data/people.sqlite",
        ),
        ("sqlite:///my%20people%23%3f.sqlite", "my people#?.sqlite"),
        ("sqlite:my people.sqlite", "my people.sqlite"),
        ("sqlite:///people.sqlite?", "people.sqlite"),
    ] {
        let database = read(&[], &[("DATABASE_URL", url)]).unwrap().database;
        let expected = Database::Sqlite {
            path: expected.into(),
            embedded: false,
        };
        assert_eq!(database, expected, "{url}");
    }
}

#[test]
fn an_address_of_sqlite_with_more_than_a_path_is_refused() {
    for (url, reason) in [
        ("sqlite:", "must begin with postgres:// or be sqlite:PATH"),
        ("sqlite://", "must name a file"),
        ("sqlite:///", "must name a file"),
        ("sqlite:///:memory:", "must name a file, not :memory:"),
        ("sqlite::memory:", "must name a file, not :memory:"),
        (
            "sqlite://people.sqlite",
            "must have three slashes before a relative path",
        ),
        (
            "sqlite:///p.db?mode=ro",
            "the parameter 'mode' is not supported for SQLite",
        ),
        (
            "sqlite:p.db?timeout=5",
            "the parameter 'timeout' is not supported for SQLite: DATABASE_WAIT",
        ),
        (
            "sqlite:///p.db?check_same_thread=false",
            "the parameter 'check_same_thread' is not supported",
        ),
        ("sqlite:///p.db#x", "has a fragment (#…)"),
        ("sqlite:///file:p.db", "must be a path, not a file: URI"),
        ("sqlite:///%ff", "has an escape (%XX) that is not UTF-8"),
        ("sqlite:///a%00b", "has a NUL in its path"),
        (
            "sqlite+pysqlcipher:///p.db",
            "must begin with postgres:// or be sqlite:PATH",
        ),
        (
            "people.sqlite",
            "must begin with postgres:// or be sqlite:PATH",
        ),
    ] {
        let error = read(&[], &[("DATABASE_URL", url)]).unwrap_err();
        assert!(
            error.starts_with(&format!("DATABASE_URL: {reason}")),
            "{url}: {error}"
        );
    }
}

#[test]
fn an_address_of_postgresql_may_name_a_driver_of_sqlalchemy() {
    for scheme in [
        "postgresql+psycopg2",
        "postgresql+psycopg",
        "postgresql+asyncpg",
        "postgres+pg8000",
    ] {
        let url = format!("{scheme}://me@db/people?connect_timeout=3");
        let (read, _) = postgres(&[("DATABASE_URL", &url)]);
        let (dialect, _) = scheme.split_once('+').unwrap();
        assert_eq!(read, format!("{dialect}://me@db/people?connect_timeout=3"));
    }
    let replica = [
        ("DATABASE_URL", "postgresql+psycopg2://a/b"),
        ("DATABASE_READ_URL", "postgresql+psycopg2://c/d"),
    ];
    let Database::Postgres { read_url, .. } = read(&[], &replica).unwrap().database else {
        panic!("expected PostgreSQL")
    };
    assert_eq!(read_url.as_deref(), Some("postgresql://c/d"));
}

#[test]
fn every_wrong_setting_is_reported_with_its_source() {
    let values = Values {
        flags: &|name| (name == "APP_PORT").then(|| "x".to_owned()),
        environment: &|name| (name == "GUNICORN_WORKERS").then(|| "0".to_owned()),
        file: DotEnv::parse(
            "\nAPP_TIMEOUT=soon\nAPP_LOG_FORMAT='xml\nSQL_ECHO=2\nMOTD=\"x\n",
            &|_| None,
        ),
        errors: RefCell::default(),
    };
    let errors = Settings::read(&values).unwrap_err();
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "GUNICORN_WORKERS: '0' is not a whole number from 1 to 1024",
            "--port: 'x' is not a whole number from 0 to 65535",
            ".env:2: APP_TIMEOUT: 'soon' is not a whole number from 1 to 4294967295",
            ".env:4: SQL_ECHO: '2' is neither on nor off",
            ".env:3: APP_LOG_FORMAT: must be NAME=VALUE, with nothing but a #comment after a value in quotes",
        ]
    );
}

/// README is what is read first; what it says of a setting is what the program does.
#[test]
fn the_table_of_settings_in_the_documentation_is_the_programs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let texts =
        ["README.md", "docs/configuration.md"].map(|name| std::fs::read_to_string(root.join(name)));
    let text: String = texts.into_iter().flatten().collect();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('|').map(str::trim).collect())
        .filter(|cells: &Vec<_>| cells.len() == 6 && cells[2].starts_with("`--"))
        .collect();
    let words = |cell: &str| -> Vec<String> {
        let is_between = |c: char| c.is_whitespace() || "`,;()".contains(c);
        cell.split(is_between).map(str::to_owned).collect()
    };
    for setting in SETTINGS {
        let name = format!("`{}`", setting.name);
        let row = rows.iter().find(|cells| cells[1].contains(&name));
        let row = row.unwrap_or_else(|| panic!("no row has {name}"));
        let flag = format!("--{}", setting.flag);
        assert!(
            words(row[2]).contains(&flag) || row[2].ends_with('…'),
            "{name}: {flag}"
        );
        let default = setting.default.split(' ').next_back().unwrap_or_default();
        assert!(
            default.is_empty() || words(row[3]).iter().any(|word| word == default),
            "{name}: {default}"
        );
        for alias in setting.also {
            assert!(
                words(row[4]).iter().any(|word| word == alias),
                "{name}: {alias}"
            );
        }
    }
    for row in &rows {
        let names = row[1].split('`').skip(1).step_by(2);
        let is_name = |name: &&str| {
            name.contains('_') && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        };
        for name in names.filter(is_name) {
            assert!(
                SETTINGS.iter().any(|setting| setting.name == name),
                "{name} is no setting"
            );
        }
    }
}

#[test]
fn imports_are_limited_by_settings() {
    let limits = read(&[], &[]).unwrap().limits;
    assert_eq!((limits.imports, limits.import_size), (2, 268_435_456));
    let seconds = |environment: &[(&str, &str)]| {
        let settings = read(&[], environment).unwrap();
        settings.database_use.import.map(|limit| limit.as_secs())
    };
    assert_eq!(seconds(&[]), Some(8));
    let postgres = ("DATABASE_URL", "postgres://x/y");
    assert_eq!(seconds(&[postgres]), Some(300));
    assert_eq!(
        seconds(&[postgres, ("DATABASE_IMPORT_TIMEOUT", "9")]),
        Some(9)
    );
    for (name, value) in [
        ("APP_MAX_IMPORTS", "0"),
        ("APP_MAX_IMPORTS", "257"),
        ("APP_MAX_IMPORT_SIZE", "0"),
        ("APP_MAX_IMPORT_SIZE", "256M"),
        ("DATABASE_IMPORT_TIMEOUT", "0"),
    ] {
        let error = read(&[], &[(name, value)]).unwrap_err();
        assert!(
            error.starts_with(&format!("{name}: '{value}' is not ")),
            "{error}"
        );
    }
}
