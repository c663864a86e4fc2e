//! Two stations in series: a front that each call passes, one at a time (an event loop), before a pool of workers.
//!
//! Nothing that a single call shows tells its front from its work, so there is no inversion: with a front that is the same for
//! all calls, a pool without any front looks better. What both together take is known from calls that find nobody inside, and
//! what a call is to wait given all arrivals is the mean over a few runs. The split that leaves the least squares of the
//! latencies is the best, as in `delayed`; it is believed only where both stations make calls wait.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng as _, RngExt as _};

use super::check::{self, Split, Stratum};
use super::delayed::{log_normal, shape, signed_rank_score, standard_score, total, variance};
use super::demand::{Demand, OperationFit};
use super::model::{FreeTimes, Model};
use super::nanos;
use super::simulation::Pools;
use super::statement::Statement;
use super::workload::Workload;
use standin_model::draws::Draws;

/// A front of one worker before a pool, as fitted.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) workers: u32,
    /// What calls demand of the front.
    pub(super) front: Demand,
    pub(super) front_mean: Duration,
    /// Of the pool, by operation.
    pub(super) demands: Vec<Demand>,
    /// Of the pool, all calls together.
    pub(super) overall: Demand,
    /// Whether it is clear that calls wait for the workers, too.
    pub(super) is_sure: bool,
    /// The most calls a second that both can do.
    pub(super) capacity: f64,
    /// What it makes of the tape. None is held out: it is fitted to all of it.
    pub(super) strata: Vec<Stratum>,
}

/// What a search for a front came to.
#[derive(Clone, Debug)]
pub(super) enum Search {
    Found(Box<Series>),
    /// A front explains the tape better, but it does not show both stations.
    Hidden,
    /// No front explains it.
    Failed,
}

/// A way to split calls between front and pool.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    workers: u32,
    /// The mean of what a call demands of the front, in nanoseconds; 0 if there is none.
    front: f64,
    /// The coefficient of variation of that.
    variation: f64,
}

/// What a workload shows before anything is split.
struct Scene<'w> {
    work: &'w Workload,
    /// What calls took that found nobody inside, by operation.
    alone: Vec<Vec<f64>>,
    /// The mean and the variance of that.
    moments: Vec<(f64, f64)>,
    /// By run and call, the same for all candidates: a latency alone, and a standard normal draw.
    draws: Vec<Vec<(f64, f64)>>,
    /// The variance of latencies by window: where calls wait long, one of them says little.
    variances: Vec<f64>,
    /// The highest rate of a window, in calls a nanosecond.
    busiest: f64,
    /// The mean time that all calls would take alone.
    mean: f64,
}

/// What each call takes in a run, and what it waits of that.
struct Run {
    latencies: Vec<f64>,
    waits: Vec<f64>,
}

impl Search {
    /// Looks for a front that explains latencies clearly better than `single` does.
    pub(super) fn new(work: &Workload, single: Model, split: &Split) -> Self {
        let most = work.most_inside() + 1;
        let excerpt = work.excerpt(EXCERPT, most as usize);
        let whole = work.excerpt(MOST, most as usize);
        let (Some(coarse), Some(scene)) = (Scene::new(&excerpt, 2), Scene::new(&whole, RUNS)) else {
            return Self::Failed;
        };
        let mut found: Vec<(f64, Candidate)> = Vec::new();
        for front in USED.iter().map(|used| used / coarse.busiest) {
            for workers in coarse.pools(front, most) {
                let candidate = Candidate { workers, front, variation: VARIATIONS[1] };
                if coarse.allows(candidate) {
                    found.push((coarse.score(candidate), candidate));
                }
            }
        }
        found.sort_by(|one, other| one.0.total_cmp(&other.0));
        found.dedup_by_key(|(_, candidate)| (candidate.workers, candidate.front.to_bits()));
        let starts: Vec<Candidate> = found.iter().take(STARTS).map(|(_, candidate)| *candidate).collect();
        let best = starts.into_iter().map(|start| scene.refined(start, most));
        let Some((_, best)) = best.min_by(|one, other| one.0.total_cmp(&other.0)) else { return Self::Failed };

        let runs = scene.runs(best);
        let least = scene.squares(&runs);
        let gain = |other: &[f64]| {
            let gains: Vec<f64> = other.iter().zip(&least).map(|(other, least)| other - least).collect();
            if total(&gains) > 0.0 { standard_score(&gains).max(signed_rank_score(&gains)) } else { 0.0 }
        };
        let latencies: Vec<Vec<f64>> = runs.into_iter().map(|run| run.latencies).collect();
        let utilization = |_: &[usize], per_second: f64| Some(per_second / scene.capacity(best));
        let strata = split.judge(scene.work, utilization, &latencies);
        let strata: Vec<Stratum> = strata.into_iter().map(|stratum| Stratum { held_out: false, ..stratum }).collect();
        if gain(&scene.squares(&scene.runs_of(single))) < CLEARLY || strata.iter().any(check::is_mispredicted) {
            return Self::Failed;
        }
        let by_pool = gain(&scene.without_pool(best, most));
        if gain(&scene.without_front(best, most)) < CLEARLY || by_pool < LIKELY {
            return Self::Hidden;
        }
        Self::Found(Box::new(Series { is_sure: by_pool >= CLEARLY, ..scene.described(best, strata) }))
    }
}

