//! No space left on the disk: a small one of memory, which only root may mount.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::load::{Load, person};
use super::{Outcome, SOON, Skipped, Stood, seconds};
use crate::postgres_server::{PrivateServer, connect, shell};
use crate::program::Program;

/// A disk of 32 MiB, unmounted when dropped.
struct SmallDisk {
    directory: TempDir,
}

impl SmallDisk {
    fn mount() -> Result<Self, Skipped> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=32m,mode=755", "tmpfs"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            return Err(Skipped(
                "a small disk can be mounted only by root".to_owned(),
            ));
        }
        Ok(Self { directory })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A directory of PostgreSQL's own.
    fn for_postgres(&self, name: &str) -> String {
        let directory = self.path(name);
        let made = shell(r#"install -d -m 700 -o postgres -g postgres "$1""#)
            .arg(&directory)
            .status();
        assert!(made.unwrap().success());
        directory.display().to_string()
    }

    /// Leaves half a megabyte.
    fn fill(&self) {
        let mut filler = File::create(self.path("filler")).unwrap();
        while filler.write_all(&[0; 4_096]).is_ok() {}
        let length = filler.metadata().unwrap().len();
        filler.set_len(length - (length % 4_096) - 524_288).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.path("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server that still runs may have a file open.
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.directory.path())
            .status();
    }
}

/// Under the table, not under the log of what is to be written.
pub(super) fn under_postgres() -> Outcome {
    let disk = SmallDisk::mount()?;
    let server = PrivateServer::start();
    let directory = disk.for_postgres("space");
    make_database(&server.url("postgres"), &directory);
    Ok(filled(&disk, &server.url("people")))
}

/// What was made of the log in advance must not last for long.
#[tokio::main(flavor = "current_thread")]
async fn keep_few_segments(url: &str) {
    let admin = connect(url).await;
    for statement in [
        "alter system set min_wal_size = '2MB'",
        "select pg_reload_conf()",
        "checkpoint",
    ] {
        admin.batch_execute(statement).await.unwrap();
    }
}

/// Begins one segment of the log after another until PostgreSQL ends. Those that it has recycled have room for more rows
/// than are written in a minute on a busy machine.
#[tokio::main(flavor = "current_thread")]
async fn use_up_segments(url: &str) {
    let admin = connect(url).await;
    for _ in 0..1000 {
        let switched = admin.batch_execute("select pg_switch_wal()").await;
        if switched.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn make_database(url: &str, directory: &str) {
    let admin = connect(url).await;
    for statement in [
        &format!("create tablespace small location '{directory}'"),
        "create database people tablespace small",
    ] {
        admin.batch_execute(statement).await.unwrap();
    }
}

/// Under the log of what is to be written: PostgreSQL itself ends then, and starts again only when there is room.
pub(super) fn under_wal() -> Outcome {
    let disk = SmallDisk::mount()?;
    let directory = disk.for_postgres("wal");
    let wal = format!("--waldir={directory}");
    let server = PrivateServer::durable(&[&wal, "--wal-segsize=1"]);
    keep_few_segments(&server.url("postgres"));
    let program = Program::on(&server.url("postgres")).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    let mut back = Duration::ZERO;
    let load = Load::while_doing(&service, |load| {
        load.until_more(200, 20);
        disk.fill();
        use_up_segments(&server.url("postgres"));
        load.until_more(503, 20);
        disk.make_room();
        server.until_it_runs();
        back = load.back_after(Instant::now());
        assert!(back < SOON, "{back:?}");
        load.until_more(200, 20);
    });
    Ok(Stood {
        done: "under 4 writers, until it ended; then room was made, and it was started".to_owned(),
        figures: format!("{}; 200 after {}", load.check(), seconds(back)),
    })
}

pub(super) fn under_sqlite() -> Outcome {
    let disk = SmallDisk::mount()?;
    let url = format!("sqlite:{}", disk.path("people.sqlite").display());
    Ok(filled(&disk, &url))
}

fn filled(disk: &SmallDisk, url: &str) -> Stood {
    let program = Program::on(url).env("APP_SETTINGS", "production");
    program.run(&["migrate"]).ok();
    let service = program.serve(&[]);
    let load = Load::while_doing(&service, |load| {
        load.until_more(200, 20);
        disk.fill();
        load.until_more(507, 20);
        assert!(service.people() > 0);
        disk.make_room();
        load.until_more(200, 20);
    });
    assert_eq!(service.post("/people", &person("after")).status, 200);
    Stood {
        done: "under 4 writers, until 20 got 507; then room was made".to_owned(),
        figures: format!("{}; reads 200 while full", load.check()),
    }
}

#[test]
fn a_full_disk_is_told_with_507_until_there_is_room() {
    for outcome in [under_postgres(), under_sqlite()] {
        if let Err(Skipped(reason)) = outcome {
            eprintln!("skipped: {reason}");
        }
    }
}

#[test]
fn a_database_that_ends_for_want_of_room_has_what_it_acknowledged() {
    if let Err(Skipped(reason)) = under_wal() {
        eprintln!("skipped: {reason}");
    }
}
