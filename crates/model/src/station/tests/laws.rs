//! Stations follow the laws of queueing theory, in simulated time, also after a change at run time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::RngExt as _;

use super::super::*;
use crate::draws::Draws;

const MEAN: f64 = 1e6;

fn capacity(shares: bool, workers: u32) -> Capacity {
    let (workers, queue) = (NonZeroU32::new(workers).expect("above 0"), Queue::Unbounded);
    if shares { Capacity::Sharing { workers, queue } } else { Capacity::Fifo { workers, queue } }
}

/// Poisson arrivals at a share of the capacity, with demands of a distribution with this mean.
fn poisson(load: f64, workers: u32, demand: impl Fn(f64) -> f64, seed: u64) -> Vec<(SimTime, Duration)> {
    let rate = load * f64::from(workers) / MEAN;
    let mut at = 0.0;
    (0..CALLS)
        .map(|call| {
            let mut stream = Draws::new(seed).at(1, call);
            at += -(1.0 - stream.random::<f64>()).ln() / rate;
            (SimTime::from_nanos(at as u64), Duration::from_nanos(demand(stream.random()) as u64))
        })
        .collect()
}

fn exponential(uniform: f64) -> f64 {
    -(1.0 - uniform).ln() * MEAN
}

/// The mean time in the station and its standard error, by the means of 40 batches.
fn mean_time(capacity: Capacity, calls: &[(SimTime, Duration)]) -> (f64, f64) {
    let finishes = simulate(capacity, calls.iter().copied());
    let times = calls.iter().zip(finishes).map(|((at, _), finish)| finish.expect("no overflow").since(*at));
    let times: Vec<_> = times.map(|time| time.as_nanos() as f64).skip(calls.len() / 20).collect();
    let batches: Vec<_> =
        times.chunks(times.len() / 40).take(40).map(|batch| batch.iter().sum::<f64>() / batch.len() as f64).collect();
    let mean = batches.iter().sum::<f64>() / 40.0;
    let variance = batches.iter().map(|batch| (batch - mean).powi(2)).sum::<f64>() / 39.0;
    (mean, (variance / 40.0).sqrt())
}

/// The mean time in M/M/c, in mean demands (Erlang's C formula, by the recursion of his B formula).
fn erlang(workers: u32, load: f64) -> f64 {
    let offered = load * f64::from(workers);
    let blocked = (1..=workers).fold(1.0, |blocked, c| offered * blocked / (f64::from(c) + offered * blocked));
    let waits = blocked / (1.0 - load * (1.0 - blocked));
    1.0 + waits / (f64::from(workers) * (1.0 - load))
}

#[test]
fn mean_times_are_those_of_theory() {
    for (shares, workers, load) in [
        (false, 1, 0.5),
        (false, 1, 0.8),
        (false, 4, 0.5),
        (false, 4, 0.8),
        (false, 16, 0.8),
        // with exponential demands, sharing has as many calls inside as a queue, and so the same
        // mean time
        (true, 1, 0.5),
        (true, 1, 0.8),
        (true, 4, 0.5),
        (true, 4, 0.8),
    ] {
        let calls = poisson(load, workers, exponential, 7);
        let (mean, error) = mean_time(capacity(shares, workers), &calls);
        let expected = erlang(workers, load) * MEAN;
        assert!((mean - expected).abs() < 4.0 * error, "{shares} {workers} {load}: {mean} ± {error}, not {expected}");
        assert!(error < 0.03 * expected, "the run is too short to tell: {error} of {expected}");
    }
}

/// Shared workers make the mean time independent of how demands are distributed (Kelly,
/// *Reversibility and stochastic networks*, 1979); in a queue, constant demands halve the wait
/// (Pollaczek and Khinchine).
#[test]
fn constant_demands_matter_in_a_queue_and_not_where_workers_are_shared() {
    let calls = poisson(0.8, 1, |_| MEAN, 11);
    for (shares, expected) in [(false, 1.0 + 0.5 * 4.0), (true, 5.0)] {
        let (mean, error) = mean_time(capacity(shares, 1), &calls);
        assert!((mean - expected * MEAN).abs() < 4.0 * error, "{shares}: {mean} ± {error}");
    }
}

