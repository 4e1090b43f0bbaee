//! Lists, counts and summaries as SQL, for both databases.
//!
//! Values never stand in the text, they are bound. The databases differ in how a parameter is written, in the type of
//! `sex`, which an adopted table may have as an enum, and in how letter case is folded.

use std::fmt::Write as _;
use std::mem;
use std::sync::LazyLock;

use crate::query::{Filter, Key, Member, Range, Scalar, Select};
use crate::summary::FARE_BANDS;

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

/// A statement and its values, in the order of their numbers.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) text: String,
    pub(super) values: Vec<Scalar>,
    dialect: Dialect,
}

impl Query {
    /// The people of a list, in the order in which each store reads columns.
    pub(super) fn list(dialect: Dialect, columns: &str, select: &Select) -> Self {
        let mut query = Self::new(dialect, format!("select {columns} from person"));
        query.filter(&select.filter);
        if let Some(after) = &select.after {
            query.after(&select.order, after);
        }
        query.order(&select.order);
        if let Some(limit) = select.limit {
            // A number of ours, not a text of a client's.
            query.push(&format!(" limit {limit}"));
        }
        query
    }

    /// How many people fit.
    pub(super) fn count(dialect: Dialect, filter: &Filter) -> Self {
        let mut query = Self::new(dialect, "select count(*) from person".to_owned());
        query.filter(filter);
        query
    }

    /// The numbers of a summary, in one statement so that they are of one moment: rows of people who are alike in
    /// class, sex, band of age and band of fare, and one for each of the fares at both ends and at the quarters of the
    /// way. The columns are: class, sex, band of age, band of fare, count, survived; quarters, fare.
    pub(super) fn summary(dialect: Dialect, filter: &Filter) -> Self {
        let mut query = Self::new(dialect, String::new());
        query.filter(filter);
        let fits = mem::take(&mut query.text);
        query.text = match dialect {
            Dialect::Postgres => summary_of_groups(&fits),
            Dialect::Sqlite if fits.is_empty() => summary_of_all(),
            Dialect::Sqlite => summary_of_some(&fits),
        };
        query
    }

    fn new(dialect: Dialect, text: String) -> Self {
        Self {
            text,
            values: Vec::new(),
            dialect,
        }
    }

    fn filter(&mut self, filter: &Filter) {
        if let Some(survived) = filter.survived {
            self.and();
            self.compare(Member::Survived, "=", Scalar::Bool(survived));
        }
        let classes = filter.passenger_class.iter().copied().map(Scalar::Int);
        self.one_of(Member::PassengerClass, classes.collect());
        let sexes = filter
            .sex
            .iter()
            .map(|sex| Scalar::Text(sex.as_str().to_owned()));
        self.one_of(Member::Sex, sexes.collect());
        if let Some(name) = filter.name.as_deref().filter(|name| !name.is_empty()) {
            self.and();
            self.contains(name);
        }
        self.range(Member::Age, filter.age, Scalar::Int);
        self.range(
            Member::SiblingsOrSpousesAboard,
            filter.siblings_or_spouses_aboard,
            Scalar::Int,
        );
        self.range(
            Member::ParentsOrChildrenAboard,
            filter.parents_or_children_aboard,
            Scalar::Int,
        );
        self.range(Member::Fare, filter.fare, Scalar::Float);
    }

    fn one_of(&mut self, member: Member, values: Vec<Scalar>) {
        if values.is_empty() {
            return;
        }
        self.and();
        self.push(self.column(member));
        self.push(" in ");
        self.bind_all(values);
    }

    fn contains(&mut self, part: &str) {
        match self.dialect {
            // Both sides are folded by the database, whose rules an index may be built on.
            Dialect::Postgres => {
                self.push("person_fold(name) like person_fold(");
                self.bind(Scalar::Text(format!("%{}%", escaped(part))));
            }
            Dialect::Sqlite => {
                self.push("name_contains(name, ");
                self.bind(Scalar::Text(part.to_owned()));
            }
        }
        self.push(")");
    }

    fn range<T>(&mut self, member: Member, range: Range<T>, scalar: fn(T) -> Scalar) {
        let bounds = [
            (">=", range.gte),
            (">", range.gt),
            ("<=", range.lte),
            ("<", range.lt),
        ];
        for (operator, bound) in bounds {
            if let Some(bound) = bound {
                self.and();
                self.compare(member, operator, scalar(bound));
            }
        }
    }

