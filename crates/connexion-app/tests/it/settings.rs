//! The settings, from outside: where they may stand, what each one does, and that no password is told.

use std::net::TcpListener;

use tokio_postgres::config::Host;

use crate::postgres_server::{connect, fresh_database};
use crate::program::{Program, Running, Service, names_in, until};

const SQLITE: &str = "sqlite:people.sqlite";

/// A service on an empty database, without the helpers of development.
fn quiet() -> Program {
    Program::new().env("APP_SETTINGS", "production")
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let program = Program::new().file(".env", "# where\nDATABASE_URL='sqlite:of file'\n");
    program.run(&["migrate"]).ok();
    assert_eq!(names_in(&program.path("")), [".env", "of file"]);

    let program = program.env("DATABASE_URL", "sqlite:of-environment");
    program.run(&["migrate"]).ok();
    assert!(program.path("of-environment").exists());

    program
        .run(&["migrate", "--database-url", "sqlite:of-flag"])
        .ok();
    program
        .run(&["--database-url=sqlite:of-flag-before", "migrate"])
        .ok();
    assert!(program.path("of-flag").exists() && program.path("of-flag-before").exists());
}

#[test]
fn an_empty_variable_is_none() {
    let program = Program::on("")
        .env("APP_WORKERS", "")
        .file(".env", "DATABASE_URL=sqlite:of-file\r\n");
    program.run(&["migrate"]).ok();
    assert!(program.path("of-file").exists());
}

/// A line that python-dotenv can't read either.
#[test]
fn a_line_of_the_file_that_cannot_be_read_is_an_error_only_if_it_sets_a_setting() {
    for text in [
        "APP_PORT=5000\n\nPOSTGRES_PASSWORD='s3cret\nAPP_HOST=x\n",
        "APP_PORT=5000\n\nexport POSTGRES_PASSWORD=\"s3cret\" word\n",
        "APP_PORT=5000\n\nPOSTGRES_PASSWORD s3cret\n",
    ] {
        let stderr = Program::new()
            .file(".env", text)
            .run(&["check-db"])
            .failed(2);
        let told = "connexion-app: .env:3: POSTGRES_PASSWORD: must be NAME=VALUE, \
            with nothing but a #comment after a value in quotes\n";
        assert_eq!(stderr, told);
    }
    let program = Program::new().file(
        ".env",
        "\nMOTD='s3cret\n=s3cret\nDATABASE_URL=sqlite:of-file\n",
    );
    let ended = program.run(&["migrate"]);
    for line in [2, 3] {
        let told = format!("WARN a line can't be read and is ignored (.env, line {line})");
        assert!(ended.stderr.contains(&told), "{ended:?}");
    }
    assert!(!ended.stderr.contains("s3cret"), "{ended:?}");
    ended.ok();
    assert!(program.path("of-file").exists());
    let program = Program::new();
    std::fs::write(program.path(".env"), b"APP_HOST=\xff\n").unwrap();
    let stderr = program.run(&["check-db"]).failed(2);
    assert_eq!(
        stderr,
        "connexion-app: .env: stream did not contain valid UTF-8\n"
    );
    let program = Program::new();
    std::fs::create_dir(program.path(".env")).unwrap();
    let stderr = program.run(&["check-db"]).failed(2);
    assert_eq!(
        stderr,
        "connexion-app: .env: Is a directory (os error 21)\n"
    );
}

#[test]
fn all_wrong_settings_are_reported_at_once() {
    let program = Program::on("mysql://me:s3cret@db/people")
        .env("GUNICORN_PORT", "http")
        .env("APP_CORS_ORIGINS", "example.org")
        .file(".env", "APP_TIMEOUT=0\nAPP_TLS_CERT=c.pem\n");
    for command in [&["config"][..], &["serve"], &[], &["migrate"]] {
        let stderr = program
            .run(&[command, &["--auth", "some"]].concat())
            .failed(2);
        for told in [
            "connexion-app: DATABASE_URL: must begin with postgres:// or be sqlite:PATH\n",
            "connexion-app: GUNICORN_PORT: 'http' is not a whole number from 0 to 65535\n",
            "connexion-app: .env:1: APP_TIMEOUT: '0' is not a whole number from 1 to 4294967295\n",
            "connexion-app: --auth: 'some' is not off, write or all\n",
            "connexion-app: APP_CORS_ORIGINS: 'example.org' is neither * nor like https://example.org:8000\n",
            "connexion-app: APP_TLS_KEY: is missing, though APP_TLS_CERT is there\n",
        ] {
            assert!(stderr.contains(told), "{told}: {stderr}");
        }
        assert_eq!(stderr.lines().count(), 6, "{stderr}");
    }
}

