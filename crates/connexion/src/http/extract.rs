//! Extractors of validated requests, and responses of handlers: [`Params`], [`Body`], [`Items`].

mod error;
mod items;
mod operation;
mod read;

use std::{any::Any, convert::Infallible, mem, sync::Arc};

use axum::{
    body::Body as HttpBody,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{Extensions, HeaderValue, header, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use self::{
    error::ArgumentError,
    items::Items,
    operation::{CurrentOperation, OperationId},
};

use self::read::read;
use crate::{
    operation::{Operation, ValidatedRequest, accept::Accept},
    problem::Problem,
    schema::typed::Typed,
};

/// The validated request, as one extension, since each extension takes time.
#[derive(Clone, Debug)]
pub(crate) struct Validated {
    pub(crate) operation: Arc<Operation>,
    pub(crate) input: ValidatedRequest,
}

impl<S: Sync> FromRequestParts<S> for Accept {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let validated = parts.extensions.get::<Validated>();
        Ok(validated.map_or_else(Self::default, |one| one.input.accept.clone()))
    }
}

/// Takes a part of the validated request out of the extensions.
fn take<V>(extensions: &mut Extensions, part: impl Fn(&mut ValidatedRequest) -> V) -> Option<V> {
    let validated = extensions.get_mut::<Validated>();
    validated.map(|validated| part(&mut validated.input))
}

/// The parameters of a request, from path, query, headers and cookies, by their names in the document.
///
/// ```
/// # use serde::Deserialize;
/// #[derive(Deserialize)]
/// struct Greeting { name: String }
///
/// async fn greet(connexion::Params(Greeting { name }): connexion::Params<Greeting>) -> String {
///     format!("Hello {name}")
/// }
/// ```
///
/// If parameters in different locations have the same name, their names start with the location: `path.id`, `query.id`.
///
/// If valid values can't be read as a `T`, the program has an error: the response is 500, and the log has the reason
/// ([`ArgumentError`]). [`Api::build`](crate::Api::build) tries the type before the first request. A handler can take the
/// parameters only once.
#[derive(Clone, Copy, Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned + 'static, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ArgumentError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ArgumentError> {
        let values = take(&mut parts.extensions, |input| {
            mem::take(&mut input.parameters)
        });
        let values = values.unwrap_or_default();
        as_is(values)
            .or_else(|values| read(Value::Object(values)))
            .map(Self)
            .map_err(|error| ArgumentError::new::<T>(parts, false, error))
    }
}

/// The JSON body of a request or of a response.
///
/// A request's body may also be plain text, which is read as a string, or a form, which is read as an object. `Files` has the
/// files of a form. Bodies of other types are read by [`ByteStream`](crate::ByteStream).
///
/// If a valid body can't be read as a `T`, the program has an error: the response is 500, and the log has the reason
/// ([`ArgumentError`]). [`Api::build`](crate::Api::build) tries the type before the first request. An absent optional body is
/// read as `null`; it is `None` as an `Option<Body<T>>`. If the operation has no `requestBody`, the body is not read.
///
/// ```
/// # use connexion::Body;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Deserialize)]
/// struct Person { name: String }
///
/// #[derive(Serialize)]
/// struct Greeting { text: String }
///
/// async fn greet(Body(Person { name }): Body<Person>) -> Body<Greeting> {
///     Body(Greeting { text: format!("Hello {name}") })
/// }
/// ```
///
/// As a response it has the status 200; `(StatusCode::CREATED, Body(…))` has another. A value that can't be written as JSON,
/// such as a map with arrays as keys, becomes a 500.
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static, S: Sync> FromRequestParts<S> for Body<T> {
    type Rejection = ArgumentError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ArgumentError> {
        let value = take(&mut parts.extensions, |input| input.body.take());
        Self::read(value.flatten().unwrap_or_default(), parts)
    }
}

/// Extracts `None` if the request has no body.
impl<T: DeserializeOwned + 'static, S: Sync> OptionalFromRequestParts<S> for Body<T> {
    type Rejection = ArgumentError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ArgumentError> {
        let value = take(&mut parts.extensions, |input| input.body.take()).flatten();
        value.map(|value| Self::read(value, parts)).transpose()
    }
}

impl<T: DeserializeOwned + 'static> Body<T> {
    fn read(value: Value, parts: &Parts) -> Result<Self, ArgumentError> {
        as_is(value)
            .or_else(read)
            .map(Self)
            .map_err(|error| ArgumentError::new::<T>(parts, true, error))
    }
}

/// Returns the value itself if it already has the type that the handler takes. Deserializing it would copy it.
fn as_is<V: 'static, T: 'static>(value: V) -> Result<T, V> {
    let mut value = Some(value);
    let target = (&mut value as &mut dyn Any).downcast_mut::<Option<T>>();
    target
        .and_then(Option::take)
        .ok_or_else(|| value.expect("a value of another type is not taken"))
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Initial capacity of a response's body, in bytes. Most bodies fit, and a buffer that grows is copied.
const BODY_CAPACITY: usize = 512;

/// Initial capacity of a response's headers, with room for those that layers around the service add.
const HEADER_CAPACITY: usize = 12;

impl<T: Serialize + Send + Sync + 'static> IntoResponse for Body<T> {
    fn into_response(self) -> Response {
        let mut json = Vec::with_capacity(BODY_CAPACITY);
        match serde_json::to_writer(&mut json, &self.0) {
            Ok(()) => {
                let mut response = Response::new(HttpBody::from(json));
                let headers = response.headers_mut();
                headers.reserve(HEADER_CAPACITY);
                headers.insert(header::CONTENT_TYPE, JSON);
                response.extensions_mut().insert(Typed::new(self.0));
                response
            }
            Err(error) => {
                tracing::error!("the response can't be written as JSON: {error}");
                Problem::internal().of_library().into_response()
            }
        }
    }
}
