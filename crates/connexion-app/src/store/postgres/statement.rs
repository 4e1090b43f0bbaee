//! The statements of the service, and the two ways to run them.
//!
//! Prepared, each is parsed once per session. A pooler that lends server connections to one transaction at a
//! time (`pgbouncer` in transaction mode) can't have that: what one of them prepared the next does not know.
//! So they can also be sent whole, with the types of their values, in one message.

use tokio::sync::OnceCell;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Statement};

use crate::query::Scalar;

/// Every column as it is read. An enum's type differs from database to database and would have to be looked
/// up; its label as a text need not.
macro_rules! read_columns {
    () => {
        "uuid, survived, passenger_class, name, sex::text, age, \
         siblings_or_spouses_aboard, parents_or_children_aboard, fare"
    };
}

/// The same for statements that are made up when they are needed.
pub(super) const READ_COLUMNS: &str = read_columns!();

/// A statement.
#[derive(Debug)]
pub(super) struct Sql {
    pub(super) text: &'static str,
    types: &'static [Type],
    pick: fn(&Statements) -> &OnceCell<Statement>,
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

/// A key, then the columns' types; those of a person who is expected, whose `sex` is compared as a text.
const KEY_AND_COLUMNS: [Type; 18] = [
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
    Type::BOOL,
    Type::INT4,
    Type::VARCHAR,
    Type::TEXT,
    Type::INT4,
    Type::INT4,
    Type::INT4,
    Type::FLOAT8,
];

/// The columns' types, then those of a claim and its receipt.
const COLUMNS_AND_CLAIM: [Type; 14] = [
    Type::UUID,
    Type::BOOL,
    Type::INT4,
    Type::VARCHAR,
    Type::UNKNOWN,
    Type::INT4,
    Type::INT4,
    Type::INT4,
    Type::FLOAT8,
    Type::BYTEA,
    Type::BYTEA,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
];

pub(super) const LOOKUP: Sql = Sql {
    text: concat!("select ", read_columns!(), " from person where uuid = $1"),
    types: &[Type::UUID],
    pick: |all| &all.lookup,
};

pub(super) const LOOKUP_ALL: Sql = Sql {
    text: concat!(
        "select ",
        read_columns!(),
        " from person where uuid = any($1)"
    ),
    types: &[Type::UUID_ARRAY],
    pick: |all| &all.lookup_all,
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

/// The labels of an enum, in the type of the column `sex`, whatever that is called: without the empty array beside it
/// nothing would say what the parameter is.
macro_rules! sexes {
    ($parameter:literal) => {
        concat!(
            "coalesce(",
            $parameter,
            ", array(select sex from person limit 0))"
        )
    };
}

/// Adds all or, if a key is taken, nobody: to pass over that one with `on conflict` costs a tenth more for everyone, and keys
/// are chance. To be prepared: only the database knows the type of `sex`.
pub(super) const ADD_ALL: Sql = Sql {
    text: concat!(
        "insert into person (",
        columns!(),
        ") select * from unnest($1::uuid[], $2::bool[], $3::int4[], $4::varchar[], ",
        sexes!("$5"),
        ", $6::int4[], $7::int4[], $8::int4[], $9::float8[])"
    ),
    types: &[],
    pick: |all| &all.add_all,
};

/// Makes a claim: a new one, or one in the place of one that is out of date. Whoever makes the same meanwhile waits for
/// this transaction's end.
macro_rules! claim {
    ($id:literal, $request:literal, $answer:literal, $now:literal, $old:literal) => {
        concat!(
            "insert into idempotency (id, request, answer, created) values (",
            $id, ", ", $request, ", ", $answer, ", ", $now,
            ") on conflict (id) do update set request = excluded.request, answer = excluded.answer, \
             created = excluded.created where idempotency.created <= ",
            $old
        )
    };
}

/// Adds a person if the claim could be made.
pub(super) const ADD_ONCE: Sql = Sql {
    text: concat!(
        "with claimed as (",
        claim!("$10", "$11", "$12", "$13", "$14"),
        " returning 1) insert into person (",
        columns!(),
        ") select $1, $2, $3, $4, $5, $6, $7, $8, $9 from claimed"
    ),
    types: &COLUMNS_AND_CLAIM,
    pick: |all| &all.add_once,
};

/// Makes the claim of an import.
pub(super) const CLAIM: Sql = Sql {
    text: claim!("$1", "$2", "$3", "$4", "$5"),
    types: &[Type::BYTEA, Type::BYTEA, Type::TEXT, Type::INT8, Type::INT8],
    pick: |all| &all.claim,
};

/// What was remembered of a claim.
pub(super) const RECEIPT: Sql = Sql {
    text: "select request, answer from idempotency where id = $1",
    types: &[Type::BYTEA],
    pick: |all| &all.receipt,
};

/// The keys that people have; asked once an import, so it is not prepared.
pub(super) const TAKEN: &str = "select uuid from person where uuid = any($1)";

pub(super) const FORGET: Sql = Sql {
    text: "delete from idempotency where created <= $1",
    types: &[Type::INT8],
    pick: |all| &all.forget,
};

/// What a row must be to be changed: whatever is not changed must keep the document's limits, which a table that another
/// program has made may not know. Otherwise the answer could not be the person.
macro_rules! stays_valid {
    ($survived:literal, $class:literal, $name:literal, $sex:literal, $age:literal, $siblings:literal, $parents:literal,
     $fare:literal) => {
        concat!(
            // First, since it tells the types of parameters.
            " and (coalesce(",
            $survived,
            ", survived), coalesce(",
            $class,
            ", passenger_class), coalesce(",
            $name,
            ", name), coalesce(",
            $sex,
            ", sex), coalesce(",
            $age,
            ", age), coalesce(",
            $siblings,
            ", siblings_or_spouses_aboard), coalesce(",
            $parents,
            ", parents_or_children_aboard), coalesce(",
            $fare,
            ", fare)) is not null and (",
            $name,
            " is not null or char_length(name) <= 100) and (",
            $sex,
            " is not null or sex::text in ('male', 'female', 'other')) and (",
            $fare,
            " is not null or fare > '-Infinity' and fare < 'Infinity')"
        )
    };
}

macro_rules! update {
    () => {
        "update person set uuid = coalesce($2, uuid), survived = coalesce($3, survived), \
         passenger_class = coalesce($4, passenger_class), name = coalesce($5, name), \
         sex = coalesce($6, sex), age = coalesce($7, age), \
         siblings_or_spouses_aboard = coalesce($8, siblings_or_spouses_aboard), \
         parents_or_children_aboard = coalesce($9, parents_or_children_aboard), \
         fare = coalesce($10, fare) where uuid = $1"
    };
}

pub(super) const UPDATE: Sql = Sql {
    text: concat!(
        update!(),
        stays_valid!("$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10"),
        " returning ",
        read_columns!()
    ),
    types: KEY_AND_COLUMNS.first_chunk::<10>().expect("there are more"),
    pick: |all| &all.update,
};

/// Changes those who are there; after the columns of each comes the key it was asked by. To be prepared, too.
pub(super) const UPDATE_ALL: Sql = Sql {
    text: concat!(
        "update person set uuid = coalesce(to_uuid, uuid), survived = coalesce(to_survived, survived), \
         passenger_class = coalesce(to_passenger_class, passenger_class), name = coalesce(to_name, name), \
         sex = coalesce(to_sex, sex), age = coalesce(to_age, age), \
         siblings_or_spouses_aboard = coalesce(to_siblings_or_spouses_aboard, siblings_or_spouses_aboard), \
         parents_or_children_aboard = coalesce(to_parents_or_children_aboard, parents_or_children_aboard), \
         fare = coalesce(to_fare, fare) \
         from unnest($1::uuid[], $2::uuid[], $3::bool[], $4::int4[], $5::varchar[], ",
        sexes!("$6"),
        ", $7::int4[], $8::int4[], $9::int4[], $10::float8[]) as changes (key, to_uuid, to_survived, \
         to_passenger_class, to_name, to_sex, to_age, to_siblings_or_spouses_aboard, \
         to_parents_or_children_aboard, to_fare) where uuid = key",
        stays_valid!(
            "to_survived",
            "to_passenger_class",
            "to_name",
            "to_sex",
            "to_age",
            "to_siblings_or_spouses_aboard",
            "to_parents_or_children_aboard",
            "to_fare"
        ),
        " returning ",
        read_columns!(),
        ", key"
    ),
    types: &[],
    pick: |all| &all.update_all,
};

/// Changes a person who is still as expected.
pub(super) const UPDATE_EXPECTED: Sql = Sql {
    text: concat!(
        update!(),
        " and (survived, passenger_class, name, sex::text, age, siblings_or_spouses_aboard, \
         parents_or_children_aboard, fare) = ($11, $12, $13, $14, $15, $16, $17, $18) returning ",
        read_columns!()
    ),
    types: &KEY_AND_COLUMNS,
    pick: |all| &all.update_expected,
};

pub(super) const DELETE: Sql = Sql {
    text: "delete from person where uuid = $1",
    types: &[Type::UUID],
    pick: |all| &all.delete,
};

/// Deletes those who are there, and says who these are.
pub(super) const DELETE_ALL: Sql = Sql {
    text: "delete from person where uuid = any($1) returning uuid",
    types: &[Type::UUID_ARRAY],
    pick: |all| &all.delete_all,
};

/// Deletes a person who is still as expected.
pub(super) const DELETE_EXPECTED: Sql = Sql {
    text: "delete from person where uuid = $1 and (survived, passenger_class, name, sex::text, age, \
           siblings_or_spouses_aboard, parents_or_children_aboard, fare) = ($2, $3, $4, $5, $6, $7, $8, $9)",
    types: &[
        Type::UUID,
        Type::BOOL,
        Type::INT4,
        Type::VARCHAR,
        Type::TEXT,
        Type::INT4,
        Type::INT4,
        Type::INT4,
        Type::FLOAT8,
    ],
    pick: |all| &all.delete_expected,
};

/// Does nothing, but takes the lock of the table that every write takes.
pub(super) const PROBE: Sql = Sql {
    text: "explain update person set uuid = uuid where false",
    types: &[],
    pick: |all| &all.probe,
};

pub(super) const ADD_KEY: Sql = Sql {
    text: "insert into api_key (id, name, scope, hash, created, expires, revoked) \
           values ($1, $2, $3, $4, $5, $6, $7)",
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::BYTEA,
        Type::INT8,
        Type::INT8,
        Type::INT8,
    ],
    pick: |all| &all.add_key,
};

pub(super) const REVOKE_KEY: Sql = Sql {
    text: "update api_key set revoked = $2 where name = $1 and revoked is null",
    types: &[Type::TEXT, Type::INT8],
    pick: |all| &all.revoke_key,
};

impl Sql {
    /// The statement, prepared when it is first needed: a database that still lacks its tables can be pinged and
    /// migrated.
    pub(super) async fn prepared<'s>(
        &self,
        client: &Client,
        statements: &'s Statements,
    ) -> Result<&'s Statement, Error> {
        let prepare = || client.prepare(self.text);
        (self.pick)(statements).get_or_try_init(prepare).await
    }

    /// The statement, if it was prepared.
    pub(super) fn if_prepared<'s>(&self, statements: &'s Statements) -> Option<&'s Statement> {
        (self.pick)(statements).get()
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

