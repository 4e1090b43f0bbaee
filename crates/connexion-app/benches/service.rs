//! What validation costs, and how many requests the service answers: `make bench`.
//!
//! Each measure runs the service and, by turns, an axum program with the same handlers on the same store
//! but without the library, under the same load from `wrk` (64 connections). On a noisy machine only
//! the ratio of the medians means something. PostgreSQL is a private server with fsync on.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]
#![expect(
    clippy::disallowed_types,
    reason = "plain axum is what is compared with"
)]

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/it/postgres_server.rs"]
mod postgres_server;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/it/program.rs"]
mod program;

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path as PathParameter, State};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use connexion::{ApiService, Items};
use connexion_app::import::{Options, SAMPLE, import};
use connexion_app::person::{NewPerson, Person};
use connexion_app::query::Select;
use connexion_app::store::{
    Store, StoreError, postgres, postgres::Postgres, sqlite, sqlite::Sqlite,
};
use futures_util::TryStreamExt as _;
use http::{HeaderMap, StatusCode, header};
use postgres_server::PrivateServer;
use uuid::Uuid;

const ROUNDS: usize = 5;
const SECONDS: u32 = 3;
const PLAIN: &str = "--plain-axum-server";

const BODY: &str = r#"{"survived":true,"passengerClass":3,"name":"Mr. Owen Harris Braund","sex":"male","age":22,"siblingsOrSpousesAboard":1,"parentsOrChildrenAboard":0,"fare":7.25}"#;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == PLAIN) {
        return serve_plain(&arguments[place + 1]);
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let server = PrivateServer::start();
    runtime.block_on(async {
        let admin = postgres_server::connect(&server.url("postgres")).await;
        admin
            .batch_execute("alter system set fsync = on")
            .await
            .unwrap();
        admin
            .batch_execute("select pg_reload_conf()")
            .await
            .unwrap();
    });
    let sqlite = format!(
        "sqlite:{}",
        directory.path().join("people.sqlite").display()
    );

    let validation = Validation::measure(&runtime, &sqlite);
    println!("| store | measure | connexion-app /s | plain axum /s | ratio |");
    println!("| --- | --- | ---: | ---: | ---: |");
    for (name, url) in [("SQLite", sqlite), ("PostgreSQL", server.url("postgres"))] {
        let uuids = runtime.block_on(fill(store(&url).as_ref()));
        let ours = Server::service(&url);
        let plain = Server::plain(&url);
        for measure in [Measure::Read, Measure::List, Measure::Add] {
            let script = directory.path().join("wrk.lua");
            std::fs::write(&script, measure.script(&uuids)).unwrap();
            let rounds: Vec<_> = (0..ROUNDS)
                .map(|_| (ours.load(&script), plain.load(&script)))
                .collect();
            let (ours, plain) = (
                median(rounds.iter().map(|r| r.0)),
                median(rounds.iter().map(|r| r.1)),
            );
            println!(
                "| {name} | {} | {ours:.0} | {plain:.0} | {:.2} |",
                measure.name(),
                ours / plain
            );
            validation.share(&measure, ours);
        }
    }
}

/// What is asked for.
enum Measure {
    Read,
    List,
    Add,
}

impl Measure {
    fn name(&self) -> &'static str {
        match self {
            Self::Read => "read by key",
            Self::List => "list of 714",
            Self::Add => "insert",
        }
    }

    fn script(&self, uuids: &[Uuid]) -> String {
        match self {
            Self::Read => {
                let paths = uuids.iter().fold(String::new(), |mut paths, uuid| {
                    write!(paths, "'/people/{uuid}',").unwrap();
                    paths
                });
                format!(
                    "local paths = {{{paths}}}\nrequest = function() return wrk.format('GET', paths[math.random(#paths)]) end\n"
                )
            }
            Self::List => "wrk.path = '/people'\n".to_owned(),
            Self::Add => format!(
                "wrk.method = 'POST'\nwrk.path = '/people'\nwrk.body = '{BODY}'\nwrk.headers['Content-Type'] = 'application/json'\n"
            ),
        }
    }
}

/// Nanoseconds that checking takes, per request and answer.
struct Validation {
    read: (f64, f64),
    add: (f64, f64),
}

impl Validation {
    fn measure(runtime: &tokio::runtime::Runtime, url: &str) -> Self {
        let _entered = runtime.enter();
        let service = service(store(url));
        let person = Person::from(serde_json::from_str::<NewPerson>(BODY).unwrap());
        let answer = serde_json::to_vec(&person).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        headers.insert(header::LOCATION, "/people/x".parse().unwrap());
        let path = vec![("uuid".to_owned(), person.uuid.to_string())];
        let one = |id: &str, path: &Vec<(String, String)>, body: &[u8]| {
            let operation = service
                .operations()
                .find(|operation| operation.id() == id)
                .unwrap();
            let request = nanoseconds(|| {
                let input =
                    operation.validate_request(black_box(path), None, &headers, black_box(body));
                assert!(input.is_ok());
            });
            let response = nanoseconds(|| {
                let valid =
                    operation.validate_response(StatusCode::OK, &headers, black_box(&answer));
                assert!(valid.is_ok());
            });
            (request, response)
        };
        let validation = Self {
            read: one("person.get", &path, b""),
            add: one("people.add", &Vec::new(), BODY.as_bytes()),
        };
        for (what, (request, response)) in
            [("GET by key", validation.read), ("POST", validation.add)]
        {
            println!("validation alone, {what}: request {request:.0} ns, answer {response:.0} ns");
        }
        println!();
        validation
    }

