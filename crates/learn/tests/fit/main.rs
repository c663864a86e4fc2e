//! Fits tapes of simulated services whose model is known, and predicts their latencies with the
//! fitted model on the real stations.

mod beside_the_queue;
mod layered;
mod limits_and_stalls;
mod more_parameters;
mod reference_simulation;
mod round_trip;
mod tails;
mod tape_file;
mod wide_sweep;

use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand_distr::{Distribution as _, StandardNormal};
use standin_learn::fit::{DemandTable, Finding, Fitted, Observation, QueueDiscipline, Trace};
use standin_model::profile::{ProfileFile, read_all};
use standin_model::station::{Contention, SimTime, Work, simulate_in, simulate_tandem};
use standin_model::stats::{Moments, quantile};
use standin_stub::delay::Distribution;

use self::reference_simulation::{Kind, Station, Truth, poisson, ramp, serve, steps};

/// Largest relative errors of a prediction below 80 % of the capacity, at p50, p90, p95 and p99 of
/// 20,000 calls.
const LIMITS: [f64; 4] = [0.03, 0.05, 0.07, 0.10];
const CALLS: usize = 20_000;

/// Fits a tape at 20, 40 and 60 % of the capacity, and one that rises from 20 to 95 %.
fn tapes(truth: &Truth, workers: usize, seed: u64) -> [Fitted; 2] {
    let capacity = truth.capacity(workers);
    [(steps(capacity, &[0.2, 0.4, 0.6], CALLS, seed), seed + 100), (ramp(capacity, CALLS, seed), seed + 200)]
        .map(|(arrivals, seed)| Fitted::new("service", &[truth.trace(&arrivals, seed)]).expect("enough calls"))
}

/// Returns the latencies of the fitted model for calls of known arrivals and kinds, in seconds,
/// from the real station.
fn predict(fitted: &Fitted, truth: &Truth, arrivals: &[f64], kinds: &[u32], rng: &mut StdRng) -> Vec<f64> {
    let operations = truth.kinds.iter().map(|kind| {
        let operation = fitted.operations.iter().find(|operation| operation.name == kind.name).expect("fitted");
        let contention = operation.cpu.map_or_else(Contention::default, Contention::Cpu);
        (operation.demand.distribution(), operation.outside.as_ref().map(DemandTable::distribution), contention)
    });
    let operations: Vec<(Distribution, Option<Distribution>, Contention)> = operations.collect();
    let mut calls: Vec<(SimTime, Work, usize)> = Vec::with_capacity(arrivals.len());
    for (call, (arrival, kind)) in arrivals.iter().zip(kinds).enumerate() {
        let (demand, outside, contention) = &operations[*kind as usize];
        let outside = outside.as_ref().map_or(fitted.outside, |outside| outside.sample(rng));
        calls.push((
            SimTime::from(Duration::from_secs_f64(*arrival) + outside),
            Work { demand: demand.sample(rng), contention: *contention },
            call,
        ));
    }
    calls.sort_by_key(|(enters, ..)| *enters);
    let mut pool = standin_model::station::Station::new(fitted.capacity());
    let front = fitted.default.front.as_ref().map(DemandTable::distribution);
    let finished = if let (Some(front), Some(capacity)) = (front, fitted.front()) {
        let mut first = standin_model::station::Station::new(capacity);
        let calls = calls.iter().map(|(enters, demand, _)| (*enters, Some(front.sample(rng)), demand.demand));
        simulate_tandem(&mut first, &mut pool, &calls.collect::<Vec<_>>())
    } else {
        simulate_in(&mut pool, calls.iter().map(|(enters, demand, _)| (*enters, *demand)))
    };
    let mut latencies = vec![0.0; arrivals.len()];
    for ((_, _, call), finish) in calls.iter().zip(finished) {
        latencies[*call] = finish.expect("no bound").since_epoch().as_secs_f64() - arrivals[*call];
    }
    latencies
}

