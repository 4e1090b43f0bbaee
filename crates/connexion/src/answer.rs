//! Answers on their way out, checked against the document.
//!
//! A whole body is checked before its first byte leaves; what breaks the document becomes a 500 and a line
//! in the log. A streamed JSON array is checked item by item as it passes, in constant memory; there the
//! status has left already, so a broken item ends the stream and the client sees that it is incomplete.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::Value;

use crate::{
    operation::Operation,
    problem::{Problem, Violation},
    schema::Schema,
    typed::{ItemCheck, Typed},
};

/// An item of a streamed array may be this long, in bytes.
const MAX_ITEM: usize = 16 * 1024 * 1024;

/// Lets an answer pass if the document allows it.
pub(crate) async fn check(operation: &Operation, response: Response) -> Response {
    let (head, body) = response.into_parts();
    if body.size_hint().exact().is_none() {
        return match operation.validate_stream(head.status, &head.headers) {
            Ok(Some(items)) => {
                let id = operation.id().to_owned();
                let body = match head.extensions.get::<ItemCheck>() {
                    Some(check) => {
                        let schema = Arc::clone(&items);
                        check.set(schema, Box::new(move |json| check_item(&id, &items, json)));
                        body
                    }
                    None => check_items(id, items, body),
                };
                Response::from_parts(head, body)
            }
            Ok(None) => Response::from_parts(head, body),
            Err(violations) => refuse(operation, &violations),
        };
    }
    if let Some(typed) = head.extensions.get::<Typed>()
        && operation.validate_typed(head.status, &head.headers, typed)
    {
        return Response::from_parts(head, body);
    }
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return refuse(operation, &[]);
    };
    match operation.validate_response(head.status, &head.headers, &body) {
        Ok(()) => Response::from_parts(head, Body::from(body)),
        Err(violations) => refuse(operation, &violations),
    }
}

fn refuse(operation: &Operation, violations: &[Violation]) -> Response {
    log(operation.id(), violations);
    Problem::internal().into_response()
}

fn log(operation_id: &str, violations: &[Violation]) {
    for violation in violations {
        let Violation {
            name,
            keyword,
            detail,
            ..
        } = violation;
        tracing::error!(operation_id, %name, %keyword, "the answer breaks the document: {detail}");
    }
}

/// The body's chunks as they are, until an item breaks the schema.
fn check_items(operation_id: String, items: Arc<Schema>, body: Body) -> Body {
    let mut splitter = Splitter::default();
    let chunks = body.into_data_stream().map(move |chunk| {
        let chunk: Bytes = chunk.map_err(|error| error.to_string())?;
        splitter.feed(&chunk, |item| check_item(&operation_id, &items, item))?;
        Ok::<_, String>(chunk)
    });
    Body::from_stream(chunks)
}

/// Checks the JSON of one item; what is wrong with it goes to the log.
fn check_item(operation_id: &str, items: &Schema, json: &[u8]) -> Result<(), String> {
    let violations = violations(items, json);
    log(operation_id, &violations);
    if violations.is_empty() {
        Ok(())
    } else {
        Err("the answer breaks the document".to_owned())
    }
}

fn violations(items: &Schema, item: &[u8]) -> Vec<Violation> {
    match serde_json::from_slice::<Value>(item) {
        Ok(value) if items.is_valid(&value) => Vec::new(),
        Ok(value) => items.body_violations(&value, &String::from_utf8_lossy(item)),
        Err(error) => {
            let detail = format!("an item is not valid JSON: {error}");
            vec![Violation {
                location: crate::In::Body,
                name: String::new(),
                keyword: "json".into(),
                detail,
            }]
        }
    }
}

/// Finds the items of a JSON array in chunks of its text.
#[derive(Debug, Default)]
struct Splitter {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The part of an item that stood at the end of earlier chunks.
    begun: Vec<u8>,
}

impl Splitter {
    /// Gives every item that ends in `chunk` to `item`.
    fn feed(
        &mut self,
        chunk: &[u8],
        mut item: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut start = 0;
        for (i, byte) in chunk.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'[' | b'{' => {
                    self.depth += 1;
                    if self.depth == 1 {
                        start = i + 1;
                    }
                }
                b']' | b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        self.end(chunk.get(start..i), &mut item)?;
                        start = i + 1;
                    }
                }
                b',' if self.depth == 1 => {
                    self.end(chunk.get(start..i), &mut item)?;
                    start = i + 1;
                }
                _ => {}
            }
        }
        if self.depth > 0 {
            self.begun
                .extend_from_slice(chunk.get(start..).unwrap_or_default());
        }
        if self.begun.len() > MAX_ITEM {
            Err("an item of the answer is too long".to_owned())
        } else {
            Ok(())
        }
    }

    fn end(
        &mut self,
        rest: Option<&[u8]>,
        item: &mut impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let rest = rest.unwrap_or_default();
        let whole = if self.begun.is_empty() {
            rest
        } else {
            self.begun.extend_from_slice(rest);
            &self.begun
        };
        // `[]` has no item.
        let result = if whole.trim_ascii().is_empty() {
            Ok(())
        } else {
            item(whole)
        };
        self.begun.clear();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::Splitter;

    #[test]
    fn items_are_found_however_the_text_is_cut() {
        let text = r#" [ {"a": "],\"[{", "b": [1, 2]}, 3 ,"x,y", [[],{}] ] "#;
        let expected = [
            r#"{"a": "],\"[{", "b": [1, 2]}"#,
            "3",
            r#""x,y""#,
            "[[],{}]",
        ];
        for size in 1..=text.len() {
            let mut splitter = Splitter::default();
            let mut found = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                let keep = |item: &[u8]| {
                    found.push(String::from_utf8_lossy(item).trim().to_owned());
                    Ok(())
                };
                splitter.feed(chunk, keep).unwrap();
            }
            assert_eq!(found, expected, "in chunks of {size}");
        }
    }

    #[test]
    fn an_empty_array_has_no_items() {
        let found = Splitter::default().feed(b"[ ]", |_| Err("an item".to_owned()));
        assert_eq!(found, Ok(()));
    }
}
