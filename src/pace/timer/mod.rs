//! When a call may go on: one timer a worker, for deadlines far closer than a millisecond.
//!
//! tokio's own timer ticks in milliseconds, too coarse for backends that answer in 0.3 to 5 ms. Here all deadlines of a
//! worker stand in one queue and one alarm rings for the first of them, early by what it is usually late; the rest is
//! waited out by giving way to the other tasks. A busy worker does not even need the alarm: it looks for what is due
//! after every call and before it parks.

mod alarm;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use self::alarm::Alarm;

/// Whether deadlines are met to the millisecond only, because this is not Linux.
pub const COARSE: bool = !cfg!(target_os = "linux");

/// How much CPU time may be spent on being in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Sleeps as long as it can; some ten microseconds late.
    #[default]
    Normal,
    /// Spins the last 60 µs before every deadline; a microsecond late, at the price of a busy core.
    High,
}

/// The deadlines of one worker's tasks.
///
/// [`Timer::run`] must be spawned once on the worker's runtime. [`Timer::fire_due`] should be called after every call
/// and by the runtime's `on_thread_park` hook: in tokio's current-thread scheduler a wake-up there prevents the park.
#[derive(Debug)]
pub struct Timer {
    precision: Precision,
    queue: Mutex<Queue>,
}

impl Timer {
    /// A timer without deadlines.
    pub fn new(precision: Precision) -> Self {
        Self { precision, queue: Mutex::default() }
    }

    /// Resolves at `deadline`, never before; at once if it has passed. Cancel safe: dropping it takes it out of the queue.
    pub fn until(self: Arc<Self>, deadline: Instant) -> Until {
        Until { timer: self, deadline, ordinal: None }
    }

    /// Wakes the tasks whose deadline has passed, the earliest first and equal ones in the order they came.
    pub fn fire_due(&self) {
        if self.queue().waiting.is_empty() {
            return;
        }
        self.fire(Instant::now());
    }

    /// Rings for the deadlines until it is dropped. Needs a runtime with I/O and time enabled.
    pub async fn run(self: Arc<Self>) {
        let mut alarm = Alarm::new();
        let mut lead = Lead::new(self.precision);
        let watch = Watch(&self);
        poll_fn(|cx| watch.0.watch(&mut alarm, &mut lead, cx)).await;
    }

    /// One turn of [`Timer::run`]: fires what is due and sees to it that the next deadline is not slept over.
    fn watch(&self, alarm: &mut Alarm, lead: &mut Lead, cx: &mut Context<'_>) -> Poll<()> {
        let rang = alarm.poll(cx);
        let now = Instant::now();
        if let Some(set_for) = rang {
            lead.learn(now.saturating_duration_since(set_for));
        }
        self.fire(now);
        let Some(first) = self.queue().watch_first(cx.waker()) else { return Poll::Pending };
        if first.saturating_duration_since(now) <= lead.patience() {
            // spins through the scheduler, so that calls and sockets are served meanwhile
            cx.waker().wake_by_ref();
        } else {
            alarm.set(lead.before(first, now));
        }
        Poll::Pending
    }

    fn fire(&self, now: Instant) {
        // one at a time: a waker is foreign code and must not meet the lock
        while let Some(waker) = self.take_due(now) {
            waker.wake();
        }
    }

    fn take_due(&self, now: Instant) -> Option<Waker> {
        self.queue().take_due(now)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// [`Timer::run`] at work. Its waker holds the runtime, and the runtime's hooks hold the timer: it must not stay behind.
struct Watch<'a>(&'a Timer);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let watcher = self.0.queue().watcher.take();
        drop(watcher);
    }
}

/// A wait for a deadline, made by [`Timer::until`].
#[must_use = "nothing waits until it is polled"]
pub struct Until {
    timer: Arc<Timer>,
    deadline: Instant,
    /// Its place among equal deadlines, once it stands in the queue.
    ordinal: Option<u64>,
}