#[test]
fn an_unknown_setting_is_a_warning_with_the_name_that_is_meant() {
    let program = Program::on(SQLITE)
        .env("APP_PROT", "1")
        .env("POSTGRES_INITDB_ARGS", "x")
        .file(".env", "MOTD=hello world\nAPP_PORTT=5009\nAPP_XYZ=1\n");
    let told = [
        "unknown setting APP_PROT: did you mean APP_PORT? (the environment)\n",
        "unknown setting APP_PORTT: did you mean APP_PORT? (.env, line 2)\n",
        "unknown setting APP_XYZ (.env, line 3)\n",
    ];
    let ended = program.run(&["config"]);
    assert_eq!(ended.stderr.lines().count(), 3, "{ended:?}");
    for told in told {
        assert!(
            ended
                .stderr
                .contains(&format!("connexion-app: warning: {told}")),
            "{ended:?}"
        );
    }
    let stderr = program.serve(&[]).stop().stderr;
    for told in told {
        assert_eq!(
            stderr.matches(&format!("WARN {told}")).count(),
            1,
            "{stderr}"
        );
    }
}

#[test]
fn config_tells_what_is_not_set_from_standard_output() {
    let text = Program::new()
        .env("APP_HOST", "::1")
        .file(".env", "APP_WORKERS=3\n")
        .run(&["config"])
        .ok();
    let line = |name: &str| {
        let found = text
            .lines()
            .find(|line| line.split(' ').next() == Some(name));
        let words: Vec<_> = found.unwrap().split_whitespace().skip(1).collect();
        words.join(" ")
    };
    assert_eq!(line("DATABASE_READ_URL"), "(not set)");
    assert_eq!(line("APP_ACCESS_LOG"), "- (default)");
    assert_eq!(line("APP_HOST"), "::1 (APP_HOST, environment)");
    assert_eq!(line("APP_WORKERS"), "3 (APP_WORKERS, .env:1)");
    assert_eq!(line("APP_MAX_REQUESTS"), "1024 (default)");
}

#[test]
fn sqlite_addresses_are_sqlalchemys() {
    let program = Program::new();
    let absolute = program.path("absolute.sqlite");
    program
        .run(&[
            "migrate",
            "--database-url",
            "sqlite:///relative%20one.sqlite",
        ])
        .ok();
    program
        .run(&[
            "migrate",
            "--database-url",
            &format!("sqlite:///{}", absolute.display()),
        ])
        .ok();
    assert_eq!(
        names_in(&program.path("")),
        ["absolute.sqlite", "relative one.sqlite"]
    );
    for url in [
        "sqlite://",
        "sqlite:///x.db?mode=ro",
        "sqlite:x.db?timeout=3",
        "sqlite:///:memory:",
        "sqlite://x.db",
    ] {
        let stderr = program.run(&["migrate", "--database-url", url]).failed(2);
        assert!(
            stderr.starts_with("connexion-app: --database-url: "),
            "{stderr}"
        );
    }
    assert_eq!(names_in(&program.path("")).len(), 2);
}

#[test]
fn a_wrong_value_is_told_before_anything_starts() {
    for (name, value, reason) in [
        (
            "APP_SETTINGS",
            "prod",
            "'prod' is not development, testing, staging or production",
        ),
        ("FLASK_DEBUG", "maybe", "'maybe' is neither on nor off"),
        ("CHECK_MIGRATION", "2", "'2' is neither on nor off"),
        (
            "GUNICORN_PORT",
            "http",
            "'http' is not a whole number from 0 to 65535",
        ),
        (
            "GUNICORN_WORKERS",
            "1000000",
            "'1000000' is not a whole number from 1 to 1024",
        ),
        (
            "GUNICORN_TIMEOUT",
            "0",
            "'0' is not a whole number from 1 to 4294967295",
        ),
        (
            "POSTGRES_PORT",
            "tcp://db:5432",
            "'tcp://db:5432' is not a whole number from 1 to 65535",
        ),
        (
            "DATABASE_URL",
            "mysql://me:s3cret@host/people",
            "must begin with postgres:// or be sqlite:PATH",
        ),
        (
            "DATABASE_URL",
            "postgres://me:s3cret@host:port/people",
            "must be postgres://USER:PASSWORD@HOST:PORT/DB, special characters written as %XX: \
             invalid value for option `port`",
        ),
    ] {
        let program = Program::on(SQLITE).env(name, value);
        let told = format!("connexion-app: {name}: {reason}\n");
        assert_eq!(program.run(&[]).failed(2), told);
        assert!(names_in(&program.path("")).is_empty());
    }
    let program = Program::new().env("POSTGRES_PASSWORD", "s3cret");
    let told =
        "connexion-app: POSTGRES_HOSTNAME: is missing, though other POSTGRES_ settings are there\n";
    let stderr = program.run(&[]).failed(2);
    assert!(stderr.starts_with(told), "{stderr}");
}

