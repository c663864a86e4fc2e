//! Self-audit of the server: the lateness of its answers, and the lag of its event loops.
//!
//! A busy worker reads requests late, which the lateness of answers cannot show. So a heartbeat on
//! the worker's timer measures how long a due task waits for its turn (loop lag), and reads from
//! the kernel how long the thread waited for a CPU ([`cpu_waits`]). Every second of a worker is
//! judged by the rules in [`window`]. They tell a run in which the mock itself was the bottleneck
//! from one in which it was not.

mod answer_times;
mod cpu_waits;
mod snapshot;
#[cfg(test)]
mod tests;
mod window;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use hdrhistogram::Histogram;

use self::cpu_waits::CpuWaitCounter;
use self::window::{AuditWindow, WindowFinding};
use super::timer::{Precision, Timer};
use crate::locks::LockUnpoisoned as _;

pub use self::answer_times::AnswerTimes;
pub use self::snapshot::{AuditSnapshot, FlaggedWindow, FlaggedWindows};

/// The records of one worker, written by its tasks and read by the control plane.
///
/// A record costs two counters behind a lock that only a reader contends for, for some
/// microseconds.
#[derive(Debug)]
pub struct Audit {
    records: Mutex<WorkerRecords>,
}

impl Default for Audit {
    fn default() -> Self {
        Self { records: Mutex::new(WorkerRecords::new()) }
    }
}

impl Audit {
    /// Records an answer that was handed to the socket `lateness` after its deadline, for a call
    /// meant to take `intended`.
    pub fn record(&self, lateness: Duration, intended: Duration) {
        self.records().window.record(lateness, intended);
    }

    /// Counts an answer that was ready only after its deadline.
    pub fn count_late_work(&self) {
        self.records().late_work += 1;
    }

    /// Records how long a due task waited for the worker.
    pub fn record_loop_lag(&self, lag: Duration) {
        self.records().window.lag(lag);
    }

    /// Runs the heartbeat, on the runtime of the worker. It also closes the windows and reads the
    /// CPU time of the thread.
    ///
    /// 50 beats a second cost some 0.3 % of a core. A worker without calls that have a deadline has
    /// 10, at 0.1 %.
    pub async fn run(self: Arc<Self>, timer: Arc<Timer>) {
        let mut opened = CpuReading::now();
        let mut waits = CpuWaitCounter::of_this_thread();
        {
            let mut records = self.records();
            records.began = Some(opened);
            records.precision = timer.precision();
        }
        loop {
            let due = Instant::now() + self.records().next_beat();
            Arc::clone(&timer).wait_until_exactly(due).await;
            let now = Instant::now();
            self.record_loop_lag(now.saturating_duration_since(due));
            if let Some(wait) = waits.read_since_last() {
                self.records().window.wait(wait);
            }
            if now.saturating_duration_since(opened.at) >= WINDOW_LENGTH {
                let closed = CpuReading::now();
                self.records().close(opened, closed);
                opened = closed;
            }
        }
    }

    fn records(&self) -> MutexGuard<'_, WorkerRecords> {
        self.records.lock_unpoisoned()
    }
}

/// Measurements of a worker since its start, and its open window.
#[derive(Debug)]
struct WorkerRecords {
    lateness: Histogram<u64>,
    intended: Histogram<u64>,
    actual: Histogram<u64>,
    loop_lag: Histogram<u64>,
    late_work: u64,
    window: AuditWindow,
    windows: u64,
    flagged: u64,
    last_flagged: VecDeque<FlaggedRecord>,
    /// Precision of the worker's timer.
    precision: Precision,
    began: Option<CpuReading>,
    last_closed: Option<CpuReading>,
    cpu_share: f64,
    had_calls: bool,
}

/// A window that was flagged.
#[derive(Clone, Debug)]
struct FlaggedRecord {
    began: SystemTime,
    length: Duration,
    cpu_share: f64,
    finding: WindowFinding,
}

impl WorkerRecords {
    fn new() -> Self {
        Self {
            lateness: new_histogram(),
            intended: new_histogram(),
            actual: new_histogram(),
            loop_lag: new_histogram(),
            late_work: 0,
            window: AuditWindow::new(),
            windows: 0,
            flagged: 0,
            last_flagged: VecDeque::with_capacity(MAX_FLAGGED_KEPT),
            precision: Precision::default(),
            began: None,
            last_closed: None,
            cpu_share: 0.0,
            had_calls: false,
        }
    }

    /// Returns the time until the next heartbeat.
    fn next_beat(&self) -> Duration {
        if self.had_calls || self.window.has_calls() { BEAT_INTERVAL } else { IDLE_BEAT_INTERVAL }
    }

    /// Judges the open window and starts another.
    fn close(&mut self, opened: CpuReading, closed: CpuReading) {
        let length = closed.at.saturating_duration_since(opened.at);
        self.windows += 1;
        self.cpu_share = closed.share_since(opened);
        self.last_closed = Some(closed);
        if let Some(finding) = self.window.evaluate() {
            self.flagged += 1;
            self.last_flagged.truncate(MAX_FLAGGED_KEPT - 1);
            self.last_flagged.push_front(FlaggedRecord {
                began: SystemTime::now().checked_sub(length).unwrap_or(SystemTime::UNIX_EPOCH),
                length,
                cpu_share: self.cpu_share,
                finding,
            });
        }
        self.had_calls = self.window.has_calls();
        self.window.add_answer_times_to(&mut self.intended, &mut self.actual);
        self.window.drain_into(&mut self.lateness, &mut self.loop_lag);
    }
}

/// The CPU time of a thread at a point in time.
#[derive(Clone, Copy, Debug)]
struct CpuReading {
    at: Instant,
    cpu: Duration,
}

impl CpuReading {
    /// Reads the CPU time of the calling thread.
    fn now() -> Self {
        Self { at: Instant::now(), cpu: thread_cpu() }
    }

    /// Returns the share of a core that was used since `before`.
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

/// Makes an empty histogram of times in nanoseconds, from 0.5 µs to 60 s with a precision of 1 %.
/// Longer times count as 60 s.
fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 2).expect("the bounds are in order and two digits are few")
}

/// Time between two heartbeats, while calls come.
const BEAT_INTERVAL: Duration = Duration::from_millis(20);

/// Time between two heartbeats while no calls come: short enough to notice a standstill.
const IDLE_BEAT_INTERVAL: Duration = Duration::from_millis(100);

/// Length of a window.
const WINDOW_LENGTH: Duration = Duration::from_secs(1);

/// Number of flagged windows that are kept for each worker.
const MAX_FLAGGED_KEPT: usize = 60;
