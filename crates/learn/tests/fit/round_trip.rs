//! Round trips of known services in virtual time: simulated, recorded, fitted, written as a
//! profile, read again, served by the production code, and judged by `gap` at loads that the tape
//! need not hold.
//!
//! Each run of the mock comes from a tape of its own, so that the noise between runs, by which
//! `gap` judges, includes that of recordings. The test judges the method, not the luck of one tape.

use std::num::NonZeroU32;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use standin_learn::fit::{Fitted, Observation};
use standin_learn::gap::{ComparisonContext, ComparisonSide, Gap, ServiceRun, TimedCall, Verdict};
use standin_model::draws::Draws;
use standin_model::profile::{CompiledProfile, ProfileFile, ProfileService, read_all};
use standin_model::station::{Capacity, SimTime, Station as Served, TokenBucket, simulate_in, simulate_tandem};

use super::limits_and_stalls::{bounded, limited, stalled, stalls};
use super::reference_simulation::{Kind, Station, Truth, steps};
use super::{CALLS, tape_file};

/// A service, and the loads of its tape.
struct Original {
    name: &'static str,
    truth: Truth,
    around: Around,
    /// Capacity in calls a second.
    capacity: f64,
    /// Loads of the tape, as shares of the capacity.
    tape: &'static [f64],
}

/// Limits and stalls around the queue.
#[derive(Clone, Copy)]
enum Around {
    Nothing,
    /// Highest number of waiting calls.
    Bound(usize),
    /// Rate in calls a second, and burst.
    Limit(f64, f64),
    /// Mean seconds between stalls, and seconds of each.
    Stalls(f64, f64),
}

/// Calls to come.
struct Schedule {
    /// Arrivals in seconds.
    arrivals: Vec<f64>,
    kinds: Vec<u32>,
}

/// Latencies in seconds, with statuses.
type Answers = Vec<(f64, u16)>;

impl Original {
    fn new(name: &'static str, station: Station, workers: usize, cv: f64) -> Self {
        let truth = Truth::new(station, cv);
        let capacity = truth.capacity(workers);
        Self { name, truth, around: Around::Nothing, capacity, tape: CALM }
    }

    /// Draws the calls at these loads, with the demand of each.
    fn calls(&self, shares: &[f64], schedule_seed: u64, rng: &mut StdRng) -> (Schedule, Vec<f64>) {
        let arrivals = steps(self.capacity, shares, CALLS, schedule_seed);
        let (kinds, demands) = self.truth.demands(arrivals.len(), rng);
        (Schedule { arrivals, kinds }, demands)
    }

    /// Simulates a run at these loads.
    fn run(&self, shares: &[f64], schedule_seed: u64, seed: u64) -> (Schedule, Answers) {
        let mut rng = StdRng::seed_from_u64(seed);
        let (schedule, demands) = self.calls(shares, schedule_seed, &mut rng);
        let arrivals = &schedule.arrivals;
        let all_good = |latencies: Vec<f64>| latencies.into_iter().map(|latency| (latency, 200)).collect();
        let answers = match (self.around, self.truth.station) {
            (Around::Bound(bound), Station::Fifo(workers)) => bounded(workers, bound, arrivals, &demands),
            (Around::Limit(rate, burst), station) => limited((rate, burst), station, arrivals, &demands),
            (Around::Stalls(every, length), station) => {
                let end = arrivals.last().expect("calls") * 2.0 + 10.0;
                all_good(stalled(&stalls(end, every, length, &mut rng), station, arrivals, &demands))
            }
            _ => all_good(self.truth.latencies(arrivals, &demands)),
        };
        (schedule, answers)
    }

