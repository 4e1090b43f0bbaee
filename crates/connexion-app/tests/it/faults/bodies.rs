//! What one large request costs in memory, whatever its shape.

use std::io::Write;

use super::Stood;
use super::load::person;
use crate::program::{Program, Service, status_line};

/// Just below the limit that services have had.
const TWO_MEBIBYTES: usize = 2 * 1024 * 1024;

/// How much one request may add to resident memory, in kilobytes.
const MAY_ADD: u64 = 16_000;

/// One request of each shape, each to a service that has answered one before.
pub(super) fn large() -> Stood {
    let mut all = Vec::new();
    for (shape, body) in large_bodies().into_iter().chain(large_values()) {
        all.push((
            added(shape, |service| send_json(service, shape, &body)),
            shape,
        ));
    }
    for (shape, body) in large_forms() {
        all.push((
            added(shape, |service| send_form(service, shape, &body)),
            shape,
        ));
    }
    let chunks = "chunks of one byte";
    all.push((added(chunks, send_chunks), chunks));
    let (most, shape) = all.iter().max().unwrap();
    Stood {
        done: format!(
            "{} shapes of JSON and of forms, each to a service of its own, `APP_MAX_BODY_SIZE={TWO_MEBIBYTES}`",
            all.len()
        ),
        figures: format!("at most {most} kB more, by {shape}"),
    }
}

/// How many kilobytes one request adds to the memory of a service that has answered one before.
#[track_caller]
fn added(shape: &str, send: impl Fn(&Service)) -> u64 {
    let limit = TWO_MEBIBYTES.to_string();
    let program = Program::new().env("APP_SETTINGS", "production");
    let service = program.serve(&["--max-body-size", &limit, "--access-log", "off"]);
    assert_eq!(service.post("/people", &with_more("0")).status, 200);
    let idle = service.running.memory("VmRSS");
    send(&service);
    let added = service.running.memory("VmHWM").saturating_sub(idle);
    assert!(added < MAY_ADD, "{shape}: {added} kB");
    added
}

fn send_json(service: &Service, shape: &str, body: &[u8]) {
    let json = [("content-type", "application/json")];
    let answer = service.post_as("/people", &json, body);
    let status = answer.status.as_u16();
    assert!([200, 400, 413].contains(&status), "{shape}: {answer:?}");
    let length = answer.body.len();
    assert!(length < 500_000, "{shape}: {length}");
    let is_valid = shape.ends_with("of an unknown member");
    assert!(status == 200 || !is_valid, "{shape}: {answer:?}");
}

fn send_form(service: &Service, shape: &str, body: &[u8]) {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = service.post_as("/session", &form, body);
    assert!(answer.status.is_client_error(), "{shape}: {answer:?}");
}

fn send_chunks(service: &Service) {
    let head = "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut body = filled("[", "[0],", "0]");
    body.truncate(TWO_MEBIBYTES / 4);
    let chunks = body
        .iter()
        .flat_map(|byte| [b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
    let chunks: Vec<u8> = chunks.chain(*b"0\r\n\r\n").collect();
    let mut stream = service.send(head);
    stream.write_all(&chunks).unwrap();
    assert!(status_line(&mut stream, 20_000).starts_with("HTTP/1.1 413 "));
}

/// A valid person with another member, whose JSON this is.
fn with_more(member: &str) -> String {
    person("Ann").replacen('{', &format!("{{\"more\":{member},"), 1)
}

/// As many of `unit` as fit into two mebibytes, between `start` and `end`.
fn filled(start: &str, unit: &str, end: &str) -> Vec<u8> {
    let count = (TWO_MEBIBYTES - start.len() - end.len()) / unit.len();
    format!("{start}{}{end}", unit.repeat(count)).into_bytes()
}

/// Numbered ones, each another.
fn numbered(start: &str, unit: fn(usize) -> String, end: &str) -> Vec<u8> {
    let mut text = start.to_owned();
    for number in 0.. {
        let one = unit(number);
        if text.len() + one.len() + end.len() > TWO_MEBIBYTES {
            break;
        }
        text += &one;
    }
    (text + end).into_bytes()
}

/// Bodies of two mebibytes of JSON, of many arrays, objects or properties.
fn large_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let nested = "[".repeat(100) + &"]".repeat(100) + ",";
    let more = with_more("@");
    let (start, end) = more.split_once('@').unwrap();
    vec![
        ("arrays", filled("[", "[0],", "0]")),
        (
            "arrays of an unknown member",
            filled(&format!("{start}["), "[0],", &format!("0]{end}")),
        ),
        ("objects", filled("[", "{\"a\":{}},", "0]")),
        (
            "objects of an unknown member",
            filled(&format!("{start}["), "{\"a\":{}},", &format!("0]{end}")),
        ),
        ("nested arrays", filled("[", &nested, "0]")),
        (
            "nested arrays of a known member",
            filled("{\"name\":[", &nested, "0]}"),
        ),
        ("open arrays", filled("", "[", "")),
        (
            "members",
            numbered("{", |number| format!("\"{number}\":0,"), "\"\":0}"),
        ),
        (
            "members of a known member",
            numbered(
                "{\"name\":{",
                |number| format!("\"{number}\":0,"),
                "\"\":0}}",
            ),
        ),
        ("a repeated member", filled("{", "\"age\":0,", "\"age\":0}")),
        (
            "a repeated member of arrays",
            filled("{", "\"age\":[[0]],", "\"age\":0}"),
        ),
    ]
}

/// Bodies of two mebibytes of JSON, most of which is one value or many of a kind.
fn large_values() -> Vec<(&'static str, Vec<u8>)> {
    let utf16: Vec<u8> =
        String::from_utf8(filled("[", "[0],", "0]")[..TWO_MEBIBYTES / 2 - 4].to_vec())
            .unwrap()
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
    vec![
        ("numbers", filled("{\"age\":[", "0,", "0]}")),
        ("negative zeros", filled("{\"age\":[-0,[", "-0,", "0]]}")),
        (
            "negative zeros beside a fault",
            filled("{\"age\":\"\",\"x\":[", "-0,", "0]}"),
        ),
        ("a long number", filled("{\"age\":", "1", "}")),
        ("a long fraction", filled("{\"fare\":0.", "1", "}")),
        ("a long string", filled("{\"name\":\"", "x", "\"}")),
        (
            "a long string of escapes",
            filled("{\"name\":\"", "\\n", "\"}"),
        ),
        (
            "a long string of what is not printed",
            filled("{\"sex\":\"", "\u{7f}", "\"}"),
        ),
        ("a long key", filled("{\"", "x", "\":0}")),
        ("UTF-16", utf16),
        (
            "no UTF-8",
            filled("{\"name\":\"", "x", "\"}")
                .iter()
                .map(|byte| byte | 0x80)
                .collect(),
        ),
    ]
}

fn large_forms() -> [(&'static str, Vec<u8>); 4] {
    [
        ("fields", filled("", "a=&", "")),
        ("a field", filled("key=", "%01", "")),
        ("a field that is no UTF-8", vec![0xff; TWO_MEBIBYTES]),
        ("no fields", vec![b'&'; TWO_MEBIBYTES]),
    ]
}

#[test]
fn one_request_of_two_mebibytes_adds_at_most_16_megabytes_to_memory() {
    large();
}
