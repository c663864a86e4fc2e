//! Learns a performance model from recordings: which queue, how many workers, and what each
//! operation demands of them.
//!
//! For each candidate model the demands are recovered from arrivals and finishes (`station_model`).
//! Given the true model they do not depend on load; how much they do is the candidate's effect size
//! (`search::load_dependence`). The candidate with the smallest effect size wins
//! (`search::model_search`), together with a fixed latency outside the queue. Candidates that the
//! effect size does not separate are judged by predicting the highest load of the tape from the
//! rest (`search::holdout_validation`); that error is what to expect beyond the tape. At light
//! load, where few calls waited, those few decide by their likelihood (`search::rare_waits`). No
//! step assumes a distribution of demands or of arrivals.
//!
//! Effects outside the queue are removed first: waits at a rate limit (`prepare::leaky_bucket`) and
//! stalls (`prepare::stalls`). Where no single station explains the tape, models with more
//! parameters are tried: a load-dependent service rate (`search::load_dependent_rate`), a tandem
//! queue (`search::tandem_queue`), and a delay center beside a queue (`search::delay_center`). The
//! demands are then described by operation and response class (`demand`), rejections by status
//! (`limits`), and caveats in words (`report::findings`).

mod demand;
mod limits;
mod prepare;
mod report;
mod search;
mod simulation;
mod station_model;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use self::limits::RejectionLimits;
use self::prepare::stalls::StallIntervals;
use self::prepare::workload::Workload;
use self::report::verdict;
use self::search::delay_center::DelayCenterFit;
use self::search::holdout_validation::HoldoutSplit;
use self::search::load_dependent_rate::{self, LoadDependentFit};
use self::search::model_search::ModelRanking;
use self::search::single_station::SingleStationFit;
use self::search::tandem_queue::TandemSearch;
use self::station_model::StationModel;
use standin_model::station::{Capacity, Queue, RateCurve};

pub use demand::gpd_tail::Tail;
pub use demand::{DemandTable, OperationFit, ResponseClass, percentile};
pub use limits::{FittedLimit, LimitKind};
pub use prepare::drift::Drift;
pub use prepare::stalls::FittedStalls;
pub use prepare::trace::{Observation, Trace};
pub use report::findings::Finding;
pub use report::html::FitPage;
pub use search::holdout_validation::Stratum;
pub use station_model::QueueDiscipline;

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
    /// Lowest and highest number of workers that explain the tape about as well.
    pub accepted: Option<(u32, u32)>,
    /// Fixed latency of each call before it enters the queue.
    #[serde(serialize_with = "time")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Drift>,
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
    /// Findings and caveats to report beside the numbers.
    pub statements: Vec<Finding>,
}

/// A candidate model and its quality.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Name with the number of workers: `fifo(4)`.
    pub model: String,
    /// Fixed latency of each call outside the queue.
    #[serde(serialize_with = "time")]
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

/// The error of a recording with too few calls to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFewCalls {
    /// Number of answered calls on the tapes.
    pub calls: u64,
}

impl Fitted {
    /// Fits one model to all tapes of a service.
    pub fn new(service: &str, traces: &[Trace]) -> Result<Self, TooFewCalls> {
        let names = numbered(traces);
        let operation_of = |trace: usize, operation: u32| names[traces[trace].operations[operation as usize].as_str()];
        let (spaced, behind) = RejectionLimits::spaced(traces).unzip();
        let behind = behind.as_deref().unwrap_or(traces);
        let (mut work, left_out) = Workload::new(behind, operation_of);
        if work.len() < LEAST_CALLS {
            return Err(TooFewCalls { calls: work.len() as u64 });
        }
        let (ranking, stalls) = without_stalls(&mut work);
        let split = HoldoutSplit::new(&work);
        let single = SingleStationFit::find(&ranking, split.as_ref(), &work);
        let (chosen, accepted) = (single.scored, single.accepted(&ranking, &work));
        let mut statements = single.statements(&ranking, split.as_ref(), &work);
        let SingleStationFit { candidates, crowd, mut demands, mut strata, .. } = single;
        let mut valid = valid(&work, chosen.model, &demands);
        if spaced.is_some() {
            // calls that waited at the limit need not be among the calls that are fitted
            valid.widen(&Workload::new(traces, operation_of).0);
        }
        let mut effect = chosen.effect;
        let untold = split.as_ref().filter(|_| verdict::suggests_a_family(&statements, chosen, &ranking));
        let curved = untold.and_then(|split| LoadDependentFit::find(&work, split));
        let curved = curved.filter(|curved| curved.is_better(chosen, &strata, ranking.chance.0));
        let curve = curved.as_ref().map(|curved| curved.curve.clone());
        if let Some(curved) = &curved {
            (demands, effect, strata) = (curved.demands.clone(), curved.effect, curved.strata.clone());
            valid.utilization = Some(used(&work, curved.capacity()));
            verdict::explain_by_a_curve(&mut statements, curved, ranking.chance.0);
        }
        let search = untold.filter(|_| curved.is_none()).map(|split| TandemSearch::new(&work, chosen.model, split));
        let change = Drift::find(&work, &demands);
        statements.extend(change.map(|change| change.told(traces)));
        let mut station = chosen.model;
        let limits = RejectionLimits::learn(traces, station, spaced);
        let of_tapes = verdict::recount(traces, &valid, left_out);
        let is_clear = !statements.iter().chain(&of_tapes).any(Finding::blurs_tails);
        let clear = is_clear.then_some(chosen.model);
        let (mut operations, mut default) = demand::operations(&work, &demands, &names, traces, &limits.found, clear);
        statements.extend(limits.told(&default.classes));
        // autocorrelated demands also make calls that arrive together alike
        let has_spells = operations.iter().any(|operation| operation.order.is_some());
        let series = search.as_ref().filter(|_| !has_spells).and_then(TandemSearch::found);
        let has_another = has_spells || crowd.is_some() || curved.is_some() || series.is_some();
        let is_suspected = !has_another && verdict::suggests_a_delay(&statements, chosen, &ranking, &work);
        let delayed = is_suspected.then(|| DelayCenterFit::find(&work, station, split.as_ref()));
        if let Some(delayed) = delayed.flatten() {
            strata = split.as_ref().map(|split| split.repeat(&delayed, &work)).unwrap_or_default();
            verdict::explain_by_a_delay(&mut statements, &delayed, &strata);
            valid.utilization = Some(delayed.utilization(work.most_per_second()).min(1.0));
            station = StationModel { discipline: QueueDiscipline::Fifo, workers: delayed.workers, outside: 0.0 };
            delayed.put_beside(&mut operations, &mut default, &names);
        } else if let Some(series) = series {
            strata.clone_from(&series.strata);
            verdict::explain_by_a_front(&mut statements, series);
            valid.utilization = Some(used(&work, series.capacity));
            station = StationModel { discipline: QueueDiscipline::Fifo, workers: series.workers, outside: 0.0 };
            series.put_before(&mut operations, &mut default, &names);
        } else if let Some(search) = search {
            statements.extend(search.shortfall(&statements));
        }
        statements.extend(of_tapes);
        verdict::tell_a_change_alone(&mut statements);
        station = curve.as_ref().map_or(station, |_| StationModel {
            discipline: QueueDiscipline::Sharing,
            workers: 1,
            outside: 0.0,
        });
        let has_workers = station.discipline != QueueDiscipline::Unlimited && curve.is_none();
        Ok(Self {
            service: service.to_owned(),
            discipline: station.discipline,
            workers: has_workers.then_some(station.workers),
            accepted: accepted.filter(|_| curve.is_none() && default.front.is_none() && station == chosen.model),
            curve,
            outside: nanos(station.outside),
            effect,
            chance: ranking.chance.0,
            unlimited_effect: ranking.unlimited,
            candidates,
            strata,
            change,
            stalls,
            limits: limits.found,
            operations,
            default,
            mistimed: traces.iter().map(|trace| trace.mistimed.len() as u64).sum(),
            valid,
            statements,
        })
    }

