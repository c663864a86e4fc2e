//! Stop rule: ends a run before the calls harm the target, as in `errors=1%,p95=3x`.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Plan, Proportion};
use standin_stub::delay::units::{parse_share, share};
use standin_tape::{LoadedTape, is_error};

/// Limits at which a run stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StopRule {
    /// Maximum excess of the error share over the tape's, 0 to 1.
    errors: Option<f64>,
    /// Maximum p95 as a multiple of the tape's p95.
    p95: Option<f64>,
}

impl Default for StopRule {
    fn default() -> Self {
        Self { errors: Some(0.01), p95: Some(3.0) }
    }
}

impl StopRule {
    /// Returns true if the rule compares response times.
    pub fn compares_times(&self) -> bool {
        self.p95.is_some()
    }

    /// Returns the rule without its limit on response times; `None` if no limit remains.
    pub fn without_times(self) -> Option<Self> {
        self.errors.is_some().then_some(Self { p95: None, ..self })
    }
}

impl FromStr for StopRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rule = Self { errors: None, p95: None };
        for part in text.split(',') {
            match part.trim().split_once('=') {
                Some(("errors", limit)) => {
                    rule.errors = Some(parse_share(limit).map_err(|error| error.to_string())?);
                }
                Some(("p95", limit)) => {
                    let times = limit.strip_suffix('x').and_then(|times| times.parse::<f64>().ok());
                    let times = times.filter(|times| times.is_finite() && *times >= 1.0);
                    rule.p95 = Some(
                        times.ok_or_else(|| format!("`{limit}` is no factor of 1 or more; write it as in `p95=3x`"))?,
                    );
                }
                _ => return Err(format!("`{part}` is no stop rule; write it as in `errors=1%,p95=3x`")),
            }
        }
        Ok(rule)
    }
}

impl fmt::Display for StopRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.errors.map(|limit| format!("errors={}", share(limit)));
        let p95 = self.p95.map(|times| format!("p95={times}x"));
        out.write_str(&errors.into_iter().chain(p95).collect::<Vec<_>>().join(","))
    }
}

/// Errors and latencies of a target in normal operation.
#[derive(Clone, Debug, PartialEq)]
pub struct StopBaseline {
    /// Share of errors on the tape.
    pub errors: Proportion,
    /// 95th percentile of the latencies; `None` without latencies.
    pub p95: Option<Duration>,
    /// Latencies at and above the p95, in nanoseconds, sorted.
    longest: Vec<u64>,
    /// Number of all latencies.
    timed: usize,
    /// Source of the latencies in words: `the tape's`.
    source: &'static str,
}

/// A stop rule that compares the latest calls with a baseline.
#[derive(Debug)]
pub struct StopMonitor {
    rule: StopRule,
    baseline: StopBaseline,
    /// Time in nanoseconds above which a call is slow.
    slow: u64,
    /// Share of slow calls in the baseline.
    baseline_slow: Proportion,
    latest: VecDeque<ObservedCall>,
    failed: usize,
    slowed: usize,
}

#[derive(Clone, Copy, Debug)]
struct ObservedCall {
    failed: bool,
    slow: bool,
}

impl StopMonitor {
    /// Returns a monitor of a rule and a baseline.
    pub fn new(rule: StopRule, baseline: StopBaseline) -> Self {
        let limit = rule.p95.zip(baseline.p95);
        let slow = limit.map_or(u64::MAX, |(times, p95)| (p95.as_nanos() as f64 * times) as u64);
        let baseline_slow =
            Proportion::new(baseline.longest.iter().filter(|nanos| **nanos > slow).count(), baseline.timed);
        Self {
            rule,
            baseline,
            slow,
            baseline_slow,
            latest: VecDeque::with_capacity(WINDOW_CALLS),
            failed: 0,
            slowed: 0,
        }
    }

