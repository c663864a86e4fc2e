//! The search for a layered queue: pools and cores by effect size, the close ones by how well they
//! predict the highest load from the rest.

use std::ops::RangeInclusive;

use super::cpu_shares::{self, ComparedCalls};
use super::inversion::PoolInversion;
use super::{LayeredFit, LayeredModel, simulation};
use crate::fit::prepare::workload::Workload;
use crate::fit::search::holdout_validation::{self, HeldOutError, HoldoutSplit};
use crate::fit::search::load_dependence::PopulationThirds;
use crate::fit::search::model_search::{ScoredModel, WORKER_COUNTS};
use crate::fit::simulation::DemandSampler;

/// A layered queue with its effect size and its demands.
#[derive(Clone, Debug)]
pub(crate) struct LayeredCandidate {
    pub(crate) model: LayeredModel,
    effect: f64,
    demands: Vec<f64>,
}

/// A workload prepared for thousands of inversions.
struct Scene<'w> {
    work: &'w Workload,
    compared: ComparedCalls,
}

impl LayeredFit {
    /// Returns the layered queues that explain a workload best by effect size; none where calls
    /// hardly meet.
    ///
    /// `sizes` are the pools that are tried beside none, `outside` the latencies outside the pool
    /// in nanoseconds, `tolerance` is the difference of effect sizes that means nothing.
    pub(crate) fn candidates(
        work: &Workload,
        sizes: &RangeInclusive<u32>,
        outside: &[f64],
        tolerance: f64,
    ) -> Vec<LayeredCandidate> {
        let most = work.max_inside() + 1;
        if most < 2 {
            return Vec::new();
        }
        let part = work.excerpt(SURVEY_CALLS, most as usize);
        let coarse = Scene::new(&part);
        let mut found: Vec<LayeredCandidate> = Vec::new();
        let mut outside = outside.to_vec();
        outside.dedup();
        for latency in &outside {
            let thirds = PopulationThirds::new(&part, *latency, |_| true);
            let is_tried = |workers: &Option<u32>| workers.is_none_or(|workers| sizes.contains(&workers));
            for workers in pools(most).filter(is_tried) {
                // as many cores as workers are no cores to share
                for cores in CORE_COUNTS.iter().copied().filter(|cores| *cores < workers.unwrap_or(most)) {
                    if let Some(member) = coarse.fit(workers, cores, *latency, &thirds, SURVEY_ROUNDS) {
                        keep_best(&mut found, LayeredCandidate { demands: Vec::new(), ..member }, tolerance);
                    }
                }
            }
        }
        found.sort_by(|one, other| one.effect.total_cmp(&other.effect));
        let whole = work.excerpt(FINE_CALLS, most as usize);
        let fine = Scene::new(&whole);
        let mut finalists: Vec<LayeredCandidate> = Vec::new();
        // the simplest is always among them
        let simplest = found.iter().skip(FINALISTS).find(|member| member.model.workers.is_none());
        for LayeredModel { workers, cores, outside, .. } in
            found.iter().take(FINALISTS).chain(simplest).map(|member| &member.model)
        {
            let thirds = PopulationThirds::new(&whole, *outside, |_| true);
            finalists.extend(fine.fit(*workers, *cores, *outside, &thirds, FINE_ROUNDS));
        }
        finalists
    }

    /// Chooses the candidate that explains a workload best.
    pub(crate) fn choose(
        work: &Workload,
        split: &HoldoutSplit,
        candidates: Vec<LayeredCandidate>,
        tolerance: f64,
    ) -> Option<Self> {
        let whole = work.excerpt(FINE_CALLS, work.max_inside() as usize + 1);
        let fine = Scene::new(&whole);
        let chosen = choose(&fine, candidates, split, tolerance)?;
        let fit = fine.describe(chosen, split);
        let inversion = PoolInversion::new(work, fit.model.workers, fit.model.outside);
        Some(Self { demands: cpu_shares::demands(&inversion, &fit.model, work), ..fit })
    }

    /// Returns true if the layered queue should replace a single station that leaves something
    /// open, with this error at the held-out load.
    pub(crate) fn is_better(&self, single: ScoredModel, error: HeldOutError, tolerance: f64) -> bool {
        let is_clear = self.has_clear_gain(single, tolerance) && !error.is_clearly_better(self.error);
        is_clear || (self.effect < single.effect + tolerance && self.error.is_clearly_better(error))
    }

    /// Returns true if the layered queue is clearly better both in effect size and at the held-out
    /// load, so that it should replace a single station that leaves nothing open.
    pub(crate) fn is_better_in_both(&self, single: ScoredModel, error: HeldOutError, tolerance: f64) -> bool {
        self.has_clear_gain(single, tolerance) && self.error.is_clearly_better(error)
    }

    fn has_clear_gain(&self, single: ScoredModel, tolerance: f64) -> bool {
        single.effect - self.effect > tolerance.max(single.effect * MIN_GAIN_SHARE)
    }
}

