//! Answers on their way out, checked against the document.
//!
//! A whole body is checked before its first byte leaves; what breaks the document becomes a 500 and a line
//! in the log. A streamed JSON array, lines of JSON and CSV are checked item by item as they pass, in constant
//! memory. Their head waits for the first item, or for the end: a stream that fails before it is a 500. Later the
//! status has left already, so a broken item ends the stream and the client sees that it is
//! incomplete. Other streams that the document describes are held back until they are whole.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::ready, stream};

use crate::{
    http::hooks::Report,
    operation::{
        Check, Operation, ResponseValidation, SequenceCheck,
        splitter::{Item, Splitter},
    },
    problem::{Problem, Violation},
    schema::typed::{ItemCheck, Typed},
};

/// A streamed answer that is checked as a whole may be this long, in bytes.
const MAX_WHOLE: usize = 16 * 1024 * 1024;

/// Checks an answer; what breaks the document is reported.
///
/// # Errors
/// If it does not leave: in the mode [`ResponseValidation::Enforce`] because it breaks the document, in any because its body
/// can't be read.
pub(crate) async fn check(
    operation: &Operation,
    response: Response,
    mode: ResponseValidation,
    report: Report,
) -> Result<Response, Problem> {
    let (head, body) = response.into_parts();
    let told = |violations: &[Violation]| {
        report.violations(violations);
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
                told(&violations)?;
                return Ok(Response::from_parts(head, body));
            }
        }
    }
    let Some(items) = items else {
        let limit = if is_stream { MAX_WHOLE } else { usize::MAX };
        let body = read(operation, body, limit).await?;
        let result = operation.validate_response(head.status, &head.headers, &body);
        result.or_else(|violations| told(&violations))?;
        return Ok(Response::from_parts(head, Body::from(body)));
    };
    let Some(check) = head.extensions.get::<ItemCheck>() else {
        // In a box: other responses need not carry the room that this takes.
        let body = Box::pin(check_items(report, items, body, mode)).await?;
        return Ok(Response::from_parts(head, body));
    };
    let schema = Arc::clone(&items.schema);
    let by_json = move |json: &[u8]| {
        let result = check_item(&report, &items, Item::Json(json));
        result.or_else(|message| ended(mode, message))
    };
    check.set(schema, Box::new(by_json));
    Ok(Response::from_parts(head, body))
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

/// Waits for the first item of [`Items`](crate::Items), or for their end, before the head of the response leaves.
///
/// # Errors
/// If there is an error before the first item. The stream has logged the reason.
pub(crate) async fn begin(response: Response) -> Result<Response, Problem> {
    let (head, body) = response.into_parts();
    let mut chunks = body.into_data_stream();
    let first = chunks.next().await;
    let first = first.transpose().map_err(|_logged| Problem::internal())?;
    let chunks = stream::iter(first.map(Ok)).chain(chunks);
    Ok(Response::from_parts(head, Body::from_stream(chunks)))
}

/// Whether this is a response of [`Items`](crate::Items). Whole bodies, which are most, are not searched for the mark.
pub(crate) fn is_items(response: &Response) -> bool {
    response.body().size_hint().exact().is_none()
        && response.extensions().get::<ItemCheck>().is_some()
}

/// Returns the body's chunks as they are, until an item breaks the schema. Chunks before the first item, such as the
/// header of CSV, are held back until that item is checked.
///
/// # Errors
/// If there is an error before the first item.
async fn check_items(
    report: Report,
    items: SequenceCheck,
    body: Body,
    mode: ResponseValidation,
) -> Result<Body, Problem> {
    let mut splitter = Some(Splitter::new(&items.sequence, items.charset));
    let mut has_begun = false;
    // `None` stands for the end, which must be that of the sequence.
    let chunks = body.into_data_stream().map_err(|error| error.to_string());
    let chunks = chunks.map_ok(Some).chain(stream::once(ready(Ok(None))));
    let checked = chunks.map(move |chunk| {
        let chunk: Option<Bytes> = chunk.inspect_err(|error| {
            let operation_id = &*report.operation_id;
            tracing::error!(operation_id, "a streamed answer ended early: {error}");
        })?;
        let mut is_reported = false;
        let check = |item: Item<'_>| {
            has_begun = true;
            let result = check_item(&report, &items, item);
            is_reported = result.is_err();
            result
        };
        let result = match (&mut splitter, &chunk) {
            (Some(splitter), Some(chunk)) => splitter.feed(chunk, check),
            (Some(splitter), None) => splitter.finish(check),
            (None, _) => Ok(()),
        };
        let result = result.or_else(|message| {
            // After the first fault nobody can tell where the next item begins.
            splitter = None;
            has_begun = true;
            if !is_reported {
                report.violations(&[Violation::of_body("sequence", message.clone())]);
            }
            ended(mode, message)
        });
        result.map(|()| (chunk.unwrap_or_default(), has_begun))
    });
    // After an error nothing more may follow, not even the end.
    let checked = checked.scan(false, |failed, chunk| {
        let before = std::mem::replace(failed, chunk.is_err());
        ready((!before).then_some(chunk))
    });
    let mut checked = Box::pin(checked);
    let mut held = Vec::new();
    while let Some(chunk) = checked.next().await {
        let (chunk, has_begun) = chunk.map_err(|_logged| Problem::internal())?;
        held.push(Ok(chunk));
        if has_begun {
            break;
        }
    }
    let chunks = stream::iter(held).chain(checked.map_ok(|(chunk, _)| chunk));
    Ok(Body::from_stream(
        chunks.try_filter(|chunk| ready(!chunk.is_empty())),
    ))
}

/// Checks one item; what is wrong with it is reported.
fn check_item(report: &Report, items: &SequenceCheck, item: Item<'_>) -> Result<(), String> {
    items.check(item).map_err(|violations| {
        report.violations(&violations);
        "the answer breaks the document".to_owned()
    })
}

/// Whether a stream ends with a fault in it.
fn ended(mode: ResponseValidation, message: String) -> Result<(), String> {
    match mode {
        ResponseValidation::Enforce => Err(message),
        ResponseValidation::Off | ResponseValidation::Log => Ok(()),
    }
}
