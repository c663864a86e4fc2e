//! Evidence for the diagnosis: the differences that exceed both the default budget and the noise,
//! ordered from calm to busy.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::gap::SideSummary;
use crate::gap::capacity::{ComparisonContext, MockKind, StationCapacity};
use crate::gap::compare::cell::Cell;
use crate::gap::compare::load_levels::LoadLevel;
use crate::gap::compare::sample::{Percentiles, SampleSummary};
use crate::gap::evaluate::budget::{GapBudget, Metric};
use crate::gap::evaluate::limit_outcome::Verdict;
use crate::gap::evaluate::verdict::CellEvaluation;
use crate::gap::noise::NoiseFrom;

/// The facts that causes are found from: of the operations that differ alone, where some do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// The name of the mock.
    pub(crate) mock: String,
    pub(crate) served: MockKind,
    /// The capacity in the profile that the mock was served with, if there was one.
    pub(crate) station: Option<StationCapacity>,
    /// True if a difference exceeds both the default budget and the noise.
    pub(crate) differs: bool,
    /// The one operation of several that differs.
    pub(crate) only: Option<String>,
    /// From calm to busy.
    pub(crate) loads: Vec<LoadEvidence>,
    /// The statuses of errors that came more or less often, the largest difference first.
    pub(crate) errors: Vec<StatusShift>,
    /// The share of the mock's calls that are left out, for it or the sender was late.
    pub(crate) left_out: f64,
    /// The constant latency of the mock, if its latencies do not vary and those of the service do.
    pub(crate) constant: Option<ConstantTime>,
    /// The one operation of several that differs at the calmest load, where others do when it is
    /// busier.
    pub(crate) first: Option<FirstDifference>,
    /// Runs of one schedule on the side that has fewer; one where they are none.
    pub(crate) runs: usize,
}

/// Times that do not vary: the shortest and the longest median of the operations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ConstantTime {
    pub(crate) least: Duration,
    pub(crate) most: Duration,
}

/// An operation that differs by itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FirstDifference {
    pub(crate) operation: String,
    pub(crate) percent: u32,
    pub(crate) log: f64,
}

/// A load, and what differs there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LoadEvidence {
    /// Within a sentence: `when busy`; empty where there is one load alone.
    pub(crate) when: String,
    pub(crate) utilization: Option<f64>,
    /// The logarithm of the service's p95 by its p50, over the operations by their calls.
    pub(crate) spread: Option<f64>,
    pub(crate) most_per_second: f64,
    /// None of percentiles with too few calls.
    pub(crate) off: Percentiles<Option<PercentileDifference>>,
    /// Only where it is more than may be.
    pub(crate) throughput: Option<f64>,
}

/// The difference in a percentile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct PercentileDifference {
    /// The logarithm of mock by reference, over the operations by their calls.
    pub(crate) log: f64,
    /// True if the difference exceeds the limit for any operation.
    pub(crate) matters: bool,
    /// The smallest noise of the operations, as a logarithm.
    pub(crate) noise: f64,
}

/// The shares of a status on both sides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StatusShift {
    /// `none` is no answer.
    pub(crate) status: String,
    /// The shares of calls, 0 to 1.
    pub(crate) reference: f64,
    pub(crate) mock: f64,
}

impl Evidence {
    pub(crate) fn new(
        known: &ComparisonContext,
        accounts: (&SideSummary, &SideSummary),
        levels: &[LoadLevel],
        cells: &[Cell],
    ) -> Self {
        let judged: Vec<(&Cell, &LoadLevel, CellEvaluation)> = cells
            .iter()
            .filter_map(|cell| {
                let level = levels.iter().find(|level| level.name == cell.level)?;
                Some((cell, level, CellEvaluation::new(cell, &GapBudget::ByLoad, level.utilization)))
            })
            .collect();
        let is_over = |judgement: &CellEvaluation| judgement.verdict == Verdict::Over;
        let differing: BTreeSet<&str> = judged
            .iter()
            .filter(|(_, _, judgement)| is_over(judgement))
            .map(|(cell, ..)| cell.operation.as_str())
            .collect();
        let all: BTreeSet<&str> = cells.iter().map(|cell| cell.operation.as_str()).collect();
        let scope: Vec<&(&Cell, &LoadLevel, CellEvaluation)> =
            judged.iter().filter(|(cell, ..)| differing.contains(cell.operation.as_str())).collect();
        let busiest = scope.iter().max_by_key(|(cell, ..)| cell.reference.calls);
        let station = known.model.as_ref().filter(|_| known.served == MockKind::Profile).and_then(|model| {
            let of = busiest.map_or_else(|| all.first().copied(), |(cell, ..)| Some(cell.operation.as_str()))?;
            model.station(of).cloned()
        });
        let (reference, mock) = accounts;
        Self {
            mock: mock.name.clone(),
            served: known.served,
            station,
            differs: !differing.is_empty(),
            only: differing.first().filter(|_| differing.len() == 1 && all.len() > 1).map(|one| (*one).to_owned()),
            loads: levels.iter().filter_map(|level| LoadEvidence::new(level, &scope)).collect(),
            errors: shifts(&scope),
            left_out: mock.left_out as f64 / mock.calls.max(1) as f64,
            constant: constant(&scope),
            first: first(levels, &judged, &differing),
            runs: if cells.iter().all(|cell| cell.noise_from == NoiseFrom::Runs) {
                reference.runs.min(mock.runs)
            } else {
                1
            },
        }
    }
}

