//! Known services with something beside their queue: a limit that rejects calls, stalls, demands by
//! response length, a varying delay.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use standin_learn::fit::{Finding, Fitted, LimitKind, Observation, QueueDiscipline, Trace};
use standin_model::profile::{ProfileFile, read_all};
use standin_model::station::Queue;

use super::limits_and_stalls::{REFUSAL, bounded, limited, stalled, stalls};
use super::reference_simulation::{Kind, Station, Truth, serve, steps};
use super::{CALLS, quantiles};

/// Records calls that a service admits or rejects; both arrive in order.
fn trace(truth: &Truth, arrivals: &[f64], door: impl FnOnce(&[f64], &[f64]) -> Vec<(f64, u16)>, seed: u64) -> Trace {
    let mut rng = StdRng::seed_from_u64(seed);
    let (kinds, demands) = truth.demands(arrivals.len(), &mut rng);
    let answers = door(arrivals, &demands);
    let calls = arrivals.iter().zip(&kinds).zip(answers).map(|((arrival, kind), (latency, status))| {
        let nanos = |time: f64| (time * 1e9) as u64;
        let (arrival, finish) = (nanos(*arrival), nanos(arrival + latency));
        Observation { operation: *kind, arrival, finish, status, bytes: None, in_flight: 0 }
    });
    Trace {
        operations: truth.kinds.iter().map(|kind| kind.name.to_owned()).collect(),
        calls: calls.collect(),
        exclusive: true,
        transfer: vec![None; truth.kinds.len()],
        ..Trace::default()
    }
}

fn written_and_read(fitted: &Fitted) -> standin_model::profile::ProfileService {
    let text = fitted.profile().to_yaml(&fitted.to_string());
    let file = ProfileFile { name: "recorded".to_owned(), file: "recorded.yaml".into(), text: text.as_str().into() };
    let read = read_all(&[file]);
    assert!(read.defects.is_empty(), "{:?}\n{text}", read.defects);
    read.profiles[0].spec.services[0].clone()
}

#[test]
fn a_full_queue_is_learned_from_its_refusals() {
    let truth = Truth::new(Station::Fifo(4), 0.5);
    let arrivals = steps(truth.capacity(4), &[0.3, 0.6, 0.9, 1.2], CALLS, 1);
    let door = |arrivals: &[f64], demands: &[f64]| bounded(4, 10, arrivals, demands);
    let fitted = Fitted::new("service", &[trace(&truth, &arrivals, door, 2)]).unwrap();
    assert_eq!((fitted.discipline, fitted.workers), (QueueDiscipline::Fifo, Some(4)), "{fitted}");
    assert_eq!(fitted.limits[0].kind, LimitKind::Inside { calls: 14 }, "{fitted}");
    let service = written_and_read(&fitted);
    assert!(
        matches!(service.station.capacity, standin_model::station::Capacity::Fifo { queue: Queue::AtMost(10), .. }),
        "{fitted}"
    );
    assert!(service.operations.iter().all(|operation| operation.timing.classes.is_empty()), "the limit makes the 503s");
}

#[test]
fn a_rate_is_learned_from_its_refusals() {
    let truth = Truth::new(Station::Fifo(4), 0.5);
    let arrivals = steps(truth.capacity(4), &[0.2, 0.4, 0.6, 1.1], CALLS, 3);
    let bucket = |arrivals: &[f64], demands: &[f64]| limited((200.0, 20.0), Station::Fifo(4), arrivals, demands);
    let fitted = Fitted::new("service", &[trace(&truth, &arrivals, bucket, 4)]).unwrap();
    assert_eq!(fitted.limits[0].kind, LimitKind::Rate { per_second: 200.0, burst: 20, spaced: false }, "{fitted}");
    assert!(fitted.limits[0].agreement > 0.99, "{fitted}");
    let limit = written_and_read(&fitted).rate_limit.unwrap();
    assert_eq!((limit.rate.per_second, limit.rate.burst), (200.0, 20));
}

