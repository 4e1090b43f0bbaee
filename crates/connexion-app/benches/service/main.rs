//! The service beside others, under load, by turns: `make bench`. What it prints becomes `docs/performance.md`.
//!
//! Each part compares contestants at one measure. They take turns of a few seconds, so that whatever else happens on
//! the machine happens to all of them; only their ratios mean something. Load, servers and database share the machine.
//! PostgreSQL is a private server with its usual settings, `fsync` among them.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

mod client;
mod contestants;
mod database;
mod load;
mod parts;
mod plain;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/it/postgres_server.rs"]
mod postgres_server;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/it/program.rs"]
mod program;
mod report;
mod steady;
mod surroundings;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::database::Databases;
use self::load::{Load, Request};
use self::postgres_server::{PrivateServer, connect, setting};
use self::report::Report;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, url, ..] = arguments.as_slice()
        && flag == plain::FLAG
    {
        return plain::serve(url);
    }
    let wanted: Vec<&str> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .flat_map(|argument| argument.split(','))
        .filter(|name| !name.is_empty())
        .collect();
    for name in &wanted {
        let known: Vec<_> = parts::ALL.iter().map(|part| part.0).collect();
        assert!(known.contains(name), "{name} is none of {known:?}");
    }
    let begun = Instant::now();
    let bench = Bench::start();
    let mut report = Report::default();
    for (name, part) in parts::ALL {
        if wanted.is_empty() || wanted.contains(&name) {
            part(&bench, &mut report);
        }
    }
    println!("\n{}", report.goals());
    if wanted.is_empty() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
        let machine = surroundings::machine(&bench, begun.elapsed());
        report.write(&path, &machine, surroundings::REPEAT);
    }
}

/// What all parts share.
struct Bench {
    runtime: Runtime,
    directory: TempDir,
    postgres: PrivateServer,
    /// How many turns everybody has.
    rounds: usize,
    /// How long a turn is.
    time: Duration,
    /// The most people there are.
    most: u64,
    other: Option<Other>,
    /// Of `wrk`, for one load after another.
    script: PathBuf,
    filled: RefCell<BTreeMap<u64, Rc<Databases>>>,
}

/// Another server, by its address.
struct Other {
    address: String,
    keys: PathBuf,
}

impl Bench {
    fn start() -> Self {
        let number = |name, default| setting(name).map_or(default, |text| text.parse().unwrap());
        let directory = tempfile::tempdir().unwrap();
        Self {
            runtime: Runtime::new().unwrap(),
            postgres: PrivateServer::durable(&[]),
            rounds: usize::try_from(number("BENCH_ROUNDS", 5)).unwrap(),
            time: Duration::from_secs(number("BENCH_SECONDS", 2)),
            most: number("BENCH_ROWS", 10_000_000),
            other: setting("BENCH_URL").map(|url| Other::at(&url, directory.path())),
            script: directory.path().join("wrk.lua"),
            filled: RefCell::default(),
            directory,
        }
    }

    /// Databases with so many people, filled when they are first asked for.
    fn people(&self, count: u64) -> Rc<Databases> {
        let mut filled = self.filled.borrow_mut();
        let fill = || {
            let directory = self.directory.path();
            let databases = Databases::fill(&self.postgres, directory, count);
            Rc::new(self.runtime.block_on(databases))
        };
        Rc::clone(filled.entry(count).or_insert_with(fill))
    }

    /// A database with an empty table.
    fn empty(&self, name: &str) -> String {
        self.runtime
            .block_on(database::create(&self.postgres, name))
    }

    /// Empties the table, and leaves nothing of it to be written to disk in somebody else's turn.
    fn clear(&self, url: &str) {
        self.execute(url, "truncate person");
        self.execute(url, "checkpoint");
    }

    fn execute(&self, url: &str, statement: &str) {
        self.runtime.block_on(async {
            let client = connect(url).await;
            client.batch_execute(statement).await.unwrap();
        });
    }

    fn load<'a>(&'a self, request: Request<'a>, connections: usize) -> Load<'a> {
        Load {
            request,
            script: &self.script,
            connections,
            time: self.time,
        }
    }

    /// A file of this benchmark's own.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Other {
    fn at(url: &str, directory: &Path) -> Self {
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let list = program::get(address, "/people").unwrap();
        let people: Vec<serde_json::Value> = serde_json::from_str(&list.body).unwrap();
        let keys: Vec<_> = people
            .iter()
            .filter_map(|one| one["uuid"].as_str())
            .collect();
        let path = directory.join("other.keys");
        fs::write(&path, keys.join("\n")).unwrap();
        Self {
            address: address.to_owned(),
            keys: path,
        }
    }
}
