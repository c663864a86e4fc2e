//! Copies of bodies for the tape, with a limit for each body and for all together. A body over a
//! limit is not kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// The memory budget of all body copies.
#[derive(Debug)]
pub(super) struct CaptureBudget {
    /// False if no bodies are copied.
    keeps_bodies: bool,
    /// Maximum bytes of one body.
    max_body_bytes: usize,
    /// Maximum bytes of all bodies that are not on the disk yet.
    max_total_bytes: usize,
    used_bytes: AtomicUsize,
    /// Number of bodies that were not kept.
    dropped_bodies: AtomicU64,
}

/// The copy of a body while it passes.
#[derive(Debug)]
pub(super) struct BodyCapture {
    budget: Arc<CaptureBudget>,
    bytes: Vec<u8>,
    /// True while the body is kept.
    is_kept: bool,
    /// Bytes that have passed.
    pub(super) size: u64,
}

impl CaptureBudget {
    /// Creates the budget. `max_body_bytes` limits one body, and 16 times as much all together.
    pub(super) fn new(keeps_bodies: bool, max_body_bytes: usize) -> Self {
        let max_total_bytes = max_body_bytes.saturating_mul(MAX_LARGEST_BODIES);
        let (used_bytes, dropped_bodies) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { keeps_bodies, max_body_bytes, max_total_bytes, used_bytes, dropped_bodies }
    }

    /// Returns the number of bodies that were not kept, because of a limit.
    pub(super) fn dropped_bodies(&self) -> u64 {
        self.dropped_bodies.load(Relaxed)
    }
}

impl BodyCapture {
    pub(super) fn new(budget: &Arc<CaptureBudget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: Vec::new(), is_kept: budget.keeps_bodies, size: 0 }
    }

    /// Copies a piece of the body.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.size += data.len() as u64;
        if !self.is_kept {
            return;
        }
        let before = self.budget.used_bytes.fetch_add(data.len(), Relaxed);
        self.bytes.extend_from_slice(data);
        if self.bytes.len() > self.budget.max_body_bytes || before + data.len() > self.budget.max_total_bytes {
            self.is_kept = false;
            self.budget.dropped_bodies.fetch_add(1, Relaxed);
            self.free();
        }
    }

    /// Returns the body so far; `None` if it is not kept.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.is_kept.then_some(&self.bytes[..])
    }

    fn free(&mut self) {
        self.budget.used_bytes.fetch_sub(self.bytes.len(), Relaxed);
        self.bytes = Vec::new();
    }
}

impl Drop for BodyCapture {
    fn drop(&mut self) {
        self.free();
    }
}

/// Number of bodies of the maximum length that may wait for the disk.
const MAX_LARGEST_BODIES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_too_long_is_counted_but_not_kept() {
        let budget = Arc::new(CaptureBudget::new(true, 10));
        let mut long = BodyCapture::new(&budget);
        long.push(b"123456");
        assert_eq!((long.bytes(), budget.used_bytes.load(Relaxed)), (Some(&b"123456"[..]), 6));
        long.push(b"78901");
        assert_eq!(
            (long.bytes(), long.size, budget.dropped_bodies(), budget.used_bytes.load(Relaxed)),
            (None, 11, 1, 0)
        );
        drop(long);
        assert_eq!(budget.used_bytes.load(Relaxed), 0);
    }

    #[test]
    fn all_bodies_together_have_a_limit_and_return_their_memory() {
        let budget = Arc::new(CaptureBudget::new(true, 10));
        let mut many: Vec<BodyCapture> = (0..20).map(|_| BodyCapture::new(&budget)).collect();
        for capture in &mut many {
            capture.push(b"1234567890");
        }
        assert_eq!(many.iter().filter(|capture| capture.bytes().is_some()).count(), 16);
        many.clear();
        assert_eq!((budget.used_bytes.load(Relaxed), budget.dropped_bodies()), (0, 4));
    }

    #[test]
    fn without_bodies_only_their_lengths_are_known() {
        let budget = Arc::new(CaptureBudget::new(false, 10));
        let mut capture = BodyCapture::new(&budget);
        capture.push(b"123");
        assert_eq!((capture.bytes(), capture.size, budget.dropped_bodies()), (None, 3, 0));
    }
}
