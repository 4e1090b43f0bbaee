//! The host that a request is for: exactly one, and one that is served here.

use std::io::read_to_string;

use crate::frames::{Frames, HEADERS, status};
use crate::program::{Program, Service};
use crate::watched::watched;

/// Without the hosts that other tests are allowed.
fn plain() -> Program {
    Program::new().env("APP_ALLOWED_HOSTS", "")
}

/// The status and the whole response of a request with this line and these fields.
fn ask(service: &Service, line: &str, fields: &str) -> (u16, String) {
    let request = format!("{line}\r\nConnection: close\r\n{fields}\r\n");
    let answer = read_to_string(service.send(&request)).unwrap();
    let code = answer.split(' ').nth(1).unwrap_or_default();
    (code.parse().unwrap_or_default(), answer)
}

const GET: &str = "GET /nowhere HTTP/1.1";

/// RFC 9112, section 3.2.
#[test]
fn a_request_without_exactly_one_valid_host_is_rejected() {
    let service = plain().serve(&[]);
    for (line, fields, expected) in [
        (GET, "Host: localhost\r\n", 404),
        (GET, "", 400),
        (GET, "Host: localhost\r\nHost: localhost\r\n", 400),
        (GET, "Host: localhost\r\nhost: evil.example\r\n", 400),
        (GET, "Host:\r\n", 400),
        (GET, "Host: a b\r\n", 400),
        (GET, "Host: user@localhost\r\n", 400),
        (GET, "Host: localhost/x\r\n", 400),
        (GET, "Host: localhost:http\r\n", 400),
        (GET, "Host: localhost:80:80\r\n", 400),
        (GET, "Host: http://localhost\r\n", 400),
        (GET, "Host: [::1\r\n", 400),
        (GET, "Host: caf\u{e9}\r\n", 400),
        (GET, "Host: localhost, localhost\r\n", 400),
        // An older client need not know the field.
        ("GET /nowhere HTTP/1.0", "", 404),
        ("GET /nowhere HTTP/1.0", "Host: a b\r\n", 400),
        (
            "GET /nowhere HTTP/1.0",
            "Host: localhost\r\nHost: localhost\r\n",
            400,
        ),
        // The target's host replaces that of the field, which must be there all the same.
        (
            "GET http://localhost/nowhere HTTP/1.1",
            "Host: evil.example\r\n",
            404,
        ),
        (
            "GET http://evil.example/nowhere HTTP/1.1",
            "Host: localhost\r\n",
            421,
        ),
        ("GET http://localhost/nowhere HTTP/1.1", "", 400),
        (
            "GET http://user@localhost/nowhere HTTP/1.1",
            "Host: localhost\r\n",
            400,
        ),
        ("OPTIONS * HTTP/1.1", "", 400),
    ] {
        let (code, answer) = ask(&service, line, fields);
        assert_eq!(code, expected, "{line} {fields}: {answer}");
        if expected == 400 {
            assert!(answer.contains("application/problem+json"), "{answer}");
        }
    }
}

/// RFC 9113, section 8.3.1.
#[test]
fn an_http2_request_without_exactly_one_valid_authority_is_rejected() {
    let service = plain().serve(&[]);
    let mut client = Frames::open(&service.address, 65_535);
    let host = |value| vec![("host", value)];
    for (number, (authority, more, expected)) in [
        (Some("localhost"), vec![], 404),
        (None, host("localhost"), 404),
        (Some("localhost"), host("localhost"), 404),
        (None, vec![], 400),
        (Some("localhost"), host("evil.example"), 400),
        (None, [host("localhost"), host("localhost")].concat(), 400),
        (None, host("a b"), 400),
        (Some("user@localhost"), vec![], 400),
        (Some("evil.example"), vec![], 421),
        (None, host("evil.example"), 421),
    ]
    .into_iter()
    .enumerate()
    {
        let stream = u32::try_from(2 * number + 1).unwrap();
        client.get(stream, "/nowhere", authority, &more);
        let head = client.until(HEADERS);
        assert_eq!(head.stream, stream);
        assert_eq!(status(&head), expected, "{authority:?} {more:?} {head:?}");
    }
}

