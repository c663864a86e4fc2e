//! From a recording to a performance model: which queue, how many workers, and what each operation demands of them.
//!
//! For each candidate the demands are recovered from arrivals and finishes (`model`); given the true one they do not depend on
//! load, and how much they do is its effect size (`effect`). The smallest wins (`choice`), together with a constant part outside
//! the queue. Candidates that this does not tell apart are judged by predicting the highest load of the tape from the rest
//! (`check`), and that error is what to expect beyond the tape. Where hardly any call waited, those few are weighed by themselves
//! (`crowd`). None of that assumes a distribution of demands or arrivals.
//!
//! What is not the queue's is taken away first: turns at a limit (`spacing`), stalls (`stalls`). Where no single station explains the
//! tape, families of more parameters are tried: rates by population (`curved`), a front before a pool (`series`), a delay that
//! varies beside a queue (`delayed`). What calls demand of the model is then told by operation and class (`demand`, `length`,
//! `order`, `tail`), what turns them away by status (`limits`), and what must be said beside it in words (`verdict`, `statement`).

mod answer;
mod change;
mod check;
mod choice;
mod crowd;
mod curved;
mod delayed;
mod demand;
mod effect;
mod html;
mod length;
mod limits;
mod model;
mod order;
mod plots;
mod profile;
mod report;
mod series;
mod simulation;
mod single;
mod spacing;
mod stalls;
mod statement;
mod table;
mod tail;
mod telling;
mod trace;
mod verdict;
mod workload;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use self::check::Split;
use self::choice::Ranking;
use self::curved::Curved;
use self::delayed::Delayed;
use self::limits::Limits;
use self::model::Model;
use self::series::Search;
use self::single::Single;
use self::stalls::Pauses;
use self::workload::Workload;
use standin_model::station::{Capacity, Queue, RateCurve};

pub use change::Change;
pub use check::Stratum;
pub use demand::{Class, Demand, OperationFit, percentile};
pub use html::Html;
pub use limits::{Limit, LimitKind};
pub use model::Discipline;
pub use stalls::Stalls;
pub use statement::Statement;
pub use tail::Tail;
pub use trace::{Observation, Trace};

/// A fitted performance model of one service, and how far it can be trusted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fitted {
    /// The name of the service.
    pub service: String,
    /// How calls share the workers.
    pub discipline: Discipline,
    /// The number of workers; none if calls do not disturb each other.
    pub workers: Option<u32>,
    /// How fast calls that share are worked on by how many there are, where that was measured in place of a number of workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curve: Option<RateCurve>,
    /// Numbers of workers that explain the tape about as well, the lowest and the highest.
    pub accepted: Option<(u32, u32)>,
    /// What each call waits beside the queue, before it.
    #[serde(serialize_with = "time")]
    pub outside: Duration,
    /// How much demands still depend on load, by their mean: about 0.05 where a model is right, 0.2 where none is.
    pub effect: f64,
    /// What the effect size would be by chance.
    pub chance: f64,
    /// The effect size if calls did not disturb each other.
    pub unlimited_effect: f64,
    /// The best candidates by effect size.
    pub candidates: Vec<Candidate>,
    /// The model's predictions of the tape, from the lowest load to the highest, whose demands it did not know; empty if the
    /// load hardly varied.
    pub strata: Vec<Stratum>,
    /// How the service changed meanwhile, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// Spells in which it did nothing, if it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalls: Option<Stalls>,
    /// What turned calls away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// Operations of enough calls, by name.
    pub operations: Vec<OperationFit>,
    /// All operations together, for calls of none of them.
    pub default: OperationFit,
    /// Calls left out because their time stamps cannot be true.
    pub mistimed: u64,
    /// The observed range, beyond which the model is a guess.
    pub valid: Valid,
    /// What must be said beside the numbers.
    pub statements: Vec<Statement>,
}

/// A candidate and how well it does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// As in `fifo(4)`.
    pub model: String,
    /// What each call waits beside the queue.
    #[serde(serialize_with = "time")]
    pub outside: Duration,
    /// Its effect size.
    pub effect: f64,
    /// The mean error of its prediction of the highest load, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extrapolation: Option<f64>,
}

