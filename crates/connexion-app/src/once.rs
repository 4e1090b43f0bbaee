//! Requests that are done once only: the header `Idempotency-Key`.
//!
//! What a request was and what was answered is stored with what it did, in one transaction; so whoever sends it again
//! because the answer got lost gets that answer, from whichever process. Only what was done is remembered.

use connexion::{Principal, Problem};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use time::UtcDateTime;

use crate::store::Claim;

/// The header, if it was sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Once {
    #[serde(rename = "Idempotency-Key")]
    key: Option<String>,
}

impl Once {
    /// With a key that came in another way.
    pub(crate) fn of(key: Option<String>) -> Self {
        Self { key }
    }

    /// What tells this request from all others: clients choose keys without knowing of one another. It belongs to the
    /// principal's id, since a revoked key's name may be given to another client.
    pub(crate) fn claim(&self, operation: &str, who: Option<&Principal>) -> Option<Claim> {
        let key = self.key.as_ref()?;
        let who = who.map_or("", |who| who.id.as_str());
        let mut hash = Sha256::new();
        for part in [operation, who, key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Some(Claim {
            id: hash.finalize().into(),
            now: UtcDateTime::now().unix_timestamp(),
        })
    }
}

/// A hash of what a body says.
pub(crate) fn digest(body: &impl Serialize) -> [u8; 32] {
    Sha256::digest(serde_json::to_vec(body).unwrap_or_default()).into()
}

pub(crate) fn other_body() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "This `Idempotency-Key` came with another body before.",
    )
}
