//! Charts of how many people there are and who survived, as tables: each row has a bar (SVG, of which nothing has to be set by a
//! style attribute, which the policy refuses) and what it shows as text, for those who can't see or point.
//!
//! A bar's length is a number of people, on the scale of the chart's axis. A mark on it shows where those who survived
//! would end if they were as many as among all people of the list. Where the filter leaves only those who survived, or only those
//! who did not, there is no such mark.

use super::{
    address::Wanted,
    number::{percent, whole},
};
use crate::{
    person::Sex,
    query::{Filter, Range},
    summary::{Counts, Summary},
};

/// More bars make a chart that nobody reads; the summary of the API has all of them.
const BARS: usize = 12;

/// The length of the longest bar, in the units of its picture.
const LENGTH: u64 = 1000;

/// Somebody is never shown as nobody.
const SHORTEST: u64 = 4;

/// One chart.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: &'static str,
    /// What stands over the labels.
    pub(super) by: &'static str,
    pub(super) bars: Vec<Bar>,
    /// The numbers at the begin, the middle and the end of the axis.
    pub(super) axis: [String; 3],
    /// How many bars were left out.
    pub(super) more: usize,
}

/// People who are alike in something.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) label: String,
    /// The list of all of them.
    pub(super) address: String,
    /// Which share survived, or which share of all they are; `None` if there is nobody.
    pub(super) share: Option<u64>,
    pub(super) survived: Part,
    pub(super) died: Part,
    /// Where those who survived would end if their share were that of all.
    pub(super) mark: Option<u64>,
}

/// Those among them who survived, or who did not.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) count: String,
    /// Where it begins in the picture, and how long it is.
    pub(super) from: u64,
    pub(super) length: u64,
    /// The list of them, if there is anybody.
    pub(super) address: Option<String>,
}

/// People of a chart, before there is a scale.
struct Group {
    label: String,
    filter: Filter,
    counts: Counts,
}

/// What all bars of a page have in common.
struct Scale<'w> {
    wanted: &'w Wanted,
    all: Counts,
    /// How many people the longest bar could stand for.
    end: u64,
}

impl Scale<'_> {
    fn bar(&self, group: Group) -> Bar {
        let Group {
            label,
            filter,
            counts: Counts { count, survived },
        } = group;
        let died = count.saturating_sub(survived);
        let part = |number: u64, from: u64, survived: bool| {
            let filter = Filter {
                survived: Some(survived),
                ..filter.clone()
            };
            Part {
                count: whole(number),
                from,
                length: self.length(number),
                address: (number > 0).then(|| self.list(filter)),
            }
        };
        let is_all = self.wanted.filter.survived.is_none();
        let share = if is_all {
            percent(survived, count)
        } else {
            percent(count, self.all.count)
        };
        let living = part(survived, 0, true);
        Bar {
            label,
            share: (count > 0).then_some(share),
            mark: (is_all && count > 0).then(|| self.mark(count)),
            died: part(died, living.length, false),
            survived: living,
            address: self.list(filter),
        }
    }

    fn length(&self, number: u64) -> u64 {
        let exact = scaled(number, LENGTH, self.end);
        if number == 0 { 0 } else { exact.max(SHORTEST) }
    }

    fn mark(&self, count: u64) -> u64 {
        scaled(self.length(count), self.all.survived, self.all.count)
    }

    fn list(&self, filter: Filter) -> String {
        let mut wanted = self.wanted.clone();
        wanted.filter = filter;
        wanted.list()
    }

    fn axis(&self) -> [String; 3] {
        [0, self.end / 2, self.end].map(whole)
    }
}

/// `number` times `by` over `of`.
fn scaled(number: u64, by: u64, of: u64) -> u64 {
    let exact = u128::from(number) * u128::from(by) / u128::from(of.max(1));
    u64::try_from(exact).unwrap_or(u64::MAX)
}

/// The next number that people read easily, and that has a half: 2, 4, 6, 8, 10, 20, 30, 40 …
fn round(most: u64) -> u64 {
    let mut ten = 1_u64;
    loop {
        let ends = [2, 3, 4, 6, 8, 10].map(|step| ten.saturating_mul(step));
        let mut ends = ends.into_iter().filter(|end| end.is_multiple_of(2));
        match ends.find(|end| *end >= most) {
            Some(end) => return end,
            None => ten = ten.saturating_mul(10),
        }
        if ten == u64::MAX {
            return ten;
        }
    }
}

