//! Load-dependent service rates: how fast a service works by the number of calls inside, where no
//! number of workers describes it. Locks, caches and garbage collection slow each call down long
//! before all workers are busy.
//!
//! The cost of a call while n are inside is the time spent there divided by the departures
//! meanwhile, n T(n) / D(n). For calls that are all served at once it does not depend on the
//! distribution of demands (Kelly, *Reversibility and stochastic networks*, 1979, 3.3). All usual
//! laws have it convex: processor sharing, Amdahl's law, and the universal scalability law
//! (Gunther, *Guerrilla capacity planning*, 2007). So is the curve that is fitted, by least
//! squares; its last slope extends it beyond the measured populations.

use crate::fit::prepare::workload::Workload;
use crate::fit::search::holdout_validation::{self, HoldoutSplit, Stratum};
use crate::fit::search::load_dependence::{PopulationThirds, largest_effect_by_chance};
use crate::fit::search::model_search::ScoredModel;
use standin_model::station::{Capacity, Queue, RateCurve};

/// A fitted load-dependent service rate.
#[derive(Clone, Debug)]
pub(crate) struct LoadDependentFit {
    pub(crate) curve: RateCurve,
    /// Largest population that occurred often enough to be measured.
    pub(crate) measured: u32,
    /// Recovered demand of each call, in nanoseconds.
    pub(crate) demands: Vec<f64>,
    pub(crate) effect: f64,
    /// Predicted against recorded latencies, with demands of the lower load.
    pub(crate) strata: Vec<Stratum>,
}

/// Cost of a call in nanoseconds by population: piecewise linear and convex.
struct CostCurve {
    /// Populations in ascending order from 1, each with the rise of the slope there; the first is
    /// the slope at 1.
    hinges: Vec<(f64, f64)>,
    alone: f64,
    measured: u32,
}

impl LoadDependentFit {
    /// Measures the curve of a workload and predicts the highest load with it.
    pub(crate) fn find(work: &Workload, split: &HoldoutSplit) -> Option<Self> {
        let cost = CostCurve::measure(work)?;
        let curve = cost.curve()?;
        let demands = demands(&curve, work);
        let effect = PopulationThirds::new(work, 0.0, |_| true).effect(&demands, 0.0);
        let pools = split.known_demands(work, &demands);
        let capacity = || Capacity::Curve { curve: curve.clone(), queue: Queue::Unbounded };
        let runs: Vec<Vec<f64>> =
            holdout_validation::seeds().map(|seed| pools.serve(capacity(), 0.0, work, seed)).collect();
        let strata = split.compare_runs(work, |_, per_second| Some(per_second / max_rate(&curve)), &runs);
        Some(Self { curve, measured: cost.measured, demands, effect, strata })
    }

    /// Returns the maximum throughput in calls a second.
    pub(crate) fn capacity(&self) -> f64 {
        max_rate(&self.curve)
    }

    /// Returns true if the curve should replace the single station: its effect size is explained by
    /// chance, or it predicts the highest load clearly better.
    pub(crate) fn is_better(&self, single: ScoredModel, strata: &[Stratum], chance: f64) -> bool {
        let explains = self.effect <= largest_effect_by_chance(chance)
            && !holdout_validation::is_clearly_better(strata, &self.strata);
        self.effect < single.effect && (explains || holdout_validation::is_clearly_better(&self.strata, strata))
    }

    /// Returns true if a model with this effect size and these predictions is clearly better.
    pub(crate) fn is_clearly_worse(&self, effect: f64, strata: &[Stratum], tolerance: f64) -> bool {
        let is_clear = self.effect - effect > tolerance.max(self.effect * MIN_GAIN_SHARE);
        is_clear && !holdout_validation::is_clearly_better(&self.strata, strata)
            || holdout_validation::is_clearly_better(strata, &self.strata)
    }
}

impl CostCurve {
    fn measure(work: &Workload) -> Option<Self> {
        let points = points(work);
        let measured = points.last()?.population;
        if points.len() < MIN_POINTS || points[0].population > 1.5 {
            return None;
        }
        let mut starts = vec![1.0];
        starts.extend(points[1..points.len() - 1].iter().map(|point| point.population));
        // columns are the cost alone and one for each hinge; the variance of a cost is its square
        // divided by the departures
        let columns = |point: &PopulationCost| {
            let hinges = starts.iter().map(|start| (point.population - start).max(0.0));
            std::iter::once(1.0).chain(hinges).collect::<Vec<f64>>()
        };
        let rows: Vec<(Vec<f64>, f64, f64)> =
            points.iter().map(|point| (columns(point), point.cost, point.departures / point.cost.powi(2))).collect();
        let found = least_squares(&rows);
        (found[0] > 0.0).then(|| Self {
            hinges: starts.into_iter().zip(found[1..].iter().copied()).collect(),
            alone: found[0],
            measured: measured.round() as u32,
        })
    }

