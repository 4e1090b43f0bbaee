//! Clients behind proxies: who they are, and how they came, is believed of trusted proxies only.

use std::io::read_to_string;

use crate::program::{Program, Service};

const PERSON: &str = r#"{"name":"Doe","passengerClass":1,"sex":"male","age":7,"siblingsOrSpousesAboard":0,"parentsOrChildrenAboard":0,"fare":7.5}"#;

/// Adds a person; the response.
fn add(service: &Service, fields: &str) -> String {
    let length = PERSON.len();
    let request = format!(
        "POST /people HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{fields}\r\n{PERSON}"
    );
    read_to_string(service.send(&request)).unwrap()
}

#[test]
fn logs_and_audit_lines_have_the_address_of_the_client_behind_a_trusted_proxy() {
    let service = Program::new().serve(&["--trusted-proxies", "10.0.0.0/8,127.0.0.1"]);
    for (fields, client) in [
        ("", "127.0.0.1"),
        ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"),
        (
            "X-Forwarded-For: 203.0.113.9, 192.0.2.2, 10.1.2.3\r\n",
            "192.0.2.2",
        ),
        (
            "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.3\r\n",
            "192.0.2.3",
        ),
        (
            "Forwarded: for=203.0.113.9, for=\"[2001:db8::1]:80\";proto=https\r\n",
            "2001:db8::1",
        ),
        (
            "X-Forwarded-For: 192.0.2.4\r\nForwarded: for=203.0.113.9\r\n",
            "192.0.2.4",
        ),
    ] {
        let id = format!("id-{}", client.replace(':', "."));
        let answer = add(&service, &format!("X-Request-Id: {id}\r\n{fields}"));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let ended = service.stop();
    for client in [
        "127.0.0.1",
        "192.0.2.1",
        "192.0.2.2",
        "192.0.2.3",
        "2001:db8::1",
        "192.0.2.4",
    ] {
        let id = format!("id-{}", client.replace(':', "."));
        let line = ended.stdout.lines().find(|line| line.contains(&id));
        assert!(
            line.unwrap().starts_with(&format!("{client} - - [")),
            "{line:?}"
        );
        let audit = ended
            .stderr
            .lines()
            .find(|line| line.contains("audit: added") && line.contains(&id));
        assert!(
            audit.unwrap().contains(&format!("client=\"{client}\"")),
            "{audit:?}"
        );
    }
    assert!(!(ended.stdout + &ended.stderr).contains("203.0.113.9"));
}

#[test]
fn forwarding_headers_from_other_addresses_are_ignored() {
    for flags in [&[][..], &["--trusted-proxies", "10.0.0.0/8,::1"]] {
        let service = Program::new().serve(flags);
        let fields = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\
            X-Forwarded-Host: localhost\r\nForwarded: for=203.0.113.9;proto=https;host=localhost\r\n";
        assert!(add(&service, fields).starts_with("HTTP/1.1 200 "));
        let end = format!(
            "POST /session/end HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n{fields}\r\n"
        );
        let answer = read_to_string(service.send(&end)).unwrap();
        assert!(
            answer.contains("set-cookie: ") && !answer.contains("; Secure"),
            "{answer}"
        );
        let wrong = format!(
            "GET /people HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n{fields}\r\n"
        );
        let answer = read_to_string(service.send(&wrong)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
        let ended = service.stop();
        assert!(!(ended.stdout + &ended.stderr).contains("203.0.113.9"));
    }
}

/// A proxy may ask under a name of its own, and says which one the client used.
#[test]
fn the_host_that_a_trusted_proxy_was_asked_for_is_the_one_that_counts() {
    let flags = [
        "--trusted-proxies",
        "127.0.0.1",
        "--allowed-hosts",
        "a.example",
    ];
    let service = Program::new().serve(&flags);
    let ask = |fields: &str| {
        let request = format!(
            "PUT /people/00000000-0000-0000-0000-000000000000 HTTP/1.1\r\nHost: upstream\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n{fields}\r\n{{}}"
        );
        let answer = read_to_string(service.send(&request)).unwrap();
        answer[9..12].to_owned()
    };
    assert_eq!(ask(""), "421");
    assert_eq!(ask("X-Forwarded-Host: b.example\r\n"), "421");
    assert_eq!(ask("X-Forwarded-Host: a b\r\n"), "400");
    let host = "X-Forwarded-Host: a.example\r\n";
    assert_ne!(ask(host), "421");
    assert_ne!(ask("Forwarded: for=192.0.2.1;host=a.example\r\n"), "421");
    // A page of that host may change something, another one's may not.
    assert_ne!(ask(&format!("{host}Origin: http://a.example\r\n")), "403");
    assert_eq!(ask(&format!("{host}Origin: http://b.example\r\n")), "403");
}

#[test]
fn an_invalid_trusted_proxy_is_reported() {
    for wrong in ["10.0.0.0/33", "proxy.example", "10.0.0.1,,"] {
        let stderr = Program::new().run(&["--trusted-proxies", wrong]).failed(2);
        assert!(
            stderr.contains("is not like 10.0.0.7, 10.0.0.0/8 or fd00::/8"),
            "{stderr}"
        );
    }
}
