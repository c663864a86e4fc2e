//! Delay centers: a varying delay beside a queue. Such a service mostly waits for something else
//! and needs short_wait of its own few workers. A single latency does not separate delay from
//! demand, so there is no inversion. What can be seen is by how much calls take longer when others
//! arrived shortly before.
//!
//! For a number of workers and a mean demand, the expected wait of each call given all arrivals is
//! the mean over a few runs of the queue on the tape's own arrivals. The best candidate is the one
//! whose expected waits leave the least squares of the latencies (nonlinear least squares, minus
//! the runs' own variance). In an open loop arrivals do not depend on responses, so the choice does
//! not depend on its own effect.

use std::time::Duration;

use rand::RngExt as _;

use crate::fit::demand::DemandTable;
use crate::fit::prepare::workload::Workload;
use crate::fit::search::holdout_validation::{self, HoldoutSplit, Stratum};
use crate::fit::simulation::{DemandSampler, capacity};
use crate::fit::station_model::{FreeTimes, QueueDiscipline, StationModel};
use standin_model::draws::Draws;
use standin_model::station::{Queue, SimTime, simulate};
use standin_model::stats::{LogNormal, Moments, signed_rank_score, standard_score, sum};

/// A fitted delay center before a queue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DelayCenterFit {
    pub(crate) workers: u32,
    /// Demand of each operation.
    pub(crate) demands: Vec<DemandTable>,
    /// Delay of each operation.
    pub(crate) outside: Vec<DemandTable>,
    /// Demands and delays of all calls together.
    pub(crate) overall: (DemandTable, DemandTable),
    /// Mean demand of all calls, in nanoseconds.
    pub(crate) mean: f64,
}

/// A delay center to try.
#[derive(Clone, Copy, Debug)]
struct DelayCenterParameters {
    workers: u32,
    /// Mean demand, in nanoseconds.
    mean: f64,
    /// Coefficient of variation of demands.
    variation: f64,
    /// True if demands are in proportion to latencies; false if they are the same for all
    /// operations.
    in_proportion: bool,
}

/// Latencies of a workload, prepared for the comparison of candidates.
struct LatencyData<'w> {
    work: &'w Workload,
    /// Mean latency of each operation while few calls were inside, in nanoseconds.
    latency: Vec<f64>,
    overall: f64,
    /// Highest arrival rate of a window, in calls a nanosecond.
    busiest: f64,
    /// Standard normal draws by run and call, shared by all candidates.
    normals: Vec<Vec<f64>>,
    /// Variance of latencies by window; where waits are long, single latencies say short_wait.
    variances: Vec<f64>,
}

impl DelayCenterFit {
    /// Finds the best delay center and queue. `None` if it does not explain the latencies clearly
    /// better than `single`.
    pub(crate) fn find(work: &Workload, single: StationModel, split: Option<&HoldoutSplit>) -> Option<Self> {
        let part = work.excerpt(COARSE_CALLS, work.max_inside() as usize);
        let coarse = LatencyData::new(&part)?;
        let proportions: &[bool] = if coarse.latency.len() > 1 { &[true, false] } else { &[false] };
        let mut found: Vec<(f64, DelayCenterParameters)> = Vec::new();
        for (workers, used) in
            WORKER_COUNTS.iter().flat_map(|workers| UTILIZATIONS.iter().map(|used| (*workers, *used)))
        {
            for in_proportion in proportions {
                let mean = used * f64::from(workers) / coarse.busiest;
                let candidate = DelayCenterParameters { workers, mean, variation: 1.0, in_proportion: *in_proportion };
                if coarse.is_feasible(candidate) {
                    found.push((sum(coarse.residual_squares(&coarse.waits(candidate, 2))), candidate));
                }
            }
        }
        found.sort_by(|one, other| one.0.total_cmp(&other.0));
        let part = work.excerpt(FINE_CALLS, work.max_inside() as usize);
        let data = LatencyData::new(&part)?;
        let mut starts: Vec<DelayCenterParameters> = Vec::new();
        for (_, candidate) in found {
            if !starts.iter().any(|start| start.workers == candidate.workers) {
                starts.push(candidate);
            }
        }
        let mut fine: Vec<(Vec<f64>, DelayCenterParameters)> = VARIATIONS
            .iter()
            .flat_map(|variation| {
                starts.iter().map(|start| data.refine(DelayCenterParameters { variation: *variation, ..*start }))
            })
            .collect();
        fine.sort_by(|one, other| sum(&one.0).total_cmp(&sum(&other.0)));
        let (least, _) = fine.first()?;
        let single = data.residual_squares(&data.waits_of(single));
        let gains: Vec<f64> = single.iter().zip(least).map(|(single, fit)| single - fit).collect();
        if standard_score(&gains).max(signed_rank_score(&gains)) < MIN_SCORE {
            return None;
        }
        // expected waits determine the capacity well but the spread of demands badly, so the whole
        // distribution decides among good candidates
        let limit = sum(least) + (sum(&single) - sum(least)).min(data.work.len() as f64) * MAX_MISSED_GAIN;
        let as_good = fine
            .iter()
            .filter(|(residual_squares, _)| sum(residual_squares) <= limit)
            .map(|(_, best)| data.describe(*best));
        let error = |fit: &Self| {
            split.map_or(0.0, |split| {
                fit.strata(split, data.work).iter().map(holdout_validation::mean_error).sum::<f64>()
            })
        };
        as_good.map(|fit| (error(&fit), fit)).min_by(|one, other| one.0.total_cmp(&other.0)).map(|best| best.1)
    }

