//! What each SQLSTATE means to the service; the one table of it.
//!
//! Decided by the code, since messages are translated. What may pass by itself is [`Meaning::Unavailable`],
//! so that clients are told to come back; only what is not listed is an error of ours.

/// What is to be made of an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// Another person has this key already, or is otherwise in the way.
    Conflict,
    /// Other rows refer to this one, or this one to a row that is not there.
    Referenced,
    /// The database refuses a value.
    Refused,
    /// A race was lost and nothing was done; it is tried again, a few times.
    LostRace,
    /// Another transaction has locked what is wanted; the call waits for it without holding up others.
    Locked,
    /// A prepared statement is out of date and nothing was done; it is prepared and run again.
    Stale,
    /// Nothing was done, and trying later may help.
    Unavailable,
    /// The same, but it may have been done.
    Unknown,
    /// There is no room for more.
    Full,
}

/// Codes, and classes as their first two characters. A code goes before its class.
///
/// Of class 23 (PostgreSQL, appendix A) those that are about another row are the client's conflict (409); those that
/// are about the row's own values (`not null`, a check) are its values' fault (400).
pub const SQLSTATES: [(&str, Meaning, &str); 21] = [
    ("23505", Meaning::Conflict, "a unique key is taken"),
    (
        "23P01",
        Meaning::Conflict,
        "an exclusion constraint: another row is in the way",
    ),
    (
        "23503",
        Meaning::Referenced,
        "a foreign key: other rows refer to this one, or it refers to none",
    ),
    (
        "23001",
        Meaning::Referenced,
        "a foreign key with `restrict`",
    ),
    (
        "22",
        Meaning::Refused,
        "a value is out of range or malformed",
    ),
    ("23", Meaning::Refused, "a check or another constraint"),
    (
        "40001",
        Meaning::LostRace,
        "serialization failure, or a conflict with recovery on a standby",
    ),
    ("40P01", Meaning::LostRace, "deadlock"),
    (
        "40",
        Meaning::Unavailable,
        "the transaction was rolled back",
    ),
    (
        "08",
        Meaning::Unknown,
        "the connection failed, says the server or a pooler before it",
    ),
    ("53100", Meaning::Full, "the disk is full"),
    (
        "53",
        Meaning::Unavailable,
        "too few resources, too many connections",
    ),
    ("57014", Meaning::Unavailable, "the statement took too long"),
    (
        "57",
        Meaning::Unavailable,
        "shutdown, crash, start, or another intervention",
    ),
    (
        "58",
        Meaning::Unavailable,
        "an error of the machine outside the database",
    ),
    ("55P03", Meaning::Locked, "a lock was not to be had in time"),
    (
        "0A000",
        Meaning::Stale,
        "a prepared statement would return other columns now",
    ),
    ("26000", Meaning::Stale, "a prepared statement is gone"),
    (
        "25006",
        Meaning::Unavailable,
        "read-only: a standby, or a server that was demoted",
    ),
    (
        "42P01",
        Meaning::Unavailable,
        "a table is missing: the migrations are not applied",
    ),
    (
        "42703",
        Meaning::Unavailable,
        "a column is missing: the migrations are not applied",
    ),
];

/// What this code means; `None` for one that should not come.
pub(super) fn meaning(code: &str) -> Option<Meaning> {
    let find = |wanted: &str| SQLSTATES.iter().find(|(listed, ..)| *listed == wanted);
    let row = find(code).or_else(|| find(code.get(..2)?))?;
    Some(row.1)
}
