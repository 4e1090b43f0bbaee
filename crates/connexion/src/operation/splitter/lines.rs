//! Splits lines of JSON (<https://github.com/ndjson/ndjson-spec>). Empty lines are ignored; the last line may end without a
//! newline.

use super::{MAX_ITEM, too_long};

#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The start of a line, from earlier chunks.
    pending: Vec<u8>,
}

impl Lines {
    pub(super) fn feed(
        &mut self,
        chunk: &[u8],
        mut item: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut parts = chunk.split(|byte| *byte == b'\n');
        // The start of the next line; may be empty.
        let rest = parts.next_back().unwrap_or_default();
        for part in parts {
            if self.pending.is_empty() {
                line(part, &mut item)?;
            } else {
                self.pending.extend_from_slice(part);
                line(&self.pending, &mut item)?;
                self.pending.clear();
            }
        }
        self.pending.extend_from_slice(rest);
        if self.pending.len() > MAX_ITEM {
            return Err(too_long());
        }
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        mut item: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        line(&std::mem::take(&mut self.pending), &mut item)
    }
}

fn line(text: &[u8], item: &mut impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), String> {
    if text.trim_ascii().is_empty() {
        Ok(())
    } else {
        item(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn lines_are_found_in_chunks_of_any_size() {
        for text in [
            "{\"a\": 1}\n\n \n[2]\r\n\"three\"\n",
            "\n{\"a\": 1}\n[2]\n\"three\"",
        ] {
            for size in 1..=text.len() {
                let (mut lines, mut found) = (Lines::default(), Vec::new());
                let mut keep = |item: &[u8]| {
                    found.push(String::from_utf8_lossy(item).trim().to_owned());
                    Ok(())
                };
                for chunk in text.as_bytes().chunks(size) {
                    lines.feed(chunk, &mut keep).unwrap();
                }
                lines.finish(&mut keep).unwrap();
                assert_eq!(
                    found,
                    ["{\"a\": 1}", "[2]", "\"three\""],
                    "in chunks of {size}"
                );
            }
        }
    }
}
