//! The search for a layered queue: pools and cores by effect size, the close ones by how well they
//! predict the highest load from the rest.

use super::inversion::PoolInversion;
use super::slowdown::{self, ComparedCalls};
use super::{LayeredFit, LayeredModel, simulation};
use crate::fit::prepare::workload::Workload;
use crate::fit::search::holdout_validation::{self, HoldoutSplit, Stratum};
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

/// How far a simulation of a held-out load is off, by operation.
#[derive(Clone, Copy, Debug)]
struct HeldOutError {
    error: f64,
    noise: f64,
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
                    let member = coarse.fit(workers, cores, *latency, &thirds);
                    keep_best(&mut found, Member { demands: Vec::new(), ..member });
                }
            }
        }
        found.sort_by(|one, other| one.effect.total_cmp(&other.effect));
        let fine = Scene::new(work);
        let mut finalists: Vec<Member> = Vec::new();
        for member in found.iter().take(FINALISTS) {
            let thirds = PopulationThirds::new(work, member.model.outside, |_| true);
            finalists.push(fine.fit(member.model.workers, member.model.cores, member.model.outside, &thirds));
        }
        // the simplest are always among them
        let is_simplest = |member: &&Member| member.model.workers.is_none() && member.model.cores == 1;
        if let Some(member) = found.iter().skip(FINALISTS).find(is_simplest) {
            let thirds = PopulationThirds::new(work, member.model.outside, |_| true);
            finalists.push(fine.fit(None, 1, member.model.outside, &thirds));
        }
        let chosen = choose(&fine, finalists, split, tolerance)?;
        Some(fine.describe(chosen, split))
    }

    /// Returns true if the layered queue should replace a single station.
    pub(crate) fn is_better(&self, effect: f64, strata: &[Stratum], tolerance: f64) -> bool {
        let slows = self.model.slowdowns.iter().any(|slowdown| *slowdown > 0.0) || self.model.workers.is_some();
        let gain = effect - self.effect;
        let is_clear = gain > tolerance.max(effect * MIN_GAIN_SHARE) && !holdout_validation::is_clearly_better(strata, &self.strata);
        slows && (is_clear || (gain > 0.0 && holdout_validation::is_clearly_better(&self.strata, strata)))
    }
}

impl<'w> Scene<'w> {
    fn new(work: &'w Workload) -> Self {
        Self { work, compared: ComparedCalls::new(work, |_| true) }
    }

    fn fit(&self, workers: Option<u32>, cores: u32, outside: f64, thirds: &PopulationThirds) -> Member {
        let inversion = PoolInversion::new(self.work, workers, outside);
        let slowdowns = slowdown::estimate(&inversion, cores, &self.compared);
        let model = LayeredModel { workers, cores, outside, slowdowns };
        let demands = slowdown::demands(&inversion, &model, self.work);
        Member { effect: thirds.unchecked_effect(&demands, outside), model, demands }
    }

    /// Predicts the held-out load with slow-downs and demands of the lower load.
    fn predict(&self, member: &Member, split: &HoldoutSplit) -> Vec<Vec<f64>> {
        let work = self.work;
        let is_known = |call: usize| !split.is_held_out(work, call);
        let model = &member.model;
        let inversion = PoolInversion::new(work, model.workers, model.outside);
        let slowdowns = slowdown::estimate(&inversion, model.cores, &ComparedCalls::new(work, is_known));
        let model = LayeredModel { slowdowns, ..model.clone() };
        let demands = slowdown::demands(&inversion, &model, work);
        let pools = DemandSampler::new(work, &demands, |call| work.counted[call] && is_known(call));
        holdout_validation::seeds().map(|seed| simulation::run(&model, &pools, work, seed)).collect()
    }

    fn describe(&self, chosen: Chosen, split: &HoldoutSplit) -> LayeredFit {
        let work = self.work;
        let Member { mut model, mut effect, mut demands } = chosen.member;
        let capacity = model.capacity(work, &demands);
        let utilization = |_: &[usize], per_second: f64| capacity.map(|capacity| per_second / capacity);
        let strata = split.compare_runs(work, utilization, &chosen.runs);
        let mut scale = 1.0;
        if strata.iter().any(holdout_validation::is_mispredicted) {
            scale = self.best_scale(&model, split);
            if scale < 1.0 {
                for slowdown in &mut model.slowdowns {
                    *slowdown = super::round_to_thousandth(*slowdown * scale);
                }
                demands = slowdown::demands(&PoolInversion::new(work, model.workers, model.outside), &model, work);
                effect = PopulationThirds::new(work, model.outside, |_| true).unchecked_effect(&demands, model.outside);
            }
        }
        let capacity = model.capacity(work, &demands);
        LayeredFit { model, effect, demands, strata, others: chosen.others, scale, capacity }
    }

