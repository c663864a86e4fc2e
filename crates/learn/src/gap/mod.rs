//! Comparison of a mock with the service that it stands in for: two sides under the same load,
//! compared by operation and load.
//!
//! Results are reported by cell, an operation at a load level: an average over loads hides a mock
//! that is right when calm and wrong when busy. Two simpler mocks fitted to the same recording
//! (`baseline`) are compared too. Each side may have several runs. Runs, not calls, are the unit by
//! which a difference is judged, as calls of one run are not independent.

mod capacity;
mod compare;
mod conditions;
mod diagnose;
mod evaluate;
mod format;
mod history;
mod inference;
mod noise;
mod report;

#[cfg(test)]
mod tests;

use serde::Serialize;

use compare::grouping::{CellKey, GroupedCalls};
use compare::load_levels::LoadLevels;
use compare::sample::{CellSample, calls_needed};
use diagnose::evidence::Evidence;
use report::html::chart_data::ChartData;

pub use capacity::{CapacityModel, ComparisonContext, MockKind};
pub use compare::baseline::{Baseline, BaselineKind};
pub use compare::cell::Cell;
pub use compare::deviation::Deviation;
pub use compare::knee::Knee;
pub use compare::load_levels::LoadLevel;
pub use compare::sample::{Latency, Percentiles, RunSample, SampleSummary};
pub use compare::service_run::{ComparisonSide, ServiceRun, TimedCall};
pub use conditions::{CommandArguments, ComparisonConditions};
pub use diagnose::rules::{Cause, CauseKind};
pub use evaluate::budget::{BudgetLimits, GapBudget, Metric};
pub use evaluate::limit_outcome::{LimitResult, Verdict};
pub use history::{HistoryEntry, ProfileAge};
pub use inference::{Inference, Largest, Power};
pub use noise::NoiseFrom;
pub use report::headline::Headline;
pub use report::html::GapPage;
pub use report::junit::{JUnitReport, RefusalReport};

/// The result of a comparison. Serialised it is what `gap --json` prints: `docs/GAP.md` describes
/// it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The version of this shape.
    pub version: u32,
    /// Summary of the service's side.
    pub reference: SideSummary,
    /// Summary of the mock's side.
    pub mock: SideSummary,
    /// The load levels, from calm to busy.
    pub levels: Vec<LoadLevel>,
    /// The source of the capacity by which the utilization of each level is known, such as `profile
    /// recorded`; `None` if it is unknown.
    pub capacity_from: Option<String>,
    /// Every operation at every level at which it was called, by operation.
    pub cells: Vec<Cell>,
    /// The mock by one number: its typical row and its worst; `None` if no row is comparable.
    pub headline: Option<Headline>,
    /// The mock and the simpler mocks beside it, each by one number, over the rows whose tails were
    /// judged. Only the mock if there are none.
    pub standings: Vec<Headline>,
    /// Returns the knees of the operations, those called most first.
    pub knees: Vec<Knee>,
    /// The significance test, if both sides have several runs of one schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference: Option<Inference>,
    /// The limits that were asked for, if any.
    pub budget: Option<GapBudget>,
    /// The share of cells, 0 to 1, that could be judged.
    pub judged: f64,
    /// The verdict on all cells.
    pub verdict: Verdict,
    /// Likely causes with the next step for each: at most three, none if nothing differs.
    pub causes: Vec<Cause>,
    /// The whole command of the next step.
    pub command: Option<String>,
    /// Service, dates, machine and version.
    pub conditions: ComparisonConditions,
    /// Comparisons of the same folder that were made before, the oldest first.
    pub history: Vec<HistoryEntry>,
    /// Notes on the comparison.
    pub notes: Vec<String>,
    /// Data of the charts, which only the HTML page shows.
    #[serde(skip)]
    series: Vec<ChartData>,
    /// The kind of mock, on which the advice depends.
    #[serde(skip)]
    served: MockKind,
}

/// The size of a side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SideSummary {
    /// The name in reports, such as `recorded` or `mock`.
    pub name: String,
    /// The number of runs.
    pub runs: usize,
    /// The number of calls in all runs.
    pub calls: u64,
    /// Calls at a load that the reference never saw: they are not compared.
    pub beyond: u64,
    /// Calls that came or ended while the mock itself or the sender was late: they are not compared
    /// either.
    pub left_out: u64,
}

impl Gap {
    /// Compares a mock with a reference.
    pub fn new(reference: &ComparisonSide, mock: &ComparisonSide, budget: Option<GapBudget>) -> Self {
        Self::with_context(&ComparisonContext::default(), reference, mock, budget)
    }

