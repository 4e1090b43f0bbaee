//! The forms in which a person is entered and changed. Their fields are the contract's members; what is entered is
//! checked where it is sent to, by the contract.

use askama::Template;
use serde_json::Value;
use uuid::Uuid;

use super::{
    Page, Visitor, chart,
    number::{fare, plain, whole},
};
use crate::person::{Person, Sex};

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

/// The form of a person who is there, or of a new one.
#[derive(Template)]
#[template(path = "form.html")]
pub(super) struct Form {
    page: Page,
    title: String,
    fields: [Field; 8],
    /// Where the person is, if there is one already.
    address: Option<String>,
    etag: String,
    /// The person as it was when the page was made, as JSON.
    person: String,
    /// By which the same form, sent twice, is stored once.
    idempotency_key: Uuid,
}

/// A member of the person.
struct Field {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
    kind: Kind,
}

enum Kind {
    Text,
    /// What a phone's keyboard shows.
    Number(&'static str),
    /// Values with their labels.
    Choice(Vec<(&'static str, &'static str)>),
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
}

impl Form {
    pub(super) fn of_new(visitor: &Visitor) -> Self {
        Self {
            page: visitor.page("new"),
            title: "New person".to_owned(),
            fields: fields(None),
            address: None,
            etag: String::new(),
            person: "{}".to_owned(),
            idempotency_key: Uuid::new_v4(),
        }
    }

    pub(super) fn of(person: &Person, visitor: &Visitor) -> Self {
        Self {
            page: visitor.page(""),
            title: format!("Edit {}", person.name),
            fields: fields(Some(person)),
            address: Some(address(person)),
            etag: person.etag(),
            person: serde_json::to_string(person).unwrap_or_default(),
            idempotency_key: Uuid::new_v4(),
        }
    }
}

fn address(person: &Person) -> String {
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

/// The members, as the form shows them. Which values they may have, the contract knows.
const FIELDS: [(&str, &str, &str); 8] = [
    ("name", "Name", "At most 100 characters"),
    ("sex", "Sex", ""),
    ("age", "Age", "In whole years"),
    ("passengerClass", "Class", "1, 2 or 3"),
    ("fare", "Fare", "In pounds of 1912, such as 7.25"),
    (
        "siblingsOrSpousesAboard",
        "Siblings and spouses aboard",
        "How many travelled with this person",
    ),
    (
        "parentsOrChildrenAboard",
        "Parents and children aboard",
        "How many travelled with this person",
    ),
    ("survived", "Survived", ""),
];

fn fields(person: Option<&Person>) -> [Field; 8] {
    let members = person.and_then(|person| serde_json::to_value(person).ok());
    FIELDS.map(|(name, label, hint)| Field {
        name,
        label,
        hint,
        value: match members.as_ref().and_then(|members| members.get(name)) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => plain(value),
            None if name == "survived" => "false".to_owned(),
            None => String::new(),
        },
        kind: match name {
            "name" => Kind::Text,
            "sex" => Kind::Choice(Sex::ALL.map(|sex| (sex.as_str(), chart::sex(sex))).to_vec()),
            "survived" => Kind::Choice(vec![("true", "Yes"), ("false", "No")]),
            "fare" => Kind::Number("decimal"),
            _ => Kind::Number("numeric"),
        },
    })
}
