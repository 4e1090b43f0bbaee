//! Forms of people without scripts, which are forms of HTML, and what their inputs let in.

use serde_json::json;

use super::{Browser, KEY, change, person, stored, with};

#[test]
fn without_scripts_a_person_is_added_and_what_is_wrong_is_told_at_its_field() {
    let (service, browser) = (with(&[]), Browser::new());
    let browser = browser.turn(&service);
    browser.without_scripts();
    browser.open("/people/new?back=sort%3Dname");
    browser.enter("#name", "Zoë & “Ann” <b>");
    browser.enter("#age", "40");
    browser.go("form.person button");
    assert_eq!(browser.path(), "/people/new?back=sort%3Dname");
    let told = browser.texts("#problem li");
    assert_eq!(
        told[..2],
        ["Choose a value for “Sex”", "Enter a value for “Class”"]
    );
    assert_eq!(browser.text("#passengerClass-error"), told[1]);
    browser.screenshot("form-with-errors-without-scripts");
    browser.scripts(true);
    browser.is_accessible();
    browser.scripts(false);
    let value = |field: &str| browser.attribute(field, "value");
    assert_eq!(
        (value("#name"), value("#age")),
        ("Zoë & “Ann” <b>".to_owned(), "40".to_owned())
    );
    for field in [
        "#passengerClass",
        "#fare",
        "#siblingsOrSpousesAboard",
        "#parentsOrChildrenAboard",
    ] {
        browser.enter(field, "2");
    }
    browser.click("input[name='sex'][value='female']");
    browser.go("form.person button");
    assert_eq!(browser.text("[role='status']"), "The person was added.");
    assert_eq!(browser.text("h1"), "Zoë & “Ann” <b>");
    assert_eq!(service.people(), 1);
    browser.follow("Back to the list");
    assert_eq!(browser.path(), "/people?sort=name");
}

#[test]
fn without_scripts_a_person_is_changed_and_both_changes_are_shown_to_choose_from() {
    let (service, browser) = (with(&[person("Braund")]), Browser::new());
    let browser = browser.turn(&service);
    browser.without_scripts();
    browser.open(&format!("/people/{KEY}/edit"));
    change(
        &service,
        &json!({"age": 33, "fare": 8.05, "passengerClass": 1}),
    );
    browser.enter("#age", "23");
    browser.enter("#passengerClass", "2");
    browser.enter("#name", "Braund, Owen");
    browser.go("form.person button");
    let rows = browser.texts(".compare tbody tr");
    let expected = [
        "Age 22 33 23",
        "Class 3 1 2",
        "Fare 7.25 8.05 (taken over) not changed",
    ];
    assert_eq!(rows, expected);
    assert_eq!(stored(&service)["age"], 33);
    browser.screenshot("conflict-without-scripts");
    browser.scripts(true);
    browser.is_accessible();
    browser.scripts(false);
    browser.click("#age-theirs");
    browser.go("form.person button");
    assert_eq!(browser.text("[role='status']"), "The changes were saved.");
    let stored = stored(&service);
    for (member, value) in [
        ("name", json!("Braund, Owen")),
        ("age", json!(33)),
        ("fare", json!(8.05)),
        ("passengerClass", json!(2)),
    ] {
        assert_eq!(stored[member], value, "{member}");
    }
}

#[test]
fn inputs_are_what_the_schema_says() {
    let (service, browser) = (with(&[]), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people/new");
    for field in [
        "age",
        "passengerClass",
        "siblingsOrSpousesAboard",
        "parentsOrChildrenAboard",
    ] {
        let kind = browser.js(&format!(
            "const one = document.getElementById('{field}'); return [one.type, one.min, one.max, one.step]"
        ));
        assert_eq!(
            kind,
            json!(["number", "-2147483648", "2147483647", "1"]),
            "{field}"
        );
    }
    let fare =
        browser.js("const one = document.getElementById('fare'); return [one.type, one.step]");
    assert_eq!(fare, json!(["number", "any"]));
    let suggested = browser.js(
        "return Array.from(document.getElementById('passengerClass').list.options, one => one.value)",
    );
    assert_eq!(suggested, json!(["1", "2", "3"]));
}

#[test]
fn what_was_entered_stays_when_the_session_or_the_service_is_gone() {
    let program = crate::program::Program::new();
    program.run(&["migrate"]).ok();
    let key = super::key(&program, "writer", "write");
    let (service, browser) = (program.serve(&["--auth", "all"]), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people/new");
    browser.enter("#key", &key);
    browser.go(".key-form button");
    browser.enter("#name", "Still here");
    browser.forget_cookies();
    browser.click("form.person button");
    browser.until("#problem", "Nothing is lost");
    service.stop().ok();
    browser.click("form.person button");
    browser.until("#problem", "The service can’t be reached");
    let name = browser.js("return document.getElementById('name').value");
    assert_eq!(name, "Still here");
}
