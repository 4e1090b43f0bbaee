//! Records: CSV as bytes, one record at a time, and the line on which each begins.
//!
//! This drives `csv-core` itself instead of using the `csv` crate's reader, for two reasons. That
//! reader's positions lie before the line ends and blank lines that precede a record, so the lines it
//! reports are wrong after either. And its records grow without limit: one quote that is never closed
//! would draw the rest of the file, or of an upload, into memory.

use std::io::{self, BufRead, BufReader, Chain, Cursor, ErrorKind, Read};

/// How many bytes of cells a record may hold; a good one holds a few hundred.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// How many fields of a record are kept; a good one has eight.
const MAX_FIELDS: usize = 1_024;

/// What is read from the source at once.
const BUFFER: usize = 64 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads records into one buffer that is used again and again.
pub(super) struct Records<R> {
    source: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    csv: csv_core::Reader,
    bytes: Box<[u8]>,
    ends: Box<[usize]>,
    line: u64,
    fields: usize,
    too_long: bool,
}

impl<R: Read> Records<R> {
    /// Starts at the beginning of a source, after its byte order mark if it has one.
    pub(super) fn open(mut source: R) -> io::Result<Self> {
        let mut start = Vec::new();
        source
            .by_ref()
            .take(BOM.len() as u64)
            .read_to_end(&mut start)?;
        if start == BOM {
            start.clear();
        }
        Ok(Self {
            source: BufReader::with_capacity(BUFFER, Cursor::new(start).chain(source)),
            csv: csv_core::Reader::new(),
            bytes: vec![0; MAX_BYTES].into(),
            ends: vec![0; MAX_FIELDS].into(),
            line: 0,
            fields: 0,
            too_long: false,
        })
    }

    /// Goes on to the next record that is not a blank line; `false` at the end.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        while self.advance_once()? {
            if self.fields != 1 || !self.cell(0).trim_ascii().is_empty() || self.too_long {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The line on which the record begins, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// How many fields the record has, kept or not.
    pub(super) fn fields(&self) -> usize {
        self.fields
    }

    /// Whether the record is longer than [`MAX_BYTES`]; its cells are empty then.
    pub(super) fn too_long(&self) -> bool {
        self.too_long
    }

    /// The content of a field, empty if there is no such field.
    pub(super) fn cell(&self, index: usize) -> &[u8] {
        let start = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        self.ends
            .get(index)
            .and_then(|&end| self.bytes.get(start..end))
            .unwrap_or_default()
    }

    fn advance_once(&mut self) -> io::Result<bool> {
        use csv_core::ReadRecordResult::{End, InputEmpty, OutputEndsFull, OutputFull, Record};
        self.skip_line_ends()?;
        self.line = self.csv.line();
        self.fields = 0;
        self.too_long = false;
        let (mut length, mut kept) = (0, 0);
        loop {
            let input = fill(&mut self.source)?;
            let (result, read, written, ended) =
                self.csv
                    .read_record(input, &mut self.bytes[length..], &mut self.ends[kept..]);
            self.source.consume(read);
            length += written;
            kept += ended;
            self.fields += ended;
            match result {
                InputEmpty => {}
                // What doesn't fit is read over, but fields and lines are counted.
                OutputFull => {
                    self.too_long = true;
                    length = 0;
                }
                OutputEndsFull => kept = 0,
                Record => break,
                End => return Ok(false),
            }
        }
        if self.too_long || self.fields > self.ends.len() {
            self.ends.fill(0);
        }
        Ok(true)
    }

    /// Stands at the first byte of the next record, so that its line is known before it is read.
    fn skip_line_ends(&mut self) -> io::Result<()> {
        loop {
            let input = fill(&mut self.source)?;
            let skipped = input
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
            let lines = input
                .iter()
                .take(skipped)
                .filter(|&&byte| byte == b'\n')
                .count();
            let more = skipped > 0 && skipped == input.len();
            self.csv.set_line(self.csv.line() + lines as u64);
            self.source.consume(skipped);
            if !more {
                return Ok(());
            }
        }
    }
}

/// What is in the buffer, filled first if it is empty; nothing at the end of the source.
fn fill<R: Read>(source: &mut BufReader<R>) -> io::Result<&[u8]> {
    // Unlike most readers, a buffer hands on interruptions by signals; they are no failure.
    while let Err(error) = source.fill_buf() {
        if error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(source.buffer())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time and is interrupted before each: no reader may rely on more.
    struct Trickle<'a>(&'a [u8], bool);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }

    #[track_caller]
    fn read(source: impl Read) -> Vec<(u64, Vec<String>)> {
        let mut records = Records::open(source).unwrap();
        let mut all = Vec::new();
        while records.advance().unwrap() {
            let cells = (0..records.fields())
                .map(|i| String::from_utf8_lossy(records.cell(i)).into_owned());
            all.push((records.line(), cells.collect()));
        }
        all
    }

    #[track_caller]
    fn lines(text: &str) -> Vec<u64> {
        let whole = read(text.as_bytes());
        assert_eq!(whole, read(Trickle(text.as_bytes(), false)));
        whole.into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn lines_are_right_after_blank_lines_and_quoted_newlines() {
        assert_eq!(lines("a,b\nc,d\n"), [1, 2]);
        assert_eq!(lines("a,b\r\nc,d\r\ne,f"), [1, 2, 3]);
        assert_eq!(lines("\n\r\n  \na,b\n\n\r\nc,d\n"), [4, 7]);
        assert_eq!(lines("a,\"b\n\n\"\nc,d\n\"\n\",e\nf,g"), [1, 4, 5, 7]);
        assert_eq!(lines("a,\"b\r\nb\"\r\nc,d\r\n"), [1, 3]);
        assert_eq!(lines(""), [0; 0]);
        assert_eq!(lines("\r\n\n"), [0; 0]);
    }

    #[test]
    fn a_byte_order_mark_is_no_content() {
        for text in ["\u{feff}a,b\n", "\u{feff}\"a\",b"] {
            let expected = [(1, vec!["a".to_owned(), "b".to_owned()])];
            assert_eq!(read(text.as_bytes()), expected);
            assert_eq!(read(Trickle(text.as_bytes(), false)), expected);
        }
    }

    #[test]
    fn a_record_that_is_too_long_is_read_over() {
        let text = format!("a,\"{}\nx\"\nb,c\n", "ä,".repeat(MAX_BYTES));
        let mut records = Records::open(text.as_bytes()).unwrap();
        assert!(records.advance().unwrap());
        assert!(records.too_long());
        assert_eq!(
            (records.line(), records.fields(), records.cell(0)),
            (1, 2, &b""[..])
        );
        assert!(records.advance().unwrap());
        assert!(!records.too_long());
        assert_eq!(
            (records.line(), records.fields(), records.cell(1)),
            (3, 2, &b"c"[..])
        );
        assert!(!records.advance().unwrap());
    }

    #[test]
    fn all_fields_are_counted() {
        let text = format!("{}\na,b\n", ",".repeat(5_000));
        let mut records = Records::open(text.as_bytes()).unwrap();
        assert!(records.advance().unwrap());
        assert_eq!(records.fields(), 5_001);
        assert!(records.advance().unwrap());
        assert_eq!((records.fields(), records.line()), (2, 2));
    }
}
