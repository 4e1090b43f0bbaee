//! What an operator reads: the logs and the settings.

use std::fs;
use std::io::read_to_string;

use serde_json::Value;

use crate::program::{Program, Service, until};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PERSON: &str = "/people/00000000-0000-0000-0000-000000000000";

/// On a database without migrations: what needs it fails, which is logged.
fn quiet() -> Program {
    Program::on("sqlite:people.sqlite").env("APP_SETTINGS", "production")
}

/// An answer's head, to a request with these headers.
fn ask(service: &Service, path: &str, headers: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    read_to_string(service.send(&request)).unwrap()
}

/// The JSON objects of a log's lines; others are not JSON.
fn objects(log: &str) -> Vec<Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[test]
fn every_answer_has_an_id_which_is_in_the_logs() {
    let service = quiet().serve(&[]);
    let given = ask(&service, PERSON, "X-Request-Id: given-1\r\n");
    assert!(given.contains("\r\nx-request-id: given-1\r\n"), "{given}");
    let made = service.get("/nowhere").headers["x-request-id"].clone();
    let made = made.to_str().unwrap();
    assert_eq!(made.len(), 36);
    let refused = ask(&service, "/nowhere", "X-Request-Id: a\"b\r\n");
    assert!(!refused.contains("a\"b"), "{refused}");
    let ended = service.stop();
    for id in ["given-1", made] {
        // Before the time that the whole response took.
        let end = format!(" {id} 0.");
        assert_eq!(ended.stdout.matches(&end).count(), 1, "{ended:?}");
    }
}

#[test]
fn what_is_logged_of_a_request_says_which_one() {
    let service = quiet().serve(&[]);
    let headers =
        format!("X-Request-Id: given-2\r\nTraceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n");
    for path in [PERSON, "/people"] {
        assert!(ask(&service, path, &headers).starts_with("HTTP/1.1 503 "));
    }
    let stderr = service.stop().stderr;
    for operation in ["person.get", "people.list"] {
        let span = format!(
            "ERROR request{{request_id=\"given-2\" trace_id=\"{TRACE}\" client=\"127.0.0.1\" operation_id=\"{operation}\"}}: \
             the database is unavailable: "
        );
        assert_eq!(stderr.matches(&span).count(), 1, "{stderr}");
    }
}

#[test]
fn both_logs_can_be_json() {
    let service = quiet().serve(&["--log-format", "json"]);
    let headers = format!(
        "X-Request-Id: given-3\r\nReferer: a\"b\r\nTraceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n"
    );
    let answer = ask(&service, &format!("{PERSON}?a=b"), &headers);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let _ = ask(&service, PERSON, &headers);
    let ended = service.stop();
    let access = objects(&ended.stdout);
    let [line, _] = &access[..] else {
        panic!("{ended:?}")
    };
    for (member, value) in [
        ("client", Value::from("127.0.0.1")),
        ("method", "GET".into()),
        ("target", format!("{PERSON}?a=b").into()),
        ("version", "HTTP/1.1".into()),
        ("status", 400.into()),
        ("referer", "a\"b".into()),
        ("user_agent", Value::Null),
        ("operation_id", "person.get".into()),
        ("request_id", "given-3".into()),
        ("trace_id", TRACE.into()),
    ] {
        assert_eq!(line[member], value, "{line}");
    }
    let (seconds, total) = (line["seconds"].as_f64(), line["total_seconds"].as_f64());
    assert!(seconds <= total && total < Some(30.0), "{line}");
    assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
    let errors = objects(&ended.stderr);
    let error = errors.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert_eq!(error["span"]["request_id"], "given-3", "{error}");
    assert_eq!(error["span"]["operation_id"], "person.get", "{error}");
    assert_eq!(error["span"]["trace_id"], TRACE, "{error}");
    let message = error["fields"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("the database is unavailable"),
        "{error}"
    );
    assert_eq!(errors.len(), ended.stderr.lines().count(), "{ended:?}");
}

/// What logrotate does: rename, then tell.
#[test]
fn the_files_of_the_logs_are_opened_anew_on_a_signal() {
    let program = quiet()
        .env("APP_ACCESS_LOG", "access.log")
        .env("APP_ERROR_LOG", "error.log");
    let service = program.serve(&[]);
    let has = |name: &str, text: &str| {
        until(|| {
            let log = fs::read_to_string(program.path(name)).unwrap_or_default();
            log.contains(text).then_some(()).ok_or(log)
        });
    };
    assert_eq!(service.get("/first").status, 404);
    has("access.log", "/first");
    for name in ["access.log", "error.log"] {
        fs::rename(program.path(name), program.path(&format!("{name}.1"))).unwrap();
    }
    service.running.signal("USR1");
    has("error.log", "the files of the logs were opened anew");
    assert_eq!(service.get("/second").status, 404);
    has("access.log", "/second");
    assert!(!program.read("access.log.1").contains("/second"));
    assert_eq!(service.stop().ok().matches("/second").count(), 0);
}