/// The observed range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Valid {
    /// The highest share of the capacity that was used, 0 to 1; none for `unlimited`.
    pub utilization: Option<f64>,
    /// The most calls at the service at a time.
    pub in_flight: u32,
    /// The highest rate of arrivals.
    pub per_second: f64,
    /// Calls that the model was fitted to.
    pub samples: u64,
}

/// Why nothing can be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFewCalls {
    /// Answered calls on the tapes.
    pub calls: u64,
}

impl Fitted {
    /// Fits one model to all tapes of a service.
    pub fn new(service: &str, traces: &[Trace]) -> Result<Self, TooFewCalls> {
        let names = numbered(traces);
        let operation_of = |trace: usize, operation: u32| names[traces[trace].operations[operation as usize].as_str()];
        let (spaced, behind) = Limits::spaced(traces).unzip();
        let behind = behind.as_deref().unwrap_or(traces);
        let (mut work, left_out) = Workload::new(behind, operation_of);
        if work.len() < LEAST_CALLS {
            return Err(TooFewCalls { calls: work.len() as u64 });
        }
        let (ranking, stalls) = without_stalls(&mut work);
        let split = Split::new(&work);
        let single = Single::find(&ranking, split.as_ref(), &work);
        let (chosen, accepted) = (single.scored, single.accepted(&ranking, &work));
        let mut statements = single.statements(&ranking, split.as_ref(), &work);
        let Single { candidates, crowd, mut demands, mut strata, .. } = single;
        let mut valid = valid(&work, chosen.model, &demands);
        if spaced.is_some() {
            // those that waited for their turn need not be among the calls that are fitted
            valid.widen(&Workload::new(traces, operation_of).0);
        }
        let mut effect = chosen.effect;
        let untold = split.as_ref().filter(|_| verdict::suggests_a_family(&statements, chosen, &ranking));
        let curved = untold.and_then(|split| Curved::find(&work, split));
        let curved = curved.filter(|curved| curved.is_better(chosen, &strata, ranking.chance.0));
        let curve = curved.as_ref().map(|curved| curved.curve.clone());
        if let Some(curved) = &curved {
            (demands, effect, strata) = (curved.demands.clone(), curved.effect, curved.strata.clone());
            valid.utilization = Some(used(&work, curved.capacity()));
            verdict::explain_by_a_curve(&mut statements, curved, ranking.chance.0);
        }
        let search = untold.filter(|_| curved.is_none()).map(|split| Search::new(&work, chosen.model, split));
        let change = Change::find(&work, &demands);
        statements.extend(change.map(|change| change.told(traces)));
        let mut station = chosen.model;
        let limits = Limits::learn(traces, station, spaced);
        let of_tapes = verdict::recount(traces, &valid, left_out);
        let is_clear = !statements.iter().chain(&of_tapes).any(Statement::blurs_tails);
        let clear = is_clear.then_some(chosen.model);
        let (mut operations, mut default) = demand::operations(&work, &demands, &names, traces, &limits.found, clear);
        statements.extend(limits.told(&default.classes));
        // slow spells make calls that come together alike, too
        let has_spells = operations.iter().any(|operation| operation.order.is_some());
        let series = search.as_ref().filter(|_| !has_spells).and_then(Search::found);
        let has_another = has_spells || crowd.is_some() || curved.is_some() || series.is_some();
        let is_suspected = !has_another && verdict::suggests_a_delay(&statements, chosen, &ranking, &work);
        let delayed = is_suspected.then(|| Delayed::find(&work, station, split.as_ref()));
        if let Some(delayed) = delayed.flatten() {
            strata = split.as_ref().map(|split| split.repeat(&delayed, &work)).unwrap_or_default();
            verdict::explain_by_a_delay(&mut statements, &delayed, &strata);
            valid.utilization = Some(delayed.utilization(work.most_per_second()).min(1.0));
            station = Model { discipline: Discipline::Fifo, workers: delayed.workers, outside: 0.0 };
            delayed.put_beside(&mut operations, &mut default, &names);
        } else if let Some(series) = series {
            strata.clone_from(&series.strata);
            verdict::explain_by_a_front(&mut statements, series);
            valid.utilization = Some(used(&work, series.capacity));
            station = Model { discipline: Discipline::Fifo, workers: series.workers, outside: 0.0 };
            series.put_before(&mut operations, &mut default, &names);
        } else if let Some(search) = search {
            statements.extend(search.shortfall(&statements));
        }
        statements.extend(of_tapes);
        verdict::tell_a_change_alone(&mut statements);
        station =
            curve.as_ref().map_or(station, |_| Model { discipline: Discipline::Sharing, workers: 1, outside: 0.0 });
        let has_workers = station.discipline != Discipline::Unlimited && curve.is_none();
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

    /// The station that serves as the service did; its queue has a bound if one was seen.
    pub fn capacity(&self) -> Capacity {
        let inside = self.limits.iter().find_map(|limit| match limit.kind {
            LimitKind::Inside { calls } => Some(calls),
            LimitKind::Rate { .. } => None,
        });
        if let Some(curve) = &self.curve {
            return curved::bounded(curve, inside);
        }
        match (self.workers, inside) {
            (Some(workers), Some(calls)) => {
                simulation::capacity(self.discipline, workers, Queue::AtMost(calls.saturating_sub(workers)))
            }
            (Some(workers), None) => simulation::capacity(self.discipline, workers, Queue::Unbounded),
            // so many at a time that do not disturb each other, and none waits
            (None, Some(calls)) => simulation::capacity(Discipline::Fifo, calls, Queue::AtMost(0)),
            (None, None) => Capacity::Unlimited,
        }
    }

    /// The station that calls pass before, if there is one.
    pub fn front(&self) -> Option<Capacity> {
        self.default.front.as_ref().map(|_| simulation::capacity(Discipline::Fifo, 1, Queue::Unbounded))
    }

    /// The same, of tapes of which what came earlier was left out: times within them are counted from their first calls.
    #[must_use]
    pub fn since(mut self, from: Duration) -> Self {
        for statement in &mut self.statements {
            if let Statement::Changed { middle: Some(middle), .. } = statement {
                *middle += from;
            }
        }
        self
    }

    /// Whether predictions beyond the recorded load must not be trusted.
    pub fn is_doubtful(&self) -> bool {
        self.statements.iter().any(Statement::marks_predictions)
    }
}

impl Valid {
    /// To the load of calls that are not among those that are fitted.
    fn widen(&mut self, recorded: &Workload) {
        self.in_flight = self.in_flight.max(recorded.most_inside() + 1);
        self.per_second = recorded.most_per_second();
    }
}

/// The highest share of a capacity in calls a second.
fn used(work: &Workload, capacity: f64) -> f64 {
    (work.most_per_second() / capacity).min(1.0)
}

impl fmt::Display for TooFewCalls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} answered calls are too few to fit; record at least {LEAST_CALLS}", self.calls)
    }
}

