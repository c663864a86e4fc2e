//! Simulation of a layered queue over a workload's own arrivals.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::LayeredModel;
use super::inversion::crowding;
use crate::fit::prepare::workload::Workload;
use crate::fit::simulation::DemandSampler;
use standin_model::draws::Draws;

/// Returns the latencies of all calls in one run of a model, in nanoseconds.
pub(crate) fn run(model: &LayeredModel, pools: &DemandSampler, work: &Workload, seed: u64) -> Vec<f64> {
    let draws = Draws::new(seed);
    let mut state = Running::new(model);
    let mut finishes = vec![0.0; work.len()];
    for call in 0..work.len() {
        let enters = work.arrivals[call] + model.outside;
        state.advance(enters, &mut finishes);
        state.enter(call, work.operations[call] as usize, pools.draw(work, call, draws));
    }
    state.advance(f64::INFINITY, &mut finishes);
    finishes.iter().zip(&work.arrivals).map(|(finish, arrival)| finish - arrival).collect()
}

/// A non-negative time that orders heaps.
#[derive(PartialEq)]
struct Key(f64);

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// State of a run. Calls of one operation progress at one rate, so each operation has a virtual
/// time of its own.
struct Running<'m> {
    model: &'m LayeredModel,
    now: f64,
    in_service: u32,
    virtual_time: Vec<f64>,
    served: Vec<BinaryHeap<Reverse<(Key, usize)>>>,
    waiting: VecDeque<(usize, usize, f64)>,
}

impl<'m> Running<'m> {
    fn new(model: &'m LayeredModel) -> Self {
        let operations = model.slowdowns.len();
        let served = (0..operations).map(|_| BinaryHeap::new()).collect();
        Self { model, now: 0.0, in_service: 0, virtual_time: vec![0.0; operations], served, waiting: VecDeque::new() }
    }

    fn rate(&self, operation: usize) -> f64 {
        1.0 / (1.0 + self.model.slowdowns[operation] * (crowding(self.in_service, self.model.cores) - 1.0))
    }

    fn enter(&mut self, call: usize, operation: usize, demand: f64) {
        if self.model.workers.is_some_and(|workers| self.in_service >= workers) {
            self.waiting.push_back((call, operation, demand));
        } else {
            self.in_service += 1;
            self.served[operation].push(Reverse((Key(self.virtual_time[operation] + demand), call)));
        }
    }

    fn advance(&mut self, until: f64, finishes: &mut [f64]) {
        loop {
            let next = (0..self.served.len()).filter_map(|operation| {
                let Reverse((Key(due), _)) = self.served[operation].peek()?;
                Some((self.now + (due - self.virtual_time[operation]) / self.rate(operation), operation))
            });
            let next = next.min_by(|one, other| one.0.total_cmp(&other.0));
            let Some((time, operation)) = next.filter(|(time, _)| *time <= until) else { break };
            self.pass(time.max(self.now));
            if let Some(Reverse((_, call))) = self.served[operation].pop() {
                finishes[call] = self.now;
            }
            self.in_service -= 1;
            if let Some((call, operation, demand)) = self.waiting.pop_front() {
                self.enter(call, operation, demand);
            }
        }
        if until.is_finite() {
            self.pass(until);
        }
    }

    fn pass(&mut self, until: f64) {
        for operation in 0..self.virtual_time.len() {
            self.virtual_time[operation] += (until - self.now) * self.rate(operation);
        }
        self.now = until;
    }
}
