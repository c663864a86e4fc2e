//! What differs, probably why, and what to do next: in words, from the facts alone.
//!
//! A comparison shows effects, and one effect may have several causes: these are the likely ones, by what a queue, a limit, a
//! demand or a stall does to latencies from calm to busy. They are told in the order in which they should be dealt with.

use serde::Serialize;

use super::capacity::{Served, Station};
use super::facts::{Facts, Load, Off, Shift};
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

    fn latency(&self) -> Vec<Cause> {
        let (Some(calm), Some(busy)) = (self.loads.first(), self.loads.last()) else { return Vec::new() };
        if !self.loads.iter().any(Load::differs) {
            return Vec::new();
        }
        if self.served == Served::Bare {
            let off =
                self.loads.iter().filter_map(Load::largest).max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()));
            let off = off.map(|(percent, log)| format!(" (p{percent} {})", signed(log))).unwrap_or_default();
            let sentence = format!(
                "the mock was served without a profile, so its answers take what its stubs say and never wait for each other{off}; run \
                 `standin fit` and compare again"
            );
            return vec![cause(CauseKind::NoProfile, sentence)];
        }
        let calm_differs = calm.off.p50.filter(|off| off.matters).map(|off| off.log);
        let as_when_busy = |log: &f64| busy.slow().is_some_and(|(_, off)| off.log.signum() == log.signum());
        let cause = match self.alike() {
            Some(log) => Some(self.demand(log, "by about the same")),
            None if self.grows(calm, busy) => Some(match calm_differs.filter(as_when_busy) {
                // where hardly anything waits it is the calls themselves, and waiting makes more of it
                Some(log) if self.loads.len() > 1 => self.demand(log, "most when busy, but also when calm"),
                _ => self.when_busy(busy),
            }),
            None => self.shape(),
        };
        cause.or_else(|| self.errors.is_empty().then(|| self.unclear())).into_iter().collect()
    }

    /// By how much latencies differ where they do so alike at every load and percentile.
    fn alike(&self) -> Option<f64> {
        let logs: Vec<f64> =
            self.loads.iter().flat_map(|load| load.off.each()).filter_map(|(_, off)| Some(off?.log)).collect();
        let typical = self.loads.iter().any(|load| load.off.p50.is_some_and(|off| off.matters));
        let (least, most) = logs
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), log| (least.min(*log), most.max(*log)));
        let mean = logs.iter().sum::<f64>() / logs.len().max(1) as f64;
        (typical && most - least <= ALIKE * mean.abs()).then_some(mean)
    }

    /// Whether it is the busiest load that differs, or differs most by far.
    fn grows(&self, calm: &Load, busy: &Load) -> bool {
        let slow = |load: &Load| load.slow().map_or(0.0, |(_, off)| off.log.abs());
        let matters = busy.slow().is_some_and(|(_, off)| off.matters) || busy.throughput.is_some();
        let is_busy = busy.utilization.is_some_and(|used| used >= BUSY);
        let stands_out = self.loads.len() > 1 && slow(busy) >= TIMES * slow(calm);
        let typical_is_right = !busy.off.p50.is_some_and(|off| off.matters);
        // where there is one load alone, waiting shows at every percentile and at a load at which calls wait
        matters && (stands_out || (self.loads.len() == 1 && is_busy && !typical_is_right) || busy.throughput.is_some())
    }

    fn demand(&self, log: f64, by: &str) -> Cause {
        let how = if log > 0.0 { "slower" } else { "faster" };
        let loads = if self.loads.len() > 1 { "at every load" } else { "at every percentile" };
        let why = match self.served {
            Served::Elsewhere => {
                "the calls themselves take longer or shorter, not their queue; look for what changed in the service or on the way to it"
            }
            _ if log > 0.0 => {
                "its calls demand too much; look for delays of stubs, which come on top of the profile, or record again, as the service may have become faster"
            }
            _ => {
                "its calls demand too little; record again and fit, as the service may have become slower or lie further away"
            }
        };
        cause(CauseKind::Demand, format!("{} is {how}{} {loads}, {by} ({}): {why}", self.mock, self.of(), signed(log)))
    }

    fn when_busy(&self, busy: &Load) -> Cause {
        let (percent_off, off) = busy.slow().unwrap_or((95, Off::default()));
        // more that gets done is less that waits
        let log = busy.throughput.map_or(off.log, |more| if off.matters { off.log } else { -more });
        let how = if log < 0.0 { "faster" } else { "slower" };
        let numbers = match busy.throughput {
            Some(more) if !off.matters => format!("{} answers a second", signed(more)),
            _ => format!("p{percent_off} {}", signed(off.log)),
        };
        let at = match busy.utilization.filter(|used| *used > 0.0) {
            Some(used) => format!("at {} of the capacity", percent(used)),
            None => format!("at load {}", busy.name),
        };
        let what = format!("{} is {how}{} when busy ({numbers} {at})", self.mock, self.of());
        let (kind, why) = match (&self.station, log < 0.0) {
            (Some(station), true) if station.workers.is_none() => (
                CauseKind::NoQueue,
                "no queue was fitted, so its calls never wait for each other; record at a higher rate (`standin record --ramp`) and fit again".to_owned(),
            ),
            (Some(station), _) if beyond(station, busy).is_some() => (
                CauseKind::BeyondValid,
                format!(
                    "the profile was learned from {} at most and had to guess; record at this load (`standin record --ramp`) and fit again",
                    beyond(station, busy).unwrap_or_default()
                ),
            ),
            (Some(station), true) => (
                CauseKind::CapacityTooHigh,
                format!("its {} are too many, or calls share them otherwise; record a ramp (`standin record --ramp`) and fit again", workers(station)),
            ),
            (Some(station), false) => (
                CauseKind::CapacityTooLow,
                format!("its {} are too few, or calls share them otherwise; record a ramp (`standin record --ramp`) and fit again", workers(station)),
            ),
            (None, true) => (CauseKind::CapacityTooHigh, "it has more capacity; `standin fit` on both tapes shows how their workers differ".to_owned()),
            (None, false) => (CauseKind::CapacityTooLow, "it has less capacity; `standin fit` on both tapes shows how their workers differ".to_owned()),
        };
        cause(kind, format!("{what}: {why}"))
    }

    /// What is wrong with the shape of the distribution, where load does not explain it.
    fn shape(&self) -> Option<Cause> {
        let load = self.loads.iter().max_by(|one, other| {
            let size = |load: &Load| load.largest().map_or(0.0, |(_, log)| log.abs());
            size(one).total_cmp(&size(other))
        })?;
        let typical = load.off.p50.unwrap_or_default();
        let (slow_percent, slow) = load.slowest().filter(|(_, off)| off.matters)?;
        let (how, why) = match (self.served, slow.log < 0.0) {
            (Served::Elsewhere, shorter) => (
                if shorter { "shorter" } else { "longer" },
                "look for what happens rarely on one side alone, such as stalls, retries or cold caches",
            ),
            (_, true) if self.station.as_ref().is_some_and(|station| !station.stalls) => (
                "shorter",
                "the profile has no stalls or rare slow classes; record longer, so that `fit` sees them, and look for operations of several kinds",
            ),
            (_, true) => ("shorter", "what is slow is rare in the recording; record longer and fit again"),
            (_, false) => ("longer", "slow spells of the recording did not come again; record longer and fit again"),
        };
        let at = format!("at load {}", load.name);
        let of = self.of();
        let (kind, what) = if typical.matters && typical.log.signum() != slow.log.signum() {
            let what = format!(
                "typical calls{of} are {} and slow ones {how} {at} (p50 {}, p{slow_percent} {})",
                if typical.log < 0.0 { "shorter" } else { "longer" },
                signed(typical.log),
                signed(slow.log)
            );
            (CauseKind::Spread, what)
        } else if typical.matters {
            return None;
        } else {
            (
                CauseKind::Tail,
                format!(
                    "typical calls{of} agree and the slowest are {how} {at} (p{slow_percent} {})",
                    signed(slow.log)
                ),
            )
        };
        Some(cause(kind, format!("{what}: {why}")))
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
        cause(
            CauseKind::Unclear,
            format!(
                "what differs{}{most} has no one likely cause: look at the rows that are over, and repeat with `--runs 5` to see whether it stays",
                self.of()
            ),
        )
    }

    /// Of what, if only one operation of several differs.
    fn of(&self) -> String {
        self.only.as_ref().map(|operation| format!(" of {operation}")).unwrap_or_default()
    }
}

