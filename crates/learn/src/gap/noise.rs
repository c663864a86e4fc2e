//! What two samples of one and the same service hardly ever differ by: about one pair in a hundred does. A limit that is finer is
//! not held against the mock.
//!
//! The error is estimated from repeats: whole runs where there are several of one schedule, else parts of the calls in the order
//! in which they came, for a call is not independent of those before it, but a part hardly of the part before it (batching;
//! Asmussen and Glynn, *Stochastic Simulation*, 2007, chapter IV). Each part of the one side is compared with that of the other:
//! what both have in common, such as a burst of calls, is no noise. Parts of one run cannot show what differs from run to run.

use crate::gap::stats::quantile;
use serde::Serialize;

use crate::gap::compare::sample::{OrderedCalls, Percentiles, RunSample, calls_needed};

/// What noise is estimated from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NoiseFrom {
    /// Several runs of one schedule a side.
    Runs,
    /// Parts of the calls, in the order in which they came.
    Parts,
}

/// The noise of the logarithms of percentiles, by runs; infinite where there are too few to say.
pub(crate) fn of_runs(reference: &[RunSample], mock: &[RunSample]) -> Percentiles<f64> {
    let side = |runs: &[RunSample], percent| {
        squared_error(&runs.iter().filter_map(|run| log(run, percent)).collect::<Vec<f64>>())
    };
    Percentiles::from(|percent| HARDLY_EVER * (side(reference, percent) + side(mock, percent)).sqrt())
}

/// The same by parts.
pub(crate) fn of_parts(reference: &OrderedCalls, mock: &OrderedCalls) -> Percentiles<f64> {
    Percentiles::from(|percent| {
        let log = |part: &[u64]| {
            let mut part = part.to_vec();
            part.sort_unstable();
            (quantile(&part, percent).max(1) as f64).ln()
        };
        by_parts(&reference.latencies, &mock.latencies, (calls_needed(percent) / PARTS_AT_LEAST) as usize, log)
    })
}

/// The noise of the share of errors, by parts.
pub(crate) fn of_errors(reference: &OrderedCalls, mock: &OrderedCalls) -> f64 {
    let share = |part: &[bool]| part.iter().filter(|failed| **failed).count() as f64 / part.len() as f64;
    by_parts(&reference.failed, &mock.failed, ERROR_CALLS, share)
}

/// The noise of a difference, from parts of each side of so many calls at least. Where longer parts show more of it, what a part
/// shows depends on the part before, and they are believed. Where ten of ten differ in the same way, which chance does twice in
/// 1,024 times, the least of them is no noise, however much they differ from each other.
fn by_parts<T>(reference: &[T], mock: &[T], least: usize, measure: impl Fn(&[T]) -> f64) -> f64 {
    let most = reference.len().min(mock.len()) / least.max(1);
    let mut noise: Option<f64> = None;
    for (count, factor) in PARTS.into_iter().filter(|(count, _)| *count <= most) {
        let parts = reference.chunks_exact(reference.len() / count).zip(mock.chunks_exact(mock.len() / count));
        let differences: Vec<f64> = parts.take(count).map(|(one, other)| measure(other) - measure(one)).collect();
        let beyond_chance = factor * squared_error(&differences).sqrt();
        noise = Some(noise.map_or(beyond_chance, |noise| noise.max(beyond_chance)));
        if count == SHORTER {
            let least = differences.iter().map(|difference| difference.abs()).fold(f64::INFINITY, f64::min);
            let agree = differences.iter().all(|one| *one > 0.0) || differences.iter().all(|one| *one < 0.0);
            noise = noise.map(|noise| if agree { noise.min(least) } else { noise });
        }
    }
    noise.unwrap_or(f64::INFINITY)
}

/// The logarithm of a run's percentile, if it has calls enough to say something of it.
pub(crate) fn log(run: &RunSample, percent: u32) -> Option<f64> {
    let nanos = run.latency.at(percent).0.as_nanos();
    (run.answered >= LEAST.max(calls_needed(percent) / FEWER) && nanos > 0).then(|| (nanos as f64).ln())
}