impl LayeredCandidate {
    /// Returns the layered queue with the same pool and cores for another latency outside the pool,
    /// in nanoseconds.
    pub(crate) fn at_outside(work: &Workload, model: &LayeredModel, outside: f64) -> LayeredModel {
        let inversion = PoolInversion::new(work, model.workers, outside);
        let cpu_shares = cpu_shares::estimate(&inversion, model.cores, &ComparedCalls::new(work), FINE_ROUNDS);
        LayeredModel { outside, cpu_shares, ..model.clone() }
    }
}

impl LayeredFit {
    /// Describes a layered queue that was found by its distance from the tape; `others` explain the
    /// tape about as well.
    pub(crate) fn of_model(work: &Workload, split: &HoldoutSplit, model: LayeredModel, others: Vec<String>) -> Self {
        let inversion = PoolInversion::new(work, model.workers, model.outside);
        let demands = cpu_shares::demands(&inversion, &model, work);
        let effect = PopulationThirds::new(work, model.outside, |_| true).unchecked_effect(&demands, model.outside);
        let capacity = model.capacity(work, &demands);
        let runs = |pools: &DemandSampler| -> Vec<Vec<f64>> {
            holdout_validation::seeds().map(|seed| simulation::run(&model, pools, work, seed)).collect()
        };
        let held_out = runs(&split.known_demands(work, &demands));
        let utilization = |_: &[usize], per_second: f64| capacity.map(|capacity| per_second / capacity);
        let strata = split.compare_runs(work, utilization, &held_out);
        let error = split.error_by_operation(work, &held_out);
        let on_tape = runs(&DemandSampler::new(work, &demands, |call| work.counted[call]));
        let error_on_tape = split.error_by_operation(work, &on_tape);
        Self { model, effect, demands, strata, error, error_on_tape, others, scale: 1.0, capacity }
    }
}

impl<'w> Scene<'w> {
    fn new(work: &'w Workload) -> Self {
        Self { work, compared: ComparedCalls::new(work) }
    }

    /// Fits the CPU shares of a pool; `None` if hardly any call waited for it.
    fn fit(
        &self,
        workers: Option<u32>,
        cores: u32,
        outside: f64,
        thirds: &PopulationThirds,
        rounds: u32,
    ) -> Option<LayeredCandidate> {
        let inversion = PoolInversion::new(self.work, workers, outside);
        let least = MIN_WAITED.max((self.work.len() as f64 * MIN_WAITED_SHARE) as usize);
        if workers.is_some() && inversion.waited < least {
            return None;
        }
        let cpu_shares = cpu_shares::estimate(&inversion, cores, &self.compared, rounds);
        let model = LayeredModel { workers, cores, outside, cpu_shares };
        let demands = cpu_shares::demands(&inversion, &model, self.work);
        Some(LayeredCandidate { effect: thirds.unchecked_effect(&demands, outside), model, demands })
    }

    /// Predicts the highest load with demands of the lower ones.
    fn predict(&self, member: &LayeredCandidate, split: &HoldoutSplit) -> Vec<Vec<f64>> {
        let pools = split.known_demands(self.work, &member.demands);
        holdout_validation::seeds().map(|seed| simulation::run(&member.model, &pools, self.work, seed)).collect()
    }

    fn describe(&self, chosen: Chosen, split: &HoldoutSplit) -> LayeredFit {
        let work = self.work;
        let LayeredCandidate { mut model, effect, mut demands } = chosen.member;
        let capacity = model.capacity(work, &demands);
        let utilization = |_: &[usize], per_second: f64| capacity.map(|capacity| per_second / capacity);
        let strata = split.compare_runs(work, utilization, &chosen.runs);
        let (scale, error_on_tape) = self.best_scale(&model, split);
        if scale != 1.0 {
            for share in &mut model.cpu_shares {
                *share = super::round_to_thousandth((*share * scale).min(1.0));
            }
            demands = cpu_shares::demands(&PoolInversion::new(work, model.workers, model.outside), &model, work);
        }
        let capacity = model.capacity(work, &demands);
        let error = chosen.error;
        LayeredFit { model, effect, demands, strata, error, error_on_tape, others: chosen.others, scale, capacity }
    }