    /// Compares a mock with a reference, given knowledge about the two beside their calls.
    pub fn with_context(
        known: &ComparisonContext,
        reference: &ComparisonSide,
        mock: &ComparisonSide,
        budget: Option<GapBudget>,
    ) -> Self {
        let mut levels = LoadLevels::new(&reference.runs, min_level_calls(budget.as_ref()));
        let mut originals = GroupedCalls::new(&levels, &reference.runs);
        let mut copies = GroupedCalls::new(&levels, &mock.runs);
        for (number, level) in levels.levels.iter_mut().enumerate() {
            level.utilization = known.model.as_ref().and_then(|model| model.utilization(&originals.rates(number)));
        }
        compare::load_levels::label(&mut levels.levels);
        let baselines = originals.baselines();
        let series = ChartData::all((&levels, &baselines), (reference, &originals), (mock, &copies));
        let mut places: Vec<CellKey> = originals.runs.keys().chain(copies.runs.keys()).cloned().collect();
        places.sort();
        places.dedup();
        places.retain(|place| originals.came(place) || copies.came(place));
        let accounts = (SideSummary::new(reference, &originals), SideSummary::new(mock, &copies));
        let repeats = reference.repeats && mock.repeats;
        let cell = |place: CellKey| {
            let original = CellSample::new(originals.runs.entry(place.clone()).or_default());
            let copy = CellSample::new(copies.runs.entry(place.clone()).or_default());
            let level = &levels.levels[place.1];
            let baselines = baselines.compare(&place.0, &original.latencies);
            let cell = Cell::new((&place.0, &level.name), original, copy, baselines, repeats);
            match &budget {
                Some(budget) => cell.evaluated(budget, level.utilization),
                None => cell,
            }
        };
        let cells: Vec<Cell> = places.into_iter().map(cell).collect();
        let judged = cells.iter().filter(|cell| cell.verdict != Verdict::NotJudged).count();
        let judged = if cells.is_empty() { 0.0 } else { judged as f64 / cells.len() as f64 };
        let runs = (reference.runs.len(), mock.runs.len());
        Self {
            version: JSON_VERSION,
            inference: if repeats { Inference::new(&cells, runs) } else { None },
            headline: Headline::new(None, &cells.iter().collect::<Vec<_>>()),
            standings: Headline::all(&cells),
            knees: knees(&cells, &levels.levels),
            verdict: verdict(&cells, judged, budget.is_some()),
            causes: Evidence::new(known, (&accounts.0, &accounts.1), &levels.levels, &cells).causes(),
            capacity_from: levels
                .levels
                .iter()
                .any(|level| level.utilization.is_some())
                .then(|| known.model.as_ref().map(|model| model.from().to_owned()))
                .flatten(),
            levels: levels.levels,
            cells,
            budget,
            judged,
            notes: Vec::new(),
            command: None,
            history: Vec::new(),
            conditions: known.conditions.clone(),
            series,
            served: known.served,
            reference: accounts.0,
            mock: accounts.1,
        }
        .with_command(&known.arguments)
    }
}

impl Gap {
    /// Returns a load for a sentence, by its name: `when busy`; empty if there is only one.
    fn when(&self, name: &str) -> String {
        self.levels.iter().find(|level| level.name == name).map(LoadLevel::when).unwrap_or_default()
    }

    /// Returns the word for a load, by its name.
    fn label<'g>(&'g self, name: &'g str) -> &'g str {
        self.levels.iter().find(|level| level.name == name).map_or(name, |level| &level.label)
    }
}

impl SideSummary {
    fn new(side: &ComparisonSide, cells: &GroupedCalls) -> Self {
        let calls = side.runs.iter().map(|run| run.calls.len() as u64).sum();
        let left_out = cells.runs.values().flatten().map(|run| run.left_out).sum();
        Self { name: side.name.clone(), runs: side.runs.len(), calls, beyond: cells.beyond, left_out }
    }
}

/// Calls of the busiest operation that a level should have: enough for what is judged, or for a
/// p95.
fn min_level_calls(budget: Option<&GapBudget>) -> usize {
    calls_needed(budget.and_then(GapBudget::highest_percent).unwrap_or(95)) as usize
}

/// Where each operation bends, those that are called most first.
fn knees(cells: &[Cell], levels: &[LoadLevel]) -> Vec<Knee> {
    let mut knees: Vec<(u64, Knee)> = cells
        .chunk_by(|one, other| one.operation == other.operation)
        .filter_map(|cells| {
            let calls = cells.iter().map(|cell| cell.reference.calls).sum();
            Some((calls, Knee::new(&cells.iter().collect::<Vec<_>>(), levels)?))
        })
        .collect();
    knees.sort_by_key(|(calls, _)| std::cmp::Reverse(*calls));
    knees.into_iter().map(|(_, knee)| knee).collect()
}

fn verdict(cells: &[Cell], judged: f64, has_budget: bool) -> Verdict {
    if !has_budget {
        Verdict::NoBudget
    } else if cells.iter().any(|cell| cell.verdict == Verdict::Over) {
        Verdict::Over
    } else if judged < MIN_JUDGED_SHARE {
        Verdict::NotJudged
    } else {
        Verdict::Within
    }
}

/// The version of the serialised shape.
const JSON_VERSION: u32 = 1;
/// The share of cells that must be judged for a verdict on all.
const MIN_JUDGED_SHARE: f64 = 0.8;
