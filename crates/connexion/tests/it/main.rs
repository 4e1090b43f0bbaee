//! Every integration test of the library, through its public API only, in one program: linking one is
//! quicker than linking many.

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