    fn at(&self, population: f64) -> f64 {
        let rise = |(start, slope): &(f64, f64)| slope * (population - start).max(0.0);
        self.alone + self.hinges.iter().map(rise).sum::<f64>()
    }

    /// Returns the rates for a profile; `None` if calls do not delay each other.
    fn curve(&self) -> Option<RateCurve> {
        let mut rates: Vec<(u32, f64)> = Vec::new();
        let mut population = 1;
        while f64::from(population) < f64::from(self.measured) * EXTRAPOLATION_RATIO {
            let mut rate = round_to_four_digits(f64::from(population) / self.at(f64::from(population)) * 1e9);
            if let Some((few, slower)) = rates.last() {
                // rounding must not make a call faster than it is alone
                rate = rate.min(slower * f64::from(population) / f64::from(*few));
            }
            rates.push((population, rate));
            population = (f64::from(population) * POPULATION_RATIO).ceil().max(f64::from(population + 1)) as u32;
        }
        let slows = self.at(f64::from(self.measured)) > self.alone * MIN_COST_RATIO;
        RateCurve::new(rates).ok().filter(|_| slows)
    }
}

/// Returns the station of a curve. A bound on the calls inside ends the curve there.
pub(crate) fn bounded_curve(curve: &RateCurve, inside: Option<u32>) -> Capacity {
    let Some(calls) = inside else { return Capacity::Curve { curve: curve.clone(), queue: Queue::Unbounded } };
    let within = curve.rates().iter().copied().filter(|(population, _)| *population <= calls.max(1));
    let curve = RateCurve::new(within).unwrap_or_else(|_| curve.clone());
    let queue = Queue::AtMost(calls.saturating_sub(curve.max_population()));
    Capacity::Curve { curve, queue }
}

/// Cost measured at neighboring populations.
struct PopulationCost {
    population: f64,
    /// Time spent inside, in nanoseconds, divided by departures.
    cost: f64,
    departures: f64,
}

/// Measures the cost by population, with a minimum number of departures at each point.
fn points(work: &Workload) -> Vec<PopulationCost> {
    let mut seen: Vec<(f64, f64)> = Vec::new();
    let (mut now, mut inside, mut arrived) = (0.0, 0usize, 0);
    for finish in work.by_finish.iter().map(|call| work.finishes[*call as usize]) {
        loop {
            let arrival = work.arrivals.get(arrived).copied().unwrap_or(f64::INFINITY);
            let next = arrival.min(finish);
            seen.resize(seen.len().max(inside + 1), (0.0, 0.0));
            seen[inside].0 += (next - now) * inside as f64;
            now = next;
            if arrival > finish {
                seen[inside].1 += 1.0;
                break;
            }
            arrived += 1;
            inside += 1;
        }
        inside = inside.saturating_sub(1);
    }
    let (mut points, mut population, mut time, mut departures): (Vec<PopulationCost>, _, _, _) =
        (Vec::new(), 0.0, 0.0, 0.0);
    for (inside, (spent, left)) in seen.into_iter().enumerate() {
        (population, time, departures) = (population + inside as f64 * left, time + spent, departures + left);
        if departures >= MIN_DEPARTURES {
            points.push(PopulationCost { population: population / departures, cost: time / departures, departures });
            (population, time, departures) = (0.0, 0.0, 0.0);
        }
    }
    if let Some(last) = points.last_mut().filter(|_| departures > 0.0) {
        // the remaining departures at the highest populations
        let all = last.departures + departures;
        last.population = (last.population * last.departures + population) / all;
        last.cost = (last.cost * last.departures + time) / all;
        last.departures = all;
    }
    points
}

/// Returns non-negative factors of the columns that minimize the squares of rows `(columns, value,
/// weight)`, by coordinate descent.
fn least_squares(rows: &[(Vec<f64>, f64, f64)]) -> Vec<f64> {
    let width = rows.first().map_or(0, |(columns, ..)| columns.len());
    let product = |one: usize, other: usize| {
        rows.iter().map(|(columns, _, weight)| columns[one] * columns[other] * weight).sum::<f64>()
    };
    let squares: Vec<Vec<f64>> = (0..width).map(|one| (0..width).map(|other| product(one, other)).collect()).collect();
    let goals: Vec<f64> = (0..width)
        .map(|column| rows.iter().map(|(columns, value, weight)| columns[column] * value * weight).sum())
        .collect();
    let mut found = vec![0.0; width];
    for _ in 0..MAX_ROUNDS {
        let mut moved = 0.0;
        for column in 0..width {
            let explained: f64 = (0..width).map(|other| squares[column][other] * found[other]).sum();
            let own = squares[column][column];
            if own > 0.0 {
                let better = f64::max(found[column] + (goals[column] - explained) / own, 0.0);
                moved += (better - found[column]).abs() * own.sqrt();
                found[column] = better;
            }
        }
        if moved < CONVERGED {
            break;
        }
    }
    found
}

