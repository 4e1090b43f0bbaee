//! Tests of rows and of what reaches the store; whether a store keeps it is tested in `tests/it`.

use futures_util::StreamExt;

use super::batches::{outcome, parse};
use super::check::{check, check_rows};
use super::*;
use crate::app;
use crate::person::{Person, Sex};
use crate::store::{Batches, ImportStopped};

const HEADER: &str =
    "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";
const ROW: &str = "1,2,\"Doe, J\",female,30,1,0,7.5\n";

/// The contract's schema of a new person.
fn schema() -> Validator {
    app::new_person(app::document().unwrap()).unwrap()
}

/// How many people are in each batch.
async fn sizes(batches: Batches) -> Vec<Result<usize, ImportStopped>> {
    batches
        .map(|batch| batch.map(|people| people.len()))
        .collect()
        .await
}

/// What a store gets of a source, and how parsing ended.
async fn parsed(
    source: impl Read + Send + 'static,
) -> (Vec<Result<usize, ImportStopped>>, Result<(), ImportError>) {
    let (batches, parsing) = parse(source, schema(), Format::Csv, |_| {});
    (sizes(batches).await, outcome(parsing).await)
}

/// What is learned of a source, or what is wrong with it.
fn checked(source: &mut impl Read, format: Format) -> Result<Imported, ImportError> {
    let options = Options {
        format,
        ..Options::default()
    };
    check_rows(source, &schema(), options, &mut |_| {}, || true).map(|(imported, _)| imported)
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
    let checked = checked(&mut text.as_bytes(), Format::Csv);
    checked.unwrap_err().to_string()
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
fn a_header_with_other_columns_is_rejected_with_an_error_for_each() {
    let text = HEADER
        .replace("Age", "Alter")
        .replace("Fare", "Sex,sex,a\tb");
    let expected = "the header is wrong: column Age is missing, column Fare is missing, column 'Alter' is unknown, \
        column Sex is there more than once, column Sex is there more than once, column 'a\\tb' is unknown";
    assert_eq!(report(&text), expected);
    for text in ["", "\n\n", "\u{feff}"] {
        assert_eq!(report(text), "the file is empty");
    }
    let quotes = "\"".repeat(200_001);
    let expected = "the header is wrong: the quote that is opened here is never closed, perhaps the file is cut off";
    assert_eq!(report(&quotes), expected);
}

#[test]
fn the_headers_of_public_files_are_accepted() {
    let rows = |text: &str| {
        let people = people(text);
        let of = |person: &Person| (person.name.clone(), person.age, person.fare);
        people.iter().map(of).collect::<Vec<_>>()
    };
    let ann = [("Ann".to_owned(), 29, 7.25)];
    for text in [
        "PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked\n\
            1,0,3,Ann,female,29,1,0,A/5 1,7.25,,S\n",
        "\"pclass\",\"survived\",\"name\",\"sex\",\"age\",\"sibsp\",\"parch\",\"ticket\",\"fare\",\"cabin\",\
            \"embarked\",\"boat\",\"body\",\"home.dest\"\n3,0,\"Ann\",\"female\",29,1,0,\"1\",7.25,,\"S\",\"2\",,\"X\"\n",
        "survived,passengerClass,name,sex,age,siblingsOrSpousesAboard,parentsOrChildrenAboard,fare\n\
            0,3,Ann,female,29,1,0,7.25\n",
        " SURVIVED ,Pclass\u{a0},name,Sex,AGE,siblings_spouses_aboard,Parents / Children  Aboard,fare\n\
            0,3,Ann,female,29,1,0,7.25\n",
        "sep=;\nSurvived;Pclass;Name;Sex;Age;SibSp;Parch;Fare;;\n0;3;Ann;female;29;1;0;7,25;;\n;;;;;;;;;\n",
        "Survived\tPclass\tName\tSex\tAge\tSibSp\tParch\tFare\n0\t3\tAnn\tfemale\t29\t1\t0\t7.25\n",
    ] {
        assert_eq!(rows(text), ann, "{text}");
    }
    // What is missing in one is said.
    let seaborn = "survived,pclass,sex,age,sibsp,parch,fare,embarked,class,who,adult_male,deck,embark_town,alive,alone\n";
    assert_eq!(
        report(seaborn),
        "the header is wrong: column Name is missing"
    );
    let index = report(&format!(",{HEADER}"));
    assert_eq!(index, "the header is wrong: column 1 has no name");
}

#[test]
fn columns_without_a_name_hold_nothing() {
    let text = format!(
        "{}\n{}\n{}",
        HEADER.replace("Fare\n", "Fare,"),
        ROW.replace("7.5\n", "7.5,"),
        ROW.replace("7.5\n", "7.5,x")
    );
    let expected =
        "1 bad row, nothing was stored\nline 3: field 9 has a value, but no name in the header";
    assert_eq!(report(&text), expected);
}

#[test]
fn the_decimal_mark_of_a_file_is_a_point_or_with_semicolons_a_comma() {
    let header = HEADER.replace(',', ";");
    let row = |fare: &str| format!("0;1;x;male;1;0;0;{fare}\n");
    let fares = |text: &str| people(text).iter().map(|one| one.fare).collect::<Vec<_>>();
    assert_eq!(
        fares(&format!("{header}{}{}", row("7,25"), row("8"))),
        [7.25, 8.0]
    );
    assert_eq!(
        fares(&format!("{header}{}{}", row("7.25"), row("8"))),
        [7.25, 8.0]
    );
    let expected = "2 bad rows, nothing was stored\n\
        line 3, column Fare: '1.250' has the decimal mark '.', but line 2 has ','\n\
        line 4, column Fare: '1.250,5' is not a number";
    let text = format!("{header}{}{}{}", row("7,25"), row("1.250"), row("1.250,5"));
    assert_eq!(report(&text), expected);
    let expected = "line 2, column Fare: '7,25' is not a number";
    let text = format!("{HEADER}0,1,x,male,1,0,0,\"7,25\"\n");
    assert!(report(&text).ends_with(expected));
}

#[test]
fn a_header_that_is_there_again_and_a_damaged_end_are_told() {
    let text = format!("{HEADER}{ROW}{HEADER}{ROW}\0\0\0\0");
    let expected = "2 bad rows, nothing was stored\n\
        line 3: the header is there once more: put files together without the others' headers\n\
        line 5: 8 fields expected, 1 found; the file is damaged: NUL bytes stand where its end was not written";
    assert_eq!(report(&text), expected);
}

/// The report about lines of JSON.
#[track_caller]
fn report_of_lines(text: &str) -> String {
    let checked = checked(&mut text.as_bytes(), Format::Lines);
    checked.unwrap_err().to_string()
}

const JSON: &str = r#"{"passengerClass": 1, "name": "A", "sex": "male", "age": 1, "siblingsOrSpousesAboard": 0, "parentsOrChildrenAboard": 0, "fare": 1.5}"#;

#[test]
fn lines_of_json_are_counted_as_lines_of_csv_are() {
    for end in ["\n", "\r\n", "\r"] {
        let lines = [JSON, "", JSON, "{\"name\": x}", JSON, "[]"];
        let expected = "2 bad rows, nothing was stored\n\
            line 4: not valid JSON at byte 10: expected value\n\
            line 6: [] is not of type 'object'";
        assert_eq!(report_of_lines(&lines.join(end)), expected, "{end:?}");
    }
    let two = format!("{JSON} {JSON}\n");
    let at = JSON.len() + 2;
    let expected = format!(
        "1 bad row, nothing was stored\nline 1: not valid JSON at byte {at}: trailing characters"
    );
    assert_eq!(report_of_lines(&two), expected);
}

#[test]
fn a_key_that_is_there_twice_is_told_with_both_lines() {
    let key = "33333333-3333-4333-8333-333333333333";
    let own = format!(r#"{{"uuid": "{key}", {}"#, &JSON[1..]);
    let upper = own.replace(key, "{33333333333343338333333333333333}");
    let text = [JSON, &own, "x", &upper, JSON, &own].join("\n");
    let expected = format!(
        "3 bad rows, nothing was stored\n\
        line 3: not valid JSON at byte 1: expected value\n\
        line 4: line 2 has the key {key} already\n\
        line 6: line 2 has the key {key} already"
    );
    assert_eq!(report_of_lines(&text), expected);
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
        line 3: the quote that is opened here is never closed, perhaps the file is cut off";
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
    outcome.unwrap();
    let (batches, outcome) = parsed(HEADER.as_bytes()).await;
    assert_eq!(batches, []);
    outcome.unwrap();
}

#[test]
fn the_sample_is_valid() {
    let imported = checked(&mut &*SAMPLE, Format::Csv).unwrap();
    assert_eq!((imported.rows, imported.ages_cut), (714, 25));
}

#[tokio::test]
async fn a_row_that_is_bad_the_second_time_stops_the_store() {
    let text = format!("{HEADER}{}bad\n{ROW}", ROW.repeat(1_500));
    let (batches, outcome) = parsed(io::Cursor::new(text)).await;
    assert_eq!(batches, [Ok(1_000), Err(ImportStopped)]);
    match outcome.unwrap_err() {
        ImportError::BadRows { shown, .. } => assert_eq!(shown[0].line, 1_502),
        error => panic!("{error}"),
    }
}

/// Unplugged.
struct Fails;

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("unplugged"))
    }
}

