//! A service with an admin listener, and what that reports of requests.

use std::net::TcpListener;

use crate::program::{Program, get, until};

/// A program with an admin listener, and its address.
pub(crate) fn watched(program: Program) -> (Program, String) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    let port = address.rsplit(':').next().unwrap();
    (program.env("APP_ADMIN_PORT", port), address)
}

/// How many requests are in flight.
pub(crate) fn in_flight(admin: &str) -> usize {
    let metrics = get(admin, "/metrics").unwrap().body;
    let mut lines = metrics.lines();
    let line = lines.find_map(|line| line.strip_prefix("connexion_http_requests_in_flight "));
    line.unwrap().parse().unwrap()
}

/// Waits until so many are.
#[track_caller]
pub(crate) fn until_in_flight(admin: &str, expected: usize) {
    until(|| match in_flight(admin) {
        now if now == expected => Ok(()),
        now => Err(format!("{expected} in flight, there are {now}")),
    });
}
