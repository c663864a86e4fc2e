//! The model that explains a recording: a single station, replaced by a model with more parameters
//! where that explains the recording better.

use std::collections::BTreeMap;

use super::demand::by_operation::{OperationTables, operation_tables};
use super::fitted::{Candidate, ValidRange};
use super::inconsistency::{FitError, MIN_CALLS};
use super::limits::{FittedLimit, RejectionLimits};
use super::prepare::stalls::{FittedStalls, StallIntervals};
use super::prepare::trace::Trace;
use super::prepare::workload::{ExcludedCalls, Workload};
use super::report::findings::{Finding, rules};
use super::search::delay_center::DelayCenterFit;
use super::search::holdout_validation::{self, HoldoutSplit, Stratum};
use super::search::layered::LayeredFit;
use super::search::layered::search::LayeredCandidate;
use super::search::load_dependent_rate::LoadDependentFit;
use super::search::model_search::{ModelRanking, ScoredModel};
use super::search::single_station::SingleStationFit;
use super::search::tandem_queue::{TandemFit, TandemSearch};
use super::station_model::{QueueDiscipline, StationModel};
use standin_model::station::RateCurve;

/// A recording prepared for the search, with the ranking of single stations.
pub(crate) struct Prepared<'t> {
    traces: &'t [Trace],
    /// Numbers of operations, by name.
    pub(crate) operations: BTreeMap<&'t str, u32>,
    pub(crate) work: Workload,
    pub(crate) excluded: ExcludedCalls,
    /// Rate limit whose waits were removed from the workload.
    pub(crate) leaky_bucket: Option<FittedLimit>,
    /// Stalls that were cut out of the workload.
    pub(crate) stalls: Option<FittedStalls>,
    pub(crate) ranking: ModelRanking,
    pub(crate) split: Option<HoldoutSplit>,
}

/// The model that explains a recording, with what follows from it.
pub(crate) struct Explanation {
    /// Single station that explains the recording best.
    pub(crate) chosen: ScoredModel,
    /// Station of the model; differs from `chosen` in models with more parameters.
    station: StationModel,
    /// Service rate by the number of calls inside, where that replaces a number of workers.
    pub(crate) curve: Option<RateCurve>,
    /// Pool and CPU shares, where those replace the single station.
    pub(crate) layered: Option<LayeredFit>,
    /// Range of workers that explain the recording as well as `chosen`.
    accepted_workers: Option<(u32, u32)>,
    pub(crate) candidates: Vec<Candidate>,
    /// True if the few calls that waited at light load decided.
    pub(crate) is_light_load: bool,
    /// Layered queues and the curve that were tried.
    pub(crate) layered_candidates: Vec<LayeredCandidate>,
    pub(crate) curve_candidate: Option<RateCurve>,
    /// Recovered demand of each call, in nanoseconds.
    pub(crate) demands: Vec<f64>,
    pub(crate) effect: f64,
    pub(crate) strata: Vec<Stratum>,
    pub(crate) valid: ValidRange,
    pub(crate) findings: Vec<Finding>,
}

impl<'t> Prepared<'t> {
    /// Removes waits at a rate limit and stalls from the tapes, and ranks the single stations.
    pub(crate) fn new(traces: &'t [Trace]) -> Result<Self, FitError> {
        for trace in traces {
            trace.check_consistency()?;
        }
        let operations = number_operations(traces);
        let (leaky_bucket, behind) = RejectionLimits::find_leaky_bucket(traces).unzip();
        let (mut work, excluded) = join(behind.as_deref().unwrap_or(traces), &operations);
        if work.len() < MIN_CALLS {
            return Err(FitError::TooFewCalls { calls: work.len() as u64 });
        }
        let (ranking, stalls) = rank_without_stalls(&mut work);
        let split = HoldoutSplit::new(&work);
        Ok(Self { traces, operations, work, excluded, leaky_bucket, stalls, ranking, split })
    }

    /// Returns the observed range of load under a model.
    fn valid_range(&self, model: StationModel, demands: &[f64]) -> ValidRange {
        let mut valid = valid_range(&self.work, model, demands);
        if self.leaky_bucket.is_some() {
            // calls that waited at the limit need not be among the calls that are fitted
            let recorded = join(self.traces, &self.operations).0;
            valid.in_flight = valid.in_flight.max(recorded.max_inside() + 1);
            valid.per_second = recorded.max_per_second();
        }
        valid
    }
}

