//! Arrivals at loads that a tape does not hold: those of its highest load, closer together.

use crate::fit::prepare::workload::Workload;
use crate::fit::search::holdout_validation::HoldoutSplit;
use rand::Rng as _;
use standin_model::draws::Draws;

/// Gaps between the arrivals of a tape's highest load.
pub(crate) struct ArrivalPattern {
    /// Gap before each call, in units of the mean gap, and the operation of the call.
    gaps: Vec<(f64, u32)>,
    operation_count: usize,
    round_trip: f64,
}

impl ArrivalPattern {
    /// Reads the gaps of the windows with the highest load; `None` without any.
    pub(crate) fn new(work: &Workload, split: &HoldoutSplit) -> Option<Self> {
        let mut gaps = Vec::new();
        for call in 1..work.len() {
            let window = work.window[call];
            if split.is_held_out(work, call) && window == work.window[call - 1] {
                let gap = work.arrivals[call] - work.arrivals[call - 1];
                gaps.push((gap * work.windows[window as usize].per_second(), work.operations[call]));
            }
        }
        let mean = gaps.iter().map(|(gap, _)| gap).sum::<f64>() / gaps.len().max(1) as f64;
        for (gap, _) in &mut gaps {
            *gap /= mean;
        }
        (gaps.len() >= MIN_GAPS && mean > 0.0).then_some(Self {
            gaps,
            operation_count: work.operation_count,
            round_trip: work.round_trip,
        })
    }

    /// Returns a workload of arrivals at a rate in calls a second; its finishes are unknown. Blocks
    /// of successive gaps are drawn at random (Kuensch, *The jackknife and the bootstrap for
    /// general stationary observations*, Annals of Statistics 17, 1989), so that each `run` has
    /// arrivals of its own, with the bursts of the tape.
    pub(crate) fn at(&self, per_second: f64, calls: usize, run: u64) -> Workload {
        let draws = Draws::new(run);
        let mut work =
            Workload { operation_count: self.operation_count, round_trip: self.round_trip, ..Workload::default() };
        let mut now = 0.0;
        for rank in 0..calls {
            let block = draws.at(0, (rank / BLOCK_CALLS) as u64).next_u64();
            let first = ((u128::from(block) * self.gaps.len() as u128) >> 64) as usize;
            let (gap, operation) = self.gaps[(first + rank % BLOCK_CALLS) % self.gaps.len()];
            now += gap / per_second * 1e9;
            work.arrivals.push(now);
            work.operations.push(operation);
        }
        work
    }
}

/// Number of successive gaps that stay together.
const BLOCK_CALLS: usize = 25;
/// Minimum number of gaps that show a pattern.
const MIN_GAPS: usize = 100;
