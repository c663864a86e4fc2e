//! Exact counts of responses by status, separate for each worker so that workers do not share
//! counters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::StatusCode;

/// Counts of responses by worker and status.
#[derive(Debug)]
pub struct ResponseCounts {
    workers: Vec<Box<[AtomicU64]>>,
}

impl ResponseCounts {
    /// Creates zero counts for this number of workers.
    pub fn new(workers: usize) -> Self {
        let none = || (0..STATUS_SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { workers: (0..workers.max(1)).map(|_| none()).collect() }
    }

    /// Counts a response of a worker. `None` is a connection that was broken instead.
    pub fn count(&self, worker: usize, status: Option<StatusCode>) {
        let slot = status.map_or(0, |status| usize::from(status.as_u16()));
        self.workers[worker % self.workers.len()][slot].fetch_add(1, Relaxed);
    }

    /// Adds the counts of all workers to `sums`, whose index is the status. Index 0 counts broken
    /// connections.
    pub fn add_to(&self, sums: &mut [u64]) {
        for counts in &self.workers {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count.load(Relaxed);
            }
        }
    }
}

/// Number of counters of a worker, as a status has three digits.
const STATUS_SLOTS: usize = 1000;
