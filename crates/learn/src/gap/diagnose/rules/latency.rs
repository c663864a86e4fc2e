//! Rules on latencies from calm to busy: causes in the demand of the calls, in their queue, or in
//! rare events.

use crate::gap::capacity::{MockKind, StationCapacity};
use crate::gap::diagnose::evidence::{ConstantTime, Evidence, FirstDifference, LoadEvidence, PercentileDifference};
use crate::gap::diagnose::rules::{Cause, CauseKind, spaced};
use crate::gap::format::{signed, the};
use standin_text::{milliseconds, percent};

impl Evidence {
    /// Returns the likely cause of the differences in latency.
    pub(crate) fn latency(&self) -> Vec<Cause> {
        let (Some(calm), Some(busy)) = (self.loads.first(), self.loads.last()) else { return Vec::new() };
        if !self.loads.iter().any(LoadEvidence::differs) {
            return Vec::new();
        }
        if self.served == MockKind::Unpaced {
            return vec![self.without_profile()];
        }
        let cause = self
            .constant
            .map(|constant| self.fixed(constant))
            .or_else(|| self.alike().map(|log| self.demand(log, "by about the same")))
            .or_else(|| self.first.as_ref().map(|first| self.behind(first)))
            .or_else(|| self.with_a_tail().and_then(|load| self.tail(load)))
            .or_else(|| self.grows(calm, busy).then(|| self.more_when_busy(calm, busy)))
            .or_else(|| self.shape());
        cause.or_else(|| self.errors.is_empty().then(|| self.unclear())).into_iter().collect()
    }

