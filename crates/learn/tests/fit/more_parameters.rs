//! Known services beyond the single station: load-dependent rates, and two stations in series.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use standin_learn::fit::{Finding, Fitted, QueueDiscipline, Trace};
use standin_model::profile::{ProfileFile, read_all};
use standin_model::stats::Moments;

use super::reference_simulation::{Kind, Station, Truth, serve, steps, together};
use super::{CALLS, RUNS, predict, quantiles};

/// A service with its capacity, and possibly a front station.
struct Known {
    truth: Truth,
    front: Option<(Station, Kind)>,
    /// Capacity in calls a second.
    capacity: f64,
}

impl Known {
    fn curve(cv: f64) -> Self {
        let kind = |name, share, mean| Kind { name, share, mean, cv };
        let kinds = vec![kind("GET /a/{id}", 0.75, 0.008), kind("POST /a", 0.25, 0.016)];
        let truth = Truth { station: Station::Curve(RATES), kinds, outside: 0.0, jitter: 100e-6 };
        Self { truth, front: None, capacity: 290.0 }
    }

    /// Returns an event loop before a pool.
    fn series(loop_mean: f64, workers: usize, mean: f64, cv: f64) -> Self {
        let kind = |name, share, mean, cv| Kind { name, share, mean, cv };
        let kinds = vec![kind("GET /a/{id}", 0.75, mean * 0.8, cv), kind("POST /a", 0.25, mean * 1.6, cv)];
        let truth = Truth { station: Station::Fifo(workers), kinds, outside: 0.0, jitter: 50e-6 };
        let front = (Station::Fifo(1), kind("front", 1.0, loop_mean, 0.5));
        Self { truth, front: Some(front), capacity: (1.0 / loop_mean).min(workers as f64 / mean) }
    }

    /// Returns the kinds and the latencies of calls.
    fn run(&self, arrivals: &[f64], rng: &mut StdRng) -> (Vec<u32>, Vec<f64>) {
        let (kinds, demands) = self.truth.demands(arrivals.len(), rng);
        let Some((station, kind)) = &self.front else { return (kinds, self.truth.latencies(arrivals, &demands)) };
        let front: Vec<f64> = arrivals.iter().map(|_| kind.demand(rng)).collect();
        let waits = serve(*station, arrivals, &front);
        let through: Vec<f64> = waits.iter().zip(arrivals).map(|(wait, at)| wait + at).collect();
        let served = self.truth.latencies(&through, &demands);
        (kinds, served.iter().zip(&waits).map(|(served, wait)| served + wait).collect())
    }

    fn tape(&self, shares: &[f64], seed: u64) -> Trace {
        let arrivals = steps(self.capacity, shares, CALLS, seed);
        let mut rng = StdRng::seed_from_u64(seed + 100);
        let (kinds, latencies) = self.run(&arrivals, &mut rng);
        self.truth.record(&arrivals, &kinds, &latencies, &mut rng)
    }

    /// Returns the errors of the fitted model at p50, p90, p95 and p99, with twice the standard
    /// deviation of a run of the truth.
    fn errors(&self, fitted: &Fitted, share: f64) -> [(f64, f64); 4] {
        let arrivals = steps(self.capacity, &[share], CALLS, 4711);
        let mut rng = StdRng::seed_from_u64(99);
        let log = |latencies| quantiles(latencies).map(f64::ln);
        let real: Vec<[f64; 4]> = (0..RUNS).map(|_| log(self.run(&arrivals, &mut rng).1)).collect();
        let mock = |_| {
            let (kinds, _) = self.truth.demands(arrivals.len(), &mut rng);
            log(predict(fitted, &self.truth, &arrivals, &kinds, &mut rng))
        };
        let mock: Vec<[f64; 4]> = (0..RUNS).map(mock).collect();
        [0, 1, 2, 3].map(|quantile| {
            let moments = |runs: &[[f64; 4]]| Moments::new(runs.iter().map(|run| run[quantile]));
            (moments(&mock).mean - moments(&real).mean, 2.0 * moments(&real).sample_variance().sqrt())
        })
    }
}

fn print(what: &str, fitted: &Fitted, errors: [(f64, f64); 4]) {
    let told = errors.map(|(error, noise)| format!("{:+.1}% ({:.1})", error * 100.0, noise * 100.0));
    let found = fitted.to_string().lines().next().unwrap_or_default().to_owned();
    eprintln!("{what:<28} {found}: {}", told.join(" "));
}

