//! Search for the single station that explains a workload best: coarse over an excerpt, then fine
//! over all calls.

use std::collections::HashMap;

use crate::fit::prepare::workload::Workload;
use crate::fit::search::load_dependence::{PopulationThirds, effect_by_chance};
use crate::fit::station_model::{QueueDiscipline, StationModel};

/// A model with its effect size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ScoredModel {
    pub(crate) model: StationModel,
    pub(crate) effect: f64,
}

impl ScoredModel {
    /// Returns the station with the most likely fixed latency outside its queue. Leaving out all
    /// latency that is not proven would always take it for demand, and make the service too slow
    /// when it is busy.
    pub(crate) fn with_likely_outside(self, work: &Workload) -> Self {
        let mut scorer = Scorer::new(work, |_, _| true);
        let outside = scorer.estimate_outside(self.model, smallest_latency(work));
        let Some(outside) = outside.filter(|outside| outside.likely > self.model.outside) else { return self };
        let found = scorer.score(StationModel { outside: outside.likely, ..self.model });
        if found.effect.is_finite() { found } else { self }
    }
}

/// Result of a search.
#[derive(Clone, Debug)]
pub(crate) struct ModelRanking {
    /// Best model of each station, in ascending order of effect size; never empty.
    pub(crate) stations: Vec<ScoredModel>,
    /// Effect size of the best model by chance: mean and standard deviation.
    pub(crate) chance: (f64, f64),
    /// Effect size of the model without a queue.
    pub(crate) unlimited: f64,
}

impl ModelRanking {
    /// Searches all models. Only calls that are `included` are compared; all calls occupy the
    /// station.
    pub(crate) fn new(work: &Workload, included: impl Fn(&Workload, usize) -> bool + Copy) -> Self {
        let most = work.max_inside();
        let smallest = smallest_latency(work);
        let part = work.excerpt(SURVEY_CALLS, most as usize);
        let mut coarse = Scorer::new(&part, included);
        let mut found: Vec<ScoredModel> = Vec::new();
        let mut fine = Scorer::new(work, included);
        for discipline in [QueueDiscipline::Fifo, QueueDiscipline::Sharing] {
            for scored in coarse.survey(discipline, most, smallest) {
                keep_best(&mut found, fine.refine(scored.model, most, smallest));
            }
            let of_discipline = found.iter().filter(|scored| scored.model.discipline == discipline);
            let best = of_discipline.min_by(|one, other| one.effect.total_cmp(&other.effect)).copied();
            for step in best.iter().flat_map(|best| neighbors(best.model, most)) {
                keep_best(&mut found, fine.score(step));
            }
        }
        let unlimited = fine.score(StationModel::UNLIMITED);
        found.push(unlimited);
        found.sort_by(|one, other| one.effect.total_cmp(&other.effect));
        let mut demands = Vec::new();
        found[0].model.demands(work, &mut demands);
        let chance = effect_by_chance(work, &demands, found[0].model.outside, |call| included(work, call));
        for scored in &mut found {
            *scored = fine.with_certain_outside(*scored, smallest, MIN_GAIN.max(chance.1 * MIN_GAIN_TO_CHANCE));
        }
        found.sort_by(|one, other| one.effect.total_cmp(&other.effect));
        Self { stations: found, chance, unlimited: unlimited.effect }
    }

    pub(crate) fn best(&self) -> ScoredModel {
        self.stations[0]
    }

    /// Returns true if there is no evidence of a queue.
    pub(crate) fn has_no_queue(&self) -> bool {
        self.unlimited <= self.best().effect + self.tolerance()
    }

    /// Returns the models that the effect size does not separate from the best, starting with the
    /// one of the smallest effect size of logarithms.
    pub(crate) fn close(&self, work: &Workload, included: impl Fn(usize) -> bool) -> Vec<ScoredModel> {
        let best = self.best().effect;
        let limit = best + self.tolerance().max(best * CLOSE_EFFECT_SHARE);
        let close = self.stations.iter().filter(|scored| scored.effect <= limit);
        let close = close.filter(|scored| scored.model.discipline != QueueDiscipline::Unlimited).take(MAX_CLOSE);
        let mut demands = Vec::new();
        let mut close: Vec<(f64, ScoredModel)> = close
            .map(|scored| {
                scored.model.demands(work, &mut demands);
                (PopulationThirds::new(work, scored.model.outside, &included).effect_of_logs(&demands), *scored)
            })
            .collect();
        close.sort_by(|one, other| one.0.total_cmp(&other.0));
        close.into_iter().map(|(_, scored)| scored).collect()
    }

