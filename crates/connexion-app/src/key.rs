//! API keys: how one is made, what is kept of it, and how a client's is compared.
//!
//! A key has 256 bits of chance, so nobody can guess one from its hash however quickly it is computed: SHA-256
//! does, where a password would need a slow hash. The part that is no secret finds the row, so that the rest
//! can be compared in constant time.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What every key begins with, so that it is recognized where it should not be.
const PREFIX: &str = "cxk_";
/// What every session begins with.
const SESSION: &str = "cxs_";

/// How many seconds a session lasts: a working day.
pub(crate) const SESSION_LIFE: i64 = 10 * 60 * 60;

/// What this process signs sessions with. It belongs to the process, not to a key or a store.
static SESSION_SECRET: OnceLock<Vec<u8>> = OnceLock::new();

/// Lets all processes that have the same `secret` accept the sessions of one another, also after a restart.
pub(crate) fn set_session_secret(secret: &str) {
    let _ = SESSION_SECRET.set(secret.as_bytes().to_vec());
}

/// The secret that was set, else a random one.
fn session_secret() -> &'static [u8] {
    SESSION_SECRET.get_or_init(|| {
        let mut random = vec![0; 32];
        getrandom::fill(&mut random).expect("the system has random numbers");
        random
    })
}

const ID_LENGTH: usize = 16;
const SECRET_LENGTH: usize = 64;

/// What a key lets its holder do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Read people.
    Read,
    /// Read and change people.
    Write,
}

impl Scope {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The scopes of the contract that it stands for.
    #[must_use]
    pub fn granted(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["read"],
            Self::Write => &["read", "write"],
        }
    }
}

impl FromStr for Scope {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            _ => Err("must be read or write"),
        }
    }
}

/// What is kept of a key. Times are seconds since 1970.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiKey {
    /// The part that is no secret.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// What it is good for.
    pub scope: Scope,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// When it was made.
    pub created: i64,
    /// From when on it is not good any more.
    pub expires: Option<i64>,
    /// When it was revoked.
    pub revoked: Option<i64>,
}

impl ApiKey {
    /// Makes a key. What its holder needs is returned beside it, and can't be had again.
    ///
    /// # Errors
    /// If the operating system has no random numbers.
    pub fn create(
        name: &str,
        scope: Scope,
        expires: Option<i64>,
    ) -> Result<(Self, String), getrandom::Error> {
        let mut random = [0; ID_LENGTH / 2 + SECRET_LENGTH / 2];
        getrandom::fill(&mut random)?;
        let digits = hex(&random);
        let (id, secret) = digits.split_at(ID_LENGTH);
        let text = format!("{PREFIX}{id}_{secret}");
        let key = Self {
            id: id.to_owned(),
            name: name.to_owned(),
            scope,
            hash: hash(&text),
            created: now(),
            expires,
            revoked: None,
        };
        Ok((key, text))
    }

    /// Whether this is the key, and it is still good.
    pub(crate) fn admits(&self, text: &str) -> bool {
        let is_same: bool = self.hash.ct_eq(&hash(text)).into();
        is_same && self.is_valid()
    }

    /// A session that lasts until `end`: what a browser keeps instead of the key. It stands for the key only where sessions
    /// are accepted, and ends with the key at the latest.
    pub(crate) fn session(&self, end: i64) -> String {
        let code = self.session_code(end).finalize().into_bytes();
        let code = BASE64_URL_SAFE_NO_PAD.encode(code);
        format!("{SESSION}{}.{end}.{code}", self.id)
    }

    /// Whether this session is one of this key, and both are still valid.
    pub(crate) fn admits_session(&self, session: &Session<'_>) -> bool {
        let code = self.session_code(session.end);
        // Compares in constant time.
        let is_genuine = code.verify_slice(&session.code).is_ok();
        is_genuine && now() < session.end && self.is_valid()
    }

