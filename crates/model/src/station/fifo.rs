//! First come, first served: when each worker is next free, and the calls whose finish is final.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::SimTime;
use super::sim_time::nanos;

/// When each worker is next free. A worker is remembered from its first call on, so that a million idle ones cost nothing.
#[derive(Clone, Debug)]
pub(super) struct FifoWorkers {
    count: u32,
    /// The number of the next worker that is remembered.
    next: u32,
    free: BinaryHeap<Reverse<(SimTime, u32)>>,
}

/// The calls whose finish is final, counted until it passes.
#[derive(Clone, Debug, Default)]
pub(super) struct ScheduledJobs {
    starts: BinaryHeap<Reverse<SimTime>>,
    finishes: BinaryHeap<Reverse<SimTime>>,
    /// Of both, those of calls that were given up: each is among the others too, and leaves with its like.
    released: [BinaryHeap<Reverse<SimTime>>; 2],
}

impl FifoWorkers {
    /// FifoWorkers that are all free.
    pub(super) fn new(count: u32) -> Self {
        Self { count, next: 0, free: BinaryHeap::new() }
    }

    /// Others in their place, that are all free.
    pub(super) fn renewed(&self, count: u32) -> Self {
        Self { next: self.next, ..Self::new(count) }
    }

    /// When a call that arrives at `at` starts.
    pub(super) fn next_start(&self, at: SimTime) -> SimTime {
        match self.free.peek() {
            Some(Reverse((earliest, _))) if self.free.len() >= self.count as usize => at.max(*earliest),
            _ => at,
        }
    }

    /// Gives the worker that is next free a call that it works on until `finish`; says which one it is.
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

    /// A worker is free so much earlier, though not before now.
    pub(super) fn return_time(&mut self, worker: u32, time: Duration, now: SimTime) {
        let mut all = std::mem::take(&mut self.free).into_vec();
        for Reverse((free, other)) in &mut all {
            if *other == worker {
                *free = now.max(SimTime::from_nanos(free.nanos().saturating_sub(nanos(time))));
            }
        }
        self.free = all.into();
    }

    /// Adds workers that are free, or takes away those that are free first.
    pub(super) fn resize(&mut self, count: u32) {
        self.count = count;
        while self.free.len() > count as usize {
            self.free.pop();
        }
    }
}

impl ScheduledJobs {
    /// Counts a call that arrived at `at`.
    pub(super) fn add(&mut self, at: SimTime, start: SimTime, finish: SimTime) {
        // what is past is dropped here too, so that a station that nobody watches does not grow
        drop_past(&mut self.finishes, at);
        drop_past(&mut self.released[1], at);
        if start > at {
            drop_past(&mut self.starts, at);
            drop_past(&mut self.released[0], at);
            self.starts.push(Reverse(start));
        }
        self.finishes.push(Reverse(finish));
    }

    /// Counts a call no more that has not finished.
    pub(super) fn release(&mut self, start: SimTime, finish: SimTime, now: SimTime) {
        let [starts, finishes] = &mut self.released;
        if start > now {
            starts.push(Reverse(start));
        }
        finishes.push(Reverse(finish));
    }

    /// How many have not finished.
    pub(super) fn in_flight(&mut self, now: SimTime) -> usize {
        drop_past(&mut self.finishes, now);
        drop_past(&mut self.released[1], now);
        self.finishes.len() - self.released[1].len()
    }

    /// How many have not started.
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
