//! The rules by which a window is flagged, from measurements alone.
//!
//! The limit of a window is the larger of 0.2 ms and 5 % of the median of the times that its calls
//! were meant to take. The window is flagged when
//!
//! - at least 1 % of its calls, and at least 7, left later than the limit,
//! - at least 1 % of its loop lags, and at least 7, were longer than the limit,
//! - its thread waited long for a CPU in at least 10 % of its heartbeats, and in at least 5; or in
//!   at least 6 (and 6 %) of this window's and the last one's together, in each of them in some, at
//!   least 2 in this one, or
//! - one loop lag was longer than the limit and than 50 ms: the worker stood still.
//!
//! Seven, because a virtual machine that loses its core for some milliseconds makes a few calls
//! late and no run invalid; a worker that has too much to do, or shares its core, is late again and
//! again. With some 300 calls a second, 0 to 2 of them were late in the seconds of a calm two-core
//! virtual machine, and 16 to 18 in the first second of a CPU hog on both.
//!
//! A wait between two heartbeats is long beyond the limit and an eighth of it for each time that
//! the thread was given a CPU: a thread that wakes often waits some microseconds each time. With
//! 350 calls a second and worker and nobody else on the machine, waits were long in 0.3 of the 50
//! beats of a second (0 to 2 in 68 seconds), and under a hog on both cores in 5 (1 to 12): chance
//! leaves many a second of a hog below 5, and few pairs of them below 6.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::cpu_waits::CpuWait;
use super::new_histogram;

/// Measurements of the open window.
#[derive(Debug)]
pub(super) struct AuditWindow {
    lateness: Histogram<u64>,
    lags: Histogram<u64>,
    intended: Histogram<u64>,
    actual: Histogram<u64>,
    /// One wait for each heartbeat.
    waits: Vec<CpuWait>,
    /// Number of long waits and of heartbeats in the window before.
    before: (u64, u64),
}

/// The measurements of a window that is flagged, with the reasons.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WindowFinding {
    pub(super) reasons: Vec<FlagReason>,
    pub(super) limit: Duration,
    pub(super) median_intended: Duration,
    pub(super) calls: u64,
    pub(super) late_calls: u64,
    pub(super) lateness_p99: Duration,
    pub(super) lags: u64,
    pub(super) long_lags: u64,
    pub(super) lag_max: Duration,
    pub(super) beats: u64,
    pub(super) long_waits: u64,
}

/// A reason to flag a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlagReason {
    Lateness,
    LoopLag,
    NoCpu,
    StoodStill,
}

impl AuditWindow {
    pub(super) fn new() -> Self {
        Self {
            lateness: new_histogram(),
            lags: new_histogram(),
            intended: new_histogram(),
            actual: new_histogram(),
            waits: Vec::new(),
            before: (0, 0),
        }
    }

    pub(super) fn record(&mut self, lateness: Duration, intended: Duration) {
        self.lateness.saturating_record(nanos(lateness));
        self.intended.saturating_record(nanos(intended));
        self.actual.saturating_record(nanos(intended.saturating_add(lateness)));
    }

    pub(super) fn lag(&mut self, lag: Duration) {
        self.lags.saturating_record(nanos(lag));
    }

    pub(super) fn wait(&mut self, wait: CpuWait) {
        self.waits.push(wait);
    }

    pub(super) fn has_calls(&self) -> bool {
        !self.lateness.is_empty()
    }

    /// Judges the window; `None` if it is not flagged.
    pub(super) fn evaluate(&self) -> Option<WindowFinding> {
        let limit = self.limit();
        let late_calls = beyond(&self.lateness, limit);
        let long_lags = beyond(&self.lags, limit);
        let (beats, long_waits) = (self.waits.len() as u64, self.long_waits(limit));
        let (together, beats_together) = (long_waits + self.before.0, beats + self.before.1);
        let goes_on = self.before.0 > 0
            && long_waits >= MIN_LONG_WAITS_AGAIN
            && together >= MIN_LONG_WAITS_OF_TWO
            && together * LONG_WAIT_SHARE_DIVISOR_OF_TWO >= beats_together;
        let lag_max = Duration::from_nanos(self.lags.max());

        let mut reasons = Vec::new();
        if is_many(late_calls, self.lateness.len()) {
            reasons.push(FlagReason::Lateness);
        }
        if is_many(long_lags, self.lags.len()) {
            reasons.push(FlagReason::LoopLag);
        }
        if (long_waits >= MIN_LONG_WAITS && long_waits * LONG_WAIT_SHARE_DIVISOR >= beats) || goes_on {
            reasons.push(FlagReason::NoCpu);
        }
        if lag_max > limit.max(STANDSTILL_LAG) {
            reasons.push(FlagReason::StoodStill);
        }
        if reasons.is_empty() {
            return None;
        }
        Some(WindowFinding {
            reasons,
            limit,
            median_intended: self.median_intended(),
            calls: self.lateness.len(),
            late_calls,
            lateness_p99: Duration::from_nanos(self.lateness.value_at_quantile(0.99)),
            lags: self.lags.len(),
            long_lags,
            lag_max,
            beats,
            long_waits,
        })
    }

