//! The list of people as a page: filters, the table, its pages and charts.

use askama::Template;

use super::{
    Page, Visitor,
    address::{Wanted, bounds},
    chart::{self, Chart},
    number::{fare, percent, plain, whole},
};
use crate::{
    listing::{self, LIMIT},
    person::{Person, Sex},
    query::{self, Filter, Key, Member, Range},
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
    name: String,
    survival: [Choice; 3],
    classes: Vec<Choice>,
    sexes: Vec<Choice>,
    ranges: [Bounds; 4],
    orders: Vec<Choice>,
    limits: Vec<Choice>,
    chips: Vec<Chip>,
    all: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    first: Option<String>,
    prev: Option<String>,
    next: Option<String>,
    csv: String,
    json: String,
    charts: [Chart; 3],
    fares: Vec<(&'static str, String)>,
}

/// Something to choose in the filter.
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// A range in the filter.
struct Bounds {
    name: &'static str,
    label: &'static str,
    decimal: bool,
    gte: String,
    lte: String,
    /// Those that the form does not show, but must not forget.
    others: Vec<(&'static str, String)>,
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

const COLUMNS: [(Member, &str, &str); 8] = [
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

const LIMITS: [u32; 4] = [25, 100, 250, 1000];

/// More classes to choose from are a list that nobody reads.
const CLASSES: usize = 12;

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
        let last = before
            .saturating_add(people.len() as u64)
            .min(summary.all.count);
        let position = (!people.is_empty()).then(|| (whole(before.saturating_add(1)), whole(last)));
        Self {
            page: visitor.page("people"),
            is_empty: summary.all.count == 0,
            is_filtered: *filter != Filter::default(),
            count: whole(summary.all.count),
            survived: whole(summary.all.survived),
            percent: percent(summary.all.survived, summary.all.count),
            position,
            name: filter.name.clone().unwrap_or_default(),
            survival: survival(filter),
            classes: classes(filter, summary),
            sexes: Sex::ALL
                .map(|sex| Choice {
                    value: sex.as_str().to_owned(),
                    label: chart::sex(sex).to_owned(),
                    is_chosen: filter.sex.contains(&sex),
                })
                .into(),
            ranges: ranges(filter),
            orders: orders(&wanted.sort),
            limits: limits(wanted.limit),
            chips: chips(wanted),
            all: Wanted {
                filter: Filter::default(),
                ..wanted.clone()
            }
            .list(),
            columns: COLUMNS.map(|column| Column::new(column, wanted)).into(),
            rows: people.into_iter().map(Row::from).collect(),
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

fn survival(filter: &Filter) -> [Choice; 3] {
    [
        ("", "Either", None),
        ("true", "Survived", Some(true)),
        ("false", "Died", Some(false)),
    ]
    .map(|(value, label, survived)| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        is_chosen: filter.survived == survived,
    })
}

/// The Titanic's three, and whichever others there are.
fn classes(filter: &Filter, summary: &Summary) -> Vec<Choice> {
    let known = summary
        .by_passenger_class
        .iter()
        .map(|of| of.passenger_class);
    let mut all: Vec<_> = [1, 2, 3]
        .into_iter()
        .chain(filter.passenger_class.iter().copied())
        .collect();
    all.extend(known.take(CLASSES));
    all.sort_unstable();
    all.dedup();
    let choice = |class: i32| Choice {
        value: class.to_string(),
        label: chart::class(class),
        is_chosen: filter.passenger_class.contains(&class),
    };
    all.into_iter().map(choice).collect()
}

fn ranges(filter: &Filter) -> [Bounds; 4] {
    fn range<T: Copy + serde::Serialize>(
        name: &'static str,
        label: &'static str,
        decimal: bool,
        range: &Range<T>,
    ) -> Bounds {
        let text = |bound: Option<T>| bound.map(plain).unwrap_or_default();
        let others = bounds(range).filter(|(bound, _)| !bound.ends_with('e'));
        Bounds {
            name,
            label,
            decimal,
            gte: text(range.gte),
            lte: text(range.lte),
            others: others.map(|(bound, value)| (bound, plain(value))).collect(),
        }
    }
    let Filter {
        age,
        siblings_or_spouses_aboard: siblings,
        parents_or_children_aboard: parents,
        fare,
        ..
    } = filter;
    [
        range("age", "Age", false, age),
        range("fare", "Fare in £", true, fare),
        range(
            "siblingsOrSpousesAboard",
            "Siblings, spouses",
            false,
            siblings,
        ),
        range(
            "parentsOrChildrenAboard",
            "Parents, children",
            false,
            parents,
        ),
    ]
}

/// Every order by one member, and the one there is if it is by several.
fn orders(keys: &[Key]) -> Vec<Choice> {
    let chosen = query::names(keys);
    let mut all = vec![(String::new(), "No particular order".to_owned())];
    for (member, title, _) in COLUMNS {
        for descending in [false, true] {
            let key = Key { member, descending };
            all.push((query::names(&[key]), format!("{title}, {}", direction(key))));
        }
    }
    if all.iter().all(|(value, _)| *value != chosen) {
        all.push((chosen.clone(), described(keys)));
    }
    let choice = |(value, label): (String, String)| Choice {
        is_chosen: value == chosen,
        value,
        label,
    };
    all.into_iter().map(choice).collect()
}

/// What an order is called.
fn described(keys: &[Key]) -> String {
    let title = |key: &Key| {
        let mut columns = COLUMNS.iter();
        let title = columns
            .find(|(member, ..)| *member == key.member)
            .map_or("Key", |(_, title, _)| *title);
        format!("{title} ({})", direction(*key))
    };
    keys.iter().map(title).collect::<Vec<_>>().join(", then ")
}

fn direction(key: Key) -> &'static str {
    match (key.member, key.descending) {
        (Member::Name | Member::Sex | Member::Uuid, false) => "A to Z",
        (Member::Name | Member::Sex | Member::Uuid, true) => "Z to A",
        (Member::Survived, false) => "no first",
        (Member::Survived, true) => "yes first",
        (_, false) => "lowest first",
        (_, true) => "highest first",
    }
}

fn limits(limit: Option<u32>) -> Vec<Choice> {
    let chosen = limit.unwrap_or(LIMIT);
    let mut all = LIMITS.to_vec();
    all.push(chosen);
    all.sort_unstable();
    all.dedup();
    let choice = |number: u32| Choice {
        // The usual one needs not be said.
        value: if number == LIMIT {
            String::new()
        } else {
            number.to_string()
        },
        label: whole(number),
        is_chosen: number == chosen,
    };
    all.into_iter().map(choice).collect()
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
            arrow: present.map_or("", |key| if key.descending { "↓" } else { "↑" }),
        }
    }
}

impl From<Person> for Row {
    fn from(person: Person) -> Self {
        Self {
            address: format!("/people/{}", person.uuid),
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