impl Future for Until {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.deadline {
            self.leave();
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let mut queue = self.timer.queue();
        let ordinal = self.ordinal.unwrap_or_else(|| queue.next_ordinal());
        let replaced = queue.waiting.insert((self.deadline, ordinal), waker);
        let watcher = queue.overtaken(self.deadline);
        drop(queue);
        self.ordinal = Some(ordinal);
        drop(replaced);
        if let Some(watcher) = watcher {
            watcher.wake();
        }
        Poll::Pending
    }
}

impl Until {
    fn leave(&mut self) {
        if let Some(ordinal) = self.ordinal.take() {
            let waker = self.timer.queue().waiting.remove(&(self.deadline, ordinal));
            drop(waker);
        }
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for Until {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Until").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Who waits for what, the earliest first. A tree rather than a heap: whoever leaves early takes its entry with it.
#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeMap<(Instant, u64), Waker>,
    ordinals: u64,
    watched: Option<Instant>,
    watcher: Option<Waker>,
}

impl Queue {
    fn next_ordinal(&mut self) -> u64 {
        self.ordinals += 1;
        self.ordinals
    }

    fn take_due(&mut self, now: Instant) -> Option<Waker> {
        let first = self.waiting.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// The first deadline; `watcher` is woken when an earlier one comes.
    fn watch_first(&mut self, watcher: &Waker) -> Option<Instant> {
        match &mut self.watcher {
            Some(known) => known.clone_from(watcher),
            unknown => *unknown = Some(watcher.clone()),
        }
        self.watched = self.waiting.first_key_value().map(|((first, _), _)| *first);
        self.watched
    }

    /// The watcher, if `deadline` is earlier than what it watches. It is told only once.
    fn overtaken(&mut self, deadline: Instant) -> Option<Waker> {
        if self.watched.is_some_and(|watched| watched <= deadline) {
            return None;
        }
        self.watched = Some(deadline);
        self.watcher.clone()
    }
}

/// How long before a deadline the alarm should ring: the running median of how late it rang so far, and what is spun.
#[derive(Debug)]
struct Lead {
    lateness: Duration,
    spin: Duration,
}

impl Lead {
    fn new(precision: Precision) -> Self {
        let spin = match precision {
            Precision::Normal => Duration::ZERO,
            Precision::High => SPIN,
        };
        Self { lateness: FIRST_GUESS, spin }
    }

    /// Steps towards what was seen by an amount that does not depend on it: rare long delays weigh no more than short
    /// ones, and up and down balance at the median.
    fn learn(&mut self, late: Duration) {
        let step = if late.abs_diff(self.lateness) > FAR { COARSE_STEP } else { FINE_STEP };
        self.lateness = match late > self.lateness {
            true => (self.lateness + step).min(MOST_LATENESS),
            false => self.lateness.saturating_sub(step),
        };
    }

    /// How long a remaining wait may be to be spun instead of slept.
    fn patience(&self) -> Duration {
        if self.spin.is_zero() { PATIENCE } else { self.spin + self.lateness }
    }

    /// When to ring for `deadline`, which is further away than [`Lead::patience`].
    fn before(&self, deadline: Instant, now: Instant) -> Instant {
        match deadline.checked_sub(self.spin + self.lateness) {
            Some(early) if early > now => early,
            _ => deadline.checked_sub(self.patience()).unwrap_or(deadline),
        }
    }
}

/// What `Precision::High` spins.
const SPIN: Duration = Duration::from_micros(60);

/// What `Precision::Normal` spins at most, after it was woken early.
const PATIENCE: Duration = Duration::from_micros(20);

/// The lateness of an alarm before any was seen.
const FIRST_GUESS: Duration = Duration::from_micros(20);

/// No alarm rings earlier than this because of learned lateness.
const MOST_LATENESS: Duration = Duration::from_micros(100);

/// Beyond this distance the estimate moves by the coarse step.
const FAR: Duration = Duration::from_micros(8);
const COARSE_STEP: Duration = Duration::from_micros(1);
const FINE_STEP: Duration = Duration::from_nanos(250);
