//! Stations with a measured curve, compared with `sharing`, a naive simulation and queueing theory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use proptest::prelude::*;

use super::super::*;
use super::assert_mean;
use super::stalled::{calls, naive_shared, run};

fn curve(rates: &[(u32, f64)]) -> RateCurve {
    RateCurve::new(rates.iter().copied()).expect("a curve")
}

fn unbounded(curve: RateCurve) -> Capacity {
    Capacity::Curve { curve, queue: Queue::Unbounded }
}

/// Rates that rise less than a straight line, or fall.
fn curves() -> impl Strategy<Value = RateCurve> {
    (0.01..1e4f64, proptest::collection::vec((1..30u32, 0.0..1.0f64), 0..6)).prop_map(|(first, steps)| {
        let mut rates = vec![(1, first)];
        for (gap, part) in steps {
            let (few, rate) = rates[rates.len() - 1];
            let many = few + gap;
            rates.push((many, rate * (0.2 + part * (f64::from(many) / f64::from(few) - 0.2))));
        }
        curve(&rates)
    })
}

/// Nanoseconds of virtual time that are lost by rounding.
const TICKS: f64 = 3.0;

proptest! {
    #[test]
    fn the_curve_of_sharing_is_sharing(workers in 1..16u32, rate in 0.01..1e3f64, calls in calls()) {
        let capacity = Capacity::Sharing { workers: NonZeroU32::new(workers).expect("above 0"), queue: Queue::Unbounded };
        let line = [1, workers].map(|population| (population, f64::from(population) * rate));
        let same = unbounded(curve(&line[..if workers == 1 { 1 } else { 2 }]));
        let (one, other) = (run(&mut Station::new(capacity), &calls), run(&mut Station::new(same), &calls));
        for (one, other) in one.into_iter().zip(other) {
            prop_assert!(one.abs_diff(other) <= 1, "{one} {other}");
        }
    }

    /// Finishes agree to the next whole nanosecond.
    #[test]
    fn a_curve_is_the_naive_simulation(curve in curves(), calls in calls()) {
        let rate = |population: usize| curve.speed(population) as f64 / curve.speed(1) as f64;
        let expected = naive_shared(rate, &[], &calls, &[]);
        let finishes = run(&mut Station::new(unbounded(curve.clone())), &calls);
        for (finish, expected) in finishes.iter().zip(&expected) {
            let late = *finish as f64 - expected;
            prop_assert!((-1e-2..1.0 + 1e-2).contains(&late), "{late}: {finish} {expected} {curve:?}");
        }
    }

    /// Bounds are never after the finish, and close to it if no other call comes.
    #[test]
    fn bounds_are_bounds_and_close(curve in curves(), calls in calls()) {
        let mut station = Station::new(unbounded(curve.clone()));
        let speed = |population: usize| curve.speed(population) as f64 / curve.speed(1) as f64 / population as f64;
        let ticks = TICKS / (1..=calls.len()).map(speed).fold(1.0, f64::min);
        for (at, demand) in &calls {
            let at = SimTime::from_nanos(*at);
            let Admission::Shared(job, bound) = station.admit(at, Duration::from_nanos(*demand)) else {
                panic!("there is room")
            };
            let mut alone = station.clone();
            let mut asked = vec![bound];
            let finish = loop {
                let now = asked[asked.len() - 1];
                match alone.estimate_finish(job, now) {
                    FinishEstimate::Finished(finish) => break finish,
                    FinishEstimate::NotBefore(later) => asked.push(later.max(now + Duration::from_nanos(1))),
                }
            };
            // the tolerance is a nanosecond, and the rounding of very low speeds
            let rounding = 1.0 + finish.since(at).as_nanos() as f64 * 2e-8;
            prop_assert!(bound.since(finish).as_nanos() as f64 <= rounding, "{bound:?} {finish:?} {curve:?}");
            prop_assert!(finish.since(bound).as_nanos() as f64 <= 2.0 + finish.since(at).as_nanos() as f64 * 1e-2);
            // each estimate covers at least a third of the rest, except for the last nanoseconds
            for pair in asked.windows(2) {
                let [before, after] = [pair[0], pair[1]].map(|at| finish.since(at).as_nanos() as f64);
                prop_assert!(after <= (before * 2.0 / 3.0).max(ticks), "{before} {after} of {finish:?}, {curve:?}");
            }
        }
    }

    /// mu_k(n) = k mu(n / k) at every population, in calls a second: both the curve and the time
    /// alone are scaled.
    #[test]
    fn scaling_multiplies_the_populations(curve in curves(), factor in 0.05..20f64) {
        let (scaled, slowing) = curve.scaled(factor);
        let rate = |population: f64| {
            let rates = curve.rates();
            let after = rates.iter().position(|(given, _)| f64::from(*given) > population);
            match after {
                Some(0) => rates[0].1 * population,
                Some(after) => {
                    let ((few, slower), (many, faster)) = (rates[after - 1], rates[after]);
                    slower + (faster - slower) * (population - f64::from(few)) / f64::from(many - few)
                }
                None => rates[rates.len() - 1].1,
            }
        };
        prop_assert!(slowing >= 1.0 - 1e-9);
        for population in (1..40u32).chain([200, 3_000]) {
            let expected = factor * rate(f64::from(population) / factor);
            let served = scaled.speed(population as usize) as f64 / scaled.speed(1) as f64 * curve.rates()[0].1 / slowing;
            prop_assert!((served / expected - 1.0).abs() < 1e-6, "{population}: {served}, not {expected}");
        }
    }
}

