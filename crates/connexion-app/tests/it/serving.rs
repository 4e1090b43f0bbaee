//! The service from its start to its end, through what may happen to its database and its clients.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::postgres_server::{PrivateServer, connect, fresh_database};
use crate::program::{Answer, Program, until, until_async};

const SQLITE: &str = "sqlite:people.sqlite";
const PERSON: &str = r#"{"name":"Doe","passengerClass":1,"sex":"male","age":7,
    "siblingsOrSpousesAboard":0,"parentsOrChildrenAboard":0,"fare":7.5}"#;
const LIST: &str = "GET /people HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Far more people than all the buffers between the store and a client can hold.
pub(crate) const MANY: usize = 30_000;

/// In production, on a database with many people.
pub(crate) fn crowded(url: &str) -> Program {
    let program = Program::on(url).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    let header =
        "Survived,Pclass,Name,Sex,Age,Siblings/Spouses Aboard,Parents/Children Aboard,Fare\n";
    let rows = "0,3,Doe,male,22,1,0,7.25\n".repeat(MANY);
    program
        .run_with(&["import-data", "-"], &format!("{header}{rows}"))
        .ok();
    program
}

/// Reads what is left of an answer, and whether that is all of it.
fn is_complete(mut stream: TcpStream, mut read: Vec<u8>) -> bool {
    // A reset is one way to be cut off.
    let _ = stream.read_to_end(&mut read);
    // The array's end may be a chunk of its own.
    read.ends_with(b"]\r\n0\r\n\r\n")
        && String::from_utf8(read).unwrap().matches("\"uuid\"").count() == MANY
}

