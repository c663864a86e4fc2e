//! First come, first served: when each worker is next free, and the calls whose finish is final.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Moment;

/// When each worker is next free. A worker is remembered from its first call on, so that a million idle ones cost nothing.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    count: u32,
    free: BinaryHeap<Reverse<Moment>>,
}

/// The calls whose finish is final, counted until it passes.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines {
    starts: BinaryHeap<Reverse<Moment>>,
    finishes: BinaryHeap<Reverse<Moment>>,
}

impl Workers {
    /// Workers that are all free.
    pub(super) fn new(count: u32) -> Self {
        Self { count, free: BinaryHeap::new() }
    }

    /// When a call that arrives at `at` starts.
    pub(super) fn next_start(&self, at: Moment) -> Moment {
        match self.free.peek() {
            Some(Reverse(earliest)) if self.free.len() >= self.count as usize => at.max(*earliest),
            _ => at,
        }
    }

    /// Gives the worker that is next free a call that it works on until `finish`.
    pub(super) fn occupy(&mut self, finish: Moment) {
        if self.free.len() < self.count as usize {
            self.free.push(Reverse(finish));
        } else if let Some(mut earliest) = self.free.peek_mut() {
            earliest.0 = finish;
        }
    }

    /// Adds workers that are free, or takes away those that are free first.
    pub(super) fn resize(&mut self, count: u32) {
        self.count = count;
        while self.free.len() > count as usize {
            self.free.pop();
        }
    }
}

impl Deadlines {
    /// Counts a call that arrived at `at`.
    pub(super) fn add(&mut self, at: Moment, start: Moment, finish: Moment) {
        // what is past is dropped here too, so that a station that nobody watches does not grow
        drop_past(&mut self.finishes, at);
        if start > at {
            drop_past(&mut self.starts, at);
            self.starts.push(Reverse(start));
        }
        self.finishes.push(Reverse(finish));
    }

    /// How many have not finished.
    pub(super) fn in_flight(&mut self, now: Moment) -> usize {
        drop_past(&mut self.finishes, now);
        self.finishes.len()
    }

    /// How many have not started.
    pub(super) fn waiting(&mut self, now: Moment) -> usize {
        drop_past(&mut self.starts, now);
        self.starts.len()
    }
}

fn drop_past(moments: &mut BinaryHeap<Reverse<Moment>>, now: Moment) {
    while moments.peek().is_some_and(|Reverse(moment)| *moment <= now) {
        moments.pop();
    }
}
