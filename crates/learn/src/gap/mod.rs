//! How far a mock is from the service that it stands in for: two sides under the same load, compared by operation and load.
//!
//! Everything is told by cell, an operation at a load level: an average over loads hides a mock that is right when calm and
//! wrong when busy. Beside each stand two simpler mocks fitted to the same recording (`baseline`). Each side may have several
//! runs: runs, not calls, are what a difference must be judged by, as calls of one run are not independent.

mod answer;
mod baseline;
mod budget;
mod capacity;
mod causes;
mod cell;
#[cfg(test)]
mod certainty;
mod distance;
mod facts;
mod figures;
mod gather;
mod html;
mod inference;
mod judgement;
mod junit;
mod knee;
mod levels;
mod noise;
mod reason;
mod rows;
mod run;
mod sample;
mod series;
mod standing;
mod sure;
mod text;
mod words;

#[cfg(test)]
mod tests;

use serde::Serialize;

use self::cell::needed;
use self::facts::Facts;
use self::gather::{Cells, Place};
use self::levels::Levels;
use self::sample::Half;
use self::series::Series;

pub use baseline::{Baseline, Kind};
pub use budget::{Budget, Limits, Metric};
pub use capacity::{Known, Model, Served};
pub use causes::{Cause, CauseKind};
pub use cell::{Cell, Deviation, NoiseFrom};
pub use html::Html;
pub use inference::{Inference, Largest, Power};
pub use judgement::{Limit, Verdict};
pub use junit::{JUnit, Refused};
pub use knee::Knee;
pub use levels::Level;
pub use run::{Call, Run, Side};
pub use sample::{Latency, Percentiles, RunSample, Sample};
pub use standing::Standing;

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
    /// By what the share of the capacity is known that each level used: `profile recorded`; none if it is not.
    pub capacity_from: Option<String>,
    /// Every operation at every level at which it was called, by operation.
    pub cells: Vec<Cell>,
    /// The mock and the simpler mocks beside it, each by one number.
    pub standings: Vec<Standing>,
    /// Where each operation bends, those that are called most first; none of operations that were not compared at two loads.
    pub knees: Vec<Knee>,
    /// How sure this is, where both sides have several runs of one schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference: Option<Inference>,
    /// How far it may be off, if that was asked.
    pub budget: Option<Budget>,
    /// The share of cells, 0 to 1, that could be judged.
    pub judged: f64,
    /// What the budget says of all.
    pub verdict: Verdict,
    /// What differs, probably why, and what to do next; three at most, none where nothing differs.
    pub causes: Vec<Cause>,
    /// What else must be known to read this.
    pub notes: Vec<String>,
    /// What only the page shows.
    #[serde(skip)]
    series: Vec<Series>,
    /// How the mock was served: what can be done next depends on it.
    #[serde(skip)]
    served: Served,
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
    /// Calls that came or ended while the mock itself was too slow: they are not compared either.
    pub left_out: u64,
}

impl Gap {
    /// Compares a mock with a reference.
    pub fn new(reference: &Side, mock: &Side, budget: Option<Budget>) -> Self {
        Self::knowing(&Known::default(), reference, mock, budget)
    }

    /// The same, with what is known beside the calls.
    pub fn knowing(known: &Known, reference: &Side, mock: &Side, budget: Option<Budget>) -> Self {
        let mut levels = Levels::new(&reference.runs, level_calls(budget.as_ref()));
        let mut originals = Cells::new(&levels, &reference.runs);
        let mut copies = Cells::new(&levels, &mock.runs);
        for (number, level) in levels.levels.iter_mut().enumerate() {
            level.utilization = known.model.as_ref().and_then(|model| model.utilization(&originals.rates(number)));
        }
        levels::label(&mut levels.levels);
        let baselines = originals.baselines();
        let series = Series::all((&levels, &baselines), (reference, &originals), (mock, &copies));
        let mut places: Vec<Place> = originals.runs.keys().chain(copies.runs.keys()).cloned().collect();
        places.sort();
        places.dedup();
        places.retain(|place| originals.came(place) || copies.came(place));
        let accounts = (Account::new(reference, &originals), Account::new(mock, &copies));
        let repeats = reference.repeats && mock.repeats;
        let cell = |place: Place| {
            let original = Half::new(originals.runs.entry(place.clone()).or_default());
            let copy = Half::new(copies.runs.entry(place.clone()).or_default());
            let level = &levels.levels[place.1];
            let baselines = baselines.compare(&place.0, &original.latencies);
            let cell = Cell::new((&place.0, &level.name), original, copy, baselines, repeats);
            match &budget {
                Some(budget) => cell.judged(budget, level.utilization),
                None => cell,
            }
        };
        let cells: Vec<Cell> = places.into_iter().map(cell).collect();
        let judged = cells.iter().filter(|cell| cell.verdict != Verdict::NotJudged).count();
        let judged = if cells.is_empty() { 0.0 } else { judged as f64 / cells.len() as f64 };
        let runs = (reference.runs.len(), mock.runs.len());
        Self {
            version: VERSION,
            inference: if repeats { Inference::new(&cells, runs) } else { None },
            standings: Standing::all(&cells),
            knees: knees(&cells, &levels.levels),
            verdict: verdict(&cells, judged, budget.is_some()),
            causes: Facts::new(known, (&accounts.0, &accounts.1), &levels.levels, &cells).causes(),
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
            series,
            served: known.served,
            reference: accounts.0,
            mock: accounts.1,
        }
    }
}

impl Gap {
    /// A load within a sentence, by its name: `when busy`; empty where there is one alone.
    fn when(&self, name: &str) -> String {
        self.levels.iter().find(|level| level.name == name).map(Level::when).unwrap_or_default()
    }

    /// The word for a load in a table.
    fn label<'g>(&'g self, name: &'g str) -> &'g str {
        self.levels.iter().find(|level| level.name == name).map_or(name, |level| &level.label)
    }
}

impl Account {
    fn new(side: &Side, cells: &Cells) -> Self {
        let calls = side.runs.iter().map(|run| run.calls.len() as u64).sum();
        let left_out = cells.runs.values().flatten().map(|run| run.left_out).sum();
        Self { name: side.name.clone(), runs: side.runs.len(), calls, beyond: cells.beyond, left_out }
    }
}

/// Calls of the busiest operation that a level should have: enough for what is judged, or for a p95.
fn level_calls(budget: Option<&Budget>) -> usize {
    needed(budget.and_then(Budget::highest_percent).unwrap_or(95)) as usize
}

/// Where each operation bends, those that are called most first.
fn knees(cells: &[Cell], levels: &[Level]) -> Vec<Knee> {
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
