//! Export: the people of a store as the CSV or the lines of JSON that [`crate::import`] reads.
//!
//! What is written reads back equal; in CSV except for the key, which the file has no column for. People are
//! written as the store streams them, so memory stays constant.
//!
//! A spreadsheet runs a text that begins like a formula, and a name may come from anyone (OWASP, "CSV Injection"). Whoever
//! opens the file in one asks for a `'` before such texts. The default writes what is stored: an import would keep the `'`.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::header;

use crate::import::{COLUMNS, Format};
use crate::person::Person;
use crate::store::{People, StoreError};

/// How many people a chunk of an answer has at most.
const CHUNK: usize = 256;

/// What a formula begins with, in some spreadsheet or other: the last four are full-width forms.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Why an export is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file can't be written.
    #[error("the file can't be written: {0}")]
    Write(#[from] io::Error),
    /// The people can't be read.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Writes these people in this format, and returns how many they were. With `spreadsheet` no text of CSV is taken for a formula.
///
/// # Errors
///
/// [`ExportError`]; the target may hold some rows by then.
pub async fn export(
    people: People,
    format: Format,
    spreadsheet: bool,
    target: impl Write + Send,
) -> Result<u64, ExportError> {
    match format {
        Format::Csv => rows(people, spreadsheet, target).await,
        Format::Lines => lines(people, target).await,
    }
}

async fn lines(mut people: People, target: impl Write + Send) -> Result<u64, ExportError> {
    let mut target = BufWriter::new(target);
    let mut lines = 0;
    while let Some(person) = people.next().await {
        serde_json::to_writer(&mut target, &person?).map_err(io::Error::from)?;
        target.write_all(b"\n")?;
        lines += 1;
    }
    target.flush()?;
    Ok(lines)
}

async fn rows(
    mut people: People,
    spreadsheet: bool,
    target: impl Write + Send,
) -> Result<u64, ExportError> {
    let mut sheet = Sheet::continued(target, spreadsheet);
    sheet.header()?;
    let mut rows = 0;
    while let Some(person) = people.next().await {
        sheet.write(&person?)?;
        rows += 1;
    }
    sheet.finish()?;
    Ok(rows)
}

/// These people as an answer, in chunks.
pub(crate) fn csv(people: People, spreadsheet: bool) -> Response {
    let chunks = people.ready_chunks(CHUNK);
    let chunks = futures_util::stream::once(async { Vec::new() }).chain(chunks);
    let rows = chunks
        .enumerate()
        .map(move |(index, people)| -> Result<Vec<u8>, ExportError> {
            let mut bytes = Vec::with_capacity(people.len() * 64);
            let mut sheet = Sheet::continued(&mut bytes, spreadsheet);
            if index == 0 {
                sheet.header()?;
            }
            for person in people {
                sheet.write(&person?)?;
            }
            sheet.finish()?;
            Ok(bytes)
        });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"people.csv\"",
        ),
    ];
    (headers, Body::from_stream(rows)).into_response()
}

/// Writes people as rows. Its strings are used again and again.
struct Sheet<W: Write> {
    csv: csv::Writer<W>,
    number: String,
    /// Whether texts must not be taken for formulas.
    spreadsheet: bool,
}

impl<W: Write> Sheet<W> {
    /// Begins without a header, which only the first chunk has.
    fn continued(target: W, spreadsheet: bool) -> Self {
        Self {
            csv: csv::Writer::from_writer(target),
            number: String::new(),
            spreadsheet,
        }
    }

    fn header(&mut self) -> io::Result<()> {
        Ok(self.csv.write_record(COLUMNS)?)
    }

    fn write(&mut self, person: &Person) -> io::Result<()> {
        self.csv
            .write_field(if person.survived { "1" } else { "0" })?;
        self.integer(person.passenger_class)?;
        self.text(&person.name)?;
        self.csv.write_field(person.sex.as_str())?;
        self.integer(person.age)?;
        self.integer(person.siblings_or_spouses_aboard)?;
        self.integer(person.parents_or_children_aboard)?;
        self.fare(person.fare)?;
        Ok(self.csv.write_record(None::<&[u8]>)?)
    }

