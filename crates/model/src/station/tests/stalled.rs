//! Stations with stalls, compared with naive simulations and with queueing theory.

use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::assert_mean;
use standin_stub::delay::{Distribution, Param, ParamValue};

fn ns(nanos: u64) -> SimTime {
    SimTime::from_nanos(nanos)
}

fn uniform(min: u64, max: u64) -> Distribution {
    let param = |name, nanos| Param { name, value: ParamValue::Time(nanos as f64) };
    Distribution::build("uniform", &[param("min", min), param("max", max)]).expect("right")
}

fn exponential(mean: f64) -> Distribution {
    Distribution::build("exponential", &[Param { name: "mean", value: ParamValue::Time(mean) }]).expect("right")
}

fn stalls(interval: Distribution, duration: Distribution) -> StallSchedule {
    StallSchedule { interval, duration, keys: [1, 2] }
}

/// Returns the begin and the end of each stall.
fn list(stalls: &StallSchedule, draws: Draws, until: u64) -> Vec<(u64, u64)> {
    let (mut at, mut list) = (0, Vec::new());
    for k in 0.. {
        let begin = at + stalls.interval.sample(&mut draws.at(1, k)).as_nanos() as u64;
        at = begin + stalls.duration.sample(&mut draws.at(2, k)).as_nanos() as u64;
        list.push((begin, at));
        if at > until {
            break;
        }
    }
    list
}

/// Returns the time before `at` without the stalls.
fn working(list: &[(u64, u64)], at: f64) -> f64 {
    at - list.iter().map(|(begin, end)| (at.min(*end as f64) - *begin as f64).max(0.0)).sum::<f64>()
}

/// Returns the time at which `work` is done that begins at `at`, step by step.
fn after(list: &[(u64, u64)], mut at: u64, mut work: u64) -> u64 {
    for (begin, end) in list.iter().filter(|(begin, end)| begin < end) {
        if *end <= at {
            continue;
        }
        if at < *begin && work < *begin - at {
            break;
        }
        work -= begin.saturating_sub(at);
        at = *end;
    }
    at + work
}

/// Simulates calls that share workers by their remaining work, from event to event. `speed` returns
/// the throughput of a population relative to one call; some calls leave before their work is done.
pub(super) fn naive_shared(
    speed: impl Fn(usize) -> f64,
    list: &[(u64, u64)],
    calls: &[(u64, u64)],
    leaving: &[(u64, usize)],
) -> Vec<f64> {
    let mut leaving = leaving.iter().peekable();
    let (mut now, mut inside, mut finishes) = (0.0f64, Vec::<(usize, f64)>::new(), vec![0.0; calls.len()]);
    let mut calls = calls.iter().enumerate().peekable();
    let mut stalls = list.iter().map(|(begin, end)| (*begin as f64, *end as f64)).peekable();
    loop {
        while stalls.next_if(|(_, end)| *end <= now).is_some() {}
        let (begin, end) = stalls.peek().copied().unwrap_or((f64::INFINITY, f64::INFINITY));
        let stands = begin <= now;
        let rate = if stands { 0.0 } else { speed(inside.len()) / inside.len() as f64 };
        let departure = inside.iter().map(|(_, left)| now + left / rate).fold(f64::INFINITY, f64::min);
        let arrival = calls.peek().map_or(f64::INFINITY, |(_, (at, _))| *at as f64);
        if departure.min(arrival).is_infinite() && inside.is_empty() {
            return finishes;
        }
        let next = departure.min(arrival).min(if stands { end } else { begin });
        let next = leaving.peek().map_or(next, |(at, _)| next.min(*at as f64));
        for (_, left) in &mut inside {
            *left -= (next - now) * rate;
        }
        now = next;
        inside.retain(|(index, left)| {
            if *left <= 1e-7 {
                finishes[*index] = now;
            }
            *left > 1e-7
        });
        while let Some((_, gone)) = leaving.next_if(|(at, _)| *at as f64 <= now) {
            inside.retain(|(index, _)| index != gone);
        }
        while let Some((index, (_, demand))) = calls.next_if(|(_, (at, _))| *at as f64 <= now) {
            inside.push((index, *demand as f64));
        }
    }
}

