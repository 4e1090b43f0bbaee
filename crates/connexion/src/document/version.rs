//! The versions of OpenAPI.

use super::node::{Kind, Node, Position};

/// The version of a document.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Version {
    Swagger2,
    OpenApi30,
    OpenApi31,
    OpenApi32,
}

impl Version {
    /// Reads the version of a document.
    pub(super) fn of(source: &Node) -> Result<Self, (Position, &'static str)> {
        let keys = [
            ("openapi", "3.0", Self::OpenApi30),
            ("openapi", "3.1", Self::OpenApi31),
            ("openapi", "3.2", Self::OpenApi32),
            ("swagger", "2.0", Self::Swagger2),
        ];
        let known = |(key, series, version)| {
            let is_it = source.get(key).is_some_and(|text| is_series(text, series));
            is_it.then_some(version)
        };
        if let Some(version) = keys.into_iter().find_map(known) {
            return Ok(version);
        }
        if let Some(other) = source.get("openapi").or(source.get("swagger")) {
            return Err((other.at, "the version must be 3.2, 3.1, 3.0 or 2.0"));
        }
        let message = "the first field must be `openapi: 3.1.0` (or `swagger: '2.0'`)";
        Err((Position::START, message))
    }

    /// Returns whether keywords beside the `$ref` of a schema are read. Before OpenAPI 3.1 they are ignored.
    pub(crate) fn refs_have_siblings(self) -> bool {
        self >= Self::OpenApi31
    }
}

/// Returns whether a version belongs to a series such as 3.1.
fn is_series(version: &Node, series: &str) -> bool {
    let text = match &version.kind {
        Kind::String(text) => text.clone(),
        Kind::Number(number) => number.to_string(),
        _ => return false,
    };
    let rest = text.strip_prefix(series);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
