//! Tests of rows and of what reaches the store; whether a store keeps it is tested in `tests/it`.

use futures_util::StreamExt;

use super::*;
use crate::app;
use crate::person::{Person, Sex};

const HEADER: &str =
    "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";
const ROW: &str = "1,2,\"Doe, J\",female,30,1,0,7.5\n";

/// The contract's schema of a new person.
fn schema() -> Validator {
    app::new_person(app::document().unwrap()).unwrap()
}

/// How many people are in each batch.
async fn sizes(batches: Batches) -> Vec<Result<usize, ImportStopped>> {
    let size = |batch| match batch {
        Batch::People(people) => people.len(),
        Batch::Receipt(_) => 0,
    };
    batches.map(|batch| batch.map(size)).collect().await
}

/// What a store gets of a source, and how many ages were cut, or how else parsing ended.
async fn parsed(
    source: impl Read + Send + 'static,
) -> (Vec<Result<usize, ImportStopped>>, Result<u64, ImportError>) {
    let (batches, parsing) = parse(source, schema(), Options::default(), |_| {});
    let sizes = sizes(batches).await;
    let outcome = outcome(parsing).await;
    (sizes, outcome.map(|parsed| parsed.imported.ages_cut))
}

#[track_caller]
fn people(text: &str) -> Vec<Person> {
    Rows::open(text.as_bytes(), &schema())
        .unwrap()
        .map(|row| row.unwrap().person)
        .collect()
}

/// The report about a file that can't be imported.
#[track_caller]
fn report(text: &str) -> String {
    let (sender, _receiver) = mpsc::channel(100);
    let parsed = send_rows(
        text.as_bytes(),
        &schema(),
        Options::default(),
        sender,
        |_| {},
    );
    parsed.err().unwrap().to_string()
}

#[test]
fn rows_become_people_with_keys_of_their_own() {
    let people = people(&format!("{HEADER}{ROW}{ROW}"));
    assert_eq!(people.len(), 2);
    assert_ne!(people[0].uuid, people[1].uuid);
    assert_eq!(people[0].uuid.get_version_num(), 4);
    let expected = Person {
        uuid: people[0].uuid,
        survived: true,
        passenger_class: 2,
        name: "Doe, J".to_owned(),
        sex: Sex::Female,
        age: 30,
        siblings_or_spouses_aboard: 1,
        parents_or_children_aboard: 0,
        fare: 7.5,
    };
    assert_eq!(people[0], expected);
}

#[test]
fn columns_may_come_in_any_order() {
    let text = "\u{feff}Fare, Name ,Sex,Age,Parents/Children Aboard,Siblings/Spouses Aboard,Survived,Pclass\r\n\
        \r\n\
        8.05,\" Ann\n\",MALE,22.0,4,5,no,3\r\n";
    let person = people(text).remove(0);
    assert_eq!(
        (person.name.as_str(), person.sex, person.survived),
        (" Ann\n", Sex::Male, false)
    );
    assert_eq!(
        (
            person.siblings_or_spouses_aboard,
            person.parents_or_children_aboard
        ),
        (5, 4)
    );
}

#[test]
fn a_header_with_other_columns_is_refused() {
    let text = HEADER.replace("Age", "age").replace("Fare", "Sex,Sex,a\tb");
    let expected = "the header is wrong: column Age is missing, column Fare is missing, column 'age' is unknown, \
        column 'a\\tb' is unknown, column Sex is there more than once";
    assert_eq!(report(&text), expected);
    for text in ["", "\n\n", "\u{feff}"] {
        assert!(
            report(text)
                .starts_with("the header is wrong: column Survived is missing, column Pclass is ")
        );
    }
    assert!(
        report(&"\"".repeat(200_001))
            .starts_with("the header is wrong: column Survived is missing")
    );
}

#[test]
fn every_fault_of_every_bad_row_is_reported() {
    let text = format!(
        "{HEADER}{ROW}\n1,2,\"two\nlines\",female,abc,1,,7.5\n{ROW}1,2,x\n1,2,x,y,3,1,0,7,\n\
        maybe,1.5,{name},f,1e10,99999999999,-,inf\n",
        name = "n".repeat(101),
    );
    let expected = "4 bad rows, nothing was stored\n\
        line 4, column Age: 'abc' is not a number\n\
        line 4, column Parents/Children Aboard: the cell is empty\n\
        line 7: 8 fields expected, 3 found\n\
        line 8: 8 fields expected, 9 found\n\
        line 9, column Survived: 'maybe' is not 0 or 1, true or false, yes or no\n\
        line 9, column Pclass: '1.5' is not a whole number\n\
        line 9, column Name: To long value for `name`. Max 100 chars.\n\
        line 9, column Sex: 'f' is not male, female or other\n\
        line 9, column Age: '1e10' does not fit into 32 bits\n\
        line 9, column Siblings/Spouses Aboard: '99999999999' does not fit into 32 bits\n\
        line 9, column Parents/Children Aboard: '-' is not a whole number\n\
        line 9, column Fare: 'inf' is not a finite number";
    assert_eq!(report(&text), expected);
}

