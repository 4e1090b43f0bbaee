//! Imports over HTTP by clients that are slow, many, too large or gone: what they take from others, and when they end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::postgres_server::{connect, fresh_database};
use crate::program::{Program, Service, until};

const HEADER: &str =
    "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";
const ROW: &str = "0,3,Doe,male,22,1,0,7.25\n";
const PERSON: &str = r#"{"name":"Ann","passengerClass":1,"sex":"female","age":7,"siblingsOrSpousesAboard":1,"parentsOrChildrenAboard":0,"fare":7.5}"#;

/// The beginning of a file of which more never comes.
const STALLED: &str = "POST /people/import HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 1000000\r\n\r\n\
    Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n0,3,Doe,male,22,1,0,7.25\n";

fn on(url: &str, flags: &[&str]) -> Service {
    let program = Program::on(url).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    program.serve(flags)
}

fn on_sqlite(flags: &[&str]) -> Service {
    on("sqlite:people.sqlite", flags)
}

/// The request for an import with these headers.
fn head(headers: &str) -> String {
    format!("POST /people/import HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n{headers}\r\n")
}

fn whole(headers: &str, body: &str) -> String {
    let length = body.len();
    let head = head(&format!(
        "Connection: close\r\n{headers}Content-Length: {length}\r\n"
    ));
    format!("{head}{body}")
}

/// What comes until the connection is closed.
fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// What comes first.
fn start(stream: &mut TcpStream) -> String {
    let mut part = vec![0; 4_000];
    let length = stream.read(&mut part).unwrap();
    String::from_utf8_lossy(&part[..length]).into_owned()
}

/// Imports that stall: as many as there may be, once all the others have been refused.
fn stalled(service: &Service, slots: usize, requests: &[&str]) -> Vec<TcpStream> {
    let all: Vec<_> = requests.iter().map(|one| service.send(one)).collect();
    let (refused, expected) = (
        || all.iter().filter(|one| is_answered(one)).count(),
        all.len() - slots,
    );
    until(|| match refused() {
        count if count == expected => Ok(()),
        count => Err(format!("{expected} refused imports, there are {count}")),
    });
    all
}

fn is_answered(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let is_answered = stream.peek(&mut [0]).is_ok_and(|length| length > 0);
    stream.set_nonblocking(false).unwrap();
    is_answered
}

/// Each would hold one of the database's connections, of which there are a hundred.
#[tokio::test]
async fn stalled_imports_open_no_database_connection() {
    let database = fresh_database().await;
    let service = on(database.url(), &["--max-imports", "30"]);
    let sessions = async || -> i64 {
        let text = "select count(*) from pg_stat_activity where datname = current_database()";
        let row = connect(database.url()).await.query_one(text, &[]).await;
        row.unwrap().get(0)
    };
    let _stalled = stalled(&service, 30, &[STALLED; 31]);
    assert_eq!(service.post("/people", PERSON).status, 200);
    let open = sessions().await;
    assert!(open <= 6, "{open} sessions");
    assert_eq!(service.people(), 1);
}

/// In SQLite there is one writer.
#[test]
fn stalled_import_holds_up_no_write() {
    let service = on_sqlite(&["--database-wait", "1"]);
    let trial = STALLED.replace("/people/import", "/people/import?dryRun=true");
    let _stalled = stalled(&service, 2, &[STALLED, &trial, STALLED, &trial]);
    for _ in 0..5 {
        assert_eq!(service.post("/people", PERSON).status, 200);
    }
    assert_eq!(service.people(), 5);
}

#[test]
fn one_import_too_many_is_refused_before_its_body_is_read() {
    let service = on_sqlite(&["--max-imports", "1"]);
    let mut stalled = stalled(&service, 1, &[STALLED, STALLED]);
    let index = stalled.iter().position(is_answered).unwrap();
    let refused = start(&mut stalled[index]);
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: 5\r\n"), "{refused}");
    assert!(
        refused
            .contains("As many imports are in progress as are allowed here, 1 (APP_MAX_IMPORTS)"),
        "{refused}"
    );
    // Of this one nothing has come but its head.
    let mut unread = service.send(&head("Content-Length: 1000\r\n"));
    assert!(start(&mut unread).starts_with("HTTP/1.1 503 "));
    drop(stalled);
    until(|| {
        let answer = rest(service.send(&whole("", &format!("{HEADER}{ROW}"))));
        let is_done = answer.starts_with("HTTP/1.1 200 ");
        if is_done { Ok(()) } else { Err(answer) }
    });
    assert_eq!(service.people(), 1);
}

