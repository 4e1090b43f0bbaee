//! Clients that are slow, half gone, or very many; the others must not notice.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};

use super::import::csv;
use super::load::person;
use super::{Outcome, Skipped, Stood, seconds};
use crate::program::{Program, Running, Service, after, get, status_line, until};
use crate::watched::watched;

const GET: &str = "GET /people/00000000-0000-0000-0000-000000000000 HTTP/1.1\r\nHost: x\r\n\r\n";
const LIST: &str = "GET /people HTTP/1.1\r\nHost: x\r\n\r\n";
const HALF: &str = "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";

/// So many of each kind at the same time: readers that take a few bytes, writers that send a byte now and then, and
/// those that close their half of the connection.
pub(super) fn slow(count: usize) -> Outcome {
    let files = 6 * count as u64;
    enough_files(files)?;
    let program = Program::on("sqlite:people.sqlite").env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    // More than all the buffers on the way can hold.
    program.run_with(&["import-data", "-"], &csv(30_000)).ok();
    let service = program.serve(&["--database-wait", "1"]);
    let mut readers: Vec<_> = (0..count).map(|_| service.send(LIST)).collect();
    let mut writers: Vec<_> = (0..count).map(|_| service.send(HALF)).collect();
    let half_closed: Vec<_> = (0..count)
        .map(|number| half_closed(&service, if number % 2 == 0 { GET } else { HALF }))
        .collect();
    let mut slowest = Duration::ZERO;
    for round in 0..20 {
        let mut part = [0; 16];
        for reader in &mut readers {
            // The first round waits for what has no turn, and is refused.
            let _ = reader.read(&mut part).unwrap();
        }
        for writer in &mut writers {
            writer.write_all(b" ").unwrap();
        }
        let begun = Instant::now();
        assert_eq!(
            service.post("/people", &person(&format!("{round}"))).status,
            200
        );
        slowest = slowest.max(begun.elapsed());
    }
    for (number, mut stream) in half_closed.into_iter().enumerate() {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let expected = if number % 2 == 0 { "HTTP/1.1 404 " } else { "" };
        assert!(answer.starts_with(expected), "{answer}");
    }
    drop((readers, writers));
    until(|| match service.get("/people").status.as_u16() {
        200 => Ok(()),
        status => Err(format!("a list, it is {status}")),
    });
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    Ok(Stood {
        done: format!("{count} of each at the same time, SQLite"),
        figures: format!(
            "the whole request of a half-closed one is answered, half a one is closed; slowest write of another client {}; \
             {} MB at the most",
            seconds(slowest),
            memory(&service, "VmHWM")
        ),
    })
}

/// Sends this, and says that no more follows.
fn half_closed(service: &Service, request: &str) -> TcpStream {
    let stream = service.send(request);
    stream.shutdown(Shutdown::Write).unwrap();
    stream
}

/// So many connections that have been served once and stay open.
pub(super) fn idle(count: usize) -> Outcome {
    enough_files(count as u64 + 200)?;
    let limit = (count + 100).to_string();
    let service = Program::new().env("APP_SETTINGS", "production").serve(&[
        "--max-connections",
        &limit,
        "--access-log",
        "off",
    ]);
    let begun = Instant::now();
    let mut open: Vec<_> = (0..count).map(|_| service.send(GET)).collect();
    for stream in &mut open {
        let mut status = [0; 9];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 ");
    }
    let opened = begun.elapsed();
    let mut times: Vec<_> = (0..100)
        .map(|_| {
            let begun = Instant::now();
            let _ = service.people();
            begun.elapsed()
        })
        .collect();
    times.sort();
    let slowest = times[times.len() - 1];
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    Ok(Stood {
        done: format!("{count}, each served once and kept open"),
        figures: format!(
            "all served within {}, then another client within {:.1} ms in the median, {:.1} ms at the most; {} MB",
            seconds(opened),
            times[times.len() / 2].as_secs_f64() * 1e3,
            slowest.as_secs_f64() * 1e3,
            memory(&service, "VmRSS")
        ),
    })
}

/// So many connections that stay open, of a process that may have only so many files open: fewer than the settings allow.
pub(super) fn few_files(files: usize, count: usize) -> Outcome {
    enough_files(count as u64 + 200)?;
    let (program, admin) = watched(Program::new());
    let command = program.command(&["--port", "0", "--access-log", "off"]);
    let service = Running::start(&mut after(&format!("ulimit -n {files}"), &command)).serving();
    let told = format!("WARN only {files} files may be open (ulimit -n): at most ");
    service.running.until_it_says(&told);
    let stderr = service.running.stderr();
    let (_, limit) = stderr.split_once(&told).unwrap();
    let limit: usize = limit.split(' ').next().unwrap().parse().unwrap();
    assert!((1..files).contains(&limit) && limit < count, "{limit}");
    let mut first = service.send(GET);
    assert!(answer(&mut first).starts_with("HTTP/1.1 404 "));
    // The kernel may end those that are beyond the limit.
    let idle: Vec<_> = (0..count)
        .map(|_| TcpStream::connect(&service.address))
        .collect();
    // Operators who ask nothing, as many as a few.
    let operators: Vec<_> = (0..8).map(|_| TcpStream::connect(&admin)).collect();
    let mut slowest = [Duration::ZERO; 2];
    for _ in 0..20 {
        let begun = Instant::now();
        for probe in ["/health/live", "/health/ready"] {
            assert_eq!(get(&admin, probe).unwrap().status, 200, "{probe}");
        }
        slowest[0] = slowest[0].max(begun.elapsed());
        let begun = Instant::now();
        let list = b"GET /people?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n";
        first.write_all(list).unwrap();
        assert!(answer(&mut first).starts_with("HTTP/1.1 200 "));
        slowest[1] = slowest[1].max(begun.elapsed());
    }
    drop((idle, operators));
    let stderr = service.stop().stderr;
    assert!(!stderr.contains("can't be accepted"), "{stderr}");
    assert!(
        slowest.iter().all(|time| *time < Duration::from_secs(2)),
        "{slowest:?}"
    );
    let [probes, list] = slowest.map(seconds);
    Ok(Stood {
        done: format!("{count} idle connections, `ulimit -n {files}`"),
        figures: format!(
            "{limit} connections are served at a time, as the log says; liveness and readiness within {probes}, a page of the \
             database for a client that was there before within {list}"
        ),
    })
}

