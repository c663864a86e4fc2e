//! First come, first served: the time at which each worker is next free, and the calls whose finish
//! is final.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::SimTime;
use super::sim_time::nanos;

/// The times at which workers are next free. A worker is stored from its first call on, so that a
/// million idle ones cost nothing.
#[derive(Clone, Debug)]
pub(super) struct FifoWorkers {
    count: u32,
    /// Index of the next worker to store.
    next: u32,
    free: BinaryHeap<Reverse<(SimTime, u32)>>,
}

/// Counters of the calls whose finish is final, until it passes.
#[derive(Clone, Debug, Default)]
pub(super) struct ScheduledJobs {
    starts: BinaryHeap<Reverse<SimTime>>,
    finishes: BinaryHeap<Reverse<SimTime>>,
    /// Starts and finishes of released calls: each is in the heap above too, and leaves both at the
    /// same time.
    released: [BinaryHeap<Reverse<SimTime>>; 2],
}

impl FifoWorkers {
    /// Makes workers that are all free.
    pub(super) fn new(count: u32) -> Self {
        Self { count, next: 0, free: BinaryHeap::new() }
    }

    /// Makes other workers, all free, with indices that these do not use.
    pub(super) fn renewed(&self, count: u32) -> Self {
        Self { next: self.next, ..Self::new(count) }
    }

    /// Returns the start of a call that arrives at `at`.
    pub(super) fn next_start(&self, at: SimTime) -> SimTime {
        match self.free.peek() {
            Some(Reverse((earliest, _))) if self.free.len() >= self.count as usize => at.max(*earliest),
            _ => at,
        }
    }

    /// Occupies the worker that is next free until `finish`; returns its index.
    pub(super) fn occupy(&mut self, finish: SimTime) -> u32 {
        if self.free.len() < self.count as usize {
            let worker = self.next;
            self.next = self.next.wrapping_add(1);
            self.free.push(Reverse((finish, worker)));
            return worker;
        }
        self.free.peek_mut().map_or(0, |mut earliest| {
            earliest.0.0 = finish;
            earliest.0.1
        })
    }

    /// Makes a worker free earlier by `time`, but not before now.
    pub(super) fn return_time(&mut self, worker: u32, time: Duration, now: SimTime) {
        let mut all = std::mem::take(&mut self.free).into_vec();
        for Reverse((free, other)) in &mut all {
            if *other == worker {
                *free = now.max(SimTime::from_nanos(free.nanos().saturating_sub(nanos(time))));
            }
        }
        self.free = all.into();
    }

    /// Adds free workers, or removes those that are free first.
    pub(super) fn resize(&mut self, count: u32) {
        self.count = count;
        while self.free.len() > count as usize {
            self.free.pop();
        }
    }
}

impl ScheduledJobs {
    /// Counts a call that arrives at `at`.
    pub(super) fn add(&mut self, at: SimTime, start: SimTime, finish: SimTime) {
        // past entries are dropped here too, so that a station without metrics readers does not
        // grow
        drop_past(&mut self.finishes, at);
        drop_past(&mut self.released[1], at);
        if start > at {
            drop_past(&mut self.starts, at);
            drop_past(&mut self.released[0], at);
            self.starts.push(Reverse(start));
        }
        self.finishes.push(Reverse(finish));
    }

    /// Stops counting a call that has not finished.
    pub(super) fn release(&mut self, start: SimTime, finish: SimTime, now: SimTime) {
        let [starts, finishes] = &mut self.released;
        if start > now {
            starts.push(Reverse(start));
        }
        finishes.push(Reverse(finish));
    }

    /// Returns the number of calls that have not finished.
    pub(super) fn in_flight(&mut self, now: SimTime) -> usize {
        drop_past(&mut self.finishes, now);
        drop_past(&mut self.released[1], now);
        self.finishes.len() - self.released[1].len()
    }

    /// Returns the number of calls that have not started.
    pub(super) fn waiting(&mut self, now: SimTime) -> usize {
        drop_past(&mut self.starts, now);
        drop_past(&mut self.released[0], now);
        self.starts.len() - self.released[0].len()
    }
}

fn drop_past(moments: &mut BinaryHeap<Reverse<SimTime>>, now: SimTime) {
    while moments.peek().is_some_and(|Reverse(moment)| *moment <= now) {
        moments.pop();
    }
}
