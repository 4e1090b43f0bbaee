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

mod adoption;
mod coalesce;
mod history;
pub(crate) mod observed;
pub mod postgres;
mod select;
pub mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use prometheus::Histogram;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::key::ApiKey;
use crate::person::{Person, PersonChanges};
use crate::query::{Filter, Select};
use crate::summary::Summary;

/// People on their way out of the store; an error ends the stream.
pub type People = BoxStream<'static, Result<Person, StoreError>>;

/// People on their way into the store, in batches. An error ends the import, and nothing is stored.
pub type Batches = BoxStream<'static, Result<Vec<Person>, ImportStopped>>;

/// A request that is done once only, however often it is sent. It is forgotten after [`Claim::LIFE`].
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// What tells it from every other request.
    pub id: [u8; 32],
    /// When it was sent, in seconds since 1970.
    pub now: i64,
}

impl Claim {
    /// For how many seconds a request is remembered.
    pub const LIFE: i64 = 24 * 60 * 60;
}

/// What is remembered of a request that was done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// A hash of its body.
    pub request: [u8; 32],
    /// The answer's body.
    pub answer: String,
}

impl Receipt {
    /// What was answered.
    ///
    /// # Errors
    /// If it is no `T`: something else has written into the table.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_str(&self.answer)
            .map_err(|error| StoreError::Unexpected(format!("idempotency.answer: {error}")))
    }
}

/// How an import ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stored {
    /// So many people were stored.
    Now(u64),
    /// It was done before, so nothing was stored.
    Before(Receipt),
}

/// What an import's source says when not all of it may be stored; the reason stays with the source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ImportStopped;

/// Why the store could not do what it was asked. The text is for the log, never for a client.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another person has this key already.
    #[error("a person with this uuid exists already")]
    Conflict,
    /// Other rows of the database refer to this person.
    #[error("other rows refer to this person: {0}")]
    Referenced(String),
    /// The database refuses the value (a check, a range, a character it can't hold).
    #[error("the database refuses a value: {0}")]
    Refused(String),
    /// The database can't be reached, is shutting down, or lacks the migrations; trying later may help. Nothing was
    /// changed, and nothing will be.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The connection broke, or no answer came: it is unknown whether the change was stored.
    #[error("it is unknown whether the change was stored: {0}")]
    Unknown(String),
    /// There is no room left for what is to be stored.
    #[error("the database is full: {0}")]
    Full(String),
    /// A row breaks the document: another program has written it. The text names row and column.
    #[error("a row of the table person breaks the document: {0}")]
    Broken(String),
    /// The database is not as the migrations need it; the text says what to do.
    #[error("{0}")]
    Unfit(String),
    /// The source of an import stopped it.
    #[error("the import was stopped")]
    Stopped,
    /// Storing an import takes longer than this, the limit.
    #[error("the import takes longer than {} s to store", .0.as_secs())]
    TimedOut(Duration),
    /// Anything else: a fault of ours.
    #[error("unexpected database error: {0}")]
    Unexpected(String),
}

impl StoreError {
    /// Its name, for whoever counts errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Referenced(_) => "referenced",
            Self::Refused(_) => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Unknown(_) => "unknown",
            Self::Full(_) => "full",
            Self::Broken(_) => "broken",
            Self::Unfit(_) => "unfit",
            Self::Stopped => "stopped",
            Self::TimedOut(_) => "timed_out",
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
    /// People, streamed.
    async fn list(&self, select: &Select) -> Result<People, StoreError>;

    /// How many people fit.
    async fn count(&self, filter: &Filter) -> Result<u64, StoreError>;

    /// Numbers about the people who fit, all of one moment.
    async fn summary(&self, filter: &Filter) -> Result<Summary, StoreError>;

    /// The person with this key, or `None`; perhaps as it was a moment ago, if there is a read replica.
    async fn lookup(&self, uuid: Uuid) -> Result<Option<Person>, StoreError>;

    /// The same as it is now.
    async fn lookup_latest(&self, uuid: Uuid) -> Result<Option<Person>, StoreError>;

    /// Stores a new person; [`StoreError::Conflict`] if the key is taken. Returns after the commit. If the same
    /// claim was made before, nothing is done, and the receipt of that time is returned.
    async fn add(
        &self,
        person: &Person,
        once: Option<(Claim, Receipt)>,
    ) -> Result<Option<Receipt>, StoreError>;

    /// Changes the members that are set and returns the whole person; `None` if there is no such person, or it is
    /// not as `expected` any more. [`StoreError::Conflict`] if the new key is another person's.
    async fn update(
        &self,
        uuid: Uuid,
        changes: &PersonChanges,
        expected: Option<&Person>,
    ) -> Result<Option<Person>, StoreError>;

    /// Deletes the person; `false` if there was none, or it is not as `expected` any more.
    async fn delete(&self, uuid: Uuid, expected: Option<&Person>) -> Result<bool, StoreError>;

    /// Stores all batches in one transaction. If a batch is an error ([`StoreError::Stopped`]) or can't be stored,
    /// if it takes longer than the store's limit ([`StoreError::TimedOut`]) or the future is dropped, nothing is
    /// stored; nor if the same claim was made before.
    async fn import(
        &self,
        batches: Batches,
        once: Option<(Claim, Receipt)>,
    ) -> Result<Stored, StoreError>;

    /// Those of these keys that people have.
    async fn taken(&self, keys: Vec<Uuid>) -> Result<Vec<Uuid>, StoreError>;

    /// Forgets requests that were remembered for [`Claim::LIFE`].
    async fn forget(&self, now: i64) -> Result<(), StoreError>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Applies the migrations that are missing, all or none. Safe when several processes do it at once, and on a
    /// database whose `person` table was made by the original service. [`StoreError::Unfit`] if that table can't be
    /// used, or a row breaks the document.
    async fn migrate(&self) -> Result<Migrated, StoreError>;

    /// Lets the database itself refuse rows that break the document, and returns the names of the constraints that this
    /// took; none if there was nothing to do. Safe when several processes do it at once. [`StoreError::Unfit`] if a row
    /// breaks the document.
    async fn constrain(&self) -> Result<Vec<String>, StoreError>;

    /// Names of the migrations that are not applied yet, in order. Changes nothing.
    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError>;

    /// Keeps what the store holds within its limits; the service calls it once a second. In SQLite it ends lists that
    /// hold a snapshot for too long, and empties the write-ahead log.
    async fn maintain(&self) -> Result<(), StoreError>;

    /// Ends all lists, waits for the calls in flight and closes the database; later calls fail. An SQLite file that no
    /// other process has open then holds everything itself, without a log beside it.
    async fn close(&self) -> Result<(), StoreError>;

    /// How many lists are read right now.
    fn turns(&self) -> Turns;

    /// How many calls went to the database together, by kind of call.
    fn batch_sizes(&self) -> Vec<Histogram>;
}

/// These words as a list in SQL; none has a quote in it.
fn sql_list<const N: usize>(words: [&str; N]) -> String {
    words.map(|word| format!("'{word}'")).join(", ")
}

/// The error for a row that breaks the document in this column.
fn broken(key: &str, column: &str, what: &str) -> StoreError {
    StoreError::Broken(format!("uuid {key}: column {column}: {what}"))
}
