//! The headline: how far a mock is off in the typical row and in the worst one, by one number each.

use serde::Serialize;

use crate::gap::compare::baseline::BaselineKind;
use crate::gap::compare::cell::Cell;
use crate::gap::compare::deviation::Deviation;
use crate::gap::compare::sample::Latency;
use crate::gap::evaluate::limit_outcome::{LimitResult, Verdict};
use crate::gap::format::{longer, unsigned};
use standin_text::milliseconds;

/// The difference of one mock from the service in two numbers: in the typical cell and in the worst
/// one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Headline {
    /// The simpler mock; `None` for the mock itself.
    pub baseline: Option<BaselineKind>,
    /// The median over all cells of the gap, in logarithms.
    pub median: f64,
    /// The worst cell's gap.
    pub worst: f64,
    /// The operation of the worst cell.
    pub worst_operation: String,
    /// The load level of the worst cell.
    pub worst_level: String,
    /// The percentile of the worst cell that differs most.
    pub worst_percent: u32,
    /// That percentile of the original.
    pub worst_reference: Latency,
    /// And of this mock.
    pub worst_mock: Latency,
}

impl Headline {
    /// Returns the headlines of the mock and of each baseline, over the cells whose tails were
    /// judged: where only medians were, a fixed delay, which is the median, would look perfect.
    /// Without such a cell, returns the headline of the mock alone, over all cells.
    pub(crate) fn all(cells: &[Cell]) -> Vec<Self> {
        let judged: Vec<&Cell> = cells.iter().filter(|cell| is_tail_judged(cell)).collect();
        if judged.is_empty() {
            return Self::new(None, &cells.iter().collect::<Vec<_>>()).into_iter().collect();
        }
        let baselines = [None, Some(BaselineKind::ConstantMedian), Some(BaselineKind::LogNormal)];
        baselines.into_iter().filter_map(|baseline| Self::new(baseline, &judged)).collect()
    }

    /// Returns the headline of a baseline, or of the mock for `None`. `None` without a comparable
    /// cell.
    pub(crate) fn new(baseline: Option<BaselineKind>, cells: &[&Cell]) -> Option<Self> {
        let mut gaps: Vec<(f64, &Cell, Deviation)> = cells
            .iter()
            .copied()
            .filter_map(|cell| {
                let deviation = match baseline {
                    None => cell.deviation?,
                    Some(kind) => cell.baselines.iter().find(|one| one.kind == kind)?.deviation,
                };
                Some((deviation.gap(&cell.reliable_percentiles)?, cell, deviation))
            })
            .collect();
        gaps.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (worst, cell, deviation) = gaps.last()?;
        let middle = gaps.len() / 2;
        let median =
            if gaps.len() % 2 == 1 { gaps[middle].0 } else { f64::midpoint(gaps[middle - 1].0, gaps[middle].0) };
        let off = |percent: &u32| deviation.log_ratio.at(*percent);
        let percent =
            *cell.reliable_percentiles.iter().max_by(|one, other| off(one).abs().total_cmp(&off(other).abs()))?;
        let reference = cell.reference.latency.at(percent);
        Some(Self {
            baseline,
            median,
            worst: *worst,
            worst_operation: cell.operation.clone(),
            worst_level: cell.level.clone(),
            worst_percent: percent,
            worst_reference: reference,
            worst_mock: match baseline {
                None => cell.mock.latency.at(percent),
                Some(_) => Latency(reference.0.mul_f64(off(&percent).exp())),
            },
        })
    }

    /// Returns both numbers in words: the mean of the typical row, and the worst percentile of the
    /// worst row.
    pub(crate) fn describe(&self, when: &str) -> [String; 2] {
        let log =
            (self.worst_mock.0.as_secs_f64().max(SHORTEST) / self.worst_reference.0.as_secs_f64().max(SHORTEST)).ln();
        let when = if when.is_empty() { String::new() } else { format!(" {when}") };
        [
            format!("answer times are typically {} off (the average over p50 to p99)", unsigned(self.median)),
            format!(
                "furthest off is the p{} of {}{when}: {} ({} ms instead of {} ms)",
                self.worst_percent,
                self.worst_operation,
                longer(log),
                milliseconds(self.worst_mock.0),
                milliseconds(self.worst_reference.0)
            ),
        ]
    }
}

/// Returns true if a tail percentile of a cell was judged; if the budget limits none, if one has
/// enough calls.
fn is_tail_judged(cell: &Cell) -> bool {
    let is_tail = |percent: u32| percent >= MIN_TAIL_PERCENT;
    let is_limited = |limit: &&LimitResult| limit.metric.percent().is_some_and(is_tail);
    let mut limits = cell.limits.iter().filter(is_limited).peekable();
    if limits.peek().is_some() {
        limits.any(|limit| limit.verdict != Verdict::NotJudged)
    } else {
        cell.reliable_percentiles.iter().any(|percent| is_tail(*percent))
    }
}

/// A percentile that shows more than the typical time.
const MIN_TAIL_PERCENT: u32 = 90;
/// Seconds: less counts as this.
const SHORTEST: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The mean over percentiles is not told beside one of them as if it were its own.
    #[test]
    fn what_is_furthest_off_is_told_by_the_two_times_that_stand_there() {
        let latency = |ms: f64| Latency(Duration::from_secs_f64(ms / 1e3));
        let standing = |percent, reference, mock, worst| Headline {
            baseline: None,
            median: 0.028,
            worst,
            worst_operation: "GET /a".to_owned(),
            worst_level: "46-100 %".to_owned(),
            worst_percent: percent,
            worst_reference: latency(reference),
            worst_mock: latency(mock),
        };
        for (standing, told) in [
            (standing(95, 31.3, 33.0, 0.028), "p95 of GET /a when busy: 5.4 % longer (33.0 ms instead of 31.3 ms)"),
            (
                standing(50, 21.8, 3338.0, 2.4),
                "p50 of GET /a when busy: 153 times as long (3,338 ms instead of 21.8 ms)",
            ),
            (standing(99, 45.3, 11.04, 0.86), "p99 of GET /a when busy: 75.6 % shorter (11.0 ms instead of 45.3 ms)"),
        ] {
            let [typical, worst] = standing.describe("when busy");
            assert!(worst.ends_with(told), "{worst}");
            assert_eq!(typical, "answer times are typically 2.8 % off (the average over p50 to p99)");
        }
    }
}
