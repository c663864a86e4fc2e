//! What the test says when the truth is known: of services in virtual time, served by the real stations, a hundred comparisons
//! each. The same service must rarely be called another one, and another one must hardly ever pass.

use std::num::NonZeroU32;
use std::time::Duration;

use rand::RngExt as _;

use super::*;
use crate::delay::{Distribution, Param, ParamValue};
use crate::pace::draws::Draws;
use crate::pace::station::{Capacity, Moment, Queue, finishes};

/// Arrivals of one schedule at 80 % of what four workers can do, in nanoseconds: a Poisson process.
fn schedule(seed: u64) -> Vec<u64> {
    let mut at = 0.0;
    let draws = Draws::new(seed);
    let gap = |call| -(1.0 - draws.at(1, call).random::<f64>()).ln() * DEMAND / 4.0 / 0.8;
    (0..CALLS)
        .map(|call| {
            at += gap(call);
            at as u64
        })
        .collect()
}

/// A run of a service on a schedule, with demands of its own.
fn run(capacity: Option<Capacity>, arrivals: &[u64], seed: u64) -> Run {
    let params = [
        Param { name: "median", value: ParamValue::Time(DEMAND * 0.9) },
        Param { name: "sigma", value: ParamValue::Number(0.46) },
    ];
    let demand = Distribution::build("lognormal", &params).unwrap();
    let draws = Draws::new(seed);
    let calls = arrivals.iter().enumerate().map(|(call, at)| {
        let mut stream = draws.at(2, call as u64);
        (Moment::from_nanos(*at), demand.sample(&mut stream))
    });
    let latencies: Vec<Duration> = match capacity {
        None => vec![Duration::from_nanos((DEMAND * 1.2) as u64); arrivals.len()],
        Some(capacity) => {
            let finished = finishes(capacity, calls);
            finished.iter().zip(arrivals).map(|(finish, at)| finish.unwrap().since(Moment::from_nanos(*at))).collect()
        }
    };
    let call = |(at, latency): (&u64, Duration)| Call {
        operation: 0,
        at: *at,
        latency: Some(latency.as_nanos() as u64),
        status: Some(200),
    };
    Run { operations: vec!["GET /".to_owned()], calls: arrivals.iter().zip(latencies).map(call).collect() }
}

fn compared(mock: Option<Capacity>, number: u64) -> Gap {
    let arrivals = schedule(number);
    let side = |name: &str, capacity: Option<Capacity>, from: u64| Side {
        name: name.to_owned(),
        runs: (from..from + 5).map(|seed| run(capacity.clone(), &arrivals, seed)).collect(),
        repeats: true,
    };
    Gap::new(&side("live", Some(fifo(4)), number * 100), &side("mock", mock, number * 100 + 50), None)
}

fn fifo(workers: u32) -> Capacity {
    Capacity::Fifo { workers: NonZeroU32::new(workers).unwrap(), queue: Queue::Unbounded }
}

fn alarms(mock: Option<&Capacity>, round: u64) -> usize {
    (0..COMPARISONS)
        .filter(|number| compared(mock.cloned(), round * COMPARISONS + number).inference.unwrap().differs().unwrap())
        .count()
}

#[test]
fn the_same_service_is_rarely_called_another() {
    let alarms = alarms(Some(&fifo(4)), 1);
    eprintln!("{alarms} false alarms of {COMPARISONS}");
    assert!(alarms <= 5, "{alarms}");
}

#[test]
fn another_service_hardly_ever_passes() {
    let sharing = Capacity::Sharing { workers: NonZeroU32::new(4).unwrap(), queue: Queue::Unbounded };
    let others = [("a worker more", Some(fifo(5))), ("a worker less", Some(fifo(3))), ("sharing", Some(sharing))];
    for ((what, mock), round) in others.into_iter().chain([("a constant delay", None)]).zip(2..) {
        let caught = alarms(mock.as_ref(), round);
        eprintln!("{what}: {caught} of {COMPARISONS}");
        assert!(caught >= 95, "{what}: {caught}");
    }
}

