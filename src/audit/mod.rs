//! Whether this server kept its own promises: how late answers left, and how late the worker looked at its sockets.
//!
//! A busy worker reads late, and a call's own lateness cannot show it. So a heartbeat on the worker's timer measures how
//! long whatever is due has to wait for its turn (loop lag), and asks the kernel how long its thread waited for a CPU
//! ([`waits`]). Every second of a worker is judged by what [`verdict`] says, and the run in which the mock itself was the bottleneck can be told from the run in which it was not.

mod snapshot;
#[cfg(test)]
mod tests;
mod verdict;
mod waits;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hdrhistogram::Histogram;

use self::verdict::{Finding, Window};
use self::waits::Waits;
use super::timer::{Precision, Timer};

pub use self::snapshot::{FlaggedWindow, Flags, Quantiles, Snapshot, WorkerShare};

/// The records of one worker, written by its tasks and read by the control plane.
///
/// A record costs two counters behind a lock that only a reader contends for, for some microseconds.
#[derive(Debug)]
pub struct Audit {
    records: Mutex<Records>,
}

impl Default for Audit {
    fn default() -> Self {
        Self { records: Mutex::new(Records::new()) }
    }
}

impl Audit {
    /// An answer's bytes were handed to the socket `lateness` after its deadline; the call was meant to take `intended`.
    pub fn record(&self, lateness: Duration, intended: Duration) {
        self.records().window.record(lateness, intended);
    }

    /// An answer was ready only after its deadline.
    pub fn late_work(&self) {
        self.records().late_work += 1;
    }

    /// Something that was ready waited so long for the worker.
    pub fn loop_lag(&self, lag: Duration) {
        self.records().window.lag(lag);
    }

    /// The heartbeat, spawned on the worker's own runtime. It also closes the windows and reads the thread's CPU time.
    ///
    /// 50 beats a second cost some 0.3 % of a core; a worker that no call with a deadline came to lately has 10, at 0.1 %.
    pub async fn run(self: Arc<Self>, timer: Arc<Timer>) {
        let mut opened = Reading::now();
        let mut waits = Waits::of_this_thread();
        {
            let mut records = self.records();
            records.began = Some(opened);
            records.precision = timer.precision();
        }
        loop {
            let due = Instant::now() + self.records().rest();
            Arc::clone(&timer).until_exactly(due).await;
            let now = Instant::now();
            self.loop_lag(now.saturating_duration_since(due));
            if let Some(wait) = waits.since_last() {
                self.records().window.wait(wait);
            }
            if now.saturating_duration_since(opened.at) >= WINDOW {
                let closed = Reading::now();
                self.records().close(opened, closed);
                opened = closed;
            }
        }
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was seen since the start, and the window that is open.
#[derive(Debug)]
struct Records {
    lateness: Histogram<u64>,
    loop_lag: Histogram<u64>,
    late_work: u64,
    window: Window,
    windows: u64,
    flagged: u64,
    last_flagged: VecDeque<Flagged>,
    /// Of the timer that it beats by.
    precision: Precision,
    began: Option<Reading>,
    last_closed: Option<Reading>,
    cpu_share: f64,
    had_calls: bool,
}

/// A window that did not keep its promises.
#[derive(Clone, Debug)]
struct Flagged {
    began: SystemTime,
    length: Duration,
    cpu_share: f64,
    finding: Finding,
}

impl Records {
    fn new() -> Self {
        Self {
            lateness: times(),
            loop_lag: times(),
            late_work: 0,
            window: Window::new(),
            windows: 0,
            flagged: 0,
            last_flagged: VecDeque::with_capacity(KEPT),
            precision: Precision::default(),
            began: None,
            last_closed: None,
            cpu_share: 0.0,
            had_calls: false,
        }
    }

    /// Until the next heartbeat.
    fn rest(&self) -> Duration {
        if self.had_calls || self.window.has_calls() { BEAT } else { IDLE_BEAT }
    }

    /// Judges the open window and begins another.
    fn close(&mut self, opened: Reading, closed: Reading) {
        let length = closed.at.saturating_duration_since(opened.at);
        self.windows += 1;
        self.cpu_share = closed.share_since(opened);
        self.last_closed = Some(closed);
        if let Some(finding) = self.window.verdict() {
            self.flagged += 1;
            self.last_flagged.truncate(KEPT - 1);
            self.last_flagged.push_front(Flagged {
                began: SystemTime::now().checked_sub(length).unwrap_or(SystemTime::UNIX_EPOCH),
                length,
                cpu_share: self.cpu_share,
                finding,
            });
        }
        self.had_calls = self.window.has_calls();
        self.window.pour_into(&mut self.lateness, &mut self.loop_lag);
    }
}

/// A thread's CPU time at a moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    cpu: Duration,
}

impl Reading {
    /// Of the thread that asks.
    fn now() -> Self {
        Self { at: Instant::now(), cpu: thread_cpu() }
    }

    /// The share of a core used since `before`.
    fn share_since(self, before: Self) -> f64 {
        let wall = self.at.saturating_duration_since(before.at).as_secs_f64();
        if wall > 0.0 { self.cpu.saturating_sub(before.cpu).as_secs_f64() / wall } else { 0.0 }
    }
}

#[cfg(unix)]
fn thread_cpu() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

#[cfg(not(unix))]
fn thread_cpu() -> Duration {
    Duration::ZERO
}

/// An empty histogram of times in nanoseconds: 0.5 µs to 60 s, to a hundredth. What is longer counts as 60 s.
fn times() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 2).expect("the bounds are in order and two digits are few")
}

/// Between two heartbeats, while calls come.
const BEAT: Duration = Duration::from_millis(20);

/// The same while none come: short enough that a standstill is seen.
const IDLE_BEAT: Duration = Duration::from_millis(100);

/// What is judged at a time.
const WINDOW: Duration = Duration::from_secs(1);

/// How many flagged windows of a worker can be looked at.
const KEPT: usize = 60;
