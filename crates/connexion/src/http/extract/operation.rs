//! Extractors of the operation that a request is for: [`OperationId`], [`CurrentOperation`].

use std::{convert::Infallible, sync::Arc};

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::Validated;
use crate::{operation::Operation, problem::Problem};

/// The `operationId` of the operation that a request is for, such as for a handler of several operations.
///
/// It is also an extension of the response, for layers around the service.
///
/// ```
/// async fn echo(id: connexion::OperationId) -> String {
///     format!("This is {}.", id.as_str())
/// }
/// ```
///
/// If the operation has no `operationId`, it is the method and path, such as `get /people`. If the request did not come
/// through an [`ApiService`](crate::ApiService), it is empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OperationId(Option<Arc<str>>);

impl OperationId {
    pub(crate) fn new(id: Arc<str>) -> Self {
        Self(Some(id))
    }

    /// Returns the `operationId`.
    ///
    /// ```
    /// assert_eq!(connexion::OperationId::default().as_str(), "");
    /// ```
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<S: Sync> FromRequestParts<S> for OperationId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let validated = parts.extensions.get::<Validated>();
        Ok(Self(validated.map(|one| one.operation.shared_id())))
    }
}

/// The operation that a request is for: its method, path template, parameters, security and extensions (`x-…`).
///
/// With it one handler can serve several operations as the document describes them. It is cheap to clone.
///
/// ```
/// # use connexion::{Api, CurrentOperation, Document};
/// # use http::StatusCode;
/// /// Returns the example that the document has under `x-mock`.
/// async fn mock(operation: CurrentOperation) -> Result<String, StatusCode> {
///     let mock = operation.extensions().get("x-mock").and_then(|mock| mock.as_str());
///     mock.map(str::to_owned).ok_or(StatusCode::NOT_FOUND)
/// }
///
/// # let document = Document::parse("hello.yaml", r#"
/// # openapi: 3.1.0
/// # info: {title: Hello, version: "1"}
/// # paths:
/// #   /hello:
/// #     get: {operationId: hello, x-mock: Hello!, responses: {"200": {description: a greeting}}}
/// # "#)?;
/// let service = Api::from_document(document).fallback(mock).build(())?;
/// # Ok::<(), connexion::Diagnostics>(())
/// ```
///
/// If the request did not come through an [`ApiService`](crate::ApiService), the response is 500.
#[derive(Clone, Debug)]
pub struct CurrentOperation(Arc<Operation>);

impl std::ops::Deref for CurrentOperation {
    type Target = Operation;

    fn deref(&self) -> &Operation {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for CurrentOperation {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let validated = parts.extensions.get::<Validated>();
        let operation = validated.map(|one| Self(Arc::clone(&one.operation)));
        operation.ok_or_else(|| {
            tracing::error!(
                "a handler takes an operation, but the request did not come through an ApiService"
            );
            Problem::internal().of_library()
        })
    }
}
