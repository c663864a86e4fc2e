//! Known services with a pool of workers above shared cores, recorded at 20 to 60 % of their
//! capacity and predicted at 85 %.
//!
//! The truth is a call that holds a worker, first works on a core, which it shares with the others,
//! and then holds its worker without a core. The models that are fitted know neither phase.

use std::collections::VecDeque;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use standin_learn::fit::{FitError, Fitted, LoadPrediction, Observation, QueueDiscipline, Trace};
use standin_model::profile::{ProfileFile, read_all};
use standin_model::stats::quantile;

use super::predict;
use super::reference_simulation::{Kind, Station, Truth, poisson, steps};

/// A pool above shared cores.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    /// Number of workers; very many stand for no pool.
    workers: usize,
    cores: usize,
    /// Share of its demand that each kind of call needs a core for.
    cpu: Vec<f64>,
    kinds: Vec<Kind>,
    /// Time that a call takes before it reaches the pool.
    outside: Kind,
}

/// A predicted quantile: the logarithm of its ratio to the truth, and how far runs of the truth are
/// apart.
pub(crate) struct Cell {
    pub(crate) error: f64,
    pub(crate) noise: f64,
}

/// Predicted intervals against what services do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) cells: usize,
    /// Number of cells whose interval holds the truth.
    pub(crate) inside: usize,
    /// Number of cells whose prediction is within 20 % of the truth.
    pub(crate) right: usize,
    /// Number of cells off by more than a factor of two that no warning announces.
    pub(crate) hidden: usize,
    /// Number of services for which the load is said to be unknown.
    pub(crate) announced: usize,
    /// Logarithms of the ratio of the upper to the lower end.
    pub(crate) widths: Vec<f64>,
}

impl Coverage {
    pub(crate) fn add(&mut self, other: Self) {
        self.cells += other.cells;
        self.inside += other.inside;
        self.right += other.right;
        self.hidden += other.hidden;
        self.announced += other.announced;
        self.widths.extend(other.widths);
    }
}

impl Cell {
    /// Returns true if the prediction is within 20 % or the noise.
    pub(crate) fn is_right(&self) -> bool {
        self.error.abs() <= f64::max(0.2f64.ln_1p(), self.noise)
    }
}

/// A call in service: what it still has to do on a core, and then without one.
struct InService {
    call: usize,
    cpu: f64,
    hold: f64,
}

impl Layers {
    pub(crate) fn new(workers: usize, cores: usize, cpu: [f64; 3], cv: f64, outside: f64) -> Self {
        let kind = |name, share, mean| Kind { name, share, mean, cv };
        let kinds = vec![kind("GET /a/{id}", 0.5, 0.008), kind("POST /a", 0.3, 0.016), kind("GET /b", 0.2, 0.004)];
        Self { workers, cores, cpu: cpu.to_vec(), kinds, outside: kind("outside", 1.0, outside) }
    }

    fn truth(&self) -> Truth {
        Truth { station: Station::Unlimited, kinds: self.kinds.clone(), outside: 0.0, jitter: 20e-6 }
    }

    /// Serves calls in steps from event to event, as `serve` does.
    fn serve(&self, arrivals: &[f64], kinds: &[u32], demands: &[f64]) -> Vec<f64> {
        let mut finishes = vec![0.0; arrivals.len()];
        let (mut waiting, mut present, mut now, mut next) = (VecDeque::new(), Vec::<InService>::new(), 0.0, 0);
        while next < arrivals.len() || !present.is_empty() {
            while present.len() < self.workers
                && let Some(call) = waiting.pop_front()
            {
                let cpu = self.cpu[kinds[call] as usize] * demands[call];
                present.push(InService { call, cpu, hold: demands[call] - cpu });
            }
            let on_cores = present.iter().filter(|job| job.cpu > 0.0).count();
            let rate = (self.cores as f64 / on_cores.max(1) as f64).min(1.0);
            let ends = present.iter().map(|job| if job.cpu > 0.0 { job.cpu / rate } else { job.hold });
            let until_arrival = arrivals.get(next).map_or(f64::INFINITY, |arrival| arrival - now);
            let step = ends.fold(until_arrival, f64::min).max(0.0);
            now += step;
            for job in &mut present {
                if job.cpu > 0.0 {
                    job.cpu -= step * rate;
                    job.cpu = if job.cpu < 1e-12 { 0.0 } else { job.cpu };
                } else {
                    job.hold -= step;
                }
            }
            present.retain(|job| {
                let is_done = job.cpu <= 0.0 && job.hold < 1e-12;
                if is_done {
                    finishes[job.call] = now;
                }
                !is_done
            });
            if step == until_arrival {
                waiting.push_back(next);
                next += 1;
            }
        }
        finishes.iter().zip(arrivals).map(|(finish, arrival)| finish - arrival).collect()
    }

