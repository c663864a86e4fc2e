//! Runs a model on a workload's own arrivals, with demands drawn anew: what the service would have answered, were the model true.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::model::{Discipline, FreeTimes, Model};
use super::workload::Workload;

/// The latencies of all calls, in nanoseconds. `demand` gives the demand of a call by its rank.
pub(super) fn latencies(model: Model, work: &Workload, mut demand: impl FnMut(usize) -> f64) -> Vec<f64> {
    match model.discipline {
        Discipline::Unlimited => (0..work.len()).map(|call| demand(call) + model.outside).collect(),
        Discipline::Fifo => {
            let mut free = FreeTimes::new(model.workers);
            let serve = |call: usize| {
                let arrival = work.arrivals[call];
                let finish = (arrival + model.outside).max(free.earliest()) + demand(call);
                free.take(finish);
                finish - arrival
            };
            (0..work.len()).map(serve).collect()
        }
        Discipline::Sharing => sharing(model, work, demand),
    }
}

fn sharing(model: Model, work: &Workload, mut demand: impl FnMut(usize) -> f64) -> Vec<f64> {
    let mut latencies = vec![0.0; work.len()];
    // calls by the virtual time at which they finish; no demand is negative, so the order of bits is that of numbers
    let mut present: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let (mut virtual_time, mut now, mut arrived) = (0.0f64, 0.0f64, 0);
    loop {
        let rate = f64::min(1.0, f64::from(model.workers) / present.len().max(1) as f64);
        let arrival = work.arrivals.get(arrived).map(|arrival| arrival + model.outside);
        let finish = present.peek().map(|Reverse((due, _))| now + (f64::from_bits(*due) - virtual_time) / rate);
        match (arrival, finish) {
            (None, None) => return latencies,
            (Some(arrival), finish) if finish.is_none_or(|finish| arrival <= finish) => {
                virtual_time += (arrival - now) * rate;
                now = arrival;
                present.push(Reverse(((virtual_time + demand(arrived).max(0.0)).to_bits(), arrived)));
                arrived += 1;
            }
            (_, finish) => {
                let Some(Reverse((due, call))) = present.pop() else { return latencies };
                (virtual_time, now) = (f64::from_bits(due), finish.unwrap_or(now));
                latencies[call] = now - work.arrivals[call];
            }
        }
    }
}
