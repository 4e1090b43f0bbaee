//! An issuer's set of keys (RFC 7517), prepared once when it is read, so that a token costs the same however many there are.
//!
//! A key that can't be meant for signatures of an accepted algorithm is left out: the issuer's set may be for other
//! purposes, too, and a set may have keys of kinds that are not known here (RFC 7517, section 5).

use std::collections::HashMap;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde_json::Value;

/// The most keys in a set.
const MOST: usize = 10_000;

/// The most keys that are tried for one token. A token that does not name its key, or a name that many keys have, must not
/// cost a signature check for each.
const MOST_TRIED: usize = 8;

/// The sizes of RSA keys, in bits: smaller ones are not safe (RFC 7518, section 3.3), larger ones cost too much.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The keys of a set that may verify signatures.
#[derive(Default)]
pub(super) struct Keys {
    all: Vec<Key>,
    /// Where the keys of a name are.
    by_id: HashMap<String, Vec<usize>>,
}

struct Key {
    /// What it verifies.
    algorithms: Vec<Algorithm>,
    prepared: DecodingKey,
}

impl Keys {
    /// Reads a set, of which only the keys for `accepted` algorithms are kept.
    ///
    /// # Errors
    /// If it is not a set of keys, or one with too many.
    pub(super) fn parse(text: &str, accepted: &[Algorithm]) -> Result<Self, String> {
        let set: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Some(Value::Array(listed)) = set.get("keys") else {
            return Err("there is no list of keys in it".to_owned());
        };
        if listed.len() > MOST {
            return Err(format!("it has more than {MOST} keys"));
        }
        let mut keys = Self::default();
        for one in listed {
            let Ok(jwk) = serde_json::from_value::<Jwk>(one.clone()) else {
                continue;
            };
            let algorithms: Vec<_> = verified_by(&jwk)
                .iter()
                .copied()
                .filter(|algorithm| accepted.contains(algorithm))
                .collect();
            if algorithms.is_empty() {
                continue;
            }
            let Ok(prepared) = DecodingKey::from_jwk(&jwk) else {
                continue;
            };
            if let Some(id) = jwk.common.key_id {
                keys.by_id.entry(id).or_default().push(keys.all.len());
            }
            keys.all.push(Key {
                algorithms,
                prepared,
            });
        }
        Ok(keys)
    }

    /// How many keys may verify signatures.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The keys that a token with this header may be signed with: those that it names, or else all for its algorithm.
    /// None, if they are too many to try.
    pub(super) fn of<'k>(&'k self, header: &'k Header) -> Vec<&'k DecodingKey> {
        let verifies = |key: &&Key| key.algorithms.contains(&header.alg);
        let found: Vec<_> = match &header.kid {
            Some(id) => {
                let named = self.by_id.get(id).into_iter().flatten();
                let named = named.filter_map(|index| self.all.get(*index));
                named.filter(verifies).take(MOST_TRIED + 1).collect()
            }
            None => self
                .all
                .iter()
                .filter(verifies)
                .take(MOST_TRIED + 1)
                .collect(),
        };
        if found.len() > MOST_TRIED {
            tracing::debug!("a token is not believed: it fits more than {MOST_TRIED} keys");
            return Vec::new();
        }
        found.into_iter().map(|key| &key.prepared).collect()
    }
}

/// The algorithms whose signatures a key may verify, by its type, curve and size, its `use`, `key_ops` and `alg` (RFC 7517,
/// sections 4.2 to 4.4). A symmetric key verifies none: who can verify with it can sign.
fn verified_by(jwk: &Jwk) -> Vec<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let common = &jwk.common;
    let is_for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let operations = common.key_operations.as_deref();
    let may_verify = operations.is_none_or(|all| all.contains(&KeyOperations::Verify));
    if !is_for_signatures || !may_verify {
        return Vec::new();
    }
    let of_type: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) if RSA_BITS.contains(&bits(&key.n)) => {
            &[RS256, RS384, RS512, PS256, PS384, PS512]
        }
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[ES256],
            EllipticCurve::P384 => &[ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => &[EdDSA],
        _ => &[],
    };
    let is_named = |algorithm: &&Algorithm| {
        let named = common.key_algorithm;
        named.is_none_or(|named| named == KeyAlgorithm::from(**algorithm))
    };
    of_type.iter().filter(is_named).copied().collect()
}

