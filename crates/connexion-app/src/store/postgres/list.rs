//! Lists and what else takes its time: a row at a time, on sessions that nobody else uses meanwhile. Whoever reads the
//! rows receives them, too, so a reader who is slow makes the database wait.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres::{Row, RowStream};

use super::session::{Session, Target, Use, Wire};
use crate::store::select::Query;
use crate::store::{StoreError, Turns};

/// The sessions that lists take turns on.
#[derive(Debug)]
pub(super) struct Lists {
    target: Arc<Target>,
    /// How many lists may be under way; each needs a connection, of which the database has few.
    at_once: usize,
    /// How long one more list waits for its turn.
    wait: Duration,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<(Session, Wire)>>,
}

impl Lists {
    pub(super) fn new(target: Arc<Target>, at_once: usize, wait: Duration) -> Self {
        Self {
            target,
            at_once,
            wait,
            turns: Arc::new(Semaphore::new(at_once)),
            idle: Mutex::default(),
        }
    }

    /// Starts a list, of everybody without a query. Idle sessions may have died unnoticed: each that did is dropped
    /// for the next, in the end for a fresh one.
    pub(super) async fn start(
        lists: &Arc<Self>,
        query: Option<&Query>,
    ) -> Result<Reading, StoreError> {
        let turn = timeout(lists.wait, Arc::clone(&lists.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(StoreError::Unavailable(
                "too many lists are under way".to_owned(),
            ));
        };
        while let Some((session, mut wire)) = lists.take_idle() {
            match wire.carry(session.soon(session.list(query))).await {
                Ok(rows) => return Ok(Self::stream(lists, (session, wire), rows, turn)),
                Err(failure) if failure.wants_fresh_session() => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        let (session, mut wire) = Session::connect(&lists.target, Use::List).await?;
        let rows = wire.carry(session.soon(session.list(query))).await?;
        Ok(Self::stream(lists, (session, wire), rows, turn))
    }

    fn stream(
        lists: &Arc<Self>,
        session: (Session, Wire),
        rows: RowStream,
        turn: OwnedSemaphorePermit,
    ) -> Reading {
        Reading {
            rows: Box::pin(rows),
            session: Some(session),
            lists: Arc::clone(lists),
            _turn: turn,
        }
    }

    /// How many turns there are, and how many are taken.
    pub(super) fn turns(&self) -> Turns {
        Turns {
            all: self.at_once,
            taken: self.at_once - self.turns.available_permits(),
        }
    }

    fn take_idle(&self) -> Option<(Session, Wire)> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn keep(&self, session: (Session, Wire)) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(session);
    }
}

/// A list under way. One that nobody reads to its end takes its connection along: the rest of the rows would have to be
/// fetched before it could be used again.
pub(super) struct Reading {
    rows: Pin<Box<RowStream>>,
    /// Taken at the end, when the session is fit for the next list.
    session: Option<(Session, Wire)>,
    lists: Arc<Lists>,
    _turn: OwnedSemaphorePermit,
}

impl Stream for Reading {
    type Item = Result<Row, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some((_, wire)) = &mut this.session else {
            return Poll::Ready(None);
        };
        // Rows come only while the wire is polled, so whoever waits for them need not be woken by them: it would be polled once
        // more for nothing, by another thread if one is idle.
        let nobody = &mut Context::from_waker(Waker::noop());
        let mut row = this.rows.as_mut().poll_next(nobody);
        if row.is_pending() {
            wire.poll(context);
            row = this.rows.as_mut().poll_next(nobody);
        }
        let row = ready!(row);
        if !matches!(row, Some(Ok(_))) {
            let ended = this.session.take();
            if let Some(session) = ended.filter(|_| row.is_none()) {
                this.lists.keep(session);
            }
        }
        Poll::Ready(row.map(|row| Ok(row?)))
    }
}
