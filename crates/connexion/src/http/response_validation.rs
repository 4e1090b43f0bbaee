//! Validates responses against the document.
//!
//! A body of known length is validated before its first byte is sent; an invalid one becomes a 500 and a line in the log.
//! Streamed JSON arrays, JSON lines and CSV are validated item by item while they are sent, in constant memory. Their head
//! is sent with the first item, or with the end if there is none, so an error before the first item is still a 500. After
//! that the status has been sent, so an invalid item ends the stream and the client sees that it is incomplete. Other
//! described streams are buffered and validated as a whole.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::ready, stream};

use crate::{
    http::hooks::ViolationReporter,
    operation::{
        Check, Operation, ResponseValidation, SequenceCheck,
        splitter::{Item, Splitter},
    },
    problem::{Problem, Violation},
    schema::typed::{ItemCheck, Typed},
};

/// Maximum length of a streamed response that is validated as a whole, in bytes.
const MAX_WHOLE: usize = 16 * 1024 * 1024;

/// Validates a response and reports its violations.
///
/// # Errors
/// If the response violates the document and the mode is [`ResponseValidation::Enforce`], or if its body can't be read.
pub(crate) async fn validate(
    operation: &Operation,
    response: Response,
    mode: ResponseValidation,
    reporter: ViolationReporter,
) -> Result<Response, Problem> {
    let (head, body) = response.into_parts();
    let reject = |violations: &[Violation]| {
        reporter.report(violations);
        match mode {
            ResponseValidation::Enforce => Err(Problem::internal()),
            ResponseValidation::Off | ResponseValidation::Log => Ok(()),
        }
    };
    if let Some(typed) = head.extensions.get::<Typed>()
        && operation.validate_typed(head.status, &head.headers, typed)
    {
        return Ok(Response::from_parts(head, body));
    }
    let is_stream = body.size_hint().exact().is_none();
    let mut items = None;
    if is_stream {
        match operation.validate_stream(head.status, &head.headers) {
            Ok(Check::Items(found)) => items = Some(found),
            Ok(Check::Whole(_) | Check::Decoded(..)) if mode == ResponseValidation::Enforce => {}
            Ok(_) => return Ok(Response::from_parts(head, body)),
            Err(violations) => {
                reject(&violations)?;
                return Ok(Response::from_parts(head, body));
            }
        }
    }
    let Some(items) = items else {
        let limit = if is_stream { MAX_WHOLE } else { usize::MAX };
        let body = read_whole(operation, body, limit).await?;
        let result = operation.validate_response(head.status, &head.headers, &body);
        result.or_else(|violations| reject(&violations))?;
        return Ok(Response::from_parts(head, Body::from(body)));
    };
    let Some(check) = head.extensions.get::<ItemCheck>() else {
        // Boxed, so that the futures of other responses stay small.
        let body = Box::pin(validate_items(reporter, items, body, mode)).await?;
        return Ok(Response::from_parts(head, body));
    };
    let schema = Arc::clone(&items.schema);
    let by_json = move |json: &[u8]| {
        let result = validate_item(&reporter, &items, Item::Json(json));
        result.or_else(|message| end_stream(mode, message))
    };
    check.set(schema, Box::new(by_json));
    Ok(Response::from_parts(head, body))
}

async fn read_whole(operation: &Operation, body: Body, limit: usize) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let operation_id = operation.id();
        tracing::error!(
            operation_id,
            "the response can't be read to be validated: {error}"
        );
        Problem::internal()
    })
}

/// Waits for the first item of [`Items`](crate::Items), or for their end, before the head of the response is sent.
///
/// # Errors
/// If there is an error before the first item. The stream has logged the reason.
pub(crate) async fn await_first_item(response: Response) -> Result<Response, Problem> {
    let (head, body) = response.into_parts();
    let mut chunks = body.into_data_stream();
    let first = chunks.next().await;
    let first = first.transpose().map_err(|_logged| Problem::internal())?;
    let chunks = stream::iter(first.map(Ok)).chain(chunks);
    Ok(Response::from_parts(head, Body::from_stream(chunks)))
}

/// Returns whether this is a response of [`Items`](crate::Items). The extensions of a body of known length are not searched.
pub(crate) fn is_items(response: &Response) -> bool {
    response.body().size_hint().exact().is_none()
        && response.extensions().get::<ItemCheck>().is_some()
}

/// Returns the body's chunks unchanged, until an item violates the schema.
///
/// Chunks before the first item, such as the header of CSV, are held back until that item is validated.
///
/// # Errors
/// If there is an error before the first item.
async fn validate_items(
    reporter: ViolationReporter,
    items: SequenceCheck,
    body: Body,
    mode: ResponseValidation,
) -> Result<Body, Problem> {
    let mut splitter = Some(Splitter::new(&items.sequence, items.charset));
    let mut has_started = false;
    // `None` is the end of the body, which must also be the end of the sequence.
    let chunks = body.into_data_stream().map_err(|error| error.to_string());
    let chunks = chunks.map_ok(Some).chain(stream::once(ready(Ok(None))));
    let checked = chunks.map(move |chunk| {
        let chunk: Option<Bytes> = chunk.inspect_err(|error| {
            let operation_id = &*reporter.operation_id;
            tracing::error!(operation_id, "a streamed response ended early: {error}");
        })?;
        let mut is_reported = false;
        let check = |item: Item<'_>| {
            has_started = true;
            let result = validate_item(&reporter, &items, item);
            is_reported = result.is_err();
            result
        };
        let result = match (&mut splitter, &chunk) {
            (Some(splitter), Some(chunk)) => splitter.feed(chunk, check),
            (Some(splitter), None) => splitter.finish(check),
            (None, _) => Ok(()),
        };
        let result = result.or_else(|message| {
            // After the first violation the start of the next item is unknown.
            splitter = None;
            has_started = true;
            if !is_reported {
                reporter.report(&[Violation::of_body("sequence", message.clone())]);
            }
            end_stream(mode, message)
        });
        result.map(|()| (chunk.unwrap_or_default(), has_started))
    });
    // Nothing may follow an error, not even the end.
    let checked = checked.scan(false, |failed, chunk| {
        let before = std::mem::replace(failed, chunk.is_err());
        ready((!before).then_some(chunk))
    });
    let mut checked = Box::pin(checked);
    let mut held = Vec::new();
    while let Some(chunk) = checked.next().await {
        let (chunk, has_started) = chunk.map_err(|_logged| Problem::internal())?;
        held.push(Ok(chunk));
        if has_started {
            break;
        }
    }
    let chunks = stream::iter(held).chain(checked.map_ok(|(chunk, _)| chunk));
    Ok(Body::from_stream(
        chunks.try_filter(|chunk| ready(!chunk.is_empty())),
    ))
}

/// Validates one item and reports its violations.
fn validate_item(
    reporter: &ViolationReporter,
    items: &SequenceCheck,
    item: Item<'_>,
) -> Result<(), String> {
    items.check(item).map_err(|violations| {
        reporter.report(&violations);
        "the response violates the document".to_owned()
    })
}

/// Ends a stream with this error if responses are enforced; otherwise the stream continues.
fn end_stream(mode: ResponseValidation, message: String) -> Result<(), String> {
    match mode {
        ResponseValidation::Enforce => Err(message),
        ResponseValidation::Off | ResponseValidation::Log => Ok(()),
    }
}