/// Times of the mock that do not vary, neither among the calls of a row nor from load to load.
fn constant(scope: &[&(&Cell, &LoadLevel, CellEvaluation)]) -> Option<ConstantTime> {
    let seconds = |sample: &SampleSummary, percent: u32| sample.latency.at(percent).0.as_secs_f64();
    let mut medians: BTreeMap<&str, Duration> = BTreeMap::new();
    for (cell, ..) in scope {
        let highest = cell.reliable_percentiles.iter().copied().max().filter(|percent| *percent > 50);
        let Some(highest) = highest else { continue };
        let median = cell.mock.latency.p50.0;
        let usual = *medians.entry(&cell.operation).or_insert(median);
        let varies = |one: f64, other: f64, by: f64| (one / other.max(f64::MIN_POSITIVE)).ln().abs() > by;
        let is_fixed = !varies(seconds(&cell.mock, highest), seconds(&cell.mock, 50), MAX_CONSTANT_VARIATION)
            && !varies(median.as_secs_f64(), usual.as_secs_f64(), MAX_CONSTANT_VARIATION);
        if !is_fixed || !varies(seconds(&cell.reference, highest), seconds(&cell.reference, 50), MIN_VARIATION) {
            return None;
        }
    }
    let (least, most) = (*medians.values().min()?, *medians.values().max()?);
    Some(ConstantTime { least, most })
}

/// Returns the one operation that differs at the calmest load, if others differ only when it is
/// busier.
fn first(
    levels: &[LoadLevel],
    judged: &[(&Cell, &LoadLevel, CellEvaluation)],
    differing: &BTreeSet<&str>,
) -> Option<FirstDifference> {
    let calmest = levels.first().filter(|_| levels.len() > 1 && differing.len() > 1)?;
    let is_of_times = |judgement: &CellEvaluation| {
        let over = |metric: Metric| metric.percent().is_some();
        judgement.limits.iter().any(|limit| over(limit.metric) && limit.verdict == Verdict::Over)
    };
    let rows: Vec<&(&Cell, &LoadLevel, CellEvaluation)> = judged
        .iter()
        .filter(|(cell, level, _)| level.name == calmest.name && !cell.reliable_percentiles.is_empty())
        .collect();
    let over: Vec<&&(&Cell, &LoadLevel, CellEvaluation)> =
        rows.iter().filter(|(.., judged)| is_of_times(judged)).collect();
    let [(cell, ..)] = over.as_slice() else { return None };
    let (percent, log) = match cell.deviation {
        // the typical time, unless it is the slow ones that differ
        Some(deviation) if deviation.log_ratio.p50.abs() >= cell.furthest()?.1.abs() / 2.0 => {
            (50, deviation.log_ratio.p50)
        }
        _ => cell.furthest()?,
    };
    let (mut same, mut others) = (true, 0);
    for (other, level, judgement) in judged.iter().filter(|(other, ..)| other.operation != cell.operation) {
        let Some((_, off)) = other.furthest().filter(|_| is_of_times(judgement) && level.name != calmest.name) else {
            continue;
        };
        others += 1;
        same &= off.signum() == log.signum();
    }
    // of those that are compared when calm, one alone: that says something only where there are
    // others
    (rows.len() > 1 && others > 0 && same).then(|| FirstDifference { operation: cell.operation.clone(), percent, log })
}

