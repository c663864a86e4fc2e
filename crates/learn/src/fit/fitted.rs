//! The result of a fit: the model, its range of validity, and the findings about it.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Serialize;

use super::confidence::prediction::LoadPrediction;
use super::demand::OperationFit;
use super::limits::{FittedLimit, LimitKind};
use super::prepare::drift::Drift;
use super::prepare::stalls::FittedStalls;
use super::report::findings::Finding;
use super::search::holdout_validation::Stratum;
use super::search::load_dependent_rate::bounded_curve;
use super::simulation;
use super::station_model::QueueDiscipline;
use super::time;
use standin_model::station::{Capacity, Queue, RateCurve};

/// A fitted performance model of one service, and its range of validity.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fitted {
    /// Name of the service.
    pub service: String,
    /// Queueing discipline: how calls share the workers.
    pub discipline: QueueDiscipline,
    /// Number of workers; `None` if calls do not delay each other.
    pub workers: Option<u32>,
    /// Service rate by the number of calls inside, where that was measured instead of a number of
    /// workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curve: Option<RateCurve>,
    /// Number of cores in a layered queue: calls share them while they hold one of the workers, or
    /// at once if there are no workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<u32>,
    /// Lowest and highest number of workers that explain the tape about as well.
    pub accepted: Option<(u32, u32)>,
    /// Fixed latency of each call before it enters the queue.
    #[serde(serialize_with = "time::serialize")]
    pub outside: Duration,
    /// Effect size: how much demands still depend on load, relative to their mean. About 0.05 for a
    /// right model, 0.2 for a wrong one.
    pub effect: f64,
    /// Effect size that chance alone produces.
    pub chance: f64,
    /// Effect size of the model in which calls do not delay each other.
    pub unlimited_effect: f64,
    /// Best candidates, in ascending order of effect size.
    pub candidates: Vec<Candidate>,
    /// Predicted against recorded latencies by load, in ascending order of load; empty if the load
    /// hardly varied.
    pub strata: Vec<Stratum>,
    /// Change of the service during the recording, if one was found.
    #[serde(rename = "change", skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// Stalls (spells without any progress), if any were found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalls: Option<FittedStalls>,
    /// Limits at which the service rejects calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<FittedLimit>,
    /// Operations with enough calls, by name.
    pub operations: Vec<OperationFit>,
    /// All operations together; serves calls of no listed operation.
    pub default: OperationFit,
    /// Number of calls excluded because their time stamps cannot be true.
    pub mistimed: u64,
    /// Observed range; beyond it the model is a guess.
    pub valid: ValidRange,
    /// Latencies that are expected at 80 to 120 % of the highest recorded load and at the loads
    /// that were asked for, in ascending order of load; empty if no load could be held out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub predictions: Vec<LoadPrediction>,
    /// Names of other models that the tape accepts, the closest first; the intervals of the
    /// predictions hold theirs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
    /// Highest of these loads, in calls a second, up to which the models that the tape accepts
    /// agree within 30 %; 0 if they agree at none, `None` without predictions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_up_to: Option<f64>,
    /// Findings and caveats to report beside the numbers.
    #[serde(rename = "statements")]
    pub findings: Vec<Finding>,
}

/// A candidate model and its quality.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Name with the number of workers: `fifo(4)`.
    pub model: String,
    /// Fixed latency of each call outside the queue.
    #[serde(serialize_with = "time::serialize")]
    pub outside: Duration,
    /// Effect size: how much demands depend on load under this model.
    pub effect: f64,
    /// Mean relative error of its prediction of the held-out highest load; `None` if it was not
    /// predicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extrapolation: Option<f64>,
}

/// The range of load that was observed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidRange {
    /// Highest utilization, 0 to 1; `None` for `unlimited`.
    pub utilization: Option<f64>,
    /// Highest number of calls at the service at the same time.
    pub in_flight: u32,
    /// Highest arrival rate, in calls a second.
    pub per_second: f64,
    /// Number of calls that the model was fitted to.
    pub samples: u64,
}

impl Fitted {
    /// Returns the station that serves as the recorded service did, with a bounded queue if a bound
    /// was found.
    pub fn capacity(&self) -> Capacity {
        let inside = self.limits.iter().find_map(|limit| match limit.kind {
            LimitKind::Inside { calls } => Some(calls),
            LimitKind::Rate { .. } => None,
        });
        if let Some(curve) = &self.curve {
            return bounded_curve(curve, inside);
        }
        if let Some(cores) = self.cores {
            let held = self.workers.unwrap_or(cores);
            return Capacity::Layered {
                workers: self.workers.and_then(NonZeroU32::new),
                cores: Some(f64::from(cores)),
                queue: inside.map_or(Queue::Unbounded, |calls| Queue::AtMost(calls.saturating_sub(held))),
            };
        }
        match (self.workers, inside) {
            (Some(workers), Some(calls)) => {
                simulation::capacity(self.discipline, workers, Queue::AtMost(calls.saturating_sub(workers)))
            }
            (Some(workers), None) => simulation::capacity(self.discipline, workers, Queue::Unbounded),
            // at most this many calls at a time, which do not delay each other, and no queue
            (None, Some(calls)) => simulation::capacity(QueueDiscipline::Fifo, calls, Queue::AtMost(0)),
            (None, None) => Capacity::Unlimited,
        }
    }

    /// Returns the station that calls pass before the workers, if there is one.
    pub fn front(&self) -> Option<Capacity> {
        self.default.front.as_ref().map(|_| simulation::capacity(QueueDiscipline::Fifo, 1, Queue::Unbounded))
    }

    /// Shifts reported times by `from`, the length that was cut off the beginning of the tapes, so
    /// that they count from the tape's first call.
    #[must_use]
    pub fn since(mut self, from: Duration) -> Self {
        for finding in &mut self.findings {
            if let Finding::Drifted { middle: Some(middle), .. } = finding {
                *middle += from;
            }
        }
        self
    }

    /// Returns true if the model does not explain the recording, or does not predict its highest
    /// load from the rest.
    pub fn is_unexplained(&self) -> bool {
        self.findings.iter().any(Finding::is_unexplained)
    }

    /// Returns true if the models that the tape accepts disagree at a load up to 120 % of the
    /// recorded one, or at a load that was asked for.
    pub fn is_uncertain(&self) -> bool {
        self.findings.iter().any(|finding| matches!(finding, Finding::Uncertain { .. }))
    }

    /// Returns true if predictions beyond the recorded load must not be trusted.
    pub fn is_doubtful(&self) -> bool {
        self.findings.iter().any(Finding::is_doubtful)
    }
}
