//! Records: CSV as RFC 4180 says, one record at a time, and the line on which each begins.
//!
//! Readers of CSV make something of every text: of a quote that is never closed one record of the rest of the file, of
//! text after a closing quote a part of the cell. Here that is an error, since it shows that the file is damaged or
//! cut off, and a person made of it would be wrong. Beside CRLF, line ends may be LF or CR. A record's size is bounded.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// How many bytes of cells a record may hold; a valid one holds a few hundred.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// How many fields of a record are kept; a valid one has a dozen.
const MAX_FIELDS: usize = 1_024;

/// What is read from the source at once.
pub(super) const BUFFER: usize = 64 * 1024;

/// What a DOS program may put at the end of a text file.
const SUB: &[u8] = b"\x1a";

/// Why a record is not well-formed. A line is that of the quote.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    /// It has more than [`MAX_BYTES`].
    TooLong,
    /// The file ends within quotes.
    Unclosed { line: u64 },
    /// Between a closing quote and the next field there is something.
    AfterQuote { line: u64 },
    /// There is a quote in a field that does not begin with one.
    Quote { line: u64 },
}

/// Reads records into one buffer that is used again and again.
pub(super) struct Records<R> {
    source: BufReader<R>,
    parser: Parser,
}

impl<R: Read> Records<R> {
    /// Starts at the beginning of a source.
    pub(super) fn new(source: R, delimiter: u8) -> Self {
        Self {
            source: BufReader::with_capacity(BUFFER, source),
            parser: Parser::new(delimiter),
        }
    }

    /// Goes on to the next record in which there is anything; `false` at the end.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        while self.read()? {
            if !self.parser.is_blank() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The line on which the record begins, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.parser.line
    }

    /// How many fields the record has, kept or not.
    pub(super) fn fields(&self) -> usize {
        self.parser.fields()
    }

    /// Why the record is not well-formed, if it is not. Its cells mean nothing then.
    pub(super) fn flaw(&self) -> Option<Flaw> {
        self.parser.flaw
    }

    /// The content of a field, empty if there is no such field.
    pub(super) fn cell(&self, index: usize) -> &[u8] {
        self.parser.cell(index)
    }

    fn read(&mut self) -> io::Result<bool> {
        self.parser.begin();
        loop {
            let input = fill(&mut self.source)?;
            if input.is_empty() {
                return Ok(self.parser.finish());
            }
            let (read, has_ended) = self.parser.feed(input);
            self.source.consume(read);
            if has_ended {
                return Ok(true);
            }
        }
    }
}

/// Where the parser stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// At the beginning of a field.
    Start,
    /// In a field without quotes.
    Plain,
    /// Within quotes.
    Quoted,
    /// After a quote within quotes, which closes them or is the first of two that stand for one.
    Quote,
}

/// One record, made of chunks of bytes.
#[derive(Debug)]
pub(super) struct Parser {
    delimiter: u8,
    state: State,
    bytes: Vec<u8>,
    /// Where each field ends in `bytes`.
    ends: Vec<usize>,
    fields: usize,
    flaw: Option<Flaw>,
    /// The line of the record.
    line: u64,
    /// The line of what comes next.
    next_line: u64,
    /// The line of the quote that was opened last.
    quote_line: u64,
    /// Whether the last byte was CR, so that an LF belongs to the same line end.
    after_cr: bool,
    /// Whether the source has ended with the record.
    is_last: bool,
}

