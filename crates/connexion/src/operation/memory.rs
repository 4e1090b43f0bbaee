//! How much memory the bodies of requests take together, whoever sends them. A limit on each body alone does not help
//! against many clients that send theirs slowly.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::{HeaderValue, StatusCode, header};

use crate::problem::Problem;

/// After how many seconds a client may try again.
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
    /// A budget of this many bytes.
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

    /// Takes bytes out of the budget until what is returned is dropped.
    ///
    /// ```
    /// # use connexion::BodyMemory;
    /// let memory = BodyMemory::new(8);
    /// let (first, second) = (memory.take(4), memory.take(4));
    /// assert!(first.is_ok() && second.is_ok() && memory.take(1).is_err());
    /// ```
    ///
    /// # Errors
    /// If so many are not left: 503 with `Retry-After`.
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
    /// Takes more.
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

/// What bodies may have.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Bytes, of one that is held in memory.
    pub(crate) body: usize,
    /// Bytes, of any other.
    pub(crate) upload: usize,
    /// Values, of one.
    pub(crate) values: usize,
    /// Bytes, of all that are held in memory at a time.
    pub(crate) memory: Option<BodyMemory>,
}

/// About so many bytes a value takes: 72 itself, and more as a property or if it is an object or array.
pub(crate) const VALUE: usize = 256;

/// At most so many bytes are reserved for a body before they have come.
pub(crate) const RESERVED: usize = 4 * 1024 * 1024;

/// A body with its values takes no memory of the others up to this many bytes: clients that send large bodies slowly must
/// not stop everybody else.
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
    /// Of a body whose memory is limited to what is left of `memory`, if that is given.
    pub(crate) fn of(memory: Option<&'l BodyMemory>) -> Self {
        Self {
            memory,
            ..Self::default()
        }
    }

    /// Takes more.
    ///
    /// # Errors
    /// If there is no more.
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
