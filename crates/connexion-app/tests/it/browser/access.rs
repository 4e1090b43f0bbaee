//! What is offered to whom.

use super::{Browser, Program, Turn, key};

fn offered(browser: &Turn<'_>) -> Vec<String> {
    let all = browser.texts("a, button");
    let writes = ["New person", "Import", "Edit", "Delete"];
    all.into_iter()
        .filter(|text| writes.contains(&text.as_str()))
        .collect()
}

/// What the list and a person offer.
fn on_pages(browser: &Turn<'_>) -> Vec<String> {
    browser.open("/people");
    let mut all = offered(browser);
    browser.go(".people tbody th a");
    all.extend(offered(browser));
    all
}

#[test]
fn key_that_may_only_read_is_offered_nothing_that_changes_people() {
    let program = Program::new();
    program.run(&["migrate"]).ok();
    let reader = key(&program, "<b>reader</b>", "read");
    let writer = key(&program, "writer", "write");
    let person = program.run_with(
        &["import-data", "-"],
        "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n1,1,Ann,female,30,0,0,80.5\n",
    );
    person.ok();
    for auth in ["write", "all"] {
        let (service, browser) = (program.serve(&["--auth", auth]), Browser::new());
        let browser = browser.turn(&service);
        let enter = |key: &str| {
            browser.open("/session");
            browser.enter("#key", key);
            browser.go(".key-form button");
        };
        // Nobody is offered a way in.
        browser.open("/people/import");
        assert!(offered(&browser).is_empty());
        browser.follow("Sign in");
        assert_eq!(browser.path(), "/session?then=%2Fpeople%2Fimport");
        enter(&reader);
        assert_eq!(on_pages(&browser), Vec::<String>::new(), "{auth}");
        let account = browser.text(".account p");
        assert_eq!(
            account,
            "Signed in with the key <b>reader</b> may read people"
        );
        browser.screenshot("person-with-key-that-may-only-read");
        browser.is_accessible();
        enter(&writer);
        let all = [
            "New person",
            "Import",
            "New person",
            "Import",
            "Edit",
            "Delete",
        ];
        assert_eq!(on_pages(&browser), all, "{auth}");
        let account = browser.text(".account p");
        assert_eq!(
            account,
            "Signed in with the key writer may read and change people"
        );
        browser.width(360);
        browser.screenshot("person-with-key-phone");
        browser.is_accessible();
        browser.go(".account button");
        assert!(browser.texts(".account button").is_empty());
        assert_eq!(offered(&browser), Vec::<String>::new());
        service.stop().ok();
    }
}
