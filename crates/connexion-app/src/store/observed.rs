//! A store whose calls are measured.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use prometheus::Histogram;
use uuid::Uuid;

use super::{
    Batches, Claim, KeyStore, Migrated, People, Receipt, Store, StoreError, Stored, Turns,
};
use crate::key::ApiKey;
use crate::metrics::Metrics;
use crate::person::{Person, PersonChanges};
use crate::query::{Filter, Select};
use crate::summary::Summary;

/// Another store, and where its calls are counted.
pub(crate) struct Observed {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl Observed {
    /// Measures the calls of `store`.
    pub(crate) fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    async fn measured<T>(
        &self,
        name: &str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let begun = Instant::now();
        let result = call.await;
        let error = result.as_ref().err().map(StoreError::name);
        self.metrics.database_call(name, begun.elapsed(), error);
        result
    }
}

#[async_trait]
impl KeyStore for Observed {
    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.measured("keys", self.store.keys()).await
    }

    async fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        self.measured("key", self.store.key(id)).await
    }

    async fn add_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.measured("add_key", self.store.add_key(key)).await
    }

    async fn revoke_key(&self, name: &str, at: i64) -> Result<bool, StoreError> {
        self.measured("revoke_key", self.store.revoke_key(name, at))
            .await
    }
}

#[async_trait]
impl Store for Observed {
    async fn list(&self, select: &Select) -> Result<People, StoreError> {
        self.measured("list", self.store.list(select)).await
    }

    async fn count(&self, filter: &Filter) -> Result<u64, StoreError> {
        self.measured("count", self.store.count(filter)).await
    }

    async fn summary(&self, filter: &Filter) -> Result<Summary, StoreError> {
        self.measured("summary", self.store.summary(filter)).await
    }

    async fn lookup(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.measured("lookup", self.store.lookup(uuid)).await
    }

    async fn lookup_latest(&self, uuid: Uuid) -> Result<Option<Person>, StoreError> {
        self.measured("lookup_latest", self.store.lookup_latest(uuid))
            .await
    }

    async fn add(
        &self,
        person: &Person,
        once: Option<(Claim, Receipt)>,
    ) -> Result<Option<Receipt>, StoreError> {
        self.measured("add", self.store.add(person, once)).await
    }

    async fn update(
        &self,
        uuid: Uuid,
        changes: &PersonChanges,
        expected: Option<&Person>,
    ) -> Result<Option<Person>, StoreError> {
        self.measured("update", self.store.update(uuid, changes, expected))
            .await
    }

    async fn delete(&self, uuid: Uuid, expected: Option<&Person>) -> Result<bool, StoreError> {
        self.measured("delete", self.store.delete(uuid, expected))
            .await
    }

    async fn import(
        &self,
        batches: Batches,
        once: Option<(Claim, Receipt)>,
    ) -> Result<Stored, StoreError> {
        let import = self.store.import(batches, once);
        let stored = self.measured("import", import).await?;
        if let Stored::Now(rows) = stored {
            self.metrics.imported(rows);
        }
        Ok(stored)
    }

    async fn taken(&self, keys: Vec<Uuid>) -> Result<Vec<Uuid>, StoreError> {
        self.measured("taken", self.store.taken(keys)).await
    }

    async fn forget(&self, now: i64) -> Result<(), StoreError> {
        self.measured("forget", self.store.forget(now)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.measured("ping", self.store.ping()).await
    }

    async fn migrate(&self) -> Result<Migrated, StoreError> {
        self.measured("migrate", self.store.migrate()).await
    }

    async fn constrain(&self) -> Result<Vec<String>, StoreError> {
        self.measured("constrain", self.store.constrain()).await
    }

    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.measured("pending_migrations", self.store.pending_migrations())
            .await
    }

    async fn maintain(&self) -> Result<(), StoreError> {
        self.store.maintain().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }

    fn turns(&self) -> Turns {
        self.store.turns()
    }

    fn batch_sizes(&self) -> Vec<Histogram> {
        self.store.batch_sizes()
    }
}