/// The statements that were prepared on one session.
#[derive(Debug, Default)]
pub(super) struct Statements {
    lookup: OnceCell<Statement>,
    lookup_all: OnceCell<Statement>,
    list: OnceCell<Statement>,
    add: OnceCell<Statement>,
    add_all: OnceCell<Statement>,
    add_once: OnceCell<Statement>,
    claim: OnceCell<Statement>,
    receipt: OnceCell<Statement>,
    forget: OnceCell<Statement>,
    update: OnceCell<Statement>,
    update_all: OnceCell<Statement>,
    update_expected: OnceCell<Statement>,
    delete: OnceCell<Statement>,
    delete_all: OnceCell<Statement>,
    delete_expected: OnceCell<Statement>,
    probe: OnceCell<Statement>,
    add_key: OnceCell<Statement>,
    revoke_key: OnceCell<Statement>,
}

/// A value with its type, for a statement that is made up.
pub(super) fn typed(scalar: &Scalar) -> (&(dyn ToSql + Sync), Type) {
    match scalar {
        Scalar::Bool(value) => (value, Type::BOOL),
        Scalar::Int(value) => (value, Type::INT4),
        Scalar::Float(value) => (value, Type::FLOAT8),
        Scalar::Text(value) => (value, Type::TEXT),
        Scalar::Uuid(value) => (value, Type::UUID),
    }
}
