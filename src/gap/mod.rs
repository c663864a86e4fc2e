//! How far a mock is from the service that it stands in for: two sides under the same load, compared by operation and load.
//!
//! Everything is told by cell, an operation at a load level: an average over loads hides a mock that is right when calm and
//! wrong when busy. Beside each stand two simpler mocks fitted to the same recording (`baseline`). Each side may have several
//! runs: runs, not calls, are what a difference must be judged by, as calls of one run are not independent.

mod baseline;
mod budget;
mod cell;
#[cfg(test)]
mod certainty;
mod distance;
mod html;
mod inference;
mod junit;
mod levels;
mod plot;
mod run;
mod sample;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

use self::baseline::Baselines;
use self::cell::needed;
use self::levels::Levels;
use self::sample::Gathered;
use crate::tape::is_error;

pub use baseline::{Baseline, Kind};
pub use budget::Budget;
pub use cell::{Cell, Deviation, Verdict};
pub use html::Html;
pub use inference::{Inference, Largest, Power};
pub use junit::JUnit;
pub use levels::Level;
pub use run::{Call, Run, Side};
pub use sample::{Latency, Percentiles, RunSample, Sample};

/// The result of a comparison. Serialised it is what `gap --json` prints: `docs/GAP.md` describes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The version of this shape.
    pub version: u32,
    /// The original.
    pub reference: Account,
    /// What is compared with it.
    pub mock: Account,
    /// The load levels, from calm to busy.
    pub levels: Vec<Level>,
    /// Every operation at every level at which it was called, by operation.
    pub cells: Vec<Cell>,
    /// The mock and the simpler mocks beside it, each by one number.
    pub standings: Vec<Standing>,
    /// How sure this is, where both sides have several runs of one schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference: Option<Inference>,
    /// How far it may be off, if that was asked.
    pub budget: Option<Budget>,
    /// The share of cells, 0 to 1, that could be judged.
    pub judged: f64,
    /// What the budget says of all.
    pub verdict: Verdict,
    /// What else must be known to read this.
    pub notes: Vec<String>,
}

/// What a side consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its runs.
    pub runs: usize,
    /// Its calls.
    pub calls: u64,
    /// Calls at a load that the reference never saw: they are not compared.
    pub beyond: u64,
}

/// How far one mock is off.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Which: none is the mock itself.
    pub baseline: Option<Kind>,
    /// The median over all cells of the gap, in logarithms.
    pub median: f64,
    /// The worst cell's gap.
    pub worst: f64,
    /// Which that is.
    pub worst_operation: String,
    /// At which level.
    pub worst_level: String,
}

/// A cell's place: its operation, and its level by number.
type Place = (String, usize);

impl Gap {
    /// Compares a mock with a reference.
    pub fn new(reference: &Side, mock: &Side, budget: Option<Budget>) -> Self {
        let levels = Levels::new(&reference.runs, level_calls(budget.as_ref()));
        let (mut originals, reference_beyond) = gather(&levels, &reference.runs);
        let (mut copies, mock_beyond) = gather(&levels, &mock.runs);
        let baselines = learn(&originals);
        let mut places: Vec<Place> = originals.keys().chain(copies.keys()).cloned().collect();
        places.sort();
        places.dedup();
        let came = |side: &BTreeMap<Place, Vec<Gathered>>, place: &Place| {
            side.get(place).is_some_and(|runs| runs.iter().any(|run| !run.statuses.is_empty()))
        };
        // answers may end at a level at which no call came
        places.retain(|place| came(&originals, place) || came(&copies, place));
        let cells: Vec<Cell> = places
            .into_iter()
            .map(|place| {
                let (original, original_latencies) = Sample::new(originals.entry(place.clone()).or_default());
                let (copy, copy_latencies) = Sample::new(copies.entry(place.clone()).or_default());
                let (operation, level) = (place.0.as_str(), levels.levels[place.1].name.as_str());
                let baselines = baselines.compare(operation, &original_latencies);
                Cell::new(
                    (operation, level),
                    (original, &original_latencies),
                    (copy, &copy_latencies),
                    baselines,
                    budget.as_ref(),
                    reference.repeats,
                )
            })
            .collect();
        let judged = cells.iter().filter(|cell| cell.verdict != Verdict::NotJudged).count();
        let judged = if cells.is_empty() { 0.0 } else { judged as f64 / cells.len() as f64 };
        Self {
            version: VERSION,
            reference: Account::new(reference, reference_beyond),
            mock: Account::new(mock, mock_beyond),
            inference: reference
                .repeats
                .then(|| Inference::new(&cells, (reference.runs.len(), mock.runs.len())))
                .flatten(),
            standings: standings(&cells),
            verdict: verdict(&cells, judged, budget.is_some()),
            levels: levels.levels,
            cells,
            budget,
            judged,
            notes: Vec::new(),
        }
    }
}

