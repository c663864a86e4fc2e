//! Layered queues: a call waits for one of a pool of workers and, while it holds one, needs a share
//! of a core for a part of its demand, each operation a part of its own. Threads behind a lock and
//! processes that share a core are such services; `unlimited`, `fifo` and `sharing` are the special
//! cases without a pool or without CPU.
//!
//! Both steps are inverted without an assumption on distributions (`inversion`). The CPU share of
//! an operation is the one under which its demands do not depend on how many calls are in service
//! (`cpu_shares`). Pools and cores are compared by effect size, as single stations are, and by the
//! simulated prediction of the highest load (`search`).

mod core_law;
pub(crate) mod cpu_shares;
pub(crate) mod inversion;
pub(crate) mod search;
pub(crate) mod simulation;

use standin_model::station::Contention;
use standin_model::stats::mean;

use crate::fit::demand::OperationFit;
use crate::fit::prepare::workload::Workload;
use crate::fit::search::holdout_validation::{HeldOutError, Stratum};

/// A layered queue that was fitted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LayeredModel {
    /// Number of workers of the pool; `None` if every call is in service at once.
    pub(crate) workers: Option<u32>,
    /// Number of cores that the calls in service share.
    pub(crate) cores: u32,
    /// Latency of each call before it enters the pool, in nanoseconds.
    pub(crate) outside: f64,
    /// Share of the demand of each operation that needs a core, 0 to 1.
    pub(crate) cpu_shares: Vec<f64>,
}

/// A fitted layered queue.
#[derive(Clone, Debug)]
pub(crate) struct LayeredFit {
    pub(crate) model: LayeredModel,
    pub(crate) effect: f64,
    /// Recovered demand of each call, in nanoseconds.
    pub(crate) demands: Vec<f64>,
    /// Predicted against recorded latencies, with demands of the lower load.
    pub(crate) strata: Vec<Stratum>,
    /// Error of that prediction at the held-out load.
    pub(crate) error: HeldOutError,
    /// Error at the highest load with all that the tape shows of it.
    pub(crate) error_on_tape: HeldOutError,
    /// Names of other members that explain the recording about as well.
    pub(crate) others: Vec<String>,
    /// Factor that was applied to the CPU shares so that the simulated tape has the recorded
    /// latencies; 1 if the inversion needed none.
    pub(crate) scale: f64,
    /// Throughput in calls a second beyond which the queue grows; `None` if nothing bounds it.
    pub(crate) capacity: Option<f64>,
}

impl LayeredModel {
    /// Returns the name of the model: `fifo(6) on 1 core`.
    pub(crate) fn name(&self) -> String {
        let cores = standin_text::counted(u64::from(self.cores), "core");
        self.workers.map_or_else(|| format!("no pool on {cores}"), |workers| format!("fifo({workers}) on {cores}"))
    }

    /// Returns the throughput in calls a second beyond which the queue grows, for the mix and the
    /// demands of a workload; `None` if nothing bounds it.
    fn capacity(&self, work: &Workload, demands: &[f64]) -> Option<f64> {
        let counted = || (0..work.len()).filter(|call| work.counted[*call]);
        let demand = mean(counted().map(|call| demands[call]));
        let cpu = mean(counted().map(|call| demands[call] * self.cpu_shares[work.operations[call] as usize]));
        let cores = f64::from(self.cores);
        let per_second = match self.workers {
            Some(workers) => {
                let share = (cpu / demand).clamp(0.0, 1.0);
                let stretch = Contention::Cpu(share).stretch_among(workers as usize, Some(cores));
                f64::from(workers) / (demand * stretch) * 1e9
            }
            None => cores / cpu * 1e9,
        };
        per_second.is_finite().then_some(per_second)
    }
}

impl LayeredFit {
    /// Sets the CPU share of an operation by its number.
    pub(crate) fn describe(&self, operation: &mut OperationFit, number: usize) {
        operation.cpu = Some(round_to_thousandth(self.model.cpu_shares[number]));
    }

    /// Sets the CPU share of calls of no listed operation: the mean over all calls, weighted by
    /// their demands.
    pub(crate) fn describe_default(&self, operation: &mut OperationFit, work: &Workload) {
        let (mut cpu, mut all) = (0.0, 0.0);
        for call in (0..work.len()).filter(|call| work.counted[*call]) {
            cpu += self.demands[call] * self.model.cpu_shares[work.operations[call] as usize];
            all += self.demands[call];
        }
        operation.cpu = Some(round_to_thousandth(if all > 0.0 { (cpu / all).clamp(0.0, 1.0) } else { 0.0 }));
    }
}

/// Rounds a share to what a profile holds: a tenth of a percent.
fn round_to_thousandth(share: f64) -> f64 {
    (share * 1e3).round() / 1e3
}