    /// Returns the factor for the slow-downs with which the simulated tape is closest to the
    /// recorded one. Pauses and a starved recorder raise the number in service and the demands
    /// together, which the inversion takes for a slow-down.
    fn best_scale(&self, model: &LayeredModel, split: &HoldoutSplit) -> f64 {
        let work = self.work;
        let inversion = PoolInversion::new(work, model.workers, model.outside);
        let error = |scale: f64| {
            let slowdowns = model.slowdowns.iter().map(|slowdown| slowdown * scale).collect();
            let model = LayeredModel { slowdowns, ..model.clone() };
            let pools = DemandSampler::new(work, &slowdown::demands(&inversion, &model, work), |call| work.counted[call]);
            let runs: Vec<Vec<f64>> =
                holdout_validation::seeds().map(|seed| simulation::run(&model, &pools, work, seed)).collect();
            split.error_by_operation(work, &runs).0
        };
        let scaled = SCALES.iter().map(|scale| (error(*scale), *scale));
        scaled.min_by(|one, other| one.0.total_cmp(&other.0)).map_or(1.0, |best| best.1)
    }
}

/// A chosen member, the runs that predict the held-out load, and the members close to it.
struct Chosen {
    member: Member,
    runs: Vec<Vec<f64>>,
    others: Vec<String>,
}

/// Chooses among members that the effect size does not separate: the simplest, unless another
/// predicts the held-out load clearly better.
fn choose(scene: &Scene<'_>, mut members: Vec<Member>, split: &HoldoutSplit, tolerance: f64) -> Option<Chosen> {
    members.sort_by(|one, other| one.effect.total_cmp(&other.effect));
    let best = members.first()?.effect;
    let limit = best + tolerance.max(best * CLOSE_EFFECT_SHARE);
    let mut close: Vec<(Member, Vec<Vec<f64>>, HeldOutError)> = Vec::new();
    for member in members.into_iter().filter(|member| member.effect <= limit) {
        let runs = scene.predict(&member, split);
        let (error, noise) = split.error_by_operation(scene.work, &runs);
        close.push((member, runs, HeldOutError { error, noise }));
    }
    // fewer cores are simpler, and so is no pool where a pool gains nothing
    let is_simple = |member: &Member| member.model.cores == 1 && member.effect <= best + tolerance;
    let rank = |member: &Member| (u8::from(!is_simple(member)), u8::from(member.model.workers.is_some() || !is_simple(member)));
    close.sort_by(|one, other| rank(&one.0).cmp(&rank(&other.0)).then(one.0.effect.total_cmp(&other.0.effect)));
    let mut chosen = 0;
    for index in 1..close.len() {
        let (here, there) = (close[chosen].2, close[index].2);
        if here.error - there.error > holdout_validation::MIN_IMPROVEMENT.max(here.noise) {
            chosen = index;
        }
    }
    let (member, runs, own) = close.swap_remove(chosen);
    let as_good = |error: &HeldOutError| error.error - own.error <= holdout_validation::MIN_IMPROVEMENT.max(error.noise);
    let others = close.iter().filter(|(_, _, error)| as_good(error)).map(|(other, ..)| other.model.name()).collect();
    Some(Chosen { member, runs, others })
}

/// Keeps the member with the smallest effect size of each pool and number of cores.
fn keep_best(found: &mut Vec<Member>, member: Member) {
    let same = |other: &Member| other.model.workers == member.model.workers && other.model.cores == member.model.cores;
    match found.iter_mut().find(|other| same(other)) {
        Some(other) if other.effect <= member.effect => {}
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
/// Number of calls that the survey looks at.
const SURVEY_CALLS: usize = 8_000;
/// Number of members that are fitted to all calls.
const FINALISTS: usize = 6;
/// Largest excess of a close member's effect size over the best, as a share of the best.
const CLOSE_EFFECT_SHARE: f64 = 0.15;
/// Smallest gain in effect size over a single station, as a share of its own.
const MIN_GAIN_SHARE: f64 = 0.12;
/// Factors for slow-downs that are tried where the highest load is mispredicted. On the tape of an
/// event loop with pauses 0.7 was right.
const SCALES: &[f64] = &[1.0, 0.93, 0.87, 0.81, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5];