/// Returns the recovered demand of each call in nanoseconds: the growth of virtual time while it
/// was inside.
pub(crate) fn demands(curve: &RateCurve, work: &Workload) -> Vec<f64> {
    let shares: Vec<f64> = (0..=work.max_inside() + 1).map(|population| relative_speed(curve, population)).collect();
    let mut demands = vec![0.0; work.len()];
    let (mut virtual_time, mut now, mut inside, mut arrived) = (0.0, 0.0, 0usize, 0);
    for call in work.by_finish.iter().map(|call| *call as usize) {
        loop {
            let arrival = work.arrivals.get(arrived).copied().unwrap_or(f64::INFINITY);
            let next = arrival.min(work.finishes[call]);
            virtual_time += (next - now) * shares[inside.min(shares.len() - 1)];
            now = next;
            if arrival > work.finishes[call] {
                break;
            }
            demands[arrived] -= virtual_time;
            (arrived, inside) = (arrived + 1, inside + 1);
        }
        demands[call] += virtual_time;
        inside = inside.saturating_sub(1);
    }
    demands
}

/// Returns the speed of one of `population` calls, relative to its speed alone.
fn relative_speed(curve: &RateCurve, population: u32) -> f64 {
    let (rates, inside) = (curve.rates(), f64::from(population.max(1)));
    let after = rates.partition_point(|(given, _)| *given <= population).max(1);
    let (few, slower) = rates[after - 1];
    let rate = rates.get(after).filter(|_| few <= population).map_or(slower, |(many, faster)| {
        slower + (faster - slower) * (inside - f64::from(few)) / f64::from(many - few)
    });
    rate / rates[0].1 / inside
}

fn max_rate(curve: &RateCurve) -> f64 {
    curve.rates().iter().map(|(_, rate)| *rate).max_by(f64::total_cmp).unwrap_or(0.0)
}

/// Rounds to four significant digits.
fn round_to_four_digits(rate: f64) -> f64 {
    let unit = 10f64.powi(3 - rate.log10().floor() as i32);
    (rate * unit).round() / unit
}

/// Minimum number of departures of a point.
const MIN_DEPARTURES: f64 = 400.0;
/// Minimum number of points of a curve.
const MIN_POINTS: usize = 3;
/// Ratio of the largest population that is written to the largest that was measured.
const EXTRAPOLATION_RATIO: f64 = 4.0;
/// Ratio of neighboring populations that are written.
const POPULATION_RATIO: f64 = 1.2;
/// Minimum ratio of the cost at the largest population to the cost alone.
const MIN_COST_RATIO: f64 = 1.1;
/// Smallest gain in effect size by which another model is clearly better, as a share of its own.
const MIN_GAIN_SHARE: f64 = 0.12;
const MAX_ROUNDS: usize = 20_000;
const CONVERGED: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_a_curve_that_goes_on_as_it_went() {
        // Amdahl's law with a serial share of a tenth: 10 calls/s alone, 100 at most
        let cost = CostCurve { hinges: vec![(1.0, 1e7), (4.0, 0.0)], alone: 1e8, measured: 8 };
        let curve = cost.curve().expect("it slows down");
        let rate =
            |population: u32| curve.rates().iter().find(|(given, _)| *given == population).map(|(_, rate)| *rate);
        assert_eq!((rate(1), rate(2), rate(8)), (Some(10.0), Some(18.18), Some(47.06)));
        assert!(curve.max_population() > 24 && max_rate(&curve) < 100.0, "{curve:?}");
        assert!((relative_speed(&curve, 2) - 18.18 / 20.0).abs() < 1e-9 && relative_speed(&curve, 1) == 1.0);
        let steady = CostCurve { hinges: vec![(1.0, 1e4)], alone: 1e8, measured: 8 };
        let Capacity::Curve { curve, queue } = bounded_curve(&curve, Some(9)) else { panic!("a curve") };
        assert_eq!((curve.max_population(), queue), (8, Queue::AtMost(1)), "nine at most may be inside");
        assert_eq!(steady.curve(), None, "calls that do not hold each other up make no curve");
    }

    #[test]
    fn least_squares_are_met_by_factors_that_are_not_negative() {
        let row = |at: f64, value: f64| (vec![1.0, at, (at - 2.0).max(0.0)], value, 1.0);
        let found = least_squares(&[row(0.0, 3.0), row(1.0, 4.0), row(2.0, 5.0), row(3.0, 8.0), row(4.0, 11.0)]);
        for (factor, expected) in found.iter().zip([3.0, 1.0, 2.0]) {
            assert!((factor - expected).abs() < 1e-3, "{found:?}");
        }
        let falling = least_squares(&[row(0.0, 3.0), row(1.0, 2.0), row(2.0, 1.0)]);
        assert!(falling[1] == 0.0 && (falling[0] - 2.0).abs() < 1e-3, "{falling:?}");
    }
}