    /// Returns the latencies of calls, each of which reaches the pool after a time of its own.
    fn latencies(&self, arrivals: &[f64], kinds: &[u32], demands: &[f64], rng: &mut StdRng) -> Vec<f64> {
        let before: Vec<f64> = arrivals.iter().map(|_| self.outside.demand(rng)).collect();
        let mut order: Vec<usize> = (0..arrivals.len()).collect();
        let enters = |call: usize| arrivals[call] + before[call];
        order.sort_by(|one, other| enters(*one).total_cmp(&enters(*other)));
        let entered: Vec<f64> = order.iter().map(|call| enters(*call)).collect();
        let kinds: Vec<u32> = order.iter().map(|call| kinds[*call]).collect();
        let demands: Vec<f64> = order.iter().map(|call| demands[*call]).collect();
        let served = self.serve(&entered, &kinds, &demands);
        let mut latencies = vec![0.0; arrivals.len()];
        for (call, latency) in order.into_iter().zip(served) {
            latencies[call] = before[call] + latency;
        }
        latencies
    }

    /// Returns the rate at which a backlog is worked off, in calls a second.
    pub(crate) fn capacity(&self) -> f64 {
        let together = if self.workers > 100 { 60 } else { self.workers };
        let closed = Self { workers: together, ..self.clone() };
        let mut rng = StdRng::seed_from_u64(5);
        let (kinds, demands) = self.truth().demands(6_000, &mut rng);
        let latencies = closed.serve(&vec![0.0; kinds.len()], &kinds, &demands);
        kinds.len() as f64 / latencies.into_iter().fold(0.0, f64::max)
    }

    fn run(&self, arrivals: &[f64], seed: u64) -> (Vec<u32>, Vec<f64>) {
        let mut rng = StdRng::seed_from_u64(seed);
        let (kinds, demands) = self.truth().demands(arrivals.len(), &mut rng);
        let latencies = self.latencies(arrivals, &kinds, &demands, &mut rng);
        (kinds, latencies)
    }

    pub(crate) fn recording(&self, loads: &[f64], calls: usize, seed: u64) -> Trace {
        let arrivals = steps(self.capacity(), loads, calls, seed);
        let (kinds, latencies) = self.run(&arrivals, seed + 1);
        self.truth().record(&arrivals, &kinds, &latencies, &mut StdRng::seed_from_u64(seed + 2))
    }

    /// Returns p50, p95 and p99 of each operation, in seconds, at a share of the capacity:
    /// geometric means over runs of other arrivals.
    pub(crate) fn expected(&self, load: f64) -> Vec<[f64; 3]> {
        let rate = load * self.capacity();
        let mut logs = vec![[0.0; 3]; self.kinds.len()];
        for run in 0..RUNS {
            let quantiles = self.quantiles(&self.run(&poisson(&[rate], JUDGED_CALLS, 700 + run), 800 + run));
            for (log, quantile) in logs.iter_mut().flatten().zip(quantiles.iter().flatten()) {
                *log += quantile.ln() / RUNS as f64;
            }
        }
        logs.into_iter().map(|logs| logs.map(f64::exp)).collect()
    }

    /// Counts how often the intervals that were predicted at a share of the capacity hold what the
    /// service does.
    pub(crate) fn coverage(&self, fitted: &Fitted, load: f64) -> Coverage {
        let rate = load * self.capacity();
        let near = |one: &&LoadPrediction| (one.per_second / rate - 1.0).abs() < 1e-6;
        let prediction = fitted.predictions.iter().find(near).expect("asked for");
        let is_announced = fitted.is_unexplained() || fitted.known_up_to.is_some_and(|known| known < rate * 0.999);
        let mut coverage = Coverage { announced: usize::from(is_announced), ..Coverage::default() };
        for (kind, truth) in self.kinds.iter().zip(self.expected(load)) {
            let operation = prediction.operations.iter().find(|one| one.name == kind.name).expect("recorded");
            for (interval, truth) in operation.quantiles.iter().zip(truth) {
                let (low, high) = (interval.low.as_secs_f64(), interval.high.as_secs_f64());
                coverage.cells += 1;
                coverage.inside += usize::from(low <= truth && truth <= high);
                let off = (interval.expected.as_secs_f64() / truth).ln().abs();
                coverage.right += usize::from(off <= 0.2f64.ln_1p());
                coverage.hidden += usize::from(off > 2f64.ln() && !is_announced);
                coverage.widths.push((high / low).ln());
            }
        }
        coverage
    }

