//! API keys in PostgreSQL.

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::Postgres;
use super::statement::{ADD_KEY, REVOKE_KEY};
use crate::key::ApiKey;
use crate::store::{KeyStore, StoreError};

const KEYS: &str = "select id, name, scope, hash, created, expires, revoked from api_key";

#[async_trait]
impl KeyStore for Postgres {
    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let query = format!("{KEYS} order by created, name");
        let rows = self
            .by_key
            .reads
            .read(|session| {
                let query = query.clone();
                async move { session.client.query_typed(&query, &[]).await }
            })
            .await?;
        rows.iter().map(key).collect()
    }

    async fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        let query = format!("{KEYS} where id = $1");
        let row = self
            .by_key
            .reads
            .read(|session| {
                let query = query.clone();
                async move {
                    let values = [(&id as _, Type::TEXT)];
                    session.client.query_typed_opt(&query, &values).await
                }
            })
            .await?;
        row.as_ref().map(key).transpose()
    }

    async fn add_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let (scope, hash) = (key.scope.as_str(), key.hash.as_slice());
        let values: [&(dyn ToSql + Sync); 7] = [
            &key.id,
            &key.name,
            &scope,
            &hash,
            &key.created,
            &key.expires,
            &key.revoked,
        ];
        let added = self.by_key.write_patiently(&ADD_KEY, &values).await;
        added.map(drop)
    }

    async fn revoke_key(&self, name: &str, at: i64) -> Result<bool, StoreError> {
        let revoked = self
            .by_key
            .write_patiently(&REVOKE_KEY, &[&name, &at])
            .await?;
        Ok(revoked.count > 0)
    }
}

fn key(row: &Row) -> Result<ApiKey, StoreError> {
    let wrong = |reason: &str| StoreError::Unexpected(format!("table api_key: {reason}"));
    let (scope, hash): (&str, &[u8]) = (row.try_get(2)?, row.try_get(3)?);
    Ok(ApiKey {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        scope: scope.parse().map_err(wrong)?,
        hash: hash
            .try_into()
            .map_err(|_length| wrong("a hash is too short"))?,
        created: row.try_get(4)?,
        expires: row.try_get(5)?,
        revoked: row.try_get(6)?,
    })
}
