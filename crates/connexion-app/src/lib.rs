//! The people service: handlers, import and two stores behind the contract in `openapi.yaml`.

pub mod app;
pub mod cli;
pub mod config;
pub mod error;
pub mod export;
pub mod import;
pub mod people;
pub mod person;
pub mod progress;
pub mod serve;
pub mod start;
pub mod store;
pub mod telemetry;