impl Explanation {
    /// Finds the single station that explains the recording best.
    pub(crate) fn of_single_station(prepared: &Prepared<'_>) -> Self {
        let Prepared { work, ranking, .. } = prepared;
        let split = prepared.split.as_ref();
        let fit = SingleStationFit::find(ranking, split, work);
        Self {
            chosen: fit.scored,
            station: fit.scored.model,
            curve: None,
            layered: None,
            accepted_workers: fit.accepted_workers(ranking, work),
            findings: rules::for_single_station(&fit, ranking, split, work),
            valid: prepared.valid_range(fit.scored.model, &fit.demands),
            is_light_load: fit.light_load.is_some(),
            layered_candidates: Vec::new(),
            curve_candidate: None,
            candidates: fit.candidates,
            demands: fit.demands,
            effect: fit.scored.effect,
            strata: fit.strata,
        }
    }

    /// Replaces an unsatisfactory single station by a layered queue or a load-dependent rate, or
    /// else searches for a tandem queue.
    pub(crate) fn try_more_parameters(&mut self, prepared: &Prepared<'_>) -> Option<TandemSearch> {
        let Prepared { work, ranking, .. } = prepared;
        let has_queue = self.chosen.model.discipline != QueueDiscipline::Unlimited;
        let split = prepared.split.as_ref().filter(|_| has_queue)?;
        let is_open = rules::suggests_more_parameters(&self.findings, self.chosen, ranking);
        // shared cores look much like shared workers; what is left of stalls looks like shared
        // cores
        let may_be_cores = self.chosen.model.discipline == QueueDiscipline::Sharing
            && !self.is_light_load
            && prepared.stalls.is_none();
        if !is_open && !may_be_cores {
            return None;
        }
        let tolerance = ranking.tolerance().min(MAX_TOLERANCE);
        let candidates =
            LayeredFit::candidates(work, &(1..=u32::MAX), &[work.round_trip, self.chosen.model.outside], tolerance);
        let layered = LayeredFit::choose(work, split, candidates.clone(), tolerance);
        self.layered_candidates = candidates;
        let layered = layered.filter(|fit| {
            let error = split.held_out_error(self.chosen.model, work);
            let is_better = if is_open { LayeredFit::is_better } else { LayeredFit::is_better_in_both };
            is_better(fit, self.chosen, error, tolerance)
        });
        let curve = if is_open { LoadDependentFit::find(work, split) } else { None };
        self.curve_candidate = curve.as_ref().map(|fit| fit.curve.clone());
        let curve = curve.filter(|fit| fit.is_better(self.chosen, &self.strata, ranking.chance.0));
        match (layered, curve) {
            // one rate for all operations is simpler than a CPU share of each
            (Some(fit), Some(curve)) if !curve.is_clearly_worse(fit.effect, &fit.strata, tolerance) => {
                self.replace_with_load_dependent_rate(curve, prepared);
                None
            }
            (Some(fit), _) => {
                let is_explained = !rules::leaves_open(&fit, ranking.chance.0);
                self.replace_with_layered_queue(fit, prepared);
                (!is_explained).then(|| TandemSearch::new(work, self.chosen.model, split))
            }
            (None, Some(curve)) => {
                self.replace_with_load_dependent_rate(curve, prepared);
                None
            }
            (None, None) => is_open.then(|| TandemSearch::new(work, self.chosen.model, split)),
        }
    }

    pub(crate) fn replace_with_layered_queue(&mut self, fit: LayeredFit, prepared: &Prepared<'_>) {
        self.valid.utilization = fit.capacity.map(|capacity| utilization(&prepared.work, capacity));
        rules::replace_with_layered_queue(&mut self.findings, &fit, prepared.ranking.chance.0);
        self.demands.clone_from(&fit.demands);
        (self.effect, self.is_light_load) = (fit.effect, false);
        self.strata.clone_from(&fit.strata);
        self.station = match fit.model.workers {
            Some(workers) => StationModel { discipline: QueueDiscipline::Fifo, workers, outside: fit.model.outside },
            None => StationModel {
                discipline: QueueDiscipline::Sharing,
                workers: fit.model.cores,
                outside: fit.model.outside,
            },
        };
        self.layered = Some(fit);
    }

