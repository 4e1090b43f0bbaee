//! Every integration test of the library, through its public API only, in one program: linking one is
//! quicker than linking many.

#![expect(
    clippy::unwrap_used,
    reason = "a test that fails may panic, in its helpers too"
)]

mod api;
mod bodies;
mod compat;
mod connections;
mod content_types;
mod defaults;
mod discriminator;
mod docs;
mod document;
mod findings;
mod fixtures;
mod generate;
mod handlers;
mod hooks;
mod identifiers;
mod keywords;
mod lenient;
mod limits;
mod model;
#[cfg(feature = "multipart")]
mod multipart;
mod parameter;
mod properties;
mod references;
mod request;
mod response;
mod round_trips;
mod routing;
mod schema;
mod security;
mod serving;
mod storeys;
mod support;
mod swagger2;
mod versions;
