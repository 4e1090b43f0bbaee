//! What a file is, by what it begins with: most files that are not what they are said to be can be told at once.

use std::io::{self, Chain, Cursor, Read};

use serde::de::IgnoredAny;

use super::Format;
use super::header;

/// How much of a file is looked at: more than a header has.
const HEAD: u64 = 64 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What files of other kinds begin with, and what to do with each.
const OTHERS: &[(&[u8], &str)] = &[
    (
        b"\x1f\x8b",
        "is compressed with gzip: unpack it, or send it with the header `Content-Encoding: gzip`",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "is compressed with zstd: unpack it, or send it with the header `Content-Encoding: zstd`",
    ),
    (b"BZh", "is compressed with bzip2: unpack it"),
    (b"\xfd7zXZ\0", "is compressed with xz: unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive: unpack it"),
    (b"Rar!\x1a\x07", "is a RAR archive: unpack it"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "is an Excel workbook (.xls): save the sheet as CSV UTF-8",
    ),
    (b"%PDF-", "is a PDF document: CSV is needed"),
    (b"PAR1", "is a Parquet file: convert it to CSV"),
    (
        b"SQLite format 3\0",
        "is an SQLite database: export the table as CSV",
    ),
];

/// The entries with which the ZIP archives of spreadsheets begin.
const SHEETS: &[(&[u8], &str)] = &[
    (
        b"[Content_Types].xml",
        "is an Excel workbook (.xlsx): save the sheet as CSV UTF-8",
    ),
    (
        b"xl/",
        "is an Excel workbook (.xlsx): save the sheet as CSV UTF-8",
    ),
    (
        b"_rels/.rels",
        "is an Excel workbook (.xlsx): save the sheet as CSV UTF-8",
    ),
    (
        b"docProps/",
        "is an Excel workbook (.xlsx): save the sheet as CSV UTF-8",
    ),
    (
        b"mimetypeapplication/vnd.oasis.opendocument",
        "is an OpenDocument spreadsheet (.ods): save the sheet as CSV (UTF-8)",
    ),
];

/// Where a tar archive says that it is one.
const TAR: usize = 257;

/// Where the name of the first entry stands in a ZIP archive.
const ZIP_NAME: usize = 30;

/// A file without its byte order mark, of which the beginning was read.
pub(super) struct File<R> {
    head: Vec<u8>,
    is_whole: bool,
    rest: R,
}

impl<R: Read> File<R> {
    /// Reads the beginning.
    pub(super) fn open(mut source: R) -> io::Result<Self> {
        let mut head = Vec::new();
        source.by_ref().take(HEAD).read_to_end(&mut head)?;
        let is_whole = (head.len() as u64) < HEAD;
        // Some tools put a mark before one that is there.
        while head.starts_with(BOM) {
            head.drain(..BOM.len());
        }
        Ok(Self {
            head,
            is_whole,
            rest: source,
        })
    }

    /// Its first line that is not blank, without its end.
    pub(super) fn first_line(&self) -> &[u8] {
        let mut lines = self.head.split(|byte| matches!(byte, b'\r' | b'\n'));
        let line = lines.find(|line| !line.trim_ascii().is_empty());
        line.unwrap_or_default()
    }

    /// What is wrong with it as a whole, and what to do about it, if it is not of this format.
    pub(super) fn is_other_than(&self, format: Format) -> Option<String> {
        let other = of_bytes(&self.head).or_else(|| match self.head.trim_ascii() {
            [] if self.is_whole => Some("is empty"),
            [b'<', ..] => Some("is HTML or XML, perhaps an error page in place of the file"),
            text if format == Format::Csv => self.in_place_of_csv(text),
            text => self.in_place_of_lines(text),
        })?;
        Some(format!("the file {other}"))
    }

    /// All of it, from its beginning.
    pub(super) fn into_source(self) -> Chain<Cursor<Vec<u8>>, R> {
        Cursor::new(self.head).chain(self.rest)
    }

    fn in_place_of_csv(&self, text: &[u8]) -> Option<&'static str> {
        match text {
            [b'{', ..] => {
                Some("is JSON: send an object a line, with `Content-Type: application/x-ndjson`")
            }
            [b'[', ..] => Some(
                "is a JSON array: send an object a line (`jq -c '.[]'`), with `Content-Type: application/x-ndjson`",
            ),
            [b'#', ..] if header::known(self.first_line(), b',') == 0 => {
                Some("begins with a comment, which CSV does not have: remove it")
            }
            _ => None,
        }
    }

    fn in_place_of_lines(&self, text: &[u8]) -> Option<&'static str> {
        let line = self.first_line();
        if text.starts_with(b"[") {
            return Some(
                "is one JSON array: send an object a line, such as `jq -c '.[]'` writes them",
            );
        }
        if text.starts_with(b"\x1e") {
            return Some(
                "is a JSON text sequence (RFC 7464): send it without the characters RS (U+001E)",
            );
        }
        if header::known(line, header::delimiter(line)) > 1 {
            return Some("is CSV: send it with `Content-Type: text/csv`");
        }
        let is_cut =
            |line| serde_json::from_slice::<IgnoredAny>(line).is_err_and(|error| error.is_eof());
        let ends_here = text.len() == line.trim_ascii().len();
        (text.starts_with(b"{") && !ends_here && is_cut(line))
            .then_some("has JSON over several lines: send each object on one line, such as `jq -c .` writes them")
    }
}