fn quantiles(mut latencies: Vec<f64>) -> [f64; 4] {
    latencies.sort_by(f64::total_cmp);
    [0.5, 0.9, 0.95, 0.99].map(|share| quantile(&latencies, share))
}

/// Latencies of the true service at a load that the tape need not hold: several runs on the same
/// arrivals.
struct Load<'t> {
    truth: &'t Truth,
    share: f64,
    arrivals: Vec<f64>,
    real: Vec<[f64; 4]>,
}

impl<'t> Load<'t> {
    fn new(truth: &'t Truth, workers: usize, share: f64) -> Self {
        let arrivals = steps(truth.capacity(workers), &[share], CALLS, 4711);
        let mut rng = StdRng::seed_from_u64(99);
        let run = |_| quantiles(truth.latencies(&arrivals, &truth.demands(arrivals.len(), &mut rng).1));
        let real = (0..RUNS).map(run).collect();
        Self { truth, share, arrivals, real }
    }

    /// Compares the mean over runs of the model with that of the truth. The error is at most the
    /// limit, or two standard deviations of a run of the truth if that is larger: the tape is one
    /// such run, and the model knows no other demands.
    fn assert_predicted(&self, fitted: &Fitted, what: &str) {
        let mut rng = StdRng::seed_from_u64(1234);
        let run = |_| {
            let (kinds, _) = self.truth.demands(self.arrivals.len(), &mut rng);
            quantiles(predict(fitted, self.truth, &self.arrivals, &kinds, &mut rng))
        };
        let mock: Vec<_> = (0..RUNS).map(run).collect();
        for (quantile, limit) in LIMITS.into_iter().enumerate() {
            let moments = |runs: &[[f64; 4]]| Moments::new(runs.iter().map(|run| run[quantile].ln()));
            let (mock, real) = (moments(&mock), moments(&self.real));
            let error = mock.mean - real.mean;
            let noise = 2.0 * real.sample_variance().sqrt();
            let percentile = [50, 90, 95, 99][quantile];
            eprintln!(
                "{what:<24} {:>4.0}% p{percentile} error {:+6.1}% limit {:4.1}% noise {:4.1}%",
                self.share * 100.0,
                error * 100.0,
                limit * 100.0,
                noise * 100.0
            );
            assert!(
                error.abs() <= limit.max(noise),
                "{what}: p{percentile} misses by {error}, noise {noise}\n{fitted}"
            );
        }
    }
}

/// Number of runs of the truth, and of the model.
const RUNS: usize = 6;

fn assert_recovers(truth: &Truth, workers: usize, seed: u64, what: &str) {
    let expected = match truth.station {
        Station::Fifo(_) => QueueDiscipline::Fifo,
        Station::Sharing(_) | Station::Curve(_) => QueueDiscipline::Sharing,
        Station::Unlimited => QueueDiscipline::Unlimited,
    };
    let load = Load::new(truth, workers, 0.8);
    for (fitted, tape) in tapes(truth, workers, seed).iter().zip(["20-60", "ramp"]) {
        let name = format!("{what} {tape}");
        eprintln!(
            "{name:<24} {:?} {:?} outside {:?} effect {:.3} chance {:.3}",
            fitted.discipline, fitted.workers, fitted.outside, fitted.effect, fitted.chance
        );
        assert_eq!((fitted.discipline, fitted.workers), (expected, Some(workers as u32)), "{name}\n{fitted}");
        let off = fitted.outside.as_secs_f64() - truth.outside;
        assert!(off.abs() < 0.0004, "{name}: outside is {:?}", fitted.outside);
        assert!(!unexplained(fitted), "{name}\n{fitted}");
        let orders: Vec<_> = fitted.operations.iter().map(|operation| operation.autocorrelation).collect();
        assert!(orders.iter().all(Option::is_none), "{name}: independent demands have no order: {orders:?}");
        load.assert_predicted(fitted, &name);
    }
}

fn unexplained(fitted: &Fitted) -> bool {
    fitted.findings.iter().any(|one| matches!(one, Finding::NotOneQueue { .. } | Finding::HoldoutMispredicted { .. }))
}

