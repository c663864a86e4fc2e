//! Tails of demand tables beyond the sample: the demands of a service do not end at the slowest
//! call that was recorded.
//!
//! Above a high threshold the excesses of most distributions are close to a generalized Pareto
//! distribution (Pickands, *Statistical inference using extreme order statistics*, 1975). It is
//! fitted by probability-weighted moments (Hosking and Wallis, *Parameter and quantile estimation
//! for the generalized Pareto distribution*, Technometrics 29, 1987). What the sample determines
//! stays, including the mean. Where the tail may as well end at the slowest call, the table ends
//! there.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::fit::demand::quantile_table::{log_linear_area, percentile_name};
use crate::fit::time;
use standin_model::stats::{mean, quantile};

/// Extrapolated part of a demand table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tail {
    /// Share (0 to 1) above which the table follows the fitted tail instead of the sample.
    #[serde(serialize_with = "serialize_percentile")]
    pub from: f64,
    /// Largest demand of the sample.
    #[serde(serialize_with = "time::serialize")]
    pub seen: Duration,
    /// Ratio of the largest demand of the table to the largest of the sample.
    pub factor: f64,
}

impl Tail {
    /// Fits the tail of sorted demands and returns it with the table's points from `from` to 1, in
    /// nanoseconds. `None` if the sample shows no tail that continues.
    pub(crate) fn fit(sorted: &[f64], table: &[(f64, f64)]) -> Option<(Self, Vec<(f64, f64)>)> {
        let count = sorted.len();
        let excesses = Excesses::highest(sorted, (count as f64 * TAIL_SHARE) as usize)?;
        if excesses.mean < excesses.threshold * MIN_RELATIVE_EXCESS
            || !excesses.continues_beyond_sample()
            || !excesses.agree_with_distribution()
        {
            return None;
        }
        let whole = log_linear_area(table);
        // percentages with three digits, as in the rest of the table
        let from = ((1.0 - DETERMINED / count as f64) * 1e5).floor() / 1e5;
        let start = (from, quantile(sorted, from));
        let stretched = |by: f64| {
            let points = excesses.points(start, count, by);
            let kept = table.iter().filter(|(share, _)| *share < from);
            let moved = log_linear_area(&kept.chain(&points).copied().collect::<Vec<_>>()) / whole - 1.0;
            (points, moved)
        };
        let (mut points, moved) = stretched(1.0);
        if moved.abs() > MAX_MEAN_CHANGE {
            // stretch the tail towards the sample's mean, by as little as needed
            let bound = MAX_MEAN_CHANGE.copysign(moved);
            let (mut low, mut high) = (MIN_STRETCH, 1.0 / MIN_STRETCH);
            for _ in 0..BISECTION_STEPS {
                let middle = low.midpoint(high);
                if stretched(middle).1 < bound { low = middle } else { high = middle }
            }
            let (nearer, moved) = stretched(if bound > 0.0 { low } else { high });
            if moved.abs() > MAX_MEAN_CHANGE {
                return None;
            }
            points = nearer;
        }
        let (seen, last) = (sorted[count - 1], points.last()?.1);
        // a tail that ends at the slowest call may be shorter by a rounding error
        let factor = (last / seen).max(1.0);
        Some((Self { from, seen: Duration::from_nanos(seen.round() as u64), factor }, points))
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.factor < 1.005 {
            let from = percentile_name(self.from);
            return write!(out, "above {from} the slowest calls follow a smooth tail, up to the slowest one recorded");
        }
        let digits = if self.factor < 1.1 { 2 } else { 1 };
        write!(out, "the slowest calls are extrapolated: up to {:.digits$} times the slowest one recorded", self.factor)
    }
}

/// Returns true if the highest demands are as frequent among calls at high population as among the
/// rest. Takes the population that each call found and its demand. Waits mistaken for work would
/// make a tail that the service does not have.
pub(crate) fn is_independent_of_load(mut calls: Vec<(u32, f64)>) -> bool {
    let count = calls.len();
    let Some(lowest) = count.checked_sub(MIN_EXCESSES) else { return true };
    let middle = calls.select_nth_unstable_by_key(count / 2, |(found, _)| *found).1.0;
    let is_busy = |(found, _): &&(u32, f64)| *found > middle;
    let busy = calls.iter().filter(is_busy).count() as f64 / count as f64;
    if lowest > 0 {
        calls.select_nth_unstable_by(lowest, |one, other| one.1.total_cmp(&other.1));
    }
    let slow = calls[lowest..].iter().filter(is_busy).count() as f64;
    let expected = busy * MIN_EXCESSES as f64;
    slow - expected <= MAX_DEVIATIONS * (expected * (1.0 - busy)).sqrt()
}

