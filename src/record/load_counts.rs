//! Counts of a recording while it runs: calls, operations and the highest load, against what
//! `standin fit` and `standin gap` need.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher as _;

use standin_tape::operations::OperationTree;

/// The counts of the requests on a tape.
pub(super) struct LoadCounts {
    /// Distinct methods and paths, with their calls and the index of their operation.
    targets: Vec<CountedTarget>,
    by_hash: HashMap<u64, usize>,
    hasher: foldhash::fast::RandomState,
    operations: usize,
    /// Number of targets when the operations were counted.
    grouped: usize,
    calls: u64,
    /// Arrivals of the last seconds, by second.
    arrivals: BTreeMap<u64, u64>,
    highest_per_second: u64,
}

struct CountedTarget {
    method: String,
    path: String,
    calls: u64,
    operation: usize,
}

/// The size of a recording, and what it lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordingSize {
    /// Number of requests that reached the service.
    pub calls: u64,
    /// Number of requests of the operation that has most.
    pub busiest_calls: u64,
    /// Requests in the busiest second.
    pub highest_per_second: u64,
}

impl LoadCounts {
    pub(super) fn new() -> Self {
        Self {
            targets: Vec::new(),
            by_hash: HashMap::new(),
            hasher: foldhash::fast::RandomState::default(),
            operations: 0,
            grouped: 0,
            calls: 0,
            arrivals: BTreeMap::new(),
            highest_per_second: 0,
        }
    }

    /// Counts a request that was sent `sent` nanoseconds after the begin of the tape; `None` if it
    /// did not reach the service.
    pub(super) fn add(&mut self, method: &str, path: &str, sent: Option<u64>) {
        let hash = self.hasher.hash_one((method, path));
        let target = self.by_hash.get(&hash).copied().or_else(|| {
            (self.targets.len() < MAX_TARGETS).then(|| {
                let (method, path) = (method.to_owned(), path.to_owned());
                self.targets.push(CountedTarget { method, path, calls: 0, operation: 0 });
                self.by_hash.insert(hash, self.targets.len() - 1);
                self.targets.len() - 1
            })
        });
        let Some(sent) = sent else { return };
        self.calls += 1;
        if let Some(target) = target {
            self.targets[target].calls += 1;
        }
        let arrived = self.arrivals.entry(sent / SECOND).or_default();
        *arrived += 1;
        self.highest_per_second = self.highest_per_second.max(*arrived);
        if self.arrivals.len() > MAX_SECONDS {
            self.arrivals.pop_first();
        }
    }

    /// Groups the requests into operations, if there are new ones.
    pub(super) fn group(&mut self) {
        if self.targets.len() == self.grouped {
            return;
        }
        let targets = || self.targets.iter().map(|target| (target.method.as_str(), target.path.as_str()));
        let tree = OperationTree::learn(targets());
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let of_targets: Vec<usize> = targets()
            .map(|(method, path)| {
                let next = numbers.len();
                *numbers.entry(tree.name(method, path)).or_insert(next)
            })
            .collect();
        for (target, operation) in self.targets.iter_mut().zip(of_targets) {
            target.operation = operation;
        }
        (self.operations, self.grouped) = (numbers.len(), self.targets.len());
    }

    /// Returns the number of operations when the requests were last grouped.
    pub(super) fn operations(&self) -> usize {
        self.operations
    }

    /// Returns the size of the recording.
    pub(super) fn size(&self) -> RecordingSize {
        let mut by_operation = vec![0; self.operations.max(1)];
        for target in &self.targets {
            if let Some(calls) = by_operation.get_mut(target.operation) {
                *calls += target.calls;
            }
        }
        RecordingSize {
            calls: self.calls,
            busiest_calls: by_operation.into_iter().max().unwrap_or(0),
            highest_per_second: self.highest_per_second,
        }
    }
}

impl RecordingSize {
    /// Returns the number of calls at which `fit` can compare loads and `gap` can judge the p95 of
    /// the operation that is called most, given its share so far.
    pub fn needed_calls(&self) -> u64 {
        let share = self.busiest_calls.max(1) as f64 / self.calls.max(1) as f64;
        let for_tail = (TAIL_CALLS as f64 / share / ROUNDED_TO).ceil() * ROUNDED_TO;
        FIT_CALLS.max(for_tail as u64)
    }

    /// Returns true if `fit` and `gap` have calls enough.
    pub fn is_enough(&self) -> bool {
        self.calls >= self.needed_calls()
    }
}

const SECOND: u64 = 1_000_000_000;
/// Maximum number of distinct methods and paths that are grouped.
const MAX_TARGETS: usize = 20_000;
/// Seconds of which late exchanges are still counted.
const MAX_SECONDS: usize = 600;
/// Calls that `fit` compares by thirds, 300 in each.
const FIT_CALLS: u64 = 900;
/// Calls of an operation from which on `gap` believes its p95.
const TAIL_CALLS: u64 = 2_000;
/// The number of calls that is asked for is rounded up to this.
const ROUNDED_TO: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_knows_what_it_lacks() {
        let mut counts = LoadCounts::new();
        for call in 0..2_100_u64 {
            let path = if call % 3 < 2 { format!("/items/{}", call % 50) } else { "/search".to_owned() };
            // 100 a second, and one second of 140
            let sent = if call < 140 { 0 } else { SECOND + (call - 140) * SECOND / 100 };
            counts.add("GET", &path, Some(sent));
        }
        counts.add("GET", "/search", None);
        counts.group();
        let size = counts.size();
        assert_eq!((counts.operations(), size.calls, size.highest_per_second), (2, 2_100, 140));
        assert_eq!((size.busiest_calls, size.needed_calls(), size.is_enough()), (1_400, 3_000, false));
    }

    #[test]
    fn nothing_needs_something() {
        let size = RecordingSize::default();
        assert!(!size.is_enough() && size.needed_calls() >= FIT_CALLS);
    }
}
