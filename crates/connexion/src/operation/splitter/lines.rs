//! Lines of JSON (<https://github.com/ndjson/ndjson-spec>). Empty ones are passed over; the last need not be ended.

use super::{MAX_ITEM, too_long};

#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The part of a line that stood at the end of earlier chunks.
    begun: Vec<u8>,
}

impl Lines {
    pub(super) fn feed(
        &mut self,
        chunk: &[u8],
        mut item: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut parts = chunk.split(|byte| *byte == b'\n');
        // What follows the last line's end, which may be nothing.
        let rest = parts.next_back().unwrap_or_default();
        for part in parts {
            if self.begun.is_empty() {
                line(part, &mut item)?;
            } else {
                self.begun.extend_from_slice(part);
                line(&self.begun, &mut item)?;
                self.begun.clear();
            }
        }
        self.begun.extend_from_slice(rest);
        if self.begun.len() > MAX_ITEM {
            return Err(too_long());
        }
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        mut item: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        line(&std::mem::take(&mut self.begun), &mut item)
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
    fn lines_are_found_however_the_text_is_cut() {
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
