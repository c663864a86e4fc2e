//! How often each status was answered: exact, and counted apart for each worker so that they do not meet.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::StatusCode;

/// Counts by worker and status.
#[derive(Debug)]
pub struct ResponseCounts {
    workers: Vec<Box<[AtomicU64]>>,
}

impl ResponseCounts {
    /// None answered yet.
    pub fn new(workers: usize) -> Self {
        let none = || (0..STATUSES).map(|_| AtomicU64::new(0)).collect();
        Self { workers: (0..workers.max(1)).map(|_| none()).collect() }
    }

    /// Counts an answer of a worker; `None` is a connection that was broken instead.
    pub fn count(&self, worker: usize, status: Option<StatusCode>) {
        let place = status.map_or(0, |status| usize::from(status.as_u16()));
        self.workers[worker % self.workers.len()][place].fetch_add(1, Relaxed);
    }

    /// Adds the counts of all workers to `sums`, whose place is the status; place 0 is broken connections.
    pub fn add_to(&self, sums: &mut [u64]) {
        for counts in &self.workers {
            for (sum, count) in sums.iter_mut().zip(counts) {
                *sum += count.load(Relaxed);
            }
        }
    }
}

/// A status has three digits.
const STATUSES: usize = 1000;