fn of_bytes(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(b"PK\x03\x04") {
        let name = head.get(ZIP_NAME..).unwrap_or_default();
        let sheet = SHEETS.iter().find(|(start, _)| name.starts_with(start));
        return Some(sheet.map_or("is a ZIP archive: unpack it", |(_, is)| is));
    }
    if head
        .get(TAR..)
        .is_some_and(|text| text.starts_with(b"ustar"))
    {
        return Some("is a tar archive: unpack it");
    }
    if let Some((_, is)) = OTHERS.iter().find(|(start, _)| head.starts_with(start)) {
        return Some(is);
    }
    let is_utf32 = head.starts_with(b"\xff\xfe\0\0") || head.starts_with(b"\0\0\xfe\xff");
    let is_utf16 = match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        // ASCII has no NUL; every other byte of it is one in UTF-16.
        [0, first, 0, second, ..] | [first, 0, second, 0, ..] => *first != 0 && *second != 0,
        _ => false,
    };
    if is_utf32 {
        return Some("is UTF-32: save it as UTF-8");
    }
    is_utf16.then_some("is UTF-16: save it as UTF-8 (in Excel `CSV UTF-8`)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn told(text: &[u8], format: Format) -> String {
        let file = File::open(text).unwrap();
        file.is_other_than(format).unwrap_or_default()
    }

    #[test]
    fn files_of_other_kinds_are_recognized_in_both_formats() {
        let zip = |name: &str| [&b"PK\x03\x04"[..], &[0; 26], name.as_bytes()].concat();
        for (text, expected) in [
            (&b""[..], "is empty"),
            (b"\xef\xbb\xbf \n\r\n", "is empty"),
            (b"\x1f\x8b\x08\x00", "gzip"),
            (b"\x28\xb5\x2f\xfd\x00", "zstd"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "(.xls)"),
            (&zip("[Content_Types].xml"), "(.xlsx)"),
            (
                &zip("mimetypeapplication/vnd.oasis.opendocument.spreadsheet"),
                "(.ods)",
            ),
            (&zip("titanic.csv"), "a ZIP archive"),
            (b"\xff\xfe\0\0N\0\0\0", "UTF-32"),
            (&[&[b'a'; 257][..], b"ustar\0"].concat(), "a tar archive"),
            (b"\xff\xfeN\0a\0m\0e\0", "UTF-16"),
            (b"\xfe\xff\0N\0a", "UTF-16"),
            (b"N\0a\0m\0e\0", "UTF-16"),
            (b"\0N\0a\0m\0e", "UTF-16"),
            (b"\xef\xbb\xbf\n <!DOCTYPE html>", "HTML"),
            (b"<?xml version='1.0'?>", "XML"),
        ] {
            for format in [Format::Csv, Format::Lines] {
                let told = told(text, format);
                assert!(
                    told.starts_with("the file ") && told.contains(expected),
                    "{told}"
                );
            }
        }
    }

    #[test]
    fn json_in_place_of_csv_and_csv_in_place_of_json_are_recognized() {
        assert!(told(b" {\"name\": 1}\n", Format::Csv).contains("application/x-ndjson"));
        assert!(told(b"[\n{}\n]", Format::Csv).contains("JSON array"));
        assert!(told(b"# exported\nName\n", Format::Csv).contains("a comment"));
        for header in [
            "Survived,Pclass,Name\n0",
            "\"sex\";\"age\"\n",
            "name\tage\r0",
        ] {
            assert!(
                told(header.as_bytes(), Format::Lines).contains("text/csv"),
                "{header}"
            );
            assert_eq!(told(header.as_bytes(), Format::Csv), "");
        }
    }

    #[test]
    fn json_that_is_not_a_text_a_line_is_recognized() {
        assert!(told(b"\n [{}]", Format::Lines).contains("one JSON array"));
        assert!(told(b"{\n  \"name\": 1\n}\n", Format::Lines).contains("over several lines"));
        assert!(told(b"\x1e{}\n", Format::Lines).contains("RFC 7464"));
        // One that is cut off, wrong or good is looked at line by line.
        for text in [
            "{\"name\": \"A\n",
            "{'a': 1}\n{}",
            "{}\n{",
            "nonsense",
            "{} {}\n",
        ] {
            assert_eq!(told(text.as_bytes(), Format::Lines), "", "{text}");
        }
    }
}
