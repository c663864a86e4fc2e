//! A curve: how fast a service works by how many calls are in it, where no number of workers says it. Locks, caches and
//! garbage collection make a service slower per call long before all of its workers are busy.
//!
//! What a call costs while n are inside is the time that they spend there by the departures meanwhile, n T(n) / D(n). For calls
//! that are all worked on at once that does not depend on how demands are distributed (Kelly, *Reversibility and stochastic
//! networks*, 1979, 3.3). All usual laws have it convex: shared workers, Amdahl's, and the universal scalability law (Gunther,
//! *Guerrilla capacity planning*, 2007). So is what is fitted, by least squares; its last slope says what lies beyond.

use super::check::{self, Split, Stratum};
use super::choice::Scored;
use super::effect::Strata;
use super::simulation::Pools;
use super::verdict;
use super::workload::Workload;
use standin_model::station::{Capacity, Queue, RateCurve};

/// A curve that explains a workload.
#[derive(Clone, Debug)]
pub(super) struct Curved {
    pub(super) curve: RateCurve,
    /// The largest population that was seen often enough.
    pub(super) measured: u32,
    /// What each call demands by it, in nanoseconds.
    pub(super) demands: Vec<f64>,
    pub(super) effect: f64,
    /// What it makes of the tape with demands of the lower load.
    pub(super) strata: Vec<Stratum>,
}

/// Nanoseconds that a call costs by population: straight from each hinge to the next, never less steep.
struct Cost {
    /// Populations from 1 up, and by how much the slope rises there; the first is the slope at 1.
    hinges: Vec<(f64, f64)>,
    alone: f64,
    measured: u32,
}

impl Curved {
    /// The curve of a workload, and what it makes of the highest load.
    pub(super) fn find(work: &Workload, split: &Split) -> Option<Self> {
        let cost = Cost::measure(work)?;
        let curve = cost.curve()?;
        let demands = demands(&curve, work);
        let effect = Strata::new(work, 0.0, |_| true).effect(&demands, 0.0);
        let pools = Pools::new(work, &demands, |call| work.counted[call] && !split.is_held_out(work, call));
        let capacity = || Capacity::Curve { curve: curve.clone(), queue: Queue::Unbounded };
        let runs: Vec<Vec<f64>> = check::seeds().map(|seed| pools.serve(capacity(), 0.0, work, seed)).collect();
        let strata = split.judge(work, |_, per_second| Some(per_second / most(&curve)), &runs);
        Some(Self { curve, measured: cost.measured, demands, effect, strata })
    }

    /// The most calls a second that it can do.
    pub(super) fn capacity(&self) -> f64 {
        most(&self.curve)
    }

    /// Whether it is to stand for a single station: by the effect size if it leaves but chance of it, else by predicting the
    /// highest load clearly better.
    pub(super) fn is_better(&self, single: Scored, strata: &[Stratum], chance: f64) -> bool {
        let explains =
            self.effect <= verdict::most_by_chance(chance) && !check::is_clearly_better(strata, &self.strata);
        self.effect < single.effect && (explains || check::is_clearly_better(&self.strata, strata))
    }
}

