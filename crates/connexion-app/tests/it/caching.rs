//! What caches, proxies and other sites' pages may do with a response.

use http::HeaderMap;

use crate::program::{Program, Service};
use crate::web::ask;

const PERSON: &str = r#"{"uuid":"11111111-1111-4111-8111-111111111111","name":"Doe","passengerClass":1,"sex":"male",
    "age":7,"siblingsOrSpousesAboard":0,"parentsOrChildrenAboard":0,"fare":7.5}"#;
const ONE: &str = "/people/11111111-1111-4111-8111-111111111111";
const NONE: &str = "/people/22222222-2222-4222-8222-222222222222";
const PAGE: &str = "Accept: text/html\r\n";

/// The names in `Vary`, in lower case and order.
fn vary(headers: &HeaderMap) -> Vec<String> {
    let fields = headers.get_all("vary").iter();
    let names = fields.flat_map(|field| field.to_str().unwrap().split(','));
    let mut names: Vec<_> = names.map(|name| name.trim().to_lowercase()).collect();
    names.sort();
    names
}

fn post(body: &str, headers: &str) -> String {
    let length = body.len();
    format!("Content-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

/// RFC 9110, section 12.5.5: a cache picks a stored response by the headers that `Vary` names, so each request that could have got
/// another one must find all of them there.
#[test]
fn vary_names_every_header_that_decides_the_response() {
    let service = Program::new().serve(&[]);
    let shared = Program::new().serve(&["--cors-origins", "https://a.example"]);
    let open = Program::new().serve(&["--cors-origins", "*"]);
    assert_eq!(service.post("/people", PERSON).status, 200);
    assert_eq!(shared.post("/people", PERSON).status, 200);
    for (path, expected) in [
        ("/people", &["accept", "accept-encoding"][..]),
        (ONE, &["accept"]),
        (NONE, &["accept"]),
        ("/nowhere", &["accept"]),
        ("/people?limit=0", &["accept"]),
        ("/openapi.json", &["accept-encoding"]),
        ("/ui/swagger-ui.css", &["accept-encoding"]),
        ("/people/download?format=csv", &["accept-encoding"]),
    ] {
        for headers in [
            "",
            PAGE,
            "Accept-Encoding: gzip\r\n",
            "Origin: https://a.example\r\n",
        ] {
            let line = format!("GET {path}");
            let (head, ..) = ask(&service, &line, headers);
            let names = vary(&head);
            for name in expected {
                assert!(
                    names.contains(&(*name).to_owned()),
                    "{line} {headers}: {names:?}"
                );
            }
            for service in [&shared, &open] {
                let names = vary(&ask(service, &line, headers).0);
                assert!(
                    names.contains(&"origin".to_owned()),
                    "{line} {headers}: {names:?}"
                );
            }
        }
    }
    // `/` leads browsers to the list; programs find nothing there.
    for headers in ["", PAGE] {
        assert!(vary(&ask(&service, "GET /", headers).0).contains(&"accept".to_owned()));
    }
}

/// RFC 9110, section 15.4.5: a 304 has the header fields that the 200 would have.
#[test]
fn not_modified_has_the_headers_of_the_response_that_it_stands_for() {
    let service = Program::new().serve(&[]);
    assert_eq!(service.post("/people", PERSON).status, 200);
    for path in ["/openapi.json", "/openapi.yaml", ONE] {
        let (whole, ..) = ask(&service, &format!("GET {path}"), "");
        let tag = whole["etag"].to_str().unwrap();
        let known = format!("If-None-Match: \"x,y\", {tag}\r\n");
        let (head, status, body) = ask(&service, &format!("GET {path}"), &known);
        assert_eq!((status, body.len()), (304, 0), "{path}");
        assert_eq!(head["etag"], tag, "{path}");
        for name in vary(&whole) {
            assert!(vary(&head).contains(&name), "{path}: {head:?}");
        }
        // A star within quotes is a tag of its own.
        let other = "If-None-Match: \"x,*,y\"\r\n";
        assert_eq!(
            ask(&service, &format!("GET {path}"), other).1,
            200,
            "{path}"
        );
    }
}

/// RFC 9110, section 8.8.3.3: two encodings of a resource are different bytes, so they can't share a strong entity tag.
#[test]
fn compressed_response_has_no_strong_entity_tag() {
    let service = Program::new().serve(&[]);
    let line = "GET /openapi.json";
    let (plain, ..) = ask(&service, line, "");
    let strong = plain["etag"].to_str().unwrap();
    assert!(strong.starts_with('"'));
    for encoding in ["gzip", "zstd"] {
        let (head, ..) = ask(&service, line, &format!("Accept-Encoding: {encoding}\r\n"));
        assert_eq!(head["content-encoding"], encoding);
        let weak = head["etag"].to_str().unwrap();
        assert_eq!(weak, format!("W/{strong}"));
        let known = format!("Accept-Encoding: {encoding}\r\nIf-None-Match: {weak}\r\n");
        assert_eq!(ask(&service, line, &known).1, 304);
    }
}

/// A write that was done must not be answered as if it was refused.
#[test]
fn encoding_that_the_client_rules_out_never_undoes_a_response() {
    let service = Program::new().serve(&[]);
    for (number, encoding) in [
        "identity;q=0",
        "*;q=0",
        "br, *;q=0",
        "gzip;q=0, identity;q=0, zstd;q=0",
    ]
    .into_iter()
    .enumerate()
    {
        let accept = format!("Accept-Encoding: {encoding}\r\n");
        let person = PERSON.replace("11111111-", &format!("0000000{number}-"));
        let (_, status, body) = ask(&service, "POST /people", &post(&person, &accept));
        assert_eq!(
            status,
            200,
            "{encoding}: {}",
            String::from_utf8_lossy(&body)
        );
        for path in ["/people", "/openapi.json"] {
            assert_eq!(
                ask(&service, &format!("GET {path}"), &accept).1,
                200,
                "{encoding}"
            );
        }
        assert_eq!(
            ask(&service, &format!("GET {NONE}"), &accept).1,
            404,
            "{encoding}"
        );
    }
}

/// RFC 9111, section 3.5, protects only responses to requests with `Authorization`; a cache in front of the service would
/// give what a key or a cookie was needed for to everybody.
#[test]
fn response_that_a_key_was_needed_for_stays_out_of_shared_caches() {
    let program = Program::new();
    program.run(&["migrate"]).ok();
    let key = program
        .run(&["keys", "add", "writer", "--scope", "write"])
        .ok();
    let key = format!("X-API-Key: {}\r\n", key.trim());
    let service = program.serve(&["--auth", "all"]);
    let (_, status, _) = ask(&service, "POST /people", &post(PERSON, &key));
    assert_eq!(status, 200);
    let (head, ..) = ask(&service, &format!("GET {ONE}"), &key);
    let known = format!("{key}If-None-Match: {}\r\n", head["etag"].to_str().unwrap());
    for (line, headers, expected) in [
        ("GET /people", key.as_str(), 200),
        ("GET /people?limit=1", &key, 200),
        ("GET /people/summary", &key, 200),
        ("GET /people/download?format=csv", &key, 200),
        (&format!("GET {ONE}"), &key, 200),
        (&format!("GET {ONE}"), &known, 304),
        (&format!("GET {ONE}"), &format!("{key}{PAGE}"), 200),
        (&format!("GET {NONE}"), &key, 404),
        (&format!("GET {NONE}"), "", 401),
        (&format!("HEAD {ONE}"), &key, 200),
    ] {
        let (head, status, _) = ask(&service, line, headers);
        assert_eq!(status, expected, "{line}");
        let control = head["cache-control"].to_str().unwrap();
        let is_private = control.contains("private") || control.contains("no-store");
        assert!(is_private, "{line}: {control}");
    }
    let (head, status, _) = ask(&program.serve(&[]), "GET /people", "");
    assert_eq!((status, head.get("cache-control")), (200, None));
}

/// `*` lets every site read; what a browser adds by itself, a cookie, still authenticates nothing for another site's page.
#[test]
fn no_other_site_writes_with_a_cookie() {
    fn status(service: &Service, headers: &str) -> u16 {
        ask(service, &format!("DELETE {NONE}"), headers).1
    }
    let open = Program::new().serve(&["--cors-origins", "*"]);
    for from in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Origin: https://b.example\r\n",
        "Origin: null\r\n",
    ] {
        assert_eq!(status(&open, from), 404, "{from}");
        for cookie in ["connexion-key=x", "a=b"] {
            let headers = format!("{from}Cookie: {cookie}\r\n");
            assert_eq!(status(&open, &headers), 403, "{headers}");
        }
    }
    assert_eq!(
        status(&open, "Sec-Fetch-Site: same-origin\r\nCookie: a=b\r\n"),
        404
    );
}

#[test]
fn unsupported_content_type_is_reported_at_its_header() {
    let service = Program::new().serve(&[]);
    let headers = "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}";
    let (head, status, body) = ask(&service, "POST /people", headers);
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (status, &head["accept"]),
        (415, &"application/json".parse().unwrap())
    );
    // As the example in the contract.
    assert_eq!(
        problem["errors"],
        serde_json::json!([{
            "in": "header", "name": "Content-Type", "keyword": "contentType", "code": "unsupported-type",
            "detail": "Invalid Content-type (text/plain), expected JSON data",
        }])
    );
}