#[test]
fn upload_that_comes_too_slowly_is_ended() {
    let service = on_sqlite(&["--timeout", "1", "--max-imports", "1"]);
    let begun = Instant::now();
    let mut slow = service.send(STALLED);
    slow.set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let mut part = [0; 1_000];
    let answer = until(|| {
        // More bytes than none, and less than is asked for.
        let _ = slow.write_all(b"\n");
        match slow.read(&mut part) {
            Ok(length) if length > 0 => Ok(String::from_utf8_lossy(&part[..length]).into_owned()),
            other => Err(format!("{other:?}")),
        }
    });
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let detail = "The file comes too slowly: less than 16 KiB in 1 seconds (APP_TIMEOUT). Nothing was stored.";
    assert!(answer.contains(detail), "{answer}");
    // Its place is free again.
    let answer = rest(service.send(&whole("", &format!("{HEADER}{ROW}"))));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn file_that_is_too_large_is_refused_with_the_limit() {
    let service = on_sqlite(&["--max-import-size", "100000"]);
    let detail =
        "The file is larger than 100000 bytes, the limit of an import here (APP_MAX_IMPORT_SIZE)";
    let large = format!("{HEADER}{}", ROW.repeat(20_000));
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let chunked = head("Connection: close\r\nTransfer-Encoding: chunked\r\n");
    for request in [
        whole("", &large),
        format!("{chunked}{chunk}"),
        // Nothing is sent before the service agrees.
        head("Expect: 100-continue\r\nContent-Length: 100001\r\n"),
    ] {
        let mut stream = service.send(&request);
        let answer = until(|| match start(&mut stream) {
            text if text.contains(detail) => Ok(text),
            text => Err(text),
        });
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
    // One that is as large as it may be is stored.
    let rows = (100_000 - HEADER.len()) / ROW.len();
    let fits = format!("{HEADER}{}", ROW.repeat(rows));
    let fits = format!("{fits}{}", "\n".repeat(100_000 - fits.len()));
    let answer = rest(service.send(&whole("", &fits)));
    assert!(
        answer.contains(&format!("\"imported\":{rows},")),
        "{answer}"
    );
}

#[test]
fn transfer_that_breaks_off_stores_nothing() {
    let service = on_sqlite(&[]);
    let body = format!("{HEADER}{}", ROW.repeat(10));
    let chunked = format!(
        "{}{:x}\r\n{body}\r\n",
        head("Transfer-Encoding: chunked\r\n"),
        body.len()
    );
    for request in [
        format!("{}{body}", head("Content-Length: 5000\r\n")),
        chunked,
    ] {
        let stream = service.send(&request);
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = rest(stream);
        assert!(!answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert_eq!(service.people(), 0);
}

/// The lines of a response with progress.
struct Lines(BufReader<TcpStream>);

impl Lines {
    /// Sends a file.
    fn of(service: &Service, path: &str, body: &str) -> Self {
        let accept = "Accept: application/x-ndjson\r\n";
        let request = whole(accept, body).replace("/people/import", path);
        Self(BufReader::new(service.send(&request)))
    }
}

impl Iterator for Lines {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if line.starts_with('{') {
                return Some(serde_json::from_str(&line).unwrap());
            }
        }
    }
}

#[test]
fn import_tells_how_far_it_is() {
    let service = on_sqlite(&[]);
    let body = format!("{HEADER}{}", ROW.repeat(20_000));
    let mut lines: Vec<_> = Lines::of(&service, "/people/import", &body).collect();
    let done = json!({"phase": "done", "imported": 20_000, "agesCut": 0, "dryRun": false});
    assert_eq!(lines.pop(), Some(done));
    assert_eq!(
        lines.first(),
        Some(&json!({"phase": "checking", "rows": 0}))
    );
    let phases: Vec<_> = lines
        .iter()
        .map(|line| line["phase"].as_str().unwrap())
        .collect();
    assert!(phases.is_sorted(), "{lines:?}");
    assert!(
        phases
            .iter()
            .all(|phase| ["checking", "storing"].contains(phase)),
        "{lines:?}"
    );
    assert_eq!(service.people(), 20_000);

    let trial = Lines::of(&service, "/people/import?dryRun=true", &body).last();
    let done = json!({"phase": "done", "imported": 20_000, "agesCut": 0, "dryRun": true});
    assert_eq!(trial, Some(done));
    let failed = Lines::of(&service, "/people/import", &format!("{HEADER}x\n"))
        .last()
        .unwrap();
    assert_eq!(
        (&failed["phase"], &failed["problem"]["status"]),
        (&json!("failed"), &json!(400))
    );
    assert_eq!(failed["problem"]["errors"][0]["line"], 2);
    assert_eq!(service.people(), 20_000);
}

/// A browser's Cancel closes the connection.
#[test]
fn import_ends_when_its_client_goes_away() {
    let service = on_sqlite(&["--database-import-timeout", "600"]);
    // Takes the test's build of SQLite many seconds to store.
    let body = format!("{HEADER}{}", ROW.repeat(150_000));
    let mut lines = Lines::of(&service, "/people/import", &body);
    let storing = lines.find(|line| line["phase"] == "storing" && line["rows"] != 0);
    assert!(storing.is_some());
    drop(lines);
    let begun = Instant::now();
    assert_eq!(service.post("/people", PERSON).status, 200);
    // A tick until the service notices, a moment to roll back, and a machine that does other things, too.
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(service.people(), 1);
}

/// A table that is locked stands for a database that is slow.
#[tokio::test]
async fn import_that_takes_too_long_to_store_is_rolled_back() {
    let database = fresh_database().await;
    let service = on(database.url(), &["--database-import-timeout", "1"]);
    let other = connect(database.url()).await;
    other
        .batch_execute("begin; lock table person in share mode")
        .await
        .unwrap();
    let answer = rest(service.send(&whole("", &format!("{HEADER}{ROW}"))));
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let detail = "Storing this file takes longer than 1 seconds, the limit here (DATABASE_IMPORT_TIMEOUT), so nothing \
        was stored.";
    assert!(answer.contains(detail), "{answer}");
    other.batch_execute("rollback").await.unwrap();
    assert_eq!(service.people(), 0);
}
