//! Who may do what: off unless it is configured. What an operation requires stands in the contract, and the
//! library enforces it; here is what is in force, and who a client is.

mod jwt;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use connexion::{Credentials, Document, Principal, Problem, SecurityRequirement};

pub(crate) use self::jwt::Tokens;
use crate::config::Auth;
use crate::key::{self, ApiKey, SESSION_LIFE, Session};
use crate::store::Store;

/// For so long a key that was looked up is used as it was: so late a revocation takes effect.
const FRESH: Duration = Duration::from_secs(2);

/// So many keys are remembered.
const MOST: usize = 10_000;

/// The scope of requests that change nothing.
const READ: &str = "read";

/// Leaves the requirements in the document that are in force; what it serves declares them.
///
/// With [`Auth::Write`] an operation is open if each of its alternatives asks for no scope but `read`. An operation that
/// only a token could open stays closed without a [`Tokens`].
pub(crate) fn put_in_force(document: &mut Document, auth: Auth, with_tokens: bool) {
    document.edit_security(|operation| {
        let is_open = operation.requirements().is_empty();
        let changes_nothing = operation.requirements().iter().all(only_reads);
        match auth {
            Auth::Off => return operation.open(),
            _ if is_open && !operation.is_declared() => tracing::warn!(
                "{} needs no credentials, though APP_AUTH is {auth}: it has no `security` (declare `security: []` if it \
                 shall be open)",
                operation.id()
            ),
            Auth::Write if changes_nothing => return operation.open(),
            Auth::Write | Auth::All => {}
        }
        if !with_tokens && !operation.retain(|one| !one.takes_token()) && !is_open {
            tracing::warn!(
                "{} can't be called: it requires a token, and APP_JWT_JWKS is not set",
                operation.id()
            );
        }
    });
}

/// Whether nothing but the scope `read` is required. A scheme without scopes is not known to be for reading only.
fn only_reads(requirement: &SecurityRequirement) -> bool {
    let is_anonymous = requirement.schemes().next().is_none();
    let has_scope = requirement.scopes().next().is_some();
    is_anonymous || has_scope && requirement.scopes().all(|scope| scope == READ)
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
        let Some(session) = Session::parse(&text) else {
            return Ok(self.by_text(&text).await?.map(principal));
        };
        let found = self.by_id(session.id).await?;
        let key = found.filter(|key| key.admits_session(&session));
        Ok(key.map(principal))
    }

    /// A new session for the key with this text; `None` if it is not valid.
    ///
    /// # Errors
    /// If the store can't tell.
    pub(crate) async fn sign_in(&self, text: &str) -> Result<Option<String>, Problem> {
        let key = self.by_text(text).await?;
        Ok(key.map(|key| key.session(key::now() + SESSION_LIFE)))
    }

    async fn by_text(&self, text: &str) -> Result<Option<ApiKey>, Problem> {
        let Some(id) = key::id(text) else {
            return Ok(None);
        };
        Ok(self.by_id(id).await?.filter(|key| key.admits(text)))
    }

    async fn by_id(&self, id: &str) -> Result<Option<ApiKey>, Problem> {
        match self.remembered(id) {
            Some(key) => Ok(Some(key)),
            None => self.look_up(id).await,
        }
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

fn principal(key: ApiKey) -> Principal {
    let scopes = key.scope.granted().iter().copied();
    // A name may go to another key when this one is revoked.
    Principal::new(key.name, scopes).with_id(format!("key {}", key.id))
}