    /// Only those who come after these values in the order.
    fn after(&mut self, order: &[Key], values: &[Scalar]) {
        let Some(first) = order.first() else { return };
        self.and();
        if order.iter().all(|key| key.descending == first.descending) {
            // One comparison of rows, which an index finds at once.
            self.push("(");
            for (index, key) in order.iter().enumerate() {
                self.push(if index == 0 { "" } else { ", " });
                self.push(self.column(key.member));
            }
            self.push(") ");
            self.push(beyond(*first));
            self.push(" ");
            self.bind_all(values.to_vec());
            return;
        }
        // The first key alone says where an index begins; the rest is written out: beyond in one key, or equal in
        // it and beyond in the next.
        self.compare(
            first.member,
            if first.descending { "<=" } else { ">=" },
            values[0].clone(),
        );
        for (index, (key, value)) in order.iter().zip(values).enumerate() {
            self.push(" and (");
            self.compare(key.member, beyond(*key), value.clone());
            if index + 1 < order.len() {
                self.push(" or ");
                self.compare(key.member, "=", value.clone());
            }
        }
        self.push(&")".repeat(order.len()));
    }

    fn order(&mut self, order: &[Key]) {
        for (index, key) in order.iter().enumerate() {
            self.push(if index == 0 { " order by " } else { ", " });
            self.push(self.column(key.member));
            if key.descending {
                self.push(" desc");
            }
        }
    }

    fn compare(&mut self, member: Member, operator: &str, value: Scalar) {
        self.push(self.column(member));
        self.push(" ");
        self.push(operator);
        self.push(" ");
        self.bind(value);
    }

    /// Begins the next condition.
    fn and(&mut self) {
        let begun = self.text.contains(" where ");
        self.push(if begun { " and " } else { " where " });
    }

    fn bind(&mut self, value: Scalar) {
        self.values.push(value);
        let sign = match self.dialect {
            Dialect::Postgres => '$',
            Dialect::Sqlite => '?',
        };
        let number = self.values.len();
        // Writing to a string does not fail.
        let _ = write!(self.text, "{sign}{number}");
    }

    /// Binds values as a list in brackets.
    fn bind_all(&mut self, values: Vec<Scalar>) {
        self.push("(");
        for (index, value) in values.into_iter().enumerate() {
            self.push(if index == 0 { "" } else { ", " });
            self.bind(value);
        }
        self.push(")");
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A member as it is compared and sorted: texts by code point, whatever the database was made with.
    fn column(&self, member: Member) -> &'static str {
        match (member, self.dialect) {
            (Member::Uuid, _) => "uuid",
            (Member::Survived, _) => "survived",
            (Member::PassengerClass, _) => "passenger_class",
            (Member::Name, Dialect::Postgres) => "name collate \"C\"",
            (Member::Name, Dialect::Sqlite) => "name",
            (Member::Sex, Dialect::Postgres) => "sex::text collate \"C\"",
            (Member::Sex, Dialect::Sqlite) => "sex",
            (Member::Age, _) => "age",
            (Member::SiblingsOrSpousesAboard, _) => "siblings_or_spouses_aboard",
            (Member::ParentsOrChildrenAboard, _) => "parents_or_children_aboard",
            (Member::Fare, _) => "fare",
        }
    }
}

/// The operator for what comes later.
fn beyond(key: Key) -> &'static str {
    if key.descending { "<" } else { ">" }
}

/// Fares that the document allows, on SQLite, where numbers come before texts.
const FINITE: &str = "fare > -9e999 and fare < 9e999";

/// A person's band of age.
const BAND: &str = "case when age < 0 then -1 when age >= 80 then 8 else age / 10 end";

/// A person's band of fare.
static FARE_BAND: LazyLock<String> = LazyLock::new(|| {
    let mut text = "case".to_owned();
    for (band, from) in (-1..).zip(FARE_BANDS) {
        // Writing to a string does not fail.
        let _ = write!(text, " when fare < {from} then {band}");
    }
    let _ = write!(text, " else {} end", FARE_BANDS.len() - 1);
    text
});

