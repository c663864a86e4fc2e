//! Tandem queues: a front station that each call passes one at a time (an event loop), before a
//! pool of workers.
//!
//! A single latency does not separate front from work, so there is no inversion: with a constant
//! front a pool without any front looks better. The sum of both is known from calls that find
//! nobody inside, and the expected wait of each call given all arrivals is the mean over a few
//! runs. The best split is the one that leaves the least squares of the latencies, as for a delay
//! center. It is accepted only where both stations make calls wait.

use std::time::Duration;

use rand::{Rng as _, RngExt as _};

use crate::fit::demand::DemandTable;
use crate::fit::prepare::workload::Workload;
use crate::fit::report::findings::Finding;
use crate::fit::search::holdout_validation::{self, HoldoutSplit, Stratum};
use crate::fit::simulation::DemandSampler;
use crate::fit::station_model::{FreeTimes, StationModel};
use crate::fit::time;
use standin_model::draws::Draws;
use standin_model::stats::{LogNormal, Moments, mean, signed_rank_score, standard_score, sum};

/// A fitted tandem queue: a front of one worker before a pool.
#[derive(Clone, Debug)]
pub(crate) struct TandemFit {
    pub(crate) workers: u32,
    /// Demand on the front.
    pub(crate) front: DemandTable,
    pub(crate) front_mean: Duration,
    /// Demand on the pool, by operation.
    pub(crate) demands: Vec<DemandTable>,
    /// Demand on the pool, all calls together.
    pub(crate) overall: DemandTable,
    /// True if it is clear that calls wait for the pool as well.
    pub(crate) is_sure: bool,
    /// Maximum throughput of both stations, in calls a second.
    pub(crate) capacity: f64,
    /// Fitted against recorded latencies. No load is held out, since all of them are fitted.
    pub(crate) strata: Vec<Stratum>,
}

/// Result of a search for a tandem queue.
#[derive(Clone, Debug)]
pub(crate) enum TandemSearch {
    Found(Box<TandemFit>),
    /// A front explains the tape better, but only one of the stations shows.
    Hidden,
    /// No front explains the tape.
    Failed,
}

/// A division of demands between front and pool.
#[derive(Clone, Copy, Debug, PartialEq)]
struct TandemParameters {
    workers: u32,
    /// Mean demand on the front, in nanoseconds; 0 for no front.
    front: f64,
    /// Coefficient of variation of the demand on the front.
    variation: f64,
}

/// Latencies of a workload, prepared for the comparison of candidates.
struct TandemLatencyData<'w> {
    work: &'w Workload,
    /// Latencies of calls that found nobody inside, by operation, in nanoseconds.
    alone: Vec<Vec<f64>>,
    /// Moments of the times in `alone`.
    moments: Vec<Moments>,
    /// Draws by run and call, shared by all candidates: a latency alone, and a standard normal
    /// value.
    draws: Vec<Vec<(f64, f64)>>,
    /// Variance of latencies by window; where waits are long, single latencies say little.
    variances: Vec<f64>,
    /// Highest arrival rate of a window, in calls a nanosecond.
    busiest: f64,
    /// Mean latency of all calls without waits, in nanoseconds.
    mean: f64,
}

/// Latencies of a run, and the waits they contain, in nanoseconds.
struct SimulatedRun {
    latencies: Vec<f64>,
    waits: Vec<f64>,
}