    /// The part of all the machine's time per request that is spent on checking.
    fn share(&self, measure: &Measure, requests_per_second: f64) {
        let checked = match measure {
            Measure::Read => self.read.0 + self.read.1,
            Measure::Add => self.add.0 + self.add.1,
            Measure::List => return,
        };
        let cores = std::thread::available_parallelism().unwrap().get();
        #[expect(clippy::cast_precision_loss, reason = "few cores")]
        let whole = 1e9 * cores as f64 / requests_per_second;
        println!(
            "| | checking, of {whole:.0} ns of all cores | | | {:.1} % |",
            100.0 * checked / whole
        );
    }
}

fn nanoseconds(mut work: impl FnMut()) -> f64 {
    const TIMES: u32 = 100_000;
    median((0..9).map(|_| {
        let begun = Instant::now();
        (0..TIMES).for_each(|_| work());
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
    }))
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn store(url: &str) -> Arc<dyn Store> {
    match url.strip_prefix("sqlite:") {
        Some(path) => Arc::new(Sqlite::open(Path::new(path), sqlite::Options::default())),
        None => Arc::new(Postgres::open(url, postgres::Options::default()).unwrap()),
    }
}

fn service(store: Arc<dyn Store>) -> ApiService {
    connexion_app::app::api(connexion_app::app::document().unwrap())
        .unwrap()
        .build(store)
        .unwrap()
}

/// The sample passengers' keys, in a new table.
async fn fill(store: &dyn Store) -> Vec<Uuid> {
    store.migrate().await.unwrap();
    let schema = connexion_app::app::new_person(connexion_app::app::document().unwrap()).unwrap();
    let options = Options::default();
    let imported = import(store, &schema, SAMPLE, options, |_| {}).await;
    imported.unwrap();
    let people: Vec<Person> = store
        .list(&Select::all())
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    people.iter().map(|person| person.uuid).collect()
}

/// A server in a process of its own.
struct Server {
    process: Child,
    address: String,
    /// Kept open: what the program prints must have somewhere to go.
    _output: BufReader<ChildStdout>,
}

impl Server {
    fn service(url: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_connexion-app");
        let flags = [
            "--port",
            "0",
            "--access-log",
            "off",
            "--settings",
            "production",
            "--database-url",
            url,
        ];
        Self::start(Command::new(program).args(flags))
    }

    fn plain(url: &str) -> Self {
        Self::start(Command::new(std::env::current_exe().unwrap()).args([PLAIN, url]))
    }

    fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert_ne!(
                output.read_line(&mut line).unwrap(),
                0,
                "the server did not start"
            );
            if let Some((_, port)) = line.split_once("http://127.0.0.1:") {
                break port.trim().trim_end_matches("/people");
            }
        };
        let address = format!("http://127.0.0.1:{port}");
        Self {
            process,
            address,
            _output: output,
        }
    }

    /// Requests per second under the load that the script describes.
    fn load(&self, script: &Path) -> f64 {
        let mut wrk = Command::new("wrk");
        wrk.args(["-t1", "-c64", &format!("-d{SECONDS}s"), "-s"])
            .arg(script)
            .arg(&self.address);
        let output = wrk.output().expect("wrk is installed");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            !text.contains("Non-2xx") && !text.contains("Socket errors"),
            "{text}"
        );
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("Requests/sec:"));
        line.expect(&text).trim().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The same handlers as a program without the library has them.
#[tokio::main]
async fn serve_plain(url: &str) {
    let router = Router::new()
        .route("/people", get(list).post(add))
        .route("/people/{uuid}", get(lookup))
        .with_state(store(url));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

async fn list(
    State(store): State<Arc<dyn Store>>,
) -> Result<Items<Person, StoreError>, StatusCode> {
    store
        .list(&Select::all())
        .await
        .map(Items::new)
        .map_err(failed)
}

async fn lookup(
    State(store): State<Arc<dyn Store>>,
    PathParameter(uuid): PathParameter<Uuid>,
) -> Result<Json<Person>, StatusCode> {
    store
        .lookup(uuid)
        .await
        .map_err(failed)?
        .map(Json)
        .ok_or(StatusCode::NOT_FOUND)
}

async fn add(
    State(store): State<Arc<dyn Store>>,
    Json(new): Json<NewPerson>,
) -> Result<impl IntoResponse, StatusCode> {
    let person = Person::from(new);
    store.add(&person, None).await.map_err(failed)?;
    Ok((
        [(header::LOCATION, format!("/people/{}", person.uuid))],
        Json(person),
    ))
}

fn failed(_: StoreError) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}
