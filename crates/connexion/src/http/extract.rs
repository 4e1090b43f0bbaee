//! How a handler reads what was validated and writes its answer: [`Params`], [`Body`], [`Items`].

mod read;

use std::{
    any::{Any, type_name},
    convert::Infallible,
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Extension,
    body::Body as HttpBody,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream::BoxStream};
use http::{Extensions, HeaderValue, StatusCode, header, request::Parts};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use self::read::{Unreadable, read};
use crate::{
    document::node::push,
    operation::{Operation, ValidatedRequest, accept::Accept},
    problem::Problem,
    schema::typed::{ItemCheck, Typed},
};

/// A chunk of a streamed answer leaves when it has this many bytes, or earlier if nothing more is ready.
const CHUNK: usize = 16 * 1024;

/// What a request said, on its way from validation to the handler: one extension, since each takes time.
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

/// Takes out of a request what a handler reads of it.
fn take<V>(extensions: &mut Extensions, of: impl Fn(&mut ValidatedRequest) -> V) -> Option<V> {
    let validated = extensions.get_mut::<Validated>();
    validated.map(|validated| of(&mut validated.input))
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
/// If parameters of several places have the same name, their places are put before it: `path.id`, `query.id`.
///
/// Values that are valid by the document but can't be read as a `T` are an error of the program: the response is 500, and
/// the log says why ([`ArgumentError`]). [`Api::build`](crate::Api::build) tries that before the first request. A handler
/// can take the parameters only once.
#[derive(Clone, Copy, Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned + 'static, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ArgumentError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ArgumentError> {
        let values = take(&mut parts.extensions, |input| {
            mem::take(&mut input.parameters)
        });
        let values = values.unwrap_or_default();
        same(values)
            .or_else(|values| read(Value::Object(values)))
            .map(Self)
            .map_err(|error| ArgumentError::new::<T>(parts, false, error))
    }
}

/// The `operationId` of the operation that a request is for; of use to a handler of several.
///
/// It is also an extension of the answer, for whoever observes the service.
///
/// ```
/// async fn echo(id: connexion::OperationId) -> String {
///     format!("This is {}.", id.as_str())
/// }
/// ```
///
/// Of an operation without one it is its method and path, such as `get /people`; of a request that did not come through
/// an [`ApiService`](crate::ApiService) it is empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OperationId(Option<Arc<str>>);

impl OperationId {
    pub(crate) fn new(id: Arc<str>) -> Self {
        Self(Some(id))
    }

    /// The name itself.
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

/// The operation that a request is for: its method, path template, parameters, security and extensions (`x-…`), so that
/// one handler can serve several and do what the document says.
///
/// ```
/// # use connexion::{Api, CurrentOperation, Document};
/// # use http::StatusCode;
/// /// Answers with the example that the document has under `x-mock`.
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
/// A request that did not come through an [`ApiService`](crate::ApiService) has none: taking it is then answered with
/// 500. Cheap to clone.
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

/// The body of a request, or of a handler's answer, which is JSON.
///
/// A request's may also be a text, read as a string, or a form, read as an object; the files of a form are
/// read by `Files`. Bodies of other types are a [`ByteStream`](crate::ByteStream).
///
/// A body that is valid by the document but can't be read as a `T` is an error of the program: the response is 500, and
/// the log says why ([`ArgumentError`]). [`Api::build`](crate::Api::build) tries that before the first request. An absent
/// optional body reads as `null`; it is `None` as an `Option<Body<T>>`. Of an operation without `requestBody` a body is not read at all.
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
/// As an answer its status is 200; `(StatusCode::CREATED, Body(…))` has another. A value that can't be written as JSON,
/// such as a map whose keys are lists, is answered with 500.
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static, S: Sync> FromRequestParts<S> for Body<T> {
    type Rejection = ArgumentError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ArgumentError> {
        let value = take(&mut parts.extensions, |input| input.body.take());
        Self::of(value.flatten().unwrap_or_default(), parts)
    }
}

/// `None` if there is no body.
impl<T: DeserializeOwned + 'static, S: Sync> OptionalFromRequestParts<S> for Body<T> {
    type Rejection = ArgumentError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ArgumentError> {
        let value = take(&mut parts.extensions, |input| input.body.take()).flatten();
        value.map(|value| Self::of(value, parts)).transpose()
    }
}

impl<T: DeserializeOwned + 'static> Body<T> {
    fn of(value: Value, parts: &Parts) -> Result<Self, ArgumentError> {
        same(value)
            .or_else(read)
            .map(Self)
            .map_err(|error| ArgumentError::new::<T>(parts, true, error))
    }
}

