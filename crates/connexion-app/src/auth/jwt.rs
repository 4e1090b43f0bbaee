//! Bearer tokens (RFC 6750) that are JWTs, signed by whoever the settings name.
//!
//! Only what is named is believed: these algorithms, none of them with a shared secret; this issuer; this
//! audience; a token that has an end (RFC 8725). The issuer's keys come from a file or an address and are read again
//! now and then, since issuers change them. Keys and addresses that a token itself brings are never used.

mod keys;

use std::{
    fs::File,
    io::{self, Read as _},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use connexion::{Credentials, Principal, Problem};
use http::StatusCode;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;
use tokio::{task::spawn_blocking, time::sleep};

use self::keys::Keys;
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

/// The most bytes of a set of keys.
const LONGEST: u64 = 4 * 1024 * 1024;

/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 30;

/// Whoever can tell whose a token is.
pub(crate) struct Tokens {
    settings: JwtSettings,
    /// `None` until the keys were read for the first time.
    keys: RwLock<Option<Keys>>,
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
        Ok(claims.map(|claims| {
            // A subject is unique for its issuer only (RFC 7519, section 4.1.2).
            let id = format!("token {} {}", self.settings.issuer, claims.sub);
            Principal::new(claims.sub, scopes(&[claims.scope, claims.scp])).with_id(id)
        }))
    }

    fn believed(&self, token: &str, keys: &Keys) -> Option<Claims> {
        let header = decode_header(token).ok()?;
        // Before anything is computed: the token must not choose how it is checked.
        if !self.settings.algorithms.contains(&header.alg) || !is_understood(&header) {
            return None;
        }
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        keys.of(&header).into_iter().find_map(|key| {
            let decoded = decode::<Claims>(token, key, &validation);
            let claims = decoded.map(|token| token.claims);
            claims
                .inspect_err(|error| tracing::debug!("a token is not believed: {error}"))
                .ok()
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
        let settings = self.settings.clone();
        let read = move || Keys::parse(&text(&settings.jwks)?, &settings.algorithms);
        let keys = spawn_blocking(read).await;
        let keys = keys.map_err(|error| error.to_string())??;
        let mut current = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.len() == 0 && current.as_ref().is_none_or(|before| before.len() > 0) {
            tracing::warn!("no key of APP_JWT_JWKS verifies signatures of APP_JWT_ALGORITHMS");
        }
        *current = Some(keys);
        Ok(())
    }
}

/// Whether a token's header asks for nothing that is not done here: no extension (`crit`, RFC 7515, section 4.1.11), and no
/// other kind of token (`typ`, RFC 8725, section 3.11), such as a logout token of the same issuer.
fn is_understood(header: &Header) -> bool {
    let kind = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
    let kind = kind.strip_prefix("application/").unwrap_or(&kind);
    header.crit.is_none() && matches!(kind, "jwt" | "at+jwt")
}

fn text(source: &JwksSource) -> Result<String, String> {
    let mut text = String::new();
    match source {
        JwksSource::File(path) => {
            let read =
                File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
            read.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        JwksSource::Address(address) => {
            let config = ureq::Agent::config_builder()
                .timeout_global(Some(PATIENCE))
                // Who answers for the address must not name another place to believe.
                .max_redirects(0)
                .build();
            let answer = ureq::Agent::from(config).get(address).call();
            let mut answer = answer.map_err(|error| error.to_string())?;
            if answer.status() != StatusCode::OK {
                let status = answer.status();
                return Err(format!(
                    "the status is {status}; redirects are not followed"
                ));
            }
            let body = answer.body_mut().with_config().limit(LONGEST + 1);
            text = body.read_to_string().map_err(|error| error.to_string())?;
        }
    }
    if text.len() as u64 > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    Ok(text)
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
}
