//! Panic containment: a panic is caught, counted, logged, and costs one unit of work.
//!
//! A unit is a request on a worker, an unmatched request on the misses thread, a reload or an admin
//! request. A thread that panics outside such a unit is restarted ([`Panics::keep_running`]); if it
//! panics again and again, the server ends.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::locks::LockUnpoisoned as _;

/// The part of the server that a panic interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One request, on the worker that serves it.
    Call,
    /// One connection of a worker, or of the admin listener.
    Connection,
    /// A worker thread, outside its requests.
    Worker,
    /// The thread that accepts connections.
    Accept,
    /// The thread of the admin API and of timelines.
    Control,
    /// The thread that answers unmatched requests.
    Misses,
    /// The thread that reads stub files.
    Reload,
    /// The thread that writes the tape.
    Tape,
    /// The thread that sends webhooks.
    Webhooks,
    /// The thread that exports spans.
    Spans,
}

impl Part {
    /// All parts, in the order of their counts.
    pub const ALL: [Self; 10] = [
        Self::Call,
        Self::Connection,
        Self::Worker,
        Self::Accept,
        Self::Control,
        Self::Misses,
        Self::Reload,
        Self::Tape,
        Self::Webhooks,
        Self::Spans,
    ];

    /// Returns the value of the metric's label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Connection => "connection",
            Self::Worker => "worker",
            Self::Accept => "accept",
            Self::Control => "control",
            Self::Misses => "misses",
            Self::Reload => "reload",
            Self::Tape => "tape",
            Self::Webhooks => "webhooks",
            Self::Spans => "spans",
        }
    }
}

/// A panic that was caught.
#[derive(Clone, Debug)]
pub struct Panic {
    message: String,
}

impl fmt::Display for Panic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Panic {}

impl Panic {
    fn new(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self { message: text.unwrap_or("a panic without a message").to_owned() }
    }
}

/// The panics of one server since its start.
#[derive(Debug, Default)]
pub struct Panics {
    counts: [AtomicU64; Part::ALL.len()],
    last: Mutex<Option<(Part, Panic)>>,
    /// The reason why the server has to end, if it has to.
    fatal: Mutex<Option<String>>,
    gave_up: Notify,
}

impl Panics {
    /// Returns the number of panics of a part.
    pub fn count(&self, part: Part) -> u64 {
        self.counts[part as usize].load(Relaxed)
    }

    /// Returns the most recent panic and the part that it interrupted.
    pub fn last(&self) -> Option<(Part, Panic)> {
        self.last.lock_unpoisoned().clone()
    }

    /// Returns the reason why the server has to end, if it has to.
    pub fn fatal(&self) -> Option<String> {
        self.fatal.lock_unpoisoned().clone()
    }

    /// Resolves when the server has to end. Only one caller may wait.
    pub async fn gave_up(&self) {
        self.gave_up.notified().await;
    }

    /// Runs `work`. A panic is counted, logged and returned.
    pub fn catch<T>(&self, part: Part, work: impl FnOnce() -> T) -> Result<T, Panic> {
        // state that a panic leaves half-changed is behind locks whose poison is ignored, or is
        // dropped with the unit of work
        catch_unwind(AssertUnwindSafe(work)).map_err(|payload| self.record(part, &*payload))
    }

    /// Polls a future. A panic is counted and returned; the future must not be polled again.
    pub fn poll<F: Future + ?Sized>(
        &self,
        part: Part,
        future: Pin<&mut F>,
        context: &mut Context<'_>,
    ) -> Poll<Result<F::Output, Panic>> {
        match self.catch(part, || future.poll(context)) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }

    /// Wraps a future so that a panic is counted and becomes its error.
    pub fn contain<F: Future>(&self, part: Part, future: F) -> Contained<'_, F> {
        Contained { panics: self, part, future: Box::pin(future) }
    }

    /// Runs the work of a thread until it returns; after a panic, again.
    ///
    /// After [`MAX_RESTARTS`] panics within [`RESTART_WINDOW`] the server has to end: this returns
    /// `false`, and [`Panics::fatal`] the reason.
    pub fn keep_running(&self, part: Part, mut work: impl FnMut()) -> bool {
        let mut restarts = Restarts::default();
        while self.catch(part, &mut work).is_err() {
            match restarts.next(Instant::now()) {
                Some(pause) => thread::sleep(pause),
                None => return self.give_up(part),
            }
        }
        true
    }

    /// Polls the futures that `work` makes until one returns; see [`Panics::keep_running`].
    pub async fn keep_polling<F: Future<Output = ()>>(&self, part: Part, mut work: impl FnMut() -> F) -> bool {
        let mut restarts = Restarts::default();
        loop {
            let done = match self.catch(part, &mut work) {
                Ok(future) => self.contain(part, future).await.is_ok(),
                Err(_) => false,
            };
            if done {
                return true;
            }
            match restarts.next(Instant::now()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return self.give_up(part),
            }
        }
    }

    fn give_up(&self, part: Part) -> bool {
        let why = format!("the {} thread panicked {MAX_RESTARTS} times within {RESTART_WINDOW:?}", part.name());
        tracing::error!("{why}; the server ends");
        *self.fatal.lock_unpoisoned() = Some(why);
        self.gave_up.notify_one();
        false
    }

    /// Counts and logs a panic that the caller has caught.
    pub fn record(&self, part: Part, payload: &(dyn Any + Send)) -> Panic {
        let panic = Panic::new(payload);
        self.counts[part as usize].fetch_add(1, Relaxed);
        *self.last.lock_unpoisoned() = Some((part, panic.clone()));
        tracing::error!(part = part.name(), "a panic was contained: {panic}; please report it");
        panic
    }
}

