//! Lines of JSON, each one a person or a list of what is wrong with it: the counterpart of `row.rs`.

use std::io::{self, BufRead, BufReader, Chain, Cursor, ErrorKind, Read};

use connexion::{Validator, Violation};
use serde_json::Value;

use super::file::File;
use super::record::{BUFFER, MAX_BYTES};
use super::row::{BadRow, Fault, Row, RowError};
use super::{Format, ImportError};
use crate::person::{NewPerson, Person};

/// The people of a source that has a JSON text on each line.
pub(super) struct Lines<'v, R> {
    source: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    schema: &'v Validator,
    line: u64,
    text: Vec<u8>,
    /// Whether the last line ended with CR, so that an LF belongs to the same line end.
    after_cr: bool,
}

impl<'v, R: Read> Lines<'v, R> {
    /// Looks at the beginning.
    pub(super) fn open(source: R, schema: &'v Validator) -> Result<Self, ImportError> {
        let file = File::open(source).map_err(ImportError::Read)?;
        if let Some(other) = file.is_other_than(Format::Lines) {
            return Err(ImportError::OtherFormat(other));
        }
        Ok(Self {
            source: BufReader::with_capacity(BUFFER, file.into_source()),
            schema,
            line: 0,
            text: Vec::new(),
            after_cr: false,
        })
    }

    /// Goes on to the next line, which ends with LF, CR or both, as the lines of CSV; `false` at the end. No more of it is
    /// held than [`MAX_BYTES`] and one.
    fn advance(&mut self) -> io::Result<bool> {
        self.text.clear();
        self.line += 1;
        let mut has_begun = false;
        loop {
            let input = match self.source.fill_buf() {
                Ok([]) => return Ok(has_begun),
                Ok(input) => input,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if self.after_cr {
                self.after_cr = false;
                if input[0] == b'\n' {
                    self.source.consume(1);
                    continue;
                }
            }
            has_begun = true;
            let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
            let end = input.iter().position(is_end);
            let text = &input[..end.unwrap_or(input.len())];
            let room = (MAX_BYTES + 1).saturating_sub(self.text.len());
            self.text.extend_from_slice(&text[..text.len().min(room)]);
            let Some(end) = end else {
                let read = input.len();
                self.source.consume(read);
                continue;
            };
            self.after_cr = input[end] == b'\r';
            self.source.consume(end + 1);
            return Ok(true);
        }
    }

    fn row(&self) -> Result<Row, Vec<Fault>> {
        if self.text.len() > MAX_BYTES {
            let most = MAX_BYTES / 1024;
            let reason = format!("the line is longer than {most} KiB");
            return Err(vec![Fault::of_row("sequence", reason)]);
        }
        let read = self.schema.read::<NewPerson>(&self.text);
        let new = read.map_err(|violations| {
            let violations = violations.into_iter().map(|one| self.within_line(one));
            Fault::of_schema(violations.collect::<Vec<_>>().into())
        })?;
        Ok(Row {
            has_key: new.has_key(),
            person: Person::from(new),
            age_cut: false,
            line: self.line,
        })
    }

    /// An error of JSON says where in the text it is, which here is a line of the file: another line number would
    /// contradict that of the row.
    fn within_line(&self, mut violation: Violation) -> Violation {
        if violation.keyword != "json" {
            return violation;
        }
        if str::from_utf8(&self.text).is_err() {
            "the text is not UTF-8: save the file as UTF-8".clone_into(&mut violation.detail);
        } else if let Err(error) = serde_json::from_slice::<Value>(&self.text) {
            let place = format!(" at line {} column {}", error.line(), error.column());
            let reason = error.to_string();
            let reason = reason.strip_suffix(&place).unwrap_or(&reason);
            violation.detail = format!("not valid JSON at byte {}: {reason}", error.column());
        }
        violation
    }
}

impl<R: Read> Iterator for Lines<'_, R> {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.advance() {
                Ok(true) if self.text.trim_ascii().is_empty() => {}
                Ok(true) => {
                    let line = self.line;
                    let bad = |faults| RowError::Bad(BadRow { line, faults });
                    return Some(self.row().map_err(bad));
                }
                Ok(false) => return None,
                Err(error) => return Some(Err(RowError::Read(error))),
            }
        }
    }
}
