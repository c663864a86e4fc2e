//! False alarms and power of the comparison, in virtual time with the real stations, a hundred
//! comparisons each. Comparing a service with itself must rarely show a difference; comparing
//! different services must nearly always.

use std::num::NonZeroU32;
use std::time::Duration;

use rand::RngExt as _;

use crate::gap::*;
use standin_model::draws::Draws;
use standin_model::station::{Capacity, Queue, SimTime, simulate};
use standin_stub::delay::{Distribution, Param, ParamValue};

/// Arrivals of one schedule at 80 % of what four workers can do, in nanoseconds.
fn schedule(seed: u64) -> Vec<u64> {
    arrivals(seed, 0.8, CALLS)
}

/// Returns a Poisson process at a share of what four workers can do.
fn arrivals(seed: u64, load: f64, calls: u64) -> Vec<u64> {
    let mut at = 0.0;
    let draws = Draws::new(seed);
    let gap = |call| -(1.0 - draws.at(1, call).random::<f64>()).ln() * DEMAND / 4.0 / load;
    (0..calls)
        .map(|call| {
            at += gap(call);
            at as u64
        })
        .collect()
}

/// Returns a run of a service on a schedule, with demands of its own.
fn run(capacity: Option<Capacity>, arrivals: &[u64], seed: u64) -> ServiceRun {
    run_of(capacity, arrivals, seed, 1.0)
}

/// Simulates a run of a service whose demands are multiplied by `factor`.
fn run_of(capacity: Option<Capacity>, arrivals: &[u64], seed: u64, factor: f64) -> ServiceRun {
    let params = [
        Param { name: "median", value: ParamValue::Time(DEMAND * 0.9 * factor) },
        Param { name: "sigma", value: ParamValue::Number(0.46) },
    ];
    let demand = Distribution::build("lognormal", &params).unwrap();
    let draws = Draws::new(seed);
    let calls = arrivals.iter().enumerate().map(|(call, at)| {
        let mut stream = draws.at(2, call as u64);
        (SimTime::from_nanos(*at), demand.sample(&mut stream))
    });
    let latencies: Vec<Duration> = match capacity {
        None => vec![Duration::from_nanos((DEMAND * 1.2) as u64); arrivals.len()],
        Some(capacity) => {
            let finished = simulate(capacity, calls);
            finished.iter().zip(arrivals).map(|(finish, at)| finish.unwrap().since(SimTime::from_nanos(*at))).collect()
        }
    };
    let call = |(at, latency): (&u64, Duration)| TimedCall {
        operation: 0,
        at: *at,
        latency: Some(latency.as_nanos() as u64),
        status: Some(200),
    };
    ServiceRun {
        operations: vec!["GET /".to_owned()],
        calls: arrivals.iter().zip(latencies).map(call).collect(),
        ..ServiceRun::default()
    }
}

fn compared(mock: Option<Capacity>, number: u64) -> Gap {
    at_load(0.8, mock, number)
}