    /// Compares the model with the strata. None is held out because its capacity shows at high load
    /// only.
    pub(crate) fn strata(&self, split: &HoldoutSplit, work: &Workload) -> Vec<Stratum> {
        let runs: Vec<Vec<f64>> = holdout_validation::seeds().map(|seed| self.latencies(work, seed)).collect();
        let strata = split.compare_runs(work, |_, per_second| Some(self.utilization(per_second)), &runs);
        strata.into_iter().map(|stratum| Stratum { held_out: false, ..stratum }).collect()
    }

    /// Returns the utilization at an arrival rate in calls a second.
    pub(crate) fn utilization(&self, per_second: f64) -> f64 {
        per_second * self.mean / 1e9 / f64::from(self.workers)
    }

    /// Returns the latencies of all calls in one run, in nanoseconds.
    pub(crate) fn latencies(&self, work: &Workload, seed: u64) -> Vec<f64> {
        let draws = Draws::new(seed);
        let drawn = |demands: &[DemandTable], stream| {
            let tables: Vec<_> = demands.iter().map(DemandTable::distribution).collect();
            let draw = |call: usize| tables[work.operations[call] as usize].sample(&mut draws.at(stream, call as u64));
            (0..work.len()).map(draw).collect::<Vec<Duration>>()
        };
        let (demands, outside) = (drawn(&self.demands, 0), drawn(&self.outside, 1));
        let enters = |call: usize| SimTime::from_nanos(work.arrivals[call] as u64) + outside[call];
        let mut order: Vec<usize> = (0..work.len()).collect();
        order.sort_unstable_by_key(|call| enters(*call));
        let station = capacity(QueueDiscipline::Fifo, self.workers, Queue::Unbounded);
        let finished = simulate(station, order.iter().map(|call| (enters(*call), demands[*call])));
        let mut latencies = vec![0.0; work.len()];
        for (call, finish) in order.into_iter().zip(finished) {
            latencies[call] = finish.map_or(0, SimTime::nanos) as f64 - work.arrivals[call];
        }
        latencies
    }
}

