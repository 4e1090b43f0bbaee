//! HTTP: the builder of an API, the service that responds to requests, and the extractors of handlers.

pub(crate) mod api;
pub(crate) mod arguments;
pub(crate) mod docs_page;
pub(crate) mod entity_tag;
pub(crate) mod extract;
pub(crate) mod hooks;
pub(crate) mod method;
pub(crate) mod request_body;
pub(crate) mod response_validation;
pub(crate) mod service;
pub(crate) mod stream;
mod unread;
