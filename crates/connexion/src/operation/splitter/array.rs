//! Splits a JSON array into items, without parsing these.
//!
//! Together with a check of each item, it accepts exactly the valid JSON arrays. Everything that it does not check, such as
//! matching brackets, is inside an item.

use super::{MAX_ITEM, too_long};

#[derive(Debug, Default)]
pub(crate) struct Array {
    state: State,
    /// The number of open brackets inside the item.
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// True after the end of the first item.
    has_items: bool,
    /// The start of an item, from earlier chunks.
    pending: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Before,
    Within,
    After,
}

impl Array {
    pub(super) fn feed(
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
            match (self.state, byte) {
                (State::Before, b'[') => {
                    self.state = State::Within;
                    start = i + 1;
                }
                (State::Before | State::After, byte) if is_space(*byte) => {}
                (State::Before | State::After, _) => {
                    return Err("the response is not a JSON array".to_owned());
                }
                (State::Within, b'"') => self.in_string = true,
                (State::Within, b'[' | b'{') => self.depth += 1,
                (State::Within, b']' | b'}') if self.depth > 0 => self.depth -= 1,
                (State::Within, b']') => {
                    self.end(chunk.get(start..i), true, &mut item)?;
                    self.state = State::After;
                }
                (State::Within, b',') if self.depth == 0 => {
                    self.end(chunk.get(start..i), false, &mut item)?;
                    start = i + 1;
                }
                (State::Within, _) => {}
            }
        }
        if self.state == State::Within {
            self.pending
                .extend_from_slice(chunk.get(start..).unwrap_or_default());
        }
        if self.pending.len() > MAX_ITEM {
            Err(too_long())
        } else {
            Ok(())
        }
    }

    pub(super) fn finish(&self) -> Result<(), String> {
        if self.state == State::After {
            Ok(())
        } else {
            Err("the response ends before its JSON array does".to_owned())
        }
    }

    fn end(
        &mut self,
        rest: Option<&[u8]>,
        is_last: bool,
        item: &mut impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let rest = rest.unwrap_or_default();
        let whole = if self.pending.is_empty() {
            rest
        } else {
            self.pending.extend_from_slice(rest);
            &self.pending
        };
        // `[]` has no item. Everywhere else an empty item is invalid.
        let is_empty_array = is_last && !self.has_items && whole.iter().all(|byte| is_space(*byte));
        let result = if is_empty_array { Ok(()) } else { item(whole) };
        self.has_items = true;
        self.pending.clear();
        result
    }
}

/// Returns whether a byte is JSON whitespace (RFC 8259, section 2).
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::Array;

    #[test]
    fn items_are_found_in_chunks_of_any_size() {
        let text = r#" [ {"a": "],\"[{", "b": [1, 2]}, 3 ,"x,y", [[],{}] ] "#;
        let expected = [
            r#"{"a": "],\"[{", "b": [1, 2]}"#,
            "3",
            r#""x,y""#,
            "[[],{}]",
        ];
        for size in 1..=text.len() {
            let mut array = Array::default();
            let mut found = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                let keep = |item: &[u8]| {
                    found.push(String::from_utf8_lossy(item).trim().to_owned());
                    Ok(())
                };
                array.feed(chunk, keep).unwrap();
            }
            assert_eq!(found, expected, "in chunks of {size}");
        }
    }

    #[test]
    fn an_empty_array_has_no_items() {
        let mut array = Array::default();
        let found = array.feed(b"[ ]", |_| Err("an item".to_owned()));
        assert_eq!((found, array.finish()), (Ok(()), Ok(())));
    }

    #[test]
    fn invalid_arrays_are_rejected() {
        for text in [
            "", " ", "[", "[1", "[1,", "[1}", "1", "{}", "null", "[] 1", "[]]", "[1,]", "[,]",
            "[1,,2]", "[\x0c]",
        ] {
            let mut array = Array::default();
            let is_json = |item: &[u8]| {
                let item = serde_json::from_slice::<serde::de::IgnoredAny>(item);
                item.map(drop).map_err(|error| error.to_string())
            };
            let found = array.feed(text.as_bytes(), is_json);
            assert!(found.and(array.finish()).is_err(), "{text}");
        }
    }
}
