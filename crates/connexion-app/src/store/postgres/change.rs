//! One change of one person: its statement, and what it wants that others may have locked.

use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::locked::Wanted;
use super::row::{changes, members, values};
use super::statement::{ADD, ADD_ONCE, DELETE, DELETE_EXPECTED, Sql, UPDATE, UPDATE_EXPECTED};
use crate::person::{Person, PersonChanges};
use crate::store::{Claim, Receipt};

/// A change, with all that its statement takes.
#[derive(Debug)]
pub(super) enum Change {
    Add(Person),
    AddOnce(Once),
    /// The last is what the person must still be like.
    Update(Uuid, PersonChanges, Option<Person>),
    Delete(Uuid, Option<Person>),
}

/// A person who is added if the claim can be made.
#[derive(Debug)]
pub(super) struct Once {
    person: Person,
    claim: Claim,
    receipt: Receipt,
    /// Claims as old as this are out of date.
    old: i64,
    id: Vec<u8>,
    request: Vec<u8>,
}

impl Once {
    pub(super) fn new(person: Person, claim: Claim, receipt: Receipt) -> Self {
        Self {
            old: claim.now - Claim::LIFE,
            id: claim.id.to_vec(),
            request: receipt.request.to_vec(),
            person,
            claim,
            receipt,
        }
    }
}

impl Change {
    pub(super) fn sql(&self) -> &'static Sql {
        match self {
            Self::Add(_) => &ADD,
            Self::AddOnce(_) => &ADD_ONCE,
            Self::Update(_, _, None) => &UPDATE,
            Self::Update(_, _, Some(_)) => &UPDATE_EXPECTED,
            Self::Delete(_, None) => &DELETE,
            Self::Delete(_, Some(_)) => &DELETE_EXPECTED,
        }
    }

    pub(super) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        match self {
            Self::Add(person) => values(person).into(),
            Self::AddOnce(once) => {
                let claimed: [&(dyn ToSql + Sync); 5] = [
                    &once.id,
                    &once.request,
                    &once.receipt.answer,
                    &once.claim.now,
                    &once.old,
                ];
                values(&once.person).into_iter().chain(claimed).collect()
            }
            Self::Update(uuid, to, expected) => {
                let mut all = changes(uuid, to);
                all.extend(expected.iter().flat_map(members));
                all
            }
            Self::Delete(uuid, expected) => {
                let mut all: Vec<&(dyn ToSql + Sync)> = vec![uuid];
                all.extend(expected.iter().flat_map(members));
                all
            }
        }
    }

    /// What other transactions may have locked.
    pub(super) fn wanted(&self) -> Wanted {
        match self {
            Self::Add(person) => Wanted::New(person.uuid),
            Self::AddOnce(once) => Wanted::Claim(once.claim.id),
            Self::Update(uuid, to, _) => Wanted::update(*uuid, to),
            Self::Delete(uuid, _) => Wanted::Row(*uuid),
        }
    }
}
