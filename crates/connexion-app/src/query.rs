//! What is asked of a list: which people, in which order, from where on and how many.
//!
//! Knows neither SQL nor HTTP. The members are the contract's; [`Filter`] reads its query parameters.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::person::{Person, Sex};

/// A list to be read.
#[derive(Clone, Debug, Default)]
pub struct Select {
    /// Who is on it.
    pub filter: Filter,
    /// In which order; in none that is promised if it is empty.
    pub order: Vec<Key>,
    /// After whom it begins: a value for each key of the order.
    pub after: Option<Vec<Scalar>>,
    /// How many are on it at most.
    pub limit: Option<u32>,
}

impl Select {
    /// Everybody, in no promised order.
    pub fn all() -> Self {
        Self::default()
    }

    /// Whether it is just that.
    pub(crate) fn is_all(&self) -> bool {
        self.filter == Filter::default()
            && self.order.is_empty()
            && self.after.is_none()
            && self.limit.is_none()
    }
}

/// Who is wanted: those who fit everything that is given.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Filter {
    /// See [`Person::survived`].
    pub survived: Option<bool>,
    /// One of these; any if it is empty.
    pub passenger_class: Vec<i32>,
    /// One of these; any if it is empty.
    pub sex: Vec<Sex>,
    /// What the name contains, whatever the letter case.
    pub name: Option<String>,
    /// See [`Person::age`].
    pub age: Range<i32>,
    /// See [`Person::siblings_or_spouses_aboard`].
    pub siblings_or_spouses_aboard: Range<i32>,
    /// See [`Person::parents_or_children_aboard`].
    pub parents_or_children_aboard: Range<i32>,
    /// See [`Person::fare`].
    pub fare: Range<f64>,
}

/// Bounds, all of which must be kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct Range<T> {
    /// At least.
    pub gte: Option<T>,
    /// More than.
    pub gt: Option<T>,
    /// At most.
    pub lte: Option<T>,
    /// Less than.
    pub lt: Option<T>,
}

/// What can be sorted by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    missing_docs,
    reason = "the members of a person, where they are described"
)]
pub enum Member {
    Uuid,
    Survived,
    PassengerClass,
    Name,
    Sex,
    Age,
    SiblingsOrSpousesAboard,
    ParentsOrChildrenAboard,
    Fare,
}

impl Member {
    const ALL: [(Self, &str); 9] = [
        (Self::Uuid, "uuid"),
        (Self::Survived, "survived"),
        (Self::PassengerClass, "passengerClass"),
        (Self::Name, "name"),
        (Self::Sex, "sex"),
        (Self::Age, "age"),
        (Self::SiblingsOrSpousesAboard, "siblingsOrSpousesAboard"),
        (Self::ParentsOrChildrenAboard, "parentsOrChildrenAboard"),
        (Self::Fare, "fare"),
    ];

    /// Its name in the contract.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    fn of(self, person: &Person) -> Scalar {
        match self {
            Self::Uuid => Scalar::Uuid(person.uuid),
            Self::Survived => Scalar::Bool(person.survived),
            Self::PassengerClass => Scalar::Int(person.passenger_class),
            Self::Name => Scalar::Text(person.name.clone()),
            Self::Sex => Scalar::Text(person.sex.as_str().to_owned()),
            Self::Age => Scalar::Int(person.age),
            Self::SiblingsOrSpousesAboard => Scalar::Int(person.siblings_or_spouses_aboard),
            Self::ParentsOrChildrenAboard => Scalar::Int(person.parents_or_children_aboard),
            Self::Fare => Scalar::Float(person.fare),
        }
    }

    /// Reads what [`Member::of`] gave from a cursor.
    fn read(self, value: &Value) -> Option<Scalar> {
        Some(match self {
            Self::Uuid => Scalar::Uuid(Uuid::try_parse(value.as_str()?).ok()?),
            Self::Survived => Scalar::Bool(value.as_bool()?),
            // No database could be asked for a text with U+0000.
            Self::Name => Scalar::Text(
                value
                    .as_str()
                    .filter(|name| !name.contains('\0'))?
                    .to_owned(),
            ),
            Self::Sex => Scalar::Text(Sex::parse(value.as_str()?)?.as_str().to_owned()),
            Self::Fare => Scalar::Float(value.as_f64()?),
            Self::PassengerClass
            | Self::Age
            | Self::SiblingsOrSpousesAboard
            | Self::ParentsOrChildrenAboard => Scalar::Int(value.as_i64()?.try_into().ok()?),
        })
    }
}

/// One member of an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Key {
    /// What is compared.
    pub member: Member,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl Key {
    /// Reads a member's name, with `-` before it for the other direction.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix('-');
        let descending = name.is_some();
        let name = name.unwrap_or(text);
        let mut all = Member::ALL.into_iter();
        let (member, _) = all.find(|(_, known)| *known == name)?;
        Some(Self { member, descending })
    }

    fn reversed(self) -> Self {
        let descending = !self.descending;
        Self { descending, ..self }
    }
}

/// The order in which nobody stands beside another: by these keys, in the end by the person's own. The last one's
/// direction is that of the one before, so that one index serves both, from either end.
pub fn total(keys: impl IntoIterator<Item = Key>) -> Vec<Key> {
    let mut order: Vec<Key> = Vec::new();
    for key in keys {
        if order.iter().all(|before| before.member != key.member) {
            order.push(key);
        }
        if key.member == Member::Uuid {
            return order;
        }
    }
    let descending = order.last().is_some_and(|key| key.descending);
    order.push(Key {
        member: Member::Uuid,
        descending,
    });
    order
}