impl Search {
    pub(super) fn found(&self) -> Option<&Series> {
        if let Self::Found(series) = self { Some(series) } else { None }
    }

    /// What to say where no front is fitted, beside what was said.
    pub(super) fn shortfall(&self, said: &[Statement]) -> Option<Statement> {
        let none = said.iter().any(Statement::is_unexplained).then_some(Statement::NoFamily);
        if matches!(self, Self::Hidden) { Some(Statement::SeriesHidden) } else { none }
    }
}

impl Series {
    /// Puts it in place of what a single station recovered.
    pub(super) fn put_before(
        &self,
        operations: &mut [OperationFit],
        default: &mut OperationFit,
        names: &BTreeMap<&str, u32>,
    ) {
        for operation in operations {
            operation.pass_before(&self.demands[names[operation.name.as_str()] as usize], &self.front);
        }
        default.pass_before(&self.overall, &self.front);
    }
}

impl<'w> Scene<'w> {
    /// None if hardly any call finds nobody inside.
    fn new(work: &'w Workload, runs: u64) -> Option<Self> {
        let busiest = work.most_per_second() / 1e9;
        let populations = work.populations(0.0);
        let latency = |call: usize| work.finishes[call] - work.arrivals[call];
        let counted = || (0..work.len()).filter(|call| work.counted[*call]);
        let mut alone = vec![Vec::new(); work.kinds];
        for call in counted().filter(|call| populations[*call] == 0) {
            alone[work.operations[call] as usize].push(latency(call));
        }
        let everything: Vec<f64> = alone.iter().flatten().copied().collect();
        if everything.len() < FEWEST || busiest <= 0.0 {
            return None;
        }
        for few in alone.iter_mut().filter(|alone| alone.len() < FEW) {
            few.clone_from(&everything);
        }
        let draw = |run: u64, call: usize| {
            let mut stream = Draws::new(run).at(2, call as u64);
            let alone = &alone[work.operations[call] as usize];
            let rank = ((u128::from(stream.next_u64()) * alone.len() as u128) >> 64) as usize;
            let normal = standin_stub::delay::normal::quantile(stream.random::<f64>().clamp(1e-9, 1.0 - 1e-9));
            (alone[rank], normal)
        };
        let draws = (0..runs).map(|run| (0..work.len()).map(|call| draw(run, call)).collect()).collect();
        let moments: Vec<(f64, f64)> = alone.iter().map(|alone| variance(alone)).collect();
        let usual = |call: usize| moments[work.operations[call] as usize].0;
        let mut by_window = vec![Vec::new(); work.windows.len()];
        for call in counted() {
            by_window[work.window[call] as usize].push(latency(call) - usual(call));
        }
        let variances = by_window.iter().map(|latencies| variance(latencies).1.max(1.0)).collect();
        let mean = (0..work.len()).map(usual).sum::<f64>() / work.len() as f64;
        Some(Self { work, alone, moments, draws, variances, busiest, mean })
    }