    /// Returns a short name.
    pub(crate) fn name(&self) -> String {
        let pool = if self.workers > 100 { "no pool".to_owned() } else { format!("{} workers", self.workers) };
        format!("{pool}, {} cores, cpu {:.2}, outside {:.0?}", self.cores, self.cpu[0], self.outside.mean * 1e3)
    }

    /// Predicts p50, p95 and p99 of each operation at a load.
    pub(crate) fn cells(&self, fitted: &Fitted, load: f64) -> Vec<Cell> {
        let arrivals = poisson(&[load * self.capacity()], JUDGED_CALLS, 77);
        let real: Vec<Vec<[f64; 3]>> = (0..RUNS).map(|run| self.quantiles(&self.run(&arrivals, 300 + run))).collect();
        let mock: Vec<Vec<[f64; 3]>> = (0..RUNS)
            .map(|run| {
                let mut rng = StdRng::seed_from_u64(500 + run);
                let (kinds, _) = self.truth().demands(arrivals.len(), &mut rng);
                let latencies = predict(fitted, &self.truth(), &arrivals, &kinds, &mut rng);
                self.quantiles(&(kinds, latencies))
            })
            .collect();
        let places = (0..self.kinds.len()).flat_map(|kind| (0..3).map(move |place| (kind, place)));
        let cell = |(kind, place): (usize, usize)| {
            let logs = |runs: &[Vec<[f64; 3]>]| runs.iter().map(|run| run[kind][place].ln()).collect::<Vec<f64>>();
            let (real, mock) = (logs(&real), logs(&mock));
            let mean = |logs: &[f64]| logs.iter().sum::<f64>() / logs.len() as f64;
            let extreme = |by: fn(f64, f64) -> f64, from: f64| real.iter().copied().fold(from, by);
            let noise = extreme(f64::max, f64::NEG_INFINITY) - extreme(f64::min, f64::INFINITY);
            Cell { error: mean(&mock) - mean(&real), noise }
        };
        places.map(cell).collect()
    }

    fn quantiles(&self, (kinds, latencies): &(Vec<u32>, Vec<f64>)) -> Vec<[f64; 3]> {
        let of = |kind: usize| {
            let own = kinds.iter().zip(latencies).filter(|(of, _)| **of as usize == kind);
            let mut own: Vec<f64> = own.map(|(_, latency)| *latency).collect();
            own.sort_by(f64::total_cmp);
            [0.5, 0.95, 0.99].map(|share| quantile(&own, share))
        };
        (0..self.kinds.len()).map(of).collect()
    }
}

/// Fits services and predicts them at some loads; returns the number of cells that are right, of
/// how many.
fn sweep(services: &[Layers], calls: usize, loads: &[f64]) -> (usize, usize) {
    let (mut right, mut all) = (0, 0);
    for (number, service) in services.iter().enumerate() {
        let trace = service.recording(&[0.2, 0.4, 0.6], calls, 40 + number as u64);
        let fitted = Fitted::new("service", &[trace]).expect("enough calls");
        eprintln!("{service:?}");
        eprintln!(
            "  {:?} {:?} on {:?} outside {:?} effect {:.3} {:?}",
            fitted.discipline,
            fitted.workers,
            fitted.cores,
            fitted.outside,
            fitted.effect,
            fitted.operations.iter().map(|operation| operation.cpu).collect::<Vec<_>>()
        );
        for load in loads {
            let cells = service.cells(&fitted, *load);
            for cell in &cells {
                eprint!(" {:+.0}({:.0})", cell.error * 100.0, cell.noise * 100.0);
            }
            eprintln!(" at {load}");
            right += cells.iter().filter(|cell| cell.is_right()).count();
            all += cells.len();
        }
    }
    eprintln!("{right} of {all} cells");
    (right, all)
}

