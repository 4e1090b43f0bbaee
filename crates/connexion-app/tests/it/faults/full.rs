//! No space left on the disk: a small one of memory, which only root may mount.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::load::{Load, person};
use super::{Outcome, Skipped, Stood};
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

/// Under the table, not under the log of what is to be written: without that, PostgreSQL itself ends.
pub(super) fn under_postgres() -> Outcome {
    let disk = SmallDisk::mount()?;
    let server = PrivateServer::start();
    let directory = disk.path("space");
    let made = shell(r#"install -d -o postgres -g postgres "$1""#)
        .arg(&directory)
        .status();
    assert!(made.unwrap().success());
    make_database(&server.url("postgres"), &directory.display().to_string());
    Ok(filled(&disk, &server.url("people")))
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
