//! Each discipline, compared with a naive simulation, and the admission of calls.

mod abandoned;
mod curved;
mod laws;
mod layered;
mod series;
mod stalled;

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Asserts that the mean of independent runs is `expected`, within four standard errors.
fn assert_mean(runs: &[f64], expected: f64) {
    let count = runs.len() as f64;
    let mean = runs.iter().sum::<f64>() / count;
    let error = (runs.iter().map(|run| (run - mean).powi(2)).sum::<f64>() / (count - 1.0) / count).sqrt();
    assert!((mean - expected).abs() < 4.0 * error && error < 0.05 * expected, "{mean} ± {error}, not {expected}");
}

fn ns(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

fn some(workers: u32) -> NonZeroU32 {
    NonZeroU32::new(workers).expect("above 0")
}

fn fifo(workers: u32, queue: Queue) -> Capacity {
    Capacity::Fifo { workers: some(workers), queue }
}

fn sharing(workers: u32, queue: Queue) -> Capacity {
    Capacity::Sharing { workers: some(workers), queue }
}

/// Arrivals in the order of time, with ties, and demands, with zeros.
fn calls() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let gap = prop_oneof![Just(0u64), 0..20u64, 0..2_000u64];
    let demand = prop_oneof![Just(0u64), Just(100), 0..5_000u64];
    proptest::collection::vec((gap, demand), 0..80).prop_map(|steps| {
        let arrivals = steps.iter().scan(0, |at, (gap, _)| {
            *at += gap;
            Some(*at)
        });
        arrivals.zip(steps.iter().map(|(_, demand)| *demand)).collect()
    })
}

fn queue() -> impl Strategy<Value = Queue> {
    prop_oneof![Just(Queue::Unbounded), (0..6u32).prop_map(Queue::AtMost)]
}

fn run(capacity: Capacity, calls: &[(u64, u64)]) -> Vec<Option<u64>> {
    let calls = calls.iter().map(|(at, demand)| (ns(*at), Duration::from_nanos(*demand)));
    simulate(capacity, calls).into_iter().map(|finish| finish.map(SimTime::nanos)).collect()
}

/// A naive simulation of workers and queue, one event after the other.
#[derive(Default)]
struct NaiveFifo {
    /// Time at which each worker ends its call.
    busy: Vec<Option<u64>>,
    waiting: VecDeque<usize>,
    finishes: Vec<Option<u64>>,
}

impl NaiveFifo {
    fn run(workers: usize, queue: Queue, calls: &[(u64, u64)]) -> Vec<Option<u64>> {
        let mut naive = Self { busy: vec![None; workers], finishes: vec![None; calls.len()], ..Self::default() };
        for (index, (at, _)) in calls.iter().enumerate() {
            naive.depart_until(*at, calls);
            if let Some(idle) = naive.busy.iter().position(Option::is_none) {
                naive.start(index, idle, *at, calls);
            } else if queue.has_room(naive.waiting.len()) {
                naive.waiting.push_back(index);
            }
        }
        naive.depart_until(u64::MAX, calls);
        naive.finishes
    }

    fn start(&mut self, index: usize, worker: usize, at: u64, calls: &[(u64, u64)]) {
        self.busy[worker] = Some(at + calls[index].1);
        self.finishes[index] = self.busy[worker];
    }

    fn depart_until(&mut self, now: u64, calls: &[(u64, u64)]) {
        while let Some((end, worker)) =
            self.busy.iter().enumerate().filter_map(|(worker, end)| Some(((*end)?, worker))).min()
            && end <= now
        {
            self.busy[worker] = None;
            if let Some(next) = self.waiting.pop_front() {
                self.start(next, worker, end, calls);
            }
        }
    }
}

/// Simulates sharing by the remaining work of each call, from event to event. A change of workers
/// is an event too.
fn naive_sharing(workers: u32, changes: &[(u64, u32)], calls: &[(u64, u64)]) -> Vec<f64> {
    let (mut now, mut workers) = (0.0f64, f64::from(workers));
    let mut inside: Vec<(usize, f64)> = Vec::new();
    let mut finishes = vec![0.0; calls.len()];
    let (mut calls, mut changes) = (calls.iter().enumerate().peekable(), changes.iter().peekable());
    loop {
        let rate = (workers / inside.len() as f64).min(1.0);
        let departure = inside.iter().map(|(_, left)| now + left / rate).fold(f64::INFINITY, f64::min);
        let arrival = calls.peek().map_or(f64::INFINITY, |(_, (at, _))| *at as f64);
        let change = changes.peek().map_or(f64::INFINITY, |(at, _)| *at as f64);
        let next = departure.min(arrival).min(change);
        if next.is_infinite() {
            return finishes;
        }
        for (_, left) in &mut inside {
            *left -= (next - now) * rate;
        }
        now = next;
        if departure == next {
            inside.retain(|(index, left)| {
                if *left <= 1e-7 {
                    finishes[*index] = now;
                }
                *left > 1e-7
            });
        } else if change == next {
            workers = changes.next().map_or(workers, |(_, count)| f64::from(*count));
        } else if let Some((index, (_, demand))) = calls.next() {
            inside.push((index, *demand as f64));
        }
    }
}

