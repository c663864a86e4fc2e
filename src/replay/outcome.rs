//! Result of a replay, and the checks that decide whether its numbers may be reported.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;

use super::ScheduledCall;
use super::late_seconds::LateSeconds;
use super::status_counts::{MAX_SHARE_DIFFERENCE, StatusCounts, status_text};
use crate::upstream::SocketTimes;
use standin_tape::exchange::{BodyRef, Exchange, ExchangeFailure, ExchangeResponse, ExchangeTimes};

/// Result of a replay.
#[derive(Clone, Debug)]
pub struct ReplayOutcome {
    /// Time of the first call, from which all times count; `None` if the run never began.
    pub started: Option<SystemTime>,
    /// Calls that were sent, or that failed for want of a connection.
    pub sent: u64,
    /// Calls that were not sent, as the run was stopped or cancelled.
    pub unsent: u64,
    /// Calls that waited for one of `max_connections`.
    pub waited: u64,
    /// Reason of the stop rule, if it stopped the run.
    pub stopped: Option<String>,
    /// Reason of the cancellation, if the run was cancelled.
    pub cancelled: Option<String>,
    /// Calls that were still open some time after a cancellation; their outcome is unknown.
    pub cut_off: u64,
    /// Statuses of the same calls on the tape.
    pub recorded: StatusCounts,
    /// Statuses of the target.
    pub answered: StatusCounts,
    /// Distinct calls of the tape that were sent: the sample size of the recorded statuses.
    drawn: HashSet<usize>,
    /// Lateness of calls in nanoseconds, without waits for connections.
    lateness: Histogram<u64>,
    /// Latency of calls in nanoseconds.
    latency: Histogram<u64>,
    /// Lateness of the calls by the second in which they were due.
    late_seconds: LateSeconds,
}

/// Reason not to report the numbers of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayRefusal {
    /// The stop rule ended the run.
    Stopped(String),
    /// The sender was late.
    Late {
        /// 99th percentile of the lateness.
        p99: Duration,
        /// Maximum of the p99.
        limit: Duration,
    },
    /// The target returned other statuses than the tape.
    StatusMix {
        /// Status whose share differs most; `None` for no response.
        status: Option<u16>,
        /// Share of the status on the tape, 0 to 1.
        recorded: f64,
        /// Share of the status in this run, 0 to 1.
        answered: f64,
    },
    /// No call was sent.
    Nothing,
}

impl ReplayOutcome {
    pub(super) fn new() -> Self {
        let histogram = || Histogram::new(3).expect("three digits are fine");
        Self {
            started: None,
            sent: 0,
            unsent: 0,
            waited: 0,
            stopped: None,
            cancelled: None,
            cut_off: 0,
            recorded: StatusCounts::default(),
            answered: StatusCounts::default(),
            drawn: HashSet::new(),
            lateness: histogram(),
            latency: histogram(),
            late_seconds: LateSeconds::default(),
        }
    }

    pub(super) fn count(&mut self, answered: &ReplayedCall, original: &Exchange) {
        self.sent += 1;
        let whole = original.response.as_ref().filter(|_| original.failure.is_none());
        // a schedule written by hand may have no responses
        if original.response.is_some() || original.failure.is_some() {
            self.drawn.insert(answered.call);
            self.recorded.add(whole.map(|response| response.status));
        }
        self.waited += u64::from(answered.times.permit_wait > 0);
        self.answered.add(answered.status.filter(|_| answered.failure.is_none()));
        let record = |times: &mut Histogram<u64>, nanos: u64| {
            times.record(nanos.min(MAX_TIME_NANOS)).expect("a histogram without bounds grows");
        };
        if let Some(late) = answered.lateness() {
            record(&mut self.lateness, late);
            self.late_seconds.add(answered.at, late);
        }
        if let Some(end) = answered.times.last_byte {
            record(&mut self.latency, end.saturating_sub(answered.at));
        }
    }

