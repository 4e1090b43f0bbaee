//! Lists: all people, a row at a time, on sessions that nobody else uses meanwhile.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres::{Config, RowStream};

use super::error::Failure;
use super::row::person;
use super::session::{OWN, Session};
use crate::person::Person;
use crate::store::{People, StoreError, Turns};

/// How many lists may be under way; each needs a connection, of which the database has few.
const AT_ONCE: usize = 8;
/// How long one more list waits for its turn.
const TURN: Duration = Duration::from_secs(10);

/// The sessions that lists take turns on.
#[derive(Debug)]
pub(super) struct Lists {
    config: Arc<Config>,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
}

impl Lists {
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            idle: Mutex::default(),
        }
    }

    /// Starts a list. Idle sessions may have died unnoticed: each that did is dropped for the next, in
    /// the end for a fresh one.
    pub(super) async fn start(lists: &Arc<Self>) -> Result<People, StoreError> {
        let turn = timeout(TURN, Arc::clone(&lists.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(StoreError::Unavailable(
                "too many lists are under way".to_owned(),
            ));
        };
        while let Some(session) = lists.take_idle() {
            match rows(&session).await {
                Ok(rows) => return Ok(Self::stream(lists, session, rows, turn)),
                Err(failure) if failure.connection_died() => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        let session = Session::open(&lists.config, OWN).await?;
        let rows = rows(&session).await?;
        Ok(Self::stream(lists, session, rows, turn))
    }

    fn stream(
        lists: &Arc<Self>,
        session: Session,
        rows: RowStream,
        turn: OwnedSemaphorePermit,
    ) -> People {
        let lists = Arc::clone(lists);
        Reading {
            rows: Box::pin(rows),
            session: Some(session),
            lists,
            _turn: turn,
        }
        .boxed()
    }

    /// How many turns there are, and how many are taken.
    pub(super) fn turns(&self) -> Turns {
        Turns {
            all: AT_ONCE,
            taken: AT_ONCE - self.turns.available_permits(),
        }
    }

    fn take_idle(&self) -> Option<Session> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn keep(&self, session: Session) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(session);
    }
}

async fn rows(session: &Session) -> Result<RowStream, Failure> {
    let rows = async {
        let statement = &session.statements().await?.list;
        session.client.query_raw(statement, [0_i32; 0]).await
    };
    session.answer(rows).await
}

/// A list under way.
struct Reading {
    rows: Pin<Box<RowStream>>,
    /// Taken at the end, when the session is fit for the next list.
    session: Option<Session>,
    lists: Arc<Lists>,
    _turn: OwnedSemaphorePermit,
}

impl Stream for Reading {
    type Item = Result<Person, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.session.is_none() {
            return Poll::Ready(None);
        }
        let row = ready!(self.rows.as_mut().poll_next(context));
        let read = row.map(|row| Ok(person(&row?)?));
        match (&read, self.session.take()) {
            (Some(Ok(_)), session) => self.session = session,
            (Some(Err(_)), Some(session)) => session.abort(),
            (None, Some(session)) => self.lists.keep(session),
            (_, None) => {}
        }
        Poll::Ready(read)
    }
}

impl Drop for Reading {
    /// A list that nobody reads to its end takes its connection along: the rest of the rows would have to
    /// be fetched before it could be used again.
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.abort();
        }
    }
}