#[test]
fn limits_of_lists_and_of_the_log_have_a_range() {
    for (name, value, reason) in [
        (
            "DATABASE_LIST_TIMEOUT",
            "0",
            "'0' is not a whole number from 1 to 4294967295",
        ),
        (
            "DATABASE_LOG_SIZE",
            "1000",
            "'1000' is not a whole number from 1048576 to 1099511627776",
        ),
        (
            "DATABASE_CHECKPOINT",
            "never",
            "'never' is neither on nor off",
        ),
    ] {
        let program = Program::on(SQLITE).env(name, value);
        let told = format!("connexion-app: {name}: {reason}\n");
        assert_eq!(program.run(&[]).failed(2), told);
    }
}

#[test]
fn the_originals_other_variables_are_ignored_with_a_line() {
    let program = quiet()
        .env("FLASK_APP", "app")
        .env("GUNICORN_WORKER_CLASS", "gevent");
    let stderr = program.serve(&[]).stop().stderr;
    for name in ["FLASK_APP", "GUNICORN_WORKER_CLASS"] {
        let told = format!("{name} is set, but has no meaning here\n");
        assert_eq!(stderr.matches(&told).count(), 1, "{stderr}");
    }
}

#[test]
fn it_listens_where_it_is_told() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    let program = quiet()
        .env("GUNICORN_HOST", "0.0.0.0")
        .env("GUNICORN_PORT", &port);
    let stderr = program.run(&[]).failed(1);
    let taken = format!(
        "connexion-app: 0.0.0.0:{port} can't be listened on: Address already in use (os error 98)\n"
    );
    assert!(stderr.ends_with(&taken), "{stderr}");

    drop(free);
    let service = Running::start(&mut program.command(&[])).serving();
    assert_eq!(service.address, format!("127.0.0.1:{port}"));
    assert_eq!(service.people(), 0);

    let stderr = program.run(&["--host", "nowhere.invalid"]).failed(1);
    assert!(
        stderr.contains(&format!("nowhere.invalid:{port} can't be listened on: ")),
        "{stderr}"
    );
}

