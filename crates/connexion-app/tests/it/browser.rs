//! The pages, as a person sees and uses them: in a real browser, which leaves pictures of what it saw in `target/screenshots`.

mod access;
mod charts;
mod driver;
mod forms;
mod import;
mod navigation;
mod problems;

use serde_json::{Value, json};

use self::driver::{Browser, ENTER, SPACE, TAB, Turn};
use crate::program::{Program, Service, get};

const KEY: &str = "00000000-0000-4000-8000-000000000001";

/// A service with the sample passengers.
fn sample() -> Service {
    Program::new().serve(&[])
}

/// A service with nobody but these.
#[track_caller]
fn with(people: &[Value]) -> Service {
    let program = Program::new().env("APP_DEBUG", "0");
    let service = program.serve(&[]);
    for person in people {
        let answer = service.post("/people", &person.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    service
}

fn person(name: &str) -> Value {
    json!({
        "uuid": KEY, "survived": false, "passengerClass": 3, "name": name, "sex": "male", "age": 22,
        "siblingsOrSpousesAboard": 1, "parentsOrChildrenAboard": 0, "fare": 7.25,
    })
}

/// A new API key.
#[track_caller]
fn key(program: &Program, name: &str, scope: &str) -> String {
    let text = program.run(&["keys", "add", name, "--scope", scope]).ok();
    text.trim_end().to_owned()
}

/// Fills in the form that is shown, and saves it.
#[track_caller]
fn add_a_person(browser: &Turn<'_>) {
    for field in [
        "#name",
        "#age",
        "#passengerClass",
        "#fare",
        "#siblingsOrSpousesAboard",
        "#parentsOrChildrenAboard",
    ] {
        browser.enter(field, "1");
    }
    browser.click("input[name='sex'][value='other']");
    browser.click("form.person button");
    browser.until("[role='status']", "The person was added.");
}

/// The person with [`KEY`] as it is stored.
#[track_caller]
fn stored(service: &Service) -> Value {
    serde_json::from_str(&service.get(&format!("/people/{KEY}")).body).unwrap()
}

/// Changes the person with [`KEY`], as somebody else does.
#[track_caller]
fn change(service: &Service, changes: &Value) {
    let request = ureq::put(format!("http://{}/people/{KEY}", service.address));
    let request = request.header("content-type", "application/json");
    assert_eq!(request.send(changes.to_string()).unwrap().status(), 200);
}

fn names(browser: &Turn<'_>) -> Vec<String> {
    browser.texts(".people tbody th")
}

/// What has the focus, as the page calls it.
fn focus(browser: &Turn<'_>) -> String {
    let script = "const one = document.activeElement; return one.id || one.name || one.innerText";
    browser.js(script).as_str().unwrap().to_owned()
}

#[test]
fn people_are_listed_counted_and_charted() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/");
    assert_eq!(browser.path(), "/people");
    assert_eq!(browser.text(".total"), "714 people, 290 survived (41%)");
    assert_eq!(names(&browser).len(), 100);
    assert_eq!(browser.text(".pager p"), "1 to 100 of 714");
    let captions = ["Class", "Sex", "Age", "Fare"];
    assert_eq!(browser.texts(".chart caption"), captions);
    browser.screenshot("list");
    browser.is_accessible();
    // Nothing comes from elsewhere, and what has a hash in its name may be kept.
    let loaded = browser.js(
        "return performance.getEntriesByType('resource').map(one => new URL(one.name).pathname)",
    );
    for path in loaded.as_array().unwrap() {
        let asset = service.get(path.as_str().unwrap());
        assert_eq!(
            asset.headers["cache-control"],
            "public, max-age=31536000, immutable"
        );
    }
    // A bar leads to the people it stands for.
    browser.go(".chart tbody td:nth-child(3) a");
    assert_eq!(browser.path(), "/people?survived=true&passengerClass=1");
    assert_eq!(
        browser.text(".total"),
        "122 people fit the filter, 122 survived (100%)"
    );
    let row = browser.text(".chart tbody tr");
    assert_eq!(row, "1st 122 survived 0 100%");
    browser.go(".chart th a[href*='age[gte]=30']");
    assert_eq!(
        browser.path(),
        "/people?survived=true&passengerClass=1&age[gte]=30&age[lte]=39"
    );
    assert_eq!(
        browser.texts(".chips bdi"),
        ["Survived", "1st class", "Age 30 to 39"]
    );
    // The same people as a file.
    let count = names(&browser).len();
    let file = |n: u8| {
        browser.js(&format!(
            "return document.querySelectorAll('.downloads a')[{n}].getAttribute('href')"
        ))
    };
    let csv = service.get(file(0).as_str().unwrap());
    assert_eq!(
        csv.headers["content-disposition"],
        "attachment; filename=\"people.csv\""
    );
    assert_eq!(csv.body.lines().count(), count + 1, "{}", csv.body);
    let json = service.get(file(1).as_str().unwrap());
    assert_eq!(
        serde_json::from_str::<Vec<Value>>(&json.body)
            .unwrap()
            .len(),
        count
    );
}

#[test]
fn a_list_is_filtered_and_each_part_of_the_filter_can_be_taken_away() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people?sort=-fare");
    browser.enter("#name", "  MISS ");
    browser.go(".quick button");
    assert_eq!(browser.path(), "/people?name=MISS&sort=-fare");
    browser.click("summary");
    browser.click("input[name='survived'][value='true']");
    browser.click("input[name='passengerClass'][value='2']");
    browser.click("input[name='passengerClass'][value='3']");
    browser.enter("input[name='age[gte]']", "18");
    browser.enter("input[name='fare[lte]']", "20.5");
    browser.screenshot("filter");
    browser.is_accessible();
    browser.go(".filter details button");
    let path = "/people?name=MISS&survived=true&passengerClass=2&passengerClass=3&age[gte]=18&fare[lte]=20.5&sort=-fare";
    assert_eq!(browser.path(), path);
    let chips = [
        "Name contains “MISS”",
        "Survived",
        "2nd class",
        "3rd class",
        "Age at least 18",
        "Fare at most £20.50",
    ];
    assert_eq!(browser.texts(".chips bdi"), chips);
    assert!(names(&browser).iter().all(|name| name.contains("Miss")));
    browser.screenshot("filtered");
    browser.go(".chips li:nth-child(3) a");
    let path =
        "/people?name=MISS&survived=true&passengerClass=3&age[gte]=18&fare[lte]=20.5&sort=-fare";
    assert_eq!(browser.path(), path);
    browser.follow("Remove all");
    assert_eq!(browser.path(), "/people?sort=-fare");
    // Bounds that the form has no fields for are not forgotten.
    browser.open("/people?age[gt]=60&age[lt]=65");
    assert_eq!(
        browser.texts(".chips bdi"),
        ["Age more than 60, less than 65"]
    );
    browser.enter("#name", "nobody has this name");
    browser.go(".quick button");
    assert_eq!(
        browser.path(),
        "/people?name=nobody has this name&age[gt]=60&age[lt]=65"
    );
    assert!(
        browser
            .text(".nobody")
            .starts_with("Nobody fits this filter.")
    );
    browser.screenshot("nobody-fits");
    browser.is_accessible();
    browser.follow("Remove the filter");
    assert_eq!(browser.path(), "/people");
}