#[test]
fn one_worker_in_order_is_recovered() {
    assert_recovers(&Truth::new(Station::Fifo(1), 0.5), 1, 1, "fifo(1)");
}

#[test]
fn four_workers_in_order_are_recovered() {
    assert_recovers(&Truth::new(Station::Fifo(4), 0.5), 4, 1, "fifo(4)");
    assert_recovers(&Truth { jitter: 200e-6, ..Truth::new(Station::Fifo(4), 1.0) }, 4, 2, "fifo(4) jitter");
}

#[test]
fn shared_workers_are_recovered() {
    assert_recovers(&Truth::new(Station::Sharing(2), 1.0), 2, 1, "sharing(2)");
    assert_recovers(&Truth { jitter: 100e-6, ..Truth::new(Station::Sharing(4), 1.0) }, 4, 1, "sharing(4) jitter");
}

/// Demands that hardly vary, a latency outside the queue, and time stamps of a real clock: a rank
/// test chooses wrongly here.
#[test]
fn nearly_constant_demands_with_a_part_outside_are_recovered() {
    let sleep = |name, share, mean| Kind { name, share, mean, cv: 0.02 };
    let kinds = vec![sleep("GET /10", 0.5, 0.010), sleep("GET /20", 0.25, 0.020), sleep("GET /40", 0.25, 0.040)];
    for (station, workers, what) in
        [(Station::Fifo(4), 4, "constant fifo(4)"), (Station::Sharing(2), 2, "constant sharing(2)")]
    {
        let truth = Truth { station, kinds: kinds.clone(), outside: 0.0015, jitter: 150e-6 };
        assert_recovers(&truth, workers, 3, what);
    }
}

/// At 60 % of sixteen workers hardly any call waits, and demands with a heavy tail hide that; the
/// calls that wait suffice all the same.
#[test]
fn sixteen_workers_with_heavy_tails_are_recovered() {
    let truth = Truth::new(Station::Fifo(16), 2.0);
    for seed in 1..=3 {
        let load = Load::new(&truth, 16, 0.8);
        for (fitted, tape) in tapes(&truth, 16, seed).iter().zip(["20-60", "ramp"]) {
            assert_eq!(
                (fitted.discipline, fitted.workers),
                (QueueDiscipline::Fifo, Some(16)),
                "{tape}, {seed}\n{fitted}"
            );
            load.assert_predicted(fitted, &format!("fifo(16) cv 2 {tape}"));
        }
    }
}

/// Calls that meet others by chance are not taken for a queue: the capacity of a service without a
/// queue stays unknown.
#[test]
fn no_queue_is_made_up_where_there_is_none() {
    for (seed, cv) in (1..=8).zip([0.5, 2.0, 1.0, 3.0].into_iter().cycle()) {
        let truth = Truth::new(Station::Unlimited, cv);
        let arrivals = steps(truth.capacity(16), &[0.2, 0.4, 0.6], CALLS, seed);
        let fitted = Fitted::new("service", &[truth.trace(&arrivals, seed + 50)]).unwrap();
        assert_eq!(fitted.workers, None, "cv {cv}, seed {seed}\n{fitted}");
        let is_unknown = |one: &Finding| matches!(one, Finding::CapacityUnknown { .. });
        assert!(fitted.findings.iter().any(is_unknown), "{fitted}");
    }
}

#[test]
fn a_service_without_a_queue_stays_unlimited() {
    let truth = Truth::new(Station::Unlimited, 1.0);
    let fitted = Fitted::new("service", &[truth.trace(&ramp(truth.capacity(16), CALLS, 1), 2)]).unwrap();
    assert_eq!((fitted.discipline, fitted.workers), (QueueDiscipline::Unlimited, None), "{fitted}");
    assert!(fitted.operations.iter().all(|operation| operation.autocorrelation.is_none()), "{fitted}");
    Load::new(&truth, 16, 0.8).assert_predicted(&fitted, "unlimited");
}

