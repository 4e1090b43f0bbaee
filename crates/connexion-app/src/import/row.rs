//! Rows: records under a header, each one a person or a list of what is wrong with it.
//!
//! A pure iterator over any [`Read`]; it knows neither stores nor threads. What a cell's text means is decided here;
//! whether its value is valid, by the contract's schema of a new person, as for every other request.

use std::fmt;
use std::io::{self, Chain, Cursor, Read};

use connexion::{Location, Validator, Violation, Violations};
use uuid::Uuid;

use super::cell::{self, Checked, quoted};
use super::file::File;
use super::header::{self, BadHeader, Header, PROPERTIES};
use super::line::Lines;
use super::record::{Flaw, MAX_BYTES, Records};
use super::{Format, ImportError};
use crate::error::as_the_original;
use crate::person::{Person, Sex};

/// A row that can't be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct BadRow {
    /// The line of the file on which the row begins, counted from 1.
    pub line: u64,
    /// Everything that is wrong with it, in the order of the columns.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a row or a header.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The column of CSV, as the file calls it; `None` if it is the row as a whole.
    pub column: Option<String>,
    /// What is wrong, such as `'abc' is not a number`, and with which property.
    pub violation: Violation,
}

impl Fault {
    /// What is wrong with a row as a whole.
    pub(super) fn of_row(keyword: &'static str, reason: impl Into<String>) -> Self {
        Self {
            column: None,
            violation: Violation::new(Location::Body, keyword, reason),
        }
    }

    /// What is wrong with a column of a header.
    pub(super) fn of_header(name: String, keyword: &'static str, reason: String) -> Self {
        Self {
            column: Some(name),
            ..Self::of_row(keyword, reason)
        }
    }

    /// What is wrong with a cell.
    fn of_cell(header: &Header, column: usize, keyword: &'static str, reason: String) -> Self {
        let mut fault = Self::of_header(header.name(column).to_owned(), keyword, reason);
        fault.violation.pointer = format!("/{}", PROPERTIES[column]);
        fault
    }

    /// What the contract's schema does not allow, in the words of every other response.
    pub(super) fn of_schema(violations: Violations) -> Vec<Self> {
        let mut problem = violations.into();
        as_the_original(&mut problem);
        let fault = |violation| Self {
            column: None,
            violation,
        };
        problem.errors.into_iter().map(fault).collect()
    }

    /// The column of the property.
    fn place(&self) -> Option<usize> {
        let property = self.violation.pointer.strip_prefix('/')?;
        PROPERTIES.iter().position(|name| *name == property)
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
    /// Whether the key came with the row.
    pub(crate) has_key: bool,
    /// The line of the file on which it begins, counted from 1.
    pub(crate) line: u64,
}

/// Why there is no person for a row.
#[derive(Debug)]
pub(crate) enum RowError {
    /// The row is bad; more may follow.
    Bad(BadRow),
    /// The source can't be read any further.
    Read(io::Error),
}

/// The rows of a source in this format.
///
/// # Errors
/// If it is no such source.
pub(super) fn open<'v, R: Read + 'v>(
    source: R,
    schema: &'v Validator,
    format: Format,
) -> Result<Box<dyn Iterator<Item = Result<Row, RowError>> + 'v>, ImportError> {
    Ok(match format {
        Format::Csv => Box::new(Rows::open(source, schema)?),
        Format::Lines => Box::new(Lines::open(source, schema)?),
    })
}

/// The rows of a CSV source.
pub(crate) struct Rows<'v, R> {
    records: Records<Chain<Cursor<Vec<u8>>, R>>,
    /// The contract's schema of a new person.
    schema: &'v Validator,
    header: Header,
    decimals: Decimals,
}

impl<'v, R: Read> Rows<'v, R> {
    /// Reads the header.
    pub(crate) fn open(source: R, schema: &'v Validator) -> Result<Self, ImportError> {
        let file = File::open(source).map_err(ImportError::Read)?;
        if let Some(other) = file.is_other_than(Format::Csv) {
            return Err(ImportError::OtherFormat(other));
        }
        let line = file.first_line();
        let separator = header::separator(line);
        let delimiter = separator.unwrap_or_else(|| header::delimiter(line));
        let mut records = Records::new(file.into_source(), delimiter);
        if separator.is_some() {
            records.advance().map_err(ImportError::Read)?;
        }
        records.advance().map_err(ImportError::Read)?;
        if let Some(flaw) = records.flaw() {
            let (line, faults) = (records.line(), vec![flawed(flaw, records.line())]);
            return Err(ImportError::BadHeader(BadHeader { line, faults }));
        }
        let header = Header::of(&records).map_err(ImportError::BadHeader)?;
        Ok(Self {
            records,
            schema,
            header,
            decimals: Decimals::of(delimiter),
        })
    }

    fn row(&mut self) -> Result<Row, BadRow> {
        let line = self.records.line();
        let bad = |faults| BadRow { line, faults };
        if let Some(flaw) = self.records.flaw() {
            return Err(bad(vec![flawed(flaw, line)]));
        }
        if let Some(reason) = self.other_fields() {
            return Err(bad(vec![Fault::of_row("sequence", reason)]));
        }
        self.person().map_err(|faults| {
            if self.header.is_repeated_by(&self.records) {
                let reason =
                    "the header is there once more: put files together without the others' headers";
                return bad(vec![Fault::of_row("sequence", reason)]);
            }
            bad(faults)
        })
    }

