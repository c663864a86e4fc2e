//! What there is to explain: the differences that are more than the default budget allows and chance makes, from calm to busy.

use std::collections::{BTreeMap, BTreeSet};

use super::Account;
use super::budget::{Budget, Metric};
use super::capacity::{Known, Served, Station};
use super::cell::{Cell, Verdict};
use super::judgement::Judgement;
use super::levels::Level;
use super::sample::{Percentiles, Sample};

/// The facts that causes are found from: of the operations that differ alone, where some do.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// What the two sides are called.
    pub(super) reference: String,
    pub(super) mock: String,
    pub(super) served: Served,
    /// What the mock was told of the service, if it was served by a profile.
    pub(super) station: Option<Station>,
    /// Whether anything differs by more than the default budget allows and chance makes.
    pub(super) differs: bool,
    /// The one operation of several that differs.
    pub(super) only: Option<String>,
    /// From calm to busy.
    pub(super) loads: Vec<Load>,
    /// The statuses of errors that came more or less often, the largest difference first.
    pub(super) errors: Vec<Shift>,
    /// The share of the mock's calls that are left out, for it was too slow itself.
    pub(super) left_out: f64,
}

/// A load, and what differs there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Load {
    pub(super) name: String,
    pub(super) utilization: Option<f64>,
    pub(super) most_per_second: f64,
    /// None of percentiles with too few calls.
    pub(super) off: Percentiles<Option<Off>>,
    /// Only where it is more than may be.
    pub(super) throughput: Option<f64>,
}

/// How far a percentile is off.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Off {
    /// The logarithm of mock by reference, over the operations by their calls.
    pub(super) log: f64,
    /// Whether that is more than may be for any of them.
    pub(super) matters: bool,
}

/// By how much more often a status came.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shift {
    /// `none` is no answer.
    pub(super) status: String,
    /// The shares of calls, 0 to 1.
    pub(super) reference: f64,
    pub(super) mock: f64,
}

impl Facts {
    pub(super) fn new(known: &Known, accounts: (&Account, &Account), levels: &[Level], cells: &[Cell]) -> Self {
        let judged: Vec<(&Cell, &Level, Judgement)> = cells
            .iter()
            .filter_map(|cell| {
                let level = levels.iter().find(|level| level.name == cell.level)?;
                Some((cell, level, Judgement::new(cell, &Budget::ByLoad, level.utilization)))
            })
            .collect();
        let is_over = |judgement: &Judgement| judgement.verdict == Verdict::Over;
        let differing: BTreeSet<&str> = judged
            .iter()
            .filter(|(_, _, judgement)| is_over(judgement))
            .map(|(cell, ..)| cell.operation.as_str())
            .collect();
        let all: BTreeSet<&str> = cells.iter().map(|cell| cell.operation.as_str()).collect();
        let scope: Vec<&(&Cell, &Level, Judgement)> =
            judged.iter().filter(|(cell, ..)| differing.contains(cell.operation.as_str())).collect();
        let busiest = scope.iter().max_by_key(|(cell, ..)| cell.reference.calls);
        let station = known.model.as_ref().filter(|_| known.served == Served::Profile).and_then(|model| {
            let of = busiest.map_or_else(|| all.first().copied(), |(cell, ..)| Some(cell.operation.as_str()))?;
            model.station(of).cloned()
        });
        let (reference, mock) = accounts;
        Self {
            reference: reference.name.clone(),
            mock: mock.name.clone(),
            served: known.served,
            station,
            differs: !differing.is_empty(),
            only: differing.first().filter(|_| differing.len() == 1 && all.len() > 1).map(|one| (*one).to_owned()),
            loads: levels.iter().filter_map(|level| Load::new(level, &scope)).collect(),
            errors: shifts(&scope),
            left_out: mock.left_out as f64 / mock.calls.max(1) as f64,
        }
    }
}

impl Load {
    fn new(level: &Level, scope: &[&(&Cell, &Level, Judgement)]) -> Option<Self> {
        let rows: Vec<(&Cell, &Judgement)> =
            scope.iter().filter(|(_, of, _)| of.name == level.name).map(|(cell, _, judged)| (*cell, judged)).collect();
        if rows.is_empty() {
            return None;
        }
        let matters = |judgement: &Judgement, metric: Metric| {
            judgement.limits.iter().any(|limit| limit.metric == metric && limit.verdict == Verdict::Over)
        };
        let off = |percent: u32| {
            let (mut sum, mut calls, mut any) = (0.0, 0.0, false);
            for (cell, judgement) in &rows {
                let Some(deviation) = cell.deviation.filter(|_| cell.believable.contains(&percent)) else { continue };
                sum += deviation.log_ratio.at(percent) * cell.reference.calls as f64;
                calls += cell.reference.calls as f64;
                any |= matters(judgement, Metric::Percentile(percent));
            }
            (calls > 0.0).then(|| Off { log: sum / calls, matters: any })
        };
        let throughput = rows.iter().filter(|(_, judgement)| matters(judgement, Metric::Throughput));
        Some(Self {
            name: level.name.clone(),
            utilization: level.utilization,
            most_per_second: level.most_per_second,
            off: Percentiles::from(off),
            throughput: throughput
                .filter_map(|(cell, _)| cell.throughput)
                .max_by(|one, other| one.abs().total_cmp(&other.abs())),
        })
    }
}

/// The statuses of errors, where errors differ by more than may be.
fn shifts(scope: &[&(&Cell, &Level, Judgement)]) -> Vec<Shift> {
    let differs = |judgement: &Judgement| {
        let errors = judgement.limits.iter().find(|limit| limit.metric == Metric::Errors);
        // of a mock that answers nothing there are no limits
        errors.map_or(judgement.verdict, |limit| limit.verdict) == Verdict::Over
    };
    let rows: Vec<&Cell> = scope.iter().filter(|(_, _, judged)| differs(judged)).map(|(cell, ..)| *cell).collect();
    let shares = |side: fn(&Cell) -> &Sample| {
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
    let mut shifts: Vec<Shift> = statuses
        .into_iter()
        .map(|status| Shift {
            status: status.to_owned(),
            reference: share(&reference, status),
            mock: share(&mock, status),
        })
        .filter(|shift| (shift.mock - shift.reference).abs() >= LEAST_SHIFT)
        .collect();
    shifts.sort_by(|one, other| (other.mock - other.reference).abs().total_cmp(&(one.mock - one.reference).abs()));
    shifts
}

/// As [`crate::tape::is_error`], of a status that is written.
fn is_error(status: &str) -> bool {
    crate::tape::is_error(status.parse().ok())
}

/// A status whose share differs by less explains nothing.
const LEAST_SHIFT: f64 = 0.001;