    fn replace_with_load_dependent_rate(&mut self, fit: LoadDependentFit, prepared: &Prepared<'_>) {
        self.valid.utilization = Some(utilization(&prepared.work, fit.capacity()));
        rules::replace_with_load_dependent_rate(&mut self.findings, &fit, prepared.ranking.chance.0);
        (self.demands, self.effect, self.strata) = (fit.demands, fit.effect, fit.strata);
        self.curve = Some(fit.curve);
    }

    /// Builds the tables of demands; they continue beyond the sample if no finding says that waits
    /// may be mistaken for demands.
    pub(crate) fn tables(
        &self,
        prepared: &Prepared<'_>,
        limits: &RejectionLimits,
        about_tapes: &[Finding],
    ) -> OperationTables {
        let is_clear = !self.findings.iter().chain(about_tapes).any(Finding::blurs_tails);
        let clear = is_clear.then_some(self.chosen.model);
        let Prepared { traces, operations, work, .. } = prepared;
        let mut tables = operation_tables(work, &self.demands, operations, traces, &limits.found, clear);
        if let Some(layered) = &self.layered {
            for operation in &mut tables.operations {
                layered.describe(operation, operations[operation.name.as_str()] as usize);
            }
            layered.describe_default(&mut tables.default, work);
        }
        tables
    }

    /// Replaces an unsatisfactory single station by a delay center and a queue, which is returned,
    /// or by the tandem queue that was found.
    pub(crate) fn try_two_stations(
        &mut self,
        search: Option<TandemSearch>,
        prepared: &Prepared<'_>,
        tables: &mut OperationTables,
    ) -> Option<DelayCenterFit> {
        let Prepared { work, ranking, .. } = prepared;
        let split = prepared.split.as_ref();
        // autocorrelated demands also make calls that arrive together alike
        let has_slow_spells = tables.operations.iter().any(|operation| operation.autocorrelation.is_some());
        let tandem = search.as_ref().filter(|_| !has_slow_spells).and_then(TandemSearch::found);
        let is_layered = self
            .layered
            .as_ref()
            .is_some_and(|fit| !rules::leaves_open(fit, ranking.chance.0) && !rules::stands_for_a_delay(fit));
        let is_explained =
            has_slow_spells || self.is_light_load || self.curve.is_some() || tandem.is_some() || is_layered;
        let is_suspected = !is_explained && rules::suggests_delay_center(&self.findings, self.chosen, ranking, work);
        let delay_center = is_suspected.then(|| DelayCenterFit::find(work, self.chosen.model, split));
        let is_closer = |fit: &DelayCenterFit| match (split, &self.layered) {
            (Some(split), Some(layered)) => {
                let runs: Vec<Vec<f64>> = holdout_validation::seeds().map(|seed| fit.latencies(work, seed)).collect();
                let error = split.error_by_operation(work, &runs);
                // what leaves the tape unexplained makes way for anything that is not worse
                if rules::stands_for_a_delay(layered) || rules::leaves_open(layered, ranking.chance.0) {
                    !layered.error_on_tape.is_clearly_better(error)
                } else {
                    error.is_clearly_better(layered.error_on_tape)
                }
            }
            _ => true,
        };
        if let Some(fit) = delay_center.flatten().filter(is_closer) {
            self.replace_with_delay_center(&fit, prepared, tables);
            return Some(fit);
        } else if let Some(fit) = tandem {
            self.replace_with_tandem_queue(fit, prepared, tables);
        } else if let Some(search) = search {
            self.findings.extend(search.shortfall(&self.findings));
        }
        None
    }

    fn replace_with_delay_center(
        &mut self,
        fit: &DelayCenterFit,
        prepared: &Prepared<'_>,
        tables: &mut OperationTables,
    ) {
        self.forget_layers(tables);
        let work = &prepared.work;
        self.strata = prepared.split.as_ref().map(|split| fit.strata(split, work)).unwrap_or_default();
        rules::replace_with_delay_center(&mut self.findings, fit, &self.strata);
        self.valid.utilization = Some(fit.utilization(work.max_per_second()).min(1.0));
        self.station = StationModel { discipline: QueueDiscipline::Fifo, workers: fit.workers, outside: 0.0 };
        for operation in &mut tables.operations {
            let number = prepared.operations[operation.name.as_str()] as usize;
            operation.set_delay(&fit.demands[number], &fit.outside[number]);
        }
        let (demand, outside) = &fit.overall;
        tables.default.set_delay(demand, outside);
    }

