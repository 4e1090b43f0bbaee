//! The list of people as a page: the table, its pages and charts.

use askama::Template;

use super::{
    Page, Visitor,
    address::{Wanted, bounds},
    chart::{self, Chart},
    filter::{Fields, described},
    number::{fare, percent, whole},
    to,
};
use crate::{
    listing,
    person::Person,
    query::{Filter, Key, Member, Range},
    summary::{Fares, Summary},
};

#[derive(Template)]
#[template(path = "list.html")]
pub(super) struct List {
    page: Page,
    is_empty: bool,
    is_filtered: bool,
    count: String,
    survived: String,
    percent: u64,
    /// Of the first and the last on this page.
    position: Option<(String, String)>,
    /// Which page it is, and of how many, if it begins where one of equally long pages does.
    number: Option<(String, String)>,
    order: String,
    filter: Fields,
    chips: Vec<Chip>,
    all: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    first: Option<String>,
    prev: Option<String>,
    next: Option<String>,
    csv: String,
    json: String,
    charts: [Chart; 4],
    /// Whether bars have a mark for the share of all.
    has_mark: bool,
    fares: Vec<(&'static str, String)>,
}

/// A part of the filter, and the list without it.
struct Chip {
    text: String,
    without: String,
}

/// A column of the table, and the list sorted by it.
struct Column {
    title: &'static str,
    class: &'static str,
    address: String,
    /// As `aria-sort` says it, if it is the first that the list is sorted by.
    order: Option<&'static str>,
    arrow: &'static str,
    is_sorted: bool,
}

/// A person in the table.
struct Row {
    address: String,
    name: String,
    class: String,
    sex: &'static str,
    age: String,
    siblings_or_spouses: String,
    parents_or_children: String,
    fare: String,
    survived: bool,
}

/// A longer number is broken: the table may not become wider than the window, since its head stands still only in the window.
const LONG: usize = 10;

/// Member, title and class of each column.
pub(super) const COLUMNS: [(Member, &str, &str); 8] = [
    (Member::Name, "Name", "name"),
    (Member::PassengerClass, "Class", "class"),
    (Member::Sex, "Sex", "sex"),
    (Member::Age, "Age", "number"),
    (
        Member::SiblingsOrSpousesAboard,
        "Siblings, spouses",
        "number small",
    ),
    (
        Member::ParentsOrChildrenAboard,
        "Parents, children",
        "number small",
    ),
    (Member::Fare, "Fare", "number"),
    (Member::Survived, "Survived", "survived"),
];

impl List {
    pub(super) fn new(
        wanted: &Wanted,
        page: listing::Page,
        summary: &Summary,
        visitor: &Visitor,
    ) -> Self {
        let listing::Page {
            people,
            before,
            next,
            prev,
        } = page;
        let filter = &wanted.filter;
        let known = summary.by_passenger_class.iter();
        let last = before
            .saturating_add(people.len() as u64)
            .min(summary.all.count);
        let position = (!people.is_empty()).then(|| (whole(before.saturating_add(1)), whole(last)));
        let mut shown = visitor.page("people");
        shown.back = wanted.back();
        let length = u64::from(wanted.limit.unwrap_or(listing::LIMIT));
        let pages = summary.all.count.div_ceil(length);
        let number = before / length + 1;
        let is_known = before.is_multiple_of(length) && number <= pages && pages > 1;
        let back = shown.back.as_str();
        Self {
            number: is_known.then(|| (whole(number), whole(pages))),
            order: described(&wanted.sort),
            has_mark: filter.survived.is_none(),
            rows: people
                .into_iter()
                .map(|person| Row::new(person, back))
                .collect(),
            page: shown,
            is_empty: summary.all.count == 0,
            is_filtered: *filter != Filter::default(),
            count: whole(summary.all.count),
            survived: whole(summary.all.survived),
            percent: percent(summary.all.survived, summary.all.count),
            position,
            filter: Fields::new(wanted, known.map(|of| of.passenger_class)),
            chips: chips(wanted),
            all: Wanted {
                filter: Filter::default(),
                ..wanted.clone()
            }
            .list(),
            columns: COLUMNS.map(|column| Column::new(column, wanted)).into(),
            first: prev.is_some().then(|| wanted.list()),
            prev: prev.map(|cursor| wanted.page(Some(&cursor))),
            next: next.map(|cursor| wanted.page(Some(&cursor))),
            csv: wanted.file("csv"),
            json: wanted.file("json"),
            charts: chart::all(wanted, summary),
            fares: summary.fare.map(fares).unwrap_or_default(),
        }
    }
}

/// What the filter says, each part for itself.
fn chips(wanted: &Wanted) -> Vec<Chip> {
    let filter = &wanted.filter;
    let mut chips = Vec::new();
    let mut add = |text: String, change: &dyn Fn(&mut Filter)| {
        let mut without = wanted.clone();
        change(&mut without.filter);
        let without = without.list();
        chips.push(Chip { text, without });
    };
    if let Some(name) = &filter.name {
        add(format!("Name contains “{name}”"), &|filter| {
            filter.name = None;
        });
    }
    if let Some(survived) = filter.survived {
        let text = if survived { "Survived" } else { "Died" };
        add(text.to_owned(), &|filter| filter.survived = None);
    }
    for class in &filter.passenger_class {
        let text = format!("{} class", chart::class(*class));
        add(text, &|filter| {
            filter.passenger_class.retain(|one| one != class);
        });
    }
    for sex in &filter.sex {
        let text = chart::sex(*sex).to_owned();
        add(text, &|filter| filter.sex.retain(|one| one != sex));
    }
    if let Some(text) = between(&filter.age, whole) {
        add(format!("Age {text}"), &|filter| {
            filter.age = Range::default();
        });
    }
    if let Some(text) = between(&filter.fare, fare) {
        add(format!("Fare {text}"), &|filter| {
            filter.fare = Range::default();
        });
    }
    if let Some(text) = between(&filter.siblings_or_spouses_aboard, whole) {
        let text = format!("Siblings, spouses {text}");
        add(text, &|filter| {
            filter.siblings_or_spouses_aboard = Range::default();
        });
    }
    if let Some(text) = between(&filter.parents_or_children_aboard, whole) {
        let text = format!("Parents, children {text}");
        add(text, &|filter| {
            filter.parents_or_children_aboard = Range::default();
        });
    }
    chips
}

/// A range in words; `None` if it has no bounds.
fn between<T: Copy>(range: &Range<T>, text: impl Fn(T) -> String) -> Option<String> {
    if let Range {
        gte: Some(from),
        lte: Some(to),
        gt: None,
        lt: None,
    } = *range
    {
        return Some(format!("{} to {}", text(from), text(to)));
    }
    let words = |(bound, value): (&str, T)| {
        let word = match bound {
            "gte" => "at least",
            "gt" => "more than",
            "lte" => "at most",
            _ => "less than",
        };
        format!("{word} {}", text(value))
    };
    let all: Vec<_> = bounds(range).map(words).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn fares(fares: Fares) -> Vec<(&'static str, String)> {
    vec![
        ("Lowest", fare(fares.min)),
        ("A quarter paid up to", fare(fares.lower_quartile)),
        ("Half paid up to", fare(fares.median)),
        ("Three quarters paid up to", fare(fares.upper_quartile)),
        ("Highest", fare(fares.max)),
    ]
}

impl Column {
    fn new((member, title, class): (Member, &'static str, &'static str), wanted: &Wanted) -> Self {
        let present = wanted.sort.iter().find(|key| key.member == member);
        let is_first = wanted.sort.first().is_some_and(|key| key.member == member);
        let descending = is_first && present.is_some_and(|key| !key.descending);
        let sorted = Wanted {
            sort: vec![Key { member, descending }],
            ..wanted.clone()
        };
        let order = |key: &Key| {
            if key.descending {
                "descending"
            } else {
                "ascending"
            }
        };
        Self {
            title,
            class,
            address: sorted.list(),
            order: present.filter(|_| is_first).map(order),
            is_sorted: present.is_some(),
            arrow: present.map_or("↕", |key| if key.descending { "↓" } else { "↑" }),
        }
    }
}

impl Row {
    fn new(person: Person, back: &str) -> Self {
        Self {
            address: to(&format!("/people/{}", person.uuid), back),
            class: chart::class(person.passenger_class),
            sex: chart::sex(person.sex),
            age: whole(person.age),
            siblings_or_spouses: whole(person.siblings_or_spouses_aboard),
            parents_or_children: whole(person.parents_or_children_aboard),
            fare: fare(person.fare),
            survived: person.survived,
            name: person.name,
        }
    }
}
