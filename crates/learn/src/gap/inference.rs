//! Significance of a comparison. Calls of one run are not independent, so the run is the unit: the
//! difference between two runs of one service is the noise, and a difference between the sides is
//! judged by it.
//!
//! All runs had the same schedule, so that under the null hypothesis (the mock is the service) any
//! of them could have been a run of either side. One test covers everything: the largest
//! standardised difference of all cells, against its distribution under every other division of the
//! runs into sides (a permutation test of a maximum, which allows for the number of cells; Westfall
//! and Young, *Resampling-based multiple testing*, 1993). The figures of single cells are
//! descriptive.

use rand::Rng as _;
use serde::Serialize;

use crate::gap::compare::cell::Cell;
use crate::gap::compare::sample::RunSample;
use crate::gap::noise::log;
use standin_model::draws::Draws;
use standin_model::stats::{Moments, mean};

/// The result of the significance test.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inference {
    /// Runs of the reference and of the mock.
    pub runs: (usize, usize),
    /// The chance of a largest difference like this one if the mock were the service; none where so
    /// few runs could not show less than 5 %.
    pub chance: Option<f64>,
    /// The largest difference, by its noise.
    pub largest: Option<Largest>,
    /// Where this test begins to see differences, from calm to busy; empty where it cannot see any.
    pub power: Vec<Power>,
}

/// The largest difference of all cells.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Largest {
    /// Operation that the cell is of.
    pub operation: String,
    /// Load that the cell is of.
    pub level: String,
    /// Percentile that the cell is of.
    pub percent: u32,
    /// The logarithm of mock by reference, as the mean over runs.
    pub log_ratio: f64,
    /// `log_ratio` divided by its standard error.
    pub standardised: f64,
}

/// Where the test begins to see differences at a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Power {
    /// Load that the cell is of.
    pub level: String,
    /// Percentile that the cell is of.
    pub percent: u32,
    /// A difference of this share, in the median operation, would be seen in half of the
    /// comparisons like this one or more: it is as large as what chance makes of the largest of all
    /// in one of twenty.
    pub seen: f64,
}

impl Inference {
    /// Tests cells whose runs had one schedule. Returns `None` if a side has fewer than two runs.
    pub(crate) fn new(cells: &[Cell], runs: (usize, usize)) -> Option<Self> {
        if runs.0 < 2 || runs.1 < 2 {
            return None;
        }
        let series: Vec<PercentileSeries<'_>> =
            cells.iter().flat_map(|cell| PercentileSeries::of(cell, runs)).collect();
        let as_it_was: Vec<bool> = (0..runs.0 + runs.1).map(|run| run < runs.0).collect();
        let largest = series
            .iter()
            .map(|series| (series, series.standardised(&as_it_was)))
            .max_by(|one, other| one.1.abs().total_cmp(&other.1.abs()))
            .map(|(series, standardised)| Largest {
                operation: series.cell.operation.clone(),
                level: series.cell.level.clone(),
                percent: series.percent,
                log_ratio: series.difference(&as_it_was),
                standardised,
            });
        let divisions = divisions(runs);
        let can_show = 2.0 / divisions.len() as f64 <= SIGNIFICANCE_LEVEL;
        let most =
            |division: &Vec<bool>| series.iter().map(|series| series.standardised(division).abs()).fold(0.0, f64::max);
        let mut by_chance: Vec<f64> = if can_show { divisions.iter().map(most).collect() } else { Vec::new() };
        by_chance.sort_by(f64::total_cmp);
        let chance = largest.as_ref().filter(|_| can_show).map(|largest| {
            let as_large = largest.standardised.abs() * (1.0 - 1e-9);
            let smaller = by_chance.partition_point(|most| *most < as_large);
            (by_chance.len() - smaller) as f64 / by_chance.len() as f64
        });
        let critical = by_chance.get((by_chance.len() as f64 * (1.0 - SIGNIFICANCE_LEVEL)) as usize).copied();
        let mut levels: Vec<&str> = Vec::new();
        for cell in cells {
            if !levels.contains(&cell.level.as_str()) {
                levels.push(&cell.level);
            }
        }
        let power = levels.iter().filter_map(|level| {
            let critical = critical?;
            [95, 50].iter().find_map(|percent| {
                let of_level = series.iter().filter(|one| one.cell.level == *level && one.percent == *percent);
                let mut errors: Vec<f64> = of_level.map(|series| series.error(&as_it_was)).collect();
                errors.sort_by(f64::total_cmp);
                let error = errors.get(errors.len() / 2)?;
                Some(Power { level: (*level).to_owned(), percent: *percent, seen: (critical * error).exp_m1() })
            })
        });
        Some(Self { runs, chance, largest, power: power.collect() })
    }