    /// Adds a call that ended after `nanos` nanoseconds.
    pub fn observe(&mut self, failed: bool, nanos: u64) {
        if self.latest.len() == WINDOW_CALLS
            && let Some(oldest) = self.latest.pop_front()
        {
            self.failed -= usize::from(oldest.failed);
            self.slowed -= usize::from(oldest.slow);
        }
        let seen = ObservedCall { failed, slow: nanos > self.slow };
        self.failed += usize::from(failed);
        self.slowed += usize::from(seen.slow);
        self.latest.push_back(seen);
    }

    /// Returns the time after which an open call counts as slow.
    pub fn slow_threshold(&self) -> Duration {
        Duration::from_nanos(self.slow)
    }

    /// Returns the reason to stop the run, if there is one. `overdue` open calls are slow already.
    pub fn stop_reason(&self, overdue: usize) -> Option<String> {
        self.stop_reason_from(overdue, MIN_CALLS)
    }

    /// Returns the reason to stop at the end of a run, from fewer calls than [`Self::stop_reason`]
    /// needs.
    pub fn final_stop_reason(&self, overdue: usize) -> Option<String> {
        self.stop_reason_from(overdue, MIN_CALLS_AT_END)
    }

    fn stop_reason_from(&self, overdue: usize, least: usize) -> Option<String> {
        let seen = self.latest.len() + overdue;
        if seen < least {
            return None;
        }
        let failed = self.failed as f64 / self.latest.len().max(1) as f64;
        let normally = self.baseline.errors.value();
        if let Some(limit) = self.rule.errors
            && self.failed >= MIN_ERRORS
            && failed > normally + limit
            && self.baseline.errors.is_exceeded_by(self.failed as u64, self.latest.len() as u64)
        {
            return Some(format!(
                "{:.1} % of the last {} calls failed, on the tape {:.1} % did (--stop errors={})",
                failed * 100.0,
                self.latest.len(),
                normally * 100.0,
                share(limit)
            ));
        }
        // the p95 is beyond the limit where more than 5 % of the calls are; of a long tail, some of
        // few calls are by chance
        let slow = self.slowed + overdue;
        let times = self.rule.p95.filter(|_| self.baseline.p95.is_some() && slow as f64 > 0.05 * seen as f64)?;
        if !self.baseline_slow.is_exceeded_by(slow as u64, seen as u64) {
            return None;
        }
        Some(format!(
            "the p95 of the last {seen} calls is more than {times} times {}: {slow} took, or take, longer than {:.1} ms (--stop p95={times}x)",
            self.baseline.source,
            self.slow as f64 / 1e6,
        ))
    }
}

impl StopBaseline {
    /// Returns a baseline of a share of errors and of latencies in nanoseconds, with their `source`
    /// in words.
    pub fn new(errors: Proportion, mut latencies: Vec<u64>, source: &'static str) -> Self {
        latencies.sort_unstable();
        let timed = latencies.len();
        let longest = latencies.split_off(timed * 95 / 100);
        let p95 = longest.first().filter(|p95| **p95 > 0).map(|nanos| Duration::from_nanos(*nanos));
        Self { errors, p95, longest, timed, source }
    }

    /// Returns the baseline of the calls of a plan, from the tape.
    pub fn of(recording: &LoadedTape, plan: &Plan) -> Self {
        let came = || plan.calls.iter().map(|due| &recording.exchanges[due.call]);
        let failed = came().filter(|one| {
            let status = one.response.as_ref().map(|response| response.status);
            // a schedule made by hand may say nothing of answers
            let is_known = status.is_some() || one.failure.is_some();
            is_known && (one.failure.is_some() || is_error(status))
        });
        let errors = Proportion::new(failed.count(), plan.calls.len());
        Self::new(errors, came().filter_map(|one| recording.latency(one)).collect(), "the tape's")
    }
}

/// Number of latest calls that are compared.
const WINDOW_CALLS: usize = 1_000;
/// Minimum number of calls before the run can be stopped.
const MIN_CALLS: usize = 100;
/// Minimum number of calls for a decision at the end of a run.
const MIN_CALLS_AT_END: usize = 20;
/// Minimum number of errors: a single one may have any reason.
const MIN_ERRORS: usize = 2;

#[cfg(test)]
mod tests;
