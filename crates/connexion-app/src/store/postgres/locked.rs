//! Calls that want what another transaction has locked.
//!
//! The first call for a thing waits for its lock, on a session of its own; the others for the same thing wait here, so that
//! many calls for one row take one session. When the first one gets the lock, the others go on as usual, together. When
//! its time is over, the next one takes its place.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::error::Failure;
use super::lane::Lane;
use super::limits::Within;
use crate::person::PersonChanges;
use crate::store::StoreError;

/// What a call wants. Calls that want equal things wait for the same locks.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Wanted {
    /// To add a person with this key.
    New(Uuid),
    /// To change or delete this person.
    Row(Uuid),
    /// To change this person's key to that one.
    Move(Uuid, Uuid),
    /// To make this claim.
    Claim([u8; 32]),
}

impl Wanted {
    /// What a change of this person wants.
    pub(super) fn update(uuid: Uuid, to: &PersonChanges) -> Self {
        match to.uuid {
            Some(new) if new != uuid => Self::Move(uuid, new),
            _ => Self::Row(uuid),
        }
    }
}

/// What calls wait for.
#[derive(Debug)]
pub(super) struct Locked {
    /// How many calls may wait in the database at a time; each has a connection.
    lane: Lane,
    things: Mutex<HashMap<Wanted, Thing>>,
    /// How many things there are, to be looked at by every write.
    count: AtomicUsize,
}

/// One thing that calls wait for.
#[derive(Debug)]
struct Thing {
    /// One permit: the call that has it waits in the database. Closed when the thing is free.
    turn: Arc<Semaphore>,
    /// How many calls are here for it.
    calls: usize,
}

/// How waiting for others ended.
pub(super) enum Turn {
    /// It is this call's turn to wait in the database, in this place.
    Now(Waiting, OwnedSemaphorePermit),
    /// Another call got the lock.
    Free,
}

/// A call's turn; dropped, it is the next one's.
#[derive(Debug)]
pub(super) struct Waiting {
    _turn: OwnedSemaphorePermit,
    here: Here,
}

/// A call that is here for a thing; the last one to go removes it.
#[derive(Debug)]
struct Here {
    locked: Arc<Locked>,
    wanted: Wanted,
    turn: Arc<Semaphore>,
}

impl Locked {
    pub(super) fn new(lane: Lane) -> Self {
        Self {
            lane,
            things: Mutex::default(),
            count: AtomicUsize::new(0),
        }
    }

    /// Whether calls wait for this already.
    pub(super) fn has(&self, wanted: Wanted) -> bool {
        self.count.load(Ordering::Relaxed) > 0 && self.things().contains_key(&wanted)
    }

    /// Waits for this call's turn.
    ///
    /// # Errors
    /// If its time is over, or too many calls wait in the database.
    pub(super) async fn turn(
        self: &Arc<Self>,
        wanted: Wanted,
        within: Within,
    ) -> Result<Turn, Failure> {
        let here = self.enter(wanted);
        let turn = within.until(Arc::clone(&here.turn).acquire_owned()).await?;
        let Ok(turn) = turn else {
            return Ok(Turn::Free);
        };
        let Some(place) = self.lane.place() else {
            let reason = "too many calls wait for locks of other transactions";
            return Err(StoreError::Unavailable(reason.to_owned()).into());
        };
        Ok(Turn::Now(Waiting { _turn: turn, here }, place))
    }

    fn enter(self: &Arc<Self>, wanted: Wanted) -> Here {
        let mut things = self.things();
        let thing = things.entry(wanted).or_insert_with(|| Thing {
            turn: Arc::new(Semaphore::new(1)),
            calls: 0,
        });
        thing.calls += 1;
        let turn = Arc::clone(&thing.turn);
        self.count.store(things.len(), Ordering::Relaxed);
        drop(things);
        Here {
            locked: Arc::clone(self),
            wanted,
            turn,
        }
    }

    /// Removes a thing if `is_over` says so; not one that came in its place.
    fn leave(
        &self,
        wanted: Wanted,
        turn: &Arc<Semaphore>,
        is_over: impl FnOnce(&mut Thing) -> bool,
    ) {
        let mut things = self.things();
        let thing = things.get_mut(&wanted);
        if thing.is_some_and(|thing| Arc::ptr_eq(&thing.turn, turn) && is_over(thing)) {
            things.remove(&wanted);
            self.count.store(things.len(), Ordering::Relaxed);
        }
    }

    fn things(&self) -> MutexGuard<'_, HashMap<Wanted, Thing>> {
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Lets all calls for the same thing go on.
    pub(super) fn free(self) {
        let Here {
            locked,
            wanted,
            turn,
        } = &self.here;
        locked.leave(*wanted, turn, |_| true);
        turn.close();
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.locked.leave(self.wanted, &self.turn, |thing| {
            thing.calls -= 1;
            thing.calls == 0
        });
    }
}