    fn median_intended(&self) -> Duration {
        Duration::from_nanos(self.intended.value_at_quantile(0.5))
    }

    /// Returns the limit of lateness and loop lag.
    fn limit(&self) -> Duration {
        MIN_LIMIT.max(self.median_intended().mul_f64(LIMIT_SHARE_OF_MEDIAN))
    }

    /// Returns the number of heartbeats in which the thread waited longer for a CPU than many short
    /// waits explain.
    fn long_waits(&self, limit: Duration) -> u64 {
        let is_long = |wait: &&CpuWait| wait.time > limit + (limit / SHORT_WAIT_DIVISOR).saturating_mul(wait.runs);
        self.waits.iter().filter(is_long).count() as u64
    }

    /// Adds the measurements to the totals and clears them.
    pub(super) fn drain_into(&mut self, lateness: &mut Histogram<u64>, lags: &mut Histogram<u64>) {
        self.add_to(lateness, lags);
        self.before = (self.long_waits(self.limit()), self.waits.len() as u64);
        self.lateness.reset();
        self.lags.reset();
        self.intended.reset();
        self.actual.reset();
        self.waits.clear();
    }

    /// Adds the times that answers were meant to take, and took, to the totals.
    pub(super) fn add_answer_times_to(&self, intended: &mut Histogram<u64>, actual: &mut Histogram<u64>) {
        add(intended, &self.intended);
        add(actual, &self.actual);
    }

    /// Adds the measurements to the totals.
    pub(super) fn add_to(&self, lateness: &mut Histogram<u64>, lags: &mut Histogram<u64>) {
        add(lateness, &self.lateness);
        add(lags, &self.lags);
    }
}

/// Adds a histogram to another one.
pub(super) fn add(whole: &mut Histogram<u64>, part: &Histogram<u64>) {
    whole.add(part).expect("all histograms have the same bounds");
}

/// Returns the number of times longer than `limit`, with the histogram's precision of 1 %.
fn beyond(times: &Histogram<u64>, limit: Duration) -> u64 {
    times.len() - times.count_between(0, nanos(limit))
}

/// Returns whether `few` out of `all` are more than chance.
fn is_many(few: u64, all: u64) -> bool {
    few >= MIN_LATE_COUNT && few * LATE_SHARE_DIVISOR >= all
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Least limit of lateness, also for the shortest calls.
const MIN_LIMIT: Duration = Duration::from_micros(200);

/// Share of the median intended time that is the limit of lateness.
const LIMIT_SHARE_OF_MEDIAN: f64 = 0.05;

/// Loop lag that flags a window by itself.
const STANDSTILL_LAG: Duration = Duration::from_millis(50);

/// Least number of late answers, or of long loop lags, that flags a window.
const MIN_LATE_COUNT: u64 = 7;

/// Divisor of all answers or loop lags: the quotient is the number that flags a window.
const LATE_SHARE_DIVISOR: u64 = 100;

/// Least number of long waits for a CPU that flags a window.
const MIN_LONG_WAITS: u64 = 5;

/// Divisor of the heartbeats: the quotient is the number of long waits that flags a window.
const LONG_WAIT_SHARE_DIVISOR: u64 = 10;

/// Least number and divisor of long waits in a window and the one before together, and least number
/// in the later one.
const MIN_LONG_WAITS_OF_TWO: u64 = 6;
const LONG_WAIT_SHARE_DIVISOR_OF_TWO: u64 = 17;
const MIN_LONG_WAITS_AGAIN: u64 = 2;

/// Divisor of the limit: the quotient is a short wait.
const SHORT_WAIT_DIVISOR: u32 = 8;
