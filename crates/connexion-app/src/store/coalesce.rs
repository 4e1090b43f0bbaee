//! Calls that come while others are under way are done together.
//!
//! A database answers one statement about sixty-four keys in little more time than one about a single key, and
//! makes sixty-four changes durable with the same wait for its disk as one. So a call that finds a lane free is done
//! at once, by itself; those that come while the lanes are busy wait, and the next lane that is free takes them all.
//! There is no timer: without load nothing is added, and the more load there is, the larger batches become.
//!
//! What a batch does is the store's affair, which promises that every call gets the answer that it would have got
//! alone. Here it is made sure that every call gets one, whatever happens to the others.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use prometheus::{Histogram, histogram_opts};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::StoreError;

/// At most so many calls go together. That is where more of them no longer makes either database faster, and a batch
/// must not keep those behind it waiting.
pub(super) const MOST: usize = 128;

/// Upper bounds of the sizes that are counted.
const SIZES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// Where calls of one kind come together.
pub(super) struct Coalescer<C, A>(Arc<Shared<C, A>>);

/// What does a batch, of which the oldest call arrived at that time: it answers each of the calls, in their order.
type Work<C, A> =
    dyn Fn(Vec<C>, Instant) -> BoxFuture<'static, Vec<Result<A, StoreError>>> + Send + Sync;

struct Shared<C, A> {
    work: Box<Work<C, A>>,
    lanes: usize,
    patience: Duration,
    sizes: Histogram,
    queue: Mutex<Queue<C, A>>,
}

struct Queue<C, A> {
    waiting: VecDeque<Waiting<C, A>>,
    /// How many lanes are busy.
    busy: usize,
}

struct Waiting<C, A> {
    call: C,
    since: Instant,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

impl<C: Send + 'static, A: Send + 'static> Coalescer<C, A> {
    /// Does calls with `work`, so many batches at a time. A call that waits longer than `patience` is refused instead.
    /// `name` is the calls' in the metric of sizes.
    pub(super) fn new<F>(
        name: &str,
        lanes: usize,
        patience: Duration,
        work: impl Fn(Vec<C>, Instant) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Vec<Result<A, StoreError>>> + Send + 'static,
    {
        let options = histogram_opts!(
            "connexion_database_batch_calls",
            "How many calls of the store went to the database together.",
            SIZES.to_vec()
        );
        let sizes = Histogram::with_opts(options.const_label("call", name));
        Self(Arc::new(Shared {
            work: Box::new(move |calls, since| work(calls, since).boxed()),
            lanes,
            patience,
            sizes: sizes.expect("the name is right"),
            queue: Mutex::new(Queue {
                waiting: VecDeque::new(),
                busy: 0,
            }),
        }))
    }

    /// Does this call, which arrived at that time, with others or alone. Whoever goes away before it was begun has never
    /// called.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if its time was over before it was begun, [`StoreError::Unexpected`] if the work
    /// panicked, and those of the work.
    pub(super) async fn call(&self, call: C, since: Instant) -> Result<A, StoreError> {
        let answer = match self.0.enter(call, since) {
            // By the caller itself: another task would take time to wake.
            Entered::Lane(lane, call) => lane.run(vec![call], since).await.pop(),
            Entered::Queue(answered) => answered.await.ok(),
        };
        answer.unwrap_or_else(|| {
            Err(StoreError::Unexpected(
                "a batch ended without an answer".to_owned(),
            ))
        })
    }

    /// The sizes of batches so far.
    pub(super) fn sizes(&self) -> Histogram {
        self.0.sizes.clone()
    }
}

/// What came of a call.
enum Entered<C: Send + 'static, A: Send + 'static> {
    /// A lane was free, and is this call's.
    Lane(Lane<C, A>, C),
    /// It waits for its answer.
    Queue(oneshot::Receiver<Result<A, StoreError>>),
}

impl<C: Send + 'static, A: Send + 'static> Shared<C, A> {
    fn enter(self: &Arc<Self>, call: C, since: Instant) -> Entered<C, A> {
        let mut queue = self.lock();
        if queue.busy < self.lanes {
            queue.busy += 1;
            return Entered::Lane(Lane(Arc::clone(self)), call);
        }
        let (answer, answered) = oneshot::channel();
        queue.waiting.push_back(Waiting {
            call,
            since,
            answer,
        });
        Entered::Queue(answered)
    }