fn at_load(load: f64, mock: Option<Capacity>, number: u64) -> Gap {
    let arrivals = arrivals(number, load, CALLS);
    let side = |name: &str, capacity: Option<Capacity>, from: u64| ComparisonSide {
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

/// Where hardly a call waits, and where the queue only grows: a constant delay is seen when calm, a
/// worker less in overload.
#[test]
fn calm_loads_and_overload_are_told_as_well() {
    let count = |load: f64, mock: Option<Capacity>, from: u64| {
        (from..from + COMPARISONS)
            .filter(|number| at_load(load, mock.clone(), *number).inference.unwrap().differs().unwrap())
            .count()
    };
    for (load, mock, from) in [(0.3, None, 2_000), (1.2, Some(fifo(3)), 3_000)] {
        let alarms = count(load, Some(fifo(4)), from);
        let caught = count(load, mock, from + 200);
        eprintln!("load {load}: {alarms} false alarms, {caught} caught of {COMPARISONS}");
        assert!(alarms <= 5, "{load}: {alarms}");
        assert!(caught >= 95, "{load}: {caught}");
    }
}

/// Fewer runs cannot tell a difference from chance, and say so; what they would have seen is told
/// all the same.
#[test]
fn few_runs_say_so() {
    let arrivals = schedule(1);
    let side = |workers, seeds: std::ops::Range<u64>| ComparisonSide {
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
    assert!(told.contains("the mock really") && told.contains("would notice a difference"), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
}

/// A mock whose slowest tenth is slower by what is said to be seen in half of the comparisons is
/// seen in about half of them, or in more, for p99 shows it as well.
#[test]
fn the_power_is_what_it_says() {
    let usual = |number| compared(Some(fifo(4)), number).inference.unwrap().power[0].seen;
    let mut seen: Vec<f64> = (900..915).map(usual).collect();
    seen.sort_by(f64::total_cmp);
    let slower = 1.0 + seen[seen.len() / 2];
    let caught = (1_000..1_060).filter(|number| {
        let arrivals = schedule(*number);
        let side = |from: u64, factor: f64| {
            let mut runs: Vec<ServiceRun> = (from..from + 5).map(|seed| run(Some(fifo(4)), &arrivals, seed)).collect();
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
            ComparisonSide { name: "side".to_owned(), runs, repeats: true }
        };
        let gap = Gap::new(&side(number * 100, 1.0), &side(number * 100 + 50, slower), None);
        gap.inference.unwrap().differs().unwrap()
    });
    let caught = caught.count();
    eprintln!("{caught} of 60 mocks that are {:.1} % slower", (slower - 1.0) * 100.0);
    assert!(caught >= 24, "{caught}");
}

/// A limit that is finer than the noise is not held against the mock, and nothing is said where the
/// noise hides it: the noise of runs where there are several, else that of parts of one.
#[test]
fn noise_is_not_held_against_the_mock() {
    let arrivals = schedule(3);
    let side = |seeds: std::ops::Range<u64>, repeats| ComparisonSide {
        name: "side".to_owned(),
        runs: seeds.map(|seed| run(Some(fifo(4)), &arrivals, seed)).collect(),
        repeats,
    };
    let budget: GapBudget = "p95=0.1%".parse().unwrap();
    for (repeats, from) in [(true, NoiseFrom::Runs), (false, NoiseFrom::Parts)] {
        let gap = Gap::new(&side(0..5, repeats), &side(50..55, repeats), Some(budget.clone()));
        let cell = gap.cells.iter().find(|cell| cell.reliable_percentiles.contains(&95)).unwrap();
        assert!(cell.noise.p95 > 0.002 && cell.noise_from == from, "{cell:?}");
        assert_eq!(cell.verdict, Verdict::NotJudged, "{cell:?}");
        assert!(cell.reasons[0].contains("but chance alone makes"), "{:?}", cell.reasons);
        // what is more than noise is over all the same
        let slower = ComparisonSide {
            runs: (50..55).map(|seed| run(Some(fifo(3)), &arrivals, seed)).collect(),
            ..side(0..0, repeats)
        };
        let gap = Gap::new(&side(0..5, repeats), &slower, Some(budget.clone()));
        assert_eq!(gap.verdict, Verdict::Over, "{:?}", gap.cells[0].limits);
    }
}

/// The default budget, of single runs: a mock that is the service must rarely be over it, and one
/// that is too slow rarely within; it may say that it cannot judge. The noise is that of parts of
/// one run, which is less than that of runs.
#[test]
fn the_default_budget_rarely_calls_the_same_service_another() {
    let profile = "services:\n  - name: s\n    capacity: {discipline: fifo, workers: 4, queue: unbounded}\n    default:\n      demand: {fixed: 10ms}\n";
    let file =
        standin_model::profile::ProfileFile { name: "s".to_owned(), file: "s.yaml".into(), text: profile.into() };
    let loaded = standin_model::profile::read_all(&[file]);
    let known = ComparisonContext {
        model: CapacityModel::of(&loaded.profiles[0], "profile s"),
        served: MockKind::Profile,
        ..ComparisonContext::default()
    };
    for (load, factor) in [(0.3, 1.25), (0.9, 1.06)] {
        let verdicts = |factor: f64, from: u64| {
            let mut counts = [0; 3];
            for number in from..from + 60 {
                let arrivals = arrivals(number, load, 4_000);
                let side = |factor: f64, seed| ComparisonSide {
                    name: "side".to_owned(),
                    runs: vec![run_of(Some(fifo(4)), &arrivals, seed, factor)],
                    repeats: false,
                };
                let sides = (side(1.0, number * 2), side(factor, number * 2 + 1));
                let gap = Gap::with_context(&known, &sides.0, &sides.1, Some(GapBudget::ByLoad));
                let place =
                    [Verdict::Within, Verdict::Over, Verdict::NotJudged].iter().position(|one| *one == gap.verdict);
                counts[place.unwrap()] += 1;
            }
            counts
        };
        let (same, slower) = (verdicts(1.0, 10_000), verdicts(factor, 20_000));
        eprintln!("load {load}: the same {same:?}, demands x{factor} {slower:?} (within, over, not judged)");
        assert!(same[1] <= 3, "{same:?}");
        assert!(slower[0] <= 3, "{slower:?}");
    }
}

/// Nanoseconds that a call demands on average.
const DEMAND: f64 = 10e6;
const CALLS: u64 = 1_500;
const COMPARISONS: u64 = 100;