/// Finishes in the station, asked for as a server does.
fn shared_finishes(workers: u32, changes: &[(u64, u32)], calls: &[(u64, u64)]) -> Vec<SimTime> {
    let mut station = Station::new(sharing(workers, Queue::Unbounded));
    let mut changes = changes.iter().peekable();
    let mut tickets = Vec::new();
    for (at, demand) in calls {
        while let Some((when, workers)) = changes.next_if(|(when, _)| when <= at) {
            station.reconfigure(sharing(*workers, Queue::Unbounded), ns(*when));
        }
        match station.admit(ns(*at), Duration::from_nanos(*demand)) {
            Admission::Shared(job, not_before) => {
                // even alone from now on, it would not take less
                assert!(not_before.since(ns(*at)) >= Duration::from_nanos(*demand));
                tickets.push(job);
            }
            other => panic!("{other:?}"),
        }
    }
    for (when, workers) in changes {
        station.reconfigure(sharing(*workers, Queue::Unbounded), ns(*when));
    }
    tickets.into_iter().map(|job| finish(&mut station, job)).collect()
}

/// Asks until the finish, and asserts that lower bounds never fall.
fn finish(station: &mut Station, job: JobId) -> SimTime {
    let mut now = SimTime::EPOCH;
    loop {
        match station.estimate_finish(job, now) {
            FinishEstimate::Finished(finish) => return finish,
            FinishEstimate::NotBefore(later) => now = later.max(now + Duration::from_nanos(1)),
        }
    }
}

proptest! {
    #[test]
    fn fifo_is_the_naive_simulation(workers in 1..16u32, queue in queue(), calls in calls()) {
        prop_assert_eq!(run(fifo(workers, queue), &calls), NaiveFifo::run(workers as usize, queue, &calls));
    }

    #[test]
    fn unlimited_is_a_worker_for_everybody(calls in calls()) {
        let expected: Vec<_> = calls.iter().map(|(at, demand)| Some(at + demand)).collect();
        prop_assert_eq!(&run(Capacity::Unlimited, &calls), &expected);
        prop_assert_eq!(run(fifo(100, Queue::AtMost(0)), &calls), expected);
    }

    /// Finishes agree to the next whole nanosecond.
    #[test]
    fn sharing_is_the_naive_simulation(
        workers in 1..16u32,
        calls in calls(),
        changes in proptest::collection::vec((0..40_000u64, 1..16u32), 0..4),
    ) {
        let mut changes = changes;
        changes.sort_unstable();
        let expected = naive_sharing(workers, &changes, &calls);
        let finishes = shared_finishes(workers, &changes, &calls);
        for (finish, expected) in finishes.iter().zip(&expected) {
            let late = finish.nanos() as f64 - expected;
            prop_assert!((-1e-3..1.0 + 1e-3).contains(&late), "{late} in {finishes:?} {expected:?}");
        }
        if changes.is_empty() {
            let simulated: Vec<_> = finishes.iter().map(|finish| Some(finish.nanos())).collect();
            prop_assert_eq!(run(sharing(workers, Queue::Unbounded), &calls), simulated);
        }
    }

    /// A shared station admits by the number of calls inside, whose finishes the test above checks.
    #[test]
    fn sharing_overflows_when_it_is_full(workers in 1..5u32, room in 0..5u32, calls in calls()) {
        let finishes = run(sharing(workers, Queue::AtMost(room)), &calls);
        for (index, (at, _)) in calls.iter().enumerate() {
            let inside = finishes[..index].iter().flatten().filter(|finish| *finish > at).count();
            prop_assert_eq!(finishes[index].is_some(), inside < (workers + room) as usize, "call {}", index);
        }
    }

    /// The first bound is the finish if no other call comes, and not after the finish otherwise.
    #[test]
    fn bounds_are_tight_and_only_rise(workers in 1..6u32, calls in calls()) {
        let mut station = Station::new(sharing(workers, Queue::Unbounded));
        let mut bounds = Vec::new();
        for (at, demand) in &calls {
            let Admission::Shared(job, bound) = station.admit(ns(*at), Duration::from_nanos(*demand)) else {
                panic!("there is room")
            };
            let alone = finish(&mut station.clone(), job);
            prop_assert!(alone.nanos().abs_diff(bound.nanos()) <= 1, "{alone:?} {bound:?}");
            bounds.push((job, bound));
        }
        for (job, bound) in bounds {
            prop_assert!(finish(&mut station, job) + Duration::from_nanos(1) >= bound);
        }
    }

    #[test]
    fn no_input_panics(
        steps in proptest::collection::vec((0..4u8, any::<u64>(), any::<u64>(), 1..=u32::MAX, any::<u32>()), 0..60),
    ) {
        let mut station = Station::new(sharing(2, Queue::Unbounded));
        let mut tickets = Vec::new();
        for (kind, at, demand, workers, queue) in steps {
            // covers large and small numbers
            let (at, demand) = (at >> (queue % 64), demand >> (workers % 64));
            if let Admission::Shared(job, _) = station.admit(ns(at), Duration::from_nanos(demand)) {
                tickets.push(job);
            }
            for job in &tickets {
                station.estimate_finish(*job, ns(at));
            }
            prop_assert!(station.in_flight(ns(at)) >= station.waiting(ns(at)));
            let capacity = match kind {
                0 => Capacity::Unlimited,
                1 => fifo(workers, Queue::AtMost(queue)),
                _ => sharing(workers, Queue::Unbounded),
            };
            station.reconfigure(capacity, ns(at));
        }
    }
}