    fn without_profile(&self) -> Cause {
        let off = self
            .loads
            .iter()
            .filter_map(LoadEvidence::largest)
            .max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()));
        let off = off.map(|(percent, log)| format!(" (p{percent} {})", signed(log))).unwrap_or_default();
        Cause::new(
            CauseKind::NoProfile,
            &format!("the mock was served without a profile{off}"),
            "its answers take what its stubs say and never wait for each other",
            "run `standin fit` and compare again",
        )
    }

    /// Returns the cause for a mock whose latency is constant while the service's varies.
    fn fixed(&self, ConstantTime { least, most }: ConstantTime) -> Cause {
        let (mock, of) = (the("mock", &self.mock), self.of());
        let time = match (milliseconds(least), milliseconds(most)) {
            (least, most) if least == most => format!("about {least} ms"),
            (least, most) => format!("the same time by operation, {least} to {most} ms"),
        };
        let next = if self.served == MockKind::Profile {
            "record with calls at several loads and fit again"
        } else {
            "use a fitted profile (`standin fit`) instead of a fixed delay"
        };
        Cause::new(
            CauseKind::Constant,
            &format!("{mock} answers everything{of} in {time}, busy or not, and the service does not"),
            "its delay is fixed",
            next,
        )
    }

    /// Returns the cause for one operation that differs by itself, while others differ only when it
    /// is busy.
    fn behind(&self, first: &FirstDifference) -> Cause {
        let FirstDifference { operation, percent, log } = first;
        let how = how(*log);
        let when = self.loads.first().map(|load| load.when.clone()).unwrap_or_default();
        let why = format!(
            "the others become {how} only when it is busier, probably because they wait behind it{}",
            if *log < 0.0 { " for less long" } else { "" }
        );
        let look = match (self.served, *log < 0.0) {
            (MockKind::Tape, _) => "look for what changed in it",
            (_, true) => "it demands too little: record again and fit",
            (_, false) => "it demands too much: look for delays of its stubs, or record again and fit",
        };
        let mock = the("mock", &self.mock);
        let what = format!("{when}, only {operation} is {how} with {mock} (p{percent} {})", signed(*log));
        let cause = Cause::new(CauseKind::Demand, &what, &why, &format!("start with {operation}: {look}"));
        Cause { operation: Some(operation.clone()), ..cause }
    }

    /// Returns the common difference of latencies, as a logarithm, if they differ alike at every
    /// load and percentile within the noise. The mean is weighted by the inverse square of the
    /// noise.
    fn alike(&self) -> Option<f64> {
        let all = || self.loads.iter().flat_map(|load| load.off.each()).filter_map(|(_, off)| off);
        let noise = |off: &PercentileDifference| off.noise.clamp(MIN_NOISE, MAX_NOISE);
        let typical = self.loads.iter().any(|load| load.off.p50.is_some_and(|off| off.matters));
        let (sum, weights) = all().fold((0.0, 0.0), |(sum, weights), off| {
            let weight = noise(&off).powi(-2);
            (sum + off.log * weight, weights + weight)
        });
        let mean = sum / if weights > 0.0 { weights } else { 1.0 };
        let is_near = |off: PercentileDifference| {
            (off.log - mean).abs() <= (ALIKE_TOLERANCE * mean.abs()).max(noise(&off).min(off.noise))
        };
        (typical && all().all(is_near)).then_some(mean)
    }

    /// Returns the calmest load, except the busiest, at which slow answers differ far more than
    /// typical ones. If demands vary, waiting makes typical answers longer as well; if they do not,
    /// it shows in slow answers alone, but not at a low utilization.
    fn with_a_tail(&self) -> Option<&LoadEvidence> {
        let (_, before) = self.loads.split_last()?;
        before.iter().find(|load| {
            let waits = load.utilization.is_none_or(|used| used >= MIN_WAITING_UTILIZATION);
            let varies = load.spread.is_some_and(|spread| spread >= MIN_SPREAD);
            let typical = load.off.p50.map_or(0.0, |off| off.log.abs());
            (varies || !waits) && load.end().is_some_and(|(_, off)| off.log.abs() >= TAIL_FACTOR * typical)
        })
    }

    /// Returns true if the busiest load differs, or differs most by far.
    fn grows(&self, calm: &LoadEvidence, busy: &LoadEvidence) -> bool {
        let slow = |load: &LoadEvidence| load.slow().map_or(0.0, |(_, off)| off.log.abs());
        let matters = busy.slow().is_some_and(|(_, off)| off.matters) || busy.throughput.is_some();
        let is_busy = busy.utilization.is_some_and(|used| used >= MIN_BUSY_UTILIZATION);
        let stands_out = self.loads.len() > 1 && slow(busy) >= GROWTH_FACTOR * slow(calm);
        let typical_is_right = !busy.off.p50.is_some_and(|off| off.matters);
        // where there is one load alone, waiting shows at every percentile and at a load at which
        // calls wait
        matters && (stands_out || (self.loads.len() == 1 && is_busy && !typical_is_right) || busy.throughput.is_some())
    }

    /// Returns the cause of a difference that grows with the load: a longer demand if the calm
    /// difference explains the busy one and all calm percentiles show it, otherwise the queue.
    fn more_when_busy(&self, calm: &LoadEvidence, busy: &LoadEvidence) -> Cause {
        let typical = calm.off.p50.filter(|off| off.matters && self.loads.len() > 1).map(|off| off.log);
        let slow: Vec<f64> = [calm.off.p90, calm.off.p95].into_iter().flatten().map(|off| off.log).collect();
        let agrees = |log: f64| {
            let slow = slow.iter().sum::<f64>() / slow.len().max(1) as f64;
            slow.signum() == log.signum() && slow.abs() >= log.abs() * MIN_AGREEMENT
        };
        let explains = |log: f64| {
            busy.slow().is_some_and(|(_, off)| {
                off.log.signum() == log.signum() && log.abs() >= off.log.abs() * MIN_EXPLAINED_SHARE
            })
        };
        match typical.filter(|log| explains(*log) && agrees(*log)) {
            Some(log) => self.demand(log, "most when busy, but also when calm"),
            None => self.when_busy(busy),
        }
    }

    fn demand(&self, log: f64, by: &str) -> Cause {
        let loads = if self.loads.len() > 1 { "at every load" } else { "at every percentile" };
        let (why, next) = match (self.served, log > 0.0) {
            (MockKind::Tape, true) => (
                "probably the calls themselves take longer, and not their queue",
                "look for what changed in the service or on the way to it",
            ),
            (MockKind::Tape, false) => (
                "probably the calls themselves are done sooner, and not their queue",
                "look for what changed in the service or on the way to it",
            ),
            (_, true) => (
                "probably its calls demand too much",
                "look for delays of stubs, which come on top of the profile, or record again, as the service may have become faster",
            ),
            (_, false) => (
                "probably its calls demand too little",
                "record again and fit, as the service may have become slower or lie further away",
            ),
        };
        let (mock, how, of) = (the("mock", &self.mock), how(log), self.of());
        Cause::new(CauseKind::Demand, &format!("{mock} is {how}{of} {loads}, {by} ({})", signed(log)), why, next)
    }

    fn when_busy(&self, busy: &LoadEvidence) -> Cause {
        let (percent_off, off) = busy.slow().unwrap_or((95, PercentileDifference::default()));
        // more that gets done is less that waits
        let log = busy.throughput.map_or(off.log, |more| if off.matters { off.log } else { -more });
        let numbers = match busy.throughput {
            Some(more) if !off.matters => format!("{} answers a second", signed(more)),
            _ => format!("p{percent_off} {}", signed(off.log)),
        };
        let at = match busy.utilization.filter(|used| *used > 0.0) {
            Some(used) => format!(" at {} of the capacity", percent(used)),
            None => spaced(&busy.when),
        };
        let (mock, of, how) = (the("mock", &self.mock), self.of(), how(log));
        let what = format!("{mock} is {how}{of} when busy ({numbers}{at})");
        let ramp = "record a ramp (`standin record --ramp`) and fit again";
        let (kind, why, next) = match (&self.station, log < 0.0) {
            (Some(station), true) if station.workers.is_none() => (
                CauseKind::NoQueue,
                "no queue was fitted, so its calls never wait for each other".to_owned(),
                "record at a higher rate (`standin record --ramp`) and fit again",
            ),
            (Some(station), _) if beyond(station, busy).is_some() => (
                CauseKind::BeyondValid,
                format!(
                    "the profile was learned from {} at most and had to guess",
                    beyond(station, busy).unwrap_or_default()
                ),
                "record at this load (`standin record --ramp`) and fit again",
            ),
            (Some(station), true) => (
                CauseKind::CapacityTooHigh,
                format!("probably its {} are too many, or calls share them otherwise", workers(station)),
                ramp,
            ),
            (Some(station), false) => (
                CauseKind::CapacityTooLow,
                format!("probably its {} are too few, or calls share them otherwise", workers(station)),
                ramp,
            ),
            (None, more) => (
                if more { CauseKind::CapacityTooHigh } else { CauseKind::CapacityTooLow },
                format!("probably it has {} capacity", if more { "more" } else { "less" }),
                "compare what `standin fit` finds for each of the two: it shows how their workers differ",
            ),
        };
        Cause::new(kind, &what, &why, next)
    }

    /// Returns a cause in the shape of the distribution, if load does not explain the difference.
    fn shape(&self) -> Option<Cause> {
        let load = self.loads.iter().max_by(|one, other| {
            let size = |load: &LoadEvidence| load.largest().map_or(0.0, |(_, log)| log.abs());
            size(one).total_cmp(&size(other))
        })?;
        let typical = load.off.p50.unwrap_or_default();
        let (_, slow) = load.slowest()?;
        // typical answers that are off in the same way are no matter of the tail
        (!typical.matters || typical.log.signum() != slow.log.signum()).then(|| self.tail(load)).flatten()
    }

    /// Returns a cause for a load at which slow answers differ otherwise than typical ones.
    fn tail(&self, load: &LoadEvidence) -> Option<Cause> {
        let typical = load.off.p50.unwrap_or_default();
        let (slow_percent, slow) = load.slowest()?;
        let shorter = slow.log < 0.0;
        let how = if shorter { "shorter" } else { "longer" };
        let (why, next) = match (self.served, shorter) {
            (MockKind::Tape, _) => (
                if shorter {
                    "probably something that the service does now and then, such as a stall or a retry, does not happen there"
                } else {
                    "probably something happens there now and then, such as stalls, retries or cold caches"
                },
                "look for what is rare on one side alone, and at peaks of one line alone over time",
            ),
            (_, true) if self.station.as_ref().is_some_and(|station| !station.stalls) => (
                "the profile has no stalls or rare slow classes",
                "record longer, so that `fit` sees them, and look for operations of several kinds",
            ),
            (_, true) => ("probably what is slow is rare in the recording", "record longer and fit again"),
            (_, false) => ("probably slow spells of the recording did not come again", "record longer and fit again"),
        };
        let (when, of, mock) = (spaced(&load.when), self.of(), the("mock", &self.mock));
        let (kind, what) = if typical.matters && typical.log.signum() != slow.log.signum() {
            let what = format!(
                "with {mock}, typical calls{of} are {} and slow ones {how}{when} (p50 {}, p{slow_percent} {})",
                if typical.log < 0.0 { "shorter" } else { "longer" },
                signed(typical.log),
                signed(slow.log)
            );
            (CauseKind::Spread, what)
        } else {
            let nearly = if typical.matters { "nearly agree" } else { "agree" };
            let what = format!(
                "with {mock}, typical calls{of} {nearly} and the slowest are {how}{when} (p50 {}, p{slow_percent} {})",
                signed(typical.log),
                signed(slow.log)
            );
            (CauseKind::Tail, what)
        };
        Some(Cause::new(kind, &what, why, next))
    }
}

