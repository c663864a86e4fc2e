//! Demands beyond the slowest call of a tape: reported and served where the true tail continues,
//! and not invented where it ends.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use standin_learn::fit::{FitPage, Fitted, Trace};
use standin_model::profile::{ProfileFile, read_all};

use super::reference_simulation::{Kind, Station, Truth, ramp};
use super::{CALLS, unexplained};

const TOLD: &str = "the slowest calls are extrapolated: up to ";

/// Records two workers up to 95 % of their capacity; returns the tape with the demands of its
/// calls.
fn tape(cv: f64, jitter: f64, seed: u64) -> (Trace, Vec<f64>) {
    let kinds = vec![Kind { name: "GET /a", share: 1.0, mean: 0.010, cv }];
    let truth = Truth { station: Station::Fifo(2), kinds, outside: 0.0, jitter };
    let arrivals = ramp(truth.capacity(2), CALLS, seed);
    let mut rng = StdRng::seed_from_u64(seed + 100);
    let (kinds, demands) = truth.demands(arrivals.len(), &mut rng);
    let latencies = truth.latencies(&arrivals, &demands);
    (truth.record(&arrivals, &kinds, &latencies, &mut rng), demands)
}

/// If the slowest call is slower than in nine of ten tapes, it stays the slowest.
#[test]
fn a_tail_beyond_the_tape_is_told_and_served() {
    let mut beyond = Vec::new();
    for seed in 1..=4 {
        let (trace, demands) = tape(1.0, 50e-6, seed);
        let fitted = Fitted::new("service", &[trace]).unwrap();
        let operation = &fitted.operations[0];
        let Some(tail) = operation.tail else {
            assert!(unexplained(&fitted), "no tail\n{fitted}");
            continue;
        };
        let (seen, last) = (tail.seen.as_secs_f64(), operation.demand.quantile(1.0).as_secs_f64());
        let slowest = demands.iter().copied().fold(0.0, f64::max);
        eprintln!("slowest {slowest}, seen {seen}, {tail}");
        assert!(seen < slowest + 0.001, "{seen} is none of the service: {slowest}");
        assert!((last / seen - tail.factor).abs() < 0.001 && (seen..=2.001 * seen).contains(&last), "{tail:?} {last}");
        // the mean decides the capacity
        let mean = operation.demand.distribution().mean().unwrap().as_secs_f64();
        let truth = demands.iter().sum::<f64>() / demands.len() as f64;
        assert!((mean / truth - 1.0).abs() < 0.004, "{mean}, not {truth}");
        if tail.factor > 1.05 {
            beyond.push(fitted);
        }
    }
    assert!(beyond.len() >= 2, "only {} of 4", beyond.len());
    assert_told(&beyond[0]);
}

fn assert_told(fitted: &Fitted) {
    let last = fitted.operations[0].demand.quantile(1.0).as_secs_f64();
    let (text, page) = (fitted.to_string(), FitPage(fitted).to_string());
    let json = serde_json::to_value(fitted).expect("plain");
    let profile = fitted.profile().to_yaml(&text);
    assert!(text.contains(TOLD) && page.contains(TOLD), "{text}");
    assert!(json["operations"][0]["tail"]["factor"].as_f64() > Some(1.05), "{json}");
    assert!(profile.lines().any(|line| line.starts_with('#') && line.contains(TOLD)), "{profile}");
    let file = ProfileFile {
        name: "recorded".to_owned(),
        file: "profiles/recorded.yaml".into(),
        text: profile.as_str().into(),
    };
    let read = read_all(&[file]);
    assert!(read.defects.is_empty(), "{:?}", read.defects);
    let served = fitted.profile().services[0].operations[0].timing.demand.build().expect("a table");
    assert!((served.quantile(1.0).as_secs_f64() / last - 1.0).abs() < 0.001, "{profile}");
}

#[test]
fn a_tape_of_a_part_of_the_traffic_says_nothing_beyond_itself() {
    let fitted = Fitted::new("service", &[Trace { exclusive: false, ..tape(1.0, 50e-6, 1).0 }]).unwrap();
    assert!(fitted.operations[0].tail.is_none() && !fitted.to_string().contains(TOLD), "{fitted}");
}

#[test]
fn demands_that_are_all_alike_have_no_tail_however_noisy_the_clock() {
    let fitted = Fitted::new("service", &[tape(0.0, 200e-6, 1).0]).unwrap();
    assert!(fitted.operations[0].tail.is_none(), "{fitted}");
}