    fn finish(mut self) -> io::Result<()> {
        self.csv.flush()
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        if self.spreadsheet && text.starts_with(FORMULA) {
            return Ok(self.csv.write_field(format!("'{text}"))?);
        }
        Ok(self.csv.write_field(text)?)
    }

    fn integer(&mut self, value: i32) -> io::Result<()> {
        self.number.clear();
        write!(self.number, "{value}").map_err(io::Error::other)?;
        Ok(self.csv.write_field(&self.number)?)
    }

    /// The shortest text that reads back the same, with an exponent where that is shorter by far.
    fn fare(&mut self, value: f64) -> io::Result<()> {
        self.number.clear();
        write!(self.number, "{value:?}").map_err(io::Error::other)?;
        Ok(self.csv.write_field(self.number.trim_end_matches(".0"))?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::app;
    use crate::import::Rows;
    use crate::person::Sex;

    fn person(name: &str, fare: f64) -> Person {
        Person {
            uuid: Uuid::nil(),
            survived: true,
            passenger_class: 1,
            name: name.to_owned(),
            sex: Sex::Female,
            age: 38,
            siblings_or_spouses_aboard: 1,
            parents_or_children_aboard: 0,
            fare,
        }
    }

    fn written(people: &[Person]) -> String {
        let mut target = Vec::new();
        let mut sheet = Sheet::continued(&mut target, false);
        sheet.header().unwrap();
        for person in people {
            sheet.write(person).unwrap();
        }
        sheet.finish().unwrap();
        String::from_utf8(target).unwrap()
    }

    /// Reads rows back; nothing may be cut.
    fn read(text: &str) -> Vec<Person> {
        let schema = app::new_person(app::document().unwrap()).unwrap();
        let rows = Rows::open(text.as_bytes(), &schema)
            .unwrap()
            .map(Result::unwrap);
        rows.map(|row| {
            if row.age_cut {
                panic!("an age was cut")
            } else {
                row.person
            }
        })
        .collect()
    }

    #[test]
    fn people_are_written_under_the_header() {
        let people = [person("Cumings, Mrs. \"Flo\"", 71.2833), person("", 13.0)];
        let expected = "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n\
            1,1,\"Cumings, Mrs. \"\"Flo\"\"\",female,38,1,0,71.2833\n\
            1,1,,female,38,1,0,13\n";
        assert_eq!(written(&people), expected);
    }

    #[test]
    fn fares_are_short() {
        for (fare, text) in [
            (7.0, "7"),
            (-0.0, "-0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e300, "1e300"),
            (1e-7, "1e-7"),
        ] {
            assert_eq!(
                written(&[person("", fare)]).lines().nth(1),
                Some(&*format!("1,1,,female,38,1,0,{text}"))
            );
        }
    }

    fn any_person() -> impl Strategy<Value = Person> {
        let characters = prop_oneof![
            4 => prop::sample::select(vec!['"', ',', '\n', '\r', ' ', '\t', '\'', '\u{feff}', '😀', 'a']),
            1 => any::<char>().prop_filter("no store holds NUL", |c| *c != '\0'),
        ];
        let name =
            prop::collection::vec(characters, 0..=100).prop_map(|name| name.into_iter().collect());
        let sex = prop::sample::select(vec![Sex::Male, Sex::Female, Sex::Other]);
        let fare = any::<f64>().prop_filter("fares are finite", |fare| fare.is_finite());
        let numbers = any::<(bool, i32, i32, i32, i32)>();
        (name, sex, fare, numbers).prop_map(
            |(name, sex, fare, (survived, class, age, siblings, parents))| Person {
                uuid: Uuid::nil(),
                survived,
                passenger_class: class,
                name,
                sex,
                age,
                siblings_or_spouses_aboard: siblings,
                parents_or_children_aboard: parents,
                fare,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_exported_reads_back_equal(people in prop::collection::vec(any_person(), 0..5)) {
            let mut again = read(&written(&people));
            for person in &mut again {
                person.uuid = Uuid::nil();
            }
            prop_assert_eq!(&again, &people);
            let bits = |people: &[Person]| people.iter().map(|person| person.fare.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&again), bits(&people));
        }
    }
}
