//! The forms in which a person is entered and changed, and what was entered into them. Their fields are the contract's
//! properties, and the contract's schema of a new person checks them; here its errors become sentences at the fields.

use std::{borrow::Cow, collections::BTreeMap};

use askama::Template;
use connexion::{Validator, Violation, Violations};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Number, Value};
use uuid::Uuid;

use super::{Page, Visitor, chart, number::plain, person::address};
use crate::person::{NewPerson, Person, PersonChanges, Sex};

/// The form of a person who is there, or of a new one.
#[derive(Template)]
#[template(path = "form.html")]
pub(super) struct Form {
    page: Page,
    title: String,
    fields: [Field; 8],
    /// Where it is sent to.
    action: String,
    /// Where Cancel leads.
    cancel: String,
    etag: String,
    /// The person as it was when the page was made, as JSON; nothing if it is a new one.
    before: String,
    /// By which the same form, sent twice, is stored once.
    idempotency_key: String,
    /// What is wrong besides what is said at the fields.
    others: Vec<String>,
    /// What somebody else has changed meanwhile.
    conflict: Option<Vec<Difference>>,
}

/// A property of the person.
struct Field {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
    kind: Kind,
    error: Option<String>,
}

enum Kind {
    Text,
    /// Any 32-bit integer, and those that are suggested.
    Integer(&'static [i32]),
    Decimal,
    /// Values with their labels.
    Choice(Vec<(&'static str, &'static str)>),
}

/// A field that somebody else has changed.
struct Difference {
    name: &'static str,
    label: &'static str,
    before: String,
    theirs: String,
    /// What was entered, if that was a change, too.
    yours: Option<String>,
}

/// What was entered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entered {
    #[serde(default)]
    pub(super) etag: String,
    #[serde(default)]
    before: String,
    pub(super) idempotency_key: Option<String>,
    /// The fields, and for those of a conflict whose value is taken.
    #[serde(flatten)]
    texts: BTreeMap<String, String>,
}

impl Form {
    pub(super) fn of_new(visitor: &Visitor) -> Self {
        let page = visitor.page("new");
        Self {
            title: "New person".to_owned(),
            fields: fields(&Map::from_iter([("survived".to_owned(), false.into())])),
            action: page.to("/people/new"),
            cancel: page.list(),
            etag: String::new(),
            before: String::new(),
            idempotency_key: Uuid::new_v4().to_string(),
            others: Vec::new(),
            conflict: None,
            page,
        }
    }

    pub(super) fn of(person: &Person, visitor: &Visitor) -> Self {
        let page = visitor.page("");
        let values = values(person);
        Self {
            title: format!("Edit {}", person.name),
            fields: fields(&values),
            action: page.to(&format!("{}/edit", address(person))),
            cancel: page.to(&address(person)),
            etag: person.etag(),
            before: Value::Object(values).to_string(),
            idempotency_key: String::new(),
            others: Vec::new(),
            conflict: None,
            page,
        }
    }

    /// The form as it was entered, with what is wrong.
    pub(super) fn refused(mut self, entered: &Entered, wrong: Violations) -> Self {
        for field in &mut self.fields {
            field.value = entered.text(field.name).unwrap_or_default().into_owned();
        }
        // A new form's own could have been stored meanwhile.
        if let Some(key) = &entered.idempotency_key {
            self.idempotency_key.clone_from(key);
        }
        if !entered.etag.is_empty() {
            self.etag.clone_from(&entered.etag);
            self.before.clone_from(&entered.before);
        }
        for violation in wrong {
            let name = violation.pointer.trim_start_matches('/');
            let mut fields = self.fields.iter_mut();
            match fields.find(|field| field.name == name) {
                Some(field) if field.error.is_none() => {
                    field.error = Some(field.sentence(&violation));
                }
                Some(_) => {}
                None => self.others.push(violation.detail),
            }
        }
        self
    }

    /// The form of the person as somebody else has left it, with what was changed here: to choose where both changed something.
    pub(super) fn overtaken(mut self, entered: &Entered) -> Self {
        let before = entered.before();
        let mut rows = Vec::new();
        for field in &mut self.fields {
            let theirs = field.value.clone();
            let known = before.get(field.name).map(text_of).unwrap_or_default();
            let yours = entered.text(field.name).unwrap_or_default();
            let is_mine = !is_same(&yours, &known);
            if is_mine {
                yours.as_ref().clone_into(&mut field.value);
            }
            if theirs != known && !is_same(&yours, &theirs) {
                rows.push(Difference {
                    name: field.name,
                    label: field.label,
                    before: field.shown(&known),
                    theirs: field.shown(&theirs),
                    yours: is_mine.then(|| field.shown(&yours)),
                });
            }
        }
        self.conflict = Some(rows);
        self
    }

    /// How often something is wrong; a page with errors says so in its title.
    fn is_wrong(&self) -> bool {
        !self.others.is_empty() || self.fields.iter().any(|field| field.error.is_some())
    }
}

impl Field {
    /// What the contract finds wrong, in words that fit the field.
    fn sentence(&self, violation: &Violation) -> String {
        let label = self.label;
        match (violation.code(), &self.kind) {
            ("missing", Kind::Choice(_)) => format!("Choose a value for “{label}”"),
            ("missing", _) => format!("Enter a value for “{label}”"),
            ("wrong-type", Kind::Decimal) => format!("“{label}” must be a number such as 7.25"),
            ("wrong-type", Kind::Integer(_)) => format!("“{label}” must be a whole number"),
            ("wrong-format" | "too-small" | "too-large", Kind::Integer(_)) => {
                format!("“{label}” is out of range: at most 2,147,483,647")
            }
            ("too-long", _) => {
                let length = self.value.chars().count();
                format!("“{label}” must have at most 100 characters, and has {length}")
            }
            _ => violation.detail.clone(),
        }
    }

