//! From the list to people and back, from page to page, and what stays in sight meanwhile.

use super::{Browser, KEY, Turn, add_a_person, names, person, sample, with};

const LIST: &str = "/people?name=mr&survived=true&age[gte]=10&sort=-fare,name&limit=25";

/// Opens the second page of [`LIST`], and says where it is.
fn second_page(browser: &Turn<'_>) -> String {
    browser.open(LIST);
    browser.follow("Next page");
    assert_eq!(browser.text(".pager p").split(' ').next(), Some("26"));
    browser.path()
}

#[test]
fn filter_order_and_page_of_the_list_are_kept_on_the_way_back_from_a_person() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    for has_scripts in [true, false] {
        if !has_scripts {
            browser.without_scripts();
        }
        let list = second_page(&browser);
        assert!(list.contains("&cursor="), "{list}");
        let people = names(&browser);
        let is_back = || {
            assert_eq!(browser.path(), list);
            assert_eq!(names(&browser), people);
        };
        browser.go(".people tbody th a");
        browser.follow("Back to the list");
        is_back();
        // Over each page that a person has, and without having saved.
        browser.go(".people tbody th a");
        browser.follow("Edit");
        browser.follow("Cancel");
        browser.follow("Delete");
        browser.follow("Keep");
        browser.follow("Back to the list");
        is_back();
        for page in ["New person", "Import"] {
            browser.follow(page);
            browser.go(".back a");
            is_back();
        }
        browser.follow("New person");
        browser.follow("Cancel");
        is_back();
        // Save does not change who is on the page.
        browser.go(".people tbody tr:nth-child(3) th a");
        browser.follow("Edit");
        browser.enter("#parentsOrChildrenAboard", "9");
        browser.click("form.person button");
        browser.until("[role='status']", "The changes were saved.");
        browser.follow("Back to the list");
        is_back();
    }
}

#[test]
fn list_is_kept_after_a_person_was_added_or_deleted() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    let list = second_page(&browser);
    browser.follow("New person");
    add_a_person(&browser);
    browser.follow("Back to the list");
    assert_eq!(browser.path(), list);
    let removed = names(&browser).pop().unwrap();
    browser.go(".people tbody tr:last-child th a");
    browser.follow("Delete");
    browser.go("button.danger");
    assert_eq!(browser.path(), list);
    assert_eq!(browser.text("[role='status']"), "The person was removed.");
    assert!(!names(&browser).contains(&removed));
    // An address that nobody is at leads back, too.
    browser.go(".people tbody th a");
    let gone = browser.path().replacen("/people/", "/people/0", 1);
    browser.open(&gone);
    assert_eq!(browser.text("h1"), "There is no person at this address");
    browser.follow("Go to the list");
    assert_eq!(browser.path(), list);
}

#[test]
fn way_back_never_leads_to_another_site() {
    let (service, browser) = (with(&[person("Braund")]), Browser::new());
    let browser = browser.turn(&service);
    for back in [
        "https://a.example/",
        "//a.example",
        "/%5Ca.example",
        "javascript:alert(1)",
        "%0d%0aLocation:%20//a.example",
        "%23@a.example",
        "%22%3E%3Cscript%3E",
        "?back=//a.example",
    ] {
        for page in ["", "/edit", "/delete"] {
            browser.open(&format!("/people/{KEY}{page}?back={back}"));
            let links = "return Array.from(document.querySelectorAll('a, form'), one => new URL(one.href || one.action).host)";
            let hosts = browser.js(links);
            for host in hosts.as_array().unwrap() {
                assert_eq!(host, service.address.as_str(), "{back}");
            }
            assert_eq!(browser.js("return document.scripts.length"), 1);
        }
    }
}

#[test]
fn head_of_the_table_stays_at_the_top_of_the_window() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    for width in [1280, 1265, 1200, 961, 800, 770] {
        browser.width(width);
        browser.open("/people?sort=-fare");
        // It needs no scroll bar of its own, in which the head would be caught.
        browser.is_accessible();
        browser.js("window.scrollTo(0, 1500)");
        let head = browser.js(
            "const one = document.querySelector('.people thead .name').getBoundingClientRect(); \
             const seen = document.elementFromPoint(one.left + 20, one.bottom - 12); \
             return [one.top, !!seen.closest('thead')]",
        );
        assert_eq!(head, serde_json::json!([0, true]), "{width}");
        // A name that gets the focus is not behind it.
        let behind = browser.js(
            "const all = document.querySelectorAll('.people tbody th a'); const one = all[all.length - 60]; \
             window.scrollTo(0, 3000); one.focus(); \
             return one.getBoundingClientRect().top < document.querySelector('.people thead').getBoundingClientRect().height",
        );
        assert_eq!(behind, false, "{width}");
    }
    browser.screenshot("sticky");
}

#[test]
fn pager_is_on_both_ends_of_the_list_with_the_number_of_the_page() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people?sort=name");
    browser.follow("Next page");
    for (which, text) in [
        (".pager p", "101 to 200 of 714"),
        (".pager .page", "Page 2 of 8"),
    ] {
        assert_eq!(
            browser
                .texts(which)
                .iter()
                .filter(|one| *one == text)
                .count(),
            2
        );
    }
    let labels = browser.js(
        "return Array.from(document.querySelectorAll('.pager'), one => one.getAttribute('aria-label'))",
    );
    assert_ne!(labels[0], labels[1]);
    browser.go(".pager#pages a[rel='next']");
    assert_eq!(browser.text(".pager .page"), "Page 3 of 8");
    // Nothing is counted that is on one page.
    browser.open("/people?name=brown");
    assert!(browser.texts(".pager .page").is_empty());
}

#[test]
fn order_of_the_list_is_visible_without_hovering() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people");
    let heads = browser.texts(".people thead th");
    assert!(heads.iter().all(|head| head.ends_with('↕')), "{heads:?}");
    let decoration =
        "return getComputedStyle(document.querySelector('.people thead a')).textDecorationLine";
    assert_eq!(browser.js(decoration), "underline");
    browser.follow("Fare");
    assert_eq!(browser.text("th[aria-sort='ascending']"), "Fare ↑");
    assert_eq!(
        browser.text(".order"),
        "In the order of: Fare (lowest first)"
    );
    // A phone shows no heads.
    browser.width(360);
    assert_eq!(
        browser.text(".order"),
        "In the order of: Fare (lowest first)"
    );
}
