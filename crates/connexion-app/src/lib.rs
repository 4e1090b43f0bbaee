//! The people service: handlers, pages, import and two stores behind the contract in `openapi.yaml`.

pub mod export;
pub mod import;
pub mod person;
pub mod progress;
pub mod store;