impl TandemSearch {
    /// Searches for a front that explains latencies clearly better than `single` does.
    pub(crate) fn new(work: &Workload, single: StationModel, split: &HoldoutSplit) -> Self {
        let most = work.max_inside() + 1;
        let excerpt = work.excerpt(COARSE_CALLS, most as usize);
        let whole = work.excerpt(FINE_CALLS, most as usize);
        let (Some(coarse), Some(data)) = (TandemLatencyData::new(&excerpt, 2), TandemLatencyData::new(&whole, RUNS))
        else {
            return Self::Failed;
        };
        let mut found: Vec<(f64, TandemParameters)> = Vec::new();
        for front in UTILIZATIONS.iter().map(|used| used / coarse.busiest) {
            for workers in coarse.pools(front, most) {
                let candidate = TandemParameters { workers, front, variation: VARIATIONS[1] };
                if coarse.is_feasible(candidate) {
                    found.push((coarse.score(candidate), candidate));
                }
            }
        }
        found.sort_by(|one, other| one.0.total_cmp(&other.0));
        found.dedup_by_key(|(_, candidate)| (candidate.workers, candidate.front.to_bits()));
        let starts: Vec<TandemParameters> = found.iter().take(START_COUNT).map(|(_, candidate)| *candidate).collect();
        let best = starts.into_iter().map(|start| data.refine(start, most));
        let Some((_, best)) = best.min_by(|one, other| one.0.total_cmp(&other.0)) else { return Self::Failed };

        let runs = data.runs(best);
        let least = data.residual_squares(&runs);
        let gain = |other: &[f64]| {
            let gains: Vec<f64> = other.iter().zip(&least).map(|(other, least)| other - least).collect();
            if sum(&gains) > 0.0 { standard_score(&gains).max(signed_rank_score(&gains)) } else { 0.0 }
        };
        let latencies: Vec<Vec<f64>> = runs.into_iter().map(|run| run.latencies).collect();
        let utilization = |_: &[usize], per_second: f64| Some(per_second / data.capacity(best));
        let strata = split.compare_runs(data.work, utilization, &latencies);
        let strata: Vec<Stratum> = strata.into_iter().map(|stratum| Stratum { held_out: false, ..stratum }).collect();
        if gain(&data.residual_squares(&data.runs_of(single))) < MIN_SCORE
            || strata.iter().any(holdout_validation::is_mispredicted)
        {
            return Self::Failed;
        }
        let by_pool = gain(&data.without_pool(best, most));
        if gain(&data.without_front(best, most)) < MIN_SCORE || by_pool < MIN_LIKELY_SCORE {
            return Self::Hidden;
        }
        Self::Found(Box::new(TandemFit { is_sure: by_pool >= MIN_SCORE, ..data.describe(best, strata) }))
    }
}

impl TandemSearch {
    pub(crate) fn found(&self) -> Option<&TandemFit> {
        if let Self::Found(fit) = self { Some(fit) } else { None }
    }

    /// Returns a finding for a search without a result, given the findings so far.
    pub(crate) fn shortfall(&self, findings: &[Finding]) -> Option<Finding> {
        let none = findings.iter().any(Finding::is_unexplained).then_some(Finding::NoFamilyExplains);
        if matches!(self, Self::Hidden) { Some(Finding::TandemQueueHidden) } else { none }
    }
}

