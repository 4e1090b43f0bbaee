//! Headers: which columns a file has, and how they are separated.
//!
//! Columns are found by name, so their order is free. The names are those of the legacy service's files and of the
//! public Titanic files; case, blanks and punctuation make no difference. A column that only those public files have is
//! passed over; any other unknown one is an error, since a file with other columns is likely another file.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use super::cell::quoted;
use super::record::{Parser, Records};
use super::row::Fault;

/// The columns of the file, in the order in which they are written.
pub const COLUMNS: [&str; 8] = [
    "Survived",
    "Pclass",
    "Name",
    "Sex",
    "Age",
    "Siblings/Spouses Aboard",
    "Parents/Children Aboard",
    "Fare",
];

/// The properties that they become.
pub(super) const PROPERTIES: [&str; COLUMNS.len()] = [
    "survived",
    "passengerClass",
    "name",
    "sex",
    "age",
    "siblingsOrSpousesAboard",
    "parentsOrChildrenAboard",
    "fare",
];

/// What each is called in the public files of Kaggle, seaborn and Vanderbilt University, as [`normal`] writes it.
const PUBLIC: [&str; COLUMNS.len()] = [
    "survived", "pclass", "name", "sex", "age", "sibsp", "parch", "fare",
];

/// What else those files have.
const IGNORED: &[&str] = &[
    // Kaggle
    "passengerid",
    "ticket",
    "cabin",
    "embarked",
    // seaborn; `class` and `alive` say in words what `pclass` and `survived` say
    "class",
    "who",
    "adultmale",
    "deck",
    "embarktown",
    "alive",
    "alone",
    // Vanderbilt University (titanic3)
    "boat",
    "body",
    "homedest",
];

/// What may stand between columns. Of two that fit a header alike, the first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How many unknown columns are named.
const UNKNOWN_NAMED: usize = 20;

/// A header with the eight columns.
#[derive(Debug)]
pub(super) struct Header {
    /// Where each of [`COLUMNS`] is in this file.
    pub(super) places: [usize; COLUMNS.len()],
    /// What each is called in this file.
    names: [String; COLUMNS.len()],
    /// How many fields it has.
    pub(super) fields: usize,
    /// From here on fields have no name.
    pub(super) unnamed: usize,
}

/// A header with other columns.
#[derive(Clone, Debug, PartialEq)]
pub struct BadHeader {
    /// The line of the file on which it is, counted from 1.
    pub line: u64,
    /// One for each column that is missing, unknown or repeated.
    pub faults: Vec<Fault>,
}

impl fmt::Display for BadHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = self.faults.iter().map(|fault| &*fault.violation.detail);
        let details: Vec<_> = details.collect();
        write!(f, "the header is wrong: {}", details.join(", "))
    }
}

impl Header {
    /// The header that was read last.
    pub(super) fn of<R: Read>(records: &Records<R>) -> Result<Self, BadHeader> {
        let fields = records.fields();
        let unnamed = (0..fields).rposition(|place| !is_blank(records.cell(place)));
        let unnamed = unnamed.map_or(0, |last| last + 1);
        let mut places = [None; COLUMNS.len()];
        let mut faults = Vec::new();
        for place in 0..unnamed {
            let cell = records.cell(place);
            match Meaning::of(cell) {
                Meaning::Column(column) if places[column].is_none() => places[column] = Some(place),
                Meaning::Column(column) => {
                    let reason = format!("column {} is there more than once", COLUMNS[column]);
                    faults.push(Fault::of_header(text(cell), "uniqueItems", reason));
                }
                Meaning::Ignored => {}
                Meaning::Unknown if faults.len() >= UNKNOWN_NAMED => {}
                Meaning::Unknown if is_blank(cell) => {
                    let reason = format!("column {} has no name", place + 1);
                    faults.push(Fault::of_header(String::new(), "unknown", reason));
                }
                Meaning::Unknown => {
                    let is = if str::from_utf8(cell).is_ok() {
                        "is unknown"
                    } else {
                        "is not UTF-8, perhaps it is windows-1252: save the file as UTF-8"
                    };
                    let reason = format!("column {} {is}", quoted(&text(cell)));
                    faults.push(Fault::of_header(text(cell), "unknown", reason));
                }
            }
        }
        let missing = (0..COLUMNS.len()).filter(|column| places[*column].is_none());
        let missing = missing.map(|column| {
            let reason = format!("column {} is missing", COLUMNS[column]);
            let name = COLUMNS[column].to_owned();
            let mut fault = Fault::of_header(name, "required", reason);
            fault.violation.pointer = format!("/{}", PROPERTIES[column]);
            fault
        });
        let faults: Vec<_> = missing.chain(faults).collect();
        if !faults.is_empty() {
            let line = records.line().max(1);
            return Err(BadHeader { line, faults });
        }
        let places = places.map(Option::unwrap_or_default);
        Ok(Self {
            names: places.map(|place| text(records.cell(place))),
            places,
            fields,
            unnamed,
        })
    }

