//! Bearer tokens (RFC 6750) that are JWTs, signed by whoever the settings name.
//!
//! Only what is named is believed: these algorithms, none of them with a shared secret; this issuer; this
//! audience; a token that has an end. The issuer's keys come from a file or an address and are read again
//! now and then, since issuers change them.

use std::{
    fs, io,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use connexion::{Credentials, Principal, Problem};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, jwk::Jwk};
use serde::Deserialize;
use serde_json::Value;
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    config::{JwksSource, JwtSettings},
    error::unavailable,
};

/// How often the keys are read again.
const FILE_EVERY: Duration = Duration::from_secs(5);
const ADDRESS_EVERY: Duration = Duration::from_mins(5);

/// How soon an address is asked again that did not answer.
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A list of keys is not longer, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 30;

/// Whoever can tell whose a token is.
pub(crate) struct Tokens {
    settings: JwtSettings,
    /// `None` until the keys were read for the first time.
    keys: RwLock<Option<Vec<Jwk>>>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// Scopes as RFC 8693 writes them, or as a list.
    #[serde(default)]
    scope: Value,
    /// The same, by a name that some issuers use.
    #[serde(default)]
    scp: Value,
}

impl Tokens {
    /// Reads the keys, now and from now on; `None` if no tokens are believed.
    ///
    /// # Errors
    /// If they stand in a file which can't be used. An address may answer later.
    pub(crate) async fn start(settings: Option<JwtSettings>) -> io::Result<Option<Arc<Self>>> {
        let Some(settings) = settings else {
            return Ok(None);
        };
        let tokens = Arc::new(Self {
            settings,
            keys: RwLock::default(),
        });
        let read = tokens.read_again().await;
        if let (Err(error), JwksSource::File(_)) = (&read, &tokens.settings.jwks) {
            return Err(io::Error::other(format!("APP_JWT_JWKS: {error}")));
        }
        tokio::spawn(Arc::clone(&tokens).keep_up(read));
        Ok(Some(tokens))
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// If the keys could not be read yet.
    pub(crate) fn holder(&self, credentials: &Credentials) -> Result<Option<Principal>, Problem> {
        let Credentials::Token(token) = credentials else {
            return Ok(None);
        };
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let keys = keys.as_ref().ok_or_else(unavailable)?;
        let claims = self.believed(token, keys);
        Ok(claims.map(|claims| Principal::new(claims.sub, scopes(&[claims.scope, claims.scp]))))
    }

    fn believed(&self, token: &str, keys: &[Jwk]) -> Option<Claims> {
        let header = decode_header(token).ok()?;
        // Before anything is computed: the token must not choose how it is checked.
        let allowed = self.settings.algorithms.contains(&header.alg);
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let is_named = |key: &&Jwk| match &header.kid {
            Some(id) => key.common.key_id.as_ref() == Some(id),
            None => true,
        };
        let mut keys = keys.iter().filter(|_| allowed).filter(is_named);
        keys.find_map(|key| {
            let key = DecodingKey::from_jwk(key).ok()?;
            match decode(token, &key, &validation) {
                Ok(token) => Some(token.claims),
                Err(error) => {
                    tracing::debug!("a token is not believed: {error}");
                    None
                }
            }
        })
    }

    async fn keep_up(self: Arc<Self>, mut last: Result<(), String>) {
        loop {
            if let Err(error) = &last {
                tracing::warn!(
                    "the keys of APP_JWT_JWKS can't be read, those before are kept: {error}"
                );
            }
            sleep(match (&self.settings.jwks, &last) {
                (JwksSource::File(_), _) => FILE_EVERY,
                (JwksSource::Address(_), Ok(())) => ADDRESS_EVERY,
                (JwksSource::Address(_), Err(_)) => RETRY_EVERY,
            })
            .await;
            last = self.read_again().await;
        }
    }

    async fn read_again(&self) -> Result<(), String> {
        let source = self.settings.jwks.clone();
        let text = spawn_blocking(move || text(&source)).await;
        let keys = keys(&text.map_err(|error| error.to_string())??)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
        Ok(())
    }
}

fn text(source: &JwksSource) -> Result<String, String> {
    match source {
        JwksSource::File(path) => {
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
        }
        JwksSource::Address(address) => {
            let config = ureq::Agent::config_builder()
                .timeout_global(Some(PATIENCE))
                .build();
            let answer = ureq::Agent::from(config).get(address).call();
            let mut answer = answer.map_err(|error| error.to_string())?;
            let body = answer.body_mut().with_config().limit(LONGEST);
            body.read_to_string().map_err(|error| error.to_string())
        }
    }
}

/// The keys of a set (RFC 7517). One of a kind that is not known here is left out, as the RFC asks.
fn keys(text: &str) -> Result<Vec<Jwk>, String> {
    let set: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let listed = set.get("keys").and_then(Value::as_array);
    let listed = listed.ok_or("there is no list of keys in it")?;
    let known = listed.iter().cloned();
    Ok(known
        .filter_map(|key| serde_json::from_value(key).ok())
        .collect())
}

/// Scopes in either of their forms; `write` includes `read`.
fn scopes(claims: &[Value]) -> Vec<String> {
    let mut scopes = Vec::new();
    for claim in claims {
        let texts = claim.as_array().into_iter().flatten().chain([claim]);
        let words = texts
            .filter_map(Value::as_str)
            .flat_map(str::split_whitespace);
        scopes.extend(words.map(str::to_owned));
    }
    if scopes.iter().any(|scope| scope == "write") {
        scopes.push("read".to_owned());
    }
    scopes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scopes_are_read_in_every_form() {
        assert_eq!(
            scopes(&[json!("read other"), Value::Null]),
            ["read", "other"]
        );
        assert_eq!(scopes(&[Value::Null, json!(["write"])]), ["write", "read"]);
        assert!(scopes(&[json!(7), json!({"a": 1})]).is_empty());
    }

    #[test]
    fn a_key_of_an_unknown_kind_does_not_spoil_the_others() {
        let set = r#"{"keys": ["new", {"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}"#;
        assert_eq!(keys(set).unwrap().len(), 1);
        assert!(keys("{}").is_err() && keys("x").is_err());
    }
}