    /// What proves that a process with the session secret made the session (HMAC, RFC 2104). The key's hash alone is not
    /// enough: a copy of the database must not let anyone in.
    fn session_code(&self, end: i64) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new_from_slice(session_secret())
            .expect("a key of HMAC may have any length");
        code.update(b"connexion-app session 1\0");
        code.update(&self.hash);
        code.update(self.id.as_bytes());
        code.update(&end.to_be_bytes());
        code
    }

    fn is_valid(&self) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|end| now() < end)
    }
}

/// The parts of a session's text.
#[derive(Debug)]
pub(crate) struct Session<'t> {
    /// The id of its key.
    pub(crate) id: &'t str,
    end: i64,
    code: Vec<u8>,
}

impl<'t> Session<'t> {
    /// Reads a session; `None` if it has not the form of one.
    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        let (id, rest) = text.strip_prefix(SESSION)?.split_once('.')?;
        let (end, code) = rest.split_once('.')?;
        let is_id = id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then_some(())?;
        let (end, code) = (end.parse().ok()?, BASE64_URL_SAFE_NO_PAD.decode(code).ok()?);
        Some(Self { id, end, code })
    }
}

/// The id in a key's text, if it has the form of one.
pub(crate) fn id(text: &str) -> Option<&str> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_key = id.len() == ID_LENGTH && secret.len() == SECRET_LENGTH;
    (is_key && is_hex(id) && is_hex(secret)).then_some(id)
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Bytes as digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_admits_itself_and_nothing_else() {
        let (key, text) = ApiKey::create("robot", Scope::Write, None).unwrap();
        assert_eq!(id(&text), Some(key.id.as_str()));
        assert!(key.admits(&text));
        let (other, another) = ApiKey::create("robot", Scope::Write, None).unwrap();
        assert!(!key.admits(&another) && other.id != key.id);
        assert!(!key.admits(&text.to_uppercase()) && !key.admits(""));
        assert!(!format!("{key:?}").contains(&text));
    }

    #[test]
    fn one_that_ended_admits_nobody() {
        let (mut key, text) = ApiKey::create("robot", Scope::Read, Some(now() + 60)).unwrap();
        assert!(key.admits(&text));
        key.expires = Some(now());
        assert!(!key.admits(&text));
        key.expires = None;
        key.revoked = Some(now());
        assert!(!key.admits(&text));
    }

    #[test]
    fn session_of_a_key_is_valid_until_its_end_or_the_end_of_the_key() {
        let (mut key, text) = ApiKey::create("robot", Scope::Write, None).unwrap();
        let (other, _) = ApiKey::create("robot", Scope::Write, None).unwrap();
        let session = key.session(now() + 60);
        let admits = |key: &ApiKey, text: &str| {
            Session::parse(text).is_some_and(|session| key.admits_session(&session))
        };
        assert!(admits(&key, &session) && !admits(&other, &session));
        // It is no key, and has nothing of one but the public part.
        assert!(!key.admits(&session) && id(&session).is_none());
        assert!(!session.contains(text.rsplit('_').next().unwrap()));
        assert!(!session.contains(&hex(&key.hash)));
        // Nobody makes it last longer.
        let end = (now() + 60).to_string();
        let longer = (now() + 6_000).to_string();
        assert!(!admits(&key, &session.replace(&end, &longer)));
        assert!(!admits(&key, &key.session(now())));
        for text in ["", "cxs_", "cxs_0123456789abcdef.9999999999.", &text] {
            assert!(!admits(&key, text), "{text}");
        }
        key.revoked = Some(now());
        assert!(!admits(&key, &session));
    }

    #[test]
    fn what_has_not_the_form_of_a_key_is_not_looked_up() {
        let secret = "0".repeat(64);
        for text in ["", "cxk_", "cxk__", "cxk_0123456789abcdef_", &secret] {
            assert_eq!(id(text), None, "{text}");
        }
        assert_eq!(id(&format!("cxk_0123456789abcdeg_{secret}")), None);
        assert_eq!(id(&format!("cxk_0123456789abcdef_{secret}0")), None);
        assert!(id(&format!("cxk_0123456789abcdef_{secret}")).is_some());
    }
}
