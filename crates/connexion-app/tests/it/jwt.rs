//! Bearer tokens: which are believed, and which are not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::program::{Program, Service, until};

const ISSUER: &str = "https://issuer.example";
const ALGORITHM: Algorithm = Algorithm::ES256;
const FAR: u64 = 4_000_000_000;

/// Whoever signs tokens.
struct Issuer {
    key: EncodingKey,
    id: String,
}

impl Issuer {
    fn new(id: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self {
            key: EncodingKey::from_ec_der(&key.serialize_der()),
            id: id.to_owned(),
        }
    }

    fn key_set(&self) -> String {
        let mut key = Jwk::from_encoding_key(&self.key, ALGORITHM).unwrap();
        key.common.key_id = Some(self.id.clone());
        json!({"keys": [{"kty": "of the future"}, key]}).to_string()
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(ALGORITHM);
        header.kid = Some(self.id.clone());
        encode(&header, claims, &self.key).unwrap()
    }
}

fn claims(scope: &Value) -> Value {
    json!({"iss": ISSUER, "aud": "people", "sub": "ann", "exp": FAR, "scope": scope})
}

fn changed(member: &str, value: Value) -> Value {
    let mut claims = claims(&json!("read"));
    claims[member] = value;
    claims
}

fn believing(jwks: &str) -> Program {
    Program::on("sqlite:people.sqlite")
        .env("APP_SETTINGS", "production")
        .env("APP_AUTH", "all")
        .env("APP_JWT_JWKS", jwks)
        .env("APP_JWT_ISSUER", ISSUER)
        .env("APP_JWT_AUDIENCE", "people")
        .env("APP_JWT_ALGORITHMS", "RS256, ES256")
}