/// Returns the valid range of the model, if a load is beyond it.
fn beyond(station: &StationCapacity, load: &LoadEvidence) -> Option<String> {
    let used = station.valid.utilization.zip(load.utilization).filter(|(most, used)| *used > most * VALID_RANGE_FACTOR);
    if let Some((most, _)) = used {
        return Some(format!("{} of the capacity", percent(most)));
    }
    let rate = station.valid.per_second.filter(|most| load.most_per_second > most * VALID_RANGE_FACTOR);
    rate.map(|most| format!("{most:.0} calls a second"))
}

fn workers(station: &StationCapacity) -> String {
    format!("{:.0} workers", station.workers.unwrap_or_default())
}

fn how(log: f64) -> &'static str {
    if log < 0.0 { "faster" } else { "slower" }
}

/// The relative deviation from their mean within which logarithms are alike, and the bounds of the
/// noise.
const ALIKE_TOLERANCE: f64 = 0.35;
const MIN_NOISE: f64 = 0.02;
const MAX_NOISE: f64 = 3.0;
/// The share of its capacity from which on calls of a service wait for each other often.
const MIN_BUSY_UTILIZATION: f64 = 0.5;
/// Up to this one they hardly do, however alike their demands are.
const MIN_WAITING_UTILIZATION: f64 = 0.3;
/// A load stands out that differs by so many times as much as the calmest.
const GROWTH_FACTOR: f64 = 2.0;
/// The factor by which the slow end must differ more than typical answers to count by itself.
const TAIL_FACTOR: f64 = 3.0;
/// The p95 of a service whose calls demand different times, by its p50, as a logarithm.
const MIN_SPREAD: f64 = 0.4;
/// The share of the busy difference that a calm one must explain: a longer demand has about ten
/// times the effect at 90 % of the capacity.
const MIN_EXPLAINED_SHARE: f64 = 0.1;
/// Calm answers agree whose slow ones are off by so much of what typical ones are.
const MIN_AGREEMENT: f64 = 0.5;
/// The factor by which a load may exceed the valid range of a model.
const VALID_RANGE_FACTOR: f64 = 1.1;
