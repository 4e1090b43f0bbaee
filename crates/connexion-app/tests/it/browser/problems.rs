//! What people read when something goes wrong, and where programs are led.

use serde_json::json;

use super::{Browser, sample};
use crate::program::Program;

#[test]
fn error_pages_speak_to_people_and_fold_what_is_for_programs() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    for (path, title) in [
        ("/people/abc", "There is no person at this address"),
        ("/people/abc/edit", "There is no person at this address"),
        (
            "/people/00000000-0000-4000-8000-0000000000ff",
            "There is no person at this address",
        ),
        ("/nowhere", "There is no page at this address"),
        ("/session/end", "This can’t be done here"),
        ("/people/download?format=pdf", "This can’t be shown"),
        ("/session?then=//a.example", "This can’t be shown"),
    ] {
        browser.open(path);
        assert_eq!(browser.text("h1"), title, "{path}");
        let seen = browser.text("main");
        for technical in ["uuid", "'", "enum", "pattern", "Status"] {
            assert!(!seen.contains(technical), "{technical} at {path}: {seen}");
        }
        assert!(!browser.text(".advice").is_empty() && !browser.texts(".ways a").is_empty());
        browser.click(".technical summary");
        assert!(browser.text(".technical").contains("Status 4"), "{path}");
        browser.is_accessible();
    }
    browser.screenshot("bad-request-details");
}

#[test]
fn pages_lead_to_the_documentation_if_it_is_served() {
    let (service, browser) = (sample(), Browser::new());
    {
        let browser = browser.turn(&service);
        browser.open("/people?limit=1");
        let links = "return Array.from(document.querySelectorAll('footer a'), one => one.getAttribute('href'))";
        assert_eq!(browser.js(links), json!(["/ui/", "/openapi.yaml"]));
        for path in ["/ui/", "/openapi.yaml"] {
            assert_eq!(service.get(path).status, 200);
        }
    }
    let service = Program::new().serve(&["--serve-spec=off", "--swagger-ui=off"]);
    let browser = browser.turn(&service);
    browser.open("/people?limit=1");
    assert!(browser.texts("footer").is_empty());
}

#[test]
fn execute_in_swagger_ui_lists_people_without_anything_filled_in() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/ui/#/people/people.list");
    browser.until(".opblock.is-open .try-out button", "Try it out");
    browser.click(".opblock.is-open .try-out button");
    browser.until(".opblock.is-open .execute", "Execute");
    browser.click(".opblock.is-open .execute");
    browser.until(".opblock.is-open .live-responses-table", "passengerClass");
    let address = browser.text(".opblock.is-open .request-url");
    browser.screenshot("swagger-ui");
    assert!(address.contains("/people?limit=100"), "{address}");
    assert!(!address.contains("passengerClass"), "{address}");
}