/// The length of a number in bits, as JSON Web Keys write numbers (RFC 7518, section 2).
fn bits(number: &str) -> usize {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(number).unwrap_or_default();
    let first = bytes.iter().position(|byte| *byte != 0);
    first.map_or(0, |first| {
        (bytes.len() - first) * 8 - bytes[first].leading_zeros() as usize
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn kept(keys: &Value) -> usize {
        let accepted = [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA];
        let set = json!({ "keys": keys }).to_string();
        Keys::parse(&set, &accepted).unwrap().len()
    }

    #[test]
    fn only_keys_for_signatures_of_an_accepted_algorithm_are_kept() {
        let ed25519 = json!({"kty": "OKP", "crv": "Ed25519", "x": X});
        let rsa = |digits: usize| {
            let n = "8".repeat(digits - 1) + "A";
            json!({"kty": "RSA", "n": n, "e": "AQAB"})
        };
        let with = |name: &str, value: Value| {
            let mut key = ed25519.clone();
            key[name] = value;
            key
        };
        for good in [
            ed25519.clone(),
            with("use", json!("sig")),
            with("key_ops", json!(["sign", "verify"])),
            with("alg", json!("EdDSA")),
            json!({"kty": "EC", "crv": "P-256", "x": X, "y": X}),
            rsa(342),
        ] {
            assert_eq!(kept(&json!([good])), 1, "{good}");
        }
        for bad in [
            json!("new"),
            with("use", json!("enc")),
            with("use", json!("other")),
            with("key_ops", json!(["encrypt"])),
            with("key_ops", json!([])),
            with("alg", json!("ES256")),
            with("alg", json!("of the future")),
            with("kty", json!("of the future")),
            json!({"kty": "oct", "k": X}),
            json!({"kty": "oct", "k": X, "alg": "HS256"}),
            json!({"kty": "EC", "crv": "P-384", "x": X, "y": X}),
            json!({"kty": "EC", "crv": "P-256", "x": X, "y": X, "alg": "ECDH-ES"}),
            rsa(170),
            rsa(1000),
            json!({"kty": "RSA", "n": rsa(342)["n"], "e": "AQAB", "alg": "RSA-OAEP"}),
        ] {
            assert_eq!(kept(&json!([bad, ed25519])), 1, "{bad}");
        }
    }

    #[test]
    fn a_token_is_tried_with_few_keys_only() {
        let key = |id: Option<&str>| json!({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": id});
        let tried = |keys: Vec<Value>, id: Option<&str>| {
            let set = json!({ "keys": keys }).to_string();
            let keys = Keys::parse(&set, &[Algorithm::EdDSA]).unwrap();
            let mut header = Header::new(Algorithm::EdDSA);
            header.kid = id.map(str::to_owned);
            keys.of(&header).len()
        };
        let many = |n: usize| vec![key(None); n];
        assert_eq!(tried(many(8), None), 8);
        assert_eq!(tried(many(9), None), 0);
        assert_eq!(tried(many(9), Some("a")), 0);
        let mut keys = many(100);
        keys.push(key(Some("a")));
        assert_eq!(tried(keys, Some("a")), 1);
        assert_eq!(tried(vec![key(Some("a")); 9], Some("a")), 0);
    }

    #[test]
    fn what_is_no_set_of_keys_is_refused() {
        let many = json!({ "keys": vec![0; MOST + 1] }).to_string();
        for text in ["{}", "x", r#"{"keys": {}}"#, &many] {
            assert!(Keys::parse(text, &[]).is_err());
        }
    }
}