    /// Fits a recording of the service.
    fn fitted(&self, seed: u64) -> Fitted {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("tape.jsonl");
        let (schedule, answers) = self.run(self.tape, seed, seed + 100);
        let calls = schedule.arrivals.iter().zip(&schedule.kinds).zip(answers);
        let calls = calls.map(|((arrival, kind), (latency, status))| {
            let nanos = |seconds: f64| (seconds * 1e9) as u64;
            let (arrival, finish) = (nanos(*arrival), nanos(arrival + latency));
            Observation { operation: *kind, arrival, finish, status, bytes: None, in_flight: 0 }
        });
        let names: Vec<&str> = self.truth.kinds.iter().map(|kind| kind.name).collect();
        tape_file::write(&path, "http://backend", &names, &calls.collect::<Vec<_>>(), 0);
        let trace = tape_file::read(&path);
        Fitted::new("backend", &[trace]).expect("enough calls")
    }

    /// Returns the number of workers that a fit must find.
    fn workers(&self) -> Option<u32> {
        match self.truth.station {
            Station::Fifo(workers) | Station::Sharing(workers) => Some(workers as u32),
            Station::Unlimited | Station::Curve(_) => None,
        }
    }

    /// Compares profiles with the service at a load, by runs of one schedule, one of each profile.
    fn gap(&self, profiles: &[CompiledProfile], load: f64, budget: &str) -> Gap {
        let side = |name: &str, runs: Vec<ServiceRun>| ComparisonSide { name: name.to_owned(), runs, repeats: true };
        let real = (0..profiles.len() as u64).map(|number| {
            let (schedule, answers) = self.run(&[load], 4711, 7_000 + number);
            self.taken(&schedule, &answers)
        });
        let mock = profiles.iter().zip(0..).map(|(profile, number)| {
            let (schedule, _) = self.calls(&[load], 4711, &mut StdRng::seed_from_u64(8_000 + number));
            self.taken(&schedule, &self.served(profile, &schedule, number))
        });
        let (real, mock) = (side("service", real.collect()), side("mock", mock.collect()));
        Gap::with_context(&ComparisonContext::default(), &real, &mock, Some(budget.parse().expect("a budget")))
    }

    /// Returns the answers of the production code for a profile.
    fn served(&self, profile: &CompiledProfile, schedule: &Schedule, seed: u64) -> Answers {
        let service = &profile.services[0];
        let operations = self.truth.kinds.iter().map(|kind| {
            service.operations.iter().find(|operation| operation.name == kind.name).expect("it was fitted")
        });
        let operations: Vec<_> = operations.collect();
        let draws = Draws::new(seed);
        let mut ordinals = vec![0; operations.len()];
        let mut answers = vec![(0.0, 200); schedule.arrivals.len()];
        let mut entering = Vec::with_capacity(answers.len());
        for (call, (arrival, kind)) in schedule.arrivals.iter().zip(&schedule.kinds).enumerate() {
            let (after, ordinal) = (Duration::from_secs_f64(*arrival), &mut ordinals[*kind as usize]);
            let drawn = operations[*kind as usize].draw(&draws, *ordinal, after, None);
            *ordinal += 1;
            answers[call].1 = drawn.class.and_then(|class| class.status).map_or(200, |status| status.as_u16());
            entering.push((SimTime::from(after) + drawn.outside_latency, call, drawn.front_demand, drawn.demand));
        }
        entering.sort_by_key(|(enters, ..)| *enters);
        let mut bucket = TokenBucket::default();
        let mut inside = Vec::with_capacity(entering.len());
        let took = |call: usize, finish: SimTime| finish.since_epoch().as_secs_f64() - schedule.arrivals[call];
        for (enters, call, front, demand) in entering {
            let Some(limit) = &service.rate_limit else {
                inside.push((call, (enters, front, demand)));
                continue;
            };
            match bucket.admit(enters, limit.rate) {
                Some(turn) => inside.push((call, (turn, front, demand))),
                None => answers[call] = (took(call, enters), limit.overflow.status.as_u16()),
            }
        }
        let mut main = match &service.stalls {
            Some(stalls) => Served::with_stalls(service.station.capacity.clone(), stalls.clone(), draws),
            None => Served::new(service.station.capacity.clone()),
        };
        let calls: Vec<_> = inside.iter().map(|(_, call)| *call).collect();
        let finished = match &service.front_station {
            Some(front) => simulate_tandem(&mut Served::new(front.capacity.clone()), &mut main, &calls),
            None => simulate_in(&mut main, calls.iter().map(|(enters, _, demand)| (*enters, *demand))),
        };
        for ((call, (enters, ..)), finish) in inside.into_iter().zip(finished) {
            match finish {
                Some(finish) => answers[call].0 = took(call, finish),
                None => answers[call] = (took(call, enters), service.station.overflow.status.as_u16()),
            }
        }
        answers
    }

