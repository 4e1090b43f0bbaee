//! Answers on their way out, checked against the document.
//!
//! A whole body is checked before its first byte leaves; what breaks the document becomes a 500 and a line
//! in the log. A streamed JSON array is checked item by item as it passes, in constant memory; there the
//! status has left already, so a broken item ends the stream and the client sees that it is incomplete. Other
//! streams that the document describes are held back until they are whole.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::ready, stream};

use crate::{
    operation::{Check, Operation},
    problem::{Problem, Violation},
    schema::Schema,
    splitter::Splitter,
    typed::{ItemCheck, Typed},
};

/// A streamed answer that is checked as a whole may be this long, in bytes.
const MAX_WHOLE: usize = 16 * 1024 * 1024;

/// Of the faults of one answer so many are logged.
const MAX_LOGGED: usize = 10;

/// What happens to an answer that breaks the document; see [`Api::responses`](crate::Api::responses).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Responses {
    /// Answers are not looked at.
    Off,
    /// It is sent as it is, and what is wrong is logged. Of streams the items are looked at as they pass;
    /// other streams are not.
    Log,
    /// It becomes a 500, or a stream that ends early, and what is wrong is logged.
    #[default]
    Enforce,
}

/// Lets an answer pass as it is; what the document does not allow is logged.
///
/// # Errors
/// If its body can't be read.
pub(crate) async fn observe(
    operation: &Operation,
    response: Response,
) -> Result<Response, Problem> {
    let (head, body) = response.into_parts();
    let id = operation.id().to_owned();
    if let Some(typed) = head.extensions.get::<Typed>()
        && operation.validate_typed(head.status, &head.headers, typed)
    {
        return Ok(Response::from_parts(head, body));
    }
    if body.size_hint().exact().is_some() {
        let body = read(operation, body, usize::MAX).await?;
        let result = operation.validate_response(head.status, &head.headers, &body);
        result.unwrap_or_else(|violations| log(&id, &violations));
        return Ok(Response::from_parts(head, Body::from(body)));
    }
    let item = match operation.validate_stream(head.status, &head.headers) {
        Ok(Check::Items { item, .. }) => item,
        Ok(_) => return Ok(Response::from_parts(head, body)),
        Err(violations) => {
            log(&id, &violations);
            return Ok(Response::from_parts(head, body));
        }
    };
    if let Some(check) = head.extensions.get::<ItemCheck>() {
        let by_json = Arc::clone(&item);
        let look = move |json: &[u8]| {
            // It is in the log now, and that is all.
            let _ = check_item(&id, &by_json, json);
            Ok(())
        };
        check.set(item, Box::new(look));
        return Ok(Response::from_parts(head, body));
    }
    // After the first fault nobody can tell where the next item begins.
    let mut splitter = Some(Splitter::default());
    let chunks = body.into_data_stream().map_ok(move |chunk| {
        let check = |text: &[u8]| check_item(&id, &item, text);
        if let Some(one) = &mut splitter
            && one.feed(&chunk, check).is_err()
        {
            splitter = None;
        }
        chunk
    });
    Ok(Response::from_parts(head, Body::from_stream(chunks)))
}

async fn read(operation: &Operation, body: Body, limit: usize) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let operation_id = operation.id();
        tracing::error!(
            operation_id,
            "the answer can't be read to be checked: {error}"
        );
        Problem::internal()
    })
}

/// Lets an answer pass if the document allows it.
///
/// # Errors
/// If not; the reason is in the log.
pub(crate) async fn check(operation: &Operation, response: Response) -> Result<Response, Problem> {
    let (head, body) = response.into_parts();
    let refuse = |violations: Vec<Violation>| {
        log(operation.id(), &violations);
        Problem::internal()
    };
    if let Some(typed) = head.extensions.get::<Typed>()
        && operation.validate_typed(head.status, &head.headers, typed)
    {
        return Ok(Response::from_parts(head, body));
    }
    let limit = if body.size_hint().exact().is_some() {
        usize::MAX
    } else {
        match operation
            .validate_stream(head.status, &head.headers)
            .map_err(refuse)?
        {
            Check::Nothing => return Ok(Response::from_parts(head, body)),
            Check::Items { item, .. } => {
                let id = operation.id().to_owned();
                let Some(check) = head.extensions.get::<ItemCheck>() else {
                    return Ok(Response::from_parts(head, check_items(id, item, body)));
                };
                let by_json = Arc::clone(&item);
                check.set(item, Box::new(move |json| check_item(&id, &by_json, json)));
                return Ok(Response::from_parts(head, body));
            }
            Check::Whole(_) => MAX_WHOLE,
        }
    };
    let body = read(operation, body, limit).await?;
    operation
        .validate_response(head.status, &head.headers, &body)
        .map_err(refuse)?;
    Ok(Response::from_parts(head, Body::from(body)))
}

fn log(operation_id: &str, violations: &[Violation]) {
    for violation in violations.iter().take(MAX_LOGGED) {
        let Violation {
            name,
            pointer,
            keyword,
            detail,
            ..
        } = violation;
        tracing::error!(operation_id, %name, %pointer, %keyword, "the answer breaks the document: {detail}");
    }
}

/// The body's chunks as they are, until an item breaks the schema.
fn check_items(operation_id: String, item: Arc<Schema>, body: Body) -> Body {
    let mut splitter = Splitter::default();
    // `None` stands for the end, which must be that of the array.
    let chunks = body.into_data_stream().map_err(|error| error.to_string());
    let chunks = chunks.map_ok(Some).chain(stream::once(ready(Ok(None))));
    let checked = chunks.map(move |chunk| {
        let chunk: Option<Bytes> = chunk?;
        let check = |text: &[u8]| check_item(&operation_id, &item, text);
        let result = match &chunk {
            Some(chunk) => splitter.feed(chunk, check),
            None => splitter.finish(),
        };
        if let Err(message) = &result {
            tracing::error!(operation_id, "a streamed answer ended early: {message}");
        }
        result.map(|()| chunk.unwrap_or_default())
    });
    // After an error nothing more may follow, not even the end.
    let checked = checked.scan(false, |failed, chunk| {
        let before = std::mem::replace(failed, chunk.is_err());
        ready((!before).then_some(chunk))
    });
    Body::from_stream(checked.try_filter(|chunk| ready(!chunk.is_empty())))
}

/// Checks the JSON of one item; what is wrong with it goes to the log.
fn check_item(operation_id: &str, items: &Schema, json: &[u8]) -> Result<(), String> {
    items.check_json(json).map_err(|violations| {
        log(operation_id, &violations);
        "the answer breaks the document".to_owned()
    })
}
