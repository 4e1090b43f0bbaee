//! Lines of JSON, each one a person or a list of what is wrong with it: the counterpart of `row.rs`.

use std::io::{self, BufRead, BufReader, Read};

use connexion::Validator;

use super::record::MAX_BYTES;
use super::row::{BadRow, Fault, Row, RowError};
use crate::person::{NewPerson, Person};

const BOM: &[u8] = "\u{feff}".as_bytes();

/// The people of a source that has a JSON text on each line.
pub(super) struct Lines<'v, R> {
    source: BufReader<R>,
    schema: &'v Validator,
    line: u64,
    text: Vec<u8>,
}

impl<'v, R: Read> Lines<'v, R> {
    pub(super) fn open(source: R, schema: &'v Validator) -> Self {
        Self {
            source: BufReader::with_capacity(MAX_BYTES, source),
            schema,
            line: 0,
            text: Vec::new(),
        }
    }

    /// Goes on to the next line; `false` at the end. No more of it is kept than [`MAX_BYTES`] and one.
    fn advance(&mut self) -> io::Result<bool> {
        self.text.clear();
        self.line += 1;
        let most = MAX_BYTES as u64 + 1;
        if (&mut self.source)
            .take(most)
            .read_until(b'\n', &mut self.text)?
            == 0
        {
            return Ok(false);
        }
        if self.line == 1 && self.text.starts_with(BOM) {
            self.text.drain(..BOM.len());
        }
        if self.text.len() > MAX_BYTES && !self.text.ends_with(b"\n") {
            self.source.skip_until(b'\n')?;
        }
        Ok(true)
    }

    fn row(&self) -> Result<Row, Vec<Fault>> {
        if self.text.len() > MAX_BYTES {
            let most = MAX_BYTES / 1024;
            let reason = format!("the line is longer than {most} KiB");
            return Err(vec![Fault::new(None, "sequence", reason)]);
        }
        let read = self.schema.read::<NewPerson>(&self.text);
        let person = read.map(Person::from).map_err(Fault::of_schema)?;
        Ok(Row {
            person,
            age_cut: false,
        })
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
