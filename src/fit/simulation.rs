//! Runs a model on a workload's own arrivals, through the station that would serve it: what the service would have answered,
//! were the model true.

use std::num::NonZeroU32;
use std::time::Duration;

use super::model::{Discipline, Model};
use super::workload::Workload;
use crate::pace::station::{Capacity, Moment, Queue, finishes};

/// The latencies of all calls, in nanoseconds. `demand` gives the demand of a call by its rank, in nanoseconds.
pub(super) fn latencies(model: Model, work: &Workload, demand: impl Fn(usize) -> f64) -> Vec<f64> {
    let at = |call: usize| Moment::from_nanos((work.arrivals[call] + model.outside) as u64);
    let calls = (0..work.len()).map(|call| (at(call), Duration::from_nanos(demand(call) as u64)));
    let finished = finishes(capacity(model.discipline, model.workers, Queue::Unbounded), calls);
    let latency =
        |(finish, arrival): (Option<Moment>, &f64)| finish.map_or(0.0, |finish| finish.nanos() as f64 - arrival);
    finished.into_iter().zip(&work.arrivals).map(latency).collect()
}

/// The station of a discipline. `unlimited` has neither workers nor a queue.
pub(super) fn capacity(discipline: Discipline, workers: u32, queue: Queue) -> Capacity {
    let workers = NonZeroU32::new(workers).unwrap_or(NonZeroU32::MIN);
    match discipline {
        Discipline::Unlimited => Capacity::Unlimited,
        Discipline::Fifo => Capacity::Fifo { workers, queue },
        Discipline::Sharing => Capacity::Sharing { workers, queue },
    }
}
