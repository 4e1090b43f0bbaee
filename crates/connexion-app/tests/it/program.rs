//! The built program, as its users start it: in a directory of its own, with no environment but what a
//! test gives it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};
use tempfile::TempDir;

use crate::postgres_server::setting;

/// No program of these tests takes nearly as long.
const DEADLINE: Duration = Duration::from_mins(1);

/// A directory and an environment to run the program in. The directory stays as long as a program runs in it.
#[derive(Clone)]
pub(crate) struct Program {
    directory: Arc<TempDir>,
    environment: Vec<(String, String)>,
}

/// What a run that ended left behind.
#[derive(Debug)]
#[must_use]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self {
            directory: Arc::new(tempfile::tempdir().unwrap()),
            environment: Vec::new(),
        }
    }

    /// On this database.
    pub(crate) fn on(url: &str) -> Self {
        Self::new().env("DATABASE_URL", url)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file into the directory.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.path(name), text).unwrap();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The database that it is on.
    pub(crate) fn url(&self) -> &str {
        let url = self
            .environment
            .iter()
            .find(|(name, _)| name == "DATABASE_URL");
        url.map_or("", |(_, url)| url)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The command, for what the methods below don't do.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_connexion-app"));
        command
            .args(arguments)
            .env_clear()
            // Many run at a time, and there is only one port of this kind.
            .env("APP_ADMIN_PORT", "0")
            // `x` is the host of requests that tests write by hand.
            .env("APP_ALLOWED_HOSTS", "x,localhost,127.0.0.1,[::1]")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            // Where a measurement of coverage wants its results.
            .envs(setting("LLVM_PROFILE_FILE").map(|value| ("LLVM_PROFILE_FILE", value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Running::start(&mut self.command(arguments)).end()
    }

    /// Runs it to its end, with something to read.
    #[track_caller]
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ended {
        let (running, mut stdin) = self.feed(arguments);
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        running.end()
    }

    /// Starts it with something to read, which is written bit by bit.
    pub(crate) fn feed(&self, arguments: &[&str]) -> (Running, ChildStdin) {
        let mut command = self.command(arguments);
        let mut running = Running::start(command.stdin(Stdio::piped()));
        let stdin = running.child.stdin.take().unwrap();
        (running, stdin)
    }

    /// Starts it, to serve on a free port, and does not wait until it does.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let arguments = [&["--port", "0"], arguments].concat();
        let mut running = Running::start(&mut self.command(&arguments));
        running.directory = Some(Arc::clone(&self.directory));
        running
    }

    /// Starts it, and waits until it serves.
    #[track_caller]
    pub(crate) fn serve(&self, arguments: &[&str]) -> Service {
        self.start(arguments).serving()
    }
}

impl Ended {
    /// The output of a run that ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// What a run that failed says on standard error.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.stderr
    }
}

/// A program that has not ended. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
    directory: Option<Arc<TempDir>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        Self {
            stdout: Output::of(child.stdout.take()),
            stderr: Output::of(child.stderr.take()),
            child,
            directory: None,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its memory as the kernel counts it, in kilobytes: what it has now (`VmRSS`), or had at the most (`VmHWM`).
    #[track_caller]
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.text.lock().unwrap().clone()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.text.lock().unwrap().clone()
    }

    /// Waits until standard error has this in it.
    #[track_caller]
    pub(crate) fn until_it_says(&self, text: &str) {
        until(|| {
            let said = self.stderr();
            said.contains(text).then_some(()).ok_or(said)
        });
    }

    /// Waits until it serves.
    #[track_caller]
    pub(crate) fn serving(mut self) -> Service {
        let address = until(|| {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", self.stderr());
            let text = self.stdout();
            let address = text.split_once("people    http");
            let address = address.and_then(|(_, text)| text.split_once("://"));
            let address = address.and_then(|(_, text)| text.split_once("/people\n"));
            address.map(|(address, _)| address.to_owned()).ok_or(text)
        });
        Service {
            running: self,
            address,
        }
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.id())])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let status = until(|| {
            let ended = self.child.try_wait().unwrap();
            ended.ok_or_else(|| format!("the end of: {}", self.stderr()))
        });
        self.stdout.finish();
        self.stderr.finish();
        Ended {
            code: status.code(),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program wrote so far.
struct Output {
    text: Arc<Mutex<String>>,
    reading: Option<JoinHandle<()>>,
}

impl Output {
    fn of(source: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::<Mutex<String>>::default();
        let reading = source.map(|source| {
            let text = Arc::clone(&text);
            thread::spawn(move || {
                let mut lines = BufReader::new(source);
                let mut line = Vec::new();
                while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                    *text.lock().unwrap() += &String::from_utf8_lossy(&line);
                    line.clear();
                }
            })
        });
        Self { text, reading }
    }

    fn finish(&mut self) {
        if let Some(reading) = self.reading.take() {
            reading.join().unwrap();
        }
    }
}