/// Arrivals in the order of time, with ties, and demands.
pub(super) fn calls() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let gap = prop_oneof![Just(0u64), 0..20u64, 0..2_000u64];
    proptest::collection::vec((gap, 1..5_000u64), 0..60).prop_map(|steps| {
        let mut at = 0;
        let mut arrived = |(gap, demand): (u64, u64)| {
            at += gap;
            (at, demand)
        };
        steps.into_iter().map(&mut arrived).collect()
    })
}

pub(super) fn run(station: &mut Station, calls: &[(u64, u64)]) -> Vec<u64> {
    let calls = calls.iter().map(|(at, demand)| (ns(*at), Duration::from_nanos(*demand)));
    simulate_in(station, calls).into_iter().map(|finish| finish.expect("no overflow").nanos()).collect()
}

proptest! {
    /// A call finishes exactly when `demand` has passed since its start, without the stalls.
    #[test]
    fn unlimited_and_fifo_are_the_naive_simulation(
        workers in 1..6u32,
        unlimited: bool,
        seed: u64,
        // shorter gaps make more stalls than the naive simulation can go through
        (every, last) in (100..4_000u64, 0..1_500u64),
        calls in calls(),
    ) {
        let (plan, draws) = (stalls(uniform(0, every), uniform(0, last)), Draws::new(seed));
        let list = list(&plan, draws, 4_000_000);
        let workers = if unlimited { None } else { NonZeroU32::new(workers) };
        let capacity = workers
            .map_or(Capacity::Unlimited, |workers| Capacity::Fifo { workers, queue: Queue::Unbounded });
        let finishes = run(&mut Station::with_stalls(capacity, plan, draws), &calls);
        let mut free = vec![0; workers.map_or(calls.len(), |workers| workers.get() as usize)];
        for ((at, demand), finish) in calls.iter().zip(finishes) {
            let next = free.iter_mut().min().expect("a worker");
            let start = *next.max(&mut at.clone());
            *next = after(&list, start, *demand);
            prop_assert_eq!(finish, *next, "{} {} {:?}", at, demand, list);
            let worked = working(&list, finish as f64) - working(&list, start as f64);
            prop_assert!((worked - *demand as f64).abs() < 1e-3);
        }
    }

    /// Finishes agree to the next nanosecond of working time.
    #[test]
    fn sharing_is_the_naive_simulation(
        workers in 1..6u32,
        seed: u64,
        // shorter gaps make more stalls than the naive simulation can go through
        (every, last) in (100..4_000u64, 0..1_500u64),
        calls in calls(),
    ) {
        let (plan, draws) = (stalls(uniform(every / 2, every), uniform(0, last)), Draws::new(seed));
        let list = list(&plan, draws, 4_000_000);
        let capacity = Capacity::Sharing { workers: NonZeroU32::new(workers).expect("above 0"), queue: Queue::Unbounded };
        let finishes = run(&mut Station::with_stalls(capacity, plan, draws), &calls);
        let speed = |population: usize| f64::from(workers).min(population as f64);
        let expected = naive_shared(speed, &list, &calls, &[]);
        for (finish, expected) in finishes.iter().zip(&expected) {
            let late = working(&list, *finish as f64) - working(&list, *expected);
            prop_assert!((-1e-3..1.0 + 1e-3).contains(&late), "{late}: {finish} {expected} {list:?}");
        }
    }

    /// Conversions there and back agree, in any order, and memory stays bounded.
    #[test]
    fn no_input_panics(
        steps in proptest::collection::vec((any::<u64>(), any::<u64>(), 0..64u32, 0..5u8), 1..30),
        every in 0..3u64,
    ) {
        let plan = stalls(Distribution::fixed(Duration::from_nanos(every)), uniform(0, 1 << 40));
        let mut station = Station::with_stalls(Capacity::Unlimited, plan.clone(), Draws::new(1));
        for (at, demand, shift, kind) in steps {
            let (at, demand) = (ns(at >> shift), Duration::from_nanos(demand >> (63 - shift)));
            if let Admission::Due(finish) = station.admit(at, demand) {
                prop_assert!(finish >= at || at.nanos() < u64::MAX >> 1);
            }
            station.stalled_until(at);
            match kind {
                0 => station.set_stalls(None, at),
                1 => station.set_stalls(Some((plan.clone(), Draws::new(2))), at),
                _ => {}
            }
        }
    }
}

