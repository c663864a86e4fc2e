//! Noise threshold: the difference that two samples of one service exceed with a probability of
//! about 0.01. A limit that is finer is not held against the mock.
//!
//! The error is estimated from repeats: whole runs if there are several of one schedule, otherwise
//! parts of the calls in the order of their arrival, for a call depends on those before it, but a
//! part hardly on the part before it (batch means; Asmussen and Glynn, *Stochastic Simulation*,
//! 2007, chapter IV). Each part of one side is compared with the same part of the other: what both
//! have in common, such as a burst of calls, is not noise. Parts of one run cannot show what
//! differs from run to run.

use serde::Serialize;
use standin_model::stats::{Moments, quantile};

use crate::gap::compare::sample::{OrderedCalls, Percentiles, RunSample, calls_needed};

/// The repeats from which noise is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NoiseFrom {
    /// Several runs of one schedule a side.
    Runs,
    /// Parts of the calls, in the order in which they came.
    Parts,
}

/// Returns the noise of the logarithms of percentiles, estimated from runs; infinite if there are
/// too few.
pub(crate) fn from_runs(reference: &[RunSample], mock: &[RunSample]) -> Percentiles<f64> {
    let side = |runs: &[RunSample], percent| {
        Moments::of(&runs.iter().filter_map(|run| log(run, percent)).collect::<Vec<f64>>()).squared_error()
    };
    Percentiles::from(|percent| STANDARD_ERRORS * (side(reference, percent) + side(mock, percent)).sqrt())
}

/// Returns the noise of the logarithms of percentiles, estimated from parts of the calls.
pub(crate) fn from_parts(reference: &OrderedCalls, mock: &OrderedCalls) -> Percentiles<f64> {
    Percentiles::from(|percent| {
        let log = |part: &[u64]| {
            let mut part = part.to_vec();
            part.sort_unstable();
            quantile(&part, f64::from(percent) / 100.0).max(1.0).ln()
        };
        by_parts(&reference.latencies, &mock.latencies, (calls_needed(percent) / MIN_PARTS) as usize, log)
    })
}

/// Returns the noise of the error share (0 to 1), estimated from parts of the calls.
pub(crate) fn error_noise_from_parts(reference: &OrderedCalls, mock: &OrderedCalls) -> f64 {
    let share = |part: &[bool]| part.iter().filter(|failed| **failed).count() as f64 / part.len() as f64;
    by_parts(&reference.failed, &mock.failed, MIN_ERROR_CALLS, share)
}

/// Returns the noise of a difference, estimated from parts of at least `least` calls a side. If
/// longer parts show more noise, parts depend on each other, and the larger value counts. If ten of
/// ten parts differ in the same direction, which has a probability of 2/1,024 by chance, the noise
/// is at most the smallest of the ten differences.
fn by_parts<T>(reference: &[T], mock: &[T], least: usize, measure: impl Fn(&[T]) -> f64) -> f64 {
    let most = reference.len().min(mock.len()) / least.max(1);
    let mut noise: Option<f64> = None;
    for (count, factor) in PARTS.into_iter().filter(|(count, _)| *count <= most) {
        let parts = reference.chunks_exact(reference.len() / count).zip(mock.chunks_exact(mock.len() / count));
        let differences: Vec<f64> = parts.take(count).map(|(one, other)| measure(other) - measure(one)).collect();
        let beyond_chance = factor * Moments::of(&differences).squared_error().sqrt();
        noise = Some(noise.map_or(beyond_chance, |noise| noise.max(beyond_chance)));
        if count == MANY_PARTS {
            let least = differences.iter().map(|difference| difference.abs()).fold(f64::INFINITY, f64::min);
            let agree = differences.iter().all(|one| *one > 0.0) || differences.iter().all(|one| *one < 0.0);
            noise = noise.map(|noise| if agree { noise.min(least) } else { noise });
        }
    }
    noise.unwrap_or(f64::INFINITY)
}