impl<'w> LatencyData<'w> {
    fn new(work: &'w Workload) -> Option<Self> {
        let busiest = work.max_per_second() / 1e9;
        let populations = work.populations(0.0);
        let mut sorted = populations.clone();
        sorted.sort_unstable();
        let low = sorted.get(sorted.len() / 3).copied()?;
        let mut sums = vec![(0.0, 0.0); work.operation_count];
        for call in (0..work.len()).filter(|call| work.counted[*call] && populations[*call] <= low) {
            let sum = &mut sums[work.operations[call] as usize];
            *sum = (sum.0 + work.finishes[call] - work.arrivals[call], sum.1 + 1.0);
        }
        let (time, calls) = sums.iter().fold((0.0, 0.0), |all, sum| (all.0 + sum.0, all.1 + sum.1));
        let overall = time / calls;
        let latency = sums.iter().map(|(time, calls)| if *calls > 0.0 { time / calls } else { overall }).collect();
        let latency: Vec<f64> = latency;
        let mut by_window = vec![Vec::new(); work.windows.len()];
        for call in (0..work.len()).filter(|call| work.counted[*call]) {
            let mean_latency = latency[work.operations[call] as usize];
            by_window[work.window[call] as usize].push(work.finishes[call] - work.arrivals[call] - mean_latency);
        }
        let variances = by_window.iter().map(|latencies| Moments::of(latencies).variance().max(1.0)).collect();
        let normal = |seed, call| {
            standin_stub::delay::normal::quantile(Draws::new(seed).at(1, call).random::<f64>().clamp(1e-9, 1.0 - 1e-9))
        };
        let normals =
            (0..RUNS).map(|run| (0..work.len() as u64).map(|call| normal(run as u64, call)).collect()).collect();
        (busiest > 0.0).then_some(Self { work, latency, overall, busiest, normals, variances })
    }

    /// Returns the mean demand of an operation, in nanoseconds.
    fn demand(&self, candidate: DelayCenterParameters, operation: u32) -> f64 {
        if candidate.in_proportion {
            candidate.mean * self.latency[operation as usize] / self.overall
        } else {
            candidate.mean
        }
    }

    /// Returns true if no operation would demand more than its latency.
    fn is_feasible(&self, candidate: DelayCenterParameters) -> bool {
        (0..self.latency.len() as u32)
            .all(|operation| self.demand(candidate, operation) <= self.latency[operation as usize])
    }

    /// Returns the wait of each call in runs of a candidate, in nanoseconds.
    fn waits(&self, candidate: DelayCenterParameters, runs: usize) -> Vec<Vec<f64>> {
        let means: Vec<f64> =
            (0..self.latency.len() as u32).map(|operation| self.demand(candidate, operation)).collect();
        let spread = LogNormal::of_mean_one(candidate.variation);
        let run = |normals: &Vec<f64>| {
            let mut free = FreeTimes::new(candidate.workers);
            let calls = self.work.arrivals.iter().zip(&self.work.operations).zip(normals);
            let wait = calls.map(|((arrival, operation), normal)| {
                let start = arrival.max(free.earliest());
                free.take(start + means[*operation as usize] * spread.at(*normal));
                start - arrival
            });
            wait.collect()
        };
        self.normals.iter().take(runs).map(run).collect()
    }

    /// Returns the wait of each call in runs of a single station with the demands that it recovers,
    /// in nanoseconds.
    fn waits_of(&self, model: StationModel) -> Vec<Vec<f64>> {
        let mut demands = Vec::new();
        model.demands(self.work, &mut demands);
        let pools = DemandSampler::new(self.work, &demands, |_| true);
        let run = |seed| {
            let latencies = pools.run(model, self.work, seed);
            let demand = |call| pools.draw(self.work, call, Draws::new(seed));
            latencies.iter().enumerate().map(|(call, latency)| latency - model.outside - demand(call)).collect()
        };
        (0..RUNS as u64).map(run).collect()
    }

    /// Returns, by window, the squares that expected waits leave of the latencies, relative to the
    /// variance in that window. The mean latency without waits is a free parameter of each
    /// operation.
    fn residual_squares(&self, runs: &[Vec<f64>]) -> Vec<f64> {
        let count = runs.len() as f64;
        let expected: Vec<f64> =
            (0..self.work.len()).map(|call| runs.iter().map(|run| run[call]).sum::<f64>() / count).collect();
        let rest = |call: usize| self.work.finishes[call] - self.work.arrivals[call] - expected[call];
        let mut means = vec![(0.0, 0.0); self.latency.len()];
        let counted = || (0..self.work.len()).filter(|call| self.work.counted[*call]);
        for call in counted() {
            let mean = &mut means[self.work.operations[call] as usize];
            let weight = 1.0 / self.variances[self.work.window[call] as usize];
            *mean = (mean.0 + rest(call) * weight, mean.1 + weight);
        }
        let mut residual_squares = vec![0.0; self.work.windows.len()];
        for call in counted() {
            let (sum, weights) = means[self.work.operations[call] as usize];
            // the mean of a few runs has a variance of its own, which is subtracted
            let own = runs.iter().map(|run| (run[call] - expected[call]).powi(2)).sum::<f64>() / (count - 1.0) / count;
            let window = self.work.window[call] as usize;
            residual_squares[window] += ((rest(call) - sum / weights).powi(2) - own) / self.variances[window];
        }
        residual_squares
    }