    /// Returns the range of workers around a model's own that the effect size accepts as well.
    pub(crate) fn accepted_workers(
        &self,
        work: &Workload,
        chosen: StationModel,
        included: impl Fn(usize) -> bool,
    ) -> (u32, u32) {
        let most = work.max_inside();
        let part = work.excerpt(SURVEY_CALLS, most as usize);
        let strata = PopulationThirds::new(&part, chosen.outside, included);
        let mut demands = Vec::new();
        let mut effect = |workers| {
            let model = StationModel { workers, ..chosen };
            model.demands(&part, &mut demands);
            strata.effect(&demands, chosen.outside)
        };
        let limit = effect(chosen.workers) + self.tolerance().max(self.best().effect * CLOSE_EFFECT_SHARE);
        let low =
            (1..chosen.workers).rev().take(MAX_WORKER_DISTANCE).take_while(|workers| effect(*workers) <= limit).last();
        let high = (chosen.workers + 1..=most)
            .take(MAX_WORKER_DISTANCE)
            .take_while(|workers| effect(*workers) <= limit)
            .last();
        (low.unwrap_or(chosen.workers), high.unwrap_or(chosen.workers))
    }

    /// Returns the fewest workers that explain the workload as well as any number, for a workload
    /// without a visible queue.
    pub(crate) fn min_workers(&self, work: &Workload) -> u32 {
        let mut populations = work.populations(0.0);
        populations.sort_unstable();
        // a single busy moment is no evidence
        let most = populations
            .get(populations.len().saturating_sub(MIN_CALLS_AT_POPULATION))
            .map_or(1, |population| population + 1);
        let limit = self.best().effect + self.tolerance();
        let mut scorer = Scorer::new(work, |_, _| true);
        let fewest = [QueueDiscipline::Fifo, QueueDiscipline::Sharing].map(|discipline| {
            let (mut refused, mut accepted) = (0, most);
            while accepted - refused > 1 {
                let workers = refused.midpoint(accepted);
                let scored = scorer.score(StationModel { discipline, workers, outside: 0.0 });
                if scored.effect <= limit { accepted = workers } else { refused = workers }
            }
            accepted
        });
        fewest[0].min(fewest[1])
    }

    /// Returns the smallest meaningful difference of effect sizes. Two models share most of their
    /// chance, hence only a part of it counts.
    pub(crate) fn tolerance(&self) -> f64 {
        (self.chance.1 * CLOSE_CHANCE_SHARE).max(MIN_DIFFERENCE)
    }
}

/// An estimate of the fixed latency outside the queue.
#[derive(Clone, Copy, Debug)]
struct OutsideLatency {
    /// Most likely latency, in nanoseconds.
    likely: f64,
    /// Excess over the recorder's own latency, in standard errors.
    beyond: f64,
}

/// Scores models on one workload.
struct Scorer<'w, F> {
    work: &'w Workload,
    included: F,
    /// Ordered calls by the bits of the latency outside the queue.
    strata: HashMap<u64, PopulationThirds>,
    demands: Vec<f64>,
}

impl<'w, F: Fn(&Workload, usize) -> bool + Copy> Scorer<'w, F> {
    fn new(work: &'w Workload, included: F) -> Self {
        Self { work, included, strata: HashMap::new(), demands: Vec::new() }
    }

    fn score(&mut self, model: StationModel) -> ScoredModel {
        let (work, included) = (self.work, self.included);
        let strata = self.strata.entry(model.outside.to_bits());
        let strata = strata.or_insert_with(|| PopulationThirds::new(work, model.outside, |call| included(work, call)));
        model.demands(work, &mut self.demands);
        let is_queue = model.discipline != QueueDiscipline::Unlimited;
        let effect = if is_queue { PopulationThirds::effect } else { PopulationThirds::unchecked_effect };
        ScoredModel { model, effect: effect(strata, &self.demands, model.outside) }
    }

    fn best(&mut self, models: impl IntoIterator<Item = StationModel>) -> ScoredModel {
        let scored = models.into_iter().map(|model| self.score(model));
        scored.min_by(|one, other| one.effect.total_cmp(&other.effect)).expect("there are models to choose from")
    }

