//! The file of a log, which can be moved away while it is written.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A file that is appended to, and opened anew after whoever rotates logs has renamed it.
#[derive(Debug)]
pub(crate) struct LogFile {
    setting: &'static str,
    path: PathBuf,
    file: Mutex<File>,
}

impl LogFile {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// If that fails, with the name of the setting and the path.
    pub(super) fn open(setting: &'static str, path: &Path) -> io::Result<Self> {
        Ok(Self {
            setting,
            path: path.to_owned(),
            file: Mutex::new(append_to(setting, path)?),
        })
    }

    /// Opens the file anew. If that fails the old one is used on: a log at the wrong place is better than none.
    pub(crate) fn reopen(&self) {
        match append_to(self.setting, &self.path) {
            Ok(file) => *self.lock() = file,
            Err(error) => tracing::error!("{error}"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

fn append_to(setting: &str, path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map_err(|error| {
        let reason = format!("{setting}: {} can't be written: {error}", path.display());
        io::Error::new(error.kind(), reason)
    })
}
