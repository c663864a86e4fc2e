//! The search for a layered queue: pools and cores by effect size, the close ones by how well they
//! predict the highest load from the rest.

use super::inversion::PoolInversion;
use super::slowdown::{self, ComparedCalls};
use super::{LayeredFit, LayeredModel, simulation};
use crate::fit::prepare::workload::Workload;
use crate::fit::search::holdout_validation::{self, HeldOutError, HoldoutSplit};
use crate::fit::search::load_dependence::PopulationThirds;
use crate::fit::search::model_search::WORKER_COUNTS;
use crate::fit::simulation::DemandSampler;

/// A member with its effect size and its demands.
#[derive(Clone, Debug)]
struct Member {
    model: LayeredModel,
    effect: f64,
    demands: Vec<f64>,
}

/// A workload prepared for thousands of inversions.
struct Scene<'w> {
    work: &'w Workload,
    compared: ComparedCalls,
}

impl LayeredFit {
    /// Finds the layered queue that explains a workload best; `None` where calls hardly meet.
    ///
    /// `outside` are the latencies outside the pool that are tried, in nanoseconds, `tolerance` is
    /// the difference of effect sizes that means nothing.
    pub(crate) fn find(work: &Workload, split: &HoldoutSplit, outside: &[f64], tolerance: f64) -> Option<Self> {
        let most = work.max_inside() + 1;
        if most < 2 {
            return None;
        }
        let part = work.excerpt(SURVEY_CALLS, most as usize);
        let coarse = Scene::new(&part);
        let mut found: Vec<Member> = Vec::new();
        for latency in outside {
            let thirds = PopulationThirds::new(&part, *latency, |_| true);
            for workers in pools(most) {
                for cores in CORE_COUNTS.iter().copied().filter(|cores| *cores <= workers.unwrap_or(most)) {
                    if let Some(member) = coarse.fit(workers, cores, *latency, &thirds) {
                        keep_best(&mut found, Member { demands: Vec::new(), ..member }, tolerance);
                    }
                }
            }
        }
        found.sort_by(|one, other| one.effect.total_cmp(&other.effect));
        let whole = work.excerpt(FINE_CALLS, most as usize);
        let fine = Scene::new(&whole);
        let mut finalists: Vec<Member> = Vec::new();
        // the simplest is always among them
        let simplest = found.iter().skip(FINALISTS).find(|member| member.model.workers.is_none());
        for LayeredModel { workers, cores, outside, .. } in
            found.iter().take(FINALISTS).chain(simplest).map(|member| &member.model)
        {
            let thirds = PopulationThirds::new(&whole, *outside, |_| true);
            finalists.extend(fine.fit(*workers, *cores, *outside, &thirds));
        }
        let chosen = choose(&fine, finalists, split, tolerance)?;
        let fit = fine.describe(chosen, split);
        let inversion = PoolInversion::new(work, fit.model.workers, fit.model.outside);
        Some(Self { demands: slowdown::demands(&inversion, &fit.model, work), ..fit })
    }

    /// Returns true if the layered queue should replace a single station with this effect size and
    /// this error at the held-out load.
    pub(crate) fn is_better(&self, effect: f64, error: HeldOutError, tolerance: f64) -> bool {
        let gain = effect - self.effect;
        let is_clear = gain > tolerance.max(effect * MIN_GAIN_SHARE) && !error.is_clearly_better(self.error);
        is_clear || (gain > 0.0 && self.error.is_clearly_better(error))
    }
}

impl<'w> Scene<'w> {
    fn new(work: &'w Workload) -> Self {
        Self { work, compared: ComparedCalls::new(work) }
    }

    /// Fits the slow-downs of a pool; `None` if hardly any call waited for it.
    fn fit(&self, workers: Option<u32>, cores: u32, outside: f64, thirds: &PopulationThirds) -> Option<Member> {
        let inversion = PoolInversion::new(self.work, workers, outside);
        let least = MIN_WAITED.max((self.work.len() as f64 * MIN_WAITED_SHARE) as usize);
        if workers.is_some() && inversion.waited < least {
            return None;
        }
        let slowdowns = slowdown::estimate(&inversion, cores, &self.compared);
        let model = LayeredModel { workers, cores, outside, slowdowns };
        let demands = slowdown::demands(&inversion, &model, self.work);
        Some(Member { effect: thirds.unchecked_effect(&demands, outside), model, demands })
    }

    /// Predicts the highest load with demands of the lower ones.
    fn predict(&self, member: &Member, split: &HoldoutSplit) -> Vec<Vec<f64>> {
        let pools = split.known_demands(self.work, &member.demands);
        holdout_validation::seeds().map(|seed| simulation::run(&member.model, &pools, self.work, seed)).collect()
    }