    pub(super) fn end(&mut self, ended: SendingEnd) {
        self.started = ended.started;
        self.stopped = ended.stopped;
        self.cancelled = ended.cancelled;
        self.unsent = ended.unsent;
        self.cut_off = ended.cut_off;
    }

    /// Adds the result of another run of the same target.
    pub fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.unsent += other.unsent;
        self.waited += other.waited;
        self.stopped = self.stopped.take().or_else(|| other.stopped.clone());
        self.cancelled = self.cancelled.take().or_else(|| other.cancelled.clone());
        self.cut_off += other.cut_off;
        self.recorded.merge(&other.recorded);
        self.answered.merge(&other.answered);
        self.drawn.extend(&other.drawn);
        self.lateness.add(&other.lateness).expect("both resize");
        self.latency.add(&other.latency).expect("both resize");
        self.late_seconds.append(&other.late_seconds);
    }

    /// Returns a quantile of the lateness, without waits for connections.
    pub fn lateness(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.lateness.value_at_quantile(quantile))
    }

    /// Returns a quantile of the latency.
    pub fn latency(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.latency.value_at_quantile(quantile))
    }

    /// Returns the default limit of the p99 lateness: the larger of 1 ms and 5 % of the median
    /// latency.
    pub fn lateness_limit(&self) -> Duration {
        MIN_LATENESS_LIMIT.max(self.latency(0.5).mul_f64(LATENESS_LIMIT_SHARE))
    }

    /// Returns the reason not to report the numbers, if there is one. `limit` replaces
    /// [`ReplayOutcome::lateness_limit`]; the statuses are compared if they `must_match`.
    pub fn refusal(&self, limit: Option<Duration>, must_match: bool) -> Option<ReplayRefusal> {
        if let Some(why) = &self.stopped {
            return Some(ReplayRefusal::Stopped(why.clone()));
        }
        if self.sent == 0 {
            return Some(ReplayRefusal::Nothing);
        }
        if must_match
            && !self.recorded.is_empty()
            && let Some((status, recorded, answered)) =
                self.answered.largest_difference(&self.recorded, self.drawn.len())
        {
            return Some(ReplayRefusal::StatusMix { status, recorded, answered });
        }
        let limit = limit.unwrap_or_else(|| self.lateness_limit());
        let p99 = self.lateness(0.99);
        (p99 > limit).then_some(ReplayRefusal::Late { p99, limit })
    }

    /// Returns the reason not to report a comparison, if there is one. The seconds in which the
    /// sender was late are left out of a comparison, so lateness is a reason only where half of the
    /// calls are of such seconds.
    pub fn refusal_of_comparison(&self, limit: Option<Duration>, must_match: bool) -> Option<ReplayRefusal> {
        let is_mostly_late =
            || self.late_seconds.late_share(limit.unwrap_or_else(|| self.lateness_limit())) > MAX_LATE_SHARE;
        let refusal = self.refusal(limit, must_match);
        refusal.filter(|refusal| !matches!(refusal, ReplayRefusal::Late { .. }) || is_mostly_late())
    }

    /// Returns the seconds in which the sender was late, in nanoseconds since the first call: those
    /// of whose calls more than one in a hundred was sent later than `limit`, or than
    /// [`ReplayOutcome::lateness_limit`].
    pub fn late_seconds(&self, limit: Option<Duration>) -> Vec<Range<u64>> {
        self.late_seconds.late(limit.unwrap_or_else(|| self.lateness_limit()))
    }

    /// Returns the excess share of 404 responses over the tape's, 0 to 1.
    pub fn misses(&self) -> f64 {
        (self.answered.share(Some(404)) - self.recorded.share(Some(404))).max(0.0)
    }

    /// Returns true if the excess share of 404 responses is too high.
    pub fn misses_too_many(&self) -> bool {
        self.misses() > MAX_SHARE_DIFFERENCE
    }
}

impl ReplayRefusal {
    /// Returns the lateness with advice, if lateness is the only reason: the numbers can then be
    /// shown with this note.
    pub fn lateness(&self) -> Option<String> {
        let Self::Late { p99, limit } = self else { return None };
        let ms = |time: &Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
        Some(format!(
            "the sender was late itself: one call in a hundred was sent {} late or more, {} are allowed; free the machine, \
             send fewer calls, or give --max-lateness",
            ms(p99),
            ms(limit)
        ))
    }
}

