//! Candidate models: a queueing discipline, a number of workers, and a constant part outside the queue; and the inversion that
//! recovers from arrivals and finishes what each call demanded, were the model true.
//!
//! Both inversions are exact and assume no distribution. For `fifo` a call starts when it arrives or when the earliest of c
//! workers is free; for `sharing` it runs at rate min(1, c/n) while n calls are there, so its demand is the growth of virtual
//! time between its arrival and its finish.

use std::fmt;

use serde::Serialize;

use super::workload::Workload;

/// How calls share the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Discipline {
    /// Calls do not disturb each other.
    Unlimited,
    /// A call has a worker for itself, and waits for one in order of arrival.
    Fifo,
    /// All calls run, each at the rate min(1, workers / calls).
    Sharing,
}

/// A candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Model {
    pub(super) discipline: Discipline,
    /// At least 1; without meaning for `unlimited`.
    pub(super) workers: u32,
    /// Nanoseconds that a call waits before the queue, beside it.
    pub(super) outside: f64,
}

impl Model {
    pub(super) const UNLIMITED: Self = Self { discipline: Discipline::Unlimited, workers: 1, outside: 0.0 };

    pub(super) fn same_station(self, other: Self) -> bool {
        self.discipline == other.discipline
            && (self.workers == other.workers || self.discipline == Discipline::Unlimited)
    }

    /// Offered work by capacity, of calls of a mean demand in seconds.
    pub(super) fn utilization(self, per_second: f64, mean_demand: f64) -> Option<f64> {
        (self.discipline != Discipline::Unlimited).then(|| per_second * mean_demand / f64::from(self.workers))
    }

    /// The demands of all calls, in nanoseconds; those of a wrong model can be negative.
    pub(super) fn demands(self, work: &Workload, demands: &mut Vec<f64>) {
        demands.clear();
        match self.discipline {
            Discipline::Unlimited => {
                demands.extend(
                    work.arrivals.iter().zip(&work.finishes).map(|(arrival, finish)| finish - arrival - self.outside),
                );
            }
            Discipline::Fifo => self.fifo(work, demands),
            Discipline::Sharing => self.sharing(work, demands),
        }
    }

    fn fifo(self, work: &Workload, demands: &mut Vec<f64>) {
        let mut free = FreeTimes::new(self.workers);
        for (arrival, finish) in work.arrivals.iter().zip(&work.finishes) {
            demands.push(finish - (arrival + self.outside).max(free.earliest()));
            free.take(*finish);
        }
    }

    fn sharing(self, work: &Workload, demands: &mut Vec<f64>) {
        demands.resize(work.arrivals.len(), 0.0);
        let workers = f64::from(self.workers);
        let (mut virtual_time, mut now, mut present, mut arrived) = (0.0, 0.0, 0i64, 0);
        for call in &work.by_finish {
            let call = *call as usize;
            let finish = work.finishes[call];
            loop {
                let arrival = work.arrivals.get(arrived).map_or(f64::INFINITY, |arrival| arrival + self.outside);
                let next = arrival.min(finish);
                let rate = if present as f64 > workers { workers / present as f64 } else { 1.0 };
                virtual_time += (next - now) * rate;
                now = next;
                if arrival > finish {
                    break;
                }
                demands[arrived] -= virtual_time;
                arrived += 1;
                present += 1;
            }
            demands[call] += virtual_time;
            present -= 1;
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.discipline {
            Discipline::Unlimited => write!(out, "unlimited"),
            Discipline::Fifo => write!(out, "fifo({})", self.workers),
            Discipline::Sharing => write!(out, "sharing({})", self.workers),
        }
    }
}

/// When each of c workers is free, the earliest first: a binary heap whose root is replaced.
pub(super) struct FreeTimes {
    times: Vec<f64>,
}

impl FreeTimes {
    pub(super) fn new(workers: u32) -> Self {
        Self { times: vec![0.0; workers.max(1) as usize] }
    }

    pub(super) fn earliest(&self) -> f64 {
        self.times[0]
    }

    /// Gives the earliest free worker a call that ends at `finish`.
    pub(super) fn take(&mut self, finish: f64) {
        let mut hole = 0;
        loop {
            let left = 2 * hole + 1;
            if left >= self.times.len() {
                break;
            }
            let right = left + 1;
            let child = if right < self.times.len() && self.times[right] < self.times[left] { right } else { left };
            if self.times[child] >= finish {
                break;
            }
            self.times[hole] = self.times[child];
            hole = child;
        }
        self.times[hole] = finish;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::trace::{Observation, Trace};
    use super::*;
    use rand::RngExt as _;
    use standin_model::draws::Draws;
    use standin_model::station::{Queue, SimTime, simulate};

    /// What the station was given comes back: the inversion is exact for the true model, whatever else it is.
    #[test]
    fn the_true_model_gives_back_every_demand() {
        for (discipline, workers) in
            [(Discipline::Unlimited, 1), (Discipline::Fifo, 1), (Discipline::Fifo, 7), (Discipline::Sharing, 3)]
        {
            let outside = Duration::from_micros(700);
            let mut rng = Draws::new(7).at(1, u64::from(workers));
            let mut now = 0;
            let calls: Vec<(u64, Duration)> = (0..2_000)
                .map(|_| {
                    now += rng.random_range(0..6_000_000 / u64::from(workers));
                    (now, Duration::from_nanos(rng.random_range(1_000..5_000_000)))
                })
                .collect();
            let station = super::super::simulation::capacity(discipline, workers, Queue::Unbounded);
            let entered = calls.iter().map(|(at, demand)| (SimTime::from_nanos(*at) + outside, *demand));
            let observe = |((at, _), finish): (&(u64, Duration), Option<SimTime>)| {
                let finish = finish.expect("the queue has no bound").nanos();
                Observation { operation: 0, arrival: *at, finish, status: 200, bytes: None, in_flight: 0 }
            };
            let calls_seen = calls.iter().zip(simulate(station, entered)).map(observe).collect();
            let trace = Trace { operations: vec!["GET /".to_owned()], calls: calls_seen, ..Trace::default() };
            let (work, _) = Workload::new(&[trace], |_, operation| operation);
            let mut demands = Vec::new();
            Model { discipline, workers, outside: outside.as_nanos() as f64 }.demands(&work, &mut demands);
            for (recovered, (_, demand)) in demands.iter().zip(&calls) {
                // a sharing station rounds each finish to a nanosecond
                assert!((recovered - demand.as_nanos() as f64).abs() < 5.0, "{discipline:?} {recovered} {demand:?}");
            }
        }
    }
}
