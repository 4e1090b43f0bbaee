//! Limits the memory of all request bodies together. A limit for each body alone does not help against many clients that
//! send slowly.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{HeaderValue, StatusCode, header};

use crate::problem::Problem;

/// The seconds after which a client may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// A budget of bytes for the bodies of all requests in flight; see [`Api::body_memory`](crate::Api::body_memory).
///
/// A clone is the same budget, so that several services can share one, and so that a layer around them can charge what it
/// buffers itself:
///
/// ```
/// # use connexion::BodyMemory;
/// let memory = BodyMemory::new(1000);
/// let decoder = memory.take(900)?;
/// assert_eq!(memory.take(200).unwrap_err().status, 503);
/// drop(decoder);
/// assert!(memory.take(200).is_ok());
/// # Ok::<(), connexion::Problem>(())
/// ```
#[derive(Clone, Debug)]
pub struct BodyMemory {
    left: Arc<AtomicUsize>,
}

impl BodyMemory {
    /// Creates a budget of this many bytes.
    ///
    /// ```
    /// # use connexion::BodyMemory;
    /// assert!(BodyMemory::new(0).take(1).is_err());
    /// ```
    pub fn new(bytes: usize) -> Self {
        Self {
            left: Arc::new(AtomicUsize::new(bytes)),
        }
    }

    /// Takes bytes out of the budget until the returned value is dropped.
    ///
    /// ```
    /// # use connexion::BodyMemory;
    /// let memory = BodyMemory::new(8);
    /// let (first, second) = (memory.take(4), memory.take(4));
    /// assert!(first.is_ok() && second.is_ok() && memory.take(1).is_err());
    /// ```
    ///
    /// # Errors
    /// Returns 503 with `Retry-After` if fewer bytes are left.
    pub fn take(&self, bytes: usize) -> Result<TakenMemory, Problem> {
        let mut taken = TakenMemory {
            memory: self.clone(),
            bytes: 0,
        };
        taken.add(bytes)?;
        Ok(taken)
    }
}

/// Bytes of a [`BodyMemory`], which go back when this is dropped.
#[derive(Debug)]
pub struct TakenMemory {
    memory: BodyMemory,
    bytes: usize,
}

impl TakenMemory {
    /// Takes more bytes.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), Problem> {
        let take = |left: usize| left.checked_sub(bytes);
        let left = &self.memory.left;
        if left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_err()
        {
            let detail = "The server holds as much of other requests as it can. Please try again.";
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
            return Err(problem.with_header(header::RETRY_AFTER, RETRY_AFTER));
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for TakenMemory {
    fn drop(&mut self) {
        self.memory.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// The limits of bodies.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// The maximum bytes of a body that is held in memory.
    pub(crate) body: usize,
    /// The maximum bytes of any other body.
    pub(crate) upload: usize,
    /// The maximum number of values in a body.
    pub(crate) values: usize,
    /// The budget for all bodies that are held in memory.
    pub(crate) memory: Option<BodyMemory>,
}

/// The approximate bytes of a value: 72 itself, and more for a property, an object or an array.
pub(crate) const VALUE: usize = 256;

/// The maximum bytes that are reserved for a body before they are received.
pub(crate) const RESERVED: usize = 4 * 1024 * 1024;

/// Bodies of up to this many bytes, with their values, are not counted: clients that send large bodies slowly must not
/// block all others.
const SMALL: usize = 4 * 1024;

/// The memory that a body takes.
#[derive(Debug, Default)]
pub(crate) struct Held<'l> {
    /// `None` if it is not limited.
    memory: Option<&'l BodyMemory>,
    bytes: usize,
    taken: Option<TakenMemory>,
}

impl<'l> Held<'l> {
    /// Returns the memory of an empty body, taken from `memory` if given.
    pub(crate) fn of(memory: Option<&'l BodyMemory>) -> Self {
        Self {
            memory,
            ..Self::default()
        }
    }

    /// Takes more bytes.
    ///
    /// # Errors
    /// If the budget is exhausted.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        let Some(memory) = self.memory.filter(|_| self.bytes > SMALL) else {
            return Ok(());
        };
        match &mut self.taken {
            Some(taken) => taken.add(bytes)?,
            None => self.taken = Some(memory.take(self.bytes)?),
        }
        Ok(())
    }
}