/// One response that has no body longer than what comes with its head.
fn answer(stream: &mut TcpStream) -> String {
    let mut part = vec![0; 4_000];
    let length = stream.read(&mut part).unwrap();
    String::from_utf8_lossy(&part[..length]).into_owned()
}

/// How much memory the Kubernetes manifests allow.
const MEMORY: u64 = 256 * 1024 * 1024;

/// Clients that each send nearly all of a body, and then wait. The service has as much memory as the manifests allow, if the
/// machine lets it be limited.
pub(super) fn slow_bodies(count: usize, size: usize) -> Outcome {
    enough_files(count as u64 + 200)?;
    let group = MemoryGroup::new(MEMORY);
    let limit = size.to_string();
    let arguments = [
        "--port",
        "0",
        "--max-body-size",
        &limit,
        "--access-log",
        "off",
    ];
    let program = Program::new().env("APP_SETTINGS", "production");
    let mut command = program.command(&arguments);
    if let Some(group) = &group {
        command = group.running(&command);
    }
    let service = Running::start(&mut command).serving();
    let idle = service.running.memory("VmRSS");
    let head = format!(
        "POST /people HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    );
    let body = vec![b' '; size - 1];
    let mut open: Vec<_> = (0..count)
        .map(|_| {
            let mut stream = service.send(&head);
            // One that is refused is closed, perhaps before all is sent.
            let _ = stream.write_all(&body);
            stream
        })
        .collect();
    let lines = open.iter_mut().map(|stream| status_line(stream, 10));
    let refused = lines
        .filter(|line| line.starts_with("HTTP/1.1 503 "))
        .count();
    assert!(
        refused > 0 && refused < count,
        "{refused} of {count} refused"
    );
    // What a client sends that is not slow is answered all the same.
    let begun = Instant::now();
    assert_eq!(service.post("/people", &person("Ann")).status, 200);
    let taken = begun.elapsed();
    let most = service.running.memory("VmHWM") / 1_000;
    let in_group = group
        .as_ref()
        .map_or(" (no cgroup could be made)".to_owned(), |group| {
            let most = group.most() / 1_000_000;
            format!(", {most} MB of the 256 MiB of its cgroup")
        });
    assert!(most < MEMORY / 1_000_000, "{most} MB");
    Ok(Stood {
        done: format!(
            "{count} clients, each sends {} of {size} bytes, then nothing",
            size - 1
        ),
        figures: format!(
            "{} MB idle, {most} MB at the most{in_group}; {refused} told 503; a write of another client {}",
            idle / 1_000,
            seconds(taken)
        ),
    })
}

/// A group of processes that have only so much memory together, removed when it is dropped.
struct MemoryGroup {
    directory: PathBuf,
    most: &'static str,
}

impl MemoryGroup {
    /// `None` if this machine does not let us, or knows no groups.
    fn new(limit: u64) -> Option<Self> {
        let name = format!("connexion-app-{}", std::process::id());
        let places = [
            (
                "/sys/fs/cgroup/memory",
                "memory.limit_in_bytes",
                "memory.max_usage_in_bytes",
            ),
            ("/sys/fs/cgroup", "memory.max", "memory.peak"),
        ];
        places.into_iter().find_map(|(root, limited, most)| {
            let directory = Path::new(root).join(&name);
            fs::create_dir(&directory).ok()?;
            let group = Self { directory, most };
            let file = group.directory.join(limited);
            (file.exists() && fs::write(file, limit.to_string()).is_ok()).then_some(group)
        })
    }

    /// The same command, run in the group.
    fn running(&self, command: &Command) -> Command {
        let processes = self.directory.join("cgroup.procs");
        after(&format!("echo $$ >{}", processes.display()), command)
    }

    fn most(&self) -> u64 {
        let text = fs::read_to_string(self.directory.join(self.most)).unwrap();
        text.trim().parse().unwrap()
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The kernel needs a moment after the last process.
        for _ in 0..100 {
            if fs::remove_dir(&self.directory).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Lets this program, and those that it starts, have so many files open.
fn enough_files(count: u64) -> Result<(), Skipped> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= count) {
        return Ok(());
    }
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    if limit.maximum.is_some_and(|maximum| maximum < count) {
        return Err(Skipped(format!(
            "{count} open files are not allowed (ulimit -n)"
        )));
    }
    Ok(())
}

/// In megabytes.
fn memory(service: &Service, name: &str) -> u64 {
    service.running.memory(name) / 1_000
}

#[test]
fn slow_and_half_closed_clients_do_not_hold_up_the_others() {
    slow(20).unwrap();
}

#[test]
fn slow_bodies_stay_within_the_memory_of_the_manifests() {
    println!("{:?}", slow_bodies(200, 2 << 20).unwrap());
}

#[test]
fn many_connections_do_not_hold_up_the_others() {
    idle(500).unwrap();
}

/// What a shell or a supervisor allows is less than what the settings do.
#[test]
fn idle_connections_leave_files_for_the_database_and_for_operators() {
    few_files(128, 300).unwrap();
}
