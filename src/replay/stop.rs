//! When a run must end before its time, so that what is tested is not broken by the test: `errors=1%,p95=3x`.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Plan;
use crate::delay::units::{parse_share, share};
use crate::tape::{Recording, is_error};

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
                    rule.p95 = Some(times.ok_or_else(|| format!("`{limit}` is no factor; write it as in `p95=3x`"))?);
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    /// The tape's share of errors, 0 to 1.
    pub errors: f64,
    /// The p95 of latencies; none if there are none to compare with.
    pub p95: Option<Duration>,
    /// Whose p95 it is, in words: `the tape's`.
    pub whose: &'static str,
}

/// A stop rule at work: the latest calls against what is normal.
#[derive(Debug)]
pub struct Watch {
    rule: StopRule,
    normal: Normal,
    /// Nanoseconds; a call that takes longer is slow.
    slow: u64,
    latest: VecDeque<Seen>,
    failed: usize,
    slowed: usize,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    failed: bool,
    slow: bool,
}

impl Watch {
    /// A rule against what is normal.
    pub fn new(rule: StopRule, normal: Normal) -> Self {
        let limit = rule.p95.zip(normal.p95);
        let slow = limit.map_or(u64::MAX, |(times, p95)| (p95.as_nanos() as f64 * times) as u64);
        Self { rule, normal, slow, latest: VecDeque::with_capacity(LATEST), failed: 0, slowed: 0 }
    }

    /// Takes in how a call ended, and after how many nanoseconds.
    pub fn see(&mut self, failed: bool, nanos: u64) {
        if self.latest.len() == LATEST
            && let Some(oldest) = self.latest.pop_front()
        {
            self.failed -= usize::from(oldest.failed);
            self.slowed -= usize::from(oldest.slow);
        }
        let seen = Seen { failed, slow: nanos > self.slow };
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
        self.verdict_of(overdue, LEAST)
    }

    /// The same when no more calls come: fewer must do.
    pub fn last_verdict(&self, overdue: usize) -> Option<String> {
        self.verdict_of(overdue, LEAST_AT_END)
    }

    fn verdict_of(&self, overdue: usize, least: usize) -> Option<String> {
        let seen = self.latest.len() + overdue;
        if seen < least {
            return None;
        }
        let failed = self.failed as f64 / self.latest.len().max(1) as f64;
        if let Some(limit) = self.rule.errors
            && self.failed >= LEAST_ERRORS
            && failed > self.normal.errors + limit
        {
            return Some(format!(
                "{:.1} % of the last {} calls failed, on the tape {:.1} % did (--stop errors={})",
                failed * 100.0,
                self.latest.len(),
                self.normal.errors * 100.0,
                share(limit)
            ));
        }
        // the p95 is beyond the limit where more than 5 % of the calls are
        let slow = self.slowed + overdue;
        let times = self.rule.p95.filter(|_| self.normal.p95.is_some() && slow as f64 > 0.05 * seen as f64)?;
        Some(format!(
            "the p95 of the last {seen} calls is more than {times} times {}: {slow} took, or take, longer than {:.1} ms (--stop p95={times}x)",
            self.normal.whose,
            self.slow as f64 / 1e6,
        ))
    }
}

impl Normal {
    /// What the tape says of a plan's calls.
    pub fn of(recording: &Recording, plan: &Plan) -> Self {
        let came = || plan.calls.iter().map(|due| &recording.exchanges[due.call]);
        let mut latencies: Vec<u64> = came().filter_map(|one| recording.latency(one)).collect();
        latencies.sort_unstable();
        let p95 = latencies.get(latencies.len() * 95 / 100).filter(|p95| **p95 > 0);
        let failed = came().filter(|one| {
            let status = one.response.as_ref().map(|response| response.status);
            // a schedule made by hand may say nothing of answers
            let is_known = status.is_some() || one.failure.is_some();
            is_known && (one.failure.is_some() || is_error(status))
        });
        Self {
            errors: failed.count() as f64 / plan.calls.len().max(1) as f64,
            p95: p95.map(|nanos| Duration::from_nanos(*nanos)),
            whose: "the tape's",
        }
    }
}

/// Calls that are looked back on.
const LATEST: usize = 1_000;
/// Before so many calls, nothing can be said.
const LEAST: usize = 100;
/// At the end, so many must do.
const LEAST_AT_END: usize = 20;
/// Fewer errors may be chance.
const LEAST_ERRORS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(rule: &str) -> Watch {
        let normal = Normal { errors: 0.02, p95: Some(Duration::from_millis(10)), whose: "the tape's" };
        Watch::new(rule.parse().unwrap(), normal)
    }

    #[test]
    fn rules_are_read_and_written() {
        assert_eq!("errors=1%,p95=3x".parse(), Ok(StopRule::default()));
        assert_eq!("p95=2.5x".parse::<StopRule>().unwrap().to_string(), "p95=2.5x");
        for (wrong, told) in
            [("p95=3", "p95=3x"), ("errors=1", "percentage"), ("p50=3x", "errors=1%"), ("p95=0x", "p95=3x")]
        {
            assert!(wrong.parse::<StopRule>().unwrap_err().contains(told), "{wrong}");
        }
    }

    #[test]
    fn errors_beyond_the_tapes_own_end_it() {
        let mut watch = watch("errors=1%");
        for call in 0..1_000 {
            // 2 %, as on the tape
            watch.see(call % 50 == 0, 99_000_000);
            assert_eq!(watch.verdict(0), None, "{call}");
        }
        let end = (0..200).find_map(|_| {
            watch.see(true, 0);
            watch.verdict(0)
        });
        assert!(end.unwrap().contains("on the tape 2.0 %"));
    }

    #[test]
    fn slow_and_overdue_calls_end_it() {
        let mut watch = watch("p95=3x");
        assert_eq!(watch.patience(), Duration::from_millis(30));
        for call in 0..400 {
            watch.see(true, if call % 25 == 0 { 31_000_000 } else { 29_000_000 });
            assert_eq!(watch.verdict(0), None, "{call}");
        }
        assert!(watch.verdict(30).unwrap().contains("3 times"));
        // a target that answers nothing at all
        assert!(super::tests::watch("p95=3x").verdict(100).is_some());
        assert!(super::tests::watch("errors=1%").verdict(100).is_none());
    }

    #[test]
    fn without_times_on_the_tape_only_errors_count() {
        let normal = Normal { errors: 0.0, p95: None, whose: "the tape's" };
        let mut watch = Watch::new(StopRule::default(), normal);
        (0..500).for_each(|_| watch.see(false, 9_000_000_000));
        assert_eq!(watch.verdict(400), None);
        (0..100).for_each(|_| watch.see(true, 1));
        assert!(watch.verdict(0).unwrap().contains("--stop errors"));
        assert_eq!(StopRule::default().without_times().unwrap().to_string(), "errors=1%");
        assert_eq!("p95=3x".parse::<StopRule>().unwrap().without_times(), None);
    }

    #[test]
    fn at_the_end_fewer_calls_must_do() {
        let mut watch = watch("p95=3x");
        (0..40).for_each(|_| watch.see(false, 31_000_000));
        assert_eq!(watch.verdict(0), None);
        assert!(watch.last_verdict(0).is_some());
    }
}