    fn describe(&self, chosen: Chosen, split: &HoldoutSplit) -> LayeredFit {
        let work = self.work;
        let Member { mut model, effect, mut demands } = chosen.member;
        let capacity = model.capacity(work, &demands);
        let utilization = |_: &[usize], per_second: f64| capacity.map(|capacity| per_second / capacity);
        let strata = split.compare_runs(work, utilization, &chosen.runs);
        let (scale, error_on_tape) = self.best_scale(&model, split);
        if scale != 1.0 {
            for slowdown in &mut model.slowdowns {
                *slowdown = super::round_to_thousandth((*slowdown * scale).min(1.0));
            }
            demands = slowdown::demands(&PoolInversion::new(work, model.workers, model.outside), &model, work);
        }
        let capacity = model.capacity(work, &demands);
        let error = chosen.error;
        LayeredFit { model, effect, demands, strata, error, error_on_tape, others: chosen.others, scale, capacity }
    }

    /// Returns the factor for the slow-downs with which the simulated tape is closest to the
    /// recorded one at its highest load. Pauses and a starved recorder raise the number in service
    /// and the demands together, which the inversion takes for a slow-down.
    fn best_scale(&self, model: &LayeredModel, split: &HoldoutSplit) -> (f64, HeldOutError) {
        let work = self.work;
        let inversion = PoolInversion::new(work, model.workers, model.outside);
        let error = |scale: f64| {
            let slowdowns = model.slowdowns.iter().map(|slowdown| (slowdown * scale).min(1.0)).collect();
            let model = LayeredModel { slowdowns, ..model.clone() };
            let pools =
                DemandSampler::new(work, &slowdown::demands(&inversion, &model, work), |call| work.counted[call]);
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
    member: Member,
    runs: Vec<Vec<f64>>,
    error: HeldOutError,
    others: Vec<String>,
}

/// Chooses among members that the effect size does not separate: the simplest, unless another
/// predicts the held-out load, and clearly better.
fn choose(scene: &Scene<'_>, mut members: Vec<Member>, split: &HoldoutSplit, tolerance: f64) -> Option<Chosen> {
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
    // one core is simpler than several, and no pool simpler than one that gains nothing
    let complexity = |Member { model, effect, .. }: &Member| {
        let gains_nothing = *effect <= best + tolerance;
        (model.cores > 1, !gains_nothing, model.workers.is_some())
    };
    close.sort_by(|one, other| {
        let by_effect = one.member.effect.total_cmp(&other.member.effect);
        complexity(&one.member).cmp(&complexity(&other.member)).then(by_effect)
    });
    let better = (1..close.len()).filter(|index| {
        let error = close[*index].error;
        !error.is_failure() && error.is_clearly_better(close[0].error)
    });
    let better = better.min_by(|one, other| close[*one].error.error.total_cmp(&close[*other].error.error));
    let mut chosen = close.swap_remove(better.unwrap_or(0));
    let as_good = close.iter().filter(|other| !chosen.error.is_clearly_better(other.error));
    chosen.others = as_good.map(|other| other.member.model.name()).collect();
    Some(chosen)
}

/// Keeps the best member of each pool and number of cores: the first, unless a later latency
/// outside gains more than `tolerance`.
fn keep_best(found: &mut Vec<Member>, member: Member, tolerance: f64) {
    let same = |other: &Member| other.model.workers == member.model.workers && other.model.cores == member.model.cores;
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
const CORE_COUNTS: &[u32] = &[1, 2, 3, 4, 6, 8];
/// Largest pool that is tried beside a slow-down.
const MAX_WORKERS: u32 = 64;
/// Minimum number of calls that waited for a pool: absolute, and as a share of all.
const MIN_WAITED: usize = 20;
const MIN_WAITED_SHARE: f64 = 0.01;
/// Number of calls that the survey looks at.
const SURVEY_CALLS: usize = 8_000;
/// Number of calls that members are chosen and simulated on.
const FINE_CALLS: usize = 30_000;
/// Number of members that survive the survey.
const FINALISTS: usize = 6;
/// Largest excess of a close member's effect size over the best, as a share of the best.
const CLOSE_EFFECT_SHARE: f64 = 0.15;
/// Smallest gain in effect size over a single station, as a share of its own.
const MIN_GAIN_SHARE: f64 = 0.12;
/// Factors for slow-downs that are tried. On the tape of an event loop with pauses 0.7 was right;
/// ranks see less than all of a slow-down that seldom happens and is then long.
const SCALES: &[f64] = &[0.5, 0.57, 0.65, 0.7, 0.75, 0.82, 0.9, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0];
/// Minimum fall of the error of the simulated tape for which slow-downs are scaled: as the
/// logarithm of a ratio, and in standard deviations of a run.
const MIN_SCALE_GAIN: f64 = 0.01;
const MIN_SCALE_GAIN_TO_NOISE: f64 = 0.5;
