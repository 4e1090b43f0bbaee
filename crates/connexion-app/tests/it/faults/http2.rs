//! HTTP/2 clients that read nothing of their responses, or that only keep a connection open.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Stood, seconds};
use crate::frames::{DATA, Frames, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS};
use crate::program::Program;
use crate::watched::{in_flight, until_in_flight, watched};

/// A response of some 150 kB that is no stream.
const WHOLE: &str = "/people?limit=1000";

/// As many requests as a connection may have at a time.
const STREAMS: usize = 100;

/// `APP_MAX_REQUESTS`, and its value.
const MAX_REQUESTS: (&str, usize) = ("16", 16);

/// In kilobytes, what all the responses and connections may add to resident memory.
const MAY_ADD: u64 = 60_000;

/// A client whose streams have no window.
struct Client {
    frames: Frames,
    ended: HashSet<u32>,
}

impl Client {
    fn of(address: &str) -> Self {
        let mut frames = Frames::open(address, 0);
        for stream in (1..).step_by(2).take(STREAMS) {
            frames.get(stream, WHOLE, Some("x"), &[]);
        }
        Self {
            frames,
            ended: HashSet::new(),
        }
    }

    /// Sends what is no progress of a response.
    fn ping(&mut self) {
        self.frames.ping();
        self.frames.send(SETTINGS, 0, 0, &[]);
        self.frames.window(0, 1);
    }

    /// Notes which streams the server ended.
    fn read(&mut self) {
        while let Some(frame) = self.frames.next(Duration::from_millis(1)).unwrap() {
            assert_ne!(frame.kind, DATA, "its window is empty");
            let is_end = frame.kind == HEADERS && frame.flags & 1 == 1;
            if frame.kind == RST_STREAM || is_end {
                self.ended.insert(frame.stream);
            }
        }
    }
}

/// Clients that have 100 requests each, and an empty window. With `pings` they send PING, SETTINGS and `WINDOW_UPDATE` of
/// the connection all the time.
pub(super) fn stalled(count: usize, timeout: u64, pings: bool) -> Stood {
    let (program, admin) = watched(Program::new());
    let (flag, limit) = MAX_REQUESTS;
    let seconds_flag = timeout.to_string();
    let service = program.serve(&["--timeout", &seconds_flag, "--max-requests", flag]);
    let timeout = Duration::from_secs(timeout);
    // What the first request needs is not counted.
    assert_eq!(service.get(WHOLE).status, 200);
    let before = service.running.memory("VmRSS");
    let begun = Instant::now();
    let mut clients: Vec<_> = (0..count).map(|_| Client::of(&service.address)).collect();
    until_in_flight(&admin, limit);
    assert_eq!(service.get(WHOLE).status, 503);
    let (mut counted, mut most) = (0, before);
    while clients.iter().any(|client| client.ended.len() < STREAMS) {
        assert!(begun.elapsed() < 3 * timeout, "some are not ended");
        counted = counted.max(in_flight(&admin));
        most = most.max(service.running.memory("VmRSS"));
        for client in &mut clients {
            if pings {
                client.ping();
            }
            client.read();
        }
    }
    let ended = begun.elapsed();
    assert!(ended + Duration::from_millis(100) > timeout, "{ended:?}");
    assert_eq!(counted, limit);
    assert!(most < before + MAY_ADD, "{before} kB, then {most} kB");
    until_in_flight(&admin, 0);
    for client in &mut clients {
        client.frames.get(201, "/nowhere", Some("x"), &[]);
        assert_eq!(client.frames.until(HEADERS).stream, 201);
    }
    Stood {
        done: format!(
            "{count} connections of {STREAMS} requests each, window 0, {}, `APP_TIMEOUT={seconds_flag}`, \
             `APP_MAX_REQUESTS={flag}`",
            if pings {
                "PING, SETTINGS and WINDOW_UPDATE all the time"
            } else {
                "nothing sent after them"
            }
        ),
        figures: format!(
            "{counted} in flight until they end, another client 503 meanwhile; all ended after {}, and 0 in flight; {} MB \
             before, {} MB at the most; the connections are served again",
            seconds(ended),
            before / 1_000,
            most / 1_000
        ),
    }
}

/// A connection that is served once, and then sends PING all the time.
pub(super) fn pinging(idle: u64) -> Stood {
    let flag = idle.to_string();
    let service = Program::new().serve(&["--idle-timeout", &flag]);
    let idle = Duration::from_secs(idle);
    let mut client = Frames::open(&service.address, 65_535);
    client.get(1, "/nowhere", Some("x"), &[]);
    let begun = Instant::now();
    let (mut answered, mut warned) = (0, None);
    loop {
        assert!(begun.elapsed() < idle + Duration::from_secs(15), "it stays");
        client.ping();
        match client.next(Duration::from_millis(50)) {
            Ok(Some(frame)) if frame.kind == PING => answered += 1,
            // RFC 9113, section 9.1.
            Ok(Some(frame)) if frame.kind == GOAWAY => warned = Some(begun.elapsed()),
            Ok(_) => {}
            Err(()) => break,
        }
    }
    let ended = begun.elapsed();
    let warned = warned.expect("GOAWAY comes before the end");
    assert!(ended + Duration::from_millis(100) > idle, "{ended:?}");
    assert!(answered > 0);
    Stood {
        done: format!("served once, then PING all the time, `APP_IDLE_TIMEOUT={flag}`"),
        figures: format!(
            "{answered} times PING was answered; GOAWAY after {}, closed after {}",
            seconds(warned),
            seconds(ended)
        ),
    }
}

/// PING, SETTINGS and windows of other streams take nothing of a response.
#[test]
fn stalled_http2_responses_end_after_the_timeout() {
    stalled(10, 5, true);
    stalled(10, 5, false);
}

#[test]
fn an_http2_connection_that_only_pings_is_idle() {
    pinging(2);
}
