//! Clients that write all the time, and a book of what they were told.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::seconds;
use crate::program::{Service, until};

const WRITERS: usize = 4;

/// The writes so far.
pub(super) struct Load<'s> {
    service: &'s Service,
    book: Mutex<Vec<Write>>,
    stop: AtomicBool,
}

/// One write, of a person who has a name of its own.
#[derive(Clone, Debug)]
struct Write {
    name: String,
    begun: Instant,
    ended: Instant,
    status: u16,
}

/// Sets a flag when it is dropped.
pub(super) struct Stop<'f>(pub(super) &'f AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl<'s> Load<'s> {
    /// Lets clients write while `work` goes on.
    pub(super) fn while_doing(service: &'s Service, work: impl FnOnce(&Self)) -> Self {
        Self::by(WRITERS, service, work)
    }

    /// The same with another number of clients.
    pub(super) fn by(writers: usize, service: &'s Service, work: impl FnOnce(&Self)) -> Self {
        let load = Self {
            service,
            book: Mutex::default(),
            stop: AtomicBool::new(false),
        };
        std::thread::scope(|scope| {
            // Also if the work fails, which would otherwise wait for the others for ever.
            let _stop_at_the_end = Stop(&load.stop);
            for writer in 0..writers {
                scope.spawn({
                    let load = &load;
                    move || load.write(writer)
                });
            }
            work(&load);
        });
        load
    }

    fn write(&self, writer: usize) {
        let mut number = 0;
        while !self.stop.load(Relaxed) {
            let name = format!("{writer}-{number}");
            let begun = Instant::now();
            let answer = self.service.post("/people", &person(&name));
            let status = answer.status.as_u16();
            assert!([200, 503, 507].contains(&status), "{answer:?}");
            self.book.lock().unwrap().push(Write {
                name,
                begun,
                ended: Instant::now(),
                status,
            });
            number += 1;
        }
    }

    fn count(&self, status: u16) -> usize {
        let book = self.book.lock().unwrap();
        book.iter().filter(|write| write.status == status).count()
    }

    /// Waits until so many more writes were answered with this status.
    #[track_caller]
    pub(super) fn until_more(&self, status: u16, more: usize) {
        let enough = self.count(status) + more;
        until(|| match self.count(status) {
            now if now >= enough => Ok(()),
            now => Err(format!("{enough} answers {status}, there are {now}")),
        });
    }

    /// How long after `since` a write succeeded that was begun after it.
    #[track_caller]
    pub(super) fn back_after(&self, since: Instant) -> Duration {
        until(|| {
            let book = self.book.lock().unwrap();
            let mut good = book
                .iter()
                .filter(|write| write.status == 200 && write.begun >= since);
            let first = good.next().map(|write| write.ended - since);
            first.ok_or_else(|| "a write that succeeds".to_owned())
        })
    }

    /// How many writes were refused that were begun after `since`.
    pub(super) fn refused_after(&self, since: Instant) -> usize {
        let book = self.book.lock().unwrap();
        book.iter()
            .filter(|write| write.status == 503 && write.begun >= since)
            .count()
    }

    /// How many writes were refused.
    pub(super) fn refused(&self) -> usize {
        self.count(503) + self.count(507)
    }

    /// How long the slowest answer took.
    pub(super) fn slowest(&self) -> Duration {
        let book = self.book.lock().unwrap();
        let times = book.iter().map(|write| write.ended - write.begun);
        times.max().unwrap_or_default()
    }

    /// Whether what was acknowledged is there, once, and nothing is there twice: a write whose acknowledgement was
    /// lost may be there or not.
    #[track_caller]
    pub(super) fn check(&self) -> String {
        let answer = self.service.get("/people");
        assert_eq!(answer.status, 200, "{answer:?}");
        let people: Vec<serde_json::Value> = serde_json::from_str(&answer.body).unwrap();
        let mut stored = HashMap::<&str, usize>::new();
        for person in &people {
            *stored.entry(person["name"].as_str().unwrap()).or_default() += 1;
        }
        let (mut acknowledged, mut refused, mut refused_but_stored) = (0, 0, 0);
        for write in self.book.lock().unwrap().iter() {
            match (write.status, stored.get(write.name.as_str())) {
                (200, Some(1)) => acknowledged += 1,
                (503 | 507, None) => refused += 1,
                (503, Some(1)) => refused_but_stored += 1,
                (_, times) => panic!("{write:?} is stored {times:?} times"),
            }
        }
        refused += refused_but_stored;
        format!(
            "{acknowledged} acknowledged, 0 missing, 0 twice; {refused} refused ({refused_but_stored} of them stored), \
             slowest answer {}",
            seconds(self.slowest())
        )
    }
}

/// A person of this name, as JSON.
pub(super) fn person(name: &str) -> String {
    format!(
        r#"{{"name":"{name}","passengerClass":1,"sex":"male","age":7,"siblingsOrSpousesAboard":1,"parentsOrChildrenAboard":0,"fare":7.5}}"#
    )
}
