//! A person as PostgreSQL's parameters and columns.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, WasNull, to_sql_checked};

use uuid::Uuid;

use crate::person::{Person, PersonChanges, Sex};
use crate::store::{StoreError, broken};

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

/// The parameters of a statement that changes somebody.
pub(super) fn changes<'p>(uuid: &'p Uuid, to: &'p PersonChanges) -> Vec<&'p (dyn ToSql + Sync)> {
    vec![
        uuid,
        &to.uuid,
        &to.survived,
        &to.passenger_class,
        &to.name,
        &to.sex,
        &to.age,
        &to.siblings_or_spouses_aboard,
        &to.parents_or_children_aboard,
        &to.fare,
    ]
}

/// A parameter of a statement about many: one member of all of them.
type Column<'p> = Box<dyn ToSql + Sync + Send + 'p>;

/// The parameters of a statement that adds many.
pub(super) fn people_columns(people: &[Person]) -> [Column<'_>; 9] {
    [
        column(people, |person| person.uuid),
        column(people, |person| person.survived),
        column(people, |person| person.passenger_class),
        column(people, |person| person.name.as_str()),
        column(people, |person| person.sex),
        column(people, |person| person.age),
        column(people, |person| person.siblings_or_spouses_aboard),
        column(people, |person| person.parents_or_children_aboard),
        column(people, |person| person.fare),
    ]
}

/// The parameters of a statement that changes many.
pub(super) fn changes_columns<'p>(all: &'p [&(Uuid, PersonChanges)]) -> [Column<'p>; 10] {
    [
        column(all, |(uuid, _)| *uuid),
        column(all, |(_, to)| to.uuid),
        column(all, |(_, to)| to.survived),
        column(all, |(_, to)| to.passenger_class),
        column(all, |(_, to)| to.name.as_deref()),
        column(all, |(_, to)| to.sex),
        column(all, |(_, to)| to.age),
        column(all, |(_, to)| to.siblings_or_spouses_aboard),
        column(all, |(_, to)| to.parents_or_children_aboard),
        column(all, |(_, to)| to.fare),
    ]
}

fn column<'p, P, T>(all: &'p [P], member: impl Fn(&'p P) -> T) -> Column<'p>
where
    T: ToSql + Sync + Send + 'p,
{
    Box::new(all.iter().map(member).collect::<Vec<T>>())
}

/// The same as a statement takes them.
pub(super) fn references<'c>(columns: &'c [Column<'_>]) -> Vec<&'c (dyn ToSql + Sync)> {
    let column = |column: &'c Column<'_>| -> &'c (dyn ToSql + Sync) { &**column };
    columns.iter().map(column).collect()
}

/// Reads a row that begins with every column.
///
/// # Errors
/// [`StoreError::Broken`] if it breaks the document.
pub(super) fn person(row: &Row) -> Result<Person, StoreError> {
    let person = read(row).map_err(|error| unreadable(row, &error))?;
    match person.broken() {
        None => Ok(person),
        Some((column, what)) => Err(broken(&person.uuid.to_string(), column, what)),
    }
}

/// Names the first column that can't be read.
#[cold]
fn unreadable(row: &Row, error: &tokio_postgres::Error) -> StoreError {
    let is_readable = |index: usize| match index {
        0 => row.try_get::<_, Uuid>(0).is_ok(),
        1 => row.try_get::<_, bool>(1).is_ok(),
        3 => row.try_get::<_, &str>(3).is_ok(),
        4 => row.try_get::<_, Sex>(4).is_ok(),
        8 => row.try_get::<_, f64>(8).is_ok(),
        _ => row.try_get::<_, i32>(index).is_ok(),
    };
    let column = (0..9).find(|index| !is_readable(*index));
    let column = column.and_then(|index| row.columns().get(index));
    let key = row.try_get(0).map(|key: Uuid| key.to_string());
    let what = match error.source() {
        Some(cause) if cause.is::<WasNull>() => "null".to_owned(),
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    };
    let column = column.map_or("", |column| column.name());
    broken(&key.unwrap_or_else(|_| "null".to_owned()), column, &what)
}

fn read(row: &Row) -> Result<Person, tokio_postgres::Error> {
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
        Self::parse(label).ok_or_else(|| unknown_sex(label).into())
    }

    fn accepts(ty: &Type) -> bool {
        holds_labels(ty)
    }
}

fn unknown_sex(label: &str) -> String {
    let label: String = label.chars().take(20).collect();
    format!("unknown sex {label:?}")
}

fn holds_labels(ty: &Type) -> bool {
    matches!(ty.kind(), Kind::Enum(_)) || [Type::TEXT, Type::VARCHAR, Type::UNKNOWN].contains(ty)
}