/// The charts of a list.
pub(super) fn all(wanted: &Wanted, summary: &Summary) -> [Chart; 4] {
    let scale = |groups: &[Group]| Scale {
        wanted,
        all: summary.all,
        end: round(
            groups
                .iter()
                .map(|group| group.counts.count)
                .max()
                .unwrap_or_default(),
        ),
    };
    let mut titles = [
        ("Class", "Class"),
        ("Sex", "Sex"),
        ("Age", "Years"),
        ("Fare", "Pounds"),
    ]
    .into_iter();
    let mut charts = groups(&wanted.filter, summary).map(|groups| {
        let scale = scale(&groups);
        let (title, by) = titles.next().unwrap_or_default();
        Chart {
            title,
            by,
            axis: scale.axis(),
            bars: groups.into_iter().map(|group| scale.bar(group)).collect(),
            more: 0,
        }
    });
    charts[0].more = summary.by_passenger_class.len() - charts[0].bars.len();
    charts
}

/// The people of each chart: by class, sex, age and fare.
fn groups(filter: &Filter, summary: &Summary) -> [Vec<Group>; 4] {
    let classes = summary
        .by_passenger_class
        .iter()
        .take(BARS)
        .map(|of| Group {
            label: class(of.passenger_class),
            filter: Filter {
                passenger_class: vec![of.passenger_class],
                ..filter.clone()
            },
            counts: of.counts,
        });
    let sexes = summary.by_sex.iter().map(|of| Group {
        label: sex(of.sex).to_owned(),
        filter: Filter {
            sex: vec![of.sex],
            ..filter.clone()
        },
        counts: of.counts,
    });
    let ages = summary.by_age.iter().map(|of| Group {
        label: years(of.from, of.to),
        filter: Filter {
            age: within(filter.age, of.from, of.to),
            ..filter.clone()
        },
        counts: of.counts,
    });
    let fares = summary.by_fare.iter().map(|of| Group {
        label: pounds(of.from, of.below),
        filter: Filter {
            fare: paid(filter.fare, of.from, of.below),
            ..filter.clone()
        },
        counts: of.counts,
    });
    [
        classes.collect(),
        sexes.collect(),
        ages.collect(),
        fares.collect(),
    ]
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

/// A band of fares in words.
fn pounds(from: Option<f64>, below: Option<f64>) -> String {
    match (from, below) {
        (None, _) => "below 0".to_owned(),
        (Some(from), None) => format!("{from}+"),
        (Some(from), Some(below)) => format!("{from}–{below}"),
    }
}

/// The part of a range that a band of fares is.
fn paid(range: Range<f64>, from: Option<f64>, below: Option<f64>) -> Range<f64> {
    let bound =
        |one: Option<f64>, other: Option<f64>, choose: fn(f64, f64) -> f64| match (one, other) {
            (Some(one), Some(other)) => Some(choose(one, other)),
            (one, other) => one.or(other),
        };
    Range {
        gte: bound(range.gte, from, f64::max),
        lt: bound(range.lt, below, f64::min),
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
        let asked = Range {
            gte: Some(7.5),
            lt: Some(30.0),
            ..Range::default()
        };
        let within_band = paid(asked, Some(5.0), Some(10.0));
        assert_eq!((within_band.gte, within_band.lt), (Some(7.5), Some(10.0)));
        let highest = paid(Range::default(), Some(500.0), None);
        assert_eq!((highest.gte, highest.lt), (Some(500.0), None));
        let below = within(range(Some(-5), None), None, Some(-1));
        assert_eq!((below.gte, below.lt), (Some(-5), Some(0)));
    }

    #[test]
    fn axis_ends_at_a_number_that_has_a_half() {
        for (most, end) in [
            (0, 2),
            (2, 2),
            (3, 4),
            (12, 20),
            (22, 30),
            (350, 400),
            (453, 600),
            (1001, 2000),
        ] {
            assert_eq!(round(most), end, "{most}");
        }
        assert_eq!(round(u64::MAX), u64::MAX);
    }
}