    /// Numbers of workers that can do what is left to them, without being far too many.
    fn pools(&self, front: f64, most: u32) -> impl Iterator<Item = u32> {
        let used = self.busiest * (self.mean - front).max(0.0);
        let fewest = ((used * LEAST_WORKERS).ceil() as u32).max(1);
        let steps = (0..POOLS).map(move |step| fewest + step + step * fewest / 6);
        steps.take_while(move |workers| *workers == fewest || *workers <= most)
    }

    /// Whether every operation takes longer than its front.
    fn allows(&self, candidate: Candidate) -> bool {
        self.moments.iter().all(|(mean, _)| candidate.front < *mean)
    }

    fn capacity(&self, candidate: Candidate) -> f64 {
        (f64::from(candidate.workers) / (self.mean - candidate.front).max(1.0)).min(1.0 / candidate.front) * 1e9
    }

    /// What a call demands of the pool: variances of independent parts add up.
    fn demand(&self, candidate: Candidate, operation: usize, alone: f64) -> f64 {
        let (mean, width) = self.moments[operation];
        let share = 1.0 - (candidate.front * candidate.variation).powi(2) / width.max(1.0);
        (mean - candidate.front + (alone - mean) * share.max(0.0).sqrt()).max(1.0)
    }

    fn runs(&self, candidate: Candidate) -> Vec<Run> {
        let (sigma, centre) = log_normal(candidate.variation);
        let run = |draws: &Vec<(f64, f64)>| {
            let (mut free, mut passed) = (FreeTimes::new(candidate.workers), 0.0f64);
            let mut run = Run { latencies: Vec::with_capacity(draws.len()), waits: Vec::with_capacity(draws.len()) };
            for (call, (alone, normal)) in draws.iter().enumerate() {
                let arrival = self.work.arrivals[call];
                let front = candidate.front * (sigma * normal + centre).exp();
                let demand = self.demand(candidate, self.work.operations[call] as usize, *alone);
                passed = passed.max(arrival) + front;
                let finish = passed.max(free.earliest()) + demand;
                free.take(finish);
                run.latencies.push(finish - arrival);
                run.waits.push(finish - arrival - demand - front);
            }
            run
        };
        self.draws.iter().map(run).collect()
    }

    /// The same of a single station, with the demands that it recovers.
    fn runs_of(&self, model: Model) -> Vec<Run> {
        let mut demands = Vec::new();
        model.demands(self.work, &mut demands);
        let pools = Pools::new(self.work, &demands, |call| self.work.counted[call]);
        let run = |seed| {
            let latencies = pools.run(model, self.work, seed);
            let demand = |call| model.outside + pools.draw(self.work, call, Draws::new(seed));
            let waits = latencies.iter().enumerate().map(|(call, latency)| latency - demand(call)).collect();
            Run { latencies, waits }
        };
        (0..self.draws.len() as u64).map(run).collect()
    }

    /// The squares of what expected waits leave of the latencies, by window and by the variance there.
    fn squares(&self, runs: &[Run]) -> Vec<f64> {
        let count = runs.len() as f64;
        let mut squares = vec![0.0; self.work.windows.len()];
        for call in (0..self.work.len()).filter(|call| self.work.counted[*call]) {
            let expected = runs.iter().map(|run| run.waits[call]).sum::<f64>() / count;
            // the mean of a few runs varies by itself
            let own = runs.iter().map(|run| (run.waits[call] - expected).powi(2)).sum::<f64>() / (count - 1.0) / count;
            let usual = self.moments[self.work.operations[call] as usize].0;
            let rest = self.work.finishes[call] - self.work.arrivals[call] - expected - usual;
            let window = self.work.window[call] as usize;
            squares[window] += (rest * rest - own) / self.variances[window];
        }
        squares
    }

    fn score(&self, candidate: Candidate) -> f64 {
        total(&self.squares(&self.runs(candidate)))
    }

