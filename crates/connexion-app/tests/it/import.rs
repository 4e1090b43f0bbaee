//! Import and export against a store: what it keeps, and that it keeps nothing of a bad file.

use std::io::Cursor;

use connexion::Validator;
use connexion_app::app;
use connexion_app::export::export;
use connexion_app::import::{Format, ImportError, Imported, Options, Progress, SAMPLE, import};
use connexion_app::query::Select;
use connexion_app::store::Store;

use crate::conformance::{Place, on_both_stores};

on_both_stores! {
    a_name_may_be_as_long_as_the_document_says
    the_sample_is_stored
    an_export_can_be_imported
    nothing_is_kept_of_a_bad_file
    no_rows_are_stored_of_a_header
    many_rows_are_stored
}

const HEADER: &str =
    "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";

fn schema() -> Validator {
    app::new_person(app::document().unwrap()).unwrap()
}

async fn imported(store: &dyn Store, text: impl Into<Vec<u8>>) -> Result<Imported, ImportError> {
    let options = Options::default();
    import(store, &schema(), Cursor::new(text.into()), options, |_| {}).await
}

/// The rows of an export, sorted, since a store promises no order.
async fn exported(store: &dyn Store) -> Vec<String> {
    let mut target = Vec::new();
    let people = store.list(&Select::all()).await.unwrap();
    let rows = export(people, Format::Csv, false, &mut target)
        .await
        .unwrap();
    let text = String::from_utf8(target).unwrap();
    let mut lines: Vec<_> = text
        .strip_prefix(HEADER)
        .unwrap()
        .split_terminator('\n')
        .map(str::to_owned)
        .collect();
    lines.sort();
    assert_eq!(rows, lines.len() as u64);
    lines
}

/// The import has a limit of its own, which must be that of the document.
async fn a_name_may_be_as_long_as_the_document_says(place: &Place) {
    let store = place.migrated().await;
    let document = app::document().unwrap().to_json();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let limit = document["components"]["schemas"]["Name"]["maxLength"].as_u64();
    let longest = "ä".repeat(usize::try_from(limit.unwrap()).unwrap());
    let row = |name: &str| format!("{HEADER}0,3,{name},male,22,1,0,7.25\n");
    let stored = imported(store.as_ref(), row(&longest)).await.unwrap();
    assert_eq!(stored.rows, 1);
    let refused = imported(store.as_ref(), row(&format!("{longest}ä"))).await;
    assert!(matches!(
        refused,
        Err(ImportError::BadRows { total: 1, .. })
    ));
}

/// The sample comes back as it went in, but for the ages that are cut.
async fn the_sample_is_stored(place: &Place) {
    let store = place.migrated().await;
    let store = store.as_ref();
    let stored = imported(store, SAMPLE).await.unwrap();
    assert_eq!((stored.rows, stored.ages_cut), (714, 25));
    let rows = exported(store).await;
    assert_eq!(rows.len(), 714);
    let braund = "0,3,\"Braund, Mr. Owen Harris\",male,22,1,0,7.25".to_owned();
    assert!(rows.contains(&braund));
    assert_eq!(rows.iter().filter(|row| row.starts_with('1')).count(), 290);
}

/// What was exported may be imported again: other keys, the same people.
async fn an_export_can_be_imported(place: &Place) {
    let store = place.migrated().await;
    let store = store.as_ref();
    let rows = "0,1,\" Zoë \"\"Z\"\", 😀 \",other,-1,0,-2147483648,5e-324\n\
        1,2147483647,,female,0,0,0,-0\n\
        1,3,plain,male,40,1,2,1.7976931348623157e308\n";
    imported(store, format!("{HEADER}{rows}")).await.unwrap();
    let once = exported(store).await;
    assert_eq!(once.len(), 3);
    imported(store, format!("{HEADER}{}", once.join("\n")))
        .await
        .unwrap();
    let twice: Vec<_> = once
        .iter()
        .flat_map(|row| [row.clone(), row.clone()])
        .collect();
    assert_eq!(exported(store).await, twice);
}

/// A bad row after several good batches, when the store has written most of them.
async fn nothing_is_kept_of_a_bad_file(place: &Place) {
    let store = place.migrated().await;
    let store = store.as_ref();
    let good = "0,1,Doe,male,30,0,0,7\n";
    imported(store, format!("{HEADER}{good}")).await.unwrap();
    let text = format!(
        "{HEADER}{}0,1,Doe,male,abc,0,0,7\n{good}bad\n",
        good.repeat(5_500)
    );
    let error = imported(store, text).await.unwrap_err();
    let expected = "2 bad rows, nothing was stored\n\
        line 5502, column Age: 'abc' is not a number\n\
        line 5504: 8 fields expected, 1 found";
    assert_eq!(error.to_string(), expected);
    assert_eq!(exported(store).await.len(), 1);
}

/// An empty file with a header is no fault.
async fn no_rows_are_stored_of_a_header(place: &Place) {
    let store = place.migrated().await;
    let store = store.as_ref();
    let stored = imported(store, HEADER).await.unwrap();
    assert_eq!((stored.rows, stored.ages_cut), (0, 0));
    let error = imported(store, "").await.unwrap_err();
    assert!(matches!(error, ImportError::OtherFormat(_)), "{error}");
    assert!(exported(store).await.is_empty());
}

/// More rows than any statement or queue holds, with progress from first to last.
async fn many_rows_are_stored(place: &Place) {
    let store = place.migrated().await;
    let store = store.as_ref();
    let text = format!("{HEADER}{}", "1,2,Doe,female,0.5,0,0,0.1\n".repeat(12_345));
    let (told, progress) = std::sync::mpsc::channel();
    let source = Cursor::new(text);
    let tell = move |rows| told.send(rows).unwrap();
    let stored = import(store, &schema(), source, Options::default(), tell).await;
    let stored = stored.unwrap();
    assert_eq!((stored.rows, stored.ages_cut), (12_345, 12_345));
    let told: Vec<_> = progress.iter().collect();
    let rows = (1_000..12_345).step_by(1_000).chain([12_345]);
    let expected: Vec<_> = rows
        .clone()
        .map(Progress::Checking)
        .chain(rows.map(Progress::Storing))
        .collect();
    assert_eq!(told, expected);
    assert_eq!(exported(store).await.len(), 12_345);
}
