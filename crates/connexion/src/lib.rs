//! Serves an OpenAPI document: routing, validation of requests and responses, security and problem documents.
//!
//! The document describes the operations, their parameters, bodies and responses. This crate loads and checks it, routes each
//! request to the handler that is registered for its `operationId`, and validates the request before the handler gets it and
//! the response before it is sent. A client gets all violations of its request at once, in a problem document (RFC 9457).
//!
//! ```
//! use connexion::{Api, Body, Document, Params};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Person { name: String }
//!
//! #[derive(Serialize)]
//! struct Greeting { text: String }
//!
//! async fn greet(Params(Person { name }): Params<Person>) -> Body<Greeting> {
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
//! # Ok::<(), connexion::Diagnostics>(())
//! ```
//!
//! The service is a [`tower::Service`] for axum's requests: serve it with axum, wrap it in tower layers, or use it as the
//! fallback of a router.

#![warn(clippy::indexing_slicing, clippy::string_slice)]

mod compat;
mod diagnostics;
mod document;
pub mod guide;
mod http;
mod lint;
mod operation;
mod pairs;
mod problem;
mod schema;
mod security;

pub use axum;

pub use self::http::api::Api;
pub use self::http::arguments::Arguments;
pub use self::http::entity_tag::EntityTags;
pub use self::http::extract::{ArgumentError, Body, CurrentOperation, Items, OperationId, Params};
pub use self::http::hooks::RequestContext;
pub use self::http::service::ApiService;
pub use self::http::stream::{ByteStream, StreamError};
pub use compat::Compat;
pub use diagnostics::{Diagnostic, DiagnosticCode, Diagnostics, Position, Severity};
pub use document::Document;
pub use document::model::{DescribedOperation, Element, SourceLocation};
pub use operation::accept::Accept;
pub use operation::memory::{BodyMemory, TakenMemory};
#[cfg(feature = "multipart")]
pub use operation::multipart::{Files, Upload};
pub use operation::path::PathValues;
pub use operation::{Operation, ParameterInfo, ResponseValidation, ValidatedRequest};
pub use problem::{Location, ParameterLocation, Problem, Violation, Violations};
pub use schema::validator::Validator;
pub use schema::{Generated, Invalid};
pub use security::{
    AuthContext, Credentials, OperationSecurity, Principal, Principals, SecurityRequirement,
};