#[test]
fn what_is_wrong_with_a_filter_is_told_at_its_field() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.open(
        "/people?name=mrs&sex=female&sex=none&survived=true&age[gte]=many&age[lte]=30&age[lt]=x&fare[lte]=1e99&sort=fame&limit=0&page=2",
    );
    let told = [
        "There is no such order",
        "There is no such sex",
        "“Age, from” must be a whole number",
        "“Age” must be a whole number",
        "Extra query parameter(s) page not in spec",
        "A page has 1 to 1,000 people",
    ];
    let mut found = browser.texts("#problem li");
    found.sort_unstable();
    let mut expected = told;
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(browser.text("#age-gte-error"), told[2]);
    assert_eq!(browser.text("#sex-error"), told[1]);
    browser.screenshot("filter-with-errors");
    browser.is_accessible();
    browser.click("#problem a[href='#age-gte']");
    assert_eq!(focus(&browser), "age-gte");
    // What was right is still there.
    browser.enter("#age-gte", "20");
    browser.go(".filter details button");
    let path = "/people?name=mrs&survived=true&sex=female&age[gte]=20&age[lte]=30&fare[lte]=1e99";
    assert_eq!(browser.path(), path);
    // A form does not even send what is out of range, with JavaScript or without.
    browser.click("summary");
    browser.enter("#age-gte", "99999999999");
    browser.click(".filter details button");
    let is_wrong = browser.js("return document.querySelector('#age-gte').validity.rangeOverflow");
    assert_eq!((is_wrong, browser.path()), (true.into(), path.to_owned()));
}