/// A server that breaks down and is repaired, both after exponential times (White and Christie,
/// *Queuing with preemptive priorities or with breakdown*, Operations Research 1958).
#[test]
fn the_mean_time_is_that_of_theory() {
    let (demand, gap, length, load) = (1e6_f64, 2e7_f64, 4e6_f64, 0.6);
    let (mu, xi, eta) = (1.0 / demand, 1.0 / gap, 1.0 / length);
    let lambda = load * mu;
    let expected = ((xi + eta).powi(2) + xi * mu) / ((xi + eta) * (eta * mu - lambda * (xi + eta)));
    let capacity = Capacity::Fifo { workers: NonZeroU32::MIN, queue: Queue::Unbounded };
    let mut means = Vec::new();
    for seed in 0..20 {
        let mut at = 0.0;
        let calls: Vec<_> = (0..20_000)
            .map(|call| {
                let mut stream = Draws::new(seed).at(9, call);
                at += -(1.0 - stream.random::<f64>()).ln() / lambda;
                (at as u64, (-(1.0 - stream.random::<f64>()).ln() * demand) as u64)
            })
            .collect();
        let plan = stalls(exponential(gap), exponential(length));
        let finishes = run(&mut Station::with_stalls(capacity.clone(), plan, Draws::new(seed)), &calls);
        let times: f64 = calls.iter().zip(finishes).map(|((at, _), finish)| (finish - at) as f64).sum();
        means.push(times / calls.len() as f64);
    }
    assert_mean(&means, expected);
}

#[test]
fn a_schedule_is_remembered_for_a_while_and_no_longer() {
    let second = 1_000_000_000;
    let plan = stalls(Distribution::fixed(Duration::from_millis(9)), Distribution::fixed(Duration::from_millis(1)));
    let mut clock = StallClock::new(plan, Draws::new(1));
    for step in 0..300 {
        assert_eq!(clock.convert_to_working_time(ns(step * second)).nanos(), step * second / 10 * 9);
        let early = step.saturating_sub(50) * second;
        assert_eq!(clock.convert_to_working_time(ns(early)).nanos(), early / 10 * 9, "late ones are mapped as before");
    }
    assert!(clock.remembered() < 6_100);
    // after a day the exact schedule is lost, and the conversion costs little
    let day = ns(86_400 * second);
    let then = clock.convert_to_working_time(day);
    assert!(clock.convert_to_real_time(then + Duration::from_millis(100)) > day + Duration::from_millis(109));
    assert_eq!(plan_share(), Some(0.1));
}

fn plan_share() -> Option<f64> {
    let (every, last) = (Duration::from_millis(9), Duration::from_millis(1));
    stalls(Distribution::fixed(every), Distribution::fixed(last)).share()
}

#[test]
fn what_stands_still_takes_calls_in_and_finishes_none() {
    let ms = |millis: u64| ns(millis * 1_000_000);
    let plan = stalls(Distribution::fixed(Duration::from_millis(100)), Distribution::fixed(Duration::from_millis(50)));
    let capacity = Capacity::Fifo { workers: NonZeroU32::MIN, queue: Queue::AtMost(1) };
    let mut station = Station::with_stalls(capacity, plan.clone(), Draws::new(1));
    let demand = Duration::from_millis(10);
    assert_eq!(station.admit(ms(95), demand), Admission::Due(ms(155)));
    assert_eq!(station.stalled_until(ms(99)), None);
    assert_eq!(station.stalled_until(ms(100)), Some(ms(150)));
    assert_eq!(station.admit(ms(120), demand), Admission::Due(ms(165)));
    assert_eq!(station.admit(ms(130), demand), Admission::Overflow, "nothing leaves the queue meanwhile");
    assert_eq!((station.in_flight(ms(149)), station.waiting(ms(149))), (2, 1));
    assert_eq!(station.stalled_until(ms(150)), None);
    // without stalls from now on, and with them again
    station.set_stalls(None, ms(160));
    assert_eq!(station.admit(ms(240), demand), Admission::Due(ms(250)));
    station.set_stalls(Some((plan, Draws::new(1))), ms(300));
    assert_eq!(station.admit(ms(395), demand), Admission::Due(ms(455)));
}
