//! Lists, counts and summaries, on both stores, against the same done by hand in memory.

use connexion_app::person::{Person, Sex};
use connexion_app::query::{Cursor, Filter, Key, Member, Range, Select, fold, reversed, total};
use connexion_app::store::Store;
use connexion_app::summary::Summary;
use futures_util::{StreamExt, TryStreamExt, stream};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use crate::conformance::{Place, on_both_stores};

on_both_stores! {
    whoever_fits_is_listed_in_order_and_counted
    pages_from_either_end_have_everybody_once
    whoever_comes_or_goes_makes_nobody_come_twice_or_not_at_all
    names_are_found_in_any_script_and_letter_case
    a_summary_of_nobody_has_no_fares
    classes_beyond_a_hundred_are_not_told_apart
}

const NAMES: [&str; 8] = [
    "Braund, Mr. Owen Harris",
    "braund",
    "Åkeson, ÅSA",
    "åkeson",
    "Вронский",
    "ΟΔΥΣΣΕΥΣ",
    "100% _\\ 'sure'",
    "",
];

fn any_person() -> impl Strategy<Value = Person> {
    let few = (
        any::<bool>(),
        -1..4,
        prop::sample::select(&NAMES[..]),
        0..3_usize,
    );
    let numbers = (
        -3..95,
        0..5,
        0..3,
        prop::sample::select(vec![0.0, 7.25, 7.925, 71.2833, 512.0]),
    );
    (any::<u128>(), few, numbers).prop_map(
        |(uuid, (survived, class, name, sex), (age, s, p, fare))| Person {
            uuid: Uuid::from_u128(uuid),
            survived,
            passenger_class: class,
            name: name.to_owned(),
            sex: Sex::ALL[sex],
            age,
            siblings_or_spouses_aboard: s,
            parents_or_children_aboard: p,
            fare,
        },
    )
}

fn range<T: std::fmt::Debug + Clone + 'static>(
    of: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = Range<T>> {
    let bound = || prop::option::weighted(0.2, of.clone());
    (bound(), bound(), bound(), bound()).prop_map(|(gte, gt, lte, lt)| Range { gte, gt, lte, lt })
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let names = prop::sample::select(vec![
        "BRAUND",
        "åk",
        "вронск",
        "δυσσ",
        "%",
        "_\\",
        "'",
        "nobody",
    ]);
    let lists = (
        prop::option::weighted(0.3, any::<bool>()),
        prop::collection::vec(-1..4, 0..3),
        prop::collection::vec(prop::sample::select(Sex::ALL.to_vec()), 0..3),
        prop::option::weighted(0.3, names.prop_map(str::to_owned)),
    );
    let fares = prop::sample::select(vec![0.0, 7.25, 7.9, 100.0]);
    (
        lists,
        (range(-3..95), range(0..5), range(0..3), range(fares)),
    )
        .prop_map(
            |((survived, passenger_class, sex, name), (age, siblings, parents, fare))| Filter {
                survived,
                passenger_class,
                sex,
                name,
                age,
                siblings_or_spouses_aboard: siblings,
                parents_or_children_aboard: parents,
                fare,
            },
        )
}

fn any_order() -> impl Strategy<Value = Vec<Key>> {
    const MEMBERS: [&str; 9] = [
        "uuid",
        "survived",
        "passengerClass",
        "name",
        "sex",
        "age",
        "siblingsOrSpousesAboard",
        "parentsOrChildrenAboard",
        "fare",
    ];
    let key = (prop::sample::select(&MEMBERS[..]), any::<bool>());
    prop::collection::vec(key, 0..4).prop_map(|keys| {
        let text = |(name, down)| format!("{}{name}", if down { "-" } else { "" });
        total(keys.into_iter().map(|key| Key::parse(&text(key)).unwrap()))
    })
}

fn some<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>, runner: &mut TestRunner) -> T {
    strategy.new_tree(runner).unwrap().current()
}