    /// The best candidate near another, by ever smaller steps of the front, one worker fewer and more, and other variations.
    fn refined(&self, start: Candidate, most: u32) -> (f64, Candidate) {
        let mut best = (self.score(start), start);
        for step in STEPS {
            let Candidate { workers, front, .. } = best.1;
            let fronts = [1.0 - step, 1.0 + step].map(|by| Candidate { front: front * by, ..best.1 });
            let pools = [workers.saturating_sub(1).max(1), (workers + 1).min(most)];
            let pools = pools.map(|workers| Candidate { workers, ..best.1 });
            let variations = VARIATIONS.map(|variation| Candidate { variation, ..best.1 });
            let start = best.1;
            for candidate in fronts.into_iter().chain(pools).chain(variations).filter(|candidate| *candidate != start) {
                if self.allows(candidate) {
                    let score = self.score(candidate);
                    if score < best.0 {
                        best = (score, candidate);
                    }
                }
            }
        }
        best
    }

    /// The squares of the best pool that has no front.
    fn without_front(&self, best: Candidate, most: u32) -> Vec<f64> {
        let bare = Candidate { front: 0.0, variation: 0.0, ..best };
        let around = best.workers.saturating_sub(2).max(1)..=(best.workers + 2).min(most);
        let all = around.map(|workers| self.squares(&self.runs(Candidate { workers, ..bare })));
        all.min_by(|one, other| total(one).total_cmp(&total(other))).unwrap_or_default()
    }

    /// The squares of the best front before a pool in which nobody waits.
    fn without_pool(&self, best: Candidate, most: u32) -> Vec<f64> {
        let wide = Candidate { workers: most, ..best };
        let fronts = WIDER
            .iter()
            .flat_map(|by| VARIATIONS.map(|variation| Candidate { front: best.front * by, variation, ..wide }));
        let all = fronts.filter(|candidate| self.allows(*candidate)).map(|one| self.squares(&self.runs(one)));
        all.min_by(|one, other| total(one).total_cmp(&total(other))).unwrap_or_default()
    }

    fn described(&self, best: Candidate, strata: Vec<Stratum>) -> Series {
        let shapes = (0..SHAPES).map(|rank| shape((f64::from(rank) + 0.5) / f64::from(SHAPES), best.variation));
        let demands = |operation: usize| -> Vec<f64> {
            self.alone[operation].iter().map(|alone| self.demand(best, operation, *alone)).collect()
        };
        let all = 0..self.alone.len();
        Series {
            workers: best.workers,
            front: Demand::new(shapes.map(|shape| shape * best.front).collect()),
            front_mean: nanos(best.front),
            demands: all.clone().map(|operation| Demand::new(demands(operation))).collect(),
            overall: Demand::new(all.flat_map(demands).collect()),
            is_sure: true,
            capacity: self.capacity(best),
            strata,
        }
    }
}

/// Shares of the front that the busiest window may use.
const USED: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.97, 1.0, 1.03, 1.06];
/// Coefficients of variation of what the front does.
const VARIATIONS: [f64; 3] = [0.0, 0.5, 1.0];
/// The fewest workers that are tried, by those that the busiest window keeps busy, and how many numbers of them.
const LEAST_WORKERS: f64 = 0.9;
const POOLS: u32 = 6;
/// Factors of the front.
const STEPS: [f64; 5] = [0.12, 0.06, 0.03, 0.015, 0.008];
const WIDER: &[f64] = &[1.0, 1.03, 1.06, 1.1, 1.15, 1.2, 1.3, 1.5];
const STARTS: usize = 2;
/// Calls that the coarse and the fine search look at.
const EXCERPT: usize = 8_000;
const MOST: usize = 20_000;
const RUNS: u64 = 6;
/// Calls that find nobody inside; and those of an operation that speak for themselves.
const FEWEST: usize = 300;
const FEW: usize = 30;
/// Standard deviations by which the squares must be less.
const CLEARLY: f64 = 2.5;
/// Standard deviations by which a pool is likely.
const LIKELY: f64 = 1.5;
/// Points of the demands of the front.
const SHAPES: u32 = 4_000;
