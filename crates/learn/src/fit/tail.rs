//! What of a table of demands lies beyond its sample: a service whose demands have a tail does not stop at the slowest call that was
//! recorded.
//!
//! Above a high threshold the excesses of most distributions are close to a generalised Pareto distribution (Pickands, *Statistical
//! inference using extreme order statistics*, 1975). It is fitted by probability-weighted moments (Hosking and Wallis, *Parameter and
//! quantile estimation for the generalized Pareto distribution*, Technometrics 29, 1987). What the sample determines stays, the
//! mean too; and where the tail may as well end at the slowest call, so does the table.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::demand::percentile;
use super::table::log_linear_area;
use standin_stub::delay::units::duration;

/// What of a table is beyond its sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tail {
    /// The share (0 to 1) from which on the table is of the tail, and no longer of the sample.
    #[serde(serialize_with = "named")]
    pub from: f64,
    /// The largest demand of the sample.
    #[serde(serialize_with = "written")]
    pub seen: Duration,
    /// The largest of the table, by the largest of the sample.
    pub factor: f64,
}

impl Tail {
    /// The tail of a table of sorted demands, with its points from `from` to 1, in nanoseconds; none if the sample shows no tail
    /// that goes on.
    pub(super) fn fit(sorted: &[f64], table: &[(f64, f64)]) -> Option<(Self, Vec<(f64, f64)>)> {
        let count = sorted.len();
        let excesses = Excesses::highest(sorted, (count as f64 * THRESHOLD) as usize)?;
        if excesses.mean < excesses.threshold * WORTH || !excesses.goes_on() || !excesses.are_described() {
            return None;
        }
        let whole = log_linear_area(table);
        // percentages with three digits, as all of the table
        let from = ((1.0 - DETERMINED / count as f64) * 1e5).floor() / 1e5;
        let place = from * (count - 1) as f64;
        let (below, way) = (sorted[place as usize], place.fract());
        let start = (from, below + (sorted[place as usize + 1] - below) * way);
        let carried_on = |by: f64| {
            let points = excesses.points(start, count, by);
            let kept = table.iter().filter(|(share, _)| *share < from);
            let moved = log_linear_area(&kept.chain(&points).copied().collect::<Vec<_>>()) / whole - 1.0;
            (points, moved)
        };
        let (mut points, moved) = carried_on(1.0);
        if moved.abs() > MOST_MOVED {
            // nearer to the sample's own mean, by as little as is needed
            let bound = MOST_MOVED.copysign(moved);
            let (mut low, mut high) = (LEAST_STRETCH, 1.0 / LEAST_STRETCH);
            for _ in 0..HALVINGS {
                let middle = low.midpoint(high);
                if carried_on(middle).1 < bound { low = middle } else { high = middle }
            }
            let (nearer, moved) = carried_on(if bound > 0.0 { low } else { high });
            if moved.abs() > MOST_MOVED {
                return None;
            }
            points = nearer;
        }
        let (seen, last) = (sorted[count - 1], points.last()?.1);
        Some((Self { from, seen: Duration::from_nanos(seen.round() as u64), factor: last / seen }, points))
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.factor < 1.005 {
            let from = percentile(self.from);
            return write!(out, "above {from} the slowest calls follow a smooth tail, up to the slowest one recorded");
        }
        let digits = if self.factor < 1.1 { 2 } else { 1 };
        write!(out, "the slowest calls are extrapolated: up to {:.digits$} times the slowest one recorded", self.factor)
    }
}

/// Whether the highest demands are as frequent among calls that found many others as among the rest, by how many each call found
/// and what it demanded: waiting that a model takes for work makes a tail that the service has not.
pub(super) fn is_even(mut calls: Vec<(u32, f64)>) -> bool {
    let count = calls.len();
    let Some(lowest) = count.checked_sub(LEAST) else { return true };
    let middle = calls.select_nth_unstable_by_key(count / 2, |(found, _)| *found).1.0;
    let is_busy = |(found, _): &&(u32, f64)| *found > middle;
    let busy = calls.iter().filter(is_busy).count() as f64 / count as f64;
    if lowest > 0 {
        calls.select_nth_unstable_by(lowest, |one, other| one.1.total_cmp(&other.1));
    }
    let slow = calls[lowest..].iter().filter(is_busy).count() as f64;
    let expected = busy * LEAST as f64;
    slow - expected <= BEYOND_CHANCE * (expected * (1.0 - busy)).sqrt()
}

