//! Calls in the order of their arrival, of sources that have them in the order of their ends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::timed_call::TimedCall;

/// Sorts calls by arrival as far as a bounded number of them allows.
#[derive(Debug, Default)]
pub struct ArrivalOrder {
    waiting: BinaryHeap<Reverse<Arriving>>,
    count: u64,
}

/// A call that waits, with its number in the source.
#[derive(Debug)]
struct Arriving {
    number: u64,
    call: TimedCall,
}

impl ArrivalOrder {
    /// Adds a call. Returns the earliest one if enough are waiting.
    pub fn push(&mut self, call: TimedCall) -> Option<TimedCall> {
        self.count += 1;
        self.waiting.push(Reverse(Arriving { number: self.count, call }));
        if self.waiting.len() > MAX_WAITING { self.pop() } else { None }
    }

    /// Returns the earliest call that waits.
    pub fn pop(&mut self) -> Option<TimedCall> {
        self.waiting.pop().map(|Reverse(arriving)| arriving.call)
    }
}

impl Arriving {
    fn key(&self) -> (u64, u64) {
        (self.call.sent, self.number)
    }
}

impl PartialEq for Arriving {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Arriving {}

impl PartialOrd for Arriving {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Arriving {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Calls that wait to be sorted.
const MAX_WAITING: usize = 65_536;
