//! Addresses of the list: what is asked of it, as a query string.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::number::plain;
use crate::query::{Filter, Key, Range, names};

/// What a query string needs not have encoded, so that addresses stay readable.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b',');

/// What is asked of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Who is on it.
    pub(crate) filter: Filter,
    /// In which order.
    pub(crate) sort: Vec<Key>,
    /// How many are on a page, if that was asked.
    pub(crate) limit: Option<u32>,
    /// Where it begins, if that is not the first page.
    pub(crate) cursor: Option<String>,
}

/// A query string that grows.
#[derive(Debug, Default)]
pub(super) struct Query(String);

impl Query {
    /// Adds a parameter.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, ENCODED));
    }

    fn range<T: Serialize + Copy>(&mut self, name: &str, range: &Range<T>) {
        for (bound, value) in bounds(range) {
            self.add(&format!("{name}[{bound}]"), &plain(value));
        }
    }

    /// The address of `path` with it.
    pub(super) fn of(self, path: &str) -> String {
        path.to_owned() + &self.0
    }
}

/// The bounds that a range has.
pub(super) fn bounds<T: Copy>(range: &Range<T>) -> impl Iterator<Item = (&'static str, T)> {
    let bounds = [
        ("gte", range.gte),
        ("gt", range.gt),
        ("lte", range.lte),
        ("lt", range.lt),
    ];
    bounds
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
}

impl Wanted {
    /// The address of the list.
    pub(crate) fn list(&self) -> String {
        self.page(None)
    }

    /// The query of the page that is shown, for whatever leads back to it.
    pub(super) fn back(&self) -> String {
        let address = self.page(self.cursor.as_deref());
        let query = address.split_once('?');
        query.map_or_else(String::new, |(_, query)| query.to_owned())
    }

    /// The address of one of its pages.
    pub(super) fn page(&self, cursor: Option<&str>) -> String {
        let mut query = self.query();
        if let Some(limit) = self.limit {
            query.add("limit", &limit.to_string());
        }
        if let Some(cursor) = cursor {
            query.add("cursor", cursor);
        }
        query.of("/people")
    }

    /// The address where all of it can be had as a file.
    pub(super) fn file(&self, format: &str) -> String {
        let mut query = self.query();
        query.add("format", format);
        query.of("/people/download")
    }

    fn query(&self) -> Query {
        let filter = &self.filter;
        let mut query = Query::default();
        if let Some(name) = &filter.name {
            query.add("name", name);
        }
        if let Some(survived) = filter.survived {
            query.add("survived", &survived.to_string());
        }
        for class in &filter.passenger_class {
            query.add("passengerClass", &class.to_string());
        }
        for sex in &filter.sex {
            query.add("sex", sex.as_str());
        }
        query.range("age", &filter.age);
        query.range(
            "siblingsOrSpousesAboard",
            &filter.siblings_or_spouses_aboard,
        );
        query.range(
            "parentsOrChildrenAboard",
            &filter.parents_or_children_aboard,
        );
        query.range("fare", &filter.fare);
        if !self.sort.is_empty() {
            query.add("sort", &names(&self.sort));
        }
        query
    }
}

/// What was entered into the filter's form: texts, many of them empty.
#[derive(Debug, Deserialize)]
pub(crate) struct Entered(serde_json::Map<String, serde_json::Value>);

impl Entered {
    /// The address of the list that was asked for.
    pub(super) fn list(&self) -> String {
        use serde_json::Value;
        let mut query = Query::default();
        let mut add = |name: &str, value: &Value| {
            let text = value.as_str().unwrap_or_default().trim();
            if !text.is_empty() {
                query.add(name, text);
            }
        };
        for (name, value) in &self.0 {
            match value {
                Value::Array(items) => items.iter().for_each(|item| add(name, item)),
                Value::Object(bounds) => {
                    for (bound, value) in bounds {
                        add(&format!("{name}[{bound}]"), value);
                    }
                }
                value => add(name, value),
            }
        }
        query.of("/people")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::Sex;

    #[test]
    fn an_address_says_all_that_is_asked_and_nothing_else() {
        assert_eq!(Wanted::default().list(), "/people");
        let filter = Filter {
            survived: Some(false),
            passenger_class: vec![1, -2],
            sex: vec![Sex::Female],
            name: Some("O'Brien & Söhne=<b>".to_owned()),
            age: Range {
                gte: Some(18),
                lt: Some(65),
                ..Range::default()
            },
            fare: Range {
                gt: Some(7.5),
                lte: Some(1e300),
                ..Range::default()
            },
            ..Filter::default()
        };
        let sort = ["-fare", "name"]
            .map(|key| Key::parse(key).unwrap())
            .to_vec();
        let wanted = Wanted {
            filter,
            sort,
            limit: Some(10),
            cursor: Some("d".to_owned()),
        };
        assert!(wanted.list().ends_with("&limit=10"));
        assert!(
            wanted.back().starts_with("name=O%27Brien") && wanted.back().ends_with("&cursor=d")
        );
        assert_eq!(
            wanted.page(Some("a-b_c")),
            "/people?name=O%27Brien%20%26%20S%C3%B6hne%3D%3Cb%3E&survived=false&passengerClass=1&passengerClass=-2\
            &sex=female&age[gte]=18&age[lt]=65&fare[gt]=7.5&fare[lte]=1e%2B300&sort=-fare,name&limit=10&cursor=a-b_c"
        );
        assert!(wanted.file("csv").ends_with("&sort=-fare,name&format=csv"));
    }

    #[test]
    fn of_a_form_only_what_was_filled_in_is_asked() {
        let entered = serde_json::json!({
            "name": " Ann ", "survived": "", "passengerClass": ["1", "3"], "sex": [],
            "age": {"gte": "", "lte": "30"}, "sort": "-fare,name",
        });
        let entered: Entered = serde_json::from_value(entered).unwrap();
        let expected =
            "/people?name=Ann&passengerClass=1&passengerClass=3&age[lte]=30&sort=-fare,name";
        assert_eq!(entered.list(), expected);
    }
}
