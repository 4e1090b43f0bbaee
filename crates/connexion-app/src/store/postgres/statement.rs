//! The statements of the service, and the two ways to run them.
//!
//! Prepared, each is parsed once per session. A pooler that lends server connections to one transaction at a
//! time (`pgbouncer` in transaction mode) can't have that: what one of them prepared the next does not know.
//! So they can also be sent whole, with the types of their values, in one message.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Statement};

/// Every column as it is read. An enum's type differs from database to database and would have to be looked
/// up; its label as a text need not.
macro_rules! read_columns {
    () => {
        "uuid, survived, passenger_class, name, sex::text, age, \
         siblings_or_spouses_aboard, parents_or_children_aboard, fare"
    };
}

/// A statement.
#[derive(Debug)]
pub(super) struct Sql {
    pub(super) text: &'static str,
    types: &'static [Type],
    pick: fn(&Statements) -> &Statement,
}

/// The columns' types. `UNKNOWN` lets the database find out what an enum's label is meant for.
pub(super) const COLUMNS: [Type; 9] = [
    Type::UUID,
    Type::BOOL,
    Type::INT4,
    Type::VARCHAR,
    Type::UNKNOWN,
    Type::INT4,
    Type::INT4,
    Type::INT4,
    Type::FLOAT8,
];

const KEY_AND_COLUMNS: [Type; 10] = [
    Type::UUID,
    Type::UUID,
    Type::BOOL,
    Type::INT4,
    Type::VARCHAR,
    Type::UNKNOWN,
    Type::INT4,
    Type::INT4,
    Type::INT4,
    Type::FLOAT8,
];

pub(super) const LOOKUP: Sql = Sql {
    text: concat!("select ", read_columns!(), " from person where uuid = $1"),
    types: &[Type::UUID],
    pick: |all| &all.lookup,
};

pub(super) const LIST: Sql = Sql {
    text: concat!("select ", read_columns!(), " from person"),
    types: &[],
    pick: |all| &all.list,
};

pub(super) const ADD: Sql = Sql {
    text: concat!(
        "insert into person (",
        columns!(),
        ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    ),
    types: &COLUMNS,
    pick: |all| &all.add,
};

pub(super) const UPDATE: Sql = Sql {
    text: concat!(
        "update person set uuid = coalesce($2, uuid), survived = coalesce($3, survived), \
         passenger_class = coalesce($4, passenger_class), name = coalesce($5, name), \
         sex = coalesce($6, sex), age = coalesce($7, age), \
         siblings_or_spouses_aboard = coalesce($8, siblings_or_spouses_aboard), \
         parents_or_children_aboard = coalesce($9, parents_or_children_aboard), \
         fare = coalesce($10, fare) where uuid = $1 returning ",
        read_columns!()
    ),
    types: &KEY_AND_COLUMNS,
    pick: |all| &all.update,
};

pub(super) const DELETE: Sql = Sql {
    text: "delete from person where uuid = $1",
    types: &[Type::UUID],
    pick: |all| &all.delete,
};

impl Sql {
    /// The statement as it was prepared.
    pub(super) fn of<'s>(&self, statements: &'s Statements) -> &'s Statement {
        (self.pick)(statements)
    }

    /// Values with their types, to send it whole.
    pub(super) fn typed<'v>(
        &self,
        values: &[&'v (dyn ToSql + Sync)],
    ) -> Vec<(&'v (dyn ToSql + Sync), Type)> {
        let types = self.types.iter().cloned();
        values.iter().copied().zip(types).collect()
    }
}

/// Every statement, prepared on one session.
#[derive(Debug)]
pub(super) struct Statements {
    lookup: Statement,
    list: Statement,
    add: Statement,
    update: Statement,
    delete: Statement,
}

impl Statements {
    /// Prepares them.
    pub(super) async fn prepare(client: &Client) -> Result<Self, Error> {
        // The first one looks up the enum type, which the others then know.
        let add = client.prepare(ADD.text).await?;
        let (lookup, list, update, delete) = tokio::try_join!(
            client.prepare(LOOKUP.text),
            client.prepare(LIST.text),
            client.prepare(UPDATE.text),
            client.prepare(DELETE.text),
        )?;
        Ok(Self {
            lookup,
            list,
            add,
            update,
            delete,
        })
    }
}
