//! Splits rows of CSV (RFC 4180). The first row has the names of the columns; every other row becomes an object. A cell is
//! read as the type of the property with the name of its column. An empty cell that can't be a string is an absent
//! property.

use std::{fmt, sync::Arc};

use csv_core::ReadFieldResult;
use serde_json::{Map, Value};

use super::{MAX_ITEM, too_long};
use crate::operation::{charset::Charset, parameter::ObjectShape};

pub(crate) struct Rows {
    csv: csv_core::Reader,
    columns: Arc<ObjectShape>,
    charset: Charset,
    /// The names of the columns; `None` before the first row.
    names: Option<Vec<String>>,
    /// The cells of the current row, and their size in bytes.
    cells: Vec<String>,
    bytes: usize,
    /// The buffer of the current cell, and the number of bytes in it.
    cell: Vec<u8>,
    length: usize,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Rows {
    pub(super) fn new(columns: &Arc<ObjectShape>, charset: Charset) -> Self {
        Self {
            csv: csv_core::Reader::new(),
            columns: Arc::clone(columns),
            charset,
            names: None,
            cells: Vec::new(),
            bytes: 0,
            cell: vec![0; 1024],
            length: 0,
        }
    }

    pub(super) fn feed(
        &mut self,
        mut chunk: &[u8],
        mut row: impl FnMut(Value) -> Result<(), String>,
    ) -> Result<(), String> {
        // An empty chunk would be the end of the input.
        while !chunk.is_empty() {
            let read = self.step(chunk, &mut row)?;
            chunk = chunk.get(read..).unwrap_or_default();
        }
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        mut row: impl FnMut(Value) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut is_open = true;
        while is_open {
            let before = self.cells.len();
            self.step(&[], &mut row)?;
            // A step without input completes a cell, unless none is left.
            is_open = self.cells.len() > before;
        }
        if self.names.is_none() {
            return Err("the response has no row with the names of its columns".to_owned());
        }
        Ok(())
    }

    /// Reads up to the end of a cell, and returns the number of bytes read.
    fn step(
        &mut self,
        input: &[u8],
        row: &mut impl FnMut(Value) -> Result<(), String>,
    ) -> Result<usize, String> {
        let room = self.cell.get_mut(self.length..).unwrap_or_default();
        let (result, read, written) = self.csv.read_field(input, room);
        self.length += written;
        if self.bytes + self.length > MAX_ITEM {
            return Err(too_long());
        }
        match result {
            ReadFieldResult::InputEmpty | ReadFieldResult::End => {}
            ReadFieldResult::OutputFull => self.cell.resize(self.cell.len() * 2, 0),
            ReadFieldResult::Field { record_end } => {
                let cell = self.cell.get(..self.length).unwrap_or_default();
                let text = self.charset.decode(cell);
                let name = self.charset.name();
                let text = text.ok_or_else(|| format!("the response is not valid {name}"))?;
                self.cells.push(text.into_owned());
                self.bytes += self.length + size_of::<String>();
                self.length = 0;
                if record_end {
                    self.bytes = 0;
                    let cells = std::mem::take(&mut self.cells);
                    self.record(cells, row)?;
                }
            }
        }
        Ok(read)
    }

    fn record(
        &mut self,
        cells: Vec<String>,
        row: &mut impl FnMut(Value) -> Result<(), String>,
    ) -> Result<(), String> {
        let Some(names) = &self.names else {
            self.names = Some(cells);
            return Ok(());
        };
        if names.len() != cells.len() {
            let (found, expected) = (cells.len(), names.len());
            return Err(format!("a row has {found} cells, not {expected}"));
        }
        let mut object = Map::new();
        for (name, text) in names.iter().zip(&cells) {
            if !text.is_empty() || self.columns.may_be_string(name) {
                self.columns.insert(&mut object, name, text);
            }
        }
        row(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::Rows;
    use crate::operation::{charset::Charset, parameter::ObjectShape};

    fn rows() -> Rows {
        let known: [(&str, &[&str]); 3] = [
            ("n", &["integer"]),
            ("t", &["string"]),
            ("b", &["boolean", "null"]),
        ];
        Rows::new(&Arc::new(ObjectShape::of_types(&known)), Charset::Utf8)
    }

    fn read(text: &str, size: usize) -> (Vec<Value>, Result<(), String>) {
        let (mut rows, mut found) = (rows(), Vec::new());
        let mut keep = |row| {
            found.push(row);
            Ok(())
        };
        let mut chunks = text.as_bytes().chunks(size);
        let fed = chunks.try_for_each(|chunk| rows.feed(chunk, &mut keep));
        let result = fed.and_then(|()| rows.finish(&mut keep));
        (found, result)
    }

    #[test]
    fn rows_are_found_in_chunks_of_any_size() {
        let long = "x".repeat(5000);
        let text = format!("n,t,b,other\r\n1,\"a, \"\"b\"\"\r\nc\",true,z\n\n,,,\n2,{long},x,\"\"");
        let expected = [
            json!({"n": 1, "t": "a, \"b\"\r\nc", "b": true, "other": "z"}),
            json!({"t": "", "other": ""}),
            json!({"n": 2, "t": long, "b": "x", "other": ""}),
        ];
        for size in [1, 2, 3, 7, 64, text.len()] {
            for text in [text.clone(), format!("{text}\n")] {
                let (found, result) = read(&text, size);
                assert_eq!(
                    (&found[..], result),
                    (&expected[..], Ok(())),
                    "in chunks of {size}"
                );
            }
        }
    }

    #[test]
    fn invalid_tables_are_rejected() {
        assert_eq!(read("n,t\n", 9), (Vec::new(), Ok(())));
        let (_, result) = read("", 9);
        assert_eq!(
            result.unwrap_err(),
            "the response has no row with the names of its columns"
        );
        let (found, result) = read("n,t\n1,a\n2\n3,c\n", 2);
        assert_eq!(result.unwrap_err(), "a row has 1 cells, not 2");
        assert_eq!(found.len(), 1);
        let mut rows = rows();
        assert!(rows.feed(b"n\n\xff\n", |_| Ok(())).is_err());
    }
}