/// DNS rebinding: another site's name resolves to this address.
#[test]
fn on_a_loopback_address_only_loopback_names_are_served() {
    let service = plain().serve(&[]);
    for host in [
        "localhost",
        "LOCALHOST:5000",
        "localhost.",
        "app.localhost",
        "127.0.0.1:1",
        "127.1.2.3",
        "[::1]:80",
    ] {
        assert_eq!(
            ask(&service, GET, &format!("Host: {host}\r\n")).0,
            404,
            "{host}"
        );
    }
    for host in [
        "evil.example",
        "evil.example:5000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.0.1",
        "[fe80::1]",
        "x",
    ] {
        let (code, answer) = ask(&service, GET, &format!("Host: {host}\r\n"));
        assert_eq!(code, 421, "{host}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        assert!(answer.contains("APP_ALLOWED_HOSTS"), "{answer}");
    }
    // A browser gets a page.
    let fields = "Host: evil.example\r\nAccept: text/html\r\n";
    let (code, answer) = ask(&service, "GET /people HTTP/1.1", fields);
    assert!(
        code == 421 && answer.contains("<!doctype html>"),
        "{answer}"
    );
    // What is refused changes nothing, and is logged.
    let fields = "Host: evil.example\r\nContent-Length: 2\r\n";
    assert_eq!(
        ask(
            &service,
            "POST /people HTTP/1.1",
            &format!("{fields}\r\n{{}}")
        )
        .0,
        421
    );
    assert!(
        service
            .stop()
            .ok()
            .contains("\"POST /people HTTP/1.1\" 421 ")
    );
}

#[test]
fn further_hosts_are_allowed_by_name() {
    let list = "a.example, b.example:8080,*.c.example,192.0.2.1";
    let service = plain().serve(&["--allowed-hosts", list]);
    for (host, expected) in [
        ("localhost", 404),
        ("a.example", 404),
        ("A.EXAMPLE:1", 404),
        ("b.example:8080", 404),
        ("b.example", 421),
        ("b.example:80", 421),
        ("x.c.example", 404),
        ("x.y.c.example:80", 404),
        ("c.example", 421),
        ("xc.example", 421),
        ("192.0.2.1:80", 404),
        ("evil.example", 421),
    ] {
        assert_eq!(
            ask(&service, GET, &format!("Host: {host}\r\n")).0,
            expected,
            "{host}"
        );
    }
    let all = plain().serve(&["--allowed-hosts", "*"]);
    assert_eq!(ask(&all, GET, "Host: evil.example\r\n").0, 404);
    let stderr = plain()
        .run(&["--allowed-hosts", "a.example,http://b"])
        .failed(2);
    assert!(
        stderr.contains("--allowed-hosts: 'http://b' is not like example.org, "),
        "{stderr}"
    );
}

#[test]
fn on_other_addresses_every_host_is_served_unless_there_is_a_list() {
    let open = plain().serve(&["--host", "0.0.0.0"]);
    assert_eq!(ask(&at_loopback(open), GET, "Host: a.example\r\n").0, 404);
    let listed = plain().serve(&["--host", "0.0.0.0", "--allowed-hosts", "a.example"]);
    let listed = at_loopback(listed);
    assert_eq!(ask(&listed, GET, "Host: a.example\r\n").0, 404);
    assert_eq!(ask(&listed, GET, "Host: b.example\r\n").0, 421);
}

fn at_loopback(service: Service) -> Service {
    let address = service.address.replace("0.0.0.0", "127.0.0.1");
    Service { address, ..service }
}

/// Probes and Prometheus call a pod by its address, whatever hosts the API has.
#[test]
fn the_admin_listener_is_protected_on_loopback_only() {
    for (host, expected) in [("127.0.0.1", 421), ("0.0.0.0", 200)] {
        let (program, address) = watched(plain());
        let program = program
            .env("APP_ALLOWED_HOSTS", "a.example")
            .env("APP_ADMIN_HOST", host);
        let service = program.serve(&[]);
        let admin = Service { address, ..service };
        let live = "GET /health/live HTTP/1.1";
        assert_eq!(ask(&admin, live, "Host: localhost\r\n").0, 200);
        assert_eq!(ask(&admin, live, "Host: 10.1.2.3:5001\r\n").0, expected);
        assert_eq!(ask(&admin, live, "Host: evil.example\r\n").0, expected);
        assert_eq!(ask(&admin, live, "").0, 400);
    }
}
