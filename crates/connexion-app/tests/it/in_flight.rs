//! Responses count as in flight until their last byte is sent, and a client that takes nothing loses them.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::frames::{DATA, Frames, RST_STREAM};
use crate::program::{Program, Service, until};
use crate::watched::{in_flight, until_in_flight, watched};

/// A response of some 150 kB that is no stream.
const WHOLE: &str = "/people?limit=1000";

/// With the sample passengers, and an admin listener.
fn serve(flags: &[&str]) -> (Service, String) {
    let (program, admin) = watched(Program::new());
    (program.serve(flags), admin)
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
        until_in_flight(&admin, 0);
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
        assert_eq!(in_flight(&admin), 1);
    }
    until_in_flight(&admin, 0);
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

/// "Rapid reset": requests that are cancelled as soon as they are sent leave nothing behind.
#[test]
fn http2_requests_that_are_reset_at_once_leave_nothing() {
    let (service, admin) = serve(&[]);
    let before = service.running.memory("VmRSS");
    for _ in 0..10 {
        let mut client = Frames::open(&service.address, 0);
        for stream in (1..2_000).step_by(2) {
            client.get(stream, WHOLE, Some("x"), &[]);
            client.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        }
    }
    assert_eq!(service.get(WHOLE).status, 200);
    until_in_flight(&admin, 0);
    assert!(service.running.memory("VmRSS") < before + 60_000);
}
