//! Timers of sub-millisecond precision: one timer for each worker.
//!
//! tokio's own timer ticks in milliseconds, too coarse for backends that answer in 0.3 to 5 ms.
//! Here all deadlines of a worker are in one queue, and a kernel timer wakes the worker for the
//! first of them, earlier by its usual lateness; the worker yields to other tasks for the rest of
//! the wait. A busy worker does not need the kernel timer: it wakes what is due after every request
//! and before it parks.

#[cfg(test)]
mod tests;
mod wakeup_timer;

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use self::wakeup_timer::WakeupTimer;

use crate::locks::LockUnpoisoned as _;

/// `true` where deadlines are met to the millisecond only: on all systems but Linux.
pub const IS_COARSE: bool = !cfg!(target_os = "linux");

/// The trade-off between CPU time and the precision of deadlines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Sleeps as long as possible; typically late by some 10 µs.
    #[default]
    Normal,
    /// Spins in the last 60 µs before every deadline; typically late by 1 µs, at the price of a
    /// busy core.
    High,
}

impl Precision {
    /// Returns the precision of this system: `normal`, `high` or `coarse`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal | Self::High if IS_COARSE => "coarse",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// The deadlines of the tasks of one worker.
///
/// [`Timer::run`] must be spawned once on the worker's runtime. [`Timer::fire_due`] should be
/// called after every call and by the runtime's `on_thread_park` hook: in tokio's current-thread
/// scheduler a wake-up there prevents the park.
#[derive(Debug)]
pub struct Timer {
    precision: Precision,
    queue: Mutex<DeadlineQueue>,
}

impl Timer {
    /// Makes a timer without deadlines.
    pub fn new(precision: Precision) -> Self {
        Self { precision, queue: Mutex::default() }
    }

    /// Returns the precision that the timer was made with.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Resolves at `deadline`, never before, and immediately if it has passed. Cancel safe:
    /// dropping the future removes it from the queue.
    ///
    /// With [`Precision::Normal`] a long wait may take longer by 1/512 of itself, at most by 0.1
    /// ms, so that one wake-up serves several waits: a wake-up costs some 15 µs of CPU time.
    pub fn wait_until(self: Arc<Self>, deadline: Instant) -> DeadlineWait {
        DeadlineWait { timer: self, deadline, exact: false, place: None }
    }

    /// Resolves at `deadline` as [`Timer::wait_until`] does, without the allowance for long waits.
    pub fn wait_until_exactly(self: Arc<Self>, deadline: Instant) -> DeadlineWait {
        DeadlineWait { timer: self, deadline, exact: true, place: None }
    }

    /// Wakes the tasks whose deadline has passed, in the order of deadlines, and of arrival if
    /// these are equal.
    pub fn fire_due(&self) {
        if self.queue().waiting.is_empty() {
            return;
        }
        self.fire(Instant::now());
    }

    /// Wakes the worker for its deadlines until it is dropped. Needs a runtime with I/O and time
    /// enabled.
    pub async fn run(self: Arc<Self>) {
        let mut alarm = WakeupTimer::new();
        let mut lead = WakeupLead::new(self.precision);
        let watch = WatchGuard(&self);
        poll_fn(|cx| watch.0.watch(&mut alarm, &mut lead, cx)).await;
    }

    /// Does one turn of [`Timer::run`]: wakes what is due and sets the kernel timer for the next
    /// deadline.
    fn watch(&self, alarm: &mut WakeupTimer, lead: &mut WakeupLead, cx: &mut Context<'_>) -> Poll<()> {
        let rang = alarm.poll(cx);
        let now = Instant::now();
        if let Some(set_for) = rang {
            lead.learn(now.saturating_duration_since(set_for));
        }
        self.fire(now);
        let Some(first) = self.queue().watch_first(cx.waker()) else { return Poll::Pending };
        if first.saturating_duration_since(now) <= lead.spin_threshold() {
            // spins through the scheduler, so that other tasks and sockets are served in the
            // meantime
            cx.waker().wake_by_ref();
        } else {
            alarm.set(lead.before(first, now));
        }
        Poll::Pending
    }

    fn fire(&self, now: Instant) {
        // one at a time: a waker is foreign code and must not run under the lock
        while let Some(waker) = self.take_due(now) {
            waker.wake();
        }
    }

    fn take_due(&self, now: Instant) -> Option<Waker> {
        self.queue().take_due(now)
    }

    /// Returns how much longer than asked for a wait may take.
    fn slack(&self, wait: Duration) -> Duration {
        match self.precision {
            Precision::Normal => (wait / SLACK_DIVISOR).min(MAX_SLACK),
            Precision::High => Duration::ZERO,
        }
    }

    fn queue(&self) -> MutexGuard<'_, DeadlineQueue> {
        self.queue.lock_unpoisoned()
    }
}

/// Removes the waker of [`Timer::run`] when that is dropped: the waker holds the runtime, whose
/// hooks hold the timer.
struct WatchGuard<'a>(&'a Timer);

impl Drop for WatchGuard<'_> {
    fn drop(&mut self) {
        let watcher = self.0.queue().watcher.take();
        drop(watcher);
    }
}

/// A wait for a deadline, made by [`Timer::wait_until`].
#[must_use = "nothing waits until it is polled"]
pub struct DeadlineWait {
    timer: Arc<Timer>,
    deadline: Instant,
    exact: bool,
    /// Key in the queue, once it is there.
    place: Option<QueueKey>,
}