    /// Returns the station that serves as the recorded service did, with a bounded queue if a bound
    /// was found.
    pub fn capacity(&self) -> Capacity {
        let inside = self.limits.iter().find_map(|limit| match limit.kind {
            LimitKind::Inside { calls } => Some(calls),
            LimitKind::Rate { .. } => None,
        });
        if let Some(curve) = &self.curve {
            return load_dependent_rate::bounded(curve, inside);
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
        for statement in &mut self.statements {
            if let Finding::Drifted { middle: Some(middle), .. } = statement {
                *middle += from;
            }
        }
        self
    }

    /// Returns true if predictions beyond the recorded load must not be trusted.
    pub fn is_doubtful(&self) -> bool {
        self.statements.iter().any(Finding::marks_predictions)
    }
}

impl ValidRange {
    /// Extends the range to the load of all recorded calls, including those that were not fitted.
    fn widen(&mut self, recorded: &Workload) {
        self.in_flight = self.in_flight.max(recorded.most_inside() + 1);
        self.per_second = recorded.most_per_second();
    }
}

/// Returns the highest utilization of a capacity given in calls a second, at most 1.
fn used(work: &Workload, capacity: f64) -> f64 {
    (work.most_per_second() / capacity).min(1.0)
}

impl fmt::Display for TooFewCalls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} answered calls are too few to fit; record at least {LEAST_CALLS}", self.calls)
    }
}

impl std::error::Error for TooFewCalls {}

/// Numbers the operations of all tapes by name, in alphabetical order.
fn numbered(traces: &[Trace]) -> BTreeMap<&str, u32> {
    let mut names: Vec<&str> = traces.iter().flat_map(|trace| &trace.operations).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().zip(0..).collect()
}

/// Ranks the models, and once more with the stalls removed if there are any.
fn without_stalls(work: &mut Workload) -> (ModelRanking, Option<FittedStalls>) {
    let ranking = ModelRanking::new(work, |_, _| true);
    let pauses = if StallIntervals::may_be_in(work) { StallIntervals::find(work, ranking.best().model) } else { None };
    let Some(pauses) = pauses else { return (ranking, None) };
    let stalls = pauses.describe(work);
    *work = pauses.cut_out_of(work);
    (ModelRanking::new(work, |_, _| true), Some(stalls))
}

fn valid(work: &Workload, model: StationModel, demands: &[f64]) -> ValidRange {
    let mut offered = vec![0.0; work.windows.len()];
    for (call, demand) in demands.iter().enumerate() {
        offered[work.window[call] as usize] += demand.max(0.0);
    }
    let busiest =
        work.windows.iter().zip(&offered).map(|(window, offered)| offered / window.length).max_by(f64::total_cmp);
    let has_queue = model.discipline != QueueDiscipline::Unlimited;
    ValidRange {
        utilization: busiest
            .filter(|_| has_queue) // more may come within a window than it can do
            .map(|busiest| (busiest / f64::from(model.workers)).min(1.0)),
        in_flight: work.most_inside() + 1,
        per_second: work.most_per_second(),
        samples: work.counted.iter().filter(|counted| **counted).count() as u64,
    }
}

fn nanos(nanos: f64) -> Duration {
    Duration::from_nanos(nanos.round() as u64)
}

fn time<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&standin_stub::delay::units::duration(*time))
}

/// Minimum number of calls of a recording that is fitted.
const LEAST_CALLS: usize = 200;