impl Parser {
    pub(super) fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            state: State::Start,
            bytes: Vec::new(),
            ends: Vec::new(),
            fields: 0,
            flaw: None,
            line: 1,
            next_line: 1,
            quote_line: 1,
            after_cr: false,
            is_last: false,
        }
    }

    pub(super) fn fields(&self) -> usize {
        self.fields
    }

    /// The content of a field, empty if there is no such field.
    pub(super) fn cell(&self, index: usize) -> &[u8] {
        let before = index.checked_sub(1);
        let start = before.and_then(|before| self.ends.get(before));
        let start = start.copied().unwrap_or(0);
        let cell = self.ends.get(index).map(|end| start..*end);
        cell.and_then(|cell| self.bytes.get(cell))
            .unwrap_or_default()
    }

    fn begin(&mut self) {
        self.state = State::Start;
        self.bytes.clear();
        self.ends.clear();
        self.fields = 0;
        self.flaw = None;
        self.line = self.next_line;
    }

    /// Goes on with these bytes: how many of them were read, and whether the record ends there.
    pub(super) fn feed(&mut self, input: &[u8]) -> (usize, bool) {
        let mut read = 0;
        while let Some(rest) = input.get(read..).filter(|rest| !rest.is_empty()) {
            let run = self.run(rest);
            if run > 0 {
                self.text(&rest[..run]);
                read += run;
                continue;
            }
            read += 1;
            if self.mark(rest[0]) {
                return (read, true);
            }
        }
        (read, false)
    }

    /// To be called at the end of the source; `false` if no record was begun.
    pub(super) fn finish(&mut self) -> bool {
        self.is_last = true;
        if self.state == State::Start && self.fields == 0 {
            return false;
        }
        if self.state == State::Quoted && matches!(self.flaw, None | Some(Flaw::TooLong)) {
            let line = self.quote_line;
            self.flaw = Some(Flaw::Unclosed { line });
        }
        self.end_field();
        true
    }

    /// How many bytes come that have no meaning of their own.
    fn run(&self, input: &[u8]) -> usize {
        let delimiter = self.delimiter;
        let is_mark = |byte: &u8| matches!(byte, b'"' | b'\r' | b'\n');
        let end = if self.state == State::Quoted {
            input.iter().position(is_mark)
        } else {
            let ends = |byte: &u8| *byte == delimiter || is_mark(byte);
            input.iter().position(ends)
        };
        end.unwrap_or(input.len())
    }

    fn text(&mut self, text: &[u8]) {
        self.after_cr = false;
        match self.state {
            State::Start => self.state = State::Plain,
            State::Quote => {
                self.is_flawed(Flaw::AfterQuote {
                    line: self.next_line,
                });
                self.state = State::Plain;
            }
            State::Plain | State::Quoted => {}
        }
        self.push(text);
    }

    /// Goes on with a byte that has a meaning; whether the record ends with it.
    fn mark(&mut self, byte: u8) -> bool {
        let after_cr = std::mem::take(&mut self.after_cr);
        let is_line_end = matches!(byte, b'\r' | b'\n');
        // The second byte of a line end.
        let is_rest = byte == b'\n' && after_cr;
        if is_line_end {
            self.after_cr = byte == b'\r';
            self.next_line += u64::from(!is_rest);
        }
        match self.state {
            State::Quoted if byte == b'"' => self.state = State::Quote,
            State::Quoted => self.push(&[byte]),
            State::Start if is_rest => {}
            _ if byte == self.delimiter => self.end_field(),
            _ if is_line_end => {
                self.end_field();
                return true;
            }
            State::Start => {
                self.state = State::Quoted;
                self.quote_line = self.next_line;
            }
            State::Quote => {
                self.state = State::Quoted;
                self.push(b"\"");
            }
            State::Plain => {
                self.is_flawed(Flaw::Quote {
                    line: self.next_line,
                });
                self.push(b"\"");
            }
        }
        false
    }

    fn push(&mut self, text: &[u8]) {
        if self.bytes.len() + text.len() <= MAX_BYTES {
            self.bytes.extend_from_slice(text);
        } else {
            // What doesn't fit is read over, but fields and lines are counted.
            self.flaw = Some(Flaw::TooLong);
        }
    }

    fn end_field(&mut self) {
        self.state = State::Start;
        self.fields += 1;
        if self.ends.len() < MAX_FIELDS {
            self.ends.push(self.bytes.len());
        }
    }

    /// The first flaw explains the others.
    fn is_flawed(&mut self, flaw: Flaw) {
        self.flaw.get_or_insert(flaw);
    }

    /// Whether there is nothing in it: a blank line, a row of empty cells, or the mark at the end of a DOS file.
    fn is_blank(&self) -> bool {
        let text = self.bytes.trim_ascii();
        self.flaw.is_none()
            && (text.is_empty() || (self.is_last && self.fields == 1 && text == SUB))
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

    type Found = (u64, Vec<String>, Option<Flaw>);

    #[track_caller]
    fn read(source: impl Read) -> Vec<Found> {
        let mut records = Records::new(source, b',');
        let mut all = Vec::new();
        while records.advance().unwrap() {
            let cells = (0..records.fields())
                .map(|i| String::from_utf8_lossy(records.cell(i)).into_owned());
            all.push((records.line(), cells.collect(), records.flaw()));
        }
        all
    }

    /// The records of a text, which are the same however it comes.
    #[track_caller]
    fn records(text: &str) -> Vec<Found> {
        let whole = read(text.as_bytes());
        assert_eq!(whole, read(Trickle(text.as_bytes(), false)));
        whole
    }

    #[track_caller]
    fn lines(text: &str) -> Vec<u64> {
        records(text).into_iter().map(|(line, ..)| line).collect()
    }

    #[track_caller]
    fn flaws(text: &str) -> Vec<(u64, Option<Flaw>)> {
        let all = records(text).into_iter();
        all.map(|(line, _, flaw)| (line, flaw)).collect()
    }

    #[test]
    fn lines_are_those_of_the_file_whatever_ends_them() {
        assert_eq!(lines("a,b\nc,d\n"), [1, 2]);
        assert_eq!(lines("a,b\r\nc,d\r\ne,f"), [1, 2, 3]);
        assert_eq!(lines("a,b\rc,d\re,f\r"), [1, 2, 3]);
        assert_eq!(lines("a,b\r\nc,d\re,f\n\rg,h"), [1, 2, 3, 5]);
        assert_eq!(lines("\n\r\n  \na,b\n\n\r\nc,d\n"), [4, 7]);
        assert_eq!(lines("\r\r\ra,b\r\rc,d"), [4, 6]);
        assert_eq!(lines("a,\"b\n\n\"\nc,d\n\"\n\",e\nf,g"), [1, 4, 5, 7]);
        assert_eq!(lines("a,\"b\r\nb\"\r\nc,d\r\n"), [1, 3]);
        assert_eq!(lines("a,\"b\rb\"\rc,d\r"), [1, 3]);
        assert_eq!(lines(""), [0; 0]);
        assert_eq!(lines("\r\n\n"), [0; 0]);
    }

    #[test]
    fn cells_are_what_they_say() {
        let text = "a,\"b,\"\"c\"\"\r\nd\",\n\"\",\"\"\"\",é\n,\"x\"";
        let cells: Vec<_> = records(text).into_iter().map(|found| found.1).collect();
        let expected = [
            vec!["a", "b,\"c\"\r\nd", ""],
            vec!["", "\"", "é"],
            vec!["", "x"],
        ];
        assert_eq!(cells, expected);
    }

    #[test]
    fn blank_rows_and_the_end_of_a_dos_file_are_passed_over() {
        assert_eq!(lines("a,b\n,\n , \n\n,,,\nc,d\n\u{1a}"), [1, 6]);
        assert_eq!(lines("\u{1a}\na"), [1, 2]);
    }

    #[test]
    fn what_rfc_4180_does_not_allow_is_a_flaw() {
        let good = (2, None);
        let quote = |line| Some(Flaw::Quote { line });
        assert_eq!(flaws("a \"b\" c,d\ne,f"), [(1, quote(1)), good]);
        assert_eq!(flaws("a, \"b\"\ne,f"), [(1, quote(1)), good]);
        let after = |line| Some(Flaw::AfterQuote { line });
        assert_eq!(flaws("\"a\"b,c\ne,f"), [(1, after(1)), good]);
        assert_eq!(flaws("\"a\" ,c\ne,f"), [(1, after(1)), good]);
        assert_eq!(flaws("\"a,b\n1,\"c\",d\ne,f"), [(1, after(2)), (3, None)]);
        assert_eq!(flaws("\"a\"b\"c\"\ne,f"), [(1, after(1)), good]);
        let unclosed = |line| Some(Flaw::Unclosed { line });
        assert_eq!(flaws("a,b\nc,\"d\ne,f\n"), [(1, None), (2, unclosed(2))]);
        assert_eq!(flaws("a,b\n\"c\nc\",\"7"), [(1, None), (2, unclosed(3))]);
        assert_eq!(flaws("a,\""), [(1, unclosed(1))]);
        assert_eq!(flaws("a,\"b\""), [(1, None)]);
    }

    #[test]
    fn a_record_that_is_too_long_is_read_over() {
        let text = format!("a,\"{}\nx\"\nb,c\n", "ä,".repeat(MAX_BYTES));
        let mut records = Records::new(text.as_bytes(), b',');
        assert!(records.advance().unwrap());
        assert_eq!(records.flaw(), Some(Flaw::TooLong));
        assert_eq!((records.line(), records.fields()), (1, 2));
        assert!(records.advance().unwrap());
        assert_eq!(records.flaw(), None);
        assert_eq!((records.line(), records.cell(1)), (3, &b"c"[..]));
        assert!(!records.advance().unwrap());
    }

    #[test]
    fn all_fields_are_counted() {
        let text = format!("x{}\na,b\n", ",".repeat(5_000));
        let mut records = Records::new(text.as_bytes(), b',');
        assert!(records.advance().unwrap());
        assert_eq!(records.fields(), 5_001);
        assert!(records.advance().unwrap());
        assert_eq!((records.fields(), records.line()), (2, 2));
    }
}