#[tokio::test]
async fn a_source_that_fails_stops_the_store() {
    for start in ["", HEADER] {
        let source = io::Cursor::new(start.to_owned()).chain(Fails);
        let (batches, outcome) = parsed(source).await;
        assert_eq!(batches, [Err(ImportStopped)]);
        let expected = "the source can't be read: unplugged";
        assert_eq!(outcome.unwrap_err().to_string(), expected, "{start}");
    }
}

#[test]
fn a_source_that_fails_is_an_error_whatever_else_is_wrong_with_it() {
    for start in ["", HEADER, &format!("{HEADER}bad\n")] {
        let checked = checked(&mut start.as_bytes().chain(Fails), Format::Csv);
        let expected = "the source can't be read: unplugged";
        assert_eq!(checked.unwrap_err().to_string(), expected, "{start}");
    }
}

#[tokio::test]
async fn a_parser_that_panics_stops_the_store() {
    let text = format!("{HEADER}{}", ROW.repeat(2_000));
    let source = io::Cursor::new(text);
    let (batches, parsing) = parse(source, schema(), Format::Csv, |rows| {
        assert_ne!(rows, Progress::Storing(1_000), "on purpose");
    });
    assert_eq!(sizes(batches).await, [Ok(1_000), Err(ImportStopped)]);
    assert!(matches!(outcome(parsing).await, Err(ImportError::Read(_))));
}

#[tokio::test]
async fn a_checker_that_panics_is_an_error() {
    let source = io::Cursor::new(HEADER);
    let checked = check(source, schema(), Options::default(), |_| {
        panic!("on purpose")
    })
    .await;
    assert!(matches!(checked.err(), Some(ImportError::Read(_))));
}

#[tokio::test]
async fn a_store_that_gives_up_ends_parsing() {
    let endless = io::Cursor::new(HEADER).chain(Repeat(ROW.as_bytes()));
    let (batches, parsing) = parse(endless, schema(), Format::Csv, |_| {});
    drop(batches);
    outcome(parsing).await.unwrap();
}

#[test]
fn checking_ends_when_nobody_waits_for_it() {
    let mut endless = HEADER.as_bytes().chain(Repeat(ROW.as_bytes()));
    let options = Options::default();
    let checked = check_rows(&mut endless, &schema(), options, &mut |_| {}, || false);
    assert_eq!(checked.unwrap().0.rows, 1_000);
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