#[test]
fn where_no_queue_was_seen_the_capacity_is_a_floor() {
    let truth = Truth::new(Station::Fifo(16), 1.0);
    let fitted = Fitted::new("service", &[truth.trace(&steps(truth.capacity(16), &[0.1], CALLS, 1), 2)]).unwrap();
    assert_eq!(fitted.workers, None, "{fitted}");
    let floor = fitted.findings.iter().find_map(|one| match one {
        Finding::CapacityUnknown { at_least } => Some(*at_least),
        _ => None,
    });
    assert!((2..=16).contains(&floor.unwrap()), "{fitted}");
    assert!(fitted.to_string().contains("capacity unknown: at least"), "{fitted}");
    assert!(fitted.is_doubtful());
}

/// Demands with slow spells, at a load where no queue hides them: the profile keeps them together.
/// (Slow spells make calls that arrive together slow together, as a queue does; the queue that is
/// fitted takes a part of the correlation.)
#[test]
fn slow_spells_are_told_and_written() {
    let truth = Truth::new(Station::Fifo(4), 1.0);
    let arrivals = steps(truth.capacity(4), &[0.1, 0.2, 0.3], CALLS, 3);
    let mut rng = StdRng::seed_from_u64(4);
    let (kinds, _) = truth.demands(arrivals.len(), &mut rng);
    let (mut factor, mut block) = (0.0, 0);
    let demands: Vec<f64> = arrivals
        .iter()
        .zip(&kinds)
        .map(|(at, kind)| {
            let mut score = || StandardNormal.sample(&mut rng);
            let now = (at / 0.3) as u64 + 1;
            if now != block {
                (factor, block) = (score(), now);
            }
            let score: f64 = 0.4f64.sqrt() * factor + 0.6f64.sqrt() * score();
            truth.kinds[*kind as usize].mean * (0.6 * score - 0.18).exp()
        })
        .collect();
    let latencies = truth.latencies(&arrivals, &demands);
    let fitted = Fitted::new("service", &[truth.record(&arrivals, &kinds, &latencies, &mut rng)]).unwrap();
    for operation in &fitted.operations {
        let order = operation.autocorrelation.unwrap_or_else(|| panic!("no slow spells\n{fitted}"));
        let blocks = order.block.as_secs_f64();
        assert!((0.2..0.45).contains(&blocks) && (0.15..0.5).contains(&order.correlation), "{order:?}");
    }
    assert!(fitted.is_doubtful(), "the queue that is fitted is none: {fitted}");
    let text = fitted.profile().to_yaml("");
    assert!(text.contains("order: {blocks: ") && fitted.to_string().contains("slow spells"), "{text}\n{fitted}");
}

/// A gate that serves one call at a time, before three workers: no single station explains that.
/// Where the workers hardly queue, a delay beside the gate does; where they do, nothing is claimed.
#[test]
fn two_stations_in_series_are_not_explained_by_one() {
    for (mean, explained) in [(0.012, true), (0.022, false)] {
        let kinds = vec![Kind { name: "GET /", share: 1.0, mean: 0.008, cv: 0.7 }];
        let first = Truth { station: Station::Fifo(1), kinds, outside: 0.0, jitter: 100e-6 };
        let second = Truth { kinds: vec![Kind { name: "GET /", share: 1.0, mean, cv: 0.7 }], ..first.clone() };
        let run = |arrivals: &[f64], rng: &mut StdRng| {
            let (kinds, gate) = first.demands(arrivals.len(), rng);
            let (_, work) = second.demands(arrivals.len(), rng);
            let through: Vec<f64> =
                serve(Station::Fifo(1), arrivals, &gate).iter().zip(arrivals).map(|(wait, at)| wait + at).collect();
            let served = serve(Station::Fifo(3), &through, &work);
            let latencies = served.iter().zip(&through).zip(arrivals).map(|((wait, at), start)| at + wait - start);
            (kinds, latencies.collect::<Vec<f64>>())
        };
        let mut rng = StdRng::seed_from_u64(6);
        let arrivals = steps(first.capacity(1), &[0.2, 0.35, 0.5, 0.65, 0.8, 0.95], CALLS, 5);
        let (kinds, latencies) = run(&arrivals, &mut rng);
        let fitted = Fitted::new("service", &[first.record(&arrivals, &kinds, &latencies, &mut rng)]).unwrap();
        if unexplained(&fitted) {
            assert!(fitted.is_doubtful() && !explained, "{fitted}");
            assert!(fitted.operations[0].autocorrelation.is_none(), "what waiting leaves behind is no slow spell");
            continue;
        }
        let arrivals = steps(first.capacity(1), &[0.8], CALLS, 7);
        let mut errors = [0.0; 4];
        for _ in 0..RUNS {
            let (kinds, latencies) = run(&arrivals, &mut rng);
            let mock = quantiles(predict(&fitted, &first, &arrivals, &kinds, &mut rng));
            for ((error, real), mock) in errors.iter_mut().zip(quantiles(latencies)).zip(mock) {
                *error += (mock / real).ln() / RUNS as f64;
            }
        }
        eprintln!("a gate before three workers of {mean} s at 80%: {errors:.2?}");
        assert!(errors.iter().all(|error| error.abs() < 0.2), "{errors:?}\n{fitted}");
    }
}

