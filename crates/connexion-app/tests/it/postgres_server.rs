//! PostgreSQL for tests: a fresh, empty database for each call, on one of two kinds of server.
//!
//! A server of the user's own is used if `POSTGRES_HOSTNAME` is set (with `POSTGRES_PORT`, `POSTGRES_DB`,
//! `POSTGRES_USER` and `POSTGRES_PASSWORD`). Otherwise the test program starts one, from the installed
//! binaries, in a temporary directory. However the program ends, that server ends too: a shell between
//! them waits for the end of its standard input, which even a killed program can't keep open.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::{fs, thread};

use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::program::until;

/// PostgreSQL refuses to run as root, so root's tests run it as the user that its package made.
const AS_OWNER: &str = r#"
    as_owner() {
        if [ "$(id -u)" = 0 ]; then setpriv --reuid postgres --regid postgres --init-groups "$@"; else "$@"; fi
    }
    as_owner_exec() {
        if [ "$(id -u)" = 0 ]; then exec setpriv --reuid postgres --regid postgres --init-groups "$@"; fi
        exec "$@"
    }
"#;

/// Starts a server, says where, waits for the end of standard input, and removes all of it.
const SERVE: &str = r#"
    bin=$1 port=$2 primary=$3 durable=$4
    shift 4
    set -eu
    dir=$(mktemp -d "${TMPDIR:-/tmp}/connexion-postgres.XXXXXX")
    finish() {
        as_owner "$bin/pg_ctl" -D "$dir/data" -m immediate -s stop >/dev/null 2>&1 || true
        rm -rf "$dir"
    }
    trap finish EXIT
    if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
    cd "$dir"
    if [ -z "$primary" ]; then
        as_owner "$bin/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync "$@" >/dev/null
    else
        as_owner "$bin/pg_basebackup" -d "host=127.0.0.1 port=$primary user=postgres" -D data -R -X stream -c fast
    fi
    as_owner sh -c 'cat >>data/postgresql.conf' <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 300
fsync = $durable
full_page_writes = $durable
END
    as_owner "$bin/pg_ctl" -D data -l log -s -w start || { cat log >&2; exit 1; }
    echo "$dir"
    cat >/dev/null
"#;

/// A database of one test's own.
pub(crate) struct Database {
    url: String,
    /// Where to drop it afterwards, if that is a server which stays.
    drop_at: Option<(String, String)>,
}

impl Database {
    /// Its `postgres://` address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some((server, name)) = self.drop_at.take() else {
            return;
        };
        // Best effort, on a thread of its own because the test's runtime can't be blocked on.
        let dropping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let statement = format!("drop database if exists {name} with (force)");
                connect(&server)
                    .await
                    .batch_execute(&statement)
                    .await
                    .unwrap();
            });
        });
        let _ = dropping.join();
    }
}

/// A fresh, empty database.
pub(crate) async fn fresh_database() -> Database {
    fresh_database_in("UTF8").await
}

/// A fresh, empty database of this encoding.
pub(crate) async fn fresh_database_in(encoding: &str) -> Database {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER
        .get_or_init(|| own_server().unwrap_or_else(|| Server::Private(PrivateServer::start())));
    let name = format!("test_{}", Uuid::new_v4().simple());
    let admin = server.admin_url();
    let create = format!(
        "create database {name} template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'"
    );
    connect(&admin).await.batch_execute(&create).await.unwrap();
    match server {
        Server::Private(private) => Database {
            url: private.url(&name),
            drop_at: None,
        },
        Server::Own { base, .. } => Database {
            url: format!("{base}/{name}"),
            drop_at: Some((admin, name)),
        },
    }
}

/// A plain connection, for what a test does by hand.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

enum Server {
    Own { base: String, database: String },
    Private(PrivateServer),
}

impl Server {
    fn admin_url(&self) -> String {
        match self {
            Self::Own { base, database } => format!("{base}/{database}"),
            Self::Private(private) => private.url("postgres"),
        }
    }
}

