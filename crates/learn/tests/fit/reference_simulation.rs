//! Services whose model is known: a plain event simulation that shares no code with the one under
//! test.

use std::collections::VecDeque;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Exp1, LogNormal};
use standin_learn::fit::{Observation, Trace};

/// Discipline of a station, with its number of workers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Station {
    Unlimited,
    Fifo(usize),
    Sharing(usize),
    /// Calls a second by the number of calls inside.
    Curve(&'static [(usize, f64)]),
}

/// Returns the latencies, in seconds, of calls with arrivals (ascending) and demands.
///
/// Work is done in steps between events; a call without remaining work leaves.
pub(crate) fn serve(station: Station, arrivals: &[f64], demands: &[f64]) -> Vec<f64> {
    let mut finishes = vec![0.0; arrivals.len()];
    let mut present: VecDeque<(usize, f64)> = VecDeque::new();
    let (mut now, mut next) = (0.0, 0);
    while next < arrivals.len() || !present.is_empty() {
        let rate = |place: usize| match station {
            Station::Unlimited => 1.0,
            Station::Fifo(workers) => f64::from(u8::from(place < workers)),
            Station::Sharing(workers) => (workers as f64 / present.len() as f64).min(1.0),
            Station::Curve(rates) => together(rates, present.len()) / rates[0].1 / present.len() as f64,
        };
        let first = present
            .iter()
            .enumerate()
            .filter(|(place, _)| rate(*place) > 0.0)
            .map(|(place, (_, left))| (left / rate(place), place))
            .min_by(|one, other| one.0.total_cmp(&other.0));
        let until_arrival = arrivals.get(next).map_or(f64::INFINITY, |arrival| arrival - now);
        let step = first.map_or(f64::INFINITY, |(left, _)| left).min(until_arrival);
        let rates: Vec<f64> = (0..present.len()).map(rate).collect();
        for ((_, left), rate) in present.iter_mut().zip(rates) {
            *left -= step * rate;
        }
        now += step;
        if step == until_arrival {
            present.push_back((next, demands[next]));
            next += 1;
        } else if let Some((_, place)) = first {
            let (call, _) = present.remove(place).expect("found above");
            finishes[call] = now;
        }
    }
    finishes.iter().zip(arrivals).map(|(finish, arrival)| finish - arrival).collect()
}

/// Returns the rate with `inside` calls: linear between the given populations, constant beyond.
pub(crate) fn together(rates: &[(usize, f64)], inside: usize) -> f64 {
    let Some(above) = rates.iter().position(|(population, _)| *population >= inside) else {
        return rates[rates.len() - 1].1;
    };
    let ((few, slower), (many, faster)) = (rates[above.saturating_sub(1)], rates[above]);
    if many == inside { faster } else { slower + (faster - slower) * (inside - few) as f64 / (many - few) as f64 }
}

/// A kind of call: its share of all calls, mean demand in seconds, and coefficient of variation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) share: f64,
    pub(crate) mean: f64,
    pub(crate) cv: f64,
}

/// A service whose properties are all known.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) station: Station,
    pub(crate) kinds: Vec<Kind>,
    /// Latency outside the queue, in seconds.
    pub(crate) outside: f64,
    /// Noise of each time stamp, in seconds: uniform up to this.
    pub(crate) jitter: f64,
}

impl Truth {
    pub(crate) fn new(station: Station, cv: f64) -> Self {
        let kinds = vec![
            Kind { name: "GET /a/{id}", share: 0.7, mean: 0.008, cv },
            Kind { name: "POST /a", share: 0.3, mean: 0.016, cv },
        ];
        Self { station, kinds, outside: 0.0, jitter: 0.0 }
    }

    /// Returns the rate, in calls a second, that keeps `workers` busy.
    pub(crate) fn capacity(&self, workers: usize) -> f64 {
        workers as f64 / self.kinds.iter().map(|kind| kind.share * kind.mean).sum::<f64>()
    }

    /// Draws the kinds and the demands of calls.
    pub(crate) fn demands(&self, calls: usize, rng: &mut StdRng) -> (Vec<u32>, Vec<f64>) {
        (0..calls)
            .map(|_| {
                let mut at = rng.random::<f64>();
                let kind = self.kinds.iter().position(|kind| {
                    at -= kind.share;
                    at < 0.0
                });
                let kind = kind.unwrap_or(0);
                (kind as u32, self.kinds[kind].demand(rng))
            })
            .unzip()
    }

    /// Returns the latencies of calls with these arrivals and demands, including the latency
    /// outside the queue.
    pub(crate) fn latencies(&self, arrivals: &[f64], demands: &[f64]) -> Vec<f64> {
        serve(self.station, arrivals, demands).into_iter().map(|latency| latency + self.outside).collect()
    }

    /// Returns a recording.
    pub(crate) fn trace(&self, arrivals: &[f64], seed: u64) -> Trace {
        let mut rng = StdRng::seed_from_u64(seed);
        let (kinds, demands) = self.demands(arrivals.len(), &mut rng);
        let latencies = self.latencies(arrivals, &demands);
        self.record(arrivals, &kinds, &latencies, &mut rng)
    }

    pub(crate) fn record(&self, arrivals: &[f64], kinds: &[u32], latencies: &[f64], rng: &mut StdRng) -> Trace {
        let calls = arrivals.iter().zip(kinds).zip(latencies).map(|((arrival, kind), latency)| {
            let mut stamp = |time: f64| ((time + self.jitter * rng.random::<f64>()) * 1e9) as u64;
            let (arrival, finish) = (stamp(*arrival), stamp(arrival + latency));
            Observation { operation: *kind, arrival, finish, status: 200, bytes: None, in_flight: 0 }
        });
        Trace {
            operations: self.kinds.iter().map(|kind| kind.name.to_owned()).collect(),
            calls: calls.collect(),
            exclusive: true,
            transfer: vec![None; self.kinds.len()],
            ..Trace::default()
        }
    }
}

impl Kind {
    pub(crate) fn demand(&self, rng: &mut StdRng) -> f64 {
        if self.cv == 0.0 {
            return self.mean;
        }
        let variance = (1.0 + self.cv * self.cv).ln();
        LogNormal::new(self.mean.ln() - variance / 2.0, variance.sqrt()).expect("a finite deviation").sample(rng)
    }
}

/// Returns Poisson arrivals at successive rates in stretches of equal length.
pub(crate) fn poisson(rates: &[f64], calls: usize, seed: u64) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(seed);
    let length = calls as f64 / rates.iter().sum::<f64>();
    let (mut now, mut arrivals) = (0.0, Vec::with_capacity(calls));
    while let Some(rate) = rates.get((now / length) as usize) {
        let gap: f64 = Exp1.sample(&mut rng);
        now += gap / rate;
        arrivals.push(now);
    }
    arrivals
}

/// Returns arrivals at successive loads, given as shares of a capacity.
pub(crate) fn steps(capacity: f64, shares: &[f64], calls: usize, seed: u64) -> Vec<f64> {
    let rates: Vec<f64> = shares.iter().map(|share| share * capacity).collect();
    poisson(&rates, calls, seed)
}

/// Returns arrivals whose load rises from 20 to 95 % of a capacity.
pub(crate) fn ramp(capacity: f64, calls: usize, seed: u64) -> Vec<f64> {
    let shares: Vec<f64> = (0..=15).map(|step| 0.2 + 0.05 * f64::from(step)).collect();
    steps(capacity, &shares, calls, seed)
}
