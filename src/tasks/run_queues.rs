//! The tasks of a worker that wait for a poll, and the instant since which each has been ready.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::locks::LockUnpoisoned as _;

pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The instant since which the task that is being polled has been ready.
#[derive(Debug)]
pub struct Readiness {
    base: Instant,
    /// Nanoseconds since `base`, plus one; 0 if unknown.
    since: AtomicU64,
}

/// The state of a scheduler that its handle, its tasks' wakers and its run share.
pub(super) struct Shared {
    queues: Mutex<RunQueues>,
    /// Set while expired deadlines wake their tasks.
    pub(super) firing: AtomicBool,
    pub(super) readiness: Arc<Readiness>,
}

/// The tasks that wait for a poll, by key.
#[derive(Default)]
pub(super) struct RunQueues {
    /// Tasks woken by a deadline; polled first.
    pub(super) due: VecDeque<usize>,
    /// Tasks woken by anything else, each with the instant since which it has been ready.
    pub(super) ready: VecDeque<(usize, Option<Instant>)>,
    pub(super) new: Vec<Task>,
    /// The waker of [`Tasks::run`](super::Tasks::run) while it has nothing to poll.
    pub(super) parked: Option<Waker>,
}

impl Readiness {
    /// Returns the instant since which the current task has been ready. `None` if it is unknown, or
    /// if it was asked before in this poll.
    pub fn take(&self) -> Option<Instant> {
        let since = self.since.swap(0, Ordering::Relaxed);
        since.checked_sub(1).map(|nanos| self.base + Duration::from_nanos(nanos))
    }

    pub(super) fn set(&self, since: Option<Instant>) {
        let nanos = since.map_or(0, |since| since.saturating_duration_since(self.base).as_nanos() as u64 + 1);
        self.since.store(nanos, Ordering::Relaxed);
    }
}

impl Shared {
    pub(super) fn new() -> Self {
        let readiness = Arc::new(Readiness { base: Instant::now(), since: AtomicU64::new(0) });
        Self { queues: Mutex::default(), firing: AtomicBool::new(false), readiness }
    }

    pub(super) fn queues(&self) -> MutexGuard<'_, RunQueues> {
        self.queues.lock_unpoisoned()
    }
}

impl RunQueues {
    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty() && self.ready.is_empty() && self.new.is_empty()
    }

    /// Stamps the tasks woken since the last turn with `now`: tokio polls sockets between turns.
    pub(super) fn stamp(&mut self, now: Instant) {
        let unknown = self.ready.iter_mut().rev().take_while(|(_, since)| since.is_none());
        unknown.for_each(|(_, since)| *since = Some(now));
    }

    /// Removes and returns the next task to poll, and the instant since which it has been ready.
    pub(super) fn next(&mut self) -> Option<(usize, Option<Instant>)> {
        match self.due.pop_front() {
            Some(key) => Some((key, None)),
            None => self.ready.pop_front(),
        }
    }
}

/// Wakes [`Tasks::run`](super::Tasks::run) if it is parked.
pub(super) fn wake(mut queues: MutexGuard<'_, RunQueues>) {
    let parked = queues.parked.take();
    drop(queues);
    if let Some(parked) = parked {
        parked.wake();
    }
}
