//! Rules that map the evidence to likely causes, each with a next step.
//!
//! A comparison shows effects, and one effect may have several causes. These are the likely ones,
//! by what a queue, a limit, a demand or a stall does to latencies from calm to busy, in the order
//! in which they should be dealt with.

mod latency;
mod loads;

use serde::Serialize;

use crate::gap::capacity::{MockKind, StationCapacity};
use crate::gap::diagnose::evidence::{Evidence, StatusShift};
use crate::gap::format::signed;
use standin_text::percent;

/// A likely cause of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// The kind, a stable name.
    pub kind: CauseKind,
    /// The difference, its likely cause, and the next step.
    pub sentence: String,
    /// The next step alone.
    pub next: String,
    /// The operation to begin with, where one stands out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The difference and its likely cause.
    #[serde(skip)]
    pub(crate) why: String,
}

/// The causes that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CauseKind {
    /// The mock itself, or the sender, was late.
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
    /// The mock answers everything in the same time, and the service does not.
    Constant,
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
    /// None of the rules applies.
    Unclear,
}

impl Evidence {
    /// Returns the likely causes: at most three, none if nothing differs.
    pub(crate) fn causes(&self) -> Vec<Cause> {
        let mut causes: Vec<Cause> = self.too_slow().into_iter().collect();
        if self.differs {
            causes.extend(self.errors.iter().map(|shift| self.error(shift)).take(MAX_STATUS_CAUSES));
            causes.extend(self.latency());
            if causes.is_empty() {
                causes.push(self.unclear());
            }
        }
        causes.truncate(MAX_CAUSES);
        causes
    }

    fn too_slow(&self) -> Option<Cause> {
        (self.left_out >= MIN_LEFT_OUT_SHARE).then(|| {
            let share = percent(self.left_out);
            Cause::new(
                CauseKind::MockTooSlow,
                &format!("the mock itself or the sender was late for {share} of the calls, which are left out, so less is known of the rest"),
                "this machine had too much to do",
                "give it less, or use another one, and compare again",
            )
        })
    }

    fn error(&self, shift: &StatusShift) -> Cause {
        let StatusShift { status, reference, mock } = shift;
        let came = format!(
            "{} came to {} of the calls{} with the mock, to {} with the service",
            told(status),
            percent(*mock),
            self.of(),
            percent(*reference),
        );
        let is_missing = mock < reference;
        let has = |known: fn(&StationCapacity) -> bool| self.station.as_ref().is_some_and(known);
        let (kind, why, next) = match (status.as_str(), is_missing) {
            ("429", true) if has(|station| station.rate_limit.is_some()) => (
                CauseKind::RateLimitMissing,
                "probably the `rateLimit` of the profile lets too many through",
                "record at this rate and fit again",
            ),
            ("429", true) => (
                CauseKind::RateLimitMissing,
                "probably a rate limit is missing",
                "record at this rate and fit again, or give the profile a `rateLimit`",
            ),
            ("503", true) if !has(|station| station.is_bounded) => (
                CauseKind::QueueLimitMissing,
                "probably the service turns calls away when too many wait, and the mock does not",
                "record at this load and fit again, or give the profile's `queue` a bound",
            ),
            ("none", false) => (
                CauseKind::Unanswered,
                "the mock gave up calls or broke connections",
                "look at its log and for a `fault` in its stubs",
            ),
            (_, true) => (
                CauseKind::FailuresMissing,
                "probably it was rare or missing in what the mock was made from",
                "record longer and fit again, or give the operation a class of that status",
            ),
            (_, false) => (
                CauseKind::FailuresAdded,
                "probably the service was healthier than when it was recorded, or a queue or limit of the mock is too tight",
                "record at this load and fit again",
            ),
        };
        if self.served == MockKind::Tape {
            let why = if is_missing {
                "probably the service was in trouble, or has a limit that the mock has not"
            } else {
                "probably the mock has a limit or an error that the service has not"
            };
            return Cause::new(kind, &came, why, "look for what differs in their limits, and at the errors themselves");
        }
        Cause::new(kind, &came, why, next)
    }

    fn unclear(&self) -> Cause {
        let off = self
            .loads
            .iter()
            .filter_map(|load| Some((load, load.largest()?)))
            .max_by(|one, other| one.1.1.abs().total_cmp(&other.1.1.abs()));
        let most = off
            .map(|(load, (percent, log))| format!(" (most: p{percent} {}{})", signed(log), spaced(&load.when)))
            .unwrap_or_default();
        let repeat = match (self.runs >= MIN_RUNS, self.served) {
            (true, _) => "",
            (false, MockKind::Tape) => ", and compare five recordings a side to see whether it stays",
            (false, _) => ", and repeat with `--runs 5` to see whether it stays",
        };
        let why = format!("what differs{}{most} has no one likely cause", self.of());
        let next = format!("look at the rows that are over, where the lines of the page part{repeat}");
        Cause { kind: CauseKind::Unclear, sentence: format!("{why}: {next}"), next, operation: None, why }
    }

    /// Returns ` for OPERATION` if only one of several operations differs.
    fn of(&self) -> String {
        self.only.as_ref().map(|operation| format!(" for {operation}")).unwrap_or_default()
    }
}

fn told(status: &str) -> String {
    if status == "none" { "no answer".to_owned() } else { format!("status {status}") }
}

/// Returns a part of a sentence with a space before it; empty if it is empty.
fn spaced(part: &str) -> String {
    if part.is_empty() { String::new() } else { format!(" {part}") }
}

impl Cause {
    fn new(kind: CauseKind, what: &str, why: &str, next: &str) -> Self {
        let why = format!("{what}: {why}");
        Self { kind, sentence: format!("{why}; {next}"), next: next.to_owned(), operation: None, why }
    }
}

/// The maximum number of causes.
const MAX_CAUSES: usize = 3;
/// The maximum number of causes in statuses.
const MAX_STATUS_CAUSES: usize = 2;
/// A share of calls that are left out which must be told.
const MIN_LEFT_OUT_SHARE: f64 = 0.2;
/// So many runs a side are not repeated once more.
const MIN_RUNS: usize = 5;
#[cfg(test)]
mod tests;