#[test]
fn a_quote_that_is_never_closed_is_one_bad_row() {
    let text = format!(
        "{HEADER}{ROW}1,2,\"Doe,female,30,1,0,7.5\n{}",
        ROW.replace('"', "").repeat(10_000)
    );
    let expected = "1 bad row, nothing was stored\n\
        line 3: the row is longer than 64 KiB, perhaps a closing quote is missing";
    assert_eq!(report(&text), expected);
}

#[test]
fn twenty_bad_rows_are_shown_and_the_rest_counted() {
    let report = report(&format!("{HEADER}{}", "bad\n".repeat(50_000)));
    assert!(
        report.starts_with(
            "50000 bad rows, nothing was stored\nline 2: 8 fields expected, 1 found\n"
        ),
        "{report}"
    );
    assert!(
        report.ends_with("\nline 21: 8 fields expected, 1 found\nand 49980 more"),
        "{report}"
    );
}

#[tokio::test]
async fn people_come_in_batches() {
    let text = format!("{HEADER}{}", ROW.repeat(2_500));
    let (batches, outcome) = parsed(io::Cursor::new(text)).await;
    assert_eq!(batches, [Ok(1_000), Ok(1_000), Ok(500)]);
    assert_eq!(outcome.unwrap(), 0);
    let (batches, outcome) = parsed(HEADER.as_bytes()).await;
    assert_eq!(batches, []);
    assert_eq!(outcome.unwrap(), 0);
}

#[tokio::test]
async fn the_sample_is_good() {
    let (batches, outcome) = parsed(SAMPLE).await;
    assert_eq!(batches, [Ok(714)]);
    assert_eq!(outcome.unwrap(), 25);
}

#[tokio::test]
async fn a_bad_row_stops_the_store_but_not_the_count() {
    let text = format!(
        "{HEADER}{}bad\n{}bad\n",
        ROW.repeat(1_500),
        ROW.repeat(9_000)
    );
    let (batches, outcome) = parsed(io::Cursor::new(text)).await;
    assert_eq!(batches, [Ok(1_000), Err(ImportStopped)]);
    match outcome.unwrap_err() {
        ImportError::BadRows { shown, total: 2 } => {
            assert_eq!((shown[0].line, shown[1].line), (1_502, 10_503));
        }
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_source_that_fails_stops_the_store() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    for start in ["", HEADER, &format!("{HEADER}bad\n")] {
        let (batches, outcome) = parsed(io::Cursor::new(start.to_owned()).chain(Fails)).await;
        assert_eq!(batches, [Err(ImportStopped)]);
        assert_eq!(
            outcome.unwrap_err().to_string(),
            "the source can't be read: unplugged",
            "{start}"
        );
    }
}

#[tokio::test]
async fn a_parser_that_panics_stops_the_store() {
    let text = format!("{HEADER}{}", ROW.repeat(2_000));
    let (batches, parsing) = parse(
        io::Cursor::new(text),
        schema(),
        Options::default(),
        |rows| {
            assert!(rows < 2_000, "on purpose");
        },
    );
    assert_eq!(sizes(batches).await, [Ok(1_000), Err(ImportStopped)]);
    assert!(matches!(outcome(parsing).await, Err(ImportError::Read(_))));
}

#[tokio::test]
async fn a_store_that_gives_up_ends_parsing() {
    let endless = io::Cursor::new(HEADER).chain(Repeat(ROW.as_bytes()));
    let (batches, parsing) = parse(endless, schema(), Options::default(), |_| {});
    drop(batches);
    assert_eq!(outcome(parsing).await.unwrap().imported.ages_cut, 0);
}

/// The same row for ever.
struct Repeat(&'static [u8]);

impl Read for Repeat {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        if self.0.is_empty() {
            self.0 = ROW.as_bytes();
        }
        Ok(read)
    }
}