/// Says why a handler's type can't read what the document allows: the type and the document disagree.
///
/// As a response it is a 500 that tells the client nothing, and a line in the log with the operation, the type and the
/// JSON Pointer of the location. But for a number beyond 64 bits it is a 400: a document that says `integer` allows any, and
/// hardly a type can read it.
///
/// ```
/// # use connexion::{ArgumentError, Params};
/// # #[derive(serde::Deserialize)]
/// # struct Greeting { name: String }
/// async fn greet(greeting: Result<Params<Greeting>, ArgumentError>) -> String {
///     match greeting {
///         Ok(Params(Greeting { name })) => format!("Hello {name}"),
///         Err(error) => error.to_string(),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ArgumentError {
    operation: Arc<str>,
    /// The name of the type that reads.
    pub(crate) type_name: &'static str,
    /// Whether it is the body that can't be read; otherwise it is the parameters.
    pub(crate) is_body: bool,
    pointer: String,
    message: String,
    /// Whether it is a number beyond 64 bits, which most types can't read.
    is_beyond: bool,
}

impl ArgumentError {
    fn new<T>(parts: &Parts, is_body: bool, error: Unreadable) -> Self {
        let validated = parts.extensions.get::<Validated>();
        Self {
            operation: validated.map_or_else(|| "".into(), |one| one.operation.shared_id()),
            type_name: type_name::<T>(),
            is_body,
            pointer: error.pointer,
            message: error.message,
            is_beyond: error.is_beyond,
        }
    }

    /// Whether it is in the body, and the pointer to it; a field that is missed is pointed at as if it were there.
    pub(crate) fn location(&self) -> (bool, String) {
        let mut pointer = self.pointer.clone();
        let missing = self.message.strip_prefix("missing field `");
        if let Some(name) = missing.and_then(|rest| rest.strip_suffix('`')) {
            push(&mut pointer, name);
        }
        (self.is_body, pointer)
    }

    /// What is wrong, and where.
    pub(crate) fn reason(&self) -> String {
        if self.pointer.is_empty() {
            return self.message.clone();
        }
        format!("at `{}`: {}", self.pointer, self.message)
    }
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operation,
            type_name,
            ..
        } = self;
        let what = if self.is_body { "body" } else { "parameters" };
        let reason = self.reason();
        write!(
            f,
            "`{type_name}` can't read the valid {what} of a request for `{operation}`: {reason}"
        )
    }
}

impl std::error::Error for ArgumentError {}

impl IntoResponse for ArgumentError {
    fn into_response(self) -> Response {
        if self.is_beyond {
            let what = if self.is_body { "body" } else { "parameters" };
            let detail = format!(
                "The number at '{}' of the {what} is too large.",
                self.pointer
            );
            let problem = Problem::new(StatusCode::BAD_REQUEST, detail);
            return problem.of_library().into_response();
        }
        tracing::error!(
            operation_id = %self.operation,
            "type" = self.type_name,
            pointer = self.pointer,
            "{self}"
        );
        Problem::internal().of_library().into_response()
    }
}

/// The value itself if that is what the handler wants: to read it as what it is would build it anew.
fn same<V: 'static, T: 'static>(value: V) -> Result<T, V> {
    let mut value = Some(value);
    let wanted = (&mut value as &mut dyn Any).downcast_mut::<Option<T>>();
    wanted
        .and_then(Option::take)
        .ok_or_else(|| value.expect("it was not the wanted one, so it was not taken"))
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Most answers fit into so much, in bytes: what grows on the way is copied.
const USUAL_SIZE: usize = 512;

/// So many headers most answers have when they leave, with those of whoever serves them.
const USUAL_HEADERS: usize = 12;

impl<T: Serialize + Send + Sync + 'static> IntoResponse for Body<T> {
    fn into_response(self) -> Response {
        let mut json = Vec::with_capacity(USUAL_SIZE);
        match serde_json::to_writer(&mut json, &self.0) {
            Ok(()) => {
                let mut response = Response::new(HttpBody::from(json));
                let headers = response.headers_mut();
                headers.reserve(USUAL_HEADERS);
                headers.insert(header::CONTENT_TYPE, JSON);
                response.extensions_mut().insert(Typed::new(self.0));
                response
            }
            Err(error) => {
                tracing::error!("the answer can't be written as JSON: {error}");
                Problem::internal().of_library().into_response()
            }
        }
    }
}

/// A JSON array whose items are sent as they come, in constant memory.
///
/// The response begins with the first item, or with the end: an error before that is a 500. If the stream ends with an
/// error later, the connection is broken off, so that the client can't take what it got for the whole.
///
/// ```
/// # use connexion::Items;
/// # use serde::Serialize;
/// # #[derive(Serialize)]
/// # struct Row { id: u32 }
/// # fn rows() -> impl futures_util::Stream<Item = Result<Row, std::io::Error>> {
/// #     futures_util::stream::iter([Ok(Row { id: 1 })])
/// # }
/// async fn list() -> Items<Row, std::io::Error> {
///     Items::new(rows())
/// }
/// ```
///
/// An empty stream is `[]`. An item that breaks the document ends the stream, too, unless
/// [`ResponseValidation`](crate::ResponseValidation) says otherwise. An array of which the document says more than `type` and `items`,
/// such as `maxItems`, is held back until it is whole, and must not be longer than 16 MiB.
pub struct Items<T, E> {
    items: BoxStream<'static, Result<T, E>>,
    form: &'static Form,
}

