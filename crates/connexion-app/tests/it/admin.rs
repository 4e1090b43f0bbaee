//! What an operator asks the process.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};

use crate::postgres_server::PrivateServer;
use crate::program::{Answer, Program, Service, get, until};
use crate::watched::watched;

const PERSON: &str = r#"{"name":"Doe","passengerClass":1,"sex":"male","age":7,
    "siblingsOrSpousesAboard":0,"parentsOrChildrenAboard":0,"fare":7.5}"#;

const DASHBOARD: &str = include_str!("../../../../deploy/observability/dashboard.json");
const ALERTS: &str = include_str!("../../../../deploy/observability/alerts.yaml");

#[track_caller]
fn ready(address: &str) -> Answer {
    get(address, "/health/ready").unwrap()
}

/// Waits until it is ready with this body.
#[track_caller]
fn until_ready_says(address: &str, status: u16, body: &str) {
    until(|| {
        let answer = ready(address);
        let is = answer.status == status && answer.body == body;
        is.then_some(()).ok_or(format!("{answer:?}"))
    });
}

#[test]
fn readiness_says_what_is_missing() {
    let server = PrivateServer::start();
    server.stop("fast");
    let program = Program::on(&server.url("postgres")).env("APP_SETTINGS", "production");
    let (program, address) = watched(program);
    let running = program.start(&[]);
    running.until_it_says("waiting");
    let unknown =
        r#"{"database":"not known yet","migrations":"not known yet","process":"starting"}"#;
    until_ready_says(&address, 503, unknown);
    let unready = program.run(&["check-ready"]);
    assert_eq!(unready.stdout, format!("{unknown}\n"));
    assert_eq!(unready.failed(1), "");
    let live = get(&address, "/health/live").unwrap();
    assert_eq!(
        (live.status.as_u16(), live.body.as_str()),
        (200, r#"{"process":"ok"}"#)
    );

    server.start_again();
    let service = running.serving();
    let missing = r#"{"database":"ok","migrations":"not applied: V1__person, V2__api_key, V3__lists","process":"ok"}"#;
    until_ready_says(&address, 503, missing);
    program.run(&["migrate"]).ok();
    let all = r#"{"database":"ok","migrations":"ok","process":"ok"}"#;
    until_ready_says(&address, 200, all);

    server.stop("immediate");
    let gone = r#"{"database":"unavailable","migrations":"not known","process":"ok"}"#;
    until_ready_says(&address, 503, gone);
    assert_eq!(get(&address, "/health/live").unwrap().status, 200);
    server.start_again();
    until_ready_says(&address, 200, all);
    service.stop().ok();
}

#[test]
fn a_process_that_stops_is_not_ready_while_it_answers_what_is_under_way() {
    let (program, address) = watched(Program::new());
    let service = program.serve(&[]);
    assert_eq!(ready(&address).status, 200);
    let mut half = service.send("POST /people HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{");
    assert_eq!(service.people(), 714);
    service.running.signal("TERM");
    let stopping = r#"{"database":"ok","migrations":"ok","process":"stopping"}"#;
    until_ready_says(&address, 503, stopping);
    until(|| match TcpStream::connect(&service.address) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        other => Err(format!("a refusal, it is {other:?}")),
    });
    std::io::Write::write_all(&mut half, b"}").unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    service.running.end().ok();
}

#[test]
fn the_admin_listener_has_nothing_else_and_the_api_none_of_it() {
    let (program, address) = watched(Program::new());
    let service = program.serve(&[]);
    for path in ["/people", "/", "/health"] {
        assert_eq!(get(&address, path).unwrap().status, 404, "{path}");
    }
    for path in ["/metrics", "/health/live", "/health/ready"] {
        assert_eq!(service.get(path).status, 404, "{path}");
    }
    let off = Program::new().env("APP_ADMIN_PORT", "0").serve(&[]);
    assert!(!off.stop().ok().contains("health"));
}

/// Of two services on one machine the second does without, unless the port was chosen.
#[test]
fn a_port_that_is_taken_is_a_fault_only_if_it_was_chosen() {
    let (program, address) = watched(Program::new());
    let _service = program.serve(&[]);
    let port = address.rsplit(':').next().unwrap();
    let stderr = Program::new().run(&["--admin-port", port]).failed(1);
    assert!(stderr.contains("can't be listened on: Address already in use"));
    // Whoever has the default port: this test, or a service of another run.
    let _taken = TcpListener::bind("127.0.0.1:5001");
    let service = Program::new().env("APP_ADMIN_PORT", "").serve(&[]);
    service
        .running
        .until_it_says("there are no health checks and no metrics (APP_ADMIN_PORT)");
    assert_eq!(service.people(), 714);
}

#[test]
fn check_ready_asks_the_service_that_runs_here() {
    let (program, address) = watched(Program::new());
    let stderr = program.run(&["check-ready"]).failed(1);
    let refused = format!("connexion-app: http://{address}/health/ready: ");
    assert!(stderr.starts_with(&refused), "{stderr}");
    let service = program.serve(&[]);
    let all = "{\"database\":\"ok\",\"migrations\":\"ok\",\"process\":\"ok\"}\n";
    assert_eq!(program.run(&["check-ready"]).ok(), all);
    for host in ["0.0.0.0", "localhost"] {
        let same = program.run(&["check-ready", "--admin-host", host]);
        assert_eq!(same.ok(), all);
    }
    service.stop().ok();
    let nowhere = Program::new().run(&["check-ready"]).failed(1);
    assert!(nowhere.contains("APP_ADMIN_PORT is 0"), "{nowhere}");
}