#[test]
fn a_list_is_sorted_by_its_columns() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people?survived=false");
    browser.follow("Age");
    assert_eq!(browser.path(), "/people?survived=false&sort=age");
    assert_eq!(browser.text("th[aria-sort='ascending']"), "Age ↑");
    browser.follow("Age");
    assert_eq!(browser.path(), "/people?survived=false&sort=-age");
    assert_eq!(browser.text("th[aria-sort='descending']"), "Age ↓");
    assert_eq!(names(&browser)[0], "Svensson, Mr. Johan");
    browser.screenshot("sorted");
    browser.open("/people?sort=-fare,name");
    assert_eq!(browser.texts("th[aria-sort]"), ["Fare ↓"]);
    let chosen = browser.js("return document.querySelector('#sort').selectedOptions[0].text");
    assert_eq!(chosen, "Fare (highest first), then Name (A to Z)");
}

#[test]
fn pages_follow_one_another_and_lead_back() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people?sort=name&limit=250");
    let first = names(&browser);
    assert_eq!(browser.text(".pager p"), "1 to 250 of 714");
    // With a keyboard nobody has to pass 250 names to get there.
    browser.js("document.querySelector('.filter summary').focus()");
    for (key, reached) in [(TAB, "Skip the list"), (ENTER, "pages"), (TAB, "Next page")] {
        browser.press(key);
        assert_eq!(focus(&browser), reached);
    }
    browser.follow("Next page");
    assert_eq!(browser.text(".pager p"), "251 to 500 of 714");
    browser.follow("Next page");
    assert_eq!(browser.text(".pager p"), "501 to 714 of 714");
    assert!(
        browser
            .texts(".pager a")
            .iter()
            .all(|text| text != "Next page")
    );
    browser.js("window.scrollTo(0, document.body.scrollHeight)");
    browser.screenshot("last-page");
    browser.is_accessible();
    browser.follow("Previous page");
    assert_eq!(browser.text(".pager p"), "251 to 500 of 714");
    browser.follow("Previous page");
    assert_eq!(
        (browser.text(".pager p"), names(&browser)),
        ("1 to 250 of 714".to_owned(), first)
    );
    assert!(
        browser
            .texts(".pager a")
            .iter()
            .all(|text| text != "Previous page")
    );
}

