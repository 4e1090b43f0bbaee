//! The person: what is stored of a passenger, and how each member is read and written.
//!
//! The limits a member must keep (which are required, how long a name may be, which numbers fit) are
//! written in `openapi.yaml`; the library enforces them before a value of these types exists. For rows of
//! a CSV file `import/cell.rs` does, and a test holds it against the document.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::{
    Uuid,
    fmt::{Hyphenated, Simple},
};

/// A stored passenger, in the document's member order.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Primary key.
    pub uuid: Uuid,
    /// Whether the passenger survived the sinking.
    pub survived: bool,
    /// 1, 2 or 3 on the Titanic; any 32-bit integer is stored.
    pub passenger_class: i32,
    /// At most 100 Unicode code points.
    pub name: String,
    /// As recorded.
    pub sex: Sex,
    /// In whole years.
    pub age: i32,
    /// How many siblings and spouses travelled with this person.
    pub siblings_or_spouses_aboard: i32,
    /// How many parents and children travelled with this person.
    pub parents_or_children_aboard: i32,
    /// In pounds of 1912.
    pub fare: f64,
}

/// How long a name may be, in Unicode code points. The database's checks and constraints say so, too; a test compares
/// it with `openapi.yaml`.
pub const MAX_NAME: usize = 100;

impl Person {
    /// The column whose value the document does not allow, though the database and the type of the member do; and what
    /// is wrong with it. Only another program can have stored it.
    pub(crate) fn broken(&self) -> Option<(&'static str, &'static str)> {
        if !self.fare.is_finite() {
            return Some(("fare", "not a finite number"));
        }
        let is_long = self.name.len() > MAX_NAME && self.name.chars().count() > MAX_NAME;
        is_long.then_some(("name", "longer than 100 characters"))
    }

    /// What this person is like, in short: an entity tag (RFC 9110, section 8.8.3), which changes with every member. It is
    /// computed, not stored, so people that another program has changed have the right one, too.
    pub fn etag(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.uuid);
        hash.update([u8::from(self.survived), self.sex as u8]);
        for number in [
            self.passenger_class,
            self.age,
            self.siblings_or_spouses_aboard,
            self.parents_or_children_aboard,
        ] {
            hash.update(number.to_be_bytes());
        }
        hash.update(self.fare.to_bits().to_be_bytes());
        // The only member whose length varies stands last, so no two people give the same bytes.
        hash.update(&self.name);
        let digest = hash.finalize();
        format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&digest[..16]))
    }
}

/// Sex as the contract spells it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    /// `male`
    Male,
    /// `female`
    Female,
    /// `other`
    Other,
}

impl Sex {
    /// Every one, in the order of the contract.
    pub const ALL: [Self; 3] = [Self::Male, Self::Female, Self::Other];

    /// The word used on the wire, in CSV and in both databases.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Male => "male",
            Self::Female => "female",
            Self::Other => "other",
        }
    }

    /// Reads the word that [`Self::as_str`] writes; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sex| sex.as_str() == text)
    }
}

/// The body of `people.add`: a person that may not have a key yet.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewPerson {
    #[serde(default, deserialize_with = "optional_uuid")]
    uuid: Option<Uuid>,
    #[serde(default)]
    survived: bool,
    passenger_class: i32,
    name: String,
    sex: Sex,
    age: i32,
    siblings_or_spouses_aboard: i32,
    parents_or_children_aboard: i32,
    fare: f64,
}

impl NewPerson {
    /// Whether it came with a key.
    pub(crate) fn has_key(&self) -> bool {
        self.uuid.is_some()
    }
}

impl From<NewPerson> for Person {
    /// Gives the person a random key (version 4) if it came without one.
    fn from(new: NewPerson) -> Self {
        Self {
            uuid: new.uuid.unwrap_or_else(Uuid::new_v4),
            survived: new.survived,
            passenger_class: new.passenger_class,
            name: new.name,
            sex: new.sex,
            age: new.age,
            siblings_or_spouses_aboard: new.siblings_or_spouses_aboard,
            parents_or_children_aboard: new.parents_or_children_aboard,
            fare: new.fare,
        }
    }
}

/// The body of `person.update`: absent members stay as they are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonChanges {
    /// A new key; a conflict if another person has it.
    #[serde(default, deserialize_with = "optional_uuid")]
    pub uuid: Option<Uuid>,
    /// See [`Person::survived`].
    pub survived: Option<bool>,
    /// See [`Person::passenger_class`].
    pub passenger_class: Option<i32>,
    /// See [`Person::name`].
    pub name: Option<String>,
    /// See [`Person::sex`].
    pub sex: Option<Sex>,
    /// See [`Person::age`].
    pub age: Option<i32>,
    /// See [`Person::siblings_or_spouses_aboard`].
    pub siblings_or_spouses_aboard: Option<i32>,
    /// See [`Person::parents_or_children_aboard`].
    pub parents_or_children_aboard: Option<i32>,
    /// See [`Person::fare`].
    pub fare: Option<f64>,
}

/// Reads a UUID in every form that PostgreSQL reads, since clients of the original used them: any letter
/// case, with or without braces, a hyphen allowed after each group of four digits, but no `urn:uuid:`.
pub fn parse_uuid(text: &str) -> Option<Uuid> {
    if text.len() == Hyphenated::LENGTH
        && let Ok(uuid) = Uuid::try_parse(text)
    {
        return Some(uuid);
    }
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut digits = String::with_capacity(Simple::LENGTH);
    let mut after_hyphen = true;
    for c in inner.chars() {
        match c {
            '-' if !after_hyphen
                && digits.len() < Simple::LENGTH
                && digits.len().is_multiple_of(4) =>
            {
                after_hyphen = true;
            }
            c if c.is_ascii_hexdigit() && digits.len() < Simple::LENGTH => {
                digits.push(c);
                after_hyphen = false;
            }
            _ => return None,
        }
    }
    Uuid::try_parse(&digits).ok()
}

/// Deserializes a key with [`parse_uuid`].
///
/// # Errors
/// If it can't be read.
pub fn uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    optional_uuid(deserializer)?.ok_or_else(|| serde::de::Error::custom("a UUID is missing"))
}

fn optional_uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    parse_uuid(&text)
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom("not a UUID"))
}

#[cfg(test)]
mod tests {
    use super::parse_uuid;

    #[test]
    fn a_uuid_is_read_in_every_form_postgresql_reads() {
        let canonical = "abcdef01-2345-4678-9abc-def012345678";
        for text in [
            canonical,
            "ABCDEF01-2345-4678-9ABC-DEF012345678",
            "{abcdef01-2345-4678-9abc-def012345678}",
            "abcdef01234546789abcdef012345678",
            "abcdef012345-46789abcdef012345678",
            "abcd-ef01-2345-4678-9abc-def0-1234-5678",
        ] {
            assert_eq!(parse_uuid(text).unwrap().to_string(), canonical, "{text}");
        }
        for text in [
            "",
            "1",
            "not-a-uuid",
            "abcdef01-2345-4678-9abc-def01234567",
            "abcdef01-2345-4678-9abc-def0123456780",
            "abcdef01-2345-4678-9abc-def012345678-",
            "-abcdef01-2345-4678-9abc-def012345678",
            "abcdef01--2345-4678-9abc-def012345678",
            "abcde-f01-2345-4678-9abc-def012345678",
            "{abcdef01-2345-4678-9abc-def012345678",
            "urn:uuid:abcdef01-2345-4678-9abc-def012345678",
            "😀",
        ] {
            assert_eq!(parse_uuid(text), None, "{text}");
        }
    }
}
