//! The list's filter as a form: what it was filled in with, and what is wrong with that.

use askama::Template;
use connexion::{Problem, Violation};

use super::{
    Page, Visitor,
    address::{Wanted, bounds},
    chart,
    list::COLUMNS,
    number::{plain, whole},
};
use crate::{
    listing::LIMIT,
    person::Sex,
    query::{self, Filter, Key, Member, Range},
};

/// The form, which is a part of pages.
#[derive(Template)]
#[template(path = "filter.html")]
pub(super) struct Fields {
    /// Whether all of it is shown.
    is_open: bool,
    name: String,
    survival: [Choice; 3],
    classes: Vec<Choice>,
    sexes: Vec<Choice>,
    ranges: [Bounds; 4],
    orders: Vec<Choice>,
    limits: Vec<Choice>,
    /// What is wrong with a field that is none of a range.
    errors: Vec<(String, String)>,
}

/// Something to choose.
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// A range.
struct Bounds {
    name: &'static str,
    label: &'static str,
    decimal: bool,
    ends: [End; 2],
    /// Those that the form does not show, but must not forget.
    others: Vec<(&'static str, String)>,
}

/// An end of a range.
struct End {
    bound: &'static str,
    word: &'static str,
    text: String,
    error: Option<String>,
}

/// What takes the place of the list if its address is wrong.
#[derive(Template)]
#[template(path = "refused.html")]
pub(super) struct Refused {
    page: Page,
    filter: Fields,
    /// Each with the field that it is about, if the form has it.
    told: Vec<(Option<String>, String)>,
}

const LIMITS: [u32; 4] = [25, 100, 250, 1000];

/// More classes to choose from are a list that nobody reads.
const CLASSES: usize = 12;

impl Refused {
    /// `query` is what was asked.
    pub(super) fn new(query: &str, problem: &Problem, visitor: &Visitor) -> Self {
        let mut filter = Fields::entered(query);
        let errors = problem.errors.iter();
        let mut faults: Vec<_> = errors.map(|error| filter.note(error)).collect();
        if faults.is_empty() {
            faults.push((None, problem.detail.clone()));
        }
        Self {
            page: visitor.page("people"),
            filter,
            told: faults,
        }
    }
}

impl Fields {
    /// Filled in with what is on the list; `known` are classes that there are.
    pub(super) fn new(wanted: &Wanted, known: impl Iterator<Item = i32>) -> Self {
        let filter = &wanted.filter;
        Self {
            is_open: false,
            name: filter.name.clone().unwrap_or_default(),
            survival: survival(filter),
            classes: classes(filter, known),
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
            errors: Vec::new(),
        }
    }

    /// Filled in with what can be made of a query that the contract refuses: texts as they are, and of what is chosen that
    /// which is there.
    fn entered(query: &str) -> Self {
        let mut wanted = Wanted::default();
        let filter = &mut wanted.filter;
        let mut texts = Vec::new();
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "name" => filter.name = Some(text.into_owned()),
                "survived" => filter.survived = text.parse().ok(),
                "passengerClass" => filter.passenger_class.extend(text.parse::<i32>()),
                "sex" => filter.sex.extend(Sex::parse(&text)),
                "sort" => wanted.sort = text.split(',').filter_map(Key::parse).collect(),
                "limit" => wanted.limit = text.parse().ok().filter(|limit| LIMITS.contains(limit)),
                _ => texts.push((name, text)),
            }
        }
        let mut fields = Self {
            is_open: true,
            ..Self::new(&wanted, std::iter::empty())
        };
        for range in &mut fields.ranges {
            let text = |bound: &str| {
                let wanted = format!("{}[{bound}]", range.name);
                let mut texts = texts.iter().rev();
                texts
                    .find(|(name, _)| **name == wanted)
                    .map(|(_, text)| text.as_ref().to_owned())
            };
            for end in &mut range.ends {
                end.text = text(end.bound).unwrap_or_default();
            }
            range.others = ["gt", "lt"]
                .into_iter()
                .filter_map(|bound| Some((bound, text(bound)?)))
                .collect();
        }
        fields
    }

    /// Puts a fault at its field; gives back the sentence for the summary, and which field it leads to.
    fn note(&mut self, fault: &Violation) -> (Option<String>, String) {
        let bound = fault.pointer.trim_start_matches('/');
        let name = fault.location.name().unwrap_or_default();
        if let Some(range) = self.ranges.iter_mut().find(|one| one.name == name) {
            // A bound that has no field could not be mended there.
            range.others.retain(|(other, _)| *other != bound);
            let (label, decimal) = (range.label, range.decimal);
            let Some(end) = range.ends.iter_mut().find(|end| end.bound == bound) else {
                return (None, sentence(label, decimal, fault));
            };
            let error = sentence(&format!("{label}, {}", end.word), decimal, fault);
            end.error = Some(error.clone());
            return (Some(format!("{}-{bound}", range.name)), error);
        }
        let (id, error) = match name {
            "name" if fault.code() == "too-long" => {
                ("name", "“Name” must have at most 100 characters".to_owned())
            }
            "survived" => ("survived-field", "Choose one for “Survival”".to_owned()),
            "passengerClass" => ("passengerClass-field", "There is no such class".to_owned()),
            "sex" => ("sex-field", "There is no such sex".to_owned()),
            "sort" => ("sort", "There is no such order".to_owned()),
            "limit" => ("limit", "A page has 1 to 1,000 people".to_owned()),
            "name" => ("name", fault.detail.clone()),
            _ => return (None, fault.detail.clone()),
        };
        if self.error(name).is_none() {
            self.errors.push((name.to_owned(), error.clone()));
        }
        (Some(id.to_owned()), error)
    }

    /// What is wrong with a field.
    fn error(&self, name: &str) -> Option<&str> {
        let mut errors = self.errors.iter();
        let (_, error) = errors.find(|(field, _)| field == name)?;
        Some(error)
    }
}

impl Bounds {
    fn is_wrong(&self) -> bool {
        self.ends.iter().any(|end| end.error.is_some())
    }
}

/// A fault of a range in words.
fn sentence(label: &str, decimal: bool, fault: &Violation) -> String {
    match fault.code() {
        "wrong-type" if decimal => format!("“{label}” must be a number such as 7.25"),
        "wrong-type" => format!("“{label}” must be a whole number"),
        "wrong-format" => format!("“{label}” is out of range: at most 2,147,483,647"),
        _ => fault.detail.clone(),
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
fn classes(filter: &Filter, known: impl Iterator<Item = i32>) -> Vec<Choice> {
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
        let end = |bound: &'static str, word, value: Option<T>| End {
            bound,
            word,
            text: value.map(plain).unwrap_or_default(),
            error: None,
        };
        let others = bounds(range).filter(|(bound, _)| !bound.ends_with('e'));
        Bounds {
            name,
            label,
            decimal,
            ends: [end("gte", "from", range.gte), end("lte", "to", range.lte)],
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
pub(super) fn described(keys: &[Key]) -> String {
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