impl<'w> TandemLatencyData<'w> {
    /// Prepares a workload; `None` if too few calls find nobody inside.
    fn new(work: &'w Workload, runs: u64) -> Option<Self> {
        let busiest = work.max_per_second() / 1e9;
        let populations = work.populations(0.0);
        let latency = |call: usize| work.finishes[call] - work.arrivals[call];
        let counted = || (0..work.len()).filter(|call| work.counted[*call]);
        let mut alone = vec![Vec::new(); work.operation_count];
        for call in counted().filter(|call| populations[*call] == 0) {
            alone[work.operations[call] as usize].push(latency(call));
        }
        let everything: Vec<f64> = alone.iter().flatten().copied().collect();
        if everything.len() < MIN_ALONE || busiest <= 0.0 {
            return None;
        }
        for few in alone.iter_mut().filter(|alone| alone.len() < MIN_ALONE_OF_OPERATION) {
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
        let moments: Vec<Moments> = alone.iter().map(|alone| Moments::of(alone)).collect();
        let mean_alone = |call: usize| moments[work.operations[call] as usize].mean;
        let mut by_window = vec![Vec::new(); work.windows.len()];
        for call in counted() {
            by_window[work.window[call] as usize].push(latency(call) - mean_alone(call));
        }
        let variances = by_window.iter().map(|latencies| Moments::of(latencies).variance().max(1.0)).collect();
        let mean = mean((0..work.len()).map(mean_alone));
        Some(Self { work, alone, moments, draws, variances, busiest, mean })
    }

    /// Returns numbers of workers that can serve the rest of the demand without being far too many.
    fn pools(&self, front: f64, most: u32) -> impl Iterator<Item = u32> {
        let used = self.busiest * (self.mean - front).max(0.0);
        let fewest = ((used * MIN_POOL_RATIO).ceil() as u32).max(1);
        let steps = (0..POOL_COUNT).map(move |step| fewest + step + step * fewest / 6);
        steps.take_while(move |workers| *workers == fewest || *workers <= most)
    }

    /// Returns true if every operation takes longer than its front.
    fn is_feasible(&self, candidate: TandemParameters) -> bool {
        self.moments.iter().all(|moments| candidate.front < moments.mean)
    }

    fn capacity(&self, candidate: TandemParameters) -> f64 {
        (f64::from(candidate.workers) / (self.mean - candidate.front).max(1.0)).min(1.0 / candidate.front) * 1e9
    }

    /// Returns the demand of a call on the pool, given its latency alone: variances of independent
    /// parts add up.
    fn demand(&self, candidate: TandemParameters, operation: usize, alone: f64) -> f64 {
        let moments = &self.moments[operation];
        let share = 1.0 - (candidate.front * candidate.variation).powi(2) / moments.variance().max(1.0);
        (moments.mean - candidate.front + (alone - moments.mean) * share.max(0.0).sqrt()).max(1.0)
    }

    fn runs(&self, candidate: TandemParameters) -> Vec<SimulatedRun> {
        let spread = LogNormal::of_mean_one(candidate.variation);
        let run = |draws: &Vec<(f64, f64)>| {
            let (mut free, mut passed) = (FreeTimes::new(candidate.workers), 0.0f64);
            let mut run =
                SimulatedRun { latencies: Vec::with_capacity(draws.len()), waits: Vec::with_capacity(draws.len()) };
            for (call, (alone, normal)) in draws.iter().enumerate() {
                let arrival = self.work.arrivals[call];
                let front = candidate.front * spread.at(*normal);
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

    /// Simulates a single station with the demands that it recovers.
    fn runs_of(&self, model: StationModel) -> Vec<SimulatedRun> {
        let mut demands = Vec::new();
        model.demands(self.work, &mut demands);
        let pools = DemandSampler::new(self.work, &demands, |call| self.work.counted[call]);
        let run = |seed| {
            let latencies = pools.run(model, self.work, seed);
            let demand = |call| model.outside + pools.draw(self.work, call, Draws::new(seed));
            let waits = latencies.iter().enumerate().map(|(call, latency)| latency - demand(call)).collect();
            SimulatedRun { latencies, waits }
        };
        (0..self.draws.len() as u64).map(run).collect()
    }

    /// Returns, by window, the squares that expected waits leave of the latencies, relative to the
    /// variance in that window.
    fn residual_squares(&self, runs: &[SimulatedRun]) -> Vec<f64> {
        let count = runs.len() as f64;
        let mut residual_squares = vec![0.0; self.work.windows.len()];
        for call in (0..self.work.len()).filter(|call| self.work.counted[*call]) {
            let expected = runs.iter().map(|run| run.waits[call]).sum::<f64>() / count;
            // the mean of a few runs has a variance of its own, which is subtracted
            let own = runs.iter().map(|run| (run.waits[call] - expected).powi(2)).sum::<f64>() / (count - 1.0) / count;
            let mean_alone = self.moments[self.work.operations[call] as usize].mean;
            let rest = self.work.finishes[call] - self.work.arrivals[call] - expected - mean_alone;
            let window = self.work.window[call] as usize;
            residual_squares[window] += (rest * rest - own) / self.variances[window];
        }
        residual_squares
    }

    fn score(&self, candidate: TandemParameters) -> f64 {
        sum(self.residual_squares(&self.runs(candidate)))
    }

    /// Returns the best candidate near another, varying the front in steps of decreasing size, one
    /// worker fewer and more, and the variation.
    fn refine(&self, start: TandemParameters, most: u32) -> (f64, TandemParameters) {
        let mut best = (self.score(start), start);
        for step in STEPS {
            let TandemParameters { workers, front, .. } = best.1;
            let fronts = [1.0 - step, 1.0 + step].map(|by| TandemParameters { front: front * by, ..best.1 });
            let pools = [workers.saturating_sub(1).max(1), (workers + 1).min(most)];
            let pools = pools.map(|workers| TandemParameters { workers, ..best.1 });
            let variations = VARIATIONS.map(|variation| TandemParameters { variation, ..best.1 });
            let start = best.1;
            for candidate in fronts.into_iter().chain(pools).chain(variations).filter(|candidate| *candidate != start) {
                if self.is_feasible(candidate) {
                    let score = self.score(candidate);
                    if score < best.0 {
                        best = (score, candidate);
                    }
                }
            }
        }
        best
    }

    /// Returns the squares of the best pool without a front.
    fn without_front(&self, best: TandemParameters, most: u32) -> Vec<f64> {
        let bare = TandemParameters { front: 0.0, variation: 0.0, ..best };
        let around = best.workers.saturating_sub(2).max(1)..=(best.workers + 2).min(most);
        let all = around.map(|workers| self.residual_squares(&self.runs(TandemParameters { workers, ..bare })));
        all.min_by(|one, other| sum(one).total_cmp(&sum(other))).unwrap_or_default()
    }

    /// Returns the squares of the best front before a pool without waits.
    fn without_pool(&self, best: TandemParameters, most: u32) -> Vec<f64> {
        let wide = TandemParameters { workers: most, ..best };
        let fronts = FRONT_FACTORS
            .iter()
            .flat_map(|by| VARIATIONS.map(|variation| TandemParameters { front: best.front * by, variation, ..wide }));
        let all =
            fronts.filter(|candidate| self.is_feasible(*candidate)).map(|one| self.residual_squares(&self.runs(one)));
        all.min_by(|one, other| sum(one).total_cmp(&sum(other))).unwrap_or_default()
    }

    fn describe(&self, best: TandemParameters, strata: Vec<Stratum>) -> TandemFit {
        let shape = LogNormal::of_mean_one(best.variation);
        let shapes = (0..QUANTILES).map(|rank| shape.quantile((f64::from(rank) + 0.5) / f64::from(QUANTILES)));
        let demands = |operation: usize| -> Vec<f64> {
            self.alone[operation].iter().map(|alone| self.demand(best, operation, *alone)).collect()
        };
        let all = 0..self.alone.len();
        TandemFit {
            workers: best.workers,
            front: DemandTable::new(shapes.map(|shape| shape * best.front).collect()),
            front_mean: time::from_nanos(best.front),
            demands: all.clone().map(|operation| DemandTable::new(demands(operation))).collect(),
            overall: DemandTable::new(all.flat_map(demands).collect()),
            is_sure: true,
            capacity: self.capacity(best),
            strata,
        }
    }
}

/// Utilizations of the front in the busiest window that are tried.
const UTILIZATIONS: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.97, 1.0, 1.03, 1.06];
/// Coefficients of variation of the front that are tried.
const VARIATIONS: [f64; 3] = [0.0, 0.5, 1.0];
/// Fewest workers that are tried, relative to the mean number busy in the busiest window, and how
/// many numbers are tried.
const MIN_POOL_RATIO: f64 = 0.9;
const POOL_COUNT: u32 = 6;
/// Relative steps of the front in the fine search.
const STEPS: [f64; 5] = [0.12, 0.06, 0.03, 0.015, 0.008];
const FRONT_FACTORS: &[f64] = &[1.0, 1.03, 1.06, 1.1, 1.15, 1.2, 1.3, 1.5];
const START_COUNT: usize = 2;
/// Numbers of calls in the coarse and in the fine search.
const COARSE_CALLS: usize = 8_000;
const FINE_CALLS: usize = 20_000;
const RUNS: u64 = 6;
/// Minimum number of calls that find nobody inside: in all, and of an operation with a distribution
/// of its own.
const MIN_ALONE: usize = 300;
const MIN_ALONE_OF_OPERATION: usize = 30;
/// Minimum score, in standard deviations, by which the squares must be less.
const MIN_SCORE: f64 = 2.5;
/// Minimum score, in standard deviations, for a likely pool.
const MIN_LIKELY_SCORE: f64 = 1.5;
/// Number of quantiles of the front's demand that are written.
const QUANTILES: u32 = 4_000;
