//! A person as SQLite's parameters and columns.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Error, Row};
use uuid::Uuid;

use super::error::store_error;
use crate::person::{Person, Sex};
use crate::query::Scalar;
use crate::store::{StoreError, adoption::shown, broken};

/// The parameters of a statement that takes every column.
pub(super) fn values(person: &Person) -> [&dyn ToSql; 9] {
    [
        person.uuid.as_bytes(),
        &person.survived,
        &person.passenger_class,
        &person.name,
        &person.sex,
        &person.age,
        &person.siblings_or_spouses_aboard,
        &person.parents_or_children_aboard,
        &person.fare,
    ]
}

/// The same without the key: what is expected of somebody who is to be changed.
pub(super) fn members(person: &Person) -> impl Iterator<Item = &dyn ToSql> {
    values(person).into_iter().skip(1)
}

/// Reads a row that has every column.
///
/// # Errors
/// [`StoreError::Broken`] if it breaks the document.
pub(super) fn person(row: &Row<'_>) -> Result<Person, StoreError> {
    let person = read(row).map_err(|error| unreadable(row, &error))?;
    let wrong = if has_nul(&person.name) {
        Some(("name", "has the character NUL in it"))
    } else {
        person.broken()
    };
    match wrong {
        None => Ok(person),
        Some((column, what)) => Err(broken(&person.uuid.to_string(), column, what)),
    }
}

/// Looks at every byte: that takes a vector's few instructions, while a search for the first one looks at byte by byte of a
/// text as short as a name.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without a branch it is compiled to vectors"
)]
fn has_nul(text: &str) -> bool {
    text.bytes().fold(false, |found, byte| found | (byte == 0))
}

/// Names the column that can't be read.
#[cold]
fn unreadable(row: &Row<'_>, error: &Error) -> StoreError {
    let key = match row.get_ref(0) {
        Ok(ValueRef::Text(text)) => format!("'{}'", shown(&String::from_utf8_lossy(text))),
        Ok(ValueRef::Blob(bytes)) => match Uuid::from_slice(bytes) {
            Ok(uuid) => uuid.to_string(),
            Err(_) => format!("of {} bytes", bytes.len()),
        },
        Ok(other) => format!("of the type {}", other.data_type()),
        Err(_) => "unknown".to_owned(),
    };
    let (index, what) = match error {
        Error::InvalidColumnType(index, _, found) => (*index, format!("has the type {found}")),
        Error::IntegralValueOutOfRange(index, value) => {
            (*index, format!("{value} is out of range"))
        }
        Error::FromSqlConversionFailure(index, _, cause) => (*index, shown(&cause.to_string())),
        Error::Utf8Error(index, _) => (*index, "not UTF-8".to_owned()),
        other => return store_error(other),
    };
    broken(
        &key,
        row.as_ref().column_name(index).unwrap_or_default(),
        &what,
    )
}

fn read(row: &Row<'_>) -> Result<Person, Error> {
    Ok(Person {
        uuid: Uuid::from_bytes(row.get(0)?),
        survived: match row.get(1)? {
            0 => false,
            1 => true,
            other => return Err(Error::IntegralValueOutOfRange(1, other)),
        },
        passenger_class: row.get(2)?,
        name: row.get(3)?,
        sex: row.get(4)?,
        age: row.get(5)?,
        siblings_or_spouses_aboard: row.get(6)?,
        parents_or_children_aboard: row.get(7)?,
        fare: row.get(8)?,
    })
}

impl ToSql for Sex {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Sex {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::parse(word).ok_or_else(|| FromSqlError::other(UnknownSex(shown(word))))
    }
}

/// A word that is none of the document's.
#[derive(Debug, thiserror::Error)]
#[error("unknown sex '{0}'")]
struct UnknownSex(String);

impl ToSql for Scalar {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Bool(value) => value.to_sql(),
            Self::Int(value) => value.to_sql(),
            Self::Float(value) => value.to_sql(),
            Self::Text(value) => value.to_sql(),
            Self::Uuid(value) => Ok(value.as_bytes()[..].into()),
        }
    }
}