#[test]
fn the_version_is_told_by_the_command_the_log_and_the_metrics() {
    let (program, address) = watched(Program::new());
    let told = program.run(&["--version"]).ok();
    assert!(told.starts_with("connexion-app "), "{told}");
    let service = program.serve(&[]);
    let metrics = get(&address, "/metrics").unwrap().body;
    let version = told.split_whitespace().nth(1).unwrap();
    let label = format!("version=\"{version}\"");
    let line = metrics
        .lines()
        .find(|line| line.starts_with("connexion_build_info{"));
    assert!(line.is_some_and(|line| line.contains(&label)), "{metrics}");
    let stderr = service.stop().stderr;
    let first = stderr.lines().next().unwrap();
    assert!(
        first.ends_with(&format!("starting {}", told.trim_end())),
        "{stderr}"
    );
}

/// Waits until this line is among the metrics.
#[track_caller]
fn until_it_counts(address: &str, line: &str) {
    until(|| {
        let metrics = get(address, "/metrics").unwrap().body;
        let found = metrics.lines().any(|metric| metric == line);
        found.then_some(()).ok_or(metrics)
    });
}

/// The service after a request of each kind, and its metrics.
fn measured() -> (Service, String) {
    // A document that allows less than the database does.
    let document =
        include_str!("../../openapi.yaml").replace("maxLength: 100\n", "maxLength: 90\n");
    let program = Program::new().file("strict.yaml", &document);
    let (program, address) = watched(program.env("APP_SPEC", "strict.yaml"));
    let service = program.serve(&["--max-requests", "1", "--max-connections", "2"]);
    // A connection that is closed is noticed a little later.
    let one_by_one = || until_it_counts(&address, "connexion_http_connections 0");
    assert_eq!(service.people(), 714);
    one_by_one();
    assert_eq!(service.post("/people", PERSON).status, 200);
    one_by_one();
    assert_eq!(service.post("/people", r#"{"age":"x"}"#).status, 400);
    one_by_one();
    assert_eq!(service.get("/nowhere").status, 404);
    one_by_one();
    let file = rusqlite::Connection::open(program.path("connexion-app.sqlite")).unwrap();
    let long = "update person set name = printf('%.*c', 95, 'x') where uuid = (select max(uuid) from person)";
    assert_eq!(file.execute(long, []).unwrap(), 1);
    assert!(service.try_get("/people").is_err());
    one_by_one();
    let slow = service.send(
        "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    );
    until_it_counts(&address, "connexion_http_requests_in_flight 1");
    assert_eq!(service.get("/nowhere").status, 503);
    until_it_counts(&address, "connexion_http_connections 1");
    let other = service.send("");
    until_it_counts(&address, "connexion_http_connections 2");
    let refused = std::io::read_to_string(service.send("GET / HTTP/1.1\r\n\r\n")).unwrap();
    assert!(refused.starts_with("HTTP/1.1 503 "));
    let metrics = get(&address, "/metrics").unwrap();
    assert_eq!(
        metrics.headers["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    drop((slow, other));
    (service, metrics.body)
}

#[test]
fn what_happens_is_counted() {
    let (_service, metrics) = measured();
    for line in [
        r#"connexion_http_requests_total{operation="people.add",status="200"} 1"#,
        r#"connexion_http_requests_total{operation="people.add",status="400"} 1"#,
        r#"connexion_http_requests_total{operation="none",status="404"} "#,
        r#"connexion_http_requests_total{operation="none",status="503"} "#,
        r#"connexion_http_request_duration_seconds_bucket{operation="people.add",le="10"} 2"#,
        "connexion_http_requests_in_flight 1",
        "connexion_http_connections 2",
        r#"connexion_http_shed_total{what="request"} "#,
        r#"connexion_http_shed_total{what="connection"} 1"#,
        r#"connexion_request_violations_total{code="wrong-type",operation="people.add"} 1"#,
        r#"connexion_request_violations_total{code="missing",operation="people.add"} 6"#,
        r#"connexion_response_violations_total{operation="people.list"} 1"#,
        r#"connexion_database_call_duration_seconds_count{call="add"} 1"#,
        r#"connexion_database_turns{state="all"} 8"#,
        "connexion_import_rows_total 714",
        "connexion_build_info{commit=",
        "process_resident_memory_bytes ",
        "process_open_fds ",
    ] {
        let found = metrics.lines().any(|metric| metric.starts_with(line));
        assert!(found, "{line}: {metrics}");
    }
}

/// A dashboard that asks for what is no longer there shows nothing, and an alert on it never comes.
#[test]
fn the_dashboard_and_the_alerts_name_only_metrics_that_exist() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(
        panels
            .iter()
            .all(|panel| panel["targets"][0]["expr"].is_string())
    );
    let (service, metrics) = measured();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let known: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    // Errors of the store come only with faults of it.
    let known = &known | &BTreeSet::from(["connexion_database_errors_total"]);
    for (name, text) in [("dashboard", DASHBOARD), ("alerts", ALERTS)] {
        let words = text.split(|c| !is_name(c));
        let named: BTreeSet<&str> = words
            .filter(|word| word.starts_with("connexion_") || word.starts_with("process_"))
            .map(|word| {
                let parts = ["_bucket", "_sum", "_count"];
                parts
                    .iter()
                    .find_map(|part| word.strip_suffix(part))
                    .unwrap_or(word)
            })
            .collect();
        assert!(named.len() > 7, "{name}: {named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
    let all_shown = known.iter().filter(|name| name.starts_with("connexion_"));
    for name in all_shown {
        assert!(DASHBOARD.contains(name), "{name} is in no panel");
    }
    drop(service);
}
