//! The integration tests of the library, through its public API only. One program links faster than many.

#![expect(
    clippy::unwrap_used,
    reason = "a test that fails may panic, in its helpers too"
)]

mod document;
mod fixtures;
mod random_input;
mod request;
mod response;
mod routing;
mod schema;
mod security;
mod service;
mod storeys;
mod support;
