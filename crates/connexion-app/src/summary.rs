//! Numbers about people: how many there are, how many survived, and what they paid.
//!
//! A store gives counts of small groups ([`Group`]) and a few fares; adding them up is done here (`Tally`), for both
//! alike.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::person::Sex;

/// More classes than this are not told apart: there may be as many as people.
const CLASSES: usize = 100;

/// The ages of one band.
const YEARS: i32 = 10;

/// The band of everybody who is 80 or older.
const LAST_BAND: i32 = 8;

/// The fares, in pounds, at which bands begin. They grow, since half of the passengers paid less than 15 and one 512.
pub(crate) const FARE_BANDS: [f64; 8] = [0.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];

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
    /// By fare, the lowest first.
    pub by_fare: Vec<ByFare>,
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

/// Those who paid a fare of one band, in pounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ByFare {
    /// The lowest fare; `None` below zero.
    pub from: Option<f64>,
    /// The fare that all are less than; `None` from 500 on.
    pub below: Option<f64>,
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

/// People who are alike in class, sex, band of age and band of fare.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Their class.
    pub passenger_class: i32,
    /// Their sex.
    pub sex: Sex,
    /// Tens of years: -1 below zero, 8 from 80 on.
    pub band: i32,
    /// The index of the band's first fare in `FARE_BANDS`: -1 below zero, 7 from 500 on.
    pub fare_band: i32,
    /// How many they are.
    pub counts: Counts,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.survived += other.survived;
    }
}

/// Adds up what a store gives.
#[derive(Debug)]
pub(crate) struct Tally {
    all: Counts,
    classes: BTreeMap<i32, Counts>,
    sexes: [BySex; Sex::ALL.len()],
    bands: BTreeMap<i32, Counts>,
    fare_bands: BTreeMap<i32, Counts>,
    /// The fares of which so many quarters of all are no larger.
    fares: BTreeMap<i32, f64>,
}

impl Default for Tally {
    fn default() -> Self {
        let counts = Counts::default();
        Self {
            all: counts,
            classes: BTreeMap::new(),
            sexes: Sex::ALL.map(|sex| BySex { sex, counts }),
            bands: (0..=LAST_BAND).map(|band| (band, counts)).collect(),
            fare_bands: (0..)
                .zip(FARE_BANDS)
                .map(|(band, _)| (band, counts))
                .collect(),
            fares: BTreeMap::new(),
        }
    }
}

impl Tally {
    /// Adds a group, in any order.
    pub(crate) fn add(&mut self, group: Group) {
        self.all.add(group.counts);
        let class = self.classes.entry(group.passenger_class).or_default();
        class.add(group.counts);
        if self.classes.len() > CLASSES {
            // There are enough lower ones, so nobody asks for this one again.
            self.classes.pop_last();
        }
        let sex = self.sexes.iter_mut().find(|known| known.sex == group.sex);
        if let Some(sex) = sex {
            sex.counts.add(group.counts);
        }
        self.bands.entry(group.band).or_default().add(group.counts);
        let fares = self.fare_bands.entry(group.fare_band).or_default();
        fares.add(group.counts);
    }

    /// Notes the fare of which so many quarters of all are no larger.
    pub(crate) fn fare(&mut self, quarters: i32, fare: f64) {
        self.fares.insert(quarters, fare);
    }

    /// What it comes to.
    pub(crate) fn sum(self) -> Summary {
        let by_class = |(passenger_class, counts)| ByClass {
            passenger_class,
            counts,
        };
        let by_age = |(band, counts)| ByAge {
            from: (band >= 0).then_some(band * YEARS),
            to: (band < LAST_BAND).then_some(band * YEARS + YEARS - 1),
            counts,
        };
        let bound = |band: i32| {
            let index = usize::try_from(band).ok()?;
            FARE_BANDS.get(index).copied()
        };
        let by_fare = |(band, counts)| ByFare {
            from: bound(band),
            below: bound(band + 1),
            counts,
        };
        let quarter = |quarters: i32| self.fares.get(&quarters).copied();
        let fares = || {
            Some(Fares {
                min: quarter(0)?,
                lower_quartile: quarter(1)?,
                median: quarter(2)?,
                upper_quartile: quarter(3)?,
                max: quarter(4)?,
            })
        };
        Summary {
            all: self.all,
            fare: fares(),
            by_passenger_class: self.classes.into_iter().map(by_class).collect(),
            by_sex: self.sexes.to_vec(),
            by_age: self.bands.into_iter().map(by_age).collect(),
            by_fare: self.fare_bands.into_iter().map(by_fare).collect(),
        }
    }
}
