//! The first time that a source is read: every row is checked, nothing is stored.

use std::io::{self, Read, Seek};
use std::time::Duration;

use connexion::Validator;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::keys::Keys;
use super::row::open;
use super::{BATCH, BadRows, ImportError, Imported, Options, Progress, RowError};

/// A source without an error, and what was learned of it.
pub(super) struct Checked<S, P> {
    /// At its beginning again.
    pub(super) source: S,
    pub(super) progress: P,
    /// The keys that rows brought with them.
    pub(super) keys: Keys,
    /// What the import comes to.
    pub(super) imported: Imported,
    /// The hash of the source, of an import that is done once only.
    pub(super) digest: [u8; 32],
}

/// Checks a source on a blocking thread, which ends soon after the future is dropped.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) async fn check<S, P>(
    mut source: S,
    schema: Validator,
    options: Options,
    mut progress: P,
) -> Result<Checked<S, P>, ImportError>
where
    S: Read + Seek + Send + 'static,
    P: FnMut(Progress) + Send + 'static,
{
    let (reply, receiver) = oneshot::channel();
    let checking = move || {
        let mut hashed = Hashed {
            source: &mut source,
            hash: options.once.map(|_| Sha256::new()),
        };
        let is_awaited = || !reply.is_closed();
        let checked = check_rows(&mut hashed, &schema, options, &mut progress, is_awaited);
        let hash = hashed.hash.map(|hash| hash.finalize().into());
        let checked = checked.and_then(|(imported, keys)| {
            source.rewind().map_err(ImportError::Read)?;
            Ok(Checked {
                source,
                progress,
                keys,
                imported,
                digest: hash.unwrap_or_default(),
            })
        });
        // A failed send means that nobody waits any more.
        let _ = reply.send(checked);
    };
    let ended = spawn_blocking(checking);
    match receiver.await {
        Ok(checked) => checked,
        Err(_closed) => Err(ImportError::Read(io::Error::other(
            ended
                .await
                .err()
                .map_or_else(String::new, |panic| panic.to_string()),
        ))),
    }
}

/// Checks all rows, as long as somebody waits for what comes of it.
pub(super) fn check_rows(
    source: &mut impl Read,
    schema: &Validator,
    options: Options,
    progress: &mut impl FnMut(Progress),
    is_awaited: impl Fn() -> bool,
) -> Result<(Imported, Keys), ImportError> {
    let (mut bad, mut keys) = (BadRows::default(), Keys::default());
    let mut imported = Imported {
        rows: 0,
        ages_cut: 0,
        is_trial: options.is_trial,
        elapsed: Duration::ZERO,
    };
    let mut seen = 0;
    for row in open(source, schema, options.format)? {
        match row {
            Ok(row) => {
                imported.rows += 1;
                imported.ages_cut += u64::from(row.age_cut);
                if row.has_key {
                    keys.push(row.person.uuid, row.line);
                }
            }
            Err(RowError::Bad(row)) => bad.push(row),
            Err(RowError::Read(error)) => return Err(ImportError::Read(error)),
        }
        seen += 1;
        if seen % BATCH as u64 == 0 {
            progress(Progress::Checking(seen));
            if !is_awaited() {
                break;
            }
        }
    }
    progress(Progress::Checking(seen));
    keys.sort();
    let BadRows { shown, total } = keys.add_repeated(bad);
    if total > 0 {
        return Err(ImportError::BadRows { shown, total });
    }
    Ok((imported, keys))
}

/// A source that is hashed as it is read, if that is wanted.
struct Hashed<R> {
    source: R,
    hash: Option<Sha256>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..length]);
        }
        Ok(length)
    }
}
