//! Who is measured: servers in processes of their own, and the database's own programs.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::load::{Load, after};
use crate::plain;
use crate::postgres_server::setting;
use crate::report::{Figures, Results};

/// All who take turns at one measure.
#[derive(Default)]
pub(crate) struct Turns<'a> {
    contestants: Vec<(String, Box<dyn FnMut() -> f64 + 'a>)>,
}

impl<'a> Turns<'a> {
    /// The first is the one that others are compared with.
    pub(crate) fn with(mut self, name: impl Into<String>, turn: impl FnMut() -> f64 + 'a) -> Self {
        self.contestants.push((name.into(), Box::new(turn)));
        self
    }

    /// Each round begins with somebody else, so that nobody always follows the same one.
    pub(crate) fn run(mut self, rounds: usize) -> Results {
        let count = self.contestants.len();
        let mut figures = vec![Vec::new(); count];
        for round in 0..rounds {
            for index in (0..count).map(|place| (place + round) % count) {
                figures[index].push((self.contestants[index].1)());
            }
        }
        let names = self.contestants.into_iter().map(|(name, _)| name);
        let all = names.zip(figures);
        Results(all.map(|(name, one)| Figures::new(name, one)).collect())
    }
}

/// A server in a process of its own. Killed when dropped.
pub(crate) struct Server {
    process: Child,
    /// Host and port.
    pub(crate) address: String,
    /// Kept open: what the program prints must have somewhere to go.
    _output: Option<BufReader<ChildStdout>>,
}

impl Server {
    /// The service, as it is shipped.
    pub(crate) fn service(url: &str) -> Self {
        Self::start(service(url).args(["--port", "0"]))
    }

    /// The same handlers without the library.
    pub(crate) fn plain(url: &str) -> Self {
        Self::start(Command::new(std::env::current_exe().unwrap()).args([plain::FLAG, url]))
    }

    /// The service written by hand, with a pool of this size.
    pub(crate) fn by_hand(url: &str, pool: usize) -> Self {
        Self::start(Command::new(by_hand()).args([url, &pool.to_string()]))
    }

    /// The same with the pool that serves this load best, and its size.
    pub(crate) fn by_hand_tuned(url: &str, load: Load<'_>) -> (Self, usize) {
        let short = Load {
            time: Duration::from_secs(1),
            ..load
        };
        let tries = [2, 4, 8, 16, 32, 64].map(|size| {
            let server = Self::by_hand(url, size);
            (short.on(&server.address), size)
        });
        let best = tries.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        let size = best.map_or(16, |(_, size)| size);
        (Self::by_hand(url, size), size)
    }

    /// One person for every key, without a database.
    pub(crate) fn memory() -> Self {
        Self::start(Command::new(by_hand()).arg("memory"))
    }

    fn start(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            let length = output.read_line(&mut line).unwrap();
            assert_ne!(length, 0, "the server did not start");
            if let Some((_, port)) = line.split_once("http://127.0.0.1:") {
                break port.trim().trim_end_matches("/people");
            }
        };
        Self {
            process,
            address: format!("127.0.0.1:{port}"),
            _output: Some(output),
        }
    }

    /// Starts the service, and says how many milliseconds later it answered this path with 200.
    pub(crate) fn first_answer(url: &str, path: &str) -> (Self, f64) {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let address = port.unwrap().to_string();
        let port = address.trim_start_matches("127.0.0.1:");
        let mut command = service(url);
        command.args(["--port", port]).stdout(Stdio::null());
        let begun = Instant::now();
        let process = command.spawn().unwrap();
        while !answers(&address, path) {
            assert!(begun.elapsed() < Duration::from_secs(10), "no answer");
            thread::sleep(Duration::from_micros(100));
        }
        let server = Self {
            process,
            address,
            _output: None,
        };
        (server, begun.elapsed().as_secs_f64() * 1e3)
    }

    /// A line of `/proc/PID/status`, in megabytes.
    pub(crate) fn memory_of(&self, line: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        after::<f64>(&status, line).expect(line) * 1024.0 / 1e6
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn answers(address: &str, path: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut line = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && BufReader::new(stream).read_line(&mut line).is_ok()
        && line.starts_with("HTTP/1.1 200 ")
}

/// The service's program.
pub(crate) fn program() -> PathBuf {
    setting("BENCH_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_connexion-app").into(), Into::into)
}

/// The service on a database, with a command or flags still to come.
pub(crate) fn service(url: &str) -> Command {
    let mut command = Command::new(program());
    command
        .args(["--settings", "production", "--access-log", "off"])
        .args(["--admin-port", "0", "--database-url", url])
        // A line for each insert is written all the same.
        .stderr(Stdio::null());
    command
}

/// The program in `benches/axum-sqlx`, which is built if it has to be.
fn by_hand() -> PathBuf {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let build = || {
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/axum-sqlx");
        // Beside this program's own, wherever that is.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../axum-sqlx");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--quiet", "--target-dir"])
            .arg(&target)
            .current_dir(package)
            .status();
        assert!(built.unwrap().success(), "axum-sqlx can't be built");
        target.join("release/axum-sqlx")
    };
    BUILT.get_or_init(build).clone()
}

/// `pgbench` with prepared statements; each client repeats the script.
pub(crate) fn pgbench(url: &str, script: &Path, clients: usize, time: Duration) -> Pgbench {
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared", "--file"])
        .arg(script)
        .arg(format!("--client={clients}"))
        .arg(format!("--jobs={}", clients.min(2)))
        .arg(format!("--time={}", time.as_secs().max(1)))
        .arg(url)
        .output()
        .expect("pgbench is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    Pgbench {
        per_second: after(&text, "tps =").expect(&text),
        milliseconds: after(&text, "latency average =").expect(&text),
    }
}

/// What `pgbench` says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pgbench {
    pub(crate) per_second: f64,
    pub(crate) milliseconds: f64,
}

/// Runs statements by `psql`, whose output goes nowhere, and says how many seconds that took.
pub(crate) fn psql(url: &str, statement: &str) -> f64 {
    let begun = Instant::now();
    let status = Command::new("psql")
        .args([
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--command",
            statement,
            url,
        ])
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("psql is installed").success(), "{statement}");
    begun.elapsed().as_secs_f64()
}
