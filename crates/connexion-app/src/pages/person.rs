//! A person's page, and the page that asks before it is removed.

use askama::Template;

use super::{
    Page, Visitor, chart,
    number::{fare, whole},
};
use crate::person::Person;

/// A person's page.
#[derive(Template)]
#[template(path = "person.html")]
pub(super) struct View {
    page: Page,
    name: String,
    address: String,
    facts: [(&'static str, String); 8],
}

/// The page that asks whether a person shall be removed.
#[derive(Template)]
#[template(path = "delete.html")]
pub(super) struct Delete {
    page: Page,
    name: String,
    address: String,
    facts: [(&'static str, String); 8],
    etag: String,
    /// Somebody else was faster.
    has_changed: bool,
}

impl View {
    pub(super) fn new(person: &Person, visitor: &Visitor) -> Self {
        Self {
            page: visitor.page(""),
            address: address(person),
            facts: facts(person),
            name: person.name.clone(),
        }
    }

    /// The address of a page that does something with the person.
    fn to(&self, what: &str) -> String {
        self.page.to(&format!("{}/{what}", self.address))
    }
}

impl Delete {
    pub(super) fn new(person: &Person, has_changed: bool, visitor: &Visitor) -> Self {
        Self {
            page: visitor.page(""),
            address: address(person),
            facts: facts(person),
            name: person.name.clone(),
            etag: person.etag(),
            has_changed,
        }
    }

    /// Where it is sent to.
    fn action(&self) -> String {
        self.page.to(&format!("{}/delete", self.address))
    }
}

/// Where a person is.
pub(super) fn address(person: &Person) -> String {
    format!("/people/{}", person.uuid)
}

fn facts(person: &Person) -> [(&'static str, String); 8] {
    let survived = if person.survived { "Yes" } else { "No" };
    [
        ("Survived", survived.to_owned()),
        ("Class", chart::class(person.passenger_class)),
        ("Sex", chart::sex(person.sex).to_owned()),
        ("Age", whole(person.age)),
        (
            "Siblings and spouses aboard",
            whole(person.siblings_or_spouses_aboard),
        ),
        (
            "Parents and children aboard",
            whole(person.parents_or_children_aboard),
        ),
        ("Fare", fare(person.fare)),
        ("Key", person.uuid.to_string()),
    ]
}
