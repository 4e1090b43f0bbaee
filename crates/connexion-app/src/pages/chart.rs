//! Charts of who survived, as tables: Charts.css draws them, and a screen reader reads them.
//!
//! Each bar is as long as all others and shows shares; how many people it stands for is told beside it. Where the filter
//! leaves only those who survived, or only those who did not, that says nothing: each bar shows a share of all of them then.

use super::{
    address::Wanted,
    number::{percent, whole},
};
use crate::{
    person::Sex,
    query::{Filter, Range},
    summary::{Counts, Summary},
};

/// More bars make a chart that nobody reads; the table of the API has all of them.
const BARS: usize = 12;

/// One chart.
#[derive(Debug)]
pub(super) struct Chart {
    /// What its title says.
    pub(super) title: &'static str,
    /// What stands over the labels, and over what is told beside the bars.
    pub(super) by: &'static str,
    pub(super) of: &'static str,
    pub(super) bars: Vec<Bar>,
    /// How many bars were left out.
    pub(super) more: usize,
}

/// People who are alike in something.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) label: String,
    /// The list of all of them.
    pub(super) address: String,
    /// What is told beside it, the more important part first; `None` if there is nobody.
    pub(super) told: Option<(String, String)>,
    pub(super) survived: Part,
    pub(super) died: Part,
}

/// Those among them who survived, or who did not.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) is_empty: bool,
    /// Their share, in hundredths.
    pub(super) percent: u64,
    pub(super) count: String,
    /// The list of them.
    pub(super) address: String,
}

impl Bar {
    /// A bar within `all`, of which only some may be shown.
    fn new(label: String, wanted: &Wanted, filter: Filter, counts: Counts, all: Counts) -> Self {
        let Counts { count, survived } = counts;
        let died = count.saturating_sub(survived);
        let share = percent(survived, count);
        let shares = match wanted.filter.survived {
            None => (share, if count == 0 { 0 } else { 100 - share }),
            Some(_) => (percent(survived, all.count), percent(died, all.count)),
        };
        let told = match wanted.filter.survived {
            _ if count == 0 => None,
            None => Some((format!("{share}%"), format!("of {}", whole(count)))),
            Some(_) => Some((whole(count), format!("({}%)", percent(count, all.count)))),
        };
        let part = |number: u64, percent: u64, survived: bool| {
            let filter = Filter {
                survived: Some(survived),
                ..filter.clone()
            };
            Part {
                is_empty: number == 0,
                percent,
                count: whole(number),
                address: with(wanted, filter),
            }
        };
        Self {
            label,
            told,
            survived: part(survived, shares.0, true),
            died: part(died, shares.1, false),
            address: with(wanted, filter),
        }
    }
}

fn with(wanted: &Wanted, filter: Filter) -> String {
    let mut wanted = wanted.clone();
    wanted.filter = filter;
    wanted.list()
}

/// The charts of a list.
pub(super) fn all(wanted: &Wanted, summary: &Summary) -> [Chart; 3] {
    let filter = &wanted.filter;
    let classes = summary.by_passenger_class.iter().take(BARS).map(|of| {
        let filter = Filter {
            passenger_class: vec![of.passenger_class],
            ..filter.clone()
        };
        Bar::new(
            class(of.passenger_class),
            wanted,
            filter,
            of.counts,
            summary.all,
        )
    });
    let sexes = summary.by_sex.iter().map(|of| {
        let filter = Filter {
            sex: vec![of.sex],
            ..filter.clone()
        };
        Bar::new(
            sex(of.sex).to_owned(),
            wanted,
            filter,
            of.counts,
            summary.all,
        )
    });
    let ages = summary.by_age.iter().map(|of| {
        let filter = Filter {
            age: within(filter.age, of.from, of.to),
            ..filter.clone()
        };
        Bar::new(
            years(of.from, of.to),
            wanted,
            filter,
            of.counts,
            summary.all,
        )
    });
    let chart = |by, titles: [&'static str; 2], bars: Vec<Bar>| Chart {
        title: titles[usize::from(filter.survived.is_some())],
        by,
        of: measure(filter),
        bars,
        more: 0,
    };
    let mut by_class = chart(
        "Class",
        ["Survival by class", "By class"],
        classes.collect(),
    );
    by_class.more = summary.by_passenger_class.len() - by_class.bars.len();
    [
        by_class,
        chart("Sex", ["Survival by sex", "By sex"], sexes.collect()),
        chart("Age", ["Survival by age", "By age"], ages.collect()),
    ]
}

/// What the length of a bar is.
fn measure(filter: &Filter) -> &'static str {
    match filter.survived {
        None => "Share who survived",
        Some(_) => "People",
    }
}

/// A band of ages in words.
fn years(from: Option<i32>, to: Option<i32>) -> String {
    match (from, to) {
        (None, _) => "below 0".to_owned(),
        (Some(from), None) => format!("{from}+"),
        (Some(from), Some(to)) => format!("{from}–{to}"),
    }
}

/// The part of a range that a band of ages is.
fn within(range: Range<i32>, from: Option<i32>, to: Option<i32>) -> Range<i32> {
    // Below zero.
    if from.is_none() {
        return Range {
            lt: Some(range.lt.map_or(0, |lt| lt.min(0))),
            ..range
        };
    }
    Range {
        gte: range.gte.max(from),
        lte: match (range.lte, to) {
            (Some(lte), Some(to)) => Some(lte.min(to)),
            (lte, to) => lte.or(to),
        },
        ..range
    }
}

/// A class in words, where there is one.
pub(super) fn class(class: i32) -> String {
    match class {
        1 => "1st".to_owned(),
        2 => "2nd".to_owned(),
        3 => "3rd".to_owned(),
        other => whole(other),
    }
}

/// A sex in words.
pub(super) fn sex(sex: Sex) -> &'static str {
    match sex {
        Sex::Male => "Male",
        Sex::Female => "Female",
        Sex::Other => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_of_ages_is_the_part_of_it_that_was_asked_for() {
        let range = |gte, lte| Range {
            gte,
            lte,
            ..Range::default()
        };
        for (asked, from, to, expected) in [
            (
                range(None, None),
                Some(10),
                Some(19),
                range(Some(10), Some(19)),
            ),
            (
                range(Some(18), Some(65)),
                Some(10),
                Some(19),
                range(Some(18), Some(19)),
            ),
            (
                range(Some(18), Some(65)),
                Some(60),
                Some(69),
                range(Some(60), Some(65)),
            ),
            (range(Some(18), None), Some(80), None, range(Some(80), None)),
        ] {
            assert_eq!(within(asked, from, to), expected);
        }
        let below = within(range(Some(-5), None), None, Some(-1));
        assert_eq!((below.gte, below.lt), (Some(-5), Some(0)));
    }
}
