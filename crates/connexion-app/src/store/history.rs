//! Which migrations a database has: the table `refinery_schema_history`, as refinery writes it.
//!
//! refinery embeds the migrations and computes their checksums. Each store applies them itself: refinery creates its
//! table, and each migration, in a transaction of its own, so a migration that fails would leave something behind.

use refinery::{Migration, Runner};
use time::{UtcDateTime, format_description::well_known::Rfc3339};

use super::StoreError;

/// Creates the table; on both databases.
pub(super) const CREATE: &str = "create table if not exists refinery_schema_history (\
    version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255))";

/// Reads the table; on both databases.
pub(super) const READ: &str =
    "select cast(version as bigint), name, checksum from refinery_schema_history order by version";

/// A migration that a database has.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) version: i64,
    pub(super) name: String,
    pub(super) checksum: String,
}

impl Applied {
    /// Whether it is this one. The checksum covers name and text.
    fn is(&self, migration: &Migration) -> bool {
        self.version == i64::from(migration.version())
            && self.checksum == migration.checksum().to_string()
    }
}

/// The migrations that a database lacks, in their order.
///
/// A version that another program's table has, too, counts as missing: that it is in the way is found when it is applied.
pub(super) fn missing(runner: &Runner, applied: &[Applied]) -> Vec<Migration> {
    let known = runner.get_migrations().iter();
    let is_missing = |migration: &&Migration| !applied.iter().any(|one| one.is(migration));
    known.filter(is_missing).cloned().collect()
}

/// # Errors
/// If the table lists a migration that is not one of these: it belongs to another program, or to a newer version.
pub(super) fn check(runner: &Runner, applied: &[Applied]) -> Result<(), StoreError> {
    let is_known = |one: &&Applied| !runner.get_migrations().iter().any(|known| one.is(known));
    let Some(Applied { version, name, .. }) = applied.iter().find(is_known) else {
        return Ok(());
    };
    Err(StoreError::Unfit(format!(
        "the table refinery_schema_history lists V{version}__{name}, which this program does not have: the table \
         belongs to another program, or to a newer version of this one"
    )))
}

/// The error for a table of that name with other columns.
pub(super) fn of_another_program() -> StoreError {
    let text = "the table refinery_schema_history belongs to another program";
    StoreError::Unfit(text.to_owned())
}

/// The statement that adds a migration to the table.
pub(super) fn record(migration: &Migration) -> String {
    format!(
        "insert into refinery_schema_history (version, name, applied_on, checksum) values ({}, '{}', '{}', '{}')",
        migration.version(),
        migration.name(),
        UtcDateTime::now().format(&Rfc3339).unwrap_or_default(),
        migration.checksum()
    )
}