/// A rate limit as nginx's `limit_req` without `nodelay`: the service behind it never sees more
/// than the rate.
#[test]
fn a_rate_whose_bursts_go_on_one_by_one_is_learned() {
    let truth = Truth::new(Station::Fifo(4), 0.5);
    let arrivals = steps(truth.capacity(4), &[0.2, 0.4, 0.6, 1.1], CALLS, 11);
    let spaced = |arrivals: &[f64], demands: &[f64]| {
        let mut full_at = 0.0_f64;
        let turns: Vec<Option<f64>> = arrivals
            .iter()
            .map(|arrival| {
                let turn = full_at.max(*arrival);
                let passes = turn - arrival <= 19.0 / 200.0;
                full_at = if passes { turn + 1.0 / 200.0 } else { full_at };
                passes.then_some(turn)
            })
            .collect();
        let entered: Vec<f64> = turns.iter().flatten().copied().collect();
        let inside = turns.iter().zip(demands).filter(|(turn, _)| turn.is_some()).map(|(_, demand)| *demand);
        let mut latencies = serve(Station::Fifo(4), &entered, &inside.collect::<Vec<_>>()).into_iter();
        let answer = |(turn, arrival): (&Option<f64>, &f64)| match turn {
            Some(turn) => (turn - arrival + latencies.next().unwrap(), 200),
            None => (REFUSAL, 429),
        };
        turns.iter().zip(arrivals).map(answer).collect()
    };
    let fitted = Fitted::new("service", &[trace(&truth, &arrivals, spaced, 12)]).unwrap();
    assert_eq!(fitted.limits[0].kind, LimitKind::Rate { per_second: 200.0, burst: 20, spaced: true }, "{fitted}");
    assert!(!fitted.findings.iter().any(Finding::is_unexplained), "{fitted}");
    let limit = written_and_read(&fitted).rate_limit.unwrap();
    assert!(limit.rate.spaced && fitted.to_string().contains("one by one"), "{fitted}");
    for (kind, operation) in truth.kinds.iter().zip(&fitted.operations) {
        // the median of a log-normal distribution
        let median = kind.mean / (1.0 + kind.cv * kind.cv).sqrt();
        let fitted_median = operation.demand.points().iter().find(|(share, _)| (share - 0.5).abs() < 1e-9).unwrap().1;
        let off = fitted_median.as_secs_f64() / median - 1.0;
        assert!(off.abs() < 0.05, "{}: {fitted_median:?} for {median}\n{fitted}", operation.name);
    }
}

/// Responses of 16 kB and more demand five times as much: the profile has a class for their length.
#[test]
fn long_answers_that_demand_more_are_a_class() {
    let truth = Truth::new(Station::Fifo(4), 0.5);
    let arrivals = steps(truth.capacity(4), &[0.2, 0.3, 0.4], CALLS, 13);
    let mut rng = StdRng::seed_from_u64(14);
    let (kinds, mut demands) = truth.demands(arrivals.len(), &mut rng);
    let lengths: Vec<u64> = arrivals.iter().map(|_| 10f64.powf(rng.random_range(2.0..5.0)) as u64).collect();
    for (demand, length) in demands.iter_mut().zip(&lengths) {
        *demand *= if *length < 16_000 { 0.5 } else { 2.5 };
    }
    let latencies = truth.latencies(&arrivals, &demands);
    let mut tape = truth.record(&arrivals, &kinds, &latencies, &mut rng);
    for (call, length) in tape.calls.iter_mut().zip(&lengths) {
        call.bytes = Some(*length);
    }
    let fitted = Fitted::new("service", &[tape.clone()]).unwrap();
    for operation in &fitted.operations {
        let [long] = &operation.classes[..] else { panic!("one class is expected\n{fitted}") };
        assert!((14_000..=18_000).contains(&long.from.unwrap()), "{fitted}");
        let ratio = long.demand.quantile(0.5).as_secs_f64() / operation.demand.quantile(0.5).as_secs_f64();
        assert!((4.5..5.5).contains(&ratio), "{ratio}\n{fitted}");
    }
    let classes = &written_and_read(&fitted).operations[0].timing.classes;
    assert!(classes[0].min_body_bytes.is_some() && classes[0].status.is_none(), "{classes:?}");
    // with a content coding the length differs from that of the stub's body
    tape.calls.iter_mut().for_each(|call| call.bytes = None);
    assert!(Fitted::new("service", &[tape]).unwrap().operations[0].classes.is_empty());
}

/// Rejections that do not depend on load are not taken for a limit.
#[test]
fn refusals_at_random_are_no_limit() {
    let truth = Truth::new(Station::Fifo(4), 0.5);
    let arrivals = steps(truth.capacity(4), &[0.3, 0.6], 5_000, 5);
    let mut rng = StdRng::seed_from_u64(6);
    let at_random = |arrivals: &[f64], demands: &[f64]| {
        let latencies = serve(Station::Fifo(4), arrivals, demands);
        latencies
            .into_iter()
            .map(|latency| if rng.random_bool(0.05) { (REFUSAL, 503) } else { (latency, 200) })
            .collect()
    };
    let fitted = Fitted::new("service", &[trace(&truth, &arrivals, at_random, 7)]).unwrap();
    assert!(fitted.limits.is_empty(), "{fitted}");
    let is_told = |one: &Finding| matches!(one, Finding::Rejected { status: 503, .. });
    assert!(fitted.findings.iter().any(is_told), "{fitted}");
}

