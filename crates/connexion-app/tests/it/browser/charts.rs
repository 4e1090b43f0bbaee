//! What charts show, to those who see, touch, press keys or listen.

use serde_json::json;

use super::{Browser, Turn, sample};

/// Label and lengths of the bars of one chart: of those who survived, of those who died, and where the mark is.
fn bars(browser: &Turn<'_>, chart: usize) -> Vec<(String, f64, f64, Option<f64>)> {
    let script = format!(
        "return Array.from(document.querySelectorAll('.chart')[{chart}].querySelectorAll('tbody tr'), row => {{ \
         const width = one => row.querySelector('rect.' + one).getBoundingClientRect().width; \
         const mark = row.querySelector('.mark'); \
         const left = row.querySelector('rect.survived').getBoundingClientRect().left; \
         const box = mark && mark.getBoundingClientRect(); \
         return [row.querySelector('th').innerText, width('survived'), width('died'), \
           mark && (box.left + box.right) / 2 - left]; }})"
    );
    serde_json::from_value(browser.js(&script)).unwrap()
}

#[test]
fn length_of_a_bar_is_a_number_of_people() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people");
    // 122 of 186, 83 of 173 and 85 of 355 survived; 290 of all 714.
    let unit = bars(&browser, 0)[2].2 / 270.0;
    for ((label, survived, died, mark), (known, lived, gone)) in
        bars(&browser, 0).into_iter().zip([
            ("1st", 122.0, 64.0),
            ("2nd", 83.0, 90.0),
            ("3rd", 85.0, 270.0),
        ])
    {
        assert_eq!(label, known);
        let overall = (lived + gone) * 290.0 / 714.0;
        for (length, people) in [(survived, lived), (died, gone), (mark.unwrap(), overall)] {
            assert!(
                (length - people * unit).abs() < 1.0,
                "{label}: {length} for {people}"
            );
        }
    }
    // The axis says how many people a length is.
    assert_eq!(browser.texts(".chart .axis")[0], "0 200 400");
    let text = browser.text("aside .key");
    assert!(text.ends_with("as many as overall (41%)"), "{text}");
    // One is not nobody.
    let oldest = bars(&browser, 2).pop().unwrap();
    assert!(
        oldest.0 == "80+" && oldest.1 > 0.2 && oldest.2 == 0.0,
        "{oldest:?}"
    );
    browser.open("/people?survived=false");
    assert!(
        bars(&browser, 0)
            .iter()
            .all(|(_, lived, _, mark)| *lived == 0.0 && mark.is_none())
    );
}

#[test]
fn ages_and_fares_are_histograms_whose_values_need_no_pointer() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people");
    let labels = |chart| -> Vec<_> { bars(&browser, chart).into_iter().map(|bar| bar.0).collect() };
    assert_eq!(labels(2)[..2], ["0–9", "10–19"]);
    assert_eq!(
        labels(3),
        [
            "0–5",
            "5–10",
            "10–20",
            "20–50",
            "50–100",
            "100–200",
            "200–500",
            "500+"
        ]
    );
    // All numbers are text, nothing is a tooltip, and each leads to the people that it counts.
    let rows = browser.texts(".chart tbody tr");
    assert!(
        rows.contains(&"1st 122 survived 64 died 66%".to_owned()),
        "{rows:?}"
    );
    assert!(
        rows.contains(&"500+ 3 survived 0 100%".to_owned()),
        "{rows:?}"
    );
    assert_eq!(
        browser.js("return document.querySelectorAll('aside [title]').length"),
        0
    );
    browser.tab_to(".chart a[href*='fare[gte]=500']");
    browser.press(super::ENTER);
    browser.until_at("/people?fare[gte]=500");
    assert_eq!(
        browser.text(".total"),
        "3 people fit the filter, 3 survived (100%)"
    );
    browser.open("/people?fare[gte]=7.5");
    browser.go(".chart th a[href*='fare[lt]=10']");
    assert_eq!(browser.path(), "/people?fare[gte]=7.5&fare[lt]=10");
    // For fingers, too: nothing to touch is smaller than 24 pixels (WCAG 2.2, 2.5.8).
    browser.width(360);
    let small = browser.js(
        "return Array.from(document.querySelectorAll('.chart a'), one => one.getBoundingClientRect()) \
         .filter(box => box.width < 24 || box.height < 24).length",
    );
    assert_eq!(small, json!(0));
    browser.is_accessible();
}