    /// What is wrong if it has not the header's fields.
    fn other_fields(&self) -> Option<String> {
        let (expected, found) = (self.header.fields, self.records.fields());
        if found != expected {
            let is_nul = found == 1 && self.records.cell(0).iter().all(|byte| *byte == 0);
            let damaged = "; the file is damaged: NUL bytes stand where its end was not written";
            let damaged = if is_nul { damaged } else { "" };
            return Some(format!(
                "{expected} fields expected, {found} found{damaged}"
            ));
        }
        let mut unnamed = self.header.unnamed..expected;
        let place = unnamed.find(|place| !self.records.cell(*place).trim_ascii().is_empty())?;
        let place = place + 1;
        Some(format!(
            "field {place} has a value, but no name in the header"
        ))
    }

    fn person(&mut self) -> Result<Row, Vec<Fault>> {
        let mut faults = Vec::new();
        // In the order of COLUMNS.
        let survived = self.check(0, cell::survived, &mut faults);
        let passenger_class = self.number(1, cell::integer, &mut faults);
        let name = self.check(2, cell::name, &mut faults);
        let sex = self.check(3, cell::sex, &mut faults);
        let age = self.number(4, cell::age, &mut faults);
        let siblings_or_spouses = self.number(5, cell::integer, &mut faults);
        let parents_or_children = self.number(6, cell::integer, &mut faults);
        let fare = self.number(7, cell::fare, &mut faults);
        let (age, age_cut) = age.unwrap_or_default();
        // With a default for what can't be read, so that errors in the rest are reported, too.
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
            let known: Vec<_> = faults.iter().map(Fault::place).collect();
            let more = Fault::of_schema(violations).into_iter();
            let more = more.filter(|fault| !known.contains(&fault.place()));
            faults.extend(more.map(|fault| {
                let column = fault
                    .place()
                    .map(|place| self.header.name(place).to_owned());
                Fault { column, ..fault }
            }));
            faults.sort_by_key(Fault::place);
        }
        if faults.is_empty() {
            Ok(Row {
                person,
                age_cut,
                has_key: false,
                line: self.records.line(),
            })
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
        let checked = check(self.records.cell(self.header.places[column]));
        checked
            .map_err(|reason| faults.push(Fault::of_cell(&self.header, column, "type", reason)))
            .ok()
    }

    fn number<T>(
        &mut self,
        column: usize,
        read: fn(&str) -> Checked<T>,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        let cell = self.records.cell(self.header.places[column]);
        let text = cell::word(cell);
        let number = text.and_then(|text| self.decimals.read(text, self.records.line(), read));
        number
            .map_err(|reason| faults.push(Fault::of_cell(&self.header, column, "type", reason)))
            .ok()
    }
}

/// How numbers with a fraction are written in a file.
///
/// Programs that separate columns by `;` do so where the comma is the decimal mark, so there it is read as one. In a file
/// that has both marks, one of them may stand between thousands, and nobody can tell which.
struct Decimals {
    may_be_commas: bool,
    /// The first mark that was found, and its line.
    mark: Option<(char, u64)>,
}

impl Decimals {
    fn of(delimiter: u8) -> Self {
        Self {
            may_be_commas: delimiter == b';',
            mark: None,
        }
    }

    fn read<T>(&mut self, text: &str, line: u64, read: fn(&str) -> Checked<T>) -> Checked<T> {
        let mut marks = text.chars().filter(|c| matches!(c, '.' | ','));
        let (true, Some(mark)) = (self.may_be_commas, marks.next()) else {
            return read(text);
        };
        if marks.next().is_some() {
            return Err(format!("{} is not a number", quoted(text)));
        }
        let number = read(&text.replace(',', "."))?;
        let (known, first) = *self.mark.get_or_insert((mark, line));
        if known == mark {
            return Ok(number);
        }
        let text = quoted(text);
        Err(format!(
            "{text} has the decimal mark '{mark}', but line {first} has '{known}'"
        ))
    }
}

/// What a record that is not well-formed says.
fn flawed(flaw: Flaw, line: u64) -> Fault {
    let at = |other| {
        if other == line {
            "here".to_owned()
        } else {
            format!("on line {other}")
        }
    };
    let reason = match flaw {
        Flaw::TooLong => {
            let most = MAX_BYTES / 1024;
            format!("the row is longer than {most} KiB, perhaps a closing quote is missing")
        }
        Flaw::Unclosed { line } => {
            let at = at(line);
            format!("the quote that is opened {at} is never closed, perhaps the file is cut off")
        }
        Flaw::AfterQuote { line } => format!(
            "text follows the quote that is closed {}: a quote is missing, or one within quotes is not written twice",
            at(line)
        ),
        Flaw::Quote { line } => format!(
            "a quote stands {} in a cell that does not begin with one: write the cell in quotes, and its quotes twice",
            at(line)
        ),
    };
    Fault::of_row("sequence", reason)
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