/// PostgreSQL adds people up in a table in memory, which takes a sixth of the time of sorting them.
fn summary_of_groups(fits: &str) -> String {
    format!(
        "select passenger_class, sex::text, {BAND}, {}, count(*), sum(case when survived then 1 else 0 end), \
         null::integer, null::double precision from person{fits} group by passenger_class, person.sex, 3, 4 \
         union all \
         select null, null, null, null, null, null, quarters, fares[quarters + 1] from (select \
         percentile_disc(array[0, 0.25, 0.5, 0.75, 1]) within group (order by fare) \
         filter (where fare > '-Infinity' and fare < 'Infinity') as fares from person{fits}) \
         as sorted, generate_series(0, 4) as quarters where fares is not null",
        *FARE_BAND
    )
}

/// SQLite would sort people to find those who are alike, so each is a group here; adding up the rows that come takes
/// less time.
fn rows_of_sqlite(people: &str) -> String {
    let fare_band = &*FARE_BAND;
    format!(
        "select passenger_class, sex, {BAND}, {fare_band}, 1, survived, null, null from {people}"
    )
}

/// The fares of everybody stand in an index: each is found there by counting from the end that is nearer.
fn summary_of_all() -> String {
    let mut text = format!(
        "with total as materialized (select count(*) from person where {FINITE}) {}",
        rows_of_sqlite("person")
    );
    for quarters in 0..=4 {
        let (order, offset) = if quarters <= 2 {
            (
                "fare",
                format!("((select * from total) * {quarters} - 1) / 4"),
            )
        } else {
            (
                "fare desc",
                format!("(select * from total) * {} / 4", 4 - quarters),
            )
        };
        // Writing to a string does not fail.
        let _ = write!(
            text,
            " union all select null, null, null, null, null, null, {quarters}, fare from \
             (select fare from person where {FINITE} order by {order} limit 1 offset {offset})"
        );
    }
    text
}

/// Of some people equal fares are counted first, since there are few prices. Everybody is read for it, in the order of
/// the key: an index leads from one person to another at a place of chance, which takes several times as long as soon as
/// more than a few fit.
fn summary_of_some(fits: &str) -> String {
    let people = format!("person indexed by sqlite_autoindex_person_1{fits}");
    format!(
        "{} union all \
         select null, null, null, null, null, null, quarters, fare from (select fare, count(*) as alike, \
         sum(count(*)) over (order by fare) as place, sum(count(*)) over () as total from {people} and {FINITE} \
         group by fare) \
         join (select 0 as quarters union all values (1), (2), (3), (4)) \
         on max((total * quarters + 3) / 4, 1) between place - alike + 1 and place",
        rows_of_sqlite(&people)
    )
}

/// A text of which no character means something to `like`.
fn escaped(part: &str) -> String {
    let mut escaped = String::with_capacity(part.len());
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::total;

    fn list(keys: &[&str], is_paged: bool) -> String {
        let order = total(keys.iter().map(|key| Key::parse(key).unwrap()));
        let after = order.iter().map(|_| Scalar::Int(1)).collect();
        let select = Select {
            order,
            after: Some(after).filter(|_| is_paged),
            limit: Some(10),
            ..Select::default()
        };
        Query::list(Dialect::Sqlite, "*", &select).text
    }

    #[test]
    fn what_comes_after_is_one_comparison_if_all_keys_have_one_direction() {
        assert_eq!(
            list(&[], false),
            "select * from person order by uuid limit 10"
        );
        assert_eq!(
            list(&["-fare"], true),
            "select * from person where (fare, uuid) < (?1, ?2) order by fare desc, uuid desc limit 10"
        );
        assert_eq!(
            list(&["-fare", "name"], true),
            "select * from person where fare <= ?1 and (fare < ?2 or fare = ?3 and (name > ?4 or name = ?5 \
             and (uuid > ?6))) order by fare desc, name, uuid limit 10"
        );
    }

    #[test]
    fn texts_are_bound_and_escaped() {
        let filter = Filter {
            name: Some("100%_\\'".to_owned()),
            survived: Some(true),
            ..Filter::default()
        };
        let query = Query::count(Dialect::Postgres, &filter);
        assert_eq!(
            query.text,
            "select count(*) from person where survived = $1 and person_fold(name) like person_fold($2)"
        );
        let bound = Scalar::Text("%100\\%\\_\\\\'%".to_owned());
        assert_eq!(query.values, [Scalar::Bool(true), bound]);
    }
}
