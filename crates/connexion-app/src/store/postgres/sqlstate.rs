//! What each SQLSTATE means to the service; the one table of it.
//!
//! Decided by the code, since messages are translated. What may pass by itself is [`Meaning::Unavailable`],
//! so that clients are told to come back; only what is not listed is a fault of ours.

/// What is to be made of an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// Another person has this key already.
    Conflict,
    /// The database refuses a value.
    Refused,
    /// A race was lost and nothing was done; it is tried again, a few times.
    LostRace,
    /// Trying later may help.
    Unavailable,
    /// There is no room for more.
    Full,
}

/// Codes, and classes as their first two characters. A code goes before its class.
pub const SQLSTATES: [(&str, Meaning, &str); 16] = [
    ("23505", Meaning::Conflict, "a unique key is taken"),
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
    ("08", Meaning::Unavailable, "the connection failed"),
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
    (
        "55P03",
        Meaning::Unavailable,
        "a lock was not to be had in time",
    ),
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
