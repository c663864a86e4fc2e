//! Single-station models: a queueing discipline, a number of workers, and a fixed latency outside
//! the queue; and the inversion that recovers from arrivals and finishes what each call would have
//! demanded if the model were true.
//!
//! Both inversions are exact and assume no distribution. For `fifo` a call starts when it arrives
//! or when the earliest of c workers is free. For `sharing` it runs at rate min(1, c/n) while n
//! calls are inside, so its demand is the growth of virtual time between its arrival and its
//! finish.

use std::fmt;

use serde::Serialize;

use crate::fit::prepare::workload::Workload;

/// Queueing discipline: how calls share the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum QueueDiscipline {
    /// Calls do not delay each other.
    Unlimited,
    /// Each call occupies one worker; calls wait for a worker in order of arrival.
    Fifo,
    /// Processor sharing: all calls run, each at the rate min(1, workers / calls).
    Sharing,
}

/// A model with a single station.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StationModel {
    pub(crate) discipline: QueueDiscipline,
    /// Number of workers, at least 1; without meaning for `unlimited`.
    pub(crate) workers: u32,
    /// Latency of each call before it enters the queue, in nanoseconds.
    pub(crate) outside: f64,
}

impl StationModel {
    pub(crate) const UNLIMITED: Self = Self { discipline: QueueDiscipline::Unlimited, workers: 1, outside: 0.0 };

    /// Returns true if calls wait for a worker of their own, in order of arrival.
    pub(crate) fn is_fifo(self) -> bool {
        self.discipline == QueueDiscipline::Fifo
    }

    pub(crate) fn same_station(self, other: Self) -> bool {
        self.discipline == other.discipline
            && (self.workers == other.workers || self.discipline == QueueDiscipline::Unlimited)
    }

    /// Returns the utilization at an arrival rate, for a mean demand in seconds; `None` without a
    /// queue.
    pub(crate) fn utilization(self, per_second: f64, mean_demand: f64) -> Option<f64> {
        (self.discipline != QueueDiscipline::Unlimited).then(|| per_second * mean_demand / f64::from(self.workers))
    }

    /// Writes the recovered demands of all calls to `demands`, in nanoseconds. Those of a wrong
    /// model can be negative.
    pub(crate) fn demands(self, work: &Workload, demands: &mut Vec<f64>) {
        demands.clear();
        match self.discipline {
            QueueDiscipline::Unlimited => {
                demands.extend(
                    work.arrivals.iter().zip(&work.finishes).map(|(arrival, finish)| finish - arrival - self.outside),
                );
            }
            QueueDiscipline::Fifo => self.fifo(work, demands),
            QueueDiscipline::Sharing => self.sharing(work, demands),
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

impl fmt::Display for StationModel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.discipline {
            QueueDiscipline::Unlimited => write!(out, "unlimited"),
            QueueDiscipline::Fifo => write!(out, "fifo({})", self.workers),
            QueueDiscipline::Sharing => write!(out, "sharing({})", self.workers),
        }
    }
}

/// Times at which each of c workers is free: a binary min-heap whose root is replaced.
pub(crate) struct FreeTimes {
    times: Vec<f64>,
}

impl FreeTimes {
    pub(crate) fn new(workers: u32) -> Self {
        Self { times: vec![0.0; workers.max(1) as usize] }
    }

    pub(crate) fn earliest(&self) -> f64 {
        self.times[0]
    }

    /// Gives the earliest free worker a call that ends at `finish`.
    pub(crate) fn take(&mut self, finish: f64) {
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

    use super::*;
    use crate::fit::prepare::trace::{Observation, Trace};
    use rand::RngExt as _;
    use standin_model::draws::Draws;
    use standin_model::station::{Queue, SimTime, simulate};

    /// The inversion is exact for the true model: it returns the demands that the station was
    /// given.
    #[test]
    fn the_true_model_gives_back_every_demand() {
        for (discipline, workers) in [
            (QueueDiscipline::Unlimited, 1),
            (QueueDiscipline::Fifo, 1),
            (QueueDiscipline::Fifo, 7),
            (QueueDiscipline::Sharing, 3),
        ] {
            let outside = Duration::from_micros(700);
            let mut rng = Draws::new(7).at(1, u64::from(workers));
            let mut now = 0;
            let calls: Vec<(u64, Duration)> = (0..2_000)
                .map(|_| {
                    now += rng.random_range(0..6_000_000 / u64::from(workers));
                    (now, Duration::from_nanos(rng.random_range(1_000..5_000_000)))
                })
                .collect();
            let station = crate::fit::simulation::capacity(discipline, workers, Queue::Unbounded);
            let entered = calls.iter().map(|(at, demand)| (SimTime::from_nanos(*at) + outside, *demand));
            let observe = |((at, _), finish): (&(u64, Duration), Option<SimTime>)| {
                let finish = finish.expect("the queue has no bound").nanos();
                Observation { operation: 0, arrival: *at, finish, status: 200, bytes: None, in_flight: 0 }
            };
            let calls_seen = calls.iter().zip(simulate(station, entered)).map(observe).collect();
            let trace = Trace { operations: vec!["GET /".to_owned()], calls: calls_seen, ..Trace::default() };
            let (work, _) = Workload::new(&[trace], |_, operation| operation);
            let mut demands = Vec::new();
            StationModel { discipline, workers, outside: outside.as_nanos() as f64 }.demands(&work, &mut demands);
            for (recovered, (_, demand)) in demands.iter().zip(&calls) {
                // a sharing station rounds each finish to a nanosecond
                assert!((recovered - demand.as_nanos() as f64).abs() < 5.0, "{discipline:?} {recovered} {demand:?}");
            }
        }
    }
}