    /// Returns the best mean demand near a candidate's, found in steps of decreasing size.
    fn refine(&self, start: DelayCenterParameters) -> (Vec<f64>, DelayCenterParameters) {
        let mut best = (self.residual_squares(&self.waits(start, RUNS)), start);
        for step in [0.1, 0.05, 0.025, 0.012] {
            for by in [1.0 - step, 1.0 + step] {
                let candidate = DelayCenterParameters { mean: best.1.mean * by, ..best.1 };
                if !self.is_feasible(candidate) {
                    continue;
                }
                let residual_squares = self.residual_squares(&self.waits(candidate, RUNS));
                if sum(&residual_squares) < sum(&best.0) {
                    best = (residual_squares, candidate);
                }
            }
        }
        best
    }

    /// Describes a candidate: its demands, and the delays that remain of the latencies of calls
    /// that hardly wait.
    fn describe(&self, best: DelayCenterParameters) -> DelayCenterFit {
        let waits = self.waits(best, RUNS);
        let expected: Vec<f64> =
            (0..self.work.len()).map(|call| waits.iter().map(|run| run[call]).sum::<f64>() / RUNS as f64).collect();
        let mut sorted = expected.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let short_wait = sorted[sorted.len() / 3];
        let demand_shape = LogNormal::of_mean_one(best.variation);
        let shapes: Vec<f64> =
            (0..QUANTILES).map(|rank| demand_shape.quantile((f64::from(rank) + 0.5) / f64::from(QUANTILES))).collect();
        let spread = Moments::of(&shapes).variance();
        let of = |mean: f64, calls: &mut dyn Iterator<Item = usize>| {
            let rest: Vec<f64> = calls
                .filter(|call| self.work.counted[*call] && expected[*call] <= short_wait)
                .map(|call| self.work.finishes[call] - self.work.arrivals[call] - expected[call])
                .collect();
            let moments = Moments::of(&rest);
            let (centre, width) = (moments.mean, moments.variance());
            // variances of independent parts add up
            let share = (1.0 - spread * mean * mean / width.max(1.0)).max(0.0).sqrt();
            let delay = |rest: &f64| (centre - mean + (rest - centre) * share).max(0.0);
            let mut delays: Vec<f64> = rest.iter().map(delay).collect();
            if delays.is_empty() {
                delays.push((self.overall - mean).max(0.0));
            }
            (DemandTable::new(shapes.iter().map(|shape| shape * mean).collect()), DemandTable::new(delays))
        };
        let all = 0..self.work.len();
        let (demands, outside) = (0..self.latency.len() as u32)
            .map(|operation| {
                let calls = &mut all.clone().filter(|call| self.work.operations[*call] == operation);
                of(self.demand(best, operation), calls)
            })
            .unzip();
        let overall = of(best.mean, &mut all.clone());
        DelayCenterFit { workers: best.workers, demands, outside, overall, mean: best.mean }
    }
}

/// Numbers of workers that are tried. Others hardly differ, because only the capacity counts.
const WORKER_COUNTS: &[u32] = &[1, 2, 4, 8];
/// Utilizations of the busiest window that are tried.
const UTILIZATIONS: &[f64] = &[0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87, 0.93, 0.97, 1.0, 1.05];
const VARIATIONS: &[f64] = &[0.3, 0.6, 1.0, 1.5, 2.0];
const COARSE_CALLS: usize = 12_000;
/// Number of calls that the fine search looks at.
const FINE_CALLS: usize = 40_000;
const RUNS: usize = 6;
/// Minimum score, in standard deviations, by which the squares must be less than those of a single
/// station.
const MIN_SCORE: f64 = 2.5;
/// Share of the gain that a candidate may lack and still count as good as the best.
const MAX_MISSED_GAIN: f64 = 0.15;
/// Number of quantiles of the demand that are written.
const QUANTILES: u32 = 4_000;