impl LoadEvidence {
    fn new(level: &LoadLevel, scope: &[&(&Cell, &LoadLevel, CellEvaluation)]) -> Option<Self> {
        let rows: Vec<(&Cell, &CellEvaluation)> =
            scope.iter().filter(|(_, of, _)| of.name == level.name).map(|(cell, _, judged)| (*cell, judged)).collect();
        if rows.is_empty() {
            return None;
        }
        let matters = |judgement: &CellEvaluation, metric: Metric| {
            judgement.limits.iter().any(|limit| limit.metric == metric && limit.verdict == Verdict::Over)
        };
        let off = |percent: u32| {
            let (mut sum, mut calls, mut any, mut noise) = (0.0, 0.0, false, f64::INFINITY);
            for (cell, judgement) in &rows {
                let Some(deviation) = cell.deviation.filter(|_| cell.reliable_percentiles.contains(&percent)) else {
                    continue;
                };
                sum += deviation.log_ratio.at(percent) * cell.reference.calls as f64;
                calls += cell.reference.calls as f64;
                any |= matters(judgement, Metric::Percentile(percent));
                noise = noise.min(cell.noise.at(percent));
            }
            (calls > 0.0).then(|| PercentileDifference { log: sum / calls, matters: any, noise })
        };
        let throughput = rows.iter().filter(|(_, judgement)| matters(judgement, Metric::Throughput));
        let (mut spread, mut calls) = (0.0, 0.0);
        for (cell, _) in rows.iter().filter(|(cell, _)| cell.reliable_percentiles.contains(&90)) {
            let latency = &cell.reference.latency;
            let ratio = latency.p95.0.as_secs_f64() / latency.p50.0.as_secs_f64().max(f64::MIN_POSITIVE);
            spread += ratio.max(1.0).ln() * cell.reference.calls as f64;
            calls += cell.reference.calls as f64;
        }
        Some(Self {
            when: level.when(),
            utilization: level.utilization,
            spread: (calls > 0.0).then_some(spread / calls),
            most_per_second: level.most_per_second,
            off: Percentiles::from(off),
            throughput: throughput
                .filter_map(|(cell, _)| cell.throughput)
                .max_by(|one, other| one.abs().total_cmp(&other.abs())),
        })
    }
}

/// Returns the error statuses whose shares differ by more than the limit.
fn shifts(scope: &[&(&Cell, &LoadLevel, CellEvaluation)]) -> Vec<StatusShift> {
    let differs = |judgement: &CellEvaluation| {
        let errors = judgement.limits.iter().find(|limit| limit.metric == Metric::Errors);
        // of a mock that answers nothing there are no limits
        errors.map_or(judgement.verdict, |limit| limit.verdict) == Verdict::Over
    };
    let rows: Vec<&Cell> = scope.iter().filter(|(_, _, judged)| differs(judged)).map(|(cell, ..)| *cell).collect();
    let shares = |side: fn(&Cell) -> &SampleSummary| {
        let calls: f64 = rows.iter().map(|cell| side(cell).calls as f64).sum();
        let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
        for sample in rows.iter().map(|cell| side(cell)) {
            for (status, share) in sample.statuses.iter().filter(|(status, _)| is_error(status)) {
                *shares.entry(status).or_default() += share * sample.calls as f64 / calls.max(1.0);
            }
        }
        shares
    };
    let (reference, mock) = (shares(|cell| &cell.reference), shares(|cell| &cell.mock));
    let statuses: BTreeSet<&str> = reference.keys().chain(mock.keys()).copied().collect();
    let share = |shares: &BTreeMap<&str, f64>, status: &str| shares.get(status).copied().unwrap_or(0.0);
    let mut shifts: Vec<StatusShift> = statuses
        .into_iter()
        .map(|status| StatusShift {
            status: status.to_owned(),
            reference: share(&reference, status),
            mock: share(&mock, status),
        })
        .filter(|shift| (shift.mock - shift.reference).abs() >= MIN_STATUS_SHIFT)
        .collect();
    shifts.sort_by(|one, other| (other.mock - other.reference).abs().total_cmp(&(one.mock - one.reference).abs()));
    shifts
}

/// Returns true if a status in text form is an error, as [`standin_tape::is_error`] has it.
fn is_error(status: &str) -> bool {
    standin_tape::is_error(status.parse().ok())
}

/// A status whose share differs by less explains nothing.
const MIN_STATUS_SHIFT: f64 = 0.001;
/// Logarithms: times that differ by less are the same, and those that differ by more vary.
const MAX_CONSTANT_VARIATION: f64 = 0.03;
const MIN_VARIATION: f64 = 0.15;