    /// Returns the most promising numbers of workers of a discipline, each with its best outside
    /// latency on a grid.
    fn survey(&mut self, discipline: QueueDiscipline, most: u32, smallest: f64) -> Vec<ScoredModel> {
        let ladder = WORKER_COUNTS.iter().copied().filter(|workers| *workers <= most.max(1));
        let mut found: Vec<ScoredModel> = ladder
            .map(|workers| {
                self.best(SURVEYED_OUTSIDE.iter().map(|share| StationModel {
                    discipline,
                    workers,
                    outside: share * smallest,
                }))
            })
            .collect();
        found.sort_by(|one, other| one.effect.total_cmp(&other.effect));
        found.truncate(SURVIVORS);
        let mut finer: Vec<ScoredModel> = found
            .into_iter()
            .map(|scored| {
                self.best(
                    REFINED_OUTSIDE.iter().map(|share| StationModel { outside: share * smallest, ..scored.model }),
                )
            })
            .collect();
        finer.sort_by(|one, other| one.effect.total_cmp(&other.effect));
        finer.truncate(FINALISTS);
        finer
    }

    /// Returns the best model near another, found by halving steps in workers and in the outside
    /// latency.
    fn refine(&mut self, start: StationModel, most: u32, smallest: f64) -> ScoredModel {
        let mut best = self.score(start);
        let mut step = distance_to_next(start.workers) / 2;
        while step > 0 {
            let fewer = best.model.workers.saturating_sub(step).max(1);
            let more = (best.model.workers + step).min(most.max(1));
            let around = [fewer, more].map(|workers| StationModel { workers, ..best.model });
            let near = self.best(around);
            if near.effect < best.effect {
                best = near;
            }
            step /= 2;
        }
        for share in OUTSIDE_STEPS {
            let step = share * smallest;
            let around =
                [(best.model.outside - step).max(0.0), (best.model.outside + step).min(smallest * MAX_OUTSIDE)];
            let near = self.best(around.map(|outside| StationModel { outside, ..best.model }));
            if near.effect < best.effect {
                best = near;
            }
        }
        best
    }
}

impl<F: Fn(&Workload, usize) -> bool + Copy> Scorer<'_, F> {
    /// Returns the station with the part of its outside latency that is certain, so that no station
    /// gains from what may be chance.
    fn with_certain_outside(&mut self, scored: ScoredModel, smallest: f64, least_gain: f64) -> ScoredModel {
        let none = self.score(StationModel { outside: self.recorder_latency(smallest), ..scored.model });
        let none = if none.effect.is_finite() { none } else { scored };
        let Some(outside) =
            self.estimate_outside(scored.model, smallest).filter(|outside| outside.beyond >= MIN_STANDARD_ERRORS)
        else {
            return none;
        };
        let found = self.score(StationModel { outside: outside.likely, ..scored.model });
        let is_sure = outside.beyond >= CERTAIN_STANDARD_ERRORS || none.effect - found.effect > least_gain;
        if is_sure && found.effect.is_finite() { found } else { none }
    }

    /// Estimates the latency outside the queue that gives the lowest and the highest load the same
    /// mean demand. Latency mistaken for demand shows where calls find a free worker, and not where
    /// they wait. `None` if the data does not determine it.
    fn estimate_outside(&mut self, model: StationModel, smallest: f64) -> Option<OutsideLatency> {
        if model.discipline == QueueDiscipline::Unlimited {
            return None;
        }
        let recorder_latency = self.recorder_latency(smallest);
        let at = |outside: f64| StationModel { outside, ..model };
        let step = smallest * SLOPE_STEP;
        let (mut outside, mut error) = (model.outside.max(recorder_latency), 0.0);
        // the same thirds throughout, since a change of members would add noise
        let (work, included) = (self.work, self.included);
        let strata = PopulationThirds::new(work, outside, |call| included(work, call));
        for _ in 0..2 {
            let (here, variance) = self.difference(&strata, at(outside));
            let slope = (self.difference(&strata, at(outside + step)).0 - here) / step;
            if slope > -MIN_SLOPE {
                return None;
            }
            error = variance.sqrt() / -slope;
            outside = (outside - here / slope).clamp(recorder_latency, smallest * MAX_OUTSIDE);
        }
        let beyond = (outside - recorder_latency) / error.max(1.0);
        // the positive part of a James-Stein estimator: an estimate selected because it is large
        // tends to be too large
        let share = (1.0 - (SELECTION_BIAS_ERRORS / beyond.max(SELECTION_BIAS_ERRORS)).powi(2)).max(0.0);
        Some(OutsideLatency { likely: recorder_latency + (outside - recorder_latency) * share, beyond })
    }

    /// Returns the latency of the recorder itself, in nanoseconds.
    fn recorder_latency(&self, smallest: f64) -> f64 {
        self.work.round_trip.min(smallest * MAX_OUTSIDE)
    }

    fn difference(&mut self, strata: &PopulationThirds, model: StationModel) -> (f64, f64) {
        model.demands(self.work, &mut self.demands);
        strata.mean_difference(&self.demands)
    }
}