/// A program that serves.
pub(crate) struct Service {
    pub(crate) running: Running,
    /// Host and port.
    pub(crate) address: String,
}

/// An answer, read to its end.
#[derive(Debug)]
#[must_use]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Service {
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap()
    }

    pub(crate) fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        get(&self.address, path)
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, json: &str) -> Answer {
        let request = client().post(format!("http://{}{path}", self.address));
        let request = request.header("content-type", "application/json");
        answer(request.send(json).unwrap()).unwrap()
    }

    /// Posts a body with these header fields.
    #[track_caller]
    pub(crate) fn post_as(&self, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = client().post(format!("http://{}{path}", self.address));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        answer(request.send(body).unwrap()).unwrap()
    }

    #[track_caller]
    pub(crate) fn put(&self, path: &str, json: &str) -> Answer {
        let request = client().put(format!("http://{}{path}", self.address));
        let request = request.header("content-type", "application/json");
        answer(request.send(json).unwrap()).unwrap()
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) -> Answer {
        let request = client().delete(format!("http://{}{path}", self.address));
        answer(request.call().unwrap()).unwrap()
    }

    /// Asks for a type.
    #[track_caller]
    pub(crate) fn get_as(&self, path: &str, accept: &str) -> Answer {
        let request = client().get(format!("http://{}{path}", self.address));
        answer(request.header("accept", accept).call().unwrap()).unwrap()
    }

    /// How many people it lists.
    #[track_caller]
    pub(crate) fn people(&self) -> usize {
        let answer = self.get("/people");
        assert_eq!(answer.status, 200, "{answer:?}");
        let people: Vec<serde_json::Value> = serde_json::from_str(&answer.body).unwrap();
        people.len()
    }

    /// A bare connection on which this was sent.
    pub(crate) fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// Stops it as a supervisor does, and waits for the end.
    #[track_caller]
    pub(crate) fn stop(self) -> Ended {
        self.running.signal("TERM");
        self.running.end()
    }
}

/// Asks whoever has this address.
pub(crate) fn get(address: &str, path: &str) -> Result<Answer, ureq::Error> {
    answer(client().get(format!("http://{address}{path}")).call()?)
}

/// A client that takes every status for an answer, and asks no proxy.
fn client() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(DEADLINE));
    config.build().into()
}

fn answer(response: http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let (head, body) = response.into_parts();
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: body.into_with_config().limit(u64::MAX).read_to_string()?,
    })
}

/// The first line of an answer; empty if there is none within so many milliseconds, or if the connection breaks.
pub(crate) fn status_line(stream: &mut TcpStream, milliseconds: u64) -> String {
    let patience = Duration::from_millis(milliseconds);
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut line = String::new();
    let _ = BufReader::new(stream).read_line(&mut line);
    line
}

/// The same command, which a shell starts after this script.
pub(crate) fn after(script: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("{script} && exec \"$0\" \"$@\"");
    let environment = command.get_envs();
    let environment = environment.filter_map(|(name, value)| Some((name, value?)));
    shell
        .args(["-c", &script])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    shell
}

/// Tries again and again until it is there, or it takes too long; the error says what is missing.
#[track_caller]
pub(crate) fn until<T>(mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match attempt() {
            Ok(found) => return found,
            Err(missing) => assert!(Instant::now() < deadline, "still missing: {missing}"),
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// The same in a test whose own connections must go on meanwhile.
pub(crate) async fn until_async<T>(mut attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match attempt().await {
            Ok(found) => return found,
            Err(missing) => assert!(Instant::now() < deadline, "still missing: {missing}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The names in a directory.
pub(crate) fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}