/// The head and the body of an answer to a request with this token.
fn ask(service: &Service, method: &str, token: &str) -> String {
    let request = format!(
        "{method} /people HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    std::io::read_to_string(service.send(&request)).unwrap()
}

fn status(answer: &str) -> u16 {
    answer[9..12].parse().unwrap()
}

#[test]
fn only_what_is_named_is_believed() {
    let (issuer, other) = (Issuer::new("one"), Issuer::new("one"));
    let program = believing("keys.json").file("keys.json", &issuer.key_set());
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    for good in [
        claims(&json!("read")),
        claims(&json!("other read")),
        claims(&json!(["write"])),
        changed("aud", json!(["others", "people"])),
        changed("nbf", json!(0)),
    ] {
        let answer = ask(&service, "GET", &issuer.sign(&good));
        assert_eq!(status(&answer), 200, "{good}: {answer}");
    }
    let mut unnamed = Header::new(ALGORITHM);
    let secret = EncodingKey::from_secret(issuer.key_set().as_bytes());
    let shared = Header::new(Algorithm::HS256);
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJzY29wZSI6InJlYWQifQ.";
    unnamed.kid = Some("two".to_owned());
    let good = claims(&json!("read"));
    for bad in [
        issuer.sign(&changed("iss", json!("https://other.example"))),
        issuer.sign(&changed("iss", Value::Null)),
        issuer.sign(&changed("aud", json!("others"))),
        issuer.sign(&changed("aud", Value::Null)),
        issuer.sign(&changed("exp", json!(1))),
        issuer.sign(&changed("exp", Value::Null)),
        issuer.sign(&changed("nbf", json!(FAR))),
        issuer.sign(&changed("sub", Value::Null)),
        other.sign(&good),
        encode(&unnamed, &good, &issuer.key).unwrap(),
        encode(&shared, &good, &secret).unwrap(),
        none.to_owned(),
        issuer.sign(&good).replace('.', ""),
        "x".to_owned(),
    ] {
        let answer = ask(&service, "GET", &bad);
        assert_eq!(status(&answer), 401, "{bad}: {answer}");
        let challenge = "\r\nwww-authenticate: Bearer realm=\"People of the Titanic\", error=\"invalid_token\"\r\n";
        assert!(answer.contains(challenge), "{answer}");
    }
    let forbidden = ask(&service, "POST", &issuer.sign(&good));
    assert_eq!(status(&forbidden), 403);
    assert!(
        forbidden.contains("error=\"insufficient_scope\", scope=\"write\""),
        "{forbidden}"
    );
    // A key is as good as a token.
    let key = program
        .run(&["keys", "add", "robot", "--scope", "read"])
        .ok();
    let request =
        format!("GET /people HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: {key}\r\n\r\n");
    let answer =
        std::io::read_to_string(service.send(&request.replace("\n\r\n\r\n", "\r\n\r\n"))).unwrap();
    assert_eq!(status(&answer), 200, "{answer}");
    let ended = service.stop();
    assert!(!format!("{ended:?}").contains("eyJ"), "{ended:?}");
}

/// Answers every request with what it has been given.
fn serve_text(text: &Arc<Mutex<Option<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/keys", listener.local_addr().unwrap());
    let text = Arc::clone(text);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_000]);
            let answer = match text.lock().unwrap().as_deref() {
                Some(text) => format!(
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
                    text.len()
                ),
                None => {
                    "HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned()
                }
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn an_address_that_answers_later_is_believed_from_then_on() {
    let issuer = Issuer::new("one");
    let text = Arc::default();
    let program = believing(&serve_text(&text));
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    let token = issuer.sign(&claims(&json!("read")));
    let answer = ask(&service, "GET", &token);
    assert_eq!(status(&answer), 503, "{answer}");
    *text.lock().unwrap() = Some(issuer.key_set());
    until(|| match status(&ask(&service, "GET", &token)) {
        200 => Ok(()),
        other => Err(other.to_string()),
    });
}

#[test]
fn new_keys_in_the_file_are_used_and_wrong_ones_change_nothing() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let program = believing("keys.json").file("keys.json", &old.key_set());
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    let tokens = [&old, &new].map(|issuer| issuer.sign(&claims(&json!("read"))));
    let told = || {
        tokens
            .each_ref()
            .map(|token| status(&ask(&service, "GET", token)))
    };
    assert_eq!(told(), [200, 401]);
    let program = program.file("keys.json", "{");
    service.running.until_it_says("those before are kept");
    assert_eq!(told(), [200, 401]);
    let _program = program.file("keys.json", &new.key_set());
    until(|| match told() {
        [401, 200] => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// The status that a token gets, with this set of keys.
fn status_with(set: &Value, token: &str) -> u16 {
    let program = believing("keys.json").file("keys.json", &set.to_string());
    program.run(&["migrate"]).ok();
    status(&ask(&program.serve(&[]), "GET", token))
}

#[test]
fn a_header_that_asks_for_more_than_is_understood_is_refused() {
    let issuer = Issuer::new("one");
    let program = believing("keys.json").file("keys.json", &issuer.key_set());
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    let signed = |change: &dyn Fn(&mut Header)| {
        let mut header = Header::new(ALGORITHM);
        header.kid = Some(issuer.id.clone());
        change(&mut header);
        encode(&header, &claims(&json!("read")), &issuer.key).unwrap()
    };
    for (expected, token) in [
        (200, signed(&|_| {})),
        (200, signed(&|header| header.typ = None)),
        (
            200,
            signed(&|header| header.typ = Some("at+jwt".to_owned())),
        ),
        (
            200,
            signed(&|header| header.typ = Some("application/AT+JWT".to_owned())),
        ),
        (
            401,
            signed(&|header| header.typ = Some("logout+jwt".to_owned())),
        ),
        (
            401,
            signed(&|header| header.typ = Some("dpop+jwt".to_owned())),
        ),
        (
            401,
            signed(&|header| header.crit = Some(vec!["of-the-future".to_owned()])),
        ),
        (
            401,
            signed(&|header| header.crit = Some(vec!["exp".to_owned()])),
        ),
        (401, signed(&|header| header.crit = Some(Vec::new()))),
    ] {
        assert_eq!(status(&ask(&service, "GET", &token)), expected, "{token}");
    }
}

#[test]
fn a_key_that_is_not_for_these_signatures_is_not_used() {
    let issuer = Issuer::new("one");
    let set: Value = serde_json::from_str(&issuer.key_set()).unwrap();
    let token = issuer.sign(&claims(&json!("read")));
    let changed = |name: &str, value: Value| {
        let mut set = set.clone();
        set["keys"][1][name] = value;
        set
    };
    assert_eq!(status_with(&changed("use", json!("sig")), &token), 200);
    assert_eq!(
        status_with(&changed("key_ops", json!(["verify"])), &token),
        200
    );
    for set in [
        changed("use", json!("enc")),
        changed("key_ops", json!(["sign", "deriveKey"])),
        changed("alg", json!("ES384")),
        changed("alg", json!("ECDH-ES")),
        changed("kid", json!("other")),
    ] {
        assert_eq!(status_with(&set, &token), 401, "{set}");
    }
}

/// Each key would cost a check of the signature.
#[test]
fn among_thousands_of_keys_the_one_that_is_named_is_used_and_no_other_tried() {
    let issuer = Issuer::new("one");
    let set: Value = serde_json::from_str(&issuer.key_set()).unwrap();
    let key = &set["keys"][1];
    let mut keys: Vec<_> = (0..3_000)
        .map(|n| {
            let mut other = key.clone();
            other["kid"] = json!(format!("other {n}"));
            other
        })
        .collect();
    keys.push(key.clone());
    let set = json!({ "keys": keys });
    let good = claims(&json!("read"));
    assert_eq!(status_with(&set, &issuer.sign(&good)), 200);
    // Any of them would verify it.
    let unnamed = encode(&Header::new(ALGORITHM), &good, &issuer.key).unwrap();
    assert_eq!(status_with(&set, &unnamed), 401);
    assert_eq!(status_with(&json!({"keys": [key]}), &unnamed), 200);
}

/// Whoever can make the address redirect would decide which keys are believed.
#[test]
fn keys_behind_a_redirect_are_not_believed() {
    let issuer = Issuer::new("one");
    let text = Arc::new(Mutex::new(Some(issuer.key_set())));
    let elsewhere = serve_text(&text);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/keys", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_000]);
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let program = believing(&address);
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    service
        .running
        .until_it_says("302 Found; redirects are not followed");
    let token = issuer.sign(&claims(&json!("read")));
    assert_eq!(status(&ask(&service, "GET", &token)), 503);
}

#[test]
fn a_set_of_keys_that_is_too_large_is_refused() {
    let issuer = Issuer::new("one");
    let long = format!("{}{}", issuer.key_set(), " ".repeat(4 << 20));
    let many = json!({ "keys": vec![0; 10_001] }).to_string();
    for (text, reason) in [
        (long, "longer than 4194304 bytes"),
        (many, "more than 10000 keys"),
    ] {
        let program = believing("keys.json").file("keys.json", &text);
        let stderr = program.run(&[]).failed(1);
        assert!(stderr.contains(reason), "{stderr}");
    }
}

#[test]
fn settings_that_do_not_fit_are_told() {
    let stderr = believing("gone.json").run(&[]).failed(1);
    assert!(
        stderr.contains("APP_JWT_JWKS: gone.json: No such file"),
        "{stderr}"
    );
    for (name, value, reason) in [
        (
            "APP_JWT_ISSUER",
            "",
            "APP_JWT_ISSUER: is missing, though APP_JWT_JWKS is there",
        ),
        (
            "APP_JWT_ALGORITHMS",
            "none",
            "APP_JWT_ALGORITHMS: 'none' is none of RS256, ",
        ),
        (
            "APP_JWT_ALGORITHMS",
            "HS256",
            "APP_JWT_ALGORITHMS: 'HS256' is none of RS256, ",
        ),
        (
            "APP_JWT_JWKS",
            "",
            "APP_JWT_ISSUER: has no meaning without APP_JWT_JWKS",
        ),
    ] {
        let stderr = believing("keys.json").env(name, value).run(&[]).failed(2);
        assert!(stderr.contains(reason), "{stderr}");
    }
}