#[test]
fn the_settings_are_told_with_where_they_came_from() {
    let program =
        Program::on("postgres://me:s3cret@db:6000/people?sslmode=disable&password=s3cret")
            .env("GUNICORN_PORT", "5002")
            .env("POSTGRES_PASSWORD", "s3cret")
            .env(
                "APP_JWT_JWKS",
                "https://me:s3cret@id.example/jwks?token=s3cret",
            )
            .env("APP_JWT_ISSUER", "id")
            .env("APP_JWT_AUDIENCE", "people")
            .env("APP_JWT_ALGORITHMS", "RS256")
            .env(
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "http://me:s3cret@collector:4318",
            )
            .file(".env", "APP_HOST=::1\nAPP_PORT=1\n");
    let flags = ["--timeout", "7", "--settings", "staging"];
    let told = program.run(&[&["config"], &flags[..]].concat()).ok();
    let lines: Vec<String> = told
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "DATABASE_URL postgres://me:***@db:6000/people?sslmode=disable&password=*** (DATABASE_URL, environment)",
        "POSTGRES_PASSWORD *** (POSTGRES_PASSWORD, environment)",
        "POSTGRES_DB (not set)",
        "APP_PORT 5002 (GUNICORN_PORT, environment)",
        "APP_HOST ::1 (APP_HOST, .env:1)",
        "APP_TIMEOUT 7 (--timeout)",
        "APP_JWT_JWKS https://me:***@id.example/jwks?token=*** (APP_JWT_JWKS, environment)",
        // What follows from other settings is told, not how it follows.
        "APP_DEBUG off (default)",
        "APP_ADMIN_HOST ::1 (default)",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}: {told}"
        );
    }
    assert!(!told.contains("s3cret"), "{told}");
    let told = Program::new().run(&["config", "--workers", "3"]).ok();
    assert!(
        told.contains(" sqlite:connexion-app.sqlite  (default)\n"),
        "{told}"
    );
    assert!(told.contains(" 3  (--workers)\n"), "{told}");
    assert!(
        told.contains("POSTGRES_PASSWORD           (not set)\n"),
        "{told}"
    );
}

/// When it begins, its size is not known yet.
#[test]
fn a_streamed_response_is_logged_with_its_size_and_time_when_it_ends() {
    let service = Program::new().serve(&[]);
    let sizes = ["/people", "/people?limit=5", "/nowhere"].map(|path| {
        let answer = service.get(path);
        (path, answer.body.len())
    });
    let ended = service.stop();
    for (path, size) in sizes {
        let request = format!("GET {path} HTTP/1.1\" ");
        let (_, rest) = ended.stdout.split_once(&request).unwrap();
        let words: Vec<_> = rest.lines().next().unwrap().split(' ').collect();
        assert_eq!(words[1].parse::<usize>().unwrap(), size, "{words:?}");
        let seconds = |index: usize| words[index].parse::<f64>().unwrap();
        assert!(seconds(4) <= seconds(6), "{words:?}");
    }
}

/// Characters that end a line, move a cursor or turn text around, wherever a client can put them.
#[test]
fn hidden_characters_of_clients_are_escaped_in_both_logs() {
    let hidden = "\u{85}\u{9b}2J\u{200b}\u{2028}\u{2029}\u{202e}\u{2066}\u{feff}\u{e0001}";
    for format in ["text", "json"] {
        let service = quiet().serve(&["--log-format", format, "--debug"]);
        let request = format!(
            "GET /people/{hidden}?{hidden} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nReferer: {hidden}\r\n\
             User-Agent: a\t{hidden}\r\nX-Forwarded-For: {hidden}\r\nAccept: {hidden}\r\n\r\n"
        );
        let mut stream = service.send("");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let answer = read_to_string(stream).unwrap();
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        let ended = service.stop();
        for log in [&ended.stdout, &ended.stderr] {
            let wrong = log
                .chars()
                .find(|one| hidden.contains(*one) && !one.is_ascii());
            assert_eq!(wrong, None, "{log:?}");
        }
        let line = ended
            .stdout
            .lines()
            .find(|line| line.contains("/people/"))
            .unwrap();
        let escapes = if format == "json" {
            "\\u0085\\u009b2J"
        } else {
            "\\u{85}\\u{9b}2J"
        };
        assert!(line.matches(escapes).count() >= 3, "{line}");
    }
}

/// So that one query finds the lines of both.
#[test]
fn json_logs_have_one_name_for_the_time() {
    let service = quiet().serve(&["--log-format", "json"]);
    let _ = ask(&service, PERSON, "");
    let ended = service.stop();
    for log in [&ended.stdout, &ended.stderr] {
        let lines = objects(log);
        assert!(!lines.is_empty(), "{ended:?}");
        for line in lines {
            assert!(line["time"].as_str().unwrap().starts_with("20"), "{line}");
            assert!(line.get("timestamp").is_none(), "{line}");
        }
    }
}