impl Cost {
    fn measure(work: &Workload) -> Option<Self> {
        let points = points(work);
        let measured = points.last()?.population;
        if points.len() < FEWEST || points[0].population > 1.5 {
            return None;
        }
        let mut starts = vec![1.0];
        starts.extend(points[1..points.len() - 1].iter().map(|point| point.population));
        // columns: the cost alone, and one for each hinge; the variance of a cost is its square by the departures
        let columns = |point: &Point| {
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

    /// As rates that a profile can hold; none if calls do not hold each other up.
    fn curve(&self) -> Option<RateCurve> {
        let mut rates: Vec<(u32, f64)> = Vec::new();
        let mut population = 1;
        while f64::from(population) < f64::from(self.measured) * BEYOND {
            let mut rate = digits(f64::from(population) / self.at(f64::from(population)) * 1e9);
            if let Some((few, slower)) = rates.last() {
                // rounding must not make it faster than so many calls alone
                rate = rate.min(slower * f64::from(population) / f64::from(*few));
            }
            rates.push((population, rate));
            population = (f64::from(population) * STEP).ceil().max(f64::from(population + 1)) as u32;
        }
        let slows = self.at(f64::from(self.measured)) > self.alone * SLOWS;
        RateCurve::new(rates).ok().filter(|_| slows)
    }
}

/// The station of a curve; with a bound it ends at the most calls that may be inside.
pub(super) fn bounded(curve: &RateCurve, inside: Option<u32>) -> Capacity {
    let Some(calls) = inside else { return Capacity::Curve { curve: curve.clone(), queue: Queue::Unbounded } };
    let within = curve.rates().iter().copied().filter(|(population, _)| *population <= calls.max(1));
    let curve = RateCurve::new(within).unwrap_or_else(|_| curve.clone());
    let queue = Queue::AtMost(calls.saturating_sub(curve.max_population()));
    Capacity::Curve { curve, queue }
}

/// Neighbouring populations.
struct Point {
    population: f64,
    /// Nanoseconds inside by departures.
    cost: f64,
    departures: f64,
}

/// What was measured at each population, of enough departures each.
fn points(work: &Workload) -> Vec<Point> {
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
    let (mut points, mut population, mut time, mut departures): (Vec<Point>, _, _, _) = (Vec::new(), 0.0, 0.0, 0.0);
    for (inside, (spent, left)) in seen.into_iter().enumerate() {
        (population, time, departures) = (population + inside as f64 * left, time + spent, departures + left);
        if departures >= ENOUGH {
            points.push(Point { population: population / departures, cost: time / departures, departures });
            (population, time, departures) = (0.0, 0.0, 0.0);
        }
    }
    if let Some(last) = points.last_mut().filter(|_| departures > 0.0) {
        // the few of the highest populations
        let all = last.departures + departures;
        last.population = (last.population * last.departures + population) / all;
        last.cost = (last.cost * last.departures + time) / all;
        last.departures = all;
    }
    points
}

/// Factors of the columns, none below 0, that leave the least squares of `(columns, value, weight)`: each by itself in turn until
/// none moves.
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
    for _ in 0..MOST_ROUNDS {
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
        if moved < SETTLED {
            break;
        }
    }
    found
}

/// What each call demanded, by the growth of virtual time while it was inside.
fn demands(curve: &RateCurve, work: &Workload) -> Vec<f64> {
    let shares: Vec<f64> = (0..=work.most_inside() + 1).map(|population| share(curve, population)).collect();
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

/// How fast one of so many calls runs, by how fast it runs alone.
fn share(curve: &RateCurve, population: u32) -> f64 {
    let (rates, inside) = (curve.rates(), f64::from(population.max(1)));
    let after = rates.partition_point(|(given, _)| *given <= population).max(1);
    let (few, slower) = rates[after - 1];
    let rate = rates.get(after).filter(|_| few <= population).map_or(slower, |(many, faster)| {
        slower + (faster - slower) * (inside - f64::from(few)) / f64::from(many - few)
    });
    rate / rates[0].1 / inside
}

fn most(curve: &RateCurve) -> f64 {
    curve.rates().iter().map(|(_, rate)| *rate).max_by(f64::total_cmp).unwrap_or(0.0)
}

/// With four digits.
fn digits(rate: f64) -> f64 {
    let unit = 10f64.powi(3 - rate.log10().floor() as i32);
    (rate * unit).round() / unit
}

/// Departures that a point rests on.
const ENOUGH: f64 = 400.0;
/// Points that make a curve.
const FEWEST: usize = 3;
/// Rates are written to so many times the largest population that was measured.
const BEYOND: f64 = 4.0;
/// The step from one population that is written to the next.
const STEP: f64 = 1.2;
/// By how much a call must cost more at the largest population than alone.
const SLOWS: f64 = 1.1;
const MOST_ROUNDS: usize = 20_000;
const SETTLED: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_a_curve_that_goes_on_as_it_went() {
        // Amdahl's law with a tenth that only one can do: 10 calls/s alone, 100 at most
        let cost = Cost { hinges: vec![(1.0, 1e7), (4.0, 0.0)], alone: 1e8, measured: 8 };
        let curve = cost.curve().expect("it slows down");
        let rate =
            |population: u32| curve.rates().iter().find(|(given, _)| *given == population).map(|(_, rate)| *rate);
        assert_eq!((rate(1), rate(2), rate(8)), (Some(10.0), Some(18.18), Some(47.06)));
        assert!(curve.max_population() > 24 && most(&curve) < 100.0, "{curve:?}");
        assert!((share(&curve, 2) - 18.18 / 20.0).abs() < 1e-9 && share(&curve, 1) == 1.0);
        let steady = Cost { hinges: vec![(1.0, 1e4)], alone: 1e8, measured: 8 };
        let Capacity::Curve { curve, queue } = bounded(&curve, Some(9)) else { panic!("a curve") };
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