impl Load {
    fn differs(&self) -> bool {
        self.throughput.is_some() || self.off.each().iter().any(|(_, off)| off.is_some_and(|off| off.matters))
    }

    /// The percentile that shows waiting best, of those there are calls for.
    fn slow(&self) -> Option<(u32, Off)> {
        [(95, self.off.p95), (90, self.off.p90), (50, self.off.p50)]
            .into_iter()
            .find_map(|(percent, off)| Some((percent, off?)))
    }

    /// The highest percentile that there are calls for.
    fn slowest(&self) -> Option<(u32, Off)> {
        self.off
            .each()
            .into_iter()
            .rev()
            .find_map(|(percent, off)| Some((percent, off?)).filter(|(_, off)| off.matters && percent > 50))
    }

    /// The percentile that is furthest off of those that matter.
    fn largest(&self) -> Option<(u32, f64)> {
        let that_matter = self
            .off
            .each()
            .into_iter()
            .filter_map(|(percent, off)| Some((percent, off.filter(|off| off.matters)?.log)));
        that_matter.max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()))
    }
}

/// What the model was learned from, if a load is beyond it.
fn beyond(station: &Station, load: &Load) -> Option<String> {
    let used = station.valid.utilization.zip(load.utilization).filter(|(most, used)| *used > most * BEYOND);
    if let Some((most, _)) = used {
        return Some(format!("{} of the capacity", percent(most)));
    }
    let rate = station.valid.per_second.filter(|most| load.most_per_second > most * BEYOND);
    rate.map(|most| format!("{most:.0} calls a second"))
}

fn workers(station: &Station) -> String {
    format!("{:.0} workers", station.workers.unwrap_or_default())
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
/// The range of logarithms that are alike, by their mean.
const ALIKE: f64 = 0.7;
/// The share of its capacity from which on calls of a service wait for each other often.
const BUSY: f64 = 0.5;
/// A load stands out that differs by so many times as much as the calmest.
const TIMES: f64 = 2.0;
/// By how much a load may exceed what a model was learned from.
const BEYOND: f64 = 1.1;

#[cfg(test)]
mod tests;
