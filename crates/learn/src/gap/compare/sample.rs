//! One side of a cell: how long its answers took, and what they were.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use standin_model::stats::{mean, quantile};
use standin_tape::is_error;

/// The calls of one side in a cell, summarized.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SampleSummary {
    /// Calls that came, but for those that are left out.
    pub calls: u64,
    /// Calls that came or ended while the mock itself or the sender was late: nothing is said of
    /// them but that they came.
    pub left_out: u64,
    /// Calls that came a second, those left out among them.
    pub arrivals_per_second: f64,
    /// Calls that were answered, with any status.
    pub answered: u64,
    /// The share of calls, 0 to 1, that failed or were answered with 429 or a status from 500 up.
    pub errors: f64,
    /// Answers that were no errors, a second: those that ended while the load was at the cell's
    /// level.
    pub per_second: f64,
    /// The share of each status among the calls; `none` is no answer.
    pub statuses: BTreeMap<String, f64>,
    /// Mean of the latencies.
    #[serde(serialize_with = "milliseconds")]
    pub mean: Duration,
    /// Percentiles of the latency.
    pub latency: Percentiles<Latency>,
    /// Summaries of the single runs.
    pub runs: Vec<RunSample>,
}

/// The calls of one run in a cell, summarized.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSample {
    /// Calls that were answered.
    pub answered: u64,
    /// Percentiles of their latency.
    pub latency: Percentiles<Latency>,
}

/// A duration that is written as milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latency(#[serde(serialize_with = "milliseconds")] pub Duration);

/// Something for each of the percentiles that are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles<T> {
    /// Figure at the median.
    pub p50: T,
    /// Figure at the 90th percentile.
    pub p90: T,
    /// Figure at the 95th percentile.
    pub p95: T,
    /// Figure at the 99th percentile.
    pub p99: T,
}

impl<T: Copy> Percentiles<T> {
    /// Makes each from its percent.
    pub(crate) fn from(mut make: impl FnMut(u32) -> T) -> Self {
        Self { p50: make(50), p90: make(90), p95: make(95), p99: make(99) }
    }

    /// Returns each value with its percentage.
    pub fn each(&self) -> [(u32, T); 4] {
        [(50, self.p50), (90, self.p90), (95, self.p95), (99, self.p99)]
    }

    /// Returns the value of a percentile; that of p99 for one that is not compared.
    pub(crate) fn at(&self, percent: u32) -> T {
        let [first @ .., last] = self.each();
        first.iter().find(|(known, _)| *known == percent).map_or(last.1, |(_, value)| *value)
    }
}

/// The calls of one run in a cell, as they are gathered.
#[derive(Clone, Debug, Default)]
pub(crate) struct CellCalls {
    /// In the order in which the calls came, until they are counted.
    pub(crate) latencies: Vec<u64>,
    /// One flag a call, in the order of arrival: true if it failed.
    pub(crate) failed: Vec<bool>,
    /// Calls that are left out.
    pub(crate) left_out: u64,
    pub(crate) statuses: BTreeMap<Option<u16>, u64>,
    /// Good answers that ended at the cell's level.
    pub(crate) completed: u64,
    /// The time that the run was at the level, in seconds.
    pub(crate) seconds: f64,
}

impl CellCalls {
    /// Calls that came, those left out among them.
    pub(crate) fn came(&self) -> u64 {
        self.failed.len() as u64 + self.left_out
    }
}

/// One side's calls in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct OrderedCalls {
    pub(crate) latencies: Vec<u64>,
    pub(crate) failed: Vec<bool>,
}

impl OrderedCalls {
    pub(crate) fn new(runs: &[CellCalls]) -> Self {
        Self {
            latencies: runs.iter().flat_map(|run| run.latencies.iter().copied()).collect(),
            failed: runs.iter().flat_map(|run| run.failed.iter().copied()).collect(),
        }
    }
}

/// One side of a cell, as it is compared.
#[derive(Clone, Debug)]
pub(crate) struct CellSample {
    pub(crate) sample: SampleSummary,
    /// The sorted latencies of all runs.
    pub(crate) latencies: Vec<u64>,
    /// The calls in the order in which they came.
    pub(crate) ordered: OrderedCalls,
}

impl CellSample {
    pub(crate) fn new(runs: &mut [CellCalls]) -> Self {
        let ordered = OrderedCalls::new(runs);
        let (sample, latencies) = SampleSummary::new(runs);
        Self { sample, latencies, ordered }
    }
}

impl SampleSummary {
    /// Summarizes all runs together; returns the sorted latencies too.
    fn new(runs: &mut [CellCalls]) -> (Self, Vec<u64>) {
        let mut statuses: BTreeMap<Option<u16>, u64> = BTreeMap::new();
        let mut each = Vec::new();
        let mut all = Vec::new();
        for run in runs.iter_mut() {
            run.latencies.sort_unstable();
            for (status, count) in &run.statuses {
                *statuses.entry(*status).or_default() += count;
            }
            each.push(RunSample { answered: run.latencies.len() as u64, latency: percentiles(&run.latencies) });
            all.extend_from_slice(&run.latencies);
        }
        all.sort_unstable();
        let calls: u64 = statuses.values().sum();
        let share = |count: u64| count as f64 / calls.max(1) as f64;
        let errors = statuses.iter().filter(|(status, _)| is_error(**status)).map(|(_, count)| *count).sum();
        let seconds: f64 = runs.iter().map(|run| run.seconds).sum();
        let completed: u64 = runs.iter().map(|run| run.completed).sum();
        let left_out: u64 = runs.iter().map(|run| run.left_out).sum();
        let a_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let named = |status: Option<u16>| status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let sample = Self {
            calls,
            left_out,
            arrivals_per_second: a_second(calls + left_out),
            answered: all.len() as u64,
            errors: share(errors),
            per_second: a_second(completed),
            statuses: statuses.iter().map(|(status, count)| (named(*status), share(*count))).collect(),
            mean: if all.is_empty() { Duration::ZERO } else { Duration::from_nanos(mean(&all).round() as u64) },
            latency: percentiles(&all),
            runs: each,
        };
        (sample, all)
    }
}

/// Returns the number of calls from which a percentile is reliable: 100 calls beyond it.
pub(crate) fn calls_needed(percent: u32) -> u64 {
    10_000 / u64::from(100 - percent.min(99))
}

fn percentiles(sorted: &[u64]) -> Percentiles<Latency> {
    if sorted.is_empty() {
        return Percentiles::default();
    }
    Percentiles::from(|percent| {
        Latency(Duration::from_nanos(quantile(sorted, f64::from(percent) / 100.0).round() as u64))
    })
}

fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_nanos() as f64 / 1e6)
}
