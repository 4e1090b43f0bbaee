//! What browsers and proxies look at: security headers, who may read an answer, how it is compressed.

use std::io::Read;

use http::HeaderMap;

use crate::program::{Program, Service};

const PERSON: &str = "/people/00000000-0000-0000-0000-000000000000";

/// The head, and the body's bytes, of an answer to a request with these headers.
pub(crate) fn ask(service: &Service, line: &str, headers: &str) -> (HeaderMap, u16, Vec<u8>) {
    let request = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    let mut answer = Vec::new();
    service.send(&request).read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let body = answer.split_off(end + 4);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap()[9..12].parse().unwrap();
    let mut map = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name: http::HeaderName = name.parse().unwrap();
        map.append(name, value.parse().unwrap());
    }
    let is_chunked = map.get("transfer-encoding").is_some();
    (
        map,
        status,
        if is_chunked { unchunked(&body) } else { body },
    )
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|part| part == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.extend(&body[end + 2..][..length]);
        body = &body[end + 2 + length + 2..];
    }
}

fn unpacked(encoding: &str, mut body: &[u8]) -> Vec<u8> {
    if encoding == "zstd" {
        return zstd::decode_all(body).unwrap();
    }
    let mut whole = Vec::new();
    flate2::read::GzDecoder::new(&mut body)
        .read_to_end(&mut whole)
        .unwrap();
    whole
}

#[test]
fn every_answer_tells_browsers_to_do_no_more_with_it_than_is_meant() {
    let service = Program::new().serve(&["--max-header-size", "1024"]);
    let long = format!("X: {}\r\n", "x".repeat(1024));
    for (line, headers, expected) in [
        ("GET /people", "", 200),
        ("GET /ui/", "", 200),
        ("GET /ui/swagger-ui.css", "", 200),
        ("GET /openapi.json", "", 200),
        ("OPTIONS /people", "", 200),
        ("GET /nowhere", "", 404),
        ("PATCH /people", "", 405),
        ("GET /people?a=b", "", 400),
        ("GET /people", long.as_str(), 431),
    ] {
        let (head, status, _) = ask(&service, line, headers);
        assert_eq!(status, expected, "{line}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(head[name], value, "{line}");
        }
        let policy = head["content-security-policy"].to_str().unwrap();
        let is_page = line == "GET /ui/";
        assert_eq!(
            policy.contains("default-src 'self'"),
            is_page,
            "{line}: {policy}"
        );
        assert_eq!(
            policy.contains("default-src 'none'"),
            !is_page,
            "{line}: {policy}"
        );
        assert!(!policy.contains("script-src") && policy.contains("frame-ancestors 'none'"));
        assert!(!head.contains_key("strict-transport-security"), "{line}");
        assert!(!head.contains_key("server"), "{line}");
    }
}

