//! An OpenAPI document in, a correct, fast server out.
//!
//! The document says which operations exist, what they accept and what they answer. This crate loads it,
//! checks it as a whole, routes each request to the handler registered under its `operationId`, lets the
//! handler see only what the document allows, checks the answer, and tells the client everything that is
//! wrong at once, as a problem document (RFC 9457).
//!
//! ```
//! use connexion::{Api, Body, Document, Params};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Who { name: String }
//!
//! #[derive(Serialize)]
//! struct Greeting { text: String }
//!
//! async fn greet(Params(Who { name }): Params<Who>) -> Body<Greeting> {
//!     Body(Greeting { text: format!("Hello {name}") })
//! }
//!
//! let document = Document::parse("hello.yaml", r#"
//! openapi: 3.1.0
//! info: {title: Hello, version: "1"}
//! paths:
//!   /hello/{name}:
//!     get:
//!       operationId: greet
//!       parameters: [{name: name, in: path, required: true, schema: {type: string, maxLength: 9}}]
//!       responses:
//!         "200":
//!           description: a greeting
//!           content: {application/json: {schema: {type: object, required: [text]}}}
//! "#)?;
//! let service = Api::from_document(document).operation("greet", greet).build(())?;
//! # Ok::<(), connexion::Faults>(())
//! ```
//!
//! The service is a [`tower::Service`] for axum's requests: serve it with axum, or put it behind any
//! tower layer or as the fallback of a router.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod accept;
mod answer;
mod api;
mod check;
mod content;
mod docs;
mod document;
mod entity_tag;
mod extract;
mod fault;
mod form;
mod incoming;
mod json;
mod memory;
mod method;
#[cfg(feature = "multipart")]
mod multipart;
mod node;
mod operation;
mod parameter;
mod path;
mod place;
mod problem;
mod python;
mod schema;
mod security;
mod server;
mod service;
mod sources;
mod splitter;
mod stream;
mod structure;
mod swagger2;
mod typed;
mod validator;
mod yaml;

pub use accept::Accept;
pub use answer::Responses;
pub use api::Api;
pub use document::Document;
pub use entity_tag::EntityTags;
pub use extract::{Body, Items, OperationId, Params};
pub use fault::{Code, Fault, Faults, Severity};
pub use memory::{BodyMemory, TakenMemory};
#[cfg(feature = "multipart")]
pub use multipart::{Files, Upload};
pub use node::Position;
pub use operation::{Input, Operation};
pub use path::PathValues;
pub use problem::{In, Problem, Violation, Violations};
pub use security::{Credentials, OperationSecurity, Principal, SecurityRequirement};
pub use service::ApiService;
pub use stream::{ByteStream, StreamError};
pub use validator::Validator;
