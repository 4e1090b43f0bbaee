//! An import before, while and after a file is sent.

use serde_json::json;

use super::{Browser, Program};

const HEADER: &str =
    "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";

#[test]
fn first_rows_of_a_file_are_shown_before_anything_is_sent() {
    let row = "1,1,\"Ann, \"\"the\nfirst\"\"\",female,30,0,0,80.5\n";
    let csv = format!("{HEADER}{}", row.repeat(9));
    let program = Program::new()
        .env("APP_DEBUG", "0")
        .file("people.csv", &csv)
        .file(
            "semicolons.csv",
            &csv.replace(',', ";").replace("Ann;", "Ann,"),
        )
        .file(
            "people.ndjson",
            "{\"name\":\"<b>Ann</b>\",\"age\":30}\nnot json\n{\"name\":null}\n",
        )
        .file("workbook.xlsx", "PK\u{3}\u{4}");
    let (service, browser) = (program.serve(&[]), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people/import");
    let choose = |name: &str| browser.enter("#file", program.path(name).to_str().unwrap());
    for name in ["people.csv", "semicolons.csv"] {
        choose(name);
        browser.until("#preview", "Ann, \"the first\"");
        let heads = browser.texts("#preview th");
        assert_eq!(heads[..3], ["Survived", "Pclass", "Name"], "{name}");
        assert_eq!(browser.texts("#preview tbody tr").len(), 5, "{name}");
        browser.open("/people/import");
    }
    choose("people.csv");
    browser.until("#preview", "Ann");
    browser.screenshot("import-preview");
    browser.is_accessible();
    browser.width(360);
    browser.is_accessible();
    choose("people.ndjson");
    browser.until("#preview", "<b>Ann</b>");
    assert_eq!(browser.texts("#preview th"), ["name", "age"]);
    choose("workbook.xlsx");
    browser.until("#preview", "Save the table as CSV first.");
    assert_eq!(service.people(), 0);
}

#[test]
fn leaving_while_a_file_is_sent_asks_first_and_cancel_ends_it() {
    let rows = "1,1,Ann,female,30,0,0,80.5\n".repeat(40_000);
    let program = Program::new()
        .env("APP_DEBUG", "0")
        .file("long.csv", &format!("{HEADER}{rows}"));
    let (service, browser) = (program.serve(&[]), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people/import");
    let asks =
        || browser.js("return !dispatchEvent(new Event('beforeunload', {cancelable: true}))");
    assert_eq!(asks(), false);
    browser.enter("#file", program.path("long.csv").to_str().unwrap());
    browser.until("#preview", "Ann");
    browser.slow_uploads(50_000);
    browser.click("form.import button");
    browser.until("#progress", "Sending: ");
    assert_eq!(asks(), true);
    browser.screenshot("import-sending");
    browser.is_accessible();
    browser.click("#cancel");
    browser.until("#result", "You cancelled the import. Nobody was added.");
    browser.slow_uploads(-1);
    assert_eq!((asks(), service.people()), (json!(false), 0));
}