/// A future whose panics become errors.
#[derive(Debug)]
pub struct Contained<'p, F> {
    panics: &'p Panics,
    part: Part,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Contained<'_, F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (panics, part) = (self.panics, self.part);
        panics.poll(part, self.future.as_mut(), context)
    }
}

/// The restarts of one thread.
#[derive(Debug, Default)]
struct Restarts {
    recent: Vec<Instant>,
}

impl Restarts {
    /// Returns the pause before the next restart; `None` if there were too many.
    fn next(&mut self, now: Instant) -> Option<Duration> {
        self.recent.retain(|at| now.saturating_duration_since(*at) < RESTART_WINDOW);
        self.recent.push(now);
        let count = self.recent.len();
        (count < MAX_RESTARTS).then(|| FIRST_PAUSE * (1 << (count - 1)))
    }
}

/// Number of panics of one thread within [`RESTART_WINDOW`] that ends the server.
const MAX_RESTARTS: usize = 8;

/// The window in which the panics of a thread are counted.
const RESTART_WINDOW: Duration = Duration::from_secs(60);

/// Pause before the first restart; it doubles with each restart.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Panics if a test asks for it, in debug builds only: the environment variable
/// `STANDIN_PLANT_PANIC` names places and how often each panics (`misses` or `misses=3,worker`).
#[inline]
pub(crate) fn planted(place: &str) {
    #[cfg(debug_assertions)]
    planting::reached(place);
    #[cfg(not(debug_assertions))]
    let _ = place;
}

#[cfg(debug_assertions)]
mod planting {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex};

    use crate::locks::LockUnpoisoned as _;

    /// The number of panics still to come, by place.
    static LEFT: LazyLock<Mutex<HashMap<String, u64>>> = LazyLock::new(|| {
        let wanted = std::env::var("STANDIN_PLANT_PANIC").unwrap_or_default();
        let place = |text: &str| match text.split_once('=') {
            Some((place, count)) => (place.to_owned(), count.parse().unwrap_or(1)),
            None => (text.to_owned(), 1),
        };
        Mutex::new(wanted.split(',').filter(|text| !text.is_empty()).map(place).collect())
    });

    pub(super) fn reached(place: &str) {
        let mut left = LEFT.lock_unpoisoned();
        if let Some(count) = left.get_mut(place).filter(|count| **count > 0) {
            *count -= 1;
            drop(left);
            panic!("planted in `{place}`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_counted_and_returned() {
        let panics = Panics::default();
        assert_eq!(panics.catch(Part::Call, || 7).expect("no panic"), 7);
        let panic = panics.catch(Part::Misses, || panic!("{} is odd", 3)).expect_err("a panic");
        assert_eq!(panic.to_string(), "3 is odd");
        assert_eq!((panics.count(Part::Call), panics.count(Part::Misses)), (0, 1));
        assert_eq!(panics.last().map(|(part, _)| part), Some(Part::Misses));
    }

    #[test]
    fn work_is_restarted_until_it_returns() {
        let panics = Panics::default();
        let mut left = 3;
        let ended = panics.keep_running(Part::Worker, || {
            left -= 1;
            assert!(left <= 0, "not yet");
        });
        assert!(ended && panics.fatal().is_none());
        assert_eq!(panics.count(Part::Worker), 2);
    }

    #[test]
    fn work_that_always_panics_ends_the_server() {
        let panics = Panics::default();
        assert!(!panics.keep_running(Part::Reload, || panic!("again")));
        assert_eq!(panics.count(Part::Reload), MAX_RESTARTS as u64);
        assert!(panics.fatal().expect("a reason").contains("reload"));
    }

    #[test]
    fn panics_far_apart_do_not_add_up() {
        let (mut restarts, start) = (Restarts::default(), Instant::now());
        for step in 0..100 {
            assert!(restarts.next(start + RESTART_WINDOW * step).is_some());
        }
    }
}