/// The square of the standard error of the mean; infinite of fewer than two values.
pub(crate) fn squared_error(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::INFINITY;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0) / count
}

/// Standard errors of a difference between the means of some runs a side.
const HARDLY_EVER: f64 = 3.0;
/// Into how many parts a side is cut, and so many standard errors that one difference in a hundred is beyond: Student's t with 9
/// and 4 degrees of freedom.
const PARTS: [(usize, f64); 2] = [(5, 4.6), (SHORTER, 3.25)];
const SHORTER: usize = 10;
/// A percentile that can be believed has calls for so many parts.
const PARTS_AT_LEAST: u64 = 5;
/// Calls of a part whose share of errors is taken.
const ERROR_CALLS: usize = 100;
/// Calls of a run in a cell, and the share of the calls of a reliable_percentiles percentile: the mean over runs is believed, not the run.
const LEAST: u64 = 100;
const FEWER: u64 = 5;

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use standin_model::draws::Draws;

    #[test]
    fn the_error_of_a_mean_is_known() {
        assert_eq!(squared_error(&[1.0]), f64::INFINITY);
        assert_eq!(squared_error(&[1.0, 3.0]), 1.0);
    }

    fn side(calls: u64, stream: u64, latency: impl Fn(u64, f64) -> f64) -> OrderedCalls {
        let draws = Draws::new(7);
        let exponential = |call: u64| -(1.0 - draws.at(stream, call).random::<f64>()).ln();
        OrderedCalls {
            latencies: (0..calls).map(|call| (latency(call, exponential(call)) * 1e7) as u64).collect(),
            failed: (0..calls).map(|call| draws.at(stream + 1, call).random::<f64>() < 0.01).collect(),
        }
    }

    /// The median of n exponential latencies of mean 1 has a standard error of 1/√n, which is 1/(√n ln 2) of its logarithm.
    #[test]
    fn parts_show_the_error_of_independent_calls() {
        let calls = 20_000;
        let (one, other) = (side(calls, 1, |_, drawn| drawn), side(calls, 3, |_, drawn| drawn));
        let near = |found: f64, expected: f64| assert!((0.5..2.0).contains(&(found / expected)), "{found} {expected}");
        near(of_parts(&one, &other).p50, 3.0 * 2_f64.sqrt() / ((calls as f64).sqrt() * 2_f64.ln()));
        near(of_errors(&one, &other), 3.0 * (2.0 * 0.01 * 0.99 / calls as f64).sqrt());
        // what one side alone does at times is noise, what both do is none
        let drifts = |call: u64, drawn: f64| drawn * (1 + call / 4_000) as f64;
        let (drifting, too) = (side(calls, 1, drifts), side(calls, 3, drifts));
        assert!(of_parts(&drifting, &other).p50 > of_parts(&one, &other).p50 * 10.0);
        near(of_parts(&drifting, &too).p50, of_parts(&one, &other).p50);
    }

    /// Ten of ten parts are longer, if not by the same: that is no chance.
    #[test]
    fn what_every_part_shows_is_no_noise() {
        let one = side(20_000, 1, |_, drawn| drawn);
        let longer = side(20_000, 3, |call, drawn| drawn * (2 + call / 2_000) as f64);
        let noise = of_parts(&one, &longer).p50;
        assert!((0.5..0.8).contains(&noise), "{noise}");
        let at_times = side(20_000, 3, |call, drawn| drawn * if call % 4_000 < 2_000 { 11.0 } else { 0.9 });
        assert!(of_parts(&one, &at_times).p50 > 1.0);
    }

    #[test]
    fn few_calls_say_nothing() {
        let few = side(999, 1, |_, drawn| drawn);
        let noise = of_parts(&few, &few);
        assert!(noise.p50.is_finite() && noise.p90.is_infinite() && noise.p99.is_infinite(), "{noise:?}");
    }
}