#[test]
fn the_access_log_has_a_line_for_each_request() {
    let program = quiet();
    let service = program.serve(&[]);
    assert_eq!(service.get("/nowhere?a=1").status, 404);
    let request = "GET /\"200 HTTP/1.1\r\nHost: x\r\nReferer: a\\\"b\r\nUser-Agent: me\r\nConnection: close\r\n\r\n";
    std::io::read_to_string(service.send(request)).unwrap();
    let output = service.stop().stdout;
    let lines: Vec<_> = output
        .lines()
        .filter(|line| line.contains("HTTP/1.1"))
        .collect();
    let [first, second] = lines[..] else {
        panic!("{output}")
    };
    // Combined Log Format: the address, two unknowns, [time], "request", status, size, two headers; then
    // the seconds until it began, the request's id, and the seconds until it ended.
    let (address, rest) = first.split_once(" - - [").unwrap();
    let (time, rest) = rest.split_once("] ").unwrap();
    assert_eq!(address, "127.0.0.1");
    assert_eq!((time.len(), &time[20..]), (26, " +0000"), "{time}");
    assert!(
        rest.starts_with("\"GET /nowhere?a=1 HTTP/1.1\" 404 "),
        "{rest}"
    );
    let mut words = rest.split(' ').rev();
    assert!(
        words.next().unwrap().parse::<f64>().unwrap() < 30.0,
        "{rest}"
    );
    assert_eq!(words.next().map(str::len), Some(36), "{rest}");
    assert!(
        words.next().unwrap().parse::<f64>().unwrap() < 30.0,
        "{rest}"
    );
    assert!(
        second.contains(r#""GET /\"200 HTTP/1.1" 404 "#) && second.contains(r#" "a\\\"b" "me" "#),
        "{second}"
    );
}

#[test]
fn the_logs_go_to_files_or_nowhere() {
    let program = quiet()
        .env("APP_ACCESS_LOG", "access.log")
        .env("GUNICORN_ERROR_LOGFILE", "error.log");
    for _appended in 0..2 {
        let service = program.serve(&[]);
        assert_eq!(service.get("/nowhere").status, 404);
        let ended = service.stop();
        assert_eq!(ended.stderr, "");
        assert!(!ended.ok().contains("/nowhere"));
    }
    assert_eq!(
        program.read("access.log").matches("GET /nowhere").count(),
        2
    );
    let log = program.read("error.log");
    assert_eq!(log.matches("INFO stopping").count(), 2, "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");

    let service = quiet().serve(&["--access-log", "off", "--error-log", "OFF"]);
    assert_eq!(service.get("/nowhere").status, 404);
    let ended = service.stop();
    assert_eq!(ended.stderr, "");
    assert!(ended.ok().ends_with("Ctrl-C stops it.\n"));

    for (name, flag) in [
        ("APP_ACCESS_LOG", "--access-log"),
        ("APP_ERROR_LOG", "--error-log"),
    ] {
        let stderr = quiet().run(&[flag, "gone/x.log"]).failed(1);
        let told = format!(
            "connexion-app: {name}: gone/x.log can't be written: No such file or directory (os error 2)\n"
        );
        assert!(stderr.ends_with(&told), "{stderr}");
    }
}

/// `connexion-app 2>&1 | head -1` must not end it.
#[test]
fn it_serves_on_when_nobody_reads_its_output() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let program = Program::new()
        .env("SQL_ECHO", "on")
        .env("APP_PORT", address.rsplit(':').next().unwrap());
    let mut command = program.command(&[]);
    let running = Running::start(command.stdout(writer.try_clone().unwrap()).stderr(writer));
    let service = Service { running, address };
    let _ = until(|| {
        service
            .try_get("/people")
            .map_err(|error| error.to_string())
    });
    assert_eq!(service.people(), 714);
    assert_eq!(service.stop().code, Some(0));
}

#[tokio::test]
async fn statements_are_logged_without_their_values() {
    let database = fresh_database().await;
    let person = r#"{"name":"Secretive","passengerClass":1,"sex":"male","age":8675309,
        "siblingsOrSpousesAboard":0,"parentsOrChildrenAboard":0,"fare":7.5}"#;
    for url in [SQLITE, database.url()] {
        let program = Program::on(url).env("APP_SETTINGS", "staging");
        program.run(&["migrate"]).ok();
        for (name, echoed) in [
            ("SQL_ECHO", 1),
            ("SQLALCHEMY_ECHO", 1),
            ("CHECK_MIGRATION", 0),
        ] {
            let service = program.clone().env(name, "True").serve(&[]);
            assert_eq!(service.post("/people", person).status, 200);
            let stderr = service.stop().stderr;
            assert_eq!(
                stderr.matches(": insert into person (").count(),
                echoed,
                "{stderr}"
            );
            assert!(
                !stderr.contains("Secretive") && !stderr.contains("8675309"),
                "{stderr}"
            );
        }
    }
}

#[test]
fn the_mode_decides_what_is_served_beside_the_api() {
    let on = [200, 200, 200];
    for (mode, flags, statuses) in [
        ("development", &[][..], on),
        ("testing", &[], [404, 404, 404]),
        ("production", &[], [404, 404, 404]),
        ("production", &["--serve-spec"], [200, 200, 404]),
        // The page reads the document.
        ("production", &["--swagger-ui=yes"], on),
        ("development", &["--swagger-ui=off"], [200, 200, 404]),
        (
            "development",
            &["--swagger-ui=0", "--serve-spec=False"],
            [404, 404, 404],
        ),
    ] {
        let program = Program::new().env("APP_SETTINGS", mode);
        let service = program.serve(flags);
        let paths = ["/openapi.json", "/openapi.yaml", "/ui/"];
        assert_eq!(
            paths.map(|path| service.get(path).status.as_u16()),
            statuses,
            "{mode} {flags:?}"
        );
        let announced = service.stop().ok();
        assert_eq!(
            announced.contains("/ui/\n"),
            statuses[2] == 200,
            "{announced}"
        );
        assert_eq!(
            announced.contains("/openapi.yaml\n"),
            statuses[1] == 200,
            "{announced}"
        );
        assert!(announced.starts_with(&format!("connexion-app 0.1.0 ({mode}) on SQLite ")));
    }
}