fn own_server() -> Option<Server> {
    let host = setting("POSTGRES_HOSTNAME")?;
    let port = setting("POSTGRES_PORT").unwrap_or_else(|| "5432".to_owned());
    let user = escaped(&setting("POSTGRES_USER").unwrap_or_else(|| "postgres".to_owned()));
    let password =
        setting("POSTGRES_PASSWORD").map_or_else(String::new, |p| format!(":{}", escaped(&p)));
    let database = setting("POSTGRES_DB").unwrap_or_else(|| "postgres".to_owned());
    let base = format!("postgres://{user}{password}@{host}:{port}");
    Some(Server::Own {
        base,
        database: escaped(&database),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests have settings of their own"
)]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn escaped(text: &str) -> String {
    let escape = |escaped: String, byte| escaped + &format!("%{byte:02x}");
    text.bytes().fold(String::new(), escape)
}

/// A server that is this program's own.
pub(crate) struct PrivateServer {
    bin: PathBuf,
    directory: PathBuf,
    port: u16,
    durable: bool,
    shell: Child,
}

impl PrivateServer {
    /// Starts a server that does not wait for its disk, since most tests need nothing of it afterwards.
    pub(crate) fn start() -> Self {
        Self::start_as(false, &[])
    }

    /// Starts a server that writes as a real one does, made with these options of `initdb`.
    pub(crate) fn durable(initdb: &[&str]) -> Self {
        Self::start_as(true, initdb)
    }

    /// On a free port. Another program may take the port first, hence the attempts.
    fn start_as(durable: bool, initdb: &[&str]) -> Self {
        let bin = binaries().expect("PostgreSQL's server programs are installed");
        let started = (0..3).find_map(|_attempt| Self::try_start(&bin, durable, "", initdb));
        started.expect("a PostgreSQL server can be started here")
    }

    /// Starts a server that follows this one.
    pub(crate) fn standby(&self) -> Self {
        let primary = self.port.to_string();
        let start = |_attempt| Self::try_start(&self.bin, self.durable, &primary, &[]);
        let started = (0..3).find_map(start);
        started.expect("a standby can be started here")
    }

    fn try_start(bin: &Path, durable: bool, primary: &str, initdb: &[&str]) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut shell = shell(SERVE)
            .arg(bin)
            .arg(port.to_string())
            .arg(primary)
            .arg(if durable { "on" } else { "off" })
            .args(initdb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Otherwise Ctrl-C would end the shell together with the tests, before it has cleaned up.
            .process_group(0)
            .spawn()
            .unwrap();
        let mut directory = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut directory)
            .unwrap();
        if directory.is_empty() {
            shell.wait().unwrap();
            return None;
        }
        Some(Self {
            bin: bin.to_owned(),
            directory: directory.trim_end().into(),
            port,
            durable,
            shell,
        })
    }

    /// The address of one of its databases; `postgres` exists from the start.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Makes a standby a server of its own.
    pub(crate) fn promote(&self) {
        self.control(&["promote"]);
    }

    /// Writes a file into the server's data, as its owner, for nobody else to read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let mut child = shell(r#"as_owner sh -c 'umask 077; cat >"data/$1"' sh "$1""#)
            .arg(name)
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }

    /// Stops it, in a mode that `pg_ctl` knows: `fast` is an orderly shutdown, `immediate` a crash.
    pub(crate) fn stop(&self, mode: &str) {
        self.control(&["-m", mode, "stop"]);
    }

    /// Kills all its processes (-9), which is a crash that it can't prepare for.
    pub(crate) fn kill(&self) {
        // Its first process first, which starts the others.
        signal("STOP", &self.processes()[..1]);
        let processes = self.processes();
        signal("KILL", &processes);
        // While one is left, the server refuses to start again.
        until(|| {
            let left = processes.iter().find(|process| runs(**process));
            left.map_or(Ok(()), |one| Err(format!("the end of process {one}")))
        });
    }

    /// Stops all its processes where they are: connections stay open, and nothing answers.
    pub(crate) fn freeze(&self) {
        // Its first process goes first, which starts the others.
        signal("STOP", &self.processes()[..1]);
        signal("STOP", &self.processes());
    }

    /// Lets them go on.
    pub(crate) fn thaw(&self) {
        signal("CONT", &self.processes());
    }

    fn processes(&self) -> Vec<u32> {
        let file = fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap();
        let first: u32 = file.lines().next().unwrap().trim().parse().unwrap();
        let entries = fs::read_dir("/proc").unwrap();
        let all = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let children = all.filter(|process| parent(*process) == Some(first));
        std::iter::once(first).chain(children).collect()
    }

    /// Starts it again, on the same port.
    pub(crate) fn start_again(&self) {
        self.control(&["-l", "log", "start"]);
    }

    /// Waits until it takes connections; one that ended by itself is started again.
    pub(crate) fn until_it_runs(&self) {
        until(|| {
            if TcpStream::connect(("127.0.0.1", self.port)).is_err() {
                self.try_control(&["-l", "log", "start"]);
            }
            let ready = Command::new(self.bin.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status();
            let ready = ready.unwrap().success().then_some(());
            ready.ok_or_else(|| "a server that takes connections".to_owned())
        });
    }

    fn control(&self, arguments: &[&str]) {
        assert!(self.try_control(arguments), "pg_ctl {arguments:?} failed");
    }

    fn try_control(&self, arguments: &[&str]) -> bool {
        let mut command = shell(r#"as_owner "$@" >/dev/null"#);
        command
            .arg(self.bin.join("pg_ctl"))
            .args(["-D", "data", "-s", "-w"])
            .args(arguments);
        let status = command
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .status();
        status.unwrap().success()
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Those that ended meanwhile don't matter.
fn signal(name: &str, processes: &[u32]) {
    let processes = processes.iter().map(u32::to_string);
    let sent = Command::new("kill")
        .arg(format!("-{name}"))
        .args(processes)
        .stderr(Stdio::null())
        .status();
    sent.unwrap();
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // After a name in brackets, and the state.
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

fn runs(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

pub(crate) fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("{AS_OWNER}{script}"))
        .arg("sh");
    command
}

/// The directory of the server's programs, which many systems keep out of `PATH`.
fn binaries() -> Option<PathBuf> {
    let complete = |bin: &PathBuf| {
        ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|name| bin.join(name).exists())
    };
    on_path()
        .into_iter()
        .chain(configured())
        .chain(packaged())
        .find(complete)
}

fn on_path() -> Option<PathBuf> {
    let path = setting("PATH")?;
    let found = std::env::split_paths(&path)
        .find_map(|directory| directory.join("initdb").canonicalize().ok());
    Some(found?.parent()?.to_owned())
}

fn configured() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim_end().into())
}

/// Debian's places, newest version first.
fn packaged() -> Vec<PathBuf> {
    let Ok(versions) = fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut versions: Vec<_> = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions
        .into_iter()
        .map(|version| version.join("bin"))
        .collect()
}