/// Returns true if noise of the clock, or of a wait that was not fully subtracted, is as large as
/// the tail; some recovered demands are negative then. Takes sorted recovered demands.
pub(crate) fn is_noisy(sorted: &[f64]) -> bool {
    let count = sorted.len();
    let highest = (count as f64 * TAIL_SHARE) as usize;
    let (Some(least), Some(threshold)) = (sorted.get(count / 1_000), sorted.get(count - highest)) else { return true };
    let excess = sorted[count - highest..].iter().map(|demand| demand - threshold).sum::<f64>() / highest as f64;
    -least * MIN_SIGNAL_TO_NOISE > excess
}

/// Excesses of the highest values over the next lower one.
struct Excesses {
    /// Excesses over the threshold, sorted.
    values: Vec<f64>,
    threshold: f64,
    mean: f64,
    /// Shape of the generalized Pareto distribution: 0 for an exponential tail, positive for
    /// heavier ones, negative for those that end.
    shape: f64,
    /// Standard error of the shape.
    error: f64,
}

impl Excesses {
    /// Takes the excesses of the `highest` values of a sorted sample.
    fn highest(sorted: &[f64], highest: usize) -> Option<Self> {
        if highest < MIN_EXCESSES || highest >= sorted.len() {
            return None;
        }
        let (lower, higher) = sorted.split_at(sorted.len() - highest);
        let threshold = *lower.last()?;
        let values: Vec<f64> = higher.iter().map(|value| value - threshold).collect();
        let count = highest as f64;
        let mean = mean(&values);
        let weighted = values.iter().zip(1..).map(|(excess, rank)| excess * (1.0 - (f64::from(rank) - 0.35) / count));
        let rest = mean - 2.0 * weighted.sum::<f64>() / count;
        if rest <= 0.0 {
            return None;
        }
        let shape = 2.0 - mean / rest;
        // Hosking and Wallis, table 1, whose k is the negative shape; the variance is infinite from
        // 0.5 on
        let k = -shape.clamp(-1.0, MAX_SHAPE_WITH_VARIANCE);
        let variance = (1.0 + k) * (2.0 + k).powi(2) * (1.0 + k + 2.0 * k * k) / ((1.0 + 2.0 * k) * (3.0 + 2.0 * k));
        Some(Self { values, threshold, mean, shape, error: (variance / count).sqrt() })
    }

    /// Returns true if the tail continues beyond the sample even with the lowest plausible shape.
    fn continues_beyond_sample(&self) -> bool {
        let lowest = (self.shape - ONE_SIDED_95 * self.error).min(MAX_SHAPE_WITH_VARIANCE);
        let end = if lowest < 0.0 { self.scale(lowest) / -lowest } else { f64::INFINITY };
        let slowest = |rank: usize| self.values[self.values.len() - rank];
        // several nearly equal values are a time-out
        let spread = self.scale(self.clamped()) + self.clamped() * slowest(SLOWEST_CALLS);
        self.shape > MIN_SHAPE
            && end > slowest(1) + MIN_DISTANCE_TO_END * self.mean
            && slowest(1) - slowest(SLOWEST_CALLS) > spread * MIN_SPREAD
    }

    /// Returns true if the excesses agree with the generalized Pareto distribution, by the
    /// Kolmogorov–Smirnov distance. The parameters come from the same excesses; about one true tail
    /// in twenty is rejected.
    fn agree_with_distribution(&self) -> bool {
        let (shape, count) = (self.clamped(), self.values.len() as f64);
        let scale = self.scale(shape);
        let exceeded = |excess: f64| match shape.abs() {
            0.0..EXPONENTIAL_SHAPE => (-excess / scale).exp(),
            _ => (1.0 + shape * excess / scale).max(0.0).powf(-1.0 / shape),
        };
        let distance = |(rank, excess): (usize, &f64)| {
            let share = 1.0 - exceeded(*excess);
            (share - rank as f64 / count).max((rank + 1) as f64 / count - share)
        };
        self.values.iter().enumerate().map(distance).fold(0.0, f64::max) * count.sqrt() <= CRITICAL_DISTANCE
    }