#[test]
fn calls_that_slow_each_other_down_in_a_pool_are_predicted_beyond_the_recorded_load() {
    let services = [
        Layers::new(4, 1, [0.2, 0.3, 0.6], 0.5, 0.0),
        Layers::new(6, 1, [0.1, 0.1, 0.4], 0.3, 0.001),
        Layers::new(3, 1, [0.0, 0.0, 0.0], 0.7, 0.0),
    ];
    let (right, all) = sweep(&services, 8_000, &[0.85]);
    assert!(right as f64 >= 0.85 * all as f64, "{right} of {all}");
}

/// What is written is read and served as it was fitted.
#[test]
fn a_layered_queue_is_written_to_a_profile() {
    let service = Layers::new(1_000, 1, [0.7, 0.4, 0.2], 0.2, 0.0);
    let fitted = Fitted::new("service", &[service.recording(&[0.2, 0.4, 0.6], 8_000, 3)]).unwrap();
    assert_eq!(fitted.cores, Some(1), "{fitted}");
    let shares: Vec<f64> = fitted.operations.iter().filter_map(|operation| operation.cpu).collect();
    assert!(shares.len() == 3 && shares.iter().all(|share| (0.0..=1.0).contains(share)), "{fitted}");
    let text = fitted.profile().to_yaml("");
    let file =
        ProfileFile { name: "recorded".to_owned(), file: "profiles/recorded.yaml".into(), text: text.as_str().into() };
    let read = read_all(&[file]);
    assert!(read.defects.is_empty() && text.contains("cores: 1"), "{:?}\n{text}", read.defects);
    assert!(text.contains("cpu: "), "{text}");
    assert_eq!(read.profiles[0].spec.services[0].station.capacity, fitted.capacity(), "{text}");
    assert!(fitted.to_string().lines().all(|line| line.chars().count() <= 80), "{fitted}");
}

/// Damages a call, by its rank among those that are damaged; false if it is lost.
type Damage = fn(usize, &mut Observation) -> bool;

/// One call in twenty with a wrong stamp, or lost: the structure and the workers stay.
#[test]
fn five_percent_of_wrong_calls_change_neither_discipline_nor_workers() {
    let truth = Truth { jitter: 50e-6, ..Truth::new(Station::Fifo(4), 0.7) };
    let arrivals = steps(truth.capacity(4), &[0.25, 0.45, 0.65], 10_000, 8);
    let trace = truth.trace(&arrivals, 9);
    let damages: [(&str, Damage); 2] = [
        ("sent stamped late", |rank, call| {
            call.arrival += (call.finish - call.arrival) * (rank as u64 * 7 % 97) / 100;
            true
        }),
        ("lost", |_, _| false),
    ];
    for (what, damage) in damages {
        let mut rank = 0;
        let calls = trace.calls.iter().filter_map(|call| {
            rank += 1;
            let mut call = *call;
            (rank % 20 != 7 || damage(rank / 20, &mut call)).then_some(call)
        });
        let damaged = Trace { calls: calls.collect(), ..trace.clone() };
        let fitted = Fitted::new("service", &[damaged]).unwrap();
        eprintln!(
            "{what}: {:?} {:?} on {:?} effect {:.3}",
            fitted.discipline, fitted.workers, fitted.cores, fitted.effect
        );
        assert_eq!((fitted.discipline, fitted.workers), (QueueDiscipline::Fifo, Some(4)), "{what}: {fitted}");
        assert!(!fitted.to_string().contains("inf"), "{what}: {fitted}");
    }
}

/// Where the recorder counted other populations than the times make, no model is fitted.
#[test]
fn times_that_contradict_each_other_give_no_model() {
    let truth = Truth::new(Station::Fifo(2), 0.7);
    let arrivals = steps(truth.capacity(2), &[0.3, 0.6], 2_000, 8);
    let mut trace = truth.trace(&arrivals, 9);
    for (rank, call) in trace.calls.iter_mut().enumerate() {
        call.in_flight = 1 + rank as u32 % 40;
    }
    let told = Fitted::new("service", &[trace]).unwrap_err();
    assert!(matches!(told, FitError::InconsistentPopulations { .. }), "{told}");
    assert!(told.to_string().contains("this recording's times are inconsistent"), "{told}");
}

/// Number of calls of a run of the truth and of the model.
const JUDGED_CALLS: usize = 10_000;
/// Number of runs of each.
const RUNS: u64 = 5;