/// Half of the recording with four cold workers, half with four warm ones: no model of both is
/// written, and each half is fitted separately.
#[test]
fn a_service_that_changes_gets_no_single_model() {
    let warm = Truth::new(Station::Fifo(4), 0.5);
    let cold = Truth {
        kinds: warm.kinds.iter().map(|kind| Kind { mean: kind.mean * 1.4, ..*kind }).collect(),
        ..warm.clone()
    };
    let arrivals = steps(warm.capacity(4), &[0.3, 0.5, 0.3, 0.5], CALLS, 31);
    let half = arrivals[arrivals.len() - 1] / 2.0;
    let mut rng = StdRng::seed_from_u64(32);
    let (kinds, demands) = warm.demands(arrivals.len(), &mut rng);
    let demands: Vec<f64> =
        demands.iter().zip(&arrivals).map(|(demand, at)| if *at < half { demand * 1.4 } else { *demand }).collect();
    let trace = warm.record(&arrivals, &kinds, &warm.latencies(&arrivals, &demands), &mut rng);
    let fitted = Fitted::new("service", std::slice::from_ref(&trace)).unwrap();
    let change = fitted.drift.expect("it changed");
    assert!((change.demand + 0.286).abs() < 0.06 && change.refuses_one_model() && fitted.is_doubtful(), "{fitted}");
    let time = Duration::from_secs_f64(half);
    let is_early = |call: &Observation| call.arrival - trace.calls[0].arrival < time.as_nanos() as u64;
    for (early, truth) in [(true, &cold), (false, &warm)] {
        let calls = trace.calls.iter().filter(|call| is_early(call) == early).copied();
        let part = Trace { calls: calls.collect(), ..trace.clone() };
        let fitted = Fitted::new("service", &[part]).unwrap();
        assert_eq!((fitted.drift, fitted.workers), (None, Some(4)), "{fitted}");
        let median = fitted.operations[0].demand.quantile(0.5).as_secs_f64();
        let expected = truth.kinds[0].mean / 1.25_f64.sqrt();
        assert!((median / expected - 1.0).abs() < 0.03, "{median} {expected}\n{fitted}");
    }
}