#[test]
fn a_person_is_added_and_what_is_wrong_is_told_at_its_field() {
    let (service, browser) = (with(&[]), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people");
    assert!(browser.text(".nobody").starts_with("There is nobody yet."));
    browser.screenshot("nobody");
    browser.is_accessible();
    browser.follow("New person");
    browser.is_accessible();
    // Inputs are what the schema says, which a browser checks by itself; here the service has to.
    browser.js("for (const one of document.querySelectorAll('[type=number]')) one.type = 'text'");
    browser.enter("#name", &"x".repeat(101));
    browser.enter("#age", "forty");
    browser.enter("#fare", "7,25");
    browser.enter("#passengerClass", "99999999999");
    browser.click("form.person button");
    browser.until("#problem", "Please look at this again");
    assert_eq!(focus(&browser), "problem");
    let told = [
        "“Name” must have at most 100 characters, and has 101",
        "Choose a value for “Sex”",
        "“Age” must be a whole number",
        "“Class” is out of range: at most 2,147,483,647",
        "“Fare” must be a number such as 7.25",
        "Enter a value for “Siblings and spouses aboard”",
        "Enter a value for “Parents and children aboard”",
    ];
    assert_eq!(browser.texts("#problem li"), told);
    let entered = browser.js("return document.querySelector('#age').value");
    assert_eq!(entered, "forty");
    assert_eq!(browser.text("#age-error"), told[2]);
    let tied = browser.js("return document.querySelector('#age').getAttribute('aria-describedby')");
    assert_eq!(tied, "age-error age-hint");
    browser.screenshot("form-with-errors");
    browser.is_accessible();
    browser.click("#problem li:nth-child(3) a");
    assert_eq!(focus(&browser), "age");
    for (field, text) in [
        ("#name", "Zoë O’Connor 😀"),
        ("#age", "40"),
        ("#fare", "7.25"),
        ("#passengerClass", "2"),
        ("#siblingsOrSpousesAboard", "0"),
        ("#parentsOrChildrenAboard", "1"),
    ] {
        browser.enter(field, text);
    }
    browser.click("input[name='sex'][value='female']");
    browser.click("input[name='survived'][value='true']");
    browser.click("form.person button");
    browser.until("[role='status']", "The person was added.");
    assert_eq!(browser.text("h1"), "Zoë O’Connor 😀");
    assert_eq!(
        browser.texts(".facts dd")[..7],
        ["Yes", "2nd", "Female", "40", "0", "1", "£7.25"]
    );
    browser.screenshot("person");
    browser.is_accessible();
    // It is told once.
    browser.open(&browser.path());
    assert_eq!(browser.text("h1"), "Zoë O’Connor 😀");
    assert!(browser.texts("[role='status']").is_empty());
    assert_eq!(service.people(), 1);
}

#[test]
fn when_somebody_else_was_faster_both_changes_are_shown_to_choose_from() {
    let (service, browser) = (with(&[person("Braund, Mr. Owen Harris")]), Browser::new());
    let browser = browser.turn(&service);
    browser.open(&format!("/people/{KEY}"));
    browser.follow("Edit");
    browser.is_accessible();
    browser.screenshot("form");
    change(
        &service,
        &json!({"age": 33, "fare": 8.05, "survived": true}),
    );
    browser.enter("#age", "23");
    browser.enter("#name", "Braund, Owen");
    browser.click("form.person button");
    browser.until(
        "#problem",
        "Somebody else changed this person while you did",
    );
    assert_eq!(focus(&browser), "problem");
    let rows = browser.texts(".compare tbody tr");
    let expected = [
        "Age 22 33 23",
        "Fare 7.25 8.05 (taken over) not changed",
        "Survived No Yes (taken over) not changed",
    ];
    assert_eq!(rows, expected);
    browser.screenshot("conflict");
    browser.is_accessible();
    assert_eq!(stored(&service)["age"], 33);
    // A third one, while it is being chosen.
    change(&service, &json!({"siblingsOrSpousesAboard": 4}));
    browser.click("#age-theirs");
    browser.click("form.person button");
    browser.until("#problem", "Siblings and spouses aboard");
    browser.click("form.person button");
    browser.until("[role='status']", "The changes were saved.");
    let stored = stored(&service);
    for (member, value) in [
        ("name", json!("Braund, Owen")),
        ("age", json!(33)),
        ("fare", json!(8.05)),
        ("survived", json!(true)),
        ("siblingsOrSpousesAboard", json!(4)),
    ] {
        assert_eq!(stored[member], value, "{member}");
    }
    // Whoever is gone can't be changed.
    browser.follow("Edit");
    browser.enter("#age", "1");
    assert_eq!(
        ureq::delete(format!("http://{}/people/{KEY}", service.address))
            .call()
            .unwrap()
            .status(),
        200
    );
    browser.click("form.person button");
    browser.until("#problem", "There is no person at this address");
    let entered = browser.js("return document.querySelector('#age').value");
    assert_eq!(entered, "1");
}

#[test]
fn a_person_is_deleted_after_a_question_unless_somebody_has_changed_it() {
    let (service, browser) = (with(&[person("Braund, Mr. Owen Harris")]), Browser::new());
    let browser = browser.turn(&service);
    browser.open(&format!("/people/{KEY}"));
    browser.follow("Delete");
    assert_eq!(browser.text("h1"), "Delete Braund, Mr. Owen Harris?");
    browser.screenshot("delete");
    browser.is_accessible();
    change(&service, &json!({"age": 33}));
    browser.go("button.danger");
    assert_eq!(
        browser.text("[role='alert'] h2"),
        "Somebody else changed this person meanwhile"
    );
    assert_eq!(browser.texts(".facts dd")[3], "33");
    browser.screenshot("delete-conflict");
    browser.is_accessible();
    assert_eq!(service.people(), 1);
    browser.go("button.danger");
    assert_eq!(browser.path(), "/people");
    assert_eq!(browser.text("[role='status']"), "The person was removed.");
    assert_eq!(service.people(), 0);
}

#[test]
fn files_are_imported_and_what_is_wrong_with_them_is_told() {
    let rows = "1,1,Ann,female,30,0,0,80.5\n0,3,Bob,male,22.5,1,0,7.25\n";
    let header =
        "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";
    let bad = "1,first,Ann,female,thirty,0,0,80.5\n".repeat(150);
    let lines = person("Line").to_string() + "\n";
    let program = Program::new().env("APP_DEBUG", "0");
    let program = program
        .file("empty.csv", "")
        .file("good.csv", &format!("{header}{rows}"))
        .file("bad.csv", &format!("{header}{rows}{bad}"))
        .file(
            "lines.ndjson",
            &lines.replace(&format!("\"uuid\":\"{KEY}\","), ""),
        );
    let (service, browser) = (program.serve(&[]), Browser::new());
    let browser = browser.turn(&service);
    let choose = |name: &str| browser.enter("#file", program.path(name).to_str().unwrap());
    browser.open("/people/import");
    browser.screenshot("import");
    browser.is_accessible();
    browser.click("form.import button");
    assert_eq!(browser.text("#file-error"), "Choose a file");
    choose("empty.csv");
    browser.click("form.import button");
    assert_eq!(browser.text("#file-error"), "This file is empty");
    choose("bad.csv");
    browser.click("form.import button");
    browser.until("#problem", "150 rows are wrong");
    assert_eq!(
        browser.texts(".bad tbody tr:first-child td")[..2],
        ["4", "Pclass"]
    );
    assert!(browser.text("#problem").contains("more are not shown"));
    browser.screenshot("import-bad");
    browser.is_accessible();
    choose("good.csv");
    browser.click("[name='dryRun']");
    browser.click("form.import button");
    let told = "The file is good: 2 people would be added. 1 of the ages had a fraction, which is cut off.";
    browser.until("#result", told);
    assert_eq!(service.people(), 0);
    browser.click("[name='dryRun']");
    browser.click("form.import button");
    browser.until("#result", "2 people were added.");
    browser.screenshot("import-good");
    browser.is_accessible();
    choose("lines.ndjson");
    browser.click("form.import button");
    browser.until("#result", "1 person was added.");
    browser.follow("Go to the list");
    assert_eq!(names(&browser).len(), 3);
}

#[test]
fn a_name_is_shown_whatever_it_is_and_never_run() {
    let script = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'&{{7*7}}";
    let long = "W".repeat(100);
    let mut others = [
        person(&long),
        person("\u{202e}‏שלום עולם <b>"),
        person("   "),
    ];
    for (index, other) in others.iter_mut().enumerate() {
        other["uuid"] = json!(format!("00000000-0000-4000-8000-00000000001{index}"));
        other["fare"] = json!([1e300, -12_345_678.9, 0.000_1][index]);
        other["age"] = json!([i32::MAX, i32::MIN, 0][index]);
        other["passengerClass"] = json!([i32::MIN, 0, 1][index]);
        other["siblingsOrSpousesAboard"] = json!([i32::MIN, 1_000_000, 0][index]);
    }
    let [a, b, c] = others;
    let (service, browser) = (with(&[person(script), a, b, c]), Browser::new());
    let browser = browser.turn(&service);
    let is_harmless = || {
        assert_eq!(browser.js("return window.hacked === undefined"), true);
        browser.is_accessible();
    };
    browser.open(&format!(
        "/people?name={}",
        "%3Cscript%3Ewindow.hacked=1%3C/script%3E"
    ));
    assert_eq!(names(&browser), [script]);
    is_harmless();
    browser.screenshot("script");
    browser.open("/people");
    browser.screenshot("extremes");
    is_harmless();
    browser.width(360);
    browser.screenshot("extremes-phone");
    is_harmless();
    for page in ["", "/edit", "/delete"] {
        browser.open(&format!("/people/{KEY}{page}"));
        is_harmless();
        browser.open(&format!(
            "/people/00000000-0000-4000-8000-000000000010{page}"
        ));
        is_harmless();
    }
    browser.screenshot("extremes-person-phone");
    // In what scripts put into the page, too.
    browser.open(&format!("/people/{KEY}/edit"));
    change(&service, &json!({"name": format!("{script}!")}));
    browser.enter("#name", "mine");
    browser.click("form.person button");
    browser.until("#problem", script);
    is_harmless();
}

#[test]
fn it_is_readable_in_the_dark_and_on_a_phone() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    let people: Vec<Value> = serde_json::from_str(&service.get("/people?limit=1").body).unwrap();
    let one = format!("/people/{}", people[0]["uuid"].as_str().unwrap());
    let (edit, delete) = (format!("{one}/edit"), format!("{one}/delete"));
    let list = "/people?survived=true&passengerClass=1&age[gte]=18&sort=name";
    for (is_dark, width, name) in [
        (true, 1280, "dark"),
        (false, 360, "phone"),
        (true, 360, "phone-dark"),
    ] {
        browser.dark(is_dark);
        browser.width(width);
        for (page, path) in [
            ("list", list),
            ("person", &one),
            ("form", &edit),
            ("delete", &delete),
            ("import", "/people/import"),
            ("session", "/session"),
            ("not-found", "/nowhere"),
        ] {
            browser.open(path);
            browser.is_accessible();
            browser.screenshot(&format!("{page}-{name}"));
        }
    }
    browser.open(list);
    browser.js("document.querySelector('aside').scrollIntoView()");
    browser.screenshot("charts-phone-dark");
    browser.width(1280);
    browser.print();
    for (page, path) in [("list", list), ("person", &one)] {
        browser.open(path);
        assert_eq!(
            browser.visible(".pager a, .actions, form, footer, .site"),
            0,
            "{path}"
        );
        browser.screenshot(&format!("{page}-print"));
    }
}