#[test]
fn other_sites_may_read_answers_only_if_they_are_named() {
    let origin = "Origin: https://a.example\r\n";
    let preflight = "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n\
        Access-Control-Request-Headers: content-type\r\n";
    let service = Program::new().serve(&[]);
    for (line, headers) in [("GET /people", origin), ("OPTIONS /people", preflight)] {
        let (head, status, _) = ask(&service, line, headers);
        assert_eq!(status, 200);
        assert!(
            !head.contains_key("access-control-allow-origin"),
            "{head:?}"
        );
    }

    let service = Program::new().serve(&["--cors-origins", "https://b.example, https://a.example"]);
    let (head, _, _) = ask(&service, "GET /people?wrong=1", origin);
    assert_eq!(head["access-control-allow-origin"], "https://a.example");
    assert_eq!(
        head["access-control-expose-headers"],
        "etag,link,location,retry-after,x-request-id,x-total-count"
    );
    let (head, status, _) = ask(&service, &format!("OPTIONS {PERSON}"), preflight);
    assert_eq!(status, 200);
    assert_eq!(head["access-control-allow-origin"], "https://a.example");
    assert_eq!(head["access-control-allow-methods"], "GET,POST,PUT,DELETE");
    assert!(
        head["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("content-type")
    );
    assert!(head["vary"].to_str().unwrap().contains("origin"));
    let (head, _, _) = ask(&service, "GET /people", "Origin: https://c.example\r\n");
    assert!(
        !head.contains_key("access-control-allow-origin"),
        "{head:?}"
    );
    // What is no browser's question is answered by the contract.
    let (head, _, _) = ask(&service, "OPTIONS /people", origin);
    assert_eq!(head["allow"], "GET, HEAD, OPTIONS, POST");

    let service = Program::new().serve(&["--cors-origins", "*"]);
    let (head, _, _) = ask(&service, "GET /people", origin);
    assert_eq!(head["access-control-allow-origin"], "*");

    for wrong in ["a.example", "https://a.example/", "*,https://a.example"] {
        let stderr = Program::new()
            .run(&["config", "--cors-origins", wrong])
            .failed(2);
        assert!(
            stderr.contains("is neither * nor like https://example.org:8000"),
            "{stderr}"
        );
    }
}

/// What a request says of the page that it comes from, and whether it is let in by a service that trusts `https://a.example`.
const SENT_BY: [(&str, bool); 11] = [
    // No browser.
    ("", true),
    ("Sec-Fetch-Site: same-origin\r\nOrigin: http://x\r\n", true),
    // Typed in by hand.
    ("Sec-Fetch-Site: none\r\n", true),
    (
        "Sec-Fetch-Site: cross-site\r\nOrigin: https://b.example\r\n",
        false,
    ),
    ("Sec-Fetch-Site: same-site\r\nOrigin: http://y.x\r\n", false),
    ("Sec-Fetch-Site: cross-site\r\n", false),
    (
        "Sec-Fetch-Site: cross-site\r\nOrigin: https://a.example\r\n",
        true,
    ),
    // Browsers that say less, or say it over TLS only.
    ("Origin: http://x\r\n", true),
    ("Origin: http://y\r\n", false),
    ("Origin: null\r\n", false),
    ("Origin: https://a.example\r\n", true),
];

#[test]
fn another_sites_page_can_not_make_a_browser_change_anything() {
    let service = Program::new().serve(&["--cors-origins", "https://a.example"]);
    let open = Program::new().serve(&["--cors-origins", "*"]);
    for (headers, is_let_in) in SENT_BY {
        for (method, path, usual) in [
            ("POST", "/people", 400),
            ("PUT", PERSON, 400),
            ("DELETE", PERSON, 404),
            ("POST", "/people/import", 400),
            ("POST", "/session/end", 303),
            ("POST", "/people/new", 400),
            (
                "POST",
                "/people/00000000-0000-0000-0000-000000000000/edit",
                400,
            ),
            ("GET", PERSON, 404),
        ] {
            let line = format!("{method} {path}");
            let headers =
                format!("{headers}Content-Length: 0\r\nContent-Type: application/json\r\n");
            let headers = headers.replace(
                "application/json",
                if path.ends_with("import") {
                    "text/csv"
                } else {
                    "application/json"
                },
            );
            let (head, status, body) = ask(&service, &line, &headers);
            let expected = if is_let_in || method == "GET" {
                usual
            } else {
                403
            };
            assert_eq!(
                status,
                expected,
                "{line} {headers} {}",
                String::from_utf8_lossy(&body)
            );
            if status == 403 {
                assert_eq!(head["content-type"], "application/problem+json");
                assert!(String::from_utf8_lossy(&body).contains("another site's page"));
            }
            // Every site may send what no cookie authenticates, if every site may read.
            assert_eq!(ask(&open, &line, &headers).1, usual);
        }
    }
    // To whoever was led here, it is told in words, and without asking for a key.
    let headers = "Accept: text/html\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n";
    let (head, status, body) = ask(&service, "POST /session/end", headers);
    let page = String::from_utf8(body).unwrap();
    assert_eq!(
        (status, &head["content-type"]),
        (403, &"text/html; charset=utf-8".parse().unwrap())
    );
    assert!(
        page.contains("another site") && !page.contains("name=\"key\""),
        "{page}"
    );
}

#[test]
fn pages_allow_nothing_inline_and_nothing_from_elsewhere() {
    let service = Program::new().serve(&[]);
    let browser = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
    for path in [
        "/people",
        "/people/new",
        "/people/import",
        "/session",
        "/nowhere",
        "/people?limit=0",
    ] {
        let (head, _, body) = ask(&service, &format!("GET {path}"), browser);
        let policy = head["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && policy.contains("form-action 'self'"),
            "{policy}"
        );
        assert_eq!(head["cache-control"], "no-store", "{path}");
        let page = String::from_utf8(body).unwrap();
        assert!(page.starts_with("<!doctype html>"), "{page}");
        for inline in [
            " style=",
            "<style",
            "<script>",
            " onclick=",
            "javascript:",
            "//",
        ] {
            assert!(!page.contains(inline), "{inline} in {path}");
        }
    }
    let (_, status, _) = ask(&service, "GET /assets/pages-000000000000.css", "");
    assert_eq!(status, 404);
    // Of a program that likes JSON better nothing changes, whatever else it takes.
    for accept in [
        "application/json, text/html;q=0.9",
        "*/*",
        "application/problem+json",
    ] {
        let (head, _, _) = ask(&service, "GET /nowhere", &format!("Accept: {accept}\r\n"));
        assert_eq!(head["content-type"], "application/problem+json", "{accept}");
    }
    let (head, status, _) = ask(&service, "GET /", browser);
    assert_eq!(
        (status, &head["location"]),
        (303, &"/people".parse().unwrap())
    );
    assert_eq!(ask(&service, "GET /", "").1, 404);
}

#[test]
fn behind_a_proxy_that_speaks_tls_cookies_travel_under_tls_only() {
    let service = Program::new().serve(&["--trusted-proxies", "127.0.0.1"]);
    for (told, is_secure) in [
        ("", false),
        ("X-Forwarded-Proto: http\r\n", false),
        ("X-Forwarded-Proto: http, https\r\n", false),
        ("X-Forwarded-Proto: https\r\n", true),
        ("X-Forwarded-Proto: HTTPS, http\r\n", true),
    ] {
        let headers = format!("Content-Length: 0\r\n{told}");
        let (head, status, _) = ask(&service, "POST /session/end", &headers);
        assert_eq!(status, 303);
        let cookies: Vec<_> = head.get_all("set-cookie").iter().collect();
        // Over TLS the session's cookie has another name; the one without is removed, too.
        assert_eq!(cookies.len(), 2 + usize::from(is_secure), "{head:?}");
        for cookie in cookies {
            let cookie = cookie.to_str().unwrap();
            assert_eq!(cookie.ends_with("; Secure"), is_secure, "{told}{cookie}");
        }
        // What is said of the whole host is the proxy's to say.
        assert!(!head.contains_key("strict-transport-security"));
    }
}

#[test]
fn where_to_go_after_a_key_was_entered_is_never_another_site() {
    let service = Program::new().serve(&[]);
    for then in [
        "https://a.example/",
        "//a.example",
        "/\\a.example",
        "/%5C%5Ca.example%0d%0aX:%20y%20z",
        "people",
        "",
    ] {
        let path = format!("/session?then={then}");
        let (_, status, body) = ask(&service, &format!("GET {path}"), "");
        let page = String::from_utf8_lossy(&body);
        assert!(
            status == 400 || page.contains("value=\"/\""),
            "{then}: {page}"
        );
    }
    let (_, status, _) = ask(&service, "GET /session?then=/people?sort=name", "");
    assert_eq!(status, 200);
}

#[test]
fn way_back_in_an_address_stays_on_the_list() {
    let service = Program::new().serve(&[]);
    let body = "name=A&sex=male&age=1&passengerClass=1&fare=1&siblingsOrSpousesAboard=0&parentsOrChildrenAboard=0&survived=true";
    let head = format!(
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for (back, expected) in [
        (
            "sort%3Dname%26limit%3D10",
            Some("?back=sort%3Dname%26limit%3D10"),
        ),
        ("//a.example/", Some("?back=%2F%2Fa.example%2F")),
        ("", Some("")),
        ("%0d%0aX:%20y", None),
        ("%5C%5Ca.example", None),
        ("%23x", None),
    ] {
        let (answer, status, _) = ask(
            &service,
            &format!("POST /people/new?back={back}"),
            head.trim_end_matches("\r\n"),
        );
        match expected {
            None => assert_eq!(status, 400, "{back}"),
            Some(expected) => {
                let location = answer["location"].to_str().unwrap();
                assert_eq!(status, 303);
                assert!(
                    location.starts_with("/people/") && location.ends_with(expected),
                    "{location}"
                );
            }
        }
    }
    // After a person was removed there is only the list to go to.
    let people = service.get("/people?limit=1").body;
    let person: serde_json::Value = serde_json::from_str(&people).unwrap();
    let uuid = person[0]["uuid"].as_str().unwrap();
    let etag = service.get(&format!("/people/{uuid}")).headers["etag"].clone();
    let body: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("etag", etag.to_str().unwrap())
        .finish();
    let head = format!(
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let line = format!("POST /people/{uuid}/delete?back=//a.example/");
    let (answer, status, _) = ask(&service, &line, &head);
    assert_eq!(
        (status, &answer["location"]),
        (303, &"/people?//a.example/".parse().unwrap())
    );
}

#[test]
fn an_answer_is_compressed_if_that_is_asked_for_and_worth_it() {
    let service = Program::new().serve(&[]);
    let (head, _, plain) = ask(&service, "GET /people", "");
    assert!(!head.contains_key("content-encoding"));
    for encoding in ["gzip", "zstd"] {
        for path in ["/people", "/openapi.json"] {
            let accept = format!("Accept-Encoding: {encoding}\r\n");
            let (head, status, body) = ask(&service, &format!("GET {path}"), &accept);
            assert_eq!(
                (status, &head["content-encoding"]),
                (200, &encoding.parse().unwrap())
            );
            let mut vary = head.get_all("vary").iter();
            assert!(vary.any(|value| value == "accept-encoding"), "{head:?}");
            let whole = unpacked(encoding, &body);
            assert!(whole.len() > 2 * body.len(), "{}", body.len());
            let json: serde_json::Value = serde_json::from_slice(&whole).unwrap();
            if path == "/people" {
                assert_eq!(json.as_array().unwrap().len(), 714);
                assert_eq!(whole.len(), plain.len());
            }
        }
        let accept = format!("Accept-Encoding: {encoding}\r\n");
        let (head, _, body) = ask(&service, &format!("GET {PERSON}"), &accept);
        assert!(!head.contains_key("content-encoding"), "{head:?}");
        assert_eq!(head["content-length"], body.len().to_string());
    }
    let (head, ..) = ask(&service, "GET /people", "Accept-Encoding: br, identity\r\n");
    assert!(!head.contains_key("content-encoding"));
    let longest = serde_json::json!({
        "uuid": PERSON.rsplit('/').next(), "survived": false, "passengerClass": i32::MIN, "name": "\u{1}".repeat(100),
        "sex": "female", "age": i32::MIN, "siblingsOrSpousesAboard": i32::MIN,
        "parentsOrChildrenAboard": i32::MIN, "fare": f64::MIN,
    });
    assert_eq!(service.post("/people", &longest.to_string()).status, 200);
    let tag = |accept: &str| {
        let accept = format!("Accept: {accept}\r\nAccept-Encoding: gzip\r\n");
        let (head, status, _) = ask(&service, &format!("GET {PERSON}"), &accept);
        assert_eq!(status, 200);
        let tag = head["etag"].to_str().unwrap().to_owned();
        (tag, head.contains_key("content-encoding"))
    };
    // An entity tag stands for these bytes and no others. A person is never long enough to be compressed.
    let (strong, is_compressed) = tag("application/json");
    assert!(strong.starts_with('"') && !is_compressed);
    let (head, _, body) = ask(&service, "HEAD /people", "Accept-Encoding: gzip\r\n");
    assert!(body.is_empty(), "{head:?}");
}