    /// Converts a run for `gap`.
    fn taken(&self, schedule: &Schedule, answers: &Answers) -> ServiceRun {
        let nanos = |seconds: f64| (seconds * 1e9) as u64;
        let calls = schedule.arrivals.iter().zip(&schedule.kinds).zip(answers);
        let call = |((arrival, kind), (latency, status)): ((&f64, &u32), &(f64, u16))| TimedCall {
            operation: *kind,
            at: nanos(*arrival),
            latency: Some(nanos(*latency)),
            status: Some(*status),
        };
        ServiceRun {
            operations: self.truth.kinds.iter().map(|kind| kind.name.to_owned()).collect(),
            calls: calls.map(call).collect(),
            ..ServiceRun::default()
        }
    }
}

/// Returns the profile that a fit writes, as read from its file.
fn written(fitted: &Fitted) -> CompiledProfile {
    let text = fitted.profile().to_yaml(&fitted.to_string());
    let file =
        ProfileFile { name: "recorded".to_owned(), file: "profiles/recorded.yaml".into(), text: text.as_str().into() };
    let mut read = read_all(&[file]);
    assert!(read.defects.is_empty(), "{:?}\n{text}", read.defects);
    read.profiles.remove(0)
}

fn tell(name: &str, load: f64, gap: &Gap) {
    for cell in &gap.cells {
        let each =
            |of: standin_learn::gap::Percentiles<f64>| [of.p50, of.p90, of.p95, of.p99].map(|log| log.exp_m1() * 100.0);
        let off = cell.deviation.map_or([f64::NAN; 4], |deviation| each(deviation.log_ratio));
        let told: Vec<String> =
            off.into_iter().zip(each(cell.noise)).map(|(off, noise)| format!("{off:+6.1} ({noise:4.1})")).collect();
        eprintln!(
            "{name:<24} {:>4.0} % {:<12} {} throughput {:+.2} errors {:+.2} {:?} {:?}",
            load * 100.0,
            cell.operation,
            told.join(" "),
            cell.throughput.map_or(f64::NAN, |ratio| ratio.exp_m1() * 100.0),
            cell.errors,
            cell.verdict,
            cell.reasons
        );
    }
}

/// Records, fits and judges at every load.
fn assert_predicted(original: &Original) {
    let fits: Vec<Fitted> = TAPES.map(|seed| original.fitted(seed)).collect();
    for fitted in &fits {
        eprintln!("{:<24} {}", original.name, fitted.to_string().lines().next().unwrap_or_default());
        assert_eq!(fitted.workers, original.workers(), "{fitted}");
    }
    let profiles: Vec<CompiledProfile> = fits.iter().map(written).collect();
    for (load, budget) in LOADS {
        let gap = original.gap(&profiles, load, budget);
        tell(original.name, load, &gap);
        assert!(gap.verdict != Verdict::Over, "{} at {load}\n{gap}\n{}", original.name, fits[0]);
    }
}

fn fifo(workers: usize, cv: f64) -> Original {
    Original::new("fifo", Station::Fifo(workers), workers, cv)
}

#[test]
fn a_service_without_a_queue() {
    assert_predicted(&Original::new("unlimited", Station::Unlimited, 16, 1.0));
}

#[test]
fn four_workers() {
    assert_predicted(&fifo(4, 0.5));
}

#[test]
fn sixteen_workers_with_heavy_tails() {
    assert_predicted(&Original { name: "fifo(16) cv 2", ..fifo(16, 2.0) });
}

