//! How much the service takes on: what is too long, too slow or too much is turned away, and the others
//! don't notice.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::program::{Program, Service, until};

const GET: &str = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n";

fn serve(flags: &[&str]) -> Service {
    Program::new()
        .env("APP_SETTINGS", "production")
        .serve(flags)
}

/// Sends a byte now and then until the connection is closed; after how long, and what was answered.
fn trickle(mut stream: TcpStream, bytes: &[u8]) -> (Duration, String) {
    let begun = Instant::now();
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let mut bytes = bytes.chunks(1).cycle();
    let (mut answer, mut part) = (Vec::new(), [0; 1000]);
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => answer.extend(&part[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "it stays open");
        let _ = stream.write_all(bytes.next().unwrap_or_default());
    }
    (begun.elapsed(), String::from_utf8(answer).unwrap())
}

/// Reads one answer that has no body longer than what comes with its head.
fn answer(stream: &mut TcpStream) -> String {
    let mut part = vec![0; 4_000];
    let length = stream.read(&mut part).unwrap();
    part.truncate(length);
    String::from_utf8(part).unwrap()
}

#[track_caller]
fn is_between(time: Duration, least: u64, most: u64) {
    let milliseconds = time.as_millis();
    assert!(
        (u128::from(least)..u128::from(most)).contains(&milliseconds),
        "{time:?}"
    );
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let service = serve(&["--max-header-size", "1024"]);
    let long = "x".repeat(1_024);
    for head in [
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n"),
    ] {
        let answer = answer(&mut service.send(&format!("{head}\r\n")));
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        assert!(answer.contains("The request's line and headers are too long."));
    }
    // What doesn't fit into any buffer is not read to its end.
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(200_000));
    let mut stream = TcpStream::connect(&service.address).unwrap();
    let _ = stream.write_all(endless.as_bytes());
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read);
    assert!(read.is_empty() || read.starts_with(b"HTTP/1.1 431 "));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(101));
    let answer = answer(&mut service.send(&many));
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let service = serve(&["--max-body-size", "100"]);
    let answer = service.post("/people", &" ".repeat(101));
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_eq!(service.post("/people", &" ".repeat(100)).status, 400);
}

/// "Slowloris": a client that keeps connections open by sending a byte now and then.
#[test]
fn a_head_that_comes_too_slowly_is_not_waited_for() {
    let service = serve(&["--header-timeout", "1"]);
    let endless =
        b"GET / HTTP/1.1\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\nX: y\r\n";
    for first in ["", "G", GET] {
        let (time, _) = trickle(service.send(first), endless);
        is_between(time, 900, 5_000);
    }
    // Neither is the rest of what HTTP/2 begins with.
    let (_, closed) = quiet(&mut service.send("PRI * HTTP/2.0"), Duration::from_secs(10));
    is_between(closed, 900, 5_000);
}

#[test]
fn a_connection_without_a_request_is_closed_after_a_while() {
    let service = serve(&["--idle-timeout", "1"]);
    let mut stream = service.send(GET);
    let begun = Instant::now();
    // Two requests with pauses are more than the time that one pause may take.
    for _ in 0..2 {
        assert!(answer(&mut stream).starts_with("HTTP/1.1 404 "));
        let (paused, _) = quiet(&mut stream, Duration::from_millis(600));
        assert!(paused, "it is closed early");
        stream.write_all(GET.as_bytes()).unwrap();
    }
    assert!(answer(&mut stream).starts_with("HTTP/1.1 404 "));
    is_between(begun.elapsed(), 1_200, 10_000);
    let (_, closed) = quiet(&mut stream, Duration::from_secs(10));
    is_between(closed, 900, 5_000);
}

/// Whether nothing comes for so long; and when it ended.
fn quiet(stream: &mut TcpStream, time: Duration) -> (bool, Duration) {
    let begun = Instant::now();
    stream.set_read_timeout(Some(time)).unwrap();
    let read = stream.read(&mut [0]);
    let is_quiet = read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    (is_quiet, begun.elapsed())
}

#[test]
fn a_request_that_takes_long_is_no_idle_connection() {
    let flags = [
        "--idle-timeout",
        "1",
        "--header-timeout",
        "1",
        "--timeout",
        "3",
    ];
    let service = serve(&flags);
    let endless = "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
        Content-Length: 60000\r\n\r\n";
    let (time, answer) = trickle(service.send(endless), b" ");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    is_between(time, 2_900, 9_000);
}

#[test]
fn one_connection_too_many_is_told_so() {
    let service = serve(&["--max-connections", "2"]);
    let mut open = [service.send(GET), service.send(GET)];
    for stream in &mut open {
        assert!(answer(stream).starts_with("HTTP/1.1 404 "));
    }
    let refused = std::io::read_to_string(service.send(GET)).unwrap();
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("\r\nRetry-After: 1\r\n"), "{refused}");
    // Those that are open go on, and one that ends makes room.
    let [mut first, second] = open;
    first.write_all(GET.as_bytes()).unwrap();
    assert!(answer(&mut first).starts_with("HTTP/1.1 404 "));
    drop(second);
    until(|| {
        let answer = service.get("/nowhere");
        (answer.status == 404)
            .then_some(())
            .ok_or(format!("{answer:?}"))
    });
}

#[test]
fn one_request_too_many_is_refused_at_once() {
    let service = serve(&["--max-requests", "1"]);
    let begun = "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
        Content-Length: 9\r\n\r\n{";
    // Sent again if another request was there first.
    let slow = until(|| {
        let slow = service.send(begun);
        let answer = service.get("/nowhere");
        (answer.status == 503)
            .then_some(slow)
            .ok_or(format!("{answer:?}"))
    });
    let mut other = service.send("");
    let times = (0..20).map(|_| {
        let begun = Instant::now();
        other.write_all(GET.as_bytes()).unwrap();
        let refused = answer(&mut other);
        assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
        assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
        begun.elapsed()
    });
    // Of a machine that does other things, too, the best is what counts.
    is_between(times.min().unwrap(), 0, 10);
    drop(slow);
    until(|| {
        let answer = service.get("/nowhere");
        (answer.status == 404)
            .then_some(())
            .ok_or(format!("{answer:?}"))
    });
}

/// As `nc -N` does, once it has sent its request.
#[test]
fn who_closes_its_half_of_the_connection_is_answered() {
    let service = Program::new().serve(&[]);
    let stream = service.send("GET /people HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.shutdown(Shutdown::Write).unwrap();
    let answer = std::io::read_to_string(stream).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("]\r\n0\r\n\r\n"), "it is cut");
}

/// Those that a busy service has not accepted yet wait; dropped by the kernel, each would try again after a second.
#[test]
fn a_burst_of_connections_is_not_dropped() {
    let service = serve(&[]);
    let address = service.address.parse().unwrap();
    service.running.signal("STOP");
    let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(900));
    let open: Result<Vec<_>, _> = (0..300).map(connect).collect();
    service.running.signal("CONT");
    open.unwrap();
}
