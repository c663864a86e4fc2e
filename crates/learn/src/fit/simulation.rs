//! Simulation of a model over a workload's own arrivals, on the station that would serve it: the
//! latencies that the service would have had if the model were true.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::fit::prepare::workload::Workload;
use crate::fit::station_model::{QueueDiscipline, StationModel};
use rand::Rng as _;
use standin_model::draws::Draws;
use standin_model::station::{Capacity, Queue, SimTime, simulate};

/// Recovered demands to draw from, by operation, in nanoseconds.
pub(crate) struct DemandSampler {
    by_operation: Vec<Vec<f64>>,
    /// Demands of all operations, for operations without any.
    everything: Vec<f64>,
}

impl DemandSampler {
    /// Collects the demands of the calls that are `included`.
    pub(crate) fn new(work: &Workload, demands: &[f64], included: impl Fn(usize) -> bool) -> Self {
        let (mut by_operation, mut everything) = (vec![Vec::new(); work.operation_count], Vec::new());
        for call in (0..work.len()).filter(|call| included(*call)) {
            let demand = demands[call].max(1.0);
            by_operation[work.operations[call] as usize].push(demand);
            everything.push(demand);
        }
        Self { by_operation, everything }
    }

    /// Draws the demand of a call, in nanoseconds.
    pub(crate) fn draw(&self, work: &Workload, call: usize, draws: Draws) -> f64 {
        let pool = &self.by_operation[work.operations[call] as usize];
        let pool = if pool.is_empty() { &self.everything } else { pool };
        let drawn = draws.at(0, call as u64).next_u64();
        pool[((u128::from(drawn) * pool.len() as u128) >> 64) as usize]
    }

    /// Returns the latencies of all calls in one run of a model, in nanoseconds.
    pub(crate) fn run(&self, model: StationModel, work: &Workload, seed: u64) -> Vec<f64> {
        self.serve(capacity(model.discipline, model.workers, Queue::Unbounded), model.outside, work, seed)
    }

    /// Returns the latencies of all calls in one run on a station of this capacity, in nanoseconds.
    /// Calls enter it `outside` nanoseconds after their arrival.
    pub(crate) fn serve(&self, capacity: Capacity, outside: f64, work: &Workload, seed: u64) -> Vec<f64> {
        let draws = Draws::new(seed);
        let at = |call: usize| SimTime::from_nanos((work.arrivals[call] + outside) as u64);
        let demand = |call: usize| Duration::from_nanos(self.draw(work, call, draws) as u64);
        let finished = simulate(capacity, (0..work.len()).map(|call| (at(call), demand(call))));
        let latency =
            |(finish, arrival): (Option<SimTime>, &f64)| finish.map_or(0.0, |finish| finish.nanos() as f64 - arrival);
        finished.into_iter().zip(&work.arrivals).map(latency).collect()
    }
}

/// Returns the station of a discipline; `unlimited` has neither workers nor a queue.
pub(crate) fn capacity(discipline: QueueDiscipline, workers: u32, queue: Queue) -> Capacity {
    let workers = NonZeroU32::new(workers).unwrap_or(NonZeroU32::MIN);
    match discipline {
        QueueDiscipline::Unlimited => Capacity::Unlimited,
        QueueDiscipline::Fifo => Capacity::Fifo { workers, queue },
        QueueDiscipline::Sharing => Capacity::Sharing { workers, queue },
    }
}