    fn lock(&self) -> MutexGuard<'_, Queue<C, A>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls that go together, and where their answers go.
struct Batch<C, A> {
    calls: Vec<C>,
    answers: Vec<oneshot::Sender<Result<A, StoreError>>>,
    /// When the oldest of them arrived.
    since: Instant,
}

/// A lane that is busy. Dropped, be it because its work panicked or its caller has gone away, it goes on with those who
/// wait, or else is free again.
struct Lane<C: Send + 'static, A: Send + 'static>(Arc<Shared<C, A>>);

impl<C: Send + 'static, A: Send + 'static> Lane<C, A> {
    async fn run(&self, calls: Vec<C>, since: Instant) -> Vec<Result<A, StoreError>> {
        #[expect(clippy::cast_precision_loss, reason = "at most `MOST`")]
        self.0.sizes.observe(calls.len() as f64);
        (self.0.work)(calls, since).await
    }

    /// One batch after another, until nobody waits.
    async fn run_all(self) {
        while let Some(batch) = self.next() {
            let results = self.run(batch.calls, batch.since).await;
            for (answer, result) in batch.answers.into_iter().zip(results) {
                // Whoever has gone away meanwhile doesn't want it any more.
                let _ = answer.send(result);
            }
        }
    }

    /// Those who are next, and are still there. Those whose time is over are told so, and never begun: what was refused
    /// must not be done later.
    fn next(&self) -> Option<Batch<C, A>> {
        let now = Instant::now();
        let mut queue = self.0.lock();
        let mut batch = Batch {
            calls: Vec::new(),
            answers: Vec::new(),
            since: now,
        };
        while batch.calls.len() < MOST
            && let Some(waiting) = queue.waiting.pop_front()
        {
            if waiting.answer.is_closed() {
                continue;
            }
            if now.saturating_duration_since(waiting.since) > self.0.patience {
                let late = StoreError::Unavailable("the call waited too long".to_owned());
                let _ = waiting.answer.send(Err(late));
                continue;
            }
            batch.since = batch.since.min(waiting.since);
            batch.calls.push(waiting.call);
            batch.answers.push(waiting.answer);
        }
        (!batch.calls.is_empty()).then_some(batch)
    }
}

impl<C: Send + 'static, A: Send + 'static> Drop for Lane<C, A> {
    fn drop(&mut self) {
        {
            let mut queue = self.0.lock();
            if queue.waiting.is_empty() {
                queue.busy -= 1;
                return;
            }
        }
        if let Ok(runtime) = Handle::try_current() {
            let shared = Arc::clone(&self.0);
            // The lane is made in there: a runtime that is shutting down drops the task at once, and a lane dropped with it
            // would start the next task, and so on.
            runtime.spawn(async move { Lane(shared).run_all().await });
        }
    }
}

impl<C, A> fmt::Debug for Coalescer<C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalescer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::Semaphore;
    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    /// Doubles numbers; each batch needs a permit, and 13 makes it panic.
    fn doubler(lanes: usize) -> (Arc<Coalescer<u64, u64>>, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        let work = {
            let gate = Arc::clone(&gate);
            move |calls: Vec<u64>, _since| {
                let gate = Arc::clone(&gate);
                async move {
                    gate.acquire().await.unwrap().forget();
                    assert!(!calls.contains(&13), "a panic");
                    calls.into_iter().map(|number| Ok(2 * number)).collect()
                }
            }
        };
        (
            Arc::new(Coalescer::new("double", lanes, PATIENCE, work)),
            gate,
        )
    }

    async fn start(
        coalescer: &Arc<Coalescer<u64, u64>>,
        number: u64,
    ) -> JoinHandle<Result<u64, StoreError>> {
        let coalescer = Arc::clone(coalescer);
        let call = tokio::spawn(async move { coalescer.call(number, Instant::now()).await });
        yield_now().await;
        call
    }

