//! Who may do what, when that is asked at all.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use connexion_app::key::{ApiKey, Scope};
use connexion_app::store::StoreError;

use crate::conformance::Place;
use crate::postgres_server::fresh_database;
use crate::program::{Program, Service, until};

const PERSON: &str = r#"{"name":"Doe","passengerClass":1,"sex":"male","age":7,
    "siblingsOrSpousesAboard":0,"parentsOrChildrenAboard":0,"fare":7.5}"#;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const ONE: &str = "/people/11111111-1111-4111-8111-111111111111";

/// The head and the body of an answer to a request with this key.
fn ask(service: &Service, method: &str, path: &str, key: Option<&str>) -> String {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    if let Some(key) = key {
        write!(request, "X-API-Key: {key}\r\n").unwrap();
    }
    let body = if ["POST", "PUT"].contains(&method) {
        PERSON
    } else {
        ""
    };
    let length = body.len();
    write!(
        request,
        "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    std::io::read_to_string(service.send(&request)).unwrap()
}

fn status(answer: &str) -> u16 {
    answer[9..12].parse().unwrap()
}

fn add_key(program: &Program, arguments: &[&str]) -> String {
    let text = program.run(&[&["keys", "add"], arguments].concat()).ok();
    text.trim_end().to_owned()
}

/// A migrated database, with a key of each scope.
fn with_keys(url: &str) -> (Program, String, String) {
    let program = Program::on(url).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    let reader = add_key(&program, &["reader", "--scope", "read"]);
    let writer = add_key(
        &program,
        &["writer", "--scope=write", "--expires", "2999-12-31"],
    );
    (program, reader, writer)
}

#[tokio::test]
async fn each_operation_asks_for_what_is_in_force() {
    let database = fresh_database().await;
    for url in ["sqlite:people.sqlite", database.url()] {
        let (program, reader, writer) = with_keys(url);
        let wrong = format!("cxk_{}_{}", "0".repeat(16), "0".repeat(64));
        let nobody = [None, Some("x"), Some(wrong.as_str())];
        for auth in ["off", "write", "all"] {
            let service = program.serve(&["--auth", auth]);
            for (method, path, done, changes) in [
                ("GET", "/people", 200, false),
                ("GET", ONE, 404, false),
                ("POST", "/people", 200, true),
                ("PUT", ONE, 404, true),
                ("DELETE", ONE, 404, true),
            ] {
                let asks = auth == "all" || auth == "write" && changes;
                let tell = |key: Option<&str>| status(&ask(&service, method, path, key));
                let case = format!("{auth} {method} {path}");
                for key in nobody {
                    assert_eq!(tell(key), if asks { 401 } else { done }, "{case} {key:?}");
                }
                let forbidden = asks && changes;
                assert_eq!(
                    tell(Some(&reader)),
                    if forbidden { 403 } else { done },
                    "{case}"
                );
                assert_eq!(tell(Some(&writer)), done, "{case}");
            }
            service.stop().ok();
        }
    }
}

/// The contract in several spellings that mean the same.
fn spellings() -> Vec<(&'static str, String)> {
    let text = include_str!("../../openapi.yaml").to_owned();
    let document = connexion::Document::parse("openapi.yaml", text.clone()).unwrap();
    let requirement = |scope: &str| {
        format!(
            "      security: [{{apiKey: [{scope}]}}, {{session: [{scope}]}}, {{bearer: [{scope}]}}]\n"
        )
    };
    let (read, write) = (requirement("read"), requirement("write"));
    assert!(text.contains(&read) && text.contains(&write));
    let each = |change: &dyn Fn(&str) -> String| {
        text.replace(&read, &change(&read))
            .replace(&write, &change(&write))
    };
    let block = |line: &str| {
        let scope = if line == read { "read" } else { "write" };
        let items = ["apiKey", "session", "bearer"]
            .map(|name| format!("        - {name}:\n            - {scope}\n"));
        format!("      security:\n{}", items.concat())
    };
    let root = format!("{}{}", text.replace(&read, ""), read.trim_start());
    vec![
        ("as it is", text.clone()),
        ("JSON", document.to_json()),
        ("block", each(&block)),
        ("blank", each(&|line| line.replace("[{", "[ {"))),
        ("comment", each(&|line| line.replace('\n', "  # who may\n"))),
        (
            "quotes",
            each(&|line| line.replace("security", "\"security\"")),
        ),
        ("order", each(&|line| format!("      x-first: 1\n{line}"))),
        (
            "names",
            text.replace("bearer: [", "login: [")
                .replace("    bearer:\n", "    login:\n"),
        ),
        ("root", root),
    ]
}

/// Which security is in force was once decided by lines of text.
#[test]
fn security_in_force_does_not_depend_on_the_spelling_of_the_document() {
    for (spelling, text) in spellings() {
        let (program, reader, writer) = with_keys("sqlite:people.sqlite");
        let program = program
            .file("openapi.spec", &text)
            .env("APP_SPEC", "openapi.spec");
        for auth in ["off", "write", "all"] {
            let service = program.serve(&["--auth", auth, "--serve-spec"]);
            for (method, path, done, changes) in [
                ("GET", "/people", 200, false),
                ("GET", ONE, 404, false),
                ("POST", "/people", 200, true),
                ("DELETE", ONE, 404, true),
                ("GET", "/session", 200, false),
            ] {
                let asks = path != "/session" && (auth == "all" || auth == "write" && changes);
                let tell = |key: Option<&str>| status(&ask(&service, method, path, key));
                let case = format!("{spelling}: {auth} {method} {path}");
                assert_eq!(tell(None), if asks { 401 } else { done }, "{case}");
                assert_eq!(
                    tell(Some(&reader)),
                    if asks && changes { 403 } else { done },
                    "{case}"
                );
                assert_eq!(tell(Some(&writer)), done, "{case}");
            }
            let json = service.get("/openapi.json").body;
            let served: serde_json::Value = serde_json::from_str(&json).unwrap();
            let required = |path: &str, method: &str| {
                let own = served["paths"][path].get(method).unwrap().get("security");
                own.or(served.get("security")).unwrap().to_string()
            };
            let requirement =
                |scope| format!(r#"[{{"apiKey":["{scope}"]}},{{"session":["{scope}"]}}]"#);
            let expected = match auth {
                "off" => ["[]".to_owned(), "[]".to_owned()],
                "write" => ["[]".to_owned(), requirement("write")],
                _ => [requirement("read"), requirement("write")],
            };
            assert_eq!(
                [required("/people", "get"), required("/people", "post")],
                expected,
                "{spelling}: {auth}"
            );
            let yaml = service.get("/openapi.yaml").body;
            let again = connexion::Document::parse("openapi.yaml", yaml).unwrap();
            let again: serde_json::Value = serde_json::from_str(&again.to_json()).unwrap();
            assert_eq!(again, served, "{spelling}: {auth}");
            let ended = service.stop();
            assert!(
                !ended.stderr.contains("needs no credentials"),
                "{spelling}: {ended:?}"
            );
        }
    }
}

#[test]
fn an_operation_without_a_requirement_is_a_warning_at_start() {
    let is_security = |line: &&str| line.starts_with("      security: [{");
    let text = include_str!("../../openapi.yaml");
    let lines = text.split_inclusive('\n');
    let text: String = lines.filter(|line| !is_security(line)).collect();
    let program = Program::on("sqlite:people.sqlite")
        .file("open.yaml", &text)
        .env("APP_SETTINGS", "production")
        .env("APP_SPEC", "open.yaml");
    program.run(&["migrate"]).ok();
    for auth in ["write", "all"] {
        let stderr = program.serve(&["--auth", auth]).stop().stderr;
        for operation in ["people.list", "people.add", "person.delete", "pages.edit"] {
            let told =
                format!("WARN {operation} needs no credentials, though APP_AUTH is {auth}: ");
            assert_eq!(stderr.matches(&told).count(), 1, "{operation}: {stderr}");
        }
        // Declared to be open.
        for operation in ["pages.session", "pages.asset", "pages.filter"] {
            assert!(!stderr.contains(operation), "{operation}: {stderr}");
        }
    }
    let stderr = program.serve(&["--auth", "off"]).stop().stderr;
    assert!(!stderr.contains("needs no credentials"), "{stderr}");
}

/// Leaving its only alternative out would open it.
#[test]
fn an_operation_for_tokens_only_stays_closed_without_tokens() {
    let text =
        include_str!("../../openapi.yaml").replace("{apiKey: [read]}, {session: [read]}, ", "");
    let (program, _, writer) = with_keys("sqlite:people.sqlite");
    let program = program
        .file("token.yaml", &text)
        .env("APP_SPEC", "token.yaml");
    let service = program.serve(&["--auth", "all"]);
    for key in [None, Some(&*writer)] {
        assert_eq!(status(&ask(&service, "GET", "/people", key)), 401);
    }
    service.running.until_it_says(
        "people.list can't be called: it requires a token, and APP_JWT_JWKS is not set",
    );
}

/// A name may be given to another client, which must not get what the first one was answered.
#[test]
fn an_idempotency_key_belongs_to_the_api_key_and_not_to_its_name() {
    let (program, _, writer) = with_keys("sqlite:people.sqlite");
    let service = program.serve(&["--auth", "write"]);
    let add = |key: &str| {
        let length = PERSON.len();
        let request = format!(
            "POST /people HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: {key}\r\nIdempotency-Key: 1\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{PERSON}"
        );
        let answer = std::io::read_to_string(service.send(&request)).unwrap();
        assert_eq!(status(&answer), 200, "{answer}");
        let location = answer.split("\r\nlocation: ").nth(1).unwrap();
        location.split("\r\n").next().unwrap().to_owned()
    };
    let first = add(&writer);
    assert_eq!(add(&writer), first);
    program.run(&["keys", "revoke", "writer"]).ok();
    let next = add_key(&program, &["writer", "--scope", "write"]);
    assert_ne!(add(&next), first);
}

#[test]
fn whoever_is_refused_is_told_what_to_show() {
    let (program, reader, _) = with_keys("sqlite:people.sqlite");
    let service = program.serve(&["--auth", "write"]);
    let unknown = ask(&service, "POST", "/people", None);
    assert!(unknown.contains("\r\nwww-authenticate: "), "{unknown}");
    assert!(
        unknown.contains("\r\ncontent-type: application/problem+json\r\n"),
        "{unknown}"
    );
    assert!(
        unknown.ends_with("\"detail\":\"Credentials are required.\",\"errors\":[]}"),
        "{unknown}"
    );
    let forbidden = ask(&service, "POST", "/people", Some(&reader));
    assert!(
        forbidden.contains("The scope 'write' is required."),
        "{forbidden}"
    );
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_seconds_by_a_process_that_knew_it() {
    let database = fresh_database().await;
    for url in ["sqlite:people.sqlite", database.url()] {
        let (program, _, writer) = with_keys(url);
        let service = program.serve(&["--auth", "all"]);
        assert_eq!(status(&ask(&service, "GET", "/people", Some(&writer))), 200);
        let told = program.run(&["keys", "revoke", "writer"]).ok();
        assert_eq!(told, "the key of writer is revoked\n");
        let begun = Instant::now();
        until(
            || match status(&ask(&service, "GET", "/people", Some(&writer))) {
                401 => Ok(()),
                other => Err(other.to_string()),
            },
        );
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[test]
fn every_write_leaves_a_line_that_says_who_did_what_and_no_key() {
    let (program, _, writer) = with_keys("sqlite:people.sqlite");
    let service = program.serve(&["--auth", "write"]);
    let added = ask(&service, "POST", "/people", Some(&writer));
    let path = added
        .split("location: ")
        .nth(1)
        .unwrap()
        .split("\r\n")
        .next()
        .unwrap();
    let uuid = path.strip_prefix("/people/").unwrap();
    assert_eq!(status(&ask(&service, "PUT", path, Some(&writer))), 200);
    assert_eq!(status(&ask(&service, "DELETE", path, Some(&writer))), 200);
    assert_eq!(status(&ask(&service, "DELETE", path, Some(&writer))), 404);
    let ended = service.stop();
    for (operation, what) in [
        ("people.add", "added"),
        ("person.update", "changed"),
        ("person.delete", "removed"),
    ] {
        let of_it =
            |line: &&str| line.contains(&format!("audit: {what} who=\"writer\" person={uuid}"));
        let lines: Vec<_> = ended.stderr.lines().filter(of_it).collect();
        let [line] = lines[..] else {
            panic!("{what}: {ended:?}")
        };
        assert!(line.contains("request_id=\""), "{line}");
        assert!(
            line.contains(&format!("operation_id=\"{operation}\"")),
            "{line}"
        );
    }
    assert!(!format!("{ended:?}").contains(&writer[21..]));

    let service = program.serve(&["--auth", "off"]);
    assert_eq!(service.post("/people", PERSON).status, 200);
    let stderr = service.stop().stderr;
    assert!(
        stderr.contains("audit: added who=\"anybody\" person="),
        "{stderr}"
    );
    assert!(stderr.contains(
        "WARN whoever reaches this service may read and change everything (APP_AUTH is off)\n"
    ));
}

#[test]
fn a_key_is_shown_once_and_its_hash_is_kept() {
    let (program, _, writer) = with_keys("sqlite:people.sqlite");
    assert!(
        writer.starts_with("cxk_") && writer.len() == 4 + 16 + 1 + 64,
        "{writer}"
    );
    let list = program.run(&["keys", "list"]).ok();
    assert_eq!(list.lines().count(), 2, "{list}");
    assert!(
        list.contains(&writer[4..20]) && !list.contains(&writer[21..]),
        "{list}"
    );
    assert!(list.contains("  ends 2999-12-31  good  writer\n"), "{list}");
    assert!(list.contains("  ends never       good  reader\n"), "{list}");
    assert!(
        list.contains("  write  made ") && list.contains("  read   made "),
        "{list}"
    );
    for file in ["people.sqlite", "people.sqlite-wal"] {
        let bytes = std::fs::read(program.path(file)).unwrap_or_default();
        let secret = &writer.as_bytes()[21..];
        assert!(
            !bytes.windows(secret.len()).any(|part| part == secret),
            "{file}"
        );
    }
    for (arguments, code, reason) in [
        (
            &["add", "writer", "--scope", "read"][..],
            1,
            "writer has a key already",
        ),
        (&["add", "x", "--scope", "all"], 2, "must be read or write"),
        (&["add", "x"], 2, "--scope <SCOPE>"),
        (
            &["add", "x", "--scope", "read", "--expires", "soon"],
            2,
            "must be a day like 2027-01-31",
        ),
        (
            &["add", "x", "--scope", "read", "--expires", "2020-01-01"],
            1,
            "this day has begun already",
        ),
        (
            &["add", "a\nb", "--scope", "read"],
            1,
            "without control characters",
        ),
        (&["revoke", "nobody"], 1, "there is no key of nobody"),
    ] {
        let stderr = program.run(&[&["keys"], arguments].concat()).failed(code);
        assert!(stderr.contains(reason), "{stderr}");
    }
}

#[test]
fn one_that_was_revoked_makes_room_for_the_next() {
    let (program, _, _) = with_keys("sqlite:people.sqlite");
    program.run(&["keys", "revoke", "writer"]).ok();
    let next = add_key(&program, &["writer", "--scope", "read"]);
    let database = rusqlite::Connection::open(program.path("people.sqlite")).unwrap();
    let end = "update api_key set expires = 1577836800 where name = 'writer' and revoked is null";
    assert_eq!(database.execute(end, []).unwrap(), 1);
    let list = program.run(&["keys", "list"]).ok();
    assert!(
        list.contains("  revoked ") && list.contains("  expired  writer\n"),
        "{list}"
    );
    let service = program.serve(&["--auth", "all"]);
    assert_eq!(status(&ask(&service, "GET", "/people", Some(&next))), 401);
}

#[test]
fn the_contract_says_what_is_in_force() {
    for (auth, reads, writes) in [("off", 0, 0), ("write", 0, 11), ("all", 4, 11)] {
        let text = Program::new()
            .run(&["openapi", "--json", "--auth", auth])
            .ok();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            document["components"]["securitySchemes"]["apiKey"]["name"],
            "X-API-Key"
        );
        let paths = document["paths"].as_object().unwrap().values();
        let operations: Vec<_> = paths
            .flat_map(|path| path.as_object().unwrap().values())
            .collect();
        let requiring = |scope: &str| {
            let security = serde_json::json!([{"apiKey": [scope]}, {"session": [scope]}]);
            operations
                .iter()
                .filter(|one| one["security"] == security)
                .count()
        };
        assert_eq!(
            (requiring("read"), requiring("write")),
            (reads, writes),
            "{auth}"
        );
    }
}

#[tokio::test]
async fn both_stores_keep_keys_alike() {
    let places = [
        Place::Postgres(fresh_database().await),
        Place::Sqlite(tempfile::tempdir().unwrap()),
    ];
    for place in places {
        let store = place.migrated().await;
        let (mut key, _) = ApiKey::create("robot", Scope::Write, Some(4_000_000_000)).unwrap();
        assert_eq!(store.key(&key.id).await.unwrap(), None);
        store.add_key(&key).await.unwrap();
        assert_eq!(store.key(&key.id).await.unwrap().as_ref(), Some(&key));
        let (other, _) = ApiKey::create("robot", Scope::Read, None).unwrap();
        let taken = store.add_key(&other).await;
        assert!(matches!(taken, Err(StoreError::Conflict)), "{taken:?}");
        assert!(store.revoke_key("robot", 7).await.unwrap());
        assert!(!store.revoke_key("robot", 8).await.unwrap());
        key.revoked = Some(7);
        store.add_key(&other).await.unwrap();
        let mut keys = store.keys().await.unwrap();
        keys.sort_by_key(|key| key.revoked.is_none());
        assert_eq!(keys, [key, other]);
    }
}

/// An answer to a request as a browser sends it.
fn browse(service: &Service, line: &str, headers: &str, body: &str) -> String {
    let request = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/html\r\n{headers}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    std::io::read_to_string(service.send(&request)).unwrap()
}

/// The cookies that an answer sets, without that of what was done.
fn session_cookies(answer: &str) -> Vec<&str> {
    let lines = answer
        .lines()
        .filter_map(|line| line.strip_prefix("set-cookie: "));
    lines
        .filter(|cookie| cookie.contains("connexion-key="))
        .collect()
}

#[tokio::test]
async fn session_cookie_is_not_the_key_and_ends_with_it() {
    let database = fresh_database().await;
    for url in ["sqlite:people.sqlite", database.url()] {
        let (program, reader, _) = with_keys(url);
        let signed = program.clone().env("APP_SESSION_SECRET", SECRET);
        let service = signed.serve(&["--auth", "all"]);
        let answer = browse(&service, "POST /session", "", &format!("key={reader}"));
        let cookies = session_cookies(&answer);
        let [cookie] = cookies.as_slice() else {
            panic!("{answer}");
        };
        let (session, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(
            attributes,
            "Max-Age=36000; Path=/; HttpOnly; SameSite=Strict"
        );
        assert!(!answer.contains(&reader) && !answer.contains(reader.rsplit('_').next().unwrap()));
        let header = format!("Cookie: {session}\r\n");
        let list =
            |service: &Service, header: &str| status(&browse(service, "GET /people", header, ""));
        assert_eq!(list(&service, &header), 200);
        // It is no bearer token.
        let token = session.split_once('=').unwrap().1;
        assert_eq!(
            list(&service, &format!("Authorization: Bearer {token}\r\n")),
            401
        );
        // Nor can anybody sign in with it again, when it ends.
        let again = browse(&service, "POST /session", "", &format!("key={token}"));
        assert_eq!(status(&again), 422);
        // Its scope is the key's.
        let form = browse(&service, "GET /people/new", &header, "");
        assert_eq!(status(&form), 403);
        // Every byte of it counts.
        for index in [0, 10, 21, token.len() - 2] {
            let mut other = token.as_bytes().to_vec();
            other[index] = if other[index] == b'1' { b'2' } else { b'1' };
            let other = String::from_utf8(other).unwrap();
            let header = format!("Cookie: connexion-key={other}\r\n");
            assert_eq!(list(&service, &header), 401, "{other}");
        }
        // Another process accepts it, and the same one after a restart, if they have the same secret.
        let (own, other) = (program.serve(&["--auth", "all"]), program.clone());
        assert_eq!(list(&own, &header), 401);
        own.stop().ok();
        let other = other.env("APP_SESSION_SECRET", SECRET);
        let other = other.serve(&["--auth", "all"]);
        service.stop().ok();
        assert_eq!(list(&other, &header), 200);
        program.run(&["keys", "revoke", "reader"]).ok();
        until(|| match list(&other, &header) {
            401 => Ok(()),
            status => Err(status.to_string()),
        });
        let page = browse(&other, "GET /people", &header, "");
        assert!(page.contains("Your session has ended"), "{page}");
        other.stop().ok();
    }
}

#[test]
fn over_tls_the_session_cookie_is_of_this_host_only() {
    let (program, reader, writer) = with_keys("sqlite:people.sqlite");
    let service = program.serve(&["--auth", "all", "--trusted-proxies", "127.0.0.1"]);
    let tls = "X-Forwarded-Proto: https\r\n";
    let sign_in = |key: &str| browse(&service, "POST /session", tls, &format!("key={key}"));
    let (read, write) = (sign_in(&reader), sign_in(&writer));
    let session = |answer: &str| {
        let cookies = session_cookies(answer);
        let own = "Max-Age=36000; Path=/; HttpOnly; SameSite=Strict; Secure";
        assert!(
            cookies[0].starts_with("__Host-connexion-key=cxs_"),
            "{cookies:?}"
        );
        assert!(cookies[0].ends_with(own), "{cookies:?}");
        // One that was set without TLS, by whomever, is removed.
        assert!(
            cookies[1].starts_with("connexion-key=; Max-Age=0;"),
            "{cookies:?}"
        );
        cookies[0].split("; ").next().unwrap().to_owned()
    };
    let (read, write) = (session(&read), session(&write));
    let new = |cookies: &str| {
        let headers = format!("{tls}Cookie: a=b; {cookies}\r\n");
        status(&browse(&service, "GET /people/new", &headers, ""))
    };
    assert_eq!((new(&read), new(&write), new("c=d")), (403, 200, 401));
    // It goes before one that another host of the domain could have set, in whichever order they are sent.
    let planted = read.replace("__Host-", "");
    assert_eq!(new(&format!("{planted}; {write}")), 200);
    assert_eq!(new(&format!("{write}; {planted}")), 200);
    let answer = browse(&service, "POST /session/end", tls, "");
    let cookies = session_cookies(&answer);
    assert!(
        cookies[0].starts_with("__Host-connexion-key=; Max-Age=0;"),
        "{cookies:?}"
    );
    assert_eq!(cookies.len(), 2);
}
