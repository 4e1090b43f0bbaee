//! `people.import`: the body goes into a temporary file, which then is imported as any other.

use std::convert::Infallible;
use std::io::Seek as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use connexion::{Accept, Body, ByteStream, Items, Params, Principal, Problem, Validator};
use futures_util::{Stream, stream};
use http::{HeaderMap, HeaderName, header};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tracing::Instrument as _;

use super::{People, name};
use crate::error::unanswerable;
use crate::import::{Format, ImportError, Imported, Options, Progress, import};
use crate::once::Once;
use crate::store::Store;
use crate::upload::{Imports, Moved, Upload};

/// How often a client that wants to know hears how far its import is.
const TICK: Duration = Duration::from_millis(250);

/// A proxy that gathers a response before it passes it on would show no progress; nginx obeys this.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// The parameters of `people.import`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportParams {
    #[serde(default)]
    dry_run: bool,
    #[serde(flatten)]
    once: Once,
}

/// What an import needs of the application beside the store.
#[derive(Clone, Debug)]
pub(crate) struct Importing {
    /// The contract's schema of a new person.
    pub(crate) schema: Validator,
    pub(crate) imports: Imports,
}

/// `people.import`
#[expect(clippy::too_many_arguments, reason = "each is an extractor")]
pub(crate) async fn import_people(
    importing: Importing,
    State(store): People,
    who: Option<Principal>,
    accept: Accept,
    moved: Option<Extension<Moved>>,
    headers: HeaderMap,
    Params(params): Params<ImportParams>,
    body: ByteStream,
) -> Result<Response, Problem> {
    let Importing { schema, imports } = importing;
    let options = Options {
        format: format_of(&headers),
        is_trial: params.dry_run,
        once: params.once.claim("people.import", who.as_ref()),
    };
    let moved = moved.map(|Extension(moved)| moved).unwrap_or_default();
    let upload = imports.receive(&headers, body, &moved).await?;
    let (progress, shown) = watch::channel(Progress::Checking(0));
    let work = run(store, schema, upload, options, who, progress);
    if accept.as_str() == "application/x-ndjson" {
        let lines = Items::new(lines(work, shown)).lines();
        return Ok(([UNBUFFERED], lines).into_response());
    }
    Ok(Body(moved.during(work).await?).into_response())
}

async fn run(
    store: Arc<dyn Store>,
    schema: Validator,
    upload: Upload,
    options: Options,
    who: Option<Principal>,
    progress: watch::Sender<Progress>,
) -> Result<Imported, Problem> {
    let Upload {
        mut file,
        slot: _slot,
    } = upload;
    file.rewind().map_err(ImportError::Read)?;
    let tell = move |now| {
        progress.send_replace(now);
    };
    let imported = import(store.as_ref(), &schema, file, options, tell).await?;
    if !imported.is_trial {
        let (who, rows) = (name(who.as_ref()), imported.rows);
        tracing::info!(target: "audit", who, rows, "audit: imported");
    }
    Ok(imported)
}

/// A line of a response that tells how far the import is.
#[derive(Debug, Serialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
enum Line {
    Checking { rows: u64 },
    Storing { rows: u64 },
    Done(Imported),
    Failed { problem: Problem },
}

impl From<Progress> for Line {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Checking(rows) => Self::Checking { rows },
            Progress::Storing(rows) => Self::Storing { rows },
        }
    }
}

/// How far `work` is, now and then, and what came of it. The work goes on however slowly the client takes the lines, so
/// that nobody waits for it in vain, and ends when they are dropped, as when the client goes away.
fn lines(
    work: impl Future<Output = Result<Imported, Problem>> + Send + 'static,
    progress: watch::Receiver<Progress>,
) -> impl Stream<Item = Result<Line, Infallible>> + Send {
    let mut working = JoinSet::new();
    working.spawn(work.in_current_span());
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold(Some((working, ticks, progress)), |state| async {
        let (mut working, mut ticks, progress) = state?;
        tokio::select! {
            biased;
            Some(done) = working.join_next() => {
                let done = done.unwrap_or_else(|panicked| {
                    tracing::error!("an import failed: {panicked}");
                    Err(unanswerable())
                });
                let line = done.map_or_else(|problem| Line::Failed { problem }, Line::Done);
                Some((Ok(line), None))
            }
            _ = ticks.tick() => {
                let line = Line::from(*progress.borrow());
                Some((Ok(line), Some((working, ticks, progress))))
            }
        }
    })
}

/// The contract has let in no other type than these two.
fn format_of(headers: &HeaderMap) -> Format {
    let content_type = headers.get(header::CONTENT_TYPE);
    let is_csv = content_type.is_some_and(|value| {
        let start = value.as_bytes().get(..8).unwrap_or_default();
        start.eq_ignore_ascii_case(b"text/csv")
    });
    if is_csv { Format::Csv } else { Format::Lines }
}