impl Account {
    fn new(side: &Side, beyond: u64) -> Self {
        let calls = side.runs.iter().map(|run| run.calls.len() as u64).sum();
        Self { name: side.name.clone(), runs: side.runs.len(), calls, beyond }
    }
}

/// Calls of the busiest operation that a level should have: enough for what is judged, or for a p95.
fn level_calls(budget: Option<&Budget>) -> usize {
    let percents = budget.into_iter().flat_map(Budget::limits).filter_map(|(metric, _)| metric.percent());
    needed(percents.max().unwrap_or(95)) as usize
}

/// The calls of each run by cell, and how many belong to no level.
fn gather(levels: &Levels, runs: &[Run]) -> (BTreeMap<Place, Vec<Gathered>>, u64) {
    let mut cells: BTreeMap<Place, Vec<Gathered>> = BTreeMap::new();
    let mut beyond = 0;
    for (number, run) in runs.iter().enumerate() {
        let placed = levels.place(run);
        let mut gather = |operation: &str, level: usize, add: &mut dyn FnMut(&mut Gathered)| {
            let of_runs = cells.entry((operation.to_owned(), level)).or_default();
            of_runs.resize_with(runs.len(), Gathered::default);
            of_runs[number].seconds = placed.seconds[level];
            add(&mut of_runs[number]);
        };
        for call in &run.calls {
            let operation = run.operation(*call);
            let Some(level) = placed.of(*call) else {
                beyond += 1;
                continue;
            };
            gather(operation, level, &mut |cell| {
                *cell.statuses.entry(call.status).or_default() += 1;
                cell.latencies.extend(call.latency);
            });
            let ended =
                call.latency.filter(|_| !is_error(call.status)).and_then(|latency| placed.at(call.at + latency));
            if let Some(level) = ended {
                gather(operation, level, &mut |cell| cell.completed += 1);
            }
        }
    }
    (cells, beyond)
}

/// The simpler mocks, from all that is known of each operation.
fn learn(originals: &BTreeMap<Place, Vec<Gathered>>) -> Baselines {
    let mut by_operation: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for ((operation, _), runs) in originals {
        let latencies = by_operation.entry(operation).or_default();
        for run in runs {
            latencies.extend_from_slice(&run.latencies);
        }
    }
    let mut baselines = Baselines::default();
    for (operation, mut latencies) in by_operation {
        latencies.sort_unstable();
        baselines.learn(operation, &latencies);
    }
    baselines
}

/// The mock itself, then each baseline; those of which no cell has enough calls are left out.
fn standings(cells: &[Cell]) -> Vec<Standing> {
    let of = |baseline: Option<Kind>| {
        let mut gaps: Vec<(f64, &Cell)> = cells
            .iter()
            .filter_map(|cell| {
                let deviation = match baseline {
                    None => cell.deviation?,
                    Some(kind) => cell.baselines.iter().find(|one| one.kind == kind)?.deviation,
                };
                Some((deviation.gap(&cell.believable)?, cell))
            })
            .collect();
        gaps.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (worst, cell) = gaps.last()?;
        let middle = gaps.len() / 2;
        let median =
            if gaps.len() % 2 == 1 { gaps[middle].0 } else { f64::midpoint(gaps[middle - 1].0, gaps[middle].0) };
        let (worst_operation, worst_level) = (cell.operation.clone(), cell.level.clone());
        Some(Standing { baseline, median, worst: *worst, worst_operation, worst_level })
    };
    [None, Some(Kind::ConstantMedian), Some(Kind::LogNormal)].into_iter().filter_map(of).collect()
}

fn verdict(cells: &[Cell], judged: f64, has_budget: bool) -> Verdict {
    if !has_budget {
        Verdict::NoBudget
    } else if cells.iter().any(|cell| cell.verdict == Verdict::Over) {
        Verdict::Over
    } else if judged < LEAST_JUDGED {
        Verdict::NotJudged
    } else {
        Verdict::Within
    }
}

/// The version of the serialised shape.
const VERSION: u32 = 1;
/// The share of cells that must be judged for a verdict on all.
const LEAST_JUDGED: f64 = 0.8;
