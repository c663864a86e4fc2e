//! Whether the service was the same throughout: a cache that warmed, workers that were added. Demands of the right model do not
//! depend on load, so where those of the second half of a recording differ from those of the first, the service changed, and one
//! model for both would be that of neither.

use std::time::Duration;

use serde::Serialize;

use super::statement::Statement;
use super::trace::Trace;
use super::workload::Workload;

/// How a service changed while it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The mean demand of the second half by that of the first, less 1: 0.2 is 20 % more. Operations weigh as in the whole.
    pub demand: f64,
    /// The standard error of that.
    pub error: f64,
}

impl Change {
    /// The change between the halves of a workload, by its recovered demands; none if it is small or may be chance.
    pub(super) fn find(work: &Workload, demands: &[f64]) -> Option<Self> {
        let mut usual = vec![(0.0, 0.0); work.kinds];
        let counted = || (0..work.len()).filter(|call| work.counted[*call]);
        for call in counted() {
            let sum = &mut usual[work.operations[call] as usize];
            *sum = (sum.0 + demands[call], sum.1 + 1.0);
        }
        // windows are the unit: calls of one queue depend on each other
        let mut windows = vec![(0.0, 0.0); work.windows.len()];
        for call in counted() {
            let (sum, calls) = usual[work.operations[call] as usize];
            let window = &mut windows[work.window[call] as usize];
            *window = (window.0 + demands[call] / (sum / calls), window.1 + 1.0);
        }
        let middle = windows.len() / 2;
        let [first, second] = [&windows[..middle], &windows[middle..]].map(weighted_mean);
        let (first, second) = (first?, second?);
        let demand = second.0 / first.0 - 1.0;
        let error = (first.1 + second.1).sqrt() / first.0;
        (demand.abs() > NOTICEABLE && demand.abs() > SURELY * error).then_some(Self { demand, error })
    }

    /// What is said of it.
    pub(super) fn told(self, traces: &[Trace]) -> Statement {
        let is_refused = self.refuses_one_model();
        Statement::Changed { demand: self.demand, middle: middle(traces), is_refused }
    }

    /// Whether one model for both halves must not be served.
    pub fn refuses_one_model(&self) -> bool {
        self.demand.abs() > TOO_MUCH
    }
}

/// Where the second half of a recording begins, if it is one.
fn middle(traces: &[Trace]) -> Option<Duration> {
    let [only] = traces else { return None };
    let arrivals = || only.calls.iter().map(|call| call.arrival);
    Some(Duration::from_nanos((arrivals().max()? - arrivals().min()?) / 2))
}

/// The mean over windows by their calls, and its variance; none of fewer than three.
fn weighted_mean(windows: &[(f64, f64)]) -> Option<(f64, f64)> {
    let filled: Vec<&(f64, f64)> = windows.iter().filter(|(_, calls)| *calls > 0.0).collect();
    let calls: f64 = filled.iter().map(|(_, calls)| calls).sum();
    let mean = filled.iter().map(|(sum, _)| sum).sum::<f64>() / calls;
    let squares: f64 = filled.iter().map(|(sum, calls)| (sum - calls * mean).powi(2)).sum();
    let freedom = filled.len() as f64 / (filled.len() as f64 - 1.0);
    (filled.len() >= 3).then(|| (mean, freedom * squares / calls.powi(2)))
}

/// A smaller change is told by nobody.
const NOTICEABLE: f64 = 0.05;
/// Standard errors beyond which a change is no chance.
const SURELY: f64 = 4.0;
/// A change of so much makes latencies near the capacity those of another service.
const TOO_MUCH: f64 = 0.15;
