//! Numbers about people: how many there are, how many survived, and what they paid.
//!
//! A store gives counts of small groups ([`Group`]) and a few fares; adding them up is done here, for both alike.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::person::Sex;

/// More classes than this are not told apart: there may be as many as people.
const CLASSES: usize = 100;

/// The ages of one band.
const YEARS: i32 = 10;

/// The band of everybody who is 80 or older.
const LAST_BAND: i32 = 8;

/// How many people there are, and how many of them survived.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// All of them.
    pub count: u64,
    /// Those who survived.
    pub survived: u64,
}

/// The answer of `people.summary`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Everybody.
    #[serde(flatten)]
    pub all: Counts,
    /// By class, the lowest number first.
    pub by_passenger_class: Vec<ByClass>,
    /// By sex, in the order of [`Sex::ALL`].
    pub by_sex: Vec<BySex>,
    /// By age, the youngest first.
    pub by_age: Vec<ByAge>,
    /// `None` if there is nobody.
    pub fare: Option<Fares>,
}

/// Those of one class.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ByClass {
    /// The class.
    pub passenger_class: i32,
    /// How many.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Those of one sex.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct BySex {
    /// The sex.
    pub sex: Sex,
    /// How many.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Those of some years.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct ByAge {
    /// The lowest age, in years; `None` below zero.
    pub from: Option<i32>,
    /// The highest age, in years; `None` from 80 on.
    pub to: Option<i32>,
    /// How many.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What people paid, in pounds of 1912: of all fares in their order the first, those at a quarter, a half and three
/// quarters of the way, and the last.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "said above")]
pub struct Fares {
    pub min: f64,
    pub lower_quartile: f64,
    pub median: f64,
    pub upper_quartile: f64,
    pub max: f64,
}

/// People who are alike in class, sex and band of age.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Their class.
    pub passenger_class: i32,
    /// Their sex.
    pub sex: Sex,
    /// Tens of years: -1 below zero, 8 from 80 on.
    pub band: i32,
    /// How many they are.
    pub counts: Counts,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.survived += other.survived;
    }
}

impl Summary {
    /// Adds groups up. The first ones must be those of the lowest class, and so on.
    pub(crate) fn of(groups: impl IntoIterator<Item = Group>, fare: Option<Fares>) -> Self {
        let mut all = Counts::default();
        let mut classes: BTreeMap<i32, Counts> = BTreeMap::new();
        let mut sexes = Sex::ALL.map(|sex| BySex {
            sex,
            counts: Counts::default(),
        });
        let mut bands: BTreeMap<i32, Counts> = (0..=LAST_BAND).map(|band| (band, Counts::default())).collect();
        for group in groups {
            all.add(group.counts);
            if classes.len() < CLASSES || classes.contains_key(&group.passenger_class) {
                classes.entry(group.passenger_class).or_default().add(group.counts);
            }
            for by_sex in &mut sexes {
                if by_sex.sex == group.sex {
                    by_sex.counts.add(group.counts);
                }
            }
            bands.entry(group.band).or_default().add(group.counts);
        }
        let by_class = |(passenger_class, counts)| ByClass {
            passenger_class,
            counts,
        };
        let by_age = |(band, counts)| ByAge {
            from: (band >= 0).then_some(band * YEARS),
            to: (band < LAST_BAND).then_some(band * YEARS + YEARS - 1),
            counts,
        };
        Self {
            all,
            by_passenger_class: classes.into_iter().map(by_class).collect(),
            by_sex: sexes.to_vec(),
            by_age: bands.into_iter().map(by_age).collect(),
            fare,
        }
    }
}