    /// A value as the form shows it.
    fn shown(&self, value: &str) -> String {
        let label = match &self.kind {
            Kind::Choice(choices) => choices.iter().find(|(one, _)| *one == value),
            _ => None,
        };
        label.map_or(value, |(_, label)| label).to_owned()
    }
}

impl Entered {
    /// The person that was entered.
    pub(super) fn read<T: DeserializeOwned>(&self, schema: &Validator) -> Result<T, Violations> {
        let values = FIELDS.iter().filter_map(|(name, ..)| {
            let value = value_of(name, &self.text(name)?)?;
            Some(((*name).to_owned(), value))
        });
        let values = Value::Object(values.collect());
        schema.read(values.to_string().as_bytes())
    }

    /// What was changed, after the whole person was checked: a field that was emptied is missing.
    pub(super) fn changes(&self, schema: &Validator) -> Result<PersonChanges, Violations> {
        let person: NewPerson = self.read(schema)?;
        let (before, values) = (self.before(), serde_json::to_value(&person));
        let mut values = values.unwrap_or_default();
        if let Some(values) = values.as_object_mut() {
            values.retain(|name, value| {
                let known = before.get(name).map(text_of);
                known.is_none_or(|known| !is_same(&known, &text_of(value)))
            });
            // The form has no field for it.
            values.remove("uuid");
        }
        Ok(serde_json::from_value(values).unwrap_or_default())
    }

    /// The text of a field. Where somebody else's change was chosen it is that, which was part of the form.
    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let chosen = self.texts.get(&format!("take-{name}"));
        if chosen.is_some_and(|whose| whose == "theirs") {
            return self.before().get(name).map(|value| text_of(value).into());
        }
        self.texts.get(name).map(Cow::from)
    }

    /// The person as it was when the form was made.
    fn before(&self) -> Map<String, Value> {
        serde_json::from_str(&self.before).unwrap_or_default()
    }
}

/// The properties, as the form shows them. Which values they may have, the contract knows.
const FIELDS: [(&str, &str, &str); 8] = [
    ("name", "Name", "At most 100 characters"),
    ("sex", "Sex", ""),
    ("age", "Age", "In whole years"),
    ("passengerClass", "Class", "1, 2 or 3 on the Titanic"),
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

fn fields(values: &Map<String, Value>) -> [Field; 8] {
    FIELDS.map(|(name, label, hint)| Field {
        name,
        label,
        hint,
        value: values.get(name).map(text_of).unwrap_or_default(),
        kind: match name {
            "name" => Kind::Text,
            "sex" => Kind::Choice(Sex::ALL.map(|sex| (sex.as_str(), chart::sex(sex))).to_vec()),
            "survived" => Kind::Choice(vec![("true", "Yes"), ("false", "No")]),
            "fare" => Kind::Decimal,
            "passengerClass" => Kind::Integer(&[1, 2, 3]),
            _ => Kind::Integer(&[]),
        },
        error: None,
    })
}

fn values(person: &Person) -> Map<String, Value> {
    match serde_json::to_value(person) {
        Ok(Value::Object(values)) => values,
        // Never: a person is an object.
        _ => Map::new(),
    }
}

/// A value as a field shows it.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => plain(value),
    }
}

/// Whether two texts of a field mean the same: `7` and `7.00` do.
fn is_same(one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    one == other || number(one).is_some_and(|one| Some(one) == number(other))
}

/// The value of a text as JSON; `None` if nothing was entered. What is no number stays the text that it is: the contract says
/// what is wrong with it.
fn value_of(name: &str, text: &str) -> Option<Value> {
    if name == "name" {
        return Some(text.into());
    }
    let text = text.trim();
    Some(match (name, text) {
        (_, "") => return None,
        ("survived", "true") => true.into(),
        ("survived", "false") => false.into(),
        ("survived" | "sex", text) => text.into(),
        (_, text) => match serde_json::from_str(text) {
            Ok(Value::Number(number)) => whole_number(&number).map_or(number.into(), Value::from),
            _ => text.into(),
        },
    })
}

/// The integer that a number such as 7.00 is.
fn whole_number(number: &Number) -> Option<i32> {
    let text = number.to_string();
    let whole = text.strip_suffix(".0").unwrap_or(&text);
    whole.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_the_json_that_it_means() {
        for (name, text, expected) in [
            ("name", "", Some(Value::from(""))),
            ("name", " 7 ", Some(" 7 ".into())),
            ("age", "", None),
            ("age", " 7 ", Some(7.into())),
            ("age", "-7", Some((-7).into())),
            ("age", "7.0", Some(7.into())),
            ("age", "99999999999", Some(99_999_999_999_i64.into())),
            ("age", "07", Some("07".into())),
            ("age", "true", Some("true".into())),
            ("age", "[1]", Some("[1]".into())),
            ("fare", "7.25", Some(7.25.into())),
            ("fare", "7,25", Some("7,25".into())),
            ("survived", "true", Some(true.into())),
            ("survived", "1", Some("1".into())),
            ("sex", "7", Some("7".into())),
        ] {
            assert_eq!(value_of(name, text), expected, "{name} {text}");
        }
        assert!(is_same("7", "7.00") && is_same("1e+300", "1e300") && !is_same("7", "8"));
        assert!(!is_same("a", "b") && is_same("NaN", "NaN") && !is_same("", "0"));
    }
}
