//! What a request's body may be: compressed, in another charset, or meant to use up memory.

use std::io::Write as _;
use std::net::TcpStream;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::program::{Answer, Program, Service, status_line};

const JSON: &str = "application/json";
const CSV: &str =
    "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";

/// How much one request may add to resident memory, in kilobytes.
const MAY_ADD: u64 = 16_000;

fn serve(flags: &[&str]) -> Service {
    let program = Program::on("sqlite:people.sqlite").env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    program.serve(flags)
}

/// A valid person with another member, whose JSON this is.
fn person_with(member: &str) -> String {
    format!(
        r#"{{"more":{member},"name":"Zoë","passengerClass":1,"sex":"female","age":7,"siblingsOrSpousesAboard":0,"parentsOrChildrenAboard":0,"fare":7.5}}"#
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn import(service: &Service, fields: &[(&str, &str)], body: &[u8]) -> Answer {
    service.post_as("/people/import", fields, body)
}

/// The `detail` of a problem.
#[track_caller]
fn detail(answer: &Answer) -> String {
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    problem["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_compressed_body_of_json_is_unpacked() {
    let service = serve(&[]);
    let person = person_with("0");
    let plain = person.as_bytes();
    for (codings, body) in [
        ("gzip", gzip(plain)),
        ("x-gzip", gzip(plain)),
        ("GZip", gzip(plain)),
        ("zstd", zstd(plain)),
        ("identity", plain.to_vec()),
        ("Identity, gzip", gzip(plain)),
        ("gzip, zstd", zstd(&gzip(plain))),
        ("zstd ,\tgzip, ", gzip(&zstd(plain))),
        // RFC 1952, section 2.2, and RFC 8878, section 3: members and frames follow one another.
        (
            "gzip",
            [gzip(&plain[..9]), gzip(&[]), gzip(&plain[9..])].concat(),
        ),
        (
            "zstd",
            [zstd(&plain[..9]), zstd(&[]), zstd(&plain[9..])].concat(),
        ),
    ] {
        let fields = [
            ("content-type", "application/json; charset=utf-8"),
            ("content-encoding", codings),
        ];
        let answer = service.post_as("/people", &fields, &body);
        assert_eq!(answer.status, 200, "{codings}: {answer:?}");
        let stored: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(stored["name"], "Zoë", "{codings}");
    }
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-encoding", "gzip"),
    ];
    let answer = service.post_as("/session", &form, &gzip(b"key=unknown"));
    assert_eq!(answer.status, 422, "{answer:?}");
}

#[test]
fn codings_of_several_fields_are_one_list() {
    let service = serve(&[]);
    let fields = [
        ("content-type", JSON),
        ("content-encoding", "gzip"),
        ("content-encoding", "zstd"),
    ];
    let answer = service.post_as(
        "/people",
        &fields,
        &zstd(&gzip(person_with("0").as_bytes())),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_compressed_file_is_imported() {
    let service = serve(&[]);
    let rows = |count: usize| format!("{CSV}{}", "0,3,Zoë,female,22,1,0,7.25\n".repeat(count));
    let csv = rows(20_000);
    let (first, second) = csv.split_at(csv.len() / 2);
    for (coding, body) in [
        ("gzip", gzip(csv.as_bytes())),
        ("zstd", zstd(csv.as_bytes())),
        (
            "gzip",
            [gzip(first.as_bytes()), gzip(second.as_bytes())].concat(),
        ),
    ] {
        let fields = [("content-type", "text/csv"), ("content-encoding", coding)];
        let answer = import(&service, &fields, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let done: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(done["imported"], 20_000);
    }
    let lines = [
        ("content-type", "application/x-ndjson"),
        ("content-encoding", "zstd"),
    ];
    assert_eq!(
        import(&service, &lines, &zstd(person_with("0").as_bytes())).status,
        200
    );
    assert_eq!(service.people(), 60_001);
}

#[test]
fn another_content_coding_is_415_with_accept_encoding() {
    let service = serve(&[]);
    for coding in [
        "br",
        "deflate",
        "compress",
        "gzip, br",
        "utf-8",
        "gzip, gzip, gzip",
    ] {
        for (path, kind) in [
            ("/people", JSON),
            ("/people/import", "text/csv"),
            ("/session", "application/x-www-form-urlencoded"),
        ] {
            let fields = [("content-type", kind), ("content-encoding", coding)];
            let answer = service.post_as(path, &fields, b"{}");
            assert_eq!(answer.status, 415, "{coding} {path}: {answer:?}");
            // RFC 9110, section 12.5.3.
            assert_eq!(answer.headers["accept-encoding"], "gzip, zstd");
            assert!(answer.body.contains("unsupported-type"), "{answer:?}");
        }
        // Nobody reads a body there.
        let fields = [("content-encoding", coding)];
        assert_eq!(service.post_as("/nowhere", &fields, b"{}").status, 404);
        assert_eq!(service.post_as("/session/end", &fields, b"{}").status, 303);
    }
    let answer = service.post_as("/people", &[("content-type", "text/plain")], b"{}");
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.headers.get("accept-encoding")
        ),
        (415, None)
    );
}

#[test]
fn a_body_whose_compressed_data_is_cut_or_corrupt_is_400() {
    let service = serve(&[]);
    let csv = format!("{CSV}0,3,Doe,male,22,1,0,7.25\n");
    for (coding, path, kind, plain) in [
        ("gzip", "/people", JSON, person_with("0")),
        ("zstd", "/people", JSON, person_with("0")),
        ("gzip", "/people/import", "text/csv", csv.clone()),
        ("zstd", "/people/import", "text/csv", csv),
    ] {
        let fields = [("content-type", kind), ("content-encoding", coding)];
        let packed = if coding == "gzip" {
            gzip(plain.as_bytes())
        } else {
            zstd(plain.as_bytes())
        };
        for end in [1, 5, packed.len() / 2, packed.len() - 1] {
            let answer = service.post_as(path, &fields, &packed[..end]);
            assert_eq!(answer.status, 400, "{coding} {path} {end}: {answer:?}");
            assert_eq!(
                detail(&answer),
                format!("The request's body ends before its {coding} data does.")
            );
        }
        let mut corrupt = packed.clone();
        let middle = corrupt.len() / 2;
        corrupt[middle] ^= 0x55;
        let after = [&packed[..], b"more"].concat();
        for body in [&corrupt[..], plain.as_bytes(), &after] {
            let answer = service.post_as(path, &fields, body);
            assert_eq!(answer.status, 400, "{coding} {path}: {answer:?}");
            assert!(
                detail(&answer).contains(&format!("{coding} data")),
                "{answer:?}"
            );
        }
    }
    assert_eq!(service.people(), 0);
}

#[test]
fn a_bomb_is_413_and_takes_little_memory() {
    let service = serve(&["--access-log", "off"]);
    let fields = |coding| [("content-type", JSON), ("content-encoding", coding)];
    assert_eq!(
        service
            .post_as(
                "/people",
                &fields("zstd"),
                &zstd(person_with("0").as_bytes())
            )
            .status,
        200
    );
    let idle = service.running.memory("VmRSS");
    let zeros = vec![b'0'; 64 << 20];
    for (coding, body) in [
        ("gzip", gzip(&zeros)),
        ("zstd", zstd(&zeros)),
        ("gzip, zstd", zstd(&gzip(&zeros))),
    ] {
        let answer = service.post_as("/people", &fields(coding), &body);
        assert_eq!(answer.status, 413, "{coding}: {answer:?}");
    }
    // A frame says itself how much memory it takes: here 128 MiB.
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&zeros).unwrap();
    let answer = service.post_as("/people", &fields("zstd"), &encoder.finish().unwrap());
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(
        detail(&answer).contains("a window of at most 8 MiB"),
        "{answer:?}"
    );
    let added = service.running.memory("VmHWM").saturating_sub(idle);
    assert!(added < MAY_ADD, "{added} kB");
}

/// RFC 8259, section 11.
#[test]
fn the_charset_of_json_has_no_meaning() {
    let service = serve(&[]);
    let utf16: Vec<u8> = person_with("0")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for charset in [
        "iso-8859-1",
        "latin-1",
        "UTF-16",
        "utf-8",
        "\"koi8-r\"",
        "none",
    ] {
        let kind = format!("application/json; charset={charset}");
        for body in [person_with("0").as_bytes(), &utf16] {
            let answer = service.post_as("/people", &[("content-type", &kind)], body);
            assert_eq!(answer.status, 200, "{charset}: {answer:?}");
            assert!(answer.body.contains("Zoë"), "{charset}: {answer:?}");
        }
    }
}

#[test]
fn an_import_is_read_in_its_charset_or_refused() {
    let service = serve(&[]);
    let csv = format!("{CSV}0,3,Zoë,female,22,1,0,7.25\n");
    let latin1: Vec<u8> = csv
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let person = person_with("0");
    for (kind, body) in [
        ("text/csv", csv.as_bytes()),
        ("text/csv; charset=UTF-8", csv.as_bytes()),
        ("text/csv;header=present;Charset=\"utf-8\"", csv.as_bytes()),
        ("TEXT/CSV; charset=iso-8859-1", &latin1),
        ("application/x-ndjson; charset=us-ascii", person.as_bytes()),
    ] {
        let answer = import(&service, &[("content-type", kind)], body);
        assert_eq!(answer.status, 200, "{kind}: {answer:?}");
    }
    let people: Value = serde_json::from_str(&service.get("/people").body).unwrap();
    let names: Vec<_> = people
        .as_array()
        .unwrap()
        .iter()
        .map(|person| &person["name"])
        .collect();
    assert_eq!(names, vec![&json!("Zoë"); 5]);
    for kind in [
        "text/csv; charset=koi8-r",
        "text/csv;charset=utf-16",
        "application/x-ndjson; charset=windows-1252",
    ] {
        let answer = import(&service, &[("content-type", kind)], csv.as_bytes());
        assert_eq!(answer.status, 415, "{kind}: {answer:?}");
        assert!(detail(&answer).contains(kind), "{answer:?}");
        assert!(!answer.headers.contains_key("accept-encoding"));
    }
}

/// Sends a head, and the beginning of its body.
fn begin(service: &Service, sent: usize) -> TcpStream {
    let head = format!(
        "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 65536\r\n\r\n"
    );
    service.send(&format!("{head}{}", " ".repeat(sent)))
}

#[test]
fn slow_bodies_share_a_limited_memory() {
    let service = serve(&["--body-memory", "65536", "--timeout", "60"]);
    let long = person_with(&format!("\"{}\"", "x".repeat(40_000)));
    let mut first = begin(&service, 40_000);
    let refused = crate::program::until(|| {
        // It may itself be the one for which there was no memory.
        if !status_line(&mut first, 1).is_empty() {
            first = begin(&service, 40_000);
        }
        let answer = service.post("/people", &long);
        match answer.status.as_u16() {
            503 => Ok(answer),
            _ => Err(format!("{answer:?}")),
        }
    });
    assert_eq!(refused.headers["retry-after"], "1");
    // Nobody else notices who sends as little as most do.
    assert_eq!(service.post("/people", &person_with("0")).status, 200);
    first.write_all(" ".repeat(25_536).as_bytes()).unwrap();
    assert!(status_line(&mut first, 10_000).starts_with("HTTP/1.1 400 "));
    drop(first);
    crate::program::until(|| {
        let answer = service.post("/people", &long);
        (answer.status == 200)
            .then_some(())
            .ok_or(format!("{answer:?}"))
    });
}
