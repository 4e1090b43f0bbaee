//! Signals: a stop under load that no client notices, and what is read again while the service runs.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{scope, sleep};
use std::time::Duration;

use crate::program::{Program, Service, until};

const REQUEST: &str = "GET /people?limit=3 HTTP/1.1\r\nHost: x\r\n\r\n";

fn connect(address: &str) -> Option<TcpStream> {
    let address = address.parse().unwrap();
    match TcpStream::connect_timeout(&address, Duration::from_secs(10)) {
        Ok(stream) => {
            stream
                .set_read_timeout(Some(Duration::from_secs(30)))
                .unwrap();
            Some(stream)
        }
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => None,
        Err(error) => panic!("not connected: {error}"),
    }
}

/// Sends a request and reads the response, which must come. Returns whether the connection goes on; `None` if it was
/// closed before the request was sent.
fn ask(stream: &mut TcpStream) -> Option<bool> {
    stream.write_all(REQUEST.as_bytes()).ok()?;
    let (mut read, mut part) = (Vec::new(), [0; 4_096]);
    loop {
        let length = stream.read(&mut part);
        let length = length.expect("the request was sent, it is answered");
        read.extend(&part[..length]);
        let text = String::from_utf8_lossy(&read).to_lowercase();
        assert!(length > 0, "closed after {text:?}");
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let (_, size) = head.split_once("content-length: ").unwrap();
        let size: usize = size.lines().next().unwrap().parse().unwrap();
        if body.len() >= size {
            assert!(head.starts_with("http/1.1 200 "), "{head}");
            return Some(!head.contains("connection: close"));
        }
    }
}

/// Asks again and again until the service is gone, on a connection each or on one for all.
fn load(address: &str, keeps: bool, answered: &AtomicUsize) {
    while let Some(mut stream) = connect(address) {
        while let Some(goes_on) = ask(&mut stream) {
            answered.fetch_add(1, Relaxed);
            if !keeps || !goes_on {
                break;
            }
        }
    }
}

#[test]
fn a_stop_under_load_answers_every_request_that_was_sent() {
    for _ in 0..3 {
        let program = Program::new().env("APP_ACCESS_LOG", "off");
        let service = program.serve(&[]);
        let answered = AtomicUsize::new(0);
        scope(|scope| {
            for number in 0..24 {
                let (address, answered) = (&service.address, &answered);
                scope.spawn(move || load(address, number % 3 == 0, answered));
            }
            until(|| match answered.load(Relaxed) {
                200.. => Ok(()),
                few => Err(format!("more than {few} responses")),
            });
            service.running.signal("TERM");
        });
        service.running.end().ok();
    }
}

/// Connections that the kernel has accepted, and the service not yet.
#[test]
fn requests_that_wait_to_be_accepted_are_answered_after_a_stop() {
    let service = Program::new().serve(&[]);
    assert_eq!(service.people(), 714);
    service.running.signal("STOP");
    let mut waiting: Vec<_> = (0..100).map(|_| service.send(REQUEST)).collect();
    service.running.signal("TERM");
    service.running.signal("CONT");
    for stream in &mut waiting {
        assert_eq!(answer(stream).0, 200);
    }
    service.running.end().ok();
}

/// A connection that is open already, and one whose request is on its way.
#[test]
fn an_idle_connection_has_a_last_request_after_a_stop() {
    let service = Program::new().serve(&[]);
    let mut idle = service.send(REQUEST);
    assert_eq!(answer(&mut idle), (200, false));
    let mut new = service.send("");
    let (first, rest) = REQUEST.split_at(20);
    let mut half = service.send(first);
    assert_eq!(service.people(), 714);
    service.running.signal("TERM");
    service.running.until_it_says("INFO stopping");
    for stream in [&mut idle, &mut new] {
        stream.write_all(REQUEST.as_bytes()).unwrap();
        assert_eq!(answer(stream), (200, true));
    }
    half.write_all(rest.as_bytes()).unwrap();
    assert_eq!(answer(&mut half), (200, true));
    service.running.end().ok();
}