    fn forget_layers(&mut self, tables: &mut OperationTables) {
        self.layered = None;
        for operation in tables.operations.iter_mut().chain([&mut tables.default]) {
            operation.cpu = None;
        }
    }

    fn replace_with_tandem_queue(&mut self, fit: &TandemFit, prepared: &Prepared<'_>, tables: &mut OperationTables) {
        self.forget_layers(tables);
        self.strata.clone_from(&fit.strata);
        rules::replace_with_tandem_queue(&mut self.findings, fit);
        self.valid.utilization = Some(utilization(&prepared.work, fit.capacity));
        self.station = StationModel { discipline: QueueDiscipline::Fifo, workers: fit.workers, outside: 0.0 };
        for operation in &mut tables.operations {
            let number = prepared.operations[operation.name.as_str()] as usize;
            operation.set_front(&fit.demands[number], &fit.front);
        }
        tables.default.set_front(&fit.overall, &fit.front);
    }

    /// Returns the station as reported, with its number of workers if it has one.
    pub(crate) fn reported_station(&self) -> (StationModel, Option<u32>) {
        if self.curve.is_some() {
            let station = StationModel { discipline: QueueDiscipline::Sharing, workers: 1, outside: 0.0 };
            return (station, None);
        }
        if let Some(layered) = &self.layered {
            return (self.station, layered.model.workers);
        }
        let has_workers = self.station.discipline != QueueDiscipline::Unlimited;
        (self.station, has_workers.then_some(self.station.workers))
    }

    /// Returns the range of workers that explain the recording about as well, unless the model is
    /// not the single station that the range belongs to.
    pub(crate) fn accepted(&self, tables: &OperationTables) -> Option<(u32, u32)> {
        let is_single = self.layered.is_none()
            && self.curve.is_none()
            && tables.default.front.is_none()
            && self.station == self.chosen.model;
        self.accepted_workers.filter(|_| is_single)
    }
}

/// Largest difference of effect sizes that means nothing.
pub(crate) const MAX_TOLERANCE: f64 = 0.01;

/// Numbers the operations of all tapes by name, in alphabetical order.
fn number_operations(traces: &[Trace]) -> BTreeMap<&str, u32> {
    let mut names: Vec<&str> = traces.iter().flat_map(|trace| &trace.operations).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().zip(0..).collect()
}

/// Joins tapes to a workload with numbered operations.
fn join(traces: &[Trace], operations: &BTreeMap<&str, u32>) -> (Workload, ExcludedCalls) {
    let number = |trace: usize, operation: u32| operations[traces[trace].operations[operation as usize].as_str()];
    Workload::new(traces, number)
}

/// Ranks the models, and once more with the stalls removed if there are any.
fn rank_without_stalls(work: &mut Workload) -> (ModelRanking, Option<FittedStalls>) {
    let ranking = ModelRanking::new(work, |_, _| true);
    let may_stall = StallIntervals::may_be_in(work);
    let stalls = if may_stall { StallIntervals::find(work, ranking.best().model) } else { None };
    let Some(stalls) = stalls else { return (ranking, None) };
    let described = stalls.describe(work);
    *work = stalls.cut_out_of(work);
    (ModelRanking::new(work, |_, _| true), Some(described))
}

/// Returns the observed range of a workload under a model.
fn valid_range(work: &Workload, model: StationModel, demands: &[f64]) -> ValidRange {
    let mut offered = vec![0.0; work.windows.len()];
    for (call, demand) in demands.iter().enumerate() {
        offered[work.window[call] as usize] += demand.max(0.0);
    }
    let busiest =
        work.windows.iter().zip(&offered).map(|(window, offered)| offered / window.length).max_by(f64::total_cmp);
    let has_queue = model.discipline != QueueDiscipline::Unlimited;
    ValidRange {
        utilization: busiest
            .filter(|_| has_queue)
            // more work can arrive within a window than the service can do
            .map(|busiest| (busiest / f64::from(model.workers)).min(1.0)),
        in_flight: work.max_inside() + 1,
        per_second: work.max_per_second(),
        samples: work.counted.iter().filter(|counted| **counted).count() as u64,
    }
}

/// Returns the highest utilization of a capacity given in calls a second, at most 1.
fn utilization(work: &Workload, capacity: f64) -> f64 {
    (work.max_per_second() / capacity).min(1.0)
}
