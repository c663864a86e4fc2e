//! When a run must end before its time, so that what is tested is not broken by the test: `errors=1%,p95=3x`.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Plan, Proportion};
use standin_stub::delay::units::{parse_share, share};
use standin_tape::{Recording, is_error};

/// The limits beyond which a target is left alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StopRule {
    /// By how much the share of errors may be higher than the tape's, 0 to 1.
    errors: Option<f64>,
    /// How many times the tape's p95 the p95 may be.
    p95: Option<f64>,
}

impl Default for StopRule {
    fn default() -> Self {
        Self { errors: Some(0.01), p95: Some(3.0) }
    }
}

impl StopRule {
    /// Whether it looks at response times.
    pub fn compares_times(&self) -> bool {
        self.p95.is_some()
    }

    /// What is left of it where there are no response times to compare with; none if nothing is.
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

/// What a target is like when nothing is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct StopBaseline {
    /// The tape's share of errors.
    pub errors: Proportion,
    /// The p95 of latencies; none if there are none to compare with.
    pub p95: Option<Duration>,
    /// The latencies from it on, in nanoseconds.
    longest: Vec<u64>,
    /// How many latencies there were.
    timed: usize,
    /// Whose they are, in words: `the tape's`.
    source: &'static str,
}

/// A stop rule at work: the latest calls against what is normal.
#[derive(Debug)]
pub struct StopMonitor {
    rule: StopRule,
    normal: StopBaseline,
    /// Nanoseconds; a call that takes longer is slow.
    slow: u64,
    /// How many are that normally.
    normally_slow: Proportion,
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
    /// A rule against what is normal.
    pub fn new(rule: StopRule, normal: StopBaseline) -> Self {
        let limit = rule.p95.zip(normal.p95);
        let slow = limit.map_or(u64::MAX, |(times, p95)| (p95.as_nanos() as f64 * times) as u64);
        let normally_slow = Proportion::new(normal.longest.iter().filter(|nanos| **nanos > slow).count(), normal.timed);
        Self { rule, normal, slow, normally_slow, latest: VecDeque::with_capacity(WINDOW_CALLS), failed: 0, slowed: 0 }
    }

    /// Takes in how a call ended, and after how many nanoseconds.
    pub fn see(&mut self, failed: bool, nanos: u64) {
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

    /// How long a call that is not answered may take until it counts as slow.
    pub fn patience(&self) -> Duration {
        Duration::from_nanos(self.slow)
    }

    /// Why the run must end, if it must. `overdue` calls are still open, and slow already.
    pub fn verdict(&self, overdue: usize) -> Option<String> {
        self.verdict_of(overdue, MIN_CALLS)
    }

    /// The same when no more calls come: fewer must do.
    pub fn last_verdict(&self, overdue: usize) -> Option<String> {
        self.verdict_of(overdue, MIN_CALLS_AT_END)
    }

    fn verdict_of(&self, overdue: usize, least: usize) -> Option<String> {
        let seen = self.latest.len() + overdue;
        if seen < least {
            return None;
        }
        let failed = self.failed as f64 / self.latest.len().max(1) as f64;
        let normally = self.normal.errors.value();
        if let Some(limit) = self.rule.errors
            && self.failed >= MIN_ERRORS
            && failed > normally + limit
            && self.normal.errors.is_exceeded_by(self.failed as u64, self.latest.len() as u64)
        {
            return Some(format!(
                "{:.1} % of the last {} calls failed, on the tape {:.1} % did (--stop errors={})",
                failed * 100.0,
                self.latest.len(),
                normally * 100.0,
                share(limit)
            ));
        }
        // the p95 is beyond the limit where more than 5 % of the calls are; of a long tail, some of few calls are by chance
        let slow = self.slowed + overdue;
        let times = self.rule.p95.filter(|_| self.normal.p95.is_some() && slow as f64 > 0.05 * seen as f64)?;
        if !self.normally_slow.is_exceeded_by(slow as u64, seen as u64) {
            return None;
        }
        Some(format!(
            "the p95 of the last {seen} calls is more than {times} times {}: {slow} took, or take, longer than {:.1} ms (--stop p95={times}x)",
            self.normal.source,
            self.slow as f64 / 1e6,
        ))
    }
}

impl StopBaseline {
    /// A share of errors, and latencies in nanoseconds, none if there are none to compare with; `source` they are, in words.
    pub fn new(errors: Proportion, mut latencies: Vec<u64>, source: &'static str) -> Self {
        latencies.sort_unstable();
        let timed = latencies.len();
        let longest = latencies.split_off(timed * 95 / 100);
        let p95 = longest.first().filter(|p95| **p95 > 0).map(|nanos| Duration::from_nanos(*nanos));
        Self { errors, p95, longest, timed, source }
    }

    /// What the tape says of a plan's calls.
    pub fn of(recording: &Recording, plan: &Plan) -> Self {
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

/// Calls that are looked back on.
const WINDOW_CALLS: usize = 1_000;
/// Before so many calls, nothing can be said.
const MIN_CALLS: usize = 100;
/// At the end, so many must do.
const MIN_CALLS_AT_END: usize = 20;
/// A single error may be anything.
const MIN_ERRORS: usize = 2;

#[cfg(test)]
mod tests;