#[test]
fn a_queue_of_none_still_lets_calls_start() {
    let mut station = Station::new(fifo(2, Queue::AtMost(0)));
    let demand = Duration::from_millis(1);
    assert_eq!(station.admit(ns(0), demand), Admission::Due(ns(1_000_000)));
    assert_eq!(station.admit(ns(1), demand), Admission::Due(ns(1_000_001)));
    assert_eq!(station.admit(ns(2), demand), Admission::Overflow);
    assert_eq!((station.in_flight(ns(3)), station.waiting(ns(3))), (2, 0));
    assert_eq!(station.admit(ns(1_000_000), demand), Admission::Due(ns(2_000_000)));
}

#[test]
fn who_waits_is_counted() {
    let mut station = Station::new(fifo(1, Queue::Unbounded));
    for _ in 0..3 {
        station.admit(ns(0), Duration::from_nanos(10));
    }
    for (now, in_flight, waiting) in [(0, 3, 2), (9, 3, 2), (10, 2, 1), (20, 1, 0), (30, 0, 0)] {
        assert_eq!((station.in_flight(ns(now)), station.waiting(ns(now))), (in_flight, waiting), "at {now}");
    }
}

#[test]
fn a_late_arrival_costs_no_more_than_the_disorder() {
    let alone = Duration::from_nanos(100);
    let mut station = Station::new(fifo(2, Queue::Unbounded));
    station.admit(ns(1_000), alone);
    assert_eq!(station.admit(ns(990), alone), Admission::Due(ns(1_090)));
    assert_eq!(station.admit(ns(995), alone), Admission::Due(ns(1_190)));

    let mut station = Station::new(sharing(3, Queue::Unbounded));
    station.admit(ns(1_000), alone);
    for (at, demand, expected) in [(990, 100, 1_090), (900, 100, 1_000), (900, 50, 950), (800, 0, 800)] {
        let Admission::Shared(job, bound) = station.admit(ns(at), Duration::from_nanos(demand)) else {
            panic!("there is room")
        };
        assert_eq!((bound, finish(&mut station, job)), (ns(expected), ns(expected)));
    }
}

#[test]
fn calls_that_nobody_asks_for_leave() {
    let mut station = Station::new(sharing(1, Queue::Unbounded));
    let mut asked = Vec::new();
    for second in 0..100u64 {
        for call in 0..100 {
            let at = ns(second * 1_000_000_000 + call);
            let Admission::Shared(job, _) = station.admit(at, Duration::from_millis(1)) else { panic!("room") };
            asked.push(job);
        }
    }
    let first = asked[0];
    assert!(station.sharing.is_smaller_than(1_200), "those of the last ten seconds");
    let end = ns(200_000_000_000);
    assert_eq!(station.in_flight(end), 0);
    assert!(station.sharing.is_smaller_than(100));
    // an estimate that is asked for too late is too early
    assert_eq!(station.estimate_finish(first, end), FinishEstimate::Finished(ns(1_000_000)));
}
