//! Responses count as in flight until their last byte is sent, and a client that takes nothing loses them.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::admin::watched;
use crate::frames::{DATA, Frames, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS};
use crate::program::{Program, Service, get, until};

/// A response of some 150 kB that is no stream.
const WHOLE: &str = "/people?limit=1000";

/// With the sample passengers, and an admin listener.
fn serve(flags: &[&str]) -> (Service, String) {
    let (program, admin) = watched(Program::new());
    (program.serve(flags), admin)
}

fn in_flight(admin: &str) -> String {
    let metrics = get(admin, "/metrics").unwrap().body;
    let mut lines = metrics.lines();
    let line = lines.find_map(|line| line.strip_prefix("connexion_http_requests_in_flight "));
    line.unwrap().to_owned()
}

#[track_caller]
fn until_in_flight(admin: &str, expected: &str) {
    until(|| match in_flight(admin) {
        now if now == expected => Ok(()),
        now => Err(format!("{expected} in flight, there are {now}")),
    });
}

/// In kilobytes.
fn resident(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.running.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// PING, SETTINGS and windows of other streams take nothing of a response.
#[test]
fn stalled_http2_responses_end_after_the_timeout() {
    let (service, admin) = serve(&["--timeout", "3", "--max-requests", "4"]);
    // So that what the first request needs is not counted.
    assert_eq!(service.get(WHOLE).status, 200);
    let before = resident(&service);
    let begun = Instant::now();
    let mut clients: Vec<_> = (0..10).map(|_| Frames::open(&service.address, 0)).collect();
    for client in &mut clients {
        for stream in (1..200).step_by(2) {
            client.get(stream, WHOLE, Some("x"), &[]);
        }
    }
    until_in_flight(&admin, "4");
    assert_eq!(service.get(WHOLE).status, 503);
    // Those that are refused have a body only as long as there are few.
    let mut ended = vec![HashSet::new(); clients.len()];
    let mut most = 0;
    while ended.iter().any(|streams| streams.len() < 100) {
        assert!(begun.elapsed() < Duration::from_secs(25), "{ended:?}");
        most = most.max(resident(&service));
        for (client, ended) in clients.iter_mut().zip(&mut ended) {
            client.ping();
            client.send(SETTINGS, 0, 0, &[]);
            client.window(0, 1);
            while let Some(frame) = client.next(Duration::from_millis(1)).unwrap() {
                assert_ne!(frame.kind, DATA, "its window is empty");
                let is_end = frame.kind == HEADERS && frame.flags & 1 == 1;
                if frame.kind == RST_STREAM || is_end {
                    ended.insert(frame.stream);
                }
            }
        }
    }
    assert!(
        begun.elapsed() > Duration::from_millis(2_900),
        "{:?}",
        begun.elapsed()
    );
    assert!(most < before + 60_000, "{before} kB, then {most} kB");
    until_in_flight(&admin, "0");
    // The connections are as good as before.
    for client in &mut clients {
        client.get(201, "/nowhere", Some("x"), &[]);
        assert_eq!(client.until(HEADERS).stream, 201);
    }
}

/// At least 16 KiB within the timeout are progress.
#[test]
fn an_http2_response_that_trickles_ends_after_the_timeout() {
    let (service, admin) = serve(&["--timeout", "2"]);
    for path in [WHOLE, "/people", "/nowhere"] {
        let mut client = Frames::open(&service.address, 1);
        client.get(1, path, Some("x"), &[]);
        let begun = Instant::now();
        'open: loop {
            assert!(begun.elapsed() < Duration::from_secs(20), "{path} goes on");
            client.window(1, 1);
            while let Some(frame) = client.next(Duration::from_millis(50)).unwrap() {
                if (frame.kind, frame.stream) == (RST_STREAM, 1) {
                    break 'open;
                }
                // It is all sent before the time is over.
                if frame.kind == DATA && frame.flags & 1 == 1 {
                    assert_eq!(path, "/nowhere");
                    break 'open;
                }
            }
        }
        until_in_flight(&admin, "0");
    }
}

/// What fits into the window exactly is sent to its end.
#[test]
fn an_http2_response_ends_within_its_window() {
    let (service, _) = serve(&[]);
    let expected = service.get("/nowhere").body.len();
    let mut client = Frames::open(&service.address, u32::try_from(expected).unwrap());
    client.get(1, "/nowhere", Some("x"), &[]);
    let mut body = Vec::new();
    loop {
        let frame = client.until(DATA);
        body.extend(frame.payload);
        if frame.flags & 1 == 1 {
            break;
        }
    }
    assert_eq!(body.len(), expected);
}

/// The same over HTTP/1.1: what waits for room in the socket is in flight.
#[test]
fn an_http1_response_counts_until_it_is_sent() {
    let (service, admin) = serve(&["--timeout", "3", "--max-requests", "1"]);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let address: std::net::SocketAddr = service.address.parse().unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stalled = std::net::TcpStream::from(socket);
    // More than all the buffers on the way can hold.
    let request = format!("GET {WHOLE} HTTP/1.1\r\nHost: x\r\n\r\n");
    stalled.write_all(request.repeat(60).as_bytes()).unwrap();
    let begun = Instant::now();
    // So for some time, not only while a response is made.
    for _ in 0..10 {
        until(|| match service.get(WHOLE).status.as_u16() {
            503 => Ok(()),
            status => Err(format!("a refusal, it is {status}")),
        });
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(in_flight(&admin), "1");
    }
    until_in_flight(&admin, "0");
    assert!(
        begun.elapsed() > Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(service.get(WHOLE).status, 200);
    stalled
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let _ = stalled.read_to_end(&mut Vec::new());
}

#[test]
fn an_http2_connection_that_only_pings_is_idle() {
    let (service, _) = serve(&["--idle-timeout", "2"]);
    let mut client = Frames::open(&service.address, 65_535);
    client.get(1, "/nowhere", Some("x"), &[]);
    let begun = Instant::now();
    let mut seen = HashSet::new();
    loop {
        assert!(begun.elapsed() < Duration::from_secs(20), "it stays open");
        client.ping();
        match client.next(Duration::from_millis(50)) {
            Ok(Some(frame)) => _ = seen.insert(frame.kind),
            Ok(None) => {}
            Err(()) => break,
        }
    }
    assert!(
        begun.elapsed() > Duration::from_millis(1_900),
        "{:?}",
        begun.elapsed()
    );
    // It was told before (RFC 9113, section 9.1).
    assert!(seen.contains(&PING) && seen.contains(&GOAWAY), "{seen:?}");
}

/// "Rapid reset": requests that are cancelled as soon as they are sent leave nothing behind.
#[test]
fn http2_requests_that_are_reset_at_once_leave_nothing() {
    let (service, admin) = serve(&[]);
    let before = resident(&service);
    for _ in 0..10 {
        let mut client = Frames::open(&service.address, 0);
        for stream in (1..2_000).step_by(2) {
            client.get(stream, WHOLE, Some("x"), &[]);
            client.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        }
    }
    assert_eq!(service.get(WHOLE).status, 200);
    until_in_flight(&admin, "0");
    assert!(resident(&service) < before + 60_000);
}
