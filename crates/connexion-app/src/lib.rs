//! The people service: handlers, import and two stores behind the contract in `openapi.yaml`.

mod admin;
pub mod app;
mod auth;
pub mod cli;
mod config;
mod error;
pub mod export;
mod files;
pub mod import;
pub mod key;
mod listing;
mod metrics;
mod once;
mod pages;
mod people;
pub mod person;
mod progress;
pub mod query;
mod serve;
mod signals;
mod spec;
mod start;
pub mod store;
pub mod summary;
mod telemetry;
mod upload;
mod version;
