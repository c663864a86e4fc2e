//! What differs, probably why, and what to do next: in words, from the facts alone.
//!
//! A comparison shows effects, and one effect may have several causes: these are the likely ones, by what a queue, a limit, a
//! demand or a stall does to latencies from calm to busy. They are told in the order in which they should be dealt with.

mod latency;

use serde::Serialize;

use super::capacity::{Served, Station};
use super::facts::{Facts, Shift};
use super::text::signed;

/// A likely cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// Which: the name stays as it is when the words change.
    pub kind: CauseKind,
    /// What differs, probably why, and what to do next.
    pub sentence: String,
}

/// The causes that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CauseKind {
    /// The mock was too slow itself.
    MockTooSlow,
    /// Calls got no answer from the mock.
    Unanswered,
    /// The service turned calls away that came too fast (429).
    RateLimitMissing,
    /// The service turned calls away that found its queue full (503).
    QueueLimitMissing,
    /// The service failed more often.
    FailuresMissing,
    /// The mock failed more often.
    FailuresAdded,
    /// The mock was served without a profile.
    NoProfile,
    /// Latencies differ alike at every load: calls demand something else.
    Demand,
    /// The load is beyond what the profile was learned from.
    BeyondValid,
    /// The mock has no queue.
    NoQueue,
    /// The mock waits too little when busy.
    CapacityTooHigh,
    /// The mock waits too much when busy.
    CapacityTooLow,
    /// Typical calls agree, slow ones do not.
    Tail,
    /// Typical calls and slow ones differ in opposite ways.
    Spread,
    /// None of these.
    Unclear,
}

impl Facts {
    /// The likely causes, three at most; none if nothing differs.
    pub(super) fn causes(&self) -> Vec<Cause> {
        let mut causes: Vec<Cause> = self.too_slow().into_iter().collect();
        if self.differs {
            causes.extend(self.errors.iter().map(|shift| self.error(shift)).take(MOST_ERRORS));
            causes.extend(self.latency());
            if causes.is_empty() {
                causes.push(self.unclear());
            }
        }
        causes.truncate(MOST);
        causes
    }

    fn too_slow(&self) -> Option<Cause> {
        (self.left_out >= LEFT_OUT).then(|| {
            let share = percent(self.left_out);
            cause(
                CauseKind::MockTooSlow,
                format!(
                    "the mock itself was too slow for {share} of its calls, which are left out, so less is known of the rest: this machine \
                     had too much to do; give it less, or another one, and compare again"
                ),
            )
        })
    }

    fn error(&self, shift: &Shift) -> Cause {
        let Shift { status, reference, mock } = shift;
        let (of, served) = (self.of(), self.served);
        let came = format!(
            "{} came to {} of the calls{of} with {}, to {} with {}",
            told(status),
            percent(*mock),
            self.mock,
            percent(*reference),
            self.reference
        );
        let is_missing = mock < reference;
        let has = |known: fn(&Station) -> bool| self.station.as_ref().is_some_and(known);
        let (kind, why) = match (status.as_str(), is_missing) {
            ("429", true) if has(|station| station.rate_limit.is_some()) => (
                CauseKind::RateLimitMissing,
                "the `rateLimit` of the profile lets too many through; record at this rate and fit again",
            ),
            ("429", true) => (
                CauseKind::RateLimitMissing,
                "a rate limit is missing; record at this rate and fit again, or give the profile a `rateLimit`",
            ),
            ("503", true) if !has(|station| station.is_bounded) => (
                CauseKind::QueueLimitMissing,
                "the service turns calls away when too many wait and the mock does not; record at this load and fit again, or give the profile's `queue` a bound",
            ),
            ("none", false) => (
                CauseKind::Unanswered,
                "the mock gave up calls or broke connections; look at its log and for a `fault` in its stubs",
            ),
            (_, true) => (
                CauseKind::FailuresMissing,
                "it was rare or missing in what the mock was made from; record longer and fit again, or give the operation a class of that status",
            ),
            (_, false) => (
                CauseKind::FailuresAdded,
                "the service was healthier than when it was recorded, or a queue or limit of the mock is too tight; record at this load and fit again",
            ),
        };
        let why =
            if served == Served::Elsewhere { "look for what changed in its limits and errors in between" } else { why };
        cause(kind, format!("{came}: {why}"))
    }

    fn unclear(&self) -> Cause {
        let off = self
            .loads
            .iter()
            .filter_map(|load| Some((load, load.largest()?)))
            .max_by(|one, other| one.1.1.abs().total_cmp(&other.1.1.abs()));
        let most = off
            .map(|(load, (percent, log))| format!(" (most: p{percent} {} at load {})", signed(log), load.name))
            .unwrap_or_default();
        let repeat = if self.served == Served::Elsewhere { "five tapes a side" } else { "`--runs 5`" };
        cause(
            CauseKind::Unclear,
            format!(
                "what differs{}{most} has no one likely cause: look at the rows that are over, and repeat with {repeat} to see whether it stays",
                self.of()
            ),
        )
    }

    /// Of what, if only one operation of several differs.
    fn of(&self) -> String {
        self.only.as_ref().map(|operation| format!(" for {operation}")).unwrap_or_default()
    }
}

fn told(status: &str) -> String {
    if status == "none" { "no answer".to_owned() } else { format!("status {status}") }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 10.0 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

fn cause(kind: CauseKind, sentence: String) -> Cause {
    Cause { kind, sentence }
}

/// Sentences.
const MOST: usize = 3;
/// Of these, statuses.
const MOST_ERRORS: usize = 2;
/// A share of calls that are left out which must be told.
const LEFT_OUT: f64 = 0.2;
#[cfg(test)]
mod tests;