impl std::error::Error for TooFewCalls {}

/// The operations of all tapes, numbered by their names.
fn numbered(traces: &[Trace]) -> BTreeMap<&str, u32> {
    let mut names: Vec<&str> = traces.iter().flat_map(|trace| &trace.operations).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().zip(0..).collect()
}

/// Searches for a model, and once more without the stalls if there are any.
fn without_stalls(work: &mut Workload) -> (Ranking, Option<Stalls>) {
    let ranking = Ranking::new(work, |_, _| true);
    let pauses = if Pauses::may_be_in(work) { Pauses::find(work, ranking.best().model) } else { None };
    let Some(pauses) = pauses else { return (ranking, None) };
    let stalls = pauses.describe(work);
    *work = pauses.cut_out_of(work);
    (Ranking::new(work, |_, _| true), Some(stalls))
}

fn valid(work: &Workload, model: Model, demands: &[f64]) -> Valid {
    let mut offered = vec![0.0; work.windows.len()];
    for (call, demand) in demands.iter().enumerate() {
        offered[work.window[call] as usize] += demand.max(0.0);
    }
    let busiest =
        work.windows.iter().zip(&offered).map(|(window, offered)| offered / window.length).max_by(f64::total_cmp);
    let has_queue = model.discipline != Discipline::Unlimited;
    Valid {
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

/// Fewer calls are no recording.
const LEAST_CALLS: usize = 200;