impl fmt::Display for ReplayRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(why) => {
                write!(out, "the run was stopped: {why}; ask less of the target, or give another --stop")
            }
            Self::Late { .. } => write!(out, "nothing is reported, for {}", self.lateness().unwrap_or_default()),
            Self::StatusMix { status, recorded, answered } => write!(
                out,
                "nothing is reported, for the target answers differently: `{}` to {:.1} % of the calls, on the tape {:.1} %; \
                 give it the data and credentials (--header) of the recording",
                status_text(*status),
                answered * 100.0,
                recorded * 100.0
            ),
            Self::Nothing => {
                out.write_str("no call was sent; give a tape with calls, or name their methods by --methods")
            }
        }
    }
}

/// Result of the sending thread.
#[derive(Debug, Default)]
pub(super) struct SendingEnd {
    pub(super) started: Option<SystemTime>,
    pub(super) stopped: Option<String>,
    pub(super) cancelled: Option<String>,
    pub(super) unsent: u64,
    pub(super) cut_off: u64,
}

/// A finished call with its times.
#[derive(Debug)]
pub(super) struct ReplayedCall {
    /// Index of the exchange on the tape.
    pub(super) call: usize,
    /// Number within the plan, from 1.
    number: u64,
    /// Scheduled time. All times are in nanoseconds since the start.
    pub(super) at: u64,
    pub(super) times: ExchangeTimes,
    first_written: Option<u64>,
    pub(super) status: Option<u16>,
    pub(super) size: u64,
    pub(super) failure: Option<ExchangeFailure>,
    pub(super) in_flight: u32,
    pub(super) reused: bool,
}

impl ReplayedCall {
    pub(super) fn new(number: u64, due: ScheduledCall) -> Self {
        Self {
            call: due.call,
            number,
            at: due.at,
            times: ExchangeTimes { received: due.at, ..ExchangeTimes::default() },
            first_written: None,
            status: None,
            size: 0,
            failure: None,
            in_flight: 0,
            reused: false,
        }
    }

    pub(super) fn stamp(&mut self, stamps: &SocketTimes) {
        (self.first_written, self.times.sent) = stamps.written();
        (self.times.first_byte, self.times.last_byte) = stamps.read();
    }

    /// Returns the lateness that the sender caused, without waits for a permit or a connection.
    fn lateness(&self) -> Option<u64> {
        let waited = self.times.permit_wait + self.times.connect;
        Some(self.first_written?.saturating_sub(self.at + waited))
    }

    /// Returns the exchange for the new tape.
    pub(super) fn exchange(&self, original: &Exchange) -> Exchange {
        let body = (self.size > 0).then_some(BodyRef { sha256: None, size: self.size });
        Exchange {
            number: self.number,
            operation: original.operation.clone(),
            request: original.request.clone(),
            response: self.status.map(|status| ExchangeResponse { status, reason: None, headers: Vec::new(), body }),
            failure: self.failure.clone(),
            times: self.times.clone(),
            in_flight: self.in_flight,
            reused: self.reused,
        }
    }
}