#[test]
fn four_shared_workers() {
    assert_predicted(&Original::new("sharing(4)", Station::Sharing(4), 4, 1.0));
}

#[test]
fn a_delay_beside_two_workers() {
    let kinds = vec![Kind { name: "GET /a/{id}", share: 1.0, mean: 0.002, cv: 1.0 }];
    let truth = Truth { kinds, outside: 0.04, ..Truth::new(Station::Fifo(2), 1.0) };
    let capacity = truth.capacity(2);
    assert_predicted(&Original { name: "delay, fifo(2)", truth, capacity, ..fifo(2, 1.0) });
}

#[test]
fn stalls_of_a_service() {
    let capacity = fifo(4, 0.5).capacity * 2.0 / 2.08;
    let around = Around::Stalls(2.0, 0.08);
    assert_predicted(&Original { name: "stalls", around, capacity, ..fifo(4, 0.5) });
}

#[test]
fn a_limit_of_the_rate() {
    let around = Around::Limit(200.0, 20.0);
    assert_predicted(&Original { name: "limit", around, capacity: 200.0, tape: LIMITED, ..fifo(4, 0.5) });
}

#[test]
fn a_bound_of_the_queue() {
    assert_predicted(&Original { name: "bound", around: Around::Bound(10), tape: LIMITED, ..fifo(4, 0.5) });
}

/// A small latency outside the queue, which a tape at light load hardly shows.
#[test]
fn four_workers_and_a_little_outside() {
    let mut original = Original { name: "fifo(4), 0.2 ms", ..fifo(4, 0.5) };
    original.truth = Truth { outside: 0.0002, ..original.truth };
    assert_predicted(&original);
}

/// Wrong models exceed their limits: one worker more or less, and demands that are 5 % longer.
#[test]
fn wrong_models_are_over_their_limits() {
    let original = fifo(4, 0.5);
    let fits: Vec<Fitted> = TAPES.map(|seed| original.fitted(seed)).collect();
    let told = |change: &dyn Fn(&mut ProfileService)| {
        let profiles = fits.iter().map(|fitted| {
            let mut spec = fitted.profile();
            change(&mut spec.services[0]);
            CompiledProfile::new("wrong", spec).expect("it is right in itself")
        });
        let gap = original.gap(&profiles.collect::<Vec<_>>(), 0.8, UP_TO_80);
        tell("wrong", 0.8, &gap);
        gap.verdict
    };
    let workers = |count| {
        move |service: &mut ProfileService| {
            let Capacity::Fifo { workers, .. } = &mut service.station.capacity else { unreachable!("four workers") };
            *workers = NonZeroU32::new(count).expect("more than none");
        }
    };
    assert_eq!(told(&workers(4)), Verdict::Within);
    assert_eq!(told(&workers(5)), Verdict::Over);
    assert_eq!(told(&workers(3)), Verdict::Over);
    assert_eq!(told(&|service| service.scale.latency = 1.05), Verdict::Over);
}

/// Loads, as shares of the capacity, with the budget of each. Less than the noise between runs is
/// not held against the mock.
const LOADS: [(f64, &str); 6] = [
    (0.2, UP_TO_80),
    (0.4, UP_TO_80),
    (0.6, UP_TO_80),
    (0.8, UP_TO_80),
    (0.9, "p50=10%,p90=12%,p95=15%,p99=20%,errors=0.5%"),
    (1.2, "p95=25%,p99=25%,errors=2%,throughput=3%"),
];
const UP_TO_80: &str = "p50=3%,p90=5%,p95=7%,p99=10%,errors=0.2%";
/// Loads of a tape: nothing near the capacity, or as much as rejections need to show.
const CALM: &[f64] = &[0.2, 0.3, 0.4, 0.5, 0.6];
const LIMITED: &[f64] = &[0.3, 0.6, 0.9, 1.2];
/// Seeds of the tapes, each of which gives one run of the mock.
const TAPES: std::ops::RangeInclusive<u64> = 1..=5;
