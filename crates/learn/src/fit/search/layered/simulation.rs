//! Simulation of a layered queue over a workload's own arrivals.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::LayeredModel;
use super::core_law::{Composition, CoreLaw, CoreStretches, MAX_GROUPS, stretch};
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
    law: CoreLaw,
    now: f64,
    in_service: u32,
    composition: Composition,
    /// Stretch at the cores of the composition.
    stretches: CoreStretches,
    virtual_time: Vec<f64>,
    served: Vec<BinaryHeap<Reverse<(Key, usize)>>>,
    waiting: VecDeque<(usize, usize, f64)>,
}

impl<'m> Running<'m> {
    fn new(model: &'m LayeredModel) -> Self {
        let operations = model.cpu_shares.len();
        Self {
            model,
            law: CoreLaw::new(model.cores, &model.cpu_shares),
            now: 0.0,
            in_service: 0,
            composition: [0; MAX_GROUPS],
            stretches: [1.0; MAX_GROUPS],
            virtual_time: vec![0.0; operations],
            served: (0..operations).map(|_| BinaryHeap::new()).collect(),
            waiting: VecDeque::new(),
        }
    }

    fn rate(&self, operation: usize) -> f64 {
        1.0 / stretch(self.model.cpu_shares[operation], self.stretches[self.law.group(operation as u32)])
    }

    fn change_composition(&mut self, operation: usize, change: impl Fn(u16) -> u16) {
        let count = &mut self.composition[self.law.group(operation as u32)];
        *count = change(*count);
        self.stretches = self.law.at(self.composition);
    }

    fn enter(&mut self, call: usize, operation: usize, demand: f64) {
        if self.model.workers.is_some_and(|workers| self.in_service >= workers) {
            self.waiting.push_back((call, operation, demand));
        } else {
            self.in_service += 1;
            self.change_composition(operation, |count| count.saturating_add(1));
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
            self.change_composition(operation, |count| count.saturating_sub(1));
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;
    use crate::fit::prepare::trace::{Observation, Trace};
    use crate::fit::search::layered::cpu_shares;
    use crate::fit::search::layered::inversion::PoolInversion;
    use standin_model::station::{Capacity, Contention, Queue, SimTime, Work, simulate};

    /// Returns 3,000 calls of three operations that demand 1 to 8 ms.
    fn workload() -> Workload {
        let call = |rank: u64| {
            let arrival = rank * 1_100_000 + rank * 7_919 % 1_000 * 900;
            let finish = arrival + 1_000_000 + rank * 7_907 % 7_000 * 1_000;
            Observation { operation: (rank % 3) as u32, arrival, finish, status: 200, bytes: None, in_flight: 0 }
        };
        let operations = ["GET /a", "GET /b", "GET /c"].map(str::to_owned).to_vec();
        let trace = Trace { operations, calls: (0..3_000).map(call).collect(), ..Trace::default() };
        Workload::new(&[trace], |_, operation| operation).0
    }

    /// The simulation is the station's, and the inversion gives back every demand.
    #[test]
    fn a_run_is_that_of_the_station_and_is_inverted_exactly() {
        for (workers, cores) in [(Some(5), 2), (Some(4), 1), (None, 3)] {
            let model = LayeredModel { workers, cores, outside: 300_000.0, cpu_shares: vec![0.0, 0.35, 1.0] };
            let mut work = workload();
            let latencies: Vec<f64> = work.finishes.iter().zip(&work.arrivals).map(|(to, from)| to - from).collect();
            let pools = DemandSampler::new(&work, &latencies, |_| true);
            let run = run(&model, &pools, &work, 9);
            let draws = Draws::new(9);
            let drawn: Vec<f64> = (0..work.len()).map(|call| pools.draw(&work, call, draws)).collect();
            let capacity = Capacity::Layered {
                workers: workers.and_then(NonZeroU32::new),
                cores: Some(f64::from(cores)),
                queue: Queue::Unbounded,
            };
            let calls = (0..work.len()).map(|call| {
                let contention = Contention::Cpu(model.cpu_shares[work.operations[call] as usize]);
                let demand = Duration::from_nanos(drawn[call] as u64);
                (SimTime::from_nanos((work.arrivals[call] + model.outside) as u64), Work { demand, contention })
            });
            for ((finish, arrival), latency) in simulate(capacity, calls).into_iter().zip(&work.arrivals).zip(&run) {
                let station = finish.expect("no bound").nanos() as f64 - arrival;
                assert!((station - latency).abs() < 2_000.0, "{workers:?} {cores}: {station} {latency}");
            }
            for (call, latency) in run.iter().enumerate() {
                work.finishes[call] = work.arrivals[call] + latency;
            }
            work.by_finish
                .sort_by(|one, other| work.finishes[*one as usize].total_cmp(&work.finishes[*other as usize]));
            let inversion = PoolInversion::new(&work, workers, model.outside);
            for (found, demand) in cpu_shares::demands(&inversion, &model, &work).iter().zip(&drawn) {
                assert!((found - demand).abs() < 100.0, "{workers:?} {cores}: {found} {demand}");
            }
        }
    }
}
