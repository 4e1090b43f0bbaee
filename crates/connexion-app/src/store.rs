//! Where people are kept: one trait, two implementations that behave alike.
//!
//! Nothing here knows HTTP. SQL stays below this module. "Not found" is `None`, not an error; every
//! error is one of [`StoreError`]'s, and what a client may read of it is decided in `error.rs`.

/// Every column of the table, in the order of `values` and `person` of each store.
macro_rules! columns {
    () => {
        "uuid, survived, passenger_class, name, sex, age, \
         siblings_or_spouses_aboard, parents_or_children_aboard, fare"
    };
}

pub(crate) mod observed;
pub mod postgres;
pub mod sqlite;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use uuid::Uuid;

use crate::key::ApiKey;
use crate::person::{Person, PersonChanges};

/// People on their way out of the store; an error ends the stream.
pub type People = BoxStream<'static, Result<Person, StoreError>>;

/// People on their way into the store, in batches. An error ends the import, and nothing is kept.
pub type Batches = BoxStream<'static, Result<Vec<Person>, ImportStopped>>;

/// What an import's source says when not all of it may be stored; the reason stays with the source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ImportStopped;

/// Why the store could not do what it was asked. The text is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another person has this key already.
    #[error("a person with this uuid exists already")]
    Conflict,
    /// The database refuses the value (a check, a range, a character it can't hold).
    #[error("the database refuses a value: {0}")]
    Refused(String),
    /// The database can't be reached, is shutting down, or lacks the migrations; trying later may help.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// There is no room left for what is to be stored.
    #[error("the database is full: {0}")]
    Full(String),
    /// The source of an import stopped it.
    #[error("the import was stopped")]
    Stopped,
    /// Anything else: a fault of ours.
    #[error("unexpected database error: {0}")]
    Unexpected(String),
}

impl StoreError {
    /// Its name, for whoever counts errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Full(_) => "full",
            Self::Stopped => "stopped",
            Self::Unexpected(_) => "unexpected",
        }
    }
}

/// How many lists may be read at a time, and how many are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Turns {
    /// How many there may be; one more waits for its turn.
    pub all: usize,
    /// How many are under way.
    pub taken: usize,
}

/// What [`Store::migrate`] did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Migrated {
    /// Names of the migrations applied just now, in order; empty if there was nothing to do.
    pub applied: Vec<String>,
    /// Whether the person table was made just now, by this call and nobody else.
    pub created: bool,
}

/// A table of API keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// All keys, the oldest first.
    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// The key with this id, be it good or not.
    async fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError>;

    /// Stores a new key; [`StoreError::Conflict`] if there is one of this name that was not revoked.
    async fn add_key(&self, key: &ApiKey) -> Result<(), StoreError>;

    /// Revokes the key of this name; `false` if there is none.
    async fn revoke_key(&self, name: &str, at: i64) -> Result<bool, StoreError>;
}

/// A table of people.
///
/// Cheap to share: one value serves every request. A call that is dropped before it ends leaves no
/// half-done work behind.
#[async_trait]
pub trait Store: KeyStore {
    /// All people, streamed, in no promised order.
    async fn list(&self) -> Result<People, StoreError>;

    /// The person with this key, or `None`.
    async fn lookup(&self, uuid: Uuid) -> Result<Option<Person>, StoreError>;

    /// Stores a new person; [`StoreError::Conflict`] if the key is taken. Returns after the commit.
    async fn add(&self, person: &Person) -> Result<(), StoreError>;

    /// Changes the members that are set and returns the whole person, or `None` if there is no such
    /// person. [`StoreError::Conflict`] if the new key is another person's.
    async fn update(
        &self,
        uuid: Uuid,
        changes: &PersonChanges,
    ) -> Result<Option<Person>, StoreError>;

    /// Deletes the person; `false` if there was none.
    async fn delete(&self, uuid: Uuid) -> Result<bool, StoreError>;

    /// Stores all batches in one transaction and returns how many people that were. If a batch is an
    /// error ([`StoreError::Stopped`]) or can't be stored, nothing is.
    async fn import(&self, batches: Batches) -> Result<u64, StoreError>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Applies the migrations that are missing. Safe when several processes do it at once, and on a
    /// database whose `person` table was made by the original service.
    async fn migrate(&self) -> Result<Migrated, StoreError>;

    /// Names of the migrations that are not applied yet, in order. Changes nothing.
    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError>;

    /// How many lists are read right now.
    fn turns(&self) -> Turns;
}