fn within<T: PartialOrd>(range: &Range<T>, value: &T) -> bool {
    range.gte.as_ref().is_none_or(|bound| value >= bound)
        && range.gt.as_ref().is_none_or(|bound| value > bound)
        && range.lte.as_ref().is_none_or(|bound| value <= bound)
        && range.lt.as_ref().is_none_or(|bound| value < bound)
}

fn fits(filter: &Filter, person: &Person) -> bool {
    filter
        .survived
        .is_none_or(|survived| survived == person.survived)
        && (filter.passenger_class.is_empty()
            || filter.passenger_class.contains(&person.passenger_class))
        && (filter.sex.is_empty() || filter.sex.contains(&person.sex))
        && filter
            .name
            .as_ref()
            .is_none_or(|part| fold(&person.name).contains(&fold(part)))
        && within(&filter.age, &person.age)
        && within(
            &filter.siblings_or_spouses_aboard,
            &person.siblings_or_spouses_aboard,
        )
        && within(
            &filter.parents_or_children_aboard,
            &person.parents_or_children_aboard,
        )
        && within(&filter.fare, &person.fare)
}

fn sort(people: &mut [Person], order: &[Key]) {
    people.sort_by(|a, b| {
        let compare = |key: &Key| {
            let ordering = match key.member {
                Member::Uuid => a.uuid.cmp(&b.uuid),
                Member::Survived => a.survived.cmp(&b.survived),
                Member::PassengerClass => a.passenger_class.cmp(&b.passenger_class),
                Member::Name => a.name.cmp(&b.name),
                Member::Sex => a.sex.as_str().cmp(b.sex.as_str()),
                Member::Age => a.age.cmp(&b.age),
                Member::SiblingsOrSpousesAboard => a
                    .siblings_or_spouses_aboard
                    .cmp(&b.siblings_or_spouses_aboard),
                Member::ParentsOrChildrenAboard => a
                    .parents_or_children_aboard
                    .cmp(&b.parents_or_children_aboard),
                Member::Fare => a.fare.total_cmp(&b.fare),
            };
            if key.descending {
                ordering.reverse()
            } else {
                ordering
            }
        };
        order
            .iter()
            .map(compare)
            .find(|ordering| ordering.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
}

/// Those who fit, in their order.
fn listed(people: &[Person], filter: &Filter, order: &[Key]) -> Vec<Person> {
    let fitting = people.iter().filter(|person| fits(filter, person));
    let mut fitting: Vec<_> = fitting.cloned().collect();
    sort(&mut fitting, order);
    fitting
}

async fn stored(store: &dyn Store, people: &[Person]) {
    let batch = Ok(people.to_vec());
    let batches = stream::iter([batch]).boxed();
    store.import(batches, None).await.unwrap();
}

async fn read(store: &dyn Store, select: &Select) -> Vec<Person> {
    store
        .list(select)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap()
}

/// 300 people of whom many are alike, and what is asked about them.
fn crowd(runner: &mut TestRunner) -> Vec<Person> {
    some(&prop::collection::vec(any_person(), 300), runner)
}

async fn whoever_fits_is_listed_in_order_and_counted(place: &Place) {
    let store = place.migrated().await;
    let mut runner = TestRunner::default();
    let people = crowd(&mut runner);
    stored(store.as_ref(), &people).await;
    for _ in 0..150 {
        let (filter, order) = some(&(any_filter(), any_order()), &mut runner);
        let expected = listed(&people, &filter, &order);
        let select = Select {
            filter: filter.clone(),
            order,
            ..Select::default()
        };
        assert_eq!(read(store.as_ref(), &select).await, expected, "{select:?}");
        assert_eq!(
            store.count(&filter).await.unwrap(),
            expected.len() as u64,
            "{filter:?}"
        );
        let summary = store.summary(&filter).await.unwrap();
        is_of(&summary, &expected);
    }
}

/// Whether a summary is that of these people.
#[track_caller]
fn is_of(summary: &Summary, people: &[Person]) {
    let count = |fits: &dyn Fn(&Person) -> bool| {
        let all = people.iter().filter(|person| fits(person));
        let survived = all.clone().filter(|person| person.survived).count() as u64;
        (all.count() as u64, survived)
    };
    assert_eq!((summary.all.count, summary.all.survived), count(&|_| true));
    for one in &summary.by_passenger_class {
        let counts = (one.counts.count, one.counts.survived);
        assert_eq!(
            counts,
            count(&|person| person.passenger_class == one.passenger_class)
        );
        assert_ne!(counts.0, 0);
    }
    for one in &summary.by_sex {
        assert_eq!(
            (one.counts.count, one.counts.survived),
            count(&|person| person.sex == one.sex)
        );
    }
    for one in &summary.by_age {
        let (from, to) = (one.from.unwrap_or(i32::MIN), one.to.unwrap_or(i32::MAX));
        let counts = count(&|person| (from..=to).contains(&person.age));
        assert_eq!(
            (one.counts.count, one.counts.survived),
            counts,
            "{from} to {to}"
        );
    }
    for one in &summary.by_fare {
        let from = one.from.unwrap_or(f64::NEG_INFINITY);
        let below = one.below.unwrap_or(if one.from.is_none() {
            0.0
        } else {
            f64::INFINITY
        });
        let counts = count(&|person| from <= person.fare && person.fare < below);
        let told = (one.counts.count, one.counts.survived);
        assert_eq!(told, counts, "{from} to {below}");
    }
    let all: u64 = summary.by_fare.iter().map(|one| one.counts.count).sum();
    assert_eq!(all, summary.all.count);
    let mut fares: Vec<_> = people.iter().map(|person| person.fare).collect();
    fares.sort_by(f64::total_cmp);
    let at = |quarters: usize| {
        fares
            .get((fares.len() * quarters).div_ceil(4).max(1) - 1)
            .copied()
    };
    let told = summary.fare.map(|fare| {
        [
            fare.min,
            fare.lower_quartile,
            fare.median,
            fare.upper_quartile,
            fare.max,
        ]
    });
    assert_eq!(told.map(Vec::from), (0..=4).map(at).collect());
}

/// Follows cursors from page to page.
async fn pages(
    store: &dyn Store,
    filter: &Filter,
    order: &[Key],
    limit: u32,
    backward: bool,
) -> Vec<Person> {
    let order = if backward {
        reversed(order)
    } else {
        order.to_vec()
    };
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let select = Select {
            filter: filter.clone(),
            order: order.clone(),
            after,
            limit: Some(limit),
        };
        let page = read(store, &select).await;
        assert!(page.len() <= limit as usize);
        let Some(last) = page.last() else { return all };
        after = Some(Cursor::at(last, &order, backward, 0).values);
        all.extend(page);
    }
}

async fn pages_from_either_end_have_everybody_once(place: &Place) {
    let store = place.migrated().await;
    let mut runner = TestRunner::default();
    let people = crowd(&mut runner);
    stored(store.as_ref(), &people).await;
    for _ in 0..40 {
        let (filter, order) = some(&(any_filter(), any_order()), &mut runner);
        let expected = listed(&people, &filter, &order);
        let forward = pages(store.as_ref(), &filter, &order, 37, false).await;
        assert_eq!(forward, expected, "{filter:?} {order:?}");
        let mut backward = pages(store.as_ref(), &filter, &order, 37, true).await;
        backward.reverse();
        assert_eq!(backward, expected, "{filter:?} {order:?}");
    }
}

async fn whoever_comes_or_goes_makes_nobody_come_twice_or_not_at_all(place: &Place) {
    let store = place.migrated().await;
    let mut runner = TestRunner::default();
    let mut people = crowd(&mut runner);
    let newcomers = people.split_off(200);
    stored(store.as_ref(), &people).await;
    let order = total([Key::parse("-fare").unwrap(), Key::parse("name").unwrap()]);
    let (mut seen, mut after, mut gone) = (Vec::new(), None, Vec::new());
    for (page, newcomer) in newcomers.iter().enumerate() {
        let select = Select {
            order: order.clone(),
            after,
            limit: Some(10),
            ..Select::default()
        };
        let read = read(store.as_ref(), &select).await;
        let Some(last) = read.last() else { break };
        after = Some(Cursor::at(last, &order, false, 0).values);
        seen.extend(read);
        store.add(newcomer, None).await.unwrap();
        // Even the one at whom the page ended.
        let leaver = if page % 2 == 0 {
            seen.last()
        } else {
            people.get(page)
        };
        gone.extend(leaver.map(|person| person.uuid));
        store.delete(*gone.last().unwrap(), None).await.unwrap();
    }
    let mut keys: Vec<_> = seen.iter().map(|person| person.uuid).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), seen.len());
    for person in people.iter().filter(|person| !gone.contains(&person.uuid)) {
        assert!(keys.binary_search(&person.uuid).is_ok(), "{person:?}");
    }
}

