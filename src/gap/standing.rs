//! The headline: how far a mock is off in the typical row and in the worst one, by one number each.

use serde::Serialize;

use super::baseline::Kind;
use super::cell::{Cell, Deviation};
use super::sample::Latency;
use super::text::{ms, unsigned};

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
    /// Its percentile that is furthest off.
    pub worst_percent: u32,
    /// That percentile of the original.
    pub worst_reference: Latency,
    /// And of this mock.
    pub worst_mock: Latency,
}

impl Standing {
    /// Of the mock itself, then of each baseline; those of which no cell has enough calls are left out.
    pub(super) fn all(cells: &[Cell]) -> Vec<Self> {
        let baselines = [None, Some(Kind::ConstantMedian), Some(Kind::LogNormal)];
        baselines.into_iter().filter_map(|baseline| Self::new(baseline, cells)).collect()
    }

    fn new(baseline: Option<Kind>, cells: &[Cell]) -> Option<Self> {
        let mut gaps: Vec<(f64, &Cell, Deviation)> = cells
            .iter()
            .filter_map(|cell| {
                let deviation = match baseline {
                    None => cell.deviation?,
                    Some(kind) => cell.baselines.iter().find(|one| one.kind == kind)?.deviation,
                };
                Some((deviation.gap(&cell.believable)?, cell, deviation))
            })
            .collect();
        gaps.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (worst, cell, deviation) = gaps.last()?;
        let middle = gaps.len() / 2;
        let median =
            if gaps.len() % 2 == 1 { gaps[middle].0 } else { f64::midpoint(gaps[middle - 1].0, gaps[middle].0) };
        let off = |percent: &u32| deviation.log_ratio.at(*percent);
        let percent = *cell.believable.iter().max_by(|one, other| off(one).abs().total_cmp(&off(other).abs()))?;
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

    /// Both numbers in words.
    pub(super) fn in_words(&self) -> String {
        format!(
            "answer times are typically {} off, at worst {} (p{} of {} at load {}: {} ms instead of {} ms)",
            unsigned(self.median),
            unsigned(self.worst),
            self.worst_percent,
            self.worst_operation,
            self.worst_level,
            ms(self.worst_mock.0),
            ms(self.worst_reference.0)
        )
    }
}