/// The status, and whether it is the last response of the connection.
fn answer(stream: &mut TcpStream) -> (u16, bool) {
    let (mut read, mut part) = (Vec::new(), [0; 4_096]);
    loop {
        let length = stream.read(&mut part).unwrap();
        read.extend(&part[..length]);
        let text = String::from_utf8_lossy(&read);
        if length == 0 || text.ends_with("}]") {
            let status = text[9..12].parse().unwrap();
            return (status, text.contains("connection: close\r\n"));
        }
    }
}

/// A client that has sent more than the server reads gets the response all the same.
#[test]
fn a_response_is_not_lost_with_what_was_not_read() {
    let service = Program::new().serve(&["--max-body-size", "1000"]);
    let length = 3_000_000;
    let head = format!(
        "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut stream = service.send(&head);
    let _ = stream.write_all(&vec![b' '; 500_000]);
    sleep(Duration::from_millis(200));
    let mut read = String::new();
    stream.read_to_string(&mut read).unwrap();
    assert!(read.starts_with("HTTP/1.1 413 "), "{read}");
}

/// The number of SIGHUP.
const HUP: u32 = 1;

/// Waits until the process catches a signal, as the kernel says.
#[track_caller]
fn until_it_catches(service: u32, signal: u32) {
    until(|| {
        let status = std::fs::read_to_string(format!("/proc/{service}/status")).unwrap();
        let caught = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:\t"));
        let caught = u64::from_str_radix(caught.unwrap(), 16).unwrap();
        let is_caught = caught >> (signal - 1) & 1 == 1;
        is_caught
            .then_some(())
            .ok_or(format!("a handler: {status}"))
    });
}

/// As a supervisor does that starts and stops, or rotates logs, without looking.
#[test]
fn signals_in_the_first_milliseconds_do_not_kill_it() {
    for signal in ["HUP", "USR1"] {
        let running = Program::new().start(&[]);
        until_it_catches(running.id(), HUP);
        running.signal(signal);
        let service = running.serving();
        assert_eq!(service.get("/nowhere").status, 404);
        service.stop().ok();
    }
    for signal in ["TERM", "INT"] {
        let running = Program::new().start(&[]);
        until_it_catches(running.id(), HUP);
        running.signal(signal);
        running.end().ok();
    }
}

/// Only the service has a reason to stay.
#[test]
fn signals_end_other_commands() {
    for signal in ["TERM", "INT", "HUP", "USR1"] {
        let program = Program::new();
        let (running, stdin) = program.feed(&["import-data", "-"]);
        until_it_catches(running.id(), HUP);
        running.signal(signal);
        assert_eq!(running.end().code, None, "{signal}");
        drop(stdin);
    }
}

#[test]
fn sighup_reloads_the_document_and_the_logs_and_goes_on() {
    let contract = include_str!("../../openapi.yaml");
    let program = Program::new()
        .file("spec.yaml", contract)
        .env("APP_ERROR_LOG", "error.log")
        .env("APP_ACCESS_LOG", "access.log");
    let service = program.serve(&["--spec", "spec.yaml"]);
    let says = |text: &str| {
        until(|| {
            let log = program.read("error.log");
            log.contains(text).then_some(()).ok_or(log)
        });
    };
    let first = service.send("POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{");
    for name in ["access.log", "error.log"] {
        std::fs::rename(program.path(name), program.path(&format!("{name}.1"))).unwrap();
    }
    service.running.signal("HUP");
    until(|| {
        let exists = program.path("error.log").exists();
        exists.then_some(()).ok_or("a new log".to_owned())
    });
    says("spec.yaml was loaded again");
    assert_eq!(service.get("/second").status, 404);
    // The request that was in flight is answered.
    finish(&service, first);
    service.stop().ok();
    let log = program.read("access.log");
    assert!(
        log.contains("/second") && log.contains("POST /people"),
        "{log}"
    );
}

fn finish(_: &Service, mut stream: TcpStream) {
    stream.write_all(b"}").unwrap();
    let mut part = [0; 12];
    stream.read_exact(&mut part).unwrap();
    assert_eq!(&part, b"HTTP/1.1 400");
}