/// How items become a text.
#[derive(Debug)]
struct Form {
    content_type: HeaderValue,
    before_first: &'static [u8],
    before_others: &'static [u8],
    after_each: &'static [u8],
    after_last: &'static [u8],
    /// The whole text if there are no items.
    empty: &'static [u8],
}

static ARRAY: Form = Form {
    content_type: JSON,
    before_first: b"[",
    before_others: b",",
    after_each: b"",
    after_last: b"]",
    empty: b"[]",
};

static LINES: Form = Form {
    content_type: HeaderValue::from_static("application/x-ndjson"),
    before_first: b"",
    before_others: b"",
    after_each: b"\n",
    after_last: b"",
    empty: b"",
};

impl<T, E> fmt::Debug for Items<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Items")
    }
}

impl<T, E> Items<T, E> {
    /// The items of `stream`.
    ///
    /// ```
    /// # use connexion::Items;
    /// # use axum::response::IntoResponse;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let numbers = futures_util::stream::iter([1, 2, 3].map(Ok::<_, std::io::Error>));
    /// let answer = Items::new(numbers).into_response();
    /// let body = axum::body::to_bytes(answer.into_body(), 1000).await?;
    /// assert_eq!(body, "[1,2,3]");
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(stream: impl Stream<Item = Result<T, E>> + Send + 'static) -> Self {
        let items = stream.boxed();
        Self {
            items,
            form: &ARRAY,
        }
    }

    /// The same as lines of JSON, `application/x-ndjson`: a text for each item, which a client can read as it comes.
    ///
    /// ```
    /// # use connexion::Items;
    /// # use axum::response::IntoResponse;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let numbers = futures_util::stream::iter([1, 2, 3].map(Ok::<_, std::io::Error>));
    /// let answer = Items::new(numbers).lines().into_response();
    /// let body = axum::body::to_bytes(answer.into_body(), 1000).await?;
    /// assert_eq!(body, "1\n2\n3\n");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn lines(self) -> Self {
        let form = &LINES;
        Self { form, ..self }
    }
}

impl<T, E> IntoResponse for Items<T, E>
where
    T: Serialize + 'static,
    E: fmt::Display + 'static,
{
    fn into_response(self) -> Response {
        let check = ItemCheck::default();
        let text = ItemsText {
            items: self.items,
            form: self.form,
            check: check.clone(),
            state: State::Start,
        };
        let content_type = [(header::CONTENT_TYPE, self.form.content_type.clone())];
        (content_type, Extension(check), HttpBody::from_stream(text)).into_response()
    }
}

/// The text of the items, in chunks.
struct ItemsText<T, E> {
    items: BoxStream<'static, Result<T, E>>,
    form: &'static Form,
    check: ItemCheck,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Start,
    Within,
    End,
}

impl<T: Serialize, E: fmt::Display> Stream for ItemsText<T, E> {
    type Item = Result<Bytes, String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.state == State::End {
            return Poll::Ready(None);
        }
        let mut chunk = Vec::with_capacity(CHUNK + CHUNK / 4);
        while chunk.len() < CHUNK {
            match self.items.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(item))) => {
                    chunk.extend_from_slice(if self.state == State::Start {
                        self.form.before_first
                    } else {
                        self.form.before_others
                    });
                    self.state = State::Within;
                    if let Err(error) = self.check.write(&item, &mut chunk) {
                        return self.fail(&error);
                    }
                    chunk.extend_from_slice(self.form.after_each);
                }
                Poll::Ready(Some(Err(error))) => return self.fail(&error),
                Poll::Ready(None) => {
                    chunk.extend_from_slice(if self.state == State::Start {
                        self.form.empty
                    } else {
                        self.form.after_last
                    });
                    self.state = State::End;
                    if chunk.is_empty() {
                        return Poll::Ready(None);
                    }
                    break;
                }
                Poll::Pending if chunk.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Some(Ok(chunk.into())))
    }
}

impl<T, E> ItemsText<T, E> {
    fn fail(&mut self, error: &dyn fmt::Display) -> Poll<Option<Result<Bytes, String>>> {
        self.state = State::End;
        tracing::error!("a streamed answer ended early: {error}");
        Poll::Ready(Some(Err(error.to_string())))
    }
}
