//! When a call may go on: one timer a worker, for deadlines far closer than a millisecond.
//!
//! tokio's own timer ticks in milliseconds, too coarse for backends that answer in 0.3 to 5 ms. Here all deadlines of a
//! worker stand in one queue and one alarm rings for the first of them, early by what it is usually late; the rest is
//! waited out by giving way to the other tasks. A busy worker does not even need the alarm: it looks for what is due
//! after every call and before it parks.

#[cfg(test)]
mod tests;
mod wakeup_timer;

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use self::wakeup_timer::WakeupTimer;

/// Whether deadlines are met to the millisecond only, because this is not Linux.
pub const IS_COARSE: bool = !cfg!(target_os = "linux");

/// How much CPU time may be spent on being in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Sleeps as long as it can; some ten microseconds late.
    #[default]
    Normal,
    /// Spins the last 60 µs before every deadline; a microsecond late, at the price of a busy core.
    High,
}

impl Precision {
    /// What is in force here, in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal | Self::High if IS_COARSE => "coarse",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// The deadlines of one worker's tasks.
///
/// [`Timer::run`] must be spawned once on the worker's runtime. [`Timer::fire_due`] should be called after every call
/// and by the runtime's `on_thread_park` hook: in tokio's current-thread scheduler a wake-up there prevents the park.
#[derive(Debug)]
pub struct Timer {
    precision: Precision,
    queue: Mutex<DeadlineQueue>,
}

impl Timer {
    /// A timer without deadlines.
    pub fn new(precision: Precision) -> Self {
        Self { precision, queue: Mutex::default() }
    }

    /// As it was made.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Resolves at `deadline`, never before; at once if it has passed. Cancel safe: dropping it takes it out of the queue.
    ///
    /// With [`Precision::Normal`] a long wait may take longer by 1/512 of itself, at most by 0.1 ms, where others can
    /// then be woken with it: it is the wake-ups that cost, some 15 µs of CPU time each.
    pub fn until(self: Arc<Self>, deadline: Instant) -> DeadlineWait {
        DeadlineWait { timer: self, deadline, exact: false, place: None }
    }

    /// The same without that allowance, for what measures.
    pub fn until_exactly(self: Arc<Self>, deadline: Instant) -> DeadlineWait {
        DeadlineWait { timer: self, deadline, exact: true, place: None }
    }

    /// Wakes the tasks whose deadline has passed, equal ones in the order they came.
    pub fn fire_due(&self) {
        if self.queue().waiting.is_empty() {
            return;
        }
        self.fire(Instant::now());
    }

    /// Rings for the deadlines until it is dropped. Needs a runtime with I/O and time enabled.
    pub async fn run(self: Arc<Self>) {
        let mut alarm = WakeupTimer::new();
        let mut lead = WakeupLead::new(self.precision);
        let watch = WatchGuard(&self);
        poll_fn(|cx| watch.0.watch(&mut alarm, &mut lead, cx)).await;
    }

