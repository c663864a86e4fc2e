//! Whether this server kept its own promises: how late answers left, and how late the worker looked at its sockets.
//!
//! A busy worker reads late, and a call's own lateness cannot show it. So a heartbeat on the worker's timer measures how
//! long whatever is due has to wait for its turn (loop lag), and asks the kernel how long its thread waited for a CPU
//! ([`cpu_waits`]). Every second of a worker is judged by what [`window`] says, and the run in which the mock itself was the bottleneck can be told from the run in which it was not.

mod cpu_waits;
mod snapshot;
#[cfg(test)]
mod tests;
mod window;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hdrhistogram::Histogram;

use self::cpu_waits::CpuWaitCounter;
use self::window::{AuditWindow, WindowFinding};
use super::timer::{Precision, Timer};

pub use self::snapshot::{AuditSnapshot, FlaggedWindow, FlaggedWindows};

/// The records of one worker, written by its tasks and read by the control plane.
///
/// A record costs two counters behind a lock that only a reader contends for, for some microseconds.
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
    /// An answer's bytes were handed to the socket `lateness` after its deadline; the call was meant to take `intended`.
    pub fn record(&self, lateness: Duration, intended: Duration) {
        self.records().window.record(lateness, intended);
    }

    /// An answer was ready only after its deadline.
    pub fn count_late_work(&self) {
        self.records().late_work += 1;
    }

    /// Something that was ready waited so long for the worker.
    pub fn record_loop_lag(&self, lag: Duration) {
        self.records().window.lag(lag);
    }

    /// The heartbeat, spawned on the worker's own runtime. It also closes the windows and reads the thread's CPU time.
    ///
    /// 50 beats a second cost some 0.3 % of a core; a worker that no call with a deadline came to lately has 10, at 0.1 %.
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
            Arc::clone(&timer).until_exactly(due).await;
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
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was seen since the start, and the window that is open.
#[derive(Debug)]
struct WorkerRecords {
    lateness: Histogram<u64>,
    loop_lag: Histogram<u64>,
    late_work: u64,
    window: AuditWindow,
    windows: u64,
    flagged: u64,
    last_flagged: VecDeque<FlaggedRecord>,
    /// Of the timer that it beats by.
    precision: Precision,
    began: Option<CpuReading>,
    last_closed: Option<CpuReading>,
    cpu_share: f64,
    had_calls: bool,
}

/// A window that did not keep its promises.
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

    /// Until the next heartbeat.
    fn next_beat(&self) -> Duration {
        if self.had_calls || self.window.has_calls() { BEAT_INTERVAL } else { IDLE_BEAT_INTERVAL }
    }

    /// Judges the open window and begins another.
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
        self.window.drain_into(&mut self.lateness, &mut self.loop_lag);
    }
}

/// A thread's CPU time at a moment.
#[derive(Clone, Copy, Debug)]
struct CpuReading {
    at: Instant,
    cpu: Duration,
}

impl CpuReading {
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
fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 2).expect("the bounds are in order and two digits are few")
}

/// Between two heartbeats, while calls come.
const BEAT_INTERVAL: Duration = Duration::from_millis(20);

/// The same while none come: short enough that a standstill is seen.
const IDLE_BEAT_INTERVAL: Duration = Duration::from_millis(100);

/// What is judged at a time.
const WINDOW_LENGTH: Duration = Duration::from_secs(1);

/// How many flagged windows of a worker can be looked at.
const MAX_FLAGGED_KEPT: usize = 60;