#[test]
fn only_debug_brings_the_sample() {
    for (mode, debug, people) in [
        ("development", "", 714),
        ("development", "False", 0),
        ("production", "", 0),
        ("production", "1", 714),
    ] {
        let program = Program::new()
            .env("APP_SETTINGS", mode)
            .env("FLASK_DEBUG", debug);
        assert_eq!(program.serve(&[]).people(), people, "{mode} {debug}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn it_answers_on_as_many_threads_as_it_is_told() {
    for workers in [1, 5] {
        let program = Program::on("postgres://127.0.0.1:1/people")
            .env("GUNICORN_WORKERS", &workers.to_string());
        let running = program.start(&[]);
        running.until_it_says("waiting");
        let tasks = format!("/proc/{}/task", running.id());
        let names = names_in(tasks.as_ref()).into_iter().map(|task| {
            std::fs::read_to_string(format!("{tasks}/{task}/comm")).unwrap_or_default()
        });
        assert_eq!(
            names
                .filter(|name| name.starts_with("tokio-rt-worker"))
                .count(),
            workers
        );
    }
}

/// The parts of an address, as the original's settings.
fn parts(url: &str) -> Program {
    let config: tokio_postgres::Config = url.parse().unwrap();
    let [Host::Tcp(host)] = config.get_hosts() else {
        panic!("{url}")
    };
    let password =
        String::from_utf8(config.get_password().unwrap_or(b"s3cret").to_owned()).unwrap();
    Program::new()
        .env("POSTGRES_HOSTNAME", host)
        .env("POSTGRES_PORT", &config.get_ports()[0].to_string())
        .env("POSTGRES_USER", config.get_user().unwrap())
        .env("POSTGRES_PASSWORD", &password)
}

#[tokio::test]
async fn postgresql_is_found_by_the_originals_settings() {
    let database = fresh_database().await;
    let name = database.url().rsplit('/').next().unwrap();
    let program = parts(database.url()).env("POSTGRES_DB", name);
    assert_eq!(
        program.run(&["migrate"]).ok(),
        "applied V1__person, V2__api_key, V3__lists\n"
    );
    let checked = Program::on(database.url()).run(&["check-migration"]).ok();
    assert_eq!(checked, "all migrations are applied\n");
    assert!(names_in(&program.path("")).is_empty());
}

#[tokio::test]
async fn the_test_database_is_another_and_is_made_when_missing() {
    let (database, other) = (fresh_database().await, fresh_database().await);
    let name = database.url().rsplit('/').next().unwrap();
    let drop = format!("drop database {name}");
    connect(other.url())
        .await
        .batch_execute(&drop)
        .await
        .unwrap();
    let short = name.strip_prefix("test_").unwrap();
    let program = parts(database.url()).env("POSTGRES_DB", short);
    let stderr = program.run(&["check-db"]).failed(1);
    assert!(
        stderr.contains(&format!("database \"{short}\" does not exist")),
        "{stderr}"
    );
    let program = program.env("APP_SETTINGS", "testing");
    for _again in 0..2 {
        assert_eq!(program.run(&["check-db"]).ok(), "the database answers\n");
    }
    assert_eq!(
        program.run(&["migrate"]).ok(),
        "applied V1__person, V2__api_key, V3__lists\n"
    );
    connect(database.url())
        .await
        .query("select from person", &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_password_is_never_told() {
    let database = fresh_database().await;
    let program = parts(database.url())
        .env("POSTGRES_DB", database.url().rsplit('/').next().unwrap())
        .env("SQL_ECHO", "on");
    let service = program.serve(&["--debug"]);
    assert_eq!(service.people(), 714);
    let ended = service.stop();
    assert!(!format!("{ended:?}").contains("s3cret"), "{ended:?}");

    let program = Program::on("postgres://me:s3cret@127.0.0.1:1/people");
    let running = program.start(&["--debug"]);
    running.until_it_says("waiting");
    running.signal("TERM");
    let ended = running.end();
    assert!(!format!("{ended:?}").contains("s3cret"), "{ended:?}");
}

/// Whoever forgot to configure the database should not find out when the container is replaced.
#[test]
fn production_without_a_database_is_told() {
    let service = Program::new().serve(&["--settings", "production"]);
    let told = "WARN no database is configured, so people are kept in SQLite connexion-app.sqlite";
    service.running.until_it_says(told);
}