    /// One turn of [`Timer::run`]: fires what is due and sees to it that the next deadline is not slept over.
    fn watch(&self, alarm: &mut WakeupTimer, lead: &mut WakeupLead, cx: &mut Context<'_>) -> Poll<()> {
        let rang = alarm.poll(cx);
        let now = Instant::now();
        if let Some(set_for) = rang {
            lead.learn(now.saturating_duration_since(set_for));
        }
        self.fire(now);
        let Some(first) = self.queue().watch_first(cx.waker()) else { return Poll::Pending };
        if first.saturating_duration_since(now) <= lead.spin_threshold() {
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

    /// How much longer a wait may take.
    fn slack(&self, wait: Duration) -> Duration {
        match self.precision {
            Precision::Normal => (wait / SLACK_DIVISOR).min(MAX_SLACK),
            Precision::High => Duration::ZERO,
        }
    }

    fn queue(&self) -> MutexGuard<'_, DeadlineQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// [`Timer::run`] at work. Its waker holds the runtime, and the runtime's hooks hold the timer: it must not stay behind.
struct WatchGuard<'a>(&'a Timer);

impl Drop for WatchGuard<'_> {
    fn drop(&mut self) {
        let watcher = self.0.queue().watcher.take();
        drop(watcher);
    }
}

/// A wait for a deadline, made by [`Timer::until`].
#[must_use = "nothing waits until it is polled"]
pub struct DeadlineWait {
    timer: Arc<Timer>,
    deadline: Instant,
    exact: bool,
    /// Where it stands in the queue, once it does.
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

/// Who waits for what, in the order in which they must be woken at the latest.
///
/// A tree rather than a heap: whoever leaves early takes its entry with it.
#[derive(Debug, Default)]
struct DeadlineQueue {
    waiting: BTreeMap<QueueKey, QueueEntry>,
    ordinals: u64,
    watched: Option<Instant>,
    watcher: Option<Waker>,
}

/// When a wait must end at the latest, and its place among equals.
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

    /// When the first wait must end; `watcher` is woken when one comes that must end earlier.
    fn watch_first(&mut self, watcher: &Waker) -> Option<Instant> {
        match &mut self.watcher {
            Some(known) => known.clone_from(watcher),
            unknown => *unknown = Some(watcher.clone()),
        }
        self.watched = self.waiting.first_key_value().map(|(first, _)| first.latest);
        self.watched
    }

    /// The watcher, if `place` is before what it watches. It is told only once.
    fn overtaken(&mut self, place: QueueKey) -> Option<Waker> {
        if self.watched.is_some_and(|watched| watched <= place.latest) {
            return None;
        }
        self.watched = Some(place.latest);
        self.watcher.clone()
    }
}

/// How long before a deadline the alarm should ring: the running median of how late it rang so far, and what is spun.
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

    /// Steps towards what was seen by an amount that does not depend on it: rare long delays weigh no more than short
    /// ones, and up and down balance at the median.
    fn learn(&mut self, late: Duration) {
        let step = if late.abs_diff(self.lateness) > COARSE_STEP_DISTANCE { COARSE_STEP } else { FINE_STEP };
        self.lateness = if late > self.lateness {
            (self.lateness + step).min(MAX_LATENESS)
        } else {
            self.lateness.saturating_sub(step)
        };
    }

    /// How long a remaining wait may be to be spun instead of slept.
    fn spin_threshold(&self) -> Duration {
        if self.spin.is_zero() { MAX_SPIN_NORMAL } else { self.spin + self.lateness }
    }

    /// When to ring for `deadline`, which is further away than [`WakeupLead::spin_threshold`].
    fn before(&self, deadline: Instant, now: Instant) -> Instant {
        match deadline.checked_sub(self.spin + self.lateness) {
            Some(early) if early > now => early,
            _ => deadline.checked_sub(self.spin_threshold()).unwrap_or(deadline),
        }
    }
}

/// The share of a wait that it may take longer: one in so many.
const SLACK_DIVISOR: u32 = 512;

/// How much longer the longest wait may take.
const MAX_SLACK: Duration = Duration::from_micros(100);

/// What `Precision::High` spins.
const SPIN_HIGH: Duration = Duration::from_micros(60);

/// What `Precision::Normal` spins at most, after it was woken early.
const MAX_SPIN_NORMAL: Duration = Duration::from_micros(20);

/// The lateness of an alarm before any was seen.
const INITIAL_LATENESS: Duration = Duration::from_micros(20);

/// No alarm rings earlier than this because of learned lateness.
const MAX_LATENESS: Duration = Duration::from_micros(100);

/// Beyond this distance the estimate moves by the coarse step.
const COARSE_STEP_DISTANCE: Duration = Duration::from_micros(8);
const COARSE_STEP: Duration = Duration::from_micros(1);
const FINE_STEP: Duration = Duration::from_nanos(250);