/// Maximum recorded time, in nanoseconds: a day.
const MAX_TIME_NANOS: u64 = 86_400_000_000_000;
/// Minimum of the lateness limit.
const MIN_LATENESS_LIMIT: Duration = Duration::from_millis(1);
/// Lateness limit as a share of the median latency.
const LATENESS_LIMIT_SHARE: f64 = 0.05;
/// Share of calls of late seconds from which on nothing is compared.
const MAX_LATE_SHARE: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(recorded: &[(u16, u64)], answered: &[(u16, u64)], late: u64, latency: u64) -> ReplayOutcome {
        let mut outcome = ReplayOutcome::new();
        let mix = |counts: &[(u16, u64)]| {
            counts.iter().map(|(status, count)| (Some(*status), *count)).collect::<StatusCounts>()
        };
        (outcome.recorded, outcome.answered) = (mix(recorded), mix(answered));
        outcome.drawn = (0..outcome.recorded.calls() as usize).collect();
        outcome.sent = 100;
        outcome.lateness.record_n(late, 100).unwrap();
        outcome.latency.record_n(latency, 100).unwrap();
        outcome
    }

    #[test]
    fn a_run_that_was_late_is_refused() {
        let same = &[(200, 100)];
        assert_eq!(outcome(same, same, 900_000, 5_000_000).refusal(None, true), None);
        let late = outcome(same, same, 1_100_000, 5_000_000).refusal(None, true).unwrap();
        assert!(matches!(late, ReplayRefusal::Late { .. }), "{late}");
        assert!(late.to_string().contains("1.10 ms late"), "{late}");
        // 5 % of 40 ms
        assert_eq!(outcome(same, same, 1_900_000, 40_000_000).refusal(None, true), None);
        assert!(outcome(same, same, 900_000, 5_000_000).refusal(Some(Duration::ZERO), true).is_some());
    }

    #[test]
    fn a_comparison_leaves_out_late_seconds_until_they_are_most() {
        for (late, is_refused) in [(100, false), (400, true)] {
            let mut outcome = outcome(&[(200, 100)], &[(200, 100)], 2_000_000, 5_000_000);
            (0..600).for_each(|call| {
                outcome.late_seconds.add(call * 10_000_000, if call < late { 2_000_000 } else { 10_000 });
            });
            assert!(outcome.refusal(None, true).is_some());
            assert_eq!(outcome.refusal_of_comparison(None, true).is_some(), is_refused);
            assert_eq!(outcome.late_seconds(None).len() as u64, late / 100);
        }
    }

    #[test]
    fn another_mix_of_statuses_is_refused() {
        let recorded = &[(200, 990), (404, 10)];
        assert_eq!(outcome(recorded, &[(200, 971), (404, 29)], 0, 1).refusal(None, true), None);
        let differs = outcome(recorded, &[(200, 965), (404, 10), (401, 25)], 0, 1);
        let refused = differs.refusal(None, true).unwrap().to_string();
        assert!(refused.contains("`200` to 96.5 %") || refused.contains("`401` to 2.5 %"), "{refused}");
        assert_eq!(differs.refusal(None, false), None);
        assert!(outcome(recorded, &[(404, 1000)], 0, 1).misses_too_many());
    }

    #[test]
    fn a_mix_may_differ_by_chance() {
        let differs = |recorded: &[(u16, u64)], answered: &[(u16, u64)]| {
            outcome(recorded, answered, 0, 1).refusal(None, true).is_some()
        };
        // a service that fails at random, before and after its first errors of a run
        assert!(!differs(&[(200, 58), (500, 2)], &[(200, 60)]));
        assert!(!differs(&[(200, 586), (500, 24)], &[(200, 565), (500, 40)]));
        assert!(differs(&[(200, 586), (500, 24)], &[(200, 540), (500, 65)]));
        // what the tape does not have
        assert!(differs(&[(200, 60)], &[(200, 58), (401, 2)]));
        // calls that were drawn ten times tell no more of the service than one would
        let mut again = outcome(&[(200, 960), (500, 40)], &[(200, 920), (500, 80)], 0, 1);
        assert!(again.refusal(None, true).is_some());
        again.drawn = (0..100).collect();
        assert_eq!(again.refusal(None, true), None);
    }

    #[test]
    fn a_stopped_run_and_an_empty_one_are_refused() {
        let mut stopped = outcome(&[(200, 1)], &[(200, 1)], 0, 1);
        stopped.stopped = Some("too slow".to_owned());
        assert!(stopped.refusal(None, true).unwrap().to_string().contains("too slow"));
        let mut nothing = outcome(&[], &[], 0, 1);
        nothing.sent = 0;
        assert_eq!(nothing.refusal(None, true), Some(ReplayRefusal::Nothing));
    }
}