/// Whether the clock, or a wait that was not quite taken away, is as large as the tail: some demands are less than nothing then.
/// Sorted, as they were recovered.
pub(super) fn is_noisy(sorted: &[f64]) -> bool {
    let count = sorted.len();
    let highest = (count as f64 * THRESHOLD) as usize;
    let (Some(least), Some(threshold)) = (sorted.get(count / 1_000), sorted.get(count - highest)) else { return true };
    let excess = sorted[count - highest..].iter().map(|demand| demand - threshold).sum::<f64>() / highest as f64;
    -least * LEAST_SIGNAL > excess
}

/// The excesses of the highest values over the one below them.
struct Excesses {
    /// Sorted.
    values: Vec<f64>,
    threshold: f64,
    mean: f64,
    /// Of the generalised Pareto distribution: 0 for an exponential tail, more for heavier ones, less for those that end.
    shape: f64,
    /// The standard error of the shape.
    error: f64,
}

impl Excesses {
    /// Of so many of the highest.
    fn highest(sorted: &[f64], highest: usize) -> Option<Self> {
        if highest < LEAST || highest >= sorted.len() {
            return None;
        }
        let (lower, higher) = sorted.split_at(sorted.len() - highest);
        let threshold = *lower.last()?;
        let values: Vec<f64> = higher.iter().map(|value| value - threshold).collect();
        let count = highest as f64;
        let mean = values.iter().sum::<f64>() / count;
        let weighted = values.iter().zip(1..).map(|(excess, rank)| excess * (1.0 - (f64::from(rank) - 0.35) / count));
        let rest = mean - 2.0 * weighted.sum::<f64>() / count;
        if rest <= 0.0 {
            return None;
        }
        let shape = 2.0 - mean / rest;
        // Hosking and Wallis, table 1, whose k is the negative shape; it has no variance from 0.5 on
        let k = -shape.clamp(-1.0, MOST_VARIANCE);
        let variance = (1.0 + k) * (2.0 + k).powi(2) * (1.0 + k + 2.0 * k * k) / ((1.0 + 2.0 * k) * (3.0 + 2.0 * k));
        Some(Self { values, threshold, mean, shape, error: (variance / count).sqrt() })
    }

    /// Whether the tail is longer than what was seen of it, and surely so: also with a shape that is as low as chance allows.
    fn goes_on(&self) -> bool {
        let lowest = (self.shape - SURELY * self.error).min(MOST_VARIANCE);
        let end = if lowest < 0.0 { self.scale(lowest) / -lowest } else { f64::INFINITY };
        let slowest = |rank: usize| self.values[self.values.len() - rank];
        // several that are all but equal are a time-out
        let spread = self.scale(self.clamped()) + self.clamped() * slowest(SLOWEST);
        self.shape > LOWEST_SHAPE
            && end > slowest(1) + CLEARLY * self.mean
            && slowest(1) - slowest(SLOWEST) > spread * LEAST_APART
    }

    /// Whether the excesses may be of a generalised Pareto distribution: by the largest distance of their shares (Kolmogorov). As
    /// its parameters come from the same excesses, about one true tail in twenty is farther off.
    fn are_described(&self) -> bool {
        let (shape, count) = (self.clamped(), self.values.len() as f64);
        let scale = self.scale(shape);
        let exceeded = |excess: f64| match shape.abs() {
            0.0..STRAIGHT => (-excess / scale).exp(),
            _ => (1.0 + shape * excess / scale).max(0.0).powf(-1.0 / shape),
        };
        let distance = |(rank, excess): (usize, &f64)| {
            let share = 1.0 - exceeded(*excess);
            (share - rank as f64 / count).max((rank + 1) as f64 / count - share)
        };
        self.values.iter().enumerate().map(distance).fold(0.0, f64::max) * count.sqrt() <= FARTHEST_OFF
    }

