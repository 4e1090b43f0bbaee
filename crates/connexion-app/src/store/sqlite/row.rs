//! A person as SQLite's parameters and columns.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Result, Row};
use uuid::Uuid;

use crate::person::{Person, Sex};
use crate::query::Scalar;

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
pub(super) fn person(row: &Row<'_>) -> Result<Person> {
    Ok(Person {
        uuid: Uuid::from_bytes(row.get(0)?),
        survived: row.get(1)?,
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
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Sex {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for Scalar {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        match self {
            Self::Bool(value) => value.to_sql(),
            Self::Int(value) => value.to_sql(),
            Self::Float(value) => value.to_sql(),
            Self::Text(value) => value.to_sql(),
            Self::Uuid(value) => Ok(value.as_bytes()[..].into()),
        }
    }
}
