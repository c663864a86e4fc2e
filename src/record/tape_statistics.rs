//! Statistics of the exchanges on a tape while it is recorded: latency and operations.

use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::time::Duration;

use hdrhistogram::Histogram;

use standin_tape::operations::OperationTree;

/// The latencies of the exchanges that were written, and the operations that they belong to.
pub(super) struct TapeStatistics {
    /// Latencies of the service in microseconds.
    latency_us: Histogram<u64>,
    /// Distinct methods and paths.
    targets: Vec<(String, String)>,
    target_hashes: HashSet<u64>,
    hasher: foldhash::fast::RandomState,
    operations: usize,
    /// Number of targets when the operations were counted.
    grouped_targets: usize,
}

impl TapeStatistics {
    pub(super) fn new() -> Self {
        Self {
            latency_us: Histogram::new_with_max(MAX_LATENCY_US, 3).expect("three digits are fine"),
            targets: Vec::new(),
            target_hashes: HashSet::new(),
            hasher: foldhash::fast::RandomState::default(),
            operations: 0,
            grouped_targets: 0,
        }
    }

    /// Counts an exchange. `latency` is that of the service, unless the exchange failed.
    pub(super) fn count(&mut self, method: &str, path: &str, latency: Option<Duration>) {
        if let Some(latency) = latency {
            self.latency_us.saturating_record(latency.as_micros() as u64);
        }
        if self.targets.len() < MAX_TARGETS && self.target_hashes.insert(self.hasher.hash_one((method, path))) {
            self.targets.push((method.to_owned(), path.to_owned()));
        }
    }

    /// Groups the targets into operations again if there are new ones.
    pub(super) fn group_targets(&mut self) {
        if self.targets.len() == self.grouped_targets {
            return;
        }
        let targets = || self.targets.iter().map(|(method, path)| (method.as_str(), path.as_str()));
        let tree = OperationTree::learn(targets());
        self.operations = targets().map(|(method, path)| tree.name(method, path)).collect::<HashSet<_>>().len();
        self.grouped_targets = self.targets.len();
    }

    /// Returns the number of operations when the targets were last grouped.
    pub(super) fn operations(&self) -> usize {
        self.operations
    }

    /// Returns the median and the 99 % quantile of the latency; `None` without an exchange that did
    /// not fail.
    pub(super) fn latency_p50_p99(&self) -> Option<(Duration, Duration)> {
        let at = |quantile| Duration::from_micros(self.latency_us.value_at_quantile(quantile));
        (!self.latency_us.is_empty()).then(|| (at(0.5), at(0.99)))
    }
}

/// Largest latency of the histogram, in microseconds (a day). Longer ones count as a day.
const MAX_LATENCY_US: u64 = 86_400_000_000;

/// Maximum number of distinct methods and paths by which operations are counted while recording.
const MAX_TARGETS: usize = 20_000;