/// Several recordings of one service make one model, errors and rejections are separated, and the
/// report fits a terminal.
#[test]
fn several_tapes_with_errors_give_one_model_and_a_report() {
    let truth = Truth::new(Station::Fifo(2), 0.5);
    let capacity = truth.capacity(2);
    let mut traces: Vec<_> = [0.3, 0.6, 0.85]
        .iter()
        .zip(1..)
        .map(|(load, seed)| truth.trace(&poisson(&[load * capacity], 5_000, seed), seed))
        .collect();
    for trace in &mut traces {
        trace.limits.in_flight = Some(4);
        trace.failed = 2;
        for (number, call) in trace.calls.iter_mut().enumerate() {
            match number % 20 {
                0 => call.status = 404,
                1 if number % 3 == 0 => call.status = 500,
                _ => {}
            }
        }
    }
    traces[0].exclusive = false;
    let fitted = Fitted::new("inventory", &traces).unwrap();
    assert_eq!((fitted.discipline, fitted.workers), (QueueDiscipline::Fifo, Some(2)), "{fitted}");
    assert_eq!(fitted.operations[0].classes[0].status, 404);
    assert!((fitted.operations[0].classes[0].share - 0.05).abs() < 0.01);
    let utilization = fitted.valid.utilization.unwrap();
    assert!((0.8..1.0).contains(&utilization), "{utilization}");
    for expected in [Finding::NotExclusive, Finding::InFlightLimit { limit: 4 }, Finding::Failures { calls: 6 }] {
        assert!(fitted.findings.contains(&expected), "{expected:?}\n{fitted}");
    }
    let profile = fitted.profile();
    let yaml = profile.to_yaml(&fitted.to_string());
    let file =
        ProfileFile { name: "recorded".to_owned(), file: "profiles/recorded.yaml".into(), text: yaml.as_str().into() };
    let read = read_all(&[file]);
    assert!(read.defects.is_empty(), "{:?}\n{yaml}", read.defects);
    assert_eq!(read.profiles[0].spec.to_yaml(&fitted.to_string()), yaml);
    assert_eq!(read.profiles[0].services[0].operations.len(), 3);
    let report = fitted.to_string();
    assert!(report.lines().all(|line| line.chars().count() <= 80), "{report}");
    let json = serde_json::to_value(&fitted).unwrap();
    assert_eq!((json["discipline"].as_str(), json["workers"].as_u64()), (Some("fifo"), Some(2)));
    assert!(json["operations"][0]["demand"]["p99"].as_str().unwrap().ends_with("ms"));
}

/// From the recorder's file to the model.
#[test]
fn a_tape_on_disk_is_fitted() {
    let truth = Truth::new(Station::Fifo(1), 0.5);
    let arrivals = steps(truth.capacity(1), &[0.3, 0.6, 0.8], 3_000, 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.jsonl");
    tape_file::write(&path, "http://backend", &["GET /a/{id}", "POST /a"], &truth.trace(&arrivals, 2).calls, 3);
    let trace = tape_file::read(&path);
    assert_eq!((trace.operations.len(), trace.lost), (2, 3));
    let fitted = Fitted::new("backend", &[trace]).unwrap();
    assert_eq!((fitted.discipline, fitted.workers), (QueueDiscipline::Fifo, Some(1)), "{fitted}");
    let names: Vec<_> = fitted.operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names, ["GET /a/{id}", "POST /a"]);
    assert!(fitted.findings.contains(&Finding::Lost { calls: 3 }), "{fitted}");
}

#[test]
fn a_handful_of_calls_is_refused() {
    let truth = Truth::new(Station::Fifo(1), 0.5);
    let trace = truth.trace(&poisson(&[10.0], 50, 1), 1);
    assert!(Fitted::new("service", &[trace]).unwrap_err().to_string().contains("record at least"));
    assert!(Fitted::new("service", &[]).is_err());
}

/// Fits 200,000 calls in under 5 s on one core, in a release build.
#[test]
#[ignore = "measures; run with --release"]
fn a_long_tape_is_fitted_quickly() {
    for (station, workers) in [(Station::Fifo(4), 4), (Station::Fifo(64), 64), (Station::Sharing(4), 4)] {
        let truth = Truth::new(station, 1.0);
        let trace = truth.trace(&ramp(truth.capacity(workers), 200_000, 1), 2);
        let start = Instant::now();
        let fitted = Fitted::new("service", &[trace]).unwrap();
        eprintln!("{station:?}: {:?} {:?} in {:?}", fitted.discipline, fitted.workers, start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