/// Keeps the best feasible model of each station.
fn keep_best(found: &mut Vec<ScoredModel>, scored: ScoredModel) {
    found.retain(|other| !other.model.same_station(scored.model) || other.effect <= scored.effect);
    if scored.effect.is_finite() && !found.iter().any(|other| other.model.same_station(scored.model)) {
        found.push(scored);
    }
}

/// Returns the models with one and two workers fewer and more.
fn neighbors(model: StationModel, most: u32) -> impl Iterator<Item = StationModel> {
    let around = model.workers.saturating_sub(2).max(1)..=(model.workers + 2).min(most.max(1));
    around.filter(move |workers| *workers != model.workers).map(move |workers| StationModel { workers, ..model })
}

/// Returns the first percentile of latencies, in nanoseconds, of the operation where it is
/// smallest.
pub(crate) fn smallest_latency(work: &Workload) -> f64 {
    let mut latencies: Vec<Vec<f64>> = vec![Vec::new(); work.operation_count];
    for call in (0..work.len()).filter(|call| work.counted[*call]) {
        latencies[work.operations[call] as usize].push(work.finishes[call] - work.arrivals[call]);
    }
    let least = latencies.iter().map(Vec::len).max().unwrap_or(0).min(50);
    let first = |latencies: &mut Vec<f64>| {
        let rank = latencies.len() / 100;
        *latencies.select_nth_unstable_by(rank, f64::total_cmp).1
    };
    let of_enough = latencies.iter_mut().filter(|latencies| !latencies.is_empty() && latencies.len() >= least);
    of_enough.map(first).min_by(f64::total_cmp).unwrap_or(0.0)
}

/// Returns the distance from a number of workers to the next that is surveyed.
fn distance_to_next(workers: u32) -> u32 {
    let above = WORKER_COUNTS.iter().find(|step| **step > workers).copied().unwrap_or(workers * 4 / 3);
    // at least 2, so that both neighbors are tried
    (above - workers).max(2)
}

/// Numbers of workers that are surveyed.
pub(crate) const WORKER_COUNTS: &[u32] =
    &[1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 384, 512];
/// Outside latencies that are surveyed, as shares of the smallest latency.
const SURVEYED_OUTSIDE: &[f64] = &[0.0, 0.2, 0.4, 0.7, 0.9, 0.97, 0.99];
const REFINED_OUTSIDE: &[f64] = &[
    0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98,
    0.99, 0.995,
];
const OUTSIDE_STEPS: &[f64] = &[0.025, 0.0125, 0.006, 0.003];
const MAX_OUTSIDE: f64 = 0.998;
/// Numbers of candidates of a discipline that survive the first and the second round.
const SURVIVORS: usize = 5;
const FINALISTS: usize = 4;
/// Number of calls that the survey looks at.
const SURVEY_CALLS: usize = 12_000;
/// Step over which the slope is taken, as a share of the smallest latency.
const SLOPE_STEP: f64 = 0.05;
/// Minimum slope of the difference between high and low load by the outside latency; below it the
/// two cannot be separated.
const MIN_SLOPE: f64 = 0.02;
/// Standard errors beyond which an outside latency is more than chance.
const MIN_STANDARD_ERRORS: f64 = 2.0;
/// Standard errors beyond which it is accepted without a better effect size.
const CERTAIN_STANDARD_ERRORS: f64 = 3.5;
/// Minimum improvement of the effect size otherwise: absolute, and in standard deviations of
/// chance.
const MIN_GAIN: f64 = 0.002;
const MIN_GAIN_TO_CHANCE: f64 = 1.5;
/// Standard errors by which a selected estimate is presumed too large.
const SELECTION_BIAS_ERRORS: f64 = 1.2;
const MIN_DIFFERENCE: f64 = 0.004;
/// Largest excess of a close model's effect size over the best: as a share of the best, and of the
/// standard deviation of chance.
const CLOSE_EFFECT_SHARE: f64 = 0.15;
const CLOSE_CHANCE_SHARE: f64 = 0.5;
const MAX_CLOSE: usize = 6;
/// Minimum number of calls that must have found a population before it counts as seen.
const MIN_CALLS_AT_POPULATION: usize = 20;
/// Largest distance from the chosen number of workers that is tried.
const MAX_WORKER_DISTANCE: usize = 48;
