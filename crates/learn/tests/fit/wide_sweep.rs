//! The whole family of pools above shared cores: which structure is found, and how far predictions
//! at 80 to 90 % of the capacity are off.
//!
//! ```sh
//! cargo test -p standin-learn --test fit wide_sweep -- --ignored --nocapture
//! ```

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use standin_learn::fit::Fitted;

use super::layered::{Coverage, Layers};
use super::reference_simulation::{Kind, Station, Truth, poisson};
use super::{predict, quantiles, tape_file};

/// Number of workers that stands for no pool.
const NO_POOL: usize = 1_000;

/// Returns the services with these properties: pools, cores, CPU shares, and means of a log-normal
/// time outside.
fn family(pools: &[usize], cores: &[usize], shares: &[f64], outside: &[f64], cv: f64) -> Vec<Layers> {
    let mut services = Vec::new();
    for pool in pools {
        for count in cores.iter().filter(|count| *count <= pool) {
            for share in shares {
                for outside in outside {
                    // operations differ: the second has less CPU
                    services.push(Layers::new(*pool, *count, [*share, share * 0.7, *share], cv, *outside));
                }
            }
        }
    }
    services
}

/// Fits all services, or each nth with `STANDIN_STRIDE=n`, and prints a table. Returns the share of
/// cells within 20 % or the noise, and how well intervals hold at 120 % of the recorded load and at
/// `load`.
fn measure(services: &[Layers], calls: usize, first_seed: u64, load: f64) -> (f64, [Coverage; 2]) {
    let (next, right, all) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let coverages: [Mutex<Coverage>; 2] = Default::default();
    let stride = std::env::var("STANDIN_STRIDE").map_or(1, |stride| stride.parse().expect("a number"));
    let services: Vec<(usize, &Layers)> = services.iter().enumerate().step_by(stride).collect();
    let work = || {
        while let Some((number, service)) = services.get(next.fetch_add(1, Ordering::Relaxed)) {
            let trace = service.recording(&[0.2, 0.4, 0.6], calls, first_seed + *number as u64);
            let started = Instant::now();
            let loads = [0.72, load];
            let rates = loads.map(|load| load * service.capacity());
            let fitted = Fitted::with_predictions("service", &[trace], &rates).expect("enough calls");
            let seconds = started.elapsed().as_secs_f64();
            let cells = service.cells(&fitted, load);
            let own = cells.iter().filter(|cell| cell.is_right()).count();
            right.fetch_add(own, Ordering::Relaxed);
            all.fetch_add(cells.len(), Ordering::Relaxed);
            let mut line = format!("{:<28} {seconds:>5.1} s {own}/{}", service.name(), cells.len());
            let shares: Vec<_> = fitted.operations.iter().filter_map(|operation| operation.cpu).collect();
            let _ = write!(
                line,
                "  {:?} {:?} on {:?} {shares:.2?} outside {:.1?} effect {:.3} ",
                fitted.discipline,
                fitted.workers,
                fitted.cores,
                fitted.operations[0].outside.as_ref().map_or(fitted.outside, |_| std::time::Duration::MAX),
                fitted.effect
            );
            for cell in &cells {
                let _ = write!(line, " {:+.0}({:.0})", cell.error * 100.0, cell.noise * 100.0);
            }
            let doubt = if fitted.is_unexplained() { " unexplained" } else { "" };
            let known = fitted.known_up_to.map(|known| format!(" known up to {:.2}", known / service.capacity()));
            eprintln!("{line}{doubt}{}", known.unwrap_or_default());
            for (sum, load) in coverages.iter().zip(loads) {
                let coverage = service.coverage(&fitted, load);
                eprintln!(
                    "    at {load}: {} right, {} inside, width {:.2}, {} hidden",
                    coverage.right,
                    coverage.inside,
                    coverage.widths.iter().sum::<f64>() / coverage.cells as f64,
                    coverage.hidden
                );
                sum.lock().expect("no panic").add(coverage);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let (right, all) = (right.into_inner(), all.into_inner());
    eprintln!("{right} of {all} cells");
    let coverages = coverages.map(|coverage| coverage.into_inner().expect("no panic"));
    for coverage in &coverages {
        let mut coverage = coverage.clone();
        coverage.widths.sort_by(f64::total_cmp);
        let width = coverage.widths[coverage.widths.len() / 2];
        let Coverage { cells, inside, right, hidden, announced, .. } = coverage;
        eprintln!(
            "{inside} of {cells} inside, {right} right, {hidden} hidden, {announced} announced, width {width:.2}"
        );
    }
    (right as f64 / all as f64, coverages)
}

#[test]
#[ignore = "measures for minutes"]
fn wide_sweep() {
    let services = family(&[3, 4, 6, 8, NO_POOL], &[1, 2], &[0.3, 0.6, 0.9], &[0.0, 0.001], 0.6);
    let (share, coverages) = measure(&services, 10_000, 40, 0.85);
    // the aim is 0.85
    assert!(share >= 0.75 && coverages.iter().all(|coverage| coverage.hidden == 0), "{share} {coverages:?}");
}

/// Services that are neither of the sweep nor kept back, on which the set of accepted models was
/// calibrated.
#[test]
#[ignore = "measures for minutes"]
fn intervals_hold_what_services_do() {
    let services = family(&[3, 5, 10, NO_POOL], &[1, 2], &[0.2, 0.5, 0.8], &[0.0, 0.0015], 0.7);
    let (_, coverages) = measure(&services, 10_000, 5_000, 0.85);
    assert!(coverages.iter().all(|coverage| coverage.hidden == 0), "{coverages:?}");
}

/// The calibration on three services: intervals hold the truth, and what is far off is announced.
#[test]
fn intervals_of_a_few_services_hold_what_they_do() {
    let services = [
        Layers::new(5, 1, [0.5, 0.35, 0.5], 0.7, 0.0),
        Layers::new(3, 2, [0.2, 0.14, 0.2], 0.7, 0.0015),
        Layers::new(NO_POOL, 1, [0.8, 0.56, 0.8], 0.7, 0.0),
    ];
    let (_, coverages) = measure(&services, 6_000, 7_000, 0.85);
    for Coverage { cells, inside, hidden, .. } in coverages {
        assert!(inside * 10 >= cells * 7 && hidden == 0, "{inside} of {cells}, {hidden} hidden");
    }
}

/// Other seeds, shares, pools and variation, which nothing was adjusted to.
#[test]
#[ignore = "measures for minutes"]
fn wide_sweep_of_services_kept_back() {
    let services = family(&[2, 5, 7, NO_POOL], &[1, 2], &[0.45, 0.75], &[0.0, 0.002], 0.9);
    let (share, _) = measure(&services, 10_000, 9_000, 0.85);
    // the aim is 0.85
    assert!(share >= 0.55, "{share}");
}

/// Fits each tape of a folder (`STANDIN_TAPES/NAME/tape.jsonl`), and predicts the quantiles of all
/// calls at the rates, in calls a second, that `STANDIN_TAPES/NAME/rates` lists.
///
/// ```sh
/// STANDIN_TAPES=tapes cargo test -p standin-learn --test fit tapes_of_a_folder -- --ignored --nocapture
/// ```
#[test]
#[ignore = "needs tapes"]
fn tapes_of_a_folder() {
    let folder = std::env::var("STANDIN_TAPES").expect("STANDIN_TAPES names a folder");
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names {
        let trace = tape_file::read(&path.join("tape.jsonl"));
        let started = Instant::now();
        let calls = trace.calls.len();
        let mut shares = vec![0.0; trace.operations.len()];
        for call in &trace.calls {
            shares[call.operation as usize] += 1.0 / calls as f64;
        }
        let names: Vec<String> = trace.operations.clone();
        eprintln!("== {}: {calls} calls", path.display());
        let fitted = match Fitted::new("service", &[trace]) {
            Ok(fitted) => fitted,
            Err(error) => {
                eprintln!("{error}");
                continue;
            }
        };
        eprintln!("{:.1} s\n{fitted}", started.elapsed().as_secs_f64());
        let kinds =
            names.iter().zip(&shares).filter(|(name, _)| fitted.operations.iter().any(|one| one.name == **name));
        let kinds: Vec<Kind> = kinds
            .map(|(name, share)| Kind { name: String::leak(name.clone()), share: *share, mean: 0.01, cv: 0.0 })
            .collect();
        let truth = Truth { station: Station::Unlimited, kinds, outside: 0.0, jitter: 0.0 };
        let rates = std::fs::read_to_string(path.join("rates")).unwrap_or_default();
        for rate in rates.split_whitespace().filter_map(|rate| rate.parse::<f64>().ok()) {
            let runs = (0..5).map(|seed| {
                let mut rng = StdRng::seed_from_u64(seed);
                let arrivals = poisson(&[rate], (rate * 20.0) as usize, seed);
                let (kinds, _) = truth.demands(arrivals.len(), &mut rng);
                quantiles(predict(&fitted, &truth, &arrivals, &kinds, &mut rng))
            });
            let runs: Vec<[f64; 4]> = runs.collect();
            let mean = |place: usize| runs.iter().map(|run| run[place] * 1e3).sum::<f64>() / runs.len() as f64;
            eprintln!("  at {rate}/s: p50 {:.1} p95 {:.1} p99 {:.1} ms", mean(0), mean(2), mean(3));
        }
    }
}
