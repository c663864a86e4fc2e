//! What two samples of one and the same service differ by: three times the standard error of the difference, which chance hardly
//! ever exceeds. A limit that is finer is not held against the mock.
//!
//! The error is estimated from repeats: whole runs where there are several of one schedule, else parts of the calls in the order
//! in which they came, for a call is not independent of those before it, but a part hardly of the part before it (batching;
//! Asmussen and Glynn, *Stochastic Simulation*, 2007, chapter IV). Parts of one run cannot show what differs from run to run.

use super::cell::needed;
use super::distance::quantile;
use super::sample::{Gathered, Percentiles, RunSample};

/// What parts of one side's calls vary by, as the square of the standard error of all of them together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Variation {
    /// Of the logarithms of percentiles; infinite where there are too few calls to say.
    pub(super) logs: Percentiles<f64>,
    /// Of the share of errors.
    pub(super) errors: f64,
}

impl Variation {
    /// Of the calls of all runs, in the order in which they came.
    pub(super) fn of_parts(runs: &[Gathered]) -> Self {
        let latencies: Vec<u64> = runs.iter().flat_map(|run| run.latencies.iter().copied()).collect();
        let failed: Vec<bool> = runs.iter().flat_map(|run| run.failed.iter().copied()).collect();
        let of = |percent: u32| {
            let logs = parts(&latencies, (needed(percent) / PARTS_AT_LEAST) as usize).map(|part| {
                let mut part = part.to_vec();
                part.sort_unstable();
                (quantile(&part, percent).max(1) as f64).ln()
            });
            squared_error(&logs.collect::<Vec<f64>>())
        };
        let share = |part: &[bool]| part.iter().filter(|failed| **failed).count() as f64 / part.len() as f64;
        let errors: Vec<f64> = parts(&failed, ERROR_CALLS).map(share).collect();
        Self { logs: Percentiles::from(of), errors: squared_error(&errors) }
    }

    /// Of the runs, each by its own percentiles.
    pub(super) fn of_runs(runs: &[RunSample]) -> Percentiles<f64> {
        Percentiles::from(|percent| {
            squared_error(&runs.iter().filter_map(|run| log(run, percent)).collect::<Vec<f64>>())
        })
    }
}

/// The noise of percentiles, as logarithms, from what each side varies by.
pub(super) fn of_percentiles(reference: Percentiles<f64>, mock: Percentiles<f64>) -> Percentiles<f64> {
    Percentiles::from(|percent| of(reference.at(percent), mock.at(percent)))
}

/// The noise of a difference.
pub(super) fn of(reference: f64, mock: f64) -> f64 {
    HARDLY_EVER * (reference + mock).sqrt()
}

/// The logarithm of a run's percentile, if it has calls enough to say something of it.
pub(super) fn log(run: &RunSample, percent: u32) -> Option<f64> {
    let nanos = run.latency.at(percent).0.as_nanos();
    (run.answered >= LEAST.max(needed(percent) / FEWER) && nanos > 0).then(|| (nanos as f64).ln())
}

/// The square of the standard error of the mean; infinite of fewer than two values.
pub(super) fn squared_error(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::INFINITY;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0) / count
}

/// As many parts of as many calls as there are calls for, up to ten; none if fewer than [`PARTS_AT_LEAST`].
fn parts<T>(calls: &[T], least: usize) -> impl Iterator<Item = &[T]> {
    let count = (calls.len() / least.max(1)).min(MOST_PARTS);
    let count = if count < PARTS_AT_LEAST as usize { 0 } else { count };
    let length = calls.len() / count.max(1);
    calls.chunks_exact(length.max(1)).take(count)
}

/// Standard errors.
const HARDLY_EVER: f64 = 3.0;
const MOST_PARTS: usize = 10;
/// A percentile that can be believed has calls for so many parts.
const PARTS_AT_LEAST: u64 = 5;
/// Calls of a part whose share of errors is taken.
const ERROR_CALLS: usize = 100;
/// Calls of a run in a cell, and the share of the calls of a believable percentile: the mean over runs is believed, not the run.
const LEAST: u64 = 100;
const FEWER: u64 = 5;

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::pace::draws::Draws;

    #[test]
    fn the_error_of_a_mean_is_known() {
        assert_eq!(squared_error(&[1.0]), f64::INFINITY);
        assert_eq!(squared_error(&[1.0, 3.0]), 1.0);
        assert_eq!(of(1.0, 0.0), 3.0);
    }

    /// The median of n exponential latencies of mean 1 has a standard error of 1/√n, which is 1/(√n ln 2) of its logarithm.
    #[test]
    fn parts_show_the_error_of_independent_calls() {
        let calls = 20_000;
        let draws = Draws::new(7);
        let latency = |call: u64| (-(1.0 - draws.at(1, call).random::<f64>()).ln() * 1e7) as u64;
        let run = Gathered {
            latencies: (0..calls).map(latency).collect(),
            failed: (0..calls).map(|call| draws.at(2, call).random::<f64>() < 0.01).collect(),
            ..Gathered::default()
        };
        let variation = Variation::of_parts(&[run]);
        let expected = 1.0 / ((calls as f64).sqrt() * 2_f64.ln());
        let found = variation.logs.p50.sqrt();
        assert!((0.5..2.0).contains(&(found / expected)), "{found} {expected}");
        let expected = (0.01 * 0.99 / calls as f64).sqrt();
        let found = variation.errors.sqrt();
        assert!((0.5..2.0).contains(&(found / expected)), "{found} {expected}");
        // what depends on the time of day is seen as well
        let drifting = Gathered {
            latencies: (0..calls).map(|call| latency(call) * (1 + call / 4_000)).collect(),
            ..Gathered::default()
        };
        assert!(Variation::of_parts(&[drifting]).logs.p50 > variation.logs.p50 * 100.0);
    }

    #[test]
    fn few_calls_say_nothing() {
        let few = Gathered { latencies: (1..=999).collect(), ..Gathered::default() };
        let logs = Variation::of_parts(&[few]).logs;
        assert!(logs.p50.is_finite() && logs.p90.is_infinite() && logs.p99.is_infinite(), "{logs:?}");
    }
}