    /// What a column is called in this file.
    pub(super) fn name(&self, column: usize) -> &str {
        &self.names[column]
    }

    /// Whether a record is this header once more, as in files that were put together.
    pub(super) fn is_repeated_by<R: Read>(&self, records: &Records<R>) -> bool {
        let mut columns = self.places.iter().zip(&self.names);
        columns.all(|(place, name)| text(records.cell(*place)) == *name)
    }
}

/// What a name in a header stands for.
enum Meaning {
    /// One of [`COLUMNS`].
    Column(usize),
    /// Something that is not stored.
    Ignored,
    Unknown,
}

impl Meaning {
    fn of(name: &[u8]) -> Self {
        let name = String::from_utf8_lossy(name);
        let name = normal(&name);
        let is_named = |column: &usize| {
            name == PUBLIC[*column]
                || name == normal(COLUMNS[*column])
                || name == normal(PROPERTIES[*column])
        };
        match (0..COLUMNS.len()).find(is_named) {
            Some(column) => Self::Column(column),
            None if IGNORED.contains(&&*name) => Self::Ignored,
            None => Self::Unknown,
        }
    }
}

/// What separates the columns of a header: what makes the most known columns of it, and the comma if nothing does.
pub(super) fn delimiter(line: &[u8]) -> u8 {
    let mut best = (b',', 0);
    for delimiter in DELIMITERS {
        let known = known(line, delimiter);
        if known > best.1 {
            best = (delimiter, known);
        }
    }
    best.0
}

/// How many columns of a header are known if this separates them.
pub(super) fn known(line: &[u8], delimiter: u8) -> usize {
    let mut parser = Parser::new(delimiter);
    parser.feed(line);
    parser.finish();
    let cells = (0..parser.fields()).map(|place| Meaning::of(parser.cell(place)));
    cells
        .filter(|meaning| !matches!(meaning, Meaning::Unknown))
        .count()
}

/// What a line like `sep=;`, which spreadsheets write and understand, says to separate the columns.
pub(super) fn separator(line: &[u8]) -> Option<u8> {
    let line = line.trim_ascii_start();
    let line = line.strip_prefix(b"\"").unwrap_or(line);
    let (name, rest) = line.split_at_checked(4)?;
    let delimiter = *rest.first()?;
    (name.eq_ignore_ascii_case(b"sep=") && DELIMITERS.contains(&delimiter)).then_some(delimiter)
}

fn is_blank(cell: &[u8]) -> bool {
    text(cell).is_empty()
}

/// A name without the space around it, no-break spaces too.
fn text(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).trim().to_owned()
}

/// Letters and digits only, in lower case.
fn normal(name: &str) -> Cow<'_, str> {
    let is_normal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.chars().all(is_normal) {
        return name.into();
    }
    let kept = name.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_makes_known_columns() {
        for (line, expected) in [
            ("Survived,Pclass,Name", b','),
            ("Survived;Pclass;Name", b';'),
            ("Siblings/Spouses Aboard\tFare", b'\t'),
            ("\"Name\"|\"Sex\"", b'|'),
            ("Name", b','),
            ("a;b;c", b','),
            ("", b','),
        ] {
            assert_eq!(delimiter(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn a_line_may_say_what_separates_the_columns() {
        assert_eq!(separator(b"sep=;"), Some(b';'));
        assert_eq!(separator(b"SEP=\t"), Some(b'\t'));
        assert_eq!(separator(b"\"sep=,\""), Some(b','));
        for line in ["sep=x", "sep=", "separator;b", "se"] {
            assert_eq!(separator(line.as_bytes()), None, "{line}");
        }
    }
}
