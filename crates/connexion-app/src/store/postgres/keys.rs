//! API keys in PostgreSQL. They are asked for seldom, so nothing is prepared.

use async_trait::async_trait;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Postgres;
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
        let insert = "insert into api_key (id, name, scope, hash, created, expires, revoked) \
            values ($1, $2, $3, $4, $5, $6, $7)";
        let (scope, hash) = (key.scope.as_str(), key.hash.as_slice());
        self.by_key
            .writes
            .write(|session| async move {
                let values = [
                    (&key.id as _, Type::TEXT),
                    (&key.name as _, Type::TEXT),
                    (&scope as _, Type::TEXT),
                    (&hash as _, Type::BYTEA),
                    (&key.created as _, Type::INT8),
                    (&key.expires as _, Type::INT8),
                    (&key.revoked as _, Type::INT8),
                ];
                session.client.execute_typed(insert, &values).await
            })
            .await?;
        Ok(())
    }

    async fn revoke_key(&self, name: &str, at: i64) -> Result<bool, StoreError> {
        let update = "update api_key set revoked = $2 where name = $1 and revoked is null";
        let revoked = self
            .by_key
            .writes
            .write(|session| async move {
                let values = [(&name as _, Type::TEXT), (&at as _, Type::INT8)];
                session.client.execute_typed(update, &values).await
            })
            .await?;
        Ok(revoked > 0)
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