/// Stalls of 80 ms, at random and every two seconds on average: the demands are those of a service
/// without them.
#[test]
fn stalls_are_told_from_long_demands() {
    for station in [Station::Fifo(4), Station::Sharing(4)] {
        let truth = Truth::new(station, 0.5);
        let arrivals = steps(truth.capacity(4), &[0.2, 0.4, 0.6], CALLS, 8);
        let last = *arrivals.last().unwrap();
        let pauses = stalls(last + 10.0, 2.0, 0.08, &mut StdRng::seed_from_u64(9));
        let door = |arrivals: &[f64], demands: &[f64]| {
            stalled(&pauses, station, arrivals, demands).into_iter().map(|latency| (latency, 200)).collect()
        };
        let seen = pauses.iter().filter(|(begin, _)| *begin < last).count() as f64;
        let fitted = Fitted::new("service", &[trace(&truth, &arrivals, door, 10)]).unwrap();
        let found = fitted.stalls.as_ref().unwrap_or_else(|| panic!("no stalls\n{fitted}"));
        assert_eq!(fitted.workers, Some(4), "{fitted}");
        assert!((found.count as f64 / seen - 1.0).abs() < 0.06, "{} of {seen}\n{fitted}", found.count);
        let length = found.last.quantile(0.5).as_secs_f64();
        assert!((length / 0.08 - 1.0).abs() < 0.08, "{length}");
        assert!((found.every.as_secs_f64() / 2.0 - 1.0).abs() < 0.3 && !found.regular, "{fitted}");
        // the remaining demand contains no stall: 14.3 ms at p99.9 of the shorter operation, not 90
        let demand = &fitted.operations.iter().find(|operation| operation.name == "GET /a/{id}").unwrap().demand;
        assert!(demand.quantile(0.99).as_secs_f64() < 0.03, "{fitted}");
    }
}

/// A queue with completion gaps of its own, and demands that are sometimes long: no stalls.
#[test]
fn long_demands_are_not_taken_for_stalls() {
    for (station, workers, cv) in [(Station::Fifo(4), 4, 2.0), (Station::Fifo(1), 1, 1.0), (Station::Unlimited, 8, 2.0)]
    {
        let truth = Truth::new(station, cv);
        let arrivals = steps(truth.capacity(workers), &[0.3, 0.6, 0.8], CALLS, 11);
        let fitted = Fitted::new("service", &[truth.trace(&arrivals, 12)]).unwrap();
        assert_eq!(fitted.stalls, None, "{fitted}");
    }
}

/// Calls that wait about 40 ms for something else and then ask two workers for 2 ms. Their demands
/// cannot be recovered, but their capacity can.
#[test]
fn a_varying_delay_before_a_queue_is_recovered_as_a_whole() {
    let kinds = vec![Kind { name: "GET /", share: 1.0, mean: 0.002, cv: 1.0 }];
    let truth = Truth { kinds, ..Truth::new(Station::Fifo(2), 1.0) };
    let capacity = truth.capacity(2);
    let delay = Kind { name: "delay", share: 1.0, mean: 0.040, cv: 0.3 };
    let run = |arrivals: &[f64], demands: &[f64], seed: u64| {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut enters: Vec<(f64, usize)> =
            arrivals.iter().enumerate().map(|(call, arrival)| (arrival + delay.demand(&mut rng), call)).collect();
        enters.sort_by(|one, other| one.0.total_cmp(&other.0));
        let times: Vec<f64> = enters.iter().map(|(time, _)| *time).collect();
        let work: Vec<f64> = enters.iter().map(|(_, call)| demands[*call]).collect();
        let mut latencies = vec![0.0; arrivals.len()];
        for ((enter, call), inside) in enters.iter().zip(serve(Station::Fifo(2), &times, &work)) {
            latencies[*call] = enter + inside - arrivals[*call];
        }
        latencies
    };
    let arrivals = super::reference_simulation::ramp(capacity, CALLS, 13);
    let taped =
        |arrivals: &[f64], demands: &[f64]| run(arrivals, demands, 14).into_iter().map(|time| (time, 200)).collect();
    let mut tape = trace(&truth, &arrivals, taped, 15);
    for call in tape.calls.iter_mut().step_by(20) {
        call.status = 404;
    }
    let fitted = Fitted::new("service", &[tape]).unwrap();
    let of = &fitted.operations[0];
    // a class takes the demand of all: the time of a single station would occupy both workers for
    // ever
    assert_eq!((of.classes[0].status, &of.classes[0].demand), (404, &of.demand), "{fitted}");
    assert!(of.outside.is_some(), "{fitted}");
    assert!(fitted.findings.iter().any(|one| matches!(one, Finding::DelayCenter { .. })), "{fitted}");
    assert!(written_and_read(&fitted).operations[0].timing.outside_latency.is_some());
    for load in [0.5, 0.8] {
        let arrivals = steps(capacity, &[load], CALLS, 16);
        let mut rng = StdRng::seed_from_u64(17);
        let real = quantiles(run(&arrivals, &truth.demands(arrivals.len(), &mut rng).1, 18));
        let mock = quantiles(super::predict(&fitted, &truth, &arrivals, &vec![0; arrivals.len()], &mut rng));
        for ((real, mock), limit) in real.iter().zip(mock).zip(super::LIMITS) {
            assert!((mock / real).ln().abs() < limit, "{load}: {mock} {real}\n{fitted}");
        }
    }
}
