//! Load at a constant rate, which `wrk` can't keep.
//!
//! Each request has a time at which it is meant to be sent, and its latency counts from then on, sent or not. A server that
//! stalls thus has the requests that had to wait behind the stall counted against it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

use crate::load::after;
use crate::report::percentile;

/// What is waited for at most between two looks at the clock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latencies {
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

/// Reads by key, so many a second, each over whichever of 64 connections is free.
pub(crate) fn reads(address: &str, keys: &[String], rate: f64, time: Duration) -> Latencies {
    let load = || {
        // Otherwise a sleep ends up to 50 µs late; only this thread's.
        rustix::thread::set_current_timer_slack(NonZero::new(1)).unwrap();
        let mut load = Steady::on(address, keys);
        load.run(Duration::from_secs_f64(1.0 / rate), time);
        load.latencies
    };
    let mut latencies = thread::scope(|scope| scope.spawn(load).join().unwrap());
    latencies.sort_by(f64::total_cmp);
    Latencies {
        median: percentile(&latencies, 50),
        p99: percentile(&latencies, 99),
    }
}

struct Steady<'a> {
    address: &'a str,
    keys: &'a [String],
    connections: Vec<Connection>,
    free: Vec<usize>,
    latencies: Vec<f64>,
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    /// When its request was meant to be sent.
    due: Instant,
}

impl<'a> Steady<'a> {
    fn on(address: &'a str, keys: &'a [String]) -> Self {
        let connection = |_| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            Connection {
                stream,
                answer: Vec::new(),
                due: Instant::now(),
            }
        };
        Self {
            address,
            keys,
            connections: (0..64).map(connection).collect(),
            free: (0..64).collect(),
            latencies: Vec::new(),
        }
    }

    fn run(&mut self, gap: Duration, time: Duration) {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        for (data, connection) in (0..).zip(&self.connections) {
            let data = epoll::EventData::new_u64(data);
            epoll::add(&poll, &connection.stream, data, epoll::EventFlags::IN).unwrap();
        }
        let mut due = Instant::now();
        let end = due + time;
        let mut events = Vec::with_capacity(64);
        loop {
            while due < end
                && due <= Instant::now()
                && let Some(free) = self.free.pop()
            {
                self.send(free, due);
                due += gap;
            }
            if due >= end && self.free.len() == self.connections.len() {
                return;
            }
            let may_send = due < end && !self.free.is_empty();
            let wait = if may_send {
                due.saturating_duration_since(Instant::now())
            } else {
                PATIENCE
            };
            let wait = Timespec::try_from(wait).unwrap();
            events.clear();
            epoll::wait(
                &poll,
                rustix::buffer::spare_capacity(&mut events),
                Some(&wait),
            )
            .unwrap();
            assert!(may_send || !events.is_empty(), "{} stalls", self.address);
            for event in &events {
                self.receive(usize::try_from(event.data.u64()).unwrap());
            }
        }
    }

    fn send(&mut self, index: usize, due: Instant) {
        let key = &self.keys[self.latencies.len() * 7_919 % self.keys.len()];
        let request = format!(
            "GET /people/{key} HTTP/1.1\r\nHost: {}\r\n\r\n",
            self.address
        );
        let connection = &mut self.connections[index];
        connection.due = due;
        connection.stream.write_all(request.as_bytes()).unwrap();
    }

    fn receive(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let mut part = [0; 4096];
        match connection.stream.read(&mut part) {
            Ok(0) => panic!("{} has closed a connection", self.address),
            Ok(length) => connection.answer.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("{}: {error}", self.address),
        }
        if is_whole(&connection.answer) {
            let latency = connection.due.elapsed().as_secs_f64() * 1e6;
            self.latencies.push(latency);
            connection.answer.clear();
            self.free.push(index);
        }
    }
}

/// Whether it is all of an answer, which must be a good one of a known length.
fn is_whole(answer: &[u8]) -> bool {
    let text = str::from_utf8(answer).unwrap();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    assert!(head.starts_with("HTTP/1.1 200 "), "{text}");
    let length: usize = after(&head.to_ascii_lowercase(), "content-length:").expect(text);
    body.len() >= length
}