const RATES: &[(usize, f64)] = &[(1, 100.0), (2, 180.0), (4, 240.0), (8, 280.0), (16, 290.0)];
const HIGH: &[f64] = &[0.2, 0.4, 0.6, 0.8, 0.95];
const RAMP: &[f64] = &[0.2, 0.3, 0.4, 0.5, 0.6];

/// Processor sharing with diminishing returns: the curve is measured, and extrapolated beyond. A
/// tape of up to 60 % with widely varying demands determines the capacity to a sixth.
#[test]
fn rates_by_population_are_recovered() {
    for (cv, shares, seed, limit) in [(0.5, RAMP, 1, 0.1), (1.0, RAMP, 2, 0.3), (1.0, HIGH, 3, 0.1)] {
        let known = Known::curve(cv);
        let fitted = Fitted::new("service", &[known.tape(shares, seed)]).unwrap();
        let errors = known.errors(&fitted, 0.8);
        print(&format!("curve, cv {cv}"), &fitted, errors);
        let curve = fitted.curve.as_ref().unwrap_or_else(|| panic!("no curve\n{fitted}"));
        assert_eq!((fitted.discipline, fitted.workers), (QueueDiscipline::Sharing, None));
        for (population, rate) in curve.rates().iter().filter(|(population, _)| *population <= 8) {
            let truth = together(RATES, *population as usize);
            assert!((rate / truth - 1.0).abs() < 0.07, "{population}: {rate}, not {truth}\n{fitted}");
        }
        assert!(errors.iter().all(|(error, _)| error.abs() < limit), "{errors:?}\n{fitted}");
        let said = |one: &Finding| matches!(one, Finding::LoadDependentRate { measured, .. } if *measured >= 8);
        assert!(fitted.findings.iter().any(said), "{fitted}");
        assert_served(&fitted, "discipline: curve");
    }
}

/// An event loop of 2 ms before four workers of 7 ms: found from calls that seldom wait for the
/// workers, and reported as uncertain.
#[test]
fn an_event_loop_before_a_pool_is_recovered() {
    for (cv, seed) in [(0.7, 1), (0.3, 2)] {
        let known = Known::series(0.002, 4, 0.007, cv);
        let fitted = Fitted::new("service", &[known.tape(RAMP, seed)]).unwrap();
        let errors = known.errors(&fitted, 0.8);
        print(&format!("loop and pool, cv {cv}"), &fitted, errors);
        assert_eq!((fitted.discipline, fitted.workers), (QueueDiscipline::Fifo, Some(4)), "{fitted}");
        let front = fitted.default.front.as_ref().unwrap_or_else(|| panic!("no front\n{fitted}"));
        let mean = front.distribution().mean().unwrap().as_secs_f64();
        assert!((mean / 0.002 - 1.0).abs() < 0.06, "{mean}\n{fitted}");
        assert!(errors.iter().all(|(error, _)| error.abs() < 0.1), "{errors:?}\n{fitted}");
        let unsure = |one: &Finding| matches!(one, Finding::PoolHardlyUsed { workers: 4 });
        assert!(fitted.findings.iter().any(unsure) && fitted.is_doubtful(), "{fitted}");
        assert_served(&fitted, "front: {quantiles: ");
    }
}

/// At 95 % of its capacity the loop alone is busy, and hides the number of workers behind it: no
/// front is claimed.
#[test]
fn a_pool_that_the_loop_hides_is_not_claimed() {
    let known = Known::series(0.002, 4, 0.007, 0.7);
    let fitted = Fitted::new("service", &[known.tape(HIGH, 3)]).unwrap();
    print("loop and pool to 95 %", &fitted, known.errors(&fitted, 0.8));
    assert!(fitted.front().is_none(), "{fitted}");
    let other = |one: &Finding| {
        matches!(one, Finding::TandemQueueHidden | Finding::NoFamilyExplains | Finding::DelayCenter { .. })
    };
    assert!(fitted.findings.iter().any(other), "{fitted}");
}

/// Asserts that the fitted profile is read back without a defect and contains `part`.
fn assert_served(fitted: &Fitted, part: &str) {
    let text = fitted.profile().to_yaml("");
    let file =
        ProfileFile { name: "recorded".to_owned(), file: "profiles/recorded.yaml".into(), text: text.as_str().into() };
    let read = read_all(&[file]);
    assert!(read.defects.is_empty() && text.contains(part), "{:?}\n{text}", read.defects);
    assert_eq!(read.profiles[0].services[0].front_station.is_some(), fitted.front().is_some());
}