#[track_caller]
fn is_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let expected = r#"{"type":"about:blank","title":"Service Unavailable","status":503,"#;
    assert!(answer.body.starts_with(expected), "{}", answer.body);
    // Whether a change was stored whose connection broke is unknown.
    let details = [
        "The service can't answer right now. Please try again.",
        "The service can't tell whether this was stored. Please check before you try again.",
    ];
    assert!(details.iter().any(|detail| answer.body.contains(detail)));
    for internal in [
        "127.0.0.1",
        "postgres",
        "connect",
        "person",
        "select",
        "sqlite",
    ] {
        assert!(!answer.body.contains(internal), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_new_database_gets_the_sample_once() {
    let database = fresh_database().await;
    for program in [
        Program::new(),
        Program::on(SQLITE),
        Program::on(database.url()),
    ] {
        let service = program.serve(&[]);
        assert_eq!(service.people(), 714);
        assert_eq!(service.post("/people", PERSON).status, 200);
        service.running.signal("INT");
        let ended = service.running.end();
        let stored = "the database is new: 714 sample passengers are stored in it\n";
        assert_eq!(ended.stderr.matches(stored).count(), 1, "{ended:?}");
        ended.ok();

        let service = program.serve(&[]);
        assert_eq!(service.people(), 715);
        let ended = service.stop();
        assert!(!ended.stderr.contains("sample"), "{ended:?}");
        ended.ok();
    }
}

#[tokio::test]
async fn two_that_start_at_once_store_the_sample_once() {
    let database = fresh_database().await;
    let shared = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}/people.sqlite", shared.path().display());
    for url in [database.url(), &file] {
        let programs = [Program::on(url), Program::on(url)];
        let running = [&programs[0], &programs[1]].map(|program| program.start(&[]));
        let services = running.map(|running| running.serving());
        for service in &services {
            until(|| match service.people() {
                714 => Ok(()),
                people => Err(format!("714 people, there are {people}")),
            });
        }
        let said: String = services.map(|service| service.stop().stderr).concat();
        assert_eq!(said.matches("sample passengers").count(), 1, "{said}");
    }
}

#[test]
fn it_waits_for_a_database_that_comes_up_later() {
    let server = PrivateServer::start();
    server.stop("fast");
    let program = Program::on(&server.url("postgres"));
    let running = program.start(&[]);
    running.until_it_says(
        "WARN waiting: the database is unavailable: error connecting to server: Connection refused",
    );
    server.start_again();
    assert_eq!(running.serving().people(), 714);
}

#[test]
fn whoever_stops_it_while_it_waits_does_not_wait() {
    let program = Program::on("postgres://me@127.0.0.1:1/people");
    for signal in ["TERM", "INT"] {
        let running = program.start(&[]);
        running.until_it_says("waiting");
        let begun = Instant::now();
        running.signal(signal);
        running.end().ok();
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_not_waited_for() {
    let program = Program::on("sqlite:gone/people.sqlite");
    let stderr = program.run(&[]).failed(1);
    let told = format!(
        "connexion-app: the database is unavailable: there is no directory {}\n",
        program.path("gone").display()
    );
    assert!(stderr.ends_with(&told), "{stderr}");
    assert!(!stderr.contains("waiting"), "{stderr}");
}

#[tokio::test]
async fn it_waits_for_migrations_that_another_process_applies() {
    let database = fresh_database().await;
    for url in [database.url(), SQLITE] {
        let program = Program::on(url)
            .env("APP_SETTINGS", "production")
            .env("CHECK_MIGRATION", "True");
        let running = program.start(&[]);
        running.until_it_says(
            "WARN waiting: the migrations are not applied (V1__person, V2__api_key, V3__lists): run `connexion-app migrate`\n",
        );
        program.run(&["migrate"]).ok();
        assert_eq!(running.serving().people(), 0);
    }
}

#[tokio::test]
async fn in_production_the_migrations_are_a_persons_to_apply() {
    let database = fresh_database().await;
    for url in [database.url(), SQLITE] {
        let program = Program::on(url).env("APP_SETTINGS", "production");
        let service = program.serve(&[]);
        service.running.until_it_says(
            "WARN the migrations are not applied (V1__person, V2__api_key, V3__lists): run `connexion-app migrate`\n",
        );
        let path = "/people/00000000-0000-0000-0000-000000000000";
        is_unavailable(&service.get("/people"));
        is_unavailable(&service.get(path));
        is_unavailable(&service.post("/people", PERSON));
        assert_eq!(
            program.run(&["migrate"]).ok(),
            "applied V1__person, V2__api_key, V3__lists\n"
        );
        assert_eq!(service.get(path).status, 404);
        assert_eq!(service.post("/people", PERSON).status, 200);
        assert_eq!(service.people(), 1);
    }
}

#[test]
fn a_database_that_goes_away_and_comes_back_is_used_again() {
    let server = PrivateServer::start();
    let program = Program::on(&server.url("postgres"));
    let service = program.serve(&[]);
    let added = service.post("/people", PERSON);
    let path = added.headers["location"].to_str().unwrap();
    assert_eq!(service.people(), 715);
    // The first request after a restart that nobody noticed, of each kind.
    let requests: [&dyn Fn() -> Answer; 3] =
        [&|| service.get(path), &|| service.get("/people"), &|| {
            service.post("/people", PERSON)
        }];
    for request in requests {
        server.stop("fast");
        server.start_again();
        let answer = request();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    server.stop("immediate");
    for request in requests {
        is_unavailable(&request());
    }
    server.start_again();
    for request in requests {
        let answer = request();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    service.stop().ok();
}

#[tokio::test]
async fn an_answer_under_way_is_finished_before_the_end() {
    let database = fresh_database().await;
    for url in [database.url(), SQLITE] {
        let program = crowded(url);
        for signal in ["TERM", "INT"] {
            let service = program.serve(&[]);
            // One that waits for its next request does not hold up the end.
            let idle = service.send("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
            let mut list = service.send(LIST);
            let mut first = vec![0; 1_000];
            list.read_exact(&mut first).unwrap();
            service.running.signal(signal);
            service.running.until_it_says("INFO stopping");
            until(|| match TcpStream::connect(&service.address) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
                other => Err(format!("a refusal, it is {other:?}")),
            });
            assert!(is_complete(list, first));
            service.running.end().ok();
            drop(idle);
        }
    }
}

/// A client that began a request and never ends it must not be able to keep the service from stopping.
#[test]
fn a_second_signal_ends_it_at_once() {
    let service = Program::new().serve(&[]);
    let _half = service.send("GET /people HTTP/1.1\r\nHo");
    // Accepted after it, so the one before has been accepted too.
    assert_eq!(service.people(), 714);
    service.running.signal("INT");
    service
        .running
        .until_it_says("a second signal stops at once");
    let begun = Instant::now();
    service.stop().ok();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

/// Nor may it keep it for longer than was set.
#[test]
fn what_is_under_way_has_so_much_time_to_end() {
    let service = Program::new().serve(&["--graceful-timeout", "1"]);
    let _half = service.send("POST /people HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
    assert_eq!(service.people(), 714);
    let begun = Instant::now();
    let ended = service.stop();
    let taken = begun.elapsed();
    assert!(
        (Duration::from_millis(900)..Duration::from_secs(5)).contains(&taken),
        "{taken:?}"
    );
    assert!(
        ended
            .stderr
            .contains("some did not end within 1 s; they are cut"),
        "{ended:?}"
    );
    ended.ok();
}

/// When a reader goes on that has read so much: 400 kB a second on the whole. A part takes it much less than the
/// server's patience, all of them much more; and a machine that is slow does not make it slower still. This slowness is
/// what is tested: everything else waits for conditions.
pub(crate) fn slowly(begun: Instant, read: usize) -> Instant {
    begun + Duration::from_nanos(2_500) * u32::try_from(read).unwrap()
}

#[tokio::test]
async fn a_slow_reader_is_not_cut() {
    let database = fresh_database().await;
    for url in [database.url(), SQLITE] {
        let service = crowded(url).serve(&["--timeout", "1"]);
        let mut list = service.send(LIST);
        let begun = Instant::now();
        let mut read = Vec::new();
        while begun.elapsed() < Duration::from_secs(3) {
            let mut part = vec![0; 20_000];
            list.read_exact(&mut part).unwrap();
            read.extend(part);
            sleep(slowly(begun, read.len()).saturating_duration_since(Instant::now()));
        }
        assert!(is_complete(list, read));
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_closed() {
    let database = fresh_database().await;
    let service = crowded(database.url()).serve(&["--timeout", "1"]);
    let by_hand = connect(database.url()).await;
    let mut list = service.send(LIST);
    let mut first = vec![0; 1_000];
    list.read_exact(&mut first).unwrap();
    assert_eq!(list_sessions(&by_hand).await, 1);
    until_async(async || match list_sessions(&by_hand).await {
        0 => Ok(()),
        count => Err(format!("the end of {count} sessions")),
    })
    .await;
    assert!(!is_complete(list, first));
    // Had it been read to its end, the session would have been kept for the next.
    assert_eq!(service.people(), MANY);
    assert_eq!(list_sessions(&by_hand).await, 1);
}

pub(crate) async fn list_sessions(by_hand: &Client) -> i64 {
    let query = "select count(*) from pg_stat_activity where datname = current_database() \
        and query like 'select % from person'";
    by_hand.query_one_scalar(query, &[]).await.unwrap()
}

#[test]
fn what_takes_too_long_is_answered_with_503() {
    let service = Program::new().serve(&["--timeout", "1"]);
    let endless = "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    let begun = Instant::now();
    let mut answer = [0; 12];
    service.send(endless).read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    assert!(
        begun.elapsed() > Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
}

/// What a developer sees who writes the contract while the service runs.
#[test]
fn a_document_that_changes_is_loaded_again_and_one_with_faults_is_not() {
    let contract = include_str!("../../openapi.yaml");
    let stricter = contract.replace("maxLength: 100", "maxLength: 100\n      minLength: 5");
    let broken = contract.replace("operationId: people.list", "operationId: nobody");
    let program = Program::new().file("spec.yaml", contract);
    let service = program.serve(&["--spec", "spec.yaml"]);
    assert_eq!(service.post("/people", PERSON).status, 200);
    let program = program.file("spec.yaml", &stricter);
    service.running.until_it_says("spec.yaml was loaded again");
    assert_eq!(service.post("/people", PERSON).status, 400);
    let program = program.file("spec.yaml", &broken);
    service
        .running
        .until_it_says("the document before stays: spec.yaml:");
    assert_eq!(service.post("/people", PERSON).status, 400);

    let stderr = program.run(&["--spec", "spec.yaml"]).failed(1);
    assert!(
        stderr.contains("the operation `nobody` has no handler"),
        "{stderr}"
    );
    let stderr = program.run(&["--spec", "gone.yaml"]).failed(1);
    assert!(stderr.contains("gone.yaml"), "{stderr}");

    let program = program.file("spec.yaml", contract);
    let service = program.serve(&["--spec=spec.yaml", "--settings=production"]);
    let program = program.file("spec.yaml", &stricter);
    assert_eq!(service.post("/people", PERSON).status, 200);
    let printed = program.run(&["openapi", "--spec", "spec.yaml"]).ok();
    assert!(printed.contains("minLength: 5\n"), "{printed}");
}

/// A contract that is spread over files, as large ones are.
#[test]
fn a_file_that_the_document_refers_to_is_followed_too() {
    let contract = include_str!("../../openapi.yaml");
    let contract = contract.replace("\"#/components/schemas/Name\"", "./name.yaml");
    let program = Program::new()
        .file("spec.yaml", &contract)
        .file("name.yaml", "{type: string, maxLength: 100}");
    let service = program.serve(&["--spec", "spec.yaml"]);
    assert_eq!(service.post("/people", PERSON).status, 200);
    let program = program.file("name.yaml", "{type: string, minLength: 5}");
    service.running.until_it_says("spec.yaml was loaded again");
    assert_eq!(service.post("/people", PERSON).status, 400);
    let program = program.file("name.yaml", "{type: strong}");
    service
        .running
        .until_it_says("the document before stays: ./name.yaml:");
    assert_eq!(service.post("/people", PERSON).status, 400);
    program.file("name.yaml", "{type: string}");
    until(|| match service.post("/people", PERSON).status.as_u16() {
        200 => Ok(()),
        status => Err(format!("the file as it is now, it is {status}")),
    });
}
