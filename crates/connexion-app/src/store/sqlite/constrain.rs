//! Constraints by which SQLite itself refuses what the document does not allow, whichever program writes.
//!
//! Texts that are not UTF-8 are the exception: no function of SQLite tells them apart.

use rusqlite::Connection;

use super::adoption::{check_rows, rules};
use crate::store::StoreError;

/// What the first migration says of each column, and its table guarantees since it is strict.
const GUARANTEED: [(&str, &str); 4] = [
    (
        "uuid",
        "uuid blob not null primary key check (length(uuid) = 16)",
    ),
    (
        "survived",
        "survived integer not null check (survived in (0, 1))",
    ),
    (
        "name",
        "name text not null check (length(name) <= 100 and instr(name, char(0)) = 0)",
    ),
    (
        "sex",
        "sex text not null check (sex in ('male', 'female', 'other'))",
    ),
];

/// Adds the constraints that are missing; their names.
///
/// # Errors
/// [`StoreError::Unfit`] if rows break the document; nothing was changed then.
pub(super) fn apply(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let transaction = super::begin(connection)?;
    check_rows(&transaction)?;
    let added = add(&transaction)?;
    transaction.commit()?;
    Ok(added)
}

/// Adds the constraints within a transaction.
pub(super) fn add(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let table = "select sql, strict from sqlite_master join pragma_table_list('person') using (name) \
        where sqlite_master.type = 'table' and schema = 'main'";
    let (table, is_strict): (String, bool) =
        connection.query_row(table, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let is_guaranteed = |column: &str| {
        let text = GUARANTEED.iter().find(|(of, _)| *of == column);
        is_strict && text.is_some_and(|(_, text)| table.contains(text))
    };
    let mut added = Vec::new();
    for rule in rules() {
        let name = rule.constraint();
        if !is_guaranteed(rule.column) && !table.contains(&name) {
            let alter = format!("alter table person {}", rule.add_constraint());
            connection.execute_batch(&alter)?;
            added.push(name);
        }
    }
    Ok(added)
}
