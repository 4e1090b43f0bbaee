//! Every integration test of the service, in one program: linking one is quicker than linking many.

#![expect(
    clippy::unwrap_used,
    reason = "a test that fails may panic, in its helpers too"
)]

mod admin;
mod auth;
mod backup;
mod broken_rows;
mod browser;
mod caching;
mod cli;
mod client;
mod conformance;
mod database;
mod dotenv;
#[expect(dead_code, reason = "only the table of `make faults` needs all of it")]
mod faults;
mod frames;
mod hosts;
mod http2;
mod import;
mod in_flight;
mod jwt;
mod limits;
mod listing;
mod lists;
mod locks;
mod logs;
mod outage;
mod postgres_adoption;
mod postgres_server;
mod preconditions;
mod program;
mod proxies;
mod request_bodies;
mod serving;
mod settings;
mod sqlite_file;
mod sqlstate;
mod stopping;
mod test_app;
mod tls;
mod together;
mod traces;
mod uploads;
mod watched;
mod web;
mod wire;