    /// Returns the factor for the CPU shares with which the simulated tape is closest to the
    /// recorded one at its highest load. Pauses and a starved recorder raise the number in service
    /// and the demands together, which the inversion takes for CPU.
    fn best_scale(&self, model: &LayeredModel, split: &HoldoutSplit) -> (f64, HeldOutError) {
        let work = self.work;
        let inversion = PoolInversion::new(work, model.workers, model.outside);
        let error = |scale: f64| {
            let cpu_shares = model.cpu_shares.iter().map(|share| (share * scale).min(1.0)).collect();
            let model = LayeredModel { cpu_shares, ..model.clone() };
            let pools =
                DemandSampler::new(work, &cpu_shares::demands(&inversion, &model, work), |call| work.counted[call]);
            let runs: Vec<Vec<f64>> =
                holdout_validation::seeds().map(|seed| simulation::run(&model, &pools, work, seed)).collect();
            split.error_by_operation(work, &runs)
        };
        let unscaled = (1.0, error(1.0));
        let scaled = SCALES.iter().map(|scale| (*scale, error(*scale)));
        let best = scaled.min_by(|one, other| one.1.error.total_cmp(&other.1.error)).unwrap_or(unscaled);
        let gain = unscaled.1.error - best.1.error;
        if gain > MIN_SCALE_GAIN.max(unscaled.1.noise * MIN_SCALE_GAIN_TO_NOISE) { best } else { unscaled }
    }
}

/// A chosen member, the runs that predict the held-out load, their error, and the members close to
/// it.
struct Chosen {
    member: LayeredCandidate,
    runs: Vec<Vec<f64>>,
    error: HeldOutError,
    others: Vec<String>,
}

/// Chooses among members that the effect size hardly separates: the one with the least sum of
/// effect size and error at the held-out load, each in units of its noise.
fn choose(
    scene: &Scene<'_>,
    mut members: Vec<LayeredCandidate>,
    split: &HoldoutSplit,
    tolerance: f64,
) -> Option<Chosen> {
    members.sort_by(|one, other| one.effect.total_cmp(&other.effect));
    let best = members.first()?.effect;
    let limit = best + tolerance.max(best * CLOSE_EFFECT_SHARE);
    let close = members.into_iter().filter(|member| member.effect <= limit);
    let mut close: Vec<Chosen> = close
        .map(|member| {
            let runs = scene.predict(&member, split);
            let error = split.error_by_operation(scene.work, &runs);
            Chosen { member, runs, error, others: Vec::new() }
        })
        .collect();
    // both in units of what means nothing
    let noise = close.first()?.error.noise.max(MIN_NOISE);
    let score = |one: &Chosen| one.member.effect / tolerance + one.error.error / noise;
    close.sort_by(|one, other| score(one).total_cmp(&score(other)));
    let mut chosen = close.remove(0);
    let as_good = close.iter().filter(|other| !chosen.error.is_clearly_better(other.error));
    chosen.others = as_good.map(|other| other.member.model.name()).collect();
    Some(chosen)
}

/// Keeps the best member of each pool and number of cores: the first, unless a later latency
/// outside gains more than `tolerance`.
fn keep_best(found: &mut Vec<LayeredCandidate>, member: LayeredCandidate, tolerance: f64) {
    let same = |other: &LayeredCandidate| {
        other.model.workers == member.model.workers && other.model.cores == member.model.cores
    };
    match found.iter_mut().find(|other| same(other)) {
        Some(other) if other.effect <= member.effect + tolerance => {}
        Some(other) => *other = member,
        None => found.push(member),
    }
}

/// Returns the pools that are tried: numbers of workers that calls could have found busy, and none.
fn pools(most: u32) -> impl Iterator<Item = Option<u32>> {
    let workers = WORKER_COUNTS.iter().copied().filter(move |workers| *workers < most && *workers <= MAX_WORKERS);
    workers.map(Some).chain([None])
}

/// Numbers of cores that are tried.
const CORE_COUNTS: &[u32] = &[1, 2, 3, 4, 8];
/// Largest pool that is tried beside cores.
const MAX_WORKERS: u32 = 64;
/// Minimum number of calls that waited for a pool: absolute, and as a share of all.
const MIN_WAITED: usize = 20;
const MIN_WAITED_SHARE: f64 = 0.01;
/// Number of calls that the survey looks at.
const SURVEY_CALLS: usize = 5_000;
/// Number of calls that members are chosen and simulated on.
const FINE_CALLS: usize = 30_000;
/// Number of times that the shares of all operations are improved, in the survey and after it.
const SURVEY_ROUNDS: u32 = 3;
const FINE_ROUNDS: u32 = 5;
/// Number of members that survive the survey.
const FINALISTS: usize = 6;
/// Largest excess of a close member's effect size over the best, as a share of the best.
const CLOSE_EFFECT_SHARE: f64 = 0.15;
/// Least noise of a prediction of the held-out load, as the logarithm of a ratio.
const MIN_NOISE: f64 = 0.005;
/// Smallest gain in effect size over a single station, as a share of its own.
const MIN_GAIN_SHARE: f64 = 0.12;
/// Factors for CPU shares that are tried.
const SCALES: &[f64] = &[0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.18, 1.27, 1.4];
/// Minimum fall of the error of the simulated tape for which shares are scaled: as the
/// logarithm of a ratio, and in standard deviations of a run.
const MIN_SCALE_GAIN: f64 = 0.01;
const MIN_SCALE_GAIN_TO_NOISE: f64 = 0.5;