    fn batches(coalescer: &Coalescer<u64, u64>) -> (u64, f64) {
        let sizes = coalescer.sizes();
        (sizes.get_sample_count(), sizes.get_sample_sum())
    }

    #[tokio::test]
    async fn those_who_come_while_one_is_under_way_go_together() {
        let (coalescer, gate) = doubler(1);
        let mut calls = Vec::new();
        for number in 0..10 {
            calls.push(start(&coalescer, number).await);
        }
        gate.add_permits(2);
        for (call, number) in calls.into_iter().zip(0..) {
            assert_eq!(call.await.unwrap().unwrap(), 2 * number);
        }
        assert_eq!(batches(&coalescer), (2, 10.0));
    }

    #[tokio::test]
    async fn a_batch_is_bounded() {
        let (coalescer, gate) = doubler(1);
        let mut calls = Vec::new();
        for number in 0..=2 * MOST {
            calls.push(start(&coalescer, 100 + number as u64).await);
        }
        gate.add_permits(calls.len());
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert!(batches(&coalescer).0 >= 3);
    }

    #[tokio::test]
    async fn as_many_batches_are_under_way_as_there_are_lanes() {
        let (coalescer, gate) = doubler(3);
        let mut calls = Vec::new();
        for number in 0..5 {
            calls.push(start(&coalescer, number).await);
        }
        gate.add_permits(4);
        for call in calls {
            call.await.unwrap().unwrap();
        }
        assert_eq!(batches(&coalescer), (4, 5.0));
    }

    #[tokio::test]
    async fn who_goes_away_while_waiting_has_never_called() {
        let (coalescer, gate) = doubler(1);
        let first = start(&coalescer, 1).await;
        let gone = start(&coalescer, 13).await;
        let last = start(&coalescer, 3).await;
        gone.abort();
        let _ = gone.await;
        gate.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap(), 2);
        assert_eq!(last.await.unwrap().unwrap(), 6);
        assert_eq!(batches(&coalescer), (2, 2.0));
    }

    #[tokio::test]
    async fn a_call_whose_time_is_over_is_refused_and_never_begun() {
        let (coalescer, gate) = doubler(1);
        let first = start(&coalescer, 1).await;
        let late = {
            let coalescer = Arc::clone(&coalescer);
            let since = Instant::now().checked_sub(2 * PATIENCE).unwrap();
            tokio::spawn(async move { coalescer.call(13, since).await })
        };
        yield_now().await;
        let last = start(&coalescer, 3).await;
        gate.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap(), 2);
        assert!(matches!(
            late.await.unwrap(),
            Err(StoreError::Unavailable(_))
        ));
        assert_eq!(last.await.unwrap().unwrap(), 6);
        assert_eq!(batches(&coalescer), (2, 2.0));
    }

    #[tokio::test]
    async fn who_goes_away_while_being_served_holds_up_nobody() {
        let (coalescer, gate) = doubler(1);
        let first = start(&coalescer, 1).await;
        let next = start(&coalescer, 2).await;
        first.abort();
        let _ = first.await;
        gate.add_permits(1);
        let answer = tokio::time::timeout(Duration::from_secs(10), next).await;
        assert_eq!(answer.unwrap().unwrap().unwrap(), 4);
    }

    #[test]
    fn a_runtime_that_ends_takes_those_who_wait_along() {
        let (coalescer, _gate) = doubler(1);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            for number in 0..3 {
                start(&coalescer, number).await;
            }
        });
        drop(runtime);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_for_its_batch_and_for_nobody_later() {
        let (coalescer, gate) = doubler(1);
        let first = start(&coalescer, 1).await;
        let (bad, beside) = (start(&coalescer, 13).await, start(&coalescer, 2).await);
        gate.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap(), 2);
        for call in [bad, beside] {
            assert!(matches!(
                call.await.unwrap(),
                Err(StoreError::Unexpected(_))
            ));
        }
        gate.add_permits(1);
        assert_eq!(start(&coalescer, 4).await.await.unwrap().unwrap(), 8);
    }
}