/// Returns the logarithm of a run's percentile; `None` if the run has too few calls.
pub(crate) fn log(run: &RunSample, percent: u32) -> Option<f64> {
    let nanos = run.latency.at(percent).0.as_nanos();
    (run.answered >= MIN_RUN_CALLS.max(calls_needed(percent) / RUN_CALLS_DIVISOR) && nanos > 0)
        .then(|| (nanos as f64).ln())
}

/// Standard errors of a difference between the means of some runs a side.
const STANDARD_ERRORS: f64 = 3.0;
/// Into how many parts a side is cut, and so many standard errors that one difference in a hundred
/// is beyond: Student's t with 9 and 4 degrees of freedom.
const PARTS: [(usize, f64); 2] = [(5, 4.6), (MANY_PARTS, 3.25)];
const MANY_PARTS: usize = 10;
/// A percentile that can be believed has calls for so many parts.
const MIN_PARTS: u64 = 5;
/// Calls of a part whose share of errors is taken.
const MIN_ERROR_CALLS: usize = 100;
/// Calls of a run in a cell, and the share of the calls that a reliable percentile needs: the
/// mean over runs is believed, not the run.
const MIN_RUN_CALLS: u64 = 100;
const RUN_CALLS_DIVISOR: u64 = 5;

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use standin_model::draws::Draws;

    fn side(calls: u64, stream: u64, latency: impl Fn(u64, f64) -> f64) -> OrderedCalls {
        let draws = Draws::new(7);
        let exponential = |call: u64| -(1.0 - draws.at(stream, call).random::<f64>()).ln();
        OrderedCalls {
            latencies: (0..calls).map(|call| (latency(call, exponential(call)) * 1e7) as u64).collect(),
            failed: (0..calls).map(|call| draws.at(stream + 1, call).random::<f64>() < 0.01).collect(),
        }
    }

    /// The median of n exponential latencies of mean 1 has a standard error of 1/√n, which is 1/(√n
    /// ln 2) of its logarithm.
    #[test]
    fn parts_show_the_error_of_independent_calls() {
        let calls = 20_000;
        let (one, other) = (side(calls, 1, |_, drawn| drawn), side(calls, 3, |_, drawn| drawn));
        let near = |found: f64, expected: f64| assert!((0.5..2.0).contains(&(found / expected)), "{found} {expected}");
        near(from_parts(&one, &other).p50, 3.0 * 2_f64.sqrt() / ((calls as f64).sqrt() * 2_f64.ln()));
        near(error_noise_from_parts(&one, &other), 3.0 * (2.0 * 0.01 * 0.99 / calls as f64).sqrt());
        // what one side alone does at times is noise, what both do is none
        let drifts = |call: u64, drawn: f64| drawn * (1 + call / 4_000) as f64;
        let (drifting, too) = (side(calls, 1, drifts), side(calls, 3, drifts));
        assert!(from_parts(&drifting, &other).p50 > from_parts(&one, &other).p50 * 10.0);
        near(from_parts(&drifting, &too).p50, from_parts(&one, &other).p50);
    }

    /// Ten of ten parts are longer, if not by the same: that is no chance.
    #[test]
    fn what_every_part_shows_is_no_noise() {
        let one = side(20_000, 1, |_, drawn| drawn);
        let longer = side(20_000, 3, |call, drawn| drawn * (2 + call / 2_000) as f64);
        let noise = from_parts(&one, &longer).p50;
        assert!((0.5..0.8).contains(&noise), "{noise}");
        let at_times = side(20_000, 3, |call, drawn| drawn * if call % 4_000 < 2_000 { 11.0 } else { 0.9 });
        assert!(from_parts(&one, &at_times).p50 > 1.0);
    }

    #[test]
    fn few_calls_say_nothing() {
        let few = side(999, 1, |_, drawn| drawn);
        let noise = from_parts(&few, &few);
        assert!(noise.p50.is_finite() && noise.p90.is_infinite() && noise.p99.is_infinite(), "{noise:?}");
    }
}