async fn names_are_found_in_any_script_and_letter_case(place: &Place) {
    let store = place.migrated().await;
    let mut runner = TestRunner::default();
    let named = |name: &str| Person {
        name: name.to_owned(),
        ..some(&any_person(), &mut TestRunner::default())
    };
    let mut people: Vec<_> = [
        "Straße",
        "ÅNGSTRÖM",
        "Вронский",
        "ΟΔΟΣ",
        "İstanbul",
        "日本",
        "100%",
        "a_b\\c",
        "O'Brien",
    ]
    .map(named)
    .into();
    for person in &mut people {
        person.uuid = some(&any_person(), &mut runner).uuid;
    }
    stored(store.as_ref(), &people).await;
    for (part, found) in [
        ("STRASSE", Some("Straße")),
        ("ångström", Some("ÅNGSTRÖM")),
        ("ВРОН", Some("Вронский")),
        ("οδος", Some("ΟΔΟΣ")),
        ("本", Some("日本")),
        ("0%", Some("100%")),
        ("_", Some("a_b\\c")),
        ("B\\C", Some("a_b\\c")),
        ("o'b", Some("O'Brien")),
        ("%%", None),
    ] {
        let filter = Filter {
            name: Some(part.to_owned()),
            ..Filter::default()
        };
        let select = Select {
            filter,
            ..Select::default()
        };
        let found_names: Vec<_> = read(store.as_ref(), &select)
            .await
            .into_iter()
            .map(|person| person.name)
            .collect();
        assert_eq!(found_names, Vec::from_iter(found), "{part}");
    }
}

async fn a_summary_of_nobody_has_no_fares(place: &Place) {
    let store = place.migrated().await;
    let summary = store.summary(&Filter::default()).await.unwrap();
    assert_eq!((summary.all.count, summary.fare), (0, None));
    assert_eq!(
        (
            summary.by_passenger_class.len(),
            summary.by_sex.len(),
            summary.by_age.len(),
            summary.by_fare.len()
        ),
        (0, 3, 9, 8)
    );
}

async fn classes_beyond_a_hundred_are_not_told_apart(place: &Place) {
    let store = place.migrated().await;
    let mut people = crowd(&mut TestRunner::default());
    for (number, person) in (0..).zip(&mut people) {
        person.passenger_class = number;
    }
    stored(store.as_ref(), &people).await;
    let summary = store.summary(&Filter::default()).await.unwrap();
    let classes: Vec<_> = summary
        .by_passenger_class
        .iter()
        .map(|one| one.passenger_class)
        .collect();
    assert!(classes.into_iter().eq(0..100));
    assert_eq!(summary.all.count, 300);
}
