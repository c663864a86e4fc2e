//! The calls of a side by cell: each call belongs to the operation that it is of, at the load at
//! which it came.

use std::collections::BTreeMap;

use crate::gap::compare::baseline::FittedBaselines;
use crate::gap::compare::load_levels::LoadLevels;
use crate::gap::compare::sample::CellCalls;
use crate::gap::compare::service_run::ServiceRun;
use standin_tape::is_error;

/// A cell's place: its operation, and its level by number.
pub(crate) type CellKey = (String, usize);

/// A side by cell: what each run has there.
#[derive(Debug, Default)]
pub(crate) struct GroupedCalls {
    pub(crate) runs: BTreeMap<CellKey, Vec<CellCalls>>,
    /// Calls that belong to no level.
    pub(crate) beyond: u64,
    /// Seconds that each level lasted.
    seconds: Vec<f64>,
}

impl GroupedCalls {
    pub(crate) fn new(levels: &LoadLevels, runs: &[ServiceRun]) -> Self {
        let mut all = Self { seconds: vec![0.0; levels.levels.len()], ..Self::default() };
        for (number, run) in runs.iter().enumerate() {
            let placed = levels.place(run);
            for (sum, seconds) in all.seconds.iter_mut().zip(&placed.seconds) {
                *sum += seconds;
            }
            let mut gather = |operation: &str, level: usize, add: &mut dyn FnMut(&mut CellCalls)| {
                let of_runs = all.runs.entry((operation.to_owned(), level)).or_default();
                of_runs.resize_with(runs.len(), CellCalls::default);
                of_runs[number].seconds = placed.seconds[level];
                add(&mut of_runs[number]);
            };
            for call in &run.calls {
                let operation = run.operation(*call);
                let Some(level) = placed.of(*call) else {
                    all.beyond += 1;
                    continue;
                };
                let is_doubtful = run.is_doubtful(*call);
                gather(operation, level, &mut |cell| {
                    if is_doubtful {
                        cell.left_out += 1;
                        return;
                    }
                    *cell.statuses.entry(call.status).or_default() += 1;
                    cell.failed.push(is_error(call.status));
                    cell.latencies.extend(call.latency);
                });
                // what got done does not depend on when exactly it was done
                let ended =
                    call.latency.filter(|_| !is_error(call.status)).and_then(|latency| placed.at(call.at + latency));
                if let Some(level) = ended {
                    gather(operation, level, &mut |cell| cell.completed += 1);
                }
            }
        }
        all
    }

    /// Returns true if a call arrived in the cell. An answer may end at a level at which no call
    /// arrived.
    pub(crate) fn came(&self, place: &CellKey) -> bool {
        self.runs.get(place).is_some_and(|runs| runs.iter().any(|run| run.came() > 0))
    }

    /// Returns the arrival rate of each operation at a level, in calls a second.
    pub(crate) fn rates(&self, level: usize) -> Vec<(&str, f64)> {
        let seconds = self.seconds.get(level).copied().unwrap_or(0.0);
        let of_level = self.runs.iter().filter(|((_, at), _)| *at == level && seconds > 0.0);
        let rates = of_level.map(|((operation, _), runs)| {
            (operation.as_str(), runs.iter().map(CellCalls::came).sum::<u64>() as f64 / seconds)
        });
        rates.filter(|(_, rate)| *rate > 0.0).collect()
    }

    /// Fits the simpler mocks to all calls of each operation.
    pub(crate) fn baselines(&self) -> FittedBaselines {
        let mut by_operation: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for ((operation, _), runs) in &self.runs {
            let latencies = by_operation.entry(operation).or_default();
            for run in runs {
                latencies.extend_from_slice(&run.latencies);
            }
        }
        let mut baselines = FittedBaselines::default();
        for (operation, mut latencies) in by_operation {
            latencies.sort_unstable();
            baselines.fit(operation, &latencies);
        }
        baselines
    }
}
