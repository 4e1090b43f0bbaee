//! Rows: records under a header, each one a person or a list of what is wrong with it.
//!
//! A pure iterator over any [`Read`]; it knows neither stores nor threads. Columns are found by name,
//! so their order is free, but exactly the eight must be there: a file with another set of columns is
//! likely another file. What a cell's text means is decided here; whether its value is good, by the contract's schema of
//! a new person, as for every other request.

use std::fmt;
use std::io::{self, Read};

use connexion::{In, Validator, Violation};
use uuid::Uuid;

use super::ImportError;
use super::cell::{self, Checked, quoted};
use super::record::{MAX_BYTES, Records};
use crate::error::as_the_original;
use crate::person::{Person, Sex};

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

/// The members that they become.
const MEMBERS: [&str; COLUMNS.len()] = [
    "survived",
    "passengerClass",
    "name",
    "sex",
    "age",
    "siblingsOrSpousesAboard",
    "parentsOrChildrenAboard",
    "fare",
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
#[derive(Clone, Debug, PartialEq)]
pub struct BadRow {
    /// The line of the file on which the row begins, counted from 1.
    pub line: u64,
    /// Everything that is wrong with it, in the order of [`COLUMNS`].
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The column of CSV; `None` if it is the row as a whole.
    pub column: Option<&'static str>,
    /// What is wrong, such as `'abc' is not a number`, and with which member.
    pub violation: Violation,
}

impl Fault {
    /// What is wrong with a cell, or with the row as a whole.
    pub(super) fn new(
        column: Option<usize>,
        keyword: &'static str,
        reason: impl Into<String>,
    ) -> Self {
        let mut violation = Violation::new(In::Body, keyword, reason);
        if let Some(column) = column {
            violation.pointer = format!("/{}", MEMBERS[column]);
        }
        let column = column.map(|column| COLUMNS[column]);
        Self { column, violation }
    }

    /// What the contract's schema does not allow, in the words that every other request would be told.
    pub(super) fn of_schema(violations: Vec<Violation>) -> Vec<Self> {
        let mut problem = violations.into();
        as_the_original(&mut problem);
        let fault = |violation| Self {
            column: None,
            violation,
        };
        problem.errors.into_iter().map(fault).collect()
    }

    /// With the column that its member comes from.
    fn in_column(self) -> Self {
        let member = self.violation.pointer.strip_prefix('/');
        let column = MEMBERS.iter().position(|name| Some(*name) == member);
        let column = column.map(|column| COLUMNS[column]);
        Self { column, ..self }
    }
}

impl fmt::Display for BadRow {
    /// One line for each fault.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Fault { column, violation }) in self.faults.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            let reason = &violation.detail;
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
#[derive(Debug)]
pub(crate) struct Row {
    /// With a new random key, unless the row has one.
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
pub(crate) struct Rows<'v, R> {
    records: Records<R>,
    /// The contract's schema of a new person.
    schema: &'v Validator,
    /// Where each of [`COLUMNS`] is in this file.
    places: [usize; COLUMNS.len()],
}

impl<'v, R: Read> Rows<'v, R> {
    /// Reads the header.
    pub(crate) fn open(source: R, schema: &'v Validator) -> Result<Self, ImportError> {
        let mut records = Records::open(source).map_err(ImportError::Read)?;
        records.advance().map_err(ImportError::Read)?;
        let places = places(&records).map_err(ImportError::BadHeader)?;
        Ok(Self {
            records,
            schema,
            places,
        })
    }

    fn row(&self) -> Result<Row, BadRow> {
        let line = self.records.line();
        let whole = |reason| BadRow {
            line,
            faults: vec![Fault::new(None, "sequence", reason)],
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
        let (age, age_cut) = age.unwrap_or_default();
        // With something in the place of what can't be read, so that what is wrong with the rest is told, too.
        let person = Person {
            uuid: Uuid::new_v4(),
            survived: survived.unwrap_or_default(),
            passenger_class: passenger_class.unwrap_or_default(),
            name: name.unwrap_or_default(),
            sex: sex.unwrap_or(Sex::Other),
            age,
            siblings_or_spouses_aboard: siblings_or_spouses.unwrap_or_default(),
            parents_or_children_aboard: parents_or_children.unwrap_or_default(),
            fare: fare.unwrap_or_default(),
        };
        if let Err(violations) = self.schema.check(&person) {
            let more = Fault::of_schema(violations)
                .into_iter()
                .map(Fault::in_column);
            let known: Vec<_> = faults.iter().map(|fault| fault.column).collect();
            faults.extend(more.filter(|fault| !known.contains(&fault.column)));
            faults.sort_by_key(|fault| COLUMNS.iter().position(|name| Some(*name) == fault.column));
        }
        if faults.is_empty() {
            Ok(Row { person, age_cut })
        } else {
            Err(faults)
        }
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
                faults.push(Fault::new(Some(column), "type", reason));
                None
            }
        }
    }
}

impl<R: Read> Iterator for Rows<'_, R> {
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