/// Little's law: the mean number inside is the rate of arrivals times the mean time inside.
#[test]
fn the_count_inside_follows_littles_law() {
    for shares in [false, true] {
        let capacity = capacity(shares, 4);
        let calls = poisson(0.8, 4, exponential, 13);
        let total: f64 = simulate(capacity.clone(), calls.iter().copied())
            .into_iter()
            .zip(&calls)
            .map(|(finish, (at, _))| finish.expect("no overflow").since(*at).as_secs_f64())
            .sum();
        let length = calls[calls.len() - 1].0.since_epoch().as_secs_f64();
        let mut station = Station::new(capacity);
        let (mut samples, mut inside, mut next) = (0u64, 0, SimTime::EPOCH);
        for (at, demand) in calls {
            while next <= at {
                inside += station.in_flight(next);
                samples += 1;
                next = next + Duration::from_nanos(MEAN as u64 / 10);
            }
            station.admit(at, demand);
        }
        let (counted, expected) = (inside as f64 / samples as f64, total / length);
        assert!((counted / expected - 1.0).abs() < 0.01, "{shares}: {counted}, not {expected}");
    }
}

/// With ten thousand calls inside, each is asked for a few times, not at each arrival or departure.
#[test]
fn a_crowd_is_asked_for_a_few_times_a_call() {
    let mut station = Station::new(capacity(true, 4));
    let mut timers = BinaryHeap::new();
    let mut tickets = Vec::new();
    let (mut asks, mut most) = (0, 0);
    for call in 0..20_000u64 {
        let at = SimTime::from_nanos(call * 200_000);
        while let Some(Reverse((due, call))) = timers.peek().copied()
            && due < at
        {
            timers.pop();
            asks += 1;
            if let FinishEstimate::NotBefore(later) = station.estimate_finish(tickets[call as usize], due) {
                timers.push(Reverse((later.max(due + Duration::from_nanos(1)), call)));
            }
        }
        let demand = Duration::from_nanos(exponential(Draws::new(3).at(1, call).random()) as u64 * 2);
        let Admission::Shared(job, bound) = station.admit(at, demand) else { panic!("there is room") };
        tickets.push(job);
        timers.push(Reverse((bound, call)));
        most = most.max(station.in_flight(at));
    }
    assert!(most > 10_000, "{most}");
    assert!(asks < 10 * tickets.len(), "{asks}");
}

#[test]
fn removed_workers_leave_when_they_are_next_free_and_added_ones_are_free_now() {
    let ms = |millis: u64| SimTime::from_nanos(millis * 1_000_000);
    let demand = Duration::from_millis(10);
    let mut station = Station::new(capacity(false, 2));
    for expected in [10, 10, 20, 20] {
        assert_eq!(station.admit(ms(0), demand), Admission::Due(ms(expected)));
    }
    station.reconfigure(capacity(false, 3), ms(5));
    assert_eq!(station.admit(ms(5), demand), Admission::Due(ms(15)), "the added one is free");
    station.reconfigure(capacity(false, 1), ms(6));
    assert_eq!(station.in_flight(ms(6)), 5, "nobody is sent away");
    assert_eq!(station.admit(ms(6), demand), Admission::Due(ms(30)), "the last worker is free at 20 ms");
    assert_eq!(station.admit(ms(40), demand), Admission::Due(ms(50)));
    assert_eq!(station.admit(ms(40), demand), Admission::Due(ms(60)));
}

#[test]
fn calls_finish_under_the_discipline_that_they_came_under() {
    let ms = |millis: u64| SimTime::from_nanos(millis * 1_000_000);
    let demand = Duration::from_millis(10);
    let mut station = Station::new(capacity(true, 1));
    let Admission::Shared(job, bound) = station.admit(ms(0), demand) else { panic!("there is room") };
    station.reconfigure(capacity(false, 1), ms(5));
    assert_eq!(station.admit(ms(5), demand), Admission::Due(ms(15)));
    assert_eq!(station.in_flight(ms(6)), 2);
    assert_eq!(station.estimate_finish(job, bound), FinishEstimate::Finished(ms(10)));
    station.reconfigure(Capacity::Unlimited, ms(12));
    assert_eq!(station.admit(ms(12), demand), Admission::Due(ms(22)));
    assert_eq!((station.in_flight(ms(14)), station.in_flight(ms(15)), station.in_flight(ms(22))), (2, 1, 0));
}

/// Setting the same capacity again changes nothing.
#[test]
fn reconfiguring_to_the_same_is_nothing() {
    for shares in [false, true] {
        let capacity = capacity(shares, 3);
        let calls = poisson(0.9, 3, exponential, 19);
        let run = |often: bool| {
            let mut station = Station::new(capacity.clone());
            let mut due = Vec::new();
            for (at, demand) in &calls[..5_000] {
                if often {
                    station.reconfigure(capacity.clone(), *at);
                }
                due.push(match station.admit(*at, *demand) {
                    Admission::Due(due) | Admission::Shared(_, due) => due,
                    Admission::Overflow => panic!("there is room"),
                });
            }
            due
        };
        for (plain, reconfigured) in run(false).into_iter().zip(run(true)) {
            assert!(plain.nanos().abs_diff(reconfigured.nanos()) <= 1);
        }
    }
}

const CALLS: u64 = 150_000;
