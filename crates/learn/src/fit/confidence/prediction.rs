//! Predicted latencies at a load: those of the served model, and the interval that all accepted
//! models span.

use std::time::Duration;

use serde::Serialize;

use super::ConfidenceSet;
use super::load_schedule::ArrivalPattern;
use super::member::Member;
use crate::fit::prepare::workload::Workload;
use crate::fit::time;
use standin_model::stats::{Moments, quantile};

/// Latencies that are expected at a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadPrediction {
    /// Arrival rate in calls a second.
    pub per_second: f64,
    /// p50, p95 and p99 of all calls.
    pub all: [LatencyInterval; 3],
    /// p50, p95 and p99 of each operation that has calls at the recorded load, by name.
    pub operations: Vec<OperationPrediction>,
}

/// Latencies that are expected of an operation at a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationPrediction {
    /// Name of the operation.
    pub name: String,
    /// p50, p95 and p99.
    pub quantiles: [LatencyInterval; 3],
}

/// A latency with the interval that holds it with a probability of 90 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LatencyInterval {
    /// Lower end.
    #[serde(serialize_with = "time::serialize")]
    pub low: Duration,
    /// Prediction of the served model.
    #[serde(serialize_with = "time::serialize")]
    pub expected: Duration,
    /// Upper end.
    #[serde(serialize_with = "time::serialize")]
    pub high: Duration,
}

impl LatencyInterval {
    /// Returns the largest relative distance between the prediction and an end of the interval:
    /// 0.3 if the upper end is 30 % above the prediction.
    pub fn width(&self) -> f64 {
        let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64().max(1e-9);
        ratio(self.high, self.expected).max(ratio(self.expected, self.low)) - 1.0
    }
}

impl LoadPrediction {
    /// Returns the largest width of the intervals of p50 and p95 of all calls.
    pub fn width(&self) -> f64 {
        self.all[0].width().max(self.all[1].width())
    }
}

/// Predicts latencies at other loads than the recorded ones.
pub(crate) struct Predictor<'w> {
    work: &'w Workload,
    pattern: ArrivalPattern,
    names: Vec<String>,
}

/// Logarithms of p50, p95 and p99: mean over runs, and the variance of a single run.
type LogQuantiles = [(f64, f64); 3];

impl<'w> Predictor<'w> {
    /// Makes a predictor for a workload whose operations have these names.
    pub(crate) fn new(work: &'w Workload, pattern: ArrivalPattern, names: Vec<String>) -> Self {
        Self { work, pattern, names }
    }

    /// Predicts latencies at a rate in calls a second.
    pub(crate) fn predict(&self, set: &ConfidenceSet, per_second: f64) -> LoadPrediction {
        let schedules: Vec<Workload> = (0..RUNS).map(|run| self.pattern.at(per_second, CALLS, run)).collect();
        let all: Vec<Vec<Option<LogQuantiles>>> =
            set.accepted().into_iter().map(|member| self.quantiles(member, &schedules)).collect();
        let interval = |group: usize| {
            let of_group: Vec<LogQuantiles> = all.iter().filter_map(|groups| groups[group]).collect();
            (of_group.len() == all.len()).then(|| [0, 1, 2].map(|place| interval(&of_group, place)))
        };
        let operations = self.names.iter().enumerate().filter_map(|(operation, name)| {
            Some(OperationPrediction { name: name.clone(), quantiles: interval(operation)? })
        });
        let none = LatencyInterval { low: Duration::ZERO, expected: Duration::ZERO, high: Duration::ZERO };
        LoadPrediction {
            per_second,
            operations: operations.collect(),
            all: interval(self.work.operation_count).unwrap_or([none; 3]),
        }
    }

    /// Returns the quantiles that a model predicts, by operation and of all calls at last.
    fn quantiles(&self, member: &Member, schedules: &[Workload]) -> Vec<Option<LogQuantiles>> {
        let sampler = member.sampler(self.work);
        let mut logs = vec![Vec::new(); self.work.operation_count + 1];
        for (run, schedule) in schedules.iter().enumerate() {
            let latencies = member.run(&sampler, schedule, FIRST_SEED + run as u64);
            let mut groups = vec![Vec::new(); self.work.operation_count + 1];
            for call in WARM_UP_CALLS..latencies.len() {
                groups[schedule.operations[call] as usize].push(latencies[call]);
                groups[self.work.operation_count].push(latencies[call]);
            }
            for (logs, mut group) in logs.iter_mut().zip(groups) {
                group.sort_unstable_by(f64::total_cmp);
                if group.len() >= MIN_CALLS {
                    logs.push([0.5, 0.95, 0.99].map(|share| quantile(&group, share).max(1.0).ln()));
                }
            }
        }
        let of = |logs: &Vec<[f64; 3]>| {
            (logs.len() == schedules.len()).then(|| {
                [0, 1, 2].map(|place| {
                    let moments = Moments::new(logs.iter().map(|log| log[place]));
                    (moments.mean, moments.sample_variance())
                })
            })
        };
        logs.iter().map(of).collect()
    }
}

/// Returns the interval of one quantile over all models: their span, and at both ends what chance
/// does to a tape.
fn interval(models: &[LogQuantiles], place: usize) -> LatencyInterval {
    let (low, high) = models.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), model| {
        (f64::min(low, model[place].0), f64::max(high, model[place].0))
    });
    let variance = models.iter().map(|model| model[place].1).sum::<f64>() / models.len().max(1) as f64;
    let chance = CHANCE * variance.sqrt();
    let nanos = |log: f64| Duration::from_nanos(log.exp() as u64);
    LatencyInterval { low: nanos(low - chance), expected: nanos(models[0][place].0), high: nanos(high + chance) }
}

/// Number of runs of each model at each load, and their calls.
const RUNS: u64 = 3;
const CALLS: usize = 7_000;
/// Number of first calls of a run that do not count, because they find an empty service.
const WARM_UP_CALLS: usize = 500;
/// Minimum number of calls of an operation in a run.
const MIN_CALLS: usize = 100;
/// Seed of the first run; others than those of the runs on the tape.
const FIRST_SEED: u64 = 100;
/// Standard deviations of a run by which an interval goes beyond the predictions of the models: the
/// tape is one such run, and the prediction is a mean of three. 1.645 for 90 %, times the root of
/// 1/3 for the runs and 1/2 for the tape, which has more calls.
const CHANCE: f64 = 1.5;
