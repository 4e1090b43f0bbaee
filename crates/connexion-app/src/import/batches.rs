//! The second time that a source is read: its people go to the store, in batches.

use std::io::{self, Read};
use std::mem;

use connexion::Validator;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::{self, JoinHandle};

use super::row::open;
use super::{BATCH, Format, ImportError, Progress, RowError};
use crate::person::Person;
use crate::store::{Batches, ImportStopped};

/// How many batches may wait for the store.
const QUEUE: usize = 4;

/// What the parser sends to the store. The end is sent, never concluded from silence: if the parser panics or its
/// thread is never started, the store must not keep the half it has got.
enum Message {
    Batch(Vec<Person>),
    End,
}

/// Why the parser ended.
type Outcome = Result<(), ImportError>;

/// Parses a source that was checked. It may have changed since, if it is somebody's file: a row that is bad now stops
/// the store.
pub(super) fn parse(
    source: impl Read + Send + 'static,
    schema: Validator,
    format: Format,
    progress: impl FnMut(Progress) + Send + 'static,
) -> (Batches, JoinHandle<Outcome>) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let parsing =
        task::spawn_blocking(move || send_all(source, &schema, format, &sender, progress));
    let batches = stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Message::Batch(batch)) => Some((Ok(batch), Some(receiver))),
            Some(Message::End) => None,
            None => Some((Err(ImportStopped), None)),
        }
    });
    (batches.boxed(), parsing)
}

pub(super) async fn outcome(parsing: JoinHandle<Outcome>) -> Outcome {
    parsing
        .await
        .map_err(|panicked| ImportError::Read(io::Error::other(panicked)))?
}

fn send_all(
    source: impl Read,
    schema: &Validator,
    format: Format,
    sender: &mpsc::Sender<Message>,
    mut progress: impl FnMut(Progress),
) -> Outcome {
    let (mut batch, mut rows) = (Vec::with_capacity(BATCH), 0);
    // A failed send means that the store has ended, which says why itself.
    for row in open(source, schema, format)? {
        match row {
            Ok(row) => batch.push(row.person),
            Err(RowError::Read(error)) => return Err(ImportError::Read(error)),
            Err(RowError::Bad(row)) => {
                let (shown, total) = (vec![row], 1);
                return Err(ImportError::BadRows { shown, total });
            }
        }
        rows += 1;
        if batch.len() == BATCH {
            let full = mem::replace(&mut batch, Vec::with_capacity(BATCH));
            if sender.blocking_send(Message::Batch(full)).is_err() {
                return Ok(());
            }
            progress(Progress::Storing(rows));
        }
    }
    let last = (!batch.is_empty()).then_some(Message::Batch(batch));
    for message in last.into_iter().chain([Message::End]) {
        if sender.blocking_send(message).is_err() {
            return Ok(());
        }
    }
    progress(Progress::Storing(rows));
    Ok(())
}
