//! Rows: records under a header, each one a person or a list of what is wrong with it.
//!
//! A pure iterator over any [`Read`]; it knows neither stores nor threads. Columns are found by name,
//! so their order is free, but exactly the eight must be there: a file with another set of columns is
//! likely another file.

use std::fmt;
use std::io::{self, Read};

use uuid::Uuid;

use super::ImportError;
use super::cell::{self, Checked, quoted};
use super::record::{MAX_BYTES, Records};
use crate::person::Person;

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

/// How many unknown columns are named.
const UNKNOWN_NAMED: usize = 20;

/// What is wrong with a header. At least one list is not empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BadHeader {
    /// Columns that are needed and not there.
    pub missing: Vec<&'static str>,
    /// Columns that are there and mean nothing here, quoted; the first few of them.
    pub unknown: Vec<String>,
    /// Columns that are there more than once.
    pub repeated: Vec<&'static str>,
}

impl fmt::Display for BadHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self
            .missing
            .iter()
            .map(|name| format!("column {name} is missing"));
        let unknown = self
            .unknown
            .iter()
            .map(|name| format!("column {name} is unknown"));
        let repeated = self
            .repeated
            .iter()
            .map(|name| format!("column {name} is there more than once"));
        let all: Vec<_> = missing.chain(unknown).chain(repeated).collect();
        write!(f, "the header is wrong: {}", all.join(", "))
    }
}

/// A row that can't be stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadRow {
    /// The line of the file on which the row begins, counted from 1.
    pub line: u64,
    /// Everything that is wrong with it, in the order of [`COLUMNS`].
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The column; `None` if it is the row as a whole.
    pub column: Option<&'static str>,
    /// What is wrong, such as `'abc' is not a number`.
    pub reason: String,
}

impl fmt::Display for BadRow {
    /// One line for each fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Fault { column, reason }) in self.faults.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            match column {
                Some(column) => {
                    write!(f, "{newline}line {}, column {column}: {reason}", self.line)?;
                }
                None => write!(f, "{newline}line {}: {reason}", self.line)?,
            }
        }
        Ok(())
    }
}

/// A good row.
pub(crate) struct Row {
    /// With a new random key.
    pub(crate) person: Person,
    /// Whether the age had a fraction.
    pub(crate) age_cut: bool,
}

/// Why there is no person for a row.
#[derive(Debug)]
pub(crate) enum RowError {
    /// The row is bad; more may follow.
    Bad(BadRow),
    /// The source can't be read any further.
    Read(io::Error),
}

/// The rows of a CSV source.
pub(crate) struct Rows<R> {
    records: Records<R>,
    /// Where each of [`COLUMNS`] is in this file.
    places: [usize; COLUMNS.len()],
}

impl<R: Read> Rows<R> {
    /// Reads the header.
    pub(crate) fn open(source: R) -> Result<Self, ImportError> {
        let mut records = Records::open(source).map_err(ImportError::Read)?;
        records.advance().map_err(ImportError::Read)?;
        let places = places(&records).map_err(ImportError::BadHeader)?;
        Ok(Self { records, places })
    }

    fn row(&self) -> Result<Row, BadRow> {
        let line = self.records.line();
        let whole = |reason| BadRow {
            line,
            faults: vec![Fault {
                column: None,
                reason,
            }],
        };
        if self.records.too_long() {
            let most = MAX_BYTES / 1024;
            return Err(whole(format!(
                "the row is longer than {most} KiB, perhaps a closing quote is missing"
            )));
        }
        if self.records.fields() != COLUMNS.len() {
            let (expected, found) = (COLUMNS.len(), self.records.fields());
            return Err(whole(format!("{expected} fields expected, {found} found")));
        }
        self.person().map_err(|faults| BadRow { line, faults })
    }

    fn person(&self) -> Result<Row, Vec<Fault>> {
        let mut faults = Vec::new();
        // In the order of COLUMNS.
        let survived = self.check(0, cell::survived, &mut faults);
        let passenger_class = self.check(1, cell::integer, &mut faults);
        let name = self.check(2, cell::name, &mut faults);
        let sex = self.check(3, cell::sex, &mut faults);
        let age = self.check(4, cell::age, &mut faults);
        let siblings_or_spouses = self.check(5, cell::integer, &mut faults);
        let parents_or_children = self.check(6, cell::integer, &mut faults);
        let fare = self.check(7, cell::fare, &mut faults);
        let person = || {
            let (age, age_cut) = age?;
            let person = Person {
                uuid: Uuid::new_v4(),
                survived: survived?,
                passenger_class: passenger_class?,
                name: name?,
                sex: sex?,
                age,
                siblings_or_spouses_aboard: siblings_or_spouses?,
                parents_or_children_aboard: parents_or_children?,
                fare: fare?,
            };
            Some(Row { person, age_cut })
        };
        person().ok_or(faults)
    }

    fn check<T>(
        &self,
        column: usize,
        check: fn(&[u8]) -> Checked<T>,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        match check(self.records.cell(self.places[column])) {
            Ok(value) => Some(value),
            Err(reason) => {
                let column = Some(COLUMNS[column]);
                faults.push(Fault { column, reason });
                None
            }
        }
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Row, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.records.advance() {
            Ok(true) => Some(self.row().map_err(RowError::Bad)),
            Ok(false) => None,
            Err(error) => Some(Err(RowError::Read(error))),
        }
    }
}

fn places<R: Read>(header: &Records<R>) -> Result<[usize; COLUMNS.len()], BadHeader> {
    let mut places = [None; COLUMNS.len()];
    let mut bad = BadHeader::default();
    for place in 0..header.fields() {
        let name = String::from_utf8_lossy(header.cell(place).trim_ascii());
        match COLUMNS.iter().position(|column| *column == name) {
            Some(column) if places[column].is_none() => places[column] = Some(place),
            Some(column) if bad.repeated.contains(&COLUMNS[column]) => {}
            Some(column) => bad.repeated.push(COLUMNS[column]),
            None if bad.unknown.len() < UNKNOWN_NAMED => bad.unknown.push(quoted(&name)),
            None => {}
        }
    }
    let found = COLUMNS.iter().zip(places);
    bad.missing.extend(
        found
            .filter(|(_, place)| place.is_none())
            .map(|(column, _)| *column),
    );
    if bad == BadHeader::default() {
        Ok(places.map(Option::unwrap_or_default))
    } else {
        Err(bad)
    }
}