#[test]
fn what_is_no_curve_is_refused() {
    for (rates, expected) in [
        (vec![], RateCurveError::NotFromOne),
        (vec![(2, 1.0)], RateCurveError::NotFromOne),
        (vec![(1, 0.0)], RateCurveError::NoRate(1)),
        (vec![(1, 1.0), (3, f64::NAN)], RateCurveError::NoRate(3)),
        (vec![(1, 1.0), (1, 1.0)], RateCurveError::OutOfOrder(1)),
        (vec![(1, 1.0), (4, 4.0), (3, 3.0)], RateCurveError::OutOfOrder(3)),
        (vec![(1, 1.0), (2, 1.5), (4, 3.1)], RateCurveError::Faster { many: 4, few: 2 }),
    ] {
        assert_eq!(RateCurve::new(rates), Err(expected));
    }
    assert_eq!(curve(&[(1, 40.0), (2, 78.0), (4, 130.0), (8, 120.0)]).max_population(), 8);
}

/// One call arrives after another at rates that depend on how many there are (a birth and death
/// process; Kleinrock, *Queueing Systems I*, 1975, section 3.1): the shares of time at each
/// population follow from the rates, and the mean time from Little.
#[test]
fn the_mean_time_is_that_of_theory() {
    let rates = [(1, 1_000.0), (2, 1_700.0), (4, 2_600.0), (8, 2_400.0)];
    let curve = curve(&rates);
    let (arrivals, demand) = (1_900.0, 1e6);
    let (mut weight, mut total, mut inside) = (1.0, 1.0, 0.0);
    for population in 1..2_000 {
        weight *= arrivals / (1_000.0 * curve.speed(population) as f64 / curve.speed(1) as f64);
        total += weight;
        inside += weight * population as f64;
    }
    let expected = inside / total / arrivals * 1e9;
    let mut means = Vec::new();
    for seed in 0..20 {
        let mut at = 0.0;
        let calls: Vec<_> = (0..15_000)
            .map(|call| {
                let mut stream = Draws::new(seed).at(9, call);
                let mut exponential = |mean: f64| -(1.0 - stream.random::<f64>()).ln() * mean;
                at += exponential(1e9 / arrivals);
                (at as u64, exponential(demand) as u64)
            })
            .collect();
        let finishes = run(&mut Station::new(unbounded(curve.clone())), &calls);
        let times: f64 = calls.iter().zip(finishes).map(|((at, _), finish)| (finish - at) as f64).sum();
        means.push(times / calls.len() as f64);
    }
    assert_mean(&means, expected);
}

/// With ten thousand calls inside, each is asked for a few times.
#[test]
fn a_crowd_is_asked_for_a_few_times_a_call() {
    let mut station = Station::new(unbounded(curve(&[(1, 1.0), (16, 6.0), (3_000, 8.0), (20_000, 7.0)])));
    let mut timers = BinaryHeap::new();
    let mut tickets = Vec::new();
    let (mut asks, mut most) = (0, 0);
    for call in 0..20_000u64 {
        let at = SimTime::from_nanos(call * 100_000);
        while let Some(Reverse((due, call))) = timers.peek().copied()
            && due < at
        {
            timers.pop();
            asks += 1;
            if let FinishEstimate::NotBefore(later) = station.estimate_finish(tickets[call as usize], due) {
                timers.push(Reverse((later.max(due + Duration::from_nanos(1)), call)));
            }
        }
        let demand = Duration::from_nanos((-(1.0 - Draws::new(3).at(1, call).random::<f64>()).ln() * 2e6) as u64);
        let Admission::Shared(job, bound) = station.admit(at, demand) else { panic!("there is room") };
        tickets.push(job);
        timers.push(Reverse((bound, call)));
        most = most.max(station.in_flight(at));
    }
    assert!(most > 10_000, "{most}");
    assert!(asks < 10 * tickets.len(), "{asks}");
}

#[test]
fn calls_beyond_the_largest_population_wait() {
    let ms = |millis: u64| SimTime::from_nanos(millis * 1_000_000);
    let capacity = Capacity::Curve { curve: curve(&[(1, 10.0), (2, 15.0)]), queue: Queue::AtMost(1) };
    let mut station = Station::new(capacity);
    let demand = Duration::from_millis(30);
    for expected in [0, 0, 1] {
        assert!(matches!(station.admit(ms(0), demand), Admission::Shared(..)));
        assert_eq!(station.waiting(ms(0)), expected);
    }
    assert_eq!(station.admit(ms(0), demand), Admission::Overflow);
    // each of three calls runs at half the speed of one
    assert_eq!(station.in_flight(ms(59)), 3);
    assert_eq!(station.in_flight(ms(61)), 0);
}

#[test]
fn calls_keep_what_work_remains_when_the_curve_changes() {
    let ms = |millis: u64| SimTime::from_nanos(millis * 1_000_000);
    let mut station = Station::new(unbounded(curve(&[(1, 10.0)])));
    let mut tickets = Vec::new();
    for _ in 0..2 {
        let Admission::Shared(job, _) = station.admit(ms(0), Duration::from_millis(10)) else { panic!("room") };
        tickets.push(job);
    }
    // at 10 ms, half of each call is left
    station.reconfigure(unbounded(curve(&[(1, 10.0), (2, 20.0)])), ms(10));
    for job in tickets {
        assert_eq!(station.estimate_finish(job, ms(15)), FinishEstimate::Finished(ms(15)));
    }
}