    /// Returns the points of a table from `start`, above which the tail applies, with its excesses
    /// stretched by the factor `by`. The last point is the value that one call exceeds in ten
    /// samples of `count`, within bounds.
    fn points(&self, start: (f64, f64), count: usize, by: f64) -> Vec<(f64, f64)> {
        let shape = self.clamped();
        // the excesses over a higher threshold have the same shape
        let scale = self.scale(shape) + shape * (start.1 - self.threshold);
        let longest = self.threshold + self.values[self.values.len() - 1];
        let value = |share: f64| {
            let rarer = ((1.0 - start.0) / (1.0 - share)).ln();
            let excess = if shape.abs() < EXPONENTIAL_SHAPE { rarer } else { (shape * rarer).exp_m1() / shape };
            (start.1 + by * scale * excess).min(MAX_FACTOR * longest)
        };
        let rarer = TAIL_POINTS.iter().map(|part| ((1.0 - part * DETERMINED / count as f64) * 1e5).round() / 1e5);
        let mut shares: Vec<f64> = rarer.chain([0.9999]).filter(|share| *share > start.0 && *share < 1.0).collect();
        shares.sort_unstable_by(f64::total_cmp);
        shares.dedup();
        let last = value(1.0 - 1.0 / (SAMPLES_TO_EXCEED * count as f64)).max(longest);
        let within = shares.into_iter().map(|share| (share, value(share).min(last)));
        std::iter::once(start).chain(within).chain([(1.0, last)]).collect()
    }

    fn clamped(&self) -> f64 {
        self.shape.clamp(MIN_SHAPE, MAX_SHAPE)
    }

    /// Returns the scale with which a shape has the mean of the excesses.
    fn scale(&self, shape: f64) -> f64 {
        self.mean * (1.0 - shape)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn serialize_percentile<S: Serializer>(share: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&percentile_name(*share))
}

/// Share of a sample that is its tail, and minimum number of values in it.
const TAIL_SHARE: f64 = 0.05;
const MIN_EXCESSES: usize = 100;
/// Number of calls above the part of the table that the sample itself determines.
const DETERMINED: f64 = 20.0;
/// Points of the tail, as shares of the `DETERMINED` calls that exceed them.
const TAIL_POINTS: [f64; 5] = [0.5, 0.25, 0.1, 0.05, 0.025];
/// The last point is exceeded by one call in this many samples; its maximum is a multiple of the
/// slowest call.
const SAMPLES_TO_EXCEED: f64 = 10.0;
const MAX_FACTOR: f64 = 2.0;
/// Minimum mean excess relative to the threshold.
const MIN_RELATIVE_EXCESS: f64 = 0.02;
/// Largest relative change of the mean.
const MAX_MEAN_CHANGE: f64 = 0.002;
const MIN_STRETCH: f64 = 0.3;
const BISECTION_STEPS: u32 = 40;
/// Bounds of the shape: lower shapes end soon, higher ones cannot be told from a few excesses.
const MIN_SHAPE: f64 = -0.3;
const MAX_SHAPE: f64 = 0.5;
const MAX_SHAPE_WITH_VARIANCE: f64 = 0.45;
/// Shapes closer to 0 count as exponential.
const EXPONENTIAL_SHAPE: f64 = 1e-9;
/// Standard errors of a one-sided 95 % bound.
const ONE_SIDED_95: f64 = 1.64;
/// Minimum distance of the lowest end from the slowest call, in mean excesses.
const MIN_DISTANCE_TO_END: f64 = 0.5;
/// Number of slowest calls that must differ by a part of the scale there; those of an exponential
/// tail do in 99.7 % of samples.
const SLOWEST_CALLS: usize = 5;
const MIN_SPREAD: f64 = 0.25;
/// Critical value of the distance times the square root of the count.
const CRITICAL_DISTANCE: f64 = 0.9;
/// Standard deviations of the number of slowest calls at high population.
const MAX_DEVIATIONS: f64 = 3.0;
/// Minimum ratio of the mean excess to the noise.
const MIN_SIGNAL_TO_NOISE: f64 = 4.0;

#[cfg(test)]
mod tests;
