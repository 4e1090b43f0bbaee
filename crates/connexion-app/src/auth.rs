//! Who may do what: off unless it is configured. What an operation requires stands in the contract, and the
//! library enforces it; here is what is in force, and who a client is.

mod jwt;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use connexion::{Credentials, Principal, Problem};

pub(crate) use self::jwt::Tokens;
use crate::config::Auth;
use crate::key::{self, ApiKey};
use crate::store::Store;

/// For so long a key that was looked up is used as it was: so late a revocation takes effect.
const FRESH: Duration = Duration::from_secs(2);

/// So many keys are remembered.
const MOST: usize = 10_000;

/// The alternative to an API key, if tokens are believed at all.
const TOKENS: [&str; 2] = [", {bearer: [read]}", ", {bearer: [write]}"];

/// What a line of the contract with a requirement begins with.
const REQUIREMENT: &str = "      security: [{apiKey: [";

/// The contract's text without the requirements that are not in force.
pub(crate) fn in_force(contract: &str, auth: Auth, with_tokens: bool) -> String {
    let holds = |line: &str| match line.strip_prefix(REQUIREMENT) {
        None => true,
        Some(scope) if scope.starts_with("read") => auth == Auth::All,
        Some(_) => auth != Auth::Off,
    };
    let lines = contract.split_inclusive('\n');
    let text: String = lines.filter(|line| holds(line)).collect();
    if with_tokens {
        return text;
    }
    let without = |text: String, token: &&str| text.replace(token, "");
    TOKENS.iter().fold(text, without)
}

/// Knows the holders of API keys.
pub(crate) struct Keys {
    store: Arc<dyn Store>,
    known: Mutex<HashMap<String, (Instant, ApiKey)>>,
}

impl Keys {
    /// Those of this store.
    pub(crate) fn of(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            known: Mutex::default(),
        }
    }

    /// Whose credentials these are.
    ///
    /// # Errors
    /// If the store can't tell.
    pub(crate) async fn holder(
        &self,
        credentials: Credentials,
    ) -> Result<Option<Principal>, Problem> {
        let Credentials::ApiKey(text) = credentials else {
            return Ok(None);
        };
        let Some(id) = key::id(&text) else {
            return Ok(None);
        };
        let found = match self.remembered(id) {
            Some(key) => Some(key),
            None => self.look_up(id).await?,
        };
        let key = found.filter(|key| key.admits(&text));
        Ok(key.map(|key| Principal::new(key.name, key.scope.granted().iter().copied())))
    }

    fn remembered(&self, id: &str) -> Option<ApiKey> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, key) = known.get(id)?;
        (since.elapsed() < FRESH).then(|| key.clone())
    }

    async fn look_up(&self, id: &str) -> Result<Option<ApiKey>, Problem> {
        let found = self.store.key(id).await?;
        if let Some(key) = &found {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(id.to_owned(), (Instant::now(), key.clone()));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = include_str!("../openapi.yaml");

    #[test]
    fn every_operation_says_what_it_requires() {
        let operations = CONTRACT.matches("      operationId: ").count();
        let requirements = CONTRACT.matches(REQUIREMENT).count();
        assert_eq!((operations, requirements), (7, 7));
    }

    #[test]
    fn what_is_in_force_is_what_was_chosen() {
        for (auth, reads, writes) in [(Auth::Off, 0, 0), (Auth::Write, 0, 4), (Auth::All, 3, 4)] {
            let text = in_force(CONTRACT, auth, true);
            assert_eq!(text.matches("}, {bearer: [read]}]").count(), reads);
            assert_eq!(text.matches("}, {bearer: [write]}]").count(), writes);
            let text = in_force(CONTRACT, auth, false);
            assert_eq!(text.matches("security: [{apiKey: [read]}]").count(), reads);
            assert_eq!(
                text.matches("security: [{apiKey: [write]}]").count(),
                writes
            );
            let left_out = 7 - reads - writes;
            assert_eq!(text.lines().count() + left_out, CONTRACT.lines().count());
        }
    }
}
