//! Clients that are slow, half gone, or very many; the others must not notice.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};

use super::import::csv;
use super::load::person;
use super::{Outcome, Skipped, Stood, seconds};
use crate::program::{Program, Service, until};

const GET: &str = "GET /people/00000000-0000-0000-0000-000000000000 HTTP/1.1\r\nHost: x\r\n\r\n";
const LIST: &str = "GET /people HTTP/1.1\r\nHost: x\r\n\r\n";
const HALF: &str = "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";

/// So many of each kind at the same time: readers that take a few bytes, writers that send a byte now and then, and
/// those that close their half of the connection.
pub(super) fn slow(count: usize) -> Outcome {
    let files = 6 * count as u64;
    enough_files(files)?;
    let program = Program::on("sqlite:people.sqlite").env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    // More than all the buffers on the way can hold.
    program.run_with(&["import-data", "-"], &csv(30_000)).ok();
    let service = program.serve(&["--database-wait", "1"]);
    let mut readers: Vec<_> = (0..count).map(|_| service.send(LIST)).collect();
    let mut writers: Vec<_> = (0..count).map(|_| service.send(HALF)).collect();
    let half_closed: Vec<_> = (0..count)
        .map(|number| half_closed(&service, if number % 2 == 0 { GET } else { HALF }))
        .collect();
    let mut slowest = Duration::ZERO;
    for round in 0..20 {
        let mut part = [0; 16];
        for reader in &mut readers {
            // The first round waits for what has no turn, and is refused.
            let _ = reader.read(&mut part).unwrap();
        }
        for writer in &mut writers {
            writer.write_all(b" ").unwrap();
        }
        let begun = Instant::now();
        assert_eq!(
            service.post("/people", &person(&format!("{round}"))).status,
            200
        );
        slowest = slowest.max(begun.elapsed());
    }
    for (number, mut stream) in half_closed.into_iter().enumerate() {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let expected = if number % 2 == 0 { "HTTP/1.1 404 " } else { "" };
        assert!(answer.starts_with(expected), "{answer}");
    }
    drop((readers, writers));
    until(|| match service.get("/people").status.as_u16() {
        200 => Ok(()),
        status => Err(format!("a list, it is {status}")),
    });
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    Ok(Stood {
        done: format!("{count} of each at the same time, SQLite"),
        figures: format!(
            "the whole request of a half-closed one is answered, half a one is closed; slowest write of another client {}; \
             {} MB at the most",
            seconds(slowest),
            memory(&service, "VmHWM")
        ),
    })
}

/// Sends this, and says that no more follows.
fn half_closed(service: &Service, request: &str) -> TcpStream {
    let stream = service.send(request);
    stream.shutdown(Shutdown::Write).unwrap();
    stream
}

/// So many connections that have been served once and stay open.
pub(super) fn idle(count: usize) -> Outcome {
    enough_files(count as u64 + 200)?;
    let limit = (count + 100).to_string();
    let service = Program::new().env("APP_SETTINGS", "production").serve(&[
        "--max-connections",
        &limit,
        "--access-log",
        "off",
    ]);
    let begun = Instant::now();
    let mut open: Vec<_> = (0..count).map(|_| service.send(GET)).collect();
    for stream in &mut open {
        let mut status = [0; 9];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 ");
    }
    let opened = begun.elapsed();
    let mut times: Vec<_> = (0..100)
        .map(|_| {
            let begun = Instant::now();
            let _ = service.people();
            begun.elapsed()
        })
        .collect();
    times.sort();
    let slowest = times[times.len() - 1];
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    Ok(Stood {
        done: format!("{count}, each served once and kept open"),
        figures: format!(
            "all served within {}, then another client within {:.1} ms in the median, {:.1} ms at the most; {} MB",
            seconds(opened),
            times[times.len() / 2].as_secs_f64() * 1e3,
            slowest.as_secs_f64() * 1e3,
            memory(&service, "VmRSS")
        ),
    })
}

/// Lets this program, and those that it starts, have so many files open.
fn enough_files(count: u64) -> Result<(), Skipped> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= count) {
        return Ok(());
    }
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    if limit.maximum.is_some_and(|maximum| maximum < count) {
        return Err(Skipped(format!(
            "{count} open files are not allowed (ulimit -n)"
        )));
    }
    Ok(())
}

/// In megabytes, as the kernel tells it.
fn memory(service: &Service, name: &str) -> u64 {
    let path = format!("/proc/{}/status", service.running.id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1_000
}

#[test]
fn slow_and_half_closed_clients_do_not_hold_up_the_others() {
    slow(20).unwrap();
}

#[test]
fn many_connections_do_not_hold_up_the_others() {
    idle(500).unwrap();
}