    /// Returns true if the mock differs significantly, at a level of 5 %. `None` if there are too
    /// few runs to show it.
    pub fn differs(&self) -> Option<bool> {
        self.chance.map(|chance| chance < SIGNIFICANCE_LEVEL)
    }
}

/// A percentile of a cell, by run.
struct PercentileSeries<'c> {
    cell: &'c Cell,
    percent: u32,
    /// The logarithms of all runs, those of the reference first; none where a run has too few
    /// calls.
    logs: Vec<Option<f64>>,
}

impl<'c> PercentileSeries<'c> {
    /// Returns the percentiles of a cell that can be believed.
    fn of(cell: &'c Cell, runs: (usize, usize)) -> impl Iterator<Item = Self> + 'c {
        let all = move |percent| {
            let of = |runs: &[RunSample]| runs.iter().map(|run| log(run, percent)).collect::<Vec<_>>();
            let (reference, mock) = (of(&cell.reference.runs), of(&cell.mock.runs));
            let whole = reference.len() == runs.0 && mock.len() == runs.1;
            whole.then(|| reference.into_iter().chain(mock).collect::<Vec<_>>())
        };
        cell.reliable_percentiles.iter().filter_map(move |percent| {
            let logs = all(*percent).filter(|logs| logs.iter().all(Option::is_some))?;
            Some(Self { cell, percent: *percent, logs })
        })
    }

    fn sides(&self, is_reference: &[bool]) -> [Vec<f64>; 2] {
        let side = |reference: bool| {
            let of = self.logs.iter().zip(is_reference).filter(move |(_, is)| **is == reference);
            of.filter_map(|(log, _)| *log).collect()
        };
        [side(true), side(false)]
    }

    fn difference(&self, is_reference: &[bool]) -> f64 {
        let [reference, mock] = self.sides(is_reference).map(|logs| mean(&logs));
        mock - reference
    }

    fn error(&self, is_reference: &[bool]) -> f64 {
        let [reference, mock] = self.sides(is_reference);
        error(&reference, &mock)
    }

    fn standardised(&self, is_reference: &[bool]) -> f64 {
        self.difference(is_reference) / self.error(is_reference).max(MIN_ERROR)
    }
}

/// Returns the standard error of a difference of means, each side with its own variance (Welch,
/// 1947).
fn error(one: &[f64], other: &[f64]) -> f64 {
    (Moments::of(one).squared_error() + Moments::of(other).squared_error()).sqrt()
}

/// Returns every division of the runs into sides of the same sizes; if there are too many, 4,000 of
/// them: the real one first, then random ones.
fn divisions((reference, mock): (usize, usize)) -> Vec<Vec<bool>> {
    let all = reference + mock;
    if all <= MAX_EXACT_RUNS {
        let chosen = (0..1_u32 << all).filter(|set| set.count_ones() as usize == reference);
        return chosen.map(|set| (0..all).map(|run| set >> run & 1 == 1).collect()).collect();
    }
    let as_it_was: Vec<bool> = (0..all).map(|run| run < reference).collect();
    let mut random = Draws::new(0).at(0, 0);
    let shuffled = (1..SHUFFLES).map(|_| {
        let mut division = as_it_was.clone();
        for place in (1..all).rev() {
            division.swap(place, (random.next_u64() % (place as u64 + 1)) as usize);
        }
        division
    });
    std::iter::once(as_it_was.clone()).chain(shuffled).collect()
}

/// A smaller chance is a difference.
const SIGNIFICANCE_LEVEL: f64 = 0.05;
/// Differences of nothing by a noise of nothing are none.
const MIN_ERROR: f64 = 1e-6;
/// Up to so many runs every division is tried.
const MAX_EXACT_RUNS: usize = 14;
const SHUFFLES: usize = 4_000;