    /// The points of a table from one that the sample of so many determines, the excesses over it stretched by a factor. The last
    /// is what one call exceeds in ten such samples, within bounds.
    fn points(&self, start: (f64, f64), count: usize, by: f64) -> Vec<(f64, f64)> {
        let shape = self.clamped();
        // the excesses over a higher threshold are of the same shape
        let scale = self.scale(shape) + shape * (start.1 - self.threshold);
        let longest = self.threshold + self.values[self.values.len() - 1];
        let value = |share: f64| {
            let rarer = ((1.0 - start.0) / (1.0 - share)).ln();
            let excess = if shape.abs() < STRAIGHT { rarer } else { (shape * rarer).exp_m1() / shape };
            (start.1 + by * scale * excess).min(FARTHEST * longest)
        };
        let rarer = RARER.iter().map(|part| ((1.0 - part * DETERMINED / count as f64) * 1e5).round() / 1e5);
        let mut shares: Vec<f64> = rarer.chain([0.9999]).filter(|share| *share > start.0 && *share < 1.0).collect();
        shares.sort_unstable_by(f64::total_cmp);
        shares.dedup();
        let last = value(1.0 - 1.0 / (SAMPLES * count as f64)).max(longest);
        let within = shares.into_iter().map(|share| (share, value(share).min(last)));
        std::iter::once(start).chain(within).chain([(1.0, last)]).collect()
    }

    fn clamped(&self) -> f64 {
        self.shape.clamp(LOWEST_SHAPE, HIGHEST_SHAPE)
    }

    /// The scale with which a shape has the mean of the excesses.
    fn scale(&self, shape: f64) -> f64 {
        self.mean * (1.0 - shape)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn named<S: Serializer>(share: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&percentile(*share))
}

fn written<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&duration(*time))
}

/// The part of a sample that is its tail, and how many it must have.
const THRESHOLD: f64 = 0.05;
const LEAST: usize = 100;
/// What so many calls exceed, the sample itself says.
const DETERMINED: f64 = 20.0;
/// Where the tail has points, by what `DETERMINED` calls exceed.
const RARER: [f64; 5] = [0.5, 0.25, 0.1, 0.05, 0.025];
/// The last point is exceeded by one call in so many samples, and at most so many times the slowest call.
const SAMPLES: f64 = 10.0;
const FARTHEST: f64 = 2.0;
/// Excesses of less, by the threshold, are not worth a word.
const WORTH: f64 = 0.02;
/// By how much the mean may move.
const MOST_MOVED: f64 = 0.002;
const LEAST_STRETCH: f64 = 0.3;
const HALVINGS: u32 = 40;
/// Shapes of tails that end soon, and of heavier ones than a few excesses tell.
const LOWEST_SHAPE: f64 = -0.3;
const HIGHEST_SHAPE: f64 = 0.5;
const MOST_VARIANCE: f64 = 0.45;
/// A smaller shape is none.
const STRAIGHT: f64 = 1e-9;
/// Standard errors: one in twenty is farther off to one side.
const SURELY: f64 = 1.64;
/// By how many mean excesses the lowest end lies beyond the slowest call.
const CLEARLY: f64 = 0.5;
/// So many of the slowest calls differ by a part of the scale there; of an exponential tail they do in 99.7 %.
const SLOWEST: usize = 5;
const LEAST_APART: f64 = 0.25;
/// The critical value of the distance, times the root of the count.
const FARTHEST_OFF: f64 = 0.9;
/// Standard deviations of a share of the slowest calls.
const BEYOND_CHANCE: f64 = 3.0;
/// How many times the noise the mean excess is.
const LEAST_SIGNAL: f64 = 4.0;

#[cfg(test)]
mod tests;