/// The same order from its end.
pub fn reversed(order: &[Key]) -> Vec<Key> {
    order.iter().copied().map(Key::reversed).collect()
}

/// A single value, as databases compare it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Scalar {
    Bool(bool),
    Int(i32),
    Float(f64),
    Text(String),
    Uuid(Uuid),
}

/// A place between two people of an order, as clients carry it from page to page.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// Whether the page ends there, instead of beginning.
    pub is_end: bool,
    /// The values of the person who is on the other side of it, one for each key of the order.
    pub values: Vec<Scalar>,
    /// How many people stood before it when it was made. Nothing is looked for by it: it is there to be shown.
    pub position: u64,
}

/// How a [`Cursor`] is written: the keys are there so that it is not taken for one of another order.
#[derive(Deserialize, Serialize)]
struct Written<K, V>(bool, K, V, u64);

impl Cursor {
    /// The place before which, or after which, this person stands.
    pub fn at(person: &Person, order: &[Key], is_end: bool, position: u64) -> Self {
        let values = order.iter().map(|key| key.member.of(person)).collect();
        Self {
            is_end,
            values,
            position,
        }
    }

    /// As a text that fits into an address.
    pub fn encode(&self, order: &[Key]) -> String {
        let written = Written(self.is_end, names(order), &self.values, self.position);
        // No map and no foreign type is in it, so it can be written.
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&written).unwrap_or_default())
    }

    /// Reads it; `None` if it is none, or one of another order.
    pub fn decode(text: &str, order: &[Key]) -> Option<Self> {
        let json = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let Written(is_end, keys, values, position): Written<String, Vec<Value>> =
            serde_json::from_slice(&json).ok()?;
        if keys != names(order) || values.len() != order.len() {
            return None;
        }
        let values = order.iter().zip(&values);
        let values = values
            .map(|(key, value)| key.member.read(value))
            .collect::<Option<_>>()?;
        Some(Self {
            is_end,
            values,
            position,
        })
    }
}

/// The keys of an order as the parameter `sort` has them.
pub(crate) fn names(order: &[Key]) -> String {
    let names: Vec<_> = order
        .iter()
        .map(|key| {
            format!(
                "{}{}",
                if key.descending { "-" } else { "" },
                key.member.as_str()
            )
        })
        .collect();
    names.join(",")
}

/// A text as it is compared where letter case does not matter. Each character for itself, since a Greek sigma must
/// not be another one just because a word ends after it.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(keys: &[&str]) -> Vec<Key> {
        total(keys.iter().map(|key| Key::parse(key).unwrap()))
    }

    fn someone() -> Person {
        Person {
            uuid: Uuid::from_u128(7),
            survived: true,
            passenger_class: -1,
            name: "Zoë \"Z\" 😀".to_owned(),
            sex: Sex::Other,
            age: i32::MAX,
            siblings_or_spouses_aboard: 0,
            parents_or_children_aboard: i32::MIN,
            fare: 0.1 + 0.2,
        }
    }

    #[test]
    fn members_stand_in_the_table_in_their_order() {
        for (index, (member, name)) in Member::ALL.into_iter().enumerate() {
            assert_eq!((member as usize, member.as_str()), (index, name));
        }
    }

    #[test]
    fn an_order_ends_with_the_key_in_the_direction_of_the_last_member() {
        for (keys, expected) in [
            (&[][..], "uuid"),
            (&["-fare"], "-fare,-uuid"),
            (&["-fare", "name"], "-fare,name,uuid"),
            (&["age", "-age", "name"], "age,name,uuid"),
            (&["name", "-uuid", "age"], "name,-uuid"),
        ] {
            assert_eq!(names(&order(keys)), expected);
        }
        assert_eq!(
            names(&reversed(&order(&["-fare", "name"]))),
            "fare,-name,-uuid"
        );
    }

    #[test]
    fn a_cursor_reads_back_the_same_for_every_member() {
        let all = Member::ALL.map(|(_, name)| name);
        let order = total(all.iter().rev().map(|name| Key::parse(name).unwrap()));
        assert_eq!(order.len(), 9);
        for is_end in [false, true] {
            let cursor = Cursor::at(&someone(), &order, is_end, 7);
            assert_eq!(Cursor::decode(&cursor.encode(&order), &order), Some(cursor));
        }
    }

    #[test]
    fn a_cursor_of_another_order_is_none() {
        let (by_fare, by_age) = (order(&["fare"]), order(&["age"]));
        let cursor = Cursor::at(&someone(), &by_fare, false, 0).encode(&by_fare);
        assert_eq!(Cursor::decode(&cursor, &by_age), None);
        let encode = |json: &str| BASE64_URL_SAFE_NO_PAD.encode(json);
        for text in [
            String::new(),
            "é".to_owned(),
            encode("1"),
            encode(r#"[false,"fare,uuid",[1]]"#),
            encode(r#"[false,"fare,uuid",["x","y"]]"#),
            encode(r#"[false,"age,uuid",[2147483648,"00000000-0000-0000-0000-000000000007"]]"#),
        ] {
            assert_eq!(Cursor::decode(&text, &by_fare), None, "{text}");
            assert_eq!(Cursor::decode(&text, &by_age), None, "{text}");
        }
    }

    #[test]
    fn letter_case_is_folded_in_every_script() {
        for (text, folded) in [
            ("Braund", "braund"),
            ("ÅNGSTRÖM", "ångström"),
            ("Straße", "strasse"),
            ("ΟΔΟΣ οδος", "οδοσ οδοσ"),
            ("Вронский", "вронский"),
        ] {
            assert_eq!(fold(text), folded);
        }
    }
}
