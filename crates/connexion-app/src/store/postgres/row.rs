//! A person as PostgreSQL's parameters and columns.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::person::{Person, Sex};

/// The parameters of a statement that takes every column.
pub(super) fn values(person: &Person) -> [&(dyn ToSql + Sync); 9] {
    [
        &person.uuid,
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
pub(super) fn members(person: &Person) -> impl Iterator<Item = &(dyn ToSql + Sync)> {
    values(person).into_iter().skip(1)
}

/// Reads a row that has every column.
pub(super) fn person(row: &Row) -> Result<Person, tokio_postgres::Error> {
    Ok(Person {
        uuid: row.try_get(0)?,
        survived: row.try_get(1)?,
        passenger_class: row.try_get(2)?,
        name: row.try_get(3)?,
        sex: row.try_get(4)?,
        age: row.try_get(5)?,
        siblings_or_spouses_aboard: row.try_get(6)?,
        parents_or_children_aboard: row.try_get(7)?,
        fare: row.try_get(8)?,
    })
}

/// An enum is its label's text in both directions. Its type's name is the existing database's affair.
impl ToSql for Sex {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.as_str().to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        holds_labels(ty)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Sex {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let label = str::from_utf8(raw)?;
        Self::parse(label).ok_or_else(|| format!("unknown sex {label:?}").into())
    }

    fn accepts(ty: &Type) -> bool {
        holds_labels(ty)
    }
}

fn holds_labels(ty: &Type) -> bool {
    matches!(ty.kind(), Kind::Enum(_)) || [Type::TEXT, Type::VARCHAR, Type::UNKNOWN].contains(ty)
}
