//! An import without indexes: they are taken away before it and put back after it, in its transaction.
//!
//! To sort everybody once for each index takes a fraction of the time of putting one after the other at a place of chance.
//! Nobody else ever sees the table without.

use rusqlite::{Connection, Result};

/// Takes the indexes away, if there are few people whom they would have to be made of again: no more than four times as
/// `many` as come.
pub(super) fn take_away(connection: &Connection, many: usize) -> Result<Vec<String>> {
    let few = i64::try_from(4 * many).unwrap_or(i64::MAX);
    let count = "select count(*) from (select 1 from person limit ?1)";
    let count: i64 = connection.query_row(count, [few], |row| row.get(0))?;
    if count == few {
        return Ok(Vec::new());
    }
    // That of the key is the table itself, and has no text.
    let mut indexes = connection.prepare(
        "select name, sql from sqlite_master where type = 'index' and tbl_name = 'person' and sql is not null",
    )?;
    let indexes = indexes.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let indexes: Vec<(String, String)> = indexes.collect::<Result<_>>()?;
    for (name, _) in &indexes {
        connection.execute(&format!("drop index \"{name}\""), [])?;
    }
    Ok(indexes.into_iter().map(|(_, sql)| sql).collect())
}

/// Makes them again.
pub(super) fn put_back(connection: &Connection, indexes: &[String]) -> Result<()> {
    indexes
        .iter()
        .try_for_each(|index| connection.execute(index, []).map(drop))
}