impl Future for DeadlineWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let wait = self.deadline.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            self.leave();
            return Poll::Ready(());
        }
        let entry = QueueEntry { deadline: self.deadline, waker: cx.waker().clone() };
        let slack = if self.exact { Duration::ZERO } else { self.timer.slack(wait) };
        let mut queue = self.timer.queue();
        let place = self.place.unwrap_or_else(|| queue.place(self.deadline, slack));
        let replaced = queue.waiting.insert(place, entry);
        let watcher = queue.overtaken(place);
        drop(queue);
        self.place = Some(place);
        drop(replaced);
        if let Some(watcher) = watcher {
            watcher.wake();
        }
        Poll::Pending
    }
}

impl DeadlineWait {
    fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            let entry = self.timer.queue().waiting.remove(&place);
            drop(entry);
        }
    }
}

impl Drop for DeadlineWait {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for DeadlineWait {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("DeadlineWait").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// The waiting tasks, in the order of the latest times at which they must be woken.
///
/// A tree rather than a heap, because a wait that is dropped removes its entry.
#[derive(Debug, Default)]
struct DeadlineQueue {
    waiting: BTreeMap<QueueKey, QueueEntry>,
    ordinals: u64,
    watched: Option<Instant>,
    watcher: Option<Waker>,
}

/// The latest time at which a wait must end, and a number that orders equal times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct QueueKey {
    latest: Instant,
    ordinal: u64,
}

#[derive(Debug)]
struct QueueEntry {
    deadline: Instant,
    waker: Waker,
}

impl DeadlineQueue {
    fn place(&mut self, deadline: Instant, slack: Duration) -> QueueKey {
        self.ordinals += 1;
        QueueKey { latest: deadline.checked_add(slack).unwrap_or(deadline), ordinal: self.ordinals }
    }

    fn take_due(&mut self, now: Instant) -> Option<Waker> {
        let first = self.waiting.first_entry()?;
        (first.get().deadline <= now).then(|| first.remove().waker)
    }

    /// Returns when the first wait must end; `watcher` is woken when a wait comes that must end
    /// earlier.
    fn watch_first(&mut self, watcher: &Waker) -> Option<Instant> {
        match &mut self.watcher {
            Some(known) => known.clone_from(watcher),
            unknown => *unknown = Some(watcher.clone()),
        }
        self.watched = self.waiting.first_key_value().map(|(first, _)| first.latest);
        self.watched
    }

    /// Returns the watcher if `place` is before the time that it watches. It is returned only once
    /// for each time.
    fn overtaken(&mut self, place: QueueKey) -> Option<Waker> {
        if self.watched.is_some_and(|watched| watched <= place.latest) {
            return None;
        }
        self.watched = Some(place.latest);
        self.watcher.clone()
    }
}

/// The time before a deadline at which the kernel timer should fire: the running median of its
/// lateness so far, and the time that is spun.
#[derive(Debug)]
struct WakeupLead {
    lateness: Duration,
    spin: Duration,
}

impl WakeupLead {
    fn new(precision: Precision) -> Self {
        let spin = match precision {
            Precision::Normal => Duration::ZERO,
            Precision::High => SPIN_HIGH,
        };
        Self { lateness: INITIAL_LATENESS, spin }
    }

    /// Moves the estimate towards an observation by a fixed step: rare long delays weigh no more
    /// than short ones, and steps up and down balance at the median.
    fn learn(&mut self, late: Duration) {
        let step = if late.abs_diff(self.lateness) > COARSE_STEP_DISTANCE { COARSE_STEP } else { FINE_STEP };
        self.lateness = if late > self.lateness {
            (self.lateness + step).min(MAX_LATENESS)
        } else {
            self.lateness.saturating_sub(step)
        };
    }

    /// Returns the longest remaining wait that is spun instead of slept.
    fn spin_threshold(&self) -> Duration {
        if self.spin.is_zero() { MAX_SPIN_NORMAL } else { self.spin + self.lateness }
    }

    /// Returns when the kernel timer should fire for a deadline that is further away than
    /// [`WakeupLead::spin_threshold`].
    fn before(&self, deadline: Instant, now: Instant) -> Instant {
        match deadline.checked_sub(self.spin + self.lateness) {
            Some(early) if early > now => early,
            _ => deadline.checked_sub(self.spin_threshold()).unwrap_or(deadline),
        }
    }
}

/// Divisor of a wait: the quotient is the time by which it may take longer.
const SLACK_DIVISOR: u32 = 512;

/// Upper limit of the time by which a wait may take longer.
const MAX_SLACK: Duration = Duration::from_micros(100);

/// Time that `Precision::High` spins before a deadline.
const SPIN_HIGH: Duration = Duration::from_micros(60);

/// Longest time that `Precision::Normal` spins, after an early wake-up.
const MAX_SPIN_NORMAL: Duration = Duration::from_micros(20);

/// Initial estimate of the lateness of the kernel timer.
const INITIAL_LATENESS: Duration = Duration::from_micros(20);

/// Upper limit of the estimated lateness.
const MAX_LATENESS: Duration = Duration::from_micros(100);

/// Distance from the estimate beyond which it moves by the coarse step.
const COARSE_STEP_DISTANCE: Duration = Duration::from_micros(8);
const COARSE_STEP: Duration = Duration::from_micros(1);
const FINE_STEP: Duration = Duration::from_nanos(250);
