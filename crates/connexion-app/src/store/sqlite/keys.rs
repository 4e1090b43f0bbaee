//! API keys in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Row, params};

use super::Sqlite;
use crate::key::ApiKey;
use crate::store::{KeyStore, StoreError};

const KEYS: &str = "select id, name, scope, hash, created, expires, revoked from api_key";

#[async_trait]
impl KeyStore for Sqlite {
    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let query = format!("{KEYS} order by created, name");
        let work = move |connection: &mut rusqlite::Connection| {
            let mut statement = connection.prepare(&query)?;
            let rows = statement.query_map([], |row| Ok(key(row)))?;
            rows.map(|row| row?).collect()
        };
        self.readers.run(work).await
    }

    async fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        let (query, id) = (format!("{KEYS} where id = ?1"), id.to_owned());
        let work = move |connection: &mut rusqlite::Connection| {
            let row = connection.query_row(&query, [id], |row| Ok(key(row)));
            row.optional()?.transpose()
        };
        self.readers.run(work).await
    }

    async fn add_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let key = key.clone();
        let insert = "insert into api_key (id, name, scope, hash, created, expires, revoked) \
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let work = move |connection: &mut rusqlite::Connection| {
            let scope = key.scope.as_str();
            let values = params![
                key.id,
                key.name,
                scope,
                key.hash,
                key.created,
                key.expires,
                key.revoked
            ];
            connection.execute(insert, values)?;
            Ok(())
        };
        self.writer.run(work).await
    }

    async fn revoke_key(&self, name: &str, at: i64) -> Result<bool, StoreError> {
        let name = name.to_owned();
        let update = "update api_key set revoked = ?2 where name = ?1 and revoked is null";
        let work = move |connection: &mut rusqlite::Connection| {
            Ok(connection.execute(update, params![name, at])? > 0)
        };
        self.writer.run(work).await
    }
}

fn key(row: &Row<'_>) -> Result<ApiKey, StoreError> {
    let wrong = |reason: &str| StoreError::Unexpected(format!("table api_key: {reason}"));
    let scope: String = row.get(2)?;
    Ok(ApiKey {
        id: row.get(0)?,
        name: row.get(1)?,
        scope: scope.parse().map_err(wrong)?,
        hash: row.get(3)?,
        created: row.get(4)?,
        expires: row.get(5)?,
        revoked: row.get(6)?,
    })
}