#[test]
fn without_scripts_people_are_read_filtered_paged_and_deleted() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.without_scripts();
    browser.open("/");
    browser.enter("#name", "brown");
    browser.go(".quick button");
    assert_eq!(browser.path(), "/people?name=brown");
    let found = names(&browser);
    assert!(
        !found.is_empty() && found.iter().all(|name| name.contains("Brown")),
        "{found:?}"
    );
    browser.go(".people thead .name a");
    assert_eq!(browser.path(), "/people?name=brown&sort=name");
    browser.open("/people?limit=25");
    browser.follow("Next page");
    assert_eq!(browser.text(".pager p"), "26 to 50 of 714");
    browser.go(".people tbody th a");
    browser.follow("Delete");
    browser.go("button.danger");
    assert_eq!(browser.text("[role='status']"), "The person was removed.");
    assert_eq!(service.people(), 713);
    browser.follow("Import");
    let told = browser.text("noscript");
    assert!(
        told.starts_with("Importing a file here needs JavaScript."),
        "{told}"
    );
    assert_eq!(browser.visible("form.import"), 0);
    browser.screenshot("without-scripts");
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one way through all pages")]
fn everything_can_be_done_with_the_keyboard_alone() {
    let program = Program::new().file(
        "more.ndjson",
        &person("More")
            .to_string()
            .replace(KEY, &KEY.replace('1', "2")),
    );
    let (service, browser) = (program.serve(&[]), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people");
    browser.tab_to(".skip");
    browser.screenshot("keyboard-skip");
    browser.press(ENTER);
    browser.tab_to("#name");
    browser.press("brown");
    browser.press(ENTER);
    browser.until_at("/people?name=brown");
    browser.tab_to("summary");
    browser.press(ENTER);
    browser.tab_to("input[name='passengerClass'][value='2']");
    browser.press(SPACE);
    browser.tab_to(".filter details button");
    browser.press(ENTER);
    browser.until_at("/people?name=brown&passengerClass=2");
    browser.tab_to(".chips li a");
    browser.press(ENTER);
    browser.until_at("/people?passengerClass=2");
    browser.tab_to(".people thead th.number a");
    browser.press(ENTER);
    browser.until_at("/people?passengerClass=2&sort=age");
    browser.tab_to(".pager a[rel='next']");
    browser.press(ENTER);
    browser.until(".pager p", "101 to 173 of 173");
    browser.tab_to(".chart td:nth-child(4) a");
    browser.screenshot("keyboard-chart");
    browser.press(ENTER);
    browser.until_at("/people?survived=false&passengerClass=2&sort=age");
    browser.tab_to(".site a[href^='/people/new']");
    browser.press(ENTER);
    browser.until_at("/people/new");
    for (field, text) in [
        ("#name", "Keys"),
        ("[name='sex']", SPACE),
        ("#age", "1"),
        ("#passengerClass", "1"),
        ("#fare", "1"),
        ("#siblingsOrSpousesAboard", "1"),
        ("#parentsOrChildrenAboard", "1"),
    ] {
        browser.tab_to(field);
        browser.press(text);
    }
    browser.press(ENTER);
    browser.until("h1", "Keys");
    browser.tab_to("a[href*='/edit']");
    browser.press(ENTER);
    browser.until("h1", "Edit");
    browser.tab_to("#name");
    browser.press("2");
    browser.press(ENTER);
    browser.until("[role='status']", "The changes were saved.");
    browser.tab_to("a[href*='/delete']");
    browser.press(ENTER);
    browser.until("h1", "Delete");
    browser.tab_to("button.danger");
    browser.press(ENTER);
    browser.until("[role='status']", "The person was removed.");
    browser.tab_to(".site a[href^='/people/import']");
    browser.press(ENTER);
    browser.until("h1", "Import");
    // What opens then is a window of the system, which is not there.
    browser.tab_to("#file");
    browser.enter("#file", program.path("more.ndjson").to_str().unwrap());
    browser.tab_to("form.import button");
    browser.press(ENTER);
    browser.until("#result", "1 person was added.");
}

#[test]
fn a_key_is_asked_for_once_and_can_be_forgotten() {
    let program = Program::new();
    program.run(&["migrate"]).ok();
    let (reader, writer) = (
        key(&program, "reader", "read"),
        key(&program, "writer", "write"),
    );
    let (service, browser) = (program.serve(&["--auth", "all"]), Browser::new());
    let browser = browser.turn(&service);
    let enter = |key: &str| {
        browser.enter("#key", key);
        browser.go(".key-form button");
    };
    browser.open("/people?sort=name");
    assert_eq!(browser.text("h1"), "A key is needed");
    browser.screenshot("key");
    browser.is_accessible();
    enter("cxk_wrong");
    assert_eq!(browser.text("[role='alert'] h2"), "This key is not valid");
    browser.screenshot("key-wrong");
    browser.is_accessible();
    enter(&reader);
    assert_eq!(browser.path(), "/people?sort=name");
    assert_eq!(
        browser.text("[role='status']"),
        "You are signed in for ten hours."
    );
    assert_eq!(browser.js("return document.cookie"), "");
    browser.screenshot("list-with-key");
    browser.open("/people/new");
    assert_eq!(browser.text("h1"), "Not allowed");
    browser.screenshot("key-not-enough");
    browser.is_accessible();
    enter(&writer);
    assert_eq!(browser.path(), "/people/new");
    add_a_person(&browser);
    browser.follow("Delete");
    browser.go("button.danger");
    browser.until("[role='status']", "The person was removed.");
    browser.go(".account button");
    assert_eq!(browser.text("[role='status']"), "You are signed out.");
    assert_eq!(browser.text("h1"), "A key is needed");
}

#[test]
fn what_goes_wrong_is_a_page_for_a_browser_and_a_document_for_programs() {
    let (service, browser) = (sample(), Browser::new());
    let browser = browser.turn(&service);
    browser.open("/people/download?age[gte]=old&format=pdf");
    assert_eq!(browser.text("h1"), "This can’t be shown");
    let faults = browser.texts(".faults li");
    assert!(
        faults.iter().any(|fault| fault.starts_with("age[gte] ")),
        "{faults:?}"
    );
    browser.screenshot("bad-request");
    browser.is_accessible();
    browser.open(&format!("/people/{KEY}"));
    assert_eq!(browser.text("h1"), "There is no person at this address");
    browser.screenshot("not-found");
    browser.is_accessible();
    for (path, status) in [("/", 404), ("/nowhere", 404), ("/people?limit=0", 400)] {
        let answer = get(&service.address, path).unwrap();
        assert_eq!(
            (answer.status.as_u16(), &answer.headers["content-type"]),
            (status, &"application/problem+json".parse().unwrap())
        );
    }
}