/// Fewer runs cannot tell a difference from chance, and say so; what they would have seen is told all the same.
#[test]
fn few_runs_say_so() {
    let arrivals = schedule(1);
    let side = |workers, seeds: std::ops::Range<u64>| Side {
        name: "side".to_owned(),
        runs: seeds.map(|seed| run(Some(fifo(workers)), &arrivals, seed)).collect(),
        repeats: true,
    };
    let inference = |runs| Gap::new(&side(4, 0..runs), &side(3, 50..50 + runs), None).inference;
    assert_eq!(inference(1), None);
    let few = inference(2).unwrap();
    assert_eq!((few.chance, few.differs()), (None, None));
    assert!(few.largest.unwrap().log_ratio > 0.3 && few.power.is_empty());
    assert_eq!(inference(5).unwrap().differs(), Some(true));
    let told = Gap::new(&side(4, 0..5), &side(3, 50..55), None).to_string();
    assert!(told.contains("the mock differs") && told.contains("would have been seen"), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
}

/// A mock whose slowest tenth is slower by what is said to be seen in half of the comparisons is seen in about half of them, or
/// in more, for p99 shows it as well.
#[test]
fn the_power_is_what_it_says() {
    let usual = |number| compared(Some(fifo(4)), number).inference.unwrap().power[0].seen;
    let mut seen: Vec<f64> = (900..915).map(usual).collect();
    seen.sort_by(f64::total_cmp);
    let slower = 1.0 + seen[seen.len() / 2];
    let caught = (1_000..1_060).filter(|number| {
        let arrivals = schedule(*number);
        let side = |from: u64, factor: f64| {
            let mut runs: Vec<Run> = (from..from + 5).map(|seed| run(Some(fifo(4)), &arrivals, seed)).collect();
            for run in &mut runs {
                let mut latencies: Vec<u64> = run.calls.iter().filter_map(|call| call.latency).collect();
                latencies.sort_unstable();
                let slow = latencies[latencies.len() * 9 / 10];
                for call in &mut run.calls {
                    let slower =
                        |latency: u64| if latency >= slow { (latency as f64 * factor) as u64 } else { latency };
                    call.latency = call.latency.map(slower);
                }
            }
            Side { name: "side".to_owned(), runs, repeats: true }
        };
        let gap = Gap::new(&side(number * 100, 1.0), &side(number * 100 + 50, slower), None);
        gap.inference.unwrap().differs().unwrap()
    });
    let caught = caught.count();
    eprintln!("{caught} of 60 mocks that are {:.1} % slower", (slower - 1.0) * 100.0);
    assert!(caught >= 24, "{caught}");
}

/// A limit that is finer than the noise is not held against the mock, and nothing is said where the noise hides it.
#[test]
fn noise_is_not_held_against_the_mock() {
    let arrivals = schedule(3);
    let side = |seeds: std::ops::Range<u64>, repeats| Side {
        name: "side".to_owned(),
        runs: seeds.map(|seed| run(Some(fifo(4)), &arrivals, seed)).collect(),
        repeats,
    };
    let budget: Budget = "p95=0.1%".parse().unwrap();
    let judged = |repeats| Gap::new(&side(0..5, repeats), &side(50..55, repeats), Some(budget.clone()));
    assert!(judged(false).cells.iter().any(|cell| cell.verdict == Verdict::Over));
    let gap = judged(true);
    let cell = gap.cells.iter().find(|cell| cell.believable.contains(&95)).unwrap();
    assert!(cell.noise.unwrap().p95 > 0.002, "{cell:?}");
    assert_eq!(cell.verdict, Verdict::NotJudged, "{cell:?}");
    assert!(cell.reasons[0].contains("differ by"), "{:?}", cell.reasons);
}

/// Nanoseconds that a call demands on average.
const DEMAND: f64 = 10e6;
const CALLS: u64 = 1_500;
const COMPARISONS: u64 = 100;
