//! The service: handlers, settings, documentation and connections.

mod compat;
mod connections;
mod deserialization;
mod docs;
mod handler_types;
mod handlers;
mod hooks;
mod mounting;
